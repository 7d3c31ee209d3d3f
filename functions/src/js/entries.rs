//! The entries of a section, as the function finds them.
//!
//! A header is an accessor that builds its `{ value }` on first use, as sections themselves are (see [`super::event`]): most
//! functions look at few of the dozen headers of a request, or only add one. Cookies and query strings are few and built at
//! once, and so are the headers of a message with very many.

use super::event::{Accessors, CallEvent, Section, data, enumerable, plain_object};
use super::host::Host;
use super::section::Value;
use super::text::js_string as text;
use crate::message::Headers;
use boa_engine::builtins::object::OrdinaryObject;
use boa_engine::object::builtins::{JsArray, JsFunction};
use boa_engine::object::shape::Shape;
use boa_engine::object::{FunctionObjectBuilder, IntegrityLevel};
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction, js_string};
use homefront_config::limits::FUNCTION_NAMES_KEPT_MAX;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// A section with more entries gets a shape of its own: no other event will have the same names in the same order.
const ENTRIES_SHARED_MAX: usize = 32;

/// Lines of the longest message whose names are kept together.
const LINES_KEPT_MAX: usize = 2 * ENTRIES_SHARED_MAX;

/// Bytes of the longest name that is kept for the next event.
const NAME_KEPT_BYTES_MAX: usize = 64;

/// Shapes of returned sections that are kept: functions mostly add the same headers to the same ones.
const SHAPES_KEPT_MAX: usize = 8;

/// Names of the longest list that is kept with a shape.
const ADDED_KEPT_MAX: usize = 16;

/// A section as it was built.
pub(super) struct Built {
    object: JsObject,
    /// In the order they arrived in.
    keys: Rc<[PropertyKey]>,
    /// By key.
    states: RefCell<Vec<State>>,
    /// Whether accessors gave way to what they give, so that a function can have put its own in their places.
    settled: Cell<bool>,
}

/// What has become of an entry.
enum State {
    /// It is an accessor that nobody called.
    Unread,
    /// It was given as this.
    Read(Shown),
    /// It is an accessor, and this was put in its place.
    Assigned(JsValue),
}

/// An entry as the function sees it.
#[derive(Clone)]
struct Shown {
    object: JsObject,
    /// Its `value`, where it has nothing else.
    text: Option<JsString>,
}

/// What a property of a returned section is.
pub(super) enum Found {
    /// The entry of this place, as it was given.
    Untouched(usize),
    /// The entry of this place, which now has this value.
    Known(usize, JsValue),
    /// Something else.
    Other,
}

impl Found {
    /// The place of the entry that it is.
    pub(super) fn place(&self) -> Option<usize> {
        match self {
            Self::Untouched(place) | Self::Known(place, _) => Some(*place),
            Self::Other => None,
        }
    }
}

impl Built {
    /// The name of the entry of this place.
    pub(super) fn key(&self, place: usize) -> &PropertyKey {
        &self.keys[place]
    }

    /// How many entries there were.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The place of the entry of a name.
    pub(super) fn place_of(&self, key: &PropertyKey) -> Option<usize> {
        self.keys.iter().position(|known| known == key)
    }

    /// Whether it is the object that `section` was built as.
    fn is(&self, object: &JsObject) -> bool {
        self.object == *object
    }

    /// What a property is that stands where the entry of place `next` is expected.
    pub(super) fn find(
        &self,
        (key, property): (&PropertyKey, &PropertyDescriptor),
        next: usize,
        section: Section,
        accessors: &EntryAccessors,
    ) -> Found {
        if let Some(value) = property.value() {
            if self.keys.get(next).is_none_or(|known| known != key) {
                return Found::Other;
            }
            return match &self.states.borrow()[next] {
                State::Read(shown) if value.as_object().is_some_and(|object| object == shown.object) => {
                    accessors.found(next, shown)
                }
                _ => Found::Other,
            };
        }
        let getter = property.get().and_then(JsValue::as_object);
        match getter.and_then(|getter| accessors.place_of(&getter, section, next)) {
            Some(place) => self.found(place, accessors),
            None => Found::Other,
        }
    }

    /// What has become of the entry whose accessor stands.
    pub(super) fn found(&self, place: usize, accessors: &EntryAccessors) -> Found {
        match self.states.borrow().get(place) {
            None => Found::Other,
            Some(State::Unread) => Found::Untouched(place),
            Some(State::Read(shown)) => accessors.found(place, shown),
            Some(State::Assigned(value)) => Found::Known(place, value.clone()),
        }
    }
}

