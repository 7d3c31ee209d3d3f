//! Custom error responses: the page that a distribution shows instead of an error, and how long errors are kept.

use crate::limits::ERROR_CACHING_MIN_TTL_S;

/// `[[distribution.custom_error_response]]`: what happens to one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomErrorResponse {
    /// The status it is about.
    pub error_code: u16,
    /// The page, if it has one.
    pub page: Option<ErrorPage>,
    /// Seconds an error of this status is kept at least.
    pub error_caching_min_ttl_s: u64,
}

/// A page of the distribution that is served instead of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    /// Starts with `/`; asked of the origin of the behavior whose pattern it matches.
    pub path: String,
    /// The status that viewers get.
    pub response_code: u16,
}

/// The custom error responses of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomErrorResponses(Vec<CustomErrorResponse>);

/// The statuses that may have one, and that may be shown: Developer Guide, "Generate custom error responses".
pub const ERROR_CODES: [u16; 11] = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504];

impl CustomErrorResponses {
    /// No status stands in it twice.
    pub(crate) fn new(responses: Vec<CustomErrorResponse>) -> Self {
        Self(responses)
    }

    /// The page for a status, if there is one.
    pub fn page(&self, status: u16) -> Option<&ErrorPage> {
        self.of(status)?.page.as_ref()
    }

    /// Seconds an error of this status is kept at least; CloudFront's 10 where the distribution does not say.
    pub fn error_caching_min_ttl_s(&self, status: u16) -> u64 {
        self.of(status).map_or(ERROR_CACHING_MIN_TTL_S, |response| response.error_caching_min_ttl_s)
    }

    /// Whether any status has a page.
    pub fn has_pages(&self) -> bool {
        self.0.iter().any(|response| response.page.is_some())
    }

    fn of(&self, status: u16) -> Option<&CustomErrorResponse> {
        self.0.iter().find(|response| response.error_code == status)
    }
}
