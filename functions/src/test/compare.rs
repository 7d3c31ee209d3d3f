//! What a case expects against what came of it.

use super::{Mismatch, Ran, Seen, diff, json, shortened};
use crate::test_function::OF_A_DEBUG_BUILD;
use homefront_config::cases::{AnswerExpect, End, FunctionExpect, MessageExpect, OriginRequestExpect, ResultExpect};
use serde_json::Value;

/// A call of a function; `seen` makes a message of what it returned.
pub fn call(expect: &FunctionExpect, ran: &Ran, seen: impl FnOnce(&Value) -> Option<Seen>) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    match (&expect.end, ran) {
        (End::Error(part), Ran { error: Some(error), .. }) => {
            contains("error_contains", &ran.varying.text(part), error, &mut mismatches);
        }
        (End::Error(part), _) => {
            mismatches.push(Mismatch::values("error_contains", format!("an error with {part:?}"), "none"));
        }
        (_, Ran { error: Some(error), .. }) => mismatches.push(Mismatch::new("the function failed", error)),
        (End::Refused(part), Ran { refusal: Some(refusal), .. }) => {
            contains("refused_contains", part, &refusal.to_string(), &mut mismatches);
        }
        (End::Refused(part), _) => {
            let expected = format!("CloudFront to refuse the result with {part:?}");
            mismatches.push(Mismatch::values("refused_contains", expected, "a result that it accepts"));
        }
        (End::Result(_), Ran { refusal: Some(refusal), .. }) => {
            mismatches.push(Mismatch::new("CloudFront refuses the result", refusal.to_string()));
        }
        (End::Result(expect), Ran { output: Some(output), .. }) => {
            result(expect, output, seen(output), &mut mismatches);
        }
        (End::Result(_), _) => mismatches.push(Mismatch::new("the function", "returned nothing")),
    }
    log(expect, ran, &mut mismatches);
    mismatches
}

fn result(expect: &ResultExpect, output: &Value, seen: Option<Seen>, mismatches: &mut Vec<Mismatch>) {
    mismatches.extend(expect.output.as_ref().and_then(|expected| json::whole("output", expected, output)));
    if let Some(part) = &expect.output_contains {
        mismatches.extend(json::part("output_contains", part, output));
    }
    let Some(seen) = seen else {
        mismatches.push(Mismatch::new("the function", "returned neither a request nor a response"));
        return;
    };
    optional("uri", expect.uri.as_ref(), seen.uri.as_ref(), mismatches);
    optional("querystring", expect.querystring.as_ref(), seen.querystring.as_ref(), mismatches);
    message(&expect.message, &seen, "", mismatches);
}

fn log(expect: &FunctionExpect, ran: &Ran, mismatches: &mut Vec<Mismatch>) {
    // What happens to be called as the package is, a path of the site for instance, is masked on both sides.
    let masked = |lines: &[String]| lines.iter().map(|line| ran.varying.line(line)).collect::<Vec<_>>();
    if let Some(lines) = expect.log.as_deref().map(masked)
        && lines != ran.log
    {
        let text = |lines: &[String]| lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
        mismatches.push(Mismatch::new("log", diff(&text(&lines), &text(&ran.log))));
    }
    mismatches.extend(log_contains(&masked(&expect.log_contains), &ran.log));
    if let (Some(most), Some(utilization)) = (expect.utilization_max, ran.utilization)
        && utilization > most
    {
        let found = OF_A_DEBUG_BUILD.map_or(utilization.to_string(), |build| format!("{utilization}, {build}"));
        mismatches.push(Mismatch::values("utilization_max", format!("{most} at most"), found));
    }
}

/// Texts that must occur in some line.
pub fn log_contains(texts: &[String], lines: &[String]) -> Vec<Mismatch> {
    let missing = texts.iter().filter(|text| !lines.iter().any(|line| line.contains(text.as_str())));
    let mismatch = |text| {
        let expected = format!("a line with {text:?}");
        match lines {
            [] => Mismatch::values("log_contains", expected, "no line"),
            lines => Mismatch::within("log_contains", expected, &lines.join("\n")),
        }
    };
    missing.map(mismatch).collect()
}

