//! Lambda@Edge on origin events: what goes to the origin, what the cache stores, and answers made at the edge.

use crate::harness::{Code, Edge, Language, Reply, get_of, in_every_language};

in_every_language! {
    a_generated_answer_is_cached_and_the_origin_is_never_asked,
    an_error_that_is_generated_takes_the_place_of_an_expired_object,
    a_generated_answer_has_the_functions_description_of_its_status,
    an_answer_has_the_description_that_the_response_functions_gave_its_status,
    what_stands_for_itself_in_no_request_reaches_the_origin_percent_encoded,
    the_origin_gets_the_changed_request_and_the_key_stays,
    an_unchanged_request_goes_on_byte_for_byte,
    the_event_names_the_distribution_the_request_and_the_origin,
    an_environment_keeps_its_globals_and_the_function_runs_only_on_misses,
    what_the_origin_response_function_changes_is_what_is_stored,
    the_origin_response_function_runs_on_errors_of_the_origin_too,
    the_viewer_response_function_runs_after_a_generated_answer,
    the_viewer_response_function_runs_by_the_origins_status_on_misses_and_hits_alike,
    error_pages_go_past_origin_functions_and_stand_for_what_these_answer,
    a_folder_origin_has_origin_functions_too,
}

fn on_request(language: Language, python: &str, node: &str) -> Edge {
    Edge::before("origin_request = { lambda = \"l\" }", |asked| Reply::ok(asked.target)).lambda(
        language,
        "l",
        &Code::around(python, node),
        "timeout_s = 20\nconcurrency_max = 1",
    )
}

async fn a_generated_answer_is_cached_and_the_origin_is_never_asked(language: Language) {
    let edge = on_request(
        language,
        r#"return {"status": "200", "statusDescription": "OK", "body": "made %d" % calls,
        "headers": {"cache-control": header("max-age=100", "Cache-Control"), "content-type": header("text/plain", "Content-Type")}}"#,
        r#"return { status: "200", statusDescription: "OK", body: `made ${calls}`,
        headers: { "cache-control": header("max-age=100", "Cache-Control"), "content-type": header("text/plain", "Content-Type") } };"#,
    )
    .start()
    .await;
    let first = edge.get("/x").await;
    assert_eq!((first.status, first.x_cache(), first.text()), (200, "LambdaGeneratedResponse", "made 1"));
    assert_eq!(first.header("content-type"), Some("text/plain"));
    let second = edge.get("/x").await;
    assert_eq!((second.x_cache(), second.text()), ("Hit", "made 1"), "the function is called once");
    edge.clock.advance(std::time::Duration::from_secs(101));
    assert_eq!(edge.get("/x").await.text(), "made 2");
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

async fn an_error_that_is_generated_takes_the_place_of_an_expired_object(language: Language) {
    let edge = on_request(
        language,
        r#"if calls == 2: return {"status": "503", "body": "maintenance"}
    return request"#,
        r#"if (calls === 2) return { status: "503", body: "maintenance" };
    return request;"#,
    )
    .start()
    .await;
    assert_eq!((edge.get("/x").await.status, edge.get("/x").await.x_cache()), (200, "Hit"));
    edge.clock.advance(std::time::Duration::from_hours(25));
    let error = edge.get("/x").await;
    assert_eq!((error.status, error.x_cache(), error.text()), (503, "LambdaGeneratedResponse", "maintenance"));
    let kept = edge.get("/x").await;
    assert_eq!((kept.status, kept.text()), (503, "maintenance"), "as an error is kept");
    edge.clock.advance(std::time::Duration::from_secs(11));
    assert_eq!(edge.get("/x").await.text(), "/x");
    assert_eq!(edge.asked_times("app"), 2);
    edge.stop().await;
}

async fn a_generated_answer_has_the_functions_description_of_its_status(language: Language) {
    let edge = on_request(
        language,
        r#"if request["uri"] == "/plain": return {"status": "299", "body": "x"}
    return {"status": "200", "statusDescription": "Found Here", "body": "x", "headers": {"cache-control": header("max-age=100", "Cache-Control")}}"#,
        r#"if (request.uri === "/plain") return { status: "299", body: "x" };
    return { status: "200", statusDescription: "Found Here", body: "x", headers: { "cache-control": header("max-age=100", "Cache-Control") } };"#,
    )
    .start()
    .await;
    for (path, line) in
        [("/x", "HTTP/1.1 200 Found Here"), ("/x", "HTTP/1.1 200 Found Here"), ("/plain", "HTTP/1.1 299 ")]
    {
        let mut viewer = edge.connect().await;
        viewer.write(get_of(path, &[]).as_bytes()).await;
        assert_eq!(viewer.status_line().await.trim_end_matches("\r\n"), line);
    }
    assert_eq!(edge.get("/x").await.x_cache(), "Hit");
    edge.stop().await;
}

