//! Which distribution answers, by Host, and which of its behaviors, by path.

use homefront_config::{Behavior, Distribution};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// All distributions of a node, by host.
#[derive(Debug)]
pub(crate) struct Routes<D> {
    exact: HashMap<String, Arc<D>>,
    /// `*.` aliases without the star, longest first, so that the most specific wins.
    wildcards: Vec<(String, Arc<D>)>,
    /// The one distribution of a file that names no alias answers for every host, as on a laptop it must.
    any: Option<Arc<D>>,
}

impl<D> Routes<D> {
    /// The routes to `distributions`, each with what the node prepared for it.
    pub(crate) fn new(distributions: impl IntoIterator<Item = (Arc<Distribution>, Arc<D>)>) -> Self {
        let mut routes = Self { exact: HashMap::new(), wildcards: Vec::new(), any: None };
        let distributions: Vec<_> = distributions.into_iter().collect();
        if let [(only, prepared)] = &distributions[..]
            && only.aliases.is_empty()
        {
            routes.any = Some(prepared.clone());
        }
        for (distribution, prepared) in distributions {
            routes.exact.insert(distribution.domain_name.to_ascii_lowercase(), prepared.clone());
            for alias in &distribution.aliases {
                match alias.strip_prefix('*') {
                    Some(suffix) => routes.wildcards.push((suffix.to_owned(), prepared.clone())),
                    None => drop(routes.exact.insert(alias.clone(), prepared.clone())),
                }
            }
        }
        routes.wildcards.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        routes
    }

    /// The distribution for a host in canonical form.
    pub(crate) fn distribution(&self, host: &str) -> Option<&Arc<D>> {
        let wildcard = || self.wildcards.iter().find(|(suffix, _)| host.ends_with(suffix.as_str()));
        self.exact.get(host).or_else(|| wildcard().map(|(_, prepared)| prepared)).or(self.any.as_ref())
    }
}

/// The first behavior whose pattern matches the normalised path, else the default one.
///
/// Developer Guide, path pattern: the query takes no part, and the raw path travels on.
pub(crate) fn behavior<'a>(distribution: &'a Distribution, path: &str) -> &'a Arc<Behavior> {
    let path = normalise(path);
    let matching = distribution.behaviors.iter().find(|behavior| behavior.path_pattern.matches(&path));
    matching.unwrap_or(&distribution.default_behavior)
}

/// RFC 3986 §6.2.2: unreserved characters decoded, `.` and `..` resolved; and runs of `/` are one.
pub(crate) fn normalise(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && !path.contains("/.") && !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let decoded = decode_unreserved(path);
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let ends_in_folder = decoded.ends_with('/') || decoded.ends_with("/.") || decoded.ends_with("/..");
    let slash = if ends_in_folder && !segments.is_empty() { "/" } else { "" };
    Cow::Owned(format!("/{}{slash}", segments.join("/")))
}

fn decode_unreserved(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') => {
                decoded.push(char::from(byte));
                rest = &after[2..];
            }
            _ => {
                decoded.push('%');
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_normalised_for_matching_only_as_rfc_3986_says() {
        let cases = [
            ("/a/b/..", "/a/"),
            ("/a/./b", "/a/b"),
            ("/a//b", "/a/b"),
            ("///", "/"),
            ("/..", "/"),
            ("/%61dmin/x", "/admin/x"),
            ("/a/%2e%2e/b", "/b"),
            ("/a%2fb", "/a%2fb"),
            ("/50%", "/50%"),
            ("/plain", "/plain"),
        ];
        for (raw, normal) in cases {
            assert_eq!(normalise(raw), normal, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn normalised_paths_have_no_dot_segments_and_no_empty_ones(path in "/[a./%2eE/]{0,40}") {
            let once = normalise(&path).into_owned();
            prop_assert!(once.starts_with('/') && !once.contains("//") && !once.contains("/./") && !once.contains("/../"));
        }
    }
}
