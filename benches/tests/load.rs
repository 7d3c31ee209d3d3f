//! The load bench, run for a moment: every case is measured, and every answer is the one that must come.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::path::Path;
use std::process::Command;

#[test]
fn every_case_is_measured_and_answered_without_an_error() {
    let load = Path::new(env!("CARGO_BIN_EXE_load"));
    let node = load.with_file_name("homefront");
    assert!(node.exists(), "the node is not built: cargo build --workspace --lib --bins");
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("lines");
    let output = Command::new(load)
        .args(["--rounds", "1", "--seconds", "0.2", "--connections", "4", "--output"])
        .arg(&lines)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("| homefront, pass-through, folder |") || printed.contains("nginx is not installed"));

    let lines = std::fs::read_to_string(lines).unwrap();
    let mut lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(lines.next().unwrap()["machine"]["cores"].as_u64().unwrap() > 0);
    let measured: Vec<Value> = lines.collect();
    let cases: Vec<&str> = measured
        .iter()
        .filter(|line| line["server"] == "homefront")
        .map(|line| line["case"].as_str().unwrap())
        .collect();
    let expected = [
        "hit",
        "hit, security headers",
        "hit, uri function in a worker",
        "hit, uri function inline",
        "pass-through, folder",
        "pass-through, server",
    ];
    assert_eq!(cases, expected);
    for line in &measured {
        assert!(line["requests_per_s"].as_f64().unwrap() > 0.0 && line["errors"] == 0, "{line}");
    }
}
