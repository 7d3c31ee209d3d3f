//! Lambda@Edge functions that try to get out of their environment. What a system that makes no namespaces cannot hold back,
//! docs/lambda-edge.md says; there these tests show nothing.

use crate::harness::binary::{descendants, is_alive};
use crate::harness::{Edge, Program, Reply, one_origin, python};
use std::process::Command;

/// Starts what does all it can to be forgotten, and says when it runs.
const STRAY: &str = r#"import subprocess, os
    hold = request["uri"] == "/hold"
    code = "import threading; kept = bytearray(os.urandom(1 << 20)) * 100; print('up', flush=True); threading.Event().wait()" if hold else "print('up', flush=True)\nwhile True: pass"
    stray = subprocess.Popen([sys.executable, "-c", "import os\n" + code], start_new_session=True, env={}, stdout=subprocess.PIPE)
    stray.stdout.readline()
    if request["uri"] == "/exit": os._exit(1)
    if hold: threading.Event().wait()
    return {"status": "200", "body": "it runs"}"#;

/// Whether the system lets anybody have namespaces.
fn is_possible() -> bool {
    let tried =
        Command::new("unshare").args(["--user", "--map-root-user", "--pid", "--mount", "--fork", "true"]).output();
    tried.is_ok_and(|tried| tried.status.success())
}

async fn program(lines: &str) -> Program {
    let code = format!("import sys, threading, os\n{}", python(lines));
    let toml = format!("[log]\nfunction = \"functions.log\"\n{}", one_origin("origin_request = { lambda = \"l\" }"));
    let edge = Edge::with(toml).origin("app", |asked| Reply::ok(asked.target));
    Program::start(edge.python("l", &code, "timeout_s = 20\nconcurrency_max = 1")).await
}

/// Clock ticks of CPU time.
fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields.get(11..13).map_or(0, |times| times.iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum())
}

fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
}

#[tokio::test]
async fn a_process_that_hid_itself_stops_between_events_and_ends_with_its_environment() {
    if !is_possible() {
        return;
    }
    let program = program(STRAY).await;
    assert_eq!(program.get("/run").await.text(), "it runs");
    let all = descendants(program.binary.pid());
    let stray = all.iter().find(|(_, command)| command.contains("while True")).expect("it runs").0;
    while !is_stopped(stray) {
        tokio::task::yield_now().await;
    }
    let used = ticks(stray);
    assert!(is_stopped(stray) && used == ticks(stray));
    // The next event lets it run again, and the crash takes it along.
    assert_eq!(program.get("/exit").await.status, 503);
    while is_alive(stray) {
        tokio::task::yield_now().await;
    }
    program.stop_and_read("functions.log").await;
}

#[tokio::test]
async fn a_process_that_hid_itself_dies_with_a_killed_node() {
    if !is_possible() {
        return;
    }
    let program = program(STRAY).await;
    assert_eq!(program.get("/run").await.text(), "it runs");
    let all = descendants(program.binary.pid());
    assert!(all.iter().any(|(_, command)| command.contains("while True")));
    program.binary.signal(rustix::process::Signal::KILL);
    program.binary.ended().await;
    while all.iter().any(|(process, _)| is_alive(*process)) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn memory_of_a_process_that_hid_itself_counts() {
    if !is_possible() {
        return;
    }
    let program = program(&STRAY.replace("100;", "140;")).await;
    let answer = program.get("/hold").await;
    assert_eq!((answer.status, answer.x_cache()), (503, "LambdaExecutionError"));
    let log = program.stop_and_read("functions.log").await;
    assert!(log.contains("Error Type: Runtime.OutOfMemory"), "{log}");
}

#[tokio::test]
async fn the_memory_of_a_process_that_ended_itself_is_reported() {
    if !is_possible() {
        return;
    }
    let program = program("kept = bytearray(os.urandom(1 << 20)) * 80\n    os._exit(1)").await;
    assert_eq!(program.get("/").await.status, 503);
    let log = program.stop_and_read("functions.log").await;
    let (_, used) = log.split_once("Max Memory Used: ").expect("a report");
    let used: u64 = used.split(' ').next().unwrap().parse().unwrap();
    assert!((80..128).contains(&used), "{used} MB");
}

#[tokio::test]
async fn nobody_sees_the_node_or_takes_anothers_events() {
    // Asks every port of the machine that listens for an event, as any process of it may.
    let thief = r#"import http.client, json
    if request["uri"] == "/node": return {"status": "200", "body": f"{os.getppid()} {os.path.exists('/proc/%d/environ' % int(request['querystring'] or 0))}"}
    ports = {int(line.split()[1].split(":")[1], 16) for line in open("/proc/net/tcp") if len(line.split()) > 3 and line.split()[3] == "0A"}
    own, taken = int(os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")[1]), []
    for port in ports - {own}:
        try:
            asks = http.client.HTTPConnection("127.0.0.1", port, timeout=0.5)
            asks.request("GET", "/2018-06-01/runtime/invocation/next")
            answer = asks.getresponse()
            if answer.headers.get("Lambda-Runtime-Aws-Request-Id"): taken.append(port)
        except Exception: pass
    return {"status": "200", "body": json.dumps(taken)}"#;
    let behaviors = "origin_request = { lambda = \"victim\" }\n[[distribution.behavior]]\npath_pattern = \"/thief\"\ntarget_origin = \"app\"\norigin_request = { lambda = \"thief\" }\n[[distribution.behavior]]\npath_pattern = \"/node\"\ntarget_origin = \"app\"\norigin_request = { lambda = \"thief\" }\ncache_policy = \"Amplify\"";
    let edge = Edge::before(behaviors, |asked| Reply::ok(asked.target))
        .python(
            "victim",
            &python(r#"return {"status": "200", "body": "mine " + request["uri"]}"#),
            "timeout_s = 20\nprovisioned_concurrency = 1",
        )
        .python("thief", &format!("import os\n{}", python(thief)), "timeout_s = 20")
        .start()
        .await;
    assert_eq!(edge.get("/first").await.text(), "mine /first");
    let (thief, victim) = tokio::join!(edge.get("/thief"), edge.get("/second"));
    assert_eq!((thief.text(), victim.text()), ("[]", "mine /second"));
    assert_eq!(edge.get("/third").await.text(), "mine /third");
    if is_possible() {
        assert_eq!(edge.get(&format!("/node?{}", std::process::id())).await.text(), "1 False");
    }
    let log = edge.stop_and_read("functions.log").await;
    assert!(
        log.contains("a process that is not of this environment asked its Runtime API for events, and was refused"),
        "{log}"
    );
}
