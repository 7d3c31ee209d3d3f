//! Functions for tests: real interpreters, a log that is collected, gates instead of sleeps.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::context::Identity;
use super::environment::{Outcome, Plan};
use super::package::Package;
use super::pool::{Bounds, Pool};
use super::runtime::Program;
use crate::Failure;
use crate::function_log::FunctionLog;
use crate::lambda::node::Version;
use crate::process::Spawner;
use bytes::Bytes;
use homefront_config::Lambda;
use homefront_config::lambda::LambdaRuntime;
use parking_lot::Mutex;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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

/// What a test runs a function in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// `python3`
    Python,
    /// `nodejs`
    Node,
    /// `provided`: a loop that Homefront has no part in, of Python's standard library, around the Python source.
    Provided,
}

/// One function in each language.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) python: String,
    pub(super) node: String,
}

/// The same function twice.
pub(super) fn source(python: impl Into<String>, node: impl Into<String>) -> Source {
    Source { python: python.into(), node: node.into() }
}

/// Runs tests that take a [`Language`] once in each.
macro_rules! in_every_language {
    ($($test:ident),+ $(,)?) => {
        $crate::lambda::fixture::in_every_language!(@ python Python $($test)+);
        $crate::lambda::fixture::in_every_language!(@ node Node $($test)+);
        $crate::lambda::fixture::in_every_language!(@ provided Provided $($test)+);
    };
    (@ $module:ident $language:ident $($test:ident)+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::lambda::fixture::Language::$language).await;
                }
            )+
        }
    };
}
pub(super) use in_every_language;

/// The interpreter behind the name, so that tests do not wait for what looks it up.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let told = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
        assert!(told.status.success(), "python3 runs");
        String::from_utf8(told.stdout).unwrap().trim().into()
    })
}

fn node_version() -> Version {
    static VERSION: OnceLock<Version> = OnceLock::new();
    *VERSION.get_or_init(|| {
        let told = Command::new("node").arg("--version").output().unwrap();
        Version::parse(String::from_utf8(told.stdout).unwrap().trim().trim_start_matches('v')).unwrap()
    })
}

/// The configuration of a Python function; its code is one file, `app.py`.
pub(super) fn lambda(code: &TempDir, python: &str) -> Lambda {
    lambda_in(Language::Python, code, &source(python, ""))
}

/// The configuration of a function; its code is one file, `app.py` or `app.js`, and a `bootstrap` where there must be one.
pub(super) fn lambda_in(language: Language, code: &TempDir, source: &Source) -> Lambda {
    let write = |file: &str, text: &str| std::fs::write(code.path().join(file), text).unwrap();
    let runtime = match language {
        Language::Python => {
            write("app.py", &source.python);
            LambdaRuntime::Python { interpreter: python().to_owned() }
        }
        Language::Node => {
            write("app.js", &source.node);
            LambdaRuntime::Node { interpreter: "node".into(), major: None }
        }
        Language::Provided => {
            write("app.py", &source.python);
            executable(code.path(), &format!("#!{} -u\n{}", python().display(), include_str!("fixture/bootstrap.py")));
            LambdaRuntime::Provided
        }
    };
    Lambda {
        name: "hook".to_owned(),
        place: "site.toml:1:1".to_owned(),
        runtime,
        handler: "app.handler".to_owned(),
        code: code.path().to_owned(),
        memory_mb: 128,
        timeout: Duration::from_secs(30),
        concurrency_max: 4,
        provisioned_concurrency: 0,
    }
}

/// A package's `bootstrap`. Another process writes it: a child of this one that is just being started would keep the file open
/// for writing, and the system starts no such file.
pub(super) fn executable(package: &Path, text: &str) {
    let script = "cat > bootstrap && chmod 755 bootstrap";
    let mut write = Command::new("sh").args(["-c", script]).current_dir(package).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut write.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert!(write.wait().unwrap().success());
}

/// A pool with one function.
pub(super) struct Fixture {
    pub(super) pool: Pool,
    lines: Arc<Mutex<Vec<String>>>,
    pub(super) code: TempDir,
}

impl Fixture {
    /// A Python function.
    pub(super) fn new(python: &str) -> Self {
        Self::with(python, |_, _| {})
    }

    pub(super) fn with(python: &str, change: impl FnOnce(&mut Plan, &mut Bounds)) -> Self {
        Self::of(Language::Python, &source(python, ""), change)
    }

    /// A function in any language.
    pub(super) fn of(language: Language, source: &Source, change: impl FnOnce(&mut Plan, &mut Bounds)) -> Self {
        let code = tempfile::tempdir().unwrap();
        let lambda = lambda_in(language, &code, source);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        let program = match language {
            Language::Python => Program::python(python().to_owned(), module(), "python3.13".to_owned()),
            Language::Node => Program::node("node".into(), lambda.memory_mb, node_version(), 22),
            Language::Provided => Program::provided(code.path()),
        };
        let mut plan = Plan {
            identity: Identity::new(&lambda),
            package: Package::Folder(lambda.code.clone()),
            lambda,
            program,
            encloses: None,
            covers_tmp: false,
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
        called.map(|(_, outcome)| outcome).map_err(|none| none.failure)
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

/// What a Python function does at a gate.
pub(super) const PASS_GATE: &str = "
import socket
def pass_gate(port, note=b'.'):
    with socket.create_connection(('127.0.0.1', port)) as gate:
        gate.sendall(note)
        return gate.recv(1)
";

/// What a Node.js function does there.
pub(super) const PASS_GATE_IN_NODE: &str = "
const net = require('node:net');
const passGate = (port) => new Promise((pass) => {
    const gate = net.connect(port, '127.0.0.1', () => gate.write('.'));
    gate.on('data', () => { gate.destroy(); pass(); });
});
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
