//! Functions as a node starts and calls them: from configuration to verdict.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::event::lambda_edge::RequestOrigin;
use crate::lambda::fixture::{self, LONG, Language, Source, in_every_language, source};
use crate::{FailureKind, HeaderEdit, Headers, OriginProtocol};
use homefront_config::Distribution;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

in_every_language! {
    a_request_whose_function_did_not_start_is_told_in_the_functions_log,
    a_hook_changes_the_request_to_the_origin_and_its_response,
    a_hook_that_returns_the_request_untouched_changes_nothing,
    a_hook_answers_by_itself,
    a_result_cloudfront_refuses_is_told_with_the_functions_name_and_in_its_log,
    a_hook_that_raises_is_an_execution_error,
    a_package_that_is_a_zip_file_runs_and_its_files_are_gone_afterwards,
    invoke_gives_the_result_and_the_whole_log,
    invoke_gives_lambdas_error_object_when_there_is_no_result,
    invoke_gives_lambdas_error_object_of_a_start_that_failed,
}

/// A node's configuration with the function on both origin events; its package lies at `code`.
fn config(folder: &TempDir, runtime: &str, code: &str) -> Config {
    let text = format!(
        r#"
        [[distribution]]
        [[distribution.origin]]
        id = "assets"
        directory = "."
        [distribution.default_behavior]
        target_origin = "assets"
        origin_request = {{ lambda = "hook" }}
        origin_response = {{ lambda = "hook" }}
        [[lambda]]
        name = "hook"
        runtime = "{runtime}"
        handler = "app.handler"
        code = "{code}"
        timeout_s = 5
        "#
    );
    let file = folder.path().join("site.toml");
    std::fs::write(&file, text).unwrap();
    let loaded = homefront_config::load(&file, &|_| None);
    loaded.map_or_else(|report| panic!("{report:?}"), |(config, _)| config)
}

fn word(language: Language) -> &'static str {
    match language {
        Language::Python => "python3",
        Language::Node => "nodejs",
        Language::Provided => "provided",
    }
}

fn workers(python_module: Option<&Path>) -> Workers {
    Workers { executable: "/bin/false".into(), python_module: python_module.map(Path::to_owned), function_workers: 1 }
}

/// A node's Lambda@Edge half with one function, and where it is used.
struct Node {
    lambdas: Lambdas,
    lambda: Arc<Lambda>,
    distribution: Arc<Distribution>,
    lines: Arc<Mutex<Vec<String>>>,
    _folder: TempDir,
}

impl Node {
    async fn start(language: Language, source: &Source) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fixture::lambda_in(language, &folder, source);
        Self::of(folder, language, ".").await
    }

    async fn of(folder: TempDir, language: Language, code: &str) -> Self {
        let config = config(&folder, word(language), code);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        let log = FunctionLog::new(move |line| sink.lock().push(line.to_owned()));
        let spawner = Spawner::start(None).unwrap();
        let lambdas = Lambdas::start(&config, &workers(Some(fixture::module())), &spawner, &log).await.unwrap();
        let distribution = config.distributions[0].clone();
        Self { lambdas, lambda: config.lambdas[0].clone(), distribution, lines, _folder: folder }
    }

    async fn origin_request(&self) -> Verdict<LambdaRequestEdit> {
        let origin = &self.distribution.origins[0];
        let event =
            lambda_edge::origin_request(&context(), &RequestOrigin::of(origin, OriginProtocol::Http), &request(), None);
        self.lambdas.on_request(&self.lambda, &context(), &event, &request()).await
    }

    async fn origin_response(&self) -> Verdict<ResponseEdit> {
        let origin = &self.distribution.origins[0];
        let response = Response {
            status: 404,
            status_description: None,
            headers: Headers::from_iter([("Content-Type", "text/html")]),
            body: None,
        };
        let event = lambda_edge::origin_response(
            &context(),
            &RequestOrigin::of(origin, OriginProtocol::Http),
            &request(),
            &response,
        );
        self.lambdas.on_response(&self.lambda, &context(), &event, &response).await
    }

    async fn stop(self) {
        tokio::time::timeout(LONG, self.lambdas.stop()).await.expect("everything ends");
    }
}

fn context() -> EventContext {
    EventContext {
        distribution_domain_name: "d111111abcdef8.cloudfront.net".into(),
        distribution_id: "EDFDVBD6EXAMPLE".into(),
        request_id: "4TyzHTaYWb1GX1qTfsHhEqV6HUDd".to_owned(),
        viewer_ip: "203.0.113.178".parse().unwrap(),
        server_ip: "192.0.2.1".parse().unwrap(),
    }
}

fn request() -> Request {
    let headers = Headers::from_iter([("Host", "example.org"), ("Via", "2.0 x.cloudfront.net (CloudFront)")]);
    Request { method: "GET".to_owned(), uri: "/a".into(), querystring: None, headers }
}

