//! What of a viewer's request goes to the origin: headers, cookies and query strings.
//!
//! Developer Guide, "Control origin requests", "How origin request policies and cache policies work together", "How
//! CloudFront processes and forwards requests to your custom origin". What the cache policy keys is always forwarded; the
//! origin request policy adds to it.

use crate::cache::{accept_encoding, cookies, freshness, query};
use homefront_config::policy::Selection;
use homefront_config::policy::cache::CachePolicy;
use homefront_config::policy::origin_request::{HeaderSelection, OriginRequestPolicy};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

mod device;
mod viewer;

use viewer::cloudfront_name;
pub use viewer::{
    CLOUDFRONT_HEADERS_ABSENT, Scheme, TlsHandshake, ViewerFacts, ViewerTls, cloudfront_headers, is_cloudfront_header,
    names_listed,
};

/// All that decides about the headers of an origin request.
#[derive(Debug, Clone, Copy)]
pub struct OriginRequest<'a> {
    /// The viewer's headers after the viewer-request function; of CloudFront's own names only what [`cloudfront_headers`] gave
    /// and what the function made of it. For a request that the cache answers or fills, conditions and ranges in it must be the
    /// cache's own already: they are passed on as they are.
    pub viewer: &'a HeaderMap,
    /// What is known of the viewer beside its headers.
    pub facts: &'a ViewerFacts<'a>,
    /// Of the behavior.
    pub cache_policy: &'a CachePolicy,
    /// Of the behavior.
    pub origin_request_policy: Option<&'a OriginRequestPolicy>,
    /// `Host`.
    pub origin_host: OriginHost<'a>,
    /// Of the origin; each replaces a viewer's header of its name.
    pub custom_headers: &'a [(String, String)],
}

/// What an origin is called in `Host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginHost<'a> {
    /// By its own name, unless a policy forwards the viewer's `Host`.
    Own(&'a str),
    /// As a function chose, whatever the policies say.
    Chosen(&'a str),
}

/// Removed whatever the policies say. `x-edge-*` and `proxy-*` are removed by their prefix.
const NEVER_FORWARDED: [&str; 10] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "x-amz-cf-id",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Forwarded whatever the policies say: they frame or describe the body, or are a request about the response itself.
const ALWAYS_FORWARDED: [&str; 15] = [
    "cache-control",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "pragma",
    "range",
    "request-range",
    "transfer-encoding",
];

/// The headers of the origin request, names in wire case. They replace the viewer's: what is not here is not sent.
pub fn origin_headers(request: &OriginRequest<'_>) -> Vec<(Cow<'static, str>, HeaderValue)> {
    let mut sent = Vec::with_capacity(request.viewer.len() + request.custom_headers.len() + 8);
    let mut add = |name: &'static str, value: HeaderValue| sent.push((Cow::Borrowed(name), value));

    if let Some(host) = host(request) {
        add("Host", host);
    }
    if let Some(agent) = user_agent(request) {
        add("User-Agent", agent);
    }
    if let Some(encodings) = encodings(request) {
        add("Accept-Encoding", encodings);
    }
    if let Some(cookies) = cookie_header(request) {
        add("Cookie", cookies);
    }
    if request.facts.websocket {
        add("Connection", HeaderValue::from_static("Upgrade"));
        add("Upgrade", HeaderValue::from_static("websocket"));
    } else {
        add("Connection", HeaderValue::from_static("Keep-Alive"));
    }
    if let Some(via) = via(request) {
        add("Via", via);
    }
    if let Some(forwarded_for) = forwarded_for(request) {
        add("X-Forwarded-For", forwarded_for);
    }
    if let Ok(id) = HeaderValue::from_str(request.facts.request_id) {
        add("X-Amz-Cf-Id", id);
    }
    for (name, value) in request.viewer {
        if passes(request, name) {
            let wire = cloudfront_name(name.as_str()).map_or_else(|| wire_name(name), Cow::Borrowed);
            sent.push((wire, value.clone()));
        }
    }
    replace_with_custom(&mut sent, request.custom_headers);
    sent
}

/// The query string of the origin request, bytes and order kept; `None` when nothing is left.
pub fn origin_query<'a>(
    query: Option<&'a str>,
    cache_policy: &CachePolicy,
    origin_request_policy: Option<&OriginRequestPolicy>,
) -> Option<Cow<'a, str>> {
    let added = origin_request_policy.map_or(&Selection::None, |policy| &policy.query_strings);
    query::select(query, |name| both_take(&cache_policy.query_strings, added, name))
}

