//! Lambda@Edge functions: a pool of execution environments for each, driven through the Lambda Runtime API.

mod alive;
mod call;
mod context;
mod counters;
mod environment;
#[cfg(test)]
mod fixture;
mod folder;
pub mod frame;
mod interpreter;
mod log;
mod node;
mod package;
mod peak;
mod pool;
mod python;
mod runtime;
mod runtime_api;
mod saved;
mod start_failure;
mod usage;

use crate::edge_code::{StartError, Workers};
use crate::event::lambda_edge::{self, LambdaRequestEdit};
use crate::function_log::FunctionLog;
use crate::process::Spawner;
use crate::process::enclosure::{self, TMP};
use crate::{EventContext, Failure, Request, Response, ResponseEdit, Verdict};
use bytes::Bytes;
use call::{NoCall, error_payload, execution_failure, failure};
use context::Identity;
pub use counters::Figures;
use environment::{Outcome, Plan};
use folder::Folder;
pub(crate) use folder::PREFIX as FOLDER_PREFIX;
use homefront_config::{Associations, Config, Lambda};
pub(crate) use log::{is_frame, started};
use package::Packages;
use parking_lot::Mutex;
use pool::{Bounds, Pool};
use runtime::{Checked, Program};
use saved::{Logs, Source};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The Lambda@Edge functions that behaviors use, by name.
#[derive(Debug)]
pub struct Lambdas {
    pools: HashMap<String, Pool>,
    /// Their packages, as the configuration names them.
    sources: HashMap<String, Source>,
    packages: Arc<Packages>,
    logs: Logs,
}

/// What came of one event, as `homefront invoke` prints it.
#[derive(Debug, Clone)]
pub struct InvokeResult {
    /// The result's JSON, or Lambda's error object.
    pub payload: Bytes,
    /// What the function printed, between its START, END and REPORT lines.
    pub log: Vec<String>,
    /// Where its package lay, as its own messages name it.
    pub package: PathBuf,
    /// Why there is no result.
    pub error: Option<Failure>,
    /// What it was billed for; no invocation when it could not be started.
    pub figures: Figures,
}

impl Lambdas {
    /// Checks that every function some behavior uses can be run; environments are started when events come. Needs a tokio
    /// runtime, which may be another than that of the callers.
    pub async fn start(
        config: &Config,
        workers: &Workers,
        spawner: &Spawner,
        log: &FunctionLog,
    ) -> Result<Self, StartError> {
        let mut preparation = Preparation::default();
        let (packages, logs) = (preparation.packages.clone(), saved::logs(config));
        let mut lambdas = Self { pools: HashMap::new(), sources: HashMap::new(), packages, logs };
        if used(config).next().is_some() {
            tokio::task::spawn_blocking(folder::remove_abandoned);
        }
        for lambda in used(config) {
            if !lambdas.pools.contains_key(&lambda.name) {
                let source = Source::new(lambda, &lambdas.logs).await;
                lambdas.sources.insert(lambda.name.clone(), source);
                let log = log.of_lambda(&lambda.name);
                let plan = preparation.plan(lambda, workers, spawner, &log).await?;
                lambdas.pools.insert(lambda.name.clone(), Pool::new(plan, Bounds::default()));
            }
        }
        Ok(lambdas)
    }

    /// Calls a function with an event; gives what it returned.
    async fn call(&self, lambda: &Lambda, context: &EventContext, event: &Bytes) -> Result<Bytes, Failure> {
        let Some(pool) = self.pools.get(&lambda.name) else {
            return Err(execution_failure(lambda, "no behavior used it when the node started"));
        };
        let failure = match pool.call(event).await {
            Ok((_, Outcome::Response(result))) => return Ok(result),
            Ok((request_id, outcome)) => failure(&pool.plan().lambda, &request_id, &outcome),
            Err(NoCall { failure, .. }) => {
                // No call, so that no END line tells of it.
                pool.plan().log.line(&format!("({}) ERROR {}", context.request_id, failure.detail));
                failure
            }
        };
        pool.counters().failed(&failure);
        Err(failure)
    }

    /// What each function did, by name.
    pub fn figures(&self) -> Vec<(&str, Figures)> {
        let mut figures: Vec<_> = self.pools.iter().map(|(name, pool)| (name.as_str(), pool.figures())).collect();
        figures.sort_unstable_by_key(|(name, _)| *name);
        figures
    }

    /// Calls a function with a request event; `request` is what the event was made of.
    pub async fn on_request(
        &self,
        lambda: &Lambda,
        context: &EventContext,
        event: &lambda_edge::Event,
        request: &Request,
    ) -> Verdict<LambdaRequestEdit> {
        match self.call(lambda, context, event.json()).await {
            Ok(result) => self.judged(lambda, context, lambda_edge::result::request(event, request, result)),
            Err(failure) => Verdict::Fail(failure),
        }
    }

