//! A KeyValueStore as one call sees it: values that do not change.

mod import;

pub use import::{ImportError, ImportProblem, iso_8601, load};

use std::collections::HashMap;

/// The entries of a store at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Name of the store.
    pub name: String,
    /// Its UUID, which `cf.kvs(id)` takes.
    pub id: String,
    /// When it was created, ISO 8601.
    pub created: String,
    /// When it was last updated, ISO 8601.
    pub updated: String,
    entries: HashMap<Box<str>, Box<str>>,
}

impl Snapshot {
    /// A store of these entries.
    pub fn new(
        name: String,
        id: String,
        created: String,
        updated: String,
        entries: HashMap<Box<str>, Box<str>>,
    ) -> Self {
        Self { name, id, created, updated, entries }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(AsRef::as_ref)
    }

    /// All keys and values, in no order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
