//! Edge code at its four moments: a head goes out as an event, and the verdict comes back onto the head.

use crate::arrive;
use crate::connection::DATE_BYTES;
use crate::exchange::{Exchange, NO_VIEWER};
use crate::failure::Failure;
use crate::forward;
use crate::head;
use crate::include_body;
use crate::node::Node;
use crate::observe::access_log::ResultType;
use crate::origin::rewrite;
use crate::respond::{self, Answer};
use bytes::Bytes;
use homefront_config::association::ViewerCode;
use homefront_config::limits;
use homefront_functions::event::lambda_edge::{self, LambdaRequestEdit, ShownBody};
use homefront_functions::{EventContext, Headers, OriginEdit, Request, ResponseEdit, Verdict};
use http::{HeaderName, HeaderValue, StatusCode, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;

pub(crate) mod origin;

fn context(exchange: &Exchange) -> Result<EventContext, Failure> {
    let distribution = &exchange.route()?.distribution;
    Ok(EventContext {
        distribution_domain_name: distribution.domain_name.clone(),
        distribution_id: distribution.id.clone(),
        request_id: exchange.request_id.as_str().to_owned(),
        viewer_ip: exchange.viewer.as_ref().map_or(NO_VIEWER, |viewer| viewer.address).ip(),
        server_ip: exchange.viewer.as_ref().map_or(NO_VIEWER.ip(), |viewer| viewer.server_ip),
    })
}

/// The Lambda@Edge function on viewer request: it may rewrite the request, or answer it. It runs before CloudFront's own headers
/// are added (Developer Guide, "Restrictions on Lambda@Edge").
pub(crate) async fn lambda_viewer_request(
    node: &Node,
    session: &mut Session,
    exchange: &mut Exchange,
) -> Result<Option<Answer>, Failure> {
    let route = exchange.route()?;
    let associations = &route.behavior.associations;
    let Some(ViewerCode::Lambda(lambda)) = &associations.viewer_request else { return Ok(None) };
    let lambda = lambda.clone();
    if associations.include_body.viewer_request {
        let distribution = route.distribution.clone();
        arrive::ask_for_body(session).await;
        include_body::read(
            session,
            exchange,
            &distribution.included_bodies,
            &lambda,
            limits::LAMBDA_VIEWER_BODY_BYTES_MAX,
        )
        .await?;
    }
    let request = session.req_header_mut();
    let (context, shown) = (context(exchange)?, head::neutral_request(request, &exchange.asked.host));
    let body = exchange.included_body.as_ref().map(|body| ShownBody::on_viewer_request(body.start()));
    let event = lambda_edge::viewer_request(&context, &shown, body);
    match node.edge_code.lambdas().on_request(&lambda, &context, &event, &shown).await {
        Verdict::Continue(LambdaRequestEdit { head: edit, body, .. }) => {
            if let Some(body) = body {
                include_body::replace(request, exchange, body)?;
            }
            head::edit_request(request, edit).map(|()| None)
        }
        Verdict::Respond(response) => Ok(Some(respond::generated(response, ResultType::LambdaGeneratedResponse))),
        Verdict::Fail(failure) => Err(failure.into()),
    }
}

/// The CloudFront Function on viewer request: it may rewrite the request, or answer it.
pub(crate) async fn viewer_request(
    node: &Node,
    exchange: &mut Exchange,
    request: &mut RequestHeader,
) -> Result<Option<Answer>, Failure> {
    let Some(ViewerCode::Function(function)) = &exchange.route()?.behavior.associations.viewer_request else {
        return Ok(None);
    };
    let event = head::neutral_request(request, &exchange.asked.host);
    let called = node.edge_code.function_viewer_request(function, &context(exchange)?, &event).await;
    exchange.log_data.viewer_request = called.log_data;
    match called.verdict {
        Verdict::Continue(mut edit) => {
            if let Some(origin) = edit.origin.take() {
                choose_origin(exchange, *origin)?;
            }
            head::edit_request(request, edit).map(|()| None)
        }
        Verdict::Respond(response) => Ok(Some(respond::generated(response, ResultType::FunctionGeneratedResponse))),
        Verdict::Fail(failure) => Err(failure.into()),
    }
}

/// Sends the request to the origin that its function chose. What cannot be one is the function's fault.
fn choose_origin(exchange: &mut Exchange, edit: OriginEdit) -> Result<(), Failure> {
    let Some(route) = &mut exchange.route else { return Ok(()) };
    rewrite::apply(route, edit).map_err(|rule| {
        let name = route.behavior.associations.functions().next().map_or("", |function| function.name.as_str());
        rewrite::fault(name, &rule).into()
    })
}

/// Kept with an object whose own status does not tell whether its origin failed; between the cache and [`take_origin_failed`] only.
const ORIGIN_FAILED: HeaderName = HeaderName::from_static("x-homefront-origin-failed");

/// Before the cache stores: keeps whether an origin answered with an error, where a function made a success of an error or an error of
/// a success, so that hits call the viewer-response function as the miss does. Of what a function generated, no origin failed.
pub(crate) fn keep_origin_failed(exchange: &Exchange, response: &mut ResponseHeader) -> Result<(), Failure> {
    response.remove_header(&ORIGIN_FAILED);
    let failed = !exchange.fetch.generated && exchange.fetch.origin_status.is_some_and(|status| status >= 400);
    if failed == (response.status.as_u16() >= 400) {
        return Ok(());
    }
    let kept = HeaderValue::from_static(if failed { "1" } else { "0" });
    response.insert_header(ORIGIN_FAILED, kept).map_err(|error| Failure::Internal(error.to_string()))
}

/// Whether an origin answered with an error.
pub(crate) fn take_origin_failed(response: &mut ResponseHeader) -> bool {
    match response.remove_header(&ORIGIN_FAILED) {
        Some(kept) => kept == "1",
        None => response.status.as_u16() >= 400,
    }
}

/// The function on viewer response. Not after an origin error; gives the body it put in place.
pub(crate) async fn viewer_response(
    node: &Node,
    exchange: &mut Exchange,
    request: &RequestHeader,
    response: &mut ResponseHeader,
) -> Result<Option<Bytes>, Failure> {
    let Some(code) = &exchange.route()?.behavior.associations.viewer_response else { return Ok(None) };
    if exchange.origin_failed {
        return Ok(None);
    }
    let code = code.clone();
    // What every response ends with is there already when functions see it, and they may not drop it.
    response.insert_header("Via", node.name.via()).map_err(|error| Failure::Internal(error.to_string()))?;
    let (context, request) = (context(exchange)?, head::neutral_request(request, &exchange.asked.host));
    let shown = head::neutral_response(response);
    let verdict = match &code {
        ViewerCode::Function(function) => {
            let called = node.edge_code.function_viewer_response(function, &context, &request, &shown).await;
            exchange.log_data.viewer_response = called.log_data;
            called.verdict
        }
        ViewerCode::Lambda(lambda) => {
            // CloudFront's own headers are for the origin's functions; the viewer's of such names are for this one.
            let request = Request { headers: as_sent(&request.headers, &exchange.viewers_own), ..request };
            let event = lambda_edge::viewer_response(&context, &request, &shown);
            node.edge_code.lambdas().on_response(lambda, &context, &event, &shown).await
        }
    };
    match verdict {
        Verdict::Continue(edit) => {
            tell_what_is_not_sent(node, response, &edit, code.name());
            apply(response, edit)
        }
        Verdict::Respond(_) => Err(Failure::Internal("a viewer-response function cannot answer".to_owned())),
        Verdict::Fail(failure) => Err(failure.into()),
    }
}

fn as_sent(headers: &Headers, viewers_own: &Headers) -> Headers {
    headers.iter().filter(|(name, _)| !forward::is_cloudfront_header(name)).chain(viewers_own.iter()).collect()
}

/// Applies an edit. Framing stays the node's: a function that lies about lengths must not desynchronise a connection.
fn apply(response: &mut ResponseHeader, mut edit: ResponseEdit) -> Result<Option<Bytes>, Failure> {
    // `TE` is about requests; HTTP/2 has no response with it.
    let framing = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::TE];
    edit.headers.retain(|line| framing.iter().all(|name| !line.name.eq_ignore_ascii_case(name.as_str())));
    let had_no_body = without_body(response.status.as_u16());
    head::edit_response(response, &edit)?;
    if edit.status.is_some_and(without_body) {
        // It had one while it was something else.
        set_length(response, 0)?;
        return Ok(Some(Bytes::new()));
    }
    if let Some(body) = &edit.body {
        set_length(response, body.len())?;
    } else if had_no_body && edit.status.is_some() {
        // It is something else now, and still none follows.
        set_length(response, 0)?;
    }
    Ok(edit.body)
}

