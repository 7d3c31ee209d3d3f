//! Newer code: another pool takes over, with workers that have compiled it before the first call comes.
//!
//! A worker's functions are fixed for its life. So the compiler meets new code in a process that serves nobody, a call runs
//! wholly on what it began with, and the change is one moment for all workers.

use super::roster::Roster;
use super::trial::Trial;
use super::{Counters, Pool, PooledFunction, Shared};
use crate::js::lint::Finding;
use homefront_config::limits::FUNCTION_RELOAD_MS_MAX;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How long the new pool may take to have all its workers; then it takes over with those it has.
const STAFFING: Duration = Duration::from_millis(500);

/// Newer code of a function.
#[derive(Debug)]
pub struct Newer {
    /// Place of the function.
    pub index: usize,
    /// Its JavaScript.
    pub code: String,
    /// What trying it out alone gave, if that had to be.
    pub trial: Option<Trial>,
}

/// What became of newer code.
#[derive(Debug)]
pub struct Renewed {
    /// Takes over from the old pool; `None` when none of the code can replace what serves.
    pub pool: Option<Pool>,
    /// In the order the code was given in.
    pub judgements: Vec<Judgement>,
}

/// What compiling newer code gave.
#[derive(Debug)]
pub struct Judgement {
    /// Place of the function.
    pub index: usize,
    /// Why it cannot be called; `None` when it can.
    pub fault: Option<super::LoadError>,
    /// What CloudFront's engine would reject in it.
    pub findings: Vec<Finding>,
    /// Whether what served before goes on, because it can be called and the newer code cannot.
    pub old_serves: bool,
    /// Whether it took longer than others should wait: it is to be tried out alone, and what served before goes on.
    pub is_slow: bool,
}

impl Judgement {
    /// Whether what served before goes on.
    pub fn keeps_old(&self) -> bool {
        self.old_serves || self.is_slow
    }
}

impl Pool {
    /// Compiles newer code of some functions, given by place, in workers of their own; counters and throttles of the others
    /// go on. An error is about the machine, not about the code.
    pub async fn renewed(&self, newer: Vec<Newer>) -> io::Result<Renewed> {
        let mut functions = self.shared.functions.clone();
        let indices: Vec<usize> = newer.iter().map(|newer| newer.index).collect();
        for Newer { index, code, trial } in newer {
            let function = functions[index].with_code(code);
            if let Some(trial) = trial {
                trial.tell(&function);
            }
            functions[index] = Arc::new(function);
        }
        let mut shared = self.shared.successor(functions, &indices);
        let mut first = shared.first_worker().await?;
        let judgements: Vec<_> = indices.iter().map(|index| self.judge(*index, &shared)).collect();
        if judgements.iter().all(Judgement::keeps_old) {
            return Ok(Renewed { pool: None, judgements });
        }
        if judgements.iter().any(Judgement::keeps_old) {
            drop(first);
            let mut functions = shared.functions.clone();
            for judgement in judgements.iter().filter(|judgement| judgement.keeps_old()) {
                functions[judgement.index] = self.shared.functions[judgement.index].clone();
            }
            shared = self.shared.successor(functions, &indices);
            first = shared.first_worker().await?;
        }
        let pool = Self::open(shared, first);
        // Late ones join it while it serves.
        let _ = tokio::time::timeout(STAFFING, pool.staffed()).await;
        Ok(Renewed { pool: Some(pool), judgements })
    }

    fn judge(&self, index: usize, newer: &Shared) -> Judgement {
        let function = &newer.functions[index];
        let fault = function.fault.get().or_else(|| function.throws()).cloned();
        let findings = function.findings.get().cloned().unwrap_or_default();
        let old = &self.shared.functions[index];
        let old_serves = fault.is_some() && old.fault.get().is_none() && old.throws().is_none();
        let is_slow = function.is_slow.load(super::Ordering::Relaxed);
        Judgement { index, fault, findings, old_serves, is_slow }
    }

    /// Returns when all workers that take calls are there.
    async fn staffed(&self) {
        let shared = &self.shared;
        loop {
            let mut arrived = std::pin::pin!(shared.arrived.notified());
            arrived.as_mut().enable();
            if shared.roster.lock().workers() >= shared.workers.saturating_sub(1) {
                return;
            }
            arrived.await;
        }
    }
}

impl PooledFunction {
    /// The same function with other code: it counts on, and starts with a clean slate.
    pub(super) fn with_code(&self, code: String) -> Self {
        let load = super::OrderedLoad { code, ..self.load.clone() };
        Self::new(self.function.clone(), load, self.counters.clone())
    }

    pub(super) fn new(function: Arc<super::Function>, load: super::OrderedLoad, counters: Arc<Counters>) -> Self {
        Self {
            function,
            load,
            fault: super::OnceLock::new(),
            findings: super::OnceLock::new(),
            proof: super::OnceLock::new(),
            deadly: super::AtomicBool::new(false),
            throttle: super::Mutex::default(),
            is_slow: super::AtomicBool::new(false),
            polling: super::Mutex::default(),
            counters,
        }
    }
}

impl Shared {
    /// The same pool of other functions, without workers. Those in `changed` are no suspects any more.
    fn successor(&self, functions: Vec<Arc<PooledFunction>>, changed: &[usize]) -> Arc<Self> {
        let roster = self.roster.lock().successor(changed);
        let successor = Arc::new(self.with(functions, roster, Duration::from_millis(FUNCTION_RELOAD_MS_MAX)));
        self.stores.serve(&successor);
        successor
    }

    /// As it was before its first worker, but for these.
    pub(super) fn with(&self, functions: Vec<Arc<PooledFunction>>, roster: Roster, patience: Duration) -> Self {
        Self {
            spawner: self.spawner.clone(),
            executable: self.executable.clone(),
            functions,
            patience,
            stores: self.stores.clone(),
            roster: super::Mutex::new(roster),
            template: tokio::sync::Mutex::default(),
            workers: self.workers,
            starts: self.starts.clone(),
            places: self.places.clone(),
            next_id: super::AtomicU64::new(0),
            changed: super::Notify::new(),
            arrived: super::Notify::new(),
        }
    }
}
