//! §4.3 of the specification, row by row: what AWS lists for a runtime is there, and nothing else is.

use super::*;
use crate::js::allowed;
use crate::js::realm::{Edition, Protection, Realm};
use FunctionRuntime::{CloudfrontJs1_0 as V1, CloudfrontJs2_0 as V2};
use boa_engine::JsObject;
use boa_engine::property::PropertyKey;
use std::collections::{BTreeSet, VecDeque};

/// A context as a function of that edition gets it.
fn context_of(runtime: FunctionRuntime, fidelity: Fidelity, protection: Protection) -> Realm {
    Realm::new(Edition { runtime, fidelity }, protection).unwrap()
}

/// Every path from the global object over named members, with the names at its end. An object is named once.
fn walk(realm: &mut Realm) -> BTreeSet<String> {
    let context = realm.context();
    let typed_array = context.intrinsics().constructors().typed_array().constructor();
    let mut queue = VecDeque::from([("globalThis".to_owned(), context.global_object())]);
    queue.push_back(("TypedArray".to_owned(), typed_array));
    let mut prototypes = VecDeque::new();
    let mut seen: Vec<JsObject> = Vec::new();
    let mut found = BTreeSet::new();
    // What a name leads to is called by it.
    while let Some((path, object)) = queue.pop_front().or_else(|| prototypes.pop_front()) {
        if seen.contains(&object) {
            continue;
        }
        seen.push(object.clone());
        for key in object.own_property_keys(context).unwrap() {
            let PropertyKey::String(name) = &key else { continue };
            let name = name.to_std_string_lossy();
            let property = object.borrow().properties().get(&key).unwrap();
            let of_function = object.is_callable() && allowed::OF_FUNCTIONS.contains(&name.as_str());
            if !of_function {
                found.insert(format!("{path}.{name}"));
            }
            let global = path == "globalThis";
            let member = if global { name.clone() } else { format!("{path}.{name}") };
            for value in [property.value(), property.get(), property.set()].into_iter().flatten() {
                queue.extend(value.as_object().map(|object| (member.clone(), object)));
            }
        }
        if let Some(prototype) = object.prototype() {
            prototypes.push_back((format!("[prototype of {path}]"), prototype));
        }
    }
    found
}

fn listed(runtime: FunctionRuntime) -> BTreeSet<String> {
    let members =
        allowed::objects(runtime).flat_map(|object| object.names().map(move |name| format!("{}.{name}", object.path)));
    members.collect()
}

#[test]
fn everything_that_can_be_reached_is_listed_and_everything_listed_can_be_reached() {
    for runtime in [V1, V2] {
        for protection in [Protection::Open, Protection::Frozen] {
            let found = walk(&mut context_of(runtime, Fidelity::Strict, protection));
            let listed = listed(runtime);
            let (more, less): (Vec<_>, Vec<_>) =
                (found.difference(&listed).collect(), listed.difference(&found).collect());
            assert!(
                more.is_empty() && less.is_empty(),
                "{runtime:?} {protection:?}\nnot listed: {more:?}\nmissing: {less:?}"
            );
        }
    }
}

/// A row of the specification: that both runtimes have `both`, that only 2.0 has `added` and only 1.0 `removed`, and that
/// neither has `neither`, which our engine would have.
fn row(object: &str, both: &str, added: &str, removed: &str, neither: &str) {
    for runtime in [V1, V2] {
        let (there, not_there) = if runtime == V1 { (removed, added) } else { (added, removed) };
        if !both.is_empty() || !there.is_empty() {
            assert_eq!(missing(object, &[both, there].join(" "), runtime), "[]", "{runtime:?}: {object}");
        }
        let absent = [not_there, neither].join(" ");
        let count = absent.split_whitespace().count();
        let missing = missing(object, &absent, runtime);
        assert_eq!(missing.matches('"').count(), 2 * count, "{runtime:?}: {object} has some of {absent}: {missing}");
    }
}

/// Which of these names an object does not have, as a program sees it.
fn missing(object: &str, names: &str, runtime: FunctionRuntime) -> String {
    let names: Vec<String> = names.split_whitespace().map(|name| format!("'{name}'")).collect();
    let names = names.join(",");
    evaluate_in(
        &format!(
            "typeof {object} === 'undefined' ? [{names}] : [{names}].filter(function (name) {{ return !(name in {object}); }})"
        ),
        runtime,
    )
}

#[test]
fn row_object() {
    row(
        "Object",
        "create defineProperty defineProperties freeze isFrozen seal isSealed preventExtensions isExtensible \
         getOwnPropertyDescriptor getOwnPropertyNames getPrototypeOf keys assign is entries values setPrototypeOf",
        "getOwnPropertyDescriptors",
        "",
        "fromEntries groupBy hasOwn getOwnPropertySymbols",
    );
    row(
        "Object.prototype",
        "hasOwnProperty isPrototypeOf propertyIsEnumerable toString valueOf",
        "",
        "",
        "__proto__ toLocaleString __defineGetter__ __lookupGetter__",
    );
}

