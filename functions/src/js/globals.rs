//! The global object as CloudFront's runtimes have it: what boa lacks is added.

use super::host::Host;
use super::{bounds, byte_string, console, event, json, regexp, sort, symbols, text_coding};
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::JsFunction;
use boa_engine::property::{Attribute, PropertyDescriptor};
use boa_engine::value::IntegerOrInfinity;
use boa_engine::{Context, JsObject, JsResult, JsString, JsValue, NativeFunction, Source, js_string};
use homefront_config::function::FunctionRuntime;

/// Globals that no function has, whatever its fidelity: the collector or another thread would show through them.
const ABSENT: [&str; 4] = ["WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics"];

/// What is easier said in JavaScript.
const PRELUDE: &str = include_str!("prelude.js");

/// Puts the globals of a runtime in place; what boa has beyond them is still there ([`super::allowed`] takes it away).
pub(super) fn install(runtime: FunctionRuntime, context: &mut Context) -> JsResult<()> {
    let global = context.global_object();
    for name in ABSENT {
        global.delete_property_or_throw(JsString::from(name), context)?;
    }
    let is_1_0 = runtime == FunctionRuntime::CloudfrontJs1_0;
    prelude(is_1_0, context)?;
    bounds::install(context)?;
    sort::install(context)?;
    symbols::install(context)?;
    json::install(context)?;
    settle_first(context)?;
    let string = context.intrinsics().constructors().string().prototype();
    define(&string, "charCodeAt", native("charCodeAt", 1, char_code_at, context), context)?;
    // boa's give date and time, both.
    let date = context.intrinsics().constructors().date().prototype();
    for (name, same) in [("toLocaleDateString", "toDateString"), ("toLocaleTimeString", "toTimeString")] {
        let method = date.get(JsString::from(same), context)?;
        define(&date, name, method, context)?;
    }
    regexp::install(context)?;
    if is_1_0 {
        byte_string::install(context)?;
    } else {
        text_coding::install(context)?;
    }

    let console = event::plain_object(context);
    define(&console, "log", native("log", 1, console::log, context), context)?;
    define(&global, "console", console, context)?;
    let math = context.intrinsics().objects().math();
    define(&math, "random", native("random", 0, random, context), context)?;
    Ok(())
}

fn prelude(is_1_0: bool, context: &mut Context) -> JsResult<()> {
    let install = context.eval(built_in(PRELUDE))?;
    let install = install.as_callable().expect("the prelude is a function");
    install.call(&JsValue::undefined(), &[context.global_object().into(), is_1_0.into()], context)?;
    Ok(())
}

/// Source of our own. It has a name, so that no error of it seems to be at a line of the function's.
pub(super) fn built_in(source: &str) -> Source<'_, boa_engine::parser::source::UTF8Input<&[u8]>> {
    Source::from_bytes(source).with_path(std::path::Path::new("built-in"))
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

/// ES2023 22.1.3.3, without detours for an index that is an integer: tokens are compared in loops of it.
pub(super) fn char_code_at(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = match this.as_string() {
        Some(text) => text,
        None => this.require_object_coercible()?.to_string(context)?,
    };
    let index = match arguments.first() {
        None => Some(0),
        Some(index) => match index.as_i32() {
            Some(index) => usize::try_from(index).ok(),
            None => match index.to_integer_or_infinity(context)? {
                IntegerOrInfinity::Integer(index) => usize::try_from(index).ok(),
                _ => None,
            },
        },
    };
    Ok(index.and_then(|index| text.code_unit_at(index)).map_or_else(JsValue::nan, JsValue::from))
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
