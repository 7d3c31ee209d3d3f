//! Node.js functions: the `node` that a function names runs our bootstrap, which drives the handler.

use super::interpreter;
use super::runtime::Found;
use crate::process::Spawner;
use std::ffi::OsString;
use std::path::Path;

/// Handed over as an argument: there is no file that somebody could move, clean up or change under a running node.
const BOOTSTRAP: &str = include_str!("../../node/bootstrap.cjs");

/// Behind the name may be a script that first looks for the interpreter: environments start without that.
const TELL: &str = "console.log(process.versions.node, process.execPath)";

/// The oldest of Lambda's versions that a name may ask for.
const MAJOR_MIN: u8 = 18;

/// Parts of the memory, in percent, that the heap's old and new objects may take: what Lambda's runtime asks of V8, which
/// otherwise reckons with the whole machine and collects too late.
const OLD_SPACE_PERCENT: u32 = 90;
const SEMI_SPACE_PERCENT: u32 = 5;

/// The first of those whose room for code counts as memory that they use, see
/// [`LAMBDA_CODE_RANGES_BYTES`](homefront_config::limits::LAMBDA_CODE_RANGES_BYTES).
const MAJOR_THAT_COUNTS_CODE: u8 = 23;

/// Of a Node.js by Lambda's name of its version.
pub(super) fn counts_its_code_range(runtime: &str) -> bool {
    let major = runtime.strip_prefix("nodejs").and_then(|version| version.strip_suffix(".x"));
    major.and_then(|major| major.parse::<u8>().ok()).is_none_or(|major| major >= MAJOR_THAT_COUNTS_CODE)
}

/// What starts an environment.
pub(super) fn arguments(memory_mb: u32) -> Vec<OsString> {
    let part = |percent: u32| memory_mb * percent / 100;
    vec![
        format!("--max-old-space-size={}", part(OLD_SPACE_PERCENT)).into(),
        format!("--max-semi-space-size={}", part(SEMI_SPACE_PERCENT)).into(),
        "-e".into(),
        BOOTSTRAP.into(),
    ]
}

/// Checks that `interpreter` runs; gives the path of the interpreter itself and Lambda's name for it, as in `nodejs22.x`.
/// `Err` is the reason.
pub(super) async fn check(spawner: &Spawner, interpreter: &Path) -> Found {
    let told = interpreter::ask(spawner, interpreter, vec!["-e".into(), TELL.into()]).await?;
    let (version, path) = told.split_once(' ').unwrap_or_default();
    let major = version.split('.').next().and_then(|major| major.parse::<u8>().ok());
    match major {
        Some(major) if major >= MAJOR_MIN => Ok((path.into(), format!("nodejs{major}.x"))),
        Some(_) => Err(format!("Node.js {version} is too old: {MAJOR_MIN} or newer is needed")),
        None => Err(format!("it is no Node.js: it answered {told:?}")),
    }
}

#[cfg(test)]
#[path = "node/event_loop_tests.rs"]
mod event_loop_tests;
#[cfg(test)]
#[path = "node/tests.rs"]
mod tests;
