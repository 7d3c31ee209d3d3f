//! Every row of what CloudFront's engines reject, and that nothing else is named.
#![allow(clippy::unwrap_used, reason = "tests")]

mod names;

use super::*;
use FunctionRuntime::{CloudfrontJs1_0 as V1, CloudfrontJs2_0 as V2};
use proptest::prelude::*;

/// The places marked by `¦`, and the source without the marks.
fn marked(code: &str) -> (String, Vec<(u32, u32)>) {
    let (mut source, mut places) = (String::new(), Vec::new());
    for part in code.split_inclusive('¦') {
        source.push_str(part.trim_end_matches('¦'));
        if part.ends_with('¦') {
            let line = source.split('\n').count() as u32;
            places.push((line, source.rsplit('\n').next().unwrap().chars().count() as u32 + 1));
        }
    }
    (source, places)
}

/// What is found about the syntax of fragments, which refer to much that is not there.
fn of_syntax(source: &str, runtime: FunctionRuntime) -> Vec<Finding> {
    let mut findings = lint(source, runtime);
    let of_names = [
        Rejected::AbsentGlobal,
        Rejected::AbsentMember,
        Rejected::AsyncClosure,
        Rejected::CodeFromText,
        Rejected::MadeRegExpFlag,
        Rejected::NoHandler,
        Rejected::UnknownAlgorithm,
        Rejected::UnknownRequire,
    ];
    findings.retain(|finding| !of_names.contains(&finding.what));
    findings
}

/// That exactly the marked places are found, all of one kind.
#[track_caller]
fn assert_found(code: &str, runtime: FunctionRuntime, what: Rejected, sentence: Option<&str>) {
    let (source, places) = marked(code);
    let expected: Vec<_> = places
        .into_iter()
        .map(|(line, column)| Finding { line, column, what, sentence: sentence.map(str::to_owned) })
        .collect();
    assert_eq!(of_syntax(&source, runtime), expected, "{runtime:?}: {source}");
}

#[track_caller]
fn assert_nothing(code: &str, runtime: FunctionRuntime) {
    assert_eq!(of_syntax(code, runtime), [], "{runtime:?}: {code}");
}

const INVALID_LEFT: &str = "ReferenceError: Invalid left-hand side in assignment";
const UNSUPPORTED_SPREAD: &str = "Token \"...\" not supported in this version";

