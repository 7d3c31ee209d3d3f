//! The sections of an event, parsed out of a message: headers, cookies and the query string, grouped by name.

use super::text::decode;
use crate::message::Headers;
use crate::rules;
use std::borrow::Cow;
use std::collections::HashMap;

/// All values of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// As the function sees it.
    pub(super) name: Cow<'a, str>,
    /// In order; at least one.
    pub(super) values: Vec<Value<'a>>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// As the function sees it.
    pub(super) text: Cow<'a, str>,
    /// What follows the first `;` of a `Set-Cookie`.
    pub(super) attributes: Option<Cow<'a, str>>,
    /// The bytes it came from: a header value, a `Set-Cookie` line, a cookie pair or a query pair.
    pub(super) raw: &'a [u8],
}

/// The headers a function sees: without `separate` (`cookie` or `set-cookie`) and without disallowed ones.
pub(super) fn headers<'a>(headers: &'a Headers, separate: &str) -> Vec<Entry<'a>> {
    let mut group = Group::default();
    for (name, value) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(separate.as_bytes())) {
        if let Some(name) = header_name(name) {
            group.add(name, Value { text: decode(value), attributes: None, raw: value });
        }
    }
    group.entries
}

/// The name of a header as a function sees it; nothing where it does not.
pub(super) fn header_name(name: &[u8]) -> Option<Cow<'_, str>> {
    (!rules::disallowed(name)).then(|| lower(decode(name)))
}

/// The values of a header by its name, in ASCII.
pub(super) fn header_values<'a>(headers: &'a Headers, name: &[u8]) -> Vec<Value<'a>> {
    let lines = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    lines.map(|(_, value)| Value { text: decode(value), attributes: None, raw: value }).collect()
}

/// The pairs of all `Cookie` lines.
pub(super) fn cookies(headers: &Headers) -> Vec<Entry<'_>> {
    let mut group = Group::default();
    let pairs = headers.values("cookie").flat_map(|line| split(line, b';'));
    for pair in pairs.map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()) {
        let (name, value) = split_at(pair, b'=').unwrap_or((pair, b""));
        group.add(decode(name), Value { text: decode(value), attributes: None, raw: pair });
    }
    group.entries
}

/// The cookies of all `Set-Cookie` lines.
pub(super) fn set_cookies(headers: &Headers) -> Vec<Entry<'_>> {
    let mut group = Group::default();
    for line in headers.values("set-cookie") {
        let (pair, attributes) = match split_at(line, b';') {
            Some((pair, attributes)) => (pair, Some(decode(attributes.trim_ascii()))),
            None => (line, None),
        };
        let (name, value) = split_at(pair, b'=').unwrap_or((pair, b""));
        let attributes = attributes.filter(|attributes| !attributes.is_empty());
        group.add(decode(name.trim_ascii()), Value { text: decode(value.trim_ascii()), attributes, raw: line });
    }
    group.entries
}

/// The pairs of a query string, not decoded.
pub(super) fn query(querystring: &[u8]) -> Vec<Entry<'_>> {
    let mut group = Group::default();
    for pair in split(querystring, b'&').filter(|pair| !pair.is_empty()) {
        let (name, value) = split_at(pair, b'=').unwrap_or((pair, b""));
        group.add(decode(name), Value { text: decode(value), attributes: None, raw: pair });
    }
    group.entries
}

/// Entries in order of first occurrence, with an index once a linear search would be slow.
#[derive(Default)]
struct Group<'a> {
    entries: Vec<Entry<'a>>,
    index: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Group<'a> {
    const LINEAR_MAX: usize = 24;

    fn add(&mut self, name: Cow<'a, str>, value: Value<'a>) {
        if let Some(position) = self.position(&name) {
            self.entries[position].values.push(value);
            return;
        }
        if self.entries.len() >= Self::LINEAR_MAX {
            self.index.insert(name.clone(), self.entries.len());
        }
        self.entries.push(Entry { name, values: vec![value] });
    }

    fn position(&self, name: &str) -> Option<usize> {
        let linear = self.entries.iter().take(Self::LINEAR_MAX).position(|entry| entry.name == name);
        linear.or_else(|| self.index.get(name).copied())
    }
}

fn split_at(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, bytes)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// What stands between separators. Values are long: they are not looked through byte by byte.
fn split(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest.take()?;
        let (piece, after) = split_at(bytes, separator).map_or((bytes, None), |(piece, after)| (piece, Some(after)));
        rest = after;
        Some(piece)
    })
}

fn lower(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(name.to_ascii_lowercase()) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(entries: &[Entry<'_>]) -> Vec<String> {
        entries
            .iter()
            .map(|entry| {
                let values: Vec<_> = entry
                    .values
                    .iter()
                    .map(|value| match &value.attributes {
                        Some(attributes) => format!("{}[{attributes}]", value.text),
                        None => value.text.to_string(),
                    })
                    .collect();
                format!("{}: {}", entry.name, values.join(" | "))
            })
            .collect()
    }

    #[test]
    fn header_lines_of_one_name_stand_together_in_lower_case() {
        let lines = [("Accept", "a, b"), ("X-Amz-Cf-Id", "1"), ("ACCEPT", "c"), ("Cookie", "a=b"), ("TÈst", "d")];
        let lines: Headers = lines.into_iter().collect();
        assert_eq!(texts(&headers(&lines, "cookie")), ["accept: a, b | c", "tÈst: d"]);
    }

    #[test]
    fn cookies_of_all_lines_keep_their_case() {
        let lines: Headers = [("Cookie", "A=1; b=2;A=3"), ("cookie", " bare ;; c=x=y")].into_iter().collect();
        assert_eq!(texts(&cookies(&lines)), ["A: 1 | 3", "b: 2", "bare: ", "c: x=y"]);
    }

    #[test]
    fn attributes_of_a_set_cookie_are_kept_verbatim() {
        let lines: Headers = [("Set-Cookie", "a=1;  Secure; Path=/ "), ("set-cookie", "a=2"), ("Set-Cookie", "b=3;")]
            .into_iter()
            .collect();
        assert_eq!(texts(&set_cookies(&lines)), ["a: 1[Secure; Path=/] | 2", "b: 3"]);
    }

    #[test]
    fn query_pairs_are_not_decoded() {
        let entries = query(b"q=%E5%AE%B6&ID=42&NoValue=&bare&mv=1&mv=2,3&&=x&a=b=c");
        assert_eq!(texts(&entries), ["q: %E5%AE%B6", "ID: 42", "NoValue: ", "bare: ", "mv: 1 | 2,3", ": x", "a: b=c"]);
    }

    #[test]
    fn many_names_are_still_grouped() {
        let pairs: Vec<String> = (0..200).map(|number| format!("n{}=x", number % 100)).collect();
        let text = pairs.join("&");
        let entries = query(text.as_bytes());
        assert_eq!(entries.len(), 100);
        assert!(entries.iter().all(|entry| entry.values.len() == 2));
    }
}
