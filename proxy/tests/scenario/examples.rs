//! Every example folder is run: its configuration, its functions, its `cases.toml`.

use crate::harness::{Answer, Connection, get_of, repository, workers};
use homefront::Server;
use homefront::clock::Clock;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    step: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    request: Request,
    expect: Expect,
    /// Moves the clock before the request.
    #[serde(default)]
    after_s: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn get() -> String {
    "GET".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    present_headers: Vec<String>,
    #[serde(default)]
    absent_headers: Vec<String>,
    body: Option<String>,
    body_contains: Option<String>,
}

async fn run(folder: &Path) {
    let cases = std::fs::read_to_string(folder.join("cases.toml")).unwrap();
    let cases: Cases = toml::from_str(&cases).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for case in cases.case {
        let toml = std::fs::read_to_string(folder.join("homefront.toml")).unwrap();
        // What a function may take in a release on a quiet machine is too little here.
        let toml = toml.replace("[[function]]", "[[function]]\nbudget_ms = 5000");
        let (mut config, warnings) = homefront_config::parse("homefront.toml", &toml, folder, &|_| None)
            .unwrap_or_else(|report| panic!("{report}"));
        assert!(warnings.is_empty(), "{}: {warnings:?}", folder.display());
        config.listen.http = vec!["127.0.0.1:0".parse().unwrap()];
        let clock = Clock::default();
        let server = Server::start(&config, workers(), clock.clone()).await.unwrap_or_else(|error| panic!("{error}"));
        for (number, step) in case.step.iter().enumerate() {
            clock.advance(Duration::from_secs(step.after_s));
            let answer = ask(server.http[0], &step.request).await;
            let at = format!("{}: {}, step {}", folder.display(), case.name, number + 1);
            judge(&at, &step.expect, &answer);
        }
        server.stop().await;
    }
}

async fn ask(address: std::net::SocketAddr, request: &Request) -> Answer {
    let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let text = get_of(&request.path, &headers).replacen("GET", &request.method, 1);
    Connection::open(address).await.send(&text).await
}

fn judge(at: &str, expect: &Expect, answer: &Answer) {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, expect.status, "{at}: {answer:?}\n{text}");
    for (name, value) in &expect.headers {
        assert_eq!(answer.header(name), Some(value.as_str()), "{at}: {name} in {answer:?}");
    }
    for name in &expect.present_headers {
        assert!(answer.header(name).is_some(), "{at}: {name} in {answer:?}");
    }
    for name in &expect.absent_headers {
        assert_eq!(answer.header(name), None, "{at}: {name} in {answer:?}");
    }
    if let Some(body) = &expect.body {
        assert_eq!(&text, body, "{at}");
    }
    if let Some(part) = &expect.body_contains {
        assert!(text.contains(part.as_str()), "{at}: {part} in {text}");
    }
}

macro_rules! examples {
    ($($name:ident: $folder:literal),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                run(&repository(concat!("examples/", $folder))).await;
            }
        )*

        #[test]
        fn no_example_is_left_out() {
            let mut found: Vec<_> = std::fs::read_dir(repository("examples")).unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            found.sort();
            let mut run = vec![$($folder.to_owned()),*];
            run.sort();
            assert_eq!(found, run);
        }
    };
}

examples! {
    quickstart: "quickstart",
    jwt_auth: "jwt-auth",
    ab_routing: "ab-routing",
    header_rewriting: "header-rewriting",
    url_rewriting: "url-rewriting",
    python_origin_hook: "python-origin-hook",
}
