//! Accept-Encoding, normalised to the few values a cache policy tells apart.
//!
//! Developer Guide, "Understand cache policies", compressed objects; "Serve compressed files" for HTTP/1.0.

use homefront_config::policy::cache::CachePolicy;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, Version};

/// What is left of a viewer's Accept-Encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptEncoding {
    /// The viewer sent none (or speaks HTTP/1.0): nothing in the key, nothing to the origin.
    Absent,
    /// The policy does not normalise: an ordinary header, in the key or forwarded only where it is listed.
    Ordinary,
    /// The viewer takes no encoding that the policy knows: not in the key, `identity` to the origin.
    Identity,
    /// Gzip only.
    Gzip,
    /// Brotli only.
    Brotli,
    /// Both.
    BrotliAndGzip,
}

impl AcceptEncoding {
    /// The part of the cache key.
    pub fn key(self) -> Option<&'static str> {
        match self {
            Self::Absent | Self::Ordinary | Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
            Self::BrotliAndGzip => Some("br,gzip"),
        }
    }

    /// The value of the header that the origin gets; `None` = none, or the viewer's own if it is [`AcceptEncoding::Ordinary`].
    pub fn to_origin(self) -> Option<&'static str> {
        if self == Self::Identity { Some("identity") } else { self.key() }
    }
}

/// Reads the viewer's header under `policy`.
///
/// With both encodings on, a viewer's order and weights play no part. With gzip alone, brotli is not seen, and the reverse.
/// An encoding with `q=0` is not acceptable (RFC 9110 §12.5.3); `*` names no encoding.
pub fn normalise(policy: &CachePolicy, headers: &HeaderMap, version: Version) -> AcceptEncoding {
    if version <= Version::HTTP_10 || !headers.contains_key(ACCEPT_ENCODING) {
        return AcceptEncoding::Absent;
    }
    if !policy.accept_encoding_gzip && !policy.accept_encoding_brotli {
        return AcceptEncoding::Ordinary;
    }
    let (mut gzip, mut brotli) = (false, false);
    for value in headers.get_all(ACCEPT_ENCODING) {
        for item in value.as_bytes().split(|&b| b == b',') {
            let (coding, accepted) = parse(item);
            gzip |= accepted && coding.eq_ignore_ascii_case(b"gzip");
            brotli |= accepted && coding.eq_ignore_ascii_case(b"br");
        }
    }
    match (gzip && policy.accept_encoding_gzip, brotli && policy.accept_encoding_brotli) {
        (true, true) => AcceptEncoding::BrotliAndGzip,
        (true, false) => AcceptEncoding::Gzip,
        (false, true) => AcceptEncoding::Brotli,
        (false, false) => AcceptEncoding::Identity,
    }
}

/// `gzip;q=0.5` as its coding and whether it is acceptable at all.
fn parse(item: &[u8]) -> (&[u8], bool) {
    let mut parts = item.split(|&b| b == b';').map(<[u8]>::trim_ascii);
    let coding = parts.next().unwrap_or_default();
    let refused = parts.any(|parameter| {
        let weight = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="));
        weight.is_some_and(is_zero)
    });
    (coding, !refused)
}

/// `0`, `0.`, `0.0`, `0.00`, `0.000`.
fn is_zero(weight: &[u8]) -> bool {
    match weight.split_first() {
        Some((b'0', rest)) => rest.is_empty() || (rest[0] == b'.' && rest[1..].iter().all(|&b| b == b'0')),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::cache::tests::policy;

    fn seen(gzip: bool, brotli: bool, header: Option<&str>) -> (Option<&'static str>, Option<&'static str>) {
        let policy = CachePolicy { accept_encoding_gzip: gzip, accept_encoding_brotli: brotli, ..policy() };
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(ACCEPT_ENCODING, header.parse().unwrap());
        }
        let normal = normalise(&policy, &headers, Version::HTTP_11);
        (normal.key(), normal.to_origin())
    }

    #[test]
    fn both_encodings_are_normalised_by_the_table() {
        assert_eq!(seen(true, true, Some("gzip, deflate, br")), (Some("br,gzip"), Some("br,gzip")));
        assert_eq!(seen(true, true, Some("br, gzip")), (Some("br,gzip"), Some("br,gzip")));
        assert_eq!(seen(true, true, Some("gzip")), (Some("gzip"), Some("gzip")));
        assert_eq!(seen(true, true, Some("BR;q=0.2")), (Some("br"), Some("br")));
        assert_eq!(seen(true, true, Some("deflate")), (None, Some("identity")));
        assert_eq!(seen(true, true, Some("*")), (None, Some("identity")));
        assert_eq!(seen(true, true, None), (None, None));
    }

    #[test]
    fn one_encoding_hides_the_other() {
        assert_eq!(seen(true, false, Some("br, gzip")), (Some("gzip"), Some("gzip")));
        assert_eq!(seen(true, false, Some("br")), (None, Some("identity")));
        assert_eq!(seen(false, true, Some("br, gzip")), (Some("br"), Some("br")));
        assert_eq!(seen(false, true, Some("gzip")), (None, Some("identity")));
    }

    #[test]
    fn the_header_is_ordinary_when_the_policy_does_not_normalise() {
        assert_eq!(seen(false, false, Some("gzip")), (None, None));
    }

    #[test]
    fn an_encoding_of_weight_zero_is_not_accepted() {
        assert_eq!(seen(true, true, Some("br;q=0, gzip;q=0.001")), (Some("gzip"), Some("gzip")));
        assert_eq!(seen(true, true, Some("br ; Q=0.000,gzip;q=0.")), (None, Some("identity")));
    }

    #[test]
    fn http_1_0_is_asked_for_no_encoding() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, "gzip, br".parse().unwrap());
        assert_eq!(normalise(&policy(), &headers, Version::HTTP_10), AcceptEncoding::Absent);
        assert_eq!(normalise(&policy(), &headers, Version::HTTP_2), AcceptEncoding::BrotliAndGzip);
    }
}
