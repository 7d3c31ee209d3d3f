//! From a path or a text to a [`Config`] or a [`Report`].

use crate::Config;
use crate::build;
use crate::language::{Node, Reading, Value};
use crate::limits::CONFIG_FILE_BYTES_MAX;
use crate::raw::Root;
use crate::report::{Problem, Report, Warning};
use miette::{NamedSource, Severity};
use std::io;
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
    let source = Arc::new(NamedSource::new(name, text.to_owned()));
    let attached = |mut problems: Vec<Problem>| {
        problems.iter_mut().for_each(|problem| problem.attach(&source));
        problems
    };
    let (document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        // What is left of a broken file is guesswork: its keys are judged when it can be read.
        let problems = syntax.iter().map(|error| {
            let end = text.len();
            let span = error.span().map_or(0..0, |span| span.start.min(end)..span.end.min(end));
            Problem::new(Severity::Error, span, format!("this is not TOML: {}", error.message()))
        });
        return Err(Report::new(name, attached(problems.collect()), Vec::new()));
    }
    let span = document.span();
    let root: Node<'_> = Spanned::new(span, DeValue::Table(document.into_inner()));
    let mut reading = Reading::new(base, env);
    let config = Root::read(&root, &mut reading).and_then(|root| build::build(root, &mut reading));
    let (errors, warnings) = reading.finish();
    match config {
        Some(config) if errors.is_empty() => Ok((config, attached(warnings).into_iter().map(Warning::new).collect())),
        _ => Err(Report::new(name, attached(errors), attached(warnings))),
    }
}
