//! A loaded function and the contexts it runs in: one that all share, one of its own, or a fresh one for each call.

use super::{Call, FunctionId, FunctionSource, LoadError, Proof};
use crate::js::fault::Fault;
use crate::js::kvs::Snapshot;
use crate::js::lint::{self, Finding, Rejected};
use crate::js::outcome::Decision;
use crate::js::realm::{self, Afterwards, Edition, Inspect, Printed, Program, Protection, Realm, Run};
use crate::js::source::{self, Wrapped};
use homefront_config::limits::{FUNCTION_CODE_BYTES_MAX, FUNCTION_FINDINGS_MAX};
use std::sync::Arc;

/// A context with frozen built-ins for all functions of one edition: nothing of a call is left in it for the next, whichever
/// function that is of.
pub(super) struct Shared {
    edition: Edition,
    /// Gone when a call left something behind, until the next is prepared.
    realm: Option<Box<Realm>>,
    /// Which it is: what was compiled in one runs in no other.
    number: u64,
    /// The function it is for, when that one used up too many.
    only_for: Option<FunctionId>,
}

/// A function with the contexts it runs in.
pub(super) struct Loaded {
    pub(super) name: String,
    edition: Edition,
    wrapped: Wrapped,
    pub(super) store: Option<Arc<Snapshot>>,
    contexts: Contexts,
    /// Where [`Contexts::Frozen`] runs, a place among the engine's.
    pub(super) shared: usize,
    /// How many shared contexts it has used up.
    spent: u8,
    /// [`Proof::throws`]
    pub(super) throws: Option<LoadError>,
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
    fn of(proof: &Proof) -> Self {
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

    /// Whether functions lack it that have not used it up.
    pub(super) fn is_lacked(&self) -> bool {
        self.realm.is_none() && self.only_for.is_none()
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
pub(super) const OPEN_CONTEXTS_READY: usize = 4;

/// The shared context of an edition, or the one that a function has for itself.
fn shared_of(edition: Edition, only_for: Option<FunctionId>, shared: &mut Vec<Shared>) -> usize {
    let known = shared.iter().position(|shared| shared.edition == edition && shared.only_for == only_for);
    known.unwrap_or_else(|| {
        shared.push(Shared::new(edition, only_for));
        shared.len() - 1
    })
}

/// Whether a source may have private names (`#x`), which only classes have, and those only where they are no fault. Of a source with
/// more findings than are kept nothing is known.
fn may_have_private_names(code: &str, findings: &[Finding]) -> bool {
    let may_have_class =
        findings.len() >= FUNCTION_FINDINGS_MAX || findings.iter().any(|finding| finding.what == Rejected::Class);
    may_have_class && code.contains('#')
}

impl Loaded {
    pub(super) fn new(source: FunctionSource, shared: &mut Vec<Shared>) -> Result<Self, LoadError> {
        let FunctionSource { name, runtime, fidelity, code, store } = source;
        let edition = Edition { runtime, fidelity };
        if code.len() as u64 > FUNCTION_CODE_BYTES_MAX {
            let message =
                format!("the function has {} bytes; CloudFront takes at most {FUNCTION_CODE_BYTES_MAX}", code.len());
            return Err(LoadError::of_source(message));
        }
        let findings = lint::lint(&code, runtime);
        if let Some(fault) = findings.iter().find(|finding| finding.is_fault(fidelity)) {
            return Err(fault.error());
        }
        let code = code.strip_prefix('\u{feff}').unwrap_or(&code);
        let wrapped = source::wrap(code, runtime, &mut realm::bare_context(runtime).0)?;
        let mut open = Realm::new(edition, Protection::Open)?;
        let program = open.compile(&wrapped)?;
        let trial = open.try_out(&program, store.clone());
        if let Some(why) = trial.uncallable {
            return Err(lint::about("handler", code, why));
        }
        // The global object can be given private fields, which nothing can find or take away again.
        let modifies_built_ins = trial.modifies_built_ins || may_have_private_names(code, &findings);
        let proof = Proof { modifies_built_ins, throws: trial.throws };
        Self::prepared(name, edition, wrapped, store, proof, shared)
    }

    /// A function whose source [`Loaded::new`] has taken before.
    pub(super) fn proven(source: FunctionSource, proof: Proof, shared: &mut Vec<Shared>) -> Result<Self, LoadError> {
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
        let (contexts, shared) = (Contexts::of(&proof), shared_of(edition, None, all));
        let throws = proof.throws;
        let mut loaded = Self { name, edition, wrapped, store, contexts, shared, spent: 0, throws };
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

    pub(super) fn modifies_built_ins(&self) -> bool {
        matches!(self.contexts, Contexts::Open(_))
    }

    /// Between calls: a function that used up too many shared contexts moves to one of its own, and what was used up is prepared.
    pub(super) fn tidy(&mut self, id: FunctionId, all: &mut Vec<Shared>, open_contexts: usize) {
        if self.spent >= SPENT_MAX {
            self.spent = 0;
            if all[self.shared].only_for != Some(id) {
                if let Contexts::Frozen(compiled) = &mut self.contexts {
                    *compiled = None;
                }
                self.shared = shared_of(self.edition, Some(id), all);
            }
        }
        self.prepare(&mut all[self.shared], open_contexts);
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

    pub(super) fn call(
        &mut self,
        all: &mut [Shared],
        call: &Call<'_>,
        mut inspect: Option<Inspect<'_>>,
    ) -> (Result<Decision, Fault>, Printed) {
        if let Contexts::Open(_) = self.contexts {
            let run = self.run_open(call, inspect);
            return (run.result, run.printed);
        }
        let shared = &mut all[self.shared];
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
        if !run.write_refused {
            return (run.result, run.printed);
        }
        // Perhaps it wrote to a built-in, which it may on CloudFront. A call has no effects but its result, so it is done again where
        // that is possible, each time: what a call gives must not depend on those before it. Where it was its own object that refused,
        // the next call need not begin there.
        let again = self.run_open(call, inspect);
        if !again.write_refused || again.result != run.result {
            self.contexts = Contexts::Open(Vec::new());
        }
        (again.result, again.printed)
    }

    fn run_open(&mut self, call: &Call<'_>, inspect: Option<Inspect<'_>>) -> Run {
        let ready = match &mut self.contexts {
            Contexts::Open(ready) => ready.pop(),
            Contexts::Frozen(_) => None,
        };
        let (mut realm, program) = ready.unwrap_or_else(|| self.open());
        realm.run(&program, call, self.store.clone(), inspect)
    }
}
