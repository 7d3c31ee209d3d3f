//! Nothing one call does is seen by the next, and honest programs work all the same.

use super::*;

/// Programs whose handler logs something that a leak would change from the second call on: `PROBE` runs first and is logged,
/// `POISON` then tries to leave something behind.
pub(super) const LEAKS: &[(&str, &str)] = &[
    ("n", "n++; } var n = 0; function unused() {"),
    ("String(globalThis.leak)", "globalThis.leak = 1"),
    ("String(globalThis[0])", "globalThis[0] = 1"),
    ("String(globalThis[Symbol.for('s')])", "globalThis[Symbol.for('s')] = 1"),
    ("Object.keys(globalThis).length", "globalThis.a = 1; globalThis.b = 2; delete globalThis.a"),
    ("typeof defined", "Object.defineProperty(globalThis, 'defined', {value: 1, configurable: true})"),
    ("typeof pinned", "Object.defineProperty(globalThis, 'pinned', {value: 1, configurable: false})"),
    ("Object.isExtensible(globalThis)", "Object.preventExtensions(globalThis)"),
    ("Object.isFrozen(globalThis)", "Object.freeze(globalThis)"),
    ("globalThis.inherited === undefined", "Object.setPrototypeOf(globalThis, {inherited: 1})"),
    ("({}).leak === undefined", "Object.prototype.leak = 1"),
    ("({}).leak === undefined", "({}).__proto__.leak = 1"),
    ("({}).leak === undefined", "({}).constructor.prototype.leak = 1"),
    ("({}).leak === undefined", "var o = {}; o['__pro' + 'to__']['leak'] = 1"),
    ("({}).leak === undefined", "Object.assign(Object.prototype, {leak: 1})"),
    ("({}).toString()", "Object.prototype.toString = function () { return 'leak'; }"),
    ("({}).toString()", "Object.defineProperty(Object.prototype, 'toString', {value: function () { return 'leak'; }})"),
    ("typeof ({}).hasOwnProperty", "delete Object.prototype.hasOwnProperty"),
    ("[1].map(String).length", "Array.prototype.map = function () { return []; }"),
    ("[].leak === undefined", "Array.prototype.leak = 1"),
    ("[].length", "Array.prototype.push(1)"),
    ("[][0] === undefined", "Array.prototype[0] = 1"),
    ("'a'.leak === undefined", "String.prototype.leak = 1"),
    ("'a'.toUpperCase()", "String.prototype.toUpperCase = function () { return 'leak'; }"),
    ("(1).leak === undefined", "Number.prototype.leak = 1"),
    ("true.leak === undefined", "Boolean.prototype.leak = 1"),
    ("Symbol.prototype.leak === undefined", "Symbol.prototype.leak = 1"),
    ("(function () {}).leak === undefined", "Function.prototype.leak = 1"),
    ("(function () {}).call === Function.prototype.call", "Function.prototype.call = function () {}"),
    ("/a/.leak === undefined", "RegExp.prototype.leak = 1"),
    ("/a/.test('a')", "RegExp.prototype.test = function () { return false; }"),
    ("/a/.exec === RegExp.prototype.exec", "RegExp.prototype.exec = function () { return null; }"),
    ("String(RegExp.$1)", "/(leak)/.exec('leak')"),
    ("re().lastIndex", "re().lastIndex = 5; } function re() { return /a/g; } function unused() {"),
    ("kept.lastIndex", "kept.test('aaa'); } var kept = /a/g; function unused() {"),
    ("new Error('x').message", "Error.prototype.message = 'leak'; Error.prototype.name = 'leak'"),
    ("String(new TypeError('x'))", "TypeError.prototype.name = 'leak'"),
    ("String(Error.leak)", "Error.leak = 1"),
    ("typeof Error.stackTraceLimit", "Error.stackTraceLimit = 1"),
    ("Math.max(1, 2)", "Math.max = function () { return 0; }"),
    ("String(Math.leak)", "Math.leak = 1"),
    ("JSON.stringify({a: 1})", "JSON.stringify = function () { return 'leak'; }"),
    ("JSON.parse('1')", "JSON.parse = function () { return 'leak'; }"),
    ("typeof console.log", "console.log = null"),
    ("String(console.leak)", "console.leak = 1"),
    ("new Date(0).getTime()", "Date.prototype.getTime = function () { return -1; }"),
    ("typeof Date.now()", "Date.now = function () { return 'leak'; }"),
    ("Object.keys({a: 1}).length", "Object.keys = function () { return []; }"),
    ("String(Object.leak)", "Object.leak = 1"),
    ("parseInt('1')", "parseInt.leak = 1; globalThis.parseInt = null"),
    ("String(parseInt.leak)", "parseInt.leak = 1"),
    ("parseInt.name", "Object.defineProperty(parseInt, 'name', {value: 'leak'})"),
    ("typeof undefined", "try { undefined = 1 } catch (e) {}"),
    ("require('crypto').createHash('md5').update('').digest('hex')", "require('crypto').createHash = null"),
    ("String(require('crypto').leak)", "require('crypto').leak = 1"),
    ("String(require('querystring').leak)", "require('querystring').leak = 1"),
    (
        "String(Object.getPrototypeOf(require('crypto').createHash('md5')).leak)",
        "Object.getPrototypeOf(require('crypto').createHash('md5')).leak = 1",
    ),
    ("String(Buffer.leak) + Buffer.from('a').leak", "Buffer.leak = 1; Buffer.prototype.leak = 1"),
    ("Buffer.from('a').toString()", "Buffer.prototype.toString = function () { return 'leak'; }"),
    ("typeof Buffer", "globalThis.Buffer = 1"),
    ("String(Object.getPrototypeOf(Int8Array).leak)", "Object.getPrototypeOf(Int8Array).leak = 1"),
    (
        "new Uint8Array(1).leak === undefined",
        "Uint8Array.prototype.leak = 1; Object.getPrototypeOf(Uint8Array.prototype).leak = 1",
    ),
    (
        "String(iterator().leak)",
        "iterator().leak = 1; } function iterator() { return Object.getPrototypeOf([][Symbol.iterator]()); } function unused() {",
    ),
    (
        "String(iterator().leak)",
        "iterator().leak = 1; } function iterator() { return Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())); } function unused() {",
    ),
    (
        "String(proto().leak)",
        "proto().leak = 1; } function proto() { return Object.getPrototypeOf(''[Symbol.iterator]()); } function unused() {",
    ),
    (
        "String(proto().leak)",
        "proto().leak = 1; } function proto() { return Object.getPrototypeOf(function* () {}); } function unused() {",
    ),
    (
        "String(proto().leak)",
        "proto().leak = 1; } function proto() { return Object.getPrototypeOf(Object.getPrototypeOf((function* () {})())); } function unused() {",
    ),
    (
        "String(proto().leak)",
        "proto().leak = 1; } function proto() { return Object.getPrototypeOf(async function () {}); } function unused() {",
    ),
    (
        "String(proto().leak)",
        "proto().leak = 1; } function proto() { return (async function () {}).constructor; } function unused() {",
    ),
    ("String(Promise.leak) + Promise.prototype.leak", "Promise.leak = 1; Promise.prototype.leak = 1"),
    ("typeof Promise.resolve(1).then", "Promise.prototype.then = null"),
    ("String(globalThis.late)", "Promise.resolve().then(function () { globalThis.late = 1; })"),
    (
        "String(globalThis.late)",
        "new Promise(function (r) { globalThis.r = r; }).then(function () { globalThis.late = 1; })",
    ),
    ("String(tag`x`.leak)", "try { tag`x`.leak = 1 } catch (e) {} } function tag(s) { return s; } function unused() {"),
    (
        "String(getter().leak)",
        "getter().leak = 1; } function getter() { return Object.getOwnPropertyDescriptor(Object.prototype, '__proto__').get; } function unused() {",
    ),
    (
        "String(getter().leak)",
        "getter().leak = 1; } function getter() { return (Object.getOwnPropertyDescriptor(Object.prototype, 'toString').get || parseInt); } function unused() {",
    ),
    (
        "String(args().leak)",
        "args().leak = 1; } function args() { return Object.getPrototypeOf((function () { return arguments; })()); } function unused() {",
    ),
    ("String(Object.getPrototypeOf(event.request).leak)", "Object.getPrototypeOf(event.request).leak = 1"),
    ("String(event.request.rawQueryString.leak)", "event.request.rawQueryString.leak = 1"),
    ("String(event.request.leak)", "event.request.leak = 1; event.leak = 1; event.viewer.leak = 1"),
    ("event.viewer.ip", "event.viewer.ip = 'leak'; event.context.requestId = 'leak'"),
    ("String(TextEncoder.prototype.leak)", "TextEncoder.prototype.leak = 1"),
    ("String(handler.leak)", "handler.leak = 1"),
    ("String(InternalError.leak)", "InternalError.leak = 1; InternalError.prototype.leak = 1"),
    ("Symbol.keyFor(Symbol.for('fresh'))", "Symbol.for('fresh').description"),
    ("Symbol.keyFor(Symbol('s')) === undefined", "Symbol.for('s')"),
    (
        "new Map([['a', 1]]).values().next().done",
        "Object.getPrototypeOf(new Map().values()).next = function () { return {done: true}; }",
    ),
    (
        "new Set(['a']).values().next().done",
        "Object.getPrototypeOf(new Set().values()).next = function () { return {done: true}; }",
    ),
    ("String([1].values().map(String).leak)", "Object.getPrototypeOf([1].values().map(String)).leak = 1"),
    (
        "String(Iterator.from({next: function () {}}).leak)",
        "Object.getPrototypeOf(Iterator.from({next: function () {}})).leak = 1",
    ),
    ("Math.random()", "Math.random(); Math.random()"),
];

