//! The ways to the node: a template's is a socket, a worker's is memory that both share.

use super::fork::Forked;
use super::{Worker, WorkerError, put_bounded};
use crate::js::frame::{Answer, Inbox, Order, Sandbox};
use crate::js::last_lines;
use crate::js::polling::{Experience, poll};
use crate::js::ring::{Reader, Turned, WorkerEnds, Writer};
use crate::process::files;
use homefront_config::limits::{
    FUNCTION_ANSWER_DELAY_US_MAX, FUNCTION_ORDER_BYTES_MAX, FUNCTION_POLL_CORES, FUNCTION_WORKER_POLL_US_MAX,
};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::{Errno, retry_on_intr, write};
use std::collections::VecDeque;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long nothing must come before garbage is collected.
const IDLE: Duration = Duration::from_millis(10);

/// How often a worker that has nothing at all to do looks whether its node is still there. A killed node takes its workers
/// with it; this is for one that merely hung up.
const LONELY: Duration = Duration::from_secs(10);

/// How the time before calls ended.
pub(super) enum Prepared {
    /// The node wants nothing more of this template.
    HungUp,
    /// This is a worker. Its socket has taken the place of the template's.
    ForCalls(WorkerEnds),
}

/// Obeys orders from the socket. Where `fork` returns twice, so does this, with a worker whose calls begin.
pub(super) fn prepare(
    socket: BorrowedFd<'_>,
    worker: &mut Worker,
    fork: impl Fn(&mut VecDeque<OwnedFd>) -> Result<Forked, WorkerError>,
) -> Result<Prepared, WorkerError> {
    const READ_BYTES: usize = 16_384;
    let (mut received, mut inbox, mut out) = ([0; READ_BYTES], Inbox::new(FUNCTION_ORDER_BYTES_MAX), Vec::new());
    let mut is_tidy = false;
    loop {
        while let Some(frame) = inbox.next_frame()? {
            match worker.decoder.order(frame)? {
                Order::Fork => {
                    if !std::mem::replace(&mut is_tidy, true) {
                        // What loading left behind.
                        worker.collect();
                    }
                    let forked = match fork(&mut worker.files)? {
                        Forked::Worker(ends) => {
                            worker.engine.is_another_process();
                            return Ok(Prepared::ForCalls(ends));
                        }
                        Forked::Template(forked) => forked,
                    };
                    Answer::Forked(forked.map_err(Errno::raw_os_error)).put(&mut out);
                    send(socket, &mut out)?;
                }
                // Its memory came with the first byte of the frame.
                Order::Store(number, store) => worker.take_store(number, store)?,
                order => {
                    is_tidy = false;
                    if matches!(order, Order::Test { .. }) {
                        // As with a store.
                        last_lines::keep_in(worker.memory_to_print_in()?);
                    }
                    if let Some(answer) = worker.obey(order) {
                        put_bounded(&answer, &mut out);
                        send(socket, &mut out)?;
                    }
                }
            }
        }
        match files::receive(socket, &mut received, &mut worker.files)? {
            0 => return Ok(Prepared::HungUp),
            bytes => inbox.push(&received[..bytes]),
        }
    }
}

/// Says that this process is locked in and takes orders.
pub(super) fn send_ready(socket: BorrowedFd<'_>, sandbox: Sandbox) -> Result<(), WorkerError> {
    let mut out = Vec::new();
    Answer::Ready(sandbox).put(&mut out);
    send(socket, &mut out)
}

/// Sends all of `out`, and empties it.
pub(super) fn send(socket: BorrowedFd<'_>, out: &mut Vec<u8>) -> Result<(), WorkerError> {
    let mut rest = out.as_slice();
    while !rest.is_empty() {
        let written = retry_on_intr(|| write(socket, rest))?;
        rest = &rest[written..];
    }
    out.clear();
    Ok(())
}

/// Calls, one after the other, through shared memory.
pub(super) struct Calls<'a> {
    socket: BorrowedFd<'a>,
    orders: Reader,
    inbox: Inbox,
    answers: Writer,
    turned: Turned,
    out: Vec<u8>,
    /// Since when an answer lies there that the node may not have noticed.
    unannounced: Option<Instant>,
    /// How long the call before took; the next is expected to take as long.
    last_call: Duration,
    /// On one core, whoever looks keeps from running what would make it find something.
    looks: bool,
    /// What came of looking for the next call.
    experience: Experience,
}

