//! One event in one environment, from handing it over to the REPORT line.

use super::environment::{EXIT_ERROR, Environment, Outcome, Plan, exit_message, killed_message, memory_bytes_max};
use super::runtime_api::Answer;
use super::start_failure::{StartFailure, TIMEOUT_ERROR};
use super::usage::Excess;
use crate::{Failure, FailureKind};
use bytes::Bytes;
use homefront_config::Lambda;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Characters of a function's own error message that a log line repeats.
const SUMMARY_CHARACTERS_MAX: usize = 500;

/// An event that no environment was given.
#[derive(Debug, Clone)]
pub(super) struct NoCall {
    /// For the proxy and the log.
    pub(super) failure: Failure,
    /// The error object of the start that it waited for and that failed, if it was that.
    of_start: Option<Bytes>,
}

impl NoCall {
    /// A start that failed.
    pub(super) fn not_started(lambda: &Lambda, start: &StartFailure) -> Self {
        Self { failure: execution_failure(lambda, &start.reason), of_start: Some(start.payload.clone()) }
    }

    /// The error object Lambda gives a caller.
    pub(super) fn error_payload(&self) -> Bytes {
        self.of_start.clone().unwrap_or_else(|| {
            serde_json::json!({"errorType": EXIT_ERROR, "errorMessage": self.failure.detail}).to_string().into()
        })
    }
}

impl From<Failure> for NoCall {
    fn from(failure: Failure) -> Self {
        Self { failure, of_start: None }
    }
}

/// A call that runs. It goes on when whoever waits for it goes away, as on Lambda.
#[derive(Debug)]
pub(super) struct Call {
    environment: Box<Environment>,
    request_id: String,
    reply: oneshot::Receiver<Answer>,
    started: Instant,
    deadline: Instant,
    memory_bytes_max: u64,
    duration: Duration,
}

impl Call {
    /// `started`: before it was handed over, after which its answer may be there at once.
    pub(super) fn new(
        environment: Box<Environment>,
        request_id: String,
        reply: oneshot::Receiver<Answer>,
        lambda: &Lambda,
        started: Instant,
    ) -> Self {
        let (deadline, memory_bytes_max) = (started + lambda.timeout, memory_bytes_max(lambda));
        Self { environment, request_id, reply, started, deadline, memory_bytes_max, duration: Duration::ZERO }
    }

    /// `Lambda-Runtime-Aws-Request-Id`
    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// From handing it over to the last [`Call::outcome`].
    pub(super) fn duration(&self) -> Duration {
        self.duration
    }

    /// What comes of it; `None`: nothing, the process ended before it read its event. May be cancelled and asked again.
    pub(super) async fn outcome(&mut self) -> Option<Outcome> {
        let outcome = self.environment.outcome(&mut self.reply, self.deadline, self.memory_bytes_max).await;
        self.duration = self.started.elapsed();
        outcome
    }

    /// Ends a call of which nothing came; gives the environment, which is of no use any more.
    pub(super) fn abandon(self) -> Box<Environment> {
        self.environment.report_untouched(&self.request_id);
        self.environment
    }

    /// Writes the lines that end the call. `Err` is an environment that is of no use any more; it is killed.
    pub(super) fn finish(mut self, plan: &Plan, outcome: &Outcome) -> Result<Box<Environment>, Box<Environment>> {
        self.environment.measure();
        let lives = matches!(outcome, Outcome::Response(_) | Outcome::Error { .. });
        // The channel of what is killed is lost as well.
        let lost_its_channel = self.environment.has_lost_its_channel();
        if !lives {
            self.environment.child.kill();
        }
        if let Outcome::Exceeded(Excess::Files) = outcome {
            // The next environment makes an empty one. Removing files takes time.
            let full = self.environment.folder.take();
            tokio::task::spawn_blocking(move || drop(full));
        }
        self.environment.report(plan, &self.request_id, self.duration, outcome, lost_its_channel);
        if lives { Ok(self.environment) } else { Err(self.environment) }
    }
}

/// The error object Lambda gives a caller for an outcome that is no result.
pub(super) fn error_payload(lambda: &Lambda, request_id: &str, outcome: &Outcome) -> Bytes {
    let (error_type, message) = match outcome {
        Outcome::Response(payload) | Outcome::Error { payload, .. } => return payload.clone(),
        Outcome::TimedOut => {
            let seconds = lambda.timeout.as_secs_f64();
            (TIMEOUT_ERROR, format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"))
        }
        Outcome::Exited(exit) => (EXIT_ERROR, exit_message(request_id, *exit)),
        Outcome::Exceeded(excess) => (excess.error_type(), killed_message(request_id)),
    };
    serde_json::json!({"errorType": error_type, "errorMessage": message}).to_string().into()
}

/// What the proxy is told of an outcome that is no result.
pub(super) fn failure(lambda: &Lambda, request_id: &str, outcome: &Outcome) -> Failure {
    let what = match outcome {
        Outcome::Error { payload, .. } => format!("{} (RequestId: {request_id})", error_summary(payload)),
        other => error_summary(&error_payload(lambda, request_id, other)),
    };
    execution_failure(lambda, &what)
}

/// `LambdaExecutionError`
pub(super) fn execution_failure(lambda: &Lambda, what: &str) -> Failure {
    Failure {
        kind: FailureKind::LambdaExecution,
        sentence: None,
        detail: format!("lambda \"{}\": {what}", lambda.name),
    }
}

/// `ValueError: boom`, from the error object a runtime posted.
pub(super) fn error_summary(payload: &[u8]) -> String {
    #[derive(serde::Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct ErrorObject {
        error_type: String,
        error_message: String,
    }
    let object: ErrorObject = serde_json::from_slice(payload).unwrap_or_default();
    let text = match (object.error_type.as_str(), object.error_message.as_str()) {
        ("", "") => "the function reported an error without a message".to_owned(),
        ("", message) => message.to_owned(),
        (error_type, "") => error_type.to_owned(),
        (error_type, message) => format!("{error_type}: {message}"),
    };
    text.chars()
        .take(SUMMARY_CHARACTERS_MAX)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}
