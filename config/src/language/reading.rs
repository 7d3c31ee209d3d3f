//! What a pass over a file carries along: where paths start, the environment, and every problem found so far.

use super::{At, Node, Presence, Shape, Table, expand};
use crate::excerpt::Source;
use crate::report::{Problem, reason};
use miette::Severity;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::DeValue;

/// Characters of a text that a hint repeats.
const SHOWN_CHARACTERS_MAX: usize = 64;

/// Jaro-Winkler likeness from which a name is offered as what was meant.
const LIKENESS_MIN: f64 = 0.8;

/// One pass over one file.
pub(crate) struct Reading<'a> {
    source: &'a Source,
    base: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(source: &'a Source, base: &'a Path, env: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { source, base, env, problems: Vec::new() }
    }

    /// File, line and column of what stands there, as in `site.toml:12:11`.
    pub(crate) fn place(&self, span: &Range<usize>) -> String {
        let (line, column) = self.source.place(span.start);
        format!("{}:{line}:{column}", self.source.name())
    }

    /// Errors and warnings, each in the order of the file.
    pub(crate) fn finish(mut self) -> (Vec<Problem>, Vec<Problem>) {
        self.problems.sort_by_key(|problem| problem.span().start);
        self.problems.into_iter().partition(Problem::is_error)
    }

    /// Notes an error.
    pub(crate) fn error(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.note(Problem::new(Severity::Error, span, message))
    }

    /// Notes a warning.
    pub(crate) fn warn(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Problem {
        self.note(Problem::new(Severity::Warning, span, message))
    }

    fn note(&mut self, problem: Problem) -> &mut Problem {
        self.problems.push(problem);
        self.problems.last_mut().expect("just pushed")
    }

    /// Whether an error was noted inside of a value: what is left of it is not what was meant.
    pub(crate) fn is_broken(&self, span: &Range<usize>) -> bool {
        let inside = |at: &Range<usize>| span.start <= at.start && at.end <= span.end;
        self.problems.iter().any(|problem| problem.is_error() && inside(problem.span()))
    }

    /// Notes that a value has another type than its key takes.
    pub(crate) fn wrong_type(&mut self, node: &Node<'_>, expected: &Shape) {
        let found = match node.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let problem = self.error(node.span(), format!("expected {expected}, found {found}"));
        match (node.get_ref(), expected) {
            (DeValue::Table(_), Shape::List(_)) => {
                problem.hint("a list of tables has double brackets around its name: `[[…]]`");
            }
            (DeValue::Array(_), Shape::Table(_)) => {
                problem.hint("there is only one of it, so its name has single brackets: `[…]`");
            }
            (DeValue::String(text), Shape::Table(table)) => {
                if let Some(hint) = with_key(&table(), text) {
                    problem.hint(hint);
                }
            }
            _ => {}
        }
    }

    /// The string behind a key, `${…}` expanded.
    pub(crate) fn text(&mut self, node: &Node<'_>, expected: &Shape) -> Option<String> {
        let DeValue::String(text) = node.get_ref() else {
            self.wrong_type(node, expected);
            return None;
        };
        match expand::expand(text, self.env) {
            Ok(text) => Some(text),
            Err(error) => {
                let hint = error.hint();
                self.error(node.span(), error.to_string()).hint(hint);
                None
            }
        }
    }

    /// A path of the file, made absolute: relative ones start at the file's folder.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// The bytes of a file that must be there; `what` as in "cannot read the certificate".
    pub(crate) fn file(&mut self, path: &At<PathBuf>, what: &str, bytes_max: u64) -> Option<Vec<u8>> {
        let cannot = |why: &str| format!("cannot read the {what} {}: {why}", path.value.display());
        let length = match fs::metadata(&path.value) {
            Ok(found) if found.is_file() => found.len(),
            Ok(_) => {
                self.error(path.span.clone(), cannot("it is not a file"));
                return None;
            }
            Err(error) => {
                self.error(path.span.clone(), cannot(&reason(&error))).hint(RELATIVE);
                return None;
            }
        };
        if length > bytes_max {
            let message = format!("the {what} {} has {length} bytes; the limit is {bytes_max}", path.value.display());
            self.error(path.span.clone(), message);
            return None;
        }
        match fs::read(&path.value) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.error(path.span.clone(), cannot(&reason(&error)));
                None
            }
        }
    }

    /// Whether a folder is there; if not, that is noted.
    pub(crate) fn folder(&mut self, path: &At<PathBuf>, what: &str) -> bool {
        let why = match fs::metadata(&path.value) {
            Ok(found) if found.is_dir() => return true,
            Ok(_) => "it is not a folder".to_owned(),
            Err(error) => reason(&error),
        };
        let message = format!("cannot use the {what} {}: {why}", path.value.display());
        self.error(path.span.clone(), message).hint(RELATIVE);
        false
    }
}

/// The name of those given that was probably meant.
pub(crate) fn nearest<'n>(meant: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|name| (strsim::jaro_winkler(&meant.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

const RELATIVE: &str = "relative paths start at the folder of the file that names them";

/// How a table is written that a text alone cannot stand for: with each of the keys that may hold that text.
fn with_key(table: &Table, text: &str) -> Option<String> {
    // What has lists and tables of its own is more than a name.
    let is_plain = table.fields.iter().all(|field| matches!(field.shape, Shape::Text { .. } | Shape::Boolean));
    let is_short = text.chars().count() <= SHOWN_CHARACTERS_MAX;
    let fits = |key: &str| table.fields.iter().all(|field| field.key == key || field.presence != Presence::Required);
    let texts = table.fields.iter().filter(|field| matches!(field.shape, Shape::Text { .. }) && fits(field.key));
    let written: Vec<_> = texts.map(|field| format!("`{{ {} = {text:?} }}`", field.key)).collect();
    (is_plain && is_short && !written.is_empty()).then(|| format!("write {}", written.join(" or ")))
}
