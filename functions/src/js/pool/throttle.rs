//! When a function that kills its workers again and again is kept from getting more of them.

use homefront_config::limits::{FUNCTION_DEATHS_MAX, FUNCTION_DEATHS_WINDOW_MS, FUNCTION_THROTTLE_MS};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_millis(FUNCTION_DEATHS_WINDOW_MS);

/// What a function has done to its workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// Nothing, for a while.
    Clean,
    /// It killed one lately.
    Suspect,
    /// It killed so many that its calls are refused.
    Throttled,
}

/// The deaths of one function.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// Oldest first; at most [`FUNCTION_DEATHS_MAX`].
    deaths: VecDeque<Instant>,
    until: Option<Instant>,
}

impl Throttle {
    /// Notes that a call of the function ended a worker. Returns whether the function is throttled from now on.
    pub(super) fn death(&mut self, now: Instant) -> bool {
        self.deaths.retain(|death| now.saturating_duration_since(*death) < WINDOW);
        self.deaths.push_back(now);
        if self.deaths.len() < FUNCTION_DEATHS_MAX {
            return false;
        }
        self.deaths.clear();
        self.until = Some(now + Duration::from_millis(FUNCTION_THROTTLE_MS));
        true
    }

    /// What a function that calls at `now` has done.
    pub(super) fn record(&mut self, now: Instant) -> Record {
        if self.until.is_some_and(|until| now < until) {
            return Record::Throttled;
        }
        self.until = None;
        let last_death = self.deaths.back();
        if last_death.is_some_and(|death| now.saturating_duration_since(*death) < WINDOW) {
            return Record::Suspect;
        }
        Record::Clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_function_is_throttled_when_it_dies_too_often_within_the_window() {
        let (start, mut throttle) = (Instant::now(), Throttle::default());
        for _ in 1..FUNCTION_DEATHS_MAX {
            assert!(!throttle.death(start));
            assert_eq!(throttle.record(start), Record::Suspect);
        }
        assert!(throttle.death(start + SECOND));
        assert_eq!(throttle.record(start + SECOND), Record::Throttled);
    }

    #[test]
    fn deaths_outside_the_window_do_not_count() {
        let (start, mut throttle) = (Instant::now(), Throttle::default());
        let apart = Duration::from_millis(FUNCTION_DEATHS_WINDOW_MS / FUNCTION_DEATHS_MAX as u64 + 1_000);
        for death in 0..1_000 {
            assert!(!throttle.death(start + apart * death));
        }
    }

    #[test]
    fn a_throttled_function_gets_another_chance_and_a_whole_one() {
        let (start, mut throttle) = (Instant::now(), Throttle::default());
        for _ in 0..FUNCTION_DEATHS_MAX {
            throttle.death(start);
        }
        let later = start + Duration::from_millis(FUNCTION_THROTTLE_MS);
        assert_eq!(throttle.record(start), Record::Throttled);
        assert_eq!(throttle.record(later), Record::Clean);
        assert!(!throttle.death(later), "one death is not ten");
        assert_eq!(throttle.record(later), Record::Suspect);
    }

    #[test]
    fn one_death_makes_a_suspect_until_the_window_is_over() {
        let (start, mut throttle) = (Instant::now(), Throttle::default());
        assert_eq!(throttle.record(start), Record::Clean);
        throttle.death(start);
        assert_eq!(throttle.record(start + WINDOW.saturating_sub(Duration::from_nanos(1))), Record::Suspect);
        assert_eq!(throttle.record(start + WINDOW), Record::Clean);
    }
}
