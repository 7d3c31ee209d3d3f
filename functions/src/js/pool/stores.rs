//! The stores of a distribution, for all pools that serve it: while one takes over from another there are two.

use super::Shared;
use super::link::Link;
use crate::js::kvs::Snapshot;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// Stores by number, each the newest.
#[derive(Debug)]
pub(super) struct Stores {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    newest: Vec<Arc<Snapshot>>,
    pools: Vec<Weak<Shared>>,
}

impl Stores {
    pub(super) fn new(stores: Vec<Arc<Snapshot>>) -> Self {
        Self { inner: Mutex::new(Inner { newest: stores, pools: Vec::new() }) }
    }

    /// From now on the workers of this pool are told of newer stores.
    pub(super) fn serve(&self, pool: &Arc<Shared>) {
        let mut inner = self.inner.lock();
        inner.pools.retain(|pool| pool.strong_count() > 0);
        inner.pools.push(Arc::downgrade(pool));
    }

    pub(super) fn newest(&self) -> Vec<Arc<Snapshot>> {
        self.inner.lock().newest.clone()
    }

    /// Replaces a store for all workers: calls that are handed in after this see it.
    pub(super) fn replace(&self, number: usize, store: &Arc<Snapshot>) {
        let mut inner = self.inner.lock();
        inner.newest[number] = store.clone();
        for pool in inner.pools.iter().filter_map(Weak::upgrade) {
            let links: Vec<_> = pool.roster.lock().links().cloned().collect();
            for link in links {
                link.push_store(number, store);
                link.flush();
            }
        }
    }

    /// Takes a worker on that was given the stores `given` when it started: nothing newer escapes it.
    pub(super) fn enlist<T>(&self, given: &[Arc<Snapshot>], link: &Link, take_on: impl FnOnce() -> T) -> T {
        let inner = self.inner.lock();
        for (number, (newest, given)) in inner.newest.iter().zip(given).enumerate() {
            if !Arc::ptr_eq(newest, given) {
                link.push_store(number, newest);
            }
        }
        take_on()
    }
}
