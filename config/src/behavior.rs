//! A cache behavior: what happens to the requests whose path matches.

use crate::association::Associations;
use crate::experiment::Split;
use crate::jwt::Jwt;
use crate::path_pattern::PathPattern;
use crate::policy::cache::CachePolicy;
use crate::policy::origin_request::OriginRequestPolicy;
use crate::policy::response_headers::ResponseHeadersPolicy;
use std::sync::Arc;

/// `[distribution.default_behavior]` or `[[distribution.behavior]]`.
#[derive(Debug, Clone)]
pub struct Behavior {
    /// `*` for the default behavior.
    pub path_pattern: PathPattern,
    /// Whom its requests go to.
    pub target_origin: TargetOrigin,
    /// `allow-all` when absent.
    pub viewer_protocol_policy: ViewerProtocolPolicy,
    /// One of CloudFront's three sets.
    pub allowed_methods: AllowedMethods,
    /// GET and HEAD, or these and OPTIONS; never more than is allowed.
    pub cached_methods: CachedMethods,
    /// `CachingOptimized` when absent, as in CloudFront's console.
    pub cache_policy: Arc<CachePolicy>,
    /// What goes to the origin beyond the cache key's inputs.
    pub origin_request_policy: Option<Arc<OriginRequestPolicy>>,
    /// What responses to viewers have and lack.
    pub response_headers_policy: Option<Arc<ResponseHeadersPolicy>>,
    /// Edge code.
    pub associations: Associations,
    /// Native JWT check, before the viewer-request function.
    pub authorize: Option<Arc<Jwt>>,
    /// Native A/B split, after the viewer-request function.
    pub split: Option<Split>,
}

/// What `target_origin` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetOrigin {
    /// Index into [`Distribution::origins`](crate::Distribution::origins).
    Origin(usize),
    /// Index into [`Distribution::origin_groups`](crate::Distribution::origin_groups).
    Group(usize),
}

/// What happens to a viewer that comes over plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewerProtocolPolicy {
    /// Both.
    AllowAll,
    /// 403 over HTTP.
    HttpsOnly,
    /// 301 (GET, HEAD) or 307.
    RedirectToHttps,
}

/// `allowed_methods`: exactly one of three sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowedMethods {
    /// GET, HEAD
    GetHead,
    /// GET, HEAD, OPTIONS
    GetHeadOptions,
    /// GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE
    All,
}

/// `cached_methods`: one of two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachedMethods {
    /// GET, HEAD
    GetHead,
    /// GET, HEAD, OPTIONS
    GetHeadOptions,
}

impl AllowedMethods {
    /// Whether a request with this method (upper case, as on the wire) may pass.
    pub fn contains(self, method: &str) -> bool {
        match method {
            "GET" | "HEAD" => true,
            "OPTIONS" => self != Self::GetHead,
            "PUT" | "POST" | "PATCH" | "DELETE" => self == Self::All,
            _ => false,
        }
    }
}

impl CachedMethods {
    /// Whether answers to this method are looked up in and put into the cache.
    pub fn contains(self, method: &str) -> bool {
        match method {
            "GET" | "HEAD" => true,
            "OPTIONS" => self == Self::GetHeadOptions,
            _ => false,
        }
    }
}
