//! Lambda@Edge as AWS documents it, one scenario for each thing that authors rely on: what goes in, what a viewer and an origin get.

use crate::harness::{Code, Edge, Language, Reply, Running, in_every_language, one_origin};

in_every_language! {
    c05_an_origins_404_is_shown_as_a_string_and_is_not_shown_to_viewer_response,
    c06_c07_origin_response_sets_status_and_body_removes_it_or_leaves_it_and_that_is_kept,
    c04_a_generated_answer_of_origin_request_is_kept_and_logged_as_such,
    c10_c11_headers_that_may_not_be_touched_on_viewer_request,
    c11_headers_that_may_not_be_touched_on_origin_request_and_the_log_names_them,
    c10_origin_request_may_set_the_host,
    c12_what_functions_never_see_is_in_none_of_the_four_events,
    c13_each_line_of_a_header_is_an_entry_in_and_out,
    c14_c15_c16_results_that_are_none_have_their_own_sentences,
    c15_a_result_that_is_no_json_is_told_to_be_not_parsable,
    c16_statuses_are_200_to_599_as_text_or_number,
    c15_a_viewer_events_answer_has_at_most_40_kb_and_an_origin_events_a_megabyte,
    s3_what_origin_response_puts_in_the_place_of_an_answer_has_the_same_limits,
    c20_uris_and_query_strings_that_cloudfront_refuses,
    c21_a_function_that_raises_is_a_503_on_every_event_and_the_log_says_why,
    c22_a_function_that_sleeps_past_its_timeout_is_a_503_and_the_next_request_is_served,
    s6_1_a_failed_function_is_told_in_the_access_log_and_its_answer_is_not_kept,
}

const READ_ONLY: &str =
    "The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.";
const DISALLOWED: &str =
    "The Lambda function result failed validation: The function tried to add a blacklisted header.";
const BODY: &str = "The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.";
const NOT_AN_ARRAY: &str = "The Lambda function returned an invalid entry in the headers object: Each header entry in the headers object must be an array.";
const NOT_AN_OBJECT: &str = "The Lambda function returned invalid JSON: The JSON output must be an object type.";
const NOT_PARSABLE: &str = "The Lambda function returned invalid json: The json output is not parsable";
const EXECUTION: &str = "The Lambda function associated with the CloudFront distribution is invalid or doesn't have the required permissions.";

/// A function that does these lines, to which `wish` is the path without its slash, and returns its request.
fn wishes(python: &str, node: &str) -> Code {
    Code::around(
        &format!("wish = request[\"uri\"].strip(\"/\")\n    {python}\n    return request"),
        &format!("const wish = request.uri.slice(1);\n    {node}\n    return request;"),
    )
}

/// A node that calls such a function on `event`; the origin sends back what it was asked for.
async fn node(language: Language, event: &str, code: &Code) -> Running {
    Edge::before(&format!("{event} = {{ lambda = \"l\" }}"), |asked| Reply::ok(asked.target))
        .lambda(language, "l", code, "timeout_s = 20")
        .start()
        .await
}

/// Asks for each path: status, `X-Cache` and the sentence of the page.
async fn refused(edge: Running, expected: &[(&str, u16, &str, &str)]) {
    for (wish, status, result, sentence) in expected {
        let answer = edge.get(&format!("/{wish}")).await;
        assert_eq!((answer.status, answer.x_cache(), answer.sentence()), (*status, *result, *sentence), "{wish}");
        assert_eq!(answer.header("x-cache"), Some(format!("{result} from cloudfront").as_str()));
    }
    assert_eq!(edge.get("/fine").await.text(), "/fine", "the next request is served");
    edge.stop().await;
}

const INVALID: u16 = 502;

