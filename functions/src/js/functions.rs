//! The CloudFront Functions of a node: for each distribution a pool of workers, and the inline ones.

mod distribution;
mod pace;
mod reload;
mod trial;

pub(super) use distribution::faults;
pub use reload::Reloaded;

use super::kvs::{self, ImportError, Snapshot};
use super::polling::Places;
use super::pool::{Figures, fail};
use super::{Call, CallResult};
use crate::function_log::FunctionLog;
use crate::process::Spawner;
use crate::{Failure, FailureKind};
use distribution::DistributionFunctions;
use homefront_config::limits::FUNCTION_CODE_BYTES_MAX;
use homefront_config::{Config, Distribution, Function, KeyValueStore};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Why functions cannot be started. A function that does not compile is none of these: see [`Functions::faults`].
#[derive(Debug, thiserror::Error)]
pub enum FunctionsError {
    /// A source cannot be read.
    #[error("function \"{function}\": {}: {source}", .file.display())]
    Code {
        /// Of which function.
        function: String,
        /// Where it should be.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A store cannot be loaded.
    #[error(transparent)]
    Store(#[from] ImportError),
    /// Workers cannot be started.
    #[error("distribution {distribution}: cannot start function workers: {source}")]
    Workers {
        /// Its id.
        distribution: String,
        /// Why not.
        source: io::Error,
    },
}

/// The CloudFront Functions of a node, ready to be called.
#[derive(Debug)]
pub struct Functions {
    /// By distribution id. Ids are 14 bytes: hashing one costs less than the event does.
    distributions: HashMap<Box<str>, Arc<DistributionFunctions>>,
    stores: HashMap<String, Arc<LoadedStore>>,
    log: FunctionLog,
}

/// How the workers of all distributions are started.
#[derive(Debug, Clone)]
struct Hiring {
    spawner: Spawner,
    executable: PathBuf,
    /// For each distribution, the spare not counted.
    workers: usize,
    /// How many may be starting at a time.
    starts: Arc<Semaphore>,
    /// How many calls may look for their answers at a time.
    places: Arc<Places>,
}

impl Functions {
    /// Starts a pool for each distribution that uses functions.
    pub async fn start(
        config: &Config,
        spawner: &Spawner,
        executable: PathBuf,
        workers: usize,
        log: FunctionLog,
    ) -> Result<Self, FunctionsError> {
        let cores = std::thread::available_parallelism().map_or(1, Into::into);
        let (starts, places) = (Arc::new(Semaphore::new(cores)), Arc::new(Places::on(cores)));
        let hiring = Hiring { spawner: spawner.clone(), executable, workers, starts, places };
        let mut stores = Stores::default();
        let mut distributions = HashMap::new();
        for distribution in &config.distributions {
            let functions = used(distribution);
            if functions.is_empty() {
                continue;
            }
            let started = DistributionFunctions::start(functions, &mut stores, &hiring).await;
            let started = started.map_err(|error| error.of(&distribution.id))?;
            distributions.insert(distribution.id.as_str().into(), Arc::new(started));
        }
        Ok(Self { distributions, stores: stores.0, log })
    }

    /// Calls a function and writes what it printed to the log.
    pub async fn call(&self, function: &Function, call: &Call<'_>) -> CallResult {
        let id = &*call.context.distribution_id;
        let found =
            self.distributions.get(id).and_then(|distribution| Some((distribution, distribution.index(function)?)));
        let Some((distribution, index)) = found else {
            let detail = format!("function \"{}\" is not associated with distribution {id}", function.name);
            let failure = Failure { kind: FailureKind::FunctionExecution, sentence: None, detail };
            return CallResult { outcome: fail(call.event_type, failure), logs: Vec::new(), log_data: None, cpu_us: 0 };
        };
        let result = distribution.call(index, call).await;
        self.log.call(&function.name, &call.context.request_id, id, &result.logs);
        result
    }

    /// Texts for each function that answers no request, with every place that is to blame, in the order of its source. Its
    /// requests get 503, as on CloudFront: throttled where it does not compile, an execution error where its top level throws.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<_> = self.distributions.values().flat_map(|distribution| distribution.faults()).collect();
        faults.sort_unstable();
        faults.dedup();
        faults.into_iter().flat_map(|(_, texts)| texts).collect()
    }

    /// One text for each thing that fails on CloudFront, or might, in functions that run here, by function and place.
    pub fn findings(&self) -> Vec<String> {
        let mut findings: Vec<_> =
            self.distributions.values().flat_map(|distribution| distribution.findings()).collect();
        findings.sort_by(|(a, x), (b, y)| (&a.name, x.line, x.column).cmp(&(&b.name, y.line, y.column)));
        let mut texts: Vec<_> =
            findings.iter().map(|(function, finding)| distribution::located(function, finding)).collect();
        texts.dedup();
        texts
    }

    /// What each function of each distribution has done: distribution id, name of the function, figures.
    pub fn figures(&self) -> Vec<(&str, &str, Figures)> {
        let mut all = Vec::new();
        for (id, distribution) in &self.distributions {
            all.extend(distribution.figures().map(|(name, figures)| (&**id, name, figures)));
        }
        all
    }

    /// Gives every function that reads the store of that name a newer one; calls that begin after this see it.
    pub fn replace_store(&self, store: &Arc<Snapshot>) {
        if let Some(loaded) = self.stores.get(&store.about.name) {
            loaded.replace(store.clone(), self.distributions.values());
        }
    }

    /// The process ids of all workers, the spares included.
    pub fn worker_ids(&self) -> Vec<u32> {
        self.distributions.values().flat_map(|distribution| distribution.worker_ids()).collect()
    }

    /// Kills all workers. [`Spawner::all_gone`] waits for their end.
    pub fn stop(&self) {
        self.distributions.values().for_each(|distribution| distribution.stop());
    }
}

/// The functions a distribution associates with a behavior, each once.
fn used(distribution: &Distribution) -> Vec<Arc<Function>> {
    let mut functions: Vec<Arc<Function>> = Vec::new();
    for associations in distribution.every_behavior().map(|behavior| &behavior.associations) {
        for function in associations.functions() {
            if !functions.iter().any(|known| known.name == function.name) {
                functions.push(function.clone());
            }
        }
    }
    functions
}

/// [`FunctionsError`] before it is known of which distribution.
enum StartProblem {
    Known(FunctionsError),
    Workers(io::Error),
}

impl StartProblem {
    fn of(self, distribution: &str) -> FunctionsError {
        match self {
            Self::Known(error) => error,
            Self::Workers(source) => FunctionsError::Workers { distribution: distribution.to_owned(), source },
        }
    }
}

impl<E: Into<FunctionsError>> From<E> for StartProblem {
    fn from(error: E) -> Self {
        Self::Known(error.into())
    }
}

/// A store and what was loaded last.
#[derive(Debug)]
struct LoadedStore {
    config: Arc<KeyValueStore>,
    newest: Mutex<Arc<Snapshot>>,
}

impl LoadedStore {
    fn replace<'a>(
        &self,
        newer: Arc<Snapshot>,
        distributions: impl IntoIterator<Item = &'a Arc<DistributionFunctions>>,
    ) {
        distributions.into_iter().for_each(|distribution| distribution.replace_store(&newer));
        *self.newest.lock() = newer;
    }
}

