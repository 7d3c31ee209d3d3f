//! Lambda runtimes that are not ours, as packages for `provided` bring them: AWS's for Python and for Rust, and shells.
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::FailureKind;
use crate::lambda::environment::Outcome;
use crate::lambda::fixture::{Fixture, Language, executable, source};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A pool whose package has this `bootstrap` and what `add` puts beside it.
fn provided(bootstrap: &str, add: impl FnOnce(&Path)) -> Fixture {
    Fixture::of(Language::Provided, &source("", ""), |plan, _| {
        executable(&plan.lambda.code, bootstrap);
        add(&plan.lambda.code);
    })
}

#[tokio::test]
async fn a_bootstrap_whose_interpreter_is_missing_is_refused_with_its_name() {
    let package = tempfile::tempdir().unwrap();
    let refusal = |first_line: &str| {
        std::fs::write(package.path().join("bootstrap"), format!("{first_line}\nexit\n")).unwrap();
        super::script_interpreter(&package.path().join("bootstrap")).err()
    };
    for good in ["#!/bin/sh", "#! /bin/sh -eu", "#!/usr/bin/env python3", "#!/usr/bin/env -S python3 -u", "\x7fELF"] {
        assert_eq!(refusal(good), None, "{good}");
    }
    let told = |first_line| refusal(first_line).map(|(path, reason)| format!("{}: {reason}", path.display())).unwrap();
    insta::assert_snapshot!(told("#!/no/such/interpreter -x"), @"/no/such/interpreter: bootstrap names it in its first line: No such file or directory (os error 2)");
    insta::assert_snapshot!(told("#!/usr/bin/env no-such-interpreter"), @"no-such-interpreter: bootstrap names it in its first line: it is not on PATH");
    insta::assert_snapshot!(told("#!/usr/bin/env -S no-such-interpreter -u"), @"no-such-interpreter: bootstrap names it in its first line: it is not on PATH");
    for bad in ["", "echo started", "#!", "#! \t"] {
        let (path, reason) = refusal(bad).unwrap();
        assert_eq!(path, package.path().join("bootstrap"));
        assert_eq!(reason, "it is neither an ELF program nor a script that begins with `#!`", "{bad}");
    }
    insta::assert_snapshot!(told("#!/bin/sh\r"), @"/bin/sh: bootstrap names it in its first line: No such file or directory (os error 2), as the line ends with CR LF");
}

/// The folder cargo builds into, of this profile.
fn profile() -> PathBuf {
    std::env::current_exe().unwrap().parent().and_then(Path::parent).unwrap().to_owned()
}

/// AWS's `awslambdaric`, which `.ci/setup` installs beside what cargo builds.
fn awslambdaric() -> PathBuf {
    let python = profile().parent().unwrap().join("setup/bin/python");
    let found = Command::new(&python).args(["-c", "import awslambdaric"]).output();
    let is_there = found.is_ok_and(|found| found.status.success());
    assert!(is_there, "{} has no awslambdaric: run .ci/test, which installs it", python.display());
    python
}

/// A function of AWS's Python runtime.
fn by_awslambdaric(code: &str) -> Fixture {
    let bootstrap = format!("#!/bin/sh\nexec {} -u -m awslambdaric \"$_HANDLER\"\n", awslambdaric().display());
    provided(&bootstrap, |package| std::fs::write(package.join("app.py"), code).unwrap())
}

#[tokio::test]
async fn awss_python_runtime_runs_functions_unmodified() {
    let fixture = by_awslambdaric(
        "import os
def handler(event, context):
    if event == 'raise': raise ValueError('boom')
    if event == 'exit': os._exit(3)
    print('seen', event)
    return {'event': event, 'id': context.aws_request_id, 'name': context.function_name, 'pid': os.getpid(),
            'arn': context.invoked_function_arn, 'left': context.get_remaining_time_in_millis() > 0,
            'unset': [name for name in ['AWS_LAMBDA_LOG_FORMAT', 'AWS_LAMBDA_LOG_LEVEL', 'AWS_LAMBDA_MAX_CONCURRENCY'] if name not in os.environ]}",
    );
    let first = fixture.result(json!({"a": "\u{e9}"})).await;
    assert_eq!((&first["event"]["a"], &first["left"]), (&json!("\u{e9}"), &json!(true)));
    let unset = json!(["AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_MAX_CONCURRENCY"]);
    assert_eq!(first["unset"], unset, "text, each level, one event at a time");
    assert_eq!(first["arn"], "arn:aws:lambda:us-east-1:000000000000:function:us-east-1.hook:1");
    fixture.pool.settle().await;
    let error = fixture.error(json!("raise")).await;
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("ValueError"), &json!("boom")));
    fixture.pool.settle().await;
    let second = fixture.result(json!(1)).await;
    assert_eq!(first["pid"], second["pid"]);
    assert_ne!(first["id"], second["id"]);
    fixture.pool.rest().await;
    assert!(fixture.log().iter().any(|line| line == "seen 1"), "{}", fixture.log().join("\n"));
    assert!(matches!(fixture.call(json!("exit")).await.unwrap(), Outcome::Exited(_)));
    assert_eq!(fixture.result(json!(2)).await["event"], 2);
    fixture.stop().await;
}