/// What the entries of a context's events are made with.
pub(super) struct EntryAccessors {
    /// `{value}`. Kept so that its shape is: objects are told by its address.
    value_object: JsObject,
    value_key: PropertyKey,
    /// By the place of a header among those of its message: first requests', then responses'.
    pairs: RefCell<[Vec<Pair>; 2]>,
    names: RefCell<HashMap<Box<str>, PropertyKey>>,
    /// By the name on the wire; `None` = functions do not see it.
    header_names: RefCell<HashMap<Box<[u8]>, Option<PropertyKey>>>,
    /// Of the last message, by row: most messages have the same headers in the same order as one of the last.
    header_lists: RefCell<[Option<HeaderList>; 2]>,
    /// Whether nothing reaches into an object without settling it: there is no `Proxy` and no `Reflect`.
    shapes_tell: Cell<bool>,
    /// The oldest first.
    extended: RefCell<Vec<Extended>>,
}

/// A shape in which the accessors of a section stand first, and what a function added to them. It stays alive, and so its
/// address is its own.
struct Extended {
    shape: Shape,
    /// How many accessors.
    given: usize,
    added: Rc<[PropertyKey]>,
}

/// The names of a message's lines, and what functions see of them.
struct HeaderList {
    /// As they are on the wire, of all lines, each with a line end.
    names: Vec<u8>,
    keys: Rc<[PropertyKey]>,
}

impl HeaderList {
    fn is_of(&self, headers: &Headers) -> bool {
        let mut rest = &self.names[..];
        let has_next =
            |name| rest.strip_prefix(name).and_then(|rest| rest.strip_prefix(b"\n")).map(|after| rest = after);
        headers.iter().map(|(name, _)| name).map(has_next).all(|found| found.is_some()) && rest.is_empty()
    }
}

struct Pair {
    getter: JsFunction,
    /// Getter and setter.
    accessor: PropertyDescriptor,
}

impl EntryAccessors {
    /// Those of a context.
    pub(super) fn new(context: &Context) -> Self {
        let value_object = plain_object(context);
        data(&value_object, js_string!("value"), JsString::default());
        Self {
            value_object,
            value_key: js_string!("value").into(),
            pairs: RefCell::default(),
            names: RefCell::default(),
            header_names: RefCell::default(),
            header_lists: RefCell::default(),
            shapes_tell: Cell::new(false),
            extended: RefCell::default(),
        }
    }

    /// From now on a shape tells which accessors stand: what defines properties settles an object first.
    pub(super) fn let_shapes_tell(&self) {
        self.shapes_tell.set(true);
    }

    /// Whether they do.
    pub(super) fn shapes_tell(&self) -> bool {
        self.shapes_tell.get()
    }

    /// Where every accessor of a section stands in its place: what was added behind them.
    pub(super) fn added(&self, built: &Built, object: &JsObject) -> Option<Rc<[PropertyKey]>> {
        if !self.shapes_tell.get() || built.settled.get() || !built.is(object) {
            return None;
        }
        let object = object.borrow();
        let address = object.shape().to_addr_usize();
        let extended = self.extended.borrow();
        let known = extended.iter().find(|known| known.shape.to_addr_usize() == address)?;
        // Of accessors there are none but those it was built with: as many are all.
        let is_all = known.given == built.len() && object.properties().index_property_keys().next().is_none();
        is_all.then(|| known.added.clone())
    }

    /// Keeps the shape of a section whose accessors were all found in their places, before `keys` that were added.
    pub(super) fn keep_shape(&self, built: &Built, object: &JsObject, keys: &[PropertyKey]) {
        let object_borrowed = object.borrow();
        let shape = object_borrowed.shape();
        if built.settled.get() || !built.is(object) || !shape.is_shared() || keys.len() > ADDED_KEPT_MAX {
            return;
        }
        let mut extended = self.extended.borrow_mut();
        if extended.len() == SHAPES_KEPT_MAX {
            extended.remove(0);
        }
        extended.push(Extended { shape: shape.clone(), given: built.len(), added: keys.into() });
    }

    /// Whether `getter` is the one of an entry.
    pub(super) fn has(&self, getter: &JsObject) -> bool {
        self.pairs.borrow().iter().flatten().any(|pair| *pair.getter == *getter)
    }

    /// The place of the entry whose getter it is; probably `next`.
    fn place_of(&self, getter: &JsObject, section: Section, next: usize) -> Option<usize> {
        let pairs = self.pairs.borrow();
        let pairs = &pairs[row(section)?];
        if pairs.get(next).is_some_and(|pair| *pair.getter == *getter) {
            return Some(next);
        }
        pairs.iter().position(|pair| *pair.getter == *getter)
    }

    /// What an entry is that was read: an object can be changed within.
    fn found(&self, place: usize, shown: &Shown) -> Found {
        let object = shown.object.borrow();
        // An object of that shape has a `value` and nothing else, and inherits what it did.
        let same_shape = object.shape().to_addr_usize() == self.value_object.borrow().shape().to_addr_usize();
        if same_shape && let Some(text) = &shown.text {
            let value = object.properties().get(&self.value_key);
            if value
                .as_ref()
                .and_then(PropertyDescriptor::value)
                .is_some_and(|value| value.as_string().as_ref() == Some(text))
            {
                return Found::Untouched(place);
            }
        }
        Found::Known(place, shown.object.clone().into())
    }

