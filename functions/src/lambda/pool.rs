//! The execution environments of one function: started on demand, one event at a time each, kept while they are of use.
//!
//! An event takes the environment that was idle last. When none is idle, it waits in a bounded queue, and an environment is
//! started unless as many are on their way as events wait. What becomes free goes to whoever waits longest.

use super::alive::Living;
use super::call::{Call, NoCall, execution_failure};
use super::counters::{Counters, Figures};
use super::environment::{Environment, NotStarted, Outcome, Phase, Plan, platform_line};
use super::folder::Folder;
use super::package::Package;
use super::start_failure::{StartEnd, StartFailure};
use crate::function_log::FunctionLog;
use crate::process::Child;
use crate::{Failure, FailureKind};
use bytes::Bytes;
use homefront_config::Lambda;
use homefront_config::limits::{
    LAMBDA_FREEZE_AFTER_MS, LAMBDA_IDLE_S_MAX, LAMBDA_INIT_FAILURES_MAX, LAMBDA_INIT_PAUSE_MS, LAMBDA_QUEUE_EVENTS_MAX,
    LAMBDA_QUEUE_WAIT_MS_MAX,
};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

/// Environments an event is offered to; each of them died before it took the event. A function that leaves behind what ends its process
/// costs every other one, so that a few are not enough.
const OFFERS_MAX: usize = 16;
/// How long a runtime that answered may take to ask for its next event before others are no longer made to wait for it.
const PATIENCE: Duration = Duration::from_millis(40);

/// What a pool may hold. The named limits, but in tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) queue_events_max: usize,
    pub(super) queue_wait_max: Duration,
    pub(super) idle_max: Duration,
    pub(super) freeze_after: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            queue_events_max: LAMBDA_QUEUE_EVENTS_MAX,
            queue_wait_max: Duration::from_millis(LAMBDA_QUEUE_WAIT_MS_MAX),
            idle_max: Duration::from_secs(LAMBDA_IDLE_S_MAX),
            freeze_after: Duration::from_millis(LAMBDA_FREEZE_AFTER_MS),
        }
    }
}

/// The environments of one function. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    plan: Plan,
    bounds: Bounds,
    /// Where environments live; callers may come from other runtimes.
    runtime: Handle,
    state: Mutex<State>,
    living: Living,
    housekeeping: Arc<Notify>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct State {
    /// The one that was used last is the last.
    idle: Vec<Idle>,
    /// Environments that start, run, or wait for an event: at most `concurrency_max`.
    used: usize,
    /// Those of them that are about to become free: they start, or have just answered.
    coming: usize,
    /// Those of them that start: each gives its environment, or its failure, to whoever then waits longest.
    starting: usize,
    waiters: VecDeque<Waiter>,
    /// Of the next waiter.
    ticket: u64,
    /// Of environments that crashed: the next one finds their files, as on Lambda.
    folders: Vec<Folder>,
    /// How many environments were begun: the number of the last one in the log.
    begun: u64,
    /// By process id; they outlive their environment until they are reaped.
    children: HashMap<u32, Arc<Child>>,
    /// When the idle ones are looked at next.
    housekeeping_at: Option<Instant>,
    init_failures: u32,
    init_pause: Option<(Instant, StartFailure)>,
    closed: bool,
    code: Code,
}

#[derive(Debug)]
struct Idle {
    environment: Box<Environment>,
    since: Instant,
}

/// An event that waits for an environment.
#[derive(Debug)]
struct Waiter {
    ticket: u64,
    sender: oneshot::Sender<Result<Lease, NoCall>>,
}

/// An environment on its way to a caller. It goes back when the caller has gone.
#[derive(Debug)]
struct Lease {
    pool: Pool,
    environment: Option<Box<Environment>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(environment) = self.environment.take() {
            self.pool.release(environment);
        }
    }
}

