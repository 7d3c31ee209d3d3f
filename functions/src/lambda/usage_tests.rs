//! Environments that take more than they have, and those that only seem to.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::FailureKind;
use crate::lambda::call::{error_payload, failure};
use crate::lambda::environment::Outcome;
use crate::lambda::fixture::{Fixture, Language, Source, in_every_language, source, until};
use homefront_config::limits::LAMBDA_OPEN_FILES_MAX;
use serde_json::{Value, json};

in_every_language! {
    a_start_that_fills_its_folder_leaves_the_next_one_an_empty_one,
    an_environment_that_exhausts_its_memory_costs_that_call_only,
    an_error_that_tells_of_exhausted_memory_is_exhausted_memory,
    what_a_function_starts_counts_too,
    what_a_function_starts_is_in_the_memory_used,
    an_environment_that_fills_its_folder_costs_that_call_only,
    an_environment_with_too_many_files_costs_that_call_only,
    files_beyond_1024_cannot_be_opened_and_the_environment_goes_on,
    memory_up_to_the_limit_is_the_functions_to_use,
    calls_too_short_to_be_looked_at_hoard_no_memory_beyond_the_limit,
}

/// Holds as many MiB as the event says, in small pieces; waits until it is ended when they are many.
fn holds() -> Source {
    source(
        "
import os, threading
kept = []
def handler(event, context):
    kept.clear()
    for _ in range(event or 0): kept.append(bytearray(os.urandom(16)) * 65536)
    if event and event > 128: threading.Event().wait()
    return os.getpid()",
        "
let kept = [];
exports.handler = async (event) => {
    kept = [];
    for (let i = 0; i < event; i++) kept.push(Buffer.alloc(1 << 20, i + 1));
    if (event > 128) await new Promise((pass) => setTimeout(pass, 1_000_000));
    return process.pid;
};",
    )
}

/// A call that ends for this excess and the one after it, which succeeds: what is told, and the log.
async fn ends(language: Language, source: &Source, event: Value, excess: Excess) -> (String, String) {
    let fixture = Fixture::of(language, source, |_, _| {});
    let before = fixture.result(json!(0)).await;
    let outcome = fixture.call(event).await.unwrap();
    assert_eq!(outcome, Outcome::Exceeded(excess));
    assert_ne!(fixture.result(json!(0)).await, before, "another process answers");
    fixture.pool.rest().await;
    let lambda = &fixture.pool.plan().lambda;
    let (told, payload) = (failure(lambda, "<id>", &outcome), error_payload(lambda, "<id>", &outcome));
    assert_eq!(told.kind, FailureKind::LambdaExecution);
    assert!(std::str::from_utf8(&payload).unwrap().contains("Error: "));
    let log = fixture.masked_log();
    fixture.stop().await;
    (told.detail, log)
}

