//! What a response headers policy takes from and adds to every response to a viewer.

use crate::harness::{Asked, Code, Edge, Http2, Language, Reply, Running, in_every_language, one_origin};

in_every_language! {
    a_policys_headers_are_on_what_lambdas_answer_and_head_has_no_body_over_both_versions_of_http,
}

const SECURITY: &str = "response_headers_policy = \"SecurityHeadersPolicy\"";

fn framed(_: Asked) -> Reply {
    Reply::ok("hello").with("x-frame-options", "DENY").with("x-content-type-options", "sniff")
}

#[tokio::test]
async fn security_headers_are_on_misses_hits_and_pages_of_the_nodes_own() {
    let edge = Edge::before(SECURITY, framed).start().await;
    for x_cache in ["Miss", "Hit"] {
        let answer = edge.get("/a").await;
        assert_eq!(answer.x_cache(), x_cache);
        assert_eq!(answer.all("x-frame-options"), ["DENY"]);
        assert_eq!(answer.all("x-content-type-options"), ["nosniff"]);
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    }
    let refused = edge.ask("POST", "/a", &[], "x").await;
    assert_eq!((refused.status, refused.header("x-frame-options")), (403, Some("SAMEORIGIN")));
    assert_eq!(refused.header("x-content-type-options"), Some("nosniff"));
    edge.stop().await;
}

#[tokio::test]
async fn a_redirect_to_https_has_them() {
    let edge =
        Edge::before(&format!("viewer_protocol_policy = \"redirect-to-https\"\n{SECURITY}"), framed).start().await;
    let answer = edge.get("/a").await;
    assert_eq!((answer.status, answer.header("x-content-type-options")), (301, Some("nosniff")));
    edge.stop().await;
}

/// A node with a policy of its own, in front of an origin that tells who it is.
async fn with_policy(behavior: &str, policy: &str) -> Running {
    let toml = one_origin(&format!("response_headers_policy = \"mine\"\n{behavior}"))
        + &format!("\n[[response_headers_policy]]\nname = \"mine\"\n{policy}");
    let origin = |asked: Asked| {
        let status = if asked.target == "/missing" { 404 } else { 200 };
        Reply::status(status, "hello").with("server", "nginx").with("x-powered-by", "php").with("x-a", "origin")
    };
    Edge::with(toml).origin("app", origin).start().await
}

#[tokio::test]
async fn the_server_that_is_taken_away_is_cloudfront() {
    let edge = with_policy("", "remove_headers = [\"Server\", \"X-Powered-By\", \"Date\"]").await;
    for path in ["/a", "/a", "/missing"] {
        let answer = edge.get(path).await;
        assert_eq!((answer.all("server"), answer.header("x-powered-by")), (vec!["CloudFront"], None));
        assert!(answer.header("date").is_some_and(|date| date.ends_with("GMT")), "{answer:?}");
        assert_eq!(answer.header("x-a"), Some("origin"));
    }
    edge.stop().await;
}

#[tokio::test]
async fn an_error_of_the_origin_has_the_policys_headers() {
    let edge = with_policy("", "custom_headers = [{ header = \"X-My-App\", value = \"1\", override = true }]").await;
    let answer = edge.get("/missing").await;
    assert_eq!((answer.status, answer.header("x-my-app")), (404, Some("1")));
    edge.stop().await;
}

const CORS: &str = "\
    [response_headers_policy.cors]\n\
    access_control_allow_origins = [\"https://*.example.org\"]\n\
    access_control_allow_headers = [\"*\"]\n\
    access_control_allow_methods = [\"ALL\"]\n";

