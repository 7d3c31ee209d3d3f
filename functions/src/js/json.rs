//! `JSON.parse`: bounded in depth, one pass, with the error texts of CloudFront's engine.

use super::byte_string::{bytes_of, decoded, has_bytes, unescaped};
use super::event::{data, plain_object};
use super::globals::{define, native};
use super::host::Host;
use super::text::utf8;
use boa_engine::object::builtins::JsArray;
use boa_engine::property::PropertyKey;
use boa_engine::string::JsStrVariant;
use boa_engine::{Context, JsArgs, JsNativeError, JsObject, JsResult, JsStr, JsString, JsValue, js_string};
use homefront_config::limits::FUNCTION_JSON_DEPTH_MAX;

/// Replaces boa's.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let json = context.intrinsics().objects().json();
    if let Some(stringify) = json.get(js_string!("stringify"), context)?.as_object() {
        let _ = Host::of(context).stringify.set(stringify);
    }
    define(&json, "parse", native("parse", 2, parse, context), context)
}

fn parse(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = arguments.get_or_undefined(0).to_string(context)?;
    let text = if has_bytes(&text) { decoded(&bytes_of(&text)) } else { text };
    let value = parse_text(&text, context)?;
    let Some(function) = arguments.get_or_undefined(1).as_callable() else { return Ok(value) };
    let root = plain_object(context);
    data(&root, js_string!(""), value);
    revive(&root, &js_string!("").into(), &function, 0, context)
}

/// The value of a JSON text.
pub(super) fn parse_text(text: &JsString, context: &mut Context) -> JsResult<JsValue> {
    match text.variant() {
        JsStrVariant::Latin1(units) => Parser::document(units, context),
        JsStrVariant::Utf16(units) => Parser::document(units, context),
    }
}

/// `JSON.stringify(value)`, for the host; nothing when it throws or gives nothing.
pub(super) fn stringify(value: &JsValue, context: &mut Context) -> Option<String> {
    // A program may have put its own in the place.
    let stringify = Host::of(context).stringify.get()?.clone();
    let text = stringify.call(&JsValue::undefined(), std::slice::from_ref(value), context).ok()?;
    Some(without_lone_surrogates(utf8(&unescaped(&text.as_string()?))))
}

/// JSON as others read it: half a surrogate pair, which JavaScript writes as an escape, becomes U+FFFD, as it does in an answer.
fn without_lone_surrogates(json: String) -> String {
    if !json.contains("\\ud") {
        return json;
    }
    let (mut out, mut rest) = (String::with_capacity(json.len()), json.as_str());
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let lone = rest.len() >= 6 && rest.starts_with("\\ud") && rest.as_bytes()[3] >= b'8';
        let length = if lone { 6 } else { 2 };
        out.push_str(if lone { "\u{fffd}" } else { &rest[..length] });
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// ES2023 25.5.1.1 InternalizeJSONProperty. Its depth is that of what was parsed, unless the reviver builds more.
fn revive(
    holder: &JsObject,
    key: &PropertyKey,
    function: &JsObject,
    depth: usize,
    context: &mut Context,
) -> JsResult<JsValue> {
    if depth > 2 * FUNCTION_JSON_DEPTH_MAX {
        return Err(JsNativeError::range().with_message("Maximum call stack size exceeded").into());
    }
    let value = holder.get(key.clone(), context)?;
    if let Some(object) = value.as_object() {
        for member in object.own_property_keys(context)? {
            let found = object.borrow().properties().get(&member);
            let enumerable = found.is_some_and(|found| found.enumerable() == Some(true));
            if !enumerable || matches!(member, PropertyKey::Symbol(_)) {
                continue;
            }
            let revived = revive(&object, &member, function, depth + 1, context)?;
            if revived.is_undefined() {
                object.delete_property_or_throw(member, context)?;
            } else {
                object.create_data_property(member, revived, context)?;
            }
        }
    }
    function.call(&holder.clone().into(), &[JsValue::from(key.clone()), value], context)
}

/// A code unit of either width.
trait Unit: Copy + Into<u32> {
    fn string(units: &[Self]) -> JsString;
}

impl Unit for u8 {
    fn string(units: &[Self]) -> JsString {
        JsString::from(JsStr::latin1(units))
    }
}

impl Unit for u16 {
    fn string(units: &[Self]) -> JsString {
        JsString::from(units)
    }
}

struct Parser<'a, U> {
    units: &'a [U],
    at: usize,
    depth: usize,
    context: &'a mut Context,
}

impl<'a, U: Unit> Parser<'a, U> {
    fn document(units: &'a [U], context: &'a mut Context) -> JsResult<JsValue> {
        let mut parser = Self { units, at: 0, depth: 0, context };
        parser.skip_space();
        let value = parser.value()?;
        parser.skip_space();
        if parser.at < parser.units.len() { Err(parser.unexpected()) } else { Ok(value) }
    }

