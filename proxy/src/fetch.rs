//! The way to the origin: what it is asked, over which connection, how often it is tried.

use crate::cache::store;
use crate::exchange::{Exchange, Fetch, NO_VIEWER, Route, Turned};
use crate::failure::Failure;
use crate::forward::{self, OriginHost, Scheme, TlsHandshake, ViewerFacts, ViewerTls};
use crate::head;
use crate::hooks;
use crate::include_body;
use crate::node::Node;
use crate::origin::failover::{self, Cause};
use crate::origin::{Chosen, Reach, local, peer::Server};
use crate::respond;
use crate::response_headers::server_timing::Upstream;
use homefront_config::limits;
use http::{HeaderValue, Method, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType};
use std::net::SocketAddr;
use std::time::Instant;

/// Chooses where the next attempt goes, after the origin-request function has seen what is about to be sent. Where the name
/// of a group's first member has no address, that is the second.
pub(crate) async fn prepare(node: &Node, session: &mut Session, exchange: &mut Exchange) -> Result<HttpPeer, Failure> {
    include_body::give_back(session, exchange);
    exchange.fetch.turned = Turned::No;
    let peer = match prepare_one(node, session, exchange, Instant::now()).await {
        Err(failure) if fail_over(session, exchange, Cause::Failure(&failure)) => {
            prepare_one(node, session, exchange, Instant::now()).await
        }
        prepared => prepared,
    }?;
    include_body::prepare(session, exchange).await?;
    Ok(peer)
}

async fn prepare_one(
    node: &Node,
    session: &mut Session,
    exchange: &mut Exchange,
    now: Instant,
) -> Result<HttpPeer, Failure> {
    if let Some(answer) = exchange.fetch.answer.take() {
        return Ok(local::peer(answer));
    }
    exchange.fetch.began.get_or_insert(now);
    if exchange.fetch.head.is_none() {
        let mut head = origin_head(node, session.req_header(), exchange)?;
        let caching = caching(session, exchange);
        if caching != Caching::Off {
            ask_for_all(&mut head);
        }
        if caching == Caching::Conditional {
            ask_whether_still_good(&mut head, session)?;
        }
        exchange.fetch.head = Some(head);
        if exchange.route()?.behavior.associations.touches_origin() {
            resolve(node, exchange).await?;
            hooks::origin::request(node, session, exchange).await?;
            complete(exchange)?;
        }
        if let Some(answer) = exchange.fetch.answer.take() {
            return Ok(local::peer(answer));
        }
    }
    exchange.end_step(Instant::now());
    let route = exchange.route()?;
    let peer = match &route.origin().reach {
        Reach::Local(origin) => local::peer(origin.clone()),
        Reach::Server(server) => connect(node, route, server, exchange).await?,
    };
    exchange.fetch.upstream = Upstream { dns: exchange.end_step(Instant::now()), ..Upstream::default() };
    Ok(peer)
}

/// The connection is there.
pub(crate) fn connected(exchange: &mut Exchange, now: Instant) {
    exchange.fetch.upstream.connect = exchange.end_step(now);
}

/// Developer Guide, "Restrictions on Lambda@Edge": where the configured origin's name has no address, the function is not called.
async fn resolve(node: &Node, exchange: &Exchange) -> Result<(), Failure> {
    let route = exchange.route()?;
    let (Chosen::Configured(_), Reach::Server(server)) = (&route.origin, &route.origin().reach) else { return Ok(()) };
    let tls = server.speaks_tls(exchange.viewer_tls());
    address(node, route, server, tls, exchange.fetch.attempts).await.map(drop)
}

async fn address(
    node: &Node,
    route: &Route,
    server: &Server,
    tls: bool,
    attempt: usize,
) -> Result<SocketAddr, Failure> {
    let address = server.address(&node.resolver, &route.distribution, tls, attempt).await;
    address.map_err(|reason| {
        let origin = route.origin().config.id.clone();
        Failure::OriginDns { origin, reason: format!("{}: {reason}", server.host()) }
    })
}

/// Adds what functions see in the origin's block and not in the request: its path and its custom headers; and the origin's name
/// where a function left no `Host`.
fn complete(exchange: &mut Exchange) -> Result<(), Failure> {
    let Some(mut head) = exchange.fetch.head.take() else { return Ok(()) };
    let route = exchange.route()?;
    if !head.headers.contains_key(header::HOST) {
        let (OriginHost::Own(host) | OriginHost::Chosen(host)) = route.origin().host();
        head.insert_header("Host", host).map_err(|error| Failure::Internal(error.to_string()))?;
    }
    if route.behavior.associations.origin_response.is_some() {
        exchange.fetch.shown = Some(Box::new(head::neutral_request(&head, "")));
    }
    let config = exchange.route()?.origin().config.clone();
    if !config.path.is_empty() {
        head::prefix_path(&mut head, &config.path)?;
    }
    for (name, value) in &config.custom_headers {
        head.remove_header(name.as_str());
        let added = HeaderValue::from_str(value).map(|value| head.append_header(name.clone(), value));
        added
            .map_err(|error| Failure::Internal(error.to_string()))?
            .map_err(|error| Failure::Internal(error.to_string()))?;
    }
    exchange.fetch.head = Some(head);
    Ok(())
}

