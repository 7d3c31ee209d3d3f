//! Whether the origin that a function chose without a node is one that a node would send the request to.

use crate::exchange::{Route, members};
use crate::node::{DeployError, Deployed};
use crate::origin::rewrite;
use crate::route::{Routes, behavior};
use homefront_config::association::ViewerCode;
use homefront_config::{Behavior, Config, Distribution, Function};
use homefront_functions::{Failure, OriginEdit};
use serde_json::Value;
use std::sync::Arc;

/// Why CloudFront would refuse `edit`, which `function` made when it was called with the event object `event`.
///
/// The distribution is the one that the event's context or its Host names, else one whose behaviors run the function; of several
/// it is enough that one takes the origin.
pub(super) fn refusal(
    config: &Config,
    function: &Function,
    event: &Value,
    edit: &OriginEdit,
) -> Result<Option<Failure>, DeployError> {
    let mut refusal = None;
    for distribution in candidates(config, function, event) {
        let deployed = Arc::new(Deployed::new(distribution.clone())?);
        let behavior = behavior_of(distribution, function, event).clone();
        let (origin, failover) = members(&deployed, behavior.target_origin);
        let mut route = Route { distribution: deployed, verifier: None, behavior, origin, failover };
        match rewrite::apply(&mut route, edit.clone()) {
            Ok(()) => return Ok(None),
            Err(rule) => refusal = refusal.or(Some(rewrite::fault(&function.name, &rule))),
        }
    }
    Ok(refusal)
}

fn candidates<'a>(config: &'a Config, function: &Function, event: &Value) -> Vec<&'a Arc<Distribution>> {
    let all = &config.distributions;
    if let Some(named) = all.iter().find(|distribution| named(distribution, &event["context"])) {
        return vec![named];
    }
    let running: Vec<_> = all.iter().filter(|distribution| runs(distribution, function).next().is_some()).collect();
    let candidates = if running.is_empty() { all.iter().collect() } else { running };
    let host = event["request"]["headers"]["host"]["value"].as_str().unwrap_or_default().to_ascii_lowercase();
    let routes = Routes::new(candidates.iter().map(|distribution| ((*distribution).clone(), Arc::clone(distribution))));
    let by_host = routes.distribution(&host).map(|by_host| by_host.id.clone());
    match candidates.iter().find(|distribution| Some(&distribution.id) == by_host.as_ref()) {
        Some(by_host) => vec![by_host],
        None => candidates,
    }
}

fn named(distribution: &Distribution, context: &Value) -> bool {
    let is = |member: &str, name: &str| context[member].as_str() == Some(name);
    is("distributionId", &distribution.id) || is("distributionDomainName", &distribution.domain_name)
}

/// The behaviors that call the function with viewer requests.
fn runs<'a>(distribution: &'a Distribution, function: &'a Function) -> impl Iterator<Item = &'a Arc<Behavior>> {
    let is_it = |code: &ViewerCode| code.is_function(&function.name);
    distribution
        .every_behavior()
        .filter(move |behavior| behavior.associations.viewer_request.as_ref().is_some_and(is_it))
}

/// That of the event's path if it runs the function, else the first that does.
fn behavior_of<'a>(distribution: &'a Distribution, function: &'a Function, event: &Value) -> &'a Arc<Behavior> {
    let matching = behavior(distribution, event["request"]["uri"].as_str().unwrap_or("/"));
    let mut running = runs(distribution, function).peekable();
    let first = running.peek().copied();
    running.find(|behavior| Arc::ptr_eq(behavior, matching)).or(first).unwrap_or(matching)
}
