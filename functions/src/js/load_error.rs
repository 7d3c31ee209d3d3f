//! Why a function cannot be loaded, in the words of CloudFront's engine.

use super::Fault;

/// What is said of a source without a handler.
pub(super) const NO_HANDLER: &str = "ReferenceError: \"handler\" is not defined";

/// Why a function cannot be loaded. On CloudFront every request of such a function is throttled (503).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// As CloudFront says it, e.g. `SyntaxError: Unexpected token "=>" in 10`.
    pub message: String,
    /// The line of the source it is about, from 1.
    pub line: Option<u32>,
    /// The column in characters, from 1.
    pub column: Option<u32>,
}

impl LoadError {
    /// About the source as a whole.
    pub(super) fn of_source(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: None, column: None }
    }

    /// About a top level that throws.
    pub(super) fn of_top_level(fault: Fault) -> Self {
        let (text, line) = match fault {
            Fault::Execution { text, line } => (text, line),
            Fault::Validation { detail, .. } => (detail, None),
        };
        let text = text.replace(char::is_control, " ");
        let message = format!("its top level throws, in every call before the handler is reached: {text}");
        Self { message, line, column: None }
    }

    /// `SyntaxError: … in 10`
    pub(super) fn syntax(what: &str, line: Option<u32>) -> Self {
        let message = match line {
            Some(line) => format!("SyntaxError: {what} in {line}"),
            None => format!("SyntaxError: {what}"),
        };
        Self { message, line, column: None }
    }

    /// The same with the column it is about.
    #[must_use]
    pub(super) fn in_column(self, column: Option<u32>) -> Self {
        Self { column, ..self }
    }
}
