//! What a person reads when a file is wrong: every problem at once, each with place, excerpt and a way out.

use crate::excerpt::Source;
use crate::function::Function;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Columns a message is wrapped at.
const WIDTH: usize = 120;

/// Every error of one file.
#[derive(Debug, Clone)]
pub struct Report {
    file: String,
    problems: Vec<Problem>,
    functions: Vec<Arc<Function>>,
}

/// Something that works, but hardly as meant.
#[derive(Debug, Clone)]
pub struct Warning(Problem);

/// One thing that is wrong, and where.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    message: String,
    hint: Option<String>,
    severity: Severity,
    file: Option<Arc<Source>>,
    span: Range<usize>,
    label: Option<String>,
    related: Option<(Range<usize>, String)>,
}

impl Report {
    pub(crate) fn new(file: &str, problems: Vec<Problem>) -> Self {
        Self { file: file.to_owned(), problems, functions: Vec::new() }
    }

    pub(crate) fn with_functions(self, functions: Vec<Arc<Function>>) -> Self {
        Self { functions, ..self }
    }

    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let file = path.display().to_string();
        let mut problem = Problem::new(Severity::Error, 0..0, format!("cannot read {file}: {}", reason(error)));
        if error.kind() == io::ErrorKind::NotFound {
            problem.hint("give the path of a TOML file; `homefront serve --origin URL` needs none");
        }
        Self::new(&file, vec![problem])
    }

    pub(crate) fn unreadable_cases(path: &Path, error: &io::Error) -> Self {
        let file = path.display().to_string();
        let problem = Problem::new(Severity::Error, 0..0, format!("cannot read {file}: {}", reason(error)));
        Self::new(&file, vec![problem])
    }

    /// Every error, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Of a configuration: the CloudFront Functions that behaviors name and that are right as far as the file says, so that what is
    /// wrong with their code can be told, too.
    pub fn functions(&self) -> &[Arc<Function>] {
        &self.functions
    }
}

impl Problem {
    pub(crate) fn new(severity: Severity, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, severity, file: None, span, label: None, related: None }
    }

    /// Says what to do about it.
    pub(crate) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what is at the place.
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// Points at a second place.
    pub(crate) fn related(&mut self, span: Range<usize>, label: impl Into<String>) -> &mut Self {
        self.related = Some((span, label.into()));
        self
    }

    pub(crate) fn attach(&mut self, source: &Arc<Source>) {
        self.file = Some(Arc::clone(source));
    }

    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    pub(crate) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// What is wrong, in one sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn way_out(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Line and column, both from 1; `None` when the file could not be read at all.
    pub fn place(&self) -> Option<(usize, usize)> {
        self.file.as_ref().map(|source| source.place(self.span.start))
    }
}

/// The system's words for an error, without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

impl Diagnostic for Problem {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.file.as_deref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.file.as_ref()?;
        let length = |span: &Range<usize>| (span.start, span.end - span.start);
        let here = LabeledSpan::new_primary_with_span(self.label.clone(), length(&self.span));
        let there =
            self.related.iter().map(move |(span, label)| LabeledSpan::new_with_span(Some(label.clone()), length(span)));
        Some(Box::new(std::iter::once(here).chain(there)))
    }
}

fn render(problem: &Problem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(WIDTH)
        .with_context_lines(1)
        .without_syntax_highlighting()
        .render_report(f, problem)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            render(problem, f)?;
            writeln!(f)?;
        }
        match self.problems.len() {
            1 => write!(f, "1 error in {}", self.file),
            count => write!(f, "{count} errors in {}", self.file),
        }
    }
}

impl std::error::Error for Report {}

impl Warning {
    pub(crate) fn new(problem: Problem) -> Self {
        Self(problem)
    }

    /// What it is about, and where.
    pub fn problem(&self) -> &Problem {
        &self.0
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render(&self.0, f)
    }
}
