//! Finds and kills what a child left behind outside its process group: daemons, new sessions, double forks.
//!
//! Every child that may start processes carries a mark in its environment, which its descendants inherit. The sweeper is a
//! process of our own binary that does nothing until the node is gone, however it went, and then kills all that is marked.

use super::{OWN_BINARY, family};
use rustix::process::{Pid, PidfdFlags, Signal};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The environment variable that holds the mark.
pub const VARIABLE: &str = "HOMEFRONT_CHILD";

/// The hidden subcommand that [`run`] serves.
pub const SUBCOMMAND: &str = "process-sweeper";

/// Rounds of looking at all processes: a process that forks while it is looked at is found in the next.
const ROUNDS_MAX: usize = 64;
/// Until the next round where a process was about to become another program, and has no environment for a moment.
const PAUSE: Duration = Duration::from_millis(10);
/// A process that is older and has no environment was started without.
const BEGINNING_MAX: Duration = Duration::from_secs(10);

/// The mark of all children of one [`Spawner`](super::Spawner): `<random>.`, and for one child `<random>.<number>.`.
#[derive(Debug)]
pub(super) struct Mark {
    node: String,
    children: AtomicU64,
}

impl Mark {
    pub(super) fn random() -> Self {
        Self { node: format!("{}.", uuid::Uuid::new_v4().simple()), children: AtomicU64::new(0) }
    }

    pub(super) fn child(&self) -> String {
        format!("{}{}.", self.node, self.children.fetch_add(1, Ordering::Relaxed))
    }
}

impl Clone for Mark {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), children: AtomicU64::new(0) }
    }
}

/// The running sweeper: dropping it, as the death of the node does, sets it to work. See [`Descendants::Swept`](super::Descendants).
#[derive(Debug)]
pub(super) struct Sweeper {
    process: std::process::Child,
}

pub(super) fn start(executable: &Path, mark: &Mark) -> io::Result<Sweeper> {
    let mut command = Command::new(executable);
    if executable == Path::new(OWN_BINARY) {
        command.arg0("homefront");
    }
    command.arg(SUBCOMMAND).arg(&mark.node).env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // In a group of its own, so that Ctrl-C on the node's terminal does not take it along.
    command.process_group(0);
    Ok(Sweeper { process: command.spawn()? })
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// `homefront process-sweeper MARK`: waits until stdin ends, which is when the node is gone, and kills what is marked.
pub fn run(mark: &str) -> ExitCode {
    let mut nothing = [0; 64];
    let mut node = io::stdin().lock();
    while matches!(node.read(&mut nothing), Ok(1..)) {}
    sweep(mark);
    ExitCode::SUCCESS
}

/// Kills every process whose environment starts its mark with `mark`; gives their numbers.
pub(super) fn sweep(mark: &str) -> BTreeSet<u32> {
    let mut all = BTreeSet::new();
    // An empty mark would be everyone's.
    if mark.len() < 2 {
        return all;
    }
    let needle = format!("{VARIABLE}={mark}").into_bytes();
    for _ in 0..ROUNDS_MAX {
        let Seen { killed, beginning } = kill_marked(&needle);
        match (killed.is_empty(), beginning) {
            (true, 0) => return all,
            (true, _) => std::thread::sleep(PAUSE),
            (false, _) => all.extend(killed),
        }
    }
    all
}

/// What one round of looking found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    killed: Vec<u32>,
    /// Processes of which nobody can tell yet.
    beginning: usize,
}

fn kill_marked(needle: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let Ok(processes) = std::fs::read_dir("/proc") else { return seen };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for pid in ids.filter_map(Pid::from_raw) {
        // The pidfd is taken before the look, so that the number cannot pass to a stranger in between.
        let Ok(process) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { continue };
        let Ok(environment) = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())) else { continue };
        if environment.is_empty() && is_beginning(pid).unwrap_or(false) {
            seen.beginning += 1;
        }
        let marked = environment.split(|&byte| byte == 0).any(|variable| variable.starts_with(needle));
        if marked && rustix::process::pidfd_send_signal(&process, Signal::KILL).is_ok() {
            seen.killed.push(family::id(pid));
        }
    }
    seen
}

/// Whether it may be executing a program just now, so that its memory is the new program's and its environment not there yet.
fn is_beginning(pid: Pid) -> Option<bool> {
    let folder = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    let is_ours = folder.metadata().ok()?.uid() == rustix::process::geteuid().as_raw();
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    // Zombies and threads of the kernel have no memory.
    let has_memory = read("statm")?.split(' ').next()? != "0";
    let stat = read("stat")?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let started = fields.split(' ').nth(19)?.parse::<u64>().ok()? / rustix::param::clock_ticks_per_second();
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?.split('.').next()?.parse::<u64>().ok()?;
    Some(is_ours && has_memory && uptime.saturating_sub(started) <= BEGINNING_MAX.as_secs())
}
