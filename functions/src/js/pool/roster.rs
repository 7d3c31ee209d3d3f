//! Which worker has which calls, and which calls wait: the pool's state, changed under one short lock.

use super::Reply;
use super::link::Link;
use homefront_config::limits::{FUNCTION_DEATHS_WINDOW_MS, FUNCTION_QUEUE_CALLS_MAX, FUNCTION_WORKER_CALLS_MAX};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A worker whose call has run this long gets no more calls ahead of their turn: they would wait behind it.
const BRISK: Duration = Duration::from_millis(1);

/// Budgets of wall time a call may take at the most, however little CPU time its worker got.
const STARVED_BUDGETS_MAX: u32 = 4;

/// A call on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) function: u32,
    /// How long it may run, counted from when its worker turned to it.
    pub(super) budget: Duration,
    pub(super) frame: Vec<u8>,
    pub(super) reply: oneshot::Sender<Reply>,
}

#[derive(Debug)]
struct Slot {
    link: Arc<Link>,
    duty: Duty,
    /// In the order in which the worker has them; the first is the one it is in.
    jobs: VecDeque<Job>,
    /// Since when it is in the first.
    since: Instant,
    /// When the tending task looks at the clock next.
    watched_until: Option<Instant>,
    /// When the worker was first seen to tidy up while a call waits for it.
    away_since: Option<Instant>,
}

/// How long a worker may tidy up while a call waits for it.
const AWAY_MAX: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    Active,
    Spare,
    /// It is being killed: it finishes nothing and gets nothing.
    Dismissed,
}

impl Slot {
    /// The time of a call that its worker has not turned to, since it tidies up after those before it, begins anew, for a while.
    fn wait_while_away(&mut self, now: Instant) {
        if self.jobs.is_empty() || !self.link.is_away() {
            self.away_since = None;
            return;
        }
        let since = *self.away_since.get_or_insert(now);
        if now < since + AWAY_MAX {
            self.since = now;
        }
    }

    /// Has the tending task look at the clock then, unless it does so before.
    fn watch_until(&mut self, due: Instant) {
        if self.watched_until.is_none_or(|until| due < until) {
            self.watched_until = Some(due);
            self.link.wake.notify_one();
        }
    }

    /// When the time of its first call is over. Functions cannot wait for anything, so one that has not used its budget by now was kept from
    /// running, by a busy machine or by its own pauses: not its fault, for a while.
    fn due(&self, job: &Job, now: Instant) -> Instant {
        let due = self.since + job.budget;
        if now < due {
            return due;
        }
        match self.link.cpu_of_call() {
            Some(used) if used < job.budget && now < self.since + job.budget * STARVED_BUDGETS_MAX => {
                now + job.budget.saturating_sub(used).max(Duration::from_millis(1))
            }
            _ => due,
        }
    }
}

/// What became of a call that was handed in.
#[derive(Debug)]
pub(super) enum Handed {
    /// A worker has it; flush this link.
    Sent(Arc<Link>),
    /// A worker that had no other has it and does not ring for the answer. Flush this link, look for the answer, have it ring,
    /// and wake the task that tends it if the answer did not come.
    Alone(Arc<Link>),
    /// It waits for a worker.
    Waits,
    /// Too many wait already.
    Full,
}

#[derive(Debug)]
pub(super) struct Roster {
    slots: Vec<Slot>,
    queue: VecDeque<Job>,
    active_max: usize,
    /// When each function last killed a worker.
    last_deaths: Vec<Option<Instant>>,
    open: bool,
}

impl Roster {
    pub(super) fn new(functions: usize, active_max: usize) -> Self {
        let last_deaths = vec![None; functions];
        Self { slots: Vec::new(), queue: VecDeque::new(), active_max, last_deaths, open: true }
    }