    /// The accessor of a place. Made when a message first has so many headers, and frozen: it outlives the call.
    fn accessor(&self, section: Section, place: usize, context: &mut Context) -> JsResult<PropertyDescriptor> {
        let row = row(section).expect("only headers are accessors");
        if let Some(pair) = self.pairs.borrow()[row].get(place) {
            return Ok(pair.accessor.clone());
        }
        let getter = NativeFunction::from_copy_closure(move |_, _, context| read(section, place, context));
        let setter = NativeFunction::from_copy_closure(move |this, arguments, context| {
            assign(section, place, this, arguments.first().cloned().unwrap_or_default(), context)
        });
        let realm = context.realm().clone();
        let getter = FunctionObjectBuilder::new(&realm, getter).build();
        let setter = FunctionObjectBuilder::new(&realm, setter).length(1).build();
        getter.set_integrity_level(IntegrityLevel::Frozen, context)?;
        setter.set_integrity_level(IntegrityLevel::Frozen, context)?;
        let accessor =
            PropertyDescriptor::builder().get(getter.clone()).set(setter).enumerable(true).configurable(true);
        let accessor = accessor.build();
        // Places are asked for in order.
        self.pairs.borrow_mut()[row].push(Pair { getter, accessor: accessor.clone() });
        Ok(accessor)
    }

    /// A name as a property key, kept for the next event.
    fn name(&self, name: &str) -> PropertyKey {
        if let Some(kept) = self.names.borrow().get(name) {
            return kept.clone();
        }
        let made = PropertyKey::from(JsString::from(name));
        let mut names = self.names.borrow_mut();
        if names.len() < FUNCTION_NAMES_KEPT_MAX && name.len() <= NAME_KEPT_BYTES_MAX {
            names.insert(name.into(), made.clone());
        }
        made
    }

    /// The same of a header as it is on the wire; nothing where functions do not see it.
    fn header_name(&self, name: &[u8]) -> Option<PropertyKey> {
        if let Some(kept) = self.header_names.borrow().get(name) {
            return kept.clone();
        }
        let made = super::section::header_name(name).map(|name| PropertyKey::from(JsString::from(name.as_ref())));
        let mut names = self.header_names.borrow_mut();
        if names.len() < FUNCTION_NAMES_KEPT_MAX && name.len() <= NAME_KEPT_BYTES_MAX {
            names.insert(name.into(), made.clone());
        }
        made
    }
}

/// Which accessors the headers of a section have.
fn row(section: Section) -> Option<usize> {
    match section {
        Section::RequestHeaders => Some(0),
        Section::ResponseHeaders => Some(1),
        _ => None,
    }
}

/// Builds a section that has entries.
pub(super) fn build(event: &CallEvent, section: Section, context: &mut Context) -> JsResult<Built> {
    let accessors = Accessors::of(context);
    if let Some(keys) = row(section).and_then(|_| header_keys(event, section, &accessors.entries)) {
        let object = plain_object(context);
        for (place, key) in keys.iter().enumerate() {
            object.insert_property(key.clone(), accessors.entries.accessor(section, place, context)?);
        }
        let states = keys.iter().map(|_| State::Unread).collect();
        return Ok(Built { object, keys, states: RefCell::new(states), settled: Cell::default() });
    }
    let arrived = event.entries(section);
    let object = if arrived.len() > ENTRIES_SHARED_MAX {
        let prototype = context.intrinsics().constructors().object().prototype();
        JsObject::new_unique(prototype, OrdinaryObject).upcast()
    } else {
        plain_object(context)
    };
    let mut keys = Vec::with_capacity(arrived.len());
    let mut states = Vec::with_capacity(arrived.len());
    for entry in &arrived {
        let (key, shown) = (accessors.entries.name(&entry.name), shown(&entry.values, context));
        object.insert_property(key.clone(), enumerable(shown.object.clone()));
        keys.push(key);
        states.push(State::Read(shown));
    }
    Ok(Built { object, keys: keys.into(), states: RefCell::new(states), settled: Cell::default() })
}

