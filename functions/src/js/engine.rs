//! The engine: loads functions and calls them, each call from a clean state.

use super::fault::Fault;
use super::kvs::Snapshot;
use super::outcome::Decision;
use super::realm::{self, Afterwards, Edition, Inspect, Printed, Program, Protection, Realm};
use super::source::{self, Wrapped};
use super::{garbage, json, lint};
use crate::{EventContext, Request, RequestEdit, Response, ResponseEdit, Verdict};
use boa_engine::{Context, JsValue};
use homefront_config::function::{Fidelity, FunctionRuntime};
use homefront_config::limits::FUNCTION_CODE_BYTES_MAX;
use std::sync::Arc;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// It changes built-ins on purpose.
    pub modifies_built_ins: bool,
    /// Its top level throws, which it does in each call before there is a handler.
    pub throws: bool,
}

impl Proof {
    /// As a frame has it.
    pub(super) fn bits(self) -> u8 {
        u8::from(self.modifies_built_ins) | u8::from(self.throws) << 1
    }

    pub(super) fn of_bits(bits: u8) -> Self {
        Self { modifies_built_ins: bits & 1 != 0, throws: bits & 2 != 0 }
    }
}

/// Why a function cannot be loaded. On CloudFront every request of such a function is throttled (503).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// As CloudFront says it, e.g. `SyntaxError: Unexpected token "=>" in 10`.
    pub message: String,
    /// The line of the source it is about, from 1.
    pub line: Option<u32>,
    /// The column in characters, from 1.
    pub column: Option<u32>,
}

impl LoadError {
    /// About the source as a whole.
    pub(super) fn of_source(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: None, column: None }
    }

    /// `SyntaxError: … in 10`
    pub(super) fn syntax(what: &str, line: Option<u32>) -> Self {
        let message = match line {
            Some(line) => format!("SyntaxError: {what} in {line}"),
            None => format!("SyntaxError: {what}"),
        };
        Self { message, line, column: None }
    }

    /// The same with the column it is about.
    #[must_use]
    pub(super) fn in_column(self, column: Option<u32>) -> Self {
        Self { column, ..self }
    }
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
}

/// A context with frozen built-ins for all functions of one edition: nothing of a call is left in it for the next, whichever
/// function that is of.
struct Shared {
    edition: Edition,
    /// Gone when a call left something behind, until the next is prepared.
    realm: Option<Box<Realm>>,
    /// Which it is: what was compiled in one runs in no other.
    number: u64,
    /// The function it is for, when that one used up too many.
    only_for: Option<FunctionId>,
}

/// A function with the contexts it runs in.
struct Loaded {
    name: String,
    edition: Edition,
    wrapped: Wrapped,
    store: Option<Arc<Snapshot>>,
    contexts: Contexts,
    /// Where [`Contexts::Frozen`] runs, a place in [`Engine::shared`].
    shared: usize,
    /// How many shared contexts it has used up.
    spent: u8,
    /// How often a frozen built-in seemed to be in the way and was not.
    vain_retries: u8,
    /// [`Proof::throws`]
    throws: bool,
}

/// How a function gets a clean state for each call.
enum Contexts {
    /// Compiled in a shared context with frozen built-ins; `None` = in none yet.
    Frozen(Option<Compiled>),
    /// The function changes built-ins on purpose: each call uses up a context, prepared between calls.
    Open(Vec<(Realm, Program)>),
}

struct Compiled {
    program: Program,
    /// [`Shared::number`]
    number: u64,
}

impl Contexts {
    /// None yet.
    fn of(proof: Proof) -> Self {
        if proof.modifies_built_ins { Self::Open(Vec::new()) } else { Self::Frozen(None) }
    }
}

impl Shared {
    fn new(edition: Edition, only_for: Option<FunctionId>) -> Self {
        Self { edition, realm: None, number: 0, only_for }
    }

    /// The context, prepared if there is none.
    fn realm(&mut self) -> Result<&mut Realm, LoadError> {
        if self.realm.is_none() {
            self.realm = Some(Box::new(Realm::new(self.edition, Protection::Frozen)?));
        }
        Ok(self.realm.as_mut().expect("it was prepared"))
    }

    /// It is thrown away.
    fn spend(&mut self) {
        self.realm = None;
        self.number += 1;
    }
}

/// After so many contexts that it used up a function gets one for itself: the others must not pay for it.
const SPENT_MAX: u8 = 3;

/// Contexts kept ready for a function that changes built-ins.
const OPEN_CONTEXTS_READY: usize = 4;

