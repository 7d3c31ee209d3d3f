//! What requests of other behaviors wait while a Lambda@Edge function fails in one way again and again: cached objects and requests to an
//! origin, each beside every fault and, in turns, alone.

use clap::Parser;
use homefront_benches::load::client::{self, Question, Volume};
use homefront_benches::load::cores::Cores;
use homefront_benches::load::report::{self, Spread, spread};
use homefront_benches::load::server::{self, Server};
use homefront_benches::load::{machine, origin};
use homefront_benches::{python, typical};
use serde_json::json;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Latency of other behaviors beside a Lambda@Edge function that fails, as JSON lines and a table.
#[derive(Debug, Parser)]
#[command(name = "faults", version)]
struct Arguments {
    /// How long each question is measured in a turn.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// How often each fault is measured; the faults take turns, and within a round each has a turn alone and one beside it.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Requests a second whose latency is measured.
    #[arg(long, default_value_t = 500)]
    requests_per_s: u32,
    /// Requests a second that make the function fail, at the most.
    #[arg(long, default_value_t = 10)]
    faults_per_s: u32,
    /// Only these faults.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How often the p99 of other behaviors alone their p99 beside a fault may be, in the median of the rounds: else the run fails.
    #[arg(long, value_name = "TIMES")]
    p99_ratio_max: Option<f64>,
    /// Where the JSON lines go.
    #[arg(long, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
}

/// Something a function does, over and over.
struct Fault {
    /// The last part of the path that asks for it.
    wish: &'static str,
    what: &'static str,
    /// Of every answer: one of these. On a busy machine some are not done before their deadline.
    statuses: &'static [u16],
    /// Requests for it that are on their way at once.
    askers: usize,
    /// Whether there are no more of them in a second than were asked for.
    pauses: bool,
    /// Whether they are given up at the end of a turn instead of waited for.
    is_given_up: bool,
}

const fn fault(wish: &'static str, what: &'static str, statuses: &'static [u16]) -> Fault {
    Fault { wish, what, statuses, askers: ENVIRONMENTS, pauses: true, is_given_up: false }
}

/// Environments of a function.
const ENVIRONMENTS: usize = 2;
const BUSY: Fault = Fault {
    askers: 1_000,
    pauses: false,
    is_given_up: true,
    ..fault("busy", "has a thousand requests waiting", &[200])
};
const START: Fault = Fault { is_given_up: true, ..fault("start", "never starts", &[503]) };

static FAULTS: [Fault; 21] = [
    fault("none", "answers", &[200]),
    fault("kill", "is killed", &[503]),
    fault("killed", "is killed by another process", &[503]),
    fault("exit", "exits", &[503]),
    fault("raise", "raises", &[503]),
    fault("hang", "hangs until its deadline", &[503]),
    fault("spin", "computes until its deadline", &[503]),
    fault("late", "answers when its deadline is over", &[200, 503]),
    fault("sockets", "closes its sockets", &[503]),
    fault("channel", "spoils its channel", &[503]),
    fault("garbage", "writes garbage to the Runtime API", &[200]),
    fault("unknown", "asks the Runtime API for what it has not", &[200]),
    fault("twice", "answers twice", &[200]),
    fault("print", "prints 10 MB", &[200, 503]),
    fault("fork", "leaves eight children", &[503]),
    fault("files", "fills its folder", &[503]),
    fault("memory", "exhausts its memory", &[503]),
    START,
    fault("slow", "needs half a second to start, and exits", &[503]),
    BUSY,
    Fault { askers: 64, pauses: false, ..fault("flood", "is asked by 64 at once, without a pause", &[200]) },
];

/// What is asked of the node, and where the answer must come from.
const QUESTIONS: [(&str, &str); 2] = [("/hit", "Hit from cloudfront"), ("/origin", "Miss from cloudfront")];
const BODY_BYTES: usize = 1_024;
const CONNECTIONS: usize = 4;

fn main() -> ExitCode {
    report::exit(run(&Arguments::parse()))
}

