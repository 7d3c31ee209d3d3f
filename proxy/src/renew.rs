//! Fetching an object anew while its stale copy is served (`stale-while-revalidate`).
//!
//! pingora makes the fetch a request of its own that starts from the viewer's raw bytes. That the first request was routed,
//! guarded and shown to functions already, and what they made of it, is handed over on the connection both belong to.

use crate::connection::Viewer;
use crate::exchange::{Exchange, Route};
use crate::failure::Failure;
use crate::finish;
use crate::respond;
use http::HeaderValue;
use pingora::http::RequestHeader;
use pingora::proxy::Session;
use std::sync::Arc;

/// What a request leaves to the one that renews its object.
#[derive(Debug)]
pub(crate) struct Renewal {
    head: RequestHeader,
    route: Route,
    host: String,
    cloudfront: Vec<(&'static str, HeaderValue)>,
}

/// Called before a stale object is served. Whoever holds the lock of the object is followed by a request that renews it;
/// all others serve the stale object only. `false` = it cannot be renewed in the background.
pub(crate) fn hand_over(session: &Session, exchange: &Exchange) -> bool {
    let (Some(route), Some(viewer)) = (&exchange.route, &exchange.viewer) else { return false };
    if session.cache.is_cache_lock_writer() {
        viewer.hand_over(Renewal {
            head: session.req_header().clone(),
            route: route.clone(),
            host: exchange.asked.host.clone(),
            cloudfront: exchange.cloudfront.clone(),
        });
    }
    true
}

/// Takes the place of admit, route, guard, viewer request and split: all of that has been done. Requests of one h2
/// connection may take each other's renewals; each is whole, so each object is renewed by somebody.
pub(crate) fn steps(session: &mut Session, exchange: &mut Exchange) -> pingora::Result<()> {
    let viewer = respond::viewer(session);
    let Some((viewer, renewal)) = viewer.and_then(|viewer| Some((viewer.clone(), viewer.take_renewal()?))) else {
        let failure = Failure::Internal("a request of the node's own that nobody handed over".to_owned());
        return Err(finish::fail(exchange, failure));
    };
    *session.req_header_mut() = renewal.head;
    // The facts of the viewer, not the state of its connection, which is at its next request already.
    exchange.viewer = Some(Arc::new(Viewer::new(viewer.address, viewer.server_ip, viewer.tls.clone())));
    exchange.asked.host = renewal.host;
    exchange.cloudfront = renewal.cloudfront;
    exchange.route = Some(renewal.route);
    Ok(())
}