async fn a_request_whose_function_did_not_start_is_told_in_the_functions_log(language: Language) {
    let node = Node::start(language, &source("raise ValueError('no')", "throw new RangeError('no');")).await;
    let Verdict::Fail(failure) = node.origin_request().await else { panic!("it cannot start") };
    assert_eq!(failure.kind, FailureKind::LambdaExecution);
    let error = if language == Language::Node { "RangeError" } else { "ValueError" };
    let told = format!("lambda/hook\t(4TyzHTaYWb1GX1qTfsHhEqV6HUDd) ERROR lambda \"hook\": {error}: no");
    assert!(node.lines.lock().contains(&told), "{:?}", node.lines.lock());
    node.stop().await;
}

/// Changes requests and responses.
fn hook() -> Source {
    source(
        "
def handler(event, context):
    cf = event['Records'][0]['cf']
    if cf['config']['eventType'] == 'origin-response':
        response = cf['response']
        response['status'] = 200
        response['body'] = 'replaced'
        return response
    request = cf['request']
    request['uri'] = '/b'
    request['headers']['x-hook'] = [{'key': 'X-Hook', 'value': context.function_name}]
    return request
",
        "
exports.handler = async (event, context) => {
    const { config, request, response } = event.Records[0].cf;
    if (config.eventType === 'origin-response') return { ...response, status: 200, body: 'replaced' };
    request.uri = '/b';
    request.headers['x-hook'] = [{ key: 'X-Hook', value: context.functionName }];
    return request;
};
",
    )
}

async fn a_hook_changes_the_request_to_the_origin_and_its_response(language: Language) {
    let node = Node::start(language, &hook()).await;
    assert_changes(&node).await;
    node.stop().await;
}

async fn assert_changes(node: &Node) {
    let Verdict::Continue(edit) = node.origin_request().await else { panic!("{:?}", node.lines.lock()) };
    assert_eq!(edit.head.uri.as_deref(), Some(&b"/b"[..]));
    let added = HeaderEdit { name: "X-Hook".to_owned(), values: vec![Bytes::from_static(b"us-east-1.hook")] };
    assert_eq!(edit.head.headers, [added]);
    let Verdict::Continue(edit) = node.origin_response().await else { panic!("{:?}", node.lines.lock()) };
    assert_eq!((edit.status, edit.body.as_deref()), (Some(200), Some(&b"replaced"[..])));
}

async fn a_package_that_is_a_zip_file_runs_and_its_files_are_gone_afterwards(language: Language) {
    let package = tempfile::tempdir().unwrap();
    fixture::lambda_in(language, &package, &hook());
    let folder = tempfile::tempdir().unwrap();
    let zipped = std::process::Command::new("python3")
        .args(["-m", "zipfile", "-c"])
        .arg(folder.path().join("hook.zip"))
        .args(std::fs::read_dir(package.path()).unwrap().map(|entry| entry.unwrap().path()))
        .status()
        .unwrap();
    assert!(zipped.success());
    let node = Node::of(folder, language, "hook.zip").await;
    assert_changes(&node).await;
    let unpacked = node.lambdas.pools["hook"].plan().package.path().to_owned();
    assert!(unpacked.join(if language == Language::Node { "app.js" } else { "app.py" }).is_file());
    node.stop().await;
    fixture::until(|| !unpacked.exists()).await;
}

#[tokio::test]
async fn functions_of_the_same_package_share_what_is_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let packages = Packages::default();
    let mut lambda = fixture::lambda(&folder, "");
    let mut opened = Vec::new();
    for (file, text) in [("a", "x = 1"), ("b", "x = 1"), ("c", "x = 2")] {
        std::fs::write(folder.path().join("app.py"), text).unwrap();
        let script = format!(
            "import zipfile; zipfile.ZipFile('{file}.zip', 'w').writestr(zipfile.ZipInfo('app.py'), open('app.py').read())"
        );
        let status = std::process::Command::new("python3").args(["-c", &script]).current_dir(folder.path()).status();
        assert!(status.unwrap().success());
        lambda.code = folder.path().join(format!("{file}.zip"));
        opened.push(packages.open(&lambda).unwrap());
    }
    assert_eq!(opened[0].path(), opened[1].path());
    assert_ne!(opened[0].path(), opened[2].path());
    let paths = [opened[0].path().to_owned(), opened[2].path().to_owned()];
    assert_eq!(std::fs::read_to_string(paths[0].join("app.py")).unwrap(), "x = 1");
    drop(opened);
    assert!(paths.iter().all(|path| !path.exists()));
}

