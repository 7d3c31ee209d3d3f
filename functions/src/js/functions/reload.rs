//! Saved functions and stores serve while the node runs; what cannot serve leaves the last good version serving.

use super::distribution::{self, DistributionFunctions};
use super::pace::Pace;
use super::trial::{Server, Trials};
use super::{Functions, LoadedStore, read_code};
use crate::aside::aside;
use crate::js::kvs::{self, ImportError, Snapshot};
use crate::js::pool::{Judgement, Newer, Trial};
use crate::watch::Watch;
use homefront_config::limits::RELOADS_AT_ONCE_MAX;
use homefront_config::{Function, KeyValueStore};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

/// Pause after the machine, not the code, was the reason that a version does not serve.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// How long a file may be empty or away before that is told: most writers empty a file, or remove it, and fill it at once.
const BEING_WRITTEN: Duration = Duration::from_millis(30);

/// What became of a file that was saved while the node serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// It serves.
    Serves {
        /// `function "…"` or `key_value_store "…"`
        what: String,
        /// Where it is.
        file: PathBuf,
        /// From when it was seen to have changed.
        took: Duration,
    },
    /// The package of a Lambda@Edge function: environments that start from now on run it. Whether it runs, nobody knows before.
    Taken {
        /// `lambda "…"`
        what: String,
        /// Where it is.
        file: PathBuf,
        /// From when it was seen to have changed.
        took: Duration,
    },
    /// It is again what serves already, after one that could not serve.
    Restored {
        /// `function "…"` or `key_value_store "…"`
        what: String,
        /// Where it is.
        file: PathBuf,
    },
    /// It cannot serve.
    Refused {
        /// What, where and why: every place that is to blame.
        reasons: Vec<String>,
        /// Whether the last good version goes on; there is none of a function that was broken from the start.
        last_good_serves: bool,
    },
    /// It serves, and CloudFront's engine would reject something in it.
    Finding {
        /// Where, what and the way out.
        reason: String,
    },
    /// The machine refused; it is tried again.
    Delayed {
        /// Why.
        reason: String,
    },
}

pub(super) type Tell = Arc<dyn Fn(Reloaded) + Send + Sync>;

/// A saved version of a function.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) code: String,
    function: Arc<Function>,
    seen: Instant,
    /// Several distributions may judge it; one of them tells.
    told: AtomicBool,
    /// Whether the version before it was refused.
    refused: Arc<AtomicBool>,
    trials: Weak<Trials>,
    /// What trying it out alone gave, if that had to be.
    pub(super) trial: OnceLock<Trial>,
}

/// Versions that a distribution has not turned to yet; the newest of each function.
#[derive(Debug, Default)]
pub(super) struct Desk {
    wanted: Mutex<BTreeMap<usize, Arc<Saved>>>,
    bell: Notify,
}

impl Desk {
    pub(super) fn put(&self, index: usize, saved: Arc<Saved>) {
        self.wanted.lock().insert(index, saved);
        self.bell.notify_one();
    }
}

/// A function's file, and who serves it.
struct CodeFile {
    function: Arc<Function>,
    servers: Arc<Vec<Server>>,
    trials: Arc<Trials>,
    /// What was read last, or why it could not be.
    seen: Result<String, String>,
    refused: Arc<AtomicBool>,
}

enum File {
    Code(CodeFile),
    /// Rung when it changes.
    Store(Arc<Notify>),
}

impl Functions {
    /// Lets saved functions and stores serve, for as long as it is polled, and tells of each. It returns only when it cannot
    /// begin.
    pub async fn keep_current(&self, tell: impl Fn(Reloaded) + Send + Sync + 'static) -> io::Error {
        let tell: Tell = Arc::new(tell);
        let mut keepers = JoinSet::new();
        let (paths, mut files): (Vec<_>, Vec<_>) =
            self.code_files(&tell, &mut keepers).into_iter().chain(self.store_files(&tell, &mut keepers)).unzip();
        let watch = match Watch::start(paths) {
            Ok(watch) => watch,
            Err(error) => return error,
        };
        loop {
            for file in watch.changed().await {
                match &mut files[file] {
                    File::Code(file) => file.look(&tell).await,
                    File::Store(bell) => bell.notify_one(),
                }
            }
        }
    }

