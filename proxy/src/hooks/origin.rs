//! Lambda@Edge at the two origin events: before an origin is asked, and before the cache stores what it answered.

use super::{apply, context};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::head;
use crate::include_body;
use crate::node::Node;
use crate::origin::{local, request_origin};
use crate::respond;
use bytes::Bytes;
use homefront_config::limits;
use homefront_functions::event::lambda_edge::{self, ShownBody};
use homefront_functions::{FailureKind, Headers, Response, Verdict};
use hyper::ext::ReasonPhrase;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use std::sync::Arc;

/// The Lambda@Edge function on origin request, once for each attempt: what it generates enters as an origin's answer.
pub(crate) async fn request(node: &Node, session: &mut Session, exchange: &mut Exchange) -> Result<(), Failure> {
    let route = exchange.route()?.clone();
    let associations = &route.behavior.associations;
    let Some(lambda) = &associations.origin_request else { return Ok(()) };
    if associations.include_body.origin_request {
        let room = &route.distribution.included_bodies;
        include_body::read(session, exchange, room, lambda, limits::LAMBDA_ORIGIN_BODY_BYTES_MAX).await?;
    }
    let Some(mut request) = exchange.fetch.head.take() else { return Ok(()) };
    let (origin, shown) = (route.origin().shown(exchange.viewer_tls()), head::neutral_request(&request, ""));
    let context = context(exchange)?;
    let body = exchange.included_body.as_ref().filter(|_| associations.include_body.origin_request);
    let body = body.map(|body| ShownBody::on_origin_request(body.start()));
    let event = lambda_edge::origin_request(&context, &origin, &shown, body);
    match node.edge_code.lambdas().on_request(lambda, &context, &event, &shown).await {
        Verdict::Continue(edit) => {
            head::edit_request(&mut request, edit.head)?;
            exchange.fetch.body = edit.body;
            if let (Some(asked), Some(route)) = (edit.origin, &mut exchange.route) {
                let made = request_origin::replace(route, &origin, *asked);
                route.origin = made.map_err(|reason| not_here(&lambda.name, reason))?;
            }
        }
        Verdict::Respond(response) => {
            exchange.fetch.answer = Some(Arc::new(local::Ready(local_response(response)?)));
            exchange.fetch.generated = true;
        }
        Verdict::Fail(failure) => return Err(failure.into()),
    }
    exchange.fetch.head = Some(request);
    Ok(())
}

/// What CloudFront takes of a function and this node cannot do.
fn not_here(lambda: &str, reason: &str) -> Failure {
    let detail = format!("lambda \"{lambda}\": request.origin: {reason}");
    homefront_functions::Failure { kind: FailureKind::LambdaValidation, sentence: None, detail }.into()
}

/// The Lambda@Edge function on origin response, before the cache stores. Gives the body it put in place of the origin's.
pub(crate) async fn response(
    node: &Node,
    exchange: &mut Exchange,
    response: &mut ResponseHeader,
) -> Result<Option<Bytes>, Failure> {
    let route = exchange.route()?;
    let Some(lambda) = &route.behavior.associations.origin_response else { return Ok(None) };
    if exchange.fetch.origin_response_done || exchange.fetch.generated {
        return Ok(None);
    }
    let origin = route.origin().shown(exchange.viewer_tls());
    let request = exchange.fetch.shown.as_deref().cloned().unwrap_or_default();
    let (context, shown) = (context(exchange)?, head::neutral_response(response));
    let event = lambda_edge::origin_response(&context, &origin, &request, &shown);
    let verdict = node.edge_code.lambdas().on_response(lambda, &context, &event, &shown).await;
    exchange.fetch.origin_response_done = true;
    match verdict {
        Verdict::Continue(edit) => apply(response, edit),
        Verdict::Respond(_) => Err(Failure::Internal("an origin-response function cannot answer".to_owned())),
        Verdict::Fail(failure) => Err(failure.into()),
    }
}

/// A generated response, as hyper takes it.
fn local_response(response: Response) -> Result<http::Response<Bytes>, Failure> {
    let status = respond::status_code(response.status);
    let reason = response.status_description.as_deref().or(status.canonical_reason()).unwrap_or_default();
    let reason = ReasonPhrase::try_from(reason.as_bytes()).map_err(|error| Failure::Internal(error.to_string()))?;
    let mut head = http::Response::builder().status(status).extension(reason);
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
