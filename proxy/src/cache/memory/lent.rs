//! Stored bodies that viewers still read after the tier has let go of them.

use super::body::Body;
use homefront_config::limits;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Bytes of all such bodies. They are in memory and in no other account: without a bound, viewers that read slowly would fill the
/// memory with object after object.
pub(super) struct Lent {
    /// Of these and the tier together.
    bytes_max: u64,
    bytes: AtomicU64,
    tier_bytes: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl Lent {
    /// None yet, beside a tier for so many bytes that now holds what the function says.
    pub(super) fn new(tier_bytes_max: u64, tier_bytes: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let bytes_max = tier_bytes_max.saturating_add(tier_bytes_max / limits::CACHE_LENT_SHARE);
        Self { bytes_max, bytes: AtomicU64::new(0), tier_bytes: Box::new(tier_bytes) }
    }

    /// Whether nothing more is to be stored: it would make the tier let go of more. What the tier has room for costs nothing.
    pub(super) fn is_full(&self) -> bool {
        // For a moment it may be below nothing: the last reader may part before it is counted that the tier has let go.
        let bytes = self.bytes.load(Ordering::Acquire).cast_signed().max(0).cast_unsigned();
        bytes > 0 && bytes.saturating_add((self.tier_bytes)()) > self.bytes_max
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }
}

/// A complete body, and who has it.
pub(super) struct Stored {
    body: Body,
    /// How many read it, and [`LET_GO`]. One word, so that each turn of events is seen by one of those who bring it about.
    state: AtomicU32,
    lent: Arc<Lent>,
}

/// The tier has it no more.
const LET_GO: u32 = 1 << 31;

impl Stored {
    pub(super) fn new(body: Body, lent: Arc<Lent>) -> Arc<Self> {
        Arc::new(Self { body, state: AtomicU32::new(0), lent })
    }

    /// For the tier, which puts an object in again with new metadata: it may have let go of this meanwhile.
    pub(super) fn kept(self: &Arc<Self>) -> Arc<Self> {
        let is_let_go = self.state.load(Ordering::Acquire) & LET_GO != 0;
        if is_let_go { Self::new(self.body.share(), self.lent.clone()) } else { self.clone() }
    }

    /// For a reader.
    pub(super) fn reading(self: &Arc<Self>) -> Reading {
        // It was found just before the tier let go of it.
        if self.state.fetch_add(1, Ordering::AcqRel) == LET_GO {
            self.lent.bytes.fetch_add(self.body.len() as u64, Ordering::AcqRel);
        }
        Reading(self.clone())
    }

    /// The tier evicts, replaces or removes it. More than once is as once.
    pub(super) fn let_go(&self) {
        let before = self.state.fetch_or(LET_GO, Ordering::AcqRel);
        if before & LET_GO == 0 && before > 0 {
            self.lent.bytes.fetch_add(self.body.len() as u64, Ordering::AcqRel);
        }
    }
}

impl Deref for Stored {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.body
    }
}

/// A stored body while it is read.
pub(super) struct Reading(Arc<Stored>);

impl Deref for Reading {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.0.body
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.0.state.fetch_sub(1, Ordering::AcqRel) == LET_GO + 1 {
            self.0.lent.bytes.fetch_sub(self.0.body.len() as u64, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn stored(lent: &Arc<Lent>) -> Arc<Stored> {
        let mut body = Body::default();
        body.push(Bytes::from_static(b"0123456789"));
        Stored::new(body, lent.clone())
    }

    #[test]
    fn a_body_counts_once_while_it_is_read_and_the_tier_has_it_no_more() {
        let lent = Arc::new(Lent::new(40, || 0));
        let stored = stored(&lent);
        let readers = [stored.reading(), stored.reading()];
        assert_eq!(lent.bytes(), 0, "the tier has it");
        stored.let_go();
        stored.let_go();
        assert_eq!(lent.bytes(), 10);
        let late = stored.reading();
        drop(readers);
        assert_eq!(lent.bytes(), 10, "one reads yet");
        drop(late);
        assert_eq!(lent.bytes(), 0);
        drop(stored.reading());
        assert_eq!(lent.bytes(), 0);
        assert!(!lent.is_full());
    }

    #[test]
    fn a_body_that_is_put_in_again_counts_no_more() {
        let lent = Arc::new(Lent::new(40, || 0));
        let stored = stored(&lent);
        assert!(Arc::ptr_eq(&stored, &stored.kept()));
        stored.let_go();
        let again = stored.kept();
        let reader = again.reading();
        assert_eq!((lent.bytes(), reader.len()), (0, 10));
    }

    #[test]
    fn what_many_read_and_let_go_of_at_once_is_counted_to_nothing() {
        let lent = Arc::new(Lent::new(40, || 0));
        for _ in 0..200 {
            let stored = stored(&lent);
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| drop([stored.reading(), stored.reading()]));
                }
                scope.spawn(|| stored.let_go());
            });
            assert_eq!(lent.bytes(), 0);
        }
    }
}
