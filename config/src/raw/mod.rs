//! The file as it is written: every table and key of the language, declared once. [`crate::build`] turns it into the public types.

pub(crate) mod code;
pub(crate) mod distribution;
pub(crate) mod node;
pub(crate) mod policy;
pub(crate) mod response_headers;
pub(crate) mod word;

use crate::language::table::table;
use crate::language::{At, Value};
use code::{Function, KeyValueStore, Lambda};
use distribution::Distribution;
use node::{Cache, Experiment, Jwt, Listen, Log};
use policy::{CachePolicy, OriginRequestPolicy};
use response_headers::ResponseHeadersPolicy;

table! {
    /// One file describes a node.
    Root "" {
        /// The viewer ports.
        listen: Listen, optional;
        /// The memory the cache may use.
        cache: Cache, optional;
        /// Where logs go.
        log: Log, optional;
        /// What answers for a set of host names; at least one.
        distribution: Vec<At<Distribution>>, required;
        /// CloudFront Functions.
        function: Vec<At<Function>>, optional;
        /// Lambda@Edge functions.
        lambda: Vec<At<Lambda>>, optional;
        /// Stores that functions read.
        key_value_store: Vec<At<KeyValueStore>>, optional;
        /// What is in the cache key, and for how long an object lives.
        cache_policy: Vec<At<CachePolicy>>, optional;
        /// What goes to the origin beyond the cache key's inputs.
        origin_request_policy: Vec<At<OriginRequestPolicy>>, optional;
        /// What responses to viewers have and lack.
        response_headers_policy: Vec<At<ResponseHeadersPolicy>>, optional;
        /// JSON Web Token checks.
        jwt: Vec<At<Jwt>>, optional;
        /// A/B experiments.
        experiment: Vec<At<Experiment>>, optional;
    }
}

/// The items of an optional `[[…]]`.
pub(crate) fn each<T: Value>(items: Option<At<Vec<At<T>>>>) -> Vec<At<T>> {
    items.map(|at| at.value).unwrap_or_default()
}
