//! Whatever a message holds, untouched it changes nothing; whatever a function returns, it is judged without a panic.

use super::super::LambdaRequestEdit;
use super::{head, request, request_event, response, response_event, result};
use crate::{Headers, Request, Response, ResponseEdit, Verdict};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..24)
}

fn any_headers() -> impl Strategy<Value = Headers> {
    proptest::collection::vec(("[A-Za-z][A-Za-z-]{0,6}", any_bytes()), 0..12).prop_map(Headers::from_iter)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "200|404|204|base64|text|/a|GET".prop_map(Value::from),
    ];
    let names =
        "status|headers|uri|querystring|body|bodyEncoding|statusDescription|key|value|origin|method|via|x-a|[a-z]{1,3}";
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((names, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_request_returned_as_it_was_changes_nothing(
        uri in any_bytes(), query in proptest::option::of(any_bytes()), headers in any_headers(), spaced in any::<bool>(),
    ) {
        let request = Request { method: "GET".to_owned(), uri: uri.into(), querystring: query.map(Bytes::from), headers };
        let event = request_event(&request);
        let value: Value = serde_json::from_slice(event.json()).unwrap();
        let subject = &value["Records"][0]["cf"]["request"];
        let result = if spaced { serde_json::to_string_pretty(subject) } else { serde_json::to_string(subject) }.unwrap();
        prop_assert_eq!(
            result::request(&event, &request, result.into()),
            Verdict::Continue(LambdaRequestEdit::default())
        );
    }

    #[test]
    fn a_response_returned_as_it_was_changes_nothing(status in 100_u16..600, headers in any_headers(), spaced in any::<bool>()) {
        let response = Response { status, status_description: None, headers, body: None };
        let event = response_event(&response);
        let value: Value = serde_json::from_slice(event.json()).unwrap();
        let subject = &value["Records"][0]["cf"]["response"];
        let result = if spaced { serde_json::to_string_pretty(subject) } else { serde_json::to_string(subject) }.unwrap();
        prop_assert_eq!(
            result::response(&event, &response, result.into()),
            Verdict::Continue(ResponseEdit::default())
        );
    }

    #[test]
    fn any_json_is_judged_without_a_panic_and_nothing_dangerous_passes(value in any_json()) {
        let (request, response) = (request(), response());
        let text = value.to_string();
        let lines = match head(result::request(&request_event(&request), &request, text.clone().into())) {
            Verdict::Continue(edit) => edit.headers.into_iter().flat_map(|header| header.values).collect(),
            Verdict::Respond(response) => {
                prop_assert!((200..600).contains(&response.status));
                response.headers.iter().map(|(_, value)| Bytes::copy_from_slice(value)).collect()
            }
            Verdict::Fail(_) => Vec::new(),
        };
        prop_assert!(lines.iter().all(|line| !line.contains(&b'\n') && !line.contains(&b'\r')));
        let _ = result::response(&response_event(&response), &response, text.into());
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let request = request();
        let _ = result::request(&request_event(&request), &request, bytes.into());
    }
}
