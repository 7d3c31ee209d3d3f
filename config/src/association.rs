//! Which edge code runs at which of the four events of a behavior.

use crate::function::Function;
use crate::lambda::Lambda;
use std::sync::Arc;

/// `viewer_request`, `viewer_response`, `origin_request`, `origin_response` of a behavior.
#[derive(Debug, Clone, Default)]
pub struct Associations {
    /// `{ function = "name" }` or `{ lambda = "name" }`
    pub viewer_request: Option<ViewerCode>,
    /// `{ function = "name" }` or `{ lambda = "name" }`; of the same kind as that on viewer request.
    pub viewer_response: Option<ViewerCode>,
    /// `{ lambda = "name" }`
    pub origin_request: Option<Arc<Lambda>>,
    /// `{ lambda = "name" }`
    pub origin_response: Option<Arc<Lambda>>,
    /// `include_body = true` of the request events.
    pub include_body: IncludeBody,
}

/// Which Lambda@Edge functions see the body of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IncludeBody {
    /// That on viewer request.
    pub viewer_request: bool,
    /// That on origin request.
    pub origin_request: bool,
}

/// The one viewer event that behaviors call a CloudFront Function on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyOn {
    /// `viewer_request`
    ViewerRequest,
    /// `viewer_response`
    ViewerResponse,
}

/// What runs on a viewer event.
#[derive(Debug, Clone)]
pub enum ViewerCode {
    /// A CloudFront Function.
    Function(Arc<Function>),
    /// A Lambda@Edge function.
    Lambda(Arc<Lambda>),
}

impl ViewerCode {
    /// As the configuration has it.
    pub fn name(&self) -> &str {
        match self {
            Self::Function(function) => &function.name,
            Self::Lambda(lambda) => &lambda.name,
        }
    }

    /// Whether it is the CloudFront Function of this name.
    pub fn is_function(&self, name: &str) -> bool {
        matches!(self, Self::Function(function) if function.name == name)
    }
}

impl OnlyOn {
    /// `None` where behaviors call the function of this name on both events, or on none.
    pub fn of<'a>(function: &str, behaviors: impl Iterator<Item = &'a Associations>) -> Option<Self> {
        let (mut on_request, mut on_response) = (false, false);
        for associations in behaviors {
            on_request |= associations.viewer_request.as_ref().is_some_and(|code| code.is_function(function));
            on_response |= associations.viewer_response.as_ref().is_some_and(|code| code.is_function(function));
        }
        match (on_request, on_response) {
            (true, false) => Some(Self::ViewerRequest),
            (false, true) => Some(Self::ViewerResponse),
            _ => None,
        }
    }
}

impl Associations {
    /// Whether any edge code runs on an origin event.
    pub fn touches_origin(&self) -> bool {
        self.origin_request.is_some() || self.origin_response.is_some()
    }

    /// The CloudFront Functions among them.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<Function>> {
        let viewer = [&self.viewer_request, &self.viewer_response];
        viewer.into_iter().flatten().filter_map(|code| match code {
            ViewerCode::Function(function) => Some(function),
            ViewerCode::Lambda(_) => None,
        })
    }

    /// The Lambda@Edge functions among them.
    pub fn lambdas(&self) -> impl Iterator<Item = &Arc<Lambda>> {
        let viewer = [&self.viewer_request, &self.viewer_response].into_iter().flatten();
        let viewer = viewer.filter_map(|code| match code {
            ViewerCode::Function(_) => None,
            ViewerCode::Lambda(lambda) => Some(lambda),
        });
        viewer.chain([&self.origin_request, &self.origin_response].into_iter().flatten())
    }
}
