//! What refers to something that is not there is told about, whatever else of its name a source has.

use super::*;

#[test]
fn a_text_or_a_key_of_the_same_name_makes_nothing() {
    let undefined = |name: &str| format!("ReferenceError: \"{name}\" is not defined");
    for (code, name) in [
        ("var q = 'fetch'; ¦fetch('x');", "fetch"),
        ("var a = event.headers['process']; return ¦process.env;", "process"),
        ("console.log('URL'); new ¦URL('x');", "URL"),
        ("console.log('reqest'); return ¦reqest;", "reqest"),
        ("var o = {fetch: 1}; ¦fetch('x');", "fetch"),
        ("event.fetch = 1; event['fetch'] = 2; ¦fetch('x');", "fetch"),
        ("event.headers[event.name] = 'fetch'; ¦fetch('x');", "fetch"),
        ("if (event.fetch) { ¦fetch('x'); }", "fetch"),
        ("¦count++;", "count"),
        ("for (¦key in event) { event.n++; }", "key"),
    ] {
        let code = format!("function handler(event) {{ {code} }}");
        assert_absent(&code, V1, Rejected::AbsentGlobal, &[&undefined(name)]);
        assert_absent(&code, V2, Rejected::AbsentGlobal, &[&undefined(name)]);
    }
    let no_function = |name: &str| format!("TypeError: (intermediate value)[\"{name}\"] is not a function");
    for (code, name) in [
        ("console.log('flat'); [1].¦flat();", "flat"),
        ("var o = {flat: 1}; [1].¦flat();", "flat"),
        ("console.log('flat'); event.¦flat();", "flat"),
        ("var o = {from: 1}; Array.¦from(event);", "from"),
        ("event.headers[event.name] = 'at'; 'a'.¦at(0);", "at"),
        ("return String.¦raw`a`;", "raw"),
    ] {
        let code = format!("function handler(event) {{ {code} }}");
        assert_absent(&code, V2, Rejected::AbsentMember, &[&no_function(name)]);
    }
}

#[test]
fn what_a_source_adds_to_built_ins_in_whatever_way_is_not_told_about() {
    for code in [
        "Object.defineProperty(globalThis, 'fetch', {value: 1}); fetch('x');",
        "Object.assign(globalThis, {fetch: function () {}}); fetch('x');",
        "globalThis['fetch'] = event; fetch('x');",
        "['fetch', 'URL'].forEach(function (name) { globalThis[name] = event; }); fetch(new URL());",
        "var g = globalThis; g.fetch = event; fetch('x');",
        "if ('fetch' in globalThis) { fetch('x'); } if (globalThis.URL) { new URL(); }",
        "['flat'].forEach(function (name) { Array.prototype[name] = event; }); [1].flat();",
        "Object.assign(Array.prototype, {flat: event}); [1].flat(); Object.assign(Array, {from: event}); Array.from(1);",
        "var p = Array.prototype; p['flat'] = event; [1].flat();",
        "Object.defineProperties(Array.prototype, {flat: {value: event}}); [1].flat();",
        "if ('flat' in event) { event.flat(); } if (Array.prototype.at) { [1].at(0); } if ([].flat) { [1].flat(); }",
        "var o = {flat: event}, p = {}; o.flat(); ['at'].forEach(function (name) { p[name] = event; }); p.at();",
        "var at = event; var o = {at}; o.at(1);",
        "var key; for (key in event) { key; } for (var name in event) { name; }",
    ] {
        let code = format!("function handler(event) {{ {code} }}");
        for what in [Rejected::AbsentGlobal, Rejected::AbsentMember] {
            assert_absent(&code, V1, what, &[]);
            assert_absent(&code, V2, what, &[]);
        }
    }
}

#[test]
fn code_made_of_text_is_told_about() {
    const ERROR: &str = "TypeError: code generation from strings is not allowed";
    for code in ["¦eval('1')", "¦Function('return 1')", "new ¦Function('a', 'return a')", "globalThis.¦eval('1')"] {
        let code = format!("function handler(event) {{ return {code}; }}");
        assert_absent(&code, V1, Rejected::CodeFromText, &[ERROR]);
        assert_absent(&code, V2, Rejected::CodeFromText, &[ERROR]);
    }
    for code in ["event.eval('1')", "event instanceof Function", "typeof eval", "(function (eval_) { eval_(1); })"] {
        let code = format!("function handler(event) {{ return {code}; }}");
        assert_absent(&code, V2, Rejected::CodeFromText, &[]);
    }
}

