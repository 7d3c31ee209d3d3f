//! §4.6 of the specification, row by row: what CloudFront's engines reject does not load in strict fidelity, with their error,
//! and runs in relaxed.

use super::*;
use FunctionRuntime::{CloudfrontJs1_0 as V1, CloudfrontJs2_0 as V2};

const HANDLER: &str = "\nfunction handler(event) { return event.request; }";

/// What loading says of a line that stands above a handler.
fn refused(line: &str, runtime: FunctionRuntime) -> Option<String> {
    let code = format!("{line}{HANDLER}");
    Function::load(&code, runtime, Fidelity::Strict, None).err().map(|error| error.message)
}

#[track_caller]
fn row(line: &str, in_2_0: Option<&str>, in_1_0: Option<&str>) {
    let error = |sentence: Option<&str>| {
        sentence.map(|sentence| {
            if sentence.contains("Error: ") { sentence.to_owned() } else { format!("SyntaxError: {sentence} in 1") }
        })
    };
    assert_eq!(refused(line, V2), error(in_2_0), "2.0: {line}");
    assert_eq!(refused(line, V1), error(in_1_0), "1.0: {line}");
    for runtime in [V1, V2] {
        let code = format!("{line}{HANDLER}");
        let relaxed = Function::load(&code, runtime, Fidelity::Relaxed, None).map(|_| ());
        let ours_too = line.starts_with("export") || line.starts_with("import");
        assert_eq!(relaxed.is_ok(), !ours_too, "{runtime:?}: {line}: {relaxed:?}");
    }
}

#[track_caller]
fn both(line: &str, sentence: &str) {
    row(line, Some(sentence), Some(sentence));
}

fn unsupported(token: &str) -> String {
    format!("Token \"{token}\" not supported in this version")
}

#[test]
fn default_params() {
    both("function f(a=1) {}", "Unexpected token \"=\"");
}

#[test]
fn spread_in_call_and_array_which_1_0_misreads_without_an_error() {
    row("var a = [1]; a.concat(...a);", Some("Unexpected token \"...\""), None);
    row("var a = [1]; var b = [...a];", Some("Unexpected token \"...\""), None);
}

#[test]
fn object_spread() {
    both("var a = {}; var b = {...a};", &unsupported("..."));
}

#[test]
fn destructuring() {
    both("var {a} = {a: 1};", &unsupported("a"));
    both("var [a] = [1];", &unsupported("a"));
    both("var a, b; [a, b] = [1, 2];", "ReferenceError: Invalid left-hand side in assignment");
}

#[test]
fn destructured_arrow_parameters() {
    both("var f = ([k,v]) => k;", "Unexpected token \"=>\"");
}

#[test]
fn destructured_function_parameters() {
    both("var f = function([k]) {};", &unsupported("["));
}

#[test]
fn for_of() {
    both("for (var x of [1]) {}", &unsupported("of"));
}

#[test]
fn class() {
    both("class A {}", &unsupported("class"));
}

#[test]
fn optional_chaining() {
    both("var a = {}; a?.b;", "Unexpected token");
    both("var a = []; a?.[0];", "Unexpected token \"[\"");
}

#[test]
fn nullish_assignment_big_int_generator() {
    both("var a; a ??= 1;", "Unexpected token \"=\"");
    both("var a = 1n;", "Unexpected token \"n\"");
    both("function* f() {}", "Unexpected token \"*\"");
}

#[test]
fn catch_without_a_name() {
    both("try {} catch {}", &unsupported("{"));
}

#[test]
fn regular_expression_flags() {
    both("var a = /a/u;", "Invalid RegExp flags \"u\"");
    row("var a = /a/y;", None, Some("Invalid RegExp flags \"y\""));
}

#[test]
fn let_const_async_await() {
    row("let a = 1;", None, Some(&unsupported("let")));
    row("const a = 1;", None, Some(&unsupported("const")));
    row("async function f() { await 1; }", None, Some(&unsupported("async")));
}

#[test]
fn export() {
    both("export default 1;", "Illegal export statement");
}

#[test]
fn named_and_star_import() {
    let other_form = "Non-default import is not supported";
    row("import {createHash} from 'crypto';", Some(other_form), Some(&unsupported("import")));
    row("import * as c from 'crypto';", Some(other_form), Some(&unsupported("import")));
}

