//! `[listen]` with the certificate, `[cache]`, `[log]`.

use super::pem::{self, Pem};
use crate::language::scalar::value;
use crate::language::{At, Reading};
use crate::listener::{Listen, ViewerCertificate};
use crate::log::{AccessLog, AccessLogFormat, Log, LogTarget};
use crate::raw::distribution::Distribution;
use crate::raw::node;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// Bytes of the memory tier when the file does not say.
pub(crate) const CACHE_MEMORY_BYTES: u64 = 256 << 20;
/// Where a node listens when the file does not say.
pub(crate) const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Over which schemes a viewer can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    HttpOnly,
    Https,
    /// The listeners are wrong.
    Unknown,
}

pub(crate) fn reach(listen: Option<&Listen>) -> Reach {
    match listen {
        Some(listen) if listen.https.is_empty() => Reach::HttpOnly,
        Some(_) => Reach::Https,
        None => Reach::Unknown,
    }
}

pub(crate) fn cache_memory(cache: Option<At<node::Cache>>, reading: &mut Reading<'_>) -> u64 {
    let Some(memory) = value(cache).and_then(|cache| cache.memory) else { return CACHE_MEMORY_BYTES };
    if memory.value.0 == 0 {
        reading
            .error(memory.span, "a cache of no size")
            .hint("to cache nothing, give behaviors `cache_policy = \"CachingDisabled\"`");
    }
    memory.value.0
}

pub(crate) fn log(log: Option<At<node::Log>>, reading: &mut Reading<'_>) -> Option<Log> {
    let node::Log { access, function } = value(log).unwrap_or_default();
    let access = match access {
        None => None,
        Some(access) => {
            let target = writable(access.value.target?, reading)?;
            let format = value(access.value.format).unwrap_or(AccessLogFormat::CloudfrontStandard);
            Some(AccessLog { target, format })
        }
    };
    let function = match function {
        None => LogTarget::Stdout,
        Some(target) => writable(target, reading)?,
    };
    Some(Log { access, function })
}

/// A log file's folder must be there, and the file must not be a folder.
fn writable(target: At<LogTarget>, reading: &mut Reading<'_>) -> Option<LogTarget> {
    let LogTarget::File(path) = &target.value else { return Some(target.value) };
    if path.is_dir() {
        reading.error(target.span, format!("cannot write the log {}: it is a folder", path.display()));
        return None;
    }
    let folder = target.at(path.parent().unwrap_or(Path::new("/")).to_owned());
    reading.folder(&folder, "folder of the log").then_some(target.value)
}

/// The one certificate of all distributions; `Err` when it is wrong.
pub(crate) fn certificates(
    distributions: Option<&[At<Distribution>]>,
    reading: &mut Reading<'_>,
) -> Result<Option<At<ViewerCertificate>>, ()> {
    let mut shown: Result<Option<At<ViewerCertificate>>, ()> = Ok(None);
    for raw in distributions.unwrap_or_default().iter().filter_map(|each| each.value.viewer_certificate.as_ref()) {
        let (Some(certificate), Some(private_key)) = (&raw.value.certificate, &raw.value.private_key) else {
            shown = Err(());
            continue;
        };
        let found = raw
            .at(ViewerCertificate { certificate: certificate.value.clone(), private_key: private_key.value.clone() });
        match &shown {
            Ok(Some(first)) if first.value == found.value => {}
            Ok(Some(first)) => {
                reading
                    .error(raw.span.clone(), "one certificate serves all TLS listeners in this version")
                    .label("another one")
                    .related(first.span.clone(), "the first one")
                    .hint("use one certificate with the names of all distributions");
                shown = Err(());
            }
            Ok(None) => {
                let certificate = pem::check(certificate, Pem::Certificate, "certificate", reading);
                let private_key = pem::check(private_key, Pem::PrivateKey, "private key", reading);
                shown = if certificate && private_key { Ok(Some(found)) } else { Err(()) };
            }
            Err(()) => {}
        }
    }
    shown
}

pub(crate) fn listen(
    listen: Option<At<node::Listen>>,
    certificate: Result<Option<At<ViewerCertificate>>, ()>,
    reading: &mut Reading<'_>,
) -> Option<Listen> {
    let place = listen.as_ref().map(|at| at.span.clone()).unwrap_or_default();
    let node::Listen { http, https, admin } = value(listen).unwrap_or_default();
    let https_place = https.as_ref().map(|at| at.span.clone());
    let http = match (http, &https) {
        (Some(http), _) => http.value,
        (None, Some(_)) => Vec::new(),
        (None, None) => vec![At { value: LISTEN, span: place.clone() }],
    };
    let https = value(https).unwrap_or_default();
    if http.is_empty() && https.is_empty() {
        reading.error(place, "the node listens nowhere").hint("give `http` or `https` an address");
        return None;
    }
    let mut seen: Vec<&At<SocketAddr>> = Vec::new();
    for address in http.iter().chain(&https).chain(&admin).filter(|address| address.value.port() != 0) {
        if let Some(first) = seen.iter().find(|first| first.value == address.value) {
            reading
                .error(address.span.clone(), format!("the node listens on {} twice", address.value))
                .related(first.span.clone(), "first here");
        }
        seen.push(address);
    }
    let certificate = certificate.ok()?;
    match (&certificate, https_place) {
        (None, Some(span)) if !https.is_empty() => {
            reading
                .error(span, "TLS listeners need a certificate")
                .hint("give a distribution `viewer_certificate = { certificate = \"…\", private_key = \"…\" }`");
            return None;
        }
        (Some(certificate), _) if https.is_empty() => {
            let message = "the certificate is never shown: the node has no TLS listener";
            reading.warn(certificate.span.clone(), message).hint("give `[listen]` an `https` address");
        }
        _ => {}
    }
    let addresses = |list: Vec<At<SocketAddr>>| list.into_iter().map(|at| at.value).collect();
    Some(Listen {
        http: addresses(http),
        https: addresses(https),
        admin: admin.map(|at| at.value),
        certificate: value(certificate),
    })
}
