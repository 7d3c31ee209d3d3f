//! Byte streams between the node and a worker, in memory that both have mapped: orders one way, answers the other, and beside
//! them what the call that a worker is in has printed.
//!
//! Bytes go over without a system call while both sides are busy; whoever finds nothing says so and sleeps, and is woken by
//! the other. What a worker has written is there for the node even when the worker died right after it.
//!
//! A worker that was taken over can write anything anywhere in here at any time. So each side keeps its own position for
//! itself, checks the other's against the size of the stream, and copies bytes out before it looks at them.

use crate::process::files;
use homefront_config::limits::FUNCTION_RING_BYTES;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use rustix::thread::futex;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

/// A power of two, so that positions may wrap.
const BYTES: u32 = FUNCTION_RING_BYTES;
const _: () = assert!(BYTES.is_power_of_two());

/// The other side's position is impossible: it was taken over, or it is something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an impossible position in the shared memory")]
pub struct Broken;

/// Something of its own on a cache line of its own: two sides that write neighbours would wait for each other.
#[derive(Default)]
#[repr(C, align(64))]
struct Line<T>(T);

/// One stream. Positions count bytes since the beginning, modulo 2³².
#[repr(C)]
struct Stream {
    written: Line<AtomicU32>,
    read: Line<AtomicU32>,
    /// 1 = the reader sleeps, or is about to, until there are bytes.
    reader_waits: Line<AtomicU32>,
    /// 1 = the writer sleeps, or is about to, until there is room.
    writer_waits: Line<AtomicU32>,
    bytes: [u8; BYTES as usize],
}

/// What is mapped.
#[repr(C)]
struct Shared {
    /// CPU time of the worker when it turned to the call it is in, microseconds.
    turned_cpu_us: Line<AtomicU64>,
    orders: Stream,
    answers: Stream,
    printed: Stream,
}

/// The memory, mapped into this process.
#[derive(Debug)]
struct Mapping(NonNull<Shared>);

#[allow(unsafe_code, reason = "the only place where memory is shared between processes")]
// SAFETY: everything in `Shared` but the bytes is atomic; bytes are only reached through a `Writer` or a `Reader`, of which this
// process makes one each for a stream.
unsafe impl Send for Mapping {}

#[allow(unsafe_code, reason = "the only place where memory is shared between processes")]
// SAFETY: as above.
unsafe impl Sync for Mapping {}

#[allow(unsafe_code, reason = "the only place where memory is shared between processes")]
impl Mapping {
    fn new(memory: impl AsFd) -> io::Result<Arc<Self>> {
        let (read_write, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a null hint replaces no mapping of ours.
        let base = unsafe { rustix::mm::mmap(ptr::null_mut(), size_of::<Shared>(), read_write, flags, memory, 0) }?;
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))?;
        Ok(Arc::new(Self(base)))
    }

    fn turned_cpu_us(&self) -> &AtomicU64 {
        // SAFETY: mapped for as long as `self`; the memory is all atomics here and any bytes are valid for them.
        unsafe { &(*self.0.as_ptr()).turned_cpu_us.0 }
    }

    fn stream(&self, which: Which) -> *mut Stream {
        let shared = self.0.as_ptr();
        // SAFETY: within the mapping.
        unsafe {
            match which {
                Which::Orders => &raw mut (*shared).orders,
                Which::Answers => &raw mut (*shared).answers,
                Which::Printed => &raw mut (*shared).printed,
            }
        }
    }

    fn word(&self, which: Which, word: Word) -> &AtomicU32 {
        let stream = self.stream(which);
        // SAFETY: mapped for as long as `self`; any bytes are valid for an atomic.
        unsafe {
            match word {
                Word::Written => &(*stream).written.0,
                Word::Read => &(*stream).read.0,
                Word::ReaderWaits => &(*stream).reader_waits.0,
                Word::WriterWaits => &(*stream).writer_waits.0,
            }
        }
    }

    /// At most two pieces: to the end of the stream's memory, and from its beginning.
    fn copy_in(&self, which: Which, position: u32, bytes: &[u8]) {
        let (at, first) = split(position, bytes.len());
        // SAFETY: `split` stays within the stream's bytes, which no reference points into.
        unsafe {
            let base = (&raw mut (*self.stream(which)).bytes).cast::<u8>();
            ptr::copy_nonoverlapping(bytes.as_ptr(), base.add(at), first);
            ptr::copy_nonoverlapping(bytes[first..].as_ptr(), base, bytes.len() - first);
        }
    }

    fn copy_out(&self, which: Which, position: u32, length: usize, out: &mut Vec<u8>) {
        let (at, first) = split(position, length);
        out.reserve(length);
        let before = out.len();
        // SAFETY: as above; the target was reserved, and is ours alone.
        unsafe {
            let base = (&raw const (*self.stream(which)).bytes).cast::<u8>();
            let target = out.as_mut_ptr().add(before);
            ptr::copy_nonoverlapping(base.add(at), target, first);
            ptr::copy_nonoverlapping(base, target.add(first), length - first);
            out.set_len(before + length);
        }
    }
}

