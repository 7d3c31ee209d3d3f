//! `[[cache_policy]]` and `[[origin_request_policy]]`, and how behaviors find policies by name or id.

use super::code::number;
use super::header;
use super::names::{self, Names};
use crate::language::scalar::Text;
use crate::language::{At, Reading};
use crate::limits::{POLICY_NAME_CHARS_MAX, POLICY_NAMES_CHARS_QUOTA, POLICY_NAMES_QUOTA};
use crate::policy::cache::CachePolicy;
use crate::policy::origin_request::{HeaderSelection, OriginRequestPolicy};
use crate::policy::{Selection, managed};
use crate::raw::policy as raw;
use std::sync::Arc;

/// Seconds an object without a lifetime stays when a policy does not say: Developer Guide, `DefaultTTL`.
const DEFAULT_TTL_S: u64 = 86_400;
/// Seconds an object stays at most when a policy does not say: Developer Guide, `MaxTTL`.
const MAX_TTL_S: u64 = 31_536_000;

pub(crate) fn cache_policies(raw: Vec<At<raw::CachePolicy>>, reading: &mut Reading<'_>) -> Names<CachePolicy> {
    let mut names = Names::new("cache policy");
    for mut each in raw {
        let is_managed = |name: &str| managed::cache_policy(name).is_some();
        let name = policy_name(each.value.name.take(), is_managed, reading);
        let built = cache_policy(name.as_ref(), each.value, reading);
        names.add(name, built, reading);
    }
    names
}

fn cache_policy(name: Option<&At<String>>, raw: raw::CachePolicy, reading: &mut Reading<'_>) -> Option<CachePolicy> {
    let place = [&raw.max_ttl_s, &raw.default_ttl_s].into_iter().flatten().map(|at| at.span.clone()).next();
    let place = place.or(raw.min_ttl_s.as_ref().map(|at| at.span.clone()));
    let min_ttl_s = number(raw.min_ttl_s, 0);
    let default_ttl_s = number(raw.default_ttl_s, DEFAULT_TTL_S.max(min_ttl_s));
    let max_ttl_s = number(raw.max_ttl_s, MAX_TTL_S.max(default_ttl_s));
    if let Some(place) = place.filter(|_| min_ttl_s > default_ttl_s || default_ttl_s > max_ttl_s) {
        reading
            .error(place, format!("the TTLs are out of order: {min_ttl_s}, {default_ttl_s}, {max_ttl_s}"))
            .hint("CloudFront wants min_ttl_s <= default_ttl_s <= max_ttl_s");
    }
    let headers = raw.headers.map_or(Vec::new(), |at| at.value.0);
    for listed in &headers {
        let lower = listed.value.0.to_ascii_lowercase();
        if header::is_forbidden_key(&lower) {
            let hint = match lower.as_str() {
                "cookie" => "list cookies under `cookies`",
                lower if lower.starts_with("cloudfront-") => "give it to the origin with an origin request policy",
                _ => "this header belongs to the connection, not to the object",
            };
            let message = format!("{:?} cannot be in a cache policy", listed.value.0);
            reading.error(listed.span.clone(), message).hint(hint);
        }
    }
    Some(CachePolicy {
        headers: header_names(headers, "headers", reading),
        cookies: selection(raw.cookies, "cookies", reading),
        query_strings: selection(raw.query_strings, "query strings", reading),
        name: name?.value.clone(),
        id: None,
        min_ttl_s,
        default_ttl_s,
        max_ttl_s,
        accept_encoding_gzip: raw.accept_encoding_gzip.is_some_and(|at| at.value),
        accept_encoding_brotli: raw.accept_encoding_brotli.is_some_and(|at| at.value),
    })
}

pub(crate) fn origin_request_policies(
    raw: Vec<At<raw::OriginRequestPolicy>>,
    reading: &mut Reading<'_>,
) -> Names<OriginRequestPolicy> {
    let mut names = Names::new("origin request policy");
    for mut each in raw {
        let is_managed = |name: &str| managed::origin_request_policy(name).is_some();
        let name = policy_name(each.value.name.take(), is_managed, reading);
        let built = origin_request_policy(name.as_ref(), each.value, reading);
        names.add(name, built, reading);
    }
    names
}

fn origin_request_policy(
    name: Option<&At<String>>,
    raw: raw::OriginRequestPolicy,
    reading: &mut Reading<'_>,
) -> Option<OriginRequestPolicy> {
    let headers = match raw.headers.map(|at| at.value) {
        None | Some(raw::ViewerHeaders::None) => HeaderSelection::None,
        Some(raw::ViewerHeaders::All) => HeaderSelection::AllViewer,
        Some(raw::ViewerHeaders::Only(names)) => {
            for name in &names {
                check_forward(name, reading);
            }
            match header_names(names, "headers", reading) {
                names if names.is_empty() => HeaderSelection::None,
                names => HeaderSelection::AllowList(names),
            }
        }
        Some(raw::ViewerHeaders::Except(names)) => match header_names(names, "headers", reading) {
            names if names.is_empty() => HeaderSelection::AllViewer,
            names => HeaderSelection::AllExcept(names),
        },
        Some(raw::ViewerHeaders::AllAnd(names)) => {
            for name in names.iter().filter(|name| !is_cloudfront(&name.value.0)) {
                let message = format!("{:?} is not one of CloudFront's own headers", name.value.0);
                reading.error(name.span.clone(), message).hint("`all_viewer_and` already takes all of the viewer's");
            }
            HeaderSelection::AllViewerAnd(header_names(names, "headers", reading))
        }
    };
    Some(OriginRequestPolicy {
        headers,
        cookies: selection(raw.cookies, "cookies", reading),
        query_strings: selection(raw.query_strings, "query strings", reading),
        name: name?.value.clone(),
        id: None,
    })
}

