//! What a function's log is told of what came to its Runtime API and was good for nothing.

use crate::function_log::FunctionLog;
use crate::lambda::environment::platform_line;
use std::sync::atomic::{AtomicBool, Ordering};

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remark {
    /// What came over a connection was not HTTP.
    NoHttp,
    /// An answer to an event that has one, or that was never here.
    DroppedAnswer,
}

/// Tells each at most once a call, however often it happens: nobody floods a log that way.
#[derive(Debug)]
pub(super) struct Remarks {
    log: FunctionLog,
    no_http: AtomicBool,
    dropped_answer: AtomicBool,
}

impl Remarks {
    pub(super) fn new(log: FunctionLog) -> Self {
        Self { log, no_http: AtomicBool::new(false), dropped_answer: AtomicBool::new(false) }
    }

    /// Another call begins.
    pub(super) fn begin(&self) {
        self.no_http.store(false, Ordering::Relaxed);
        self.dropped_answer.store(false, Ordering::Relaxed);
    }

    pub(super) fn make(&self, remark: Remark) {
        let (is_told, text) = match remark {
            Remark::NoHttp => (&self.no_http, "what came to the Runtime API is not HTTP; that connection is closed"),
            Remark::DroppedAnswer => (
                &self.dropped_answer,
                "an answer was dropped: its event has been answered already, or was never here; the first answer counts",
            ),
        };
        if !is_told.swap(true, Ordering::Relaxed) {
            self.log.line(&platform_line(text));
        }
    }
}
