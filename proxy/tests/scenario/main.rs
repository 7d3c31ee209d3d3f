//! What a node promises, told as scenarios: origins are closures, viewers speak real HTTP, the clock is moved by hand.
#![allow(clippy::unwrap_used, reason = "tests")]

mod harness;

mod caching;
mod cache_key;
mod collapsing;
mod error_caching;
mod examples;
mod headers;
mod origin_functions;
mod origin_failure;
mod ranges;
mod refusals;
mod replaced_bodies;
mod routing;
mod ttl;
mod uploads;
mod viewer_functions;
