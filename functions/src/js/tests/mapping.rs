//! Properties of the way in and back, for arbitrary messages.

use super::*;
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
     for (var section of [event.request.headers, event.request.cookies, event.request.querystring]) { \
     for (var name in section) { var entry = section[name]; entry.value.length + (entry.multiValue || []).length; } } \
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
