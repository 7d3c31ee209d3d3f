//! §2 of the specification, row by row: what a handler may return, and what comes of what it may not.

use super::*;
use crate::rules;

/// The verdict of a viewer-request function with this body, on `/?a=b`.
fn verdict(body: &str) -> Verdict<RequestEdit> {
    Function::new(&format!("function handler(event) {{ {body} }}")).on_request(&request("/?a=b", &[("Host", "a")]))
}

/// The verdict of a viewer-response function with this body, on a gzip answer.
fn response_verdict(body: &str) -> Verdict<ResponseEdit> {
    let answered = response(200, &[("Content-Encoding", "gzip"), ("Content-Length", "9"), ("Via", "1.1 x")]);
    Function::new(&format!("function handler(event) {{ {body} }}")).on_response(&request("/?a=b", &[]), &answered)
}

#[track_caller]
fn refused<Edit: std::fmt::Debug>(verdict: Verdict<Edit>) -> (FailureKind, String) {
    match verdict {
        Verdict::Fail(failure) => (failure.kind, failure.detail.trim_start_matches("function \"test\": ").to_owned()),
        other => panic!("{other:?}"),
    }
}

mod s2_1_viewer_request {
    use super::*;

    #[test]
    fn the_request_goes_on() {
        assert_eq!(verdict("return event.request;"), Verdict::Continue(RequestEdit::default()));
    }

    #[test]
    fn what_has_a_status_code_is_a_response() {
        let Verdict::Respond(minimal) = verdict("return {statusCode: 404, statusDescription: 'Not Found'};") else {
            panic!()
        };
        assert_eq!((minimal.status, minimal.status_description.as_deref()), (404, Some("Not Found")));
        assert_eq!((minimal.headers.iter().count(), minimal.body), (0, None));
        let Verdict::Respond(redirect) = verdict("return {statusCode: 301, headers: {location: {value: '/x'}}};")
        else {
            panic!()
        };
        assert_eq!(redirect.headers.iter().next(), Some((&b"Location"[..], &b"/x"[..])));
        assert_eq!(redirect.status_description, None);
        // The request with a status code is a response with the request's headers left out of it.
        let code = "var r = event.request; r.statusCode = 403; r.headers = {}; r.cookies = {}; return r;";
        assert!(matches!(verdict(code), Verdict::Respond(Response { status: 403, .. })));
    }

    #[test]
    fn a_new_object_is_a_request_when_it_has_the_members_of_one() {
        let code = "return {method: 'GET', uri: '/new', querystring: {}, headers: event.request.headers, cookies: {}};";
        let Verdict::Continue(edit) = verdict(code) else { panic!() };
        assert_eq!((edit.uri, edit.querystring), (Some("/new".into()), Some("".into())));
    }

    #[test]
    fn the_whole_event_and_what_is_no_object_are_execution_errors() {
        for body in [
            "",
            "return;",
            "return undefined;",
            "return null;",
            "return 'x';",
            "return 5;",
            "return event;",
            "return {};",
        ] {
            let (kind, detail) = refused(verdict(body));
            assert_eq!(kind, FailureKind::FunctionExecution, "{body}: {detail}");
        }
    }
}

mod s2_2_viewer_response {
    use super::*;

