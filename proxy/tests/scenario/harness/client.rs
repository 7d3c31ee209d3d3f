//! A viewer that speaks HTTP/1.1 byte by byte, so that tests see exactly what was sent.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// No answer within this time is a failed test, not a hung one.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What a viewer speaks over.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// A viewer's connection.
pub(crate) struct Connection {
    stream: Box<dyn Transport>,
    unread: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In order, in wire case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A GET request for the test distribution.
pub(crate) fn get_of(path: &str, headers: &[(&str, &str)]) -> String {
    request_of("GET", path, headers, "")
}

/// A request for the test distribution, unless `headers` name another host. A body has its length.
pub(crate) fn request_of(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let host = if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        ""
    } else {
        "Host: dtest123456789.cloudfront.net\r\n"
    };
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\n{host}{lines}{length}\r\n{body}")
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// Over TLS, for example.
    pub(crate) fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self { stream: Box::new(stream), unread: Vec::new() }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn send(&mut self, request: &str) -> Answer {
        self.write(request.as_bytes()).await;
        let is_head = request.starts_with("HEAD ");
        self.answer(is_head).await
    }

    /// Sends bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Reads one answer.
    pub(crate) async fn answer(&mut self, is_head: bool) -> Answer {
        tokio::time::timeout(PATIENCE, self.read_answer(is_head)).await.expect("an answer")
    }

    /// Reads the head of an answer; its body is read by [`Connection::exactly`] or [`Connection::piece`].
    pub(crate) async fn head(&mut self) -> Answer {
        let (status, headers) = tokio::time::timeout(PATIENCE, self.read_head()).await.expect("a head");
        Answer { status, headers, body: Vec::new() }
    }

    /// Reads one chunk; an empty one is the last.
    pub(crate) async fn piece(&mut self) -> Vec<u8> {
        tokio::time::timeout(PATIENCE, self.chunk()).await.expect("a chunk")
    }

    /// Reads one interim answer (1xx); gives its status line.
    pub(crate) async fn status_line(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
            }
            tokio::time::timeout(PATIENCE, self.fill()).await.expect("an interim answer");
        }
    }

    /// Waits until the other side has closed; what came before is given back.
    pub(crate) async fn closed(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.unread);
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.expect("an end");
        // A reset is an end too.
        let _ = read;
        rest
    }

    async fn read_head(&mut self) -> (u16, Vec<(String, String)>) {
        loop {
            let mut lines = [httparse::EMPTY_HEADER; 128];
            let mut head = httparse::Response::new(&mut lines);
            if let httparse::Status::Complete(bytes) = head.parse(&self.unread).expect("HTTP") {
                let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                let headers = head.headers.iter().map(|line| (line.name.to_owned(), text(line.value))).collect();
                let status = head.code.unwrap();
                self.unread.drain(..bytes);
                if status >= 200 {
                    return (status, headers);
                }
                continue;
            }
            self.fill().await;
        }
    }

    async fn read_answer(&mut self, is_head: bool) -> Answer {
        let (status, headers) = self.read_head().await;
        let mut answer = Answer { status, headers, body: Vec::new() };
        answer.body = if is_head || matches!(status, 204 | 304) {
            Vec::new()
        } else if answer.header("transfer-encoding") == Some("chunked") {
            self.chunks().await
        } else {
            let length = answer.header("content-length").expect("a length").parse().unwrap();
            self.exactly(length).await
        };
        answer
    }

    async fn fill(&mut self) {
        let mut piece = vec![0; 16 * 1024];
        let read = self.stream.read(&mut piece).await.expect("bytes");
        assert!(read > 0, "the connection ended within an answer: {:?}", String::from_utf8_lossy(&self.unread));
        self.unread.extend_from_slice(&piece[..read]);
    }

    /// Reads so many bytes.
    pub(crate) async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            self.fill().await;
        }
        self.unread.drain(..length).collect()
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk().await;
            if chunk.is_empty() {
                return body;
            }
            body.extend(chunk);
        }
    }

    async fn chunk(&mut self) -> Vec<u8> {
        loop {
            if let httparse::Status::Complete((start, size)) =
                httparse::parse_chunk_size(&self.unread).expect("a chunk")
            {
                self.unread.drain(..start);
                let chunk = self.exactly(usize::try_from(size).unwrap()).await;
                assert_eq!(self.exactly(2).await, b"\r\n");
                return chunk;
            }
            self.fill().await;
        }
    }
}

impl Answer {
    /// The first line of that name, case ignored.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All lines of that name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    /// `X-Cache` without ` from cloudfront`.
    pub(crate) fn x_cache(&self) -> &str {
        self.header("x-cache").unwrap_or("none").trim_end_matches(" from cloudfront")
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The line of CloudFront's error page that tells the cause.
    pub(crate) fn sentence(&self) -> &str {
        let after = self.text().split_once("<HR noshade size=\"1px\">\n").expect("an error page").1;
        after.lines().next().unwrap()
    }
}