pub(super) fn program(probe: &str, poison: &str) -> String {
    format!(
        "function handler(event) {{ console.log(String({probe})); poison(event); return event.request; }}\n\
         function poison(event) {{ {poison} }}"
    )
}

/// The observable result of a call: verdict and log.
pub(super) fn seen(result: &CallResult) -> (Outcome, Vec<String>) {
    (result.outcome.clone(), result.logs.clone())
}

#[test]
fn every_call_is_like_the_first_in_a_fresh_context() {
    on_big_stack(|| {
        let given = request("/?a=b", &[("Host", "x")]);
        for (probe, poison) in LEAKS {
            for swallow in [false, true] {
                let poison = if swallow && !poison.contains('}') {
                    format!("try {{ {poison} }} catch (error) {{}}")
                } else {
                    (*poison).to_owned()
                };
                let code = program(probe, &poison);
                let strict = Function::load(&code, FunctionRuntime::CloudfrontJs2_0, Fidelity::Strict, None);
                for mut function in strict.into_iter().chain([Function::relaxed(&code)]) {
                    // The first call is one in a fresh context.
                    let expected = seen(&function.call(&given, None));
                    for call in 2..=4 {
                        let got = seen(&function.call(&given, None));
                        if call == 3 {
                            function.engine.collect_garbage();
                        }
                        assert_eq!(got, expected, "call {call} of:\n{code}");
                    }
                }
            }
        }
    });
}