    fn edit_of(body: &str) -> ResponseEdit {
        match response_verdict(&format!("var response = event.response; {body}; return response;")) {
            Verdict::Continue(edit) => edit,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn status_and_description_may_be_changed() {
        let edit = edit_of("response.statusCode = 404; response.statusDescription = 'Gone Fishing'");
        assert_eq!((edit.status, edit.status_description.as_deref()), (Some(404), Some("Gone Fishing")));
    }

    #[test]
    fn without_a_body_the_original_is_sent() {
        assert_eq!(edit_of("response.headers['x-a'] = {value: '1'}").body, None);
        assert_eq!(edit_of("").body, None);
        assert_eq!(edit_of("response.body = undefined").body, None);
    }

    #[test]
    fn an_empty_body_removes_it() {
        for empty in ["''", "null", "{encoding: 'text', data: ''}", "{encoding: 'base64', data: ''}"] {
            assert_eq!(edit_of(&format!("response.body = {empty}")).body, Some("".into()), "{empty}");
        }
    }

    #[test]
    fn a_body_is_a_text_or_base64_or_a_plain_string() {
        for (body, bytes) in [
            ("{encoding: 'text', data: 'hé'}", "hé".as_bytes()),
            ("{encoding: 'base64', data: 'AP8='}", b"\0\xff"),
            ("{encoding: 'base64', data: 'AP8'}", b"\0\xff"),
            ("{data: 'text when there is no encoding'}", b"text when there is no encoding"),
            ("'plain'", b"plain"),
        ] {
            assert_eq!(edit_of(&format!("response.body = {body}")).body.as_deref(), Some(bytes), "{body}");
        }
    }

    #[test]
    fn invalid_base64_and_other_bodies_are_validation_errors() {
        for body in [
            "{encoding: 'base64', data: '%%%'}",
            "{encoding: 'base64', data: 'AP8=x'}",
            "{encoding: 'hex', data: '00'}",
            "{encoding: 'text'}",
            "{encoding: 'text', data: 5}",
            "5",
            "true",
            "[]",
        ] {
            let (kind, detail) =
                refused(response_verdict(&format!("event.response.body = {body}; return event.response;")));
            assert_eq!(kind, FailureKind::FunctionValidation, "{body}: {detail}");
        }
    }

    #[test]
    fn a_body_has_at_most_40_960_bytes() {
        let body = |bytes: usize| {
            response_verdict(&format!("event.response.body = 'a'.repeat({bytes}); return event.response;"))
        };
        assert!(matches!(body(40_960), Verdict::Continue(_)));
        assert_eq!(refused(body(40_961)).1, "response.body has 40961 bytes; at most 40960 are taken");
    }

    #[test]
    fn a_function_is_responsible_for_its_content_headers() {
        let edit = edit_of(
            "delete response.headers['content-encoding']; response.headers['content-type'] = {value: 'text/plain'}; \
                            response.headers['content-length'] = {value: '2'}; response.body = 'hi'",
        );
        let names: Vec<&str> = edit.headers.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["Content-Encoding", "Content-Length", "Content-Type"]);
    }

    #[test]
    fn the_query_string_is_a_read_only_view() {
        let code = "event.request.querystring = 'x=y'; event.request.uri = '/other'; return event.response;";
        assert_eq!(response_verdict(code), Verdict::Continue(ResponseEdit::default()));
    }

    #[test]
    fn a_fresh_object_drops_read_only_headers_and_is_refused() {
        for body in ["return {statusCode: 200};", "return {statusCode: 200, headers: {}};"] {
            let Verdict::Fail(failure) = response_verdict(body) else { panic!("{body}") };
            assert_eq!(failure.kind, FailureKind::FunctionValidation, "{body}");
            assert_eq!(failure.sentence.as_deref(), Some(rules::SENTENCE_READ_ONLY_HEADER), "{body}");
        }
    }

    #[test]
    fn a_response_without_a_status_code_is_refused() {
        for status in ["undefined", "'200'", "99", "199", "600", "200.5", "NaN", "null"] {
            let (kind, detail) =
                refused(response_verdict(&format!("event.response.statusCode = {status}; return event.response;")));
            assert_eq!(kind, FailureKind::FunctionValidation, "{status}: {detail}");
            assert_eq!(detail, "response.statusCode must be an integer from 200 to 599", "{status}");
        }
        assert_eq!(refused(response_verdict("return event.request;")).0, FailureKind::FunctionValidation);
    }
}

mod s2_3_outcomes {
    use super::*;

    #[test]
    fn exceptions_are_execution_errors() {
        for body in ["throw new Error('boom');", "throw 1;", "nope();", "return Promise.reject(new Error('later'));"] {
            assert_eq!(refused(verdict(body)).0, FailureKind::FunctionExecution, "{body}");
            assert_eq!(refused(response_verdict(body)).0, FailureKind::FunctionExecution, "{body}");
        }
    }

    #[test]
    fn an_upper_case_header_name_has_its_sentence() {
        let code = "event.response.headers['Strict-Transport-Security'] = {value: 'x'}; return event.response;";
        let Verdict::Fail(failure) = response_verdict(code) else { panic!() };
        assert_eq!(failure.kind, FailureKind::FunctionValidation);
        assert_eq!(
            failure.sentence.as_deref(),
            Some(
                "The CloudFront function returned an invalid value: response.headers must have header names in lower case."
            )
        );
        let code = "event.request.headers['X-A'] = {value: 'x'}; return event.request;";
        let Verdict::Fail(failure) = verdict(code) else { panic!() };
        assert_eq!(failure.sentence.as_deref(), Some(rules::SENTENCE_REQUEST_HEADER_NAME_CASE));
        assert!(
            failure
                .detail
                .ends_with("request.headers[\"X-A\"] must be written in lower case: request.headers[\"x-a\"]")
        );
    }

    #[test]
    fn a_disallowed_header_has_no_sentence_that_is_known() {
        let Verdict::Fail(failure) = verdict("event.request.headers['x-edge-a'] = {value: 'x'}; return event.request;")
        else {
            panic!()
        };
        assert_eq!((failure.kind, failure.sentence), (FailureKind::FunctionValidation, None));
    }
}

mod s7_head_bytes {
    use super::*;
    use homefront_config::limits::{REQUEST_HEAD_BYTES_MAX, RESPONSE_HEAD_BYTES_MAX};

