//! What a function's log is told of what came to its Runtime API and was good for nothing.

use crate::function_log::FunctionLog;
use crate::lambda::environment::platform_line;
use homefront_config::limits::LAMBDA_API_PATH_TOLD_BYTES_MAX;
use http::{Method, Uri};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remark<'a> {
    /// What came over a connection was not HTTP.
    NoHttp,
    /// An answer to an event that has one, or that was never here.
    DroppedAnswer,
    /// A request that the Runtime API does not have.
    Unknown(&'a Method, &'a Uri),
}

/// Tells each at most once a call, however often it happens: nobody floods a log that way.
#[derive(Debug)]
pub(super) struct Remarks {
    log: FunctionLog,
    no_http: AtomicBool,
    dropped_answer: AtomicBool,
    unknown: AtomicBool,
}

impl Remarks {
    pub(super) fn new(log: FunctionLog) -> Self {
        Self { log, no_http: false.into(), dropped_answer: false.into(), unknown: false.into() }
    }

    /// Another call begins.
    pub(super) fn begin(&self) {
        for is_told in [&self.no_http, &self.dropped_answer, &self.unknown] {
            is_told.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn make(&self, remark: Remark<'_>) {
        let is_told = match remark {
            Remark::NoHttp => &self.no_http,
            Remark::DroppedAnswer => &self.dropped_answer,
            Remark::Unknown(..) => &self.unknown,
        };
        if !is_told.swap(true, Ordering::Relaxed) {
            self.log.line(&platform_line(&remark.text()));
        }
    }
}

impl Remark<'_> {
    fn text(self) -> Cow<'static, str> {
        match self {
            Self::NoHttp => "what came to the Runtime API is not HTTP; that connection is closed".into(),
            Self::DroppedAnswer => {
                "an answer was dropped: its event has been answered already, or was never here; the first answer counts"
                    .into()
            }
            Self::Unknown(method, uri) => {
                let (method, path) = (told(method.as_str()), told(uri.path()));
                format!("the Runtime API has no {method} {path}: 404").into()
            }
        }
    }
}

/// As much of what a function's process wrote as a line of its log repeats. It has no spaces and line ends, or it would not have been
/// HTTP.
fn told(written: &str) -> Cow<'_, str> {
    match &written[..written.floor_char_boundary(LAMBDA_API_PATH_TOLD_BYTES_MAX)] {
        whole if whole.len() == written.len() => whole.into(),
        start => format!("{start}\u{2026}").into(),
    }
}
