//! Headers, cookies and query strings are built as a function reads them. No function can tell, and whatever it does to an
//! entry is seen.

use super::*;

fn given() -> Request {
    let lines =
        [("Host", "h"), ("Accept", "a/b"), ("X-One", "1"), ("x-two", "2"), ("X-TWO", "22"), ("Cookie", "c=d; e=f")];
    request("/?q=r&s=t", &lines)
}

/// What a function of that body changes: a header with its values a line, a removed one without.
fn changed(body: &str) -> String {
    let code = format!("function handler(event) {{ var h = event.request.headers; {body}; return event.request; }}");
    let edit = edit(&code, &given());
    let mut lines: Vec<String> = edit
        .headers
        .iter()
        .map(|edit| {
            let values: Vec<_> = edit.values.iter().map(|value| String::from_utf8_lossy(value)).collect();
            format!("{}: {}", edit.name.to_lowercase(), values.join(" | ")).trim_end().to_owned()
        })
        .collect();
    lines.extend(edit.querystring.map(|query| format!("?{}", String::from_utf8_lossy(&query))));
    lines.join("\n")
}

/// What a function logs of an expression about `h`, the headers of a request.
fn logged(expression: &str) -> String {
    let code = format!(
        "function handler(event) {{ var r = event.request, h = r.headers; console.log(JSON.stringify({expression})); return r; }}"
    );
    Function::new(&code).call(&given(), None).logs[0].clone()
}