#[test]
fn await_in_arguments() {
    let code = "async function handler(event) {\n  parseFloat(await event);\n  return event.request;\n}";
    let error = Function::load(code, V2, Fidelity::Strict, None).err().unwrap();
    assert_eq!(error.message, "SyntaxError: await in arguments not supported in 2");
    assert_eq!(error.line, Some(2));
}

#[test]
fn what_is_not_on_awss_list_and_accepted_all_the_same() {
    for line in [
        "var a = null ?? 1;",
        "var a = 1, o = {a, f() {}, ['b']: 1, get c() { return 1; }, set c(v) {}};",
        "function tag(s) {} tag`a${1}`;",
        "var a = [1, 2,], o = {a: 1,}; function f(a, b,) {}",
        "var a = /(?<=a)b/.test('ab');",
        "outer: for (;;) { break outer; }",
        "var a = 2 ** 3; var f = (x, ...rest) => ({x: x});",
    ] {
        row(line, None, None);
    }
    row("const a = 1_000; let b = /a/y.sticky;", None, Some(&unsupported("const")));
    row("const f = async () => { await 1; };", None, Some(&unsupported("const")));
}

#[test]
fn a_function_without_a_handler_is_found_when_it_is_loaded() {
    let missing = "ReferenceError: \"handler\" is not defined";
    let another = "\"handler\" is not a function: write `function handler(event) { … }`";
    for (code, message) in [
        ("", missing),
        ("function hanlder(event) {}", missing),
        ("exports = {}; exports.handler = function () {};", missing),
        ("var handler;", missing),
        ("var handler = 1;", another),
        ("var handler = { request: function (event) { return event.request; } };", another),
    ] {
        for fidelity in [Fidelity::Strict, Fidelity::Relaxed] {
            let Err(error) = Function::load(code, V2, fidelity, None) else { panic!("{code}") };
            assert_eq!(error.message, message, "{code}");
        }
    }
    let Err(error) = Function::load("var a = 1; // no handler\n  var handler = a;", V2, Fidelity::Strict, None) else {
        panic!("a number is no handler")
    };
    assert_eq!((error.line, error.column), (Some(2), Some(7)));
    for code in [
        "var handler = function (event) { return event.request; };",
        "const handler = (event) => event.request;",
        "globalThis.handler = function (event) { return event.request; };",
        "async function handler(event) { return event.request; }",
    ] {
        let verdict = Function::new(code).on_request(&request("/", &[]));
        assert_eq!(verdict, Verdict::Continue(RequestEdit::default()), "{code}");
    }
}

#[test]
fn a_function_of_10_241_bytes_does_not_load() {
    let code = |bytes: usize| format!("{:1$}", HANDLER.trim_start(), bytes);
    assert!(Function::load(&code(10_240), V2, Fidelity::Strict, None).is_ok());
    let error = Function::load(&code(10_241), V2, Fidelity::Strict, None).err().unwrap();
    assert_eq!(error.message, "the function has 10241 bytes; CloudFront takes at most 10240");
}

#[test]
fn code_from_strings_is_refused_in_every_way_there_is() {
    for code in [
        "eval('1')",
        "(0, eval)('1')",
        "Function('return 1')",
        "new Function('return 1')",
        "(function () {}).constructor('return 1')",
        "(async function () {}).constructor('return 1')",
        "Object.getPrototypeOf(async function () {}).constructor('return 1')()",
    ] {
        let failure = failure(&format!("function handler(event) {{ {code}; return event.request; }}"));
        assert_eq!(failure.kind, FailureKind::FunctionExecution, "{code}");
        assert!(failure.detail.contains("code generation from strings"), "{code}: {failure}");
    }
}

#[test]
fn functions_are_strict_without_saying_so() {
    for (expression, value) in [
        ("(function () { return this === undefined; })()", "true"),
        ("(function () { undeclared = 1; })()", "\"throws ReferenceError: \\\"undeclared\\\" is not defined\""),
        ("(function (a) { arguments[0] = 2; return a; })(1)", "1"),
    ] {
        let got = evaluate(expression);
        assert!(got == value || value.contains("throws") && got.contains("throws"), "{expression}: {got}");
    }
    assert!(refused("var o = {}; with (o) {}", V2).is_some());
    assert!(refused("var a = 010;", V2).is_some());
    assert!(refused("var a; delete a;", V2).is_some());
}
