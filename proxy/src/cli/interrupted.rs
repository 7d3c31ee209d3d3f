//! Ctrl-C while functions run without a node.

use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// What shells add to the number of the signal that ended a program.
const OF_SIGNAL: u8 = 128;
const INTERRUPT: u8 = 2;
const TERMINATE: u8 = 15;

/// Does `work`, or gives the code to exit with when a signal asks for an end before: what ran is dropped then, and with it the processes and
/// folders of functions, which a process that is ended by a signal would leave behind.
pub(super) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Result<T, ExitCode> {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return Ok(work.await);
    };
    let number = tokio::select! {
        done = work => return Ok(done),
        _ = interrupt.recv() => INTERRUPT,
        _ = terminate.recv() => TERMINATE,
    };
    Err(ExitCode::from(OF_SIGNAL + number))
}
