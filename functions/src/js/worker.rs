//! A function worker: the process in which the JavaScript of one distribution runs, `homefront function-worker`.
//!
//! boa cannot be interrupted, has no memory limit, and aborts on a failed allocation or an exhausted native stack. So the
//! engine runs here, where the worst a function can do is to end a process that can do nothing but compute.
//!
//! What the node starts is a *template*: it compiles functions, in answer to orders that come over file descriptor 0, a
//! socket, and serves nobody. Workers are forked off it, with everything compiled. Calls then go through memory that a worker
//! shares with the node. Every answer is written before the next call begins, which is how the node knows which call a worker
//! is in.

mod fork;
mod pauses;
mod sandbox;
mod way;

use super::engine::Beginning;
use super::frame::{Answer, Decoder, FrameError, Order, OrderedCall, OrderedLoad, OrderedStore};
use super::garbage::Garbage;
use super::kvs::Snapshot;
use super::lint::lint;
use super::ring::{self, WorkerEnds};
use super::{CallResult, Engine, EventType, FunctionId, FunctionSource, LoadError, Outcome, Proof};
use crate::test_function::{TestResult, test_function};
use crate::{Failure, FailureKind, Verdict};
use homefront_config::limits::{FUNCTION_BRIEF_CALL_US_MAX, FUNCTION_WORKER_STACK_BYTES};
use pauses::Pauses;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use way::{Calls, Prepared};

/// The hidden subcommand that [`run`] serves.
pub const SUBCOMMAND: &str = "function-worker";

/// What Rust's own runtime ends with after a panic.
const EXIT_PANIC: u8 = 101;

/// The whole life of a template, and of each worker from where it was forked. Call it before anything else in `main`: it
/// wants no thread, file or signal handler of the node. The process ends when the node closes the socket.
pub fn run() -> ExitCode {
    let mut stack_bytes = FUNCTION_WORKER_STACK_BYTES;
    let engine = loop {
        let builder = std::thread::Builder::new().name("engine".to_owned()).stack_size(stack_bytes);
        match builder.spawn(live) {
            Ok(engine) => break engine,
            Err(error) if stack_bytes <= FUNCTION_WORKER_STACK_BYTES / 64 => {
                return complain(&format!("cannot reserve {stack_bytes} bytes of stack: {error}"));
            }
            // Strict overcommit, or a small container: deep recursion dies earlier, everything else is the same.
            Err(_) => stack_bytes /= 2,
        }
    };
    // It ends the process.
    let _ = engine.join();
    ExitCode::from(EXIT_PANIC)
}

fn complain(what: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{what}");
    ExitCode::FAILURE
}

/// The engine's thread, which is the only one where it has been forked: nobody waits for its end there.
fn live() {
    let exit_code = match catch_unwind(|| serve(io::stdin().as_fd())) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            let _ = complain(&error.to_string());
            1
        }
        Err(_) => EXIT_PANIC.into(),
    };
    end(exit_code)
}

fn end(exit_code: i32) -> ! {
    #[allow(
        clippy::disallowed_methods,
        reason = "a worker has no children, and its engine must not be dropped after a panic"
    )]
    std::process::exit(exit_code)
}

