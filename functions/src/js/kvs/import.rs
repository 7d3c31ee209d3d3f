//! Reads a store from CloudFront's import file, `{"data":[{"key":"…","value":"…"}]}`.

use super::{About, Snapshot};
use homefront_config::KeyValueStore;
use homefront_config::key_value_store::{ImportProblem, entries};
use homefront_config::limits::{KVS_FILE_BYTES_MAX, KVS_PROBLEMS_TOLD_MAX};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Why a store cannot be loaded.
#[derive(Debug)]
pub struct ImportError {
    /// Name of the store.
    pub store: String,
    /// Its import file.
    pub file: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Read(io::Error),
    Refused(Vec<ImportProblem>),
    Memory(io::Error),
}

impl ImportError {
    /// One text for each thing that is wrong: which store, where, what, and the way out. A generated file may have thousands
    /// alike; the first few are told.
    pub fn reasons(&self) -> Vec<String> {
        let Self { store, file, why } = self;
        let of = |what: String| format!("key_value_store \"{store}\": {}:{what}", file.display());
        match why {
            Why::Read(error) => vec![of(format!(" {error}"))],
            Why::Memory(error) => vec![of(format!(" no memory to share its entries with workers: {error}"))],
            Why::Refused(problems) => {
                let text = |problem: &ImportProblem| {
                    let space = if problem.line.is_some() { "" } else { " " };
                    let hint = problem.hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
                    of(format!("{space}{problem}{hint}"))
                };
                let mut texts: Vec<_> = problems.iter().take(KVS_PROBLEMS_TOLD_MAX).map(text).collect();
                if problems.len() > KVS_PROBLEMS_TOLD_MAX {
                    texts.push(of(format!(" and {} more like these", problems.len() - KVS_PROBLEMS_TOLD_MAX)));
                }
                texts
            }
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reasons().join("\n"))
    }
}

impl std::error::Error for ImportError {}

/// Reads the import file of a store. Where the configuration has no UUID for it, one is made from its name, so that it is the same after
/// a restart; its dates are the file's.
pub fn load(store: &KeyValueStore) -> Result<Snapshot, ImportError> {
    let failed = |why| ImportError { store: store.name.clone(), file: store.source.clone(), why };
    let (bytes, dates) = read(store).map_err(|error| failed(Why::Read(error)))?;
    let entries = entries(&bytes).map_err(|problems| failed(Why::Refused(problems)))?;
    let about = About {
        name: store.name.clone(),
        id: id(store),
        created: iso_8601(dates.created),
        updated: iso_8601(dates.updated),
    };
    Snapshot::new(about, entries).map_err(|error| failed(Why::Memory(error)))
}

struct Dates {
    created: SystemTime,
    updated: SystemTime,
}

fn read(store: &KeyValueStore) -> io::Result<(Vec<u8>, Dates)> {
    let file = crate::aside::open_file(&store.source)?;
    let found = file.metadata()?;
    let updated = found.modified()?;
    // Not every file system knows; and a copy is younger than what it is a copy of.
    let created = found.created().unwrap_or(updated).min(updated);
    let mut bytes = Vec::new();
    file.take(KVS_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok((bytes, Dates { created, updated }))
}

/// The store's UUID.
pub fn id(store: &KeyValueStore) -> String {
    if let Some(id) = &store.id {
        return id.clone();
    }
    let digest = Sha256::digest(store.name.as_bytes());
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

    fn refused(json: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("store.json");
        std::fs::write(&source, json).unwrap();
        let error = load(&KeyValueStore { name: "redirects".into(), id: None, source }).unwrap_err().to_string();
        error.replace(folder.path().to_str().unwrap(), "")
    }

    #[test]
    fn an_import_file_becomes_a_store_with_the_files_dates() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("store.json");
        std::fs::write(&source, r#"{"data":[{"key":"a","value":"1"},{"key":"ü","value":""}]}"#).unwrap();
        let time = UNIX_EPOCH + Duration::from_millis(1_700_551_680_138);
        std::fs::File::options().append(true).open(&source).unwrap().set_modified(time).unwrap();
        let redirects = KeyValueStore { name: "redirects".into(), id: None, source };
        let store = load(&redirects).unwrap();
        assert_eq!((store.get("a"), store.get("ü"), store.get("b"), store.len()), (Some("1"), Some(""), None, 2));
        assert_eq!(store.about.updated, "2023-11-21T07:28:00.138Z");
        assert_eq!(store.about.created, store.about.updated, "it is never younger than its last change");
        assert_eq!(
            store.about.id,
            id(&KeyValueStore { source: "elsewhere".into(), ..redirects }),
            "the same after a restart"
        );
        assert_eq!(uuid::Uuid::parse_str(&store.about.id).unwrap().get_version_num(), 8);
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
    fn a_refusal_says_which_store_where_and_why() {
        insta::assert_snapshot!(refused("{\"data\":[\n{\"key\":\"a\",\"value\":1}]}"), @r#"
        key_value_store "redirects": /store.json:2:20: invalid type: integer `1`, expected a string
          hint: the form is {"data":[{"key":"…","value":"…"}]}, values are strings
        "#);
        insta::assert_snapshot!(refused(&" ".repeat(KVS_FILE_BYTES_MAX as usize + 1)), @r#"key_value_store "redirects": /store.json: more than 5242880 bytes, CloudFront's limit for a store"#);
        let same = [r#"{"key":"a","value":"b"}"#; 8].join(",\n");
        insta::assert_snapshot!(refused(&format!(r#"{{"data":[{same}]}}"#)), @r#"
        key_value_store "redirects": /store.json:2:1: the key "a" stands at 1:10, too
        key_value_store "redirects": /store.json:3:1: the key "a" stands at 1:10, too
        key_value_store "redirects": /store.json:4:1: the key "a" stands at 1:10, too
        key_value_store "redirects": /store.json:5:1: the key "a" stands at 1:10, too
        key_value_store "redirects": /store.json:6:1: the key "a" stands at 1:10, too
        key_value_store "redirects": /store.json: and 2 more like these
        "#);
        let source = PathBuf::from("/nowhere/store.json");
        let error = load(&KeyValueStore { name: "redirects".into(), id: None, source }).unwrap_err();
        insta::assert_snapshot!(error, @r#"key_value_store "redirects": /nowhere/store.json: No such file or directory (os error 2)"#);
    }

    #[test]
    fn the_largest_file_is_a_store() {
        let pair = |number| format!(r#"{{"key":"{number:0512}","value":"{}"}}"#, "v".repeat(1_024));
        let json = format!(r#"{{"data":[{}]}}"#, (0..3_000).map(pair).collect::<Vec<_>>().join(","));
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("store.json");
        std::fs::write(&source, json).unwrap();
        let store = load(&KeyValueStore { name: "redirects".into(), id: None, source }).unwrap();
        assert_eq!((store.len(), store.get(&format!("{:0512}", 2_999)).map(str::len)), (3_000, Some(1_024)));
    }
}
