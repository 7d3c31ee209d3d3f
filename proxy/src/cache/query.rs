//! Query strings, as policies select them: names exact, order and bytes kept, `&` the only separator.
//!
//! Developer Guide, "Cache content based on query string parameters".

use std::borrow::Cow;

/// Parameters of signed URLs: never in the key, never sent to the origin.
pub const SIGNED_URL_PARAMETERS: [&str; 5] = ["Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"];

/// The `name=value` pairs of `query` whose name `takes` accepts, joined as they stood; `None` when nothing is left.
pub fn select(query: Option<&str>, takes: impl Fn(&[u8]) -> bool) -> Option<Cow<'_, str>> {
    let query = query?;
    let is_selected = |pair: &str| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        !SIGNED_URL_PARAMETERS.contains(&name) && takes(name.as_bytes())
    };
    if query.split('&').all(is_selected) {
        return (!query.is_empty()).then_some(Cow::Borrowed(query));
    }
    let mut left = String::with_capacity(query.len());
    for (index, pair) in query.split('&').filter(|pair| is_selected(pair)).enumerate() {
        if index > 0 {
            left.push('&');
        }
        left.push_str(pair);
    }
    (!left.is_empty()).then_some(Cow::Owned(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use homefront_config::policy::Selection;

    fn kept(query: &str, selection: &Selection) -> Option<String> {
        select(Some(query), |name| selection.takes(name)).map(Cow::into_owned)
    }

    #[test]
    fn order_and_bytes_are_kept() {
        assert_eq!(kept("b=2&a=%41;x&b=1&c", &Selection::All).as_deref(), Some("b=2&a=%41;x&b=1&c"));
        let list = Selection::AllowList(vec!["b".into(), "c".into()]);
        assert_eq!(kept("b=2&a=1&b=1&c&B=3", &list).as_deref(), Some("b=2&b=1&c"));
        assert_eq!(kept("b=2&a=1&b=1&c", &Selection::AllExcept(vec!["b".into()])).as_deref(), Some("a=1&c"));
    }

    #[test]
    fn nothing_is_left_when_nothing_is_taken() {
        assert_eq!(kept("a=1", &Selection::None), None);
        assert_eq!(kept("", &Selection::All), None);
        assert_eq!(select(None, |_| true), None);
    }

    #[test]
    fn parameters_of_signed_urls_never_pass() {
        let signed = "a=1&Expires=2&Policy=p&Signature=s&Key-Pair-Id=k&Hash-Algorithm=SHA256&expires=3";
        assert_eq!(kept(signed, &Selection::All).as_deref(), Some("a=1&expires=3"));
    }

    #[test]
    fn the_query_is_not_copied_when_all_of_it_is_taken() {
        assert!(matches!(select(Some("a=1&b=2"), |_| true), Some(Cow::Borrowed(_))));
    }
}
