//! `homefront invoke`: one function on one event, as text and in the shape of AWS's API.

use crate::harness::binary::{self, Ended};
use crate::harness::{Code, Edge, Language, PATIENCE, Reply, in_every_language, one_origin};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use tempfile::TempDir;

in_every_language! {
    a_lambda_edge_function_prints_its_output_and_its_log,
    a_lambda_edge_function_that_throws_prints_lambdas_error_object_and_fails,
    what_cloudfront_would_refuse_of_a_lambda_edge_function_is_told_and_fails,
    a_lambda_edge_function_is_judged_by_the_rules_of_the_event,
    a_lambda_edge_function_that_does_not_start_prints_lambdas_error_object_and_fails,
    the_largest_event_of_a_node_is_taken_and_one_that_lambda_refuses_is_refused_with_its_size,
    an_invocation_and_cases_that_are_interrupted_leave_nothing_behind,
}

const VIEWER_REQUEST: &str = r#"{
  "version": "1.0",
  "context": { "eventType": "viewer-request", "distributionId": "EDFDVBD6EXAMPLE" },
  "viewer": { "ip": "203.0.113.178" },
  "request": {
    "method": "GET",
    "uri": "/docs/",
    "querystring": { "page": { "value": "2" } },
    "headers": { "host": { "value": "www.example.com" } },
    "cookies": { "id": { "value": "x" } }
  }
}"#;

const VIEWER_RESPONSE: &str = r#"{
  "version": "1.0",
  "context": { "eventType": "viewer-response" },
  "viewer": { "ip": "203.0.113.178" },
  "request": { "method": "GET", "uri": "/docs/", "querystring": {}, "headers": {}, "cookies": {} },
  "response": { "statusCode": 200, "headers": {}, "cookies": {} }
}"#;

const ORIGIN_REQUEST: &str = r#"{
  "Records": [{ "cf": {
    "config": { "distributionId": "EDFDVBD6EXAMPLE", "eventType": "origin-request", "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd" },
    "request": { "clientIp": "203.0.113.178", "method": "GET", "uri": "/docs/", "querystring": "", "headers": {} }
  } }]
}"#;

const REWRITE: &str = "function handler(event) {
  var request = event.request;
  console.log('from ' + event.viewer.ip);
  console.log('asked for ' + request.uri);
  request.uri += 'index.html';
  return request;
}
";

const PYTHON: &str = "
def handler(event, context):
    request = event['Records'][0]['cf']['request']
    print('asked for ' + request['uri'])
    request['uri'] += 'index.html'
    return request

def refused(event, context):
    request = event['Records'][0]['cf']['request']
    request['headers']['connection'] = [{'value': 'close'}]
    return request

def sets_host(event, context):
    if 'Records' not in event: return event
    request = event['Records'][0]['cf']['request']
    request['headers']['host'] = [{'key': 'Host', 'value': 'other.example.com'}]
    return request

def throws(event, context):
    raise ValueError('boom')
";

const NODE: &str = "
exports.handler = async (event) => {
    const { request } = event.Records[0].cf;
    console.log(`asked for ${request.uri}`);
    request.uri += 'index.html';
    return request;
};

exports.refused = async (event) => {
    const { request } = event.Records[0].cf;
    request.headers.connection = [{ value: 'close' }];
    return request;
};

exports.sets_host = async (event) => {
    if (!('Records' in event)) return event;
    const { request } = event.Records[0].cf;
    request.headers.host = [{ key: 'Host', value: 'other.example.com' }];
    return request;
};

exports.throws = async () => {
    throw new TypeError('boom');
};
";

