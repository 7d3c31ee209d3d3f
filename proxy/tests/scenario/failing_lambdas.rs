//! Lambda@Edge functions that fail: their own request gets CloudFront's error, the next one is served, and no other behavior
//! notices.

use crate::harness::{Code, EXECUTION, Edge, Gate, Language, Reply, Running, before, in_every_language};

in_every_language! {
    a_function_that_fails_costs_its_own_request_a_503_and_the_next_one_works,
    a_function_that_returns_nonsense_costs_its_own_request_a_502,
    a_function_that_prints_megabytes_or_recurses_harms_nobody,
    a_function_that_cannot_be_loaded_is_a_503,
    one_request_too_many_for_a_function_waits_and_is_served,
    c22_after_a_timeout_or_an_exit_another_process_finds_the_files_and_serves_the_next_request,
}

/// A function of which each request says what it does; it must answer the next one. Where it fails it waits at the gate first, and where
/// it hangs it says so there.
fn wishes(gate: &Gate) -> Code {
    let python = r#"
import os, signal, sys, tempfile, threading

def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    wish = request["uri"].split("/")[-1]
    if wish in ["raise", "kill", "crash", "exit", "hard-exit", "memory", "files"]: wait_at(PORT)
    if wish in ["hang", "spin"]: pass_by(PORT)
    if wish == "raise": raise ValueError("boom")
    if wish == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if wish == "crash": os.kill(os.getpid(), signal.SIGSEGV)
    if wish == "hang": threading.Event().wait()
    if wish == "spin":
        while True: pass
    if wish == "exit": sys.exit(3)
    if wish == "hard-exit": os._exit(7)
    if wish == "memory":
        kept = []
        while True: kept.append(os.urandom(16) * 65536)
    if wish == "files":
        for name in ["a", "b"]:
            os.posix_fallocate(os.open(tempfile.gettempdir() + "/" + name, os.O_CREAT | os.O_WRONLY), 0, 300 << 20)
        threading.Event().wait()
    if wish == "fork" and os.fork() == 0: threading.Event().wait()
    if wish == "print":
        for _ in range(10_240): print("x" * 1023)
    if wish == "recurse": return handler(event, context)
    if wish == "none": return None
    if wish == "number": return 5
    if wish == "text": return "text"
    if wish == "status": return {"status": "99"}
    if wish == "headers": return {"status": "200", "headers": {"x": "a string"}}
    if wish == "large": return {"status": "200", "body": "x" * 1_100_000}
    if wish == "read-only": request["headers"]["connection"] = [{"value": "close"}]
    if wish == "uri": request["uri"] = "no-slash"
    return request
"#;
    let node = r#"
const { spawn, execFileSync } = require("node:child_process");
const never = () => new Promise(() => setInterval(() => {}, 1000));
const handler = async (event, context) => {
    const { request } = event.Records[0].cf;
    const kept = [];
    const wish = request.uri.split("/").pop();
    if (["raise", "kill", "crash", "exit", "hard-exit", "memory", "files"].includes(wish)) await waitAt(PORT);
    if (["hang", "spin"].includes(wish)) await passBy(PORT);
    switch (wish) {
        case "raise": throw new TypeError("boom");
        case "crash": process.kill(process.pid, "SIGSEGV"); await never();
        case "kill": process.kill(process.pid, "SIGKILL");
        case "hang": await never();
        case "spin": for (;;);
        case "exit": process.exit(3);
        case "hard-exit": process.reallyExit(7);
        case "memory": for (;;) { kept.push(Buffer.alloc(1 << 20, 1)); await new Promise(setImmediate); }
        case "files":
            for (const name of ["a", "b"]) execFileSync("fallocate", ["-l", "300M", process.env.TMPDIR + "/" + name]);
            await never();
        case "fork": spawn("sleep", ["1000"], { detached: true }); break;
        case "print": for (let i = 0; i < 10240; i++) process.stdout.write("x".repeat(1023) + "\n"); break;
        case "recurse": { const again = (n) => again(n + 1) + 1; return again(0); }
        case "none": return null;
        case "number": return 5;
        case "text": return "text";
        case "status": return { status: "99" };
        case "headers": return { status: "200", headers: { x: "a string" } };
        case "large": return { status: "200", body: "x".repeat(1100000) };
        case "read-only": request.headers.connection = [{ value: "close" }]; break;
        case "uri": request.uri = "no-slash"; break;
    }
    return request;
};
exports.handler = handler;
"#;
    gate.code(python, node)
}

/// A node whose behavior `/brief/*` gives such a function five seconds, and whose behavior `/other/*` has none.
async fn node(language: Language, code: &Code, settings: &str) -> Running {
    Edge::with_and_without(language, code, settings, "timeout_s = 5\nconcurrency_max = 1").start().await
}

