//! The text of a file as messages show it: whole lines around a place.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::fmt;

/// A file's name and text.
pub(crate) struct Source {
    name: String,
    text: String,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// The file's name, as messages have it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub(crate) fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        let line = before.split(|b| *b == b'\n').count();
        (line, String::from_utf8_lossy(&before[line_start..]).chars().count() + 1)
    }
}

/// Its name only: the text may hold secrets.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?})", self.name)
    }
}

impl SourceCode for Source {
    /// With no lines of context asked for, the span itself: miette takes line and column from it. Otherwise the lines the span
    /// is on, and none around them: an error is told in the line it is in.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let bytes = self.text.as_bytes();
        let start = span.offset().min(bytes.len());
        let end = (start + span.len()).min(bytes.len());
        let (line, column) = self.place(start);
        let name = self.name.clone();
        if lines_before == 0 && lines_after == 0 {
            let contents = MietteSpanContents::new_named(name, &bytes[start..end], *span, line - 1, column - 1, 1);
            return Ok(Box::new(contents));
        }
        let first = bytes[..start].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        let last = bytes[end..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |newline| end + newline);
        let lines = bytes[first..last].split(|b| *b == b'\n').count();
        let whole = SourceSpan::from((first, last - first));
        Ok(Box::new(MietteSpanContents::new_named(name, &bytes[first..last], whole, line - 1, 0, lines)))
    }
}
