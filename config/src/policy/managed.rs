//! The policies AWS owns, known by name and by id, with every setting.
//!
//! Source: Developer Guide, "Use managed cache policies" and "Use managed origin request policies".

mod response_headers;

pub use response_headers::{response_headers_policy, response_headers_policy_names};

use super::Selection;
use super::cache::CachePolicy;
use super::origin_request::{HeaderSelection, OriginRequestPolicy};

/// What the API writes in front of the names of managed policies.
const PREFIX: &str = "Managed-";
const YEAR_S: u64 = 31_536_000;
const DAY_S: u64 = 86_400;

/// The cache policy of a behavior that names none, as in CloudFront's console.
pub const DEFAULT_CACHE_POLICY: &str = "CachingOptimized";

/// The headers of CloudFront's own that `AllViewerAndCloudFrontHeaders-2022-06` adds: protocol, device, location, connection.
pub const CLOUDFRONT_HEADERS_2022_06: [&str; 21] = [
    "cloudfront-forwarded-proto",
    "cloudfront-is-android-viewer",
    "cloudfront-is-desktop-viewer",
    "cloudfront-is-ios-viewer",
    "cloudfront-is-mobile-viewer",
    "cloudfront-is-smarttv-viewer",
    "cloudfront-is-tablet-viewer",
    "cloudfront-viewer-address",
    "cloudfront-viewer-asn",
    "cloudfront-viewer-city",
    "cloudfront-viewer-country",
    "cloudfront-viewer-country-name",
    "cloudfront-viewer-country-region",
    "cloudfront-viewer-country-region-name",
    "cloudfront-viewer-http-version",
    "cloudfront-viewer-latitude",
    "cloudfront-viewer-longitude",
    "cloudfront-viewer-metro-code",
    "cloudfront-viewer-postal-code",
    "cloudfront-viewer-time-zone",
    "cloudfront-viewer-tls",
];

/// The managed cache policy of this name (with or without `Managed-`) or id.
pub fn cache_policy(name_or_id: &str) -> Option<CachePolicy> {
    let row = CACHE.iter().find(|row| is_called(name_or_id, row.name, row.id))?;
    Some(CachePolicy {
        name: row.name.to_owned(),
        id: Some(row.id),
        min_ttl_s: row.ttl_s.0,
        default_ttl_s: row.ttl_s.1,
        max_ttl_s: row.ttl_s.2,
        headers: owned(row.headers),
        cookies: row.cookies.selection(),
        query_strings: row.query_strings.selection(),
        accept_encoding_gzip: row.gzip,
        accept_encoding_brotli: row.brotli,
    })
}

/// The managed origin request policy of this name (with or without `Managed-`) or id.
pub fn origin_request_policy(name_or_id: &str) -> Option<OriginRequestPolicy> {
    let row = ORIGIN_REQUEST.iter().find(|row| is_called(name_or_id, row.name, row.id))?;
    let cloudfront = || owned(&CLOUDFRONT_HEADERS_2022_06);
    Some(OriginRequestPolicy {
        name: row.name.to_owned(),
        id: Some(row.id),
        headers: match row.headers {
            Headers::AllViewer => HeaderSelection::AllViewer,
            Headers::AllViewerAndCloudFront => HeaderSelection::AllViewerAnd(cloudfront()),
            Headers::AllExceptHostAndCloudFront => {
                HeaderSelection::AllExceptAnd { except: owned(&["host"]), cloudfront: cloudfront() }
            }
            Headers::Only(names) => HeaderSelection::AllowList(owned(names)),
        },
        cookies: row.cookies.selection(),
        query_strings: row.query_strings.selection(),
    })
}

/// The names of all managed cache policies, without `Managed-`.
pub fn cache_policy_names() -> impl Iterator<Item = &'static str> {
    CACHE.iter().map(|row| row.name)
}

/// The names of all managed origin request policies, without `Managed-`.
pub fn origin_request_policy_names() -> impl Iterator<Item = &'static str> {
    ORIGIN_REQUEST.iter().map(|row| row.name)
}

fn is_called(asked: &str, name: &str, id: &str) -> bool {
    asked == id || asked.strip_prefix(PREFIX).unwrap_or(asked) == name
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

struct CacheRow {
    name: &'static str,
    id: &'static str,
    /// Minimum, default, maximum.
    ttl_s: (u64, u64, u64),
    headers: &'static [&'static str],
    cookies: Names,
    query_strings: Names,
    gzip: bool,
    brotli: bool,
}

struct OriginRequestRow {
    name: &'static str,
    id: &'static str,
    headers: Headers,
    cookies: Names,
    query_strings: Names,
}

#[derive(Clone, Copy)]
enum Names {
    None,
    All,
    Only(&'static [&'static str]),
}

impl Names {
    fn selection(self) -> Selection {
        match self {
            Self::None => Selection::None,
            Self::All => Selection::All,
            Self::Only(names) => Selection::AllowList(owned(names)),
        }
    }
}

enum Headers {
    AllViewer,
    AllViewerAndCloudFront,
    AllExceptHostAndCloudFront,
    Only(&'static [&'static str]),
}

