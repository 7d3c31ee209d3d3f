//! CloudFront's own request headers: what is known of a viewer, told to functions, the cache key and the origin.
//!
//! Developer Guide, "Add CloudFront request headers". A viewer cannot forge them: its copies are always removed.

use super::device;
use homefront_config::policy::cache::CachePolicy;
use homefront_config::policy::origin_request::{HeaderSelection, OriginRequestPolicy};
use http::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Version};
use std::net::SocketAddr;

/// What is known of a viewer beside its headers.
#[derive(Debug, Clone, Copy)]
pub struct ViewerFacts<'a> {
    /// Of the request.
    pub method: &'a Method,
    /// The viewer's.
    pub version: Version,
    /// The TCP peer, or what PROXY protocol says it is.
    pub address: SocketAddr,
    /// How the viewer came.
    pub scheme: Scheme,
    /// Of [`Scheme::Https`].
    pub tls: Option<ViewerTls<'a>>,
    /// Whether the behavior caches OPTIONS.
    pub caches_options: bool,
    /// Whether this is a WebSocket handshake that may pass.
    pub websocket: bool,
    /// `X-Amz-Cf-Id`.
    pub request_id: &'a str,
    /// `<32 hex digits>.cloudfront.net`.
    pub via_host: &'a str,
}

/// The viewer's scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// The viewer's TLS connection.
#[derive(Debug, Clone, Copy)]
pub struct ViewerTls<'a> {
    /// `TLSv1.3`
    pub protocol: &'a str,
    /// `TLS_AES_128_GCM_SHA256`
    pub cipher: &'a str,
    /// How it came about.
    pub handshake: TlsHandshake,
}

/// The third part of `CloudFront-Viewer-TLS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsHandshake {
    /// `fullHandshake`
    Full,
    /// `sessionResumed`
    Resumed,
    /// `connectionReused`
    Reused,
}

impl ViewerFacts<'_> {
    /// `1.0`, `1.1`, `2.0`, `3.0`.
    pub fn http_version(&self) -> &'static str {
        match self.version {
            Version::HTTP_09 | Version::HTTP_10 => "1.0",
            Version::HTTP_2 => "2.0",
            Version::HTTP_3 => "3.0",
            _ => "1.1",
        }
    }
}

/// The headers that can be made here, with a function for each.
const MADE: [(&str, Make); 12] = [
    ("CloudFront-Forwarded-Proto", |_, facts| Some(forwarded_proto(facts))),
    ("CloudFront-Is-Android-Viewer", |viewer, _| Some(device(viewer, |device| device.android))),
    ("CloudFront-Is-Desktop-Viewer", |viewer, _| Some(device(viewer, |device| device.desktop))),
    ("CloudFront-Is-IOS-Viewer", |viewer, _| Some(device(viewer, |device| device.ios))),
    ("CloudFront-Is-Mobile-Viewer", |viewer, _| Some(device(viewer, |device| device.mobile))),
    ("CloudFront-Is-SmartTV-Viewer", |viewer, _| Some(device(viewer, |device| device.smart_tv))),
    ("CloudFront-Is-Tablet-Viewer", |viewer, _| Some(device(viewer, |device| device.tablet))),
    ("CloudFront-Viewer-Address", address),
    ("CloudFront-Viewer-Header-Count", |viewer, _| Some(header_count(viewer))),
    ("CloudFront-Viewer-Header-Order", header_order),
    ("CloudFront-Viewer-Http-Version", |_, facts| Some(HeaderValue::from_static(facts.http_version()))),
    ("CloudFront-Viewer-TLS", tls),
];

