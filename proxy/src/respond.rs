//! The one place that turns a failure into an HTTP answer: status, page, `X-Cache`, result type.

use crate::connection::Viewer;
use crate::exchange::{Exchange, Route};
use crate::failure::Failure;
use crate::hooks;
use crate::include_body;
use crate::observe::access_log::{Detail, ResultType};
use crate::page::{self, Redirect, Sentence};
use crate::request_id::{NodeName, RequestId};
use crate::response_headers::server_timing::{self, Source, Told};
use crate::response_headers::{self, Edit};
use bytes::Bytes;
use homefront_functions::{FailureKind, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::{Error, ErrorType};
use std::sync::Arc;
use std::time::Instant;

/// An answer the node gives instead of an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: Option<String>,
    pub(crate) headers: Vec<(String, Bytes)>,
    pub(crate) body: Bytes,
    pub(crate) result: ResultType,
    pub(crate) detail: Option<Detail>,
    /// CloudFront closes the connection after it.
    pub(crate) close: bool,
}

impl Answer {
    /// As an answer that enters in an origin's place.
    pub(crate) fn into_local(self) -> http::Result<http::Response<Bytes>> {
        let head = http::Response::builder().status(status_code(self.status));
        let head = self.headers.iter().fold(head, |head, (name, value)| head.header(name, &value[..]));
        head.body(self.body)
    }
}

/// How each failure is answered: status, sentence of the page, result type, detail.
fn verdict(failure: &Failure) -> (u16, &str, ResultType, Option<Detail>) {
    let bad_request = Sentence::BadRequest.as_str();
    let (status, sentence, detail) = match failure {
        Failure::EdgeCode(failure) => {
            let (status, result) = edge_code(failure.kind);
            return (status, page::failure_sentence(failure), result, None);
        }
        Failure::UrlTooLong { .. } => (414, bad_request, Detail::InvalidRequest),
        Failure::HeadTooLarge { .. } => (494, bad_request, Detail::InvalidRequestHeader),
        Failure::BadRequest(_) | Failure::HttpsRequired => (403, bad_request, Detail::InvalidRequest),
        Failure::MethodNotAllowed(_) => (403, Sentence::MethodNotAllowed.as_str(), Detail::InvalidRequestMethod),
        Failure::Unauthorized(refusal) => (refusal.status(), "Unauthorized.", Detail::InvalidRequest),
        Failure::OriginDns { .. } => (502, Sentence::OriginDns.as_str(), Detail::OriginDnsError),
        Failure::OriginConnect { .. } => (502, Sentence::OriginConnect.as_str(), Detail::OriginConnectError),
        Failure::OriginTimeout { .. } => (504, Sentence::OriginFailed.as_str(), Detail::OriginCommError),
        Failure::OriginBroken { .. } => (502, Sentence::OriginFailed.as_str(), Detail::OriginInvalidResponseError),
        Failure::OriginHeadTooLarge { .. } => (502, Sentence::OriginFailed.as_str(), Detail::OriginHeaderTooBigError),
        Failure::ViewerLeft => (0, "", Detail::ClientCommError),
        Failure::Internal(_) => return (500, "Internal error.", ResultType::Error, None),
    };
    (status, sentence, ResultType::Error, Some(detail))
}

/// CloudFront's statuses and `X-Cache` values for failed functions.
pub(crate) fn edge_code(kind: FailureKind) -> (u16, ResultType) {
    match kind {
        FailureKind::FunctionExecution => (503, ResultType::FunctionExecutionError),
        FailureKind::FunctionValidation => (502, ResultType::FunctionValidationError),
        FailureKind::FunctionThrottled => (503, ResultType::FunctionThrottledError),
        FailureKind::LambdaExecution => (503, ResultType::LambdaExecutionError),
        FailureKind::LambdaValidation => (502, ResultType::LambdaValidationError),
        FailureKind::LambdaLimitExceeded => (503, ResultType::LambdaLimitExceeded),
    }
}

