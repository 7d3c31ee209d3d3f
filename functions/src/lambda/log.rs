//! A function's log: what it prints, line by line and in order, between the platform's START, END and REPORT lines.

use super::environment::Phase;
use crate::function_log::{self, FunctionLog};
use crate::meter::billed_ms;
use homefront_config::limits::{LAMBDA_LOG_BYTES_MAX, LAMBDA_LOG_LINE_BYTES_MAX};
use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe;

/// Bytes taken from the pipe at a time: what is printed in lines of one letter keeps a thread for less than a millisecond.
const CHUNK_BYTES: usize = 16_384;
/// Between two looks at the pipe. What is printed meanwhile is taken together, and a function that prints without end is held up
/// by its full pipe.
const PAUSE: Duration = Duration::from_millis(1);

/// The pipe that both outputs of an environment share.
#[derive(Debug)]
pub(super) struct Output {
    pipe: pipe::Receiver,
    lines: Mutex<Lines>,
}

impl Output {
    /// The reading side, and the descriptor that the child gets.
    pub(super) fn new(log: FunctionLog) -> io::Result<(Arc<Self>, OwnedFd)> {
        let (reader, writer) = io::pipe()?;
        let pipe = pipe::Receiver::from_owned_fd(reader.into())?;
        Ok((Arc::new(Self { pipe, lines: Mutex::new(Lines::new(log)) }), writer.into()))
    }

    /// Reads until the last writer is gone. A function that prints without end gets no more than its turn of this thread.
    pub(super) async fn pump(self: Arc<Self>) {
        while self.pipe.readable().await.is_ok() {
            match self.take() {
                Ok(0) => return,
                Ok(CHUNK_BYTES) => tokio::task::yield_now().await,
                Ok(_) => tokio::time::sleep(PAUSE).await,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    fn take(&self) -> io::Result<usize> {
        let mut chunk = [0; CHUNK_BYTES];
        // Before the pipe is read, so that nobody else takes what follows in between.
        let mut lines = self.lines.lock();
        let length = self.pipe.try_read(&mut chunk)?;
        lines.print(&chunk[..length]);
        Ok(length)
    }

    /// Begins a call: what was printed before belongs before this line.
    pub(super) fn begin(&self, start_line: &str) {
        let mut lines = self.lines.lock();
        self.drain(&mut lines);
        lines.end_line();
        lines.bytes_left = LAMBDA_LOG_BYTES_MAX;
        lines.platform(start_line);
    }

    /// Ends a call or a start: all it printed stands before these lines.
    pub(super) fn end(&self, platform_lines: &[String]) {
        let mut lines = self.lines.lock();
        self.drain(&mut lines);
        lines.end_line();
        lines.tell_dropped();
        for line in platform_lines {
            lines.platform(line);
        }
        lines.write();
    }

    /// Takes what is in the pipe now, without asking tokio, which may not have heard of it yet.
    fn drain(&self, lines: &mut Lines) {
        let left = rustix::io::ioctl_fionread(&self.pipe).unwrap_or_default();
        // Most calls print nothing, and zeros for a chunk would take a third of the nearest cache.
        if left > 0 {
            self.drain_bytes(left, lines);
        }
    }

    fn drain_bytes(&self, mut left: u64, lines: &mut Lines) {
        let mut chunk = [0; CHUNK_BYTES];
        while left > 0 {
            let most = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match rustix::io::read(&self.pipe, &mut chunk[..most]) {
                Ok(0) | Err(_) => return,
                Ok(length) => {
                    lines.print(&chunk[..length]);
                    left -= length as u64;
                }
            }
        }
    }
}

/// Cuts what is printed into lines, within bounds.
struct Lines {
    log: FunctionLog,
    /// The line that has no end yet.
    open: Vec<u8>,
    /// Whole lines that are not written yet.
    whole: function_log::Lines,
    bytes_left: usize,
    bytes_dropped: u64,
}

impl Lines {
    fn new(log: FunctionLog) -> Self {
        Self {
            log,
            open: Vec::new(),
            whole: function_log::Lines::default(),
            bytes_left: LAMBDA_LOG_BYTES_MAX,
            bytes_dropped: 0,
        }
    }

    /// `\r` ends a line, too: the language runtimes write it where a message of several lines is one event of CloudWatch.
    fn print(&mut self, printed: &[u8]) {
        let kept = printed.len().min(self.bytes_left);
        self.bytes_left -= kept;
        self.bytes_dropped += (printed.len() - kept) as u64;
        let mut rest = &printed[..kept];
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            self.extend(&rest[..end]);
            self.end_line();
            rest = &rest[end + 1..];
        }
        self.extend(rest);
        self.write();
    }

    fn extend(&mut self, mut text: &[u8]) {
        while self.open.len() + text.len() > LAMBDA_LOG_LINE_BYTES_MAX {
            let (fits, rest) = text.split_at(LAMBDA_LOG_LINE_BYTES_MAX - self.open.len());
            self.open.extend_from_slice(fits);
            self.end_line();
            text = rest;
        }
        self.open.extend_from_slice(text);
    }

    fn end_line(&mut self) {
        if !self.open.is_empty() {
            self.log.add(&mut self.whole, &String::from_utf8_lossy(&self.open));
            self.open.clear();
        }
    }

    fn write(&mut self) {
        self.log.lines(std::mem::take(&mut self.whole));
    }

    fn tell_dropped(&mut self) {
        if self.bytes_dropped > 0 {
            self.platform(&format!(
                "homefront: {} more bytes were printed and dropped; a call may print {LAMBDA_LOG_BYTES_MAX}",
                self.bytes_dropped
            ));
            self.bytes_dropped = 0;
        }
    }

    /// Behind what was printed.
    fn platform(&mut self, line: &str) {
        self.write();
        self.log.line(line);
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("bytes_left", &self.bytes_left).finish_non_exhaustive()
    }
}

/// `START RequestId: … Version: 1`
pub(super) fn start_line(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}")
}

/// The request id of a START line of the platform's.
pub(crate) fn started(line: &str) -> Option<&str> {
    let (request_id, version) = line.strip_prefix("START RequestId: ")?.split_once(" Version: ")?;
    (is_word(request_id) && is_word(version)).then_some(request_id)
}

/// Whether the platform wrote a line that frames a call or a start. A function may print lines that begin with the same words.
pub(crate) fn is_frame(line: &str) -> bool {
    let ended = line.strip_prefix("END RequestId: ").is_some_and(is_word);
    let reported = line
        .split_once("\tDuration: ")
        .is_some_and(|(start, _)| start.strip_prefix("REPORT RequestId: ").is_some_and(is_word));
    let init = line.strip_prefix("INIT_REPORT Init Duration: ").is_some_and(|rest| rest.contains(" ms\tPhase: "));
    started(line).is_some() || ended || reported || init
}

/// A request id, or a version.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

/// `END RequestId: …`
pub(super) fn end_line(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

/// The numbers of a REPORT line.
#[derive(Debug, Clone)]
pub(super) struct Report<'a> {
    /// Of the call.
    pub(super) request_id: &'a str,
    /// From the event's handing over to the answer.
    pub(super) duration: Duration,
    /// What the function may use.
    pub(super) memory_mb: u32,
    /// The most it used since it started.
    pub(super) memory_used_mb_max: u64,
    /// On the first call of an environment: how long it took to start.
    pub(super) init: Option<Duration>,
    /// What went wrong with the environment.
    pub(super) status: Option<Status<'a>>,
}

/// Why a call or a start has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status<'a> {
    /// The deadline passed.
    Timeout,
    /// The process ended, or reported an error of this type.
    Error(&'a str),
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("Status: timeout"),
            Self::Error(error_type) => write!(f, "Status: error\tError Type: {error_type}"),
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.duration.as_secs_f64() * 1_000.0;
        write!(
            f,
            "REPORT RequestId: {}\tDuration: {ms:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
            self.request_id,
            billed_ms(self.duration),
            self.memory_mb,
            self.memory_used_mb_max
        )?;
        if let Some(init) = self.init {
            write!(f, "Init Duration: {:.2} ms\t", init.as_secs_f64() * 1_000.0)?;
        }
        match self.status {
            Some(status) => status.fmt(f),
            None => Ok(()),
        }
    }
}

