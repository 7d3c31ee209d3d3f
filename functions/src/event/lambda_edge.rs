//! The event JSON of Lambda@Edge's four events, in the order of keys that the Developer Guide prints.
//!
//! A function sees text: bytes that are not UTF-8 are read as ISO-8859-1. What it leaves alone goes on byte for byte, see
//! [`result`].

mod body;
pub mod given;
mod headers;
mod origin;
mod refusal;
pub mod result;
mod returned;

use crate::rules::Event as Trigger;
use crate::{EventContext, Request, RequestEdit, Response};
use bytes::Bytes;
use std::borrow::Cow;
use std::ops::Range;

pub use body::ShownBody;
pub use origin::{AuthMethod, RequestCustomOrigin, RequestOrigin, RequestS3Origin};

/// What a Lambda@Edge function changed in a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LambdaRequestEdit {
    /// The head. Its `origin` is never set.
    pub head: RequestEdit,
    /// The body that takes the place of the request's; it may be empty.
    pub body: Option<Bytes>,
    /// The origin that takes the place of the one that the request was about to go to; on origin request only.
    pub origin: Option<Box<RequestOrigin>>,
}

/// An event, serialised once, with the places of the parts that a function may hand back.
#[derive(Debug, Clone)]
pub struct Event {
    trigger: Trigger,
    includes_body: bool,
    json: Bytes,
    subject: Bytes,
    origin: Bytes,
}

impl Event {
    fn of(trigger: Trigger, json: Vec<u8>, subject: Range<usize>, origin: Range<usize>) -> Self {
        let json = Bytes::from(json);
        Self { trigger, includes_body: false, subject: json.slice(subject), origin: json.slice(origin), json }
    }

    fn including_body(self, includes_body: bool) -> Self {
        Self { includes_body, ..self }
    }

    /// The whole event: what the function is called with.
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The JSON of `cf.request` in a request event, of `cf.response` in a response event.
    fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// The JSON of `cf.request.origin`; empty in viewer events.
    fn origin(&self) -> &[u8] {
        &self.origin
    }
}

/// The event of `viewer-request`: `request` is what the viewer sent.
pub fn viewer_request(context: &EventContext, request: &Request, body: Option<ShownBody<'_>>) -> Event {
    let mut out = Vec::with_capacity(1_024 + body.map_or(0, ShownBody::written_bytes));
    config(&mut out, context, "viewer-request");
    let (subject, _) = request_object(&mut out, context, None, request, body);
    out.extend_from_slice(b"}}]}");
    Event::of(Trigger::LambdaViewerRequest, out, subject, 0..0).including_body(body.is_some())
}

/// The event of `origin-request`: `request` is what is about to go to `origin`.
pub fn origin_request(
    context: &EventContext,
    origin: &RequestOrigin,
    request: &Request,
    body: Option<ShownBody<'_>>,
) -> Event {
    let mut out = Vec::with_capacity(1_536 + body.map_or(0, ShownBody::written_bytes));
    config(&mut out, context, "origin-request");
    let (subject, origin) = request_object(&mut out, context, Some(origin), request, body);
    out.extend_from_slice(b"}}]}");
    Event::of(Trigger::LambdaOriginRequest, out, subject, origin).including_body(body.is_some())
}

/// The event of `origin-response`: what `origin` answered to `request`. The body is never shown to a function.
pub fn origin_response(
    context: &EventContext,
    origin: &RequestOrigin,
    request: &Request,
    response: &Response,
) -> Event {
    let mut out = Vec::with_capacity(2_048);
    config(&mut out, context, "origin-response");
    let (_, origin) = request_object(&mut out, context, Some(origin), request, None);
    let subject = response_object(&mut out, response);
    Event::of(Trigger::LambdaOriginResponse, out, subject, origin)
}

/// The event of `viewer-response`: what is about to go to the viewer, in answer to `request`.
pub fn viewer_response(context: &EventContext, request: &Request, response: &Response) -> Event {
    let mut out = Vec::with_capacity(1_536);
    config(&mut out, context, "viewer-response");
    request_object(&mut out, context, None, request, None);
    let subject = response_object(&mut out, response);
    Event::of(Trigger::LambdaViewerResponse, out, subject, 0..0)
}

/// Writes `cf.response` and the end of the event; gives its place.
fn response_object(out: &mut Vec<u8>, response: &Response) -> Range<usize> {
    out.extend_from_slice(br#","response":"#);
    let start = out.len();
    out.extend_from_slice(br#"{"headers":"#);
    headers::write(out, &response.headers);
    out.extend_from_slice(br#","status":"#);
    string(out, &response.status.to_string());
    out.extend_from_slice(br#","statusDescription":"#);
    string(out, &status_description(response));
    out.push(b'}');
    let subject = start..out.len();
    out.extend_from_slice(b"}}]}");
    subject
}

fn config(out: &mut Vec<u8>, context: &EventContext, event_type: &str) {
    out.extend_from_slice(br#"{"Records":[{"cf":{"config":{"distributionDomainName":"#);
    string(out, &context.distribution_domain_name);
    out.extend_from_slice(br#","distributionId":"#);
    string(out, &context.distribution_id);
    out.extend_from_slice(br#","eventType":"#);
    string(out, event_type);
    out.extend_from_slice(br#","requestId":"#);
    string(out, &context.request_id);
    out.extend_from_slice(br#"},"request":"#);
}

/// Writes `cf.request`; gives its place and that of its origin block.
fn request_object(
    out: &mut Vec<u8>,
    context: &EventContext,
    origin: Option<&RequestOrigin>,
    request: &Request,
    body: Option<ShownBody<'_>>,
) -> (Range<usize>, Range<usize>) {
    let start = out.len();
    out.push(b'{');
    if let Some(body) = body {
        body::write(out, body);
    }
    out.extend_from_slice(br#""clientIp":"#);
    string(out, &context.viewer_ip.to_string());
    out.extend_from_slice(br#","headers":"#);
    headers::write(out, &request.headers);
    out.extend_from_slice(br#","method":"#);
    string(out, &request.method);
    let mut origin_place = 0..0;
    if let Some(origin) = origin {
        out.extend_from_slice(br#","origin":"#);
        let origin_start = out.len();
        origin.write(out);
        origin_place = origin_start..out.len();
    }
    out.extend_from_slice(br#","querystring":"#);
    string(out, &text(request.querystring.as_deref().unwrap_or_default()));
    out.extend_from_slice(br#","uri":"#);
    string(out, &text(&request.uri));
    out.push(b'}');
    (start..out.len(), origin_place)
}

/// The reason phrase a function sees.
fn status_description(response: &Response) -> Cow<'_, str> {
    match &response.status_description {
        Some(description) => Cow::Borrowed(description),
        None => http::StatusCode::from_u16(response.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default()
            .into(),
    }
}

/// UTF-8 as it is, anything else read as ISO-8859-1.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => bytes.iter().copied().map(char::from).collect::<String>().into(),
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string is JSON, and a Vec takes it");
}

fn number(out: &mut Vec<u8>, number: u64) {
    serde_json::to_writer(out, &number).expect("a number is JSON, and a Vec takes it");
}

#[cfg(test)]
#[path = "lambda_edge/tests.rs"]
mod tests;