#[test]
fn row_string() {
    row("String", "fromCharCode fromCodePoint", "", "bytesFrom", "raw");
    row(
        "String.prototype",
        "charAt charCodeAt concat indexOf lastIndexOf match replace search slice split substr substring toLowerCase \
         toUpperCase trim trimStart trimEnd padStart padEnd codePointAt startsWith endsWith includes repeat",
        "replaceAll",
        "fromBytes fromUTF8 toBytes toUTF8",
        "at matchAll normalize localeCompare trimLeft trimRight anchor big isWellFormed toWellFormed toLocaleLowerCase",
    );
}

#[test]
fn row_number() {
    row(
        "Number",
        "isFinite isInteger isNaN isSafeInteger parseFloat parseInt EPSILON MAX_SAFE_INTEGER MIN_SAFE_INTEGER MAX_VALUE \
         MIN_VALUE NaN NEGATIVE_INFINITY POSITIVE_INFINITY",
        "",
        "",
        "",
    );
    row("Number.prototype", "toExponential toFixed toPrecision toString valueOf", "", "", "");
    assert_eq!(evaluate("Number.prototype.hasOwnProperty('toLocaleString')"), "false");
}

#[test]
fn row_math() {
    row(
        "Math",
        "E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos acosh asin asinh atan atan2 atanh cbrt ceil clz32 cos cosh exp \
         expm1 floor fround hypot imul log log1p log2 log10 max min pow random round sign sinh sin sqrt tan tanh trunc",
        "",
        "",
        "f16round sumPrecise",
    );
}

#[test]
fn row_date() {
    row("Date", "UTC now parse", "", "", "");
    row(
        "Date.prototype",
        "getTime getFullYear getUTCDay setMonth setUTCHours toISOString toJSON toUTCString toLocaleDateString valueOf",
        "",
        "",
        "getYear setYear toGMTString toTemporalInstant",
    );
}

#[test]
fn row_array() {
    row("Array", "isArray of", "", "", "from fromAsync");
    row(
        "Array.prototype",
        "concat every filter find findIndex forEach indexOf includes join lastIndexOf map pop push reduce reduceRight \
         reverse shift slice some sort splice unshift fill copyWithin",
        "",
        "",
        "at flat flatMap findLast findLastIndex entries keys values toReversed toSorted toSpliced with",
    );
    assert_eq!(evaluate("Array.prototype.hasOwnProperty('toLocaleString')"), "false");
}

#[test]
fn row_typed_arrays() {
    let kinds = "Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array";
    row("globalThis", kinds, "", "", "BigInt64Array BigUint64Array Float16Array");
    for kind in kinds.split_whitespace() {
        row(kind, "BYTES_PER_ELEMENT", "from of", "", "fromBase64 fromHex");
        row(
            &format!("{kind}.prototype"),
            "copyWithin fill join set slice subarray toString length buffer byteLength byteOffset",
            "every filter find findIndex forEach includes indexOf lastIndexOf map reduce reduceRight reverse some sort",
            "",
            "at entries keys values findLast findLastIndex toReversed toSorted with",
        );
    }
}

#[test]
fn row_array_buffer() {
    row("ArrayBuffer", "isView", "", "", "");
    row("ArrayBuffer.prototype", "slice byteLength", "", "", "resize transfer maxByteLength resizable detached");
}

#[test]
fn row_promise() {
    row("Promise", "resolve reject", "all allSettled any race", "", "try withResolvers");
    row("Promise.prototype", "then catch finally", "", "", "");
}

#[test]
fn row_what_only_2_0_has() {
    row("globalThis", "", "DataView Symbol TextEncoder TextDecoder atob btoa Buffer", "", "");
    row(
        "(typeof DataView === 'undefined' ? {} : DataView.prototype)",
        "",
        "getFloat32 getFloat64 getInt16 getInt32 getInt8 getUint16 getUint32 getUint8 setFloat32 setFloat64 setInt16 \
         setInt32 setInt8 setUint16 setUint32 setUint8",
        "",
        "getBigInt64 setBigUint64 getFloat16",
    );
    row("Symbol", "", "for keyFor replace split", "", "iterator asyncIterator hasInstance match species toPrimitive");
    row("(typeof TextEncoder === 'undefined' ? {} : TextEncoder.prototype)", "", "encode encodeInto", "", "");
    row(
        "(typeof TextDecoder === 'undefined' ? {} : TextDecoder.prototype)",
        "",
        "decode encoding fatal ignoreBOM",
        "",
        "",
    );
    row(
        "RegExp.prototype",
        "exec test global ignoreCase multiline source",
        "flags sticky",
        "",
        "dotAll unicode hasIndices compile",
    );
}

