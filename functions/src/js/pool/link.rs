//! The node's end of the way to one worker.

use super::ear::Ear;
use crate::js::frame::{Inbox, Order};
use crate::js::kvs::Snapshot;
use crate::js::last_lines;
use crate::js::ring::{NodeEnds, Reader, Turned, Writer};
use crate::process::Child;
use crate::process::files;
use parking_lot::Mutex;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// A worker process and the way to it. Frames are written by whoever has one.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) child: Child,
    /// Wakes the task that tends this worker: there is a deadline to watch, or something that had no room yet.
    pub(super) wake: Notify,
    /// What it answers. Taken before the pool's roster, never while that is held.
    pub(super) ear: Mutex<Ear>,
    /// It does not ring, because a caller looks for its answers.
    pub(super) unheard: AtomicBool,
    turned: Turned,
    printed: Mutex<Reader>,
    orders: Mutex<Orders>,
    /// Over which the memory of stores goes.
    socket: OwnedFd,
}

#[derive(Debug)]
struct Orders {
    writer: Writer,
    /// What had no room; it goes before anything newer.
    backlog: Vec<u8>,
}

impl Link {
    pub(super) fn new(child: Child, ends: NodeEnds, inbox: Inbox, socket: OwnedFd) -> Self {
        let NodeEnds { orders: writer, answers, printed, turned } = ends;
        let orders = Mutex::new(Orders { writer, backlog: Vec::new() });
        let (ear, unheard) = (Mutex::new(Ear::new(answers, inbox)), AtomicBool::new(false));
        Self { child, wake: Notify::new(), ear, unheard, turned, printed: Mutex::new(printed), orders, socket }
    }

    /// Tells the worker not to ring for its answers, unless somebody is taking some just now. Who gets `true` looks for them,
    /// and has it ring again in the end.
    pub(super) fn hush(&self) -> bool {
        let Some(ear) = self.ear.try_lock() else { return false };
        self.unheard.store(true, Ordering::Relaxed);
        ear.needs_no_bell();
        true
    }

    /// Adds a frame to what the worker reads. Frames arrive in the order of these calls; [`Link::flush`] wakes the worker.
    pub(super) fn push(&self, frame: &[u8]) {
        let mut orders = self.orders.lock();
        let mut rest = frame;
        if orders.backlog.is_empty() {
            // A worker that broke the shared memory is ended when its answers are looked at.
            rest = &rest[orders.writer.write(rest).unwrap_or(rest.len())..];
        }
        if !rest.is_empty() {
            orders.backlog.extend_from_slice(rest);
            drop(orders);
            self.wake.notify_one();
        }
    }

    /// Adds a store: calls that are added later see it. Two must not be added at the same time.
    pub(super) fn push_store(&self, number: usize, store: &Snapshot) {
        let Some((ordered, memory)) = store.ordered() else { return };
        let mut frame = Vec::new();
        Order::put_store(&mut frame, number as u32, &ordered);
        match files::send(&self.socket, &[0], &[memory.as_fd()]) {
            Ok(_) => self.push(&frame),
            // Hundreds wait already: its worker hangs, or it is gone. Old values must not be served for long.
            Err(error) => {
                tracing::error!(%error, pid = self.child.id(), "a function worker takes no newer store and is ended");
                self.child.kill();
            }
        }
    }

    /// Wakes the worker if it waits for orders.
    pub(super) fn flush(&self) {
        self.orders.lock().writer.wake_reader();
    }

    /// Writes what had no room, as far as there is room now. The worker's bell rings when there is more.
    pub(super) fn catch_up(&self) {
        let mut orders = self.orders.lock();
        let orders = &mut *orders;
        while !orders.backlog.is_empty() {
            let written = orders.writer.write(&orders.backlog).unwrap_or(orders.backlog.len());
            orders.backlog.drain(..written);
            orders.writer.wake_reader();
            if !orders.backlog.is_empty() && orders.writer.await_room().unwrap_or(true) {
                return;
            }
        }
    }

    /// What the call had printed that the worker ended in.
    pub(super) fn last_lines(&self) -> Vec<String> {
        last_lines::of(&mut self.printed.lock())
    }

    /// Whether the worker tidies up between calls: the call that it has next has not begun.
    pub(super) fn is_away(&self) -> bool {
        self.turned.is_away()
    }

    /// CPU time the worker has used since it turned to the call it is in; `None` when it is gone.
    pub(super) fn cpu_of_call(&self) -> Option<Duration> {
        Some(self.child.cpu_time()?.saturating_sub(self.turned.cpu()))
    }
}
