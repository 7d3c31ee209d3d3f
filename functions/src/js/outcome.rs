//! From what a function returned to what it decided, checked as CloudFront checks it.

use super::EventType;
use super::event::{Accessors, CallEvent, Section, status_description};
use super::fault::Fault;
use super::returned::{self, Original, ReadMember, Returned, alone, member_of, pair, set_cookie};
use super::text::{decode, same, utf8};
use crate::message::Headers;
use crate::rules::{self, Event};
use crate::{HeaderEdit, OriginEdit, RequestEdit, Response, ResponseEdit};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use boa_engine::{Context, JsObject, JsString, JsValue, js_string};
use bytes::Bytes;
use homefront_config::limits::{
    FUNCTION_BODY_BYTES_MAX, REQUEST_HEAD_BYTES_MAX, RESPONSE_HEAD_BYTES_MAX, STATUS_DESCRIPTION_BYTES_MAX,
    URL_BYTES_MAX,
};
use std::collections::HashSet;

/// Bodies in base64, with padding or without.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a function decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// Go on with the request.
    Request(RequestEdit),
    /// Answer with this.
    Respond(Response),
    /// Send the response.
    Response(ResponseEdit),
}

impl Decision {
    /// With what the origin helpers said. A request that is answered, or changed on its way back, has no origin any more.
    pub(super) fn with_origin(self, said: Option<Result<Box<OriginEdit>, String>>) -> Result<Self, Fault> {
        match (self, said) {
            (Self::Request(edit), Some(Ok(origin))) => Ok(Self::Request(RequestEdit { origin: Some(origin), ..edit })),
            (Self::Request(_), Some(Err(detail))) => Err(Fault::invalid_origin(detail)),
            (decision, _) => Ok(decision),
        }
    }
}

/// Reads what a handler returned.
pub(super) struct Reader<'a> {
    pub(super) event: &'a CallEvent,
    pub(super) accessors: &'a Accessors,
    pub(super) context: &'a mut Context,
}

