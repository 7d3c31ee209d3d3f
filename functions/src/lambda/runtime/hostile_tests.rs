//! Runtimes that do not keep to the Runtime API: each costs its own call at the most, and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::lambda::environment::Outcome;
use crate::lambda::fixture::{Fixture, Gate, Language, executable, source};
use serde_json::json;
use std::time::Duration;

/// A runtime in Python of these lines, which have `next()`, `post(path, body)` with its status, `connect()`, `pid` and `ports`.
fn runtime(lines: &str) -> Fixture {
    let script = format!(
        "#!/usr/bin/env python3
import http.client, json, os, socket, threading
api = os.environ['AWS_LAMBDA_RUNTIME_API']
pid = os.getpid()
client = http.client.HTTPConnection(api)
def next():
    client.request('GET', '/2018-06-01/runtime/invocation/next')
    answer = client.getresponse()
    return answer.headers['Lambda-Runtime-Aws-Request-Id'], json.loads(answer.read())
def post(path, body):
    client.request('POST', '/2018-06-01/runtime/' + path, body)
    answer = client.getresponse()
    answer.read()
    if answer.status >= 300:
        client.close()
    return answer.status
def respond(id, value):
    return post(f'invocation/{{id}}/response', json.dumps(value))
def connect():
    host, port = api.split(':')
    return socket.create_connection((host, int(port)))
{lines}
"
    );
    Fixture::of(Language::Provided, &source("", ""), |plan, _| {
        executable(&plan.lambda.code, &script);
        plan.lambda.timeout = Duration::from_secs(3);
        plan.lambda.concurrency_max = 1;
    })
}

#[tokio::test]
async fn garbage_on_other_connections_spoils_nothing() {
    let fixture = runtime(
        "
while True:
    id, event = next()
    for garbage in [b'\\0' * 9000, b'GET', b'NONSENSE / HTTP/9\\r\\n\\r\\n', b'POST /x HTTP/1.1\\r\\nContent-Length: -1\\r\\n\\r\\n']:
        other = connect()
        other.sendall(garbage)
        other.close()
    respond(id, pid)",
    );
    let first = fixture.result(json!(0)).await;
    for _ in 0..5 {
        assert_eq!(fixture.result(json!(0)).await, first);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn the_first_of_two_answers_counts() {
    let fixture = runtime(
        "
told = []
while True:
    id, event = next()
    told.append(respond(id, {'first': told}))
    told.append(respond(id, 'second'))
    told.append(post(f'invocation/{id}/error', '{}'))",
    );
    assert_eq!(fixture.result(json!(0)).await, json!({"first": []}));
    assert_eq!(fixture.result(json!(0)).await, json!({"first": [202, 400, 400]}));
    fixture.stop().await;
}

#[tokio::test]
async fn an_answer_to_no_call_or_to_another_one_is_refused() {
    let fixture = runtime(
        "
early = respond('no-such-call', 1)
last = None
while True:
    id, event = next()
    wrong = [early, respond('no-such-call', 1)] + ([respond(last, 1)] if last else [])
    last = id
    respond(id, wrong)",
    );
    assert_eq!(fixture.result(json!(0)).await, json!([403, 400]));
    assert_eq!(fixture.result(json!(0)).await, json!([403, 400, 400]));
    fixture.stop().await;
}

#[tokio::test]
async fn an_answer_after_the_deadline_reaches_nobody() {
    let gate = Gate::new().await;
    let fixture = runtime(
        "
while True:
    id, event = next()
    if event:
        gate = socket.create_connection(('127.0.0.1', event))
        gate.sendall(b'.')
        gate.recv(1)
    respond(id, [event, pid])",
    );
    let first = fixture.result(json!(0)).await;
    let event = json!(gate.port());
    let (outcome, waiting) = tokio::join!(fixture.call(event), gate.arrival());
    assert_eq!(outcome.unwrap(), Outcome::TimedOut);
    drop(waiting);
    let second = fixture.result(json!(0)).await;
    assert_eq!(second[0], 0, "not the late answer");
    assert_ne!(second[1], first[1], "another process");
    fixture.stop().await;
}

#[tokio::test]
async fn a_half_sent_answer_is_none() {
    let fixture = runtime(
        "
while True:
    id, event = next()
    if event:
        other = connect()
        other.sendall(f'POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\\r\\nContent-Length: 10\\r\\n\\r\\n\"ha'.encode())
        other.close()
        os._exit(9)
    respond(id, pid)",
    );
    let first = fixture.result(json!(0)).await;
    let outcome = fixture.call(json!(1)).await.unwrap();
    assert!(matches!(outcome, Outcome::Exited(exit) if exit.code() == Some(9)), "{outcome:?}");
    assert_ne!(fixture.result(json!(0)).await, first);
    fixture.stop().await;
}

#[tokio::test]
async fn a_runtime_that_never_asks_for_another_event_is_replaced() {
    let fixture = runtime(
        "
id, event = next()
respond(id, pid)
client.close()
threading.Event().wait()",
    );
    let first = fixture.result(json!(0)).await;
    assert_ne!(fixture.result(json!(0)).await, first);
    fixture.stop().await;
}

#[tokio::test]
async fn connections_are_bounded_and_go_with_the_environment() {
    let fixture = runtime(
        "
hoard = []
while True:
    id, event = next()
    if event:
        for _ in range(100):
            other = connect()
            other.settimeout(0.01)
            hoard.append(other)
    respond(id, pid)",
    );
    let sockets = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let first = fixture.result(json!(0)).await;
    let before = sockets();
    assert_eq!(fixture.result(json!(1)).await, first);
    // Other tests of this process open and close files of their own meanwhile.
    assert!(sockets() < before + 80, "{before} and now {}", sockets());
    fixture.stop().await;
}
