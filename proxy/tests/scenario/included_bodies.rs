//! Lambda@Edge functions that see the request's body: how much of it, and what the origin gets, however it was framed.

use crate::harness::{
    Answer, Code, Connection, Edge, Http2, Language, Origin, Reply, Running, in_every_language, one_origin, request_of,
};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

in_every_language! {
    s2_the_origin_gets_the_whole_body_whatever_part_of_it_the_function_saw,
    s2_a_replaced_body_is_the_origins_with_its_length,
    s2_edits_of_a_read_only_body_are_ignored,
    s2_a_replacement_that_is_too_large_or_no_base64_is_a_502,
    s2_a_request_without_a_body_shows_an_empty_one,
    s2_a_replaced_body_is_what_the_origin_request_function_sees,
    s2_both_functions_see_a_body_that_is_left_alone,
    s3_an_answer_of_the_function_leaves_the_connection_in_order,
    requests_follow_each_other_on_a_connection,
    a_viewer_that_waits_for_100_continue_is_told_once_before_the_function_is_called,
    a_body_is_sent_again_over_another_connection_when_all_of_it_was_kept,
    an_origin_that_cannot_be_reached_is_a_502_and_the_connection_goes_on,
    a_viewer_that_leaves_within_its_body_costs_nothing,
    a_slow_body_reaches_the_origin_piece_by_piece_after_its_start,
    s3_an_answer_to_a_body_that_is_larger_than_what_the_function_saw_arrives,
}

const UPLOADS: &str = r#"
    allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cache_policy = "CachingDisabled"
    origin_request_policy = "AllViewer"
"#;

const KB: usize = 1_024;

/// The function in Python: adds what it saw as the header `{seen}`, and does what `{wish}` says.
const PYTHON: &str = r#"import base64, json
    body = request["body"]
    seen = base64.b64decode(body["data"])
    told = "%s %d %s %s" % (body["encoding"], len(seen), json.dumps(body["inputTruncated"]), body["action"])
    request["headers"]["{seen}"] = header(told, "{seen}")
    request["headers"]["x-length"] = header(request["headers"].get("content-length", header("none"))[0]["value"], "X-Length")
    wish = {wish}
    if wish == "edit": body["data"] = "%%%"
    if wish == "text": request["body"] = {"action": "replace", "encoding": "text", "data": "a=1"}
    if wish == "base64": request["body"] = {"action": "replace", "encoding": "base64", "data": "YT0x"}
    if wish == "empty": request["body"] = {"action": "replace", "encoding": "text", "data": ""}
    if wish == "upper": request["body"] = {"action": "replace", "encoding": "text", "data": seen.decode().upper()}
    if wish == "invalid": request["body"] = {"action": "replace", "encoding": "base64", "data": "%%%"}
    if wish == "large": request["body"] = {"action": "replace", "encoding": "text", "data": "x" * 41 * 1024}
    if wish == "huge": request["body"] = {"action": "replace", "encoding": "text", "data": "x" * 1100000}
    if wish == "answer": return {"status": "200", "body": told}
    return request"#;

/// The same in Node.js.
const NODE: &str = r#"const { body } = request;
    const seen = Buffer.from(body.data, "base64");
    const told = `${body.encoding} ${seen.length} ${JSON.stringify(body.inputTruncated)} ${body.action}`;
    request.headers["{seen}"] = header(told, "{seen}");
    request.headers["x-length"] = header(request.headers["content-length"]?.[0].value ?? "none", "X-Length");
    const replace = (encoding, data) => { request.body = { action: "replace", encoding, data }; };
    switch ({wish}) {
        case "edit": body.data = "%%%"; break;
        case "text": replace("text", "a=1"); break;
        case "base64": replace("base64", "YT0x"); break;
        case "empty": replace("text", ""); break;
        case "upper": replace("text", seen.toString().toUpperCase()); break;
        case "invalid": replace("base64", "%%%"); break;
        case "large": replace("text", "x".repeat(41 * 1024)); break;
        case "huge": replace("text", "x".repeat(1100000)); break;
        case "answer": return { status: "200", body: told };
    }
    return request;"#;

