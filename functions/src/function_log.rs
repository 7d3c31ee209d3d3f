//! What functions print, and the platform lines around it.

use homefront_config::limits::FUNCTION_LOG_BYTES_MAX;
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// Where the lines of function logs go. Cheap to clone.
#[derive(Clone)]
pub struct FunctionLog {
    write: Arc<dyn Fn(&str) + Send + Sync>,
}

impl FunctionLog {
    /// Calls `write` with each line, without its line end.
    pub fn new(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { write: Arc::new(write) }
    }

    /// Writes one line.
    pub fn line(&self, line: &str) {
        (self.write)(line);
    }

    /// Writes what one call of a CloudFront Function printed, as the Developer Guide has it: a START line, each text, an END
    /// line, all with the request's id in front. Nothing when the call printed nothing. Texts beyond
    /// [`FUNCTION_LOG_BYTES_MAX`] are cut.
    pub fn call(&self, request_id: &str, distribution_id: &str, texts: &[String]) {
        if texts.is_empty() {
            return;
        }
        self.line(&format!("{request_id} START DistributionID: {distribution_id}"));
        let mut bytes_left = FUNCTION_LOG_BYTES_MAX;
        for text in texts {
            let text = prefix(text, bytes_left);
            bytes_left -= text.len();
            // A text of several lines is several lines with the id, so that none can pass for another request's.
            for line in text.split(['\n', '\r']) {
                self.line(&format!("{request_id} {}", Printable(line)));
            }
            if bytes_left == 0 {
                break;
            }
        }
        self.line(&format!("{request_id} END"));
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

    fn lines(texts: &[&str]) -> String {
        let lines = Arc::new(Mutex::new(String::new()));
        let writer = lines.clone();
        let log = FunctionLog::new(move |line| writeln!(writer.lock(), "{line}").expect("a string takes all"));
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        log.call("abc==", "E3E5D42GADAXZZ", &texts);
        drop(log);
        Arc::into_inner(lines).map_or_else(String::new, Mutex::into_inner)
    }

    #[test]
    fn a_call_that_printed_is_framed_by_start_and_end() {
        assert_eq!(
            lines(&["hello", "a\tb"]),
            "abc== START DistributionID: E3E5D42GADAXZZ\nabc== hello\nabc== a\tb\nabc== END\n"
        );
    }

    #[test]
    fn a_call_that_printed_nothing_leaves_no_line() {
        assert_eq!(lines(&[]), "");
    }

    #[test]
    fn no_text_can_pass_for_another_requests_line_or_command_a_terminal() {
        assert_eq!(
            lines(&["a\nxyz== END", "\u{1b}[2J"]),
            "abc== START DistributionID: E3E5D42GADAXZZ\nabc== a\nabc== xyz== END\nabc== \\u{1b}[2J\nabc== END\n"
        );
    }

    #[test]
    fn texts_are_cut_at_10_kb_between_characters() {
        let written = lines(&[&"\u{e9}".repeat(FUNCTION_LOG_BYTES_MAX), "more"]);
        let texts: Vec<_> = written.lines().collect();
        assert_eq!(texts.len(), 3);
        assert_eq!(texts[1].len(), "abc== ".len() + FUNCTION_LOG_BYTES_MAX);
    }
}
