//! The viewer ports of a node.

use std::net::SocketAddr;
use std::path::PathBuf;

/// `[listen]`. Default: plaintext on `127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// HTTP/1.1 and h2c with prior knowledge. Port 0 asks the system for a free one.
    pub http: Vec<SocketAddr>,
    /// TLS 1.2 and 1.3, ALPN `h2` and `http/1.1`. Not empty only when [`Listen::certificate`] is there.
    pub https: Vec<SocketAddr>,
    /// What the node tells about itself, plaintext HTTP/1.1. Port 0 asks the system for a free one.
    pub admin: Option<SocketAddr>,
    /// The certificate all TLS listeners show: the one `viewer_certificate` of the file's distributions.
    pub certificate: Option<ViewerCertificate>,
}

/// `viewer_certificate = { certificate, private_key }`: PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewerCertificate {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// PKCS#8, PKCS#1 or SEC1.
    pub private_key: PathBuf,
}
