//! Nothing one call does is seen by the next: a test for each kind of state, and for any sequence of calls.

use super::*;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap as Map;

/// What a function logs on each of five calls, with a collection in between.
fn logs(code: &str) -> Vec<Vec<String>> {
    let mut function = Function::new(code);
    let calls = (1..=5).map(|call| {
        if call == 3 {
            function.engine.collect_garbage();
        }
        let result = function.call(&request("/?a=b", &[("Host", "x")]), None);
        assert!(matches!(result.outcome, Outcome::Request(Verdict::Continue(_))), "{code}\n{result:?}");
        result.logs
    });
    calls.collect()
}

/// That every call logs this, whatever the calls before it did.
#[track_caller]
fn always(code: &str, expected: &str) {
    for (call, got) in logs(code).into_iter().enumerate() {
        assert_eq!(got, [expected], "call {} of:\n{code}", call + 1);
    }
}

#[test]
fn module_variables_start_anew() {
    always(
        "var n = 0; let m = 0; const list = []; const o = {n: 0}; var f = (function () { var k = 0; return function () { return ++k; }; })();
         function handler(event) { n++; m++; o.n++; list.push(1); handler.calls = (handler.calls || 0) + 1;
         console.log([n, m, o.n, list.length, f(), handler.calls].join()); return event.request; }",
        "1,1,1,1,1,1",
    );
}

#[test]
fn globals_start_anew() {
    always(
        "function handler(event) { var before = Object.keys(globalThis).length;
         globalThis.a = (globalThis.a || 0) + 1; globalThis[0] = (globalThis[0] || 0) + 1;
         Object.defineProperty(globalThis, 'hidden', {value: ('hidden' in globalThis), configurable: true});
         console.log([before, globalThis.a, globalThis[0], globalThis.hidden].join()); return event.request; }",
        "0,1,1,false",
    );
}

#[test]
fn prototypes_start_anew() {
    always(
        "function handler(event) { var seen = [({}).x, [].x, ''.x, (0).x, true.x, /a/.x, (function () {}).x, new Error().x,
             Promise.resolve().x, new Date(0).x, new Uint8Array(1).x, Buffer.from('a').x].join('');
         [Object, Array, String, Number, Boolean, RegExp, Function, Error, Promise, Date, Uint8Array, Buffer].forEach(function (made) {
             try { made.prototype.x = 'leak'; } catch (error) {} try { made.x = 'leak'; } catch (error) {} });
         console.log('[' + seen + ']' + typeof Object.x); return event.request; }",
        "[]string",
    );
}

#[test]
fn module_objects_start_anew() {
    always(
        "import crypto from 'crypto'; import querystring from 'querystring'; import buffer from 'buffer'; import cf from 'cloudfront';
         function handler(event) { var seen = [crypto, querystring, buffer, cf, require('crypto')].map(function (made) {
             var before = String(made.x); try { made.x = 'leak'; } catch (error) {} return before; });
         seen.push(typeof crypto.createHash('md5') + typeof querystring.parse('a=b'));
         try { crypto.createHash = null; } catch (error) {} try { querystring.parse = null; } catch (error) {}
         console.log(seen.join()); return event.request; }",
        "undefined,undefined,undefined,undefined,leak,objectobject",
    );
}

#[test]
fn symbols_of_the_registry_carry_nothing() {
    always(
        "function handler(event) { var symbol = Symbol.for('shared'), before = globalThis[symbol];
         globalThis[symbol] = 'leak'; try { Object.prototype[symbol] = 'leak'; } catch (error) {}
         console.log(String(before) + Symbol.keyFor(symbol) + (Symbol.for('shared') === symbol)); return event.request; }",
        "undefinedsharedtrue",
    );
}

#[test]
fn pending_promises_never_run_in_a_later_call() {
    always(
        "function handler(event) { var before = typeof globalThis.late;
         function later() { globalThis.late = 1; console.log('late'); return Promise.resolve().then(later); }
         Promise.resolve().then(later); new Promise(function (resolve) { globalThis.resolve = resolve; }).then(later);
         console.log(before); return event.request; }",
        "undefined",
    );
}

#[test]
fn a_promise_that_is_rejected_late_is_not_the_next_calls() {
    always(
        "async function handler(event) { Promise.reject(new Error('nobody')); broken(); console.log('ok'); return event.request; }
         async function broken() { await null; throw new Error('late'); }",
        "ok",
    );
}

#[test]
fn regular_expressions_begin_at_the_start() {
    always(
        "var global = /a/g, sticky = /a/y;
         function handler(event) { function literal() { return /a/g; }
         var seen = [global.lastIndex, sticky.lastIndex, literal().lastIndex];
         global.test('aaa'); sticky.test('aaa'); literal().lastIndex = 2; global.x = 1;
         console.log(seen.concat([global.lastIndex, sticky.lastIndex, /(b)/.exec('b').index]).join()); return event.request; }",
        "0,0,0,1,1,0",
    );
}

