//! Comparing and searching: `equals`, `compare`, `indexOf`, `lastIndexOf`, `includes`.

use super::{Native, View, pattern_of, place};
use crate::js::globals::{define, native};
use boa_engine::{Context, JsArgs, JsObject, JsResult, JsValue};
use memchr::memmem;

const METHODS: &[(&str, usize, Native)] = &[
    ("compare", 5, compare),
    ("equals", 1, equals),
    ("includes", 3, |this, arguments, context| Ok(first_index(this, arguments, context)?.is_some().into())),
    ("indexOf", 3, |this, arguments, context| Ok(number(first_index(this, arguments, context)?))),
    ("lastIndexOf", 3, |this, arguments, context| Ok(number(last_index(this, arguments, context)?))),
];

pub(super) fn install(prototype: &JsObject, context: &mut Context) -> JsResult<()> {
    for (name, length, function) in METHODS {
        define(prototype, name, native(name, *length, *function, context), context)?;
    }
    Ok(())
}

fn number(index: Option<usize>) -> JsValue {
    index.map_or_else(|| JsValue::from(-1), JsValue::from)
}

fn equals(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    let other = View::of_argument(arguments.get_or_undefined(0), "\"target\"", context)?;
    let other = other.read(<[u8]>::to_vec)?;
    Ok(view.read(|bytes| bytes == other)?.into())
}

/// `compare(target[, targetStart[, targetEnd[, sourceStart[, sourceEnd]]]])`
fn compare(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let view = View::of_this(this, context)?;
    let target = View::of_argument(arguments.get_or_undefined(0), "\"target\"", context)?;
    let target_start = place(arguments.get_or_undefined(1), 0, target.length, context)?;
    let target_end = place(arguments.get_or_undefined(2), target.length, target.length, context)?;
    let start = place(arguments.get_or_undefined(3), 0, view.length, context)?;
    let end = place(arguments.get_or_undefined(4), view.length, view.length, context)?;
    let other = target.read(|bytes| bytes.get(target_start..target_end).unwrap_or_default().to_vec())?;
    let order = view.read(|bytes| bytes.get(start..end).unwrap_or_default().cmp(&other))?;
    Ok((order as i32).into())
}

/// The offset and encoding arguments, of which the first may be left out.
fn offset_and_encoding(arguments: &[JsValue]) -> (JsValue, JsValue) {
    match arguments.get_or_undefined(1) {
        encoding if encoding.is_string() => (JsValue::undefined(), encoding.clone()),
        offset => (offset.clone(), arguments.get_or_undefined(2).clone()),
    }
}

fn first_index(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<Option<usize>> {
    let view = View::of_this(this, context)?;
    let (offset, encoding) = offset_and_encoding(arguments);
    let pattern = pattern_of(arguments.get_or_undefined(0), &encoding, context)?;
    let start = super::relative(&offset, 0, view.length, context)?;
    view.read(|bytes| memmem::find(&bytes[start..], &pattern).map(|found| start + found))
}

fn last_index(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<Option<usize>> {
    let view = View::of_this(this, context)?;
    let (offset, encoding) = offset_and_encoding(arguments);
    let pattern = pattern_of(arguments.get_or_undefined(0), &encoding, context)?;
    let start = super::relative(&offset, view.length, view.length, context)?;
    view.read(|bytes| memmem::rfind(&bytes[..(start + pattern.len()).min(bytes.len())], &pattern))
}
