//! Tests of the event mapping: the JSON a function sees, and what becomes of what it returns.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{Failure, FailureKind, HeaderEdit, Headers, OriginProtocol, RequestEdit, ResponseEdit, Verdict};
use homefront_config::Origin;
use homefront_config::limits::LAMBDA_ORIGIN_RESPONSE_BYTES_MAX;
use homefront_config::origin::{CustomOrigin, OriginKind};
use serde_json::{Value, json};

#[path = "body_tests.rs"]
mod body_tests;
#[path = "origin_tests.rs"]
mod origin_tests;
#[path = "property_tests.rs"]
mod property_tests;
#[path = "viewer_tests.rs"]
mod viewer_tests;

fn context() -> EventContext {
    EventContext {
        distribution_domain_name: "d111111abcdef8.cloudfront.net".into(),
        distribution_id: "EDFDVBD6EXAMPLE".into(),
        request_id: "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==".to_owned(),
        viewer_ip: "203.0.113.178".parse().unwrap(),
        server_ip: "192.0.2.1".parse().unwrap(),
    }
}

fn custom() -> Origin {
    Origin {
        id: "app".to_owned(),
        path: "/prod".to_owned(),
        custom_headers: vec![("X-Origin-Verify".to_owned(), "secret".to_owned())],
        kind: OriginKind::Custom(CustomOrigin::new("example.org".to_owned())),
    }
}

fn shown(origin: &Origin) -> RequestOrigin {
    RequestOrigin::of(origin, OriginProtocol::Https)
}

fn request() -> Request {
    Request {
        method: "GET".to_owned(),
        uri: "/a".into(),
        querystring: Some("b=1".into()),
        headers: Headers::from_iter([
            ("Host", "example.org"),
            ("Via", "2.0 0123.cloudfront.net (CloudFront)"),
            ("Cookie", "a=1"),
            ("Connection", "keep-alive"),
            ("cookie", "b=2"),
            ("X-Forwarded-Proto", "https"),
        ]),
    }
}

