//! Memory that is written once and then shared: nobody can change it any more, not even who wrote it.

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

/// Sealed memory, mapped into this process.
#[derive(Debug)]
pub(super) struct Memory {
    base: NonNull<u8>,
    bytes: usize,
    /// To give it to another process; gone in a process that was given it, which has few files to open.
    file: Option<OwnedFd>,
}

/// It cannot be written, made larger or smaller, nor can that be undone.
const SEALS: SealFlags = SealFlags::WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK).union(SealFlags::SEAL);

#[allow(unsafe_code, reason = "bytes that are mapped for reading, and that nobody can write")]
// SAFETY: nothing can be changed through it, nor elsewhere: see `SEALS`.
unsafe impl Send for Memory {}

#[allow(unsafe_code, reason = "bytes that are mapped for reading, and that nobody can write")]
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// New memory with a copy of `bytes`.
    pub(super) fn holding(bytes: &[u8]) -> io::Result<Self> {
        let file = rustix::fs::memfd_create("homefront-store", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut file = std::fs::File::from(file);
        file.write_all(bytes)?;
        rustix::fs::fcntl_add_seals(&file, SEALS)?;
        let file = OwnedFd::from(file);
        let base = map(file.as_fd(), bytes.len())?;
        Ok(Self { base, bytes: bytes.len(), file: Some(file) })
    }

    /// Memory of this size that the node made and sent.
    pub(super) fn sent(file: &OwnedFd, bytes: u64) -> io::Result<Self> {
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        Ok(Self { base: map(file.as_fd(), bytes)?, bytes, file: None })
    }

    /// What it holds.
    #[allow(unsafe_code, reason = "bytes that are mapped for reading, and that nobody can write")]
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped with this size for as long as `self`; sealed, so that neither the bytes nor the size change.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.bytes) }
    }

    pub(super) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(OwnedFd::as_fd)
    }
}

/// A private mapping: kernels before 6.7 refuse a shared one of what cannot be written. It is never copied, as nobody writes.
#[allow(unsafe_code, reason = "bytes that are mapped for reading, and that nobody can write")]
fn map(file: BorrowedFd<'_>, bytes: usize) -> io::Result<NonNull<u8>> {
    if bytes == 0 {
        return Err(io::Error::other("no memory of no bytes"));
    }
    // SAFETY: a null hint replaces no mapping of ours.
    let base = unsafe { rustix::mm::mmap(ptr::null_mut(), bytes, ProtFlags::READ, MapFlags::PRIVATE, file, 0) }?;
    NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at address 0"))
}

#[allow(unsafe_code, reason = "bytes that are mapped for reading, and that nobody can write")]
impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this size, and nothing borrows from it any more.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_on_both_sides_and_changed_on_none() {
        let memory = Memory::holding(b"entries").unwrap();
        let file = memory.file().unwrap().try_clone_to_owned().unwrap();
        let sent = Memory::sent(&file, 7).unwrap();
        drop(memory);
        assert_eq!(sent.bytes(), b"entries");
        assert!(rustix::io::pwrite(&file, b"x", 0).is_err());
        assert!(rustix::fs::ftruncate(&file, 0).is_err());
        assert!(sent.file().is_none());
    }
}
