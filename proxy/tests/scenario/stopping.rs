//! The program as a process: signals end it in order, and it leaves no child behind, however it ends.

use crate::harness::{
    Binary, Code, Connection, Edge, Language, Origin, PATIENCE, Reply, binary, get_of, in_every_language,
};
use rustix::process::Signal;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::Notify;

in_every_language! {
    sigterm_finishes_requests_in_flight_and_leaves_no_child,
    ctrl_c_finishes_requests_in_flight_and_leaves_no_child,
    a_second_signal_ends_requests_in_flight,
    a_node_that_is_killed_leaves_no_child,
}

/// A running program with function workers and an execution environment, and an origin that answers when it is told to.
struct Program {
    binary: Binary,
    address: SocketAddr,
    asked: Arc<Notify>,
    go: Arc<Notify>,
    _kept: (TempDir, HashMap<String, Origin>),
}

async fn program(language: Language) -> Program {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (asked_there, go_there) = (asked.clone(), go.clone());
    let behavior = "viewer_request = { function = \"f\" }\norigin_request = { lambda = \"l\" }";
    let edge = Edge::with(crate::harness::one_origin(behavior))
        .slow_origin("app", move |request| {
            let (asked, go) = (asked_there.clone(), go_there.clone());
            async move {
                if request.target == "/slow" {
                    asked.notify_one();
                    go.notified().await;
                }
                Reply::ok("hello")
            }
        })
        .function_with("f", "function handler(event) { return event.request; }", "budget_ms = 5000")
        .lambda(language, "l", &Code::around("return request", "return request;"), "timeout_s = 20");
    let kept = edge.written();
    let (binary, address) = Binary::serve(kept.0.path()).await;
    let warm = Connection::open(address).await.send(&get_of("/warm", &[])).await;
    assert_eq!((warm.status, warm.text()), (200, "hello"));
    Program { binary, address, asked, go, _kept: kept }
}

/// Waits until none of these processes exists.
async fn all_gone(children: &[(u32, String)]) {
    let gone = async {
        while children.iter().any(|(pid, _)| binary::is_alive(*pid)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap_or_else(|_| panic!("left behind, some of: {children:?}"));
}

/// What the command line of an environment's runtime has.
const fn runtime(language: Language) -> &'static str {
    match language {
        Language::Python => "python3",
        Language::Node => "homefront:nodejs",
        Language::Provided => "/bootstrap",
    }
}

async fn finishes_and_leaves_nobody(language: Language, signal: Signal) {
    let Program { binary, address, asked, go, _kept } = program(language).await;
    let children = binary::descendants(binary.pid());
    assert!(children.iter().any(|(_, line)| line.contains("function-worker")), "{children:?}");
    assert!(children.iter().any(|(_, line)| line.contains(runtime(language))), "{children:?}");
    let mut viewer = Connection::open(address).await;
    viewer.write(get_of("/slow", &[]).as_bytes()).await;
    asked.notified().await;
    binary.signal(signal);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    let answer = viewer.answer(false).await;
    assert_eq!((answer.status, answer.text()), (200, "hello"), "the request in flight is finished");
    assert_eq!(binary.ended().await.code(), Some(0));
    all_gone(&children).await;
}

async fn sigterm_finishes_requests_in_flight_and_leaves_no_child(language: Language) {
    finishes_and_leaves_nobody(language, Signal::TERM).await;
}

async fn ctrl_c_finishes_requests_in_flight_and_leaves_no_child(language: Language) {
    finishes_and_leaves_nobody(language, Signal::INT).await;
}

async fn a_second_signal_ends_requests_in_flight(language: Language) {
    let Program { binary, address, asked, go: _go, _kept } = program(language).await;
    let children = binary::descendants(binary.pid());
    let mut viewer = Connection::open(address).await;
    viewer.write(get_of("/slow", &[]).as_bytes()).await;
    asked.notified().await;
    binary.signal(Signal::TERM);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    binary.signal(Signal::TERM);
    assert_eq!(binary.ended().await.code(), Some(1));
    all_gone(&children).await;
}

async fn a_node_that_is_killed_leaves_no_child(language: Language) {
    let Program { binary, .. } = program(language).await;
    let children = binary::descendants(binary.pid());
    assert!(children.iter().any(|(_, line)| line.contains(runtime(language))), "{children:?}");
    binary.signal(Signal::KILL);
    assert_eq!(binary.ended().await.code(), None);
    all_gone(&children).await;
}

#[tokio::test]
async fn without_a_file_the_quickstart_runs_and_says_what_to_try() {
    let home = tempfile::tempdir().unwrap();
    let mut command = binary::command(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    command.env("XDG_DATA_HOME", home.path());
    let (binary, address) = Binary::start(command).await;
    let answer = Connection::open(address).await.send(&get_of("/hello", &[])).await;
    assert_eq!((answer.status, answer.x_cache()), (200, "LambdaGeneratedResponse"));
    binary.signal(Signal::TERM);
    assert_eq!(binary.ended().await.code(), Some(0));
}

#[tokio::test]
async fn an_origin_on_the_command_line_is_one_distribution_with_cloudfronts_defaults() {
    let origin = Origin::serve(|asked| std::future::ready(Reply::ok(asked.target)));
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://{}", origin.address);
    let command = binary::command(folder.path(), &["serve", "--origin", &url, "--listen", "127.0.0.1:0"]);
    let (binary, address) = Binary::start(command).await;
    let mut viewer = Connection::open(address).await;
    for result in ["Miss", "Hit"] {
        let answer = viewer.send(&get_of("/x", &[])).await;
        assert_eq!((answer.status, answer.x_cache(), answer.text()), (200, result, "/x"));
    }
    binary.signal(Signal::TERM);
    assert_eq!(binary.ended().await.code(), Some(0));
}
