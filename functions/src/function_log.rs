//! What functions print, and the platform lines around it.

use homefront_config::limits::{FUNCTION_LOG_BYTES_MAX, FUNCTION_LOG_LINES_MAX};
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// Where the lines of function logs go. Cheap to clone.
///
/// On AWS each function has a log group, and each environment of a Lambda@Edge function a stream in it. Here all write into one log,
/// so that each line begins with where it comes from and a tab: `function/NAME`, `lambda/NAME/1` for the first environment of a
/// function, or `lambda/NAME` for what is of none of them. Behind the tab stands what AWS writes.
#[derive(Clone)]
pub struct FunctionLog {
    write: Arc<dyn Fn(Lines) + Send + Sync>,
    /// `None` = whoever reads it knows of which function it is.
    source: Option<Arc<str>>,
}

/// Lines of a function log on their way to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// A line end stands between two of them. Where it is one line, others may be in it.
    pub text: String,
    /// How many they are.
    pub count: usize,
}

impl FunctionLog {
    /// Calls `write` with each line, without its line end.
    pub fn new(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self::of_lines(move |lines| match lines.count {
            1 => write(&lines.text),
            _ => lines.text.split('\n').for_each(&write),
        })
    }

    /// Calls `write` with one line, or with several that were printed together.
    pub fn of_lines(write: impl Fn(Lines) + Send + Sync + 'static) -> Self {
        Self { write: Arc::new(write), source: None }
    }

    /// The same log for one Lambda@Edge function.
    #[must_use]
    pub fn of_lambda(&self, name: &str) -> Self {
        Self { write: self.write.clone(), source: Some(format!("lambda/{name}").into()) }
    }

    /// The log of a Lambda@Edge function for one of its environments, which are counted from 1.
    #[must_use]
    pub(crate) fn of_environment(&self, number: u64) -> Self {
        let source = self.source.as_ref().map(|source| format!("{source}/{number}").into());
        Self { write: self.write.clone(), source }
    }

    /// Writes one line.
    pub fn line(&self, line: &str) {
        let mut lines = Lines::default();
        self.add(&mut lines, line);
        self.lines(lines);
    }

    /// Appends a line that others follow.
    pub(crate) fn add(&self, lines: &mut Lines, line: &str) {
        if lines.count > 0 {
            lines.text.push('\n');
        }
        lines.count += 1;
        if let Some(source) = &self.source {
            lines.text.push_str(source);
            lines.text.push('\t');
        }
        lines.text.push_str(line);
    }

    /// Writes lines that were printed together, with where they come from in each. None of several has a line end in it.
    pub fn lines(&self, lines: Lines) {
        if lines.count > 0 {
            (self.write)(lines);
        }
    }

    /// Writes what one call of a CloudFront Function printed, as the Developer Guide has it: a START line, each text, an END
    /// line, all with the request's id in front, and before that `function/NAME` and a tab. Nothing when the call printed nothing.
    /// Texts beyond [`FUNCTION_LOG_BYTES_MAX`] and [`FUNCTION_LOG_LINES_MAX`] are cut.
    pub fn call(&self, name: &str, request_id: &str, distribution_id: &str, texts: &[String]) {
        if texts.is_empty() {
            return;
        }
        let start = format!("function/{name}\t{request_id}");
        // Together: the log's queue counts what is written, and is everybody's.
        let mut lines = Lines::default();
        self.add(&mut lines, &format!("{start} START DistributionID: {distribution_id}"));
        let (mut bytes_left, mut lines_left) = (FUNCTION_LOG_BYTES_MAX, FUNCTION_LOG_LINES_MAX);
        for text in texts {
            let text = prefix(text, bytes_left);
            bytes_left -= text.len();
            // A text of several lines is several lines with the id, so that none can pass for another request's.
            for line in text.split(['\n', '\r']).take(lines_left) {
                self.add(&mut lines, &format!("{start} {}", Printable(line)));
                lines_left -= 1;
            }
            if bytes_left == 0 || lines_left == 0 {
                break;
            }
        }
        self.add(&mut lines, &format!("{start} END"));
        self.lines(lines);
    }
}

impl fmt::Debug for FunctionLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FunctionLog")
    }
}

/// At most `bytes_max` bytes of `text`, whole characters only.
fn prefix(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Control characters are written out: a terminal that shows the log must not obey what a viewer sent.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| {
            if character.is_control() && character != '\t' {
                write!(f, "{}", character.escape_unicode())
            } else {
                f.write_char(character)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    fn written(write: impl FnOnce(FunctionLog)) -> String {
        let lines = Arc::new(Mutex::new(String::new()));
        let writer = lines.clone();
        write(FunctionLog::new(move |line| writeln!(writer.lock(), "{line}").expect("a string takes all")));
        Arc::into_inner(lines).map_or_else(String::new, Mutex::into_inner)
    }

    fn called(texts: &[&str]) -> String {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        written(|log| log.call("greet", "abc==", "E3E5D42GADAXZZ", &texts))
    }

    #[test]
    fn a_call_that_printed_is_framed_by_start_and_end() {
        assert_eq!(
            called(&["hello", "a\tb"]),
            "function/greet\tabc== START DistributionID: E3E5D42GADAXZZ\nfunction/greet\tabc== hello\n\
             function/greet\tabc== a\tb\nfunction/greet\tabc== END\n"
        );
    }

    #[test]
    fn a_call_that_printed_nothing_leaves_no_line() {
        assert_eq!(called(&[]), "");
    }

    #[test]
    fn no_text_can_pass_for_another_requests_or_functions_line_or_command_a_terminal() {
        let lines = called(&["a\nxyz== END\nfunction/other\txyz== END", "\u{1b}[2J"]);
        assert!(lines.lines().all(|line| line.starts_with("function/greet\tabc== ")), "{lines}");
        assert!(lines.contains("function/greet\tabc== xyz== END\n"), "{lines}");
        assert!(lines.contains("function/greet\tabc== \\u{1b}[2J\n"), "{lines}");
    }

    #[test]
    fn texts_are_cut_at_10_kb_between_characters() {
        for empty in [called(&vec![""; 20_000]), called(&[&"\n".repeat(FUNCTION_LOG_BYTES_MAX)])] {
            assert_eq!(empty.lines().count(), FUNCTION_LOG_LINES_MAX + 2, "each has the request's id");
        }
        let written = called(&[&"\u{e9}".repeat(FUNCTION_LOG_BYTES_MAX), "more"]);
        let texts: Vec<_> = written.lines().collect();
        assert_eq!(texts.len(), 3);
        assert_eq!(texts[1].len(), "function/greet\tabc== ".len() + FUNCTION_LOG_BYTES_MAX);
    }

    #[test]
    fn lines_of_a_lambda_say_of_which_function_and_environment_they_are() {
        let lines = written(|log| {
            let log = log.of_lambda("resize");
            log.of_environment(2).line("START RequestId: 6f8c Version: 1");
            log.line("(abc==) ERROR Validation error");
        });
        assert_eq!(
            lines,
            "lambda/resize/2\tSTART RequestId: 6f8c Version: 1\nlambda/resize\t(abc==) ERROR Validation error\n"
        );
        // Who asked for one function knows which.
        assert_eq!(written(|log| log.of_environment(1).line("END RequestId: 6f8c")), "END RequestId: 6f8c\n");
    }
}