impl Reader<'_> {
    /// What `value` decides.
    pub(super) fn decision(&mut self, value: &JsValue) -> Result<Decision, Fault> {
        let Some(object) = value.as_object() else {
            let what = match value.type_of() {
                _ if value.is_null() => "null".to_owned(),
                "undefined" => "undefined".to_owned(),
                kind => format!("a {kind}"),
            };
            return Err(nonsense(&what));
        };
        let status = self.member(&object, js_string!("statusCode"))?;
        let event_type = self.event.event_type;
        if event_type == EventType::ViewerResponse && status.is_undefined() && self.is_request(&object)? {
            let way_out =
                "the function returned a request on viewer response, where the response is due: return event.response";
            return Err(Fault::invalid(way_out));
        }
        match event_type {
            EventType::ViewerRequest if status.is_undefined() => self.request(&object).map(Decision::Request),
            EventType::ViewerRequest => self.generated(&object, &status).map(Decision::Respond),
            EventType::ViewerResponse => self.response(&object, &status).map(Decision::Response),
        }
    }

    fn is_request(&mut self, object: &JsObject) -> Result<bool, Fault> {
        let uri = self.member(object, js_string!("uri"))?;
        Ok(uri.is_string() && self.member(object, js_string!("method"))?.is_string())
    }

    fn member(&mut self, object: &JsObject, key: JsString) -> Result<JsValue, Fault> {
        member_of(object, key, self.context)
    }

    /// What a section is, unless the function never looked at it.
    fn section(&mut self, object: &JsObject, section: Section) -> Result<Option<JsValue>, Fault> {
        self.accessors.section(self.event, object, section, self.context)
    }

    fn request(&mut self, object: &JsObject) -> Result<RequestEdit, Fault> {
        let uri = self.member(object, js_string!("uri"))?;
        let method = self.member(object, js_string!("method"))?;
        let Some(uri) = uri.as_string() else {
            return Err(if uri.is_undefined() && method.is_undefined() {
                let whole_event = !self.member(object, js_string!("request"))?.is_undefined();
                nonsense(if whole_event { "the event (return event.request)" } else { "an object" })
            } else {
                Fault::invalid("request.uri must be a string")
            });
        };
        if !method.is_undefined() && method.as_string().is_none_or(|method| !same(&method, &self.event.request.method))
        {
            return Err(Fault::invalid("request.method is read-only"));
        }
        let uri = self.uri(&uri)?;
        let querystring = self.querystring(object)?;
        if uri.is_some() || querystring.is_some() {
            let request = &self.event.request;
            let path = uri.as_ref().unwrap_or(&request.uri).len();
            let query = querystring.as_ref().or(request.querystring.as_ref()).map_or(0, |query| query.len() + 1);
            if path + query >= URL_BYTES_MAX {
                return Err(Fault::invalid(format!(
                    "request.uri and request.querystring have {} bytes together; CloudFront takes less than {URL_BYTES_MAX}",
                    path + query
                )));
            }
        }
        let mut headers = Vec::new();
        let mut separate = Vec::new();
        self.headers(object, Section::RequestHeaders, "request.headers", "cookie", &mut headers, &mut separate)?;
        self.cookies(object, separate, &mut headers)?;
        within(&headers, &self.event.request.headers, REQUEST_HEAD_BYTES_MAX, "request.headers")?;
        Ok(RequestEdit { uri, querystring, headers, origin: None })
    }

    fn uri(&self, uri: &JsString) -> Result<Option<Bytes>, Fault> {
        if same(uri, &decode(&self.event.request.uri)) {
            return Ok(None);
        }
        let uri = utf8(uri);
        if rules::uri_valid(&uri) {
            Ok(Some(uri.into()))
        } else {
            let rule = "must begin with \"/\" and have no \"?\", \"#\", space or control character";
            Err(Fault::invalid(format!("request.uri {rule}: {uri:?}")))
        }
    }

    fn querystring(&mut self, object: &JsObject) -> Result<Option<Bytes>, Fault> {
        let Some(value) = self.section(object, Section::RequestQuerystring)? else { return Ok(None) };
        let given = self.event.request.querystring.as_deref().unwrap_or_default();
        let querystring = if let Some(text) = value.as_string() {
            if same(&text, &decode(given)) {
                return Ok(None);
            }
            Bytes::from(utf8(&text))
        } else {
            let original = Original::of(self.event, Section::RequestQuerystring);
            let returned = returned::read(&value, &original, "request.querystring", self.context)?;
            if returned.unchanged() {
                return Ok(None);
            }
            joined(&returned, "&")
        };
        if rules::querystring_valid(&querystring) {
            Ok(Some(querystring))
        } else {
            Err(Fault::invalid(
                "request.querystring must have no space, control character or \"#\"; percent-encode them",
            ))
        }
    }

    /// Header changes; lines of the name `separate` are kept apart.
    fn headers(
        &mut self,
        object: &JsObject,
        section: Section,
        label: &str,
        separate: &str,
        edits: &mut Vec<HeaderEdit>,
        separated: &mut Vec<Bytes>,
    ) -> Result<(), Fault> {
        let Some(value) = self.section(object, section)? else { return Ok(()) };
        let event = event_of(section);
        let original = Original::of(self.event, section);
        let returned = returned::read(&value, &original, label, self.context)?;
        for entry in &returned.removed {
            refuse_read_only(event, label, &entry.name, "deleted")?;
            edits.push(HeaderEdit { name: rules::wire_name(&entry.name), values: Vec::new() });
        }
        for member in returned.changed() {
            let values = header_values(member, event, label)?;
            if member.name == separate {
                separated.extend(values);
            } else {
                edits.push(HeaderEdit { name: rules::wire_name(&member.name), values });
            }
        }
        Ok(())
    }

    /// The `Cookie` header; `separate` are values of `headers.cookie`.
    fn cookies(&mut self, object: &JsObject, separate: Vec<Bytes>, edits: &mut Vec<HeaderEdit>) -> Result<(), Fault> {
        let value = match self.section(object, Section::RequestCookies)? {
            Some(value) => value,
            None if separate.is_empty() => return Ok(()),
            None => self.member(object, js_string!("cookies"))?,
        };
        let original = Original::of(self.event, Section::RequestCookies);
        let returned = returned::read(&value, &original, "request.cookies", self.context)?;
        if returned.unchanged() && separate.is_empty() {
            return Ok(());
        }
        refuse_bad_cookies(&returned, "request.cookies")?;
        let own = Some(joined(&returned, "; ")).filter(|own| !own.is_empty());
        let all: Vec<Bytes> = own.into_iter().chain(separate).collect();
        let values = if all.is_empty() { Vec::new() } else { vec![Bytes::from(all.join(&b"; "[..]))] };
        edits.push(HeaderEdit { name: "Cookie".to_owned(), values });
        Ok(())
    }

    fn response(&mut self, object: &JsObject, status: &JsValue) -> Result<ResponseEdit, Fault> {
        let given = self.event.response.as_ref().expect("a response event has a response");
        let status = match status.as_number() {
            Some(number) if number.to_bits() == f64::from(given.status).to_bits() => None,
            _ => Some(status_code(status)?),
        };
        let description = self.status_description(object)?;
        let description = description.filter(|description| *description != status_description(given));
        let mut headers = Vec::new();
        let mut separate = Vec::new();
        self.headers(object, Section::ResponseHeaders, "response.headers", "set-cookie", &mut headers, &mut separate)?;
        let cookies = match self.section(object, Section::ResponseCookies)? {
            None if !separate.is_empty() => Some(self.member(object, js_string!("cookies"))?),
            cookies => cookies,
        };
        if let Some(value) = cookies {
            let original = Original::of(self.event, Section::ResponseCookies);
            let returned = returned::read(&value, &original, "response.cookies", self.context)?;
            if !returned.unchanged() || !separate.is_empty() {
                refuse_bad_cookies(&returned, "response.cookies")?;
                let mut values = returned.pieces(set_cookie);
                values.extend(separate);
                headers.push(HeaderEdit { name: "Set-Cookie".to_owned(), values });
            }
        }
        within(&headers, &given.headers, RESPONSE_HEAD_BYTES_MAX, "response.headers")?;
        let body = self.body(object)?;
        Ok(ResponseEdit { status, status_description: description, headers, body })
    }

    /// A response made on a viewer request.
    fn generated(&mut self, object: &JsObject, status: &JsValue) -> Result<Response, Fault> {
        let status = status_code(status)?;
        let status_description = self.status_description(object)?;
        let mut edits = Vec::new();
        let value = self.member(object, js_string!("headers"))?;
        let none = Original::empty(Section::ResponseHeaders);
        let returned = returned::read(&value, &none, "response.headers", self.context)?;
        for member in returned.changed() {
            let values = header_values(member, Event::FunctionViewerRequest, "response.headers")?;
            edits.push(HeaderEdit { name: rules::wire_name(&member.name), values });
        }
        let value = self.member(object, js_string!("cookies"))?;
        let none = Original::empty(Section::ResponseCookies);
        let returned = returned::read(&value, &none, "response.cookies", self.context)?;
        refuse_bad_cookies(&returned, "response.cookies")?;
        edits.push(HeaderEdit { name: "Set-Cookie".to_owned(), values: returned.pieces(set_cookie) });
        within(&edits, &Headers::default(), RESPONSE_HEAD_BYTES_MAX, "response.headers")?;
        let lines = edits.iter().flat_map(|edit| edit.values.iter().map(|value| (edit.name.as_bytes(), value)));
        let headers: Headers = lines.collect();
        Ok(Response { status, status_description, headers, body: self.body(object)? })
    }

    fn status_description(&mut self, object: &JsObject) -> Result<Option<String>, Fault> {
        let value = self.member(object, js_string!("statusDescription"))?;
        if value.is_undefined() {
            return Ok(None);
        }
        match value.as_string().map(|text| utf8(&text)) {
            Some(text) if text.len() > STATUS_DESCRIPTION_BYTES_MAX => Err(Fault::invalid(format!(
                "response.statusDescription has {} bytes; at most {STATUS_DESCRIPTION_BYTES_MAX} are taken",
                text.len()
            ))),
            Some(text) if rules::header_value_valid(&text) => Ok(Some(text)),
            _ => Err(Fault::invalid("response.statusDescription must be a string without control characters")),
        }
    }

    /// `body: "text"` or `body: {encoding, data}`; nothing = the original.
    fn body(&mut self, object: &JsObject) -> Result<Option<Bytes>, Fault> {
        let body = self.member(object, js_string!("body"))?;
        if body.is_undefined() {
            return Ok(None);
        }
        let bytes = if let Some(text) = body.as_string() {
            utf8(&text).into_bytes()
        } else if body.is_null() {
            Vec::new()
        } else {
            let refuse =
                || Fault::invalid("response.body must be a string or { encoding: \"text\" | \"base64\", data: \"…\" }");
            let body = body.as_object().ok_or_else(refuse)?;
            let encoding = self.member(&body, js_string!("encoding"))?;
            let data = self.member(&body, js_string!("data"))?.as_string().ok_or_else(refuse)?;
            match encoding.as_string().map(|encoding| utf8(&encoding)).as_deref() {
                Some("base64") => BASE64
                    .decode(utf8(&data))
                    .map_err(|error| Fault::invalid(format!("response.body.data is not base64: {error}")))?,
                Some("text") => utf8(&data).into_bytes(),
                None if encoding.is_undefined() => utf8(&data).into_bytes(),
                _ => return Err(refuse()),
            }
        };
        if bytes.len() > FUNCTION_BODY_BYTES_MAX {
            let got = bytes.len();
            return Err(Fault::invalid(format!(
                "response.body has {got} bytes; at most {FUNCTION_BODY_BYTES_MAX} are taken"
            )));
        }
        Ok(Some(bytes.into()))
    }
}

