//! A prepared context: built-ins in place and protected, functions compiled in it, ready to be called again and again.

use super::clock::FrozenClock;
use super::event::Accessors;
use super::fault::{self, Fault, Reword};
use super::hooks::Hooks;
use super::host::{Host, ProgramText};
use super::jobs::Jobs;
use super::kvs::Snapshot;
use super::load_error::{LoadError, NO_HANDLER};
use super::outcome::{Decision, Reader};
use super::source::{self, Wrapped};
use super::{Call, allowed, byte_string, conversion, freeze, globals, modules, regexp};
use boa_engine::builtins::promise::PromiseState;
use boa_engine::context::ContextBuilder;
use boa_engine::error::EngineError;
use boa_engine::module::IdleModuleLoader;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::object::builtins::{JsFunction, JsPromise};
use boa_engine::object::shape::Shape;
use boa_engine::{Context, JsError, JsObject, JsResult, JsValue, NativeFunction, Script, Source};
use homefront_config::function::{Fidelity, FunctionRuntime};
use homefront_config::limits::{FUNCTION_LOOP_TURNS_MAX, FUNCTION_RECURSION_MAX, FUNCTION_STACK_VALUES_MAX};
use std::rc::Rc;
use std::sync::Arc;

/// Which engine a function is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edition {
    pub(super) runtime: FunctionRuntime,
    pub(super) fidelity: Fidelity,
}

/// Whether built-ins can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// They cannot, so the context serves any number of calls.
    Frozen,
    /// They can, so the context serves one call.
    Open,
}

/// Whether a context may serve another call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// Nothing is left of the call.
    Clean,
    /// Something may be left: throw it away.
    Spent,
}

/// What a call wrote into logs.
pub(super) struct Printed {
    /// By `console.log`.
    pub(super) logs: Vec<String>,
    /// By `cf.logCustomData`.
    pub(super) log_data: Option<Box<str>>,
}

/// What one call gave.
pub(super) struct Run {
    pub(super) result: Result<Decision, Fault>,
    pub(super) printed: Printed,
    pub(super) afterwards: Afterwards,
    /// Whether a write was refused, as to what is frozen, by an error that the function caught or did not.
    pub(super) write_refused: bool,
}

/// What evaluating a module scope showed.
pub(super) struct Trial {
    /// Whether it changed built-ins.
    pub(super) modifies_built_ins: bool,
    /// Why there is nothing to call; `None`: there is, or it threw before that was known.
    pub(super) uncallable: Option<&'static str>,
    /// What it threw, unless that may be for want of an event.
    pub(super) throws: Option<LoadError>,
}

/// What is said of a source whose handler is something else.
const NO_FUNCTION: &str = "\"handler\" is not a function: write `function handler(event) { … }`";

/// Looks at what a handler returned before it is judged.
pub(super) type Inspect<'a> = &'a mut dyn FnMut(&JsValue, &mut Context);

/// A function as it is compiled in one context, and can run in no other.
pub(super) struct Program {
    wrapper: JsFunction,
    modules: Vec<JsValue>,
    /// What was compiled.
    text: Rc<ProgramText>,
}

/// A context with built-ins, in which functions are compiled and run, one call at a time.
pub(super) struct Realm {
    context: Context,
    host: Rc<Host>,
    accessors: Rc<Accessors>,
    clock: Rc<FrozenClock>,
    jobs: Rc<Jobs>,
    /// Objects of the engine and the host that no property of the global object leads to.
    roots: Vec<JsObject>,
    global: JsObject,
    /// What it is before and after each call.
    global_shape: Shape,
    /// Does nothing; whether it can be called tells how many values are on the engine's stack.
    probe: JsFunction,
    /// So many are there between calls.
    values_at_rest: usize,
}

/// A context with built-ins and host, without a function.
pub(super) fn bare_context(runtime: FunctionRuntime) -> (Context, Rc<FrozenClock>, Rc<Jobs>) {
    let clock = Rc::new(FrozenClock::default());
    let jobs = Rc::new(Jobs::default());
    let mut context = ContextBuilder::new()
        .host_hooks(Rc::new(Hooks))
        .clock(clock.clone())
        .job_executor(jobs.clone())
        .module_loader(Rc::new(IdleModuleLoader))
        .build()
        .expect("a context without modules always builds");
    context.strict(true);
    let limits = context.runtime_limits_mut();
    limits.set_recursion_limit(FUNCTION_RECURSION_MAX);
    limits.set_loop_iteration_limit(FUNCTION_LOOP_TURNS_MAX);
    limits.set_stack_size_limit(FUNCTION_STACK_VALUES_MAX);
    context.insert_data(Rc::new(Host::new(runtime)));
    (context, clock, jobs)
}

