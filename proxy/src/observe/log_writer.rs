//! Writes log lines to a file or a standard stream, on a thread of its own, without ever making a request wait.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use homefront_config::limits::{LOG_QUEUE_BYTES_MAX, LOG_QUEUE_LINES_MAX};
use homefront_config::log::LogTarget;
use homefront_functions::function_log::{FunctionLog, Lines};
use tracing::warn;

use super::log_sink::Sink;

/// Bytes that are written together at most.
const BATCH_BYTES: usize = 64 * 1024;
/// How long lines are gathered before they are written: one waking of the writer for all of them, not for each.
const GATHER: Duration = Duration::from_millis(10);
/// How often a file's path is looked at for a rotation.
const ROTATION_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How often lost lines are reported at most.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How long [`LogWriter::flush`] and the last drop wait for a target that takes nothing.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the log {}: {source}", path.display())]
pub struct OpenError {
    path: PathBuf,
    source: io::Error,
}

/// A log. Cheap to clone; the last clone to go has what is still queued written.
#[derive(Debug, Clone)]
pub struct LogWriter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    queue: SyncSender<Message>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    queued_bytes: AtomicUsize,
    dropped: AtomicU64,
}

#[derive(Debug)]
enum Message {
    Lines(Lines),
    /// Write everything before this, then answer.
    Flush(SyncSender<()>),
}

impl LogWriter {
    /// Opens `target` and starts its thread. `header` is written at the top of a file that is empty, and again after a
    /// rotation; it includes its line ends. Standard streams do not get it.
    pub fn open(target: &LogTarget, header: String) -> Result<Self, OpenError> {
        let failed = |source| OpenError { path: shown(target), source };
        let sink = Sink::open(target, header, ROTATION_CHECK_INTERVAL).map_err(failed)?;
        Self::start(sink, LOG_QUEUE_LINES_MAX).map_err(failed)
    }

    fn start(sink: Sink, lines_max: usize) -> io::Result<Self> {
        let (queue, messages) = sync_channel(lines_max);
        let counters = Arc::new(Counters::default());
        let writer = Writer::new(sink, messages, counters.clone());
        thread::Builder::new().name("log".to_owned()).spawn(move || writer.run())?;
        Ok(Self { shared: Arc::new(Shared { queue, counters }) })
    }

    /// Queues one line, given without its line end. Never waits: when lines come faster than the target takes them and
    /// the queue is full, the line is dropped and counted.
    pub fn line(&self, line: String) {
        self.lines(Lines { text: line, count: 1 });
    }

    /// The same for several.
    fn lines(&self, lines: Lines) {
        let Counters { queued_bytes, dropped } = &*self.shared.counters;
        let (bytes, count) = (lines.text.len(), lines.count as u64);
        let has_room = queued_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= LOG_QUEUE_BYTES_MAX;
        if !has_room || self.shared.queue.try_send(Message::Lines(lines)).is_err() {
            queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            dropped.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Where functions print to. A line is one, whatever line ends are in it.
    pub fn function_log(&self) -> FunctionLog {
        let writer = self.clone();
        FunctionLog::of_lines(move |mut lines| {
            if lines.count == 1 && lines.text.contains(['\n', '\r']) {
                lines.text = lines.text.replace('\r', "\\r").replace('\n', "\\n");
            }
            writer.lines(lines);
        })
    }

    /// Waits until all lines queued before are written, at most five seconds: a target that takes nothing must not keep
    /// the node from stopping. Blocks the thread.
    pub fn flush(&self) {
        self.shared.flush();
    }

    /// Lines lost since the log was opened: the queue was full, or the target refused them.
    pub fn dropped(&self) -> u64 {
        self.shared.counters.dropped.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn flush(&self) {
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        let (done, is_done) = sync_channel(1);
        let mut message = Message::Flush(done);
        while let Err(TrySendError::Full(refused)) = self.queue.try_send(message) {
            if Instant::now() >= deadline {
                return;
            }
            // std's bounded channel has no send with a timeout.
            thread::sleep(Duration::from_millis(1));
            message = refused;
        }
        // An error is a writer that is stuck or gone; either way there is nothing more to wait for.
        let _ = is_done.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.flush();
    }
}

fn shown(target: &LogTarget) -> PathBuf {
    match target {
        LogTarget::Stdout => "stdout".into(),
        LogTarget::Stderr => "stderr".into(),
        LogTarget::File(path) => path.clone(),
    }
}

/// The thread's side.
struct Writer {
    sink: Sink,
    messages: Receiver<Message>,
    counters: Arc<Counters>,
    batch: Vec<u8>,
    batch_lines: u64,
    is_failing: bool,
    reported: u64,
    reported_at: Option<Instant>,
}

impl Writer {
    fn new(sink: Sink, messages: Receiver<Message>, counters: Arc<Counters>) -> Self {
        Self {
            sink,
            messages,
            counters,
            batch: Vec::with_capacity(BATCH_BYTES),
            batch_lines: 0,
            is_failing: false,
            reported: 0,
            reported_at: None,
        }
    }

    /// Until every [`LogWriter`] is gone and all they queued is written.
    fn run(mut self) {
        while let Ok(message) = self.messages.recv() {
            let is_line = matches!(message, Message::Lines(_));
            self.take(message);
            if is_line {
                thread::sleep(GATHER);
            }
            self.drain();
            self.write_batch();
            self.report_losses();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.messages.try_recv() {
                Ok(message) => self.take(message),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Lines(Lines { text, count }) => {
                self.counters.queued_bytes.fetch_sub(text.len(), Ordering::Relaxed);
                if self.batch.len() + text.len() >= BATCH_BYTES {
                    self.write_batch();
                }
                self.batch.extend_from_slice(text.as_bytes());
                self.batch.push(b'\n');
                self.batch_lines += count as u64;
            }
            Message::Flush(done) => {
                self.write_batch();
                let _ = done.try_send(()); // The one who asked may have given up waiting.
            }
        }
    }

    fn write_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        match self.sink.write(&self.batch) {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                self.counters.dropped.fetch_add(self.batch_lines, Ordering::Relaxed);
                if !self.is_failing {
                    warn!(log = %self.sink, %error, "cannot write the log: its lines are lost until it can be written");
                }
                self.is_failing = true;
            }
        }
        self.batch.clear();
        self.batch_lines = 0;
    }

    fn report_losses(&mut self) {
        let dropped = self.counters.dropped.load(Ordering::Relaxed);
        let is_due = self.reported_at.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL);
        if dropped > self.reported && is_due {
            let why = if self.is_failing { "it cannot be written" } else { "it takes them too slowly" };
            warn!(log = %self.sink, lines = dropped - self.reported, "log lines were lost: {why}");
            self.reported = dropped;
            self.reported_at = Some(Instant::now());
        }
    }
}

#[cfg(test)]
#[path = "log_writer_tests.rs"]
mod tests;
