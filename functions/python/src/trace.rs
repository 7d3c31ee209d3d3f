//! The environment variable with the trace id of the event.
//!
//! `setenv` keeps every value that a variable ever had, and this one changes with each event: it is written over where it lies.

use std::cell::RefCell;

const NAME: &[u8] = b"_X_AMZN_TRACE_ID=";

thread_local! {
    /// Name, value and a NUL, which is a part of the environment. Only the thread of the loop has one.
    static VARIABLE: RefCell<Option<&'static mut [u8]>> = const { RefCell::new(None) };
}

/// What programs that the handler starts find as the trace id. A value with a NUL is none.
pub(crate) fn tell(trace_id: &str) {
    if trace_id.contains('\0') {
        return;
    }
    VARIABLE.with_borrow_mut(|variable| {
        let length = NAME.len() + trace_id.len() + 1;
        match variable {
            // The ids of a node are of one length.
            Some(bytes) if bytes.len() == length => bytes[NAME.len()..length - 1].copy_from_slice(trace_id.as_bytes()),
            _ => {
                let bytes: &'static mut [u8] = [NAME, trace_id.as_bytes(), b"\0"].concat().leak();
                #[allow(unsafe_code, reason = "the environment is the C library's")]
                // SAFETY: it ends with a NUL and lives for ever. Another thread that reads it while it is written over sees a value
                // that is neither, as with `setenv`, and never the end of the allocation: the NUL stays.
                let done = unsafe { libc::putenv(bytes.as_mut_ptr().cast()) };
                *variable = (done == 0).then_some(bytes);
            }
        }
    });
}
