//! Forking a sibling: a process that has all that the forking one has, and the same parent.
//!
//! The node starts a program once and has it fork others like it, which costs a fraction of a start. They are the node's own
//! children: it kills and reaps them, and they die with it.

use rustix::process::{Pid, Signal};
use std::io;

/// What the kernel is asked for, also by name of a filter that allows nothing else.
pub const FLAGS: libc::c_int = libc::CLONE_PARENT | libc::SIGCHLD;

/// Forks a process whose parent is this one's parent; `None` in the new process, which has no thread but the one that called.
///
/// # Safety
///
/// No other thread of this process may hold a lock that the new process takes, its memory allocator's among them.
#[allow(unsafe_code, reason = "fork() has no way to pass over a generation")]
pub unsafe fn fork() -> io::Result<Option<Pid>> {
    const NULL: usize = 0;
    // SAFETY: without a stack of its own the new process goes on on a copy of this one, as after `fork`; the rest is the caller's.
    let forked = unsafe { libc::syscall(libc::SYS_clone, FLAGS, NULL, NULL, NULL, NULL) };
    if forked < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Pid::from_raw(i32::try_from(forked).unwrap_or_default()))
}

/// Makes a process die with its parent `node`. Only system calls: a child forked from threads may call it.
pub fn die_with(node: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() != Some(node) {
        // The node died before the signal was asked for, so it will never come.
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    Ok(())
}
