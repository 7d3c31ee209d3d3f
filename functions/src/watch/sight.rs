//! Looks at files and arranges to hear of them.

use super::news::News;
use super::path;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long nothing is heard before every file is looked at. For what the system does not tell.
const PATIENCE: Duration = Duration::from_secs(2);

/// The same when the system tells nothing: it lacks inotify, or its limit of watches is reached.
const PATIENCE_DEAF: Duration = Duration::from_millis(50);

/// A file that is younger than this when it is looked at may change once more and keep its looks: clocks of file systems
/// tick as seldom as every other second.
const TICK: Duration = Duration::from_secs(2);

/// The watched files, what they looked like last, and the folders that are watched for them.
pub(super) struct Sight {
    files: Vec<File>,
    watcher: Option<RecommendedWatcher>,
    /// Watched folders and which they were: a folder can be replaced by another of its name.
    folders: BTreeMap<PathBuf, Identity>,
    deaf: bool,
}

struct File {
    path: PathBuf,
    names: Vec<PathBuf>,
    looks: Looks,
}

/// Device and inode.
type Identity = (u64, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    identity: Identity,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What of a file changes when the file does; `None` = there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looks {
    found: Option<Found>,
    /// It was so young that the rest proves nothing.
    doubtful: bool,
}

impl Looks {
    fn of(path: &Path) -> Self {
        let Ok(found) = std::fs::metadata(path) else { return Self { found: None, doubtful: false } };
        #[allow(clippy::disallowed_methods, reason = "compared with the clock that stamped the file")]
        let age = found.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        let found = Found {
            identity: (found.dev(), found.ino()),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        };
        Self { found: Some(found), doubtful: age.is_none_or(|age| age < TICK) }
    }
}

impl Sight {
    pub(super) fn new(files: Vec<PathBuf>, watcher: Option<RecommendedWatcher>) -> Self {
        let files = files.into_iter().map(|path| File { names: Vec::new(), looks: Looks::of(&path), path });
        Self { files: files.collect(), deaf: watcher.is_none(), watcher, folders: BTreeMap::new() }
    }

    /// How long to wait for news before looking.
    pub(super) fn patience(&self) -> Duration {
        if self.deaf { PATIENCE_DEAF } else { PATIENCE }
    }

    /// Starts to watch; tells every file, because it may have changed before.
    pub(super) fn watch_all(&mut self, news: &News) {
        self.arrange(&(0..self.files.len()).collect(), news);
        news.tell(0..self.files.len());
    }

    /// Looks at files that something happened to, and at the way to them.
    pub(super) fn look(&mut self, heard: &BTreeSet<usize>, news: &News) -> Vec<usize> {
        for file in heard {
            self.files[*file].looks = Looks::of(&self.files[*file].path);
        }
        self.arrange(heard, news);
        heard.iter().copied().collect()
    }

    /// Looks at every file and gives those that look different.
    pub(super) fn look_at_all(&mut self, news: &News) -> Vec<usize> {
        let mut changed = Vec::new();
        for (at, file) in self.files.iter_mut().enumerate() {
            let looks = Looks::of(&file.path);
            if looks.found != file.looks.found || file.looks.doubtful {
                changed.push(at);
            }
            file.looks = looks;
        }
        self.arrange(&(0..self.files.len()).collect(), news);
        changed
    }

    /// Makes sure that the right folders are watched for these files. What changes meanwhile is found by the next look.
    fn arrange(&mut self, files: &BTreeSet<usize>, news: &News) {
        const ROUNDS_MAX: usize = 3;
        for _ in 0..ROUNDS_MAX {
            let mut same = true;
            for at in files {
                let file = &mut self.files[*at];
                let names = path::names(&file.path);
                same &= names == file.names;
                file.names = names;
            }
            let folders = self.folders();
            if same && folders == self.folders {
                return;
            }
            news.listen_for(self.about());
            self.watch_folders(folders);
        }
    }

    /// The folders that have a name on the way to a file.
    fn folders(&self) -> BTreeMap<PathBuf, Identity> {
        let names = self.files.iter().flat_map(|file| &file.names);
        let folders: BTreeSet<&Path> = names.filter_map(|name| name.parent()).collect();
        let known = folders.into_iter().filter_map(|folder| {
            let found = std::fs::symlink_metadata(folder).ok().filter(std::fs::Metadata::is_dir)?;
            Some((folder.to_owned(), (found.dev(), found.ino())))
        });
        known.collect()
    }

    /// Which files a name is about: also the folder of a name, because what happens to the folder happens to the name.
    fn about(&self) -> HashMap<PathBuf, Vec<usize>> {
        let mut about: HashMap<PathBuf, BTreeSet<usize>> = HashMap::new();
        for (at, file) in self.files.iter().enumerate() {
            for name in &file.names {
                about.entry(name.clone()).or_default().insert(at);
                if let Some(folder) = name.parent() {
                    about.entry(folder.to_owned()).or_default().insert(at);
                }
            }
        }
        about.into_iter().map(|(name, files)| (name, files.into_iter().collect())).collect()
    }

    fn watch_folders(&mut self, wanted: BTreeMap<PathBuf, Identity>) {
        let Some(watcher) = &mut self.watcher else {
            self.folders = wanted;
            return;
        };
        for (folder, identity) in &self.folders {
            if wanted.get(folder) != Some(identity) {
                // An error says that it has gone, and with it the watch.
                let _ = watcher.unwatch(folder);
            }
        }
        let mut deaf = false;
        for (folder, identity) in &wanted {
            if self.folders.get(folder) == Some(identity) && !self.deaf {
                continue;
            }
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                deaf = true;
                if !self.deaf {
                    tracing::warn!(%error, folder = %folder.display(), "files are looked at instead of watched");
                }
            }
        }
        self.deaf = deaf;
        self.folders = wanted;
    }
}
