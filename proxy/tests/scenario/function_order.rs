//! When CloudFront Functions run, and what is there when they do: §10 of the order of things, over both versions of HTTP.

use crate::harness::{Binary, Connection, Edge, Http2, Reply, get_of, one_origin};

const BOTH: &str = "viewer_request = { function = \"f\" }\nviewer_response = { function = \"g\" }";

/// Functions on both viewer events of a site whose origin answers with what it was asked for.
fn with(behavior: &str, on_request: &str, on_response: &str) -> Edge {
    site(&one_origin(&format!("{BOTH}\n{behavior}")), on_request, on_response)
}

fn site(toml: &str, on_request: &str, on_response: &str) -> Edge {
    let code = |body: &str| format!("function handler(event) {{ {body} }}");
    Edge::with(toml)
        .origin("app", |asked| Reply::ok(asked.target))
        .function_with("f", &code(on_request), "budget_ms = 5000")
        .function_with("g", &code(on_response), "budget_ms = 5000")
}

const MARKED: &str = "event.response.headers['x-g'] = { value: 'ran' }; return event.response;";

#[tokio::test]
async fn no_function_runs_on_a_redirect_to_https() {
    let throws = "throw new Error('not on a redirect');";
    let edge = with("viewer_protocol_policy = \"redirect-to-https\"", throws, throws).start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache()), (301, "Redirect"));
    assert_eq!(answer.header("location"), Some("https://dtest123456789.cloudfront.net/x"));
    edge.stop().await;
}

#[tokio::test]
async fn no_function_runs_on_what_the_protocol_policy_refuses() {
    let throws = "throw new Error('not on a refusal');";
    let edge = with("viewer_protocol_policy = \"https-only\"", throws, throws).start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache()), (403, "Error"));
    edge.stop().await;
}

#[tokio::test]
async fn the_viewer_response_function_runs_after_the_origin_and_not_after_a_generated_answer() {
    let generates = "if (event.request.uri !== '/generated') return event.request; \
        return { statusCode: 200, headers: { 'x-f': { value: 'ran' } }, body: 'made' };";
    let edge = with("", generates, MARKED).start().await;
    let fetched = edge.get("/x").await;
    assert_eq!((fetched.text(), fetched.header("x-g")), ("/x", Some("ran")));
    for _ in 0..2 {
        let answer = edge.get("/generated").await;
        assert_eq!((answer.status, answer.x_cache(), answer.text()), (200, "FunctionGeneratedResponse", "made"));
        assert_eq!((answer.header("x-f"), answer.header("x-g")), (Some("ran"), None));
    }
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn the_viewer_response_function_does_not_run_after_the_failure_of_the_other() {
    let edge = with("", "throw new Error('boom');", MARKED).start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache(), answer.header("x-g")), (503, "FunctionExecutionError", None));
    edge.stop().await;
}

