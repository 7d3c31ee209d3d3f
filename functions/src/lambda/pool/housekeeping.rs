//! Environments that idle: stopped after a moment, ended after a while.

use super::{Bounds, Idle, Pool, Shared};
use crate::aside::aside;
use std::sync::{Arc, Weak};
use std::time::Instant;
use tokio::sync::Notify;

/// Freezes and ends idle environments for as long as there is a pool.
pub(super) async fn keep_house(pool: Weak<Shared>, wake: Arc<Notify>) {
    loop {
        let Some(shared) = pool.upgrade() else { return };
        let pool_now = Pool(shared);
        let (unfrozen, look_at) = pool_now.tidy(Instant::now());
        if unfrozen.is_empty() {
            drop(pool_now);
        } else {
            aside(move || pool_now.freeze(unfrozen)).await;
        }
        match look_at {
            Some(at) => tokio::select! {
                () = tokio::time::sleep_until(at.into()) => {}
                () = wake.notified() => {}
            },
            None => wake.notified().await,
        }
    }
}

impl Pool {
    /// Ends idle environments and takes those out that are to be frozen; says when to look again.
    fn tidy(&self, now: Instant) -> (Vec<Idle>, Option<Instant>) {
        let Bounds { idle_max, freeze_after, .. } = self.0.bounds;
        let mut state = self.0.state.lock();
        // Those that idle longest come first; what is provisioned stays.
        let mut may_end = state.used.saturating_sub(self.0.plan.lambda.provisioned_concurrency);
        let (ended, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut state.idle).into_iter().partition(|idle| {
            let ends = may_end > 0 && now >= idle.since + idle_max;
            may_end -= usize::from(ends);
            ends
        });
        let (unfrozen, kept) = kept
            .into_iter()
            .partition::<Vec<_>, _>(|idle| now >= idle.since + freeze_after && !idle.environment.is_frozen());
        state.idle = kept;
        state.used -= ended.len();
        // They are back in a moment: none is to be started in their place.
        state.coming += unfrozen.len();
        let mut look_at: Option<Instant> = None;
        for idle in &state.idle {
            let next = if !idle.environment.is_frozen() {
                idle.since + freeze_after
            } else if may_end > 0 {
                idle.since + idle_max
            } else {
                continue;
            };
            look_at = Some(look_at.map_or(next, |at| at.min(next)));
        }
        state.housekeeping_at = look_at;
        drop(state);
        if !ended.is_empty() {
            // Removing folders takes time.
            self.0.runtime.spawn_blocking(move || drop(ended));
        }
        (unfrozen, look_at)
    }

    /// Freezes environments and gives them back. One that has many processes takes a while.
    fn freeze(&self, unfrozen: Vec<Idle>) {
        for Idle { mut environment, since } in unfrozen {
            environment.freeze();
            let is_spent = environment.took_too_much(&self.0.plan.lambda);
            self.0.state.lock().coming -= 1;
            if is_spent {
                self.bury(environment);
            } else {
                self.put_by(environment, since);
            }
        }
    }
}