#[test]
fn headers_look_like_ordinary_properties() {
    assert_eq!(logged("Object.keys(h)"), r#"["host","accept","x-one","x-two"]"#);
    let shown = r#"{"value":"a/b","writable":true,"enumerable":true,"configurable":true}"#;
    let shown = shown.replace(r#""a/b""#, r#"{"value":"a/b"}"#);
    assert_eq!(logged("Object.getOwnPropertyDescriptor(h, 'accept')"), shown);
    assert_eq!(logged("Object.getOwnPropertyDescriptors(h).accept"), shown);
    assert_eq!(logged("h.accept === h.accept && h.accept === Object.values(h)[1]"), "true");
    assert_eq!(
        logged("['accept' in h, h.hasOwnProperty('accept'), h.none, h.toString()]"),
        r#"[true,true,null,"[object Object]"]"#
    );
    let whole = r#"{"host":{"value":"h"},"accept":{"value":"a/b"},"x-one":{"value":"1"},"#.to_owned()
        + r#""x-two":{"value":"2","multiValue":[{"value":"2"},{"value":"22"}]}}"#;
    assert_eq!(logged("h"), whole);
    assert_eq!(logged("Object.assign({}, h)"), whole);
    assert_eq!(logged("(Object.freeze(h), Object.isFrozen(h) && h)"), whole);
    assert_eq!(
        logged("(function () { var o = Object.create(h); o.accept = 1; return [o.accept, h.accept]; })()"),
        r#"[1,{"value":"a/b"}]"#
    );
    assert_eq!(
        logged("(function () { h.accept = 1; return [h.accept, Object.keys(h).indexOf('accept')]; })()"),
        "[1,1]"
    );
    assert_eq!(logged("(delete h.accept, [h.accept, 'accept' in h])"), "[null,false]");
    assert_eq!(
        logged("(Object.defineProperty(h, 'accept', { enumerable: false }), [Object.keys(h), h.accept])"),
        r#"[["host","x-one","x-two"],{"value":"a/b"}]"#
    );
}

#[test]
fn a_frozen_header_cannot_be_assigned() {
    let refused =
        "(function () { Object.freeze(h); try { h.accept = 1; } catch (e) { return [e.name, h.accept]; } })()";
    assert_eq!(logged(refused), r#"["TypeError",{"value":"a/b"}]"#);
}

#[test]
fn what_is_only_looked_at_is_not_changed() {
    for body in [
        "h.accept.value; h['x-two'].multiValue[1].value",
        "h.accept = h.accept",
        "h.accept = { value: 'a/b' }",
        "h.accept.value = 'x'; h.accept.value = 'a/b'",
        "delete h.accept; h.accept = { value: 'a/b' }",
        "var a = h.accept; delete h.accept; h.accept = a",
        "event.request.headers = Object.assign({}, h)",
        "Object.getOwnPropertyDescriptors(h); Object.freeze(h); Object.freeze(h.accept)",
        "Object.setPrototypeOf(h.accept, null)",
        "Object.setPrototypeOf(h, null)",
        "event.request.cookies = { c: event.request.cookies.c, e: { value: 'f' } }",
        "Object.defineProperty(h, 'accept', { get: function () { return { value: 'a/b' }; } })",
    ] {
        assert_eq!(changed(body), "", "{body}");
    }
}

#[test]
fn what_a_function_does_to_an_entry_is_seen() {
    let cases = [
        ("h.accept.value = 'c'", "accept: c"),
        ("h.accept = { value: 'c' }", "accept: c"),
        ("h.accept; h.accept = { value: 'c' }", "accept: c"),
        ("h.accept = h['x-one']", "accept: 1"),
        ("h['x-one'] = h.accept; h.accept.value = 'c'", "accept: c\nx-one: c"),
        ("var a = h.accept; h.accept = h['x-one']; h['x-one'] = a", "accept: 1\nx-one: a/b"),
        ("delete h.accept", "accept:"),
        ("h.accept; delete h.accept", "accept:"),
        ("delete h.accept; h.accept = { value: 'c' }", "accept: c"),
        ("delete h.accept; h['x-new'] = h['x-one']", "accept:\nx-new: 1"),
        ("h.accept.multiValue = [{ value: 'c' }, { value: 'd' }]", "accept: c | d"),
        ("Object.defineProperty(h.accept, 'value', { get: function () { return 'c'; } })", "accept: c"),
        ("delete h.accept.value; Object.setPrototypeOf(h.accept, { value: 'c' })", "accept: c"),
        ("Object.setPrototypeOf(h.accept, { multiValue: [{ value: 'c' }] })", "accept: c"),
        ("Object.defineProperty(h, 'accept', { enumerable: false })", "accept:"),
        ("Object.defineProperty(h, 'accept', { get: function () { return { value: 'c' }; } })", "accept: c"),
        ("Object.defineProperty(h, 'accept', { value: { value: 'c' } })", "accept: c"),
        ("Object.freeze(h); h.accept.value = 'c'", "accept: c"),
        ("event.request.headers = { host: h.host, accept: h['x-one'] }", "x-one:\nx-two:\naccept: 1"),
        ("h['x-two'].multiValue[1].value = '3'", "x-two: 2 | 3"),
        ("h['x-two'].value = '3'", "x-two: 3 | 22"),
        ("event.request.cookies.c.value = 'x'", "cookie: c=x; e=f"),
        ("event.request.cookies = { e: { value: 'f' }, c: { value: 'd' } }", "cookie: e=f; c=d"),
        ("var c = event.request.cookies, d = c.c; delete c.c; c.c = d", "cookie: e=f; c=d"),
        ("delete event.request.cookies.c", "cookie: e=f"),
        ("var q = event.request.querystring, d = q.q; delete q.q; q.q = d", "?s=t&q=r"),
        ("event.request.querystring.q = event.request.querystring.s", "?q=t&s=t"),
    ];
    for (body, expected) in cases {
        let mut lines: Vec<String> = changed(body).lines().map(str::to_owned).collect();
        let mut expected: Vec<String> = expected.lines().map(str::to_owned).collect();
        lines.sort();
        expected.sort();
        assert_eq!(lines, expected, "{body}");
    }
}

#[test]
fn a_call_sees_the_headers_of_its_own_request_only() {
    let code = "function handler(event) { var h = event.request.headers; \
                h['x-seen'] = { value: (h['x-mine'] ? h['x-mine'].value : 'none') + ',' + Object.keys(h).join() }; return event.request; }";
    let mut function = Function::new(code);
    let mut seen = |lines: &[(&str, &str)]| match function.on_request(&request("/", lines)) {
        Verdict::Continue(edit) => String::from_utf8_lossy(&edit.headers[0].values[0]).into_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(seen(&[("X-Mine", "1"), ("Accept", "a")]), "1,x-mine,accept");
    assert_eq!(seen(&[("Accept", "a"), ("x-mine", "2")]), "2,accept,x-mine");
    assert_eq!(seen(&[("Accept", "a")]), "none,accept");
    let many: Vec<(String, String)> = (0..100).map(|number| (format!("x-{number}"), number.to_string())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert!(seen(&many).starts_with("none,x-0,x-1,x-2"), "more than are built one by one");
    assert_eq!(seen(&[("X-Mine", "3"), ("Accept", "a")]), "3,x-mine,accept");
}

#[test]
fn names_beyond_ascii_and_names_that_are_numbers_are_headers_like_others() {
    let mut given = request("/", &[("X-A", "a"), ("7", "seven"), ("X-B", "b")]);
    given.headers.push(b"x-caf\xe9", b"caf\xe9");
    let code = "function handler(event) { var h = event.request.headers; \
                console.log(Object.keys(h).join() + ' ' + h['7'].value + ' ' + h['x-caf\u{e9}'].value); return event.request; }";
    let mut function = Function::new(code);
    let result = function.call(&given, None);
    assert_eq!(result.logs, ["7,x-a,x-b,x-caf\u{e9} seven caf\u{e9}"]);
    assert_eq!(result.outcome, Outcome::Request(Verdict::Continue(RequestEdit::default())));
}

#[test]
fn char_code_at_takes_what_the_language_takes() {
    let code = "[ 'ab'.charCodeAt(), 'ab'.charCodeAt(1), 'ab'.charCodeAt(2), 'ab'.charCodeAt(-1), 'ab'.charCodeAt(1.9), \
                'ab'.charCodeAt('1'), 'ab'.charCodeAt(NaN), 'ab'.charCodeAt(Infinity), 'ab'.charCodeAt(-0.5), \
                String.prototype.charCodeAt.call(12, 1), '\\u5bb6'.charCodeAt(0), String.prototype.charCodeAt.length ]";
    assert_eq!(evaluate(code), "[97,98,null,null,98,98,97,null,97,50,23478,1]");
    let refused = "(function () { try { String.prototype.charCodeAt.call(null, 0); } catch (e) { return e.name; } })()";
    assert_eq!(evaluate(refused), "\"TypeError\"");
}

/// A context keeps what it found out about headers that a function left in their places: it must not take others for them.
#[test]
fn whatever_other_functions_did_before_the_same_is_seen() {
    let accessors = "Object.keys(h).forEach(function (name) { \
                     Object.defineProperty(h, name, { get: function () { return { value: 'mine' }; }, set: function () {}, \
                     enumerable: true, configurable: true }); })";
    let own_sections = accessors.replace("(h, name", "(event.request, name").replace("keys(h)", "keys(event.request)");
    let own_sections = own_sections.replace("{ value: 'mine' }", "{ host: { value: 'h' } }");
    let last = "var n = Object.keys(h).pop(), v = h[n]; delete h[n];";
    let bodies = [
        "h['x-user'] = { value: 'u' }",
        "h['x-user'] = { value: 'u' }; h['x-group'] = { value: 'g' }",
        "h['x-group'] = { value: 'g' }; h['x-user'] = { value: 'u' }; h.accept.value = 'c'",
        "delete h.accept; h['x-user'] = { value: 'u' }",
        "delete h.accept; h.accept = { value: 'c' }; h['x-user'] = { value: 'u' }",
        "h.accept = { value: 'c' }; h['x-user'] = { value: 'u' }",
        "h.accept = h['x-one']; delete h.accept; h['x-user'] = { value: 'u' }",
        "h['0'] = { value: 'z' }; h['x-user'] = { value: 'u' }",
        "h[Symbol()] = 1; h['x-user'] = { value: 'u' }",
        "h['x-user'] = 1",
        "Object.setPrototypeOf(h, null); h['x-user'] = { value: 'u' }",
        "Object.defineProperty(h, 'x-user', { value: { value: 'u' }, enumerable: false, configurable: true, writable: true })",
        accessors,
        &own_sections,
        &format!("{accessors}; h['x-user'] = {{ value: 'u' }}"),
        &format!("{last} h[n] = v; h['x-user'] = {{ value: 'u' }}"),
        &format!(
            "{last} Object.defineProperty(h, n, {{ get: function () {{ return v; }}, set: function () {{}}, enumerable: true, configurable: true }})"
        ),
        "event.request.headers = { host: h.host, 'x-user': { value: 'u' } }",
        "var r = Object.create(event.request); h['x-user'] = { value: 'u' }; return r",
        "event.request.extra = 1; delete event.request.cookies; h['x-user'] = { value: 'u' }",
        "event.request.uri = '/else'; event.request.querystring = 'only'",
        "event.request.statusCode = 403",
        "delete event.request.headers",
        "",
    ];
    let reflecting = [
        "Object.defineProperty(new Proxy(h, {}), 'accept', { get: function () { return { value: 'c' }; }, set: function () {}, enumerable: true, configurable: true }); h['x-user'] = { value: 'u' }",
        "Reflect.defineProperty(h, 'accept', { get: function () { return { value: 'c' }; }, set: function () {}, enumerable: true, configurable: true }); h['x-user'] = { value: 'u' }",
        "h.__defineGetter__('accept', function () { return { value: 'c' }; }); h['x-user'] = { value: 'u' }",
    ];
    let few = request("/?q=r", &[("Host", "h"), ("X-One", "1")]);
    let other = request("/", &[("Accept", "a/b"), ("Host", "h"), ("X-User", "given"), ("x-one", "1"), ("x-two", "2")]);
    for (fidelity, more) in [(Fidelity::Strict, &[][..]), (Fidelity::Relaxed, &reflecting[..])] {
        let codes: Vec<String> = bodies
            .iter()
            .chain(more)
            .map(|body| {
                format!("function handler(event) {{ var h = event.request.headers; {body}; return event.request; }}")
            })
            .collect();
        let load = |engine: &mut Engine, code: &str| {
            let runtime = FunctionRuntime::CloudfrontJs2_0;
            engine
                .load(FunctionSource { name: "test".to_owned(), runtime, fidelity, code: code.to_owned(), store: None })
                .unwrap()
        };
        let call = |engine: &mut Engine, id, request: &Request| {
            let (event_type, context) = (EventType::ViewerRequest, context());
            engine
                .call(id, &Call { event_type, context: &context, request, response: None, now_ms: 1, random_seed: 7 })
                .outcome
        };
        let requests = [&given(), &few, &other];
        // Each in an engine that did nothing else before.
        let alone = |code: &String| {
            requests.map(|request| {
                let mut fresh = Engine::new();
                let id = load(&mut fresh, code);
                call(&mut fresh, id, request)
            })
        };
        let expected: Vec<[Outcome; 3]> = codes.iter().map(alone).collect();
        let mut shared = Engine::new();
        let ids: Vec<FunctionId> = codes.iter().map(|code| load(&mut shared, code)).collect();
        for round in 0..3 {
            for ((code, id), expected) in codes.iter().zip(&ids).zip(&expected) {
                for (request, expected) in requests.iter().zip(expected) {
                    assert_eq!(call(&mut shared, *id, request), *expected, "round {round}: {code}");
                }
            }
            shared.collect_garbage();
        }
    }
}
