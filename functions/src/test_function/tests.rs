//! What `TestFunction` prints, in AWS's own shapes.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use homefront_config::function::{Fidelity, FunctionRuntime};

const REQUEST: &str = r#"{"version":"1.0","context":{"eventType":"viewer-request"},"viewer":{"ip":"1.2.3.4"},
    "request":{"method":"GET","uri":"/","querystring":{"a":{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]}},
    "headers":{"host":{"value":"www.example.com"},"accept":{"value":"a","multiValue":[{"value":"a"},{"value":"b"}]}},
    "cookies":{"id":{"value":"x"}}}}"#;

const RESPONSE: &str = r#"{"version":"1.0","context":{"eventType":"viewer-response","requestId":"r"},"viewer":{"ip":"::1"},
    "request":{"method":"GET","uri":"/","querystring":{},"headers":{},"cookies":{}},
    "response":{"statusCode":200,"statusDescription":"OK","headers":{"server":{"value":"S"}},
    "cookies":{"loggedIn":{"value":"true","attributes":"Secure; Path=/"}}}}"#;

fn run(code: &str, event: &str) -> TestResult {
    let source = FunctionSource {
        name: "test".to_owned(),
        runtime: FunctionRuntime::CloudfrontJs2_0,
        fidelity: Fidelity::Strict,
        code: code.to_owned(),
        store: None,
    };
    test_function(source, event.as_bytes(), 1_700_000_000_000).unwrap()
}

fn error(event: &str) -> String {
    let source = FunctionSource {
        name: "test".to_owned(),
        runtime: FunctionRuntime::CloudfrontJs2_0,
        fidelity: Fidelity::Strict,
        code: "function handler(event) { return event.request; }".to_owned(),
        store: None,
    };
    test_function(source, event.as_bytes(), 0).unwrap_err().to_string()
}

#[test]
fn output_has_awss_members_in_awss_order() {
    let request = run(
        "function handler(event) { event.request.uri += 'index.html'; console.log('x'); return event.request; }",
        REQUEST,
    );
    insta::assert_snapshot!("request", request.function_output);
    assert_eq!(request.logs, ["x"]);
    assert_eq!(request.error_message, "");
    assert_eq!(request.failure, None);
    let redirect = run(
        "function handler(event) { return {statusCode: 302, statusDescription: 'Found', headers: {location: {value: 'https://a'}}}; }",
        REQUEST,
    );
    insta::assert_snapshot!("redirect", redirect.function_output);
    let response = run("function handler(event) { return event.response; }", RESPONSE);
    insta::assert_snapshot!("response", response.function_output);
}

#[test]
fn output_is_what_the_function_returned_whatever_it_makes_of_json() {
    let code =
        "var own = JSON.stringify; JSON.stringify = function () { return own({ uri: '/faked', method: 'GET' }); };
        function handler(event) { event.request.uri = '/real'; return event.request; }";
    assert!(run(code, REQUEST).function_output.contains(r#""uri":"/real""#));
}

#[test]
fn s8_a_query_string_that_is_text_is_text_in_the_output() {
    let code = "function handler(event) { event.request.querystring = 'b=2&a=1'; return event.request; }";
    let result = run(code, REQUEST);
    let output: serde_json::Value = serde_json::from_str(&result.function_output).unwrap();
    assert_eq!(output["request"]["querystring"], "b=2&a=1");
    assert_eq!((result.error_message.as_str(), result.failure), ("", None));
    let refused = run("function handler(event) { event.request.querystring = 'a b'; return event.request; }", REQUEST);
    assert_eq!(refused.error_message, "");
    assert!(refused.failure.unwrap().detail.contains("request.querystring"));
}

#[test]
fn errors_of_the_code_are_a_message_and_no_output() {
    let thrown = run("function handler(event) { return event.request.headers.nope.value; }", REQUEST);
    insta::assert_snapshot!("thrown", thrown.error_message);
    assert_eq!(thrown.function_output, "");
    insta::assert_snapshot!("syntax", run("function handler(event) {\n  return => 1;\n}", REQUEST).error_message);
    insta::assert_snapshot!("no_handler", run("var a = 1;", REQUEST).error_message);
}

#[test]
fn what_cloudfront_would_refuse_is_told_beside_the_output() {
    let result =
        run("function handler(event) { event.request.headers.host.value = 'b'; return event.request; }", REQUEST);
    assert_eq!(result.error_message, "");
    assert!(result.function_output.contains("\"host\":{\"value\":\"b\"}"));
    insta::assert_snapshot!("refused", result.failure.unwrap().to_string());
}

#[test]
fn a_heavy_function_has_a_high_compute_utilization() {
    let idle = run("function handler(event) { return event.request; }", REQUEST);
    let busy = run("function handler(event) { for (var i = 0; i < 200000; i++); return event.request; }", REQUEST);
    assert!(idle.compute_utilization <= 100);
    assert_eq!(busy.compute_utilization, 100);
}

#[test]
fn wrong_events_are_refused_with_their_path() {
    let with = |from: &str, to: &str| {
        assert!(REQUEST.contains(from), "{from}");
        error(&REQUEST.replace(from, to))
    };
    let errors = [
        error("{"),
        error("[]"),
        error("{}"),
        with("viewer-request", "origin-request"),
        with("\"eventType\"", "\"eventTyp\""),
        with("1.2.3.4", "localhost"),
        with("\"uri\":\"/\"", "\"uri\":\"a\""),
        with("\"uri\":\"/\",", ""),
        with("\"host\"", "\"Host\""),
        with("{\"value\":\"www.example.com\"}", "\"www.example.com\""),
        with("{\"value\":\"www.example.com\"}", "{\"value\":5}"),
        with("[{\"value\":\"a\"},{\"value\":\"b\"}]", "[{\"value\":\"a\"},{}]"),
        with("[{\"value\":\"a\"},{\"value\":\"b\"}]", "[]"),
        with("\"cookies\":{", "\"cookie\":{"),
        with("\"method\":\"GET\"", "\"method\":1"),
        error(&RESPONSE.replace("200", "\"200\"")),
        error(&RESPONSE.replace("viewer-response", "viewer-request")),
        error(&format!("\"{}\"", "a".repeat(41_000))),
    ];
    insta::assert_snapshot!("wrong_events", errors.join("\n"));
}

#[test]
fn half_a_surrogate_pair_is_shown_as_it_is_served() {
    let code = r"function handler(e) { return {statusCode: 200, body: 'a\ud800b\\ud800\ud83d\ude00'}; }";
    let result = run(code, REQUEST);
    assert!(result.function_output.contains("a\u{fffd}b\\\\ud800\u{1f600}"), "{}", result.function_output);
}

#[test]
fn a_result_with_a_cycle_is_told() {
    let result = run("function handler(e) { e.request.self = e.request; return e.request; }", REQUEST);
    assert_eq!(result.function_output, "");
    assert!(result.error_message.contains("cannot be written as JSON"), "{}", result.error_message);
}
