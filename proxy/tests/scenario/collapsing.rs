//! One fetch for many viewers of one object, and when each gets a fetch of its own.

use crate::harness::{Answer, Edge, Origin, Pieces, Reply, Running, get_of, one_origin};
use bytes::Bytes;
use hyper::body::Frame;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, Semaphore};

/// Sends this many requests for `/x` at the same time, each on a connection of its own.
async fn at_once(edge: &Running, viewers: usize) -> Vec<tokio::task::JoinHandle<Answer>> {
    let mut asking = Vec::new();
    for _ in 0..viewers {
        let mut connection = edge.connect().await;
        asking.push(tokio::spawn(async move { connection.send(&get_of("/x", &[])).await }));
    }
    asking
}

async fn results(asking: Vec<tokio::task::JoinHandle<Answer>>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for answer in asking {
        let answer = answer.await.unwrap();
        assert_eq!((answer.status, answer.text()), (200, "hello"));
        *counts.entry(answer.x_cache().to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn a_hundred_concurrent_misses_are_one_origin_request_one_miss_and_99_hits() {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (asked_there, answer_there) = (asked.clone(), answer.clone());
    let edge = Edge::with(one_origin(""))
        .slow_origin("app", move |_| {
            let (asked, answer) = (asked_there.clone(), answer_there.clone());
            async move {
                asked.notify_one();
                answer.acquire().await.unwrap().forget();
                Reply::ok("hello")
            }
        })
        .start()
        .await;
    let asking = at_once(&edge, 100).await;
    asked.notified().await;
    // However many of the others are waiting by now: one permit answers one fetch, and a second one would hang.
    answer.add_permits(1);
    assert_eq!(results(asking).await, BTreeMap::from([("Hit".to_owned(), 99), ("Miss".to_owned(), 1)]));
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

/// Every one of ten viewers must be at the origin before any is answered.
async fn not_collapsed(behavior: &str, viewers: usize) {
    let barrier = Arc::new(tokio::sync::Barrier::new(viewers));
    let edge = Edge::with(one_origin(behavior))
        .slow_origin("app", move |_| {
            let barrier = barrier.clone();
            async move {
                barrier.wait().await;
                Reply::ok("hello").with("cache-control", "max-age=100")
            }
        })
        .start()
        .await;
    let asking = at_once(&edge, viewers).await;
    assert_eq!(results(asking).await, BTreeMap::from([("Miss".to_owned(), viewers)]), "{behavior}");
    edge.stop().await;
}

#[tokio::test]
async fn requests_are_not_collapsed_when_caching_is_disabled() {
    not_collapsed("cache_policy = \"CachingDisabled\"", 10).await;
}

#[tokio::test]
async fn requests_are_not_collapsed_when_cookies_are_forwarded() {
    let policy = "cache_policy = \"cookies\"\n[[cache_policy]]\nname = \"cookies\"\nmin_ttl_s = 0\ndefault_ttl_s = 60\n\
                  max_ttl_s = 60\ncookies = [\"sid\"]\n";
    not_collapsed(policy, 10).await;
    let extra =
        "origin_request_policy = \"cookies\"\n[[origin_request_policy]]\nname = \"cookies\"\ncookies = \"all\"\n";
    not_collapsed(extra, 10).await;
}

#[tokio::test]
async fn waiting_requests_are_released_when_the_answer_may_not_be_shared() {
    let edge = Edge::before("cache_policy = \"UseOriginCacheControlHeaders\"", |_| {
        Reply::ok("hello").with("cache-control", "private")
    })
    .start()
    .await;
    let asking = at_once(&edge, 10).await;
    assert_eq!(results(asking).await, BTreeMap::from([("Miss".to_owned(), 10)]));
    assert_eq!(edge.asked_times("app"), 10);
    edge.stop().await;
}

/// An edge whose origin streams; the other end of its one body comes when it is asked.
async fn streaming() -> (Running, Arc<Mutex<Option<Pieces>>>, Arc<Notify>) {
    streaming_to("", &[], |edge| edge).await
}

/// The same with these lines in its behavior, these headers, and what else there is in the node.
async fn streaming_to(
    behavior: &str,
    headers: &'static [(&str, &str)],
    with: impl FnOnce(Edge) -> Edge,
) -> (Running, Arc<Mutex<Option<Pieces>>>, Arc<Notify>) {
    let (pieces, asked) = (Arc::new(Mutex::new(None)), Arc::new(Notify::new()));
    let (pieces_there, asked_there) = (pieces.clone(), asked.clone());
    let edge = with(Edge::before(behavior, move |_| {
        let (reply, sender) = Reply::streamed();
        let reply = headers.iter().fold(reply, |reply, (name, value)| reply.with(name, value));
        *pieces_there.lock() = Some(sender);
        asked_there.notify_one();
        reply
    }))
    .start()
    .await;
    (edge, pieces, asked)
}

#[tokio::test]
async fn readers_get_the_first_bytes_of_an_object_before_its_fill_ends() {
    let (edge, pieces, asked) = streaming().await;
    let mut first = edge.connect().await;
    first.write(get_of("/x", &[]).as_bytes()).await;
    asked.notified().await;
    let mut pieces = pieces.lock().take().unwrap();
    pieces.send(Frame::data(Bytes::from_static(b"begin "))).await.unwrap();
    assert_eq!(first.head().await.x_cache(), "Miss");
    assert_eq!(first.piece().await, b"begin ");
    let mut second = edge.connect().await;
    second.write(get_of("/x", &[]).as_bytes()).await;
    assert_eq!(second.head().await.x_cache(), "Hit", "of an object that is still coming");
    assert_eq!(second.piece().await, b"begin ");
    pieces.send(Frame::data(Bytes::from_static(b"end"))).await.unwrap();
    drop(pieces);
    for reader in [&mut first, &mut second] {
        assert_eq!(reader.piece().await, b"end");
        assert_eq!(reader.piece().await, b"", "the last chunk");
    }
    let third = edge.get("/x").await;
    assert_eq!((third.x_cache(), third.text()), ("Hit", "begin end"));
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn a_viewer_that_has_an_object_that_is_still_coming_is_told_so_without_waiting_for_its_end() {
    let code = "function handler(event) { event.response.headers['x-ran'] = { value: '1' }; return event.response; }";
    let headers = &[("ETag", "\"1\""), ("Cache-Control", "max-age=60")];
    let with = |edge: Edge| edge.function_with("f", code, "budget_ms = 5000");
    let (edge, pieces, asked) = streaming_to("viewer_response = { function = \"f\" }", headers, with).await;
    let mut first = edge.connect().await;
    first.write(get_of("/x", &[]).as_bytes()).await;
    asked.notified().await;
    let mut pieces = pieces.lock().take().unwrap();
    pieces.send(Frame::data(Bytes::from_static(b"begin "))).await.unwrap();
    assert_eq!(first.head().await.x_cache(), "Miss");
    let mut second = edge.connect().await;
    for _ in 0..2 {
        let answer = second.send(&get_of("/x", &[("If-None-Match", "\"1\"")])).await;
        assert_eq!((answer.status, answer.header("x-ran"), answer.text()), (304, Some("1"), ""));
    }
    drop(pieces);
    edge.stop().await;
}

/// An origin that sends four bytes of a hundred, waits for `go`, and hangs up.
fn breaks_off(go: Arc<Semaphore>) -> Origin {
    Origin::raw(move |mut tcp| {
        let go = go.clone();
        async move {
            let mut head = [0; 4096];
            assert!(tcp.read(&mut head).await.unwrap() > 0);
            tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await.unwrap();
            go.acquire().await.unwrap().forget();
        }
    })
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_stored_and_every_reader_sees_it_break() {
    let go = Arc::new(Semaphore::new(0));
    let edge = Edge::with(one_origin("")).served("app", breaks_off(go.clone())).start().await;
    for _ in 0..2 {
        let mut readers = [edge.connect().await, edge.connect().await];
        for (reader, result) in readers.iter_mut().zip(["Miss", "Hit"]) {
            reader.write(get_of("/x", &[]).as_bytes()).await;
            let head = reader.head().await;
            assert_eq!((head.status, head.x_cache()), (200, result), "what broke off is not in the cache");
            assert_eq!(reader.exactly(4).await, b"half");
        }
        go.add_permits(1);
        for reader in &mut readers {
            assert_eq!(reader.closed().await, b"");
        }
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_at_once_harms_only_its_own_request() {
    let edge = Edge::with(one_origin("")).served("app", breaks_off(Arc::new(Semaphore::new(100)))).start().await;
    for _ in 0..10 {
        let mut connection = edge.connect().await;
        connection.write(get_of("/x", &[]).as_bytes()).await;
        let head = connection.head().await;
        assert!(matches!((head.status, head.x_cache()), (200, "Miss") | (502, "Error")), "{head:?}");
    }
    edge.stop().await;
}
