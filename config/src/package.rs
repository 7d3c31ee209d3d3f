//! Deployment packages: what may be in one, and how those that are .zip files are unpacked.
//!
//! A package comes from a build, and often from elsewhere. Whatever it says, nothing is written outside of the folder it is
//! unpacked into, and no more than Lambda would take.

mod folder;

use crate::limits::{LAMBDA_PACKAGE_BYTES_MAX, LAMBDA_PACKAGE_ENTRIES_MAX, LAMBDA_UNPACKED_BYTES_MAX};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use zip::ZipArchive;

pub use folder::weigh;

/// Permissions of a file whose entry says none, as archives from Windows have it.
const MODE: u32 = 0o644;
/// Bytes of what a symbolic link points to.
const TARGET_BYTES_MAX: u64 = 4_096;

/// A package whose entries have been looked at.
#[derive(Debug)]
pub struct Archive {
    zip: ZipArchive<File>,
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    index: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File { mode: u32 },
    Link,
}

/// Why a package cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// It is larger than CloudFront takes; its own sentence.
    #[error(
        "The function code size is larger than the maximum allowed size for functions that are triggered by a CloudFront event: {bytes} Max allowed: {LAMBDA_PACKAGE_BYTES_MAX}"
    )]
    CodeSize {
        /// Of the .zip file.
        bytes: u64,
    },
    /// It holds more than Lambda takes; its own sentence.
    #[error("Unzipped size must be smaller than {LAMBDA_UNPACKED_BYTES_MAX} bytes")]
    UnpackedSize,
    /// It has too many entries.
    #[error("it has {entries} entries; the limit is {LAMBDA_PACKAGE_ENTRIES_MAX}")]
    Entries {
        /// So many.
        entries: usize,
    },
    /// It is a folder with too many files and folders in it.
    #[error("it has more than {LAMBDA_PACKAGE_ENTRIES_MAX} files and folders")]
    FolderEntries,
    /// It is a folder of which something cannot be looked at.
    #[error("{path} cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// As the system has it.
        reason: String,
    },
    /// One of its entries cannot be written.
    #[error("its entry {name:?} {why}")]
    Entry {
        /// As it stands in the archive.
        name: String,
        /// As in "its entry … is encrypted".
        why: &'static str,
    },
    /// It is no .zip file, or a broken one.
    #[error("it cannot be unpacked: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// It cannot be read, or not be written where it should be.
    #[error("it cannot be unpacked: {0}")]
    Io(#[from] io::Error),
}

impl Archive {
    /// Reads the list of its entries and checks it.
    pub fn open(path: &Path) -> Result<Self, PackageError> {
        Self::of(File::open(path)?)
    }

    /// The same of an open file, whatever becomes of its name.
    pub fn of(file: File) -> Result<Self, PackageError> {
        let bytes = file.metadata()?.len();
        if bytes > LAMBDA_PACKAGE_BYTES_MAX {
            return Err(PackageError::CodeSize { bytes });
        }
        let mut zip = ZipArchive::new(file)?;
        if zip.len() > LAMBDA_PACKAGE_ENTRIES_MAX {
            return Err(PackageError::Entries { entries: zip.len() });
        }
        let mut entries = BTreeMap::new();
        let mut bytes_left = LAMBDA_UNPACKED_BYTES_MAX;
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index)?;
            let name = entry.name()?.into_owned();
            let refuse = |why| PackageError::Entry { name: name.clone(), why };
            let path = inside(&name).ok_or_else(|| refuse("would be written outside of the package"))?;
            let kind = if entry.is_dir() {
                Kind::Folder
            } else if entry.is_symlink() {
                Kind::Link
            } else if entry.encrypted() {
                return Err(refuse("is encrypted"));
            } else if entry.unix_mode().is_some_and(|mode| !matches!(mode & 0o170_000, 0 | 0o100_000)) {
                return Err(refuse("is neither a file, a folder nor a symbolic link"));
            } else {
                Kind::File { mode: entry.unix_mode().map_or(MODE, |mode| mode & 0o777) }
            };
            bytes_left = bytes_left.checked_sub(entry.size()).ok_or(PackageError::UnpackedSize)?;
            if path.as_os_str().is_empty() && kind != Kind::Folder {
                return Err(refuse("has no name"));
            }
            if entries.insert(path, Entry { index, kind }).is_some_and(|other: Entry| other.kind != Kind::Folder) {
                return Err(refuse("is there twice"));
            }
        }
        Ok(Self { zip, entries })
    }

    /// The permissions of the file at this place; `None` when none is there.
    pub fn mode(&self, path: &str) -> Option<u32> {
        match self.entries.get(Path::new(path))?.kind {
            Kind::File { mode } => Some(mode),
            // What it leads to is known only when it is unpacked.
            Kind::Link => Some(0o777),
            Kind::Folder => None,
        }
    }

    /// Writes everything into `folder`, which is empty and nobody else's.
    pub fn unpack(mut self, folder: &Path) -> Result<(), PackageError> {
        let mut bytes_left = LAMBDA_UNPACKED_BYTES_MAX;
        for (path, entry) in &self.entries {
            let target = folder.join(path);
            match entry.kind {
                Kind::Folder => fs::create_dir_all(&target)?,
                Kind::File { mode } => {
                    create_parent(&target)?;
                    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode | 0o600).open(&target)?;
                    // The list of entries may lie about what comes out of them.
                    let mut content = self.zip.by_index(entry.index)?.take(bytes_left + 1);
                    let bytes = io::copy(&mut content, &mut file)?;
                    bytes_left = bytes_left.checked_sub(bytes).ok_or(PackageError::UnpackedSize)?;
                }
                Kind::Link => {}
            }
        }
        // Last, so that no file is written through one.
        for (path, entry) in self.entries.iter().filter(|(_, entry)| entry.kind == Kind::Link) {
            let mut target = String::new();
            let mut content = self.zip.by_index(entry.index)?;
            let refuse = |why| PackageError::Entry { name: path.display().to_string(), why };
            (&mut content).take(TARGET_BYTES_MAX).read_to_string(&mut target)?;
            let base = path.parent().unwrap_or(Path::new(""));
            let leads_inside = !target.is_empty() && !target.contains('\0') && stays(base, Path::new(&target));
            if !leads_inside {
                return Err(refuse("is a symbolic link that leads out of the package"));
            }
            create_parent(&folder.join(path))?;
            symlink(&target, folder.join(path))?;
        }
        Ok(())
    }
}

fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// The path that an entry's name stands for, when that is one inside of the package.
fn inside(name: &str) -> Option<PathBuf> {
    // Archives from Windows may part folders by backslashes, which are characters of a name here.
    if name.contains('\0') || name.contains('\\') || name.starts_with('/') {
        return None;
    }
    let mut path = PathBuf::new();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// Whether a link in the folder `base` of the package leads to somewhere in the package.
fn stays(base: &Path, target: &Path) -> bool {
    let mut depth = base.components().count();
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

#[cfg(test)]
#[path = "package_tests.rs"]
mod tests;
