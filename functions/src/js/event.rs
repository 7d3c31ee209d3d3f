//! The event object, built as far as a function looks at it.
//!
//! `event.request.headers` and its like are accessors that build their section on first use. What a function never read it
//! cannot have changed, so those parts of a message go on byte for byte. They stay accessors: boa's inline caches remember a
//! property by the shape its object has *after* a read, so a getter that redefined its property would be called again in
//! the place of the value. Only functions that show how a property is made turn them into ordinary properties ([`settle`]).

use super::host::Host;
use super::section::{self, Entry, Value};
use super::text::js_string as text;
use super::{Call, EventType};
use crate::{EventContext, Request, Response};
use boa_engine::builtins::object::OrdinaryObject;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::{JsArray, JsFunction};
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction, js_string};
use homefront_config::function::FunctionRuntime;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A section with more entries gets a shape of its own: no other event will have the same names in the same order.
const ENTRIES_SHARED_MAX: usize = 32;

/// A part of the event that is built when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Context,
    Viewer,
    RequestHeaders,
    RequestCookies,
    RequestQuerystring,
    ResponseHeaders,
    ResponseCookies,
}

impl Section {
    const ALL: [Self; 7] = [
        Self::Context,
        Self::Viewer,
        Self::RequestHeaders,
        Self::RequestCookies,
        Self::RequestQuerystring,
        Self::ResponseHeaders,
        Self::ResponseCookies,
    ];

    /// The name of its property.
    pub(super) fn key(self) -> JsString {
        match self {
            Self::Context => js_string!("context"),
            Self::Viewer => js_string!("viewer"),
            Self::RequestHeaders | Self::ResponseHeaders => js_string!("headers"),
            Self::RequestCookies | Self::ResponseCookies => js_string!("cookies"),
            Self::RequestQuerystring => js_string!("querystring"),
        }
    }
}

/// One call's message and the objects made of it.
pub(super) struct CallEvent {
    pub(super) event_type: EventType,
    pub(super) context: EventContext,
    pub(super) request: Request,
    pub(super) response: Option<Response>,
    /// `event`, `event.request`, `event.response`.
    event_object: JsObject,
    request_object: JsObject,
    response_object: Option<JsObject>,
    /// What has been built, by section.
    built: RefCell<[Option<JsValue>; 7]>,
    /// What its entries were built as.
    given: RefCell<[Option<Rc<[Given]>>; 7]>,
}

/// An entry of a section, as the function found it.
pub(super) struct Given {
    pub(super) name: JsString,
    pub(super) object: JsObject,
}

impl CallEvent {
    /// What a section was built as, if it was read or assigned.
    fn built(&self, section: Section) -> Option<JsValue> {
        self.built.borrow()[section as usize].clone()
    }

    /// The entries of a section as they were built, in order; none where it was not read.
    pub(super) fn given(&self, section: Section) -> Rc<[Given]> {
        self.given.borrow()[section as usize].clone().unwrap_or_default()
    }

    fn holder(&self, section: Section) -> Option<&JsObject> {
        match section {
            Section::Context | Section::Viewer => Some(&self.event_object),
            Section::RequestHeaders | Section::RequestCookies | Section::RequestQuerystring => {
                Some(&self.request_object)
            }
            Section::ResponseHeaders | Section::ResponseCookies => self.response_object.as_ref(),
        }
    }

    fn response(&self) -> &Response {
        self.response.as_ref().expect("response sections exist in response events only")
    }

    /// The entries of a section as they arrived.
    pub(super) fn entries(&self, section: Section) -> Vec<Entry<'_>> {
        match section {
            Section::Context | Section::Viewer => Vec::new(),
            Section::RequestHeaders => section::headers(&self.request.headers, "cookie"),
            Section::RequestCookies => section::cookies(&self.request.headers),
            Section::RequestQuerystring => section::query(self.request.querystring.as_deref().unwrap_or_default()),
            Section::ResponseHeaders => section::headers(&self.response().headers, "set-cookie"),
            Section::ResponseCookies => section::set_cookies(&self.response().headers),
        }
    }
}

/// The accessors of a context's events, made once.
pub(super) struct Accessors {
    pairs: Vec<(JsFunction, JsFunction)>,
    raw_query_string: JsFunction,
    names: RefCell<HashMap<Box<str>, JsString>>,
    /// `{value}`. Kept so that its shape is: objects are told by its address.
    value_object: JsObject,
}