async fn connect(node: &Node, route: &Route, server: &Server, exchange: &Exchange) -> Result<HttpPeer, Failure> {
    let (distribution, tls) = (&route.distribution, server.speaks_tls(exchange.viewer_tls()));
    let address = address(node, route, server, tls, exchange.fetch.attempts).await?;
    let mut peer = match &route.origin {
        Chosen::Configured(_) => server.peer(address, tls),
        Chosen::Rewritten(_) => server.made_peer(distribution, address, tls).await.ok_or_else(|| {
            let reason = format!("{}: TLS cannot ask for this name", server.host());
            Failure::OriginConnect { origin: route.origin().config.id.clone(), reason }
        })?,
    };
    if let Some(budget) = server.config().response_completion_timeout {
        peer.options.read_timeout = Some(server.config().read_timeout.min(budget));
    }
    Ok(peer)
}

/// What the origin is asked, by the behavior's policies.
fn origin_head(node: &Node, request: &RequestHeader, exchange: &Exchange) -> Result<RequestHeader, Failure> {
    let route = exchange.route()?;
    let origin = route.origin();
    let (policy, extra) = (&route.behavior.cache_policy, route.behavior.origin_request_policy.as_deref());
    let facts = viewer_facts(node, exchange, request);
    // Functions see the origin's path and custom headers apart from the request; `complete` adds them.
    let apart = route.behavior.associations.touches_origin();
    let path = format!("{}{}", if apart { "" } else { &origin.config.path }, request.uri.path());
    let asked = forward::OriginRequest {
        viewer: &request.headers,
        facts: &facts,
        cache_policy: policy,
        origin_request_policy: extra,
        origin_host: origin.host(),
        custom_headers: &origin.config.custom_headers,
    };
    let mut sent = head::forwarded(&path, request.uri.query(), &asked)?;
    if apart {
        origin.config.custom_headers.iter().for_each(|(name, _)| drop(sent.remove_header(name.as_str())));
    }
    Ok(sent)
}

/// What policies may tell the origin of the viewer.
pub(crate) fn viewer_facts<'a>(node: &'a Node, exchange: &'a Exchange, request: &'a RequestHeader) -> ViewerFacts<'a> {
    let viewer = exchange.viewer.as_deref();
    let tls = viewer.and_then(|viewer| viewer.tls.as_ref());
    let caches_options =
        exchange.route.as_ref().is_some_and(|route| route.behavior.cached_methods.contains(Method::OPTIONS.as_str()));
    ViewerFacts {
        method: &request.method,
        version: request.version,
        address: viewer.map_or(NO_VIEWER, |viewer| viewer.address),
        scheme: if tls.is_some() { Scheme::Https } else { Scheme::Http },
        tls: tls.map(|tls| ViewerTls { protocol: tls.protocol, cipher: &tls.cipher, handshake: TlsHandshake::Full }),
        caches_options,
        websocket: false,
        request_id: exchange.request_id.as_str(),
        via_host: node.name.via_host(),
    }
}

/// Puts the prepared head in the place of the one pingora made of the viewer's. Of pingora's it keeps the framing, and,
/// where the cache asks, the method and the validators.
pub(crate) fn write_head(upstream: &mut RequestHeader, exchange: &Exchange, caching: Caching) -> pingora::Result<()> {
    let Some(prepared) = &exchange.fetch.head else {
        return Err(Error::explain(ErrorType::InternalError, "no origin request was prepared"));
    };
    let mut sent = prepared.clone();
    if caching != Caching::Off {
        ask_for_all(&mut sent);
    }
    let validators = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];
    let kept: &[_] = if caching == Caching::Conditional { &validators } else { &[] };
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].iter().chain(kept) {
        sent.remove_header(name);
        if let Some(value) = upstream.headers.get(name) {
            sent.insert_header(name.clone(), value.clone())?;
        }
    }
    if let Some(body) = &exchange.fetch.body {
        include_body::frame(&mut sent, body.len())?;
    }
    *upstream = sent;
    Ok(())
}

/// An object that many will get must not depend on what the first of them asked for: the whole of it is asked for, with GET
/// and without conditions. So functions see it, too.
pub(crate) fn ask_for_all(head: &mut RequestHeader) {
    if head.method == Method::HEAD {
        head.set_method(Method::GET);
    }
    for name in [
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_MATCH,
        header::IF_UNMODIFIED_SINCE,
        header::IF_RANGE,
        header::RANGE,
    ] {
        head.remove_header(&name);
    }
}

/// The validators of an expired object, as pingora will send them: functions are shown them before.
fn ask_whether_still_good(head: &mut RequestHeader, session: &Session) -> Result<(), Failure> {
    let Some(stored) = session.cache.maybe_cache_meta() else { return Ok(()) };
    let conditions = [(header::LAST_MODIFIED, header::IF_MODIFIED_SINCE), (header::ETAG, header::IF_NONE_MATCH)];
    for (validator, condition) in conditions {
        if let Some(value) = stored.headers().get(validator) {
            head.insert_header(condition, value).map_err(|error| Failure::Internal(error.to_string()))?;
        }
    }
    Ok(())
}

