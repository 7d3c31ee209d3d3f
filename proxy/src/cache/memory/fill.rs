//! One object being filled: written by one request, read meanwhile by it and by others.
//!
//! A fill keeps all bytes as long as the object may be stored. When the object turns out too large, or the fills of the node
//! hold too much together, it goes on in passing: bytes are let go once every reader has them, and nothing is stored. Then
//! the writer is slowed to the pace of the fastest reader. It cannot wait for its own viewer, because pingora reads the origin and
//! writes to the viewer in one task; so it pauses for longer the further the viewer is behind, while the kernel's send
//! buffer keeps the viewer busy. Readers that fall too far behind another are cut off. pingora keeps the filling request's reader
//! when that reads nothing any more: its viewer has left, wanted the head alone, or has the part that it asked for.

use super::body::Body;
use super::filling::Budget;
use super::lent::{Reading, Stored};
use super::stored::StoredMeta;
use bytes::Bytes;
use homefront_config::limits;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

pub(super) struct Fill {
    pub(super) id: u64,
    pub(super) meta: Arc<StoredMeta>,
    object_bytes_max: u64,
    budget: Arc<Budget>,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    body: Body,
    phase: Phase,
    keep: Keep,
    /// The key was purged: what was asked for before that must not be stored after it.
    orphaned: bool,
    /// Bytes taken from the budget, for what is held until the tier has it, or, of a fill that passes, until all have read it.
    charged: u64,
    /// Whether they are in the account of fills that pass.
    is_charged_as_passing: bool,
    readers: Vec<Position>,
    next_reader: u64,
    /// How long the writer has paused since anybody read anything.
    stalled: Duration,
    /// The object that the tier was given, which has the same bytes.
    stored: Option<Arc<Stored>>,
    /// That it is read, while there are readers.
    reading: Option<Reading>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Writing,
    Complete,
    Failed,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// To be stored.
    #[default]
    Whole,
    /// Not to be stored; a reader may be this many bytes behind at no price, while they are charged.
    Passing { lag_bytes: usize },
}

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The request that fills.
    Filler,
    /// Another.
    Follower,
}

struct Position {
    reader: u64,
    role: Role,
    offset: usize,
    cut_off: bool,
}

/// What a reader finds.
pub(super) enum Read {
    Bytes(Bytes),
    /// Nothing yet.
    Wait,
    End,
    /// The fill failed, or the reader was cut off.
    Broken,
}

/// Why a fill cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FillError {
    #[error("the body is not as long as Content-Length says")]
    Length,
    #[error("the viewer of a response too large to cache has stopped reading")]
    Stalled,
    #[error("the object was complete already")]
    Complete,
}

impl Fill {
    pub(super) fn new(id: u64, meta: Arc<StoredMeta>, object_bytes_max: u64, budget: Arc<Budget>) -> Self {
        let mut state = State::default();
        if meta.announced_bytes().is_some_and(|bytes| bytes > object_bytes_max) {
            state.pass();
        }
        Self { id, meta, object_bytes_max, budget, state: Mutex::new(state), changed: watch::Sender::new(()) }
    }

    /// Whether a new reader may read this, if it comes at once.
    pub(super) fn can_be_joined(&self) -> bool {
        self.state.lock().can_be_joined()
    }

    /// Says whether it was not orphaned before.
    pub(super) fn orphan(&self) -> bool {
        !std::mem::replace(&mut self.state.lock().orphaned, true)
    }

    pub(super) fn is_orphaned(&self) -> bool {
        self.state.lock().orphaned
    }

    /// Adds to the body; says for how long the writer is to pause before it reads more from the origin.
    pub(super) fn push(&self, bytes: Bytes) -> Result<Option<Duration>, FillError> {
        let mut state = self.state.lock();
        if state.phase != Phase::Writing {
            return Err(FillError::Complete);
        }
        let added = bytes.len() as u64;
        if state.keep == Keep::Whole {
            let fits = state.body.len() as u64 + added <= self.object_bytes_max;
            if fits && self.budget.take(added) {
                state.charged += added;
            } else {
                state.pass();
                self.charge_as_passing(&mut state);
            }
        }
        state.body.push(bytes);
        let pause = match state.keep {
            Keep::Whole => {
                state.body.join_enough();
                None
            }
            Keep::Passing { lag_bytes } => {
                let pause = state.slow_down(lag_bytes);
                self.settle(&mut state);
                pause?
            }
        };
        drop(state);
        self.changed.send_replace(());
        Ok(pause)
    }