impl Accessors {
    /// Makes the accessors of a context.
    pub(super) fn new(context: &mut Context) -> Self {
        let realm = context.realm().clone();
        let pair = |section: Section| {
            let getter = NativeFunction::from_copy_closure(move |_, _, context| read(section, context));
            let setter = NativeFunction::from_copy_closure(move |this, arguments, context| {
                assign(section, this, arguments.first().cloned().unwrap_or_default(), context)
            });
            let getter = FunctionObjectBuilder::new(&realm, getter).name(section.key()).build();
            let setter = FunctionObjectBuilder::new(&realm, setter).name(section.key()).length(1).build();
            (getter, setter)
        };
        let pairs = Section::ALL.into_iter().map(pair).collect();
        let raw = NativeFunction::from_fn_ptr(raw_query_string);
        let raw_query_string = FunctionObjectBuilder::new(&realm, raw).name(js_string!("rawQueryString")).build();
        let value_object = plain_object(context);
        data(&value_object, js_string!("value"), JsString::default());
        Self { pairs, raw_query_string, names: RefCell::default(), value_object }
    }

    /// Every function object in here, to be frozen.
    pub(super) fn functions(&self) -> impl Iterator<Item = &JsFunction> {
        self.pairs.iter().flat_map(|(getter, setter)| [getter, setter]).chain([&self.raw_query_string])
    }

    /// Whether `getter` is one of ours, so that what it gives is what an ordinary property would have.
    pub(super) fn has(&self, getter: &JsObject) -> bool {
        self.pairs.iter().any(|(section, _)| **section == *getter)
    }

    /// Whether an object has a `value` as events give it and nothing else, and inherits what they do.
    pub(super) fn is_value_object(&self, object: &JsObject) -> bool {
        object.borrow().shape().to_addr_usize() == self.value_object.borrow().shape().to_addr_usize()
    }

    /// Whether `object` still has the untouched accessor of `section`: neither read nor assigned.
    pub(super) fn unread(&self, event: &CallEvent, object: &JsObject, section: Section) -> bool {
        self.stands(object, section) && event.built(section).is_none()
    }

    /// Whether `object` still has the accessor of `section`.
    fn stands(&self, object: &JsObject, section: Section) -> bool {
        let property = object.borrow().properties().get(&PropertyKey::from(section.key()));
        let getter = property.and_then(|property| property.get()?.as_object());
        getter.is_some_and(|getter| getter == *self.pairs[section as usize].0)
    }

    /// The event object of a call, registered with the host.
    pub(super) fn event(&self, call: &Call<'_>, host: &Host, context: &mut Context) -> JsObject {
        let event = plain_object(context);
        let request = self.request(call.request, host, context);
        let response = call.response.map(|response| self.response(response, context));
        data(&event, js_string!("version"), js_string!("1.0"));
        self.lazy(&event, Section::Context);
        self.lazy(&event, Section::Viewer);
        data(&event, js_string!("request"), request.clone());
        if let Some(response) = &response {
            data(&event, js_string!("response"), response.clone());
        }
        *host.event.borrow_mut() = Some(Rc::new(CallEvent {
            event_type: call.event_type,
            context: call.context.clone(),
            request: call.request.clone(),
            response: call.response.cloned(),
            event_object: event.clone(),
            request_object: request,
            response_object: response,
            built: RefCell::default(),
            given: RefCell::default(),
        }));
        event
    }

    fn request(&self, request: &Request, host: &Host, context: &mut Context) -> JsObject {
        let object = plain_object(context);
        data(&object, js_string!("method"), text(request.method.as_bytes()));
        data(&object, js_string!("uri"), text(&request.uri));
        self.lazy(&object, Section::RequestQuerystring);
        self.lazy(&object, Section::RequestHeaders);
        self.lazy(&object, Section::RequestCookies);
        if host.runtime == FunctionRuntime::CloudfrontJs2_0 {
            let method = PropertyDescriptor::builder().value(self.raw_query_string.clone());
            let method = method.writable(true).enumerable(false).configurable(true);
            object.insert_property(js_string!("rawQueryString"), method);
        }
        object
    }

    fn response(&self, response: &Response, context: &mut Context) -> JsObject {
        let object = plain_object(context);
        data(&object, js_string!("statusCode"), i32::from(response.status));
        data(&object, js_string!("statusDescription"), text(status_description(response).as_bytes()));
        self.lazy(&object, Section::ResponseHeaders);
        self.lazy(&object, Section::ResponseCookies);
        object
    }

    fn lazy(&self, object: &JsObject, section: Section) {
        let (getter, setter) = &self.pairs[section as usize];
        let accessor = PropertyDescriptor::builder().get(getter.clone()).set(setter.clone());
        object.insert_property(section.key(), accessor.enumerable(true).configurable(true));
    }

    /// A name as a JavaScript string, kept for the next event.
    fn name(&self, name: &str) -> JsString {
        if let Some(kept) = self.names.borrow().get(name) {
            return kept.clone();
        }
        let made = JsString::from(name);
        let mut names = self.names.borrow_mut();
        if names.len() < homefront_config::limits::FUNCTION_NAMES_KEPT_MAX && name.len() <= 64 {
            names.insert(name.into(), made.clone());
        }
        made
    }
}

