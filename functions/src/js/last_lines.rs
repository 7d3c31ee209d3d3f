//! What a call has printed, in memory of the node's: it is there still when the call has ended its process, or was ended with it.

use super::frame::Fields;
use super::ring::{Reader, Writer};
use homefront_config::limits::{FUNCTION_LOG_BYTES_MAX, FUNCTION_RING_BYTES};
use std::cell::RefCell;

// The length before each line is as long as four of the shortest lines.
const _: () = assert!(5 * FUNCTION_LOG_BYTES_MAX < FUNCTION_RING_BYTES as usize);

thread_local! {
    /// Of the engine's thread, in a process that may be ended; `None` elsewhere.
    static PRINTED: RefCell<Option<Writer>> = const { RefCell::new(None) };
}

/// Lines of calls on this thread go there from now on, too.
pub(super) fn keep_in(printed: Writer) {
    PRINTED.set(Some(printed));
}

/// Adds a line of the call that runs.
pub(super) fn add(line: &str) {
    PRINTED.with_borrow_mut(|printed| {
        let Some(printed) = printed else { return };
        let length = u32::try_from(line.len()).unwrap_or(u32::MAX).to_le_bytes();
        // There is room for all that a call may print; a node that has broken the memory has itself to blame.
        let _ = printed.write(&length).and_then(|_| printed.write(line.as_bytes()));
    });
}

/// The call is over, and its lines are in its answer.
pub(super) fn forget() {
    PRINTED.with_borrow_mut(|printed| printed.iter_mut().for_each(Writer::start_over));
}

/// What the last call of a process that has ended had printed, as far as that was a log.
pub(super) fn of(printed: &mut Reader) -> Vec<String> {
    let mut bytes = Vec::new();
    let _ = printed.read(&mut bytes);
    let (mut fields, mut lines, mut left) = (Fields::new(&bytes), Vec::new(), FUNCTION_LOG_BYTES_MAX);
    while let Ok(line) = fields.text() {
        let Some(rest) = left.checked_sub(line.len().max(1)) else { break };
        left = rest;
        lines.push(line.to_owned());
    }
    lines
}
