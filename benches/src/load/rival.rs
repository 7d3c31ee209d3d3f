//! nginx as the rival, with the configuration of a person who wants it fast; with njs where that is installed.

use super::server::{Server, Site, named, spawn, write_site};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// A server that is not there after this time does not come.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Where Debian's libnginx-mod-http-js puts it.
const NJS: &str = "/usr/lib/nginx/modules/ngx_http_js_module.so";

/// Whether njs is installed.
pub fn has_njs() -> bool {
    Path::new(NJS).exists()
}

/// Starts nginx, or says why there is none to compare with.
pub fn nginx(site: &Site) -> io::Result<Server> {
    let folder = tempfile::tempdir()?;
    write_site(folder.path(), &site.body)?;
    // Free now; nothing but this bench asks for ports here in the meantime.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let config = folder.path().join("nginx.conf");
    write_scripts(folder.path())?;
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

/// The CloudFront Function behind a shim that builds its event, and the same done by hand.
fn write_scripts(folder: &Path) -> io::Result<()> {
    let function = include_str!("../../functions/uri.js");
    fs::write(folder.join("shim.js"), [function, include_str!("../../njs/shim.js")].concat())?;
    fs::write(folder.join("by_hand.js"), include_str!("../../njs/by_hand.js"))
}

const NJS_SCRIPTS: &str = "
  js_import shim from shim.js;
  js_import by_hand from by_hand.js;
  js_set $shim_uri shim.uri;
  js_set $by_hand_uri by_hand.uri;";

const NJS_LOCATIONS: &str = "
    location /shim/ {
      proxy_cache bench;
      proxy_cache_key $shim_uri;
      proxy_pass http://origin$shim_uri;
      add_header X-Cache $upstream_cache_status;
    }
    location /by_hand/ {
      proxy_cache bench;
      proxy_cache_key $by_hand_uri;
      proxy_pass http://origin$by_hand_uri;
      add_header X-Cache $upstream_cache_status;
    }";

/// As a person who wants it fast would write it: no log, kept origin connections, cached file handles.
fn nginx_config(site: &Site, folder: &Path, address: SocketAddr) -> String {
    let (njs_module, njs_scripts, njs_locations) =
        if has_njs() { (format!("load_module {NJS};"), NJS_SCRIPTS, NJS_LOCATIONS) } else { (String::new(), "", "") };
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        r#"{njs_module}
{user}
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
  {njs_scripts}
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
    location /headers/ {{
      proxy_cache bench;
      proxy_pass http://origin;
      add_header X-Cache $upstream_cache_status;
      add_header Referrer-Policy strict-origin-when-cross-origin;
      add_header Strict-Transport-Security max-age=31536000;
      add_header X-Content-Type-Options nosniff;
      add_header X-Frame-Options SAMEORIGIN;
      add_header X-XSS-Protection "1; mode=block";
    }}
    location /server/ {{ proxy_pass http://origin; }}
    location /folder/ {{ root {folder}/public; }}
    {njs_locations}
  }}
}}
"#,
        workers = site.cores.len(),
        folder = folder.display(),
        origin = site.origin,
    )
}