/// CloudFront's own page for a failure.
pub(crate) fn failed(failure: &Failure, request_id: &str) -> Answer {
    let (status, sentence, result, detail) = verdict(failure);
    let mut headers = vec![("Content-Type".to_owned(), Bytes::from_static(page::CONTENT_TYPE.as_bytes()))];
    if let Failure::Unauthorized(refusal) = failure
        && let Some(challenge) = refusal.www_authenticate()
    {
        headers.push(("WWW-Authenticate".to_owned(), Bytes::copy_from_slice(challenge.as_bytes())));
    }
    Answer {
        status,
        reason: None,
        headers,
        body: page::error_page(status, sentence, request_id),
        result,
        detail,
        close: matches!(status, 414 | 494),
    }
}

/// The whole answer, head and page, to what is not a request.
pub(crate) fn malformed() -> Vec<u8> {
    let (request_id, node) = (RequestId::random(), NodeName::of_this_machine());
    let page = page::error_page(400, Sentence::BadRequest.as_str(), request_id.as_str());
    let mut answer = format!(
        "HTTP/1.1 400 Bad Request\r\nServer: CloudFront\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\
         Connection: close\r\nX-Cache: Error from cloudfront\r\nVia: {}\r\nX-Amz-Cf-Pop: {}\r\nX-Amz-Cf-Id: {}\r\n\r\n",
        httpdate::fmt_http_date(crate::clock::Clock::default().now()),
        page::CONTENT_TYPE,
        page.len(),
        node.via(),
        node.pop(),
        request_id.as_str(),
    )
    .into_bytes();
    answer.extend_from_slice(&page);
    answer
}

/// The redirect of `viewer_protocol_policy = "redirect-to-https"`.
pub(crate) fn redirect_to_https(host: &str, target: &str, method: &Method) -> Answer {
    let redirect = match *method {
        Method::GET | Method::HEAD => Redirect::MovedPermanently,
        _ => Redirect::TemporaryRedirect,
    };
    let location = format!("https://{host}{target}");
    Answer {
        status: redirect.status(),
        reason: None,
        headers: vec![
            ("Content-Type".to_owned(), Bytes::from_static(page::CONTENT_TYPE.as_bytes())),
            ("Location".to_owned(), Bytes::from(location)),
        ],
        body: redirect.page(),
        result: ResultType::Redirect,
        detail: None,
        close: false,
    }
}

/// What a viewer-request function answered. Framing is the node's business, whatever the function said of it.
pub(crate) fn generated(response: Response, result: ResultType) -> Answer {
    let framing = |name: &[u8]| {
        [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::TE]
            .iter()
            .any(|framing| name.eq_ignore_ascii_case(framing.as_str().as_bytes()))
    };
    let lines = response.headers.iter().filter(|(name, _)| !framing(name));
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    Answer {
        status: response.status,
        reason: response.status_description.clone(),
        headers: lines.map(|(name, value)| (text(name), Bytes::copy_from_slice(value))).collect(),
        body: response.body.unwrap_or_default(),
        result,
        detail: None,
        close: false,
    }
}

/// What a broken exchange with an origin, or with the viewer, is in CloudFront's terms.
pub(crate) fn origin_failure(origin: &str, error: &Error) -> Failure {
    use pingora::ErrorSource::{Downstream, Upstream};
    let (origin, mut reason) = (origin.to_owned(), error.to_string());
    if *error.etype() == ErrorType::ConnectRefused {
        reason.push_str("; nothing listens there: start the origin, or correct its domain_name and port");
    }
    match (error.esource(), error.etype()) {
        (Downstream, _) => Failure::ViewerLeft,
        (
            _,
            ErrorType::ConnectTimedout
            | ErrorType::TLSHandshakeTimedout
            | ErrorType::ReadTimedout
            | ErrorType::WriteTimedout,
        ) => Failure::OriginTimeout { origin, reason },
        (
            _,
            ErrorType::ConnectRefused
            | ErrorType::ConnectNoRoute
            | ErrorType::ConnectError
            | ErrorType::SocketError
            | ErrorType::BindError
            | ErrorType::TLSHandshakeFailure
            | ErrorType::InvalidCert
            | ErrorType::HandshakeError,
        ) => Failure::OriginConnect { origin, reason },
        (Upstream, _) => Failure::OriginBroken { origin, reason },
        _ => Failure::Internal(reason),
    }
}

