//! The results as JUnit XML, which CI systems read.

use super::report::{Report, ReportedCase, ReportedFile};
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use std::io;
use std::path::Path;

/// Writes the file.
pub(super) fn write(file: &Path, report: &Report) -> io::Result<()> {
    let mut junit = Junit::new("homefront test");
    junit.add_test_suites(report.files.iter().map(suite));
    let xml = junit.to_string().map_err(io::Error::other)?;
    std::fs::write(file, xml)
}

/// A suite for each file.
fn suite(file: &ReportedFile) -> TestSuite {
    let mut suite = TestSuite::new(file.name.as_str());
    suite.set_time(file.cases.iter().map(|case| case.took).sum());
    if let Some(why) = &file.broken {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message("the file has errors").set_description(why.as_str());
        let mut case = TestCase::new("the file is read", status);
        case.set_classname(file.name.as_str());
        suite.add_test_case(case);
    }
    suite.add_test_cases(file.cases.iter().map(|case| test_case(file, case)));
    suite
}

fn test_case(file: &ReportedFile, case: &ReportedCase) -> TestCase {
    let status = match &case.mismatches[..] {
        [] => TestCaseStatus::success(),
        [first, ..] => {
            let all: Vec<_> = case.mismatches.iter().map(ToString::to_string).collect();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let message = first.to_string();
            status.set_message(message.lines().next().unwrap_or_default());
            status.set_description(format!("{}:{}\n{}", file.name, case.line, all.join("\n")));
            status
        }
    };
    let mut test_case = TestCase::new(case.name.as_str(), status);
    test_case.set_classname(file.name.as_str()).set_time(case.took);
    test_case
}