async fn a_hook_that_returns_the_request_untouched_changes_nothing(language: Language) {
    let untouched = source(
        "def handler(event, context):\n return event['Records'][0]['cf']['request']",
        "exports.handler = (event, context, callback) => callback(null, event.Records[0].cf.request);",
    );
    let node = Node::start(language, &untouched).await;
    assert_eq!(node.origin_request().await, Verdict::Continue(LambdaRequestEdit::default()));
    node.stop().await;
}

async fn a_hook_answers_by_itself(language: Language) {
    let answers = source(
        "def handler(event, context):\n return {'status': '403', 'body': 'no'}",
        "exports.handler = async () => ({ status: '403', body: 'no' });",
    );
    let node = Node::start(language, &answers).await;
    let Verdict::Respond(response) = node.origin_request().await else { panic!("{:?}", node.lines.lock()) };
    assert_eq!((response.status, response.body.as_deref()), (403, Some(&b"no"[..])));
    node.stop().await;
}

async fn a_result_cloudfront_refuses_is_told_with_the_functions_name_and_in_its_log(language: Language) {
    let refused =
        source("def handler(event, context):\n return 'nonsense'", "exports.handler = async () => 'nonsense';");
    let node = Node::start(language, &refused).await;
    let Verdict::Fail(failure) = node.origin_request().await else { panic!("it was accepted") };
    assert_eq!(failure.kind, FailureKind::LambdaValidation);
    let lines = node.lines.lock().clone();
    let refusal = lines.iter().find_map(|line| line.strip_prefix("lambda/hook\t(")).unwrap();
    insta::allow_duplicates! {
        insta::assert_snapshot!(failure.detail, @r#"lambda "hook": Validation error: The Lambda function returned invalid JSON, the JSON output must be an object type; it is a string."#);
        insta::assert_snapshot!(refusal, @"4TyzHTaYWb1GX1qTfsHhEqV6HUDd) ERROR Validation error: The Lambda function returned invalid JSON, the JSON output must be an object type; it is a string.");
    }
    node.stop().await;
}

async fn a_hook_that_raises_is_an_execution_error(language: Language) {
    let raises = source(
        "def handler(event, context):\n raise KeyError('x')",
        "exports.handler = async () => { throw Object.assign(new Error(\"'x'\"), { name: 'KeyError' }); };",
    );
    let node = Node::start(language, &raises).await;
    let Verdict::Fail(failure) = node.origin_request().await else { panic!("it was accepted") };
    assert_eq!(failure.kind, FailureKind::LambdaExecution);
    assert!(failure.detail.starts_with("lambda \"hook\": KeyError: 'x' (RequestId: "), "{}", failure.detail);
    node.stop().await;
}

/// Why a node with such a function does not start.
async fn start_error(runtime: &str, module: Option<&Path>) -> String {
    let folder = tempfile::tempdir().unwrap();
    for language in [Language::Python, Language::Node] {
        fixture::lambda_in(language, &folder, &hook());
    }
    let config = config(&folder, runtime, ".");
    let spawner = Spawner::start(None).unwrap();
    let started = Lambdas::start(&config, &workers(module), &spawner, &FunctionLog::new(|_| {})).await;
    started.unwrap_err().to_string().replace(folder.path().to_str().unwrap(), "[folder]")
}

#[tokio::test]
async fn a_node_without_the_interpreter_or_the_module_does_not_start() {
    insta::assert_snapshot!(start_error("python3.99", Some(fixture::module())).await, @r#"
    [folder]/site.toml:12:19: lambda "hook": cannot run "python3.99": No such file or directory (os error 2)
      hint: install it so that it is on PATH, give its path as `interpreter`, or name another runtime
    "#);
    insta::assert_snapshot!(start_error("python3", None).await, @r#"
    [folder]/site.toml:12:19: lambda "hook": libhomefront_python.so, which runs Python functions, is not beside the executable
      hint: install it with the executable, or build it: cargo build -p homefront-python
    "#);
    insta::assert_snapshot!(start_error("python3", Some(Path::new("/nowhere/lib.so"))).await, @r#"
    [folder]/site.toml:12:19: lambda "hook": cannot run "python3": ImportError: /nowhere/lib.so: cannot open shared object file: No such file or directory
      hint: install it so that it is on PATH, give its path as `interpreter`, or name another runtime
    "#);
}

#[tokio::test]
async fn environments_start_the_interpreter_itself_whatever_finds_it() {
    let tells = source(
        "import sys\ndef handler(event, context):\n return {'status': 200, 'body': sys.executable}",
        "exports.handler = async () => ({ status: 200, body: process.execPath });",
    );
    for language in [Language::Python, Language::Node] {
        let node = Node::start(language, &tells).await;
        let Verdict::Respond(response) = node.origin_request().await else { panic!("{:?}", node.lines.lock()) };
        let program = node.lambdas.pools["hook"].plan().program.path.clone();
        assert_eq!(response.body.unwrap(), program.to_str().unwrap());
        assert!(program.is_absolute());
        node.stop().await;
    }
}

#[tokio::test]
async fn functions_no_behavior_uses_are_not_checked() {
    let folder = tempfile::tempdir().unwrap();
    fixture::lambda(&folder, "def handler(event, context): pass");
    let mut config = config(&folder, "python3.99", ".");
    config.distributions.clear();
    let spawner = Spawner::start(None).unwrap();
    let lambdas = Lambdas::start(&config, &workers(None), &spawner, &FunctionLog::new(|_| {})).await.unwrap();
    assert!(lambdas.pools.is_empty());
}

async fn invoked(language: Language, source: &Source, event: &str) -> InvokeResult {
    let folder = tempfile::tempdir().unwrap();
    let lambda = Lambda { timeout: Duration::from_secs(2), ..fixture::lambda_in(language, &folder, source) };
    let event = Bytes::copy_from_slice(event.as_bytes());
    let workers = workers(Some(fixture::module()));
    let invoked = invoke(&lambda, &workers, event);
    tokio::time::timeout(LONG, invoked).await.expect("it ends").unwrap()
}

async fn invoke_gives_the_result_and_the_whole_log(language: Language) {
    let prints = source(
        "def handler(event, context):\n print('seen')\n return event['a']",
        "exports.handler = async (event) => { process.stdout.write('seen\\n'); return event.a; };",
    );
    let result = invoked(language, &prints, "{\"a\": [1]}").await;
    assert_eq!((&result.payload[..], result.error), (&b"[1]"[..], None));
    let starts: Vec<&str> = result.log.iter().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(starts, ["START", "seen", "END", "REPORT"]);
}

async fn invoke_gives_lambdas_error_object_when_there_is_no_result(language: Language) {
    let failing = source(
        "def handler(event, context):\n raise ValueError('boom')",
        "exports.handler = () => { throw Object.assign(new Error('boom'), { name: 'ValueError' }); };",
    );
    let raised = invoked(language, &failing, "{}").await;
    let payload: serde_json::Value = serde_json::from_slice(&raised.payload).unwrap();
    assert_eq!((payload["errorType"].as_str(), payload["errorMessage"].as_str()), (Some("ValueError"), Some("boom")));
    assert_eq!(raised.error.unwrap().kind, FailureKind::LambdaExecution);
    assert!(raised.log.last().unwrap().starts_with("REPORT"), "{:?}", raised.log);
    let hangs = source("def handler(event, context):\n while True: pass", "exports.handler = () => { for (;;); };");
    let hung = invoked(language, &hangs, "{}").await;
    let payload: serde_json::Value = serde_json::from_slice(&hung.payload).unwrap();
    assert_eq!(payload["errorType"], "Sandbox.Timedout");
    assert!(hung.log.last().unwrap().ends_with("Status: timeout"), "{:?}", hung.log);
}

async fn invoke_gives_lambdas_error_object_of_a_start_that_failed(language: Language) {
    const EXIT: &str = "Runtime.ExitError";
    let imports = source("import nothing_like_that", "require('nothing_like_that');");
    let syntax = source("def handler(event, context) return 1", "exports.handler = async () => {");
    let misses = source("other = 1", "exports.other = 1;");
    let exits = source("import os\nos._exit(3)", "process.exit(3);");
    // What `provided` runs reports as it likes, and says nothing of a type in its headers.
    for (source, type_of_ours, type_of_its_own, message) in [
        (imports, "Runtime.ImportModuleError", "ModuleNotFoundError", "nothing_like_that"),
        (syntax, "Runtime.UserCodeSyntaxError", "SyntaxError", ""),
        (misses, "Runtime.HandlerNotFound", "AttributeError", "handler"),
        (exits, EXIT, EXIT, "Error: Runtime exited with error: exit status 3"),
    ] {
        let unstarted = invoked(language, &source, "{}").await;
        let payload: serde_json::Value = serde_json::from_slice(&unstarted.payload).unwrap();
        let error_type = if language == Language::Provided { type_of_its_own } else { type_of_ours };
        assert_eq!(payload["errorType"], error_type, "{payload}");
        assert!(payload["errorMessage"].as_str().is_some_and(|told| told.contains(message)), "{payload}");
        assert_eq!(unstarted.error.unwrap().kind, FailureKind::LambdaExecution);
        let last = unstarted.log.last().unwrap();
        let is_named = language != Language::Provided || error_type == EXIT;
        let told = if is_named { error_type } else { "Runtime.Unknown" };
        assert!(last.starts_with("INIT_REPORT") && last.ends_with(&format!("Error Type: {told}")), "{last}");
        assert_eq!(unstarted.figures.invocations, 0);
    }
}
