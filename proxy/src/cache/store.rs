//! What the origin sent, on its way into the cache: the origin-response function, then how long it may be kept.

use super::freshness::{self, Decision};
use super::validators;
use crate::error_page;
use crate::exchange::{Exchange, Route};
use crate::failure::Failure;
use crate::fetch;
use crate::finish;
use crate::forward;
use crate::hooks;
use crate::node::Node;
use crate::origin::failover::Cause;
use crate::origin::local::{self, LocalOrigin};
use crate::respond;
use bytes::Bytes;
use homefront_config::{Behavior, limits};
use http::{HeaderMap, Method, StatusCode, header};
use pingora::cache::key::CacheHashKey;
use pingora::cache::{CachePhase, NoCacheReason, RespCacheable};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora::{Error, ErrorSource, ErrorType, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whether the origin gets the viewer's cookies: then it answers this viewer, and is asked without conditions.
pub(crate) fn forwards_cookies(behavior: &Behavior) -> bool {
    freshness::forwards_cookies(&behavior.cache_policy, behavior.origin_request_policy.as_deref())
}

/// An origin's response head: judged, shown to the origin-response function, made ready to be stored.
pub(crate) async fn origin_response(
    node: &Node,
    session: &Session,
    response: &mut ResponseHeader,
    exchange: &mut Exchange,
) -> Result<()> {
    // Word that comes before the answer, as often as the origin likes.
    let is_word = response.status.is_informational();
    let judged = if is_word { in_time(exchange, Instant::now()) } else { fetch::admit_response(exchange, response) };
    if let Err(failure) = judged {
        return Err(if fetch::fail_over(session, exchange, Cause::Failure(&failure)) {
            ask_next(&failure.to_string())
        } else {
            finish::fail(exchange, failure)
        });
    }
    if is_word {
        return Ok(());
    }
    for name in forward::nominated(&response.headers) {
        response.remove_header(&name);
    }
    if response.status == StatusCode::NO_CONTENT {
        // That of a 304 is the length of the object that it is about.
        hooks::remove_framing(response);
    }
    exchange.fetch.no_body = has_no_body(&session.req_header().method, response);
    let status = response.status;
    let failed = fetch::may_fail_over(session, exchange, Cause::Status(status));
    let replaced = hooks::origin::response(node, exchange, response).await;
    if failed {
        // The function has run, as it does for each member that is asked; what it made of this answer nobody sees.
        fetch::turn_to_secondary(exchange, Cause::Status(status));
        return Err(ask_next(status.as_str()));
    }
    let mut replaced = replaced.map_err(|failure| finish::fail(exchange, failure))?;
    let still_failed = status.is_server_error() && response.status.is_server_error();
    if still_failed && exchange.fetch.origin_response_done && session.cache.can_serve_stale_error() {
        // The function was asked first; now `serves_stale` is.
        let status = ErrorType::HTTPStatus(status.as_u16());
        return Err(Error::create(status, ErrorSource::Upstream, None, None));
    }
    if let Some(stored) = revalidated(session, status) {
        // A 304 has no body: what a function gives it is not one, and the object's own is still good.
        if response.status == StatusCode::NOT_MODIFIED || (response.status == stored && replaced.is_none()) {
            replaced = None;
        } else {
            return Err(enter_again(exchange, response, replaced.unwrap_or_default()));
        }
    }
    if let Some(body) = replaced {
        if exchange.fetch.no_body {
            return Err(enter_again(exchange, response, body));
        }
        exchange.fetch.replaced_body = Some(body);
    }
    // HEAD wants none, and has none however often it enters.
    let lacks_body = exchange.fetch.no_body && session.req_header().method != Method::HEAD;
    if lacks_body && error_page::is_due(session, exchange, response.status) {
        return Err(enter_unframed(exchange, response));
    }
    hooks::keep_origin_failed(exchange, response).map_err(|failure| finish::fail(exchange, failure))?;
    let strip_cookies = exchange.route.as_ref().is_some_and(|route| !forwards_cookies(&route.behavior));
    if strip_cookies {
        response.remove_header(&header::SET_COOKIE);
    }
    if revalidated(session, status).is_some() {
        exchange.fetch.not_modified = Some(response.headers.clone());
    }
    Ok(())
}

/// The status of the stored object that an answer of this status says is still good.
fn revalidated(session: &Session, status: StatusCode) -> Option<StatusCode> {
    let asked = session.cache.enabled() && status == StatusCode::NOT_MODIFIED;
    session.cache.maybe_cache_meta().filter(|_| asked).map(|stored| stored.response_header().status)
}

/// Whatever comes of [`origin_response`], pingora serves the stored object after a 304. Where the function failed, or put another response
/// in its place, that must not reach the viewer: the failure is its answer, or the new response enters, and is not kept, as pingora's cache
/// is past admitting one.
pub(crate) fn superseded(session: &mut Session, exchange: &Exchange) -> Result<()> {
    if !matches!(session.cache.phase(), CachePhase::RevalidatedNoCache(NoCacheReason::InternalError)) {
        return Ok(());
    }
    if exchange.failure.is_some() {
        return Err(Error::explain(ErrorType::Custom("Superseded"), "the answer to the revalidation failed"));
    }
    if exchange.fetch.answer.is_some() {
        session.cache.disable(NoCacheReason::Custom("a function put another response in the place of a 304"));
        return Err(Error::explain(ErrorType::Custom("Superseded"), "a 304 became another response"));
    }
    Ok(())
}

/// Ends the exchange with the first member of an origin group, so that the second is asked.
#[allow(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
fn ask_next(reason: &str) -> Box<Error> {
    let mut error = Error::explain(ErrorType::Custom("Failover"), reason.to_owned());
    error.set_retry(true);
    error
}

/// pingora ends such responses with their head: there is no place for a body to come.
fn has_no_body(method: &Method, response: &ResponseHeader) -> bool {
    let empty = response.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() == b"0");
    *method == Method::HEAD || matches!(response.status.as_u16(), 204 | 304) || empty
}

