//! The viewer side of TLS: one certificate, TLS 1.2 and 1.3, ALPN h2 and http/1.1.

use crate::connection::TlsFacts;
use homefront_config::listener::ViewerCertificate;
use rustls::server::ServerConnection;
use rustls::{CipherSuite, ProtocolVersion, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

/// Why a certificate cannot be shown to viewers.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file is missing or is not PEM.
    #[error(
        "viewer_certificate: {path}: {reason}\n  hint: both files are PEM; the certificate file holds the chain, leaf first"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// What was wrong.
        reason: String,
    },
    /// The key does not belong to the certificate, or rustls refuses the pair.
    #[error(
        "viewer_certificate: {certificate} with {private_key}: {reason}\n  hint: is it the key of this certificate?"
    )]
    Refused {
        /// The certificate file.
        certificate: String,
        /// The key file.
        private_key: String,
        /// What rustls said.
        reason: String,
    },
}

fn unreadable(path: &Path) -> impl FnOnce(rustls_pki_types::pem::Error) -> CertificateError + '_ {
    move |error| CertificateError::Unreadable { path: path.display().to_string(), reason: error.to_string() }
}

/// The server side of every TLS listener of the node.
pub(crate) fn server_config(certificate: &ViewerCertificate) -> Result<Arc<ServerConfig>, CertificateError> {
    let path = &certificate.certificate;
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(path))?;
    let key = PrivateKeyDer::from_pem_file(&certificate.private_key).map_err(unreadable(&certificate.private_key))?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).map_err(|error| {
        CertificateError::Refused {
            certificate: path.display().to_string(),
            private_key: certificate.private_key.display().to_string(),
            reason: error.to_string(),
        }
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What was agreed, in CloudFront's words (`TLSv1.3`, `TLS_AES_128_GCM_SHA256`).
pub(crate) fn facts(connection: &ServerConnection) -> TlsFacts {
    TlsFacts {
        protocol: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "TLSv1.2",
        },
        cipher: connection.negotiated_cipher_suite().map(|suite| cipher_name(suite.suite())).unwrap_or_default(),
        http2: connection.alpn_protocol() == Some(b"h2"),
    }
}

/// TLS 1.3 suites have IANA's names in CloudFront's logs, TLS 1.2 suites have OpenSSL's.
fn cipher_name(suite: CipherSuite) -> String {
    let name = suite.as_str().unwrap_or("unknown");
    if let Some(rest) = name.strip_prefix("TLS13_") {
        return format!("TLS_{rest}");
    }
    let Some((exchange, cipher)) = name.strip_prefix("TLS_").and_then(|name| name.split_once("_WITH_")) else {
        return name.to_owned();
    };
    let cipher = cipher.replace("AES_128", "AES128").replace("AES_256", "AES256").replace("_SHA256", "-SHA256");
    let cipher = cipher.replace("CHACHA20_POLY1305-SHA256", "CHACHA20-POLY1305").replace('_', "-");
    format!("{}-{cipher}", exchange.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_names_are_those_of_cloudfronts_logs() {
        let names = [
            (CipherSuite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256"),
            (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256"),
            (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256"),
            (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384"),
            (CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305"),
        ];
        for (suite, name) in names {
            assert_eq!(cipher_name(suite), name);
        }
    }
}
