//! One request as one line of CloudFront's standard log, in its W3C form or as JSON. Pure.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use homefront_config::log::AccessLogFormat;
use http::Version;

use super::log_line::{Line, Utc};

/// CloudFront's names of the 33 fields, in its order.
pub const FIELDS: [&str; 33] = [
    "date",
    "time",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(Referer)",
    "cs(User-Agent)",
    "cs-uri-query",
    "cs(Cookie)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "fle-status",
    "fle-encrypted-fields",
    "c-port",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
];

/// The fields of the JSON form: those, and what functions gave to `cf.logCustomData`, which CloudFront's standard format has no
/// place for.
pub const JSON_FIELDS: [&str; FIELDS.len() + 2] = {
    let mut fields = [""; FIELDS.len() + 2];
    let mut at = 0;
    while at < FIELDS.len() {
        fields[at] = FIELDS[at];
        at += 1;
    }
    fields[at] = "viewer-request-log-data";
    fields[at + 1] = "viewer-response-log-data";
    fields
};

/// What one request was. Text is as it came over the wire: it need not be clean, it is encoded on the way out.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// When the last byte was sent (`date`, `time`; UTC).
    pub finished: SystemTime,
    /// `x-edge-location`: the node's `X-Amz-Cf-Pop`.
    pub edge_location: &'a str,
    /// `sc-bytes`: sent to the viewer, headers included.
    pub sc_bytes: u64,
    /// `c-ip`
    pub viewer_ip: IpAddr,
    /// `c-port`
    pub viewer_port: u16,
    /// `cs-method`
    pub method: &'a str,
    /// `cs(Host)`: the distribution's own domain name.
    pub distribution_domain_name: &'a str,
    /// `x-host-header`: the viewer's Host.
    pub host: Option<&'a [u8]>,
    /// `cs-uri-stem`: the path the viewer asked for.
    pub path: &'a [u8],
    /// `cs-uri-query`, without `?`.
    pub query: Option<&'a [u8]>,
    /// `sc-status`; `None` when the viewer left before an answer, written `000`.
    pub status: Option<u16>,
    /// `cs(Referer)`
    pub referer: Option<&'a [u8]>,
    /// `cs(User-Agent)`
    pub user_agent: Option<&'a [u8]>,
    /// `cs(Cookie)`; only when cookies are to be logged.
    pub cookie: Option<&'a [u8]>,
    /// `x-edge-result-type`: known after the last byte.
    pub result_type: ResultType,
    /// `x-edge-response-result-type`: known before the first byte.
    pub response_result_type: ResultType,
    /// `x-edge-detailed-result-type`, where it says more than [`Self::result_type`].
    pub detail: Option<Detail>,
    /// `x-edge-request-id`: the `X-Amz-Cf-Id`.
    pub request_id: &'a str,
    /// `cs-protocol`
    pub protocol: Protocol,
    /// `cs-protocol-version`
    pub version: Version,
    /// `cs-bytes`: received from the viewer, headers included.
    pub cs_bytes: u64,
    /// `time-taken`: from the request's arrival to the last byte.
    pub time_taken: Duration,
    /// `time-to-first-byte`; `None` when there was no first byte.
    pub time_to_first_byte: Option<Duration>,
    /// `x-forwarded-for`: the viewer's header.
    pub forwarded_for: Option<&'a [u8]>,
    /// `ssl-protocol`: `TLSv1.3`.
    pub tls_protocol: Option<&'a str>,
    /// `ssl-cipher`: `TLS_AES_128_GCM_SHA256`.
    pub tls_cipher: Option<&'a str>,
    /// `sc-content-type`
    pub content_type: Option<&'a [u8]>,
    /// `sc-content-len`
    pub content_length: Option<u64>,
    /// `sc-range-start`, `sc-range-end` of a 206.
    pub range: Option<ByteRange>,
    /// `viewer-request-log-data`
    pub viewer_request_log_data: Option<&'a str>,
    /// `viewer-response-log-data`
    pub viewer_response_log_data: Option<&'a str>,
}

/// The range of a 206, from its `Content-Range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte, from 0.
    pub start: u64,
    /// Last byte, inclusive.
    pub end: u64,
}

/// `cs-protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "CloudFront's words")]
pub enum Protocol {
    Http,
    Https,
    Ws,
    Wss,
    Grpcs,
}

impl Protocol {
    /// As the log writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Grpcs => "grpcs",
        }
    }
}

