//! Lambda@Edge environments whose end comes in the middle of a call, by somebody outside or by their deadline, and answers that come
//! when their event waits for none any more.

use crate::harness::binary::is_alive;
use crate::harness::{
    Code, EXECUTION, Edge, Gate, Language, PATIENCE, Program, before, has_namespaces, in_every_language,
};
use rustix::process::{Pid, Signal, kill_process};

in_every_language! {
    a_process_of_an_environment_killed_from_outside_in_mid_call_costs_that_call,
    what_is_posted_after_the_deadline_reaches_nobody_even_over_a_connection_from_before,
    what_is_posted_for_an_earlier_event_is_refused_and_costs_neither_of_them,
}

/// A process that nobody knows as the function's own, with a connection to its Runtime API as standard input. When it is let on it posts
/// an answer over that and over a new one, and says at the gate what became of each.
const STRAY: &str = r#"
import os, socket, sys
if os.fork(): os._exit(0)
os.setsid()
host, api, gate, request_id = sys.argv[1:]
test = socket.create_connection(("127.0.0.1", int(gate)))
test.sendall(b"here")
test.recv(1)
def post(client):
    body = b'{"status": "200", "body": "late"}'
    client.settimeout(10)
    client.sendall(b"POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (request_id.encode(), len(body), body))
    return client.recv(4096).split()[1].decode()
for connection in [lambda: socket.socket(fileno=0), lambda: socket.create_connection((host, int(api)))]:
    try: became = post(connection())
    except (OSError, IndexError): became = "gone"
    test.sendall(became.encode() + b" ")
"#;

/// A function that waits at the gate, leaves a stray there, or answers an earlier event.
fn code(gate: &Gate) -> Code {
    let python = r#"
import http.client, os, subprocess, sys, threading
host, api = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
earlier = None

def handler(event, context):
    global earlier
    wish = event["Records"][0]["cf"]["request"]["uri"].strip("/")
    if wish == "wait": wait_at(PORT)
    if wish == "late":
        connection = socket.create_connection((host, int(api)))
        connection.sendall(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(4096)
        subprocess.Popen([sys.executable, "-c", STRAY, host, api, str(PORT), context.aws_request_id], stdin=connection.fileno(), env={}).wait()
        threading.Event().wait()
    if wish == "earlier":
        client = http.client.HTTPConnection(host, int(api))
        client.request("POST", f"/2018-06-01/runtime/invocation/{earlier}/response", '{"status": "200", "body": "of the earlier"}')
        wish = str(client.getresponse().status)
        client.close()
    earlier = context.aws_request_id
    return {"status": "200", "body": wish}
"#;
    let node = r#"
const { once } = require("node:events");
const { spawn } = require("node:child_process");
const [host, api] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
let earlier;
exports.handler = async (event, context) => {
    let wish = event.Records[0].cf.request.uri.slice(1);
    if (wish === "wait") await waitAt(PORT);
    if (wish === "late") {
        const connection = net.connect(api, host);
        connection.write("GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n");
        await once(connection, "data");
        connection.pause();
        spawn("python3", ["-c", STRAY, host, api, String(PORT), context.awsRequestId], { stdio: [connection, "inherit", "inherit"], env: { PATH: process.env.PATH } });
        await new Promise(() => setInterval(() => {}, 1000));
    }
    if (wish === "earlier") {
        wish = await new Promise((answered) => {
            const path = `/2018-06-01/runtime/invocation/${earlier}/response`;
            const post = require("node:http").request({ host, port: api, path, method: "POST", agent: false }, (response) => {
                response.resume().on("end", () => answered(String(response.statusCode)));
            });
            post.end('{"status": "200", "body": "of the earlier"}');
        });
    }
    earlier = context.awsRequestId;
    return { status: "200", body: wish };
};
"#;
    let Code { python, node } = gate.code(python, node);
    // As a JSON text it is a literal of either language.
    let stray = format!("STRAY = {}\n", serde_json::to_string(STRAY).unwrap());
    Code { python: stray.clone() + &python, node: format!("const {stray}{node}") }
}

async fn program(language: Language, code: &Code, timeout_s: u32) -> Program {
    let settings = format!("timeout_s = {timeout_s}\nconcurrency_max = 1");
    let program = Program::start(Edge::with_and_without(language, code, &settings, &settings)).await;
    assert_eq!(program.get("/warm").await.text(), "warm");
    program.serves_beside("warm").await;
    program
}

async fn a_process_of_an_environment_killed_from_outside_in_mid_call_costs_that_call(language: Language) {
    let gate = Gate::new().await;
    let program = program(language, &code(&gate), 30).await;
    let (held, processes) = (program.held(), program.of_environments().len());
    assert!(processes > 0);
    // An enclosed one has three: its launcher, its init, and the runtime.
    for nth in 0..processes {
        let mut asked = Box::pin(program.get("/wait"));
        let waiting = gate.arrival_before(&mut asked).await;
        before(&mut asked, program.serves_beside("wait")).await;
        let of_environment = program.of_environments();
        assert_eq!(of_environment.len(), processes);
        let victim = Pid::from_raw(of_environment[nth].try_into().unwrap()).unwrap();
        kill_process(victim, Signal::KILL).unwrap();
        let answer = asked.await;
        assert_eq!((answer.status, answer.x_cache(), answer.sentence()), (503, "LambdaExecutionError", EXECUTION));
        drop(waiting);
        program.serves_beside("killed").await;
        let next = program.get("/next").await;
        assert_eq!((next.status, next.text()), (200, "next"), "after the end of process {nth}");
        let gone = async {
            while of_environment.iter().any(|pid| is_alive(*pid)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.expect("nothing of it is left");
    }
    program.holds_no_more_than(&held).await;
    let log = program.stop_and_read("functions.log").await;
    assert_eq!(log.matches("Runtime exited with error: signal: killed").count(), processes, "{log}");
}

async fn what_is_posted_after_the_deadline_reaches_nobody_even_over_a_connection_from_before(language: Language) {
    let gate = Gate::new().await;
    let program = program(language, &code(&gate), 5).await;
    let held = program.held();
    let mut asked = Box::pin(program.get("/late"));
    let stray = gate.arrival_before(&mut asked).await;
    before(&mut asked, program.serves_beside("late")).await;
    let answer = asked.await;
    assert_eq!((answer.status, answer.x_cache(), answer.sentence()), (503, "LambdaExecutionError", EXECUTION));
    // The next environment is there when the answer comes.
    assert_eq!(program.get("/next").await.text(), "next");
    // Where nothing gets out of an environment, it ended with that. Else it posts now, and nobody is there who takes it.
    let became = stray.last_words().await;
    assert_eq!(became, if has_namespaces() { "" } else { "gone gone " });
    let next = program.get("/after").await;
    assert_eq!((next.status, next.text()), (200, "after"));
    program.holds_no_more_than(&held).await;
    let [functions, access] = program.stop_and_read_all(["functions.log", "access.log"]).await;
    assert_eq!(functions.matches("Task timed out after 5.00 seconds").count(), 1, "{functions}");
    assert!(!functions.contains("an answer was dropped"), "{functions}");
    let ended = functions.contains("an environment ended, and with it 1 process that it had started");
    assert_eq!(ended, has_namespaces(), "{functions}");
    assert_eq!(access.lines().filter(|line| line.contains("\t/late\t503\t")).count(), 1, "{access}");
}

async fn what_is_posted_for_an_earlier_event_is_refused_and_costs_neither_of_them(language: Language) {
    let gate = Gate::new().await;
    let program = program(language, &code(&gate), 30).await;
    assert_eq!(program.get("/first").await.text(), "first");
    // It tells what its post got: another event is on its way, and its answer goes on counting.
    let second = program.get("/earlier").await;
    assert_eq!((second.status, second.text()), (200, "400"));
    assert_eq!(program.get("/next").await.text(), "next");
    let log = program.stop_and_read("functions.log").await;
    assert_eq!(log.matches("an answer was dropped: its event has been answered already").count(), 1, "{log}");
}
