//! The CloudFront Functions of a node: for each distribution a pool of workers, and the inline ones.

use super::inline::Inline;
use super::kvs::{self, ImportError, Snapshot};
use super::lint::Finding;
use super::pool::{Figures, Pool, PoolOptions, Source, fail};
use super::{Call, CallResult};
use crate::function_log::FunctionLog;
use crate::process::Spawner;
use crate::{Failure, FailureKind};
use homefront_config::function::Isolation;
use homefront_config::limits::FUNCTION_CODE_BYTES_MAX;
use homefront_config::{Config, Distribution, Function};
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

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
    distributions: HashMap<Box<str>, DistributionFunctions>,
    log: FunctionLog,
}

#[derive(Debug)]
struct DistributionFunctions {
    /// In the order of the pool.
    functions: Vec<Arc<Function>>,
    /// Names of the stores, in the pool's order.
    stores: Vec<String>,
    pool: Pool,
    inline: Inline,
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
        let mut stores = Stores::default();
        let mut distributions = HashMap::new();
        for distribution in &config.distributions {
            let functions = used(distribution);
            if functions.is_empty() {
                continue;
            }
            let started =
                DistributionFunctions::start(functions, &mut stores, spawner, executable.clone(), workers).await;
            let started = started.map_err(|error| error.of(&distribution.id))?;
            distributions.insert(distribution.id.as_str().into(), started);
        }
        Ok(Self { distributions, log })
    }

    /// Calls a function and writes what it printed to the log.
    pub async fn call(&self, function: &Function, call: &Call<'_>) -> CallResult {
        let id = &*call.context.distribution_id;
        let found =
            self.distributions.get(id).and_then(|distribution| Some((distribution, distribution.index(function)?)));
        let Some((distribution, index)) = found else {
            let detail = format!("function \"{}\" is not associated with distribution {id}", function.name);
            let failure = Failure { kind: FailureKind::FunctionExecution, sentence: None, detail };
            return CallResult { outcome: fail(call.event_type, failure), logs: Vec::new(), cpu_us: 0 };
        };
        let result = match distribution.functions[index].isolation {
            Isolation::Inline if distribution.pool.fault(index).is_none() => distribution.inline.call(index, call),
            _ => distribution.pool.call(index, call).await,
        };
        self.log.call(&call.context.request_id, id, &result.logs);
        result
    }

    /// Texts for each function that cannot be called, with every place that is to blame: its requests are throttled (503),
    /// as on CloudFront.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<_> = self.distributions.values().flat_map(DistributionFunctions::faults).collect();
        faults.sort_unstable();
        faults.dedup();
        faults
    }

    /// One text for each thing that fails on CloudFront, or might, in functions that run here, by function and place.
    pub fn findings(&self) -> Vec<String> {
        let mut findings: Vec<_> = self.distributions.values().flat_map(DistributionFunctions::findings).collect();
        findings.sort_by_key(|(function, finding)| (&function.name, finding.line, finding.column));
        let mut texts: Vec<_> = findings.into_iter().map(|(function, finding)| located(function, finding)).collect();
        texts.dedup();
        texts
    }

    /// What each function of each distribution has done: distribution id, name of the function, figures.
    pub fn figures(&self) -> Vec<(&str, &str, Figures)> {
        let mut all = Vec::new();
        for (id, distribution) in &self.distributions {
            for (index, function) in distribution.functions.iter().enumerate() {
                all.push((&**id, function.name.as_str(), distribution.figures(index)));
            }
        }
        all
    }

    /// Gives every function that reads the store of that name a newer one; calls that begin after this see it.
    pub fn replace_store(&self, store: &Arc<Snapshot>) {
        for distribution in self.distributions.values() {
            if let Some(index) = distribution.stores.iter().position(|name| *name == store.name) {
                distribution.pool.replace_store(index, store.clone());
                distribution.inline.replace_store(index, store.clone());
            }
        }
    }

    /// The process ids of all workers, the spares included.
    pub fn worker_ids(&self) -> Vec<u32> {
        self.distributions.values().flat_map(|distribution| distribution.pool.worker_ids()).collect()
    }

    /// Kills all workers. [`Spawner::all_gone`] waits for their end.
    pub fn stop(&self) {
        self.distributions.values().for_each(|distribution| distribution.pool.stop());
    }
}

