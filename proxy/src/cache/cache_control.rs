//! Cache-Control of a response, parsed once and leniently: what cannot be understood is as if it were not there.
//!
//! RFC 9111 §5.2; of duplicates the first counts. Nothing is rejected, because an origin's typing error must not take its
//! site down.

use http::header::{CACHE_CONTROL, HeaderName};
use http::{HeaderMap, HeaderValue};

/// The directives that decide about storing. Seconds are capped at [`SECONDS_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheControl {
    /// Without field names.
    pub no_cache: bool,
    /// Present.
    pub no_store: bool,
    /// Without field names.
    pub private: bool,
    /// Seconds.
    pub max_age_s: Option<u64>,
    /// Seconds.
    pub s_maxage_s: Option<u64>,
    /// Seconds.
    pub stale_while_revalidate_s: Option<u64>,
    /// Seconds.
    pub stale_if_error_s: Option<u64>,
    /// Header names of `no-cache="…"` and `private="…"`: those headers are not stored, the rest of the response may be.
    pub headers_not_stored: Vec<HeaderName>,
}

/// 100 years, the longest lifetime CloudFront knows.
pub const SECONDS_MAX: u64 = 3_153_600_000;

impl CacheControl {
    /// All Cache-Control lines of a response.
    pub fn parse(headers: &HeaderMap) -> Self {
        let mut parsed = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            for directive in directives(line) {
                parsed.take(directive);
            }
        }
        parsed
    }

    /// Whether any of no-cache, no-store and private stands for the whole response.
    pub fn forbids(&self) -> bool {
        self.no_cache || self.no_store || self.private
    }

    fn take(&mut self, directive: &[u8]) {
        let (name, argument) = match directive.iter().position(|&b| b == b'=') {
            Some(equals) => (directive[..equals].trim_ascii(), Some(unquote(directive[equals + 1..].trim_ascii()))),
            None => (directive, None),
        };
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if is("max-age") {
            keep_first(&mut self.max_age_s, argument);
        } else if is("s-maxage") {
            keep_first(&mut self.s_maxage_s, argument);
        } else if is("no-store") {
            self.no_store = true;
        } else if is("no-cache") {
            self.no_cache |= !self.name_headers(argument);
        } else if is("private") {
            self.private |= !self.name_headers(argument);
        } else if is("stale-while-revalidate") {
            keep_first(&mut self.stale_while_revalidate_s, argument);
        } else if is("stale-if-error") {
            keep_first(&mut self.stale_if_error_s, argument);
        }
    }

    /// Takes the header names of a qualified directive; false when there are none, so that it stands for the response.
    fn name_headers(&mut self, argument: Option<&[u8]>) -> bool {
        let before = self.headers_not_stored.len();
        let names = argument.unwrap_or_default().split(|&b| b == b',').map(<[u8]>::trim_ascii);
        self.headers_not_stored.extend(names.filter_map(|name| HeaderName::from_bytes(name).ok()));
        self.headers_not_stored.len() > before
    }
}

/// Splits at commas outside quotes.
fn directives(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    line.as_bytes()
        .split(move |&b| {
            quoted ^= b == b'"';
            b == b',' && !quoted
        })
        .map(<[u8]>::trim_ascii)
}

fn unquote(argument: &[u8]) -> &[u8] {
    argument.strip_prefix(b"\"").map_or(argument, |open| open.strip_suffix(b"\"").unwrap_or(open))
}

/// Seconds are digits only; a number too large to hold is the longest lifetime there is.
fn keep_first(seconds: &mut Option<u64>, argument: Option<&[u8]>) {
    let Some(digits) = argument else { return };
    if seconds.is_none() && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        *seconds = Some(digits.iter().fold(0, add).min(SECONDS_MAX));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(lines: &[&str]) -> CacheControl {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, line.parse().unwrap());
        }
        CacheControl::parse(&headers)
    }

    #[test]
    fn directives_are_read_over_all_lines_in_any_case() {
        let parsed = parse(&["public, Max-Age=60", "s-maxage = 5 ,STALE-WHILE-REVALIDATE=7, stale-if-error=\"8\""]);
        let expected = CacheControl {
            max_age_s: Some(60),
            s_maxage_s: Some(5),
            stale_while_revalidate_s: Some(7),
            stale_if_error_s: Some(8),
            ..CacheControl::default()
        };
        assert_eq!(parsed, expected);
    }

    #[test]
    fn a_lifetime_that_is_no_number_is_as_if_absent() {
        for line in ["max-age=", "max-age", "max-age=-1", "max-age=1.5", "max-age=1 2", "max-age=+1"] {
            assert_eq!(parse(&[line]).max_age_s, None, "{line}");
        }
        assert_eq!(parse(&["max-age=99999999999999999999999"]).max_age_s, Some(SECONDS_MAX));
    }

    #[test]
    fn the_first_of_duplicates_counts() {
        assert_eq!(parse(&["max-age=1, max-age=2"]).max_age_s, Some(1));
        assert_eq!(parse(&["max-age=x, max-age=2"]).max_age_s, Some(2));
    }

    #[test]
    fn a_qualified_directive_names_headers_and_does_not_forbid() {
        let parsed = parse(&["no-cache=\"Set-Cookie, x-a\", private=\"x-b\", max-age=9"]);
        assert!(!parsed.forbids());
        assert_eq!(parsed.headers_not_stored, ["set-cookie", "x-a", "x-b"]);
        assert_eq!(parsed.max_age_s, Some(9));
        assert!(parse(&["no-cache=\"\""]).no_cache);
        assert!(parse(&["private"]).forbids());
        assert!(parse(&["no-store"]).forbids());
    }

    proptest! {
        #[test]
        fn no_header_can_make_it_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(CACHE_CONTROL, value);
                let parsed = CacheControl::parse(&headers);
                prop_assert!(parsed.max_age_s.is_none_or(|seconds| seconds <= SECONDS_MAX));
            }
        }
    }
}
