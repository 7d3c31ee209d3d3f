//! The event object, built as far as a function looks at it.
//!
//! `event.request.headers` and its like are accessors that build their section on first use. What a function never read it
//! cannot have changed, so those parts of a message go on byte for byte. They stay accessors: boa's inline caches remember a
//! property by the shape its object has *after* a read, so a getter that redefined its property would be called again in
//! the place of the value. Only functions that show how a property is made turn them into ordinary properties ([`settle`]).

use super::entries::{self, Built, EntryAccessors};
use super::fault::Fault;
use super::host::Host;
use super::returned::member_of;
use super::section::{self, Entry, Value};
use super::text::js_string as text;
use super::{Call, EventType};
use crate::message::Headers;
use crate::{EventContext, Request, Response};
use boa_engine::builtins::object::OrdinaryObject;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::JsFunction;
use boa_engine::object::shape::Shape;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsString, JsValue, NativeFunction, js_string};
use homefront_config::function::FunctionRuntime;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

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
    /// What those with entries were built as.
    given: RefCell<[Option<Rc<Built>>; 7]>,
    /// Whether accessors of sections gave way to what they give.
    settled: Cell<bool>,
}

impl CallEvent {
    /// What a section was built as, if it was read or assigned.
    fn built(&self, section: Section) -> Option<JsValue> {
        self.built.borrow()[section as usize].clone()
    }

    /// What a section with entries was built as; nothing where it was not read.
    pub(super) fn given(&self, section: Section) -> Option<Rc<Built>> {
        self.given.borrow()[section as usize].clone()
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

    /// The lines that a section of headers is made of, and the name of those that are a section of their own.
    pub(super) fn lines(&self, section: Section) -> Option<(&Headers, &'static str)> {
        match section {
            Section::RequestHeaders => Some((&self.request.headers, "cookie")),
            Section::ResponseHeaders => Some((&self.response().headers, "set-cookie")),
            _ => None,
        }
    }

    /// The values of the header of a name, which is the one of this place.
    pub(super) fn header(&self, section: Section, place: usize, key: &PropertyKey) -> Vec<Value<'_>> {
        let (headers, _) = self.lines(section).expect("only headers are read one by one");
        if let PropertyKey::String(name) = key
            && let Some(name) = name.as_str().as_latin1().filter(|name| name.is_ascii())
        {
            return section::header_values(headers, name);
        }
        self.entries(section).swap_remove(place).values
    }

    /// The entries of a section as they arrived.
    pub(super) fn entries(&self, section: Section) -> Vec<Entry<'_>> {
        match section {
            Section::Context | Section::Viewer => Vec::new(),
            Section::RequestHeaders | Section::ResponseHeaders => {
                self.lines(section).map_or_else(Vec::new, |(headers, separate)| section::headers(headers, separate))
            }
            Section::RequestCookies => section::cookies(&self.request.headers),
            Section::RequestQuerystring => section::query(self.request.querystring.as_deref().unwrap_or_default()),
            Section::ResponseCookies => section::set_cookies(&self.response().headers),
        }
    }
}