async fn c05_an_origins_404_is_shown_as_a_string_and_is_not_shown_to_viewer_response(language: Language) {
    let behavior = "origin_response = { lambda = \"o\" }\nviewer_response = { lambda = \"v\" }";
    let seen = |name: &str| {
        let python = r#"response = cf["response"]
    response["headers"]["NAME"] = header(repr(response["status"]), "NAME")
    return response"#;
        let node = r#"const { response } = cf;
    response.headers["NAME"] = header(JSON.stringify(response.status).replaceAll('"', "'"), "NAME");
    return response;"#;
        Code::around(&python.replace("NAME", name), &node.replace("NAME", name))
    };
    let edge = Edge::before(behavior, |_| Reply::status(404, "no"))
        .lambda(language, "o", &seen("x-origin-saw"), "timeout_s = 20")
        .lambda(language, "v", &seen("x-viewer-saw"), "timeout_s = 20")
        .start()
        .await;
    let answer = edge.get("/x").await;
    assert_eq!(
        (answer.status, answer.header("x-origin-saw"), answer.header("x-viewer-saw")),
        (404, Some("'404'"), None)
    );
    edge.stop().await;
}

async fn c06_c07_origin_response_sets_status_and_body_removes_it_or_leaves_it_and_that_is_kept(language: Language) {
    let python = r#"response = cf["response"]; wish = request["uri"].strip("/")
    if wish == "mend": response["status"] = 200; response["statusDescription"] = "OK"; response["body"] = "x"
    if wish == "base64": response["body"] = "aGk="; response["bodyEncoding"] = "base64"
    if wish == "remove": response["body"] = ""
    return response"#;
    let node = r#"const { response } = cf; const wish = request.uri.slice(1);
    if (wish === "mend") Object.assign(response, { status: 200, statusDescription: "OK", body: "x" });
    if (wish === "base64") Object.assign(response, { body: "aGk=", bodyEncoding: "base64" });
    if (wish === "remove") response.body = "";
    return response;"#;
    let edge = Edge::before("origin_response = { lambda = \"l\" }", |asked| match asked.target.as_str() {
        "/mend" => Reply::status(500, "broken"),
        _ => Reply::chunked("origin"),
    })
    .lambda(language, "l", &Code::around(python, node), "timeout_s = 20")
    .start()
    .await;
    for (path, body) in [("/mend", "x"), ("/base64", "hi"), ("/remove", ""), ("/left", "origin")] {
        for result in ["Miss", "Hit"] {
            let answer = edge.get(path).await;
            assert_eq!((answer.status, answer.text(), answer.x_cache()), (200, body, result), "{path}");
        }
    }
    edge.stop().await;
}

async fn c04_a_generated_answer_of_origin_request_is_kept_and_logged_as_such(language: Language) {
    let python = r#"return {"status": "200", "body": "hi", "headers": {"cache-control": header("max-age=100", "Cache-Control")}}"#;
    let node = r#"return { status: "200", body: "hi", headers: { "cache-control": header("max-age=100", "Cache-Control") } };"#;
    let never = Code::around(
        "raise Exception('not after a generated answer')",
        "throw new Error('not after a generated answer');",
    );
    let behavior = "origin_request = { lambda = \"l\" }\norigin_response = { lambda = \"never\" }";
    let toml = format!("[log]\naccess = {{ path = \"access.log\" }}\nfunction = \"f.log\"\n{}", one_origin(behavior));
    let edge = Edge::with(toml)
        .origin("app", |_| Reply::ok("origin"))
        .lambda(language, "l", &Code::around(python, node), "timeout_s = 20")
        .lambda(language, "never", &never, "timeout_s = 20")
        .start()
        .await;
    for result in ["LambdaGeneratedResponse", "Hit"] {
        let answer = edge.get("/x").await;
        assert_eq!((answer.text(), answer.x_cache()), ("hi", result));
    }
    let log = edge.stop_and_read("access.log").await;
    let details: Vec<_> = log.lines().skip(2).map(|line| line.split('\t').nth(28).unwrap()).collect();
    assert_eq!(details, ["MissGeneratedResponse", "Hit"]);
}