fn response() -> Response {
    Response {
        status: 404,
        status_description: None,
        headers: Headers::from_iter([("Content-Type", "text/html"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")]),
        body: None,
    }
}

fn request_event(request: &Request) -> Event {
    origin_request(&context(), &shown(&custom()), request, None)
}

fn response_event(response: &Response) -> Event {
    origin_response(&context(), &shown(&custom()), &request(), response)
}

/// The request object of the event, changed by `change`, and what that comes to.
fn changed(change: impl FnOnce(&mut Value)) -> Verdict<RequestEdit> {
    let request = request();
    let event = request_event(&request);
    let mut value: Value = serde_json::from_slice(event.json()).unwrap();
    let mut subject = value["Records"][0]["cf"]["request"].take();
    change(&mut subject);
    head(result::request(&event, &request, subject.to_string().into()))
}

/// Of functions that are not shown the body.
fn head(verdict: Verdict<LambdaRequestEdit>) -> Verdict<RequestEdit> {
    match verdict {
        Verdict::Continue(LambdaRequestEdit { head, body: None, origin: None }) => Verdict::Continue(head),
        Verdict::Continue(edit) => panic!("{edit:?}"),
        Verdict::Respond(response) => Verdict::Respond(response),
        Verdict::Fail(failure) => Verdict::Fail(failure),
    }
}

fn changed_response(change: impl FnOnce(&mut Value)) -> Verdict<ResponseEdit> {
    let response = response();
    let event = response_event(&response);
    let mut value: Value = serde_json::from_slice(event.json()).unwrap();
    let mut subject = value["Records"][0]["cf"]["response"].take();
    change(&mut subject);
    result::response(&event, &response, subject.to_string().into())
}

fn returned(result: &Value) -> Verdict<RequestEdit> {
    let request = request();
    head(result::request(&request_event(&request), &request, result.to_string().into()))
}

fn failure<E>(verdict: Verdict<E>) -> Failure {
    match verdict {
        Verdict::Fail(failure) => failure,
        Verdict::Continue(_) => panic!("it was accepted"),
        Verdict::Respond(response) => panic!("it was accepted: {response:?}"),
    }
}

/// Sentence and detail, for a snapshot.
fn refusal<E>(verdict: Verdict<E>) -> String {
    let Failure { kind, sentence, detail } = failure(verdict);
    assert_eq!(kind, FailureKind::LambdaValidation);
    format!("{}\n{detail}", sentence.as_deref().unwrap_or("-"))
}

fn edit<E>(verdict: Verdict<E>) -> E {
    match verdict {
        Verdict::Continue(edit) => edit,
        Verdict::Fail(failure) => panic!("{failure}"),
        Verdict::Respond(response) => panic!("{response:?}"),
    }
}

fn generated(verdict: Verdict<RequestEdit>) -> Response {
    match verdict {
        Verdict::Respond(response) => response,
        Verdict::Continue(_) => panic!("it was taken for a request"),
        Verdict::Fail(failure) => panic!("{failure}"),
    }
}

fn header(name: &str, values: &[&str]) -> HeaderEdit {
    HeaderEdit {
        name: name.to_owned(),
        values: values.iter().map(|value| Bytes::copy_from_slice(value.as_bytes())).collect(),
    }
}

#[test]
fn s4_a_host_is_one_host() {
    let set = |entries: Value| refusal(changed(|request| request["headers"]["host"] = entries));
    insta::assert_snapshot!(set(json!([{"key": "Host", "value": "a.test"}, {"key": "Host", "value": "b.test"}])), @r#"
    -
    Validation error: Lambda function result validation failed, the function returned an invalid header, 2 values where a request has one, headerName : Host.
    "#);
    insta::assert_snapshot!(set(json!([{"key": "Host", "value": ["a.test", "b.test"]}])), @r#"
    -
    Validation error: Lambda function result validation failed, the function returned an invalid header, 2 values where a request has one, headerName : Host.
    "#);
    insta::assert_snapshot!(set(json!([{"key": "Host", "value": "a b/c"}])), @r#"
    -
    Validation error: Lambda function result validation failed, the function returned an invalid header, "a b/c" is not a host, headerName : Host.
    "#);
}

#[test]
fn the_origin_request_event_is_as_documented() {
    let event = request_event(&request());
    insta::assert_snapshot!(std::str::from_utf8(event.json()).unwrap(), @r#"{"Records":[{"cf":{"config":{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE","eventType":"origin-request","requestId":"4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="},"request":{"clientIp":"203.0.113.178","headers":{"host":[{"key":"Host","value":"example.org"}],"via":[{"key":"Via","value":"2.0 0123.cloudfront.net (CloudFront)"}],"cookie":[{"key":"Cookie","value":"a=1"},{"key":"cookie","value":"b=2"}]},"method":"GET","origin":{"custom":{"customHeaders":{"x-origin-verify":[{"key":"X-Origin-Verify","value":"secret"}]},"domainName":"example.org","keepaliveTimeout":5,"path":"/prod","port":443,"protocol":"https","readTimeout":30,"responseCompletionTimeout":0,"sslProtocols":["TLSv1.2"]}},"querystring":"b=1","uri":"/a"}}}]}"#);
}

#[test]
fn the_origin_response_event_is_as_documented_and_a_folder_is_a_bucket() {
    let origin = Origin {
        id: "Assets".to_owned(),
        path: String::new(),
        custom_headers: Vec::new(),
        kind: OriginKind::Directory { root: "/srv".into(), stand_in: None },
    };
    let request = Request { querystring: None, headers: Headers::default(), ..request() };
    let event = origin_response(&context(), &RequestOrigin::of(&origin, OriginProtocol::Http), &request, &response());
    insta::assert_snapshot!(std::str::from_utf8(event.json()).unwrap(), @r#"{"Records":[{"cf":{"config":{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE","eventType":"origin-response","requestId":"4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="},"request":{"clientIp":"203.0.113.178","headers":{},"method":"GET","origin":{"s3":{"authMethod":"none","customHeaders":{},"domainName":"assets.s3.amazonaws.com","path":"","region":"us-east-1"}},"querystring":"","uri":"/a"},"response":{"headers":{"content-type":[{"key":"Content-Type","value":"text/html"}],"set-cookie":[{"key":"Set-Cookie","value":"a=1"},{"key":"set-cookie","value":"b=2"}]},"status":"404","statusDescription":"Not Found"}}}]}"#);
}

#[test]
fn the_port_and_protocol_shown_are_those_of_this_request() {
    let event = origin_request(&context(), &RequestOrigin::of(&custom(), OriginProtocol::Http), &request(), None);
    let origin: Value = serde_json::from_slice(event.origin()).unwrap();
    assert_eq!((&origin["custom"]["port"], &origin["custom"]["protocol"]), (&json!(80), &json!("http")));
}

#[test]
fn bytes_that_are_not_utf8_are_shown_as_iso_8859_1_and_forwarded_as_they_were() {
    let latin = Request {
        uri: Bytes::from_static(b"/caf\xe9"),
        headers: Headers::from_iter([(&b"X-A"[..], &b"\xe9"[..]), (b"X-A", b"2")]),
        ..request()
    };
    let event = request_event(&latin);
    let shown: Value = serde_json::from_slice(event.json()).unwrap();
    let mut subject = shown["Records"][0]["cf"]["request"].clone();
    assert_eq!(subject["uri"], "/caf\u{e9}");
    assert_eq!(subject["headers"]["x-a"][0]["value"], "\u{e9}");
    subject["headers"]["x-a"][1]["value"] = json!("\u{e9}\u{e9}");
    let edit = edit(head(result::request(&event, &latin, subject.to_string().into())));
    assert_eq!(edit.uri, None);
    let values = [Bytes::from_static(b"\xe9"), Bytes::from_static("\u{e9}\u{e9}".as_bytes())];
    assert_eq!(edit.headers, [HeaderEdit { name: "X-A".to_owned(), values: values.to_vec() }]);
}

#[test]
fn an_untouched_request_changes_nothing() {
    assert_eq!(changed(|_| {}), Verdict::Continue(RequestEdit::default()));
}

#[test]
fn only_what_changed_is_in_the_edit() {
    let edit = edit(changed(|request| {
        request["uri"] = json!("/b");
        request["querystring"] = json!("");
        request["headers"]["host"] = json!([{"key": "Host", "value": "other.example"}]);
        request["headers"]["x-new-header"] = json!([{"value": "1"}, {"value": ["2", "3"]}]);
        request["headers"].as_object_mut().unwrap().remove("cookie");
    }));
    assert_eq!(edit.uri.as_deref(), Some(&b"/b"[..]));
    assert_eq!(edit.querystring.as_deref(), Some(&b""[..]));
    assert_eq!(
        edit.headers,
        [header("Host", &["other.example"]), header("X-New-Header", &["1", "2", "3"]), header("Cookie", &[])]
    );
}

#[test]
fn an_empty_array_removes_a_header_and_names_are_compared_without_case() {
    let edit = edit(changed(|request| {
        request["headers"]["cookie"] = json!([]);
        request["headers"]["X-UPPER"] = json!([{"value": "1"}]);
        request["headers"]["x-kept-case"] = json!([{"key": "x-KEPT-case", "value": "1"}]);
        request["headers"]["connection"] = json!([]);
    }));
    assert_eq!(edit.headers, [header("X-Upper", &["1"]), header("x-KEPT-case", &["1"]), header("Cookie", &[])]);
}

#[test]
fn disallowed_headers_are_refused() {
    let verdict = changed(|request| request["headers"]["connection"] = json!([{"value": "close"}]));
    insta::assert_snapshot!(refusal(verdict), @r#"
    The Lambda function result failed validation: The function tried to add a blacklisted header.
    Validation error: Lambda function result failed validation, the function tried to add a blacklisted header in headers, headerName : connection.
    "#);
}

#[test]
fn read_only_headers_cannot_be_deleted_changed_or_added() {
    let deleted = changed(|request| drop(request["headers"].as_object_mut().unwrap().remove("via")));
    insta::assert_snapshot!(refusal(deleted), @r#"
    The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.
    Validation error: Lambda function result failed validation, the function tried to delete read-only header, headerName : Via.
    "#);
    let changed_value = changed(|request| request["headers"]["via"][0]["value"] = json!("me"));
    insta::assert_snapshot!(refusal(changed_value), @r#"
    The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.
    Validation error: Lambda function result failed validation, the function tried to change read-only header, headerName : Via.
    "#);
    let added = changed(|request| request["headers"]["if-none-match"] = json!([{"value": "x"}]));
    insta::assert_snapshot!(refusal(added), @r#"
    The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.
    Validation error: Lambda function result failed validation, the function tried to add read-only header, headerName : If-None-Match.
    "#);
    let respond = json!({"status": 200, "headers": {"content-length": [{"value": "1"}]}});
    insta::assert_snapshot!(refusal(returned(&respond)), @r#"
    The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.
    Validation error: Lambda function result failed validation, the function tried to add read-only header, headerName : Content-Length.
    "#);
    let taken_for_a_response = changed(|request| request["status"] = json!("200"));
    insta::assert_snapshot!(refusal(taken_for_a_response), @r#"
    The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.
    Validation error: Lambda function result failed validation, the function tried to add read-only header, headerName : Via (what has status is a response; this has uri, too).
    "#);
    let response = changed_response(|response| response["headers"]["via"] = json!([{"value": "x"}]));
    insta::assert_snapshot!(refusal(response), @r#"
    The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.
    Validation error: Lambda function result failed validation, the function tried to add read-only header, headerName : Via.
    "#);
}

#[test]
fn s5_no_read_only_header_of_origin_request_may_be_added_changed_or_deleted() {
    const READ_ONLY: [&str; 9] = [
        "Accept-Encoding",
        "CDN-Loop",
        "Content-Length",
        "If-Modified-Since",
        "If-None-Match",
        "If-Range",
        "If-Unmodified-Since",
        "Transfer-Encoding",
        "Via",
    ];
    let told = |given: &[(&str, &str)], change: &dyn Fn(&mut Value)| {
        let request = Request { headers: given.iter().copied().collect(), ..request() };
        let event = request_event(&request);
        let mut value: Value = serde_json::from_slice(event.json()).unwrap();
        let mut subject = value["Records"][0]["cf"]["request"].take();
        change(&mut subject["headers"]);
        refusal(head(result::request(&event, &request, subject.to_string().into())))
    };
    for name in READ_ONLY {
        let lower = name.to_lowercase();
        let given = [("Host", "example.org"), (name, "1")];
        let added = told(&given[..1], &|headers| headers[&lower] = json!([{"value": "2"}]));
        let changed = told(&given, &|headers| headers[&lower][0]["value"] = json!("2"));
        let deleted = told(&given, &|headers| drop(headers.as_object_mut().unwrap().remove(&lower)));
        for (what, told) in [("add", added), ("change", changed), ("delete", deleted)] {
            let reason = format!("the function tried to {what} read-only header, headerName : ");
            assert!(told.contains(&reason) && told.to_lowercase().contains(&lower), "{told}");
        }
    }
}

#[test]
fn malformed_header_entries_are_refused() {
    let with = |entry: Value| refusal(changed(|request| request["headers"]["x-a"] = entry));
    insta::assert_snapshot!(with(json!("text")), @r#"
    The Lambda function returned an invalid entry in the headers object: Each header entry in the headers object must be an array.
    Validation error: The Lambda function returned an invalid entry in the headers object, each header entry in the headers object must be an array, header :x-a.
    "#);
    insta::assert_snapshot!(with(json!([{"key": "X-A"}])), @r#"
    The Lambda function returned an invalid entry in the headers object: Each header entry in the headers object must be an array.
    Validation error: The Lambda function returned an invalid entry in the headers object, the value of each header value must be of string or array of string type, header :x-a has one or more entries whose value is neither string nor array of strings.
    "#);
    insta::assert_snapshot!(with(json!([{"key": "X-A", "value": 1}])), @r#"
    The Lambda function returned an invalid entry in the headers object: Each header entry in the headers object must be an array.
    Validation error: The Lambda function returned an invalid entry in the headers object, the value of each header value must be of string or array of string type, header :x-a has one or more entries whose value is neither string nor array of strings.
    "#);
    insta::assert_snapshot!(with(json!(["text"])), @r#"
    The Lambda function returned an invalid entry in the headers object: Each header entry in the headers object must be an array.
    Validation error: The Lambda function returned an invalid entry in the headers object, the value of each header value must be of string or array of string type, header :x-a has one or more entries whose value is neither string nor array of strings.
    "#);
    insta::assert_snapshot!(with(json!([{"key": "X-B", "value": "1"}])), @r#"
    -
    Validation error: Lambda function result failed validation, the function returned an invalid header, key "X-B" is not the name of its entry, headerName : x-a.
    "#);
    insta::assert_snapshot!(with(json!([{"key": "X-A", "value": "1\r\nX-B: 2"}])), @r#"
    -
    Validation error: Lambda function result validation failed, the function returned an invalid header, invalid character : '%0D' in header value, headerName : X-A.
    "#);
    insta::assert_snapshot!(with(json!([{"value": "x".repeat(40_000)}])), @r#"
    -
    Validation error: Lambda function result failed validation, the headers are larger than 32768 bytes.
    "#);
    let name = changed(|request| request["headers"]["x a\r\n"] = json!([{"value": "1"}]));
    insta::assert_snapshot!(refusal(name), @r#"
    -
    Validation error: Lambda function result validation failed, the function returned an invalid header, invalid character : '%20' in header name (names have letters, digits and !#$%&'*+-.^_`|~), headerName : x a\r\n.
    "#);
    let name = changed(|request| request["headers"][""] = json!([{"value": "1"}]));
    insta::assert_snapshot!(refusal(name), @r#"
    -
    Validation error: Lambda function result validation failed, the function returned an invalid header, the name of a header is empty, headerName : .
    "#);
    insta::assert_snapshot!(refusal(changed(|request| request["headers"] = json!([]))), @r#"
    -
    Validation error: The Lambda function result failed validation, headers is not an object.
    "#);
}

#[test]
fn s6_3_e_the_whole_event_with_a_response_in_it_is_judged_as_a_response() {
    let with = |headers: Value| returned(&json!({"Records": [{"cf": {}}], "status": "302", "headers": headers}));
    insta::assert_snapshot!(refusal(with(json!({"cookieSettings": {"path": "/"}}))), @r#"
    The Lambda function returned an invalid entry in the headers object: Each header entry in the headers object must be an array.
    Validation error: The Lambda function returned an invalid entry in the headers object, each header entry in the headers object must be an array, header :cookieSettings.
    "#);
    insta::assert_snapshot!(refusal(with(json!({"cookieSettings": [{"value": {"path": "/"}}]}))), @r#"
    The Lambda function returned an invalid entry in the headers object: Each header entry in the headers object must be an array.
    Validation error: The Lambda function returned an invalid entry in the headers object, the value of each header value must be of string or array of string type, header :cookieSettings has one or more entries whose value is neither string nor array of strings.
    "#);
    let several = generated(with(json!({"location": [{"value": "/x"}], "set-cookie": [{"value": ["a=1", "b=2"]}]})));
    let lines = [("Location", "/x"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")];
    assert_eq!((several.status, several.headers), (302, Headers::from_iter(lines)));
}

#[test]
fn results_that_are_no_request_are_refused() {
    let request = request();
    let event = request_event(&request);
    let text = |text: &str| refusal(result::request(&event, &request, text.to_owned().into()));
    insta::assert_snapshot!(text(""), @r#"
    The Lambda function returned invalid json: The json output is not parsable
    Validation error: The Lambda function returned invalid json, the json output is not parsable: EOF while parsing a value at line 1 column 0.
    "#);
    insta::assert_snapshot!(text("{\"uri\": NaN}"), @r#"
    The Lambda function returned invalid json: The json output is not parsable
    Validation error: The Lambda function returned invalid json, the json output is not parsable: expected value at line 1 column 9.
    "#);
    insta::assert_snapshot!(text("null"), @r#"
    The Lambda function returned invalid JSON: The JSON output must be an object type.
    Validation error: The Lambda function returned invalid JSON, the JSON output must be an object type; it is null, as of a handler that returns nothing.
    "#);
    insta::assert_snapshot!(text("[1]"), @r#"
    The Lambda function returned invalid JSON: The JSON output must be an object type.
    Validation error: The Lambda function returned invalid JSON, the JSON output must be an object type; it is an array.
    "#);
    insta::assert_snapshot!(text("{}"), @r#"
    -
    Validation error: Lambda function result failed validation, the function returned neither a request (uri, headers) nor a response (status).
    "#);
    insta::assert_snapshot!(text(std::str::from_utf8(event.json()).unwrap()), @r#"
    -
    Validation error: Lambda function result failed validation, the function returned neither a request (uri, headers) nor a response (status) (it is the whole event: return event['Records'][0]['cf']['request']).
    "#);
}

#[test]
fn paths_and_query_strings_are_checked_only_when_changed() {
    let with = |field: &str, value: Value| refusal(changed(|request| request[field] = value));
    insta::assert_snapshot!(with("uri", json!("b")), @r#"
    -
    Validation error: Lambda function result failed validation, uri "b" does not start with a slash, or has a space, a control character, ? or #.
    "#);
    insta::assert_snapshot!(with("uri", json!("/b c")), @r#"
    -
    Validation error: Lambda function result failed validation, uri "/b c" does not start with a slash, or has a space, a control character, ? or #.
    "#);
    insta::assert_snapshot!(with("uri", json!(7)), @r#"
    -
    Validation error: Lambda function result failed validation, uri is not a string.
    "#);
    insta::assert_snapshot!(with("querystring", json!("a b")), @r#"
    -
    Validation error: Lambda function result failed validation, querystring "a b" has a space, a control character or #.
    "#);
    insta::assert_snapshot!(with("querystring", json!("a#b")), @r#"
    -
    Validation error: Lambda function result failed validation, querystring "a#b" has a space, a control character or #.
    "#);
    insta::assert_snapshot!(with("querystring", json!(["a"])), @r#"
    -
    Validation error: Lambda function result failed validation, querystring is not a string.
    "#);
    insta::assert_snapshot!(with("uri", json!(format!("/{}", "a".repeat(8_188)))), @r#"
    -
    Validation error: Lambda function result failed validation, uri and querystring together have 8192 bytes or more.
    "#);
    let longest = changed(|request| request["uri"] = json!(format!("/{}", "a".repeat(8_187))));
    assert!(edit(longest).uri.is_some());
}

#[test]
fn what_a_function_cannot_change_is_refused_not_ignored() {
    insta::assert_snapshot!(refusal(changed(|request| request["method"] = json!("PUT"))), @r#"
    -
    Validation error: Lambda function result failed validation, the function tried to change the read-only field method.
    "#);
    insta::assert_snapshot!(refusal(changed(|request| request["body"] = json!({"data": ""}))), @r#"
    The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.
    Validation error: Lambda function result failed validation, the function returned an object as request.body, and its association does not include the body: give it include_body, or leave request.body away.
    "#);
    let without = edit(changed(|request| drop(request.as_object_mut().unwrap().remove("origin"))));
    assert_eq!(without, RequestEdit::default());
}

#[test]
fn an_object_with_a_status_is_a_response() {
    let response = generated(returned(&json!({
        "status": "302",
        "statusDescription": "Found",
        "headers": {
            "location": [{"value": "/x"}],
            "set-cookie": [{"key": "Set-Cookie", "value": "a=1"}, {"key": "Set-Cookie", "value": "b=2"}],
        },
        "body": "aGk=",
        "bodyEncoding": "base64",
    })));
    assert_eq!((response.status, response.status_description.as_deref()), (302, Some("Found")));
    assert_eq!(
        response.headers,
        Headers::from_iter([("Location", "/x"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    );
    assert_eq!(response.body.as_deref(), Some(&b"hi"[..]));
    let bare = generated(returned(&json!({"status": 599})));
    assert_eq!((bare.status, bare.headers.len(), bare.body), (599, 0, Some(Bytes::new())));
}

#[test]
fn statuses_outside_200_to_599_are_refused() {
    for status in [json!("199"), json!(600), json!("abc"), json!(-200), json!(null), json!("0200")] {
        assert_eq!(
            refusal(returned(&json!({"status": status}))),
            format!(
                "-\nValidation error: Lambda function result failed validation, status {status} is not one of 200 to 599."
            )
        );
    }
    for status in [json!(200.0), json!(200.5)] {
        assert_eq!(
            refusal(returned(&json!({"status": status}))),
            format!(
                "-\nValidation error: Lambda function result failed validation, status {status} is not a whole number: return it \
                 as a string, as in \"200\", or without a fraction."
            )
        );
    }
    assert_eq!(generated(returned(&json!({"status": 200}))).status, 200);
}

#[test]
fn bodies_are_checked() {
    let with = |body: Value, encoding: &str| {
        refusal(returned(&json!({"status": "200", "body": body, "bodyEncoding": encoding})))
    };
    insta::assert_snapshot!(with(json!(null), "text"), @r#"
    The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.
    Validation error: Lambda function result failed validation, the body is not a string but null.
    "#);
    insta::assert_snapshot!(with(json!({"a": 1}), "text"), @r#"
    The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.
    Validation error: Lambda function result failed validation, the body is not a string but an object.
    "#);
    insta::assert_snapshot!(with(json!("%%%"), "base64"), @r#"
    -
    Validation error: Lambda function result failed validation, the body is not base64: Invalid symbol 37, offset 0.
    "#);
    insta::assert_snapshot!(with(json!("x"), "gzip"), @r#"
    -
    Validation error: Lambda function result failed validation, bodyEncoding "gzip" is neither text nor base64.
    "#);
    insta::assert_snapshot!(with(json!("x".repeat(LAMBDA_ORIGIN_RESPONSE_BYTES_MAX + 1)), "text"), @r#"
    The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.
    Validation error: Lambda function result failed validation, headers and body have 1048577 bytes, the maximum is 1048576.
    "#);
    insta::assert_snapshot!(refusal(returned(&json!({"status": "204", "body": "x"}))), @r#"
    -
    Validation error: Lambda function result failed validation, a response with status 204 has a body.
    "#);
    let largest = returned(&json!({"status": "200", "body": "x".repeat(LAMBDA_ORIGIN_RESPONSE_BYTES_MAX)}));
    assert_eq!(generated(largest).body.unwrap().len(), LAMBDA_ORIGIN_RESPONSE_BYTES_MAX);
}

#[test]
fn an_untouched_response_changes_nothing() {
    assert_eq!(changed_response(|_| {}), Verdict::Continue(ResponseEdit::default()));
}

#[test]
fn a_reason_that_the_origin_gave_and_no_function_may_give_passes() {
    let long = Response { status_description: Some("r".repeat(1_500)), ..response() };
    let event = response_event(&long);
    let shown: Value = serde_json::from_slice(event.json()).unwrap();
    let untouched = shown["Records"][0]["cf"]["response"].to_string();
    assert_eq!(result::response(&event, &long, untouched.into()), Verdict::Continue(ResponseEdit::default()));
}

#[test]
fn an_origin_response_can_be_changed_in_every_part() {
    let edit = edit(changed_response(|response| {
        response["status"] = json!(200);
        response["statusDescription"] = json!("Fine");
        response["headers"]["content-type"][0]["value"] = json!("text/plain");
        response["headers"]["set-cookie"].as_array_mut().unwrap().pop();
        response["body"] = json!("hello");
    }));
    assert_eq!((edit.status, edit.status_description.as_deref()), (Some(200), Some("Fine")));
    assert_eq!(edit.headers, [header("Content-Type", &["text/plain"]), header("Set-Cookie", &["a=1"])]);
    assert_eq!(edit.body.as_deref(), Some(&b"hello"[..]));
}

#[test]
fn an_empty_body_removes_the_origins_and_no_body_leaves_it() {
    assert_eq!(edit(changed_response(|response| response["body"] = json!(""))).body, Some(Bytes::new()));
    assert_eq!(edit(changed_response(|response| response["status"] = json!("200"))).body, None);
    let no_content = edit(changed_response(|response| response["status"] = json!(204)));
    assert_eq!(no_content.body, Some(Bytes::new()), "204 has no body");
}

#[test]
fn origin_response_results_that_are_no_response_are_refused() {
    insta::assert_snapshot!(refusal(changed_response(|response| *response = json!({"uri": "/"}))), @r#"
    -
    Validation error: Lambda function result failed validation, the function returned no response: it has no status.
    "#);
    insta::assert_snapshot!(refusal(changed_response(|response| response["statusDescription"] = json!("a\nb"))), @r#"
    -
    Validation error: Lambda function result failed validation, statusDescription has a control character.
    "#);
}
