//! What CloudFront's TestFunction does: one event object in JSON, one run of a function, the report AWS gives.

use crate::Failure;
use crate::js::FunctionSource;

/// What a test run gave, in the words of CloudFront's `TestResult`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// `{"request":…}` or `{"response":…}`, JSON with AWS's member order; empty after an error.
    pub function_output: String,
    /// The lines of `console.log`.
    pub logs: Vec<String>,
    /// Empty, or `The CloudFront function associated with the CloudFront distribution is invalid or could not run. ` and the error.
    pub error_message: String,
    /// 0 to 100: the share of the permitted time.
    pub compute_utilization: u8,
    /// What CloudFront would refuse in production although TestFunction does not check it.
    pub failure: Option<Failure>,
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

/// Runs `source` on the event object `event_json`.
pub fn test_function(_source: FunctionSource, _event_json: &[u8], _now_ms: u64) -> Result<TestResult, EventError> {
    Err(EventError::NotJson("empty".to_owned()))
}
