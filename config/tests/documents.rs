//! Every configuration that a document shows is one: it is read without an error and without a warning.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// What the configurations in documents refer to.
const FILES: [(&str, &str); 5] = [
    ("functions/rewrite.js", "function handler(event) { return event.request; }"),
    ("kvs/redirects.json", r#"{"data":[{"key":"/old","value":"/new"}]}"#),
    ("lambda/hello/hello.py", "def lambda_handler(event, context): return event['Records'][0]['cf']['request']"),
    ("public/index.html", "<p>hi</p>"),
    ("tls/internal-ca.pem", "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"),
];

fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let certificate = fs::read_to_string(golden("cert.pem")).unwrap();
    let key = fs::read_to_string(golden("key.pem")).unwrap();
    let tls = [("tls/fullchain.pem", certificate.as_str()), ("tls/key.pem", key.as_str())];
    for (name, text) in FILES.into_iter().chain(tls) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/files").join(file)
}

fn every_configuration_of(document: &str) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document)).unwrap();
    let folder = site();
    let mut read = 0;
    for block in text.split("```toml\n").skip(1) {
        let toml = block.split("```").next().unwrap();
        let read_it = homefront_config::parse(document, toml, folder.path(), &|_| None);
        let (_, warnings) = read_it.unwrap_or_else(|report| panic!("{report}"));
        assert!(warnings.is_empty(), "{document}: {}\n{toml}", warnings[0]);
        read += 1;
    }
    assert!(read > 0, "{document} shows no configuration");
}

#[test]
fn the_readme_shows_configurations_that_are_read() {
    every_configuration_of("README.md");
}

#[test]
fn the_guide_shows_configurations_that_are_read() {
    every_configuration_of("docs/guide.md");
}

/// What the cases in documents are about.
const TESTED: &str = r#"
[[distribution]]
origin = [{ id = "app", domain_name = "app.internal" }]
default_behavior = { target_origin = "app", origin_request = { lambda = "robots" } }
[[function]]
name = "rewrite"
code = "functions/rewrite.js"
[[function]]
name = "members"
code = "functions/rewrite.js"
[[function]]
name = "security-headers"
code = "functions/rewrite.js"
[[lambda]]
name = "robots"
runtime = "python3"
handler = "hello.lambda_handler"
code = "lambda/hello"
"#;

#[test]
fn the_page_about_testing_shows_cases_that_are_read() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/testing.md")).unwrap();
    let folder = site();
    fs::write(folder.path().join("homefront.toml"), TESTED).unwrap();
    fs::create_dir(folder.path().join("events")).unwrap();
    fs::write(folder.path().join("events/no-cookie.json"), "{}").unwrap();
    let blocks: Vec<_> = text.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 3, "the page shows no case");
    for block in blocks {
        let read = homefront_config::cases::parse("cases.toml", block, folder.path(), &|_| None);
        assert!(read.is_ok_and(|file| !file.cases.is_empty()), "{block}");
    }
}
