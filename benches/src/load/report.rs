//! What is printed: one JSON line for each measurement, and a table of their medians for people.

use super::client::Measured;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// All rounds of one case.
#[derive(Debug)]
pub struct Rounds {
    /// `homefront`, `nginx`.
    pub server: &'static str,
    /// What was asked.
    pub case: &'static str,
    /// One element a round.
    pub figures: Vec<Figures>,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Answers in a second.
    pub requests_per_s: f64,
    /// Microseconds.
    pub p50_us: f64,
    /// Microseconds.
    pub p99_us: f64,
    /// CPU time of the server and its workers for one request, microseconds.
    pub cpu_us: f64,
    /// Requests that were not answered as they must be.
    pub errors: u64,
}

impl Figures {
    /// Of what was measured.
    pub fn of(measured: &Measured) -> Self {
        let requests = measured.latencies_ns.len() as f64;
        Self {
            requests_per_s: requests / measured.elapsed.as_secs_f64(),
            p50_us: f64::from(measured.percentile_ns(0.5)) / 1e3,
            p99_us: f64::from(measured.percentile_ns(0.99)) / 1e3,
            cpu_us: measured.cpu.as_secs_f64() * 1e6 / requests.max(1.0),
            errors: measured.errors,
        }
    }

    /// For machines.
    pub fn json(&self, server: &str, case: &str, round: usize) -> Value {
        let rounded = |value: f64| (value * 100.0).round() / 100.0;
        json!({
            "server": server,
            "case": case,
            "round": round,
            "requests_per_s": rounded(self.requests_per_s),
            "p50_us": rounded(self.p50_us),
            "p99_us": rounded(self.p99_us),
            "cpu_us_per_request": rounded(self.cpu_us),
            "errors": self.errors,
        })
    }
}

/// Medians over the rounds; of the CPU time also the least and the most.
pub fn table(all: &[Rounds]) -> String {
    let mut text = String::from(
        "| server | case | requests/s | p50 µs | p99 µs | CPU µs/request (least to most) | errors |\n|---|---|---|---|---|---|---|\n",
    );
    for rounds in all {
        let of = |figure: fn(&Figures) -> f64| spread(rounds.figures.iter().map(figure));
        let (rate, p50, p99) = (of(|f| f.requests_per_s), of(|f| f.p50_us), of(|f| f.p99_us));
        let cpu = of(|f| f.cpu_us);
        let errors: u64 = rounds.figures.iter().map(|figures| figures.errors).sum();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} | {:.0} | {:.0} | {:.1} ({:.1} to {:.1}) | {errors} |",
            rounds.server, rounds.case, rate.median, p50.median, p99.median, cpu.median, cpu.least, cpu.most
        );
    }
    text
}

/// The CPU time of one case over that of another, in the same round: the median of the rounds, the least and the most.
pub fn ratio(of: &Rounds, over: &Rounds) -> String {
    let ratios = of.figures.iter().zip(&over.figures).map(|(of, over)| of.cpu_us / over.cpu_us);
    let ratio = spread(ratios);
    format!(
        "| {}, {} | {}, {} | {:.2} ({:.2} to {:.2}) |",
        of.server, of.case, over.server, over.case, ratio.median, ratio.least, ratio.most
    )
}

/// Of values in any order; not a number when there are none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The one in the middle, or halfway between the two there.
    pub median: f64,
    /// The most.
    pub most: f64,
}

/// Where the rounds of a measurement lie.
pub fn spread(values: impl IntoIterator<Item = f64>) -> Spread {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    let middle = values.len() / 2;
    let median =
        if values.len().is_multiple_of(2) { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) } else { at(middle) };
    Spread { least: at(0), median, most: at(values.len().wrapping_sub(1)) }
}

/// How a benchmark ends that gave the number of requests that were not answered as they must be.
pub fn exit(errors: io::Result<u64>) -> ExitCode {
    let error = match errors {
        Ok(0) => return ExitCode::SUCCESS,
        Ok(errors) => format!("{errors} requests were not answered as they must be"),
        Err(error) => error.to_string(),
    };
    let _ = writeln!(io::stderr(), "error: {error}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(server: &'static str, cpu_us: &[f64]) -> Rounds {
        let figures = |cpu_us: &f64| Figures {
            requests_per_s: 1e6 / cpu_us,
            p50_us: 1.0,
            p99_us: 2.0,
            cpu_us: *cpu_us,
            errors: 1,
        };
        Rounds { server, case: "hit", figures: cpu_us.iter().map(figures).collect() }
    }

    #[test]
    fn a_table_has_medians_the_spread_of_the_cpu_time_and_all_errors() {
        let row = "| homefront | hit | 50000 | 1 | 2 | 20.0 (10.0 to 40.0) | 3 |\n";
        assert!(table(&[rounds("homefront", &[40.0, 10.0, 20.0])]).ends_with(row));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let (node, rival) = (rounds("homefront", &[10.0, 80.0]), rounds("nginx", &[20.0, 80.0]));
        assert_eq!(ratio(&node, &rival), "| homefront, hit | nginx, hit | 0.75 (0.50 to 1.00) |");
    }
}
