//! The invariants of ARCHITECTURE.md that a program can check: who may name whom, what stays pure, what no file contains.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file. Longer than that, a file has more than one topic.
const LINES_MAX: usize = 600;

/// Crates, and what of ours and of the engines their manifests may name.
const EDGES: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("functions", &["homefront-config", "boa_engine", "boa_gc"]),
    ("functions/fuzz", &["homefront-config", "homefront-functions"]),
    ("functions/python", &["pyo3"]),
    ("proxy", &["homefront-config", "homefront-functions", "pingora"]),
    // The engine's yardstick is boa itself.
    ("benches", &["homefront", "homefront-config", "homefront-functions", "boa_engine", "boa_gc"]),
];

/// Engines, and the only places that name them. Everything else can be read, tested and kept without knowing them.
const ENGINES: &[(&str, &[&str])] = &[
    ("pyo3", &["functions/python/src/"]),
    ("boa_", &["functions/src/js/", "benches/src/naive.rs"]),
    (
        "pingora::",
        &[
            // The way of a request.
            "proxy/src/lifecycle.rs",
            "proxy/src/exchange.rs",
            "proxy/src/arrive.rs",
            "proxy/src/head.rs",
            "proxy/src/hooks.rs",
            "proxy/src/hooks/",
            "proxy/src/fetch.rs",
            "proxy/src/renew.rs",
            "proxy/src/error_page.rs",
            "proxy/src/serve.rs",
            "proxy/src/finish.rs",
            "proxy/src/respond.rs",
            "proxy/src/body_swap.rs",
            "proxy/src/include_body.rs",
            "proxy/src/observe/finished.rs",
            // The node.
            "proxy/src/server.rs",
            "proxy/src/node.rs",
            "proxy/src/listener.rs",
            "proxy/src/connection/stream.rs",
            // Its two ends: where objects are kept, and where they come from.
            "proxy/src/cache/memory.rs",
            "proxy/src/cache/memory/",
            "proxy/src/cache/store.rs",
            "proxy/benches/memory.rs",
            "proxy/src/origin/peer.rs",
            "proxy/src/origin/local.rs",
            "proxy/src/origin/tls.rs",
        ],
    ),
];

/// Values in, values out: no file, no socket, no clock, no chance. Time and chance are parameters.
const PURE: &[&str] = &[
    "config/src/build/experiment.rs",
    "config/src/path_pattern.rs",
    "config/src/policy/",
    "config/src/schema.rs",
    "functions/src/event/",
    "functions/src/js/frame.rs",
    "functions/src/js/frame/",
    "functions/src/message.rs",
    "functions/src/origin_edit.rs",
    "functions/src/origin_edit/",
    "functions/src/rules.rs",
    "proxy/src/admit.rs",
    "proxy/src/cache/accept_encoding.rs",
    "proxy/src/cache/cache_control.rs",
    "proxy/src/cache/cookies.rs",
    "proxy/src/cache/freshness.rs",
    "proxy/src/cache/key.rs",
    "proxy/src/cache/key/",
    "proxy/src/cache/query.rs",
    "proxy/src/cache/range.rs",
    "proxy/src/cache/validators.rs",
    "proxy/src/cache/vary.rs",
    "proxy/src/cookie.rs",
    "proxy/src/failure.rs",
    "proxy/src/forward.rs",
    "proxy/src/forward/",
    "proxy/src/guard/claims.rs",
    "proxy/src/guard/refusal.rs",
    "proxy/src/guard/token.rs",
    "proxy/src/observe/access_log.rs",
    "proxy/src/origin/failover.rs",
    "proxy/src/origin/request_origin.rs",
    "proxy/src/origin/rewrite.rs",
    "proxy/src/observe/log_line.rs",
    "proxy/src/page.rs",
    "proxy/src/response_headers.rs",
    "proxy/src/response_headers/",
    "proxy/src/route.rs",
    "proxy/src/split.rs",
];

const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net::Tcp",
    "std::process",
    "std::thread",
    "tokio::",
    "Clock",
    "::now()",
    "rand::",
    "File::",
];

/// Words that say nothing of what is in a file.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "manager", "misc"];

