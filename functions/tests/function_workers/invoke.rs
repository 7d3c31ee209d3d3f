//! One run of one function on one event object, as `homefront invoke` does it.

use super::site::{DISTRIBUTION, HEALTHY, LOOPS, Script, configure, executable, script};
use homefront_functions::js::runner::{RunError, run};
use homefront_functions::process::Spawner;
use homefront_functions::test_function::TestResult;
use std::path::Path;

async fn invoke(script: Script, event: &str, executable: &Path) -> Result<TestResult, RunError> {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configure(&folder, &[script]);
    let spawner = Spawner::start(None).expect("a thread");
    let result = run(&config.functions[0], event.as_bytes(), 1_700_000_000_000, &spawner, executable).await;
    spawner.all_gone().await;
    result
}

const EVENT: &str = r#"{"version":"1.0","context":{"eventType":"viewer-request"},"viewer":{"ip":"203.0.113.7"},
    "request":{"method":"GET","uri":"/","querystring":{},"headers":{},"cookies":{}}}"#;

pub(crate) async fn a_run_gives_output_log_and_utilization() {
    let prints = "function handler(event) { console.log('hi'); event.request.uri = '/ok'; return event.request; }";
    let result = invoke(script("prints", prints), EVENT, &executable()).await.expect("a result");
    assert_eq!((result.error_message.as_str(), result.logs.as_slice()), ("", ["hi".to_owned()].as_slice()));
    assert!(result.function_output.contains(r#""uri":"/ok""#), "{result:?}");
}

pub(crate) async fn a_run_that_loops_is_killed_after_the_functions_budget() {
    let loops = LOOPS.replacen('{', "{ console.log('begun');", 1);
    let result = invoke(script("loops", loops).with("budget_ms = 200"), EVENT, &executable()).await.expect("a result");
    let end = "could not run. it ran longer than its budget of 200 ms and was killed";
    assert!(result.error_message.ends_with(end), "{result:?}");
    assert_eq!(result.logs, ["begun"]);
}

pub(crate) async fn a_source_that_does_not_compile_is_a_result() {
    let result = invoke(script("broken", "function handler(event) { return ]; }"), "{}", &executable()).await;
    let message = result.expect("a result").error_message;
    let sentence = "The CloudFront function associated with the CloudFront distribution is invalid or could not run. ";
    assert!(message.starts_with(&format!("{sentence}SyntaxError: ")), "{message}");
}

pub(crate) async fn an_error_has_its_line_and_what_is_to_blame_its_column_and_the_way_out() {
    let throws = "function handler(event) {\n  return event.nope.value;\n}";
    let result = invoke(script("throws", throws), EVENT, &executable()).await.expect("a result");
    assert!(result.error_message.ends_with("TypeError: cannot get property \"value\" of undefined"), "{result:?}");
    assert_eq!((result.error_line, result.faults.len()), (Some(2), 0));
    let optional = "function handler(event) { return event.request?.uri; }";
    let refused = invoke(script("optional", optional), EVENT, &executable()).await.expect("a result");
    assert!(refused.error_message.ends_with("SyntaxError: Unexpected token in 1"), "{refused:?}");
    let [fault] = refused.faults.as_slice() else { panic!("{refused:?}") };
    assert!(fault.contains("optional.js:1:47: CloudFront's engine does not know optional chaining (?.)"), "{fault}");
    assert!(fault.ends_with("hint: test for undefined first: a && a.b"), "{fault}");
}

pub(crate) async fn an_event_that_is_none_is_an_error() {
    let error = invoke(script("healthy", HEALTHY), "not JSON", &executable()).await.expect_err("an error");
    assert!(error.to_string().starts_with("the event object is not JSON: "), "{error}");
}

pub(crate) async fn a_missing_source_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configure(&folder, &[script("healthy", HEALTHY)]);
    drop(folder);
    let spawner = Spawner::start(None).expect("a thread");
    let error = run(&config.functions[0], b"{}", 0, &spawner, &executable()).await.expect_err("an error").to_string();
    assert!(error.starts_with("function \"healthy\": /") && error.contains("No such file"), "{error}");
    assert!(!error.contains(DISTRIBUTION), "it belongs to none");
}

pub(crate) async fn a_worker_that_dies_is_a_result() {
    use super::protocol::impostor;
    let folder = tempfile::tempdir().expect("a folder");
    // Ready, loaded, and then it dies of the test.
    let steps = "printf '\\003\\000\\000\\000\\001\\001\\001' >&0
head -c 30 <&0 >/dev/null
printf '\\014\\000\\000\\000\\002\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000' >&0
head -c 100 <&0 >/dev/null
kill -SEGV $$";
    let result = invoke(script("healthy", HEALTHY), "{}", &impostor(&folder, steps)).await.expect("a result");
    assert!(result.error_message.ends_with("could not run. its worker died: signal: segmentation fault"), "{result:?}");
    assert_eq!(result.compute_utilization, 100);
}
