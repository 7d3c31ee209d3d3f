//! The TTL table, error caching and the stale windows.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::cache::tests::policy;
use homefront_config::policy::origin_request::HeaderSelection;
use http::header::HeaderValue;
use proptest::prelude::*;

fn ttls(min_ttl_s: u64, default_ttl_s: u64, max_ttl_s: u64) -> CachePolicy {
    CachePolicy { min_ttl_s, default_ttl_s, max_ttl_s, ..policy() }
}

fn noon() -> SystemTime {
    httpdate::parse_http_date("Mon, 23 Nov 2026 12:00:00 GMT").unwrap()
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

fn decided(policy: &CachePolicy, status: u16, lines: &[(&'static str, &str)]) -> Decision {
    let headers = headers(lines);
    let response = Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: &headers,
        now: noon(),
        error_caching_min_ttl_s: limits::ERROR_CACHING_MIN_TTL_S,
    };
    decide(policy, false, &response)
}

fn stored(policy: &CachePolicy, status: u16, lines: &[(&'static str, &str)]) -> Storable {
    match decided(policy, status, lines) {
        Decision::Store(storable) => storable,
        Decision::Pass(reason) => panic!("{status} {lines:?} is not stored: {reason}"),
    }
}

fn seconds(policy: &CachePolicy, status: u16, lines: &[(&'static str, &str)]) -> u64 {
    stored(policy, status, lines).fresh_for.as_secs()
}

fn control(value: &str) -> [(&'static str, &str); 1] {
    [("cache-control", value)]
}

#[test]
fn the_default_ttl_holds_when_the_origin_says_nothing() {
    assert_eq!(seconds(&ttls(0, 5, 100), 200, &[]), 5);
    assert_eq!(seconds(&ttls(7, 7, 100), 200, &[]), 7);
    assert_eq!(seconds(&ttls(0, 5, 100), 200, &control("public")), 5);
}

#[test]
fn the_origins_lifetime_is_kept_between_minimum_and_maximum() {
    assert_eq!(seconds(&ttls(0, 5, 10), 200, &control("max-age=60")), 10);
    assert_eq!(seconds(&ttls(30, 60, 100), 200, &control("max-age=1")), 30);
    assert_eq!(seconds(&ttls(0, 60, 100), 200, &control("max-age=20")), 20);
    assert_eq!(seconds(&ttls(0, 60, 100), 200, &control("max-age=0")), 0);
}

#[test]
fn s_maxage_beats_max_age_beats_expires() {
    let both = [("cache-control", "max-age=100, s-maxage=5"), ("expires", "Mon, 23 Nov 2026 13:00:00 GMT")];
    assert_eq!(stored(&ttls(0, 60, 1_000), 200, &both).because, Lifetime::SMaxage);
    assert_eq!(seconds(&ttls(0, 60, 1_000), 200, &both), 5);
    let one = [("cache-control", "max-age=100"), both[1]];
    assert_eq!(seconds(&ttls(0, 60, 1_000), 200, &one), 100);
}

#[test]
fn expires_counts_from_the_origins_date() {
    let expires = ("expires", "Mon, 23 Nov 2026 12:00:30 GMT");
    let policy = ttls(0, 60, 1_000);
    assert_eq!(seconds(&policy, 200, &[expires]), 30);
    assert_eq!(seconds(&policy, 200, &[expires, ("date", "Mon, 23 Nov 2026 12:00:10 GMT")]), 20);
    assert_eq!(seconds(&policy, 200, &[("expires", "Mon, 23 Nov 2026 11:00:00 GMT")]), 0);
    assert_eq!(seconds(&policy, 200, &[("expires", "0")]), 0);
}

#[test]
fn the_origins_age_is_taken_off_its_lifetime() {
    let aged = [("cache-control", "max-age=100"), ("age", "40")];
    assert_eq!(seconds(&ttls(0, 60, 1_000), 200, &aged), 60);
    assert_eq!(stored(&ttls(0, 60, 1_000), 200, &aged).initial_age, Duration::from_secs(40));
    assert_eq!(seconds(&ttls(0, 60, 1_000), 200, &[("cache-control", "max-age=100"), ("age", "400")]), 0);
    assert_eq!(seconds(&ttls(30, 60, 1_000), 200, &[("cache-control", "max-age=100"), ("age", "400")]), 30);
}

#[test]
fn a_minimum_ttl_overrules_no_store_no_cache_and_private() {
    for value in ["no-store", "no-cache", "private", "private, max-age=100"] {
        let storable = stored(&ttls(1, 60, 100), 200, &control(value));
        assert_eq!((storable.fresh_for.as_secs(), storable.because), (1, Lifetime::MinTtl), "{value}");
        assert_eq!(
            decided(&ttls(0, 60, 100), 200, &control(value)),
            Decision::Pass(NotStorable::CacheControl),
            "{value}"
        );
    }
}

#[test]
fn no_cache_keeps_what_can_be_asked_for_by_its_validators() {
    let storable = stored(&ttls(0, 60, 100), 200, &[("cache-control", "no-cache"), ("etag", "\"a\"")]);
    assert_eq!((storable.fresh_for, storable.because), (Duration::ZERO, Lifetime::NoCache));
    assert_eq!((storable.stale_while_revalidate_s, storable.stale_if_error_s), (0, 0));
    let never = [("cache-control", "no-cache, no-store"), ("etag", "\"a\"")];
    assert_eq!(decided(&ttls(0, 60, 100), 200, &never), Decision::Pass(NotStorable::CacheControl));
}

#[test]
fn nothing_is_stored_when_the_policy_disables_caching() {
    for (status, lines) in [(200, &control("max-age=60")[..]), (404, &[]), (503, &[])] {
        assert_eq!(decided(&ttls(0, 0, 0), status, lines), Decision::Pass(NotStorable::CachingDisabled));
    }
}

#[test]
fn a_response_announced_as_too_large_is_passed() {
    let length = |bytes: u64| bytes.to_string();
    let (fits, not) = (length(limits::CACHED_OBJECT_BYTES_MAX), length(limits::CACHED_OBJECT_BYTES_MAX + 1));
    assert_eq!(seconds(&policy(), 200, &[("content-length", &fits)]), 86_400);
    assert_eq!(decided(&policy(), 200, &[("content-length", &not)]), Decision::Pass(NotStorable::TooLarge));
}

#[test]
fn stale_windows_end_with_the_maximum_ttl() {
    let both = "max-age=1, stale-while-revalidate=60, stale-if-error=3000";
    let storable = stored(&ttls(0, 60, 100), 200, &control(both));
    assert_eq!((storable.stale_while_revalidate_s, storable.stale_if_error_s), (60, 100));
}

#[test]
fn an_expired_object_outlives_its_origin_unless_the_origin_says_otherwise() {
    assert_eq!(stored(&ttls(0, 60, 100), 200, &[]).stale_if_error_s, STALE_WITHOUT_END_S);
    assert_eq!(stored(&ttls(0, 60, 100), 200, &control("stale-if-error=0")).stale_if_error_s, 0);
    assert_eq!(stored(&ttls(0, 60, 100), 200, &[]).stale_while_revalidate_s, 0);
}

#[test]
fn some_errors_are_cached_without_being_asked() {
    for status in [404, 410, 414, 500, 501, 502, 503, 504] {
        let storable = stored(&policy(), status, &[]);
        assert_eq!((storable.fresh_for.as_secs(), storable.because), (10, Lifetime::ErrorCachingMinTtl), "{status}");
        assert_eq!((storable.stale_while_revalidate_s, storable.stale_if_error_s), (0, 0), "{status}");
    }
}

#[test]
fn some_errors_are_cached_only_with_a_lifetime() {
    for status in [400, 403, 405, 412, 415] {
        assert_eq!(decided(&policy(), status, &[]), Decision::Pass(NotStorable::NoLifetimeForStatus), "{status}");
        let expires = [("expires", "Mon, 23 Nov 2026 13:00:00 GMT")];
        assert_eq!(decided(&policy(), status, &expires), Decision::Pass(NotStorable::NoLifetimeForStatus), "{status}");
        assert_eq!(seconds(&policy(), status, &control("max-age=60")), 60, "{status}");
    }
}

#[test]
fn an_error_lives_for_the_longer_of_its_own_lifetime_and_the_minimum_for_errors() {
    assert_eq!(seconds(&policy(), 404, &control("max-age=3")), 10);
    assert_eq!(seconds(&policy(), 404, &control("s-maxage=30")), 30);
    assert_eq!(seconds(&ttls(0, 5, 20), 500, &control("max-age=3000")), 20);
    assert_eq!(seconds(&ttls(0, 5, 5), 500, &control("max-age=3000")), 10);
}

#[test]
fn no_store_is_heard_for_four_errors_and_for_no_other() {
    for value in ["no-store", "no-cache", "private"] {
        for status in [404, 410, 414, 501] {
            let decision = decided(&ttls(1, 60, 100), status, &control(value));
            assert_eq!(decision, Decision::Pass(NotStorable::CacheControl), "{status} {value}");
        }
        for status in [500, 502, 503, 504] {
            assert_eq!(seconds(&policy(), status, &control(value)), 10, "{status} {value}");
        }
    }
    assert_eq!(seconds(&policy(), 403, &control("no-store, max-age=60")), 10);
}

#[test]
fn temporary_redirects_are_cached_only_with_cache_control() {
    for status in [300, 301, 302, 303] {
        assert_eq!(seconds(&policy(), status, &[]), 86_400, "{status}");
    }
    for status in [307, 308, 201, 202] {
        assert_eq!(decided(&policy(), status, &[]), Decision::Pass(NotStorable::NoLifetimeForStatus), "{status}");
        assert_eq!(seconds(&policy(), status, &control("max-age=9")), 9, "{status}");
    }
}

#[test]
fn parts_and_unknown_statuses_are_never_stored() {
    for status in [206, 416] {
        assert_eq!(decided(&policy(), status, &control("max-age=9")), Decision::Pass(NotStorable::Partial));
    }
    for status in [101, 304, 401, 429, 451, 505, 599] {
        assert_eq!(decided(&policy(), status, &control("max-age=9")), Decision::Pass(NotStorable::Status), "{status}");
    }
}

#[test]
fn vary_by_everything_is_not_stored_unless_the_minimum_ttl_says_so() {
    let lines = [("vary", "*"), ("cache-control", "max-age=60")];
    assert_eq!(decided(&policy(), 200, &lines), Decision::Pass(NotStorable::VaryStar));
    assert_eq!(seconds(&ttls(1, 1, 100), 200, &lines), 60);
    assert_eq!(seconds(&policy(), 200, &[("vary", "Accept-Language")]), 86_400);
}

#[test]
fn set_cookie_is_stored_only_when_cookies_are_forwarded() {
    let headers = headers(&[("set-cookie", "a=1"), ("cache-control", "max-age=9, no-cache=\"x-secret\"")]);
    let response = Response { status: StatusCode::OK, headers: &headers, now: noon(), error_caching_min_ttl_s: 10 };
    let not_stored = |forwards| match decide(&policy(), forwards, &response) {
        Decision::Store(storable) => storable.headers_not_stored,
        Decision::Pass(reason) => panic!("{reason}"),
    };
    assert_eq!(not_stored(false), ["x-secret", "set-cookie"]);
    assert_eq!(not_stored(true), ["x-secret"]);
}

#[test]
fn requests_collapse_unless_cookies_are_forwarded_or_nothing_is_cached() {
    let with_cookies = OriginRequestPolicy {
        name: "test".into(),
        id: None,
        headers: HeaderSelection::None,
        cookies: Selection::All,
        query_strings: Selection::None,
    };
    let without = OriginRequestPolicy { cookies: Selection::None, ..with_cookies.clone() };
    assert!(collapses(&policy(), None));
    assert!(collapses(&policy(), Some(&without)));
    assert!(!collapses(&policy(), Some(&with_cookies)));
    assert!(!collapses(&CachePolicy { cookies: Selection::All, ..policy() }, None));
    assert!(!collapses(&ttls(0, 0, 0), None));
}

#[test]
fn every_reason_can_be_read() {
    let lifetimes = [
        Lifetime::SMaxage,
        Lifetime::MaxAge,
        Lifetime::Expires,
        Lifetime::DefaultTtl,
        Lifetime::MinTtl,
        Lifetime::NoCache,
        Lifetime::ErrorCachingMinTtl,
    ];
    let reasons = [
        NotStorable::CachingDisabled,
        NotStorable::TooLarge,
        NotStorable::CacheControl,
        NotStorable::VaryStar,
        NotStorable::Partial,
        NotStorable::NoLifetimeForStatus,
        NotStorable::Status,
    ];
    let all: Vec<String> =
        lifetimes.iter().map(ToString::to_string).chain(reasons.iter().map(ToString::to_string)).collect();
    insta::assert_snapshot!(all.join("\n"), @"
    s-maxage of the origin
    max-age of the origin
    Expires of the origin
    the default TTL of the cache policy
    the minimum TTL of the cache policy, against the origin's Cache-Control
    no-cache of the origin: validated each time
    the error caching minimum TTL
    the cache policy disables caching
    the response is larger than an object may be
    Cache-Control of the origin forbids it
    the origin answers Vary: *
    a partial response is not stored as an object
    this status is cached only with max-age or s-maxage
    this status is never cached
    ");
}

fn any_control() -> impl Strategy<Value = String> {
    let directive = prop_oneof![
        (0_u64..200).prop_map(|seconds| format!("max-age={seconds}")),
        (0_u64..200).prop_map(|seconds| format!("s-maxage={seconds}")),
        (0_u64..200).prop_map(|seconds| format!("stale-if-error={seconds}")),
        prop::sample::select(vec!["no-store", "no-cache", "private", "public", ""]).prop_map(str::to_owned),
    ];
    prop::collection::vec(directive, 0..3).prop_map(|directives| directives.join(", "))
}

/// The time until which a response is fresh.
fn fresh_until(policy: &CachePolicy, headers: &HeaderMap, status: StatusCode, now: SystemTime) -> Option<Duration> {
    match decide(policy, false, &Response { status, headers, now, error_caching_min_ttl_s: 10 }) {
        Decision::Store(storable) => Some(storable.fresh_for),
        Decision::Pass(_) => None,
    }
}

proptest! {
    #[test]
    fn the_same_response_is_never_fresh_for_longer_when_it_is_decided_later(
        control in any_control(), expires_s in 0_u64..200, dated in any::<bool>(), status in 200_u16..600,
        ttls_s in [0_u64..50, 0_u64..100, 0_u64..200], first_s in 0_u64..100, later_s in 0_u64..100,
    ) {
        let [min, more, most] = ttls_s;
        let policy = ttls(min, min + more, min + more + most);
        let mut headers = headers(&[("cache-control", &control)]);
        let expires = httpdate::fmt_http_date(noon() + Duration::from_secs(expires_s));
        headers.insert(EXPIRES, expires.parse().unwrap());
        if dated {
            headers.insert(DATE, httpdate::fmt_http_date(noon()).parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let at = |seconds| fresh_until(&policy, &headers, status, noon() + Duration::from_secs(seconds));
        prop_assert!(at(first_s + later_s) <= at(first_s));
    }

    #[test]
    fn content_lives_between_the_minimum_and_the_maximum(
        control in any_control(), ttls_s in [0_u64..50, 0_u64..100, 0_u64..200],
    ) {
        let [min, more, most] = ttls_s;
        let policy = ttls(min, min + more, min + more + most);
        let headers = headers(&[("cache-control", &control), ("etag", "\"a\"")]);
        if let Some(fresh_for) = fresh_until(&policy, &headers, StatusCode::OK, noon()) {
            prop_assert!((policy.min_ttl_s..=policy.max_ttl_s).contains(&fresh_for.as_secs()));
        }
    }
}
