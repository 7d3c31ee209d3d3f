//! The admin port: what functions did, and what AWS would charge for it.

use crate::harness::{Answer, Code, Connection, Edge, Language, Reply, Running, in_every_language};
use std::collections::HashMap;

in_every_language! {
    each_functions_calls_errors_and_charges_are_counted,
    a_node_that_stops_says_what_aws_would_charge,
}

const ADMIN: &str = "http = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"";

async fn admin(edge: &Running, method: &str, path: &str, host: &str) -> Answer {
    Connection::open(edge.admin_address())
        .await
        .send(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
        .await
}

/// `name{labels}` to value.
async fn metrics(edge: &Running) -> HashMap<String, f64> {
    let answer = admin(edge, "GET", "/metrics", "127.0.0.1").await;
    let known = answer.header("content-type").map(str::to_owned);
    assert_eq!(known.as_deref(), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = answer.text().to_owned();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse::<f64>().unwrap()))
        .collect()
}

/// A count; all numbers of the text are decimals.
#[allow(clippy::cast_possible_truncation, reason = "it is whole")]
fn whole(count: f64) -> i64 {
    count.round() as i64
}

/// Throws for `/throws`, returns what CloudFront refuses for `/refused`.
fn hook() -> Code {
    Code::around(
        r#"if request["uri"] == "/throws": raise ValueError("boom")
    if request["uri"] == "/refused": request["headers"]["connection"] = [{"value": "close"}]
    return request"#,
        r#"if (request.uri === "/throws") throw new TypeError("boom");
    if (request.uri === "/refused") request.headers.connection = [{ value: "close" }];
    return request;"#,
    )
}

fn edge(language: Language) -> Edge {
    let behavior = "cache_policy = \"CachingDisabled\"\nviewer_request = { function = \"f\" }\norigin_request = { lambda = \"l\" }";
    Edge::before(behavior, |asked| Reply::ok(asked.target))
        .listen(ADMIN)
        .function(
            "f",
            "function handler(event) { if (event.request.uri === '/js') throw new Error('x'); return event.request; }",
        )
        .lambda(language, "l", &hook(), "timeout_s = 20\nmemory_mb = 256")
}

async fn each_functions_calls_errors_and_charges_are_counted(language: Language) {
    let edge = edge(language).start().await;
    for (path, status) in [("/a", 200), ("/b", 200), ("/throws", 503), ("/refused", 502), ("/js", 503)] {
        assert_eq!(edge.get(path).await.status, status, "{path}");
    }
    // The last lines of a call are written after its answer.
    let metrics = loop {
        let metrics = metrics(&edge).await;
        if metrics["homefront_lambda_invocations_total{lambda=\"l\"}"] >= 4.0 {
            break metrics;
        }
        tokio::task::yield_now().await;
    };
    let of_function =
        |name: &str| metrics[&format!("homefront_{name}{{distribution_id=\"ETEST123456789\",function=\"f\"}}")];
    assert_eq!(whole(of_function("function_invocations_total")), 5);
    assert_eq!(whole(of_function("function_execution_errors_total")), 1);
    assert_eq!(whole(of_function("function_validation_errors_total")), 0);
    assert_eq!(whole(of_function("function_compute_utilization_percent_count")), 5);
    assert!((of_function("charge_usd_total") - 5.0e-7).abs() < 1e-12);

    let of_lambda = |name: &str| metrics[&format!("homefront_{name}{{lambda=\"l\"}}")];
    assert_eq!(whole(of_lambda("lambda_invocations_total")), 4);
    assert_eq!(
        (whole(of_lambda("lambda_execution_errors_total")), whole(of_lambda("lambda_validation_errors_total"))),
        (1, 1)
    );
    assert_eq!(
        (whole(of_lambda("lambda_limit_exceeded_total")), whole(of_lambda("lambda_start_failures_total"))),
        (0, 0)
    );
    assert_eq!((whole(of_lambda("lambda_starts_total")), whole(of_lambda("lambda_environments"))), (1, 1));
    assert_eq!(whole(of_lambda("lambda_memory_bytes")), 256 * 1_048_576);
    assert!(of_lambda("lambda_memory_used_bytes_max") > 1_048_576.0, "an interpreter holds something");
    let (duration, billed) = (of_lambda("lambda_duration_seconds_total"), of_lambda("lambda_billed_seconds_total"));
    assert!(0.0 < duration && duration <= billed && billed < duration + 0.004, "{duration} {billed}");
    let charge = 4.0 * 0.60 / 1e6 + billed * 0.25 * 0.000_050_01;
    assert!((of_lambda("charge_usd_total") - charge).abs() < 1e-12, "{charge}");

    let charges = admin(&edge, "GET", "/charges", "localhost").await.text().to_owned();
    for part in ["function \"f\"  5 calls", "lambda \"l\"    4 calls", "with 256 MB", "total         9 calls"] {
        assert!(charges.contains(part), "{part}: {charges}");
    }
    edge.stop().await;
}

async fn a_node_that_stops_says_what_aws_would_charge(language: Language) {
    let called = edge(language).start().await;
    called.get("/a").await;
    let (_origins, stopped) = called.stop_apart();
    assert!(stopped.await.unwrap().contains("lambda \"l\"    1 calls"));
    let idle = edge(language).start().await;
    let (_origins, stopped) = idle.stop_apart();
    assert_eq!(stopped.await, None);
}

#[tokio::test]
async fn the_admin_port_is_read_only_and_for_this_machine() {
    let edge = edge(Language::Python).start().await;
    let of = async |method: &str, path: &str, host: &str| admin(&edge, method, path, host).await;
    assert_eq!(of("GET", "/nothing", "127.0.0.1").await.status, 404);
    assert!(of("GET", "/", "localhost:9180").await.text().contains("/metrics"));
    let refused = of("POST", "/metrics", "127.0.0.1").await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(of("GET", "/metrics", "rebound.example").await.status, 403);
    // Viewers do not reach it.
    assert_eq!(edge.get("/metrics").await.text(), "/metrics");
    edge.stop().await;
}
