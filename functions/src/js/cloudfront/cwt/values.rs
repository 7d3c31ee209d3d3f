//! CBOR as JavaScript values and back. Keys of claims are strings on this side: `4` is `"4"`.

use super::super::members::{Wrong, invalid, shown};
use crate::js::bytes;
use crate::js::event::{data, plain_object};
use crate::js::text::utf8;
use boa_engine::object::builtins::JsArray;
use boa_engine::property::PropertyKey;
use boa_engine::value::JsVariant;
use boa_engine::{Context, JsObject, JsString, JsValue, js_string};
use coset::cbor::value::Integer;
use coset::cbor::{Value, de, ser};
use homefront_config::limits::{CWT_BYTES_MAX, CWT_DEPTH_MAX};

/// Integers that a JavaScript number holds exactly.
const SAFE_INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// The one value that these bytes are.
pub(super) fn parse(mut bytes: &[u8]) -> Result<Value, Wrong> {
    let value = de::from_reader_with_recursion_limit(&mut bytes, CWT_DEPTH_MAX);
    match value {
        Ok(value) if bytes.is_empty() => Ok(value),
        _ => invalid("the token is not CBOR"),
    }
}

/// A value as bytes.
pub(super) fn written(value: &Value) -> Result<Vec<u8>, Wrong> {
    let mut bytes = Vec::new();
    match ser::into_writer(value, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => invalid("the token cannot be written"),
    }
}

/// A map as an object.
pub(super) fn object(value: Value, context: &mut Context) -> Result<JsValue, Wrong> {
    if value.is_map() { from_cbor(value, context) } else { invalid("the token's payload is not a map of claims") }
}

fn from_cbor(value: Value, context: &mut Context) -> Result<JsValue, Wrong> {
    Ok(match value {
        Value::Integer(integer) => JsValue::from(i128::from(integer) as f64),
        Value::Float(number) => JsValue::from(number),
        Value::Bool(boolean) => JsValue::from(boolean),
        Value::Null => JsValue::null(),
        Value::Text(text) => JsString::from(text.as_str()).into(),
        Value::Bytes(bytes) => bytes::buffer_or_byte_string(&bytes, context)?,
        // What a tag says of a value, JavaScript has no word for.
        Value::Tag(_, value) => from_cbor(*value, context)?,
        Value::Array(values) => {
            let values: Result<Vec<_>, _> = values.into_iter().map(|value| from_cbor(value, context)).collect();
            JsArray::from_iter(values?, context).into()
        }
        Value::Map(entries) => {
            let object = plain_object(context);
            let mut names = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let name = match key {
                    Value::Integer(integer) => i128::from(integer).to_string(),
                    Value::Text(text) => text,
                    _ => return invalid("the token has a key that is neither a number nor a text"),
                };
                if names.contains(&name) {
                    return invalid(format!("the token has the key {} twice", shown(&name)));
                }
                let value = from_cbor(value, context)?;
                data(&object, JsString::from(name.as_str()), value);
                names.push(name);
            }
            object.into()
        }
        _ => return invalid("the token has a value that JavaScript has not"),
    })
}

/// An object as a map.
pub(super) fn map(value: &JsValue, name: &str, context: &mut Context) -> Result<Value, Wrong> {
    let mut writer = Writer { bytes: 0, depth: 0 };
    match writer.value(value, context)? {
        Some(map) if map.is_map() => Ok(map),
        _ => invalid(format!("{name} must be an object")),
    }
}

/// Bounds what an object may become: what is larger than a token is not even built.
struct Writer {
    /// At least what it would take.
    bytes: usize,
    depth: usize,
}

impl Writer {
    fn takes(&mut self, bytes: usize) -> Result<(), Wrong> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > CWT_BYTES_MAX {
            return invalid(format!("the token would have more than {CWT_BYTES_MAX} bytes"));
        }
        Ok(())
    }

    /// `None` for `undefined`.
    fn value(&mut self, value: &JsValue, context: &mut Context) -> Result<Option<Value>, Wrong> {
        self.takes(1)?;
        Ok(Some(match value.variant() {
            JsVariant::Undefined => return Ok(None),
            JsVariant::Null => Value::Null,
            JsVariant::Boolean(boolean) => Value::Bool(boolean),
            JsVariant::Integer32(integer) => Value::from(integer),
            JsVariant::Float64(number) if number.fract() == 0.0 && number.abs() <= SAFE_INTEGER_MAX => {
                Value::from(number as i64)
            }
            JsVariant::Float64(number) => Value::Float(number),
            JsVariant::String(text) => {
                self.takes(text.len())?;
                Value::Text(utf8(&text))
            }
            JsVariant::Object(object) => self.object(&object, context)?,
            _ => return invalid("the token can hold no symbol or BigInt"),
        }))
    }

    fn object(&mut self, object: &JsObject, context: &mut Context) -> Result<Value, Wrong> {
        if object.is_callable() {
            return invalid("the token can hold no function");
        }
        if let Some(view) = bytes::of_view(object, context)? {
            self.takes(view.len())?;
            return Ok(Value::Bytes(view));
        }
        self.depth += 1;
        // Two levels are the token's own.
        if self.depth > CWT_DEPTH_MAX - 3 {
            return invalid("the token's content is nested too deep, or holds itself");
        }
        let value = if object.is_array() { self.array(object, context)? } else { self.members(object, context)? };
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self, array: &JsObject, context: &mut Context) -> Result<Value, Wrong> {
        let length = array.get(js_string!("length"), context)?.to_length(context)?;
        self.takes(usize::try_from(length).unwrap_or(usize::MAX))?;
        let mut values = Vec::with_capacity(length as usize);
        for index in 0..length {
            let element = array.get(index, context)?;
            values.push(self.value(&element, context)?.unwrap_or(Value::Null));
        }
        Ok(Value::Array(values))
    }

    fn members(&mut self, object: &JsObject, context: &mut Context) -> Result<Value, Wrong> {
        let keys = object.own_property_keys(context)?;
        let mut entries = Vec::new();
        for key in keys {
            let enumerable = object.borrow().properties().get(&key).is_none_or(|p| p.enumerable() != Some(false));
            if !enumerable || matches!(key, PropertyKey::Symbol(_)) {
                continue;
            }
            let name = key.to_string();
            self.takes(if name.len() > 20 { name.len() } else { 1 })?;
            let member = object.get(key, context)?;
            if let Some(value) = self.value(&member, context)? {
                entries.push((key_of(name), value));
            }
        }
        Ok(Value::Map(entries))
    }
}

/// A key that is written as a whole number is one: JavaScript has strings only.
fn key_of(name: String) -> Value {
    match name.parse::<i64>() {
        Ok(number) if number.to_string() == name => Value::Integer(Integer::from(number)),
        _ => Value::Text(name),
    }
}
