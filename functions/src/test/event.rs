//! CloudFront Functions' event object, made of messages.

use super::always;
use crate::rules;
use homefront_config::cases::{Request, Response};
use serde_json::{Map, Value, json};

/// The event of a viewer's request.
pub fn viewer_request(request: &Request) -> Value {
    event("viewer-request", request)
}

/// The event of a response to it; what every response ends with is there already.
pub fn viewer_response(request: &Request, response: &Response) -> Value {
    let mut event = event("viewer-response", request);
    let (headers, cookies) = apart(always::in_viewer_response(&response.headers), "set-cookie");
    let cookies = cookies.iter().map(|line| {
        let (pair, attributes) =
            line.split_once(';').map_or((*line, ""), |(pair, attributes)| (pair, attributes.trim()));
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let mut entry = json!({ "value": value.trim() });
        if !attributes.is_empty() {
            entry["attributes"] = attributes.into();
        }
        (name.trim().to_owned(), entry)
    });
    let status = http::StatusCode::from_u16(response.status).ok();
    event["response"] = json!({
        "statusCode": response.status,
        "statusDescription": status.and_then(|status| status.canonical_reason()).unwrap_or_default(),
        "headers": grouped(headers.into_iter()),
        "cookies": grouped(cookies),
    });
    event
}

fn event(event_type: &str, request: &Request) -> Value {
    // A query string is given as text: grouped by its keys it would lose its order, and what is no pair.
    let (uri, querystring) = match request.target.split_once('?') {
        Some((uri, query)) => (uri, json!(query)),
        None => (request.target.as_str(), json!({})),
    };
    let (headers, cookies) = apart(always::in_request(&request.headers, &request.host), "cookie");
    let cookies = cookies.iter().flat_map(|line| line.split(';')).map(str::trim).filter(|pair| !pair.is_empty());
    json!({
        "version": "1.0",
        "context": {
            "distributionDomainName": "d111111abcdef8.cloudfront.net",
            "distributionId": "EDFDVBD6EXAMPLE",
            "eventType": event_type,
            "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
        },
        "viewer": { "ip": request.viewer_ip.to_string() },
        "request": {
            "method": request.method,
            "uri": uri,
            "querystring": querystring,
            "headers": grouped(headers.into_iter()),
            "cookies": grouped(cookies.map(pair)),
        },
    })
}

/// A query string as functions see it.
pub(super) fn sections_of(query: &str) -> Value {
    grouped(query.split('&').filter(|text| !text.is_empty()).map(pair)).into()
}

fn pair(pair: &str) -> (String, Value) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (name.to_owned(), json!({ "value": value }))
}

/// The lines of `separate`, and the others as entries, without those that functions never see.
fn apart<'a>(lines: Vec<(&'a str, &'a str)>, separate: &str) -> (Vec<(String, Value)>, Vec<&'a str>) {
    let (own, others): (Vec<_>, Vec<_>) = lines.into_iter().partition(|(name, _)| name.eq_ignore_ascii_case(separate));
    let others = others.into_iter().filter(|(name, _)| !rules::disallowed(name));
    let others = others.map(|(name, value)| (name.to_ascii_lowercase(), json!({ "value": value }))).collect();
    (others, own.into_iter().map(|(_, value)| value).collect())
}

/// The first value of a name is its `value`; several are its `multiValue`, too.
fn grouped(entries: impl Iterator<Item = (String, Value)>) -> Map<String, Value> {
    let mut section = Map::new();
    for (name, entry) in entries {
        if !section.contains_key(&name) {
            section.insert(name, entry);
            continue;
        }
        let first = &mut section[&name];
        if let Some(Value::Array(several)) = first.get_mut("multiValue") {
            several.push(entry);
        } else {
            first["multiValue"] = json!([first.clone(), entry]);
        }
    }
    section
}
