//! `[[function]]`.

use super::names::{Names, plain};
use crate::function::{Fidelity, Function, FunctionRuntime, Isolation};
use crate::key_value_store::KeyValueStore;
use crate::language::scalar::{Int, value};
use crate::language::{At, Reading};
use crate::limits::FUNCTION_CODE_BYTES_MAX;
use crate::raw::code;
use std::path::PathBuf;
use std::time::Duration;

/// Milliseconds of a call when the file does not say.
const BUDGET_MS: u64 = 50;

pub(crate) fn functions(
    raw: Vec<At<code::Function>>,
    stores: &Names<KeyValueStore>,
    reading: &mut Reading<'_>,
) -> Names<Function> {
    let mut names = Names::new("function");
    for mut each in raw {
        let name = plain(each.value.name.take());
        let built = function(name.as_ref(), each.value, stores, reading);
        names.add(name, built, reading);
    }
    names
}

fn function(
    name: Option<&At<String>>,
    raw: code::Function,
    stores: &Names<KeyValueStore>,
    reading: &mut Reading<'_>,
) -> Option<Function> {
    let code = raw.code.filter(|code| check_code(code, reading));
    let store = raw.key_value_store.as_ref().map(|name| stores.find(&name.at(name.value.0.clone()), reading));
    let runtime = raw.runtime.as_ref().map_or(FunctionRuntime::CloudfrontJs2_0, |at| at.value);
    if let (Some(store), Some(runtime_place), FunctionRuntime::CloudfrontJs1_0) =
        (&raw.key_value_store, &raw.runtime, runtime)
    {
        reading
            .error(store.span.clone(), "a key value store needs the runtime cloudfront-js-2.0")
            .related(runtime_place.span.clone(), "this runtime has none");
    }
    Some(Function {
        name: name?.value.clone(),
        runtime,
        code: code?.value,
        key_value_store: match store {
            Some(found) => Some(found?),
            None => None,
        },
        fidelity: value(raw.fidelity).unwrap_or(Fidelity::Strict),
        isolation: value(raw.isolation).unwrap_or(Isolation::Process),
        budget: Duration::from_millis(number(raw.budget_ms, BUDGET_MS)),
    })
}

fn check_code(code: &At<PathBuf>, reading: &mut Reading<'_>) -> bool {
    let Some(bytes) = reading.file(code, "function's code", FUNCTION_CODE_BYTES_MAX) else { return false };
    let text = String::from_utf8(bytes).is_ok();
    if !text {
        reading.error(code.span.clone(), format!("the function's code {} is not UTF-8 text", code.value.display()));
    }
    text
}

/// A bounded number, or what it is when the file does not say.
pub(crate) fn number<const MIN: u64, const MAX: u64>(at: Option<At<Int<MIN, MAX>>>, absent: u64) -> u64 {
    at.map_or(absent, |at| at.value.0)
}
