//! The Python of the benches.

use std::path::{Path, PathBuf};

/// The interpreter that `.ci/setup` has made: with the packages of its list, and nothing that a machine's own may load whenever it
/// starts. `own` = the bench's executable. `None`: it has not run yet.
pub fn prepared(own: &Path) -> Option<PathBuf> {
    own.ancestors().nth(2).map(|target| target.join("setup/bin/python")).filter(|python| python.is_file())
}

/// The same as a line of a function's configuration; without it, the machine's own runs the function.
pub fn interpreter(own: &Path) -> String {
    prepared(own).map_or(String::new(), |python| format!("interpreter = '{}'\n", python.display()))
}