async fn an_environment_that_exhausts_its_memory_costs_that_call_only(language: Language) {
    let (detail, log) = ends(language, &holds(), json!(150), Excess::Memory).await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(detail, @r#"lambda "hook": Runtime.OutOfMemory: RequestId: <id> Error: Runtime exited with error: signal: killed"#);
        insta::assert_snapshot!(log.lines().skip(3).take(4).collect::<Vec<_>>().join("\n"), @r"
        START RequestId: <id> Version: 1
        RequestId: <id> Error: Runtime exited with error: signal: killed
        END RequestId: <id>
        REPORT RequestId: <id><tab>Duration: <n> ms<tab>Billed Duration: <n> ms<tab>Memory Size: 128 MB<tab>Max Memory Used: <n> MB<tab>Status: error<tab>Error Type: Runtime.OutOfMemory
        ");
    }
}

async fn calls_too_short_to_be_looked_at_hoard_no_memory_beyond_the_limit(language: Language) {
    const CALLS_MAX: usize = 200;
    let hoards = source(
        "
import os
kept = []
def handler(event, context):
    for _ in range(4): kept.append(bytearray(os.urandom(16)) * 65536)
    return os.getpid()",
        "
const kept = [];
exports.handler = async () => {
    for (let i = 1; i < 5; i++) kept.push(Buffer.alloc(1 << 20, i));
    return process.pid;
};",
    );
    let fixture = Fixture::of(language, &hoards, |_, _| {});
    let first = fixture.result(json!(0)).await;
    let mut calls = 1;
    while fixture.result(json!(0)).await == first {
        calls += 1;
        assert!(calls < CALLS_MAX, "4 MiB each, and 128 MB are the function's");
    }
    let told = "the environment was ended when it had answered: it held more than 128 MB";
    assert!(fixture.log().iter().any(|line| line.contains(told)), "{}", fixture.masked_log());
    fixture.stop().await;
}

#[tokio::test]
async fn a_small_function_may_have_many_threads() {
    let fixture = Fixture::new(
        "
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
def handler(event, context):
    together = Barrier(event)
    with ThreadPoolExecutor(event) as pool: return len({pool.submit(together.wait).result for _ in range(event)})",
    );
    assert_eq!(fixture.result(json!(300)).await, 300);
    fixture.stop().await;
}

async fn a_start_that_fills_its_folder_leaves_the_next_one_an_empty_one(language: Language) {
    let place = tempfile::tempdir().unwrap();
    let mended = place.path().join("mended");
    let python = format!(
        "
import os, threading
tmp = os.environ['TMPDIR']
if not os.path.exists({mended:?}):
    for name in 'ab':
        file = os.open(tmp + '/' + name, os.O_CREAT | os.O_WRONLY)
        os.posix_fallocate(file, 0, 300 << 20)
    threading.Event().wait()
left = os.listdir(tmp)
def handler(event, context): return left"
    );
    let node = format!(
        "
const fs = require('fs');
const tmp = process.env.TMPDIR;
if (!fs.existsSync({mended:?})) {{
    for (const name of ['a', 'b']) {{
        const file = fs.openSync(tmp + '/' + name, 'w');
        const piece = Buffer.alloc(1 << 20, 1);
        for (let i = 0; i < 300; i++) fs.writeSync(file, piece);
    }}
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}}
const left = fs.readdirSync(tmp);
exports.handler = async () => left;"
    );
    let fixture = Fixture::of(language, &source(&python, &node), |_, _| {});
    let failed = format!("{:?}", fixture.call(json!(0)).await);
    assert!(failed.contains("its files took more than 536870912 bytes"), "{failed}");
    std::fs::write(&mended, "").unwrap();
    assert_eq!(fixture.result(json!(0)).await, json!([]));
    fixture.stop().await;
}

/// Nobody looks within so few milliseconds.
async fn an_error_that_tells_of_exhausted_memory_is_exhausted_memory(language: Language) {
    let takes = source(
        "
import os
def handler(event, context):
    if event == 'fails': raise ValueError('not for memory')
    kept = bytearray(os.urandom(16)) * (65536 * event)
    if event: raise MemoryError",
        "
exports.handler = async (event) => {
    if (event === 'fails') throw new Error('not for memory');
    const kept = Buffer.alloc(event << 20, 1);
    if (event) throw new RangeError('Array buffer allocation failed');
};",
    );
    let memory_mb = if language == Language::Node { 60 } else { 30 };
    let fixture = Fixture::of(language, &takes, |plan, _| plan.lambda.memory_mb = memory_mb);
    fixture.result(json!(0)).await;
    assert_eq!(fixture.call(json!(memory_mb + 10)).await.unwrap(), Outcome::Exceeded(Excess::Memory));
    fixture.result(json!(0)).await;
    assert!(matches!(fixture.call(json!("fails")).await.unwrap(), Outcome::Error { .. }));
    fixture.stop().await;
}

async fn memory_up_to_the_limit_is_the_functions_to_use(language: Language) {
    let fixture = Fixture::of(language, &holds(), |_, _| {});
    for mib in [60, 5, 5] {
        fixture.result(json!(mib)).await;
    }
    fixture.stop().await;
}

async fn what_a_function_starts_counts_too(language: Language) {
    let child = "import os, threading; kept = os.urandom(1 << 20) * 150; threading.Event().wait()";
    let starts = source(
        format!(
            "import os, subprocess, sys\ndef handler(event, context):\n if event: subprocess.run([sys.executable, '-c', '{child}'])\n return os.getpid()"
        ),
        format!(
            "exports.handler = async (event) => {{
                if (event) await new Promise((pass) => require('node:child_process').spawn('python3', ['-c', '{child}']).on('exit', pass));
                return process.pid;
            }};"
        ),
    );
    ends(language, &starts, json!(1), Excess::Memory).await;
}

