//! The life of a request: pingora's hooks in the order they fire, one call a step.
//!
//! | step | CloudFront's moment | done by | may end here |
//! |---|---|---|---|
//! | admit | size, method, host, ambiguous framing; request id | `admit::check` | 403 414 494 |
//! | route | distribution by Host, behavior by path pattern on the normalised path | `arrive::route` | 403, 301/307 to https |
//! | guard | JWT | `arrive::guard` | 401 |
//! | viewer request | CloudFront Function or Lambda@Edge | `hooks::viewer_request` | generated answer, never cached |
//! | split | A/B variant, sticky | `arrive::split` | |
//! | cache key | cache policy | `cache::key::build` | |
//! | lookup | Hit, RefreshHit, Miss; collapse | pingora over `cache::memory` | hit |
//! | origin request | Lambda@Edge; a generated answer is cached, so it enters as an upstream | `hooks::origin::request` | |
//! | forward | origin request policy, custom headers, peer, attempts | `fetch::prepare` | 502 504 |
//! | origin response | Lambda@Edge, before the cache stores; may replace the body | `hooks::origin::response` | |
//! | store | minimum, default, maximum TTL, error caching | `cache::freshness::decide` | |
//! | error page | a page of the distribution instead of an error | `error_page` | |
//! | viewer response | response headers policy; then CloudFront Function or Lambda@Edge, not after an origin error | `response_headers`, `hooks::viewer_response` | |
//! | body | ranges, replaced bodies | `cache::range`, `body_swap` | |
//! | tell | access log | `observe` | |

use crate::body_swap;
use crate::cache::memory::Memory;
use crate::cache::{freshness, key, store};
use crate::error_page;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::fetch;
use crate::include_body;
use crate::node::Node;
use crate::respond;
use crate::{arrive, finish, observe, renew, serve};
use async_trait::async_trait;
use bytes::Bytes;
use pingora::cache::{CacheKey, RespCacheable};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::Digest;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The node, as pingora drives it.
#[derive(Debug, Clone)]
pub(crate) struct Edge(pub(crate) Arc<Node>);

#[async_trait]
impl ProxyHttp for Edge {
    /// In a box, because pingora hands it on by value through several futures, and each would copy it.
    type CTX = Box<Exchange>;

    fn new_ctx(&self) -> Box<Exchange> {
        Box::new(Exchange::new(Instant::now()))
    }

    fn init_downstream_modules(&self, modules: &mut HttpModules) {
        modules.add_module(Box::new(body_swap::Builder));
    }

    async fn early_request_filter(&self, session: &mut Session, exchange: &mut Box<Exchange>) -> Result<()> {
        arrive::begin(session, exchange);
        Ok(())
    }

    fn allow_spawning_subrequest(&self, session: &Session, _exchange: &Box<Exchange>) -> bool {
        self.0.has_error_pages && session.subrequest_ctx.is_none()
    }

    /// Admit, route, guard, viewer request, split.
    async fn request_filter(&self, session: &mut Session, exchange: &mut Box<Exchange>) -> Result<bool> {
        if session.subrequest_ctx.is_some() {
            let is_page = error_page::steps(&self.0, session, exchange)?;
            return if is_page { Ok(false) } else { renew::steps(session, exchange).map(|()| false) };
        }
        let answer = match arrive::steps(&self.0, session, exchange).await {
            Ok(None) => return Ok(false),
            Ok(Some(answer)) => answer,
            Err(failure @ Failure::ViewerLeft) => return Err(finish::fail(exchange, failure)),
            Err(failure) => {
                let answer = respond::failed(&failure, exchange.request_id.as_str());
                exchange.failure = Some(failure);
                error_page::or(session, exchange, answer).await
            }
        };
        respond::send(session, exchange, &self.0.name, answer, Instant::now()).await?;
        Ok(true)
    }

    fn request_cache_filter(&self, session: &mut Session, exchange: &mut Box<Exchange>) -> Result<()> {
        let Some(route) = &exchange.route else { return Ok(()) };
        let behavior = &route.behavior;
        let method = session.req_header().method.as_str();
        if behavior.cached_methods.contains(method) && !behavior.cache_policy.caching_disabled() {
            let cache = self.0.cache;
            let collapses = freshness::collapses(&behavior.cache_policy, behavior.origin_request_policy.as_deref());
            let lock = collapses.then_some(cache.lock);
            session.cache.enable(cache.storage, None, Some(cache.predictor), lock, None);
        }
        Ok(())
    }

