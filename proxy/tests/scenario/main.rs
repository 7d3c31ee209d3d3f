//! What a node promises, told as scenarios: origins are closures, viewers speak real HTTP, the clock is moved by hand.
#![allow(clippy::unwrap_used, clippy::format_push_string, clippy::format_collect, reason = "tests")]

mod harness;

mod access_log;
mod booting;
mod busy_lambdas;
mod cache_key;
mod caching;
mod collapsing;
mod conformance;
mod connections;
mod enclosed_lambdas;
mod ended_lambdas;
mod error_caching;
mod examples;
mod failing_functions;
mod failing_lambdas;
mod failover;
mod function_messages;
mod function_order;
mod guard;
mod headers;
mod hostile_lambdas;
mod hostile_viewers;
mod https_origins;
mod included_bodies;
mod invoking;
mod lambda_conformance;
mod lambda_examples;
mod lambda_origins;
mod metrics;
mod origin_failure;
mod origin_functions;
mod origin_selection;
mod origin_settings;
mod ranges;
mod refusals;
mod reloading;
mod replaced_bodies;
mod routing;
mod stopping;
mod testing;
mod ttl;
mod uploads;
mod viewer_functions;
mod viewer_lambdas;
