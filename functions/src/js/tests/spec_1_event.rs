//! §1 of the specification, row by row: the event and the way back of what a function returns.

use super::*;
use crate::HeaderEdit;

/// What an expression over the event gives as JSON.
fn seen_in(expression: &str, given: &Request, answered: Option<&Response>) -> String {
    let code = format!(
        "function handler(event) {{ var value = {expression}; \
         console.log(value === undefined ? 'undefined' : JSON.stringify(value)); return event.response || event.request; }}"
    );
    let result = Function::new(&code).call(given, answered);
    result.logs.first().cloned().unwrap_or_else(|| panic!("{expression}: {:?}", result.outcome))
}

fn seen(expression: &str, given: &Request) -> String {
    seen_in(expression, given, None)
}

fn header_edit(name: &str, values: &[&str]) -> HeaderEdit {
    HeaderEdit {
        name: name.to_owned(),
        values: values.iter().map(|value| Bytes::copy_from_slice(value.as_bytes())).collect(),
    }
}

/// The edit of a function with this body.
fn edited(body: &str, given: &Request) -> RequestEdit {
    edit(&format!("function handler(event) {{ var request = event.request; {body}; return request; }}"), given)
}

fn response_edited(body: &str, given: &Response) -> ResponseEdit {
    response_edit(
        &format!("function handler(event) {{ var response = event.response; {body}; return response; }}"),
        given,
    )
}

mod s1_1_shape {
    use super::*;

    #[test]
    fn version_is_1_0() {
        assert_eq!(seen("event.version", &request("/", &[])), "\"1.0\"");
    }

    #[test]
    fn context_names_distribution_event_and_request() {
        let context = r#"{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE","eventType":"viewer-request","requestId":"EXAMPLEntjQpEXAMPLE_SG5Z-EXAMPLEPmPfEXAMPLEu3EqEXAMPLE=="}"#;
        assert_eq!(seen("event.context", &request("/", &[])), context);
        let on_response = seen_in("event.context.eventType", &request("/", &[]), Some(&response(200, &[])));
        assert_eq!(on_response, "\"viewer-response\"");
    }

