//! What a made event between the cache and the origin has of a case's request: what the behavior's policies forward.

use crate::fetch::ask_for_all;
use crate::forward::{self, OriginHost, OriginRequest, Scheme, TlsHandshake, ViewerFacts, ViewerTls};
use crate::head;
use homefront_config::cases::{self, LambdaMessages};
use homefront_config::origin::Origin;
use homefront_functions::test::VIA_HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use std::net::SocketAddr;

/// The request to the origin that is made of the viewer's, as functions see it: with its own `Host`, without what the policies
/// leave behind, and whole and without conditions where the cache would store the answer.
///
/// The error says what cannot be sent.
pub(super) fn forwarded(messages: &LambdaMessages, origin: &Origin) -> Result<cases::Request, String> {
    let LambdaMessages { behavior, request: asked, .. } = messages;
    let (path, query) =
        asked.target.split_once('?').map_or((&*asked.target, None), |(path, query)| (path, Some(query)));
    let method = asked.method.parse::<Method>().map_err(|error| error.to_string())?;
    let (policy, extra) = (&behavior.cache_policy, behavior.origin_request_policy.as_deref());
    let facts = ViewerFacts {
        method: &method,
        version: Version::HTTP_11,
        address: SocketAddr::new(asked.viewer_ip, 40_000),
        scheme: match asked.scheme {
            cases::Scheme::Http => Scheme::Http,
            cases::Scheme::Https => Scheme::Https,
        },
        tls: (asked.scheme == cases::Scheme::Https).then_some(ViewerTls {
            protocol: "TLSv1.3",
            cipher: "TLS_AES_128_GCM_SHA256",
            handshake: TlsHandshake::Full,
        }),
        caches_options: behavior.cached_methods.contains(Method::OPTIONS.as_str()),
        websocket: false,
        // Functions are not shown it.
        request_id: "",
        via_host: VIA_HOST,
    };
    let mut viewer = headers(asked);
    // The origin's own take their place; functions are shown those apart.
    origin.custom_headers.iter().for_each(|(name, _)| drop(viewer.remove(name.as_str())));
    // Nor are CloudFront's, unless a policy lists them.
    let is_listed = |name: &HeaderName| {
        forward::names_listed(policy, extra).any(|listed| listed.eq_ignore_ascii_case(name.as_str()))
    };
    let is_foreign = |name: &&HeaderName| forward::is_cloudfront_header(name.as_str()) && !is_listed(name);
    let foreign: Vec<_> = viewer.keys().filter(is_foreign).cloned().collect();
    for name in foreign {
        viewer.remove(name);
    }
    for (name, value) in forward::cloudfront_headers(&viewer, &facts, policy, extra) {
        // A case may have its own, of a viewer that this machine knows nothing of.
        viewer.entry(name).or_insert(value);
    }
    let forwarded = OriginRequest {
        viewer: &viewer,
        facts: &facts,
        cache_policy: policy,
        origin_request_policy: extra,
        origin_host: OriginHost::Own(&origin.domain_name()),
        custom_headers: &[],
    };
    let mut sent = head::forwarded(path, query, &forwarded).map_err(|failure| failure.to_string())?;
    if behavior.cached_methods.contains(method.as_str()) && !policy.caching_disabled() {
        ask_for_all(&mut sent);
    }
    let shown = head::neutral_request(&sent, "");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(cases::Request {
        method: shown.method,
        target: sent.uri.to_string(),
        headers: shown.headers.iter().map(|(name, value)| (text(name), text(value))).collect(),
        ..asked.clone()
    })
}

fn headers(asked: &cases::Request) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &asked.headers {
        let line = name.parse::<HeaderName>().ok().zip(HeaderValue::from_bytes(value.as_bytes()).ok());
        line.map(|(name, value)| headers.append(name, value));
    }
    if let Ok(host) = HeaderValue::from_str(&asked.host) {
        headers.entry(header::HOST).or_insert(host);
    }
    headers
}