/// The functions a distribution associates with a behavior, each once.
fn used(distribution: &Distribution) -> Vec<Arc<Function>> {
    let mut functions: Vec<Arc<Function>> = Vec::new();
    let behaviors = distribution.behaviors.iter().chain([&distribution.default_behavior]);
    for associations in behaviors.map(|behavior| &behavior.associations) {
        for function in [&associations.viewer_request, &associations.viewer_response].into_iter().flatten() {
            if !functions.iter().any(|known| known.name == function.name) {
                functions.push(function.clone());
            }
        }
    }
    functions
}

impl DistributionFunctions {
    async fn start(
        functions: Vec<Arc<Function>>,
        stores: &mut Stores,
        spawner: &Spawner,
        executable: PathBuf,
        workers: usize,
    ) -> Result<Self, StartProblem> {
        let (mut sources, mut used, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for function in &functions {
            let store = match &function.key_value_store {
                None => None,
                Some(store) => {
                    let known = names.iter().position(|name| *name == store.name);
                    if known.is_none() {
                        used.push(stores.load(store)?);
                        names.push(store.name.clone());
                    }
                    Some(known.unwrap_or(names.len() - 1))
                }
            };
            sources.push(Source { function: function.clone(), code: read_code(function)?, store });
        }
        let inline = Inline::new(sources.clone(), used.clone());
        let options = PoolOptions { spawner: spawner.clone(), executable, workers, functions: sources, stores: used };
        let pool = Pool::start(options).await.map_err(StartProblem::Workers)?;
        Ok(Self { functions, stores: names, pool, inline })
    }

    /// The place of a function. References of a configuration are shared, so that comparing addresses nearly always does.
    fn index(&self, function: &Function) -> Option<usize> {
        let same = |known: &Arc<Function>| std::ptr::eq(Arc::as_ptr(known), function);
        let by_name = |known: &Arc<Function>| known.name == function.name;
        self.functions.iter().position(same).or_else(|| self.functions.iter().position(by_name))
    }

    fn faults(&self) -> impl Iterator<Item = String> {
        self.functions.iter().enumerate().flat_map(|(index, function)| {
            let Some(fault) = self.pool.fault(index) else { return Vec::new() };
            // They say the same, all of it, with the column and the way out.
            let findings = self.pool.findings(index).iter().filter(|finding| finding.is_fault(function.fidelity));
            let texts: Vec<_> = findings.map(|finding| located(function, finding)).collect();
            if texts.is_empty() {
                return vec![format!("function \"{}\": {}: {fault}", function.name, function.code.display())];
            }
            texts
        })
    }

    fn findings(&self) -> impl Iterator<Item = (&Function, &Finding)> {
        self.functions.iter().enumerate().flat_map(|(index, function)| {
            let findings = self.pool.findings(index).iter().filter(|finding| !finding.is_fault(function.fidelity));
            findings.map(|finding| (&**function, finding))
        })
    }

    fn figures(&self, index: usize) -> Figures {
        match self.functions[index].isolation {
            Isolation::Inline => self.inline.counters(index).figures(),
            Isolation::Process => self.pool.counters(index).figures(),
        }
    }
}

fn located(function: &Function, finding: &Finding) -> String {
    format!("function \"{}\": {}:{finding}", function.name, function.code.display())
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

/// Stores that are loaded already: several distributions may read one.
#[derive(Default)]
struct Stores(HashMap<String, Arc<Snapshot>>);

impl Stores {
    fn load(&mut self, store: &homefront_config::KeyValueStore) -> Result<Arc<Snapshot>, ImportError> {
        if let Some(known) = self.0.get(&store.name) {
            return Ok(known.clone());
        }
        let loaded = Arc::new(kvs::load(store)?);
        self.0.insert(store.name.clone(), loaded.clone());
        Ok(loaded)
    }
}

pub(super) fn read_code(function: &Function) -> Result<String, FunctionsError> {
    let mut code = String::new();
    std::fs::File::open(&function.code)
        // One byte more than allowed: the engine says what CloudFront says of it.
        .and_then(|file| file.take(FUNCTION_CODE_BYTES_MAX + 1).read_to_string(&mut code))
        .map_err(|source| FunctionsError::Code {
            function: function.name.clone(),
            file: function.code.clone(),
            source,
        })?;
    Ok(code)
}