/// Stores that are loaded already, by name: several distributions may read one.
#[derive(Debug, Default)]
struct Stores(HashMap<String, Arc<LoadedStore>>);

impl Stores {
    fn load(&mut self, store: &Arc<KeyValueStore>) -> Result<Arc<Snapshot>, ImportError> {
        if let Some(known) = self.0.get(&store.name) {
            return Ok(known.newest.lock().clone());
        }
        let snapshot = Arc::new(kvs::load(store)?);
        let loaded = LoadedStore { config: store.clone(), newest: Mutex::new(snapshot.clone()) };
        self.0.insert(store.name.clone(), Arc::new(loaded));
        Ok(snapshot)
    }
}

pub(super) fn read_code(function: &Function) -> Result<String, FunctionsError> {
    let refused =
        |source| FunctionsError::Code { function: function.name.clone(), file: function.code.clone(), source };
    let mut code = Vec::new();
    let file = crate::aside::open_file(&function.code).map_err(refused)?;
    file.take(FUNCTION_CODE_BYTES_MAX + 1).read_to_end(&mut code).map_err(refused)?;
    if code.len() as u64 > FUNCTION_CODE_BYTES_MAX {
        let reason = format!("more than {FUNCTION_CODE_BYTES_MAX} bytes, which is all CloudFront takes");
        return Err(refused(io::Error::other(reason)));
    }
    String::from_utf8(code).map_err(|_| refused(io::Error::other("it is not UTF-8 text")))
}
