//! Where the logs of a node go.

use std::path::PathBuf;

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// One line a request.
    pub access: Option<AccessLog>,
    /// What functions print: CloudFront Functions' and Lambda's START/END lines.
    pub function: LogTarget,
}

/// `access = { path = "access.log", format = "cloudfront-standard" }`, or `"stdout"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// Where to.
    pub target: LogTarget,
    /// In which form.
    pub format: AccessLogFormat,
}

/// `"stdout"`, `"stderr"` or a file, opened for append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// `"stdout"`
    Stdout,
    /// `"stderr"`
    Stderr,
    /// A file; its folder exists.
    File(PathBuf),
}

/// The forms of an access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// W3C extended, CloudFront's 33 fields.
    CloudfrontStandard,
    /// One flat JSON object a line, CloudFront's field names as keys, all values strings.
    Json,
}
