//! What becomes of large bodies on their way through a Lambda@Edge function: an event is written once, a result stays where it was
//! received, and so does a body that is sent as it is; one in base64 or with escapes is written once more. Counted by the memory that such a copy
//! needs.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../python/src/channel.rs"]
#[allow(dead_code, reason = "the end of the Python worker, without its interpreter")]
mod python_channel;

use bytes::Bytes;
use homefront_config::Config;
use homefront_functions::edge_code::Workers;
use homefront_functions::event::lambda_edge::{self, LambdaRequestEdit, RequestOrigin, ShownBody};
use homefront_functions::function_log::FunctionLog;
use homefront_functions::lambda::{Lambdas, frame};
use homefront_functions::process::Spawner;
use homefront_functions::{EventContext, Headers, OriginProtocol, Request, Verdict};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// Of a body; near what Lambda@Edge takes on origin events.
const BODY_BYTES: usize = 900_000;
/// Nothing else here is that large.
const LARGE_BYTES: usize = BODY_BYTES / 4;

/// Of each kind.
const CALLS: usize = 6;

/// How often room for something large was made, or made larger.
static LARGE: AtomicUsize = AtomicUsize::new(0);
/// One test counts at a time.
static COUNTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[allow(unsafe_code, reason = "what an allocator is made of")]
// SAFETY: the system's allocator does all of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(bytes);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(place, layout, bytes) }
    }
}

fn count(bytes: usize) {
    if bytes >= LARGE_BYTES {
        LARGE.fetch_add(1, Ordering::Relaxed);
    }
}

fn large() -> usize {
    LARGE.load(Ordering::Relaxed)
}

/// Text without anything that JSON escapes, as a body.
fn body() -> Vec<u8> {
    b"0123456789abcdef".repeat(BODY_BYTES / 16)
}

/// A node's Lambda@Edge half with one function on origin request.
struct Node {
    lambdas: Lambdas,
    config: Config,
    _folder: TempDir,
}

impl Node {
    async fn start(runtime: &str, file: &str, code: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(file), code).unwrap();
        let toml = format!(
            r#"
            [[distribution]]
            [[distribution.origin]]
            id = "assets"
            directory = "."
            [distribution.default_behavior]
            target_origin = "assets"
            allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
            origin_request = {{ lambda = "hook", include_body = true }}
            [[lambda]]
            name = "hook"
            runtime = "{runtime}"
            handler = "app.handler"
            code = "."
            timeout_s = 20
            "#
        );
        let (config, _) = homefront_config::parse("copies.toml", &toml, folder.path(), &|_| None).unwrap();
        let workers =
            Workers { executable: "/bin/false".into(), python_module: Some(python_module()), function_workers: 1 };
        let (spawner, log) = (Spawner::start(None).unwrap(), FunctionLog::new(|_| {}));
        let lambdas = Lambdas::start(&config, &workers, &spawner, &log).await.unwrap();
        Self { lambdas, config, _folder: folder }
    }

    async fn call(&self, method: &str, wish: &str, body: &[u8]) -> Verdict<LambdaRequestEdit> {
        let headers = Headers::from_iter([("Host", "example.org"), ("Via", "2.0 x.cloudfront.net (CloudFront)")]);
        let request = Request { method: method.to_owned(), uri: format!("/{wish}").into(), querystring: None, headers };
        let origin = RequestOrigin::of(&self.config.distributions[0].origins[0], OriginProtocol::Http);
        let shown = Some(ShownBody::on_origin_request(body));
        let event = lambda_edge::origin_request(&context(), &origin, &request, shown);
        self.lambdas.on_request(&self.config.lambdas[0], &context(), &event, &request).await
    }
}

fn python_module() -> std::path::PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "homefront-python", "--target-dir"]);
    build.arg(profile.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(build.status().unwrap().success(), "homefront-python builds");
    profile.join("libhomefront_python.so")
}

fn context() -> EventContext {
    EventContext {
        distribution_domain_name: "d111111abcdef8.cloudfront.net".into(),
        distribution_id: "EDFDVBD6EXAMPLE".into(),
        request_id: "EXAMPLE".to_owned(),
        viewer_ip: "203.0.113.178".parse().unwrap(),
        server_ip: "192.0.2.1".parse().unwrap(),
    }
}

