//! Whatever stands in a file, reading it ends in a configuration or in a report with at least one error, and both can be printed.
#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use std::path::{Path, PathBuf};

const FULL: &str = include_str!("golden/full.toml.golden");

fn full() -> &'static str {
    FULL.split("\n----------\n").next().unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn read(text: &str) {
    let outcome = homefront_config::parse("any.toml", text, &folder(), &|_| Some("x".to_owned()));
    match outcome {
        Ok((config, warnings)) => {
            assert!(!config.distributions.is_empty());
            for warning in &warnings {
                assert!(warning.to_string().contains("any.toml:"), "{warning}");
            }
        }
        Err(report) => {
            assert!(!report.problems().is_empty(), "refused without a reason:\n{text}");
            assert!(report.to_string().contains(" in any.toml"), "{report}");
            assert!(report.problems().iter().all(|problem| problem.place().is_some()));
        }
    }
}

/// The byte at or before `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap()
}

const FRAGMENTS: &[&str] = &[
    "",
    "\n",
    "\"",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    "#",
    "''",
    "\"\"",
    "[[",
    "0",
    "-1",
    "1.5",
    "true",
    "\"${X\"",
    "\"none\"",
    "[]",
    "{}",
    "é",
    "\u{0}",
    "\r",
    "99999999999999999999",
    "1979-05-27",
    "x = 1\n",
    "[listen]\n",
    "[[distribution]]\n",
    "all_except = [\"a\"]",
    "\"\\u0000\"",
    "\"*\"",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn on_any_text(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn on_text_that_looks_like_toml(text in "([\\[\\]{}=\",.# \n]|[a-z_]{1,8}|[0-9]){0,60}") {
        read(&text);
    }

    #[test]
    fn on_a_valid_file_with_a_piece_replaced(
        at in 0..full().len(), length in 0usize..40, fragment in proptest::sample::select(FRAGMENTS)
    ) {
        let start = boundary(full(), at);
        let end = boundary(full(), at + length).max(start);
        read(&format!("{}{fragment}{}", &full()[..start], &full()[end..]));
    }

    #[test]
    fn on_a_valid_file_with_values_replaced(
        lines in proptest::collection::vec((0usize..110, proptest::sample::select(FRAGMENTS)), 1..6)
    ) {
        let mut text: Vec<String> = full().lines().map(str::to_owned).collect();
        for (line, fragment) in lines {
            let line = line % text.len();
            if let Some((key, _)) = text[line].split_once('=') {
                text[line] = format!("{key}= {fragment}");
            }
        }
        read(&text.join("\n"));
    }

    #[test]
    fn on_a_valid_file_with_lines_left_out(lines in proptest::collection::vec(0usize..110, 1..8)) {
        let kept = full().lines().enumerate().filter(|(at, _)| !lines.contains(at)).map(|(_, line)| line);
        read(&kept.collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn on_deep_nesting() {
    for (open, close) in [("[", "]"), ("{ a = ", "}")] {
        read(&format!("listen = {}{}", open.repeat(50_000), close.repeat(50_000)));
    }
    read(&format!("{} = 1", vec!["a"; 50_000].join(".")));
}
