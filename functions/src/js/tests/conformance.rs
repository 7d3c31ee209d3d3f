//! The documented behaviour of CloudFront Functions, case by case.

use super::*;
use crate::HeaderEdit;
use homefront_config::limits::FUNCTION_LOG_BYTES_MAX;
use std::fmt::Write as _;

#[test]
fn several_lines_of_a_header_are_a_multi_value() {
    let request = request("/", &[("Accept", "a"), ("accept", "b"), ("ACCEPT", "c"), ("X-One", "a, b, c")]);
    let mut function = Function::new(
        "function handler(event) { console.log(JSON.stringify(event.request.headers)); return event.request; }",
    );
    insta::assert_snapshot!(function.call(&request, None).logs[0]);
}

#[test]
fn query_strings_are_split_and_not_decoded() {
    let request = request("/?querymv=val1&querymv=val2,val3&NoValue=&bare&q=%E5%AE%B6", &[]);
    let mut function = Function::new(
        "function handler(event) { console.log(JSON.stringify(event.request.querystring)); return event.request; }",
    );
    insta::assert_snapshot!(function.call(&request, None).logs[0]);
}

#[test]
fn cookies_are_apart_from_headers_and_keep_their_case() {
    let request = request("/", &[("Cookie", "A=1; b=2; A=3")]);
    let mut function = Function::new(
        "function handler(event) { console.log(JSON.stringify([event.request.cookies, event.request.headers.cookie])); \
         return event.request; }",
    );
    insta::assert_snapshot!(function.call(&request, None).logs[0]);
}

#[test]
fn the_whole_event_looks_as_documented() {
    let request = request("/a?b=c", &[("Host", "example.com")]);
    let code = "function handler(event) { console.log(JSON.stringify(event)); return event.response; }";
    let logs = Function::new(code).call(&request, Some(&response(404, &[("Set-Cookie", "a=b; Secure; Path=/")]))).logs;
    insta::assert_snapshot!(logs[0]);
}

#[test]
fn added_headers_are_written_in_cloudfronts_case() {
    let code =
        "function handler(event) { event.request.headers['x-custom-header'] = {value: 'v'}; return event.request; }";
    let expected = HeaderEdit { name: "X-Custom-Header".to_owned(), values: vec!["v".into()] };
    assert_eq!(
        edit(code, &request("/", &[("Host", "a")])),
        RequestEdit { headers: vec![expected], ..Default::default() }
    );
}

#[test]
fn a_changed_value_replaces_the_first_and_a_changed_multi_value_wins() {
    let request = request("/?a=1&a=2&b=3", &[("X-A", "1"), ("X-A", "2")]);
    let first = "function handler(event) { var r = event.request; r.headers['x-a'].value = 'n'; \
                 r.querystring.a.value = 'n'; return r; }";
    let edit_first = edit(first, &request);
    assert_eq!(edit_first.headers[0].values, ["n", "2"].map(Bytes::from));
    assert_eq!(edit_first.querystring, Some("a=n&a=2&b=3".into()));
    let both = "function handler(event) { var r = event.request; r.headers['x-a'].value = 'ignored'; \
                r.headers['x-a'].multiValue[1].value = 'm'; return r; }";
    assert_eq!(edit(both, &request).headers[0].values, ["1", "m"].map(Bytes::from));
    let replaced = "function handler(event) { var r = event.request; r.headers['x-a'] = {value: 'only'}; return r; }";
    assert_eq!(edit(replaced, &request).headers[0].values, [Bytes::from("only")]);
}

#[test]
fn a_query_string_may_be_returned_as_text() {
    let code = "function handler(event) { event.request.querystring = 'b=2&a=1'; return event.request; }";
    assert_eq!(edit(code, &request("/?x", &[])).querystring, Some("b=2&a=1".into()));
    let same = "function handler(event) { event.request.querystring = 'x&y=1'; return event.request; }";
    assert_eq!(edit(same, &request("/?x&y=1", &[])), RequestEdit::default());
}

