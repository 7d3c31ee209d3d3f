//! Programs that want to hurt: each must end in an error of its own, in this process.

use super::*;

/// The error of a program, run on a worker's stack.
fn fault(body: &'static str) -> String {
    fault_on_stack(1 << 30, body)
}

fn fault_on_stack(stack_bytes: usize, body: &'static str) -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    on_stack(stack_bytes, move || {
        let failure = failure(&format!("function handler(event) {{ {body}; return event.request; }}"));
        assert_eq!(failure.kind, FailureKind::FunctionExecution, "{body}");
        let text = failure.detail.trim_start_matches("function \"test\": ").trim_end_matches(" (line 1)");
        sender.send(text.to_owned()).unwrap();
    });
    receiver.recv().unwrap()
}

#[test]
fn endless_recursion_ends() {
    for body in [
        "function f() { return f() + 1; } f()",
        "var o = {get a() { return this.a; }}; o.a",
        "function f() { return [1].map(f); } f()",
        "function f() { [2, 1].sort(f); } f()",
        "var o = {toJSON: function () { return JSON.stringify(o); }}; JSON.stringify(o)",
        "var e = Object.defineProperty(new Error(), 'message', {get: function () { console.log(e); return ''; }}); console.log(e)",
        "function f() { return 'a'.replace(/a/, f); } f()",
        "function f() { return 'a'.replace(/a/g, f); } f()",
        "function f() { return 'a'.replaceAll('a', f); } f()",
        "function f() { [1].forEach(f); } f()",
        "function f() { return [1].filter(f); } f()",
        "function f() { return [1].find(f) || [1].findIndex(f); } f()",
        "function f() { return [1].every(f) || [1].some(f); } f()",
        "function f() { return [1, 2].reduce(f); } f()",
        "function f() { return [1, 2].reduceRight(f); } f()",
        "function f() { return new Uint8Array(1).map(f); } f()",
        "function f() { return new Uint8Array(2).sort(f); } f()",
        "function f() { return f.call(); } f()",
        "function f() { return f.apply(null, arguments); } f(1)",
        "function f() { return f.bind()(); } f()",
        "function f() { return new f(); } f()",
        "function f() { return f`a`; } f()",
        "var o = {get a() { return this.b; }, get b() { return this.a; }}; o.a",
        "var o = {set a(v) { this.a = v; }}; o.a = 1",
        "var o = Object.defineProperty({}, 'a', {get: function () { return Object.keys(o).concat(o.a); }}); o.a",
        "function f() { return JSON.parse('[1]', f); } f()",
        "function f() { return JSON.stringify([1], f); } f()",
        "function f() { return require('querystring').parse('a=b', '&', '=', {decodeURIComponent: f}); } f()",
        "function f() { return require('querystring').stringify({a: 'b'}, '&', '=', {encodeURIComponent: f}); } f()",
        "var p = {toString: function () { return '' + p; }}; '' + p",
        "var p = {toString: function () { return `${p}`; }}; `${p}`",
        "var r = {valueOf: function () { return +r; }}; +r",
        "var o = {toString: String.prototype.trim}; '' + o",
        "var o = {toString: function () { return [o].join(); }}; [o].join()",
        "var o = {valueOf: function () { return Buffer.from(o); }}; Buffer.from(o)",
        "var o = {valueOf: function () { return {valueOf: o.valueOf}; }}; Buffer.from(o)",
    ] {
        // On the stack of an ordinary thread too, as with `isolation = "inline"`.
        for stack_bytes in [2 << 20, 1 << 30] {
            assert_eq!(fault_on_stack(stack_bytes, body), "RangeError: Maximum call stack size exceeded", "{body}");
        }
    }
}

#[test]
fn a_conversion_within_one_of_the_same_object_is_a_conversion() {
    let code = "function handler(event) { var n = 0, p = {toString: function () { n++; return n < 3 ? '' + p : 'end'; }}; \
                console.log('' + p); n = 0; console.log(`${p}`); n = 0; console.log(String([p])); \
                var list = [1]; list.push(list, 2); console.log('' + list); return event.request; }";
    assert_eq!(Function::new(code).call(&request("/", &[]), None).logs, ["end", "end", "end", "1,,2"]);
}

