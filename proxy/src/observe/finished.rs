//! What is told of a request when it is over: a line in the access log, a reason in the node's own log.

use super::access_log::{ByteRange, Protocol, Record, ResultType};
use crate::exchange::{Exchange, NO_VIEWER};
use crate::failure::Failure;
use crate::node::Node;
use homefront_config::limits;
use http::header;
use pingora::Error;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use std::time::Instant;

/// Where this module's lines come from in the node's own log.
pub(crate) const TARGET: &str = module_path!();

/// Tells, and ends the exchange.
pub(crate) fn request_finished(node: &Node, session: &Session, error: Option<&Error>, exchange: &mut Exchange) {
    if let Some(failure) = &exchange.failure {
        tell_failure(failure, error, exchange);
    } else if let Some(error) = error {
        tracing::debug!(request_id = exchange.request_id.as_str(), %error, "the exchange broke off");
    }
    let is_own = session.subrequest_ctx.is_some();
    if let Some(log) = node.access_log.as_ref().filter(|_| !is_own && is_logged(exchange)) {
        let record = record(node, session, error, exchange, Instant::now());
        log.writer.line(record.line(log.format));
    }
    if let Some(viewer) = &exchange.viewer {
        viewer.request_ends();
    }
}

fn tell_failure(failure: &Failure, error: Option<&Error>, exchange: &Exchange) {
    let path = exchange.asked.target.path();
    let path = &path[..path.floor_char_boundary(limits::URL_BYTES_MAX)];
    let request_id = exchange.request_id.as_str();
    let cause = error.map(ToString::to_string);
    match failure {
        Failure::ViewerLeft => tracing::debug!(request_id, path, cause, "the viewer left"),
        Failure::Internal(_) => tracing::error!(request_id, path, cause, reason = %failure, "request failed"),
        Failure::EdgeCode(_) | Failure::OriginDns { .. } | Failure::OriginConnect { .. } => {
            tracing::warn!(request_id, path, reason = %failure, "request failed");
        }
        Failure::OriginTimeout { .. } | Failure::OriginBroken { .. } | Failure::OriginHeadTooLarge { .. } => {
            tracing::warn!(request_id, path, reason = %failure, "request failed");
        }
        _ => tracing::info!(request_id, path, reason = %failure, "request refused"),
    }
}

/// Developer Guide, standard logs: a URL that is too long is not logged, nor is a head of more than 20 KB.
fn is_logged(exchange: &Exchange) -> bool {
    !matches!(exchange.failure, Some(Failure::UrlTooLong { .. }))
        && exchange.asked.said.head_bytes <= limits::LOGGED_HEAD_BYTES_MAX
}

fn record<'a>(
    node: &'a Node,
    session: &'a Session,
    error: Option<&Error>,
    exchange: &'a Exchange,
    now: Instant,
) -> Record<'a> {
    let response = session.response_written().filter(|head| !head.status.is_informational());
    let said = &exchange.asked.said;
    let viewer = exchange.viewer.as_deref();
    let tls = viewer.and_then(|viewer| viewer.tls.as_ref());
    let address = viewer.map_or(NO_VIEWER, |viewer| viewer.address);
    let sent = |name: header::HeaderName| response.and_then(|head| head.headers.get(name));
    let left = error.is_some() && exchange.failure.is_none();
    Record {
        finished: node.clock.now(),
        edge_location: node.name.pop(),
        sc_bytes: response.map_or(0, head_bytes) + session.body_bytes_sent() as u64,
        viewer_ip: address.ip(),
        viewer_port: address.port(),
        method: exchange.asked.method.as_str(),
        distribution_domain_name: exchange.route.as_ref().map_or("-", |route| &route.distribution.domain_name),
        host: Some(exchange.asked.host.as_bytes()),
        path: exchange.asked.target.path().as_bytes(),
        query: exchange.asked.target.query().map(str::as_bytes),
        status: response.map(|head| head.status.as_u16()),
        referer: said.referer.as_ref().map(header::HeaderValue::as_bytes),
        user_agent: said.user_agent.as_ref().map(header::HeaderValue::as_bytes),
        cookie: None,
        result_type: if left { ResultType::Error } else { exchange.outcome.response_result },
        response_result_type: exchange.outcome.response_result,
        detail: exchange.outcome.detail,
        request_id: exchange.request_id.as_str(),
        protocol: if tls.is_some() { Protocol::Https } else { Protocol::Http },
        version: exchange.asked.version,
        cs_bytes: (said.head_bytes + session.body_bytes_read()) as u64,
        time_taken: now - exchange.started,
        time_to_first_byte: exchange.outcome.first_byte,
        forwarded_for: said.forwarded_for.as_ref().map(header::HeaderValue::as_bytes),
        tls_protocol: tls.map(|tls| tls.protocol),
        tls_cipher: tls.map(|tls| tls.cipher.as_str()),
        content_type: sent(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes),
        content_length: sent(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok()),
        range: sent(header::CONTENT_RANGE).and_then(byte_range),
        viewer_request_log_data: exchange.log_data.viewer_request.as_deref(),
        viewer_response_log_data: exchange.log_data.viewer_response.as_deref(),
    }
}

/// As on an HTTP/1.1 wire.
fn head_bytes(head: &ResponseHeader) -> u64 {
    let reason = head.get_reason_phrase().map_or(0, str::len);
    let lines = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    ("HTTP/1.1 200 \r\n\r\n".len() + reason + lines.sum::<usize>()) as u64
}

/// `bytes 0-99/1000`
fn byte_range(value: &header::HeaderValue) -> Option<ByteRange> {
    let (range, _length) = value.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    Some(ByteRange { start: start.parse().ok()?, end: end.parse().ok()? })
}
