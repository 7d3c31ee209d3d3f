//! What environments promise, with real Python processes.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::lambda::call::{error_payload, failure};
use crate::lambda::fixture::{Fixture, Gate, LONG, PASS_GATE, process_state, until};
use homefront_config::limits::{LAMBDA_LOG_BYTES_MAX, LAMBDA_PAYLOAD_BYTES_MAX};
use serde_json::{Value, json};

#[tokio::test]
async fn globals_persist_between_events_of_an_environment() {
    let fixture = Fixture::new("count = 0\ndef handler(event, context):\n global count\n count += 1\n return count");
    for expected in 1..=3 {
        assert_eq!(fixture.result(json!({})).await, expected);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn events_and_results_keep_their_values() {
    let fixture = Fixture::new("def handler(event, context):\n return event");
    let event = json!({"text": "\u{e9}\u{1f600}\u{0}\"\\", "int": -7, "big": u64::MAX, "float": 1.5, "none": null,
        "list": [true, false, [], {}], "": {"nested": ["x"]}});
    assert_eq!(fixture.result(event.clone()).await, event);
    fixture.stop().await;
}

#[tokio::test]
async fn results_are_serialised_as_lambdas_runtime_does() {
    let source = "
from decimal import Decimal
results = [None, b'raw \\xff', Decimal('1.10'), (1, 2), {1: 'a', None: 'b', True: 1.0}, float('nan'), 10**30, '\\ud800x', 1e300]
def handler(event, context):
    return results[event]";
    let fixture = Fixture::new(source);
    let expected: [&[u8]; 9] = [
        b"null",
        b"raw \xff",
        b"1.10",
        b"[1,2]",
        br#"{"1":1.0,"null":"b"}"#,
        b"NaN",
        b"1000000000000000000000000000000",
        br#""\ud800x""#,
        b"1e+300",
    ];
    for (index, expected) in expected.iter().enumerate() {
        let outcome = fixture.call(json!(index)).await.unwrap();
        assert_eq!(outcome, Outcome::Response(Bytes::copy_from_slice(expected)), "{index}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn an_exception_is_an_error_and_the_environment_lives_on() {
    let source = "import os\ndef handler(event, context):\n if event: raise ValueError('boom')\n return os.getpid()";
    let fixture = Fixture::new(source);
    let first = fixture.result(json!(false)).await;
    let error = fixture.error(json!(true)).await;
    assert_eq!((&error["errorMessage"], &error["errorType"]), (&json!("boom"), &json!("ValueError")));
    let place = format!("  File \"{}/app.py\", line 3, in handler\n", fixture.code.path().display());
    assert!(error["stackTrace"][0].as_str().unwrap().starts_with(&place), "{error}");
    assert_eq!(error["stackTrace"].as_array().unwrap().len(), 1);
    assert!(uuid::Uuid::parse_str(error["requestId"].as_str().unwrap()).is_ok());
    assert_eq!(fixture.result(json!(false)).await, first);
    fixture.stop().await;
}

#[tokio::test]
async fn the_log_has_lambdas_lines_in_order() {
    let source = "
import logging, sys, os
def handler(event, context):
    print('out')
    print('err', file=sys.stderr)
    os.write(1, b'raw\\n')
    print('no line end', end='')
    if event: raise ValueError('boom')";
    let fixture = Fixture::new(source);
    fixture.call(json!(false)).await.unwrap();
    fixture.pool.rest().await;
    fixture.call(json!(true)).await.unwrap();
    fixture.pool.rest().await;
    let log = fixture.masked_log().replace(&fixture.code.path().display().to_string(), "/var/task");
    insta::assert_snapshot!(log, @r#"
    START RequestId: <id> Version: 1
    out
    err
    raw
    no line end
    END RequestId: <id>
    REPORT RequestId: <id><tab>Duration: <n> ms<tab>Billed Duration: <n> ms<tab>Memory Size: 128 MB<tab>Max Memory Used: <n> MB<tab>Init Duration: <n> ms<tab>
    START RequestId: <id> Version: 1
    out
    err
    raw
    no line end[ERROR] ValueError: boom
    Traceback (most recent call last):
      File "/var/task/app.py", line 8, in handler
        if event: raise ValueError('boom')
    END RequestId: <id>
    REPORT RequestId: <id><tab>Duration: <n> ms<tab>Billed Duration: <n> ms<tab>Memory Size: 128 MB<tab>Max Memory Used: <n> MB<tab>
    "#);
    fixture.stop().await;
}

#[tokio::test]
async fn logged_lines_carry_level_time_and_request_id() {
    let source = "import logging\ndef handler(event, context):\n logging.warning('look: %s', 1)\n logging.info('unseen')\n return context.aws_request_id";
    let fixture = Fixture::new(source);
    let id = fixture.result(json!({})).await;
    fixture.pool.rest().await;
    let log = fixture.log();
    let fields: Vec<&str> = log[1].split('\t').collect();
    assert_eq!((fields[0], fields[2], fields[3]), ("[WARNING]", id.as_str().unwrap(), "look: 1"));
    assert_eq!(fields[1].len(), "2026-11-23T13:05:07.123Z".len());
    assert_eq!(log.len(), 4, "{log:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn the_context_and_the_environment_are_lambdas() {
    let source = "
import os
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    names = ['function_name', 'function_version', 'memory_limit_in_mb', 'invoked_function_arn', 'log_group_name',
             'client_context', 'tenant_id']
    return {'context': {name: getattr(context, name) for name in names}, 'left': 0 < left <= 30000,
            'identity': context.identity.cognito_identity_id, 'id': context.aws_request_id == event_id(context),
            'cwd': os.getcwd(), 'names': sorted(os.environ), 'handler': os.environ['_HANDLER']}
def event_id(context):
    return repr(context).split('aws_request_id=')[1].split(',')[0]";
    let fixture = Fixture::new(source);
    let seen = fixture.result(json!({})).await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&seen["context"]).unwrap(), @r#"
    {
      "function_name": "us-east-1.hook",
      "function_version": "1",
      "memory_limit_in_mb": "128",
      "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:us-east-1.hook:1",
      "log_group_name": "/aws/lambda/us-east-1.hook",
      "client_context": null,
      "tenant_id": null
    }
    "#);
    assert_eq!((&seen["left"], &seen["id"], &seen["handler"]), (&json!(true), &json!(true), &json!("app.handler")));
    assert_eq!(seen["cwd"].as_str().unwrap(), fixture.code.path().canonicalize().unwrap().to_str().unwrap());
    let names: Vec<String> = serde_json::from_value(seen["names"].clone()).unwrap();
    assert!(names.iter().all(|name| !name.starts_with("CARGO")), "the node's variables stay with it: {names:?}");
    for name in ["AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "TMPDIR", "AWS_REGION", "TZ", "PATH"] {
        assert!(names.iter().any(|seen| seen == name), "{name}");
    }
    fixture.stop().await;
}

/// A failed call and the one after it, which must succeed.
async fn fails_once(source: &str, event: Value) -> (String, String) {
    let fixture = Fixture::with(source, |plan, _| plan.lambda.timeout = Duration::from_secs(2));
    let before = fixture.result(json!(null)).await;
    let outcome = fixture.call(event).await.unwrap();
    let after = fixture.result(json!(null)).await;
    assert_ne!(before, after, "another process answers");
    fixture.pool.rest().await;
    let lambda = &fixture.pool.plan().lambda;
    let (told, payload) = (failure(lambda, "<id>", &outcome), error_payload(lambda, "<id>", &outcome));
    assert_eq!(told.kind, FailureKind::LambdaExecution);
    let texts = (format!("{}\n{}", told.detail, std::str::from_utf8(&payload).unwrap()), fixture.masked_log());
    fixture.stop().await;
    texts
}

#[tokio::test]
async fn an_environment_killed_in_a_call_costs_that_call_only() {
    let source = "import os, signal\ndef handler(event, context):\n if event: os.kill(os.getpid(), signal.SIGKILL)\n return os.getpid()";
    let (failure, log) = fails_once(source, json!(true)).await;
    insta::assert_snapshot!(failure, @r#"
    lambda "hook": Runtime.ExitError: RequestId: <id> Error: Runtime exited with error: signal: killed
    {"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited with error: signal: killed"}
    "#);
    insta::assert_snapshot!(log, @r#"
    START RequestId: <id> Version: 1
    END RequestId: <id>
    REPORT RequestId: <id><tab>Duration: <n> ms<tab>Billed Duration: <n> ms<tab>Memory Size: 128 MB<tab>Max Memory Used: <n> MB<tab>Init Duration: <n> ms<tab>
    START RequestId: <id> Version: 1
    RequestId: <id> Error: Runtime exited with error: signal: killed
    END RequestId: <id>
    REPORT RequestId: <id><tab>Duration: <n> ms<tab>Billed Duration: <n> ms<tab>Memory Size: 128 MB<tab>Max Memory Used: <n> MB<tab>Status: error<tab>Error Type: Runtime.ExitError
    START RequestId: <id> Version: 1
    END RequestId: <id>
    REPORT RequestId: <id><tab>Duration: <n> ms<tab>Billed Duration: <n> ms<tab>Memory Size: 128 MB<tab>Max Memory Used: <n> MB<tab>Init Duration: <n> ms<tab>
    "#);
}

#[tokio::test]
async fn an_environment_that_exits_costs_that_call_only() {
    let source =
        "import os, sys\ndef handler(event, context):\n if event is not None: sys.exit(event)\n return os.getpid()";
    let (failure, _) = fails_once(source, json!(3)).await;
    insta::assert_snapshot!(failure, @r#"
    lambda "hook": Runtime.ExitError: RequestId: <id> Error: Runtime exited with error: exit status 3
    {"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited with error: exit status 3"}
    "#);
    let (failure, _) = fails_once(source, json!(0)).await;
    insta::assert_snapshot!(failure, @r#"
    lambda "hook": Runtime.ExitError: RequestId: <id> Error: Runtime exited without providing a reason
    {"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited without providing a reason"}
    "#);
}

#[tokio::test]
async fn a_call_that_hangs_ends_at_its_deadline_and_costs_that_call_only() {
    let source = "import os\ndef handler(event, context):\n while event: pass\n return os.getpid()";
    let (failure, log) = fails_once(source, json!(true)).await;
    insta::assert_snapshot!(failure, @r#"
    lambda "hook": Sandbox.Timedout: RequestId: <id> Error: Task timed out after 2.00 seconds
    {"errorType":"Sandbox.Timedout","errorMessage":"RequestId: <id> Error: Task timed out after 2.00 seconds"}
    "#);
    let log = log.lines().map(|line| match line.split_once(" <id> Task timed") {
        Some((_, rest)) => format!("<time> <id> Task timed{rest}"),
        None => line.to_owned(),
    });
    insta::assert_snapshot!(log.collect::<Vec<_>>().join("\n"), @r#"
    START RequestId: <id> Version: 1
    END RequestId: <id>
    REPORT RequestId: <id><tab>Duration: <n> ms<tab>Billed Duration: <n> ms<tab>Memory Size: 128 MB<tab>Max Memory Used: <n> MB<tab>Init Duration: <n> ms<tab>
    START RequestId: <id> Version: 1
    <time> <id> Task timed out after <n> seconds
    END RequestId: <id>
    REPORT RequestId: <id><tab>Duration: <n> ms<tab>Billed Duration: <n> ms<tab>Memory Size: 128 MB<tab>Max Memory Used: <n> MB<tab>Status: timeout
    START RequestId: <id> Version: 1
    END RequestId: <id>
    REPORT RequestId: <id><tab>Duration: <n> ms<tab>Billed Duration: <n> ms<tab>Memory Size: 128 MB<tab>Max Memory Used: <n> MB<tab>Init Duration: <n> ms<tab>
    "#);
}

#[tokio::test]
async fn an_environment_killed_while_idle_costs_nothing() {
    let fixture = Fixture::new("import os\ndef handler(event, context):\n return os.getpid()");
    for _ in 0..3 {
        let id = fixture.result(json!({})).await.as_u64().unwrap();
        fixture.pool.rest().await;
        let pid = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        until(|| process_state(id).is_none()).await;
        assert_ne!(fixture.result(json!({})).await, id);
        fixture.pool.rest().await;
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_function_that_prints_megabytes_is_answered_and_its_log_is_cut() {
    let source = "import sys\ndef handler(event, context):\n for _ in range(event): print('x' * 1023)\n return 'done'";
    let fixture = Fixture::new(source);
    assert_eq!(fixture.result(json!(10_240)).await, "done");
    fixture.pool.rest().await;
    let log = fixture.log();
    let printed: usize = log.iter().filter(|line| line.starts_with('x')).map(|line| line.len() + 1).sum();
    assert_eq!(printed, LAMBDA_LOG_BYTES_MAX);
    let told = log.iter().find(|line| line.starts_with("homefront:")).unwrap();
    assert_eq!(*told, "homefront: 9437184 more bytes were printed and dropped; a call may print 1048576");
    assert_eq!(fixture.result(json!(1)).await, "done");
    fixture.pool.rest().await;
    assert_eq!(fixture.log().iter().rev().filter(|line| line.starts_with('x')).count(), 1_025);
    fixture.stop().await;
}

#[tokio::test]
async fn results_that_are_no_json_are_marshal_errors() {
    let source = "
loop = []
loop.append(loop)
results = [object(), {(1, 2): 3}, loop]
def handler(event, context):
    return results[event]";
    let fixture = Fixture::new(source);
    let mut errors = Vec::new();
    for index in 0..3 {
        let error = fixture.error(json!(index)).await;
        assert_eq!(error["errorType"], "Runtime.MarshalError");
        errors.push(error["errorMessage"].as_str().unwrap().to_owned());
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    Unable to marshal response: Object of type object is not JSON serializable
    Unable to marshal response: keys must be str, int, float, bool or None, not tuple
    Unable to marshal response: maximum recursion depth exceeded while encoding a JSON object
    "#);
    fixture.stop().await;
}

#[tokio::test]
async fn a_result_beyond_lambdas_limit_is_an_error_and_the_environment_lives_on() {
    let source = "import os\ndef handler(event, context):\n return 'x' * event if event else os.getpid()";
    let fixture = Fixture::new(source);
    let before = fixture.result(json!(0)).await;
    let error = fixture.error(json!(LAMBDA_PAYLOAD_BYTES_MAX)).await;
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
    let largest = fixture.result(json!(LAMBDA_PAYLOAD_BYTES_MAX - 2)).await;
    assert_eq!(largest.as_str().unwrap().len(), LAMBDA_PAYLOAD_BYTES_MAX - 2);
    assert_eq!(fixture.result(json!(0)).await, before);
    fixture.stop().await;
}

/// What one event gets, and the log, when the environment cannot start.
async fn init_failure(source: &str, change: impl FnOnce(&mut Plan)) -> String {
    let fixture = Fixture::with(source, |plan, _| change(plan));
    let failure = fixture.call(json!({})).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::LambdaExecution);
    let text = format!("{}\n--\n{}", failure.detail, fixture.masked_log());
    let text = text.replace(&fixture.code.path().display().to_string(), "/var/task");
    fixture.stop().await;
    let without_time = |line: &str| match line.strip_prefix("[WARNING]<tab>") {
        Some(rest) => format!("[WARNING]<tab><time>{}", &rest["2026-11-23T13:05:07.123Z".len()..]),
        None => line.to_owned(),
    };
    text.lines().map(without_time).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn failures_to_start_say_why() {
    insta::assert_snapshot!(init_failure("import nothing_like_that", |_| {}).await, @r#"
    lambda "hook": Runtime.ImportModuleError: Unable to import module 'app': No module named 'nothing_like_that'
    --
    [WARNING]<tab><time><tab><tab>LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, a Lambda runtime update can cause unexpected function behavior.
    [ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'nothing_like_that'
    Traceback (most recent call last):
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: error<tab>Error Type: Runtime.ImportModuleError
    "#);
    insta::assert_snapshot!(init_failure("def handler(:", |_| {}).await, @r#"
    lambda "hook": Runtime.UserCodeSyntaxError: Syntax error in module 'app': invalid syntax (app.py, line 1)
    --
    [WARNING]<tab><time><tab><tab>LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, a Lambda runtime update can cause unexpected function behavior.
    [ERROR] Runtime.UserCodeSyntaxError: Syntax error in module 'app': invalid syntax (app.py, line 1)
    Traceback (most recent call last):
      File "/var/task/app.py" Line <n>
        def handler(:
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: error<tab>Error Type: Runtime.UserCodeSyntaxError
    "#);
    let raised = init_failure("raise RuntimeError('at start')", |_| {}).await;
    assert!(raised.starts_with("lambda \"hook\": RuntimeError: at start\n--\n"), "{raised}");
    assert!(raised.contains("  File \"/var/task/app.py\", line 1, in <module>\n"), "{raised}");
    assert!(!raised.contains("<homefront>"), "{raised}");
    assert!(raised.ends_with("Phase: init<tab>Status: error<tab>Error Type: Runtime.Unknown"), "{raised}");
    insta::assert_snapshot!(init_failure("", |_| {}).await, @r#"
    lambda "hook": Runtime.HandlerNotFound: Handler 'handler' missing on module 'app'
    --
    [WARNING]<tab><time><tab><tab>LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, a Lambda runtime update can cause unexpected function behavior.
    [ERROR] Runtime.HandlerNotFound: Handler 'handler' missing on module 'app'
    Traceback (most recent call last):
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: error<tab>Error Type: Runtime.HandlerNotFound
    "#);
    insta::assert_snapshot!(init_failure("", |plan| plan.lambda.handler = "app".to_owned()).await, @r#"
    lambda "hook": Runtime.MalformedHandlerName: Bad handler 'app': not enough values to unpack (expected 2, got 1)
    --
    [WARNING]<tab><time><tab><tab>LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, a Lambda runtime update can cause unexpected function behavior.
    [ERROR] Runtime.MalformedHandlerName: Bad handler 'app': not enough values to unpack (expected 2, got 1)
    Traceback (most recent call last):
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: error<tab>Error Type: Runtime.MalformedHandlerName
    "#);
    insta::assert_snapshot!(init_failure("", |plan| plan.lambda.handler = "sys.exit".to_owned()).await, @r#"
    lambda "hook": Runtime.BuiltInModuleConflict: Cannot use built-in module sys as a handler module
    --
    [WARNING]<tab><time><tab><tab>LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare cases, a Lambda runtime update can cause unexpected function behavior.
    [ERROR] Runtime.BuiltInModuleConflict: Cannot use built-in module sys as a handler module
    Traceback (most recent call last):
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: error<tab>Error Type: Runtime.BuiltInModuleConflict
    "#);
    insta::assert_snapshot!(init_failure("import os\nos._exit(7)", |_| {}).await, @r#"
    lambda "hook": the process ended while it started: exit status 7
    --
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: error<tab>Error Type: Runtime.ExitError
    "#);
    let hangs = init_failure("while True: pass", |plan| plan.init_time_max = Duration::from_secs(1)).await;
    insta::assert_snapshot!(hangs, @r#"
    lambda "hook": it did not start within 1.00 s
    --
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: timeout
    "#);
    insta::assert_snapshot!(init_failure("", |plan| plan.program = "no-such-python".into()).await, @r#"
    lambda "hook": cannot start no-such-python: No such file or directory (os error 2)
    --
    "#);
}

#[tokio::test]
async fn a_function_that_never_starts_is_not_started_for_every_event() {
    let fixture = Fixture::new(
        "import os\nopen(os.environ['LAMBDA_TASK_ROOT'] + '/starts', 'a').write('x')\nraise ValueError('no')",
    );
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

fn gated() -> String {
    format!("{PASS_GATE}\nimport os\ndef handler(event, context):\n if event: pass_gate(event)\n return os.getpid()")
}

#[tokio::test]
async fn environments_work_at_the_same_time_up_to_the_limit_and_the_queue_is_bounded() {
    let fixture = Fixture::with(&gated(), |plan, bounds| {
        plan.lambda.concurrency_max = 2;
        bounds.queue_events_max = 2;
    });
    let gate = Gate::new().await;
    let event = json!(gate.port());
    let calls = async { tokio::join!(fixture.result(event.clone()), fixture.result(event.clone())) };
    let gate_keeper = async {
        let (first, second) = (gate.arrival().await, gate.arrival().await);
        let queued = async { tokio::join!(fixture.result(json!(0)), fixture.result(json!(0))) };
        let throttled = async {
            until(|| fixture.pool.0.state.lock().waiters.len() == 2).await;
            let failure = fixture.call(json!(0)).await.unwrap_err();
            first.let_on().await;
            second.let_on().await;
            failure
        };
        tokio::join!(queued, throttled)
    };
    let ((one, two), ((three, four), failure)) = tokio::join!(calls, gate_keeper);
    assert_ne!(one, two);
    for later in [three, four] {
        assert!(later == one || later == two, "the two environments serve those who waited");
    }
    assert_eq!(failure.kind, FailureKind::LambdaLimitExceeded);
    insta::assert_snapshot!(failure.detail, @r#"lambda "hook": 2 environments are busy and 2 events wait; concurrency_max is 2"#);
    fixture.stop().await;
}

#[tokio::test]
async fn an_event_does_not_wait_for_ever() {
    let fixture = Fixture::with(&gated(), |plan, bounds| {
        plan.lambda.concurrency_max = 1;
        bounds.queue_wait_max = Duration::from_secs(1);
    });
    fixture.result(json!(0)).await;
    let gate = Gate::new().await;
    let busy = fixture.result(json!(gate.port()));
    let other = async {
        let waiting = gate.arrival().await;
        let failure = fixture.call(json!(0)).await.unwrap_err();
        waiting.let_on().await;
        failure
    };
    let (_, failure) = tokio::join!(busy, other);
    assert_eq!(failure.kind, FailureKind::LambdaLimitExceeded);
    insta::assert_snapshot!(failure.detail, @r#"lambda "hook": no environment became free within 1.00 s; concurrency_max is 1"#);
    fixture.stop().await;
}

#[tokio::test]
async fn events_one_after_another_need_one_environment() {
    let fixture = Fixture::new("import os\ndef handler(event, context):\n return os.getpid()");
    let first = fixture.result(json!({})).await;
    for _ in 0..200 {
        assert_eq!(fixture.result(json!({})).await, first);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_call_goes_on_when_nobody_waits_for_it_any_more() {
    let fixture = Fixture::new(&gated());
    let gate = Gate::new().await;
    let event = json!(gate.port());
    let waiting = tokio::select! {
        waiting = gate.arrival() => waiting,
        _ = fixture.call(event) => panic!("it waits at the gate"),
    };
    assert_eq!(fixture.pool.0.state.lock().used, 1);
    waiting.let_on().await;
    until(|| fixture.log().iter().any(|line| line.starts_with("REPORT"))).await;
    until(|| fixture.pool.0.state.lock().idle.len() == 1).await;
    assert_eq!(fixture.pool.0.state.lock().used, 1);
    fixture.stop().await;
}

#[tokio::test]
async fn the_folder_is_private_kept_over_a_crash_and_gone_after_the_stop() {
    let source = "
import os, tempfile
def handler(event, context):
    folder = tempfile.gettempdir()
    if event: open(folder + '/kept', 'w').write('x'); os._exit(1)
    return [folder, os.listdir(folder), oct(os.stat(folder).st_mode & 0o777)]";
    let fixture = Fixture::new(source);
    let before = fixture.result(json!(false)).await;
    assert_eq!((&before[1], &before[2]), (&json!([]), &json!("0o700")));
    assert!(matches!(fixture.call(json!(true)).await.unwrap(), Outcome::Exited(_)));
    let after = fixture.result(json!(false)).await;
    assert_eq!((&after[0], &after[1]), (&before[0], &json!(["kept"])));
    fixture.stop().await;
    assert!(!std::path::Path::new(after[0].as_str().unwrap()).exists());
}

#[tokio::test]
async fn nothing_is_left_after_a_stop_not_even_what_functions_started() {
    let source = "
import os, subprocess
def handler(event, context):
    child = subprocess.Popen(['sleep', '1000'])
    stray = subprocess.Popen(['sleep', '1000'], start_new_session=True)
    if event: pass_gate(event)
    return [os.getpid(), child.pid, stray.pid]";
    let fixture = Fixture::new(&format!("{PASS_GATE}{source}"));
    let gate = Gate::new().await;
    let ids: Vec<u64> = serde_json::from_value(fixture.result(json!(0)).await).unwrap();
    assert!(ids.iter().all(|id| process_state(*id).is_some()));
    let pool = fixture.pool.clone();
    let event = Bytes::from(gate.port().to_string());
    let busy = tokio::spawn(async move { pool.call(&event).await });
    let _waiting = gate.arrival().await;
    tokio::time::timeout(LONG, fixture.pool.stop()).await.expect("everything ends");
    assert!(matches!(busy.await.unwrap(), Ok((_, Outcome::Exited(_)))));
    until(|| ids.iter().all(|id| process_state(*id).is_none())).await;
    let failure = fixture.call(json!(0)).await.unwrap_err();
    assert_eq!(failure.detail, "lambda \"hook\": the node is stopping");
}

#[tokio::test]
async fn idle_environments_are_frozen_and_thawed_for_the_next_event() {
    let fixture = Fixture::new("import os\ndef handler(event, context):\n return os.getpid()");
    let id = fixture.result(json!({})).await.as_u64().unwrap();
    for _ in 0..2 {
        until(|| process_state(id) == Some('T')).await;
        assert_eq!(fixture.result(json!({})).await, id);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn idle_environments_are_ended_after_a_while() {
    let fixture = Fixture::with("import os\ndef handler(event, context):\n return os.getpid()", |_, bounds| {
        bounds.idle_max = Duration::from_millis(150);
    });
    let id = fixture.result(json!({})).await.as_u64().unwrap();
    until(|| process_state(id).is_none()).await;
    assert_eq!(fixture.pool.0.state.lock().used, 0);
    assert_ne!(fixture.result(json!({})).await, id);
    fixture.stop().await;
}

#[tokio::test]
async fn memory_is_limited() {
    let source = "def handler(event, context):\n return len(bytearray(event << 20))";
    let fixture = Fixture::new(source);
    assert_eq!(fixture.result(json!(64)).await, 64 << 20);
    let error = fixture.error(json!(256)).await;
    assert_eq!(error["errorType"], "MemoryError");
    assert_eq!(fixture.result(json!(1)).await, 1 << 20);
    fixture.stop().await;
}
