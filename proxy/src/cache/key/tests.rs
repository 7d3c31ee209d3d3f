//! A key is a function of exactly the policy's inputs, and its bytes tell them all apart.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::cache::tests::policy;
use homefront_config::policy::Selection;
use http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;

/// A request in the terms of a test.
#[derive(Debug, Clone)]
struct Request {
    method: Method,
    path: String,
    query: Option<String>,
    headers: Vec<(&'static str, String)>,
}

fn get(path_and_query: &str, headers: &[(&'static str, &str)]) -> Request {
    let (path, query) = path_and_query.split_once('?').map_or((path_and_query, None), |(p, q)| (p, Some(q)));
    Request {
        method: Method::GET,
        path: path.into(),
        query: query.map(Into::into),
        headers: headers.iter().map(|&(name, value)| (name, value.to_owned())).collect(),
    }
}

fn key(policy: &CachePolicy, request: &Request) -> Key {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    let inputs = CacheKeyInputs {
        distribution_domain_name: "d111111abcdef8.cloudfront.net",
        method: &request.method,
        path: &request.path,
        query: request.query.as_deref(),
        headers: &headers,
        version: Version::HTTP_11,
    };
    build(policy, &inputs)
}

fn list(names: &[&str]) -> Selection {
    Selection::AllowList(names.iter().map(|&name| name.to_owned()).collect())
}

#[test]
fn query_strings_are_keyed_as_the_policy_says() {
    let all = CachePolicy { query_strings: Selection::All, ..policy() };
    let a = CachePolicy { query_strings: list(&["a"]), ..policy() };
    let key = |policy: &CachePolicy, request: &str| key(policy, &get(request, &[]));
    assert_eq!(key(&policy(), "/x?a=1"), key(&policy(), "/x?a=2"));
    assert_ne!(key(&a, "/x?a=1"), key(&a, "/x?a=2"));
    assert_eq!(key(&a, "/x?a=1&b=1"), key(&a, "/x?a=1&b=2"));
    assert_ne!(key(&a, "/x?a=1"), key(&a, "/x?A=1"));
    assert_ne!(key(&all, "/x?a=1&b=2"), key(&all, "/x?b=2&a=1"));
    assert_eq!(key(&all, "/x?a=1"), key(&all, "/x?a=1&Expires=1&Signature=s&Key-Pair-Id=k&Policy=p"));
}

#[test]
fn headers_are_keyed_by_exact_value_and_an_absent_one_is_a_variant() {
    let language = CachePolicy { headers: vec!["accept-language".into()], ..policy() };
    let key = |headers: &[(&'static str, &str)]| key(&language, &get("/x", headers));
    let variants = [key(&[("accept-language", "en")]), key(&[("accept-language", "EN")]), key(&[])];
    assert_ne!(variants[0], variants[1]);
    assert_ne!(variants[0], variants[2]);
    assert_ne!(key(&[("accept-language", "")]), variants[2]);
    assert_eq!(key(&[("accept-language", "en"), ("x-other", "1")]), variants[0]);
    assert_eq!(key(&[("x-other", "1"), ("accept-language", "en")]), variants[0]);
}

#[test]
fn only_listed_cookies_are_keyed_whatever_their_order() {
    let sid = CachePolicy { cookies: list(&["sid", "theme"]), ..policy() };
    let key = |cookie: &str| key(&sid, &get("/x", &[("cookie", cookie)]));
    assert_eq!(key("sid=1; other=2"), key("sid=1; other=3"));
    assert_eq!(key("sid=1; theme=2"), key("theme=2; $x=1; sid=1"));
    assert_ne!(key("sid=1"), key("sid=2"));
    assert_ne!(key("sid=1"), key("SID=1"));
}

#[test]
fn deflate_and_no_encoding_share_an_object_but_gzip_and_brotli_do_not() {
    let key = |encoding: Option<&str>| {
        let headers: Vec<_> = encoding.map(|value| ("accept-encoding", value)).into_iter().collect();
        key(&policy(), &get("/x", &headers))
    };
    assert_eq!(key(Some("deflate")), key(None));
    assert_ne!(key(Some("gzip, deflate, br")), key(Some("gzip")));
    assert_ne!(key(Some("gzip")), key(None));
}

#[test]
fn get_and_head_share_an_object_and_options_has_its_own() {
    let request = get("/x", &[]);
    let with = |method| key(&policy(), &Request { method, ..request.clone() });
    assert_eq!(with(Method::GET), with(Method::HEAD));
    assert_ne!(with(Method::GET), with(Method::OPTIONS));
}

#[test]
fn a_key_explains_itself() {
    let policy = CachePolicy {
        headers: vec!["accept-language".into(), "x-tenant".into()],
        cookies: Selection::All,
        query_strings: list(&["page"]),
        ..policy()
    };
    let request =
        get("/a b?page=2&x=1", &[("accept-language", "en"), ("accept-encoding", "gzip, br"), ("cookie", "b=2; a=1")]);
    insta::assert_snapshot!(key(&policy, &request).explain().unwrap(), @"
    GET d111111abcdef8.cloudfront.net/a b?page=2
    accept-encoding: br,gzip (normalised)
    accept-language: en
    x-tenant (absent)
    cookie a=1
    cookie b=2
    ");
}

fn text() -> impl Strategy<Value = String> {
    // Few letters and the separators themselves, so that ambiguous framings would collide.
    "[ab&=;,:0]{0,4}"
}

fn request() -> impl Strategy<Value = Request> {
    let headers = prop::collection::vec((prop::sample::select(vec!["x-a", "x-b", "x-c", "cookie"]), text()), 0..5);
    let method = prop::sample::select(vec![Method::GET, Method::HEAD, Method::OPTIONS]);
    (method, text(), prop::option::of(text()), headers).prop_map(|(method, path, query, headers)| Request {
        method,
        path,
        query,
        headers,
    })
}

fn selection() -> impl Strategy<Value = Selection> {
    let names = || prop::collection::vec("[ab0]{0,2}", 0..3);
    prop_oneof![
        Just(Selection::None),
        Just(Selection::All),
        names().prop_map(Selection::AllowList),
        names().prop_map(Selection::AllExcept),
    ]
}

fn any_policy() -> impl Strategy<Value = CachePolicy> {
    let headers = prop::sample::subsequence(vec!["x-a".to_owned(), "x-b".to_owned()], 0..=2);
    (headers, selection(), selection()).prop_map(|(headers, cookies, query_strings)| CachePolicy {
        headers,
        cookies,
        query_strings,
        ..policy()
    })
}

/// What the policy takes, said without the code under test.
fn taken(policy: &CachePolicy, request: &Request) -> Explained {
    let pairs = |text: &str, separator: char| -> Vec<String> { text.split(separator).map(str::to_owned).collect() };
    let query: Vec<String> = pairs(request.query.as_deref().unwrap_or_default(), '&')
        .into_iter()
        .filter(|pair| policy.query_strings.takes(pair.split('=').next().unwrap().as_bytes()))
        .collect();
    let mut cookies: Vec<(String, String)> = request
        .headers
        .iter()
        .filter(|(name, _)| *name == "cookie")
        .flat_map(|(_, line)| pairs(line, ';'))
        .filter_map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .filter(|(name, _)| !name.is_empty() && policy.cookies.takes(name.as_bytes()))
        .collect();
    cookies.sort_by(|a, b| a.0.cmp(&b.0));
    let values = |name: &str| {
        request.headers.iter().filter(|(other, _)| *other == name).map(|(_, value)| value.clone()).collect()
    };
    let method = if request.method == Method::HEAD { Method::GET } else { request.method.clone() };
    Explained {
        distribution_domain_name: "d111111abcdef8.cloudfront.net".into(),
        method: method.to_string(),
        path: request.path.clone(),
        query: query.join("&"),
        accept_encoding: String::new(),
        headers: policy.headers.iter().map(|name| (name.clone(), values(name))).collect(),
        cookies,
    }
}

proptest! {
    #[test]
    fn keys_are_equal_exactly_when_what_the_policy_takes_is_equal(
        policy in any_policy(), one in request(), other in request(),
    ) {
        let (first, second) = (key(&policy, &one), key(&policy, &other));
        let same = taken(&policy, &one) == taken(&policy, &other);
        prop_assert_eq!(first.primary == second.primary, same);
        prop_assert_eq!(first.hash == second.hash, same);
    }

    #[test]
    fn the_framed_bytes_read_back_as_what_the_policy_takes(policy in any_policy(), one in request()) {
        prop_assert_eq!(key(&policy, &one).explain().unwrap(), taken(&policy, &one));
    }

    #[test]
    fn what_the_policy_does_not_take_changes_nothing(policy in any_policy(), one in request(), noise in text()) {
        let mut noisy = one.clone();
        noisy.headers.push(("x-noise", noise));
        prop_assert_eq!(key(&policy, &one), key(&policy, &noisy));
    }
}

#[test]
fn an_object_that_is_fetched_as_an_error_page_has_a_key_of_its_own() {
    let (page, other) = (key(&policy(), &get("/page.html", &[])), key(&policy(), &get("/other.html", &[])));
    assert_ne!(page.clone().of_error_page(), page);
    assert_ne!(page.clone().of_error_page(), other.of_error_page());
    assert_eq!(page.clone().of_error_page(), page.of_error_page());
}