#[test]
fn each_row_that_both_runtimes_reject_is_found_at_its_place() {
    let rows: [(&str, Rejected, Option<&str>); 49] = [
        ("function f(a¦=1) {}", Rejected::DefaultParameter, Some("Unexpected token \"=\"")),
        ("var f = (a, b ¦= {c: 1}) => a;", Rejected::DefaultParameter, Some("Unexpected token \"=>\"")),
        ("var o = {\n  f(a ¦= /=/, b) {} };", Rejected::DefaultParameter, Some("Unexpected token \"=\"")),
        ("var o = {a: 1, ¦...b, ¦...(c)};", Rejected::ObjectSpread, Some(UNSUPPORTED_SPREAD)),
        ("var ¦{a} = o;", Rejected::Destructuring, Some("Token \"a\" not supported in this version")),
        ("var b = 1,\n\t¦[a] = o;", Rejected::Destructuring, Some("Token \"a\" not supported in this version")),
        ("var ¦{a, b: {c}} = o;", Rejected::Destructuring, Some("Token \"a\" not supported in this version")),
        ("¦[a, b] = [b, a];", Rejected::Destructuring, Some(INVALID_LEFT)),
        ("(¦{a, b} = o);", Rejected::Destructuring, Some(INVALID_LEFT)),
        ("try {} catch (¦{message}) {}", Rejected::Destructuring, Some("Token \"{\" not supported in this version")),
        ("var f = (¦[k, v]) => k;", Rejected::DestructuredParameter, Some("Unexpected token \"=>\"")),
        (
            "var f = function(¦[k]) {};",
            Rejected::DestructuredParameter,
            Some("Token \"[\" not supported in this version"),
        ),
        ("function f(a, ¦{k}) {}", Rejected::DestructuredParameter, Some("Token \"{\" not supported in this version")),
        ("for (x ¦of y) {}", Rejected::ForOf, Some("Token \"of\" not supported in this version")),
        ("for (var of ¦of of.of) {}", Rejected::ForOf, Some("Token \"of\" not supported in this version")),
        ("for (o.of ¦of (f(of))) {}", Rejected::ForOf, Some("Token \"of\" not supported in this version")),
        ("for (var x ¦of function() {}) {}", Rejected::ForOf, Some("Token \"of\" not supported in this version")),
        ("for (var x ¦of `${y}`) {}", Rejected::ForOf, Some("Token \"of\" not supported in this version")),
        ("for (var x ¦of a + b) {}", Rejected::ForOf, Some("Token \"of\" not supported in this version")),
        ("¦class A { b() {} }", Rejected::Class, Some("Token \"class\" not supported in this version")),
        ("var a = ¦class {};", Rejected::Class, Some("Token \"class\" not supported in this version")),
        ("var a = b¦?.c;", Rejected::OptionalChaining, None),
        ("var a = b.c¦?.[0].d;", Rejected::OptionalChaining, Some("Unexpected token \"[\"")),
        ("var a = b.c\n  ¦?.(e);", Rejected::OptionalChaining, Some("Unexpected token \"(\"")),
        ("a ¦??= 1;", Rejected::NullishAssignment, Some("Unexpected token \"=\"")),
        ("a[b ?? c] ¦??= 1;", Rejected::NullishAssignment, Some("Unexpected token \"=\"")),
        ("a ¦||= 1;\nb.c ¦&&= 1;", Rejected::LogicalAssignment, Some("Unexpected token \"=\"")),
        ("var a = ¦1n + ¦0x1fn;", Rejected::BigInt, Some("Unexpected token \"n\"")),
        ("function ¦*f() {}", Rejected::Generator, Some("Unexpected token \"*\"")),
        ("function¦* f() {}", Rejected::Generator, Some("Unexpected token \"*\"")),
        ("var f = 2 * (function ¦*() {});", Rejected::Generator, Some("Token \"*\" not supported in this version")),
        ("var o = {¦*f() {}, a: 2 * 3};", Rejected::Generator, Some("Unexpected token \"*\"")),
        ("var o = {¦*[a * b]() {}};", Rejected::Generator, Some("Unexpected token \"*\"")),
        ("function F() { return ¦new.target; }", Rejected::NewTarget, Some("Unexpected token \".\"")),
        (
            "var o = {f() { return ¦super.f(); }};",
            Rejected::Super,
            Some("Token \"super\" not supported in this version"),
        ),
        ("var ¦\\u0061 = 1;", Rejected::EscapedName, Some("Unexpected token \"\\\"")),
        ("var a = ¦/a/s;", Rejected::RegExpFlag, Some("Invalid RegExp flags \"s\"")),
        ("var a = ¦/a/dg;", Rejected::RegExpFlag, Some("Invalid RegExp flags \"dg\"")),
        ("try {} catch ¦{}", Rejected::CatchWithoutBinding, Some("Token \"{\" not supported in this version")),
        (
            "try {}\ncatch\n  ¦{ f(); }\nfinally {}",
            Rejected::CatchWithoutBinding,
            Some("Token \"{\" not supported in this version"),
        ),
        ("var a = ¦/é/u;", Rejected::RegExpFlag, Some("Invalid RegExp flags \"u\"")),
        ("var e = '漢字é'; var a = ¦/[/]\"/u.test(e);", Rejected::RegExpFlag, Some("Invalid RegExp flags \"u\"")),
        ("var t = `a\n${ {a: `}`} } ${¦/`/u}`;", Rejected::RegExpFlag, Some("Invalid RegExp flags \"u\"")),
        ("\n ¦export { handler };", Rejected::Export, Some("Illegal export statement")),
        ("¦export default function handler() {}", Rejected::Export, Some("Illegal export statement")),
        (
            "function f() { return ¦import('crypto'); }",
            Rejected::ImportForm,
            Some("Non-default import is not supported"),
        ),
        ("/* it's\r\n* `a */ var a = b¦?.c; // d?.e", Rejected::OptionalChaining, None),
        ("var a = 'it\\'s \\\n ?.', d = b¦?.c;", Rejected::OptionalChaining, None),
        ("\u{feff}¦class A {}", Rejected::Class, Some("Token \"class\" not supported in this version")),
    ];
    for (code, what, sentence) in rows {
        // The mark of the byte that some editors put first is no character of the first line.
        let code = code.strip_prefix('\u{feff}').unwrap_or(code);
        assert_found(code, V1, what, sentence);
        assert_found(code, V2, what, sentence);
    }
    assert_eq!(lint("\u{feff}class A {}", V2)[0].column, 1);
}