/// The names of the headers in order, unless there are very many.
fn header_keys(event: &CallEvent, section: Section, accessors: &EntryAccessors) -> Option<Rc<[PropertyKey]>> {
    let ((headers, separate), row) = (event.lines(section)?, row(section)?);
    if let Some(list) = accessors.header_lists.borrow()[row].as_ref().filter(|list| list.is_of(headers)) {
        return Some(list.keys.clone());
    }
    let keys: Rc<[PropertyKey]> = keys_of(headers, separate, accessors)?.into();
    if headers.iter().all(|(name, _)| name.len() <= NAME_KEPT_BYTES_MAX) && headers.iter().count() <= LINES_KEPT_MAX {
        // In the room of the last: messages with other headers each time cost no more for it.
        let mut lists = accessors.header_lists.borrow_mut();
        let mut names = lists[row].take().map_or_else(Vec::new, |list| list.names);
        names.clear();
        headers.iter().for_each(|(name, _)| names.extend(name.iter().chain(b"\n")));
        lists[row] = Some(HeaderList { names, keys: keys.clone() });
    }
    Some(keys)
}

fn keys_of(headers: &Headers, separate: &str, accessors: &EntryAccessors) -> Option<Vec<PropertyKey>> {
    let mut keys: Vec<PropertyKey> = Vec::with_capacity(headers.len().min(ENTRIES_SHARED_MAX));
    let mut names: Vec<&[u8]> = Vec::with_capacity(keys.capacity());
    for (name, _) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(separate.as_bytes())) {
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        // Names in ASCII are equal as they are written, others may be as they are read.
        let Some(key) = accessors.header_name(name).filter(|key| name.is_ascii() || !keys.contains(key)) else {
            continue;
        };
        if keys.len() == ENTRIES_SHARED_MAX {
            return None;
        }
        keys.push(key);
        names.push(name);
    }
    Some(keys)
}

/// The object of a built section.
pub(super) fn object_of(built: &Built) -> &JsObject {
    &built.object
}

/// `headers.name`
fn read(section: Section, place: usize, context: &mut Context) -> JsResult<JsValue> {
    let event = Host::event_of(context)?;
    let Some(built) = event.given(section) else { return Ok(JsValue::undefined()) };
    match built.states.borrow().get(place) {
        None => return Ok(JsValue::undefined()),
        Some(State::Unread) => {}
        Some(State::Read(shown)) => return Ok(shown.object.clone().into()),
        Some(State::Assigned(value)) => return Ok(value.clone()),
    }
    let shown = shown(&event.header(section, place, &built.keys[place]), context);
    let object = shown.object.clone();
    built.states.borrow_mut()[place] = State::Read(shown);
    Ok(object.into())
}

/// `headers.name = value`, on the section itself or on an object that inherits from it.
fn assign(section: Section, place: usize, this: &JsValue, value: JsValue, context: &mut Context) -> JsResult<JsValue> {
    let event = Host::event_of(context)?;
    let Some(object) = this.as_object() else {
        return Err(JsNativeError::typ().with_message("property set on a primitive value").into());
    };
    let Some(built) = event.given(section) else { return Ok(JsValue::undefined()) };
    let Some(key) = built.keys.get(place) else { return Ok(JsValue::undefined()) };
    if built.is(&object) {
        built.states.borrow_mut()[place] = State::Assigned(value);
    } else {
        object.create_data_property_or_throw(key.clone(), value, context)?;
    }
    Ok(JsValue::undefined())
}

/// Makes the entries of `object`, where it is a section, what they look like.
pub(super) fn settle(object: &JsObject, event: &CallEvent, context: &mut Context) -> JsResult<()> {
    let accessors = Accessors::of(context);
    for section in [Section::RequestHeaders, Section::ResponseHeaders] {
        let Some(built) = event.given(section).filter(|built| built.is(object)) else { continue };
        built.settled.set(true);
        for (place, key) in built.keys.iter().enumerate() {
            let property = object.borrow().properties().get(key);
            let getter = property.as_ref().and_then(PropertyDescriptor::get).and_then(JsValue::as_object);
            if getter.is_some_and(|getter| accessors.entries.place_of(&getter, section, place) == Some(place)) {
                let value = read(section, place, context)?;
                object.insert_property(key.clone(), enumerable(value));
            }
        }
    }
    Ok(())
}

/// The object of an entry with these values.
fn shown(values: &[Value<'_>], context: &mut Context) -> Shown {
    let (object, value) = value_object(&values[0], context);
    if let [single] = values {
        return Shown { object, text: single.attributes.is_none().then_some(value) };
    }
    let values: Vec<JsValue> = values.iter().map(|value| value_object(value, context).0.into()).collect();
    let values = JsArray::from_iter(values, context);
    data(&object, js_string!("multiValue"), values);
    Shown { object, text: None }
}

fn value_object(value: &Value<'_>, context: &Context) -> (JsObject, JsString) {
    let (object, text) = (plain_object(context), text(value.text.as_bytes()));
    data(&object, js_string!("value"), text.clone());
    if let Some(attributes) = &value.attributes {
        data(&object, js_string!("attributes"), JsString::from(attributes.as_ref()));
    }
    (object, text)
}
