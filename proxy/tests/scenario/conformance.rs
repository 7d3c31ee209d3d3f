//! The conformance cases of CloudFront Functions, each over a real node. What a case is about in depth is tested in the file of its
//! topic; here is one test for each case, named for its number.

use crate::harness::{Answer, Edge, Origin, Reply, Running, binary, get_of, one_origin};
use serde_json::{Value, json};

const EXECUTION: &str =
    "The CloudFront function associated with the CloudFront distribution is invalid or could not run.";
const READ_ONLY: &str = "The CloudFront function tried to add, delete, or change a read-only header.";

/// A function on `event` in front of an origin that answers with what it was asked for, nothing cached.
fn on(event: &str, code: &str) -> Edge {
    let behavior = format!(
        "{event} = {{ function = \"f\" }}\ncache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\""
    );
    Edge::before(&behavior, |asked| Reply::ok(asked.target)).function_with("f", code, "budget_ms = 5000")
}

/// What a viewer-request function that answers with `seen`, an expression, sees of a request.
async fn sees(seen: &str, path: &str, headers: &[(&str, &str)]) -> Value {
    let code = format!(
        "function handler(event) {{ var request = event.request; return {{ statusCode: 200, body: JSON.stringify({seen}) }}; }}"
    );
    let edge = on("viewer_request", &code).start().await;
    let answer = edge.get_with(path, headers).await;
    edge.stop().await;
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// What the origin gets of a request that a function changed: its target and these header lines.
async fn sends(code: &str, path: &str, headers: &[(&str, &str)], name: &str) -> (String, Vec<String>) {
    let edge = on(
        "viewer_request",
        &format!("function handler(event) {{ var request = event.request; {code} return request; }}"),
    );
    let edge = edge.start().await;
    assert_eq!(edge.get_with(path, headers).await.status, 200);
    let asked = edge.asked("app")[0].clone();
    edge.stop().await;
    let lines = asked.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.clone());
    (asked.target.clone(), lines.collect())
}

/// The answer to a viewer whose request a function handles so.
async fn answers(body: &str, headers: &[(&str, &str)]) -> (Answer, usize) {
    let edge = on("viewer_request", &format!("function handler(event) {{ {body} }}")).start().await;
    let answer = edge.get_with("/x", headers).await;
    let asked = edge.asked_times("app");
    edge.stop().await;
    (answer, asked)
}

