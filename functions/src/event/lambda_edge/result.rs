//! What a Lambda@Edge function gave back, judged by CloudFront's rules and turned into edits.
//!
//! Only what differs from the event becomes part of an edit. Each refusal carries CloudFront's own sentence where one is
//! known, and a detail in the form of CloudFront's validation log.

use super::refusal::{invalid, refused, shortened};
use super::returned::{self, Object, Returned, unshared, with_whole_characters};
use super::{Event, LambdaRequestEdit, body, headers, origin, status_description, text};
use crate::rules::{self, Event as Trigger};
use crate::{Failure, HeaderEdit, Headers, Request, RequestEdit, Response, ResponseEdit, Verdict};
use bytes::Bytes;
use homefront_config::limits::{
    LAMBDA_ORIGIN_RESPONSE_BYTES_MAX, LAMBDA_VIEWER_RESPONSE_BYTES_MAX, STATUS_DESCRIPTION_BYTES_MAX, URL_BYTES_MAX,
};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;
use std::sync::LazyLock;

const SENTENCE_NOT_PARSABLE: &str = "The Lambda function returned invalid json: The json output is not parsable";
const SENTENCE_NOT_AN_OBJECT: &str =
    "The Lambda function returned invalid JSON: The JSON output must be an object type.";
const SENTENCE_BODY: &str = "The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.";

const STATUSES: RangeInclusive<u16> = 200..=599;
const NO_CONTENT: u16 = 204;

/// Judges what a function returned for a request event: a request, or a response of its own.
pub fn request(event: &Event, request: &Request, result: Bytes) -> Verdict<LambdaRequestEdit> {
    if result == event.subject() {
        return Verdict::Continue(LambdaRequestEdit::default());
    }
    let result = with_whole_characters(result);
    let judged = object(&result).and_then(|object| {
        if object.has("status") {
            let is_request_too = object.has("uri");
            let generated = generated(event.trigger, &result, object).map(Verdict::Respond);
            generated.map_err(|failure| if is_request_too { taken_for_a_response(failure) } else { failure })
        } else {
            request_edit(event, request, &result, object).map(Verdict::Continue)
        }
    });
    drop(result);
    match judged {
        Ok(Verdict::Continue(edit)) => Verdict::Continue(LambdaRequestEdit { body: edit.body.map(unshared), ..edit }),
        Ok(Verdict::Respond(response)) => Verdict::Respond(Response { body: response.body.map(unshared), ..response }),
        Ok(Verdict::Fail(failure)) | Err(failure) => Verdict::Fail(failure),
    }
}

/// Of a request that has `status`, of which nobody would think.
fn taken_for_a_response(failure: Failure) -> Failure {
    let what = failure.detail.trim_end_matches('.');
    Failure { detail: format!("{what} (what has status is a response; this has uri, too)."), ..failure }
}

/// Judges what a function returned for a response event.
pub fn response(event: &Event, response: &Response, result: Bytes) -> Verdict<ResponseEdit> {
    if result == event.subject() {
        return Verdict::Continue(ResponseEdit::default());
    }
    let result = with_whole_characters(result);
    let judged = object(&result).and_then(|object| {
        if event.trigger == Trigger::LambdaViewerResponse {
            viewer_response_edit(response, &object)
        } else {
            origin_response_edit(response, &result, object)
        }
    });
    drop(result);
    match judged {
        Ok(edit) => Verdict::Continue(ResponseEdit { body: edit.body.map(unshared), ..edit }),
        Err(failure) => Verdict::Fail(failure),
    }
}

fn object(result: &[u8]) -> Result<Object<'_>, Failure> {
    match Returned::parse(result) {
        Ok(Returned::Object(object)) => Ok(object),
        Ok(other) => Err(invalid(
            Some(SENTENCE_NOT_AN_OBJECT),
            format!(
                "The Lambda function returned invalid JSON, the JSON output must be an object type; it is {}.",
                match other.type_name() {
                    "null" => "null, as of a handler that returns nothing",
                    name => name,
                }
            ),
        )),
        Err(error) => Err(invalid(
            Some(SENTENCE_NOT_PARSABLE),
            format!("The Lambda function returned invalid json, the json output is not parsable: {error}."),
        )),
    }
}

