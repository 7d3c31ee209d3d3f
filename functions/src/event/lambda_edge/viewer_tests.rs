//! The viewer events: what a function sees, and what it may change.

use super::*;

fn viewer_request_event(request: &Request) -> Event {
    viewer_request(&context(), request, None)
}

/// The request object of a viewer-request event, changed by `change`, and what that comes to.
fn changed_by_viewer(change: impl FnOnce(&mut Value)) -> Verdict<RequestEdit> {
    let request = request();
    let event = viewer_request_event(&request);
    let mut value: Value = serde_json::from_slice(event.json()).unwrap();
    let mut subject = value["Records"][0]["cf"]["request"].take();
    change(&mut subject);
    head(result::request(&event, &request, subject.to_string().into()))
}

fn changed_for_viewer(change: impl FnOnce(&mut Value)) -> Verdict<ResponseEdit> {
    let response = Response { status: 200, ..response() };
    let event = viewer_response(&context(), &request(), &response);
    let mut value: Value = serde_json::from_slice(event.json()).unwrap();
    let mut subject = value["Records"][0]["cf"]["response"].take();
    change(&mut subject);
    result::response(&event, &response, subject.to_string().into())
}

#[test]
fn s1_2_viewer_events_have_no_origin_and_their_keys_are_in_the_guides_order() {
    let event = viewer_request_event(&request());
    insta::assert_snapshot!(std::str::from_utf8(event.json()).unwrap(), @r#"{"Records":[{"cf":{"config":{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE","eventType":"viewer-request","requestId":"4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="},"request":{"clientIp":"203.0.113.178","headers":{"host":[{"key":"Host","value":"example.org"}],"via":[{"key":"Via","value":"2.0 0123.cloudfront.net (CloudFront)"}],"cookie":[{"key":"Cookie","value":"a=1"},{"key":"cookie","value":"b=2"}]},"method":"GET","querystring":"b=1","uri":"/a"}}}]}"#);
    let event = viewer_response(&context(), &Request { querystring: None, ..request() }, &response());
    insta::assert_snapshot!(std::str::from_utf8(event.json()).unwrap(), @r#"{"Records":[{"cf":{"config":{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE","eventType":"viewer-response","requestId":"4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="},"request":{"clientIp":"203.0.113.178","headers":{"host":[{"key":"Host","value":"example.org"}],"via":[{"key":"Via","value":"2.0 0123.cloudfront.net (CloudFront)"}],"cookie":[{"key":"Cookie","value":"a=1"},{"key":"cookie","value":"b=2"}]},"method":"GET","querystring":"","uri":"/a"},"response":{"headers":{"content-type":[{"key":"Content-Type","value":"text/html"}],"set-cookie":[{"key":"Set-Cookie","value":"a=1"},{"key":"set-cookie","value":"b=2"}]},"status":"404","statusDescription":"Not Found"}}}]}"#);
}

#[test]
fn s1_3_a_viewer_request_may_be_changed_in_uri_query_and_headers() {
    assert_eq!(edit(changed_by_viewer(|_| {})), RequestEdit::default());
    let edit = edit(changed_by_viewer(|request| {
        request["uri"] = json!("/b");
        request["querystring"] = json!("");
        request["headers"]["x-a"] = json!([{"value": "1"}]);
        request["headers"].as_object_mut().unwrap().remove("cookie");
        request["headers"]["accept-encoding"] = json!([{"key": "Accept-Encoding", "value": "br"}]);
    }));
    assert_eq!((edit.uri.as_deref(), edit.querystring.as_deref()), (Some(&b"/b"[..]), Some(&b""[..])));
    let added = [header("X-A", &["1"]), header("Accept-Encoding", &["br"]), header("Cookie", &[])];
    assert!(edit.headers.len() == 3 && added.iter().all(|line| edit.headers.contains(line)), "{:?}", edit.headers);
}

#[test]
fn s1_3_a_changed_method_is_refused_and_a_changed_client_ip_ignored() {
    let refused = refusal(changed_by_viewer(|request| request["method"] = json!("POST")));
    assert!(refused.contains("the function tried to change the read-only field method"), "{refused}");
    let ignored = changed_by_viewer(|request| request["clientIp"] = json!("192.0.2.9"));
    assert_eq!(edit(ignored), RequestEdit::default());
}

#[test]
fn s5_the_read_only_headers_of_viewer_request_are_refused_when_added_changed_or_deleted() {
    for name in ["cdn-loop", "content-length", "host", "transfer-encoding", "via"] {
        let set = refusal(changed_by_viewer(|request| request["headers"][name] = json!([{"value": "1"}])));
        assert!(set.contains("read-only header, headerName : "), "{name}: {set}");
    }
    for name in ["cdn-loop", "content-length", "host", "transfer-encoding", "via"] {
        let request = Request { headers: Headers::from_iter([(name, "1")]), ..request() };
        let event = viewer_request_event(&request);
        let mut value: Value = serde_json::from_slice(event.json()).unwrap();
        let mut subject = value["Records"][0]["cf"]["request"].take();
        subject["headers"] = json!({});
        let deleted = refusal(head(result::request(&event, &request, subject.to_string().into())));
        assert!(deleted.contains("tried to delete read-only header"), "{name}: {deleted}");
    }
    insta::assert_snapshot!(refusal(changed_by_viewer(|request| request["headers"]["host"] = json!([{"value": "x"}]))), @r#"
    The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.
    Validation error: Lambda function result failed validation, the function tried to change read-only header, headerName : Host.
    "#);
}

#[test]
fn s5_every_disallowed_header_is_refused_on_every_event() {
    let names = [
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "trailer",
        "upgrade",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-limit-rate",
        "x-accel-redirect",
        "x-amz-cf-id",
        "x-amzn-auth",
        "x-amzn-cf-billing",
        "x-amzn-cf-id",
        "x-amzn-cf-xff",
        "x-amzn-errortype",
        "x-amzn-fle-profile",
        "x-amzn-header-count",
        "x-amzn-header-order",
        "x-amzn-lambda-integration-tag",
        "x-amzn-requestid",
        "x-cache",
        "x-edge-anything",
        "x-forwarded-proto",
        "x-real-ip",
    ];
    for name in names {
        let entry = json!([{"value": "1"}]);
        let told = [
            refusal(changed_by_viewer(|request| request["headers"][name] = entry.clone())),
            refusal(changed(|request| request["headers"][name] = entry.clone())),
            refusal(changed_response(|response| response["headers"][name] = entry.clone())),
            refusal(changed_for_viewer(|response| response["headers"][name] = entry.clone())),
            refusal(returned(&json!({"status": "200", "headers": {name: entry.clone()}}))),
        ];
        for told in told {
            assert!(told.ends_with(&format!("blacklisted header in headers, headerName : {name}.")), "{told}");
        }
    }
    let allowed = edit(changed(|request| request["headers"]["x-amzn-trace-id"] = json!([{"value": "1"}])));
    assert_eq!(allowed.headers, [header("X-Amzn-Trace-Id", &["1"])], "it was disallowed until 2021");
}

#[test]
fn s5_cloudfront_viewer_country_cannot_be_added_on_viewer_request() {
    let told = refusal(changed_by_viewer(|request| {
        request["headers"]["cloudfront-viewer-country"] = json!([{"value": "KR"}]);
    }));
    assert!(told.contains("headerName : cloudfront-viewer-country."), "{told}");
    let other =
        edit(changed_by_viewer(|request| request["headers"]["cloudfront-viewer-city"] = json!([{"value": "S"}])));
    assert_eq!(other.headers.len(), 1);
    assert!(
        edit(changed(|request| request["headers"]["cloudfront-viewer-country"] = json!([{"value": "KR"}])))
            .headers
            .len()
            == 1
    );
}

#[test]
fn s3_a_response_generated_on_viewer_request_has_at_most_40_kb() {
    let respond = |body: String| {
        let request = request();
        let result = json!({"status": "200", "body": body}).to_string();
        head(result::request(&viewer_request_event(&request), &request, result.into()))
    };
    assert_eq!(generated(respond("x".repeat(40 * 1_024))).body.unwrap().len(), 40_960);
    insta::assert_snapshot!(refusal(respond("x".repeat(40 * 1_024 + 1))), @r#"
    The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.
    Validation error: Lambda function result failed validation, headers and body have 40961 bytes, the maximum is 40960.
    "#);
}

#[test]
fn s1_3_viewer_response_changes_headers_and_neither_status_nor_body() {
    assert_eq!(edit(changed_for_viewer(|_| {})), ResponseEdit::default());
    let edit = edit(changed_for_viewer(|response| {
        response["status"] = json!(200);
        response["headers"]["x-a"] = json!([{"value": "1"}]);
    }));
    assert_eq!((edit.status, edit.headers), (None, vec![header("X-A", &["1"])]));
    insta::assert_snapshot!(refusal(changed_for_viewer(|response| response["status"] = json!("201"))), @r#"
    -
    Validation error: Lambda function result failed validation, the function tried to change the status from 200 to 201.
    "#);
    insta::assert_snapshot!(refusal(changed_for_viewer(|response| response["body"] = json!("x"))), @r#"
    -
    Validation error: Lambda function result failed validation, the function returned body, which it cannot do in viewer-response.
    "#);
}

#[test]
fn s5_the_read_only_headers_of_the_response_events_differ() {
    for name in ["warning", "via", "content-length", "content-encoding", "transfer-encoding"] {
        let set = |verdict: Verdict<ResponseEdit>| matches!(verdict, Verdict::Fail(_));
        let entry = json!([{"value": "1"}]);
        assert!(set(changed_for_viewer(|response| response["headers"][name] = entry.clone())), "{name}");
        let of_origin = set(changed_response(|response| response["headers"][name] = entry.clone()));
        assert_eq!(of_origin, ["via", "transfer-encoding"].contains(&name), "{name}");
    }
}

#[test]
fn s1_3_a_viewer_request_has_no_origin_to_change() {
    insta::assert_snapshot!(refusal(changed_by_viewer(|request| request["origin"] = json!({"custom": {}}))), @r#"
    -
    Validation error: Lambda function result failed validation, request.origin belongs to origin-request events; there is none in this one.
    "#);
}
