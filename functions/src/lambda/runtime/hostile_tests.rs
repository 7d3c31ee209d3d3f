//! Functions, and runtimes of their own, that do not keep to the Runtime API: each costs its own call at the most, and leaves nothing
//! behind.
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::lambda::environment::Outcome;
use crate::lambda::fixture::{Fixture, Gate, Language, executable, in_every_language, source, until};
use serde_json::json;
use std::time::Duration;

in_every_language! {
    garbage_on_other_connections_spoils_nothing,
    the_first_of_two_answers_counts,
    an_answer_to_no_call_or_to_another_one_is_refused,
    an_answer_after_the_deadline_reaches_nobody,
    a_half_sent_answer_is_none,
    connections_are_bounded_and_go_with_the_environment,
}

/// A function whose handler has these lines, which have `event`, `id`, `pid`, `post(id, what, body)` with its status, and
/// `connect()` to the Runtime API; `top` stands before it.
fn function(language: Language, (top_python, python): (&str, &str), (top_node, node): (&str, &str)) -> Fixture {
    let python = format!(
        "
import http.client, json, os, socket
api = os.environ['AWS_LAMBDA_RUNTIME_API']
pid = os.getpid()
def connect(address=api):
    host, port = address.split(':')
    return socket.create_connection((host, int(port)))
def post(id, what, body):
    client = http.client.HTTPConnection(api)
    client.request('POST', f'/2018-06-01/runtime/invocation/{{id}}/{{what}}', body)
    status = client.getresponse().status
    client.close()
    return status
{top_python}
def handler(event, context):
    global last
    id = context.aws_request_id
{python}
"
    );
    let node = format!(
        "
const net = require('node:net'), http = require('node:http');
const {{ pid }} = process;
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const connect = (to = port) => new Promise((connected, failed) => {{
    const other = net.connect(to, host, () => connected(other)).on('error', failed);
}});
const post = (id, what, body) => new Promise((answered, failed) => {{
    const to = {{ host, port, path: `/2018-06-01/runtime/invocation/${{id}}/${{what}}`, method: 'POST', agent: false }};
    http.request(to, (answer) => answer.resume().on('end', () => answered(answer.statusCode))).on('error', failed).end(body);
}});
{top_node}
exports.handler = async (event, {{ awsRequestId: id }}) => {{
{node}
}};
"
    );
    Fixture::of(language, &source(python, node), |plan, _| {
        plan.lambda.timeout = Duration::from_secs(3);
        plan.lambda.concurrency_max = 1;
    })
}

async fn garbage_on_other_connections_spoils_nothing(language: Language) {
    let fixture = function(
        language,
        (
            "",
            "
    for garbage in [b'\\0' * 9000, b'GET', b'NONSENSE / HTTP/9\\r\\n\\r\\n', b'POST /x HTTP/1.1\\r\\nContent-Length: -1\\r\\n\\r\\n']:
        other = connect()
        other.sendall(garbage)
        other.close()
    return pid",
        ),
        (
            "",
            "
    for (const garbage of ['\\0'.repeat(9000), 'GET', 'NONSENSE / HTTP/9\\r\\n\\r\\n', 'POST /x HTTP/1.1\\r\\nContent-Length: -1\\r\\n\\r\\n']) {
        const other = await connect();
        other.on('error', () => {}).resume();
        await new Promise((ended) => other.on('close', ended).end(garbage));
    }
    return pid;",
        ),
    );
    let first = fixture.result(json!(0)).await;
    for _ in 0..5 {
        assert_eq!(fixture.result(json!(0)).await, first);
    }
    fixture.stop().await;
}

async fn the_first_of_two_answers_counts(language: Language) {
    let fixture = function(
        language,
        (
            "",
            "
    first = post(id, 'response', '\"first\"')
    second = post(id, 'response', '\"second\"')
    print('told:', first, second, post(id, 'error', '{}'))
    return 'third'",
        ),
        (
            "",
            "
    const first = await post(id, 'response', '\"first\"');
    const second = await post(id, 'response', '\"second\"');
    process.stdout.write(`told: ${first} ${second} ${await post(id, 'error', '{}')}\n`);
    return 'third';",
        ),
    );
    for calls in 1..=2 {
        assert_eq!(fixture.result(json!(0)).await, "first");
        until(|| fixture.log().iter().filter(|line| *line == "told: 202 400 400").count() == calls).await;
    }
    fixture.stop().await;
}

