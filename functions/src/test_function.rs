//! What CloudFront's TestFunction does: one event object in JSON, one run of a function, the report AWS gives.

mod event_json;
mod output;

use crate::js::{Call, Engine, Examination, Fault, FunctionSource};
use crate::{Failure, OriginEdit};
use homefront_config::limits::FUNCTION_COMPUTE_US_MAX;

/// What to say beside a compute utilization that is too much, where the engine is not optimised.
pub const OF_A_DEBUG_BUILD: Option<&str> =
    if cfg!(debug_assertions) { Some("of a debug build: a release build takes a fraction of the time") } else { None };

/// What a test run gave, in the words of CloudFront's `TestResult`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// `{"request":…}` or `{"response":…}`, JSON with AWS's member order; empty after an error.
    pub function_output: String,
    /// The lines of `console.log`.
    pub logs: Vec<String>,
    /// Empty, or `The CloudFront function associated with the CloudFront distribution is invalid or could not run. ` and the error.
    pub error_message: String,
    /// Where in the source the error arose, from 1, which AWS does not tell.
    pub error_line: Option<u32>,
    /// Why the source is no function, each place with its column and the way out: what AWS does not tell.
    pub faults: Vec<String>,
    /// 0 to 100: the share of the permitted time.
    pub compute_utilization: u8,
    /// What CloudFront would refuse in production although TestFunction does not check it.
    pub failure: Option<Failure>,
    /// Where the function sends the request. Whether that is an origin is for the distribution to say.
    pub origin: Option<Box<OriginEdit>>,
}

/// Why an event object is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is too large.
    #[error("the event object has {bytes} bytes; CloudFront takes at most {max}")]
    TooLarge {
        /// What it has.
        bytes: u64,
        /// What is allowed.
        max: u64,
    },
    /// It is no JSON.
    #[error("the event object is not JSON: {0}")]
    NotJson(String),
    /// A member is missing or wrong.
    #[error("{path}: {problem}")]
    Member {
        /// Where, as in `request.headers.host.value`.
        path: String,
        /// What is wrong with it, and what it should be.
        problem: String,
    },
}

impl EventError {
    fn member(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Member { path: path.into(), problem: problem.into() }
    }
}

/// What AWS puts before an error of the code.
const COULD_NOT_RUN: &str =
    "The CloudFront function associated with the CloudFront distribution is invalid or could not run. ";

/// Runs `source` once on the event object `event_json`; the function sees the time `now_ms`.
///
/// Give it a stack and a process that a hostile function may exhaust, as for any call.
pub fn test_function(source: FunctionSource, event_json: &[u8], now_ms: u64) -> Result<TestResult, EventError> {
    let event = event_json::parse(event_json)?;
    let name = source.name.clone();
    let mut engine = Engine::new();
    let id = match engine.load(source) {
        Ok(id) => id,
        Err(error) => return Ok(TestResult::could_not_run(&error.message)),
    };
    let call = Call {
        event_type: event.kind,
        context: &event.context,
        request: &event.request,
        response: event.response.as_ref(),
        now_ms,
        random_seed: now_ms,
    };
    let Examination { returned, origin, fault, logs, cpu_us } = engine.examine(id, &call);
    let mut result = TestResult {
        function_output: returned.as_deref().and_then(output::function_output).unwrap_or_default(),
        logs,
        error_message: String::new(),
        error_line: None,
        faults: Vec::new(),
        compute_utilization: (cpu_us * 100 / FUNCTION_COMPUTE_US_MAX).min(100) as u8,
        failure: None,
        origin,
    };
    match fault {
        Some(Fault::Execution { text, line }) => {
            result.function_output.clear();
            result.error_line = line;
            result.error_message = format!("{COULD_NOT_RUN}{text}");
        }
        Some(invalid) => result.failure = Some(invalid.into_failure(&name)),
        None if result.function_output.is_empty() => {
            result
                .error_message
                .push_str("What the function returned cannot be written as JSON: is there a cycle in it?");
        }
        None => {}
    }
    Ok(result)
}

impl TestResult {
    /// The code could not be run at all, or not to its end.
    pub(crate) fn could_not_run(error: &str) -> Self {
        Self {
            function_output: String::new(),
            logs: Vec::new(),
            error_message: format!("{COULD_NOT_RUN}{error}"),
            error_line: None,
            faults: Vec::new(),
            compute_utilization: 0,
            failure: None,
            origin: None,
        }
    }
}

#[cfg(test)]
mod tests;
