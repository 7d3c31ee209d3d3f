//! A response on its way to the viewer, from the cache or from the origin: ranges, the error page, the response headers policy,
//! the viewer-response function, and the headers every response ends with.

use crate::body_swap;
use crate::cache::{range, store, vary};
use crate::error_page;
use crate::exchange::{Exchange, Route, Withheld};
use crate::finish;
use crate::forward;
use crate::hooks;
use crate::include_body;
use crate::node::Node;
use crate::observe::access_log::{Detail, ResultType};
use crate::respond;
use crate::response_headers::server_timing::Source;
use bytes::Bytes;
use http::{Method, StatusCode, Version, header};
use pingora::cache::CachePhase;
use pingora::http::ResponseHeader;
use pingora::protocols::http::conditional_filter;
use pingora::proxy::{MultiRangeInfo, RangeType, Session};
use pingora::{Error, ErrorType, Result};
use std::ops::Range;
use std::time::Instant;

/// As the other headers are written over HTTP/1.1: pingora writes a `HeaderName` that it has no spelling of in lower case.
const CONTENT_RANGE: &str = "Content-Range";

/// No byte of an object that is not what the viewer gets: it may be long, or still be on its way.
const NOTHING: RangeType = RangeType::Single(0..0);

/// Whether the answer is a 304 and no more, because the viewer has the stored object already. A viewer-response function, or the page when
/// it fails, may put a response with a body in its place, which pingora would not send: then [`response`] makes the 304.
pub(crate) fn ends_with_its_head(session: &Session, stored: &ResponseHeader, exchange: &mut Exchange) -> bool {
    let has_it = conditional_filter::not_modified_filter(session.req_header(), stored);
    let is_shown = |route: &Route| route.behavior.associations.viewer_response.is_some();
    let is_shown = has_it && from_cache(session) && exchange.route.as_ref().is_some_and(is_shown);
    exchange.withheld = is_shown.then_some(Withheld::ViewerHasIt);
    has_it && !is_shown
}

/// Which part of a stored object a viewer gets. Ranges are read here: pingora misreads some (`bytes=-0`, ranges of empty
/// objects, suffixes that overflow).
pub(crate) fn range(session: &Session, exchange: &mut Exchange, response: &mut ResponseHeader) -> RangeType {
    if exchange.withheld.is_some() {
        return NOTHING;
    }
    let request = session.req_header();
    let length = response.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    // The whole was asked for. An origin that does not tell of ranges would have answered one with the whole, and so does CloudFront:
    // Developer Guide, "How CloudFront processes partial requests for an object (range GETs)".
    let has_parts =
        from_cache(session) || response.headers.get(header::ACCEPT_RANGES).is_some_and(|unit| unit == "bytes");
    let Some(length) = length.filter(|_| is_read && has_parts && response.status == StatusCode::OK) else {
        return RangeType::None;
    };
    let chosen = match range::decide(&request.headers, &response.headers, length) {
        range::Serve::Whole => return RangeType::None,
        range::Serve::Unsatisfiable if error_page::is_due(session, exchange, StatusCode::RANGE_NOT_SATISFIABLE) => {
            // pingora would end the response with its head; the page takes the place of the body instead.
            exchange.withheld = Some(Withheld::OutOfReach);
            unsatisfiable(response, length).map(|_invalid| NOTHING)
        }
        range::Serve::Unsatisfiable => unsatisfiable(response, length),
        range::Serve::Single(range) => single(response, &range, length),
        range::Serve::Multi(ranges) => multiple(response, ranges, length),
    };
    chosen.unwrap_or(RangeType::None)
}

fn unsatisfiable(response: &mut ResponseHeader, length: u64) -> Result<RangeType> {
    response.set_status(StatusCode::RANGE_NOT_SATISFIABLE)?;
    response.insert_header(CONTENT_RANGE, format!("bytes */{length}"))?;
    response.set_content_length(0)?;
    Ok(RangeType::Invalid)
}

fn single(response: &mut ResponseHeader, range: &Range<u64>, length: u64) -> Result<RangeType> {
    response.set_status(StatusCode::PARTIAL_CONTENT)?;
    response.insert_header(CONTENT_RANGE, format!("bytes {}-{}/{length}", range.start, range.end - 1))?;
    response.set_content_length((range.end - range.start) as usize)?;
    Ok(RangeType::Single(range.start as usize..range.end as usize))
}

fn multiple(response: &mut ResponseHeader, ranges: Vec<Range<u64>>, length: u64) -> Result<RangeType> {
    let mut parts = MultiRangeInfo::new(ranges.into_iter().map(|r| r.start as usize..r.end as usize).collect());
    parts.set_total_length(length as usize);
    let content_type = response.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    parts.set_content_type(content_type.unwrap_or("application/octet-stream").to_owned());
    response.set_status(StatusCode::PARTIAL_CONTENT)?;
    response.set_content_length(parts.calculate_multipart_length())?;
    let boundary = format!("multipart/byteranges; boundary={}", parts.boundary);
    response.insert_header(header::CONTENT_TYPE, boundary)?;
    Ok(RangeType::Multi(parts))
}