#[test]
fn objects_without_a_prototype_and_dates_are_empty_within_their_own_conversion() {
    let code = "function handler(event) { var p = Object.create(null), d = new Date(0); \
                p.toString = function () { return '[' + p + ']'; }; d.toString = function () { return '[' + d + ']'; }; \
                console.log(`${p}`); console.log(`${d}`); return event.request; }";
    assert_eq!(Function::new(code).call(&request("/", &[]), None).logs, ["[0]", "[]"]);
    let relaxed = "function handler(event) { var p = {toString: function () { return '[' + p + ']'; }}; \
                   console.log(`${p}`); return event.request; }";
    assert_eq!(Function::relaxed(relaxed).call(&request("/", &[]), None).logs, ["[0]"]);
}

#[test]
fn asynchronous_recursion_ends_in_the_same_words() {
    on_big_stack(|| {
        let code = "async function walk(n) { if (n === 0) return 0; return 1 + await walk(n - 1); }\n\
                    async function handler(event) { event.request.uri = '/' + (await walk(DEPTH)); return event.request; }";
        let deep = failure(&code.replace("DEPTH", "250")).detail;
        assert!(deep.contains("RangeError: Maximum call stack size exceeded"), "{deep}");
        assert_eq!(edit(&code.replace("DEPTH", "50"), &request("/", &[])).uri, Some("/50".into()));
    });
}

#[test]
fn limits_of_calls_and_of_loops_cannot_be_caught() {
    for (body, error) in [
        (
            "try { (function f() { f(); })(); } catch (error) { return event.request; }",
            "Maximum call stack size exceeded",
        ),
        (
            "try { for (;;) {} } catch (error) { return event.request; }",
            "a loop took more turns than a call has time for",
        ),
    ] {
        assert_eq!(fault(body), format!("RangeError: {error}"), "{body}");
    }
}

#[test]
fn endless_loops_end() {
    for body in
        ["while (true) {}", "for (;;) ;", "do {} while (1)", "try { while (true) {} } finally { console.log('x') }"]
    {
        assert_eq!(fault(body), "RangeError: a loop took more turns than a call has time for", "{body}");
    }
}

#[test]
fn a_loop_that_is_too_long_is_not_said_to_be_where_its_function_begins() {
    let detail = super::failure("function handler(event) {\n var a = 1;\n\n while (true) { a++; }\n}").detail;
    assert!(detail.ends_with("RangeError: a loop took more turns than a call has time for"), "{detail}");
}

#[test]
fn endless_promise_jobs_end() {
    let code = "function handler(event) { function f() { return Promise.resolve().then(f); } return f(); }";
    insta::assert_snapshot!(failure(code).detail);
}

#[test]
fn built_ins_refuse_to_make_something_huge() {
    for (body, error) in [
        ("'a'.repeat(1e9)", "RangeError: invalid string length"),
        ("'a'.padStart(1e9)", "RangeError: invalid string length"),
        ("'a'.padEnd(1e9, 'b')", "RangeError: invalid string length"),
        ("new Array(1e9).fill(0)", "RangeError: Invalid array length"),
        ("Array.prototype.fill.call({length: 1e9}, 0)", "RangeError: Invalid array length"),
        ("new Array(1e6).join('xxxxxxxx')", "RangeError: invalid string length"),
        ("new Array(1e9).concat([1])", "RangeError: Invalid array length"),
        ("var s = 'aaaaa'.repeat(2e5); [s, s].join('')", "RangeError: invalid string length"),
        ("var s = 'aaaaa'.repeat(2e5); s.concat(s)", "RangeError: invalid string length"),
        ("Buffer.alloc(1e9)", "RangeError: invalid size"),
    ] {
        assert_eq!(fault(body), error, "{body}");
    }
}

#[test]
fn deep_json_is_refused() {
    assert_eq!(fault("JSON.parse('['.repeat(100000))"), "SyntaxError: Nested too deep at position 32");
    assert_eq!(fault("JSON.parse('{\"a\":'.repeat(100000))"), "SyntaxError: Nested too deep at position 160");
}

