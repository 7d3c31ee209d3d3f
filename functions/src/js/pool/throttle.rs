//! When a function that kills its workers again and again is kept from getting more of them.

use homefront_config::limits::{FUNCTION_DEATHS_MAX, FUNCTION_DEATHS_WINDOW_MS, FUNCTION_THROTTLE_MS};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

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
        let window = Duration::from_millis(FUNCTION_DEATHS_WINDOW_MS);
        self.deaths.retain(|death| now.saturating_duration_since(*death) < window);
        self.deaths.push_back(now);
        if self.deaths.len() < FUNCTION_DEATHS_MAX {
            return false;
        }
        self.deaths.clear();
        self.until = Some(now + Duration::from_millis(FUNCTION_THROTTLE_MS));
        true
    }

    /// Whether calls are refused at `now`.
    pub(super) fn refuses(&mut self, now: Instant) -> bool {
        let refuses = self.until.is_some_and(|until| now < until);
        if !refuses {
            self.until = None;
        }
        refuses
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
            assert!(!throttle.refuses(start));
        }
        assert!(throttle.death(start + SECOND));
        assert!(throttle.refuses(start + SECOND));
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
        assert!(throttle.refuses(start));
        assert!(!throttle.refuses(later));
        assert!(!throttle.death(later), "one death is not ten");
        assert!(!throttle.refuses(later));
    }
}
