//! skeleton
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = homefront_functions::subcommand::run() {
        return code;
    }
    ExitCode::SUCCESS
}
