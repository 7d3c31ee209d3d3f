//! A node under test: `Edge::with(toml).origin("app", |asked| …).start().await`, then `edge.get("/x").await`.

pub(crate) mod binary;
mod certificate;
mod client;
mod gate;
mod http2;
mod lambda;
mod leaks;
mod namespaces;
mod origin;

pub(crate) use binary::Binary;
pub(crate) use certificate::Authority;
pub(crate) use client::{Answer, Connection, PATIENCE, get_of, request_of};
pub(crate) use gate::{Gate, Waiting, before};
pub(crate) use http2::Http2;
pub(crate) use lambda::{Code, EXECUTION, Language, in_every_language};
pub(crate) use leaks::{Held, Program};
pub(crate) use namespaces::has_namespaces;
pub(crate) use origin::{Asked, Origin, Pieces, Reply};

use homefront::Server;
use homefront::clock::Clock;
use homefront_config::Config;
use homefront_functions::edge_code::Workers;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A node that is being described.
pub(crate) struct Edge {
    toml: String,
    folder: TempDir,
    origins: HashMap<String, Origin>,
}

/// A node that runs, on ports of its own.
pub(crate) struct Running {
    /// Moves the cache's and the guards' time.
    pub(crate) clock: Clock,
    /// The plaintext port.
    pub(crate) address: SocketAddr,
    server: Server,
    origins: HashMap<String, Origin>,
    /// Files of the configuration, and logs; gone with the node.
    pub(crate) folder: TempDir,
}

/// A distribution with one origin, `app`, that is a closure, and what else `behavior` says of the default behavior.
pub(crate) fn one_origin(behavior: &str) -> String {
    format!(
        r#"
        [[distribution]]
        id = "ETEST123456789"
        domain_name = "dtest123456789.cloudfront.net"
        [[distribution.origin]]
        id = "app"
        domain_name = "127.0.0.1"
        http_port = {{app}}
        protocol_policy = "http-only"
        [distribution.default_behavior]
        target_origin = "app"
        {behavior}
        "#
    )
}

impl Edge {
    /// A node of this configuration. `{name}` stands for the port of the origin of that name; `[listen]` is added when it
    /// is absent.
    pub(crate) fn with(toml: impl Into<String>) -> Self {
        Self { toml: toml.into(), folder: tempfile::tempdir().unwrap(), origins: HashMap::new() }
    }