fn nonsense(what: &str) -> Fault {
    Fault::execution(format!("TypeError: the function returned {what}, which is neither a request nor a response"))
}

fn event_of(section: Section) -> Event {
    if section == Section::ResponseHeaders { Event::FunctionViewerResponse } else { Event::FunctionViewerRequest }
}

fn refuse_read_only(event: Event, label: &str, name: &str, what: &str) -> Result<(), Fault> {
    if rules::read_only(event, name) {
        let detail = format!("{label}[\"{name}\"] is read-only and was {what}");
        return Err(Fault::Validation { sentence: Some(rules::SENTENCE_READ_ONLY_HEADER), detail });
    }
    Ok(())
}

/// The lines of a header that was added or changed, checked.
fn header_values(member: &ReadMember<'_>, event: Event, label: &str) -> Result<Vec<Bytes>, Fault> {
    let name = member.name.as_str();
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let sentence = if label == "response.headers" {
            rules::SENTENCE_RESPONSE_HEADER_NAME_CASE
        } else {
            rules::SENTENCE_REQUEST_HEADER_NAME_CASE
        };
        let detail =
            format!("{label}[\"{name}\"] must be written in lower case: {label}[\"{}\"]", name.to_ascii_lowercase());
        return Err(Fault::Validation { sentence: Some(sentence), detail });
    }
    if !rules::header_name_valid(name) {
        return Err(Fault::invalid(format!("{label}[{name:?}] is not a header name")));
    }
    if rules::disallowed(name) {
        return Err(Fault::invalid(format!("{label}[\"{name}\"] is a header that functions may not set")));
    }
    refuse_read_only(event, label, name, if member.original.is_some() { "changed" } else { "added" })?;
    let values = member.pieces(alone);
    if values.iter().all(rules::header_value_valid) {
        Ok(values.into_iter().map(|value| value.slice_ref(rules::without_space_around(&value))).collect())
    } else {
        Err(Fault::invalid(format!("{label}[\"{name}\"] has a control character in its value")))
    }
}