/// Whether the policies of a behavior take a viewer's header by its name (lower case). A header that only passes by default
/// is not taken.
pub fn takes_header(
    cache_policy: &CachePolicy,
    origin_request_policy: Option<&OriginRequestPolicy>,
    name: &str,
) -> bool {
    let has = |names: &[String]| names.iter().any(|other| other == name);
    has(&cache_policy.headers)
        || origin_request_policy.is_some_and(|policy| match &policy.headers {
            HeaderSelection::None => false,
            HeaderSelection::AllViewer | HeaderSelection::AllViewerAnd(_) => true,
            HeaderSelection::AllowList(names) => has(names),
            HeaderSelection::AllExcept(except) | HeaderSelection::AllExceptAnd { except, .. } => !has(except),
        })
}

/// Whether a name may stay in the Vary header that viewers see (see [`vary`](crate::cache::vary)): it is forwarded, or it is
/// User-Agent and a header about the viewer's device, which is made of it, is.
pub fn may_vary(
    cache_policy: &CachePolicy,
    origin_request_policy: Option<&OriginRequestPolicy>,
    name: &HeaderName,
) -> bool {
    let is_of_devices = |name: &str| cloudfront_name(name).is_some_and(|name| name.starts_with("CloudFront-Is-"));
    takes_header(cache_policy, origin_request_policy, name.as_str())
        || (name == header::USER_AGENT && names_listed(cache_policy, origin_request_policy).any(is_of_devices))
}

/// The two policies together: their union, but of two block lists what neither blocks.
fn both_take(keyed: &Selection, added: &Selection, name: &[u8]) -> bool {
    match (keyed, added) {
        (Selection::AllExcept(_), Selection::AllExcept(_)) => keyed.takes(name) && added.takes(name),
        _ => keyed.takes(name) || added.takes(name),
    }
}

/// A header's name as origins see it: `x-forwarded-for` as `X-Forwarded-For`.
pub fn wire_name(name: &HeaderName) -> Cow<'static, str> {
    let mut wire = String::with_capacity(name.as_str().len());
    let rest = name.as_str().strip_prefix("sec-websocket-").inspect(|_| wire.push_str("Sec-WebSocket-"));
    let mut starts = true;
    for letter in rest.unwrap_or(name.as_str()).chars() {
        wire.push(if starts { letter.to_ascii_uppercase() } else { letter });
        starts = letter == '-';
    }
    Cow::Owned(wire)
}

/// Whether an ordinary header of the viewer is forwarded under its own name and value.
fn passes(request: &OriginRequest<'_>, name: &HeaderName) -> bool {
    let text = name.as_str();
    let made_above = [
        header::HOST,
        header::USER_AGENT,
        header::ACCEPT_ENCODING,
        header::COOKIE,
        header::VIA,
        HeaderName::from_static("x-forwarded-for"),
    ];
    if made_above.contains(name)
        || NEVER_FORWARDED.contains(&text)
        || text.starts_with("proxy-")
        || text.starts_with("x-edge-")
    {
        return false;
    }
    if is_cloudfront_header(text) {
        // The viewer's are gone: a function may have added one that the policies take.
        let mut named = names_listed(request.cache_policy, request.origin_request_policy);
        return named.any(|other| other.eq_ignore_ascii_case(text)) || listed(request, text);
    }
    if name == header::AUTHORIZATION {
        return forwards_authorization(request);
    }
    if is_validator(name) && asks_unconditionally(request) {
        return false;
    }
    ALWAYS_FORWARDED.contains(&text) || listed(request, text)
}

fn listed(request: &OriginRequest<'_>, name: &str) -> bool {
    takes_header(request.cache_policy, request.origin_request_policy, name)
}

