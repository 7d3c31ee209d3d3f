//! The engine: loads functions and calls them, each call from a clean state.

mod cpu_clock;
mod loaded;

use super::LoadError;
use super::fault::Fault;
use super::kvs::Snapshot;
use super::outcome::Decision;
use super::realm::Printed;
use super::{garbage, json};
use crate::{EventContext, OriginEdit, Request, RequestEdit, Response, ResponseEdit, Verdict};
use boa_engine::{Context, JsValue};
pub(super) use cpu_clock::Beginning;
use cpu_clock::{CpuClock, thread_cpu_us};
use homefront_config::function::{Fidelity, FunctionRuntime};
use loaded::{Loaded, OPEN_CONTEXTS_READY, Shared};
use std::sync::Arc;
use std::time::Instant;

/// A function as it is loaded.
#[derive(Debug, Clone)]
pub struct FunctionSource {
    /// For messages.
    pub name: String,
    /// Which of CloudFront's two runtimes.
    pub runtime: FunctionRuntime,
    /// How closely to CloudFront's engine.
    pub fidelity: Fidelity,
    /// The JavaScript, at most `FUNCTION_CODE_BYTES_MAX` bytes.
    pub code: String,
    /// The store that `cf.kvs()` reads.
    pub store: Option<Arc<Snapshot>>,
}

/// A loaded function, valid for the engine that loaded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FunctionId(pub(crate) u32);

/// What loading a function found out, so that the same source need not be judged again in another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// It changes built-ins on purpose.
    pub modifies_built_ins: bool,
    /// What its top level throws, which it does in each call before there is a handler.
    pub throws: Option<LoadError>,
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
    /// What it gave to `cf.logCustomData`: at most `FUNCTION_LOG_DATA_BYTES_MAX` bytes, not encoded.
    pub log_data: Option<Box<str>>,
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
pub struct Engine {
    functions: Vec<Loaded>,
    shared: Vec<Shared>,
    clock: CpuClock,
    /// See [`Engine::lacks_contexts`].
    lacks_contexts: bool,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine without functions.
    pub fn new() -> Self {
        garbage::raise_threshold();
        Self { functions: Vec::new(), shared: Vec::new(), clock: CpuClock::default(), lacks_contexts: false }
    }

    /// Compiles a function and prepares its context.
    pub fn load(&mut self, source: FunctionSource) -> Result<FunctionId, LoadError> {
        let loaded = Loaded::new(source, &mut self.shared)?;
        self.functions.push(loaded);
        Ok(FunctionId(self.functions.len() as u32 - 1))
    }

    /// Compiles a function that was loaded before, somewhere: a third of the work.
    pub fn load_proven(&mut self, source: FunctionSource, proof: Proof) -> Result<FunctionId, LoadError> {
        let loaded = Loaded::proven(source, proof, &mut self.shared)?;
        self.functions.push(loaded);
        Ok(FunctionId(self.functions.len() as u32 - 1))
    }

    /// What loading a function found out.
    pub fn proof(&self, id: FunctionId) -> Proof {
        let throws = self.functions[id.0 as usize].throws.clone();
        Proof { modifies_built_ins: self.modifies_built_ins(id), throws }
    }

    /// Compiles newer code in place of a function's. On an error the function is what it was.
    pub fn replace(&mut self, id: FunctionId, source: FunctionSource) -> Result<(), LoadError> {
        self.functions[id.0 as usize] = Loaded::new(source, &mut self.shared)?;
        Ok(())
    }

    /// Whether two functions run in one context.
    #[cfg(test)]
    pub(super) fn shares_context(&self, one: FunctionId, other: FunctionId) -> bool {
        self.functions[one.0 as usize].shared == self.functions[other.0 as usize].shared
    }

    /// Gives a function a newer store; the next call sees it.
    pub fn replace_store(&mut self, id: FunctionId, store: Arc<Snapshot>) {
        self.functions[id.0 as usize].store = Some(store);
    }

    /// Whether the function changes built-ins, which makes its calls several times as dear. The start-up log says so.
    pub fn modifies_built_ins(&self, id: FunctionId) -> bool {
        self.functions[id.0 as usize].modifies_built_ins()
    }

