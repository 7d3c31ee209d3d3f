//! The names a path leads over: whatever happens to one of them may change what is at its end.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Symbolic links of one path; the kernel follows 40.
const LINKS_MAX: usize = 40;

/// The names that decide what `path` leads to, each in a folder without symbolic links: every symbolic link on the way, the
/// folder the file is in, and the file itself. A name that does not exist is the last.
pub(super) fn names(path: &Path) -> Vec<PathBuf> {
    let mut names = Vec::new();
    let mut real = PathBuf::from("/");
    let mut rest: VecDeque<OsString> = parts(path).collect();
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            real.pop();
            continue;
        }
        let name = real.join(&part);
        match std::fs::symlink_metadata(&name) {
            Ok(found) if found.is_symlink() && links < LINKS_MAX => {
                links += 1;
                let target = std::fs::read_link(&name).unwrap_or_default();
                names.push(name);
                if target.is_absolute() {
                    real = PathBuf::from("/");
                }
                for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                    rest.push_front(part);
                }
            }
            Ok(_) => {
                // The folder of the file can be replaced as a whole. Those above it are rather left where they are, and their
                // folders are busy: /tmp, /home, /.
                if rest.len() <= 1 {
                    names.push(name.clone());
                }
                real = name;
            }
            Err(_) => {
                names.push(name);
                break;
            }
        }
    }
    names
}

fn parts(path: &Path) -> impl Iterator<Item = OsString> + '_ {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn told(path: &Path, root: &Path) -> Vec<String> {
        let relative = |name: PathBuf| match name.strip_prefix(root).unwrap_or(&name) {
            name if name.as_os_str().is_empty() => ".".to_owned(),
            name => name.display().to_string(),
        };
        names(path).into_iter().map(relative).collect()
    }

    fn root() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        (folder, root)
    }

    #[test]
    fn a_plain_path_is_decided_by_the_file_and_its_folder() {
        let (_folder, root) = root();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/b/f.js"), "").unwrap();
        assert_eq!(told(&root.join("a/b/f.js"), &root), ["a/b", "a/b/f.js"]);
        assert_eq!(told(&root.join("a/./b/../b/f.js"), &root), ["a/b", "a/b/f.js"]);
    }

    #[test]
    fn every_symbolic_link_on_the_way_counts() {
        let (_folder, root) = root();
        std::fs::create_dir(root.join("..2024_01")).unwrap();
        std::fs::write(root.join("..2024_01/f.js"), "").unwrap();
        symlink("..2024_01", root.join("..data")).unwrap();
        symlink("..data/f.js", root.join("f.js")).unwrap();
        symlink(&root, root.join("self")).unwrap();
        let path = root.join("self/f.js");
        assert_eq!(told(&path, &root), ["self", ".", "f.js", "..data", "..2024_01", "..2024_01/f.js"]);
    }

    #[test]
    fn a_path_ends_where_nothing_is() {
        let (_folder, root) = root();
        assert_eq!(told(&root.join("a/b/f.js"), &root), ["a"]);
        symlink("gone/f.js", root.join("f.js")).unwrap();
        assert_eq!(told(&root.join("f.js"), &root), [".", "f.js", "gone"]);
    }

    #[test]
    fn a_circle_of_links_ends() {
        let (_folder, root) = root();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        assert!(told(&root.join("a"), &root).len() <= LINKS_MAX + 2);
    }
}
