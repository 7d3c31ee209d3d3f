//! The descendants of a process, and stopping them.

use homefront_config::limits::LAMBDA_PROCESSES_MAX;
use rustix::process::{Pid, Signal};
use std::collections::BTreeSet;
use std::fs;

/// Processes of one child that are looked at: enough to see that they are too many.
const PROCESSES_MAX: usize = LAMBDA_PROCESSES_MAX + 1;
/// Rounds of stopping: what is started while others are stopped is found in the next.
const ROUNDS_MAX: usize = 8;

/// The number of a process.
pub(super) fn id(process: Pid) -> u32 {
    process.as_raw_nonzero().get().unsigned_abs()
}

/// Those whose parent it is, the oldest first.
pub(super) fn children(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let lists = threads.map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

pub(super) fn descendants(process: u32) -> Vec<u32> {
    let mut found = children(process);
    let mut next = 0;
    while next < found.len() && found.len() < PROCESSES_MAX {
        found.extend(children(found[next]));
        next += 1;
    }
    found
}

/// The process comes first.
pub(super) fn with_descendants(process: u32) -> Vec<u32> {
    [vec![process], descendants(process)].concat()
}

/// Those of them that have not ended: a process whose end nobody has asked for is still there by name.
pub(super) fn living(processes: Vec<u32>) -> Vec<u32> {
    let lives = |process: &u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"));
        stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X'])))
    };
    processes.into_iter().filter(lives).collect()
}

/// Stops all that `processes` finds, and what they start meanwhile; gives how many.
pub(super) fn stop(processes: impl Fn() -> Vec<u32>) -> usize {
    let mut stopped = BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        let newer: Vec<_> = processes().into_iter().filter(|process| stopped.insert(*process)).collect();
        if newer.is_empty() {
            break;
        }
        signal(newer, Signal::STOP);
    }
    stopped.len()
}

/// Lets all of them go on.
pub(super) fn go_on(processes: Vec<u32>) {
    signal(processes, Signal::CONT);
}

/// Ends all of them.
pub(super) fn kill(processes: Vec<u32>) {
    signal(processes, Signal::KILL);
}

fn signal(processes: Vec<u32>, signal: Signal) {
    for pid in processes.into_iter().filter_map(|process| Pid::from_raw(process.cast_signed())) {
        // It may have been killed meanwhile.
        let _ = rustix::process::kill_process(pid, signal);
    }
}
