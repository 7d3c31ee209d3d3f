//! `console.log`: the lines of a call.

mod print;

use super::host::Host;
use super::last_lines;
use super::text::utf8;
use boa_engine::{Context, JsResult, JsValue};
use homefront_config::limits::FUNCTION_LOG_BYTES_MAX;
use print::Printer;

/// The lines of one call, bounded.
#[derive(Default)]
pub(super) struct Log {
    lines: Vec<String>,
    bytes: usize,
}

impl Log {
    /// Adds a line, cut to what is left.
    fn add(&mut self, mut line: String) {
        let left = FUNCTION_LOG_BYTES_MAX - self.bytes;
        if left == 0 {
            return;
        }
        // A line costs at least its line end, so that empty lines have a bound as well.
        if line.len() >= left {
            let mut end = left;
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            line.truncate(end);
            self.bytes = FUNCTION_LOG_BYTES_MAX;
        } else {
            self.bytes += line.len() + 1;
        }
        last_lines::add(&line);
        self.lines.push(line);
    }

    /// Takes the lines.
    pub(super) fn take(&mut self) -> Vec<String> {
        self.forget();
        std::mem::take(&mut self.lines)
    }

    /// Forgets the lines.
    pub(super) fn clear(&mut self) {
        self.forget();
        self.lines.clear();
    }

    fn forget(&mut self) {
        self.bytes = 0;
        if !self.lines.is_empty() {
            last_lines::forget();
        }
    }
}

/// `console.log(…)`: the arguments with spaces between them.
pub(super) fn log(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let mut line = String::new();
    for (index, value) in arguments.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        match value.as_string() {
            Some(text) => line.push_str(&utf8(&text)),
            None => Printer::new(&mut line).value(value, context)?,
        }
    }
    Host::of(context).log.borrow_mut().add(line);
    Ok(JsValue::undefined())
}