/// `x-edge-result-type`: how CloudFront classes an answer. The variants' names are the log's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "CloudFront's words")]
pub enum ResultType {
    Hit,
    RefreshHit,
    Miss,
    LimitExceeded,
    CapacityExceeded,
    Error,
    Redirect,
    FunctionGeneratedResponse,
    FunctionExecutionError,
    FunctionValidationError,
    FunctionThrottledError,
    LambdaGeneratedResponse,
    LambdaExecutionError,
    LambdaValidationError,
    LambdaLimitExceeded,
}

impl fmt::Display for ResultType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What `x-edge-detailed-result-type` can say beyond the result type. The variants' names are the log's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "CloudFront's words")]
pub enum Detail {
    OriginShieldHit,
    MissGeneratedResponse,
    AbortedOrigin,
    ClientCommError,
    ClientGeoBlocked,
    ClientHungUpRequest,
    InvalidRequest,
    InvalidRequestBlocked,
    InvalidRequestCertificate,
    InvalidRequestHeader,
    InvalidRequestMethod,
    OriginCommError,
    OriginConnectError,
    OriginContentRangeLengthError,
    OriginDnsError,
    OriginError,
    OriginHeaderTooBigError,
    OriginInvalidResponseError,
    OriginReadError,
    OriginWriteError,
    OriginZeroSizeObjectError,
    SlowReaderOriginError,
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What stands at the top of a new log file, with its line ends; empty for JSON.
pub fn header(format: AccessLogFormat) -> String {
    match format {
        AccessLogFormat::CloudfrontStandard => format!("#Version: 1.0\n#Fields: {}\n", FIELDS.join(" ")),
        AccessLogFormat::Json => String::new(),
    }
}

impl Record<'_> {
    /// The line, without line end. It is ASCII whatever the request held, and no value can add a field or a line:
    /// CloudFront's URL encoding is applied to all text in both forms.
    pub fn line(&self, format: AccessLogFormat) -> String {
        let mut line = Line::new(format);
        let written = self.fields(&mut line);
        debug_assert!(written.is_ok() && line.is_whole(), "a String takes everything");
        line.finish()
    }

    /// Writes the fields in the order of [`FIELDS`].
    fn fields(&self, line: &mut Line) -> fmt::Result {
        let Utc { year, month, day, hour, minute, second } = Utc::of(self.finished);
        line.plain(format_args!("{year:04}-{month:02}-{day:02}"))?;
        line.plain(format_args!("{hour:02}:{minute:02}:{second:02}"))?;
        line.text(Some(self.edge_location.as_bytes()))?;
        line.plain(self.sc_bytes)?;
        line.plain(self.viewer_ip)?;
        line.text(Some(self.method.as_bytes()))?;
        line.text(Some(self.distribution_domain_name.as_bytes()))?;
        line.text(Some(self.path))?;
        line.plain(format_args!("{:03}", self.status.unwrap_or(0)))?;
        line.text(self.referer)?;
        line.text(self.user_agent)?;
        line.text(self.query)?;
        line.text(self.cookie)?;
        line.plain(self.result_type)?;
        line.text(Some(self.request_id.as_bytes()))?;
        line.text(self.host)?;
        line.plain(self.protocol.as_str())?;
        line.plain(self.cs_bytes)?;
        line.seconds(Some(self.time_taken))?;
        line.text(self.forwarded_for)?;
        line.text(self.tls_protocol.map(str::as_bytes))?;
        line.text(self.tls_cipher.map(str::as_bytes))?;
        line.plain(self.response_result_type)?;
        line.plain(format_args!("{}", version_name(self.version)))?;
        line.text(None)?; // fle-status: field-level encryption ended with the signed fields
        line.text(None)?; // fle-encrypted-fields
        line.plain(self.viewer_port)?;
        line.seconds(self.time_to_first_byte)?;
        match self.detail {
            Some(detail) => line.plain(detail)?,
            None => line.plain(self.result_type)?,
        }
        line.text(self.content_type)?;
        line.number(self.content_length)?;
        line.number(self.range.map(|range| range.start))?;
        line.number(self.range.map(|range| range.end))?;
        if line.format() == AccessLogFormat::Json {
            line.log_data(self.viewer_request_log_data)?;
            line.log_data(self.viewer_response_log_data)?;
        }
        Ok(())
    }
}

/// `HTTP/2.0` and `HTTP/3.0`, as CloudFront writes them.
fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

#[cfg(test)]
#[path = "access_log_tests.rs"]
mod tests;
