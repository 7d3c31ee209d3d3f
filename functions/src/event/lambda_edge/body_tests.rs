//! `include_body`: what of a body a function sees, and what it may put in its place.

use super::*;

fn post() -> Request {
    Request { method: "POST".to_owned(), ..request() }
}

/// The two request events with this body.
fn events(request: &Request, body: &[u8]) -> [Event; 2] {
    [
        viewer_request(&context(), request, Some(ShownBody::on_viewer_request(body))),
        origin_request(&context(), &shown(&custom()), request, Some(ShownBody::on_origin_request(body))),
    ]
}

fn shown_request(event: &Event) -> Value {
    serde_json::from_slice::<Value>(event.json()).unwrap()["Records"][0]["cf"]["request"].take()
}

/// What a function with this body in the event returns, `change` applied to it.
fn with_body(event: usize, method: &str, change: impl FnOnce(&mut Value)) -> Verdict<LambdaRequestEdit> {
    let request = Request { method: method.to_owned(), ..request() };
    let event = &events(&request, b"name=value")[event];
    let mut returned = shown_request(event);
    change(&mut returned["body"]);
    result::request(event, &request, returned.to_string().into())
}

fn replaced(event: usize, encoding: &str, data: impl Into<Value>) -> Verdict<LambdaRequestEdit> {
    let data = data.into();
    with_body(event, "POST", |body| *body = json!({"action": "replace", "encoding": encoding, "data": data}))
}

fn body(verdict: Verdict<LambdaRequestEdit>) -> Option<Bytes> {
    let LambdaRequestEdit { head, body, origin } = edit(verdict);
    assert_eq!((head, origin), (RequestEdit::default(), None));
    body
}

#[test]
fn s2_the_body_is_shown_in_base64_and_read_only() {
    for event in events(&post(), b"name=value") {
        let expected =
            json!({"action": "read-only", "data": "bmFtZT12YWx1ZQ==", "encoding": "base64", "inputTruncated": false});
        assert_eq!(shown_request(&event)["body"], expected);
    }
    let without = shown_request(&events(&request(), b"")[0]);
    assert_eq!(
        without["body"],
        json!({"action": "read-only", "data": "", "encoding": "base64", "inputTruncated": false})
    );
    assert_eq!(shown_request(&request_event(&post())).get("body"), None, "not without `include_body`");
}

#[test]
fn s2_a_viewer_request_function_sees_40_kb_and_an_origin_request_function_1_mb() {
    for (index, bytes_max) in [(0, 40 * 1_024), (1, 1_048_576)] {
        for (bytes, truncated) in [(bytes_max, false), (bytes_max + 1, true), (bytes_max + 100_000, true)] {
            let body = shown_request(&events(&post(), &vec![b'x'; bytes])[index])["body"].take();
            assert_eq!(body["inputTruncated"], json!(truncated), "{bytes}");
            assert_eq!(body["data"].as_str().unwrap().len(), bytes_max.div_ceil(3) * 4);
        }
    }
}

#[test]
fn s2_changes_without_replace_are_ignored() {
    for event in 0..2 {
        assert_eq!(body(with_body(event, "POST", |body| body["data"] = json!("%%%"))), None);
        assert_eq!(body(with_body(event, "POST", |body| body["encoding"] = json!("gzip"))), None);
        assert_eq!(
            body(with_body(event, "POST", |body| *body = json!({"data": "YQ=="}))),
            None,
            "read-only is the default"
        );
    }
    let request = post();
    let event = &events(&request, b"a")[0];
    let mut returned = shown_request(event);
    returned.as_object_mut().unwrap().remove("body");
    assert_eq!(body(result::request(event, &request, returned.to_string().into())), None, "so it is without a body");
}

#[test]
fn s2_a_replaced_body_is_text_or_base64() {
    for event in 0..2 {
        assert_eq!(body(replaced(event, "text", "a=1")).as_deref(), Some(&b"a=1"[..]));
        assert_eq!(body(replaced(event, "base64", "YT0x")).as_deref(), Some(&b"a=1"[..]));
        assert_eq!(body(replaced(event, "text", "")).as_deref(), Some(&b""[..]), "an empty one takes its place, too");
        let by_default = with_body(event, "PUT", |body| *body = json!({"action": "replace", "data": "YT0x"}));
        assert_eq!(body(by_default).as_deref(), Some(&b"a=1"[..]), "base64 is the default");
    }
}

