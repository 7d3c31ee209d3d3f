//! The benches of CloudFront Functions, run for a moment: every case is measured, and every call does its work.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::process::Command;

/// What a bench wrote for machines, after the line about the machine.
fn measured(program: &str, arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("lines");
    let output =
        Command::new(program).args(arguments).args(["--rounds", "1", "--output"]).arg(&lines).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = std::fs::read_to_string(lines).unwrap();
    lines.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_function_is_timed_in_the_engine_and_beside_the_yardsticks() {
    let lines = measured(env!("CARGO_BIN_EXE_engine"), &["--calls", "20"]);
    let of = |strategy: &str| lines.iter().filter(|line| line["strategy"] == strategy).count();
    assert_eq!((of("homefront"), of("naive"), of("an empty loop")), (5, 3, 5));
    assert!(lines.iter().all(|line| line["p50_us"].as_f64().unwrap() > 0.0));
}

#[test]
fn every_case_is_called_in_workers_and_inline() {
    let lines = measured(env!("CARGO_BIN_EXE_boundary"), &["--seconds", "0.2", "--in-flight", "4"]);
    assert_eq!(lines.len(), 8);
    assert!(lines.iter().all(|line| line["calls"].as_u64().unwrap() > 0), "{lines:?}");
}
