//! CloudFront's import file, `{"data":[{"key":"…","value":"…"}]}`, read into a store.

use super::Snapshot;
use homefront_config::KeyValueStore;
use homefront_config::limits::{KVS_FILE_BYTES_MAX, KVS_KEY_BYTES_MAX, KVS_VALUE_BYTES_MAX};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Why a store cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("key_value_store \"{store}\": {}: {problem}", .file.display())]
pub struct ImportError {
    /// Name of the store.
    pub store: String,
    /// Its import file.
    pub file: PathBuf,
    /// What is wrong.
    #[source]
    pub problem: ImportProblem,
}

/// What CloudFront would refuse about an import file.
#[derive(Debug, thiserror::Error)]
pub enum ImportProblem {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It is too large.
    #[error("more than {max} bytes, CloudFront's limit for a store")]
    FileTooLarge {
        /// What is allowed.
        max: u64,
    },
    /// It is not the import format.
    #[error("not CloudFront's import format: {0}\n  hint: {{\"data\":[{{\"key\":\"a\",\"value\":\"b\"}}]}}")]
    Format(#[from] serde_json::Error),
    /// A key is empty.
    #[error("an empty key, with the value {value:?}")]
    EmptyKey {
        /// Its value.
        value: String,
    },
    /// A key is too long.
    #[error("a key of {bytes} bytes, beyond CloudFront's limit of {max}: {start:?}…")]
    KeyTooLong {
        /// Its first characters.
        start: String,
        /// What it has.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// A value is too long.
    #[error("the value of {key:?} has {bytes} bytes, beyond CloudFront's limit of {max}")]
    ValueTooLong {
        /// Of which key.
        key: String,
        /// What it has.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// A key stands twice.
    #[error("the key {key:?} stands twice")]
    DuplicateKey {
        /// Which.
        key: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    data: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    key: Box<str>,
    value: Box<str>,
}

/// Reads the import file of a store. The store's UUID is made from its name, so that it is the same after a restart; its
/// dates are the file's.
pub fn load(store: &KeyValueStore) -> Result<Snapshot, ImportError> {
    let failed = |problem| ImportError { store: store.name.clone(), file: store.source.clone(), problem };
    let (bytes, updated) = read(store).map_err(failed)?;
    let entries = parse(&bytes).map_err(failed)?;
    let updated = iso_8601(updated);
    Ok(Snapshot::new(store.name.clone(), store_id(&store.name), updated.clone(), updated, entries))
}

fn read(store: &KeyValueStore) -> Result<(Vec<u8>, SystemTime), ImportProblem> {
    let file = std::fs::File::open(&store.source)?;
    let updated = file.metadata()?.modified()?;
    let mut bytes = Vec::new();
    file.take(KVS_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > KVS_FILE_BYTES_MAX {
        return Err(ImportProblem::FileTooLarge { max: KVS_FILE_BYTES_MAX });
    }
    Ok((bytes, updated))
}

/// The entries of an import file.
fn parse(bytes: &[u8]) -> Result<HashMap<Box<str>, Box<str>>, ImportProblem> {
    let import: Import = serde_json::from_slice(bytes)?;
    let mut entries = HashMap::with_capacity(import.data.len());
    for Pair { key, value } in import.data {
        if key.is_empty() {
            return Err(ImportProblem::EmptyKey { value: value.into() });
        }
        if key.len() > KVS_KEY_BYTES_MAX {
            let start = key.chars().take(32).collect();
            return Err(ImportProblem::KeyTooLong { start, bytes: key.len(), max: KVS_KEY_BYTES_MAX });
        }
        if value.len() > KVS_VALUE_BYTES_MAX {
            let (bytes, max) = (value.len(), KVS_VALUE_BYTES_MAX);
            return Err(ImportProblem::ValueTooLong { key: key.into(), bytes, max });
        }
        if entries.contains_key(&key) {
            return Err(ImportProblem::DuplicateKey { key: key.into() });
        }
        entries.insert(key, value);
    }
    Ok(entries)
}

fn store_id(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// `2023-11-21T07:28:00.000Z`
pub fn iso_8601(time: SystemTime) -> String {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (since_epoch.as_secs() / 86_400, since_epoch.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z",
        second % 60,
        since_epoch.subsec_millis()
    )
}

/// Year, month and day of the day that many days after 1970-01-01: Howard Hinnant's `civil_from_days`.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era_day = days % 146_097;
    let year_of_era = (era_day - era_day / 1_460 + era_day / 36_524 - era_day / 146_096) / 365;
    let year_day = era_day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here, so that leap days come last.
    let march_month = (5 * year_day + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + days / 146_097 * 400 + u64::from(month <= 2);
    (year, month, year_day - (153 * march_month + 2) / 5 + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn refused(json: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("store.json");
        std::fs::write(&source, json).unwrap();
        let error = load(&KeyValueStore { name: "redirects".into(), source }).unwrap_err().to_string();
        error.replace(folder.path().to_str().unwrap(), "")
    }

    #[test]
    fn an_import_file_becomes_a_store_with_the_files_dates() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("store.json");
        std::fs::write(&source, r#"{"data":[{"key":"a","value":"1"},{"key":"ü","value":""}]}"#).unwrap();
        let time = UNIX_EPOCH + Duration::from_millis(1_700_551_680_138);
        std::fs::File::options().append(true).open(&source).unwrap().set_modified(time).unwrap();
        let store = load(&KeyValueStore { name: "redirects".into(), source }).unwrap();
        assert_eq!((store.get("a"), store.get("ü"), store.get("b"), store.len()), (Some("1"), Some(""), None, 2));
        assert_eq!(store.updated, "2023-11-21T07:28:00.138Z");
        assert_eq!(store.id, store_id("redirects"), "the same after a restart");
        assert_eq!(uuid::Uuid::parse_str(&store.id).unwrap().get_version_num(), 8);
    }

    #[test]
    fn dates_are_right_across_leap_years() {
        let text = |days: u64| iso_8601(UNIX_EPOCH + Duration::from_secs(days * 86_400));
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(11_016), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(11_017), "2000-03-01T00:00:00.000Z");
        assert_eq!(text(20_453), "2025-12-31T00:00:00.000Z");
        assert_eq!(text(47_540), "2100-02-28T00:00:00.000Z");
        assert_eq!(text(47_541), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn what_cloudfront_refuses_is_refused_with_the_reason() {
        let long = |key: usize, value: usize| {
            format!(r#"{{"data":[{{"key":"{}","value":"{}"}}]}}"#, "k".repeat(key), "v".repeat(value))
        };
        let all = [
            refused(""),
            refused(r#"{"data":[{"key":"a","value":1}]}"#),
            refused(r#"{"data":[{"key":"a","value":"b","ttl":"1"}]}"#),
            refused(r#"{"data":[{"key":"","value":"b"}]}"#),
            refused(r#"{"data":[{"key":"a","value":"b"},{"key":"a","value":"c"}]}"#),
            refused(&long(513, 1)),
            refused(&long(1, 1_025)),
            refused(&" ".repeat(KVS_FILE_BYTES_MAX as usize + 1)),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn what_is_just_within_cloudfronts_limits_is_taken() {
        let mut json = String::from(r#"{"data":["#);
        for number in 0..3_000 {
            let comma = if number == 0 { "" } else { "," };
            write!(json, r#"{comma}{{"key":"{number:0512}","value":"{}"}}"#, "v".repeat(1_024)).unwrap();
        }
        let entries = parse((json + "]}").as_bytes()).unwrap();
        assert_eq!(entries.len(), 3_000);
    }
}
