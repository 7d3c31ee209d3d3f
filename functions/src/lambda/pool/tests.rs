//! What environments promise, whatever the language, with real processes.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::lambda::call::{error_payload, failure};
use crate::lambda::fixture::{
    Fixture, Gate, LONG, Language, PASS_GATE, PASS_GATE_IN_NODE, Source, in_every_language, process_state, source,
    until,
};
use homefront_config::limits::LAMBDA_LOG_BYTES_MAX;
use serde_json::{Value, json};

in_every_language! {
    globals_persist_between_events_of_an_environment,
    an_environment_killed_in_a_call_costs_that_call_only,
    an_environment_that_exits_costs_that_call_only,
    a_call_that_hangs_ends_at_its_deadline_and_costs_that_call_only,
    an_environment_killed_while_idle_costs_nothing,
    a_function_that_prints_megabytes_is_answered_and_its_log_is_cut,
    environments_work_at_the_same_time_up_to_the_limit_and_the_queue_is_bounded,
    an_event_does_not_wait_for_ever,
    events_one_after_another_need_one_environment,
    a_call_goes_on_when_nobody_waits_for_it_any_more,
    the_folder_is_private_kept_over_a_crash_and_gone_after_the_stop,
    nothing_is_left_after_a_stop_not_even_what_functions_started,
    idle_environments_are_frozen_and_thawed_for_the_next_event,
    idle_environments_are_ended_after_a_while,
    a_thousand_events_at_once_are_answered_by_four_environments,
    provisioned_environments_are_there_before_any_event_and_stay,
    what_a_crashed_environment_started_dies_with_it,
    replaced_code_takes_no_more_events_and_what_was_begun_is_ended,
    environments_that_crash_leave_nothing_behind,
    an_environment_that_closes_its_sockets_costs_that_call_only,
}

/// Answers with its process id.
fn process_id() -> Source {
    source("import os\ndef handler(event, context):\n return os.getpid()", "exports.handler = async () => process.pid;")
}

async fn globals_persist_between_events_of_an_environment(language: Language) {
    let count = source(
        "count = 0\ndef handler(event, context):\n global count\n count += 1\n return count",
        "let count = 0; exports.handler = async () => ++count;",
    );
    let fixture = Fixture::of(language, &count, |_, _| {});
    for expected in 1..=3 {
        assert_eq!(fixture.result(json!({})).await, expected);
        fixture.pool.settle().await;
    }
    fixture.stop().await;
}

impl Pool {
    /// Returns when no environment is about to become free any more.
    pub(in crate::lambda) async fn rest(&self) {
        until(|| self.0.state.lock().coming == 0).await;
    }

    /// Returns when every environment idles, however busy the machine is.
    pub(in crate::lambda) async fn settle(&self) {
        let idles = |state: &State| state.coming == 0 && state.used == state.idle.len();
        until(|| idles(&self.0.state.lock())).await;
    }
}

