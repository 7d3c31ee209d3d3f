//! The memory tier: pingora's storage over moka, weighed in bytes, where an object can be read while it is being filled.
//!
//! A hit copies no body and parses nothing: it clones two `Arc`s and the response header. Times are kept in the node's
//! [`Clock`] and translated to the system's, which pingora compares with, whenever a [`CacheMeta`] is made; so a test that
//! moves the clock ages what is stored.

use super::freshness::Storable;
use super::key::Key;
use crate::clock::Clock;
use async_trait::async_trait;
use body::Body;
use fill::Fill;
use filling::{Budget, Filling};
use homefront_config::limits;
use lent::{Lent, Stored};
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::sync::Cache;
use pingora::Result;
use pingora::cache::key::{CacheHashKey, CacheKey, HashBinary};
use pingora::cache::storage::{HitHandler, MissHandler, PurgeOutcome, PurgeTarget, PurgeType, Storage};
use pingora::cache::trace::SpanHandle;
use pingora::cache::{CacheMeta, storage::streaming_write::U64WriteId};
use pingora::http::ResponseHeader;
use reader::{CompleteReader, PartialReader};
use std::any::Any;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::Duration;
use stored::StoredMeta;
use writer::Writer;

mod body;
mod fill;
mod filling;
mod lent;
mod reader;
mod stored;
mod writer;

/// All objects of a node that are held in memory.
pub struct Memory {
    objects: Cache<u128, Object, BuildHasherDefault<KeyHash>>,
    filling: Filling,
    lent: Arc<Lent>,
    /// Larger objects are passed through without being kept.
    object_bytes_max: u64,
    clock: Clock,
}

/// A complete object. The clone that a hit makes is two reference counts.
#[derive(Clone)]
struct Object {
    meta: Arc<StoredMeta>,
    body: Arc<Stored>,
}

impl Object {
    /// Bytes of memory, for moka. Bounded by `CACHED_OBJECT_BYTES_MAX` and the bound of response heads, so it fits.
    fn weight(&self) -> u32 {
        u32::try_from(self.body.len() + self.meta.header_bytes() + limits::CACHED_OBJECT_OVERHEAD_BYTES)
            .unwrap_or(u32::MAX)
    }
}

