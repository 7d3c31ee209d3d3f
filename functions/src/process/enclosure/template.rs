//! The template of launchers: a small process that has nothing and forks them. Forking the node itself would copy the tables of all
//! its memory, and starting our binary anew takes milliseconds.

use super::order::{self, Order};
use super::{Enclosed, Enclosure, Reports, SUBCOMMAND, launcher};
use crate::process::child::Body;
use crate::process::{ALLOCATOR, CHANNEL, Launch, sibling, spawner};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Pid, Signal, WaitOptions};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The node's end of it. Dropping it ends the process; what it has forked goes on.
#[derive(Debug)]
pub(in crate::process) struct Template {
    executable: PathBuf,
    process: Pid,
    socket: UnixStream,
}

impl Template {
    fn start(executable: &Path) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        let launch = Launch {
            environment: ALLOCATOR.map(|(name, value)| (name.into(), value.into())).into(),
            stdin: Some(theirs.into()),
            output: Some(nothing()?),
            ..Launch::new(executable, vec![SUBCOMMAND.into()])
        };
        let process = spawner::start(launch, None)?.leader;
        Ok(Self { executable: executable.to_owned(), process, socket })
    }

    /// Has it start what `words` say. `None`: it is of no use any more.
    fn ask(&self, words: &[u8], files: &[BorrowedFd<'_>]) -> Option<io::Result<(Pid, Enclosed)>> {
        let ((start, its_start), (end, its_end)) = (io::pipe().ok()?, io::pipe().ok()?);
        let files: Vec<_> = [its_start.as_fd(), its_end.as_fd()].into_iter().chain(files.iter().copied()).collect();
        order::send(&self.socket, words, &files).ok()?;
        drop(files);
        drop((its_start, its_end));
        Reports { start, end }.started()
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
    let words = Order::of(&launch, enclosure.tmp).words()?;
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
    if let Some(prepared) = template.take_if(|template| template.executable == enclosure.executable) {
        if let Some(started) = template.insert(prepared).ask(&words, &files) {
            return started.map(|started| body(read, started));
        }
        tracing::warn!("the process that starts enclosed processes is gone, and is replaced");
    }
    let started = template.insert(Template::start(&enclosure.executable)?).ask(&words, &files);
    let gone = || io::Error::other("the process that starts enclosed processes ended");
    started.ok_or_else(gone).flatten().map(|started| body(read, started))
}

fn body((stdout, stderr): (Option<OwnedFd>, Option<OwnedFd>), (leader, enclosed): (Pid, Enclosed)) -> Body {
    Body { leader, stdout, stderr, enclosed: Some(enclosed) }
}

fn nothing() -> io::Result<OwnedFd> {
    Ok(OpenOptions::new().read(true).write(true).open("/dev/null")?.into())
}

/// `homefront process-enclosure`: forks a launcher for each order that comes over stdin.
pub fn run() -> ExitCode {
    let Some(node) = rustix::process::getppid() else { return ExitCode::FAILURE };
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else { return ExitCode::FAILURE };
    // No file of an order may have the number that a channel will have in its program.
    let Ok(_taken) = fcntl_dupfd_cloexec(io::stdout(), CHANNEL) else { return ExitCode::FAILURE };
    while let Some((order, files)) = order::receive(&socket) {
        #[allow(unsafe_code, reason = "a fork is a copy of one thread, whatever the others held")]
        // SAFETY: this process has no other thread.
        match unsafe { sibling::fork() } {
            Ok(Some(_)) => {}
            Ok(None) => {
                drop(socket);
                return launcher::run(order, files, node);
            }
            Err(error) => launcher::tell_no_launcher(&files.start, &error),
        }
    }
    ExitCode::SUCCESS
}