    fn cache_key_callback(&self, session: &Session, exchange: &mut Box<Exchange>) -> Result<CacheKey> {
        let request = session.req_header();
        let Some(route) = &exchange.route else {
            return Err(Error::explain(ErrorType::InternalError, "a cache key without a route"));
        };
        let inputs = key::CacheKeyInputs {
            distribution_domain_name: &route.distribution.domain_name,
            method: &request.method,
            path: request.uri.path(),
            query: request.uri.query(),
            headers: &request.headers,
            version: request.version,
        };
        let key = key::build(&route.behavior.cache_policy, &inputs);
        let apart = exchange.is_error_page && !self.0.cache.storage.is_at_hand(key.hash);
        Ok(Memory::cache_key(if apart { key.of_error_page() } else { key }))
    }

    /// Origin request, forward.
    async fn upstream_peer(&self, session: &mut Session, exchange: &mut Box<Exchange>) -> Result<Box<HttpPeer>> {
        match fetch::prepare(&self.0, session, exchange).await {
            Ok(peer) => Ok(Box::new(peer)),
            Err(failure) => finish::instead_of_peer(session, exchange, failure).map(Box::new),
        }
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        exchange: &mut Box<Exchange>,
        error: Box<Error>,
    ) -> Box<Error> {
        finish::before_connecting(session, error, exchange)
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        _reused: bool,
        _peer: &HttpPeer,
        _fd: RawFd,
        _digest: Option<&Digest>,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        fetch::connected(exchange, Instant::now());
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        fetch::write_head(upstream, exchange, fetch::caching(session, exchange))
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        include_body::forward(session, exchange, body, end);
        // An empty last piece would become a second last chunk, and the origin's next answer somebody else's.
        if end && body.as_ref().is_some_and(Bytes::is_empty) {
            *body = None;
        }
        Ok(())
    }

    /// Origin response, before the cache stores.
    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        store::origin_response(&self.0, session, response, exchange).await
    }

    fn response_cache_filter(
        &self,
        session: &Session,
        response: &ResponseHeader,
        exchange: &mut Box<Exchange>,
    ) -> Result<RespCacheable> {
        store::decide(&self.0, session, response, exchange)
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end: bool,
        exchange: &mut Box<Exchange>,
    ) -> Result<Option<Duration>> {
        store::origin_body(exchange, body, Instant::now())?;
        Ok(None)
    }

    fn should_serve_stale(&self, session: &mut Session, exchange: &mut Box<Exchange>, error: Option<&Error>) -> bool {
        match error {
            Some(error) => store::serves_stale(&self.0, session, exchange, error),
            None => renew::hand_over(session, exchange),
        }
    }

    fn cache_not_modified_filter(
        &self,
        session: &Session,
        stored: &ResponseHeader,
        exchange: &mut Box<Exchange>,
    ) -> Result<bool> {
        Ok(serve::ends_with_its_head(session, stored, exchange))
    }

    fn range_header_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Box<Exchange>,
    ) -> pingora::proxy::RangeType {
        serve::range(session, exchange, response)
    }

    /// Viewer response.
    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Box<Exchange>,
    ) -> Result<()> {
        serve::response(&self.0, session, response, exchange).await
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        exchange: &mut Box<Exchange>,
        client_reused: bool,
    ) -> Box<Error> {
        finish::after_connecting(peer, session, error, exchange, client_reused)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, exchange: &mut Box<Exchange>) -> FailToProxy {
        finish::with_page(&self.0, session, error, exchange).await
    }

    fn suppress_error_log(&self, _session: &Session, _exchange: &Box<Exchange>, _error: &Error) -> bool {
        // `logging` tells the reason, in the node's words.
        true
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, exchange: &mut Box<Exchange>) {
        observe::finished::request_finished(&self.0, session, error, exchange);
        finish::hear_out(session).await;
    }
}