impl<'a> Calls<'a> {
    pub(super) fn new(socket: BorrowedFd<'a>, ends: WorkerEnds, cores: usize) -> Self {
        let inbox = Inbox::new(FUNCTION_ORDER_BYTES_MAX);
        let WorkerEnds { orders, answers, printed, turned } = ends;
        last_lines::keep_in(printed);
        Self {
            socket,
            orders,
            inbox,
            answers,
            turned,
            out: Vec::new(),
            unannounced: None,
            last_call: Duration::ZERO,
            looks: cores >= FUNCTION_POLL_CORES,
            experience: Experience::default(),
        }
    }

    /// Obeys until the node hangs up.
    pub(super) fn take(mut self, worker: &mut Worker) -> Result<(), WorkerError> {
        let mut obeyed = false;
        loop {
            if self.orders.read(self.inbox.room())? > 0 {
                if self.orders.writer_waits() {
                    self.ring()?;
                }
                self.obey_all(worker)?;
                obeyed = true;
                continue;
            }
            self.announce()?;
            // Once after it had something to do: when it was woken by the clock, nobody is about to call.
            if std::mem::take(&mut obeyed) && self.more_comes()? {
                continue;
            }
            if self.orders.await_bytes()? {
                let time = if worker.has_garbage() { IDLE } else { LONELY };
                if !self.orders.wait(time) {
                    if worker.has_garbage() {
                        self.turned.away();
                        worker.collect();
                    }
                    if hung_up(self.socket)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Looks whether the next call comes at once; `false` where that is not worth it.
    fn more_comes(&mut self) -> Result<bool, WorkerError> {
        const TIME: Duration = Duration::from_micros(FUNCTION_WORKER_POLL_US_MAX);
        if !self.looks || !self.experience.advises(Instant::now()) {
            return Ok(false);
        }
        let Some(came) = poll(TIME, || self.orders.has_bytes().map(|some| some.then_some(())).transpose()) else {
            self.experience.was_in_vain(Instant::now());
            return Ok(false);
        };
        self.experience.paid();
        came?;
        Ok(true)
    }

    fn obey_all(&mut self, worker: &mut Worker) -> Result<(), WorkerError> {
        const DELAY: Duration = Duration::from_micros(FUNCTION_ANSWER_DELAY_US_MAX);
        while let Some(frame) = self.inbox.next_frame()? {
            let order = worker.decoder.order(frame)?;
            if let Order::Store(number, store) = order {
                // Its memory was sent before, with a byte that means nothing; it may have come while functions were loaded.
                if worker.files.is_empty() {
                    files::receive(self.socket, &mut [0], &mut worker.files)?;
                }
                worker.take_store(number, store)?;
                continue;
            }
            let began = Instant::now();
            if self.unannounced.is_some_and(|since| began + self.last_call > since + DELAY) {
                self.announce()?;
            }
            if matches!(order, Order::Call(_)) {
                let turned = worker.engine.begin(began);
                self.turned.set(turned.cpu_us);
                worker.turned = Some(turned);
            }
            if let Some(answer) = worker.obey(order) {
                self.post(&answer)?;
            }
            self.last_call = began.elapsed();
            if worker.collection_is_due() {
                self.announce()?;
                self.turned.away();
                worker.collect_in_a_hurry();
            }
        }
        Ok(())
    }

    /// Writes an answer. The node may read it at once, and is woken for it a little later, with others.
    fn post(&mut self, answer: &Answer) -> Result<(), WorkerError> {
        put_bounded(answer, &mut self.out);
        let mut written = self.answers.write(&self.out)?;
        while written < self.out.len() {
            self.announce()?;
            if self.answers.await_room()? {
                self.answers.wait(LONELY);
            }
            written += self.answers.write(&self.out[written..])?;
        }
        self.out.clear();
        self.unannounced.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn announce(&mut self) -> Result<(), WorkerError> {
        self.unannounced = None;
        if self.answers.reader_waits() { self.ring() } else { Ok(()) }
    }

    /// Wakes the task of the node that tends this worker.
    fn ring(&self) -> Result<(), WorkerError> {
        retry_on_intr(|| write(self.socket, &[0]))?;
        Ok(())
    }
}

fn hung_up(socket: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    let mut state = [PollFd::new(&socket, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    retry_on_intr(|| rustix::event::poll(&mut state, Some(&at_once)))?;
    // Stores may lie there.
    Ok(state[0].revents().contains(PollFlags::HUP))
}