/// Writes an answer and records what it was.
pub(crate) async fn send(
    session: &mut Session,
    exchange: &mut Exchange,
    node: &NodeName,
    answer: Answer,
    now: Instant,
) -> pingora::Result<()> {
    exchange.outcome.detail = answer.detail;
    exchange.first_byte(answer.result, now);
    include_body::let_go(exchange);
    let body_allowed = session.req_header().method != Method::HEAD && !matches!(answer.status, 204 | 304);
    if answer.close {
        session.set_keepalive(None);
    }
    let body = answer.body.clone();
    let result = answer.result;
    if let (Some(viewer), Some((_, date))) =
        (&exchange.viewer, answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("date")))
    {
        viewer.keep_date(date);
    }
    let mut head = head(answer)?;
    if session.subrequest_ctx.is_none() {
        follow_policy(node, session.req_header(), exchange, Source::Node, &mut head)?;
    }
    sign(&mut head, result, &exchange.request_id, node)?;
    write(session, Box::new(head), Some(body).filter(|body| body_allowed && !body.is_empty())).await
}

/// Writes a whole response. Over HTTP/2 pingora leaves a stream open when its exchange has failed and no body has ended it.
pub(crate) async fn write(
    session: &mut Session,
    head: Box<ResponseHeader>,
    body: Option<Bytes>,
) -> pingora::Result<()> {
    session.write_response_header(head, body.is_none()).await?;
    if body.is_some() || session.as_downstream().is_http2() {
        session.write_response_body(body, true).await?;
    }
    Ok(())
}

/// Whether the viewer has got the head of its answer: word to go on is none.
pub(crate) fn has_begun(session: &Session) -> bool {
    session.response_written().is_some_and(|head| !head.status.is_informational())
}

/// The head of an answer, in the order CloudFront writes it, but for what [`sign`] adds.
fn head(answer: Answer) -> pingora::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(answer.status, Some(answer.headers.len() + 10))?;
    if let Some(reason) = &answer.reason {
        head.set_reason_phrase(Some(reason))?;
    }
    let named = |wanted: HeaderName| move |(name, _): &(String, Bytes)| name.eq_ignore_ascii_case(wanted.as_str());
    let mut headers = answer.headers;
    if !headers.iter().any(named(header::SERVER)) {
        head.append_header("Server", "CloudFront")?;
    }
    // pingora writes the values of Date and Connection; their places are kept here.
    head.append_header("Date", "")?;
    let content_type = headers.iter().position(named(header::CONTENT_TYPE)).map(|at| headers.remove(at));
    append(&mut head, content_type)?;
    if !hooks::without_body(answer.status) {
        head.append_header("Content-Length", answer.body.len().to_string())?;
    }
    head.append_header("Connection", "keep-alive")?;
    append(&mut head, headers)?;
    Ok(head)
}

fn append(head: &mut ResponseHeader, lines: impl IntoIterator<Item = (String, Bytes)>) -> pingora::Result<()> {
    for (name, value) in lines {
        let value = HeaderValue::from_maybe_shared(value)
            .map_err(|_| Error::explain(ErrorType::InvalidHTTPHeader, "an answer's header value"))?;
        head.append_header(name, value)?;
    }
    Ok(())
}

/// What the behavior's response headers policy wants; and a `Server`, for want of another, also where the policy took it away.
pub(crate) fn follow_policy(
    node: &NodeName,
    request: &RequestHeader,
    exchange: &Exchange,
    source: Source,
    response: &mut ResponseHeader,
) -> pingora::Result<()> {
    if let Some(policy) = exchange.route.as_ref().and_then(Route::response_headers_policy) {
        let asked = response_headers::Asked { method: &request.method, headers: &request.headers };
        for edit in response_headers::edits(policy, asked, &response.headers) {
            match edit {
                Edit::Remove(name) => drop(response.remove_header(name)),
                Edit::Set(name, value) => response.insert_header(name.to_owned(), value)?,
                Edit::Append(name, value) => drop(response.append_header(name.to_owned(), value)?),
            }
        }
        if let Some(timing) = policy.server_timing
            && server_timing::is_wanted(timing, &request.headers, rand::random())
        {
            let first_byte = exchange.outcome.first_byte.unwrap_or_default();
            let told = Told { source, pop: node.pop(), request_id: exchange.request_id.as_str(), first_byte };
            response.insert_header(server_timing::NAME, server_timing::value(told, &response.headers))?;
        }
    }
    if !response.headers.contains_key(header::SERVER) {
        response.insert_header(header::SERVER, "CloudFront")?;
    }
    Ok(())
}