    /// The body has ended.
    pub(super) fn complete(&self) -> Result<(), FillError> {
        let mut state = self.state.lock();
        if state.phase == Phase::Writing {
            let wrong = self.meta.announced_bytes().is_some_and(|bytes| bytes != state.body.len() as u64);
            state.phase = if wrong { Phase::Failed } else { Phase::Complete };
            if state.keep == Keep::Whole {
                state.body.join_all();
            }
        }
        let failed = state.phase == Phase::Failed;
        drop(state);
        self.changed.send_replace(());
        if failed { Err(FillError::Length) } else { Ok(()) }
    }

    /// The writer is gone: readers of an incomplete body must not take it for the whole.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Writing {
            state.phase = Phase::Failed;
        }
        if state.stored.is_none() {
            state.keep = Keep::Passing { lag_bytes: 0 };
            state.release();
            self.charge_as_passing(&mut state);
        }
        self.settle(&mut state);
        drop(state);
        self.changed.send_replace(());
    }

    /// What a fill holds that is not to be stored is for its readers alone. Where these hold too much already, those who are far behind
    /// are cut off.
    fn charge_as_passing(&self, state: &mut State) {
        self.settle(state);
        if !std::mem::replace(&mut state.is_charged_as_passing, true) && !self.budget.pass(state.charged) {
            let end = state.body.len();
            for position in &mut state.readers {
                position.cut_off |= end.saturating_sub(position.offset) > limits::CACHE_FOLLOWER_LAG_BYTES_MAX;
            }
            state.release();
            self.settle(state);
        }
    }

    /// Gives back what was taken for bytes that are held no more, or that the tier answers for.
    fn settle(&self, state: &mut State) {
        let held = if state.stored.is_some() { 0 } else { state.body.held_bytes() as u64 };
        let over = state.charged.saturating_sub(held);
        if over > 0 {
            state.charged -= over;
            if state.is_charged_as_passing {
                self.budget.give_back_passing(over);
            } else {
                self.budget.give_back(over);
            }
        }
    }

    /// What is to be stored; `None` when it is not.
    pub(super) fn whole_body(&self) -> Option<Body> {
        let state = self.state.lock();
        (state.keep == Keep::Whole && state.phase == Phase::Complete).then(|| state.body.share())
    }

    /// Who reads this reads a stored body from now on.
    pub(super) fn is_stored_as(&self, stored: &Arc<Stored>) {
        let mut state = self.state.lock();
        if !state.readers.is_empty() {
            state.reading = Some(stored.reading());
        }
        state.stored = Some(stored.clone());
    }

    pub(super) fn body_bytes(&self) -> usize {
        self.state.lock().body.len()
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.state.lock().body.held_bytes()
    }

    /// The request that fills reads from the start of what is held, and what wakes it.
    pub(super) fn join(&self) -> (u64, watch::Receiver<()>) {
        (self.state.lock().join(Role::Filler), self.changed.subscribe())
    }

    /// Another reads from the start of the body; `None` when that is not there any more, or the body will not be whole.
    pub(super) fn follow(&self) -> Option<(u64, watch::Receiver<()>)> {
        let mut state = self.state.lock();
        let reader = state.can_be_joined().then(|| state.join(Role::Follower))?;
        Some((reader, self.changed.subscribe()))
    }

    pub(super) fn part(&self, reader: u64) {
        let mut state = self.state.lock();
        if let Ok(place) = place_of(&state.readers, reader) {
            state.readers.remove(place);
        }
        if state.readers.is_empty() {
            state.reading = None;
        }
        state.release();
        self.settle(&mut state);
    }

    /// The next bytes for a reader, up to `to`.
    pub(super) fn read(&self, reader: u64, to: Option<usize>) -> Read {
        let mut state = self.state.lock();
        let State { body, readers, phase, .. } = &mut *state;
        let Ok(place) = place_of(readers, reader) else { return Read::Broken };
        let position = &mut readers[place];
        if position.cut_off {
            return Read::Broken;
        }
        if to.is_some_and(|to| position.offset >= to) {
            return Read::End;
        }
        let Some(bytes) = body.read(position.offset, to) else {
            return match phase {
                Phase::Writing => Read::Wait,
                Phase::Complete => Read::End,
                Phase::Failed => Read::Broken,
            };
        };
        position.offset += bytes.len();
        state.stalled = Duration::ZERO;
        state.release();
        self.settle(&mut state);
        Read::Bytes(bytes)
    }

    /// Moves a reader; false when what it asks for is not held any more, or never comes.
    pub(super) fn seek(&self, reader: u64, offset: usize) -> bool {
        let mut state = self.state.lock();
        let beyond = state.phase != Phase::Writing && offset >= state.body.len();
        if offset < state.body.start() || beyond {
            return false;
        }
        let place = place_of(&state.readers, reader).ok();
        let found = place.map(|place| state.readers[place].offset = offset).is_some();
        state.release();
        self.settle(&mut state);
        found
    }
}

