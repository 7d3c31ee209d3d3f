//! `Buffer.from`, `Buffer.alloc` and the other functions of the constructor.

use super::{Native, View, filling, made, shared};
use crate::js::bytes::{Encoding, not_buffer_like, of_data, of_view};
use crate::js::globals::{define, native};
use crate::js::host::Host;
use crate::js::text::utf8;
use boa_engine::object::builtins::{JsArray, JsArrayBuffer, JsTypedArray};
use boa_engine::{Context, JsArgs, JsNativeError, JsObject, JsResult, JsValue, js_string};
use homefront_config::limits::{FUNCTION_ARRAY_LENGTH_MAX, FUNCTION_BUFFER_BYTES_MAX, FUNCTION_RECURSION_MAX};
use std::ops::ControlFlow;

const STATICS: &[(&str, usize, Native)] = &[
    ("alloc", 3, alloc),
    ("allocUnsafe", 1, alloc),
    ("byteLength", 2, byte_length),
    ("compare", 2, compare),
    ("concat", 2, concat),
    ("from", 3, from),
    ("isBuffer", 1, is_buffer),
    ("isEncoding", 1, is_encoding),
];

pub(super) fn install(constructor: &JsObject, context: &mut Context) -> JsResult<()> {
    for (name, length, function) in STATICS {
        define(constructor, name, native(name, *length, *function, context), context)?;
    }
    Ok(())
}

fn size(value: &JsValue) -> JsResult<usize> {
    let Some(number) = value.as_number() else {
        return Err(JsNativeError::typ().with_message("\"size\" argument must be of type number").into());
    };
    if !(0.0..=FUNCTION_BUFFER_BYTES_MAX as f64).contains(&number) {
        return Err(JsNativeError::range().with_message("invalid size").into());
    }
    Ok(number as usize)
}

fn alloc(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let size = size(arguments.get_or_undefined(0))?;
    let fill = arguments.get_or_undefined(1);
    if fill.is_undefined() {
        return made(&vec![0; size], context);
    }
    let pattern = filling(fill, arguments.get_or_undefined(2), context)?;
    let bytes: Vec<u8> = pattern.iter().copied().cycle().take(size).collect();
    made(&bytes, context)
}

fn byte_length(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let value = arguments.get_or_undefined(0);
    let bytes = match value.as_string() {
        Some(text) => Encoding::from_argument(arguments.get_or_undefined(1))?.decode(&text),
        None => of_data(value, "first argument {}", context)?,
    };
    Ok(bytes.len().into())
}

fn compare(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let left = View::of_argument(arguments.get_or_undefined(0), "\"source\"", context)?.read(<[u8]>::to_vec)?;
    let right = View::of_argument(arguments.get_or_undefined(1), "\"target\"", context)?.read(<[u8]>::to_vec)?;
    Ok((left.cmp(&right) as i32).into())
}

/// `concat(list[, totalLength])`
fn concat(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let list = arguments.get_or_undefined(0).as_object().and_then(|list| JsArray::from_object(list).ok());
    let Some(list) = list else {
        return Err(JsNativeError::typ().with_message("\"list\" argument must be an instance of Array").into());
    };
    let mut bytes = Vec::new();
    for index in 0..list.length(context)? {
        let element = list.get(index, context)?;
        let part = View::of_argument(&element, &format!("\"list[{index}]\""), context)?.read(<[u8]>::to_vec)?;
        if (bytes.len() + part.len()) as u64 > FUNCTION_BUFFER_BYTES_MAX {
            return Err(JsNativeError::range().with_message("invalid size").into());
        }
        bytes.extend(part);
    }
    if !arguments.get_or_undefined(1).is_undefined() {
        bytes.resize(size(arguments.get_or_undefined(1))?, 0);
    }
    made(&bytes, context)
}

fn from(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let mut value = arguments.get_or_undefined(0).clone();
    // What an object's `valueOf` gives may have a `valueOf` of its own, and so on.
    for _ in 0..FUNCTION_RECURSION_MAX {
        match from_value(&value, arguments, context)? {
            ControlFlow::Break(made) => return Ok(made),
            ControlFlow::Continue(next) => value = next,
        }
    }
    Err(JsNativeError::range().with_message("Maximum call stack size exceeded").into())
}

/// A Buffer of a value, or the value to make it of instead.
fn from_value(
    value: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<ControlFlow<JsValue, JsValue>> {
    if let Some(text) = value.as_string() {
        let bytes = Encoding::from_argument(arguments.get_or_undefined(1))?.decode(&text);
        return made(&bytes, context).map(ControlFlow::Break);
    }
    let Some(object) = value.as_object() else {
        return Err(not_buffer_like("first argument {}", value));
    };
    if let Ok(buffer) = JsArrayBuffer::from_object(object.clone()) {
        return over(&buffer, arguments, context).map(ControlFlow::Break);
    }
    if JsTypedArray::from_object(object.clone()).is_ok() {
        // Elements, not bytes, as with any array.
        let is_bytes = boa_engine::object::builtins::JsUint8Array::from_object(object.clone()).is_ok();
        let made = match of_view(&object, context)? {
            Some(bytes) if is_bytes => made(&bytes, context),
            _ => from_array_like(&object, context),
        };
        return made.map(ControlFlow::Break);
    }
    if !object.is_array() {
        let inner = object.get(js_string!("data"), context)?;
        let named = object.get(js_string!("type"), context)?.as_string().is_some_and(|name| name == "Buffer");
        if let (true, Some(inner)) = (named, inner.as_object()) {
            return from_array_like(&inner, context).map(ControlFlow::Break);
        }
        let value_of = object.get(js_string!("valueOf"), context)?.as_callable();
        if let Some(value_of) = value_of {
            let primitive = value_of.call(&object.clone().into(), &[], context)?;
            if primitive.is_string() || primitive.as_object().is_some_and(|other| other != object) {
                return Ok(ControlFlow::Continue(primitive));
            }
        }
    }
    from_array_like(&object, context).map(ControlFlow::Break)
}

/// `from(arrayBuffer[, byteOffset[, length]])` shares the memory.
fn over(buffer: &JsArrayBuffer, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let whole = buffer.byte_length();
    let start = super::place(arguments.get_or_undefined(1), 0, whole, context)?;
    let length = super::place(arguments.get_or_undefined(2), whole - start, whole - start, context)?;
    shared(buffer, start, length, context)
}

fn from_array_like(object: &JsObject, context: &mut Context) -> JsResult<JsValue> {
    let length = object.get(js_string!("length"), context)?.to_length(context)?;
    if length > FUNCTION_ARRAY_LENGTH_MAX {
        return Err(JsNativeError::range().with_message("invalid size").into());
    }
    let mut bytes = Vec::with_capacity(length as usize);
    for index in 0..length {
        bytes.push(object.get(index, context)?.to_uint8(context)?);
    }
    made(&bytes, context)
}

#[allow(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn is_buffer(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let prototype = Host::of(context).prototypes.borrow().buffer.clone();
    let mut next = arguments.get_or_undefined(0).as_object().and_then(|object| object.prototype());
    while let Some(object) = next {
        if Some(&object) == prototype.as_ref() {
            return Ok(true.into());
        }
        next = object.prototype();
    }
    Ok(false.into())
}

#[allow(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn is_encoding(_this: &JsValue, arguments: &[JsValue], _context: &mut Context) -> JsResult<JsValue> {
    let name = arguments.get_or_undefined(0).as_string().map(|name| utf8(&name));
    Ok(name.is_some_and(|name| Encoding::by_name(&name).is_some()).into())
}
