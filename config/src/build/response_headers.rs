//! `[[response_headers_policy]]`.

use super::header;
use super::names::Names;
use super::policy::policy_name;
use crate::language::scalar::{Text, value};
use crate::language::{At, Reading};
use crate::limits::{RESPONSE_CUSTOM_HEADERS_QUOTA, RESPONSE_HEADER_VALUE_CHARS_MAX};
use crate::policy::allowed_origin::AllowedOrigin;
use crate::policy::managed;
use crate::policy::response_headers::{AllowedHeaders, Cors, PolicyHeader, ResponseHeadersPolicy, ServerTiming};
use crate::raw::response_headers as raw;
use http::{HeaderName, HeaderValue};

pub(crate) fn all(raw: Vec<At<raw::ResponseHeadersPolicy>>, reading: &mut Reading<'_>) -> Names<ResponseHeadersPolicy> {
    let mut names = Names::new("response headers policy");
    for mut each in raw {
        let is_managed = |name: &str| managed::response_headers_policy(name).is_some();
        let name = policy_name(each.value.name.take(), is_managed, reading);
        let built = policy(name.as_ref(), each, reading);
        names.add(name, built, reading);
    }
    names
}

fn policy(
    name: Option<&At<String>>,
    raw: At<raw::ResponseHeadersPolicy>,
    reading: &mut Reading<'_>,
) -> Option<ResponseHeadersPolicy> {
    let At { value: raw, span } = raw;
    let remove_headers = remove_headers(value(raw.remove_headers).unwrap_or_default(), reading);
    let cors = raw.cors.map(|at| cors(at, reading));
    let mut headers = value(raw.security_headers).map_or(Vec::new(), |raw| security_headers(raw, reading));
    custom_headers(value(raw.custom_headers).unwrap_or_default(), &mut headers, reading);
    let server_timing = value(raw.server_timing_headers).and_then(server_timing);
    if remove_headers.is_empty() && cors.is_none() && headers.is_empty() && server_timing.is_none() {
        // What is wrong in it has been noted, and it was not meant to be empty.
        if !reading.is_broken(&span) {
            reading.warn(span, "the policy takes nothing from responses and adds nothing");
        }
    }
    Some(ResponseHeadersPolicy {
        name: name?.value.clone(),
        id: None,
        remove_headers,
        cors: match cors {
            Some(cors) => Some(cors?),
            None => None,
        },
        headers,
        server_timing,
    })
}

fn remove_headers(list: Vec<At<Text>>, reading: &mut Reading<'_>) -> Vec<HeaderName> {
    let lower: Vec<_> = list.into_iter().map(|at| at.at(at.value.0.to_ascii_lowercase())).collect();
    let mut names = Vec::with_capacity(lower.len());
    for (at, name) in lower.iter().enumerate() {
        if let Some(first) = lower[..at].iter().find(|first| first.value == name.value) {
            reading
                .error(name.span.clone(), format!("{:?} stands twice in the list", name.value))
                .related(first.span.clone(), "first here");
        } else if header::check_name(name, reading) && header::is_of_the_response(&name.value) {
            reading
                .error(name.span.clone(), format!("CloudFront does not remove {:?}", name.value))
                .hint("this header belongs to the connection, or is CloudFront's own");
        }
        names.extend(HeaderName::try_from(name.value.as_str()));
    }
    names
}

fn cors(raw: At<raw::Cors>, reading: &mut Reading<'_>) -> Option<Cors> {
    let At { value: raw, span } = raw;
    let allow_origins = raw.access_control_allow_origins.map(|list| allow_origins(&list, reading));
    let allow_headers = raw.access_control_allow_headers.map(|list| allow_headers(&list, reading));
    let allow_methods = raw.access_control_allow_methods.map(|list| allow_methods(&list, reading));
    let expose_headers = raw.access_control_expose_headers.map(|list| names(&list.value, reading).join(", "));
    let allow_credentials = raw.access_control_allow_credentials.is_some_and(|at| at.value);
    if reading.is_broken(&span) {
        return None;
    }
    let (allow_origins, allow_headers, allow_methods) = (allow_origins?, allow_headers?, allow_methods?);
    let expose_headers = expose_headers.filter(|names| !names.is_empty());
    let any_origin = allow_origins.contains(&AllowedOrigin::Any);
    let any_header = matches!(&allow_headers, AllowedHeaders::Listed(names) if names == "*");
    if allow_credentials && (any_origin || any_header || expose_headers.as_deref() == Some("*")) {
        reading
            .warn(span, "browsers take no `*` in answers to requests with credentials")
            .hint("list origins and headers by name, or leave `access_control_allow_credentials` away");
    }
    Some(Cors {
        allow_origins,
        allow_headers: Some(allow_headers),
        allow_methods: Some(allow_methods),
        allow_credentials,
        expose_headers: expose_headers.and_then(|names| HeaderValue::try_from(names).ok()),
        max_age: raw.access_control_max_age_s.map(|age| HeaderValue::from(age.value.0)),
        override_origin: raw.origin_override.is_some_and(|at| at.value),
    })
}

