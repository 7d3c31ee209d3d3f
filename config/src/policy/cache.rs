//! Cache policies: what is in the key, and for how long an object lives.

use super::Selection;

/// `[[cache_policy]]` or a managed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachePolicy {
    /// Managed names are without the prefix `Managed-`.
    pub name: String,
    /// Of managed policies.
    pub id: Option<&'static str>,
    /// Seconds; `min <= default <= max`.
    pub min_ttl_s: u64,
    /// Seconds.
    pub default_ttl_s: u64,
    /// Seconds.
    pub max_ttl_s: u64,
    /// Header names in the key, lower case.
    pub headers: Vec<String>,
    /// Cookies in the key.
    pub cookies: Selection,
    /// Query strings in the key.
    pub query_strings: Selection,
    /// Whether gzip is normalised into the key.
    pub accept_encoding_gzip: bool,
    /// Whether brotli is.
    pub accept_encoding_brotli: bool,
}

impl CachePolicy {
    /// Minimum, default and maximum TTL all zero: nothing is looked up, stored or collapsed.
    pub fn caching_disabled(&self) -> bool {
        self.max_ttl_s == 0 && self.default_ttl_s == 0 && self.min_ttl_s == 0
    }
}
