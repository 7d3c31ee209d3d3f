//! A fill is whole or passing, and its readers get every byte or an end that cannot be mistaken for the body's.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::lent::Lent;
use super::*;
use crate::clock::Clock;
use pingora::cache::CacheMeta;
use pingora::http::ResponseHeader;

const MIB: usize = 1_048_576;

fn meta(headers: &[(&'static str, &str)]) -> Arc<StoredMeta> {
    let clock = Clock::default();
    let mut header = ResponseHeader::build(200, None).unwrap();
    for &(name, value) in headers {
        header.append_header(name, value).unwrap();
    }
    Arc::new(StoredMeta::of(&CacheMeta::new(clock.now(), clock.now(), 0, 0, header), &clock))
}

fn budget(bytes_max: u64) -> Arc<Budget> {
    Arc::new(Budget::new(bytes_max, bytes_max, Arc::new(Lent::new(u64::MAX, || 0))))
}

fn fill(object_bytes_max: u64, budget_bytes: u64) -> Fill {
    Fill::new(0, meta(&[]), object_bytes_max, budget(budget_bytes))
}

fn mib() -> Bytes {
    Bytes::from(vec![b'x'; MIB])
}

/// Reads what is there; how many bytes, and what came then.
fn drain(fill: &Fill, reader: u64) -> (usize, Read) {
    let mut bytes = 0;
    loop {
        match fill.read(reader, None) {
            Read::Bytes(read) => bytes += read.len(),
            other => return (bytes, other),
        }
    }
}

#[test]
fn bytes_are_let_go_once_read_when_the_object_is_too_large_to_store() {
    let fill = fill(2 * MIB as u64, u64::MAX);
    let (reader, _) = fill.join();
    for _ in 0..100 {
        assert_eq!(fill.push(mib()).unwrap(), None);
        assert!(matches!(drain(&fill, reader), (MIB, Read::Wait)));
        assert!(fill.held_bytes() <= 2 * MIB);
    }
    fill.complete().unwrap();
    assert!(matches!(drain(&fill, reader), (0, Read::End)));
    assert!(fill.whole_body().is_none());
    assert!(!fill.can_be_joined());
}

#[test]
fn the_origin_is_read_more_slowly_the_further_the_viewer_is_behind() {
    let fill = fill(MIB as u64, u64::MAX);
    let (_reader, _) = fill.join();
    let pauses_ms: Vec<_> = (0..6).map(|_| fill.push(mib()).unwrap().map_or(0, |pause| pause.as_millis())).collect();
    assert_eq!(pauses_ms, [0, 20, 40, 80, 160, 320]);
    assert_eq!(pause(usize::MAX), Some(Duration::from_secs(1)));
}

#[test]
fn a_response_is_given_up_when_its_viewer_reads_nothing() {
    let fill = fill(0, u64::MAX);
    let (_reader, _) = fill.join();
    let pushed = (0..1_000).position(|_| fill.push(mib()) == Err(FillError::Stalled)).unwrap();
    assert!(pushed < 15, "{pushed} MiB were held for a dead viewer");
}

#[test]
fn a_viewer_that_goes_on_reading_is_never_given_up() {
    let fill = fill(0, u64::MAX);
    let (reader, _) = fill.join();
    for _ in 0..8 {
        fill.push(mib()).unwrap();
    }
    let mut paused = Duration::ZERO;
    for _ in 0..100 {
        assert!(matches!(fill.read(reader, None), Read::Bytes(_)));
        paused += fill.push(mib()).unwrap().unwrap();
    }
    assert!(paused > limits::CACHE_PASSING_STALL_MAX);
}

#[test]
fn who_reads_goes_on_when_the_viewer_of_the_request_that_fills_has_left() {
    let fill = fill(10 * MIB as u64, u64::MAX);
    let (left, _) = fill.join();
    let (follower, _) = fill.follow().unwrap();
    for _ in 0..100 {
        assert_eq!(fill.push(mib()).unwrap(), None, "the follower has read all");
        assert!(matches!(drain(&fill, follower), (MIB, Read::Wait)));
    }
    assert!(matches!(fill.read(left, None), Read::Broken));
    assert_eq!(fill.held_bytes(), 0, "nothing is held for who has left");
    fill.complete().unwrap();
    assert!(matches!(drain(&fill, follower), (0, Read::End)));
}

#[test]
fn a_viewer_may_be_as_far_behind_as_is_charged_and_no_further() {
    let budget = budget(u64::MAX);
    let fill = Fill::new(0, meta(&[]), 20 * MIB as u64, budget.clone());
    let (reader, _) = fill.join();
    for _ in 0..20 {
        assert_eq!(fill.push(mib()).unwrap(), None);
    }
    fill.push(mib()).unwrap();
    assert!(matches!(drain(&fill, reader), (_, Read::Wait)));
    assert_eq!(budget.taken(), 0);
    let pauses = (0..4).map(|_| fill.push(mib()).unwrap().is_some());
    assert_eq!(pauses.collect::<Vec<_>>(), [false, true, true, true]);
}

#[test]
fn another_viewer_is_cut_off_when_it_falls_too_far_behind() {
    let fill = fill(MIB as u64, u64::MAX);
    let (filler, _) = fill.join();
    let (follower, _) = fill.follow().unwrap();
    for _ in 0..12 {
        fill.push(mib()).unwrap();
        drain(&fill, filler);
    }
    assert!(matches!(fill.read(follower, None), Read::Broken));
    assert_eq!(fill.held_bytes(), 0);
}

#[test]
fn fills_pass_when_together_they_hold_too_much() {
    let budget = budget(3 * MIB as u64);
    let fills = [(); 2].map(|()| Fill::new(0, meta(&[]), u64::MAX, budget.clone()));
    for fill in &fills {
        fill.push(mib()).unwrap();
    }
    fills[0].push(mib()).unwrap();
    fills[1].push(mib()).unwrap();
    assert!(fills[0].can_be_joined());
    assert!(!fills[1].can_be_joined());
    assert_eq!(budget.taken(), 2 * MIB as u64);
    fills.iter().for_each(Fill::abandon);
    assert_eq!(budget.taken(), 0);
}

#[test]
fn what_slow_viewers_hold_of_fills_that_pass_or_break_off_is_counted_until_they_have_it() {
    for breaks_off in [false, true] {
        let budget = budget(4 * MIB as u64);
        let fill = Fill::new(0, meta(&[]), 3 * MIB as u64, budget.clone());
        let (filler, _) = fill.join();
        let (slow, _) = fill.follow().unwrap();
        for _ in 0..3 {
            fill.push(mib()).unwrap();
            drain(&fill, filler);
        }
        if breaks_off {
            fill.abandon();
        } else {
            fill.push(mib()).unwrap();
            assert!(!fill.can_be_joined(), "it passes");
        }
        assert_eq!(
            (budget.taken(), budget.passing()),
            (0, 3 * MIB as u64),
            "{breaks_off}: it keeps nothing from being stored"
        );
        fill.part(filler);
        assert!(matches!(fill.read(slow, None), Read::Bytes(_)));
        assert!(budget.passing() <= 3 * MIB as u64);
        fill.part(slow);
        assert_eq!((budget.taken(), budget.passing()), (0, 0), "{breaks_off}");
    }
}

#[test]
fn viewers_that_are_far_behind_are_cut_off_where_all_such_hold_too_much() {
    for breaks_off in [false, true] {
        let budget = Arc::new(Budget::new(u64::MAX, 15 * MIB as u64, Arc::new(Lent::new(u64::MAX, || 0))));
        let fills = [(); 2].map(|()| Fill::new(0, meta(&[]), 10 * MIB as u64, budget.clone()));
        let [first, second] = fills.each_ref().map(|fill| {
            let (filler, _) = fill.join();
            let (slow, _) = fill.follow().unwrap();
            for _ in 0..10 {
                fill.push(mib()).unwrap();
                drain(fill, filler);
            }
            if breaks_off {
                fill.abandon();
            } else {
                fill.push(mib()).unwrap();
                drain(fill, filler);
            }
            slow
        });
        assert!(matches!(fills[0].read(first, None), Read::Bytes(_)), "{breaks_off}");
        assert!(matches!(fills[1].read(second, None), Read::Broken), "{breaks_off}");
        assert!(budget.passing() <= 10 * MIB as u64, "{breaks_off}");
        fills[0].part(first);
        assert_eq!((budget.taken(), budget.passing()), (0, 0), "{breaks_off}");
    }
}

#[test]
fn another_viewer_gets_a_body_from_its_start_or_looks_elsewhere() {
    for _ in 0..200 {
        let fill = fill(64, u64::MAX);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (filler, _) = fill.join();
                for number in 0..128_u8 {
                    fill.push(Bytes::copy_from_slice(&[number])).unwrap();
                    drain(&fill, filler);
                }
                fill.complete().unwrap();
            });
            scope.spawn(|| {
                while let Some((follower, _)) = fill.follow() {
                    let first = fill.read(follower, Some(1));
                    assert!(!matches!(&first, Read::Bytes(bytes) if bytes[..] != [0]), "it begins in the middle");
                    assert!(!matches!(first, Read::End), "it is taken for empty");
                }
            });
        });
        assert!(fill.follow().is_none());
    }
}

