//! `homefront check`: a configuration and its functions, without serving anything. Errors make it fail, warnings do not.

use super::{complain, configuration, load, print, workers};
use crate::server;
use homefront_functions::EdgeCode;
use homefront_functions::function_log::FunctionLog;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(file: &Path) -> ExitCode {
    let file = configuration(file);
    let config = match load(&file) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let told = runtime.and_then(|runtime| {
        let workers = workers()?;
        runtime.block_on(async {
            server::check(&config).map_err(std::io::Error::other)?;
            let code =
                EdgeCode::start(&config, workers, FunctionLog::new(|_| {})).await.map_err(std::io::Error::other)?;
            let told = (code.faults(), code.findings());
            code.stop().await;
            Ok(told)
        })
    });
    match told {
        Ok((faults, findings)) => {
            for fault in &faults {
                complain(&format!("error: {fault}"));
            }
            for finding in &findings {
                complain(&format!("warning: {finding}"));
            }
            if faults.is_empty() {
                print(&format!("{}: ok", file.display()));
                return ExitCode::SUCCESS;
            }
            complain(&format!(
                "{} error{} in {}",
                faults.len(),
                if faults.len() == 1 { "" } else { "s" },
                file.display()
            ));
            ExitCode::from(super::WRONG_INPUT)
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            ExitCode::from(super::WRONG_INPUT)
        }
    }
}
