//! The runtime's end of the channel to the node: a socket that the process has inherited, over which both send frames.
//!
//! A frame is the lengths of its head and its body, 4 bytes each, little-endian, the head, and the body. A head is text, one field a
//! line. An event's has the request id, the deadline in Unix milliseconds, the ARN and the trace id. What is sent has `next`, `response`
//! and the request id, `error` with the request id and the error's type, or `init-error` and the type.

use std::io::{self, IoSlice, Read, Write};
use std::ops::Range;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// Where the node leaves it.
const INHERITED: RawFd = 3;
/// Of a frame: two lengths.
const LENGTHS_BYTES: usize = 8;
/// Bytes of an event's head.
const HEAD_BYTES_MAX: usize = 64 * 1_024;
/// Bytes of an event: Lambda's 6 MB, and some air.
const BODY_BYTES_MAX: usize = 8 * 1_048_576;
/// Bytes of an error's type.
const ERROR_TYPE_BYTES_MAX: usize = 256;
/// Room for events, which most fit into.
const ROOM_BYTES: usize = 64 * 1_024;
/// Room that is given back after a larger event.
const ROOM_KEPT_BYTES_MAX: usize = 2 * 1_048_576;

/// The runtime's end.
pub(crate) struct Channel {
    stream: UnixStream,
    /// Received bytes: the last event is read where it lies. Of more than one event nothing comes: the next has to be asked for.
    room: Vec<u8>,
    /// How many bytes of the room are received ones.
    received: usize,
    /// The process that has it. One that a handler forks has a copy of everything, and must not answer or take events.
    owner: u32,
}

/// One event. Its bytes stay in the channel's room until the next one is asked for, see [`Channel::body`].
pub(crate) struct Next {
    pub(crate) request_id: String,
    pub(crate) deadline_ms: u64,
    pub(crate) function_arn: String,
    pub(crate) trace_id: String,
    body: Range<usize>,
}

impl Channel {
    /// Takes what the node left for this process. What the process starts does not get it.
    pub(crate) fn inherited() -> io::Result<Self> {
        #[allow(unsafe_code, reason = "a number is all that is known of what was inherited")]
        // SAFETY: this is the first to use it, before any code of the function runs. Where nothing is open under that number, the
        // first call says so.
        let inherited = unsafe { OwnedFd::from_raw_fd(INHERITED) };
        // The copy is closed when a program is executed.
        Ok(Self::over(UnixStream::from(inherited.try_clone()?)))
    }

    /// The runtime's end of this connection.
    pub(crate) fn over(stream: UnixStream) -> Self {
        Self { stream, room: vec![0; ROOM_BYTES], received: 0, owner: std::process::id() }
    }

    /// The bytes of the last event.
    pub(crate) fn body(&self, next: &Next) -> &[u8] {
        &self.room[next.body.clone()]
    }

    /// Waits for an event, for as long as it takes.
    pub(crate) fn next(&mut self) -> io::Result<Next> {
        self.write(&mut [IoSlice::new(&frame_start("next", 0)?)])?;
        self.event()
    }

    /// Sends a result and waits for the next event.
    pub(crate) fn answer(&mut self, id: &str, body: &[u8]) -> io::Result<Next> {
        self.answer_and_next(&format!("response\n{id}"), body)
    }

    /// Sends an error object and waits for the next event.
    pub(crate) fn answer_with_error(&mut self, id: &str, error_type: &str, body: &[u8]) -> io::Result<Next> {
        self.answer_and_next(&format!("error\n{id}\n{}", plain(error_type)), body)
    }

    /// Sends an error object instead of asking for the first event.
    pub(crate) fn report_failed_start(&mut self, error_type: &str, body: &[u8]) -> io::Result<()> {
        let start = frame_start(&format!("init-error\n{}", plain(error_type)), body.len())?;
        self.write(&mut [IoSlice::new(&start), IoSlice::new(body)])
    }

    /// Both go out together: one way to the node instead of two.
    fn answer_and_next(&mut self, head: &str, body: &[u8]) -> io::Result<Next> {
        let (start, next) = (frame_start(head, body.len())?, frame_start("next", 0)?);
        self.write(&mut [IoSlice::new(&start), IoSlice::new(body), IoSlice::new(&next)])?;
        self.event()
    }

    fn write(&mut self, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        if std::process::id() != self.owner {
            return Err(other("a process that the handler forked must end by itself: it answers nothing".to_owned()));
        }
        while !pieces.is_empty() {
            match self.stream.write_vectored(pieces) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut pieces, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn event(&mut self) -> io::Result<Next> {
        self.received = 0;
        if self.room.len() > ROOM_KEPT_BYTES_MAX {
            self.room = vec![0; ROOM_BYTES];
        }
        self.fill(LENGTHS_BYTES)?;
        let length = |at: usize| self.room[at..at + 4].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let (head, body) = (length(0), length(4));
        if head > HEAD_BYTES_MAX || body > BODY_BYTES_MAX {
            return Err(other(format!("the node's event has {head} and {body} bytes")));
        }
        let (head_end, end) = (LENGTHS_BYTES + head, LENGTHS_BYTES + head + body);
        self.fill(end)?;
        if self.received > end {
            return Err(other("the node sent more than the event that it was asked for".to_owned()));
        }
        let head = String::from_utf8_lossy(&self.room[LENGTHS_BYTES..head_end]);
        let mut fields = head.split('\n');
        let mut field =
            || fields.next().map(str::to_owned).ok_or_else(|| other(format!("the node's event begins {head:?}")));
        let (request_id, deadline) = (field()?, field()?);
        let deadline_ms = deadline.parse().map_err(|_| other(format!("the deadline is {deadline:?}")))?;
        Ok(Next { request_id, deadline_ms, function_arn: field()?, trace_id: field()?, body: head_end..end })
    }

    /// Reads until so many bytes are there.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        if bytes > self.room.len() {
            // What is there moves along: of a large event, the first part.
            let mut larger = vec![0; bytes];
            larger[..self.received].copy_from_slice(&self.room[..self.received]);
            self.room = larger;
        }
        while self.received < bytes {
            match self.stream.read(&mut self.room[self.received..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.received += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn frame_start(head: &str, body: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(LENGTHS_BYTES + head.len());
    for length in [head.len(), body] {
        let length = u32::try_from(length).map_err(|_| other(format!("an answer of {length} bytes is too large")))?;
        start.extend_from_slice(&length.to_le_bytes());
    }
    start.extend_from_slice(head.as_bytes());
    Ok(start)
}

/// An error's type goes along only when it is one of Lambda's names: a class's name may hold anything.
fn plain(error_type: &str) -> &str {
    let plain = error_type.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_');
    if plain && error_type.len() <= ERROR_TYPE_BYTES_MAX { error_type } else { "" }
}

fn other(message: String) -> io::Error {
    io::Error::other(message)
}