fn request_edit(
    event: &Event,
    request: &Request,
    received: &Bytes,
    returned: Object<'_>,
) -> Result<LambdaRequestEdit, Failure> {
    let Object { members, body } = returned;
    let returned = &members;
    let (Some(uri), Some(headers)) = (returned.get("uri"), returned.get("headers")) else {
        return Err(not_the_subject(returned, "request", "neither a request (uri, headers) nor a response (status)"));
    };
    unchanged(returned, "method", &request.method)?;
    let body = match body {
        None => None,
        Some(body) if event.includes_body => body::replacement(event.trigger, &request.method, received, *body)?,
        Some(body) => {
            return Err(invalid(
                Some(SENTENCE_BODY),
                format!(
                    "Lambda function result failed validation, the function returned {} as request.body, and its association \
                     does not include the body: give it include_body, or leave request.body away.",
                    body.type_name()
                ),
            ));
        }
    };
    let origin = match returned.get("origin") {
        None => None,
        Some(_) if event.origin().is_empty() => {
            return Err(refused("request.origin belongs to origin-request events; there is none in this one"));
        }
        Some(origin) => origin::changed(event.origin(), origin, headers, request)?.map(Box::new),
    };
    let (old_uri, old_query) = (text(&request.uri), text(request.querystring.as_deref().unwrap_or_default()));
    let uri = uri.as_str().ok_or_else(|| refused("uri is not a string"))?;
    let query = match returned.get("querystring") {
        None => "",
        Some(query) => query.as_str().ok_or_else(|| refused("querystring is not a string"))?,
    };
    let uri_edit = (uri != old_uri).then_some(uri);
    let query_edit = (query != old_query).then_some(query);
    if uri_edit.is_some_and(|uri| !rules::uri_valid(uri)) {
        return Err(refused(format_args!(
            "uri {} does not start with a slash, or has a space, a control character, ? or #",
            shortened(&Value::from(uri))
        )));
    }
    if query_edit.is_some_and(|query| !rules::querystring_valid(query)) {
        return Err(refused(format_args!(
            "querystring {} has a space, a control character or #",
            shortened(&Value::from(query))
        )));
    }
    if (uri_edit.is_some() || query_edit.is_some()) && uri.len() + query.len() >= URL_BYTES_MAX {
        return Err(refused(format_args!("uri and querystring together have {URL_BYTES_MAX} bytes or more")));
    }
    let headers = headers::edits(event.trigger, &request.headers, headers)?;
    headers.iter().try_for_each(one_host)?;
    let head = RequestEdit {
        uri: uri_edit.map(|uri| Bytes::copy_from_slice(uri.as_bytes())),
        querystring: query_edit.map(|query| Bytes::copy_from_slice(query.as_bytes())),
        headers,
        origin: None,
    };
    Ok(LambdaRequestEdit { head, body, origin })
}

/// A request has one `Host`, or none, in whose place the origin's own name goes.
fn one_host(edit: &HeaderEdit) -> Result<(), Failure> {
    if !edit.name.eq_ignore_ascii_case("host") {
        return Ok(());
    }
    match &edit.values[..] {
        [] => Ok(()),
        [host] if rules::host_valid(host) => Ok(()),
        [host] => {
            let host = shortened(&Value::from(text(host)));
            Err(headers::invalid_header(format_args!("{host} is not a host, headerName : {}", edit.name)))
        }
        values => {
            let what = format_args!("{} values where a request has one, headerName : {}", values.len(), edit.name);
            Err(headers::invalid_header(what))
        }
    }
}

fn unchanged(returned: &Map<String, Value>, field: &str, shown: &str) -> Result<(), Failure> {
    match returned.get(field) {
        Some(value) if value.as_str() != Some(shown) => {
            Err(refused(format_args!("the function tried to change the read-only field {field}")))
        }
        _ => Ok(()),
    }
}

fn generated(trigger: Trigger, received: &Bytes, returned: Object<'_>) -> Result<Response, Failure> {
    let Object { members, body } = returned;
    let returned = &members;
    let status = status(returned)?;
    let headers = match returned.get("headers") {
        None => Headers::default(),
        Some(headers) => headers::generated(trigger, headers)?,
    };
    let body = response_body(returned, received, body)?.unwrap_or_default();
    check_size(trigger, headers.iter().map(|(name, value)| name.len() + value.len()).sum(), &body)?;
    no_body_without_content(status, &body)?;
    Ok(Response { status, status_description: description(returned, None)?, headers, body: Some(body) })
}

fn origin_response_edit(response: &Response, received: &Bytes, returned: Object<'_>) -> Result<ResponseEdit, Failure> {
    let Object { members, body } = returned;
    let returned = &members;
    let (status, status_description) = status_line(response, returned)?;
    let trigger = Trigger::LambdaOriginResponse;
    let headers = headers::edits(trigger, &response.headers, headers_of(returned))?;
    let mut body = response_body(returned, received, body)?;
    if let Some(body) = &body {
        check_size(trigger, headers.iter().map(edit_bytes).sum(), body)?;
        no_body_without_content(status, body)?;
    }
    if status == NO_CONTENT && status != response.status {
        body = Some(Bytes::new());
    }
    Ok(ResponseEdit { status: (status != response.status).then_some(status), status_description, headers, body })
}

/// Developer Guide, "Restrictions on Lambda@Edge": a viewer-response function cannot change the status; nothing lets it
/// give a body.
fn viewer_response_edit(response: &Response, returned: &Object<'_>) -> Result<ResponseEdit, Failure> {
    let (status, status_description) = status_line(response, &returned.members)?;
    if status != response.status {
        let shown = response.status;
        return Err(refused(format_args!("the function tried to change the status from {shown} to {status}")));
    }
    if let Some(given) = ["body", "bodyEncoding"].into_iter().find(|member| returned.has(member)) {
        return Err(refused(format_args!("the function returned {given}, which it cannot do in viewer-response")));
    }
    let headers = headers::edits(Trigger::LambdaViewerResponse, &response.headers, headers_of(&returned.members))?;
    Ok(ResponseEdit { status: None, status_description, headers, body: None })
}

