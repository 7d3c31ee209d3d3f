//! The response headers policies that AWS owns. Developer Guide, "Use managed response headers policies".

use super::is_called;
use crate::policy::allowed_origin::AllowedOrigin;
use crate::policy::response_headers::{Cors, PolicyHeader, ResponseHeadersPolicy};
use http::HeaderValue;

/// The managed response headers policy of this name (with or without `Managed-`) or id.
pub fn response_headers_policy(name_or_id: &str) -> Option<ResponseHeadersPolicy> {
    let row = ROWS.iter().find(|row| is_called(name_or_id, row.name, row.id))?;
    let header = |&(name, value, override_origin)| PolicyHeader::new(name, value, override_origin);
    let security: &[_] = if row.security { &SECURITY } else { &[] };
    Some(ResponseHeadersPolicy {
        name: row.name.to_owned(),
        id: Some(row.id),
        remove_headers: Vec::new(),
        cors: row.cors.map(CorsRow::settings),
        headers: security.iter().filter_map(header).collect(),
        server_timing: None,
    })
}

/// The names of all managed response headers policies, without `Managed-`.
pub fn response_headers_policy_names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

struct Row {
    name: &'static str,
    id: &'static str,
    cors: Option<CorsRow>,
    security: bool,
}

#[derive(Clone, Copy)]
enum CorsRow {
    Simple,
    WithPreflight,
}

impl CorsRow {
    fn settings(self) -> Cors {
        let with_preflight = matches!(self, Self::WithPreflight);
        let value = |text| with_preflight.then(|| HeaderValue::from_static(text));
        Cors {
            allow_origins: vec![AllowedOrigin::Any],
            allow_headers: None,
            allow_methods: value("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
            allow_credentials: false,
            expose_headers: value("*"),
            max_age: None,
            override_origin: false,
        }
    }
}

/// Name, value, whether it takes the place of the origin's.
const SECURITY: [(&str, &str, bool); 5] = [
    ("Referrer-Policy", "strict-origin-when-cross-origin", false),
    ("Strict-Transport-Security", "max-age=31536000", false),
    ("X-Content-Type-Options", "nosniff", true),
    ("X-Frame-Options", "SAMEORIGIN", false),
    ("X-XSS-Protection", "1; mode=block", false),
];

const fn row(name: &'static str, id: &'static str, cors: Option<CorsRow>, security: bool) -> Row {
    Row { name, id, cors, security }
}

#[rustfmt::skip]
const ROWS: [Row; 5] = [
    row("SimpleCORS", "60669652-455b-4ae9-85a4-c4c02393f86c", Some(CorsRow::Simple), false),
    row("CORS-With-Preflight", "5cc3b908-e619-4b99-88e5-2cf7f45965bd", Some(CorsRow::WithPreflight), false),
    row("SecurityHeadersPolicy", "67f7725c-6f97-4210-82d7-5512b31e9d03", None, true),
    row("CORS-and-SecurityHeadersPolicy", "e61eb60c-9c35-4d20-a928-2b84e02af89c", Some(CorsRow::Simple), true),
    row("CORS-with-preflight-and-SecurityHeadersPolicy", "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
        Some(CorsRow::WithPreflight), true),
];