/// The function that tells in `x-seen` what it saw, and does what the query string says.
fn function() -> Code {
    let by_query = |code: &str, query: &str| code.replace("{seen}", "x-seen").replace("{wish}", query);
    Code::around(&by_query(PYTHON, "request[\"querystring\"]"), &by_query(NODE, "request.querystring"))
}

/// One before it, which tells it in `x-first` and always does the same.
fn first_function(wish: &str) -> Code {
    let always = |code: &str| code.replace("{seen}", "x-first").replace("{wish}", &format!("\"{wish}\""));
    Code::around(&always(PYTHON), &always(NODE))
}

/// A node that shows bodies to a function on one of the request events; its origin sends them back.
async fn on(language: Language, event: &str) -> Running {
    Edge::before(&format!("{UPLOADS}\n{event} = {{ lambda = \"l\", include_body = true }}"), |asked| {
        Reply::ok(asked.body)
    })
    .lambda(language, "l", &function(), "timeout_s = 20\nmemory_mb = 256")
    .start()
    .await
}

fn body_of(bytes: usize) -> String {
    "0123456789abcdef".repeat(bytes.div_ceil(16))[..bytes].to_owned()
}

/// How a viewer can send a body.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length,
    Chunked,
    Http2,
    Http2WithLength,
}

const FRAMINGS: [Framing; 4] = [Framing::Length, Framing::Chunked, Framing::Http2, Framing::Http2WithLength];

async fn post(edge: &Running, framing: Framing, path: &str, body: &str) -> Answer {
    match framing {
        Framing::Length => {
            let empty = [("Content-Length", "0")];
            edge.ask("POST", path, &empty[..usize::from(body.is_empty())], body).await
        }
        Framing::Chunked => {
            let mut connection = edge.connect().await;
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: dtest123456789.cloudfront.net\r\nTransfer-Encoding: chunked\r\n\r\n"
            );
            connection.write(head.as_bytes()).await;
            for piece in body.as_bytes().chunks(10_000) {
                connection.write(format!("{:x}\r\n", piece.len()).as_bytes()).await;
                connection.write(piece).await;
                connection.write(b"\r\n").await;
            }
            connection.write(b"0\r\n\r\n").await;
            connection.answer(false).await
        }
        Framing::Http2 | Framing::Http2WithLength => {
            let viewer = Http2::open(edge.address).await;
            let mut request = http::Request::post(format!("http://dtest123456789.cloudfront.net{path}"));
            if matches!(framing, Framing::Http2WithLength) {
                request = request.header("content-length", body.len());
            }
            viewer.upload(request.body(()).unwrap(), Bytes::copy_from_slice(body.as_bytes())).await
        }
    }
}

async fn s2_the_origin_gets_the_whole_body_whatever_part_of_it_the_function_saw(language: Language) {
    for (event, shown_max) in [("viewer_request", 40 * KB), ("origin_request", 1_024 * KB)] {
        let edge = on(language, event).await;
        for framing in FRAMINGS {
            for bytes in [1, shown_max, shown_max + 1, 64 * KB, 1_500 * KB] {
                let body = body_of(bytes);
                let answer = post(&edge, framing, "/x", &body).await;
                assert!(answer.body == body.as_bytes(), "{event} {framing:?} {bytes}: {}", answer.body.len());
                let truncated = if bytes > shown_max { "true" } else { "false" };
                let told = format!("base64 {} {truncated} read-only", bytes.min(shown_max));
                let asked = edge.asked("app").pop().unwrap();
                assert_eq!(asked.header("x-seen"), Some(told.as_str()), "{event} {framing:?} {bytes}");
            }
        }
        edge.stop().await;
    }
}