/// A header that CloudFront lets functions write and this node writes itself is told of when it would say something else.
fn tell_what_is_not_sent(node: &Node, response: &ResponseHeader, edit: &ResponseEdit, name: &str) {
    const FRAMING: &str = "the node writes what frames the body";
    const DATE: &str = "one date in the form of \"Sun, 06 Nov 1994 08:49:37 GMT\" would be";
    let is_length = |values: &[Bytes]| {
        let sent = response.headers.get(header::CONTENT_LENGTH).map(HeaderValue::as_bytes);
        match &edit.body {
            Some(body) => values.iter().eq([body.len().to_string().as_bytes()]),
            None => values.iter().eq(sent),
        }
    };
    for line in &edit.headers {
        let is = |header: header::HeaderName| line.name.eq_ignore_ascii_case(header.as_str());
        let (header, why) = if is(header::CONTENT_LENGTH) && !is_length(&line.values) {
            ("content-length", FRAMING)
        } else if is(header::TRANSFER_ENCODING) {
            ("transfer-encoding", FRAMING)
        } else if is(header::DATE) && line.values.iter().map(Bytes::len).ne([DATE_BYTES]) {
            ("date", DATE)
        } else {
            continue;
        };
        let Some(left_out) = node.warnings.tell(name, header, node.clock.now()) else { continue };
        let more =
            if left_out > 0 { format!(" (and {left_out} times more since this was said)") } else { String::new() };
        tracing::warn!("function \"{name}\": response.headers[\"{header}\"] is not sent as it was set: {why}{more}");
    }
}

/// 204 and 304.
pub(crate) fn without_body(status: u16) -> bool {
    [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].iter().any(|bodiless| bodiless.as_u16() == status)
}

/// The framing of a body that is known whole.
pub(crate) fn set_length(response: &mut ResponseHeader, bytes: usize) -> Result<(), Failure> {
    if without_body(response.status.as_u16()) {
        remove_framing(response);
        return Ok(());
    }
    response.remove_header(&header::TRANSFER_ENCODING);
    response.set_content_length(bytes).map_err(|error| Failure::Internal(error.to_string()))
}

/// Takes away what frames a body: where there can be none, a length would promise bytes that never come (RFC 9110 §8.6).
pub(crate) fn remove_framing(response: &mut ResponseHeader) {
    response.remove_header(&header::TRANSFER_ENCODING);
    response.remove_header(&header::CONTENT_LENGTH);
}