/// A failed call and the one after it, which must succeed: what is told of the failure, and the log.
async fn fails_once(language: Language, source: &Source, event: Value) -> (String, String) {
    let fixture = Fixture::of(language, source, |plan, _| plan.lambda.timeout = Duration::from_secs(2));
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

async fn an_environment_killed_in_a_call_costs_that_call_only(language: Language) {
    let killed = source(
        "import os, signal\ndef handler(event, context):\n if event: os.kill(os.getpid(), signal.SIGKILL)\n return os.getpid()",
        "exports.handler = async (event) => { if (event) process.kill(process.pid, 'SIGKILL'); return process.pid; };",
    );
    let (failure, log) = fails_once(language, &killed, json!(true)).await;
    insta::allow_duplicates! {
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
}

async fn an_environment_that_exits_costs_that_call_only(language: Language) {
    let exits = source(
        "import os, sys\ndef handler(event, context):\n if event is not None: sys.exit(event)\n return os.getpid()",
        "exports.handler = async (event) => { if (event !== null) process.exit(event); return process.pid; };",
    );
    let (failure, _) = fails_once(language, &exits, json!(3)).await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(failure, @r#"
        lambda "hook": Runtime.ExitError: RequestId: <id> Error: Runtime exited with error: exit status 3
        {"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited with error: exit status 3"}
        "#);
    }
    let (failure, _) = fails_once(language, &exits, json!(0)).await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(failure, @r#"
        lambda "hook": Runtime.ExitError: RequestId: <id> Error: Runtime exited without providing a reason
        {"errorType":"Runtime.ExitError","errorMessage":"RequestId: <id> Error: Runtime exited without providing a reason"}
        "#);
    }
}

async fn a_call_that_hangs_ends_at_its_deadline_and_costs_that_call_only(language: Language) {
    let hangs = source(
        "import os\ndef handler(event, context):\n while event: pass\n return os.getpid()",
        "exports.handler = async (event) => { while (event); return process.pid; };",
    );
    let (failure, log) = fails_once(language, &hangs, json!(true)).await;
    let log = log.lines().map(|line| match line.split_once(" <id> Task timed") {
        Some((_, rest)) => format!("<time> <id> Task timed{rest}"),
        None => line.to_owned(),
    });
    let log = log.collect::<Vec<_>>().join("\n");
    insta::allow_duplicates! {
        insta::assert_snapshot!(failure, @r#"
        lambda "hook": Sandbox.Timedout: RequestId: <id> Error: Task timed out after 2.00 seconds
        {"errorType":"Sandbox.Timedout","errorMessage":"RequestId: <id> Error: Task timed out after 2.00 seconds"}
        "#);
        insta::assert_snapshot!(log, @r#"
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
}

async fn an_environment_killed_while_idle_costs_nothing(language: Language) {
    let fixture = Fixture::of(language, &process_id(), |_, _| {});
    for _ in 0..3 {
        let id = fixture.result(json!({})).await.as_u64().unwrap();
        fixture.pool.rest().await;
        let pid = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        // Its threads die one after another; only then does the system say that it is dead.
        until(|| !std::path::Path::new(&format!("/proc/{id}")).exists()).await;
        assert_ne!(fixture.result(json!({})).await, id);
        fixture.pool.rest().await;
    }
    fixture.stop().await;
}

async fn a_function_that_prints_megabytes_is_answered_and_its_log_is_cut(language: Language) {
    let prints = source(
        "import sys\ndef handler(event, context):\n for _ in range(event): print('x' * 1023)\n return 'done'",
        "exports.handler = async (lines) => {
            for (let i = 0; i < lines; i++) process.stdout.write('x'.repeat(1023) + '\\n');
            return 'done';
        };",
    );
    let fixture = Fixture::of(language, &prints, |_, _| {});
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

/// Waits at the gate of the port that is the event, if it is one; answers with its process id.
fn gated() -> Source {
    source(
        format!(
            "{PASS_GATE}\nimport os\ndef handler(event, context):\n if event: pass_gate(event)\n return os.getpid()"
        ),
        format!(
            "{PASS_GATE_IN_NODE} exports.handler = async (port) => {{ if (port) await passGate(port); return process.pid; }};"
        ),
    )
}

async fn environments_work_at_the_same_time_up_to_the_limit_and_the_queue_is_bounded(language: Language) {
    let fixture = Fixture::of(language, &gated(), |plan, bounds| {
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
    let detail = "lambda \"hook\": 2 environments are busy and 2 events wait; concurrency_max is 2";
    assert_eq!(failure.detail, detail);
    fixture.stop().await;
}

async fn an_event_does_not_wait_for_ever(language: Language) {
    let fixture = Fixture::of(language, &gated(), |plan, bounds| {
        plan.lambda.concurrency_max = 1;
        bounds.queue_wait_max = Duration::from_secs(1);
    });
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
    let detail = "lambda \"hook\": no environment became free within 1.00 s; concurrency_max is 1";
    assert_eq!(failure.detail, detail);
    fixture.stop().await;
}

async fn events_one_after_another_need_one_environment(language: Language) {
    let fixture = Fixture::of(language, &process_id(), |_, _| {});
    let first = fixture.result(json!({})).await;
    for _ in 0..200 {
        fixture.pool.settle().await;
        assert_eq!(fixture.result(json!({})).await, first);
    }
    fixture.stop().await;
}

async fn a_call_goes_on_when_nobody_waits_for_it_any_more(language: Language) {
    let fixture = Fixture::of(language, &gated(), |_, _| {});
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

async fn the_folder_is_private_kept_over_a_crash_and_gone_after_the_stop(language: Language) {
    let folder = source(
        "
import os, tempfile
def handler(event, context):
    folder = tempfile.gettempdir()
    if event: open(folder + '/kept', 'w').write('x'); os._exit(1)
    return [folder, os.listdir(folder), oct(os.stat(folder).st_mode & 0o777)]",
        "
const fs = require('node:fs');
exports.handler = async (event) => {
    const folder = require('node:os').tmpdir();
    if (event) { fs.writeFileSync(folder + '/kept', 'x'); process.exit(1); }
    return [folder, fs.readdirSync(folder), '0o' + (fs.statSync(folder).mode & 0o777).toString(8)];
};",
    );
    let fixture = Fixture::of(language, &folder, |_, _| {});
    let before = fixture.result(json!(false)).await;
    assert_eq!((&before[1], &before[2]), (&json!([]), &json!("0o700")));
    assert!(matches!(fixture.call(json!(true)).await.unwrap(), Outcome::Exited(_)));
    let after = fixture.result(json!(false)).await;
    assert_eq!((&after[0], &after[1]), (&before[0], &json!(["kept"])));
    fixture.stop().await;
    assert!(!std::path::Path::new(after[0].as_str().unwrap()).exists());
}

async fn nothing_is_left_after_a_stop_not_even_what_functions_started(language: Language) {
    let starts = source(
        format!(
            "{PASS_GATE}
import os, subprocess
def handler(event, context):
    child = subprocess.Popen(['sleep', '1000'])
    stray = subprocess.Popen(['sleep', '1000'], start_new_session=True)
    if event: pass_gate(event)
    return [os.getpid(), child.pid, stray.pid]"
        ),
        format!(
            "{PASS_GATE_IN_NODE}
const {{ spawn }} = require('node:child_process');
exports.handler = async (port) => {{
    const child = spawn('sleep', ['1000']);
    const stray = spawn('sleep', ['1000'], {{ detached: true }});
    if (port) await passGate(port);
    return [process.pid, child.pid, stray.pid];
}};"
        ),
    );
    let fixture = Fixture::of(language, &starts, |_, _| {});
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

async fn idle_environments_are_frozen_and_thawed_for_the_next_event(language: Language) {
    let fixture = Fixture::of(language, &process_id(), |_, _| {});
    let id = fixture.result(json!({})).await.as_u64().unwrap();
    for _ in 0..2 {
        until(|| process_state(id) == Some('T')).await;
        assert_eq!(fixture.result(json!({})).await, id);
    }
    fixture.stop().await;
}

async fn idle_environments_are_ended_after_a_while(language: Language) {
    let fixture = Fixture::of(language, &process_id(), |_, bounds| bounds.idle_max = Duration::from_millis(150));
    let id = fixture.result(json!({})).await.as_u64().unwrap();
    until(|| process_state(id).is_none()).await;
    assert_eq!(fixture.pool.0.state.lock().used, 0);
    assert_ne!(fixture.result(json!({})).await, id);
    fixture.stop().await;
}

async fn a_thousand_events_at_once_are_answered_by_four_environments(language: Language) {
    let fixture = Fixture::of(language, &process_id(), |_, _| {});
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let pool = fixture.pool.clone();
        calls.spawn(async move { pool.call(&Bytes::from_static(b"{}")).await });
    }
    let mut environments = std::collections::HashSet::new();
    while let Some(called) = calls.join_next().await {
        let Ok((_, Outcome::Response(id))) = called.unwrap() else { panic!("{}", fixture.log().join("\n")) };
        environments.insert(id);
    }
    assert!(environments.len() <= 4, "{environments:?}");
    fixture.stop().await;
}

async fn an_environment_that_closes_its_sockets_costs_that_call_only(language: Language) {
    // Node.js would not survive the loss of what else it has open.
    let closes = source(
        "import os\ndef handler(event, context):\n if event: os.closerange(3, 64)\n return os.getpid()",
        "
const fs = require('node:fs');
const isSocket = (fd) => { try { return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:'); } catch { return false; } };
exports.handler = async (event) => {
    if (event) fs.readdirSync('/proc/self/fd').filter(isSocket).forEach((fd) => fs.closeSync(Number(fd)));
    return process.pid;
};",
    );
    let (failure, _) = fails_once(language, &closes, json!(true)).await;
    assert!(failure.contains("Runtime exited with error: "), "{failure}");
}

#[tokio::test]
async fn an_environment_killed_before_it_read_its_event_costs_nothing() {
    // What a runtime that brings its own client of the Runtime API has read, nobody knows.
    for language in [Language::Python, Language::Node] {
        let fixture = Fixture::of(language, &process_id(), |_, bounds| bounds.freeze_after = LONG);
        let first = fixture.result(json!({})).await.as_u64().unwrap();
        fixture.pool.settle().await;
        let process = rustix::process::Pid::from_raw(i32::try_from(first).unwrap()).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::STOP).unwrap();
        let calls = || fixture.log().iter().filter(|line| line.starts_with("START")).count();
        let (second, ()) = tokio::join!(fixture.result(json!({})), async {
            until(|| calls() == 2).await;
            rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
        });
        assert_ne!(second, first, "another process answers");
        fixture.pool.settle().await;
        let log = fixture.masked_log();
        let told = log.lines().skip(3).take(4).collect::<Vec<_>>().join("\n");
        insta::allow_duplicates! {
            insta::assert_snapshot!(told, @"
            START RequestId: <id> Version: 1
            homefront: the process ended before it read the event; another environment gets it
            END RequestId: <id>
            START RequestId: <id> Version: 1
            ");
        }
        fixture.stop().await;
    }
}

async fn provisioned_environments_are_there_before_any_event_and_stay(language: Language) {
    let fixture = Fixture::of(language, &process_id(), |plan, bounds| {
        plan.lambda.provisioned_concurrency = 2;
        bounds.idle_max = Duration::from_millis(1);
    });
    until(|| fixture.pool.0.state.lock().idle.len() == 2).await;
    let id = fixture.result(json!({})).await.as_u64().unwrap();
    fixture.pool.settle().await;
    assert_eq!(fixture.result(json!({})).await, id, "the one that was used last");
    fixture.pool.settle().await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    until(|| !std::path::Path::new(&format!("/proc/{id}")).exists()).await;
    assert_ne!(fixture.result(json!({})).await, id);
    until(|| fixture.pool.0.state.lock().idle.len() == 2).await;
    fixture.stop().await;
}

async fn replaced_code_takes_no_more_events_and_what_was_begun_is_ended(language: Language) {
    let fixture = Fixture::of(language, &gated(), |_, _| {});
    let gate = Gate::new().await;
    let idle = fixture.result(json!(0)).await;
    fixture.pool.settle().await;
    let busy = fixture.result(json!(gate.port()));
    let during = async {
        let waiting = gate.arrival().await;
        fixture.pool.replace(None);
        let newer = fixture.result(json!(0)).await;
        waiting.let_on().await;
        newer
    };
    let (old, newer) = tokio::join!(busy, during);
    assert_eq!(old, idle, "what had begun was ended where it was");
    assert_ne!(newer, old);
    until(|| process_state(old.as_u64().unwrap()).is_none()).await;
    fixture.pool.settle().await;
    assert_eq!(fixture.result(json!(0)).await, newer);
    fixture.pool.settle().await;
    fixture.pool.replace(None);
    until(|| process_state(newer.as_u64().unwrap()).is_none()).await;
    assert_ne!(fixture.result(json!(0)).await, newer, "an idle one is ended at once");
    fixture.stop().await;
}

async fn what_a_crashed_environment_started_dies_with_it(language: Language) {
    let starts = source(
        "
import os, subprocess
ids = None
def handler(event, context):
    global ids
    if event == 'exit': os._exit(1)
    ids = ids or [subprocess.Popen(['sleep', '1000'], start_new_session=new).pid for new in (False, True)]
    return ids",
        "
const { spawn } = require('node:child_process');
let ids;
exports.handler = async (event) => {
    if (event === 'exit') process.exit(1);
    ids ??= [false, true].map((detached) => spawn('sleep', ['1000'], { detached }).pid);
    return ids;
};",
    );
    let fixture = Fixture::of(language, &starts, |_, _| {});
    let ids: Vec<u64> = serde_json::from_value(fixture.result(json!(null)).await).unwrap();
    assert!(ids.iter().all(|id| process_state(*id).is_some()));
    fixture.pool.settle().await;
    assert!(matches!(fixture.call(json!("exit")).await.unwrap(), Outcome::Exited(_)));
    until(|| ids.iter().all(|id| process_state(*id).is_none())).await;
    fixture.stop().await;
}

async fn environments_that_crash_leave_nothing_behind(language: Language) {
    let tells = source(
        "
import os
def handler(event, context):
    if event == 'exit': os._exit(1)
    return [os.getpid(), os.environ['AWS_LAMBDA_RUNTIME_API']]",
        "exports.handler = async (event) => {
            if (event === 'exit') process.exit(1);
            return [process.pid, process.env.AWS_LAMBDA_RUNTIME_API];
        };",
    );
    let fixture = Fixture::of(language, &tells, |_, _| {});
    let mut told: Vec<(u64, String)> = Vec::new();
    for _ in 0..5 {
        told.push(serde_json::from_value(fixture.result(json!(null)).await).unwrap());
        fixture.pool.settle().await;
        assert!(matches!(fixture.call(json!("exit")).await.unwrap(), Outcome::Exited(_)));
        fixture.pool.settle().await;
    }
    for (id, api) in told {
        until(|| !std::path::Path::new(&format!("/proc/{id}")).exists()).await;
        let closed = async { while tokio::net::TcpStream::connect(&api).await.is_ok() {} };
        tokio::time::timeout(LONG, closed).await.expect("its Runtime API is closed");
    }
    until(|| fixture.pool.0.state.lock().children.is_empty()).await;
    assert_eq!(fixture.pool.0.state.lock().folders.len(), 1, "one folder, which each of them took over");
    fixture.stop().await;
}
