//! What answers in an origin's place while a case runs, and remembers what it was asked.

use bytes::Bytes;
use homefront_config::cases::{Answer, StandIn};
use homefront_functions::test::Seen;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request, as a stand-in got it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// Headers and body.
    pub(super) message: Seen,
}

/// What all stand-ins of a case were asked, in order.
pub(super) type Log = Arc<Mutex<Vec<Asked>>>;

/// A server on a port of its own, until it is dropped.
pub(super) struct Serving {
    pub(super) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Serving {
    pub(super) async fn start(stand_in: &StandIn, log: Log) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let answers: Arc<[Answer]> = stand_in.answers.as_slice().into();
        let accepting = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (answers, log) = (answers.clone(), log.clone());
                let service = service_fn(move |request| {
                    let (answers, log) = (answers.clone(), log.clone());
                    async move { answer(&answers, &log, request).await }
                });
                let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
                // A node that gives up a request leaves its connection.
                tokio::spawn(async { drop(served.await) });
            }
        });
        Ok(Self { address, accepting })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(
    answers: &[Answer],
    log: &Log,
    request: http::Request<Incoming>,
) -> http::Result<http::Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    log.lock().push(Asked {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        message: Seen {
            headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: Some(body.to_vec()),
            ..Seen::default()
        },
    });
    let Some(answer) = answers.iter().find(|answer| answer.path_pattern.matches(head.uri.path())) else {
        let why = format!("no answer of the case's `origin` fits {}\n", head.uri.path());
        return http::Response::builder().status(404).body(Full::from(why));
    };
    let response = http::Response::builder().status(answer.status);
    let response = answer.headers.iter().fold(response, |response, (name, value)| response.header(name, value));
    response.body(Full::from(answer.body.clone()))
}
