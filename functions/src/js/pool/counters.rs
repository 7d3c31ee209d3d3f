//! CloudWatch's figures of one function, kept here.

use crate::js::CallResult;
use crate::js::Outcome;
use crate::{FailureKind, Verdict};
use homefront_config::limits::FUNCTION_COMPUTE_US_MAX;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a function did since the node started.
#[derive(Debug, Default)]
pub struct Counters {
    invocations: AtomicU64,
    validation_errors: AtomicU64,
    execution_errors: AtomicU64,
    throttles: AtomicU64,
    utilization: [AtomicU64; 3],
    utilization_percent_sum: AtomicU64,
}

/// The counters at one moment, under CloudWatch's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// `FunctionInvocations`
    pub invocations: u64,
    /// `FunctionValidationErrors`
    pub validation_errors: u64,
    /// `FunctionExecutionErrors`
    pub execution_errors: u64,
    /// `FunctionThrottles`
    pub throttles: u64,
    /// Calls by compute utilization: up to 50 % (comfortable), up to 70 % (look at it), beyond (likely to be throttled).
    pub utilization: [u64; 3],
    /// Divided by the sum of [`Figures::utilization`] it is `FunctionComputeUtilization`.
    pub utilization_percent_sum: u64,
}

impl Counters {
    /// A call ended with a result. Its utilization is its CPU time's share of what CloudFront permits.
    pub(in crate::js) fn call(&self, result: &CallResult) {
        self.invocations.fetch_add(1, Ordering::Relaxed);
        let percent = utilization_percent(result.cpu_us);
        let band = if percent <= 50 { 0 } else { 1 + usize::from(percent > 70) };
        self.utilization[band].fetch_add(1, Ordering::Relaxed);
        self.utilization_percent_sum.fetch_add(percent, Ordering::Relaxed);
        let (Outcome::Request(Verdict::Fail(failure)) | Outcome::Response(Verdict::Fail(failure))) = &result.outcome
        else {
            return;
        };
        self.failure(failure.kind);
    }

    /// A call ended without a result.
    pub(in crate::js) fn no_result(&self, kind: FailureKind) {
        self.invocations.fetch_add(1, Ordering::Relaxed);
        self.failure(kind);
    }

    fn failure(&self, kind: FailureKind) {
        let counter = match kind {
            FailureKind::FunctionValidation => &self.validation_errors,
            FailureKind::FunctionThrottled => &self.throttles,
            _ => &self.execution_errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The figures now.
    pub fn figures(&self) -> Figures {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            invocations: of(&self.invocations),
            validation_errors: of(&self.validation_errors),
            execution_errors: of(&self.execution_errors),
            throttles: of(&self.throttles),
            utilization: [&self.utilization[0], &self.utilization[1], &self.utilization[2]].map(of),
            utilization_percent_sum: of(&self.utilization_percent_sum),
        }
    }
}

/// 0 to 100.
fn utilization_percent(cpu_us: u64) -> u64 {
    (cpu_us.saturating_mul(100) / FUNCTION_COMPUTE_US_MAX).min(100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, RequestEdit};

    fn result(cpu_us: u64, verdict: Verdict<RequestEdit>) -> CallResult {
        CallResult { outcome: Outcome::Request(verdict), logs: Vec::new(), log_data: None, cpu_us }
    }

    #[test]
    fn calls_are_counted_in_the_bands_of_the_developer_guide() {
        let counters = Counters::default();
        for thousandth in [0, 500, 509, 510, 700, 709, 710, 1_000, u64::MAX / FUNCTION_COMPUTE_US_MAX] {
            let cpu_us = (thousandth * FUNCTION_COMPUTE_US_MAX).div_ceil(1_000);
            counters.call(&result(cpu_us, Verdict::Continue(RequestEdit::default())));
        }
        let figures = counters.figures();
        assert_eq!((figures.invocations, figures.utilization), (9, [3, 3, 3]));
        assert_eq!(figures.utilization_percent_sum, 50 + 50 + 51 + 70 + 70 + 71 + 100 + 100);
    }

    #[test]
    fn failures_are_counted_by_their_kind() {
        let counters = Counters::default();
        let failure = |kind| Verdict::Fail(Failure { kind, sentence: None, detail: String::new() });
        counters.call(&result(1, failure(FailureKind::FunctionValidation)));
        counters.no_result(FailureKind::FunctionExecution);
        counters.no_result(FailureKind::FunctionThrottled);
        let figures = counters.figures();
        assert_eq!((figures.validation_errors, figures.execution_errors, figures.throttles), (1, 1, 1));
        assert_eq!(figures.invocations, 3);
    }
}
