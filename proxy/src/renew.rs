//! Fetching an object anew while its stale copy is served (`stale-while-revalidate`).
//!
//! pingora makes the fetch a request of its own that starts from the viewer's raw bytes. That the first request was routed,
//! guarded and shown to functions already, and what they made of it, is handed over on the connection both belong to.

use crate::exchange::{Exchange, Route};
use crate::failure::Failure;
use crate::finish;
use crate::respond;
use http::{Method, Uri, Version};
use pingora::http::RequestHeader;
use pingora::proxy::Session;

/// What a request leaves to the one that renews its object.
#[derive(Debug)]
pub(crate) struct Renewal {
    head: RequestHeader,
    route: Route,
    /// What the viewer asked for.
    asked: (Method, Uri, String),
}

/// Called before a stale object is served. Whoever holds the lock of the object is followed by a request that renews it;
/// all others serve the stale object only. `false` = it cannot be renewed in the background.
pub(crate) fn hand_over(session: &mut Session, exchange: &Exchange) -> bool {
    // The connection's own: that of a request of the node's has but the facts of it.
    let (Some(route), Some(viewer)) = (&exchange.route, respond::viewer(session)) else { return false };
    if session.cache.is_cache_lock_writer() {
        viewer.hand_over(Renewal {
            head: session.req_header().clone(),
            route: route.clone(),
            asked: (exchange.asked.method.clone(), exchange.asked.target.clone(), exchange.asked.host.clone()),
        });
        readable(session);
    }
    true
}

/// A request of the node's own starts from the head of the viewer's, which pingora writes with its version and cannot read again
/// where that is 2.
pub(crate) fn readable(session: &mut Session) {
    if session.req_header().version == Version::HTTP_2 {
        session.req_header_mut().set_version(Version::HTTP_11);
    }
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
    exchange.viewer = Some(respond::facts_of(&viewer));
    (exchange.asked.method, exchange.asked.target, exchange.asked.host) = renewal.asked;
    exchange.route = Some(renewal.route);
    Ok(())
}