const USE_ORIGIN_HEADERS: &[&str] = &["host", "origin", "x-http-method", "x-http-method-override", "x-method-override"];
const AMPLIFY_DEFAULT_HEADERS: &[&str] = &["accept", "authorization", "cloudfront-viewer-country", "host"];

/// One row of [`CACHE`], in the order of the documented table's columns.
#[allow(clippy::too_many_arguments, reason = "a row of a table, read by columns")]
const fn cache_row(
    name: &'static str,
    id: &'static str,
    ttl_s: (u64, u64, u64),
    headers: &'static [&'static str],
    cookies: Names,
    query_strings: Names,
    gzip: bool,
    brotli: bool,
) -> CacheRow {
    CacheRow { name, id, ttl_s, headers, cookies, query_strings, gzip, brotli }
}

#[rustfmt::skip]
const CACHE: [CacheRow; 11] = [
    cache_row("Amplify", "2e54312d-136d-493c-8eb9-b001f22f67d2", (2, 2, 600),
        &["authorization", "cloudfront-viewer-country", "host"], Names::All, Names::All, true, true),
    cache_row("CachingDisabled", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", (0, 0, 0),
        &[], Names::None, Names::None, false, false),
    cache_row("CachingOptimized", "658327ea-f89d-4fab-a63d-7e88639e58f6", (1, DAY_S, YEAR_S),
        &[], Names::None, Names::None, true, true),
    cache_row("CachingOptimizedForUncompressedObjects", "b2884449-e4de-46a7-ac36-70bc7f1ddd6d", (1, DAY_S, YEAR_S),
        &[], Names::None, Names::None, false, false),
    cache_row("Elemental-MediaPackage", "08627262-05a9-4f76-9ded-b50ca2e3a84f", (0, DAY_S, YEAR_S),
        &["origin"], Names::None, Names::Only(&["aws.manifestfilter", "start", "end", "m"]), true, false),
    cache_row("UseOriginCacheControlHeaders", "83da9c7e-98b4-4e11-a168-04f0df8e2c65", (0, 0, YEAR_S),
        USE_ORIGIN_HEADERS, Names::All, Names::None, true, true),
    cache_row("UseOriginCacheControlHeaders-QueryStrings", "4cc15a8a-d715-48a4-82b8-cc0b614638fe", (0, 0, YEAR_S),
        USE_ORIGIN_HEADERS, Names::All, Names::All, true, true),
    cache_row("Amplify-Default", "4d1d2f1d-3a71-49ad-9e08-7ea5d843a556", (0, 0, YEAR_S),
        AMPLIFY_DEFAULT_HEADERS, Names::All, Names::All, true, true),
    cache_row("Amplify-DefaultNoCookies", "a6bad946-36c3-4c33-aa98-362c74a7fb13", (0, 0, YEAR_S),
        AMPLIFY_DEFAULT_HEADERS, Names::None, Names::All, true, true),
    cache_row("Amplify-ImageOptimization", "1c6db51a-a33f-469a-8245-dae26771f530", (0, 0, YEAR_S),
        &["accept", "authorization", "host"], Names::None, Names::All, true, true),
    cache_row("Amplify-StaticContent", "7e5fad67-ee98-4ad0-b05a-394999eefc1a", (0, 0, YEAR_S),
        &["authorization", "host"], Names::None, Names::None, true, true),
];

const fn origin_request_row(
    name: &'static str,
    id: &'static str,
    headers: Headers,
    cookies: Names,
    query_strings: Names,
) -> OriginRequestRow {
    OriginRequestRow { name, id, headers, cookies, query_strings }
}

#[rustfmt::skip]
const ORIGIN_REQUEST: [OriginRequestRow; 8] = [
    origin_request_row("AllViewer", "216adef6-5c7f-47e4-b989-5492eafa07d3",
        Headers::AllViewer, Names::All, Names::All),
    origin_request_row("AllViewerAndCloudFrontHeaders-2022-06", "33f36d7e-f396-46d9-90e0-52428a34d9dc",
        Headers::AllViewerAndCloudFront, Names::All, Names::All),
    origin_request_row("AllViewerExceptHostHeader", "b689b0a8-53d0-40ab-baf2-68738e2966ac",
        Headers::AllExceptHostAndCloudFront, Names::All, Names::All),
    origin_request_row("CORS-CustomOrigin", "59781a5b-3903-41f3-afcb-af62929ccde1",
        Headers::Only(&["origin"]), Names::None, Names::None),
    origin_request_row("CORS-S3Origin", "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
        Headers::Only(&["origin", "access-control-request-headers", "access-control-request-method"]),
        Names::None, Names::None),
    origin_request_row("Elemental-MediaTailor-PersonalizedManifests", "775133bc-15f2-49f9-abea-afb2e0bf67d2",
        Headers::Only(&["origin", "access-control-request-headers", "access-control-request-method", "user-agent",
            "x-forwarded-for"]), Names::None, Names::All),
    origin_request_row("HostHeaderOnly", "bf0718e1-ba1e-49d1-88b1-f726733018ae",
        Headers::Only(&["host"]), Names::None, Names::None),
    origin_request_row("UserAgentRefererHeaders", "acba4595-bd28-49b8-b9fe-13317c0390fa",
        Headers::Only(&["user-agent", "referer"]), Names::None, Names::None),
];
