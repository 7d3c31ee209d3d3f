//! Custom origins as pingora's peers: address, TLS, timeouts, and which connections may be shared.

use homefront_config::limits;
use homefront_config::origin::{CustomOrigin, OriginProtocolPolicy};
use pingora::upstreams::peer::HttpPeer;
use pingora::utils::tls::{WrappedX509, parse_x509};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

/// Why an origin's CA bundle is unusable.
#[derive(Debug, thiserror::Error)]
#[error("origin \"{origin}\": tls.ca {path}: {reason}\n  hint: a PEM bundle of the certificates to trust")]
pub struct CaError {
    /// Id of the origin.
    origin: String,
    /// The file.
    path: String,
    /// What is wrong with it.
    reason: String,
}

/// A custom origin, ready to be connected to.
#[derive(Debug)]
pub(crate) struct Server {
    config: CustomOrigin,
    ca: Option<Arc<[WrappedX509]>>,
    /// pingora shares idle connections of equal address and name whatever CA they were verified with; this keeps the
    /// connections of every origin configuration apart.
    group_key: u64,
}

impl Server {
    /// Loads the CA bundle.
    pub(crate) fn new(distribution_id: &str, origin_id: &str, config: &CustomOrigin) -> Result<Self, CaError> {
        let mut hasher = DefaultHasher::new();
        (distribution_id, origin_id, format!("{config:?}")).hash(&mut hasher);
        let ca = load_ca(origin_id, config)?;
        Ok(Self { config: config.clone(), ca, group_key: hasher.finish() })
    }

    /// The name origin requests carry in `Host`.
    pub(crate) fn host(&self) -> &str {
        &self.config.domain_name
    }

    /// The settings.
    pub(crate) fn config(&self) -> &CustomOrigin {
        &self.config
    }

    /// Whether the connection for a viewer that came over TLS (or not) speaks TLS.
    pub(crate) fn speaks_tls(&self, viewer_tls: bool) -> bool {
        match self.config.protocol_policy {
            OriginProtocolPolicy::HttpOnly => false,
            OriginProtocolPolicy::HttpsOnly => true,
            OriginProtocolPolicy::MatchViewer => viewer_tls,
        }
    }

    /// The port to connect to.
    pub(crate) fn port(&self, tls: bool) -> u16 {
        if tls { self.config.https_port } else { self.config.http_port }
    }

    /// The peer at `address`.
    #[allow(clippy::disallowed_methods, reason = "it is given an address")]
    pub(crate) fn peer(&self, address: SocketAddr, tls: bool) -> HttpPeer {
        let name = self.config.tls.server_name.as_ref().unwrap_or(&self.config.domain_name);
        let mut peer = HttpPeer::new(address, tls, if tls { name.clone() } else { String::new() });
        peer.group_key = self.group_key;
        let options = &mut peer.options;
        options.connection_timeout = Some(self.config.connection_timeout);
        options.total_connection_timeout = Some(self.config.connection_timeout);
        options.read_timeout = Some(self.config.read_timeout);
        options.write_timeout = Some(self.config.read_timeout.max(limits::ORIGIN_WRITE_TIMEOUT_MIN));
        options.idle_timeout = Some(self.config.keepalive_timeout);
        options.verify_cert = self.config.tls.verify;
        options.verify_hostname = self.config.tls.verify;
        options.ca.clone_from(&self.ca);
        peer
    }
}

fn load_ca(origin_id: &str, config: &CustomOrigin) -> Result<Option<Arc<[WrappedX509]>>, CaError> {
    let Some(path) = &config.tls.ca else { return Ok(None) };
    let error = |reason: String| CaError { origin: origin_id.to_owned(), path: path.display().to_string(), reason };
    let bundle = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| error(e.to_string()))?;
    if bundle.is_empty() {
        return Err(error("no certificate in it".to_owned()));
    }
    let mut roots = RootCertStore::empty();
    let wrap = |der: CertificateDer<'static>| {
        // pingora's parser panics on what is not X.509; rustls says so.
        roots.add(der.clone()).map_err(|e| error(e.to_string()))?;
        Ok(WrappedX509::new(der.to_vec(), parse_x509))
    };
    Ok(Some(bundle.into_iter().map(wrap).collect::<Result<Arc<[_]>, _>>()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use homefront_config::origin::OriginTls;
    use pingora::upstreams::peer::Peer;

    fn custom(verify: bool) -> CustomOrigin {
        let tls = OriginTls { ca: None, verify, server_name: None };
        CustomOrigin { tls, ..CustomOrigin::new("app.test".to_owned()) }
    }

    #[test]
    fn connections_are_not_shared_between_origin_configurations() {
        let address = "192.0.2.1:443".parse().unwrap();
        let hash = |distribution, origin, verify| {
            Server::new(distribution, origin, &custom(verify)).unwrap().peer(address, true).reuse_hash()
        };
        let one = hash("E1", "app", true);
        assert_eq!(one, hash("E1", "app", true), "the same configuration shares");
        assert_ne!(one, hash("E1", "app", false), "another tls setting does not");
        assert_ne!(one, hash("E1", "other", true), "another origin does not");
        assert_ne!(one, hash("E2", "app", true), "another distribution does not");
    }

    #[test]
    fn match_viewer_follows_the_viewer() {
        let server = Server::new("E1", "app", &custom(true)).unwrap();
        assert!(server.speaks_tls(true));
        assert!(!server.speaks_tls(false));
        assert_eq!((server.port(true), server.port(false)), (443, 80));
    }

    #[test]
    fn a_ca_file_that_is_no_certificate_is_one_clear_error() {
        let mut config = custom(true);
        config.tls.ca = Some("/dev/null".into());
        let error = Server::new("E1", "app", &config).unwrap_err().to_string();
        assert!(error.starts_with("origin \"app\": tls.ca /dev/null: no certificate in it\n  hint:"), "{error}");
    }
}