/// What TestFunction says of a function: its error message.
async fn test_function(code: &str, settings: &str) -> String {
    let edge = on("viewer_request", "").function_with("tested", code, &format!("budget_ms = 5000\n{settings}"));
    let event = r#"{"version":"1.0","context":{"eventType":"viewer-request"},"request":{"method":"GET","uri":"/"}}"#;
    let edge = edge.file("event.json", event).file("kvs.json", r#"{"data":[]}"#);
    let (folder, _origins) = edge.written();
    let ended = binary::run(binary::command(folder.path(), &["invoke", "tested", "event.json", "--json"])).await;
    let result: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr));
    result["TestResult"]["FunctionErrorMessage"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn case_01_lines_of_one_header_are_its_multi_value() {
    let headers = [("Accept", "a"), ("Accept", "b"), ("Accept", "c")];
    let values = json!([{"value": "a"}, {"value": "b"}, {"value": "c"}]);
    assert_eq!(sees("request.headers.accept", "/", &headers).await, json!({"value": "a", "multiValue": values}));
}

#[tokio::test]
async fn case_02_one_line_with_commas_is_one_value() {
    let headers = [("Accept", "a, b, c")];
    assert_eq!(sees("request.headers.accept", "/", &headers).await, json!({"value": "a, b, c"}));
}

#[tokio::test]
async fn case_03_keys_of_a_query_string_are_grouped_and_an_empty_one_is_there() {
    let seen = sees("request.querystring", "/?querymv=val1&querymv=val2,val3&NoValue=", &[]).await;
    let several = json!({"value": "val1", "multiValue": [{"value": "val1"}, {"value": "val2,val3"}]});
    assert_eq!(seen, json!({"querymv": several, "NoValue": {"value": ""}}));
}

#[tokio::test]
async fn case_04_a_query_string_is_not_decoded() {
    let code =
        "return { statusCode: 302, headers: { location: { value: '/?q=' + event.request.querystring.q.value } } };";
    let edge = on("viewer_request", &format!("function handler(event) {{ {code} }}")).start().await;
    assert_eq!(edge.get("/?q=%E5%AE%B6").await.header("location"), Some("/?q=%E5%AE%B6"));
    edge.stop().await;
}

#[tokio::test]
async fn case_05_cookies_are_apart_from_headers_and_keep_their_case() {
    let seen =
        sees("[request.cookies, request.headers.cookie === undefined]", "/", &[("Cookie", "A=1; b=2; A=3")]).await;
    let cookies = json!({"A": {"value": "1", "multiValue": [{"value": "1"}, {"value": "3"}]}, "b": {"value": "2"}});
    assert_eq!(seen, json!([cookies, true]));
}

#[tokio::test]
async fn case_06_a_header_that_is_set_reaches_the_origin_in_cloudfronts_case() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (head, got) = tokio::sync::oneshot::channel();
    let head = parking_lot::Mutex::new(Some(head));
    let origin = Origin::raw(move |mut tcp| {
        let head = head.lock().take();
        async move {
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"\r\n\r\n") {
                bytes.push(tcp.read_u8().await.unwrap());
            }
            tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            head.unwrap().send(String::from_utf8(bytes).unwrap()).unwrap();
        }
    });
    let behavior = "viewer_request = { function = \"f\" }\norigin_request_policy = \"AllViewer\"";
    let code =
        "function handler(event) { event.request.headers['x-custom-header'] = { value: 'v' }; return event.request; }";
    let edge = Edge::with(one_origin(behavior)).served("app", origin).function_with("f", code, "budget_ms = 5000");
    let edge = edge.start().await;
    assert_eq!(edge.get("/x").await.status, 200);
    let head = got.await.unwrap();
    assert!(head.contains("\r\nX-Custom-Header: v\r\n"), "{head}");
    edge.stop().await;
}

#[tokio::test]
async fn case_07_edited_value_replaces_the_first_and_keeps_the_others() {
    let headers = [("X-A", "1"), ("X-A", "2"), ("X-A", "3")];
    let (_, lines) = sends("request.headers['x-a'].value = 'new';", "/", &headers, "x-a").await;
    assert_eq!(lines, ["new", "2", "3"]);
}

#[tokio::test]
async fn case_08_edited_multi_value_wins_and_value_is_ignored() {
    let headers = [("X-A", "1"), ("X-A", "2")];
    let code = "request.headers['x-a'] = { value: 'ignored', multiValue: [{ value: '8' }, { value: '9' }] };";
    assert_eq!(sends(code, "/", &headers, "x-a").await.1, ["8", "9"]);
}

#[tokio::test]
async fn case_09_a_query_string_given_as_text_is_used_as_it_is() {
    let code = "request.querystring = 'b=2&a=1';";
    assert_eq!(sends(code, "/p?a=1&b=2", &[], "").await.0, "/p?b=2&a=1");
}

#[tokio::test]
async fn case_10_the_raw_query_string_tells_empty_from_absent() {
    let mut seen = Vec::new();
    for path in ["/page?", "/page", "/page?x=1"] {
        seen.push(sees("[request.rawQueryString(), typeof request.rawQueryString()]", path, &[]).await);
    }
    assert_eq!(seen, [json!(["", "string"]), json!([null, "undefined"]), json!(["x=1", "string"])]);
}

#[tokio::test]
async fn case_11_a_generated_redirect_asks_no_origin() {
    let code =
        "return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: 'https://a.test/' } } };";
    let (answer, asked) = answers(code, &[]).await;
    assert_eq!(
        (answer.status, answer.header("location"), answer.header("content-length")),
        (302, Some("https://a.test/"), Some("0"))
    );
    assert_eq!((answer.header("x-cache"), asked), (Some("FunctionGeneratedResponse from cloudfront"), 0));
}

#[tokio::test]
async fn case_12_a_generated_body_is_text_or_base64() {
    for body in ["{ encoding: 'base64', data: 'aGk=' }", "{ encoding: 'text', data: 'hi' }", "'hi'"] {
        let (answer, _) = answers(&format!("return {{ statusCode: 200, body: {body} }};"), &[]).await;
        assert_eq!((answer.status, answer.text()), (200, "hi"), "{body}");
    }
}

