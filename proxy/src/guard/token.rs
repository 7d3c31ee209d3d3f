//! Where in a request the token is, and the query string without it.

use std::borrow::Cow;

use homefront_config::jwt::TokenSource;
use http::HeaderMap;
use percent_encoding::percent_decode_str;

use crate::cookie;

/// What becomes of the query string, before the cache key and the origin see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryEdit {
    /// It stays as it is.
    Keep,
    /// It goes, with its `?`: the token was all there was.
    Remove,
    /// It is replaced; what is left keeps its order and its bytes.
    Replace(String),
}

/// The token of the first source that has one.
pub(crate) fn find<'r>(
    sources: &'r [TokenSource],
    headers: &'r HeaderMap,
    query: Option<&'r str>,
) -> Option<Cow<'r, str>> {
    sources.iter().find_map(|source| match source {
        TokenSource::Header(name) => in_header(headers, name).map(Cow::Borrowed),
        TokenSource::Cookie(name) => cookie::values(headers, name).find(|value| !value.is_empty()).map(Cow::Borrowed),
        TokenSource::Query(name) => in_query(query?, name),
    })
}

/// `Bearer ` in front is taken off. Another scheme (`Basic …`) is no token, so that the next source is tried; neither
/// is a header that stands twice, of which the origin might believe the one we did not check.
fn in_header<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let value = value.to_str().ok()?.trim_ascii();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_ascii(),
        Some(_) => return None,
        None if value.eq_ignore_ascii_case("bearer") => return None,
        None => value,
    };
    (!token.is_empty()).then_some(token)
}

fn in_query<'r>(query: &'r str, name: &str) -> Option<Cow<'r, str>> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| names(key, name))
        .filter_map(|(_, value)| percent_decode_str(value).decode_utf8().ok())
        .find(|token| !token.is_empty())
}

/// Removes every parameter that a source names, whichever source the token came from: a token must not become part of a
/// cache key or of an origin's log.
pub(crate) fn without_tokens(sources: &[TokenSource], query: Option<&str>) -> QueryEdit {
    let Some(query) = query else { return QueryEdit::Keep };
    let is_token = |pair: &&str| {
        let key = pair.split_once('=').map_or(*pair, |(key, _)| key);
        sources.iter().any(|source| matches!(source, TokenSource::Query(name) if names(key, name)))
    };
    if !query.split('&').any(|pair| is_token(&pair)) {
        return QueryEdit::Keep;
    }
    let mut rest = String::with_capacity(query.len());
    for (position, pair) in query.split('&').filter(|pair| !is_token(pair)).enumerate() {
        if position > 0 {
            rest.push('&');
        }
        rest.push_str(pair);
    }
    if rest.is_empty() { QueryEdit::Remove } else { QueryEdit::Replace(rest) }
}

/// Whether a key as it stands in a query is this name; `%6awt` is `jwt` to an origin, so it is to us.
fn names(key: &str, name: &str) -> bool {
    key == name || (key.contains('%') && percent_decode_str(key).eq(name.bytes()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{AUTHORIZATION, COOKIE};
    use proptest::prelude::*;

    use super::*;

    fn sources() -> [TokenSource; 3] {
        [
            TokenSource::Header("authorization".into()),
            TokenSource::Cookie("session".into()),
            TokenSource::Query("jwt".into()),
        ]
    }

    fn found(authorization: &'static str, cookie: &'static str, query: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, HeaderValue::from_static(authorization)),
            (COOKIE, HeaderValue::from_static(cookie)),
        ]);
        find(&sources(), &headers, Some(query)).map(Cow::into_owned)
    }

    #[test]
    fn sources_are_tried_in_order_and_empty_ones_passed_over() {
        assert_eq!(found("Bearer a", "session=b", "jwt=c").as_deref(), Some("a"));
        assert_eq!(found("bearer   a ", "session=b", "jwt=c").as_deref(), Some("a"));
        assert_eq!(found("a", "session=b", "jwt=c").as_deref(), Some("a"));
        for none in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz"] {
            assert_eq!(found(none, "session=b", "jwt=c").as_deref(), Some("b"), "{none:?}");
            assert_eq!(found(none, "session=", "x=1&jwt=&jwt=c").as_deref(), Some("c"), "{none:?}");
            assert_eq!(found(none, "", "jwt"), None);
        }
    }

    #[test]
    fn a_header_that_stands_twice_is_no_token() {
        let twice =
            HeaderMap::from_iter(["Bearer a", "Bearer b"].map(|v| (AUTHORIZATION, HeaderValue::from_static(v))));
        assert_eq!(find(&sources(), &twice, None), None);
        assert_eq!(find(&sources(), &twice, Some("jwt=c")).as_deref(), Some("c"));
    }

    #[test]
    fn a_percent_encoded_query_token_is_decoded() {
        assert_eq!(found("", "", "%6Awt=a%2Eb").as_deref(), Some("a.b"));
        assert_eq!(found("", "", "jwt=%ff"), None, "not UTF-8");
    }

    #[test]
    fn the_query_loses_its_tokens_and_nothing_else() {
        let sources = sources();
        let rest = |query| without_tokens(&sources, query);
        assert_eq!(rest(None), QueryEdit::Keep);
        assert_eq!(rest(Some("")), QueryEdit::Keep);
        assert_eq!(rest(Some("a=1&JWT=2&jwtx=3")), QueryEdit::Keep);
        assert_eq!(rest(Some("jwt=x")), QueryEdit::Remove);
        assert_eq!(rest(Some("jwt=x&jwt")), QueryEdit::Remove);
        assert_eq!(rest(Some("a=%20&jwt=x&b&%6a%77t=y&a=2")), QueryEdit::Replace("a=%20&b&a=2".into()));
        assert_eq!(rest(Some("&jwt=x&")), QueryEdit::Replace("&".into()));
    }

    proptest! {
        #[test]
        fn no_token_parameter_survives(pairs in prop::collection::vec("(jwt|%6Awt|a|b%20)(=[a-z%]{0,4})?", 0..6)) {
            let query = pairs.join("&");
            let left = match without_tokens(&sources(), Some(&query)) {
                QueryEdit::Keep => query.clone(),
                QueryEdit::Remove => String::new(),
                QueryEdit::Replace(rest) => rest,
            };
            let wanted: Vec<_> = pairs.iter().filter(|p| !p.starts_with("jwt") && !p.starts_with("%6Awt")).collect();
            let left: Vec<_> = left.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
            prop_assert_eq!(left.iter().collect::<Vec<_>>(), wanted);
        }
    }
}
