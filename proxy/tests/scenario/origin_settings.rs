//! What `cf.updateRequestOrigin` sets acts on the real request: attempts and timeouts, against an origin configured otherwise.

use crate::harness::{Edge, Origin, PATIENCE, Reply, one_origin};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;

/// A node whose origin would be asked three times, ten seconds each, and whose function sets these.
fn updating(settings: &str) -> Edge {
    let code = format!(
        "import cf from 'cloudfront';\nfunction handler(event) {{ cf.updateRequestOrigin({{ {settings} }}); return event.request; }}"
    );
    let behavior = "viewer_request = { function = \"f\" }\ncache_policy = \"CachingDisabled\"";
    Edge::with(one_origin(behavior)).function_with("f", &code, "budget_ms = 5000")
}

#[tokio::test]
async fn s6_1_connection_attempts_and_the_read_timeout_bound_a_silent_origin() {
    for attempts in [1, 2] {
        let edge = updating(&format!("connectionAttempts: {attempts}, timeouts: {{ readTimeout: 1 }}"));
        let edge = edge.slow_origin("app", |_| std::future::pending::<Reply>()).start().await;
        assert_eq!(edge.get("/x").await.status, 504);
        assert_eq!(edge.asked_times("app"), attempts);
        edge.stop().await;
    }
}

/// A port whose queue of connections is full, so that the next one is neither taken nor refused.
async fn full_port() -> (tokio::net::TcpListener, Vec<tokio::net::TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(taken) =
        tokio::time::timeout(Duration::from_millis(500), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(taken.unwrap());
        assert!(waiting.len() < 100, "the queue has an end");
    }
    (listener, waiting)
}

#[tokio::test]
async fn s6_1_connection_timeout_bounds_an_origin_that_takes_no_connection() {
    let (listener, _waiting) = full_port().await;
    let port = listener.local_addr().unwrap().port();
    let settings = format!(
        "connectionAttempts: 1, timeouts: {{ connectionTimeout: 1 }}, \
         customOriginConfig: {{ port: {port}, protocol: 'http', sslProtocols: ['TLSv1.2'] }}"
    );
    let edge = updating(&settings).origin("app", |_| Reply::ok("not asked")).start().await;
    let began = Instant::now();
    let answer = edge.get("/x").await;
    assert_eq!(answer.status, 504);
    assert!(began.elapsed() < Duration::from_secs(9), "one attempt of one second, not of ten: {:?}", began.elapsed());
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

/// An origin that says that its answer will come, again and again.
fn hinting() -> Origin {
    Origin::raw(|mut viewer| async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while viewer.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.is_ok() {
            ticks.tick().await;
        }
    })
}

#[tokio::test]
async fn s6_1_response_completion_timeout_ends_hints_that_go_on() {
    let settings = "timeouts: { readTimeout: 1, responseCompletionTimeout: 2 }, connectionAttempts: 1";
    let edge = updating(settings).served("app", hinting()).start().await;
    assert_eq!(edge.get("/x").await.status, 504);
    edge.stop().await;
}

/// An origin that goes on with its answer, a piece at a time, until nobody reads it any more.
fn endless() -> Origin {
    Origin::raw(|mut viewer| async move {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        let mut sent = viewer.write_all(head).await;
        while sent.is_ok() {
            ticks.tick().await;
            sent = viewer.write_all(b"1\r\nx\r\n").await;
        }
    })
}

#[tokio::test]
async fn s6_1_response_completion_timeout_ends_an_answer_that_goes_on() {
    let settings = "timeouts: { readTimeout: 1, responseCompletionTimeout: 2 }";
    let edge = updating(settings).served("app", endless()).start().await;
    let mut viewer = edge.connect().await;
    viewer.write(crate::harness::get_of("/x", &[]).as_bytes()).await;
    assert_eq!(viewer.head().await.status, 200);
    let rest = tokio::time::timeout(PATIENCE, viewer.closed()).await.expect("it ends");
    assert!(!rest.ends_with(b"0\r\n\r\n"), "an answer that was cut off does not look whole");
    edge.stop().await;
}
