//! pingora's own cache state machine on the memory tier: who waits, who fetches, who reads along.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::tests::{Tier, header, key, tier};
use crate::cache::freshness::{Lifetime, Storable};
use bytes::Bytes;
use pingora::cache::lock::{CacheKeyLockImpl, CacheLock};
use pingora::cache::{CacheMeta, CachePhase, HitStatus, HttpCache};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// An origin that answers when it is told to, with the number of the request as body.
struct Origin {
    tier: Tier,
    lock: &'static CacheKeyLockImpl,
    fresh_s: u64,
    fetches: AtomicUsize,
    asked: Notify,
    answers: Semaphore,
}

impl Origin {
    fn with(tier: Tier, fresh_s: u64) -> Arc<Self> {
        Arc::new(Self {
            tier,
            lock: Box::leak(CacheLock::new_boxed(Duration::from_mins(1))),
            fresh_s,
            fetches: AtomicUsize::new(0),
            asked: Notify::new(),
            answers: Semaphore::new(0),
        })
    }

    fn meta(&self) -> CacheMeta {
        let storable = Storable {
            fresh_for: Duration::from_secs(self.fresh_s),
            initial_age: Duration::ZERO,
            stale_while_revalidate_s: 0,
            stale_if_error_s: 0,
            headers_not_stored: Vec::new(),
            because: Lifetime::MaxAge,
        };
        self.tier.memory.meta(&storable, header(&[("ETag", "\"1\"")]))
    }

    /// One request, as pingora's proxy handles it: its body, and how it was come by.
    async fn get(self: Arc<Self>) -> (String, CachePhase) {
        let mut cache = HttpCache::new();
        cache.enable(self.tier.memory, None, None, Some(self.lock), None);
        cache.set_cache_key(key("a"));
        loop {
            let found = cache.cache_lookup().await.unwrap();
            if let Some((meta, reader)) = found {
                let fresh = meta.is_fresh(self.tier.clock.to_system(self.tier.clock.now()));
                cache.cache_found(meta, reader, if fresh { HitStatus::Fresh } else { HitStatus::Expired });
                if fresh {
                    return (read(&mut cache).await, cache.phase());
                }
            }
            if cache.is_cache_locked() {
                cache.cache_lock_wait().await;
                continue;
            }
            if cache.phase() == CachePhase::CacheKey {
                cache.cache_miss();
            }
            return self.fetch(cache).await;
        }
    }

    async fn fetch(&self, mut cache: HttpCache) -> (String, CachePhase) {
        let number = self.fetches.fetch_add(1, Ordering::AcqRel) + 1;
        self.asked.notify_one();
        self.answers.acquire().await.unwrap().forget();
        cache.set_cache_meta(self.meta());
        cache.update_variance(None);
        cache.set_miss_handler().await.unwrap();
        for (part, is_last) in [("answer ".to_owned(), false), (number.to_string(), true)] {
            cache.miss_handler().unwrap().write_body(Bytes::from(part), is_last).await.unwrap();
            tokio::task::yield_now().await;
        }
        cache.finish_miss_handler().await.unwrap();
        let mut body = String::new();
        while let Some(bytes) = cache.miss_body_reader().unwrap().read_body().await.unwrap() {
            body.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        (body, cache.phase())
    }

    /// Several requests at once, the first of which has asked the origin before the others come.
    async fn get_together(self: &Arc<Self>, count: usize) -> Vec<(String, CachePhase)> {
        let mut requests = vec![tokio::spawn(self.clone().get())];
        self.asked.notified().await;
        requests.extend((1..count).map(|_| tokio::spawn(self.clone().get())));
        for _ in 0..count * 4 {
            tokio::task::yield_now().await;
        }
        self.answers.add_permits(count);
        let mut answers = Vec::new();
        for request in requests {
            answers.push(request.await.unwrap());
        }
        answers
    }
}

async fn read(cache: &mut HttpCache) -> String {
    let mut body = String::new();
    while let Some(bytes) = cache.hit_handler().read_body().await.unwrap() {
        body.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    body
}

#[tokio::test]
async fn ten_requests_at_once_ask_the_origin_once() {
    let origin = Origin::with(tier(), 60);
    let answers = origin.get_together(10).await;
    assert_eq!(origin.fetches.load(Ordering::Acquire), 1);
    assert_eq!(answers[0], ("answer 1".into(), CachePhase::Miss));
    for answer in &answers[1..] {
        assert_eq!(*answer, ("answer 1".into(), CachePhase::Hit));
    }
}

#[tokio::test]
async fn ten_requests_for_an_expired_object_ask_the_origin_once() {
    let origin = Origin::with(tier(), 60);
    origin.get_together(1).await;
    origin.tier.clock.advance(Duration::from_secs(61));
    let answers = origin.get_together(10).await;
    assert_eq!(origin.fetches.load(Ordering::Acquire), 2);
    assert_eq!(answers[0], ("answer 2".into(), CachePhase::Expired));
    for answer in &answers[1..] {
        assert_eq!(*answer, ("answer 2".into(), CachePhase::Hit));
    }
}

#[tokio::test]
async fn requests_for_an_object_that_is_never_fresh_ask_the_origin_one_by_one() {
    let origin = Origin::with(tier(), 0);
    let answers = origin.get_together(3).await;
    assert_eq!(origin.fetches.load(Ordering::Acquire), 3);
    let mut bodies: Vec<_> = answers.iter().map(|(body, _)| body.as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["answer 1", "answer 2", "answer 3"]);
}

#[tokio::test]
async fn a_304_refreshes_the_object_for_those_who_come_after() {
    let origin = Origin::with(tier(), 60);
    origin.get_together(1).await;
    origin.tier.clock.advance(Duration::from_secs(61));

    let mut cache = HttpCache::new();
    cache.enable(origin.tier.memory, None, None, Some(origin.lock), None);
    cache.set_cache_key(key("a"));
    let (meta, reader) = cache.cache_lookup().await.unwrap().unwrap();
    cache.cache_found(meta, reader, HitStatus::Expired);
    assert!(cache.revalidate_cache_meta(origin.meta()).await.unwrap());
    assert_eq!((read(&mut cache).await, cache.phase()), ("answer 1".into(), CachePhase::Revalidated));

    assert_eq!(origin.clone().get().await, ("answer 1".into(), CachePhase::Hit));
    let (meta, _) = origin.tier.look_up("a").await.unwrap();
    assert!(meta.age() < Duration::from_secs(30), "age counts from the 304");
}
