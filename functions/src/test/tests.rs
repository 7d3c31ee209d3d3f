//! What came of cases, judged: every message a person can meet.
#![allow(clippy::unwrap_used, clippy::format_push_string, clippy::format_collect, reason = "tests")]

use super::*;
use crate::test_function::OF_A_DEBUG_BUILD;
use homefront_config::cases::{
    AnswerExpect, Event, FunctionExpect, MessageExpect, OriginRequestExpect, Request, Response, Trial,
};
use serde_json::json;

/// The expectation of a case that runs a function, written as in a case file.
fn expect(text: &str) -> FunctionExpect {
    let text =
        format!("[[case]]\nname = \"a\"\nfunction = \"f\"\nrequest = {{ path = \"/\" }}\nexpect = {{ {text} }}\n");
    match trial(&text) {
        Trial::Function { expect, .. } => expect,
        other => panic!("{other:?}"),
    }
}

fn trial(text: &str) -> Trial {
    let folder = tempfile::tempdir().unwrap();
    let site = "[[distribution]]\norigin = [{ id = \"app\", directory = \".\" }]\ndefault_behavior = { target_origin = \"app\" }\n\
        [[function]]\nname = \"f\"\ncode = \"f.js\"\n";
    std::fs::write(folder.path().join("homefront.toml"), site).unwrap();
    std::fs::write(folder.path().join("f.js"), "function handler(event) { return event.request; }").unwrap();
    let file = homefront_config::cases::parse("cases.toml", text, folder.path(), &|_| None);
    file.unwrap_or_else(|error| panic!("{error}")).cases.remove(0).trial
}

fn ran(output: Value) -> Ran {
    Ran {
        output: Some(output),
        error: None,
        refusal: None,
        log: Vec::new(),
        varying: Varying::default(),
        utilization: Some(21),
    }
}

/// Everything a case prints that expects this of what a function did; whatever the profile of the tests is.
fn told(expects: &str, ran: &Ran) -> String {
    let mismatches = call(&expect(expects), ran, |output| Seen::function_output(output, &Value::Null));
    let told: String = mismatches.iter().map(|mismatch| format!("{mismatch}\n")).collect();
    OF_A_DEBUG_BUILD.map_or(told.clone(), |build| told.replace(&format!(", {build}"), ""))
}

#[test]
fn a_request_that_is_as_expected_is_no_mismatch() {
    let request = json!({"request": {
        "uri": "/a", "querystring": {"b": {"value": "c"}}, "headers": {"x-a": {"value": "1"}}, "cookies": {"d": {"value": "e"}},
    }});
    let expects = "uri = \"/a\", querystring = \"b=c\", headers = { X-A = \"1\", cookie = \"d=e\" }, present_headers = [\"x-a\"], \
        absent_headers = [\"x-b\"], log = [], utilization_max = 21, output_contains = { request = { uri = \"/a\" } }";
    assert_eq!(told(expects, &ran(request)), "");
}

#[test]
fn each_part_of_a_request_that_differs_is_told() {
    let request = json!({"request": {
        "uri": "/a", "querystring": "b=c", "headers": {"x-a": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]}},
        "cookies": {},
    }});
    let expects = "status = 200, uri = \"/b\", querystring = \"\", headers = { x-a = \"1\", x-c = [\"1\", \"2\"] }, \
        present_headers = [\"x-b\"], absent_headers = [\"x-a\"], body = \"x\", body_contains = \"x\", log_contains = [\"line\"], \
        utilization_max = 20";
    insta::assert_snapshot!(told(expects, &ran(request)), @r#"
    uri: expected "/b", found "/a"
    querystring: expected "", found "b=c"
    status: expected 200, found a request, which has none
    headers: x-a: expected "1", found "1", "2"
    headers: x-c: expected "1", "2", found nothing
    present_headers: x-b: expected any value, found nothing
    absent_headers: x-a: expected nothing, found "1", "2"
    body: expected "x", found none
    body_contains: expected "x" in it, found ""
    log_contains: expected a line with "line", found no line
    utilization_max: expected 20 at most, found 21
    "#);
}

