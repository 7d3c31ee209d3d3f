//! The promises of the memory tier, with pingora's own types.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::cache::freshness::Lifetime;
use bytes::Bytes;
use pingora::cache::trace::Span;

pub(super) struct Tier {
    pub(super) memory: &'static Memory,
    pub(super) clock: Clock,
}

pub(super) fn tier() -> Tier {
    tier_of(64 * 1_048_576)
}

fn tier_of(bytes_max: u64) -> Tier {
    let clock = Clock::default();
    Tier { memory: Memory::leak(bytes_max, clock.clone()), clock }
}

pub(super) fn key(name: &str) -> CacheKey {
    let mut hash = [0; 16];
    hash[..name.len()].copy_from_slice(name.as_bytes());
    Memory::cache_key(Key { primary: name.into(), hash })
}

fn span() -> SpanHandle {
    Span::inactive().handle()
}

fn for_seconds(seconds: u64) -> Storable {
    Storable {
        fresh_for: Duration::from_secs(seconds),
        initial_age: Duration::ZERO,
        stale_while_revalidate_s: 0,
        stale_if_error_s: 0,
        headers_not_stored: Vec::new(),
        because: Lifetime::MaxAge,
    }
}

pub(super) fn header(lines: &[(&'static str, &str)]) -> ResponseHeader {
    let mut header = ResponseHeader::build(200, None).unwrap();
    for &(name, value) in lines {
        header.append_header(name, value).unwrap();
    }
    header
}

impl Tier {
    fn meta(&self, seconds: u64) -> CacheMeta {
        self.memory.meta(&for_seconds(seconds), header(&[("ETag", "\"1\""), ("Transfer-Encoding", "chunked")]))
    }

    async fn begin(&self, name: &str, meta: &CacheMeta) -> MissHandler {
        self.memory.get_miss_handler(&key(name), meta, &span()).await.unwrap()
    }

    async fn put(&self, name: &str, body: &str) {
        let mut writer = self.begin(name, &self.meta(60)).await;
        writer.write_body(Bytes::copy_from_slice(body.as_bytes()), true).await.unwrap();
        writer.finish().await.unwrap();
    }

    pub(super) async fn look_up(&self, name: &str) -> Option<(CacheMeta, HitHandler)> {
        self.memory.lookup(&key(name), &span()).await.unwrap()
    }

    async fn body(&self, name: &str) -> Option<String> {
        let (_, mut reader) = self.look_up(name).await?;
        Some(read_all(&mut reader).await.unwrap())
    }

    async fn purge(&self, name: &str) -> PurgeOutcome {
        let target = key(name).to_compact();
        self.memory.purge(PurgeTarget::Active(&target), PurgeType::Invalidation, &span()).await.unwrap()
    }
}

async fn read_all(reader: &mut HitHandler) -> Result<String> {
    let mut body = String::new();
    while let Some(bytes) = reader.read_body().await? {
        body.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    Ok(body)
}

async fn read_one(reader: &mut HitHandler) -> Bytes {
    reader.read_body().await.unwrap().unwrap()
}

#[tokio::test]
async fn an_object_is_found_with_its_length_and_without_chunks() {
    let tier = tier();
    assert!(tier.look_up("a").await.is_none());
    tier.put("a", "hello").await;
    let (meta, mut reader) = tier.look_up("a").await.unwrap();
    assert_eq!(meta.headers()["content-length"], "5");
    assert_eq!(meta.headers()["etag"], "\"1\"");
    assert!(!meta.headers().contains_key("transfer-encoding"));
    assert_eq!(read_all(&mut reader).await.unwrap(), "hello");
    assert!(tier.look_up("b").await.is_none());
}

#[tokio::test]
async fn a_hit_shares_the_bytes_of_the_object() {
    let tier = tier();
    tier.put("a", "hello").await;
    let (_, mut one) = tier.look_up("a").await.unwrap();
    let (_, mut other) = tier.look_up("a").await.unwrap();
    assert_eq!(read_one(&mut one).await.as_ptr(), read_one(&mut other).await.as_ptr());
}

#[tokio::test]
async fn many_small_chunks_are_one_read_on_a_hit() {
    let tier = tier();
    let mut writer = tier.begin("a", &tier.meta(60)).await;
    for _ in 0..100 {
        writer.write_body(Bytes::from_static(b"chunk"), false).await.unwrap();
    }
    writer.finish().await.unwrap();
    let (_, mut reader) = tier.look_up("a").await.unwrap();
    assert_eq!(read_one(&mut reader).await.len(), 500);
    assert!(reader.read_body().await.unwrap().is_none());
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    let tier = tier();
    tier.put("a", "").await;
    let (meta, mut reader) = tier.look_up("a").await.unwrap();
    assert_eq!(meta.headers()["content-length"], "0");
    assert!(reader.read_body().await.unwrap().is_none());
}

#[tokio::test]
async fn an_object_is_read_while_it_is_being_written() {
    let tier = tier();
    let mut writer = tier.begin("a", &tier.meta(60)).await;
    writer.write_body(Bytes::from_static(b"one"), false).await.unwrap();
    let (meta, mut reader) = tier.look_up("a").await.unwrap();
    assert!(!meta.headers().contains_key("content-length"));
    assert_eq!(read_one(&mut reader).await, "one");

    let reading = tokio::spawn(async move { read_all(&mut reader).await.unwrap() });
    tokio::task::yield_now().await;
    writer.write_body(Bytes::from_static(b"two"), false).await.unwrap();
    tokio::task::yield_now().await;
    writer.write_body(Bytes::from_static(b"three"), true).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(reading.await.unwrap(), "twothree");
    assert_eq!(tier.body("a").await.unwrap(), "onetwothree");
}

#[tokio::test]
async fn the_filling_request_reads_its_own_fill_and_no_other() {
    let tier = tier();
    let mut first = tier.begin("a", &tier.meta(60)).await;
    let mut second = tier.begin("a", &tier.meta(60)).await;
    first.write_body(Bytes::from_static(b"first"), true).await.unwrap();
    second.write_body(Bytes::from_static(b"second"), true).await.unwrap();
    for (writer, body) in [(&first, "first"), (&second, "second")] {
        let tag = writer.streaming_write_tag();
        let found = tier.memory.lookup_streaming_write(&key("a"), tag, &span()).await.unwrap();
        assert_eq!(read_all(&mut found.unwrap().1).await.unwrap(), body);
    }
    assert_eq!(tier.body("a").await.unwrap(), "second");
}

#[tokio::test]
async fn the_filling_request_finds_its_fill_though_the_key_was_purged() {
    let tier = tier();
    let writer = tier.begin("a", &tier.meta(60)).await;
    tier.purge("a").await;
    let tag = writer.streaming_write_tag();
    assert!(tier.memory.lookup_streaming_write(&key("a"), tag, &span()).await.unwrap().is_some());
    assert!(tier.look_up("a").await.is_none());
}

#[tokio::test]
async fn a_failed_fill_breaks_its_readers_and_leaves_nothing() {
    let tier = tier();
    let mut writer = tier.begin("a", &tier.meta(60)).await;
    let (_, mut waiting) = tier.look_up("a").await.unwrap();
    writer.write_body(Bytes::from_static(b"half"), false).await.unwrap();
    let reading = tokio::spawn(async move {
        let first = read_one(&mut waiting).await;
        (first, waiting.read_body().await.is_err())
    });
    tokio::task::yield_now().await;
    drop(writer);
    assert_eq!(reading.await.unwrap(), (Bytes::from_static(b"half"), true));
    assert!(tier.look_up("a").await.is_none());
    assert_eq!(tier.memory.filling.budget().taken(), 0);
}

#[tokio::test]
async fn a_failed_refill_leaves_the_old_object() {
    let tier = tier();
    tier.put("a", "old").await;
    let mut writer = tier.begin("a", &tier.meta(60)).await;
    writer.write_body(Bytes::from_static(b"ne"), false).await.unwrap();
    drop(writer);
    assert_eq!(tier.body("a").await.unwrap(), "old");
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_not_stored() {
    let tier = tier();
    let meta = tier.memory.meta(&for_seconds(60), header(&[("Content-Length", "10")]));
    let mut writer = tier.begin("a", &meta).await;
    writer.write_body(Bytes::from_static(b"short"), false).await.unwrap();
    assert!(writer.finish().await.is_err());
    assert!(tier.look_up("a").await.is_none());
}

#[tokio::test]
async fn an_object_too_large_reaches_its_viewer_whole_and_is_not_stored() {
    let tier = tier_of(1_000_000);
    let mut writer = tier.begin("a", &tier.meta(60)).await;
    let tag = writer.streaming_write_tag().unwrap().to_owned();
    let found = tier.memory.lookup_streaming_write(&key("a"), Some(&tag), &span()).await.unwrap();
    let mut reader = found.unwrap().1;
    let mut read = 0;
    for _ in 0..30 {
        writer.write_body(Bytes::from(vec![1; 100_000]), false).await.unwrap();
        read += read_one(&mut reader).await.len();
    }
    writer.finish().await.unwrap();
    assert!(reader.read_body().await.unwrap().is_none());
    assert_eq!(read, 3_000_000);
    assert!(tier.look_up("a").await.is_none());
}

#[tokio::test]
async fn a_complete_object_is_read_from_any_offset() {
    let tier = tier();
    tier.put("a", "0123456789").await;
    let (_, mut reader) = tier.look_up("a").await.unwrap();
    assert!(reader.can_seek() && reader.can_seek_multipart());
    for (from, to, expected) in [(5, None, "56789"), (2, Some(4), "23"), (9, Some(100), "9"), (0, Some(1), "0")] {
        reader.seek(from, to).unwrap();
        assert_eq!(read_all(&mut reader).await.unwrap(), expected);
    }
    assert!(reader.seek(10, None).is_err());
}

#[tokio::test]
async fn an_object_being_written_is_read_from_an_offset_that_has_yet_to_come() {
    let tier = tier();
    let mut writer = tier.begin("a", &tier.meta(60)).await;
    writer.write_body(Bytes::from_static(b"01234"), false).await.unwrap();
    let (_, mut reader) = tier.look_up("a").await.unwrap();
    reader.seek(7, Some(9)).unwrap();
    let reading = tokio::spawn(async move {
        let late = read_all(&mut reader).await.unwrap();
        reader.seek(1, Some(3)).unwrap();
        (late, read_all(&mut reader).await.unwrap(), reader.seek(10, None).is_err())
    });
    tokio::task::yield_now().await;
    writer.write_body(Bytes::from_static(b"56789"), true).await.unwrap();
    assert_eq!(reading.await.unwrap(), ("78".to_owned(), "12".to_owned(), true));
}

#[tokio::test]
async fn moving_the_clock_ages_an_object() {
    let tier = tier();
    tier.put("a", "x").await;
    let fresh = |meta: &CacheMeta| meta.is_fresh(tier.clock.to_system(tier.clock.now()));
    let (before, _) = tier.look_up("a").await.unwrap();
    assert!(fresh(&before) && before.age() < Duration::from_secs(5));
    tier.clock.advance(Duration::from_secs(61));
    let (after, _) = tier.look_up("a").await.unwrap();
    // What pingora sees by the system's time, which has not moved.
    assert!(after.fresh_until() < before.fresh_until() - Duration::from_mins(1));
    assert!(after.age() >= Duration::from_secs(61));
    assert_eq!(after.fresh_sec(), 60);
}

#[tokio::test]
async fn the_origins_age_counts() {
    let tier = tier();
    let storable = Storable { initial_age: Duration::from_secs(100), ..for_seconds(60) };
    let writer = tier.begin("a", &tier.memory.meta(&storable, header(&[]))).await;
    writer.finish().await.unwrap();
    let (meta, _) = tier.look_up("a").await.unwrap();
    assert!(meta.age() >= Duration::from_secs(100));
}

#[tokio::test]
async fn headers_that_are_not_to_be_stored_are_not() {
    let storable = Storable { headers_not_stored: vec![http::header::SET_COOKIE], ..for_seconds(60) };
    let meta = tier().memory.meta(&storable, header(&[("Set-Cookie", "a=1"), ("Set-Cookie", "b=1"), ("X-A", "1")]));
    assert!(!meta.headers().contains_key("set-cookie"));
    assert!(meta.headers().contains_key("x-a"));
}

#[tokio::test]
async fn revalidation_refreshes_the_object_and_keeps_its_body() {
    let tier = tier();
    tier.put("a", "body").await;
    tier.clock.advance(Duration::from_secs(100));
    let (old, _) = tier.look_up("a").await.unwrap();
    // As pingora does: new metadata, the old time of creation, the new time as epoch.
    let mut fresh = CacheMeta::new(
        tier.clock.to_system(tier.clock.now() + Duration::from_mins(1)),
        old.created(),
        0,
        0,
        header(&[("X-New", "1"), ("Content-Length", "999")]),
    );
    fresh.set_epoch_override(tier.clock.to_system(tier.clock.now()));
    assert!(tier.memory.update_meta(&key("a"), &fresh, &span()).await.unwrap());
    let (meta, mut reader) = tier.look_up("a").await.unwrap();
    assert_eq!(
        (&meta.headers()["x-new"], &meta.headers()["content-length"]),
        (&"1".parse().unwrap(), &"4".parse().unwrap())
    );
    assert!(meta.age() < Duration::from_secs(50));
    assert_eq!(read_all(&mut reader).await.unwrap(), "body");
}

#[tokio::test]
async fn metadata_of_a_purged_object_does_not_bring_it_back() {
    let tier = tier();
    tier.put("a", "x").await;
    let (meta, _) = tier.look_up("a").await.unwrap();
    assert_eq!(tier.purge("a").await, PurgeOutcome::Purged(None));
    assert!(!tier.memory.update_meta(&key("a"), &meta, &span()).await.unwrap());
    assert!(tier.look_up("a").await.is_none());
    assert_eq!(tier.purge("a").await, PurgeOutcome::NotFound);
}

#[tokio::test]
async fn metadata_of_an_object_that_was_replaced_is_not_taken() {
    let tier = tier();
    tier.put("a", "old").await;
    let (old, _) = tier.look_up("a").await.unwrap();
    tier.clock.advance(Duration::from_secs(1));
    tier.put("a", "new").await;
    assert!(!tier.memory.update_meta(&key("a"), &old, &span()).await.unwrap());
    assert_eq!(tier.body("a").await.unwrap(), "new");
}

#[tokio::test]
async fn what_was_being_filled_at_a_purge_is_not_stored() {
    let tier = tier();
    let mut writer = tier.begin("a", &tier.meta(60)).await;
    let (_, mut reader) = tier.look_up("a").await.unwrap();
    assert_eq!(tier.purge("a").await, PurgeOutcome::Purged(None));
    writer.write_body(Bytes::from_static(b"old"), true).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(read_all(&mut reader).await.unwrap(), "old");
    assert!(tier.look_up("a").await.is_none());
}

#[tokio::test]
async fn a_fill_that_began_earlier_does_not_replace_a_later_answer() {
    let tier = tier();
    let mut slow = tier.begin("a", &tier.meta(60)).await;
    tier.clock.advance(Duration::from_secs(1));
    tier.put("a", "later").await;
    assert_eq!(tier.body("a").await.unwrap(), "later");
    slow.write_body(Bytes::from_static(b"earlier"), true).await.unwrap();
    slow.finish().await.unwrap();
    assert_eq!(tier.body("a").await.unwrap(), "later");
}

#[tokio::test]
async fn a_later_answer_is_read_before_the_expired_object_it_will_replace() {
    let tier = tier();
    tier.put("a", "old").await;
    tier.clock.advance(Duration::from_secs(100));
    let mut writer = tier.begin("a", &tier.meta(60)).await;
    writer.write_body(Bytes::from_static(b"new"), true).await.unwrap();
    assert_eq!(tier.body("a").await.unwrap(), "new");
}

#[tokio::test]
async fn an_expired_object_keeps_its_body_and_a_fill_in_flight_its_freshness() {
    let tier = tier();
    tier.put("a", "x").await;
    tier.clock.advance(Duration::from_secs(1));
    let target = key("a").to_compact();
    let outcome = tier.memory.expire(PurgeTarget::Active(&target), &span()).await.unwrap();
    assert_eq!(outcome, PurgeOutcome::Expired);
    tier.clock.advance(Duration::from_nanos(1));
    let (meta, mut reader) = tier.look_up("a").await.unwrap();
    assert!(!meta.is_fresh(tier.clock.to_system(tier.clock.now())));
    assert_eq!(read_all(&mut reader).await.unwrap(), "x");
}

#[tokio::test]
async fn a_held_object_is_fresh_until_the_origin_may_be_asked_again() {
    let tier = tier();
    let storable = Storable { stale_if_error_s: 100, ..for_seconds(10) };
    tier.begin("a", &tier.memory.meta(&storable, header(&[]))).await.finish().await.unwrap();
    let hash = key("a").combined_bin();
    assert!(!tier.memory.hold_stale(hash, Duration::from_secs(10)), "a fresh object needs no holding");
    tier.clock.advance(Duration::from_secs(30));
    assert!(tier.memory.hold_stale(hash, Duration::from_secs(10)));
    let now = || tier.clock.to_system(tier.clock.now());
    let (held, _) = tier.look_up("a").await.unwrap();
    assert!(held.is_fresh(now()));
    tier.clock.advance(Duration::from_secs(20));
    let (after, _) = tier.look_up("a").await.unwrap();
    assert!(!after.is_fresh(now()));
    assert!(after.serve_stale_if_error(now()));
    tier.clock.advance(Duration::from_secs(61));
    let (over, _) = tier.look_up("a").await.unwrap();
    assert!(!over.serve_stale_if_error(now()), "holding must not lengthen stale-if-error");
    assert!(!tier.memory.hold_stale(key("b").combined_bin(), Duration::from_secs(10)));
}

#[tokio::test]
async fn the_tier_holds_no_more_bytes_than_it_may() {
    let tier = tier_of(1_000_000);
    let body = "x".repeat(10_000);
    for index in 0..300 {
        tier.put(&format!("{index}"), &body).await;
        assert!(tier.memory.weighted_bytes() <= 1_000_000);
    }
    assert!(tier.memory.object_count() > 50);
    assert_eq!(tier.memory.filling.budget().taken(), 0);
}

#[tokio::test]
async fn what_viewers_read_after_its_eviction_counts_and_nothing_is_stored_while_it_is_too_much() {
    const MIB: usize = 1_048_576;
    let tier = tier_of(4 * MIB as u64);
    let body = "x".repeat(MIB);
    let mut slow_viewers = Vec::new();
    for index in 0..20 {
        let name = format!("{index}");
        tier.put(&name, &body).await;
        slow_viewers.extend(tier.look_up(&name).await);
        tier.memory.weighted_bytes();
    }
    assert!(slow_viewers.len() < 10, "{} objects", slow_viewers.len());
    assert!(tier.memory.lent.bytes() <= 3 * MIB as u64, "{}", tier.memory.lent.bytes());
    // Who reads them gets them whole.
    for (_, mut reader) in slow_viewers {
        assert_eq!(read_all(&mut reader).await.unwrap().len(), MIB);
    }
    assert_eq!(tier.memory.lent.bytes(), 0);
    tier.put("after", &body).await;
    assert_eq!(tier.body("after").await.unwrap().len(), MIB);
}

#[tokio::test]
async fn what_viewers_read_of_replaced_objects_keeps_nothing_out_of_a_tier_with_room() {
    const MIB: usize = 1_048_576;
    let tier = tier_of(8 * MIB as u64);
    let body = "x".repeat(MIB);
    let mut slow_viewers = Vec::new();
    for _ in 0..6 {
        tier.put("a", &body).await;
        slow_viewers.extend(tier.look_up("a").await);
        tier.memory.weighted_bytes();
    }
    assert_eq!(tier.memory.lent.bytes(), 5 * MIB as u64);
    tier.put("b", &body).await;
    assert!(tier.look_up("b").await.is_some());
}

#[tokio::test]
async fn a_full_tier_makes_room_for_what_is_filled_whoever_has_read_the_others() {
    const MIB: usize = 1_048_576;
    let tier = tier_of(4 * MIB as u64);
    for index in 0..60 {
        let name = format!("{index}");
        let mut writer = tier.begin(&name, &tier.meta(60)).await;
        writer.write_body(Bytes::from(vec![b'x'; MIB]), false).await.unwrap();
        let joined = tier.look_up(&name).await;
        assert!(joined.is_some(), "the {index}th object is to be stored");
        drop(joined);
        writer.finish().await.unwrap();
    }
}

#[test]
fn writers_purges_and_readers_agree_when_they_race() {
    let tier = tier();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..4_u8)
            .map(|task| {
                let memory = tier.memory;
                let tier = Tier { memory, clock: tier.clock.clone() };
                tokio::spawn(async move {
                    for round in 0..300 {
                        let body = format!("{task}-{round}").repeat(50);
                        tier.put("a", &body).await;
                        if let Some((meta, mut reader)) = tier.look_up("a").await {
                            let read = read_all(&mut reader).await.unwrap();
                            let length = meta.headers().get("content-length").map(|l| l.to_str().unwrap().to_owned());
                            assert!(length.is_none_or(|length| length == read.len().to_string()));
                            memory.update_meta(&key("a"), &meta, &span()).await.unwrap();
                        }
                        tier.purge("a").await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        // Every put was followed by a purge, so whatever the order was, nothing is left.
        assert!(tier.look_up("a").await.is_none());
    });
}
