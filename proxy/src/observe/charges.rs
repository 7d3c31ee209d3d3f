//! What AWS would charge for the calls of a node's functions, for people.

use homefront_functions::{EdgeCode, lambda, meter};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A line for each function that was called, and their sum.
pub(crate) fn text(edge_code: &EdgeCode) -> String {
    let mut functions = BTreeMap::new();
    for (_, name, figures) in edge_code.function_figures() {
        *functions.entry(name).or_default() += figures.invocations;
    }
    table(&functions, &edge_code.lambdas().figures())
}

/// The same, or nothing when nothing was called.
pub(crate) fn if_any(edge_code: &EdgeCode) -> Option<String> {
    let functions = edge_code.function_figures().iter().any(|(_, _, figures)| figures.invocations > 0);
    let lambdas = edge_code.lambdas().figures().iter().any(|(_, figures)| figures.invocations > 0);
    (functions || lambdas).then(|| text(edge_code))
}

fn table(functions: &BTreeMap<&str, u64>, lambdas: &[(&str, lambda::Figures)]) -> String {
    let functions = functions.iter().map(|(name, calls)| Row {
        name: format!("function \"{name}\""),
        calls: *calls,
        time: String::new(),
        usd: meter::function_usd(*calls),
    });
    let lambdas = lambdas.iter().map(|(name, figures)| Row {
        name: format!("lambda \"{name}\""),
        calls: figures.invocations,
        time: format!("{} ms with {} MB", figures.billed_ms, figures.memory_mb),
        usd: figures.usd(),
    });
    let mut rows: Vec<_> = functions.chain(lambdas).filter(|row| row.calls > 0).collect();
    // Not `sum`, which is -0 of nothing.
    let total = rows.iter().fold(0.0, |total, row| total + row.usd);
    let calls = rows.iter().map(|row| row.calls).sum();
    rows.push(Row { name: "total".to_owned(), calls, time: String::new(), usd: total });

    let width = |of: fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let name_width = width(|row| row.name.chars().count());
    let calls_width = width(|row| row.calls.to_string().len());
    let time_width = width(|row| row.time.len());
    let mut text = "AWS would charge, free tiers, requests, traffic and logs aside:\n".to_owned();
    for Row { name, calls, time, usd } in &rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:name_width$}  {calls:calls_width$} calls  {time:time_width$}  ${usd:.7}");
    }
    text
}

struct Row {
    name: String,
    calls: u64,
    time: String,
    usd: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_that_was_called_has_a_line_and_all_have_a_sum() {
        let lambda = |invocations, billed_ms, memory_mb| lambda::Figures {
            invocations,
            billed_ms,
            memory_mb,
            ..lambda::Figures::default()
        };
        let functions = BTreeMap::from([("rewrite", 12_034), ("unused", 0)]);
        let lambdas =
            [("resize", lambda(520, 41_320, 1_024)), ("idle", lambda(0, 0, 128)), ("auth", lambda(9, 9, 128))];
        insta::assert_snapshot!(table(&functions, &lambdas), @r#"
        AWS would charge, free tiers, requests, traffic and logs aside:
          function "rewrite"  12034 calls                         $0.0012034
          lambda "resize"       520 calls  41320 ms with 1024 MB  $0.0023784
          lambda "auth"           9 calls  9 ms with 128 MB       $0.0000055
          total               12563 calls                         $0.0035873
        "#);
        insta::assert_snapshot!(table(&BTreeMap::new(), &[]), @"
        AWS would charge, free tiers, requests, traffic and logs aside:
          total  0 calls    $0.0000000
        ");
    }
}
