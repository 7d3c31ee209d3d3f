//! Saved code serves while the node runs: the files of each package are looked at, and new environments take the place of those
//! that have loaded the older ones.
//!
//! Looking is enough: a package may have thousands of folders, more than a system lets one process watch. How often depends on how
//! long a look takes.

use super::folder::Folder;
use super::pool::Pool;
use super::{Lambdas, Packages, Plan, Program};
use crate::aside::aside;
use crate::js::functions::Reloaded;
use homefront_config::lambda::LambdaRuntime;
use homefront_config::limits::{LAMBDA_LOOK_MS, LAMBDA_LOOK_SHARE, LAMBDA_PACKAGE_ENTRIES_MAX};
use homefront_config::log::LogTarget;
use homefront_config::{Config, Lambda};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Folders that hold what interpreters and tools leave beside code.
const NO_CODE: [&str; 3] = ["__pycache__", ".git", ".cache"];

/// Files that are written while a node runs, so that they are none of a function's though they lie in its package.
pub(super) type Logs = Arc<[PathBuf]>;

/// A function's package as the configuration names it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) lambda: Lambda,
    /// Since the node looked for the last time.
    looks: Option<u64>,
}

impl Source {
    /// Looks at it for the first time.
    pub(super) async fn new(lambda: &Lambda, logs: &Logs) -> Self {
        let (code, logs) = (lambda.code.clone(), logs.clone());
        Self { lambda: lambda.clone(), looks: aside(move || looks(&code, &logs)).await }
    }
}

/// The files a node writes its logs to.
pub(super) fn logs(config: &Config) -> Logs {
    let targets = config.log.access.iter().map(|access| &access.target).chain([&config.log.function]);
    let files = targets.filter_map(|target| match target {
        LogTarget::File(file) => Some(resolved(file)),
        LogTarget::Stdout | LogTarget::Stderr => None,
    });
    files.collect()
}

/// A file in the folder that its own stands for: the same, however a package is named.
fn resolved(file: &Path) -> PathBuf {
    let folder = file.parent().and_then(|folder| folder.canonicalize().ok());
    folder.zip(file.file_name()).map_or_else(|| file.to_owned(), |(folder, name)| folder.join(name))
}

impl Lambdas {
    /// Lets saved packages serve, for as long as it is polled, and tells of each.
    pub async fn keep_current(&self, tell: &Arc<dyn Fn(Reloaded) + Send + Sync>) -> Infallible {
        let mut keepers = JoinSet::new();
        for (name, pool) in &self.pools {
            let Some(source) = self.sources.get(name).cloned() else { continue };
            keepers.spawn(keep_one(pool.clone(), source, self.packages.clone(), self.logs.clone(), tell.clone()));
        }
        while keepers.join_next().await.is_some() {}
        std::future::pending().await
    }
}

/// Looks at a package until nobody polls it any more.
async fn keep_one(
    pool: Pool,
    mut source: Source,
    packages: Arc<Packages>,
    logs: Logs,
    tell: Arc<dyn Fn(Reloaded) + Send + Sync>,
) {
    let pause = Duration::from_millis(LAMBDA_LOOK_MS);
    let mut seen = None;
    loop {
        let began = Instant::now();
        let (code, none) = (source.lambda.code.clone(), logs.clone());
        let now = aside(move || looks(&code, &none)).await;
        let rest = pause.max(began.elapsed() * LAMBDA_LOOK_SHARE);
        // What two looks agree on is not being written any more. A package that is away will come back.
        match (now, seen) {
            (Some(_), _) if now == source.looks => seen = None,
            (Some(looks), Some((last, since))) if looks == last => {
                (source.looks, seen) = (now, None);
                tell(serve(&pool, &source.lambda, &packages, since).await);
            }
            (Some(looks), Some((_, since))) => seen = Some((looks, since)),
            (Some(looks), None) => seen = Some((looks, began)),
            (None, _) => {}
        }
        tokio::time::sleep(rest).await;
    }
}

/// Turns to what a package is now.
async fn serve(pool: &Pool, lambda: &Lambda, packages: &Arc<Packages>, since: Instant) -> Reloaded {
    let (opener, named) = (packages.clone(), lambda.clone());
    let package = match aside(move || opener.open_saved(&named)).await {
        Ok(package) => package,
        Err(error) => return Reloaded::Refused { reasons: vec![error.to_string()], last_good_serves: true },
    };
    let older = pool.current_plan();
    let moved = (package.path() != older.lambda.code).then(|| {
        let lambda = Lambda { code: package.path().to_owned(), ..older.lambda.clone() };
        let program = match lambda.runtime {
            LambdaRuntime::Provided => Program::provided(&lambda.code),
            _ => older.program.clone(),
        };
        Plan { lambda, program, package, ..older }
    });
    pool.replace(moved);
    Reloaded::Taken { what: format!("lambda \"{}\"", lambda.name), file: lambda.code.clone(), took: since.elapsed() }
}

/// What changes when a file of the package does, whatever the order in which the system lists them; `None` = it is not there. What is
/// too much for a package, or cannot be read, looks like something else, too: whoever opens it then says why it cannot serve.
fn looks(package: &Path, logs: &[PathBuf]) -> Option<u64> {
    if package.is_file() {
        return look(package, package).ok();
    }
    let package = &*package.canonicalize().ok()?;
    std::fs::read_dir(package).ok()?;
    let mut view = View { package, logs, sum: 0, linked: BTreeSet::new() };
    let mut left = LAMBDA_PACKAGE_ENTRIES_MAX;
    if !view.takes_in(package, &mut left) {
        return Some(u64::MAX);
    }
    // Of what lies outside, as the packages of a workspace do, so much is looked at and no more.
    let (mut left, mut seen) = (LAMBDA_PACKAGE_ENTRIES_MAX, BTreeSet::new());
    while let Some(folder) = view.linked.pop_first() {
        if seen.insert(folder.clone()) && !view.takes_in(&folder, &mut left) {
            break;
        }
    }
    Some(view.sum)
}

