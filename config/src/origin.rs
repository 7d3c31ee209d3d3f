//! Where objects come from.

use std::path::PathBuf;
use std::time::Duration;

/// `[[distribution.origin]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Unique within the distribution.
    pub id: String,
    /// Starts with `/`, does not end with `/`; empty when absent. Prefixed to the URI; not part of the cache key.
    pub path: String,
    /// Added to each origin request; overwrite a viewer's header of the same name. Wire case kept.
    pub custom_headers: Vec<(String, String)>,
    /// A server or a folder.
    pub kind: OriginKind,
}

/// What an origin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginKind {
    /// A server that speaks HTTP/1.1.
    Custom(CustomOrigin),
    /// A local folder, served as a bucket is: keys are files, there are no listings.
    Directory {
        /// Absolute, existing.
        root: PathBuf,
    },
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomOrigin {
    /// A DNS name or an address, without a port. The default `Host` of origin requests.
    pub domain_name: String,
    /// 80 when absent.
    pub http_port: u16,
    /// 443 when absent.
    pub https_port: u16,
    /// Which scheme to use; `match-viewer` when absent.
    pub protocol_policy: OriginProtocolPolicy,
    /// 1 to 3, default 3.
    pub connection_attempts: u8,
    /// Of one attempt: 1 to 10 s, default 10 s.
    pub connection_timeout: Duration,
    /// To the first byte and between packets: 1 to 120 s, default 30 s.
    pub read_timeout: Duration,
    /// Idle origin connections are kept this long: 1 to 300 s, default 5 s.
    pub keepalive_timeout: Duration,
    /// Of the whole response; `None` = no bound. At least `read_timeout`.
    pub response_completion_timeout: Option<Duration>,
    /// How the origin's certificate is judged.
    pub tls: OriginTls,
}

/// `protocol_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginProtocolPolicy {
    /// `http-only`
    HttpOnly,
    /// `https-only`
    HttpsOnly,
    /// `match-viewer`
    MatchViewer,
}

/// `tls = { ca, verify, server_name }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginTls {
    /// PEM bundle to trust instead of the system's roots.
    pub ca: Option<PathBuf>,
    /// Check the certificate (default true).
    pub verify: bool,
    /// SNI and the name that is checked; `domain_name` when absent.
    pub server_name: Option<String>,
}
