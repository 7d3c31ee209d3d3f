//! What a Node.js function meets: its handler's forms, errors, log, context, modules, limits.
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::FailureKind;
use crate::lambda::environment::{Outcome, Plan};
use crate::lambda::fixture::{Fixture, Language, process_state, source, until};
use bytes::Bytes;
use homefront_config::limits::LAMBDA_PAYLOAD_BYTES_MAX;
use serde_json::{Value, json};
use std::path::Path;

/// A function in the profile of Lambda's runtime of this name.
fn runs_in(runtime: &str, code: &str, change: impl FnOnce(&mut Plan)) -> Fixture {
    Fixture::of(Language::Node, &source("", code), |plan, _| {
        plan.program.runtime = Some(runtime.to_owned());
        change(plan);
    })
}

pub(super) fn node22(code: &str) -> Fixture {
    runs_in("nodejs22.x", code, |_| {})
}

pub(super) fn node24(code: &str) -> Fixture {
    runs_in("nodejs24.x", code, |_| {})
}

/// The result of the one call of a handler.
pub(super) async fn result(fixture: Fixture) -> Value {
    let result = fixture.result(json!({"n": 1})).await;
    fixture.stop().await;
    result
}

#[tokio::test]
async fn events_and_results_keep_their_values() {
    let fixture = node22("exports.handler = async (event) => event;");
    let event = json!({"text": "\u{e9}\u{1f600}\u{0}\"\\", "int": -7, "float": 1.5, "none": null,
        "list": [true, false, [], {}], "": {"nested": ["x"]}});
    assert_eq!(fixture.result(event.clone()).await, event);
    fixture.stop().await;
}

#[tokio::test]
async fn results_of_every_length_arrive_whole() {
    let fixture = node22("exports.handler = async ([text, times]) => text.repeat(times);");
    // Those that fit into the room for a frame, at its edges for texts of one to four bytes a character, and beyond.
    for text in ["x", "\u{e9}", "\u{20ac}", "\u{1f600}"] {
        let edges = [1, 21_800, 32_740, 65_460, 196_608].map(|bytes| bytes / text.len());
        for times in edges.into_iter().flat_map(|edge| edge..edge + 16) {
            let result = fixture.result(json!([text, times])).await;
            assert!(result.as_str() == Some(&text.repeat(times)), "{text} {times}");
        }
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_function_may_change_what_its_runtime_uses_and_what_its_context_tells() {
    let code = "const fs = require('fs');
    for (const name of ['readSync', 'writeSync', 'writevSync']) fs[name] = () => { throw new Error('patched'); };
    process.env.AWS_LAMBDA_FUNCTION_NAME = 'of the module';
    exports.handler = async (event, context) => {
        process.env.AWS_LAMBDA_FUNCTION_VERSION = `of ${event}`;
        return [context.functionName, context.functionVersion];
    };";
    for fixture in [node22(code), node24(code)] {
        assert_eq!(fixture.result(json!("first")).await, json!(["of the module", "1"]));
        assert_eq!(fixture.result(json!("second")).await, json!(["of the module", "of first"]));
        fixture.stop().await;
    }
}

#[tokio::test]
async fn up_to_node_22_a_handler_answers_by_promise_or_callback() {
    let handlers = [
        ("async (event) => event.n", json!(1)),
        ("(event) => Promise.resolve(event.n)", json!(1)),
        ("(event) => ({ then: (resolve) => resolve(event.n) })", json!(1)),
        ("(event, context, callback) => callback(null, event.n)", json!(1)),
        ("(event, context, callback) => { setTimeout(() => callback(undefined, event.n), 1); }", json!(1)),
        ("(event, context) => context.succeed(event.n)", json!(1)),
        ("(event, context) => context.done(null, event.n)", json!(1)),
        ("async (event, context, callback) => { callback(null, 1); return 2; }", json!(1)),
        ("(event, context, callback) => { callback(null, 1); callback(null, 2); context.succeed(3); }", json!(1)),
        ("(event) => event.n", json!(null)),
        ("() => {}", json!(null)),
        ("async () => {}", json!(null)),
        ("async () => () => {}", json!(null)),
        ("() => new Promise(() => {})", json!(null)),
    ];
    for (handler, expected) in handlers {
        assert_eq!(result(node22(&format!("exports.handler = {handler};"))).await, expected, "{handler}");
    }
}

#[tokio::test]
async fn from_node_24_on_a_handler_answers_by_promise_or_value() {
    let handlers = [
        ("async (event) => event.n", json!(1)),
        ("(event) => event.n", json!(1)),
        ("(event) => ({ then: (resolve) => resolve(event.n) })", json!(1)),
        ("async () => {}", json!(null)),
        ("() => {}", json!(null)),
        ("(event, context) => [typeof context.done, typeof context.succeed].join()", json!("undefined,undefined")),
    ];
    for (handler, expected) in handlers {
        assert_eq!(result(node24(&format!("exports.handler = {handler};"))).await, expected, "{handler}");
    }
}

#[tokio::test]
async fn an_error_is_told_with_its_trace_and_the_environment_lives_on() {
    let code = "exports.handler = (event, context, callback) => {
        const error = new TypeError('boom');
        if (event === 'throw') throw error;
        if (event === 'reject') return Promise.reject(error);
        if (event === 'callback') return callback(error);
        if (event === 'done') return context.done(error);
        if (event === 'fail') return context.fail(error);
        callback(null, process.pid);
    };";
    let fixture = node22(code);
    let first = fixture.result(json!("")).await;
    for way in ["throw", "reject", "callback", "done", "fail"] {
        fixture.pool.settle().await;
        let error = fixture.error(json!(way)).await;
        assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("TypeError"), &json!("boom")), "{way}");
        assert_eq!(error["trace"][0], "TypeError: boom");
        let place = format!("{}/app.js:2:23", fixture.code.path().canonicalize().unwrap().display());
        assert!(error["trace"][1].as_str().unwrap().contains(&place), "{error}");
    }
    fixture.pool.settle().await;
    assert_eq!(fixture.result(json!("")).await, first);
    fixture.stop().await;
}

