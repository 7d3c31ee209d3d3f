//! The CPU time of calls. The clock of a thread costs a system call, a tenth of what a short function does; the wall's costs
//! next to nothing. In so short a time as [`BRIEF`] a thread that works is taken to have done nothing else.

use std::time::{Duration, Instant};

/// The figure of a call that was interrupted may be that much wrong.
const BRIEF: Duration = Duration::from_micros(50);

/// When a thread began to work on a call.
#[derive(Debug, Clone, Copy)]
pub(in crate::js) struct Beginning {
    pub(in crate::js) cpu_us: u64,
    at: Instant,
}

/// The clock of the thread that calls.
#[derive(Debug, Default)]
pub(in crate::js) struct CpuClock {
    read: Option<Beginning>,
}

impl CpuClock {
    /// The thread begins now, at `at`.
    pub(in crate::js) fn begin(&mut self, at: Instant) -> Beginning {
        match self.read {
            Some(Beginning { cpu_us, at: read }) if at.duration_since(read) < BRIEF => {
                Beginning { cpu_us: cpu_us + at.duration_since(read).as_micros() as u64, at }
            }
            _ => self.read(at),
        }
    }

    /// CPU time since then, microseconds.
    pub(in crate::js) fn cpu_us_since(&mut self, began: Beginning) -> u64 {
        let now = Instant::now();
        match now.duration_since(began.at) {
            brief if brief < BRIEF => brief.as_micros() as u64,
            _ => self.read(now).cpu_us.saturating_sub(began.cpu_us),
        }
    }

    fn read(&mut self, at: Instant) -> Beginning {
        *self.read.insert(Beginning { cpu_us: thread_cpu_us(), at })
    }
}

/// CPU time of this thread, microseconds. The kernel's fast clocks do not have it.
pub(in crate::js) fn thread_cpu_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_nsec.unsigned_abs() / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Works for so much CPU time.
    fn work(us: u64) {
        let began = thread_cpu_us();
        while thread_cpu_us() - began < us {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn long_calls_cost_what_the_thread_worked() {
        let mut clock = CpuClock::default();
        for _ in 0..20 {
            let began = clock.begin(Instant::now());
            work(2_000);
            let cost = clock.cpu_us_since(began);
            // Two system calls and what the beginning may be early or late by.
            assert!((1_900..3_000).contains(&cost), "{cost}");
        }
    }

    #[test]
    fn what_a_thread_waited_is_not_its_cost() {
        let mut clock = CpuClock::default();
        let began = clock.begin(Instant::now());
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        std::thread::spawn(move || {
            work(20_000);
            drop(sender);
        });
        assert!(receiver.recv().is_err());
        let cost = clock.cpu_us_since(began);
        assert!(cost < 10_000, "{cost}");
    }
}
