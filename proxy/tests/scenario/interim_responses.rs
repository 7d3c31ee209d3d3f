//! Origins that send word before their answer (103 Early Hints): the answer is what counts, for functions, the cache and failover.

use crate::harness::{Code, Edge, Language, Origin, Reply, in_every_language, one_origin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

in_every_language! {
    the_origin_response_function_sees_the_answer_and_changes_it,
    a_body_that_the_origin_response_function_gives_is_whole,
}

/// An origin that sends hints and then this answer, once over each connection.
fn hinting(answer: &'static str) -> Origin {
    Origin::raw(move |mut tcp| async move {
        let mut head = [0; 4_096];
        assert!(tcp.read(&mut head).await.unwrap() > 0);
        tcp.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n").await.unwrap();
        tcp.write_all(answer.as_bytes()).await.unwrap();
    })
}

const OK: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
const FAILED: &str = "HTTP/1.1 500 No\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfirst";
const HOOK: &str = "origin_response = { lambda = \"l\" }";

/// What comes first: no hints.
async fn answer(edge: &crate::harness::Running) -> crate::harness::Answer {
    let mut connection = edge.connect().await;
    connection.write(b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    connection.answer(false).await
}

async fn the_origin_response_function_sees_the_answer_and_changes_it(language: Language) {
    let code = Code::around(
        "response = cf[\"response\"]\n    response[\"headers\"][\"x-seen\"] = [{\"value\": response[\"status\"]}]\n    return response",
        "const { response } = cf;\n    response.headers[\"x-seen\"] = [{ value: response.status }];\n    return response;",
    );
    let edge = Edge::with(one_origin(HOOK)).served("app", hinting(OK)).lambda(language, "l", &code, "timeout_s = 20");
    let edge = edge.start().await;
    for x_cache in ["Miss", "Hit"] {
        let answer = answer(&edge).await;
        let seen = (answer.status, answer.x_cache(), answer.header("x-seen"), answer.text());
        assert_eq!(seen, (200, x_cache, Some("200"), "hello"));
    }
    edge.stop().await;
}

async fn a_body_that_the_origin_response_function_gives_is_whole(language: Language) {
    let code = Code::around(
        "response = cf[\"response\"]\n    response[\"body\"] = \"another body\"\n    return response",
        "const { response } = cf;\n    response.body = \"another body\";\n    return response;",
    );
    for policy in ["", "cache_policy = \"CachingDisabled\""] {
        let edge = Edge::with(one_origin(&format!("{HOOK}\n{policy}"))).served("app", hinting(OK));
        let edge = edge.lambda(language, "l", &code, "timeout_s = 20").start().await;
        let answer = answer(&edge).await;
        assert_eq!((answer.status, answer.text()), (200, "another body"), "{policy}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn a_group_fails_over_at_the_answer_and_no_function_runs_on_an_origins_error() {
    let code = "function handler(event) { event.response.headers['x-ran'] = { value: '1' }; return event.response; }";
    let toml = crate::failover::group("[500]", "viewer_response = { function = \"f\" }");
    let edge = Edge::with(toml).served("app", hinting(FAILED)).origin("standby", |_| Reply::ok("second"));
    let edge = edge.function_with("f", code, "budget_ms = 5000").start().await;
    assert_eq!(answer(&edge).await.text(), "second");
    edge.stop().await;
    let edge = Edge::with(one_origin("viewer_response = { function = \"f\" }")).served("app", hinting(FAILED));
    let edge = edge.function_with("f", code, "budget_ms = 5000").start().await;
    let failed = answer(&edge).await;
    assert_eq!((failed.status, failed.header("x-ran")), (500, None));
    edge.stop().await;
}

#[tokio::test]
async fn a_viewer_that_knows_no_hints_gets_the_answer_alone() {
    let edge = Edge::with(one_origin("")).served("app", hinting(OK)).start().await;
    let mut connection = edge.connect().await;
    connection.write(b"GET /x HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    let answer = connection.answer(false).await;
    assert_eq!((answer.status, answer.header("link"), answer.text()), (200, None, "hello"));
    edge.stop().await;
}

#[tokio::test]
async fn a_group_fails_over_from_an_origin_that_only_sends_hints() {
    let hinting = Origin::raw(|mut tcp| async move {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
        while tcp.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.is_ok() {
            ticks.tick().await;
        }
    });
    let toml = crate::failover::group("[500, 504]", "");
    let toml = toml.replacen("read_timeout_s = 1", "read_timeout_s = 1\nresponse_completion_timeout_s = 1", 1);
    let edge = Edge::with(toml).served("app", hinting).origin("standby", |_| Reply::ok("second")).start().await;
    assert_eq!(answer(&edge).await.text(), "second");
    edge.stop().await;
}
