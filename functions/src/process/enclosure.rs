//! A child in an enclosure: namespaces in which it sees no process but its own, its own files as `/tmp`, and out of which
//! nothing that it starts can get.
//!
//! Three processes, forked off a *template*, `<our binary> process-enclosure`. The *launcher* is the child the
//! node knows: it makes the namespaces and ends as the program does. The *init* is process 1 of the new PID namespace: the kernel
//! kills everything in it when it ends, whatever session, parent or environment a process has given itself. It dies with the
//! launcher, and the launcher with the node. The *program* runs as any other process would, so signals work for it as usual.
//!
//! It needs no root where the system lets users make namespaces of their own; some do not (containers, AppArmor), so it is tried
//! before anybody relies on it.

mod launcher;
mod order;
mod template;

pub(super) use template::launch;
pub use template::run;

use super::{Descendants, Launch, Spawner};
use rustix::process::{Pid, Signal, WaitOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// What an enclosure's files lie over.
pub const TMP: &str = "/tmp";

/// The hidden subcommand that [`run`] serves.
pub const SUBCOMMAND: &str = "process-enclosure";

/// Where a child is enclosed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enclosure {
    /// Our own binary.
    pub executable: PathBuf,
    /// A folder that lies over the machine's `/tmp` for it; `None` = it sees the machine's.
    pub tmp: Option<PathBuf>,
}

/// Whether a child can be enclosed here. Needs a tokio runtime. `folder` is any.
pub async fn is_possible(spawner: &Spawner, executable: &Path, folder: &Path) -> bool {
    let launch = Launch {
        environment: std::env::var_os("PATH").map(|path| ("PATH".into(), path)).into_iter().collect(),
        descendants: Descendants::Swept,
        enclosure: Some(Enclosure { executable: executable.to_owned(), tmp: Some(folder.to_owned()) }),
        ..Launch::new("true", Vec::new())
    };
    match spawner.spawn(launch).await {
        Ok(child) => child.wait().await.success(),
        Err(error) => {
            tracing::debug!(%error, "processes cannot be enclosed here");
            false
        }
    }
}

/// The node's ends of what an enclosed child tells.
#[derive(Debug)]
struct Reports {
    start: io::PipeReader,
    end: io::PipeReader,
}

/// What the node knows of an enclosed child.
#[derive(Debug)]
pub(super) struct Enclosed {
    /// Process 1 in there, by its number out here.
    pub(super) init: Pid,
    end: io::PipeReader,
}

/// What a launcher tells when it ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastWord {
    /// The most memory that the program had resident.
    pub(super) memory_used_bytes_max: u64,
    /// Processes that the program left running, and that have ended with it.
    pub(super) left_running: usize,
}

/// Bytes of it on the way: memory in KiB and processes, 8 bytes each, little-endian.
const LAST_WORD_BYTES: usize = 16;

/// Of a start: the numbers of launcher and init, and of the error, if there is one.
const NUMBER_BYTES: usize = 4;

impl Reports {
    /// Waits until the program runs, and gives its launcher. `Err` is why it does not run; `None`: no launcher was forked, and
    /// nobody says why.
    fn started(mut self) -> Option<io::Result<(Pid, Enclosed)>> {
        let mut told = Vec::new();
        // What cannot be read was not told.
        let _ = self.start.read_to_end(&mut told);
        let mut numbers = told.chunks_exact(NUMBER_BYTES).map(|bytes| bytes.try_into().map_or(0, i32::from_le_bytes));
        let (launcher, init) = (Pid::from_raw(numbers.next()?), numbers.next().and_then(Pid::from_raw));
        let why = match (launcher, init, numbers.next()) {
            (Some(launcher), Some(init), None) => return Some(Ok((launcher, Enclosed { init, end: self.end }))),
            (_, _, Some(error)) => io::Error::from_raw_os_error(error),
            _ => io::Error::other("the launcher of enclosed processes ended"),
        };
        if let Some(launcher) = launcher {
            let _ = rustix::process::kill_process(launcher, Signal::KILL);
            let _ = rustix::process::waitpid(Some(launcher), WaitOptions::empty());
        }
        Some(Err(why))
    }
}

impl Enclosed {
    /// What it tells, once the launcher has ended by itself.
    pub(super) fn last_word(&mut self) -> Option<LastWord> {
        let (mut kib, mut processes) = ([0; 8], [0; 8]);
        self.end.read_exact(&mut kib).ok()?;
        self.end.read_exact(&mut processes).ok()?;
        Some(LastWord {
            memory_used_bytes_max: u64::from_le_bytes(kib) * 1_024,
            left_running: usize::try_from(u64::from_le_bytes(processes)).unwrap_or(usize::MAX),
        })
    }
}
