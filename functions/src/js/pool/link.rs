//! The node's end of the socket to one worker.

use crate::process::Child;
use parking_lot::Mutex;
use std::io;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::Notify;

/// A worker process and the socket to it. Frames are written by whoever has one; what comes while somebody writes goes
/// along with the next write.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) child: Child,
    pub(super) stream: UnixStream,
    /// Wakes the task that tends this worker: there is a deadline to watch, or bytes the socket did not take.
    pub(super) wake: Notify,
    out: Mutex<Out>,
}

#[derive(Debug, Default)]
struct Out {
    bytes: Vec<u8>,
    state: Writing,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Writing {
    #[default]
    Nobody,
    Somebody,
    /// The socket is full: the tending task goes on when it is not.
    Blocked,
}

impl Link {
    pub(super) fn new(child: Child, stream: UnixStream) -> Self {
        Self { child, stream, wake: Notify::new(), out: Mutex::default() }
    }

    /// Adds a frame to what is to be written. Frames arrive in the order of these calls; [`Link::flush`] sends them.
    pub(super) fn push(&self, frame: &[u8]) {
        self.out.lock().bytes.extend_from_slice(frame);
    }

    /// Writes what is there, unless somebody else is at it. Never waits: an error is seen by the tending task as the end
    /// of the worker.
    pub(super) fn flush(&self) {
        let mut chunk = Vec::new();
        loop {
            {
                let mut out = self.out.lock();
                if out.state == Writing::Blocked || out.bytes.is_empty() {
                    return;
                }
                if chunk.is_empty() && out.state == Writing::Somebody {
                    return;
                }
                out.state = Writing::Somebody;
                chunk.clear();
                std::mem::swap(&mut out.bytes, &mut chunk);
            }
            let written = self.write(&chunk);
            let mut out = self.out.lock();
            match written {
                Ok(()) if out.bytes.is_empty() => {
                    out.state = Writing::Nobody;
                    return;
                }
                Ok(()) => {}
                Err(Stopped { written, error }) => {
                    if error.kind() == io::ErrorKind::WouldBlock {
                        chunk.drain(..written);
                        chunk.append(&mut out.bytes);
                        out.bytes = chunk;
                    }
                    out.state = Writing::Blocked;
                    drop(out);
                    self.wake.notify_one();
                    return;
                }
            }
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Stopped> {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.try_write(&bytes[written..]) {
                Ok(more) => written += more,
                Err(error) => return Err(Stopped { written, error }),
            }
        }
        Ok(())
    }

    /// What the tending task waits for.
    pub(super) fn interest(&self) -> Interest {
        if self.out.lock().state == Writing::Blocked {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        }
    }

    /// The socket takes bytes again.
    pub(super) fn unblock(&self) {
        let mut out = self.out.lock();
        if out.state == Writing::Blocked {
            out.state = Writing::Nobody;
        }
        drop(out);
        self.flush();
    }
}

struct Stopped {
    written: usize,
    error: io::Error,
}
