//! `TextEncoder`, `TextDecoder`, `atob` and `btoa` of runtime 2.0.

use super::bytes::{Encoding, of_view, uint8_array};
use super::event::{data, plain_object};
use super::globals::{built_in, define, native};
use super::text::{bytes_of_latin1, utf8};
use boa_engine::object::builtins::JsUint8Array;
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsStr, JsString, JsValue, js_string};

/// The classes, given the natives they stand on.
const CLASSES: &str = include_str!("text_coding.js");

/// Puts them in place.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let global = context.global_object();
    define(&global, "atob", native("atob", 1, atob, context), context)?;
    define(&global, "btoa", native("btoa", 1, btoa, context), context)?;
    let natives = [
        native("encode", 1, encode, context).into(),
        native("encodeInto", 2, encode_into, context).into(),
        native("decode", 5, decode, context).into(),
    ];
    let install = context.eval(built_in(CLASSES))?.as_callable().expect("it is a function");
    let mut arguments = vec![JsValue::from(global)];
    arguments.extend(natives);
    install.call(&JsValue::undefined(), &arguments, context)?;
    Ok(())
}

fn invalid_character() -> boa_engine::JsError {
    JsNativeError::typ().with_message("invalid character (>= U+00FF)").into()
}

fn btoa(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = arguments.get_or_undefined(0).to_string(context)?;
    let bytes = bytes_of_latin1(&text).ok_or_else(invalid_character)?;
    Ok(Encoding::Base64.encode(&bytes).into())
}

fn atob(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let refuse = || JsNativeError::typ().with_message("the string to be decoded is not correctly encoded");
    let text = utf8(&arguments.get_or_undefined(0).to_string(context)?);
    let compact: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    let digits = match compact.len() % 4 {
        0 => compact.strip_suffix("==").or_else(|| compact.strip_suffix('=')).unwrap_or(&compact),
        _ => &compact,
    };
    let valid = digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    if !valid || digits.len() % 4 == 1 {
        return Err(refuse().into());
    }
    Ok(JsString::from(JsStr::latin1(&Encoding::Base64.decode(&JsString::from(digits)))).into())
}

fn encode(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = match arguments.get_or_undefined(0) {
        value if value.is_undefined() => js_string!(""),
        value => value.to_string(context)?,
    };
    Ok(uint8_array(utf8(&text).as_bytes(), context)?.into())
}

/// As many whole characters as fit; says how much was read (UTF-16 units) and written (bytes).
fn encode_into(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = utf8(&arguments.get_or_undefined(0).to_string(context)?);
    let target = arguments.get_or_undefined(1).as_object().and_then(|object| JsUint8Array::from_object(object).ok());
    let Some(target) = target else {
        return Err(JsNativeError::typ()
            .with_message("The \"destination\" argument must be an instance of Uint8Array")
            .into());
    };
    let room = target.length(context)?;
    let (mut read, mut written) = (0, 0);
    for character in text.chars() {
        if written + character.len_utf8() > room {
            break;
        }
        let mut units = [0; 4];
        for byte in character.encode_utf8(&mut units).bytes() {
            boa_engine::JsObject::from(target.clone()).set(written, JsValue::from(byte), true, context)?;
            written += 1;
        }
        read += character.len_utf16();
    }
    let result = plain_object(context);
    data(&result, js_string!("read"), read as u32);
    data(&result, js_string!("written"), written as u32);
    Ok(result.into())
}

/// `(view, fatal, ignoreBOM, pending, stream)`: the text; of a stream, the text, the bytes of a character that has not ended yet,
/// and whether there were any before them.
fn decode(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let mut bytes = given_bytes(arguments.get_or_undefined(3), context)?;
    bytes.extend(given_bytes(arguments.get_or_undefined(0), context)?);
    let flag = |index: usize| arguments.get_or_undefined(index).to_boolean();
    let (fatal, ignore_bom, stream) = (flag(1), flag(2), flag(4));
    let (whole, pending) = bytes.split_at(if stream { whole_characters(&bytes) } else { bytes.len() });
    let text = if ignore_bom { whole } else { whole.strip_prefix(b"\xef\xbb\xbf").unwrap_or(whole) };
    if fatal && std::str::from_utf8(text).is_err() {
        return Err(JsNativeError::typ().with_message("The encoded data was not valid").into());
    }
    let text = Encoding::Utf8.encode(text);
    if !stream {
        return Ok(text.into());
    }
    let result = plain_object(context);
    data(&result, js_string!("text"), text);
    data(&result, js_string!("pending"), uint8_array(pending, context)?);
    data(&result, js_string!("begun"), !whole.is_empty());
    Ok(result.into())
}

/// The bytes of a view; none for nothing.
fn given_bytes(value: &JsValue, context: &mut Context) -> JsResult<Vec<u8>> {
    if value.is_undefined() {
        return Ok(Vec::new());
    }
    let bytes = value.as_object().map(|object| of_view(&object, context)).transpose()?.flatten();
    let refuse = || JsNativeError::typ().with_message("The \"input\" argument must be an instance of TypedArray");
    bytes.ok_or_else(|| refuse().into())
}

/// Bytes before a character at the end that may go on.
fn whole_characters(bytes: &[u8]) -> usize {
    let unfinished = |start: &usize| {
        let unfinished = std::str::from_utf8(&bytes[*start..]);
        unfinished.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (bytes.len().saturating_sub(3)..bytes.len()).find(unfinished).unwrap_or(bytes.len())
}
