//! Looking for what is about to come instead of sleeping until one is woken, which takes longer than a short call.
//!
//! Looking burns a core. So it is bounded in time, done by few at once, and left out for a while where it was in vain.

use homefront_config::limits::{
    FUNCTION_POLL_CORES, FUNCTION_POLL_PAUSE_MS_MAX, FUNCTION_POLL_PAUSE_MS_MIN, FUNCTION_POLLS_IN_VAIN_MAX,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const PAUSE_MIN: Duration = Duration::from_millis(FUNCTION_POLL_PAUSE_MS_MIN);
const PAUSE_MAX: Duration = Duration::from_millis(FUNCTION_POLL_PAUSE_MS_MAX);

/// Looks without a system call until `look` finds something or `time` is over.
pub(super) fn poll<T>(time: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    /// Between two looks; a look at the clock costs more than one at memory.
    const SPINS: usize = 8;
    let until = Instant::now() + time;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= until {
            return None;
        }
        for _ in 0..SPINS {
            std::hint::spin_loop();
        }
    }
}

/// Whether polling has paid lately where the same is waited for again and again.
#[derive(Debug, Default)]
pub(super) struct Experience {
    /// Polls in a row, at most [`FUNCTION_POLLS_IN_VAIN_MAX`].
    in_vain: u32,
    pause: Duration,
    paused_until: Option<Instant>,
}

impl Experience {
    /// Whether to poll at `now`.
    pub(super) fn advises(&self, now: Instant) -> bool {
        self.paused_until.is_none_or(|until| now >= until)
    }

    /// What was looked for came.
    pub(super) fn paid(&mut self) {
        *self = Self::default();
    }

    /// It did not. After a pause one poll more in vain begins the next, which is twice as long.
    pub(super) fn was_in_vain(&mut self, now: Instant) {
        self.in_vain = (self.in_vain + 1).min(FUNCTION_POLLS_IN_VAIN_MAX);
        if self.in_vain == FUNCTION_POLLS_IN_VAIN_MAX {
            self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
            self.paused_until = Some(now + self.pause);
        }
    }
}

/// How many may poll at the same time.
#[derive(Debug)]
pub struct Places {
    free: AtomicUsize,
}

/// One of them; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Places);

impl Places {
    /// For a machine with so many cores.
    pub fn on(cores: usize) -> Self {
        Self { free: AtomicUsize::new(cores / FUNCTION_POLL_CORES) }
    }

    /// One, if there is any.
    pub(super) fn take(&self) -> Option<Place<'_>> {
        let one_less = |free: usize| free.checked_sub(1);
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok().map(|_| Place(self))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const NANOSECOND: Duration = Duration::from_nanos(1);

    fn disappointed(times: u32, now: Instant) -> Experience {
        let mut experience = Experience::default();
        (0..times).for_each(|_| experience.was_in_vain(now));
        experience
    }

    #[test]
    fn polling_is_left_out_for_a_while_when_it_was_in_vain_several_times_in_a_row() {
        let now = Instant::now();
        assert!(Experience::default().advises(now));
        assert!(disappointed(FUNCTION_POLLS_IN_VAIN_MAX - 1, now).advises(now));
        let experience = disappointed(FUNCTION_POLLS_IN_VAIN_MAX, now);
        assert!(!experience.advises(now));
        assert!(!experience.advises(now + PAUSE_MIN.saturating_sub(NANOSECOND)));
        assert!(experience.advises(now + PAUSE_MIN), "another chance");
    }

    #[test]
    fn each_further_poll_in_vain_doubles_the_while_up_to_a_bound() {
        let mut now = Instant::now();
        let mut experience = disappointed(FUNCTION_POLLS_IN_VAIN_MAX, now);
        let mut pause = PAUSE_MIN;
        while pause < PAUSE_MAX {
            now += pause;
            experience.was_in_vain(now);
            pause *= 2;
            assert!(!experience.advises(now + pause.saturating_sub(NANOSECOND)));
            assert!(experience.advises(now + pause));
        }
        now += pause;
        experience.was_in_vain(now);
        assert!(experience.advises(now + PAUSE_MAX));
    }

    #[test]
    fn one_poll_that_paid_makes_up_for_all_in_vain() {
        let now = Instant::now();
        let mut experience = disappointed(FUNCTION_POLLS_IN_VAIN_MAX, now);
        experience.paid();
        for _ in 1..FUNCTION_POLLS_IN_VAIN_MAX {
            assert!(experience.advises(now));
            experience.was_in_vain(now);
        }
        assert!(experience.advises(now));
    }

    #[test]
    fn a_poll_ends_when_it_finds_something_or_its_time_is_over() {
        let mut looks = 0;
        let found = poll(Duration::from_hours(1), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, Some(3));
        assert_eq!(poll(Duration::from_micros(1), || None::<()>), None);
    }

    #[test]
    fn there_is_one_place_for_every_two_cores_and_none_on_one() {
        assert!(Places::on(1).take().is_none());
        let places = Places::on(5);
        let (one, two) = (places.take(), places.take());
        assert!(one.is_some() && two.is_some() && places.take().is_none());
        drop(one);
        assert!(places.take().is_some());
    }
}
