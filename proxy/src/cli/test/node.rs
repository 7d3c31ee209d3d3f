//! Cases that ask a node: it is started for each case, on ports of its own, with a clock that the case moves.

use super::Findings;
use super::reasons::Reasons;
use super::stand_in::{Asked, Log, Serving};
use super::viewer;
use crate::clock::Clock;
use crate::server::Server;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homefront_config::association::ViewerCode;
use homefront_config::cases::{AnswerExpect, StandIn, Step};
use homefront_config::log::LogTarget;
use homefront_config::origin::OriginKind;
use homefront_config::{Config, Function, limits};
use homefront_functions::edge_code::Workers;
use homefront_functions::test::{self, Mismatch, Seen};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// A case's part of it.
pub(super) struct Plan<'a> {
    pub(super) config: &'a Config,
    pub(super) steps: &'a [Step],
    pub(super) stand_ins: &'a [StandIn],
    pub(super) log_contains: &'a [String],
}

/// Headers that differ from run to run.
const VARYING: [&str; 7] = ["age", "date", "etag", "last-modified", "via", "x-amz-cf-id", "x-amz-cf-pop"];

/// Runs a case.
pub(super) async fn run(plan: Plan<'_>, workers: &Workers, reasons: &Reasons, found: &mut Findings) {
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return found.add("the node", format!("has no folder for its log: {error}")),
    };
    let function_log = folder.path().join("functions.log");
    let asked = Log::default();
    let mut config = private(plan.config, &function_log);
    let mut serving = Vec::new();
    for stand_in in plan.stand_ins {
        match Serving::start(stand_in, asked.clone()).await {
            Ok(server) => {
                stand_in_for(&mut config, &stand_in.origin, server.address);
                serving.push(server);
            }
            Err(error) => return found.add("origin", format!("nothing can stand in for it: {error}")),
        }
    }
    let clock = Clock::default();
    let server = match Server::start(&config, workers.clone(), clock.clone()).await {
        Ok(server) => server,
        Err(error) => return found.add("the node does not start", error.to_string()),
    };
    let ports = (server.http[0], server.https.first().copied());
    reasons.forget();
    let mut wrong = Vec::new();
    let mut request_ids = Vec::new();
    for (number, step) in plan.steps.iter().enumerate() {
        clock.advance(step.after);
        asked.lock().clear();
        let answer = viewer::ask(ports.0, ports.1, &step.request).await;
        let asked = std::mem::take(&mut *asked.lock());
        let place = match plan.steps {
            [_] => String::new(),
            _ => format!("step {}, {} {}: ", number + 1, step.request.method, step.request.target),
        };
        let request_id = answer.as_ref().ok().and_then(request_id);
        let right = found.mismatches.len();
        // What is cached may have the id of the request that it was made for.
        request_ids.extend(request_id.clone());
        judge(&step.expect, answer, &asked, &place, &request_ids, found);
        if found.mismatches.len() > right {
            wrong.extend(request_id.map(|id| (place, id)));
        }
    }
    // The reasons are told at the latest when the node has ended.
    server.stop().await;
    for (place, request_id) in wrong {
        if let Some(reason) = reasons.take(&request_id) {
            found.add(format!("{place}the node's reason"), reason);
        }
    }
    if !plan.log_contains.is_empty() {
        let log = std::fs::read_to_string(&function_log).unwrap_or_default();
        let lines: Vec<_> = log.lines().map(str::to_owned).collect();
        found.mismatches.extend(test::log_contains(plan.log_contains, &lines));
    }
}

