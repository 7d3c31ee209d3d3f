//! How a worker begins: as a copy of a template that has compiled everything.

use super::WorkerError;
use super::sandbox::LastStep;
use crate::js::ring::{self, WorkerEnds};
use crate::process::sibling;
use rustix::io::Errno;
use rustix::process::Pid;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

/// Who goes on.
pub(super) enum Forked {
    /// The template, with the new worker's process id or why there is none.
    Template(Result<u32, Errno>),
    /// The worker, with a socket, a stderr and shared memory of its own.
    Worker(WorkerEnds),
}

/// Forks a worker, a child of `node` as this process is. `files` begin with its socket and its stderr.
pub(super) fn fork(files: &mut VecDeque<OwnedFd>, node: Pid, last_step: &LastStep) -> Result<Forked, WorkerError> {
    let mut file = || files.pop_front().ok_or_else(|| io::Error::other("the node sent no files to fork with"));
    let (socket, stderr) = (file()?, file()?);
    #[allow(unsafe_code, reason = "a fork is a copy of one thread, whatever the others held")]
    // SAFETY: the only other thread of this process is its first, which has waited for this one ever since.
    let forked = unsafe { sibling::fork() };
    match forked {
        Ok(Some(worker)) => Ok(Forked::Template(Ok(worker.as_raw_nonzero().get().unsigned_abs()))),
        Err(error) => Ok(Forked::Template(Err(Errno::from_io_error(&error).unwrap_or(Errno::AGAIN)))),
        Ok(None) => {
            // First, so that what goes wrong from here on is said by this worker.
            rustix::stdio::dup2_stderr(stderr)?;
            rustix::stdio::dup2_stdin(&socket)?;
            // In the template's session, whose priority it has.
            rustix::process::setpgid(None, None)?;
            sibling::die_with(node)?;
            let ends = ring::receive_memory(&socket)?;
            last_step.take()?;
            Ok(Forked::Worker(ends))
        }
    }
}