#[tokio::test]
async fn what_is_no_error_object_is_told_by_its_type() {
    let plain = json!({"errorType": "string", "errorMessage": "plain", "trace": []});
    for fixture in [
        node22("exports.handler = (event, context, callback) => callback('plain');"),
        node22("exports.handler = async () => { throw 'plain'; };"),
        node24("exports.handler = () => { throw 'plain'; };"),
        node22("exports.handler = (event, context) => context.fail('plain');"),
    ] {
        assert_eq!(fixture.error(json!({})).await, plain);
        fixture.stop().await;
    }
    let fixture = node22("exports.handler = (event, context) => context.fail();");
    assert_eq!(fixture.error(json!({})).await["errorMessage"], "handled");
    fixture.stop().await;
}

#[tokio::test]
async fn a_result_that_is_no_json_is_an_error() {
    let circular = "const loop = {}; loop.loop = loop; exports.handler = ";
    let promised = node22(&format!("{circular} async () => loop;"));
    let error = promised.error(json!({})).await;
    assert_eq!(error["errorMessage"], "Unable to stringify response body");
    promised.stop().await;
    let newer = node24(&format!("{circular} async () => loop;"));
    assert_eq!(newer.error(json!({})).await["errorType"], "Runtime.JSONStringifyError");
    newer.stop().await;
    let called_back = node22(&format!("{circular} (event, context, callback) => callback(null, loop);"));
    let error = called_back.error(json!({})).await;
    assert_eq!(error["errorMessage"], "Unable to stringify response body");
    called_back.pool.rest().await;
    let log = called_back.log();
    assert!(log.iter().any(|line| line.contains("\tERROR\tUncaught Exception \t{")), "{log:?}");
    called_back.stop().await;
}

