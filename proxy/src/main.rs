//! The command line of Homefront.

use clap::Parser;
use homefront::cli::Cli;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Worker processes are this binary too; they must not parse a command line, start a runtime or open a file.
    if let Some(code) = homefront_functions::subcommand::run() {
        return code;
    }
    homefront::cli::run(Cli::parse())
}
