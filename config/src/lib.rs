//! The configuration language of Homefront: one TOML file describes a node.
//!
//! [`load`] reads a file and gives either a [`Config`] that cannot be wrong or a [`Report`] of every error in it, each with
//! file, line, column, excerpt and a way out. This crate knows no network, no clock and no async.
//!
//! ```
//! let site = r#"
//!     [[distribution]]
//!     origin = [{ id = "app", domain_name = "127.0.0.1", http_port = 3000 }]
//!     default_behavior = { target_origin = "ap" }
//! "#;
//! let report = homefront_config::parse("site.toml", site, "/".as_ref(), &|name| std::env::var(name).ok()).unwrap_err();
//! assert_eq!(report.problems()[0].message(), "there is no origin \"ap\"");
//! assert_eq!(report.problems()[0].way_out(), Some("did you mean \"app\"?"));
//! assert_eq!(report.problems()[0].place(), Some((4, 42)));
//! ```

mod build;
mod excerpt;
mod language;
mod load;
mod quick;
mod raw;
mod report;

pub mod association;
pub mod behavior;
pub mod cases;
pub mod custom_error_response;
pub mod distribution;
pub mod experiment;
pub mod function;
pub mod jwt;
pub mod key_value_store;
pub mod lambda;
pub mod limits;
pub mod listener;
pub mod log;
pub mod origin;
pub mod origin_group;
pub mod package;
pub mod path_pattern;
pub mod policy;
pub mod reference;
pub mod schema;

use std::sync::Arc;

pub use association::Associations;
pub use behavior::Behavior;
pub use distribution::Distribution;
pub use experiment::Experiment;
pub use function::Function;
pub use jwt::Jwt;
pub use key_value_store::KeyValueStore;
pub use lambda::Lambda;
pub use listener::Listen;
pub use load::{load, parse};
pub use log::Log;
pub use origin::Origin;
pub use origin_group::OriginGroup;
pub use path_pattern::PathPattern;
pub use quick::{OriginUrlError, quick};
pub use report::{Problem, Report, Warning};

/// A whole node, valid by construction: every reference is resolved, every path is absolute, every number is in its range.
#[derive(Debug, Clone)]
pub struct Config {
    /// Viewer ports.
    pub listen: Listen,
    /// Bytes of bodies and headers the memory tier may hold (`[cache] memory`).
    pub cache_memory_bytes_max: u64,
    /// Where access and function logs go.
    pub log: Log,
    /// At least one.
    pub distributions: Vec<Arc<Distribution>>,
    /// Every `[[function]]`, used or not.
    pub functions: Vec<Arc<Function>>,
    /// Every `[[lambda]]`, used or not.
    pub lambdas: Vec<Arc<Lambda>>,
}

impl Config {
    /// What every behavior of every distribution calls.
    pub fn associations(&self) -> impl Iterator<Item = &Associations> {
        self.distributions.iter().flat_map(|each| each.every_behavior()).map(|behavior| &behavior.associations)
    }
}
