//! Objects become texts and numbers as ECMAScript says, also within such a conversion of the same object.
//!
//! boa gives `0` or the empty text there, so that a list that contains itself ends. It does so only for objects without a method
//! named by `Symbol.toPrimitive`: each that inherits from `Object.prototype` is given one. `join` knows by itself where it is.

use super::host::Host;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::property::PropertyDescriptor;
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsSymbol, JsValue, NativeFunction, js_string};
use homefront_config::limits::FUNCTION_RECURSION_MAX;

/// Gives them that. For programs that have no way to the symbol.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let convert = FunctionObjectBuilder::new(context.realm(), NativeFunction::from_fn_ptr(convert));
    let convert = convert.name(js_string!("[Symbol.toPrimitive]")).length(1).build();
    let prototype = context.intrinsics().constructors().object().prototype();
    let property = PropertyDescriptor::builder().value(convert).writable(false).enumerable(false).configurable(true);
    prototype.define_property_or_throw(JsSymbol::to_primitive(), property, context)?;
    Ok(())
}

fn convert(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let host = Host::of(context);
    let depth = host.converting.get();
    // What is native all the way down is counted by nobody else.
    if depth >= FUNCTION_RECURSION_MAX {
        return Err(JsNativeError::range().with_message("Maximum call stack size exceeded").into());
    }
    host.converting.set(depth + 1);
    let converted = ordinary(this, arguments, context);
    host.converting.set(depth);
    converted
}

/// ECMA-262, 7.1.1.1 OrdinaryToPrimitive
fn ordinary(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let object = this.to_object(context)?;
    let text_first = arguments.get_or_undefined(0).as_string().is_some_and(|hint| hint == js_string!("string"));
    let (text, number) = (js_string!("toString"), js_string!("valueOf"));
    for name in if text_first { [text, number] } else { [number, text] } {
        if let Some(method) = object.get(name, context)?.as_callable() {
            let value = method.call(this, &[], context)?;
            if !value.is_object() {
                return Ok(value);
            }
        }
    }
    Err(JsNativeError::typ().with_message("cannot convert object to primitive value").into())
}