/// The headers every response to a viewer ends with: X-Cache, Via, X-Amz-Cf-Pop, X-Amz-Cf-Id.
pub(crate) fn sign(
    head: &mut ResponseHeader,
    result: ResultType,
    request_id: &RequestId,
    node: &NodeName,
) -> pingora::Result<()> {
    for name in ["X-Cache", "Via", "X-Amz-Cf-Pop", "X-Amz-Cf-Id"] {
        // An insert would leave the line of an origin where it stands.
        head.remove_header(name);
    }
    head.append_header("X-Cache", x_cache(result))?;
    head.append_header("Via", node.via())?;
    head.append_header("X-Amz-Cf-Pop", node.pop())?;
    head.append_header("X-Amz-Cf-Id", request_id.as_str())?;
    Ok(())
}

fn x_cache(result: ResultType) -> HeaderValue {
    HeaderValue::from_static(match result {
        ResultType::Hit => "Hit from cloudfront",
        ResultType::RefreshHit => "RefreshHit from cloudfront",
        ResultType::Miss => "Miss from cloudfront",
        ResultType::Redirect => "Redirect from cloudfront",
        ResultType::LimitExceeded => "LimitExceeded from cloudfront",
        ResultType::CapacityExceeded => "CapacityExceeded from cloudfront",
        ResultType::Error => "Error from cloudfront",
        ResultType::FunctionGeneratedResponse => "FunctionGeneratedResponse from cloudfront",
        ResultType::FunctionExecutionError => "FunctionExecutionError from cloudfront",
        ResultType::FunctionValidationError => "FunctionValidationError from cloudfront",
        ResultType::FunctionThrottledError => "FunctionThrottledError from cloudfront",
        ResultType::LambdaGeneratedResponse => "LambdaGeneratedResponse from cloudfront",
        ResultType::LambdaExecutionError => "LambdaExecutionError from cloudfront",
        ResultType::LambdaValidationError => "LambdaValidationError from cloudfront",
        ResultType::LambdaLimitExceeded => "LambdaLimitExceeded from cloudfront",
    })
}

/// Makes a head into that of CloudFront's page for `failure`, whose body takes the place of the one that follows: for
/// failures after an origin or the cache has answered.
pub(crate) fn replace_with_page(
    head: &mut ResponseHeader,
    exchange: &mut Exchange,
    failure: &Failure,
) -> pingora::Result<Bytes> {
    let answer = failed(failure, exchange.request_id.as_str());
    exchange.outcome.detail = answer.detail;
    exchange.outcome.response_result = answer.result;
    let body = answer.body.clone();
    *head = self::head(answer)?;
    Ok(body)
}

/// The connection facts pingora carries for us.
pub(crate) fn viewer(session: &Session) -> Option<Arc<Viewer>> {
    let digest = session.digest()?.proxy_digest.as_ref()?;
    digest.user_data.as_ref()?.downcast_ref::<Arc<Viewer>>().cloned()
}

/// The facts of a viewer without the state of its connection, which is another request's.
pub(crate) fn facts_of(viewer: &Viewer) -> Arc<Viewer> {
    Arc::new(Viewer::new(viewer.address, viewer.server_ip, viewer.tls.clone()))
}

/// The status that a failure is answered with.
pub(crate) fn status_of(failure: &Failure) -> u16 {
    verdict(failure).0
}

/// Statuses pingora can be told of.
pub(crate) fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Headers that belong to one connection, not to the message (RFC 9110 §7.6.1).
pub(crate) const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
];
