//! Where objects come from.

use crate::limits::ORIGIN_PATH_CHARS_MAX;
use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
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

impl Origin {
    /// The domain name, as functions are shown it and as `Host` has it: that of a server, and for a folder the one of a bucket whose name is
    /// its id, in lower case.
    pub fn domain_name(&self) -> Cow<'_, str> {
        match &self.kind {
            OriginKind::Custom(custom) => custom.domain_name.as_str().into(),
            OriginKind::Directory { .. } => format!("{}.s3.amazonaws.com", self.id.to_ascii_lowercase()).into(),
        }
    }
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
        /// A server that answers in its place, over HTTP. No file says so: it is what stands in for the folder in a case.
        stand_in: Option<SocketAddr>,
    },
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    /// The versions of TLS that Lambda@Edge functions are shown.
    pub ssl_protocols: SslProtocols,
    /// How the origin's certificate is judged.
    pub tls: OriginTls,
    /// A server that answers in its place, over HTTP. No file says so: it is what stands in for the origin in a case.
    pub stand_in: Option<SocketAddr>,
}

/// `protocol_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OriginProtocolPolicy {
    /// `http-only`
    HttpOnly,
    /// `https-only`
    HttpsOnly,
    /// `match-viewer`
    MatchViewer,
}

/// `tls = { ca, verify, server_name }`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OriginTls {
    /// PEM bundle to trust instead of the system's roots.
    pub ca: Option<PathBuf>,
    /// Check the certificate (default true).
    pub verify: bool,
    /// SNI and the name that is checked; `domain_name` when absent.
    pub server_name: Option<String>,
}

impl CustomOrigin {
    /// Whether requests to the one and to the other reach the same server.
    pub fn is_same_server(&self, other: &Self) -> bool {
        let ports_match = match self.protocol_policy {
            OriginProtocolPolicy::HttpOnly => self.http_port == other.http_port,
            OriginProtocolPolicy::HttpsOnly => self.https_port == other.https_port,
            OriginProtocolPolicy::MatchViewer => {
                (self.http_port, self.https_port) == (other.http_port, other.https_port)
            }
        };
        ports_match && self.domain_name.eq_ignore_ascii_case(&other.domain_name)
    }

    /// A server with CloudFront's defaults.
    pub fn new(domain_name: String) -> Self {
        Self {
            domain_name,
            http_port: 80,
            https_port: 443,
            protocol_policy: OriginProtocolPolicy::MatchViewer,
            connection_attempts: 3,
            connection_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(5),
            response_completion_timeout: None,
            ssl_protocols: SslProtocols::default(),
            tls: OriginTls { ca: None, verify: true, server_name: None },
            stand_in: None,
        }
    }
}

/// Some of CloudFront's four versions of TLS, of which the lowest is the minimum. The node speaks 1.2 and 1.3 whatever the
/// minimum is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SslProtocols(u8);

impl SslProtocols {
    /// CloudFront's words, oldest first.
    pub const ALL: [&str; 4] = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"];

    /// A set of versions; `None` when it is empty or has a word that is none of CloudFront's.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut set = 0;
        for word in words {
            set |= 1 << Self::ALL.iter().position(|known| *known == word)?;
        }
        (set != 0).then_some(Self(set))
    }

    /// The set as bits: the first for the first of [`Self::ALL`].
    pub fn bits(self) -> u8 {
        self.0
    }

    /// The set of these bits; `None` when it would be empty or have a bit too many.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits != 0 && bits < 1 << Self::ALL.len()).then_some(Self(bits))
    }

    /// The versions, oldest first.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().enumerate().filter(move |(place, _)| self.0 & (1 << place) != 0).map(|(_, word)| word)
    }
}

impl Default for SslProtocols {
    /// TLSv1.2.
    fn default() -> Self {
        Self(0b1000)
    }
}

impl fmt::Debug for SslProtocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Whether an origin can listen on a port: 80, 443, 1024 to 65535.
pub fn port_valid(port: u16) -> bool {
    matches!(port, 80 | 443 | 1024..)
}

/// Whether a text is a name in the DNS: labels of letters, digits, `-` and `_` (which private networks use), 63 at most each,
/// 253 in all; not an address.
pub fn dns_name_valid(name: &str) -> bool {
    // Resolvers take `127.1`, `0x7f.1` and `2130706433` for addresses, too. No top-level domain is a number.
    let last = name.rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = match digits {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    crate::build::is_host_name(name) && !is_number
}

/// The rule that a text breaks as an origin's path, if it breaks one. The path of an origin starts with `/`, does not end with
/// it, and is a path and nothing else.
pub fn path_fault(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        Some("must start with `/`")
    } else if path.ends_with('/') {
        Some("must not end with `/`")
    } else if path.chars().count() > ORIGIN_PATH_CHARS_MAX {
        Some("must have at most 255 characters")
    } else if path.bytes().any(|b| !b.is_ascii_graphic() || b"?#\\".contains(&b)) {
        Some("must have no spaces, `?`, `#` or bytes beyond ASCII; percent-encode them")
    } else {
        None
    }
}

/// Whether CloudFront does not add a header of this name (lower case) to origin requests.
pub fn custom_header_forbidden(name: &str) -> bool {
    crate::build::is_forbidden_custom(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn ssl_protocols_are_cloudfronts_four() {
        let some = SslProtocols::new(["TLSv1.2", "TLSv1"]).unwrap();
        assert_eq!(some.iter().collect::<Vec<_>>(), ["TLSv1", "TLSv1.2"]);
        assert_eq!(SslProtocols::new(["TLSv1.3"]), None);
        assert_eq!(SslProtocols::new([]), None);
        assert_eq!((SslProtocols::from_bits(0), SslProtocols::from_bits(16)), (None, None));
        assert_eq!(SslProtocols::from_bits(some.bits()), Some(some));
        assert_eq!(format!("{:?}", SslProtocols::default()), "{\"TLSv1.2\"}");
    }

    #[test]
    fn addresses_and_ports_are_no_dns_names() {
        assert!(dns_name_valid("b.example.com") && dns_name_valid("localhost") && dns_name_valid("_a.b"));
        for name in [
            "127.0.0.1",
            "::1",
            "a:80",
            "a..b",
            "",
            "a.",
            "-a",
            "a b",
            "127.1",
            "2130706433",
            "0x7f.0x1",
            "192.168.0.001",
            "\u{e9}.com",
            &"a.".repeat(127),
        ] {
            assert!(!dns_name_valid(name), "{name:?}");
        }
    }
}
