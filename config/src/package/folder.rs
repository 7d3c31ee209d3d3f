//! Deployment packages that are folders: what Lambda would take of them, were they packed.

use super::PackageError;
use crate::limits::{LAMBDA_PACKAGE_ENTRIES_MAX, LAMBDA_UNPACKED_BYTES_MAX};
use std::collections::HashSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Checks that a folder holds no more than a package may hold. What links lead to belongs to it, as it does for tools that pack
/// folders; a folder counts once, however often links lead to it.
pub fn weigh(folder: &Path) -> Result<(), PackageError> {
    let (mut entries, mut bytes_left) = (0, LAMBDA_UNPACKED_BYTES_MAX);
    let mut seen = HashSet::from([identity(&read(folder, folder.metadata())?)]);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in read(&folder, std::fs::read_dir(&folder))? {
            let path = read(&folder, entry)?.path();
            entries += 1;
            if entries > LAMBDA_PACKAGE_ENTRIES_MAX {
                return Err(PackageError::FolderEntries);
            }
            let found = match path.metadata() {
                // It leads nowhere, or a build has just replaced the file.
                Err(error) if path.is_symlink() || error.kind() == io::ErrorKind::NotFound => continue,
                found => read(&path, found)?,
            };
            if !found.is_dir() {
                bytes_left = bytes_left.checked_sub(found.len()).ok_or(PackageError::UnpackedSize)?;
            } else if seen.insert(identity(&found)) {
                folders.push(path);
            }
        }
    }
    Ok(())
}

fn read<T>(path: &Path, result: io::Result<T>) -> Result<T, PackageError> {
    result.map_err(|error| PackageError::Unreadable { path: path.to_owned(), reason: crate::report::reason(&error) })
}

/// What tells a folder from every other.
fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    /// A file of so many bytes, none of which is on the disk.
    fn file(path: &Path, bytes: u64) {
        File::create(path).unwrap().set_len(bytes).unwrap();
    }

    #[test]
    fn a_folder_may_hold_what_an_unpacked_package_may_hold() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("lib")).unwrap();
        file(&folder.path().join("app.py"), LAMBDA_UNPACKED_BYTES_MAX / 2);
        file(&folder.path().join("lib/model"), LAMBDA_UNPACKED_BYTES_MAX / 2);
        weigh(folder.path()).unwrap();
        file(&folder.path().join("lib/one"), 1);
        insta::assert_snapshot!(weigh(folder.path()).unwrap_err(), @"Unzipped size must be smaller than 262144000 bytes");
    }

    #[test]
    fn what_links_lead_to_counts_and_loops_and_links_to_nothing_do_no_harm() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = |to: &Path, name: &str| symlink(to, folder.path().join(name)).unwrap();
        link(Path::new("nowhere"), "broken");
        link(Path::new("itself"), "itself");
        link(folder.path(), "round");
        link(elsewhere.path(), "dependency");
        link(elsewhere.path(), "again");
        file(&elsewhere.path().join("large"), LAMBDA_UNPACKED_BYTES_MAX);
        weigh(folder.path()).unwrap();
        file(&folder.path().join("app.py"), 1);
        assert!(matches!(weigh(folder.path()), Err(PackageError::UnpackedSize)));
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..LAMBDA_PACKAGE_ENTRIES_MAX {
            File::create(folder.path().join(number.to_string())).unwrap();
        }
        weigh(folder.path()).unwrap();
        File::create(folder.path().join("one more")).unwrap();
        insta::assert_snapshot!(weigh(folder.path()).unwrap_err(), @"it has more than 20000 files and folders");
    }
}
