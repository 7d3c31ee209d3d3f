//! The life of one worker as the node sees it: answers in, the clock, and the end.

use super::link::Link;
use super::roster::Watch;
use super::start::{LastWords, Started};
use super::{Shared, execution_failure};
use crate::js::frame::{Answer, FrameError, Inbox};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a killed worker's socket is read to its end; the kernel closes it at once.
const DRAIN: Duration = Duration::from_secs(2);

/// Why a worker's time is over.
enum End {
    /// The call of this id has used up its budget.
    Overdue(u64),
    /// It closed its socket: it exited, aborted or was killed.
    Closed,
    /// It lied.
    Frame(FrameError),
}

/// Tends a worker until it is gone, and hands on what it leaves.
pub(super) async fn tend(shared: Arc<Shared>, started: Started) {
    let Started { link, mut inbox, last_words, .. } = started;
    let mut buffer = vec![0; 65_536];
    let end = until_end(&shared, &link, &mut inbox, &mut buffer).await;
    shared.roster.lock().dismiss(&link);
    link.child.kill();
    if matches!(end, End::Overdue(_)) {
        // Answers that were on their way count.
        let _ = tokio::time::timeout(DRAIN, drain(&shared, &link, &mut inbox, &mut buffer)).await;
    }
    let what = describe(&end, &link, last_words).await;
    shared.mourn(&link, blamed(&end), &what);
}

async fn until_end(shared: &Shared, link: &Arc<Link>, inbox: &mut Inbox, buffer: &mut [u8]) -> End {
    let alarm = tokio::time::sleep(Duration::ZERO);
    tokio::pin!(alarm);
    loop {
        let watch = shared.roster.lock().watch(link, Instant::now());
        match watch {
            Watch::Overdue(id) => return End::Overdue(id),
            Watch::Until(due) if alarm.deadline() != due.into() => alarm.as_mut().reset(due.into()),
            _ => {}
        }
        tokio::select! {
            ready = link.stream.ready(link.interest()) => {
                let Ok(ready) = ready else { return End::Closed };
                if ready.is_writable() {
                    link.unblock();
                }
                if let Err(end) = receive(shared, link, inbox, buffer) {
                    return end;
                }
            }
            () = link.wake.notified() => {}
            () = &mut alarm, if watch != Watch::Nothing => {}
        }
    }
}

/// Takes all answers that are there.
fn receive(shared: &Shared, link: &Arc<Link>, inbox: &mut Inbox, buffer: &mut [u8]) -> Result<(), End> {
    loop {
        match link.stream.try_read(buffer) {
            Ok(0) => return Err(End::Closed),
            Ok(bytes) => inbox.push(&buffer[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(_) => return Err(End::Closed),
        }
        while let Some(frame) = inbox.next_frame().map_err(End::Frame)? {
            let Answer::Called(id, result) = Answer::take(frame).map_err(End::Frame)? else {
                return Err(End::Frame(FrameError::Impossible("answer")));
            };
            let job = shared.roster.lock().answered(link, id, Instant::now());
            let job = job.ok_or(End::Frame(FrameError::Impossible("call")))?;
            link.flush();
            // Whoever asked may have gone.
            let _ = job.reply.send(Ok(result));
        }
    }
}

async fn drain(shared: &Shared, link: &Arc<Link>, inbox: &mut Inbox, buffer: &mut [u8]) {
    while link.stream.readable().await.is_ok() {
        if receive(shared, link, inbox, buffer).is_err() {
            return;
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
        End::Closed => match words {
            Some(words) => format!("its worker died: {exit}, {words}"),
            None => format!("its worker died: {exit}"),
        },
    }
}

impl Shared {
    /// Strikes a dead worker off: the call it was in fails, the calls behind it go to others, a spare takes its place.
    fn mourn(&self, link: &Arc<Link>, blamed: Option<u64>, what: &str) {
        let now = Instant::now();
        let mut roster = self.roster.lock();
        let first = roster.bury(link);
        let culprit = match first {
            Some(job) if blamed.is_none_or(|id| id == job.id) => Some(job),
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
        let promoted = roster.promote(now);
        let stranded = if open { Vec::new() } else { roster.withdraw(|_| true) };
        drop(roster);
        self.refuse(stranded, "the node is stopping");
        for link in promoted {
            link.flush();
        }
        self.changed.notify_one();
        if let Some(job) = culprit {
            if open {
                self.note_death(job.function, what, now);
            }
            let name = &self.functions[job.function as usize].function.name;
            let _ = job.reply.send(Err(execution_failure(name, what)));
        } else if open {
            tracing::warn!(pid = link.child.id(), "a function worker ended between calls: {what}");
        }
    }
}
