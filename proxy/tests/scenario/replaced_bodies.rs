//! Bodies that edge code puts in place of others: after a hit, after a miss, after a response that had none.

use crate::harness::{
    Code, Edge, Http2, Language, Origin, Reply, Running, get_of, in_every_language, one_origin, request_of,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

in_every_language! {
    an_origin_response_functions_body_is_stored_in_place_of_the_origins,
    an_origin_response_function_can_take_the_body_away_and_leave_it,
}

/// Answers `/204`, `/302`, `/empty`, `/chunked` as their names say, all else with `original`.
fn origin(asked: &str) -> Reply {
    match asked {
        "/204" => Reply::status(204, ""),
        "/302" => Reply::status(302, "").with("location", "/x").with("content-length", "0"),
        "/empty" => Reply::ok(""),
        "/chunked" => Reply::chunked("original"),
        "/404" => Reply::status(404, "original"),
        _ => Reply::ok("original"),
    }
}

async fn viewer_response(code: &str) -> Running {
    Edge::before("viewer_response = { function = \"f\" }", |asked| origin(&asked.target))
        .function_with("f", code, "budget_ms = 5000")
        .start()
        .await
}

/// Asks twice on one connection, so that a body that is longer or shorter than its head says breaks the second answer.
async fn twice(edge: &Running, path: &str) -> [crate::harness::Answer; 2] {
    let mut connection = edge.connect().await;
    let request = get_of(path, &[]);
    let first = connection.send(&request).await;
    if first.header("connection") == Some("close") {
        assert_eq!(connection.closed().await, b"", "nothing follows the answer");
        connection = edge.connect().await;
    }
    [first, connection.send(&request).await]
}

#[tokio::test]
async fn a_viewer_response_functions_body_takes_the_place_of_any_body() {
    let code = "function handler(event) { event.response.statusCode = 200; event.response.body = 'replaced'; return event.response; }";
    let edge = viewer_response(code).await;
    for path in ["/x", "/chunked", "/empty", "/302", "/204"] {
        for (answer, result) in twice(&edge, path).await.iter().zip(["Miss", "Hit"]) {
            assert_eq!((answer.status, answer.text()), (200, "replaced"), "{path}, {result}: {answer:?}");
            assert_eq!(answer.header("content-length"), Some("8"), "{path}, {result}");
            assert_eq!(answer.header("transfer-encoding"), None, "{path}, {result}");
        }
    }
    edge.stop().await;
}

#[tokio::test]
async fn an_empty_body_takes_the_body_away() {
    let edge = viewer_response("function handler(event) { event.response.body = ''; return event.response; }").await;
    for path in ["/x", "/chunked", "/empty"] {
        for answer in twice(&edge, path).await {
            assert_eq!((answer.status, answer.text(), answer.header("content-length")), (200, "", Some("0")), "{path}");
        }
    }
    edge.stop().await;
}

#[tokio::test]
async fn without_a_body_of_its_own_the_original_passes() {
    let edge =
        viewer_response("function handler(event) { event.response.statusCode = 201; return event.response; }").await;
    for path in ["/x", "/chunked"] {
        for answer in twice(&edge, path).await {
            assert_eq!((answer.status, answer.text()), (201, "original"), "{path}");
        }
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_replaced_body_is_not_sent_to_head() {
    let edge =
        viewer_response("function handler(event) { event.response.body = 'replaced'; return event.response; }").await;
    let mut connection = edge.connect().await;
    for _ in 0..2 {
        let head = connection.send(&request_of("HEAD", "/x", &[], "")).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(connection.send(&get_of("/x", &[])).await.text(), "replaced", "and the connection is in step");
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_body_in_the_place_of_a_part_goes_with_what_the_function_leaves_of_its_head() {
    let code = "function handler(event) { var response = event.response; response.body = 'replacement'; \
                if (event.request.uri === '/whole') { response.statusCode = 200; delete response.headers['content-range']; } \
                return response; }";
    let edge = viewer_response(code).await;
    for (path, status, range) in [("/x", 206, Some("bytes 0-2/8")), ("/whole", 200, None)] {
        assert_eq!(edge.get(path).await.text(), "replacement", "{path}");
        let mut connection = edge.connect().await;
        for _ in 0..2 {
            let part = connection.send(&get_of(path, &[("Range", "bytes=0-2")])).await;
            assert_eq!(
                (part.status, part.text(), part.header("content-range")),
                (status, "replacement", range),
                "{path}"
            );
            assert_eq!(part.header("content-length"), Some("11"), "{path}");
        }
    }
    edge.stop().await;
}

/// An origin-response function with this line for the response.
async fn origin_response(language: Language, python: &str, node: &str) -> Running {
    let code = Code::around(
        &format!(
            r#"response = cf["response"]
    response["headers"]["x-status-seen"] = header(repr(response["status"]), "X-Status-Seen")
    {python}
    return response"#
        ),
        &format!(
            r#"const {{ response }} = cf;
    response.headers["x-status-seen"] = header(JSON.stringify(response.status).replaceAll('"', "'"), "X-Status-Seen");
    {node}
    return response;"#
        ),
    );
    Edge::before("origin_response = { lambda = \"l\" }", |asked| origin(&asked.target))
        .lambda(language, "l", &code, "timeout_s = 20")
        .start()
        .await
}

async fn an_origin_response_functions_body_is_stored_in_place_of_the_origins(language: Language) {
    let edge = origin_response(
        language,
        r#"response["status"] = 200; response["statusDescription"] = "OK"; response["body"] = "replaced""#,
        r#"Object.assign(response, { status: 200, statusDescription: "OK", body: "replaced" });"#,
    )
    .await;
    for path in ["/x", "/chunked", "/empty", "/302", "/204", "/404"] {
        for (answer, result) in twice(&edge, path).await.iter().zip(["Miss", "Hit"]) {
            assert_eq!((answer.status, answer.text()), (200, "replaced"), "{path}, {result}: {answer:?}");
            assert_eq!(answer.header("content-length"), Some("8"), "{path}, {result}");
        }
        assert_eq!(edge.get(path).await.x_cache(), "Hit", "{path}");
    }
    assert_eq!(edge.asked_times("app"), 6, "one fetch each");
    edge.stop().await;
}

async fn an_origin_response_function_can_take_the_body_away_and_leave_it(language: Language) {
    let edge = origin_response(language, r#"response["body"] = """#, r#"response.body = "";"#).await;
    for answer in twice(&edge, "/x").await {
        assert_eq!((answer.status, answer.text()), (200, ""));
    }
    edge.stop().await;
    let edge = origin_response(language, "pass", "").await;
    for path in ["/x", "/chunked"] {
        for answer in twice(&edge, path).await {
            assert_eq!(
                (answer.status, answer.text(), answer.header("x-status-seen")),
                (200, "original", Some("'200'"))
            );
        }
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_status_without_a_body_takes_the_body_away_over_both_versions_of_http() {
    for status in [204, 304] {
        let code =
            format!("function handler(event) {{ event.response.statusCode = {status}; return event.response; }}");
        let edge = viewer_response(&code).await;
        for path in ["/x", "/chunked", "/empty"] {
            for answer in twice(&edge, path).await {
                assert_eq!((answer.status, answer.text()), (status, ""), "{path}");
                assert_eq!(
                    (answer.header("content-length"), answer.header("transfer-encoding")),
                    (None, None),
                    "{path}"
                );
            }
        }
        edge.stop().await;
    }
}

#[tokio::test]
async fn a_status_without_a_body_is_an_answer_over_h2_too() {
    let edge =
        viewer_response("function handler(event) { event.response.statusCode = 204; return event.response; }").await;
    let viewer = Http2::over(tokio::net::TcpStream::connect(edge.address).await.unwrap()).await;
    for _ in ["Miss", "Hit"] {
        let request = http::Request::get("http://dtest123456789.cloudfront.net/x").body(()).unwrap();
        let answer = viewer.send(request, &[]).await;
        assert_eq!((answer.status, answer.text(), answer.header("content-length")), (204, "", None));
    }
    edge.stop().await;
}

/// An origin whose 204 says a length all the same.
async fn no_content_of(length: &'static str, behavior: &str, code: &str) -> Running {
    let origin = Origin::raw(move |mut stream| async move {
        let (mut asked, mut piece) = (Vec::new(), [0; 1024]);
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            asked.extend_from_slice(&piece[..read]);
            if asked.ends_with(b"\r\n\r\n") {
                asked.clear();
                let answer = format!("HTTP/1.1 204 No Content\r\nX-A: b\r\nContent-Length: {length}\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    let edge = Edge::with(one_origin(behavior)).served("app", origin);
    edge.function_with("f", code, "budget_ms = 5000").start().await
}

#[tokio::test]
async fn a_length_that_an_origin_gives_its_204_goes_no_further() {
    let code = "function handler(event) { event.response.headers['x-seen'] = { value: '' + ('content-length' in event.response.headers) }; return event.response; }";
    for length in ["5", "0"] {
        for behavior in ["", "cache_policy = \"CachingDisabled\"", "viewer_response = { function = \"f\" }"] {
            let edge = no_content_of(length, behavior, code).await;
            for answer in twice(&edge, "/x").await {
                assert_eq!((answer.status, answer.text(), answer.header("x-a")), (204, "", Some("b")), "{behavior}");
                assert_eq!(answer.header("content-length"), None, "{length}, {behavior}: {answer:?}");
                let seen = behavior.contains("function").then_some("false");
                assert_eq!(answer.header("x-seen"), seen, "{length}, {behavior}");
            }
            let viewer = Http2::open(edge.address).await;
            for path in ["/x", "/y"] {
                let url = format!("http://dtest123456789.cloudfront.net{path}");
                let answer = viewer.send(http::Request::get(url).body(()).unwrap(), &[]).await;
                assert_eq!((answer.status, answer.text(), answer.header("content-length")), (204, "", None));
            }
            edge.stop().await;
        }
    }
}

#[tokio::test]
async fn a_204_that_becomes_another_status_is_an_empty_answer() {
    let code = "function handler(event) { event.response.statusCode = 201; return event.response; }";
    for length in ["5", "0"] {
        let edge = no_content_of(length, "viewer_response = { function = \"f\" }", code).await;
        for answer in twice(&edge, "/x").await {
            assert_eq!((answer.status, answer.text(), answer.header("content-length")), (201, "", Some("0")));
        }
        edge.stop().await;
    }
}
