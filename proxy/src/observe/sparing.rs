//! Lines of the node's log that a function could have written with every request: one a minute says as much.

use homefront_config::limits::FUNCTION_WARNING_INTERVAL_S;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

/// What was told of which function, and when. As many entries as functions are configured, times matters.
#[derive(Debug, Default)]
pub(crate) struct Sparing {
    told: Mutex<HashMap<(String, &'static str), Told>>,
}

#[derive(Debug)]
struct Told {
    at: SystemTime,
    left_out: u64,
}

impl Sparing {
    /// Whether to write a line about a matter of a function at `now`; the value says how many were left out since the last one.
    pub(crate) fn tell(&self, function: &str, matter: &'static str, now: SystemTime) -> Option<u64> {
        const INTERVAL: Duration = Duration::from_secs(FUNCTION_WARNING_INTERVAL_S);
        let mut told = self.told.lock();
        let Some(last) = told.get_mut(&(function.to_owned(), matter)) else {
            told.insert((function.to_owned(), matter), Told { at: now, left_out: 0 });
            return Some(0);
        };
        // A clock that was set back has told nothing yet.
        if now.duration_since(last.at).is_ok_and(|passed| passed < INTERVAL) {
            last.left_out += 1;
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(FUNCTION_WARNING_INTERVAL_S);

    #[test]
    fn a_matter_is_told_once_a_minute_with_the_number_left_out() {
        let (sparing, start) = (Sparing::default(), SystemTime::UNIX_EPOCH);
        let tell = |now| sparing.tell("f", "date", now);
        assert_eq!(tell(start), Some(0));
        for call in 1..1_000 {
            assert_eq!(tell(start + INTERVAL / 1_000 * call), None);
        }
        assert_eq!(tell(start + INTERVAL), Some(999));
        assert_eq!(tell(start + INTERVAL), None);
        assert_eq!(tell(start + 10 * INTERVAL), Some(1));
    }

    #[test]
    fn each_function_and_each_matter_is_told_of_by_itself() {
        let (sparing, now) = (Sparing::default(), SystemTime::UNIX_EPOCH);
        assert_eq!(sparing.tell("f", "date", now), Some(0));
        assert_eq!(sparing.tell("f", "content-length", now), Some(0));
        assert_eq!(sparing.tell("g", "date", now), Some(0));
        assert_eq!(sparing.tell("g", "date", now), None);
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nothing() {
        let (sparing, later) = (Sparing::default(), SystemTime::UNIX_EPOCH + 10 * INTERVAL);
        assert_eq!(sparing.tell("f", "date", later), Some(0));
        assert_eq!(sparing.tell("f", "date", SystemTime::UNIX_EPOCH), Some(0));
    }
}
