//! Asks an interpreter whether it is there and fit, before any function depends on it.

use super::log::Output;
use crate::function_log::FunctionLog;
use crate::process::{Launch, Spawner};
use parking_lot::Mutex;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What decides which interpreter a name stands for, and what it needs to run.
const INHERITED: [&str; 7] =
    ["PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONHOME", "PYENV_ROOT", "PYENV_VERSION", "NVM_DIR"];

/// How long an interpreter may take to say that it is there.
const CHECK_TIME_MAX: Duration = Duration::from_secs(20);

/// Runs `interpreter` and gives the last line it printed; `Err` says why there is none, in its own words where it has some.
pub(super) async fn ask(spawner: &Spawner, interpreter: &Path, arguments: Vec<OsString>) -> Result<String, String> {
    let printed = Arc::new(Mutex::new(String::new()));
    let last_line = printed.clone();
    let log = FunctionLog::new(move |line| line.clone_into(&mut last_line.lock()));
    let (output, writer) = Output::new(log).map_err(|error| error.to_string())?;
    let environment = INHERITED.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect();
    let launch = Launch {
        environment,
        folder: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        output: Some(writer),
        ..Launch::new(interpreter, arguments)
    };
    let child = spawner.spawn(launch).await.map_err(|error| error.to_string())?;
    let both = async { tokio::join!(child.wait(), output.clone().pump()).0 };
    let exit = tokio::time::timeout(CHECK_TIME_MAX, both)
        .await
        .map_err(|_| format!("it did not answer within {} s", CHECK_TIME_MAX.as_secs()))?;
    output.end(&[]);
    let printed = printed.lock().clone();
    if exit.success() {
        return Ok(printed);
    }
    Err(if printed.is_empty() { exit.to_string() } else { printed })
}
