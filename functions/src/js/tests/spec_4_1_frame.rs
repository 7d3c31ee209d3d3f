//! §4.1 and §4.2 of the specification, row by row: the frame of a function, and the language of each runtime.

use super::*;
use FunctionRuntime::{CloudfrontJs1_0 as V1, CloudfrontJs2_0 as V2};

/// What a source with a handler logs, or why it does not load.
fn run(code: &str, runtime: FunctionRuntime) -> Result<Vec<String>, String> {
    let mut function = Function::load(code, runtime, Fidelity::Strict, None).map_err(|error| error.message)?;
    Ok(function.call(&request("/", &[]), None).logs)
}

/// That an expression gives this in the runtimes that have it, and does not load in the other.
#[track_caller]
fn row(expression: &str, in_1_0: Option<&str>, in_2_0: Option<&str>) {
    let code = format!("function handler(event) {{ console.log(String({expression})); return event.request; }}");
    for (runtime, expected) in [(V1, in_1_0), (V2, in_2_0)] {
        match expected {
            Some(expected) => {
                assert_eq!(run(&code, runtime), Ok(vec![expected.to_owned()]), "{runtime:?}: {expression}");
            }
            None => assert!(run(&code, runtime).is_err(), "{runtime:?}: {expression}"),
        }
    }
}

#[track_caller]
fn both(expression: &str, expected: &str) {
    row(expression, Some(expected), Some(expected));
}

#[test]
fn always_strict() {
    both("(function () { return this === undefined; })()", "true");
    both(
        "(function () { try { undeclared = 1; } catch (error) { return error.message; } })()",
        "\"undeclared\" is not defined",
    );
    both("(function (a) { arguments[0] = 2; return a; })(1)", "1");
    row("010", None, None);
}

#[test]
fn the_entry_point_is_a_top_level_function_named_handler() {
    for code in [
        "function handler(event) { console.log('ok'); return event.request; }",
        "var handler = function (event) { console.log('ok'); return event.request; };",
        "var handler = (event) => { console.log('ok'); return event.request; };",
    ] {
        assert_eq!(run(code, V1), Ok(vec!["ok".to_owned()]), "{code}");
        assert_eq!(run(code, V2), Ok(vec!["ok".to_owned()]), "{code}");
    }
    for code in [
        "async function handler(event) { console.log('ok'); return event.request; }",
        "const handler = async function (event) { console.log('ok'); return event.request; };",
        "let handler = event => { console.log('ok'); return event.request; };",
    ] {
        assert!(run(code, V1).is_err(), "{code}");
        assert_eq!(run(code, V2), Ok(vec!["ok".to_owned()]), "{code}");
    }
    let nested = "function outer() { function handler(event) { return event.request; } }";
    assert_eq!(run(nested, V2), Err("ReferenceError: \"handler\" is not defined".to_owned()));
    let exported = "export default function handler(event) { return event.request; }";
    assert_eq!(run(exported, V2), Err("SyntaxError: Illegal export statement in 1".to_owned()));
}

#[test]
fn es_5_1_statements() {
    both(
        "(function () { var out = []; for (var i = 0; i < 3; i++) { if (i === 1) continue; out.push(i); } \
         var n = 2; while (n--) { out.push('w'); } do { out.push('d'); } while (false); \
         for (var k in {a: 1}) { out.push(k); } switch (out.length) { case 6: out.push('s'); break; default: out.push('x'); } \
         try { throw new Error('t'); } catch (e) { out.push(e.message); } finally { out.push('f'); } \
         outer: for (;;) { for (;;) { break outer; } } return out; })()",
        "0,2,w,w,d,a,s,t,f",
    );
}

#[test]
fn exponentiation_templates_arrows_and_rest_parameters() {
    both("2 ** 10", "1024");
    both("`a\n${`b${1 + 1}`}`", "a\nb2");
    both("((a, ...rest) => rest.length + a)(1, 2, 3)", "3");
    both("(x => ({y: x}))(1).y", "1");
}

#[test]
fn let_and_const() {
    row("(function () { let a = 1; { let a = 2; } return a; })()", None, Some("1"));
    row("(function () { const a = 1; return a; })()", None, Some("1"));
}

#[test]
fn async_and_await() {
    let code = "async function handler(event) { const a = await one(); if (await one()) { console.log(String(a)); } return event.request; }
                async function one() { return 1; }";
    assert!(run(code, V1).is_err());
    assert_eq!(run(code, V2), Ok(vec!["1".to_owned()]));
}

#[test]
fn numeric_separators_the_sticky_flag_flags_and_split() {
    row("1_000", None, Some("1000"));
    row("/a/y.sticky", None, Some("true"));
    row("typeof /a/g.flags", Some("undefined"), Some("string"));
    row("typeof Symbol", Some("undefined"), Some("function"));
    both("'a, b'.split(/,\\s*/).length", "2");
}

#[test]
fn named_groups_and_perl_like_expressions() {
    both("/(?<year>\\d{4})/.exec('in 2024').groups.year", "2024");
    both("/(?<=a)b/.test('ab') + '|' + /^[\\w.]+$/i.test('A.b')", "true|true");
}

#[test]
fn function_constructor_and_eval_throw() {
    for expression in ["eval('1')", "new Function('return 1')", "Function('return 1')"] {
        both(
            &format!("(function () {{ try {{ {expression}; }} catch (error) {{ return error.name; }} }})()"),
            "TypeError",
        );
    }
}

#[test]
fn no_timers_network_files_process_or_environment() {
    let names = [
        "setTimeout",
        "setImmediate",
        "clearTimeout",
        "setInterval",
        "fetch",
        "XMLHttpRequest",
        "process",
        "module",
        "exports",
    ];
    for name in names {
        both(&format!("typeof {name}"), "undefined");
    }
    for module in ["fs", "http", "net", "os", "path", "./other.js", "cloudfront", ""] {
        both(
            &format!(
                "(function () {{ try {{ require('{module}'); }} catch (error) {{ return error.name + ': ' + error.message; }} }})()"
            ),
            &format!("Error: Cannot find module \"{module}\""),
        );
    }
}

#[test]
fn time_stands_still_during_a_call_and_is_utc() {
    both(
        "(function () { var a = Date.now(), b; for (var i = 0; i < 20000; i++) { b = new Date().getTime(); } \
         return [b - a, new Date(0).getTimezoneOffset(), new Date(2020, 0, 1).toISOString()]; })()",
        "0,0,2020-01-01T00:00:00.000Z",
    );
}
