//! What came of a case, judged: the pure half of `homefront test`.

mod always;
mod compare;
mod diff;
mod event;
mod json;
mod lambda_event;
mod seen;
mod varying;

pub use always::VIA_HOST;
pub use compare::{answer, call, log_contains, origin_request};
pub use diff::diff;
pub use event::{viewer_request, viewer_response};
pub use lambda_event::lambda_event;
pub use seen::Seen;
pub use varying::{REQUEST_ID, Varying};

use crate::lambda::{InvokeResult, is_frame};
use crate::test_function::TestResult;
use serde_json::Value;
use std::fmt;

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What: the key of `expect`, and more where it has parts, as in `headers: x-cache`.
    pub what: String,
    /// What was expected and what came: a line, or several.
    pub detail: String,
}

impl Mismatch {
    /// `detail` says what was expected and what came.
    pub fn new(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), detail: detail.into() }
    }

    /// Two values that differ.
    pub(crate) fn values(what: impl Into<String>, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self::new(what, format!("expected {expected}, found {found}"))
    }

    /// A value that is missing from a text.
    pub(crate) fn within(what: impl Into<String>, expected: impl fmt::Display, found: &str) -> Self {
        Self::new(what, format!("expected {expected}, found:\n{}", shortened(found.trim_end())))
    }
}

/// Lines of a text that a report repeats.
const SHOWN_LINES_MAX: usize = 40;
/// Characters of each of them.
const SHOWN_CHARACTERS_MAX: usize = 400;

/// The end of a text that may be megabytes of log.
fn shortened(text: &str) -> String {
    let left_out = text.lines().count().saturating_sub(SHOWN_LINES_MAX);
    let before = (left_out > 0).then(|| format!("({left_out} lines before these)"));
    let lines = text.lines().skip(left_out).map(|line| match line.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}… ({} bytes more)", &line[..end], line.len() - end),
        None => line.to_owned(),
    });
    before.into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.detail.contains('\n') { '\n' } else { ' ' };
        write!(f, "{}:{separator}{}", self.what, self.detail)
    }
}

/// How a call of a function ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// What it returned; `None` after an error.
    pub output: Option<Value>,
    /// The error's text, as TestFunction or Lambda gives it.
    pub error: Option<String>,
    /// Why CloudFront would refuse what it returned.
    pub refusal: Option<Refusal>,
    /// The lines it printed, without those of the platform.
    pub log: Vec<String>,
    /// What is masked in its error and its log, so that they are the same in every run.
    pub varying: Varying,
    /// In percent; CloudFront Functions only.
    pub utilization: Option<u8>,
}

/// What CloudFront says of a result that it does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The sentence of its error page.
    pub sentence: String,
    /// What and where, and what it should be.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  {}", self.sentence, self.reason)
    }
}

impl Ran {
    /// Of a CloudFront Function; `refusal` is what `result.failure` comes to.
    pub fn function(result: &TestResult, refusal: Option<Refusal>) -> Self {
        let failed = !result.error_message.is_empty();
        Self {
            output: serde_json::from_str(&result.function_output).ok(),
            error: failed.then(|| result.error_message.clone()),
            refusal: refusal.filter(|_| !failed),
            log: result.logs.clone(),
            varying: Varying::default(),
            utilization: Some(result.compute_utilization),
        }
    }

    /// Of a Lambda@Edge function; `refusal` is what CloudFront would say of its result.
    pub fn lambda(result: &InvokeResult, refusal: Option<Refusal>) -> Self {
        let payload = serde_json::from_slice::<Value>(&result.payload).ok();
        let error = result.error.as_ref().map(|failure| {
            let member = |name: &str| payload.as_ref()?.get(name)?.as_str().map(str::to_owned);
            match (member("errorType"), member("errorMessage")) {
                (Some(kind), Some(message)) => format!("{kind}: {message}"),
                (None, Some(message)) => message,
                _ => failure.detail.clone(),
            }
        });
        let varying = Varying::of(result);
        Self {
            output: payload.filter(|_| error.is_none()),
            refusal: refusal
                .filter(|_| error.is_none())
                .map(|refusal| Refusal { reason: varying.text(&refusal.reason), ..refusal }),
            error: error.map(|error| varying.text(&error)),
            log: result.log.iter().filter(|line| !is_frame(line)).map(|line| varying.line(line)).collect(),
            varying,
            utilization: None,
        }
    }
}

#[cfg(test)]
mod tests;
