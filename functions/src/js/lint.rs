//! What CloudFront's engine rejects though ours runs it: found in the author's source, with place and way out.
//!
//! It parses, and a parser may end its process: call it where functions are compiled.

mod absent;
mod mentions;
mod modules;
mod open_groups;
mod pcre;
mod perl;
mod rejected;
mod tokens;
mod unparsed;
mod walk;

pub use rejected::Rejected;
pub(super) use unparsed::{Broken, explain};

use super::LoadError;
use super::source::{self, Refusal};
use boa_engine::ast::Position;
use boa_engine::ast::scope::Scope;
use boa_engine::interner::Interner;
use boa_engine::parser::{Parser, Source};
use homefront_config::function::{Fidelity, FunctionRuntime};
use homefront_config::limits::{FUNCTION_CODE_BYTES_MAX, FUNCTION_FINDING_TEXT_BYTES_MAX, FUNCTION_FINDINGS_MAX};
use rejected::{Weight, instead_of};
use std::borrow::Cow;
use std::fmt;
use tokens::Tokens;

/// Something in a function that CloudFront's engine rejects, or that fails there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What it is.
    pub what: Rejected,
    /// What CloudFront's engine says, without the kind of error and the line, where that is known. One line, at most
    /// `FUNCTION_FINDING_TEXT_BYTES_MAX` bytes.
    pub sentence: Option<String>,
}

impl Finding {
    fn new(at: Position, what: Rejected, sentence: Option<String>) -> Self {
        let sentence = sentence.map(|sentence| one_line(&sentence));
        Self { line: at.line_number(), column: at.column_number(), what, sentence }
    }

    /// Whether the function cannot be called: each of its requests gets 503, as on CloudFront.
    pub fn is_fault(&self, fidelity: Fidelity) -> bool {
        match self.what.weight() {
            Weight::Stops => true,
            Weight::Rejects => fidelity == Fidelity::Strict,
            Weight::Warns => false,
        }
    }

    /// The error as CloudFront's engine prints it.
    pub(super) fn error(&self) -> LoadError {
        let what = self.sentence.as_deref().unwrap_or("Unexpected token");
        if what.starts_with("ReferenceError: ") {
            return LoadError { message: what.to_owned(), line: Some(self.line), column: Some(self.column) };
        }
        LoadError::syntax(what, Some(self.line)).in_column(Some(self.column))
    }
}

/// The word, which is a name as well.
const AWAIT: &str = "await";
/// What CloudFront's engine says of it where nothing may wait.
const AWAIT_OUTSIDE: &str = "await is only valid in async functions";

fn one_line(text: &str) -> String {
    let mut line = text.replace(char::is_control, " ");
    line.truncate(line.floor_char_boundary(FUNCTION_FINDING_TEXT_BYTES_MAX));
    line
}

/// `12:9: CloudFront's engine does not know …`, and the way out on a line of its own.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, what, sentence } = self;
        let name = what.name();
        write!(f, "{line}:{column}: CloudFront's engine ")?;
        match what {
            Rejected::SpreadMisread => write!(f, "misreads {name} in runtime 1.0 and reports no error")?,
            Rejected::AsyncClosure => write!(f, "may not take {name}")?,
            Rejected::NoHandler => write!(f, "finds no {name}: it answers 503 to every request")?,
            Rejected::CodeFromText | Rejected::MadeRegExpFlag => write!(f, "refuses {name}")?,
            Rejected::AbsentGlobal | Rejected::AbsentMember | Rejected::UnknownRequire | Rejected::UnknownAlgorithm => {
                write!(f, "has no {name}")?;
            }
            Rejected::PerlRegExp => write!(f, "reads {name} as Perl does, and this node does not")?,
            Rejected::PcreRegExp => write!(f, "may refuse {name}, or read it otherwise, as PCRE does")?,
            _ => write!(f, "does not know {name}: it answers 503 to every request")?,
        }
        match sentence {
            Some(part) if *what == Rejected::PerlRegExp => {
                return write!(f, " ({part})\n  hint: {}", perl::instead_of(part));
            }
            Some(part) if *what == Rejected::PcreRegExp => {
                return write!(f, " ({part})\n  hint: {}", pcre::instead_of(part));
            }
            Some(error) if error.contains("Error: ") => write!(f, " ({error})")?,
            Some(sentence) => write!(f, " (SyntaxError: {sentence} in {line})")?,
            None => {}
        }
        let absent = matches!(what, Rejected::AbsentGlobal | Rejected::AbsentMember | Rejected::UnknownRequire);
        let quoted = sentence.as_deref().and_then(|sentence| sentence.split('"').nth(1)).filter(|_| absent);
        write!(f, "\n  hint: {}", quoted.and_then(instead_of).unwrap_or(what.hint()))
    }
}

