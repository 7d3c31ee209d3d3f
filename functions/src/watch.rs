//! Tells which of a node's files may have changed, within milliseconds of the change.
//!
//! The folders of the files are watched, not the files: editors replace a file by renaming another one over it, and
//! Kubernetes swaps a symbolic link that is part of the path. What comes in a burst is told once, and a file that is being
//! written is told when its writer closes it. Whatever the system does not tell (another machine writes, the system forgot
//! events) is found by looking, a little later.

mod news;
mod path;
mod sight;

use news::{News, Wait};
use notify::{RecommendedWatcher, Watcher as _};
use sight::Sight;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Watches files until it is dropped.
#[derive(Debug)]
pub struct Watch {
    news: Arc<News>,
}

impl Watch {
    /// Watches these files; they need not be there. What [`Watch::changed`] gives are their places in this list.
    pub fn start(files: Vec<PathBuf>) -> io::Result<Self> {
        let news = Arc::new(News::default());
        let watch = Self { news: news.clone() };
        std::thread::Builder::new().name("file-watch".to_owned()).spawn(move || {
            let heard = news.clone();
            let watcher = RecommendedWatcher::new(
                move |event: notify::Result<notify::Event>| heard.hear(event),
                notify::Config::default().with_follow_symlinks(false),
            );
            let watcher = watcher.inspect_err(|error| tracing::warn!(%error, "files are looked at instead of watched"));
            keep_looking(&news, Sight::new(files, watcher.ok()));
        })?;
        Ok(watch)
    }

    /// Waits until files may have changed since the last time, and says which. A file stands once, however often it
    /// changed; it may be told though it is the same as before.
    pub async fn changed(&self) -> Vec<usize> {
        self.news.told().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.news.stop();
    }
}

fn keep_looking(news: &News, mut sight: Sight) {
    sight.watch_all(news);
    loop {
        match news.wait(sight.patience()) {
            Wait::Stopped => return,
            Wait::Heard(heard) => {
                let changed = sight.look(&heard, news);
                news.tell(changed);
            }
            Wait::Quiet => {
                let changed = sight.look_at_all(news);
                news.tell(changed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
