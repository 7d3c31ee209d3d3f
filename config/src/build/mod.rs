//! Turns what was written into types that cannot be wrong. Every rule of CloudFront's that one file can break is checked here,
//! and each broken one is noted; building goes on to find the next.

mod association;
mod behavior;
mod code;
mod custom_error_response;
mod distribution;
mod experiment;
mod header;
mod jwt;
mod lambda;
mod names;
mod node;
mod origin;
mod origin_group;
mod pem;
mod policy;
mod response_headers;
mod store;

use crate::Config;
use crate::function::Function;
use crate::language::Reading;
use crate::raw::{Root, each};
use std::sync::Arc;

pub(crate) use behavior::default_cache_policy;
pub(crate) use distribution::{domain_name, id_from};
pub(crate) use header::{is_forbidden_custom, is_token, is_value};
pub(crate) use names::unknown;
pub(crate) use node::CACHE_MEMORY_BYTES;
pub(crate) use origin::is_host_name;

/// `None` when a problem was noted that leaves no sensible value; `called` gets the functions that behaviors call all the same.
pub(crate) fn build(root: Root, called: &mut Vec<Arc<Function>>, reading: &mut Reading<'_>) -> Option<Config> {
    let stores = store::all(each(root.key_value_store), reading);
    let functions = code::functions(each(root.function), &stores, reading);
    let lambdas = lambda::all(each(root.lambda), reading);
    let cache_policies = policy::cache_policies(each(root.cache_policy), reading);
    let origin_request_policies = policy::origin_request_policies(each(root.origin_request_policy), reading);
    let response_headers_policies = response_headers::all(each(root.response_headers_policy), reading);
    let jwts = jwt::all(each(root.jwt), reading);
    let experiments = experiment::all(each(root.experiment), reading);
    let shared = behavior::Shared {
        functions,
        lambdas,
        cache_policies,
        origin_request_policies,
        response_headers_policies,
        jwts,
        experiments,
    };

    let cache_memory_bytes_max = node::cache_memory(root.cache, reading);
    let log = node::log(root.log, reading);
    let certificates = node::certificates(root.distribution.as_ref().map(|list| list.value.as_slice()), reading);
    let listen = node::listen(root.listen, certificates, reading);
    let reach = node::reach(listen.as_ref());
    let distributions = distribution::all(root.distribution, &shared, reach, reading);

    called.extend(shared.functions.used().cloned());
    stores.warn_unused(reading);
    shared.warn_unused(reading);
    Some(Config {
        listen: listen?,
        cache_memory_bytes_max,
        log: log?,
        distributions: distributions?,
        functions: shared.functions.into_items()?,
        lambdas: shared.lambdas.into_items()?,
    })
}