#[allow(unsafe_code, reason = "the only place where memory is shared between processes")]
impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size, and nothing borrows from it any more.
        let _ = unsafe { rustix::mm::munmap(self.0.as_ptr().cast(), size_of::<Shared>()) };
    }
}

/// Where `length` bytes from `position` begin, and how many of them come before the memory starts over.
fn split(position: u32, length: usize) -> (usize, usize) {
    debug_assert!(length <= BYTES as usize, "callers never pass more than the stream holds");
    let at = (position % BYTES) as usize;
    (at, length.min(BYTES as usize - at))
}

#[derive(Debug, Clone, Copy)]
enum Which {
    Orders,
    Answers,
    Printed,
}

#[derive(Debug, Clone, Copy)]
enum Word {
    Written,
    Read,
    ReaderWaits,
    WriterWaits,
}

/// New memory, to be given to both sides. Nobody can change its size, or the other side's access would be a signal.
pub fn memory() -> io::Result<OwnedFd> {
    let memory =
        rustix::fs::memfd_create("homefront-function-worker", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::ftruncate(&memory, size_of::<Shared>() as u64)?;
    rustix::fs::fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(memory)
}

/// Sends memory to a worker: the first thing that goes over its socket.
pub fn send_memory(socket: impl AsFd, memory: impl AsFd) -> io::Result<()> {
    files::send(&socket, &[0], &[memory.as_fd()])?;
    Ok(())
}

/// Takes what [`send_memory`] sent.
pub fn receive_memory(socket: impl AsFd) -> io::Result<WorkerEnds> {
    let mut sent = VecDeque::new();
    files::receive(socket, &mut [0], &mut sent)?;
    WorkerEnds::of(sent.pop_front().ok_or_else(|| io::Error::other("the node sent no memory to share"))?)
}

/// The node's ends.
#[derive(Debug)]
pub struct NodeEnds {
    /// What the worker is told.
    pub orders: Writer,
    /// What it says.
    pub answers: Reader,
    /// What it leaves when it ends in the middle of a call.
    pub printed: Reader,
    /// What it used before the call it is in.
    pub turned: Turned,
}

/// The worker's ends.
#[derive(Debug)]
pub struct WorkerEnds {
    /// What it is told.
    pub orders: Reader,
    /// What it says.
    pub answers: Writer,
    /// What the call prints that it is in.
    pub printed: Writer,
    /// What it used before the call it is in.
    pub turned: Turned,
}

impl NodeEnds {
    /// Maps memory that [`memory`] made. Once for each.
    pub fn of(memory: impl AsFd) -> io::Result<Self> {
        let mapping = Mapping::new(memory)?;
        Ok(Self {
            orders: Writer { mapping: mapping.clone(), which: Which::Orders, written: 0 },
            answers: Reader { mapping: mapping.clone(), which: Which::Answers, read: 0 },
            printed: Reader { mapping: mapping.clone(), which: Which::Printed, read: 0 },
            turned: Turned(mapping),
        })
    }
}

impl WorkerEnds {
    /// Maps memory that the node sent. Once for each.
    pub fn of(memory: impl AsFd) -> io::Result<Self> {
        let mapping = Mapping::new(memory)?;
        Ok(Self {
            orders: Reader { mapping: mapping.clone(), which: Which::Orders, read: 0 },
            answers: Writer { mapping: mapping.clone(), which: Which::Answers, written: 0 },
            printed: Writer { mapping: mapping.clone(), which: Which::Printed, written: 0 },
            turned: Turned(mapping),
        })
    }
}

/// The CPU time a worker had used when it turned to its call, as it says itself.
#[derive(Debug, Clone)]
pub struct Turned(Arc<Mapping>);

impl Turned {
    /// The worker turns to a call.
    pub fn set(&self, cpu_us: u64) {
        self.0.turned_cpu_us().store(cpu_us, Ordering::Relaxed);
    }

    /// The worker tidies up between calls: what that takes is no call's.
    pub fn away(&self) {
        self.set(u64::MAX);
    }

    /// Whether that was the last it said.
    pub fn is_away(&self) -> bool {
        self.0.turned_cpu_us().load(Ordering::Relaxed) == u64::MAX
    }

    /// What it said last; more than it can have used while it is in no call.
    pub fn cpu(&self) -> Duration {
        Duration::from_micros(self.0.turned_cpu_us().load(Ordering::Relaxed))
    }
}

/// Writes a stream.
#[derive(Debug)]
pub struct Writer {
    mapping: Arc<Mapping>,
    which: Which,
    written: u32,
}

impl Writer {
    fn word(&self, word: Word) -> &AtomicU32 {
        self.mapping.word(self.which, word)
    }

    fn room(&self) -> Result<usize, Broken> {
        let used = self.written.wrapping_sub(self.word(Word::Read).load(Ordering::Acquire));
        BYTES.checked_sub(used).map(|room| room as usize).ok_or(Broken)
    }

    /// Writes what there is room for; gives how many bytes that were. [`Writer::wake_reader`] tells the reader.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let fitting = bytes.len().min(self.room()?);
        self.mapping.copy_in(self.which, self.written, &bytes[..fitting]);
        self.written = self.written.wrapping_add(fitting as u32);
        self.word(Word::Written).store(self.written, Ordering::Release);
        Ok(fitting)
    }

    /// Takes back all that was written, of which the reader has read nothing yet.
    pub fn start_over(&mut self) {
        self.written = 0;
        self.word(Word::Written).store(0, Ordering::Release);
    }

    /// Whether the reader waits for what was written. It is told once: who gets `true` must wake it.
    pub fn reader_waits(&self) -> bool {
        take_wish(self.word(Word::ReaderWaits))
    }

    /// Wakes a reader that sleeps in [`Reader::wait`], if it does.
    pub fn wake_reader(&self) {
        if self.reader_waits() {
            wake(self.word(Word::ReaderWaits));
        }
    }

    /// Says that the reader shall wake this side when it has read. `false`: there is room already, and nobody will.
    pub fn await_room(&self) -> Result<bool, Broken> {
        let wish = self.word(Word::WriterWaits);
        wish.store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let full = self.room()? == 0;
        if !full {
            wish.store(0, Ordering::SeqCst);
        }
        Ok(full)
    }

    /// Sleeps after [`Writer::await_room`] until the reader wakes it, at most for `time`.
    pub fn wait(&self, time: Duration) {
        wait(self.word(Word::WriterWaits), time);
    }
}

