//! How the runtimes of ours get their events: frames over a socket that the process inherits.
//!
//! Of a frame (see [`frame`]) the head is one field a line. The node sends events: request id, deadline in Unix milliseconds, ARN, trace id. A runtime sends `next`, `response` with the
//! request id, `error` with the request id and the error's type, and `init-error` with the type; nothing of it is acknowledged.

use super::{Answer, Invocation, Shared, service};
use crate::function_log::FunctionLog;
use crate::lambda::frame::{self, Frame, Inbox, Senseless};
use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use rustix::io::Errno;
use std::io::{self, IoSlice, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::runtime::Handle;

/// What gets no events any more.
const SENSELESS: &str = "homefront: what came over the channel to the node makes no sense; it is closed";

/// The node's end.
#[derive(Debug)]
pub(in crate::lambda) struct Channel {
    /// It does not wake for room to write in: there is some whenever the runtime has read an event.
    stream: AsyncFd<UnixStream>,
    incoming: Mutex<Incoming>,
    /// The function's.
    log: FunctionLog,
    /// Where the rest of an event is written that the socket does not take at once.
    runtime: Handle,
}

#[derive(Debug, Default)]
struct Incoming {
    inbox: Inbox,
    /// Set once: an error is read once only, by whoever reads next.
    end: Option<End>,
}

/// Why nothing comes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    /// The same, and what was sent last was never read to its end.
    Untouched,
    Senseless,
}

impl Channel {
    /// Both ends; a runtime blocks while it reads and writes its own. Needs a tokio runtime.
    pub(in crate::lambda) fn new(log: FunctionLog) -> io::Result<(Self, OwnedFd)> {
        let (own, other) = UnixStream::pair()?;
        own.set_nonblocking(true)?;
        #[allow(unsafe_code, reason = "tokio has no safe constructor for one interest alone")]
        // SAFETY: a `UnixStream` gives out the same open descriptor until it is dropped, and `AsyncFd` owns it.
        let stream = unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) }?;
        Ok((Self { stream, incoming: Mutex::default(), log, runtime: Handle::current() }, other.into()))
    }

    /// Sends an event. `false`: nobody is at the other end any more, or can be reached there.
    pub(super) fn send(self: &Arc<Self>, invocation: &Invocation) -> bool {
        let Invocation { request_id, deadline_ms, function_arn, trace_id, event } = invocation;
        let head = format!("{request_id}\n{deadline_ms}\n{function_arn}\n{trace_id}");
        let start = frame::start(&head, event.len());
        let mut stream = self.stream.get_ref();
        let written = match stream.write_vectored(&[IoSlice::new(&start), IoSlice::new(event)]) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => return false,
        };
        let mut rest = Bytes::from(start).chain(event.clone());
        rest.advance(written);
        if rest.has_remaining() {
            let _runtime = self.runtime.enter();
            let writing = stream.try_clone().and_then(tokio::net::UnixStream::from_std);
            let Ok(mut writing) = writing.inspect_err(|error| {
                tracing::warn!(%error, "an execution environment cannot be given the rest of an event, and gets none any more");
            }) else {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return false;
            };
            // Whoever does not take all of it answers nothing, and is given up at its deadline.
            self.runtime.spawn(async move { writing.write_all_buf(&mut rest).await });
        }
        true
    }

    /// Takes what the runtime sends until one of the two ends it.
    pub(super) async fn serve(self: Arc<Self>, shared: Arc<Shared>) {
        let end = loop {
            let Ok(mut ready) = self.stream.readable().await else { break End::Closed };
            let (there_is_more, end) = self.take_once(&shared, &mut self.incoming.lock());
            if let Some(end) = end {
                break end;
            }
            if !there_is_more {
                ready.clear_ready();
            }
        };
        if end == End::Senseless {
            self.log.line(SENSELESS);
        }
        let _ = self.stream.get_ref().shutdown(std::net::Shutdown::Both);
        shared.channel_ended(end == End::Untouched);
    }

    /// Takes what the runtime has sent by now. One that runs as soon as it is woken, on the core that woke it, has answered by then, and
    /// nobody has to be told later.
    pub(super) fn look(&self, shared: &Shared) {
        let Some(mut incoming) = self.incoming.try_lock() else { return };
        if let (_, Some(_)) = self.take_once(shared, &mut incoming) {
            // The end is for `serve`, which is not told of what was read here, but of this.
            let _ = self.stream.get_ref().shutdown(std::net::Shutdown::Both);
        }
    }

    /// Reads once. Whether there may be more to read, and whether nothing comes any more.
    fn take_once(&self, shared: &Shared, Incoming { inbox, end }: &mut Incoming) -> (bool, Option<End>) {
        if end.is_some() {
            return (false, *end);
        }
        let read = read_into(self.stream.get_ref(), inbox.room());
        *end = match read {
            Ok((0, _)) => Some(End::Closed),
            Ok(_) => (!take_all(shared, inbox)).then_some(End::Senseless),
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(Errno::CONNRESET) => Some(End::Untouched),
            Err(_) => Some(End::Closed),
        };
        let there_is_more = match read {
            // Else nothing is left, unless files were sent with it, as no runtime does: what comes next is told.
            Ok((read, room)) => read == room,
            Err(error) => error == Errno::INTR,
        };
        (there_is_more, *end)
    }
}

/// Reads once behind what was received. How much came, and how much could have.
fn read_into(stream: &UnixStream, received: &mut BytesMut) -> Result<(usize, usize), Errno> {
    let (before, free) = (received.len(), received.spare_capacity_mut());
    let room = free.len();
    let read = rustix::io::read(stream, free)?.0.len();
    #[allow(unsafe_code, reason = "bytes that a system call has written are there for no safe code to see")]
    // SAFETY: so many behind the ones before have just been written.
    unsafe {
        received.set_len(before + read);
    }
    Ok((read, room))
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
