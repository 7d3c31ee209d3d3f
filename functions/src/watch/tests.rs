//! What happens to files, and what is told of it.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::Watch;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const LONG: Duration = Duration::from_mins(1);

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

/// Watches files that have been there for a while, as far as their clocks tell.
async fn watch(files: &[PathBuf]) -> Watch {
    let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for file in files.iter().filter(|file| file.exists()) {
        fs::File::options().append(true).open(file).unwrap().set_modified(long_ago).unwrap();
    }
    let watch = Watch::start(files.to_vec()).unwrap();
    assert_eq!(told(&watch).await, (0..files.len()).collect::<Vec<_>>(), "everything is told at first");
    watch
}

async fn told(watch: &Watch) -> Vec<usize> {
    tokio::time::timeout(LONG, watch.changed()).await.expect("news")
}

/// Waits until the file is told with this content; a burst may be told in pieces.
async fn until_read(watch: &Watch, file: &Path, content: &str) {
    loop {
        assert_eq!(told(watch).await, [0]);
        if fs::read_to_string(file).ok().as_deref() == Some(content) {
            return;
        }
    }
}

/// Writes in place several times, more often than there can be late news of what was before.
async fn assert_watched(watch: &Watch, file: &Path) {
    for round in 0..5 {
        fs::write(file, format!("round {round}")).unwrap();
        until_read(watch, file, &format!("round {round}")).await;
    }
}

#[tokio::test]
async fn a_file_that_is_written_is_told() {
    let (_folder, path) = folder();
    let files = [path.join("a.js"), path.join("b.js")];
    for file in &files {
        fs::write(file, "1").unwrap();
    }
    let watch = watch(&files).await;
    fs::write(&files[1], "2").unwrap();
    assert_eq!(told(&watch).await, [1]);
    fs::write(path.join("neighbour.js"), "2").unwrap();
    fs::write(&files[0], "2").unwrap();
    assert_eq!(told(&watch).await, [0]);
}

#[tokio::test]
async fn a_file_that_is_replaced_by_another_is_told() {
    let (_folder, path) = folder();
    let file = path.join("a.js");
    fs::write(&file, "1").unwrap();
    let watch = watch(std::slice::from_ref(&file)).await;
    for round in 0..3 {
        fs::write(path.join(".a.js.swp"), format!("{round}")).unwrap();
        fs::rename(path.join(".a.js.swp"), &file).unwrap();
        assert_eq!(told(&watch).await, [0]);
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{round}"));
    }
}

#[tokio::test]
async fn a_link_that_is_swapped_is_told_as_kubernetes_does_it() {
    let (_folder, path) = folder();
    for version in ["..1", "..2"] {
        fs::create_dir(path.join(version)).unwrap();
        fs::write(path.join(version).join("a.js"), version).unwrap();
    }
    symlink("..1", path.join("..data")).unwrap();
    symlink("..data/a.js", path.join("a.js")).unwrap();
    let file = path.join("a.js");
    let watch = watch(std::slice::from_ref(&file)).await;
    symlink("..2", path.join("..data_tmp")).unwrap();
    fs::rename(path.join("..data_tmp"), path.join("..data")).unwrap();
    assert_eq!(told(&watch).await, [0]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "..2");
    fs::remove_dir_all(path.join("..1")).unwrap();
    assert_watched(&watch, &file).await;
}

#[tokio::test]
async fn a_folder_that_is_replaced_is_told_and_watched_again() {
    let (_folder, path) = folder();
    let file = path.join("functions/a.js");
    fs::create_dir(path.join("functions")).unwrap();
    fs::write(&file, "1").unwrap();
    let watch = watch(std::slice::from_ref(&file)).await;
    fs::rename(path.join("functions"), path.join("old")).unwrap();
    assert_eq!(told(&watch).await, [0]);
    fs::create_dir(path.join("new")).unwrap();
    fs::write(path.join("new/a.js"), "2").unwrap();
    fs::rename(path.join("new"), path.join("functions")).unwrap();
    until_read(&watch, &file, "2").await;
    assert_watched(&watch, &file).await;
}

#[tokio::test]
async fn a_file_that_comes_and_goes_is_told() {
    let (_folder, path) = folder();
    let file = path.join("later/still/a.js");
    let watch = watch(std::slice::from_ref(&file)).await;
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "1").unwrap();
    until_read(&watch, &file, "1").await;
    assert_watched(&watch, &file).await;
    fs::remove_file(&file).unwrap();
    while file.exists() || told(&watch).await.is_empty() {}
}

#[tokio::test]
async fn a_storm_is_told_and_its_end_is_not_missed() {
    const WRITES: usize = 2_000;
    let (_folder, path) = folder();
    let file = path.join("a.js");
    fs::write(&file, "start").unwrap();
    let watch = watch(std::slice::from_ref(&file)).await;
    let writer = tokio::task::spawn_blocking({
        let file = file.clone();
        move || (0..WRITES).for_each(|number| fs::write(&file, format!("{number:04}")).unwrap())
    });
    let last = format!("{:04}", WRITES - 1);
    let mut looks = 0;
    loop {
        assert_eq!(told(&watch).await, [0]);
        looks += 1;
        if fs::read_to_string(&file).unwrap() == last {
            break;
        }
    }
    writer.await.unwrap();
    assert!(looks < WRITES / 2, "{looks} looks at {WRITES} writes");
}

#[tokio::test]
async fn a_dropped_watch_ends_its_thread() {
    let (_folder, path) = folder();
    let watch = watch(&[path.join("a.js")]).await;
    let news = std::sync::Arc::downgrade(&watch.news);
    drop(watch);
    let gone = async {
        while news.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, gone).await.expect("it ends");
}
