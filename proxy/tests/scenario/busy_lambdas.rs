//! More requests than a Lambda@Edge function has environments: they wait, and what is too much is throttled as on CloudFront.

use crate::harness::{
    Answer, Code, Edge, Gate, Http2, Language, Program, Reply, Waiting, in_every_language, one_origin,
};
use homefront_config::limits::{LAMBDA_QUEUE_EVENTS_MAX, LAMBDA_QUEUE_WAIT_MS_MAX};
use std::collections::{BTreeMap, HashMap, HashSet};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const THROTTLED: &str = "The Lambda function associated with the CloudFront distribution was throttled.";

in_every_language! {
    c23_every_environment_busy_and_the_queue_full_is_cloudfronts_page_of_a_throttled_function,
    a_thousand_requests_at_once_for_four_environments_are_answered_harm_nobody_and_leave_nothing,
}

/// A program whose default behavior answers by a function that prints the path and waits at a gate first, if the path names one
/// (`/gate/PORT/...`), and whose behavior `/other/*` has none.
async fn program(language: Language, settings: &str) -> Program {
    let python = r#"
def handler(event, context):
    uri = event["Records"][0]["cf"]["request"]["uri"]
    print("asked:", uri, flush=True)
    if uri.startswith("/gate/"): wait_at(int(uri.split("/")[2]))
    return {"status": "200", "body": uri}
"#;
    let node = r#"
exports.handler = async (event) => {
    const { uri } = event.Records[0].cf.request;
    console.log("asked:", uri);
    if (uri.startsWith("/gate/")) await waitAt(Number(uri.split("/")[2]));
    return { status: "200", body: uri };
};
"#;
    let code = Code { python: format!("{}{python}", Gate::PYTHON), node: format!("{}{node}", Gate::NODE) };
    let behavior = "origin_request = { lambda = \"l\" }\n[[distribution.behavior]]\npath_pattern = \"/other/*\"\ntarget_origin = \"app\"";
    let toml =
        format!("[log]\naccess = {{ path = \"access.log\" }}\nfunction = \"functions.log\"\n{}", one_origin(behavior));
    let edge = Edge::with(toml).origin("app", |asked| Reply::ok(asked.target).closing());
    Program::start(edge.lambda(language, "l", &code, settings)).await
}

/// Sends GET requests for all these paths at once, on a few connections; gives what comes in the order it comes.
async fn at_once(program: &Program, paths: Vec<String>) -> JoinSet<(String, Answer)> {
    let mut answers = JoinSet::new();
    for paths in paths.chunks(120) {
        let viewer = std::sync::Arc::new(Http2::over(TcpStream::connect(program.address).await.unwrap()).await);
        for path in paths {
            let (viewer, path) = (viewer.clone(), path.clone());
            answers.spawn(async move {
                let request = http::Request::get(format!("http://dtest123456789.cloudfront.net{path}"));
                let answer = viewer.send(request.body(()).unwrap(), &[]).await;
                (path, answer)
            });
        }
    }
    answers
}

/// The function's own answer, or word that it is throttled; gives whether it is the first.
fn served_or_throttled(path: &str, answer: &Answer) -> bool {
    match answer.status {
        200 => assert_eq!((answer.text(), answer.x_cache()), (path, "LambdaGeneratedResponse")),
        status => assert_eq!(
            (status, answer.header("x-cache"), answer.sentence()),
            (503, Some("LambdaLimitExceeded from cloudfront"), THROTTLED),
            "{path}"
        ),
    }
    answer.status == 200
}

/// What an access log says: how many different paths it has, of which each must be there once, and of those that were throttled how
/// many seconds each took.
fn told(log: &str) -> (usize, HashMap<String, f64>) {
    let requests: Vec<Vec<&str>> =
        log.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect()).collect();
    let paths: HashSet<_> = requests.iter().map(|fields| fields[7]).collect();
    assert_eq!(paths.len(), requests.len(), "one line for each request: {log}");
    let throttled = requests.iter().filter(|fields| fields[13] == "LambdaLimitExceeded");
    (paths.len(), throttled.map(|fields| (fields[7].to_owned(), fields[18].parse().unwrap())).collect())
}

