//! Committed files with all that came of a case.

use homefront_functions::test::{Mismatch, diff};
use std::io;
use std::path::Path;

/// What is done with snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Snapshots {
    Compare,
    Write,
}

/// Whether `file` says what came of a case.
pub(super) fn compare(file: &Path, what: &str, text: &str) -> Option<Mismatch> {
    const HINT: &str = "`homefront test --update` writes it";
    match std::fs::read_to_string(file) {
        Ok(committed) if committed == text => None,
        Ok(committed) => Some(Mismatch::new(what, format!("{}\nif this is meant: {HINT}", diff(&committed, text)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Some(Mismatch::new(what, format!("{} is not there yet; {HINT}", file.display())))
        }
        Err(error) => Some(Mismatch::new(what, format!("cannot read {}: {error}", file.display()))),
    }
}

/// Writes what came of a case; `false` when the file says so already.
pub(super) fn write(file: &Path, text: &str) -> io::Result<bool> {
    if std::fs::read_to_string(file).is_ok_and(|committed| committed == text) {
        return Ok(false);
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text)?;
    Ok(true)
}