#[tokio::test]
async fn case_13_what_is_not_base64_is_a_502() {
    let (answer, _) = answers("return { statusCode: 200, body: { encoding: 'base64', data: '%%%' } };", &[]).await;
    assert_eq!((answer.status, answer.x_cache()), (502, "FunctionValidationError"));
}

#[tokio::test]
async fn case_14_setting_the_host_is_a_502_with_the_read_only_sentence() {
    let (answer, asked) = answers("event.request.headers.host = { value: 'b.test' }; return event.request;", &[]).await;
    assert_eq!((answer.status, answer.header("x-cache")), (502, Some("FunctionValidationError from cloudfront")));
    assert_eq!((answer.sentence(), asked), (READ_ONLY, 0));
}

#[tokio::test]
async fn case_15_disallowed_headers_are_hidden_and_adding_one_is_a_502() {
    let seen =
        sees("Object.keys(request.headers)", "/", &[("X-Forwarded-Proto", "https"), ("X-Edge-Foo", "1"), ("X-A", "1")])
            .await;
    assert_eq!(seen, json!(["host", "x-a"]));
    for name in ["x-forwarded-proto", "x-edge-foo"] {
        let (answer, asked) =
            answers(&format!("event.request.headers['{name}'] = {{ value: '1' }}; return event.request;"), &[]).await;
        assert_eq!((answer.status, answer.x_cache(), asked), (502, "FunctionValidationError", 0), "{name}");
    }
}

#[tokio::test]
async fn case_16_a_header_name_in_upper_case_is_a_502_with_its_sentence() {
    let code = "function handler(event) { event.response.headers['Strict-Transport-Security'] = { value: 'x' }; return event.response; }";
    let edge = on("viewer_response", code).start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache()), (502, "FunctionValidationError"));
    let sentence =
        "The CloudFront function returned an invalid value: response.headers must have header names in lower case.";
    assert_eq!(answer.sentence(), sentence);
    edge.stop().await;
}

#[tokio::test]
async fn case_17_a_thrown_error_is_a_503_and_test_function_tells_its_text() {
    let (answer, asked) = answers("throw new Error('boom');", &[]).await;
    assert_eq!((answer.status, answer.header("x-cache")), (503, Some("FunctionExecutionError from cloudfront")));
    assert_eq!((answer.sentence(), asked), (EXECUTION, 0));
    let message = test_function("function handler(event) { throw new Error('boom'); }", "").await;
    assert_eq!(message, format!("{EXECUTION} Error: boom"));
}

#[tokio::test]
async fn case_18_a_member_of_undefined_is_told_in_cloudfronts_words() {
    let message = test_function("function handler(event) { return event.request.headers.nope.value; }", "").await;
    assert_eq!(message, format!("{EXECUTION} TypeError: cannot get property \"value\" of undefined"));
}

#[tokio::test]
async fn case_19_await_in_an_argument_is_a_syntax_error_and_a_503() {
    let code = "import cf from 'cloudfront';\nconst kvs = cf.kvs();\nasync function handler(event) {\n\
        var n = parseFloat(await kvs.get('k'));\n  return event.request;\n}\n";
    let store = "\n[[key_value_store]]\nname = \"kvs\"\nsource = \"kvs.json\"\n";
    let message = test_function(code, &format!("key_value_store = \"kvs\"{store}")).await;
    assert_eq!(message, format!("{EXECUTION} SyntaxError: await in arguments not supported in 4"));
    let toml = one_origin("viewer_request = { function = \"f\" }") + store;
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello")).file("kvs.json", r#"{"data":[]}"#);
    let edge = edge.function_with("f", code, "key_value_store = \"kvs\"").start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache(), edge.asked_times("app")), (503, "FunctionThrottledError", 0));
    edge.stop().await;
}