#[test]
fn each_row_that_differs_between_the_runtimes_is_found_by_its_runtime() {
    for code in ["f(a, ¦...b);", "var a = [¦...b, 1];", "new F(¦...a);", "f([¦...a]);"] {
        assert_found(code, V2, Rejected::Spread, Some("Unexpected token \"...\""));
        assert_found(code, V1, Rejected::SpreadMisread, None);
    }
    let only_in_1_0 = [
        ("¦let a = 1;", Rejected::Let, "let"),
        ("for (¦let a in b) {}", Rejected::Let, "let"),
        ("for (¦let i = 0, n = 2; i < n; i++) {}", Rejected::Let, "let"),
        ("if (a) {\n  ¦const b = 1, c = 2; }", Rejected::Const, "const"),
        ("¦async function handler(event) {}", Rejected::Async, "async"),
        ("var f = ¦async function() {};", Rejected::Async, "async"),
        ("var f = ¦async () => 1;", Rejected::Async, "async"),
        ("var f = ¦async a => a;", Rejected::Async, "async"),
        ("var o = {¦async f() {}};", Rejected::Async, "async"),
    ];
    for (code, what, word) in only_in_1_0 {
        assert_found(code, V1, what, Some(&format!("Token \"{word}\" not supported in this version")));
        assert_nothing(&marked(code).0, V2);
    }
    assert_found("var a = ¦1_000;", V1, Rejected::NumericSeparator, Some("Unexpected token \"_000\""));
    assert_nothing("var a = 1_000, _b = a_1;", V2);
    let for_await = Some("Token \"await\" not supported in this version");
    assert_found("async function f() { for ¦await (var x of y) {} }", V2, Rejected::ForOf, for_await);
    assert_found("var a = ¦/a/gy;", V1, Rejected::StickyFlag, Some("Invalid RegExp flags \"gy\""));
    assert_nothing("var a = /a/gy;", V2);
    let awaits = lint("async function handler(event) { await f(); }", V1);
    assert_eq!((awaits[1].column, awaits[1].what), (33, Rejected::Await));
    let import = Some("Token \"import\" not supported in this version");
    assert_found("\n¦import crypto from 'crypto';", V1, Rejected::ImportIn1_0, import);
}

#[test]
fn await_where_nothing_may_wait_is_found_whatever_follows_it() {
    let sentence = Some("await is only valid in async functions");
    for code in
        ["(k.get('a'))", "[1]", "+1", "\n k.get('a')", "k.get('a')", "'a'", "{}", "`a`", "function() {}", "!k", ""]
    {
        let code = format!("function f(k) {{ var v = ¦await {code}; return v; }} function handler(event) {{}}");
        assert_found(&code, V2, Rejected::AwaitOutside, sentence);
    }
    let within = "async function handler(event) { [1].forEach(function (k) { ¦await (k); }); }";
    assert_found(within, V2, Rejected::AwaitOutside, sentence);
    let first = lint("function handler(event) { await (1); }", V1);
    assert_eq!((first[0].column, first[0].what), (27, Rejected::Await));
    assert_nothing("function handler(event) { var o = {await: 1}; return o.await; }", V2);
}

