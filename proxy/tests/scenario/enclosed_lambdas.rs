//! Lambda@Edge functions that try to get out of their environment. What a system that makes no namespaces cannot hold back,
//! docs/lambda-edge.md says; there the node's log says so, and these tests show what it promises without them.

use crate::harness::binary::{descendants, is_alive};
use crate::harness::{Code, Edge, Language, PATIENCE, Program, Reply, has_namespaces, in_every_language, one_origin};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

in_every_language! {
    a_process_that_hid_itself_stops_between_events_and_ends_with_its_environment,
    a_process_that_hid_itself_dies_with_a_killed_node,
    memory_of_a_process_that_hid_itself_counts,
    the_memory_of_a_process_that_ended_itself_is_reported,
    nobody_sees_the_node_or_takes_anothers_events,
}

/// Starts what does all it can to be forgotten, named `stray`, and goes on when it says that it runs.
fn stray() -> Code {
    let python = r#"import os, subprocess, sys, threading
    if request["uri"] == "/exit": os._exit(1)
    hold = request["uri"] == "/hold"
    code = "import threading; kept = bytearray(os.urandom(1 << 20)) * 280; print('up', flush=True); threading.Event().wait()" if hold else "print('up', flush=True)\nwhile True: pass"
    stray = subprocess.Popen([sys.executable, "-c", "import os\n" + code, "stray"], start_new_session=True, env={}, stdout=subprocess.PIPE)
    stray.stdout.readline()
    if hold: threading.Event().wait()
    return {"status": "200", "body": "it runs"}"#;
    let node = r#"if (request.uri === "/exit") process.reallyExit(1);
    const hold = request.uri === "/hold";
    const up = "fs.writeSync(1, 'up\\n');";
    const code = hold ? `kept = Buffer.alloc(280 << 20, 1); ${up} setInterval(() => {}, 1000);` : `${up} for (;;);`;
    const stray = require("node:child_process").spawn(process.execPath, ["-e", code, "stray"],
        { detached: true, env: {}, stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((up) => stray.stdout.once("data", up));
    if (hold) await new Promise(() => setInterval(() => {}, 1000));
    return { status: "200", body: "it runs" };"#;
    Code::around(python, node)
}

async fn program(language: Language, code: &Code) -> Program {
    let toml = format!("[log]\nfunction = \"functions.log\"\n{}", one_origin("origin_request = { lambda = \"l\" }"));
    let edge = Edge::with(toml).origin("app", |asked| Reply::ok(asked.target));
    Program::start(edge.lambda(language, "l", code, "timeout_s = 20\nconcurrency_max = 1\nmemory_mb = 256")).await
}

#[tokio::test]
async fn the_nodes_log_says_whether_it_can_enclose_what_functions_start() {
    let mut program = program(Language::Python, &stray()).await;
    let mut log = program.binary.log();
    program.binary.signal(Signal::TERM);
    let (ended, log) = tokio::join!(program.binary.ended(), log.rest());
    assert_eq!(ended.code(), Some(0));
    let told =
        "WARN this system makes no namespaces: a Lambda@Edge function can see other processes of the node's user";
    assert_eq!(log.contains(told), !has_namespaces(), "{log}");
}

/// The same tests on a system without namespaces: this program is started again in a user namespace that may have no others within.
#[tokio::test]
async fn the_same_is_shown_where_the_system_makes_no_namespaces() {
    // The shell stays as the first process: with it ends whatever the tests leave behind.
    const WITHOUT: &str = "echo 0 > /proc/sys/user/max_mnt_namespaces && \"$0\" \"$@\"; exit $?";
    if !has_namespaces() {
        return;
    }
    let mut again = Command::new("unshare");
    again.args(["--user", "--map-root-user", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-c", WITHOUT]);
    again.arg(std::env::current_exe().unwrap());
    again.args(["enclosed_lambdas::", "--skip", "the_same_is_shown"]).kill_on_drop(true);
    let ended = again.output().await.unwrap();
    let told = [ended.stdout, ended.stderr].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
    assert!(ended.status.success(), "{told}");
    assert!(told.contains("NOT SHOWN HERE: this system makes no namespaces") && !told.contains(" 0 passed"), "{told}");
}

/// Ends what outlives its environment where there are no namespaces.
fn end(stray: u32) {
    // It may have ended with it all the same.
    let _ = kill_process(Pid::from_raw(stray.try_into().unwrap()).unwrap(), Signal::KILL);
}

/// Clock ticks of CPU time.
fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields.get(11..13).map_or(0, |times| times.iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum())
}

/// Waits until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what} in time"));
}

fn is_stray(command: &str) -> bool {
    command.trim_end().ends_with(" stray")
}

fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
}

async fn a_process_that_hid_itself_stops_between_events_and_ends_with_its_environment(language: Language) {
    let program = program(language, &stray()).await;
    assert_eq!(program.get("/run").await.text(), "it runs");
    let all = descendants(program.binary.pid());
    let stray = all.iter().find(|(_, command)| is_stray(command)).expect("it runs").0;
    until("it is stopped", || is_stopped(stray)).await;
    let used = ticks(stray);
    assert!(is_stopped(stray) && used == ticks(stray));
    // The next event lets it run again, and the crash takes it along.
    assert_eq!(program.get("/exit").await.status, 503);
    if !has_namespaces() {
        end(stray);
    }
    until("it is gone", || !is_alive(stray)).await;
    assert_eq!(program.get("/run").await.text(), "it runs");
    program.stop_and_read("functions.log").await;
}

async fn a_process_that_hid_itself_dies_with_a_killed_node(language: Language) {
    let program = program(language, &stray()).await;
    assert_eq!(program.get("/run").await.text(), "it runs");
    let all = descendants(program.binary.pid());
    let stray = all.iter().find(|(_, command)| is_stray(command)).expect("it runs").0;
    program.binary.signal(Signal::KILL);
    program.binary.ended().await;
    if !has_namespaces() {
        // All but what the node could not know of.
        until("the others are gone", || !all.iter().any(|(process, _)| *process != stray && is_alive(*process))).await;
        end(stray);
    }
    until("all are gone", || !all.iter().any(|(process, _)| is_alive(*process))).await;
}

async fn memory_of_a_process_that_hid_itself_counts(language: Language) {
    let program = program(language, &stray()).await;
    let answer = program.get("/hold").await;
    assert_eq!((answer.status, answer.x_cache()), (503, "LambdaExecutionError"));
    let log = program.stop_and_read("functions.log").await;
    assert!(log.contains("Error Type: Runtime.OutOfMemory"), "{log}");
}

async fn the_memory_of_a_process_that_ended_itself_is_reported(language: Language) {
    let code = Code::around(
        "import os; kept = bytearray(os.urandom(1 << 20)) * 160; os._exit(1)",
        "const kept = Buffer.alloc(160 << 20, 1); process.reallyExit(1);",
    );
    let program = program(language, &code).await;
    assert_eq!(program.get("/").await.status, 503);
    let log = program.stop_and_read("functions.log").await;
    let (_, used) = log.split_once("Max Memory Used: ").expect("a report");
    let used: u64 = used.split(' ').next().unwrap().parse().unwrap();
    // Nobody can ask a process that is gone, but the init of its namespace.
    let least = if has_namespaces() { 160 } else { 1 };
    assert!((least..256).contains(&used), "{used} MB");
}

async fn nobody_sees_the_node_or_takes_anothers_events(language: Language) {
    // Asks another environment's Runtime API for an event, as any process of the machine may that knows its port.
    let python = r#"import http.client, os
    if request["uri"] == "/node": return {"status": "200", "body": f"{os.getppid()} {str(os.path.exists('/proc/%s/environ' % request['querystring'])).lower()}"}
    asks = http.client.HTTPConnection("127.0.0.1", int(request["uri"].split("/")[-1]))
    taken = "nothing"
    try:
        asks.request("GET", "/2018-06-01/runtime/invocation/next")
        taken = str(asks.getresponse().headers.items())
    except (http.client.HTTPException, OSError): pass
    return {"status": "200", "body": taken}"#;
    let node = r#"const fs = require("node:fs");
    if (request.uri === "/node") return { status: "200", body: `${process.ppid} ${fs.existsSync(`/proc/${request.querystring}/environ`)}` };
    const taken = await new Promise((done) => {
        const asks = require("node:http").get({ host: "127.0.0.1", port: request.uri.split("/").pop(), path: "/2018-06-01/runtime/invocation/next" });
        asks.on("response", (answer) => done(JSON.stringify(answer.headers))).on("error", () => done("nothing"));
    });
    return { status: "200", body: taken };"#;
    let victim = Code::around(
        r#"import os; return {"status": "200", "body": os.environ["AWS_LAMBDA_RUNTIME_API"] + " " + request["uri"]}"#,
        r#"return { status: "200", body: process.env.AWS_LAMBDA_RUNTIME_API + " " + request.uri };"#,
    );
    let behaviors = "origin_request = { lambda = \"victim\" }\n[[distribution.behavior]]\npath_pattern = \"/thief/*\"\ntarget_origin = \"app\"\norigin_request = { lambda = \"thief\" }\n[[distribution.behavior]]\npath_pattern = \"/node\"\ntarget_origin = \"app\"\norigin_request = { lambda = \"thief\" }\ncache_policy = \"Amplify\"";
    let edge = Edge::before(behaviors, |asked| Reply::ok(asked.target))
        .lambda(language, "victim", &victim, "timeout_s = 20\nprovisioned_concurrency = 1")
        .lambda(language, "thief", &Code::around(python, node), "timeout_s = 20")
        .start()
        .await;
    let first = edge.get("/first").await;
    let api = first.text().strip_suffix(" /first").expect("where it gets its events");
    let theft = format!("/thief/{}", api.split(':').next_back().unwrap());
    let (thief, victim) = tokio::join!(edge.get(&theft), edge.get("/second"));
    assert_eq!((thief.text(), victim.text()), ("nothing", &*format!("{api} /second")));
    assert_eq!(edge.get("/third").await.text(), format!("{api} /third"));
    let seen = if has_namespaces() { "1 false" } else { &*format!("{} true", std::process::id()) };
    assert_eq!(edge.get(&format!("/node?{}", std::process::id())).await.text(), seen);
    let log = edge.stop_and_read("functions.log").await;
    assert!(
        log.contains("a process that is not of this environment asked its Runtime API for events, and was refused"),
        "{log}"
    );
}
