//! Python functions: the interpreter that a function names loads our extension module, which runs the loop.

use crate::edge_code::StartError;
use crate::function_log::FunctionLog;
use crate::lambda::log::Output;
use crate::process::{Descendants, Launch, Limits, Spawner};
use parking_lot::Mutex;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
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
const CHECK_VERSION: &str = "\
import sys
if sys.version_info < (3, 9): sys.exit('Python %d.%d is too old: 3.9 or newer is needed' % sys.version_info[:2])
";

/// Behind the name may be a script that first looks for the interpreter, as pyenv has it: environments start without that.
const TELL: &str = "print(sys.executable)\n";

/// What decides which interpreter a name stands for, and what it needs to run.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONHOME", "PYENV_ROOT", "PYENV_VERSION"];

/// How long an interpreter may take to say that it is there.
const CHECK_TIME_MAX: Duration = Duration::from_secs(20);

/// What starts an environment: `-u` lets `print` through at once.
pub(super) fn arguments(module: &Path) -> Vec<OsString> {
    vec!["-u".into(), "-c".into(), format!("{BOOTSTRAP}{RUN}").into(), module.into()]
}

/// Checks that `interpreter` runs and takes our module; gives the path of the interpreter itself.
pub(super) async fn check(
    spawner: &Spawner,
    lambda: &str,
    interpreter: &str,
    module: &Path,
) -> Result<PathBuf, StartError> {
    let failed = |reason: String| StartError::Interpreter {
        lambda: lambda.to_owned(),
        interpreter: interpreter.to_owned(),
        reason,
    };
    let printed = Arc::new(Mutex::new(String::new()));
    let last_line = printed.clone();
    let log = FunctionLog::new(move |line| line.clone_into(&mut last_line.lock()));
    let (output, writer) = Output::new(log).map_err(|error| failed(error.to_string()))?;
    let environment = INHERITED.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect();
    let launch = Launch {
        program: interpreter.into(),
        arguments: vec!["-c".into(), format!("{CHECK_VERSION}{BOOTSTRAP}{TELL}").into(), module.into()],
        environment,
        folder: std::env::current_dir().unwrap_or_else(|_| "/".into()),
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
    let printed = printed.lock();
    if exit.success() {
        return Ok(if printed.is_empty() { interpreter.into() } else { PathBuf::from(printed.as_str()) });
    }
    Err(failed(if printed.is_empty() { exit.to_string() } else { printed.clone() }))
}

#[cfg(test)]
#[path = "python/tests.rs"]
mod tests;
