//! Response headers policies: what is taken from and added to every response to a viewer.

use super::allowed_origin::AllowedOrigin;
use http::{HeaderName, HeaderValue};

/// `[[response_headers_policy]]` or a managed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHeadersPolicy {
    /// Managed names are without the prefix `Managed-`.
    pub name: String,
    /// Of managed policies.
    pub id: Option<&'static str>,
    /// What is taken away, before anything is added.
    pub remove_headers: Vec<HeaderName>,
    /// What is added to responses to CORS requests.
    pub cors: Option<Cors>,
    /// What is added to all: security headers, then custom ones.
    pub headers: Vec<PolicyHeader>,
    /// Whether and how often responses tell how they were made.
    pub server_timing: Option<ServerTiming>,
}

/// A header that a policy adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyHeader {
    /// As it is written over HTTP/1.1.
    pub spelling: String,
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
    /// Whether it takes the place of the origin's; else it is added where the origin sent none.
    pub override_origin: bool,
}

/// Cross-origin resource sharing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// At least one.
    pub allow_origins: Vec<AllowedOrigin>,
    /// Absent: no `Access-Control-Allow-Headers`.
    pub allow_headers: Option<AllowedHeaders>,
    /// The value of `Access-Control-Allow-Methods`, if any.
    pub allow_methods: Option<HeaderValue>,
    /// Whether `Access-Control-Allow-Credentials: true` is added.
    pub allow_credentials: bool,
    /// The value of `Access-Control-Expose-Headers`, if any.
    pub expose_headers: Option<HeaderValue>,
    /// The value of `Access-Control-Max-Age`, if any: seconds.
    pub max_age: Option<HeaderValue>,
    /// Whether these take the place of the origin's; else none is added where the origin sent any.
    pub override_origin: bool,
}

/// `access_control_allow_headers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHeaders {
    /// The same for every request.
    Listed(HeaderValue),
    /// Some stand for all names with a beginning, as in `x-amz-*`: browsers know no such names, so those that a request asks for are told.
    WithBeginnings {
        /// Whole names, as they are told.
        names: Vec<String>,
        /// What stands before the `*`, lower case.
        beginnings: Vec<String>,
    },
}

/// `server_timing_headers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTiming {
    /// Of a million responses, how many have the header without being asked for it.
    pub sampled_of_million: u32,
}

impl PolicyHeader {
    /// `None` where one of both cannot be in a header.
    pub fn new(name: &str, value: &str, override_origin: bool) -> Option<Self> {
        Some(Self {
            spelling: name.to_owned(),
            name: HeaderName::from_bytes(name.as_bytes()).ok()?,
            value: HeaderValue::from_str(value).ok()?,
            override_origin,
        })
    }
}
