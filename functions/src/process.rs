//! Child processes that cannot outlive the node: how they are started, limited, watched and ended.
//!
//! Both kinds of edge code run in such processes: CloudFront Functions in workers of our own binary, Lambda@Edge functions
//! in the runtime they name. Linux only: it rests on process groups, parent-death signals and pidfds (Linux 5.3).

mod child;
pub mod enclosure;
mod exec;
mod exit;
mod family;
pub mod files;
pub mod peer;
mod priority;
pub mod sibling;
mod spawner;
pub mod sweeper;

pub use child::Child;
pub use enclosure::Enclosure;
pub use exit::Exit;
pub use spawner::Spawner;

use std::ffi::OsString;
use std::os::fd::{OwnedFd, RawFd};
use std::path::PathBuf;

/// The number of the file descriptor under which a program finds its [`Launch::channel`].
pub const CHANNEL: RawFd = 3;

/// What this process runs, and goes on to run after an upgrade has put another file in its place: helpers of another version would not
/// understand what they are told.
pub const OWN_BINARY: &str = "/proc/self/exe";
/// What helpers are called in lists of processes.
const OWN_NAME: &std::ffi::CStr = c"homefront";

/// Names this process as the binary is named.
pub(crate) fn take_own_name() {
    // A list without it is no worse than that.
    let _ = rustix::thread::set_name(OWN_NAME);
}

/// What mimalloc, which the node allocates with, is told in a process of our own binary.
pub(crate) const ALLOCATOR: [(&str, &str); 2] = [
    // It reserves 1 GiB of address space at once unless told otherwise: all of it would count as used before a process limits
    // what it may use.
    ("MIMALLOC_ARENA_RESERVE", "16MiB"),
    // It needs few megabytes, and huge pages are of two each.
    ("MIMALLOC_ALLOW_THP", "0"),
];

/// What to start. The child leads a session of its own, sees only [`Launch::environment`], stdin, stdout, stderr and
/// [`Launch::channel`], and can gain no privileges.
#[derive(Debug)]
pub struct Launch {
    /// A path, or a name that is looked up on the `PATH` of [`Launch::environment`].
    pub program: PathBuf,
    /// After the program's name.
    pub arguments: Vec<OsString>,
    /// All of it: nothing of the node's own environment is passed on.
    pub environment: Vec<(OsString, OsString)>,
    /// The working folder.
    pub folder: PathBuf,
    /// File descriptor 0 of the child; `None` = `/dev/null`.
    pub stdin: Option<OwnedFd>,
    /// File descriptors 1 and 2 of the child, one for both so that what it writes keeps its order; `None` = a pipe for each,
    /// which [`Child::stdout`] and [`Child::stderr`] read.
    pub output: Option<OwnedFd>,
    /// File descriptor [`CHANNEL`] of the child.
    pub channel: Option<OwnedFd>,
    /// Resource limits.
    pub limits: Limits,
    /// Added to the node's nice value, 0 to 19; of its session, too, where the kernel schedules sessions.
    pub nice: i32,
    /// Whether the program may start processes of its own.
    pub descendants: Descendants,
    /// Namespaces of its own; see [`enclosure`]. `None` = it sees the machine's processes and files.
    pub enclosure: Option<Enclosure>,
}

impl Launch {
    /// With no environment, in `/`, with pipes for its outputs and the node's own limits; it may start no processes.
    pub fn new(program: impl Into<PathBuf>, arguments: Vec<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments,
            environment: Vec::new(),
            folder: "/".into(),
            stdin: None,
            output: None,
            channel: None,
            limits: Limits::default(),
            nice: 0,
            descendants: Descendants::None,
            enclosure: None,
        }
    }
}

/// Resource limits of one child; soft and hard alike. `None` leaves the node's own. Core dumps are always off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// `RLIMIT_AS`: bytes of address space.
    pub address_space_bytes_max: Option<u64>,
    /// `RLIMIT_DATA`: bytes of heap and other private writable memory, used or not; address space that is merely reserved and
    /// mapped files do not count.
    pub data_bytes_max: Option<u64>,
    /// `RLIMIT_NOFILE`: open files.
    pub open_files_max: Option<u64>,
    /// `RLIMIT_NPROC`: processes and threads of the *user*, not of this child. Linux ignores it for root.
    pub user_processes_max: Option<u64>,
    /// `RLIMIT_FSIZE`: bytes of any file it writes.
    pub file_bytes_max: Option<u64>,
}

impl Limits {
    const COUNT: usize = 5;

    fn in_order(&self) -> [Option<u64>; Self::COUNT] {
        let Self { address_space_bytes_max, data_bytes_max, open_files_max, user_processes_max, file_bytes_max } =
            *self;
        [address_space_bytes_max, data_bytes_max, open_files_max, user_processes_max, file_bytes_max]
    }

    fn of_order(limits: [Option<u64>; Self::COUNT]) -> Self {
        let [address_space_bytes_max, data_bytes_max, open_files_max, user_processes_max, file_bytes_max] = limits;
        Self { address_space_bytes_max, data_bytes_max, open_files_max, user_processes_max, file_bytes_max }
    }
}

/// What a child may leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descendants {
    /// It cannot start processes; its process group is killed all the same.
    None,
    /// It may. Where it is enclosed, all of them end with it. Elsewhere those that left its process group are found by a mark in
    /// their environment and killed too, also when the node itself is killed.
    Swept,
}
