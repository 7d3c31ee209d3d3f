//! Frozen time: a function sees the moment its call began, however long it runs.

use boa_engine::context::Clock;
use boa_engine::context::time::JsInstant;
use std::cell::Cell;

/// A clock that the engine sets before each call.
#[derive(Default)]
pub(super) struct FrozenClock {
    now_ms: Cell<u64>,
}

impl FrozenClock {
    /// Sets the time of the next call.
    pub(super) fn set(&self, now_ms: u64) {
        self.now_ms.set(now_ms);
    }
}

impl Clock for FrozenClock {
    fn now(&self) -> JsInstant {
        let now_ms = self.now_ms.get();
        JsInstant::new(now_ms / 1_000, (now_ms % 1_000) as u32 * 1_000_000)
    }

    fn system_time_millis(&self) -> i64 {
        self.now_ms.get().cast_signed()
    }
}
