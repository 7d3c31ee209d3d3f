//! What an environment uses while it works, watched from outside: memory of a process and all it started, and files.
//!
//! The kernel's own limits hold for one process each, and for address space that a runtime reserves and never touches. Lambda
//! counts what the whole environment really holds; so does this.

use super::environment::EXIT_ERROR;
use super::folder::Folder;
use super::peak::line_bytes;
use crate::aside::aside;
use crate::process::Child;
use homefront_config::Lambda;
use homefront_config::limits::{
    LAMBDA_PROCESSES_AT_A_GLANCE, LAMBDA_PROCESSES_MAX, LAMBDA_TMP_BYTES_MAX, LAMBDA_TMP_FILES_MAX, LAMBDA_WATCH_MS,
    LAMBDA_WATCH_SHARE,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Looks at memory between two looks at files.
const LOOKS_PER_FILES: u32 = 8;

/// What an environment has too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// More memory than the function has.
    Memory,
    /// More bytes of files than Lambda's `/tmp` holds.
    Files,
    /// More processes than Lambda lets one have.
    Processes,
}

impl Excess {
    /// Lambda's name for it.
    pub(super) fn error_type(self) -> &'static str {
        match self {
            Self::Memory => "Runtime.OutOfMemory",
            Self::Files | Self::Processes => EXIT_ERROR,
        }
    }

    /// As in "the process was ended while it started: …".
    pub(super) fn reason(self, lambda: &Lambda) -> String {
        match self {
            Self::Memory => format!("it held more than {} MB", lambda.memory_mb),
            Self::Files => format!("its files took more than {LAMBDA_TMP_BYTES_MAX} bytes"),
            Self::Processes => format!("it had more than {LAMBDA_PROCESSES_MAX} processes"),
        }
    }
}

/// Returns when the environment of this child holds more than `memory_bytes_max`, has too many processes, or too much in its folder.
/// Calls that are over before the first look cost nothing.
pub(super) async fn exceeded(
    child: &Arc<Child>,
    memory_bytes_max: u64,
    folder: Option<&Folder>,
    held: &HeldTogether,
) -> Excess {
    const PAUSE: Duration = Duration::from_millis(LAMBDA_WATCH_MS);
    let folder = folder.map(|folder| folder.path().to_owned());
    let (mut looks, mut pause, mut are_many) = (0_u32, PAUSE, false);
    loop {
        tokio::time::sleep(pause).await;
        let began = Instant::now();
        let (processes, bytes) = look(child, are_many).await;
        are_many = processes.len() > LAMBDA_PROCESSES_AT_A_GLANCE;
        if processes.len() <= LAMBDA_PROCESSES_MAX {
            held.see(&processes, bytes).await;
        }
        pause = if are_many { PAUSE.max(began.elapsed() * LAMBDA_WATCH_SHARE) } else { PAUSE };
        if processes.len() > LAMBDA_PROCESSES_MAX {
            return Excess::Processes;
        }
        // Nobody else could share what one alone has.
        if bytes > memory_bytes_max && (processes.len() == 1 || exact_sum(&processes).await > memory_bytes_max) {
            return Excess::Memory;
        }
        looks = looks.wrapping_add(1);
        if let (0, Some(folder)) = (looks % LOOKS_PER_FILES, &folder) {
            let folder = folder.clone();
            if aside(move || is_full(&folder)).await {
                return Excess::Files;
            }
        }
    }
}

/// Looks that are taken between calls: those that are over sooner than [`exceeded`] looks are not looked at in it.
#[derive(Debug)]
pub(super) struct Looks {
    last: Instant,
    taken: u32,
    are_many: bool,
}

impl Looks {
    pub(super) fn begin() -> Self {
        Self { last: Instant::now(), taken: 0, are_many: false }
    }