    /// An empty one for the pool that takes over: who is a suspect here is one there, but for functions that `changed`.
    pub(super) fn successor(&self, changed: &[usize]) -> Self {
        let mut last_deaths = self.last_deaths.clone();
        for index in changed {
            last_deaths[*index] = None;
        }
        Self { last_deaths, ..Self::new(0, self.active_max) }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Gives the call to the worker that has the fewest, or lets it wait. [`Handed::Alone`] only where the caller `looks`.
    pub(super) fn hand_in(&mut self, job: Job, looks: bool, now: Instant) -> Handed {
        let eligible = (0..self.slots.len()).filter(|slot| self.takes(*slot, job.function, now));
        if let Some(slot) = eligible.min_by_key(|slot| self.slots[*slot].jobs.len()) {
            let link = self.slots[slot].link.clone();
            // Before the worker has it, or it may ring already.
            if looks && self.slots[slot].jobs.is_empty() && link.hush() {
                self.push(slot, job, now);
                return Handed::Alone(link);
            }
            self.give(slot, job, now);
            return Handed::Sent(link);
        }
        if self.queue.len() >= FUNCTION_QUEUE_CALLS_MAX || !self.open {
            return Handed::Full;
        }
        self.queue.push_back(job);
        Handed::Waits
    }

    /// Whether a worker can be given a call of the function now. A function that killed a worker lately may occupy only
    /// one at a time, so that the others go on.
    fn takes(&self, slot: usize, function: u32, now: Instant) -> bool {
        let this = &self.slots[slot];
        let free = this.duty == Duty::Active && this.jobs.len() < FUNCTION_WORKER_CALLS_MAX;
        let brisk = this.jobs.is_empty() || now.saturating_duration_since(this.since) < BRISK;
        free && brisk && (!self.is_suspect(function, now) || !self.runs_elsewhere(slot, function))
    }

    fn is_suspect(&self, function: u32, now: Instant) -> bool {
        const WINDOW: Duration = Duration::from_millis(FUNCTION_DEATHS_WINDOW_MS);
        let last_death = self.last_deaths.get(function as usize).copied().flatten();
        last_death.is_some_and(|death| now.saturating_duration_since(death) < WINDOW)
    }

    fn runs_elsewhere(&self, slot: usize, function: u32) -> bool {
        let mut others = self.slots.iter().enumerate().filter(|(other, _)| *other != slot);
        others.any(|(_, other)| other.jobs.iter().any(|job| job.function == function))
    }

    fn give(&mut self, slot: usize, job: Job, now: Instant) {
        let due = now + job.budget;
        self.push(slot, job, now);
        if self.slots[slot].jobs.len() == 1 {
            self.slots[slot].watch_until(due);
        }
    }

    fn push(&mut self, slot: usize, job: Job, now: Instant) {
        let slot = &mut self.slots[slot];
        slot.link.push(&job.frame);
        if slot.jobs.is_empty() {
            slot.since = now;
        }
        slot.jobs.push_back(job);
    }

    /// Whether a worker has at most one call, and no other waits for any.
    pub(super) fn is_alone(&self, link: &Arc<Link>) -> bool {
        self.queue.is_empty() && self.slot(link).is_some_and(|slot| self.slots[slot].jobs.len() <= 1)
    }

    /// Gives waiting calls to a worker for as long as it takes them. Flush its link afterwards.
    fn refill(&mut self, slot: usize, now: Instant) {
        while let Some(next) = self.queue.iter().position(|job| self.takes(slot, job.function, now)) {
            let Some(job) = self.queue.remove(next) else { return };
            // Whoever asked may have gone.
            if !job.reply.is_closed() {
                self.give(slot, job, now);
            }
        }
    }

    fn slot(&self, link: &Arc<Link>) -> Option<usize> {
        self.slots.iter().position(|slot| Arc::ptr_eq(&slot.link, link))
    }

    /// The call a worker has answered; `None` when it is not the one it is in. Flush the link afterwards.
    pub(super) fn answered(&mut self, link: &Arc<Link>, id: u64, now: Instant) -> Option<Job> {
        let index = self.slot(link)?;
        let slot = &mut self.slots[index];
        if slot.jobs.front()?.id != id {
            return None;
        }
        let job = slot.jobs.pop_front();
        if let Some(next) = slot.jobs.front() {
            slot.since = now;
            // Whoever takes this answer need not be the task that watches the clock.
            slot.watch_until(now + next.budget);
        }
        self.refill(index, now);
        job
    }

    /// When to look at the clock for a worker, and the call it is in if its time is over already.
    pub(super) fn watch(&mut self, link: &Arc<Link>, now: Instant) -> Watch {
        let Some(index) = self.slot(link) else { return Watch::Nothing };
        let slot = &mut self.slots[index];
        slot.wait_while_away(now);
        let due = slot.jobs.front().map(|job| (job.id, slot.due(job, now)));
        if let Some((id, _)) = due.filter(|(_, due)| *due <= now) {
            slot.duty = Duty::Dismissed;
            return Watch::Overdue(id);
        }
        // An alarm that is set already stays set: cheaper than to set one for each call.
        let standing = slot.watched_until.filter(|until| *until > now);
        slot.watched_until = match (due, standing) {
            (Some((_, due)), Some(standing)) => Some(due.min(standing)),
            (due, standing) => due.map(|(_, due)| due).or(standing),
        };
        slot.watched_until.map_or(Watch::Nothing, Watch::Until)
    }

    /// Takes a new worker on, active if there are too few of these. Flush its link afterwards.
    pub(super) fn enlist(&mut self, link: Arc<Link>, now: Instant) {
        let (duty, jobs) = (Duty::Spare, VecDeque::new());
        self.slots.push(Slot { link, duty, jobs, since: now, watched_until: None, away_since: None });
        self.promote(now);
    }

    /// Makes spares active until there are enough, and returns the links to flush.
    pub(super) fn promote(&mut self, now: Instant) -> Vec<Arc<Link>> {
        let mut promoted = Vec::new();
        while self.slots.iter().filter(|slot| slot.duty == Duty::Active).count() < self.active_max {
            let Some(spare) = self.slots.iter().position(|slot| slot.duty == Duty::Spare) else { break };
            self.slots[spare].duty = Duty::Active;
            self.refill(spare, now);
            promoted.push(self.slots[spare].link.clone());
        }
        promoted
    }

    /// Gives waiting calls, such as a dead worker's, to spares that are needed and to workers that have none. Behind another call they would
    /// be no sooner done than where they wait. Returns the links to flush.
    pub(super) fn hand_on(&mut self, now: Instant) -> Vec<Arc<Link>> {
        let mut links = self.promote(now);
        for slot in 0..self.slots.len() {
            if self.slots[slot].jobs.is_empty() && !self.queue.is_empty() {
                self.refill(slot, now);
                links.push(self.slots[slot].link.clone());
            }
        }
        links
    }

    /// A worker that is being ended gets no more calls.
    pub(super) fn dismiss(&mut self, link: &Arc<Link>) {
        if let Some(slot) = self.slot(link) {
            self.slots[slot].duty = Duty::Dismissed;
        }
    }

    /// Strikes a dead worker off and returns the call it was in. The calls behind that one wait again, before all others.
    pub(super) fn bury(&mut self, link: &Arc<Link>) -> Option<Job> {
        let mut jobs = self.slots.remove(self.slot(link)?).jobs;
        let first = jobs.pop_front();
        for job in jobs.into_iter().rev() {
            self.queue.push_front(job);
        }
        first
    }

    /// Puts a call back that was not to blame for its worker's end.
    pub(super) fn put_back(&mut self, job: Job) {
        self.queue.push_front(job);
    }

    /// Notes that a function killed a worker.
    pub(super) fn suspect(&mut self, function: u32, now: Instant) {
        if let Some(death) = self.last_deaths.get_mut(function as usize) {
            *death = Some(now);
        }
    }

    /// Takes the waiting calls that match.
    pub(super) fn withdraw(&mut self, matches: impl Fn(&Job) -> bool) -> Vec<Job> {
        let (out, stay) = std::mem::take(&mut self.queue).into_iter().partition(matches);
        self.queue = stay;
        out.into()
    }

    /// How many workers there are, spares included.
    pub(super) fn workers(&self) -> usize {
        self.slots.iter().filter(|slot| slot.duty != Duty::Dismissed).count()
    }

    /// All workers' links.
    pub(super) fn links(&self) -> impl Iterator<Item = &Arc<Link>> {
        self.slots.iter().map(|slot| &slot.link)
    }

    /// No call is taken any more.
    pub(super) fn close(&mut self) {
        self.open = false;
        self.slots.iter_mut().for_each(|slot| slot.duty = Duty::Dismissed);
    }
}

/// What the task that tends a worker is to do about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    /// No call runs.
    Nothing,
    /// Look again then.
    Until(Instant),
    /// The call with this id has used up its budget.
    Overdue(u64),
}