#[test]
fn who_joins_a_complete_fill_reads_what_the_tier_was_given() {
    let lent = Arc::new(Lent::new(u64::MAX, || 0));
    let fill = fill(u64::MAX, u64::MAX);
    fill.push(mib()).unwrap();
    fill.complete().unwrap();
    let stored = Stored::new(fill.whole_body().unwrap(), lent.clone());
    fill.is_stored_as(&stored);
    let (reader, _) = fill.follow().unwrap();
    fill.abandon();
    stored.let_go();
    assert_eq!(lent.bytes(), MIB as u64);
    assert!(matches!(drain(&fill, reader), (MIB, Read::End)));
    fill.part(reader);
    assert_eq!(lent.bytes(), 0);
}

#[test]
fn a_body_shorter_or_longer_than_announced_is_not_complete() {
    for body in ["shor", "too long"] {
        let fill = Fill::new(0, meta(&[("content-length", "5")]), 100, budget(100));
        let (reader, _) = fill.follow().unwrap();
        fill.push(Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(fill.complete(), Err(FillError::Length));
        assert!(matches!(drain(&fill, reader), (_, Read::Broken)));
        assert!(fill.whole_body().is_none());
    }
}

#[test]
fn an_object_announced_as_too_large_is_never_joined() {
    let fill = Fill::new(0, meta(&[("content-length", "101")]), 100, budget(1_000));
    assert!(!fill.can_be_joined());
}

#[test]
fn a_range_of_a_passing_object_can_be_read_while_it_is_held() {
    let fill = fill(0, u64::MAX);
    let (reader, _) = fill.join();
    assert!(fill.seek(reader, 2 * MIB));
    for _ in 0..2 {
        fill.push(mib()).unwrap();
        assert_eq!(fill.held_bytes(), 0);
        assert!(matches!(fill.read(reader, Some(2 * MIB + 3)), Read::Wait));
    }
    fill.push(mib()).unwrap();
    assert!(matches!(fill.read(reader, Some(2 * MIB + 3)), Read::Bytes(bytes) if bytes == "xxx"));
    assert!(matches!(fill.read(reader, Some(2 * MIB + 3)), Read::End));
    assert!(!fill.seek(reader, 0));
}