#[test]
fn s2_a_replaced_body_over_the_limit_is_refused() {
    for (event, text_max, base64_max) in [(0, 40_960, 54_476), (1, 1_048_576, 1_394_604)] {
        assert!(body(replaced(event, "text", "x".repeat(text_max))).is_some());
        assert!(body(replaced(event, "base64", "A".repeat(base64_max))).is_some());
        for (encoding, length) in [("text", text_max + 1), ("base64", base64_max + 4)] {
            let told = refusal(replaced(event, encoding, "A".repeat(length)));
            let sentence = "The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.";
            assert!(told.starts_with(sentence), "{told}");
            assert!(told.contains(&format!("request.body.data has {length} bytes, the maximum is ")), "{told}");
        }
    }
}

#[test]
fn s2_replacements_that_are_none_are_refused() {
    insta::assert_snapshot!(refusal(replaced(0, "base64", "%%%")), @r#"
    -
    Validation error: Lambda function result failed validation, request.body.data is not base64: Invalid symbol 37, offset 0.
    "#);
    insta::assert_snapshot!(refusal(replaced(0, "gzip", "x")), @r#"
    -
    Validation error: Lambda function result failed validation, request.body.encoding "gzip" is neither text nor base64.
    "#);
    insta::assert_snapshot!(refusal(replaced(0, "text", 5)), @r#"
    The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.
    Validation error: Lambda function result failed validation, request.body.data is not a string but a number.
    "#);
    insta::assert_snapshot!(refusal(with_body(0, "POST", |body| *body = json!({"action": "replace"}))), @r#"
    The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.
    Validation error: Lambda function result failed validation, request.body.data is not a string but missing.
    "#);
    insta::assert_snapshot!(refusal(with_body(0, "POST", |body| *body = json!("text"))), @r#"
    The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.
    Validation error: Lambda function result failed validation, request.body is not an object but a string.
    "#);
    insta::assert_snapshot!(refusal(with_body(0, "POST", |body| body["action"] = json!("append"))), @r#"
    -
    Validation error: Lambda function result failed validation, request.body.action "append" is neither read-only nor replace.
    "#);
    insta::assert_snapshot!(refusal(with_body(1, "GET", |body| *body = json!({"action": "replace", "data": "YQ=="}))), @r#"
    -
    Validation error: Lambda function result failed validation, the function gave a body to a GET request, which cannot have one.
    "#);
}

/// Room that the body of an answer, padded so with a header, keeps, and whether it lies where the answer was received.
fn kept(body_bytes: usize, padding_bytes: usize, also_held: bool) -> (usize, bool) {
    let headers = json!({"x-padding": [{"key": "X-Padding", "value": "p".repeat(padding_bytes)}]});
    let answer = json!({"status": "200", "headers": headers, "body": "b".repeat(body_bytes)});
    let received = Bytes::from(answer.to_string().into_bytes().into_boxed_slice());
    let (where_received, held) = (received.as_ptr_range(), also_held.then(|| received.clone()));
    let Verdict::Respond(response) = result::request(&request_event(&request()), &request(), received) else {
        panic!("an answer")
    };
    drop(held);
    let body = response.body.unwrap();
    assert_eq!(body, "b".repeat(body_bytes));
    let stays = where_received.contains(&body.as_ptr());
    (body.try_into_mut().unwrap().capacity(), stays)
}

#[test]
fn a_body_stays_where_it_was_received_unless_it_would_keep_much_more_memory_than_it_has_bytes() {
    assert!(matches!(kept(100_000, 10, false), (100_000..110_000, true)));
    assert_eq!(kept(10_000, 8_000, false), (10_000, false), "beside much else");
    assert_eq!(kept(100_000, 10, true), (100_000, false), "somebody else holds what was received");
}
