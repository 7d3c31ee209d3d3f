//! The program itself, as a process: what it prints, how it ends, and what it leaves behind.

use super::PATIENCE;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// A running `homefront`, killed when it is dropped.
pub(crate) struct Binary {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
}

/// How it ended, and what it had printed.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// `homefront` with these words, in this folder.
pub(crate) fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homefront"));
    command.args(words).current_dir(folder).env_remove("HOMEFRONT_LOG").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Where `.ci/setup` puts Python with the packages that examples need.
pub(crate) fn setup_python() -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_homefront")).parent().unwrap();
    let python = built.parent().unwrap().join("setup/bin/python3");
    assert!(python.is_file(), "{} is missing: run .ci/test, which installs it", python.display());
    python
}

/// Runs it to its end.
pub(crate) async fn run(mut command: Command) -> Ended {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("an end").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Binary {
    /// Runs `homefront serve homefront.toml` in `folder` until it listens; gives its first port.
    pub(crate) async fn serve(folder: &Path) -> (Self, SocketAddr) {
        Self::start(command(folder, &["serve", "homefront.toml"])).await
    }

    /// Runs a command that serves until it listens; gives its first port.
    pub(crate) async fn start(mut command: Command) -> (Self, SocketAddr) {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut binary = Self { child, stdout };
        let line = tokio::time::timeout(PATIENCE, binary.stdout.next_line()).await.expect("a line").unwrap();
        let Some(line) = line else {
            let mut stderr = String::new();
            binary.child.stderr.take().unwrap().read_to_string(&mut stderr).await.unwrap();
            panic!("it does not start: {stderr}");
        };
        let address = line.strip_prefix("listening on http://").expect("its port").parse().unwrap();
        (binary, address)
    }

    /// What it logs from now on; whoever takes it reads it.
    pub(crate) fn log(&mut self) -> Log {
        Log(BufReader::new(self.child.stderr.take().unwrap()).lines())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("an end").unwrap()
    }
}

/// The log of a running node.
pub(crate) struct Log(Lines<BufReader<ChildStderr>>);

impl Log {
    /// What it still logs until its end.
    pub(crate) async fn rest(&mut self) -> String {
        let mut text = String::new();
        tokio::time::timeout(PATIENCE, self.0.get_mut().read_to_string(&mut text)).await.expect("an end").unwrap();
        text
    }

    /// Waits for a line with this text; gives it without its time.
    pub(crate) async fn line_with(&mut self, text: &str) -> String {
        let found = async {
            loop {
                let line = self.0.next_line().await.unwrap().expect("it still logs");
                if line.contains(text) {
                    return line.split_once(' ').unwrap().1.trim_start().to_owned();
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("a line with {text:?}"))
    }
}

/// Pid and command line of every process below `pid`.
pub(crate) fn descendants(pid: u32) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    let mut parents = vec![pid];
    let all: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in parentheses may hold anything.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    while let Some(parent) = parents.pop() {
        for &(pid, _) in all.iter().filter(|(_, of)| *of == parent) {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            found.push((pid, String::from_utf8_lossy(&line).replace('\0', " ")));
            parents.push(pid);
        }
    }
    found
}

/// Whether a process exists and is no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X'])))
}