    fn code_files(&self, tell: &Tell, keepers: &mut JoinSet<()>) -> Vec<(PathBuf, File)> {
        let mut servers: BTreeMap<&str, Vec<Server>> = BTreeMap::new();
        let [turns, trial_turns] = [(); 2].map(|()| Arc::new(Semaphore::new(RELOADS_AT_ONCE_MAX)));
        for distribution in self.distributions.values() {
            let desk = Arc::new(Desk::default());
            for (index, function) in distribution.functions.iter().enumerate() {
                let server = Server { distribution: distribution.clone(), desk: desk.clone(), index };
                servers.entry(&function.name).or_default().push(server);
            }
            keepers.spawn(keep_distribution(distribution.clone(), desk, turns.clone(), tell.clone()));
        }
        let mut files = Vec::new();
        for servers in servers.into_values().map(Arc::new) {
            let trials = Arc::<Trials>::default();
            let file = CodeFile::new(servers.clone(), trials.clone());
            let (turns, tell) = (trial_turns.clone(), tell.clone());
            keepers.spawn(async move { trials.keep(&servers, &turns, &tell).await });
            files.push((file.function.code.clone(), File::Code(file)));
        }
        files
    }

    fn store_files(&self, tell: &Tell, keepers: &mut JoinSet<()>) -> Vec<(PathBuf, File)> {
        let mut files = Vec::new();
        for store in self.stores.values() {
            let bell = Arc::new(Notify::new());
            let distributions = self.distributions.values().cloned().collect();
            keepers.spawn(keep_store(store.clone(), distributions, bell.clone(), tell.clone()));
            files.push((store.config.source.clone(), File::Store(bell)));
        }
        files
    }
}

impl CodeFile {
    fn new(servers: Arc<Vec<Server>>, trials: Arc<Trials>) -> Self {
        let Server { distribution, index, .. } = &servers[0];
        let (function, code) = (distribution.functions[*index].clone(), distribution.code(*index));
        Self { function, servers, trials, seen: Ok(code), refused: Arc::default() }
    }

    async fn look(&mut self, tell: &Tell) {
        let seen = Instant::now();
        let mut read = self.read().await;
        if read.is_err() && read != self.seen {
            tokio::time::sleep(BEING_WRITTEN).await;
            read = self.read().await;
        }
        if read == self.seen {
            return;
        }
        match &read {
            Ok(code) => {
                let saved = Arc::new(Saved {
                    code: code.clone(),
                    function: self.function.clone(),
                    seen,
                    told: AtomicBool::new(false),
                    refused: self.refused.clone(),
                    trials: Arc::downgrade(&self.trials),
                    trial: OnceLock::new(),
                });
                self.trials.saved(saved.clone());
                self.servers.iter().for_each(|server| server.desk.put(server.index, saved.clone()));
            }
            Err(reason) => {
                self.refused.store(true, Ordering::Relaxed);
                tell(Reloaded::Refused { reasons: vec![reason.clone()], last_good_serves: true });
            }
        }
        self.seen = read;
    }

    async fn read(&self) -> Result<String, String> {
        let function = self.function.clone();
        aside(move || read_code(&function))
            .await
            .map_err(|error| error.to_string())
            .and_then(|code| self.not_empty(code))
    }

    /// Some writers empty a file and take their time to fill it.
    fn not_empty(&self, code: String) -> Result<String, String> {
        if code.trim().is_empty() {
            let Function { name, code, .. } = &*self.function;
            return Err(format!("function \"{name}\": {}: it is empty", code.display()));
        }
        Ok(code)
    }
}

/// Turns to one distribution's saved functions, all that are there at a time.
async fn keep_distribution(
    distribution: Arc<DistributionFunctions>,
    desk: Arc<Desk>,
    turns: Arc<Semaphore>,
    tell: Tell,
) {
    let mut paces = Paces::default();
    loop {
        let next = paces.next(&desk.wanted.lock());
        match next {
            // It may ring for another function before.
            Some(at) => drop(tokio::time::timeout_at(at.into(), desk.bell.notified()).await),
            None => desk.bell.notified().await,
        }
        let now = Instant::now();
        let wanted: Vec<_> = desk.wanted.lock().extract_if(.., |index, _| paces.may_go_on(*index, now)).collect();
        let mut newer = Vec::new();
        for (index, saved) in wanted {
            if saved.code != distribution.code(index) {
                newer.push((index, saved));
            } else if saved.refused.swap(false, Ordering::Relaxed) {
                saved.tell(&tell, Reloaded::Restored { what: saved.what(), file: saved.function.code.clone() });
            }
        }
        if newer.is_empty() {
            continue;
        }
        let turn = turns.acquire().await;
        let began = Instant::now();
        let renewed = distribution.renew(&newer).await;
        let took = began.elapsed();
        drop(turn);
        match renewed {
            Ok(judgements) => {
                // Mostly it is what cannot serve that took the time.
                let refused = |judgement: &Judgement| judgement.fault.is_some();
                let any_refused = judgements.iter().any(refused);
                let now = Instant::now();
                for (judgement, (index, saved)) in judgements.into_iter().zip(newer) {
                    if refused(&judgement) || !any_refused {
                        paces.worked(index, now, took);
                    }
                    if judgement.is_slow {
                        saved.is_slow();
                    } else {
                        saved.judged(judgement, &tell);
                    }
                }
            }
            Err(error) => {
                tell(Reloaded::no_workers(&error));
                tokio::time::sleep(RETRY).await;
                let mut wanted = desk.wanted.lock();
                for (index, saved) in newer {
                    wanted.entry(index).or_insert(saved);
                }
                desk.bell.notify_one();
            }
        }
    }
}

