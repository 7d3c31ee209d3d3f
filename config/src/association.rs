//! Which edge code runs at which of the four events of a behavior.

use crate::function::Function;
use crate::lambda::Lambda;
use std::sync::Arc;

/// `viewer_request`, `viewer_response`, `origin_request`, `origin_response` of a behavior.
#[derive(Debug, Clone, Default)]
pub struct Associations {
    /// `{ function = "name" }`
    pub viewer_request: Option<Arc<Function>>,
    /// `{ function = "name" }`
    pub viewer_response: Option<Arc<Function>>,
    /// `{ lambda = "name" }`
    pub origin_request: Option<Arc<Lambda>>,
    /// `{ lambda = "name" }`
    pub origin_response: Option<Arc<Lambda>>,
}

impl Associations {
    /// Whether any edge code runs on an origin event.
    pub fn touches_origin(&self) -> bool {
        self.origin_request.is_some() || self.origin_response.is_some()
    }
}