/// They stand in the order in which they have joined: all are woken for each piece, and one is not to look at all the others.
fn place_of(readers: &[Position], reader: u64) -> Result<usize, usize> {
    readers.binary_search_by_key(&reader, |position| position.reader)
}

impl State {
    /// It has all bytes, and has not failed.
    fn can_be_joined(&self) -> bool {
        self.keep == Keep::Whole && self.phase != Phase::Failed && !self.orphaned
    }

    fn join(&mut self, role: Role) -> u64 {
        let reader = self.next_reader;
        self.next_reader += 1;
        self.readers.push(Position { reader, role, offset: self.body.start(), cut_off: false });
        if self.reading.is_none() {
            self.reading = self.stored.as_ref().map(Stored::reading);
        }
        reader
    }

    fn pass(&mut self) {
        let behind = self.readers.iter().map(|position| self.body.len().saturating_sub(position.offset)).max();
        let lag_bytes = behind.unwrap_or(0).max(limits::CACHE_PASSING_LAG_BYTES);
        self.keep = Keep::Passing { lag_bytes };
        self.release();
    }

    /// Lets go of what all readers have, when nothing is to be stored.
    fn release(&mut self) {
        if self.keep != Keep::Whole {
            let live = self.readers.iter().filter(|position| !position.cut_off);
            let slowest = live.map(|position| position.offset).min().unwrap_or(self.body.len());
            self.body.release_before(slowest);
        }
    }

    /// Cuts off readers that are too far behind, and finds the pause that the one who is nearest needs.
    fn slow_down(&mut self, lag_bytes: usize) -> Result<Option<Duration>, FillError> {
        let end = self.body.len();
        let free = lag_bytes.min((self.charged as usize).max(limits::CACHE_PASSING_LAG_BYTES));
        let over = |position: &Position| end.saturating_sub(position.offset).saturating_sub(free);
        let is_near = |position: &Position| over(position) <= limits::CACHE_FOLLOWER_LAG_BYTES_MAX;
        let some_are_near = self.readers.iter().any(|position| !position.cut_off && is_near(position));
        for position in &mut self.readers {
            position.cut_off |= !is_near(position) && (some_are_near || position.role == Role::Follower);
        }
        self.release();
        let live = self.readers.iter().filter(|position| !position.cut_off);
        let pause = pause(live.map(over).min().unwrap_or(0));
        self.stalled += pause.unwrap_or_default();
        if self.stalled > limits::CACHE_PASSING_STALL_MAX { Err(FillError::Stalled) } else { Ok(pause) }
    }
}

/// 10 ms for the first MiB beyond what is free, doubled with each further one, a second at most.
fn pause(excess_bytes: usize) -> Option<Duration> {
    if excess_bytes == 0 {
        return None;
    }
    let doublings = (excess_bytes / limits::CACHE_PASSING_LAG_BYTES).min(10) as u32;
    Some(Duration::from_millis(10 << doublings).min(Duration::from_secs(1)))
}

#[cfg(test)]
mod tests;
