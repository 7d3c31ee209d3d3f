//! The function workers of one distribution, and how calls get to them.
//!
//! A distribution is a trust domain: its functions share workers with each other and with nobody else. The node knows which
//! call each worker is in; a call beyond its budget ends with its worker, a warm spare takes over at once, and the calls that
//! were behind it run elsewhere.

mod counters;
mod ear;
mod link;
mod renew;
mod roster;
mod sent;
mod stores;
pub(in crate::js) mod talk;
mod template;
mod tend;
mod throttle;
mod trial;

pub use counters::{Counters, Figures};
pub use renew::{Judgement, Newer, Renewed};
pub use trial::Trial;

use super::frame::{Order, OrderedLoad};
use super::kvs::Snapshot;
use super::lint::Finding;
use super::polling::{Experience, Place, Places};
use super::{Call, CallResult, EventType, LoadError, Outcome, Proof};
use crate::process::Spawner;
use crate::{Failure, FailureKind, RequestEdit, ResponseEdit, Verdict};
use homefront_config::Function;
use homefront_config::function::Isolation;
use homefront_config::limits::FUNCTION_QUEUE_WAIT_MS_MAX;
use parking_lot::Mutex;
use roster::{Handed, Job, Roster};
use sent::{Alone, Sent};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use stores::Stores;
use talk::TalkError;
use template::{StartFailure, Started, Template};
use throttle::{Record, Throttle};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;

/// First and longest pause between attempts to start a worker.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// A function as a pool takes it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its configuration.
    pub function: Arc<Function>,
    /// Its JavaScript.
    pub code: String,
    /// Index into the stores of the pool.
    pub store: Option<usize>,
}

/// What a pool is made of.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Starts the processes.
    pub spawner: Spawner,
    /// Our own binary.
    pub executable: PathBuf,
    /// Workers that take calls; one more stands by.
    pub workers: usize,
    /// How many workers may be starting at a time, in all pools that share it: starting is work that calls wait for.
    pub starts: Arc<Semaphore>,
    /// How many calls may look for their answers at a time, in all pools that share it.
    pub places: Arc<Places>,
    /// All functions of the distribution. Those that run inline are compiled here too, once, because a parser that aborts
    /// should not take the node with it.
    pub functions: Vec<Source>,
    /// What they read.
    pub stores: Vec<Arc<Snapshot>>,
}

/// What becomes of a call.
type Reply = Result<CallResult, NoResult>;

/// Why a call has no result, and what it had printed.
#[derive(Debug)]
struct NoResult {
    failure: Failure,
    logs: Vec<String>,
}

impl From<Failure> for NoResult {
    fn from(failure: Failure) -> Self {
        Self { failure, logs: Vec::new() }
    }
}

/// The function workers of one distribution. Dropping it kills them.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    spawner: Spawner,
    executable: PathBuf,
    /// A function that is the same in the pool that takes over is the same here and there.
    functions: Vec<Arc<PooledFunction>>,
    /// How long each of them may take to be compiled if it never was.
    patience: Duration,
    stores: Arc<Stores>,
    roster: Mutex<Roster>,
    /// What workers are forked off, one at a time. `None` = it is to be started.
    template: tokio::sync::Mutex<Option<Template>>,
    /// Workers to have, the spare included; 0 when no function needs any.
    workers: usize,
    starts: Arc<Semaphore>,
    places: Arc<Places>,
    next_id: AtomicU64,
    /// A worker has gone, or the pool closes.
    changed: Notify,
    /// A worker was taken on.
    arrived: Notify,
}

#[derive(Debug)]
struct PooledFunction {
    function: Arc<Function>,
    load: OrderedLoad,
    /// Why it cannot be called at all.
    fault: OnceLock<LoadError>,
    /// What CloudFront's engine would reject in it; set by the first worker that has compiled it.
    findings: OnceLock<Vec<Finding>>,
    /// What the first worker that loaded it found out: the others need not judge it again.
    proof: OnceLock<Proof>,
    /// Whether it ever killed a worker; only then is the lock below worth taking.
    deadly: AtomicBool,
    throttle: Mutex<Throttle>,
    /// Whether it was given up before it had the time it may take: its fault is not the last word.
    is_slow: AtomicBool,
    /// What came of looking for its answers.
    polling: Mutex<Experience>,
    counters: Arc<Counters>,
}

