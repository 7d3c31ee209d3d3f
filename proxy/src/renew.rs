//! Fetching an object anew while its stale copy is served (`stale-while-revalidate`).
//!
//! pingora makes the fetch a request of its own, which knows nothing of the first one but its head. That the first one was
//! routed, guarded and shown to functions already is told to it in a header no viewer can send through.

use crate::arrive;
use crate::exchange::{Exchange, Route};
use crate::failure::Failure;
use crate::finish;
use crate::node::Node;
use pingora::http::RequestHeader;
use std::sync::Arc;

/// `<distribution's domain name> <index of the behavior, "-" = the default one> <index of the origin>`. CloudFront takes
/// `X-Amz-Cf-*` for itself: functions cannot see it, and what a viewer sends of that name is overwritten.
const RENEWS: &str = "x-amz-cf-renews";

/// Says to a request that may follow what became of this one. `false` = it cannot be renewed in the background.
pub(crate) fn hand_over(request: &mut RequestHeader, exchange: &Exchange) -> bool {
    let Some(route) = &exchange.route else { return false };
    let behaviors = &route.distribution.config.behaviors;
    let index = behaviors.iter().position(|behavior| Arc::ptr_eq(behavior, &route.behavior));
    let index = index.map_or_else(|| "-".to_owned(), |index| index.to_string());
    let value = format!("{} {index} {}", route.distribution.domain_name, route.origin);
    request.insert_header(RENEWS, value).is_ok()
}

/// Takes the place of admit, route, guard, viewer request and split: all of that has been done.
pub(crate) fn steps(node: &Node, request: &mut RequestHeader, exchange: &mut Exchange) -> pingora::Result<()> {
    let told = request.remove_header(RENEWS);
    let route = told.as_ref().and_then(|value| route(node, value.to_str().ok()?));
    let Some(route) = route else {
        let failure = Failure::Internal("a request of the node's own without its route".to_owned());
        return Err(finish::fail(exchange, failure));
    };
    exchange.asked.host = route.distribution.domain_name.to_string();
    exchange.route = Some(route);
    arrive::tell_of_viewer(node, request, exchange).map_err(|failure| finish::fail(exchange, failure))
}

fn route(node: &Node, told: &str) -> Option<Route> {
    let mut words = told.split(' ');
    let distribution = node.routes.distribution(words.next()?)?.clone();
    let behavior = match words.next()? {
        "-" => distribution.config.default_behavior.clone(),
        index => distribution.config.behaviors.get(index.parse::<usize>().ok()?)?.clone(),
    };
    let origin = words.next()?.parse().ok().filter(|origin| *origin < distribution.origins.len())?;
    Some(Route { distribution, verifier: None, behavior, origin })
}
