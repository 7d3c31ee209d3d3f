//! Distributions with functions and their real workers, started for a bench.

use crate::typical;
use homefront_config::{Config, Function};
use homefront_functions::function_log::FunctionLog;
use homefront_functions::js::functions::Functions;
use homefront_functions::js::{Call, EventType, Outcome};
use homefront_functions::process::Spawner;
use homefront_functions::{EventContext, Verdict, subcommand};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(1);

/// What a bench waits for at the most.
const PATIENCE: Duration = Duration::from_secs(30);

/// The whole of a bench with function workers, which are the same program.
pub fn run(measure: impl AsyncFnOnce() -> io::Result<()>) -> ExitCode {
    if let Some(code) = subcommand::run() {
        return code;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(measure())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One function of a site.
#[derive(Debug, Clone)]
pub struct Script {
    /// Of which distribution; a number.
    pub distribution: usize,
    /// Its name, one for each function of a site.
    pub name: String,
    /// Its JavaScript.
    pub code: String,
    /// Further lines of its `[[function]]`.
    pub settings: String,
}

/// Functions that run, and their files.
#[derive(Debug)]
pub struct Site {
    /// All functions.
    pub functions: Arc<Functions>,
    config: Config,
    spawner: Spawner,
    folder: TempDir,
}

/// The id of a distribution.
fn id(distribution: usize) -> String {
    format!("EBENCH{distribution:08}")
}

fn configure(folder: &Path, scripts: &[Script], more: &str) -> io::Result<Config> {
    let mut toml = String::new();
    let distributions = scripts.iter().map(|script| script.distribution).max().map_or(0, |last| last + 1);
    // Writing to a string cannot fail.
    for distribution in 0..distributions {
        let _ = write!(
            toml,
            "[[distribution]]\nid = \"{}\"\naliases = [\"{distribution}.example\"]\n\
             [[distribution.origin]]\nid = \"app\"\ndomain_name = \"127.0.0.1\"\n\
             [distribution.default_behavior]\ntarget_origin = \"app\"\n",
            id(distribution)
        );
        for Script { name, .. } in scripts.iter().filter(|script| script.distribution == distribution) {
            let _ = write!(
                toml,
                "[[distribution.behavior]]\npath_pattern = \"/{name}\"\ntarget_origin = \"app\"\n\
                 viewer_request = {{ function = \"{name}\" }}\n"
            );
        }
    }
    for Script { name, code, settings, .. } in scripts {
        std::fs::write(folder.join(format!("{name}.js")), code)?;
        let _ = write!(toml, "[[function]]\nname = \"{name}\"\ncode = \"{name}.js\"\n{settings}\n");
    }
    toml += more;
    let parsed = homefront_config::parse("bench.toml", &toml, folder, &|_| None);
    parsed.map(|(config, _)| config).map_err(|report| io::Error::other(report.to_string()))
}

impl Site {
    /// Starts functions; `more` is added to the configuration, `files` lie beside it.
    pub async fn start(scripts: &[Script], workers: usize, more: &str, files: &[(&str, Vec<u8>)]) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content)?;
        }
        let config = configure(folder.path(), scripts, more)?;
        let spawner = Spawner::start(None)?;
        let log = FunctionLog::new(|_| {});
        let functions = Functions::start(&config, &spawner, std::env::current_exe()?, workers, log).await;
        let functions = Arc::new(functions.map_err(io::Error::other)?);
        Ok(Self { functions, config, spawner, folder })
    }

    /// A function by its name.
    pub fn function(&self, name: &str) -> io::Result<Arc<Function>> {
        let found = self.config.functions.iter().find(|function| function.name == name);
        found.cloned().ok_or_else(|| io::Error::other(format!("no function {name}")))
    }

    /// Where a function's code is.
    pub fn code(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.js"))
    }

    /// Waits until there are so many workers; gives their process ids, the spares last.
    pub async fn staffed(&self, workers: usize) -> io::Result<Vec<u32>> {
        let staffed = async {
            loop {
                let ids = self.functions.worker_ids();
                if ids.len() == workers {
                    return ids;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, staffed).await.map_err(|_| io::Error::other("too few workers"))
    }

    /// Ends all workers.
    pub async fn stop(self) {
        self.functions.stop();
        self.spawner.all_gone().await;
    }
}

/// Who asks a distribution for a page.
pub fn context(distribution: usize) -> EventContext {
    EventContext { distribution_id: id(distribution).into(), ..typical::context() }
}

/// Calls a function on a typical viewer request; whether it let the request continue.
pub async fn call(functions: &Functions, function: &Function, context: &EventContext) -> Result<String, String> {
    let request = typical::request(typical::PATH);
    let call = Call {
        event_type: EventType::ViewerRequest,
        context,
        request: &request,
        response: None,
        now_ms: 1_795_442_400_000,
        random_seed: 7,
    };
    match functions.call(function, &call).await.outcome {
        Outcome::Request(Verdict::Continue(edit)) => {
            Ok(edit.uri.map(|uri| String::from_utf8_lossy(&uri).into_owned()).unwrap_or_default())
        }
        other => Err(format!("{other:?}")),
    }
}

/// A figure at a share of sorted ones.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let all: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        let of = |share| percentile(&all, share).as_millis();
        assert_eq!((of(0.0), of(0.5), of(0.99), of(1.0)), (1, 50, 99, 100));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }
}
