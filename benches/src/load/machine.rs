//! What a figure must not be read without: the machine, its load, the versions.

use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Cores, kernel, CPU model, load average, the profile the node was built with, and the versions of what runs.
pub fn describe(homefront: &Path, has_nginx: bool) -> Value {
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu_info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "cpu": model.map(|(_, name)| name),
        "kernel": first_line("/proc/sys/kernel/osrelease"),
        "load_average_before": first_line("/proc/loadavg"),
        "homefront": said(homefront, &["--version"]),
        "profile": homefront.parent().and_then(Path::file_name).map(|folder| folder.to_string_lossy()),
        "commit": said(Path::new("git"), &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]),
        "nginx": if has_nginx { said(Path::new("nginx"), &["-v"]) } else { None },
    })
}

fn first_line(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.lines().next()?.to_owned())
}

/// The first line a program prints; nginx prints its version on standard error.
fn said(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).lines().next()?.to_owned())
}