    /// Calls a function.
    pub fn call(&mut self, id: FunctionId, call: &Call<'_>) -> CallResult {
        let began = self.begin(Instant::now());
        self.call_since(id, call, began)
    }

    /// The process was forked: its clocks began anew.
    pub(super) fn is_another_process(&mut self) {
        self.clock = CpuClock::default();
    }

    /// The thread of this engine turns to a call.
    pub(super) fn begin(&mut self, at: Instant) -> Beginning {
        self.clock.begin(at)
    }

    /// Calls a function for which this thread has been at work for a moment already.
    pub(super) fn call_since(&mut self, id: FunctionId, call: &Call<'_>, began: Beginning) -> CallResult {
        let function = &mut self.functions[id.0 as usize];
        // What changes built-ins has contexts of its own.
        let runs_shared = !function.modifies_built_ins();
        let (result, printed) = function.call(&mut self.shared, call, None);
        self.lacks_contexts |= runs_shared && self.shared[function.shared].is_lacked();
        let outcome = match result {
            Ok(Decision::Request(edit)) => Outcome::Request(Verdict::Continue(edit)),
            Ok(Decision::Respond(response)) => Outcome::Request(Verdict::Respond(response)),
            Ok(Decision::Response(edit)) => Outcome::Response(Verdict::Continue(edit)),
            Err(fault) => {
                let failure = fault.into_failure(&function.name);
                match call.event_type {
                    EventType::ViewerRequest => Outcome::Request(Verdict::Fail(failure)),
                    EventType::ViewerResponse => Outcome::Response(Verdict::Fail(failure)),
                }
            }
        };
        let Printed { logs, log_data } = printed;
        CallResult { outcome, logs, log_data, cpu_us: self.clock.cpu_us_since(began) }
    }

    /// Calls a function and keeps what it returned, for TestFunction.
    pub(crate) fn examine(&mut self, id: FunctionId, call: &Call<'_>) -> Examination {
        let started_us = thread_cpu_us();
        let mut returned = None;
        let mut keep = |value: &JsValue, context: &mut Context| {
            returned = json::stringify(value, context);
        };
        let function = &mut self.functions[id.0 as usize];
        let (result, Printed { logs, .. }) = function.call(&mut self.shared, call, Some(&mut keep));
        let cpu_us = thread_cpu_us().saturating_sub(started_us);
        let (origin, fault) = match result {
            Ok(Decision::Request(edit)) => (edit.origin, None),
            Ok(_) => (None, None),
            Err(fault) => (None, Some(fault)),
        };
        Examination { returned, origin, fault, logs, cpu_us }
    }

    /// Whether a call used up what other functions run in: the next call of one would have to prepare it.
    pub(super) fn lacks_contexts(&self) -> bool {
        self.lacks_contexts
    }

    /// Frees what calls left behind and prepares what they used up. For the time between calls: it takes about a tenth
    /// of a millisecond a function.
    pub fn collect_garbage(&mut self) {
        self.tidy(OPEN_CONTEXTS_READY);
    }

    /// The same while calls wait: a function that changes built-ins gets one context back, not all.
    pub fn collect_garbage_in_a_hurry(&mut self) {
        self.tidy(1);
    }

    /// What calls left behind goes first: a call that has used nearly all the memory it may is not to end the process that makes room.
    fn tidy(&mut self, open_contexts: usize) {
        boa_gc::force_collect();
        for (id, function) in self.functions.iter_mut().enumerate() {
            function.tidy(FunctionId(id as u32), &mut self.shared, open_contexts);
        }
        self.lacks_contexts = false;
    }
}

/// What [`Engine::examine`] gives.
pub(crate) struct Examination {
    /// The returned value in JSON, as `JSON.stringify` gives it.
    pub(crate) returned: Option<String>,
    /// Where it sends the request, if not to its behavior's origin.
    pub(crate) origin: Option<Box<OriginEdit>>,
    /// Why there is no decision.
    pub(crate) fault: Option<Fault>,
    /// The lines of `console.log`.
    pub(crate) logs: Vec<String>,
    /// CPU time of this thread, microseconds.
    pub(crate) cpu_us: u64,
}