#[test]
fn await_in_arguments_is_found_and_elsewhere_it_is_not() {
    for code in ["parseFloat(¦await x)", "f(a, {b: [¦await x]})", "new F(¦await x)", "a.b(1)(2 + ¦await x)"] {
        let code = format!("async function handler(event) {{\n  var v = {code};\n}}");
        assert_found(&code, V2, Rejected::AwaitInArguments, Some("await in arguments not supported"));
    }
    for code in [
        "(await x)",
        "await f(x)",
        "(await f(x)).y(z)",
        "{a: await x}",
        "[await x]",
        "`${await x}`",
        "f(async function() { await x; })",
        "f(async () => { await x; })",
    ] {
        assert_nothing(&format!("async function handler(event) {{ var v = {code}; if (await v) {{}} }}"), V2);
    }
}

#[test]
fn what_is_refused_at_the_top_hides_nothing_else() {
    let of = |code: &str| -> Vec<_> {
        let (source, places) = marked(code);
        let found = lint(&source, V2);
        let at: Vec<_> = found.iter().map(|finding| (finding.line, finding.column)).collect();
        assert_eq!(at, places, "{code}: {found:?}");
        found.into_iter().map(|finding| finding.what).collect()
    };
    let body = "\nfunction handler(event) {\n  var a = event¦?.b; return ¦fetch(a);\n}\n";
    for export in
        ["¦export { handler };", "¦export default handler;", "¦export {\n  handler,\n};", "¦export var other = 1;"]
    {
        let expected = [Rejected::Export, Rejected::OptionalChaining, Rejected::AbsentGlobal];
        assert_eq!(of(&format!("{export}{body}")), expected);
    }
    let import = "¦import { createHash } from 'crypto';\n¦import fs from 'fs';\n";
    let body = "function handler(event) { ¦class A {} return createHash('md5').update(fs); }";
    assert_eq!(of(&format!("{import}{body}")), [Rejected::ImportForm, Rejected::UnknownModule, Rejected::Class]);
    // Where it cannot be told what is left, what is known is told.
    assert_eq!(of("¦export { a } from 'b';\nvar c = d?.e;"), [Rejected::Export]);
    assert_eq!(of("¦import { a } from crypto;\nvar c = d?.e;"), [Rejected::ImportForm]);
}

#[test]
fn imports_other_than_the_default_of_a_known_module_are_found() {
    let other_form = Some("Non-default import is not supported");
    for code in ["¦import {get} from 'crypto';", "¦import * as c from 'crypto';", "var a;\n  ¦import './a.js';"] {
        assert_found(code, V2, Rejected::ImportForm, other_form);
    }
    let unknown = Some("Cannot find module \"fs\"");
    assert_found("import cf from 'cloudfront';\n¦import fs from 'fs';", V2, Rejected::UnknownModule, unknown);
    assert_nothing("import cf from 'cloudfront'; import crypto from 'crypto';", V2);
    let class = Some("Token \"class\" not supported in this version");
    assert_found("import é from 'crypto'; ¦class A {}", V2, Rejected::Class, class);
}

#[test]
fn what_the_engines_take_is_not_named() {
    for code in [
        "var a = b ?? c;",
        "var o = {a, f() {}, [b]: 1, get c() { return 1; }, set c(d) {}, catch() {}, class: 1, of: 2, let: 3};",
        "var o = {get catch() { return 1; }}; o.catch; o.class; o.catch().of;",
        "tag`a${b}`; var t = `a\n${`b${c}`}`;",
        "f(a, b,); var a = [1, 2,], o = {a: 1,};",
        "var a = /(?<=b)(?<name>c)/g;",
        "function f(a, ...rest) {} var g = (...rest) => rest;",
        "var a = b ? .5 : 1, c = b?.5:1;",
        "var s = '?. ... class'; // ?. class\n/* a?.b */ var r = /?./.source ? 1 : 2;"
            .replace("/?./", "/a?./")
            .as_str(),
        "try {} catch (error) {} finally {}",
        "for (var of in o) {} outer: for (;;) { break outer; }",
        "var a = 2 ** 3; var f = x => ({x: x});",
        "function class_(event) { return event.request; }",
    ] {
        assert_nothing(code, V1);
        assert_nothing(code, V2);
    }
    for code in ["let a = 1; const b = 1_000;", "async function handler(event) { await f(); return event.request; }"] {
        assert_nothing(code, V2);
    }
}