#[test]
fn arrays_nested_deep_are_joined_or_refused() {
    let body = "var a = []; for (var i = 0; i < 100000; i++) a = [a]; a.join()";
    assert_eq!(fault(body), "RangeError: Maximum call stack size exceeded");
}

#[test]
fn an_error_at_a_limit_does_not_spoil_the_next_calls() {
    on_big_stack(|| {
        let code = "function deep(n) { return n === 0 ? 0 : 1 + deep(n - 1); }\n\
             function handler(event) {\n  var uri = event.request.uri;\n\
             if (uri === '/bad') { [1].map(function f() { return [1].map(f); }); }\n\
             if (uri === '/get') { var o = {get a() { return this.a; }}; o.a; }\n\
             if (uri === '/loop') { while (true) {} }\n\
             if (uri === '/throw') {\n nope(); }\n\
             event.request.uri = '/' + deep(150); return event.request; }";
        let mut function = Function::new(code);
        for round in 0..40 {
            for uri in ["/", "/bad", "/get", "/", "/loop", "/throw"] {
                if uri == "/loop" && round % 10 != 0 {
                    continue;
                }
                match function.on_request(&request(uri, &[])) {
                    Verdict::Continue(edit) => assert_eq!((uri, edit.uri), ("/", Some("/150".into())), "{round}"),
                    Verdict::Fail(failure) if uri == "/throw" => {
                        assert!(failure.detail.ends_with("\"nope\" is not defined (line 8)"), "{failure}");
                    }
                    other => assert!(uri != "/", "{round} {other:?}"),
                }
            }
        }
    });
}

#[test]
fn an_error_text_that_looks_like_a_place_is_only_a_text() {
    for place in ["0:0", "1:0", "0:1", "99999999999999999999:1", "4294967296:1", "1:99999", "?:?", ""] {
        let code = format!(
            "function handler(event) {{ throw new TypeError('not a callable function\\n    at f (unknown at :{place})'); }}"
        );
        let text = failure(&code).detail;
        assert!(text.contains("TypeError: not a callable function     at f"), "{text}");
    }
}

#[test]
fn a_query_of_thousands_of_names_is_read_in_time() {
    let names: Vec<String> = (0..2_000).map(|number| format!("k{number}")).collect();
    let given = request(&format!("/?{}", names.join("&")), &[]);
    let code =
        "function handler(event) { console.log(Object.keys(event.request.querystring).length); return event.request; }";
    let result = Function::new(code).call(&given, None);
    assert_eq!(result.logs, ["2000"]);
    assert_eq!(result.outcome, Outcome::Request(Verdict::Continue(RequestEdit::default())));
}

#[test]
fn an_error_is_one_bounded_line_of_the_log() {
    for body in [
        "throw 'é\\r\\n'.repeat(100000)",
        "event.request.uri = 'é\\n'.repeat(100000)",
        "throw new Error('x\\n'.repeat(9999))",
    ] {
        let detail = failure(&format!("function handler(event) {{ {body}; return event.request; }}")).detail;
        assert!(detail.len() < 2_200 && !detail.contains(char::is_control), "{} {body}", detail.len());
    }
}

/// Regression: each repetition counted as a turn of the loop that called it.
#[test]
fn repeating_a_text_is_no_turn_of_a_loop() {
    let code = "function handler(event) { var bytes = 0; for (var i = 0; i < 300; i++) { bytes += 'xé'.repeat(50000).length; } \
                console.log([bytes, 'ab'.repeat(2.9), '漢'.repeat(2), ''.repeat(1e9).length, 'a'.repeat(0), 'a'.repeat()].join()); \
                return event.request; }";
    assert_eq!(Function::new(code).call(&request("/", &[]), None).logs, ["30000000,abab,漢漢,0,,"]);
    for body in ["'a'.repeat(-1)", "'a'.repeat(Infinity)", "'a'.repeat(-Infinity)"] {
        assert_eq!(fault(body), "RangeError", "{body}");
    }
    assert_eq!(fault("String.prototype.repeat.call(null, 1)"), "TypeError: cannot convert null or undefined to object");
}
