//! Edge code at its four moments: a head goes out as an event, and the verdict comes back onto the head.

use crate::exchange::{Exchange, NO_VIEWER};
use crate::failure::Failure;
use crate::head;
use crate::node::Node;
use crate::origin::{local, rewrite};
use crate::respond::{self, Answer};
use bytes::Bytes;
use homefront_functions::{EventContext, FailureKind, Headers, OriginEdit, Response, ResponseEdit, Verdict, rules};
use http::header;
use pingora::http::{RequestHeader, ResponseHeader};
use std::sync::Arc;

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

/// The CloudFront Function on viewer request: it may rewrite the request, or answer it.
pub(crate) async fn viewer_request(
    node: &Node,
    exchange: &mut Exchange,
    request: &mut RequestHeader,
) -> Result<Option<Answer>, Failure> {
    let Some(function) = &exchange.route()?.behavior.associations.viewer_request else { return Ok(None) };
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
        Verdict::Respond(response) => Ok(Some(respond::generated(response))),
        Verdict::Fail(failure) => Err(failure.into()),
    }
}

/// Sends the request to the origin that its function chose. What cannot be one is the function's fault.
fn choose_origin(exchange: &mut Exchange, edit: OriginEdit) -> Result<(), Failure> {
    let Some(route) = &mut exchange.route else { return Ok(()) };
    rewrite::apply(route, edit).map_err(|rule| {
        let function = &route.behavior.associations.viewer_request;
        let name = function.as_ref().map_or("", |function| function.name.as_str());
        let detail = format!("function \"{name}\": {rule}");
        let (kind, sentence) = (FailureKind::FunctionValidation, Some(rules::SENTENCE_ORIGIN_REWRITE.into()));
        homefront_functions::Failure { kind, sentence, detail }.into()
    })
}

/// The Lambda@Edge function on origin request, once for each attempt: what it generates enters as an origin's answer.
pub(crate) async fn origin_request(node: &Node, exchange: &mut Exchange) -> Result<(), Failure> {
    let route = exchange.route()?.clone();
    let Some(lambda) = &route.behavior.associations.origin_request else { return Ok(()) };
    let Some(mut request) = exchange.fetch.head.take() else { return Ok(()) };
    let origin = route.origin();
    let (protocol, event) = (origin.protocol(exchange.viewer_tls()), head::neutral_request(&request, ""));
    let context = context(exchange)?;
    match node.edge_code.lambda_origin_request(lambda, &context, &origin.config, protocol, &event).await {
        Verdict::Continue(edit) => head::edit_request(&mut request, edit)?,
        Verdict::Respond(response) => {
            exchange.fetch.answer = Some(Arc::new(local::Ready(local_response(response)?)));
            exchange.fetch.generated = true;
        }
        Verdict::Fail(failure) => return Err(failure.into()),
    }
    exchange.fetch.head = Some(request);
    Ok(())
}

/// The Lambda@Edge function on origin response, before the cache stores. Gives the body it put in place of the origin's.
pub(crate) async fn origin_response(
    node: &Node,
    exchange: &mut Exchange,
    response: &mut ResponseHeader,
) -> Result<Option<Bytes>, Failure> {
    let route = exchange.route()?;
    let Some(lambda) = &route.behavior.associations.origin_response else { return Ok(None) };
    if exchange.fetch.origin_response_done || exchange.fetch.generated {
        return Ok(None);
    }
    let origin = route.origin();
    let protocol = origin.protocol(exchange.viewer_tls());
    let request = exchange.fetch.head.as_ref().map(|head| head::neutral_request(head, "")).unwrap_or_default();
    let event = head::neutral_response(response);
    let context = context(exchange)?;
    let code = &node.edge_code;
    let verdict = code.lambda_origin_response(lambda, &context, &origin.config, protocol, &request, &event).await;
    exchange.fetch.origin_response_done = true;
    match verdict {
        Verdict::Continue(edit) => apply(response, edit),
        Verdict::Respond(_) => Err(Failure::Internal("an origin-response function cannot answer".to_owned())),
        Verdict::Fail(failure) => Err(failure.into()),
    }
}

/// The CloudFront Function on viewer response. Not after an origin error; gives the body it put in place.
pub(crate) async fn viewer_response(
    node: &Node,
    exchange: &mut Exchange,
    request: &RequestHeader,
    response: &mut ResponseHeader,
) -> Result<Option<Bytes>, Failure> {
    let Some(function) = &exchange.route()?.behavior.associations.viewer_response else { return Ok(None) };
    let origin_failed = exchange.fetch.origin_status.unwrap_or(response.status.as_u16()) >= 400;
    if origin_failed {
        return Ok(None);
    }
    // What every response ends with is there already when functions see it, and they may not drop it.
    response.insert_header(header::VIA, node.name.via()).map_err(|error| Failure::Internal(error.to_string()))?;
    let request = head::neutral_request(request, &exchange.asked.host);
    let event = head::neutral_response(response);
    let called = node.edge_code.function_viewer_response(function, &context(exchange)?, &request, &event).await;
    exchange.log_data.viewer_response = called.log_data;
    match called.verdict {
        Verdict::Continue(edit) => apply(response, edit),
        Verdict::Respond(_) => Err(Failure::Internal("a viewer-response function cannot answer".to_owned())),
        Verdict::Fail(failure) => Err(failure.into()),
    }
}

/// Applies an edit. Framing stays the node's: a function that lies about lengths must not desynchronise a connection.
fn apply(response: &mut ResponseHeader, mut edit: ResponseEdit) -> Result<Option<Bytes>, Failure> {
    let framing = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    edit.headers.retain(|line| framing.iter().all(|name| !line.name.eq_ignore_ascii_case(name.as_str())));
    head::edit_response(response, &edit)?;
    if let Some(body) = &edit.body {
        set_length(response, body.len())?;
    }
    Ok(edit.body)
}

/// The framing of a body that is known whole.
pub(crate) fn set_length(response: &mut ResponseHeader, bytes: usize) -> Result<(), Failure> {
    response.remove_header(&header::TRANSFER_ENCODING);
    response.set_content_length(bytes).map_err(|error| Failure::Internal(error.to_string()))
}

/// A generated response, as hyper takes it.
fn local_response(response: Response) -> Result<http::Response<Bytes>, Failure> {
    let mut head = http::Response::builder().status(respond::status_code(response.status));
    for (name, value) in without_framing(&response.headers) {
        head = head.header(name, value);
    }
    head.body(response.body.unwrap_or_default()).map_err(|error| Failure::Internal(error.to_string()))
}

fn without_framing(headers: &Headers) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.iter().filter(|(name, _)| {
        !name.eq_ignore_ascii_case(b"content-length") && !name.eq_ignore_ascii_case(b"transfer-encoding")
    })
}

/// The response so far, with another body, as an origin's answer: for responses that had no body to take the place of.
pub(crate) fn as_local_answer(response: &ResponseHeader, body: Bytes) -> Result<http::Response<Bytes>, Failure> {
    let mut neutral = head::neutral_response(response);
    neutral.body = Some(body);
    local_response(neutral)
}
