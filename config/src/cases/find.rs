//! Where case files and the configurations they are about are found.

use std::io;
use std::path::{Path, PathBuf};

/// What a case file is called.
pub const CASE_FILES: &str = "cases.toml or *.cases.toml";

/// What a configuration is called that nobody names.
pub const CONFIG_FILE: &str = "homefront.toml";

/// Folders that hold what others made.
const SKIPPED: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// Whether a file has the name of a case file.
pub fn is_case_file(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name == "cases.toml" || name.ends_with(".cases.toml"))
}

/// Every case file in a folder and the folders in it, by path. Hidden folders and what tools made are left out, and links to
/// folders are not followed.
pub fn find(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if !name.starts_with('.') && !SKIPPED.contains(&name.as_ref()) {
                    folders.push(entry.path());
                }
            } else if is_case_file(Path::new(name.as_ref())) {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The configuration in the nearest folder, from `folder` upwards, that has one.
pub(super) fn nearest_config(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(CONFIG_FILE)).find(|file| file.is_file())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn case_files_are_found_in_all_folders_but_hidden_and_made_ones() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            "cases.toml",
            "b/rewrite.cases.toml",
            "a/cases.toml",
            "a/homefront.toml",
            "a/mycases.toml",
            ".git/cases.toml",
            "target/cases.toml",
            "node_modules/x/cases.toml",
        ];
        for file in files {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let found = find(folder.path()).unwrap();
        let found: Vec<_> =
            found.iter().map(|file| file.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(found, ["a/cases.toml", "b/rewrite.cases.toml", "cases.toml"]);
        assert_eq!(nearest_config(&folder.path().join("a/deep/down")), Some(folder.path().join("a/homefront.toml")));
    }
}
