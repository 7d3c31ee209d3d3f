//! Deployment packages as functions find them: folders as they are, .zip files unpacked once for each content.

use super::folder::Folder;
use crate::aside::open_file;
use crate::edge_code::StartError;
use homefront_config::Lambda;
use homefront_config::package::{Archive, PackageError, weigh};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// A package's files, for as long as somebody holds it.
#[derive(Debug, Clone)]
pub(super) enum Package {
    /// The user's own folder.
    Folder(PathBuf),
    /// Ours; functions of the same content share it.
    Unpacked(Arc<Folder>),
}

/// What was unpacked, by the content's SHA-256.
#[derive(Debug, Default)]
pub(super) struct Packages(Mutex<HashMap<[u8; 32], Weak<Folder>>>);

impl Package {
    /// The task root.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Folder(path) => path,
            Self::Unpacked(folder) => folder.path(),
        }
    }
}

impl Packages {
    /// The package of a function, unpacked if it must be. It reads and writes files: not for a thread that serves.
    pub(super) fn open(&self, lambda: &Lambda) -> Result<Package, StartError> {
        if !lambda.code.is_file() {
            return Ok(Package::Folder(lambda.code.clone()));
        }
        let unpacked = self.unpacked(&lambda.code).map_err(|reason| refused(lambda, &reason))?;
        Ok(Package::Unpacked(unpacked))
    }

    /// The same, of what was saved since the configuration was read: that it is no larger than a package may be is to be seen again.
    pub(super) fn open_saved(&self, lambda: &Lambda) -> Result<Package, StartError> {
        let package = self.open(lambda)?;
        if let Package::Folder(folder) = &package {
            weigh(folder).map_err(|reason| refused(lambda, &reason))?;
        }
        Ok(package)
    }

    fn unpacked(&self, path: &Path) -> Result<Arc<Folder>, PackageError> {
        // Once: another file may take its name at any time.
        let mut file = open_file(path)?;
        let archive = Archive::of(file.try_clone()?)?;
        let mut digest = Sha256::new();
        file.rewind()?;
        io::copy(&mut file, &mut digest)?;
        let digest = digest.finalize().into();
        let mut known = self.0.lock();
        if let Some(folder) = known.get(&digest).and_then(Weak::upgrade) {
            return Ok(folder);
        }
        let folder = Arc::new(Folder::create_uncovered()?);
        archive.unpack(folder.path())?;
        known.insert(digest, Arc::downgrade(&folder));
        Ok(folder)
    }
}

fn refused(lambda: &Lambda, reason: &PackageError) -> StartError {
    StartError::Package {
        place: lambda.place.clone(),
        lambda: lambda.name.clone(),
        package: lambda.code.clone(),
        reason: reason.to_string(),
    }
}