async fn s2_a_replaced_body_is_the_origins_with_its_length(language: Language) {
    for event in ["viewer_request", "origin_request"] {
        let edge = on(language, event).await;
        for framing in FRAMINGS {
            for bytes in [0, 10, 100 * KB, 1_500 * KB] {
                for (wish, expected) in [("text", "a=1"), ("base64", "a=1"), ("empty", "")] {
                    let answer = post(&edge, framing, &format!("/x?{wish}"), &body_of(bytes)).await;
                    assert_eq!((answer.status, answer.text()), (200, expected), "{event} {framing:?} {bytes} {wish}");
                    let asked = edge.asked("app").pop().unwrap();
                    let length = expected.len().to_string();
                    assert_eq!(
                        asked.header("content-length"),
                        Some(length.as_str()),
                        "{event} {framing:?} {bytes} {wish}"
                    );
                    assert_eq!(asked.header("transfer-encoding"), None, "{event} {framing:?} {bytes} {wish}");
                }
            }
        }
        edge.stop().await;
    }
}

async fn s2_edits_of_a_read_only_body_are_ignored(language: Language) {
    for event in ["viewer_request", "origin_request"] {
        let edge = on(language, event).await;
        let answer = edge.ask("POST", "/x?edit", &[], "body").await;
        assert_eq!((answer.status, answer.text()), (200, "body"), "{event}");
        edge.stop().await;
    }
}

async fn s2_a_replacement_that_is_too_large_or_no_base64_is_a_502(language: Language) {
    for (event, wishes) in
        [("viewer_request", vec!["invalid", "large", "huge"]), ("origin_request", vec!["invalid", "huge"])]
    {
        let edge = on(language, event).await;
        for wish in wishes {
            let answer = edge.ask("POST", &format!("/x?{wish}"), &[], "body").await;
            assert_eq!((answer.status, answer.x_cache()), (502, "LambdaValidationError"), "{event} {wish}");
        }
        assert_eq!(edge.asked_times("app"), 0);
        assert_eq!(edge.ask("POST", "/x", &[], "body").await.text(), "body");
        edge.stop().await;
    }
}

async fn s2_a_request_without_a_body_shows_an_empty_one(language: Language) {
    for event in ["viewer_request", "origin_request"] {
        let edge = on(language, event).await;
        for method in ["GET", "DELETE"] {
            assert_eq!(edge.ask(method, "/x", &[], "").await.status, 200, "{event} {method}");
            let asked = edge.asked("app").pop().unwrap();
            assert_eq!(
                (asked.header("x-seen"), asked.header("content-length")),
                (Some("base64 0 false read-only"), None)
            );
        }
        assert_eq!(edge.get("/x?text").await.status, 502, "a GET has no body to replace");
        edge.stop().await;
    }
}

async fn s2_a_replaced_body_is_what_the_origin_request_function_sees(language: Language) {
    let behavior = format!(
        "{UPLOADS}\nviewer_request = {{ lambda = \"v\", include_body = true }}\norigin_request = {{ lambda = \"o\", include_body = true }}"
    );
    let edge = Edge::before(&behavior, |asked| Reply::ok(asked.body))
        .lambda(language, "v", &first_function("upper"), "timeout_s = 20")
        .lambda(language, "o", &function(), "timeout_s = 20")
        .start()
        .await;
    for framing in FRAMINGS {
        let answer = post(&edge, framing, "/x", "abc").await;
        assert_eq!((answer.status, answer.text()), (200, "ABC"), "{framing:?}");
        let asked = edge.asked("app").pop().unwrap();
        assert_eq!((asked.header("x-seen"), asked.header("x-length")), (Some("base64 3 false read-only"), Some("3")));
    }
    let body = body_of(100 * KB);
    let answer = edge.ask("POST", "/x", &[], &body).await;
    assert_eq!(
        answer.text(),
        body[..40 * KB].to_ascii_uppercase(),
        "what the first function gave, and nothing after it"
    );
    edge.stop().await;
}

async fn s2_both_functions_see_a_body_that_is_left_alone(language: Language) {
    let behavior = format!(
        "{UPLOADS}\nviewer_request = {{ lambda = \"v\", include_body = true }}\norigin_request = {{ lambda = \"o\", include_body = true }}"
    );
    let edge = Edge::before(&behavior, |asked| Reply::ok(asked.body))
        .lambda(language, "v", &first_function("none"), "timeout_s = 20")
        .lambda(language, "o", &function(), "timeout_s = 20")
        .start()
        .await;
    for framing in FRAMINGS {
        let body = body_of(100 * KB);
        let answer = post(&edge, framing, "/x", &body).await;
        assert!(answer.body == body.as_bytes(), "{framing:?}");
        let asked = edge.asked("app").pop().unwrap();
        let told = (asked.header("x-first"), asked.header("x-seen"));
        assert_eq!(told, (Some("base64 40960 true read-only"), Some("base64 102400 false read-only")));
    }
    edge.stop().await;
}