/// The places of one kind that are marked, and the error of each.
#[track_caller]
fn assert_absent(code: &str, runtime: FunctionRuntime, what: Rejected, errors: &[&str]) {
    let (source, places) = marked(code);
    let findings: Vec<_> = lint(&source, runtime).into_iter().filter(|finding| finding.what == what).collect();
    let found: Vec<_> = findings.iter().map(|finding| (finding.line, finding.column)).collect();
    let texts: Vec<_> = findings.iter().filter_map(|finding| finding.sentence.as_deref()).collect();
    assert_eq!((found, texts), (places, errors.to_vec()), "{runtime:?}: {source}");
    assert!(findings.iter().all(|finding| !finding.is_fault(Fidelity::Strict)), "{source}");
}

#[test]
fn objects_that_the_runtime_does_not_have_are_told_about() {
    let undefined = |name: &str| format!("ReferenceError: \"{name}\" is not defined");
    for name in
        ["Map", "Set", "Proxy", "Intl", "URL", "fetch", "setTimeout", "process", "Reflect", "AggregateError", "hanlder"]
    {
        let code = format!("function handler(event) {{\n  return ¦{name}.x;\n}}");
        assert_absent(&code, V1, Rejected::AbsentGlobal, &[&undefined(name)]);
        assert_absent(&code, V2, Rejected::AbsentGlobal, &[&undefined(name)]);
    }
    for name in ["Buffer", "TextEncoder", "atob", "DataView", "Symbol"] {
        let code = format!("function handler(event) {{ var é = '漢'; new ¦{name}(event); o = {{¦{name}}}; }} var o;");
        assert_absent(&code, V1, Rejected::AbsentGlobal, &[&undefined(name), &undefined(name)]);
        assert_absent(&marked(&code).0, V2, Rejected::AbsentGlobal, &[]);
    }
    assert_absent("var e = new ¦MemoryError();", V2, Rejected::AbsentGlobal, &[&undefined("MemoryError")]);
    assert_absent("function f() { ¦oops = 1; }", V2, Rejected::AbsentGlobal, &[&undefined("oops")]);
}

#[test]
fn what_a_source_declares_makes_or_tests_for_is_not_told_about() {
    for code in [
        "function handler(event) { return Map; } var Map;",
        "function handler(Map) { return Map; }",
        "function handler(event) { if (event) { var Map = 1; } return Map; }",
        "function handler(event) { return f(); function f() { return f; } }",
        "function handler(event) { try { } catch (fetch) { return fetch; } for (var Set in event) { Set; } return arguments[0]; }",
        "var handler = function Proxy(event) { return Proxy; };",
        "function handler(event) { return typeof Map === 'undefined' ? 1 : new Map(); }",
        "globalThis.URL = function () {}; function handler(event) { return new URL(); }",
        "function handler(event) { label: for (;;) { break label; } return event.Map + {fetch: 1}.fetch; }",
        "function handler(event) { return undefined === NaN || Infinity || eval || Function || Boolean || require; }",
    ] {
        assert_absent(code, V1, Rejected::AbsentGlobal, &[]);
        assert_absent(code, V2, Rejected::AbsentGlobal, &[]);
    }
    assert_absent(
        "import cf from 'cloudfront'; const handler = (a, ...b) => cf(a, b);",
        V2,
        Rejected::AbsentGlobal,
        &[],
    );
}