/// The accessors of a context's events, made once.
pub(super) struct Accessors {
    pairs: Vec<(JsFunction, JsFunction)>,
    /// The property of each section.
    sections: Vec<(PropertyKey, PropertyDescriptor)>,
    version: (PropertyKey, PropertyDescriptor),
    raw_query_string: JsFunction,
    pub(super) entries: EntryAccessors,
    /// Of a request that was just made. Kept, and so no other has its address.
    request_shape: OnceCell<Shape>,
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
        let pairs: Vec<(JsFunction, JsFunction)> = Section::ALL.into_iter().map(pair).collect();
        let sections = Section::ALL.into_iter().zip(&pairs).map(|(section, (getter, setter))| {
            let accessor = PropertyDescriptor::builder().get(getter.clone()).set(setter.clone());
            (PropertyKey::from(section.key()), accessor.enumerable(true).configurable(true).build())
        });
        let sections = sections.collect();
        let version = (PropertyKey::from(js_string!("version")), enumerable(js_string!("1.0")));
        let raw = NativeFunction::from_fn_ptr(raw_query_string);
        let raw_query_string = FunctionObjectBuilder::new(&realm, raw).name(js_string!("rawQueryString")).build();
        Self {
            pairs,
            sections,
            version,
            raw_query_string,
            entries: EntryAccessors::new(context),
            request_shape: OnceCell::new(),
        }
    }

    /// Those of a context.
    pub(super) fn of(context: &Context) -> Rc<Self> {
        context.get_data::<Rc<Self>>().expect("every context is made with accessors").clone()
    }

    /// Every function object in here, to be frozen.
    pub(super) fn functions(&self) -> impl Iterator<Item = &JsFunction> {
        self.pairs.iter().flat_map(|(getter, setter)| [getter, setter]).chain([&self.raw_query_string])
    }

    /// Whether `getter` is one of ours, so that what it gives is what an ordinary property would have.
    pub(super) fn has(&self, getter: &JsObject) -> bool {
        self.pairs.iter().any(|(section, _)| **section == *getter) || self.entries.has(getter)
    }

    /// What `section` of the object is; nothing where it has the accessor and that was neither called nor assigned to.
    pub(super) fn section(
        &self,
        event: &CallEvent,
        object: &JsObject,
        section: Section,
        context: &mut Context,
    ) -> Result<Option<JsValue>, Fault> {
        if self.is_request_as_made(event, object) || self.stands(object, section) {
            return Ok(event.built(section));
        }
        member_of(object, self.sections[section as usize].0.clone(), context).map(Some)
    }

    /// Whether it is the event's request with the properties it was made with, whatever their values: a function that only
    /// assigns leaves the sections their accessors.
    pub(super) fn is_request_as_made(&self, event: &CallEvent, object: &JsObject) -> bool {
        let shape = self.request_shape.get().map(Shape::to_addr_usize);
        self.entries.shapes_tell()
            && !event.settled.get()
            && event.request_object == *object
            && Some(object.borrow().shape().to_addr_usize()) == shape
    }

    /// Whether `object` still has the accessor of `section`.
    fn stands(&self, object: &JsObject, section: Section) -> bool {
        let property = object.borrow().properties().get(&self.sections[section as usize].0);
        let getter = property.as_ref().and_then(|property| property.get()?.as_object());
        getter.is_some_and(|getter| getter == *self.pairs[section as usize].0)
    }

    /// The event object of a call, registered with the host.
    pub(super) fn event(&self, call: &Call<'_>, host: &Host, context: &mut Context) -> JsObject {
        let event = plain_object(context);
        let request = self.request(call.request, host, context);
        let response = call.response.map(|response| self.response(response, context));
        event.insert_property(self.version.0.clone(), self.version.1.clone());
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
            settled: Cell::default(),
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
        self.request_shape.get_or_init(|| object.borrow().shape().clone());
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
        let (key, accessor) = &self.sections[section as usize];
        object.insert_property(key.clone(), accessor.clone());
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
    let accessors = Accessors::of(context);
    for section in Section::ALL {
        if event.holder(section) == Some(object) && accessors.stands(object, section) {
            event.settled.set(true);
            let value = read(section, context)?;
            data(object, section.key(), value);
        }
    }
    entries::settle(object, &event, context)
}

fn read(section: Section, context: &mut Context) -> JsResult<JsValue> {
    let event = Host::event_of(context)?;
    if let Some(value) = event.built(section) {
        return Ok(value);
    }
    let value = build(&event, section, context)?;
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

fn build(event: &CallEvent, section: Section, context: &mut Context) -> JsResult<JsValue> {
    let object;
    match section {
        Section::Context => {
            object = plain_object(context);
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
            object = plain_object(context);
            data(&object, js_string!("ip"), text(event.context.viewer_ip.to_string().as_bytes()));
        }
        _ => {
            let built = entries::build(event, section, context)?;
            object = entries::object_of(&built).clone();
            event.given.borrow_mut()[section as usize] = Some(Rc::new(built));
        }
    }
    Ok(object.into())
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

/// An ordinary property.
pub(super) fn enumerable(value: impl Into<JsValue>) -> PropertyDescriptor {
    PropertyDescriptor::builder().value(value).writable(true).enumerable(true).configurable(true).build()
}
