//! How the runtimes of ours get their events: frames over a socket that the process inherits.
//!
//! Of a frame (see [`frame`]) the head is one field a line. The node sends events: request id, deadline in Unix milliseconds, ARN, trace id. A runtime sends `next`, `response` with the
//! request id, `error` with the request id and the error's type, and `init-error` with the type; nothing of it is acknowledged.

use super::{Answer, Invocation, Shared, service};
use crate::function_log::FunctionLog;
use crate::lambda::frame::{self, Frame, Inbox, Senseless};
use bytes::{Buf, Bytes, BytesMut};
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::runtime::Handle;

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
        let start = frame::start(&head, event.len());
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
        let mut inbox = Inbox::default();
        let is_untouched = loop {
            if !take_all(&shared, &mut inbox) {
                self.log.line(SENSELESS);
                break false;
            }
            match self.read(inbox.room()).await {
                Ok(0) => break false,
                Ok(_) => {}
                Err(error) => break error.kind() == io::ErrorKind::ConnectionReset,
            }
        };
        let _ = rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Both);
        shared.channel_ended(is_untouched);
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

/// `false`: something makes no sense.
fn take_all(shared: &Shared, inbox: &mut Inbox) -> bool {
    loop {
        match inbox.next_frame() {
            Ok(None) => return true,
            Ok(Some(frame)) if take(shared, &frame) => {}
            Ok(Some(_)) | Err(Senseless) => return false,
        }
    }
}

/// `false`: it makes no sense. An answer that nobody waits for, any more or at all, is dropped: the function may have posted one itself.
fn take(shared: &Shared, Frame { head, body }: &Frame) -> bool {
    let mut fields = head.split('\n');
    let mut field = || fields.next().unwrap_or_default();
    match (field(), body.clone()) {
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
