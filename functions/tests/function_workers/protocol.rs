//! Both ends of the way between node and worker when the other one misbehaves.

use super::site::{HEALTHY, Site, executable, failure, script};
use homefront_functions::FailureKind;
use homefront_functions::js::ring;
use homefront_functions::js::worker::SUBCOMMAND;
use homefront_functions::process::files;
use homefront_functions::process::sibling;
use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Output, Stdio};
use tempfile::TempDir;

/// Starts a template by hand, sends it bytes and hangs up.
fn worker_gets(bytes: &[u8]) -> Output {
    let (mut ours, theirs) = UnixStream::pair().expect("a socket");
    let mut command = Command::new(executable());
    command.arg(SUBCOMMAND).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = command.spawn().expect("a process");
    drop(command);
    let mut ready = [0; 7];
    ours.read_exact(&mut ready).expect("it says that it is ready");
    assert_eq!(ready[..5], [3, 0, 0, 0, 1]);
    ours.write_all(bytes).expect("it reads");
    ours.shutdown(std::net::Shutdown::Write).expect("a socket");
    process.wait_with_output().expect("it ends")
}

pub(crate) async fn a_worker_that_gets_garbage_exits() {
    let complaint = |bytes: &[u8]| {
        let output = worker_gets(bytes);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).expect("text").lines().last().expect("a line").to_owned()
    };
    assert_eq!(complaint(&[255; 100]), "the node sent a frame of 4294967295 bytes, where 16777216 are allowed");
    assert_eq!(complaint(&[1, 0, 0, 0, 99]), "the node sent a frame has an impossible order");
    assert_eq!(complaint(&[2, 0, 0, 0, 3, 1]), "the node sent a frame ends within a field");
    assert_eq!(complaint(&[1, 0, 0, 0, 5]), "cannot talk to the node: the node sent no files to fork with");
}

pub(crate) async fn a_worker_exits_when_the_node_hangs_up() {
    assert!(worker_gets(&[]).status.success());
    assert!(worker_gets(&[9, 0, 0]).status.success(), "half a frame is not an order");
}

/// A program that plays a worker: it writes `bytes` (octal escapes for `printf`) to the socket and waits.
pub(crate) fn impostor(folder: &TempDir, steps: &str) -> PathBuf {
    let path = folder.path().join("impostor");
    std::fs::write(&path, format!("#!/bin/sh\n{steps}\nexec cat <&0 >/dev/null\n")).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a file");
    path
}

pub(crate) async fn a_worker_that_says_nonsense_at_its_start_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    for (steps, reason) in [
        ("printf '\\377\\377\\377\\377' >&0", "a frame of 4294967295 bytes"),
        ("printf '\\001\\000\\000\\000\\143' >&0", "impossible answer"),
        ("exit 3", "exit status 3"),
        ("echo 'no library' >&2; kill -ABRT $$", "signal: aborted, no library"),
    ] {
        let program = impostor(&folder, steps);
        let error = Site::with_executable(&[script("healthy", HEALTHY)], program).await.err().expect("an error");
        let text = error.to_string();
        assert!(text.contains("distribution E1TESTDISTRIB1: cannot start function workers: "), "{text}");
        assert!(text.contains(reason), "{text}");
    }
}

pub(crate) async fn a_worker_that_lies_in_an_answer_costs_one_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = executable();
    let program = impostor(&folder, &format!("exec {} {IMPOSTOR} <&0", path.display()));
    let site = Site::with_executable(&[script("healthy", HEALTHY)], program).await.expect("it starts");
    let (kind, detail) = failure(site.request("healthy").await);
    assert_eq!(kind, FailureKind::FunctionExecution);
    assert_eq!(detail, "function \"healthy\": its worker sent a frame ends within a field and was killed");
    site.stop().await;
}

/// The role of this binary in which it plays a worker that lies.
pub(crate) const IMPOSTOR: &str = "impostor";

const READY: [u8; 7] = [3, 0, 0, 0, 1, 1, 1];

/// Says that it is ready and that function 0 is loaded, and forks workers. When a call comes, they answer with half a frame's
/// fields.
pub(crate) fn lie() -> ExitCode {
    let stdin = std::io::stdin();
    let mut socket = UnixStream::from(stdin.as_fd().try_clone_to_owned().expect("a socket"));
    socket.write_all(&READY).expect("it reads");
    let mut order = [0; 30];
    socket.read_exact(&mut order).expect("a function to load");
    socket.write_all(&[12, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).expect("it reads");
    loop {
        let mut sent = VecDeque::new();
        while sent.len() < 2 {
            if files::receive(&socket, &mut [0; 5], &mut sent).expect("an order to fork") == 0 {
                return ExitCode::SUCCESS;
            }
        }
        #[allow(unsafe_code, reason = "as a template does")]
        // SAFETY: this role has one thread.
        let forked = unsafe { sibling::fork() };
        let Some(worker) = forked.expect("a process") else { return answer_with_a_lie(&mut sent) };
        socket.write_all(&[9, 0, 0, 0, 5]).expect("it reads");
        socket.write_all(&worker.as_raw_nonzero().get().to_le_bytes()).expect("it reads");
        socket.write_all(&[0; 4]).expect("it reads");
    }
}

fn answer_with_a_lie(sent: &mut VecDeque<OwnedFd>) -> ExitCode {
    let mut socket = UnixStream::from(sent.pop_front().expect("a socket"));
    let mut ends = ring::receive_memory(&socket).expect("memory");
    socket.write_all(&READY).expect("it reads");
    let mut call = Vec::new();
    while call.is_empty() {
        ends.orders.read(&mut call).expect("an honest node");
        if call.is_empty() && ends.orders.await_bytes().expect("an honest node") {
            ends.orders.wait(crate::PATIENCE);
        }
    }
    ends.answers.write(&[8, 0, 0, 0, 3, 255, 255, 255, 255, 255, 255, 255]).expect("an honest node");
    socket.write_all(&[0]).expect("it reads");
    let _ = socket.read_to_end(&mut call);
    ExitCode::SUCCESS
}

pub(crate) async fn a_missing_executable_is_an_error() {
    let error = Site::with_executable(&[script("healthy", HEALTHY)], "/nowhere/homefront".into()).await.err();
    let text = error.expect("an error").to_string();
    assert_eq!(
        text,
        "distribution E1TESTDISTRIB1: cannot start function workers: No such file or directory (os error 2)"
    );
}