#[test]
fn modules_that_the_runtime_does_not_have_are_told_about() {
    let not_found = |name: &str| format!("Error: Cannot find module \"{name}\"");
    for name in ["fs", "cloudfront", "./a.js"] {
        let code =
            format!("var a = require('crypto'),\n  b = ¦require('{name}'); function handler(event) {{ return a; }}");
        assert_absent(&code, V1, Rejected::UnknownRequire, &[&not_found(name)]);
        assert_absent(&code, V2, Rejected::UnknownRequire, &[&not_found(name)]);
    }
    let modern = "function handler(event) { return ¦require('buffer'); }";
    assert_absent(modern, V1, Rejected::UnknownRequire, &[&not_found("buffer")]);
    assert_absent(&marked(modern).0, V2, Rejected::UnknownRequire, &[]);
    let own = "function require(name) { return name; } function handler(event) { return require('fs') + event.require('fs'); }";
    assert_absent(own, V2, Rejected::UnknownRequire, &[]);
    insta::assert_snapshot!(lint(&format!("{};\nfunction handler() {{}}", "require('cloudfront')"), V1)[0].to_string());
    insta::assert_snapshot!(lint("function handler() { require('fs'); }", V2)[0].to_string());
}

#[test]
fn what_no_engine_here_parses_is_found_as_well() {
    for runtime in [V1, V2] {
        assert_found("var b = 1;\nb.¦#c = 2;", runtime, Rejected::PrivateName, Some("Unexpected token \"#\""));
        assert_found("f();\n f(¦new.target);", runtime, Rejected::NewTarget, Some("Unexpected token \".\""));
        let sentence = "Token \"import\" not supported in this version";
        assert_found("f(2 / 1, ¦import.meta);", runtime, Rejected::ImportMeta, Some(sentence));
        assert_nothing("function handler(event) { return", runtime);
    }
}

#[test]
fn members_that_the_runtime_does_not_have_are_told_about() {
    let no_function = |name: &str| format!("TypeError: (intermediate value)[\"{name}\"] is not a function");
    for (code, name) in [
        ("console.¦error('x')", "error"),
        ("Array.¦from(x)", "from"),
        ("Object.¦fromEntries(x)", "fromEntries"),
        ("String.¦raw(x)", "raw"),
        ("x.y.¦flat()", "flat"),
        ("[1].¦at(-1)", "at"),
        ("'a'.¦localeCompare('b')", "localeCompare"),
    ] {
        let code = format!("function handler(x) {{ return {code}; }}");
        assert_absent(&code, V1, Rejected::AbsentMember, &[&no_function(name)]);
        assert_absent(&code, V2, Rejected::AbsentMember, &[&no_function(name)]);
    }
    let modern = "function handler(x) { Promise.¦all(x); return x.¦replaceAll('a', 'b'); }";
    assert_absent(modern, V1, Rejected::AbsentMember, &[&no_function("all"), &no_function("replaceAll")]);
    assert_absent(&marked(modern).0, V2, Rejected::AbsentMember, &[]);
    for code in [
        "Array.prototype.flat = function () {}; function handler(x) { return x.flat(); }",
        "function handler(x) { return x.find ? x.at(1) : x.at && x.at(2); }",
        "function handler(x) { return {at: function () {}}.at(1); }",
        "Object.defineProperty(Array.prototype, 'flat', {}); function handler(x) { return x.flat(); }",
        "function handler(x) { return Math.max(1) + Math.toString() + Array.call(x) + x.from(1) + x.error(); }",
        "function handler(console) { return console.error(1); }",
    ] {
        assert_absent(code, V1, Rejected::AbsentMember, &[]);
        assert_absent(code, V2, Rejected::AbsentMember, &[]);
    }
}

#[test]
fn a_source_without_a_handler_is_a_fault_in_either_fidelity() {
    for code in
        ["function hanlder(event) {}", "exports.handler = function (event) {};", "(function handler(event) {});", ""]
    {
        let findings = lint(code, V2);
        let finding = findings.iter().find(|finding| finding.what == Rejected::NoHandler);
        let finding = finding.unwrap_or_else(|| panic!("{code}: {findings:?}"));
        assert!(finding.is_fault(Fidelity::Strict) && finding.is_fault(Fidelity::Relaxed));
        assert_eq!(finding.sentence.as_deref(), Some("ReferenceError: \"handler\" is not defined"));
    }
    for code in [
        "function handler(event) {}",
        "async function handler(event) {}",
        "var a = 1, handler = function (event) {};",
        "const handler = event => event.request;",
        "if (true) { globalThis.handler = function () {}; }",
    ] {
        assert!(lint(code, V2).iter().all(|finding| finding.what != Rejected::NoHandler), "{code}");
    }
}

