//! Talk with a process of ours that runs JavaScript, before there are calls: one question over its socket, one answer.

use crate::js::fault::memory_used_up;
use crate::js::frame::{Answer, FrameError, Inbox, Order, Sandbox};
use crate::js::kvs::Snapshot;
use crate::js::worker;
use crate::process::files;
use crate::process::{ALLOCATOR, Child, Launch, Limits, Spawner};
use homefront_config::limits::{
    FUNCTION_ANSWER_BYTES_MAX, FUNCTION_LOAD_MS_MAX, FUNCTION_WORKER_NICE, FUNCTION_WORKER_STDERR_LINE_BYTES_MAX,
    FUNCTION_WORKER_STDERR_LINES_MAX,
};
use std::fmt::Display;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

/// The last line of a process's stderr, when that has ended.
pub(super) type LastWords = JoinHandle<Option<String>>;

/// A template, or a worker to which no calls go yet.
#[derive(Debug)]
pub(in crate::js) struct Talk {
    pub(in crate::js) child: Child,
    pub(super) stream: UnixStream,
    pub(super) inbox: Inbox,
    pub(super) last_words: LastWords,
}

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::js) enum TalkError {
    #[error("took longer than {} ms", .0.as_millis())]
    Late(Duration),
    #[error("died: {0}")]
    Ended(String),
    #[error("sent {0}")]
    Frame(#[from] FrameError),
}

impl Talk {
    /// Starts a template, `<executable> function-worker`, and waits until it has locked itself in.
    pub(in crate::js) async fn start(spawner: &Spawner, executable: &Path) -> io::Result<(Self, Sandbox)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let limits = Limits { open_files_max: Some(16), file_bytes_max: Some(0), ..Limits::default() };
        let launch = Launch {
            environment: ALLOCATOR.map(|(name, value)| (name.into(), value.into())).into(),
            stdin: Some(theirs.into()),
            limits,
            nice: FUNCTION_WORKER_NICE,
            ..Launch::new(executable, vec![worker::SUBCOMMAND.into()])
        };
        Self::with(spawner.spawn(launch).await?, ours).await
    }

    /// With a process that has the other end of the socket; waits until it has locked itself in.
    pub(super) async fn with(mut child: Child, socket: std::os::unix::net::UnixStream) -> io::Result<(Self, Sandbox)> {
        socket.set_nonblocking(true)?;
        let last_words = tokio::spawn(listen(child.id(), child.stderr.take()));
        let inbox = Inbox::new(FUNCTION_ANSWER_BYTES_MAX);
        let mut talk = Self { child, stream: UnixStream::from_std(socket)?, inbox, last_words };
        match talk.ask(&[], Duration::from_millis(FUNCTION_LOAD_MS_MAX)).await {
            Ok(Answer::Ready(sandbox)) => Ok((talk, sandbox)),
            Ok(_) => Err(io::Error::other("it did not say that it is ready")),
            Err(error) => Err(io::Error::other(format!("it {error}"))),
        }
    }

    /// Sends a store, for functions that are loaded later; it replaces one of the same number.
    pub(in crate::js) async fn give_store(&mut self, number: u32, store: &Snapshot) -> io::Result<()> {
        let Some((ordered, memory)) = store.ordered() else { return Ok(()) };
        let mut frame = Vec::new();
        Order::put_store(&mut frame, number, &ordered);
        self.send_with_file(&frame, memory).await
    }

    /// Sends bytes, and a file with the first of them.
    pub(in crate::js) async fn send_with_file(&mut self, bytes: &[u8], file: impl AsFd) -> io::Result<()> {
        let sent =
            self.stream.async_io(Interest::WRITABLE, || files::send(&self.stream, bytes, &[file.as_fd()])).await?;
        self.stream.write_all(&bytes[sent..]).await
    }

    /// Sends frames and waits for one answer.
    pub(in crate::js) async fn ask(&mut self, frames: &[u8], patience: Duration) -> Result<Answer, TalkError> {
        match tokio::time::timeout(patience, self.exchange(frames)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Some(frame))) => Err(frame.into()),
            Ok(Err(None)) => {
                self.child.kill();
                let exit = self.child.wait().await;
                let words = (&mut self.last_words).await.ok().flatten();
                Err(TalkError::Ended(cause_of_death(&exit, words)))
            }
            Err(_) => Err(TalkError::Late(patience)),
        }
    }

    /// `Err(None)`: the worker hung up.
    async fn exchange(&mut self, frames: &[u8]) -> Result<Answer, Option<FrameError>> {
        self.stream.write_all(frames).await.map_err(|_| None)?;
        loop {
            if let Some(frame) = self.inbox.next_frame()? {
                return Ok(Answer::take(frame)?);
            }
            let mut received = [0; 4_096];
            match self.stream.read(&mut received).await {
                Ok(0) | Err(_) => return Err(None),
                Ok(bytes) => self.inbox.push(&received[..bytes]),
            }
        }
    }
}

/// Why a process is gone, by how it ended and its last words.
pub(super) fn cause_of_death(exit: &impl Display, words: Option<String>) -> String {
    match words {
        // What the allocator has Rust say.
        Some(words) if words.starts_with("memory allocation of ") => memory_used_up(),
        Some(words) => format!("{exit}, {words}"),
        None => exit.to_string(),
    }
}

/// Passes the first lines of a worker's stderr to the node's log, each cut to a bound. The rest is read and forgotten.
async fn listen(pid: u32, stderr: Option<tokio::net::unix::pipe::Receiver>) -> Option<String> {
    let mut reader = BufReader::new(stderr?);
    let mut last = None;
    for line_number in 1_u64.. {
        let mut line = Vec::new();
        let mut bounded = (&mut reader).take(FUNCTION_WORKER_STDERR_LINE_BYTES_MAX as u64);
        match bounded.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return last,
            Ok(_) => {
                let text: String = String::from_utf8_lossy(&line).trim().chars().filter(|c| !c.is_control()).collect();
                // Advice for who builds the node, not for who writes a function.
                if !text.is_empty() && !text.starts_with("note: run with `RUST_BACKTRACE=") {
                    if line_number <= FUNCTION_WORKER_STDERR_LINES_MAX {
                        tracing::warn!(pid, "function worker: {text}");
                    }
                    last = Some(text);
                }
            }
        }
    }
    last
}
