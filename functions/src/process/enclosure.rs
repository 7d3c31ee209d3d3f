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
use homefront_config::limits::LAMBDA_LAUNCH_MS_MAX;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// From an order until the program runs, or says why it does not.
const LAUNCH_TIME_MAX: Duration = Duration::from_millis(LAMBDA_LAUNCH_MS_MAX);

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
    /// Whether it can write nothing into the folder in which it starts. Not before Linux 5.12.
    pub seals_folder: bool,
}

/// Whether a child can be enclosed here. Needs a tokio runtime. `folder` is any.
pub async fn is_possible(spawner: &Spawner, executable: &Path, folder: &Path) -> bool {
    let launch = Launch {
        environment: std::env::var_os("PATH").map(|path| ("PATH".into(), path)).into_iter().collect(),
        descendants: Descendants::Swept,
        enclosure: Some(Enclosure {
            executable: executable.to_owned(),
            tmp: Some(folder.to_owned()),
            seals_folder: false,
        }),
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
    /// And the other ends, of the start and of the end.
    fn pair() -> io::Result<(Self, [io::PipeWriter; 2])> {
        let ((start, its_start), (end, its_end)) = (io::pipe()?, io::pipe()?);
        Ok((Self { start, end }, [its_start, its_end]))
    }

    /// Waits until the program runs. `Err` is why it does not run; `None`: no launcher was forked, and nobody says why. `launcher` is
    /// it, if that is known already.
    fn started(mut self, launcher: Option<Pid>) -> Option<io::Result<(Pid, Enclosed)>> {
        let told = self.told();
        let mut numbers = told.iter().flat_map(|told| told.chunks_exact(NUMBER_BYTES));
        let mut number = || numbers.next().map(|bytes| bytes.try_into().map_or(0, i32::from_le_bytes));
        let (itself, init, error) = (number().and_then(Pid::from_raw), number().and_then(Pid::from_raw), number());
        let launcher = launcher.or(itself)?;
        let why = match (&told, init, error) {
            (Some(_), Some(init), None) => return Some(Ok((launcher, Enclosed { init, end: self.end }))),
            (None, ..) => io::Error::new(io::ErrorKind::TimedOut, "its program was not executed in time"),
            (_, _, Some(error)) => io::Error::from_raw_os_error(error),
            _ => io::Error::other("the launcher of enclosed processes ended"),
        };
        let _ = rustix::process::kill_process(launcher, Signal::KILL);
        let reap = move || rustix::process::waitpid(Some(launcher), WaitOptions::empty());
        if told.is_some() {
            let _ = reap();
        } else {
            // What hangs in a file system that does not answer cannot even be killed before that does.
            std::thread::spawn(reap);
        }
        Some(Err(why))
    }

    /// All that is told of the start; `None`: that does not end.
    fn told(&mut self) -> Option<Vec<u8>> {
        let begun = Instant::now();
        let (mut told, mut piece) = (Vec::new(), [0; 4 * NUMBER_BYTES]);
        loop {
            let left = LAUNCH_TIME_MAX.checked_sub(begun.elapsed())?;
            let mut waited = [PollFd::new(&self.start, PollFlags::IN)];
            match poll(&mut waited, Some(&Timespec::try_from(left).ok()?)) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(_) => return Some(told),
            }
            match self.start.read(&mut piece) {
                Ok(length @ 1..) => told.extend_from_slice(&piece[..length]),
                // What cannot be read was not told.
                Ok(0) | Err(_) => return Some(told),
            }
        }
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
