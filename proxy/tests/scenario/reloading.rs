//! Functions and stores that are saved while the node serves.

use crate::harness::{Binary, Code, Connection, Edge, Language, PATIENCE, Reply, Running, get_of, in_every_language};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

in_every_language! {
    a_saved_package_serves_without_a_failed_request_and_no_older_one_any_more,
    a_saved_zip_file_serves_and_one_that_is_none_leaves_the_last_good_one,
    a_saved_package_is_not_said_to_serve_before_it_has_started,
    a_package_that_grows_beyond_lambdas_limit_leaves_the_last_good_one_and_is_told_of,
}

const BEHAVIOR: &str = "viewer_request = { function = \"f\" }";

fn answers(text: &str) -> String {
    format!("function handler(event) {{ return {{ statusCode: 200, body: '{text}' }}; }}")
}

/// One distribution with a function that answers, with time enough for a busy machine.
fn answering(text: &str) -> Edge {
    Edge::before(BEHAVIOR, |_| Reply::ok("origin")).function_with("f", &answers(text), "budget_ms = 5000")
}

/// Asks until the answer is this one; every answer until then must be one of `before`.
async fn until(edge: &Running, text: &str, before: &[&str]) {
    let asking = async {
        loop {
            let answer = edge.get("/").await;
            if answer.text() == text {
                return;
            }
            assert!(before.contains(&answer.text()), "{} {:?}", answer.status, answer.text());
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("it is served in time");
}

#[tokio::test]
async fn a_saved_function_serves_without_a_failed_request() {
    let edge = answering("0").start().await;
    let file = edge.folder.path().join("f.js");
    for version in 1..4 {
        let (older, newer) = ((version - 1).to_string(), version.to_string());
        fs::write(&file, answers(&newer)).unwrap();
        until(&edge, &newer, &[&older]).await;
        for _ in 0..5 {
            assert_eq!(edge.get("/").await.text(), newer, "and nothing older any more");
        }
    }
    edge.stop().await;
}

fn lambda_answers(text: &str) -> Code {
    Code::around(
        &format!("return {{'status': '200', 'body': '{text}'}}"),
        &format!("return {{ status: '200', body: '{text}' }};"),
    )
}

/// A distribution with a Lambda@Edge function whose package is this; the folder `l` has its files, and its log.
fn lambda(language: Language, code: &str) -> Edge {
    let runtime = language.runtime();
    let settings = format!(
        "\n[[lambda]]\nname = \"l\"\nruntime = \"{runtime}\"\nhandler = \"main.handler\"\ncode = \"{code}\"\ntimeout_s = 20\n\
         [log]\nfunction = \"l/functions.log\"\n"
    );
    let edge = Edge::before("viewer_request = { lambda = \"l\" }", |_| Reply::ok("origin")).configured(&settings);
    edge.package(language, "l", &lambda_answers("0"))
}

async fn a_saved_package_serves_without_a_failed_request_and_no_older_one_any_more(language: Language) {
    let edge = lambda(language, "l").start().await;
    assert_eq!(edge.get("/").await.text(), "0");
    let file = edge.folder.path().join("l").join(language.file());
    // Of the same length, as what Python has compiled is told by the second and the length of its file.
    for (older, newer) in [("0", "1"), ("1", "2"), ("2", "3")] {
        fs::write(&file, lambda_answers(newer).of(language)).unwrap();
        until(&edge, newer, &[older]).await;
        for _ in 0..5 {
            assert_eq!(edge.get("/").await.text(), newer, "and nothing older any more");
        }
    }
    assert!(!edge.folder.path().join("l/__pycache__").exists(), "nothing is left beside the code");
    // Of the same time and length, as tools leave them that unpack and build.
    let (saved, other) = (fs::metadata(&file).unwrap().modified().unwrap(), edge.folder.path().join("other"));
    fs::write(&other, lambda_answers("4").of(language)).unwrap();
    fs::File::options().append(true).open(&other).unwrap().set_modified(saved).unwrap();
    fs::rename(&other, &file).unwrap();
    until(&edge, "4", &["3"]).await;
    let broken = Code { python: "import no_such_module".to_owned(), node: "require('no-such-module');".to_owned() };
    fs::write(&file, broken.of(language)).unwrap();
    let broken = async { while edge.get("/").await.status != 503 {} };
    tokio::time::timeout(PATIENCE, broken).await.expect("it is tried as it is");
    fs::write(&file, lambda_answers("whole").of(language)).unwrap();
    let whole = async { while edge.get("/").await.text() != "whole" {} };
    tokio::time::timeout(PATIENCE, whole).await.expect("and it serves again");
    edge.stop().await;
}

async fn a_saved_package_is_not_said_to_serve_before_it_has_started(language: Language) {
    let (folder, _origins) = lambda(language, "l").written();
    let (mut binary, address) = Binary::serve(folder.path()).await;
    let mut log = binary.log();
    assert_eq!(get(address).await, "0");
    let wrong =
        Code { python: "def handler(event, context) return 1".to_owned(), node: "exports.handler = {".to_owned() };
    fs::write(folder.path().join("l").join(language.file()), wrong.of(language)).unwrap();
    let line = told(&log.line_with("was saved").await, folder.path());
    assert_eq!(line, "INFO lambda \"l\" was saved: environments that start from now on run it file=/l took_ms=");
    let answer = Connection::open(address).await.send(&get_of("/", &[])).await;
    assert_eq!((answer.status, answer.x_cache()), (503, "LambdaExecutionError"));
    let reason = log.line_with("SyntaxError").await;
    assert!(reason.contains("lambda \"l\": "), "{reason}");
    binary.signal(rustix::process::Signal::TERM);
    binary.ended().await;
}

async fn a_package_that_grows_beyond_lambdas_limit_leaves_the_last_good_one_and_is_told_of(language: Language) {
    let (folder, _origins) = lambda(language, "l").written();
    let (mut binary, address) = Binary::serve(folder.path()).await;
    let mut log = binary.log();
    assert_eq!(get(address).await, "0");
    let large = folder.path().join("l/large");
    // None of it is on the disk.
    fs::File::create(&large).unwrap().set_len(262_144_001).unwrap();
    let line = log.line_with("l\"").await;
    assert!(line.contains("Unzipped size must be smaller than 262144000 bytes"), "{line}");
    assert_eq!(get(address).await, "0");
    fs::remove_file(&large).unwrap();
    log.line_with("was saved").await;
    assert_eq!(get(address).await, "0");
    binary.signal(rustix::process::Signal::TERM);
    binary.ended().await;
}

async fn a_saved_zip_file_serves_and_one_that_is_none_leaves_the_last_good_one(language: Language) {
    let edge = lambda(language, "l.zip");
    let folder = edge.folder().to_owned();
    let main = format!("l/{}", language.file());
    let bootstrap = (language == Language::Provided).then_some("l/bootstrap");
    let zip = |text: &str| {
        fs::write(folder.join(&main), lambda_answers(text).of(language)).unwrap();
        let words = ["-m", "zipfile", "-c", "new.zip", &main].into_iter().chain(bootstrap);
        assert!(std::process::Command::new("python3").args(words).current_dir(&folder).status().unwrap().success());
        fs::rename(folder.join("new.zip"), folder.join("l.zip")).unwrap();
    };
    zip("0");
    let first = fs::read(folder.join("l.zip")).unwrap();
    let edge = edge.start().await;
    assert_eq!(edge.get("/").await.text(), "0");
    zip("1");
    until(&edge, "1", &["0"]).await;
    fs::write(folder.join("l.zip"), "no archive").unwrap();
    for _ in 0..20 {
        assert_eq!(edge.get("/").await.text(), "1");
    }
    zip("2");
    until(&edge, "2", &["1"]).await;
    fs::write(folder.join("older.zip"), first).unwrap();
    fs::rename(folder.join("older.zip"), folder.join("l.zip")).unwrap();
    until(&edge, "0", &["2"]).await;
    edge.stop().await;
}

#[tokio::test]
async fn functions_mounted_by_kubernetes_serve_when_their_config_map_changes() {
    let edge = Edge::before(BEHAVIOR, |_| Reply::ok("origin"));
    let edge = edge.file("..1/f.js", answers("1")).file("..2/f.js", answers("2"));
    let folder = edge.folder().to_owned();
    std::os::unix::fs::symlink("..1", folder.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/f.js", folder.join("f.js")).unwrap();
    let edge = edge.configured("\n[[function]]\nname = \"f\"\ncode = \"f.js\"\nbudget_ms = 5000\n").start().await;
    assert_eq!(edge.get("/").await.text(), "1");
    std::os::unix::fs::symlink("..2", folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    fs::remove_dir_all(folder.join("..1")).unwrap();
    until(&edge, "2", &["1"]).await;
    edge.stop().await;
}

#[tokio::test]
async fn a_saved_store_is_what_functions_read() {
    let code = "import cf from 'cloudfront';\nasync function handler(event) { \
                return { statusCode: 200, body: await cf.kvs().get('greeting') }; }";
    let store = |value: &str| format!(r#"{{"data":[{{"key":"greeting","value":"{value}"}}]}}"#);
    let edge = Edge::before(BEHAVIOR, |_| Reply::ok("origin"))
        .function_with("f", code, "budget_ms = 5000\nkey_value_store = \"s\"")
        .configured("\n[[key_value_store]]\nname = \"s\"\nsource = \"s.json\"\n")
        .file("s.json", store("hello"))
        .start()
        .await;
    assert_eq!(edge.get("/").await.text(), "hello");
    fs::write(edge.folder.path().join("s.json"), store("good day")).unwrap();
    until(&edge, "good day", &["hello"]).await;
    edge.stop().await;
}

async fn get(address: std::net::SocketAddr) -> String {
    Connection::open(address).await.send(&get_of("/", &[])).await.text().to_owned()
}

/// Without what differs from run to run.
fn told(line: &str, folder: &Path) -> String {
    let line = line.replace(&folder.display().to_string(), "");
    match line.split_once("took_ms=") {
        Some((before, after)) => format!("{before}took_ms={}", after.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => line,
    }
}

#[tokio::test]
async fn a_node_whose_binary_was_replaced_goes_on_with_helpers_of_its_own_version() {
    let (folder, _origins) = answering("1").written();
    let installed = folder.path().join("homefront");
    // By another process: what this one writes may be held open by a child that another test starts, and cannot be run then.
    let copy = std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_homefront")).arg(&installed).status();
    assert!(copy.unwrap().success());
    let mut command = tokio::process::Command::new(&installed);
    command.args(["serve", "homefront.toml"]).current_dir(folder.path()).kill_on_drop(true);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let (mut binary, address) = Binary::start(command).await;
    let mut log = binary.log();
    let upgrade = folder.path().join("upgrade");
    fs::write(&upgrade, "#!/bin/sh\necho another version\n").unwrap();
    fs::set_permissions(&upgrade, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&upgrade, &installed).unwrap();
    for replaced in [true, false] {
        if !replaced {
            fs::remove_file(&installed).unwrap();
        }
        let version = if replaced { "2" } else { "3" };
        fs::write(folder.path().join("f.js"), answers(version)).unwrap();
        log.line_with("was saved and serves").await;
        assert_eq!(get(address).await, version);
    }
    binary.signal(rustix::process::Signal::TERM);
    binary.ended().await;
}

#[tokio::test]
async fn the_log_says_what_was_saved_and_why_it_does_not_serve() {
    let (folder, _origins) = answering("1").written();
    let file = folder.path().join("f.js");
    let (mut binary, address) = Binary::serve(folder.path()).await;
    let mut log = binary.log();
    let mut lines = Vec::new();
    fs::write(&file, "function handler(event) {\n    return }};\n}\n").unwrap();
    lines.push(log.line_with("what was saved").await);
    assert_eq!(get(address).await, "1");
    fs::write(&file, answers("1")).unwrap();
    lines.push(log.line_with("what serves").await);
    fs::remove_file(&file).unwrap();
    lines.push(log.line_with("what was saved").await);
    assert_eq!(get(address).await, "1");
    fs::write(&file, answers("2")).unwrap();
    lines.push(log.line_with("was saved").await);
    assert_eq!(get(address).await, "2");
    let lines: Vec<_> = lines.iter().map(|line| told(line, folder.path())).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    ERROR what was saved cannot serve; the last good version goes on reason=function "f": /f.js:2:13: SyntaxError: Unexpected token "}" in 2
    INFO function "f" is again what serves file=/f.js
    ERROR what was saved cannot serve; the last good version goes on reason=function "f": /f.js: No such file or directory (os error 2)
    INFO function "f" was saved and serves file=/f.js took_ms=
    "#);
    binary.signal(rustix::process::Signal::TERM);
    binary.ended().await;
}
