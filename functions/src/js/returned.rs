//! The sections of what a function returned, read back and compared with what it was given.

use super::event::{Accessors, Given};
use super::fault::Fault;
use super::section::{Entry, Value};
use super::text::{same, utf8};
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsObject, JsString, JsValue, js_string};
use bytes::Bytes;
use homefront_config::limits::FUNCTION_ARRAY_LENGTH_MAX;
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

/// A section as it was returned.
pub(super) struct Returned<'a> {
    /// In the order of the returned object.
    pub(super) members: Vec<Member<'a>>,
    /// What was given and is gone.
    pub(super) removed: Vec<&'a Entry<'a>>,
    /// Whether names stand in another order than they were given in.
    reordered: bool,
}

/// All values of one name, as returned.
pub(super) struct Member<'a> {
    pub(super) name: Cow<'a, str>,
    /// Not read from what is as it was given.
    values: Vec<ReturnedValue>,
    pub(super) original: Option<&'a Entry<'a>>,
    pub(super) unchanged: bool,
}

/// One value, as returned.
pub(super) struct ReturnedValue {
    pub(super) text: JsString,
    pub(super) attributes: Option<JsString>,
}

impl ReturnedValue {
    fn is(&self, original: &Value<'_>) -> bool {
        let attributes = match (&self.attributes, &original.attributes) {
            (None, None) => true,
            (Some(returned), Some(original)) => same(returned, original),
            (Some(returned), None) => returned.is_empty(),
            (None, Some(_)) => false,
        };
        attributes && same(&self.text, &original.text)
    }
}

impl Returned<'_> {
    /// Whether it is what was given, order included.
    pub(super) fn unchanged(&self) -> bool {
        self.removed.is_empty() && !self.reordered && self.members.iter().all(|member| member.unchanged)
    }
}

impl Member<'_> {
    /// The bytes of each value: those that arrived where the value is the same, else what `compose` makes of it.
    pub(super) fn pieces(&self, compose: impl Fn(&str, &ReturnedValue) -> String) -> Vec<Bytes> {
        let originals = self.original.map_or(&[][..], |entry| &entry.values);
        if self.unchanged {
            return originals.iter().map(|original| Bytes::copy_from_slice(original.raw)).collect();
        }
        let piece = |value: &ReturnedValue| match originals.iter().find(|original| value.is(original)) {
            Some(original) => Bytes::copy_from_slice(original.raw),
            None => Bytes::from(compose(&self.name, value)),
        };
        self.values.iter().map(piece).collect()
    }
}

/// Reads a section; `label` is its name in messages, such as `request.headers`. `given`: what its `entries` were built as.
pub(super) fn read<'a>(
    section: &JsValue,
    entries: &'a [Entry<'a>],
    given: &[Given],
    label: &str,
    context: &mut Context,
) -> Result<Returned<'a>, Fault> {
    let object = match section.as_object() {
        Some(object) => object,
        // Left out means empty.
        None if section.is_null_or_undefined() => {
            return Ok(Returned { members: Vec::new(), removed: entries.iter().collect(), reordered: false });
        }
        None => return Err(Fault::invalid(format!("{label} must be an object"))),
    };
    let accessors = context.get_data::<Rc<Accessors>>().expect("every context is made with accessors").clone();
    let mut places = Places { entries, given, next: 0, index: HashMap::new() };
    let mut order = Vec::with_capacity(entries.len());
    let mut members = Vec::with_capacity(entries.len());
    for key in object.own_property_keys(context).map_err(|error| Fault::thrown(error, context))? {
        let property = object.borrow().properties().get(&key);
        let is_enumerable = property.as_ref().is_none_or(|property| property.enumerable() != Some(false));
        if !is_enumerable || matches!(key, PropertyKey::Symbol(_)) {
            continue;
        }
        let value = property.as_ref().and_then(|property| property.value());
        if let Some(place) = value.and_then(|value| places.find_untouched(&key, value, &accessors)) {
            let (name, original) = (Cow::Borrowed(entries[place].name.as_ref()), Some(&entries[place]));
            order.push(place);
            members.push(Member { name, values: Vec::new(), original, unchanged: true });
            continue;
        }
        let name = match &key {
            PropertyKey::String(name) => utf8(name),
            key => key.to_string(),
        };
        let place = places.find(&name);
        order.extend(place);
        let value = value.map_or_else(|| member_of(&object, key, context), |value| Ok(value.clone()))?;
        members.push(member(name, &value, place.map(|place| &entries[place]), label, context)?);
    }
    let mut seen = vec![false; entries.len()];
    for place in &order {
        seen[*place] = true;
    }
    let removed = entries.iter().zip(&seen).filter(|(_, seen)| !**seen).map(|(entry, _)| entry).collect();
    let reordered = !order.into_iter().eq(given_order(entries).filter(|place| seen[*place]));
    Ok(Returned { members, removed, reordered })
}

