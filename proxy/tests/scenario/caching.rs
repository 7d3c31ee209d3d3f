//! Hit, Miss, RefreshHit: when the origin is asked, and what it is asked.

use crate::harness::{Edge, Http2, PATIENCE, Reply};
use std::time::Duration;

#[tokio::test]
async fn the_second_request_is_a_hit_with_age_and_one_origin_request() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    let first = edge.get("/x").await;
    assert_eq!((first.status, first.x_cache(), first.text()), (200, "Miss", "hello"));
    assert_eq!(first.header("age"), None, "a miss has no Age");
    edge.clock.advance(Duration::from_secs(7));
    let second = edge.get("/x").await;
    assert_eq!((second.status, second.x_cache(), second.text()), (200, "Hit", "hello"));
    assert_eq!(second.header("age"), Some("7"));
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn a_miss_has_the_age_that_the_origin_tells_and_hits_add_to_it() {
    let edge = Edge::before("", |asked| {
        let is_conditional = asked.header("if-none-match").is_some();
        let reply = if is_conditional { Reply::status(304, "") } else { Reply::ok("hello").with("age", "5") };
        reply.with("cache-control", "max-age=60").with("etag", "\"v1\"")
    });
    let edge = edge.start().await;
    assert_eq!(edge.get("/x").await.header("age"), Some("5"));
    edge.clock.advance(Duration::from_secs(7));
    assert_eq!(edge.get("/x").await.header("age"), Some("12"));
    edge.clock.advance(Duration::from_secs(50));
    let renewed = edge.get("/x").await;
    assert_eq!((renewed.x_cache(), renewed.header("age")), ("RefreshHit", None));
    edge.stop().await;
}

#[tokio::test]
async fn an_expired_object_is_revalidated_and_the_viewer_sees_a_refresh_hit() {
    let edge = Edge::before("", |asked| {
        let reply = match asked.header("if-none-match") {
            Some("\"v1\"") => Reply::status(304, "").with("x-renewed", "yes"),
            _ => Reply::ok("hello"),
        };
        reply.with("etag", "\"v1\"").with("cache-control", "max-age=10")
    })
    .start()
    .await;
    assert_eq!(edge.get("/x").await.x_cache(), "Miss");
    edge.clock.advance(Duration::from_secs(11));
    let renewed = edge.get("/x").await;
    assert_eq!((renewed.status, renewed.x_cache(), renewed.text()), (200, "RefreshHit", "hello"));
    assert_eq!(renewed.header("x-renewed"), Some("yes"), "the 304's headers are the object's now");
    assert_eq!(edge.get("/x").await.x_cache(), "Hit", "and it is fresh again");
    assert_eq!(edge.asked_times("app"), 2);
    edge.stop().await;
}

#[tokio::test]
async fn the_policys_default_ttl_holds_when_the_origin_says_nothing() {
    let toml = r#"cache_policy = "short"

        [[cache_policy]]
        name = "short"
        min_ttl_s = 0
        default_ttl_s = 5
        max_ttl_s = 60
    "#;
    let edge = Edge::before(toml, |_| Reply::ok("hello")).start().await;
    edge.get("/x").await;
    edge.clock.advance(Duration::from_secs(4));
    assert_eq!(edge.get("/x").await.x_cache(), "Hit");
    edge.clock.advance(Duration::from_secs(2));
    assert_eq!(edge.get("/x").await.x_cache(), "Miss", "expired, and without a validator it is fetched anew");
    edge.stop().await;
}

#[tokio::test]
async fn head_is_answered_from_the_object_of_a_get() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    edge.get("/x").await;
    let head = edge.send("HEAD /x HTTP/1.1\r\nHost: dtest123456789.cloudfront.net\r\n\r\n").await;
    assert_eq!((head.status, head.x_cache(), head.header("content-length")), (200, "Hit", Some("5")));
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn the_origins_date_reaches_the_viewer_on_miss_and_hit() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let edge = Edge::before("", move |_| Reply::ok("hello").with("date", date)).start().await;
    for _ in 0..2 {
        assert_eq!(edge.get("/x").await.all("date"), [date]);
    }
    edge.stop().await;
}

