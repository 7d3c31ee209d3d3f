//! Built-ins that could make something huge at once check first, so that the common accident is an error of the program and
//! not the end of its worker.

use super::globals::{at_path, define};
use super::host::Host;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::string::JsStrVariant;
use boa_engine::{
    Context, JsArgs, JsError, JsNativeError, JsObject, JsResult, JsStr, JsString, JsValue, NativeFunction, js_string,
};
use homefront_config::limits::{FUNCTION_ARRAY_LENGTH_MAX, FUNCTION_RECURSION_MAX, FUNCTION_STRING_LENGTH_MAX};

type Check = fn(&JsValue, &[JsValue], &mut Context) -> JsResult<()>;

/// What is checked before the built-in runs, with the number of its parameters.
const CHECKED: [(&str, &str, usize, Check); 8] = [
    ("String.prototype", "padStart", 1, check_pad),
    ("String.prototype", "padEnd", 1, check_pad),
    ("String.prototype", "concat", 1, check_string_concat),
    ("Array.prototype", "fill", 1, check_array),
    ("Array.prototype", "concat", 1, check_array_concat),
    ("Array.prototype", "copyWithin", 2, check_array),
    ("Array.prototype", "indexOf", 1, check_array),
    ("Array", "from", 1, check_array_from),
];

/// Puts the checks in place.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    for (path, name, length, check) in CHECKED {
        let Some(owner) = at_path(path, context)? else { continue };
        let Some(original) = owner.get(JsString::from(name), context)?.as_callable() else { continue };
        let function = NativeFunction::from_copy_closure_with_captures(
            move |this, arguments, original: &JsObject, context| {
                check(this, arguments, context)?;
                original.call(this, arguments, context)
            },
            original,
        );
        let function =
            FunctionObjectBuilder::new(context.realm(), function).name(JsString::from(name)).length(length).build();
        define(&owner, name, function, context)?;
    }
    let string = context.intrinsics().constructors().string().prototype();
    let repeat = super::globals::native("repeat", 1, repeat, context);
    define(&string, "repeat", repeat, context)?;
    let array = context.intrinsics().constructors().array().prototype();
    let join = super::globals::native("join", 1, join, context);
    define(&array, "join", join, context)
}

/// The error for a string that is too long.
pub(super) fn string_too_long() -> JsError {
    JsNativeError::range().with_message("invalid string length").into()
}

fn array_too_long() -> JsError {
    JsNativeError::range().with_message("Invalid array length").into()
}

/// ES2023 22.1.3.18, with a bound on the length. boa's counts each repetition as a turn of the loop that calls it.
fn repeat(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    if this.is_null_or_undefined() {
        return Err(JsNativeError::typ().with_message("cannot convert null or undefined to object").into());
    }
    let text = this.to_string(context)?;
    let count = arguments.get_or_undefined(0).to_number(context)?;
    let count = if count.is_nan() { 0.0 } else { count.trunc() };
    if count < 0.0 || count.is_infinite() {
        return Err(JsNativeError::range().into());
    }
    if text.len() as f64 * count > FUNCTION_STRING_LENGTH_MAX as f64 {
        return Err(string_too_long());
    }
    // An empty text may be asked for any number of times.
    let count = if text.is_empty() { 0 } else { count as usize };
    Ok(match text.variant() {
        JsStrVariant::Latin1(units) => JsString::from(JsStr::latin1(&units.repeat(count))),
        JsStrVariant::Utf16(units) => JsString::from(units.repeat(count).as_slice()),
    }
    .into())
}

fn check_pad(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<()> {
    let length = arguments.get_or_undefined(0).to_length(context)?;
    if length > FUNCTION_STRING_LENGTH_MAX as u64 { Err(string_too_long()) } else { Ok(()) }
}

fn check_string_concat(this: &JsValue, arguments: &[JsValue], _context: &mut Context) -> JsResult<()> {
    let lengths = std::iter::once(this).chain(arguments).filter_map(|part| Some(part.as_string()?.len()));
    if lengths.sum::<usize>() > FUNCTION_STRING_LENGTH_MAX { Err(string_too_long()) } else { Ok(()) }
}

fn length_of(value: &JsValue, context: &mut Context) -> JsResult<u64> {
    match value.as_object() {
        Some(object) => object.get(js_string!("length"), context)?.to_length(context),
        None => Ok(0),
    }
}

fn check_array(this: &JsValue, _arguments: &[JsValue], context: &mut Context) -> JsResult<()> {
    if length_of(this, context)? > FUNCTION_ARRAY_LENGTH_MAX { Err(array_too_long()) } else { Ok(()) }
}

fn check_array_concat(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<()> {
    let mut length = 0;
    for part in std::iter::once(this).chain(arguments) {
        length += if part.as_object().is_some_and(|object| object.is_array()) { length_of(part, context)? } else { 1 };
    }
    if length > FUNCTION_ARRAY_LENGTH_MAX { Err(array_too_long()) } else { Ok(()) }
}

fn check_array_from(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<()> {
    if length_of(arguments.get_or_undefined(0), context)? > FUNCTION_ARRAY_LENGTH_MAX {
        return Err(array_too_long());
    }
    Ok(())
}

/// ES2023 23.1.3.18, with a bound on length and depth. An array inside itself is an empty string, as everywhere.
fn join(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let object = this.to_object(context)?;
    let length = object.get(js_string!("length"), context)?.to_length(context)?;
    let separator = match arguments.get_or_undefined(0) {
        separator if separator.is_undefined() => js_string!(","),
        separator => separator.to_string(context)?,
    };
    if length > FUNCTION_ARRAY_LENGTH_MAX || separator.len() as u64 * length > FUNCTION_STRING_LENGTH_MAX as u64 {
        return Err(string_too_long());
    }
    let host = Host::of(context);
    if host.joining.borrow().contains(&object) {
        return Ok(js_string!("").into());
    }
    if host.joining.borrow().len() >= FUNCTION_RECURSION_MAX {
        return Err(JsNativeError::range().with_message("Maximum call stack size exceeded").into());
    }
    host.joining.borrow_mut().push(object.clone());
    let joined = join_elements(&object, length, &separator, context);
    host.joining.borrow_mut().pop();
    Ok(joined?.into())
}

fn join_elements(object: &JsObject, length: u64, separator: &JsString, context: &mut Context) -> JsResult<JsString> {
    let mut parts = Vec::with_capacity(length.min(1_024) as usize * 2);
    let mut characters = 0;
    for index in 0..length {
        if index > 0 && !separator.is_empty() {
            parts.push(separator.clone());
        }
        let element = object.get(index, context)?;
        if !element.is_null_or_undefined() {
            let text = element.to_string(context)?;
            characters += text.len();
            if characters > FUNCTION_STRING_LENGTH_MAX {
                return Err(string_too_long());
            }
            parts.push(text);
        }
    }
    Ok(JsString::from(parts.as_slice()))
}
