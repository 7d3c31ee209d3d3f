//! The one thread that starts every child.
//!
//! Linux ties a parent-death signal to the *thread* that forked: were a child started from a thread of tokio's blocking
//! pool, it would die when that thread is retired. This thread lives as long as any child does.

use super::child::Body;
use super::enclosure;
use super::exec::without_shell;
use super::sweeper::{self, Mark};
use super::{CHANNEL, Child, Descendants, Launch, Limits, OWN_BINARY, sibling};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, WaitOptions};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use tokio::sync::{oneshot, watch};

/// Starts processes. Cheap to clone; when the last clone and the last [`Child`] are gone, its thread ends.
#[derive(Debug, Clone)]
pub struct Spawner {
    orders: mpsc::Sender<Order>,
    mark: Arc<Mark>,
    /// By process id.
    living: Arc<watch::Sender<BTreeSet<u32>>>,
}

#[derive(Debug)]
struct Order {
    launch: Launch,
    mark: Option<String>,
    started: oneshot::Sender<io::Result<Started>>,
}

/// A process on its way to whoever wants it. Dropping it ends it.
#[derive(Debug)]
struct Started(Option<Body>);

impl Started {
    fn new(body: Body) -> Self {
        Self(Some(body))
    }

    fn taken(mut self) -> Body {
        self.0.take().expect("it is taken once")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(unwanted) = &self.0 {
            let _ = rustix::process::kill_process(unwanted.leader, Signal::KILL);
            let _ = rustix::process::waitpid(Some(unwanted.leader), WaitOptions::empty());
        }
    }
}

impl Spawner {
    /// Starts the thread. `executable` is our own binary, which runs [`sweeper::run`] when started as
    /// `<executable> process-sweeper`: that process kills what [`Descendants::Swept`] children leave behind when the node is
    /// killed. `None` does without: direct children still die with the node, their strays do not.
    pub fn start(executable: Option<PathBuf>) -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel::<Order>();
        let mark = Mark::random();
        let node_mark = mark.clone();
        std::thread::Builder::new().name("process-spawner".to_owned()).spawn(move || {
            let (mut sweeper, mut template) = (None, None);
            for Order { mut launch, mark, started } in inbox {
                if let (Some(_), None, Some(executable)) = (&mark, &sweeper, &executable) {
                    sweeper = sweeper::start(executable, &node_mark)
                        .inspect_err(|error| {
                            tracing::warn!(%error, "no sweeper: what Lambda functions start can outlive a killed node");
                        })
                        .ok();
                }
                let body = match launch.enclosure.take() {
                    Some(enclosure) => enclosure::launch(&mut template, enclosure, launch),
                    None => start(launch, mark),
                };
                // Whom nobody waits for any more is dropped, and ends.
                let _ = started.send(body.map(Started::new));
            }
        })?;
        Ok(Self { orders, mark: Arc::new(mark), living: Arc::default() })
    }

    /// Starts a child; returns when its program runs. Needs a tokio runtime.
    pub async fn spawn(&self, launch: Launch) -> io::Result<Child> {
        let is_swept = launch.descendants == Descendants::Swept && launch.enclosure.is_none();
        let mark = is_swept.then(|| self.mark.child());
        let nice = launch.nice;
        let (started, answer) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts processes is gone");
        self.orders.send(Order { launch, mark: mark.clone(), started }).map_err(|_| gone())?;
        let body = answer.await.map_err(|_| gone())??.taken();
        let child = Child::adopt(body, mark, self.clone())?;
        child.lower_priority(nice);
        Ok(child)
    }

    /// Takes on a process that a child of this spawner has forked with [`sibling::fork`], and whose stderr the other end of
    /// `stderr` is. An error: it is no child of this process, or has been taken on already. Needs a tokio runtime.
    pub fn take_on(&self, process: u32, stderr: OwnedFd) -> io::Result<Child> {
        let leader = Pid::from_raw(process.cast_signed()).ok_or_else(|| io::Error::from(rustix::io::Errno::SRCH))?;
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        rustix::process::waitid(WaitId::Pid(leader), look)?;
        Child::adopt(Body { leader, stdout: None, stderr: Some(stderr), enclosed: None }, None, self.clone())
    }

    /// Returns when no child is left, not even as a zombie. It ends none.
    pub async fn all_gone(&self) {
        // The sender cannot go: this holds it.
        let _ = self.living.subscribe().wait_for(BTreeSet::is_empty).await;
    }

    /// An error: somebody has it.
    pub(super) fn born(&self, process: u32) -> io::Result<()> {
        let mut is_new = false;
        self.living.send_modify(|living| is_new = living.insert(process));
        if is_new { Ok(()) } else { Err(io::Error::from(rustix::io::Errno::EXIST)) }
    }

    /// Does what gives the number of a process back to the system, while no other can be taken for it.
    pub(super) fn reap<T>(&self, process: u32, wait: impl FnOnce() -> T) -> Option<T> {
        let mut ended = None;
        self.living.send_modify(|living| {
            ended = Some(wait());
            living.remove(&process);
        });
        ended
    }
}

