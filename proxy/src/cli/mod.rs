//! What the words on the command line do.

mod check;
mod chosen_origin;
mod interrupted;
mod invoke;
pub(crate) mod open_files;
mod quickstart;
mod serve;
mod test;

use clap::{Parser, Subcommand};
use homefront_config::cases::CONFIG_FILE;
use homefront_config::{Config, Warning};
use homefront_functions::edge_code::Workers;
use homefront_functions::process::OWN_BINARY;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A CloudFront-compatible edge node.
///
/// Caches by CloudFront's rules; runs CloudFront Functions and Lambda@Edge functions unchanged. `homefront serve` alone runs
/// an example and prints what to try.
#[derive(Debug, Parser)]
#[command(name = "homefront", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node; without FILE, the quickstart example.
    ///
    /// Without FILE and --origin it runs the quickstart example on 127.0.0.1:8080 and prints what to try. Ctrl-C and SIGTERM let
    /// requests in flight end. The node's own log goes to standard error; HOMEFRONT_LOG=debug says more.
    Serve {
        /// The node's configuration, or a folder with a homefront.toml in it.
        file: Option<PathBuf>,
        /// Instead of FILE: one distribution with CloudFront's defaults in front of this origin.
        #[arg(long, value_name = "URL", conflicts_with = "file")]
        origin: Option<String>,
        /// Listen here for plain HTTP, instead of where the configuration says.
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
    /// Print all that is wrong with a configuration and its functions.
    ///
    /// Starts nothing that a viewer could reach. An error of the configuration hides none of its functions; what only starting them
    /// can tell (no interpreter, a store that cannot be read) is told one thing at a time. Exits with 0 when nothing is wrong (warnings
    /// aside), with 2 when something is.
    Check {
        /// The node's configuration, or a folder with a homefront.toml in it.
        file: PathBuf,
    },
    /// Run one function on one event.
    ///
    /// Prints its output, its log and what it cost.
    Invoke {
        /// Name of a [[function]] or a [[lambda]].
        name: String,
        /// The event, a JSON file as TestFunction or Lambda takes it; `-` reads standard input.
        event: PathBuf,
        /// The configuration that has the function.
        #[arg(long, short, value_name = "FILE", default_value = "homefront.toml")]
        config: PathBuf,
        /// Print JSON in the shape of AWS's API instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Run the cases beside functions and distributions.
    ///
    /// Reads every cases.toml and *.cases.toml, runs each case against its function or against a node of its own, and prints what
    /// differs from what is expected. Exits with 0 when something ran and all of it passed, with 1 when a case failed, with 2 when
    /// a file is wrong or there is no case.
    Test(test::Arguments),
    /// Print the JSON Schema of the configuration, for editors.
    Schema {
        /// The schema of case files instead.
        #[arg(long)]
        cases: bool,
    },
}

/// The exit code of a wrong configuration, event or name.
const WRONG_INPUT: u8 = 2;

/// Runs a command line.
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Serve { file, origin, listen } => serve::run(file, origin, listen),
        Command::Check { file } => check::run(&file),
        Command::Invoke { name, event, config, json } => invoke::run(&name, &event, &config, json),
        Command::Test(arguments) => test::run(&arguments),
        Command::Schema { cases } => {
            use homefront_config::schema::{case_schema, json_schema};
            print(if cases { case_schema() } else { json_schema() }.trim_end());
            ExitCode::SUCCESS
        }
    }
}

/// Reads a configuration; prints its warnings, or all that is wrong with it.
fn load(file: &Path) -> Result<Config, ExitCode> {
    let (config, warnings) = read(file)?;
    for warning in &warnings {
        complain(&warning.to_string());
    }
    Ok(config)
}

/// The configuration that a path leads to: the file, or a folder's `homefront.toml`.
fn configuration(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(CONFIG_FILE) } else { path.to_owned() }
}

/// Reads a configuration; prints all that is wrong with it.
fn read(path: &Path) -> Result<(Config, Vec<Warning>), ExitCode> {
    homefront_config::load(&configuration(path), &|name| std::env::var(name).ok()).map_err(|report| {
        complain(&report.to_string());
        ExitCode::from(WRONG_INPUT)
    })
}

/// How this binary starts its workers.
fn workers() -> std::io::Result<Workers> {
    let executable = std::env::current_exe()?;
    let beside = executable.with_file_name("libhomefront_python.so");
    let installed = executable.parent().map(|bin| bin.join("../lib/homefront/libhomefront_python.so"));
    let python_module = [Some(beside), installed].into_iter().flatten().find(|path| path.exists());
    let function_workers = std::thread::available_parallelism().map_or(1, Into::into);
    let own = Path::new(OWN_BINARY);
    let executable = if own.exists() { own.to_owned() } else { executable };
    Ok(Workers { executable, python_module, function_workers })
}

/// The node's own log, on standard error: `HOMEFRONT_LOG=debug` says more.
fn log_to_stderr() {
    // What pingora says of a request is said by the node itself, with its id, and where it is an error only.
    let filter = tracing_subscriber::EnvFilter::try_from_env("HOMEFRONT_LOG").unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new(
            "warn,homefront=info,homefront_functions=info,pingora_core=error,pingora_core::connectors=off,pingora_proxy=off",
        )
    });
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // Only the first of a process counts; that is this one.
    let _ = subscriber.try_init();
}

/// To standard output. A reader that went away (`| head`) is no error.
fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n"));
}

/// To standard error.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_introduces_itself() {
        Cli::command().debug_assert();
        insta::assert_snapshot!(Cli::command().term_width(100).render_help(), @r"
        A CloudFront-compatible edge node

        Usage: homefront <COMMAND>

        Commands:
          serve   Run a node; without FILE, the quickstart example
          check   Print all that is wrong with a configuration and its functions
          invoke  Run one function on one event
          test    Run the cases beside functions and distributions
          schema  Print the JSON Schema of the configuration, for editors
          help    Print this message or the help of the given subcommand(s)

        Options:
          -h, --help     Print help (see more with '--help')
          -V, --version  Print version
        ");
    }
}
