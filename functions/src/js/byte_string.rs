//! Byte strings of runtime 1.0: what `toUTF8`, `toBytes`, `String.bytesFrom` and `digest()` give.
//!
//! In CloudFront's engine every string is bytes, and one that is no text has a character for each of them. boa's strings are UTF-16.
//! So here a byte above 127 is a unit that no text has, a low surrogate that stands alone, and whatever leaves the engine, is hashed, or
//! is parsed has the bytes again. What is decoded, and is UTF-8 as a whole, is the text that it is: that is what programs decode for.
//! A digest is bytes whatever they are.

use super::bytes::Encoding;
use super::globals::{char_code_at, define, native};
use super::text::utf8;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::{JsArray, JsFunction};
use boa_engine::{
    Context, JsArgs, JsNativeError, JsObject, JsResult, JsStr, JsString, JsValue, NativeFunction, js_string,
};
use homefront_config::function::FunctionRuntime;
use homefront_config::limits::FUNCTION_ARRAY_LENGTH_MAX;
use std::cell::Cell;
use std::fmt::Write as _;

/// The unit for byte 0.
const BASE: u16 = 0xdc00;

thread_local! {
    /// Whether the program that runs on this thread has byte strings: to others such a unit is half of a character.
    static THERE_ARE: Cell<bool> = const { Cell::new(false) };
}

/// A program of that runtime is about to run on this thread.
pub(super) fn enter(runtime: FunctionRuntime) {
    THERE_ARE.set(runtime == FunctionRuntime::CloudfrontJs1_0);
}

/// The byte that a unit stands for.
fn byte_of(unit: u16) -> Option<u8> {
    u8::try_from(unit.checked_sub(BASE)?).ok().filter(|byte| !byte.is_ascii() && THERE_ARE.get())
}

/// A string with a character for each byte.
pub(super) fn byte_string(bytes: &[u8]) -> JsString {
    if bytes.is_ascii() {
        return JsString::from(JsStr::latin1(bytes));
    }
    let unit = |byte: &u8| if byte.is_ascii() { u16::from(*byte) } else { BASE + u16::from(*byte) };
    JsString::from(bytes.iter().map(unit).collect::<Vec<_>>().as_slice())
}

/// The text that bytes are in UTF-8, or else a string with a character for each.
pub(super) fn decoded(bytes: &[u8]) -> JsString {
    match std::str::from_utf8(bytes) {
        Ok(text) => JsString::from(text),
        Err(_) => byte_string(bytes),
    }
}

/// Whether it is a text with bytes in it that are none.
pub(super) fn has_bytes(text: &JsString) -> bool {
    let lone = |unit: Result<char, std::char::DecodeUtf16Error>| {
        unit.is_err_and(|error| byte_of(error.unpaired_surrogate()).is_some())
    };
    text.as_str().as_latin1().is_none() && char::decode_utf16(text.iter()).any(lone)
}

/// The bytes of a text in UTF-8, and those that it has besides. Other lone surrogates become U+FFFD.
pub(super) fn bytes_of(text: &JsString) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for unit in char::decode_utf16(text.iter()) {
        let character = match unit {
            Ok(character) => character,
            Err(error) => match byte_of(error.unpaired_surrogate()) {
                Some(byte) => {
                    bytes.push(byte);
                    continue;
                }
                None => char::REPLACEMENT_CHARACTER,
            },
        };
        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    bytes
}

