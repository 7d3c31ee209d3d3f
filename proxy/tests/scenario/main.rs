//! What a node promises, told as scenarios: origins are closures, viewers speak real HTTP, the clock is moved by hand.
#![allow(clippy::unwrap_used, reason = "tests")]

mod harness;

mod caching;
mod examples;
mod origin_failure;
