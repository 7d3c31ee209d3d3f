//! `request.origin`: the origin that an origin-request function is shown, and the one that it asks for.
//!
//! Developer Guide, "Lambda@Edge event structure". A block that was not changed is not looked at; one that was is checked whole.

use super::headers;
use super::refusal::{refused, shortened};
use super::{number, string};
use crate::origin_edit::{CustomHeaders, DomainName, OriginPath};
use crate::rules::wire_name;
use crate::{Failure, FailureKind, Headers, OriginProtocol, Request};
use homefront_config::Origin;
use homefront_config::limits::{
    FUNCTION_KEEPALIVE_TIMEOUT_S_MAX, READ_TIMEOUT_S_MAX, RESPONSE_COMPLETION_TIMEOUT_S_MAX, S3_DOMAIN_NAME_CHARS_MAX,
};
use homefront_config::origin::{CustomOrigin, OriginKind, SslProtocols, port_valid};
use serde_json::{Map, Value};

/// One of the two kinds, with all of its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestOrigin {
    /// `custom`: a server.
    Custom(RequestCustomOrigin),
    /// `s3`: a bucket.
    S3(RequestS3Origin),
}

/// `request.origin.custom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestCustomOrigin {
    /// `customHeaders`, in wire case.
    pub custom_headers: Vec<(String, String)>,
    /// `domainName`
    pub domain_name: String,
    /// `keepaliveTimeout`, in seconds.
    pub keepalive_timeout_s: u64,
    /// `path`: empty, or with a slash in front and none at the end.
    pub path: String,
    /// `port`
    pub port: u16,
    /// `protocol`
    pub protocol: OriginProtocol,
    /// `readTimeout`, in seconds.
    pub read_timeout_s: u64,
    /// `responseCompletionTimeout`, in seconds; `None` is CloudFront's 0.
    pub response_completion_timeout_s: Option<u64>,
    /// `sslProtocols`
    pub ssl_protocols: SslProtocols,
}

/// `request.origin.s3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestS3Origin {
    /// `authMethod`
    pub auth_method: AuthMethod,
    /// `customHeaders`, in wire case.
    pub custom_headers: Vec<(String, String)>,
    /// `domainName`
    pub domain_name: String,
    /// `path`, as for a server.
    pub path: String,
    /// `region`
    pub region: String,
    /// `readTimeout`, in seconds; `None` = the origin's own.
    pub read_timeout_s: Option<u64>,
    /// `responseCompletionTimeout`, in seconds.
    pub response_completion_timeout_s: Option<u64>,
}

/// `authMethod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMethod {
    /// `none`
    None,
    /// `origin-access-identity`
    OriginAccessIdentity,
}

impl RequestOrigin {
    /// A configured origin, as it is spoken to. A folder is served as a bucket is, and has the name a bucket of its id would have.
    pub fn of(origin: &Origin, protocol: OriginProtocol) -> Self {
        let custom_headers = origin.custom_headers.clone();
        match &origin.kind {
            OriginKind::Custom(custom) => {
                Self::Custom(RequestCustomOrigin::of(custom, custom_headers, origin.path.clone(), protocol))
            }
            OriginKind::Directory { .. } => Self::S3(RequestS3Origin {
                auth_method: AuthMethod::None,
                custom_headers,
                domain_name: origin.domain_name().into_owned(),
                path: origin.path.clone(),
                region: "us-east-1".to_owned(),
                read_timeout_s: None,
                response_completion_timeout_s: None,
            }),
        }
    }

    /// `domainName` of either kind.
    pub fn domain_name(&self) -> &str {
        match self {
            Self::Custom(custom) => &custom.domain_name,
            Self::S3(s3) => &s3.domain_name,
        }
    }

    /// `path` of either kind.
    pub fn path(&self) -> &str {
        match self {
            Self::Custom(custom) => &custom.path,
            Self::S3(s3) => &s3.path,
        }
    }

    /// `customHeaders` of either kind.
    pub fn custom_headers(&self) -> &[(String, String)] {
        match self {
            Self::Custom(custom) => &custom.custom_headers,
            Self::S3(s3) => &s3.custom_headers,
        }
    }

    /// Writes the block.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Custom(custom) => custom.write(out),
            Self::S3(s3) => s3.write(out),
        }
    }
}

