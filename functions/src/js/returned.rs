//! The sections of what a function returned, read back and compared with what it was given.

use super::entries::{Built, Found};
use super::event::{Accessors, CallEvent, Section};
use super::fault::Fault;
use super::section::{Entry, Value};
use super::text::{same, utf8};
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsObject, JsString, JsValue, js_string};
use bytes::Bytes;
use homefront_config::limits::FUNCTION_ARRAY_LENGTH_MAX;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A section as it arrived. Mostly the objects tell that a function left it as it was, so it is parsed only for what is
/// compared with it.
pub(super) struct Original<'a> {
    section: Section,
    /// None of an answer that a function makes.
    event: Option<&'a CallEvent>,
    built: Option<Rc<Built>>,
    entries: OnceCell<Vec<Entry<'a>>>,
}

impl<'a> Original<'a> {
    /// Of an event.
    pub(super) fn of(event: &'a CallEvent, section: Section) -> Self {
        Self { section, event: Some(event), built: event.given(section), entries: OnceCell::new() }
    }

    /// Without entries.
    pub(super) fn empty(section: Section) -> Self {
        Self { section, event: None, built: None, entries: OnceCell::new() }
    }

    fn entries(&self) -> &[Entry<'a>] {
        self.entries.get_or_init(|| self.event.map_or_else(Vec::new, |event| event.entries(self.section)))
    }

    fn len(&self) -> usize {
        self.built.as_ref().map_or_else(|| self.entries().len(), |built| built.len())
    }
}

/// A section as it was returned.
pub(super) struct Returned<'a> {
    original: &'a Original<'a>,
    /// In the order of the returned object.
    members: Vec<Member<'a>>,
    /// What was given and is gone.
    pub(super) removed: Vec<&'a Entry<'a>>,
    /// Whether names stand in another order than they were given in.
    reordered: bool,
}

enum Member<'a> {
    /// The entry of this place, as it was given.
    Untouched(usize),
    Read(ReadMember<'a>),
}

/// All values of one name, as returned.
pub(super) struct ReadMember<'a> {
    pub(super) name: String,
    values: Vec<ReturnedValue>,
    pub(super) original: Option<&'a Entry<'a>>,
    unchanged: bool,
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

impl<'a> Returned<'a> {
    /// Whether it is what was given, order included.
    pub(super) fn unchanged(&self) -> bool {
        self.removed.is_empty() && !self.reordered && self.changed().next().is_none()
    }

    /// What was added or has other values now.
    pub(super) fn changed(&self) -> impl Iterator<Item = &ReadMember<'a>> {
        self.members.iter().filter_map(|member| match member {
            Member::Read(member) if !member.unchanged => Some(member),
            _ => None,
        })
    }

    /// The bytes of each value of all names: those that arrived where the value is the same, else what `compose` makes of it.
    pub(super) fn pieces(&self, compose: impl Fn(&str, &ReturnedValue) -> String) -> Vec<Bytes> {
        let mut pieces = Vec::with_capacity(self.members.len());
        for member in &self.members {
            match member {
                Member::Untouched(place) => pieces.extend(raw(&self.original.entries()[*place])),
                Member::Read(member) => pieces.extend(member.pieces(&compose)),
            }
        }
        pieces
    }
}

fn raw(entry: &Entry<'_>) -> impl Iterator<Item = Bytes> {
    entry.values.iter().map(|value| Bytes::copy_from_slice(value.raw))
}

impl ReadMember<'_> {
    /// The bytes of each value, in the way of [`Returned::pieces`].
    pub(super) fn pieces(&self, compose: impl Fn(&str, &ReturnedValue) -> String) -> Vec<Bytes> {
        let originals = self.original.map_or(&[][..], |entry| &entry.values);
        let piece = |value: &ReturnedValue| match originals.iter().find(|original| value.is(original)) {
            Some(original) => Bytes::copy_from_slice(original.raw),
            None => Bytes::from(compose(&self.name, value)),
        };
        match self.original {
            Some(entry) if self.unchanged => raw(entry).collect(),
            _ => self.values.iter().map(piece).collect(),
        }
    }
}