#[tokio::test]
async fn memory_that_processes_may_share_is_the_functions_too() {
    let holds = source(
        "
import mmap, os, threading
def handler(event, context):
    if event:
        kept = mmap.mmap(-1, 200 << 20)
        for at in range(0, len(kept), mmap.PAGESIZE): kept[at] = 1
        threading.Event().wait()
    return os.getpid()",
        "",
    );
    ends(Language::Python, &holds, json!(1), Excess::Memory).await;
}

#[tokio::test]
async fn what_is_taken_after_the_answer_ends_the_environment_and_no_call() {
    let takes = source(
        "
import os, threading
kept = []
def take():
    for _ in range(200): kept.append(bytearray(os.urandom(16)) * 65536)
def handler(event, context):
    if event: threading.Timer(0.05, take).start()
    return os.getpid()",
        "",
    );
    let fixture = Fixture::of(Language::Python, &takes, |_, bounds| bounds.freeze_after = Duration::from_secs(1));
    let first = fixture.result(json!(1)).await;
    until(|| fixture.log().iter().any(|line| line.ends_with("it held more than 128 MB"))).await;
    assert_ne!(fixture.result(json!(0)).await, first);
    fixture.stop().await;
}

async fn what_a_function_starts_is_in_the_memory_used(language: Language) {
    let child = "import os; kept = os.urandom(1 << 20) * 60; print(1, flush=True); input()";
    let starts = source(
        format!(
            "import subprocess, sys, threading\ndef handler(event, context):\n child = subprocess.Popen([sys.executable, '-c', '{child}'], stdin=-1, stdout=-1)\n \
             child.stdout.readline()\n threading.Event().wait(0.3)\n child.kill()\n child.wait()"
        ),
        format!(
            "exports.handler = async () => {{
                const child = require('node:child_process').spawn('python3', ['-c', '{child}']);
                await new Promise((pass) => child.stdout.on('data', pass));
                await new Promise((pass) => setTimeout(pass, 300));
                await new Promise((pass) => {{ child.on('exit', pass); child.kill(); }});
            }};"
        ),
    );
    let fixture = Fixture::of(language, &starts, |_, _| {});
    fixture.result(json!({})).await;
    fixture.pool.rest().await;
    let used = fixture.pool.figures().memory_used_mb_max;
    assert!((60..128).contains(&used), "{used} MB");
    fixture.stop().await;
}

