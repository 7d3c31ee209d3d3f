//! The global object as CloudFront's runtimes have it: what boa has beyond them is taken away, what it lacks is added.

use super::host::Host;
use super::{bounds, console, event, json, text_coding};
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::{Attribute, PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsObject, JsResult, JsString, JsValue, NativeFunction, Source, js_string};
use homefront_config::function::FunctionRuntime;

/// Globals of neither runtime.
const ABSENT: [&str; 22] = [
    "Map",
    "Set",
    "WeakMap",
    "WeakSet",
    "WeakRef",
    "FinalizationRegistry",
    "Proxy",
    "Reflect",
    "Intl",
    "Temporal",
    "Iterator",
    "AsyncIterator",
    "SharedArrayBuffer",
    "Atomics",
    "BigInt",
    "BigInt64Array",
    "BigUint64Array",
    "Float16Array",
    "escape",
    "unescape",
    "SuppressedError",
    "DisposableStack",
];

/// Members of neither runtime, by the object that boa has them on.
const ABSENT_MEMBERS: [(&str, &[&str]); 11] = [
    ("Object", &["fromEntries", "groupBy", "hasOwn"]),
    ("Object.prototype", &["__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__"]),
    (
        "Array.prototype",
        &["at", "findLast", "findLastIndex", "flat", "flatMap", "toReversed", "toSorted", "toSpliced", "with"],
    ),
    ("Array", &["fromAsync"]),
    (
        "String.prototype",
        &[
            "anchor",
            "at",
            "big",
            "blink",
            "bold",
            "fixed",
            "fontcolor",
            "fontsize",
            "isWellFormed",
            "italics",
            "link",
            "matchAll",
            "small",
            "strike",
            "sub",
            "sup",
            "toWellFormed",
        ],
    ),
    ("String", &["raw"]),
    ("Promise", &["try", "withResolvers"]),
    ("Math", &["f16round", "sumPrecise"]),
    ("RegExp", &["escape"]),
    (
        "ArrayBuffer.prototype",
        &["detached", "maxByteLength", "resizable", "resize", "transfer", "transferToFixedLength"],
    ),
    ("Error", &["isError", "captureStackTrace"]),
];

/// Members that came with runtime 2.0.
const ABSENT_IN_1_0: [(&str, &[&str]); 6] = [
    ("Object", &["getOwnPropertyDescriptors"]),
    ("String.prototype", &["replaceAll"]),
    ("Promise", &["all", "allSettled", "any", "race"]),
    ("Symbol", &["for", "keyFor"]),
    ("RegExp.prototype", &["flags", "sticky"]),
    ("globalThis", &["DataView", "AggregateError"]),
];

/// Members of typed arrays that runtime 1.0 does not have; 2.0 has those before `at`.
const TYPED_ARRAY_2_0: [&str; 14] = [
    "every",
    "filter",
    "find",
    "findIndex",
    "forEach",
    "includes",
    "indexOf",
    "lastIndexOf",
    "map",
    "reduce",
    "reduceRight",
    "reverse",
    "some",
    "sort",
];
const TYPED_ARRAY_ABSENT: [&str; 6] = ["at", "findLast", "findLastIndex", "toReversed", "toSorted", "with"];

/// What is easier said in JavaScript.
const PRELUDE: &str = include_str!("prelude.js");

