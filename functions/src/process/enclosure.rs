//! A child in an enclosure: namespaces in which it sees no process but its own, its own files as `/tmp`, and out of which
//! nothing that it starts can get.
//!
//! Three processes, all started as `<our binary> process-enclosure …`, which becomes the third. The *launcher* is the child the
//! node knows: it makes the namespaces and ends as the program does. The *init* is process 1 of the new PID namespace: the kernel
//! kills everything in it when it ends, whatever session, parent or environment a process has given itself. It dies with the
//! launcher, and the launcher with the node. The *program* runs as any other process would, so signals work for it as usual.
//!
//! It needs no root where the system lets users make namespaces of their own; some do not (containers, AppArmor), so it is tried
//! before anybody relies on it.

use super::spawner::hand_over;
use super::{CHANNEL, Descendants, Launch, Spawner};
use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{Pid, Signal, WaitOptions};
use std::ffi::{CString, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

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
pub(super) struct Reports {
    start: io::PipeReader,
    end: io::PipeReader,
}

/// The launcher's ends.
#[derive(Debug)]
pub(super) struct Told {
    start: io::PipeWriter,
    end: io::PipeWriter,
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
/// Of what the init tells the launcher: how the program ended, and the last word.
const REPORT_BYTES: usize = 4 + LAST_WORD_BYTES;

/// The command line of a launcher, and how it will tell what became of the program.
pub(super) fn command(enclosure: &Enclosure, launch: &Launch) -> io::Result<(Command, Told, Reports)> {
    let (start, start_writer) = io::pipe()?;
    let (end, end_writer) = io::pipe()?;
    let told = Told { start: start_writer, end: end_writer };
    let mut command = Command::new(&enclosure.executable);
    command.arg(SUBCOMMAND).arg(told.start.as_raw_fd().to_string()).arg(told.end.as_raw_fd().to_string());
    command.arg(launch.channel.as_ref().map(|channel| channel.as_raw_fd().to_string()).unwrap_or_default());
    command.arg(enclosure.tmp.as_deref().unwrap_or_else(|| Path::new(""))).arg(&launch.program).args(&launch.arguments);
    Ok((command, told, Reports { start, end }))
}

impl Told {
    /// Lets them pass to the program that is executed next. Runs in the forked child: system calls only.
    pub(super) fn inherit(&self) -> io::Result<()> {
        fcntl_setfd(&self.start, FdFlags::empty())?;
        fcntl_setfd(&self.end, FdFlags::empty())?;
        Ok(())
    }
}

impl Reports {
    /// Waits until the program runs. `Err` is why it does not.
    pub(super) fn started(mut self) -> io::Result<Enclosed> {
        let mut told = Vec::new();
        self.start.read_to_end(&mut told)?;
        let number = |bytes: &[u8]| bytes.try_into().map(i32::from_le_bytes).unwrap_or_default();
        match (Pid::from_raw(number(told.get(..4).unwrap_or_default())), told.len()) {
            (Some(init), 4) => Ok(Enclosed { init, end: self.end }),
            (_, 8) => Err(io::Error::from_raw_os_error(number(&told[4..]))),
            _ => Err(io::Error::other("the launcher of enclosed processes ended")),
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

/// `homefront process-enclosure START END CHANNEL TMP PROGRAM ARGUMENT…`: encloses PROGRAM and ends as it does.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(Task { start, end, channel, tmp, command }) = Task::read(arguments) else { return ExitCode::FAILURE };
    // Shared with the processes that are forked below, which close their own copies.
    let start = start.into_raw_fd();
    match enclose(&tmp).and_then(|()| launch(start, end, channel, command)) {
        Ok(code) => code,
        Err(error) => {
            // In the place of the init's number.
            write_to(start, &[0; 4]);
            tell_failure(start, &error);
            ExitCode::FAILURE
        }
    }
}

struct Task {
    start: OwnedFd,
    end: OwnedFd,
    channel: Option<OwnedFd>,
    /// Empty = none.
    tmp: OsString,
    command: Command,
}

impl Task {
    fn read(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut pipe = || inherited(arguments.next()?.to_str()?.parse().ok()?);
        let (start, end) = (pipe()?, pipe()?);
        let channel = match arguments.next()? {
            none if none.is_empty() => None,
            number => Some(inherited(number.to_str()?.parse().ok()?)?),
        };
        let (tmp, program) = (arguments.next()?, arguments.next()?);
        let mut command = Command::new(program);
        command.args(arguments);
        Some(Self { start, end, channel, tmp, command })
    }
}

/// Under another number, as one of them is the program's channel.
fn inherited(number: RawFd) -> Option<OwnedFd> {
    if number <= libc::STDERR_FILENO {
        return None;
    }
    #[allow(unsafe_code, reason = "a number on the command line is how a descriptor is handed over")]
    // SAFETY: this process has just begun and owns what it inherited; the node names each descriptor once.
    let file = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl_dupfd_cloexec(&file, CHANNEL + 1).ok()
}

/// The launcher, before it has any child.
fn enclose(tmp: &OsString) -> io::Result<()> {
    let node = rustix::process::getppid();
    separate()?;
    // What is mounted from here on is seen in here only.
    mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE)?;
    if !tmp.is_empty() {
        let tmp = CString::new(tmp.as_bytes()).map_err(io::Error::other)?;
        mount(Some(&tmp), c"/tmp", None, libc::MS_BIND)?;
    }
    // Becoming another user, if only in a namespace, has cancelled it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() != node {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    Ok(())
}

/// Starts the init, and ends as the program did.
fn launch(start: RawFd, end: OwnedFd, channel: Option<OwnedFd>, command: Command) -> io::Result<ExitCode> {
    let (mut ended, tell_end) = io::pipe()?;
    let (lives, mut launcher) = io::pipe()?;
    let Some(init) = fork()? else {
        drop((ended, launcher, end));
        return Ok(be_init(start, tell_end, lives, channel, command));
    };
    drop((tell_end, lives, channel));
    write_to(start, &init.as_raw_nonzero().get().to_le_bytes());
    close(start);
    // Where the init is gone already, its report will not come.
    let _ = let_go_of_output().and_then(|()| launcher.write_all(&[1]));
    let mut report = [0; REPORT_BYTES];
    let told = ended.read_exact(&mut report);
    // Until it is gone, and all the others in there with it.
    let _ = rustix::process::waitpid(Some(init), WaitOptions::empty());
    let (status, last_word) = report.split_at(4);
    if told.is_err() {
        // Somebody outside killed it.
        return Ok(end_by(libc::SIGKILL));
    }
    let _ = std::fs::File::from(end).write_all(last_word);
    let status = i32::from_le_bytes(status.try_into().unwrap_or_default());
    if libc::WIFSIGNALED(status) {
        return Ok(end_by(libc::WTERMSIG(status)));
    }
    Ok(ExitCode::from(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX)))
}

/// Process 1: starts the program, buries whoever ends in here, and ends with the program.
fn be_init(
    start: RawFd,
    mut tell_end: io::PipeWriter,
    mut lives: io::PipeReader,
    channel: Option<OwnedFd>,
    mut command: Command,
) -> ExitCode {
    let dies_with_the_launcher = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    // It may have died before that.
    if dies_with_the_launcher.is_err() || lives.read_exact(&mut [0]).is_err() {
        return ExitCode::FAILURE;
    }
    // Not everywhere: some systems hide parts of /proc, and let nobody see the whole of a new one. Then it shows the machine's.
    let _ = mount(None, c"/proc", Some(c"proc"), libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC);
    let program = match fork() {
        Ok(Some(program)) => program,
        Ok(None) => {
            // What it sends to its group must not reach the launcher. The session is the launcher's: a new one would have another
            // priority.
            let ready = rustix::process::setpgid(None, None).map_err(io::Error::from);
            let ready = ready.and_then(|()| channel.as_ref().map_or(Ok(()), |channel| hand_over(channel, CHANNEL)));
            let error = ready.map_or_else(|error| error, |()| command.exec());
            tell_failure(start, &error);
            return ExitCode::FAILURE;
        }
        Err(error) => {
            tell_failure(start, &error);
            return ExitCode::FAILURE;
        }
    };
    close(start);
    drop(channel);
    let _ = let_go_of_output();
    loop {
        let Some((pid, status, memory_kib)) = wait_for_any() else { return ExitCode::FAILURE };
        if pid == program.as_raw_nonzero().get() {
            let mut report = status.to_le_bytes().to_vec();
            report.extend(memory_kib.to_le_bytes());
            report.extend(end_the_others().to_le_bytes());
            let _ = tell_end.write_all(&report);
            return ExitCode::SUCCESS;
        }
    }
}

/// Output and channel are the program's alone: whoever reads them learns when the program has closed them.
fn let_go_of_output() -> io::Result<()> {
    let nothing = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(())
}

/// Enters namespaces of its own: mounts, and the processes it will start. In its own namespace of users a process is who it was;
/// nobody else is there.
fn separate() -> io::Result<()> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    // Root, or who may do as much, needs no users of its own.
    if unshare(libc::CLONE_NEWNS | libc::CLONE_NEWPID).is_ok() {
        return Ok(());
    }
    unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

fn unshare(namespaces: libc::c_int) -> io::Result<()> {
    #[allow(unsafe_code, reason = "rustix's unshare is unsafe, too, for threads that share what is taken apart")]
    // SAFETY: the launcher has one thread; file descriptors and memory stay as they are.
    let done = unsafe { libc::unshare(namespaces) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn mount(
    source: Option<&CString>,
    target: &std::ffi::CStr,
    kind: Option<&std::ffi::CStr>,
    flags: libc::c_ulong,
) -> io::Result<()> {
    let source = source.map_or(std::ptr::null(), |source| source.as_ptr());
    let kind = kind.map_or(std::ptr::null(), std::ffi::CStr::as_ptr);
    #[allow(unsafe_code, reason = "no safe crate of ours mounts")]
    // SAFETY: the strings end with NUL and live until the call returns; no flag of ours needs data.
    let done = unsafe { libc::mount(source, target.as_ptr(), kind, flags, std::ptr::null()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `None` in the new process.
fn fork() -> io::Result<Option<Pid>> {
    #[allow(unsafe_code, reason = "no safe crate of ours forks")]
    // SAFETY: launcher and init have one thread each, so that the copy is whole: no lock is held by a thread it has not.
    let forked = unsafe { libc::fork() };
    if forked < 0 { Err(io::Error::last_os_error()) } else { Ok(Pid::from_raw(forked)) }
}

/// Kills what else there is in here, as the kernel would when this ends; gives how many still ran.
fn end_the_others() -> u64 {
    let mut ended = 0;
    // To process 1 this group is everybody in its namespace but itself; to any other process it would be the machine.
    while rustix::process::getpid() == Pid::INIT && rustix::process::kill_process_group(Pid::INIT, Signal::KILL).is_ok()
    {
        let mut options = WaitOptions::empty();
        // One at least, and then who is there already. What was forked meanwhile is found in the next round.
        while let Ok(Some((_, status))) = rustix::process::wait(options) {
            ended += u64::from(status.terminating_signal() == Some(libc::SIGKILL));
            options = WaitOptions::NOHANG;
        }
    }
    ended
}

/// The next process in here that ended: its number, how it ended, and the KiB it had resident at the most.
fn wait_for_any() -> Option<(i32, i32, i64)> {
    #[allow(unsafe_code, reason = "no safe crate of ours has wait4")]
    loop {
        let mut status = 0;
        // SAFETY: a `rusage` is numbers only, for which zeros are values; both outlive the call, which writes nothing else.
        let (pid, used) = unsafe {
            let mut used: libc::rusage = std::mem::zeroed();
            (libc::wait4(-1, &raw mut status, 0, &raw mut used), used)
        };
        if pid > 0 {
            return Some((pid, status, used.ru_maxrss));
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return None;
        }
    }
}

/// Ends by a signal, as the program did.
fn end_by(signal: libc::c_int) -> ExitCode {
    #[allow(unsafe_code, reason = "no safe crate of ours restores the default of any signal")]
    // SAFETY: one thread, no handlers; the default action is what is wanted.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}

/// Says over the start pipe, after the init's number, why the program does not run.
fn tell_failure(start: RawFd, error: &io::Error) {
    write_to(start, &error.raw_os_error().unwrap_or(libc::EIO).to_le_bytes());
}

fn write_to(pipe: RawFd, bytes: &[u8]) {
    #[allow(unsafe_code, reason = "the descriptor is shared by forked processes, which no owning type can say")]
    // SAFETY: it stays open until `close` below, which is each process's last use of it.
    let pipe = unsafe { BorrowedFd::borrow_raw(pipe) };
    // Nobody reads any more: the node is gone, and so will this be.
    let _ = rustix::io::write(pipe, bytes);
}

fn close(pipe: RawFd) {
    #[allow(unsafe_code, reason = "as above")]
    // SAFETY: nobody uses it after this in this process.
    unsafe {
        rustix::io::close(pipe);
    }
}
