//! `request.body`: what a function with `include_body` is shown of a request's body, and what it puts in its place.

use super::refusal::{invalid, refused, shortened};
use super::returned::{self, Object, Returned};
use crate::Failure;
use crate::rules::Event as Trigger;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use homefront_config::limits::{
    LAMBDA_ORIGIN_BODY_BASE64_BYTES_MAX, LAMBDA_ORIGIN_BODY_BYTES_MAX, LAMBDA_VIEWER_BODY_BASE64_BYTES_MAX,
    LAMBDA_VIEWER_BODY_BYTES_MAX,
};
use serde_json::Value;

const SENTENCE: &str = "The Lambda function result failed validation: The body is not a string, is not an object, or exceeds the maximum size.";

/// What a function is shown of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownBody<'a> {
    data: &'a [u8],
    input_truncated: bool,
}

impl<'a> ShownBody<'a> {
    /// On viewer request: the first 40 KB. `start` may be more, or all that there is.
    pub fn on_viewer_request(start: &'a [u8]) -> Self {
        Self::cut(start, LAMBDA_VIEWER_BODY_BYTES_MAX)
    }

    /// On origin request: the first MB.
    pub fn on_origin_request(start: &'a [u8]) -> Self {
        Self::cut(start, LAMBDA_ORIGIN_BODY_BYTES_MAX)
    }

    fn cut(start: &'a [u8], bytes_max: usize) -> Self {
        let data = start.get(..bytes_max).unwrap_or(start);
        Self { data, input_truncated: data.len() < start.len() }
    }

    /// Bytes of it in an event.
    pub(super) fn written_bytes(self) -> usize {
        self.data.len().div_ceil(3) * 4
    }
}

/// Writes the member with its comma.
pub(super) fn write(out: &mut Vec<u8>, body: ShownBody<'_>) {
    out.extend_from_slice(br#""body":{"action":"read-only","data":""#);
    let (start, length) = (out.len(), body.written_bytes());
    out.resize(start + length, 0);
    // Base64 has nothing that JSON escapes.
    let encoded = STANDARD.encode_slice(body.data, &mut out[start..]);
    debug_assert_eq!(encoded, Ok(length), "the room is that of base64 with padding");
    out.extend_from_slice(br#"","encoding":"base64","inputTruncated":"#);
    out.extend_from_slice(if body.input_truncated { b"true}," } else { b"false}," });
}

/// The body that a function puts in the place of the request's; `None` = the request keeps its own.
pub(super) fn replacement(
    trigger: Trigger,
    method: &str,
    received: &Bytes,
    body: Returned<'_>,
) -> Result<Option<Bytes>, Failure> {
    let Returned::Object(Object { members, body: data }) = body else {
        let what = body.type_name();
        let detail = format!("Lambda function result failed validation, request.body is not an object but {what}.");
        return Err(invalid(Some(SENTENCE), detail));
    };
    match members.get("action") {
        None => return Ok(None),
        Some(Value::String(action)) if action == "read-only" => return Ok(None),
        Some(Value::String(action)) if action == "replace" => {}
        Some(other) => {
            let other = shortened(other);
            return Err(refused(format_args!("request.body.action {other} is neither read-only nor replace")));
        }
    }
    let data = match data.map(|data| *data) {
        Some(Returned::Text(data)) => data,
        other => {
            let what = other.map_or("missing", |other| other.type_name());
            let detail =
                format!("Lambda function result failed validation, request.body.data is not a string but {what}.");
            return Err(invalid(Some(SENTENCE), detail));
        }
    };
    let bytes = match members.get("encoding") {
        Some(Value::String(encoding)) if encoding == "text" => {
            check_size(&data, text_bytes_max(trigger))?;
            returned::text_bytes(received, data)
        }
        None => decoded(trigger, &data)?,
        Some(Value::String(encoding)) if encoding == "base64" => decoded(trigger, &data)?,
        Some(other) => {
            let other = shortened(other);
            return Err(refused(format_args!("request.body.encoding {other} is neither text nor base64")));
        }
    };
    if matches!(method, "GET" | "HEAD") {
        if bytes.is_empty() {
            return Ok(None);
        }
        return Err(refused(format_args!("the function gave a body to a {method} request, which cannot have one")));
    }
    Ok(Some(bytes))
}

fn decoded(trigger: Trigger, data: &str) -> Result<Bytes, Failure> {
    check_size(data, base64_bytes_max(trigger))?;
    returned::base64_bytes(data).map_err(|error| refused(format_args!("request.body.data is not base64: {error}")))
}

fn text_bytes_max(trigger: Trigger) -> usize {
    match trigger {
        Trigger::LambdaViewerRequest => LAMBDA_VIEWER_BODY_BYTES_MAX,
        _ => LAMBDA_ORIGIN_BODY_BYTES_MAX,
    }
}

fn base64_bytes_max(trigger: Trigger) -> usize {
    match trigger {
        Trigger::LambdaViewerRequest => LAMBDA_VIEWER_BODY_BASE64_BYTES_MAX,
        _ => LAMBDA_ORIGIN_BODY_BASE64_BYTES_MAX,
    }
}

fn check_size(data: &str, bytes_max: usize) -> Result<(), Failure> {
    let bytes = data.len();
    if bytes <= bytes_max {
        return Ok(());
    }
    let detail = format!(
        "Lambda function result failed validation, request.body.data has {bytes} bytes, the maximum is {bytes_max}."
    );
    Err(invalid(Some(SENTENCE), detail))
}