/// Notes a list that says nothing; CloudFront takes none.
fn check_filled<T>(list: &At<Vec<T>>, of: &str, reading: &mut Reading<'_>) {
    if list.value.is_empty() && !reading.is_broken(&list.span) {
        reading.error(list.span.clone(), format!("the list has no {of}"));
    }
}

fn allow_origins(list: &At<Vec<At<Text>>>, reading: &mut Reading<'_>) -> Vec<AllowedOrigin> {
    check_filled(list, "origin", reading);
    let mut origins = Vec::with_capacity(list.value.len());
    for text in &list.value {
        match AllowedOrigin::parse(&text.value.0) {
            Ok(origin) => origins.push(origin),
            Err(why) => {
                let message = format!("{:?} cannot be an allowed origin", text.value.0);
                reading.error(text.span.clone(), message).hint(why.to_string());
            }
        }
    }
    origins
}

fn allow_methods(list: &At<Vec<At<raw::AllowedMethod>>>, reading: &mut Reading<'_>) -> HeaderValue {
    check_filled(list, "method", reading);
    let mut names = Vec::new();
    for method in &list.value {
        match method.value {
            raw::AllowedMethod::All => return HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
            raw::AllowedMethod::One(method) if !names.contains(&method.as_str()) => names.push(method.as_str()),
            raw::AllowedMethod::One(_) => {}
        }
    }
    HeaderValue::try_from(names.join(", ")).expect("names of methods")
}

fn allow_headers(list: &At<Vec<At<Text>>>, reading: &mut Reading<'_>) -> AllowedHeaders {
    check_filled(list, "header", reading);
    let (beginnings, whole): (Vec<_>, Vec<_>) = list.value.iter().partition(|at| is_beginning(&at.value.0));
    let whole: Vec<_> = whole.into_iter().cloned().collect();
    let names = names(&whole, reading);
    if beginnings.is_empty() {
        let names = HeaderValue::try_from(names.join(", "));
        return AllowedHeaders::Listed(names.unwrap_or(HeaderValue::from_static("")));
    }
    let beginnings = beginnings.iter().map(|at| at.value.0.trim_end_matches('*').to_ascii_lowercase()).collect();
    AllowedHeaders::WithBeginnings { names, beginnings }
}

/// `x-amz-*`
fn is_beginning(text: &str) -> bool {
    text.strip_suffix('*').is_some_and(|front| header::is_token(front) && !front.contains('*'))
}

/// Names of headers, or `*`.
fn names(list: &[At<Text>], reading: &mut Reading<'_>) -> Vec<String> {
    for name in list {
        if name.value.0 != "*" && name.value.0.contains('*') {
            let message = format!("{:?} cannot be the name of a header", name.value.0);
            reading
                .error(name.span.clone(), message)
                .hint("`*` stands alone, or in a list of allowed headers at the end");
        } else {
            header::check_name(&name.at(name.value.0.clone()), reading);
        }
    }
    list.iter().map(|name| name.value.0.clone()).collect()
}