/// A call and the pool it belongs to. When whoever waits for it goes away, it is seen to its end all the same.
struct Running {
    pool: Pool,
    call: Option<Call>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut call) = self.call.take() {
            let pool = self.pool.clone();
            self.pool.0.runtime.spawn(async move {
                let Some(outcome) = call.outcome().await else { return pool.bury(call.abandon()) };
                pool.0.state.lock().coming += 1;
                pool.finish(call, &outcome).await;
            });
        }
    }
}

impl Pool {
    /// An empty pool. Needs a tokio runtime, in which its environments will live.
    pub(super) fn new(plan: Plan, bounds: Bounds) -> Self {
        let housekeeping = Arc::new(Notify::new());
        let code = Code { generation: 0, plan: Some(Arc::new(plan.clone())) };
        // Another takes its place when it is saved, and then its files are to go.
        let package = Package::Folder(plan.package.path().to_owned());
        let shared = Arc::new(Shared {
            plan: Plan { package, ..plan },
            bounds,
            runtime: Handle::current(),
            state: Mutex::new(State { code, ..State::default() }),
            living: Living::new(),
            housekeeping: housekeeping.clone(),
            counters: Counters::default(),
        });
        tokio::spawn(housekeeping::keep_house(Arc::downgrade(&shared), housekeeping));
        let pool = Self(shared);
        pool.start_where_needed(&mut pool.0.state.lock());
        pool
    }