#[test]
fn a_response_has_a_status_a_body_and_cookies() {
    let response = json!({"response": {
        "statusCode": 302, "headers": {"location": {"value": "/b"}}, "body": {"encoding": "base64", "data": "aGk="},
        "cookies": {"a": {"value": "1", "attributes": "Path=/"}},
    }});
    let expects = "status = 302, headers = { location = \"/b\", set-cookie = \"a=1; Path=/\" }, body = \"hi\"";
    assert_eq!(told(expects, &ran(response.clone())), "");
    insta::assert_snapshot!(told("status = 301, uri = \"/\", body = \"ho\"", &ran(response)), @r#"
    uri: expected "/", found a response, which has none
    status: expected 301, found 302
    body: expected "ho", found "hi"
    "#);
}

#[test]
fn an_output_that_differs_is_shown_as_a_diff() {
    let request = json!({"request": {"uri": "/a", "headers": {}, "method": "GET"}});
    insta::assert_snapshot!(told("output = { request = { method = \"GET\", headers = {}, uri = \"/b\" } }", &ran(request)), @r#"
    output:
    - expected, + found
        "request": {
          "headers": {},
          "method": "GET",
    -     "uri": "/b"
    +     "uri": "/a"
        }
      }
    "#);
}

#[test]
fn lines_of_a_log_are_compared_as_a_whole() {
    let ran = Ran { log: vec!["one".to_owned(), "two".to_owned()], ..ran(json!({"request": {"uri": "/"}})) };
    assert_eq!(told("log = [\"one\", \"two\"], log_contains = [\"tw\"]", &ran), "");
    insta::assert_snapshot!(told("log = [\"one\"], log_contains = [\"three\"]", &ran), @r#"
    log:
    - expected, + found
      one
    + two
    log_contains:
    expected a line with "three", found:
    one
    two
    "#);
}

#[test]
fn of_a_long_log_the_last_lines_are_shown() {
    let mut log: Vec<_> = (1..=1_000).map(|number| format!("line {number}")).collect();
    log.push("x".repeat(10_000));
    let ran = Ran { log, ..ran(json!({"request": {"uri": "/"}})) };
    let told = told("log_contains = [\"three\"]", &ran);
    let start = "log_contains:\nexpected a line with \"three\", found:\n(961 lines before these)\nline 962\n";
    assert!(told.starts_with(start), "{told}");
    assert!(told.ends_with(&format!("line 1000\n{}… (9600 bytes more)\n", "x".repeat(400))), "{told}");
}

#[test]
fn an_error_and_a_refusal_fail_a_case_that_does_not_expect_them() {
    let failed = Ran { output: None, error: Some("could not run. Error: boom".to_owned()), ..ran(Value::Null) };
    let refusal = Refusal { sentence: "CloudFront's sentence.".to_owned(), reason: "the host was changed".to_owned() };
    let refused = Ran { refusal: Some(refusal), ..ran(json!({"request": {"uri": "/"}})) };
    let fine = ran(json!({"request": {"uri": "/"}}));
    assert_eq!(told("error_contains = \"Error: boom\"", &failed), "");
    assert_eq!(told("refused_contains = \"sentence\"", &refused), "");
    assert_eq!(told("refused_contains = \"host\"", &refused), "");
    let mut all = String::new();
    for expects in ["uri = \"/\"", "error_contains = \"TypeError\"", "refused_contains = \"uri\""] {
        for (name, ran) in [("fails", &failed), ("is refused", &refused), ("is fine", &fine)] {
            all.push_str(&format!("{expects}, and it {name}:\n{}", told(expects, ran)));
        }
    }
    insta::assert_snapshot!(all, @r#"
    uri = "/", and it fails:
    the function failed: could not run. Error: boom
    uri = "/", and it is refused:
    CloudFront refuses the result:
    CloudFront's sentence.
      the host was changed
    uri = "/", and it is fine:
    error_contains = "TypeError", and it fails:
    error_contains: expected "TypeError" in it, found "could not run. Error: boom"
    error_contains = "TypeError", and it is refused:
    error_contains: expected an error with "TypeError", found none
    error_contains = "TypeError", and it is fine:
    error_contains: expected an error with "TypeError", found none
    refused_contains = "uri", and it fails:
    the function failed: could not run. Error: boom
    refused_contains = "uri", and it is refused:
    refused_contains:
    expected "uri" in it, found:
    CloudFront's sentence.
      the host was changed
    refused_contains = "uri", and it is fine:
    refused_contains: expected CloudFront to refuse the result with "uri", found a result that it accepts
    "#);
}

#[test]
fn a_value_that_was_changed_replaces_the_first_of_several_and_changed_several_count_alone() {
    let event = json!({"request": {"headers": {"a": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]}}}});
    let lines = |entry: Value| {
        let output = json!({"request": {"uri": "/", "headers": {"a": entry}}});
        let seen = Seen::function_output(&output, &event).unwrap();
        seen.lines("a").join(" ")
    };
    assert_eq!(lines(json!({"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]})), "1 2");
    assert_eq!(lines(json!({"value": "9", "multiValue": [{"value": "1"}, {"value": "2"}]})), "9 2");
    assert_eq!(lines(json!({"value": "9", "multiValue": [{"value": "3"}, {"value": "4"}]})), "3 4");
    assert_eq!(lines(json!({"value": "9"})), "9");
}

#[test]
fn a_lambdas_result_is_a_message_too() {
    let response =
        json!({"status": "404", "headers": {"x-a": [{"key": "X-A", "value": "1"}, {"value": "2"}]}, "body": "no"});
    let seen = Seen::lambda_output(&response).unwrap();
    assert_eq!((seen.status, seen.lines("X-A"), seen.body.as_deref()), (Some(404), vec!["1", "2"], Some(&b"no"[..])));
    let seen = Seen::lambda_output(&json!({"uri": "/a", "querystring": "b=c", "headers": {}})).unwrap();
    assert_eq!((seen.uri.as_deref(), seen.querystring.as_deref(), seen.status), (Some("/a"), Some("b=c"), None));
    let body = |body: Value| Seen::lambda_output(&json!({"uri": "/a", "headers": {}, "body": body})).unwrap().body;
    assert_eq!(
        body(json!({"action": "replace", "data": "YT0x"})).as_deref(),
        Some(&b"a=1"[..]),
        "base64 is the default"
    );
    assert_eq!(body(json!({"action": "replace", "encoding": "text", "data": "a=1"})).as_deref(), Some(&b"a=1"[..]));
    assert_eq!(body(json!({"action": "read-only", "data": "YT0x"})), None);
}

#[test]
fn a_lambdas_log_and_error_are_without_the_platforms_lines() {
    let failure =
        crate::Failure { kind: crate::FailureKind::LambdaExecution, sentence: None, detail: "gone".to_owned() };
    let lines = [
        "START RequestId: 6f8c0a3e-0000-4000-8000-000000000001 Version: 1",
        "START of it",
        "hello of 6f8c0a3e-0000-4000-8000-000000000001 in /srv/site/hook",
        "REPORT card",
        "END RequestId: 6f8c0a3e-0000-4000-8000-000000000001",
        "REPORT RequestId: 6f8c0a3e-0000-4000-8000-000000000001\tDuration: 15.74 ms\t",
    ];
    let result = InvokeResult {
        payload: r#"{"errorType":"ValueError","errorMessage":"boom in 6f8c0a3e-0000-4000-8000-000000000001"}"#.into(),
        log: lines.map(str::to_owned).to_vec(),
        package: "/srv/site/hook".into(),
        error: Some(failure),
        figures: crate::lambda::Figures::default(),
    };
    let ran = Ran::lambda(&result, None);
    assert_eq!((ran.output, ran.error.as_deref()), (None, Some("ValueError: boom in [request-id]")));
    assert_eq!(ran.log, ["START of it", "hello of [request-id] in [package]", "REPORT card"]);
}

#[test]
fn an_answer_and_what_the_origin_got_are_judged() {
    let seen = Seen {
        status: Some(200),
        headers: vec![("X-Cache".to_owned(), "Miss from cloudfront".to_owned())],
        body: Some(b"one\ntwo\n".to_vec()),
        ..Seen::default()
    };
    let message = MessageExpect {
        status: Some(404),
        headers: vec![("x-cache".to_owned(), vec!["Hit from cloudfront".to_owned()])],
        body: Some("one\nthree\n".to_owned()),
        ..MessageExpect::default()
    };
    let expect = AnswerExpect { message, origin_requests: None, origin_request: None, snapshot: None };
    let mut told: Vec<_> = answer(&expect, &seen);
    let expect = OriginRequestExpect {
        method: Some("POST".to_owned()),
        target: Some("/b".to_owned()),
        message: MessageExpect { present_headers: vec!["x-a".to_owned()], ..MessageExpect::default() },
    };
    told.extend(origin_request(&expect, "GET", "/a", &Seen::default()));
    insta::assert_snapshot!(told.iter().map(|mismatch| format!("{mismatch}\n")).collect::<String>(), @r#"
    status: expected 404, found 200
    headers: x-cache: expected "Hit from cloudfront", found "Miss from cloudfront"
    body:
    - expected, + found
      one
    - three
    + two
    origin_request.method: expected "POST", found "GET"
    origin_request.path: expected "/b", found "/a"
    origin_request.present_headers: x-a: expected any value, found nothing
    "#);
}

#[test]
#[allow(clippy::too_many_lines, reason = "two whole events, written out")]
fn an_event_is_made_of_messages_as_cloudfront_makes_it() {
    let lines = |lines: &[(&str, &str)]| lines.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let request = Request {
        method: "GET".to_owned(),
        target: "/a?b=1&c&b=2".to_owned(),
        host: "www.example.com".to_owned(),
        headers: lines(&[
            ("Host", "www.example.com"),
            ("Accept", "x"),
            ("accept", "y"),
            ("Cookie", "A=1; b=2;A=3"),
            ("X-Edge-Foo", "hidden"),
        ]),
        body: String::new(),
        scheme: homefront_config::cases::Scheme::Http,
        viewer_ip: "203.0.113.178".parse().unwrap(),
    };
    let response = Response {
        status: 302,
        headers: lines(&[("Set-Cookie", "a=1; Secure; Path=/"), ("Set-Cookie", "a=2"), ("Server", "S")]),
    };
    insta::assert_snapshot!(format!("{:#}", viewer_response(&request, &response)), @r#"
    {
      "version": "1.0",
      "context": {
        "distributionDomainName": "d111111abcdef8.cloudfront.net",
        "distributionId": "EDFDVBD6EXAMPLE",
        "eventType": "viewer-response",
        "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="
      },
      "viewer": {
        "ip": "203.0.113.178"
      },
      "request": {
        "method": "GET",
        "uri": "/a",
        "querystring": "b=1&c&b=2",
        "headers": {
          "host": {
            "value": "www.example.com"
          },
          "accept": {
            "value": "x",
            "multiValue": [
              {
                "value": "x"
              },
              {
                "value": "y"
              }
            ]
          }
        },
        "cookies": {
          "A": {
            "value": "1",
            "multiValue": [
              {
                "value": "1"
              },
              {
                "value": "3"
              }
            ]
          },
          "b": {
            "value": "2"
          }
        }
      },
      "response": {
        "statusCode": 302,
        "statusDescription": "Found",
        "headers": {
          "server": {
            "value": "S"
          },
          "via": {
            "value": "1.1 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)"
          }
        },
        "cookies": {
          "a": {
            "value": "1",
            "attributes": "Secure; Path=/",
            "multiValue": [
              {
                "value": "1",
                "attributes": "Secure; Path=/"
              },
              {
                "value": "2"
              }
            ]
          }
        }
      }
    }
    "#);
    let event = viewer_request(&request);
    assert_eq!(event["context"]["eventType"], "viewer-request");
    assert_eq!(event.get("response"), None);
    let _ = Event::Object(event);
}

#[test]
fn what_every_event_of_a_node_has_is_there_when_a_case_says_nothing_of_it() {
    let request = Request {
        method: "GET".to_owned(),
        target: "/".to_owned(),
        host: "www.example.com".to_owned(),
        headers: Vec::new(),
        body: String::new(),
        scheme: homefront_config::cases::Scheme::Http,
        viewer_ip: "203.0.113.178".parse().unwrap(),
    };
    let event = viewer_response(&request, &Response { status: 200, headers: Vec::new() });
    assert_eq!(event["request"]["headers"], json!({"host": {"value": "www.example.com"}}));
    let via = "1.1 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)";
    assert_eq!(event["response"]["headers"], json!({"server": {"value": "CloudFront"}, "via": {"value": via}}));
    let own = Response { status: 200, headers: vec![("VIA".to_owned(), "1.1 a".to_owned())] };
    let event = viewer_response(&Request { headers: vec![("HOST".to_owned(), "b.test".to_owned())], ..request }, &own);
    assert_eq!(event["request"]["headers"], json!({"host": {"value": "b.test"}}));
    assert_eq!(event["response"]["headers"]["via"], json!({"value": "1.1 a"}));
}

#[test]
fn the_event_of_a_request_has_its_query_string_as_it_came() {
    for query in ["", "b", "a=1&&b=2", "b=1&a=2&b=3"] {
        let text = format!(
            "[[case]]\nname = \"a\"\nfunction = \"f\"\nrequest = {{ path = \"/x?{query}\" }}\nexpect = {{ uri = \"/x\" }}\n"
        );
        let Trial::Function { event: Event::Of { request, response: None }, .. } = trial(&text) else {
            panic!("{text}")
        };
        let event = viewer_request(&request);
        let code = "function handler(event) { console.log(event.request.rawQueryString()); return event.request; }";
        let source = crate::js::FunctionSource {
            name: "f".to_owned(),
            runtime: homefront_config::function::FunctionRuntime::CloudfrontJs2_0,
            fidelity: homefront_config::function::Fidelity::Strict,
            code: code.to_owned(),
            store: None,
        };
        let called = crate::test_function::test_function(source, event.to_string().as_bytes(), 0).unwrap();
        assert_eq!(called.logs, [query]);
        // A function that returns the request as it is shows it by its keys; what goes on is what came.
        let output = json!({"request": {"uri": "/x", "querystring": event::sections_of(query)}});
        let seen = Seen::function_output(&output, &event).unwrap();
        assert_eq!(seen.querystring.as_deref(), Some(query));
    }
}
