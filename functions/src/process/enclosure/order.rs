//! What the node asks the template of launchers for: words, each with a NUL at its end as the system takes them, and files.

use super::Enclosure;
use crate::process::{Launch, Limits, files};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::process::Pid;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// A longer one is no order: the system itself takes no longer command line with its environment.
const ORDER_BYTES_MAX: usize = 2 * 1_048_576;

/// The word for a folder that is.
const SEALED: &str = "sealed";

/// What is to be started, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) folder: PathBuf,
    /// Lies over the machine's `/tmp`; empty = nothing does.
    pub(super) tmp: OsString,
    /// Nothing can be written into `folder`.
    pub(super) seals_folder: bool,
    pub(super) limits: Limits,
    pub(super) nice: i32,
}

/// What goes with it, in this order.
#[derive(Debug)]
pub(super) struct Files {
    /// Where the launcher tells how the start goes, and later how its program ended.
    pub(super) start: OwnedFd,
    pub(super) end: OwnedFd,
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) channel: Option<OwnedFd>,
}

impl Order {
    pub(super) fn of(launch: &Launch, enclosure: Enclosure) -> Self {
        Self {
            program: launch.program.clone().into(),
            arguments: launch.arguments.clone(),
            environment: launch.environment.clone(),
            folder: launch.folder.clone(),
            tmp: enclosure.tmp.map(OsString::from).unwrap_or_default(),
            seals_folder: enclosure.seals_folder,
            limits: launch.limits,
            nice: launch.nice,
        }
    }

    /// Its words. An error: one of them has a NUL in it, or there are too many.
    pub(super) fn words(&self) -> io::Result<Vec<u8>> {
        let mut words = Vec::new();
        let mut put = |word: &OsStr| {
            words.extend_from_slice(word.as_bytes());
            words.push(0);
            if word.as_bytes().contains(&0) { Err(io::ErrorKind::InvalidInput) } else { Ok(()) }
        };
        put(&self.program)?;
        put(self.folder.as_os_str())?;
        put(&self.tmp)?;
        put(if self.seals_folder { SEALED } else { "" }.as_ref())?;
        put(self.nice.to_string().as_ref())?;
        for limit in self.limits.in_order() {
            put(limit.map(|limit| limit.to_string()).unwrap_or_default().as_ref())?;
        }
        put(self.arguments.len().to_string().as_ref())?;
        for argument in &self.arguments {
            put(argument)?;
        }
        for (name, value) in &self.environment {
            put(name)?;
            put(value)?;
        }
        if words.len() > ORDER_BYTES_MAX { Err(io::ErrorKind::ArgumentListTooLong.into()) } else { Ok(words) }
    }

    /// `None`: these are not the words of an order.
    pub(super) fn read(words: &[u8]) -> Option<Self> {
        let mut words = words.strip_suffix(&[0])?.split(|byte| *byte == 0).map(<[u8]>::to_vec).map(OsString::from_vec);
        let number = |word: OsString| word.to_str()?.parse::<u64>().ok();
        let (program, folder, tmp) = (words.next()?, words.next()?.into(), words.next()?);
        let seals_folder = words.next()? == SEALED;
        let nice = words.next()?.to_str()?.parse().ok()?;
        let mut limits = [None; Limits::COUNT];
        for limit in &mut limits {
            let word = words.next()?;
            *limit = if word.is_empty() { None } else { Some(number(word)?) };
        }
        let count = usize::try_from(number(words.next()?)?).ok()?;
        let arguments: Vec<_> = words.by_ref().take(count).collect();
        let mut environment = Vec::new();
        while let Some(name) = words.next() {
            environment.push((name, words.next()?));
        }
        let is_whole = arguments.len() == count;
        let limits = Limits::of_order(limits);
        is_whole.then_some(Self { program, arguments, environment, folder, tmp, seals_folder, limits, nice })
    }
}

impl Files {
    fn of(mut files: VecDeque<OwnedFd>) -> Option<Self> {
        let mut file = || files.pop_front();
        Some(Self { start: file()?, end: file()?, stdin: file()?, stdout: file()?, stderr: file()?, channel: file() })
    }
}

