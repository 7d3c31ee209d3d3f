//! The command line of Homefront.

use clap::Parser;
use homefront::cli::Cli;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Worker processes are this binary too; they must not parse a command line, start a runtime or open a file.
    if std::env::args_os().nth(1).is_some_and(|word| word == homefront_functions::js::worker::SUBCOMMAND) {
        return homefront_functions::js::worker::run();
    }
    homefront::cli::run(Cli::parse())
}