impl Realm {
    /// Prepares a context.
    pub(super) fn new(edition: Edition, protection: Protection) -> Result<Self, LoadError> {
        let (mut context, clock, jobs) = bare_context(edition.runtime);
        let roots = Self::prepare(&mut context, edition, protection)
            .map_err(|error| LoadError::of_source(format!("the engine could not be prepared: {error}")))?;
        let global = context.global_object();
        let global_shape = global.borrow().shape().clone();
        let host = Host::of(&context);
        let accessors = context.get_data::<Rc<Accessors>>().expect("prepared above").clone();
        let probe = NativeFunction::from_fn_ptr(|_, _, _| Ok(JsValue::undefined()));
        let probe = FunctionObjectBuilder::new(context.realm(), probe).build();
        let mut realm =
            Self { context, host, accessors, clock, jobs, roots, global, global_shape, probe, values_at_rest: 0 };
        while realm.has_values_left() {
            realm.values_at_rest += 1;
        }
        Ok(realm)
    }

    /// Whether a call has left values on the engine's stack. boa leaves them where an error that cannot be caught goes through its own
    /// code on its way out, as through a getter: calls after it would have less room and in the end none.
    fn has_values_left(&mut self) -> bool {
        self.context.runtime_limits_mut().set_stack_size_limit(self.values_at_rest + 1);
        let called = self.probe.call(&JsValue::undefined(), &[], &mut self.context);
        self.context.runtime_limits_mut().set_stack_size_limit(FUNCTION_STACK_VALUES_MAX);
        called.is_err()
    }

    /// Compiles a function. It leaves nothing in the context but what it gives.
    pub(super) fn compile(&mut self, wrapped: &Wrapped) -> Result<Program, LoadError> {
        let function = compile(wrapped, &mut self.context)?;
        let by_name = |name: &String| modules::by_name(name, &self.context);
        let mut modules: Vec<JsValue> = wrapped.modules.iter().map(by_name).collect();
        if wrapped.catches {
            modules.push(self.context.get_data::<Rc<Reword>>().expect("prepared with it").0.clone().into());
        }
        Ok(Program { wrapper: function, modules, text: Rc::new(ProgramText::new(&wrapped.text)) })
    }

    fn prepare(context: &mut Context, edition: Edition, protection: Protection) -> JsResult<Vec<JsObject>> {
        let Edition { runtime, fidelity } = edition;
        let accessors = Rc::new(Accessors::new(context));
        context.insert_data(accessors.clone());
        globals::install(runtime, context)?;
        let mut roots = modules::install(runtime, context)?;
        roots.extend(accessors.functions().map(|function| JsObject::clone(function)));
        roots.extend(freeze::hidden(context)?);
        let reword = Rc::new(Reword::new(context));
        roots.push(reword.0.clone());
        reword.install_in_promises(context)?;
        context.insert_data(reword);
        if fidelity == Fidelity::Strict {
            if runtime == FunctionRuntime::CloudfrontJs1_0 {
                roots.push(regexp::work_without_flags(context)?);
            }
            conversion::install(context)?;
            allowed::restrict(runtime, context)?;
            accessors.entries.let_shapes_tell();
        }
        if protection == Protection::Frozen {
            freeze::freeze_all(roots.clone(), context)?;
        }
        Ok(roots)
    }

    /// To look at what there is.
    #[cfg(test)]
    pub(super) fn context(&mut self) -> &mut Context {
        &mut self.context
    }

    /// Calls a function that was compiled here once.
    pub(super) fn run(
        &mut self,
        program: &Program,
        call: &Call<'_>,
        store: Option<Arc<Snapshot>>,
        inspect: Option<Inspect<'_>>,
    ) -> Run {
        self.begin(program);
        self.clock.set(call.now_ms);
        self.host.random.set(call.random_seed | 1);
        self.host.store.replace(store);
        self.host.write_refused.set(false);
        let returned = self.handle(program, call);
        // After an inconsistency of the engine's own nothing is certain.
        let inconsistent = matches!(
            &returned,
            Err(Some(error)) if matches!(error.as_engine(), Some(EngineError::Panic(_)))
        );
        let result = match returned {
            Ok(value) => {
                if let Some(inspect) = inspect {
                    inspect(&value, &mut self.context);
                }
                let event = self.host.event.borrow().clone().expect("handle makes an event");
                let mut reader = Reader { event: &event, accessors: &self.accessors, context: &mut self.context };
                reader.decision(&value).and_then(|decision| decision.with_origin(self.host.origin.take()))
            }
            Err(Some(error)) => Err(Fault::thrown(error, &mut self.context)),
            Err(None) => Err(Fault::execution(NO_HANDLER)),
        };
        let printed = Printed { logs: self.host.log.borrow_mut().take(), log_data: self.host.log_data.take() };
        let spent = inconsistent || self.has_values_left() || !self.tidy();
        let afterwards = if spent { Afterwards::Spent } else { Afterwards::Clean };
        let uncaught = matches!(&result, Err(Fault::Execution { text, .. }) if fault::is_refused_write(text));
        Run { result, printed, afterwards, write_refused: uncaught || self.host.write_refused.get() }
    }

