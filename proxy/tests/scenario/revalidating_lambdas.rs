//! Lambda@Edge functions where an expired object is asked for again: what each of them sees, and what becomes of the object.

use crate::harness::{Asked, Code, Edge, Language, Reply, Running, in_every_language};
use std::time::Duration;

in_every_language! {
    s1_1_an_expired_object_is_asked_for_with_its_validators_which_functions_see_and_what_comes_of_a_304,
    s5_an_answer_in_the_place_of_a_revalidation_takes_the_objects_place_and_its_conditions_are_read_only,
    s1_1_an_origins_error_in_the_place_of_an_expired_object_is_shown_to_origin_response_before_the_old_one_is_served,
    s1_3_origin_response_puts_another_response_in_the_place_of_a_304_or_keeps_the_object,
}

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Ten seconds fresh, with both validators.
fn origin(asked: &Asked) -> Reply {
    let reply = match asked.header("if-none-match") {
        Some("\"v1\"") => Reply::status(304, "").with("x-renewed", "yes"),
        _ => Reply::ok("hello"),
    };
    reply.with("etag", "\"v1\"").with("last-modified", DATE).with("cache-control", "max-age=10")
}

/// A node with a function on each of three events: `l` on origin request, `r` on origin response, and one on viewer response that tells
/// which status it is shown.
async fn node(language: Language, request: &Code, response: &Code) -> Running {
    let seen = Code::around(
        r#"response = cf["response"]; response["headers"]["x-viewers"] = header(response["status"], "X-Viewers"); return response"#,
        r#"const { response } = cf; response.headers["x-viewers"] = header(response.status, "X-Viewers"); return response;"#,
    );
    let behavior = "origin_request = { lambda = \"l\" }\norigin_response = { lambda = \"r\" }\nviewer_response = { lambda = \"v\" }";
    let settings = "timeout_s = 20\nconcurrency_max = 1";
    Edge::before(behavior, |asked| origin(&asked))
        .lambda(language, "l", request, settings)
        .lambda(language, "r", response, settings)
        .lambda(language, "v", &seen, settings)
        .start()
        .await
}

/// Tells the origin which conditions it is shown.
fn tells_conditions() -> Code {
    Code::around(
        r#"told = [request["headers"].get(name, header("none"))[0]["value"] for name in ["if-none-match", "if-modified-since"]]
    request["headers"]["x-told"] = header("|".join([str(calls), *told]), "X-Told"); return request"#,
        r#"const told = ["if-none-match", "if-modified-since"].map((name) => (request.headers[name] ?? header("none"))[0].value);
    request.headers["x-told"] = header([calls, ...told].join("|"), "X-Told"); return request;"#,
    )
}

async fn s1_1_an_expired_object_is_asked_for_with_its_validators_which_functions_see_and_what_comes_of_a_304(
    language: Language,
) {
    let response = Code::around(
        r#"response = cf["response"]
    told = [str(calls), response["status"], "renewed" if "x-renewed" in response["headers"] else "new", str("if-none-match" in request["headers"])]
    response["headers"]["x-told"] = header(" ".join(told).lower(), "X-Told"); return response"#,
        r#"const { response } = cf;
    const told = [calls, response.status, "x-renewed" in response.headers ? "renewed" : "new", "if-none-match" in request.headers];
    response.headers["x-told"] = header(told.join(" "), "X-Told"); return response;"#,
    );
    let edge = node(language, &tells_conditions(), &response).await;
    for (result, told) in [("Miss", "1 200 new false"), ("Hit", "1 200 new false")] {
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.text(), answer.x_cache()), (200, "hello", result));
        assert_eq!((answer.header("x-told"), answer.header("x-viewers")), (Some(told), Some("200")));
    }
    edge.clock.advance(Duration::from_secs(11));
    // What the function made of the 304 is the object's now, as the 304's own headers are.
    for result in ["RefreshHit", "Hit"] {
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.text(), answer.x_cache()), (200, "hello", result));
        assert_eq!((answer.header("x-told"), answer.header("x-viewers")), (Some("2 304 renewed true"), Some("200")));
        assert_eq!(answer.header("x-renewed"), Some("yes"));
    }
    let told: Vec<_> = edge.asked("app").iter().map(|asked| asked.header("x-told").unwrap().to_owned()).collect();
    assert_eq!(told, ["1|none|none".to_owned(), format!("2|\"v1\"|{DATE}")]);
    let asked = edge.asked("app")[1].clone();
    assert_eq!((asked.header("if-none-match"), asked.header("if-modified-since")), (Some("\"v1\""), Some(DATE)));
    edge.stop().await;
}