impl Pool {
    /// Starts workers; returns when the first has compiled every function, and goes on starting the others. A function that
    /// does not compile is no error: see [`Pool::fault`].
    pub async fn start(options: PoolOptions) -> io::Result<Self> {
        let PoolOptions { spawner, executable, workers, starts, places, functions, stores } = options;
        let in_process = functions.iter().any(|source| source.function.isolation == Isolation::Process);
        let functions: Vec<_> = functions.into_iter().map(|source| Arc::new(PooledFunction::from(source))).collect();
        let shared = Arc::new(Shared {
            spawner,
            executable,
            roster: Mutex::new(Roster::new(functions.len(), workers.max(1))),
            template: tokio::sync::Mutex::default(),
            functions,
            patience: template::PATIENCE,
            stores: Arc::new(Stores::new(stores)),
            workers: if in_process { workers.max(1) + 1 } else { 0 },
            starts,
            places,
            next_id: AtomicU64::new(0),
            changed: Notify::new(),
            arrived: Notify::new(),
        });
        shared.stores.serve(&shared);
        let first = shared.first_worker().await?;
        Ok(Self::open(shared, first))
    }

    /// Takes calls from now on.
    fn open(shared: Arc<Shared>, first: Started) -> Self {
        let callable = |function: &Arc<PooledFunction>| {
            function.fault.get().is_none() && function.function.isolation == Isolation::Process
        };
        if shared.functions.iter().any(callable) {
            shared.clone().enlist(first);
            tokio::spawn(shared.clone().keep_staffed());
        } else if let Ok(mut template) = shared.template.try_lock() {
            *template = None;
        }
        Self { shared }
    }

    /// Calls a function by its place in [`PoolOptions::functions`].
    pub async fn call(&self, index: usize, call: &Call<'_>) -> CallResult {
        let event_type = call.event_type;
        let function = &self.shared.functions[index];
        match self.shared.clone().call(index, call).await {
            Ok(result) => {
                function.counters.call(&result);
                result
            }
            Err(NoResult { failure, logs }) => {
                function.counters.no_result(failure.kind);
                CallResult { outcome: fail(event_type, failure), logs, log_data: None, cpu_us: 0 }
            }
        }
    }

    /// Why a function cannot be called; `None` when it can.
    pub fn fault(&self, index: usize) -> Option<&LoadError> {
        self.shared.functions[index].fault.get()
    }

    /// What the top level of a function throws in each call, though it can be called.
    pub fn throws(&self, index: usize) -> Option<&LoadError> {
        self.shared.functions[index].throws()
    }

    /// The JavaScript of a function.
    pub fn code(&self, index: usize) -> &str {
        &self.shared.functions[index].load.code
    }

    /// What CloudFront's engine would reject in a function.
    pub fn findings(&self, index: usize) -> &[Finding] {
        self.shared.functions[index].findings.get().map_or(&[], Vec::as_slice)
    }

    /// What a function has done.
    pub fn counters(&self, index: usize) -> &Counters {
        &self.shared.functions[index].counters
    }

    /// Gives all workers a newer store; calls that begin after this see it.
    pub fn replace_store(&self, index: usize, store: &Arc<Snapshot>) {
        self.shared.stores.replace(index, store);
    }

    /// Takes no more calls, fails those that wait, and kills the workers. [`Spawner::all_gone`] waits for their end.
    pub fn stop(&self) {
        let mut roster = self.shared.roster.lock();
        roster.close();
        let waiting = roster.withdraw(|_| true);
        let links: Vec<_> = roster.links().cloned().collect();
        drop(roster);
        for link in links {
            link.child.kill();
        }
        self.shared.refuse(waiting, "the node is stopping");
        self.shared.changed.notify_one();
    }