#[tokio::test]
async fn what_nobody_catches_ends_the_environment_as_on_lambda() {
    let throws = "exports.handler = (event) => event ? Promise.resolve(process.pid) : setTimeout(() => { throw new Error('late'); }, 1);";
    let rejects = "exports.handler = async (event) => {
        if (event) return process.pid;
        Promise.reject(new Error('late'));
        return new Promise(() => setTimeout(() => {}, 10_000));
    };";
    let tells = "process.on('exit', (code) => require('fs').writeFileSync(__dirname + '/exit', String(code)));";
    for (code, error_type, message, line, exit) in [
        (throws, "Error", "late", "Uncaught Exception", "129"),
        (rejects, "Runtime.UnhandledPromiseRejection", "Error: late", "Unhandled Promise Rejection", "128"),
    ] {
        let fixture = node22(&format!("{tells}{code}"));
        let before = fixture.result(json!(true)).await;
        fixture.pool.settle().await;
        let error = fixture.error(json!(false)).await;
        assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!(error_type), &json!(message)));
        until(|| process_state(before.as_u64().unwrap()).is_none()).await;
        assert_eq!(std::fs::read_to_string(fixture.code.path().join("exit")).unwrap(), exit, "{line}");
        fixture.pool.rest().await;
        assert_ne!(fixture.result(json!(true)).await, before, "another process answers");
        assert!(fixture.log().iter().any(|logged| logged.contains(&format!("\tERROR\t{line} \t{{"))), "{line}");
        fixture.stop().await;
    }
    // Node.js's own way: nothing is posted.
    for code in [
        "exports.handler = () => new Promise(() => setTimeout(() => { throw new Error('late'); }, 1));",
        "exports.handler = () => { Promise.reject(new Error('late')); return new Promise(() => {}); };",
    ] {
        let fixture = node24(code);
        let outcome = fixture.call(json!({})).await.unwrap();
        let Outcome::Exited(exit) = outcome else { panic!("{outcome:?}") };
        assert_eq!(exit.code(), Some(1));
        fixture.stop().await;
    }
    let fixture = node24("exports.handler = () => new Promise(() => {});");
    let outcome = fixture.call(json!({})).await.unwrap();
    assert!(matches!(outcome, Outcome::Exited(exit) if exit.success()), "an event loop that empties: {outcome:?}");
    fixture.stop().await;
}

#[tokio::test]
async fn the_context_is_lambdas_with_its_keys_in_order() {
    let code = "exports.handler = async (event, context) => ({
        keys: Object.keys(context), name: context.functionName, version: context.functionVersion,
        memory: context.memoryLimitInMB, arn: context.invokedFunctionArn, group: context.logGroupName,
        left: context.getRemainingTimeInMillis() > 0 && context.getRemainingTimeInMillis() <= 30000,
        waits: context.callbackWaitsForEmptyEventLoop, trace: process.env._X_AMZN_TRACE_ID,
    });";
    let seen = result(node22(code)).await;
    let keys = "callbackWaitsForEmptyEventLoop succeed fail done functionVersion functionName memoryLimitInMB logGroupName \
                logStreamName clientContext identity invokedFunctionArn awsRequestId tenantId getRemainingTimeInMillis";
    assert_eq!(seen["keys"], json!(keys.split(' ').collect::<Vec<_>>()));
    assert_eq!((&seen["left"], &seen["waits"]), (&json!(true), &json!(true)));
    assert!(seen["trace"].as_str().unwrap().starts_with("Root=1-"), "{seen}");
    let named = [&seen["name"], &seen["version"], &seen["memory"], &seen["arn"], &seen["group"]];
    insta::assert_snapshot!(json!(named), @r#"["us-east-1.hook","1","128","arn:aws:lambda:us-east-1:000000000000:function:us-east-1.hook:1","/aws/lambda/us-east-1.hook"]"#);
    let seen = result(node24(code)).await;
    let keys = "clientContext identity invokedFunctionArn awsRequestId tenantId xRayTraceId getRemainingTimeInMillis \
                functionName functionVersion memoryLimitInMB logGroupName logStreamName";
    assert_eq!(seen["keys"], json!(keys.split(' ').collect::<Vec<_>>()));
}

