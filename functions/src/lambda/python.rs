//! Python functions: the interpreter that a function names loads our extension module, which runs the loop.

use super::interpreter;
use super::runtime::Found;
use crate::process::Spawner;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Loads the module from its file, so that nothing needs to be installed in the interpreter. `importlib.util` could do that in a line,
/// but takes half as long to load as the interpreter itself.
const BOOTSTRAP: &str = "\
import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
loader = ExtensionFileLoader('homefront_python', sys.argv[1])
module = loader.create_module(ModuleSpec('homefront_python', loader, origin=sys.argv[1]))
loader.exec_module(module)
";
const RUN: &str = "module.run()\n";
/// The stable ABI the module is built for.
const CHECK_VERSION: &str = "\
import sys
if sys.version_info < (3, 9): sys.exit('Python %d.%d is too old: 3.9 or newer is needed' % sys.version_info[:2])
";

/// Behind the name may be a script that first looks for the interpreter, as pyenv has it: environments start without that.
const TELL: &str = "print('%d.%d' % sys.version_info[:2], sys.executable)\n";

/// What starts an environment: `-u` lets `print` through at once.
pub(super) fn arguments(module: &Path) -> Vec<OsString> {
    vec!["-u".into(), "-c".into(), format!("{BOOTSTRAP}{RUN}").into(), module.into()]
}

/// Checks that `interpreter` runs and takes our module; gives the path of the interpreter itself and Lambda's name for it, as
/// in `python3.12`. `Err` is the reason.
pub(super) async fn check(spawner: &Spawner, interpreter: &Path, module: &Path) -> Found<String> {
    let arguments = vec!["-c".into(), format!("{CHECK_VERSION}{BOOTSTRAP}{TELL}").into(), module.into()];
    let told = interpreter::ask(spawner, interpreter, arguments).await?;
    let (version, path) = told.split_once(' ').unwrap_or_default();
    // An interpreter that is embedded somewhere has no path to tell.
    let path = if path.is_empty() { interpreter.into() } else { PathBuf::from(path) };
    Ok((path, format!("python{version}")))
}

#[cfg(test)]
#[path = "python/tests.rs"]
mod tests;