/// Entries that are looked through one by one: an index of so few costs more than it saves.
const LINEAR_MAX: usize = 24;

/// Finds the entry of a name. Names mostly come back in the order they were given in.
struct Places<'a, 'g> {
    entries: &'a [Entry<'a>],
    /// What they were built as.
    given: &'g [Given],
    next: usize,
    /// Made for the first name that is not where it is expected.
    index: HashMap<&'a str, usize>,
}

impl Places<'_, '_> {
    /// The same where the entry is the object that was given there, and still has the one value it had.
    fn find_untouched(&mut self, key: &PropertyKey, value: &JsValue, accessors: &Accessors) -> Option<usize> {
        let (given, entry) = (self.given.get(self.next)?, self.entries.get(self.next)?);
        let PropertyKey::String(name) = key else { return None };
        let object = value.as_object().filter(|object| *name == given.name && *object == given.object)?;
        let [original] = &entry.values[..] else { return None };
        if original.attributes.is_some() || !accessors.is_value_object(&object) {
            return None;
        }
        let text = object.borrow().properties().get(&PropertyKey::from(js_string!("value")))?.value()?.as_string()?;
        same(&text, &original.text).then(|| {
            self.next += 1;
            self.next - 1
        })
    }

    fn find(&mut self, name: &str) -> Option<usize> {
        if self.entries.get(self.next).is_some_and(|entry| entry.name == name) {
            self.next += 1;
            return Some(self.next - 1);
        }
        if self.entries.len() <= LINEAR_MAX {
            let place = self.entries.iter().position(|entry| entry.name == name)?;
            self.next = place + 1;
            return Some(place);
        }
        if self.index.is_empty() {
            self.index = self.entries.iter().enumerate().map(|(place, entry)| (entry.name.as_ref(), place)).collect();
        }
        let place = self.index.get(name).copied();
        self.next = place.map_or(self.next, |place| place + 1);
        place
    }
}

/// The order JavaScript gives the names: those that are array indices first, by number.
fn given_order<'a>(entries: &'a [Entry<'a>]) -> impl Iterator<Item = usize> + 'a {
    let index = |name: &str| match PropertyKey::from(JsString::from(name)) {
        PropertyKey::Index(index) => Some(index.get()),
        _ => None,
    };
    let numeric = move |entry: &Entry<'_>| {
        entry.name.starts_with(|first: char| first.is_ascii_digit()).then(|| index(&entry.name)).flatten()
    };
    let mut indices: Vec<(u32, usize)> =
        entries.iter().enumerate().filter_map(|(place, entry)| Some((numeric(entry)?, place))).collect();
    indices.sort_unstable();
    let others = (0..entries.len()).filter(move |place| numeric(&entries[*place]).is_none());
    indices.into_iter().map(|(_, place)| place).chain(others)
}

/// A property, straight from the object where it is plain data.
pub(super) fn member_of(
    object: &JsObject,
    key: impl Into<PropertyKey>,
    context: &mut Context,
) -> Result<JsValue, Fault> {
    let key = key.into();
    let own = object.borrow().properties().get(&key);
    match own {
        Some(property) => {
            if let Some(value) = property.value() {
                return Ok(value.clone());
            }
        }
        None if object.is_ordinary() => {
            // Nearly every object here inherits from Object.prototype and from nothing else.
            let prototype = context.intrinsics().constructors().object().prototype();
            if object.prototype().as_ref() == Some(&prototype) && !prototype.borrow().properties().contains_key(&key) {
                return Ok(JsValue::undefined());
            }
        }
        None => {}
    }
    object.get(key, context).map_err(|error| Fault::thrown(error, context))
}