/// The status, and the reason phrase if it is another.
fn status_line(response: &Response, returned: &Map<String, Value>) -> Result<(u16, Option<String>), Failure> {
    if !returned.contains_key("status") {
        return Err(not_the_subject(returned, "response", "no response: it has no status"));
    }
    // An origin may answer with a status that no function may set; left alone, it passes.
    let shown = response.status.to_string();
    let status = match returned.get("status") {
        Some(Value::String(status)) if *status == shown => response.status,
        _ => status(returned)?,
    };
    Ok((status, description(returned, Some(&status_description(response)))?))
}

fn headers_of(returned: &Map<String, Value>) -> &Value {
    static NONE: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));
    returned.get("headers").unwrap_or(&NONE)
}

fn edit_bytes(edit: &HeaderEdit) -> usize {
    edit.values.iter().map(|value| edit.name.len() + value.len()).sum()
}

fn status(returned: &Map<String, Value>) -> Result<u16, Failure> {
    let value = returned.get("status").unwrap_or(&Value::Null);
    if let Value::Number(number) = value
        && number.is_f64()
    {
        let what = "is not a whole number: return it as a string, as in \"200\", or without a fraction";
        return Err(refused(format_args!("status {} {what}", shortened(value))));
    }
    let status = match value {
        Value::String(digits) if digits.len() == 3 => digits.parse().ok(),
        Value::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        _ => None,
    };
    status
        .filter(|status| STATUSES.contains(status))
        .ok_or_else(|| refused(format_args!("status {} is not one of 200 to 599", shortened(value))))
}

/// `None` = as it was `shown`: an origin may give what no function may.
fn description(returned: &Map<String, Value>, shown: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(value) = returned.get("statusDescription") else { return Ok(None) };
    let description = value.as_str().ok_or_else(|| refused("statusDescription is not a string"))?;
    if shown == Some(description) {
        return Ok(None);
    }
    if description.len() > STATUS_DESCRIPTION_BYTES_MAX {
        return Err(refused(format_args!(
            "statusDescription has {} bytes; at most {STATUS_DESCRIPTION_BYTES_MAX} are taken",
            description.len()
        )));
    }
    if !rules::header_value_valid(description) {
        return Err(refused("statusDescription has a control character"));
    }
    Ok(Some(description.to_owned()))
}

/// The body, decoded; `None` when the function said nothing about it.
fn response_body(
    returned: &Map<String, Value>,
    received: &Bytes,
    body: Option<Box<Returned<'_>>>,
) -> Result<Option<Bytes>, Failure> {
    let encoded = match returned.get("bodyEncoding") {
        None => false,
        Some(Value::String(encoding)) if encoding == "text" => false,
        Some(Value::String(encoding)) if encoding == "base64" => true,
        Some(other) => {
            return Err(refused(format_args!("bodyEncoding {} is neither text nor base64", shortened(other))));
        }
    };
    match body.map(|body| *body) {
        None => Ok(None),
        Some(Returned::Text(body)) if encoded => {
            let decoded = returned::base64_bytes(&body);
            decoded.map(Some).map_err(|error| refused(format_args!("the body is not base64: {error}")))
        }
        Some(Returned::Text(body)) => Ok(Some(returned::text_bytes(received, body))),
        Some(other) => {
            let what = other.type_name();
            let detail = format!("Lambda function result failed validation, the body is not a string but {what}.");
            Err(invalid(Some(SENTENCE_BODY), detail))
        }
    }
}

fn check_size(trigger: Trigger, head_bytes: usize, body: &Bytes) -> Result<(), Failure> {
    let bytes = head_bytes + body.len();
    let max = match trigger {
        Trigger::LambdaViewerRequest => LAMBDA_VIEWER_RESPONSE_BYTES_MAX,
        _ => LAMBDA_ORIGIN_RESPONSE_BYTES_MAX,
    };
    if bytes <= max {
        return Ok(());
    }
    let detail =
        format!("Lambda function result failed validation, headers and body have {bytes} bytes, the maximum is {max}.");
    Err(invalid(Some(SENTENCE_BODY), detail))
}

fn no_body_without_content(status: u16, body: &Bytes) -> Result<(), Failure> {
    if status == NO_CONTENT && !body.is_empty() {
        return Err(refused("a response with status 204 has a body"));
    }
    Ok(())
}

fn not_the_subject(returned: &Map<String, Value>, subject: &str, what: &str) -> Failure {
    let hint = if returned.contains_key("Records") {
        format!(" (it is the whole event: return event['Records'][0]['cf']['{subject}'])")
    } else {
        String::new()
    };
    refused(format_args!("the function returned {what}{hint}"))
}