    /// A line with its end.
    fn line(name: &str, value: &str) -> usize {
        name.len() + value.len() + ": \r\n".len()
    }

    fn filling(bytes: usize) -> String {
        format!("{{ value: 'a'.repeat({}) }}", bytes - line("X-Big", ""))
    }

    #[test]
    fn a_request_has_32768_with_what_stays() {
        let given = request("/", &[("Host", "a"), ("X-Big", "old"), ("X-Kept", "kept")]);
        let room = REQUEST_HEAD_BYTES_MAX - line("Host", "a") - line("X-Kept", "kept");
        let verdict = |bytes: usize| {
            let set = filling(bytes);
            let code =
                format!("function handler(event) {{ event.request.headers['x-big'] = {set}; return event.request; }}");
            Function::new(&code).on_request(&given)
        };
        assert!(matches!(verdict(room), Verdict::Continue(_)));
        let (kind, detail) = refused(verdict(room + 1));
        assert_eq!(kind, FailureKind::FunctionValidation);
        assert_eq!(detail, "request.headers has 32769 bytes; CloudFront takes at most 32768");
    }

    #[test]
    fn a_response_has_32768_with_what_stays() {
        let given = response(200, &[("Via", "1.1 x"), ("Set-Cookie", "a=1")]);
        let room = RESPONSE_HEAD_BYTES_MAX - line("Via", "1.1 x") - line("Set-Cookie", "a=1");
        let verdict = |bytes: usize| {
            let set = filling(bytes);
            let code = format!(
                "function handler(event) {{ event.response.headers['x-big'] = {set}; return event.response; }}"
            );
            Function::new(&code).on_response(&request("/", &[]), &given)
        };
        assert!(matches!(verdict(room), Verdict::Continue(_)));
        let (_, detail) = refused(verdict(room + 1));
        assert_eq!(detail, "response.headers has 32769 bytes; CloudFront takes at most 32768");
    }

    #[test]
    fn a_generated_response_has_32768() {
        let made = |bytes: usize| {
            let set = filling(bytes);
            verdict(&format!("return {{ statusCode: 200, headers: {{ 'x-big': {set} }} }};"))
        };
        assert!(matches!(made(RESPONSE_HEAD_BYTES_MAX), Verdict::Respond(_)));
        let (_, detail) = refused(made(RESPONSE_HEAD_BYTES_MAX + 1));
        assert_eq!(detail, "response.headers has 32769 bytes; CloudFront takes at most 32768");
    }
}

mod nameless_cookies {
    use super::*;

    #[test]
    fn the_viewers_stays_and_none_is_added() {
        let change = |code: &str, cookie: &str| {
            let given = request("/", &[("Cookie", cookie)]);
            Function::new(&format!("function handler(event) {{ {code} return event.request; }}")).on_request(&given)
        };
        let Verdict::Continue(edit) = change("event.request.cookies.b = {value: '2'};", "=1; a=3") else { panic!() };
        assert_eq!(edit.headers[0].values, ["=1; a=3; b=2"]);
        let (kind, detail) = refused(change("event.request.cookies[''] = {value: '2'};", "a=3"));
        assert_eq!(
            (kind, detail.as_str()),
            (FailureKind::FunctionValidation, "request.cookies[\"\"] is not a cookie name")
        );
        let made = verdict("return {statusCode: 200, cookies: {'': {value: '2'}}};");
        assert_eq!(refused(made).1, "response.cookies[\"\"] is not a cookie name");
    }
}

#[test]
fn an_object_is_written_in_its_order_with_the_values_of_a_key_together() {
    let code = "function handler(event) { event.request.querystring.c = {value: '4'}; return event.request; }";
    let Verdict::Continue(edit) = Function::new(code).on_request(&request("/?b=1&a=%32&b=3&bare", &[])) else {
        panic!()
    };
    assert_eq!(edit.querystring.as_deref(), Some(&b"b=1&b=3&a=%32&bare&c=4"[..]));
    // What is not touched at all is not written anew.
    let code = "function handler(event) { event.request.querystring.a.value; return event.request; }";
    let Verdict::Continue(edit) = Function::new(code).on_request(&request("/?b=1&a=2&b=3", &[])) else { panic!() };
    assert_eq!(edit.querystring, None);
}

#[test]
fn a_status_description_has_a_bound() {
    let made = |length: usize| {
        let code = format!(
            "function handler(event) {{ return {{ statusCode: 200, statusDescription: 'x'.repeat({length}) }}; }}"
        );
        Function::new(&code).on_request(&request("/", &[]))
    };
    assert!(matches!(made(1_024), Verdict::Respond(_)));
    let Verdict::Fail(failure) = made(1_025) else { panic!("one byte too many") };
    assert!(
        failure.detail.contains("response.statusDescription has 1025 bytes; at most 1024 are taken"),
        "{}",
        failure.detail
    );
}