#[test]
fn members_that_modules_do_not_have_are_told_about() {
    let no_function = |name: &str| format!("TypeError: (intermediate value)[\"{name}\"] is not a function");
    let imports = "import cf from 'cloudfront';\nimport crypto from 'crypto';\nconst kvs = cf.kvs();\n\
                   const qs = require('querystring'), other = require('crypto');\n";
    for (code, name) in [
        ("crypto.¦randomUUID()", "randomUUID"),
        ("crypto.¦randomBytes(8)", "randomBytes"),
        ("crypto.¦createSign('sha256')", "createSign"),
        ("other.¦timingSafeEqual(event, event)", "timingSafeEqual"),
        ("require('crypto').¦randomInt(2)", "randomInt"),
        ("kvs.¦put('a', 'b')", "put"),
        ("cf.kvs().¦list()", "list"),
        ("cf.¦nope()", "nope"),
        ("cf.cwt.¦sign()", "sign"),
        ("qs.¦decodeAll('a')", "decodeAll"),
        ("crypto.createHash('md5').update('a').¦final()", "final"),
    ] {
        let code = format!("{imports}function handler(event) {{ return {code}; }}");
        assert_absent(&code, V2, Rejected::AbsentMember, &[&no_function(name)]);
    }
    let code = "var crypto = require('crypto'); function handler(event) { crypto.createHash('sha256'); \
                return crypto.createHash(¦'sha512') + crypto.createHmac(¦'sha384', 'a') + event.createHash('sha512'); }";
    let errors = ["sha512", "sha384"].map(|name| format!("TypeError: not supported algorithm: \"{name}\""));
    assert_absent(code, V1, Rejected::UnknownAlgorithm, &[&errors[0], &errors[1]]);
    assert_absent(code, V2, Rejected::UnknownAlgorithm, &[&errors[0], &errors[1]]);
}

#[test]
fn flags_that_a_regular_expression_is_made_with_are_told_about_where_they_are_written_out() {
    let code = "function handler(event) { var flags = 'u'; RegExp('a', 'gi'); new RegExp('a', flags); \
                return new RegExp('a', ¦'gu') || RegExp(event.a, ¦'s'); }";
    let errors = ["gu", "s"].map(|flags| format!("SyntaxError: Invalid RegExp flags \"{flags}\""));
    for runtime in [V1, V2] {
        assert_absent(code, runtime, Rejected::MadeRegExpFlag, &[&errors[0], &errors[1]]);
    }
    let sticky = "function handler(event) { return new RegExp('a', ¦'y'); }";
    assert_absent(sticky, V1, Rejected::MadeRegExpFlag, &["SyntaxError: Invalid RegExp flags \"y\""]);
    let (sticky, _) = marked(sticky);
    assert_eq!(lint(&sticky, V2), []);
    let own = "function handler(event) { return new RegExp('a', 'u'); function RegExp() {} }";
    assert_eq!(lint(own, V2), []);
}

#[test]
fn what_typed_arrays_inherit_is_there_in_runtime_2() {
    let code =
        "function handler(event) { return [Uint8Array.from([1]), Float64Array.of(1), Int16Array.¦isArray([])]; }";
    let error = |name: &str| format!("TypeError: (intermediate value)[\"{name}\"] is not a function");
    assert_absent(code, V2, Rejected::AbsentMember, &[&error("isArray")]);
    let code = "function handler(event) { return Uint8Array.¦from([1]); }";
    assert_absent(code, V1, Rejected::AbsentMember, &[&error("from")]);
}

#[test]
fn a_name_that_is_perhaps_no_module_is_let_pass() {
    for code in [
        "var crypto = require('crypto'); crypto = event; return crypto.randomUUID();",
        "var crypto = event ? require('crypto') : event; return crypto.randomUUID();",
        "var crypto = require('crypto'); [event].forEach(function (crypto) { crypto.randomUUID(); });",
        "var crypto = require('crypto'); crypto.randomUUID = event; return crypto.randomUUID();",
        "var crypto = require('crypto'); return crypto.randomUUID ? crypto.randomUUID() : crypto.toString();",
        "function require(name) { return event; } return require('crypto').randomUUID();",
        "var a = b; var b = a; return a.randomUUID();",
        "var crypto = require('crypto'); for (crypto in event) { crypto.randomUUID(); }",
    ] {
        assert_absent(&format!("function handler(event) {{ {code} }}"), V2, Rejected::AbsentMember, &[]);
    }
    let right = "import cf from 'cloudfront'; import crypto from 'crypto'; const kvs = cf.kvs(); async function handler(event) { \
                 const a = await kvs.get('a', {format: 'json'}); const n = await kvs.count(); cf.logCustomData(a.b + n); \
                 cf.updateRequestOrigin({}); cf.cwt.generateToken({}, {}); cf.edgeLocation.name.trim(); \
                 return crypto.createHmac('sha256', 'k').update('a').update('b').digest('hex').slice(1); }";
    assert_absent_none(right);
}
