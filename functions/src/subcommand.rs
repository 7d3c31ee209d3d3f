//! The hidden subcommands of the binary: what it does when the node starts it as one of its helpers.

use crate::js::worker;
use crate::process::{enclosure, sweeper, take_own_name};
use std::process::ExitCode;

/// Runs `function-worker`, `process-sweeper` and `process-enclosure` when the command line names them; `None` when it does not. Call it first
/// thing in `main`, before threads, files and signal handlers.
pub fn run() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let subcommand = arguments.next()?;
    let subcommand = subcommand.to_str()?;
    if [worker::SUBCOMMAND, enclosure::SUBCOMMAND, sweeper::SUBCOMMAND].contains(&subcommand) {
        take_own_name();
    }
    match subcommand {
        worker::SUBCOMMAND => Some(worker::run()),
        enclosure::SUBCOMMAND => Some(enclosure::run(arguments.next()?.to_str()?)),
        sweeper::SUBCOMMAND => Some(sweeper::run(arguments.next()?.to_str()?)),
        _ => None,
    }
}
