//! The template of launchers: a small process that has nothing and forks them. Forking the node itself would copy the tables of all
//! its memory, and starting our binary anew takes milliseconds.

use super::order::{self, Order};
use super::{Enclosed, Enclosure, Reports, SUBCOMMAND, launcher};
use crate::process::child::Body;
use crate::process::{ALLOCATOR, CHANNEL, Launch, sibling, spawner};
use homefront_config::limits::LAMBDA_LAUNCH_MS_MAX;
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Pid, Signal, WaitOptions};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// A template forks at once.
const ANSWER_TIME_MAX: Duration = Duration::from_millis(LAMBDA_LAUNCH_MS_MAX);
/// The second is made with a new template.
const ATTEMPTS: usize = 2;

/// The node's end of it. Dropping it ends the process; what it has forked goes on.
#[derive(Debug)]
pub(in crate::process) struct Template {
    executable: PathBuf,
    process: Pid,
    socket: UnixStream,
    /// Where nothing can be enclosed, there is no use for it either.
    has_started_any: bool,
}

/// Why a template can be asked for nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unusable {
    /// It has ended, and has not done what it was asked for.
    Gone,
    /// It does not answer.
    Hangs,
}

impl Template {
    fn start(executable: &Path) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        let node = rustix::process::getpid().as_raw_nonzero().to_string();
        let launch = Launch {
            environment: ALLOCATOR.map(|(name, value)| (name.into(), value.into())).into(),
            stdin: Some(theirs.into()),
            output: Some(nothing()?),
            ..Launch::new(executable, vec![SUBCOMMAND.into(), node.into()])
        };
        let process = spawner::start(launch, None)?.leader;
        Ok(Self { executable: executable.to_owned(), process, socket, has_started_any: false })
    }

    /// Has it start what `words` say.
    fn ask(&mut self, words: &[u8], files: &[BorrowedFd<'_>]) -> Result<io::Result<(Pid, Enclosed)>, Unusable> {
        let (reports, their_ends) = match Reports::pair() {
            Ok(both) => both,
            Err(error) => return Ok(Err(error)),
        };
        let files: Vec<_> = their_ends.iter().map(|end| end.as_fd()).chain(files.iter().copied()).collect();
        match order::send(&self.socket, words, &files) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                return Err(Unusable::Gone);
            }
            Err(error) => return Ok(Err(error)),
        }
        drop(files);
        drop(their_ends);
        // Both say who the launcher is: where one of them is killed from outside, it is known from the other.
        let launcher = match order::forked(&self.socket) {
            Ok(Ok(launcher)) => Some(launcher),
            Ok(Err(error)) => return Ok(Err(error)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(Unusable::Hangs);
            }
            Err(_) => None,
        };
        let started = reports.started(launcher).ok_or(Unusable::Gone)?;
        self.has_started_any |= started.is_ok();
        Ok(started)
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.process, Signal::KILL);
        let _ = rustix::process::waitpid(Some(self.process), WaitOptions::empty());
    }
}

/// Starts an enclosed child; returns when its program runs. Where `template` is none that can be used, another one is started, with
/// whose thread all it forks will die.
pub(in crate::process) fn launch(
    template: &mut Option<Template>,
    enclosure: Enclosure,
    mut launch: Launch,
) -> io::Result<Body> {
    let executable = enclosure.executable.clone();
    let words = Order::of(&launch, enclosure).words()?;
    let stdin = launch.stdin.take().map_or_else(nothing, Ok)?;
    let mut read = (None, None);
    let (stdout, stderr) = if let Some(output) = launch.output.take() {
        (output.try_clone()?, output)
    } else {
        let ((stdout, its_stdout), (stderr, its_stderr)) = (io::pipe()?, io::pipe()?);
        read = (Some(stdout.into()), Some(stderr.into()));
        (its_stdout.into(), its_stderr.into())
    };
    let given = [&stdin, &stdout, &stderr];
    let files: Vec<_> = given.into_iter().chain(&launch.channel).map(|file| file.as_fd()).collect();
    for _ in 0..ATTEMPTS {
        let prepared = template.take_if(|template| template.executable == executable);
        let mut prepared = prepared.map_or_else(|| Template::start(&executable), Ok)?;
        match prepared.ask(&words, &files) {
            Ok(started) => {
                *template = Some(prepared).filter(|template| template.has_started_any);
                return started.map(|started| body(read, started));
            }
            Err(Unusable::Gone) => {
                tracing::warn!("the process that starts enclosed processes is gone, and is replaced");
            }
            Err(Unusable::Hangs) => {
                tracing::warn!("the process that starts enclosed processes does not answer, and is replaced");
                break;
            }
        }
    }
    Err(io::Error::other("the process that starts enclosed processes does not do so"))
}

fn body((stdout, stderr): (Option<OwnedFd>, Option<OwnedFd>), (leader, enclosed): (Pid, Enclosed)) -> Body {
    Body { leader, stdout, stderr, enclosed: Some(enclosed) }
}

fn nothing() -> io::Result<OwnedFd> {
    Ok(OpenOptions::new().read(true).write(true).open("/dev/null")?.into())
}

/// `homefront process-enclosure NODE`: forks a launcher for each order that comes over stdin, a child of the process NODE.
pub fn run(node: &str) -> ExitCode {
    let Some(node) = node.parse().ok().and_then(Pid::from_raw) else { return ExitCode::FAILURE };
    // Of a binary with capabilities, the start has cancelled it.
    let dies_with_the_node = sibling::die_with(node);
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else { return ExitCode::FAILURE };
    // No file of an order may have the number that a channel will have in its program.
    let taken = fcntl_dupfd_cloexec(io::stdout(), CHANNEL);
    if dies_with_the_node.is_err() || taken.is_err() {
        return ExitCode::FAILURE;
    }
    while let Some((order, files)) = order::receive(&socket) {
        #[allow(unsafe_code, reason = "a fork is a copy of one thread, whatever the others held")]
        // SAFETY: this process has no other thread.
        let forked = match unsafe { sibling::fork() } {
            Ok(None) => {
                drop(socket);
                return launcher::run(order, files, node);
            }
            Ok(Some(launcher)) => Ok(launcher),
            Err(error) => Err(error),
        };
        if order::tell_forked(&socket, forked).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}
