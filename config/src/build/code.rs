//! `[[function]]` and `[[lambda]]`.

use super::names::{Names, plain};
use crate::function::{Fidelity, Function, FunctionRuntime, Isolation};
use crate::key_value_store::KeyValueStore;
use crate::lambda::{Lambda, LambdaRuntime};
use crate::language::scalar::{Int, Text, value};
use crate::language::{At, Reading, later};
use crate::limits::FUNCTION_CODE_BYTES_MAX;
use crate::raw::code;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Milliseconds of a call when the file does not say.
const BUDGET_MS: u64 = 50;
/// MB of an environment when the file does not say.
const MEMORY_MB: u64 = 128;
/// Seconds of a call when the file does not say.
const TIMEOUT_S: u64 = 5;
/// Environments when the file does not say.
const CONCURRENCY: u64 = 8;

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

pub(crate) fn lambdas(raw: Vec<At<code::Lambda>>, reading: &mut Reading<'_>) -> Names<Lambda> {
    let mut names = Names::new("lambda");
    for mut each in raw {
        let name = plain(each.value.name.take());
        let built = lambda(name.as_ref(), each.value, reading);
        names.add(name, built, reading);
    }
    names
}

fn lambda(name: Option<&At<String>>, raw: code::Lambda, reading: &mut Reading<'_>) -> Option<Lambda> {
    let runtime = raw.runtime.and_then(|text| runtime(&text, reading));
    let code = raw.code.filter(|code| package(code, reading));
    let handler = raw.handler.filter(|text| handler(text, code.as_ref(), reading));
    Some(Lambda {
        name: name?.value.clone(),
        runtime: runtime?,
        handler: handler?.value.0,
        code: code?.value,
        memory_mb: number(raw.memory_mb, MEMORY_MB) as u32,
        timeout: Duration::from_secs(number(raw.timeout_s, TIMEOUT_S)),
        concurrency_max: number(raw.concurrency_max, CONCURRENCY) as usize,
    })
}

fn runtime(text: &At<Text>, reading: &mut Reading<'_>) -> Option<LambdaRuntime> {
    let word = text.value.0.as_str();
    let minor = word.strip_prefix("python3.").map(|minor| minor.len() <= 2 && minor.parse::<u8>().is_ok());
    if word == "python3" || minor == Some(true) {
        return Some(LambdaRuntime::Python { interpreter: word.to_owned() });
    }
    let hint =
        later::word(word).unwrap_or_else(|| "the runtimes are python3 and python3.X, as in \"python3.12\"".to_owned());
    reading.error(text.span.clone(), format!("there is no Lambda runtime {word:?}")).hint(hint);
    None
}

fn package(code: &At<PathBuf>, reading: &mut Reading<'_>) -> bool {
    if code.value.extension().is_some_and(|extension| extension == "zip") && code.value.is_file() {
        reading
            .error(code.span.clone(), format!("the deployment package {} is a file", code.value.display()))
            .hint("unzip it, and give the folder");
        return false;
    }
    reading.folder(code, "deployment package")
}

/// `module.function`, where the module is a file of the package.
fn handler(text: &At<Text>, code: Option<&At<PathBuf>>, reading: &mut Reading<'_>) -> bool {
    let Some((module, function)) = text.value.0.rsplit_once('.').filter(|(a, b)| is_module(a) && is_name(b)) else {
        reading
            .error(text.span.clone(), format!("{:?} is not a handler", text.value.0))
            .hint("the module and the function, as in \"authorize.lambda_handler\"");
        return false;
    };
    let Some(code) = code else { return true };
    if has_module(&code.value, module) {
        return true;
    }
    let file = code.value.join(module.replace('.', "/")).with_extension("py");
    reading
        .error(text.span.clone(), format!("the deployment package has no module {module:?}"))
        .hint(format!("`{function}` is looked for in {}", file.display()));
    false
}

fn is_module(path: &str) -> bool {
    path.split(['.', '/']).all(is_name)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

fn has_module(package: &Path, module: &str) -> bool {
    let path = package.join(module.replace('.', "/"));
    let with = |suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    with(".py").is_file() || with("/__init__.py").is_file()
}

/// A bounded number, or what it is when the file does not say.
pub(crate) fn number<const MIN: u64, const MAX: u64>(at: Option<At<Int<MIN, MAX>>>, absent: u64) -> u64 {
    at.map_or(absent, |at| at.value.0)
}
