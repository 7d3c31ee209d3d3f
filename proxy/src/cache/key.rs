//! The cache key: exactly what the cache policy takes from a request, framed so that no two requests can be confused.
//!
//! Developer Guide, "Understand the cache key". The host in the key is the distribution's own name, so all aliases of a
//! distribution share its objects; the scheme and the origin play no part.

use super::accept_encoding;
use super::cookies;
use super::query;
use homefront_config::policy::cache::CachePolicy;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, Method, Version};
use sha2::{Digest, Sha256};

mod explain;
pub use explain::Explained;

/// What of a request may be in its key.
#[derive(Debug, Clone, Copy)]
pub struct CacheKeyInputs<'a> {
    /// `d….cloudfront.net`.
    pub distribution_domain_name: &'a str,
    /// GET and HEAD share an object; OPTIONS has its own.
    pub method: &'a Method,
    /// As received, after the default root object and the viewer-request function.
    pub path: &'a str,
    /// Without the `?`.
    pub query: Option<&'a str>,
    /// The viewer's, with CloudFront's own headers in place of any that the viewer forged
    /// (see [`cloudfront_headers`](crate::forward::cloudfront_headers)).
    pub headers: &'a HeaderMap,
    /// The viewer's; HTTP/1.0 is never given a compressed object.
    pub version: Version,
}

/// A key and its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Every component with its length in front.
    pub primary: Vec<u8>,
    /// The first 128 bits of the SHA-256 of `primary`: viewers choose keys, so finding two with one hash must be infeasible.
    pub hash: [u8; 16],
}

/// Builds the key of a request under `policy`.
pub fn build(policy: &CachePolicy, inputs: &CacheKeyInputs<'_>) -> Key {
    let encoding = accept_encoding::normalise(policy, inputs.headers, inputs.version);
    let cookies = cookies::in_key(&policy.cookies, inputs.headers);
    let query = query::select(inputs.query, |name| policy.query_strings.takes(name));
    let query = query.as_deref().unwrap_or_default();
    let normalised = policy.accept_encoding_gzip || policy.accept_encoding_brotli;
    let keyed = || policy.headers.iter().filter(|name| !(normalised && name.as_str() == ACCEPT_ENCODING.as_str()));

    let header_bytes: usize = keyed()
        .map(|name| name.len() + 8 + inputs.headers.get_all(name).iter().map(|value| value.len() + 4).sum::<usize>())
        .sum();
    let cookie_bytes: usize = cookies.iter().map(|cookie| cookie.name.len() + cookie.value.len() + 8).sum();
    let fixed = inputs.distribution_domain_name.len() + inputs.path.len() + query.len();
    let mut frame = Frame(Vec::with_capacity(fixed + header_bytes + cookie_bytes + 64));

    frame.bytes(inputs.distribution_domain_name.as_bytes());
    frame.bytes(if *inputs.method == Method::HEAD { b"GET" } else { inputs.method.as_str().as_bytes() });
    frame.bytes(inputs.path.as_bytes());
    frame.bytes(query.as_bytes());
    frame.bytes(encoding.key().unwrap_or_default().as_bytes());
    frame.count(keyed().count());
    for name in keyed() {
        let values = inputs.headers.get_all(name);
        frame.bytes(name.as_bytes());
        frame.count(values.iter().count());
        for value in values {
            frame.bytes(value.as_bytes());
        }
    }
    frame.count(cookies.len());
    for cookie in &cookies {
        frame.bytes(cookie.name);
        frame.bytes(cookie.value);
    }
    Key::of(frame)
}

impl Key {
    fn of(frame: Frame) -> Self {
        let primary = frame.0;
        let mut hash = [0; 16];
        hash.copy_from_slice(&Sha256::digest(&primary)[..16]);
        Self { primary, hash }
    }

    /// The key of the same object where it is fetched as an error page. A request that fetches a page holds its own object unfinished
    /// meanwhile: pages that were shared with such requests could wait for each other in a circle.
    #[must_use]
    pub fn of_error_page(self) -> Self {
        let mut frame = Frame(self.primary);
        frame.bytes(b"error page");
        Self::of(frame)
    }
}

/// Length-prefixed components. Lengths fit: a request head is bounded by `REQUEST_HEAD_BYTES_MAX`.
struct Frame(Vec<u8>);

impl Frame {
    fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&(count as u32).to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests;
