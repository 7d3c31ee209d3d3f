//! `[[key_value_store]]`: its import file is read once here, so that a function never meets a store that is wrong.

use super::names::{Names, plain};
use crate::KeyValueStore;
use crate::key_value_store::entries;
use crate::language::scalar::Text;
use crate::language::{At, Reading};
use crate::limits::{KVS_FILE_BYTES_MAX, KVS_PROBLEMS_TOLD_MAX};
use crate::raw::code;
use std::path::PathBuf;

pub(crate) fn all(raw: Vec<At<code::KeyValueStore>>, reading: &mut Reading<'_>) -> Names<KeyValueStore> {
    let mut names = Names::new("key value store");
    for store in raw {
        let code::KeyValueStore { name, id, source } = store.value;
        let name = plain(name);
        let id = id.map(|id| uuid(&id, reading));
        let source = source.filter(|source| check(source, reading));
        let built = name.as_ref().zip(source).filter(|_| id.as_ref().is_none_or(Option::is_some));
        let built = built.map(|(name, source)| KeyValueStore {
            name: name.value.clone(),
            id: id.flatten(),
            source: source.value,
        });
        names.add(name, built, reading);
    }
    names
}

/// In the form of CloudFront's ids, in lower case. `None` = it is not, which is noted.
fn uuid(id: &At<Text>, reading: &mut Reading<'_>) -> Option<String> {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let text = &id.value.0;
    let is_hex = |group: &str| group.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if text.split('-').map(str::len).eq(GROUPS) && text.split('-').all(is_hex) {
        return Some(text.clone());
    }
    let message = format!("{text:?} is not the id of a key value store");
    let hint = "the end of its ARN: 32 digits of 0-9 a-f in groups of 8, 4, 4, 4 and 12 with - between them";
    reading.error(id.span.clone(), message).hint(hint);
    None
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