async fn a_function_that_fails_costs_its_own_request_a_503_and_the_next_one_works(language: Language) {
    let gate = Gate::new().await;
    let edge = node(language, &wishes(&gate), "timeout_s = 30\nconcurrency_max = 1").await;
    let wishes = ["raise", "kill", "crash", "brief/hang", "brief/spin", "exit", "hard-exit", "memory", "files"];
    for wish in wishes {
        let (path, other) = (format!("/{wish}"), format!("/other/{wish}"));
        let mut asked = Box::pin(edge.get(&path));
        let beside = async {
            let beside = edge.get(&other).await;
            assert_eq!((beside.status, beside.text()), (200, other.as_str()), "beside {wish}");
        };
        // It is in the middle of it, or right before; who hangs waits for nobody there.
        let waiting = gate.arrival_before(&mut asked).await;
        before(&mut asked, beside).await;
        drop(waiting);
        let failing = asked.await;
        assert_eq!(
            (failing.status, failing.x_cache(), failing.sentence()),
            (503, "LambdaExecutionError", EXECUTION),
            "{wish}"
        );
        let after = format!("{path}-after");
        let next = edge.get(&after).await;
        assert_eq!((next.status, next.text()), (200, after.as_str()));
    }
    assert_eq!(edge.asked_times("app"), 2 * wishes.len());
    let log = edge.stop_and_read("functions.log").await;
    for told in [
        "Status: timeout",
        "exit status 3",
        "exit status 7",
        "Runtime.OutOfMemory",
        "signal: killed",
        "signal: segmentation fault",
        "boom",
        "TMPDIR",
    ] {
        assert!(log.contains(told), "the log tells of {told}: {log}");
    }
}

async fn a_function_that_returns_nonsense_costs_its_own_request_a_502(language: Language) {
    let edge = node(language, &wishes(&Gate::new().await), "timeout_s = 30\nconcurrency_max = 1").await;
    for wish in ["none", "number", "text", "status", "headers", "large", "read-only", "uri"] {
        let answer = edge.get(&format!("/{wish}")).await;
        assert_eq!((answer.status, answer.x_cache()), (502, "LambdaValidationError"), "{wish}: {answer:?}");
    }
    assert_eq!(edge.get("/after").await.text(), "/after");
    edge.stop().await;
}

async fn a_function_that_prints_megabytes_or_recurses_harms_nobody(language: Language) {
    let edge =
        node(language, &wishes(&Gate::new().await), "timeout_s = 30\nconcurrency_max = 1\nmemory_mb = 256").await;
    assert_eq!(edge.get("/print").await.text(), "/print");
    assert_eq!(edge.get("/recurse").await.status, 503);
    assert_eq!(edge.get("/fork").await.text(), "/fork");
    assert_eq!(edge.get("/after").await.text(), "/after");
    edge.stop().await;
}

async fn a_function_that_cannot_be_loaded_is_a_503(language: Language) {
    let codes = [
        ("import no_such_module_anywhere", "require('no-such-module-anywhere');"),
        ("def handler(", "exports.handler = ("),
        ("other = 1", "exports.other = 1;"),
        ("raise Exception('at import')", "throw new Error('at import');"),
    ];
    for (python, node) in codes {
        let code = Code { python: python.to_owned(), node: node.to_owned() };
        let edge = Edge::before("origin_request = { lambda = \"l\" }", |_| Reply::ok("hello"))
            .lambda(language, "l", &code, "timeout_s = 30")
            .start()
            .await;
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.x_cache()), (503, "LambdaExecutionError"), "{python}");
        edge.stop().await;
    }
}

async fn one_request_too_many_for_a_function_waits_and_is_served(language: Language) {
    let edge = node(language, &wishes(&Gate::new().await), "timeout_s = 30\nconcurrency_max = 1").await;
    let (one, two) = tokio::join!(edge.get("/one"), edge.get("/two"));
    assert_eq!((one.text(), two.text()), ("/one", "/two"), "concurrency_max = 1: one after the other");
    edge.stop().await;
}

