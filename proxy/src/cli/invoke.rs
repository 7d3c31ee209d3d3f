//! `homefront invoke`: one function on one event, without a node.

use super::interrupted::unless_interrupted;
use super::{WRONG_INPUT, chosen_origin, complain, print, read, workers};
use crate::clock::Clock;
use crate::page::failure_sentence;
use crate::respond::edge_code;
use homefront_config::association::OnlyOn;
use homefront_config::function::FunctionRuntime;
use homefront_config::{Config, Function, Lambda, limits};
use homefront_functions::Failure;
use homefront_functions::event::lambda_edge::given::{Given, GivenError};
use homefront_functions::js::kvs::{self, iso_8601};
use homefront_functions::js::runner::{self, RunError};
use homefront_functions::lambda::{self, Figures, InvokeResult};
use homefront_functions::process::Spawner;
use homefront_functions::test_function::{OF_A_DEBUG_BUILD, TestResult};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

pub(super) fn run(name: &str, event_file: &Path, config: &Path, as_json: bool) -> ExitCode {
    // Without the warnings: that no behavior uses the function yet is no news to who tries it out.
    let config = match read(config) {
        Ok((config, _)) => config,
        Err(code) => return code,
    };
    let event = match read_event(event_file) {
        Ok(event) => event,
        Err(error) => return refuse(&format!("cannot read the event {}: {error}", event_file.display())),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("cannot start threads: {error}")),
    };
    if let Some(function) = config.functions.iter().find(|function| function.name == name) {
        let invoked = invoke_function((&config, function), event_file, &event, as_json);
        return runtime.block_on(unless_interrupted(invoked)).unwrap_or_else(|code| code);
    }
    if let Some(lambda) = config.lambdas.iter().find(|lambda| lambda.name == name) {
        if event.len() as u64 > limits::LAMBDA_EVENT_BYTES_MAX {
            let file = event_file.display();
            let (length, max) = (length(event_file), limits::LAMBDA_EVENT_BYTES_MAX);
            return refuse(&format!("{file}: the event has {length}; the limit is {max}, as of Lambda's Invoke"));
        }
        return match serde_json::from_slice::<serde::de::IgnoredAny>(&event) {
            Ok(_) => {
                let invoked = invoke_lambda(lambda, event, as_json);
                runtime.block_on(unless_interrupted(invoked)).unwrap_or_else(|code| code)
            }
            Err(error) => refuse(&format!("{}: the event is not JSON: {error}", event_file.display())),
        };
    }
    refuse(&format!("no function is called \"{name}\"\n  hint: this configuration has {}", names(&config)))
}

fn refuse(reason: &str) -> ExitCode {
    complain(&format!("error: {reason}"));
    ExitCode::from(WRONG_INPUT)
}

fn names(config: &Config) -> String {
    let functions = config.functions.iter().map(|function| function.name.as_str());
    let all: Vec<_> = functions.chain(config.lambdas.iter().map(|lambda| lambda.name.as_str())).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// At most one byte more than the largest event is read, so that its size is judged and memory is bounded.
fn read_event(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut event = Vec::new();
    let bound = limits::LAMBDA_EVENT_BYTES_MAX + 1;
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(bound).read_to_end(&mut event)?;
    } else {
        std::fs::File::open(path)?.take(bound).read_to_end(&mut event)?;
    }
    Ok(event)
}

/// How long an event is that is longer than what is read of it. What comes through a pipe has no length.
fn length(path: &Path) -> String {
    match std::fs::metadata(path) {
        Ok(file) if file.len() > limits::LAMBDA_EVENT_BYTES_MAX => format!("{} bytes", file.len()),
        _ => format!("more than {} bytes", limits::LAMBDA_EVENT_BYTES_MAX),
    }
}

