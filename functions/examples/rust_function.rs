//! A Lambda@Edge function in Rust, with AWS's own runtime: built, it is the `bootstrap` of a package for `provided`. The tests run
//! it so; it answers an event with what it was given and what it is told of itself.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(answer)).await
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let LambdaEvent { payload, context } = event;
    if let Some(message) = payload["fail"].as_str() {
        return Err(message.into());
    }
    Ok(json!({
        "payload": payload,
        "function": context.env_config.function_name,
        "arn": context.invoked_function_arn,
        "id": context.request_id,
        "process": std::process::id(),
    }))
}
