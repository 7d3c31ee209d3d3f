//! The functions of one distribution: what serves now, and how newer code takes its place.

use super::reload::Saved;
use super::{Hiring, StartProblem, Stores, read_code};
use crate::js::inline::Inline;
use crate::js::kvs::Snapshot;
use crate::js::lint::Finding;
use crate::js::pool::{Figures, Judgement, Pool, PoolOptions, Source, Trial};
use crate::js::{Call, CallResult, LoadError};
use arc_swap::ArcSwap;
use homefront_config::Function;
use homefront_config::function::Isolation;
use homefront_config::limits::FUNCTION_FINDINGS_MAX;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct DistributionFunctions {
    /// In the order of the pool.
    pub(super) functions: Vec<Arc<Function>>,
    /// Names of the stores, in the pool's order.
    stores: Vec<String>,
    serving: ArcSwap<Serving>,
}

/// What calls that begin now run on. The last call that runs on an older one ends it.
#[derive(Debug)]
struct Serving {
    pool: Pool,
    inline: Inline,
}

impl DistributionFunctions {
    pub(super) async fn start(
        functions: Vec<Arc<Function>>,
        stores: &mut Stores,
        hiring: &Hiring,
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
        let Hiring { spawner, executable, workers, starts, places } = hiring.clone();
        let options = PoolOptions { spawner, executable, workers, starts, places, functions: sources, stores: used };
        let pool = Pool::start(options).await.map_err(StartProblem::Workers)?;
        Ok(Self { functions, stores: names, serving: ArcSwap::from_pointee(Serving { pool, inline }) })
    }

    /// The place of a function. References of a configuration are shared, so that comparing addresses nearly always does.
    pub(super) fn index(&self, function: &Function) -> Option<usize> {
        let same = |known: &Arc<Function>| std::ptr::eq(Arc::as_ptr(known), function);
        let by_name = |known: &Arc<Function>| known.name == function.name;
        self.functions.iter().position(same).or_else(|| self.functions.iter().position(by_name))
    }

    pub(super) async fn call(&self, index: usize, call: &Call<'_>) -> CallResult {
        let serving = self.serving.load_full();
        match self.functions[index].isolation {
            Isolation::Inline if serving.pool.fault(index).is_none() => serving.inline.call(index, call),
            _ => serving.pool.call(index, call).await,
        }
    }

    /// Compiles newer code, and lets it serve unless what serves is better. Nobody else may be at it at the same time.
    pub(super) async fn renew(&self, saveds: &[(usize, Arc<Saved>)]) -> io::Result<Vec<Judgement>> {
        let serving = self.serving.load_full();
        let newer = saveds.iter().map(|(index, saved)| saved.newer(*index)).collect();
        let renewed = serving.pool.renewed(newer).await?;
        if let Some(pool) = renewed.pool {
            let better = renewed.judgements.iter().filter(|judgement| !judgement.keeps_old());
            let better = better.map(|judgement| (judgement.index, pool.code(judgement.index).to_owned()));
            let inline = serving.inline.renewed(better);
            self.serving.store(Arc::new(Serving { pool, inline }));
        }
        Ok(renewed.judgements)
    }

    /// Compiles newer code alone, however long that takes within its bound.
    pub(super) async fn try_out(&self, index: usize, saved: &Saved) -> io::Result<Trial> {
        self.serving.load_full().pool.try_out(index, saved.code.clone()).await
    }

    /// The JavaScript that serves.
    pub(super) fn code(&self, index: usize) -> String {
        self.serving.load().pool.code(index).to_owned()
    }

    /// Why functions answer no request, each by its name in the order of its source.
    pub(super) fn faults(&self) -> Vec<(String, Vec<String>)> {
        let serving = self.serving.load();
        let faults = |(index, function): (usize, &Arc<Function>)| {
            let fault = serving.pool.fault(index).or_else(|| serving.pool.throws(index))?;
            Some((function.name.clone(), faults(function, fault, serving.pool.findings(index))))
        };
        self.functions.iter().enumerate().filter_map(faults).collect()
    }

    pub(super) fn findings(&self) -> Vec<(Arc<Function>, Finding)> {
        let serving = self.serving.load();
        let findings = |(index, function): (usize, &Arc<Function>)| {
            let findings = serving.pool.findings(index).iter().filter(|finding| !finding.is_fault(function.fidelity));
            findings.map(|finding| (function.clone(), finding.clone())).collect::<Vec<_>>()
        };
        self.functions.iter().enumerate().flat_map(findings).collect()
    }

    /// Name and figures of each function.
    pub(super) fn figures(&self) -> impl Iterator<Item = (&str, Figures)> {
        let serving = self.serving.load_full();
        self.functions.iter().enumerate().map(move |(index, function)| {
            let figures = match function.isolation {
                Isolation::Inline => serving.inline.counters(index).figures(),
                Isolation::Process => serving.pool.counters(index).figures(),
            };
            (function.name.as_str(), figures)
        })
    }

    pub(super) fn replace_store(&self, store: &Arc<Snapshot>) {
        if let Some(index) = self.stores.iter().position(|name| *name == store.about.name) {
            let serving = self.serving.load();
            serving.pool.replace_store(index, store);
            serving.inline.replace_store(index, store.clone());
        }
    }

    pub(super) fn worker_ids(&self) -> Vec<u32> {
        self.serving.load().pool.worker_ids()
    }

    pub(super) fn stop(&self) {
        self.serving.load().pool.stop();
    }
}

/// Why a function cannot be called: which, where, what; every place that is to blame.
pub(in crate::js) fn faults(function: &Function, fault: &LoadError, findings: &[Finding]) -> Vec<String> {
    // They say the same, all of it, with the way out.
    let all = findings.len();
    let findings = findings.iter().filter(|finding| finding.is_fault(function.fidelity));
    let mut texts: Vec<_> = findings.map(|finding| located(function, finding)).collect();
    if let Some(last) = texts.last_mut() {
        if all >= FUNCTION_FINDINGS_MAX {
            let _ = write!(last, "\n  there may be more in it: the first {all} are told");
        }
        return texts;
    }
    let place = match (fault.line, fault.column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        (Some(line), None) => format!(":{line}"),
        (None, _) => String::new(),
    };
    vec![format!("function \"{}\": {}{place}: {fault}", function.name, function.code.display())]
}

pub(super) fn located(function: &Function, finding: &Finding) -> String {
    format!("function \"{}\": {}:{finding}", function.name, function.code.display())
}