/// The configuration without what it says of this machine: ports, logs, and budgets that a busy one would exceed.
fn private(config: &Config, function_log: &Path) -> Config {
    let mut config = config.clone();
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.listen.http = vec![any_port];
    config.listen.https = config.listen.certificate.iter().map(|_| any_port).collect();
    config.listen.admin = None;
    config.log.access = None;
    config.log.function = LogTarget::File(function_log.to_owned());
    for distribution in &mut config.distributions {
        let distribution = Arc::make_mut(distribution);
        for behavior in distribution.behaviors.iter_mut().chain([&mut distribution.default_behavior]) {
            let associations = &mut Arc::make_mut(behavior).associations;
            for code in [&mut associations.viewer_request, &mut associations.viewer_response].into_iter().flatten() {
                if let ViewerCode::Function(function) = code {
                    patient(function);
                }
            }
        }
    }
    config.functions.iter_mut().for_each(patient);
    config
}

fn patient(function: &mut Arc<Function>) {
    let function = Arc::make_mut(function);
    function.budget = function.budget.max(limits::CASE_FUNCTION_BUDGET_MIN);
}

/// Sends what is for an origin to another address. Its name stays, as functions and the origin itself see it.
fn stand_in_for(config: &mut Config, id: &str, address: SocketAddr) {
    for distribution in &mut config.distributions {
        for origin in Arc::make_mut(distribution).origins.iter_mut().filter(|origin| origin.id == id) {
            match &mut Arc::make_mut(origin).kind {
                OriginKind::Directory { stand_in, .. } => *stand_in = Some(address),
                OriginKind::Custom(server) => server.stand_in = Some(address),
            }
        }
    }
}

fn judge(
    expect: &AnswerExpect,
    answer: Result<Seen, String>,
    asked: &[Asked],
    place: &str,
    request_ids: &[String],
    found: &mut Findings,
) {
    let seen = match answer {
        Ok(seen) => seen,
        Err(reason) => return found.add(format!("{place}the request failed"), reason),
    };
    let mut mismatches = test::answer(expect, &seen);
    if let Some(count) = expect.origin_requests
        && count != asked.len()
    {
        let asked: Vec<_> = asked.iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect();
        let list = if asked.is_empty() { String::new() } else { format!(": {}", asked.join(", ")) };
        mismatches.push(Mismatch::new("origin_requests", format!("expected {count}, found {}{list}", asked.len())));
    }
    if let Some(expect) = &expect.origin_request {
        match asked.last() {
            Some(asked) => {
                mismatches.extend(test::origin_request(expect, &asked.method, &asked.target, &asked.message));
            }
            None => mismatches.push(Mismatch::new("origin_request", "no stand-in got a request")),
        }
    }
    let named = |mismatch: Mismatch| Mismatch { what: format!("{place}{}", mismatch.what), ..mismatch };
    found.mismatches.extend(mismatches.into_iter().map(named));
    found.snapshot(expect.snapshot.as_deref(), &format!("{place}snapshot"), &told(&seen, request_ids));
}

fn request_id(answer: &Seen) -> Option<String> {
    let id = answer.headers.iter().find(|(name, _)| name == "x-amz-cf-id");
    id.map(|(_, id)| id.clone()).filter(|id| !id.is_empty())
}

/// All that came of a request. The ids are those of the case so far.
fn told(seen: &Seen, request_ids: &[String]) -> String {
    // The node's own pages have one in them, and so has what an origin or a function makes of it.
    let without_id =
        |text: &str| request_ids.iter().fold(text.to_owned(), |text, id| text.replace(id.as_str(), test::REQUEST_ID));
    let mut text = format!("{}\n", seen.status.unwrap_or_default());
    for (name, value) in &seen.headers {
        let value = if VARYING.contains(&name.as_str()) { "[varies]".to_owned() } else { without_id(value) };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {value}");
    }
    let body = seen.body.as_deref().unwrap_or_default();
    text.push('\n');
    match std::str::from_utf8(body) {
        Ok(body) => text.push_str(&without_id(body)),
        Err(_) => {
            let _ = write!(text, "[{} bytes, SHA-256 {}]", body.len(), STANDARD.encode(Sha256::digest(body)));
        }
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
