//! Which errors of an origin are kept, and for how long; and when an old object is better than an error.

use crate::harness::{Edge, Reply, Running};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How often the origin is asked when a viewer asks three times within ten seconds.
async fn asked_of_three(behavior: &str, status: u16, headers: &'static [(&'static str, &'static str)]) -> usize {
    let reply =
        move |_| headers.iter().fold(Reply::status(status, "no"), |reply, (name, value)| reply.with(name, value));
    let edge = Edge::before(behavior, reply).start().await;
    for _ in 0..3 {
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.x_cache(), answer.text()), (status, "Error", "no"));
    }
    let asked = edge.asked_times("app");
    edge.stop().await;
    asked
}

#[tokio::test]
async fn errors_are_kept_as_the_developer_guide_lists_them() {
    const ZERO_MINIMUM: &str = "cache_policy = \"UseOriginCacheControlHeaders\"";
    for status in [404, 414, 500, 501, 502, 503, 504] {
        assert_eq!(asked_of_three(ZERO_MINIMUM, status, &[]).await, 1, "{status} is always kept");
    }
    for status in [400, 403, 405, 412, 415] {
        assert_eq!(asked_of_three(ZERO_MINIMUM, status, &[]).await, 3, "{status} is kept only when told so");
    }
    assert_eq!(asked_of_three(ZERO_MINIMUM, 403, &[("cache-control", "max-age=60")]).await, 1);
    assert_eq!(asked_of_three(ZERO_MINIMUM, 404, &[("cache-control", "no-store")]).await, 3);
    assert_eq!(asked_of_three(ZERO_MINIMUM, 503, &[("cache-control", "no-store")]).await, 1);
    assert_eq!(asked_of_three("cache_policy = \"CachingDisabled\"", 404, &[]).await, 3, "disabled is disabled");
}

/// An origin that answers once with `hello`, fresh for ten seconds (and what `extra` adds), and from then on with `status`.
async fn good_then(status: u16, extra: &'static str) -> Running {
    let times = AtomicUsize::new(0);
    let edge = Edge::before("", move |_| match times.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::ok("hello").with("cache-control", &format!("max-age=10{extra}")),
        _ => Reply::status(status, "bad"),
    })
    .start()
    .await;
    assert_eq!(edge.get("/x").await.text(), "hello");
    edge.clock.advance(Duration::from_secs(11));
    edge
}

#[tokio::test]
async fn a_4xx_replaces_an_expired_object() {
    let edge = good_then(404, "").await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache(), answer.text()), (404, "Error", "bad"));
    edge.stop().await;
}

#[tokio::test]
async fn a_5xx_is_shown_when_the_object_forbids_to_be_served_stale() {
    let edge = good_then(503, ", stale-if-error=0").await;
    assert_eq!(edge.get("/x").await.status, 503);
    edge.stop().await;
}

#[tokio::test]
async fn an_expired_object_serves_when_the_origin_hangs_up() {
    let times = std::sync::Arc::new(AtomicUsize::new(0));
    let toml = crate::harness::one_origin("").replace("protocol_policy", "connection_attempts = 1\nprotocol_policy");
    let origin = crate::harness::Origin::raw(move |mut tcp| {
        let first = times.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut head = [0; 4096];
            assert!(tcp.read(&mut head).await.unwrap() > 0);
            if first {
                let answer = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=10\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
                tcp.write_all(answer).await.unwrap();
            }
        }
    });
    let edge = Edge::with(toml).served("app", origin).start().await;
    assert_eq!(edge.get("/x").await.text(), "hello");
    edge.clock.advance(Duration::from_secs(11));
    let stale = edge.get("/x").await;
    assert_eq!((stale.status, stale.text()), (200, "hello"));
    let other = edge.get("/never-seen").await;
    assert_eq!((other.status, other.x_cache()), (502, "Error"));
    edge.stop().await;
}