/// How the cache takes part in the fetch of a request.
pub(crate) fn caching(session: &Session, exchange: &Exchange) -> Caching {
    match &exchange.route {
        _ if !session.cache.enabled() => Caching::Off,
        Some(route) if store::forwards_cookies(&route.behavior) => Caching::Unconditional,
        _ => Caching::Conditional,
    }
}

/// How the cache takes part in a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// The viewer's conditions and ranges are the origin's business.
    Off,
    /// The whole object is asked for, without conditions: cookies are forwarded.
    Unconditional,
    /// The whole object, or word that the stored one is still good.
    Conditional,
}

/// Whether a failed attempt may be made again, and counts it.
pub(crate) fn retry_connect(exchange: &mut Exchange) -> Retry {
    exchange.fetch.attempts += 1;
    match attempts_max(exchange) {
        Some(max) if exchange.fetch.attempts < max => Retry::Again,
        _ => Retry::GiveUp,
    }
}

/// After a connection was there: only reads are asked again, and only when the origin was silent or hung up.
pub(crate) fn retry_read(exchange: &mut Exchange, method: &Method, error: &Error) -> Retry {
    let silent = matches!(
        error.etype(),
        ErrorType::ReadTimedout | ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError
    );
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if silent && is_read && *error.esource() == pingora::ErrorSource::Upstream {
        retry_connect(exchange)
    } else {
        Retry::GiveUp
    }
}

/// Turns to the second member of an origin group, if there is one and this is a failure to it. The request goes there anew:
/// with that origin's settings and attempts, and past the origin-request function once more.
pub(crate) fn fail_over(session: &Session, exchange: &mut Exchange, cause: Cause<'_>) -> bool {
    let due = may_fail_over(session, exchange, cause);
    if due {
        turn_to_secondary(exchange, cause);
    }
    due
}

/// The turn itself.
pub(crate) fn turn_to_secondary(exchange: &mut Exchange, cause: Cause<'_>) {
    let failed = origin_id(exchange);
    let Some(route) = &mut exchange.route else { return };
    let Some(failover) = route.failover.take() else { return };
    route.origin = failover.secondary;
    exchange.fetch = Fetch { turned: Turned::ToSecondary, ..Fetch::default() };
    let next = origin_id(exchange);
    tracing::warn!(request_id = exchange.request_id.as_str(), %failed, %cause, asked_instead = %next, "origin failover");
}

/// Whether what the first member did is a failure at which the second is asked.
pub(crate) fn may_fail_over(session: &Session, exchange: &Exchange, cause: Cause<'_>) -> bool {
    let Some(route) = &exchange.route else { return false };
    let Some(failover) = &route.failover else { return false };
    // Answers that the node or a function made stand where the origin's would; their statuses are not the origin's.
    let made_here = exchange.fetch.generated || exchange.fetch.origin_response_done;
    if made_here && matches!(cause, Cause::Status(_)) {
        return false;
    }
    let method = &session.req_header().method;
    // A body that the first member has taken is there for the second only if it was small enough to be kept.
    failover::is_due(failover.status_codes, method, route.behavior.cached_methods, cause)
        && !respond::has_begun(session)
        && !session.as_ref().retry_buffer_truncated()
}

/// Whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Yes.
    Again,
    /// No.
    GiveUp,
}

fn attempts_max(exchange: &Exchange) -> Option<usize> {
    match &exchange.route.as_ref()?.origin().reach {
        Reach::Server(server) => Some(usize::from(server.config().connection_attempts)),
        Reach::Local(_) => None,
    }
}

/// Judges an origin's response head before anything else looks at it.
pub(crate) fn admit_response(exchange: &mut Exchange, response: &ResponseHeader) -> Result<(), Failure> {
    let status_line = "HTTP/1.1 200 \r\n".len() + response.get_reason_phrase().map_or(0, str::len);
    let bytes = response
        .headers
        .iter()
        .fold(status_line, |sum, (name, value)| sum + name.as_str().len() + value.len() + ": \r\n".len());
    if bytes > limits::RESPONSE_HEAD_BYTES_MAX {
        return Err(Failure::OriginHeadTooLarge { origin: origin_id(exchange), bytes });
    }
    exchange.fetch.upstream.first_byte = exchange.end_step(Instant::now());
    exchange.fetch.origin_status.get_or_insert(response.status.as_u16());
    Ok(())
}

/// For messages.
pub(crate) fn origin_id(exchange: &Exchange) -> String {
    let id = |route: &Route| route.origin().config.id.clone();
    exchange.route.as_ref().map(id).unwrap_or_default()
}

/// The whole-response budget of the request's origin.
pub(crate) fn completion_budget(exchange: &Exchange) -> Option<std::time::Duration> {
    match &exchange.route.as_ref()?.origin().reach {
        Reach::Server(server) => server.config().response_completion_timeout,
        Reach::Local(_) => None,
    }
}
