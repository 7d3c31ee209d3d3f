//! From the viewer's request to the question the cache is asked: admit, route, guard, viewer request, split.

use crate::admit::{self, BodyPresence};
use crate::exchange::{Exchange, Route, Said, members};
use crate::failure::Failure;
use crate::fetch;
use crate::forward;
use crate::guard::{QueryEdit, Verified};
use crate::head;
use crate::hooks;
use crate::node::Node;
use crate::respond::{self, Answer};
use crate::route;
use crate::split;
use homefront_config::association::ViewerCode;
use homefront_config::behavior::{Behavior, ViewerProtocolPolicy};
use homefront_config::limits;
use http::{HeaderValue, Method, Version, header};
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use std::sync::Arc;

/// Whether `Connection` says so in any of its lines; pingora reads the first.
fn asks_to_close(request: &RequestHeader) -> bool {
    let lines = request.headers.get_all(header::CONNECTION).iter();
    let mut tokens = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// Before anything is judged: bounds on the connection, and who is on it.
pub(crate) fn begin(session: &mut Session, exchange: &mut Exchange) {
    // pingora keeps idle connections for ever unless each request says otherwise. One that is to close stays so.
    if session.get_keepalive().is_some() {
        let keepalive = Some(limits::VIEWER_KEEPALIVE_TIMEOUT_S).filter(|_| !asks_to_close(session.req_header()));
        session.set_keepalive(keepalive);
    }
    // The next request may be in the buffer already; it is answered after this one.
    session.set_pipelining_enabled(true);
    session.set_write_timeout(Some(limits::VIEWER_WRITE_TIMEOUT));
    // An origin's early hints go no further: over HTTP/2 they cannot, HTTP/1.0 has no such thing, and nobody has looked at them.
    session.set_ignore_info_resp(true);
    if !waits_for_continue(session.req_header()) {
        hears_out(session);
    }
    if session.subrequest_ctx.is_some() {
        return;
    }
    exchange.viewer = respond::viewer(session);
    if let Some(viewer) = &exchange.viewer {
        viewer.request_begins();
    }
    let head = session.req_header();
    exchange.asked.method = head.method.clone();
    exchange.asked.target = head.uri.clone();
    exchange.asked.version = head.version;
    exchange.asked.said = Said::of(head);
}

/// Every step until the cache. `Some` = the request is answered here.
pub(crate) async fn steps(
    node: &Node,
    session: &mut Session,
    exchange: &mut Exchange,
) -> Result<Option<Answer>, Failure> {
    let body = if session.as_downstream_mut().is_body_empty() { BodyPresence::None } else { BodyPresence::Some };
    let request = session.req_header_mut();
    exchange.asked.host = admit::check(request, body)?;
    for name in forward::nominated(&request.headers) {
        request.remove_header(&name);
    }
    request.remove_header(&header::CONNECTION);
    if let Some(redirect) = route(node, request, exchange)? {
        return Ok(Some(redirect));
    }
    guard(node, request, exchange).await?;
    if let Some(answer) = hooks::lambda_viewer_request(node, session, exchange).await? {
        return Ok(Some(answer));
    }
    let request = session.req_header_mut();
    tell_of_viewer(node, request, exchange)?;
    if let Some(answer) = hooks::viewer_request(node, exchange, request).await? {
        return Ok(Some(answer));
    }
    split(request, exchange)?;
    if body == BodyPresence::Some {
        ask_for_body(session).await;
    }
    Ok(None)
}

/// Tells a viewer that waits for it to go on: the origin is never asked. One that has left is noticed when its body is read.
pub(crate) async fn ask_for_body(session: &mut Session) {
    if waits_for_continue(session.req_header()) {
        hears_out(session);
        let _ = session.as_downstream_mut().write_continue_response().await;
        // It is said once.
        session.req_header_mut().remove_header(&header::EXPECT);
    }
}

/// A viewer that is answered before all of its body has come reads the answer after it has sent the rest: were the connection closed,
/// the system would throw the answer away. One that asks first, and was not told to go on, may send none.
fn hears_out(session: &mut Session) {
    let downstream = session.as_downstream_mut();
    downstream.set_close_on_response_before_downstream_finish(false);
    downstream.set_total_drain_timeout(Some(limits::VIEWER_DRAIN_TIMEOUT));
}

fn waits_for_continue(request: &RequestHeader) -> bool {
    let expects = request.headers.get(header::EXPECT);
    request.version != Version::HTTP_10
        && expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// The distribution, the default root object, the behavior, and whether it takes this method over this protocol.
fn route(node: &Node, request: &mut RequestHeader, exchange: &mut Exchange) -> Result<Option<Answer>, Failure> {
    let Some(distribution) = node.routes.distribution(&exchange.asked.host) else {
        return Err(Failure::BadRequest("no distribution has this host"));
    };
    if let Some(root) = &distribution.config.default_root_object
        && request.uri.path() == "/"
    {
        request.set_uri(head::target(format!("/{root}").as_bytes(), request.uri.query().map(str::as_bytes))?);
    }
    let behavior = route::behavior(&distribution.config, request.uri.path()).clone();
    let (origin, failover) = members(distribution, behavior.target_origin);
    let verifier = match &behavior.authorize {
        None => None,
        // Without its verifier a guarded behavior must not be served at all.
        Some(jwt) => Some(
            node.verifiers
                .named(&jwt.name)
                .cloned()
                .ok_or_else(|| Failure::Internal(format!("no verifier was made for jwt \"{}\"", jwt.name)))?,
        ),
    };
    // From here on the behavior's response headers policy is that of every answer.
    let route = Route { distribution: distribution.clone(), verifier, behavior: behavior.clone(), origin, failover };
    exchange.route = Some(route);
    let redirect = protocol(&behavior, request, exchange)?;
    if redirect.is_none() && !behavior.allowed_methods.contains(request.method.as_str()) {
        return Err(Failure::MethodNotAllowed(request.method.to_string()));
    }
    Ok(redirect)
}

/// Developer Guide, requiring HTTPS between viewers and CloudFront: 301 for reads, 307 for the others, 403 for HTTP/1.0.
fn protocol(behavior: &Arc<Behavior>, request: &RequestHeader, exchange: &Exchange) -> Result<Option<Answer>, Failure> {
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    match behavior.viewer_protocol_policy {
        _ if exchange.viewer_tls() => Ok(None),
        ViewerProtocolPolicy::AllowAll => Ok(None),
        ViewerProtocolPolicy::HttpsOnly => Err(Failure::HttpsRequired),
        ViewerProtocolPolicy::RedirectToHttps if !is_read && request.version == Version::HTTP_10 => {
            Err(Failure::HttpsRequired)
        }
        ViewerProtocolPolicy::RedirectToHttps => {
            let target = exchange.asked.target.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
            Ok(Some(respond::redirect_to_https(&exchange.asked.host, target, &request.method)))
        }
    }
}

/// CloudFront's own headers that the behavior's policies name; a viewer's copies are forged.
pub(crate) fn tell_of_viewer(node: &Node, request: &mut RequestHeader, exchange: &mut Exchange) -> Result<(), Failure> {
    let behavior = &exchange.route()?.behavior;
    let (policy, extra) = (&behavior.cache_policy, behavior.origin_request_policy.as_deref());
    let told = {
        let facts = fetch::viewer_facts(node, exchange, request);
        forward::cloudfront_headers(&request.headers, &facts, policy, extra)
    };
    if let Some(ViewerCode::Lambda(_)) = behavior.associations.viewer_response {
        let sent = head::neutral_request(request, "").headers;
        let own = sent.iter().filter(|(name, _)| forward::is_cloudfront_header(name));
        exchange.viewers_own = own.collect();
    }
    let forged: Vec<_> =
        request.headers.keys().filter(|name| forward::is_cloudfront_header(name.as_str())).cloned().collect();
    for name in &forged {
        request.remove_header(name);
    }
    for (name, value) in told {
        request.insert_header(name, value).map_err(|error| Failure::Internal(error.to_string()))?;
    }
    Ok(())
}

/// The native JWT check. Headers that carry claims are the node's alone.
async fn guard(node: &Node, request: &mut RequestHeader, exchange: &Exchange) -> Result<(), Failure> {
    let Some(verifier) = &exchange.route()?.verifier else { return Ok(()) };
    let judged = verifier.authorize(&request.headers, request.uri.query(), node.clock.now()).await;
    let Verified { headers_to_remove, headers_to_set, query } = judged.map_err(Failure::Unauthorized)?;
    for name in headers_to_remove {
        request.remove_header(&name);
    }
    for (name, value) in headers_to_set {
        request.insert_header(name, value).map_err(|error| Failure::Internal(error.to_string()))?;
    }
    let query = match query {
        QueryEdit::Keep => return Ok(()),
        QueryEdit::Remove => None,
        QueryEdit::Replace(query) => Some(query),
    };
    let target = head::target(request.uri.path().as_bytes(), query.as_deref().map(str::as_bytes))?;
    request.set_uri(target);
    Ok(())
}

/// The native A/B split: the variant's headers, URI prefix and origin; its cookie on the answer.
fn split(request: &mut RequestHeader, exchange: &mut Exchange) -> Result<(), Failure> {
    let Some(Route { behavior, .. }) = exchange.route.clone() else { return Ok(()) };
    let Some(split) = &behavior.split else { return Ok(()) };
    let assigned = split::assign(&split.experiment, &request.headers, rand::random());
    for name in assigned.headers_to_remove() {
        request.remove_header(name);
    }
    for (name, value) in assigned.headers() {
        let value = HeaderValue::from_str(value).map_err(|error| Failure::Internal(error.to_string()))?;
        request.insert_header(name.to_owned(), value).map_err(|error| Failure::Internal(error.to_string()))?;
    }
    if let Some(prefix) = &assigned.variant().uri_prefix {
        head::prefix_path(request, prefix)?;
    }
    if let Some(cookie) = &assigned.set_cookie {
        exchange.set_cookies.push(HeaderValue::from_str(cookie).map_err(|error| Failure::Internal(error.to_string()))?);
    }
    if let (Some(route), Some(origin)) = (&mut exchange.route, split.origins[assigned.index]) {
        route.send_to(origin);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::time::Instant;
    use tokio::io::AsyncWriteExt;

    /// What becomes of pingora's keep-alive when a request begins; 0 seconds are for ever.
    async fn keepalive_s(before: Option<u64>) -> Option<u64> {
        let (mut viewer, node) = tokio::io::duplex(1024);
        viewer.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
        let mut session = Session::new_h1(Box::new(node));
        assert!(session.read_request().await.unwrap());
        session.set_keepalive(before);
        begin(&mut session, &mut Exchange::new(Instant::now()));
        session.get_keepalive()
    }

    #[tokio::test]
    async fn no_connection_is_kept_for_ever_and_one_that_is_to_close_is_not_kept() {
        assert_eq!(keepalive_s(Some(0)).await, Some(limits::VIEWER_KEEPALIVE_TIMEOUT_S));
        assert_eq!(keepalive_s(None).await, None);
    }
}