#[tokio::test]
async fn case_20_the_viewer_response_function_does_not_run_after_an_error_of_the_origin() {
    let code = "function handler(event) { event.response.headers['x-ran'] = { value: '1' }; return event.response; }";
    let page = "\n[[distribution.custom_error_response]]\nerror_code = 404\nresponse_page_path = \"/index.html\"\nresponse_code = 200\n";
    for (page, status, text) in [("", 404, "no"), (page, 200, "the page")] {
        let toml = one_origin("viewer_response = { function = \"f\" }") + page;
        let edge = Edge::with(toml).origin("app", |asked| match asked.target.as_str() {
            "/404" => Reply::status(404, "no"),
            "/index.html" => Reply::ok("the page"),
            _ => Reply::ok("hello"),
        });
        let edge = edge.function_with("f", code, "budget_ms = 5000").start().await;
        // The second answer is the cached error.
        for _ in 0..2 {
            let answer = edge.get("/404").await;
            assert_eq!((answer.status, answer.header("x-ran"), answer.text()), (status, None, text));
        }
        for path in ["/200", "/index.html"] {
            assert_eq!(edge.get(path).await.header("x-ran"), Some("1"));
        }
        edge.stop().await;
    }
}

#[tokio::test]
async fn case_21_a_status_that_the_function_sets_is_the_viewers() {
    let code = "function handler(event) { event.response.statusCode = 500; event.response.statusDescription = 'Mine'; return event.response; }";
    let toml = one_origin("viewer_response = { function = \"f\" }")
        + "\n[[distribution.custom_error_response]]\nerror_code = 500\nresponse_page_path = \"/500.html\"\nresponse_code = 500\n";
    let edge = Edge::with(toml).origin("app", |asked| Reply::ok(asked.target));
    let edge = edge.function_with("f", code, "budget_ms = 5000").start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.text()), (500, "/x"), "no page in the place of the body");
    assert_eq!(edge.asked_times("app"), 1, "nor is one asked for");
    edge.stop().await;
}

#[tokio::test]
async fn case_22_a_body_stays_is_removed_or_is_replaced() {
    const GZIP: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0xc8, 4, 0, 0xac, 0x2a, 0x93, 0xd8, 2, 0, 0, 0];
    let code = "function handler(event) {
        var response = event.response;
        if (event.request.uri === '/removed') { response.body = ''; delete response.headers['content-encoding']; }
        if (event.request.uri === '/replaced') {
            response.body = { encoding: 'text', data: 'new' };
            delete response.headers['content-encoding'];
        }
        return response;
    }";
    let edge =
        Edge::before("viewer_response = { function = \"f\" }", |_| Reply::ok(GZIP).with("content-encoding", "gzip"));
    let edge = edge.function_with("f", code, "budget_ms = 5000").start().await;
    let kept = edge.get("/kept").await;
    assert_eq!((&kept.body[..], kept.header("content-encoding")), (GZIP, Some("gzip")));
    let removed = edge.get("/removed").await;
    assert_eq!(
        (removed.text(), removed.header("content-encoding"), removed.header("content-length")),
        ("", None, Some("0"))
    );
    let replaced = edge.get("/replaced").await;
    assert_eq!((replaced.text(), replaced.header("content-encoding")), ("new", None));
    edge.stop().await;
}

#[tokio::test]
async fn case_23_set_cookie_lines_keep_their_attributes_and_one_is_added() {
    let code = "function handler(event) {
        var cookie = event.response.cookies.a;
        cookie.multiValue.push({ value: '3', attributes: 'Path=/c' });
        return event.response;
    }";
    // Where cookies are not forwarded, those of the origin do not come back.
    let behavior = "viewer_response = { function = \"f\" }\ncache_policy = \"CachingDisabled\"\n\
        origin_request_policy = \"AllViewer\"";
    let edge = Edge::before(behavior, |_| {
        Reply::ok("x").with("set-cookie", "a=1; Secure; Path=/").with("set-cookie", "a=2; Path=/b")
    });
    let edge = edge.function_with("f", code, "budget_ms = 5000").start().await;
    assert_eq!(edge.get("/x").await.all("set-cookie"), ["a=1; Secure; Path=/", "a=2; Path=/b", "a=3; Path=/c"]);
    edge.stop().await;
}

