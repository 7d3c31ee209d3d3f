//! The servers under test: a Homefront node, and nginx as its rival, each with a configuration that the bench writes.

use super::cores;
use crate::typical;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// A server that is not there after this time does not come.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server. It is ended, and its files are removed, when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    _folder: tempfile::TempDir,
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

/// The folders of the site: hits without a function, with one in workers, with one inline; pass-through.
const FOLDERS: [&str; 4] = ["hit", "process", "inline", "folder"];

fn write_site(folder: &Path, body: &[u8]) -> io::Result<()> {
    for name in FOLDERS {
        let docs = folder.join("public").join(name).join("docs");
        fs::create_dir_all(&docs)?;
        fs::write(docs.join("index.html"), body)?;
    }
    Ok(())
}

/// Starts `program` on the site's cores, so that its workers are there, too.
fn spawn(mut program: Command, on: &[usize]) -> io::Result<Child> {
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
    let config = folder.path().join("homefront.toml");
    fs::write(&config, homefront_config(site))?;
    let mut command = Command::new(binary);
    command.args([Path::new("serve"), &config]).stdin(Stdio::null()).stdout(Stdio::piped());
    let child = spawn(command, &site.cores).map_err(|error| named(&binary.display().to_string(), &error))?;
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

/// Starts nginx, or says why there is none to compare with.
pub fn nginx(site: &Site) -> io::Result<Server> {
    let folder = tempfile::tempdir()?;
    write_site(folder.path(), &site.body)?;
    // Free now; nothing but this bench asks for ports here in the meantime.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let config = folder.path().join("nginx.conf");
    fs::write(&config, nginx_config(site, folder.path(), address))?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder.path()).arg("-c").arg(&config).stdin(Stdio::null());
    let child = spawn(command, &site.cores).map_err(|error| named("nginx", &error))?;
    let mut server = Server { child, address, _folder: folder };
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        if server.child.try_wait()?.is_some() || began.elapsed() > START_TIMEOUT {
            return Err(io::Error::other("nginx did not start: its reason is above"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(server)
}

/// As a person who wants it fast would write it: no log, kept origin connections, cached file handles.
fn nginx_config(site: &Site, folder: &Path, address: SocketAddr) -> String {
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        r#"{user}
daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  client_body_temp_path {folder}/client_body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=10000 inactive=1h;
  open_file_cache_valid 1h;
  keepalive_requests 1000000000;
  default_type text/html;
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=bench:10m inactive=1d;
  upstream origin {{ server {origin}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen {address} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_cache_key $uri;
    location /hit/ {{
      proxy_cache bench;
      proxy_pass http://origin;
      add_header X-Cache $upstream_cache_status;
    }}
    location /server/ {{ proxy_pass http://origin; }}
    location /folder/ {{ root {folder}/public; }}
  }}
}}
"#,
        workers = site.cores.len(),
        folder = folder.display(),
        origin = site.origin,
    )
}

fn named(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot run {what}: {error}"))
}