/// Gives the number of requests that were answered otherwise than they must be.
fn run(arguments: &Arguments) -> io::Result<u64> {
    let chosen: Vec<&'static Fault> = FAULTS
        .iter()
        .filter(|fault| arguments.only.is_empty() || arguments.only.iter().any(|name| name == fault.wish))
        .collect();
    let own = std::env::current_exe()?;
    let binary = own.with_file_name("homefront");
    // Whoever fails has the machine with everybody else, the load generator included: there is no core to flee to.
    let cores = Cores::of_this_machine()?;
    let cores: Vec<usize> = cores.servers.iter().chain(&cores.load).copied().collect();
    let origin = origin::start(&[b'x'; BODY_BYTES], &cores)?;
    let node = server::serve(&binary, tempfile::tempdir()?, &config(origin, &python::interpreter(&own)), &cores)?;
    let mut lines: Box<dyn Write> = match &arguments.output {
        Some(file) => Box::new(File::create(file)?),
        None => Box::new(io::stdout()),
    };
    let volume = json!({
        "seconds": arguments.seconds, "rounds": arguments.rounds, "requests_per_s": arguments.requests_per_s,
        "faults_per_s": arguments.faults_per_s, "connections": CONNECTIONS, "environments": ENVIRONMENTS,
    });
    writeln!(lines, "{}", json!({ "machine": machine::describe(&binary, false), "volume": volume }))?;
    let bench = Bench { arguments, node: &node, cores: &cores };
    // The object is in the cache, and what the node opens once is open.
    for (path, _) in QUESTIONS {
        bench.ask(path, None, Duration::from_millis(100))?;
    }
    let mut all: Vec<Vec<Pair>> = chosen.iter().map(|_| Vec::new()).collect();
    let mut errors = 0;
    for round in 0..arguments.rounds {
        for (number, fault) in chosen.iter().enumerate() {
            let mut turns = [None, None];
            for turn in 0..2 {
                let is_beside = (round + number + turn).is_multiple_of(2);
                let measured = bench.turn(is_beside.then_some(*fault))?;
                for ((path, _), of) in QUESTIONS.iter().zip(&measured.questions) {
                    let line = json!({
                        "fault": fault.wish, "round": round + 1, "case": if is_beside { "beside" } else { "alone" }, "path": path,
                        "requests": of.requests, "p50_us": of.p50_us, "p99_us": of.p99_us, "max_us": of.max_us, "errors": of.errors,
                        "faults": measured.faults,
                    });
                    writeln!(lines, "{line}")?;
                    errors += of.errors;
                }
                turns[usize::from(is_beside)] = Some(measured);
            }
            if let [Some(alone), Some(beside)] = turns {
                all[number].push(Pair { alone, beside });
            }
        }
    }
    write!(io::stdout(), "{}", table(&chosen, &all))?;
    let slowed = arguments.p99_ratio_max.map_or_else(Vec::new, |most| slowed(&chosen, &all, most));
    if slowed.is_empty() { Ok(errors) } else { Err(io::Error::other(slowed.join("\n"))) }
}

/// One behavior whose object is cached, one that goes to the origin, and three with functions. Each path of theirs is asked for anew.
fn config(origin: SocketAddr, interpreter: &str) -> String {
    let behavior = |path: &str, rest: &str| {
        format!(
            "[[distribution.behavior]]\npath_pattern = \"{path}\"\ntarget_origin = \"app\"\ncache_policy = \"CachingDisabled\"\n{rest}\n"
        )
    };
    let code = Path::new(env!("CARGO_MANIFEST_DIR")).join("lambda/faults");
    let function = |name: &str, handler: &str| {
        format!(
            "[[lambda]]\nname = \"{name}\"\nruntime = \"python3\"\nhandler = \"faults.{handler}\"\ncode = '{}'\ntimeout_s = 1\n\
             concurrency_max = {ENVIRONMENTS}\n{interpreter}",
            code.display()
        )
    };
    format!(
        "[listen]\nhttp = [\"127.0.0.1:0\"]\n[log]\nfunction = \"functions.log\"\n[[distribution]]\nid = \"{}\"\ndomain_name = \"{}\"\n\
         [[distribution.origin]]\nid = \"app\"\ndomain_name = \"127.0.0.1\"\nhttp_port = {}\nprotocol_policy = \"http-only\"\n\
         [distribution.default_behavior]\ntarget_origin = \"app\"\n{}{}{}{}{}{}{}",
        typical::DISTRIBUTION_ID,
        typical::HOST,
        origin.port(),
        behavior("/origin", ""),
        behavior("/fault/start", "origin_request = { lambda = \"start\" }"),
        behavior("/fault/slow", "origin_request = { lambda = \"slow\" }"),
        behavior("/fault/*", "origin_request = { lambda = \"faulty\" }"),
        function("start", "endless_start_handler"),
        function("slow", "slow_start_handler"),
        function("faulty", "handler"),
    )
}

