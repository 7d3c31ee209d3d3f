//! A running node: boot in order, stop in order.
//!
//! Boot: edge code (compiled, environments checked), what origins and guards need, ports. Stop: no new connections, requests in
//! flight end, edge code ends. A node that cannot do all of the former does not start.

use crate::clock::Clock;
use crate::control;
use crate::lifecycle::Edge;
use crate::listener::{self, ListenError};
use crate::node::{DeployError, Node};
use crate::observe::charges;
use crate::observe::log_writer::{LogWriter, OpenError};
use crate::{reload, tls};
use homefront_config::{Config, limits};
use homefront_functions::EdgeCode;
use homefront_functions::edge_code::{StartError, Workers};
use pingora::apps::{HttpServerApp, HttpServerOptions};
use pingora::protocols::http::v2::server::H2Options;
use pingora::proxy::{HttpProxy, http_proxy};
use pingora::server::configuration::ServerConf;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// A node that answers requests until it is stopped.
#[derive(Debug)]
pub struct Server {
    /// Plaintext ports, with what the system chose where the configuration said 0.
    pub http: Vec<SocketAddr>,
    /// TLS ports.
    pub https: Vec<SocketAddr>,
    /// The admin port.
    pub admin: Option<SocketAddr>,
    node: Arc<Node>,
    proxy: ProxyHandle,
    ports: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    /// What the node does beside serving viewers; ends first.
    aside: Vec<JoinHandle<()>>,
    function_log: LogWriter,
}

/// pingora's proxy has no `Debug`.
struct ProxyHandle(Arc<HttpProxy<Edge>>);

impl std::fmt::Debug for ProxyHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpProxy")
    }
}

/// Why a node does not start. Every message says what, where and the way out.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A port.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Edge code.
    #[error(transparent)]
    EdgeCode(#[from] StartError),
    /// Origins, guards, logs.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The function log.
    #[error(transparent)]
    Log(#[from] OpenError),
}

impl Server {
    /// Starts a node. Needs a tokio runtime with IO and time; everything runs on it.
    pub async fn start(config: &Config, workers: Workers, clock: Clock) -> Result<Self, BootError> {
        install_crypto();
        let ports = listener::bind(&config.listen)?;
        let admin = listener::bind_admin(&config.listen)?;
        let function_log = LogWriter::open(&config.log.function, String::new())?;
        let edge_code = EdgeCode::start(config, workers, function_log.function_log()).await?;
        for fault in edge_code.faults() {
            tracing::error!(reason = %fault, "a function cannot run; its requests get 503 as on CloudFront");
        }
        for finding in edge_code.findings() {
            tracing::warn!(reason = %finding, "{}", reload::FINDING);
        }
        let node = Arc::new(Node::new(config, clock, edge_code)?);
        let proxy = Arc::new(proxy(node.clone()));
        let verifiers = node.verifiers.clone();
        let keys = tokio::spawn(async move { verifiers.keep_keys_fresh().await });
        let mut aside = vec![keys, tokio::spawn(reload::keep_current(node.clone()))];
        let admin = admin.map(|(listener, address)| {
            aside.push(tokio::spawn(control::serve(listener, address, node.clone())));
            address
        });
        let (stop, stopped) = watch::channel(false);
        let connections = Arc::new(Semaphore::new(limits::VIEWER_CONNECTIONS_MAX));
        let mut server = Self {
            http: Vec::new(),
            https: Vec::new(),
            admin,
            node,
            proxy: ProxyHandle(proxy.clone()),
            ports: Vec::new(),
            stop,
            aside,
            function_log,
        };
        for port in ports {
            let addresses = if port.is_tls() { &mut server.https } else { &mut server.http };
            addresses.push(port.address());
            let serving = listener::serve(port, proxy.clone(), connections.clone(), stopped.clone());
            server.ports.push(tokio::spawn(serving));
        }
        Ok(server)
    }

    /// Ends the node: no new connections, requests in flight end within [`limits::GRACEFUL_STOP_TIMEOUT`], no child is left. Gives
    /// what AWS would charge for the calls of its functions, if there were any.
    pub async fn stop(self) -> Option<String> {
        let Self { node, proxy, ports, stop, aside, function_log, .. } = self;
        aside.iter().for_each(JoinHandle::abort);
        stop.send_replace(true);
        let aborts: Vec<_> = ports.iter().map(JoinHandle::abort_handle).collect();
        let drained = async {
            for port in ports {
                // Idle connections that became idle after the last call are told again.
                let mut port = port;
                while tokio::time::timeout(DRAIN_INTERVAL, &mut port).await.is_err() {
                    proxy.0.http_cleanup().await;
                }
            }
        };
        if tokio::time::timeout(limits::GRACEFUL_STOP_TIMEOUT, drained).await.is_err() {
            tracing::warn!("requests still in flight are cut off");
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
        node.edge_code.stop().await;
        if let Some(log) = &node.access_log {
            log.writer.flush();
        }
        function_log.flush();
        charges::if_any(&node.edge_code)
    }
}

/// Loads what a configuration names besides edge code, as a start would: certificate, CA bundles, keys.
pub(crate) fn check(config: &Config) -> Result<(), BootError> {
    install_crypto();
    if let Some(certificate) = &config.listen.certificate {
        tls::server_config(certificate).map_err(ListenError::from)?;
    }
    Node::check(config)?;
    Ok(())
}

/// How often idle connections are told to close while the node stops.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);

fn proxy(node: Arc<Node>) -> HttpProxy<Edge> {
    let conf = Arc::new(ServerConf {
        threads: std::thread::available_parallelism().map_or(1, Into::into),
        upstream_keepalive_pool_size: limits::ORIGIN_CONNECTIONS_IDLE_MAX,
        ..ServerConf::default()
    });
    let mut proxy = http_proxy(&conf, Edge(node));
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = Some(Duration::from_secs(limits::VIEWER_KEEPALIVE_TIMEOUT_S));
    proxy.server_options = Some(options);
    let mut h2 = H2Options::new();
    h2.max_concurrent_streams(limits::H2_STREAMS_MAX);
    h2.max_header_list_size(limits::REQUEST_HEAD_BYTES_MAX as u32 * 2);
    proxy.h2_options = Some(h2);
    proxy
}

/// One provider for viewers, origins and key fetches; the first node of a process sets it.
fn install_crypto() {
    // An error says that it is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
