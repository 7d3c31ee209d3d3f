//! Streams between two sides in one process; the function workers test them between two.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use proptest::prelude::*;

const PATIENCE: Duration = Duration::from_mins(1);

fn ends() -> (NodeEnds, WorkerEnds) {
    let memory = memory().unwrap();
    (NodeEnds::of(&memory).unwrap(), WorkerEnds::of(&memory).unwrap())
}

#[test]
fn bytes_arrive_once_and_in_order_however_often_the_memory_starts_over() {
    let (mut node, mut worker) = ends();
    let piece: Vec<u8> = (0..=250).cycle().take(BYTES as usize / 3 + 7).collect();
    for _ in 0..20 {
        assert_eq!(node.orders.write(&piece), Ok(piece.len()));
        let mut got = Vec::new();
        assert_eq!(worker.orders.read(&mut got), Ok(piece.len()));
        assert_eq!(got, piece);
        assert_eq!(worker.orders.read(&mut got), Ok(0));
    }
}

#[test]
fn a_full_stream_takes_no_more_until_it_is_read() {
    let (mut node, mut worker) = ends();
    let much = vec![7; BYTES as usize + 100];
    assert_eq!(node.orders.write(&much), Ok(BYTES as usize));
    assert_eq!(node.orders.write(&much), Ok(0));
    assert_eq!(node.orders.await_room(), Ok(true));
    let mut got = Vec::new();
    worker.orders.read(&mut got).unwrap();
    assert!(worker.orders.writer_waits(), "it is to be woken");
    assert!(!worker.orders.writer_waits(), "once");
    assert_eq!(node.orders.await_room(), Ok(false));
    assert_eq!(node.orders.write(&much[got.len()..]), Ok(100));
}

#[test]
fn a_sleeper_is_woken_by_what_it_waits_for() {
    let (mut node, mut worker) = ends();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut got = Vec::new();
            while got.len() < 3 {
                if worker.orders.read(&mut got).unwrap() == 0 && worker.orders.await_bytes().unwrap() {
                    assert!(worker.orders.wait(PATIENCE), "nobody woke it");
                }
            }
            assert_eq!(got, [1, 2, 3]);
        });
        for byte in [1, 2, 3] {
            node.orders.write(&[byte]).unwrap();
            node.orders.wake_reader();
        }
    });
}

#[test]
fn two_sides_in_a_hurry_lose_nothing() {
    const PIECES: u32 = 20_000;
    let (mut node, mut worker) = ends();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut got = Vec::new();
            let mut next = 0_u32;
            while next < PIECES {
                if worker.orders.read(&mut got).unwrap() == 0 {
                    if worker.orders.await_bytes().unwrap() {
                        assert!(worker.orders.wait(PATIENCE), "nobody woke it");
                    }
                    continue;
                }
                worker.orders.wake_writer();
                let whole = got.len() / 64 * 64;
                for piece in got[..whole].chunks(64) {
                    assert_eq!(piece, [next.to_le_bytes(); 16].concat());
                    next += 1;
                }
                got.drain(..whole);
            }
        });
        for number in 0..PIECES {
            let piece = [number.to_le_bytes(); 16].concat();
            let mut rest = &piece[..];
            while !rest.is_empty() {
                rest = &rest[node.orders.write(rest).unwrap()..];
                node.orders.wake_reader();
                if !rest.is_empty() && node.orders.await_room().unwrap() {
                    node.orders.wait(PATIENCE);
                }
            }
        }
    });
}

#[test]
fn a_position_that_cannot_be_is_an_error_and_nothing_is_read() {
    let (mut node, worker) = ends();
    worker.answers.word(Word::Written).store(BYTES + 1, Ordering::Release);
    let mut got = Vec::new();
    assert_eq!(node.answers.read(&mut got), Err(Broken));
    assert!(got.is_empty());
    worker.orders.word(Word::Read).store(1, Ordering::Release);
    assert_eq!(node.orders.write(b"x"), Err(Broken));
}

#[test]
fn its_size_cannot_be_changed() {
    let memory = memory().unwrap();
    assert!(rustix::fs::ftruncate(&memory, 0).is_err());
    assert!(rustix::fs::ftruncate(&memory, 1 << 30).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read(steps in prop::collection::vec((0_usize..100_000, any::<bool>()), 1..40)) {
        let (mut node, mut worker) = ends();
        let (mut sent, mut got) = (Vec::new(), Vec::new());
        for (length, reads) in steps {
            let bytes: Vec<u8> = (sent.len()..sent.len() + length).map(|number| (number % 251) as u8).collect();
            let written = worker.answers.write(&bytes).unwrap();
            sent.extend_from_slice(&bytes[..written]);
            if reads {
                node.answers.read(&mut got).unwrap();
            }
        }
        node.answers.read(&mut got).unwrap();
        prop_assert!(sent == got);
    }
}

#[test]
fn what_a_worker_does_between_calls_counts_against_no_call() {
    let (node, worker) = ends();
    worker.turned.set(1_500);
    assert_eq!(node.turned.cpu(), Duration::from_micros(1_500));
    worker.turned.away();
    assert_eq!(Duration::from_hours(1).saturating_sub(node.turned.cpu()), Duration::ZERO);
}
