//! `[[key_value_store]]`: its import file is read once here, so that a function never meets a store that is wrong.

use super::names::{Names, plain};
use crate::KeyValueStore;
use crate::language::{At, Reading};
use crate::limits::{KVS_FILE_BYTES_MAX, KVS_KEY_BYTES_MAX, KVS_VALUE_BYTES_MAX};
use crate::raw::code;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::PathBuf;

/// Problems of one import file that are told; a generated file may have thousands alike.
const PROBLEMS_MAX: usize = 5;

pub(crate) fn all(raw: Vec<At<code::KeyValueStore>>, reading: &mut Reading<'_>) -> Names<KeyValueStore> {
    let mut names = Names::new("key value store");
    for store in raw {
        let code::KeyValueStore { name, source } = store.value;
        let name = plain(name);
        let source = source.filter(|source| check(source, reading));
        let built = name.as_ref().zip(source);
        let built = built.map(|(name, source)| KeyValueStore { name: name.value.clone(), source: source.value });
        names.add(name, built, reading);
    }
    names
}

/// CloudFront's import file: Developer Guide, "Create a key value store", "File format".
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    data: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    key: String,
    value: String,
}

fn check(source: &At<PathBuf>, reading: &mut Reading<'_>) -> bool {
    let Some(bytes) = reading.file(source, "key value store's import file", KVS_FILE_BYTES_MAX) else { return false };
    let file = source.value.display();
    let import: Import = match serde_json::from_slice(&bytes) {
        Ok(import) => import,
        Err(error) => {
            reading
                .error(source.span.clone(), format!("{file} is no import file of a key value store: {error}"))
                .hint("the form is {\"data\":[{\"key\":\"…\",\"value\":\"…\"}]}, values are strings");
            return false;
        }
    };
    let problems = problems(&import);
    for problem in problems.iter().take(PROBLEMS_MAX) {
        reading.error(source.span.clone(), format!("{file}: {problem}"));
    }
    if problems.len() > PROBLEMS_MAX {
        reading.error(source.span.clone(), format!("{file}: and {} more like these", problems.len() - PROBLEMS_MAX));
    }
    problems.is_empty()
}

fn problems(import: &Import) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = HashMap::new();
    for (at, Pair { key, value }) in import.data.iter().enumerate() {
        let at = at + 1;
        if key.is_empty() {
            found.push(format!("pair {at} has an empty key"));
        }
        if key.len() > KVS_KEY_BYTES_MAX {
            found.push(format!("the key of pair {at} has {} bytes; the limit is {KVS_KEY_BYTES_MAX}", key.len()));
        }
        if value.len() > KVS_VALUE_BYTES_MAX {
            found.push(format!("the value of pair {at} has {} bytes; the limit is {KVS_VALUE_BYTES_MAX}", value.len()));
        }
        if let Some(first) = seen.insert(key, at) {
            found.push(format!("pairs {first} and {at} have the same key {key:?}"));
        }
    }
    found
}
