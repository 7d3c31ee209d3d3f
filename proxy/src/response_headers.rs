//! Response headers policies: what each response to a viewer has and lacks, whether it comes from the cache, from an origin or
//! from the node itself. What is stored stays as the origin sent it.
//!
//! Developer Guide, "Understand response headers policies". Headers are taken away first, so what is added stays.

pub(crate) mod server_timing;

use homefront_config::policy::allowed_origin::AllowedOrigin;
use homefront_config::policy::response_headers::{AllowedHeaders, Cors, ResponseHeadersPolicy};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// What a viewer asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
}

/// What becomes of a header of the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit<'a> {
    /// All lines of it go.
    Remove(&'a HeaderName),
    /// It has this line, and no other.
    Set(&'a str, HeaderValue),
    /// It has this line too.
    Append(&'a str, HeaderValue),
}

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";
const ALLOW_METHODS: &str = "Access-Control-Allow-Methods";
const ALLOW_HEADERS: &str = "Access-Control-Allow-Headers";
const ALLOW_CREDENTIALS: &str = "Access-Control-Allow-Credentials";
const EXPOSE_HEADERS: &str = "Access-Control-Expose-Headers";
const MAX_AGE: &str = "Access-Control-Max-Age";

/// What the policy does to a response with these headers, in this order.
pub(crate) fn edits<'a>(policy: &'a ResponseHeadersPolicy, asked: Asked<'_>, response: &HeaderMap) -> Vec<Edit<'a>> {
    let mut edits = Vec::with_capacity(policy.remove_headers.len() + policy.headers.len() + 6);
    let stays = |name: &HeaderName| response.contains_key(name) && !policy.remove_headers.contains(name);
    edits.extend(policy.remove_headers.iter().map(Edit::Remove));
    if let Some(cors) = &policy.cors {
        let sent_any = || response.keys().any(|name| name.as_str().starts_with("access-control-") && stays(name));
        if cors.override_origin || !sent_any() {
            let varies = stays(&header::VARY) && names_origin(response);
            share(cors, asked, varies, &mut edits);
        }
    }
    let added = policy.headers.iter().filter(|header| header.override_origin || !stays(&header.name));
    edits.extend(added.map(|header| Edit::Set(&header.spelling, header.value.clone())));
    edits
}

/// The headers of CORS, where the request is one of CORS and its origin is allowed.
fn share<'a>(cors: &'a Cors, asked: Asked<'_>, varies_already: bool, edits: &mut Vec<Edit<'a>>) {
    let Some(origin) = asked.headers.get(header::ORIGIN) else { return };
    let Some(allowed) = allowed_origin(cors, origin) else { return };
    if allowed == origin && !varies_already {
        // An answer for one origin is not one for another (Fetch standard, "CORS protocol and HTTP caches").
        edits.push(Edit::Append("Vary", HeaderValue::from_static("Origin")));
    }
    edits.push(Edit::Set(ALLOW_ORIGIN, allowed));
    let credentials = cors.allow_credentials.then(|| HeaderValue::from_static("true"));
    let mut set = |name, value: Option<HeaderValue>| edits.extend(value.map(|value| Edit::Set(name, value)));
    set(ALLOW_CREDENTIALS, credentials);
    set(EXPOSE_HEADERS, cors.expose_headers.clone());
    if is_preflight(asked) {
        set(ALLOW_METHODS, cors.allow_methods.clone());
        set(ALLOW_HEADERS, cors.allow_headers.as_ref().and_then(|allowed| allowed_headers(allowed, asked.headers)));
        set(MAX_AGE, cors.max_age.clone());
    }
}

/// `*`, or the origin that asks.
fn allowed_origin(cors: &Cors, origin: &HeaderValue) -> Option<HeaderValue> {
    if cors.allow_origins.contains(&AllowedOrigin::Any) {
        return Some(HeaderValue::from_static("*"));
    }
    let text = origin.to_str().ok()?;
    cors.allow_origins.iter().any(|allowed| allowed.allows(text)).then(|| origin.clone())
}

/// Fetch standard, "CORS-preflight request".
fn is_preflight(asked: Asked<'_>) -> bool {
    *asked.method == Method::OPTIONS && asked.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Of names with a beginning, those that are asked for.
fn allowed_headers(allowed: &AllowedHeaders, request: &HeaderMap) -> Option<HeaderValue> {
    let (names, beginnings) = match allowed {
        AllowedHeaders::Listed(names) => return Some(names.clone()),
        AllowedHeaders::WithBeginnings { names, beginnings } => (names, beginnings),
    };
    let asked = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    let asked = asked.unwrap_or_default().split(',').map(str::trim);
    let begins_so = |name: &&str| beginnings.iter().any(|beginning| begins_with(name, beginning));
    let told: Vec<&str> = names.iter().map(String::as_str).chain(asked.filter(begins_so)).collect();
    if told.is_empty() { None } else { HeaderValue::try_from(told.join(", ")).ok() }
}

fn begins_with(name: &str, beginning: &str) -> bool {
    name.get(..beginning.len()).is_some_and(|front| front.eq_ignore_ascii_case(beginning))
}

/// Whether `Vary` says already that the answer depends on the origin.
fn names_origin(response: &HeaderMap) -> bool {
    let lines = response.get_all(header::VARY).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|name| name.trim().eq_ignore_ascii_case("origin"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
