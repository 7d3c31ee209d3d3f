//! The stream under a viewer's requests.
//!
//! It does four things pingora does not: it sends the head of a response together with what follows it, it lets an origin's `Date` pass
//! (pingora writes its own over it), it bounds the time a request head may take as a whole (pingora bounds each read), and it
//! says which protocol was spoken.

use super::{DATE_BYTES, Viewer};
use crate::respond;
use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use homefront_config::limits;
use memchr::memmem;
use pingora::protocols::l4::stream::Stream as TcpStream;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType, raw_connect::ProxyDigest,
};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;

/// The stream under a viewer's requests.
#[derive(Debug)]
pub(crate) struct ViewerStream {
    transport: Transport,
    viewer: Arc<Viewer>,
    digest: Arc<ProxyDigest>,
    http2: bool,
    head_deadline: Option<Pin<Box<Sleep>>>,
    /// A head that waits for its body, or for a flush.
    gathered: BytesMut,
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
        Self { transport, viewer, digest, http2, head_deadline: None, gathered: BytesMut::new() }
    }

    /// Writes out what was gathered.
    fn poll_gathered(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            let written = match &mut self.transport {
                Transport::Plain(tcp) => ready!(Pin::new(tcp).poll_write(cx, &self.gathered))?,
                Transport::Tls(tls) => ready!(Pin::new(tls).poll_write(cx, &self.gathered))?,
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.gathered.advance(written);
        }
        // A connection that waits for its next request is not to keep room for a response.
        self.gathered = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    /// Writes the gathered head and `pieces` behind it, in one call; gives how many bytes of `pieces` were taken.
    fn poll_behind_head(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        const PIECES_MAX: usize = 8;
        if pieces.iter().all(|piece| piece.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        loop {
            let mut all = [IoSlice::new(&[]); PIECES_MAX];
            all[0] = IoSlice::new(&self.gathered);
            let count = 1 + pieces.len().min(PIECES_MAX - 1);
            all[1..count].copy_from_slice(&pieces[..count - 1]);
            let all = &all[usize::from(self.gathered.is_empty())..count];
            let written = match &mut self.transport {
                Transport::Plain(tcp) => ready!(Pin::new(tcp).poll_write_vectored(cx, all))?,
                Transport::Tls(tls) => ready!(Pin::new(tls).poll_write_vectored(cx, all))?,
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_head = written.min(self.gathered.len());
            self.gathered.advance(of_head);
            if written > of_head {
                return Poll::Ready(Ok(written - of_head));
            }
        }
    }

    /// CloudFront's page, where pingora answers by itself: what came could not be read as a request, so no step saw it.
    fn instead_of_pingoras_page(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.http2 || self.viewer.in_request.load(Ordering::Relaxed) || !bytes.starts_with(b"HTTP/1.") {
            return None;
        }
        tracing::info!(address = %self.viewer.address, "what a viewer sent is not a request");
        Some(respond::malformed())
    }

    /// Whether `bytes` are the head of a final response. Heads are written in one piece.
    fn is_head(&self, bytes: &[u8]) -> bool {
        !self.http2 && bytes.starts_with(b"HTTP/1.") && !bytes.starts_with(b"HTTP/1.1 1")
    }

    /// Keeps a head until the first piece of its body comes or it is flushed, with the origin's date if there is one to keep.
    fn gather(&mut self, head: &[u8]) {
        let start = self.gathered.len();
        self.gathered.extend_from_slice(head);
        if let Some(date) = self.viewer.date.lock().take()
            && let Some(at) = find_date(head)
        {
            self.gathered[start + at..start + at + DATE_BYTES].copy_from_slice(&date);
        }
    }
}

/// Where the value of a head's `Date` line begins.
fn find_date(bytes: &[u8]) -> Option<usize> {
    let head = &bytes[..memmem::find(bytes, b"\r\n\r\n")? + 2];
    let lines = memchr::memchr_iter(b'\n', head).map(|end| end + 1);
    let prefix = b"date: ";
    let is_date =
        |start: &usize| head.get(*start..start + prefix.len()).is_some_and(|name| name.eq_ignore_ascii_case(prefix));
    let value = lines.clone().find(is_date)? + prefix.len();
    (head.get(value + DATE_BYTES..value + DATE_BYTES + 2)? == b"\r\n").then_some(value)
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

/// pingora writes the head of a response by itself, and flushes it unless a body follows: it waits here for that body, so that a
/// small response is one write.
impl AsyncWrite for ViewerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let Some(page) = this.instead_of_pingoras_page(bytes) {
            this.gathered.extend_from_slice(&page);
            return Poll::Ready(Ok(bytes.len()));
        }
        if this.is_head(bytes) {
            ready!(this.poll_gathered(cx))?;
            this.gather(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        this.poll_behind_head(cx, &[IoSlice::new(bytes)])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = pieces.iter().find(|piece| !piece.is_empty());
        match first {
            Some(first) if self.is_head(first) => self.poll_write(cx, first),
            _ => self.poll_behind_head(cx, pieces),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_gathered(cx))?;
        match &mut this.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_gathered(cx))?;
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";

    /// A viewer, and the node's stream to it in the middle of a request.
    async fn connected() -> (tokio::net::TcpStream, ViewerStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let viewer = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (tcp, address) = listener.accept().await.unwrap();
        let transport = Transport::Plain(Box::new(TcpStream::from(tcp)));
        let stream = ViewerStream::new(transport, Viewer::new(address, address.ip(), None), false);
        stream.viewer.request_begins();
        (viewer, stream)
    }

    #[tokio::test]
    async fn a_head_waits_for_its_body_and_both_go_out_in_one_piece() {
        let (mut viewer, mut node) = connected().await;
        node.write_all(HEAD).await.unwrap();
        let mut got = [0; 256];
        assert_eq!(viewer.try_read(&mut got).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        node.write_all(b"body").await.unwrap();
        let read = viewer.read(&mut got).await.unwrap();
        assert_eq!(&got[..read], [HEAD, b"body"].concat());
    }

    #[tokio::test]
    async fn a_head_goes_out_when_it_is_flushed() {
        let (mut viewer, mut node) = connected().await;
        node.write_all(HEAD).await.unwrap();
        node.flush().await.unwrap();
        let mut got = [0; 256];
        let read = viewer.read(&mut got).await.unwrap();
        assert_eq!(&got[..read], HEAD);
    }

    #[tokio::test]
    async fn a_body_larger_than_the_socket_takes_arrives_whole_behind_its_head() {
        let (mut viewer, mut node) = connected().await;
        let body = vec![7; 4 << 20];
        let writing = async {
            node.write_all(HEAD).await.unwrap();
            node.write_all(&body).await.unwrap();
            AsyncWriteExt::shutdown(&mut node).await.unwrap();
        };
        let mut got = Vec::new();
        let (read, ()) = tokio::join!(viewer.read_to_end(&mut got), writing);
        read.unwrap();
        assert!(got.starts_with(HEAD) && got[HEAD.len()..] == body);
    }

    #[test]
    fn the_date_of_a_head_is_found_wherever_it_stands() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for head in [
            format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nServer: a\r\n\r\nbody"),
            format!("HTTP/1.1 200 OK\r\nX-Date: no\r\ndate: {date}\r\n\r\n"),
        ] {
            let at = find_date(head.as_bytes()).unwrap();
            assert_eq!(&head[at..at + date.len()], date);
        }
    }

    #[test]
    fn what_is_no_date_of_the_usual_length_is_left_alone() {
        for head in [
            "HTTP/1.1 200 OK\r\nServer: a\r\n\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            "HTTP/1.1 200 OK\r\nDate: yesterday\r\n\r\n",
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(find_date(head.as_bytes()), None, "{head}");
        }
    }
}
