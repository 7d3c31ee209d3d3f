//! The private folders of Lambda@Edge: what an execution environment has for its files, and where packages are unpacked.
//!
//! A folder is removed with everything in it when it is no longer of use. A node that is killed cannot do that, so each folder is
//! locked as long as its node lives, and the next node removes those that nobody holds.

use rustix::fs::FlockOperation;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The other folder for temporary files, as the Filesystem Hierarchy Standard has it.
const UNCOVERED: &str = "/var/tmp";

/// What the names of our folders begin with.
pub(crate) const PREFIX: &str = "homefront-";

/// A folder younger than this may be about to be locked.
const YOUNG: Duration = Duration::from_mins(1);

/// A folder that is removed with everything in it when it is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Says to others, systemd's cleaner of old files among them, that the folder is in use.
    _lock: Option<File>,
}

impl Folder {
    /// Makes an empty one in the system's folder for temporary files; nobody else may look into it.
    pub(super) fn create() -> io::Result<Self> {
        Self::create_in(&std::env::temp_dir())
    }

    /// The same where an environment's own `/tmp` does not cover it, if there is such a place.
    pub(super) fn create_uncovered() -> io::Result<Self> {
        Self::create_in(Path::new(UNCOVERED)).or_else(|_| Self::create())
    }

    fn create_in(parent: &Path) -> io::Result<Self> {
        let path = parent.join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        // A file system without locks only means that a killed node's folder stays.
        let lock = File::open(&path).ok().filter(lock);
        Ok(Self { path, _lock: lock })
    }

    /// Whether this is the name of one, of this node or another.
    pub(super) fn has_name(name: &OsStr) -> bool {
        let unique = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        unique.is_some_and(|unique| uuid::Uuid::try_parse(unique).is_ok())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "cannot remove the folder of an execution environment");
        }
    }
}

/// Removes what nodes of this user left behind that were killed. It reads and removes files: not for a thread that serves.
pub(super) fn remove_abandoned() {
    let parents = [std::env::temp_dir(), UNCOVERED.into()];
    for entry in parents.iter().flat_map(std::fs::read_dir).flatten().flatten() {
        if is_abandoned(&entry.path()).unwrap_or(false) {
            tracing::debug!(folder = %entry.path().display(), "removing what a killed node left behind");
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(path: &Path) -> io::Result<bool> {
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
    if !name.is_some_and(|name| name.len() == 32 && uuid::Uuid::try_parse(name).is_ok()) {
        return Ok(false);
    }
    let found = path.symlink_metadata()?;
    let is_ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
    let is_old = found.modified()?.elapsed().is_ok_and(|age| age > YOUNG);
    Ok(is_ours && is_old && lock(&File::open(path)?))
}

/// Whether nobody else holds it. The lock goes with the file.
fn lock(folder: &File) -> bool {
    rustix::fs::flock(folder, FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::time::SystemTime;

    /// As if it had been made long ago.
    fn age(path: &Path) {
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        File::open(path).unwrap().set_modified(long_ago).unwrap();
    }

    #[test]
    fn only_folders_that_nobody_holds_are_abandoned() {
        let folder = Folder::create().unwrap();
        age(folder.path());
        assert!(!is_abandoned(folder.path()).unwrap(), "it is in use");
        let parent = tempfile::tempdir().unwrap();
        let left = parent.path().join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&left).unwrap();
        assert!(!is_abandoned(&left).unwrap(), "it is young");
        age(&left);
        assert!(is_abandoned(&left).unwrap());
        let other = parent.path().join("homefront-of-somebody");
        std::fs::create_dir(&other).unwrap();
        age(&other);
        assert!(!is_abandoned(&other).unwrap(), "another name");
    }
}
