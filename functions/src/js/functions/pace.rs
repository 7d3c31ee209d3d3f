//! How often something is worth doing: at once after a quiet time, and never more than a share of the time for long.

use homefront_config::limits::{RELOAD_BURST, RELOAD_SHARE};
use std::time::{Duration, Instant};

/// Work that was done, less what time has excused.
#[derive(Debug)]
pub(super) struct Pace {
    worked: Duration,
    at: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { worked: Duration::ZERO, at: now }
    }

    /// Work was done that ended now and took so long. Returns how long to rest.
    pub(super) fn rest(&mut self, now: Instant, took: Duration) -> Duration {
        let excused = now.saturating_duration_since(self.at) / RELOAD_SHARE;
        self.worked = self.worked.saturating_sub(excused) + took;
        self.at = now;
        self.worked.saturating_sub(RELOAD_BURST) * RELOAD_SHARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_saves_are_served_at_once_and_a_storm_takes_its_share() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let took = Duration::from_millis(50);
        let (mut now, mut work, mut at_once) = (start, Duration::ZERO, 0);
        let end = start + Duration::from_mins(1);
        while now < end {
            now += took;
            work += took;
            let rest = pace.rest(now, took);
            at_once += usize::from(rest.is_zero());
            now += rest;
        }
        assert!(at_once >= (RELOAD_BURST.as_millis() / took.as_millis()) as usize, "{at_once}");
        let share = (end - start) / RELOAD_SHARE + RELOAD_BURST + took;
        assert!(work <= share, "{work:?} of {share:?}");
        assert!(work * 2 > share, "{work:?} of {share:?}");
    }

    #[test]
    fn after_a_quiet_time_nothing_is_owed() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!(pace.rest(start, 10 * RELOAD_BURST) > Duration::ZERO);
        assert_eq!(pace.rest(start + 20 * RELOAD_SHARE * RELOAD_BURST, RELOAD_BURST), Duration::ZERO);
    }
}
