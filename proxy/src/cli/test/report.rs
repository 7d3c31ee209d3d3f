//! What `homefront test` prints: each case as it ends, and the sum.

use super::super::print;
use super::WRONG_INPUT;
use homefront_config::cases::Case;
use homefront_functions::test::Mismatch;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

/// What came of a case.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It ran; without a mismatch it passed.
    Ran { mismatches: Vec<Mismatch>, snapshots_written: usize, took: Duration },
    /// Its name does not contain the filter.
    FilteredOut,
}

/// What came of all cases.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) files: Vec<ReportedFile>,
}

/// A case file.
#[derive(Debug)]
pub(super) struct ReportedFile {
    pub(super) name: String,
    /// Why it could not be read.
    pub(super) broken: Option<String>,
    /// Those that ran.
    pub(super) cases: Vec<ReportedCase>,
    filtered_out: usize,
    snapshots_written: usize,
}

/// A case that ran.
#[derive(Debug)]
pub(super) struct ReportedCase {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) mismatches: Vec<Mismatch>,
    pub(super) took: Duration,
}

impl Report {
    /// The cases of a file follow.
    pub(super) fn file(&mut self, name: &str) {
        let file = ReportedFile {
            name: name.to_owned(),
            broken: None,
            cases: Vec::new(),
            filtered_out: 0,
            snapshots_written: 0,
        };
        self.files.push(file);
    }

    /// A file that has no cases because it is wrong.
    pub(super) fn broken_file(&mut self, name: &str, why: &str) {
        self.file(name);
        if let Some(file) = self.files.last_mut() {
            file.broken = Some(why.to_owned());
        }
    }

    /// A case of the last file.
    pub(super) fn case(&mut self, case: &Case, verdict: Verdict) {
        let Some(file) = self.files.last_mut() else { return };
        let Verdict::Ran { mismatches, snapshots_written, took } = verdict else {
            file.filtered_out += 1;
            return;
        };
        if file.cases.is_empty() {
            print(&file.name);
        }
        file.snapshots_written += snapshots_written;
        let case = ReportedCase { name: case.name.clone(), line: case.line, mismatches, took };
        print(&case.told(&file.name));
        file.cases.push(case);
    }

    /// The last lines.
    pub(super) fn summary(&self) -> String {
        let failed = self.failed();
        let mut parts = vec![format!("{} passed", self.cases().count() - failed)];
        let others = [
            (failed, "failed"),
            (self.broken(), "files with errors"),
            (self.files.iter().map(|file| file.filtered_out).sum(), "filtered out"),
            (self.files.iter().map(|file| file.snapshots_written).sum(), "snapshots written"),
        ];
        for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
            let what = if count == 1 {
                what.replace("files", "file").replace("snapshots", "snapshot")
            } else {
                what.to_owned()
            };
            parts.push(format!("{count} {what}"));
        }
        let sum = parts.join(", ");
        if self.cases().count() == 0 && self.broken() == 0 { format!("no case ran: {sum}") } else { format!("\n{sum}") }
    }

    /// 0 when something ran and all of it passed; 1 when a case failed; 2 when a file is wrong or no case ran.
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.broken() > 0 || self.cases().count() == 0 {
            ExitCode::from(WRONG_INPUT)
        } else if self.failed() > 0 {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    fn cases(&self) -> impl Iterator<Item = &ReportedCase> {
        self.files.iter().flat_map(|file| &file.cases)
    }

    fn failed(&self) -> usize {
        self.cases().filter(|case| !case.mismatches.is_empty()).count()
    }

    fn broken(&self) -> usize {
        self.files.iter().filter(|file| file.broken.is_some()).count()
    }
}

impl ReportedCase {
    /// A line, and what did not match.
    fn told(&self, file: &str) -> String {
        if self.mismatches.is_empty() {
            return format!("  ok      {}", self.name);
        }
        let mut text = format!("  FAILED  {}\n          at {file}:{}", self.name, self.line);
        for line in self
            .mismatches
            .iter()
            .flat_map(|mismatch| mismatch.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
        {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n          {line}");
        }
        text
    }
}