async fn c10_c11_headers_that_may_not_be_touched_on_viewer_request(language: Language) {
    let code = wishes(
        r#"if wish == "host": request["headers"]["host"] = header("other.test", "Host")
    if wish == "via": request["headers"]["via"] = header("1.1 me", "Via")
    if wish == "connection": request["headers"]["connection"] = header("close", "Connection")
    if wish == "edge": request["headers"]["x-edge-foo"] = header("1", "X-Edge-Foo")
    if wish == "country": request["headers"]["cloudfront-viewer-country"] = header("KR", "CloudFront-Viewer-Country")"#,
        r#"if (wish === "host") request.headers.host = header("other.test", "Host");
    if (wish === "via") request.headers.via = header("1.1 me", "Via");
    if (wish === "connection") request.headers.connection = header("close", "Connection");
    if (wish === "edge") request.headers["x-edge-foo"] = header("1", "X-Edge-Foo");
    if (wish === "country") request.headers["cloudfront-viewer-country"] = header("KR", "CloudFront-Viewer-Country");"#,
    );
    let invalid = "LambdaValidationError";
    let expected = [
        ("host", INVALID, invalid, READ_ONLY),
        ("via", INVALID, invalid, READ_ONLY),
        ("connection", INVALID, invalid, DISALLOWED),
        ("edge", INVALID, invalid, DISALLOWED),
        ("country", INVALID, invalid, DISALLOWED),
    ];
    refused(node(language, "viewer_request", &code).await, &expected).await;
}

async fn c11_headers_that_may_not_be_touched_on_origin_request_and_the_log_names_them(language: Language) {
    let code = wishes(
        r#"if wish == "connection": request["headers"]["connection"] = header("close", "Connection")
    if wish == "via": request["headers"].pop("via")
    if wish == "condition": request["headers"]["if-none-match"] = header("1", "If-None-Match")
    if wish == "length": return {"status": "200", "headers": {"content-length": header("1", "Content-Length")}}"#,
        r#"if (wish === "connection") request.headers.connection = header("close", "Connection");
    if (wish === "via") delete request.headers.via;
    if (wish === "condition") request.headers["if-none-match"] = header("1", "If-None-Match");
    if (wish === "length") return { status: "200", headers: { "content-length": header("1", "Content-Length") } };"#,
    );
    let edge = node(language, "origin_request", &code).await;
    for (wish, sentence) in
        [("connection", DISALLOWED), ("via", READ_ONLY), ("condition", READ_ONLY), ("length", READ_ONLY)]
    {
        let answer = edge.get(&format!("/{wish}")).await;
        assert_eq!((answer.status, answer.sentence()), (502, sentence), "{wish}");
    }
    let id = edge.get("/connection").await.header("x-amz-cf-id").unwrap().to_owned();
    let log = edge.stop_and_read("functions.log").await;
    let line = format!(
        "({id}) ERROR Validation error: Lambda function result failed validation, the function tried to add a blacklisted header in headers, headerName : connection."
    );
    assert!(log.contains(&line), "{log}");
    assert!(log.contains("the function tried to delete read-only header, headerName : Via."), "{log}");
}

async fn c10_origin_request_may_set_the_host(language: Language) {
    let code = wishes(
        r#"request["headers"]["host"] = header("other.test", "Host")"#,
        r#"request.headers.host = header("other.test", "Host");"#,
    );
    let edge = node(language, "origin_request", &code).await;
    edge.get("/x").await;
    assert_eq!(edge.asked("app")[0].header("host"), Some("other.test"));
    edge.stop().await;
}

async fn c12_what_functions_never_see_is_in_none_of_the_four_events(language: Language) {
    let behavior = "origin_request_policy = \"AllViewer\"\ncache_policy = \"CachingDisabled\"\nviewer_request = { lambda = \"q\" }\n\
                    origin_request = { lambda = \"q\" }\norigin_response = { lambda = \"r\" }\nviewer_response = { lambda = \"r\" }";
    let python = r#"hidden = {"connection", "x-forwarded-proto", "x-edge-foo", "x-cache", "x-amz-cf-id", "keep-alive", "expect"}
    if hidden & set(request["headers"]) or hidden & set(cf.get("response", {"headers": {}})["headers"]): raise Exception(str(event))
    return cf.get("response", request)"#;
    let node = r#"const hidden = ["connection", "x-forwarded-proto", "x-edge-foo", "x-cache", "x-amz-cf-id", "keep-alive", "expect"];
    const { response } = cf;
    if (hidden.some((name) => name in request.headers || name in (response?.headers ?? {}))) throw new Error(JSON.stringify(event));
    return response ?? request;"#;
    let code = Code::around(python, node);
    let edge = Edge::before(behavior, |asked| Reply::ok(asked.target).with("x-cache", "1").with("x-edge-foo", "1"))
        .lambda(language, "q", &code, "timeout_s = 20")
        .lambda(language, "r", &code, "timeout_s = 20")
        .start()
        .await;
    let headers =
        [("Connection", "keep-alive"), ("X-Forwarded-Proto", "https"), ("X-Edge-Foo", "1"), ("Keep-Alive", "1")];
    let answer = edge.get_with("/x", &headers).await;
    assert_eq!((answer.status, answer.text()), (200, "/x"));
    edge.stop().await;
}