/// Forks the node. What is enclosed is started otherwise.
pub(super) fn start(launch: Launch, mark: Option<String>) -> io::Result<Body> {
    let mut command = Command::new(&launch.program);
    if launch.program == Path::new(OWN_BINARY) {
        command.arg0("homefront");
    }
    command.args(&launch.arguments).env_clear().current_dir(&launch.folder);
    command.envs(launch.environment);
    if let Some(mark) = mark {
        command.env(sweeper::VARIABLE, mark);
    }
    command.stdin(launch.stdin.map_or_else(Stdio::null, Stdio::from));
    match launch.output {
        Some(output) => command.stdout(output.try_clone()?).stderr(output),
        None => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
    };
    let channel = launch.channel;
    // In the child this number is the channel's, so it must not be that of the pipe over which a failed exec is reported.
    let _taken = channel.as_ref().map(|channel| fcntl_dupfd_cloexec(channel, CHANNEL)).transpose()?;
    let node = rustix::process::getpid();
    let (limits, nice) = (launch.limits, launch.nice);
    #[allow(unsafe_code, reason = "only a forked child can set its own session, limits and death signal")]
    // SAFETY: `confine` and the others make system calls only; they neither allocate nor take locks, as a child forked from a
    // process with threads must not.
    unsafe {
        command.pre_exec(move || {
            confine(node, nice)?;
            limit(limits)?;
            channel.as_ref().map_or(Ok(()), |channel| hand_over(channel, CHANNEL))
        });
    }
    if launch.program != Path::new(OWN_BINARY) {
        without_shell(&mut command)?;
    }
    let mut process = command.spawn()?;
    Ok(Body {
        leader: Pid::from_child(&process),
        stdout: process.stdout.take().map(OwnedFd::from),
        stderr: process.stderr.take().map(OwnedFd::from),
        enclosed: None,
    })
}

/// Runs in a forked child: system calls only.
pub(super) fn confine(node: Pid, nice: i32) -> io::Result<()> {
    rustix::process::setsid()?;
    sibling::die_with(node)?;
    rustix::thread::set_no_new_privs(true)?;
    if nice != 0 {
        rustix::process::nice(nice)?;
    }
    close_other_files();
    Ok(())
}

/// Runs in a forked child: system calls only.
pub(super) fn limit(limits: Limits) -> io::Result<()> {
    set_limit(Resource::Core, Some(0))?;
    set_limit(Resource::Nofile, limits.open_files_max)?;
    set_limit(Resource::Nproc, limits.user_processes_max)?;
    set_limit(Resource::Fsize, limits.file_bytes_max)?;
    set_limit(Resource::As, limits.address_space_bytes_max)?;
    set_limit(Resource::Data, limits.data_bytes_max)
}

/// Lets a file pass to the program that is executed next, under this number. Runs in a forked child: system calls only.
pub(super) fn hand_over(file: &OwnedFd, number: RawFd) -> io::Result<()> {
    if file.as_raw_fd() == number {
        return Ok(fcntl_setfd(file, FdFlags::empty())?);
    }
    #[allow(unsafe_code, reason = "the new number is owned by nobody here, which no safe type can say")]
    // SAFETY: what had the number in this child is of no use to the program that follows.
    let done = unsafe { libc::dup2(file.as_raw_fd(), number) };
    if done == number { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn set_limit(resource: Resource, max: Option<u64>) -> io::Result<()> {
    let Some(max) = max else { return Ok(()) };
    // A limit can be lowered by anyone and raised by nobody: where the node itself has less, less it is.
    let most = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX).min(max);
    rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    Ok(())
}

/// Marks everything above stderr close-on-exec: closing at once would break the pipe over which a failed exec is reported.
fn close_other_files() {
    const FIRST: libc::c_int = 3;
    /// Linux before 5.11 has no such call. What Rust opens is close-on-exec already; this is for what the node inherited.
    const INHERITED_MAX: libc::c_int = 1_024;
    #[allow(unsafe_code, reason = "no safe crate of ours has close_range")]
    // SAFETY: it takes three integers and touches no memory; descriptors are only marked.
    let done = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return;
    }
    for file in FIRST..INHERITED_MAX {
        #[allow(unsafe_code, reason = "the descriptor may not be open, which no safe type can say")]
        // SAFETY: it takes integers only; EBADF is the expected answer for most.
        unsafe {
            libc::fcntl(file, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
}