/// Reads a section; `label` is its name in messages, such as `request.headers`.
pub(super) fn read<'a>(
    section: &JsValue,
    original: &'a Original<'a>,
    label: &'a str,
    context: &mut Context,
) -> Result<Returned<'a>, Fault> {
    let object = match section.as_object() {
        Some(object) => object,
        // Left out means empty.
        None if section.is_null_or_undefined() => {
            let removed = original.entries().iter().collect();
            return Ok(Returned { original, members: Vec::new(), removed, reordered: false });
        }
        None if original.section == Section::RequestQuerystring => {
            return Err(Fault::invalid(format!("{label} must be an object or a string")));
        }
        None => return Err(Fault::invalid(format!("{label} must be an object"))),
    };
    let accessors = &Accessors::of(context).entries;
    let built = original.built.as_deref();
    let mut reading = Reading::new(original, label);
    if let Some((built, added)) = built.and_then(|built| Some((built, accessors.added(built, &object)?))) {
        for place in 0..built.len() {
            reading.take((&object, built.key(place)), None, &built.found(place, accessors), context)?;
        }
        for key in added.iter() {
            let property = object.borrow().properties().get(key);
            reading.take((&object, key), property.as_ref(), &Found::Other, context)?;
        }
    } else {
        let keys = own_keys(&object, context)?;
        // Of the accessors, as many as stand first.
        let mut standing = 0;
        for (at, key) in keys.iter().enumerate() {
            let property = object.borrow().properties().get(key);
            let found = property.as_ref().zip(built).map_or(Found::Other, |(property, built)| {
                built.find((key, property), reading.places.next, original.section, accessors)
            });
            let is_accessor = property.as_ref().is_some_and(|property| property.get().is_some());
            standing += usize::from(is_accessor && at == standing && found.place() == Some(at));
            reading.take((&object, key), property.as_ref(), &found, context)?;
        }
        if let Some(built) = built.filter(|built| standing > 0 && standing == built.len()) {
            accessors.keep_shape(built, &object, &keys[standing..]);
        }
    }
    let Reading { order, members, .. } = reading;
    // In an ordinary object names that are array indices stand first, by number, and so they do in `given_order`.
    let ascending = order.is_sorted_by(|one, other| one < other) && object.is_ordinary();
    if ascending && order.len() == original.len() {
        return Ok(Returned { original, members, removed: Vec::new(), reordered: false });
    }
    let entries = original.entries();
    let mut seen = vec![false; entries.len()];
    for place in &order {
        seen[*place] = true;
    }
    let removed = entries.iter().zip(&seen).filter(|(_, seen)| !**seen).map(|(entry, _)| entry).collect();
    let reordered = !ascending && !order.into_iter().eq(given_order(entries).filter(|place| seen[*place]));
    Ok(Returned { original, members, removed, reordered })
}

/// A section that is being read.
struct Reading<'a> {
    original: &'a Original<'a>,
    label: &'a str,
    places: Places<'a>,
    /// Places among those given, as they are met.
    order: Vec<usize>,
    members: Vec<Member<'a>>,
}

impl<'a> Reading<'a> {
    fn new(original: &'a Original<'a>, label: &'a str) -> Self {
        let (order, members) = (Vec::with_capacity(original.len()), Vec::with_capacity(original.len() + 1));
        let places = Places { original, next: 0, index: HashMap::new() };
        Self { original, label, places, order, members }
    }

    /// The next key, and what its property is found to be.
    fn take(
        &mut self,
        (object, key): (&JsObject, &PropertyKey),
        property: Option<&PropertyDescriptor>,
        found: &Found,
        context: &mut Context,
    ) -> Result<(), Fault> {
        let is_enumerable = property.is_none_or(|property| property.enumerable() != Some(false));
        if !is_enumerable || matches!(key, PropertyKey::Symbol(_)) {
            return Ok(());
        }
        if let Some(place) = found.place() {
            self.places.next = place + 1;
            self.order.push(place);
        }
        let name = || match key {
            PropertyKey::String(name) => utf8(name),
            key => key.to_string(),
        };
        let (place, name, value) = match found {
            Found::Untouched(place) => {
                self.members.push(Member::Untouched(*place));
                return Ok(());
            }
            Found::Known(place, value) => (Some(*place), name(), value.clone()),
            Found::Other => {
                let name = name();
                let place = self.places.find(key, &name);
                self.order.extend(place);
                let value = property.and_then(PropertyDescriptor::value).cloned();
                (place, name, value.map_or_else(|| member_of(object, key.clone(), context), Ok)?)
            }
        };
        let entry = place.map(|place| &self.original.entries()[place]);
        self.members.push(Member::Read(member(name, &value, entry, self.label, context)?));
        Ok(())
    }
}

/// The keys in the order of the language.
fn own_keys(object: &JsObject, context: &mut Context) -> Result<Vec<PropertyKey>, Fault> {
    if object.is_ordinary() {
        let object = object.borrow();
        if object.properties().index_property_keys().next().is_none() {
            return Ok(object.shape().keys());
        }
    }
    object.own_property_keys(context).map_err(|error| Fault::thrown(error, context))
}

