//! A call that a worker has been given, until its caller sleeps or has the answer.
//!
//! A worker is woken a moment after it was given a call, so that what else is ready to run may give it more. A caller that is
//! still alone then looks for its answer itself: being woken would take longer than the call.

use super::ear::Waits;
use super::link::Link;
use super::{PooledFunction, Reply, Shared};
use crate::js::polling::poll;
use homefront_config::limits::FUNCTION_CALL_POLL_US_MAX;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A call among others: its worker has yet to be woken, and is, whatever becomes of the caller.
pub(super) struct Sent<'a> {
    pub(super) shared: &'a Shared,
    pub(super) link: Arc<Link>,
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.link.flush();
        // The caller that looks for answers may be a while yet.
        if self.link.unheard.load(Ordering::Relaxed) {
            self.shared.have_it_ring(&self.link);
        }
    }
}

/// A call that was its worker's only one when it was given to it. Until this is dropped the worker does not ring, and nobody
/// watches the clock.
pub(super) struct Alone<'a> {
    pub(super) shared: &'a Shared,
    pub(super) link: Arc<Link>,
    /// Nothing is left to watch.
    answered: bool,
}

impl<'a> Alone<'a> {
    pub(super) fn new(shared: &'a Shared, link: Arc<Link>) -> Self {
        Self { shared, link, answered: false }
    }

    /// Looks for the answer for a moment, if the call is still alone. `None`: it has yet to come.
    pub(super) fn look(&mut self, function: &PooledFunction, reply: &mut oneshot::Receiver<Reply>) -> Option<Reply> {
        const TIME: Duration = Duration::from_micros(FUNCTION_CALL_POLL_US_MAX);
        self.link.flush();
        if !self.shared.roster.lock().is_alone(&self.link) {
            return None;
        }
        let answer = poll(TIME, || {
            // Whoever has it takes the answers just now.
            if let Some(mut ear) = self.link.ear.try_lock() {
                // What is wrong with them is for the tending task, which is woken below.
                let _ = ear.receive(self.shared, &self.link);
            }
            reply.try_recv().ok()
        });
        self.answered = answer.is_some();
        let mut polling = function.polling.lock();
        if self.answered {
            polling.paid();
        } else {
            polling.was_in_vain(Instant::now());
        }
        answer
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.link.flush();
        self.shared.have_it_ring(&self.link);
        if !self.answered {
            self.link.wake.notify_one();
        }
    }
}

impl Shared {
    /// Lets a worker ring for its answers again, after [`Link::hush`].
    fn have_it_ring(&self, link: &Arc<Link>) {
        link.unheard.store(false, Ordering::Relaxed);
        let heard = link.ear.lock().receive_or_wait(self, link);
        // Answers that came this moment, and lies, are for the tending task.
        if heard != Ok(Waits::ForBell) {
            link.wake.notify_one();
        }
    }
}
