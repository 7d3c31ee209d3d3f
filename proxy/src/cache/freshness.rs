//! For how long a response may be served from the cache, and for how long after that it may be served stale.
//!
//! Developer Guide, "Manage how long content stays in the cache (expiration)", "How CloudFront caches HTTP 4xx and 5xx
//! status codes from your origin", "How CloudFront processes HTTP 3xx status codes from your origin".

use super::cache_control::CacheControl;
use homefront_config::limits;
use homefront_config::policy::Selection;
use homefront_config::policy::cache::CachePolicy;
use homefront_config::policy::origin_request::OriginRequestPolicy;
use http::header::{AGE, CONTENT_LENGTH, DATE, ETAG, EXPIRES, HeaderName, LAST_MODIFIED, SET_COOKIE, VARY};
use http::{HeaderMap, StatusCode};
use std::fmt;
use std::time::{Duration, SystemTime};

/// Seconds of [`Storable::stale_if_error_s`] that mean "as long as the object is there".
pub const STALE_WITHOUT_END_S: u32 = u32::MAX;

/// What of a response decides.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// Of the origin's answer; after a 304, that of the stored response.
    pub status: StatusCode,
    /// Of the origin's answer; after a 304, the stored ones with its [`changes`](super::validators::changes).
    pub headers: &'a HeaderMap,
    /// When it came.
    pub now: SystemTime,
    /// Of the custom error response for this status, [`limits::ERROR_CACHING_MIN_TTL_S`] when there is none.
    pub error_caching_min_ttl_s: u64,
}

/// What to do with a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Keep it.
    Store(Storable),
    /// Do not, for this reason.
    Pass(NotStorable),
}

/// How to keep a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storable {
    /// From now on; zero = each request asks the origin first.
    pub fresh_for: Duration,
    /// What the origin says the response's age is already; counts into the `Age` of hits.
    pub initial_age: Duration,
    /// Seconds after expiry in which the object is served while it is fetched anew; zero = none.
    pub stale_while_revalidate_s: u32,
    /// Seconds after expiry in which the object is served when the origin fails; zero = none.
    pub stale_if_error_s: u32,
    /// Headers that are not stored with the object.
    pub headers_not_stored: Vec<HeaderName>,
    /// Where the lifetime comes from, for `explain`.
    pub because: Lifetime,
}

/// Where a lifetime comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// `s-maxage`
    SMaxage,
    /// `max-age`
    MaxAge,
    /// `Expires` less `Date`
    Expires,
    /// The policy's default TTL: the origin says nothing.
    DefaultTtl,
    /// The policy's minimum TTL, against the origin's `no-store`, `no-cache` or `private`.
    MinTtl,
    /// `no-cache`: stored, but asked for each time.
    NoCache,
    /// `ErrorCachingMinTTL`
    ErrorCachingMinTtl,
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SMaxage => "s-maxage of the origin",
            Self::MaxAge => "max-age of the origin",
            Self::Expires => "Expires of the origin",
            Self::DefaultTtl => "the default TTL of the cache policy",
            Self::MinTtl => "the minimum TTL of the cache policy, against the origin's Cache-Control",
            Self::NoCache => "no-cache of the origin: validated each time",
            Self::ErrorCachingMinTtl => "the error caching minimum TTL",
        })
    }
}

/// Why a response is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStorable {
    /// The policy's TTLs are all zero.
    #[error("the cache policy disables caching")]
    CachingDisabled,
    /// By its Content-Length. It is better passed on without the cache, which would have to hold back the origin.
    #[error("the response is larger than an object may be")]
    TooLarge,
    /// The origin's wish, and the minimum TTL is zero.
    #[error("Cache-Control of the origin forbids it")]
    CacheControl,
    /// No cache key can tell its variants apart.
    #[error("the origin answers Vary: *")]
    VaryStar,
    /// A part or the lack of one is no object.
    #[error("a partial response is not stored as an object")]
    Partial,
    /// 307, 308 and errors that need it.
    #[error("this status is cached only with max-age or s-maxage")]
    NoLifetimeForStatus,
    /// All others.
    #[error("this status is never cached")]
    Status,
}

