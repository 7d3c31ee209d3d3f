//! Lambda@Edge on viewer events: what the cache is asked, what viewers get, and when neither is the function's to say.

use crate::harness::{Code, Edge, Http2, Language, Reply, in_every_language, one_origin};

in_every_language! {
    names_of_headers_come_over_http_2_in_lower_case,
    a_request_left_alone_reaches_the_origin_byte_for_byte,
    the_function_runs_before_the_cache_is_asked_and_its_uri_is_the_key,
    another_uri_is_another_key_and_not_another_behavior,
    the_event_is_what_the_viewer_sent,
    cloudfronts_own_headers_are_added_after_the_function,
    s1_2_both_viewer_functions_see_the_viewers_value_of_cloudfronts_own_headers,
    the_keys_of_a_viewer_response_event_are_as_on_the_wire,
    a_date_that_a_function_sets_is_the_viewers,
    headers_that_a_function_sets_have_no_white_space_around_and_te_is_left_out,
    a_generated_answer_is_the_last_word_and_is_not_kept,
    a_head_request_gets_a_generated_answer_without_its_body,
    what_the_viewer_response_function_changes_is_seen_on_misses_and_hits_and_not_stored,
    the_viewer_response_function_does_not_run_after_an_error_of_the_origin,
    the_viewer_response_event_has_the_request_and_the_response,
    what_a_viewer_response_function_may_not_change_is_a_502_and_the_object_stays,
    failing_viewer_functions_cost_their_own_request_and_are_told_apart,
    pages_stand_for_failed_viewer_functions_and_not_for_what_they_answer_and_run_none,
    s1_1_the_viewer_response_function_runs_after_what_was_made_on_origin_request,
    s1_2_an_origin_request_function_sees_cloudfronts_headers_and_responses_have_no_body_of_the_request,
    a_redirect_to_https_is_cloudfronts_and_runs_no_function,
    a_cloudfront_function_on_viewer_events_and_lambdas_on_origin_events_work_together,
}

const READ_ONLY: &str =
    "The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.";

/// One execution environment, which counts its calls.
const ONE: &str = "timeout_s = 20\nconcurrency_max = 1";

fn on_request(language: Language, python: &str, node: &str) -> Edge {
    let edge = Edge::before("viewer_request = { lambda = \"l\" }", |asked| Reply::ok(asked.target));
    edge.lambda(language, "l", &Code::around(python, node), ONE)
}

fn on_response(
    language: Language,
    (python, node): (&str, &str),
    answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
) -> Edge {
    let edge = Edge::before("viewer_response = { lambda = \"l\" }", move |asked| answer(&asked.target));
    edge.lambda(language, "l", &changing_the_response(python, node), ONE)
}

/// Handlers that do this with `response` and return it.
fn changing_the_response(python: &str, node: &str) -> Code {
    Code::around(
        &format!("response = cf[\"response\"]\n    {python}\n    return response"),
        &format!("const {{ response }} = cf;\n    {node}\n    return response;"),
    )
}