/// The pace of each function of a distribution: one that takes long holds up itself, not the others.
#[derive(Default)]
struct Paces(BTreeMap<usize, (Pace, Instant)>);

impl Paces {
    fn worked(&mut self, index: usize, now: Instant, took: Duration) {
        let (pace, until) = self.0.entry(index).or_insert_with(|| (Pace::new(now), now));
        *until = now + pace.rest(now, took);
    }

    fn may_go_on(&self, index: usize, now: Instant) -> bool {
        self.0.get(&index).is_none_or(|(_, until)| *until <= now)
    }

    /// When the first of these may go on.
    fn next(&self, wanted: &BTreeMap<usize, Arc<Saved>>) -> Option<Instant> {
        wanted.keys().map(|index| self.0.get(index).map_or_else(Instant::now, |(_, until)| *until)).min()
    }
}

impl Reloaded {
    pub(super) fn no_workers(error: &io::Error) -> Self {
        Self::Delayed { reason: format!("cannot start function workers: {error}") }
    }
}

impl Saved {
    fn is_slow(self: &Arc<Self>) {
        if let Some(trials) = self.trials.upgrade() {
            trials.ask_for(self);
        }
    }

    pub(super) fn newer(&self, index: usize) -> Newer {
        Newer { index, code: self.code.clone(), trial: self.trial.get().cloned() }
    }

    fn what(&self) -> String {
        format!("function \"{}\"", self.function.name)
    }

    fn tell(&self, tell: &Tell, news: Reloaded) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tell(news);
        }
    }

    fn judged(&self, judgement: Judgement, tell: &Tell) {
        self.refused.store(judgement.fault.is_some(), Ordering::Relaxed);
        if self.told.swap(true, Ordering::Relaxed) {
            return;
        }
        let Judgement { fault, findings, old_serves, .. } = judgement;
        if let Some(fault) = &fault {
            let reasons = distribution::faults(&self.function, fault, &findings);
            tell(Reloaded::Refused { reasons, last_good_serves: old_serves });
            return;
        }
        tell(Reloaded::Serves { what: self.what(), file: self.function.code.clone(), took: self.seen.elapsed() });
        for finding in findings {
            tell(Reloaded::Finding { reason: distribution::located(&self.function, &finding) });
        }
    }
}

/// Turns to one store whenever its file changes.
async fn keep_store(
    store: Arc<LoadedStore>,
    distributions: Vec<Arc<DistributionFunctions>>,
    bell: Arc<Notify>,
    tell: Tell,
) {
    let what = format!("key_value_store \"{}\"", store.config.name);
    let mut pace = Pace::new(Instant::now());
    let mut refusal = None;
    loop {
        bell.notified().await;
        let began = Instant::now();
        let older = store.newest.lock().clone();
        match load(&store.config, &older).await.map_err(|error| error.reasons()) {
            Ok(loaded) => {
                let file = store.config.source.clone();
                if loaded != *older {
                    store.replace(Arc::new(loaded), &distributions);
                    tell(Reloaded::Serves { what: what.clone(), file, took: began.elapsed() });
                } else if refusal.is_some() {
                    tell(Reloaded::Restored { what: what.clone(), file });
                }
                refusal = None;
            }
            Err(reasons) if refusal.as_ref() != Some(&reasons) => {
                refusal = Some(reasons.clone());
                tell(Reloaded::Refused { reasons, last_good_serves: true });
            }
            Err(_) => {}
        }
        tokio::time::sleep(pace.rest(Instant::now(), began.elapsed())).await;
    }
}

/// Reads a store anew; it was created when it was.
async fn load(config: &Arc<KeyValueStore>, older: &Arc<Snapshot>) -> Result<Snapshot, ImportError> {
    let (config, created) = (config.clone(), older.about.created.clone());
    let mut loaded = aside(move || kvs::load(&config)).await?;
    loaded.about.created = created;
    Ok(loaded)
}
