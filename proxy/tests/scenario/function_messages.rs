//! CloudFront Functions through a whole node: what they are shown of a message, how what they change goes out, and the page
//! that a viewer gets when CloudFront does not take it.

use crate::harness::{Edge, Reply, Running, get_of};

const FORWARDS_ALL: &str = "viewer_request = { function = \"f\" }\ncache_policy = \"CachingDisabled\"\n\
                            origin_request_policy = \"AllViewer\"";
const RESPONSE: &str = "viewer_response = { function = \"f\" }";

async fn edge(behavior: &str, body: &str) -> Running {
    let code = format!("function handler(event) {{ {body} }}");
    Edge::before(behavior, |asked| Reply::ok(asked.target)).function_with("f", &code, "budget_ms = 5000").start().await
}

/// A function that answers with an expression over the event.
async fn showing(expression: &str) -> Running {
    showing_before("viewer_request = { function = \"f\" }", expression).await
}

async fn showing_before(behavior: &str, expression: &str) -> Running {
    edge(behavior, &format!("return {{statusCode: 200, body: JSON.stringify({expression})}};")).await
}

#[tokio::test]
async fn the_host_is_shown_in_lower_case_without_port_and_dot() {
    let edge = showing("event.request.headers.host").await;
    for host in ["WWW.Example.com", "www.example.com:443", "www.example.com.", "www.example.COM:8080"] {
        assert_eq!(edge.get_with("/", &[("Host", host)]).await.text(), r#"{"value":"www.example.com"}"#, "{host}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_host_that_was_shown_goes_on_as_it_came() {
    let edge =
        edge(FORWARDS_ALL, "event.request.headers['x-seen'] = event.request.headers.host; return event.request;").await;
    edge.get_with("/", &[("Host", "WWW.Example.com")]).await;
    let asked = edge.asked("app")[0].clone();
    assert_eq!((asked.header("host"), asked.header("x-seen")), (Some("WWW.Example.com"), Some("www.example.com")));
    edge.stop().await;
}

#[tokio::test]
async fn headers_that_only_cloudfront_knows_are_neither_shown_nor_forwarded_as_a_functions() {
    let forged = [
        ("X-Forwarded-Proto", "forged"),
        ("X-Real-IP", "forged"),
        ("X-Edge-Location", "forged"),
        ("X-Amz-Cf-Id", "forged"),
        ("Proxy-Authorization", "forged"),
        ("CloudFront-Viewer-Country", "forged"),
        ("CloudFront-Viewer-Address", "forged"),
        ("X-Forwarded-For", "1.2.3.4"),
    ];
    let edge = showing("Object.keys(event.request.headers)").await;
    assert_eq!(edge.get_with("/", &forged).await.text(), r#"["host","x-forwarded-for"]"#);
    edge.stop().await;
}

#[tokio::test]
async fn cloudfronts_viewer_headers_are_shown_when_a_policy_names_them() {
    let behavior = "viewer_request = { function = \"f\" }\norigin_request_policy = \"extra\"\n[[origin_request_policy]]\n\
                    name = \"extra\"\nheaders = [\"CloudFront-Viewer-Http-Version\", \"CloudFront-Is-Mobile-Viewer\"]\n";
    let edge = showing_before(
        behavior,
        "[event.request.headers['cloudfront-viewer-http-version'].value, \
          event.request.headers['cloudfront-is-mobile-viewer'].value, \
          'cloudfront-viewer-address' in event.request.headers]",
    )
    .await;
    assert_eq!(
        edge.get_with("/", &[("CloudFront-Is-Mobile-Viewer", "forged")]).await.text(),
        r#"["1.1","false",false]"#
    );
    edge.stop().await;
}

#[tokio::test]
async fn repeated_lines_are_a_multi_value_and_bytes_beyond_ascii_are_text() {
    let edge = showing("[event.request.headers.accept, event.request.headers['x-raw'].value, event.viewer.ip]").await;
    let mut connection = edge.connect().await;
    connection.write(b"GET / HTTP/1.1\r\nHost: a.test\r\nAccept: a\r\nAccept: b, c\r\nX-Raw: caf\xe9\r\n\r\n").await;
    assert_eq!(
        connection.answer(false).await.text(),
        r#"[{"value":"a","multiValue":[{"value":"a"},{"value":"b, c"}]},"café","127.0.0.1"]"#
    );
    edge.stop().await;
}

#[tokio::test]
async fn names_go_out_in_cloudfronts_case() {
    let on_request =
        edge(FORWARDS_ALL, "event.request.headers['x-custom-header'] = {value: 'é'}; return event.request;").await;
    on_request.get("/").await;
    // The test's origin reads names in lower case; the value is UTF-8.
    assert_eq!(on_request.asked("app")[0].header("x-custom-header"), Some("é"));
    on_request.stop().await;
    let on_response = edge(
        RESPONSE,
        "event.response.headers['strict-transport-security'] = {value: 'max-age=1'}; return event.response;",
    )
    .await;
    let answer = on_response.get("/").await;
    assert!(answer.headers.contains(&("Strict-Transport-Security".to_owned(), "max-age=1".to_owned())), "{answer:?}");
    on_response.stop().await;
}

#[tokio::test]
async fn cookies_of_a_response_keep_their_attributes_and_each_its_line() {
    // Without cookies in a policy CloudFront takes Set-Cookie away.
    let behavior = format!("{RESPONSE}\ncache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"");
    let code = "function handler(event) { event.response.cookies.a.multiValue.push({value: '3', attributes: 'Max-Age=1'}); \
                return event.response; }";
    let edge = Edge::before(&behavior, |_| {
        Reply::ok("hello")
            .with("set-cookie", "a=1; Secure; Path=/")
            .with("set-cookie", "a=2;HttpOnly")
            .with("set-cookie", "b=3")
    })
    .function_with("f", code, "budget_ms = 5000")
    .start()
    .await;
    let answer = edge.get("/").await;
    assert_eq!(answer.all("set-cookie"), ["a=1; Secure; Path=/", "a=2;HttpOnly", "a=3; Max-Age=1", "b=3"]);
    edge.stop().await;
}

#[tokio::test]
async fn a_response_made_anew_drops_via_and_is_refused() {
    for body in ["return {statusCode: 200};", "event.response.headers = {}; return event.response;"] {
        let edge = edge(RESPONSE, body).await;
        let answer = edge.get("/").await;
        assert_eq!((answer.status, answer.x_cache()), (502, "FunctionValidationError"), "{body}");
        assert_eq!(answer.sentence(), "The CloudFront function tried to add, delete, or change a read-only header.");
        edge.stop().await;
    }
    let body = "var old = event.response.headers; event.response.headers = {via: old.via, 'x-a': {value: '1'}}; return event.response;";
    let edge = edge(RESPONSE, body).await;
    let answer = edge.get("/").await;
    assert_eq!((answer.status, answer.header("x-a"), answer.all("via").len()), (200, Some("1"), 1));
    edge.stop().await;
}

#[tokio::test]
async fn a_compressed_body_is_kept_taken_away_or_replaced() {
    let gzip = b"\x1f\x8b\x08not really";
    let code = "function handler(event) {
        var response = event.response, uri = event.request.uri;
        if (uri === '/empty') { response.body = ''; }
        if (uri === '/text') { delete response.headers['content-encoding']; response.body = {encoding: 'text', data: 'new'}; }
        return response;
    }";
    let edge = Edge::before(RESPONSE, |_| Reply::ok(gzip.as_slice()).with("content-encoding", "gzip"))
        .function_with("f", code, "budget_ms = 5000")
        .start()
        .await;
    for (path, encoding, body) in
        [("/kept", Some("gzip"), gzip.as_slice()), ("/empty", Some("gzip"), b""), ("/text", None, b"new")]
    {
        for result in ["Miss", "Hit"] {
            let answer = edge.get_with(path, &[("Accept-Encoding", "gzip")]).await;
            assert_eq!(
                (answer.header("content-encoding"), answer.body.as_slice()),
                (encoding, body),
                "{path} {result}"
            );
            assert_eq!(answer.header("content-length"), Some(body.len().to_string().as_str()), "{path} {result}");
        }
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_rewritten_query_string_is_what_is_keyed_and_asked_for() {
    let behavior = "viewer_request = { function = \"f\" }\norigin_request_policy = \"all\"\ncache_policy = \"by-query\"\n\
                    [[cache_policy]]\nname = \"by-query\"\nmin_ttl_s = 0\ndefault_ttl_s = 60\nmax_ttl_s = 60\n\
                    query_strings = \"all\"\n[[origin_request_policy]]\nname = \"all\"\nquery_strings = \"all\"\n";
    let sorts = "var sorted = {}, q = event.request.querystring; \
                 Object.keys(q).sort().forEach(function (key) { sorted[key] = q[key]; }); \
                 event.request.querystring = sorted; return event.request;";
    let edge = edge(behavior, sorts).await;
    for (target, result) in [("/x?b=2&a=%31", "Miss"), ("/x?a=%31&b=2", "Hit"), ("/x?a=1&b=2", "Miss")] {
        let answer = edge.get(target).await;
        let sorted = if target.contains("%31") { "/x?a=%31&b=2" } else { "/x?a=1&b=2" };
        assert_eq!((answer.x_cache(), answer.text()), (result, sorted), "{target}");
    }
    edge.stop().await;
}

/// Status, `X-Cache` and the page, with the request's id taken out.
async fn page(behavior: &str, body: &str) -> String {
    let edge = edge(behavior, body).await;
    let answer = edge.connect().await.send(&get_of("/", &[])).await;
    let id = answer.header("x-amz-cf-id").unwrap().to_owned();
    let head =
        ["x-cache", "content-type", "server"].map(|name| format!("{name}: {}", answer.header(name).unwrap_or("-")));
    let text = format!("{}\n{}\n\n{}", answer.status, head.join("\n"), answer.text().replace(&id, "[id]"));
    edge.stop().await;
    text
}

#[tokio::test]
async fn a_function_that_throws_gives_cloudfronts_page() {
    insta::assert_snapshot!(page("viewer_request = { function = \"f\" }", "throw new Error('<b>secret</b>');").await);
}

#[tokio::test]
async fn a_function_that_cloudfront_would_not_compile_gives_the_page_of_a_throttled_one() {
    insta::assert_snapshot!(page("viewer_request = { function = \"f\" }", "return event?.request;").await);
}

#[tokio::test]
async fn a_read_only_header_gives_its_page() {
    insta::assert_snapshot!(
        page("viewer_request = { function = \"f\" }", "delete event.request.headers.host; return event.request;").await
    );
}

#[tokio::test]
async fn the_page_names_what_cloudfront_names() {
    let sentence = |page: &str| page.lines().nth(12).unwrap_or_default().to_owned();
    let mut sentences = Vec::new();
    for (behavior, body) in [
        (RESPONSE, "event.response.headers['X-Upper'] = {value: '1'}; return event.response;"),
        (RESPONSE, "return {statusCode: 200};"),
        (RESPONSE, "event.response.headers['x-edge-a'] = {value: '1'}; return event.response;"),
        (RESPONSE, "event.response.body = {encoding: 'base64', data: '%%%'}; return event.response;"),
        (RESPONSE, "return 5;"),
        (
            "viewer_request = { function = \"f\" }",
            "event.request.headers['X-Upper'] = {value: '1'}; return event.request;",
        ),
        ("viewer_request = { function = \"f\" }", "event.request.uri = 'relative'; return event.request;"),
    ] {
        let page = page(behavior, body).await;
        let mut lines = page.lines();
        sentences.push(format!(
            "{body}\n    {} {}\n    {}",
            lines.next().unwrap(),
            lines.next().unwrap(),
            sentence(&page)
        ));
    }
    insta::assert_snapshot!(sentences.join("\n"));
}

#[tokio::test]
async fn what_a_function_makes_of_cloudfronts_headers_is_what_is_keyed_and_what_the_origin_gets() {
    let code = "function handler(event) { var headers = event.request.headers; \
                headers['cloudfront-is-mobile-viewer'] = { value: 'false' }; delete headers['cloudfront-forwarded-proto']; \
                headers['cloudfront-viewer-country'] = { value: 'DE' }; headers['cloudfront-viewer-city'] = { value: 'Ulm' }; \
                return event.request; }";
    let behavior = "viewer_request = { function = \"f\" }\ncache_policy = \"keyed\"\n[[cache_policy]]\nname = \"keyed\"\n\
                    default_ttl_s = 60\nheaders = [\"CloudFront-Is-Mobile-Viewer\", \"CloudFront-Forwarded-Proto\", \
                    \"CloudFront-Viewer-Country\"]\n";
    let edge = Edge::before(behavior, |_| Reply::ok("page")).function_with("f", code, "budget_ms = 5000").start().await;
    let phone = [("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148")];
    assert_eq!(edge.get_with("/", &phone).await.x_cache(), "Miss");
    assert_eq!(edge.get("/").await.x_cache(), "Hit", "the function has made them one");
    let asked = &edge.asked("app")[0];
    assert_eq!(asked.header("cloudfront-is-mobile-viewer"), Some("false"));
    assert_eq!(asked.header("cloudfront-forwarded-proto"), None, "taken away");
    assert_eq!(asked.header("cloudfront-viewer-country"), Some("DE"), "added, and named by the policy");
    assert_eq!(asked.header("cloudfront-viewer-city"), None, "no policy names it");
    edge.stop().await;
}
