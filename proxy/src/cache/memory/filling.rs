//! The objects that are being filled, found by key.

use super::fill::Fill;
use super::lent::Lent;
use super::stored::StoredMeta;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Locks, so that fills of different keys rarely meet at one.
const SHARDS: usize = 64;

type Shard = Mutex<HashMap<u128, Vec<Arc<Fill>>>>;

pub(super) struct Filling {
    shards: [Shard; SHARDS],
    next_id: AtomicU64,
    /// Bytes that all fills hold.
    budget: Arc<Budget>,
}

/// Bytes that all fills may hold, and do. What viewers have yet to read of those that are not to be stored is in an account of its own:
/// who reads slowly keeps nothing from being stored.
pub(super) struct Budget {
    bytes_max: u64,
    bytes: AtomicU64,
    passing_bytes_max: u64,
    passing_bytes: AtomicU64,
    lent: Arc<Lent>,
}

impl Budget {
    pub(super) fn new(bytes_max: u64, passing_bytes_max: u64, lent: Arc<Lent>) -> Self {
        let [bytes, passing_bytes] = [0, 0].map(AtomicU64::new);
        Self { bytes_max, bytes, passing_bytes_max, passing_bytes, lent }
    }

    /// Takes `bytes` if there is room for them.
    pub(super) fn take(&self, bytes: u64) -> bool {
        if self.lent.is_full() {
            return false;
        }
        let taken = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let fits = taken.saturating_add(bytes) <= self.bytes_max;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Takes `bytes` of a fill that passes out of the one account and into the other. Says whether there was room; they are there anyway.
    pub(super) fn pass(&self, bytes: u64) -> bool {
        self.give_back(bytes);
        let taken = self.passing_bytes.fetch_add(bytes, Ordering::AcqRel);
        taken.saturating_add(bytes) <= self.passing_bytes_max
    }

    pub(super) fn give_back_passing(&self, bytes: u64) {
        self.passing_bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    #[cfg(test)]
    pub(super) fn taken(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(super) fn passing(&self) -> u64 {
        self.passing_bytes.load(Ordering::Acquire)
    }
}

impl Filling {
    pub(super) fn new(budget: Budget) -> Self {
        Self { shards: std::array::from_fn(|_| Shard::default()), next_id: AtomicU64::new(0), budget: Arc::new(budget) }
    }

    pub(super) fn begin(&self, hash: u128, meta: Arc<StoredMeta>, object_bytes_max: u64) -> Arc<Fill> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let fill = Arc::new(Fill::new(id, meta, object_bytes_max, self.budget.clone()));
        self.shard(hash).lock().entry(hash).or_default().push(fill.clone());
        fill
    }

    /// The fill that began last, of those that can still become an object.
    pub(super) fn newest(&self, hash: u128) -> Option<Arc<Fill>> {
        self.shard(hash).lock().get(&hash)?.iter().rev().find(|fill| fill.can_be_joined()).cloned()
    }

    /// The request that fills finds its own fill, whatever has become of it.
    pub(super) fn by_id(&self, hash: u128, id: u64) -> Option<Arc<Fill>> {
        self.shard(hash).lock().get(&hash)?.iter().find(|fill| fill.id == id).cloned()
    }

    /// Forgets a fill.
    pub(super) fn leave(&self, hash: u128, fill: &Arc<Fill>) {
        let mut shard = self.shard(hash).lock();
        let Some(fills) = shard.get_mut(&hash) else { return };
        fills.retain(|other| !Arc::ptr_eq(other, fill));
        if fills.is_empty() {
            shard.remove(&hash);
        }
    }

    /// Does what makes an object of a fill, unless the fill was orphaned. No purge comes in between.
    pub(super) fn graduate(&self, hash: u128, fill: &Arc<Fill>, keep: impl FnOnce()) {
        let _shard = self.shard(hash).lock();
        if !fill.is_orphaned() {
            keep();
        }
    }

    /// Disowns all fills of a key: who reads them reads on, nobody joins them, and nothing of them is kept.
    pub(super) fn orphan(&self, hash: u128) -> bool {
        let shard = self.shard(hash).lock();
        let fills = shard.get(&hash).map(Vec::as_slice).unwrap_or_default();
        fills.iter().filter(|fill| fill.orphan()).count() > 0
    }

    #[cfg(test)]
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    fn shard(&self, hash: u128) -> &Shard {
        &self.shards[(hash >> 64) as usize % SHARDS]
    }
}