/// Reads a stream.
#[derive(Debug)]
pub struct Reader {
    mapping: Arc<Mapping>,
    which: Which,
    read: u32,
}

impl Reader {
    fn word(&self, word: Word) -> &AtomicU32 {
        self.mapping.word(self.which, word)
    }

    fn unread(&self) -> Result<usize, Broken> {
        let unread = self.word(Word::Written).load(Ordering::Acquire).wrapping_sub(self.read);
        if unread <= BYTES { Ok(unread as usize) } else { Err(Broken) }
    }

    /// Appends all bytes that are there to `out`; gives how many that were. [`Reader::writer_waits`] says whom to tell.
    pub fn read(&mut self, out: &mut Vec<u8>) -> Result<usize, Broken> {
        let unread = self.unread()?;
        if unread > 0 {
            self.mapping.copy_out(self.which, self.read, unread, out);
            self.read = self.read.wrapping_add(unread as u32);
            self.word(Word::Read).store(self.read, Ordering::Release);
        }
        Ok(unread)
    }

    /// Whether the writer waits for room. It is told once: who gets `true` must wake it.
    pub fn writer_waits(&self) -> bool {
        take_wish(self.word(Word::WriterWaits))
    }

    /// Wakes a writer that sleeps in [`Writer::wait`], if it does.
    pub fn wake_writer(&self) {
        if self.writer_waits() {
            wake(self.word(Word::WriterWaits));
        }
    }

    /// Says that the writer shall wake this side when it has written. `false`: bytes are there already, and nobody will.
    pub fn await_bytes(&self) -> Result<bool, Broken> {
        let wish = self.word(Word::ReaderWaits);
        wish.store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let empty = self.unread()? == 0;
        if !empty {
            wish.store(0, Ordering::SeqCst);
        }
        Ok(empty)
    }

    /// Whether there are bytes.
    pub fn has_bytes(&self) -> Result<bool, Broken> {
        Ok(self.unread()? > 0)
    }

    /// Takes back what [`Reader::await_bytes`] said: this side looks by itself now, and whoever writes need not wake it. It
    /// must say so again before it relies on being woken.
    pub fn looks_itself(&self) {
        take_wish(self.word(Word::ReaderWaits));
    }

    /// Sleeps after [`Reader::await_bytes`] until the writer wakes it, at most for `time`. Whether it was woken.
    pub fn wait(&self, time: Duration) -> bool {
        wait(self.word(Word::ReaderWaits), time)
    }
}

/// The sleeper stored its wish and then looked again; this side changed what it looks at and looks for the wish now. The
/// fences make sure that one of the two sees the other.
fn take_wish(wish: &AtomicU32) -> bool {
    fence(Ordering::SeqCst);
    wish.load(Ordering::Relaxed) != 0 && wish.swap(0, Ordering::SeqCst) != 0
}

fn wake(wish: &AtomicU32) {
    // It cannot fail for an aligned word of ours.
    let _ = futex::wake(wish, futex::Flags::empty(), 1);
}

fn wait(wish: &AtomicU32, time: Duration) -> bool {
    let time =
        futex::Timespec { tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: time.subsec_nanos().into() };
    // `AGAIN` = the wish was taken meanwhile, `INTR` = look again: as good as woken.
    !matches!(futex::wait(wish, futex::Flags::empty(), 1, Some(&time)), Err(rustix::io::Errno::TIMEDOUT))
}

#[cfg(test)]
mod tests;