fn refuse_bad_cookies(cookies: &Returned<'_>, label: &str) -> Result<(), Fault> {
    for member in cookies.changed() {
        let name = member.name.as_str();
        // A viewer's may have none.
        let nameless = name.is_empty() && member.original.is_none();
        if nameless || !rules::header_value_valid(name) || name.contains([';', '=']) {
            return Err(Fault::invalid(format!("{label}[{name:?}] is not a cookie name")));
        }
        if !member.pieces(set_cookie).iter().all(rules::header_value_valid) {
            return Err(Fault::invalid(format!(
                "{label}[\"{name}\"] has a control character in its value or attributes"
            )));
        }
    }
    Ok(())
}

fn joined(returned: &Returned<'_>, separator: &str) -> Bytes {
    Bytes::from(returned.pieces(pair).join(separator.as_bytes()))
}

/// Whether a message of the lines `given`, edited, is small enough.
fn within(edits: &[HeaderEdit], given: &Headers, bytes_max: usize, label: &str) -> Result<(), Fault> {
    if edits.is_empty() {
        return Ok(());
    }
    let line = |name: &[u8], value: &[u8]| name.len() + value.len() + ": \r\n".len();
    let lines = |edit: &HeaderEdit| edit.values.iter().map(|value| line(edit.name.as_bytes(), value)).sum::<usize>();
    let edited: usize = edits.iter().map(lines).sum();
    let all: usize = given.iter().map(|(name, value)| line(name, value)).sum();
    if edited + all <= bytes_max {
        return Ok(());
    }
    let names: HashSet<_> = edits.iter().map(|edit| edit.name.to_ascii_lowercase().into_bytes()).collect();
    let kept = given.iter().filter(|(name, _)| !names.contains(&name.to_ascii_lowercase()));
    let bytes = edited + kept.map(|(name, value)| line(name, value)).sum::<usize>();
    if bytes > bytes_max {
        return Err(Fault::invalid(format!("{label} has {bytes} bytes; CloudFront takes at most {bytes_max}")));
    }
    Ok(())
}

fn status_code(value: &JsValue) -> Result<u16, Fault> {
    match value.as_number() {
        Some(number) if number.fract() == 0.0 && (200.0..=599.0).contains(&number) => Ok(number as u16),
        _ => Err(Fault::invalid("response.statusCode must be an integer from 200 to 599")),
    }
}
