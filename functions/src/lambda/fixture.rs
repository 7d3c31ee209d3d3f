//! Python functions for tests: real interpreters, a log that is collected, gates instead of sleeps.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::context::Identity;
use super::environment::{Outcome, Plan};
use super::pool::{Bounds, Pool};
use super::python;
use crate::Failure;
use crate::function_log::FunctionLog;
use crate::process::Spawner;
use bytes::Bytes;
use homefront_config::Lambda;
use homefront_config::lambda::LambdaRuntime;
use parking_lot::Mutex;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// No test waits this long unless something is broken.
pub(super) const LONG: Duration = Duration::from_mins(1);

/// The extension module, built when it is not up to date.
pub(super) fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "homefront-python", "--target-dir"]);
        build.arg(profile.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(build.status().unwrap().success(), "homefront-python builds");
        profile.join("libhomefront_python.so")
    })
}

/// A function's configuration; its code is one file, `app.py`.
pub(super) fn lambda(code: &TempDir, source: &str) -> Lambda {
    std::fs::write(code.path().join("app.py"), source).unwrap();
    Lambda {
        name: "hook".to_owned(),
        runtime: LambdaRuntime::Python { interpreter: "python3".to_owned() },
        handler: "app.handler".to_owned(),
        code: code.path().to_owned(),
        memory_mb: 128,
        timeout: Duration::from_secs(30),
        concurrency_max: 4,
    }
}

/// A pool with one function.
pub(super) struct Fixture {
    pub(super) pool: Pool,
    lines: Arc<Mutex<Vec<String>>>,
    pub(super) code: TempDir,
}

impl Fixture {
    pub(super) fn new(source: &str) -> Self {
        Self::with(source, |_, _| {})
    }

    pub(super) fn with(source: &str, change: impl FnOnce(&mut Plan, &mut Bounds)) -> Self {
        let code = tempfile::tempdir().unwrap();
        let lambda = lambda(&code, source);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        let mut plan = Plan {
            identity: Identity::new(&lambda),
            lambda,
            program: "python3".into(),
            arguments: python::arguments(module()),
            spawner: Spawner::start(None).unwrap(),
            log: FunctionLog::new(move |line| sink.lock().push(line.to_owned())),
            init_time_max: LONG,
        };
        let mut bounds = Bounds { queue_wait_max: LONG, ..Bounds::default() };
        change(&mut plan, &mut bounds);
        Self { pool: Pool::new(plan, bounds), lines, code }
    }

    pub(super) async fn call(&self, event: Value) -> Result<Outcome, Failure> {
        let event = Bytes::from(event.to_string());
        let called = tokio::time::timeout(LONG, self.pool.call(&event)).await.expect("the call ends");
        called.map(|(_, outcome)| outcome)
    }

    /// The result's JSON.
    pub(super) async fn result(&self, event: Value) -> Value {
        match self.call(event).await {
            Ok(Outcome::Response(result)) => serde_json::from_slice(&result).unwrap(),
            other => panic!("{other:?}\n{}", self.log().join("\n")),
        }
    }

    /// The error object's JSON.
    pub(super) async fn error(&self, event: Value) -> Value {
        match self.call(event).await {
            Ok(Outcome::Error { payload, .. }) => serde_json::from_slice(&payload).unwrap(),
            other => panic!("{other:?}\n{}", self.log().join("\n")),
        }
    }

    /// All lines so far; those of calls that are answered are there once the environments rest.
    pub(super) fn log(&self) -> Vec<String> {
        self.lines.lock().clone()
    }

    /// The log with ids and numbers replaced, tabs made visible.
    pub(super) fn masked_log(&self) -> String {
        let lines = self.log().into_iter().map(|line| mask(&line));
        lines.collect::<Vec<_>>().join("\n")
    }

    pub(super) async fn stop(self) {
        tokio::time::timeout(LONG, self.pool.stop()).await.expect("everything ends");
    }
}

fn mask(line: &str) -> String {
    let mut masked = String::new();
    // The function's own size and version are no measurements.
    let mut constant = false;
    for word in line.split_inclusive([' ', '\t']) {
        let bare = word.trim_end();
        let shown = match bare {
            _ if constant => bare,
            id if uuid::Uuid::parse_str(id).is_ok() => "<id>",
            number if number.parse::<f64>().is_ok() => "<n>",
            other => other,
        };
        masked.push_str(shown);
        masked.push_str(&word[bare.len()..]);
        constant = matches!(bare, "Size:" | "Version:");
    }
    masked.replace('\t', "<tab>")
}

/// Where functions report that they have come so far, and wait to be let on: `pass_gate(event["gate"])`.
pub(super) struct Gate {
    listener: TcpListener,
}

/// What a function does at a gate.
pub(super) const PASS_GATE: &str = "
import socket
def pass_gate(port, note=b'.'):
    with socket.create_connection(('127.0.0.1', port)) as gate:
        gate.sendall(note)
        return gate.recv(1)
";

/// A function that waits at the gate.
pub(super) struct Waiting(TcpStream);

impl Gate {
    pub(super) async fn new() -> Self {
        Self { listener: TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap() }
    }

    pub(super) fn port(&self) -> u16 {
        self.listener.local_addr().map(|address: SocketAddr| address.port()).unwrap()
    }

    /// Returns when a function has come.
    pub(super) async fn arrival(&self) -> Waiting {
        let (mut stream, _) = tokio::time::timeout(LONG, self.listener.accept()).await.expect("it comes").unwrap();
        stream.read_u8().await.unwrap();
        Waiting(stream)
    }
}

impl Waiting {
    pub(super) async fn let_on(mut self) {
        self.0.write_all(b"!").await.unwrap();
    }
}

/// Returns when `condition` holds.
pub(super) async fn until(mut condition: impl FnMut() -> bool) {
    let holds = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, holds).await.expect("it comes to hold");
}

/// The state letter of a process; `None` when it is gone.
pub(super) fn process_state(id: u64) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next().filter(|state| *state != 'Z')
}