/// What was seen of a package.
struct View<'a> {
    package: &'a Path,
    logs: &'a [PathBuf],
    sum: u64,
    /// Folders outside that links lead to.
    linked: BTreeSet<PathBuf>,
}

impl View<'_> {
    /// Looks at a folder and all below. `false`: there is more than `left`, which it lessens.
    fn takes_in(&mut self, root: &Path, left: &mut usize) -> bool {
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            let listed = match std::fs::read_dir(&folder) {
                Ok(listed) => listed,
                Err(error) => {
                    self.add(hash_of(&(&folder, error.raw_os_error())));
                    continue;
                }
            };
            for entry in listed.flatten() {
                let Some(fewer) = left.checked_sub(1) else { return false };
                *left = fewer;
                let (path, kind) = (entry.path(), entry.file_type());
                if kind.is_ok_and(|kind| kind.is_dir()) {
                    let name = entry.file_name();
                    let is_code = !NO_CODE.iter().any(|other| name == *other) && !Folder::has_name(&name);
                    folders.extend(is_code.then_some(path));
                } else if !is_log(&path, self.logs) && path.extension() != Some(OsStr::new("pyc")) {
                    // A file that goes while it is looked at is gone at the next look.
                    self.add(look(&path, self.package).unwrap_or_default());
                    self.linked.extend(folder_outside(&path, self.package));
                }
            }
        }
        true
    }

    fn add(&mut self, hash: u64) {
        self.sum = self.sum.wrapping_add(hash);
    }
}

/// Where a link leads to, if that is a folder outside of the package.
fn folder_outside(path: &Path, package: &Path) -> Option<PathBuf> {
    let target = if path.is_symlink() { path.canonicalize().ok()? } else { return None };
    (target.is_dir() && !target.starts_with(package) && !package.starts_with(&target)).then_some(target)
}

/// Symbolic links count as what they lead to. Tools that unpack or build set times of their own, so that another file may have the
/// same; nobody sets the time of a change.
fn look(file: &Path, package: &Path) -> io::Result<u64> {
    let found = file.metadata()?;
    let content = (found.len(), found.mtime(), found.mtime_nsec(), found.mode());
    let itself = (found.dev(), found.ino(), found.ctime(), found.ctime_nsec());
    Ok(hash_of(&(file.strip_prefix(package).unwrap_or(file), content, itself)))
}

fn hash_of(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// The file itself, or one of its older ones, as `access.log.1`.
fn is_log(file: &Path, logs: &[PathBuf]) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.as_encoded_bytes().to_vec());
    logs.iter().any(|log| {
        file.parent() == log.parent()
            && matches!((name(file), name(log)), (Some(name), Some(log)) if name.starts_with(&log))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_package_looks_other_when_its_code_does_and_not_for_what_the_node_leaves_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let (package, link) = (folder.path().join("package"), folder.path().join("link"));
        fs::create_dir_all(package.join("lib")).unwrap();
        symlink(&package, &link).unwrap();
        fs::write(package.join("lib/code"), "1").unwrap();
        let logs = [resolved(&link.join("access.log"))];
        let ways = [package.clone(), link, package.join("../package")];
        let seen = || ways.each_ref().map(|way| looks(way, &logs));
        let before = seen();
        fs::write(package.join("access.log"), "a line").unwrap();
        fs::write(package.join("access.log.1"), "older lines").unwrap();
        let own = package.join(format!("homefront-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&own).unwrap();
        fs::write(own.join("file"), "of a function").unwrap();
        assert_eq!(seen(), before);
        let saved = fs::metadata(package.join("lib/code")).unwrap().modified().unwrap();
        fs::write(package.join("new"), "2").unwrap();
        fs::File::options().append(true).open(package.join("new")).unwrap().set_modified(saved).unwrap();
        fs::rename(package.join("new"), package.join("lib/code")).unwrap();
        assert!(
            seen().iter().zip(&before).all(|(now, before)| now.is_some() && now != before),
            "of the same size and time"
        );
    }

    #[test]
    fn a_package_looks_other_when_what_it_links_to_does_wherever_that_lies_and_links_back() {
        let folder = tempfile::tempdir().unwrap();
        let (package, shared) = (folder.path().join("app"), folder.path().join("packages/shared"));
        fs::create_dir_all(package.join("node_modules/@acme")).unwrap();
        fs::create_dir_all(shared.join("lib")).unwrap();
        fs::write(shared.join("lib/index.js"), "1").unwrap();
        symlink("../../../packages/shared", package.join("node_modules/@acme/shared")).unwrap();
        symlink("../../app", shared.join("app")).unwrap();
        symlink("..", package.join("workspace")).unwrap();
        symlink("nowhere", package.join("broken")).unwrap();
        let seen = || looks(&package, &[]).unwrap();
        let before = seen();
        assert_eq!(seen(), before);
        fs::write(folder.path().join("packages/not-linked"), "1").unwrap();
        assert_eq!(seen(), before, "what the package is a part of is none of its code");
        fs::write(shared.join("lib/index.js"), "22").unwrap();
        assert_ne!(seen(), before);
    }
}
