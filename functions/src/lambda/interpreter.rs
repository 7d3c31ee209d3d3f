//! Asks an interpreter whether it is there and fit, before any function depends on it.

use super::log::Output;
use crate::function_log::FunctionLog;
use crate::process::{Launch, Spawner};
use parking_lot::Mutex;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What decides which interpreter a name stands for, and what it needs to run.
const INHERITED: [&str; 7] =
    ["PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONHOME", "PYENV_ROOT", "PYENV_VERSION", "NVM_DIR"];

/// How long an interpreter may take to say that it is there.
const CHECK_TIME_MAX: Duration = Duration::from_secs(20);

/// What shells end with, and what stands in for interpreters.
const COMMAND_NOT_FOUND: i32 = 127;

/// Runs `interpreter` and gives the last line it printed; `Err` says why there is none, in its own words where it has some.
pub(super) async fn ask(spawner: &Spawner, interpreter: &Path, arguments: Vec<OsString>) -> Result<String, String> {
    let printed = Arc::new(Mutex::new((String::new(), String::new())));
    let lines = printed.clone();
    let log = FunctionLog::new(move |line| {
        let (first, last) = &mut *lines.lock();
        if first.is_empty() {
            line.clone_into(first);
        }
        line.clone_into(last);
    });
    let (output, writer) = Output::new(log).map_err(|error| error.to_string())?;
    let environment = INHERITED.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect();
    let launch = Launch {
        environment,
        folder: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        output: Some(writer),
        ..Launch::new(interpreter, arguments)
    };
    let child = spawner.spawn(launch).await.map_err(|error| error.to_string())?;
    let both = async { tokio::join!(child.wait(), output.clone().pump()).0 };
    let exit = tokio::time::timeout(CHECK_TIME_MAX, both)
        .await
        .map_err(|_| format!("it did not answer within {} s", CHECK_TIME_MAX.as_secs()))?;
    output.end(&[]);
    let (first, last) = std::mem::take(&mut *printed.lock());
    if exit.success() {
        return Ok(last);
    }
    // An error of Python's ends with what it is. What stands in for a version that is not there begins with it, and goes on about others.
    let told = if exit.code() == Some(COMMAND_NOT_FOUND) { first } else { last };
    Err(if told.is_empty() { exit.to_string() } else { told })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    async fn asked(script: &str) -> Result<String, String> {
        let spawner = Spawner::start(None).unwrap();
        ask(&spawner, Path::new("/bin/sh"), ["-c".into(), script.into()].into()).await
    }

    #[tokio::test]
    async fn an_interpreter_that_cannot_run_says_why_in_its_own_words() {
        assert_eq!(asked("echo once; echo 3.11").await.as_deref(), Ok("3.11"));
        let traceback = "echo Traceback; echo ImportError: no such module; exit 1";
        assert_eq!(asked(traceback).await.unwrap_err(), "ImportError: no such module");
        // As a version manager's stand-in for a version that is not there.
        let stand_in = "printf 'python3.99: command not found\\n\\nOthers are:\\n  3.98\\n' >&2; exit 127";
        assert_eq!(asked(stand_in).await.unwrap_err(), "python3.99: command not found");
        assert_eq!(asked("exit 3").await.unwrap_err(), "exit status 3");
    }
}
