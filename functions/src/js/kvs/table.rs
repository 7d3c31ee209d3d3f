//! Keys and values in one piece of memory, in which a key is found without reading the rest.
//!
//! ```text
//! count: u32 · count × (offset: u32, key bytes: u16, value bytes: u16), by key · keys and values
//! ```

use std::io;

const HEAD: usize = 4;
const SLOT: usize = 8;

/// Lays out pairs, each key once. An error means that they are larger than a store may be by far.
pub(super) fn build(pairs: &mut [(&str, &str)]) -> io::Result<Vec<u8>> {
    let too_large = |_| io::Error::other("more than a store can hold");
    pairs.sort_unstable_by_key(|(key, _)| *key);
    let count = u32::try_from(pairs.len()).map_err(too_large)?;
    let text_bytes: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
    let mut offset = HEAD + SLOT * pairs.len();
    let mut table = Vec::with_capacity(offset + text_bytes);
    table.extend_from_slice(&count.to_le_bytes());
    for (key, value) in pairs.iter() {
        table.extend_from_slice(&u32::try_from(offset).map_err(too_large)?.to_le_bytes());
        for text in [key, value] {
            table.extend_from_slice(&u16::try_from(text.len()).map_err(too_large)?.to_le_bytes());
            offset += text.len();
        }
    }
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        table.extend_from_slice(text.as_bytes());
    }
    Ok(table)
}

/// How many keys.
pub(super) fn len(table: &[u8]) -> usize {
    table.first_chunk().map_or(0, |count| u32::from_le_bytes(*count) as usize)
}

/// The value of a key.
pub(super) fn get<'a>(table: &'a [u8], key: &str) -> Option<&'a str> {
    let (mut from, mut to) = (0, len(table));
    while from < to {
        let middle = from.midpoint(to);
        let (found, value) = entry(table, middle)?;
        match found.cmp(key.as_bytes()) {
            std::cmp::Ordering::Less => from = middle + 1,
            std::cmp::Ordering::Equal => return std::str::from_utf8(value).ok(),
            std::cmp::Ordering::Greater => to = middle,
        }
    }
    None
}

/// Key and value by place.
fn entry(table: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    let (offset, lengths) = table.get(HEAD + SLOT * at..)?.split_first_chunk()?;
    let (key, lengths) = lengths.split_first_chunk()?;
    let offset = u32::from_le_bytes(*offset) as usize;
    let (key, value) = (u16::from_le_bytes(*key), u16::from_le_bytes(*lengths.first_chunk()?));
    let (key, value) = (usize::from(key), usize::from(value));
    table.get(offset..offset + key + value)?.split_at_checked(key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_key_that_is_there_is_found_and_no_other(
            pairs in proptest::collection::hash_map("[a-c/ü]{0,6}", "\\PC{0,10}", 0..60),
            others in proptest::collection::vec("[a-d/ü]{0,6}", 0..20),
        ) {
            let mut laid: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let table = build(&mut laid).unwrap();
            prop_assert_eq!(len(&table), pairs.len());
            for key in pairs.keys().chain(&others) {
                prop_assert_eq!(get(&table, key), pairs.get(key).map(String::as_str));
            }
        }

        #[test]
        fn memory_that_is_no_table_holds_nothing_and_harms_nobody(
            bytes in proptest::collection::vec(any::<u8>(), 0..64), key in "[a-c]{0,2}"
        ) {
            let _ = (get(&bytes, &key), len(&bytes));
        }
    }

    #[test]
    fn the_largest_store_has_room() {
        let keys: Vec<_> = (0..200_000).map(|number| format!("{number}")).collect();
        let mut pairs: Vec<_> = keys.iter().map(|key| (key.as_str(), key.as_str())).collect();
        let table = build(&mut pairs).unwrap();
        assert!(keys.iter().all(|key| get(&table, key) == Some(key)));
    }
}
