//! `[[distribution.origin]]`.

use super::code::number;
use super::header;
use super::pem::{self, Pem};
use crate::language::collection::Map;
use crate::language::scalar::{Secret, Text, value};
use crate::language::{At, Reading};
use crate::limits::{CUSTOM_HEADER_NAME_CHARS_MAX, CUSTOM_HEADER_VALUE_CHARS_MAX, CUSTOM_HEADERS_CHARS_MAX};
use crate::origin::{CustomOrigin, Origin, OriginKind, OriginProtocolPolicy, OriginTls, path_fault};
use crate::raw::distribution as raw;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) fn origin(raw: At<raw::Origin>, reading: &mut Reading<'_>) -> Option<Origin> {
    let span = raw.span;
    let mut raw = raw.value;
    let path = match raw.path.take() {
        Some(path) => path_prefix(path, reading),
        None => Some(String::new()),
    };
    let custom_headers = custom_headers(raw.custom_headers.take().map_or(Map(Vec::new()), |at| at.value), reading);
    let id = raw.id.take();
    let kind = match (raw.directory.take(), raw.domain_name.take()) {
        (Some(directory), None) => folder(directory, &raw, reading),
        (None, Some(domain_name)) => server(&domain_name, raw, reading).map(OriginKind::Custom),
        (Some(directory), Some(domain_name)) => {
            reading
                .error(domain_name.span, "an origin is a server or a folder, not both")
                .related(directory.span, "a folder");
            None
        }
        (None, None) => {
            let hint = "`domain_name = \"app.internal\"` for a server, or `directory = \"public/\"` for a folder";
            reading.error(span, "the origin has neither `domain_name` nor `directory`").hint(hint);
            None
        }
    };
    Some(Origin { id: id?.value.0, path: path?, custom_headers, kind: kind? })
}

fn folder(directory: At<PathBuf>, raw: &raw::Origin, reading: &mut Reading<'_>) -> Option<OriginKind> {
    for (key, span) in keys_of_servers(raw) {
        reading.error(span, format!("`{key}` has no meaning for an origin that is a folder"));
    }
    reading
        .folder(&directory, "origin's folder")
        .then_some(OriginKind::Directory { root: directory.value, stand_in: None })
}

/// The keys given that only a server has.
fn keys_of_servers(raw: &raw::Origin) -> Vec<(&'static str, Range<usize>)> {
    let span = |span: &Range<usize>| span.clone();
    let given = [
        ("http_port", raw.http_port.as_ref().map(|at| span(&at.span))),
        ("https_port", raw.https_port.as_ref().map(|at| span(&at.span))),
        ("protocol_policy", raw.protocol_policy.as_ref().map(|at| span(&at.span))),
        ("connection_attempts", raw.connection_attempts.as_ref().map(|at| span(&at.span))),
        ("connection_timeout_s", raw.connection_timeout_s.as_ref().map(|at| span(&at.span))),
        ("read_timeout_s", raw.read_timeout_s.as_ref().map(|at| span(&at.span))),
        ("keepalive_timeout_s", raw.keepalive_timeout_s.as_ref().map(|at| span(&at.span))),
        ("response_completion_timeout_s", raw.response_completion_timeout_s.as_ref().map(|at| span(&at.span))),
        ("tls", raw.tls.as_ref().map(|at| span(&at.span))),
    ];
    given.into_iter().filter_map(|(key, span)| Some((key, span?))).collect()
}

fn server(domain_name: &At<Text>, raw: raw::Origin, reading: &mut Reading<'_>) -> Option<CustomOrigin> {
    let host = host(domain_name, reading);
    let default = CustomOrigin::new(String::new());
    let protocol_policy = value(raw.protocol_policy).unwrap_or(default.protocol_policy);
    let read_timeout_s = number(raw.read_timeout_s, default.read_timeout.as_secs());
    let completion = raw.response_completion_timeout_s;
    if let Some(completion) = completion.as_ref().filter(|completion| completion.value.0 < read_timeout_s) {
        reading
            .error(completion.span.clone(), "`response_completion_timeout_s` is less than `read_timeout_s`")
            .hint(format!("at least {read_timeout_s}, or leave it out for no bound"));
    }
    if let Some(tls) = raw.tls.as_ref().filter(|_| protocol_policy == OriginProtocolPolicy::HttpOnly) {
        reading.warn(tls.span.clone(), "`tls` is never used: the origin's `protocol_policy` is \"http-only\"");
    }
    let tls = tls(value(raw.tls).unwrap_or_default(), reading);
    Some(CustomOrigin {
        domain_name: host?,
        http_port: raw.http_port.map_or(default.http_port, |at| at.value.0),
        https_port: raw.https_port.map_or(default.https_port, |at| at.value.0),
        protocol_policy,
        connection_attempts: number(raw.connection_attempts, default.connection_attempts.into()) as u8,
        connection_timeout: Duration::from_secs(number(raw.connection_timeout_s, default.connection_timeout.as_secs())),
        read_timeout: Duration::from_secs(read_timeout_s),
        keepalive_timeout: Duration::from_secs(number(raw.keepalive_timeout_s, default.keepalive_timeout.as_secs())),
        response_completion_timeout: completion.map(|at| Duration::from_secs(at.value.0)),
        tls: tls?,
        ..default
    })
}

