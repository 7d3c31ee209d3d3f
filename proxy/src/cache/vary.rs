//! The Vary header a viewer sees. Variants are made by the cache policy alone; what is not forwarded cannot vary anything.
//!
//! Developer Guide, "How CloudFront processes responses from your custom origin", Vary.

use http::header::{HeaderValue, VARY};
use http::{HeaderMap, HeaderName};

/// The value to send for the origin's; `None` = no Vary header. `is_forwarded` says whether the viewer's header of a name
/// goes to the origin.
pub fn to_viewer(origin: &HeaderMap, is_forwarded: impl Fn(&HeaderName) -> bool) -> Option<HeaderValue> {
    let names = origin.get_all(VARY).into_iter().flat_map(|line| line.as_bytes().split(|&b| b == b','));
    let kept: Vec<&[u8]> = names
        .map(<[u8]>::trim_ascii)
        .filter(|name| {
            name.eq_ignore_ascii_case(b"accept-encoding")
                || name.eq_ignore_ascii_case(b"cookie")
                || HeaderName::from_bytes(name).is_ok_and(|name| is_forwarded(&name))
        })
        .collect();
    if kept.is_empty() { None } else { HeaderValue::from_bytes(&kept.join(&b", "[..])).ok() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn seen(lines: &[&str]) -> Option<String> {
        let mut origin = HeaderMap::new();
        for line in lines {
            origin.append(VARY, line.parse().unwrap());
        }
        to_viewer(&origin, |name| name == "accept-language").map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn only_forwarded_names_and_two_others_are_kept() {
        assert_eq!(
            seen(&["Accept-Language, Foo, Accept-Encoding"]).as_deref(),
            Some("Accept-Language, Accept-Encoding")
        );
        assert_eq!(seen(&["Foo", "cookie,foo"]).as_deref(), Some("cookie"));
    }

    #[test]
    fn no_header_is_sent_when_no_name_is_left() {
        assert_eq!(seen(&["Origin"]), None);
        assert_eq!(seen(&["*"]), None);
        assert_eq!(seen(&[]), None);
    }
}
