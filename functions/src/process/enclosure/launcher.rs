//! The processes of one enclosure, from the fork of its launcher on.

use super::LAST_WORD_BYTES;
use super::order::{Files, Order};
use crate::process::exec::without_shell;
use crate::process::spawner::{confine, hand_over, limit};
use crate::process::{CHANNEL, sibling};
use rustix::fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use rustix::process::{Pid, Signal, WaitOptions};
use std::ffi::{CStr, CString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Of what the init tells the launcher: how the program ended, and the last word.
const REPORT_BYTES: usize = 4 + LAST_WORD_BYTES;

/// The launcher, a child of `node`: encloses the program, and ends as it does.
pub(super) fn run(order: Order, files: Files, node: Pid) -> ExitCode {
    let Files { start, end, stdin, stdout, stderr, channel } = files;
    call_itself(c"launcher");
    // Shared with the processes that are forked below, which close their own copies.
    let start = start.into_raw_fd();
    write_to(start, &rustix::process::getpid().as_raw_nonzero().get().to_le_bytes());
    let begun = [stdin, stdout, stderr];
    match begin(begun, &order, node)
        .and_then(|()| enclose(&order, node))
        .and_then(|()| launch(start, end, channel, order))
    {
        Ok(code) => code,
        Err(error) => {
            // In the place of the init's number.
            write_to(start, &[0; 4]);
            tell_failure(start, &error);
            ExitCode::FAILURE
        }
    }
}

/// As `ps -o comm` shows it: its command line is the template's.
fn call_itself(name: &CStr) {
    let _ = rustix::thread::set_name(name);
}

/// As any other child of the node begins, but for the limits: those are its program's.
fn begin([stdin, stdout, stderr]: [OwnedFd; 3], order: &Order, node: Pid) -> io::Result<()> {
    rustix::stdio::dup2_stdin(stdin)?;
    rustix::stdio::dup2_stdout(stdout)?;
    rustix::stdio::dup2_stderr(stderr)?;
    confine(node, order.nice)?;
    // As seen from outside: what lies over /tmp in there may hide it.
    std::env::set_current_dir(&order.folder)
}

/// The launcher, before it has any child.
fn enclose(order: &Order, node: Pid) -> io::Result<()> {
    separate()?;
    // What is mounted from here on is seen in here only.
    mount(None, c"/", None, libc::MS_REC | libc::MS_PRIVATE)?;
    if order.seals_folder {
        seal(&order.folder)?;
    }
    if !order.tmp.is_empty() {
        let tmp = CString::new(order.tmp.as_bytes()).map_err(io::Error::other)?;
        mount(Some(&tmp), c"/tmp", None, libc::MS_BIND)?;
    }
    // Becoming another user, if only in a namespace, has cancelled it.
    sibling::die_with(node)
}

/// Lays a folder over itself that nobody in here can write to, and goes there: the folder that this is in already could be.
fn seal(folder: &Path) -> io::Result<()> {
    let path = CString::new(folder.as_os_str().as_bytes()).map_err(io::Error::other)?;
    mount(Some(&path), &path, None, libc::MS_BIND | libc::MS_REC)?;
    let read_only = libc::mount_attr { attr_set: libc::MOUNT_ATTR_RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
    #[allow(unsafe_code, reason = "no safe crate of ours has mount_setattr")]
    // SAFETY: the path ends with NUL, and both it and the structure, of which the size is given, live until the call returns.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const read_only,
            size_of::<libc::mount_attr>(),
        )
    };
    let error = io::Error::last_os_error();
    // Unknown to older systems, where functions can write to their packages.
    if done != 0 && error.raw_os_error() != Some(libc::ENOSYS) {
        return Err(error);
    }
    std::env::set_current_dir(folder)
}

/// Starts the init, and ends as the program did.
fn launch(start: RawFd, end: OwnedFd, channel: Option<OwnedFd>, order: Order) -> io::Result<ExitCode> {
    let (mut ended, tell_end) = io::pipe()?;
    let (lives, mut launcher) = io::pipe()?;
    let Some(init) = fork()? else {
        drop((ended, launcher, end));
        return Ok(be_init(start, tell_end, lives, channel, order));
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
    order: Order,
) -> ExitCode {
    call_itself(c"init");
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
            let error = become_program(channel.as_ref(), order).unwrap_or_else(|error| error);
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

/// Returns why it has not become the program.
fn become_program(channel: Option<&OwnedFd>, order: Order) -> io::Result<io::Error> {
    // What it sends to its group must not reach the launcher. The session is the launcher's: a new one would have another priority.
    rustix::process::setpgid(None, None)?;
    channel.map_or(Ok(()), |channel| hand_over(channel, CHANNEL))?;
    limit(order.limits)?;
    let mut command = Command::new(order.program);
    command.args(order.arguments).env_clear().envs(order.environment);
    without_shell(&mut command)?;
    Ok(command.exec())
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

fn mount(source: Option<&CString>, target: &CStr, kind: Option<&CStr>, flags: libc::c_ulong) -> io::Result<()> {
    let source = source.map_or(std::ptr::null(), |source| source.as_ptr());
    let kind = kind.map_or(std::ptr::null(), CStr::as_ptr);
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
        // Not `raise`: what a library remembers of a thread is the template's after a fork that it has not made.
        libc::kill(libc::getpid(), signal);
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