async fn s5_an_answer_in_the_place_of_a_revalidation_takes_the_objects_place_and_its_conditions_are_read_only(
    language: Language,
) {
    let request = Code::around(
        r#"headers = request["headers"]
    if "if-none-match" in headers:
        if "delete" in request["uri"]: del headers["if-none-match"]
        if "change" in request["uri"]: headers["if-modified-since"] = header("Sun, 06 Nov 2024 08:49:37 GMT", "If-Modified-Since")
        if "answer" in request["uri"]: return {"status": "200", "body": "answered", "headers": {"cache-control": header("max-age=10", "Cache-Control")}}
    return request"#,
        r#"const { headers, uri } = request;
    if ("if-none-match" in headers) {
        if (uri.includes("delete")) delete headers["if-none-match"];
        if (uri.includes("change")) headers["if-modified-since"] = header("Sun, 06 Nov 2024 08:49:37 GMT", "If-Modified-Since");
        if (uri.includes("answer")) return { status: "200", body: "answered", headers: { "cache-control": header("max-age=10", "Cache-Control") } };
    }
    return request;"#,
    );
    let untouched = Code::around(r#"return cf["response"]"#, "return cf.response;");
    let edge = node(language, &request, &untouched).await;
    for path in ["/answer", "/delete", "/change"] {
        assert_eq!(edge.get(path).await.text(), "hello");
    }
    edge.clock.advance(Duration::from_secs(11));
    for result in ["LambdaGeneratedResponse", "Hit"] {
        let answer = edge.get("/answer").await;
        assert_eq!((answer.status, answer.text(), answer.x_cache()), (200, "answered", result));
    }
    for path in ["/delete", "/change"] {
        let answer = edge.get(path).await;
        assert_eq!((answer.status, answer.x_cache()), (502, "LambdaValidationError"), "{path}");
        assert_eq!(answer.sentence(), READ_ONLY, "{path}");
    }
    assert_eq!(edge.asked_times("app"), 3, "no function let a second request go");
    edge.stop().await;
}

const READ_ONLY: &str =
    "The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.";

async fn s1_3_origin_response_puts_another_response_in_the_place_of_a_304_or_keeps_the_object(language: Language) {
    let request = Code::around("return request", "return request;");
    let response = Code::around(
        r#"response = cf["response"]
    if response["status"] == "304":
        wish = request["uri"].strip("/")
        if wish == "body": response.update(status="200", statusDescription="OK", body="another")
        if wish == "same": response.update(status="200", statusDescription="OK")
        if wish == "ignored": response.update(body="another")
        if wish == "gone": response.update(status="410", statusDescription="Gone")
        if wish == "raise": raise ValueError("boom")
        if wish == "refused": response["headers"]["connection"] = header("close", "Connection")
    return response"#,
        r#"const { response } = cf;
    if (response.status === "304") switch (request.uri.slice(1)) {
        case "body": Object.assign(response, { status: "200", statusDescription: "OK", body: "another" }); break;
        case "same": Object.assign(response, { status: "200", statusDescription: "OK" }); break;
        case "ignored": response.body = "another"; break;
        case "gone": Object.assign(response, { status: "410", statusDescription: "Gone" }); break;
        case "raise": throw new TypeError("boom");
        case "refused": response.headers.connection = header("close", "Connection");
    }
    return response;"#,
    );
    let edge = node(language, &request, &response).await;
    let paths = ["/body", "/same", "/ignored", "/gone", "/raise", "/refused"];
    for path in paths {
        assert_eq!(edge.get(path).await.text(), "hello", "{path}");
    }
    edge.clock.advance(Duration::from_secs(11));
    for (path, status, body, results) in [
        ("/body", 200, Some("another"), ["Miss", "Miss"]),
        ("/same", 200, Some("hello"), ["RefreshHit", "Hit"]),
        ("/ignored", 200, Some("hello"), ["RefreshHit", "Hit"]),
        ("/gone", 410, Some(""), ["Error", "Error"]),
        ("/raise", 503, None, ["LambdaExecutionError", "LambdaExecutionError"]),
        ("/refused", 502, None, ["LambdaValidationError", "LambdaValidationError"]),
    ] {
        for result in results {
            let answer = edge.get(path).await;
            assert_eq!((answer.status, answer.x_cache()), (status, result), "{path}: {answer:?}");
            assert!(body.is_none_or(|body| answer.text() == body), "{path}: {answer:?}");
        }
    }
    assert_eq!(edge.asked_times("app"), paths.len() + 2 * 4 + 2, "what is not kept is asked for again");
    edge.stop().await;
}

async fn s1_1_an_origins_error_in_the_place_of_an_expired_object_is_shown_to_origin_response_before_the_old_one_is_served(
    language: Language,
) {
    let code = Code::around(
        r#"response = cf["response"]
    if calls == 2: response["status"] = "200"; response["body"] = "mended " + cf["request"]["uri"]
    return response"#,
        r#"const { response } = cf;
    if (calls === 2) { response.status = "200"; response.body = `mended ${request.uri}`; }
    return response;"#,
    );
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let edge = Edge::before("origin_response = { lambda = \"l\" }", move |_| {
        let first = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        let reply = if first { Reply::ok("hello") } else { Reply::status(503, "down") };
        reply.with("cache-control", "max-age=10")
    });
    let edge = edge.lambda(language, "l", &code, "timeout_s = 20\nconcurrency_max = 1").start().await;
    assert_eq!(edge.get("/x").await.text(), "hello");
    edge.clock.advance(Duration::from_secs(11));
    for _ in 0..2 {
        let mended = edge.get("/x").await;
        assert_eq!((mended.status, mended.text()), (200, "mended /x"), "stored, too");
    }
    edge.clock.advance(Duration::from_secs(11));
    let stale = edge.get("/x").await;
    assert_eq!((stale.status, stale.text(), stale.x_cache()), (200, "mended /x", "Hit"), "the function left the error");
    assert_eq!(edge.asked_times("app"), 3);
    edge.stop().await;
}