/// The paths the function was asked for, by its own log.
fn invocations(log: &str) -> Vec<&str> {
    let mut paths: Vec<_> = log.lines().filter_map(|line| Some(line.split_once("asked: ")?.1)).collect();
    paths.sort_unstable();
    paths
}

/// What the function log says of each environment, and of none.
fn by_source(log: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in log.lines() {
        let (source, line) = line.split_once('\t').expect("whose line it is");
        found.entry(source).or_default().push(line);
    }
    found
}

/// Why requests were throttled, as the function's log has it: each line names a request, and is of no environment.
fn throttlings(log: &str) -> Vec<&str> {
    let of_none = log.lines().filter_map(|line| line.strip_prefix("lambda/l\t("));
    of_none.map(|line| line.split_once(") ERROR lambda \"l\": ").expect("why it was throttled").1).collect()
}

/// Which moment of a call a line is of.
fn moment(line: &str) -> Option<&'static str> {
    ["START", "END", "REPORT"]
        .into_iter()
        .find(|moment| line.starts_with(moment))
        .or_else(|| line.contains("asked: ").then_some("asked"))
}

async fn c23_every_environment_busy_and_the_queue_full_is_cloudfronts_page_of_a_throttled_function(language: Language) {
    const TOO_MANY: usize = 5;
    let gate = Gate::new().await;
    let at_the_gate = format!("/gate/{}", gate.port());
    let mut program = program(language, "timeout_s = 30\nconcurrency_max = 1").await;
    let mut log = program.binary.log();
    assert_eq!(program.get("/warm").await.text(), "/warm");
    assert_eq!(program.get("/other/warm").await.text(), "/other/warm");
    let (before, memory_mib) = (program.held(), program.memory_mib());
    let mut busy = at_once(&program, vec![at_the_gate.clone()]).await;
    let waiting = gate.arrival().await;
    let paths = (0..LAMBDA_QUEUE_EVENTS_MAX + TOO_MANY).map(|number| format!("/{number}")).collect();
    let mut queued = at_once(&program, paths).await;
    for _ in 0..TOO_MANY {
        let (path, answer) = queued.join_next().await.unwrap().unwrap();
        assert!(!served_or_throttled(&path, &answer), "nobody is served before the function is let on");
        assert!(answer.text().contains("<H1>503 ERROR</H1>"), "{}", answer.text());
    }
    for number in 0..20 {
        let path = format!("/other/{number}");
        assert_eq!(program.get(&path).await.text(), path, "another behavior is served meanwhile");
    }
    assert!(busy.try_join_next().is_none(), "the function still waits");
    drop(waiting);
    assert_eq!(busy.join_next().await.unwrap().unwrap().1.text(), at_the_gate);
    let mut served = 0;
    while let Some(answered) = queued.join_next().await {
        let (path, answer) = answered.unwrap();
        served += usize::from(served_or_throttled(&path, &answer));
    }
    assert!(served > 0, "those who wait are served");
    assert_eq!(program.get("/after").await.text(), "/after");
    let line = log.line_with("is busy and").await;
    assert!(line.contains("1 environment is busy and 1024 events wait; concurrency_max is 1"), "{line}");
    program.holds_no_more_than(&before).await;
    let used = program.memory_mib();
    assert!(used <= memory_mib + 96, "{memory_mib} MiB before, {used} after");
    let [log, functions] = program.stop_and_read_all(["access.log", "functions.log"]).await;
    let (lines, throttled) = told(&log);
    assert_eq!(throttled.len(), TOO_MANY + LAMBDA_QUEUE_EVENTS_MAX - served, "{log}");
    let reasons = throttlings(&functions);
    assert_eq!(reasons.len(), throttled.len(), "the function's log has a line for each: {functions}");
    let too_many = "1 environment is busy and 1024 events wait; concurrency_max is 1";
    assert_eq!(reasons.iter().filter(|reason| **reason == too_many).count(), TOO_MANY, "{reasons:?}");
    // Of the function and of the other behavior, before, meanwhile and after.
    assert_eq!(lines, 2 + 1 + LAMBDA_QUEUE_EVENTS_MAX + TOO_MANY + 20 + 1, "{log}");
}

