//! CloudFront KeyValueStore.

mod import;

pub use import::{Entry, ImportProblem, entries};

use std::path::PathBuf;

/// `[[key_value_store]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValueStore {
    /// `[a-zA-Z0-9-_]{1,64}`
    pub name: String,
    /// The UUID that `cf.kvs(id)` takes; `None` = one that is made from the name.
    pub id: Option<String>,
    /// CloudFront's import file, `{"data":[{"key","value"}]}`, absolute; it exists and is within CloudFront's limits.
    pub source: PathBuf,
}