/// Programs that must give a new path, on the first call and on every other.
const LEGITIMATE: &[&str] = &[
    "function A() {} A.prototype.toString = function () { return 'ok'; }; function value() { return '' + new A(); }",
    "function value() { var o = {}; o.toString = function () { return 'ok'; }; return String(o); }",
    "function value() { var o = {}; o.valueOf = function () { return 'ok'; }; o.constructor = 1; o.hasOwnProperty = 2; return o.valueOf(); }",
    "function A() {} function B() { A.call(this); } B.prototype = Object.create(A.prototype); B.prototype.constructor = B; \
     function value() { return new B() instanceof A && new B().constructor === B ? 'ok' : 'no'; }",
    "function Fail(m) { this.name = 'Fail'; this.message = m; } Fail.prototype = Object.create(Error.prototype); \
     Fail.prototype.constructor = Fail; function value() { try { throw new Fail('ok'); } catch (e) { return e instanceof Error ? e.message : ''; } }",
    "function value() { var e = new Error('x'); e.name = 'Mine'; e.message = 'ok'; return String(e) === 'Mine: ok' ? 'ok' : String(e); }",
    "function Fail() {} Fail.prototype = new Error(); Fail.prototype.name = 'ok'; function value() { return new Fail().name; }",
    "function value() { var d = {}; ['constructor', 'toString', '__proto__x', 'valueOf', 'hasOwnProperty', 'isPrototypeOf'].forEach(function (k) { d[k] = k; }); \
     return d.constructor + d.valueOf === 'constructorvalueOf' ? 'ok' : 'no'; }",
    "globalThis.CONFIG = {a: 'ok'}; function value() { return CONFIG.a; }",
    "function value() { globalThis.seen = globalThis.seen || 'ok'; return globalThis.seen; }",
    "if (!String.prototype.startsWith) { String.prototype.startsWith = function () { return true; }; } function value() { return 'ok'; }",
    "if (!Array.prototype.at) { Array.prototype.at = function (i) { return this[i < 0 ? this.length + i : i]; }; } function value() { return ['no', 'ok'].at(-1); }",
    "Object.defineProperty(Array.prototype, 'last', {get: function () { return this[this.length - 1]; }}); function value() { return ['ok'].last; }",
    "String.prototype.trimmed = function () { return this.trim(); }; function value() { return ' ok '.trimmed(); }",
    "function value() { Number.prototype.ok = 'ok'; return (1).ok; }",
    "function List() {} List.prototype = Object.create(Array.prototype); List.prototype.constructor = List; \
     List.prototype.push = function () { return 'ok'; }; function value() { return new List().push(1); }",
    "var cache = {}; function value() { cache.x = (cache.x || 0) + 1; return cache.x === 1 ? 'ok' : 'leak'; }",
    "Object.freeze(Object.prototype); function value() { return 'ok'; }",
    "var o = Object.freeze({a: 'ok'}); function value() { try { o.a = 1; } catch (e) {} return o.a; }",
    "function value() { var f = function () {}; f.call = 'ok'; f.name2 = 1; return f.call; }",
    "function value() { var p = Promise.resolve(1); p.then = 'ok'; return p.then; }",
    "var hash = require('crypto'); hash.extra = 'ok'; function value() { return hash.extra; }",
    "var self = this; function value() { return typeof self === 'object' || self === undefined ? 'ok' : 'no'; }",
    "class A { static x = 'ok'; get y() { return A.x; } } class B extends A {} function value() { return new B().y; }",
    "class Mine extends Error { constructor(m) { super(m); this.name = 'Mine'; } } function value() { return new Mine('ok').message; }",
    "function value() { function toString() { return 'ok'; } return {toString: toString} + ''; }",
    "let toString = 'ok', constructor = 1, name = 2; function value() { return toString; }",
    "function value() { return Object.keys({toString: 1, constructor: 2}).length === 2 ? 'ok' : 'no'; }",
    // Dictionaries whose keys are what viewers send.
    "function value() { var d = {}; ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'name', 'message', 'length'].forEach(function (k) { \
     d[k] = k; }); return Object.keys(d).length >= 6 && d.constructor === 'constructor' && d.name === 'name' ? 'ok' : Object.keys(d).join(); }",
    "function value() { var d = Object.create(null); d.constructor = 1; d.toString = 2; return 'toString' in d && d.constructor === 1 ? 'ok' : 'no'; }",
    "function value() { var counts = {}; 'constructor constructor valueOf'.split(' ').forEach(function (w) { \
     counts[w] = Object.prototype.hasOwnProperty.call(counts, w) ? counts[w] + 1 : 1; }); return counts.constructor === 2 && counts.valueOf === 1 ? 'ok' : 'no'; }",
    "function value() { return JSON.parse('{\"__proto__\": \"ok\", \"constructor\": 1}').__proto__; }",
    "function value() { var merged = Object.assign({}, {toString: 1, constructor: 'ok'}, {valueOf: 2}); return merged.constructor; }",
    "function value() { var q = require('querystring').parse('constructor=ok&hasOwnProperty=1&toString=2'); return q.hasOwnProperty === '1' ? q.constructor : 'no'; }",
    // Inheritance in the ways of ECMAScript 5.
    "function Base(v) { this.v = v; } Base.prototype.get = function () { return this.v; }; function Derived(v) { Base.call(this, v); } \
     Derived.prototype = Object.create(Base.prototype, {constructor: {value: Derived}}); Derived.prototype.toString = function () { return 'o' + this.get(); }; \
     function value() { return String(new Derived('k')); }",
    "function extend(to, from) { for (var key in from) { if (from.hasOwnProperty(key)) { to[key] = from[key]; } } return to; } \
     function value() { return extend({}, {a: 'ok', toString: 1}).a; }",
    "var Shape = {name: 'none', toString: function () { return this.name; }}; function value() { var s = Object.create(Shape); s.name = 'ok'; return s + ''; }",
    "function HttpError(status) { var e = Error.call(this, 'x'); this.message = 'o' + status; this.name = 'HttpError'; } \
     HttpError.prototype = Object.create(Error.prototype); HttpError.prototype.constructor = HttpError; \
     function value() { try { throw new HttpError('k'); } catch (e) { return e.name === 'HttpError' && e instanceof HttpError ? e.message : e.name; } }",
    "function Stack() { Array.apply(this, arguments); } Stack.prototype = []; Stack.prototype.last = function () { return this[this.length - 1]; }; \
     function value() { var s = new Stack(); s.push('ok'); return s.last(); }",
    // Members named as those of functions, promises and errors.
    "var api = {bind: 1, call: 2, apply: 3, name: 'ok', length: 4}; function value() { return api.name; }",
    "function tools() {} tools.toString = function () { return 'ok'; }; tools.apply = 1; function value() { return tools.toString(); }",
    "function value() { var thenable = {then: 'ok', catch: 1}; return thenable.then; }",
    // Polyfills that test first, and ones that do not.
    "if (typeof Object.fromEntries !== 'function') { Object.fromEntries = function (pairs) { var o = {}; pairs.forEach(function (p) { o[p[0]] = p[1]; }); \
     return o; }; } function value() { return Object.fromEntries([['a', 'ok']]).a; }",
    "Array.prototype.flat = function () { return [].concat.apply([], this); }; function value() { return [['ok']].flat()[0]; }",
    "globalThis.Map = globalThis.Map || function () { var d = {}; this.set = function (k, v) { d[k] = v; return this; }; this.get = function (k) { return d[k]; }; }; \
     function value() { return new Map().set('a', 'ok').get('a'); }",
    "String.prototype.format = function () { var a = arguments; return this.replace(/\\{(\\d)\\}/g, function (m, i) { return a[i]; }); }; \
     function value() { return '{0}{1}'.format('o', 'k'); }",
    "function value() { var o = {}; for (var k in []) { return 'no'; } for (var k in o) { return 'no'; } return 'ok'; }",
];

