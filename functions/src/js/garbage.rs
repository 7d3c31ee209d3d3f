//! When garbage is collected: between calls, not in them.
//!
//! The collector runs by itself once more than a threshold is allocated, 1 MiB at first. That is the garbage of a few hundred calls,
//! and one of them pays a millisecond for all. Nothing sets the threshold, but a collection raises it that finds most of it in
//! use.

use boa_gc::{Finalize, Gc, Trace};
use homefront_config::limits::{
    FUNCTION_CALLS_BETWEEN_COLLECTIONS_MAX, FUNCTION_CPU_MS_BETWEEN_COLLECTIONS_MAX, FUNCTION_GARBAGE_BYTES_MAX,
};
use std::cell::Cell;
use std::mem::MaybeUninit;

const PIECE_BYTES: usize = 65_536;

/// Memory that is held and never written.
#[derive(Trace, Finalize)]
#[boa_gc(unsafe_empty_trace)]
struct Ballast {
    _bytes: MaybeUninit<[u8; PIECE_BYTES]>,
}

/// What calls have left since garbage was collected last: the collector does not tell, so the time they took stands for it.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    calls: u32,
    cpu_us: u64,
}

impl Garbage {
    /// A call has ended.
    pub(super) fn left_by_call(&mut self, cpu_us: u64) {
        self.calls += 1;
        self.cpu_us += cpu_us;
    }

    pub(super) fn is_there(&self) -> bool {
        self.calls > 0
    }

    /// Whether to collect it now though there is work: later the collector might do it in the middle of a call.
    pub(super) fn is_due(&self) -> bool {
        self.calls >= FUNCTION_CALLS_BETWEEN_COLLECTIONS_MAX
            || self.cpu_us >= FUNCTION_CPU_MS_BETWEEN_COLLECTIONS_MAX * 1_000
    }
}

thread_local! {
    static RAISED: Cell<bool> = const { Cell::new(false) };
}

/// Lets calls on this thread allocate `FUNCTION_GARBAGE_BYTES_MAX` before the collector runs by itself.
pub(super) fn raise_threshold() {
    if RAISED.replace(true) {
        return;
    }
    let pieces = FUNCTION_GARBAGE_BYTES_MAX / PIECE_BYTES;
    let ballast: Vec<_> = (0..pieces).map(|_| Gc::new(Ballast { _bytes: MaybeUninit::uninit() })).collect();
    drop(ballast);
    boa_gc::force_collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    /// Tells when it is collected.
    #[derive(Trace, Finalize)]
    #[boa_gc(unsafe_empty_trace)]
    struct Canary {
        _alive: Rc<()>,
        _bytes: [u8; 1_024],
    }

    #[test]
    fn calls_may_leave_garbage_up_to_the_limit_and_no_more() {
        raise_threshold();
        let alive = Rc::new(());
        let leave = |bytes: usize| {
            for _ in 0..bytes / 1_024 {
                drop(Gc::new(Canary { _alive: alive.clone(), _bytes: [0; 1_024] }));
            }
        };
        leave(FUNCTION_GARBAGE_BYTES_MAX / 4 * 3);
        assert!(Rc::strong_count(&alive) > FUNCTION_GARBAGE_BYTES_MAX / 4 * 3 / 1_024, "nothing was collected");
        leave(FUNCTION_GARBAGE_BYTES_MAX * 2);
        assert!(Rc::strong_count(&alive) < FUNCTION_GARBAGE_BYTES_MAX * 2 / 1_024, "something was");
    }
}