/// Two servers, of which the function takes the second for `/b`; one cache.
async fn updating_the_origin(cache_policy: &str) -> Running {
    let toml = format!(
        "[[distribution]]\nid = \"ETEST123456789\"\ndomain_name = \"dtest123456789.cloudfront.net\"\n\
         [[distribution.origin]]\nid = \"app\"\ndomain_name = \"127.0.0.1\"\nhttp_port = {{app}}\nprotocol_policy = \"http-only\"\n\
         path = \"/base\"\ncustom_headers = {{ X-Secret = \"s\" }}\n\
         [distribution.default_behavior]\ntarget_origin = \"app\"\ncache_policy = \"{cache_policy}\"\n\
         viewer_request = {{ function = \"f\" }}\n"
    );
    let other = Origin::serve(|asked| std::future::ready(Reply::ok(format!("other {}", asked.target))));
    let port = other.address.port();
    let code = format!(
        "import cf from 'cloudfront';\nfunction handler(event) {{
            if (event.request.headers['x-to']) {{
                cf.updateRequestOrigin({{ domainName: 'localhost', customOriginConfig: {{ port: {port}, protocol: 'http', sslProtocols: ['TLSv1.2'] }} }});
            }}
            return event.request;
        }}"
    );
    let edge =
        Edge::with(toml).origin("app", |asked| Reply::ok(format!("app {}", asked.target))).served("other", other);
    edge.function_with("f", &code, "budget_ms = 5000").start().await
}

#[tokio::test]
async fn case_24_another_origin_inherits_headers_and_path_and_shares_the_cache_key() {
    let edge = updating_the_origin("CachingDisabled").await;
    assert_eq!(edge.get_with("/x", &[("X-To", "b")]).await.text(), "other /base/x");
    let asked = edge.asked("other")[0].clone();
    assert_eq!((asked.header("x-secret"), asked.header("host")), (Some("s"), Some("localhost")));
    assert_eq!(edge.get("/x").await.text(), "app /base/x");
    edge.stop().await;
    let edge = updating_the_origin("CachingOptimized").await;
    assert_eq!(edge.get_with("/x", &[("X-To", "b")]).await.x_cache(), "Miss");
    let shared = edge.get("/x").await;
    assert_eq!((shared.x_cache(), shared.text()), ("Hit", "other /base/x"), "the origin is not in the cache key");
    edge.stop().await;
}

#[tokio::test]
async fn case_25_each_call_starts_anew_time_stands_still_and_a_missing_key_is_caught() {
    let code = "import cf from 'cloudfront';
        const kvs = cf.kvs();
        var n = 0;
        async function handler(event) {
            n++;
            const before = Date.now();
            for (var i = 0; i < 100000; i++);
            const still = Date.now() === before;
            var caught = false;
            try { await kvs.get('missing'); } catch (error) { caught = true; }
            return { statusCode: 200, body: JSON.stringify([n, still, caught]) };
        }";
    let toml = one_origin("viewer_request = { function = \"f\" }")
        + "\n[[key_value_store]]\nname = \"kvs\"\nsource = \"kvs.json\"\n";
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello")).file("kvs.json", r#"{"data":[]}"#);
    let edge = edge.function_with("f", code, "budget_ms = 5000\nkey_value_store = \"kvs\"").start().await;
    let mut viewer = edge.connect().await;
    for _ in 0..3 {
        assert_eq!(viewer.send(&get_of("/x", &[])).await.text(), "[1,true,true]");
    }
    edge.stop().await;
}

#[tokio::test]
async fn case_25_a_header_of_the_response_headers_policy_is_seen_and_may_be_changed() {
    let code = "function handler(event) {
        var headers = event.response.headers;
        headers['x-seen'] = { value: headers['x-a'].value + ' ' + headers['x-b'].value };
        headers['x-a'] = { value: 'function' };
        delete headers['x-b'];
        return event.response;
    }";
    let toml = one_origin("viewer_response = { function = \"f\" }\nresponse_headers_policy = \"p\"")
        + "\n[[response_headers_policy]]\nname = \"p\"\ncustom_headers = [\n\
           { header = \"X-A\", value = \"policy\", override = true },\n{ header = \"X-B\", value = \"also\" },\n]\n";
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello").with("x-a", "origin"));
    let edge = edge.function_with("f", code, "budget_ms = 5000").start().await;
    for x_cache in ["Miss", "Hit"] {
        let answer = edge.get("/x").await;
        assert_eq!((answer.x_cache(), answer.header("x-seen")), (x_cache, Some("policy also")));
        assert_eq!((answer.all("x-a"), answer.header("x-b")), (vec!["function"], None));
    }
    edge.stop().await;
}