#[test]
fn row_json() {
    row("JSON", "parse stringify", "", "", "rawJSON isRawJSON");
}

#[test]
fn row_function_prototype() {
    row("Function.prototype", "apply bind call", "", "", "");
    assert_eq!(evaluate("'' + function f() {}"), "\"[object Function]\"");
}

#[test]
fn row_errors() {
    row(
        "globalThis",
        "Error EvalError InternalError RangeError ReferenceError SyntaxError TypeError URIError",
        "",
        "MemoryError",
        "AggregateError SuppressedError",
    );
    row("Error", "", "", "", "captureStackTrace isError stackTraceLimit");
    row("new Error('x')", "name message toString", "", "", "stack");
}

#[test]
fn row_globals() {
    row(
        "globalThis",
        "globalThis decodeURI decodeURIComponent encodeURI encodeURIComponent isFinite isNaN parseFloat parseInt NaN \
         Infinity undefined",
        "",
        "",
        "escape unescape",
    );
    assert_eq!(evaluate("(function () { return arguments.length; })(1, 2)"), "2");
}

#[test]
fn row_console() {
    row("console", "log", "", "", "error warn info debug table time");
}

#[test]
fn row_absent_of_4_6() {
    row(
        "globalThis",
        "",
        "",
        "",
        "Map Set WeakMap WeakSet WeakRef FinalizationRegistry Proxy Reflect Intl URL URLSearchParams Temporal Iterator \
         SharedArrayBuffer Atomics BigInt setTimeout setImmediate setInterval clearTimeout process fetch global queueMicrotask",
    );
}

#[test]
fn relaxed_functions_have_our_engines_extras_but_nothing_that_leaks_between_calls() {
    let code = "function handler(event) { console.log([typeof Map, typeof Proxy, typeof [].flat, typeof Object.fromEntries, \
                typeof Symbol.iterator, typeof Array.from, typeof WeakRef, typeof FinalizationRegistry, \
                typeof SharedArrayBuffer, typeof Atomics, typeof setTimeout].join(' ')); return event.request; }";
    insta::assert_snapshot!(
        Function::relaxed(code).call(&request("/", &[]), None).logs[0],
        @"function function function function symbol function undefined undefined undefined undefined undefined"
    );
}

