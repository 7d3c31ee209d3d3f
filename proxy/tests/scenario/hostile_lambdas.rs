//! Lambda@Edge functions that do their worst to the node: each costs its own request at the most, other behaviors do not notice,
//! the log says what happened, and nothing of it is left.

use crate::harness::{Code, EXECUTION, Edge, Gate, Held, Language, Program, before, has_namespaces, in_every_language};

in_every_language! {
    what_a_function_does_to_its_runtime_api_and_its_machine_costs_its_own_request_and_leaves_nothing,
    what_hangs_or_answers_after_its_deadline_is_ended_then_and_makes_nobody_wait,
    a_start_of_ten_seconds_is_given_up_tried_again_within_the_timeout_and_the_next_request_has_another,
    a_node_holds_no_more_after_thirty_rounds_of_faults_than_after_ten,
}

/// Something a function does.
struct Fault {
    /// What a request asks it for.
    wish: &'static str,
    /// Whether it gets so far that it waits at the gate again, and whether its request has an answer then.
    then: Then,
    /// Some faults one language survives and another does not.
    statuses: &'static [u16],
    /// What the log says of it: in Python, in Node.js, and of a runtime of the package's own.
    told: [&'static str; 3],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Ends,
    WaitsUnanswered,
    WaitsAnswered,
}

use Then::{Ends, WaitsAnswered, WaitsUnanswered};

const FAULTS: [Fault; 12] = [
    Fault { wish: "garbage", then: WaitsUnanswered, statuses: &[200], told: [NO_HTTP; 3] },
    Fault { wish: "unknown", then: WaitsUnanswered, statuses: &[200], told: [UNKNOWN; 3] },
    Fault { wish: "twice", then: WaitsAnswered, statuses: &[200], told: [DROPPED; 3] },
    Fault { wish: "sockets", then: WaitsUnanswered, statuses: &[503], told: LOST },
    // What brings a runtime of its own spoils its connection to the Runtime API instead.
    Fault { wish: "channel", then: WaitsUnanswered, statuses: &[503], told: [SENSELESS, SENSELESS, NO_HTTP] },
    Fault { wish: "print", then: WaitsUnanswered, statuses: &[200], told: ["more bytes were printed and dropped"; 3] },
    Fault { wish: "fork", then: WaitsUnanswered, statuses: &[200], told: [LEFT; 3] },
    Fault { wish: "kill", then: Ends, statuses: &[503], told: ["Runtime exited with error: signal: killed"; 3] },
    Fault { wish: "files", then: WaitsUnanswered, statuses: &[503], told: ["TMPDIR holds more than"; 3] },
    Fault { wish: "memory", then: WaitsUnanswered, statuses: &[503], told: ["Error Type: Runtime.OutOfMemory"; 3] },
    Fault { wish: "exit", then: Ends, statuses: &[503], told: ["exit status 3"; 3] },
    Fault { wish: "raise", then: Ends, statuses: &[503], told: ["ValueError: boom", "TypeError", "ValueError: boom"] },
];

const LOST: [&str; 3] = [
    "homefront: the channel to the node is lost: Bad file descriptor",
    "homefront: the channel to the node is lost: EBADF",
    "OSError: [Errno 9] Bad file descriptor",
];
const NO_HTTP: &str = "what came to the Runtime API is not HTTP; that connection is closed";
const UNKNOWN: &str = "the Runtime API has no DELETE /2018-06-01/runtime/invocation/next: 404";
const DROPPED: &str = "an answer was dropped: its event has been answered already";
const SENSELESS: &str = "makes no sense; it is closed";
const LEFT: &str = "an environment ended, and with it 8 processes that it had started";

const PYTHON: &str = r#"
import http.client, os, signal, socket, subprocess, sys, tempfile, threading
api = os.environ["AWS_LAMBDA_RUNTIME_API"]

def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    wish = request["uri"].split("/")[-1]
    if wish == "end": os._exit(0)
    if wish == "before" or wish.endswith("-after"): return {"status": "200", "body": wish}
    if wish == "hang":
        pass_by(PORT)
        while True: pass
    if wish == "closed":
        os.closerange(3, 1024)
        pass_by(PORT)
        threading.Event().wait()
    print("it begins:", wish, flush=True)
    wait_at(PORT)
    if wish == "garbage":
        host, port = api.split(":")
        for garbage in [b"\0" * 9000, b"GET", b"NONSENSE / HTTP/9\r\n\r\n", b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"]:
            with socket.create_connection((host, int(port))) as other:
                try:
                    other.sendall(garbage)
                    other.shutdown(socket.SHUT_WR)
                    while other.recv(4096): pass
                except OSError: pass
    if wish == "unknown":
        client = http.client.HTTPConnection(api)
        for _ in range(100):
            client.request("DELETE", "/2018-06-01/runtime/invocation/next")
            client.getresponse().read()
    if wish == "twice":
        client = http.client.HTTPConnection(api)
        client.request("POST", f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response", '{"status": "200", "body": "first"}')
        client.getresponse().read()
        wait_at(PORT)
        return {"status": "200", "body": "second"}
    if wish == "sockets": os.closerange(3, 1024)
    if wish == "channel":
        for file in os.listdir("/proc/self/fd"):
            try:
                if int(file) > 2 and os.readlink("/proc/self/fd/" + file).startswith("socket:"): os.write(int(file), b"\xff" * 64)
            except OSError: pass
    if wish == "print":
        for number in range(10_240):
            if number == 5_120: wait_at(PORT)
            print("x" * 1023)
    if wish == "fork":
        for _ in range(8): subprocess.Popen(["sleep", "1000"], start_new_session=True)
    if wish == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if wish == "files":
        for name in ["a", "b"]:
            if name == "b": wait_at(PORT)
            os.posix_fallocate(os.open(tempfile.gettempdir() + "/" + name, os.O_CREAT | os.O_WRONLY), 0, 300 << 20)
        threading.Event().wait()
    if wish == "memory":
        kept = []
        while True:
            kept.append(os.urandom(16) * 65536)
            if len(kept) == 32: wait_at(PORT)
    if wish == "exit": sys.exit(3)
    if wish == "raise": raise ValueError("boom")
    if wish in ["garbage", "unknown", "sockets", "channel", "fork"]: wait_at(PORT)
    return {"status": "200", "body": wish}
"#;

const NODE: &str = r#"
const { spawn, execFileSync } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const [host, apiPort] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const never = () => new Promise(() => setInterval(() => {}, 1000));
const closeSockets = () => {
    for (const fd of fs.readdirSync("/proc/self/fd")) {
        try { if (fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:")) fs.closeSync(Number(fd)); } catch {}
    }
};
const send = (garbage) => new Promise((sent) => {
    const other = net.connect(apiPort, host, () => other.end(garbage));
    other.on("error", sent).on("close", sent).resume();
});
const ask = (method, path, body) => new Promise((answered) => {
    const to = { host, port: apiPort, path: `/2018-06-01/runtime/${path}`, method, agent: false };
    http.request(to, (response) => response.resume().on("end", () => answered(response.statusCode))).end(body);
});
exports.handler = async (event, context) => {
    const { request } = event.Records[0].cf;
    const wish = request.uri.split("/").pop();
    if (wish === "end") process.exit(0);
    if (wish === "before" || wish.endsWith("-after")) return { status: "200", body: wish };
    console.log("it begins:", wish);
    if (wish === "hang") { await passBy(PORT); for (;;); }
    if (wish === "closed") { closeSockets(); await passBy(PORT); await never(); }
    await waitAt(PORT);
    switch (wish) {
        case "garbage":
            await send("\0".repeat(9000)); await send("GET"); await send("NONSENSE / HTTP/9\r\n\r\n");
            await send("POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n");
            break;
        case "unknown":
            for (let i = 0; i < 100; i++) await ask("DELETE", "invocation/next");
            break;
        case "twice":
            await ask("POST", `invocation/${context.awsRequestId}/response`, '{"status": "200", "body": "first"}');
            await waitAt(PORT);
            return { status: "200", body: "second" };
        case "sockets": closeSockets(); break;
        case "channel": fs.writeSync(3, Buffer.alloc(64, 0xff)); break;
        case "print":
            for (let i = 0; i < 10240; i++) {
                if (i === 5120) await waitAt(PORT);
                process.stdout.write("x".repeat(1023) + "\n");
            }
            break;
        case "fork": for (let i = 0; i < 8; i++) spawn("sleep", ["1000"], { detached: true }); break;
        case "kill": process.kill(process.pid, "SIGKILL"); await never();
        case "files":
            for (const name of ["a", "b"]) {
                if (name === "b") await waitAt(PORT);
                execFileSync("fallocate", ["-l", "300M", process.env.TMPDIR + "/" + name]);
            }
            await never();
        case "memory":
            for (const kept = [];;) {
                kept.push(Buffer.alloc(1 << 20, 1));
                await (kept.length === 32 ? waitAt(PORT) : new Promise(setImmediate));
            }
        case "exit": process.exit(3);
        case "raise": throw new TypeError("boom");
    }
    if (["garbage", "unknown", "sockets", "channel", "fork"].includes(wish)) await waitAt(PORT);
    return { status: "200", body: wish };
};
"#;

async fn what_a_function_does_to_its_runtime_api_and_its_machine_costs_its_own_request_and_leaves_nothing(
    language: Language,
) {
    let gate = Gate::new().await;
    let settings = "timeout_s = 30\nconcurrency_max = 1";
    let program = Program::start(Edge::with_and_without(language, &gate.code(PYTHON, NODE), settings, settings)).await;
    assert_eq!(program.get("/before").await.text(), "before");
    assert_eq!(program.get("/other/before").await.text(), "/other/before");
    let (held, memory_mib) = (program.held(), program.memory_mib());
    for Fault { wish, then, statuses, .. } in FAULTS {
        let path = format!("/{wish}");
        let mut asked = Box::pin(program.get(&path));
        // Right before it does what it does, and right after where it gets so far.
        let mut waiting = gate.arrival_before(&mut asked).await;
        before(&mut asked, program.serves_beside(wish)).await;
        if then == WaitsUnanswered {
            drop(waiting);
            waiting = gate.arrival_before(&mut asked).await;
            before(&mut asked, program.serves_beside(wish)).await;
        }
        drop(waiting);
        // Others are beside it until it ends.
        let (answer, ()) = tokio::join!(asked, program.serves_beside(wish));
        if then == WaitsAnswered {
            let waiting = gate.arrival().await;
            program.serves_beside(wish).await;
            drop(waiting);
        }
        assert!(statuses.contains(&answer.status), "{wish}: {answer:?}");
        match answer.status {
            200 => assert_eq!(answer.text(), if wish == "twice" { "first" } else { wish }),
            _ => assert_eq!((answer.x_cache(), answer.sentence()), ("LambdaExecutionError", EXECUTION), "{wish}"),
        }
        if wish == "fork" {
            // What it has started is the environment's for as long as that is there.
            assert_eq!(program.get("/end").await.status, 503);
        }
        let next = program.get(&format!("{path}-after")).await;
        assert_eq!((next.status, next.text()), (200, format!("{wish}-after").as_str()));
        program.holds_no_more_than(&held).await;
        let used = program.memory_mib();
        assert!(used <= memory_mib + 64, "{memory_mib} MiB before, {used} after {wish}");
    }
    let log = program.stop_and_read("functions.log").await;
    for Fault { wish, told, .. } in FAULTS {
        let told = told[language as usize];
        let (_, rest) = log.split_once(&format!("it begins: {wish}\n")).expect("what it prints");
        let of_it = rest.split("it begins: ").next().unwrap();
        assert!(of_it.contains(told), "the log tells of {wish}, {told:?}: {of_it}");
    }
}

async fn what_hangs_or_answers_after_its_deadline_is_ended_then_and_makes_nobody_wait(language: Language) {
    let gate = Gate::new().await;
    let settings = |environments| format!("timeout_s = 10\nconcurrency_max = {environments}");
    let edge = Edge::with_and_without(language, &gate.code(PYTHON, NODE), &settings(1), &settings(2));
    let program = Program::start(edge).await;
    // All environments are there, and what the node opens once.
    let warm = async { tokio::join!(program.get("/warm"), program.get("/brief/1/warm"), program.get("/brief/2/warm")) };
    let let_on = async { drop([gate.arrival().await, gate.arrival().await, gate.arrival().await]) };
    let ((one, two, three), ()) = tokio::join!(warm, let_on);
    assert_eq!([one.text(), two.text(), three.text()], ["warm"; 3]);
    program.serves_beside("warm").await;
    let (held, memory_mib) = (program.held(), program.memory_mib());
    let mut hang = Box::pin(program.get("/hang"));
    let mut late = Box::pin(program.get("/brief/late"));
    let mut closed = Box::pin(program.get("/brief/closed"));
    let in_the_middle = async { [gate.arrival().await, gate.arrival().await, gate.arrival().await] };
    let waiting = before(&mut hang, before(&mut late, before(&mut closed, in_the_middle))).await;
    let beside = Box::pin(program.serves_beside("late"));
    before(&mut hang, before(&mut late, before(&mut closed, beside))).await;
    for (wish, answer) in [("hang", hang.await), ("late", late.await), ("closed", closed.await)] {
        let told = (answer.status, answer.x_cache(), answer.sentence());
        assert_eq!(told, (503, "LambdaExecutionError", EXECUTION), "{wish}");
    }
    // Whoever waits there is let on after its deadline.
    drop(waiting);
    for path in ["/hang-after", "/brief/late-after", "/brief/closed-after"] {
        let answer = program.get(path).await;
        assert_eq!((answer.status, answer.text()), (200, path.rsplit('/').next().unwrap()));
    }
    program.holds_no_more_than(&held).await;
    let used = program.memory_mib();
    assert!(used <= memory_mib + 64, "{memory_mib} MiB before, {used} after");
    let log = program.stop_and_read("functions.log").await;
    assert_eq!(log.matches("Status: timeout").count(), 3, "{log}");
    // A runtime of the package's own has no such channel.
    let lost = usize::from(language != Language::Provided);
    assert_eq!(log.matches("the environment's channel to the node was closed in the call").count(), lost, "{log}");
}

/// A function whose first starts do not end: two of `l`, one of `brief`. Later ones say how many there were.
fn starts_slowly() -> Code {
    Code {
        python: r#"
import os, threading
file = os.environ["TMPDIR"] + "/starts"
with open(file, "a") as starts: starts.write("x")
STARTS = os.path.getsize(file)
if STARTS <= (1 if os.environ["AWS_LAMBDA_FUNCTION_NAME"].endswith("brief") else 2):
    print(f"start {STARTS} hangs", flush=True)
    threading.Event().wait()

def handler(event, context):
    if event["Records"][0]["cf"]["request"]["uri"].endswith("end"): os._exit(0)
    return {"status": "200", "body": f"start {STARTS}"}
"#
        .to_owned(),
        node: r#"
const fs = require("node:fs");
const file = process.env.TMPDIR + "/starts";
fs.appendFileSync(file, "x");
const starts = fs.statSync(file).size;
if (starts <= (process.env.AWS_LAMBDA_FUNCTION_NAME.endsWith("brief") ? 1 : 2)) {
    console.log(`start ${starts} hangs`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
exports.handler = async (event) => {
    if (event.Records[0].cf.request.uri.endsWith("end")) process.exit(0);
    return { status: "200", body: `start ${starts}` };
};
"#
        .to_owned(),
    }
}

async fn a_start_of_ten_seconds_is_given_up_tried_again_within_the_timeout_and_the_next_request_has_another(
    language: Language,
) {
    let settings = |timeout_s| format!("timeout_s = {timeout_s}\nconcurrency_max = 1");
    let edge = Edge::with_and_without(language, &starts_slowly(), &settings(2), &settings(30));
    let program = Program::start(edge).await;
    assert_eq!(program.get("/other/warm").await.text(), "/other/warm");
    let (held, memory_mib) = (program.held(), program.memory_mib());
    let (mut never, mut late) = (Box::pin(program.get("/x")), Box::pin(program.get("/brief/x")));
    for number in 0..20 {
        let path = format!("/other/{number}");
        let beside = Box::pin(async {
            let answer = program.get(&path).await;
            assert_eq!((answer.status, answer.text()), (200, path.as_str()));
        });
        before(&mut never, before(&mut late, beside)).await;
    }
    let (never, late) = tokio::join!(never, late);
    assert_eq!((never.status, never.x_cache(), never.sentence()), (503, "LambdaExecutionError", EXECUTION));
    assert_eq!((late.status, late.text()), (200, "start 2"), "it is started again for the request that waits");
    assert_eq!(program.get("/brief/end").await.status, 503);
    // The folders of both environments, which are held open, wait for those that take their places; and where there are no namespaces, the
    // first environment brings the node's sweeper and a pipe to it.
    let sweepers = usize::from(!has_namespaces());
    let held =
        Held { folders: held.folders + 2, files: held.files + 2 + sweepers, processes: held.processes + sweepers };
    program.holds_no_more_than(&held).await;
    let used = program.memory_mib();
    assert!(used <= memory_mib + 64, "{memory_mib} MiB before, {used} after");
    for path in ["/next", "/after"] {
        let next = program.get(path).await;
        assert_eq!((next.status, next.text()), (200, "start 3"), "the request after a start that never ended");
    }
    let log = program.stop_and_read("functions.log").await;
    for (told, times) in [
        ("start 1 hangs\n", 2),
        ("start 2 hangs\n", 1),
        ("homefront: it did not start within 10.00 s\nlambda/l/1\tINIT_REPORT Init Duration: 10", 1),
        ("homefront: it did not start within 10.00 s\nlambda/brief/1\tINIT_REPORT Init Duration: 10", 1),
        ("homefront: it did not start within 2.00 s\nlambda/l/2\tINIT_REPORT Init Duration: 2", 1),
        (" ms\tPhase: init\tStatus: timeout\n", 2),
        (" ms\tPhase: invoke\tStatus: timeout\n", 1),
    ] {
        assert_eq!(log.matches(told).count(), times, "{told:?} in {log}");
    }
}

async fn a_node_holds_no_more_after_thirty_rounds_of_faults_than_after_ten(language: Language) {
    const ROUNDS: usize = 30;
    /// After so many the node has what it keeps.
    const SETTLED: usize = 10;
    /// The two rounds that are compared have all of them, and one between.
    const DEAR_EVERY: usize = 10;
    /// What an allocator may keep more of at one moment than at another.
    const SLACK_MIB: usize = 8;
    let gate = Gate::new().await;
    let settings = |timeout_s| format!("timeout_s = {timeout_s}\nconcurrency_max = 1");
    let code = gate.code(PYTHON, NODE);
    let program = Program::start(Edge::with_and_without(language, &code, &settings(30), &settings(1))).await;
    // Nobody waits there.
    gate.open();
    // What takes neither megabytes nor seconds; `end` ends what `fork` has started.
    let wishes = ["garbage", "unknown", "twice", "sockets", "channel", "fork", "end", "kill", "exit", "raise"];
    // What does, in some of the rounds.
    let dear = ["print", "files", "memory", "brief/hang"];
    let mut settled = None;
    for round in 1..=ROUNDS {
        let is_dear = round % DEAR_EVERY == 0;
        for wish in wishes.iter().chain(dear.iter().filter(|_| is_dear)) {
            let status = FAULTS.iter().find(|fault| fault.wish == *wish).map_or(503, |fault| fault.statuses[0]);
            assert_eq!(program.get(&format!("/{wish}")).await.status, status, "{wish} in round {round}");
        }
        assert_eq!(program.get("/before").await.text(), "before");
        program.serves_beside("round").await;
        let (held, memory_mib) = settled.get_or_insert_with(|| (program.held(), program.memory_mib()));
        if round <= SETTLED {
            (*held, *memory_mib) = (program.held(), program.memory_mib());
        } else if round == ROUNDS {
            program.holds_no_more_than(held).await;
            let used = program.memory_mib();
            assert!(used <= *memory_mib + SLACK_MIB, "{memory_mib} MiB after {SETTLED} rounds, {used} after {ROUNDS}");
        }
    }
    program.stop_and_read("functions.log").await;
}
