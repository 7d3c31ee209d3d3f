//! The bytes of objects that are in memory, whoever has them: the tier, a fill, or a viewer that still reads what the tier
//! has let go of.

use bytes::Bytes;
use homefront_config::limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many there may be, and are. It counts what is in memory, not what refers to it: objects that a viewer reads slowly
/// stay when the tier has evicted them, and without a bound for both together many such viewers would fill the memory.
pub(super) struct Held {
    bytes_max: u64,
    bytes: AtomicU64,
}

impl Held {
    /// For a tier of `tier_bytes_max` bytes and its fills.
    pub(super) fn new(tier_bytes_max: u64) -> Self {
        let filling = tier_bytes_max / limits::CACHE_FILLING_SHARE;
        let lent = tier_bytes_max / limits::CACHE_LENT_SHARE;
        Self { bytes_max: tier_bytes_max.saturating_add(filling).saturating_add(lent), bytes: AtomicU64::new(0) }
    }

    /// The same bytes, counted until the last who has any of them is gone.
    pub(super) fn hold(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        self.bytes.fetch_add(bytes.len() as u64, Ordering::AcqRel);
        Bytes::from_owner(HeldBytes { bytes, held: self.clone() })
    }

    /// Whether nothing more is to be stored for now.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Acquire) >= self.bytes_max
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }
}

struct HeldBytes {
    bytes: Bytes,
    held: Arc<Held>,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.held.bytes.fetch_sub(self.bytes.len() as u64, Ordering::AcqRel);
    }
}
