//! One viewer connection: what is known of it, and the stream that pingora speaks HTTP over.
//!
//! The stream does three things pingora does not: it lets an origin's `Date` pass (pingora writes its own over it), it
//! bounds the time a request head may take as a whole (pingora bounds each read), and it says which protocol was spoken.

use crate::renew::Renewal;
use crate::respond;
use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use homefront_config::limits;
use parking_lot::Mutex;
use pingora::protocols::l4::stream::Stream as TcpStream;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType, raw_connect::ProxyDigest,
};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;

/// The length of an IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`; pingora's and the origin's are equally long.
const DATE_BYTES: usize = 29;

/// What is known of a connection before its first request, and what its requests tell the stream.
#[derive(Debug)]
pub(crate) struct Viewer {
    /// The TCP peer.
    pub(crate) address: SocketAddr,
    /// TLS, when it was spoken.
    pub(crate) tls: Option<TlsFacts>,
    /// Set while a request is being worked on: its head has been read.
    in_request: AtomicBool,
    /// Left for the requests that pingora makes on this connection's behalf.
    renewals: Mutex<VecDeque<Renewal>>,
    /// The `Date` the next response head goes out with, instead of pingora's.
    date: Mutex<Option<[u8; DATE_BYTES]>>,
}

/// CloudFront's names for what was agreed in the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFacts {
    /// `TLSv1.3`
    pub(crate) protocol: &'static str,
    /// `TLS_AES_128_GCM_SHA256`, `ECDHE-RSA-AES128-GCM-SHA256`
    pub(crate) cipher: String,
    /// Whether ALPN chose `h2`.
    pub(crate) http2: bool,
}

impl Viewer {
    /// A viewer that has just connected.
    pub(crate) fn new(address: SocketAddr, tls: Option<TlsFacts>) -> Self {
        Self { address, tls, in_request: AtomicBool::new(false), renewals: Mutex::default(), date: Mutex::new(None) }
    }

    /// The head of a request has been read: its clock stops.
    pub(crate) fn request_begins(&self) {
        self.in_request.store(true, Ordering::Relaxed);
    }

    /// The answer is out: the next bytes are the next head.
    pub(crate) fn request_ends(&self) {
        self.in_request.store(false, Ordering::Relaxed);
        *self.date.lock() = None;
    }

    /// Leaves a renewal. There are at most as many as requests on the connection at a time, and each is taken at once.
    pub(crate) fn hand_over(&self, renewal: Renewal) {
        self.renewals.lock().push_back(renewal);
    }

    /// Takes the oldest renewal.
    pub(crate) fn take_renewal(&self) -> Option<Renewal> {
        self.renewals.lock().pop_front()
    }

    /// Lets the next response head (HTTP/1 only) carry the origin's date.
    pub(crate) fn keep_date(&self, date: &[u8]) {
        if let Ok(date) = <[u8; DATE_BYTES]>::try_from(date) {
            *self.date.lock() = Some(date);
        }
    }
}

/// The stream under a viewer's requests.
#[derive(Debug)]
pub(crate) struct ViewerStream {
    transport: Transport,
    viewer: Arc<Viewer>,
    digest: Arc<ProxyDigest>,
    http2: bool,
    head_deadline: Option<Pin<Box<Sleep>>>,
    /// A response head whose date was exchanged, not yet written out.
    rewritten: BytesMut,
}

/// What carries the bytes.
#[derive(Debug)]
pub(crate) enum Transport {
    /// TCP.
    Plain(Box<TcpStream>),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

impl ViewerStream {
    /// A stream for `viewer`; `http2` when ALPN or the preface said so.
    pub(crate) fn new(transport: Transport, viewer: Viewer, http2: bool) -> Self {
        let viewer = Arc::new(viewer);
        let head = pingora::http::ResponseHeader::build(200, Some(0)).expect("200 is a status");
        let digest = Arc::new(ProxyDigest::new(Box::new(head), Some(Box::new(viewer.clone()))));
        Self { transport, viewer, digest, http2, head_deadline: None, rewritten: BytesMut::new() }
    }