/// Tests that wait for time to pass, with the reason. What else must happen before a test goes on, it is told.
const SLEEPERS: &[(&str, &str)] = &[];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file of the repository: its path from the root, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|end| end == "rs")
    }

    fn is_test(&self) -> bool {
        let named = ["tests.rs", "_tests.rs", "test_keys.rs"].iter().any(|end| self.path.ends_with(end));
        named || self.path.contains("/tests/")
    }

    fn lies_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path == *place || (place.ends_with('/') && self.path.starts_with(place)))
    }

    /// The lines with their numbers, without comments, and without test modules.
    fn code(&self) -> Vec<(usize, &str)> {
        let mut code = Vec::new();
        let mut in_tests = self.is_test();
        for (number, line) in (1..).zip(self.text.lines()) {
            in_tests |= line == "#[cfg(test)]";
            if !in_tests {
                code.push((number, line.split("// ").next().unwrap_or_default()));
            }
            let declared = line.ends_with(';') && !line.starts_with(' ');
            in_tests &= self.is_test() || !(line == "}" || declared);
        }
        code.into_iter().filter(|(_, line)| !line.trim_start().starts_with("//")).collect()
    }

    /// The lines that only tests run.
    fn test_code(&self) -> Vec<(usize, &str)> {
        let code: Vec<_> = self.code().into_iter().map(|(number, _)| number).collect();
        let all = (1..).zip(self.text.lines());
        all.filter(|(number, line)| code.binary_search(number).is_err() && !line.trim_start().starts_with("//"))
            .collect()
    }
}

/// Every text file that is, or could be, under version control.
fn sources() -> Vec<Source> {
    let root = repository();
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let ours = !["target", ".git", "node_modules", "__pycache__", ".venv"].contains(&name.as_str());
            if ours && path.is_dir() {
                folders.push(path);
            } else if ours && let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                sources.push(Source { path, text });
            }
        }
    }
    assert!(sources.len() > 100, "the repository was not found: {}", root.display());
    sources
}

fn none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn crates_name_only_those_below_them() {
    let ours = |name: &str| {
        name.starts_with("homefront")
            || ENGINES.iter().any(|(engine, _)| name.starts_with(engine.trim_end_matches(':')))
    };
    let mut findings = Vec::new();
    for (folder, allowed) in EDGES {
        let manifest = fs::read_to_string(repository().join(folder).join("Cargo.toml")).unwrap();
        let sections = manifest.lines().scan("", |section, line| {
            *section = if line.starts_with('[') { line } else { section };
            Some((*section, line))
        });
        let dependencies = sections.filter(|(section, _)| section.contains("dependencies")).map(|(_, line)| line);
        let names = dependencies.filter_map(|line| line.split(['.', ' ', '=']).next());
        let forbidden = names.filter(|name| ours(name) && !allowed.contains(name));
        findings.extend(forbidden.map(|name| format!("{folder} must not depend on {name}")));
    }
    none(&findings);
}

#[test]
fn engines_are_named_only_where_they_are_driven() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| source.is_rust()) {
        for (engine, places) in ENGINES {
            let named = source.code().into_iter().filter(|(_, line)| line.contains(engine) && !source.lies_in(places));
            findings.extend(
                named.map(|(number, line)| format!("{}:{number}: names {engine}: {}", source.path, line.trim())),
            );
        }
    }
    none(&findings);
}

#[test]
fn pure_modules_have_no_files_sockets_clocks_or_chance() {
    let sources = sources();
    let mut findings = Vec::new();
    for place in PURE {
        let files: Vec<_> = sources.iter().filter(|source| source.is_rust() && source.lies_in(&[place])).collect();
        if files.is_empty() {
            findings.push(format!("{place} is listed as pure and does not exist"));
        }
        for source in files {
            let impure = source.code().into_iter().filter(|(_, line)| IMPURE.iter().any(|word| line.contains(word)));
            findings
                .extend(impure.map(|(number, line)| format!("{}:{number}: not pure: {}", source.path, line.trim())));
        }
    }
    none(&findings);
}

#[test]
fn every_source_file_says_first_what_it_is_for() {
    let silent = sources().into_iter().filter(|source| source.is_rust() && !source.text.starts_with("//! "));
    none(&silent.map(|source| format!("{}:1: no `//!` sentence", source.path)).collect::<Vec<_>>());
}

