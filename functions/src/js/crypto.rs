//! The module `crypto`: md5, sha1 and sha256, as hash and HMAC.

use super::bytes::{Encoding, buffer_or_byte_string, of_data};
use super::event::plain_object;
use super::globals::{define, native};
use super::host::Host;
use super::text::utf8;
use boa_engine::{Context, Finalize, JsArgs, JsData, JsNativeError, JsObject, JsResult, JsValue, Trace};
use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Makes the module.
pub(super) fn module(context: &mut Context) -> JsResult<JsObject> {
    let prototype = plain_object(context);
    define(&prototype, "update", native("update", 1, update, context), context)?;
    define(&prototype, "digest", native("digest", 1, digest, context), context)?;
    Host::of(context).prototypes.borrow_mut().hash = Some(prototype);
    let module = plain_object(context);
    define(&module, "createHash", native("createHash", 1, create_hash, context), context)?;
    define(&module, "createHmac", native("createHmac", 2, create_hmac, context), context)?;
    Ok(module)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha1,
    Sha256,
}

impl Algorithm {
    fn from_argument(value: &JsValue, context: &mut Context) -> JsResult<Self> {
        let Some(name) = value.as_string() else {
            return Err(JsNativeError::typ().with_message("algorithm must be a string").into());
        };
        let _ = context;
        match utf8(&name).as_str() {
            "md5" => Ok(Self::Md5),
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            other => Err(JsNativeError::typ().with_message(format!("not supported algorithm: \"{other}\"")).into()),
        }
    }
}

/// A digest under way.
enum Running {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    HmacMd5(Hmac<Md5>),
    HmacSha1(Hmac<Sha1>),
    HmacSha256(Hmac<Sha256>),
}

impl Running {
    fn hash(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    fn hmac(algorithm: Algorithm, key: &[u8]) -> Self {
        const ANY_LENGTH: &str = "HMAC takes keys of any length";
        match algorithm {
            Algorithm::Md5 => Self::HmacMd5(Hmac::new_from_slice(key).expect(ANY_LENGTH)),
            Algorithm::Sha1 => Self::HmacSha1(Hmac::new_from_slice(key).expect(ANY_LENGTH)),
            Algorithm::Sha256 => Self::HmacSha256(Hmac::new_from_slice(key).expect(ANY_LENGTH)),
        }
    }

    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Md5(hash) => Digest::update(hash, data),
            Self::Sha1(hash) => Digest::update(hash, data),
            Self::Sha256(hash) => Digest::update(hash, data),
            Self::HmacMd5(mac) => mac.update(data),
            Self::HmacSha1(mac) => mac.update(data),
            Self::HmacSha256(mac) => mac.update(data),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Md5(hash) => hash.finalize().to_vec(),
            Self::Sha1(hash) => hash.finalize().to_vec(),
            Self::Sha256(hash) => hash.finalize().to_vec(),
            Self::HmacMd5(mac) => mac.finalize().into_bytes().to_vec(),
            Self::HmacSha1(mac) => mac.finalize().into_bytes().to_vec(),
            Self::HmacSha256(mac) => mac.finalize().into_bytes().to_vec(),
        }
    }
}

/// The object that `createHash` and `createHmac` give; empty once the digest was taken.
#[derive(Trace, Finalize, JsData)]
struct Hash {
    #[unsafe_ignore_trace]
    running: Option<Running>,
}

fn object_of(running: Running, context: &Context) -> JsValue {
    let prototype = Host::of(context).prototypes.borrow().hash.clone();
    JsObject::from_proto_and_data(prototype, Hash { running: Some(running) }).into()
}

fn create_hash(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let algorithm = Algorithm::from_argument(arguments.get_or_undefined(0), context)?;
    Ok(object_of(Running::hash(algorithm), context))
}

fn create_hmac(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let algorithm = Algorithm::from_argument(arguments.get_or_undefined(0), context)?;
    let key = of_data(arguments.get_or_undefined(1), "key argument \"{}\"", context)?;
    Ok(object_of(Running::hmac(algorithm, &key), context))
}

fn not_a_hash() -> boa_engine::JsError {
    JsNativeError::typ().with_message("\"this\" is not a hash object").into()
}

fn already_called() -> boa_engine::JsError {
    JsNativeError::error().with_message("Digest already called").into()
}

fn update(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let object = this.as_object().ok_or_else(not_a_hash)?;
    // Text in an encoding of its own, as in `update(text, "hex")`.
    let bytes = match (arguments.get_or_undefined(0).as_string(), arguments.get_or_undefined(1)) {
        (Some(text), encoding) if !encoding.is_undefined() => Encoding::from_argument(encoding)?.decode(&text),
        _ => of_data(arguments.get_or_undefined(0), "data argument \"{}\"", context)?,
    };
    let mut hash = object.downcast_mut::<Hash>().ok_or_else(not_a_hash)?;
    hash.running.as_mut().ok_or_else(already_called)?.update(&bytes);
    drop(hash);
    Ok(this.clone())
}

fn digest(this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let object = this.as_object().ok_or_else(not_a_hash)?;
    let encoding = match arguments.get_or_undefined(0) {
        value if value.is_undefined() => None,
        value => {
            let Some(name) = value.as_string().map(|name| utf8(&name)) else {
                return Err(JsNativeError::typ().with_message("encoding must be a string").into());
            };
            let known = Encoding::by_name(&name).filter(|encoding| *encoding != Encoding::Utf8);
            Some(
                known
                    .ok_or_else(|| JsNativeError::typ().with_message(format!("Unknown digest encoding: \"{name}\"")))?,
            )
        }
    };
    let running = object.downcast_mut::<Hash>().ok_or_else(not_a_hash)?.running.take();
    let bytes = running.ok_or_else(already_called)?.finish();
    match encoding {
        Some(encoding) => Ok(encoding.encode(&bytes).into()),
        None => buffer_or_byte_string(&bytes, context),
    }
}
