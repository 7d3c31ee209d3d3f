//! A function's code was saved: what runs the older code takes no more events.

use super::{Environment, Pool, State};
use crate::lambda::environment::Plan;
use std::sync::Arc;

/// What environments are started with, and how often that was replaced.
#[derive(Debug, Clone, Default)]
pub(super) struct Code {
    pub(super) generation: u64,
    /// Keeps the package; that of the pool only names the one it was made with. `None` = there is no pool yet.
    pub(super) plan: Option<Arc<Plan>>,
}

impl Pool {
    /// Starts environments with what the function's code is now; `plan` tells where that lies, if it has moved. Idle environments
    /// are ended at once, busy ones when they have answered. Nothing of their files is left to the new ones, as on Lambda.
    pub(in crate::lambda) fn replace(&self, plan: Option<Plan>) {
        let mut state = self.0.state.lock();
        state.code.generation += 1;
        let older = plan.and_then(|plan| state.code.plan.replace(Arc::new(plan)));
        // What was wrong with the older code says nothing of this.
        (state.init_failures, state.init_pause) = (0, None);
        let (idle, folders) = (std::mem::take(&mut state.idle), std::mem::take(&mut state.folders));
        state.used -= idle.len();
        self.start_where_needed(&mut state);
        drop(state);
        // Removing folders takes time.
        self.0.runtime.spawn_blocking(move || drop((idle, folders, older)));
    }

    /// What environments are started with from now on.
    pub(in crate::lambda) fn current_plan(&self) -> Plan {
        self.0.state.lock().code.plan.as_deref().unwrap_or(&self.0.plan).clone()
    }

    /// Whether it runs what the function's code is now.
    pub(super) fn is_current(state: &State, environment: &Environment) -> bool {
        environment.generation == state.code.generation
    }
}
