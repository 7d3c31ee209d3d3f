//! Where a response comes from: a server, a folder, or an answer that the node has already.

pub(crate) mod directory;
pub(crate) mod failover;
pub(crate) mod local;
pub(crate) mod peer;
pub(crate) mod remembered;
pub(crate) mod request_origin;
pub(crate) mod resolve;
pub(crate) mod rewrite;
mod tls;

use crate::exchange::Route;
use crate::forward::OriginHost;
use homefront_config::Origin;
use homefront_config::origin::{CustomOrigin, OriginKind, OriginProtocolPolicy};
use homefront_functions::event::lambda_edge::RequestOrigin;
use homefront_functions::{OriginProtocol, origin_edit};
use std::net::SocketAddr;
use std::sync::Arc;

/// An origin of a distribution, with what was prepared for it at start.
#[derive(Debug)]
pub(crate) struct PreparedOrigin {
    /// As configured.
    pub(crate) config: Arc<Origin>,
    /// How it is reached.
    pub(crate) reach: Reach,
    /// Its domain name: that of a server, or of the bucket that a folder stands for.
    domain_name: Box<str>,
    /// What a viewer-request function put into `Host`, whatever a policy forwards.
    pub(crate) host: Option<Box<str>>,
    /// What a function asked for, as later Lambda@Edge functions are shown it.
    pub(crate) asked: Option<Box<RequestOrigin>>,
}

/// The origin of a request.
#[derive(Debug, Clone)]
pub(crate) enum Chosen {
    /// One of the distribution's, by its index.
    Configured(usize),
    /// Made for this request by a function.
    Rewritten(Arc<PreparedOrigin>),
}

/// How an origin is reached.
#[allow(clippy::large_enum_variant, reason = "most are servers")]
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// Over the network.
    Server(peer::Server),
    /// Within the node.
    Local(Arc<dyn local::LocalOrigin>),
}

impl PreparedOrigin {
    /// Loads what the origin needs: its CA, its folder.
    pub(crate) fn new(distribution_id: &str, config: Arc<Origin>) -> Result<Self, peer::CaError> {
        let reach = match &config.kind {
            OriginKind::Custom(custom) => Reach::Server(peer::Server::new(distribution_id, &config.id, custom)?),
            OriginKind::Directory { stand_in: Some(address), .. } => {
                Reach::Server(peer::Server::new(distribution_id, &config.id, &at(*address))?)
            }
            OriginKind::Directory { root, stand_in: None } => {
                Reach::Local(Arc::new(directory::Directory::new(root.clone())))
            }
        };
        let domain_name = config.domain_name().into();
        Ok(Self { config, reach, domain_name, host: None, asked: None })
    }

    /// Whether it is a folder, whoever answers for it.
    fn is_folder(&self) -> bool {
        matches!(self.config.kind, OriginKind::Directory { .. })
    }

    /// How it is spoken to for a viewer that came over TLS, or not. A folder is to functions what a bucket is.
    fn protocol(&self, viewer_tls: bool) -> OriginProtocol {
        match &self.reach {
            Reach::Server(server) if !server.speaks_tls(viewer_tls) => OriginProtocol::Http,
            _ => OriginProtocol::Https,
        }
    }

    /// As Lambda@Edge functions are shown it.
    pub(crate) fn shown(&self, viewer_tls: bool) -> RequestOrigin {
        match &self.asked {
            Some(asked) => (**asked).clone(),
            None => RequestOrigin::of(&self.config, self.protocol(viewer_tls)),
        }
    }

    /// The `Host` of requests to it. Developer Guide: the origin's domain name, when no policy forwards the viewer's.
    pub(crate) fn host(&self) -> OriginHost<'_> {
        match &self.host {
            Some(host) => OriginHost::Chosen(host),
            None => OriginHost::Own(&self.domain_name),
        }
    }
}

/// The folder among a distribution's origins that is the bucket of this domain name: its id is the bucket's name, whatever the region.
fn folder_of<'a>(origins: &'a [PreparedOrigin], domain_name: &str) -> Option<&'a PreparedOrigin> {
    let bucket = origin_edit::bucket(domain_name)?;
    origins.iter().find(|origin| origin.is_folder() && origin.config.id.eq_ignore_ascii_case(bucket))
}

/// What stands in, in a case, for a server that a function made: what does for that of the distribution, the assigned one first.
fn stand_in(route: &Route, made: &CustomOrigin) -> Option<SocketAddr> {
    let origins = [route.origin()].into_iter().chain(&route.distribution.origins);
    let servers = origins.filter_map(|origin| match &origin.config.kind {
        OriginKind::Custom(server) => Some(server),
        OriginKind::Directory { .. } => None,
    });
    servers.filter(|server| made.is_same_server(server)).find_map(|server| server.stand_in)
}

/// A server at an address, over HTTP.
fn at(address: SocketAddr) -> CustomOrigin {
    let http_only = OriginProtocolPolicy::HttpOnly;
    CustomOrigin {
        http_port: address.port(),
        protocol_policy: http_only,
        ..CustomOrigin::new(address.ip().to_string())
    }
}
