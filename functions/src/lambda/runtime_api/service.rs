//! The requests of the Runtime API and the exact answers to them.

use super::remarks::Remark;
use super::{Answer, Invocation, RESPONSE_MODE_ERROR, RESPONSE_SIZE_ERROR, Refusal, Shared};
use bytes::Bytes;
use homefront_config::limits::{LAMBDA_DISCARDED_BYTES_MAX, LAMBDA_PAYLOAD_BYTES_MAX};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use std::convert::Infallible;
use std::sync::Arc;

const PREFIX: &str = "/2018-06-01/";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
/// The one mode that has a name: pieces as they come. Lambda@Edge takes no stream, so all of them are one result.
const STREAMING: &str = "streaming";

type Response = http::Response<Full<Bytes>>;

/// Answers one request of a runtime.
pub(super) async fn answer(shared: Arc<Shared>, request: http::Request<Incoming>) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    // One more than the longest path has.
    let mut segments = [""; 5];
    let mut count = 0;
    for (segment, place) in path.split('/').zip(&mut segments) {
        *place = segment;
        count += 1;
    }
    Ok(match (&parts.method, &segments[..count]) {
        (&Method::GET, ["runtime", "invocation", "next"]) => next(&shared).await,
        (&Method::POST, ["runtime", "invocation", id, "response"]) if has_valid_mode(&parts.headers) => {
            finish(&shared, id, body, Kind::Response).await
        }
        (&Method::POST, ["runtime", "invocation", id, "response"]) => {
            discard(body).await;
            refuse_mode(&shared, id)
        }
        (&Method::POST, ["runtime", "invocation", id, "error"]) => {
            let error_type = error_type(&parts.headers);
            finish(&shared, id, body, Kind::Error { error_type }).await
        }
        (&Method::POST, ["runtime", "init", "error"]) => init_error(&shared, &parts.headers, body).await,
        (&Method::GET, ["ping"]) => plain(StatusCode::OK, "pong"),
        _ => {
            shared.remarks.make(Remark::Unknown(&parts.method, &parts.uri));
            discard(body).await;
            plain(StatusCode::NOT_FOUND, "404 page not found\n")
        }
    })
}

async fn next(shared: &Shared) -> Response {
    let waiting = match shared.wait_for_event() {
        Ok(waiting) => waiting,
        Err(state) => return invalid_transition(state, "Ready"),
    };
    match waiting.await {
        Ok(invocation) => event(invocation),
        // Another `next` took its place.
        Err(_) => invalid_transition("Ready", "Ready"),
    }
}

fn event(invocation: Invocation) -> Response {
    http::Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", invocation.request_id)
        .header("lambda-runtime-deadline-ms", invocation.deadline_ms)
        .header("lambda-runtime-invoked-function-arn", &*invocation.function_arn)
        .header("lambda-runtime-trace-id", invocation.trace_id)
        .body(Full::new(invocation.event))
        .unwrap_or_else(|_| error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "Internal Server Error"))
}

async fn finish(shared: &Shared, id: &str, body: Incoming, kind: Kind) -> Response {
    let state = kind.state();
    // Asked before the body is read: an answer nobody waits for need not be kept.
    if let Err(refusal) = shared.check(id) {
        discard(body).await;
        return taken(&Err(refusal), state);
    }
    let answer = match read(body).await {
        Ok(payload) => kind.answer(payload),
        Err(ReadError::TooLarge(rest)) => {
            let _ = shared.answer(id, too_large(id));
            discard(rest).await;
            return payload_too_large();
        }
        Err(ReadError::Truncated) => return truncated(),
    };
    taken(&shared.answer(id, answer), state)
}

fn has_valid_mode(headers: &HeaderMap) -> bool {
    headers.get(RESPONSE_MODE).is_none_or(|mode| mode.is_empty() || mode == STREAMING)
}

/// A response in a mode that there is not is the error of its event, whatever it says.
fn refuse_mode(shared: &Shared, id: &str) -> Response {
    const MESSAGE: &str = "Invalid function response mode";
    let payload = error_body(RESPONSE_MODE_ERROR, &format!("RequestId: {id} Error: {MESSAGE}")).into();
    let answer = Answer::Error { error_type: RESPONSE_MODE_ERROR.to_owned(), payload };
    match shared.answer(id, answer) {
        Ok(()) => error(StatusCode::BAD_REQUEST, "InvalidFunctionResponseMode", MESSAGE),
        refused => taken(&refused, "InvocationResponse"),
    }
}