/// How a status is cached.
enum Class {
    /// By the TTLs of the policy.
    Content,
    /// Content, but only with max-age or s-maxage.
    ContentWithLifetime,
    /// For `ErrorCachingMinTTL` or longer.
    Error,
    /// Error, but only with max-age or s-maxage.
    ErrorWithLifetime,
    Partial,
    Never,
}

fn class(status: StatusCode) -> Class {
    match status.as_u16() {
        200 | 203 | 204 | 300..=303 => Class::Content,
        206 | 416 => Class::Partial,
        201 | 202 | 205 | 307 | 308 => Class::ContentWithLifetime,
        404 | 410 | 414 | 500..=504 => Class::Error,
        400 | 403 | 405 | 412 | 415 => Class::ErrorWithLifetime,
        _ => Class::Never,
    }
}

/// Decides about one response of an origin. A pure function; the later it is asked with the same response, the less is left.
pub fn decide(policy: &CachePolicy, forwards_cookies: bool, response: &Response<'_>) -> Decision {
    if policy.caching_disabled() {
        return Decision::Pass(NotStorable::CachingDisabled);
    }
    if announced_bytes(response.headers).is_some_and(|bytes| bytes > limits::CACHED_OBJECT_BYTES_MAX) {
        return Decision::Pass(NotStorable::TooLarge);
    }
    let control = CacheControl::parse(response.headers);
    let decided = match class(response.status) {
        Class::Content => content(policy, &control, response),
        Class::ContentWithLifetime if has_lifetime(&control) => content(policy, &control, response),
        Class::Error => error(policy, &control, response),
        Class::ErrorWithLifetime if has_lifetime(&control) => error(policy, &control, response),
        Class::ContentWithLifetime | Class::ErrorWithLifetime => Err(NotStorable::NoLifetimeForStatus),
        Class::Partial => Err(NotStorable::Partial),
        Class::Never => Err(NotStorable::Status),
    };
    match decided {
        Ok(mut storable) => {
            storable.headers_not_stored = control.headers_not_stored;
            if !forwards_cookies && !storable.headers_not_stored.contains(&SET_COOKIE) {
                storable.headers_not_stored.push(SET_COOKIE);
            }
            Decision::Store(storable)
        }
        Err(reason) => Decision::Pass(reason),
    }
}

/// Whether a viewer's cookies reach the origin. Then `Set-Cookie` is passed and stored, requests are not collapsed and the
/// origin is never asked conditionally.
pub fn forwards_cookies(policy: &CachePolicy, origin_request: Option<&OriginRequestPolicy>) -> bool {
    policy.cookies != Selection::None || origin_request.is_some_and(|policy| policy.cookies != Selection::None)
}

/// Whether requests for one key wait for the first of them.
pub fn collapses(policy: &CachePolicy, origin_request: Option<&OriginRequestPolicy>) -> bool {
    !policy.caching_disabled() && !forwards_cookies(policy, origin_request)
}

/// Whether the origin may be asked conditionally for an expired object.
pub fn revalidates(policy: &CachePolicy, origin_request: Option<&OriginRequestPolicy>) -> bool {
    !forwards_cookies(policy, origin_request)
}

fn has_lifetime(control: &CacheControl) -> bool {
    control.s_maxage_s.is_some() || control.max_age_s.is_some()
}

/// The origin's lifetime in seconds: s-maxage, else max-age, else Expires less Date.
fn lifetime(control: &CacheControl, response: &Response<'_>) -> Option<(u64, Lifetime)> {
    let seconds = |value: Option<u64>, because| value.map(|seconds| (seconds, because));
    seconds(control.s_maxage_s, Lifetime::SMaxage)
        .or_else(|| seconds(control.max_age_s, Lifetime::MaxAge))
        .or_else(|| seconds(expires_s(response), Lifetime::Expires))
}

