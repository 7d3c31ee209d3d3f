//! Errors in the words of CloudFront's engine (§0.2, §4.4, §4.5, §4.6, §8 of the specification): what the log says, and what a
//! program sees that catches them.

use super::*;

/// A statement, and the error it ends in.
const TEXTS: &[(&str, &str)] = &[
    ("var u; u.x", r#"TypeError: cannot get property "x" of undefined"#),
    ("var u; u.x = 1", "TypeError: property set on primitive undefined type"),
    ("var u; u[0]", r#"TypeError: cannot get property "0" of undefined"#),
    ("var u; u['a-b']", r#"TypeError: cannot get property "a-b" of undefined"#),
    ("var u, k = 'key'; u[k] = 1", "TypeError: property set on primitive undefined type"),
    ("var o = {}; o.a()", r#"TypeError: (intermediate value)["a"] is not a function"#),
    ("var o = {a: {}}; o.a.b()", r#"TypeError: (intermediate value)["b"] is not a function"#),
    ("var o = {a: {}}; o.a['b']()", r#"TypeError: (intermediate value)["b"] is not a function"#),
    ("var o = {}; o.a.b()", r#"TypeError: cannot get property "b" of undefined"#),
    ("var o = {}; o.a.b.c()", r#"TypeError: cannot get property "b" of undefined"#),
    ("foo", r#"ReferenceError: "foo" is not defined"#),
    ("foo()", r#"ReferenceError: "foo" is not defined"#),
    ("foo = 1", r#"ReferenceError: "foo" is not defined"#),
    ("'abc'.foo()", r#"TypeError: (intermediate value)["foo"] is not a function"#),
    ("(5).foo()", r#"TypeError: (intermediate value)["foo"] is not a function"#),
    ("new ({}.a)", r#"TypeError: (intermediate value)["a"] is not a function"#),
    ("new ({}).a()", r#"TypeError: (intermediate value)["a"] is not a function"#),
    ("const c = 1; c = 2", "TypeError: assignment to constant variable"),
    ("const c = 1; c++", "TypeError: assignment to constant variable"),
    ("decodeURIComponent('%')", "URIError: malformed URI"),
    ("decodeURI('%ff')", "URIError: malformed URI"),
    ("JSON.parse('{')", "SyntaxError: Unexpected end of input at position 1"),
    ("JSON.parse('')", "SyntaxError: Unexpected end of input at position 0"),
    ("JSON.parse('{a:1}')", "SyntaxError: Unexpected token at position 1"),
    ("JSON.parse('[1,]')", "SyntaxError: Trailing comma at position 2"),
    (r#"JSON.parse('{"a":1,}')"#, "SyntaxError: Trailing comma at position 6"),
    (r#"JSON.parse('{"a" 1}')"#, "SyntaxError: Unexpected token at position 5"),
    ("JSON.parse('nul')", "SyntaxError: Unexpected token at position 0"),
    ("JSON.parse('1 2')", "SyntaxError: Unexpected token at position 2"),
    (r#"JSON.parse('"a')"#, "SyntaxError: Unexpected end of input at position 2"),
    (r#"JSON.parse('"\\x"')"#, "SyntaxError: Unknown escape char at position 2"),
    (r#"JSON.parse('"\\u12"')"#, "SyntaxError: Invalid Unicode escape sequence at position 5"),
    ("JSON.parse(undefined)", "SyntaxError: Unexpected token at position 0"),
    (r#"JSON.parse('"a\nb"')"#, "SyntaxError: Forbidden source char at position 2"),
    ("var a = {}; a.a = a; JSON.stringify(a)", "TypeError: Nested too deep or a cyclic structure"),
    ("var o = Object.freeze({a: 1}); o.a = 2", r#"TypeError: Cannot assign to read-only property "a" of object"#),
    ("var o = Object.freeze({a: 1}); delete o.a", r#"TypeError: Cannot delete property "a" of object"#),
    ("var o = Object.seal({a: 1}); delete o.a", r#"TypeError: Cannot delete property "a" of object"#),
    ("Object.defineProperty(Object.freeze({a: 1}), 'a', {value: 2})", r#"TypeError: Cannot redefine property: "a""#),
    ("1 in 'a'", r#"TypeError: property "in" on primitive string type"#),
    ("'x' in undefined", r#"TypeError: property "in" on primitive undefined type"#),
    ("({}) instanceof 5", "TypeError: right argument is not callable"),
    ("({}) instanceof ({})", "TypeError: right argument is not callable"),
    ("[].reduce(function () {})", "TypeError: Reduce of empty object with no initial value"),
    ("new Array(-1)", "RangeError: Invalid array length"),
    ("[].length = -1", "RangeError: Invalid array length"),
    ("(1).toFixed(101)", "RangeError: digits argument must be between 0 and 100"),
    ("(1).toPrecision(0)", "RangeError: precision argument must be between 1 and 100"),
    ("(1).toExponential(101)", "RangeError: digits argument must be between 0 and 100"),
    ("new Date(NaN).toISOString()", "RangeError: Invalid time value"),
    ("Object.defineProperty(1, 'a', {})", "TypeError: Object.defineProperty is called on non-object"),
    ("Object.create(1)", "TypeError: prototype may only be an object or null: number"),
    ("Object.setPrototypeOf({}, 1)", "TypeError: prototype may only be an object or null: number"),
    ("Object.assign(null)", "TypeError: cannot convert null or undefined to object"),
    ("Symbol() + ''", "TypeError: Cannot convert a Symbol value to a string"),
    ("[].map(1)", "TypeError: callback argument is not callable"),
    ("[].forEach()", "TypeError: callback argument is not callable"),
    ("[1].sort(1)", "TypeError: comparefn must be callable or undefined"),
    ("[].find()", "TypeError: callback argument is not callable"),
    ("require('fs')", r#"Error: Cannot find module "fs""#),
    ("delete undefined.x", r#"TypeError: cannot get property "x" of undefined"#),
    ("new Uint8Array(-1)", "RangeError: invalid index"),
    ("new Promise()", "TypeError: unexpected arguments"),
    ("Promise.resolve.call(1)", "TypeError: this value is not an object"),
    ("undefined = 1", r#"TypeError: Cannot assign to read-only property "undefined" of object"#),
    ("Array.prototype.map.call(undefined, function () {})", "TypeError: cannot convert null or undefined to object"),
    (
        "Function.prototype.apply.call(function () {}, null, 1)",
        "TypeError: second argument is not an array-like object",
    ),
    ("(function () {}).apply(null, 1)", "TypeError: second argument is not an array-like object"),
    ("Date.prototype.getTime.call({})", "TypeError: cannot convert object to date"),
    ("RegExp.prototype.exec.call({})", r#"TypeError: "this" argument is not a regexp"#),
    ("new ArrayBuffer(-1)", "RangeError: invalid index"),
    ("new DataView({})", "TypeError: buffer is not an ArrayBuffer"),
    (
        "(function () { arguments.callee; })()",
        r#"TypeError: "caller", "callee", "arguments" properties may not be accessed"#,
    ),
    ("'a'.normalize('x')", r#"TypeError: (intermediate value)["normalize"] is not a function"#),
    ("require('crypto').createHash('sha512')", r#"TypeError: not supported algorithm: "sha512""#),
    ("require('crypto').createHash()", "TypeError: algorithm must be a string"),
    ("require('crypto').createHmac('sha512', 'a')", r#"TypeError: not supported algorithm: "sha512""#),
    (
        "require('crypto').createHmac('sha256')",
        r#"TypeError: key argument "undefined" is not a string or Buffer-like object"#,
    ),
    ("require('crypto').createHash('md5').digest('latin1')", r#"TypeError: Unknown digest encoding: "latin1""#),
    ("var h = require('crypto').createHash('md5'); h.digest(); h.digest()", "Error: Digest already called"),
    ("var h = require('crypto').createHash('md5'); h.digest(); h.update('a')", "Error: Digest already called"),
    (
        "require('crypto').createHash('md5').update(1)",
        r#"TypeError: data argument "number" is not a string or Buffer-like object"#,
    ),
    (
        "require('crypto').createHash('md5').update()",
        r#"TypeError: data argument "undefined" is not a string or Buffer-like object"#,
    ),
    ("Buffer.from('a', 'latin1')", r#"TypeError: "latin1" encoding is not supported"#),
    ("Buffer.from(1)", "TypeError: first argument number is not a string or Buffer-like object"),
    ("Buffer.alloc('x')", r#"TypeError: "size" argument must be of type number"#),
    ("Buffer.alloc(-1)", "RangeError: invalid size"),
    ("Buffer.from('abc').readInt8(3)", "RangeError: index 3 is outside the bound of the buffer"),
    ("Buffer.from('abc').readInt32LE(0)", "RangeError: index 0 is outside the bound of the buffer"),
    ("Buffer.from('abc').readIntLE(0, 7)", r#"TypeError: "byteLength" must be <= 6"#),
    ("Buffer.from('abc').swap16()", "RangeError: Buffer size must be a multiple of 16-bits"),
    ("Buffer.concat(1)", r#"TypeError: "list" argument must be an instance of Array"#),
    ("Buffer.compare(1)", r#"TypeError: "source" argument must be an instance of Buffer or Uint8Array"#),
    ("new TextDecoder('latin1')", r#"RangeError: The "latin1" encoding is not supported"#),
    (
        "new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([255]))",
        "TypeError: The encoded data was not valid",
    ),
    (r"btoa('\u20ac')", "TypeError: invalid character (>= U+00FF)"),
    ("atob('a')", "TypeError: the string to be decoded is not correctly encoded"),
    (
        "new TextEncoder().encodeInto('a', 1)",
        r#"TypeError: The "destination" argument must be an instance of Uint8Array"#,
    ),
];

/// Name and message of what a statement throws, as a program sees them.
fn caught(statement: &str) -> String {
    let code = format!(
        "function handler(event) {{ try {{ {statement}; }} catch (error) {{ \
         console.log(error.name + ': ' + error.message); }} return event.request; }}"
    );
    Function::new(&code).call(&request("/", &[]), None).logs.join("\n")
}

/// The failure of a handler with this body, without the name of the function.
fn detail(body: &str) -> String {
    let failure = failure(&format!("function handler(event) {{ {body}; return event.request; }}"));
    assert_eq!((failure.kind, &failure.sentence), (FailureKind::FunctionExecution, &None), "{body}");
    failure.detail.trim_start_matches("function \"test\": ").to_owned()
}

#[test]
fn the_log_says_what_cloudfronts_engine_says() {
    for (statement, error) in TEXTS {
        let detail = detail(statement);
        assert_eq!(detail.trim_end_matches(" (line 1)"), *error, "{statement}");
    }
}

#[test]
fn a_program_that_a_promise_hands_an_error_sees_the_same_text() {
    for promise in ["Promise.resolve().then(f).catch(tell)", "f2().then(null, tell)", "f2().finally(f3).catch(tell)"] {
        let code = format!(
            "function f() {{ undeclared(); }} async function f2() {{ f(); }} function f3() {{}} function tell(error) {{ console.log(error.message); }}
             async function handler(event) {{ await {promise}; return event.request; }}"
        );
        let logs = Function::new(&code).call(&request("/", &[]), None).logs;
        assert_eq!(logs, ["\"undeclared\" is not defined"], "{promise}");
    }
}

#[test]
fn a_program_that_catches_an_error_sees_the_same_text() {
    for (statement, error) in TEXTS {
        // The engine cannot let a program catch this one.
        if error.contains("call stack") {
            assert_eq!(caught(statement), "");
            continue;
        }
        assert_eq!(caught(statement), *error, "{statement}");
    }
}

#[test]
fn a_caught_error_that_is_thrown_again_keeps_its_text_and_what_is_no_error_stays_as_it_is() {
    let code = "async function handler(event) {\n  try {\n    await f(event);\n  } catch (error) {\n    throw error;\n  }\n}\n\
                async function f(event) {\n  return event.request.headers.nope.value;\n}";
    assert!(
        failure(code).detail.contains("TypeError: cannot get property \"value\" of undefined"),
        "{}",
        failure(code).detail
    );
    assert_eq!(detail("try { throw 'not a callable function' } catch (e) { throw e }"), "not a callable function");
    assert_eq!(detail("try { throw {message: 'x is not defined'} } catch (e) { throw e }"), "x is not defined");
    assert_eq!(
        detail("try { throw new Error('user is not defined') } catch (e) { throw e }"),
        "Error: user is not defined (line 1)"
    );
}

#[test]
fn the_line_is_that_of_the_operation_that_failed() {
    let lines = |code: &str| {
        let code = format!(
            "function handler(event) {{\n  var u, o = {{a: {{}}}}, k = 'key';\n{code}\n  return event.request;\n}}"
        );
        failure(&code).detail.trim_start_matches("function \"test\": ").to_owned()
    };
    for (code, expected) in [
        ("  u.split(',');", "TypeError: cannot get property \"split\" of undefined (line 3)"),
        ("  var n = [];\n  n.push(u\n    .b.c());", "TypeError: cannot get property \"b\" of undefined (line 5)"),
        ("  o.a.b.c\n    .d('x', {y: 1});", "TypeError: cannot get property \"c\" of undefined (line 3)"),
        (
            "  JSON.stringify(o);\n  console.log(u.toString());",
            "TypeError: cannot get property \"toString\" of undefined (line 4)",
        ),
        (
            "  [1].forEach(function () {\n    o.b.x = 1;\n  });",
            "TypeError: property set on primitive undefined type (line 4)",
        ),
        ("  o.a.\n    b.\n    c();", "TypeError: cannot get property \"c\" of undefined (line 5)"),
        ("  new o.a.B();", "TypeError: (intermediate value)[\"B\"] is not a function (line 3)"),
        // Either could be meant, and a wrong name would mislead.
        ("  u.a(o.b.c());\n  u.b();", "TypeError: cannot get property of undefined"),
        ("  u.a(); u.b();", "TypeError: cannot get property of undefined (line 3)"),
    ] {
        assert_eq!(lines(code), expected, "{code}");
    }
}

#[test]
fn errors_of_our_own_javascript_are_at_the_line_that_called_it() {
    let code = "function handler(event) {\n  new TextDecoder('latin1');\n}";
    assert!(failure(code).detail.ends_with("RangeError: The \"latin1\" encoding is not supported (line 2)"));
}

#[test]
fn an_error_of_an_unknown_name_is_at_its_line() {
    let code = "function handler(event) {\n  var a = 1;\n  if (a) {\n    return nope(a);\n  }\n}";
    assert!(failure(code).detail.ends_with("ReferenceError: \"nope\" is not defined (line 4)"));
}

#[test]
fn syntax_errors_are_those_of_the_field() {
    let error = |line: &str| {
        let code = format!("{}{line}\nfunction handler(event) {{ return event.request; }}", "\n".repeat(9));
        let source = FunctionSource {
            name: "test".to_owned(),
            runtime: FunctionRuntime::CloudfrontJs2_0,
            fidelity: Fidelity::Strict,
            code,
            store: None,
        };
        let event = br#"{"version":"1.0","context":{"eventType":"viewer-request"},"viewer":{"ip":"1.2.3.4"},
            "request":{"method":"GET","uri":"/","querystring":{},"headers":{},"cookies":{}}}"#;
        crate::test_function::test_function(source, event, 0).unwrap().error_message
    };
    let could_not_run = "The CloudFront function associated with the CloudFront distribution is invalid or could not run. SyntaxError: ";
    for (line, expected) in [
        ("var f = ([k,v]) => k;", "Unexpected token \"=>\" in 10"),
        ("var f = function([k,v]) {};", "Token \"[\" not supported in this version in 10"),
        ("async function f(kvs) { return parseFloat(await kvs.get('k')); }", "await in arguments not supported in 10"),
        ("var a = ;", "Unexpected token \";\" in 10"),
    ] {
        assert_eq!(error(line), format!("{could_not_run}{expected}"), "{line}");
    }
}