    #[test]
    fn viewer_ip_is_the_peer_and_no_forwarded_header() {
        assert_eq!(seen("event.viewer", &request("/", &[("X-Forwarded-For", "1.2.3.4")])), r#"{"ip":"198.51.100.11"}"#);
    }

    #[test]
    fn method_is_read_only() {
        assert_eq!(seen("event.request.method", &request("/", &[])), "\"GET\"");
        let failure = failure("function handler(event) { event.request.method = 'POST'; return event.request; }");
        assert_eq!(failure.kind, FailureKind::FunctionValidation);
        assert!(failure.detail.ends_with("request.method is read-only"), "{failure}");
    }

    #[test]
    fn uri_is_the_path_without_the_query_string() {
        assert_eq!(seen("event.request.uri", &request("/a/b.html?c=d", &[])), "\"/a/b.html\"");
    }

    #[test]
    fn querystring_is_always_there() {
        assert_eq!(seen("event.request.querystring", &request("/", &[])), "{}");
        assert_eq!(seen("event.request.querystring", &request("/?", &[])), "{}");
    }

    #[test]
    fn headers_are_without_cookie_and_disallowed_ones() {
        let given = request("/", &[("Accept", "a"), ("Cookie", "a=b"), ("Connection", "close"), ("X-Edge-A", "1")]);
        assert_eq!(seen("Object.keys(event.request.headers)", &given), r#"["accept"]"#);
        assert_eq!(seen("Object.keys(event.request.cookies)", &given), r#"["a"]"#);
    }

    #[test]
    fn raw_query_string_is_of_runtime_2_0() {
        let code =
            "function handler(event) { console.log(typeof event.request.rawQueryString); return event.request; }";
        for (runtime, kind) in
            [(FunctionRuntime::CloudfrontJs1_0, "undefined"), (FunctionRuntime::CloudfrontJs2_0, "function")]
        {
            assert_eq!(Function::with(code, runtime, None).call(&request("/", &[]), None).logs, [kind]);
        }
    }

    #[test]
    fn a_response_has_an_integer_status_a_description_and_no_body() {
        let answered = response(404, &[("Server", "s"), ("Set-Cookie", "a=b; Secure"), ("X-Cache", "Miss")]);
        assert_eq!(
            seen_in("event.response", &request("/", &[]), Some(&answered)),
            r#"{"statusCode":404,"statusDescription":"Not Found","headers":{"server":{"value":"s"}},"cookies":{"a":{"value":"b","attributes":"Secure"}}}"#
        );
    }

    #[test]
    fn response_is_there_on_viewer_response_only_and_request_on_both() {
        assert_eq!(seen("'response' in event", &request("/", &[])), "false");
        let both = seen_in("['response' in event, 'request' in event]", &request("/", &[]), Some(&response(200, &[])));
        assert_eq!(both, "[true,true]");
    }
}

mod s1_2_entries {
    use super::*;

    #[test]
    fn single() {
        assert_eq!(seen("event.request.headers.a", &request("/", &[("A", "v")])), r#"{"value":"v"}"#);
    }

    #[test]
    fn key_present_with_empty_value() {
        assert_eq!(seen("event.request.querystring", &request("/?NoValue=", &[])), r#"{"NoValue":{"value":""}}"#);
    }

    #[test]
    fn a_bare_key_is_empty_and_written_back_bare() {
        let given = request("/?NoValue&b=1", &[]);
        assert_eq!(seen("event.request.querystring.NoValue", &given), r#"{"value":""}"#);
        assert_eq!(edited("request.querystring.b.value = '2'", &given).querystring, Some("NoValue&b=2".into()));
    }

    #[test]
    fn duplicates_are_a_multi_value_with_the_first_as_value() {
        let given = request("/?q=1&q=2", &[("Accept", "a"), ("accept", "b"), ("ACCEPT", "c"), ("Cookie", "k=1; k=2")]);
        assert_eq!(
            seen("event.request.headers.accept", &given),
            r#"{"value":"a","multiValue":[{"value":"a"},{"value":"b"},{"value":"c"}]}"#
        );
        let two = r#"{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]}"#;
        assert_eq!(seen("event.request.querystring.q", &given), two);
        assert_eq!(seen("event.request.cookies.k", &given), two);
    }

    #[test]
    fn one_header_with_commas_is_single() {
        assert_eq!(seen("event.request.headers.accept", &request("/", &[("Accept", "a, b")])), r#"{"value":"a, b"}"#);
    }

    #[test]
    fn a_comma_in_a_query_value_is_part_of_it() {
        assert_eq!(
            seen("event.request.querystring.querymv", &request("/?querymv=val1&querymv=val2,val3", &[])),
            r#"{"value":"val1","multiValue":[{"value":"val1"},{"value":"val2,val3"}]}"#
        );
    }

    #[test]
    fn text_after_the_first_semicolon_of_a_set_cookie_is_attributes() {
        let attributes = "Secure; Path=/; Domain=example.com; Expires=Wed, 05 Apr 2021 07:28:00 GMT";
        let answered = response(200, &[("Set-Cookie", &format!("a=b=c;  {attributes} "))]);
        assert_eq!(
            seen_in("event.response.cookies", &request("/", &[]), Some(&answered)),
            format!(r#"{{"a":{{"value":"b=c","attributes":"{attributes}"}}}}"#)
        );
    }
}

mod s1_3_case_and_encoding {
    use super::*;

    #[test]
    fn header_names_are_ascii_lower_case_on_the_way_in() {
        let given = request("/", &[("X-Custom-HEADER", "1"), ("TÈst-Header", "2")]);
        assert_eq!(seen("Object.keys(event.request.headers)", &given), r#"["x-custom-header","tÈst-header"]"#);
    }

    #[test]
    fn the_first_letter_of_each_word_is_upper_case_on_the_way_out() {
        let given = request("/", &[]);
        for (name, wire) in [("example-header-name", "Example-Header-Name"), ("a--b", "A--B")] {
            let edit = edited(&format!("request.headers['{name}'] = {{value: 'v'}}"), &given);
            assert_eq!(edit.headers, [header_edit(wire, &["v"])]);
        }
    }

    #[test]
    fn query_keys_and_cookie_names_keep_their_case() {
        let given = request("/?ID=42&Exp=1", &[("Cookie", "Cookie1=a; cookie1=b")]);
        assert_eq!(seen("Object.keys(event.request.querystring)", &given), r#"["ID","Exp"]"#);
        assert_eq!(seen("Object.keys(event.request.cookies)", &given), r#"["Cookie1","cookie1"]"#);
    }

    #[test]
    fn nothing_is_percent_decoded() {
        let given = request("/%7Ea%20b?q%5B%5D=%E5%AE%B6&a=b+c", &[("Cookie", "c=%20")]);
        assert_eq!(seen("event.request.uri", &given), "\"/%7Ea%20b\"");
        assert_eq!(
            seen("event.request.querystring", &given),
            r#"{"q%5B%5D":{"value":"%E5%AE%B6"},"a":{"value":"b+c"}}"#
        );
        assert_eq!(seen("event.request.cookies.c.value", &given), "\"%20\"");
    }

    #[test]
    fn utf_8_is_shown_as_it_is_and_other_bytes_as_iso_8859_1() {
        let mut given = request("/", &[]);
        given.uri = "/é".as_bytes().to_vec().into();
        given.querystring = Some(Bytes::from_static(b"a=\xe9"));
        given.headers.push(b"X-Raw", b"\xe9\xff");
        given.headers.push(b"X-Utf8", "é".as_bytes());
        let expression = "[event.request.uri, event.request.querystring.a.value, event.request.headers['x-raw'].value, \
                          event.request.headers['x-utf8'].value]";
        assert_eq!(seen(expression, &given), "[\"/é\",\"é\",\"éÿ\",\"é\"]");
    }

    #[test]
    fn unmodified_values_go_on_as_received_and_modified_ones_as_utf_8() {
        let mut given = request("/", &[]);
        given.uri = Bytes::from_static(b"/\xe9");
        given.querystring = Some(Bytes::from_static(b"a=\xe9&b=1"));
        given.headers.push(b"X-Raw", b"\xe9");
        let reads = "request.uri + request.querystring.a.value + request.headers['x-raw'].value";
        assert_eq!(edited(reads, &given), RequestEdit::default());
        let edit = edited(
            &format!("{reads}; request.querystring.b.value = 'é'; request.headers['x-raw'].value += 'é'"),
            &given,
        );
        assert_eq!(edit.uri, None);
        assert_eq!(edit.querystring, Some(Bytes::from_static(b"a=\xe9&b=\xc3\xa9")));
        assert_eq!(edit.headers, [header_edit("X-Raw", &["éé"])]);
    }
}

mod s1_4_serialising {
    use super::*;

    #[test]
    fn r1_a_changed_multi_value_is_applied_and_value_ignored() {
        let given = request("/?a=1&a=2", &[("X-A", "1"), ("X-A", "2")]);
        let edit = edited(
            "request.headers['x-a'].value = 'ignored'; request.headers['x-a'].multiValue.push({value: '3'}); \
             request.querystring.a.multiValue = [{value: '9'}]",
            &given,
        );
        assert_eq!(edit.headers, [header_edit("X-A", &["1", "2", "3"])]);
        assert_eq!(edit.querystring, Some("a=9".into()));
    }

    #[test]
    fn r2_a_changed_value_replaces_the_first_and_the_others_stay() {
        let given = request("/?a=1&a=2", &[("X-A", "1"), ("X-A", "2"), ("Cookie", "c=1; c=2")]);
        let edit = edited(
            "request.headers['x-a'].value = 'n'; request.querystring.a.value = 'n'; request.cookies.c.value = 'n'",
            &given,
        );
        assert_eq!(edit.querystring, Some("a=n&a=2".into()));
        assert_eq!(edit.headers, [header_edit("X-A", &["n", "2"]), header_edit("Cookie", &["c=n; c=2"])]);
    }

    #[test]
    fn r3_a_query_string_may_be_a_string_and_is_used_as_it_is() {
        let text = "ID=42&Exp=1619740800&NoValue=&querymv=val1&querymv=val2,val3";
        assert_eq!(
            edited(&format!("request.querystring = '{text}'"), &request("/?z", &[])).querystring,
            Some(text.into())
        );
        assert_eq!(edited("request.querystring = ''", &request("/?z", &[])).querystring, Some("".into()));
    }

    #[test]
    fn r4_a_query_string_has_no_space_control_character_or_hash_and_an_end() {
        for text in ["'a b'", "'a\\tb'", "'a\\nb'", "'a#b'", "{a: {value: 'x y'}}", "{'a#': {value: ''}}"] {
            let failure = failure(&format!(
                "function handler(event) {{ event.request.querystring = {text}; return event.request; }}"
            ));
            assert_eq!(failure.kind, FailureKind::FunctionValidation, "{text}");
        }
        let long = |bytes: usize| format!("request.querystring = 'a'.repeat({bytes})");
        assert!(edited(&long(8_191 - "/?".len()), &request("/", &[])).querystring.is_some());
        let code = format!(
            "function handler(event) {{ var request = event.request; {}; return request; }}",
            long(8_192 - "/?".len())
        );
        assert!(failure(&code).detail.contains("have 8192 bytes together; CloudFront takes less than 8192"));
    }

    #[test]
    fn r5_a_deleted_key_is_gone() {
        let given = request("/?jwt=x&b=2", &[("X-A", "1"), ("Cookie", "c=1; d=2")]);
        let edit =
            edited("delete request.querystring.jwt; delete request.headers['x-a']; delete request.cookies.c", &given);
        assert_eq!(edit.querystring, Some("b=2".into()));
        assert_eq!(edit.headers, [header_edit("X-A", &[]), header_edit("Cookie", &["d=2"])]);
    }

    #[test]
    fn attributes_that_are_taken_away_are_gone_whether_a_cookie_occurs_once_or_twice() {
        let given = response(
            200,
            &[("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "a=2; Path=/x"), ("Set-Cookie", "b=3; Secure")],
        );
        for change in ["delete response.cookies.NAME.attributes", "response.cookies.NAME.attributes = ''"] {
            let both = ["a", "b"].map(|name| change.replace("NAME", name)).join("; ");
            let edit = response_edited(&both, &given);
            assert_eq!(edit.headers, [header_edit("Set-Cookie", &["a=1", "a=2; Path=/x", "b=3"])], "{change}");
        }
    }

    #[test]
    fn a_multi_value_that_is_added_is_changed_whatever_it_says() {
        let edit = edited(
            "request.headers['x-b'] = {value: 'new', multiValue: [{value: '1'}]}; request.headers['x-c'] = {value: 'new', multiValue: [{value: '2'}]}",
            &request("/", &[("X-B", "1"), ("X-C", "1")]),
        );
        assert_eq!(edit.headers, [header_edit("X-C", &["2"])], "the first of them is what was there");
    }

    #[test]
    fn a_headers_value_has_no_white_space_around() {
        let edit = edited("request.headers['x-b'] = {value: ' a b\\t'}", &request("/", &[]));
        assert_eq!(edit.headers, [header_edit("X-B", &["a b"])]);
    }

    #[test]
    fn r6_a_set_cookie_is_name_value_and_attributes_one_header_an_element() {
        let given = response(200, &[("Set-Cookie", "a=1; Secure"), ("Set-Cookie", "a=2; Path=/;  HttpOnly")]);
        let edit = response_edited(
            "response.cookies.a.multiValue.push({value: '3', attributes: 'Max-Age=1'}); response.cookies.b = {value: '4'}",
            &given,
        );
        // What did not change goes out as it came.
        assert_eq!(
            edit.headers,
            [header_edit("Set-Cookie", &["a=1; Secure", "a=2; Path=/;  HttpOnly", "a=3; Max-Age=1", "b=4"])]
        );
    }

    #[test]
    fn r6_attributes_can_be_changed_and_removed() {
        let given = response(200, &[("Set-Cookie", "a=1; Secure; Path=/"), ("Set-Cookie", "b=1")]);
        let edit = response_edited(
            "response.cookies.a.attributes = 'Secure'; response.cookies.b.attributes = 'Path=/'",
            &given,
        );
        assert_eq!(edit.headers, [header_edit("Set-Cookie", &["a=1; Secure", "b=1; Path=/"])]);
        let edit = response_edited("delete response.cookies.a.attributes", &given);
        assert_eq!(edit.headers, [header_edit("Set-Cookie", &["a=1", "b=1"])]);
    }

    #[test]
    fn r6_cookies_of_a_request_are_one_header_again() {
        let given = request("/", &[("Cookie", "a=1; b=2")]);
        assert_eq!(
            edited("request.cookies.c = {value: '3'}", &given).headers,
            [header_edit("Cookie", &["a=1; b=2; c=3"])]
        );
        assert_eq!(edited("request.cookies = {}", &given).headers, [header_edit("Cookie", &[])]);
    }

    #[test]
    fn r7_cookie_headers_among_headers_are_added_to_the_cookies() {
        let given = request("/", &[("Cookie", "a=1")]);
        assert_eq!(
            edited("request.headers.cookie = {value: 'x=y'}", &given).headers,
            [header_edit("Cookie", &["a=1; x=y"])]
        );
        let answered = response(200, &[("Set-Cookie", "a=1")]);
        assert_eq!(
            response_edited("response.headers['set-cookie'] = {value: 'x=y'}", &answered).headers,
            [header_edit("Set-Cookie", &["a=1", "x=y"])]
        );
    }

    #[test]
    fn r8_bare_strings_are_refused() {
        let failure = failure("function handler(event) { event.request.headers.x = 'v'; return event.request; }");
        assert_eq!(failure.kind, FailureKind::FunctionValidation);
        assert!(
            failure.detail.ends_with("request.headers[\"x\"] must be an object such as { value: \"…\" }"),
            "{failure}"
        );
    }

    #[test]
    fn what_is_read_and_not_changed_goes_on_byte_for_byte() {
        let given = request("/%7e?b=%31&&a&a=", &[("Cookie", "a=1;b=2; ;c"), ("X-A", " 1 "), ("X-a", "2")]);
        assert_eq!(edited("JSON.stringify(event)", &given), RequestEdit::default());
        let answered = response(200, &[("Set-Cookie", "a=1 ;Secure"), ("X-A", "1"), ("x-a", "2")]);
        assert_eq!(response_edited("JSON.stringify(event)", &answered), ResponseEdit::default());
    }
}