/// What `JSON.stringify` gives, where bytes are escaped as halves of characters are, with the bytes themselves.
pub(super) fn unescaped(json: &JsString) -> JsString {
    const BACKSLASH: u16 = b'\\' as u16;
    if !THERE_ARE.get() || !json.iter().any(|unit| unit == BACKSLASH) {
        return json.clone();
    }
    let units: Vec<u16> = json.iter().collect();
    let (mut out, mut rest) = (Vec::with_capacity(units.len()), units.as_slice());
    while let Some(&unit) = rest.first() {
        let taken = if unit != BACKSLASH {
            out.push(unit);
            1
        } else if let Some(byte) = escaped_byte(rest) {
            out.push(byte);
            6
        } else {
            // What is escaped begins no escape.
            out.extend(rest.iter().take(2));
            2
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    JsString::from(out.as_slice())
}

/// The byte whose escape these units begin with.
fn escaped_byte(units: &[u16]) -> Option<u16> {
    let escape = String::from_utf16(units.get(..6)?).ok()?;
    let unit = u16::from_str_radix(escape.strip_prefix("\\u")?, 16).ok()?;
    byte_of(unit).map(|_| unit)
}

/// Puts the methods of runtime 1.0 in place.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let string = context.intrinsics().constructors().string().clone();
    define(&string.constructor(), "bytesFrom", native("bytesFrom", 2, bytes_from, context), context)?;
    let prototype = string.prototype();
    for (name, length, function) in [
        ("fromBytes", 2, from_bytes as Native),
        ("toBytes", 2, to_bytes),
        ("fromUTF8", 2, from_utf8),
        ("toUTF8", 2, to_utf8),
        ("charCodeAt", 1, code_at),
        ("codePointAt", 1, code_point_at),
        ("toString", 0, to_string),
    ] {
        define(&prototype, name, native(name, length, function, context), context)?;
    }
    let global = context.global_object();
    for (name, reserved) in [("encodeURIComponent", ""), ("encodeURI", ";/?:@&=+$,#")] {
        let Some(original) = global.get(JsString::from(name), context)?.as_callable() else { continue };
        define(&global, name, percent_encoding(name, reserved, original, context), context)?;
    }
    let json = context.intrinsics().objects().json();
    let stringify = json.get(js_string!("stringify"), context)?.as_callable();
    if let Some(stringify) = stringify {
        define(&json, "stringify", with_bytes(stringify, context), context)?;
    }
    Ok(())
}

type Native = fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>;

fn this_text(this: &JsValue, context: &mut Context) -> JsResult<JsString> {
    match this.as_string() {
        Some(text) => Ok(text),
        None => this.require_object_coercible()?.to_string(context),
    }
}

/// `start` and `end` as `slice` takes them.
fn sliced(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsString> {
    let text = this_text(this, context)?;
    let length = text.len() as f64;
    let mut place = |index: usize, default: f64| -> JsResult<usize> {
        let value = arguments.get_or_undefined(index);
        let place = if value.is_undefined() { default } else { value.to_number(context)? };
        let place = if place.is_nan() { 0.0 } else { place.trunc() };
        Ok(if place < 0.0 { (length + place).max(0.0) } else { place.min(length) } as usize)
    };
    let (start, end) = (place(0, 0.0)?, place(1, length)?);
    Ok(text.slice(start.min(end), end))
}

/// hex, base64 or base64url.
fn encoding(name: &JsString) -> JsResult<Encoding> {
    let name = utf8(name);
    Encoding::by_name(&name)
        .filter(|encoding| *encoding != Encoding::Utf8)
        .ok_or_else(|| JsNativeError::typ().with_message(format!("Unknown encoding: \"{name}\"")).into())
}

/// `String.bytesFrom(array | string, encoding)`
fn bytes_from(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let source = arguments.get_or_undefined(0);
    if let Some(text) = source.as_string() {
        let encoding = encoding(&arguments.get_or_undefined(1).to_string(context)?)?;
        return Ok(decoded(&encoding.decode(&text)).into());
    }
    let array = source.as_object().and_then(|object| JsArray::from_object(object).ok());
    let Some(array) = array else {
        return Err(JsNativeError::typ().with_message("value must be a string or array").into());
    };
    let mut bytes = Vec::new();
    for index in 0..array.length(context)?.min(FUNCTION_ARRAY_LENGTH_MAX) {
        bytes.push(array.get(index, context)?.to_uint8(context)?);
    }
    Ok(decoded(&bytes).into())
}

/// Each byte becomes the character of that code; a text stays as it is.
fn from_bytes(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = sliced(this, arguments, context)?;
    Ok(if has_bytes(&text) { JsString::from(JsStr::latin1(&bytes_of(&text))) } else { text }.into())
}

/// A byte string of characters below 256; `null` when there is a larger one.
fn to_bytes(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = sliced(this, arguments, context)?;
    let bytes = match text.as_str().as_latin1() {
        Some(bytes) => Some(bytes.to_vec()),
        None => text.iter().map(|unit| byte_of(unit).or_else(|| u8::try_from(unit).ok())).collect(),
    };
    Ok(bytes.map_or_else(JsValue::null, |bytes| byte_string(&bytes).into()))
}

/// Reads a byte string as UTF-8; `null` when it is none. A text stays as it is.
fn from_utf8(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = sliced(this, arguments, context)?;
    if !has_bytes(&text) {
        return Ok(text.into());
    }
    let decoded = String::from_utf8(bytes_of(&text)).ok();
    Ok(decoded.map_or_else(JsValue::null, |text| JsString::from(text).into()))
}

/// The UTF-8 of a string, as a byte string.
fn to_utf8(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = sliced(this, arguments, context)?;
    Ok(byte_string(&bytes_of(&text)).into())
}

fn code_at(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = this_text(this, context)?;
    let code = char_code_at(&text.clone().into(), arguments, context)?;
    Ok(byte_at(&text, &code, arguments, context)?.unwrap_or(code))
}

fn code_point_at(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = this_text(this, context)?;
    let index = arguments.get_or_undefined(0).to_integer_or_infinity(context)?;
    let index = index.as_integer().and_then(|index| usize::try_from(index).ok()).filter(|index| *index < text.len());
    let Some(index) = index else { return Ok(JsValue::undefined()) };
    let code = text.code_point_at(index).as_u32();
    Ok(byte_at(&text, &code.into(), arguments, context)?.unwrap_or_else(|| code.into()))
}

/// The byte at a place, if the unit there is one and no part of a character.
fn byte_at(text: &JsString, code: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<Option<JsValue>> {
    let byte = code.as_number().filter(|code| *code >= f64::from(BASE)).and_then(|code| byte_of(code as u16));
    let Some(byte) = byte else { return Ok(None) };
    let index = arguments.get_or_undefined(0).to_integer_or_infinity(context)?.as_integer().unwrap_or_default();
    let before = usize::try_from(index).ok().and_then(|index| text.code_unit_at(index.checked_sub(1)?));
    let is_of_pair = before.is_some_and(|unit| (0xd800..0xdc00).contains(&unit));
    Ok((!is_of_pair).then(|| byte.into()))
}

/// Without an encoding as in ES5.1, 15.5.4.2.
fn to_string(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let boxed = || this.as_object().filter(|object| object.is::<JsString>());
    let text = match this.as_string() {
        Some(text) => text,
        None if boxed().is_some() => {
            boxed().and_then(|object| object.downcast_ref::<JsString>().map(|text| text.clone())).unwrap_or_default()
        }
        None => return Err(JsNativeError::typ().with_message("unexpected value type").into()),
    };
    let _ = context;
    let Some(name) = arguments.first() else { return Ok(text.into()) };
    let Some(name) = name.as_string() else {
        return Err(JsNativeError::typ().with_message("encoding must be a string").into());
    };
    Ok(encoding(&name)?.encode(&bytes_of(&text)).into())
}

/// A global that percent-encodes; bytes of their own, too.
fn percent_encoding(name: &'static str, reserved: &'static str, original: JsObject, context: &Context) -> JsFunction {
    let function = NativeFunction::from_copy_closure_with_captures(
        move |this, arguments, original: &JsObject, context| {
            let text = arguments.get_or_undefined(0).to_string(context)?;
            if !has_bytes(&text) {
                return original.call(this, &[text.into()], context);
            }
            let mut encoded = String::new();
            for byte in bytes_of(&text) {
                let stays = byte.is_ascii_alphanumeric() || "-_.!~*'()".contains(char::from(byte));
                if stays || (byte.is_ascii() && reserved.contains(char::from(byte))) {
                    encoded.push(char::from(byte));
                } else {
                    let _ = write!(encoded, "%{byte:02X}");
                }
            }
            Ok(JsString::from(encoded).into())
        },
        original,
    );
    FunctionObjectBuilder::new(context.realm(), function).name(JsString::from(name)).length(1).build()
}

/// `JSON.stringify`, in what it gives bytes are bytes.
fn with_bytes(stringify: JsObject, context: &Context) -> JsFunction {
    let function = NativeFunction::from_copy_closure_with_captures(
        |this, arguments, stringify: &JsObject, context| {
            let json = stringify.call(this, arguments, context)?;
            Ok(json.as_string().map_or(json.clone(), |text| unescaped(&text).into()))
        },
        stringify,
    );
    FunctionObjectBuilder::new(context.realm(), function).name(js_string!("stringify")).length(3).build()
}
