//! Homefront: a CloudFront-compatible edge node.
//!
//! The life of a request is `lifecycle.rs`; [`server`] boots and stops a node; everything else is a step or a value.

mod admit;
mod arrive;
mod body_swap;
pub mod cache;
pub mod cli;
pub mod clock;
mod connection;
mod control;
mod cookie;
mod error_page;
mod exchange;
mod failure;
mod fetch;
mod finish;
pub mod forward;
pub mod guard;
mod head;
mod hooks;
mod include_body;
mod lifecycle;
mod listener;
mod node;
pub mod observe;
mod origin;
pub mod page;
mod reload;
mod renew;
pub mod request_id;
mod respond;
mod response_headers;
mod route;
mod serve;
pub mod server;
pub mod split;
mod tls;

pub use server::{BootError, Server};