    fn peek(&self) -> Option<u8> {
        self.units.get(self.at).map(|unit| u8::try_from((*unit).into()).unwrap_or(0xff))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fail(&self, what: &str) -> boa_engine::JsError {
        JsNativeError::syntax().with_message(format!("{what} at position {}", self.at)).into()
    }

    fn unexpected(&self) -> boa_engine::JsError {
        self.fail(if self.at < self.units.len() { "Unexpected token" } else { "Unexpected end of input" })
    }

    fn value(&mut self) -> JsResult<JsValue> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(self.string()?.into()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", JsValue::from(true)),
            Some(b'f') => self.word("false", JsValue::from(false)),
            Some(b'n') => self.word("null", JsValue::null()),
            _ => Err(self.unexpected()),
        }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> JsResult<JsValue>) -> JsResult<JsValue> {
        if self.depth == FUNCTION_JSON_DEPTH_MAX {
            return Err(self.fail("Nested too deep"));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let value = parse(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn word(&mut self, word: &str, value: JsValue) -> JsResult<JsValue> {
        let start = self.at;
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                self.at = start;
                return Err(self.fail("Unexpected token"));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn object(&mut self) -> JsResult<JsValue> {
        let object = plain_object(self.context);
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(object.into());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let key = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            let value = self.value()?;
            // Not an assignment: `__proto__` becomes a member like any other.
            data(&object, key, value);
            if self.end_of_list(b'}')? {
                return Ok(object.into());
            }
        }
    }

    fn array(&mut self) -> JsResult<JsValue> {
        let mut elements = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
        } else {
            loop {
                elements.push(self.value()?);
                if self.end_of_list(b']')? {
                    break;
                }
            }
        }
        Ok(JsArray::from_iter(elements, self.context).into())
    }

    /// After an element: `true` at `end`, `false` past a comma.
    fn end_of_list(&mut self, end: u8) -> JsResult<bool> {
        self.skip_space();
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(true);
        }
        let comma = self.at;
        self.expect(b',')?;
        self.skip_space();
        if self.peek() == Some(end) {
            self.at = comma;
            return Err(self.fail("Trailing comma"));
        }
        Ok(false)
    }

    fn expect(&mut self, byte: u8) -> JsResult<()> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> JsResult<JsString> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let text = U::string(&self.units[start..self.at]);
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => return self.escaped_string(start),
                Some(0..0x20) => return Err(self.fail("Forbidden source char")),
                Some(_) => self.at += 1,
                None => return Err(self.unexpected()),
            }
        }
    }

    /// The rest of a string that has escapes; `start` is its first unit.
    fn escaped_string(&mut self, start: usize) -> JsResult<JsString> {
        let mut text: Vec<u16> = self.units[start..self.at].iter().map(|unit| (*unit).into() as u16).collect();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(narrow(&text));
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(0..0x20) => return Err(self.fail("Forbidden source char")),
                Some(_) => {
                    text.push(self.units[self.at].into() as u16);
                    self.at += 1;
                }
                None => return Err(self.unexpected()),
            }
        }
    }

    fn escape(&mut self) -> JsResult<u16> {
        self.at += 1;
        let unit = match self.peek() {
            Some(b'"') => b'"',
            Some(b'\\') => b'\\',
            Some(b'/') => b'/',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => return self.unicode_escape(),
            Some(_) => return Err(self.fail("Unknown escape char")),
            None => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(u16::from(unit))
    }

    fn unicode_escape(&mut self) -> JsResult<u16> {
        let mut unit = 0;
        for _ in 0..4 {
            self.at += 1;
            let Some(digit) = self.peek() else { return Err(self.unexpected()) };
            let digit = char::from(digit).to_digit(16).ok_or_else(|| self.fail("Invalid Unicode escape sequence"))?;
            unit = unit * 16 + digit as u16;
        }
        self.at += 1;
        Ok(unit)
    }

    fn number(&mut self) -> JsResult<JsValue> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let integer = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text: String = self.units[start..self.at].iter().map(|unit| char::from((*unit).into() as u8)).collect();
        if integer == self.at
            && text != "-0"
            && let Ok(value) = text.parse::<i32>()
        {
            return Ok(value.into());
        }
        Ok(text.parse::<f64>().map_err(|_| self.fail("Invalid number"))?.into())
    }

    fn digits(&mut self) -> JsResult<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }
}

fn narrow(units: &[u16]) -> JsString {
    let bytes: Option<Vec<u8>> = units.iter().map(|unit| u8::try_from(*unit).ok()).collect();
    bytes.map_or_else(|| JsString::from(units), |bytes| JsString::from(JsStr::latin1(&bytes)))
}