    /// What an environment that has answered has too much of, if it is time for a look.
    pub(super) async fn after_call(
        &mut self,
        child: &Arc<Child>,
        memory_bytes_max: u64,
        folder: Option<&Folder>,
        held: &HeldTogether,
    ) -> Option<Excess> {
        if self.last.elapsed() < Duration::from_millis(LAMBDA_WATCH_MS) {
            return None;
        }
        let (processes, bytes) = look(child, self.are_many).await;
        self.are_many = processes.len() > LAMBDA_PROCESSES_AT_A_GLANCE;
        if processes.len() <= LAMBDA_PROCESSES_MAX {
            held.see(&processes, bytes).await;
        }
        let seems_to = bytes > memory_bytes_max;
        self.taken = self.taken.wrapping_add(1);
        let excess = match folder {
            _ if processes.len() > LAMBDA_PROCESSES_MAX => Some(Excess::Processes),
            _ if seems_to && (processes.len() == 1 || exact_sum(&processes).await > memory_bytes_max) => {
                Some(Excess::Memory)
            }
            Some(folder) if self.taken.is_multiple_of(LOOKS_PER_FILES) => {
                let folder = folder.path().to_owned();
                aside(move || is_full(&folder)).await.then_some(Excess::Files)
            }
            _ => None,
        };
        self.last = Instant::now();
        excess
    }
}

/// In passing, or where it keeps nobody waiting if there were many.
async fn look(child: &Arc<Child>, were_many: bool) -> (Vec<u32>, u64) {
    if !were_many {
        return glance(child);
    }
    let child = child.clone();
    aside(move || glance(&child)).await
}

/// The processes of an environment, and what they hold: a cheap sum, in which pages that forked processes share count more than once.
fn glance(child: &Child) -> (Vec<u32>, u64) {
    let processes = child.processes();
    let bytes = processes.iter().filter_map(|id| anonymous_bytes(*id)).sum();
    (processes, bytes)
}

/// Whether an environment holds more than that. It may block for milliseconds.
pub(super) fn holds_more(child: &Child, memory_bytes_max: u64) -> bool {
    let (processes, bytes) = glance(child);
    // Nobody else could share what one alone has.
    bytes > memory_bytes_max && (processes.len() == 1 || exact(&processes) > memory_bytes_max)
}

/// The exact sum. For it the kernel goes through all their pages, which takes milliseconds.
fn exact(processes: &[u32]) -> u64 {
    processes.iter().filter_map(|id| exact_bytes(*id)).sum()
}

async fn exact_sum(processes: &[u32]) -> u64 {
    let processes = processes.to_vec();
    aside(move || exact(&processes)).await
}

/// What several processes of an environment were seen to hold together; what one alone holds at its highest the kernel knows.
#[derive(Debug, Default)]
pub(super) struct HeldTogether {
    /// By the cheap sum.
    about_bytes: AtomicU64,
    bytes: AtomicU64,
}

impl HeldTogether {
    /// Looks closer when it is so much more than before by the cheap sum.
    const STEP_BYTES: u64 = 1_048_576;

    async fn see(&self, processes: &[u32], about_bytes: u64) {
        if processes.len() > 1 && about_bytes >= self.about_bytes.load(Ordering::Relaxed) + Self::STEP_BYTES {
            self.about_bytes.store(about_bytes, Ordering::Relaxed);
            self.bytes.fetch_max(exact_sum(processes).await, Ordering::Relaxed);
        }
    }

    /// At the most, in MiB.
    pub(super) fn mib_max(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed).div_ceil(1_048_576)
    }
}

/// Resident pages that no file on a disk backs, memory that processes share included.
fn anonymous_bytes(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(line_bytes(&status, "RssAnon:") + line_bytes(&status, "RssShmem:"))
}

/// Of them, each page divided by the number of processes that share it.
fn exact_bytes(process: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    Some(line_bytes(&rollup, "Pss_Anon:") + line_bytes(&rollup, "Pss_Shmem:"))
}

/// Whether the files below a folder take more than Lambda's `/tmp` has, or are more than can be counted in passing.
fn is_full(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    /// Of `st_blocks`, whatever the file system.
    const BLOCK_BYTES: u64 = 512;
    let (mut bytes, mut files) = (0_u64, 0_usize);
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            bytes += found.blocks() * BLOCK_BYTES;
            files += 1;
            if bytes > LAMBDA_TMP_BYTES_MAX || files > LAMBDA_TMP_FILES_MAX {
                return true;
            }
            if found.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    false
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
