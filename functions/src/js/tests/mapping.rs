//! Properties of the way in and back, for arbitrary messages.

use super::*;
use crate::rules::{self, Event};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::RefCell;

/// Header bytes that a proxy lets through.
fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff, Just(b';'), Just(b'='), Just(b',')], 0..24)
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-zA-Z0-9-]{1,12}".prop_map(String::into_bytes),
        prop::sample::select(vec![
            "Host",
            "cookie",
            "Cookie",
            "set-cookie",
            "Via",
            "X-Amz-Cf-Id",
            "constructor",
            "__proto__",
            "1"
        ])
        .prop_map(|name| name.as_bytes().to_vec()),
    ]
}

fn any_request() -> impl Strategy<Value = Request> {
    let query = vec(prop_oneof![Just(b'&'), Just(b'='), 0x21_u8..0x7f, 0x80_u8..=0xff], 0..40);
    (vec(0x21_u8..=0xff, 0..20), prop::option::of(query), vec((name(), value()), 0..8)).prop_map(
        |(path, query, lines)| Request {
            method: "GET".to_owned(),
            uri: [b"/".to_vec(), path].concat().into(),
            querystring: query.map(Bytes::from),
            headers: lines.into_iter().collect(),
        },
    )
}

const READS_EVERYTHING: &str = "function handler(event) { JSON.stringify(event); \
     [event.request.headers, event.request.cookies, event.request.querystring].forEach(function (section) { \
     for (var name in section) { var entry = section[name]; entry.value.length + (entry.multiValue || []).length; } }); \
     return event.response || event.request; }";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn what_a_function_only_reads_gives_an_empty_edit(given in any_request(), lines in vec((name(), value()), 0..6)) {
        thread_local! {
            static FUNCTIONS: RefCell<Vec<Function>> = RefCell::new(vec![
                Function::new("function handler(event) { return event.response || event.request; }"),
                Function::new(READS_EVERYTHING),
            ]);
        }
        let given_response = Response { status: 200, status_description: None, headers: lines.into_iter().collect(), body: None };
        FUNCTIONS.with_borrow_mut(|functions| {
            for function in functions {
                prop_assert_eq!(function.on_request(&given), Verdict::Continue(RequestEdit::default()));
                prop_assert_eq!(function.on_response(&given, &given_response), Verdict::Continue(ResponseEdit::default()));
            }
            Ok(())
        })?;
    }

    #[test]
    fn json_is_parsed_as_serde_does(text in "[\\[\\]{},:\"0-9eE.+\\-a-c \\\\ntfu]{0,24}") {
        thread_local! {
            static FUNCTION: RefCell<Function> = RefCell::new(Function::new(
                "function handler(event) { var text = event.request.headers.json.value, out; \
                 try { out = JSON.stringify(JSON.parse(text)); } catch (error) { out = error.name; } \
                 console.log(out); return event.request; }"));
        }
        let given = request("/", &[("json", &text)]);
        let logs = FUNCTION.with_borrow_mut(|function| function.call(&given, None).logs);
        let valid = serde_json::from_str::<serde_json::Value>(&text).is_ok() || text.contains("\\u") && logs[0] != "SyntaxError";
        // Numbers too large for serde are Infinity here, which prints as null.
        prop_assert_eq!(logs[0] != "SyntaxError", valid || logs[0].contains("null"), "{:?} {:?}", text, logs);
    }
}

/// Texts that a function might return where CloudFront wants something else.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9/=;?&# -]{0,12}",
        prop::sample::select(vec![
            "/ok",
            "a\r\nb: c",
            "\0",
            "host",
            "Host",
            "via",
            "connection",
            "x-edge-a",
            "X-Upper",
            "é",
            "__proto__",
            "constructor",
            "value",
            "multiValue",
            "base64",
            "text",
            "%%%",
            "1",
        ])
        .prop_map(str::to_owned),
    ]
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![(-5_i64..700).prop_map(Value::from), Just(Value::from(1e300)), Just(Value::from(200.5))],
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let member = prop_oneof![
            prop::sample::select(vec!["value", "multiValue", "attributes", "encoding", "data"]).prop_map(str::to_owned),
            any_text()
        ];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((member, inner.clone()), 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
            // Entries as they should be, so that some results are taken.
            (any_text(), any_text()).prop_map(|(name, value)| serde_json::json!({ name: { "value": value } })),
        ]
    })
}

/// Members of requests and responses with any values.
fn any_result() -> impl Strategy<Value = serde_json::Value> {
    let names = vec!["uri", "method", "querystring", "headers", "cookies", "statusCode", "statusDescription", "body"];
    let members = vec((prop::sample::select(names), any_json()), 0..6);
    (members, any::<bool>(), any::<bool>()).prop_map(|(members, uri, status)| {
        let mut result: serde_json::Map<_, _> =
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if uri {
            result.insert("uri".to_owned(), "/".into());
        }
        if status {
            result.insert("statusCode".to_owned(), 200.into());
        }
        result.into()
    })
}

/// Whether a line may go out on a connection as a function's.
fn acceptable(event: Event, name: &str, value: &[u8]) -> bool {
    rules::header_name_valid(name)
        && rules::header_value_valid(value)
        && !rules::disallowed(name)
        && !rules::read_only(event, name)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn whatever_is_returned_gives_a_verdict_that_is_safe_to_act_on(result in any_result()) {
        thread_local! {
            static FUNCTION: RefCell<Function> = RefCell::new(Function::new(
                "function handler(event) { return JSON.parse(event.request.headers['x-result'].value); }"));
        }
        let given = Request {
            querystring: Some(Bytes::from_static(b"a=1&b")),
            ..request("/", &[("X-Result", &result.to_string()), ("X-A", "1"), ("X-A", "2"), ("Cookie", "a=b")])
        };
        let answered = response(200, &[("X-B", "1"), ("Set-Cookie", "a=b; Secure")]);
        FUNCTION.with_borrow_mut(|function| {
            match function.on_request(&given) {
                Verdict::Continue(edit) => {
                    prop_assert!(edit.uri.iter().all(rules::uri_valid));
                    prop_assert!(edit.querystring.iter().all(rules::querystring_valid));
                    for line in &edit.headers {
                        let event = Event::FunctionViewerRequest;
                        prop_assert!(line.values.iter().all(|value| acceptable(event, &line.name, value)), "{line:?}");
                        prop_assert!(!rules::read_only(event, &line.name));
                    }
                }
                Verdict::Respond(response) => {
                    prop_assert!((200..=599).contains(&response.status));
                    prop_assert!(response.status_description.iter().all(rules::header_value_valid));
                    for (name, value) in response.headers.iter() {
                        let name = std::str::from_utf8(name).unwrap();
                        prop_assert!(acceptable(Event::FunctionViewerRequest, name, value), "{:?}", response.headers);
                    }
                }
                Verdict::Fail(failure) => prop_assert!(!failure.detail.is_empty()),
            }
            if let Verdict::Continue(edit) = function.on_response(&given, &answered) {
                prop_assert!(edit.status.is_none_or(|status| (200..=599).contains(&status)));
                for line in &edit.headers {
                    let event = Event::FunctionViewerResponse;
                    prop_assert!(line.values.iter().all(|value| acceptable(event, &line.name, value)), "{line:?}");
                }
            }
            Ok(())
        })?;
    }
}
