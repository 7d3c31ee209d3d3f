//! `isolation = "inline"`: the same engine in the calling thread, for people who trust their functions and their inputs.
//!
//! Nothing stops a function here: one that loops keeps its thread, one that exhausts memory or the native stack ends the
//! node. What it saves is the way to a worker and back.

use super::garbage::Garbage;
use super::kvs::Snapshot;
use super::pool::{Counters, Source, fail};
use super::{Call, CallResult, Engine, FunctionId, FunctionSource};
use crate::{Failure, FailureKind};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

/// The inline functions of one distribution. Each thread that calls one compiles it for itself, once.
#[derive(Debug)]
pub struct Inline {
    functions: Vec<Arc<Source>>,
    shared: Arc<Shared>,
}

/// What stays when code changes.
#[derive(Debug)]
struct Shared {
    stores: Vec<Mutex<Arc<Snapshot>>>,
    counters: Vec<Counters>,
}

/// The engine of one thread for one distribution.
struct ThreadEngine {
    /// Of whom. When the distribution has gone, so does the engine.
    owner: Weak<Shared>,
    engine: Engine,
    loaded: HashMap<usize, Loaded>,
    garbage: Garbage,
}

struct Loaded {
    id: FunctionId,
    source: Arc<Source>,
    store: Option<Arc<Snapshot>>,
}

thread_local! {
    /// Never dropped with its thread: the engine's collector is thread-local as well and may be gone by then, and an engine
    /// that outlives its collector frees what is freed already.
    static ENGINES: RefCell<ManuallyDrop<Vec<ThreadEngine>>> = const { RefCell::new(ManuallyDrop::new(Vec::new())) };
}

impl Inline {
    /// Functions and the stores they read. Nothing is compiled yet.
    pub fn new(functions: Vec<Source>, stores: Vec<Arc<Snapshot>>) -> Self {
        let counters = functions.iter().map(|_| Counters::default()).collect();
        let stores = stores.into_iter().map(Mutex::new).collect();
        let functions = functions.into_iter().map(Arc::new).collect();
        Self { functions, shared: Arc::new(Shared { stores, counters }) }
    }

    /// The same with newer code of some functions, given by place. Threads compile it when they call it first.
    #[must_use]
    pub fn renewed(&self, code: impl IntoIterator<Item = (usize, String)>) -> Self {
        let mut functions = self.functions.clone();
        for (index, code) in code {
            functions[index] = Arc::new(Source { code, ..Source::clone(&functions[index]) });
        }
        Self { functions, shared: self.shared.clone() }
    }

    /// Calls a function by its place among the functions, here and now.
    pub fn call(&self, index: usize, call: &Call<'_>) -> CallResult {
        let result = ENGINES.with_borrow_mut(|engines| {
            let at = self.engine(engines);
            let called = catch_unwind(AssertUnwindSafe(|| engines[at].call(self, index, call)));
            called.unwrap_or_else(|_| {
                // In no state to go on; the next call makes a new one.
                std::mem::forget(engines.swap_remove(at));
                Err("the engine panicked".to_owned())
            })
        });
        let function = &self.functions[index].function;
        let result = result.unwrap_or_else(|what| {
            let detail = format!("function \"{}\": {what}", function.name);
            let failure = Failure { kind: FailureKind::FunctionExecution, sentence: None, detail };
            CallResult { outcome: fail(call.event_type, failure), logs: Vec::new(), log_data: None, cpu_us: 0 }
        });
        self.shared.counters[index].call(&result);
        result
    }

    /// What a function has done.
    pub fn counters(&self, index: usize) -> &Counters {
        &self.shared.counters[index]
    }

    /// Gives the functions a newer store; calls that begin after this see it.
    pub fn replace_store(&self, index: usize, store: Arc<Snapshot>) {
        *self.shared.stores[index].lock() = store;
    }

    fn engine(&self, engines: &mut Vec<ThreadEngine>) -> usize {
        let owner = Arc::downgrade(&self.shared);
        if let Some(at) = engines.iter().position(|engine| engine.owner.ptr_eq(&owner)) {
            return at;
        }
        engines.retain(|engine| engine.owner.strong_count() > 0);
        let engine = Engine::new();
        engines.push(ThreadEngine { owner, engine, loaded: HashMap::new(), garbage: Garbage::default() });
        engines.len() - 1
    }
}

impl ThreadEngine {
    fn call(&mut self, of: &Inline, index: usize, call: &Call<'_>) -> Result<CallResult, String> {
        let source = &of.functions[index];
        let store = source.store.map(|store| of.shared.stores[store].lock().clone());
        let id = self.load(source, index, store)?;
        let result = self.engine.call(id, call);
        self.garbage.left_by_call(result.cpu_us);
        if self.garbage.is_due() {
            self.collect();
        }
        Ok(result)
    }

    fn collect(&mut self) {
        self.engine.collect_garbage();
        self.garbage = Garbage::default();
    }

    fn load(&mut self, source: &Arc<Source>, index: usize, store: Option<Arc<Snapshot>>) -> Result<FunctionId, String> {
        let known = self.loaded.get_mut(&index);
        if let Some(loaded) = known.filter(|loaded| Arc::ptr_eq(&loaded.source, source)) {
            let same = match (&loaded.store, &store) {
                (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                _ => true,
            };
            if let (false, Some(store)) = (same, store) {
                self.engine.replace_store(loaded.id, store.clone());
                loaded.store = Some(store);
            }
            return Ok(loaded.id);
        }
        let function = FunctionSource {
            name: source.function.name.clone(),
            runtime: source.function.runtime,
            fidelity: source.function.fidelity,
            code: source.code.clone(),
            store: store.clone(),
        };
        let id = match self.loaded.get(&index).map(|older| older.id) {
            Some(id) => self.engine.replace(id, function).map(|()| id),
            None => self.engine.load(function),
        };
        let id = id.map_err(|error| format!("it does not compile: {error}"))?;
        self.loaded.insert(index, Loaded { id, source: source.clone(), store });
        // What compiling left behind, and what was replaced.
        self.collect();
        Ok(id)
    }
}