/// Kept for the methods that change something; for those that may be cached only when keyed, or when all headers go.
fn forwards_authorization(request: &OriginRequest<'_>) -> bool {
    let cacheable = match request.facts.method.as_str() {
        "GET" | "HEAD" => true,
        "OPTIONS" => request.facts.caches_options,
        _ => false,
    };
    let alone =
        matches!(request.origin_request_policy.map(|policy| &policy.headers), Some(HeaderSelection::AllowList(_)));
    !cacheable
        || request.cache_policy.headers.iter().any(|name| name == "authorization")
        || (!alone && listed(request, "authorization"))
}

fn is_validator(name: &HeaderName) -> bool {
    name == header::IF_NONE_MATCH || name == header::IF_MODIFIED_SINCE
}

/// An expired object is asked for without conditions when cookies are forwarded.
fn asks_unconditionally(request: &OriginRequest<'_>) -> bool {
    let cacheable = matches!(request.facts.method.as_str(), "GET" | "HEAD") && !request.cache_policy.caching_disabled();
    cacheable && !freshness::revalidates(request.cache_policy, request.origin_request_policy)
}

fn host(request: &OriginRequest<'_>) -> Option<HeaderValue> {
    let own = match request.origin_host {
        OriginHost::Chosen(host) => return HeaderValue::from_str(host).ok(),
        OriginHost::Own(host) => host,
    };
    let viewers = request.viewer.get(header::HOST).filter(|_| listed(request, "host"));
    viewers.cloned().or_else(|| HeaderValue::from_str(own).ok())
}

fn user_agent(request: &OriginRequest<'_>) -> Option<HeaderValue> {
    if listed(request, "user-agent") {
        request.viewer.get(header::USER_AGENT).cloned()
    } else {
        Some(HeaderValue::from_static("Amazon CloudFront"))
    }
}

fn encodings(request: &OriginRequest<'_>) -> Option<HeaderValue> {
    let normal = accept_encoding::normalise(request.cache_policy, request.viewer, request.facts.version);
    if normal == accept_encoding::AcceptEncoding::Ordinary {
        let viewers = request.viewer.get_all(header::ACCEPT_ENCODING);
        return if listed(request, "accept-encoding") { join(&viewers, b", ", None) } else { None };
    }
    normal.to_origin().map(HeaderValue::from_static)
}

fn cookie_header(request: &OriginRequest<'_>) -> Option<HeaderValue> {
    let keyed = &request.cache_policy.cookies;
    let added = request.origin_request_policy.map_or(&Selection::None, |policy| &policy.cookies);
    if *keyed == Selection::None && *added == Selection::None {
        return None;
    }
    cookies::header(&cookies::select(request.viewer, |name| both_take(keyed, added, name)))
}

fn via(request: &OriginRequest<'_>) -> Option<HeaderValue> {
    let hop = format!("{} {} (CloudFront)", request.facts.http_version(), request.facts.via_host);
    join(&request.viewer.get_all(header::VIA), b", ", Some(&hop))
}

fn forwarded_for(request: &OriginRequest<'_>) -> Option<HeaderValue> {
    let peer = request.facts.address.ip().to_canonical().to_string();
    join(&request.viewer.get_all("x-forwarded-for"), b",", Some(&peer))
}

/// The values of one header and `last` in one line.
fn join(values: &header::GetAll<'_, HeaderValue>, separator: &[u8], last: Option<&str>) -> Option<HeaderValue> {
    let all: Vec<&[u8]> = values.iter().map(HeaderValue::as_bytes).chain(last.map(str::as_bytes)).collect();
    (!all.is_empty()).then(|| HeaderValue::from_bytes(&all.join(separator)).ok()).flatten()
}

/// The headers that `Connection` names: they end here (RFC 9110 §7.6.1). To be taken off a message before anything else is
/// put on it, so that a viewer cannot take away what the node adds.
pub fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let tokens = headers.get_all(header::CONNECTION).into_iter().flat_map(|line| line.as_bytes().split(|&b| b == b','));
    tokens.filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok()).filter(is_nominable).collect()
}

/// What frames the body cannot be taken away by naming it.
fn is_nominable(name: &HeaderName) -> bool {
    ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::HOST].contains(name)
}

fn replace_with_custom(sent: &mut Vec<(Cow<'static, str>, HeaderValue)>, custom: &[(String, String)]) {
    sent.retain(|(name, _)| !custom.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
    for (name, value) in custom {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            sent.push((Cow::Owned(name.clone()), value));
        }
    }
}

#[cfg(test)]
mod tests;
