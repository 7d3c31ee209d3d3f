//! Saved versions that hold up the others of their distribution, each tried out alone: one of a function at a time, the newest.

use super::distribution::DistributionFunctions;
use super::pace::Pace;
use super::reload::{Desk, RETRY, Reloaded, Saved, Tell};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Notify, Semaphore};

/// Who serves a function: what is saved of it goes to its desk.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) distribution: Arc<DistributionFunctions>,
    pub(super) desk: Arc<Desk>,
    /// Its place there.
    pub(super) index: usize,
}

/// What is to be tried out of one function.
#[derive(Debug, Default)]
pub(super) struct Trials {
    state: Mutex<State>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct State {
    newest: Option<Arc<Saved>>,
    /// Whether somebody wants the newest tried out, or has it tried out.
    is_wanted: bool,
}

impl Trials {
    /// A version was saved: the trial of an older one is over, and what came of it goes to nobody.
    pub(super) fn saved(&self, newest: Arc<Saved>) {
        *self.state.lock() = State { newest: Some(newest), is_wanted: false };
        self.bell.notify_one();
    }

    /// A version takes too long beside others. Several distributions may say so.
    pub(super) fn ask_for(&self, saved: &Arc<Saved>) {
        let mut state = self.state.lock();
        if state.is_newest(saved) && !state.is_wanted {
            state.is_wanted = true;
            self.bell.notify_one();
        }
    }

    /// Tries out what is asked for, for as long as it is polled, and gives it back to those who serve the function.
    pub(super) async fn keep(&self, servers: &[Server], turns: &Semaphore, tell: &Tell) {
        let [first, ..] = servers else { return };
        let mut pace = Pace::new(Instant::now());
        loop {
            self.bell.notified().await;
            let Some(saved) = self.state.lock().wanted() else { continue };
            let turn = turns.acquire().await;
            let began = Instant::now();
            let trial = tokio::select! {
                trial = first.distribution.try_out(first.index, &saved) => Some(trial),
                () = self.bell.notified() => None,
            };
            drop(turn);
            match trial {
                None => self.bell.notify_one(),
                Some(Ok(trial)) => {
                    let state = self.state.lock();
                    if state.is_newest(&saved) && saved.trial.set(trial).is_ok() {
                        for server in servers {
                            server.desk.put(server.index, saved.clone());
                        }
                    }
                }
                Some(Err(error)) => {
                    tell(Reloaded::no_workers(&error));
                    tokio::time::sleep(RETRY).await;
                    self.bell.notify_one();
                }
            }
            tokio::time::sleep(pace.rest(Instant::now(), began.elapsed())).await;
        }
    }
}

impl State {
    fn is_newest(&self, saved: &Arc<Saved>) -> bool {
        self.newest.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, saved))
    }

    /// What is to be tried out and was not.
    fn wanted(&self) -> Option<Arc<Saved>> {
        self.newest.clone().filter(|newest| self.is_wanted && newest.trial.get().is_none())
    }
}
