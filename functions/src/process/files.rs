//! Open files that go over a socket with the first of some bytes.

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// So many can go at once.
pub const FILES_MAX: usize = 6;

/// Sends bytes, one at least, and files with them, at most [`FILES_MAX`]. Gives how many bytes were sent: the files go with the
/// first. It does not wait.
pub fn send(socket: impl AsFd, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(retry_on_intr(|| sendmsg(&socket, &[IoSlice::new(bytes)], &mut control, SendFlags::DONTWAIT))?)
}

/// Receives bytes, and appends the files that came with them. Gives how many bytes were received; 0 = the other side hung up.
pub fn receive(socket: impl AsFd, bytes: &mut [u8], files: &mut VecDeque<OwnedFd>) -> io::Result<usize> {
    // The kernel gives the files that were sent at once, and no others with them.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        retry_on_intr(|| recvmsg(&socket, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC))?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(sent) = message {
            files.extend(sent);
        }
    }
    Ok(received.bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    #[test]
    fn files_arrive_in_order_with_their_bytes() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(b"before").unwrap();
        let file = |text: &str| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            std::io::Seek::rewind(&mut file).unwrap();
            file
        };
        assert_eq!(send(&ours, b"one", &[file("one").as_fd()]).unwrap(), 3);
        let both = [file("two"), file("three")];
        assert_eq!(send(&ours, b"more", &both.each_ref().map(AsFd::as_fd)).unwrap(), 4);
        ours.write_all(b"after").unwrap();
        drop(ours);
        let (mut bytes, mut files, mut text) = ([0; 64], VecDeque::new(), String::new());
        loop {
            let received = receive(&theirs, &mut bytes, &mut files).unwrap();
            if received == 0 {
                break;
            }
            text += std::str::from_utf8(&bytes[..received]).unwrap();
        }
        assert_eq!(text, "beforeonemoreafter");
        let read = |file: OwnedFd| {
            let mut content = String::new();
            std::fs::File::from(file).read_to_string(&mut content).unwrap();
            content
        };
        assert_eq!(files.into_iter().map(read).collect::<Vec<_>>(), ["one", "two", "three"]);
    }
}