async fn a_request_left_alone_reaches_the_origin_byte_for_byte(language: Language) {
    let behavior = "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"\nviewer_request = { lambda = \"l\" }";
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

async fn the_function_runs_before_the_cache_is_asked_and_its_uri_is_the_key(language: Language) {
    let edge = on_request(
        language,
        r#"request["uri"] = "/same"; return request"#,
        r#"request.uri = "/same"; return request;"#,
    )
    .start()
    .await;
    for (path, result) in [("/a", "Miss"), ("/b", "Hit"), ("/a", "Hit")] {
        let answer = edge.get(path).await;
        assert_eq!((answer.text(), answer.x_cache()), ("/same", result), "{path}");
    }
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

async fn another_uri_is_another_key_and_not_another_behavior(language: Language) {
    let toml = one_origin("")
        + r#"
        [[distribution.origin]]
        id = "other"
        domain_name = "127.0.0.1"
        http_port = {other}
        protocol_policy = "http-only"
        [[distribution.behavior]]
        path_pattern = "/a*"
        target_origin = "app"
        viewer_request = { lambda = "l" }
        [[distribution.behavior]]
        path_pattern = "/b*"
        target_origin = "other"
        "#;
    let code = Code::around(r#"request["uri"] = "/b"; return request"#, r#"request.uri = "/b"; return request;"#);
    let edge = Edge::with(toml)
        .origin("app", |asked| Reply::ok(format!("app {}", asked.target)))
        .origin("other", |_| Reply::ok("other"))
        .lambda(language, "l", &code, "timeout_s = 20")
        .start()
        .await;
    assert_eq!(edge.get("/a1").await.text(), "app /b");
    assert_eq!((edge.get("/a2").await.x_cache(), edge.asked_times("other")), ("Hit", 0));
    edge.stop().await;
}

async fn the_event_is_what_the_viewer_sent(language: Language) {
    let edge = on_request(
        language,
        r#"config = cf["config"]
    text = "|".join([config["eventType"], config["distributionId"], config["distributionDomainName"], config["requestId"],
        request["clientIp"], request["method"], request["uri"], request["querystring"],
        ",".join(sorted(request["headers"])), ",".join(sorted(request)), request["headers"]["x-twice"][1]["key"]])
    return {"status": "200", "body": text}"#,
        r#"const { config } = cf;
    const text = [config.eventType, config.distributionId, config.distributionDomainName, config.requestId,
        request.clientIp, request.method, request.uri, request.querystring,
        Object.keys(request.headers).sort(), Object.keys(request).sort(), request.headers["x-twice"][1].key].join("|");
    return { status: "200", body: text };"#,
    )
    .start()
    .await;
    let headers = [
        ("X-Twice", "1"),
        ("X-TWICE", "2"),
        ("CloudFront-Viewer-Country", "forged"),
        ("X-Forwarded-Proto", "https"),
        ("X-Edge-Foo", "1"),
        ("Connection", "close"),
    ];
    let answer = edge.get_with("/x?q=1&r=", &headers).await;
    let id = answer.header("x-amz-cf-id").unwrap();
    let expected = format!(
        "viewer-request|ETEST123456789|dtest123456789.cloudfront.net|{id}|127.0.0.1|GET|/x|q=1&r=|\
         cloudfront-viewer-country,host,x-twice|clientIp,headers,method,querystring,uri|X-TWICE"
    );
    assert_eq!(answer.text(), expected);
    edge.stop().await;
}

async fn cloudfronts_own_headers_are_added_after_the_function(language: Language) {
    let behavior =
        "viewer_request = { lambda = \"l\" }\ncache_policy = \"CachingDisabled\"\norigin_request_policy = \"named\"";
    let toml = one_origin(behavior)
        + r#"
        [[origin_request_policy]]
        name = "named"
        headers = ["CloudFront-Is-Mobile-Viewer", "X-Told"]
        "#;
    let code = Code::around(
        r#"told = request["headers"].get("cloudfront-is-mobile-viewer", [{"value": "nothing"}])[0]["value"]
    request["headers"]["x-told"] = header(told, "X-Told"); return request"#,
        r#"const told = request.headers["cloudfront-is-mobile-viewer"]?.[0].value ?? "nothing";
    request.headers["x-told"] = header(told, "X-Told"); return request;"#,
    );
    let edge = Edge::with(toml)
        .origin("app", |asked| Reply::ok(asked.target))
        .lambda(language, "l", &code, "timeout_s = 20")
        .start()
        .await;
    edge.get("/x").await;
    edge.get_with("/x", &[("CloudFront-Is-Mobile-Viewer", "forged")]).await;
    let asked = edge.asked("app");
    let told = |number: usize| (asked[number].header("x-told"), asked[number].header("cloudfront-is-mobile-viewer"));
    assert_eq!(told(0), (Some("nothing"), Some("false")));
    assert_eq!(told(1), (Some("forged"), Some("false")), "the viewer's is its own, the origin's is CloudFront's");
    edge.stop().await;
}

async fn s1_2_both_viewer_functions_see_the_viewers_value_of_cloudfronts_own_headers(language: Language) {
    let behavior = "viewer_request = { lambda = \"l\" }\nviewer_response = { lambda = \"r\" }\n\
                    cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewerAndCloudFrontHeaders-2022-06\"";
    let telling = |message: &str| {
        Code::around(
            &format!(
                r#"names = sorted(name for name in request["headers"] if name.startswith("cloudfront-"))
    told = ",".join("%s=%s" % (request["headers"][name][0]["key"], request["headers"][name][0]["value"]) for name in names)
    cf["{message}"]["headers"]["x-told"] = header(told, "X-Told"); return cf["{message}"]"#
            ),
            &format!(
                r#"const names = Object.keys(request.headers).filter((name) => name.startsWith("cloudfront-")).sort();
    const told = names.map((name) => `${{request.headers[name][0].key}}=${{request.headers[name][0].value}}`).join(",");
    cf.{message}.headers["x-told"] = header(told, "X-Told"); return cf.{message};"#
            ),
        )
    };
    let edge = Edge::before(behavior, |asked| Reply::ok(asked.header("x-told").unwrap_or_default().to_owned()))
        .lambda(language, "l", &telling("request"), "timeout_s = 20")
        .lambda(language, "r", &telling("response"), "timeout_s = 20")
        .start()
        .await;
    let answer = edge.get_with("/x", &[("CloudFront-Viewer-Country", "DE"), ("cloudfront-mine", "1")]).await;
    let told = "cloudfront-mine=1,CloudFront-Viewer-Country=DE";
    assert_eq!((answer.text(), answer.header("x-told")), (told, Some(told)));
    assert_ne!(edge.asked("app")[0].header("cloudfront-viewer-country"), Some("DE"), "the origin gets CloudFront's");
    edge.stop().await;
}

async fn the_keys_of_a_viewer_response_event_are_as_on_the_wire(language: Language) {
    let edge = on_response(
        language,
        (
            r#"keys = " ".join(entry["key"] for entries in response["headers"].values() for entry in entries)
    response["headers"]["x-keys"] = header(keys, "X-Keys")"#,
            r#"const keys = Object.values(response.headers).flat().map((entry) => entry.key).join(" ");
    response.headers["x-keys"] = header(keys, "X-Keys");"#,
        ),
        |_| Reply::ok("x").with("cache-control", "max-age=100"),
    )
    .start()
    .await;
    for result in ["Miss", "Hit"] {
        let answer = edge.get("/x").await;
        let keys: Vec<&str> = answer.header("x-keys").unwrap().split(' ').collect();
        assert_eq!(answer.x_cache(), result);
        for expected in ["Via", "Server", "cache-control"] {
            assert!(keys.contains(&expected), "{result}: {expected} in {keys:?}");
        }
    }
    edge.stop().await;
}

async fn a_date_that_a_function_sets_is_the_viewers(language: Language) {
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    for trigger in ["viewer_request", "origin_request", "origin_response", "viewer_response"] {
        let (python, node) = if trigger.ends_with("request") {
            (r#"{"status": "200", "headers": {}}"#, r#"{ status: "200", headers: {} }"#)
        } else {
            (r#"cf["response"]"#, "cf.response")
        };
        let code = Code::around(
            &format!(
                "response = {python}\n    response[\"headers\"][\"date\"] = header(\"{DATE}\", \"date\"); return response"
            ),
            &format!(
                "const response = {node};\n    response.headers.date = header(\"{DATE}\", \"date\"); return response;"
            ),
        );
        let edge = Edge::before(&format!("{trigger} = {{ lambda = \"l\" }}"), |_| Reply::ok("x"))
            .lambda(language, "l", &code, "timeout_s = 20")
            .start()
            .await;
        assert_eq!(edge.get("/x").await.header("date"), Some(DATE), "{trigger}");
        edge.stop().await;
    }
}

async fn a_generated_answer_is_the_last_word_and_is_not_kept(language: Language) {
    let behavior = "viewer_request = { lambda = \"l\" }\nviewer_response = { lambda = \"never\" }\norigin_request = { lambda = \"never\" }\norigin_response = { lambda = \"never\" }";
    let made = Code::around(
        r#"return {"status": "302", "statusDescription": "Found", "body": str(calls),
        "headers": {"location": [{"value": "/x"}], "cache-control": [{"value": "max-age=100"}], "set-cookie": header("a=1", "Set-Cookie") + header("b=2", "Set-Cookie")}}"#,
        r#"return { status: "302", statusDescription: "Found", body: String(calls),
        headers: { location: [{ value: "/x" }], "cache-control": [{ value: "max-age=100" }], "set-cookie": [...header("a=1", "Set-Cookie"), ...header("b=2", "Set-Cookie")] } };"#,
    );
    let never = Code::around(
        "raise Exception('not after a generated answer')",
        "throw new Error('not after a generated answer');",
    );
    let toml = format!("[log]\naccess = {{ path = \"access.log\" }}\nfunction = \"f.log\"\n{}", one_origin(behavior));
    let edge = Edge::with(toml)
        .origin("app", |_| Reply::ok("origin"))
        .lambda(language, "l", &made, ONE)
        .lambda(language, "never", &never, "timeout_s = 20")
        .start()
        .await;
    for call in ["1", "2"] {
        let answer = edge.get("/a").await;
        assert_eq!((answer.status, answer.header("location"), answer.text()), (302, Some("/x"), call));
        assert_eq!(answer.header("x-cache"), Some("LambdaGeneratedResponse from cloudfront"));
        assert_eq!((answer.header("server"), answer.all("set-cookie")), (Some("CloudFront"), vec!["a=1", "b=2"]));
        assert!(answer.headers.iter().any(|(name, _)| name == "Location"), "{:?}", answer.headers);
    }
    assert_eq!(edge.asked_times("app"), 0);
    let log = edge.stop_and_read("access.log").await;
    let fields: Vec<_> = log.lines().last().unwrap().split('\t').collect();
    assert_eq!(
        (fields[13], fields[22], fields[28]),
        ("LambdaGeneratedResponse", "LambdaGeneratedResponse", "LambdaGeneratedResponse")
    );
}

async fn a_head_request_gets_a_generated_answer_without_its_body(language: Language) {
    let edge = on_request(
        language,
        r#"return {"status": "200", "body": "hello"}"#,
        r#"return { status: "200", body: "hello" };"#,
    )
    .start()
    .await;
    let answer = edge.connect().await.send("HEAD /x HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("5")));
    edge.stop().await;
}

async fn what_the_viewer_response_function_changes_is_seen_on_misses_and_hits_and_not_stored(language: Language) {
    let lines = (
        r#"response["headers"]["x-calls"] = header(calls, "X-Calls"); response["headers"].pop("x-gone", None)"#,
        r#"response.headers["x-calls"] = header(calls, "X-Calls"); delete response.headers["x-gone"];"#,
    );
    let edge = on_response(language, lines, |_| Reply::ok("hello").with("x-gone", "1")).start().await;
    for (result, calls) in [("Miss", "1"), ("Hit", "2"), ("Hit", "3")] {
        let answer = edge.get("/x").await;
        assert_eq!((answer.x_cache(), answer.header("x-calls"), answer.header("x-gone")), (result, Some(calls), None));
        assert_eq!(answer.text(), "hello");
    }
    edge.stop().await;
}

async fn the_viewer_response_function_does_not_run_after_an_error_of_the_origin(language: Language) {
    let lines = (
        r#"response["headers"]["x-ran"] = header("yes", "X-Ran")"#,
        r#"response.headers["x-ran"] = header("yes", "X-Ran");"#,
    );
    let edge = on_response(language, lines, |target| match target {
        "/404" => Reply::status(404, "no"),
        "/301" => Reply::status(301, "").with("location", "/x"),
        _ => Reply::ok("yes"),
    })
    .start()
    .await;
    for (path, ran) in [("/404", None), ("/404", None), ("/301", Some("yes")), ("/x", Some("yes"))] {
        assert_eq!(edge.get(path).await.header("x-ran"), ran, "{path}");
    }
    edge.stop().await;
}

async fn the_viewer_response_event_has_the_request_and_the_response(language: Language) {
    let lines = (
        r#"seen = [cf["config"]["eventType"], request["uri"], request["querystring"], repr(response["status"]), response["statusDescription"],
        response["headers"]["content-type"][0]["value"], ",".join(sorted(response)), "one" if "x-cache" in response["headers"] else "none"]
    response["headers"]["x-seen"] = header("|".join(seen), "X-Seen")"#,
        r#"const status = typeof response.status === "string" ? `'${response.status}'` : String(response.status);
    const seen = [cf.config.eventType, request.uri, request.querystring, status, response.statusDescription,
        response.headers["content-type"][0].value, Object.keys(response).sort(), "x-cache" in response.headers ? "one" : "none"];
    response.headers["x-seen"] = header(seen.join("|"), "X-Seen");"#,
    );
    let edge = on_response(language, lines, |_| Reply::ok("hello").with("Content-Type", "text/plain")).start().await;
    let answer = edge.get("/x?q=1").await;
    let expected = "viewer-response|/x|q=1|'200'|OK|text/plain|headers,status,statusDescription|none";
    assert_eq!(answer.header("x-seen"), Some(expected));
    edge.stop().await;
}

async fn what_a_viewer_response_function_may_not_change_is_a_502_and_the_object_stays(language: Language) {
    let python = r#"wish = request["querystring"]
    if wish == "via": response["headers"].pop("via")
    if wish == "length": response["headers"].pop("content-length")
    if wish == "encoding": response["headers"]["content-encoding"] = header("br", "Content-Encoding")
    if wish == "warning": response["headers"]["warning"] = header("199 -", "Warning")
    if wish == "status": response["status"] = "404"
    if wish == "body": response["body"] = "mine"
    if wish == "cache": response["headers"]["x-cache"] = header("Hit", "X-Cache")"#;
    let node = r#"switch (request.querystring) {
        case "via": delete response.headers.via; break;
        case "length": delete response.headers["content-length"]; break;
        case "encoding": response.headers["content-encoding"] = header("br", "Content-Encoding"); break;
        case "warning": response.headers.warning = header("199 -", "Warning"); break;
        case "status": response.status = "404"; break;
        case "body": response.body = "mine"; break;
        case "cache": response.headers["x-cache"] = header("Hit", "X-Cache"); break;
    }"#;
    let edge = on_response(language, (python, node), |_| Reply::ok("hello")).start().await;
    for wish in ["via", "length", "encoding", "warning"] {
        let answer = edge.get(&format!("/x?{wish}")).await;
        assert_eq!(
            (answer.status, answer.x_cache(), answer.sentence()),
            (502, "LambdaValidationError", READ_ONLY),
            "{wish}"
        );
    }
    for wish in ["status", "body", "cache"] {
        let answer = edge.get(&format!("/x?{wish}")).await;
        assert_eq!((answer.status, answer.x_cache()), (502, "LambdaValidationError"), "{wish}");
    }
    let good = edge.get("/x").await;
    assert_eq!((good.status, good.x_cache(), good.text()), (200, "Hit", "hello"));
    edge.stop().await;
}

async fn failing_viewer_functions_cost_their_own_request_and_are_told_apart(language: Language) {
    let python = r#"wish = request["uri"].strip("/")
    if wish == "raise": raise ValueError("boom")
    if wish == "none": return None
    if wish == "host": request["headers"]["host"] = header("other.test", "Host")
    if wish == "uri": request["uri"] = "no-slash"
    if wish == "large": return {"status": "200", "body": "x" * 41_000}
    if wish == "204": return {"status": "204", "body": "x"}
    if wish == "fits": return {"status": "200", "body": "x" * 39_000}
    return request"#;
    let node = r#"switch (request.uri.slice(1)) {
        case "raise": throw new TypeError("boom");
        case "none": return undefined;
        case "host": request.headers.host = header("other.test", "Host"); break;
        case "uri": request.uri = "no-slash"; break;
        case "large": return { status: "200", body: "x".repeat(41000) };
        case "204": return { status: "204", body: "x" };
        case "fits": return { status: "200", body: "x".repeat(39000) };
    }
    return request;"#;
    let edge = on_request(language, python, node).start().await;
    for (wish, status, result) in [
        ("raise", 503, "LambdaExecutionError"),
        ("none", 502, "LambdaValidationError"),
        ("host", 502, "LambdaValidationError"),
        ("uri", 502, "LambdaValidationError"),
        ("large", 502, "LambdaValidationError"),
        ("204", 502, "LambdaValidationError"),
        ("fits", 200, "LambdaGeneratedResponse"),
        ("after", 200, "Miss"),
    ] {
        let answer = edge.get(&format!("/{wish}")).await;
        assert_eq!((answer.status, answer.x_cache()), (status, result), "{wish}: {answer:?}");
    }
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

async fn a_redirect_to_https_is_cloudfronts_and_runs_no_function(language: Language) {
    let behavior = "viewer_protocol_policy = \"redirect-to-https\"\nviewer_request = { lambda = \"l\" }\nviewer_response = { lambda = \"l\" }";
    let never = Code::around("raise Exception('not on a redirect')", "throw new Error('not on a redirect');");
    let edge =
        Edge::before(behavior, |_| Reply::ok("origin")).lambda(language, "l", &never, "timeout_s = 20").start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache()), (301, "Redirect"));
    edge.stop().await;
}

async fn a_cloudfront_function_on_viewer_events_and_lambdas_on_origin_events_work_together(language: Language) {
    let behavior = "viewer_request = { function = \"f\" }\norigin_request = { lambda = \"l\" }";
    let code = Code::around(r#"request["uri"] += "/l"; return request"#, r#"request.uri += "/l"; return request;"#);
    let edge = Edge::before(behavior, |asked| Reply::ok(asked.target))
        .function_with(
            "f",
            "function handler(event) { event.request.uri += '/f'; return event.request; }",
            "budget_ms = 5000",
        )
        .lambda(language, "l", &code, "timeout_s = 20")
        .start()
        .await;
    assert_eq!(edge.get("/x").await.text(), "/x/f/l");
    edge.stop().await;
}

async fn names_of_headers_come_over_http_2_in_lower_case(language: Language) {
    let python = r#"return {"status": "200", "body": " ".join(line["key"] for lines in request["headers"].values() for line in lines)}"#;
    let node =
        r#"return { status: "200", body: Object.values(request.headers).flat().map((line) => line.key).join(" ") };"#;
    let edge = on_request(language, python, node).start().await;
    let viewer = Http2::open(edge.address).await;
    let request =
        http::Request::get("http://dtest123456789.cloudfront.net/").header("Accept", "*/*").header("X-Word", "a");
    assert_eq!(viewer.send(request.body(()).unwrap(), &[]).await.text(), "Host accept x-word");
    edge.stop().await;
}

async fn headers_that_a_function_sets_have_no_white_space_around_and_te_is_left_out(language: Language) {
    let events = ["viewer_request", "viewer_response", "origin_request", "origin_response"];
    let events = events.map(|event| format!("{event} = {{ lambda = \"l\" }}\n")).concat();
    let code = Code::around(
        r#"event_type = cf["config"]["eventType"]
    made = {"location": header(" /%s\t" % event_type, "Location"), "te": header("x", "TE")}
    if request["uri"] == "/" + event_type and event_type.endswith("request"):
        return {"status": "302", "headers": made}
    if request["uri"] == "/" + event_type:
        cf["response"]["headers"].update(made)
    return cf["response"] if event_type.endswith("response") else request"#,
        r#"const { eventType } = cf.config;
    const made = { location: header(` /${eventType}\t`, "Location"), te: header("x", "TE") };
    if (request.uri === `/${eventType}` && eventType.endsWith("request")) return { status: "302", headers: made };
    if (request.uri === `/${eventType}`) Object.assign(cf.response.headers, made);
    return eventType.endsWith("response") ? cf.response : request;"#,
    );
    let edge =
        Edge::before(&events, |_| Reply::ok("hello")).lambda(language, "l", &code, "timeout_s = 20").start().await;
    let viewer = Http2::open(edge.address).await;
    for (path, status) in
        [("/viewer-request", 302), ("/origin-request", 302), ("/origin-response", 200), ("/viewer-response", 200)]
    {
        let uri = format!("http://dtest123456789.cloudfront.net{path}");
        let over_h2 = viewer.send(http::Request::get(uri).body(()).unwrap(), &[]).await;
        for answer in [over_h2, edge.get(path).await] {
            assert_eq!((answer.status, answer.header("location"), answer.header("te")), (status, Some(path), None));
        }
    }
    edge.stop().await;
}

async fn pages_stand_for_failed_viewer_functions_and_not_for_what_they_answer_and_run_none(language: Language) {
    let code = Code::around(
        r#"if "response" in cf:
        cf["response"]["headers"]["x-ran"] = header("1", "X-Ran")
        return cf["response"]
    if request["uri"] == "/throws": raise ValueError("boom")
    if request["uri"] == "/answers": return {"status": "404", "body": "mine"}
    return request"#,
        r#"if (cf.response) {
        cf.response.headers["x-ran"] = header("1", "X-Ran");
        return cf.response;
    }
    if (request.uri === "/throws") throw new Error("boom");
    if (request.uri === "/answers") return { status: "404", body: "mine" };
    return request;"#,
    );
    let page = |code: u16| {
        format!(
            "\n[[distribution.custom_error_response]]\nerror_code = {code}\nresponse_page_path = \"/page\"\nresponse_code = 200\n"
        )
    };
    let toml = one_origin("viewer_request = { lambda = \"l\" }\nviewer_response = { lambda = \"l\" }");
    let edge = Edge::with(toml + &page(404) + &page(503))
        .origin("app", |asked| if asked.target == "/page" { Reply::ok("the page") } else { Reply::status(404, "no") })
        .lambda(language, "l", &code, "timeout_s = 20")
        .start()
        .await;
    for (path, status, text, x_cache) in [
        ("/throws", 200, "the page", "LambdaExecutionError"),
        ("/answers", 404, "mine", "LambdaGeneratedResponse"),
        ("/missing", 200, "the page", "Error"),
    ] {
        let answer = edge.get(path).await;
        assert_eq!((answer.status, answer.text(), answer.x_cache()), (status, text, x_cache), "{path}");
        assert_eq!(answer.header("x-ran"), None, "{path}");
    }
    edge.stop().await;
}

async fn s1_1_the_viewer_response_function_runs_after_what_was_made_on_origin_request(language: Language) {
    let made = Code::around(
        r#"return {"status": request["uri"][1:], "body": "made"}"#,
        r#"return { status: request.uri.slice(1), body: "made" };"#,
    );
    let ran = changing_the_response(
        r#"response["headers"]["x-ran"] = header(response["status"], "X-Ran")"#,
        r#"response.headers["x-ran"] = header(response.status, "X-Ran");"#,
    );
    let edge = Edge::before("origin_request = { lambda = \"made\" }\nviewer_response = { lambda = \"ran\" }", |_| {
        Reply::ok("origin")
    })
    .lambda(language, "made", &made, "timeout_s = 20")
    .lambda(language, "ran", &ran, "timeout_s = 20")
    .start()
    .await;
    for status in ["200", "403"] {
        let answer = edge.get(&format!("/{status}")).await;
        assert_eq!((answer.text(), answer.header("x-ran")), ("made", Some(status)));
        assert_eq!(answer.x_cache(), "LambdaGeneratedResponse");
    }
    edge.stop().await;
}

async fn s1_2_an_origin_request_function_sees_cloudfronts_headers_and_responses_have_no_body_of_the_request(
    language: Language,
) {
    let code = Code::around(
        r#"if "response" in cf:
        seen = cf["response"]["headers"].get("x-body", []) + header(str("body" in request), "X-Body")
        cf["response"]["headers"]["x-body"] = seen
        return cf["response"]
    told = request["headers"]["cloudfront-is-mobile-viewer"][0]["value"] if "origin" in request else "viewer"
    request["headers"]["x-told"] = header(told + str("body" in request), "X-Told")
    return request"#,
        r#"const told = (is) => (is ? "True" : "False");
    if (cf.response) {
        const { headers } = cf.response;
        headers["x-body"] = [...(headers["x-body"] ?? []), ...header(told("body" in request), "X-Body")];
        return cf.response;
    }
    const mobile = request.origin ? request.headers["cloudfront-is-mobile-viewer"][0].value : "viewer";
    request.headers["x-told"] = header(mobile + told("body" in request), "X-Told");
    return request;"#,
    );
    let on = |event: &str, more: &str| format!("{event} = {{ lambda = \"l\"{more} }}\n");
    let behavior = on("viewer_request", ", include_body = true")
        + &on("origin_request", ", include_body = true")
        + &on("origin_response", "")
        + &on("viewer_response", "")
        + "allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]\n"
        + "origin_request_policy = \"AllViewerAndCloudFrontHeaders-2022-06\"";
    let edge = Edge::before(&behavior, |asked| Reply::ok(asked.header("x-told").unwrap_or("nothing").to_owned()))
        .lambda(language, "l", &code, "timeout_s = 20")
        .start()
        .await;
    let answer = edge.ask("POST", "/x", &[("CloudFront-Is-Mobile-Viewer", "forged")], "hello").await;
    assert_eq!((answer.status, answer.text()), (200, "falseTrue"));
    assert_eq!(answer.all("x-body"), ["False", "False"]);
    edge.stop().await;
}