async fn invoke_function(
    (config, function): (&Config, &Function),
    event_file: &Path,
    event: &[u8],
    as_json: bool,
) -> ExitCode {
    if let Some(note) = called_elsewhere(config, function, event) {
        complain(&note);
    }
    let since = Clock::default().now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let ran = async {
        let workers = workers()?;
        let spawner = Spawner::start(Some(workers.executable.clone()))?;
        let result = runner::run(function, event, since.as_millis() as u64, &spawner, &workers.executable).await;
        spawner.all_gone().await;
        Ok::<_, std::io::Error>(result)
    };
    let mut result = match ran.await {
        Ok(Ok(result)) => result,
        Ok(Err(error @ RunError::Event(_))) => return refuse(&format!("{}: {error}", event_file.display())),
        Ok(Err(error)) => return refuse(&error.to_string()),
        Err(error) => return refuse(&error.to_string()),
    };
    if let Some(origin) = &result.origin {
        let event = serde_json::from_slice(event).unwrap_or_default();
        match chosen_origin::refusal(config, function, &event, origin) {
            Ok(refusal) => result.failure = result.failure.or(refusal),
            Err(error) => return refuse(&error.to_string()),
        }
    }
    let failed = !result.error_message.is_empty() || result.failure.is_some();
    if as_json {
        print(&pretty(&test_result_json(function, &result)));
        // AWS's shape has no place for it.
        if let Some(refusal) = refusal(&result) {
            complain(&refusal);
        }
    } else {
        print(&test_result_text(&result));
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What to say of an event on which no behavior calls the function, where behaviors call it on the other.
fn called_elsewhere(config: &Config, function: &Function, event: &[u8]) -> Option<String> {
    let only_on = OnlyOn::of(&function.name, config.associations())?;
    let event = serde_json::from_slice::<Value>(event).ok()?;
    let (given, other) = match (event["context"]["eventType"].as_str()?, only_on) {
        ("viewer-request", OnlyOn::ViewerResponse) => ("viewer-request", "viewer_response"),
        ("viewer-response", OnlyOn::ViewerRequest) => ("viewer-response", "viewer_request"),
        _ => return None,
    };
    Some(format!("note: the event is of {given}; behaviors call \"{}\" on {other} only", function.name))
}

/// What CloudFront would answer to a result that TestFunction accepts.
fn refusal(result: &TestResult) -> Option<String> {
    result.failure.as_ref().filter(|_| result.error_message.is_empty()).map(would_answer)
}

/// The shape of CloudFront's TestFunction, as `aws cloudfront test-function` prints it.
fn test_result_json(function: &Function, result: &TestResult) -> Value {
    json!({ "TestResult": {
        "FunctionSummary": function_summary(function),
        "ComputeUtilization": result.compute_utilization.to_string(),
        "FunctionExecutionLogs": result.logs,
        "FunctionErrorMessage": result.error_message,
        "FunctionOutput": result.function_output,
    } })
}

/// What CloudFront would say of the function, had it been created there.
fn function_summary(function: &Function) -> Value {
    const ACCOUNT: &str = "000000000000";
    let runtime = match function.runtime {
        FunctionRuntime::CloudfrontJs1_0 => "cloudfront-js-1.0",
        FunctionRuntime::CloudfrontJs2_0 => "cloudfront-js-2.0",
    };
    let mut config = json!({ "Comment": "", "Runtime": runtime });
    if let Some(store) = &function.key_value_store {
        let arn = format!("arn:aws:cloudfront::{ACCOUNT}:key-value-store/{}", kvs::id(store));
        config["KeyValueStoreAssociations"] = json!({ "Quantity": 1, "Items": [{ "KeyValueStoreARN": arn }] });
    }
    let modified = std::fs::metadata(&function.code).and_then(|file| file.modified()).map(iso_8601);
    let modified = modified.unwrap_or_default();
    json!({
        "Name": function.name,
        "Status": "UNPUBLISHED",
        "FunctionConfig": config,
        "FunctionMetadata": {
            "FunctionARN": format!("arn:aws:cloudfront::{ACCOUNT}:function/{}", function.name),
            "Stage": "DEVELOPMENT",
            "CreatedTime": modified,
            "LastModifiedTime": modified,
        },
    })
}

fn test_result_text(result: &TestResult) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ =
        writeln!(text, "compute utilization: {} ({})", result.compute_utilization, band(result.compute_utilization));
    if let Some(build) = OF_A_DEBUG_BUILD.filter(|_| result.compute_utilization > COMFORTABLE_MAX) {
        let _ = writeln!(text, "  {build}");
    }
    section(&mut text, "log", &result.logs);
    if result.error_message.is_empty() {
        let output = serde_json::from_str::<Value>(&result.function_output);
        let _ =
            writeln!(text, "output:\n{}", output.map_or_else(|_| result.function_output.clone(), |json| pretty(&json)));
    } else {
        let line = result.error_line.map(|line| format!(" (line {line})")).unwrap_or_default();
        let _ = writeln!(text, "error: {}{line}", result.error_message);
        for fault in result.faults.iter().flat_map(|fault| fault.lines()) {
            let _ = writeln!(text, "  {fault}");
        }
    }
    text.extend(refusal(result));
    text.trim_end().to_owned()
}

/// The end of AWS's first band of compute utilization.
const COMFORTABLE_MAX: u8 = 50;

/// AWS's bands of compute utilization.
fn band(utilization: u8) -> &'static str {
    match utilization {
        0..=COMFORTABLE_MAX => "comfortable",
        51..=70 => "nearing the maximum: optimise",
        _ => "at or over the maximum: likely to be throttled",
    }
}