async fn c13_each_line_of_a_header_is_an_entry_in_and_out(language: Language) {
    let code = wishes(
        r#"lines = request["headers"]["cookie"]
    return {"status": "200", "body": "|".join(line["key"] + "=" + line["value"] for line in lines),
        "headers": {"set-cookie": [{"key": "Set-Cookie", "value": "a=1"}, {"key": "Set-Cookie", "value": "b=2; Path=/"}]}}"#,
        r#"const lines = request.headers.cookie;
    return { status: "200", body: lines.map((line) => line.key + "=" + line.value).join("|"),
        headers: { "set-cookie": [{ key: "Set-Cookie", value: "a=1" }, { key: "Set-Cookie", value: "b=2; Path=/" }] } };"#,
    );
    let edge = node(language, "viewer_request", &code).await;
    let answer = edge.get_with("/x", &[("Cookie", "a=1; b=%7E"), ("Cookie", "c=3")]).await;
    assert_eq!(answer.text(), "Cookie=a=1; b=%7E|Cookie=c=3");
    assert_eq!(answer.all("set-cookie"), ["a=1", "b=2; Path=/"]);
    edge.stop().await;
}

async fn c14_c15_c16_results_that_are_none_have_their_own_sentences(language: Language) {
    let code = wishes(
        r#"if wish == "string": request["headers"]["x-a"] = "text"
    if wish == "number": request["headers"]["x-a"] = [{"key": "X-A", "value": 1}]
    if wish == "null": return None
    if wish == "list": return [request]
    if wish == "large": return {"status": "200", "body": "x" * 41 * 1024}
    if wish == "object": return {"status": "200", "body": {"a": 1}}"#,
        r#"if (wish === "string") request.headers["x-a"] = "text";
    if (wish === "number") request.headers["x-a"] = [{ key: "X-A", value: 1 }];
    if (wish === "null") return null;
    if (wish === "list") return [request];
    if (wish === "large") return { status: "200", body: "x".repeat(41 * 1024) };
    if (wish === "object") return { status: "200", body: { a: 1 } };"#,
    );
    let invalid = "LambdaValidationError";
    let expected = [
        ("string", INVALID, invalid, NOT_AN_ARRAY),
        ("number", INVALID, invalid, NOT_AN_ARRAY),
        ("null", INVALID, invalid, NOT_AN_OBJECT),
        ("list", INVALID, invalid, NOT_AN_OBJECT),
        ("large", INVALID, invalid, BODY),
        ("object", INVALID, invalid, BODY),
    ];
    refused(node(language, "viewer_request", &code).await, &expected).await;
}

async fn c15_a_result_that_is_no_json_is_told_to_be_not_parsable(language: Language) {
    // Python writes NaN, which JSON does not have; what a function writes to a stream is sent as it is.
    let python = wishes("if wish == \"nonsense\": request[\"uri\"] = float(\"nan\")", "").python;
    let streaming = r#"
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    const { request } = event.Records[0].cf;
    stream.write(request.uri === "/nonsense" ? '{"uri": NaN}' : JSON.stringify(request));
    stream.end();
});
"#;
    let code = Code { python, node: streaming.to_owned() };
    for event in ["viewer_request", "origin_request"] {
        let edge = node(language, event, &code).await;
        refused(edge, &[("nonsense", INVALID, "LambdaValidationError", NOT_PARSABLE)]).await;
    }
}

