//! `sort`, for whichever comparison a program brings: the language leaves the order to the engine where it is inconsistent, and boa's
//! sort panics there.

use super::globals::{at_path, define};
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::{JsArray, JsTypedArray};
use boa_engine::{
    Context, JsArgs, JsError, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction, js_string,
};
use homefront_config::limits::FUNCTION_ARRAY_LENGTH_MAX;
use std::cmp::Ordering;

type Sort = fn(&JsValue, &[JsValue], &JsObject, &mut Context) -> JsResult<JsValue>;

const SORTS: [(&str, &str, Sort); 4] = [
    ("Array.prototype", "sort", sort_array),
    ("Array.prototype", "toSorted", array_to_sorted),
    ("Int8Array.prototype.__proto__", "sort", sort_typed_array),
    ("Int8Array.prototype.__proto__", "toSorted", typed_array_to_sorted),
];

/// Puts them in the place of boa's.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    for (path, name, sort) in SORTS {
        let Some(owner) = at_path(path, context)? else { continue };
        let Some(original) = owner.get(JsString::from(name), context)?.as_callable() else { continue };
        let function = NativeFunction::from_copy_closure_with_captures(
            move |this, arguments, original: &JsObject, context| sort(this, arguments, original, context),
            original,
        );
        let function =
            FunctionObjectBuilder::new(context.realm(), function).name(JsString::from(name)).length(1).build();
        define(&owner, name, function, context)?;
    }
    Ok(())
}

/// ES2023 23.1.3.30, with a bound on the length.
fn sort_array(this: &JsValue, arguments: &[JsValue], _: &JsObject, context: &mut Context) -> JsResult<JsValue> {
    let compare = comparison(arguments)?;
    let object = this.to_object(context)?;
    let length = length_of(&object, context)?;
    let mut items = Vec::new();
    for index in 0..length {
        if object.has_property(index, context)? {
            items.push(object.get(index, context)?);
        }
    }
    let count = items.len() as u64;
    for (index, item) in (0..).zip(sorted(items, compare.as_ref(), context)?) {
        object.set::<u64, _>(index, item, true, context)?;
    }
    for index in count..length {
        if object.has_property(index, context)? {
            object.delete_property_or_throw(index, context)?;
        }
    }
    Ok(object.into())
}

/// ES2023 23.1.3.34, with a bound on the length.
fn array_to_sorted(this: &JsValue, arguments: &[JsValue], _: &JsObject, context: &mut Context) -> JsResult<JsValue> {
    let compare = comparison(arguments)?;
    let object = this.to_object(context)?;
    let length = length_of(&object, context)?;
    let mut items = Vec::new();
    for index in 0..length {
        items.push(object.get(index, context)?);
    }
    let items = sorted(items, compare.as_ref(), context)?;
    Ok(JsArray::from_iter(items, context).into())
}

/// ES2023 23.2.3.29. Without a comparison boa's order is one.
fn sort_typed_array(
    this: &JsValue,
    arguments: &[JsValue],
    original: &JsObject,
    context: &mut Context,
) -> JsResult<JsValue> {
    let Some(compare) = comparison(arguments)? else { return original.call(this, arguments, context) };
    let array = this.as_object().and_then(|object| JsTypedArray::from_object(object).ok());
    let not_one = || JsNativeError::typ().with_message("\"this\" argument is not a typed array");
    let array = JsObject::from(array.ok_or_else(not_one)?);
    let length = length_of(&array, context)?;
    let items = (0..length).map(|index| array.get(index, context)).collect::<JsResult<Vec<_>>>()?;
    for (index, item) in (0..).zip(sorted(items, Some(&compare), context)?) {
        array.set::<u64, _>(index, item, true, context)?;
    }
    Ok(array.into())
}