/// An answer of a node.
pub fn answer(expect: &AnswerExpect, seen: &Seen) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    message(&expect.message, seen, "", &mut mismatches);
    mismatches
}

/// What an origin got.
pub fn origin_request(expect: &OriginRequestExpect, method: &str, target: &str, seen: &Seen) -> Vec<Mismatch> {
    const WHERE: &str = "origin_request.";
    let mut mismatches = Vec::new();
    optional("origin_request.method", expect.method.as_deref(), Some(method), &mut mismatches);
    optional("origin_request.path", expect.target.as_deref(), Some(target), &mut mismatches);
    message(&expect.message, seen, WHERE, &mut mismatches);
    mismatches
}

fn message(expect: &MessageExpect, seen: &Seen, place: &str, mismatches: &mut Vec<Mismatch>) {
    if let Some(status) = expect.status
        && seen.status != Some(status)
    {
        let found = seen.status.map_or_else(|| "a request, which has none".to_owned(), |found| found.to_string());
        mismatches.push(Mismatch::values(format!("{place}status"), status, found));
    }
    for (name, lines) in &expect.headers {
        let found = seen.lines(name);
        if *lines != found {
            mismatches.push(Mismatch::values(format!("{place}headers: {name}"), quoted(lines), quoted(&found)));
        }
    }
    for name in expect.present_headers.iter().filter(|name| seen.lines(name).is_empty()) {
        mismatches.push(Mismatch::values(format!("{place}present_headers: {name}"), "any value", "nothing"));
    }
    for name in &expect.absent_headers {
        let found = seen.lines(name);
        if !found.is_empty() {
            mismatches.push(Mismatch::values(format!("{place}absent_headers: {name}"), "nothing", quoted(&found)));
        }
    }
    body(expect, seen, place, mismatches);
}

fn body(expect: &MessageExpect, seen: &Seen, place: &str, mismatches: &mut Vec<Mismatch>) {
    let found = seen.body.as_deref().map(String::from_utf8_lossy);
    if let Some(body) = &expect.body
        && found.as_deref() != Some(body)
    {
        let what = format!("{place}body");
        mismatches.push(match &found {
            Some(found) if body.contains('\n') || found.contains('\n') => Mismatch::new(what, diff(body, found)),
            Some(found) => Mismatch::values(what, format!("{body:?}"), format!("{found:?}")),
            None => Mismatch::values(what, format!("{body:?}"), "none"),
        });
    }
    if let Some(part) = &expect.body_contains {
        contains(&format!("{place}body_contains"), part, found.as_deref().unwrap_or_default(), mismatches);
    }
}

fn contains(what: &str, part: &str, found: &str, mismatches: &mut Vec<Mismatch>) {
    if !found.contains(part) {
        let expected = format!("{part:?} in it");
        mismatches.push(if found.contains('\n') {
            Mismatch::within(what, expected, found)
        } else {
            Mismatch::values(what, expected, shortened(&format!("{found:?}")))
        });
    }
}

fn optional<T: AsRef<str> + ?Sized>(
    what: &str,
    expected: Option<&T>,
    found: Option<&T>,
    mismatches: &mut Vec<Mismatch>,
) {
    let Some(expected) = expected.map(AsRef::as_ref) else { return };
    let found = found.map(AsRef::as_ref);
    if found != Some(expected) {
        let found = found.map_or_else(|| "a response, which has none".to_owned(), |found| format!("{found:?}"));
        mismatches.push(Mismatch::values(what, format!("{expected:?}"), found));
    }
}

fn quoted(lines: &[impl AsRef<str>]) -> String {
    match lines {
        [] => "nothing".to_owned(),
        lines => lines.iter().map(|line| format!("{:?}", line.as_ref())).collect::<Vec<_>>().join(", "),
    }
}