struct Bench<'a> {
    arguments: &'a Arguments,
    node: &'a Server,
    cores: &'a [usize],
}

/// What one question's requests waited.
struct Latency {
    requests: usize,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
    errors: u64,
}

/// Every question, one after the other, beside a fault or alone.
struct Turn {
    questions: Vec<Latency>,
    /// How often the function failed meanwhile, in a second.
    faults_per_s: f64,
    faults: u64,
}

/// The two turns of a fault in one round.
struct Pair {
    alone: Turn,
    beside: Turn,
}

impl Bench<'_> {
    fn turn(&self, fault: Option<&'static Fault>) -> io::Result<Turn> {
        let time = Duration::try_from_secs_f64(self.arguments.seconds).map_err(io::Error::other)?;
        let began = Instant::now();
        let failing =
            fault.map(|fault| Failing::start(fault, self.node.address, self.arguments.faults_per_s)).transpose()?;
        let questions: Vec<_> =
            QUESTIONS.iter().map(|(path, x_cache)| self.ask(path, Some(x_cache), time)).collect::<io::Result<_>>()?;
        let elapsed = began.elapsed().as_secs_f64();
        let faults = failing.map_or(Ok(0), Failing::stop)?;
        Ok(Turn { questions, faults_per_s: faults as f64 / elapsed, faults })
    }

    fn ask(&self, path: &str, x_cache: Option<&'static str>, measured: Duration) -> io::Result<Latency> {
        let question =
            Question { server: self.node.address, request: typical::wire(path), body_bytes: BODY_BYTES, x_cache };
        let every = Duration::from_secs(1) * CONNECTIONS as u32 / self.arguments.requests_per_s.max(1);
        let volume = Volume { connections: CONNECTIONS, warm_up: measured / 4, measured, every: Some(every) };
        let result = client::run(&question, volume, self.cores, || Ok(Duration::ZERO))?;
        if let Some(error) = &result.first_error {
            writeln!(io::stderr(), "{path}: {error}")?;
        }
        let us = |share| f64::from(result.percentile_ns(share)) / 1e3;
        Ok(Latency {
            requests: result.latencies_ns.len(),
            p50_us: us(0.5),
            p99_us: us(0.99),
            max_us: us(1.0),
            errors: result.errors,
        })
    }
}

/// A thread that asks for a fault again and again.
struct Failing {
    over: watch::Sender<bool>,
    answered: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<io::Result<()>>,
}

impl Failing {
    fn start(fault: &'static Fault, node: SocketAddr, per_s: u32) -> io::Result<Self> {
        let (over, told) = watch::channel(false);
        let answered = Arc::new(AtomicU64::new(0));
        let every = fault.pauses.then(|| Duration::from_secs(1) * fault.askers as u32 / per_s.max(1));
        let count = answered.clone();
        let thread = std::thread::Builder::new().name("faults".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(keep_failing(fault, node, every, told, count))
        })?;
        Ok(Self { over, answered, thread })
    }

    /// Ends it; how many answers there were until now.
    fn stop(self) -> io::Result<u64> {
        let answered = self.answered.load(Ordering::Relaxed);
        self.over.send_replace(true);
        self.thread.join().map_err(|_| io::Error::other("a thread panicked"))??;
        Ok(answered)
    }
}