/// `INIT_REPORT …`, for a start that failed.
pub(super) fn init_report_line(duration: Duration, phase: Phase, status: Status<'_>) -> String {
    let (ms, phase) = (duration.as_secs_f64() * 1_000.0, phase.name());
    format!("INIT_REPORT Init Duration: {ms:.2} ms\tPhase: {phase}\t{status}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn collected() -> (FunctionLog, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        (FunctionLog::new(move |line| sink.lock().push(line.to_owned())), lines)
    }

    fn printed(chunks: &[&[u8]]) -> Vec<String> {
        let (log, collected) = collected();
        let mut lines = Lines::new(log);
        for chunk in chunks {
            lines.print(chunk);
        }
        lines.end_line();
        lines.write();
        lines.tell_dropped();
        collected.lock().clone()
    }

    #[test]
    fn lines_are_put_together_from_pieces_and_end_at_either_line_end() {
        assert_eq!(printed(&[b"a", b"b\nc\r", b"\nd"]), ["ab", "c", "d"]);
        assert_eq!(printed(&[b"\xff\n"]), ["\u{fffd}"]);
    }

    #[test]
    fn a_long_line_is_split() {
        let long = vec![b'x'; 2 * LAMBDA_LOG_LINE_BYTES_MAX + 1];
        let lengths: Vec<usize> = printed(&[&long, b"\n"]).iter().map(String::len).collect();
        assert_eq!(lengths, [LAMBDA_LOG_LINE_BYTES_MAX, LAMBDA_LOG_LINE_BYTES_MAX, 1]);
    }

    #[test]
    fn what_exceeds_the_bound_is_counted_and_dropped() {
        let line = [vec![b'x'; 1_023], b"\n".to_vec()].concat();
        let lines = printed(&vec![&line[..]; LAMBDA_LOG_BYTES_MAX / 1_024 + 2]);
        assert_eq!(lines.len(), LAMBDA_LOG_BYTES_MAX / 1_024 + 1);
        insta::assert_snapshot!(lines.last().unwrap(), @"homefront: 2048 more bytes were printed and dropped; a call may print 1048576");
    }

    #[test]
    fn platform_lines_are_lambdas() {
        insta::assert_snapshot!(start_line("6f8c", "1"), @"START RequestId: 6f8c Version: 1");
        insta::assert_snapshot!(end_line("6f8c"), @"END RequestId: 6f8c");
        let report = Report {
            request_id: "6f8c",
            duration: Duration::from_micros(15_741),
            memory_mb: 128,
            memory_used_mb_max: 56,
            init: Some(Duration::from_micros(130_492)),
            status: None,
        };
        let text = |report: Report<'_>| report.to_string().replace('\t', "<tab>");
        insta::assert_snapshot!(text(report.clone()), @"REPORT RequestId: 6f8c<tab>Duration: 15.74 ms<tab>Billed Duration: 16 ms<tab>Memory Size: 128 MB<tab>Max Memory Used: 56 MB<tab>Init Duration: 130.49 ms<tab>");
        insta::assert_snapshot!(text(Report { init: None, ..report.clone() }), @"REPORT RequestId: 6f8c<tab>Duration: 15.74 ms<tab>Billed Duration: 16 ms<tab>Memory Size: 128 MB<tab>Max Memory Used: 56 MB<tab>");
        insta::assert_snapshot!(text(Report { status: Some(Status::Timeout), ..report.clone() }), @"REPORT RequestId: 6f8c<tab>Duration: 15.74 ms<tab>Billed Duration: 16 ms<tab>Memory Size: 128 MB<tab>Max Memory Used: 56 MB<tab>Init Duration: 130.49 ms<tab>Status: timeout");
        let status = Status::Error("Runtime.ExitError");
        insta::assert_snapshot!(text(Report { init: None, status: Some(status), ..report }), @"REPORT RequestId: 6f8c<tab>Duration: 15.74 ms<tab>Billed Duration: 16 ms<tab>Memory Size: 128 MB<tab>Max Memory Used: 56 MB<tab>Status: error<tab>Error Type: Runtime.ExitError");
        insta::assert_snapshot!(init_report_line(Duration::from_millis(1_236), Phase::Init, status).replace('\t', "<tab>"), @"INIT_REPORT Init Duration: 1236.00 ms<tab>Phase: init<tab>Status: error<tab>Error Type: Runtime.ExitError");
    }

    #[test]
    fn lines_that_begin_with_the_platforms_words_are_the_functions_own() {
        let report = Report {
            request_id: "6f8c",
            duration: Duration::from_millis(1),
            memory_mb: 128,
            memory_used_mb_max: 56,
            init: None,
            status: Some(Status::Timeout),
        };
        let init = init_report_line(Duration::from_millis(1), Phase::Init, Status::Timeout);
        for frame in [start_line("6f8c", "1"), end_line("6f8c"), report.to_string(), init] {
            assert!(is_frame(&frame), "{frame}");
        }
        assert_eq!(started(&start_line("6f8c", "1")), Some("6f8c"));
        let printed = [
            "START of it",
            "START RequestId: 6f8c",
            "START RequestId: 6f8c and more Version: 1",
            "END",
            "END of it",
            "END RequestId: ",
            "END RequestId: 6f8c was the last",
            "REPORT card",
            "REPORT RequestId: 6f8c",
            "INIT_START now",
            "INIT_REPORT Init Duration: none",
            " END RequestId: 6f8c",
        ];
        for line in printed {
            assert!(!is_frame(line) && started(line).is_none(), "{line}");
        }
    }

    #[tokio::test]
    async fn what_was_printed_before_the_end_stands_before_it() {
        let (log, collected) = collected();
        let (output, writer) = Output::new(log).unwrap();
        let pump = tokio::spawn(output.clone().pump());
        output.begin("START");
        for number in 0..1_000 {
            rustix::io::write(&writer, format!("{number}\n").as_bytes()).unwrap();
        }
        rustix::io::write(&writer, b"no line end").unwrap();
        output.end(&["END".to_owned()]);
        let lines = collected.lock().clone();
        let expected: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        assert_eq!(lines[0], "START");
        assert_eq!(lines[1..1_001], expected);
        assert_eq!(lines[1_001..], ["no line end", "END"]);
        drop(writer);
        pump.await.unwrap();
    }
}
