//! A node without a file: one distribution, one origin, CloudFront's defaults.

use crate::Config;
use crate::association::Associations;
use crate::behavior::{AllowedMethods, Behavior, CachedMethods, ViewerProtocolPolicy};
use crate::build::{CACHE_MEMORY_BYTES, custom, default_cache_policy, domain_name, id_from, is_host_name};
use crate::distribution::Distribution;
use crate::listener::Listen;
use crate::log::{Log, LogTarget};
use crate::origin::{CustomOrigin, Origin, OriginKind, OriginProtocolPolicy};
use crate::path_pattern::PathPattern;
use crate::policy::managed;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Why a URL is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginUrlError {
    /// Neither `http://` nor `https://`.
    #[error("{0:?} is not the URL of an origin: it starts with http:// or https://")]
    Scheme(String),
    /// No host, or one that cannot be.
    #[error("{0:?} is not the URL of an origin: {1:?} is not a host name")]
    Host(String, String),
    /// A port that cannot be.
    #[error("{0:?} is not the URL of an origin: {1:?} is not a port")]
    Port(String, String),
    /// A query, a fragment, a user.
    #[error("{0:?} is not the URL of an origin: scheme, host, port and path are all it can have")]
    Extra(String),
}

/// What `homefront serve --origin URL --listen ADDR` runs: all methods, CachingOptimized, all of the viewer's request but its `Host`.
pub fn quick(origin_url: &str, listen: SocketAddr) -> Result<Config, OriginUrlError> {
    let origin = origin(origin_url)?;
    let id = id_from(&[], 0);
    let behavior = Behavior {
        path_pattern: PathPattern::any(),
        target_origin: 0,
        viewer_protocol_policy: ViewerProtocolPolicy::AllowAll,
        allowed_methods: AllowedMethods::All,
        cached_methods: CachedMethods::GetHead,
        cache_policy: default_cache_policy(),
        origin_request_policy: managed::origin_request_policy("AllViewerExceptHostHeader").map(Arc::new),
        associations: Associations::default(),
        authorize: None,
        split: None,
    };
    let distribution = Distribution {
        domain_name: domain_name(&id),
        id,
        aliases: Vec::new(),
        default_root_object: None,
        origins: vec![Arc::new(origin)],
        behaviors: Vec::new(),
        default_behavior: Arc::new(behavior),
    };
    Ok(Config {
        listen: Listen { http: vec![listen], https: Vec::new(), certificate: None },
        cache_memory_bytes_max: CACHE_MEMORY_BYTES,
        log: Log { access: None, function: LogTarget::Stdout },
        distributions: vec![Arc::new(distribution)],
        functions: Vec::new(),
        lambdas: Vec::new(),
    })
}

fn origin(url: &str) -> Result<Origin, OriginUrlError> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| OriginUrlError::Scheme(url.to_owned()))?;
    let (policy, standard_port) = match scheme.to_ascii_lowercase().as_str() {
        "http" => (OriginProtocolPolicy::HttpOnly, 80),
        "https" => (OriginProtocolPolicy::HttpsOnly, 443),
        _ => return Err(OriginUrlError::Scheme(url.to_owned())),
    };
    if rest.bytes().any(|b| !b.is_ascii_graphic() || b"?#@\\".contains(&b)) {
        return Err(OriginUrlError::Extra(url.to_owned()));
    }
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = host_and_port(authority);
    let port = match port {
        Some(text) => text.parse().map_err(|_| OriginUrlError::Port(url.to_owned(), text.to_owned()))?,
        None => standard_port,
    };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = match bare {
        Some(bare) if bare.parse::<Ipv6Addr>().is_ok() => bare.to_ascii_lowercase(),
        None if is_host_name(host) => host.to_ascii_lowercase(),
        _ => return Err(OriginUrlError::Host(url.to_owned(), host.to_owned())),
    };
    let mut server = CustomOrigin { protocol_policy: policy, ..custom(host) };
    match policy {
        OriginProtocolPolicy::HttpsOnly => server.https_port = port,
        _ => server.http_port = port,
    }
    Ok(Origin {
        id: "origin".to_owned(),
        path: path.trim_end_matches('/').to_owned(),
        custom_headers: Vec::new(),
        kind: OriginKind::Custom(server),
    })
}

/// The port follows the last colon that is not inside the brackets of an IPv6 address.
fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}
