//! What native functions know about the call they run in. One per context, reached through the context's data.

use super::console::Log;
use super::event::CallEvent;
use super::fault::Operations;
use super::kvs::Snapshot;
use crate::OriginEdit;
use boa_engine::{Context, JsNativeError, JsObject, JsResult, JsString, JsSymbol};
use homefront_config::function::FunctionRuntime;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// The state of a context that is not JavaScript's.
pub(super) struct Host {
    pub(super) runtime: FunctionRuntime,
    pub(super) log: RefCell<Log>,
    pub(super) random: Cell<u64>,
    pub(super) store: RefCell<Option<Arc<Snapshot>>>,
    pub(super) event: RefCell<Option<Rc<CallEvent>>>,
    /// Whether it was asked for when there was none.
    pub(super) missed_event: Cell<bool>,
    /// Whether the program caught an error of a write to something frozen.
    pub(super) write_refused: Cell<bool>,
    /// What the last origin helper said: the request's origin, or what is wrong with it.
    pub(super) origin: RefCell<Option<Result<Box<OriginEdit>, String>>>,
    /// What the program gave to the access log.
    pub(super) log_data: RefCell<Option<Box<str>>>,
    /// What `Symbol.for` has given.
    pub(super) symbols: RefCell<HashMap<JsString, JsSymbol>>,
    /// Arrays that `join` is in the middle of, so that a cycle ends.
    pub(super) joining: RefCell<Vec<JsObject>>,
    /// How many conversions to a primitive value are under way, one within the other.
    pub(super) converting: Cell<usize>,
    /// `JSON.stringify` as it was.
    pub(super) stringify: OnceCell<JsObject>,
    /// Prototypes of the objects that modules hand out.
    pub(super) prototypes: RefCell<Prototypes>,
    /// Of the function that runs, to name members in error texts.
    pub(super) source: RefCell<Rc<ProgramText>>,
}

/// What a function was compiled from.
#[derive(Default)]
pub(super) struct ProgramText {
    pub(super) text: Box<str>,
    operations: OnceCell<Rc<Operations>>,
}

impl ProgramText {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.into(), operations: OnceCell::new() }
    }
}

/// Prototypes of native objects, set when their module is made.
#[derive(Default)]
pub(super) struct Prototypes {
    pub(super) hash: Option<JsObject>,
    pub(super) buffer: Option<JsObject>,
    pub(super) store: Option<JsObject>,
}

impl Host {
    pub(super) fn new(runtime: FunctionRuntime) -> Self {
        Self {
            runtime,
            log: RefCell::default(),
            random: Cell::new(1),
            store: RefCell::default(),
            event: RefCell::default(),
            missed_event: Cell::default(),
            write_refused: Cell::default(),
            origin: RefCell::default(),
            log_data: RefCell::default(),
            symbols: RefCell::default(),
            joining: RefCell::default(),
            stringify: OnceCell::default(),
            converting: Cell::default(),
            prototypes: RefCell::default(),
            source: RefCell::default(),
        }
    }

    /// What the source does where. Read when the first error needs it.
    pub(super) fn operations(&self) -> Rc<Operations> {
        let source = self.source.borrow();
        source.operations.get_or_init(|| Rc::new(Operations::of(&source.text, self.runtime))).clone()
    }

    /// The host of a context.
    pub(super) fn of(context: &Context) -> Rc<Self> {
        context.get_data::<Rc<Self>>().expect("every context is made with a host").clone()
    }

    /// The event of the call that runs; an error while a module scope is tried out at load.
    pub(super) fn event_of(context: &Context) -> JsResult<Rc<CallEvent>> {
        let event = Self::of(context).event_if_any();
        event.ok_or_else(|| JsNativeError::typ().with_message("there is no event outside of a call").into())
    }

    /// The same where there may be none.
    pub(super) fn event_if_any(&self) -> Option<Rc<CallEvent>> {
        let event = self.event.borrow().clone();
        if event.is_none() {
            self.missed_event.set(true);
        }
        event
    }

    /// Forgets the last call.
    pub(super) fn clear(&self) {
        self.log.borrow_mut().clear();
        self.event.take();
        self.origin.take();
        self.log_data.take();
        self.symbols.borrow_mut().clear();
        self.joining.borrow_mut().clear();
        self.converting.set(0);
    }
}