    /// One distribution in front of the origin `app`, which is this closure.
    pub(crate) fn before(behavior: &str, answer: impl Fn(Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(one_origin(behavior)).origin("app", answer)
    }

    /// An origin that answers with a closure.
    pub(crate) fn origin(self, name: &str, answer: impl Fn(Asked) -> Reply + Send + Sync + 'static) -> Self {
        self.served(name, Origin::serve(move |asked| std::future::ready(answer(asked))))
    }

    /// An origin that may take its time.
    pub(crate) fn slow_origin<F>(self, name: &str, answer: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        self.served(name, Origin::serve(answer))
    }

    /// An origin that is there already.
    pub(crate) fn served(mut self, name: &str, origin: Origin) -> Self {
        self.origins.insert(name.to_owned(), origin);
        self
    }

    /// A file beside the configuration.
    pub(crate) fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// More of the configuration.
    pub(crate) fn configured(mut self, toml: &str) -> Self {
        self.toml.push_str(toml);
        self
    }

    /// A CloudFront Function `name` with this code; its configuration is added.
    pub(crate) fn function(self, name: &str, code: &str) -> Self {
        self.function_with(name, code, "")
    }

    /// The same with further settings.
    pub(crate) fn function_with(mut self, name: &str, code: &str, settings: &str) -> Self {
        self.toml.push_str(&format!("\n[[function]]\nname = \"{name}\"\ncode = \"{name}.js\"\n{settings}\n"));
        self.file(&format!("{name}.js"), code)
    }

    /// Ports of the node instead of one plaintext port, e.g. `http = ["127.0.0.1:0"]`.
    pub(crate) fn listen(mut self, listen: &str) -> Self {
        self.toml = format!("[listen]\n{listen}\n{}", self.toml);
        self
    }

    /// The configuration as a file in the node's folder, for the binary; its origins live as long as the second value.
    pub(crate) fn written(self) -> (TempDir, HashMap<String, Origin>) {
        let toml = self.text();
        std::fs::write(self.folder.path().join("homefront.toml"), toml).unwrap();
        (self.folder, self.origins)
    }

    fn text(&self) -> String {
        let mut toml = self.toml.clone();
        for (name, origin) in &self.origins {
            toml = toml.replace(&format!("{{{name}}}"), &origin.address.port().to_string());
        }
        if !toml.contains("[listen]") {
            toml = format!("[listen]\nhttp = [\"127.0.0.1:0\"]\n{toml}");
        }
        if !toml.contains("[log]") {
            toml = format!("[log]\nfunction = \"functions.log\"\n{toml}");
        }
        toml
    }

    fn config(&self) -> Config {
        let toml = self.text();
        let parsed = homefront_config::parse("test.toml", &toml, self.folder.path(), &|_| None);
        parsed.unwrap_or_else(|report| panic!("{report}")).0
    }

    /// Starts it.
    pub(crate) async fn start(self) -> Running {
        let (config, clock) = (self.config(), Clock::default());
        let server = Server::start(&config, workers(), clock.clone()).await.unwrap_or_else(|error| panic!("{error}"));
        let address = *server.http.first().expect("every test node has a plaintext port");
        Running { clock, address, server, origins: self.origins, folder: self.folder }
    }
}

/// The binary under test, and the Python worker beside it.
pub(crate) fn workers() -> Workers {
    // HOMEFRONT_LOG=debug shows what nodes say; the first of them sets it up.
    let filter = tracing_subscriber::EnvFilter::from_env("HOMEFRONT_LOG");
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    let executable = PathBuf::from(env!("CARGO_BIN_EXE_homefront"));
    let python_module = executable.with_file_name("libhomefront_python.so");
    assert!(python_module.exists(), "the Python worker is not built: cargo build -p homefront-python");
    Workers { executable, python_module: Some(python_module), function_workers: 2 }
}

impl Running {
    /// GET, as a viewer of the distribution's own name.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&get_of(path, &[])).await
    }

    /// GET with further headers.
    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(&get_of(path, headers)).await
    }

    /// Raw bytes on a connection of their own, and the answer.
    pub(crate) async fn send(&self, request: &str) -> Answer {
        self.connect().await.send(request).await
    }

    /// A request with a method and a body.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(&request_of(method, path, headers, body)).await
    }

    /// A connection that stays.
    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// The first TLS port.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        *self.server.https.first().expect("the configuration has a TLS port")
    }

    /// The admin port.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.server.admin.expect("the configuration has an admin port")
    }

    /// Where the origin of that name listens.
    pub(crate) fn port(&self, origin: &str) -> u16 {
        self.origins[origin].address.port()
    }

    /// What the origin of that name was asked, in order.
    pub(crate) fn asked(&self, origin: &str) -> Vec<Asked> {
        self.origins[origin].asked()
    }

    /// How often.
    pub(crate) fn asked_times(&self, origin: &str) -> usize {
        self.asked(origin).len()
    }

    /// Stops the node and gives back what it wrote into a file.
    pub(crate) async fn stop_and_read(self, file: &str) -> String {
        self.server.stop().await;
        std::fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    /// Stops the node apart from its origins, which requests in flight may still need.
    pub(crate) fn stop_apart(self) -> (HashMap<String, Origin>, impl Future<Output = Option<String>>) {
        (self.origins, self.server.stop())
    }

    /// Stops the node; requests in flight end first.
    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

/// A folder of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}
