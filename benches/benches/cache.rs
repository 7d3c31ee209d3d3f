//! The pure core of the cache: the key of a request, the decision about a response.

use criterion::{Criterion, criterion_group, criterion_main};
use homefront::cache::freshness;
use homefront::cache::key::{self, CacheKeyInputs};
use homefront_benches::typical;
use homefront_config::limits::ERROR_CACHING_MIN_TTL_S;
use homefront_config::policy::cache::CachePolicy;
use homefront_config::policy::{Selection, managed};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use std::hint::black_box;
use std::time::{Duration, SystemTime};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nothing but the path in the key.
fn path_only() -> CachePolicy {
    CachePolicy { accept_encoding_gzip: false, accept_encoding_brotli: false, ..optimized() }
}

fn optimized() -> CachePolicy {
    managed::cache_policy("CachingOptimized").expect("AWS has it")
}

/// Ten headers, all cookies and all query strings: as much as CloudFront lets into a key.
fn everything() -> CachePolicy {
    let names = typical::HEADERS.iter().map(|(name, _)| name.to_ascii_lowercase());
    let headers = names.filter(|name| !["cookie", "accept-encoding"].contains(&name.as_str())).collect();
    CachePolicy { headers, cookies: Selection::All, query_strings: Selection::All, ..optimized() }
}

fn request_headers() -> HeaderMap {
    let lines = typical::HEADERS.into_iter().map(|(name, value)| {
        (HeaderName::from_bytes(name.as_bytes()).expect("a header's name"), HeaderValue::from_static(value))
    });
    lines.collect()
}

fn cache_key(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache key");
    let headers = request_headers();
    let inputs = CacheKeyInputs {
        distribution_domain_name: typical::HOST,
        method: &Method::GET,
        path: typical::PATH,
        query: Some(typical::QUERY),
        headers: &headers,
        version: Version::HTTP_11,
    };
    for (name, policy) in [("path only", path_only()), ("CachingOptimized", optimized()), ("everything", everything())]
    {
        group.bench_function(name, |bench| bench.iter(|| key::build(black_box(&policy), black_box(&inputs))));
    }
    group.finish();
}

fn response_headers(cache_control: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::DATE, "Mon, 23 Nov 2026 14:00:00 GMT"),
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_LENGTH, "1024"),
        (header::ETAG, "\"33a64df551425fcc\""),
        (header::LAST_MODIFIED, "Sun, 22 Nov 2026 14:00:00 GMT"),
        (header::CACHE_CONTROL, cache_control),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

fn freshness_decision(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("freshness");
    let policy = optimized();
    for (name, cache_control) in [
        ("max-age", "public, max-age=3600"),
        ("s-maxage and stale", "public, max-age=0, s-maxage=3600, stale-while-revalidate=60, stale-if-error=600"),
    ] {
        let headers = response_headers(cache_control);
        let response = freshness::Response {
            status: StatusCode::OK,
            headers: &headers,
            now: SystemTime::UNIX_EPOCH + Duration::from_hours(498_734),
            error_caching_min_ttl_s: ERROR_CACHING_MIN_TTL_S,
        };
        let decide = || freshness::decide(black_box(&policy), false, black_box(&response));
        group.bench_function(name, |bench| bench.iter(decide));
    }
    group.finish();
}

criterion_group!(benches, cache_key, freshness_decision);
criterion_main!(benches);