async fn s3_an_answer_of_the_function_leaves_the_connection_in_order(language: Language) {
    for (event, bytes) in [("viewer_request", 30 * KB), ("origin_request", 900 * KB)] {
        let edge = on(language, event).await;
        let mut connection = edge.connect().await;
        for _ in 0..2 {
            let answer = connection.send(&request_of("POST", "/x?answer", &[], &body_of(bytes))).await;
            assert_eq!((answer.status, answer.x_cache()), (200, "LambdaGeneratedResponse"), "{event}");
            assert_eq!(answer.text(), format!("base64 {bytes} false read-only"));
        }
        for framing in FRAMINGS {
            let answer = post(&edge, framing, "/x?answer", &body_of(bytes)).await;
            assert_eq!((answer.status, answer.x_cache()), (200, "LambdaGeneratedResponse"), "{event} {framing:?}");
            assert_eq!(answer.text(), format!("base64 {bytes} false read-only"), "{event} {framing:?}");
        }
        assert_eq!(edge.asked_times("app"), 0, "{event}");
        edge.stop().await;
    }
}

async fn requests_follow_each_other_on_a_connection(language: Language) {
    for event in ["viewer_request", "origin_request"] {
        let edge = on(language, event).await;
        let mut connection = edge.connect().await;
        for bytes in [10, 100 * KB, 0, 64 * KB, 300 * KB] {
            let body = body_of(bytes);
            let answer = connection.send(&request_of("PUT", "/x", &[], &body)).await;
            assert!(answer.status == 200 && answer.body == body.as_bytes(), "{event} {bytes}");
            let answer = connection.send(&request_of("PUT", "/x?text", &[], &body)).await;
            assert_eq!((answer.status, answer.text()), (200, "a=1"), "{event} {bytes}");
        }
        edge.stop().await;
    }
}

async fn a_viewer_that_waits_for_100_continue_is_told_once_before_the_function_is_called(language: Language) {
    for event in ["viewer_request", "origin_request"] {
        let edge = on(language, event).await;
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
        assert_eq!((answer.status, answer.text()), (200, "body"), "{event}");
        let asked = edge.asked("app")[0].clone();
        assert_eq!((asked.header("expect"), asked.header("x-seen")), (None, Some("base64 4 false read-only")));
        edge.stop().await;
    }
}

/// Reads one request with a length, whole; gives the bytes of its body.
async fn read_request(tcp: &mut TcpStream) -> Option<usize> {
    let mut read = Vec::new();
    let mut piece = vec![0; 64 * KB];
    loop {
        let count = tcp.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&piece[..count]);
        let Some(head) = read.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if read.len() == head + 4 + length.parse::<usize>().unwrap() {
            return Some(read.len() - head - 4);
        }
    }
}

/// An origin whose first connection answers one request and hangs up on the second, after it has read all of it; answers are the
/// lengths of bodies.
fn closes_an_idle_connection(connections: Arc<Mutex<usize>>) -> Origin {
    Origin::raw(move |mut tcp| {
        *connections.lock() += 1;
        let answers = if *connections.lock() == 1 { 1 } else { usize::MAX };
        async move {
            for _ in 0..answers {
                let Some(bytes) = read_request(&mut tcp).await else { return };
                let body = bytes.to_string();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                tcp.write_all(answer.as_bytes()).await.unwrap();
            }
            read_request(&mut tcp).await;
        }
    })
}