impl Memory {
    /// A tier for at most `bytes_max` bytes of complete objects. Beside them may be a quarter of that of objects being filled, as much of
    /// responses that are not to be stored and that viewers still read, and as much, and what the tier has room for, of objects that
    /// it has let go of and that viewers still read. It lives as long as the process, because pingora refers to storages that way.
    pub fn leak(bytes_max: u64, clock: Clock) -> &'static Self {
        let objects: Cache<_, _, _> = Cache::builder()
            .name("memory tier")
            .max_capacity(bytes_max)
            .weigher(|_, object: &Object| object.weight())
            .eviction_listener(|_, object: Object, cause| {
                // New metadata leaves the body where it is; `store` puts another in its place.
                if cause != RemovalCause::Replaced {
                    object.body.let_go();
                }
            })
            .build_with_hasher(BuildHasherDefault::default());
        let tier = objects.clone();
        let lent = Arc::new(Lent::new(bytes_max, move || tier.weighted_size()));
        Box::leak(Box::new(Self {
            objects,
            filling: Filling::new(Budget::new(
                bytes_max / limits::CACHE_FILLING_SHARE,
                bytes_max / limits::CACHE_PASSING_SHARE,
                lent.clone(),
            )),
            lent,
            object_bytes_max: limits::CACHED_OBJECT_BYTES_MAX.min(bytes_max),
            clock,
        }))
    }

    /// pingora's form of a cache key. Its hash is taken as it is, so nothing is hashed twice.
    pub fn cache_key(key: Key) -> CacheKey {
        let mut cache_key = CacheKey::new(key.primary, "");
        cache_key.set_primary_bin_override(key.hash);
        cache_key
    }

    /// The metadata that [`freshness::decide`](super::freshness::decide) calls for, of a response that came just now.
    pub fn meta(&self, storable: &Storable, mut header: ResponseHeader) -> CacheMeta {
        for name in &storable.headers_not_stored {
            header.remove_header(name);
        }
        let now = self.clock.to_system(self.clock.now());
        let fresh_until = now.checked_add(storable.fresh_for).unwrap_or(now);
        let (revalidate_s, error_s) = (storable.stale_while_revalidate_s, storable.stale_if_error_s);
        let mut meta = CacheMeta::new(fresh_until, now, revalidate_s, error_s, header);
        if let Some(epoch) = now.checked_sub(storable.initial_age).filter(|epoch| *epoch < now) {
            meta.set_epoch_override(epoch);
        }
        meta
    }

    /// Serves an expired object as if it were fresh for `ttl`: after the origin has failed, it is not asked again before
    /// `ErrorCachingMinTTL` has passed. Says whether there was such an object.
    pub fn hold_stale(&self, hash: HashBinary, ttl: Duration) -> bool {
        let now = self.clock.now();
        self.edit(u128::from_be_bytes(hash), |object| {
            (!object.meta.is_fresh(now)).then(|| Arc::new(object.meta.held_until(now + ttl)))
        })
    }

    /// Whether an object is there whole and fresh, and none newer is on its way: who asks for it waits for nobody.
    pub fn is_at_hand(&self, hash: HashBinary) -> bool {
        let hash = u128::from_be_bytes(hash);
        self.filling.newest(hash).is_none()
            && self.objects.get(&hash).is_some_and(|object| object.meta.is_fresh(self.clock.now()))
    }

    /// Bytes of complete objects.
    pub fn weighted_bytes(&self) -> u64 {
        self.objects.run_pending_tasks();
        self.objects.weighted_size()
    }

    /// How many complete objects there are.
    pub fn object_count(&self) -> u64 {
        self.objects.run_pending_tasks();
        self.objects.entry_count()
    }

    /// Gives an object new metadata, unless it is gone or `change` declines. All writers of a key go through moka's lock for
    /// that key, so that none undoes what another has done meanwhile.
    fn edit(&self, hash: u128, change: impl FnOnce(&Object) -> Option<Arc<StoredMeta>>) -> bool {
        let mut changed = false;
        self.objects.entry(hash).and_compute_with(|entry| {
            let object = entry.map(moka::Entry::into_value);
            let Some(meta) = object.as_ref().and_then(change) else { return Op::Nop };
            changed = true;
            object.map_or(Op::Nop, |object| Op::Put(Object { meta, body: object.body.kept() }))
        });
        changed
    }

    /// Keeps a filled object, unless it was purged meanwhile or a later answer is there already.
    fn store(&self, hash: u128, fill: &Arc<Fill>, body: Body) {
        let meta = Arc::new(fill.meta.with_length(body.len()));
        let body = Stored::new(body, self.lent.clone());
        fill.is_stored_as(&body);
        let mut is_kept = false;
        self.filling.graduate(hash, fill, || {
            self.objects.entry(hash).and_compute_with(|entry| {
                let older = entry.as_ref().map(moka::Entry::value);
                if older.is_some_and(|older| older.meta.updated > meta.updated) {
                    return Op::Nop;
                }
                if let Some(older) = older {
                    older.body.let_go();
                }
                is_kept = true;
                Op::Put(Object { meta, body: body.clone() })
            });
        });
        if !is_kept {
            body.let_go();
        }
    }

    fn remove(&self, hash: u128) -> bool {
        let was_filling = self.filling.orphan(hash);
        let mut was_there = false;
        self.objects.entry(hash).and_compute_with(|entry| {
            was_there = entry.is_some();
            Op::Remove
        });
        was_filling || was_there
    }

    fn found(&self, meta: &StoredMeta, reader: HitHandler) -> (CacheMeta, HitHandler) {
        (meta.to_meta(&self.clock), reader)
    }
}