/// After so many retries in vain a refused write is taken for the function's own mistake.
const VAIN_RETRIES_MAX: u8 = 3;

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine without functions.
    pub fn new() -> Self {
        garbage::raise_threshold();
        Self { functions: Vec::new(), shared: Vec::new() }
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
        Proof { modifies_built_ins: self.modifies_built_ins(id), throws: self.functions[id.0 as usize].throws }
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
        matches!(self.functions[id.0 as usize].contexts, Contexts::Open(_))
    }

    /// Calls a function.
    pub fn call(&mut self, id: FunctionId, call: &Call<'_>) -> CallResult {
        self.call_since(id, call, thread_cpu_us())
    }

    /// Calls a function for which this thread has been at work since its CPU time was `started_us`.
    pub(super) fn call_since(&mut self, id: FunctionId, call: &Call<'_>, started_us: u64) -> CallResult {
        let function = &mut self.functions[id.0 as usize];
        let (result, printed) = function.call(&mut self.shared[function.shared], call, None);
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
        CallResult { outcome, logs, log_data, cpu_us: thread_cpu_us().saturating_sub(started_us) }
    }

    /// Calls a function and keeps what it returned, for TestFunction.
    pub(crate) fn examine(&mut self, id: FunctionId, call: &Call<'_>) -> Examination {
        let started_us = thread_cpu_us();
        let mut returned = None;
        let mut keep = |value: &JsValue, context: &mut Context| {
            returned = json::stringify(value, context);
        };
        let function = &mut self.functions[id.0 as usize];
        let (result, Printed { logs, .. }) = function.call(&mut self.shared[function.shared], call, Some(&mut keep));
        let cpu_us = thread_cpu_us().saturating_sub(started_us);
        Examination { returned, fault: result.err(), logs, cpu_us }
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

    fn tidy(&mut self, open_contexts: usize) {
        for (id, function) in self.functions.iter_mut().enumerate() {
            if function.spent >= SPENT_MAX {
                function.spent = 0;
                let only_for = Some(FunctionId(id as u32));
                if self.shared[function.shared].only_for != only_for {
                    if let Contexts::Frozen(compiled) = &mut function.contexts {
                        *compiled = None;
                    }
                    function.shared = shared_of(function.edition, only_for, &mut self.shared);
                }
            }
            function.prepare(&mut self.shared[function.shared], open_contexts);
        }
        boa_gc::force_collect();
    }
}

/// What [`Engine::examine`] gives.
pub(crate) struct Examination {
    /// The returned value in JSON, as `JSON.stringify` gives it.
    pub(crate) returned: Option<String>,
    /// Why there is no decision.
    pub(crate) fault: Option<Fault>,
    /// The lines of `console.log`.
    pub(crate) logs: Vec<String>,
    /// CPU time of this thread, microseconds.
    pub(crate) cpu_us: u64,
}

/// The shared context of an edition, or the one that a function has for itself.
fn shared_of(edition: Edition, only_for: Option<FunctionId>, shared: &mut Vec<Shared>) -> usize {
    let known = shared.iter().position(|shared| shared.edition == edition && shared.only_for == only_for);
    known.unwrap_or_else(|| {
        shared.push(Shared::new(edition, only_for));
        shared.len() - 1
    })
}

impl Loaded {
    fn new(source: FunctionSource, shared: &mut Vec<Shared>) -> Result<Self, LoadError> {
        let FunctionSource { name, runtime, fidelity, code, store } = source;
        let edition = Edition { runtime, fidelity };
        if code.len() as u64 > FUNCTION_CODE_BYTES_MAX {
            let message =
                format!("the function has {} bytes; CloudFront takes at most {FUNCTION_CODE_BYTES_MAX}", code.len());
            return Err(LoadError::of_source(message));
        }
        if let Some(fault) = lint::lint(&code, runtime).iter().find(|finding| finding.is_fault(fidelity)) {
            return Err(fault.error());
        }
        let code = code.strip_prefix('\u{feff}').unwrap_or(&code);
        let wrapped = source::wrap(code, runtime, &mut realm::bare_context(runtime).0)?;
        let mut open = Realm::new(edition, Protection::Open)?;
        let program = open.compile(&wrapped)?;
        let trial = open.try_out(&program, store.clone());
        if !trial.has_handler {
            return Err(LoadError::of_source(realm::NO_HANDLER));
        }
        let proof = Proof { modifies_built_ins: trial.modifies_built_ins, throws: trial.throws };
        Self::prepared(name, edition, wrapped, store, proof, shared)
    }

    /// A function whose source [`Loaded::new`] has taken before.
    fn proven(source: FunctionSource, proof: Proof, shared: &mut Vec<Shared>) -> Result<Self, LoadError> {
        let FunctionSource { name, runtime, fidelity, code, store } = source;
        let code = code.strip_prefix('\u{feff}').unwrap_or(&code);
        let wrapped = source::wrap_proven(code, runtime)?;
        Self::prepared(name, Edition { runtime, fidelity }, wrapped, store, proof, shared)
    }

