//! What becomes of lines when the target is slow, gone, rotated or refuses them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;

use parking_lot::Mutex;

use super::super::log_sink::TestSink;
use super::*;

fn to_file(path: &Path) -> LogWriter {
    LogWriter::open(&LogTarget::File(path.to_owned()), "#header\n".to_owned()).unwrap()
}

/// A target that a test holds up: each write says that it has begun, waits for a permit and answers what that says.
struct Held {
    begun: mpsc::Sender<()>,
    permits: mpsc::Receiver<io::Result<()>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.begun.send(()); // Not every test listens.
        self.permits.recv().unwrap_or(Ok(()))?; // Without its sender every write passes.
        self.written.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The test's side of a [`Held`].
struct Holder {
    begun: mpsc::Receiver<()>,
    permit: mpsc::Sender<io::Result<()>>,
    written: Arc<Mutex<Vec<u8>>>,
}

fn held(lines_max: usize) -> (LogWriter, Holder) {
    let (on_begin, begun) = mpsc::channel();
    let (permit, permits) = mpsc::channel();
    let written = Arc::new(Mutex::new(Vec::new()));
    let sink = Sink::Test(TestSink(Box::new(Held { begun: on_begin, permits, written: written.clone() })));
    (LogWriter::start(sink, lines_max).unwrap(), Holder { begun, permit, written })
}

#[test]
fn lines_are_in_the_file_after_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = to_file(&path);
    log.line("one".to_owned());
    log.clone().line("two".to_owned());
    log.flush();
    assert_eq!(fs::read_to_string(&path).unwrap(), "#header\none\ntwo\n");
    log.line("three".to_owned());
    log.flush();
    assert_eq!(fs::read_to_string(&path).unwrap(), "#header\none\ntwo\nthree\n");
    assert_eq!(log.dropped(), 0);
}

#[test]
fn the_last_clone_to_go_leaves_nothing_queued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let log = to_file(&path);
    let lines: Vec<_> = (0..5_000).map(|number| number.to_string()).collect();
    for line in &lines {
        log.line(line.clone());
    }
    drop(log);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("#header\n{}\n", lines.join("\n")));
}

#[test]
fn an_existing_file_is_continued_without_a_second_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    drop(to_file(&path));
    let log = to_file(&path);
    log.line("more".to_owned());
    drop(log);
    assert_eq!(fs::read_to_string(&path).unwrap(), "#header\nmore\n");
}

#[test]
fn a_rotated_file_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let target = LogTarget::File(path.clone());
    let sink = Sink::open(&target, "#header\n".to_owned(), Duration::ZERO).unwrap();
    let log = LogWriter::start(sink, 16).unwrap();
    log.line("before".to_owned());
    log.flush();
    fs::rename(&path, &old).unwrap();
    log.line("after".to_owned());
    log.flush();
    assert_eq!(fs::read_to_string(&old).unwrap(), "#header\nbefore\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "#header\nafter\n");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "#made by logrotate\n").unwrap();
    log.line("again".to_owned());
    log.flush();
    assert_eq!(fs::read_to_string(&path).unwrap(), "#made by logrotate\nagain\n");
}

#[test]
fn requests_do_not_wait_when_the_target_takes_nothing() {
    let (log, Holder { begun, permit, written }) = held(8);
    log.line("line".to_owned());
    begun.recv().unwrap();
    for _ in 0..10_000 {
        log.line("line".to_owned());
    }
    assert_eq!(log.dropped(), 10_000 - 8, "the queue holds eight");
    drop(permit);
    log.flush();
    assert_eq!(*written.lock(), b"line\n".repeat(9), "what was not dropped is written");
    log.line("last".to_owned());
    log.flush();
    assert!(written.lock().ends_with(b"line\nlast\n"), "and it goes on");
}

#[test]
fn bytes_that_wait_are_bounded_too() {
    let (log, Holder { begun, permit, written }) = held(1_000);
    log.line("first".to_owned());
    begun.recv().unwrap();
    let eighth = "x".repeat(LOG_QUEUE_BYTES_MAX / 8);
    for _ in 0..100 {
        log.line(eighth.clone());
    }
    assert_eq!(log.dropped(), 100 - 8);
    drop(permit);
    log.flush();
    assert_eq!(written.lock().len(), 6 + 8 * (eighth.len() + 1));
    log.line("x".repeat(LOG_QUEUE_BYTES_MAX));
    log.flush();
    assert_eq!(log.dropped(), 100 - 8, "the room was given back");
}

#[test]
fn lines_that_the_target_refuses_are_counted_and_later_ones_written() {
    let (log, Holder { permit, written, .. }) = held(8);
    permit.send(Err(io::Error::from(io::ErrorKind::StorageFull))).unwrap();
    log.line("lost".to_owned());
    log.flush();
    assert_eq!(log.dropped(), 1);
    permit.send(Ok(())).unwrap();
    log.line("kept".to_owned());
    log.flush();
    assert_eq!(*written.lock(), b"kept\n");
    assert_eq!(log.dropped(), 1);
}

#[test]
fn what_a_function_prints_stays_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("function.log");
    let log = LogWriter::open(&LogTarget::File(path.clone()), String::new()).unwrap();
    let functions = log.function_log();
    functions.line("plain");
    functions.line("id END\r\nid START forged");
    log.flush();
    assert_eq!(fs::read_to_string(&path).unwrap(), "plain\nid END\\r\\nid START forged\n");
}

/// Lines that were printed together.
fn together(lines: &[&str]) -> Lines {
    Lines { text: lines.join("\n"), count: lines.len() }
}

#[test]
fn lines_that_were_printed_together_stay_as_many_and_only_one_alone_is_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("function.log");
    let log = LogWriter::open(&LogTarget::File(path.clone()), String::new()).unwrap();
    let functions = log.function_log();
    functions.lines(together(&["id one", "id two", "id three"]));
    functions.lines(together(&["alone\nand forged\r"]));
    functions.lines(together(&["id four", "id five"]));
    log.flush();
    let written = "id one\nid two\nid three\nalone\\nand forged\\r\nid four\nid five\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
    assert_eq!(log.dropped(), 0);
}

#[test]
fn of_lines_that_are_dropped_together_each_is_counted() {
    let (log, Holder { begun, permit, written }) = held(2);
    let functions = log.function_log();
    functions.line("first");
    begun.recv().unwrap();
    functions.lines(together(&["a", "b", "c"]));
    functions.lines(together(&["d", "e"]));
    functions.lines(together(&["f", "g", "h", "i"]));
    functions.line("j");
    assert_eq!(log.dropped(), 5, "the queue holds two, however many lines each is");
    permit.send(Ok(())).unwrap();
    permit.send(Err(io::Error::from(io::ErrorKind::StorageFull))).unwrap();
    log.flush();
    assert_eq!(log.dropped(), 5 + 5, "what the target refuses is counted by lines, too");
    drop(permit);
    functions.lines(together(&["k", "l"]));
    log.flush();
    assert_eq!(*written.lock(), b"first\nk\nl\n");
}

#[test]
fn a_log_that_cannot_be_opened_is_one_clear_line() {
    let error = LogWriter::open(&LogTarget::File("/nowhere/access.log".into()), String::new()).unwrap_err();
    insta::assert_snapshot!(error, @"cannot open the log /nowhere/access.log: No such file or directory (os error 2)");
}