async fn a_thousand_requests_at_once_for_four_environments_are_answered_harm_nobody_and_leave_nothing(
    language: Language,
) {
    const WAVES: usize = 3;
    const BESIDE: usize = 20;
    let program = program(language, "timeout_s = 30\nconcurrency_max = 4").await;
    // Four environments are there, and what the node opens once.
    let gate = Gate::new().await;
    let paths: Vec<_> = (0..4).map(|number| format!("/gate/{}/{number}", gate.port())).collect();
    let mut served = paths.clone();
    let mut warm = at_once(&program, paths).await;
    drop(four(&gate).await);
    while let Some(answered) = warm.join_next().await {
        assert_eq!(answered.unwrap().1.status, 200);
    }
    assert_eq!(program.get("/other/warm").await.text(), "/other/warm");
    let before = program.held();
    let (mut memory_mib, mut throttled) = (None, Vec::new());
    for wave in 0..WAVES {
        let gate = Gate::new().await;
        let paths = (0..1_000).map(|number| format!("/gate/{}/{wave}/{number}", gate.port())).collect();
        let mut answers = at_once(&program, paths).await;
        let waiting = four(&gate).await;
        for number in 0..BESIDE {
            let path = format!("/other/{wave}/{number}");
            let beside = program.get(&path).await;
            assert_eq!((beside.status, beside.text()), (200, path.as_str()));
        }
        assert!(answers.try_join_next().is_none(), "another behavior waits for none of them");
        gate.open();
        drop(waiting);
        while let Some(answered) = answers.join_next().await {
            let (path, answer) = answered.unwrap();
            if served_or_throttled(&path, &answer) { &mut served } else { &mut throttled }.push(path);
        }
        program.holds_no_more_than(&before).await;
        let (used, first) = (program.memory_mib(), *memory_mib.get_or_insert(program.memory_mib()));
        assert!(used <= first + 48, "{first} MiB after the first thousand, {used} after the next");
    }
    served.sort_unstable();
    assert_eq!(served.len() + throttled.len(), 4 + WAVES * 1_000);
    let [access, functions] = program.stop_and_read_all(["access.log", "functions.log"]).await;
    // Whoever got the function's answer had one call, and whoever was throttled had none.
    assert_eq!(invocations(&functions), served);
    let sources = by_source(&functions);
    assert_eq!(sources.keys().filter(|source| source.starts_with("lambda/l/")).count(), 4, "{:?}", sources.keys());
    for lines in sources.iter().filter(|(source, _)| **source != "lambda/l").map(|(_, lines)| lines) {
        let of_calls: Vec<_> = lines.iter().filter_map(|line| moment(line)).collect();
        let whole = of_calls.chunks(4).all(|call| call == ["START", "asked", "END", "REPORT"]);
        assert!(whole, "an environment has one call after the other: {lines:?}");
    }
    let reasons = throttlings(&functions);
    assert_eq!(reasons.len(), throttled.len(), "the function's log has a line for each: {functions}");
    let too_long = "no environment became free within 12.00 s; concurrency_max is 4";
    assert!(reasons.iter().all(|reason| *reason == too_long), "{reasons:?}");
    let (lines, waited) = told(&access);
    assert_eq!(lines, 4 + 1 + WAVES * (1_000 + BESIDE), "{access}");
    assert_eq!(waited.len(), throttled.len(), "{access}");
    // A thousand have room to wait: nobody is throttled before the time to wait is over.
    let patience_s = LAMBDA_QUEUE_WAIT_MS_MAX as f64 / 1e3;
    assert!(throttled.iter().all(|path| waited[path] >= patience_s), "{waited:?}");
}

/// Returns when four functions wait there.
async fn four(gate: &Gate) -> [Waiting; 4] {
    [gate.arrival().await, gate.arrival().await, gate.arrival().await, gate.arrival().await]
}
