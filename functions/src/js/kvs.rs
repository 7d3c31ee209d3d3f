//! A KeyValueStore as one call sees it: values that do not change.

mod import;
mod memory;
mod table;

pub use import::{ImportError, id, iso_8601, load};

use super::frame::OrderedStore;
use memory::Memory;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The entries of a store at one moment. They lie in memory that the node and all its workers share; a clone is cheap.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What is said of the store besides its entries.
    pub about: About,
    table: Arc<Memory>,
}

/// What is said of a store besides its entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Name of the store.
    pub name: String,
    /// Its UUID, which `cf.kvs(id)` takes.
    pub id: String,
    /// When it was created, ISO 8601.
    pub created: String,
    /// When it was last updated, ISO 8601.
    pub updated: String,
}

impl Snapshot {
    /// A store of these entries, each key once. An error is about memory.
    pub fn new<K: AsRef<str>, V: AsRef<str>>(
        about: About,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> io::Result<Self> {
        let entries: Vec<_> = entries.into_iter().collect();
        let mut pairs: Vec<_> = entries.iter().map(|(key, value)| (key.as_ref(), value.as_ref())).collect();
        let table = table::build(&mut pairs)?;
        Ok(Self { about, table: Arc::new(Memory::holding(&table)?) })
    }

    /// What to tell another process, and the memory to send it. `None` in a process that was sent it.
    pub fn ordered(&self) -> Option<(OrderedStore, BorrowedFd<'_>)> {
        let bytes = self.table.bytes().len() as u64;
        Some((OrderedStore { about: self.about.clone(), bytes }, self.table.file()?))
    }

    /// A store that another process told about, and the memory it sent.
    pub fn sent(store: OrderedStore, memory: &OwnedFd) -> io::Result<Self> {
        let table = Arc::new(Memory::sent(memory, store.bytes)?);
        Ok(Self { about: store.about, table })
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        table::get(self.table.bytes(), key)
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        table::len(self.table.bytes())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.about == other.about && self.table.bytes() == other.table.bytes()
    }
}

impl Eq for Snapshot {}