/// The answer a viewer would get, and why.
fn would_answer(failure: &Failure) -> String {
    let (status, result_type) = edge_code(failure.kind);
    format!("CloudFront would answer {status} {result_type}: {}\n  {}", failure_sentence(failure), failure.detail)
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}:");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

async fn invoke_lambda(lambda: &Lambda, event: Vec<u8>, as_json: bool) -> ExitCode {
    let workers = match workers() {
        Ok(workers) => workers,
        Err(error) => return refuse(&error.to_string()),
    };
    let given = serde_json::from_slice(&event).map(|event| Given::read(&event));
    let result = match lambda::invoke(lambda, &workers, event.into()).await {
        Ok(result) => result,
        Err(error) => return refuse(&error.to_string()),
    };
    let judgement = match given {
        _ if result.error.is_some() => result.error.clone().map_or(Judgement::None, Judgement::Failed),
        Ok(Ok(given)) => given.refusal(result.payload.clone()).map_or(Judgement::Accepted, Judgement::Refused),
        Ok(Err(error)) => Judgement::NotAnEvent(error),
        Err(_) => Judgement::None,
    };
    let failed = result.error.is_some() || matches!(judgement, Judgement::Refused(_));
    print(&if as_json { pretty(&invoke_json(&result, &judgement)) } else { invoke_text(&result, &judgement) });
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What CloudFront would say of a function's result.
enum Judgement {
    /// There is no result.
    None,
    Accepted,
    Refused(Failure),
    /// There is no result, and this is why.
    Failed(Failure),
    /// The event is none of CloudFront's, so that nobody can say.
    NotAnEvent(GivenError),
}

impl Judgement {
    fn json(&self) -> Option<Value> {
        Some(match self {
            Self::None => return None,
            Self::Accepted => json!({ "Accepted": true }),
            Self::Refused(failure) | Self::Failed(failure) => {
                let (status, result_type) = edge_code(failure.kind);
                json!({
                    "Accepted": false,
                    "Status": status,
                    "ResultType": result_type.to_string(),
                    "Sentence": failure_sentence(failure),
                    "Reason": failure.detail,
                })
            }
            Self::NotAnEvent(error) => json!({ "Accepted": null, "Reason": error.to_string() }),
        })
    }

    fn text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Accepted => "CloudFront accepts the result".to_owned(),
            Self::Refused(failure) | Self::Failed(failure) => would_answer(failure),
            Self::NotAnEvent(error) => {
                format!("whether CloudFront accepts the result is not known: the event is not one of its own ({error})")
            }
        }
    }
}

fn payload(result: &InvokeResult) -> Value {
    let text = || Value::String(String::from_utf8_lossy(&result.payload).into_owned());
    serde_json::from_slice(&result.payload).unwrap_or_else(|_| text())
}

/// The shape of Lambda's Invoke, with the log as lines, what CloudFront would say of the payload, and what AWS would charge.
fn invoke_json(result: &InvokeResult, judgement: &Judgement) -> Value {
    let mut json = json!({ "StatusCode": 200, "Payload": payload(result), "LogResult": result.log });
    if result.error.is_some() {
        json["FunctionError"] = "Unhandled".into();
    }
    if let Some(judgement) = judgement.json() {
        json["CloudFront"] = judgement;
    }
    let Figures { billed_ms, memory_mb, .. } = result.figures;
    json["Billed"] = json!({ "DurationMs": billed_ms, "MemorySizeMb": memory_mb, "Usd": result.figures.usd() });
    json
}

fn invoke_text(result: &InvokeResult, judgement: &Judgement) -> String {
    let mut text = String::new();
    section(&mut text, "log", &result.log);
    let title = if result.error.is_some() { "error" } else { "output" };
    let _ = writeln!(text, "{title}:\n{}", pretty(&payload(result)));
    text.push_str(&judgement.text());
    text.push('\n');
    text.push_str(&charge(&result.figures));
    text.trim_end().to_owned()
}

/// What AWS would charge for the call, and for as many that cost as much.
fn charge(figures: &Figures) -> String {
    let Figures { invocations, billed_ms, memory_mb, .. } = *figures;
    if invocations == 0 {
        return String::new();
    }
    let million = figures.usd() / invocations as f64 * 1e6;
    format!("billed: {billed_ms} ms with {memory_mb} MB; AWS would charge ${million:.2} for a million such calls")
}

fn pretty(json: &Value) -> String {
    serde_json::to_string_pretty(json).unwrap_or_else(|_| json.to_string())
}
