//! What a Python function meets: values, errors, log, context, packages, limits.
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::FailureKind;
use crate::lambda::environment::{Outcome, Plan};
use crate::lambda::fixture::Fixture;
use bytes::Bytes;
use homefront_config::limits::LAMBDA_PAYLOAD_BYTES_MAX;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

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
async fn the_trace_id_is_the_events_for_all_who_ask_and_costs_no_memory() {
    let source = "
import ctypes, os, subprocess
class Used(ctypes.Structure):
    names = 'arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost'
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]
library = ctypes.CDLL(None)
library.mallinfo2.restype = Used
def handler(event, context):
    if event: return library.mallinfo2().uordblks
    name = '_X_AMZN_TRACE_ID'
    started = subprocess.check_output(['printenv', name], text=True).strip()
    return [os.environ[name], os.getenv(name), dict(os.environ)[name], started]";
    let fixture = Fixture::new(source);
    let mut told = Vec::new();
    for _ in 0..2 {
        let seen = fixture.result(json!(false)).await;
        let of_all = seen.as_array().unwrap();
        assert!(of_all.iter().all(|one| *one == of_all[0] && one.as_str().unwrap().starts_with("Root=1-")), "{seen}");
        told.push(of_all[0].clone());
    }
    assert_ne!(told[0], told[1]);
    for _ in 0..50 {
        fixture.result(json!(true)).await;
    }
    let before = fixture.result(json!(true)).await.as_u64().unwrap();
    for _ in 0..500 {
        fixture.result(json!(true)).await;
    }
    let grown = fixture.result(json!(true)).await.as_u64().unwrap().saturating_sub(before);
    assert!(grown < 500 * 32, "500 events left {grown} bytes");
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
async fn what_is_logged_after_a_traceback_begins_a_line() {
    let source = "
import logging
def handler(event, context):
    try: 1 / 0
    except ZeroDivisionError: logging.exception('first')
    logging.warning('second')";
    let fixture = Fixture::new(source);
    fixture.result(json!({})).await;
    fixture.pool.rest().await;
    let log = fixture.log();
    let error = log.iter().position(|line| line == "ZeroDivisionError: division by zero").expect("the traceback's end");
    assert!(log[error + 1].starts_with("[WARNING]\t"), "{log:?}");
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
            'identity': context.identity.cognito_identity_id, 'trace': context.w3c(), 'id': context.aws_request_id == event_id(context),
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
    assert_eq!(seen["trace"], json!({}), "CloudFront calls without a client context");
    assert_eq!(seen["cwd"].as_str().unwrap(), fixture.code.path().canonicalize().unwrap().to_str().unwrap());
    let names: Vec<String> = serde_json::from_value(seen["names"].clone()).unwrap();
    assert!(names.iter().all(|name| !name.starts_with("CARGO")), "the node's variables stay with it: {names:?}");
    for name in ["AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "TMPDIR", "AWS_REGION", "TZ", "PATH"] {
        assert!(names.iter().any(|seen| seen == name), "{name}");
    }
    for name in ["AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_MAX_CONCURRENCY"] {
        assert!(!names.iter().any(|seen| seen == name), "text, every level, one event at a time: {name}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn the_context_says_of_itself_what_lambdas_says() {
    let source = "
import time
def handler(event, context):
    context.log('told')
    now, time.time = time.time, lambda: 1e12
    left = context.get_remaining_time_in_millis()
    time.time = now
    names = [part.split('=')[0] for part in repr(context)[len('LambdaContext(['):].split(',')]
    return {'left': left, 'names': names, 'pool': context.identity.cognito_identity_pool_id}";
    let fixture = Fixture::new(source);
    let seen = fixture.result(json!({})).await;
    assert_eq!((&seen["left"], &seen["pool"]), (&json!(0), &json!(null)));
    insta::assert_snapshot!(seen["names"].to_string(), @r#"["aws_request_id","log_group_name","log_stream_name","function_name","memory_limit_in_mb","function_version","invoked_function_arn","client_context","identity","cognito_identity_pool_id","tenant_id"]"#);
    fixture.pool.rest().await;
    assert!(fixture.log().iter().any(|line| line.ends_with("told")), "{:?}", fixture.log());
    fixture.stop().await;
}

#[tokio::test]
async fn a_handler_that_is_a_coroutine_is_not_awaited() {
    let fixture = Fixture::new("async def handler(event, context): return event");
    let error = fixture.error(json!({})).await;
    assert_eq!(error["errorType"], "Runtime.MarshalError");
    assert_eq!(error["errorMessage"], "Unable to marshal response: Object of type coroutine is not JSON serializable");
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
    // The second time it is tried tells the same.
    let log = fixture.masked_log();
    let end = log.find("INIT_REPORT").and_then(|at| Some(at + log[at..].find('\n')?)).unwrap_or(log.len());
    let text = format!("{}\n--\n{}", failure.detail, &log[..end]);
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
    homefront: the process ended while it started: exit status <n>
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: error<tab>Error Type: Runtime.ExitError
    "#);
    let hangs = init_failure("while True: pass", |plan| {
        plan.init_time_max = Duration::from_secs(1);
        plan.lambda.timeout = Duration::from_secs(2);
    })
    .await;
    insta::assert_snapshot!(hangs, @r#"
    lambda "hook": it did not start within 2.00 s
    --
    homefront: it did not start within <n> s
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: timeout
    "#);
    insta::assert_snapshot!(init_failure("", |plan| plan.program.path = "no-such-python".into()).await, @r#"
    lambda "hook": cannot start no-such-python: No such file or directory (os error 2)
    --
    homefront: cannot start no-such-python: No such file or directory (os error 2)
    INIT_REPORT Init Duration: <n> ms<tab>Phase: init<tab>Status: error<tab>Error Type: Runtime.InvalidEntrypoint
    "#);
}

#[tokio::test]
async fn memory_is_limited() {
    let source = "def handler(event, context):\n return len(bytearray(event << 20))";
    let fixture = Fixture::new(source);
    assert_eq!(fixture.result(json!(64)).await, 64 << 20);
    let error = fixture.error(json!(8_192)).await;
    assert_eq!(error["errorType"], "MemoryError");
    assert_eq!(fixture.result(json!(1)).await, 1 << 20);
    fixture.stop().await;
}

fn virtual_environment() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(folder.path()).status().unwrap();
    assert!(made.success());
    folder
}

#[tokio::test]
async fn packages_of_the_interpreters_virtual_environment_are_found() {
    let environment = virtual_environment();
    let python = environment.path().join("bin/python");
    let fixture =
        Fixture::with("import only_there\ndef handler(event, context):\n return only_there.VALUE", |plan, _| {
            plan.program.path.clone_from(&python);
        });
    let script = "import sysconfig; open(sysconfig.get_paths()['purelib'] + '/only_there.py', 'w').write('VALUE = 7')";
    assert!(Command::new(&python).args(["-c", script]).status().unwrap().success());
    assert_eq!(fixture.result(json!({})).await, 7);
    fixture.stop().await;
}

#[tokio::test]
async fn modules_of_the_deployment_package_are_found_and_handlers_may_lie_in_folders() {
    let fixture = Fixture::with("", |plan, _| {
        let folder = plan.lambda.code.join("hooks");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("origin.py"), "import shared\ndef handler(event, context):\n return shared.VALUE")
            .unwrap();
        std::fs::write(plan.lambda.code.join("shared.py"), "VALUE = 8").unwrap();
        plan.lambda.handler = "hooks/origin.handler".to_owned();
    });
    assert_eq!(fixture.result(json!({})).await, 8);
    fixture.stop().await;
}

#[tokio::test]
async fn files_named_like_what_lambdas_runtime_has_loaded_are_not_seen_and_others_are() {
    let code = "
import calendar, json, string, logging
def handler(event, context):
    return [calendar.OWN, json.loads('[1]'), string.digits]";
    let fixture = Fixture::with(code, |plan, _| {
        for name in ["json", "string", "token", "traceback", "logging", "calendar"] {
            std::fs::write(plan.lambda.code.join(name).with_extension("py"), "OWN = 'its own'").unwrap();
        }
    });
    assert_eq!(fixture.result(json!({})).await, json!(["its own", [1], "0123456789"]));
    fixture.stop().await;
}

#[tokio::test]
async fn what_an_interpreter_loads_at_its_start_logs_like_the_rest() {
    let environment = virtual_environment();
    let python = environment.path().join("bin/python");
    let script = "import sysconfig; open(sysconfig.get_paths()['purelib'] + '/early.pth', 'w').write('import logging')";
    assert!(Command::new(&python).args(["-c", script]).status().unwrap().success());
    let source = "import logging\ndef handler(event, context):\n logging.warning('look')";
    let fixture = Fixture::with(source, |plan, _| plan.program.path.clone_from(&python));
    fixture.result(json!({})).await;
    fixture.pool.rest().await;
    let log = fixture.log();
    assert!(log[1].starts_with("[WARNING]\t") && log[1].ends_with("\tlook"), "{log:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn logging_that_is_loaded_again_logs_each_line_once() {
    let source = "
import importlib, logging
importlib.reload(logging)
def handler(event, context):
    logging.getLogger().handlers or print('no handlers, as on Lambda')";
    let fixture = Fixture::new(source);
    fixture.result(json!({})).await;
    fixture.pool.rest().await;
    assert_eq!(fixture.log()[1], "no handlers, as on Lambda");
    fixture.stop().await;
}

#[tokio::test]
async fn an_error_of_a_function_that_has_no_files_left_is_told_without_a_trace() {
    let source = "
import os
kept = []
def handler(event, context):
    try:
        while True: kept.append(os.dup(0))
    except OSError:
        raise ValueError('boom') from None";
    let fixture = Fixture::new(source);
    let error = fixture.error(json!({})).await;
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("ValueError"), &json!("boom")));
    assert_eq!(error["stackTrace"], json!([]));
    fixture.stop().await;
}

#[tokio::test]
async fn a_start_that_fails_with_no_files_left_is_told() {
    let source = "
import os
kept = []
try:
    while True: kept.append(os.dup(0))
except OSError:
    raise ValueError('boom') from None";
    let fixture = Fixture::new(source);
    let failure = fixture.call(json!({})).await.unwrap_err();
    assert_eq!(failure.detail, "lambda \"hook\": ValueError: boom");
    fixture.stop().await;
}

#[tokio::test]
async fn a_handler_that_answers_by_itself_has_answered_and_its_process_goes_on() {
    let source = "
import http.client, os
def handler(event, context):
    if event == 'answers':
        client = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
        client.request('POST', f'/2018-06-01/runtime/invocation/{context.aws_request_id}/response', '\"first\"')
        assert client.getresponse().status == 202
    return os.getpid()";
    let fixture = Fixture::with(source, |plan, _| plan.lambda.concurrency_max = 1);
    let process = fixture.result(json!(null)).await;
    for _ in 0..3 {
        assert_eq!(fixture.result(json!("answers")).await, "first");
        assert_eq!(fixture.result(json!(null)).await, process, "what comes second costs no other event");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn what_a_function_starts_does_not_hold_its_channel() {
    let code = "import subprocess
def handler(event, context):
    return subprocess.run(['ls', '-l', '/proc/self/fd'], close_fds=False, capture_output=True, text=True).stdout";
    let fixture = Fixture::new(code);
    let files = fixture.result(json!({})).await;
    assert!(!files.as_str().unwrap().contains("socket:"), "{files}");
    fixture.stop().await;
}

#[tokio::test]
async fn a_process_that_a_handler_forked_answers_nothing() {
    let code = "import os
def handler(event, context):
    if event == 'forks' and (child := os.fork()): os.waitpid(child, 0)
    return os.getpid()";
    let fixture = Fixture::with(code, |plan, _| plan.lambda.concurrency_max = 1);
    let process = fixture.result(json!(null)).await;
    for event in ["forks", "forks", "after"] {
        assert_eq!(fixture.result(json!(event)).await, process, "{event}");
    }
    fixture.pool.rest().await;
    let log = fixture.masked_log();
    assert!(log.contains("a process that the handler forked must end by itself: it answers nothing"), "{log}");
    fixture.stop().await;
}

/// Every Python that this machine has and that is new enough, by its own path: those on the PATH, and those that pyenv keeps.
fn pythons() -> Vec<PathBuf> {
    const TELL: &str = "import sys; print(sys.executable) if sys.version_info >= (3, 9) else None";
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv"));
    let kept = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(home).unwrap_or_default();
    let versions = std::fs::read_dir(kept.join("versions")).into_iter().flatten().flatten();
    let kept = versions.map(|version| version.path().join("bin/python3"));
    let named = (9..=14).map(|minor| PathBuf::from(format!("python3.{minor}")));
    let asked = named.chain(kept).filter_map(|python| Command::new(python).args(["-c", TELL]).output().ok());
    let told = asked.map(|output| String::from_utf8(output.stdout).unwrap().trim().to_owned());
    told.filter(|path| !path.is_empty()).map(PathBuf::from).collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn one_worker_serves_every_python_from_3_9_on() {
    let source = "import os, subprocess, sys
def handler(event, context):
    name = '_X_AMZN_TRACE_ID'
    started = subprocess.run([sys.executable, '-c', f'import os; print(os.environ[{name!r}])'], capture_output=True, text=True)
    if event is None: raise ValueError('boom')
    return [event, context.function_name, context.identity.cognito_identity_id, started.stdout.strip() == os.environ[name], sys.executable]";
    let pythons = pythons();
    assert!(!pythons.is_empty());
    for python in pythons {
        let fixture = Fixture::with(source, |plan, _| plan.program.path.clone_from(&python));
        let event = json!({"text": "\u{e9}\u{1f600}", "list": [true, null, 1.5]});
        let expected = json!([event, "us-east-1.hook", null, true, python]);
        assert_eq!(fixture.result(event.clone()).await, expected);
        assert_eq!(fixture.error(json!(null)).await["errorType"], "ValueError", "{}", python.display());
        assert_eq!(fixture.result(event).await, expected);
        fixture.stop().await;
    }
}

/// On one core, where the runtime that is woken often runs, and answers, before the node goes on.
#[test]
fn a_report_counts_all_the_time_that_a_handler_took() {
    const CALLS: usize = 200;
    let thread = std::thread::spawn(|| {
        let allowed = rustix::thread::sched_getaffinity(None).unwrap();
        let mut one = rustix::thread::CpuSet::new();
        one.set((0..rustix::thread::CpuSet::MAX_CPU).find(|core| allowed.is_set(*core)).unwrap());
        rustix::thread::sched_setaffinity(None, &one).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let computes = "import time\ndef handler(event, context):\n end = time.perf_counter() + 0.003\n while time.perf_counter() < end: pass";
            let fixture = Fixture::new(computes);
            for _ in 0..CALLS {
                fixture.result(json!({})).await;
            }
            fixture.pool.rest().await;
            let log = fixture.log();
            fixture.stop().await;
            log
        })
    });
    let log = thread.join().unwrap();
    let duration = |line: &String| line.split_once("\tDuration: ")?.1.split_once(" ms")?.0.parse::<f64>().ok();
    let durations: Vec<_> = log.iter().filter_map(duration).collect();
    assert_eq!(durations.len(), CALLS, "{log:?}");
    assert!(durations.iter().all(|ms| *ms >= 3.0), "{durations:?}");
}