    /// The process ids of all workers, the spare included.
    pub fn worker_ids(&self) -> Vec<u32> {
        self.shared.roster.lock().links().map(|link| link.child.id()).collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

impl From<Source> for PooledFunction {
    fn from(source: Source) -> Self {
        let load = OrderedLoad {
            name: source.function.name.clone(),
            runtime: source.function.runtime,
            fidelity: source.function.fidelity,
            code: source.code,
            store: source.store.map(|store| store as u32),
        };
        Self::new(source.function, load, Arc::default())
    }
}

impl PooledFunction {
    /// What its top level throws in each call.
    fn throws(&self) -> Option<&LoadError> {
        self.proof.get()?.throws.as_ref()
    }

    /// Whether a worker has compiled it.
    fn is_proven(&self) -> bool {
        self.proof.get().is_some()
    }

    /// What it has done to its workers.
    fn record(&self, now: Instant) -> Record {
        if self.deadly.load(Ordering::Relaxed) { self.throttle.lock().record(now) } else { Record::Clean }
    }

    /// Where a call that begins now may look for its answer, if that is worth it.
    fn place_to_look<'a>(&self, places: &'a Places, now: Instant) -> Option<Place<'a>> {
        if self.polling.lock().advises(now) { places.take() } else { None }
    }
}

impl Shared {
    async fn first_worker(self: &Arc<Self>) -> io::Result<Started> {
        let mut accident = None;
        loop {
            match template::start(self).await {
                Ok(started) => return Ok(started),
                Err(failure) => self.blame(failure, &mut accident)?,
            }
        }
    }

    /// A function that takes the engine with it when it is compiled does not compile; dying twice is no accident. An error: no
    /// function is to blame.
    fn blame(&self, failure: StartFailure, accident: &mut Option<usize>) -> io::Result<()> {
        match failure {
            StartFailure::Function { index, error: TalkError::Ended(_) } if *accident != Some(index) => {
                *accident = Some(index);
            }
            // What has been compiled before is not to blame.
            StartFailure::Function { index, error } if !self.functions[index].is_proven() => {
                let function = &self.functions[index];
                let is_slow = matches!(error, TalkError::Late(_)) && self.patience < template::PATIENCE;
                function.is_slow.store(is_slow, Ordering::Relaxed);
                let message = format!("the engine {error} while it compiled this function");
                let _ = function.fault.set(LoadError::of_source(message));
            }
            StartFailure::Spawn(error) => return Err(error),
            other => return Err(io::Error::other(other)),
        }
        Ok(())
    }

    fn enlist(self: Arc<Self>, started: Started) {
        let link = started.link.clone();
        let open = self.stores.enlist(&started.stores, &link, || {
            let mut roster = self.roster.lock();
            let open = roster.is_open();
            if open {
                roster.enlist(link.clone(), Instant::now());
            }
            open
        });
        // Dropped with everything it holds when the pool has closed meanwhile.
        if open {
            link.flush();
            self.arrived.notify_waiters();
            tokio::spawn(tend::tend(self, started));
        }
    }

    /// Starts workers whenever there are too few, until the pool closes.
    async fn keep_staffed(self: Arc<Self>) {
        self.clone().staff().await;
        // Whoever was starting one is gone.
        *self.template.lock().await = None;
    }

