//! `homefront test`: the cases beside functions and distributions.

mod call;
mod forwarded;
mod junit;
mod node;
mod reasons;
mod report;
mod snapshot;
mod stand_in;
mod viewer;

use super::interrupted::unless_interrupted;
use super::{WRONG_INPUT, complain, print, workers};
use homefront_config::cases::{self, Case, CaseFile, Trial};
use homefront_functions::edge_code::Workers;
use homefront_functions::process::Spawner;
use homefront_functions::test::Mismatch;
use reasons::Reasons;
use report::{Report, Verdict};
use snapshot::Snapshots;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// What the command line says.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Case files, or folders with case files in them at any depth.
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Only cases whose name, or whose file's path, contains this.
    #[arg(long, short, value_name = "TEXT")]
    filter: Option<String>,
    /// Write the snapshots that cases name instead of comparing with them.
    #[arg(long)]
    update: bool,
    /// Write the results to this file as JUnit XML, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let refuse = |reason: &str| {
        complain(&format!("error: {reason}"));
        ExitCode::from(WRONG_INPUT)
    };
    let files = match files(&arguments.paths) {
        Ok(files) if files.is_empty() => {
            let paths: Vec<_> = arguments.paths.iter().map(|path| path.display().to_string()).collect();
            let hint = format!("case files are called {}", cases::CASE_FILES);
            return refuse(&format!("there is no case file in {}\n  hint: {hint}", paths.join(", ")));
        }
        Ok(files) => files,
        Err(reason) => return refuse(&reason),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let started = runtime.and_then(|runtime| Ok((runtime, Runner::start(arguments)?)));
    let (runtime, mut runner) = match started {
        Ok(started) => started,
        Err(error) => return refuse(&format!("cannot start: {error}")),
    };
    let mut report = Report::default();
    let ran = runtime.block_on(unless_interrupted(async {
        for file in &files {
            runner.file(file, &mut report).await;
        }
        runner.spawner.all_gone().await;
    }));
    if let Err(code) = ran {
        return code;
    }
    print(&report.summary());
    if let Some(file) = &arguments.junit
        && let Err(error) = junit::write(file, &report)
    {
        return refuse(&format!("cannot write {}: {error}", file.display()));
    }
    report.exit_code()
}

/// The case files that paths lead to, each once.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        let cannot = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
        // A file that is named is a case file whatever it is called.
        let found = if std::fs::metadata(path).map_err(cannot)?.is_dir() {
            cases::find(path).map_err(cannot)?
        } else {
            vec![path.clone()]
        };
        for file in found {
            let file = file.strip_prefix(".").map(Path::to_owned).unwrap_or(file);
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    Ok(files)
}

/// What all cases share.
struct Runner<'a> {
    filter: Option<&'a str>,
    workers: Workers,
    spawner: Spawner,
    snapshots: Snapshots,
    reasons: Reasons,
}

impl<'a> Runner<'a> {
    fn start(arguments: &'a Arguments) -> std::io::Result<Self> {
        let workers = workers()?;
        let spawner = Spawner::start(Some(workers.executable.clone()))?;
        let snapshots = if arguments.update { Snapshots::Write } else { Snapshots::Compare };
        Ok(Self { filter: arguments.filter.as_deref(), workers, spawner, snapshots, reasons: Reasons::listen() })
    }

    /// Runs the cases of a file, telling of each as it ends.
    async fn file(&mut self, path: &Path, report: &mut Report) {
        let name = path.display().to_string();
        match cases::load(path, &|name| std::env::var(name).ok()) {
            Ok(file) => {
                report.file(&name);
                for case in &file.cases {
                    let text = self.filter.is_none_or(|text| case.name.contains(text) || name.contains(text));
                    let verdict = if text { self.case(&file, case).await } else { Verdict::FilteredOut };
                    report.case(case, verdict);
                }
            }
            Err(error) => {
                complain(&error.to_string());
                report.broken_file(&name, &error.to_string());
            }
        }
    }

    async fn case(&self, file: &CaseFile, case: &Case) -> Verdict {
        let started = Instant::now();
        let mut found = Findings { snapshots: self.snapshots, mismatches: Vec::new(), written: 0 };
        match &case.trial {
            Trial::Function { function, event, expect } => {
                call::function(self, (&file.config, function), event, expect, &mut found).await;
            }
            Trial::Lambda { lambda, event, expect } => call::lambda(self, lambda, event, expect, &mut found).await,
            Trial::Node { steps, stand_ins, log_contains } => {
                let plan = node::Plan { config: &file.config, steps, stand_ins, log_contains };
                node::run(plan, &self.workers, &self.reasons, &mut found).await;
            }
        }
        let Findings { mismatches, written, .. } = found;
        Verdict::Ran { mismatches, snapshots_written: written, took: started.elapsed() }
    }
}

/// What a case came to so far.
struct Findings {
    snapshots: Snapshots,
    mismatches: Vec<Mismatch>,
    written: usize,
}

impl Findings {
    fn add(&mut self, what: impl Into<String>, detail: impl Into<String>) {
        self.mismatches.push(Mismatch::new(what, detail));
    }

    /// Compares with a snapshot, or writes it if nothing else is wrong.
    fn snapshot(&mut self, file: Option<&Path>, what: &str, text: &str) {
        let Some(file) = file else { return };
        match self.snapshots {
            Snapshots::Compare => self.mismatches.extend(snapshot::compare(file, what, text)),
            Snapshots::Write if self.mismatches.is_empty() => match snapshot::write(file, text) {
                Ok(written) => self.written += usize::from(written),
                Err(error) => self.add(what, format!("cannot write {}: {error}", file.display())),
            },
            Snapshots::Write => {}
        }
    }
}
