//! `cf.cwt`: CBOR Web Tokens, as far as CloudFront has them: COSE MAC0 with HS256 (RFC 8392, RFC 9052), at most 1 KB. Claims are
//! not looked at.

mod values;

use super::members::{Members, Wrong, invalid, required};
use crate::js::bytes;
use crate::js::event::{data, plain_object};
use crate::js::globals::{define, native};
use boa_engine::{Context, JsArgs, JsError, JsNativeError, JsObject, JsResult, JsValue, js_string};
use coset::cbor::Value;
use coset::{Algorithm, AsCborValue, CoseMac0, CoseMac0Builder, Header, TaggedCborSerializable, iana};
use hmac::{Hmac, Mac};
use homefront_config::limits::{CWT_BYTES_MAX, CWT_DEPTH_MAX};
use sha2::Sha256;

/// Says that a token is a CWT (RFC 8392 §6).
const CWT_TAG: u64 = 61;

const HS256: Algorithm = Algorithm::Assigned(iana::Algorithm::HMAC_256_256);

/// Adds the helpers to the module.
pub(super) fn install(module: &JsObject, context: &mut Context) -> JsResult<()> {
    let cwt = plain_object(context);
    define(&cwt, "validateToken", native("validateToken", 2, validate_token, context), context)?;
    define(&cwt, "generateToken", native("generateToken", 2, generate_token, context), context)?;
    define(module, "cwt", cwt, context)
}

fn refused(name: &str, wrong: Wrong) -> JsError {
    match wrong {
        Wrong::Thrown(error) => error,
        Wrong::Invalid(detail) => JsNativeError::typ().with_message(format!("cf.cwt.{name}: {detail}")).into(),
    }
}

/// `validateToken(token, { key })` gives what is in a token whose code is right, and throws for any other.
fn validate_token(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let (token, with) = (arguments.get_or_undefined(0).clone(), arguments.get_or_undefined(1).clone());
    validated(&token, &with, context).map_err(|wrong| refused("validateToken", wrong))
}

fn validated(token: &JsValue, with: &JsValue, context: &mut Context) -> Result<JsValue, Wrong> {
    let view = match token.as_object() {
        Some(object) => bytes::of_view(&object, context)?,
        None => None,
    };
    let token = required(view, "the token, a Buffer,")?;
    let with = Members::of(with, "the context", &["key"], context)?;
    let key = key(&with, context)?;
    let mac0 = mac0(&token)?;
    let verified = mac0.verify_payload_tag(&[], || (), |tag, data| hs256(&key, data).verify_slice(tag).map_err(drop));
    if verified.is_err() {
        return invalid("the token's code is not that of its content and this key");
    }
    // Only now is anything of it believed.
    let payload = values::parse(mac0.payload.as_deref().unwrap_or_default())?;
    let object = plain_object(context);
    for (name, part) in [
        (js_string!("protectedHeaders"), map_of(mac0.protected.header)?),
        (js_string!("unprotectedHeaders"), map_of(mac0.unprotected)?),
        (js_string!("payload"), payload),
    ] {
        let part = values::object(part, context)?;
        data(&object, name, part);
    }
    Ok(object.into())
}

/// The structure of a token, not verified.
fn mac0(token: &[u8]) -> Result<CoseMac0, Wrong> {
    if token.len() > CWT_BYTES_MAX {
        return invalid(format!("the token has {} bytes; at most {CWT_BYTES_MAX} are taken", token.len()));
    }
    let value = match values::parse(token)? {
        Value::Tag(CWT_TAG, inner) => *inner,
        value => value,
    };
    let Value::Tag(CoseMac0::TAG, value) = value else {
        return invalid("the token is not tagged as COSE MAC0 (17)");
    };
    let mac0 = CoseMac0::from_cbor_value(*value).or_else(|_| invalid("the token is not a COSE MAC0 structure"))?;
    if mac0.protected.header.alg != Some(HS256) {
        return invalid("the token's algorithm is not HS256");
    }
    if !mac0.protected.header.crit.is_empty() {
        return invalid("the token has critical headers, which nobody here understands");
    }
    Ok(mac0)
}

fn map_of(header: Header) -> Result<Value, Wrong> {
    header.to_cbor_value().or_else(|_| invalid("the token's headers cannot be shown"))
}