type Make = fn(&HeaderMap, &ViewerFacts<'_>) -> Option<HeaderValue>;

/// Headers that need a geographic database or a TLS fingerprint, which this node does not have: they are never present,
/// as CloudFront's are not when it cannot tell.
pub const CLOUDFRONT_HEADERS_ABSENT: [&str; 13] = [
    "CloudFront-Viewer-ASN",
    "CloudFront-Viewer-City",
    "CloudFront-Viewer-Country",
    "CloudFront-Viewer-Country-Name",
    "CloudFront-Viewer-Country-Region",
    "CloudFront-Viewer-Country-Region-Name",
    "CloudFront-Viewer-JA3-Fingerprint",
    "CloudFront-Viewer-JA4-Fingerprint",
    "CloudFront-Viewer-Latitude",
    "CloudFront-Viewer-Longitude",
    "CloudFront-Viewer-Metro-Code",
    "CloudFront-Viewer-Postal-Code",
    "CloudFront-Viewer-Time-Zone",
];

/// Bytes of `CloudFront-Viewer-Header-Order`. CloudFront: 7,680.
const HEADER_ORDER_BYTES_MAX: usize = 7_680;

/// Whether only CloudFront may set this header of a request.
pub fn is_cloudfront_header(name: impl AsRef<[u8]>) -> bool {
    const PREFIX: &[u8] = b"cloudfront-";
    name.as_ref().get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// The headers that the policies of a behavior ask for, in wire case. To be put in place of the viewer's own (see
/// [`is_cloudfront_header`]) before functions run and the cache key is built; what a function leaves of them goes to the origin
/// as well.
pub fn cloudfront_headers(
    viewer: &HeaderMap,
    facts: &ViewerFacts<'_>,
    cache_policy: &CachePolicy,
    origin_request_policy: Option<&OriginRequestPolicy>,
) -> Vec<(&'static str, HeaderValue)> {
    let wanted =
        |name: &str| names_listed(cache_policy, origin_request_policy).any(|other| other.eq_ignore_ascii_case(name));
    let made = MADE.iter().filter(|(name, _)| wanted(name));
    made.filter_map(|(name, make)| Some((*name, make(viewer, facts)?))).collect()
}

/// The headers that the policies of a behavior list by name, CloudFront's among them.
pub fn names_listed<'a>(
    cache_policy: &'a CachePolicy,
    origin_request_policy: Option<&'a OriginRequestPolicy>,
) -> impl Iterator<Item = &'a str> {
    let added: &[String] = match origin_request_policy.map(|policy| &policy.headers) {
        Some(HeaderSelection::AllowList(names) | HeaderSelection::AllViewerAnd(names)) => names,
        Some(HeaderSelection::AllExceptAnd { cloudfront, .. }) => cloudfront,
        None | Some(HeaderSelection::None | HeaderSelection::AllViewer | HeaderSelection::AllExcept(_)) => &[],
    };
    cache_policy.headers.iter().chain(added).map(String::as_str)
}

/// How CloudFront writes a header of its own; `None` = it has none of this name.
pub(super) fn cloudfront_name(name: &str) -> Option<&'static str> {
    if !is_cloudfront_header(name) {
        return None;
    }
    let known = MADE.iter().map(|(name, _)| *name).chain(CLOUDFRONT_HEADERS_ABSENT);
    known.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

fn forwarded_proto(facts: &ViewerFacts<'_>) -> HeaderValue {
    HeaderValue::from_static(match facts.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    })
}

/// The address as text without brackets, IPv6 as well: CloudFront's examples have none.
fn address(_: &HeaderMap, facts: &ViewerFacts<'_>) -> Option<HeaderValue> {
    let (ip, port) = (facts.address.ip().to_canonical(), facts.address.port());
    HeaderValue::from_str(&format!("{ip}:{port}")).ok()
}

fn tls(_: &HeaderMap, facts: &ViewerFacts<'_>) -> Option<HeaderValue> {
    let tls = facts.tls.as_ref()?;
    let handshake = match tls.handshake {
        TlsHandshake::Full => "fullHandshake",
        TlsHandshake::Resumed => "sessionResumed",
        TlsHandshake::Reused => "connectionReused",
    };
    HeaderValue::from_str(&format!("{}:{}:{handshake}", tls.protocol, tls.cipher)).ok()
}

fn header_count(viewer: &HeaderMap) -> HeaderValue {
    HeaderValue::from(viewer.keys().filter(|name| !is_cloudfront_header(name)).count())
}

fn header_order(viewer: &HeaderMap, _: &ViewerFacts<'_>) -> Option<HeaderValue> {
    let names: Vec<&str> = viewer.keys().filter(|name| !is_cloudfront_header(name)).map(HeaderName::as_str).collect();
    let mut order = names.join(":");
    order.truncate(HEADER_ORDER_BYTES_MAX);
    HeaderValue::from_str(&order).ok()
}

fn device(viewer: &HeaderMap, is: impl Fn(&device::Device) -> bool) -> HeaderValue {
    let agent = viewer.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    HeaderValue::from_static(if is(&device::of(agent)) { "true" } else { "false" })
}
