//! Answers made within the node that enter as an origin's do, so that they are cached, collapsed and ranged like them:
//! folder origins and what Lambda@Edge generates.
//!
//! pingora wants a connection; it gets one end of a pipe whose other end is served by hyper.

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::channel::Channel;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pingora::connectors::l4::Connect;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora::upstreams::peer::HttpPeer;
use std::convert::Infallible;
use std::fmt::Debug;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// Bytes in the pipe between hyper and pingora, in each direction.
const PIPE_BYTES: usize = 64 * 1024;

/// The body of a local answer.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// Something in the node that answers origin requests.
#[async_trait]
pub(crate) trait LocalOrigin: Debug + Send + Sync {
    /// Answers a request. Its body, if any, is not looked at.
    async fn answer(&self, request: http::Request<()>) -> http::Response<Body>;
}

/// A whole body.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed()
}

/// An answer that is there already.
#[derive(Debug)]
pub(crate) struct Ready(pub(crate) http::Response<Bytes>);

#[async_trait]
impl LocalOrigin for Ready {
    async fn answer(&self, _request: http::Request<()>) -> http::Response<Body> {
        self.0.clone().map(whole)
    }
}

/// An answer without a body, framed as one whose body is still to come: what is sent after its head may be more.
#[derive(Debug)]
pub(crate) struct Unframed(pub(crate) http::Response<()>);

#[async_trait]
impl LocalOrigin for Unframed {
    async fn answer(&self, _request: http::Request<()>) -> http::Response<Body> {
        let (_nothing_comes, body) = Channel::<Bytes, io::Error>::new(1);
        self.0.clone().map(|()| body.boxed())
    }
}

/// A peer whose connection is answered by `origin`. It is used for one request.
#[allow(clippy::disallowed_methods, reason = "it is given an address")]
pub(crate) fn peer(origin: Arc<dyn LocalOrigin>) -> HttpPeer {
    static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
    let nowhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    let mut peer = HttpPeer::new(nowhere, false, String::new());
    peer.group_key = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    peer.options.custom_l4 = Some(Arc::new(Pipe(origin)));
    peer
}

#[derive(Debug)]
struct Pipe(Arc<dyn LocalOrigin>);

#[async_trait]
impl Connect for Pipe {
    async fn connect(&self, _address: &SocketAddr) -> pingora::Result<Stream> {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let origin = self.0.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let origin = origin.clone();
            async move { Ok::<_, Infallible>(origin.answer(request.map(|_body| ())).await) }
        });
        tokio::spawn(async move {
            let served = hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .auto_date_header(false)
                .title_case_headers(true)
                .serve_connection(TokioIo::new(theirs), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a local origin's answer was not taken whole");
            }
        });
        Ok(Stream::from(VirtualSocketStream::new(Box::new(PipeEnd(ours)))))
    }
}

#[derive(Debug)]
struct PipeEnd(DuplexStream);

impl VirtualSocket for PipeEnd {
    fn set_socket_option(&self, _option: VirtualSockOpt) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for PipeEnd {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for PipeEnd {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