/// The head of a response, just before it goes out.
pub(crate) async fn response(
    node: &Node,
    session: &mut Session,
    response: &mut ResponseHeader,
    exchange: &mut Exchange,
) -> Result<()> {
    if response.status.is_informational() {
        return Ok(());
    }
    store::superseded(session, exchange)?;
    include_body::let_go(exchange);
    let viewer_has_it = exchange.withheld == Some(Withheld::ViewerHasIt);
    if viewer_has_it {
        conditional_filter::to_304(response);
    }
    let result = result_type(session, exchange, response.status);
    exchange.origin_failed = hooks::take_origin_failed(response);
    polish(session, exchange, response)?;
    if session.subrequest_ctx.is_some() {
        // For a page, or for the cache: the rest is for viewers.
        exchange.first_byte(result, Instant::now());
        return Ok(());
    }
    let page = error_page::put(session, exchange, response).await?;
    let page = page.or_else(|| (exchange.withheld == Some(Withheld::OutOfReach)).then(Bytes::new));
    exchange.first_byte(result, Instant::now());
    respond::follow_policy(&node.name, session.req_header(), exchange, source(session, exchange), response)?;
    let replaced = match page {
        Some(page) => Some(page),
        None => viewer_response(node, session, exchange, response).await?,
    };
    if let (Some(viewer), Some(date)) = (&exchange.viewer, response.headers.get(header::DATE)) {
        viewer.keep_date(date.as_bytes());
    }
    for cookie in exchange.set_cookies.drain(..) {
        response.append_header(header::SET_COOKIE, cookie)?;
    }
    respond::sign(response, exchange.outcome.response_result, &exchange.request_id, &node.name)?;
    // A 304 has none, whatever is given; and where it is one no more, the object is not what follows.
    let replaced = match response.status {
        StatusCode::NOT_MODIFIED if viewer_has_it => Some(Bytes::new()),
        _ => replaced.or_else(|| viewer_has_it.then(Bytes::new)),
    };
    if let Some(body) = replaced {
        return swap_body(session, exchange, response, body);
    }
    if session.req_header().method == Method::HEAD {
        // The origin was asked for the whole; where nothing is stored, pingora would pass it on over HTTP/2.
        body_swap::replace_body(session, Bytes::new());
    }
    Ok(())
}

/// The viewer-response function; where it fails, a page. Gives the body that takes the place of the response's.
async fn viewer_response(
    node: &Node,
    session: &mut Session,
    exchange: &mut Exchange,
    response: &mut ResponseHeader,
) -> Result<Option<Bytes>> {
    let failure = match hooks::viewer_response(node, exchange, session.req_header(), response).await {
        Ok(replaced) => return Ok(replaced),
        Err(failure) => failure,
    };
    let own = respond::replace_with_page(response, exchange, &failure)?;
    exchange.failure = Some(failure);
    let page = error_page::put(session, exchange, response).await?;
    respond::follow_policy(&node.name, session.req_header(), exchange, Source::Node, response)?;
    Ok(Some(page.unwrap_or(own)))
}

/// How CloudFront calls what happened.
fn result_type(session: &Session, exchange: &mut Exchange, status: StatusCode) -> ResultType {
    if exchange.fetch.generated && session.cache.phase() != CachePhase::Hit {
        exchange.outcome.detail = Some(Detail::MissGeneratedResponse);
        return ResultType::LambdaGeneratedResponse;
    }
    if status.is_client_error() || status.is_server_error() {
        return ResultType::Error;
    }
    match session.cache.phase() {
        CachePhase::Hit | CachePhase::Stale | CachePhase::StaleUpdating => ResultType::Hit,
        CachePhase::Revalidated | CachePhase::RevalidatedNoCache(_) => ResultType::RefreshHit,
        _ => ResultType::Miss,
    }
}

/// Where the response comes from.
fn source(session: &Session, exchange: &Exchange) -> Source {
    match session.cache.phase() {
        CachePhase::Hit | CachePhase::Stale | CachePhase::StaleUpdating => Source::Hit,
        CachePhase::Revalidated | CachePhase::RevalidatedNoCache(_) => Source::Refresh(exchange.fetch.upstream),
        _ => Source::Miss(exchange.fetch.upstream),
    }
}

/// CloudFront's changes to every response: connection headers, Vary.
fn polish(session: &mut Session, exchange: &Exchange, response: &mut ResponseHeader) -> Result<()> {
    for name in &respond::HOP_BY_HOP {
        response.remove_header(name);
    }
    // Of this message, not of the one it came from (RFC 9110 §2.5).
    response.set_version(Version::HTTP_11);
    if let Some(route) = &exchange.route {
        let (policy, extra) = (&route.behavior.cache_policy, route.behavior.origin_request_policy.as_deref());
        match vary::to_viewer(&response.headers, |name| forward::may_vary(policy, extra, name)) {
            Some(vary) => response.insert_header("Vary", vary)?,
            None => drop(response.remove_header(&header::VARY)),
        }
    }
    if session.req_header().version == Version::HTTP_10 && response.headers.contains_key(header::TRANSFER_ENCODING) {
        // Chunks are unknown there (RFC 9112 §6.1): the end of the connection is the end of the body.
        response.remove_header(&header::TRANSFER_ENCODING);
        session.set_keepalive(None);
    }
    Ok(())
}

/// Another body than the one that follows. Where none follows, the response is written by `finish` instead.
fn swap_body(session: &mut Session, exchange: &mut Exchange, response: &mut ResponseHeader, body: Bytes) -> Result<()> {
    let had_none = !from_cache(session) && exchange.fetch.no_body;
    if let Err(failure) = hooks::set_length(response, body.len()) {
        return Err(finish::fail(exchange, failure));
    }
    let is_head = session.req_header().method == Method::HEAD;
    if had_none && !is_head {
        exchange.late_answer = Some((Box::new(response.clone()), body));
        return Err(Error::explain(ErrorType::Custom("ReplacedBody"), "a body where the origin sent none"));
    }
    body_swap::replace_body(session, if is_head { Bytes::new() } else { body });
    Ok(())
}

fn from_cache(session: &Session) -> bool {
    matches!(
        session.cache.phase(),
        CachePhase::Hit | CachePhase::Stale | CachePhase::StaleUpdating | CachePhase::Revalidated
    )
}
