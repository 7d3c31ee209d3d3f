//! `homefront serve`: run a node until Ctrl-C or SIGTERM.

use super::{complain, load, log_to_stderr, open_files, print, quickstart, workers};
use crate::clock::Clock;
use crate::listener::ListenError;
use crate::server::{BootError, Server};
use homefront_config::Config;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

pub(super) fn run(file: Option<PathBuf>, origin: Option<String>, listen: Option<SocketAddr>) -> ExitCode {
    log_to_stderr();
    open_files::allow_all();
    let is_quickstart = file.is_none() && origin.is_none();
    let mut config = match configuration(file, origin, listen) {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Some(address) = listen {
        config.listen.http = vec![address];
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("error: cannot start threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(serve(&config, is_quickstart))
}

fn configuration(
    file: Option<PathBuf>,
    origin: Option<String>,
    listen: Option<SocketAddr>,
) -> Result<Config, ExitCode> {
    if let Some(file) = file {
        return load(&file);
    }
    if let Some(origin) = origin {
        let address = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        return homefront_config::quick(&origin, address).map_err(|error| {
            complain(&format!("error: --origin: {error}"));
            ExitCode::from(super::WRONG_INPUT)
        });
    }
    let file = quickstart::unpack().map_err(|error| {
        complain(&format!("error: the quickstart example cannot be unpacked: {error}"));
        ExitCode::FAILURE
    })?;
    load(&file)
}

async fn serve(config: &Config, is_quickstart: bool) -> ExitCode {
    let started = async {
        let workers =
            workers().map_err(|error| (format!("cannot find this program's own file: {error}"), ExitCode::FAILURE))?;
        let started = Server::start(config, workers, Clock::default()).await;
        started.map_err(|error| (error.to_string(), exit_code(&error)))
    };
    // Before the ports are open, so that no signal finds the node without an ear.
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        complain("error: cannot listen for signals");
        return ExitCode::FAILURE;
    };
    let server = match started.await {
        Ok(server) => server,
        Err((reason, code)) => {
            complain(&format!("error: {reason}"));
            return code;
        }
    };
    announce(&server, is_quickstart);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    complain("stopping: requests in flight end first; a second signal ends them now");
    tokio::select! {
        charges = server.stop() => {
            if let Some(charges) = charges {
                complain(charges.trim_end());
            }
            ExitCode::SUCCESS
        }
        _ = interrupt.recv() => ExitCode::FAILURE,
        _ = terminate.recv() => ExitCode::FAILURE,
    }
}

fn announce(server: &Server, is_quickstart: bool) {
    let mut text = String::new();
    for (scheme, addresses) in [("http", &server.http), ("https", &server.https)] {
        for address in addresses {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "listening on {scheme}://{address}");
        }
    }
    if let Some(address) = server.admin {
        let _ = writeln!(text, "metrics on http://{address}/metrics");
    }
    if let (true, Some(address)) = (is_quickstart, server.http.first()) {
        text.push_str(&quickstart::guide(*address));
        text.extend(quickstart::other_configuration(Path::new(".")));
    }
    print(text.trim_end());
}

/// What is wrong with the files a configuration names counts as what is wrong with it.
fn exit_code(error: &BootError) -> ExitCode {
    match error {
        BootError::Deploy(_) | BootError::Listen(ListenError::Certificate(_)) => ExitCode::from(super::WRONG_INPUT),
        _ => ExitCode::FAILURE,
    }
}