/// All askers of a fault until told; `every`: from one request of an asker to its next, at the least.
async fn keep_failing(
    fault: &'static Fault,
    node: SocketAddr,
    every: Option<Duration>,
    mut told: watch::Receiver<bool>,
    count: Arc<AtomicU64>,
) -> io::Result<()> {
    let mut all = JoinSet::new();
    for number in 0..fault.askers {
        let (told, count) = (told.clone(), count.clone());
        let mut due = Instant::now() + every.unwrap_or_default().mul_f64(number as f64 / fault.askers as f64);
        all.spawn(async move {
            while !*told.borrow() {
                if let Some(every) = every {
                    tokio::time::sleep_until(due.into()).await;
                    due = due.max(Instant::now()) + every;
                }
                answer(node, fault).await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, io::Error>(())
        });
    }
    if fault.is_given_up {
        // An error would mean that nobody can tell any more, which is an end as well.
        let _ = told.wait_for(|is_over| *is_over).await;
        all.abort_all();
    }
    while let Some(ended) = all.join_next().await {
        match ended {
            Ok(asked) => asked?,
            Err(error) if error.is_cancelled() => {}
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    if fault.is_given_up && fault.askers > ENVIRONMENTS {
        at_rest(node).await;
    }
    Ok(())
}

/// Waits until the function answers at once again: the events of those who have gone away are still on their way to it.
async fn at_rest(node: SocketAddr) {
    const AT_ONCE: Duration = Duration::from_millis(100);
    const TRIES: usize = 200;
    for _ in 0..TRIES {
        let began = Instant::now();
        if answer(node, &FAULTS[0]).await.is_ok() && began.elapsed() < AT_ONCE {
            return;
        }
    }
}

/// Asks for a fault, on a connection of its own; the answer must be one that is expected.
async fn answer(node: SocketAddr, &Fault { wish, statuses, .. }: &Fault) -> io::Result<()> {
    let mut stream = tokio::net::TcpStream::connect(node).await?;
    let request = format!("GET /fault/{wish} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", typical::HOST);
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if statuses.iter().any(|status| answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes())) {
        return Ok(());
    }
    let shown = String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned();
    Err(io::Error::other(format!("{wish}: {statuses:?} was expected, and not {shown:?}")))
}

/// One line a fault: medians of the rounds, and of what is beside over what is alone also the least and the most.
fn table(chosen: &[&Fault], all: &[Vec<Pair>]) -> String {
    let mut text = String::from("\n| while a function … | times a second |");
    for (path, _) in QUESTIONS {
        let _ = write!(
            text,
            " {path}: p50 µs alone, beside | ratio (least to most) | p99 µs alone, beside | ratio (least to most) |"
        );
    }
    text += "\n|---|---|---|---|---|---|---|---|---|---|\n";
    for (fault, pairs) in chosen.iter().zip(all) {
        let rate = spread(pairs.iter().map(|pair| pair.beside.faults_per_s)).median;
        // Writing to a string cannot fail.
        let _ = write!(text, "| {} | {rate:.1} |", fault.what);
        for question in 0..QUESTIONS.len() {
            for figure in [p50 as fn(&Latency) -> f64, p99] {
                let of = |turn: fn(&Pair) -> &Turn| {
                    spread(pairs.iter().map(|pair| figure(&turn(pair).questions[question]))).median
                };
                let Spread { least, median, most } = spread(pairs.iter().map(|pair| ratio(pair, question, figure)));
                let (alone, beside) = (of(|pair| &pair.alone), of(|pair| &pair.beside));
                let _ = write!(text, " {alone:.0}, {beside:.0} | {median:.2} ({least:.2} to {most:.2}) |");
            }
        }
        text += "\n";
    }
    text
}

/// Which faults made others slower than they may be.
fn slowed(chosen: &[&Fault], all: &[Vec<Pair>], most: f64) -> Vec<String> {
    let mut slowed = Vec::new();
    for (fault, pairs) in chosen.iter().zip(all) {
        for (question, (path, _)) in QUESTIONS.iter().enumerate() {
            let ratio = spread(pairs.iter().map(|pair| ratio(pair, question, p99))).median;
            if ratio > most {
                slowed
                    .push(format!("while a function {}, the p99 of {path} is {ratio:.2} times that alone", fault.what));
            }
        }
    }
    slowed
}

/// Beside the fault over alone.
fn ratio(pair: &Pair, question: usize, figure: fn(&Latency) -> f64) -> f64 {
    figure(&pair.beside.questions[question]) / figure(&pair.alone.questions[question])
}

fn p50(latency: &Latency) -> f64 {
    latency.p50_us
}

fn p99(latency: &Latency) -> f64 {
    latency.p99_us
}