/// ES2023 23.2.3.33.
fn typed_array_to_sorted(
    this: &JsValue,
    arguments: &[JsValue],
    original: &JsObject,
    context: &mut Context,
) -> JsResult<JsValue> {
    if comparison(arguments)?.is_none() {
        return original.call(this, arguments, context);
    }
    let copy = original.call(this, &[], context)?;
    let unsorted = this.as_object().zip(copy.as_object());
    let Some((array, copied)) = unsorted else { return Ok(copy) };
    for index in 0..length_of(&copied, context)? {
        let item = array.get(index, context)?;
        copied.set::<u64, _>(index, item, true, context)?;
    }
    sort_typed_array(&copy, arguments, original, context)
}

fn comparison(arguments: &[JsValue]) -> JsResult<Option<JsObject>> {
    let compare = arguments.get_or_undefined(0);
    match compare.as_callable() {
        Some(compare) => Ok(Some(compare)),
        None if compare.is_undefined() => Ok(None),
        None => Err(JsNativeError::typ().with_message("comparefn must be callable or undefined").into()),
    }
}

fn length_of(object: &JsObject, context: &mut Context) -> JsResult<u64> {
    let length = object.get(js_string!("length"), context)?.to_length(context)?;
    if length > FUNCTION_ARRAY_LENGTH_MAX {
        return Err(JsNativeError::range().with_message("Invalid array length").into());
    }
    Ok(length)
}

/// ES2023 23.1.3.30.2. What is undefined comes last, unseen by the comparison.
fn sorted(items: Vec<JsValue>, compare: Option<&JsObject>, context: &mut Context) -> JsResult<Vec<JsValue>> {
    let (defined, undefined): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| !item.is_undefined());
    let mut sorted = if let Some(compare) = compare {
        merge_sorted(defined, &mut |one, other| {
            let order = compare.call(&JsValue::undefined(), &[one.clone(), other.clone()], context)?;
            let order = order.to_number(context)?;
            Ok(order.partial_cmp(&0.0).unwrap_or(Ordering::Equal))
        })?
    } else {
        let texts = defined.into_iter().map(|item| Ok((item.to_string(context)?, item)));
        let mut texts = texts.collect::<JsResult<Vec<_>>>()?;
        texts.sort_by(|(one, _), (other, _)| one.cmp(other));
        texts.into_iter().map(|(_, item)| item).collect()
    };
    sorted.extend(undefined);
    Ok(sorted)
}

/// Stable, and ends whatever `compare` says.
fn merge_sorted<T: Clone>(
    mut items: Vec<T>,
    compare: &mut impl FnMut(&T, &T) -> Result<Ordering, JsError>,
) -> Result<Vec<T>, JsError> {
    let mut width = 1;
    while width < items.len() {
        let mut merged = Vec::with_capacity(items.len());
        for run in items.chunks(2 * width) {
            let (mut left, mut right) = run.split_at(width.min(run.len()));
            while let (Some(one), Some(other)) = (left.first(), right.first()) {
                if compare(one, other)? == Ordering::Greater {
                    merged.push(other.clone());
                    right = &right[1..];
                } else {
                    merged.push(one.clone());
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        items = merged;
        width *= 2;
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts_as_the_standard_library_does(items in prop::collection::vec((0_u8..10, any::<u8>()), 0..200)) {
            let merged = merge_sorted(items.clone(), &mut |one, other| Ok(one.0.cmp(&other.0))).expect("nothing throws");
            let mut expected = items;
            expected.sort_by_key(|item| item.0);
            prop_assert_eq!(merged, expected);
        }

        #[test]
        fn no_comparison_makes_it_lose_anything(items in prop::collection::vec(any::<u8>(), 0..200), orders in prop::collection::vec(-1_i8..=1, 1..50)) {
            let mut turns = orders.iter().cycle();
            let merged = merge_sorted(items.clone(), &mut |_, _| Ok(turns.next().expect("endless").cmp(&0)));
            let mut merged = merged.expect("nothing throws");
            let mut expected = items;
            merged.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(merged, expected);
        }
    }
}
