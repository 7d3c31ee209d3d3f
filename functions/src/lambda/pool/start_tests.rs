//! Starts of environments that fail or take long, and what the function's log says of failures.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::lambda::fixture::{Fixture, Gate, Language, PASS_GATE, executable, in_every_language, source, until};
use serde_json::json;

in_every_language! {
    a_function_that_never_starts_is_not_started_for_every_event,
    a_function_that_hangs_while_it_starts_is_given_up,
    a_start_that_fails_is_tried_once_more_for_the_event_that_waits,
    a_result_that_is_too_large_is_told_in_the_log,
    an_event_waits_as_long_as_its_environment_takes_to_start,
    a_package_that_is_gone_is_named,
}

async fn a_function_that_never_starts_is_not_started_for_every_event(language: Language) {
    let fails = source(
        "import os\nopen(os.environ['LAMBDA_TASK_ROOT'] + '/starts', 'a').write('x')\nraise ValueError('no')",
        "require('node:fs').appendFileSync(process.env.LAMBDA_TASK_ROOT + '/starts', 'x');
        throw Object.assign(new Error('no'), { name: 'ValueError' });",
    );
    let fixture = Fixture::of(language, &fails, |_, _| {});
    let mut details = Vec::new();
    for _ in 0..20 {
        details.push(fixture.call(json!({})).await.unwrap_err().detail);
    }
    let starts = std::fs::read(fixture.code.path().join("starts")).unwrap().len();
    assert!((3..20).contains(&starts), "{starts}");
    assert_eq!(details[0], "lambda \"hook\": ValueError: no");
    assert_eq!(details[3], "lambda \"hook\": ValueError: no (not started again for 1000 ms)");
    fixture.stop().await;
}

