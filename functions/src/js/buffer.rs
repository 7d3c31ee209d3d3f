//! `Buffer` (runtime 2.0): a `Uint8Array` with the documented members.

mod numbers;
mod search;
mod statics;

use super::bytes::{Encoding, uint8_array};
use super::event::{data, plain_object};
use super::globals::{define, native};
use super::host::Host;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::{JsArray, JsArrayBuffer, JsTypedArray};
use boa_engine::property::PropertyDescriptor;
use boa_engine::{
    Context, JsArgs, JsError, JsNativeError, JsObject, JsResult, JsString, JsSymbol, JsValue, NativeFunction, js_string,
};

/// Makes the module, and the global `Buffer`.
pub(super) fn module(context: &mut Context) -> JsResult<JsObject> {
    let uint8 = context.intrinsics().constructors().typed_uint8_array().clone();
    let prototype = plain_object(context);
    prototype.set_prototype(Some(uint8.prototype()));
    let function = |function, name, context: &Context| {
        FunctionObjectBuilder::new(context.realm(), NativeFunction::from_fn_ptr(function))
            .name(name)
            .length(2)
            .constructor(true)
            .build()
    };
    let constructor = function(refuse, js_string!("Buffer"), context);
    // Typed array methods such as `map` make their results with it.
    let species = function(construct, js_string!("Buffer"), context);
    let unseen = PropertyDescriptor::builder().value(species).writable(false).enumerable(false).configurable(false);
    constructor.define_property_or_throw(JsSymbol::species(), unseen, context)?;
    constructor.set_prototype(Some(uint8.constructor()));
    let fixed = PropertyDescriptor::builder().value(prototype.clone()).writable(false).enumerable(false);
    constructor.define_property_or_throw(js_string!("prototype"), fixed.configurable(false), context)?;
    define(&prototype, "constructor", constructor.clone(), context)?;
    statics::install(&constructor, context)?;
    numbers::install(&prototype, context)?;
    search::install(&prototype, context)?;
    for (name, length, function) in METHODS {
        define(&prototype, name, native(name, *length, *function, context), context)?;
    }
    Host::of(context).prototypes.borrow_mut().buffer = Some(prototype);
    define(&context.global_object(), "Buffer", constructor.clone(), context)?;
    let module = plain_object(context);
    data(&module, js_string!("Buffer"), constructor);
    Ok(module)
}

type Native = fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>;

const METHODS: &[(&str, usize, Native)] = &[
    ("copy", 4, copy),
    ("fill", 4, fill),
    ("slice", 2, subarray),
    ("subarray", 2, subarray),
    ("swap16", 0, |this, _, context| swap(this, 2, context)),
    ("swap32", 0, |this, _, context| swap(this, 4, context)),
    ("swap64", 0, |this, _, context| swap(this, 8, context)),
    ("toJSON", 0, to_json),
    ("toString", 3, to_string),
    ("write", 4, write),
];

/// The bytes a buffer shows of its ArrayBuffer.
struct View {
    buffer: JsArrayBuffer,
    start: usize,
    length: usize,
}

impl View {
    fn of(object: &JsObject, context: &mut Context) -> JsResult<Self> {
        let array = JsTypedArray::from_object(object.clone())?;
        let buffer = array.buffer(context)?.as_object().ok_or_else(detached)?;
        Ok(Self {
            buffer: JsArrayBuffer::from_object(buffer)?,
            start: array.byte_offset(context)?,
            length: array.byte_length(context)?,
        })
    }

    fn of_this(this: &JsValue, context: &mut Context) -> JsResult<Self> {
        let object = this.as_object().ok_or_else(|| needs_buffer("\"this\""))?;
        Self::of(&object, context).map_err(|_| needs_buffer("\"this\""))
    }

    fn of_argument(value: &JsValue, name: &str, context: &mut Context) -> JsResult<Self> {
        let object = value.as_object().ok_or_else(|| needs_buffer(name))?;
        Self::of(&object, context).map_err(|_| needs_buffer(name))
    }

    fn read<T>(&self, read: impl FnOnce(&[u8]) -> T) -> JsResult<T> {
        let data = self.buffer.data().ok_or_else(detached)?;
        Ok(read(data.get(self.start..self.start + self.length).ok_or_else(detached)?))
    }