/// The body that goes on: of the request, or of an answer made at the edge.
fn sent(verdict: Verdict<LambdaRequestEdit>) -> Option<Bytes> {
    match verdict {
        Verdict::Continue(edit) => edit.body,
        Verdict::Respond(response) => response.body,
        Verdict::Fail(failure) => panic!("{failure:?}"),
    }
}

/// What happens to a body of 900 kB: what the function does with it, how often the node makes room for it, and for what.
const WAYS: [(&str, usize, &str); 6] = [
    ("GET /nothing", 0, "no body"),
    ("POST /nothing", 2, "the event; what the function returns, which has the body that it was shown"),
    ("POST /text", 2, "the event; what the function returns, where the body stays"),
    ("POST /base64", 3, "the event; what the function returns; the body"),
    ("GET /answer", 1, "what the function returns, where the body stays"),
    ("GET /escaped", 2, "what the function returns; the body without escapes"),
];

async fn counted(runtime: &str, file: &str, code: &str) {
    let _alone = COUNTING.lock().await;
    let (node, body) = (Node::start(runtime, file, code).await, body());
    for (way, room, what) in WAYS {
        let (method, wish) = way.split_once(" /").unwrap();
        let shown = if method == "POST" { &body[..] } else { &[] };
        let mut least = usize::MAX;
        for _ in 0..CALLS {
            let before = large();
            let sent = sent(node.call(method, wish, shown).await);
            least = least.min(large() - before);
            assert_eq!(sent.map(|sent| sent.len() > BODY_BYTES / 2), (wish != "nothing").then_some(true), "{way}");
        }
        // What a result was received in is used again when nobody has it any more; how it comes in pieces, chance decides.
        assert!((room.saturating_sub(1)..=room).contains(&least), "{runtime}, {way}: {least} times for {what}");
    }
    node.lambdas.stop().await;
}

#[tokio::test]
async fn a_body_stays_where_it_was_received_on_its_way_through_a_python_function() {
    let code = r#"
import base64
BODY = "0123456789abcdef" * 56250

def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    wish = request["uri"]
    if wish == "/text": request["body"] = {"action": "replace", "encoding": "text", "data": BODY}
    if wish == "/base64": request["body"] = {"action": "replace", "encoding": "base64", "data": base64.b64encode(BODY.encode()).decode()}
    if wish == "/answer": return {"status": "200", "body": BODY}
    if wish == "/escaped": return {"status": "200", "body": '"' * 500000}
    return request
"#;
    counted("python3", "app.py", code).await;
}

#[tokio::test]
async fn a_body_stays_where_it_was_received_on_its_way_through_a_node_function() {
    let code = r#"
const BODY = "0123456789abcdef".repeat(56250);
exports.handler = async (event) => {
    const { request } = event.Records[0].cf;
    switch (request.uri) {
        case "/text": request.body = { action: "replace", encoding: "text", data: BODY }; break;
        case "/base64": request.body = { action: "replace", encoding: "base64", data: Buffer.from(BODY).toString("base64") }; break;
        case "/answer": return { status: "200", body: BODY };
        case "/escaped": return { status: "200", body: '"'.repeat(500000) };
    }
    return request;
};
"#;
    counted("nodejs", "app.js", code).await;
}

#[tokio::test]
async fn the_python_worker_reads_an_event_where_it_was_received() {
    let _alone = COUNTING.lock().await;
    let (here, there) = UnixStream::pair().unwrap();
    let mut worker = python_channel::Channel::over(there);
    for (event, room) in [(1_000, 0), (BODY_BYTES, 1), (BODY_BYTES, 0), (10, 0), (BODY_BYTES - 1, 0)] {
        let event = vec![b'x'; event];
        let start = frame::start("id\n17\narn\ntrace", event.len());
        let before = large();
        let mut node = here.try_clone().unwrap();
        let next = std::thread::scope(|scope| {
            scope.spawn(|| node.write_all(&start).and_then(|()| node.write_all(&event)).unwrap());
            worker.next().unwrap()
        });
        assert!(worker.body(&next) == event, "{}", event.len());
        assert_eq!((next.request_id.as_str(), next.deadline_ms), ("id", 17));
        assert_eq!(large() - before, room, "{}", event.len());
    }
}
