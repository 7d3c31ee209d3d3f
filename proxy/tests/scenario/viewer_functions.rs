//! CloudFront Functions on viewer events: what they may change, answer and see, and what stays as it was.

use crate::harness::{Answer, Connection, Edge, Reply, get_of};

const REQUEST: &str = "viewer_request = { function = \"f\" }";
const RESPONSE: &str = "viewer_response = { function = \"f\" }";

/// One distribution whose origin answers with what it was asked for; `f` is this code, with time enough for a busy machine.
fn with(behavior: &str, code: &str) -> Edge {
    Edge::before(behavior, |asked| Reply::ok(asked.target)).function_with("f", code, "budget_ms = 5000")
}

/// The headers that say who made an answer differ from run to run.
fn own<'a>(answer: &'a Answer, names: &[&str]) -> Vec<Option<&'a str>> {
    names.iter().map(|name| answer.header(name)).collect()
}

#[tokio::test]
async fn a_rewritten_uri_is_what_is_keyed_and_fetched() {
    let code = "function handler(event) { event.request.uri = '/rewritten.html'; return event.request; }";
    let edge = with(REQUEST, code).start().await;
    let first = edge.get("/a").await;
    assert_eq!((first.x_cache(), first.text()), ("Miss", "/rewritten.html"));
    assert_eq!(edge.get("/b").await.x_cache(), "Hit", "both are one object now");
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn a_rewritten_uri_changes_neither_behavior_nor_origin() {
    let code = "function handler(event) { event.request.uri = '/other/x'; return event.request; }";
    let behavior = format!(
        "{REQUEST}\n[[distribution.behavior]]\npath_pattern = \"/other/*\"\ntarget_origin = \"app\"\n\
         viewer_protocol_policy = \"https-only\"\n"
    );
    let edge = with(&behavior, code).start().await;
    assert_eq!(edge.get("/x").await.text(), "/other/x");
    assert_eq!(edge.get("/other/x").await.status, 403, "the other behavior is there");
    edge.stop().await;
}

#[tokio::test]
async fn headers_and_cookies_are_read_set_and_removed() {
    let behavior = format!("{REQUEST}\ncache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"");
    let code = r"
        function handler(event) {
            var request = event.request;
            request.headers['x-seen'] = { value: request.headers['x-in'].value + request.cookies.sid.value + event.viewer.ip };
            request.headers['x-twice'] = { multiValue: [{ value: '1' }, { value: '2' }] };
            delete request.headers['x-in'];
            delete request.cookies.sid;
            request.cookies.added = { value: 'yes' };
            return request;
        }
    ";
    let edge = with(&behavior, code).start().await;
    edge.get_with("/x", &[("X-In", "in"), ("Cookie", "sid=1; kept=2"), ("X-Kept", "k")]).await;
    let asked = edge.asked("app")[0].clone();
    assert_eq!(asked.header("x-seen"), Some("in1127.0.0.1"));
    assert_eq!((asked.header("x-in"), asked.header("x-kept")), (None, Some("k")));
    let twice: Vec<_> =
        asked.headers.iter().filter(|(name, _)| name == "x-twice").map(|(_, value)| &value[..]).collect();
    assert_eq!(twice.join(","), "1,2");
    assert_eq!(asked.header("cookie"), Some("added=yes; kept=2"));
    edge.stop().await;
}

#[tokio::test]
async fn what_a_function_does_not_change_goes_on_byte_for_byte() {
    let behavior = format!("{REQUEST}\ncache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"");
    let code = "function handler(event) { var r = event.request; r.headers['x-new'] = { value: r.uri }; return r; }";
    let edge = with(&behavior, code).start().await;
    let target = "/%7Ea%2Fb/%E5%AE%B6?b=2&a=1&&a=%31&empty=&bare&q=%e5+x";
    edge.get_with(target, &[("Cookie", "a=1; a=\"3\"; b=%7E")]).await;
    let asked = edge.asked("app")[0].clone();
    assert_eq!(asked.target, target);
    assert_eq!(asked.header("cookie"), Some("a=1; a=\"3\"; b=%7E"));
    assert_eq!(asked.header("x-new"), Some("/%7Ea%2Fb/%E5%AE%B6"));
    edge.stop().await;
}

#[tokio::test]
async fn a_query_string_is_an_object_or_a_text() {
    let behavior = format!("{REQUEST}\ncache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"");
    let code = r"
        function handler(event) {
            var request = event.request;
            if (request.querystring.text) {
                request.querystring = 'b=2&a=1';
            } else {
                request.querystring.seen = { value: request.querystring.q.value };
                delete request.querystring.gone;
            }
            return request;
        }
    ";
    let edge = with(&behavior, code).start().await;
    assert_eq!(edge.get("/x?text=1").await.text(), "/x?b=2&a=1");
    assert_eq!(edge.get("/x?q=%E5%AE%B6&gone=1").await.text(), "/x?q=%E5%AE%B6&seen=%E5%AE%B6");
    edge.stop().await;
}

#[tokio::test]
async fn a_parameter_that_was_read_can_be_deleted() {
    let code = r"
        function find(request) {
            if (request.uri === '/x' && !request.rawQueryString()) return request.cookies.jwt.value;
            return request.querystring.jwt && request.querystring.jwt.value;
        }
        async function handler(event) {
            const request = event.request;
            const token = find(request);
            delete request.querystring.jwt;
            delete request.headers['x-token'];
            request.uri = '/' + token;
            return request;
        }
    ";
    let edge = with(&format!("{REQUEST}\ncache_policy = \"CachingDisabled\""), code).start().await;
    // The same place in the code sees a section that was read before, and one that was not.
    for (path, rewritten) in [("/x?jwt=abc", "/abc"), ("/x", "/cookie"), ("/x?jwt=abc", "/abc"), ("/x", "/cookie")] {
        assert_eq!(edge.get_with(path, &[("Cookie", "jwt=cookie")]).await.text(), rewritten);
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_generated_answer_asks_no_origin_and_is_never_cached() {
    let code = r"
        function handler(event) {
            return {
                statusCode: 302, statusDescription: 'Found',
                headers: { location: { value: 'https://other.test' + event.request.uri } },
                cookies: { seen: { value: '1', attributes: 'Secure; Path=/' } },
            };
        }
    ";
    let edge = with(REQUEST, code).start().await;
    for _ in 0..2 {
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.x_cache()), (302, "FunctionGeneratedResponse"));
        assert_eq!(
            own(&answer, &["location", "set-cookie", "content-length", "age"]),
            [Some("https://other.test/x"), Some("seen=1; Secure; Path=/"), Some("0"), None]
        );
        assert!(answer.headers.iter().any(|(name, _)| name == "Location"), "in CloudFront's case: {answer:?}");
    }
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn a_generated_body_is_a_text_or_base64() {
    let code = r"
        function handler(event) {
            var body = event.request.uri === '/text' ? 'hi' : { encoding: 'base64', data: 'aGk=' };
            return { statusCode: 200, statusDescription: 'OK', body: body };
        }
    ";
    let edge = with(REQUEST, code).start().await;
    for path in ["/text", "/base64"] {
        let answer = edge.get(path).await;
        assert_eq!((answer.status, answer.text(), answer.header("content-length")), (200, "hi", Some("2")), "{path}");
    }
    let head = edge.ask("HEAD", "/text", &[], "").await;
    assert_eq!((head.status, head.x_cache()), (200, "FunctionGeneratedResponse"));
    edge.stop().await;
}

#[tokio::test]
async fn a_function_starts_from_a_clean_state_each_time() {
    let code = r"
        var n = 0;
        function handler(event) {
            n++;
            globalThis.seen = (globalThis.seen || 0) + 1;
            Object.prototype.leak = (Object.prototype.leak || 0) + 1;
            return { statusCode: 200, headers: { 'x-n': { value: n + ' ' + globalThis.seen } } };
        }
    ";
    let edge = with(REQUEST, code).start().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        let answer = edge.get("/x").await;
        seen.insert((answer.status, answer.header("x-n").map(str::to_owned)));
    }
    assert_eq!(seen.len(), 1, "every call is like the first: {seen:?}");
    edge.stop().await;
}

#[tokio::test]
async fn the_store_is_read_and_a_missing_key_throws() {
    let code = r"
        import cf from 'cloudfront';
        const store = cf.kvs();
        async function handler(event) {
            let value;
            try { value = await store.get(event.request.uri.slice(1)); } catch (error) { value = 'none'; }
            return { statusCode: 200, headers: { 'x-value': { value: value } } };
        }
    ";
    let edge = Edge::before(REQUEST, |_| Reply::ok("hello"))
        .function_with(
            "f",
            code,
            "budget_ms = 5000\nkey_value_store = \"s\"\n[[key_value_store]]\nname = \"s\"\nsource = \"s.json\"",
        )
        .file("s.json", r#"{"data":[{"key":"k","value":"v"}]}"#)
        .start()
        .await;
    assert_eq!(edge.get("/k").await.header("x-value"), Some("v"));
    assert_eq!(edge.get("/other").await.header("x-value"), Some("none"));
    edge.stop().await;
}

#[tokio::test]
async fn the_viewer_response_function_runs_on_miss_and_hit_and_the_object_keeps_its_headers() {
    let code = r"
        function handler(event) {
            var response = event.response;
            response.headers['x-path'] = { value: event.request.uri + ' ' + response.statusCode };
            response.headers['x-count'] = { value: String((response.headers['x-count'] ? 1 : 0)) };
            return response;
        }
    ";
    let edge = with(RESPONSE, code).start().await;
    for result in ["Miss", "Hit", "Hit"] {
        let answer = edge.get("/x").await;
        assert_eq!((answer.x_cache(), answer.text()), (result, "/x"));
        assert_eq!(own(&answer, &["x-path", "x-count"]), [Some("/x 200"), Some("0")], "{result}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn the_viewer_response_function_sees_the_request_as_the_first_function_left_it() {
    let behavior = format!("{RESPONSE}\nviewer_request = {{ function = \"mark\" }}");
    let code = "function handler(event) { var r = event.response; r.headers['x-mark'] = event.request.headers['x-mark']; return r; }";
    let mark =
        "function handler(event) { event.request.headers['x-mark'] = { value: 'marked' }; return event.request; }";
    let edge = with(&behavior, code).function_with("mark", mark, "budget_ms = 5000").start().await;
    assert_eq!(edge.get("/x").await.header("x-mark"), Some("marked"));
    edge.stop().await;
}

#[tokio::test]
async fn the_viewer_response_function_does_not_run_after_an_error_of_the_origin() {
    let code = "function handler(event) { event.response.headers['x-ran'] = { value: 'yes' }; return event.response; }";
    let edge = Edge::before(RESPONSE, |asked| match asked.target.as_str() {
        "/404" => Reply::status(404, "no"),
        "/503" => Reply::status(503, "no"),
        _ => Reply::ok("hello"),
    })
    .function_with("f", code, "budget_ms = 5000")
    .start()
    .await;
    for (path, ran) in [("/ok", Some("yes")), ("/404", None), ("/404", None), ("/503", None)] {
        assert_eq!(edge.get(path).await.header("x-ran"), ran, "{path}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn inline_isolation_gives_the_same() {
    let code = r"
        function handler(event) {
            var request = event.request;
            if (request.uri === '/answer') return { statusCode: 418, statusDescription: 'Teapot', body: 'short' };
            if (request.uri === '/throw') throw new Error('boom');
            request.uri = '/rewritten';
            return request;
        }
    ";
    let mut outcomes = Vec::new();
    for isolation in ["process", "inline"] {
        let settings = format!("budget_ms = 5000\nisolation = \"{isolation}\"");
        let edge =
            Edge::before(REQUEST, |asked| Reply::ok(asked.target)).function_with("f", code, &settings).start().await;
        let mut outcome = Vec::new();
        for path in ["/answer", "/throw", "/x"] {
            let answer = edge.get(path).await;
            let shown = if path == "/throw" { answer.sentence().to_owned() } else { answer.text().to_owned() };
            outcome.push((answer.status, answer.x_cache().to_owned(), shown));
        }
        edge.stop().await;
        outcomes.push(outcome);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0][0], (418, "FunctionGeneratedResponse".to_owned(), "short".to_owned()));
    assert_eq!(outcomes[0][1].0, 503);
    assert_eq!(outcomes[0][2].2, "/rewritten");
}

#[tokio::test]
async fn a_viewer_that_has_the_object_gets_what_the_function_makes_of_that() {
    let code = r"
        function handler(event) {
            var response = event.response;
            response.headers['x-saw'] = { value: String(response.statusCode) };
            if (event.request.headers['x-wish'] === undefined) return response;
            if (event.request.headers['x-wish'].value === 'throws') throw new Error('no');
            if (event.request.headers['x-wish'].value === 'status') response.statusCode = 200;
            if (event.request.headers['x-wish'].value === 'body') {
                response.statusCode = 200;
                response.body = { encoding: 'text', data: 'another body' };
            }
            return response;
        }
    ";
    let behavior = "viewer_response = { function = \"f\" }\norigin_request_policy = \"AllViewer\"";
    let edge =
        Edge::before(behavior, |_| Reply::ok("the object").with("ETag", "\"v1\"").with("Cache-Control", "max-age=60"));
    let edge = edge.function_with("f", code, "budget_ms = 5000").start().await;
    assert_eq!(edge.get("/x").await.x_cache(), "Miss");
    let mut connection = edge.connect().await;
    for (wish, status, text) in [
        ("none", 304, ""),
        ("throws", 503, "503 ERROR"),
        ("status", 200, ""),
        ("body", 200, "another body"),
        ("none", 304, ""),
    ] {
        let answer = connection.send(&get_of("/x", &[("If-None-Match", "\"v1\""), ("X-Wish", wish)])).await;
        assert_eq!(answer.status, status, "{wish}");
        assert!(answer.text().contains(text) && !answer.text().contains("the object"), "{wish}: {}", answer.text());
        assert_eq!(answer.body.is_empty(), text.is_empty(), "{wish}");
        if status != 503 {
            assert_eq!(answer.header("x-saw"), Some("304"), "{wish}");
        }
    }
    let ranged = connection.send(&get_of("/x", &[("If-None-Match", "\"v1\""), ("Range", "bytes=0-1")])).await;
    assert_eq!((ranged.status, ranged.text()), (304, ""));
    let other = connection.send(&get_of("/x", &[("If-None-Match", "\"v2\"")])).await;
    assert_eq!((other.status, other.header("x-saw"), other.text()), (200, Some("200"), "the object"));
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn the_address_of_a_viewer_over_ipv4_is_ipv4s_on_a_listener_for_both() {
    let code = "function handler(event) { return { statusCode: 200, statusDescription: event.viewer.ip }; }";
    let code = code.replace("statusDescription: event.viewer.ip", "body: event.viewer.ip");
    let edge = with(REQUEST, &code).listen("http = [\"[::]:0\"]").start().await;
    let port = edge.address.port();
    let mut connection = Connection::open(std::net::SocketAddr::from(([127, 0, 0, 1], port))).await;
    assert_eq!(connection.send(&get_of("/", &[])).await.text(), "127.0.0.1");
    edge.stop().await;
}

#[tokio::test]
async fn a_304_that_a_function_answers_with_promises_no_body() {
    let code = "function handler() { return { statusCode: 304, headers: { etag: { value: '\"1\"' } }, body: 'zzz' }; }";
    let edge = Edge::before("viewer_request = { function = \"f\" }", |_| Reply::ok("origin"))
        .function_with("f", code, "budget_ms = 5000")
        .start()
        .await;
    let answer = edge.get("/").await;
    assert_eq!((answer.status, answer.header("etag"), answer.header("content-length")), (304, Some("\"1\""), None));
    edge.stop().await;
}
