//! The life of one worker as the node sees it: answers in, the clock, and the end.

use super::ear::Waits;
use super::link::Link;
use super::roster::Watch;
use super::talk::{LastWords, cause_of_death};
use super::template::Started;
use super::{NoResult, Shared, execution_failure};
use crate::js::frame::FrameError;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

/// Why a worker's time is over.
enum End {
    /// The call of this id has used up its budget.
    Overdue(u64),
    /// It closed its end of the socket: it exited, aborted or was killed.
    Closed,
    /// It lied.
    Frame(FrameError),
}

/// Tends a worker until it is gone, and hands on what it leaves.
pub(super) async fn tend(shared: Arc<Shared>, started: Started) {
    let Started { link, mut bell, last_words, .. } = started;
    let end = until_end(&shared, &link, &mut bell).await;
    shared.dismiss(&link);
    link.child.kill();
    let what = describe(&end, &link, last_words).await;
    if !matches!(end, End::Frame(_)) {
        // What it had answered before it died counts.
        let _ = link.ear.lock().receive(&shared, &link);
    }
    shared.mourn(&link, blamed(&end), &what);
}

async fn until_end(shared: &Shared, link: &Arc<Link>, bell: &mut UnixStream) -> End {
    let alarm = tokio::time::sleep(Duration::ZERO);
    tokio::pin!(alarm);
    loop {
        // Before the clock: an answer that is there must not be taken for one that is late.
        let heard = link.ear.lock().receive_or_wait(shared, link);
        match heard {
            Ok(Waits::ForBell) => {}
            Ok(Waits::ForNothing) => continue,
            Err(lie) => return End::Frame(lie),
        }
        link.catch_up();
        let watch = shared.roster.lock().watch(link, Instant::now());
        match watch {
            Watch::Overdue(id) => return End::Overdue(id),
            Watch::Until(due) if alarm.deadline() != due.into() => alarm.as_mut().reset(due.into()),
            _ => {}
        }
        let mut rung = [0; 64];
        tokio::select! {
            rung = bell.read(&mut rung) => if matches!(rung, Ok(0) | Err(_)) { return End::Closed },
            () = link.wake.notified() => {}
            () = &mut alarm, if watch != Watch::Nothing => {}
        }
    }
}

/// The call that must be to blame, if it is known.
fn blamed(end: &End) -> Option<u64> {
    match end {
        End::Overdue(id) => Some(*id),
        End::Closed | End::Frame(_) => None,
    }
}

async fn describe(end: &End, link: &Link, last_words: LastWords) -> String {
    let exit = link.child.wait().await;
    let words = last_words.await.ok().flatten();
    match end {
        End::Overdue(_) => "it ran longer than its budget and was killed".to_owned(),
        End::Frame(error) => format!("its worker sent {error} and was killed"),
        End::Closed => format!("its worker died: {}", cause_of_death(&exit, words)),
    }
}

impl Shared {
    /// A worker that ends gets no more calls. A spare takes its place at once, for those that wait: how and when the
    /// process ends is none of their business.
    fn dismiss(&self, link: &Arc<Link>) {
        let mut roster = self.roster.lock();
        roster.dismiss(link);
        let promoted = roster.promote(Instant::now());
        drop(roster);
        for link in promoted {
            link.flush();
        }
    }

    /// Strikes a dead worker off: the call it was in fails, the calls behind it go to others.
    fn mourn(&self, link: &Arc<Link>, blamed: Option<u64>, what: &str) {
        let now = Instant::now();
        let mut roster = self.roster.lock();
        let first = roster.bury(link);
        let culprit = match first {
            // While it tidied up, the next call had not begun.
            Some(job) if blamed.is_none_or(|id| id == job.id) && !link.is_away() => Some(job),
            Some(innocent) => {
                roster.put_back(innocent);
                None
            }
            None => None,
        };
        let open = roster.is_open();
        if let (Some(job), true) = (&culprit, open) {
            roster.suspect(job.function, now);
        }
        let given = roster.hand_on(now);
        let stranded = if open { Vec::new() } else { roster.withdraw(|_| true) };
        drop(roster);
        self.refuse(stranded, "the node is stopping");
        for link in given {
            link.flush();
        }
        self.changed.notify_one();
        if let Some(job) = culprit {
            let function = &self.functions[job.function as usize].function;
            let overdue =
                || format!("it ran longer than its budget of {} ms and was killed", function.budget.as_millis());
            let what = blamed.map_or_else(|| what.to_owned(), |_| overdue());
            if open {
                self.note_death(job.function, &what, now);
            }
            let failure = execution_failure(&function.name, &what);
            let _ = job.reply.send(Err(NoResult { failure, logs: link.last_lines() }));
        } else if open {
            tracing::warn!(pid = link.child.id(), "a function worker ended between calls: {what}");
        }
    }
}
