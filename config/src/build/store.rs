//! `[[key_value_store]]`: its import file is read once here, so that a function never meets a store that is wrong.

use super::names::{Names, plain};
use crate::KeyValueStore;
use crate::key_value_store::entries;
use crate::language::{At, Reading};
use crate::limits::{KVS_FILE_BYTES_MAX, KVS_PROBLEMS_TOLD_MAX};
use crate::raw::code;
use std::path::PathBuf;

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

fn check(source: &At<PathBuf>, reading: &mut Reading<'_>) -> bool {
    let Some(bytes) = reading.file(source, "key value store's import file", KVS_FILE_BYTES_MAX) else { return false };
    let Err(problems) = entries(&bytes) else { return true };
    let file = source.value.display();
    for problem in problems.iter().take(KVS_PROBLEMS_TOLD_MAX) {
        let error = reading.error(source.span.clone(), format!("{file}:{problem}"));
        if let Some(hint) = problem.hint {
            error.hint(hint);
        }
    }
    if problems.len() > KVS_PROBLEMS_TOLD_MAX {
        reading.error(
            source.span.clone(),
            format!("{file}: and {} more like these", problems.len() - KVS_PROBLEMS_TOLD_MAX),
        );
    }
    false
}
