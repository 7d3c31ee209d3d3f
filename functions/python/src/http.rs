//! The client's half of the Lambda Runtime API: blocking HTTP/1.1 over one connection that is kept.

use std::io::{self, Read, Write};
use std::net::TcpStream;

const PATH: &str = "/2018-06-01/runtime";
/// Header lines of an answer; the API has some eight.
const HEADERS_MAX: usize = 32;
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 * 1_024;
/// Bytes of an event: Lambda's 6 MB, and some air.
const BODY_BYTES_MAX: usize = 8 * 1_048_576;
/// Up to this size a request is written in one piece, head and body.
const JOINED_BYTES_MAX: usize = 64 * 1_024;
/// The answer was too large. The node has told the caller already, and the loop goes on.
const BAD_REQUEST: u16 = 400;
const FORBIDDEN: u16 = 403;
const PAYLOAD_TOO_LARGE: u16 = 413;

/// A connection to the node.
pub(crate) struct Client {
    address: String,
    stream: TcpStream,
    /// Bytes that were read and not used yet.
    received: Vec<u8>,
}

/// One event.
pub(crate) struct Next {
    pub(crate) request_id: String,
    pub(crate) deadline_ms: u64,
    pub(crate) function_arn: String,
    pub(crate) trace_id: String,
    pub(crate) body: Vec<u8>,
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { address: address.to_owned(), stream, received: Vec::with_capacity(16 * 1_024) })
    }

    /// Waits for an event, for as long as it takes.
    pub(crate) fn next(&mut self) -> io::Result<Next> {
        let question = self.ask_for_next();
        self.stream.write_all(question.as_bytes())?;
        self.next_event()
    }

    fn ask_for_next(&self) -> String {
        format!("GET {PATH}/invocation/next HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)
    }

    fn next_event(&mut self) -> io::Result<Next> {
        let mut reply = self.reply()?;
        if reply.status != 200 {
            return Err(other(format!("Failed to get next: HTTP status {}", reply.status)));
        }
        let deadline = reply.take("lambda-runtime-deadline-ms")?;
        Ok(Next {
            request_id: reply.take("lambda-runtime-aws-request-id")?,
            deadline_ms: deadline.parse().map_err(|_| other(format!("the deadline is {deadline:?}")))?,
            function_arn: reply.take("lambda-runtime-invoked-function-arn")?,
            trace_id: reply.take("lambda-runtime-trace-id")?,
            body: reply.body,
        })
    }

    /// Posts a result and waits for the next event.
    pub(crate) fn post_response(&mut self, id: &str, content_type: &str, body: &[u8]) -> io::Result<Next> {
        let headers = format!("Content-Type: {content_type}\r\n");
        self.post_and_next(&format!("/invocation/{id}/response"), &headers, body)
    }

    /// Posts an error object and waits for the next event.
    pub(crate) fn post_error(&mut self, id: &str, error_type: &str, body: &[u8]) -> io::Result<Next> {
        self.post_and_next(&format!("/invocation/{id}/error"), &error_headers(error_type), body)
    }

    pub(crate) fn post_init_error(&mut self, error_type: &str, body: &[u8]) -> io::Result<()> {
        self.post("/init/error", &error_headers(error_type), body, "")
    }

    /// A small answer and the question for the next event go out together: one way to the node instead of two.
    fn post_and_next(&mut self, path: &str, headers: &str, body: &[u8]) -> io::Result<Next> {
        if body.len() > JOINED_BYTES_MAX {
            self.post(path, headers, body, "")?;
            return self.next();
        }
        let question = self.ask_for_next();
        self.post(path, headers, body, &question)?;
        self.next_event()
    }

    fn post(&mut self, path: &str, headers: &str, body: &[u8], question: &str) -> io::Result<()> {
        let mut request = format!(
            "POST {PATH}{path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .into_bytes();
        let sent = if body.len() <= JOINED_BYTES_MAX {
            request.extend_from_slice(body);
            request.extend_from_slice(question.as_bytes());
            self.stream.write_all(&request)
        } else {
            self.stream.write_all(&request).and_then(|()| self.stream.write_all(body))
        };
        // A node that finds the body too large answers before it has read it, and closes.
        let reply = match (self.reply(), sent) {
            (Ok(reply), _) => reply,
            (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error),
        };
        match reply.status {
            200..=299 => Ok(()),
            PAYLOAD_TOO_LARGE => {
                *self = Self::connect(&self.address)?;
                Ok(())
            }
            // The handler had answered by itself, so this answer comes second. The next event may be on its way already: an
            // end now would take it along.
            BAD_REQUEST | FORBIDDEN => Ok(()),
            status => Err(other(format!("Failed to post invocation response: HTTP status {status}"))),
        }
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let (mut reply, head_length) = loop {
            if let Some(parsed) = parse_head(&self.received)? {
                break parsed;
            }
            if self.received.len() > HEAD_BYTES_MAX {
                return Err(other("the answer's head is too large".to_owned()));
            }
            self.receive()?;
        };
        let length = reply.take("content-length")?;
        let length: usize = length.parse().map_err(|_| other(format!("content-length is {length:?}")))?;
        if length > BODY_BYTES_MAX {
            return Err(other(format!("the answer's body has {length} bytes")));
        }
        let end = head_length + length;
        while self.received.len() < end {
            self.receive()?;
        }
        reply.body = self.received[head_length..end].to_vec();
        self.received.drain(..end);
        Ok(reply)
    }

    fn receive(&mut self) -> io::Result<()> {
        let start = self.received.len();
        self.received.resize(start + 16 * 1_024, 0);
        let read = loop {
            match self.stream.read(&mut self.received[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.received.truncate(start + read.as_ref().copied().unwrap_or(0));
        match read {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Reply {
    fn take(&mut self, name: &str) -> io::Result<String> {
        let place = self.headers.iter().position(|(header, _)| header.eq_ignore_ascii_case(name));
        place
            .map(|place| self.headers.swap_remove(place).1)
            .ok_or_else(|| other(format!("the node's answer has no {name}")))
    }
}

fn parse_head(bytes: &[u8]) -> io::Result<Option<(Reply, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Response::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(other(format!("the node's answer is not HTTP: {error}"))),
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = head.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect();
    Ok(Some((Reply { status: head.code.unwrap_or_default(), headers, body: Vec::new() }, length)))
}

/// The error type becomes a header only when it is one of Lambda's names: a class's name may hold anything.
fn error_headers(error_type: &str) -> String {
    let plain = error_type.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_');
    let header = if plain { format!("Lambda-Runtime-Function-Error-Type: {error_type}\r\n") } else { String::new() };
    format!("Content-Type: application/json\r\n{header}")
}

fn other(message: String) -> io::Error {
    io::Error::other(message)
}