    /// With the contexts of its first calls. An error: it does not compile.
    fn prepared(
        name: String,
        edition: Edition,
        wrapped: Wrapped,
        store: Option<Arc<Snapshot>>,
        proof: Proof,
        all: &mut Vec<Shared>,
    ) -> Result<Self, LoadError> {
        let (contexts, shared) = (Contexts::of(proof), shared_of(edition, None, all));
        let throws = proof.throws;
        let mut loaded = Self { name, edition, wrapped, store, contexts, shared, spent: 0, vain_retries: 0, throws };
        if let Contexts::Frozen(_) = loaded.contexts {
            loaded.compile(&mut all[shared])?;
        }
        loaded.prepare(&mut all[shared], OPEN_CONTEXTS_READY);
        Ok(loaded)
    }

    /// Compiles it in the shared context that there is now.
    fn compile(&mut self, shared: &mut Shared) -> Result<(), LoadError> {
        let program = shared.realm()?.compile(&self.wrapped)?;
        self.contexts = Contexts::Frozen(Some(Compiled { program, number: shared.number }));
        Ok(())
    }

    /// A context for one call.
    fn open(&self) -> (Realm, Program) {
        let opened = Realm::new(self.edition, Protection::Open).and_then(|mut realm| {
            let program = realm.compile(&self.wrapped)?;
            Ok((realm, program))
        });
        opened.expect("it was compiled when it was loaded")
    }

    /// Prepares the contexts of coming calls; of one that changes built-ins at most so many more.
    fn prepare(&mut self, shared: &mut Shared, open_contexts: usize) {
        match &self.contexts {
            Contexts::Frozen(Some(compiled)) if compiled.number == shared.number => {}
            Contexts::Frozen(_) => self.compile(shared).expect("it was compiled when it was loaded"),
            Contexts::Open(ready) => {
                let wanted = OPEN_CONTEXTS_READY.saturating_sub(ready.len()).min(open_contexts);
                let fresh: Vec<_> = (0..wanted).map(|_| self.open()).collect();
                if let Contexts::Open(ready) = &mut self.contexts {
                    ready.extend(fresh);
                }
            }
        }
    }

    fn call(
        &mut self,
        shared: &mut Shared,
        call: &Call<'_>,
        mut inspect: Option<Inspect<'_>>,
    ) -> (Result<Decision, Fault>, Printed) {
        if let Contexts::Open(_) = self.contexts {
            return self.call_open(call, inspect);
        }
        self.prepare(shared, OPEN_CONTEXTS_READY);
        let (Contexts::Frozen(Some(compiled)), Some(realm)) = (&self.contexts, &mut shared.realm) else {
            unreachable!("it was prepared")
        };
        let inspecting = inspect.as_mut().map(|inspect| &mut **inspect as Inspect<'_>);
        let run = realm.run(&compiled.program, call, self.store.clone(), inspecting);
        if run.afterwards == Afterwards::Spent {
            self.spent = self.spent.saturating_add(1);
            self.contexts = Contexts::Frozen(None);
            shared.spend();
        }
        let refused = matches!(&run.result, Err(Fault::Execution { text, .. }) if is_refused_write(text));
        if !refused || self.vain_retries >= VAIN_RETRIES_MAX {
            return (run.result, run.printed);
        }
        // Perhaps it wrote to a built-in, which it may on CloudFront. A call has no effects but its result, so it is done
        // again where that is possible.
        let (result, printed) = self.call_open(call, inspect);
        if result == run.result {
            self.vain_retries += 1;
        } else {
            self.contexts = Contexts::Open(Vec::new());
        }
        (result, printed)
    }

    fn call_open(&mut self, call: &Call<'_>, inspect: Option<Inspect<'_>>) -> (Result<Decision, Fault>, Printed) {
        let ready = match &mut self.contexts {
            Contexts::Open(ready) => ready.pop(),
            Contexts::Frozen(_) => None,
        };
        let (mut realm, program) = ready.unwrap_or_else(|| self.open());
        let run = realm.run(&program, call, self.store.clone(), inspect);
        (run.result, run.printed)
    }
}

/// Whether an error is what a write to something frozen gives.
fn is_refused_write(text: &str) -> bool {
    ["Cannot assign to read-only property", "Cannot redefine property", "Cannot delete", "not extensible"]
        .iter()
        .any(|part| text.contains(part))
}

/// CPU time of this thread, microseconds. A system call: the kernel's fast clocks do not have it.
pub(super) fn thread_cpu_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_nsec.unsigned_abs() / 1_000
}
