//! What the system said of the files, until somebody asks: one bit for each file, however much is said.

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long a file that was changed may stay open before it is told as it is; and a file that was removed, absent.
const UNSETTLED: Duration = Duration::from_millis(30);

/// The least time between two looks, so that a file that changes all the time costs little.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
pub(super) struct News {
    heard: Mutex<Heard>,
    /// Something was heard, or it is over.
    ear: Condvar,
    told: Mutex<BTreeSet<usize>>,
    mouth: Notify,
}

#[derive(Debug, Default)]
struct Heard {
    /// Which files a name is about.
    names: HashMap<PathBuf, Vec<usize>>,
    /// Files something happened to, and whether their writer seems to be done.
    files: HashMap<usize, bool>,
    first: Option<Instant>,
    last_look: Option<Instant>,
    /// The system has lost count.
    lost: bool,
    stopped: bool,
}

/// What ended a wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Something may have happened to these files.
    Heard(BTreeSet<usize>),
    /// Nothing was heard, or not all: look at every file.
    Quiet,
    /// Nobody wants to know any more.
    Stopped,
}

impl News {
    /// From now on a name is about these files.
    pub(super) fn listen_for(&self, names: HashMap<PathBuf, Vec<usize>>) {
        self.heard.lock().names = names;
    }

    /// The system says something.
    pub(super) fn hear(&self, event: notify::Result<Event>) {
        let mut heard = self.heard.lock();
        match event {
            Ok(event) if !event.need_rescan() => {
                let Some(settled) = settles(event.kind) else { return };
                let Heard { names, files, .. } = &mut *heard;
                let about: Vec<usize> =
                    event.paths.iter().filter_map(|path| names.get(path)).flatten().copied().collect();
                if about.is_empty() {
                    return;
                }
                files.extend(about.into_iter().map(|file| (file, settled)));
            }
            _ => heard.lost = true,
        }
        heard.first.get_or_insert_with(Instant::now);
        self.ear.notify_one();
    }

    /// Waits until something was heard and has settled, at most for `patience`.
    pub(super) fn wait(&self, patience: Duration) -> Wait {
        let mut heard = self.heard.lock();
        let until = Instant::now() + patience;
        loop {
            let now = Instant::now();
            let due = match heard.first {
                _ if heard.stopped => return Wait::Stopped,
                None => until,
                Some(first) => {
                    let settled = !heard.lost && heard.files.values().all(|settled| *settled);
                    let due = if settled { first } else { first + UNSETTLED };
                    heard.last_look.map_or(due, |last| due.max(last + PAUSE))
                }
            };
            if now >= due {
                heard.first = None;
                heard.last_look = Some(now);
                let files: BTreeSet<usize> = std::mem::take(&mut heard.files).into_keys().collect();
                let lost = std::mem::take(&mut heard.lost);
                return if files.is_empty() || lost { Wait::Quiet } else { Wait::Heard(files) };
            }
            self.ear.wait_until(&mut heard, due);
        }
    }

    /// Says which files to look at.
    pub(super) fn tell(&self, files: impl IntoIterator<Item = usize>) {
        let mut told = self.told.lock();
        told.extend(files);
        if !told.is_empty() {
            self.mouth.notify_one();
        }
    }

    /// Waits until there is something to tell.
    pub(super) async fn told(&self) -> Vec<usize> {
        loop {
            let files = std::mem::take(&mut *self.told.lock());
            if !files.is_empty() {
                return files.into_iter().collect();
            }
            self.mouth.notified().await;
        }
    }

    pub(super) fn stop(&self) {
        self.heard.lock().stopped = true;
        self.ear.notify_one();
    }
}

/// Whether what happened is complete; `None` = it changes nothing.
fn settles(kind: EventKind) -> Option<bool> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => Some(true),
        EventKind::Access(_) => None,
        // A new file is going to be written, and a file that went may come back; both mostly in no time.
        _ => Some(false),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use notify::event::{CreateKind, DataChange, Flag, RemoveKind};

    const LONG: Duration = Duration::from_mins(1);
    const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
    const CLOSED: EventKind = EventKind::Access(AccessKind::Close(AccessMode::Write));

    fn news() -> News {
        let news = News::default();
        news.listen_for([("/a".into(), vec![0]), ("/b".into(), vec![1, 2])].into());
        news
    }

    fn hear(news: &News, kind: EventKind, path: &str) {
        news.hear(Ok(Event::new(kind).add_path(path.into())));
    }

    fn heard(files: &[usize]) -> Wait {
        Wait::Heard(files.iter().copied().collect())
    }

    #[test]
    fn a_file_is_told_at_once_when_its_writer_closes_it_or_it_is_renamed() {
        let news = news();
        hear(&news, EventKind::Create(CreateKind::File), "/a");
        hear(&news, WRITTEN, "/a");
        hear(&news, CLOSED, "/a");
        hear(&news, EventKind::Modify(ModifyKind::Name(RenameMode::To)), "/b");
        let before = Instant::now();
        assert_eq!(news.wait(LONG), heard(&[0, 1, 2]));
        assert!(before.elapsed() < UNSETTLED);
    }

    #[test]
    fn a_file_that_stays_open_or_away_is_told_after_a_while() {
        for kind in [WRITTEN, EventKind::Remove(RemoveKind::File)] {
            let news = news();
            let before = Instant::now();
            hear(&news, kind, "/a");
            assert_eq!(news.wait(LONG), heard(&[0]));
            assert!(before.elapsed() >= UNSETTLED);
        }
    }

    #[test]
    fn other_files_and_readers_are_no_news() {
        let news = news();
        hear(&news, WRITTEN, "/c");
        hear(&news, EventKind::Access(AccessKind::Open(AccessMode::Any)), "/a");
        hear(&news, EventKind::Access(AccessKind::Close(AccessMode::Read)), "/a");
        assert!(news.heard.lock().files.is_empty());
        assert_eq!(news.wait(Duration::ZERO), Wait::Quiet);
    }

    #[test]
    fn events_that_were_lost_make_every_file_suspect() {
        let news = news();
        hear(&news, CLOSED, "/a");
        news.hear(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert_eq!(news.wait(LONG), Wait::Quiet);
        news.hear(Err(notify::Error::generic("watch limit")));
        assert_eq!(news.wait(LONG), Wait::Quiet);
    }

    #[test]
    fn two_looks_are_apart() {
        let news = news();
        hear(&news, CLOSED, "/a");
        assert_eq!(news.wait(LONG), heard(&[0]));
        let before = Instant::now();
        for _ in 0..100 {
            hear(&news, CLOSED, "/a");
        }
        assert_eq!(news.wait(LONG), heard(&[0]));
        assert!(before.elapsed() + Duration::from_millis(1) >= PAUSE);
    }

    #[tokio::test]
    async fn what_is_told_is_told_once() {
        let news = news();
        news.tell([2, 0]);
        news.tell([2]);
        assert_eq!(news.told().await, [0, 2]);
        news.tell([1]);
        assert_eq!(news.told().await, [1]);
    }

    #[test]
    fn nobody_waits_for_what_was_stopped() {
        let news = news();
        news.stop();
        assert_eq!(news.wait(LONG), Wait::Stopped);
    }
}