/// What a post to an invocation says.
enum Kind {
    Response,
    Error { error_type: String },
}

impl Kind {
    fn state(&self) -> &'static str {
        match self {
            Self::Response => "InvocationResponse",
            Self::Error { .. } => "InvocationErrorResponse",
        }
    }

    fn answer(self, payload: Bytes) -> Answer {
        match self {
            Self::Response => Answer::Response(payload),
            Self::Error { error_type } => Answer::Error { error_type, payload },
        }
    }
}

async fn init_error(shared: &Shared, headers: &HeaderMap, body: Incoming) -> Response {
    match read(body).await {
        Ok(payload) => {
            let answer = Answer::Error { error_type: error_type(headers), payload };
            taken(&shared.init_failed(answer), "InitError")
        }
        Err(ReadError::TooLarge(rest)) => {
            discard(rest).await;
            payload_too_large()
        }
        Err(ReadError::Truncated) => truncated(),
    }
}

enum ReadError {
    /// With what has not been received yet.
    TooLarge(Incoming),
    Truncated,
}

async fn read(mut body: Incoming) -> Result<Bytes, ReadError> {
    // What says its length beforehand is refused beforehand.
    if body.size_hint().lower() > LAMBDA_PAYLOAD_BYTES_MAX as u64 {
        return Err(ReadError::TooLarge(body));
    }
    match Limited::new(&mut body, LAMBDA_PAYLOAD_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ReadError::TooLarge(body)),
        Err(_) => Err(ReadError::Truncated),
    }
}

/// Receives what is not wanted: most runtimes send all of a request before they look for the answer, and keep the connection for the
/// next one. What goes on beyond `LAMBDA_DISCARDED_BYTES_MAX` loses the connection.
async fn discard(mut body: Incoming) {
    let mut left = LAMBDA_DISCARDED_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}

/// What the caller gets instead of a result that is too large.
pub(super) fn too_large(id: &str) -> Answer {
    let message = format!(
        "RequestId: {id} Error: Response payload size exceeded maximum allowed payload size ({LAMBDA_PAYLOAD_BYTES_MAX} bytes)."
    );
    let payload = error_body(RESPONSE_SIZE_ERROR, &message).into();
    Answer::Error { error_type: RESPONSE_SIZE_ERROR.to_owned(), payload }
}

fn error_type(headers: &HeaderMap) -> String {
    known_error_type(headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default())
}

/// One of Lambda's names, or what the platform records for any other.
pub(super) fn known_error_type(given: &str) -> String {
    let (family, name) = given.split_once('.').unwrap_or_default();
    let known = matches!(family, "Runtime" | "Function")
        && name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    match (known, family) {
        (true, _) => given.to_owned(),
        (false, "Function") => "Function.Unknown".to_owned(),
        (false, _) => "Runtime.Unknown".to_owned(),
    }
}

fn taken(outcome: &Result<(), Refusal>, wanted: &str) -> Response {
    match outcome {
        Ok(()) => json(StatusCode::ACCEPTED, "{\"status\":\"OK\"}\n".to_owned()),
        Err(Refusal::InvalidRequestId) => error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
        Err(Refusal::InvalidState(state)) => invalid_transition(state, wanted),
    }
}

fn invalid_transition(from: &str, to: &str) -> Response {
    let message =
        format!("State transition from {from} to {to} failed for runtime. Error: State transition is not allowed");
    error(StatusCode::FORBIDDEN, "InvalidStateTransition", &message)
}

fn payload_too_large() -> Response {
    let message = format!("Exceeded maximum allowed payload size ({LAMBDA_PAYLOAD_BYTES_MAX} bytes).");
    error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
}

fn truncated() -> Response {
    error(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated")
}

fn error(status: StatusCode, error_type: &str, message: &str) -> Response {
    let mut body = error_body(error_type, message);
    body.push('\n');
    json(status, body)
}

fn error_body(error_type: &str, message: &str) -> String {
    serde_json::json!({"errorMessage": message, "errorType": error_type}).to_string()
}

fn json(status: StatusCode, body: String) -> Response {
    with_type(status, "application/json", body.into())
}

fn plain(status: StatusCode, body: &'static str) -> Response {
    with_type(status, "text/plain; charset=utf-8", Bytes::from_static(body.as_bytes()))
}

fn with_type(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let value = http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(http::header::CONTENT_TYPE, value);
    response
}
