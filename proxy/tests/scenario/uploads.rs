//! Request bodies reach the origin whole and once, however they were framed.

use crate::harness::{Code, Connection, Edge, Http2, Language, Origin, Reply, Running, in_every_language, one_origin};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

in_every_language! {
    an_upload_passes_a_behavior_with_an_origin_request_function,
}

const UPLOADS: &str = r#"
    allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cache_policy = "CachingDisabled"
"#;

#[tokio::test]
async fn a_body_with_a_length_reaches_the_origin_with_its_type_and_length() {
    let edge = Edge::before(UPLOADS, |asked| Reply::ok(asked.body)).start().await;
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let answer = edge.ask(method, "/x?q=1", &[("Content-Type", "text/plain")], "body").await;
        assert_eq!((answer.status, answer.x_cache(), answer.text()), (200, "Miss", "body"), "{method}");
        let asked = edge.asked("app").pop().unwrap();
        assert_eq!((asked.header("content-type"), asked.header("content-length")), (Some("text/plain"), Some("4")));
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_chunked_body_reaches_the_origin_whole() {
    let edge = Edge::before(UPLOADS, |asked| Reply::ok(asked.body)).start().await;
    let mut connection = edge.connect().await;
    connection.write(b"POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    for piece in ["3\r\none\r\n", "3\r\ntwo\r\n", "0\r\n\r\n"] {
        connection.write(piece.as_bytes()).await;
    }
    let answer = connection.answer(false).await;
    assert_eq!((answer.status, answer.text()), (200, "onetwo"));
    assert_eq!(edge.asked("app")[0].header("transfer-encoding"), Some("chunked"));
    edge.stop().await;
}

#[tokio::test]
async fn megabytes_pass_in_both_directions() {
    let edge = Edge::before(UPLOADS, |asked| Reply::ok(asked.body)).start().await;
    let body = "0123456789abcdef".repeat(4 * 65_536);
    let answer = edge.ask("POST", "/x", &[], &body).await;
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    assert_eq!(answer.body, body.as_bytes());
    edge.stop().await;
}

#[tokio::test]
async fn an_empty_body_is_an_upload_too() {
    let edge = Edge::before(UPLOADS, |asked| Reply::ok(asked.body)).start().await;
    let answer = edge.ask("POST", "/x", &[("Content-Length", "0")], "").await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    edge.stop().await;
}

#[tokio::test]
async fn a_failed_upload_is_not_sent_twice() {
    let connections = Arc::new(Mutex::new(0));
    let counted = connections.clone();
    let origin = Origin::raw(move |mut tcp| {
        *counted.lock() += 1;
        async move {
            let mut some = [0; 4096];
            assert!(tcp.read(&mut some).await.unwrap() > 0);
        }
    });
    let edge = Edge::with(one_origin(UPLOADS)).served("app", origin).start().await;
    let answer = edge.ask("POST", "/x", &[], "body").await;
    assert_eq!((answer.status, answer.x_cache()), (502, "Error"));
    assert_eq!(*connections.lock(), 1);
    edge.stop().await;
}

/// Reads a chunked request, then everything that the node sends before the connection is idle for the next request, which
/// must begin where the first one ended.
async fn record(tcp: &mut TcpStream, bytes: &Mutex<Vec<u8>>) {
    let mut piece = [0; 4096];
    loop {
        let read = tcp.read(&mut piece).await.unwrap();
        bytes.lock().extend_from_slice(&piece[..read]);
        if read == 0 {
            return;
        }
        if bytes.lock().ends_with(b"0\r\n\r\n") {
            tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_h2_upload_that_ends_with_an_empty_frame_has_one_last_chunk_at_the_origin() {
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let there = recorded.clone();
    let origin = Origin::raw(move |mut tcp| {
        let there = there.clone();
        async move { record(&mut tcp, &there).await }
    });
    let edge = Edge::with(one_origin(UPLOADS)).served("app", origin).start().await;
    let viewer = Http2::over(TcpStream::connect(edge.address).await.unwrap()).await;
    for _ in 0..2 {
        let request = http::Request::post("http://dtest123456789.cloudfront.net/x").body(()).unwrap();
        assert_eq!(viewer.send(request, &["body", ""]).await.text(), "ok");
    }
    edge.stop().await;
    let recorded = String::from_utf8(recorded.lock().clone()).unwrap();
    assert_eq!(recorded.matches("POST /x HTTP/1.1\r\n").count(), 2, "{recorded}");
    assert_eq!(recorded.matches("4\r\nbody\r\n0\r\n\r\n").count(), 2, "{recorded}");
    assert_eq!(recorded.matches("0\r\n\r\n").count(), 2, "one last chunk each: {recorded}");
}

async fn an_upload_passes_a_behavior_with_an_origin_request_function(language: Language) {
    let code = Code::around(
        r#"request["headers"]["x-tagged"] = header(request["method"], "X-Tagged"); return request"#,
        r#"request.headers["x-tagged"] = header(request.method, "X-Tagged"); return request;"#,
    );
    let edge =
        Edge::before(&format!("{UPLOADS}\norigin_request = {{ lambda = \"tag\" }}"), |asked| Reply::ok(asked.body))
            .lambda(language, "tag", &code, "timeout_s = 20")
            .start()
            .await;
    let answer = edge.ask("POST", "/x", &[], "body").await;
    assert_eq!((answer.status, answer.text()), (200, "body"));
    assert_eq!(edge.asked("app")[0].header("x-tagged"), Some("POST"));
    edge.stop().await;
}

#[tokio::test]
async fn a_viewer_that_waits_for_100_continue_is_told_to_go_on_and_the_origin_does_not_hear_of_it() {
    let edge = Edge::before(UPLOADS, |asked| Reply::ok(asked.body)).start().await;
    let mut tcp = TcpStream::connect(edge.address).await.unwrap();
    tcp.write_all(b"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        .await
        .unwrap();
    let mut go_on = [0; 25];
    let read = tokio::time::timeout(crate::harness::PATIENCE, tcp.read_exact(&mut go_on)).await;
    read.expect("word that the body may come").unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    tcp.write_all(b"body").await.unwrap();
    let mut connection = Connection::over(tcp);
    let answer = connection.answer(false).await;
    assert_eq!((answer.status, answer.text()), (200, "body"));
    let next = connection.send("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(next.status, 200, "over the same connection");
    assert_eq!(edge.asked("app")[0].header("expect"), None);
    edge.stop().await;
}

/// An edge that answers before any body has come.
async fn edge_that_does_not_wait() -> Running {
    let code = "function handler() { return { statusCode: 403, statusDescription: 'Forbidden', body: 'not you' }; }";
    let behavior = format!("{UPLOADS}\nviewer_request = {{ function = \"f\" }}");
    Edge::before(&behavior, |_| Reply::ok("origin")).function_with("f", code, "budget_ms = 5000").start().await
}

/// Sends more than any buffer on the way holds, and reads only then.
async fn upload(edge: &Running, version_and_headers: &str) -> Connection {
    const PIECES: usize = 320;
    let piece = vec![b'x'; 65_536];
    let mut connection = edge.connect().await;
    let length = PIECES * piece.len();
    let head = format!("POST /x HTTP/{version_and_headers}\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n");
    connection.write(head.as_bytes()).await;
    for _ in 0..PIECES {
        connection.write(&piece).await;
    }
    if version_and_headers.contains("Expect") {
        assert_eq!(connection.status_line().await, "HTTP/1.1 100 Continue");
    }
    let answer = connection.answer(false).await;
    assert_eq!((answer.status, answer.text()), (403, "not you"));
    connection
}

#[tokio::test]
async fn a_viewer_that_is_answered_before_its_body_has_come_reads_the_answer() {
    let edge = edge_that_does_not_wait().await;
    let mut connection = upload(&edge, "1.1").await;
    let next = connection.send("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(next.status, 403, "over the same connection");
    edge.stop().await;
}

#[tokio::test]
async fn a_viewer_that_was_told_to_go_on_reads_the_answer_that_came_before_the_end_of_its_body() {
    let refusing = Origin::raw(|mut tcp| async move {
        let mut some = [0; 4_096];
        assert!(tcp.read(&mut some).await.unwrap() > 0);
        tcp.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 7\r\n\r\nnot you").await.unwrap();
        while tcp.read(&mut some).await.is_ok_and(|read| read > 0) {}
    });
    let edge = Edge::with(one_origin(UPLOADS)).served("app", refusing).start().await;
    upload(&edge, "1.1\r\nExpect: 100-continue").await;
    edge.stop().await;
}

#[tokio::test]
async fn a_viewer_whose_connection_ends_reads_the_answer_that_came_before_the_end_of_its_body() {
    let edge = edge_that_does_not_wait().await;
    upload(&edge, "1.1\r\nConnection: close").await;
    upload(&edge, "1.0").await;
    edge.stop().await;
}