async fn c16_statuses_are_200_to_599_as_text_or_number(language: Language) {
    let code = wishes(
        r#"if wish == "204-body": return {"status": "204", "body": "x"}
    if wish.isdigit(): return {"status": wish}
    if wish.startswith("n"): return {"status": int(wish[1:])}"#,
        r#"if (wish === "204-body") return { status: "204", body: "x" };
    if (/^\d+$/.test(wish)) return { status: wish };
    if (wish.startsWith("n")) return { status: Number(wish.slice(1)) };"#,
    );
    for event in ["viewer_request", "origin_request"] {
        let edge = node(language, event, &code).await;
        for (path, status) in
            [("199", 502), ("600", 502), ("n600", 502), ("204-body", 502), ("204", 204), ("n200", 200), ("599", 599)]
        {
            let answer = edge.get(&format!("/{path}")).await;
            assert_eq!(answer.status, status, "{event} {path}");
        }
        edge.stop().await;
    }
}

async fn c15_a_viewer_events_answer_has_at_most_40_kb_and_an_origin_events_a_megabyte(language: Language) {
    let code = wishes(
        r#"if wish.isdigit(): return {"status": "200", "body": "x" * int(wish)}"#,
        r#"if (/^\d+$/.test(wish)) return { status: "200", body: "x".repeat(Number(wish)) };"#,
    );
    for (event, fits, too_large) in
        [("viewer_request", 39 * 1_024, 41 * 1_024), ("origin_request", 1_000_000, 1_100_000)]
    {
        let edge = node(language, event, &code).await;
        let large = edge.get(&format!("/{too_large}")).await;
        assert_eq!((large.status, large.sentence()), (502, BODY), "{event}");
        let answer = edge.get(&format!("/{fits}")).await;
        assert_eq!((answer.status, answer.body.len()), (200, fits), "{event}");
        edge.stop().await;
    }
}

async fn s3_what_origin_response_puts_in_the_place_of_an_answer_has_the_same_limits(language: Language) {
    let code = wishes(
        r#"if wish == "204-body": return {"status": "204", "headers": {}, "body": "x"}
    if wish == "base64": return {"status": "200", "headers": {}, "body": "%", "bodyEncoding": "base64"}
    if wish == "gzip": return {"status": "200", "headers": {}, "body": "x", "bodyEncoding": "gzip"}
    if wish.startswith("s"): return {"status": wish[1:], "headers": {}}
    if wish.isdigit(): return {"status": "200", "headers": {}, "body": "x" * int(wish)}
    return cf["response"]"#,
        r#"if (wish === "204-body") return { status: "204", headers: {}, body: "x" };
    if (wish === "base64") return { status: "200", headers: {}, body: "%", bodyEncoding: "base64" };
    if (wish === "gzip") return { status: "200", headers: {}, body: "x", bodyEncoding: "gzip" };
    if (wish.startsWith("s")) return { status: wish.slice(1), headers: {} };
    if (/^\d+$/.test(wish)) return { status: "200", headers: {}, body: "x".repeat(Number(wish)) };
    return cf.response;"#,
    );
    let edge = node(language, "origin_response", &code).await;
    for path in ["/s199", "/s600", "/204-body", "/base64", "/gzip", "/1100000"] {
        let answer = edge.get(path).await;
        assert_eq!((answer.status, answer.x_cache()), (502, "LambdaValidationError"), "{path}");
    }
    for (path, status, bytes) in [("/1000000", 200, 1_000_000), ("/s204", 204, 0), ("/fine", 200, 5)] {
        let answer = edge.get(path).await;
        assert_eq!((answer.status, answer.body.len()), (status, bytes), "{path}");
    }
    edge.stop().await;
}

async fn c20_uris_and_query_strings_that_cloudfront_refuses(language: Language) {
    let code = wishes(
        r#"if wish == "space": request["querystring"] = "a b"
    if wish == "fragment": request["querystring"] = "a#b"
    if wish == "slash": request["uri"] = "no-slash"
    if wish == "long": request["uri"] = "/" + "a" * 8000; request["querystring"] = "b" * 200"#,
        r#"if (wish === "space") request.querystring = "a b";
    if (wish === "fragment") request.querystring = "a#b";
    if (wish === "slash") request.uri = "no-slash";
    if (wish === "long") { request.uri = "/" + "a".repeat(8000); request.querystring = "b".repeat(200); }"#,
    );
    for event in ["viewer_request", "origin_request"] {
        let edge = node(language, event, &code).await;
        for wish in ["space", "fragment", "slash", "long"] {
            let answer = edge.get(&format!("/{wish}")).await;
            assert_eq!((answer.status, answer.x_cache()), (502, "LambdaValidationError"), "{event} {wish}");
        }
        assert_eq!(edge.asked_times("app"), 0);
        edge.stop().await;
    }
}

