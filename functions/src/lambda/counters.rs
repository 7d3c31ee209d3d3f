//! What one Lambda@Edge function did since the node started.

use crate::meter;
use crate::{Failure, FailureKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts while the node serves.
#[derive(Debug, Default)]
pub(super) struct Counters {
    invocations: AtomicU64,
    duration_us: AtomicU64,
    billed_ms: AtomicU64,
    starts: AtomicU64,
    start_us: AtomicU64,
    start_failures: AtomicU64,
    execution_errors: AtomicU64,
    validation_errors: AtomicU64,
    limit_exceeded: AtomicU64,
    memory_used_mb_max: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events that an environment took: Lambda's `Invocations`, and what AWS bills.
    pub invocations: u64,
    /// From handing them over to their ends, together.
    pub duration_us: u64,
    /// Their durations in milliseconds, each rounded up.
    pub billed_ms: u64,
    /// Environments that were started.
    pub starts: u64,
    /// What that took, together.
    pub start_us: u64,
    /// Environments that could not be started.
    pub start_failures: u64,
    /// `LambdaExecutionError`
    pub execution_errors: u64,
    /// `LambdaValidationError`
    pub validation_errors: u64,
    /// `LambdaLimitExceeded`, Lambda's `Throttles`
    pub limit_exceeded: u64,
    /// The most that one environment used.
    pub memory_used_mb_max: u64,
    /// What each may use, and is billed for.
    pub memory_mb: u32,
    /// Environments that start, run or idle now.
    pub environments: u64,
}

impl Figures {
    /// What AWS would charge for the invocations.
    pub fn usd(&self) -> f64 {
        meter::lambda_usd(self.invocations, self.billed_ms, self.memory_mb)
    }
}

impl Counters {
    /// An environment is done with an event.
    pub(super) fn call(&self, duration: Duration, memory_used_mb_max: u64) {
        self.invocations.fetch_add(1, Ordering::Relaxed);
        self.duration_us.fetch_add(micros(duration), Ordering::Relaxed);
        self.billed_ms.fetch_add(meter::billed_ms(duration), Ordering::Relaxed);
        self.memory_used_mb_max.fetch_max(memory_used_mb_max, Ordering::Relaxed);
    }

    pub(super) fn started(&self, took: Duration) {
        self.starts.fetch_add(1, Ordering::Relaxed);
        self.start_us.fetch_add(micros(took), Ordering::Relaxed);
    }

    pub(super) fn start_failed(&self) {
        self.start_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, failure: &Failure) {
        let counter = match failure.kind {
            FailureKind::LambdaValidation => &self.validation_errors,
            FailureKind::LambdaLimitExceeded => &self.limit_exceeded,
            _ => &self.execution_errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn figures(&self, memory_mb: u32, environments: u64) -> Figures {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            invocations: of(&self.invocations),
            duration_us: of(&self.duration_us),
            billed_ms: of(&self.billed_ms),
            starts: of(&self.starts),
            start_us: of(&self.start_us),
            start_failures: of(&self.start_failures),
            execution_errors: of(&self.execution_errors),
            validation_errors: of(&self.validation_errors),
            limit_exceeded: of(&self.limit_exceeded),
            memory_used_mb_max: of(&self.memory_used_mb_max),
            memory_mb,
            environments,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