/// An Expires that cannot be read is in the past (RFC 9111 §5.3).
fn expires_s(response: &Response<'_>) -> Option<u64> {
    let expires = response.headers.get(EXPIRES)?;
    let date = response.headers.get(DATE).and_then(|date| date_of(date.as_bytes())).unwrap_or(response.now);
    let left = date_of(expires.as_bytes()).and_then(|expires| expires.duration_since(date).ok());
    Some(left.map_or(0, |left| left.as_secs()))
}

fn date_of(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

fn announced_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

fn age_s(response: &Response<'_>) -> u64 {
    let age = response.headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse::<u64>().ok());
    age.unwrap_or(0).min(super::cache_control::SECONDS_MAX)
}

/// §4.1: the TTL table.
fn content(policy: &CachePolicy, control: &CacheControl, response: &Response<'_>) -> Result<Storable, NotStorable> {
    let varies_by_all = response.headers.get_all(VARY).iter().any(|vary| vary.as_bytes().trim_ascii() == b"*");
    if varies_by_all && policy.min_ttl_s == 0 {
        return Err(NotStorable::VaryStar);
    }
    let age_s = age_s(response);
    let (ttl_s, because) = if control.forbids() {
        forbidden(policy, control, response)?
    } else {
        match lifetime(control, response) {
            Some((seconds, because)) => {
                let left_s = seconds.min(policy.max_ttl_s).saturating_sub(age_s);
                (left_s.max(policy.min_ttl_s), because)
            }
            None => (policy.default_ttl_s.max(policy.min_ttl_s), Lifetime::DefaultTtl),
        }
    };
    let stale = |seconds: u64| u32::try_from(seconds.min(policy.max_ttl_s)).unwrap_or(STALE_WITHOUT_END_S);
    let must_ask = because == Lifetime::NoCache;
    Ok(Storable {
        fresh_for: Duration::from_secs(ttl_s),
        initial_age: Duration::from_secs(age_s),
        stale_while_revalidate_s: if must_ask { 0 } else { control.stale_while_revalidate_s.map_or(0, stale) },
        stale_if_error_s: if must_ask { 0 } else { control.stale_if_error_s.map_or(STALE_WITHOUT_END_S, stale) },
        headers_not_stored: Vec::new(),
        because,
    })
}

/// A minimum TTL overrules no-cache, no-store and private. Without one, no-cache alone lets an object be kept that can be
/// asked for by its validators.
fn forbidden(
    policy: &CachePolicy,
    control: &CacheControl,
    response: &Response<'_>,
) -> Result<(u64, Lifetime), NotStorable> {
    let validators = response.headers.contains_key(ETAG) || response.headers.contains_key(LAST_MODIFIED);
    if policy.min_ttl_s > 0 {
        Ok((policy.min_ttl_s, Lifetime::MinTtl))
    } else if control.no_store || control.private || !validators {
        Err(NotStorable::CacheControl)
    } else {
        Ok((0, Lifetime::NoCache))
    }
}

/// §4.3: errors live for `ErrorCachingMinTTL` or, if longer, for as long as the origin says; they are never served stale.
fn error(policy: &CachePolicy, control: &CacheControl, response: &Response<'_>) -> Result<Storable, NotStorable> {
    let (ttl_s, because) = if control.forbids() {
        if matches!(response.status.as_u16(), 404 | 410 | 414 | 501) {
            return Err(NotStorable::CacheControl);
        }
        (response.error_caching_min_ttl_s, Lifetime::ErrorCachingMinTtl)
    } else {
        let left = lifetime(control, response)
            .map(|(seconds, because)| (seconds.min(policy.max_ttl_s).saturating_sub(age_s(response)), because));
        match left {
            Some((left_s, because)) if left_s > response.error_caching_min_ttl_s => (left_s, because),
            _ => (response.error_caching_min_ttl_s, Lifetime::ErrorCachingMinTtl),
        }
    };
    Ok(Storable {
        fresh_for: Duration::from_secs(ttl_s),
        initial_age: Duration::from_secs(age_s(response)),
        stale_while_revalidate_s: 0,
        stale_if_error_s: 0,
        headers_not_stored: Vec::new(),
        because,
    })
}

#[cfg(test)]
mod tests;
