//! Functions of one distribution share a context, and none sees anything of another.

use super::leaks::{LEAKS, program, seen};
use super::*;

fn source(code: &str, fidelity: Fidelity) -> FunctionSource {
    let (name, runtime) = ("test".to_owned(), FunctionRuntime::CloudfrontJs2_0);
    FunctionSource { name, runtime, fidelity, code: code.to_owned(), store: None }
}

fn called(engine: &mut Engine, id: FunctionId) -> CallResult {
    let (context, request) = (context(), request("/?a=b", &[("Host", "x")]));
    let event_type = EventType::ViewerRequest;
    let (now_ms, random_seed) = (1_700_000_000_000, 7);
    engine.call(id, &Call { event_type, context: &context, request: &request, response: None, now_ms, random_seed })
}

#[test]
fn no_function_sees_what_another_one_did() {
    on_big_stack(|| {
        // Whatever the other leaves behind, each is called as if it were the first.
        for fidelity in [Fidelity::Strict, Fidelity::Relaxed] {
            for (probe, poison) in LEAKS {
                let code = program(probe, poison);
                let mut engine = Engine::new();
                let Ok(first) = engine.load(source(&code, fidelity)) else { continue };
                let expected = seen(&called(&mut engine, first));
                let second = engine.load(source(&code, fidelity)).unwrap();
                for round in 0..3 {
                    for id in [second, first] {
                        assert_eq!(seen(&called(&mut engine, id)), expected, "round {round} of:\n{code}");
                    }
                    if round == 1 {
                        engine.collect_garbage();
                    }
                }
            }
        }
    });
}

#[test]
fn a_page_with_classes_and_anchors_changes_no_built_ins() {
    let page = r##"function handler(event) { // class #a
        return { statusCode: 200, body: '<body class="m" style="color:#fff"><a href="#top">x</a>' }; }"##;
    let classes = "class A { b() { return '#'; } } function handler(event) { return event.request; }";
    let mut engine = Engine::new();
    let strict = engine.load(source(page, Fidelity::Strict)).unwrap();
    let relaxed = engine.load(source(page, Fidelity::Relaxed)).unwrap();
    assert!(!engine.modifies_built_ins(strict) && !engine.modifies_built_ins(relaxed));
    // There could be private names in it.
    let with_class = engine.load(source(classes, Fidelity::Relaxed)).unwrap();
    assert!(engine.modifies_built_ins(with_class));
}

#[test]
fn a_function_that_changes_built_ins_has_contexts_of_its_own_ready_and_needs_no_other() {
    let code = "String.prototype.shout = function () { return this + '!'; };
                function handler(event) { event.request.uri = '/a'.shout(); return event.request; }";
    let mut engine = Engine::new();
    let id = engine.load(source(code, Fidelity::Strict)).unwrap();
    for _ in 0..3 {
        assert!(matches!(called(&mut engine, id).outcome, Outcome::Request(Verdict::Continue(_))));
        assert!(!engine.lacks_contexts(), "the next call need not wait for one");
    }
}

#[test]
fn errors_name_members_of_the_function_they_are_in() {
    let mut engine = Engine::new();
    let throws = |member: &str| format!("function handler(event) {{ return event.nothing.{member}; }}");
    let ids = ["first", "second"].map(|member| engine.load(source(&throws(member), Fidelity::Strict)).unwrap());
    for _ in 0..2 {
        for (id, member) in ids.into_iter().zip(["first", "second"]) {
            let Outcome::Request(Verdict::Fail(failure)) = called(&mut engine, id).outcome else { panic!("a failure") };
            assert!(failure.detail.contains(&format!("\"{member}\"")), "{}", failure.detail);
        }
    }
}

#[test]
fn a_function_that_uses_up_its_context_harms_no_other() {
    let spends = "function handler(event) { Object.preventExtensions(globalThis); return event.request; }";
    let works = "globalThis.x = 1; function handler(event) { event.request.uri = '/' + x; return event.request; }";
    let mut engine = Engine::new();
    let [spends, works] = [spends, works].map(|code| engine.load(source(code, Fidelity::Strict)).unwrap());
    for round in 0..10 {
        assert!(matches!(called(&mut engine, spends).outcome, Outcome::Request(Verdict::Continue(_))));
        // So that it is prepared between the calls, and no other pays for it.
        assert_eq!(engine.lacks_contexts(), engine.shares_context(spends, works), "round {round}");
        let Outcome::Request(Verdict::Continue(edit)) = called(&mut engine, works).outcome else { panic!("it works") };
        assert_eq!(edit.uri.as_deref(), Some(b"/1".as_slice()), "round {round}");
        if round % 2 == 1 {
            engine.collect_garbage();
        }
    }
    assert!(!engine.shares_context(spends, works), "it has one for itself by now");
}