#[test]
fn template_objects_are_the_calls_own() {
    always(
        "function tag(parts) { var before = String(parts.x); try { parts.x = 'leak'; } catch (error) {}
             try { parts.raw.x = 'leak'; } catch (error) {} return before + String(parts[0]); }
         function handler(event) { console.log(tag`a${1}b`); return event.request; }",
        "undefineda",
    );
}

#[test]
fn the_event_is_the_calls_own() {
    always(
        "function handler(event) { var seen = [event.x, event.request.x, event.viewer.x, event.context.x, event.request.headers.x,
             event.request.querystring.a.value, event.request.headers.host.value];
         event.x = event.request.x = event.viewer.x = event.context.x = 'leak'; event.request.querystring.a.x = 'leak';
         event.viewer.ip = 'leak'; try { event.request.rawQueryString.x = 'leak'; } catch (error) {}
         console.log(seen.join() + event.request.rawQueryString.x); return event.request; }",
        ",,,,,b,xleak",
    );
}

#[test]
fn what_words_errors_anew_cannot_be_named() {
    always(
        "function handler(event) { try { null.x; } catch (error) {}
         console.log([typeof reword, typeof reword_, typeof reword__].join()); return event.request; }",
        "undefined,undefined,undefined",
    );
}

#[test]
fn a_call_that_fails_leaves_nothing_either() {
    let mut function = Function::new(
        "var n = 0; function handler(event) { n++; globalThis.n = (globalThis.n || 0) + 1;
         if (event.request.uri === '/throw') { throw new Error('x'); }
         if (event.request.uri === '/deep') { (function f() { return f() + 1; })(); }
         if (event.request.uri === '/loop') { while (true) {} }
         if (event.request.uri === '/bad') { return 5; }
         console.log([n, globalThis.n].join()); return event.request; }",
    );
    for uri in ["/throw", "/deep", "/bad", "/loop", "/throw"] {
        assert!(matches!(function.on_request(&request(uri, &[])), Verdict::Fail(_)), "{uri}");
        assert_eq!(function.call(&request("/", &[]), None).logs, ["1,1"], "after {uri}");
    }
}

/// One function that does what each call tells it to, and says what it found before.
fn program(poisons: &[&str]) -> String {
    let cases: Vec<_> =
        poisons.iter().enumerate().map(|(index, poison)| format!("case {index}: {poison}; break;")).collect();
    let cases = cases.join("\n");
    format!(
        "var own = 0, kept = /a/g;
         function handler(event) {{
             own++;
             var found = [own, kept.lastIndex, Object.keys(globalThis).join('+'), String(({{}}).leak), String([].leak), String(''.leak),
                 ({{}}).toString(), [1, 2].map(String).join(''), 'a'.toUpperCase(), Math.max(1, 2), JSON.stringify({{a: 1}}),
                 typeof console.log, typeof Promise.resolve(1).then, parseInt('7'), String(parseInt.leak),
                 require('crypto').createHash('md5').update('').digest('hex').length, Buffer.from('a').toString(),
                 String(Error.leak), Object.isExtensible(globalThis), event.viewer.ip, Math.random()].join('|');
             console.log(found);
             var which = Number(event.request.headers['x-poison'].value);
             try {{ poison(which, event); }} catch (error) {{ console.log(error.name); }}
             event.request.headers['x-found'] = {{value: found}};
             return event.request;
         }}
         function poison(which, event) {{ switch (which) {{ {cases} }} }}"
    )
}

const POISONS: &[&str] = &[
    "own = 100; kept.test('aaa')",
    "globalThis.leak = 1; globalThis[0] = 1; globalThis[Symbol.for('s')] = 1",
    "Object.defineProperty(globalThis, 'pinned', {value: 1, configurable: false, enumerable: true})",
    "Object.preventExtensions(globalThis)",
    "Object.setPrototypeOf(globalThis, {leak: 1})",
    "Object.prototype.leak = 1",
    "Object.assign(Array.prototype, {leak: 1})",
    "Object.defineProperty(String.prototype, 'leak', {value: 1})",
    "Object.prototype.toString = function () { return 'leak'; }",
    "Array.prototype.map = function () { return ['leak']; }",
    "String.prototype.toUpperCase = function () { return 'leak'; }",
    "Math.max = function () { return 'leak'; }",
    "JSON.stringify = function () { return 'leak'; }",
    "console.log = null",
    "Promise.prototype.then = null",
    "globalThis.parseInt = null",
    "parseInt.leak = 1",
    "require('crypto').createHash = null",
    "Buffer.prototype.toString = function () { return 'leak'; }",
    "Error.leak = 1; Error.prototype.message = 'leak'",
    "event.viewer.ip = 'leak'; event.request.headers = {'x-other': {value: '1'}}",
    "Promise.resolve().then(function () { globalThis.late = 1; })",
    "Math.random(); Math.random()",
    "Object.freeze(globalThis)",
    "(function f() { return f() + 1; })()",
    "nope.x",
    "throw new TypeError('mine')",
    "delete Object.prototype.hasOwnProperty",
];