/// Sends the words of an order, and the files of [`Files`].
pub(super) fn send(mut socket: &UnixStream, words: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let length = u32::try_from(words.len()).map_err(|_| io::ErrorKind::ArgumentListTooLong)?.to_le_bytes();
    let sent = files::send(socket, &length, files)?;
    socket.write_all(&length[sent..])?;
    socket.write_all(words)
}

/// Waits for an order. `None`: there will be none, or what comes is none.
pub(super) fn receive(mut socket: &UnixStream) -> Option<(Order, Files)> {
    let (mut length, mut sent) = ([0; 4], VecDeque::new());
    let received = files::receive(socket, &mut length, &mut sent).ok().filter(|received| *received > 0)?;
    socket.read_exact(&mut length[received..]).ok()?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok().filter(|length| *length <= ORDER_BYTES_MAX)?;
    let mut words = vec![0; length];
    socket.read_exact(&mut words).ok()?;
    Some((Order::read(&words)?, Files::of(sent)?))
}

/// Tells the node which process was forked for its order, or why none was.
pub(super) fn tell_forked(mut socket: &UnixStream, forked: io::Result<Pid>) -> io::Result<()> {
    let (launcher, error) = match forked {
        Ok(launcher) => (launcher.as_raw_nonzero().get(), 0),
        Err(error) => (0, error.raw_os_error().unwrap_or(libc::EAGAIN)),
    };
    socket.write_all(&[launcher.to_le_bytes(), error.to_le_bytes()].concat())
}

/// Waits for what [`tell_forked`] tells. The outer error: nothing is told.
pub(super) fn forked(mut socket: &UnixStream) -> io::Result<io::Result<Pid>> {
    let (mut launcher, mut error) = ([0; 4], [0; 4]);
    socket.read_exact(&mut launcher)?;
    socket.read_exact(&mut error)?;
    let launcher = Pid::from_raw(i32::from_le_bytes(launcher));
    Ok(launcher.ok_or_else(|| io::Error::from_raw_os_error(i32::from_le_bytes(error))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use rustix::fd::AsFd as _;

    fn order() -> Order {
        Order {
            program: "node".into(),
            arguments: ["-e", "", "two\nlines"].map(Into::into).into(),
            environment: vec![("PATH".into(), "/bin".into()), ("EMPTY".into(), "".into())],
            folder: "/srv/function".into(),
            tmp: OsString::from_vec(b"/tmp/\xff".to_vec()),
            seals_folder: true,
            limits: Limits { data_bytes_max: Some(7), open_files_max: Some(0), ..Limits::default() },
            nice: 3,
        }
    }

    #[test]
    fn an_order_and_its_files_arrive_as_they_were() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        for has_channel in [true, false] {
            let file = || OwnedFd::from(tempfile::tempfile().unwrap());
            let files: Vec<_> = std::iter::repeat_with(file).take(5 + usize::from(has_channel)).collect();
            let lent: Vec<_> = files.iter().map(|file| file.as_fd()).collect();
            send(&ours, &order().words().unwrap(), &lent).unwrap();
            let (read, arrived) = receive(&theirs).unwrap();
            assert_eq!(read, order());
            let Files { start, end, stdin, stdout, stderr, channel } = arrived;
            let inode = |file: &OwnedFd| rustix::fs::fstat(file).unwrap().st_ino;
            let arrived = [start, end, stdin, stdout, stderr];
            let arrived: Vec<_> = arrived.iter().chain(&channel).map(inode).collect();
            assert_eq!(arrived, files.iter().map(inode).collect::<Vec<_>>());
        }
        drop(ours);
        assert!(receive(&theirs).is_none(), "the node is gone");
    }

    #[test]
    fn words_that_are_cut_short_are_no_order() {
        let words = order().words().unwrap();
        let whole = (0..words.len()).filter(|length| Order::read(&words[..*length]).is_some()).collect::<Vec<_>>();
        // Without its last variable, it is an order still.
        let shorter = words.len() - b"EMPTY\0\0".len();
        let shortest = shorter - b"PATH\0/bin\0".len();
        assert_eq!(whole, [shortest, shorter]);
    }

    #[test]
    fn a_word_with_a_nul_is_refused() {
        let order = Order { arguments: vec!["a\0b".into()], ..order() };
        assert_eq!(order.words().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
