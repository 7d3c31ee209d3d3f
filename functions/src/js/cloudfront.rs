//! The module `cloudfront`: reads of the function's KeyValueStore, and the helpers beside it.

mod absent;
mod cwt;
mod edge_location;
mod log_data;
mod members;
mod origin;

use super::event::{data, plain_object};
use super::globals::{define, native};
use super::host::Host;
use super::kvs::Snapshot;
use super::text::utf8;
use super::{bytes, json};
use boa_engine::object::builtins::JsPromise;
use boa_engine::{Context, JsArgs, JsError, JsNativeError, JsObject, JsResult, JsString, JsValue, js_string};
use std::sync::Arc;

/// Makes the module.
pub(super) fn module(context: &mut Context) -> JsResult<JsObject> {
    let store = plain_object(context);
    define(&store, "get", native("get", 2, get, context), context)?;
    define(&store, "exists", native("exists", 1, exists, context), context)?;
    define(&store, "meta", native("meta", 0, meta, context), context)?;
    define(&store, "count", native("count", 0, count, context), context)?;
    Host::of(context).prototypes.borrow_mut().store = Some(store);
    let module = plain_object(context);
    define(&module, "kvs", native("kvs", 1, kvs, context), context)?;
    origin::install(&module, context)?;
    edge_location::install(&module, context)?;
    log_data::install(&module, context)?;
    absent::install(&module, context)?;
    cwt::install(&module, context)?;
    Ok(module)
}

/// An error whose name says which.
fn named(name: &str, message: &str, context: &mut Context) -> JsError {
    let error = JsNativeError::error().with_message(message.to_owned()).into_opaque(context);
    match define(&error, "name", JsString::from(name), context) {
        Ok(()) => JsError::from_opaque(error.into()),
        Err(refused) => refused,
    }
}

fn snapshot(context: &mut Context) -> JsResult<Arc<Snapshot>> {
    let store = Host::of(context).store.borrow().clone();
    store.ok_or_else(|| named("KVSNamespaceNotFound", "no KeyValueStore is associated with this function", context))
}

/// `cf.kvs([id])`: a handle, whether the store is there or not; its methods say so.
fn kvs(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let id = arguments.get_or_undefined(0);
    let store = snapshot(context)?;
    if !id.is_undefined() {
        let id = utf8(&id.to_string(context)?);
        if id != store.about.id {
            return Err(named(
                "KVSNamespaceNotFound",
                &format!(
                    "no KeyValueStore \"{id}\" is associated with this function; the id of its store is {}, see key_value_store.id",
                    store.about.id
                ),
                context,
            ));
        }
    }
    let prototype = Host::of(context).prototypes.borrow().store.clone();
    Ok(JsObject::from_proto_and_data(prototype, boa_engine::builtins::object::OrdinaryObject).into())
}

/// All methods give promises; their work is done at once.
fn promised(result: JsResult<JsValue>, context: &mut Context) -> JsResult<JsValue> {
    if result.as_ref().is_err_and(|error| error.as_engine().is_some()) {
        return result;
    }
    Ok(JsPromise::from_result(result, context)?.into())
}

fn get(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let result = value_of(arguments, context);
    promised(result, context)
}

fn value_of(arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let store = snapshot(context)?;
    let key = utf8(&arguments.get_or_undefined(0).to_string(context)?);
    let format = match arguments.get_or_undefined(1).as_object() {
        Some(options) => options.get(js_string!("format"), context)?,
        None => JsValue::undefined(),
    };
    let format = if format.is_undefined() { "string".to_owned() } else { utf8(&format.to_string(context)?) };
    let Some(value) = store.get(&key) else {
        return Err(named("KeyNotFound", &format!("key \"{key}\" does not exist"), context));
    };
    match format.as_str() {
        "string" => Ok(JsString::from(value).into()),
        "json" => json::parse_text(&JsString::from(value), context),
        "bytes" => bytes::buffer_or_byte_string(value.as_bytes(), context),
        other => Err(JsNativeError::typ().with_message(format!("\"{other}\" format is not supported")).into()),
    }
}

fn exists(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let result = arguments
        .get_or_undefined(0)
        .to_string(context)
        .and_then(|key| Ok(JsValue::from(snapshot(context)?.get(&utf8(&key)).is_some())));
    promised(result, context)
}

fn meta(_this: &JsValue, _arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let result = snapshot(context).map(|store| {
        let meta = plain_object(context);
        data(&meta, js_string!("creationDateTime"), JsString::from(store.about.created.as_str()));
        data(&meta, js_string!("lastUpdatedDateTime"), JsString::from(store.about.updated.as_str()));
        data(&meta, js_string!("keyCount"), store.len() as u32);
        meta.into()
    });
    promised(result, context)
}

fn count(_this: &JsValue, _arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let result = snapshot(context).map(|store| JsValue::from(store.len() as u32));
    promised(result, context)
}