async fn an_answer_to_no_call_or_to_another_one_is_refused(language: Language) {
    let fixture = function(
        language,
        (
            "early, last = post('no-such-call', 'response', '1'), None",
            "
    wrong = [early, post('no-such-call', 'response', '1')] + ([post(last, 'response', '1')] if last else [])
    last = id
    return wrong",
        ),
        (
            // At once, before the event loop turns.
            "
const early = Number(require('node:child_process').execFileSync('python3', ['-c', `
import http.client, os
client = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
client.request('POST', '/2018-06-01/runtime/invocation/no-such-call/response', '1')
print(client.getresponse().status)`]));
let last;",
            "
    const wrong = [early, await post('no-such-call', 'response', '1')];
    if (last) wrong.push(await post(last, 'response', '1'));
    last = id;
    return wrong;",
        ),
    );
    assert_eq!(fixture.result(json!(0)).await, json!([403, 400]));
    assert_eq!(fixture.result(json!(0)).await, json!([403, 400, 400]));
    fixture.stop().await;
}

async fn an_answer_after_the_deadline_reaches_nobody(language: Language) {
    let gate = Gate::new().await;
    let fixture = function(
        language,
        (
            "",
            "
    if event:
        gate = connect(f'127.0.0.1:{event}')
        gate.sendall(b'.')
        gate.recv(1)
    return [event, pid]",
        ),
        (
            "",
            "
    if (event) {
        const gate = await connect(event);
        gate.write('.');
        await new Promise((let_on) => gate.on('data', let_on));
    }
    return [event, pid];",
        ),
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

async fn a_half_sent_answer_is_none(language: Language) {
    let fixture = function(
        language,
        (
            "",
            "
    if event:
        other = connect()
        other.sendall(f'POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\\r\\nContent-Length: 10\\r\\n\\r\\n\"ha'.encode())
        other.close()
        os._exit(9)
    return pid",
        ),
        (
            "",
            "
    if (event) {
        const other = await connect();
        const half = `POST /2018-06-01/runtime/invocation/${id}/response HTTP/1.1\\r\\nContent-Length: 10\\r\\n\\r\\n\"ha`;
        await new Promise((sent) => other.end(half, sent));
        process.exit(9);
    }
    return pid;",
        ),
    );
    let first = fixture.result(json!(0)).await;
    let outcome = fixture.call(json!(1)).await.unwrap();
    assert!(matches!(outcome, Outcome::Exited(exit) if exit.code() == Some(9)), "{outcome:?}");
    assert_ne!(fixture.result(json!(0)).await, first);
    fixture.stop().await;
}

async fn connections_are_bounded_and_go_with_the_environment(language: Language) {
    let fixture = function(
        language,
        (
            "hoard = []",
            "
    if event:
        for _ in range(100):
            hoard.append(connect())
    return pid",
        ),
        (
            "const hoard = [];",
            "
    if (event) for (let i = 0; i < 100; i++) hoard.push(await connect());
    return pid;",
        ),
    );
    let sockets = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let first = fixture.result(json!(0)).await;
    let before = sockets();
    assert_eq!(fixture.result(json!(1)).await, first);
    // Other tests of this process open and close files of their own meanwhile.
    assert!(sockets() < before + 80, "{before} and now {}", sockets());
    fixture.stop().await;
}

#[tokio::test]
async fn a_runtime_that_never_asks_for_another_event_is_replaced() {
    let script = "#!/usr/bin/env python3
import http.client, os, threading
client = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
client.request('GET', '/2018-06-01/runtime/invocation/next')
answer = client.getresponse()
answer.read()
id = answer.headers['Lambda-Runtime-Aws-Request-Id']
client.request('POST', f'/2018-06-01/runtime/invocation/{id}/response', str(os.getpid()))
client.getresponse().read()
client.close()
threading.Event().wait()
";
    let fixture = Fixture::of(Language::Provided, &source("", ""), |plan, _| {
        executable(&plan.lambda.code, script);
        plan.lambda.timeout = Duration::from_secs(3);
        plan.lambda.concurrency_max = 1;
    });
    let first = fixture.result(json!(0)).await;
    assert_ne!(fixture.result(json!(0)).await, first);
    fixture.stop().await;
}
