//! The cache: what an object is found by, for how long it lives, and where it is kept.

pub mod accept_encoding;
pub mod cache_control;
pub mod cookies;
pub mod freshness;
pub mod key;
pub mod memory;
pub mod query;
pub mod range;
pub(crate) mod store;
pub mod validators;
pub mod vary;

#[cfg(test)]
pub(crate) mod tests {
    //! What the tests of this module share.

    use homefront_config::policy::Selection;
    use homefront_config::policy::cache::CachePolicy;

    /// Nothing but the path in the key; gzip and brotli normalised; the TTLs of CachingOptimized with a minimum of zero.
    pub(crate) fn policy() -> CachePolicy {
        CachePolicy {
            name: "test".into(),
            id: None,
            min_ttl_s: 0,
            default_ttl_s: 86_400,
            max_ttl_s: 31_536_000,
            headers: Vec::new(),
            cookies: Selection::None,
            query_strings: Selection::None,
            accept_encoding_gzip: true,
            accept_encoding_brotli: true,
        }
    }
}
