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

/// Of an interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u8,
    minor: u16,
}

impl Version {
    /// As in `22.23.5`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.');
        Some(Self { major: numbers.next()?.parse().ok()?, minor: numbers.next()?.parse().ok()? })
    }

    /// Whether it makes room for code that counts as memory of its own, see
    /// [`LAMBDA_CODE_RANGES_BYTES`](homefront_config::limits::LAMBDA_CODE_RANGES_BYTES).
    pub(super) fn counts_its_code_ranges(self) -> bool {
        self.major >= 23
    }

    /// What Lambda turns off that Node.js has turned on: `require` of ES modules, and taking a file for one because of its syntax. Lambda
    /// Developer Guide, "Building Lambda functions with Node.js", experimental features. Older ones do not know the flags.
    fn turned_off(self, profile: u8) -> impl Iterator<Item = &'static str> {
        let since = |early: u16, late: Self| self >= late || self.major == 20 && self.minor >= early;
        let requires = matches!(profile, 20 | 22) && since(17, Self { major: 22, minor: 0 });
        let detects = profile == 22 && since(10, Self { major: 21, minor: 1 });
        let flags = [(requires, "--no-experimental-require-module"), (detects, "--no-experimental-detect-module")];
        flags.into_iter().filter_map(|(is_off, flag)| is_off.then_some(flag))
    }
}

/// What starts an environment of Lambda's runtime of the version `profile`.
pub(super) fn arguments(memory_mb: u32, version: Version, profile: u8) -> Vec<OsString> {
    let part = |percent: u32| memory_mb * percent / 100;
    let heap = [
        format!("--max-old-space-size={}", part(OLD_SPACE_PERCENT)),
        format!("--max-semi-space-size={}", part(SEMI_SPACE_PERCENT)),
    ];
    let flags = heap.into_iter().map(OsString::from).chain(version.turned_off(profile).map(OsString::from));
    flags.chain(["-e".into(), BOOTSTRAP.into()]).collect()
}

/// Checks that `interpreter` runs; gives the path of the interpreter itself and its version. `Err` is the reason.
pub(super) async fn check(spawner: &Spawner, interpreter: &Path) -> Found<Version> {
    let told = interpreter::ask(spawner, interpreter, vec!["-e".into(), TELL.into()]).await?;
    let (version, path) = told.split_once(' ').unwrap_or_default();
    match Version::parse(version) {
        Some(parsed) if parsed.major >= MAJOR_MIN => Ok((path.into(), parsed)),
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
#[cfg(test)]
#[path = "node/version_tests.rs"]
mod version_tests;
