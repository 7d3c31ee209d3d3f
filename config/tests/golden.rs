//! Golden tests of the language: each file of `tests/golden` holds an input, a rule, and what comes of it: the configuration,
//! preceded by its warnings (and left out when the input begins with `# warnings only`), or the whole error text. Those of
//! `tests/case_golden` hold case files and what comes of them.
//!
//! `UPDATE=1 cargo test -p homefront-config --test golden` writes what comes out now; read the diff before committing it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

const RULE: &str = "\n----------\n";

/// Below the folder that cargo runs tests in. Messages wrap by their length, so where the repository lies must not be in them.
const FOLDER: &str = "tests/golden";
const CASE_FOLDER: &str = "tests/case_golden";

fn environment(name: &str) -> Option<String> {
    match name {
        "ORIGIN_HOST" => Some("app.internal".to_owned()),
        "VERIFY" => Some("from-the-environment".to_owned()),
        _ => None,
    }
}

fn outcome(input: &str) -> String {
    let text = match homefront_config::parse("site.toml", input, FOLDER.as_ref(), &environment) {
        Ok((config, warnings)) => {
            let warnings = warnings.iter().fold(String::new(), |mut text, warning| {
                let _ = writeln!(text, "{warning}");
                text
            });
            let only_warnings = input.starts_with("# warnings only");
            if only_warnings { warnings } else { format!("{warnings}{config:#?}") }
        }
        Err(report) => report.to_string(),
    };
    let text = text.replace(FOLDER, "[folder]");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn outcome_of_cases(input: &str) -> String {
    let text = match homefront_config::cases::parse("cases.toml", input, CASE_FOLDER.as_ref(), &environment) {
        Ok(file) => format!("{:#?}", file.cases),
        Err(error) => error.to_string(),
    };
    // A configuration that is loaded has absolute paths.
    let folder = std::path::absolute(CASE_FOLDER).unwrap();
    let text = text.replace(folder.to_str().unwrap(), "[folder]").replace(CASE_FOLDER, "[folder]");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[test]
fn every_golden_file_comes_out_as_written() {
    comes_out_as_written(FOLDER, 25, outcome);
}

#[test]
fn every_golden_case_file_comes_out_as_written() {
    comes_out_as_written(CASE_FOLDER, 10, outcome_of_cases);
}

fn comes_out_as_written(folder: &str, at_least: usize, outcome: fn(&str) -> String) {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "golden"));
    files.sort();
    assert!(files.len() > at_least, "the golden files are gone");
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let (input, expected) = text.split_once(RULE).unwrap_or((&text, ""));
        let actual = outcome(input);
        if update {
            fs::write(&path, format!("{input}{RULE}{actual}\n")).unwrap();
        } else if actual != expected.trim_end() {
            wrong.push(format!("{}\n--- expected\n{expected}\n--- actual\n{actual}\n", path.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nif this is meant: UPDATE=1 cargo test -p homefront-config --test golden",
        wrong.join("\n")
    );
}