    /// A program of this realm is about to run.
    fn begin(&self, program: &Program) {
        byte_string::enter(self.host.runtime);
        self.host.source.replace(program.text.clone());
    }

    /// Runs module scope and handler until it has a value; `Err(None)` = there is no handler.
    fn handle(&mut self, program: &Program, call: &Call<'_>) -> Result<JsValue, Option<JsError>> {
        let event = self.accessors.event(call, &self.host, &mut self.context);
        let undefined = JsValue::undefined();
        let handler = program.wrapper.call(&undefined, &program.modules, &mut self.context)?;
        let handler = handler.as_callable().ok_or(None)?;
        let value = handler.call(&undefined, &[event.into()], &mut self.context)?;
        let Some(promise) = value.as_object().and_then(|object| JsPromise::from_object(object).ok()) else {
            return Ok(value);
        };
        loop {
            match promise.state() {
                PromiseState::Fulfilled(value) => return Ok(value),
                PromiseState::Rejected(reason) => return Err(Some(JsError::from_opaque(reason))),
                PromiseState::Pending if self.jobs.run_next(&mut self.context)? => {}
                PromiseState::Pending => {
                    let error = boa_engine::JsNativeError::error().with_message("the handler's promise never settles");
                    return Err(Some(error.into()));
                }
            }
        }
    }

    /// Evaluates the module scope once, without an event.
    pub(super) fn try_out(&mut self, program: &Program, store: Option<Arc<Snapshot>>) -> Trial {
        self.begin(program);
        self.host.store.replace(store);
        let Ok(before) = freeze::Inventory::take(self.roots.clone(), &mut self.context) else {
            return Trial { modifies_built_ins: true, uncallable: None, throws: None };
        };
        let handler = program.wrapper.call(&JsValue::undefined(), &program.modules, &mut self.context);
        let modifies_built_ins = before.changed(&mut self.context).unwrap_or(true);
        let missed_event = self.host.missed_event.take();
        let (uncallable, throws) = match handler {
            Ok(handler) if handler.is_callable() => (None, None),
            Ok(handler) if handler.is_undefined() => (Some(NO_HANDLER), None),
            Ok(_) => (Some(NO_FUNCTION), None),
            Err(error) => (None, Some(Fault::thrown(error, &mut self.context)).filter(|_| !missed_event)),
        };
        self.tidy();
        Trial { modifies_built_ins, uncallable, throws: throws.map(LoadError::of_top_level) }
    }

    /// Removes what a call left; `false` = it cannot be removed.
    fn tidy(&mut self) -> bool {
        self.jobs.clear();
        self.host.clear();
        self.context.clear_kept_objects();
        let extensible = self.global.is_extensible(&mut self.context).unwrap_or(false);
        let prototype = self.context.intrinsics().constructors().object().prototype();
        if !extensible || self.global.prototype() != Some(prototype) {
            return false;
        }
        let (is_as_before, has_indexed) = {
            let global = self.global.borrow();
            let (shape, before) = (global.shape(), &self.global_shape);
            let is_as_before = shape.is_shared() && shape.to_addr_usize() == before.to_addr_usize();
            (is_as_before, global.properties().index_property_keys().next().is_some())
        };
        if is_as_before && !has_indexed {
            return true;
        }
        // The globals that were there cannot be deleted: what else there is was added.
        let before = self.global_shape.keys();
        let keys = self.global.own_property_keys(&mut self.context).unwrap_or_default();
        let mut added = keys.into_iter().filter(|key| !before.contains(key));
        added.all(|key| self.global.delete_property_or_throw(key, &mut self.context).unwrap_or(false))
    }
}

fn compile(wrapped: &Wrapped, context: &mut Context) -> Result<JsFunction, LoadError> {
    let evaluated = Script::parse(Source::from_bytes(&wrapped.text), None, context)
        .and_then(|script| script.evaluate(context))
        .map_err(|error| source::syntax_error(&error))?;
    let function = evaluated.as_object().and_then(JsFunction::from_object);
    function.ok_or_else(|| LoadError::syntax("the source is not a program", None))
}
