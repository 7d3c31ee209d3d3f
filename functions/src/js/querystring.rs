//! The module `querystring`.

use super::byte_string::bytes_of;
use super::event::{data, plain_object};
use super::globals::{define, native};
use super::text::{js_string as text_of_bytes, utf8};
use boa_engine::object::builtins::JsArray;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsArgs, JsObject, JsResult, JsString, JsValue, js_string};

/// Pairs that `parse` takes unless told otherwise.
const KEYS_MAX: usize = 1_000;

/// Makes the module.
pub(super) fn module(context: &mut Context) -> JsResult<JsObject> {
    let module = plain_object(context);
    for name in ["parse", "decode"] {
        define(&module, name, native("parse", 4, parse, context), context)?;
    }
    for name in ["stringify", "encode"] {
        define(&module, name, native("stringify", 4, stringify, context), context)?;
    }
    define(&module, "escape", native("escape", 1, escape, context), context)?;
    define(&module, "unescape", native("unescape", 1, unescape, context), context)?;
    Ok(module)
}

/// A separator argument; nothing means `default`.
fn separator(value: &JsValue, default: &str, context: &mut Context) -> JsResult<String> {
    if value.is_null_or_undefined() {
        return Ok(default.to_owned());
    }
    let text = utf8(&value.to_string(context)?);
    Ok(if text.is_empty() { default.to_owned() } else { text })
}

/// A function among the options; nothing means our own.
fn option(options: &JsValue, name: JsString, context: &mut Context) -> JsResult<Option<JsObject>> {
    match options.as_object() {
        Some(options) => Ok(options.get(name, context)?.as_callable()),
        None => Ok(None),
    }
}

fn parse(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let parsed = plain_object(context);
    let Some(text) = arguments.get_or_undefined(0).as_string() else { return Ok(parsed.into()) };
    let text = utf8(&text);
    let between_pairs = separator(arguments.get_or_undefined(1), "&", context)?;
    let equals = separator(arguments.get_or_undefined(2), "=", context)?;
    let options = arguments.get_or_undefined(3);
    let decode = option(options, js_string!("decodeURIComponent"), context)?;
    let keys_max = match options.as_object() {
        Some(options) => match options.get(js_string!("maxKeys"), context)?.as_number() {
            Some(number) if number <= 0.0 => usize::MAX,
            Some(number) => number as usize,
            None => KEYS_MAX,
        },
        None => KEYS_MAX,
    };
    for pair in text.split(&between_pairs).filter(|pair| !pair.is_empty()).take(keys_max) {
        let (name, value) = pair.split_once(&equals).unwrap_or((pair, ""));
        let name = decoded(name, decode.as_ref(), context)?.to_string(context)?;
        let value = decoded(value, decode.as_ref(), context)?;
        add(&parsed, name, value, context)?;
    }
    Ok(parsed.into())
}

/// A name that stands twice gets an array.
fn add(parsed: &JsObject, name: JsString, value: JsValue, context: &mut Context) -> JsResult<()> {
    let key = PropertyKey::from(name.clone());
    let found = parsed.borrow().properties().get(&key).and_then(|found| found.value().cloned());
    match found {
        None => data(parsed, name, value),
        Some(found) => match found.as_object().and_then(|list| JsArray::from_object(list).ok()) {
            Some(list) => {
                list.push(value, context)?;
            }
            None => data(parsed, name, JsArray::from_iter([found, value], context)),
        },
    }
    Ok(())
}

fn decoded(text: &str, decode: Option<&JsObject>, context: &mut Context) -> JsResult<JsValue> {
    match decode {
        Some(decode) => decode.call(&JsValue::undefined(), &[JsString::from(text).into()], context),
        None => Ok(JsString::from(percent_decoded(text)).into()),
    }
}

/// `+` is a space; what is no UTF-8 becomes U+FFFD.
fn percent_decoded(text: &str) -> String {
    let spaces = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaces).decode_utf8_lossy().into_owned()
}

fn percent_encoded(text: &JsString) -> String {
    const KEPT: &[u8] = b"-_.!~*'()";
    let mut encoded = String::with_capacity(text.len());
    for byte in bytes_of(text) {
        if byte.is_ascii_alphanumeric() || KEPT.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    encoded
}

fn stringify(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let Some(object) = arguments.get_or_undefined(0).as_object() else { return Ok(js_string!("").into()) };
    let between_pairs = separator(arguments.get_or_undefined(1), "&", context)?;
    let equals = separator(arguments.get_or_undefined(2), "=", context)?;
    let encode = option(arguments.get_or_undefined(3), js_string!("encodeURIComponent"), context)?;
    let mut text = String::new();
    for key in object.own_property_keys(context)? {
        let enumerable = object.borrow().properties().get(&key).is_some_and(|found| found.enumerable() == Some(true));
        if !enumerable || matches!(key, PropertyKey::Symbol(_)) {
            continue;
        }
        let name = encoded(&JsValue::from(key.clone()), encode.as_ref(), context)?;
        let value = object.get(key, context)?;
        let values = match value.as_object().and_then(|list| JsArray::from_object(list).ok()) {
            Some(list) => {
                let length = list.length(context)?.min(homefront_config::limits::FUNCTION_ARRAY_LENGTH_MAX);
                (0..length).map(|index| list.get(index, context)).collect::<JsResult<Vec<_>>>()?
            }
            None => vec![value],
        };
        for value in values {
            if !text.is_empty() {
                text.push_str(&between_pairs);
            }
            text.push_str(&name);
            text.push_str(&equals);
            text.push_str(&encoded(&value, encode.as_ref(), context)?);
        }
    }
    Ok(text_of_bytes(text.as_bytes()).into())
}

/// Strings, finite numbers and booleans as text; anything else is empty.
fn encoded(value: &JsValue, encode: Option<&JsObject>, context: &mut Context) -> JsResult<String> {
    let finite = value.as_number().is_some_and(f64::is_finite);
    let plain = value.is_string() || finite || value.is_boolean();
    let text = if plain { value.to_string(context)? } else { js_string!("") };
    match encode {
        Some(encode) => {
            let encoded = encode.call(&JsValue::undefined(), &[text.into()], context)?;
            Ok(utf8(&encoded.to_string(context)?))
        }
        None => Ok(percent_encoded(&text)),
    }
}

fn escape(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = arguments.get_or_undefined(0).to_string(context)?;
    Ok(JsString::from(percent_encoded(&text)).into())
}

fn unescape(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = arguments.get_or_undefined(0).to_string(context)?;
    Ok(JsString::from(percent_decoded(&utf8(&text))).into())
}