#[test]
fn reordered_and_deleted_query_keys_change_the_query_string() {
    let code = "function handler(event) { var q = event.request.querystring, sorted = {}; \
                Object.keys(q).sort().forEach(function (key) { sorted[key] = q[key]; }); \
                event.request.querystring = sorted; return event.request; }";
    assert_eq!(edit(code, &request("/?c&a=1&b=%20", &[])).querystring, Some("a=1&b=%20&c".into()));
    assert_eq!(edit(code, &request("/?a=1&b=2", &[])), RequestEdit::default());
    let delete = "function handler(event) { delete event.request.querystring.jwt; return event.request; }";
    assert_eq!(edit(delete, &request("/?jwt=x&b=2", &[])).querystring, Some("b=2".into()));
    assert_eq!(edit(delete, &request("/?jwt=x", &[])).querystring, Some("".into()));
}

#[test]
fn the_raw_query_string_tells_empty_from_absent() {
    let code = "function handler(event) { console.log(String(event.request.rawQueryString())); return event.request; }";
    let raw = |target| Function::new(code).call(&request(target, &[]), None).logs[0].clone();
    assert_eq!([raw("/page?"), raw("/page"), raw("/page?x=1")], ["", "undefined", "x=1"]);
}

#[test]
fn a_response_is_generated_from_status_headers_cookies_and_body() {
    let redirect = generated(
        "function handler(event) { return {statusCode: 302, statusDescription: 'Found', \
         headers: {location: {value: 'https://example.com/é'}}, \
         cookies: {a: {value: '1', attributes: 'Secure; Path=/'}, b: {value: '', multiValue: [{value: '2'}, {value: '3'}]}}}; }",
    );
    assert_eq!(redirect.status, 302);
    assert_eq!(redirect.status_description.as_deref(), Some("Found"));
    insta::assert_snapshot!(format!("{:?}", redirect.headers));
    assert_eq!(redirect.body, None);
    let body = |body: &str| {
        generated(&format!("function handler(event) {{ return {{statusCode: 200, body: {body}}}; }}")).body
    };
    assert_eq!(body("{encoding: 'base64', data: 'aGk='}"), Some("hi".into()));
    assert_eq!(body("{encoding: 'text', data: 'hi'}"), Some("hi".into()));
    assert_eq!(body("'hi'"), Some("hi".into()));
    assert_eq!(body("''"), Some("".into()));
}

#[test]
fn a_viewer_response_is_changed_in_place() {
    let given = response(
        200,
        &[("Content-Encoding", "gzip"), ("Via", "1.1 x"), ("Set-Cookie", "a=1; Secure"), ("set-cookie", "a=2")],
    );
    let nothing = "function handler(event) { return event.response; }";
    assert_eq!(response_edit(nothing, &given), ResponseEdit::default());
    let changed = response_edit(
        "function handler(event) { var r = event.response; r.statusCode = 500; r.statusDescription = 'Oops'; \
         delete r.headers['content-encoding']; r.headers['strict-transport-security'] = {value: 'max-age=1'}; \
         r.cookies.a.multiValue.push({value: '3', attributes: 'HttpOnly'}); r.body = 'new'; return r; }",
        &given,
    );
    assert_eq!(changed.status, Some(500));
    assert_eq!(changed.status_description.as_deref(), Some("Oops"));
    assert_eq!(changed.body, Some("new".into()));
    let lines: Vec<String> = changed.headers.iter().map(|edit| format!("{}: {:?}", edit.name, edit.values)).collect();
    insta::assert_debug_snapshot!(lines);
    let emptied = response_edit("function handler(event) { event.response.body = ''; return event.response; }", &given);
    assert_eq!(emptied, ResponseEdit { body: Some("".into()), ..Default::default() });
}

