//! Cookies of a viewer, as policies select them: exact names, sorted by name, `$` names dropped.
//!
//! Developer Guide, "Cache content based on cookies".

use homefront_config::policy::Selection;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// One `name=value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cookie<'a> {
    /// Before the first `=`.
    pub name: &'a [u8],
    /// After it, quotes included.
    pub value: &'a [u8],
}

/// The cookies whose name `takes` accepts, sorted by name; equal names stay in the viewer's order.
pub fn select<'a>(headers: &'a HeaderMap, takes: impl Fn(&[u8]) -> bool) -> Vec<Cookie<'a>> {
    let mut cookies: Vec<Cookie<'a>> = headers
        .get_all(COOKIE)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|&b| b == b';'))
        .filter_map(parse)
        .filter(|cookie| takes(cookie.name))
        .collect();
    cookies.sort_by_key(|cookie| cookie.name);
    cookies
}

/// The cookies of the cache key.
pub fn in_key<'a>(selection: &Selection, headers: &'a HeaderMap) -> Vec<Cookie<'a>> {
    if *selection == Selection::None { Vec::new() } else { select(headers, |name| selection.takes(name)) }
}

/// The Cookie header the origin gets; `None` when no cookie is left.
pub fn header(cookies: &[Cookie<'_>]) -> Option<HeaderValue> {
    if cookies.is_empty() {
        return None;
    }
    let bytes = cookies.iter().map(|cookie| cookie.name.len() + cookie.value.len() + 3).sum();
    let mut line = Vec::with_capacity(bytes);
    for cookie in cookies {
        if !line.is_empty() {
            line.extend_from_slice(b"; ");
        }
        line.extend_from_slice(cookie.name);
        line.push(b'=');
        line.extend_from_slice(cookie.value);
    }
    // The bytes come out of header values, so they are fit for one.
    HeaderValue::from_maybe_shared(bytes::Bytes::from(line)).ok()
}

/// `None` for what is not `name=value`, for an empty name, and for names that start with `$`.
fn parse(pair: &[u8]) -> Option<Cookie<'_>> {
    let pair = pair.trim_ascii();
    let equals = pair.iter().position(|&b| b == b'=')?;
    let (name, value) = (pair[..equals].trim_ascii_end(), pair[equals + 1..].trim_ascii_start());
    (!name.is_empty() && !name.starts_with(b"$")).then_some(Cookie { name, value })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn sent(lines: &[&str], selection: &Selection) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, line.parse().unwrap());
        }
        header(&in_key(selection, &headers)).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_are_sorted_by_name_over_all_lines() {
        let all = sent(&["b=2; a=1", "c=3;b=1"], &Selection::All);
        assert_eq!(all.as_deref(), Some("a=1; b=2; b=1; c=3"));
    }

    #[test]
    fn dollar_names_and_what_is_no_pair_are_dropped() {
        assert_eq!(sent(&["$Version=1; lonely; =x; a=b=c; e="], &Selection::All).as_deref(), Some("a=b=c; e="));
    }

    #[test]
    fn names_are_case_sensitive() {
        let sid = Selection::AllowList(vec!["sid".into()]);
        assert_eq!(sent(&["SID=1; sid=2; other=3"], &sid).as_deref(), Some("sid=2"));
        assert_eq!(sent(&["other=3"], &sid), None);
        assert_eq!(sent(&["SID=1; sid=2"], &Selection::AllExcept(vec!["sid".into()])).as_deref(), Some("SID=1"));
    }
}
