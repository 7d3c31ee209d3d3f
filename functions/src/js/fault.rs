//! What went wrong in a call, in the words of CloudFront's engine.

use super::text::utf8;
use crate::{Failure, FailureKind};
use boa_engine::error::{EngineError, RuntimeLimitError};
use boa_engine::{Context, JsError, JsValue, js_string};
use std::borrow::Cow;

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It threw, went beyond a limit or returned nonsense; the text is `TypeError: …`.
    Execution(String),
    /// It returned something CloudFront does not accept.
    Validation {
        /// CloudFront's sentence, where it is known.
        sentence: Option<&'static str>,
        /// What and where, and what it should be.
        detail: String,
    },
}

impl Fault {
    /// A result that CloudFront refuses.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::Validation { sentence: None, detail: detail.into() }
    }

    /// What the function threw.
    pub(super) fn thrown(error: JsError, context: &mut Context) -> Self {
        Self::Execution(text_of(error, context))
    }

    /// For the host.
    pub(super) fn into_failure(self, function: &str) -> Failure {
        match self {
            Self::Execution(text) => Failure {
                kind: FailureKind::FunctionExecution,
                sentence: None,
                detail: format!("function \"{function}\": {text}"),
            },
            Self::Validation { sentence, detail } => Failure {
                kind: FailureKind::FunctionValidation,
                sentence: sentence.map(Cow::Borrowed),
                detail: format!("function \"{function}\": {detail}"),
            },
        }
    }
}

/// `TypeError: cannot get property "x" of undefined`.
pub(super) fn text_of(error: JsError, context: &mut Context) -> String {
    if let Some(limit) = limit_of(&error) {
        return limit;
    }
    match error.into_opaque(context) {
        Ok(value) => describe(&value, context),
        Err(error) => limit_of(&error).unwrap_or_else(|| error.to_string()),
    }
}

fn limit_of(error: &JsError) -> Option<String> {
    Some(match error.as_engine()? {
        EngineError::RuntimeLimit(RuntimeLimitError::LoopIteration) => {
            "RangeError: a loop took more turns than a call has time for".to_owned()
        }
        EngineError::RuntimeLimit(RuntimeLimitError::Recursion | RuntimeLimitError::StackSize) => {
            "RangeError: Maximum call stack size exceeded".to_owned()
        }
        other => format!("InternalError: {other}"),
    })
}

/// What `throw value` looks like from outside; never throws itself.
pub(super) fn describe(value: &JsValue, context: &mut Context) -> String {
    let Some(object) = value.as_object() else {
        return value.to_string(context).map_or_else(|_| value.type_of().to_owned(), |text| utf8(&text));
    };
    let mut member = |name| match object.get(name, context) {
        Ok(member) if !member.is_undefined() => member.to_string(context).ok().map(|text| utf8(&text)),
        _ => None,
    };
    let (name, message) = (member(js_string!("name")), member(js_string!("message")));
    match (name, message) {
        (Some(name), Some(message)) if !message.is_empty() => {
            format!("{name}: {}", in_cloudfronts_words(&message))
        }
        (Some(name), _) => name,
        (None, Some(message)) => message,
        (None, None) => value.to_string(context).map_or_else(|_| "[object Object]".to_owned(), |text| utf8(&text)),
    }
}

/// The texts of CloudFront's engine for what boa says in its own.
fn in_cloudfronts_words(message: &str) -> Cow<'_, str> {
    if let Some(name) = message.strip_suffix(" is not defined") {
        if !name.is_empty() && !name.contains([' ', '"']) {
            return Cow::Owned(format!("\"{name}\" is not defined"));
        }
    }
    if let Some(property) = message.strip_prefix("cannot set non-writable property: ") {
        return Cow::Owned(format!("Cannot assign to read-only property \"{property}\" of object"));
    }
    Cow::Borrowed(match message {
        "invalid escape character found" => "malformed URI",
        message if message.starts_with("cannot mutate an immutable binding") => "assignment to constant variable",
        message => message,
    })
}
