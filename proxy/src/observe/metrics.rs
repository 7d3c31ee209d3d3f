//! What a node's functions did, as Prometheus reads it (OpenMetrics).
//!
//! CloudWatch's and Lambda's own counts under their own words in snake_case; what is measured in seconds there is in seconds here.

use homefront_functions::js::pool::Figures as FunctionFigures;
use homefront_functions::lambda::Figures as LambdaFigures;
use homefront_functions::{EdgeCode, meter};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;

/// Of [`text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every metric with its present value.
pub(crate) fn text(edge_code: &EdgeCode) -> String {
    let functions = edge_code.function_figures().into_iter();
    let lambdas = edge_code.lambdas().figures().into_iter();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot {
        functions: functions.map(|(id, name, figures)| (id.to_owned(), name.to_owned(), figures)).collect(),
        lambdas: lambdas.map(|(name, figures)| (name.to_owned(), figures)).collect(),
    }));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

/// All figures at one moment.
#[derive(Debug)]
struct Snapshot {
    /// Distribution id, name.
    functions: Vec<(String, String, FunctionFigures)>,
    lambdas: Vec<(String, LambdaFigures)>,
}

type FunctionCount = (&'static str, &'static str, fn(&FunctionFigures) -> u64);

const FUNCTION_COUNTS: &[FunctionCount] = &[
    ("invocations", "Calls of a CloudFront Function", |figures| figures.invocations),
    ("validation_errors", "Results that CloudFront does not accept", |figures| figures.validation_errors),
    ("execution_errors", "Calls that threw or ended without a result", |figures| figures.execution_errors),
    ("throttles", "Calls that were throttled", |figures| figures.throttles),
];

type LambdaCount = (&'static str, &'static str, fn(&LambdaFigures) -> f64);

const LAMBDA_COUNTS: &[LambdaCount] = &[
    ("invocations", "Events that an environment took", |figures| figures.invocations as f64),
    ("duration_seconds", "Time from handing an event over to its end", |figures| figures.duration_us as f64 / 1e6),
    ("billed_seconds", "The same, each event rounded up to milliseconds", |figures| figures.billed_ms as f64 / 1e3),
    ("starts", "Environments that were started", |figures| figures.starts as f64),
    ("start_seconds", "Time their starts took", |figures| figures.start_us as f64 / 1e6),
    ("start_failures", "Environments that could not be started", |figures| figures.start_failures as f64),
    ("execution_errors", "Requests that ended as LambdaExecutionError", |figures| figures.execution_errors as f64),
    ("validation_errors", "Requests that ended as LambdaValidationError", |figures| figures.validation_errors as f64),
    ("limit_exceeded", "Requests that ended as LambdaLimitExceeded", |figures| figures.limit_exceeded as f64),
];

const LAMBDA_GAUGES: &[LambdaCount] = &[
    ("environments", "Environments that start, run or idle", |figures| figures.environments as f64),
    ("memory_bytes", "Memory an environment may use", |figures| f64::from(figures.memory_mb) * MIB),
    ("memory_used_bytes_max", "The most an environment used", |figures| figures.memory_used_mb_max as f64 * MIB),
];

const MIB: f64 = 1_048_576.0;

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, of) in FUNCTION_COUNTS {
            let name = format!("homefront_function_{name}");
            let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
            for (id, function, figures) in &self.functions {
                let labels = [("distribution_id", id.as_str()), ("function", function)];
                count(&mut metric.encode_family(&labels)?, of(figures) as f64)?;
            }
        }
        self.utilization(&mut encoder)?;
        for (counts, kind) in [(LAMBDA_COUNTS, MetricType::Counter), (LAMBDA_GAUGES, MetricType::Gauge)] {
            for (name, help, of) in counts {
                let name = format!("homefront_lambda_{name}");
                let mut metric = encoder.encode_descriptor(&name, help, None, kind)?;
                for (lambda, figures) in &self.lambdas {
                    let labels = [("lambda", lambda.as_str())];
                    let mut metric = metric.encode_family(&labels)?;
                    match kind {
                        MetricType::Gauge => metric.encode_gauge(&of(figures))?,
                        _ => count(&mut metric, of(figures))?,
                    }
                }
            }
        }
        self.charges(&mut encoder)
    }
}

impl Snapshot {
    /// CloudWatch's `FunctionComputeUtilization`, in the developer guide's bands.
    fn utilization(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let name = "homefront_function_compute_utilization_percent";
        let help = "Share of the compute time that CloudFront permits";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (id, function, figures) in &self.functions {
            let labels = [("distribution_id", id.as_str()), ("function", function)];
            let [comfortable, high, over] = figures.utilization;
            let buckets = [(50.0, comfortable), (70.0, high), (f64::MAX, over)];
            let (sum, count) = (figures.utilization_percent_sum as f64, figures.utilization.iter().sum());
            metric.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }

    fn charges(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "What AWS would charge for the calls, in US dollars, free tiers aside";
        let mut metric = encoder.encode_descriptor("homefront_charge_usd", help, None, MetricType::Counter)?;
        for (id, function, figures) in &self.functions {
            let labels = [("distribution_id", id.as_str()), ("function", function)];
            count(&mut metric.encode_family(&labels)?, meter::function_usd(figures.invocations))?;
        }
        for (lambda, figures) in &self.lambdas {
            let labels = [("lambda", lambda.as_str())];
            count(&mut metric.encode_family(&labels)?, figures.usd())?;
        }
        Ok(())
    }
}

fn count(metric: &mut MetricEncoder<'_>, value: f64) -> Result<(), fmt::Error> {
    metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
}
