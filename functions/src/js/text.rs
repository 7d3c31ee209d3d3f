//! Bytes of a message as JavaScript strings, and back.

use boa_engine::{JsStr, JsString};
use std::borrow::Cow;

/// UTF-8 as it is; anything else is read as ISO-8859-1, as CloudFront does. Nothing is percent-decoded.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// A JavaScript string of a message's bytes.
pub(super) fn js_string(bytes: &[u8]) -> JsString {
    if bytes.is_ascii() { JsString::from(JsStr::latin1(bytes)) } else { JsString::from(decode(bytes).as_ref()) }
}

/// UTF-8 of a JavaScript string; a lone surrogate becomes U+FFFD, and so does a byte that is no part of a character.
pub(super) fn utf8(text: &JsString) -> String {
    match text.as_str().as_latin1() {
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => text.to_owned(),
            _ => text.to_std_string_lossy(),
        },
        None => match String::from_utf8(super::byte_string::bytes_of(text)) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        },
    }
}

/// Whether a JavaScript string is that text.
pub(super) fn same(text: &JsString, other: &str) -> bool {
    match text.as_str().as_latin1() {
        Some(bytes) if other.is_ascii() => bytes == other.as_bytes(),
        _ => text.iter().eq(other.encode_utf16()),
    }
}

/// The characters of a "byte string" (each below 256), or nothing when one is larger.
pub(super) fn bytes_of_latin1(text: &JsString) -> Option<Vec<u8>> {
    match text.as_str().as_latin1() {
        Some(bytes) => Some(bytes.to_vec()),
        None => text.iter().map(|unit| u8::try_from(unit).ok()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf8_is_read_as_latin1() {
        assert_eq!(decode(b"caf\xe9"), "café");
        assert_eq!(decode("café".as_bytes()), "café");
        assert!(same(&js_string(b"caf\xe9"), "café"));
        assert_eq!(utf8(&js_string(b"caf\xe9")), "café");
        assert!(!same(&js_string(b"cafe"), "café"));
    }

    #[test]
    fn byte_strings_hold_bytes_only() {
        assert_eq!(bytes_of_latin1(&js_string("é".as_bytes())), Some(vec![0xe9]));
        assert_eq!(bytes_of_latin1(&js_string("家".as_bytes())), None);
    }
}
