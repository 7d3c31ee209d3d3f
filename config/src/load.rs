//! From a path or a text to a [`Config`] or a [`Report`].

use crate::Config;
use crate::build;
use crate::excerpt::Source;
use crate::language::{Node, Reading, Value};
use crate::limits::CONFIG_FILE_BYTES_MAX;
use crate::raw::Root;
use crate::report::{Problem, Report, Warning};
use miette::Severity;
use std::io;
use std::ops::Range;
use std::path::{Path, absolute};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads a file. `env` answers for `${NAME}`; relative paths start at the file's folder.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<(Config, Vec<Warning>), Report> {
    let text = read(path).map_err(|error| Report::unreadable(path, &error))?;
    let base = absolute(path).map_err(|error| Report::unreadable(path, &error))?;
    parse(&path.display().to_string(), &text, base.parent().unwrap_or(Path::new("/")), env)
}

fn read(path: &Path) -> io::Result<String> {
    if std::fs::metadata(path)?.len() > CONFIG_FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {CONFIG_FILE_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path)?;
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// Reads a text; `name` is what messages call it, `base` the absolute folder where relative paths start.
pub fn parse(
    name: &str,
    text: &str,
    base: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Config, Vec<Warning>), Report> {
    let source = Arc::new(Source::new(name, text));
    let attached = |mut problems: Vec<Problem>| {
        problems.iter_mut().for_each(|problem| problem.attach(&source));
        problems
    };
    let (document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        // What is left of a broken file is guesswork: its keys are judged when it can be read.
        return Err(Report::new(name, attached(syntax_problems(text, &syntax))));
    }
    let span = document.span();
    let root: Node<'_> = Spanned::new(span, DeValue::Table(document.into_inner()));
    let mut reading = Reading::new(base, env);
    let config = Root::read(&root, &mut reading).and_then(|root| build::build(root, &mut reading));
    let (errors, warnings) = reading.finish();
    match config {
        Some(config) if errors.is_empty() => Ok((config, attached(warnings).into_iter().map(Warning::new).collect())),
        // Warnings wait: what is not used may be used by what could not be read.
        _ => Err(Report::new(name, attached(errors))),
    }
}

/// The first error of each line: the others on it follow from the first.
fn syntax_problems(text: &str, errors: &[toml::de::Error]) -> Vec<Problem> {
    let place = |error: &toml::de::Error| visible(text, error.span().unwrap_or_default());
    let line = |at: usize| text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
    let mut found: Vec<_> = errors.iter().map(|error| (place(error), error.message())).collect();
    found.sort_by_key(|(span, _)| span.start);
    found.dedup_by_key(|(span, _)| line(span.start));
    let problem = |(span, message)| Problem::new(Severity::Error, span, format!("this is not TOML: {message}"));
    found.into_iter().map(problem).collect()
}

/// A span with something in it to point at: at the end of a line, its last character.
fn visible(text: &str, span: Range<usize>) -> Range<usize> {
    let bytes = text.as_bytes();
    let (start, end) = (span.start.min(bytes.len()), span.end.min(bytes.len()));
    let at_end = bytes.get(start).is_none_or(|b| *b == b'\n');
    match text.get(..start).and_then(|before| before.chars().next_back()) {
        Some(last) if at_end && last != '\n' => start - last.len_utf8()..start,
        _ => start..end.max(start),
    }
}