async fn an_answer_has_the_description_that_the_response_functions_gave_its_status(language: Language) {
    let code = Code::around(
        r#"response = cf["response"]
    response["statusDescription"] += " " + cf["config"]["eventType"]
    return response"#,
        r#"const { response } = cf;
    response.statusDescription += " " + cf.config.eventType;
    return response;"#,
    );
    for (behavior, told) in [
        ("origin_response = { lambda = \"l\" }", "HTTP/1.1 200 OK origin-response"),
        ("viewer_response = { lambda = \"l\" }", "HTTP/1.1 200 OK viewer-response"),
    ] {
        let edge = Edge::before(behavior, |_| Reply::ok("x").with("cache-control", "max-age=100"));
        let edge = edge.lambda(language, "l", &code, "timeout_s = 20").start().await;
        for _ in ["miss", "hit"] {
            let mut viewer = edge.connect().await;
            viewer.write(get_of("/x", &[]).as_bytes()).await;
            assert_eq!(viewer.status_line().await.trim_end_matches("\r\n"), told);
        }
        assert_eq!(edge.get("/x").await.x_cache(), "Hit");
        edge.stop().await;
    }
}

async fn what_stands_for_itself_in_no_request_reaches_the_origin_percent_encoded(language: Language) {
    let edge = on_request(
        language,
        r#"request["uri"] = "/a<b>`\"{}é"; request["querystring"] = 'f={"a":1}&g=<`>'
    return request"#,
        r#"request.uri = "/a<b>`\"{}é"; request.querystring = 'f={"a":1}&g=<`>';
    return request;"#,
    )
    .start()
    .await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.text()), (200, "/a%3Cb%3E%60\"{}é?f={%22a%22:1}&g=%3C`%3E"));
    edge.stop().await;
}

async fn the_origin_gets_the_changed_request_and_the_key_stays(language: Language) {
    let edge = on_request(
        language,
        r#"request["uri"] = "/changed"; request["querystring"] = "a=1"
    request["headers"]["x-added"] = header("1", "X-Added")
    request["headers"]["host"] = header("other.test", "Host")
    return request"#,
        r#"request.uri = "/changed"; request.querystring = "a=1";
    request.headers["x-added"] = header("1", "X-Added");
    request.headers.host = header("other.test", "Host");
    return request;"#,
    )
    .start()
    .await;
    assert_eq!(edge.get("/x").await.text(), "/changed?a=1");
    assert_eq!(edge.get("/x").await.x_cache(), "Hit");
    assert_eq!(edge.get("/changed").await.x_cache(), "Miss", "another key");
    let asked = edge.asked("app")[0].clone();
    assert_eq!((asked.header("x-added"), asked.header("host")), (Some("1"), Some("other.test")));
    edge.stop().await;
}

