//! The server under test: a Homefront node with a configuration that the bench writes.

use super::cores;
use crate::typical;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{fs, thread};

/// A running server. It is ended, and its files are removed, when this is dropped.
#[derive(Debug)]
pub struct Server {
    pub(super) child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Removed with the server.
    pub(super) _folder: tempfile::TempDir,
}

impl Server {
    /// The root of its processes.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // One that has ended already has been reported by what was asked of it.
            let _ = kill_process(id, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// What all servers are told.
#[derive(Debug, Clone)]
pub struct Site {
    /// Of the TCP origin.
    pub origin: SocketAddr,
    /// What every object is.
    pub body: Vec<u8>,
    /// For the server and its workers.
    pub cores: Vec<usize>,
}

/// The folders of the site: hits without a function, with security headers, with a function in workers, with one inline;
/// pass-through.
const FOLDERS: [&str; 5] = ["hit", "headers", "process", "inline", "folder"];

pub(super) fn write_site(folder: &Path, body: &[u8]) -> io::Result<()> {
    for name in FOLDERS {
        let docs = folder.join("public").join(name).join("docs");
        fs::create_dir_all(&docs)?;
        fs::write(docs.join("index.html"), body)?;
    }
    Ok(())
}

/// Starts `program` on the site's cores, so that its workers are there, too.
pub(super) fn spawn(mut program: Command, on: &[usize]) -> io::Result<Child> {
    // A child gets the cores of the thread that starts it, and dies with this process, not with that thread.
    thread::scope(|scope| {
        let starter = scope.spawn(|| {
            cores::pin(on)?;
            program.spawn()
        });
        starter.join().map_err(|_| io::Error::other("a thread panicked"))?
    })
}

/// Starts a Homefront node.
pub fn homefront(binary: &Path, site: &Site) -> io::Result<Server> {
    let folder = tempfile::tempdir()?;
    write_site(folder.path(), &site.body)?;
    serve(binary, folder, &homefront_config(site), &site.cores)
}

/// Starts a Homefront node with a configuration of one's own. What it names is in `folder`, which goes with the server.
pub fn serve(binary: &Path, folder: tempfile::TempDir, toml: &str, on: &[usize]) -> io::Result<Server> {
    let config = folder.path().join("homefront.toml");
    fs::write(&config, toml)?;
    let mut command = Command::new(binary);
    command.args([Path::new("serve"), &config]).stdin(Stdio::null()).stdout(Stdio::piped());
    let child = spawn(command, on).map_err(|error| named(&binary.display().to_string(), &error))?;
    let mut server = Server { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), _folder: folder };
    let stdout = server.child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line.trim_end().strip_prefix("listening on http://").and_then(|address| address.parse().ok());
    server.address = address.ok_or_else(|| io::Error::other("the node did not start: its reason is above"))?;
    Ok(server)
}

fn homefront_config(site: &Site) -> String {
    let function = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("functions/uri.js");
    format!(
        r#"
[listen]
http = ["127.0.0.1:0"]

[[distribution]]
id = "{id}"
domain_name = "{host}"

  [[distribution.origin]]
  id = "folder"
  directory = "public/"

  [[distribution.origin]]
  id = "server"
  domain_name = "127.0.0.1"
  http_port = {port}
  protocol_policy = "http-only"

  [distribution.default_behavior]
  target_origin = "folder"

  [[distribution.behavior]]
  path_pattern = "/headers/*"
  target_origin = "folder"
  response_headers_policy = "SecurityHeadersPolicy"

  [[distribution.behavior]]
  path_pattern = "/process/*"
  target_origin = "folder"
  viewer_request = {{ function = "uri" }}

  [[distribution.behavior]]
  path_pattern = "/inline/*"
  target_origin = "folder"
  viewer_request = {{ function = "uri-inline" }}

  [[distribution.behavior]]
  path_pattern = "/folder/*"
  target_origin = "folder"
  cache_policy = "CachingDisabled"

  [[distribution.behavior]]
  path_pattern = "/server/*"
  target_origin = "server"
  cache_policy = "CachingDisabled"

# The budgets are wide: on a busy machine a slow call is to be counted, not to be killed.
[[function]]
name = "uri"
code = '{function}'
budget_ms = 5000

[[function]]
name = "uri-inline"
code = '{function}'
isolation = "inline"
budget_ms = 5000
"#,
        id = typical::DISTRIBUTION_ID,
        host = typical::HOST,
        port = site.origin.port(),
        function = function.display(),
    )
}

pub(super) fn named(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot run {what}: {error}"))
}