/// The reason phrase a function sees.
pub(super) fn status_description(response: &Response) -> String {
    response.status_description.clone().unwrap_or_else(|| {
        let status = http::StatusCode::from_u16(response.status).ok();
        status.and_then(|status| status.canonical_reason()).unwrap_or_default().to_owned()
    })
}

/// Builds what is still lazy on `object`, so that its properties are what they look like.
pub(super) fn settle(object: &JsObject, context: &mut Context) -> JsResult<()> {
    let Some(event) = Host::of(context).event.borrow().clone() else { return Ok(()) };
    let accessors = context.get_data::<Rc<Accessors>>().expect("every context is made with accessors").clone();
    for section in Section::ALL {
        if event.holder(section) == Some(object) && accessors.stands(object, section) {
            let value = read(section, context)?;
            data(object, section.key(), value);
        }
    }
    Ok(())
}

fn read(section: Section, context: &mut Context) -> JsResult<JsValue> {
    let event = Host::event_of(context)?;
    if let Some(value) = event.built(section) {
        return Ok(value);
    }
    let value = build(&event, section, context);
    event.built.borrow_mut()[section as usize] = Some(value.clone());
    Ok(value)
}

/// `request.headers = value`, on the event's own object or on one that inherits from it.
fn assign(section: Section, this: &JsValue, value: JsValue, context: &mut Context) -> JsResult<JsValue> {
    let event = Host::event_of(context)?;
    let Some(object) = this.as_object() else {
        return Err(JsNativeError::typ().with_message("property set on a primitive value").into());
    };
    if event.holder(section) == Some(&object) {
        event.built.borrow_mut()[section as usize] = Some(value);
    } else {
        object.create_data_property_or_throw(section.key(), value, context)?;
    }
    Ok(JsValue::undefined())
}

fn build(event: &CallEvent, section: Section, context: &mut Context) -> JsValue {
    let mut object = plain_object(context);
    match section {
        Section::Context => {
            let described = &event.context;
            data(&object, js_string!("distributionDomainName"), text(described.distribution_domain_name.as_bytes()));
            data(&object, js_string!("distributionId"), text(described.distribution_id.as_bytes()));
            let event_type = match event.event_type {
                EventType::ViewerRequest => js_string!("viewer-request"),
                EventType::ViewerResponse => js_string!("viewer-response"),
            };
            data(&object, js_string!("eventType"), event_type);
            data(&object, js_string!("requestId"), text(described.request_id.as_bytes()));
        }
        Section::Viewer => {
            data(&object, js_string!("ip"), text(event.context.viewer_ip.to_string().as_bytes()));
        }
        _ => {
            let accessors = context.get_data::<Rc<Accessors>>().expect("every context is made with accessors").clone();
            let entries = event.entries(section);
            if entries.len() > ENTRIES_SHARED_MAX {
                let prototype = context.intrinsics().constructors().object().prototype();
                object = JsObject::new_unique(prototype, OrdinaryObject).upcast();
            }
            let mut given = Vec::with_capacity(entries.len());
            for entry in entries {
                let (name, value) = (accessors.name(&entry.name), entry_object(&entry, context));
                object.insert_property(name.clone(), enumerable(value.clone()));
                given.push(Given { name, object: value });
            }
            event.given.borrow_mut()[section as usize] = Some(given.into());
        }
    }
    object.into()
}

fn entry_object(entry: &Entry<'_>, context: &mut Context) -> JsObject {
    let object = value_object(&entry.values[0], context);
    if entry.values.len() > 1 {
        let values: Vec<JsValue> = entry.values.iter().map(|value| value_object(value, context).into()).collect();
        let values = JsArray::from_iter(values, context);
        data(&object, js_string!("multiValue"), values);
    }
    object
}

fn value_object(value: &Value<'_>, context: &mut Context) -> JsObject {
    let object = plain_object(context);
    data(&object, js_string!("value"), JsString::from(value.text.as_ref()));
    if let Some(attributes) = &value.attributes {
        data(&object, js_string!("attributes"), JsString::from(attributes.as_ref()));
    }
    object
}

fn raw_query_string(_this: &JsValue, _arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let event = Host::event_of(context)?;
    Ok(event.request.querystring.as_ref().map_or_else(JsValue::undefined, |query| text(query).into()))
}

/// An empty object whose shape is shared with its like.
pub(super) fn plain_object(context: &Context) -> JsObject {
    let prototype = context.intrinsics().constructors().object().prototype();
    JsObject::new(context.root_shape(), prototype, OrdinaryObject).upcast()
}

/// Adds or replaces an ordinary property.
pub(super) fn data(object: &JsObject, key: JsString, value: impl Into<JsValue>) {
    object.insert_property(key, enumerable(value));
}

fn enumerable(value: impl Into<JsValue>) -> PropertyDescriptor {
    PropertyDescriptor::builder().value(value).writable(true).enumerable(true).configurable(true).build()
}