    fn write<T>(&self, write: impl FnOnce(&mut [u8]) -> T) -> JsResult<T> {
        let mut data = self.buffer.data_mut().ok_or_else(detached)?;
        Ok(write(data.get_mut(self.start..self.start + self.length).ok_or_else(detached)?))
    }
}

fn detached() -> JsError {
    JsNativeError::typ().with_message("detached buffer").into()
}

fn needs_buffer(name: &str) -> JsError {
    JsNativeError::typ().with_message(format!("{name} argument must be an instance of Buffer or Uint8Array")).into()
}

/// An index argument within `0..=max`; nothing means `default`.
fn place(value: &JsValue, default: usize, max: usize, context: &mut Context) -> JsResult<usize> {
    if value.is_undefined() {
        return Ok(default);
    }
    let number = value.to_number(context)?;
    let number = if number.is_nan() { 0.0 } else { number.trunc() };
    if number < 0.0 || number > max as f64 {
        return Err(out_of_bounds(number));
    }
    Ok(number as usize)
}

fn out_of_bounds(number: f64) -> JsError {
    JsNativeError::range().with_message(format!("index {number} is outside the bound of the buffer")).into()
}

/// An index as `slice` takes it: negative from the end, cut to the length.
fn relative(value: &JsValue, default: usize, length: usize, context: &mut Context) -> JsResult<usize> {
    if value.is_undefined() {
        return Ok(default);
    }
    let number = value.to_number(context)?;
    let number = if number.is_nan() { 0.0 } else { number.trunc() };
    let number = if number < 0.0 { number + length as f64 } else { number };
    Ok(number.clamp(0.0, length as f64) as usize)
}

/// A Buffer of its own bytes.
fn made(bytes: &[u8], context: &mut Context) -> JsResult<JsValue> {
    Ok(as_buffer(uint8_array(bytes, context)?, context))
}

fn as_buffer(array: JsObject, context: &Context) -> JsValue {
    array.set_prototype(Host::of(context).prototypes.borrow().buffer.clone());
    array.into()
}

/// A Buffer over bytes that are another's.
fn shared(buffer: &JsArrayBuffer, start: usize, length: usize, context: &mut Context) -> JsResult<JsValue> {
    let constructor = context.intrinsics().constructors().typed_uint8_array().constructor();
    let arguments = [JsValue::from(buffer.clone()), start.into(), length.into()];
    let array = constructor.construct(&arguments, None, context)?;
    Ok(as_buffer(array, context))
}

/// `new Buffer(…)` and `Buffer(…)`, in njs's words: buffers are made by `Buffer.from` and `Buffer.alloc`.
fn refuse(_this: &JsValue, _arguments: &[JsValue], _context: &mut Context) -> JsResult<JsValue> {
    Err(JsNativeError::typ().with_message("Buffer is not a constructor").into())
}

fn construct(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let constructor = context.intrinsics().constructors().typed_uint8_array().constructor();
    let array = constructor.construct(arguments, None, context)?;
    Ok(as_buffer(array, context))
}

fn to_string(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    let encoding = Encoding::from_argument(arguments.get_or_undefined(0))?;
    let start = relative(arguments.get_or_undefined(1), 0, view.length, context)?;
    let end = relative(arguments.get_or_undefined(2), view.length, view.length, context)?;
    view.read(|bytes| encoding.encode(&bytes[start.min(end)..end])).map(JsValue::from)
}

fn to_json(this: &JsValue, _arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    let bytes: Vec<JsValue> = view.read(|bytes| bytes.iter().map(|byte| JsValue::from(*byte)).collect())?;
    let object = plain_object(context);
    data(&object, js_string!("type"), js_string!("Buffer"));
    data(&object, js_string!("data"), JsArray::from_iter(bytes, context));
    Ok(object.into())
}