fn tls(raw: raw::OriginTls, reading: &mut Reading<'_>) -> Option<OriginTls> {
    let verify = raw.verify.is_none_or(|at| at.value);
    if let Some(ca) = raw.ca.as_ref().filter(|_| !verify) {
        reading.warn(ca.span.clone(), "`ca` is never used: `verify` is false");
    }
    let server_name = match raw.server_name {
        Some(name) => Some(host(&name, reading)?),
        None => None,
    };
    let trusted = raw.ca.as_ref().is_none_or(|ca| pem::check(ca, Pem::Certificate, "CA bundle", reading));
    trusted.then_some(OriginTls { ca: value(raw.ca), verify, server_name })
}

/// A DNS name or an address, IPv6 without its brackets.
fn host(text: &At<Text>, reading: &mut Reading<'_>) -> Option<String> {
    let host = text.value.0.as_str();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse::<Ipv6Addr>() {
        return Some(address.to_string());
    }
    if host.parse::<IpAddr>().is_ok() || is_host_name(host) {
        return Some(host.to_ascii_lowercase());
    }
    let hint = if host.contains("://") {
        "without the scheme: `protocol_policy` says whether to use HTTP or HTTPS"
    } else if host.contains('/') {
        "without a path: `path` is put in front of every URI"
    } else if host.contains(':') {
        "without the port: `http_port` and `https_port` have it"
    } else {
        "as in \"app.internal\" or \"10.0.0.7\""
    };
    reading.error(text.span.clone(), format!("{host:?} is not a host name")).hint(hint);
    None
}

/// Labels of letters, digits, `-` and `_` (which private networks use), 63 at most each, 253 in all.
pub(crate) fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    host.len() <= 253 && host.split('.').all(label)
}

fn path_prefix(path: At<Text>, reading: &mut Reading<'_>) -> Option<String> {
    let text = path.value.0;
    let Some(why) = path_fault(&text) else { return Some(text) };
    reading.error(path.span, format!("{text:?} is not an origin path: one {why}"));
    None
}

fn custom_headers(headers: Map<Secret>, reading: &mut Reading<'_>) -> Vec<(String, String)> {
    let mut characters = 0;
    for (at, (name, secret)) in headers.0.iter().enumerate() {
        let lower = name.value.to_ascii_lowercase();
        if header::check_name(name, reading) && header::is_forbidden_custom(&lower) {
            reading
                .error(name.span.clone(), format!("CloudFront does not add {:?} as a custom header", name.value))
                .hint("it sets or removes this header by itself");
        }
        if let Some((first, _)) = headers.0[..at].iter().find(|(first, _)| first.value.eq_ignore_ascii_case(&lower)) {
            reading
                .error(name.span.clone(), format!("the custom header {:?} is given twice", name.value))
                .related(first.span.clone(), "first here");
        }
        header::check_value(&secret.at(secret.value.0.clone()), reading);
        let (name_length, value_length) = (name.value.chars().count(), secret.value.0.chars().count());
        if name_length > CUSTOM_HEADER_NAME_CHARS_MAX {
            let message =
                format!("the name has {name_length} characters; CloudFront takes {CUSTOM_HEADER_NAME_CHARS_MAX}");
            reading.error(name.span.clone(), message);
        }
        if value_length > CUSTOM_HEADER_VALUE_CHARS_MAX {
            let message =
                format!("the value has {value_length} characters; CloudFront takes {CUSTOM_HEADER_VALUE_CHARS_MAX}");
            reading.error(secret.span.clone(), message);
        }
        characters += name_length + value_length;
    }
    if let Some((first, _)) = headers.0.first().filter(|_| characters > CUSTOM_HEADERS_CHARS_MAX) {
        let message = format!("{characters} characters of custom headers; CloudFront takes {CUSTOM_HEADERS_CHARS_MAX}");
        reading.error(first.span.clone(), message);
    }
    headers.0.into_iter().map(|(name, secret)| (name.value, secret.value.0)).collect()
}