async fn c22_after_a_timeout_or_an_exit_another_process_finds_the_files_and_serves_the_next_request(
    language: Language,
) {
    let code = Code {
        python: r#"
import os, sys, tempfile, threading
ME = os.urandom(8).hex()

def handler(event, context):
    wish = event["Records"][0]["cf"]["request"]["uri"].strip("/")
    with open(tempfile.gettempdir() + "/wishes", "a+") as file:
        file.write(wish + " ")
        file.seek(0)
        wishes = file.read()
    if wish == "hang": threading.Event().wait()
    if wish == "exit": sys.exit(7)
    return {"status": "200", "body": f"{ME}: {wishes}"}
"#
        .to_owned(),
        node: r#"
const fs = require("node:fs");
const me = require("node:crypto").randomBytes(8).toString("hex");
exports.handler = async (event) => {
    const wish = event.Records[0].cf.request.uri.slice(1);
    const file = process.env.TMPDIR + "/wishes";
    fs.appendFileSync(file, wish + " ");
    if (wish === "hang") await new Promise(() => setInterval(() => {}, 1000));
    if (wish === "exit") process.exit(7);
    return { status: "200", body: `${me}: ${fs.readFileSync(file)}` };
};
"#
        .to_owned(),
    };
    let edge = Edge::before("origin_request = { lambda = \"l\" }", |_| Reply::ok("unused"))
        .lambda(language, "l", &code, "timeout_s = 2\nconcurrency_max = 1")
        .start()
        .await;
    let (mut processes, mut wishes) = (Vec::new(), String::new());
    for fault in ["none", "hang", "exit"] {
        if fault != "none" {
            let answer = edge.get(&format!("/{fault}")).await;
            let told = (answer.status, answer.x_cache(), answer.sentence());
            assert_eq!(told, (503, "LambdaExecutionError", EXECUTION), "{fault}");
            wishes += &format!("{fault} ");
        }
        let answer = edge.get(&format!("/after-{fault}")).await;
        wishes += &format!("after-{fault} ");
        let (process, found) = answer.text().split_once(": ").unwrap();
        assert_eq!((answer.status, found), (200, wishes.as_str()), "the files of the one before are there");
        assert!(!processes.contains(&process.to_owned()), "another process answers after {fault}");
        processes.push(process.to_owned());
    }
    let log = edge.stop_and_read("functions.log").await;
    for told in ["Status: timeout", "exit status 7", "Error Type: Runtime.ExitError"] {
        assert!(log.contains(told), "the log tells of {told}: {log}");
    }
}

#[tokio::test]
async fn c24_a_handler_with_a_callback_works_up_to_node_22_and_is_a_503_from_24_on() {
    let code =
        "exports.handler = (event, context, callback) => callback(null, { status: '200', body: 'called back' });";
    for (runtime, expected) in [("nodejs22.x", (200, "called back")), ("nodejs24.x", (503, EXECUTION))] {
        let lambda = format!(
            "\n[[lambda]]\nname = \"l\"\nruntime = \"{runtime}\"\nhandler = \"main.handler\"\ncode = \"l\"\ntimeout_s = 20\n"
        );
        let edge = Edge::before("viewer_request = { lambda = \"l\" }", |_| Reply::ok("unused"));
        let edge = edge.configured(&lambda).file("l/main.js", code).start().await;
        let answer = edge.get("/x").await;
        let told = if answer.status == 200 { answer.text() } else { answer.sentence() };
        assert_eq!((answer.status, told), expected, "{runtime}");
        let log = edge.stop_and_read("functions.log").await;
        assert_eq!(log.contains("Runtime.CallbackHandlerDeprecated"), runtime == "nodejs24.x", "{log}");
    }
}

#[tokio::test]
async fn c24_a_callback_waits_for_an_empty_event_loop_unless_told_not_to_and_a_value_without_a_promise_is_none() {
    let code = r#"
exports.handler = (event, context, callback) => {
    const wish = event.Records[0].cf.request.uri.slice(1);
    const answer = { status: "200", body: "at once" };
    if (wish === "returns") return answer;
    if (wish === "forgets") return;
    if (wish === "never") return new Promise(() => {});
    if (wish === "does-not-wait") context.callbackWaitsForEmptyEventLoop = false;
    setTimeout(() => { answer.body = "when nothing is left to do"; }, 20);
    callback(null, answer);
};
"#;
    let lambda = "\n[[lambda]]\nname = \"l\"\nruntime = \"nodejs22.x\"\nhandler = \"main.handler\"\ncode = \"l\"\ntimeout_s = 20\n";
    for event in ["viewer_request", "origin_request"] {
        let edge = Edge::before(&format!("{event} = {{ lambda = \"l\" }}"), |_| Reply::ok("unused"));
        let edge = edge.configured(lambda).file("l/main.js", code).start().await;
        for (wish, body) in [("waits", "when nothing is left to do"), ("does-not-wait", "at once")] {
            let answer = edge.get(&format!("/{wish}")).await;
            assert_eq!((answer.status, answer.text()), (200, body), "{event} {wish}");
        }
        let answer = edge.get("/returns").await;
        let sentence = "The Lambda function returned invalid JSON: The JSON output must be an object type.";
        assert_eq!((answer.status, answer.sentence()), (502, sentence), "{event}: it is null");
        let answer = edge.get("/forgets").await;
        assert_eq!((answer.status, answer.sentence()), (502, sentence), "{event}: nothing was called");
        let answer = edge.get("/never").await;
        assert_eq!((answer.status, answer.sentence()), (502, sentence), "{event}: nothing is left to do");
        assert_eq!(edge.asked_times("app"), 0);
        let log = edge.stop_and_read("functions.log").await;
        for told in [
            "the handler returned a value and no promise, which counts for nothing up to Node.js 22: make it async, or call the callback",
            "the handler called no callback and returned no promise",
            "the promise that the handler returned is never settled",
        ] {
            assert_eq!(
                log.matches(&format!(
                    "	homefront: {told}; as on Lambda the answer is null
"
                ))
                .count(),
                1,
                "{log}"
            );
        }
    }
}