async fn c21_a_function_that_raises_is_a_503_on_every_event_and_the_log_says_why(language: Language) {
    let code = Code::around("raise ValueError('boom')", "throw new TypeError('boom');");
    let told = match language {
        Language::Python => "[ERROR] ValueError: boom\nlambda/l/1\tTraceback",
        Language::Node => "\tERROR\tInvoke Error \t{\"errorType\":\"TypeError\",\"errorMessage\":\"boom\",\"stack\":",
        Language::Provided => "homefront: ValueError: boom\n",
    };
    for event in ["viewer_request", "origin_request", "origin_response", "viewer_response"] {
        let behavior = format!("{event} = {{ lambda = \"l\" }}");
        let edge = Edge::before(&behavior, |asked| Reply::ok(asked.target))
            .lambda(language, "l", &code, "timeout_s = 20")
            .start()
            .await;
        let answer = edge.get("/x").await;
        assert_eq!(
            (answer.status, answer.x_cache(), answer.sentence()),
            (503, "LambdaExecutionError", EXECUTION),
            "{event}"
        );
        let log = edge.stop_and_read("functions.log").await;
        assert!(log.contains(told), "{event}: {log}");
    }
}

async fn c22_a_function_that_sleeps_past_its_timeout_is_a_503_and_the_next_request_is_served(language: Language) {
    let code = wishes(
        "import threading\n    if wish == \"hang\": threading.Event().wait()",
        "if (wish === \"hang\") await new Promise(() => setInterval(() => {}, 1000));",
    );
    for event in ["viewer_request", "origin_request"] {
        let edge = Edge::before(&format!("{event} = {{ lambda = \"l\" }}"), |asked| Reply::ok(asked.target))
            .lambda(language, "l", &code, "timeout_s = 1\nconcurrency_max = 1")
            .start()
            .await;
        let answer = edge.get("/hang").await;
        assert_eq!(
            (answer.status, answer.x_cache(), answer.sentence()),
            (503, "LambdaExecutionError", EXECUTION),
            "{event}"
        );
        assert_eq!(edge.get("/fine").await.text(), "/fine", "{event}");
        let log = edge.stop_and_read("functions.log").await;
        assert!(log.contains("Status: timeout"), "{log}");
    }
}

async fn s6_1_a_failed_function_is_told_in_the_access_log_and_its_answer_is_not_kept(language: Language) {
    let code = Code::around(
        r#"if calls == 1: raise ValueError("boom")
    if calls == 2: return None
    return request"#,
        r#"if (calls === 1) throw new TypeError("boom");
    if (calls === 2) return null;
    return request;"#,
    );
    for event in ["viewer_request", "origin_request"] {
        let behavior = format!("{event} = {{ lambda = \"l\" }}");
        let toml =
            format!("[log]\naccess = {{ path = \"access.log\" }}\nfunction = \"f.log\"\n{}", one_origin(&behavior));
        let edge = Edge::with(toml)
            .origin("app", |_| Reply::ok("origin"))
            .lambda(language, "l", &code, "timeout_s = 20\nconcurrency_max = 1")
            .start()
            .await;
        let expected = [(503, "LambdaExecutionError"), (502, "LambdaValidationError"), (200, "Miss")];
        for (status, result) in expected {
            let answer = edge.get("/x").await;
            assert_eq!((answer.status, answer.x_cache()), (status, result), "{event}");
        }
        let log = edge.stop_and_read("access.log").await;
        let fields = |line: &str| [13, 22, 28].map(|field| line.split('\t').nth(field).unwrap().to_owned());
        let logged: Vec<_> = log.lines().skip(2).map(fields).collect();
        assert_eq!(logged, expected.map(|(_, result)| [result; 3]), "{event}");
    }
}