#[test]
fn async_closures_are_warned_about_and_declarations_are_not() {
    assert_absent_none("async function handler(event) { async function f() {} await f(); }");
    for code in ["f(¦async function () {});", "var f = ¦async () => 1;", "var f = ¦async a => a;"] {
        let (source, places) = marked(code);
        let found = lint(&source, V2).into_iter().filter(|finding| finding.what == Rejected::AsyncClosure);
        let found: Vec<_> = found.map(|finding| (finding.line, finding.column)).collect();
        assert_eq!(found, places, "{source}");
    }
}

#[track_caller]
fn assert_absent_none(code: &str) {
    assert_eq!(lint(code, V2), [], "{code}");
}

#[test]
fn faults_come_before_warnings_when_there_are_too_many() {
    let code = format!("function handler(event) {{ {} class A {{}} }}", "Map;".repeat(100));
    let findings = lint(&code, V2);
    assert_eq!(findings.len(), FUNCTION_FINDINGS_MAX);
    assert_eq!(findings.last().map(|finding| finding.what), Some(Rejected::Class));
}

#[test]
fn syntax_is_a_fault_in_strict_fidelity_and_a_warning_in_relaxed() {
    for what in Rejected::ALL {
        let finding = Finding::new(Position::new(1, 1), *what, None);
        let (strict, relaxed) = (finding.is_fault(Fidelity::Strict), finding.is_fault(Fidelity::Relaxed));
        match what.weight() {
            Weight::Stops => assert!(strict && relaxed, "{what:?}"),
            Weight::Rejects => assert!(strict && !relaxed, "{what:?}"),
            Weight::Warns => assert!(!strict && !relaxed, "{what:?}"),
        }
    }
    assert_eq!(Rejected::SpreadMisread.weight(), Weight::Warns);
}

#[test]
fn a_source_that_does_not_parse_is_left_to_the_loader() {
    assert_nothing("function handler(event { class A {} }", V2);
    assert_nothing(&format!("class A {{}} // {}", "x".repeat(FUNCTION_CODE_BYTES_MAX as usize)), V2);
}

#[test]
fn findings_and_their_sentences_are_bounded() {
    assert_eq!(lint(&"a?.b;".repeat(100), V2).len(), FUNCTION_FINDINGS_MAX);
    let long = lint(&format!("var {{{}: a}} = o;", "é".repeat(500)), V2);
    assert!(long[0].sentence.as_ref().unwrap().len() <= FUNCTION_FINDING_TEXT_BYTES_MAX);
}

#[test]
fn no_function_of_the_examples_is_found_fault_with() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut linted = 0;
    for example in std::fs::read_dir(examples).unwrap() {
        let Ok(functions) = std::fs::read_dir(example.unwrap().path().join("functions")) else { continue };
        let files = functions.map(|file| file.unwrap().path());
        for file in files.filter(|file| file.extension().is_some_and(|end| end == "js")) {
            let source = std::fs::read_to_string(&file).unwrap();
            assert_eq!(lint(&source, V2), [], "{}", file.display());
            linted += 1;
        }
    }
    assert!(linted >= 8, "{linted} example functions found");
}