#[test]
fn no_source_file_is_too_long() {
    let lines = |source: &Source| source.text.lines().count();
    let long = sources().into_iter().filter(|source| source.is_rust() && lines(source) > LINES_MAX);
    none(
        &long
            .map(|source| format!("{}: {} lines, {LINES_MAX} at most", source.path, lines(&source)))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn no_file_has_an_empty_name() {
    let empty =
        |path: &str| path.split('/').any(|part| EMPTY_NAMES.contains(&part.split('.').next().unwrap_or_default()));
    let named = sources().into_iter().filter(|source| empty(&source.path));
    none(&named.map(|source| format!("{}: the name says nothing of what is in it", source.path)).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
    ];
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| source.path != "Cargo.lock") {
        for (number, line) in (1..).zip(source.text.lines()) {
            let left = words.iter().filter(|word| line.contains(*word));
            findings.extend(left.map(|word| format!("{}:{number}: {word}", source.path)));
        }
    }
    none(&findings);
}

#[test]
fn no_file_names_a_folder_of_somebodys_machine() {
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let mut findings = Vec::new();
    for source in sources() {
        for (number, line) in (1..).zip(source.text.lines()) {
            let found = folders.iter().filter(|folder| line.contains(*folder));
            findings.extend(found.map(|folder| format!("{}:{number}: {folder}", source.path)));
        }
    }
    none(&findings);
}

#[test]
fn no_test_sleeps() {
    let mut findings = Vec::new();
    for source in sources().iter().filter(|source| source.is_rust() && !source.path.ends_with("tidy.rs")) {
        if SLEEPERS.iter().any(|(path, _)| source.path == *path) {
            continue;
        }
        let sleeping = source.test_code().into_iter().filter(|(_, line)| line.contains("sleep("));
        findings.extend(sleeping.map(|(number, line)| format!("{}:{number}: sleeps: {}", source.path, line.trim())));
    }
    none(&findings);
}

#[test]
fn documents_name_only_files_that_are_there() {
    let sources = sources();
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| Path::new(&source.path).extension().is_some_and(|end| end == "md")) {
        let folder = Path::new(&source.path).parent().unwrap();
        for (number, line) in (1..).zip(source.text.lines()) {
            let links = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
            let files = links.filter(|link| !link.is_empty() && !link.contains("://"));
            let dead = files.filter(|link| !repository().join(folder).join(link).exists());
            findings.extend(dead.map(|link| format!("{}:{number}: links to {link}, which is not there", source.path)));
            let paths = line.split('`').skip(1).step_by(2).filter(|word| is_path(word));
            let gone = paths.filter(|path| !repository().join(path.trim_end_matches('/')).exists());
            findings.extend(gone.map(|path| format!("{}:{number}: names {path}, which is not there", source.path)));
        }
    }
    none(&findings);
}

#[test]
fn documents_name_only_tests_that_are_there() {
    let sources = sources();
    let mut findings = Vec::new();
    let mut named = 0;
    for document in sources.iter().filter(|source| source.path.starts_with("docs/")) {
        for (number, line) in (1..).zip(document.text.lines()) {
            // `path`: `test`
            for pair in line.split('`').collect::<Vec<_>>().windows(3).filter(|pair| pair[1] == ": ") {
                let [path, _, test] = pair else { continue };
                if !is_path(path) {
                    continue;
                }
                let file = sources.iter().find(|source| source.path == *path);
                named += 1;
                if !file.is_some_and(|file| file.text.contains(&format!("fn {test}("))) {
                    findings.push(format!("{}:{number}: {path} has no test {test}", document.path));
                }
            }
        }
    }
    none(&findings);
    assert!(named > 20, "docs/differences.md names its tests otherwise");
}

/// A path from the root of the repository, as documents write it between backticks.
fn is_path(word: &str) -> bool {
    let plain = !word.contains(['{', '*', ' ', '<', '$']);
    let crates = ["config/", "functions/src/", "functions/python/", "proxy/", "benches/", "docs/", "examples/", ".ci/"];
    plain && crates.iter().any(|start| word.starts_with(start))
}
