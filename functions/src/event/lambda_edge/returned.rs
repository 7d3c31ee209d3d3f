//! What a function returned, as JSON. A body stays where it was received until it is clear what becomes of it, and then as well, where it
//! was received alone: else it is copied once, into the bytes that are sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize as _;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// JSON in which half of a character, as `JSON.stringify` writes it of a text that was cut within one, is U+FFFD: no text has it, and its
/// readers refuse the whole.
pub(super) fn with_whole_characters(json: Bytes) -> Bytes {
    let mut repaired: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(next) = json.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        let place = at + next;
        at = place + ESCAPE_BYTES;
        match escaped_unit(&json[place..]) {
            Some(0xd800..=0xdbff) if matches!(escaped_unit(&json[at..]), Some(0xdc00..=0xdfff)) => at += ESCAPE_BYTES,
            Some(0xd800..=0xdfff) => {
                repaired.get_or_insert_with(|| json.to_vec())[place..at].copy_from_slice(b"\\ufffd");
            }
            Some(_) => {}
            None => at = place + 2,
        }
    }
    repaired.map_or(json, Bytes::from)
}

/// Of an escape as `\u00e9`.
const ESCAPE_BYTES: usize = 6;

/// What an escape as `\u00e9` at the beginning stands for.
fn escaped_unit(rest: &[u8]) -> Option<u16> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

/// Where bodies are: `body` of a response, `body.data` of a request.
const KEPT: &[&str] = &["body", "data"];

/// A value that has a body, or is one.
#[derive(Debug)]
pub(super) enum Returned<'a> {
    Text(Cow<'a, str>),
    Object(Object<'a>),
    /// Neither a string nor an object.
    Other(Value),
}

/// An object, and of its members the one that is, or has, a body.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    pub(super) members: Map<String, Value>,
    pub(super) body: Option<Box<Returned<'a>>>,
}

impl<'a> Returned<'a> {
    pub(super) fn parse(json: &'a [u8]) -> serde_json::Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let returned = Keeping(KEPT).deserialize(&mut deserializer)?;
        deserializer.end().map(|()| returned)
    }

    /// What it is, for a message.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Object(_) => "an object",
            Self::Other(Value::Null) => "null",
            Self::Other(Value::Bool(_)) => "a boolean",
            Self::Other(Value::Number(_)) => "a number",
            Self::Other(_) => "an array",
        }
    }
}

impl Object<'_> {
    pub(super) fn has(&self, member: &str) -> bool {
        self.members.contains_key(member) || member == KEPT[0] && self.body.is_some()
    }
}

/// The bytes of a text: those within `received`, if it lies there as it is and most of that is the text. See [`unshared`].
pub(super) fn text_bytes(received: &Bytes, text: Cow<'_, str>) -> Bytes {
    match text {
        Cow::Borrowed(text) if received.len() <= room_max(text.len()) => received.slice_ref(text.as_bytes()),
        Cow::Borrowed(text) => Bytes::copy_from_slice(text.as_bytes()),
        Cow::Owned(text) => text.into(),
    }
}

/// A body that is sent, or kept: as it is, unless it shares its memory with others or has much more than it needs.
pub(super) fn unshared(body: Bytes) -> Bytes {
    match body.try_into_mut() {
        Ok(body) if body.capacity() <= room_max(body.len()) => body.freeze(),
        Ok(body) => Bytes::copy_from_slice(&body),
        Err(body) => Bytes::copy_from_slice(&body),
    }
}

/// How many bytes may have been received with a body of so many, and how much memory may belong to it from its beginning on.
fn room_max(bytes: usize) -> usize {
    bytes + bytes / 4
}

/// The bytes that a text is the base64 of.
pub(super) fn base64_bytes(text: &str) -> Result<Bytes, String> {
    // It stands in a sentence that ends by itself.
    STANDARD.decode(text).map(Bytes::from).map_err(|error| error.to_string().trim_end_matches('.').to_owned())
}

/// Reads a value that may have the first of these members, and that may have the next one.
#[derive(Clone, Copy)]
struct Keeping(&'static [&'static str]);

impl Keeping {
    fn read(self, json: &str) -> serde_json::Result<Returned<'_>> {
        if let Some(text) = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            return Ok(Returned::Text(unescaped(text)));
        }
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let returned = self.deserialize(&mut deserializer)?;
        deserializer.end().map(|()| returned)
    }
}

