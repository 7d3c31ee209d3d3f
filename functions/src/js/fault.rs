//! What went wrong in a call, in the words of CloudFront's engine.

mod place;
mod reword;
mod words;

pub(super) use place::Operations;
pub(super) use reword::Reword;
pub(super) use words::memory_used_up;

use super::host::Host;
use super::text::utf8;
use crate::{Failure, FailureKind, rules};
use boa_engine::builtins::error::Error;
use boa_engine::error::{EngineError, RuntimeLimitError};
use boa_engine::{Context, JsError, JsValue, js_string};
use homefront_config::limits::FUNCTION_ERROR_BYTES_MAX;
use place::Place;
use std::borrow::Cow;
use std::error::Error as _;
use words::translate;

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It threw, went beyond a limit or returned nonsense.
    Execution {
        /// `TypeError: …`
        text: String,
        /// Where in the source, from 1.
        line: Option<u32>,
    },
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

    /// An origin that CloudFront refuses.
    pub(super) fn invalid_origin(detail: String) -> Self {
        Self::Validation { sentence: Some(rules::SENTENCE_ORIGIN_REWRITE), detail }
    }

    /// A failed execution that has no place in the source.
    pub(super) fn execution(text: impl Into<String>) -> Self {
        Self::Execution { text: text.into(), line: None }
    }

    /// What the function threw.
    pub(super) fn thrown(error: JsError, context: &mut Context) -> Self {
        let of_the_engine =
            error.as_opaque().is_none_or(|value| value.as_object().is_some_and(|object| object.is::<Error>()));
        // boa says of a loop that is too long where its function begins.
        let place = (of_the_engine && !is_too_long_a_loop(&error)).then(|| Place::of(&error.to_string())).flatten();
        let text = cut(text_of(error, context));
        let text = if text.is_empty() { "what was thrown has no text".to_owned() } else { text };
        let (text, line) = blame(&text, place, &Host::of(context)).unwrap_or((text, place.map(|place| place.line)));
        Self::Execution { text, line }
    }

    /// For the host: one line, whatever the function put into its error.
    pub(crate) fn into_failure(self, function: &str) -> Failure {
        let (kind, sentence, detail) = match self {
            Self::Execution { text, line: Some(line) } => {
                (FailureKind::FunctionExecution, None, format!("{text} (line {line})"))
            }
            Self::Execution { text, line: None } => (FailureKind::FunctionExecution, None, text),
            Self::Validation { sentence, detail } => {
                (FailureKind::FunctionValidation, sentence.map(Cow::Borrowed), cut(detail))
            }
        };
        let detail = detail.replace(char::is_control, " ");
        Failure { kind, sentence, detail: format!("function \"{function}\": {detail}") }
    }
}

/// Whether an error's text, with its class, is what a write to something frozen gives. What comes of it is dear, so that a text which only
/// has such words in it, perhaps a viewer's, is none.
pub(super) fn is_refused_write(text: &str) -> bool {
    const BEGINNINGS: [&str; 4] = [
        "Cannot assign to read-only property \"",
        "Cannot redefine property: \"",
        "Cannot delete property",
        "can't set prototype of this object",
    ];
    let message = text.strip_prefix("TypeError: ");
    message.is_some_and(|message| BEGINNINGS.iter().any(|beginning| message.starts_with(beginning)))
}

/// At most `FUNCTION_ERROR_BYTES_MAX` bytes.
fn cut(mut text: String) -> String {
    let mut end = text.len().min(FUNCTION_ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
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
    Some(match behind_panics(error.as_engine()?) {
        EngineError::RuntimeLimit(RuntimeLimitError::LoopIteration) => {
            "RangeError: a loop took more turns than a call has time for".to_owned()
        }
        EngineError::RuntimeLimit(RuntimeLimitError::Recursion | RuntimeLimitError::StackSize) => {
            "RangeError: Maximum call stack size exceeded".to_owned()
        }
        other => format!("InternalError: {other}"),
    })
}

fn is_too_long_a_loop(error: &JsError) -> bool {
    let limit = error.as_engine().map(behind_panics);
    matches!(limit, Some(EngineError::RuntimeLimit(RuntimeLimitError::LoopIteration)))
}

/// The engine takes a limit for an inconsistency where it goes on to make a promise.
fn behind_panics(error: &EngineError) -> &EngineError {
    let EngineError::Panic(panic) = error else { return error };
    let source = panic.source();
    let source = source.and_then(|source| {
        source.downcast_ref::<JsError>().or_else(|| source.downcast_ref::<Box<JsError>>().map(|boxed| &**boxed))
    });
    source.and_then(JsError::as_engine).map_or(error, behind_panics)
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
            let translated = translate(&name, &message);
            format!("{name}: {}", translated.as_deref().unwrap_or(&message))
        }
        (Some(name), _) => name,
        (None, Some(message)) => message,
        (None, None) => value.to_string(context).map_or_else(|_| "[object Object]".to_owned(), |text| utf8(&text)),
    }
}

/// Text and line of an error that boa tells less of than CloudFront's engine.
fn blame(text: &str, place: Option<Place>, host: &Host) -> Option<(String, Option<u32>)> {
    if let Some(name) = text.strip_prefix("ReferenceError: \"").and_then(|rest| rest.strip_suffix("\" is not defined"))
    {
        // boa places these at the statement before; the name itself is the better guide.
        return Some((text.to_owned(), only_line_with(name, &host.source.borrow().text)));
    }
    let place = place?;
    match text {
        "TypeError: cannot convert 'null' or 'undefined' to object" => Some(host.operations().on_undefined(place)),
        "TypeError: not a callable function" => Some((host.operations().not_a_function(place), Some(place.line))),
        "TypeError: not a constructor" => Some((host.operations().not_a_constructor(place), Some(place.line))),
        "TypeError: Cannot delete property" => Some((host.operations().not_deleted(place), Some(place.line))),
        _ => None,
    }
}

/// The line on which a name stands, if it stands on one only.
fn only_line_with(name: &str, source: &str) -> Option<u32> {
    let names = |line: &str| line.split(|character| !is_word(character)).any(|word| word == name);
    let mut lines = source.lines().enumerate().filter(|(_, line)| names(line));
    let (index, _) = lines.next()?;
    lines.next().is_none().then_some(index as u32 + 1)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::is_refused_write;

    #[test]
    fn a_refused_write_is_told_by_class_and_words_from_their_beginning() {
        for text in [
            "TypeError: Cannot assign to read-only property \"a\" of object",
            "TypeError: Cannot redefine property: \"a\"",
            "TypeError: Cannot delete property \"a\" of object",
            "TypeError: can't set prototype of this object",
        ] {
            assert!(is_refused_write(text), "{text}");
        }
        // What a viewer may have brought into an error of the program's own.
        for text in [
            "Error: Cannot delete property \"a\" of object",
            "TypeError: bad token: Cannot delete property",
            "Error: bad token: not extensible",
            "Cannot redefine property: \"a\"",
        ] {
            assert!(!is_refused_write(text), "{text}");
        }
    }
}
