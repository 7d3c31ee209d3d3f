//! What a 304 changes in the stored response.
//!
//! RFC 9111 §3.2 and §4.3.4: every header of the 304 replaces the stored one, except those about the bytes that are stored
//! already.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Not taken from a 304: they frame a body, belong to the connection, or describe bytes that the 304 does not carry.
const NOT_TAKEN: [HeaderName; 10] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Each header to change, with its new values; none = to be removed.
pub fn changes<'a>(stored: &HeaderMap, not_modified: &'a HeaderMap) -> Vec<(HeaderName, Vec<&'a HeaderValue>)> {
    let mut changes: Vec<_> = not_modified
        .keys()
        .filter(|name| !NOT_TAKEN.contains(name) && !is_own_tag(name, stored, not_modified))
        .map(|name| (name.clone(), not_modified.get_all(name).iter().collect()))
        .collect();
    // The age of the stored answer is over: the 304 is as old as it says, or new.
    if stored.contains_key(header::AGE) && !not_modified.contains_key(header::AGE) {
        changes.push((header::AGE, Vec::new()));
    }
    changes
}

/// A tag that was weakened here, because the object was compressed here, stays weak.
fn is_own_tag(name: &HeaderName, stored: &HeaderMap, not_modified: &HeaderMap) -> bool {
    let opaque = |headers: &HeaderMap| {
        let tag = headers.get(header::ETAG)?.as_bytes().to_owned();
        Some(tag.strip_prefix(b"W/").map(<[u8]>::to_owned).unwrap_or(tag))
    };
    name == header::ETAG
        && stored.contains_key(header::CONTENT_ENCODING)
        && stored.get(header::ETAG).is_some_and(|tag| tag.as_bytes().starts_with(b"W/"))
        && opaque(stored) == opaque(not_modified)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn shown(stored: &[(&'static str, &str)], not_modified: &[(&'static str, &str)]) -> Vec<String> {
        let (stored, not_modified) = (headers(stored), headers(not_modified));
        let mut shown: Vec<String> = changes(&stored, &not_modified)
            .into_iter()
            .map(|(name, values)| {
                let values: Vec<_> = values.iter().map(|value| value.to_str().unwrap()).collect();
                format!("{name}: {}", values.join(" | "))
            })
            .collect();
        shown.sort();
        shown
    }

    #[test]
    fn every_header_of_the_304_replaces_the_stored_one() {
        let mut not_modified = headers(&[("x-a", "new"), ("date", "today"), ("last-modified", "then")]);
        not_modified.append("x-a", "newer".parse().unwrap());
        let changes = changes(&headers(&[("x-a", "old"), ("x-kept", "1")]), &not_modified);
        assert_eq!(changes.len(), 3);
        let (_, values) = changes.iter().find(|(name, _)| name == "x-a").unwrap();
        assert_eq!(*values, ["new", "newer"]);
    }

    #[test]
    fn the_304_does_not_say_how_the_stored_bytes_are_framed_or_coded() {
        let not_modified = [
            ("content-length", "0"),
            ("content-encoding", "br"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
        ];
        assert!(shown(&[("content-length", "5")], &not_modified).is_empty());
    }

    #[test]
    fn an_old_age_is_forgotten() {
        assert_eq!(shown(&[("age", "100")], &[("etag", "\"a\"")]), ["age: ", "etag: \"a\""]);
        assert_eq!(shown(&[("age", "100")], &[("age", "3")]), ["age: 3"]);
    }

    #[test]
    fn the_weak_tag_of_an_object_compressed_here_stays_weak() {
        let stored = [("content-encoding", "gzip"), ("etag", "W/\"a\"")];
        assert!(shown(&stored, &[("etag", "\"a\"")]).is_empty());
        assert_eq!(shown(&stored, &[("etag", "\"b\"")]), ["etag: \"b\""]);
        assert_eq!(shown(&[("etag", "W/\"a\"")], &[("etag", "\"a\"")]), ["etag: \"a\""]);
    }
}