#[tokio::test]
async fn a_start_that_awss_python_runtime_reports_as_failed_says_why() {
    let fixture = by_awslambdaric("import nothing_like_that");
    let failure = fixture.call(json!({})).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::LambdaExecution);
    let detail = "lambda \"hook\": Runtime.ImportModuleError: Unable to import module 'app': No module named 'nothing_like_that'";
    assert_eq!(failure.detail, detail);
    fixture.stop().await;
}

#[tokio::test]
async fn a_binary_with_awss_rust_runtime_runs() {
    let binary = profile().join("examples/rust_function");
    assert!(binary.exists(), "{} is not built: cargo build --workspace --examples", binary.display());
    let fixture = provided("", |package| {
        // Copied by another process, for the reason `executable` gives.
        let copied = Command::new("cp").arg(&binary).arg(package.join("bootstrap")).status().unwrap();
        assert!(copied.success());
    });
    let first = fixture.result(json!({"a": [1]})).await;
    assert_eq!((&first["payload"], &first["function"]), (&json!({"a": [1]}), &json!("us-east-1.hook")));
    fixture.pool.settle().await;
    let error = fixture.error(json!({"fail": "boom"})).await;
    assert_eq!(error["errorMessage"], "boom");
    fixture.pool.settle().await;
    assert_eq!(fixture.result(json!({})).await["process"], first["process"], "it lives on");
    fixture.stop().await;
}

/// `curl`'s part in a loop, without curl: bash's own sockets.
const BASH: &str = r#"#!/usr/bin/env bash
set -eu
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API#*:}
ask() {
    exec 3<>"/dev/tcp/$host/$port"
    printf '%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' \
        "$1" "$2" "$AWS_LAMBDA_RUNTIME_API" "${#3}" "$3" >&3
    id= body=
    while IFS= read -r line <&3; do
        line=${line%$'\r'}
        [ -n "$line" ] || break
        case ${line,,} in lambda-runtime-aws-request-id:*) id=${line#*: } ;; esac
    done
    IFS= read -r -d '' body <&3 || true
    exec 3>&-
}
while :; do
    ask GET invocation/next ''
    echo "got $body"
    ask POST "invocation/$id/response" "{\"seen\":$body}"
done
"#;

#[tokio::test]
async fn a_shell_script_runs() {
    let fixture = provided(BASH, |_| {});
    assert_eq!(fixture.result(json!({"a": 1})).await, json!({"seen": {"a": 1}}));
    assert_eq!(fixture.result(json!([])).await, json!({"seen": []}));
    fixture.stop().await;
}

const CURL: &str = r#"#!/bin/sh
set -eu
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
while :; do
    event=$(curl -sS -D "$TMPDIR/head" "$api/invocation/next")
    id=$(tr -d '\r' <"$TMPDIR/head" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
    curl -sS -o /dev/null -d "{\"seen\":$event}" "$api/invocation/$id/response"
done
"#;

#[tokio::test]
async fn a_shell_script_that_has_curl_runs_as_in_lambdas_tutorial() {
    if Command::new("curl").arg("--version").output().is_err() {
        // The same is shown without it by `a_shell_script_runs`.
        return;
    }
    let fixture = provided(CURL, |_| {});
    assert_eq!(fixture.result(json!({"a": 1})).await, json!({"seen": {"a": 1}}));
    assert_eq!(fixture.result(json!({})).await, json!({"seen": {}}));
    fixture.pool.stop().await;
    let log = fixture.log().join("\n");
    assert!(!log.contains("it had started"), "curl waits for the next event, as it should: {log}");
}

#[tokio::test]
async fn a_bootstrap_that_cannot_run_says_so() {
    for (bootstrap, expected) in [
        ("#!/no/such/interpreter\n", "No such file or directory"),
        ("#!/bin/sh\nexit 7", "the process ended while it started: exit status 7"),
        ("#!/bin/sh\nkill -9 $$", "the process ended while it started: signal: killed"),
    ] {
        let fixture = provided(bootstrap, |_| {});
        let failure = fixture.call(json!({})).await.unwrap_err();
        assert!(failure.detail.contains(expected), "{bootstrap}: {}", failure.detail);
        fixture.stop().await;
    }
}
