//! Why an environment did not start: for the log, for the author, and as the error object that Lambda gives whoever asked.

use super::call::error_summary;
use super::environment::{EXIT_ERROR, Plan, exit_words};
use super::log::Status;
use super::runtime_api::Answer;
use super::usage::Excess;
use crate::process::Exit;
use bytes::Bytes;
use std::io;
use std::time::Duration;

/// Lambda's name for a program that cannot be started.
const ENTRYPOINT_ERROR: &str = "Runtime.InvalidEntrypoint";
/// Its name for a time that is over.
pub(super) const TIMEOUT_ERROR: &str = "Sandbox.Timedout";
/// Its name for what it has no better one for.
const UNKNOWN_ERROR: &str = "Runtime.Unknown";

/// How a start ended early.
#[derive(Debug)]
pub(super) enum StartEnd {
    /// There is nowhere to put its files.
    NoFolder(io::Error),
    /// The system does not run it.
    NotRun(io::Error),
    /// What the runtime posted to `init/error`.
    Reported(Answer),
    Exited(Exit),
    Exceeded(Excess),
    TimedOut,
}

/// A start that failed.
#[derive(Debug, Clone)]
pub(super) struct StartFailure {
    /// For the log and the author.
    pub(super) reason: String,
    /// Lambda's error object. A call that was never begun has no request id, so that it names none.
    pub(super) payload: Bytes,
    error_type: String,
}

impl StartEnd {
    /// An error to start, of a program that held too much before it told of it, or not.
    pub(super) fn reported(answer: Answer, held_too_much: bool) -> Self {
        if held_too_much { Self::Exceeded(Excess::Memory) } else { Self::Reported(answer) }
    }

    /// `time_max` is what it had.
    pub(super) fn failure(self, plan: &Plan, time_max: Duration) -> StartFailure {
        match self {
            Self::NoFolder(error) => {
                StartFailure::new(UNKNOWN_ERROR, format!("cannot make a folder for temporary files: {error}"))
            }
            // To the system it is the program that cannot be found.
            Self::NotRun(_) if !plan.package.path().is_dir() => {
                let package = plan.package.path().display();
                StartFailure::new(ENTRYPOINT_ERROR, format!("its deployment package {package} is not there any more"))
            }
            Self::NotRun(error) => {
                StartFailure::new(ENTRYPOINT_ERROR, format!("cannot start {}: {error}", plan.program.path.display()))
            }
            Self::Reported(Answer::Error { error_type, payload }) => {
                StartFailure { reason: error_summary(&payload), payload, error_type }
            }
            Self::Reported(Answer::Response(_) | Answer::Untouched) => StartFailure::new(EXIT_ERROR, String::new()),
            Self::Exited(exit) => StartFailure {
                reason: format!("the process ended while it started: {exit}"),
                ..StartFailure::new(EXIT_ERROR, format!("Error: {}", exit_words(exit)))
            },
            Self::Exceeded(excess) => {
                let reason = format!("the process was ended while it started: {}", excess.reason(&plan.lambda));
                StartFailure::new(excess.error_type(), reason)
            }
            Self::TimedOut => {
                let seconds = time_max.as_secs_f64();
                StartFailure {
                    reason: format!("it did not start within {seconds:.2} s"),
                    ..StartFailure::new(TIMEOUT_ERROR, format!("Error: Task timed out after {seconds:.2} seconds"))
                }
            }
        }
    }
}

impl StartFailure {
    fn new(error_type: &str, reason: String) -> Self {
        let payload = serde_json::json!({"errorType": error_type, "errorMessage": reason}).to_string().into();
        Self { reason, payload, error_type: error_type.to_owned() }
    }

    /// The same with a remark behind its reason.
    pub(super) fn with_remark(&self, remark: &str) -> Self {
        Self { reason: format!("{} ({remark})", self.reason), ..self.clone() }
    }

    /// What an `INIT_REPORT` line says of it.
    pub(super) fn status(&self) -> Status<'_> {
        if self.error_type == TIMEOUT_ERROR { Status::Timeout } else { Status::Error(&self.error_type) }
    }
}
