//! What a viewer must not be able to do to others, or to what the node says of it.

use crate::harness::{Code, Edge, Language, Reply, in_every_language};

in_every_language! {
    head_cannot_put_an_empty_object_in_the_place_of_gets,
}

#[tokio::test]
async fn a_viewer_cannot_take_away_what_a_function_adds() {
    let code = "function handler(event) { event.request.headers['x-user'] = { value: 'ada' }; return event.request; }";
    let behavior = "viewer_request = { function = \"add\" }\ncache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"";
    let edge =
        Edge::before(behavior, |_| Reply::ok("hello")).function_with("add", code, "budget_ms = 5000").start().await;
    let answer = edge.get_with("/x", &[("Connection", "x-user, x-own"), ("X-Own", "1")]).await;
    assert_eq!(answer.status, 200);
    let asked = edge.asked("app").remove(0);
    assert_eq!(asked.header("x-user"), Some("ada"));
    assert_eq!(asked.header("x-own"), None, "what the viewer's own Connection names ends here");
    edge.stop().await;
}

#[tokio::test]
async fn naming_host_in_connection_is_answered_and_changes_nothing() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    assert_eq!(edge.get_with("/x", &[("Connection", "host, via, x-forwarded-for")]).await.status, 200);
    edge.stop().await;
}

async fn head_cannot_put_an_empty_object_in_the_place_of_gets(language: Language) {
    let code = Code::around(
        r#"body = "" if request["method"] == "HEAD" else request["method"] + str("range" in request["headers"]).lower()
    return {"status": "200", "headers": {"cache-control": header("max-age=60", "Cache-Control")}, "body": body}"#,
        r#"const body = request.method === "HEAD" ? "" : request.method + ("range" in request.headers);
    return { status: "200", headers: { "cache-control": header("max-age=60", "Cache-Control") }, body };"#,
    );
    let edge = Edge::before("origin_request = { lambda = \"answer\" }", |_| Reply::ok("unused"))
        .lambda(language, "answer", &code, "timeout_s = 30")
        .start()
        .await;
    let head =
        "HEAD /x HTTP/1.1\r\nHost: dtest123456789.cloudfront.net\r\nRange: bytes=0-1\r\nConnection: close\r\n\r\n";
    assert!(matches!(edge.send(head).await.status, 200 | 206));
    let answer = edge.get("/x").await;
    assert_eq!((answer.text(), answer.x_cache()), ("GETfalse", "Hit"));
    edge.stop().await;
}

#[tokio::test]
async fn headers_that_an_origins_connection_names_end_here() {
    let edge = Edge::before("", |_| Reply::ok("hello").with("connection", "x-hop").with("x-hop", "1")).start().await;
    for _ in 0..2 {
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.header("x-hop")), (200, None));
    }
    edge.stop().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_one_after_the_other() {
    let edge = Edge::before("", |asked| Reply::ok(asked.target)).start().await;
    let mut connection = edge.connect().await;
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: dtest123456789.cloudfront.net\r\n\r\n");
    connection.write(format!("{}{}{}", ask("/a"), ask("/b"), ask("/c")).as_bytes()).await;
    for path in ["/a", "/b", "/c"] {
        assert_eq!(connection.answer(false).await.text(), path);
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_viewer_that_waits_to_be_asked_for_its_body_is_asked() {
    let behavior = "allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]";
    let edge = Edge::before(behavior, |asked| Reply::ok(asked.body)).start().await;
    let mut connection = edge.connect().await;
    let head =
        "PUT /x HTTP/1.1\r\nHost: dtest123456789.cloudfront.net\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    connection.write(head.as_bytes()).await;
    assert_eq!(connection.status_line().await, "HTTP/1.1 100 Continue");
    connection.write(b"body").await;
    assert_eq!(connection.answer(false).await.text(), "body");
    assert_eq!(edge.asked("app")[0].header("expect"), None);
    edge.stop().await;
}

#[tokio::test]
async fn bytes_that_a_target_should_have_encoded_are_refused_where_no_uri_has_them() {
    let edge = Edge::before("", |asked| Reply::ok(asked.target)).start().await;
    let targets: [&[u8]; 9] =
        [b"/caf\xe9", b"/?q=\xe9", b"/a<b", b"/a^b", b"/a\\b", b"/?a=<", b"/?a=\"", b"/a`b", b"/?a=\xc3\xa9|{}"];
    let mut told = String::new();
    for target in targets {
        let mut connection = edge.connect().await;
        connection.write(&[b"GET ", target, b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"].concat()).await;
        let answer = connection.closed().await;
        let status = String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned();
        told.push_str(&format!("{} {status}\n", target.escape_ascii()));
    }
    insta::assert_snapshot!(told, @r#"
    /caf\xe9 400
    /?q=\xe9 400
    /a<b 400
    /a^b 200
    /a\\b 200
    /?a=< 400
    /?a=\" 400
    /a`b 400
    /?a=\xc3\xa9|{} 200
    "#);
    edge.stop().await;
}

#[tokio::test]
async fn what_is_not_http_gets_cloudfronts_page_and_the_connection_closes() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    for garbage in
        ["GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /<x> HTTP/1.1\r\nHost: a\r\n\r\n", "\0\0\0\0 x\r\n\r\n"]
    {
        let mut connection = edge.connect().await;
        connection.write(garbage.as_bytes()).await;
        let answer = String::from_utf8(connection.closed().await).unwrap();
        assert!(!answer.contains("Pingora"), "{garbage:?}: {answer}");
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\nServer: CloudFront\r\n"), "{garbage:?}: {answer}");
        assert!(answer.contains("X-Cache: Error from cloudfront") && answer.contains("Bad request."), "{answer}");
    }
    edge.stop().await;
}