fn is_cloudfront(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("cloudfront-")
}

fn check_forward(listed: &At<Text>, reading: &mut Reading<'_>) {
    let lower = listed.value.0.to_ascii_lowercase();
    if !header::is_forbidden_forward(&lower) {
        return;
    }
    let hint = match lower.as_str() {
        "authorization" => {
            "put it into the cache policy, or forward all of the viewer's headers: `headers = \"all-viewer\"`"
        }
        "cookie" => "list cookies under `cookies`",
        _ => "this header belongs to the connection, not to the request",
    };
    let message = format!("{:?} cannot be listed in an origin request policy", listed.value.0);
    reading.error(listed.span.clone(), message).hint(hint);
}

pub(super) fn policy_name(
    name: Option<At<Text>>,
    is_managed: impl Fn(&str) -> bool,
    reading: &mut Reading<'_>,
) -> Option<At<String>> {
    let name = name.map(|at| At { value: at.value.0, span: at.span })?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.value.len() > POLICY_NAME_CHARS_MAX || !name.value.chars().all(legal) {
        reading
            .error(name.span.clone(), format!("{:?} cannot be the name of a policy", name.value))
            .hint(format!("1 to {POLICY_NAME_CHARS_MAX} of A-Z a-z 0-9 - _"));
    } else if is_managed(&name.value) {
        let message = format!("{:?} is the name of a managed policy", name.value);
        reading.error(name.span.clone(), message).hint("give yours another name");
    }
    Some(name)
}

/// Lower-case header names, checked.
fn header_names(names: Vec<At<Text>>, what: &str, reading: &mut Reading<'_>) -> Vec<String> {
    let lower: Vec<_> = names.into_iter().map(|at| at.at(at.value.0.to_ascii_lowercase())).collect();
    for name in &lower {
        let known = header::CLOUDFRONT_HEADERS;
        if header::check_name(name, reading) && is_cloudfront(&name.value) && !known.contains(&name.value.as_str()) {
            names::unknown("CloudFront header", name, known.iter().copied(), reading);
        }
    }
    listed(lower, what, reading)
}

fn selection(names: Option<At<raw::Names>>, what: &str, reading: &mut Reading<'_>) -> Selection {
    let plain = |names: Vec<At<Text>>| names.into_iter().map(|at| At { value: at.value.0, span: at.span }).collect();
    match names.map(|at| at.value) {
        None | Some(raw::Names::None) => Selection::None,
        Some(raw::Names::All) => Selection::All,
        Some(raw::Names::Only(names)) => match listed(plain(names), what, reading) {
            names if names.is_empty() => Selection::None,
            names => Selection::AllowList(names),
        },
        Some(raw::Names::Except(names)) => match listed(plain(names), what, reading) {
            names if names.is_empty() => Selection::All,
            names => Selection::AllExcept(names),
        },
    }
}

/// The names of a list; one that stands twice is an error, too many are CloudFront's quota.
fn listed(names: Vec<At<String>>, what: &str, reading: &mut Reading<'_>) -> Vec<String> {
    for (at, name) in names.iter().enumerate() {
        if let Some(first) = names[..at].iter().find(|first| first.value == name.value) {
            reading
                .error(name.span.clone(), format!("{:?} stands twice in the list", name.value))
                .related(first.span.clone(), "first here");
        }
    }
    let characters: usize = names.iter().map(|name| name.value.chars().count()).sum();
    if let Some(over) = names.get(POLICY_NAMES_QUOTA) {
        let message = format!("{} {what} in one policy; CloudFront's quota is {POLICY_NAMES_QUOTA}", names.len());
        reading.warn(over.span.clone(), message);
    } else if let Some(first) = names.first().filter(|_| characters > POLICY_NAMES_CHARS_QUOTA) {
        let message = format!("{characters} characters of {what}; CloudFront's quota is {POLICY_NAMES_CHARS_QUOTA}");
        reading.warn(first.span.clone(), message);
    }
    names.into_iter().map(|at| at.value).collect()
}

/// A policy of the file, or a managed one, by name or id.
pub(crate) fn find<T>(
    asked: &At<Text>,
    own: &Names<T>,
    managed: impl Fn(&str) -> Option<T>,
    managed_names: impl Iterator<Item = &'static str>,
    kind: &str,
    reading: &mut Reading<'_>,
) -> Option<Arc<T>> {
    let name = asked.value.0.as_str();
    if let Some(policy) = managed(name) {
        return Some(Arc::new(policy));
    }
    if own.knows(name) {
        return own.find(&asked.at(name.to_owned()), reading);
    }
    let mut known: Vec<&str> = managed_names.collect();
    known.extend(own.names());
    names::unknown(kind, &asked.at(name.to_owned()), known.iter().copied(), reading);
    None
}
