//! Computing that may take long and lets others in: a process that sleeps for a moment, again and again, leaves its processor to whoever waits
//! for it.
//!
//! What has begun to compute keeps its processor until the next tick of the clock, up to 4 ms, whatever its nice value: long
//! beside calls of some microseconds. Priorities that give way at once exist, but not every user may return from them, and many
//! kernels look at sessions before they look at those. Every kernel lets everybody sleep.

use homefront_config::limits::{FUNCTION_PAUSE_US, FUNCTION_US_BETWEEN_PAUSES};
use std::io;
use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::ptr;

/// While it lives, this process, which must have one thread only, pauses: not at once, so that what is brief does not, and then again
/// and again. It does not where the system refuses: the rest is the same.
#[derive(Debug)]
pub(super) struct Pauses(());

impl Pauses {
    /// Begins. Costs as much as a short call does, because a timer is set.
    pub(super) fn begin() -> Self {
        alarm_every(FUNCTION_US_BETWEEN_PAUSES);
        Self(())
    }
}

impl Drop for Pauses {
    fn drop(&mut self) {
        alarm_every(0);
    }
}

/// Has this process, and those that are forked off it, pause when its timer rings.
pub(super) fn prepare() -> io::Result<()> {
    // A sleep is as long as it is meant to be. The kernel's own slack is longer than a pause, which is all that comes of a refusal.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    #[allow(unsafe_code, reason = "rustix has no signal handlers for programs with a C library")]
    // SAFETY: all zeros is a valid `sigaction`, and the handler does nothing that a signal may not interrupt.
    let done = unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = pause as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGALRM, &raw const action, ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

extern "C" fn pause(_signal: libc::c_int) {
    let time = libc::timespec { tv_sec: 0, tv_nsec: FUNCTION_PAUSE_US * 1_000 };
    #[allow(unsafe_code, reason = "a sleep that a signal handler may take")]
    // SAFETY: it reads one struct, takes no lock, and leaves `errno` as it is.
    unsafe {
        libc::clock_nanosleep(libc::CLOCK_MONOTONIC, 0, &raw const time, ptr::null_mut());
    }
}

/// Sets this process's timer; 0 = it rings no more.
fn alarm_every(time_us: i64) {
    let every = libc::timeval { tv_sec: 0, tv_usec: time_us };
    let timer = libc::itimerval { it_interval: every, it_value: every };
    #[allow(unsafe_code, reason = "rustix has no interval timers")]
    // SAFETY: it reads one struct.
    unsafe {
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut());
    }
}
