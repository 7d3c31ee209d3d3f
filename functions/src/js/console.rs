//! `console.log`, and how values print.

use super::host::Host;
use super::text::utf8;
use boa_engine::object::builtins::JsArray;
use boa_engine::property::PropertyKey;
use boa_engine::value::JsVariant;
use boa_engine::{Context, JsObject, JsResult, JsValue};
use homefront_config::limits::FUNCTION_LOG_BYTES_MAX;
use std::fmt::Write as _;

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
        self.lines.push(line);
    }

    /// Takes the lines.
    pub(super) fn take(&mut self) -> Vec<String> {
        self.bytes = 0;
        std::mem::take(&mut self.lines)
    }

    /// Forgets the lines.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.bytes = 0;
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
            None => Printer { line: &mut line, inside: Vec::new() }.value(value, context)?,
        }
    }
    Host::of(context).log.borrow_mut().add(line);
    Ok(JsValue::undefined())
}

/// Prints as CloudFront's engine does: `{a:'b',c:[1,2]}`.
struct Printer<'a> {
    line: &'a mut String,
    inside: Vec<JsObject>,
}

impl Printer<'_> {
    const DEPTH_MAX: usize = 16;

    fn value(&mut self, value: &JsValue, context: &mut Context) -> JsResult<()> {
        if self.line.len() > FUNCTION_LOG_BYTES_MAX {
            return Ok(());
        }
        match value.variant() {
            JsVariant::String(text) => {
                let _ = write!(self.line, "'{}'", utf8(&text));
            }
            JsVariant::Object(object) => self.object(&object, context)?,
            JsVariant::Symbol(symbol) => {
                let _ = write!(self.line, "{symbol}");
            }
            _ => self.line.push_str(&utf8(&value.to_string(context)?)),
        }
        Ok(())
    }

    fn object(&mut self, object: &JsObject, context: &mut Context) -> JsResult<()> {
        if self.inside.len() >= Self::DEPTH_MAX || self.inside.contains(object) {
            self.line.push_str(if self.inside.contains(object) { "[Circular]" } else { "[Object]" });
            return Ok(());
        }
        if object.is_callable() {
            self.line.push_str("[Function");
            let name = object.borrow().properties().get(&PropertyKey::from(boa_engine::js_string!("name")));
            if let Some(name) = name.and_then(|name| name.value()?.as_string()).filter(|name| !name.is_empty()) {
                let _ = write!(self.line, ": {}", utf8(&name));
            }
            self.line.push(']');
            return Ok(());
        }
        if object.is::<boa_engine::builtins::error::Error>() {
            let text = super::fault::describe(&object.clone().into(), context);
            self.line.push_str(&text);
            return Ok(());
        }
        self.inside.push(object.clone());
        if object.is_array() {
            self.elements(&JsArray::from_object(object.clone())?, context)?;
        } else {
            self.members(object, context)?;
        }
        self.inside.pop();
        Ok(())
    }

    fn elements(&mut self, array: &JsArray, context: &mut Context) -> JsResult<()> {
        self.line.push('[');
        for index in 0..array.length(context)? {
            if self.line.len() > FUNCTION_LOG_BYTES_MAX {
                break;
            }
            if index > 0 {
                self.line.push(',');
            }
            let element = array.get(index, context)?;
            self.value(&element, context)?;
        }
        self.line.push(']');
        Ok(())
    }

    fn members(&mut self, object: &JsObject, context: &mut Context) -> JsResult<()> {
        self.line.push('{');
        let mut first = true;
        for key in object.own_property_keys(context)? {
            let enumerable =
                object.borrow().properties().get(&key).is_some_and(|property| property.enumerable() == Some(true));
            if !enumerable || self.line.len() > FUNCTION_LOG_BYTES_MAX {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.line.push(',');
            }
            match &key {
                PropertyKey::String(name) => self.line.push_str(&utf8(name)),
                other => {
                    let _ = write!(self.line, "{other}");
                }
            }
            self.line.push(':');
            let member = object.get(key, context)?;
            self.value(&member, context)?;
        }
        self.line.push('}');
        Ok(())
    }
}