/// Puts the globals of a runtime in place.
pub(super) fn install(runtime: FunctionRuntime, context: &mut Context) -> JsResult<()> {
    let is_1_0 = runtime == FunctionRuntime::CloudfrontJs1_0;
    let typed_array = context.intrinsics().constructors().typed_array().clone();
    remove(&typed_array.prototype(), &TYPED_ARRAY_ABSENT, context)?;
    if is_1_0 {
        remove(&typed_array.prototype(), &TYPED_ARRAY_2_0, context)?;
        remove(&typed_array.constructor(), &["from", "of"], context)?;
    }
    let tables = [&ABSENT_MEMBERS[..], if is_1_0 { &ABSENT_IN_1_0[..] } else { &[] }];
    for (path, names) in tables.concat() {
        if let Some(object) = at_path(path, context)? {
            remove(&object, names, context)?;
        }
    }
    let global = context.global_object();
    remove(&global, &ABSENT, context)?;
    prelude(is_1_0, context)?;
    bounds::install(context)?;
    json::install(context)?;
    text_coding::install(runtime, context)?;
    settle_first(context)?;

    let console = event::plain_object(context);
    define(&console, "log", native("log", 1, console::log, context), context)?;
    define(&global, "console", console, context)?;
    let math = context.intrinsics().objects().math();
    define(&math, "random", native("random", 0, random, context), context)?;
    Ok(())
}

fn prelude(is_1_0: bool, context: &mut Context) -> JsResult<()> {
    let install = context.eval(Source::from_bytes(PRELUDE))?;
    let install = install.as_callable().expect("the prelude is a function");
    install.call(&JsValue::undefined(), &[context.global_object().into(), is_1_0.into()], context)?;
    Ok(())
}

/// A native function object.
pub(super) fn native(
    name: &'static str,
    length: usize,
    function: fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>,
    context: &mut Context,
) -> JsFunction {
    let function = NativeFunction::from_fn_ptr(function);
    FunctionObjectBuilder::new(context.realm(), function).name(JsString::from(name)).length(length).build()
}

/// Defines a member as built-ins have it: not enumerable.
pub(super) fn define(object: &JsObject, name: &str, value: impl Into<JsValue>, context: &mut Context) -> JsResult<()> {
    let attribute = Attribute::WRITABLE | Attribute::CONFIGURABLE;
    let property = PropertyDescriptor::builder()
        .value(value)
        .writable(attribute.writable())
        .enumerable(attribute.enumerable())
        .configurable(attribute.configurable());
    object.define_property_or_throw(JsString::from(name), property, context)?;
    Ok(())
}

/// The object at `Array.prototype` and the like.
pub(super) fn at_path(path: &str, context: &mut Context) -> JsResult<Option<JsObject>> {
    let mut object = context.global_object();
    for name in path.split('.').filter(|name| *name != "globalThis") {
        match object.get(JsString::from(name), context)?.as_object() {
            Some(next) => object = next,
            None => return Ok(None),
        }
    }
    Ok(Some(object))
}

fn remove(object: &JsObject, names: &[&str], context: &mut Context) -> JsResult<()> {
    for name in names {
        object.delete_property_or_throw(PropertyKey::from(JsString::from(*name)), context)?;
    }
    Ok(())
}

/// `Math.random`: xorshift64*, started anew for each call.
#[allow(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn random(_this: &JsValue, _arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let host = Host::of(context);
    let mut state = host.random.get();
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    host.random.set(state);
    let bits = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
    Ok(JsValue::from(bits as f64 / (1_u64 << 53) as f64))
}

/// Functions that show how a property is made get the event's lazy sections built first.
fn settle_first(context: &mut Context) -> JsResult<()> {
    let object = context.intrinsics().constructors().object().constructor();
    for (name, length) in [
        ("getOwnPropertyDescriptor", 2),
        ("getOwnPropertyDescriptors", 1),
        ("defineProperty", 3),
        ("defineProperties", 2),
        ("freeze", 1),
        ("seal", 1),
    ] {
        let Some(original) = object.get(JsString::from(name), context)?.as_callable() else { continue };
        let function = NativeFunction::from_copy_closure_with_captures(
            |this, arguments, original: &JsObject, context| {
                if let Some(object) = arguments.first().and_then(JsValue::as_object) {
                    event::settle(&object, context)?;
                }
                original.call(this, arguments, context)
            },
            original,
        );
        let function =
            FunctionObjectBuilder::new(context.realm(), function).name(js_string!(name)).length(length).build();
        define(&object, name, function, context)?;
    }
    Ok(())
}