    async fn staff(self: Arc<Self>) {
        let (mut pause, mut pause_ends) = (RETRY_MIN, None);
        let mut starting = JoinSet::new();
        loop {
            let (open, workers) = {
                let roster = self.roster.lock();
                (roster.is_open(), roster.workers())
            };
            if !open {
                return;
            }
            while pause_ends.is_none() && workers + starting.len() < self.workers {
                starting.spawn(self.clone().start_in_turn());
            }
            let resume = async {
                match pause_ends {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            let started = tokio::select! {
                Some(started) = starting.join_next() => started.unwrap_or_else(|error| Err(io::Error::other(error).into())),
                () = self.changed.notified() => continue,
                () = resume => {
                    pause_ends = None;
                    continue;
                }
            };
            match started {
                Ok(started) => {
                    pause = RETRY_MIN;
                    self.clone().enlist(started);
                }
                Err(error) => {
                    // What keeps one from starting keeps those that start with it: one pause for all.
                    if pause_ends.is_none() {
                        tracing::error!(%error, retry_ms = pause.as_millis() as u64, "too few function workers");
                        pause_ends = Some(tokio::time::Instant::now() + pause);
                        pause = (pause * 2).min(RETRY_MAX);
                    }
                    self.despair(starting.is_empty(), &error);
                }
            }
        }
    }

    /// Refuses the calls that wait where there is no worker, and none is being started.
    fn despair(&self, none_is_started: bool, error: &StartFailure) {
        let mut roster = self.roster.lock();
        if none_is_started && roster.workers() == 0 {
            let waiting = roster.withdraw(|_| true);
            drop(roster);
            self.refuse(waiting, &error.to_string());
        }
    }

    async fn start_in_turn(self: Arc<Self>) -> Result<Started, StartFailure> {
        let _turn = self.starts.acquire().await;
        template::start(&self).await
    }

    async fn call(self: Arc<Self>, index: usize, call: &Call<'_>) -> Reply {
        let function = &self.functions[index];
        let name = &function.function.name;
        let now = Instant::now();
        if let Some(fault) = function.fault.get() {
            return Err(throttled_failure(name, &format!("it does not compile: {fault}")).into());
        }
        let record = function.record(now);
        if record == Record::Throttled {
            return Err(throttled_failure(name, "it killed its workers again and again").into());
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut frame = Vec::with_capacity(2_048);
        if !Order::put_call(&mut frame, id, index as u32, record == Record::Suspect, call) {
            return Err(execution_failure(name, "the event is larger than a worker takes").into());
        }
        let (reply, mut answer) = oneshot::channel();
        let job = Job { id, function: index as u32, budget: function.function.budget, frame, reply };
        let place = function.place_to_look(&self.places, now);
        let handed = self.roster.lock().hand_in(job, place.is_some(), now);
        let answer = match handed {
            Handed::Sent(link) => {
                drop(place);
                let sent = Sent { shared: &self, link };
                tokio::task::yield_now().await;
                drop(sent);
                answer.await
            }
            Handed::Alone(link) => {
                let mut alone = Alone::new(&self, link);
                tokio::task::yield_now().await;
                let found = alone.look(function, &mut answer);
                drop((alone, place));
                match found {
                    Some(answer) => Ok(answer),
                    None => answer.await,
                }
            }
            Handed::Waits => {
                // Its own time counts from when a worker turns to it, so this bounds the wait and little more.
                let patience = Duration::from_millis(FUNCTION_QUEUE_WAIT_MS_MAX) + function.function.budget;
                match tokio::time::timeout(patience, answer).await {
                    Ok(answer) => answer,
                    Err(_) => return Err(throttled_failure(name, "no worker was free in time").into()),
                }
            }
            Handed::Full => return Err(throttled_failure(name, "too many calls wait for a worker").into()),
        };
        answer.unwrap_or_else(|_| Err(execution_failure(name, "the node is stopping").into()))
    }

    fn refuse(&self, jobs: Vec<Job>, why: &str) {
        for job in jobs {
            let name = &self.functions[job.function as usize].function.name;
            let _ = job.reply.send(Err(execution_failure(name, why).into()));
        }
    }

    fn note_death(&self, index: u32, what: &str, now: Instant) {
        let function = &self.functions[index as usize];
        let name = &function.function.name;
        tracing::warn!(function = name, "a call ended with its worker: {what}");
        function.deadly.store(true, Ordering::Relaxed);
        if !function.throttle.lock().death(now) {
            return;
        }
        tracing::error!(function = name, "throttled for a while: it killed its workers again and again");
        let waiting = self.roster.lock().withdraw(|job| job.function == index);
        for job in waiting {
            let _ = job.reply.send(Err(throttled_failure(name, "it killed its workers again and again").into()));
        }
    }
}

fn execution_failure(function: &str, what: &str) -> Failure {
    failure(FailureKind::FunctionExecution, function, what)
}

fn throttled_failure(function: &str, what: &str) -> Failure {
    failure(FailureKind::FunctionThrottled, function, what)
}

fn failure(kind: FailureKind, function: &str, what: &str) -> Failure {
    Failure { kind, sentence: None, detail: format!("function \"{function}\": {what}") }
}

/// A failure as the outcome of an event.
pub(in crate::js) fn fail(event_type: EventType, failure: Failure) -> Outcome {
    match event_type {
        EventType::ViewerRequest => Outcome::Request(Verdict::<RequestEdit>::Fail(failure)),
        EventType::ViewerResponse => Outcome::Response(Verdict::<ResponseEdit>::Fail(failure)),
    }
}