/// Entries that are looked through one by one: an index of so few costs more than it saves.
const LINEAR_MAX: usize = 24;

/// Finds the entry of a name. Names mostly come back in the order they were given in.
struct Places<'a> {
    original: &'a Original<'a>,
    next: usize,
    /// Made for the first name that is not where it is expected.
    index: HashMap<&'a str, usize>,
}

impl Places<'_> {
    fn find(&mut self, key: &PropertyKey, name: &str) -> Option<usize> {
        if let Some(built) = self.original.built.as_ref().filter(|built| built.len() <= LINEAR_MAX) {
            let place = built.place_of(key)?;
            self.next = place + 1;
            return Some(place);
        }
        let entries = self.original.entries();
        if entries.get(self.next).is_some_and(|entry| entry.name == name) {
            self.next += 1;
            return Some(self.next - 1);
        }
        if entries.len() <= LINEAR_MAX {
            let place = entries.iter().position(|entry| entry.name == name)?;
            self.next = place + 1;
            return Some(place);
        }
        if self.index.is_empty() {
            self.index = entries.iter().enumerate().map(|(place, entry)| (entry.name.as_ref(), place)).collect();
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
) -> Result<ReadMember<'a>, Fault> {
    let path = || format!("{label}[\"{name}\"]");
    let Some(entry) = value.as_object() else {
        return Err(Fault::invalid(format!("{} must be an object such as {{ value: \"…\" }}", path())));
    };
    let multi_value = member_of(&entry, js_string!("multiValue"), context)?;
    let multi_value = match multi_value.as_object() {
        Some(list) => Some(values_of(&list, &path, context)?),
        None if multi_value.is_null_or_undefined() => None,
        None => return Err(Fault::invalid(format!("{}.multiValue must be an array", path()))),
    };
    let first = single(&entry, &path, multi_value.is_some(), context)?;
    let originals = original.map_or(&[][..], |entry| &entry.values);
    let same_as_given = |values: &[ReturnedValue]| {
        values.len() == originals.len() && values.iter().zip(originals).all(|(value, original)| value.is(original))
    };
    let values = match (multi_value, first) {
        // A changed `multiValue` is applied and `value` ignored; one that was given and is unchanged has its first element replaced.
        (Some(mut list), Some(first)) if originals.len() > 1 && same_as_given(&list) => {
            list[0] = first;
            list
        }
        (Some(list), _) => list,
        (None, Some(first)) => vec![first],
        (None, None) => return Err(Fault::invalid(format!("{}.value must be a string", path()))),
    };
    let unchanged = original.is_some() && same_as_given(&values);
    Ok(ReadMember { name, values, original, unchanged })
}

fn values_of(list: &JsObject, path: &dyn Fn() -> String, context: &mut Context) -> Result<Vec<ReturnedValue>, Fault> {
    let length = member_of(list, js_string!("length"), context)?.as_number().unwrap_or_default();
    if !list.is_array() || length > FUNCTION_ARRAY_LENGTH_MAX as f64 {
        return Err(Fault::invalid(format!("{}.multiValue must be an array", path())));
    }
    let mut values = Vec::with_capacity((length as usize).min(64));
    for index in 0..length as u32 {
        let path = || format!("{}.multiValue[{index}]", path());
        let element = member_of(list, index, context)?;
        let Some(element) = element.as_object() else {
            return Err(Fault::invalid(format!("{} must be an object such as {{ value: \"…\" }}", path())));
        };
        let value = single(&element, &path, false, context)?;
        values.push(value.ok_or_else(|| Fault::invalid(format!("{}.value must be a string", path())))?);
    }
    Ok(values)
}

/// `{value, attributes}`; without a value it is nothing if that is `optional`.
fn single(
    entry: &JsObject,
    path: &dyn Fn() -> String,
    optional: bool,
    context: &mut Context,
) -> Result<Option<ReturnedValue>, Fault> {
    let value = member_of(entry, js_string!("value"), context)?;
    let text = match value.as_string() {
        Some(text) => text,
        None if optional && value.is_undefined() => return Ok(None),
        None => {
            let found = if value.is_null() { "null" } else { value.type_of() };
            return Err(Fault::invalid(format!("{}.value must be a string, not {found}", path())));
        }
    };
    let attributes = member_of(entry, js_string!("attributes"), context)?;
    let attributes = match attributes.as_string() {
        Some(attributes) => Some(attributes).filter(|attributes| !attributes.is_empty()),
        None if attributes.is_null_or_undefined() => None,
        None => return Err(Fault::invalid(format!("{}.attributes must be a string", path()))),
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
