//! Policies of files, and managed ones, on responses.

use super::*;
use homefront_config::policy::managed;
use std::sync::Arc;

/// The policy of a file that has one.
fn policy(text: &str) -> Arc<ResponseHeadersPolicy> {
    let site = format!(
        "[[distribution]]\norigin = [{{ id = \"app\", domain_name = \"app.internal\" }}]\n\
         default_behavior = {{ target_origin = \"app\", response_headers_policy = \"p\" }}\n\
         [[response_headers_policy]]\nname = \"p\"\n{text}"
    );
    let (config, _) = homefront_config::parse("site.toml", &site, "/".as_ref(), &|_| None).unwrap();
    config.distributions[0].default_behavior.response_headers_policy.clone().unwrap()
}

fn lines(headers: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for &(name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    map
}

struct Request {
    method: Method,
    headers: HeaderMap,
}

fn request(method: Method, headers: &[(&'static str, &str)]) -> Request {
    Request { method, headers: lines(headers) }
}

/// The lines of a response, sorted, after the policy.
fn after(policy: &ResponseHeadersPolicy, request: &Request, headers: &[(&'static str, &'static str)]) -> Vec<String> {
    let mut response = lines(headers);
    let name = |text: &str| HeaderName::from_bytes(text.as_bytes()).unwrap();
    for edit in edits(policy, Asked { method: &request.method, headers: &request.headers }, &response.clone()) {
        match edit {
            Edit::Remove(name) => drop(response.remove(name)),
            Edit::Set(text, value) => drop(response.insert(name(text), value)),
            Edit::Append(text, value) => drop(response.append(name(text), value)),
        }
    }
    let lines = response.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

fn get(headers: &[(&'static str, &str)]) -> Request {
    request(Method::GET, headers)
}

fn preflight(origin: &str, headers: &str) -> Request {
    let asked = [("Origin", origin), ("Access-Control-Request-Method", "PUT")];
    let mut request = request(Method::OPTIONS, &asked);
    if !headers.is_empty() {
        request.headers.append("Access-Control-Request-Headers", headers.parse().unwrap());
    }
    request
}

#[test]
fn security_headers_are_added_and_only_nosniff_takes_the_place_of_the_origins() {
    let policy = managed::response_headers_policy("SecurityHeadersPolicy").unwrap();
    let sent = [("X-Frame-Options", "DENY"), ("X-Content-Type-Options", "sniff"), ("X-A", "1")];
    assert_eq!(
        after(&policy, &get(&[]), &sent),
        [
            "referrer-policy: strict-origin-when-cross-origin",
            "strict-transport-security: max-age=31536000",
            "x-a: 1",
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "x-xss-protection: 1; mode=block",
        ]
    );
}

#[test]
fn what_is_removed_and_added_is_there() {
    let policy = policy(
        "remove_headers = [\"X-Powered-By\", \"X-A\", \"X-B\"]\n\
         custom_headers = [{ header = \"X-A\", value = \"policy\" }, { header = \"X-Empty\", value = \"\" }]",
    );
    let sent = [("X-Powered-By", "php"), ("X-A", "origin"), ("X-B", "1"), ("X-B", "2"), ("X-C", "3")];
    assert_eq!(after(&policy, &get(&[]), &sent), ["x-a: policy", "x-c: 3", "x-empty: "]);
}

#[test]
fn a_custom_header_takes_all_lines_of_the_origins_place_when_it_overrides() {
    let policy = policy(
        "custom_headers = [{ header = \"X-A\", value = \"policy\", override = true }, { header = \"X-B\", value = \"policy\" }]",
    );
    let sent = [("X-A", "1"), ("X-A", "2"), ("X-B", "1"), ("X-B", "2")];
    assert_eq!(after(&policy, &get(&[]), &sent), ["x-a: policy", "x-b: 1", "x-b: 2"]);
}

#[test]
fn cors_is_for_requests_of_cors() {
    let policy = managed::response_headers_policy("SimpleCORS").unwrap();
    assert!(after(&policy, &get(&[]), &[]).is_empty());
    assert_eq!(after(&policy, &get(&[("Origin", "https://a.test")]), &[]), ["access-control-allow-origin: *"]);
}

#[test]
fn methods_and_ages_are_told_to_preflight_requests() {
    let policy = managed::response_headers_policy("CORS-With-Preflight").unwrap();
    let simple = after(&policy, &get(&[("Origin", "https://a.test")]), &[]);
    assert_eq!(simple, ["access-control-allow-origin: *", "access-control-expose-headers: *"]);
    assert_eq!(
        after(&policy, &preflight("https://a.test", ""), &[]),
        [
            "access-control-allow-methods: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
            "access-control-allow-origin: *",
            "access-control-expose-headers: *",
        ]
    );
    let options = request(Method::OPTIONS, &[("Origin", "https://a.test")]);
    assert_eq!(after(&policy, &options, &[]), simple, "OPTIONS that asks for no method is no preflight");
}

#[test]
fn without_override_any_cors_header_of_the_origins_keeps_all_of_the_policys_away() {
    let policy = managed::response_headers_policy("CORS-With-Preflight").unwrap();
    let sent = [("Access-Control-Max-Age", "5")];
    assert_eq!(after(&policy, &preflight("https://a.test", ""), &sent), ["access-control-max-age: 5"]);
}

const CORS: &str = "\
[response_headers_policy.cors]
access_control_allow_origins = [\"https://*.example.org\", \"http://localhost:*\"]
access_control_allow_headers = [\"X-Token\", \"x-amz-*\"]
access_control_allow_methods = [\"GET\", \"PUT\"]
access_control_allow_credentials = true
access_control_max_age_s = 600
origin_override = true
";

#[test]
fn with_override_the_policys_cors_headers_win_and_others_stay() {
    let sent = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "x-a")];
    assert_eq!(
        after(&policy(CORS), &get(&[("Origin", "https://a.example.org")]), &sent),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-origin: https://a.example.org",
            "access-control-expose-headers: x-a",
            "vary: Origin",
        ]
    );
}

#[test]
fn an_origin_that_is_not_allowed_gets_nothing_of_the_policys() {
    for origin in ["https://example.org", "https://a.example.org.evil.test", "null"] {
        assert!(after(&policy(CORS), &preflight(origin, ""), &[]).is_empty(), "{origin}");
    }
}

#[test]
fn headers_with_an_allowed_beginning_are_told_where_they_are_asked_for() {
    let asked = "X-Amz-Date, x-amz-meta-a, authorization, x-a";
    let lines = after(&policy(CORS), &preflight("http://localhost:3000", asked), &[]);
    assert!(lines.contains(&"access-control-allow-headers: X-Token, X-Amz-Date, x-amz-meta-a".to_owned()), "{lines:?}");
    assert!(lines.contains(&"access-control-max-age: 600".to_owned()), "{lines:?}");
    assert!(lines.contains(&"access-control-allow-methods: GET, PUT".to_owned()), "{lines:?}");
}

#[test]
fn vary_names_the_origin_once() {
    let lines = after(&policy(CORS), &get(&[("Origin", "http://localhost:1")]), &[("Vary", "Accept-Encoding, origin")]);
    let vary = lines.iter().filter(|line| line.starts_with("vary"));
    assert_eq!(vary.collect::<Vec<_>>(), ["vary: Accept-Encoding, origin"]);
}