#[test]
fn results_that_cloudfront_refuses_are_validation_errors_with_a_reason() {
    let cases = [
        "event.request.headers.host = {value: 'other'}",
        "delete event.request.headers.via",
        "event.request.headers['cdn-loop'] = {value: 'x'}",
        "event.request.headers['x-forwarded-proto'] = {value: 'x'}",
        "event.request.headers['x-edge-foo'] = {value: 'x'}",
        "event.request.headers['X-Upper'] = {value: 'x'}",
        "event.request.headers['x-a'] = {value: 'a\\r\\nSet-Cookie: b=c'}",
        "event.request.headers['x a'] = {value: 'x'}",
        "event.request.headers['x-a'] = 'bare'",
        "event.request.headers['x-a'] = {value: 5}",
        "event.request.headers['x-a'] = {value: 'a', multiValue: 'b'}",
        "event.request.headers['x-a'] = {value: 'a', multiValue: [{}]}",
        "event.request.headers = 'x'",
        "event.request.cookies['a;b'] = {value: 'x'}",
        "event.request.cookies.a.value = 'x\\n'",
        "event.request.uri = 'no-slash'",
        "event.request.uri = '/a b'",
        "event.request.uri = '/a?b'",
        "event.request.uri = 5",
        "event.request.uri = '/' + 'a'.repeat(8191)",
        "event.request.method = 'POST'",
        "event.request.querystring = 'a b'",
        "event.request.querystring = {a: {value: '#'}}",
        "event.request.querystring = 5",
    ];
    let mut seen = String::new();
    for case in cases {
        let failure = failure(&format!("function handler(event) {{ {case}; return event.request; }}"));
        assert_eq!(failure.kind, FailureKind::FunctionValidation, "{case}");
        let _ = writeln!(seen, "{case}\n    {} | {:?}", failure.detail, failure.sentence);
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn responses_that_cloudfront_refuses_are_validation_errors_with_a_reason() {
    let on_request = [
        "{statusCode: '302'}",
        "{statusCode: 99}",
        "{statusCode: 200.5}",
        "{statusCode: 600}",
        "{statusCode: 200, statusDescription: 'a\\nb'}",
        "{statusCode: 200, body: {encoding: 'base64', data: '%%%'}}",
        "{statusCode: 200, body: {encoding: 'gzip', data: ''}}",
        "{statusCode: 200, body: 5}",
        "{statusCode: 200, body: 'a'.repeat(40961)}",
        "{statusCode: 200, headers: {'transfer-encoding': {value: 'chunked'}}}",
        "{statusCode: 200, headers: {connection: {value: 'close'}}}",
        "{statusCode: 200, cookies: {a: {value: '1\\r\\nx: y'}}}",
    ];
    let mut seen = String::new();
    for case in on_request {
        let failure = failure(&format!("function handler(event) {{ return {case}; }}"));
        assert_eq!(failure.kind, FailureKind::FunctionValidation, "{case}");
        let _ = writeln!(seen, "{case}\n    {}", failure.detail);
    }
    let on_response = [
        "event.response.headers['Strict-Transport-Security'] = {value: 'max-age=1'}",
        "event.response.headers.via.value = 'changed'",
        "event.response.headers = {}",
        "event.response.headers.warning = {value: 'x'}",
        "event.response.cookies.a.attributes = 'Path=/\\r\\nx: y'",
        "event.response = {}",
        "event.response = {statusCode: 200}",
    ];
    for case in on_response {
        let failure = response_failure(&format!("function handler(event) {{ {case}; return event.response; }}"));
        assert_eq!(failure.kind, FailureKind::FunctionValidation, "{case}");
        let _ = writeln!(seen, "{case}\n    {} | {:?}", failure.detail, failure.sentence);
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn errors_of_the_program_are_execution_errors_in_cloudfronts_words() {
    let cases = [
        "throw new Error('boom')",
        "throw 'text'",
        "throw {a: 1}",
        "event.request.headers.nope.value",
        "event.request.headers.nope.value = 'x'",
        "foo",
        "null.x",
        "event.request.nope()",
        "var nope; nope()",
        "var o = {a: {}}; o.a.b(1)",
        "event.request.headers.nope['value']",
        "const c = 1; c = 2",
        "decodeURIComponent('%')",
        "JSON.parse('{')",
        "eval('1')",
        "new Function('return 1')",
        "Object.freeze(event.request).uri = '/x'",
        "return",
        "return null",
        "return 'x'",
        "return event",
        "return {}",
        "return new Promise(function () {})",
        "return Promise.reject(new TypeError('later'))",
        "require('fs')",
        "new ArrayBuffer(1e9)",
    ];
    let mut seen = String::new();
    for case in cases {
        let failure = failure(&format!("function handler(event) {{ {case}; return event.request; }}"));
        assert_eq!(failure.kind, FailureKind::FunctionExecution, "{case}");
        assert_eq!(failure.sentence, None);
        let _ = writeln!(seen, "{case}\n    {}", failure.detail.trim_start_matches("function \"test\": "));
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn asynchronous_errors_keep_their_text_and_line() {
    let code = "async function handler(event) {\n  const none = undefined;\n  return none.x.y;\n}";
    insta::assert_snapshot!(failure(code).detail);
    let code = "async function handler(event) {\n  await f(event);\n}\nasync function f(event) {\n  event.nope();\n}";
    insta::assert_snapshot!(failure(code).detail);
}

#[test]
fn time_stands_still_and_random_numbers_start_anew() {
    let code = "var r = Math.random(); function handler(event) { var a = Date.now(); for (var i = 0; i < 1e5; i++); \
                console.log([a, Date.now() - a, new Date().toISOString(), new Date(2020, 0, 1).getTimezoneOffset(), r, Math.random()].join(' ')); \
                return event.request; }";
    let mut function = Function::new(code);
    let first = function.call(&request("/", &[]), None).logs;
    assert!(first[0].starts_with("1700000000000 0 2023-11-14T22:13:20.000Z 0 0."), "{first:?}");
    assert_eq!(function.call(&request("/", &[]), None).logs, first);
}

#[test]
fn asynchronous_handlers_are_awaited_and_read_the_store() {
    let code = "import cf from 'cloudfront';\nconst kvs = cf.kvs('a1b2');\n\
        async function handler(event) {\n  const text = await kvs.get('key');\n  const json = await kvs.get('json', {format: 'json'});\n  \
        const bytes = await kvs.get('accent', {format: 'bytes'});\n  const meta = await kvs.meta();\n  let missing;\n  \
        try { await kvs.get('nope'); } catch (error) { missing = error.name + ': ' + error.message; }\n  \
        const seen = [text, json, bytes.length, await kvs.exists('key'), await kvs.exists('x'), meta, await kvs.count(), missing];\n  \
        console.log(JSON.stringify(seen));\n  \
        return event.request;\n}";
    let mut function = Function::with(code, FunctionRuntime::CloudfrontJs2_0, Some(store()));
    let result = function.call(&request("/", &[]), None);
    assert_eq!(result.outcome, Outcome::Request(Verdict::Continue(RequestEdit::default())));
    insta::assert_snapshot!(result.logs[0]);
    let none =
        "import cf from 'cloudfront'; async function handler(event) { await cf.kvs().get('a'); return event.request; }";
    insta::assert_snapshot!(failure(none).detail);
}

#[test]
fn a_newer_store_is_seen_by_the_next_call() {
    let code = "import cf from 'cloudfront'; async function handler(event) { \
                event.request.uri = '/' + await cf.kvs().get('key'); return event.request; }";
    let mut function = Function::with(code, FunctionRuntime::CloudfrontJs2_0, Some(store()));
    let uri = |function: &mut Function| match function.on_request(&request("/", &[])) {
        Verdict::Continue(edit) => edit.uri.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(uri(&mut function), "/value");
    let newer = Snapshot::new(About::default(), [("key", "newer")]).unwrap();
    function.engine.replace_store(function.id, Arc::new(newer));
    assert_eq!(uri(&mut function), "/newer");
}

#[test]
fn sections_look_like_ordinary_properties() {
    let request = request("/?a=b", &[("Host", "x"), ("Cookie", "c=d")]);
    let code = |body: &str| {
        format!("function handler(event) {{ var r = event.request; console.log(JSON.stringify({body})); return r; }}")
    };
    let printed = |body: &str| Function::new(&code(body)).call(&request, None).logs[0].clone();
    insta::assert_snapshot!(printed("Object.keys(r)"));
    insta::assert_snapshot!(printed("'headers' in r && r.hasOwnProperty('cookies')"));
    insta::assert_snapshot!(printed("Object.getOwnPropertyDescriptor(r, 'cookies')"));
    insta::assert_snapshot!(printed("Object.assign({}, r)"));
    insta::assert_snapshot!(printed("(delete r.cookies, 'cookies' in r)"));
    insta::assert_snapshot!(printed("(Object.freeze(r), Object.isFrozen(r) && r.headers === r.headers)"));
    insta::assert_snapshot!(printed("Object.create(r).headers === r.headers"));
    insta::assert_snapshot!(printed(
        "(function () { var o = Object.create(r); o.headers = 1; return [o.headers, r.headers]; })()"
    ));
    insta::assert_snapshot!(printed("(r.headers = {}, r.headers)"));
}

#[test]
fn bytes_that_are_not_utf8_are_shown_as_latin1_and_kept_when_unchanged() {
    let mut given = request("/", &[]);
    given.uri = Bytes::from_static(b"/caf\xe9");
    given.querystring = Some(Bytes::from_static(b"a=\xff&b=1"));
    given.headers.push(b"X-Raw", b"\xe9\xff");
    given.headers.push(b"X-Raw", b"two");
    let code = "function handler(event) { var r = event.request; console.log(r.uri + r.headers['x-raw'].value + r.querystring.a.value); \
                r.querystring.b.value = '2'; r.headers['x-raw'].multiValue[1].value = 'new'; return r; }";
    let mut function = Function::new(code);
    let result = function.call(&given, None);
    assert_eq!(result.logs, ["/caféé\u{ff}\u{ff}"]);
    let Outcome::Request(Verdict::Continue(edit)) = result.outcome else { panic!("{:?}", result.outcome) };
    assert_eq!(edit.uri, None);
    assert_eq!(edit.querystring, Some(Bytes::from_static(b"a=\xff&b=2")));
    assert_eq!(edit.headers[0].values, [Bytes::from_static(b"\xe9\xff"), Bytes::from_static(b"new")]);
}

#[test]
fn cookies_are_joined_again_when_one_changes() {
    let request = request("/", &[("Cookie", "a=1; b=2"), ("Cookie", "a=3; bare")]);
    let code = "function handler(event) { event.request.cookies.b.value = 'x'; return event.request; }";
    let expected = HeaderEdit { name: "Cookie".to_owned(), values: vec!["a=1; a=3; b=x; bare".into()] };
    assert_eq!(edit(code, &request).headers, [expected]);
    let code = "function handler(event) { event.request.cookies = {}; return event.request; }";
    assert_eq!(edit(code, &request).headers, [HeaderEdit { name: "Cookie".to_owned(), values: vec![] }]);
}

#[test]
fn console_log_prints_as_cloudfronts_engine_does() {
    let code = "function handler(event) { console.log('a', 1, {a: 'b', c: [1, 'x', null]}, undefined); \
                console.log(new TypeError('t')); console.log(function f() {}); var a = {}; a.a = a; console.log(a); return event.request; }";
    insta::assert_debug_snapshot!(Function::new(code).call(&request("/", &[]), None).logs);
}

/// What `console.log` prints of each expression.
fn printed(runtime: FunctionRuntime, expressions: &[&str]) -> Vec<String> {
    let print =
        |expression: &&str| format!("try {{ console.log({expression}); }} catch (e) {{ console.log('throws', e); }}\n");
    let prints: String = expressions.iter().map(print).collect();
    let code = format!("function handler(event) {{ var request = event.request;\n{prints}return request; }}");
    let mut function = Function::with(&code, runtime, None);
    let asked = request("/?a=1&a=2", &[("Host", "example.com"), ("Cookie", "b=3")]);
    function.call(&asked, None).logs
}

/// CloudFront's engine has neither: they print in its style.
#[test]
fn maps_and_sets_print_what_they_hold_in_relaxed_fidelity() {
    let code = "function handler(event) { console.log(new Map([['a', 1], [{b: 2}, [3]]]), new Set(['x', -0, undefined])); \
                console.log(new Map(), new Set(), {s: new Set([new Set([1])])}); \
                var own = new Map(); own.set(own, new Set([own])); console.log(own); \
                var m = new Map([[1, 2]]); m.forEach = m.entries = function () { throw 'asked'; }; console.log(m); \
                console.log(new Set(Array.from({length: 20000}, function (_, i) { return i; }))); return event.request; }";
    let logs = Function::relaxed(code).call(&request("/", &[]), None).logs;
    insta::assert_snapshot!(logs[..4].join("\n"), @r"
    Map {'a' => 1,{b:2} => [3]} Set {'x',0,undefined}
    Map {} Set {} {s:Set {Set {1}}}
    Map {[Circular] => Set {[Circular]}}
    Map {1 => 2}
    ");
    let long = logs[4].len();
    assert!(logs[4].starts_with("Set {0,1,2,") && long <= FUNCTION_LOG_BYTES_MAX, "{long} bytes");
}

/// Each as njs 0.7.9 prints it.
#[test]
fn values_of_every_kind_print_as_cloudfronts_engine_prints_them() {
    let expressions = [
        ("{a: Buffer.from('abc')}", "{a:Buffer [97,98,99]}"),
        ("Buffer.alloc(0)", "Buffer []"),
        ("new Uint8Array([1, 2])", "Uint8Array [1,2]"),
        ("[new Float64Array([1.5, -0, NaN])]", "[Float64Array [1.5,0,NaN]]"),
        ("new ArrayBuffer(4)", "ArrayBuffer {}"),
        ("new DataView(new ArrayBuffer(4))", "DataView {}"),
        ("[/a\\/b/gi, new RegExp('')]", "[/a\\/b/gi,/(?:)/]"),
        ("{d: new Date(0)}", "{d:1970-01-01T00:00:00.000Z}"),
        ("new Date(NaN)", "Invalid Date"),
        ("[Promise.resolve(1)]", "[Promise {}]"),
        ("[new TypeError('x'), new Error()]", "[TypeError: x,Error]"),
        ("[Symbol('a'), Symbol()]", "[Symbol(a),Symbol()]"),
        ("Symbol('a')", "Symbol(a)"),
        ("{[Symbol('k')]: 1}", "{Symbol(k):1}"),
        ("-0", "-0"),
        ("[-0, 0, 1e21, NaN, Infinity, undefined, null, true]", "[-0,0,1e+21,NaN,Infinity,undefined,null,true]"),
        (
            "[new String('a\\nb'), new Number(1), new Number(-0), new Boolean(true)]",
            "[[String: 'a\\nb'],[Number: 1],[Number: -0],[Boolean: true]]",
        ),
        ("Object(Symbol('x'))", "[Symbol: Symbol(x)]"),
        (
            "[function () {}, function foo() {}, () => 1, Math.max]",
            "[[Function],[Function: foo],[Function],[Function: max]]",
        ),
        ("{a: {}, b: [], f() {}}", "{a:{},b:[],f:[Function: f]}"),
        ("[1, , 3]", "[1,<empty>,3]"),
        ("(() => { var a = [1, 2]; a.length = 4; a.x = 5; return a; })()", "[1,2,<2 empty items>,x:5]"),
        ("(() => { var a = []; a[4000000000] = 1; return a; })()", "[<4000000000 empty items>,1]"),
        ("{get a() { throw 1; }, set b(x) {}}", "{a:'[Getter]',b:'[Setter]'}"),
        ("Object.defineProperty({}, 'x', {value: 1})", "{}"),
        ("['it\\'s', 'a\"b', 'a\\\\b', '\\u0001\\t']", "['it's','a\"b','a\\\\b','\\u0001\\t']"),
        ("'a\\\\b'", "a\\b"),
        ("{'a-b': 1, 3: 2}", "{3:2,a-b:1}"),
        (
            "(() => { var a = {x: 1}; a.self = [a]; return {p: a, q: a}; })()",
            "{p:{x:1,self:[[Circular]]},q:{x:1,self:[[Circular]]}}",
        ),
        (
            "(() => { var a = []; for (var i = 0; i < 31; i++) { a = [a]; } return a; })()",
            "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        ),
        (
            "(() => { var a = {}, b = a; for (var i = 0; i < 100; i++) { b = b.a = {}; } return a; })()",
            "throws TypeError: Nested too deep or a cyclic structure",
        ),
        ("Math", "Math {}"),
        ("[JSON]", "[JSON {}]"),
        ("request.querystring", "{a:{value:'1',multiValue:[{value:'1'},{value:'2'}]}}"),
        ("request.cookies", "{b:{value:'3'}}"),
        ("{r: request}.r.headers", "{host:{value:'example.com'}}"),
    ];
    let asked: Vec<_> = expressions.iter().map(|(expression, _)| *expression).collect();
    let said = printed(FunctionRuntime::CloudfrontJs2_0, &asked);
    for ((expression, expected), said) in expressions.iter().zip(&said) {
        assert_eq!(said, expected, "{expression}");
    }
    assert_eq!(said.len(), expressions.len());
    let old = ["[/a/g, new Date(0), -0]", "new Uint8Array(2)", "Promise.resolve(1)", "request.headers"];
    let expected =
        ["[/a/g,1970-01-01T00:00:00.000Z,-0]", "Uint8Array [0,0]", "Promise {}", "{host:{value:'example.com'}}"];
    assert_eq!(printed(FunctionRuntime::CloudfrontJs1_0, &old), expected);
}

/// Regression: what is printed of a huge value stops at what a log can hold.
#[test]
fn what_is_printed_of_a_huge_value_is_bounded() {
    let huge = ["new Uint8Array(500000)", "'x'.repeat(100000).split('')", "{a: ['x'.repeat(100000), 'y']}"];
    for value in huge {
        let bytes = printed(FunctionRuntime::CloudfrontJs2_0, &[value])[0].len();
        assert!(bytes > 10_000 && bytes <= homefront_config::limits::FUNCTION_LOG_BYTES_MAX, "{value}: {bytes}");
    }
}

#[test]
fn logs_are_cut_at_their_bound() {
    let code = "function handler(event) { for (var i = 0; i < 30000; i++) console.log(i % 2 ? '' : 'xé'.repeat(100)); return event.request; }";
    let logs = Function::new(code).call(&request("/", &[]), None).logs;
    let bytes: usize = logs.iter().map(String::len).sum();
    assert!(bytes <= homefront_config::limits::FUNCTION_LOG_BYTES_MAX && bytes > 9_000, "{bytes}");
    assert!(logs.len() < 10_240);
}

/// Regression: an inline cache that had seen a section being built took a section that was there already for its getter.
#[test]
fn sections_can_be_read_in_any_order_by_any_call() {
    let mut function = Function::new(
        "function handler(event) {
            var request = event.request;
            if (request.headers.early) { request.querystring.a; }
            for (var i = 0; i < 3; i++) { delete request.querystring.jwt; request.cookies.x; }
            if (request.headers.assign) { request.headers = { 'x-set': { value: '1' } }; }
            request.headers['x-seen'] = { value: JSON.stringify(Object.keys(request)) };
            return request;
        }",
    );
    let calls: [&[(&str, &str)]; 5] = [&[], &[], &[("Early", "1")], &[("Assign", "1")], &[("Early", "1")]];
    for headers in calls {
        let Verdict::Continue(edit) = function.on_request(&request("/?a=1&jwt=2", headers)) else {
            panic!("{headers:?}");
        };
        assert_eq!(edit.querystring.as_deref(), Some(&b"a=1"[..]), "{headers:?}");
    }
}

#[test]
fn a_function_that_was_proven_elsewhere_behaves_the_same_here() {
    let codes = [
        ("function handler(event) { event.request.uri += '/x'; return event.request; }", false),
        (
            "import crypto from 'crypto';\nfunction handler(event) { try { null.a; } catch (error) { \
          event.request.uri += crypto.createHash('md5').update(error.message).digest('hex'); } return event.request; }",
            false,
        ),
        (
            "String.prototype.twice = function () { return this + this; };\n\
          function handler(event) { event.request.uri = event.request.uri.twice(); return event.request; }",
            true,
        ),
    ];
    for (code, modifies_built_ins) in codes {
        let source = || FunctionSource {
            name: "test".to_owned(),
            runtime: FunctionRuntime::CloudfrontJs2_0,
            fidelity: Fidelity::Strict,
            code: code.to_owned(),
            store: None,
        };
        let mut engine = Engine::new();
        let judged = engine.load(source()).unwrap();
        let proof = engine.proof(judged);
        assert_eq!(proof.modifies_built_ins, modifies_built_ins, "{code}");
        let proven = engine.load_proven(source(), proof.clone()).unwrap();
        assert_eq!(engine.proof(proven), proof);
        for _ in 0..3 {
            let outcome = |id, engine: Engine| {
                let mut function = Function { engine, id };
                (function.call(&request("/a", &[]), None).outcome, function.engine)
            };
            let (first, back) = outcome(judged, engine);
            let (second, back) = outcome(proven, back);
            assert!(matches!(first, Outcome::Request(Verdict::Continue(_))), "{first:?}");
            assert_eq!(first, second);
            engine = back;
        }
    }
}
