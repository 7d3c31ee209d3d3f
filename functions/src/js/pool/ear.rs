//! Where a worker's answers arrive: taken by the task that tends it, or by a caller that looks for its own.

use super::Shared;
use super::link::Link;
use crate::js::frame::{Answer, FrameError, Inbox};
use crate::js::ring::Reader;
use std::sync::Arc;
use std::time::Instant;

/// The node's end of the answers of one worker.
#[derive(Debug)]
pub(super) struct Ear {
    answers: Reader,
    inbox: Inbox,
    /// What the worker sent instead of an answer; nothing after it counts.
    lie: Option<FrameError>,
}

/// What a worker is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// It rings when there is something.
    ForBell,
    /// There is something already.
    ForNothing,
}

const BROKEN: FrameError = FrameError::Impossible("position");

impl Ear {
    pub(super) fn new(answers: Reader, inbox: Inbox) -> Self {
        Self { answers, inbox, lie: None }
    }

    /// Somebody looks for answers from now on: the worker need not ring for them until [`Ear::receive_or_wait`].
    pub(super) fn needs_no_bell(&self) {
        self.answers.looks_itself();
    }

    /// Takes all answers that are there, and has the worker ring for the next.
    pub(super) fn receive_or_wait(&mut self, shared: &Shared, link: &Arc<Link>) -> Result<Waits, FrameError> {
        self.receive(shared, link)?;
        let waits = self.answers.await_bytes().map_err(|_| BROKEN)?;
        Ok(if waits { Waits::ForBell } else { Waits::ForNothing })
    }

    /// Hands all answers that are there to those who asked. The error is the worker's lie, each time again.
    pub(super) fn receive(&mut self, shared: &Shared, link: &Arc<Link>) -> Result<(), FrameError> {
        if self.lie.is_none() {
            self.lie = self.receive_all(shared, link).err();
        }
        self.lie.map_or(Ok(()), Err)
    }

    fn receive_all(&mut self, shared: &Shared, link: &Arc<Link>) -> Result<(), FrameError> {
        while self.answers.read(self.inbox.room()).map_err(|_| BROKEN)? > 0 {
            self.answers.wake_writer();
            while let Some(frame) = self.inbox.next_frame()? {
                let Answer::Called(id, result) = Answer::take(frame)? else {
                    return Err(FrameError::Impossible("answer"));
                };
                let job = shared.roster.lock().answered(link, id, Instant::now());
                let job = job.ok_or(FrameError::Impossible("call"))?;
                // Whoever asked may have gone.
                let _ = job.reply.send(Ok(result));
            }
            link.flush();
        }
        Ok(())
    }
}
