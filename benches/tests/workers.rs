//! The benches of function workers, run for a moment: each measures what it says, with calls that are answered as they must be.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::process::Command;

/// The JSON lines that a bench prints after the one about the machine.
fn lines(program: &str, arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(program).args(arguments).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let json = printed.lines().filter(|line| line.starts_with('{'));
    let mut lines: Vec<Value> = json.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.remove(0)["machine"]["cores"].as_u64().unwrap() > 0);
    lines
}

#[test]
fn memory_of_a_worker_a_function_and_a_store_is_measured() {
    let lines = lines(env!("CARGO_BIN_EXE_memory"), &["--functions", "2", "--calls", "6"]);
    assert_eq!(lines.len(), 3);
    assert!(lines[0]["fresh_kib"].as_u64().unwrap() > 100 && lines[0]["max_kib"] == 8_192);
    assert!(lines[2]["fresh_kib"].as_u64().unwrap() < 1_024, "a store is shared: {}", lines[2]);
}

#[test]
fn the_time_from_saving_to_serving_is_measured() {
    let lines = lines(env!("CARGO_BIN_EXE_reload"), &["--saves", "2", "--functions", "1,2"]);
    assert_eq!(lines.iter().map(|line| line["functions"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert!(lines.iter().all(|line| line["min_ms"].as_f64().unwrap() > 0.0), "{lines:?}");
}

#[test]
fn replacement_and_latency_beside_loops_are_measured() {
    let arguments = ["--kills", "2", "--rounds", "2", "--seconds", "1", "--calls-per-s", "50"];
    let lines = lines(env!("CARGO_BIN_EXE_hostile"), &arguments);
    assert!(lines[0]["replaced_after_kill"]["median_ms"].as_f64().unwrap() > 0.0);
    let cases: Vec<_> = lines.iter().filter_map(|line| line["case"].as_str()).collect();
    let of = |loops| ["alone", loops, loops, "alone"];
    assert_eq!(cases, [of("one function loops"), of("many functions loop in turn")].concat());
    // Of each the four cases, and then what they come to.
    for of_a_case in [&lines[1..6], &lines[6..11]] {
        let killed: Vec<_> = of_a_case[..4].iter().map(|line| line["workers_killed"].as_u64().unwrap()).collect();
        assert_eq!((killed[0], killed[3]), (0, 0));
        assert!(killed[1] > 0 && killed[2] > 0, "{lines:?}");
        assert_eq!(of_a_case[4]["p99_ratios"].as_array().unwrap().len(), 2);
        assert!(of_a_case[4]["median"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn latency_beside_lambda_functions_that_fail_is_measured() {
    let arguments = ["--seconds", "0.3", "--rounds", "2", "--only", "kill,raise"];
    let lines = lines(env!("CARGO_BIN_EXE_faults"), &arguments);
    // Two faults in two rounds, each beside and alone, for a hit and for a request to the origin.
    assert_eq!(lines.len(), 2 * 2 * 2 * 2);
    for line in &lines {
        assert!(line["requests"].as_u64().unwrap() > 0 && line["p99_us"].as_f64().unwrap() > 0.0, "{line}");
        assert_eq!((&line["errors"], line["faults"] == 0), (&Value::from(0), line["case"] == "alone"), "{line}");
    }
}

#[test]
fn what_lambda_functions_add_their_starts_and_replacements_are_measured() {
    let arguments = ["--seconds", "0.2", "--rounds", "1", "--connections", "4", "--starts", "1"];
    let lines = lines(env!("CARGO_BIN_EXE_environments"), &arguments);
    let starts: Vec<_> = lines.iter().filter(|line| !line["cold_start_ms"].is_null()).collect();
    assert!(
        starts.len() >= 2 && starts.iter().all(|line| line["after_a_crash_ms"][0].as_f64().unwrap() > 0.0),
        "{lines:?}"
    );
    let measured = lines.iter().filter(|line| line["case"] == "python3" && line["errors"] == 0);
    assert_eq!(measured.count(), 2, "alone and together");
}