async fn an_unchanged_request_goes_on_byte_for_byte(language: Language) {
    let behavior = "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"\norigin_request = { lambda = \"l\" }";
    let edge = Edge::before(behavior, |asked| Reply::ok(asked.target))
        .lambda(language, "l", &Code::around("return request", "return request;"), "timeout_s = 20")
        .start()
        .await;
    let target = "/%7Ea%2Fb?b=2&a=1&&a=%31&empty=&bare";
    assert_eq!(edge.get_with(target, &[("Cookie", "a=1; b=%7E"), ("X-A", "1")]).await.text(), target);
    let asked = edge.asked("app")[0].clone();
    assert_eq!((asked.header("cookie"), asked.header("x-a")), (Some("a=1; b=%7E"), Some("1")));
    edge.stop().await;
}

async fn the_event_names_the_distribution_the_request_and_the_origin(language: Language) {
    let edge = on_request(
        language,
        r#"config = cf["config"]; origin = request["origin"]["custom"]
    text = "|".join([config["eventType"], config["distributionId"], config["distributionDomainName"], config["requestId"],
        request["clientIp"], request["method"], request["uri"], request["querystring"], origin["domainName"], origin["protocol"]])
    return {"status": "200", "body": text}"#,
        r#"const { config } = cf; const origin = request.origin.custom;
    const text = [config.eventType, config.distributionId, config.distributionDomainName, config.requestId,
        request.clientIp, request.method, request.uri, request.querystring, origin.domainName, origin.protocol].join("|");
    return { status: "200", body: text };"#,
    )
    .start()
    .await;
    let answer = edge.get("/x?q=1").await;
    let id = answer.header("x-amz-cf-id").unwrap();
    let expected =
        format!("origin-request|ETEST123456789|dtest123456789.cloudfront.net|{id}|127.0.0.1|GET|/x||127.0.0.1|http");
    assert_eq!(answer.text(), expected);
    edge.stop().await;
}

async fn an_environment_keeps_its_globals_and_the_function_runs_only_on_misses(language: Language) {
    let edge = on_request(
        language,
        r#"request["uri"] = "/%d" % calls; return request"#,
        "request.uri = `/${calls}`; return request;",
    )
    .start()
    .await;
    for (path, text, result) in [("/a", "/1", "Miss"), ("/a", "/1", "Hit"), ("/b", "/2", "Miss"), ("/b", "/2", "Hit")] {
        let answer = edge.get(path).await;
        assert_eq!((answer.text(), answer.x_cache()), (text, result), "{path}");
    }
    edge.stop().await;
}

fn on_response(
    language: Language,
    (python, node): (&str, &str),
    answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
) -> Edge {
    let code = Code::around(
        &format!("response = cf[\"response\"]\n    {python}\n    return response"),
        &format!("const {{ response }} = cf;\n    {node}\n    return response;"),
    );
    Edge::before("origin_response = { lambda = \"l\" }", move |asked| answer(&asked.target)).lambda(
        language,
        "l",
        &code,
        "timeout_s = 20\nconcurrency_max = 1",
    )
}

async fn what_the_origin_response_function_changes_is_what_is_stored(language: Language) {
    let edge = on_response(
        language,
        (
            r#"response["headers"]["x-calls"] = header(calls, "X-Calls")
    response["headers"]["cache-control"] = header("max-age=5", "Cache-Control")
    response["headers"].pop("x-gone", None)"#,
            r#"response.headers["x-calls"] = header(calls, "X-Calls");
    response.headers["cache-control"] = header("max-age=5", "Cache-Control");
    delete response.headers["x-gone"];"#,
        ),
        |_| Reply::ok("hello").with("x-gone", "1").with("cache-control", "max-age=1000"),
    )
    .start()
    .await;
    for result in ["Miss", "Hit"] {
        let answer = edge.get("/x").await;
        assert_eq!((answer.x_cache(), answer.header("x-calls"), answer.header("x-gone")), (result, Some("1"), None));
        assert_eq!(answer.header("cache-control"), Some("max-age=5"));
    }
    edge.clock.advance(std::time::Duration::from_secs(6));
    assert_eq!(edge.get("/x").await.header("x-calls"), Some("2"), "the function's max-age counts");
    edge.stop().await;
}

async fn the_origin_response_function_runs_on_errors_of_the_origin_too(language: Language) {
    let edge = on_response(
        language,
        (
            r#"response["headers"]["x-seen"] = header(repr(response["status"]), "X-Seen")
    if response["status"] == "500": response["status"] = 200"#,
            r#"response.headers["x-seen"] = header(typeof response.status === "string" ? `'${response.status}'` : "", "X-Seen");
    if (response.status === "500") response.status = 200;"#,
        ),
        |target| Reply::status(if target == "/404" { 404 } else { 500 }, "body"),
    )
    .start()
    .await;
    let missing = edge.get("/404").await;
    assert_eq!((missing.status, missing.x_cache(), missing.header("x-seen")), (404, "Error", Some("'404'")));
    let mended = edge.get("/500").await;
    assert_eq!((mended.status, mended.x_cache(), mended.text()), (200, "Miss", "body"));
    assert_eq!(edge.get("/500").await.x_cache(), "Hit");
    edge.stop().await;
}

async fn the_viewer_response_function_runs_after_a_generated_answer(language: Language) {
    let behavior = "origin_request = { lambda = \"l\" }\norigin_response = { lambda = \"never\" }\nviewer_response = { function = \"f\" }";
    let edge = Edge::before(behavior, |_| Reply::ok("origin"))
        .lambda(
            language,
            "l",
            &Code::around(r#"return {"status": "200", "body": "made"}"#, r#"return { status: "200", body: "made" };"#),
            "timeout_s = 20",
        )
        .lambda(
            language,
            "never",
            &Code::around("raise Exception('not here')", "throw new Error('not here');"),
            "timeout_s = 20",
        )
        .function_with(
            "f",
            "function handler(event) { event.response.headers['x-ran'] = { value: 'yes' }; return event.response; }",
            "budget_ms = 5000",
        )
        .start()
        .await;
    for result in ["LambdaGeneratedResponse", "Hit"] {
        let answer = edge.get("/x").await;
        assert_eq!((answer.text(), answer.x_cache(), answer.header("x-ran")), ("made", result, Some("yes")));
    }
    edge.stop().await;
}

async fn a_folder_origin_has_origin_functions_too(language: Language) {
    let toml = r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        [[distribution.origin]]
        id = "site"
        directory = "public"
        [distribution.default_behavior]
        target_origin = "site"
        origin_request = { lambda = "l" }
    "#;
    let edge = Edge::with(toml)
        .file("public/page.html", "a page")
        .lambda(
            language,
            "l",
            &Code::around(r#"request["uri"] += ".html"; return request"#, r#"request.uri += ".html"; return request;"#),
            "timeout_s = 20",
        )
        .start()
        .await;
    let answer = edge.get("/page").await;
    assert_eq!((answer.status, answer.text()), (200, "a page"));
    edge.stop().await;
}

async fn the_viewer_response_function_runs_by_the_origins_status_on_misses_and_hits_alike(language: Language) {
    let code = Code::around(
        r#"if "response" not in cf:
        if request["uri"] == "/generated": return {"status": "403", "headers": {"cache-control": header("max-age=100", "Cache-Control")}, "body": "x"}
        return request
    response = cf["response"]
    response["status"] = {"/mended": "200", "/broken": "404"}.get(request["uri"], response["status"])
    return response"#,
        r#"if (!cf.response) {
        if (request.uri === "/generated") return { status: "403", headers: { "cache-control": header("max-age=100", "Cache-Control") }, body: "x" };
        return request;
    }
    cf.response.status = { "/mended": "200", "/broken": "404" }[request.uri] || cf.response.status;
    return cf.response;"#,
    );
    let behavior = "origin_request = { lambda = \"l\" }\norigin_response = { lambda = \"l\" }\nviewer_response = { function = \"f\" }";
    let mark = "function handler(event) { event.response.headers['x-ran'] = { value: '1' }; return event.response; }";
    let edge = Edge::before(behavior, |asked| {
        let reply = Reply::status(if asked.target == "/mended" { 404 } else { 200 }, "hello");
        reply.with("cache-control", "max-age=100").with("x-homefront-origin-failed", "1")
    });
    let edge = edge.lambda(language, "l", &code, "timeout_s = 20").function_with("f", mark, "budget_ms = 5000");
    let edge = edge.start().await;
    for (path, status, ran) in [
        ("/mended", 200, None),
        ("/broken", 404, Some("1")),
        ("/generated", 403, Some("1")),
        ("/plain", 200, Some("1")),
    ] {
        for _ in ["miss", "hit"] {
            let answer = edge.get(path).await;
            assert_eq!((answer.status, answer.header("x-ran")), (status, ran), "{path} {}", answer.x_cache());
            assert_eq!(answer.header("x-homefront-origin-failed"), None, "what the node tells itself stays inside");
        }
    }
    edge.stop().await;
}

async fn error_pages_go_past_origin_functions_and_stand_for_what_these_answer(language: Language) {
    let code = Code::around(
        r#"if "response" not in cf:
        if request["uri"] == "/fails": raise ValueError("boom")
        if request["uri"] == "/generated": return {"status": "404", "body": "mine"}
        request["headers"]["x-seen"] = header(request["uri"], "X-Seen")
        return request
    response = cf["response"]
    if request["uri"] == "/mended": response["status"] = "200"
    response["headers"]["x-after"] = header(response["status"], "X-After")
    return response"#,
        r#"if (!cf.response) {
        if (request.uri === "/fails") throw new Error("boom");
        if (request.uri === "/generated") return { status: "404", body: "mine" };
        request.headers["x-seen"] = header(request.uri, "X-Seen");
        return request;
    }
    if (request.uri === "/mended") cf.response.status = "200";
    cf.response.headers["x-after"] = header(cf.response.status, "X-After");
    return cf.response;"#,
    );
    let toml = crate::harness::one_origin(
        "origin_request = { lambda = \"l\" }\norigin_response = { lambda = \"l\" }\ncache_policy = \"CachingDisabled\"",
    ) + "\n[[distribution.custom_error_response]]\nerror_code = 404\nresponse_page_path = \"/page.html\"\nresponse_code = 200\n\
           [[distribution.custom_error_response]]\nerror_code = 503\nresponse_page_path = \"/page.html\"\nresponse_code = 503\n";
    let edge = Edge::with(toml).origin("app", |asked| match asked.target.as_str() {
        "/page.html" => Reply::ok(format!("page for {}", asked.header("x-seen").unwrap_or("nobody"))),
        _ => Reply::status(404, "no"),
    });
    let edge = edge.lambda(language, "l", &code, "timeout_s = 20").start().await;
    let (page, after) = ("page for /page.html", Some("200"));
    for (path, status, text, x_cache) in [
        ("/missing", 200, page, "Error"),
        ("/generated", 200, page, "LambdaGeneratedResponse"),
        ("/fails", 503, page, "LambdaExecutionError"),
        ("/mended", 200, "no", "Miss"),
    ] {
        let answer = edge.get(path).await;
        assert_eq!((answer.status, answer.text(), answer.x_cache()), (status, text, x_cache), "{path}");
        assert_eq!(answer.header("x-after"), after, "{path}: of the page's own origin response, or the mended one's");
    }
    edge.stop().await;
}
