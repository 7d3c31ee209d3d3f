//! Results that CloudFront does not take, in the words of its validation log.

use crate::{Failure, FailureKind};
use serde_json::Value;

/// A refusal. `detail` is what CloudFront writes to its validation log.
pub(super) fn invalid(sentence: Option<&'static str>, detail: impl std::fmt::Display) -> Failure {
    Failure {
        kind: FailureKind::LambdaValidation,
        sentence: sentence.map(Into::into),
        detail: format!("Validation error: {detail}"),
    }
}

pub(super) fn refused(what: impl std::fmt::Display) -> Failure {
    invalid(None, format!("Lambda function result failed validation, {what}."))
}

/// A value for a message: whatever a function returned, the line stays short.
pub(super) fn shortened(value: &Value) -> String {
    const CHARACTERS_MAX: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