/// `write(string[, offset[, length]][, encoding])`
fn write(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    let Some(text) = arguments.get_or_undefined(0).as_string() else {
        return Err(JsNativeError::typ().with_message("first argument must be a string").into());
    };
    let numbers: Vec<&JsValue> = arguments[1..].iter().take_while(|value| !value.is_string()).take(2).collect();
    let encoding = arguments.get(1 + numbers.len()).cloned().unwrap_or_default();
    let encoding = Encoding::from_argument(&encoding)?;
    let none = JsValue::undefined();
    let start = place(numbers.first().copied().unwrap_or(&none), 0, view.length, context)?;
    let room = view.length - start;
    let room = place(numbers.get(1).copied().unwrap_or(&none), room, usize::MAX, context)?.min(room);
    let bytes = encoding.decode(&text);
    let mut length = bytes.len().min(room);
    while encoding == Encoding::Utf8 && length < bytes.len() && length > 0 && bytes[length] & 0xc0 == 0x80 {
        // No part of a character is written.
        length -= 1;
    }
    view.write(|target| target[start..start + length].copy_from_slice(&bytes[..length]))?;
    Ok(length.into())
}

/// `copy(target[, targetStart[, sourceStart[, sourceEnd]]])`
fn copy(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    let target = View::of_argument(arguments.get_or_undefined(0), "\"target\"", context)?;
    let target_start = place(arguments.get_or_undefined(1), 0, target.length, context)?;
    let start = place(arguments.get_or_undefined(2), 0, view.length, context)?;
    let end = place(arguments.get_or_undefined(3), view.length, usize::MAX, context)?.min(view.length);
    let length = end.saturating_sub(start).min(target.length - target_start);
    let bytes = view.read(|bytes| bytes[start..start + length].to_vec())?;
    target.write(|target| target[target_start..target_start + length].copy_from_slice(&bytes))?;
    Ok(length.into())
}

/// `fill(value[, offset[, end]][, encoding])`
fn fill(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    let value = arguments.get_or_undefined(0);
    let numbers: Vec<&JsValue> = arguments.iter().skip(1).take_while(|value| !value.is_string()).take(2).collect();
    let none = JsValue::undefined();
    let start = place(numbers.first().copied().unwrap_or(&none), 0, view.length, context)?;
    let end = place(numbers.get(1).copied().unwrap_or(&none), view.length, view.length, context)?;
    let encoding = arguments.get(1 + numbers.len()).cloned().unwrap_or_default();
    let pattern = filling(value, &encoding, context)?;
    view.write(|bytes| {
        let target = bytes.get_mut(start..end).unwrap_or_default();
        for (byte, with) in target.iter_mut().zip(pattern.iter().cycle()) {
            *byte = *with;
        }
    })?;
    Ok(this.clone())
}

/// The bytes that `fill` and `alloc` repeat; never none.
fn filling(value: &JsValue, encoding: &JsValue, context: &mut Context) -> JsResult<Vec<u8>> {
    let pattern = if let Some(text) = value.as_string() {
        Encoding::from_argument(encoding)?.decode(&text)
    } else if let Some(object) = value.as_object() {
        View::of(&object, context)?.read(<[u8]>::to_vec)?
    } else {
        vec![value.to_uint8(context)?]
    };
    Ok(if pattern.is_empty() { vec![0] } else { pattern })
}

fn subarray(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    let start = relative(arguments.get_or_undefined(0), 0, view.length, context)?;
    let end = relative(arguments.get_or_undefined(1), view.length, view.length, context)?;
    shared(&view.buffer, view.start + start, end.saturating_sub(start), context)
}

fn swap(this: &JsValue, width: usize, context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    if view.length % width != 0 {
        let message = format!("Buffer size must be a multiple of {}-bits", width * 8);
        return Err(JsNativeError::range().with_message(message).into());
    }
    view.write(|bytes| bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse))?;
    Ok(this.clone())
}

/// Bytes from a value that a Buffer method compares or searches with.
fn pattern_of(value: &JsValue, encoding: &JsValue, context: &mut Context) -> JsResult<Vec<u8>> {
    if let Some(text) = value.as_string() {
        return Ok(Encoding::from_argument(encoding)?.decode(&text));
    }
    if let Some(object) = value.as_object() {
        return View::of_argument(&object.into(), "\"value\"", context)?.read(<[u8]>::to_vec);
    }
    Ok(vec![value.to_uint8(context)?])
}

/// Name of a member built from parts, such as `readInt16LE`.
fn member_name(parts: &[&str]) -> JsString {
    JsString::from(parts.concat())
}
