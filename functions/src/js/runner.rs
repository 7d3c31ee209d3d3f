//! One run of one function on one event object, in a worker that can be killed: what `homefront invoke` does.

use super::frame::{Answer, Order, OrderedLoad};
use super::functions::{FunctionsError, faults, read_code};
use super::kvs;
use super::last_lines;
use super::pool::talk::{Talk, TalkError};
use super::ring::{self, NodeEnds};
use crate::process::Spawner;
use crate::test_function::TestResult;
use crate::{Failure, FailureKind};
use homefront_config::Function;
use homefront_config::limits::FUNCTION_LOAD_MS_MAX;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Room for the way to the worker and back, which the function's budget does not pay for.
const OVERHEAD: Duration = Duration::from_millis(100);

const NONSENSE: &str = "its worker answered nonsense";

/// Why there is no result. What the function does wrong is a result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its source or its store cannot be read.
    #[error(transparent)]
    Function(#[from] FunctionsError),
    /// No worker could be started.
    #[error("cannot start a function worker: {0}")]
    Start(#[from] io::Error),
    /// The event object is not one.
    #[error("{0}")]
    Event(String),
    /// The source or the event is larger than a worker takes.
    #[error("the function, its store or the event object is too large")]
    TooLarge,
}

/// Runs `function` on `event_json`. The function sees the time `now_ms`, milliseconds since 1970. `executable` is our own
/// binary. A function that ends its worker or exceeds its budget gets a result that says so.
pub async fn run(
    function: &Function,
    event_json: &[u8],
    now_ms: u64,
    spawner: &Spawner,
    executable: &Path,
) -> Result<TestResult, RunError> {
    const STORE: u32 = 0;
    let code = read_code(function)?;
    let (name, runtime, fidelity) = (function.name.clone(), function.runtime, function.fidelity);
    let load = OrderedLoad { name, runtime, fidelity, code, store: function.key_value_store.as_ref().map(|_| STORE) };
    let store = function.key_value_store.as_ref().map(|store| kvs::load(store).map_err(FunctionsError::from));
    let store = store.transpose()?;
    let mut frames = Vec::new();
    let mut fits = Order::put_load(&mut frames, 0, &load);
    let mut test = Vec::new();
    fits &= Order::put_test(&mut test, &load, event_json, now_ms);
    if !fits {
        return Err(RunError::TooLarge);
    }
    let (mut talk, _) = Talk::start(spawner, executable).await?;
    if let Some(store) = &store {
        talk.give_store(STORE, store).await?;
    }
    let before = Instant::now();
    match talk.ask(&frames, Duration::from_millis(FUNCTION_LOAD_MS_MAX)).await {
        Ok(Answer::Loaded(_, Ok(_), _)) => {}
        Ok(Answer::Loaded(_, Err(error), findings)) => {
            let faults = faults(function, &error, &findings);
            return Ok(TestResult { faults, ..TestResult::could_not_run(&error.message) });
        }
        Ok(_) => return Ok(failed(function, NONSENSE, Vec::new())),
        Err(error) => {
            let what = format!("the engine {error} while it compiled this function");
            return Ok(failed(function, &what, Vec::new()));
        }
    }
    let memory = ring::memory()?;
    let mut printed = NodeEnds::of(&memory)?.printed;
    // The test compiles once more.
    let patience = function.budget + 2 * before.elapsed() + OVERHEAD;
    // The memory goes with the first byte.
    let (first, rest) = test.split_at(1);
    talk.send_with_file(first, memory).await?;
    let what = match talk.ask(rest, patience).await {
        Ok(Answer::Tested(Ok(result))) => return Ok(result),
        Ok(Answer::Tested(Err(event))) => return Err(RunError::Event(event)),
        Ok(_) => NONSENSE.to_owned(),
        Err(TalkError::Late(_)) => {
            let budget_ms = function.budget.as_millis();
            format!("it ran longer than its budget of {budget_ms} ms and was killed")
        }
        Err(error) => format!("its worker {error}"),
    };
    Ok(failed(function, &what, last_lines::of(&mut printed)))
}

fn failed(function: &Function, what: &str, logs: Vec<String>) -> TestResult {
    let detail = format!("function \"{}\": {what}", function.name);
    TestResult {
        logs,
        compute_utilization: 100,
        failure: Some(Failure { kind: FailureKind::FunctionExecution, sentence: None, detail }),
        ..TestResult::could_not_run(what)
    }
}
