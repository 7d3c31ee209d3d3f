//! Python functions: the interpreter that a function names loads our extension module, which runs the loop.

use crate::edge_code::StartError;
use crate::function_log::FunctionLog;
use crate::lambda::log::Output;
use crate::process::{Descendants, Launch, Limits, Spawner};
use parking_lot::Mutex;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Loads the module from its file, so that nothing needs to be installed in the interpreter.
const BOOTSTRAP: &str = "\
import sys, importlib.machinery, importlib.util
path = sys.argv[1]
loader = importlib.machinery.ExtensionFileLoader('homefront_python', path)
module = importlib.util.module_from_spec(importlib.util.spec_from_file_location('homefront_python', path, loader=loader))
loader.exec_module(module)
";
const RUN: &str = "module.run()\n";
/// The stable ABI the module is built for.
const CHECK: &str = "\
import sys
if sys.version_info < (3, 9): sys.exit('Python %d.%d is too old: 3.9 or newer is needed' % sys.version_info[:2])
";

/// How long an interpreter may take to say that it is there.
const CHECK_TIME_MAX: Duration = Duration::from_secs(20);

/// What starts an environment: `-u` lets `print` through at once.
pub(super) fn arguments(module: &Path) -> Vec<OsString> {
    vec!["-u".into(), "-c".into(), format!("{BOOTSTRAP}{RUN}").into(), module.into()]
}

/// Whether `interpreter` runs and takes our module.
pub(super) async fn check(spawner: &Spawner, lambda: &str, interpreter: &str, module: &Path) -> Result<(), StartError> {
    let failed = |reason: String| StartError::Interpreter {
        lambda: lambda.to_owned(),
        interpreter: interpreter.to_owned(),
        reason,
    };
    let printed = Arc::new(Mutex::new(String::new()));
    let last_line = printed.clone();
    let log = FunctionLog::new(move |line| line.clone_into(&mut last_line.lock()));
    let (output, writer) = Output::new(log).map_err(|error| failed(error.to_string()))?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let launch = Launch {
        program: interpreter.into(),
        arguments: vec!["-c".into(), format!("{CHECK}{BOOTSTRAP}").into(), module.into()],
        environment: vec![("PATH".into(), path)],
        folder: "/".into(),
        stdin: None,
        output: Some(writer),
        limits: Limits::default(),
        nice: 0,
        descendants: Descendants::None,
    };
    let child = spawner.spawn(launch).await.map_err(|error| failed(error.to_string()))?;
    let both = async { tokio::join!(child.wait(), output.clone().pump()).0 };
    let exit = tokio::time::timeout(CHECK_TIME_MAX, both)
        .await
        .map_err(|_| failed(format!("it did not answer within {} s", CHECK_TIME_MAX.as_secs())))?;
    output.end(&[]);
    if exit.success() {
        return Ok(());
    }
    let printed = printed.lock();
    Err(failed(if printed.is_empty() { exit.to_string() } else { printed.clone() }))
}

#[cfg(test)]
#[path = "python/tests.rs"]
mod tests;
