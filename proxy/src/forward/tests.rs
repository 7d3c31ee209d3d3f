//! What the origin sees, policy by policy.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::cache::tests::policy;
use http::{Method, Version};
use proptest::prelude::*;

const VIEWER: [(&str, &str); 21] = [
    ("host", "www.example.com"),
    ("user-agent", "curl/8"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en"),
    ("authorization", "Bearer x"),
    ("cache-control", "no-cache"),
    ("connection", "keep-alive"),
    ("cookie", "b=2; a=1; $x=1"),
    ("expect", "100-continue"),
    ("origin", "https://example.org"),
    ("proxy-authorization", "Basic x"),
    ("referer", "https://example.org/"),
    ("te", "trailers"),
    ("upgrade", "h2c"),
    ("x-amz-cf-id", "forged"),
    ("x-edge-location", "forged"),
    ("x-forwarded-for", "192.0.2.4,192.0.2.3"),
    ("x-forwarded-proto", "https"),
    ("x-real-ip", "192.0.2.9"),
    ("cloudfront-viewer-country", "XX"),
];

fn viewer(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn facts(method: &Method) -> ViewerFacts<'_> {
    ViewerFacts {
        method,
        version: Version::HTTP_2,
        address: "192.0.2.2:46532".parse().unwrap(),
        scheme: Scheme::Https,
        tls: Some(ViewerTls { protocol: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", handshake: TlsHandshake::Full }),
        caches_options: false,
        websocket: false,
        request_id: "3vE87hRPBiF-A6pJfUuVE6jiWk8BszpIRrhcjSWo-WJYUWKR_aHcFQ==",
        via_host: "d118b2ea8414d381f46f91331ab67f02.cloudfront.net",
    }
}

fn orp(headers: HeaderSelection) -> OriginRequestPolicy {
    OriginRequestPolicy {
        name: "test".into(),
        id: None,
        headers,
        cookies: Selection::None,
        query_strings: Selection::None,
    }
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&name| name.to_owned()).collect()
}

/// What the origin sees, one line each.
fn seen_by(
    method: &Method,
    viewer: &HeaderMap,
    policy: &CachePolicy,
    orp: Option<&OriginRequestPolicy>,
) -> Vec<String> {
    let facts = facts(method);
    let mut viewer = viewer.clone();
    let told = cloudfront_headers(&viewer, &facts, policy, orp);
    for forged in viewer.keys().filter(|name| is_cloudfront_header(name)).cloned().collect::<Vec<_>>() {
        viewer.remove(forged);
    }
    viewer.extend(told.into_iter().map(|(name, value)| (HeaderName::try_from(name).unwrap(), value)));
    let sent = origin_headers(&OriginRequest {
        viewer: &viewer,
        facts: &facts,
        cache_policy: policy,
        origin_request_policy: orp,
        origin_host: OriginHost::Own("origin.example.net"),
        custom_headers: &[("X-Secret".into(), "a".into())],
    });
    sent.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

fn seen(policy: &CachePolicy, orp: Option<&OriginRequestPolicy>) -> Vec<String> {
    seen_by(&Method::GET, &viewer(&VIEWER), policy, orp)
}

fn has(seen: &[String], line: &str) -> bool {
    seen.iter().any(|other| other == line)
}

fn named<'a>(seen: &'a [String], name: &str) -> Vec<&'a str> {
    seen.iter().filter_map(|line| line.split_once(": ")).filter(|(other, _)| *other == name).map(|(_, v)| v).collect()
}

#[test]
fn the_origin_sees_only_the_defaults_without_policies_that_add() {
    insta::assert_snapshot!(seen(&policy(), None).join("\n"), @"
    Host: origin.example.net
    User-Agent: Amazon CloudFront
    Accept-Encoding: br,gzip
    Connection: Keep-Alive
    Via: 2.0 d118b2ea8414d381f46f91331ab67f02.cloudfront.net (CloudFront)
    X-Forwarded-For: 192.0.2.4,192.0.2.3,192.0.2.2
    X-Amz-Cf-Id: 3vE87hRPBiF-A6pJfUuVE6jiWk8BszpIRrhcjSWo-WJYUWKR_aHcFQ==
    Cache-Control: no-cache
    X-Secret: a
    ");
}

#[test]
fn all_of_the_viewers_headers_go_with_all_viewer_except_the_forbidden() {
    let all = OriginRequestPolicy { cookies: Selection::All, ..orp(HeaderSelection::AllViewer) };
    insta::assert_snapshot!(seen(&policy(), Some(&all)).join("\n"), @"
    Host: www.example.com
    User-Agent: curl/8
    Accept-Encoding: br,gzip
    Cookie: a=1; b=2
    Connection: Keep-Alive
    Via: 2.0 d118b2ea8414d381f46f91331ab67f02.cloudfront.net (CloudFront)
    X-Forwarded-For: 192.0.2.4,192.0.2.3,192.0.2.2
    X-Amz-Cf-Id: 3vE87hRPBiF-A6pJfUuVE6jiWk8BszpIRrhcjSWo-WJYUWKR_aHcFQ==
    Accept: */*
    Accept-Language: en
    Authorization: Bearer x
    Cache-Control: no-cache
    Origin: https://example.org
    Referer: https://example.org/
    X-Secret: a
    ");
}

#[test]
fn the_host_is_the_origins_with_all_viewer_except_host_header() {
    let managed = orp(HeaderSelection::AllExceptAnd {
        except: names(&["host"]),
        cloudfront: names(&[
            "CloudFront-Forwarded-Proto",
            "CloudFront-Viewer-Http-Version",
            "CloudFront-Viewer-Country",
        ]),
    });
    let seen = seen(&policy(), Some(&managed));
    assert!(has(&seen, "Host: origin.example.net"));
    assert!(has(&seen, "User-Agent: curl/8"));
    assert!(has(&seen, "Authorization: Bearer x"));
    assert!(has(&seen, "CloudFront-Forwarded-Proto: https"));
    assert!(has(&seen, "CloudFront-Viewer-Http-Version: 2.0"));
    assert!(!seen.iter().any(|line| line.contains("XX")), "a forged country passed");
}

#[test]
fn headers_of_the_cache_policy_go_though_the_origin_request_policy_blocks_them() {
    let keyed = CachePolicy { headers: names(&["x-a"]), ..policy() };
    let blocked = orp(HeaderSelection::AllExcept(names(&["x-a", "x-b"])));
    let seen = seen_by(&Method::GET, &viewer(&[("x-a", "1"), ("x-b", "2"), ("x-c", "3")]), &keyed, Some(&blocked));
    assert!(has(&seen, "X-A: 1") && has(&seen, "X-C: 3") && !has(&seen, "X-B: 2"));
    let listed = orp(HeaderSelection::AllowList(names(&["x-b"])));
    let seen = seen_by(&Method::GET, &viewer(&[("x-a", "1"), ("x-b", "2"), ("x-c", "3")]), &keyed, Some(&listed));
    assert!(has(&seen, "X-A: 1") && has(&seen, "X-B: 2") && !has(&seen, "X-C: 3"));
}

#[test]
fn authorization_goes_with_methods_that_change_something() {
    let with = |method: Method, policy: &CachePolicy, orp: Option<&OriginRequestPolicy>| {
        !named(&seen_by(&method, &viewer(&VIEWER), policy, orp), "Authorization").is_empty()
    };
    for method in [Method::GET, Method::HEAD] {
        assert!(!with(method.clone(), &policy(), None), "{method}");
        assert!(with(method.clone(), &CachePolicy { headers: names(&["authorization"]), ..policy() }, None));
        assert!(with(method.clone(), &policy(), Some(&orp(HeaderSelection::AllViewer))));
        assert!(!with(method, &policy(), Some(&orp(HeaderSelection::AllowList(names(&["authorization"]))))));
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        assert!(with(method.clone(), &policy(), None), "{method}");
    }
}

#[test]
fn authorization_of_options_goes_only_when_options_is_not_cached() {
    let (method, viewer, policy) = (Method::OPTIONS, viewer(&VIEWER), policy());
    let facts = ViewerFacts { caches_options: true, ..facts(&method) };
    let sent = origin_headers(&OriginRequest {
        viewer: &viewer,
        facts: &facts,
        cache_policy: &policy,
        origin_request_policy: None,
        origin_host: OriginHost::Own("origin.example.net"),
        custom_headers: &[],
    });
    assert!(!sent.iter().any(|(name, _)| name == "Authorization"));
}

#[test]
fn a_custom_header_replaces_every_header_of_the_viewer_with_its_name() {
    let mut viewer = viewer(&[("x-secret", "b")]);
    viewer.append("x-secret", "c".parse().unwrap());
    let seen = seen_by(&Method::GET, &viewer, &policy(), Some(&orp(HeaderSelection::AllViewer)));
    assert_eq!(named(&seen, "X-Secret"), ["a"]);
}

#[test]
fn accept_encoding_is_normalised_for_the_origin() {
    let seen = |policy: &CachePolicy, lines: &[(&'static str, &str)]| {
        let seen = seen_by(&Method::GET, &viewer(lines), policy, Some(&orp(HeaderSelection::AllViewer)));
        named(&seen, "Accept-Encoding").join("|")
    };
    assert_eq!(seen(&policy(), &[("accept-encoding", "gzip, deflate, br")]), "br,gzip");
    assert_eq!(seen(&policy(), &[("accept-encoding", "gzip")]), "gzip");
    assert_eq!(seen(&policy(), &[("accept-encoding", "deflate")]), "identity");
    assert_eq!(seen(&policy(), &[]), "");
    let ordinary = CachePolicy { accept_encoding_gzip: false, accept_encoding_brotli: false, ..policy() };
    assert_eq!(seen(&ordinary, &[("accept-encoding", "zstd;q=0.5")]), "zstd;q=0.5");
    let unlisted = seen_by(&Method::GET, &viewer(&[("accept-encoding", "gzip")]), &ordinary, None);
    assert!(named(&unlisted, "Accept-Encoding").is_empty());
}

#[test]
fn cookies_go_sorted_when_a_policy_takes_them() {
    let sid = CachePolicy { cookies: Selection::AllowList(names(&["a"])), ..policy() };
    assert_eq!(named(&seen(&sid, None), "Cookie"), ["a=1"]);
    let added = OriginRequestPolicy { cookies: Selection::AllExcept(names(&["a"])), ..orp(HeaderSelection::None) };
    assert_eq!(named(&seen(&policy(), Some(&added)), "Cookie"), ["b=2"]);
    assert_eq!(named(&seen(&sid, Some(&added)), "Cookie"), ["a=1; b=2"]);
    assert!(named(&seen(&policy(), Some(&orp(HeaderSelection::AllViewer))), "Cookie").is_empty());
}

#[test]
fn the_body_stays_described_and_conditions_stay() {
    let lines =
        [("content-length", "5"), ("content-type", "text/plain"), ("content-encoding", "gzip"), ("if-match", "\"a\"")];
    let seen = seen_by(&Method::PUT, &viewer(&lines), &policy(), None);
    assert!(has(&seen, "Content-Length: 5") && has(&seen, "If-Match: \"a\"") && has(&seen, "Content-Encoding: gzip"));
    assert!(has(&seen, "Content-Type: text/plain"));
}

#[test]
fn an_expired_object_is_asked_for_without_conditions_when_cookies_are_forwarded() {
    let viewer = viewer(&[("if-none-match", "\"a\""), ("if-modified-since", "then")]);
    let conditions = |method: Method, policy: &CachePolicy| {
        seen_by(&method, &viewer, policy, None).iter().filter(|line| line.starts_with("If-")).count()
    };
    let cookies = CachePolicy { cookies: Selection::All, ..policy() };
    let disabled = CachePolicy { min_ttl_s: 0, default_ttl_s: 0, max_ttl_s: 0, ..cookies.clone() };
    assert_eq!(conditions(Method::GET, &policy()), 2);
    assert_eq!(conditions(Method::GET, &cookies), 0);
    assert_eq!(conditions(Method::PUT, &cookies), 2);
    assert_eq!(conditions(Method::GET, &disabled), 2);
}

#[test]
fn a_websocket_handshake_keeps_its_upgrade() {
    let (method, policy) = (Method::GET, policy());
    let viewer = viewer(&[("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "k")]);
    let facts = ViewerFacts { websocket: true, version: Version::HTTP_11, ..facts(&method) };
    let orp = orp(HeaderSelection::AllViewer);
    let sent = origin_headers(&OriginRequest {
        viewer: &viewer,
        facts: &facts,
        cache_policy: &policy,
        origin_request_policy: Some(&orp),
        origin_host: OriginHost::Own("o"),
        custom_headers: &[],
    });
    let seen: Vec<String> = sent.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    for line in ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k"] {
        assert!(has(&seen, line), "{seen:?}");
    }
    assert_eq!(named(&seen, "Connection").len(), 1);
}

#[test]
fn cloudfronts_headers_are_made_when_listed_and_never_taken_from_the_viewer() {
    let made = names(&[
        "CloudFront-Viewer-Address",
        "CloudFront-Viewer-TLS",
        "CloudFront-Viewer-Http-Version",
        "CloudFront-Viewer-Header-Count",
        "CloudFront-Viewer-Header-Order",
        "CloudFront-Is-Mobile-Viewer",
        "CloudFront-Is-Desktop-Viewer",
        "CloudFront-Viewer-Country",
    ]);
    let keyed = CachePolicy { headers: names(&["cloudfront-forwarded-proto"]), ..policy() };
    let viewer = viewer(&[("host", "h"), ("user-agent", "curl/8"), ("cloudfront-viewer-address", "1.1.1.1:1")]);
    let orp = orp(HeaderSelection::AllViewerAnd(made));
    let seen = seen_by(&Method::GET, &viewer, &keyed, Some(&orp));
    let lines: Vec<_> = seen.iter().filter(|line| line.starts_with("CloudFront")).map(String::as_str).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    CloudFront-Forwarded-Proto: https
    CloudFront-Is-Desktop-Viewer: true
    CloudFront-Is-Mobile-Viewer: false
    CloudFront-Viewer-Address: 192.0.2.2:46532
    CloudFront-Viewer-Header-Count: 2
    CloudFront-Viewer-Header-Order: host:user-agent
    CloudFront-Viewer-Http-Version: 2.0
    CloudFront-Viewer-TLS: TLSv1.3:TLS_AES_128_GCM_SHA256:fullHandshake
    ");
}

#[test]
fn an_ipv6_viewer_is_shown_without_brackets_and_a_mapped_one_as_ipv4() {
    let method = Method::GET;
    let policy = CachePolicy { headers: names(&["cloudfront-viewer-address"]), ..policy() };
    let address = |address: &str| {
        let facts = ViewerFacts { address: address.parse().unwrap(), ..facts(&method) };
        cloudfront_headers(&HeaderMap::new(), &facts, &policy, None)[0].1.to_str().unwrap().to_owned()
    };
    assert_eq!(address("[2001:db8::1]:443"), "2001:db8::1:443");
    assert_eq!(address("[::ffff:192.0.2.1]:443"), "192.0.2.1:443");
}

#[test]
fn query_strings_of_both_policies_go_by_the_matrix() {
    let list = |list: &[&str]| Selection::AllowList(names(list));
    let except = |list: &[&str]| Selection::AllExcept(names(list));
    let query = |keyed: Selection, added: Option<Selection>| {
        let policy = CachePolicy { query_strings: keyed, ..policy() };
        let orp = added.map(|query_strings| OriginRequestPolicy { query_strings, ..orp(HeaderSelection::None) });
        let query = origin_query(Some("b=2&a=1&c=3"), &policy, orp.as_ref());
        query.map(Cow::into_owned).unwrap_or_default()
    };
    assert_eq!(query(Selection::None, None), "");
    assert_eq!(query(Selection::All, None), "b=2&a=1&c=3");
    assert_eq!(query(list(&["a"]), None), "a=1");
    assert_eq!(query(except(&["a"]), None), "b=2&c=3");
    assert_eq!(query(Selection::None, Some(list(&["b"]))), "b=2");
    assert_eq!(query(list(&["a"]), Some(list(&["b"]))), "b=2&a=1");
    assert_eq!(query(list(&["a"]), Some(except(&["a", "c"]))), "b=2&a=1");
    assert_eq!(query(Selection::All, Some(except(&["a"]))), "b=2&a=1&c=3");
    assert_eq!(query(except(&["a", "b"]), Some(list(&["a"]))), "a=1&c=3");
    assert_eq!(query(except(&["a"]), Some(except(&["b"]))), "c=3");
    assert_eq!(query(except(&["a"]), Some(Selection::All)), "b=2&a=1&c=3");
    assert_eq!(query(list(&["a"]), Some(Selection::None)), "a=1");
}

#[test]
fn vary_keeps_user_agent_for_device_headers() {
    let keyed = CachePolicy { headers: names(&["accept-language"]), ..policy() };
    assert!(may_vary(&keyed, None, &header::ACCEPT_LANGUAGE));
    assert!(!may_vary(&keyed, None, &header::USER_AGENT));
    let device = CachePolicy { headers: names(&["cloudfront-is-mobile-viewer"]), ..policy() };
    assert!(may_vary(&device, None, &header::USER_AGENT));
}

proptest! {
    #[test]
    fn no_viewer_can_send_what_only_the_node_may(
        name in "(cloudfront|x-edge|proxy)-[a-z]{1,8}|te|trailer|upgrade|keep-alive|x-real-ip|x-amz-cf-id|x-forwarded-proto",
        value in "[a-z]{5,9}",
    ) {
        let mut viewer = HeaderMap::new();
        viewer.insert(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        let all = OriginRequestPolicy { cookies: Selection::All, ..orp(HeaderSelection::AllViewer) };
        let seen = seen_by(&Method::POST, &viewer, &policy(), Some(&all));
        let passed = seen.iter().any(|line| line.ends_with(&value));
        prop_assert!(!passed, "{seen:?}");
    }
}

#[test]
fn connection_names_headers_but_not_the_framing_nor_the_host() {
    let named = nominated(&viewer(&[("connection", "close, X-Hop"), ("connection", "host,content-length, x own")]));
    assert_eq!(named, ["close", "x-hop"]);
}
