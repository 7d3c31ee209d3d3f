//! How a process ended, in the words Lambda prints.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How a process ended. Prints as Lambda does: `exit status 129`, `signal: killed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(ExitStatus);

impl Exit {
    /// Whether it ended by itself with status 0.
    pub fn success(self) -> bool {
        self.0.success()
    }

    /// The status it ended with; `None` when a signal ended it.
    pub fn code(self) -> Option<i32> {
        self.0.code()
    }

    /// The signal that ended it.
    pub fn signal(self) -> Option<i32> {
        self.0.signal()
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self(status)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(signal) = self.signal() {
            match signal_name(signal) {
                Some(name) => write!(f, "signal: {name}")?,
                None => write!(f, "signal: signal {signal}")?,
            }
            return if self.0.core_dumped() { f.write_str(" (core dumped)") } else { Ok(()) };
        }
        write!(f, "exit status {}", self.code().unwrap_or(-1))
    }
}

/// Go's names, because Lambda's agent is a Go program.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGHUP => "hangup",
        libc::SIGINT => "interrupt",
        libc::SIGQUIT => "quit",
        libc::SIGILL => "illegal instruction",
        libc::SIGTRAP => "trace/breakpoint trap",
        libc::SIGABRT => "aborted",
        libc::SIGBUS => "bus error",
        libc::SIGFPE => "floating point exception",
        libc::SIGKILL => "killed",
        libc::SIGUSR1 => "user defined signal 1",
        libc::SIGSEGV => "segmentation fault",
        libc::SIGUSR2 => "user defined signal 2",
        libc::SIGPIPE => "broken pipe",
        libc::SIGALRM => "alarm clock",
        libc::SIGTERM => "terminated",
        libc::SIGXCPU => "CPU time limit exceeded",
        libc::SIGXFSZ => "file size limit exceeded",
        libc::SIGSYS => "bad system call",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_print_as_lambda_prints_them() {
        let text = |wait_status| Exit::from(ExitStatus::from_raw(wait_status)).to_string();
        assert_eq!(text(0), "exit status 0");
        assert_eq!(text(129 << 8), "exit status 129");
        assert_eq!(text(libc::SIGKILL), "signal: killed");
        assert_eq!(text(libc::SIGSEGV), "signal: segmentation fault");
        assert_eq!(text(libc::SIGABRT | 0x80), "signal: aborted (core dumped)");
        assert_eq!(text(40), "signal: signal 40");
    }
}