/// What a program's syntax needs of built-ins, whether it could name them or not.
#[test]
fn the_language_works_without_what_is_taken_away() {
    for (expression, value) in [
        ("`a${1 + 1}b${`c${3}`}`", "\"a2bc3\""),
        ("(function (parts) { return parts.length + parts[0]; })`x${1}y`", "\"2x\""),
        (
            "(function () { var names = []; for (var name in {a: 1, b: 2}) names.push(name); return names; })()",
            "[\"a\",\"b\"]",
        ),
        ("(function (first, ...rest) { return [first, rest, arguments.length]; })(1, 2, 3)", "[1,[2,3],3]"),
        (
            "(function () { try { null.x; } catch (error) { return error instanceof TypeError; } finally { } })()",
            "true",
        ),
        ("[3, 1, 2].sort().concat([4]).map(function (n) { return n * 2; })", "[2,4,6,8]"),
        ("new Uint8Array([1, 2, 3]).subarray(1).join('-')", "\"2-3\""),
        (
            "[new Date(0).toLocaleDateString(), new Date(0).toLocaleTimeString()]",
            "[\"Thu Jan 01 1970\",\"00:00:00 GMT+0000\"]",
        ),
        ("new Date(0) + ''", "\"Thu Jan 01 1970 00:00:00 GMT+0000\""),
        ("[new Date(0), new Date(0) - 0]", "[\"1970-01-01T00:00:00.000Z\",0]"),
        ("'aXbXc'.replace(/x/gi, '-') + 'aXbX'.replace(/X/, '-')", "\"a-b-ca-bX\""),
        ("'a1b22'.replace(/\\d+/g, function (digits) { return '<' + digits + '>'; })", "\"a<1>b<22>\""),
        ("'a1b22'.replace(/(?<letter>[a-z])(\\d)/g, '$2$<letter>')", "\"1a2b2\""),
        ("'a1b22'.match(/\\d/g).concat('a1b22'.match(/b(2)/))", "[\"1\",\"2\",\"2\",\"b2\",\"2\"]"),
        (
            "['a, b,c'.split(/,\\s*/), 'abc'.split(/(b)/), 'a-b'.split('-', 1)]",
            "[[\"a\",\"b\",\"c\"],[\"a\",\"b\",\"c\"],[\"a\"]]",
        ),
        ("['xay'.search(/A/i), /a/gim.toString(), String(/a/), /a/g.global]", "[1,\"/a/gim\",\"/a/\",true]"),
        (
            "(function () { var r = /a/g, seen = []; while (r.exec('aXa')) seen.push(r.lastIndex); return seen; })()",
            "[1,3]",
        ),
        ("new RegExp('a+', 'g').exec('baa')[0]", "\"aa\""),
        ("['b', undefined, 'a', null].sort()", "[\"a\",\"b\",null,null]"),
        ("[[10, 9, 1].sort(), [10, 9, 1].sort(function (a, b) { return a - b; })]", "[[1,10,9],[1,9,10]]"),
        ("(function () { var a = [3, , 1]; a.sort(); return [a.length, 1 in a, 2 in a, a[0]]; })()", "[3,true,false,1]"),
        ("[{k: 1, v: 'a'}, {k: 0, v: 'b'}, {k: 1, v: 'c'}].sort(function (a, b) { return a.k - b.k; }).map(function (e) { return e.v; }).join('')", "\"bac\""),
        ("(function () { try { [2, 1].sort(function () { throw 'own'; }); } catch (e) { return e; } })()", "\"own\""),
        ("Array.prototype.sort.call({0: 'b', 1: 'a', length: 2})", "{\"0\":\"a\",\"1\":\"b\",\"length\":2}"),
        ("Array.prototype.sort.length + Array.prototype.sort.name", "\"1sort\""),
        (
            // The order is the engine's to choose; that it ends is not.
            "(function () { var seen = []; for (var n = 2; n < 400; n += 7) { var a = []; for (var i = 0; i < n; i++) a.push(i % 5 ? i : NaN);
              a.sort(function (x, y) { return x - y; }).sort(function () { return Math.random() - 0.5; }).sort(function () { return 1; });
              seen.push(a.length === n); } return seen.indexOf(false); })()",
            "-1",
        ),
        ("({}).toString.call([]) + Object.prototype.toString.call(null)", "\"[object Array][object Null]\""),
        ("Object.getPrototypeOf({__proto__: {a: 1}}).a", "1"),
    ] {
        for runtime in [V1, V2] {
            assert_eq!(evaluate_in(expression, runtime), value, "{runtime:?}: {expression}");
        }
    }
    let code = "async function handler(event) { const both = await Promise.all([one(), Promise.resolve(2)]); \
                const settled = await Promise.allSettled([Promise.reject(new Error('x'))]); let any; \
                try { any = await Promise.any([Promise.reject(1)]); } catch (error) { any = error.name; } \
                console.log(JSON.stringify([both, settled[0].status, any, 'abab'.replaceAll('a', 'c'), /a/y.flags, \
                Int8Array.of(3, 1, 2).sort(function (x, y) { return y - x; }).join('')])); \
                return event.request; } async function one() { return 1; }";
    let logs = Function::new(code).call(&request("/", &[]), None).logs;
    assert_eq!(logs, ["[[1,2],\"rejected\",\"AggregateError\",\"cbcb\",\"y\",\"321\"]"]);
}

#[test]
fn errors_have_no_cause_and_are_errors_as_before() {
    let errors = ["Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"];
    for runtime in [V1, V2] {
        for name in errors {
            let program = format!(
                "(function () {{ var e = new {name}('m', {{cause: 1}}), f = {name}('n'); \
                 return ['cause' in e, e instanceof {name}, e instanceof Error, f instanceof {name}, e.constructor === {name}, \
                 Object.getPrototypeOf(e) === {name}.prototype, String(e), f.message, {name}.name, {name}.length, \
                 'message' in Object.getOwnPropertyNames(new {name}()), \
                 {name} === Error || Object.getPrototypeOf({name}) === Error]; }})()"
            );
            let expected = format!(r#"[false,true,true,true,true,true,"{name}: m","n","{name}",1,false,true]"#);
            assert_eq!(evaluate_in(&program, runtime), expected, "{runtime:?}");
        }
        let thrown = "(function () { try { null.x; } catch (e) { return [e instanceof TypeError, e.constructor === TypeError, e.constructor.name]; } })()";
        assert_eq!(evaluate_in(thrown, runtime), r#"[true,true,"TypeError"]"#);
        let inherited = "(function () { function Own(m) { Error.call(this, m); this.message = m; } \
            Own.prototype = Object.create(Error.prototype); Own.prototype.constructor = Own; var o = new Own('x'); \
            return [o instanceof Own, o instanceof Error, String(o), new InternalError('i') instanceof Error, \
            Object.getPrototypeOf(InternalError) === Error]; })()";
        assert_eq!(evaluate_in(inherited, runtime), r#"[true,true,"Error: x",true,true]"#);
    }
    let code = "function handler(event) { console.log(new Error('m', {cause: 1}).cause); return event.request; }";
    let relaxed = Function::relaxed(code).call(&request("/", &[]), None).logs;
    assert_eq!(relaxed, ["1"], "what the engine has stays in relaxed fidelity");
}
