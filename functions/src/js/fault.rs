//! What went wrong in a call, in the words of CloudFront's engine.

use super::host::Host;
use super::text::utf8;
use crate::{Failure, FailureKind};
use boa_engine::builtins::error::Error;
use boa_engine::error::{EngineError, RuntimeLimitError};
use boa_engine::{Context, JsError, JsValue, js_string};
use homefront_config::limits::FUNCTION_ERROR_BYTES_MAX;
use std::borrow::Cow;

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

    /// A failed execution that has no place in the source.
    pub(super) fn execution(text: impl Into<String>) -> Self {
        Self::Execution { text: text.into(), line: None }
    }

    /// What the function threw.
    pub(super) fn thrown(error: JsError, context: &mut Context) -> Self {
        let place = Place::of(&error);
        let source = Host::of(context).source.borrow().clone();
        let text = cut(text_of(error, context));
        let located = place.as_ref().and_then(|place| place.in_cloudfronts_words(&text, &source));
        let line = match text.strip_prefix("ReferenceError: \"").and_then(|rest| rest.strip_suffix("\" is not defined"))
        {
            // boa places these at the statement before; the name itself is the better guide.
            Some(name) => only_line_with(name, &source),
            None => place.map(|place| place.line as u32),
        };
        Self::Execution { text: located.unwrap_or(text), line }
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
    if let Some(name) = message.strip_suffix(" is not defined")
        && !name.is_empty()
        && !name.contains([' ', '"'])
    {
        return Cow::Owned(format!("\"{name}\" is not defined"));
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

/// Where an error arose.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    /// From the engine's own rendering of the error, which is the only place it tells: `at name (unknown at :line:column)`,
    /// innermost call first.
    fn of(error: &JsError) -> Option<Self> {
        if error.as_opaque().is_some_and(|value| !value.as_object().is_some_and(|object| object.is::<Error>())) {
            return None;
        }
        let rendered = error.to_string();
        let frames = rendered.lines().filter(|line| line.starts_with("    at "));
        frames.chain(rendered.lines().take(1)).find_map(|line| {
            let (_, position) = line.rsplit_once("(unknown at :")?;
            let (line, column) = position.strip_suffix(')')?.split_once(':')?;
            Some(Self { line: line.parse().ok()?, column: column.parse().ok()? })
        })
    }

    /// The text of CloudFront's engine, which names the member that boa does not.
    fn in_cloudfronts_words(&self, text: &str, source: &str) -> Option<String> {
        let line = source.lines().nth(self.line.checked_sub(1)?)?;
        let at = line.char_indices().nth(self.column.checked_sub(1)?)?.0;
        let (before, rest) = line.split_at(at);
        match text {
            "TypeError: cannot convert 'null' or 'undefined' to object" => {
                let assigned = rest.split_once('=').filter(|(target, value)| {
                    !value.starts_with('=') && target.trim_end().ends_with(is_word) && !before.ends_with('.')
                });
                let (verb, member) = match assigned {
                    Some((target, _)) => ("set", target.trim_end().rsplit('.').next()?),
                    None => ("get", &rest[..rest.find(|character| !is_word(character)).unwrap_or(rest.len())]),
                };
                let known = !member.is_empty() && member.chars().all(is_word);
                known.then(|| format!("TypeError: cannot {verb} property \"{member}\" of undefined"))
            }
            "TypeError: not a callable function" => {
                let callee = before.trim_end();
                let start = callee.rfind(|character| !is_word(character)).map_or(0, |found| found + 1);
                let name = &callee[start..];
                match (name.is_empty(), callee[..start].ends_with('.')) {
                    (true, _) => None,
                    (false, true) => Some(format!("TypeError: (intermediate value)[\"{name}\"] is not a function")),
                    (false, false) => Some(format!("TypeError: {name} is not a function")),
                }
            }
            _ => None,
        }
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
