//! Bytes that a program hands to a native function: strings, buffers and views of them.

use super::byte_string::{byte_string, bytes_of};
use super::text::utf8;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use boa_engine::object::builtins::{JsArrayBuffer, JsTypedArray, JsUint8Array};
use boa_engine::{Context, JsError, JsNativeError, JsObject, JsResult, JsStr, JsString, JsValue};

const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new());
const URL_SAFE: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, GeneralPurposeConfig::new().with_encode_padding(false));

/// The encodings of CloudFront's Buffer and digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Hex,
    Base64,
    Base64Url,
}

impl Encoding {
    /// By its name, in lower case.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        match name {
            "utf8" | "utf-8" => Some(Self::Utf8),
            "hex" => Some(Self::Hex),
            "base64" => Some(Self::Base64),
            "base64url" => Some(Self::Base64Url),
            _ => None,
        }
    }

    /// From an argument; nothing means UTF-8.
    pub(super) fn from_argument(value: &JsValue) -> JsResult<Self> {
        if value.is_undefined() {
            return Ok(Self::Utf8);
        }
        let Some(name) = value.as_string().map(|name| utf8(&name)) else {
            return Err(JsNativeError::typ().with_message("encoding must be a string").into());
        };
        Self::by_name(&name)
            .ok_or_else(|| JsNativeError::typ().with_message(format!("\"{name}\" encoding is not supported")).into())
    }

    /// Bytes as a string.
    pub(super) fn encode(self, bytes: &[u8]) -> JsString {
        match self {
            Self::Utf8 if bytes.is_ascii() => JsString::from(JsStr::latin1(bytes)),
            Self::Utf8 => JsString::from(String::from_utf8_lossy(bytes).as_ref()),
            Self::Hex => JsString::from(hex::encode(bytes)),
            Self::Base64 => JsString::from(STANDARD.encode(bytes)),
            Self::Base64Url => JsString::from(URL_SAFE.encode(bytes)),
        }
    }

    /// A string as bytes. Hex ends at the first pair that is none; base64 takes both alphabets and ends at the first
    /// character of neither.
    pub(super) fn decode(self, text: &JsString) -> Vec<u8> {
        match self {
            Self::Utf8 => utf8(text).into_bytes(),
            Self::Hex => {
                let text = utf8(text);
                let pairs = text.as_bytes().chunks_exact(2);
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                pairs.map_while(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
            }
            Self::Base64 | Self::Base64Url => match text.as_str().as_latin1() {
                Some(units) => decode_base64(units.iter().copied().map(u16::from), units.len()),
                None => decode_base64(text.iter(), text.len()),
            },
        }
    }
}

/// What a character of either alphabet stands for; `NO_DIGIT` where it is of none.
const DIGITS: [u8; 128] = {
    let mut digits = [NO_DIGIT; 128];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < alphabet.len() {
        digits[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    (digits[b'-' as usize], digits[b'_' as usize]) = (digits[b'+' as usize], digits[b'/' as usize]);
    digits
};

const NO_DIGIT: u8 = 0xff;

fn decode_base64(units: impl Iterator<Item = u16>, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length.div_ceil(4) * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for unit in units {
        let digit = DIGITS.get(usize::from(unit)).copied().unwrap_or(NO_DIGIT);
        if digit == NO_DIGIT {
            break;
        }
        bits = bits << 6 | u32::from(digit);
        count += 1;
        if count == 4 {
            bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    match count {
        2 => bytes.push((bits >> 4) as u8),
        3 => bytes.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        // One digit alone is less than a byte.
        _ => {}
    }
    bytes
}

/// The bytes of a Buffer, typed array or ArrayBuffer.
pub(super) fn of_view(object: &JsObject, context: &mut Context) -> JsResult<Option<Vec<u8>>> {
    if let Ok(array) = JsTypedArray::from_object(object.clone()) {
        let start = array.byte_offset(context)?;
        let length = array.byte_length(context)?;
        let buffer = array.buffer(context)?.as_object().and_then(|buffer| JsArrayBuffer::from_object(buffer).ok());
        return Ok(buffer.and_then(|buffer| Some(buffer.data()?.get(start..start + length)?.to_vec())));
    }
    match JsArrayBuffer::from_object(object.clone()) {
        Ok(buffer) => Ok(Some(buffer.to_vec().unwrap_or_default())),
        Err(_) => Ok(None),
    }
}

/// The bytes of a string in UTF-8, or of a view; anything else is refused as [`not_buffer_like`] says.
pub(super) fn of_data(value: &JsValue, what: &str, context: &mut Context) -> JsResult<Vec<u8>> {
    if let Some(text) = value.as_string() {
        return Ok(bytes_of(&text));
    }
    if let Some(object) = value.as_object()
        && let Some(bytes) = of_view(&object, context)?
    {
        return Ok(bytes);
    }
    Err(not_buffer_like(what, value))
}

/// The error for what is neither a string nor bytes; `{}` in `what` stands for its type.
pub(super) fn not_buffer_like(what: &str, value: &JsValue) -> JsError {
    let kind = if value.is_null() { "null" } else { value.type_of() };
    let what = what.replace("{}", kind);
    JsNativeError::typ().with_message(format!("{what} is not a string or Buffer-like object")).into()
}

/// A `Uint8Array` of these bytes.
pub(super) fn uint8_array(bytes: &[u8], context: &mut Context) -> JsResult<JsObject> {
    let buffer = JsArrayBuffer::new(bytes.len(), context)?;
    if let Some(mut data) = buffer.data_mut() {
        data.copy_from_slice(bytes);
    }
    Ok(JsObject::from(JsUint8Array::from_array_buffer(buffer, context)?))
}

/// A Buffer in runtime 2.0, a byte string in 1.0.
pub(super) fn buffer_or_byte_string(bytes: &[u8], context: &mut Context) -> JsResult<JsValue> {
    let prototype = super::host::Host::of(context).prototypes.borrow().buffer.clone();
    let Some(prototype) = prototype else { return Ok(byte_string(bytes).into()) };
    let array = uint8_array(bytes, context)?;
    array.set_prototype(Some(prototype));
    Ok(array.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use boa_engine::js_string;

    #[test]
    fn encodings_decode_what_they_encode() {
        let bytes = [0, 1, 0xfb, 0xff, 0xfe, b'a'];
        for encoding in [Encoding::Hex, Encoding::Base64, Encoding::Base64Url] {
            assert_eq!(encoding.decode(&encoding.encode(&bytes)), bytes, "{encoding:?}");
        }
        assert_eq!(Encoding::Base64Url.encode(&bytes).to_std_string_lossy(), "AAH7__5h");
        assert_eq!(Encoding::Base64.encode(b"a").to_std_string_lossy(), "YQ==");
    }

    #[test]
    fn decoding_ends_at_the_first_wrong_character() {
        assert_eq!(Encoding::Hex.decode(&js_string!("6162zz63")), b"ab");
        assert_eq!(Encoding::Hex.decode(&js_string!("61+b")), b"a");
        assert_eq!(Encoding::Base64.decode(&js_string!("YWI=!!!")), b"ab");
        assert_eq!(Encoding::Base64.decode(&js_string!("YWI-_A")), [b'a', b'b', 0x3e, 0xfc]);
        assert_eq!(Encoding::Base64.decode(&js_string!("YWJjZ")), b"abc", "one digit is no byte");
        assert_eq!(Encoding::Base64.decode(&js_string!("YWJj\u{5bb6}ZGVm")), b"abc");
        assert_eq!(Encoding::Base64.decode(&js_string!("")), b"");
    }
}