fn member<'a>(
    name: String,
    value: &JsValue,
    original: Option<&'a Entry<'a>>,
    label: &str,
    context: &mut Context,
) -> Result<Member<'a>, Fault> {
    let path = || format!("{label}[\"{name}\"]");
    let Some(entry) = value.as_object() else {
        return Err(Fault::invalid(format!("{} must be an object such as {{ value: \"…\" }}", path())));
    };
    let multi_value = member_of(&entry, js_string!("multiValue"), context)?;
    let multi_value = match multi_value.as_object() {
        Some(list) => Some(values_of(&list, &path(), context)?),
        None if multi_value.is_null_or_undefined() => None,
        None => return Err(Fault::invalid(format!("{}.multiValue must be an array", path()))),
    };
    let first = single(&entry, &path(), multi_value.is_some(), context)?;
    let originals = original.map_or(&[][..], |entry| &entry.values);
    let same_as_given = |values: &[ReturnedValue]| {
        values.len() == originals.len() && values.iter().zip(originals).all(|(value, original)| value.is(original))
    };
    let values = match (multi_value, first) {
        // A changed `multiValue` is applied and `value` ignored; an unchanged one has its first element replaced.
        (Some(list), Some(first)) if !list.is_empty() && same_as_given(&list) => {
            let mut list = list;
            list[0] = ReturnedValue { attributes: first.attributes.or(list[0].attributes.take()), text: first.text };
            list
        }
        (Some(list), _) => list,
        (None, Some(first)) => vec![first],
        (None, None) => return Err(Fault::invalid(format!("{}.value must be a string", path()))),
    };
    let unchanged = original.is_some() && same_as_given(&values);
    Ok(Member { name: Cow::Owned(name), values, original, unchanged })
}

fn values_of(list: &JsObject, path: &str, context: &mut Context) -> Result<Vec<ReturnedValue>, Fault> {
    let length = member_of(list, js_string!("length"), context)?.as_number().unwrap_or_default();
    if !list.is_array() || length > FUNCTION_ARRAY_LENGTH_MAX as f64 {
        return Err(Fault::invalid(format!("{path}.multiValue must be an array")));
    }
    let mut values = Vec::with_capacity((length as usize).min(64));
    for index in 0..length as u32 {
        let path = format!("{path}.multiValue[{index}]");
        let element = member_of(list, index, context)?;
        let Some(element) = element.as_object() else {
            return Err(Fault::invalid(format!("{path} must be an object such as {{ value: \"…\" }}")));
        };
        let value = single(&element, &path, false, context)?;
        values.push(value.ok_or_else(|| Fault::invalid(format!("{path}.value must be a string")))?);
    }
    Ok(values)
}

/// `{value, attributes}`; without a value it is nothing if that is `optional`.
fn single(entry: &JsObject, path: &str, optional: bool, context: &mut Context) -> Result<Option<ReturnedValue>, Fault> {
    let value = member_of(entry, js_string!("value"), context)?;
    let text = match value.as_string() {
        Some(text) => text,
        None if optional && value.is_undefined() => return Ok(None),
        None => return Err(Fault::invalid(format!("{path}.value must be a string, not {}", value.type_of()))),
    };
    let attributes = member_of(entry, js_string!("attributes"), context)?;
    let attributes = match attributes.as_string() {
        Some(attributes) => Some(attributes).filter(|attributes| !attributes.is_empty()),
        None if attributes.is_null_or_undefined() => None,
        None => return Err(Fault::invalid(format!("{path}.attributes must be a string"))),
    };
    Ok(Some(ReturnedValue { text, attributes }))
}

/// `name=value`
pub(super) fn pair(name: &str, value: &ReturnedValue) -> String {
    format!("{name}={}", utf8(&value.text))
}

/// `name=value; attributes`
pub(super) fn set_cookie(name: &str, value: &ReturnedValue) -> String {
    match &value.attributes {
        Some(attributes) => format!("{name}={}; {}", utf8(&value.text), utf8(attributes)),
        None => pair(name, value),
    }
}

/// The value alone.
pub(super) fn alone(_name: &str, value: &ReturnedValue) -> String {
    utf8(&value.text)
}