#[tokio::test]
async fn the_default_root_object_is_the_uri_that_functions_see() {
    let shows = "event.request.headers['x-uri'] = { value: event.request.uri }; return event.request;";
    let on_response = "event.response.headers['x-uri'] = event.request.headers['x-uri']; return event.response;";
    let id = "id = \"ETEST123456789\"";
    let rooted = format!("{id}\ndefault_root_object = \"index.html\"");
    let toml = one_origin(&format!("{BOTH}\ncache_policy = \"CachingDisabled\"")).replace(id, &rooted);
    let edge = site(&toml, shows, on_response).start().await;
    for (path, uri, asked) in [
        ("/", "/index.html", "/index.html"),
        ("/?a=1", "/index.html", "/index.html"),
        ("/folder/", "/folder/", "/folder/"),
        ("/index.html", "/index.html", "/index.html"),
    ] {
        let answer = edge.get(path).await;
        assert_eq!((answer.header("x-uri"), answer.text()), (Some(uri), asked), "{path}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn events_of_viewers_over_h2_look_as_those_over_http_1() {
    let behavior = "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"";
    let shows = "var r = event.request, h = r.headers; \
        if (r.uri === '/generated') return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: '/' + h.host.value } } }; \
        h['x-seen'] = { value: JSON.stringify([r.method, r.uri, r.querystring, h.host, h['x-in'], r.cookies, Object.keys(h).filter(function (n) { return n[0] === ':'; }), event.viewer.ip]) }; \
        return r;";
    let on_response = "event.response.headers['x-seen'] = event.request.headers['x-seen']; \
        event.response.cookies = { a: { value: '1', attributes: 'Secure' } }; return event.response;";
    let edge = with(behavior, shows, on_response).start().await;
    let viewer = Http2::over(tokio::net::TcpStream::connect(edge.address).await.unwrap()).await;
    let request = |path: &str| {
        let uri = format!("http://dtest123456789.cloudfront.net{path}");
        http::Request::get(uri).header("X-In", "1").header("x-in", "2").header("cookie", "a=1").header("cookie", "b=2")
    };
    let over_h2 = viewer.send(request("/x%20y?q=%41&q=2").body(()).unwrap(), &[]).await;
    let headers = [("X-In", "1"), ("x-in", "2"), ("Cookie", "a=1; b=2")];
    let over_http_1 = edge.get_with("/x%20y?q=%41&q=2", &headers).await;
    let seen = over_h2.header("x-seen").unwrap();
    insta::assert_snapshot!(seen, @r#"["GET","/x%20y",{"q":{"value":"%41","multiValue":[{"value":"%41"},{"value":"2"}]}},{"value":"dtest123456789.cloudfront.net"},{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]},{"a":{"value":"1"},"b":{"value":"2"}},[],"127.0.0.1"]"#);
    assert_eq!(over_http_1.header("x-seen"), Some(seen));
    assert_eq!(
        (over_h2.status, over_h2.text(), over_h2.header("set-cookie")),
        (200, "/x%20y?q=%41&q=2", Some("a=1; Secure"))
    );
    let generated = viewer.send(request("/generated").body(()).unwrap(), &[]).await;
    assert_eq!((generated.status, generated.x_cache()), (302, "FunctionGeneratedResponse"));
    assert_eq!(generated.header("location"), Some("/dtest123456789.cloudfront.net"));
    edge.stop().await;
}

#[tokio::test]
async fn heads_of_32768_bytes_are_taken_and_larger_ones_are_a_502() {
    let sets = "var q = event.request.querystring; if (q.request) event.request.headers['x-big'] = { value: 'a'.repeat(+q.request.value) }; return event.request;";
    let on_response = "var q = event.request.querystring; if (q.response) event.response.headers['x-big'] = { value: 'b'.repeat(+q.response.value) }; return event.response;";
    let behavior = "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"";
    let edge = with(behavior, sets, on_response).start().await;
    for (path, status, result) in [
        ("/?response=32000", 200, "Miss"),
        ("/?response=32768", 502, "FunctionValidationError"),
        ("/?request=32000", 200, "Miss"),
        ("/?request=32768", 502, "FunctionValidationError"),
    ] {
        let answer = edge.get(path).await;
        assert_eq!((answer.status, answer.x_cache()), (status, result), "{path}");
    }
    let big = edge.get("/?response=32000").await;
    assert_eq!(big.header("x-big").map(str::len), Some(32000));
    assert_eq!(edge.asked("app")[2].header("x-big").map(str::len), Some(32000));
    edge.stop().await;
}

#[tokio::test]
async fn a_date_that_a_function_sets_is_the_viewers() {
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let generates = "if (event.request.uri === '/generated') return { statusCode: 200, headers: { date: { value: 'Sun, 06 Nov 1994 08:49:37 GMT' } } }; return event.request;";
    let on_response =
        "event.response.headers.date = { value: 'Sun, 06 Nov 1994 08:49:37 GMT' }; return event.response;";
    let edge = with("", generates, on_response).start().await;
    for path in ["/x", "/x", "/generated"] {
        let answer = edge.get(path).await;
        assert_eq!(answer.all("date"), [DATE], "{path} {}", answer.x_cache());
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_length_or_a_date_that_is_not_sent_as_it_was_set_is_told_in_the_log() {
    let on_response = "var h = event.response.headers; h['content-length'] = { value: '999' }; \
        h.date = { value: 'today' }; return event.response;";
    let (folder, _origins) = with("", "return event.request;", on_response).written();
    let (mut node, address) = Binary::serve(folder.path()).await;
    let mut log = node.log();
    let answer = Connection::open(address).await.send(&get_of("/x", &[])).await;
    assert_eq!((answer.status, answer.text(), answer.header("content-length")), (200, "/x", Some("2")));
    assert_eq!(answer.header("date").map(str::len), Some(29), "{answer:?}");
    let lines = [log.line_with("content-length").await, log.line_with("date").await];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    WARN function "g": response.headers["content-length"] is not sent as it was set: the node writes what frames the body
    WARN function "g": response.headers["date"] is not sent as it was set: one date in the form of "Sun, 06 Nov 1994 08:49:37 GMT" would be
    "#);
}
