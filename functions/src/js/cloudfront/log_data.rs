//! `cf.logCustomData`: one text for the access log.

use crate::js::globals::{define, native};
use crate::js::host::Host;
use crate::js::text::utf8;
use boa_engine::{Context, JsArgs, JsNativeError, JsObject, JsResult, JsValue};
use homefront_config::limits::FUNCTION_LOG_DATA_BYTES_MAX;

/// Adds the helper to the module.
pub(super) fn install(module: &JsObject, context: &mut Context) -> JsResult<()> {
    define(module, "logCustomData", native("logCustomData", 1, log_custom_data, context), context)
}

/// Of several calls the last counts.
fn log_custom_data(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let Some(text) = arguments.get_or_undefined(0).as_string() else {
        return Err(JsNativeError::typ().with_message("logCustomData takes a string").into());
    };
    let mut text = utf8(&text);
    // What is written is URL-encoded and cut once more; encoding makes nothing shorter.
    text.truncate(text.floor_char_boundary(FUNCTION_LOG_DATA_BYTES_MAX));
    Host::of(context).log_data.replace(Some(text.into()));
    Ok(JsValue::undefined())
}