#[test]
fn a_limit_that_is_met_within_the_engines_own_code_harms_no_other_function() {
    on_big_stack(|| {
        let works = "function handler(event) { event.request.uri = '/works'; return event.request; }";
        for bad in [
            "var o = { get host() { return this.host; } }; o.host;",
            "var o = { toJSON: function () { return JSON.stringify(this); } }; JSON.stringify(o);",
            "var o = { valueOf: function () { return +this; } }; +o;",
            "var o = { toString: function () { return '' + this; } }; [o].join();",
            "(function () {}).apply(null, {length: 300000});",
            "try { (function () {}).apply(null, {length: 300000}); } catch (error) {}",
            "(function () {}).bind(null, 1).apply(null, {length: 300000});",
            "(function () { for (;;) {} }).apply(null, {length: 5000});",
            "[1].map(function () { for (;;) {} });",
            "event.request = { get uri() { return this.uri; }, method: 'GET' };",
            "event.request.headers.x = { get value() { for (;;) {} } };",
        ] {
            let bad = format!("function handler(event) {{ {bad} return event.request; }}");
            let mut engine = Engine::new();
            let [bad_id, works] = [&*bad, works].map(|code| engine.load(source(code, Fidelity::Strict)).unwrap());
            for round in 0..5 {
                let refused = called(&mut engine, bad_id);
                assert!(matches!(refused.outcome, Outcome::Request(Verdict::Fail(_))), "{bad}: {refused:?}");
                let Outcome::Request(Verdict::Continue(edit)) = called(&mut engine, works).outcome else {
                    panic!("round {round} beside {bad}")
                };
                assert_eq!(edit.uri.as_deref(), Some(b"/works".as_slice()), "{bad}");
                engine.collect_garbage();
            }
            assert!(!engine.shares_context(bad_id, works), "{bad}: it has one for itself by now");
        }
        // In a promise's reaction, too.
        let later = "async function handler(event) { await Promise.resolve().then(function () { (function () {}).apply(null, {length: 300000}); }); \
                     return event.request; }";
        let mut engine = Engine::new();
        let [later, works] = [later, works].map(|code| engine.load(source(code, Fidelity::Strict)).unwrap());
        for _ in 0..3 {
            assert!(matches!(called(&mut engine, later).outcome, Outcome::Request(Verdict::Fail(_))));
            assert!(matches!(called(&mut engine, works).outcome, Outcome::Request(Verdict::Continue(_))));
        }
    });
}

#[test]
fn functions_share_a_context_when_their_edition_is_the_same() {
    let code = "function handler(event) { return event.request; }";
    let mut engine = Engine::new();
    let strict = [0; 2].map(|_| engine.load(source(code, Fidelity::Strict)).unwrap());
    let relaxed = engine.load(source(code, Fidelity::Relaxed)).unwrap();
    assert!(engine.shares_context(strict[0], strict[1]) && !engine.shares_context(strict[0], relaxed));
}

#[test]
fn newer_code_in_the_place_of_older_leaves_nothing_of_it() {
    let gives =
        |path: &str| format!("function handler(event) {{ event.request.uri = '/{path}'; return event.request; }}");
    let mut engine = Engine::new();
    let id = engine.load(source(&gives("0"), Fidelity::Strict)).unwrap();
    for version in ["1", "2"] {
        engine.replace(id, source(&gives(version), Fidelity::Strict)).unwrap();
        let Outcome::Request(Verdict::Continue(edit)) = called(&mut engine, id).outcome else { panic!("it works") };
        assert_eq!(edit.uri, Some(format!("/{version}").into()));
    }
    assert!(engine.replace(id, source("function handler(", Fidelity::Strict)).is_err());
    let Outcome::Request(Verdict::Continue(edit)) = called(&mut engine, id).outcome else { panic!("it works") };
    assert_eq!(edit.uri.as_deref(), Some(b"/2".as_slice()), "as before");
}

#[test]
fn private_fields_of_the_global_object_are_gone_with_the_call() {
    let code = "class Ret { constructor(o) { return o; } }
        class A extends Ret {
            #x = 'left by ' + now;
            static has(o) { return #x in o; }
        }
        var now;
        function handler(event) {
            now = 'a call';
            if (A.has(globalThis)) throw new Error('left over');
            new A(globalThis);
            return event.request;
        }";
    let mut engine = Engine::new();
    let id = engine.load(source(code, Fidelity::Relaxed)).unwrap();
    for round in 0..300 {
        let result = called(&mut engine, id);
        assert!(
            matches!(result.outcome, Outcome::Request(Verdict::Continue(_))),
            "round {round}: {:?}",
            result.outcome
        );
        if round % 7 == 0 {
            engine.collect_garbage();
        }
    }
}

#[test]
fn a_getter_of_an_errors_name_does_not_run_before_the_catch_clause() {
    let code = "function handler(event) {
        var runs = 0;
        try { throw Object.defineProperty(new Error('x'), 'name', { get: function () { runs++; throw new Error('inner'); } }); }
        catch (error) { event.request.uri = '/caught' + runs; }
        return event.request; }";
    let mut engine = Engine::new();
    let id = engine.load(source(code, Fidelity::Strict)).unwrap();
    let Outcome::Request(Verdict::Continue(edit)) = called(&mut engine, id).outcome else { panic!("it is caught") };
    assert_eq!(edit.uri.as_deref(), Some(b"/caught0".as_slice()));
}