    /// Calls a function with a response event; `response` is what the event was made of.
    pub async fn on_response(
        &self,
        lambda: &Lambda,
        context: &EventContext,
        event: &lambda_edge::Event,
        response: &Response,
    ) -> Verdict<ResponseEdit> {
        match self.call(lambda, context, event.json()).await {
            Ok(result) => self.judged(lambda, context, lambda_edge::result::response(event, response, result)),
            Err(failure) => Verdict::Fail(failure),
        }
    }

    /// Writes what was refused to the function's log, in CloudFront's form, and names the function.
    fn judged<Edit>(&self, lambda: &Lambda, context: &EventContext, verdict: Verdict<Edit>) -> Verdict<Edit> {
        let Verdict::Fail(failure) = verdict else { return verdict };
        if let Some(pool) = self.pools.get(&lambda.name) {
            pool.counters().failed(&failure);
            pool.plan().log.line(&format!("({}) ERROR {}", context.request_id, failure.detail));
        }
        Verdict::Fail(Failure { detail: format!("lambda \"{}\": {}", lambda.name, failure.detail), ..failure })
    }

    /// Kills every environment; returns when all are gone.
    pub async fn stop(&self) {
        for pool in self.pools.values() {
            pool.stop().await;
        }
    }
}

/// Runs a function on one event, in an environment of its own.
pub async fn invoke(lambda: &Lambda, workers: &Workers, event: Bytes) -> Result<InvokeResult, StartError> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = lines.clone();
    let log = FunctionLog::new(move |line| sink.lock().push(line.to_owned()));
    let spawner = Spawner::start(Some(workers.executable.clone()))
        .map_err(|source| StartError::System { what: "cannot start a thread".to_owned(), source })?;
    let plan = Preparation::default().plan(lambda, workers, &spawner, &log).await?;
    let package = plan.package.path().to_owned();
    let pool = Pool::new(plan, Bounds::default());
    let called = pool.call_to_end(&event).await;
    let figures = pool.figures();
    pool.stop().await;
    let (payload, error) = match called {
        Ok((_, Outcome::Response(result))) => (result, None),
        Ok((id, outcome)) => (error_payload(lambda, &id, &outcome), Some(failure(lambda, &id, &outcome))),
        Err(none) => (none.error_payload(), Some(none.failure)),
    };
    let log = std::mem::take(&mut *lines.lock());
    Ok(InvokeResult { payload, log, package, error, figures })
}

fn used(config: &Config) -> impl Iterator<Item = &Arc<Lambda>> {
    config.associations().flat_map(Associations::lambdas)
}

/// What functions share while they are made ready.
#[derive(Default)]
struct Preparation {
    /// The interpreters that are known to run.
    checked: Checked,
    packages: Arc<Packages>,
    /// Whether an environment can have processes and a `/tmp` of its own; `None` = nobody asked.
    encloses: Option<bool>,
}

impl Preparation {
    async fn plan(
        &mut self,
        lambda: &Lambda,
        workers: &Workers,
        spawner: &Spawner,
        log: &FunctionLog,
    ) -> Result<Plan, StartError> {
        let (packages, packed) = (self.packages.clone(), lambda.clone());
        let opened = tokio::task::spawn_blocking(move || packages.open(&packed)).await;
        let package = opened.unwrap_or_else(|error| {
            Err(StartError::System { what: "cannot unpack packages".to_owned(), source: std::io::Error::other(error) })
        })?;
        let lambda = Lambda { code: package.path().to_owned(), ..lambda.clone() };
        let program = Program::find(&lambda, &mut self.checked, workers, spawner).await?;
        // What is covered cannot be run.
        let covers = program.lies_in(Path::new(TMP)) || lambda.code.starts_with(TMP);
        Ok(Plan {
            identity: Identity::new(&lambda),
            encloses: self.can_enclose(spawner, &workers.executable).await.then(|| workers.executable.clone()),
            covers_tmp: !covers,
            program,
            package,
            lambda,
            spawner: spawner.clone(),
            log: log.clone(),
            init_time_max: Plan::INIT_TIME_MAX,
        })
    }

    async fn can_enclose(&mut self, spawner: &Spawner, executable: &Path) -> bool {
        if let Some(known) = self.encloses {
            return known;
        }
        let possible = match Folder::create() {
            Ok(folder) => enclosure::is_possible(spawner, executable, folder.path()).await,
            Err(_) => false,
        };
        if !possible {
            // What a function may do then is for whoever runs the node to judge.
            tracing::warn!("{NO_NAMESPACES}");
        }
        *self.encloses.insert(possible)
    }
}

/// Told once, where the system lets the node's user make none.
const NO_NAMESPACES: &str = "this system makes no namespaces: a Lambda@Edge function can see other processes of the node's user, and what it \
                             starts can outlive it";

#[cfg(test)]
mod tests;