/// An error without a body enters anew, so that its page can take the place of one: pingora ends such a response with its head.
#[allow(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
fn enter_unframed(exchange: &mut Exchange, response: &ResponseHeader) -> Box<Error> {
    match hooks::origin::as_local_answer(response, Bytes::new()) {
        Ok(answer) => again(exchange, Arc::new(local::Unframed(answer.map(drop)))),
        Err(failure) => finish::fail(exchange, failure),
    }
}

/// The response with its new body enters anew, as the answer of an origin that has one.
#[allow(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
fn enter_again(exchange: &mut Exchange, response: &ResponseHeader, body: Bytes) -> Box<Error> {
    match hooks::origin::as_local_answer(response, body) {
        Ok(answer) => again(exchange, Arc::new(local::Ready(answer))),
        Err(failure) => finish::fail(exchange, failure),
    }
}

#[allow(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
fn again(exchange: &mut Exchange, answer: Arc<dyn LocalOrigin>) -> Box<Error> {
    exchange.fetch.answer = Some(answer);
    let mut error = Error::explain(ErrorType::Custom("ReplacedBody"), "the response has another body now");
    error.set_retry(true);
    error
}

/// The origin's body, or what an origin-response function put in its place.
pub(crate) fn origin_body(exchange: &mut Exchange, body: &mut Option<Bytes>, now: Instant) -> Result<()> {
    in_time(exchange, now).map_err(|failure| finish::fail(exchange, failure))?;
    if let Some(replacement) = &mut exchange.fetch.replaced_body {
        // The first piece carries all of it, the others nothing.
        *body = Some(std::mem::take(replacement));
    }
    Ok(())
}

fn in_time(exchange: &mut Exchange, now: Instant) -> std::result::Result<(), Failure> {
    if exchange.over_completion_budget(fetch::completion_budget(exchange), now) {
        let origin = fetch::origin_id(exchange);
        let reason = "response_completion_timeout_s is over".to_owned();
        return Err(Failure::OriginTimeout { origin, reason });
    }
    Ok(())
}