#[test]
fn honest_programs_work_on_every_call() {
    on_big_stack(|| {
        for source in LEGITIMATE {
            let code = format!(
                "{source}\nfunction handler(event) {{ event.request.uri = '/' + value(); return event.request; }}"
            );
            let strict = Function::load(&code, FunctionRuntime::CloudfrontJs2_0, Fidelity::Strict, None);
            assert_eq!(strict.is_ok(), !code.contains("class "), "{code}");
            for mut function in strict.into_iter().chain([Function::relaxed(&code)]) {
                for call in 1..=4 {
                    match function.on_request(&request("/x", &[])) {
                        Verdict::Continue(edit) => assert_eq!(edit.uri, Some("/ok".into()), "call {call} of:\n{code}"),
                        other => panic!("call {call}: {other:?}\n{code}"),
                    }
                    if call == 2 {
                        function.engine.collect_garbage();
                    }
                }
            }
        }
    });
}

#[test]
fn only_functions_that_change_built_ins_get_a_context_for_each_call() {
    let modifies = |code: &str| {
        let function = Function::new(code);
        function.engine.modifies_built_ins(function.id)
    };
    assert!(modifies("String.prototype.x = 1; function handler(event) { return event.request; }"));
    assert!(modifies("try { Math.max = 1 } catch (e) {} function handler(event) { return event.request; }"));
    assert!(!modifies("globalThis.x = 1; function handler(event) { return event.request; }"));
    assert!(!modifies("function handler(event) { return event.request; }"));
}

#[test]
fn a_programs_own_refused_write_stays_an_error_and_costs_no_context_for_ever() {
    let mut function =
        Function::new("function handler(event) { Object.freeze(event.request).uri = '/x'; return event.request; }");
    for _ in 0..5 {
        assert!(matches!(function.on_request(&request("/", &[])), Verdict::Fail(_)));
    }
    assert!(!function.engine.modifies_built_ins(function.id));
}
