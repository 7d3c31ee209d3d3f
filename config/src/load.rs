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
    let text = read_text(path).map_err(|error| Report::unreadable(path, &error))?;
    let base = absolute(path).map_err(|error| Report::unreadable(path, &error))?;
    parse(&path.display().to_string(), &text, base.parent().unwrap_or(Path::new("/")), env)
}

/// The text of a file in our language.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
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
    let mut functions = Vec::new();
    let read = document(name, text, base, env, |root, reading| {
        Root::read(root, reading).and_then(|root| build::build(root, &mut functions, reading))
    });
    read.map_err(|report| report.with_functions(functions))
}

/// Reads a text as `built` reads its root: a value and its warnings, or every error.
pub(crate) fn document<T>(
    name: &str,
    text: &str,
    base: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    built: impl FnOnce(&Node<'_>, &mut Reading<'_>) -> Option<T>,
) -> Result<(T, Vec<Warning>), Report> {
    let source = Arc::new(Source::new(name, text));
    let attached = |mut problems: Vec<Problem>| {
        for problem in &mut problems {
            problem.attach(&source);
        }
        problems
    };
    let (document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        // What is left of a broken file is guesswork: its keys are judged when it can be read.
        return Err(Report::new(name, attached(syntax_problems(text, &syntax))));
    }
    let span = document.span();
    let root: Node<'_> = Spanned::new(span, DeValue::Table(document.into_inner()));
    let mut reading = Reading::new(&source, base, env);
    let value = built(&root, &mut reading);
    let (errors, warnings) = reading.finish();
    match value {
        Some(value) if errors.is_empty() => Ok((value, attached(warnings).into_iter().map(Warning::new).collect())),
        // Warnings wait: what is not used may be used by what could not be read.
        _ => Err(Report::new(name, attached(errors))),
    }
}

/// The first error of each line: the others on it follow from the first.
fn syntax_problems(text: &str, errors: &[toml::de::Error]) -> Vec<Problem> {
    let place = |error: &toml::de::Error| visible(text, error.span().unwrap_or_default());
    let line = |at: usize| text.as_bytes()[..at].split(|b| *b == b'\n').count();
    let mut found: Vec<_> = errors.iter().map(|error| (place(error), error.message())).collect();
    found.sort_by_key(|(span, _)| span.start);
    found.dedup_by_key(|(span, _)| line(span.start));
    let problem = |(span, message)| Problem::new(Severity::Error, span, format!("this is not TOML: {message}"));
    let mut problems: Vec<_> = found.into_iter().map(problem).collect();
    if text.trim_start().starts_with('{') {
        problems.truncate(1);
        problems[0].hint("this looks like JSON; Homefront does not read a DistributionConfig yet");
    }
    problems
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::fs;

    const SITE: &str =
        "[[distribution]]\norigin = [{ id = \"a\", directory = \".\" }]\ndefault_behavior = { target_origin = \"a\" }";

    #[test]
    fn paths_start_at_the_folder_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("site")).unwrap();
        fs::write(folder.path().join("site/site.toml"), SITE.replace("\".\"", "\"public\"")).unwrap();
        let file = folder.path().join("site/site.toml");
        assert_eq!(load(&file, &|_| None).unwrap_err().problems().len(), 1);
        fs::create_dir(folder.path().join("site/public")).unwrap();
        let (config, _) = load(&file, &|_| None).unwrap();
        let root = crate::origin::OriginKind::Directory { root: folder.path().join("site/public"), stand_in: None };
        assert_eq!(config.distributions[0].origins[0].kind, root);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_said_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str| {
            let report = load(&folder.path().join(name), &|_| None).unwrap_err();
            assert_eq!(report.problems()[0].place(), None);
            report.problems()[0].message().replace(folder.path().to_str().unwrap(), "[folder]")
        };
        fs::write(folder.path().join("latin.toml"), b"a = \"\xe4\"").unwrap();
        fs::write(folder.path().join("large.toml"), vec![b' '; CONFIG_FILE_BYTES_MAX as usize + 1]).unwrap();
        assert_eq!(said("none.toml"), "cannot read [folder]/none.toml: No such file or directory");
        assert_eq!(said(""), "cannot read [folder]/: Is a directory");
        assert_eq!(said("latin.toml"), "cannot read [folder]/latin.toml: it is not UTF-8 text");
        assert_eq!(said("large.toml"), "cannot read [folder]/large.toml: it has more than 4194304 bytes");
    }

    #[test]
    fn generated_ids_are_the_same_on_every_node() {
        let id = |aliases: &str| {
            let text = SITE.replace("\norigin =", &format!("\naliases = {aliases}\norigin ="));
            let (config, _) = parse("site.toml", &text, Path::new("/"), &|_| None).unwrap();
            (config.distributions[0].id.clone(), config.distributions[0].domain_name.clone())
        };
        let (name, domain) = id(r#"["www.example.com", "example.com"]"#);
        assert_eq!((name.as_str(), domain.as_str()), ("E8R2GSM4Y3S4MJ", "dtg4xy71rdbfon.cloudfront.net"));
        assert_eq!(id(r#"["example.com", "WWW.example.com"]"#).0, name);
        assert_ne!(id(r#"["www.example.com"]"#).0, name);
    }
}
