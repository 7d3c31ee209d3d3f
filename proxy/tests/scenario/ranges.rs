//! Parts of objects: from the cache, from the origin, during a fill; and ranges that are answered with the whole.

use crate::harness::{Answer, Edge, Reply, Running, get_of};
use bytes::Bytes;
use hyper::body::Frame;
use parking_lot::Mutex;
use std::sync::Arc;

/// An object of a thousand bytes, `0123456789` again and again, that is in the cache.
async fn cached() -> Running {
    let edge = Edge::before("", |_| Reply::ok("0123456789".repeat(100)).with("etag", "\"v1\"")).start().await;
    edge.get("/x").await;
    edge
}

async fn part(edge: &Running, range: &str) -> Answer {
    edge.get_with("/x", &[("Range", range)]).await
}

#[tokio::test]
async fn a_range_of_a_cached_object_is_a_206_hit() {
    let edge = cached().await;
    let cases = [
        ("bytes=0-99", 100, "bytes 0-99/1000"),
        ("bytes=990-", 10, "bytes 990-999/1000"),
        ("bytes=-5", 5, "bytes 995-999/1000"),
        ("bytes=-5000", 1_000, "bytes 0-999/1000"),
        ("bytes=995-2000", 5, "bytes 995-999/1000"),
        ("bytes=7-7", 1, "bytes 7-7/1000"),
    ];
    for (range, bytes, content_range) in cases {
        let answer = part(&edge, range).await;
        assert_eq!((answer.status, answer.x_cache(), answer.body.len()), (206, "Hit", bytes), "{range}");
        assert_eq!(answer.header("content-range"), Some(content_range), "{range}");
        assert!(answer.headers.iter().any(|(name, _)| name == "Content-Range"), "{answer:?}");
        assert_eq!(answer.header("content-length"), Some(bytes.to_string().as_str()), "{range}");
    }
    assert_eq!(part(&edge, "bytes=7-8").await.text(), "78");
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn ranges_that_are_not_ascending_and_apart_get_the_whole_object() {
    let edge = cached().await;
    for range in ["bytes=300-400,100-200", "bytes=100-200,150-250", "bytes=5-1", "chars=0-9", "bytes=x-y", "bytes="] {
        let answer = part(&edge, range).await;
        assert_eq!((answer.status, answer.body.len()), (200, 1_000), "{range}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn several_good_ranges_are_one_multipart_answer() {
    let edge = cached().await;
    let answer = part(&edge, "bytes=0-1,10-12").await;
    assert_eq!(answer.status, 206);
    let content_type = answer.header("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect(content_type).to_owned();
    let text = answer.text();
    assert_eq!(text.matches(&format!("--{boundary}")).count(), 3, "{text}");
    for line in ["Content-Range: bytes 0-1/1000", "Content-Range: bytes 10-12/1000"] {
        assert!(text.to_ascii_lowercase().contains(&line.to_ascii_lowercase()), "{line} in {text}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_range_beyond_the_end_is_a_416() {
    let edge = cached().await;
    for range in ["bytes=1000-", "bytes=5000-6000", "bytes=-0"] {
        let answer = part(&edge, range).await;
        assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */1000")), "{range}");
        assert!(answer.headers.iter().any(|(name, _)| name == "Content-Range"), "{answer:?}");
        assert_eq!(answer.body, b"", "{range}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn an_empty_object_has_no_part() {
    let edge = Edge::before("", |_| Reply::ok("")).start().await;
    edge.get("/x").await;
    for range in ["bytes=-5", "bytes=0-", "bytes=0-0", "bytes=-0"] {
        let answer = part(&edge, range).await;
        assert!(matches!(answer.status, 200 | 416), "{range}: {answer:?}");
        assert_eq!((answer.body.len(), answer.header("content-length")), (0, Some("0")), "{range}");
        assert!(!answer.header("content-range").unwrap_or_default().contains("18446744073709551615"), "{range}");
    }
    assert_eq!(edge.get("/x").await.x_cache(), "Hit");
    edge.stop().await;
}

#[tokio::test]
async fn if_range_gives_the_part_of_the_same_version_and_else_the_whole() {
    let edge = cached().await;
    let same = edge.get_with("/x", &[("Range", "bytes=0-9"), ("If-Range", "\"v1\"")]).await;
    assert_eq!((same.status, same.body.len()), (206, 10));
    let other = edge.get_with("/x", &[("Range", "bytes=0-9"), ("If-Range", "\"v2\"")]).await;
    assert_eq!((other.status, other.body.len()), (200, 1_000));
    edge.stop().await;
}

#[tokio::test]
async fn a_range_of_an_object_that_is_not_cached_gets_the_whole_first_where_the_origin_has_no_ranges() {
    for (told, status, body) in
        [(Some("bytes"), 206, "234"), (None, 200, "0123456789"), (Some("none"), 200, "0123456789")]
    {
        let edge = Edge::before("", move |_| match told {
            Some(told) => Reply::ok("0123456789").with("accept-ranges", told),
            None => Reply::ok("0123456789"),
        });
        let edge = edge.start().await;
        let first = part(&edge, "bytes=2-4").await;
        assert_eq!((first.status, first.x_cache(), first.text()), (status, "Miss", body), "{told:?}");
        assert_eq!(edge.asked("app")[0].header("range"), None, "the whole object is asked for");
        let second = part(&edge, "bytes=2-4").await;
        assert_eq!((second.status, second.x_cache(), second.text()), (206, "Hit", "234"), "{told:?}");
        assert_eq!(edge.asked_times("app"), 1);
        edge.stop().await;
    }
}

#[tokio::test]
async fn the_range_is_the_origins_business_when_caching_is_disabled() {
    let edge = Edge::before("cache_policy = \"CachingDisabled\"", |asked| {
        assert_eq!(asked.header("range"), Some("bytes=2-4"));
        Reply::status(206, "234").with("content-range", "bytes 2-4/10")
    })
    .start()
    .await;
    let answer = part(&edge, "bytes=2-4").await;
    assert_eq!((answer.status, answer.x_cache(), answer.text()), (206, "Miss", "234"));
    assert_eq!(answer.header("content-range"), Some("bytes 2-4/10"));
    edge.stop().await;
}

#[tokio::test]
async fn a_range_that_is_there_already_is_served_while_the_object_is_still_coming() {
    let (pieces, asked) = (Arc::new(Mutex::new(None)), Arc::new(tokio::sync::Notify::new()));
    let (pieces_there, asked_there) = (pieces.clone(), asked.clone());
    let edge = Edge::before("", move |_| {
        let (reply, sender) = Reply::streamed();
        *pieces_there.lock() = Some(sender);
        asked_there.notify_one();
        reply.with("content-length", "20")
    })
    .start()
    .await;
    let mut filling = edge.connect().await;
    filling.write(get_of("/x", &[]).as_bytes()).await;
    asked.notified().await;
    let mut pieces: crate::harness::Pieces = pieces.lock().take().unwrap();
    pieces.send(Frame::data(Bytes::from_static(b"0123456789"))).await.unwrap();
    assert_eq!(filling.head().await.x_cache(), "Miss");
    assert_eq!(filling.exactly(10).await, b"0123456789");
    let early = part(&edge, "bytes=2-4").await;
    assert_eq!((early.status, early.x_cache(), early.text()), (206, "Hit", "234"), "before the fill ends");
    pieces.send(Frame::data(Bytes::from_static(b"abcdefghij"))).await.unwrap();
    drop(pieces);
    assert_eq!(filling.exactly(10).await, b"abcdefghij");
    assert_eq!(part(&edge, "bytes=12-13").await.text(), "cd");
    edge.stop().await;
}
