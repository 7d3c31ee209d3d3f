//! How long an object is fresh: what the origin says, between the policy's minimum and maximum.

use crate::harness::{Edge, Reply, Running};
use std::time::Duration;

/// One distribution with these TTLs, whose origin says these headers.
async fn with_ttls(min: u32, default: u32, max: u32, headers: &'static [(&'static str, &'static str)]) -> Running {
    let behavior = format!(
        "cache_policy = \"ttls\"\n[[cache_policy]]\nname = \"ttls\"\nmin_ttl_s = {min}\ndefault_ttl_s = {default}\n\
         max_ttl_s = {max}\n"
    );
    let reply = move |_| headers.iter().fold(Reply::ok("hello"), |reply, (name, value)| reply.with(name, value));
    Edge::before(&behavior, reply).start().await
}

/// Asks once, then finds the object fresh just before and expired just after `ttl_s` seconds.
async fn lives(edge: Running, ttl_s: u64, what: &str) {
    assert_eq!(edge.get("/x").await.x_cache(), "Miss", "{what}");
    edge.clock.advance(Duration::from_secs(ttl_s - 1));
    assert_eq!(edge.get("/x").await.x_cache(), "Hit", "{what}: fresh for {ttl_s} s");
    edge.clock.advance(Duration::from_secs(2));
    assert_eq!(edge.get("/x").await.x_cache(), "Miss", "{what}: expired after {ttl_s} s");
    edge.stop().await;
}

#[tokio::test]
async fn a_lifetime_is_held_between_minimum_and_maximum() {
    lives(with_ttls(0, 5, 10, &[("cache-control", "max-age=60")]).await, 10, "max-age over the maximum").await;
    lives(with_ttls(30, 30, 60, &[("cache-control", "max-age=1")]).await, 30, "max-age below the minimum").await;
    lives(with_ttls(0, 5, 500, &[("cache-control", "max-age=100")]).await, 100, "max-age between").await;
    lives(with_ttls(0, 5, 500, &[]).await, 5, "nothing said").await;
    lives(with_ttls(20, 20, 500, &[]).await, 20, "nothing said, and a minimum").await;
}

#[tokio::test]
async fn s_maxage_goes_before_max_age_and_max_age_before_expires() {
    lives(with_ttls(0, 9, 500, &[("cache-control", "s-maxage=5, max-age=100")]).await, 5, "s-maxage").await;
    let both = &[("cache-control", "max-age=50"), ("expires", "Thu, 01 Jan 1970 00:00:00 GMT")];
    lives(with_ttls(0, 9, 500, both).await, 50, "max-age").await;
}

#[tokio::test]
async fn what_expired_long_ago_is_fetched_each_time_when_the_minimum_is_zero() {
    let edge = with_ttls(0, 60, 500, &[("expires", "Thu, 01 Jan 1970 00:00:00 GMT")]).await;
    for _ in 0..2 {
        assert_eq!(edge.get("/x").await.x_cache(), "Miss");
    }
    edge.stop().await;
}

#[tokio::test]
async fn no_store_is_kept_for_the_minimum_ttl_when_there_is_one() {
    for directive in ["no-store", "no-cache", "private"] {
        let edge = Edge::before("", move |_| Reply::ok("hello").with("cache-control", directive)).start().await;
        // CachingOptimized has a minimum of one second.
        assert_eq!(edge.get("/x").await.x_cache(), "Miss", "{directive}");
        assert_eq!(edge.get("/x").await.x_cache(), "Hit", "{directive}");
        edge.clock.advance(Duration::from_secs(2));
        assert_eq!(edge.get("/x").await.x_cache(), "Miss", "{directive}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn caching_optimized_keeps_for_a_day_what_says_nothing() {
    let edge =
        Edge::before("cache_policy = \"658327ea-f89d-4fab-a63d-7e88639e58f6\"", |_| Reply::ok("x")).start().await;
    lives(edge, 86_400, "the managed policy, by its id").await;
}

#[tokio::test]
async fn caching_disabled_keeps_nothing_whatever_the_origin_says() {
    let reply = |_| Reply::ok("hello").with("cache-control", "max-age=1000");
    let edge = Edge::before("cache_policy = \"CachingDisabled\"", reply).start().await;
    for _ in 0..2 {
        assert_eq!(edge.get("/x").await.x_cache(), "Miss");
    }
    assert_eq!(edge.asked_times("app"), 2);
    edge.stop().await;
}

#[tokio::test]
async fn redirects_are_stored_and_never_followed() {
    let edge = Edge::before("", |asked| {
        let status = if asked.target == "/301" { 301 } else { 307 };
        let reply = Reply::status(status, "").with("location", "/elsewhere");
        if asked.target == "/lasting" { reply.with("cache-control", "max-age=60") } else { reply }
    })
    .start()
    .await;
    for (path, status, second) in [("/301", 301, "Hit"), ("/307", 307, "Miss"), ("/lasting", 307, "Hit")] {
        let first = edge.get(path).await;
        assert_eq!((first.status, first.x_cache(), first.header("location")), (status, "Miss", Some("/elsewhere")));
        assert_eq!(edge.get(path).await.x_cache(), second, "{path}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_viewers_own_condition_gets_a_304_from_the_cache() {
    let edge = Edge::before("", |_| {
        Reply::ok("hello").with("etag", "\"v1\"").with("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")
    })
    .start()
    .await;
    edge.get("/x").await;
    for (name, value) in [("If-None-Match", "\"v1\""), ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")] {
        let answer = edge.get_with("/x", &[(name, value)]).await;
        assert_eq!((answer.status, answer.x_cache(), answer.header("etag")), (304, "Hit", Some("\"v1\"")), "{name}");
    }
    assert_eq!(edge.get_with("/x", &[("If-None-Match", "\"other\"")]).await.status, 200);
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn an_expired_object_is_asked_for_without_conditions_when_cookies_are_forwarded() {
    let behavior = r#"cache_policy = "with-cookies"
        [[cache_policy]]
        name = "with-cookies"
        min_ttl_s = 0
        default_ttl_s = 5
        max_ttl_s = 60
        cookies = ["sid"]
    "#;
    let edge = Edge::before(behavior, |_| Reply::ok("hello").with("etag", "\"v1\"")).start().await;
    edge.get("/x").await;
    edge.clock.advance(Duration::from_secs(6));
    assert_eq!(edge.get("/x").await.x_cache(), "Miss");
    assert_eq!(edge.asked("app")[1].header("if-none-match"), None);
    edge.stop().await;
}