/// What is wrong with a source for CloudFront's engine, in order, the first `FUNCTION_FINDINGS_MAX`. Nothing for a source that does
/// not parse at all: loading it says why.
pub fn lint(source: &str, runtime: FunctionRuntime) -> Vec<Finding> {
    if source.len() as u64 > FUNCTION_CODE_BYTES_MAX {
        return Vec::new();
    }
    let mut source = Cow::Borrowed(source.strip_prefix('\u{feff}').unwrap_or(source));
    let mut findings = Vec::new();
    let (blanked, imported) = loop {
        match source::without_imports(&source, runtime) {
            Ok(parts) => break parts,
            Err(Refusal { message, at, what }) => {
                let Some(what) = what else { return findings };
                findings.push(Finding::new(position(&source[..at]), what, Some(message)));
                let Some(rest) = without_refused(&source, at, what) else { return findings };
                source = Cow::Owned(rest);
            }
        }
    };
    let mut interner = Interner::default();
    let script = match Parser::new(Source::from_bytes(&blanked)).parse_script(&Scope::new_global(), &mut interner) {
        Ok(script) => script,
        // Of what has been blanked out something may be left that nobody wrote.
        Err(_) if !findings.is_empty() => return findings,
        Err(error) => return unparsed(&blanked, &error.to_string()).into_iter().collect(),
    };
    let tokens = walk::tokens(&script, &blanked);
    // What a refused import would have named is not there.
    let knows_its_names = findings.iter().all(|finding| finding.what == Rejected::Export);
    findings.extend(walk::findings(&script, &tokens, runtime, &interner));
    if knows_its_names {
        findings.extend(absent::findings(&script, &imported, runtime, &interner));
    }
    // Not worth a word while the source is no program to CloudFront's engine.
    if !findings.iter().any(|finding| finding.what.weight() != Weight::Warns) {
        findings.extend(absent::missing_handler(&script, &tokens, &interner));
    }
    // What makes a function fail is told even when there is much else to tell.
    findings.sort_by_key(|finding| (finding.what.weight() == Weight::Warns, finding.line, finding.column));
    findings.truncate(FUNCTION_FINDINGS_MAX);
    findings.sort_by_key(|finding| (finding.line, finding.column));
    findings
}

/// The source without what is refused at `at`, every character of the rest in its place: an import, or of an export what the rest can do
/// without. `None`: where that ends cannot be told.
fn without_refused(source: &str, at: usize, what: Rejected) -> Option<String> {
    let (before, statement) = source.split_at_checked(at)?;
    let length = match what {
        Rejected::Export => length_of_export(statement),
        _ => length_with_text(statement),
    };
    let (refused, behind) = statement.split_at_checked(length?)?;
    let blank =
        |character: char| if matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}') { character } else { ' ' };
    Some([before, &refused.chars().map(blank).collect::<String>(), behind].concat())
}

/// Bytes of `export`, `export default` or `export {…}`.
fn length_of_export(statement: &str) -> Option<usize> {
    let rest = statement.strip_prefix("export")?.trim_start();
    let behind = statement.len() - rest.len();
    match rest.chars().next()? {
        '{' => Some(behind + rest.find('}')? + 1),
        '*' => length_with_text(statement),
        _ if rest.starts_with("default") => Some(behind + "default".len()),
        _ => Some(behind),
    }
}

/// Bytes up to and with the first text in quotes.
fn length_with_text(statement: &str) -> Option<usize> {
    let open = statement.find(['\'', '"'])?;
    let quote = char::from(statement.as_bytes()[open]);
    Some(open + 1 + statement[open + 1..].find(quote)? + 1)
}

/// What the parser itself does not take, if CloudFront's engine does not know it either.
fn unparsed(source: &str, error: &str) -> Option<Finding> {
    let Broken { at: (line, column), sentence, what, .. } = explain(source, error)?;
    what.map(|what| Finding::new(Position::new(line, column), what, Some(sentence)))
}

/// Of a source that was compiled: what is wrong with a name, where it stands first.
pub(super) fn about(name: &str, source: &str, message: &str) -> LoadError {
    let tokens = Tokens::guessed(source);
    let first = tokens.all().iter().find(|token| token.text == name).map(|token| token.at);
    let (line, column) = (first.map(Position::line_number), first.map(Position::column_number));
    LoadError { message: message.to_owned(), line, column }
}

/// Each `catch (name) {` of a source: bytes up to behind the brace, and the name.
pub(super) fn catch_clauses(source: &str) -> Vec<(usize, String)> {
    if !source.contains("catch") {
        return Vec::new();
    }
    let mut interner = Interner::default();
    let Ok(script) = Parser::new(Source::from_bytes(source)).parse_script(&Scope::new_global(), &mut interner) else {
        return Vec::new();
    };
    let tokens = walk::tokens(&script, source);
    let clauses = tokens.all().windows(6).filter_map(|tokens| match tokens {
        // What ends before it tells a clause from a method of that name.
        [before, word, open, name, close, brace] => {
            let texts = [before.text, word.text, open.text, close.text, brace.text];
            let end = brace.text.as_ptr() as usize - source.as_ptr() as usize + 1;
            (texts == ["}", "catch", "(", ")", "{"] && name.text != "{").then(|| (end, name.text.to_owned()))
        }
        _ => None,
    });
    clauses.collect()
}

/// Where a text ends that begins at 1:1.
fn position(before: &str) -> Position {
    let start = before.rfind(['\n', '\r', '\u{2028}', '\u{2029}']).map_or(before, |end| {
        let line = &before[end..];
        &line[line.chars().next().map_or(0, char::len_utf8)..]
    });
    let lines = before.replace("\r\n", "\n").matches(['\n', '\r', '\u{2028}', '\u{2029}']).count();
    Position::new(lines as u32 + 1, start.chars().count() as u32 + 1)
}

#[cfg(test)]
mod tests;