/// Whether and for how long a response is kept. After a 304, `response` is the stored one.
pub(crate) fn decide(
    node: &Node,
    session: &Session,
    response: &ResponseHeader,
    exchange: &mut Exchange,
) -> Result<RespCacheable> {
    let Some(route) = &exchange.route else {
        return Ok(RespCacheable::Uncacheable(NoCacheReason::InternalError));
    };
    let mut stored = response.clone();
    if let Some(not_modified) = exchange.fetch.not_modified.take() {
        refresh(&mut stored, &not_modified)?;
    }
    let behavior = &route.behavior;
    let asked = freshness::Response {
        status: stored.status,
        headers: &stored.headers,
        now: node.clock.now(),
        error_caching_min_ttl_s: route.error_caching_min_ttl_s(stored.status.as_u16()),
    };
    match freshness::decide(&behavior.cache_policy, forwards_cookies(behavior), &asked) {
        Decision::Store(storable) => Ok(RespCacheable::Cacheable(node.cache.storage.meta(&storable, stored))),
        Decision::Pass(reason) => {
            tracing::debug!(%reason, phase = session.cache.phase().as_str(), "not cached");
            Ok(RespCacheable::Uncacheable(NoCacheReason::OriginNotCache))
        }
    }
}

/// Whether an expired object stands in for an origin that failed. If so, the origin is left in peace for a while.
///
/// Developer Guide, how CloudFront processes HTTP 4xx and 5xx status codes from your origin.
pub(crate) fn serves_stale(node: &Node, session: &Session, exchange: &mut Exchange, error: &Error) -> bool {
    // Before an old answer is given, the function on origin response sees the error, and the second member of a group is asked.
    if let ErrorType::HTTPStatus(status) = *error.etype()
        && let Ok(status) = StatusCode::from_u16(status)
        && (awaits_origin_response(exchange) || fetch::may_fail_over(session, exchange, Cause::Status(status)))
    {
        return false;
    }
    let origin_failed = match &exchange.failure {
        // What a function generated in the origin's place takes the object's, too.
        None => *error.esource() == ErrorSource::Upstream && !exchange.fetch.generated,
        Some(failure) => failure.is_origins(),
    };
    if origin_failed {
        let status = match (error.etype(), &exchange.failure) {
            (ErrorType::HTTPStatus(status), _) => *status,
            (_, Some(failure)) => respond::status_of(failure),
            (_, None) => respond::status_of(&respond::origin_failure(&fetch::origin_id(exchange), error)),
        };
        if let Some(failure) = exchange.failure.take() {
            tracing::warn!(request_id = exchange.request_id.as_str(), reason = %failure, "an expired object is served");
        }
        let pause = exchange
            .route
            .as_ref()
            .map_or(limits::ERROR_CACHING_MIN_TTL_S, |route| route.error_caching_min_ttl_s(status));
        let pause = Duration::from_secs(pause);
        node.cache.storage.hold_stale(session.cache.cache_key().combined_bin(), pause);
    }
    origin_failed
}

/// Whether a function on origin response has yet to see what the origin answered.
fn awaits_origin_response(exchange: &Exchange) -> bool {
    let has_one = |route: &Route| route.behavior.associations.origin_response.is_some();
    exchange.route.as_ref().is_some_and(has_one) && !exchange.fetch.origin_response_done && !exchange.fetch.generated
}

/// pingora takes five headers of a 304; a cache takes all of them (RFC 9111 §3.2).
fn refresh(stored: &mut ResponseHeader, not_modified: &HeaderMap) -> Result<()> {
    for (name, values) in validators::changes(&stored.headers.clone(), not_modified) {
        stored.remove_header(&name);
        for value in values {
            stored.append_header(name.clone(), value.clone())?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn header(lines: &[(&'static str, &str)]) -> ResponseHeader {
        let mut header = ResponseHeader::build(200, None).unwrap();
        for &(name, value) in lines {
            header.append_header(name, value).unwrap();
        }
        header
    }

    #[test]
    fn a_304_is_put_into_the_stored_header() {
        let mut stored = header(&[("ETag", "\"1\""), ("X-A", "old"), ("X-A", "older"), ("Age", "9"), ("X-Kept", "1")]);
        let not_modified = header(&[("X-A", "new"), ("X-A", "newer"), ("Date", "today"), ("Content-Length", "0")]);
        refresh(&mut stored, &not_modified.headers).unwrap();
        let lines =
            |name: &str| stored.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(lines("x-a"), ["new", "newer"]);
        assert_eq!((lines("date"), lines("x-kept"), lines("etag")), (vec!["today"], vec!["1"], vec!["\"1\""]));
        assert!(lines("age").is_empty() && lines("content-length").is_empty());
    }
}