/// A configuration with functions that rewrite, throw and return what CloudFront refuses; those of Lambda@Edge are in this language.
fn functions(language: Language) -> TempDir {
    let mut toml = one_origin("viewer_request = { function = \"rewrite\" }")
        + "\n[[key_value_store]]\nname = \"pages\"\nsource = \"pages.json\"\n";
    for (name, handler) in
        [("is-refused", "refused"), ("sets-host", "sets_host"), ("throws", "throws"), ("misses", "nothing")]
    {
        let runtime = language.runtime();
        let _ = write!(
            toml,
            "[[lambda]]\nname = \"hook-that-{name}\"\nruntime = \"{runtime}\"\nhandler = \"main.{handler}\"\ncode = \"hook\"\ntimeout_s = 20\n"
        );
    }
    let hook = Code { python: PYTHON.to_owned(), node: NODE.to_owned() };
    let function = |edge: Edge, name: &str, code: &str| edge.function_with(name, code, "budget_ms = 5000");
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello")).lambda(language, "hook", &hook, "timeout_s = 20");
    let edge = edge.function_with("rewrite", REWRITE, "budget_ms = 5000\nkey_value_store = \"pages\"");
    let edge = function(
        edge,
        "throws",
        "function handler(event) {\n  console.log('about to fail');\n  throw new Error('boom');\n}\n",
    );
    let edge = function(
        edge,
        "host",
        "function handler(event) { event.request.headers.host.value = 'b.example'; return event.request; }",
    );
    let edge = function(
        edge,
        "chooses",
        "import cf from 'cloudfront';\nfunction handler(event) {\n  cf.selectRequestOriginById(event.request.querystring.page ? 'p2' : 'app');\n  return event.request;\n}\n",
    );
    let edge = edge
        .file("no-query.json", VIEWER_REQUEST.replace("\"page\": { \"value\": \"2\" }", ""))
        .file("pages.json", r#"{"data":[]}"#)
        .file("viewer-request.json", VIEWER_REQUEST)
        .file("viewer-response.json", VIEWER_RESPONSE)
        .file("origin-request.json", ORIGIN_REQUEST)
        .file("viewer-request-of-lambda.json", ORIGIN_REQUEST.replace("origin-request", "viewer-request"))
        .file("no-method.json", VIEWER_REQUEST.replace("\"method\": \"GET\",", ""))
        .file("text.json", "GET / HTTP/1.1");
    edge.written().0
}

/// What differs from run to run, and what every run has in its place.
const VARIES: [(&str, &str); 13] = [
    (r#""(Created|LastModified)Time": "[^"]+""#, r#""${1}Time": "[time]""#),
    (r"compute utilization: \d+ \(.*\)", "compute utilization: [percent] ([band])"),
    (r"\n  of a debug build: [^\n]*", ""),
    (r#""ComputeUtilization": "\d+""#, r#""ComputeUtilization": "[percent]""#),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[uuid]"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "[moment]"),
    // Frames of a Node.js stack that are not the function's.
    (r#",\s*\\?"    at [^"]*(node:internal|homefront:nodejs)[^"]*""#, ""),
    (r"Duration: [\d.]+ ms", "Duration: [time] ms"),
    (r"Max Memory Used: \d+ MB", "Max Memory Used: [size] MB"),
    (r"billed: \d+ ms", "billed: [time] ms"),
    (r"\$\d+\.\d\d for a million", "[price] for a million"),
    (r#""DurationMs": \d+"#, r#""DurationMs": [time]"#),
    (r#""Usd": [\d.e-]+"#, r#""Usd": [price]"#),
];

fn told(text: &str, folder: &TempDir) -> String {
    text.replace(folder.path().to_str().unwrap(), "[folder]")
}

macro_rules! assert_told {
    ($text:expr) => {
        let text = $text;
        insta::with_settings!({ filters => VARIES }, { insta::assert_snapshot!(text) });
    };
}

/// As above, a snapshot for each language: their log lines and error objects differ.
macro_rules! assert_told_in {
    ($language:expr, $text:expr) => {
        let text = $text;
        insta::with_settings!({ filters => VARIES, snapshot_suffix => $language.runtime() }, {
            insta::assert_snapshot!(text)
        });
    };
}

async fn run(folder: &TempDir, words: &[&str]) -> Ended {
    binary::run(binary::command(folder.path(), words)).await
}

/// Everything a run of `homefront invoke` prints, as text and as JSON.
async fn invoke(language: Language, name: &str, event: &str) -> String {
    let folder = functions(language);
    let mut said = String::new();
    for json in [&[][..], &["--json"]] {
        let words = [&["invoke", name, event], json].concat();
        let Ended { code, stdout, stderr } = run(&folder, &words).await;
        let _ = write!(said, "$ homefront {}\n{stdout}", words.join(" "));
        if !stderr.is_empty() {
            let _ = write!(said, "(standard error)\n{stderr}");
        }
        let _ = write!(said, "(exit code {})\n\n", code.unwrap());
    }
    told(&said, &folder)
}

#[tokio::test]
async fn that_no_behavior_calls_a_function_on_such_an_event_is_noted() {
    let folder = functions(Language::Python);
    let ran = run(&folder, &["invoke", "rewrite", "viewer-response.json"]).await;
    let note = "note: the event is of viewer-response; behaviors call \"rewrite\" on viewer_request only\n";
    assert_eq!(ran.stderr, note, "{}", ran.stdout);
    for (name, event) in [("rewrite", "viewer-request.json"), ("host", "viewer-response.json")] {
        assert!(!run(&folder, &["invoke", name, event]).await.stderr.contains("note:"), "{name}");
    }
}

#[tokio::test]
async fn a_cloudfront_function_prints_its_output_its_log_and_its_utilization() {
    assert_told!(invoke(Language::Python, "rewrite", "viewer-request.json").await);
}

#[tokio::test]
async fn a_cloudfront_function_that_throws_prints_awss_message_and_fails() {
    assert_told!(invoke(Language::Python, "throws", "viewer-request.json").await);
}

#[tokio::test]
async fn a_cloudfront_function_that_is_none_is_told_with_column_and_the_way_out() {
    let edge = Edge::with(one_origin("viewer_request = { function = \"f\" }")).origin("app", |_| Reply::ok("hello"));
    let edge = edge.function("f", "function handler(event) {\n  return event.request?.uri;\n}\n");
    let (folder, _origins) = edge.file("event.json", VIEWER_REQUEST).written();
    let ended = run(&folder, &["invoke", "f", "event.json"]).await;
    assert_eq!(ended.code, Some(1));
    insta::assert_snapshot!(told(&ended.stdout, &folder), @r#"
    compute utilization: 0 (comfortable)
    error: The CloudFront function associated with the CloudFront distribution is invalid or could not run. SyntaxError: Unexpected token in 2
      function "f": [folder]/f.js:2:23: CloudFront's engine does not know optional chaining (?.): it answers 503 to every request
        hint: test for undefined first: a && a.b
    "#);
}

#[tokio::test]
async fn what_cloudfront_would_refuse_is_told_beside_the_output() {
    assert_told!(invoke(Language::Python, "host", "viewer-request.json").await);
}

#[tokio::test]
async fn an_origin_that_the_distribution_does_not_have_is_told_beside_the_output() {
    assert_told!(invoke(Language::Python, "chooses", "viewer-request.json").await);
    let known = run(&functions(Language::Python), &["invoke", "chooses", "no-query.json"]).await;
    assert_eq!((known.code, known.stdout.contains("CloudFront would")), (Some(0), false), "{}", known.stdout);
}

async fn a_lambda_edge_function_prints_its_output_and_its_log(language: Language) {
    assert_told_in!(language, invoke(language, "hook", "origin-request.json").await);
}

async fn a_lambda_edge_function_that_throws_prints_lambdas_error_object_and_fails(language: Language) {
    assert_told_in!(language, invoke(language, "hook-that-throws", "origin-request.json").await);
}

async fn what_cloudfront_would_refuse_of_a_lambda_edge_function_is_told_and_fails(language: Language) {
    let text = invoke(language, "hook-that-is-refused", "origin-request.json").await;
    insta::with_settings!({ filters => VARIES }, { insta::assert_snapshot!("refused_of_a_lambda_edge_function", text) });
}

async fn a_lambda_edge_function_is_judged_by_the_rules_of_the_event(language: Language) {
    let folder = functions(language);
    for (event, told) in [
        ("viewer-request-of-lambda.json", "CloudFront would answer 502 LambdaValidationError"),
        ("origin-request.json", "CloudFront accepts the result"),
        (
            "pages.json",
            "whether CloudFront accepts the result is not known: the event is not one of its own (Records: is missing)",
        ),
    ] {
        let Ended { stdout, stderr, .. } = run(&folder, &["invoke", "hook-that-sets-host", event]).await;
        assert!(stdout.contains(told), "{event}: {stdout}{stderr}");
    }
}

async fn a_lambda_edge_function_that_does_not_start_prints_lambdas_error_object_and_fails(language: Language) {
    assert_told_in!(language, invoke(language, "hook-that-misses", "origin-request.json").await);
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_an_invalid_entrypoint() {
    let folder = functions(Language::Provided);
    // Written anew in place, so that it stays executable.
    std::fs::write(folder.path().join("hook/bootstrap"), "#!/etc/passwd\n").unwrap();
    let Ended { code, stdout, stderr } = run(&folder, &["invoke", "hook", "origin-request.json", "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &told["FunctionError"]), (Some(1), &"Unhandled".into()), "{stdout}{stderr}");
    assert_eq!(told["Payload"]["errorType"], "Runtime.InvalidEntrypoint", "{stdout}{stderr}");
}

#[tokio::test]
async fn a_bad_event_file_is_refused_with_its_name_and_what_is_wrong() {
    let folder = functions(Language::Python);
    let mut said = String::new();
    for (name, event) in [
        ("rewrite", "nothing.json"),
        ("rewrite", "text.json"),
        ("rewrite", "no-method.json"),
        ("rewrite", "origin-request.json"),
        ("hook", "nothing.json"),
        ("hook", "text.json"),
    ] {
        let Ended { code, stdout, stderr } = run(&folder, &["invoke", name, event]).await;
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{name} {event}: {stderr}");
        let _ = write!(said, "$ homefront invoke {name} {event}\n{stderr}");
    }
    insta::assert_snapshot!(told(&said, &folder));
}

/// An origin-request event with a body of this many bytes.
fn event_with_body(bytes: usize) -> String {
    let data = "YWJj".repeat(bytes / 3);
    let body = format!(
        r#""headers": {{}}, "body": {{ "action": "read-only", "data": "{data}", "encoding": "base64", "inputTruncated": false }}"#
    );
    ORIGIN_REQUEST.replace(r#""headers": {}"#, &body)
}

async fn the_largest_event_of_a_node_is_taken_and_one_that_lambda_refuses_is_refused_with_its_size(language: Language) {
    let folder = functions(language);
    let cases = "[[case]]\nname = \"a large body\"\nlambda = \"hook\"\nevent = \"large.json\"\nexpect = { uri = \"/docs/index.html\" }\n";
    for (name, text) in [
        ("large.json", event_with_body(1_048_576)),
        ("too-large.json", event_with_body(6 * 1_048_576)),
        ("large.cases.toml", cases.to_owned()),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    for words in [&["invoke", "hook", "large.json"][..], &["test", "large.cases.toml"]] {
        let Ended { code, stdout, stderr } = run(&folder, words).await;
        assert_eq!(code, Some(0), "{words:?}: {}{stderr}", &stdout[..stdout.len().min(2_000)]);
    }
    let mut said = String::new();
    let piped = std::fs::File::open(folder.path().join("too-large.json")).unwrap();
    let mut reads = binary::command(folder.path(), &["invoke", "hook", "-"]);
    reads.stdin(piped);
    for command in [binary::command(folder.path(), &["invoke", "hook", "too-large.json"]), reads] {
        let Ended { code, stdout, stderr } = binary::run(command).await;
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        said += &stderr;
    }
    insta::allow_duplicates! {
        insta::assert_snapshot!(said, @r"
        error: too-large.json: the event has 8388982 bytes; the limit is 6291456, as of Lambda's Invoke
        error: -: the event has more than 6291456 bytes; the limit is 6291456, as of Lambda's Invoke
        ");
    }
}

#[tokio::test]
async fn an_unknown_name_is_refused_with_the_names_there_are() {
    let folder = functions(Language::Python);
    let Ended { code, stdout, stderr } = run(&folder, &["invoke", "rewrites", "viewer-request.json"]).await;
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(stderr);
}

#[tokio::test]
async fn an_event_can_come_from_standard_input() {
    use std::process::Stdio;
    use tokio::io::AsyncWriteExt as _;
    let folder = functions(Language::Python);
    let mut child = binary::command(folder.path(), &["invoke", "rewrite", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(VIEWER_REQUEST.as_bytes()).await.unwrap();
    drop(stdin);
    let output =
        tokio::time::timeout(crate::harness::PATIENCE, child.wait_with_output()).await.expect("an end").unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("/docs/index.html"));
}

#[tokio::test]
async fn modules_on_the_nodes_own_search_path_are_found_by_import_and_by_require() {
    const SITE: &str = "[[distribution]]\n[[distribution.origin]]\nid = \"app\"\ndomain_name = \"127.0.0.1\"\n\
        [distribution.default_behavior]\ntarget_origin = \"app\"\norigin_request = { lambda = \"imports\" }\n\
        [[lambda]]\nname = \"imports\"\nruntime = \"nodejs22.x\"\nhandler = \"index.handler\"\ncode = \"code\"\n";
    const IMPORTS: &str = "import { createRequire } from 'node:module';\nimport { way } from 'sdk';\n\
        export const handler = async () => ({ status: '200', body: `${way} ${createRequire(import.meta.url)('sdk').way}` });\n";
    let folder = tempfile::tempdir().unwrap();
    for name in ["code", "opt/node_modules/sdk"] {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    for (name, text) in [
        ("homefront.toml", SITE),
        ("event.json", ORIGIN_REQUEST),
        ("code/index.mjs", IMPORTS),
        ("opt/node_modules/sdk/package.json", r#"{"exports":{"import":"./index.mjs","require":"./index.cjs"}}"#),
        ("opt/node_modules/sdk/index.mjs", "export const way = 'imported';"),
        ("opt/node_modules/sdk/index.cjs", "exports.way = 'required';"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = binary::command(folder.path(), &["invoke", "imports", "event.json"]);
    command.env("NODE_PATH", folder.path().join("opt/node_modules"));
    let ended = binary::run(command).await;
    assert!(ended.stdout.contains("imported required"), "{}\n{}", ended.stdout, ended.stderr);
}

async fn an_invocation_and_cases_that_are_interrupted_leave_nothing_behind(language: Language) {
    let python =
        "import os, threading\n    open(os.environ['TMPDIR'] + '/begun', 'w').close()\n    threading.Event().wait()";
    let node = "require('fs').writeFileSync(process.env.TMPDIR + '/begun', ''); await new Promise(() => setInterval(() => {}, 1000));";
    let case = "[[case]]\nname = \"waits\"\nlambda = \"waits\"\nevent = \"event.json\"\n[case.expect]\nstatus = 200\n";
    let edge = Edge::with(one_origin("origin_request = { lambda = \"waits\" }")).origin("app", |_| Reply::ok("unused"));
    let edge = edge.lambda(language, "waits", &Code::around(python, node), "timeout_s = 30");
    let (folder, _) = edge.file("event.json", ORIGIN_REQUEST).file("waits.cases.toml", case).written();
    for (words, signal, code) in [
        (&["invoke", "waits", "event.json"][..], Signal::INT, 130),
        (&["invoke", "waits", "event.json"], Signal::TERM, 143),
        (&["test", "."], Signal::INT, 130),
    ] {
        let tmp = tempfile::tempdir().unwrap();
        let mut command = binary::command(folder.path(), words);
        let child = command.env("TMPDIR", tmp.path()).spawn().unwrap();
        let begun =
            || std::fs::read_dir(tmp.path()).unwrap().flatten().any(|entry| entry.path().join("begun").exists());
        let waits = async {
            while !begun() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("{words:?} calls the function"));
        kill_process(Pid::from_raw(child.id().unwrap().cast_signed()).unwrap(), signal).unwrap();
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("an end").unwrap();
        assert_eq!(ended.status.code(), Some(code), "{words:?}");
        assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 0, "{words:?}");
    }
}
