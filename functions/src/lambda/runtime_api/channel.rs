//! How the runtimes of ours get their events: frames over a socket that the process inherits.
//!
//! A frame is the lengths of its head and its body, 4 bytes each, little-endian, the head, and the body. A head is text, one field a
//! line. The node sends events: request id, deadline in Unix milliseconds, ARN, trace id. A runtime sends `next`, `response` with the
//! request id, `error` with the request id and the error's type, and `init-error` with the type; nothing of it is acknowledged.

use super::{Answer, Invocation, Shared, service};
use crate::function_log::FunctionLog;
use bytes::{Buf, Bytes, BytesMut};
use homefront_config::limits::{LAMBDA_CHANNEL_HEAD_BYTES_MAX, LAMBDA_PAYLOAD_BYTES_MAX};
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::runtime::Handle;

/// Of a frame: two lengths.
const LENGTHS_BYTES: usize = 8;
/// Room that is made for what comes next.
const READ_BYTES: usize = 16 * 1_024;

/// What gets no events any more.
const SENSELESS: &str =
    "homefront: what came over the channel to the node (file descriptor 3) makes no sense; it is closed";

/// The node's end.
#[derive(Debug)]
pub(in crate::lambda) struct Channel {
    stream: UnixStream,
    /// The function's.
    log: FunctionLog,
    /// Where the rest of an event is written that the socket does not take at once.
    runtime: Handle,
}

impl Channel {
    /// Both ends; a runtime blocks while it reads and writes its own. Needs a tokio runtime.
    pub(in crate::lambda) fn new(log: FunctionLog) -> io::Result<(Self, OwnedFd)> {
        let (own, other) = std::os::unix::net::UnixStream::pair()?;
        own.set_nonblocking(true)?;
        Ok((Self { stream: UnixStream::from_std(own)?, log, runtime: Handle::current() }, other.into()))
    }

    /// Sends an event. `false`: nobody is at the other end any more.
    pub(super) fn send(self: &Arc<Self>, invocation: &Invocation) -> bool {
        let Invocation { request_id, deadline_ms, function_arn, trace_id, event } = invocation;
        let head = format!("{request_id}\n{deadline_ms}\n{function_arn}\n{trace_id}");
        let mut start = Vec::with_capacity(LENGTHS_BYTES + head.len());
        for length in [head.len(), event.len()] {
            start.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        start.extend_from_slice(head.as_bytes());
        let written = match self.stream.try_write_vectored(&[IoSlice::new(&start), IoSlice::new(event)]) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => return false,
        };
        let mut rest = Bytes::from(start).chain(event.clone());
        rest.advance(written);
        if rest.has_remaining() {
            let channel = self.clone();
            // Whoever does not take all of it answers nothing, and is given up at its deadline.
            self.runtime
                .spawn(async move { while channel.write_some(&mut rest).await.is_ok() && rest.has_remaining() {} });
        }
        true
    }

    async fn write_some(&self, rest: &mut impl Buf) -> io::Result<()> {
        self.stream.writable().await?;
        match self.stream.try_write(rest.chunk()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            written => written.map(|written| rest.advance(written)),
        }
    }

    /// Takes what the runtime sends until one of the two ends it.
    pub(super) async fn serve(self: Arc<Self>, shared: Arc<Shared>) {
        let mut received = BytesMut::with_capacity(READ_BYTES);
        let is_untouched = loop {
            match self.frame(&mut received).await {
                Ok(Some(frame)) => {
                    if !take(&shared, frame) {
                        self.log.line(SENSELESS);
                        break false;
                    }
                }
                Ok(None) => break false,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.log.line(SENSELESS);
                    break false;
                }
                Err(error) => break error.kind() == io::ErrorKind::ConnectionReset,
            }
        };
        let _ = rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Both);
        shared.channel_ended(is_untouched);
    }

    /// The next frame; `None`: the other end is closed.
    async fn frame(&self, received: &mut BytesMut) -> io::Result<Option<Frame>> {
        if !self.fill(received, LENGTHS_BYTES).await? {
            return Ok(None);
        }
        let (head, body) = (received.get_u32_le() as usize, received.get_u32_le() as usize);
        if head > LAMBDA_CHANNEL_HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if !self.fill(received, head).await? {
            return Ok(None);
        }
        let head = String::from_utf8(received.split_to(head).to_vec()).map_err(|_| io::ErrorKind::InvalidData)?;
        if body > LAMBDA_PAYLOAD_BYTES_MAX {
            return Ok(self.pass_over(received, body).await?.then_some(Frame { head, body: None }));
        }
        let whole = self.fill(received, body).await?;
        Ok(whole.then(|| Frame { head, body: Some(received.split_to(body).freeze()) }))
    }

    /// Reads until so many bytes are there; `false`: the other end was closed before.
    async fn fill(&self, received: &mut BytesMut, bytes: usize) -> io::Result<bool> {
        while received.len() < bytes {
            received.reserve((bytes - received.len()).max(READ_BYTES));
            if self.read(received).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads and forgets so many bytes.
    async fn pass_over(&self, received: &mut BytesMut, mut bytes: usize) -> io::Result<bool> {
        loop {
            let passed = received.len().min(bytes);
            received.advance(passed);
            bytes -= passed;
            if bytes == 0 {
                return Ok(true);
            }
            received.reserve(READ_BYTES);
            if self.read(received).await? == 0 {
                return Ok(false);
            }
        }
    }

    async fn read(&self, received: &mut BytesMut) -> io::Result<usize> {
        loop {
            self.stream.readable().await?;
            match self.stream.try_read_buf(received) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

/// What a runtime sent; without a body when that was larger than Lambda takes.
struct Frame {
    head: String,
    body: Option<Bytes>,
}

/// `false`: it makes no sense. An answer that nobody waits for, any more or at all, is dropped: the function may have posted one itself.
fn take(shared: &Shared, Frame { head, body }: Frame) -> bool {
    let mut fields = head.split('\n');
    let mut field = || fields.next().unwrap_or_default();
    match (field(), body) {
        ("next", _) => return shared.wait_on_channel(),
        ("response", Some(payload)) => drop(shared.answer(field(), Answer::Response(payload))),
        ("error", Some(payload)) => {
            let (id, error_type) = (field(), service::known_error_type(field()));
            let _ = shared.answer(id, Answer::Error { error_type, payload });
        }
        ("response" | "error", None) => {
            let id = field();
            let _ = shared.answer(id, service::too_large(id));
        }
        ("init-error", payload) => {
            let (error_type, payload) = (service::known_error_type(field()), payload.unwrap_or_default());
            let _ = shared.init_failed(Answer::Error { error_type, payload });
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
#[path = "channel/tests.rs"]
mod tests;
