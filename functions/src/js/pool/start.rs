//! Starts a worker: the process, what it must know, and the wait until it has compiled every function.

use super::ear::Ear;
use super::link::Link;
use super::{PooledFunction, Shared};
use crate::js::files;
use crate::js::frame::{Answer, FrameError, Inbox, Order, Sandbox};
use crate::js::kvs::Snapshot;
use crate::js::ring::{self, NodeEnds};
use crate::js::worker;
use crate::process::{Child, Launch, Limits, Spawner};
use homefront_config::limits::{
    FUNCTION_ANSWER_BYTES_MAX, FUNCTION_LOAD_MS_MAX, FUNCTION_WORKER_NICE, FUNCTION_WORKER_STDERR_LINE_BYTES_MAX,
    FUNCTION_WORKER_STDERR_LINES_MAX,
};
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

/// What mimalloc, which the node allocates with, is told in a worker.
const ALLOCATOR: [(&str, &str); 2] = [
    // It reserves 1 GiB of address space at once unless told otherwise: all of it would count as used before the worker limits
    // what it may use.
    ("MIMALLOC_ARENA_RESERVE", "16MiB"),
    // A worker needs few megabytes, and huge pages are of two each.
    ("MIMALLOC_ALLOW_THP", "0"),
];

/// A worker that is ready for calls.
pub(super) struct Started {
    pub(super) link: Arc<Link>,
    /// The worker rings it when there is something to read, and it ends when the worker does.
    pub(super) bell: UnixStream,
    pub(super) last_words: LastWords,
    /// What it was given; newer ones must follow.
    pub(super) stores: Vec<Arc<Snapshot>>,
}

/// The last line of the worker's stderr, when that has ended.
pub(super) type LastWords = JoinHandle<Option<String>>;

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartFailure {
    #[error("cannot start a function worker: {0}")]
    Spawn(#[from] io::Error),
    #[error("the function worker sent {0}")]
    Frame(#[from] FrameError),
    #[error("the engine {error} while it compiled function {index}")]
    Function { index: usize, error: TalkError },
}

/// A worker before calls go to it: one question over the socket, one answer.
pub(in crate::js) struct Talk {
    pub(in crate::js) child: Child,
    stream: UnixStream,
    ends: NodeEnds,
    inbox: Inbox,
    last_words: LastWords,
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
    /// Starts `<executable> function-worker` and waits until it has locked itself in.
    pub(in crate::js) async fn start(spawner: &Spawner, executable: &Path) -> io::Result<(Self, Sandbox)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let memory = ring::memory()?;
        ring::send_memory(&ours, &memory)?;
        ours.set_nonblocking(true)?;
        let limits = Limits { open_files_max: Some(16), file_bytes_max: Some(0), ..Limits::default() };
        let launch = Launch {
            environment: ALLOCATOR.map(|(name, value)| (name.into(), value.into())).into(),
            stdin: Some(theirs.into()),
            limits,
            nice: FUNCTION_WORKER_NICE,
            ..Launch::new(executable, vec![worker::SUBCOMMAND.into()])
        };
        let mut child = spawner.spawn(launch).await?;
        let last_words = tokio::spawn(listen(child.id(), child.stderr.take()));
        let inbox = Inbox::new(FUNCTION_ANSWER_BYTES_MAX);
        let ends = NodeEnds::of(memory)?;
        let mut talk = Self { child, stream: UnixStream::from_std(ours)?, ends, inbox, last_words };
        match talk.ask(&[], Duration::from_millis(FUNCTION_LOAD_MS_MAX)).await {
            Ok(Answer::Ready(sandbox)) => Ok((talk, sandbox)),
            Ok(_) => Err(io::Error::other("it did not say that it is ready")),
            Err(error) => Err(io::Error::other(format!("it {error}"))),
        }
    }

    /// Sends a store, for functions that are loaded later.
    pub(in crate::js) async fn give_store(&mut self, number: u32, store: &Snapshot) -> io::Result<()> {
        let Some((ordered, memory)) = store.ordered() else { return Ok(()) };
        let mut frame = Vec::new();
        Order::put_store(&mut frame, number, &ordered);
        let sent = self.stream.async_io(Interest::WRITABLE, || files::send(&self.stream, &frame, memory)).await?;
        self.stream.write_all(&frame[sent..]).await
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
                Err(TalkError::Ended(words.map_or_else(|| exit.to_string(), |words| format!("{exit}, {words}"))))
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

/// Starts a worker for a pool. The functions that do not compile are noted as such; [`StartFailure::Function`] names one
/// that took the worker with it.
pub(super) async fn start(shared: &Shared) -> Result<Started, StartFailure> {
    let (mut talk, sandbox) = Talk::start(&shared.spawner, &shared.executable).await?;
    tell_about(sandbox);
    let stores = shared.stores.newest();
    for (number, store) in stores.iter().enumerate() {
        talk.give_store(number as u32, store).await?;
    }
    let mut frames = Vec::new();
    for (index, function) in shared.functions.iter().enumerate().filter(|(_, function)| function.fault.get().is_none())
    {
        match function.proof.get() {
            Some(proof) => Order::put_load_proven(&mut frames, index as u32, &function.load, *proof),
            None => Order::put_load(&mut frames, index as u32, &function.load),
        };
        let answer = talk.ask(&frames, Duration::from_millis(FUNCTION_LOAD_MS_MAX)).await;
        frames.clear();
        note(function, index, answer)?;
    }
    Order::put_serve(&mut frames);
    talk.stream.write_all(&frames).await?;
    let NodeEnds { orders, answers, turned } = talk.ends;
    let socket = talk.stream.as_fd().try_clone_to_owned()?;
    let ear = Ear::new(answers, talk.inbox);
    let link = Arc::new(Link::new(talk.child, orders, ear, turned, socket));
    Ok(Started { link, bell: talk.stream, last_words: talk.last_words, stores })
}

fn note(function: &PooledFunction, index: usize, answer: Result<Answer, TalkError>) -> Result<(), StartFailure> {
    match answer {
        Ok(Answer::Loaded(number, result, findings)) if number as usize == index => {
            let _ = function.findings.set(findings);
            let _ = match result {
                Ok(proof) => function.proof.set(proof).is_ok(),
                Err(error) => function.fault.set(error).is_ok(),
            };
            Ok(())
        }
        Ok(_) => Err(FrameError::Impossible("answer").into()),
        Err(error) => Err(StartFailure::Function { index, error }),
    }
}

/// Says once what the kernel could not give.
fn tell_about(sandbox: Sandbox) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        if !sandbox.seccomp {
            tracing::error!(
                "function workers run without seccomp: a function that breaks the engine reaches the kernel"
            );
        }
        if !sandbox.landlock {
            tracing::warn!(
                "function workers run without landlock, which this kernel does not have; seccomp alone holds them"
            );
        }
    });
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
                if !text.is_empty() {
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
