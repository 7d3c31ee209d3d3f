//! When a request does not end as it should: retries, and CloudFront's page where nothing was sent yet.

use crate::error_page;
use crate::exchange::{Exchange, Turned};
use crate::failure::Failure;
use crate::fetch::{self, Retry};
use crate::include_body;
use crate::node::Node;
use crate::origin::failover::Cause;
use crate::origin::local;
use crate::respond;
use pingora::protocols::http::v1::server::HttpSession as SessionV1;
use pingora::proxy::{FailToProxy, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType};
use std::sync::Arc;
use std::time::Instant;

/// Carries a failure through pingora; `with_page` finds it in the exchange.
#[allow(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
pub(crate) fn fail(exchange: &mut Exchange, failure: Failure) -> Box<Error> {
    let error = Error::explain(ErrorType::Custom("Failure"), failure.to_string());
    exchange.failure = Some(failure);
    error
}

/// Takes the rest of a viewer's body before its connection is closed, or the system would throw away the answer that it has not
/// read yet. Where the connection goes on, pingora does the same.
pub(crate) async fn hear_out(session: &mut Session) {
    let closes = session.get_keepalive().is_none() && !session.was_upgraded();
    let downstream = session.as_downstream_mut();
    let has_patience = |viewer: &SessionV1| viewer.get_total_drain_timeout().is_some();
    if closes && downstream.as_http1().is_some_and(has_patience) {
        // It may be gone: nothing is lost.
        let _ = downstream.drain_request_body().await;
    }
}

/// An origin's failure enters as its answer where answers are cached: CloudFront keeps errors for `ErrorCachingMinTTL`, and
/// a crowd of viewers must not wait for a dead origin one after the other. Not where a stale object can stand in.
pub(crate) fn keep(session: &Session, exchange: &mut Exchange, failure: Failure) -> Retry {
    if !failure.is_origins() || !session.cache.enabled() || session.cache.can_serve_stale_error() {
        exchange.failure = Some(failure);
        return Retry::GiveUp;
    }
    let answer = respond::failed(&failure, exchange.request_id.as_str());
    exchange.outcome.detail = answer.detail;
    exchange.failure = Some(failure);
    let Ok(answer) = answer.into_local() else { return Retry::GiveUp };
    exchange.fetch.answer = Some(Arc::new(local::Ready(answer)));
    exchange.fetch.origin_response_done = true;
    Retry::Again
}

/// What takes the place of an origin that cannot be asked: its failure as an answer, or the end of the request.
pub(crate) fn instead_of_peer(
    session: &Session,
    exchange: &mut Exchange,
    failure: Failure,
) -> pingora::Result<HttpPeer> {
    let reason = failure.to_string();
    keep(session, exchange, failure);
    match exchange.fetch.answer.take() {
        Some(answer) => Ok(local::peer(answer)),
        None => Err(Error::explain(ErrorType::Custom("Failure"), reason)),
    }
}

/// An error before the origin was reached: may it be tried again?
#[allow(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
pub(crate) fn before_connecting(session: &mut Session, mut error: Box<Error>, exchange: &mut Exchange) -> Box<Error> {
    include_body::give_back(session, exchange);
    let mut retry = fetch::retry_connect(exchange);
    if retry == Retry::GiveUp {
        let failure = respond::origin_failure(&fetch::origin_id(exchange), &error);
        retry = next_member(session, exchange, failure);
    }
    error.set_retry(retry == Retry::Again);
    error
}

/// An error after the origin was reached: may it be asked again?
#[allow(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
pub(crate) fn after_connecting(
    peer: &HttpPeer,
    session: &mut Session,
    error: Box<Error>,
    exchange: &mut Exchange,
    client_reused: bool,
) -> Box<Error> {
    include_body::give_back(session, exchange);
    let mut error = error.more_context(format!("Peer: {peer}"));
    if exchange.fetch.answer.is_some() || exchange.fetch.turned == Turned::ToSecondary {
        error.set_retry(true);
        return error;
    }
    let method = &session.req_header().method;
    // pingora would open the cache for a second object, and panic.
    let answered = exchange.fetch.origin_status.is_some() || respond::has_begun(session);
    let replayable = method.is_idempotent() && !session.as_ref().retry_buffer_truncated();
    if exchange.failure.is_some() || answered || !replayable {
        error.set_retry(false);
        return error;
    }
    // An idle connection that the origin closed meanwhile says nothing of the origin.
    error.retry.decide_reuse(client_reused);
    if error.retry() || fetch::retry_read(exchange, method, &error) == Retry::Again {
        error.set_retry(true);
        return error;
    }
    let failure = respond::origin_failure(&fetch::origin_id(exchange), &error);
    error.set_retry(next_member(session, exchange, failure) == Retry::Again);
    error
}

/// An origin has failed for good: the second member of its group is asked, or its failure is the answer.
fn next_member(session: &Session, exchange: &mut Exchange, failure: Failure) -> Retry {
    if fetch::fail_over(session, exchange, Cause::Failure(&failure)) {
        return Retry::Again;
    }
    keep(session, exchange, failure)
}

/// The last word of a failed request.
pub(crate) async fn with_page(
    node: &Node,
    session: &mut Session,
    error: &Error,
    exchange: &mut Exchange,
) -> FailToProxy {
    include_body::give_back(session, exchange);
    // pingora ends the viewer's connection after an exchange that failed; the viewer is told.
    session.set_keepalive(None);
    if let Some((head, body)) = exchange.late_answer.take() {
        return late_answer(session, *head, body).await;
    }
    let failure = match exchange.failure.take() {
        Some(failure) => failure,
        None => respond::origin_failure(&fetch::origin_id(exchange), error),
    };
    let answer = respond::failed(&failure, exchange.request_id.as_str());
    let error_code = answer.status;
    exchange.failure = Some(failure);
    if error_code == 0 || respond::has_begun(session) {
        return FailToProxy { error_code, can_reuse_downstream: false };
    }
    let answer = error_page::or(session, exchange, answer).await;
    let sent = respond::send(session, exchange, &node.name, answer, Instant::now()).await;
    FailToProxy { error_code, can_reuse_downstream: sent.is_ok() }
}

async fn late_answer(session: &mut Session, head: pingora::http::ResponseHeader, body: bytes::Bytes) -> FailToProxy {
    let error_code = head.status.as_u16();
    let sent = respond::write(session, Box::new(head), Some(body).filter(|body| !body.is_empty()));
    let can_reuse_downstream = sent.await.is_ok();
    FailToProxy { error_code, can_reuse_downstream }
}