#[derive(Debug, thiserror::Error)]
enum WorkerError {
    #[error("the node sent {0}")]
    Frame(#[from] FrameError),
    #[error("cannot talk to the node: {0}")]
    Socket(#[from] rustix::io::Errno),
    #[error("cannot talk to the node: {0}")]
    Memory(#[from] io::Error),
    #[error("the node left {0}")]
    Ring(#[from] ring::Broken),
    #[error("cannot lock this worker in: {0}")]
    Seccomp(#[from] seccompiler::Error),
}

fn serve(socket: BorrowedFd<'_>) -> Result<(), WorkerError> {
    // Made before the sandbox closes, in case an allocator or the engine wants to look at the machine.
    let mut worker = Worker::default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let node = rustix::process::getppid().ok_or(rustix::io::Errno::SRCH)?;
    if let Err(error) = pauses::prepare() {
        let _ = complain(&format!("this worker cannot pause while it computes: {error}"));
    }
    let (sandbox, last_step) = sandbox::close();
    way::send_ready(socket, sandbox)?;
    match way::prepare(socket, &mut worker, |files| fork::fork(files, node, &last_step))? {
        Prepared::HungUp => Ok(()),
        Prepared::ForCalls(ends) => {
            // The first write to a page of the template's makes a copy. A collection writes to those of all objects, so that the
            // first call, for which somebody may have waited since a worker died, does not. That takes a while: the spare that
            // has taken the dead one's place has its first calls meanwhile.
            let pauses = Pauses::begin();
            worker.collect();
            drop(pauses);
            way::send_ready(socket, sandbox)?;
            Calls::new(socket, ends, cores).take(&mut worker)
        }
    }
}

/// An answer beyond the bound becomes the failure it is.
fn put_bounded(answer: &Answer, out: &mut Vec<u8>) {
    if answer.put(out) {
        return;
    }
    let detail = "the function gave more than fits into an answer";
    let smaller = match answer {
        Answer::Called(id, result) => Answer::Called(*id, failed(&result.outcome, detail, result.cpu_us)),
        _ => Answer::Tested(Err(detail.to_owned())),
    };
    smaller.put(out);
}

fn failed(outcome: &Outcome, detail: &str, cpu_us: u64) -> CallResult {
    let failure = Failure { kind: FailureKind::FunctionExecution, sentence: None, detail: detail.to_owned() };
    let outcome = match outcome {
        Outcome::Request(_) => Outcome::Request(Verdict::Fail(failure)),
        Outcome::Response(_) => Outcome::Response(Verdict::Fail(failure)),
    };
    CallResult { outcome, logs: Vec::new(), log_data: None, cpu_us }
}

#[derive(Default)]
struct Worker {
    engine: Engine,
    decoder: Decoder,
    functions: HashMap<u32, Loaded>,
    stores: HashMap<u32, Arc<Snapshot>>,
    /// Came over the socket, for stores that are told about.
    files: VecDeque<OwnedFd>,
    garbage: Garbage,
    /// When this thread turned to the call it is in.
    turned: Option<Beginning>,
}

struct Loaded {
    id: FunctionId,
    store: Option<u32>,
    /// Its last call here was over before a pause would have been of use. So may be the next.
    is_brief: bool,
}

impl Worker {
    /// A panic of the engine leaves it in no state to go on: the process ends, and the node sees which call did it.
    fn obey(&mut self, order: Order) -> Option<Answer> {
        if let Ok(answer) = catch_unwind(AssertUnwindSafe(|| self.obey_or_panic(order))) {
            return answer;
        }
        end(EXIT_PANIC.into())
    }

    fn obey_or_panic(&mut self, order: Order) -> Option<Answer> {
        match order {
            Order::Load(number, load) => {
                let findings = lint(&load.code, load.runtime);
                Some(Answer::Loaded(number, self.load(number, load, Engine::load), findings))
            }
            Order::LoadProven(number, load, modifies_built_ins) => {
                let proof = Proof { modifies_built_ins, throws: None };
                let load_proven = |engine: &mut Engine, source| engine.load_proven(source, proof);
                Some(Answer::Loaded(number, self.load(number, load, load_proven), Vec::new()))
            }
            Order::Call(call) => Some(Answer::Called(call.id, self.call(&call))),
            Order::Store(..) | Order::Fork => None,
            Order::Test { load, event_json, now_ms } => Some(Answer::Tested(self.test(load, &event_json, now_ms))),
        }
    }

    /// Takes a store whose memory came over the socket.
    fn take_store(&mut self, number: u32, store: OrderedStore) -> io::Result<()> {
        let memory = self.files.pop_front().ok_or_else(|| io::Error::other("the node sent no memory with a store"))?;
        let store = Arc::new(Snapshot::sent(store, &memory)?);
        for function in self.functions.values().filter(|function| function.store == Some(number)) {
            self.engine.replace_store(function.id, store.clone());
        }
        self.stores.insert(number, store);
        Ok(())
    }

    /// Memory that came over the socket for what a function prints.
    fn memory_to_print_in(&mut self) -> io::Result<ring::Writer> {
        let memory = self.files.pop_front().ok_or_else(|| io::Error::other("the node sent no memory to print in"))?;
        Ok(WorkerEnds::of(memory)?.printed)
    }

    fn source(&self, load: OrderedLoad) -> FunctionSource {
        let store = load.store.and_then(|number| self.stores.get(&number).cloned());
        let OrderedLoad { name, runtime, fidelity, code, .. } = load;
        FunctionSource { name, runtime, fidelity, code, store }
    }

    fn load(
        &mut self,
        number: u32,
        load: OrderedLoad,
        by: impl FnOnce(&mut Engine, FunctionSource) -> Result<FunctionId, LoadError>,
    ) -> Result<Proof, LoadError> {
        let (store, source) = (load.store, self.source(load));
        let id = by(&mut self.engine, source)?;
        self.functions.insert(number, Loaded { id, store, is_brief: false });
        Ok(self.engine.proof(id))
    }

    fn call(&mut self, call: &OrderedCall) -> CallResult {
        let Some(function) = self.functions.get_mut(&call.function) else {
            let nothing = match call.call().event_type {
                EventType::ViewerRequest => Outcome::Request(Verdict::Continue(crate::RequestEdit::default())),
                EventType::ViewerResponse => Outcome::Response(Verdict::Continue(crate::ResponseEdit::default())),
            };
            return failed(&nothing, "the function is not loaded", 0);
        };
        let _pauses = (call.is_suspect || !function.is_brief).then(Pauses::begin);
        let turned = self.turned.unwrap_or_else(|| self.engine.begin(Instant::now()));
        let result = self.engine.call_since(function.id, &call.call(), turned);
        function.is_brief = result.cpu_us <= FUNCTION_BRIEF_CALL_US_MAX;
        self.garbage.left_by_call(result.cpu_us);
        result
    }

    fn test(&mut self, load: OrderedLoad, event_json: &[u8], now_ms: u64) -> Result<TestResult, String> {
        test_function(self.source(load), event_json, now_ms).map_err(|error| error.to_string())
    }

    /// Whether garbage must be collected, or what was used up be prepared, before the next call, idle or not.
    fn collection_is_due(&self) -> bool {
        self.garbage.is_due() || self.engine.lacks_contexts()
    }

    /// Whether there is any garbage. Collecting between calls is what keeps collections out of calls; the best moment is when
    /// nobody waits.
    fn has_garbage(&self) -> bool {
        self.garbage.is_there()
    }

    fn collect_in_a_hurry(&mut self) {
        self.engine.collect_garbage_in_a_hurry();
        self.garbage = Garbage::default();
    }

    fn collect(&mut self) {
        self.engine.collect_garbage();
        self.garbage = Garbage::default();
    }
}