#[tokio::test]
async fn no_store_is_never_cached_when_the_minimum_ttl_is_zero() {
    let behavior = "cache_policy = \"UseOriginCacheControlHeaders\"";
    let edge = Edge::before(behavior, |_| Reply::ok("hello").with("cache-control", "no-store")).start().await;
    for _ in 0..3 {
        assert_eq!(edge.get("/x").await.x_cache(), "Miss");
    }
    assert_eq!(edge.asked_times("app"), 3);
    edge.stop().await;
}

#[tokio::test]
async fn a_viewer_cannot_bypass_the_cache() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    edge.get("/x").await;
    for (name, value) in [("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("Cache-Control", "max-age=0")] {
        assert_eq!(edge.get_with("/x", &[(name, value)]).await.x_cache(), "Hit", "{name}: {value}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn query_strings_that_the_policy_does_not_take_are_neither_keyed_nor_forwarded() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    edge.get("/x?a=1").await;
    assert_eq!(edge.get("/x?a=2").await.x_cache(), "Hit");
    assert_eq!(edge.asked("app")[0].target, "/x");
    edge.stop().await;
}

#[tokio::test]
async fn a_stale_object_is_served_at_once_while_it_is_fetched_in_the_background() {
    let (started, fetch) = tokio::sync::oneshot::channel();
    let (started, times) = (parking_lot::Mutex::new(Some(started)), std::sync::atomic::AtomicUsize::new(0));
    let edge = Edge::before("", move |asked| {
        let time = times.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if time == 1 {
            assert_eq!(asked.header("x-amz-cf-renews"), None, "what the node tells itself stays inside");
            started.lock().take().unwrap().send(()).unwrap();
        }
        Reply::ok(format!("version {time}")).with("cache-control", "max-age=10, stale-while-revalidate=60")
    })
    .start()
    .await;
    edge.get("/x").await;
    edge.clock.advance(Duration::from_secs(11));
    let stale = edge.get("/x").await;
    assert_eq!((stale.x_cache(), stale.text()), ("Hit", "version 0"));
    fetch.await.unwrap();
    // The background fetch stores when it has the answer; until then viewers go on with the stale object.
    while edge.get("/x").await.text() != "version 1" {
        tokio::task::yield_now().await;
    }
    assert_eq!(edge.asked_times("app"), 2);
    edge.stop().await;
}

#[tokio::test]
async fn a_stale_object_that_a_viewer_over_http_2_asks_for_is_fetched_in_the_background_too() {
    let times = std::sync::atomic::AtomicUsize::new(0);
    let edge = Edge::before("", move |_| {
        let time = times.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Reply::ok(format!("version {time}")).with("cache-control", "max-age=10, stale-while-revalidate=60")
    })
    .start()
    .await;
    let viewer = Http2::open(edge.address).await;
    let get =
        async || viewer.send(http::Request::get("http://dtest123456789.cloudfront.net/x").body(()).unwrap(), &[]).await;
    get().await;
    edge.clock.advance(Duration::from_secs(11));
    assert_eq!(get().await.text(), "version 0");
    let renewed = async {
        while get().await.text() != "version 1" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, renewed).await.expect("the new version");
    assert_eq!(edge.asked_times("app"), 2);
    edge.stop().await;
}

#[tokio::test]
async fn head_over_http_2_has_no_body_where_nothing_is_stored() {
    let edge = Edge::before("cache_policy = \"UseOriginCacheControlHeaders\"", |asked| {
        let status = if asked.target == "/403" { 403 } else { 200 };
        Reply::status(status, "a body that nobody asked for").with("cache-control", "no-store")
    });
    let edge = edge.start().await;
    let viewer = Http2::open(edge.address).await;
    for path in ["/403", "/200", "/403", "/200"] {
        let request = http::Request::head(format!("http://dtest123456789.cloudfront.net{path}")).body(()).unwrap();
        let answer = viewer.send(request, &[]).await;
        assert_eq!((answer.status.to_string().as_str(), answer.text()), (&path[1..], ""));
        assert_eq!(answer.header("content-length"), Some("28"));
    }
    edge.stop().await;
}