fn hs256(key: &[u8], data: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac
}

/// A secret, as text or as bytes.
fn key(with: &Members, context: &mut Context) -> Result<Vec<u8>, Wrong> {
    let key = required(with.get("key", context)?, "key")?;
    let key = bytes::of_data(&key, "key", context)?;
    // With an empty key anybody can make a token.
    if key.is_empty() { invalid("key is empty") } else { Ok(key) }
}

/// `generateToken(content, context)`, as the Developer Guide's examples call it, or `generateToken(context, content)`, as its
/// signature says: the context is the one with a `coseTag`.
fn generate_token(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let (first, second) = (arguments.get_or_undefined(0).clone(), arguments.get_or_undefined(1).clone());
    let first_is_context = match first.as_object() {
        Some(object) => !object.get(js_string!("coseTag"), context)?.is_undefined(),
        None => false,
    };
    let (claims, with) = if first_is_context { (second, first) } else { (first, second) };
    let token = generated(&claims, &with, context).map_err(|wrong| refused("generateToken", wrong))?;
    bytes::buffer_or_byte_string(&token, context)
}

fn generated(claims: &JsValue, with: &JsValue, context: &mut Context) -> Result<Vec<u8>, Wrong> {
    const MEMBERS: [&str; 5] = ["protectedHeaders", "protected", "unprotectedHeaders", "unprotected", "payload"];
    let with = Members::of(with, "the context", &["cwtTag", "coseTag", "key"], context)?;
    let cwt_tag = with.boolean("cwtTag", context)?.unwrap_or(false);
    required(with.word("coseTag", &[("MAC0", ())], context)?, "coseTag")?;
    let key = key(&with, context)?;
    let parts = Members::of(claims, "the content", &MEMBERS, context)?;
    let mut protected = headers(&parts, ["protectedHeaders", "protected"], context)?;
    match protected.alg {
        None => protected.alg = Some(HS256),
        Some(HS256) => {}
        Some(_) => return invalid("the algorithm (1) in the protected headers must be HS256 (5)"),
    }
    let unprotected = headers(&parts, ["unprotectedHeaders", "unprotected"], context)?;
    let payload = required(parts.get("payload", context)?, "payload")?;
    let payload = values::written(&values::map(&payload, "payload", context)?)?;
    let mac0 = CoseMac0Builder::new()
        .protected(protected)
        .unprotected(unprotected)
        .payload(payload)
        .create_tag(&[], |data| hs256(&key, data).finalize().into_bytes().to_vec())
        .build();
    let value = mac0.to_cbor_value().or_else(|_| invalid("the headers cannot be written"))?;
    let token = Value::Tag(CoseMac0::TAG, Box::new(value));
    let token = values::written(&if cwt_tag { Value::Tag(CWT_TAG, Box::new(token)) } else { token })?;
    if token.len() > CWT_BYTES_MAX {
        return invalid(format!("the token would have {} bytes; at most {CWT_BYTES_MAX} are made", token.len()));
    }
    Ok(token)
}

/// Headers under either of the names that the Developer Guide has for them; none when there are none.
fn headers(parts: &Members, names: [&str; 2], context: &mut Context) -> Result<Header, Wrong> {
    let [first, second] = names;
    let (name, value) = match (parts.get(first, context)?, parts.get(second, context)?) {
        (Some(_), Some(_)) => return invalid(format!("{first} and {second} are the same; give one of them")),
        (Some(value), None) => (first, value),
        (None, Some(value)) => (second, value),
        (None, None) => return Ok(Header::default()),
    };
    let mut map = values::map(&value, name, context)?;
    if let Value::Map(entries) = &mut map {
        for (key, value) in entries {
            let written = match (key.as_integer().map(i128::from), value.as_text()) {
                // AWS's example writes the number of an algorithm as text.
                (Some(1), Some("5" | "HS256")) => Value::from(5),
                // A key's id is bytes, whatever it is to a program.
                (Some(4), Some(id)) => Value::Bytes(id.as_bytes().to_vec()),
                _ => continue,
            };
            *value = written;
        }
    }
    Header::from_cbor_value(map).or_else(|error| invalid(format!("{name} are no COSE headers: {error}")))
}

const _: () = assert!(CWT_DEPTH_MAX < 64, "values are read and written by recursion");
