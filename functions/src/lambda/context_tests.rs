//! The environment variables of a function, as Lambda's documentation lists them.
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::lambda::fixture::{Fixture, Language, in_every_language, source};
use serde_json::{Value, json};
use std::net::SocketAddr;

in_every_language! {
    s8_5_the_environment_variables_are_lambdas,
}

/// What it looks like, whatever its digits are.
fn shape(text: &str) -> String {
    text.chars().map(|character| if character.is_ascii_hexdigit() { '0' } else { character }).collect()
}

async fn s8_5_the_environment_variables_are_lambdas(language: Language) {
    let all = source(
        "import os\ndef handler(event, context): return dict(os.environ)",
        "exports.handler = async () => process.env;",
    );
    let fixture = Fixture::of(language, &all, |_, _| {});
    let seen = fixture.result(json!({})).await;
    let code = fixture.code.path().to_str().unwrap();
    let region = std::env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned());
    let runtime = match language {
        Language::Python => json!("AWS_Lambda_python3.13"),
        Language::Node => json!("AWS_Lambda_nodejs22.x"),
        Language::Provided => Value::Null,
    };
    for (name, value) in [
        ("_HANDLER", json!("app.handler")),
        ("AWS_REGION", json!(region)),
        ("AWS_DEFAULT_REGION", json!(region)),
        ("AWS_EXECUTION_ENV", runtime),
        ("AWS_LAMBDA_FUNCTION_NAME", json!("us-east-1.hook")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", json!("128")),
        ("AWS_LAMBDA_FUNCTION_VERSION", json!("1")),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", json!("on-demand")),
        ("AWS_LAMBDA_LOG_GROUP_NAME", json!("/aws/lambda/us-east-1.hook")),
        ("LAMBDA_TASK_ROOT", json!(code)),
        ("TZ", json!(":UTC")),
        ("LANG", json!("en_US.UTF-8")),
        // Text, every level, one event at a time.
        ("AWS_LAMBDA_LOG_FORMAT", Value::Null),
        ("AWS_LAMBDA_LOG_LEVEL", Value::Null),
        ("AWS_LAMBDA_MAX_CONCURRENCY", Value::Null),
        ("_LAMBDA_TELEMETRY_LOG_FD", Value::Null),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
    let stream = seen["AWS_LAMBDA_LOG_STREAM_NAME"].as_str().unwrap();
    assert_eq!(shape(stream), shape("2026/11/23/[1]0123456789abcdef0123456789abcdef"), "{stream}");
    let api: SocketAddr = seen["AWS_LAMBDA_RUNTIME_API"].as_str().unwrap().parse().unwrap();
    assert!(api.ip().is_loopback(), "{api}");
    for name in ["LAMBDA_RUNTIME_DIR", "TMPDIR", "PATH"] {
        assert!(seen[name].as_str().unwrap_or_default().starts_with('/'), "{name}: {}", seen[name]);
    }
    for name in ["LD_LIBRARY_PATH", "NODE_PATH"] {
        assert!(seen[name].as_str().unwrap().split(':').any(|path| path == code), "{name}: {}", seen[name]);
    }
    let trace = seen["_X_AMZN_TRACE_ID"].as_str().unwrap_or_default();
    let example = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
    // The Runtime API hands it over with each event; to set the variable is the runtime's part.
    let expected = if language == Language::Provided { "" } else { example };
    assert_eq!(shape(trace), shape(expected), "{trace:?}");
    fixture.stop().await;
}
