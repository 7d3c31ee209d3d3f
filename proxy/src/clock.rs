//! The clock everything in the proxy reads, so that a test can move time instead of waiting for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The system's time plus an offset that only grows. Clones share the offset.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset_ns: Arc<AtomicU64>,
}

impl Clock {
    /// The time that decisions are taken by.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's time")]
    pub fn now(&self) -> SystemTime {
        SystemTime::now() + self.offset()
    }

    /// Moves this clock and its clones forward.
    pub fn advance(&self, by: Duration) {
        let by_ns = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        // `fetch_update` with a closure that always gives a value cannot fail.
        let _ = self.offset_ns.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by_ns)));
    }

    /// A time of this clock as the system's: what a library that compares with `SystemTime::now()` must be given.
    pub fn to_system(&self, time: SystemTime) -> SystemTime {
        time.checked_sub(self.offset()).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// A time of the system as this clock's.
    pub fn from_system(&self, time: SystemTime) -> SystemTime {
        time.checked_add(self.offset()).unwrap_or(time)
    }

    fn offset(&self) -> Duration {
        Duration::from_nanos(self.offset_ns.load(Ordering::Acquire))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_clone_moves_with_its_clock() {
        let clock = Clock::default();
        let clone = clock.clone();
        let before = clone.now();
        clock.advance(Duration::from_hours(1));
        assert!(clone.now() >= before + Duration::from_hours(1));
    }

    #[test]
    fn a_time_keeps_its_distance_when_translated() {
        let clock = Clock::default();
        let stored = clock.now();
        clock.advance(Duration::from_mins(1));
        assert_eq!(stored.duration_since(clock.to_system(stored)).unwrap(), Duration::from_mins(1));
        assert_eq!(clock.from_system(clock.to_system(stored)), stored);
    }
}
