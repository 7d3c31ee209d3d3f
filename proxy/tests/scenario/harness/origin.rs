//! Origins that are closures: real servers on ports of their own, which remember what they were asked.

use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A request, as an origin got it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// What an origin answers.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: BoxBody<Bytes, Infallible>,
}

/// The other end of a body that is sent piece by piece, without a length.
pub(crate) type Pieces = Sender<Bytes, Infallible>;

/// A server.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    accepting: JoinHandle<()>,
}

impl Asked {
    /// The first line of that name (lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Path and query, as they came.
    pub(crate) fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }
}

impl Reply {
    /// 200 with this body, and nothing about caching.
    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        Self::status(200, body)
    }

    /// The last on its connection: a node has none to keep, wherever a test counts what it holds.
    pub(crate) fn closing(self) -> Self {
        self.with("connection", "close")
    }

    /// Any status.
    pub(crate) fn status(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: Full::new(body.into()).boxed() }
    }

    /// 200 with a body that comes as the test sends it; over HTTP/1.1 it is chunked.
    pub(crate) fn streamed() -> (Self, Pieces) {
        let (pieces, body) = Channel::new(64);
        (Self { status: 200, headers: Vec::new(), body: body.boxed() }, pieces)
    }

    /// 200 with this body, chunked.
    pub(crate) fn chunked(body: &'static str) -> Self {
        let (reply, mut pieces) = Self::streamed();
        pieces.try_send(hyper::body::Frame::data(Bytes::from(body))).unwrap();
        reply
    }

    /// A header line.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A free port, with a listener on it.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (TcpListener::from_std(listener).unwrap(), address)
}

impl Origin {
    /// Serves on a free port until it is dropped.
    pub(crate) fn serve<F>(answer: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        Self::serve_over(None, answer)
    }

    /// The same over TLS.
    pub(crate) fn serve_tls<F>(
        tls: Arc<rustls::ServerConfig>,
        answer: impl Fn(Asked) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        Self::serve_over(Some(TlsAcceptor::from(tls)), answer)
    }

    fn serve_over<F>(tls: Option<TlsAcceptor>, answer: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let ((listener, address), asked) = (listener(), Arc::new(Mutex::new(Vec::new())));
        let (answer, log) = (Arc::new(answer), asked.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (tls, answer, log) = (tls.clone(), answer.clone(), log.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve_connection(tcp, answer, log).await,
                        Some(tls) => {
                            // A node that does not trust us ends the handshake; that is what some scenarios are about.
                            if let Ok(stream) = tls.accept(tcp).await {
                                serve_connection(stream, answer, log).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, asked, accepting }
    }

    /// An origin that speaks bytes: each connection is the closure's.
    pub(crate) fn raw<F>(connection: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (listener, address) = listener();
        let accepting = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(connection(tcp));
            }
        });
        Self { address, asked: Arc::default(), accepting }
    }

    /// A port where nobody listens.
    pub(crate) fn nobody() -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { address, asked: Arc::default(), accepting: tokio::spawn(async {}) }
    }

    /// What it was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve_connection<S, F>(stream: S, answer: Arc<impl Fn(Asked) -> F>, log: Arc<Mutex<Vec<Asked>>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Reply>,
{
    let service = service_fn(|request| async { Ok::<_, Infallible>(respond(&*answer, &log, request).await) });
    let served = hyper::server::conn::http1::Builder::new()
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    // A node that gives up a request leaves its connection; that is what some scenarios are about.
    let _ = served.await;
}

async fn respond<F: Future<Output = Reply>>(
    answer: &impl Fn(Asked) -> F,
    log: &Mutex<Vec<Asked>>,
    request: http::Request<Incoming>,
) -> http::Response<BoxBody<Bytes, Infallible>> {
    let (head, body) = request.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let asked = Asked {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default(),
    };
    log.lock().push(asked.clone());
    let reply = answer(asked).await;
    let mut response = http::Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(reply.body).unwrap()
}