    /// Writes out what is left of a rewritten head.
    fn poll_rewritten(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rewritten.is_empty() {
            let written = match &mut self.transport {
                Transport::Plain(tcp) => ready!(Pin::new(tcp).poll_write(cx, &self.rewritten))?,
                Transport::Tls(tls) => ready!(Pin::new(tls).poll_write(cx, &self.rewritten))?,
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rewritten.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// CloudFront's page, where pingora answers by itself: what came could not be read as a request, so no step saw it.
    fn instead_of_pingoras_page(&self, bytes: &[u8]) -> Option<BytesMut> {
        if self.http2 || self.viewer.in_request.load(Ordering::Relaxed) || !bytes.starts_with(b"HTTP/1.") {
            return None;
        }
        tracing::info!(address = %self.viewer.address, "what a viewer sent is not a request");
        Some(BytesMut::from(&respond::malformed()[..]))
    }

    /// The head in `bytes` with the date of the origin, if there is one to keep. Heads are written in one piece.
    fn with_kept_date(&self, bytes: &[u8]) -> Option<BytesMut> {
        if self.http2 || !bytes.starts_with(b"HTTP/1.") || bytes.starts_with(b"HTTP/1.1 1") {
            return None;
        }
        let date = self.viewer.date.lock().take()?;
        let head_end = find(bytes, b"\r\n\r\n")?;
        let line = find_header(&bytes[..head_end], b"date: ")?;
        let value = line..line + DATE_BYTES;
        (bytes.get(value.end..value.end + 2)? == b"\r\n").then(|| {
            let mut head = BytesMut::from(bytes);
            head[value].copy_from_slice(&date);
            head
        })
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Where the value of the first line that starts with `prefix` (lower case, with colon and space) begins.
fn find_header(head: &[u8], prefix: &[u8]) -> Option<usize> {
    let lines = head.windows(2).enumerate().filter(|(_, pair)| *pair == b"\r\n").map(|(at, _)| at + 2);
    lines
        .map(|start| (start, &head[start..]))
        .find(|(_, line)| line.get(..prefix.len()).is_some_and(|name| name.eq_ignore_ascii_case(prefix)))
        .map(|(start, _)| start + prefix.len())
}

impl AsyncRead for ViewerStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let read = match &mut this.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Transport::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        };
        if this.http2 || this.viewer.in_request.load(Ordering::Relaxed) {
            this.head_deadline = None;
            return read;
        }
        // The clock of a head starts with its first byte; an idle connection is pingora's keep-alive's business.
        if buf.filled().len() > before && this.head_deadline.is_none() {
            let deadline = Instant::now() + limits::REQUEST_HEAD_TIMEOUT;
            this.head_deadline = Some(Box::pin(tokio::time::sleep_until(deadline)));
        }
        if let Some(deadline) = &mut this.head_deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the request head took too long")));
        }
        read
    }
}

impl AsyncWrite for ViewerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_rewritten(cx))?;
        if let Some(head) = this.instead_of_pingoras_page(bytes).or_else(|| this.with_kept_date(bytes)) {
            this.rewritten = head;
            // Accepted whole; what the socket does not take now goes out before anything else.
            if let Poll::Ready(Err(error)) = this.poll_rewritten(cx) {
                return Poll::Ready(Err(error));
            }
            return Poll::Ready(Ok(bytes.len()));
        }
        match &mut this.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Transport::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_rewritten(cx))?;
        match &mut this.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_rewritten(cx))?;
        match &mut this.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

#[async_trait]
impl Shutdown for ViewerStream {
    async fn shutdown(&mut self) {
        // The peer may be gone already; there is nobody left to tell.
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for ViewerStream {
    fn id(&self) -> UniqueIDType {
        self.transport.tcp().id()
    }
}

impl Ssl for ViewerStream {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        let tls = self.viewer.tls.as_ref()?;
        Some(Arc::new(SslDigest::new(tls.cipher.clone(), tls.protocol.to_owned(), None, None, Vec::new())))
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        Some(if self.http2 { ALPN::H2 } else { ALPN::H1 })
    }
}

impl Peek for ViewerStream {}

impl GetTimingDigest for ViewerStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.transport.tcp().get_timing_digest()
    }
}

impl GetProxyDigest for ViewerStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(self.digest.clone())
    }
}

impl GetSocketDigest for ViewerStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.transport.tcp().get_socket_digest()
    }
}
