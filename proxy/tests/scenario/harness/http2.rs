//! A viewer that speaks HTTP/2, frame by frame.

use super::{Answer, PATIENCE};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::Request;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A viewer's HTTP/2 connection.
pub(crate) struct Http2 {
    send: SendRequest<Bytes>,
}

impl Http2 {
    /// A connection with prior knowledge. Like browsers' it holds nothing back: the end of a window would wait for the other
    /// side's delayed acknowledgement, 40 ms for each 64 KB.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Self::over(tcp).await
    }

    /// With prior knowledge, or after ALPN.
    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        // The other side ends it; how is nothing a scenario asks here.
        tokio::spawn(async { drop(connection.await) });
        Self { send }
    }

    /// Sends a request whose body is these DATA frames, the last of which ends the stream.
    pub(crate) async fn send(&self, request: Request<()>, frames: &[&'static str]) -> Answer {
        let mut send = self.send.clone().ready().await.unwrap();
        let (answer, mut body) = send.send_request(request, frames.is_empty()).unwrap();
        for (number, frame) in frames.iter().enumerate() {
            body.send_data(Bytes::from_static(frame.as_bytes()), number + 1 == frames.len()).unwrap();
        }
        tokio::time::timeout(PATIENCE, read(answer)).await.expect("an answer")
    }

    /// Sends a request whose body goes out as fast as the node takes it.
    pub(crate) async fn upload(&self, request: Request<()>, mut rest: Bytes) -> Answer {
        let mut send = self.send.clone().ready().await.unwrap();
        let (answer, mut body) = send.send_request(request, rest.is_empty()).unwrap();
        let sending = async {
            while !rest.is_empty() {
                body.reserve_capacity(rest.len());
                // A node that has answered may not want the rest.
                let Some(Ok(room)) = std::future::poll_fn(|cx| body.poll_capacity(cx)).await else { return };
                let piece = rest.split_to(room.min(rest.len()));
                if body.send_data(piece, rest.is_empty()).is_err() {
                    return;
                }
            }
        };
        let both = async { tokio::join!(sending, read(answer)).1 };
        tokio::time::timeout(PATIENCE, both).await.expect("an answer")
    }
}

async fn read(answer: ResponseFuture) -> Answer {
    let (head, mut stream) = answer.await.unwrap().into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.unwrap();
        stream.flow_control().release_capacity(piece.len()).unwrap();
        body.extend_from_slice(&piece);
    }
    Answer { status: head.status.as_u16(), headers, body }
}