fn security_headers(raw: raw::SecurityHeaders, reading: &mut Reading<'_>) -> Vec<PolicyHeader> {
    let on = |flag: &Option<At<bool>>| flag.as_ref().is_some_and(|at| at.value);
    let mut headers = Vec::new();
    let mut add = |name: &str, value: Option<String>, replaces: &Option<At<bool>>| {
        headers.extend(value.and_then(|value| PolicyHeader::new(name, &value, on(replaces))));
    };
    if let Some(At { value: csp, .. }) = raw.content_security_policy {
        let policy = csp.content_security_policy.map(|at| checked_value(at.at(at.value.0.clone()), reading));
        add("Content-Security-Policy", policy.flatten(), &csp.r#override);
    }
    if let Some(At { value: options, .. }) = raw.content_type_options {
        add("X-Content-Type-Options", Some("nosniff".to_owned()), &options.r#override);
    }
    if let Some(At { value: options, .. }) = raw.frame_options {
        add("X-Frame-Options", options.frame_option.map(|at| at.value.0.to_owned()), &options.r#override);
    }
    if let Some(At { value: policy, .. }) = raw.referrer_policy {
        add("Referrer-Policy", policy.referrer_policy.map(|at| at.value.0.to_owned()), &policy.r#override);
    }
    if let Some(At { value: sts, .. }) = raw.strict_transport_security {
        let subdomains = if on(&sts.include_subdomains) { "; includeSubDomains" } else { "" };
        let preload = if on(&sts.preload) { "; preload" } else { "" };
        let text = |age: At<raw::Age>| format!("max-age={}{subdomains}{preload}", age.value.0);
        add("Strict-Transport-Security", sts.access_control_max_age_s.map(text), &sts.r#override);
    }
    if let Some(At { value: xss, .. }) = raw.xss_protection {
        add("X-XSS-Protection", xss_protection(&xss, reading), &xss.r#override);
    }
    headers
}

fn xss_protection(raw: &raw::XssProtection, reading: &mut Reading<'_>) -> Option<String> {
    let mode_block = raw.mode_block.as_ref().filter(|at| at.value);
    let report = raw.report_uri.as_ref();
    let told = mode_block.map(|at| &at.span).or(report.map(|at| &at.span));
    if !raw.protection.as_ref()?.value {
        if let Some(span) = told {
            reading.error(span.clone(), "without `protection` there is nothing to block or to report");
        }
        return Some("0".to_owned());
    }
    match (mode_block, report) {
        (Some(block), Some(report)) => {
            reading
                .error(report.span.clone(), "`report_uri` stands beside `mode_block`")
                .related(block.span.clone(), "CloudFront takes one of both");
            None
        }
        (Some(_), None) => Some("1; mode=block".to_owned()),
        (None, Some(report)) => {
            let uri = checked_value(report.at(report.value.0.clone()), reading)?;
            Some(format!("1; report={uri}"))
        }
        (None, None) => Some("1".to_owned()),
    }
}

/// Adds them to the security headers.
fn custom_headers(list: Vec<At<raw::CustomHeader>>, headers: &mut Vec<PolicyHeader>, reading: &mut Reading<'_>) {
    if let Some(over) = list.get(RESPONSE_CUSTOM_HEADERS_QUOTA) {
        let count = list.len();
        let message =
            format!("{count} custom headers in one policy; CloudFront's quota is {RESPONSE_CUSTOM_HEADERS_QUOTA}");
        reading.warn(over.span.clone(), message);
    }
    for At { value: raw, .. } in list {
        let (Some(name), Some(value)) = (raw.header, raw.value) else { continue };
        let name = name.at(name.value.0.clone());
        let lower = name.value.to_ascii_lowercase();
        if header::check_name(&name, reading)
            && (header::is_of_the_response(&lower) || ["date", "te"].contains(&lower.as_str()))
        {
            reading
                .error(name.span.clone(), format!("a policy cannot set {:?}", name.value))
                .hint("this header belongs to the connection, or is CloudFront's own");
        }
        if headers.iter().any(|header| header.name.as_str() == lower) {
            reading.error(name.span.clone(), format!("the header {:?} is given twice", name.value));
        }
        let Some(text) = checked_value(value, reading) else { continue };
        headers.extend(PolicyHeader::new(&name.value, &text, raw.r#override.is_some_and(|at| at.value)));
    }
}

/// A value that can stand behind a header's name.
fn checked_value(value: At<String>, reading: &mut Reading<'_>) -> Option<String> {
    let characters = value.value.chars().count();
    if characters > RESPONSE_HEADER_VALUE_CHARS_MAX {
        let message =
            format!("the value has {characters} characters; CloudFront takes {RESPONSE_HEADER_VALUE_CHARS_MAX}");
        reading.error(value.span.clone(), message);
        return None;
    }
    header::check_value(&value, reading).then_some(value.value)
}

fn server_timing(raw: raw::ServerTimingHeaders) -> Option<ServerTiming> {
    let enabled = raw.enabled.is_none_or(|at| at.value);
    let sampled_of_million = raw.sampling_rate?.value.0;
    enabled.then_some(ServerTiming { sampled_of_million })
}
