//! `homefront check`: a configuration and its functions, without serving anything. Errors make it fail, warnings do not.

use super::{WRONG_INPUT, complain, configuration, print, workers};
use crate::server;
use homefront_config::association::ViewerCode;
use homefront_config::{Config, Function, Report, Warning, load, quick};
use homefront_functions::EdgeCode;
use homefront_functions::function_log::FunctionLog;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(file: &Path) -> ExitCode {
    let file = configuration(file);
    match load(&file, &|name| std::env::var(name).ok()) {
        Ok((config, warnings)) => right(&file, &config, &warnings),
        Err(report) => {
            wrong(&report);
            ExitCode::from(WRONG_INPUT)
        }
    }
}

/// A configuration without an error: what is left are its functions, and what only the machine can say.
fn right(file: &Path, config: &Config, warnings: &[Warning]) -> ExitCode {
    for warning in warnings {
        complain(&warning.to_string());
    }
    let told = Told::of(config).and_then(|mut told| {
        // The node starts and serves without them, so what is wrong with them is no error.
        if let Some(unused) = calling(&unused(config)) {
            let of_unused = Told::of(&unused)?;
            told.findings.extend(of_unused.faults.into_iter().chain(of_unused.findings));
        }
        Ok(told)
    });
    match told {
        Ok(told) => {
            told.complain();
            if told.faults.is_empty() {
                print(&format!("{}: ok", file.display()));
                return ExitCode::SUCCESS;
            }
            complain(&format!("{} in {}", told.count(), file.display()));
        }
        Err(error) => complain(&format!("error: {error}")),
    }
    ExitCode::from(WRONG_INPUT)
}

/// What is wrong with a configuration, and with the functions that it names nevertheless.
fn wrong(report: &Report) {
    complain(&report.to_string());
    let Some(config) = calling(report.functions()) else { return };
    match Told::of(&config) {
        Ok(told) => {
            told.complain();
            if !told.faults.is_empty() {
                complain(&format!("{} in its functions", told.count()));
            }
        }
        Err(error) => complain(&format!("error: {error}")),
    }
}

/// The functions that no behavior runs.
fn unused(config: &Config) -> Vec<Arc<Function>> {
    let behaviors = config
        .distributions
        .iter()
        .flat_map(|distribution| distribution.behaviors.iter().chain(std::iter::once(&distribution.default_behavior)));
    let used: Vec<_> = behaviors.flat_map(|behavior| behavior.associations.functions()).collect();
    config.functions.iter().filter(|function| !used.iter().any(|used| Arc::ptr_eq(used, function))).cloned().collect()
}

/// A configuration that runs these functions and nothing else.
fn calling(functions: &[Arc<Function>]) -> Option<Config> {
    if functions.is_empty() {
        return None;
    }
    let mut config = quick("http://localhost", SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).ok()?;
    for distribution in &mut config.distributions {
        let distribution = Arc::make_mut(distribution);
        let behaviors = functions.iter().map(|function| {
            let mut behavior = distribution.default_behavior.clone();
            let code = ViewerCode::Function(function.clone());
            Arc::make_mut(&mut behavior).associations.viewer_request = Some(code);
            behavior
        });
        distribution.behaviors = behaviors.collect();
    }
    Some(config)
}

/// What is to be said of functions.
struct Told {
    faults: Vec<String>,
    findings: Vec<String>,
}

impl Told {
    /// Starts the functions of a configuration and ends them. An error is what else keeps a node from starting.
    fn of(config: &Config) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.and_then(|runtime| {
            let workers = workers()?;
            runtime.block_on(async {
                server::check(config).map_err(io::Error::other)?;
                let code = EdgeCode::start(config, workers, FunctionLog::new(|_| {})).await;
                let code = code.map_err(io::Error::other)?;
                let told = Self { faults: code.faults(), findings: code.findings() };
                code.stop().await;
                Ok(told)
            })
        })
    }

    fn complain(&self) {
        for fault in &self.faults {
            complain(&format!("error: {fault}"));
        }
        for finding in &self.findings {
            complain(&format!("warning: {finding}"));
        }
    }

    /// `2 errors`
    fn count(&self) -> String {
        match self.faults.len() {
            1 => "1 error".to_owned(),
            count => format!("{count} errors"),
        }
    }
}