fn seen(result: &CallResult) -> (Outcome, Vec<String>) {
    (result.outcome.clone(), result.logs.clone())
}

fn poisoned_call(function: &mut Function, poison: usize) -> (Outcome, Vec<String>) {
    seen(&function.call(&request("/", &[("X-Poison", &poison.to_string())]), None))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What call N gives is what it gives as call 1 in a fresh context, whatever the calls before it tried.
    #[test]
    fn any_sequence_of_calls_is_like_first_calls(
        sequence in prop::collection::vec((0..POISONS.len(), prop::bool::weighted(0.2)), 1..12)
    ) {
        thread_local! {
            static FRESH: RefCell<Map<usize, (Outcome, Vec<String>)>> = RefCell::default();
        }
        let code = program(POISONS);
        let mut function = Function::new(&code);
        for (poison, collect) in sequence {
            let expected = FRESH.with_borrow_mut(|fresh| {
                fresh.entry(poison).or_insert_with(|| poisoned_call(&mut Function::new(&code), poison)).clone()
            });
            prop_assert_eq!(poisoned_call(&mut function, poison), expected, "{}", POISONS[poison]);
            if collect {
                function.engine.collect_garbage();
            }
        }
    }
}

#[test]
fn a_refused_write_of_one_call_takes_nothing_from_another() {
    let mut function = Function::new(
        "function handler(event) {
            if (event.request.uri === '/v') { var o = Object.freeze({a: 1}); o.a = 2; }
            String.prototype.rev = function () { return 'rev'; };
            console.log(''.rev()); return event.request; }",
    );
    for _ in 0..10 {
        let refused = function.call(&request("/v", &[("Host", "x")]), None);
        assert!(matches!(refused.outcome, Outcome::Request(Verdict::Fail(_))), "{refused:?}");
    }
    assert_eq!(function.call(&request("/a", &[("Host", "x")]), None).logs, ["rev"]);
}

#[test]
fn built_ins_are_extended_within_try_and_catch_whatever_earlier_calls_did() {
    for extend in [
        "Number.isEven = function (n) { return n % 2 === 0; };",
        "(function () { Number.isEven = function (n) { return n % 2 === 0; }; })();",
        "Object.defineProperty(Number, 'isEven', {value: function (n) { return n % 2 === 0; }});",
        "Object.setPrototypeOf(Array.prototype, {isEven: 1}); Number.isEven = function () { return [].isEven === 1; };",
    ] {
        always(
            &format!(
                "function handler(event) {{ try {{ {extend} console.log(Number.isEven(2)); }} catch (error) {{ console.log(String(error)); }}
                 return event.request; }}"
            ),
            "true",
        );
    }
    always(
        "async function handler(event) { try { await null; Number.isEven = function () { return true; }; console.log(Number.isEven(2)); }
         catch (error) { console.log(String(error)); } return event.request; }",
        "true",
    );
    for promise in [
        "Promise.resolve().then(function () { EXTEND }).catch(function (error) { console.log(String(error)); })",
        "new Promise(function () { EXTEND }).then(null, function (error) { console.log(String(error)); })",
        "Promise.allSettled([extend()]).then(function (all) { all.forEach(function (one) { if (one.reason) console.log(String(one.reason)); }); })",
    ] {
        let extend = "Number.isEven = function () { return true; }; console.log(Number.isEven(2));";
        let promise = promise.replace("EXTEND", extend);
        always(
            &format!(
                "async function extend() {{ {extend} }}
                 async function handler(event) {{ await Promise.race([{promise}, Promise.resolve()]); await null; return event.request; }}"
            ),
            "true",
        );
    }
    let mut function = Function::new(
        "function handler(event) {
            if (event.request.uri === '/a') String.prototype.rev = function () {};
            var r; try { Number.isEven = 1; r = 'extended'; } catch (error) { r = 'caught'; }
            console.log(r); return event.request; }",
    );
    for uri in ["/b", "/a", "/b"] {
        assert_eq!(function.call(&request(uri, &[("Host", "x")]), None).logs, ["extended"], "{uri}");
    }
}
