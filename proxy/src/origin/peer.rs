//! Custom origins as pingora's peers: address, TLS, timeouts, and which connections may be shared.

use super::resolve::Resolver;
use super::tls::Encrypted;
use crate::node::Deployed;
use homefront_config::limits;
use homefront_config::origin::{CustomOrigin, OriginProtocolPolicy};
use homefront_functions::origin_edit::{CertificateName, IpAddressType};
use pingora::upstreams::peer::{HttpPeer, Scheme};
use pingora::utils::tls::{WrappedX509, parse_x509};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

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
#[derive(Debug, Clone)]
pub(crate) struct Server {
    config: CustomOrigin,
    /// What to trust instead of the system's roots.
    ca: Option<Ca>,
    asked: Asked,
    /// pingora shares idle connections of equal address and name whatever CA they were verified with; this keeps the
    /// connections of every origin configuration apart.
    group_key: u64,
}

/// A CA bundle, as pingora and as rustls take it.
#[derive(Debug, Clone)]
struct Ca {
    certificates: Arc<[WrappedX509]>,
    roots: Arc<RootCertStore>,
}

/// What functions can say of the way to an origin, beyond what a configuration can.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Asked {
    /// A function gave the domain name.
    pub(crate) named_by_function: bool,
    /// Which of its addresses.
    pub(crate) ip_address_type: IpAddressType,
    /// Names of which its certificate has one; empty = the name that is asked for.
    pub(crate) certificate_names: Arc<[CertificateName]>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { named_by_function: false, ip_address_type: IpAddressType::Dualstack, certificate_names: Arc::default() }
    }
}

impl Server {
    /// Loads the CA bundle.
    pub(crate) fn new(distribution_id: &str, origin_id: &str, config: &CustomOrigin) -> Result<Self, CaError> {
        let ca = load_ca(origin_id, config)?;
        Ok(Self::with(distribution_id, origin_id, config.clone(), ca, Asked::default()))
    }

    /// An origin that a function made of one without a CA of its own.
    pub(crate) fn made(distribution_id: &str, origin_id: &str, config: CustomOrigin, asked: Asked) -> Self {
        Self::with(distribution_id, origin_id, config, None, asked)
    }

    /// An origin that a function made of this one. It is trusted by the same CA.
    pub(crate) fn rewritten(&self, distribution_id: &str, origin_id: &str, config: CustomOrigin, asked: Asked) -> Self {
        Self::with(distribution_id, origin_id, config, self.ca.clone(), asked)
    }

    fn with(distribution_id: &str, origin_id: &str, config: CustomOrigin, ca: Option<Ca>, asked: Asked) -> Self {
        // Keys that no function can know, so that none can make an origin that shares another's connections.
        static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let group_key = KEYS.hash_one((distribution_id, origin_id, &config, &asked));
        Self { config, ca, asked, group_key }
    }

    /// What functions said of it.
    pub(crate) fn asked(&self) -> Asked {
        self.asked.clone()
    }

    /// An address to try at the `attempt`th attempt.
    pub(crate) async fn address(
        &self,
        node: &Resolver,
        distribution: &Deployed,
        tls: bool,
        attempt: usize,
    ) -> io::Result<SocketAddr> {
        if let Some(address) = self.config.stand_in {
            return Ok(address);
        }
        let resolver = if self.asked.named_by_function { &distribution.function_origins().resolver } else { node };
        resolver.resolve(self.host(), self.port(tls), attempt, self.asked.ip_address_type).await
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

    /// Whether the connection speaks TLS where the origin does.
    fn encrypts(&self, tls: bool) -> bool {
        tls && self.config.stand_in.is_none()
    }

    /// The name that TLS asks for.
    fn tls_name(&self) -> &str {
        self.config.tls.server_name.as_ref().unwrap_or(&self.config.domain_name)
    }

    /// The peer at `address`, for an origin that a function made: not all of their connections are kept, and their
    /// certificates may have one of several names.
    pub(crate) async fn made_peer(&self, distribution: &Deployed, address: SocketAddr, tls: bool) -> Option<HttpPeer> {
        let remembered = distribution.function_origins();
        let mut peer = self.peer(address, tls);
        if self.encrypts(tls) && self.config.tls.verify && !self.asked.certificate_names.is_empty() {
            let roots = self.ca.as_ref().map(|ca| ca.roots.clone());
            let config = remembered.client_config(self.group_key, &self.asked.certificate_names, roots).await;
            let encrypted = Encrypted::new(address, self.tls_name(), config)?;
            // What pingora gets is encrypted already.
            (peer.scheme, peer.sni) = (Scheme::HTTP, String::new());
            peer.options.custom_l4 = Some(Arc::new(encrypted));
            peer.options.idle_timeout = Some(Duration::ZERO);
        } else if !remembered.keeps_connections(self.group_key) {
            peer.options.idle_timeout = Some(Duration::ZERO);
        }
        Some(peer)
    }

    /// The peer at `address`.
    #[allow(clippy::disallowed_methods, reason = "it is given an address")]
    pub(crate) fn peer(&self, address: SocketAddr, tls: bool) -> HttpPeer {
        let tls = self.encrypts(tls);
        let mut peer = HttpPeer::new(address, tls, if tls { self.tls_name().to_owned() } else { String::new() });
        peer.group_key = self.group_key;
        let options = &mut peer.options;
        options.connection_timeout = Some(self.config.connection_timeout);
        options.total_connection_timeout = Some(self.config.connection_timeout);
        options.read_timeout = Some(self.config.read_timeout);
        options.write_timeout = Some(self.config.read_timeout.max(limits::ORIGIN_WRITE_TIMEOUT_MIN));
        options.idle_timeout = Some(self.config.keepalive_timeout);
        options.verify_cert = self.config.tls.verify;
        options.verify_hostname = self.config.tls.verify;
        options.ca = self.ca.as_ref().map(|ca| ca.certificates.clone());
        peer
    }
}

fn load_ca(origin_id: &str, config: &CustomOrigin) -> Result<Option<Ca>, CaError> {
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
    let certificates = bundle.into_iter().map(wrap).collect::<Result<Arc<[_]>, _>>()?;
    Ok(Some(Ca { certificates, roots: Arc::new(roots) }))
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