#[async_trait]
impl Storage for Memory {
    /// A later answer that is still being filled goes before a complete object, or every reader of an expired object would
    /// fetch it again. The fills are looked at first: an object is stored before its fill leaves them.
    async fn lookup(&'static self, key: &CacheKey, _: &SpanHandle) -> Result<Option<(CacheMeta, HitHandler)>> {
        let hash = hash_of(key);
        let fill = self.filling.newest(hash);
        let object = self.objects.get(&hash);
        let is_later = |fill: &Arc<Fill>| object.as_ref().is_none_or(|object| object.meta.updated <= fill.meta.updated);
        if let Some(fill) = fill.filter(is_later) {
            let meta = fill.meta.clone();
            // Since it was found it may have turned out too large to be stored.
            if let Some(reader) = PartialReader::follower(fill) {
                return Ok(Some(self.found(&meta, Box::new(reader))));
            }
        }
        Ok(object.map(|object| self.found(&object.meta, Box::new(CompleteReader::new(object.body.reading())))))
    }

    async fn lookup_streaming_write(
        &'static self,
        key: &CacheKey,
        tag: Option<&[u8]>,
        trace: &SpanHandle,
    ) -> Result<Option<(CacheMeta, HitHandler)>> {
        let Some(tag) = tag else { return self.lookup(key, trace).await };
        let id = U64WriteId::try_from(tag).map(u64::from).ok();
        let fill = id.and_then(|id| self.filling.by_id(hash_of(key), id));
        Ok(fill.map(|fill| {
            let meta = fill.meta.clone();
            self.found(&meta, Box::new(PartialReader::filler(fill)))
        }))
    }

    async fn get_miss_handler(&'static self, key: &CacheKey, meta: &CacheMeta, _: &SpanHandle) -> Result<MissHandler> {
        let hash = hash_of(key);
        let meta = Arc::new(StoredMeta::of(meta, &self.clock));
        let fill = self.filling.begin(hash, meta, self.object_bytes_max);
        Ok(Box::new(Writer::new(self, hash, fill)))
    }

    async fn purge(&'static self, target: PurgeTarget<'_>, _: PurgeType, _: &SpanHandle) -> Result<PurgeOutcome> {
        let found = !is_identified(target) && self.remove(u128::from_be_bytes(target.key().combined_bin()));
        Ok(if found { PurgeOutcome::Purged(None) } else { PurgeOutcome::NotFound })
    }

    /// A fill in flight stays as it is: what it brings is younger than the wish.
    async fn expire(&'static self, target: PurgeTarget<'_>, _: &SpanHandle) -> Result<PurgeOutcome> {
        let now = self.clock.now();
        let hash = u128::from_be_bytes(target.key().combined_bin());
        let found = !is_identified(target) && self.edit(hash, |object| Some(Arc::new(object.meta.expired_at(now))));
        Ok(if found { PurgeOutcome::Expired } else { PurgeOutcome::NotFound })
    }

    /// Only the object that was validated is refreshed: if another has taken its place, the new metadata is not its own.
    async fn update_meta(&'static self, key: &CacheKey, meta: &CacheMeta, _: &SpanHandle) -> Result<bool> {
        let fresh = StoredMeta::of(meta, &self.clock);
        Ok(self.edit(hash_of(key), |object| {
            (object.meta.created == fresh.created).then(|| Arc::new(fresh.with_length(object.body.len())))
        }))
    }

    fn support_streaming_partial_write(&self) -> bool {
        true
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync + 'static) {
        self
    }
}

fn hash_of(key: &CacheKey) -> u128 {
    u128::from_be_bytes(key.combined_bin())
}

/// No generation of an object is identified here, so a target with an id is none of ours.
fn is_identified(target: PurgeTarget<'_>) -> bool {
    matches!(target, PurgeTarget::Exact(entry) if entry.entry_id().is_some())
}

/// The keys are hashes already: 64 of their bits serve as the hash of the map.
#[derive(Default)]
struct KeyHash(u64);

impl Hasher for KeyHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }
}

#[cfg(test)]
mod collapse_tests;
#[cfg(test)]
mod tests;
