//! The registry of `Symbol.for`: that of one call. boa's is the process's, and keeps each text for ever.

use super::globals::{define, native};
use super::host::Host;
use boa_engine::{Context, JsArgs, JsNativeError, JsResult, JsSymbol, JsValue};

/// Puts it in the place of boa's.
pub(super) fn install(context: &mut Context) -> JsResult<()> {
    let symbol = context.intrinsics().constructors().symbol().constructor();
    define(&symbol, "for", native("for", 1, symbol_for, context), context)?;
    define(&symbol, "keyFor", native("keyFor", 1, key_for, context), context)
}

/// ES2023 20.4.2.2.
fn symbol_for(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let key = arguments.get_or_undefined(0).to_string(context)?;
    let host = Host::of(context);
    if let Some(known) = host.symbols.borrow().get(&key) {
        return Ok(known.clone().into());
    }
    let too_many = || JsNativeError::range().with_message("too many symbols");
    let symbol = JsSymbol::new(Some(key.clone())).ok_or_else(too_many)?;
    host.symbols.borrow_mut().insert(key, symbol.clone());
    Ok(symbol.into())
}

/// ES2023 20.4.2.6.
fn key_for(_this: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let not_one = || JsNativeError::typ().with_message("Symbol.keyFor: sym is not a symbol");
    let symbol = arguments.get_or_undefined(0).as_symbol().ok_or_else(not_one)?;
    // One that was made otherwise has a description as well.
    let key = symbol.description().unwrap_or_default();
    let registered = Host::of(context).symbols.borrow().get(&key).is_some_and(|known| *known == symbol);
    Ok(if registered { key.into() } else { JsValue::undefined() })
}
