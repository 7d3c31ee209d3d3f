//! Cases that call one function with one event.

use super::forwarded::forwarded;
use super::{Findings, Runner};
use crate::cli::chosen_origin;
use crate::clock::Clock;
use crate::page::failure_sentence;
use bytes::Bytes;
use homefront_config::cases::{Event, FunctionExpect, LambdaEvent, LambdaMessages};
use homefront_config::limits::CASE_FUNCTION_BUDGET_MIN;
use homefront_config::{Config, Function, Lambda};
use homefront_functions::event::lambda_edge::given::Given;
use homefront_functions::js::runner;
use homefront_functions::test::{self, Ran, Refusal, Seen};
use homefront_functions::{Failure, lambda};
use serde_json::{Value, json};
use std::time::SystemTime;

/// A CloudFront Function.
pub(super) async fn function(
    runner: &Runner<'_>,
    (config, function): (&Config, &Function),
    event: &Event,
    expect: &FunctionExpect,
    found: &mut Findings,
) {
    let event = match event {
        Event::Object(event) => event.clone(),
        Event::Of { request, response: None } => test::viewer_request(request),
        Event::Of { request, response: Some(response) } => test::viewer_response(request, response),
    };
    let function = Function { budget: function.budget.max(CASE_FUNCTION_BUDGET_MIN), ..function.clone() };
    let since = Clock::default().now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (text, executable) = (event.to_string(), &runner.workers.executable);
    let called = runner::run(&function, text.as_bytes(), since.as_millis() as u64, &runner.spawner, executable).await;
    match called {
        Ok(mut result) => {
            if let Some(origin) = &result.origin {
                match chosen_origin::refusal(config, &function, &event, origin) {
                    Ok(refusal) => result.failure = result.failure.or(refusal),
                    Err(error) => return found.add("the configuration cannot be deployed", error.to_string()),
                }
            }
            let ran = Ran::function(&result, result.failure.as_ref().map(refusal));
            judge(expect, &ran, |output| Seen::function_output(output, &event), found);
        }
        Err(error @ runner::RunError::Event(_)) => found.add("event", error.to_string()),
        Err(error) => found.add("the function cannot be run", error.to_string()),
    }
}

/// A Lambda@Edge function.
pub(super) async fn lambda(
    runner: &Runner<'_>,
    lambda: &Lambda,
    event: &LambdaEvent,
    expect: &FunctionExpect,
    found: &mut Findings,
) {
    let event = match event {
        LambdaEvent::Object(event) => event.clone(),
        LambdaEvent::Of(messages) => match made(messages) {
            Ok(event) => event,
            Err(error) => return found.add("event", error),
        },
    };
    let given = match Given::read(&event) {
        Ok(given) => given,
        Err(error) => return found.add("event", error.to_string()),
    };
    match lambda::invoke(lambda, &runner.workers, Bytes::from(event.to_string())).await {
        Ok(result) => {
            let refused = given.refusal(result.payload.clone()).filter(|_| result.error.is_none());
            let ran = Ran::lambda(&result, refused.as_ref().map(refusal));
            judge(expect, &ran, Seen::lambda_output, found);
        }
        Err(error) => found.add("the function cannot be run", error.to_string()),
    }
}

/// The event of a node that gets these messages.
fn made(messages: &LambdaMessages) -> Result<Value, String> {
    let forwarded = messages.origin.as_deref().map(|origin| forwarded(messages, origin)).transpose()?;
    let event = test::lambda_event(messages, forwarded.as_ref().unwrap_or(&messages.request));
    serde_json::from_slice(&event).map_err(|error| error.to_string())
}

fn refusal(failure: &Failure) -> Refusal {
    Refusal { sentence: failure_sentence(failure).to_owned(), reason: failure.detail.clone() }
}

fn judge(expect: &FunctionExpect, ran: &Ran, seen: impl FnOnce(&Value) -> Option<Seen>, found: &mut Findings) {
    found.mismatches.extend(test::call(expect, ran, seen));
    found.snapshot(expect.snapshot.as_deref(), "snapshot", &told(ran));
}

/// All that came of a call, but for what it cost.
fn told(ran: &Ran) -> String {
    let mut told = json!({});
    if let Some(output) = &ran.output {
        told["output"] = ran.varying.value(output);
    }
    if let Some(error) = &ran.error {
        told["error"] = error.as_str().into();
    }
    if let Some(refusal) = &ran.refusal {
        told["refused"] = json!({ "sentence": refusal.sentence, "reason": refusal.reason });
    }
    told["log"] = ran.log.as_slice().into();
    format!("{told:#}\n")
}