async fn a_body_is_sent_again_over_another_connection_when_all_of_it_was_kept(language: Language) {
    for (event, bytes, again) in [
        ("viewer_request", 4 * KB, true),
        ("viewer_request", 100 * KB, true),
        ("origin_request", 900 * KB, true),
        ("viewer_request", 1_000 * KB, false),
    ] {
        let connections = Arc::default();
        let behavior = format!("{UPLOADS}\n{event} = {{ lambda = \"l\", include_body = true }}");
        let edge = Edge::with(one_origin(&behavior))
            .served("app", closes_an_idle_connection(Arc::clone(&connections)))
            .lambda(language, "l", &function(), "timeout_s = 20\nmemory_mb = 256")
            .start()
            .await;
        assert_eq!(edge.ask("PUT", "/x", &[], "first").await.text(), "5");
        let answer = edge.ask("PUT", "/x", &[], &body_of(bytes)).await;
        let expected = if again { (200, bytes.to_string(), 2) } else { (502, answer.text().to_owned(), 1) };
        assert_eq!((answer.status, answer.text().to_owned(), *connections.lock()), expected, "{event} {bytes}");
        edge.stop().await;
    }
}

async fn an_origin_that_cannot_be_reached_is_a_502_and_the_connection_goes_on(language: Language) {
    for event in ["viewer_request", "origin_request"] {
        // Bound and not listened to: nobody else gets the port, and connections are refused.
        let unreachable = tokio::net::TcpSocket::new_v4().unwrap();
        unreachable.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = unreachable.local_addr().unwrap().port();
        let toml = one_origin(&format!("{UPLOADS}\n{event} = {{ lambda = \"l\", include_body = true }}"));
        let edge = Edge::with(toml.replace("{app}", &port.to_string()))
            .lambda(language, "l", &function(), "timeout_s = 20\nmemory_mb = 256")
            .start()
            .await;
        let answer = edge.ask("PUT", "/x", &[], &body_of(30 * KB)).await;
        assert_eq!((answer.status, answer.x_cache()), (502, "Error"), "{event}");
        edge.stop().await;
    }
}

async fn a_viewer_that_leaves_within_its_body_costs_nothing(language: Language) {
    for event in ["viewer_request", "origin_request"] {
        let edge = on(language, event).await;
        let mut tcp = TcpStream::connect(edge.address).await.unwrap();
        tcp.write_all(b"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 400\r\n\r\nhalf").await.unwrap();
        drop(tcp);
        assert_eq!(edge.ask("POST", "/x", &[], "body").await.text(), "body", "{event}");
        edge.stop().await;
    }
}

async fn a_slow_body_reaches_the_origin_piece_by_piece_after_its_start(language: Language) {
    let edge = on(language, "viewer_request").await;
    let mut connection = edge.connect().await;
    let (start, rest) = (body_of(50 * KB), body_of(20 * KB));
    let head =
        format!("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{start}", start.len() + 2 * rest.len());
    connection.write(head.as_bytes()).await;
    connection.write(rest.as_bytes()).await;
    connection.write(rest.as_bytes()).await;
    let answer = connection.answer(false).await;
    assert!(answer.text() == format!("{start}{rest}{rest}"));
    edge.stop().await;
}

async fn s3_an_answer_to_a_body_that_is_larger_than_what_the_function_saw_arrives(language: Language) {
    for event in ["viewer_request", "origin_request"] {
        let edge = on(language, event).await;
        let body = body_of(1_500 * KB);
        let answer = post(&edge, Framing::Http2, "/x?answer", &body).await;
        assert_eq!((answer.status, answer.x_cache()), (200, "LambdaGeneratedResponse"), "{event}: h2");
        let request = request_of("POST", "/x?answer", &[], &body);
        let (mut read, mut write) = TcpStream::connect(edge.address).await.unwrap().into_split();
        let sending = async move { write.write_all(request.as_bytes()).await };
        let reading = async move {
            let mut answer = vec![0; 12];
            read.read_exact(&mut answer).await.map(|_| answer)
        };
        // Whether the rest is taken is the node's business.
        let (_, answer) = tokio::time::timeout(crate::harness::PATIENCE, async { tokio::join!(sending, reading) })
            .await
            .expect("an answer");
        assert_eq!(String::from_utf8(answer.unwrap()).unwrap(), "HTTP/1.1 200", "{event}");
        edge.stop().await;
    }
}