#[test]
fn every_finding_says_what_and_the_way_out() {
    let texts: Vec<_> = Rejected::ALL
        .iter()
        .map(|what| {
            let known = match what {
                Rejected::Class => Some("Token \"class\" not supported in this version".to_owned()),
                Rejected::AbsentGlobal => Some("ReferenceError: \"Map\" is not defined".to_owned()),
                Rejected::UnknownAlgorithm => Some("TypeError: not supported algorithm: \"sha512\"".to_owned()),
                Rejected::MadeRegExpFlag => Some("SyntaxError: Invalid RegExp flags \"u\"".to_owned()),
                Rejected::PerlRegExp => Some("[:alpha:]".to_owned()),
                Rejected::PcreRegExp => Some("[^]".to_owned()),
                Rejected::CodeFromText => Some("TypeError: code generation from strings is not allowed".to_owned()),
                Rejected::AbsentMember => {
                    Some("TypeError: (intermediate value)[\"error\"] is not a function".to_owned())
                }
                _ => None,
            };
            Finding::new(Position::new(12, 9), *what, known).to_string()
        })
        .collect();
    insta::assert_snapshot!(texts.join("\n"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}") {
        let _ = (lint(&text, V1), lint(&text, V2));
    }

    #[test]
    fn no_order_of_words_makes_it_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "a", "(", ")", "{", "}", "[", "]", "=", "=>", "...", "?.", "??=", "`", "${", "/", "/u", "'", "\"", "\\", "\n",
                "function", "*", "async", "await", "class", "catch", "try", "for", "var", "let", "of", "import", "export",
                "from", ",", ";", ":", "1n", "é", "\r\n", "\u{2028}", "//", "/*", "*/",
            ]),
            0..30,
        )
    ) {
        for glue in ["", " "] {
            let _ = (lint(&words.join(glue), V1), lint(&words.join(glue), V2));
        }
    }
}

#[test]
fn parts_of_regular_expressions_that_perl_reads_otherwise_are_told_about() {
    for (code, part) in [
        ("var a = ¦/^[[:alpha:]]+$/.test(b);", "[:alpha:]"),
        ("var a = 1 / 2, b = ¦/\\Aa\\z/g;", "\\A"),
        ("var a = new RegExp(¦'(?i)a' );", "(?i)"),
        ("var a = RegExp(¦'a\\\\z', 'g');", "\\z"),
    ] {
        assert_found(code, V1, Rejected::PerlRegExp, Some(part));
        assert_found(code, V2, Rejected::PerlRegExp, Some(part));
    }
    assert_nothing("var a = /[a-z]+(?:b)(?<c>d)/.test('[[:alpha:]]'), b = new RegExp('a+', 'i');", V2);
}

#[test]
fn parts_of_regular_expressions_that_pcre_refuses_are_told_about() {
    for (code, part) in [
        ("var a = ¦/^[\\w-.]+$/.test(b);", "\\w-."),
        ("var a = b.replace(¦/[^]/g, '');", "[^]"),
        ("var a = new RegExp(¦'[\\\\w-.]' );", "\\w-."),
    ] {
        assert_found(code, V1, Rejected::PcreRegExp, Some(part));
        assert_found(code, V2, Rejected::PcreRegExp, Some(part));
    }
}

#[test]
fn names_beyond_ascii_are_told_about_and_texts_are_not() {
    for code in ["var ¦größe = 1;", "var o = {¦größe: 1};", "o.¦größe = 1;", "function ¦größe() {}", "var ¦é = 1;"]
    {
        assert_found(code, V1, Rejected::NonAsciiName, Some("Unexpected token"));
        assert_found(code, V2, Rejected::NonAsciiName, Some("Unexpected token"));
    }
    assert_nothing("var a = 'größe', b = {'größe': /größe/}; // größe", V2);
}

#[test]
fn comments_of_html_are_told_about_because_our_parser_skips_them() {
    for code in ["¦<!-- a\nvar b;", "var b;\n  ¦--> a", "var a = b¦<!--c\n;"] {
        let sentence = if code.contains("-->") { "Unexpected token \"-\"" } else { "Unexpected token \"<\"" };
        assert_found(code, V1, Rejected::HtmlComment, Some(sentence));
        assert_found(code, V2, Rejected::HtmlComment, Some(sentence));
    }
    assert_nothing("while (a --> b) {} var c = d < !--e, f = '<!--', g = /<!--/; // <!--", V2);
}

#[test]
fn using_is_refused_because_no_engine_here_runs_it() {
    for code in ["¦using a = null;", "function f() { ¦using a = b; }", "async function f() { await ¦using a = b; }"]
    {
        assert_found(code, V2, Rejected::Using, Some("Token \"using\" not supported in this version"));
    }
    let found = lint("function handler(event) { using a = null; return event.request; }", V2);
    assert!(found[0].is_fault(homefront_config::function::Fidelity::Relaxed), "{found:?}");
}