    /// The function.
    pub(super) fn plan(&self) -> &Plan {
        &self.0.plan
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// What the function did until now.
    pub(super) fn figures(&self) -> Figures {
        let environments = self.0.state.lock().used as u64;
        self.0.counters.figures(self.0.plan.lambda.memory_mb, environments)
    }

    /// Runs one event; gives the request id and what came of it.
    pub(super) async fn call(&self, event: &Bytes) -> Result<(String, Outcome), NoCall> {
        let (call, outcome) = self.run(event).await?;
        let request_id = call.request_id().to_owned();
        // The caller need not wait for log lines and the runtime's next breath.
        let (pool, ended_as) = (self.clone(), outcome.without_result());
        self.0.runtime.spawn(async move { pool.finish(call, &ended_as).await });
        Ok((request_id, outcome))
    }

    /// Like [`Pool::call`], but returns only when the REPORT line is written.
    pub(super) async fn call_to_end(&self, event: &Bytes) -> Result<(String, Outcome), NoCall> {
        let (call, outcome) = self.run(event).await?;
        let request_id = call.request_id().to_owned();
        self.finish(call, &outcome).await;
        Ok((request_id, outcome))
    }

    /// Hands an event over until an environment has seen it; what came of it is for [`Pool::finish`].
    async fn run(&self, event: &Bytes) -> Result<(Call, Outcome), NoCall> {
        for _ in 0..OFFERS_MAX {
            let mut running = Running { pool: self.clone(), call: Some(self.begin(event).await?) };
            let Some(call) = &mut running.call else { break };
            let outcome = call.outcome().await;
            let Some(call) = running.call.take() else { break };
            if let Some(outcome) = outcome {
                self.0.state.lock().coming += 1;
                return Ok((call, outcome));
            }
            self.bury(call.abandon());
        }
        Err(self.untaken())
    }

    fn untaken(&self) -> NoCall {
        let what = format!("{OFFERS_MAX} environments ended before they took the event");
        execution_failure(&self.0.plan.lambda, &what).into()
    }

    async fn begin(&self, event: &Bytes) -> Result<Call, NoCall> {
        for _ in 0..OFFERS_MAX {
            let mut lease = self.acquire().await?;
            if let Some(environment) = &mut lease.environment {
                environment.thaw().await;
            }
            let Some(environment) = lease.environment.take() else { continue };
            match environment.call(&self.0.plan, event.clone()) {
                Ok(call) => return Ok(call),
                Err(dead) => self.bury(dead),
            }
        }
        Err(self.untaken())
    }

    async fn acquire(&self) -> Result<Lease, NoCall> {
        let mut dead = Vec::new();
        let found = self.look_up(&mut dead);
        for idle in dead {
            self.bury(idle.environment);
        }
        let (ticket, mut waiting) = match found? {
            Found::Idle(lease) => return Ok(lease),
            Found::Wait(ticket, waiting) => (ticket, waiting),
        };
        let given = match timeout(self.0.bounds.queue_wait_max, &mut waiting).await {
            Ok(given) => given,
            // A start has a time limit of its own, and its end is this event's answer.
            Err(_) if self.is_started_for(ticket) => waiting.await,
            Err(_) => {
                let seconds = self.0.bounds.queue_wait_max.as_secs_f64();
                return Err(self.limit_exceeded(&format!("no environment became free within {seconds:.2} s")));
            }
        };
        given.unwrap_or_else(|_| Err(self.stopping()))
    }

    /// Whether so many environments start that this event gets what becomes of one of them, or has got it by now.
    fn is_started_for(&self, ticket: u64) -> bool {
        let state = self.0.state.lock();
        let mut waiters = state.waiters.iter().filter(|waiter| !waiter.sender.is_closed());
        waiters.position(|waiter| waiter.ticket == ticket).is_none_or(|before| before < state.starting)
    }

    fn look_up(&self, dead: &mut Vec<Idle>) -> Result<Found, NoCall> {
        let mut state = self.0.state.lock();
        if state.closed {
            return Err(self.stopping());
        }
        while let Some(idle) = state.idle.pop() {
            if idle.environment.is_usable() {
                return Ok(Found::Idle(self.lease(idle.environment)));
            }
            dead.push(idle);
        }
        if let (0, Some((until, failure))) = (state.used, &state.init_pause)
            && Instant::now() < *until
        {
            return Err(NoCall::not_started(&self.0.plan.lambda, failure));
        }
        if state.waiters.len() >= self.0.bounds.queue_events_max {
            state.waiters.retain(|waiter| !waiter.sender.is_closed());
        }
        if state.waiters.len() >= self.0.bounds.queue_events_max {
            let busy = match state.used {
                1 => "1 environment is busy".to_owned(),
                used => format!("{used} environments are busy"),
            };
            let what = format!("{busy} and {} events wait", state.waiters.len());
            return Err(self.limit_exceeded(&what));
        }
        let (sender, waiting) = oneshot::channel();
        let ticket = state.ticket;
        state.ticket += 1;
        state.waiters.push_back(Waiter { ticket, sender });
        self.start_where_needed(&mut state);
        Ok(Found::Wait(ticket, waiting))
    }

    /// Starts environments until as many are on their way as events wait and as many are there as are provisioned, or the
    /// function has all it may have. A function whose last start failed is started for events only.
    fn start_where_needed(&self, state: &mut State) {
        let Lambda { concurrency_max, provisioned_concurrency, .. } = self.0.plan.lambda;
        let provisioned = if state.init_failures == 0 { provisioned_concurrency } else { 0 };
        while !state.closed
            && state.used < concurrency_max
            && (state.coming < state.waiters.len() || state.used < provisioned)
        {
            state.used += 1;
            state.coming += 1;
            state.starting += 1;
            self.0.runtime.spawn(self.clone().start_one());
        }
    }

    async fn start_one(self) {
        let mut started = self.start_environment(Phase::Init).await;
        if started.is_err() && self.is_waited_for() {
            started = self.start_environment(Phase::Invoke).await;
        }
        let mut state = self.0.state.lock();
        state.coming -= 1;
        state.starting -= 1;
        let failure = match started {
            Ok(environment) => {
                state.init_failures = 0;
                drop(state);
                self.release(environment);
                // After a failed start none was made for the provision alone.
                return self.start_where_needed(&mut self.0.state.lock());
            }
            Err(failure) => failure,
        };
        state.used -= 1;
        state.init_failures += 1;
        if state.init_failures >= LAMBDA_INIT_FAILURES_MAX {
            let until = Instant::now() + Duration::from_millis(LAMBDA_INIT_PAUSE_MS);
            let remark = format!("not started again for {LAMBDA_INIT_PAUSE_MS} ms");
            state.init_pause = Some((until, failure.with_remark(&remark)));
        }
        // One start, one event that fails with it, as on Lambda.
        while let Some(waiter) = state.waiters.pop_front() {
            if waiter.sender.send(Err(NoCall::not_started(&self.0.plan.lambda, &failure))).is_ok() {
                break;
            }
        }
        self.start_where_needed(&mut state);
        Self::empty_if_closed(state);
    }

    /// Starts a process; `Err` says why it is not there.
    async fn start_environment(&self, phase: Phase) -> Result<Box<Environment>, StartFailure> {
        let alive = self.0.living.token();
        let (kept, code, number) = {
            let mut state = self.0.state.lock();
            state.begun += 1;
            (state.folders.pop(), state.code.clone(), state.begun)
        };
        let plan = code.plan.as_deref().unwrap_or(&self.0.plan);
        let log = plan.log.of_environment(number);
        let started = match kept.map_or_else(Folder::create, Ok) {
            Ok(folder) => {
                let keep = |child: &Arc<Child>| self.watch(child, log.clone());
                Environment::start(plan, code.generation, phase, folder, alive, &log, keep).await
            }
            Err(error) => return Err(StartEnd::NoFolder(error).failure(plan, Duration::ZERO)),
        };
        match started {
            Ok(environment) => {
                self.0.counters.started(environment.start_took());
                Ok(environment)
            }
            Err(NotStarted { failure, folder }) => {
                self.0.counters.start_failed();
                let mut state = self.0.state.lock();
                if state.code.generation == code.generation {
                    state.folders.extend(folder);
                } else {
                    // Nothing of the older code's files is left to the newer.
                    self.0.runtime.spawn_blocking(move || drop(folder));
                }
                drop(state);
                Err(failure)
            }
        }
    }

    /// Whether an event waits for a start that failed: it is tried once more for it, as on Lambda.
    fn is_waited_for(&self) -> bool {
        let state = self.0.state.lock();
        !state.closed && state.waiters.iter().any(|waiter| !waiter.sender.is_closed())
    }

    /// Keeps a child in sight until it is reaped, and tells of what it left running.
    fn watch(&self, child: &Arc<Child>, log: FunctionLog) {
        let mut state = self.0.state.lock();
        state.children.insert(child.id(), child.clone());
        if state.closed {
            child.kill();
        }
        drop(state);
        let pool = Arc::downgrade(&self.0);
        let (child, alive) = (child.clone(), self.0.living.token());
        self.0.runtime.spawn(async move {
            child.wait().await;
            let left = child.left_running();
            if left > 0 {
                let processes = if left == 1 { "1 process".to_owned() } else { format!("{left} processes") };
                log.line(&platform_line(&format!("an environment ended, and with it {processes} that it had started")));
            }
            if let Some(pool) = pool.upgrade() {
                pool.state.lock().children.remove(&child.id());
            }
            drop(alive);
        });
    }

    /// Ends a call and makes its environment free, or buries it. It counts as coming until then.
    async fn finish(&self, call: Call, outcome: &Outcome) {
        let duration = call.duration();
        let mut finished = call.finish(&self.0.plan, outcome);
        let (Ok(environment) | Err(environment)) = &finished;
        self.0.counters.call(duration, environment.memory_used_mb_max());
        let (mut ready, mut is_spent) = (false, false);
        if let Ok(environment) = &mut finished {
            ready = environment.is_ready_again(PATIENCE).await;
            is_spent = environment.holds_too_much(&self.0.plan.lambda).await;
        }
        self.0.state.lock().coming -= 1;
        match finished {
            Ok(environment) if is_spent => self.bury(environment),
            Ok(environment) if ready => self.release(environment),
            Ok(environment) => {
                // It works on; it does not count as free, so that another may be started in its place.
                self.start_where_needed(&mut self.0.state.lock());
                if environment.is_ready_again(self.0.plan.lambda.timeout).await {
                    self.release(environment);
                } else {
                    self.bury(environment);
                }
            }
            Err(environment) => self.bury(environment),
        }
    }

    /// Gives an environment to whoever waits longest, or lets it idle.
    fn release(&self, environment: Box<Environment>) {
        self.put_by(environment, Instant::now());
    }

    /// The same, of one that has idled since then.
    fn put_by(&self, environment: Box<Environment>, since: Instant) {
        let mut state = self.0.state.lock();
        if !Self::is_current(&state, &environment) {
            drop(state);
            return self.bury(environment);
        }
        let mut lease = self.lease(environment);
        while let (false, Some(waiter)) = (state.closed, state.waiters.pop_front()) {
            match waiter.sender.send(Ok(lease)) {
                Err(Ok(unwanted)) => lease = unwanted,
                Ok(()) | Err(Err(_)) => return,
            }
        }
        let Some(environment) = lease.environment.take() else { return };
        if state.closed {
            drop(state);
            return self.bury(environment);
        }
        let look_at = since + if environment.is_frozen() { self.0.bounds.idle_max } else { self.0.bounds.freeze_after };
        let place = state.idle.partition_point(|idle| idle.since <= since);
        state.idle.insert(place, Idle { environment, since });
        if state.housekeeping_at.is_none_or(|at| at > look_at) {
            state.housekeeping_at = Some(look_at);
            self.0.housekeeping.notify_one();
        }
    }

    /// Ends an environment that is of no use; its folder waits for the next one of the same code.
    fn bury(&self, mut environment: Box<Environment>) {
        environment.child.kill();
        let mut state = self.0.state.lock();
        state.used -= 1;
        if Self::is_current(&state, &environment) {
            state.folders.extend(environment.folder.take());
        } else {
            // With its folder, and its package where it is the last that runs it.
            self.0.runtime.spawn_blocking(move || drop(environment));
        }
        self.start_where_needed(&mut state);
        Self::empty_if_closed(state);
    }

    /// After a stop nobody takes folders over.
    fn empty_if_closed(mut state: parking_lot::MutexGuard<'_, State>) {
        let unwanted = if state.closed { std::mem::take(&mut state.folders) } else { Vec::new() };
        drop(state);
        drop(unwanted);
    }

    /// Kills all environments; returns when they are gone and their folders removed.
    pub(super) async fn stop(&self) {
        let (idle, folders) = {
            let mut state = self.0.state.lock();
            state.closed = true;
            state.waiters.clear();
            for child in state.children.values() {
                child.kill();
            }
            (std::mem::take(&mut state.idle), std::mem::take(&mut state.folders))
        };
        let emptied = tokio::task::spawn_blocking(move || drop((idle, folders)));
        let _ = emptied.await;
        self.0.living.gone().await;
    }

    fn lease(&self, environment: Box<Environment>) -> Lease {
        Lease { pool: self.clone(), environment: Some(environment) }
    }

    fn stopping(&self) -> NoCall {
        execution_failure(&self.0.plan.lambda, "the node is stopping").into()
    }

    fn limit_exceeded(&self, what: &str) -> NoCall {
        let Plan { lambda, .. } = &self.0.plan;
        let detail = format!("lambda \"{}\": {what}; concurrency_max is {}", lambda.name, lambda.concurrency_max);
        Failure { kind: FailureKind::LambdaLimitExceeded, sentence: None, detail }.into()
    }
}

enum Found {
    Idle(Lease),
    /// Its ticket, and where it is given an environment.
    Wait(u64, oneshot::Receiver<Result<Lease, NoCall>>),
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.housekeeping.notify_one();
    }
}

mod housekeeping;
mod replace;
use replace::Code;

#[cfg(test)]
#[path = "pool/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "pool/start_tests.rs"]
mod start_tests;