async fn a_function_that_hangs_while_it_starts_is_given_up(language: Language) {
    let hangs = source("while True: pass", "for (;;);");
    let fixture = Fixture::of(language, &hangs, |plan, bounds| {
        plan.init_time_max = Duration::from_millis(300);
        plan.lambda.timeout = Duration::from_millis(500);
        bounds.queue_wait_max = Duration::from_millis(300);
    });
    let none = fixture.pool.call(&Bytes::from_static(b"{}")).await.unwrap_err();
    let object = r#"{"errorType":"Sandbox.Timedout","errorMessage":"Error: Task timed out after 0.50 seconds"}"#;
    assert_eq!(none.error_payload(), object);
    let failure = none.failure;
    assert_eq!(failure.kind, FailureKind::LambdaExecution, "it was not made to wait for others");
    assert_eq!(failure.detail, "lambda \"hook\": it did not start within 0.50 s");
    insta::allow_duplicates! {
        insta::assert_snapshot!(fixture.masked_log(), @r#"
        homefront: it did not start within <n> s
        INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: timeout
        homefront: it did not start within <n> s
        INIT_REPORT Init Duration: <n> ms<tab>Phase: invoke<tab>Status: timeout
        "#);
    }
    fixture.stop().await;
}

async fn an_event_waits_as_long_as_its_environment_takes_to_start(language: Language) {
    let gate = Gate::new().await;
    let passes = format!("{PASS_GATE}\npass_gate({})", gate.port());
    // A module of Node.js has only what another program waits for.
    let slow = source(
        format!("{passes}\ndef handler(event, context):\n return 'started'"),
        format!(
            "require('node:child_process').execFileSync('python3', ['-c', `{passes}`]);\nexports.handler = async () => 'started';"
        ),
    );
    let fixture = Fixture::of(language, &slow, |plan, bounds| {
        plan.lambda.concurrency_max = 1;
        bounds.queue_wait_max = Duration::from_millis(50);
    });
    let (first, second) = (fixture.result(json!({})), fixture.call(json!({})));
    let gate_keeper = async {
        let starting = gate.arrival().await;
        let throttled = second.await.unwrap_err();
        starting.let_on().await;
        throttled
    };
    let (first, throttled) = tokio::join!(first, gate_keeper);
    assert_eq!(first, "started");
    assert_eq!(throttled.kind, FailureKind::LambdaLimitExceeded, "no environment starts for the second event");
    fixture.stop().await;
}

async fn a_package_that_is_gone_is_named(language: Language) {
    let answers = source("def handler(event, context): return 1", "exports.handler = async () => 1;");
    let fixture = Fixture::of(language, &answers, |_, _| {});
    std::fs::remove_dir_all(fixture.code.path()).unwrap();
    let none = fixture.pool.call(&Bytes::from_static(b"{}")).await.unwrap_err();
    let object: serde_json::Value = serde_json::from_slice(&none.error_payload()).unwrap();
    let reason = format!("its deployment package {} is not there any more", fixture.code.path().display());
    assert_eq!(object, json!({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": reason}));
    assert_eq!(none.failure.detail, format!("lambda \"hook\": {reason}"));
    assert!(fixture.log().contains(&format!("homefront: {reason}")), "{:?}", fixture.log());
    fixture.stop().await;
}

async fn a_start_that_fails_is_tried_once_more_for_the_event_that_waits(language: Language) {
    let second = source(
        "
import os
marker = os.environ['LAMBDA_TASK_ROOT'] + '/started'
if not os.path.exists(marker):
    open(marker, 'w').close()
    raise ValueError('not yet')
def handler(event, context): return 'started'",
        "
const fs = require('node:fs'), marker = process.env.LAMBDA_TASK_ROOT + '/started';
if (!fs.existsSync(marker)) { fs.writeFileSync(marker, ''); throw new Error('not yet'); }
exports.handler = async () => 'started';",
    );
    let fixture = Fixture::of(language, &second, |_, _| {});
    assert_eq!(fixture.result(json!({})).await, "started");
    let reports: Vec<_> = fixture.log().into_iter().filter(|line| line.starts_with("INIT_REPORT")).collect();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert!(reports[0].contains("\tPhase: init\tStatus: error\t"), "{reports:?}");
    fixture.stop().await;
}

async fn a_result_that_is_too_large_is_told_in_the_log(language: Language) {
    let large = source(
        "def handler(event, context): return 'x' * event",
        "exports.handler = async (length) => 'x'.repeat(length);",
    );
    let fixture = Fixture::of(language, &large, |_, _| {});
    let error = fixture.error(json!(7_000_000)).await;
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
    until(|| fixture.log().iter().any(|line| line.starts_with("END"))).await;
    let told =
        fixture.log().into_iter().find(|line| line.starts_with("homefront: Function.ResponseSizeTooLarge: ")).unwrap();
    assert!(told.ends_with("maximum allowed payload size (6291556 bytes)."), "{told}");
    fixture.stop().await;
}

#[tokio::test]
async fn what_a_program_of_its_own_reports_is_told_in_the_log() {
    let raises = source("def handler(event, context): raise ValueError('boom')", "");
    let fixture = Fixture::of(Language::Provided, &raises, |_, _| {});
    assert_eq!(fixture.error(json!({})).await["errorMessage"], "boom");
    until(|| fixture.log().iter().any(|line| line.starts_with("END"))).await;
    assert!(fixture.log().contains(&"homefront: ValueError: boom".to_owned()), "{:?}", fixture.log());
    fixture.stop().await;
}

#[tokio::test]
async fn what_was_unpacked_of_an_older_package_is_removed_when_another_takes_its_place() {
    let unpacked = crate::lambda::folder::Folder::create_uncovered().unwrap();
    let older = unpacked.path().to_owned();
    let fixture = Fixture::with("def handler(event, context): return 'newer'", |plan, _| {
        plan.package = Package::Unpacked(Arc::new(unpacked));
    });
    let newer = Package::Folder(fixture.code.path().to_owned());
    fixture.pool.replace(Some(Plan { package: newer, ..fixture.pool.current_plan() }));
    until(|| !older.exists()).await;
    assert_eq!(fixture.result(json!({})).await, "newer");
    fixture.stop().await;
}

#[tokio::test]
async fn a_script_that_does_not_say_what_runs_it_is_no_program() {
    let fixture = Fixture::of(Language::Provided, &source("", ""), |_, _| {});
    executable(fixture.code.path(), "echo run by a shell > \"$LAMBDA_TASK_ROOT/ran\"\n");
    let none = fixture.pool.call(&Bytes::from_static(b"{}")).await.unwrap_err();
    let object: serde_json::Value = serde_json::from_slice(&none.error_payload()).unwrap();
    let bootstrap = fixture.code.path().join("bootstrap").display().to_string();
    let reason = format!("cannot start {bootstrap}: Exec format error (os error 8)");
    assert_eq!(object, json!({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": reason}));
    assert!(!fixture.code.path().join("ran").exists(), "its text is nobody's commands");
    fixture.stop().await;
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_told_in_the_log() {
    let fixture = Fixture::of(Language::Provided, &source("", ""), |_, _| {});
    executable(fixture.code.path(), "#!/no/such/interpreter\n");
    let none = fixture.pool.call(&Bytes::from_static(b"{}")).await.unwrap_err();
    let object: serde_json::Value = serde_json::from_slice(&none.error_payload()).unwrap();
    let failure = none.failure;
    let bootstrap = fixture.code.path().join("bootstrap").display().to_string();
    let reason = format!("cannot start {bootstrap}: No such file or directory (os error 2)");
    assert_eq!(failure.detail, format!("lambda \"hook\": {reason}"));
    assert_eq!(object, json!({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": reason}));
    let log = fixture.masked_log().replace(&bootstrap, "<bootstrap>");
    insta::assert_snapshot!(log, @r#"
    homefront: cannot start <bootstrap>: No such file or directory (os error 2)
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: error<tab>Error Type: Runtime.InvalidEntrypoint
    homefront: cannot start <bootstrap>: No such file or directory (os error 2)
    INIT_REPORT Init Duration: <n> ms<tab>Phase: invoke<tab>Status: error<tab>Error Type: Runtime.InvalidEntrypoint
    "#);
    fixture.stop().await;
}
