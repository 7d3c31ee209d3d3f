//! A node without a file: one distribution, one origin, CloudFront's defaults.

use crate::Config;
use crate::association::Associations;
use crate::behavior::{AllowedMethods, Behavior, CachedMethods, TargetOrigin, ViewerProtocolPolicy};
use crate::build::{CACHE_MEMORY_BYTES, default_cache_policy, domain_name, id_from, is_host_name};
use crate::custom_error_response::CustomErrorResponses;
use crate::distribution::Distribution;
use crate::listener::Listen;
use crate::log::{Log, LogTarget};
use crate::origin::{CustomOrigin, Origin, OriginKind, OriginProtocolPolicy};
use crate::path_pattern::PathPattern;
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

/// What `homefront serve --origin URL --listen ADDR` runs: the same as a file with this origin and nothing else.
pub fn quick(origin_url: &str, listen: SocketAddr) -> Result<Config, OriginUrlError> {
    let origin = origin(origin_url)?;
    let id = id_from(&[], 0);
    let behavior = Behavior {
        path_pattern: PathPattern::any(),
        target_origin: TargetOrigin::Origin(0),
        viewer_protocol_policy: ViewerProtocolPolicy::AllowAll,
        allowed_methods: AllowedMethods::GetHead,
        cached_methods: CachedMethods::GetHead,
        cache_policy: default_cache_policy(),
        origin_request_policy: None,
        response_headers_policy: None,
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
        origin_groups: Vec::new(),
        behaviors: Vec::new(),
        default_behavior: Arc::new(behavior),
        custom_error_responses: CustomErrorResponses::default(),
    };
    Ok(Config {
        listen: Listen { http: vec![listen], https: Vec::new(), admin: None, certificate: None },
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
        Some(text) => match text.parse() {
            Ok(0) | Err(_) => return Err(OriginUrlError::Port(url.to_owned(), text.to_owned())),
            Ok(port) => port,
        },
        None => standard_port,
    };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = match bare {
        Some(bare) if bare.parse::<Ipv6Addr>().is_ok() => bare.to_ascii_lowercase(),
        None if is_host_name(host) => host.to_ascii_lowercase(),
        _ => return Err(OriginUrlError::Host(url.to_owned(), host.to_owned())),
    };
    let mut server = CustomOrigin { protocol_policy: policy, ..CustomOrigin::new(host) };
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::path::Path;

    fn listen() -> SocketAddr {
        "127.0.0.1:8080".parse().unwrap()
    }

    #[test]
    fn it_is_the_file_with_one_origin_and_nothing_else() {
        for (url, origin) in [
            ("http://127.0.0.1:3000", r#"domain_name = "127.0.0.1", http_port = 3000, protocol_policy = "http-only""#),
            ("http://App.internal/", r#"domain_name = "app.internal", protocol_policy = "http-only""#),
            (
                "HTTPS://[::1]:8443/v1",
                r#"domain_name = "::1", https_port = 8443, path = "/v1", protocol_policy = "https-only""#,
            ),
        ] {
            let file = format!(
                "[[distribution]]\norigin = [{{ id = \"origin\", {origin} }}]\ndefault_behavior = {{ target_origin = \"origin\" }}"
            );
            let (config, warnings) = crate::parse("site.toml", &file, Path::new("/"), &|_| None).unwrap();
            assert!(warnings.is_empty());
            assert_eq!(format!("{:#?}", quick(url, listen()).unwrap()), format!("{config:#?}"), "{url}");
        }
    }

    #[test]
    fn an_url_that_is_no_origin_is_refused_with_its_reason() {
        for (url, reason) in [
            ("127.0.0.1:3000", "it starts with http:// or https://"),
            ("ftp://a", "it starts with http:// or https://"),
            ("http://", "\"\" is not a host name"),
            ("http://a b", "scheme, host, port and path are all it can have"),
            ("http://me@a/?q", "scheme, host, port and path are all it can have"),
            ("http://-a", "\"-a\" is not a host name"),
            ("http://[::1", "\"[:\" is not a host name"),
            ("http://a:port", "\"port\" is not a port"),
            ("http://a:65536", "\"65536\" is not a port"),
            ("http://a:0", "\"0\" is not a port"),
        ] {
            let message = quick(url, listen()).unwrap_err().to_string();
            assert_eq!(message, format!("{url:?} is not the URL of an origin: {reason}"));
        }
    }
}