impl RequestCustomOrigin {
    fn of(
        custom: &CustomOrigin,
        custom_headers: Vec<(String, String)>,
        path: String,
        protocol: OriginProtocol,
    ) -> Self {
        Self {
            custom_headers,
            domain_name: custom.domain_name.clone(),
            keepalive_timeout_s: custom.keepalive_timeout.as_secs(),
            path,
            port: match protocol {
                OriginProtocol::Http => custom.http_port,
                OriginProtocol::Https => custom.https_port,
            },
            protocol,
            read_timeout_s: custom.read_timeout.as_secs(),
            response_completion_timeout_s: custom.response_completion_timeout.map(|timeout| timeout.as_secs()),
            ssl_protocols: custom.ssl_protocols,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"custom":{"customHeaders":"#);
        write_custom_headers(out, &self.custom_headers);
        out.extend_from_slice(br#","domainName":"#);
        string(out, &self.domain_name);
        out.extend_from_slice(br#","keepaliveTimeout":"#);
        number(out, self.keepalive_timeout_s);
        out.extend_from_slice(br#","path":"#);
        string(out, &self.path);
        out.extend_from_slice(br#","port":"#);
        number(out, self.port.into());
        out.extend_from_slice(br#","protocol":"#);
        string(
            out,
            match self.protocol {
                OriginProtocol::Http => "http",
                OriginProtocol::Https => "https",
            },
        );
        out.extend_from_slice(br#","readTimeout":"#);
        number(out, self.read_timeout_s);
        out.extend_from_slice(br#","responseCompletionTimeout":"#);
        number(out, self.response_completion_timeout_s.unwrap_or(0));
        out.extend_from_slice(br#","sslProtocols":["#);
        for (at, version) in self.ssl_protocols.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"" } else { b"," });
            string(out, version);
        }
        out.extend_from_slice(b"]}}");
    }
}

impl RequestS3Origin {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"s3":{"authMethod":"#);
        string(
            out,
            match self.auth_method {
                AuthMethod::None => "none",
                AuthMethod::OriginAccessIdentity => "origin-access-identity",
            },
        );
        out.extend_from_slice(br#","customHeaders":"#);
        write_custom_headers(out, &self.custom_headers);
        out.extend_from_slice(br#","domainName":"#);
        string(out, &self.domain_name);
        out.extend_from_slice(br#","path":"#);
        string(out, &self.path);
        if let Some(seconds) = self.read_timeout_s {
            out.extend_from_slice(br#","readTimeout":"#);
            number(out, seconds);
        }
        out.extend_from_slice(br#","region":"#);
        string(out, &self.region);
        if let Some(seconds) = self.response_completion_timeout_s {
            out.extend_from_slice(br#","responseCompletionTimeout":"#);
            number(out, seconds);
        }
        out.extend_from_slice(b"}}");
    }
}

fn write_custom_headers(out: &mut Vec<u8>, lines: &[(String, String)]) {
    let lines: Headers = lines.iter().map(|(name, value)| (name, value)).collect();
    headers::write_all(out, &lines);
}

/// The origin that a function asks for; `None` = the one it was shown. `headers` is what it returned as `request.headers`, and
/// `request` what it was shown.
pub(super) fn changed(
    shown: &[u8],
    origin: &Value,
    headers: &Value,
    request: &Request,
) -> Result<Option<RequestOrigin>, Failure> {
    let shown: Value = serde_json::from_slice(shown).map_err(refused)?;
    if *origin == shown {
        return match ["custom", "s3"].iter().find_map(|kind| shown.get(kind)?.get("customHeaders")?.as_object()) {
            Some(custom) => refuse_shadowed(custom, headers, request).map(|()| None),
            None => Ok(None),
        };
    }
    let Value::Object(blocks) = origin else { return Err(not_one_of_two(origin)) };
    let parsed = match (blocks.get("custom"), blocks.get("s3")) {
        (Some(Value::Object(custom)), None) => {
            RequestOrigin::Custom(Block::of(custom, &shown, "custom").custom(headers)?)
        }
        (None, Some(Value::Object(s3))) => RequestOrigin::S3(Block::of(s3, &shown, "s3").s3(headers)?),
        _ => return Err(not_one_of_two(origin)),
    };
    Ok(Some(parsed))
}

/// A header that an origin's own would silently stand in for, unless the viewer sent it.
fn refuse_shadowed(custom: &Map<String, Value>, headers: &Value, request: &Request) -> Result<(), Failure> {
    let added = |name: &str| {
        let is_it = |(known, _): (&[u8], &[u8])| known.eq_ignore_ascii_case(name.as_bytes());
        custom.keys().any(|known| known.eq_ignore_ascii_case(name)) && !request.headers.iter().any(is_it)
    };
    match lines_of(headers).find(|name| added(name)) {
        Some(name) => Err(is_in_both(name)),
        None => Ok(()),
    }
}

/// The names of a map of headers that have a line at all.
fn lines_of(headers: &Value) -> impl Iterator<Item = &str> {
    let lines = headers.as_object().into_iter().flatten();
    lines.filter(|(_, lines)| lines.as_array().is_some_and(|lines| !lines.is_empty())).map(|(name, _)| name.as_str())
}

fn is_in_both(name: &str) -> Failure {
    wrong_header(&format!("{name:.64?} is in request.headers, too"))
}

fn not_one_of_two(origin: &Value) -> Failure {
    let keys: Vec<_> = origin.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let found = match (&keys[..], origin.get("custom").or(origin.get("s3"))) {
        _ if !origin.is_object() => format!("it is {}", shortened(origin)),
        ([], _) => "it has neither".to_owned(),
        ([key], Some(block)) => format!("{key} is {}", shortened(block)),
        (keys, _) => format!("it has: {}", keys.join(", ")),
    };
    failure(
        "Exactly one of custom and s3 must be specified.",
        &format!("request.origin must have exactly one of custom and s3, an object; {found}"),
    )
}

/// CloudFront's sentence, of which only those for domain names and headers have been seen: the others are like them.
fn wrong(field: &str, rule: &str, found: Option<&Value>) -> Failure {
    let found = found.map_or_else(|| "is missing".to_owned(), |found| format!("is {}", shortened(found)));
    failure(&format!("The value of {field} is invalid."), &format!("the value of {field} {rule}; it {found}"))
}

fn wrong_header(rule: &str) -> Failure {
    failure("One or more HeaderName or HeaderValue values are invalid.", &format!("customHeaders: {rule}"))
}

fn failure(what: &str, detail: &str) -> Failure {
    let start = "The Lambda function returned an invalid origin configuration";
    Failure {
        kind: FailureKind::LambdaValidation,
        sentence: Some(format!("{start}: {what}").into()),
        detail: format!("Validation error: {start}, {detail}."),
    }
}

/// The members of `custom` or `s3`, as a function returned them.
struct Block<'a> {
    members: &'a Map<String, Value>,
    /// What the function was shown, where that was an origin of the same kind.
    shown: Option<&'a Map<String, Value>>,
}

impl<'a> Block<'a> {
    fn of(members: &'a Map<String, Value>, shown: &'a Value, kind: &str) -> Self {
        Self { members, shown: shown.get(kind).and_then(Value::as_object) }
    }

    /// A configuration may say what functions may not: an address, for example. That a function leaves it alone is no fault.
    fn is_as_shown(&self, name: &str) -> bool {
        let value = self.members.get(name);
        value.is_some() && self.shown.is_some_and(|shown| shown.get(name) == value)
    }

    fn custom(&self, headers: &Value) -> Result<RequestCustomOrigin, Failure> {
        let rule = "must be a DNS name of at most 253 characters, without a port and not an IP address";
        let domain_name = match self.text("domainName").map(|name| (name, DomainName::parse(name))) {
            Some((name, _)) if self.is_as_shown("domainName") => name.to_owned(),
            Some((_, Ok(name))) => name.as_str().to_owned(),
            _ => return Err(self.wrong("domainName", rule)),
        };
        let read_timeout_s = self.seconds("readTimeout", READ_TIMEOUT_S_MAX)?;
        let rule = "must be 80, 443 or from 1024 to 65535";
        let port = self.members.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        let protocol = match self.text("protocol") {
            Some("http") => OriginProtocol::Http,
            Some("https") => OriginProtocol::Https,
            _ => return Err(self.wrong("protocol", "must be http or https")),
        };
        Ok(RequestCustomOrigin {
            custom_headers: self.custom_headers(headers)?,
            domain_name,
            keepalive_timeout_s: self.seconds("keepaliveTimeout", FUNCTION_KEEPALIVE_TIMEOUT_S_MAX)?,
            path: self.path()?,
            port: port.filter(|port| port_valid(*port)).ok_or_else(|| self.wrong("port", rule))?,
            protocol,
            read_timeout_s,
            response_completion_timeout_s: self.completion(read_timeout_s)?,
            ssl_protocols: self.ssl_protocols()?,
        })
    }

    fn s3(&self, headers: &Value) -> Result<RequestS3Origin, Failure> {
        let rule = "must be the DNS name of a bucket, in lower case and with at most 128 characters";
        let domain_name = self.text("domainName").filter(|name| {
            if self.is_as_shown("domainName") {
                return true;
            }
            let lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
            lower && name.len() <= S3_DOMAIN_NAME_CHARS_MAX && DomainName::parse(name).is_ok()
        });
        let domain_name = domain_name.ok_or_else(|| self.wrong("domainName", rule))?.to_owned();
        let auth_method = match self.text("authMethod") {
            Some("none") => AuthMethod::None,
            Some("origin-access-identity") if self.shown.is_some() => AuthMethod::OriginAccessIdentity,
            Some("origin-access-identity") => {
                return Err(self.wrong("authMethod", "must be none where a custom origin becomes a bucket"));
            }
            _ => return Err(self.wrong("authMethod", "must be none or origin-access-identity")),
        };
        let region = match (self.members.get("region"), auth_method) {
            (Some(Value::String(region)), AuthMethod::None) => region.clone(),
            (Some(Value::String(region)), _) if !region.is_empty() => region.clone(),
            (None, AuthMethod::None) => String::new(),
            _ => return Err(self.wrong("region", "must be the bucket's region")),
        };
        let read_timeout_s = match self.members.get("readTimeout") {
            None => None,
            Some(_) => Some(self.seconds("readTimeout", READ_TIMEOUT_S_MAX)?),
        };
        Ok(RequestS3Origin {
            auth_method,
            custom_headers: self.custom_headers(headers)?,
            domain_name,
            path: self.path()?,
            region,
            read_timeout_s,
            response_completion_timeout_s: self.completion(read_timeout_s.unwrap_or(1))?,
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    /// The member's name is CloudFront's of the configuration in its sentences: `DomainName`.
    fn wrong(&self, name: &str, rule: &str) -> Failure {
        wrong(&wire_name(name), rule, self.members.get(name))
    }

    fn seconds(&self, name: &str, max: u64) -> Result<u64, Failure> {
        let seconds = self.members.get(name).and_then(Value::as_u64);
        let seconds = seconds.filter(|seconds| (1..=max).contains(seconds) || self.is_as_shown(name));
        seconds.ok_or_else(|| self.wrong(name, &format!("must be a number of seconds from 1 to {max}")))
    }

    /// 0, or none at all, is no bound.
    fn completion(&self, read_timeout_s: u64) -> Result<Option<u64>, Failure> {
        let name = "responseCompletionTimeout";
        match self.members.get(name) {
            None => Ok(None),
            Some(value) if value.as_u64() == Some(0) => Ok(None),
            Some(value) => {
                let seconds =
                    value.as_u64().filter(|s| (read_timeout_s..=RESPONSE_COMPLETION_TIMEOUT_S_MAX).contains(s));
                let most = RESPONSE_COMPLETION_TIMEOUT_S_MAX;
                let rule = format!("must be 0, or a number of seconds from readTimeout to {most}");
                seconds.map(Some).ok_or_else(|| self.wrong(name, &rule))
            }
        }
    }

    fn path(&self) -> Result<String, Failure> {
        let rule =
            "must be empty, or start with a slash and not end with one, with at most 255 characters, URL-encoded";
        let path = self.text("path").map(OriginPath::parse);
        match path {
            Some(Ok(path)) => Ok(path.as_str().to_owned()),
            Some(Err(_)) | None => Err(self.wrong("path", rule)),
        }
    }

    fn ssl_protocols(&self) -> Result<SslProtocols, Failure> {
        let words = self.members.get("sslProtocols").and_then(Value::as_array);
        let words = words.and_then(|words| words.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        let rule = "must be an array of some of TLSv1.2, TLSv1.1, TLSv1 and SSLv3";
        words.and_then(SslProtocols::new).ok_or_else(|| self.wrong("sslProtocols", rule))
    }

    /// In wire case. A name of `request.headers` cannot be one of them, too.
    fn custom_headers(&self, headers: &Value) -> Result<Vec<(String, String)>, Failure> {
        let Some(map) = self.members.get("customHeaders") else { return Ok(Vec::new()) };
        let lines = headers::lines(map)
            .map_err(|_| wrong_header("must be a map of arrays of {key, value}, as request.headers"))?;
        let lower: Vec<_> = lines.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        if !self.is_as_shown("customHeaders") {
            CustomHeaders::parse(lower.iter().map(String::as_str).zip(lines.iter().map(|(_, value)| value.as_str())))
                .map_err(|rule| wrong_header(&rule))?;
        }
        match lines_of(headers).find(|name| lower.contains(&name.to_ascii_lowercase())) {
            Some(name) => Err(is_in_both(name)),
            None => Ok(lines),
        }
    }
}