/// What stands between the quotes of a valid string of JSON, written once, in room that fits: `serde_json` would write it twice.
fn unescaped(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut whole =
        String::with_capacity(pieces(text).map(|(plain, escape)| plain.len() + escape.map_or(0, char::len_utf8)).sum());
    for (plain, escape) in pieces(text) {
        whole.push_str(plain);
        whole.extend(escape);
    }
    Cow::Owned(whole)
}

/// Text without escapes, and what the escape after it stands for.
fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<char>)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) else { return Some((std::mem::take(&mut rest), None)) };
        let (plain, escape) = rest.split_at(at);
        let (character, bytes) = escaped(escape);
        rest = escape.get(bytes..).unwrap_or_default();
        Some((plain, Some(character)))
    })
}

/// What the escape at the beginning stands for, and how long it is.
fn escaped(text: &str) -> (char, usize) {
    if let Some(unit) = escaped_unit(text.as_bytes()) {
        let low = text.as_bytes().get(ESCAPE_BYTES..).and_then(escaped_unit);
        let units = [unit].into_iter().chain(low);
        let character = char::decode_utf16(units).next().and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
        return (character, character.len_utf16() * ESCAPE_BYTES);
    }
    let character = match text[1..].chars().next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        // A quote, a slash or a backslash.
        other => other.unwrap_or('\\'),
    };
    (character, 2)
}

impl<'de> DeserializeSeed<'de> for Keeping {
    type Value = Returned<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Keeping {
    type Value = Returned<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Returned::Other(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Returned::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Returned::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Returned::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Returned::Other(value.into()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Returned::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Returned::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(sequence)).map(Returned::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (kept, within) = self.0.split_first().map_or(("", self.0), |(kept, within)| (*kept, within));
        let mut object = Object::default();
        while let Some(name) = map.next_key::<String>()? {
            if !kept.is_empty() && name == kept {
                let json: &'de RawValue = map.next_value()?;
                object.body = Some(Box::new(Self(within).read(json.get()).map_err(A::Error::custom)?));
            } else {
                object.members.insert(name, map.next_value()?);
            }
        }
        Ok(Returned::Object(object))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_body_is_what_a_json_reader_reads(text in any::<String>(), escapes in any::<bool>(), more in r"[\PC\n]{0,9}") {
            let quoted = |text: &str| serde_json::to_string(text).unwrap();
            let escaped = |text: &str| {
                let units: Vec<_> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                if escapes { units.concat() } else { quoted(text).trim_matches('"').to_owned() }
            };
            // A quote at either end is trimmed with those of the string.
            let text = format!("a{text}b");
            let json = format!(r#"{{ "x": 1, "body" : "{}{}" , "more": {} }}"#, escaped(&text), r"\/\b\f\n\r\t\u00E9", quoted(&more));
            let returned = Returned::parse(json.as_bytes()).unwrap();
            let Returned::Object(Object { body: Some(body), members }) = returned else { panic!("{json}") };
            let Returned::Text(body) = *body else { panic!("{json}") };
            let value: Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&*body, value["body"].as_str().unwrap());
            prop_assert_eq!(&members["more"], &value["more"]);
        }

        #[test]
        fn what_a_json_reader_refuses_is_refused(body in r#"["\\u0d8f9ab{}: ,\n]{0,12}"#) {
            let json = format!(r#"{{"body":"{body}"}}"#);
            let repaired = with_whole_characters(Bytes::from(json.clone().into_bytes()));
            let refused = serde_json::from_slice::<Value>(&repaired).is_err();
            prop_assert_eq!(Returned::parse(&repaired).is_err(), refused, "{}", json);
        }
    }

    #[test]
    fn half_of_a_character_is_replaced_and_nothing_else_is_touched() {
        for (json, whole) in [
            (r#"{"body":"cut \ud83d"}"#, r#"{"body":"cut \ufffd"}"#),
            (r#"["\ude00","\ud83d\ud83d\ude00","\uD83Dx"]"#, r#"["\ufffd","\ufffd\ud83d\ude00","\ufffdx"]"#),
            (
                r#"["\ud83d\ude00","\u00e9","\\ud83d","\"\n","\ud8"#,
                r#"["\ud83d\ude00","\u00e9","\\ud83d","\"\n","\ud8"#,
            ),
            (r"\", r"\"),
        ] {
            let received = Bytes::from_static(json.as_bytes());
            let repaired = with_whole_characters(received.clone());
            assert_eq!(repaired, whole.as_bytes());
            assert_eq!(repaired.as_ptr() == received.as_ptr(), json == whole, "what is whole is not copied");
        }
    }
}