async fn an_environment_that_fills_its_folder_costs_that_call_only(language: Language) {
    // Two files, as the system bounds each; space that is set aside is taken, and nothing need be written.
    let fills = source(
        "
import os, tempfile, threading
def handler(event, context):
    for name in ['a', 'b'] if event else []:
        file = os.open(tempfile.gettempdir() + '/' + name, os.O_CREAT | os.O_WRONLY)
        os.posix_fallocate(file, 0, 300 << 20)
    if event: threading.Event().wait()
    return os.getpid()",
        "
exports.handler = async (event) => {
    for (const name of event ? ['a', 'b'] : [])
        require('node:child_process').execFileSync('fallocate', ['-l', '300M', require('node:os').tmpdir() + '/' + name]);
    if (event) await new Promise((pass) => setTimeout(pass, 1_000_000));
    return process.pid;
};",
    );
    let (detail, log) = ends(language, &fills, json!(1), Excess::Files).await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(detail, @r#"lambda "hook": Runtime.ExitError: RequestId: <id> Error: Runtime exited with error: signal: killed"#);
    }
    let told = "homefront: the environment's TMPDIR holds more than <n> bytes or <n> files; it is ended and emptied";
    assert!(log.lines().any(|line| line == told), "{log}");
}

async fn an_environment_with_too_many_files_costs_that_call_only(language: Language) {
    let fills = source(
        "
import os, tempfile, threading
def handler(event, context):
    for number in range(event):
        os.close(os.open(f'{tempfile.gettempdir()}/{number}', os.O_CREAT | os.O_WRONLY))
    if event: threading.Event().wait()
    return [os.getpid(), os.listdir(tempfile.gettempdir())]",
        "
const fs = require('node:fs');
exports.handler = async (event) => {
    for (let i = 0; i < event; i++) fs.closeSync(fs.openSync(`${process.env.TMPDIR}/${i}`, 'w'));
    if (event) await new Promise((pass) => setTimeout(pass, 1_000_000));
    return [process.pid, fs.readdirSync(process.env.TMPDIR)];
};",
    );
    ends(language, &fills, json!(LAMBDA_TMP_FILES_MAX + 1), Excess::Files).await;
}

/// In one language: that many processes are the machine's.
#[tokio::test]
async fn an_environment_with_too_many_processes_costs_that_call_only() {
    let starts = source(
        "
import os, subprocess
def handler(event, context):
    if event: subprocess.run(['sh', '-c', 'for number in $(seq %d); do sleep 1000 & done; wait' % event])
    return os.getpid()",
        "",
    );
    // So that what they hold is not too much before.
    let fixture = Fixture::of(Language::Provided, &starts, |plan, _| plan.lambda.memory_mb = 3_008);
    let before = fixture.result(json!(0)).await;
    assert_eq!(fixture.call(json!(LAMBDA_PROCESSES_MAX)).await.unwrap(), Outcome::Exceeded(Excess::Processes));
    assert_ne!(fixture.result(json!(0)).await, before, "another process answers");
    fixture.pool.rest().await;
    let log = fixture.masked_log();
    let told = "homefront: the environment has more than <n> processes; it is ended";
    assert!(log.lines().any(|line| line == told), "{log}");
    fixture.stop().await;
}

async fn files_beyond_1024_cannot_be_opened_and_the_environment_goes_on(language: Language) {
    let opens = source(
        "
import errno, os
def handler(event, context):
    opened = []
    try:
        while True: opened.append(os.open('/dev/null', os.O_RDONLY))
    except OSError as error: told = errno.errorcode[error.errno]
    for file in opened: os.close(file)
    return [max(opened), told, os.getpid()]",
        "
const fs = require('node:fs');
exports.handler = async () => {
    const opened = [];
    let told;
    try { for (;;) opened.push(fs.openSync('/dev/null', 'r')); } catch (error) { told = error.code; }
    opened.forEach((file) => fs.closeSync(file));
    return [Math.max(...opened), told, process.pid];
};",
    );
    let fixture = Fixture::of(language, &opens, |_, _| {});
    let first = fixture.result(json!({})).await;
    // Its standard files, and what the runtime holds, count as well; the first file has the number 0.
    assert_eq!((&first[0], &first[1]), (&json!(LAMBDA_OPEN_FILES_MAX - 1), &json!("EMFILE")));
    fixture.pool.settle().await;
    assert_eq!(fixture.result(json!({})).await, first, "the same process answers the next event");
    fixture.stop().await;
}
