//! Each version of Node.js that is there: the machine's own, and those that `.ci/setup` installs.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::check;
use crate::lambda::fixture::{Fixture, Language, source};
use crate::lambda::runtime::Program;
use crate::process::Spawner;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Every Node.js there is: the machine's own, and those that `.ci/setup` installs beside what cargo builds.
fn nodes() -> Vec<PathBuf> {
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let installed = std::fs::read_dir(target.join("setup/node/node_modules")).into_iter().flatten().flatten();
    let installed = installed.map(|version| version.path().join("bin/node")).filter(|node| node.is_file());
    [PathBuf::from("node")].into_iter().chain(installed).collect()
}

/// A function of an interpreter, in the profile of its version, which is given with it.
async fn by(node: &Path, code: &str) -> (u8, Fixture) {
    let (path, version) = check(&Spawner::start(None).unwrap(), node).await.unwrap();
    let fixture = Fixture::of(Language::Node, &source("", code), |plan, _| {
        plan.program = Program::node(path, plan.lambda.memory_mb, version, version.major);
        std::fs::write(plan.lambda.code.join("module.mjs"), "export const name = 'module';").unwrap();
    });
    (version.major, fixture)
}

#[tokio::test]
async fn what_lambda_turns_off_in_a_version_of_node_is_off() {
    let rows = [
        ("export const handler = async () => 'module';", "SyntaxError: Unexpected token 'export'"),
        ("exports.handler = async () => require('./module.mjs').name;", "ERR_REQUIRE_ESM"),
    ];
    for node in nodes() {
        for (code, error) in rows {
            let (version, fixture) = by(&node, code).await;
            let told = format!("{:?}", fixture.call(json!({})).await);
            let expected = if version <= 22 { error } else { "Response(b\"\\\"module\\\"\")" };
            assert!(told.contains(expected), "{version}, {code}: {told}");
            fixture.stop().await;
        }
    }
}

#[tokio::test]
async fn one_bootstrap_serves_every_node_from_18_on() {
    let code = "exports.handler = async (event, context) => {
        if (event === null) throw new RangeError('boom');
        const { Worker } = await import('node:worker_threads');
        const ends = () => new Promise((end, fail) => new Worker('', { eval: true }).on('exit', end).on('error', fail));
        const threads = await Promise.all([ends(), ends()]);
        return [event, context.functionName, typeof context.done, threads, context.getRemainingTimeInMillis() > 0];
    };";
    for node in nodes() {
        let (runtime, fixture) = by(&node, code).await;
        let event = json!({"text": "\u{e9}\u{1f600}", "list": [true, null, 1.5]});
        let done = if runtime >= 24 { "undefined" } else { "function" };
        let expected = json!([event, "us-east-1.hook", done, [0, 0], true]);
        assert_eq!(fixture.result(event.clone()).await, expected, "{runtime}");
        let error = fixture.error(json!(null)).await;
        assert_eq!(
            (&error["errorType"], &error["trace"][0]),
            (&json!("RangeError"), &json!("RangeError: boom")),
            "{runtime}"
        );
        assert_eq!(fixture.result(event).await, expected, "{runtime}");
        fixture.stop().await;
    }
}
