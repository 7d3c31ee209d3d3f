//! Native A/B experiments.

use crate::behavior::TargetOrigin;
use std::sync::Arc;

/// `[[experiment]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// What `split = { experiment = "…" }` names.
    pub name: String,
    /// The cookie that keeps a viewer on its variant.
    pub sticky_cookie: String,
    /// At least two, names unique, weights not all zero.
    pub variants: Vec<Variant>,
}

impl Experiment {
    /// The names of all request headers (lower case) that a variant sets: no viewer may set them.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().flat_map(|variant| &variant.headers).map(|(name, _)| name.as_str())
    }
}

/// One arm of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// A cookie-safe name; the value of the sticky cookie.
    pub name: String,
    /// Share of new viewers, relative to the sum.
    pub weight: u32,
    /// Id of an origin or an origin group instead of the behavior's.
    pub origin: Option<String>,
    /// Starts with `/`, no trailing `/`; put in front of the URI before the cache key is built.
    pub uri_prefix: Option<String>,
    /// Request headers, lower case, set before the cache key is built.
    pub headers: Vec<(String, String)>,
}

/// An experiment as one behavior uses it.
#[derive(Debug, Clone)]
pub struct Split {
    /// The experiment.
    pub experiment: Arc<Experiment>,
    /// For each variant its own origin, where it names one.
    pub origins: Vec<Option<TargetOrigin>>,
}
