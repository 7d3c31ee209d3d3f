//! The viewer ports: bind, accept, handshake, tell h2 from HTTP/1.1, hand over to pingora.
//!
//! pingora's own listeners know one TLS policy and no total deadline of a handshake or head, so the accept loop is ours.

use crate::connection::{Transport, Viewer, ViewerStream};
use crate::lifecycle::Edge;
use crate::tls;
use homefront_config::{Listen, limits};
use pingora::apps::ServerApp;
use pingora::protocols::l4::stream::Stream as TcpStream;
use pingora::proxy::HttpProxy;
use rustls::ServerConfig;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What a client that knows h2 sends first.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Why a port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process has it.
    #[error(
        "cannot listen on {address}: the port is in use\n  hint: stop what listens there, or name another port ([listen] or --listen)"
    )]
    InUse {
        /// The address of the configuration.
        address: SocketAddr,
    },
    /// The system refused.
    #[error("cannot listen on {address}: {reason}")]
    Refused {
        /// The address of the configuration.
        address: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
    /// The certificate of the TLS listeners is unusable.
    #[error(transparent)]
    Certificate(#[from] tls::CertificateError),
}

/// An open port, not yet accepting.
pub(crate) struct Port {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
}

impl Port {
    /// With the port the system chose where the configuration said 0.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether TLS is spoken.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// Opens every port of `listen`, or none. Needs a tokio runtime.
pub(crate) fn bind(listen: &Listen) -> Result<Vec<Port>, ListenError> {
    let tls = listen.certificate.as_ref().map(tls::server_config).transpose()?;
    let mut ports = Vec::new();
    for address in &listen.http {
        ports.push(open(*address, None)?);
    }
    for address in &listen.https {
        ports.push(open(*address, tls.clone())?);
    }
    Ok(ports)
}

/// Opens the admin port, if there is to be one; gives its address, too. Needs a tokio runtime.
pub(crate) fn bind_admin(listen: &Listen) -> Result<Option<(TcpListener, SocketAddr)>, ListenError> {
    let Some(address) = listen.admin else { return Ok(None) };
    let Port { listener, address, .. } = open(address, None)?;
    Ok(Some((listener, address)))
}

fn open(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Result<Port, ListenError> {
    let refused = |reason: io::Error| match reason.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address },
        _ => ListenError::Refused { address, reason },
    };
    let listener = listen(address).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok(Port { listener, address, tls })
}

/// As `TcpListener::bind`, which lets 1,024 connections wait: the kernel drops what comes beyond that, and a client tries again a
/// second later.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port is free again as soon as the node is gone, whatever connections of it still linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(limits::WAITING_CONNECTIONS_MAX)
}

/// Accepts viewers until `shutdown` says so, then waits for the requests in flight.
pub(crate) async fn serve(
    port: Port,
    proxy: Arc<HttpProxy<Edge>>,
    connections: Arc<Semaphore>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            accepted = accept(&port.listener, &connections) => accepted,
        };
        let Some((tcp, address, permit)) = accepted else { continue };
        let (tls, proxy, shutdown) = (port.tls.clone(), proxy.clone(), shutdown.clone());
        tasks.spawn(async move {
            let _permit = permit;
            match tokio::time::timeout(limits::HANDSHAKE_TIMEOUT, establish(tcp, address, tls)).await {
                Ok(Ok(stream)) => {
                    proxy.process_new(Box::new(stream), &shutdown).await;
                }
                Ok(Err(error)) => tracing::debug!(%address, %error, "no connection was established"),
                Err(_) => tracing::debug!(%address, "the handshake took too long"),
            }
        });
    }
    drop(port);
    while tasks.join_next().await.is_some() {}
}

type Permit = tokio::sync::OwnedSemaphorePermit;

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, SocketAddr, Permit)> {
    let permit = connections.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((tcp, address)) => Some((tcp, address, permit)),
        Err(error) => {
            tracing::warn!(%error, "accept failed");
            // Out of file descriptors, most likely: give the connections that have them time to end.
            tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn establish(
    tcp: tokio::net::TcpStream,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<ViewerStream> {
    tcp.set_nodelay(true)?;
    let server_ip = tcp.local_addr()?.ip();
    let tcp = TcpStream::from(tcp);
    let Some(config) = tls else {
        return plaintext(tcp, address, server_ip).await;
    };
    let stream = TlsAcceptor::from(config).accept(tcp).await?;
    let facts = tls::facts(stream.get_ref().1);
    let http2 = facts.http2;
    Ok(ViewerStream::new(Transport::Tls(Box::new(stream)), Viewer::new(address, server_ip, Some(facts)), http2))
}

/// Reads as much as tells the h2 preface from an HTTP/1 request, and puts it back.
async fn plaintext(mut tcp: TcpStream, address: SocketAddr, server_ip: IpAddr) -> io::Result<ViewerStream> {
    let mut seen = [0; H2_PREFACE.len()];
    let mut length = 0;
    let http2 = loop {
        let read = tcp.read(&mut seen[length..]).await?;
        length += read;
        if read == 0 || seen[..length] != H2_PREFACE[..length] {
            break false;
        }
        if length == H2_PREFACE.len() {
            break true;
        }
    };
    tcp.rewind(&seen[..length]);
    Ok(ViewerStream::new(Transport::Plain(Box::new(tcp)), Viewer::new(address, server_ip, None), http2))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::listen;
    use crate::cli::open_files;
    use std::net::{SocketAddr, TcpStream};
    use std::time::Duration;

    /// Of the files that may be open, as many are left to everybody else.
    const LEFT: usize = 400;
    const CONNECTIONS: usize = 1_200;
    /// What waits in a queue of 1,024 is one more: with this many a queue of that length is too short.
    const BEYOND_1024: usize = 1_026;

    /// How many of [`CONNECTIONS`] a kernel lets wait whose `somaxconn` is this, in a process that may open so many files.
    fn possible(somaxconn: usize, files: usize) -> usize {
        let connections = CONNECTIONS.min(somaxconn).min(files.saturating_sub(LEFT));
        let files_needed = BEYOND_1024 + LEFT;
        assert!(
            somaxconn < BEYOND_1024 || connections >= BEYOND_1024,
            "this needs {files_needed} open files to show anything, and {files} are allowed: raise `ulimit -Hn`"
        );
        connections
    }

    #[tokio::test]
    async fn more_than_a_thousand_can_connect_before_anyone_is_accepted() {
        let somaxconn = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        open_files::allow_all();
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap());
        let connections = possible(somaxconn.trim().parse().unwrap(), files);
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        // What is dropped is sent again after a second.
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(900)).unwrap();
        let connected: Vec<_> = (0..connections).map(connect).collect();
        assert_eq!(connected.len(), connections);
    }

    #[test]
    #[should_panic(expected = "this needs 1426 open files to show anything, and 1024 are allowed")]
    fn too_few_open_files_are_no_silent_success() {
        possible(4_096, 1_024);
    }
}