#[tokio::test]
async fn cached_objects_answer_requests_of_cors_and_others() {
    let edge = with_policy("", CORS).await;
    assert_eq!(edge.get("/a").await.header("access-control-allow-origin"), None);
    for origin in ["https://a.example.org", "https://b.example.org"] {
        let answer = edge.get_with("/a", &[("origin", origin)]).await;
        assert_eq!((answer.x_cache(), answer.header("access-control-allow-origin")), ("Hit", Some(origin)));
        assert_eq!(answer.header("vary"), Some("Origin"));
        assert_eq!(answer.header("access-control-allow-methods"), None);
    }
    let stranger = edge.get_with("/a", &[("origin", "https://example.com")]).await;
    assert_eq!((stranger.status, stranger.header("access-control-allow-origin")), (200, None));
    edge.stop().await;
}

#[tokio::test]
async fn a_preflight_request_reaches_the_origin_and_gets_the_policys_answer() {
    let edge = with_policy("allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\"]", CORS).await;
    let asked = [("origin", "https://a.example.org"), ("access-control-request-method", "PUT")];
    let answer = edge.ask("OPTIONS", "/a", &asked, "").await;
    assert_eq!(answer.header("access-control-allow-methods"), Some("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("*"));
    assert_eq!(edge.asked("app")[0].method, "OPTIONS");
    edge.stop().await;
}

#[tokio::test]
async fn the_policy_of_the_request_is_that_of_its_error_page() {
    let toml = one_origin(SECURITY)
        + "[[distribution.behavior]]\npath_pattern = \"/page.html\"\ntarget_origin = \"app\"\nresponse_headers_policy = \"SimpleCORS\"\n\
           [[distribution.custom_error_response]]\nerror_code = 404\nresponse_page_path = \"/page.html\"\nresponse_code = 200\n";
    let edge = Edge::with(toml).origin("app", |asked| match asked.target.as_str() {
        "/page.html" => Reply::ok("the page"),
        _ => Reply::status(404, "no"),
    });
    let edge = edge.start().await;
    let answer = edge.get_with("/a", &[("origin", "https://a.test")]).await;
    assert_eq!((answer.status, answer.text()), (200, "the page"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("access-control-allow-origin"), None);
    edge.stop().await;
}

#[tokio::test]
async fn a_failed_function_has_the_policys_headers_on_its_page() {
    for event in ["viewer_request", "viewer_response"] {
        let toml = one_origin(&format!("{event} = {{ function = \"f\" }}\n{SECURITY}"));
        let code = "function handler(event) { throw new Error('boom'); }";
        let edge = Edge::with(toml).origin("app", framed).function_with("f", code, "budget_ms = 5000").start().await;
        let answer = edge.get("/a").await;
        assert_eq!((answer.status, answer.x_cache()), (503, "FunctionExecutionError"), "{event}");
        assert_eq!(
            answer.header("x-frame-options"),
            Some("SAMEORIGIN"),
            "{event}: the origin's went with its response"
        );
        edge.stop().await;
    }
}

#[tokio::test]
async fn server_timing_tells_hits_from_misses_and_keeps_the_origins_words_on_misses() {
    let toml = one_origin("response_headers_policy = \"timed\"")
        + "\n[[response_headers_policy]]\nname = \"timed\"\nserver_timing_headers = { sampling_rate = 100 }\n";
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello").with("server-timing", "db;dur=5")).start().await;
    let miss = edge.get("/a").await;
    let (told, id) = (miss.header("server-timing").unwrap(), miss.header("x-amz-cf-id").unwrap());
    assert!(
        told.starts_with("cdn-upstream-layer;desc=\"EDGE\",cdn-upstream-dns;dur=0,cdn-upstream-connect;dur="),
        "{told}"
    );
    assert!(told.contains(",cdn-cache-miss,cdn-pop;desc=\"HFR50-C1\","), "{told}");
    assert!(told.contains(&format!("cdn-rid;desc=\"{id}\"")) && told.ends_with(",db;dur=5"), "{told}");
    let hit = edge.get("/a").await;
    let told = hit.all("server-timing");
    assert!(told.len() == 1 && told[0].starts_with("cdn-cache-hit,") && !told[0].contains("db;"), "{told:?}");
    edge.stop().await;
}

#[tokio::test]
async fn server_timing_that_is_not_sampled_is_there_for_who_asks_for_it() {
    let toml = one_origin("response_headers_policy = \"timed\"")
        + "\n[[response_headers_policy]]\nname = \"timed\"\nserver_timing_headers = { sampling_rate = 0.0 }\n";
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello")).start().await;
    assert_eq!(edge.get("/a").await.header("server-timing"), None);
    let asked = edge.get_with("/a", &[("pragma", "server-timing")]).await;
    assert!(asked.header("server-timing").is_some_and(|told| told.starts_with("cdn-cache-hit,")), "{asked:?}");
    edge.stop().await;
}

#[tokio::test]
async fn an_answer_that_a_function_generates_has_the_policys_headers() {
    let toml = one_origin(&format!("viewer_request = {{ function = \"f\" }}\n{SECURITY}"));
    let code = "function handler(event) { return { statusCode: 302, headers: { location: { value: '/b' }, 'x-frame-options': { value: 'DENY' } } }; }";
    let edge = Edge::with(toml).origin("app", framed).function_with("f", code, "budget_ms = 5000").start().await;
    let answer = edge.get("/a").await;
    assert_eq!((answer.status, answer.all("x-frame-options")), (302, vec!["DENY"]));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    edge.stop().await;
}

async fn a_policys_headers_are_on_what_lambdas_answer_and_head_has_no_body_over_both_versions_of_http(
    language: Language,
) {
    let events = ["viewer_request", "viewer_response", "origin_request", "origin_response"];
    let events = events.map(|event| format!("{event} = {{ lambda = \"l\" }}\n")).concat();
    let code = Code::around(
        r#"event_type = cf["config"]["eventType"]
    if event_type == "viewer-request" and request["uri"] == "/viewer" or event_type == "origin-request" and request["uri"] == "/edge":
        return {"status": "200", "body": "generated"}
    if event_type == "origin-response":
        cf["response"]["body"] = "replaced!"
    if event_type == "viewer-response":
        cf["response"]["headers"]["x-seen"] = header(cf["response"]["headers"]["x-frame-options"][0]["value"], "X-Seen")
    return cf["response"] if event_type.endswith("response") else request"#,
        r#"const { eventType } = cf.config;
    if ((eventType === "viewer-request" && request.uri === "/viewer") || (eventType === "origin-request" && request.uri === "/edge"))
        return { status: "200", body: "generated" };
    if (eventType === "origin-response") cf.response.body = "replaced!";
    if (eventType === "viewer-response")
        cf.response.headers["x-seen"] = header(cf.response.headers["x-frame-options"][0].value, "X-Seen");
    return eventType.endsWith("response") ? cf.response : request;"#,
    );
    let edge = Edge::before(&format!("{SECURITY}\n{events}"), |_| Reply::ok("hello"));
    let edge = edge.lambda(language, "l", &code, "timeout_s = 20").start().await;
    let viewer = Http2::open(edge.address).await;
    for (path, body, seen) in [
        ("/viewer", "generated", None),
        ("/edge", "generated", Some("SAMEORIGIN")),
        ("/app", "replaced!", Some("SAMEORIGIN")),
    ] {
        for method in ["GET", "HEAD", "GET", "HEAD"] {
            let uri = format!("http://dtest123456789.cloudfront.net{path}");
            let request = http::Request::builder().method(method).uri(uri).body(()).unwrap();
            let body = if method == "GET" { body } else { "" };
            for answer in [edge.ask(method, path, &[], "").await, viewer.send(request, &[]).await] {
                assert_eq!((answer.status, answer.text()), (200, body), "{method} {path}");
                assert_eq!(answer.header("content-length"), Some("9"), "{method} {path}");
                assert_eq!(answer.header("x-frame-options"), Some("SAMEORIGIN"), "{method} {path}");
                assert_eq!(answer.header("x-seen"), seen, "{method} {path}");
            }
        }
    }
    edge.stop().await;
}