#[tokio::test]
async fn the_trace_id_is_the_events_for_all_who_ask() {
    let code = "const { execFileSync } = require('child_process');
    const name = '_X_AMZN_TRACE_ID';
    exports.handler = async (event) => {
        const { env } = process;
        if (event) {
            env[name] = 'mine';
            const set = env[name];
            delete env[name];
            env.OTHER = 1;
            return [set, name in env, env[name] ?? null, Object.keys(env).includes(name), env.OTHER, 'OTHER' in { ...env }];
        }
        const started = execFileSync('printenv', [name]).toString().trim();
        return [env[name], { ...env }[name], Object.entries(env).find(([found]) => found === name)[1], started];
    };";
    let fixture = node22(code);
    let mut told = Vec::new();
    for _ in 0..2 {
        let seen = fixture.result(json!(false)).await;
        let of_all = seen.as_array().unwrap();
        assert!(of_all.iter().all(|one| *one == of_all[0] && one.as_str().unwrap().starts_with("Root=1-")), "{seen}");
        told.push(of_all[0].clone());
        assert_eq!(fixture.result(json!(true)).await, json!(["mine", false, null, false, "1", true]));
    }
    assert_ne!(told[0], told[1]);
    fixture.stop().await;
}

#[tokio::test]
async fn the_log_has_lambdas_lines_in_order() {
    let fixture = node22(
        "console.log('loading');
        exports.handler = async (event) => {
            console.log('two\\nlines', { a: 1 });
            for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) console[level]('%d', 1);
            process.stderr.write('raw\\n');
            if (event) throw new TypeError('boom');
        };",
    );
    fixture.call(json!(true)).await.unwrap();
    fixture.pool.rest().await;
    let place = fixture.code.path().canonicalize().unwrap().display().to_string();
    let log = fixture.masked_log().replace(&place, "/var/task");
    // Times and the request id are single words there only where blanks part them.
    let log = log.lines().map(|line| {
        let fields: Vec<&str> = line.splitn(3, "<tab>").collect();
        match fields[..] {
            [time, id, rest] if time.ends_with('Z') => {
                let id = if uuid::Uuid::parse_str(id).is_ok() { "<id>" } else { id };
                // Behind the function's own frame come those of whatever called it.
                let rest = rest.split(",\"    at once").next().unwrap_or_default();
                format!("<time><tab>{id}<tab>{rest}")
            }
            _ => line.to_owned(),
        }
    });
    insta::assert_snapshot!(log.collect::<Vec<_>>().join("\n"), @r#"
    <time><tab>undefined<tab>INFO<tab>loading
    START RequestId: <id> Version: 1
    <time><tab><id><tab>INFO<tab>two
    lines { a: <n> }
    <time><tab><id><tab>TRACE<tab><n>
    <time><tab><id><tab>DEBUG<tab><n>
    <time><tab><id><tab>INFO<tab><n>
    <time><tab><id><tab>WARN<tab><n>
    <time><tab><id><tab>ERROR<tab><n>
    <time><tab><id><tab>FATAL<tab><n>
    raw
    <time><tab><id><tab>ERROR<tab>Invoke Error <tab>{"errorType":"TypeError","errorMessage":"boom","stack":["TypeError: boom","    at exports.handler (/var/task/app.js:6:30)"
    END RequestId: <id>
    REPORT RequestId: <id><tab>Duration: <n> ms<tab>Billed Duration: <n> ms<tab>Memory Size: 128 MB<tab>Max Memory Used: <n> MB<tab>Init Duration: <n> ms<tab>
    "#);
    fixture.stop().await;
}

#[tokio::test]
async fn what_is_logged_before_the_first_event_has_no_request_id() {
    let code = "console.log('loading'); exports.handler = async () => { console.log('running'); };";
    for (fixture, none) in [(node22(code), "undefined"), (node24(code), "-")] {
        fixture.result(json!({})).await;
        fixture.pool.rest().await;
        let log = fixture.log();
        let id = |words: &str| log.iter().find(|line| line.ends_with(words)).unwrap().split('\t').nth(1).unwrap();
        assert_eq!(id("\tINFO\tloading"), none, "{log:?}");
        assert!(uuid::Uuid::parse_str(id("\tINFO\trunning")).is_ok(), "{log:?}");
        fixture.stop().await;
    }
}

/// What one event gets, and the last words of the log, when the environment cannot start.
async fn init_failure(fixture: Fixture) -> String {
    let failure = fixture.call(json!({})).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::LambdaExecution);
    let log = fixture.masked_log();
    let words = log.lines().find_map(|line| line.split_once("<tab>ERROR<tab>")).map_or("", |(_, words)| words);
    let words = words.split(" <tab>").next().unwrap_or_default().to_owned();
    let report = log.lines().last().unwrap().rsplit("<tab>").next().unwrap_or_default().to_owned();
    let text = format!("{} | {words} | {report}", failure.detail);
    let place = fixture.code.path().canonicalize().unwrap().display().to_string();
    let text = text.replace(&place, "/var/task");
    fixture.stop().await;
    text
}

#[tokio::test]
async fn failures_to_start_say_why() {
    let named = |handler: &'static str| move |plan: &mut Plan| handler.clone_into(&mut plan.lambda.handler);
    let mut texts = Vec::new();
    for runtime in ["nodejs22.x", "nodejs24.x"] {
        for (code, handler) in [
            ("require('nothing-like-that');", "app.handler"),
            ("exports.handler = (", "app.handler"),
            ("exports.other = 1;", "app.handler"),
            ("exports.handler = 1;", "app.handler"),
            ("", "nowhere.handler"),
            ("", "../app.handler"),
            ("", "app"),
            ("throw new RangeError('at start');", "app.handler"),
            ("exports.handler = (event, context, callback) => callback(null, 1);", "app.handler"),
        ] {
            if runtime == "nodejs22.x" && code.contains("callback") {
                continue;
            }
            texts.push(init_failure(runs_in(runtime, code, named(handler))).await);
        }
    }
    insta::assert_snapshot!(texts.join("\n"), @r#"
    lambda "hook": Runtime.ImportModuleError: Error: Cannot find module 'nothing-like-that' Require stack: - /var/task/app.js - /var/runtime/index.mjs | Uncaught Exception | Error Type: Runtime.ImportModuleError
    lambda "hook": Runtime.UserCodeSyntaxError: SyntaxError: Unexpected end of input | Uncaught Exception | Error Type: Runtime.UserCodeSyntaxError
    lambda "hook": Runtime.HandlerNotFound: app.handler is undefined or not exported | Uncaught Exception | Error Type: Runtime.HandlerNotFound
    lambda "hook": Runtime.HandlerNotFound: app.handler is not a function | Uncaught Exception | Error Type: Runtime.HandlerNotFound
    lambda "hook": Runtime.ImportModuleError: Error: Cannot find module 'nowhere' Require stack: - /var/runtime/index.mjs | Uncaught Exception | Error Type: Runtime.ImportModuleError
    lambda "hook": Runtime.MalformedHandlerName: '../app.handler' is not a valid handler name. Use absolute paths when specifying root directories in handler names. | Uncaught Exception | Error Type: Runtime.MalformedHandlerName
    lambda "hook": Runtime.MalformedHandlerName: Bad handler | Uncaught Exception | Error Type: Runtime.MalformedHandlerName
    lambda "hook": RangeError: at start | Uncaught Exception | Error Type: Runtime.Unknown
    lambda "hook": Runtime.ImportModuleError: Error: Cannot find module 'nothing-like-that' Require stack: - /var/task/app.js | Init Error | Error Type: Runtime.ImportModuleError
    lambda "hook": Runtime.UserCodeSyntaxError: SyntaxError: Unexpected end of input | Init Error | Error Type: Runtime.UserCodeSyntaxError
    lambda "hook": Runtime.HandlerNotFound: app.handler is undefined or not exported | Init Error | Error Type: Runtime.HandlerNotFound
    lambda "hook": Runtime.HandlerNotFound: app.handler is not a function | Init Error | Error Type: Runtime.HandlerNotFound
    lambda "hook": Runtime.ImportModuleError: Error: Cannot find module 'nowhere' Require stack: - /var/runtime/index.mjs | Init Error | Error Type: Runtime.ImportModuleError
    lambda "hook": Runtime.MalformedHandlerName: '../app.handler' is not a valid handler name. Use absolute paths when specifying root directories in handler names. | Init Error | Error Type: Runtime.MalformedHandlerName
    lambda "hook": Runtime.MalformedHandlerName: Bad handler | Init Error | Error Type: Runtime.MalformedHandlerName
    lambda "hook": RangeError: at start | Init Error | Error Type: Runtime.Unknown
    lambda "hook": Runtime.CallbackHandlerDeprecated: ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html. | Init Error | Error Type: Runtime.CallbackHandlerDeprecated
    "#);
}

#[tokio::test]
async fn handlers_are_found_as_lambda_finds_them() {
    let common = "exports.handler = async () => module.filename.split('/').pop();";
    let module = "export const handler = async () => import.meta.url.split('/').pop();";
    let packages: [(&str, Files<'_>, &str); 11] = [
        ("index.handler", &[("index", common), ("index.js", common)], "index"),
        ("index.handler", &[("index.mjs", module), ("index.cjs", common)], "index.mjs"),
        ("index.handler", &[("index.js", common)], "index.js"),
        ("index.handler", &[("index.mjs", module)], "index.mjs"),
        ("index.handler", &[("index.cjs", common)], "index.cjs"),
        ("index.handler", &[("index.js", module), ("package.json", r#"{"type":"module"}"#)], "index.js"),
        ("index.handler", &[("index.js", common), ("index.mjs", module)], "index.js"),
        ("src/hooks/index.handler", &[("src/hooks/index.js", common)], "index.js"),
        (
            "hook.handler",
            &[("node_modules/hook/main.js", common), ("node_modules/hook/package.json", r#"{"main":"main.js"}"#)],
            "main.js",
        ),
        (
            "index.deep.er.handler",
            &[("index.js", "exports.deep = { er: { handler: async () => 'nested' } };")],
            "nested",
        ),
        (
            "index.handler",
            &[
                ("index.js", "exports.handler = async () => require('dep');"),
                ("node_modules/dep/index.js", "module.exports = 'dep';"),
            ],
            "dep",
        ),
    ];
    for runtime in ["nodejs20.x", "nodejs24.x"] {
        for (handler, files, expected) in packages {
            let fixture = runs_in(runtime, "", |plan| {
                handler.clone_into(&mut plan.lambda.handler);
                for (file, text) in files {
                    write(&plan.lambda.code.join(file), text);
                }
            });
            assert_eq!(result(fixture).await, expected, "{runtime} {handler} {}", files[0].0);
        }
    }
}

/// Paths in a package, and what is there.
type Files<'a> = &'a [(&'a str, &'a str)];

fn write(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

#[tokio::test]
async fn a_result_beyond_lambdas_limit_is_an_error_and_the_environment_lives_on() {
    let fixture = node22("exports.handler = async (length) => length ? 'x'.repeat(length) : process.pid;");
    let before = fixture.result(json!(0)).await;
    fixture.pool.settle().await;
    let error = fixture.error(json!(LAMBDA_PAYLOAD_BYTES_MAX)).await;
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
    fixture.pool.settle().await;
    let largest = fixture.result(json!(LAMBDA_PAYLOAD_BYTES_MAX - 2)).await;
    fixture.pool.settle().await;
    assert_eq!(largest.as_str().unwrap().len(), LAMBDA_PAYLOAD_BYTES_MAX - 2);
    assert_eq!(fixture.result(json!(0)).await, before, "{}", fixture.log().join("\n"));
    fixture.stop().await;
}

#[tokio::test]
async fn the_environment_is_lambdas() {
    let fixture = runs_in("nodejs18.x", "exports.handler = async () => process.env;", |_| {});
    let seen = fixture.result(json!({})).await;
    let task = fixture.code.path().to_str().unwrap();
    assert_eq!(seen["AWS_EXECUTION_ENV"], "AWS_Lambda_nodejs18.x");
    assert_eq!((&seen["LAMBDA_TASK_ROOT"], &seen["_HANDLER"]), (&json!(task), &json!("app.handler")));
    for list in ["LD_LIBRARY_PATH", "NODE_PATH"] {
        assert!(seen[list].as_str().unwrap().contains(task), "{list}: {}", seen[list]);
    }
    assert!(seen.as_object().unwrap().keys().all(|name| !name.starts_with("CARGO")), "the node's own stay with it");
    for name in ["AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_MAX_CONCURRENCY"] {
        assert_eq!(seen[name], json!(null), "text, every level, one event at a time");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn threads_and_forks_of_a_function_run_its_own_files() {
    let fixture = runs_in(
        "nodejs22.x",
        "exports.handler = async (event) => {
            const { fork } = require('node:child_process');
            const { Worker } = require('node:worker_threads');
            const told = (other) => new Promise((tell, fail) => other.on('message', tell).on('error', fail));
            return event ? told(fork(__dirname + '/other.js')) : told(new Worker(__dirname + '/other.js'));
        };",
        |plan| {
            let tells = "(process.send ? process.send.bind(process) : require('node:worker_threads').parentPort.postMessage \
                         .bind(require('node:worker_threads').parentPort))(require('node:path').basename(__filename));";
            write(&plan.lambda.code.join("other.js"), tells);
        },
    );
    assert_eq!(fixture.result(json!(true)).await, "other.js");
    assert_eq!(fixture.result(json!(false)).await, "other.js");
    fixture.stop().await;
}

#[tokio::test]
async fn a_streaming_handler_is_answered_for_in_one_piece() {
    let code = "exports.handler = awslambda.streamifyResponse(async (event, stream) => {
        stream.setContentType('text/plain');
        stream.write('\"in ');
        stream.write('pieces\"');
        stream.end();
    });";
    for fixture in [node22(code), node24(code)] {
        assert_eq!(fixture.call(json!({})).await.unwrap(), Outcome::Response(Bytes::from_static(b"\"in pieces\"")));
        fixture.stop().await;
    }
}

#[tokio::test]
async fn a_function_that_closes_all_sockets_is_answered_over_another() {
    let fixture = node22(
        "exports.handler = async (event) => {
            for (const handle of process._getActiveHandles()) if (handle.remotePort) handle.destroy();
            return process.pid;
        };",
    );
    let first = fixture.result(json!({})).await;
    for _ in 0..3 {
        fixture.pool.settle().await;
        assert_eq!(fixture.result(json!({})).await, first);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn what_a_function_starts_does_not_hold_its_channel() {
    let code = "const { execFileSync } = require('node:child_process');
    exports.handler = async () => execFileSync('ls', ['-l', '/proc/self/fd']).toString();";
    let fixture = node22(code);
    let files = fixture.result(json!({})).await;
    assert!(!files.as_str().unwrap().contains(" 3 -> socket:"), "{files}");
    fixture.stop().await;
}

#[tokio::test]
async fn globals_are_those_of_a_file() {
    let code = "exports.handler = async () => {
        const names = ['require', 'module', 'exports', '__filename', '__dirname', 'fs', 'os', 'path', 'http', 'util'];
        return { known: names.filter((name) => name in globalThis), crypto: typeof crypto, argument: process.argv[1], console: typeof console.log };
    };";
    for fixture in [node22(code), node24(code)] {
        let found = fixture.result(json!({})).await;
        assert_eq!((&found["known"], &found["argument"]), (&json!([]), &json!("/var/runtime/index.mjs")));
        assert_eq!(found["console"], "function");
        fixture.stop().await;
    }
    let module =
        Fixture::of(Language::Node, &source("", "exports.handler = async () => fs.readdirSync('.');"), |_, _| {});
    assert_eq!(module.error(json!({})).await["errorType"], "ReferenceError");
    module.stop().await;
}

#[tokio::test]
async fn what_a_module_leaves_to_fail_after_it_is_loaded_is_a_failed_start_with_its_error() {
    for code in [
        "Promise.reject(new Error('left over')); exports.handler = async () => 1;",
        "process.nextTick(() => { throw new Error('left over'); }); exports.handler = async () => 1;",
    ] {
        let fixture = node22(code);
        let failure = fixture.call(json!({})).await.unwrap_err();
        assert!(failure.detail.contains("left over"), "{}", failure.detail);
        fixture.stop().await;
    }
}
