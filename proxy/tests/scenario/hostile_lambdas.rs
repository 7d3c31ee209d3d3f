//! Lambda@Edge functions that do their worst to the node: each costs its own request at the most, other behaviors do not notice,
//! the log says what happened, and nothing of it is left.

use crate::harness::{Code, Edge, Gate, Language, Program, Reply, in_every_language, one_origin};

in_every_language! {
    what_a_function_does_to_its_runtime_api_and_its_machine_costs_its_own_request_and_leaves_nothing,
    a_function_that_takes_ten_seconds_to_start_is_given_up,
}

/// What a request asks the function for, and the statuses it may get: some faults one language survives and another does not.
const FAULTS: [(&str, &[u16]); 13] = [
    ("garbage", &[200]),
    ("twice", &[200]),
    ("sockets", &[200, 503]),
    ("channel", &[503]),
    ("print", &[200]),
    ("fork", &[200]),
    ("kill", &[503]),
    ("brief/hang", &[503]),
    ("brief/late", &[503]),
    ("files", &[503]),
    ("memory", &[503]),
    ("exit", &[503]),
    ("raise", &[503]),
];

fn hostile(gate: &Gate) -> Code {
    let port = gate.port();
    let python = r#"
import http.client, os, signal, socket, subprocess, sys, tempfile
api = os.environ["AWS_LAMBDA_RUNTIME_API"]

def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    wish = request["uri"].split("/")[-1]
    if wish == "garbage":
        host, port = api.split(":")
        for garbage in [b"\0" * 9000, b"GET", b"NONSENSE / HTTP/9\r\n\r\n", b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"]:
            with socket.create_connection((host, int(port))) as other: other.sendall(garbage)
    if wish == "twice":
        client = http.client.HTTPConnection(api)
        client.request("POST", f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response", '{"status": "200", "body": "first"}')
        client.getresponse().read()
        return {"status": "200", "body": "second"}
    if wish == "sockets": os.closerange(3, 1024)
    if wish == "channel":
        for file in os.listdir("/proc/self/fd"):
            try:
                if int(file) > 2 and os.readlink("/proc/self/fd/" + file).startswith("socket:"): os.write(int(file), b"\xff" * 64)
            except OSError: pass
    if wish == "print":
        for _ in range(10_240): print("x" * 1023)
    if wish == "fork":
        for _ in range(8): subprocess.Popen(["sleep", "1000"], start_new_session=True)
    if wish == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if wish == "hang":
        while True: pass
    if wish == "late": wait_at(PORT)
    if wish == "files":
        for name in ["a", "b"]:
            os.posix_fallocate(os.open(tempfile.gettempdir() + "/" + name, os.O_CREAT | os.O_WRONLY), 0, 300 << 20)
        wait_at(PORT)
    if wish == "memory":
        kept = []
        while True: kept.append(os.urandom(16) * 65536)
    if wish == "exit": sys.exit(3)
    if wish == "raise": raise ValueError("boom")
    return {"status": "200", "body": wish}
"#;
    let node = r#"
const { spawn, execFileSync } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const api = process.env.AWS_LAMBDA_RUNTIME_API;
const [host, apiPort] = api.split(":");
const send = (garbage) => new Promise((sent) => {
    const other = net.connect(apiPort, host, () => other.end(garbage));
    other.on("error", sent).on("close", sent).resume();
});
exports.handler = async (event, context) => {
    const { request } = event.Records[0].cf;
    const wish = request.uri.split("/").pop();
    switch (wish) {
        case "garbage":
            await send("\0".repeat(9000)); await send("GET"); await send("NONSENSE / HTTP/9\r\n\r\n");
            await send("POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n");
            break;
        case "twice":
            await new Promise((answered) => {
                const path = `/2018-06-01/runtime/invocation/${context.awsRequestId}/response`;
                const post = http.request({ host, port: apiPort, path, method: "POST" }, (response) => response.resume().on("end", answered));
                post.end('{"status": "200", "body": "first"}');
            });
            return { status: "200", body: "second" };
        case "sockets":
            for (const fd of fs.readdirSync("/proc/self/fd")) {
                try { if (fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:")) fs.closeSync(Number(fd)); } catch {}
            }
            break;
        case "channel": fs.writeSync(3, Buffer.alloc(64, 0xff)); break;
        case "print": for (let i = 0; i < 10240; i++) process.stdout.write("x".repeat(1023) + "\n"); break;
        case "fork": for (let i = 0; i < 8; i++) spawn("sleep", ["1000"], { detached: true }); break;
        case "kill": process.kill(process.pid, "SIGKILL"); await new Promise(() => setInterval(() => {}, 1000));
        case "hang": for (;;);
        case "late": await waitAt(PORT); break;
        case "files":
            for (const name of ["a", "b"]) execFileSync("fallocate", ["-l", "300M", process.env.TMPDIR + "/" + name]);
            await waitAt(PORT);
            break;
        case "memory": { const kept = []; for (;;) { kept.push(Buffer.alloc(1 << 20, 1)); await new Promise(setImmediate); } }
        case "exit": process.exit(3);
        case "raise": throw new TypeError("boom");
    }
    return { status: "200", body: wish };
};
"#;
    let at = |source: &str| source.replace("PORT)", &format!("{port})"));
    Code { python: format!("{}{}", Gate::PYTHON, at(python)), node: format!("{}{}", Gate::NODE, at(node)) }
}

/// A node whose default behavior has such a function, whose behavior `/brief/*` has one that may take two seconds, and whose
/// behavior `/other/*` has none.
fn edge(language: Language, code: &Code, settings: &str) -> Edge {
    let behaviors = r#"origin_request = { lambda = "l" }
[[distribution.behavior]]
path_pattern = "/brief/*"
target_origin = "app"
origin_request = { lambda = "brief" }
[[distribution.behavior]]
path_pattern = "/other/*"
target_origin = "app""#;
    let toml =
        format!("[log]\naccess = {{ path = \"access.log\" }}\nfunction = \"functions.log\"\n{}", one_origin(behaviors));
    Edge::with(toml).origin("app", |asked| Reply::ok(asked.target)).lambda(language, "l", code, settings).lambda(
        language,
        "brief",
        code,
        "timeout_s = 2\nconcurrency_max = 1",
    )
}

async fn what_a_function_does_to_its_runtime_api_and_its_machine_costs_its_own_request_and_leaves_nothing(
    language: Language,
) {
    let gate = Gate::new().await;
    let program = Program::start(edge(language, &hostile(&gate), "timeout_s = 30\nconcurrency_max = 1")).await;
    assert_eq!(program.get("/before").await.text(), "before");
    assert_eq!(program.get("/brief/before").await.text(), "before");
    assert_eq!(program.get("/other/before").await.text(), "/other/before");
    let (before, memory_mib) = (program.held(), program.memory_mib());
    for (fault, statuses) in FAULTS {
        let (path, other) = (format!("/{fault}"), format!("/other/{fault}"));
        let wish = fault.trim_start_matches("brief/");
        let (answer, late) = tokio::join!(program.get(&path), async {
            let late = if fault == "brief/late" { Some(gate.arrival().await) } else { None };
            let beside = program.get(&other).await;
            assert_eq!((beside.status, beside.text()), (200, other.as_str()), "beside {fault}");
            late
        });
        // Whoever waits there is let on after its deadline.
        drop(late);
        assert!(statuses.contains(&answer.status), "{fault}: {answer:?}");
        match answer.status {
            200 => {
                let expected = if fault == "twice" { "first" } else { wish };
                assert_eq!(answer.text(), expected);
            }
            _ => assert_eq!(answer.x_cache(), "LambdaExecutionError", "{fault}"),
        }
        let next = program.get(&format!("{path}-after")).await;
        assert_eq!((next.status, next.text()), (200, format!("{wish}-after").as_str()));
    }
    program.holds_no_more_than(&before).await;
    assert!(program.memory_mib() <= memory_mib + 64, "{memory_mib} MiB before, {} after", program.memory_mib());
    let log = program.stop_and_read("functions.log").await;
    let raised = if language == Language::Provided { "" } else { "boom" };
    // What brings a runtime of its own spoils its connection to the Runtime API instead.
    let senseless = if language == Language::Provided { "" } else { "makes no sense; it is closed" };
    for told in [
        senseless,
        "more bytes were printed and dropped",
        "signal: killed",
        "Status: timeout",
        "TMPDIR",
        "Runtime.OutOfMemory",
        "exit status 3",
        raised,
    ] {
        assert!(log.contains(told), "the log tells of {told:?}: {log}");
    }
}

async fn a_function_that_takes_ten_seconds_to_start_is_given_up(language: Language) {
    let code = Code {
        python: "import threading\nthreading.Event().wait()".to_owned(),
        node: "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);".to_owned(),
    };
    let program = Program::start(edge(language, &code, "timeout_s = 20\nconcurrency_max = 1")).await;
    let mut starting = Box::pin(program.get("/x"));
    for number in 0..20 {
        let path = format!("/other/{number}");
        tokio::select! {
            answer = &mut starting => panic!("it starts still: {answer:?}"),
            beside = program.get(&path) => assert_eq!((beside.status, beside.text()), (200, path.as_str())),
        }
    }
    let answer = (&mut starting).await;
    drop(starting);
    assert_eq!((answer.status, answer.x_cache()), (503, "LambdaExecutionError"));
    let log = program.stop_and_read("functions.log").await;
    assert!(log.contains("INIT_REPORT Init Duration: 10") && log.contains("Phase: init\tStatus: timeout"), "{log}");
}
