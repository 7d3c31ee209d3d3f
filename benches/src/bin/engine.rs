//! What a call of a CloudFront Function costs in the engine, clean state included, beside a straightforward embedding of boa in
//! the same run. Calls are timed one by one, so that rare slow ones show; garbage is collected between calls, as a worker does it.
//! How much of that the machine adds, by its interrupts, is shown twice: by loops that do nothing and take as long as a call, and
//! by the median of each call over the rounds. Rounds make the same calls in the same order, each in a new engine, so that what
//! the engine itself makes slow (a collection before, memory that has to grow) is slow in all of them, and an interrupt in one.

use clap::Parser;
use homefront_benches::load::machine;
use homefront_benches::load::report::spread;
use homefront_benches::naive::{Naive, Returned};
use homefront_benches::typical;
use homefront_config::KeyValueStore;
use homefront_config::function::{Fidelity, FunctionRuntime};
use homefront_config::limits::{
    FUNCTION_CALLS_BETWEEN_COLLECTIONS_MAX, FUNCTION_CPU_MS_BETWEEN_COLLECTIONS_MAX, FUNCTION_WORKER_STACK_BYTES,
};
use homefront_functions::js::{Call, Engine, EventType, FunctionId, FunctionSource, Outcome, kvs};
use homefront_functions::{EventContext, Request, Verdict};
use serde_json::json;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Microseconds of single calls in the engine: median, 99th and 99.9th percentile.
#[derive(Debug, Parser)]
#[command(name = "engine", version)]
struct Arguments {
    /// Calls of each function in a round.
    #[arg(long, default_value_t = 10_000)]
    calls: usize,
    /// How often each function is measured; the functions take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Measure only functions whose name contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Where the JSON lines go.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

struct Case {
    name: &'static str,
    /// The file, from the repository's root.
    code: &'static str,
    store: Option<&'static str>,
    path: &'static str,
    /// What tells that it did its work: a URI, or a header it adds. The yardstick is held to it, too, where it can run it.
    shows: Shows,
    beside_naive: bool,
}

/// Of one function, by rounds.
#[derive(Debug, Default)]
struct Measured {
    own: Vec<Percentiles>,
    naive: Vec<Percentiles>,
    /// Of that, the conversion of event and result.
    eager_conversion: Vec<Percentiles>,
    empty: Vec<Percentiles>,
    /// How long each of our calls took.
    calls: Vec<Vec<Duration>>,
}

impl Measured {
    fn strategies(&self) -> [(&'static str, &[Percentiles]); 4] {
        let Self { own, naive, eager_conversion, empty, .. } = self;
        [
            ("homefront", own),
            ("naive", naive),
            ("naive, the conversion alone", eager_conversion),
            ("an empty loop", empty),
        ]
    }
}

#[derive(Debug, Clone, Copy)]
enum Shows {
    Uri(&'static str),
    Header(&'static str),
}

impl Case {
    fn is_done_by(&self, returned: &Returned) -> bool {
        match self.shows {
            Shows::Uri(uri) => returned.uri == uri,
            Shows::Header(name) => returned.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)),
        }
    }

    fn is_done_in(&self, outcome: &Outcome) -> bool {
        let Outcome::Request(Verdict::Continue(edit)) = outcome else { return false };
        match self.shows {
            Shows::Uri(uri) => edit.uri.as_deref() == Some(uri.as_bytes()),
            Shows::Header(name) => edit.headers.iter().any(|edit| edit.name.eq_ignore_ascii_case(name)),
        }
    }
}

const CASES: [Case; 5] = [
    Case {
        name: "uri",
        code: "benches/functions/uri.js",
        store: None,
        path: typical::PATH,
        shows: Shows::Uri("/docs/index.html"),
        beside_naive: true,
    },
    Case {
        name: "jwt",
        code: "benches/functions/jwt.js",
        store: None,
        path: typical::PATH,
        shows: Shows::Header("x-user"),
        beside_naive: true,
    },
    Case {
        name: "ab",
        code: "benches/functions/ab.js",
        store: None,
        path: typical::PATH,
        shows: Shows::Header("x-variant"),
        beside_naive: true,
    },
    Case {
        name: "header rewrite",
        code: "examples/header-rewriting/functions/normalise.js",
        store: None,
        path: typical::PATH,
        shows: Shows::Header("x-language"),
        beside_naive: false,
    },
    Case {
        name: "KeyValueStore lookup",
        code: "examples/url-rewriting/functions/pages.js",
        store: Some("examples/url-rewriting/kvs/redirects.json"),
        path: "/en/guide/",
        shows: Shows::Uri("/en/guide/index.html"),
        beside_naive: false,
    },
];

/// Of one round, microseconds.
#[derive(Debug, Clone, Copy)]
struct Percentiles {
    p50: f64,
    p99: f64,
    p999: f64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // On a stack like a worker's.
    let thread = std::thread::Builder::new().stack_size(FUNCTION_WORKER_STACK_BYTES).spawn(move || run(&arguments));
    let result = thread.map(std::thread::JoinHandle::join);
    match result {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(Ok(Err(error))) | Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
        Ok(Err(_)) => ExitCode::FAILURE,
    }
}

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn load(engine: &mut Engine, case: &Case, code: &str) -> io::Result<FunctionId> {
    let store = match case.store {
        None => None,
        Some(path) => {
            let store = KeyValueStore { name: case.name.to_owned(), id: None, source: repository(path) };
            Some(Arc::new(kvs::load(&store).map_err(|error| io::Error::other(error.to_string()))?))
        }
    };
    let (runtime, fidelity) = (FunctionRuntime::CloudfrontJs2_0, Fidelity::Strict);
    let source = FunctionSource { name: case.name.to_owned(), runtime, fidelity, code: code.to_owned(), store };
    engine.load(source).map_err(|error| io::Error::other(error.to_string()))
}

fn call<'a>(context: &'a EventContext, request: &'a Request) -> Call<'a> {
    let (event_type, now_ms) = (EventType::ViewerRequest, 1_795_442_400_000);
    Call { event_type, context, request, response: None, now_ms, random_seed: 7 }
}

const SPENT_MAX: Duration = Duration::from_millis(FUNCTION_CPU_MS_BETWEEN_COLLECTIONS_MAX);

/// How long each of so many calls took, in their order.
fn time(calls: usize, mut once: impl FnMut(), mut collect: impl FnMut()) -> Vec<Duration> {
    let mut times = Vec::with_capacity(calls);
    let (mut left, mut spent) = (0, Duration::ZERO);
    for _ in 1..=calls {
        let began = Instant::now();
        once();
        let time = began.elapsed();
        times.push(time);
        left += 1;
        spent += time;
        // As workers that have no idle moment do.
        if left == FUNCTION_CALLS_BETWEEN_COLLECTIONS_MAX || spent >= SPENT_MAX {
            collect();
            (left, spent) = (0, Duration::ZERO);
        }
    }
    times
}

fn percentiles(mut times: Vec<Duration>) -> Percentiles {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() as f64 * share) as usize).min(times.len() - 1)];
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    Percentiles { p50: us(at(0.5)), p99: us(at(0.99)), p999: us(at(0.999)) }
}

/// The median of the first call of all rounds, of the second, and so on.
fn medians(rounds: &[Vec<Duration>]) -> Vec<Duration> {
    let calls = rounds.iter().map(Vec::len).min().unwrap_or_default();
    let median = |call| {
        let mut times: Vec<_> = rounds.iter().filter_map(|round| round.get(call).copied()).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    (0..calls).map(median).collect()
}

/// Computes nothing for so many microseconds.
fn wait(us: f64) {
    let (began, long) = (Instant::now(), Duration::from_secs_f64(us / 1e6));
    while began.elapsed() < long {
        std::hint::spin_loop();
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let mut lines: Box<dyn Write> = match &arguments.output {
        Some(file) => Box::new(File::create(file)?),
        None => Box::new(io::sink()),
    };
    let machine = machine::describe(&std::env::current_exe()?, false);
    let volume = json!({ "calls": arguments.calls, "rounds": arguments.rounds });
    writeln!(lines, "{}", json!({ "machine": machine, "volume": volume }))?;
    writeln!(io::stdout(), "{machine}\n{volume}\n")?;
    let mut all: [Measured; CASES.len()] = Default::default();
    let context = typical::context();
    for round in 1..=arguments.rounds {
        for (case, measured) in CASES.iter().zip(&mut all).filter(|(case, _)| case.name.contains(&arguments.only)) {
            let code = std::fs::read_to_string(repository(case.code))?;
            let request = typical::request(case.path);
            let call = call(&context, &request);
            let mut engine = Engine::new();
            let id = load(&mut engine, case, &code)?;
            let outcome = engine.call(id, &call).outcome;
            if !case.is_done_in(&outcome) {
                return Err(io::Error::other(format!("{}: {outcome:?}", case.name)));
            }
            let engine = std::cell::RefCell::new(engine);
            let once = || drop(black_box(engine.borrow_mut().call(id, black_box(&call))));
            let times = time(arguments.calls, once, || engine.borrow_mut().collect_garbage());
            let own = percentiles(times.clone());
            measured.calls.push(times);
            measured.own.push(own);
            drop(engine);
            measured.empty.push(percentiles(time(arguments.calls, || wait(own.p50), || ())));
            if case.beside_naive {
                let mut naive = Naive::new(&code).map_err(|error| io::Error::other(error.to_string()))?;
                let returned = naive.call(&request).map_err(|error| io::Error::other(error.to_string()))?;
                if !case.is_done_by(&returned) {
                    return Err(io::Error::other(format!(
                        "{}: the yardstick does something else: {returned:?}",
                        case.name
                    )));
                }
                let naive = std::cell::RefCell::new(naive);
                let once = || drop(black_box(naive.borrow_mut().call(black_box(&request))));
                measured.naive.push(percentiles(time(arguments.calls, once, || naive.borrow().collect_garbage())));
                let once = || drop(black_box(naive.borrow_mut().convert(black_box(&request))));
                let times = time(arguments.calls, once, || naive.borrow().collect_garbage());
                measured.eager_conversion.push(percentiles(times));
            }
            for (strategy, rounds) in measured.strategies() {
                if let Some(p) = rounds.get(round - 1) {
                    let line = json!({ "function": case.name, "strategy": strategy, "round": round, "p50_us": p.p50, "p99_us": p.p99, "p999_us": p.p999 });
                    writeln!(lines, "{line}")?;
                }
            }
        }
    }
    for (case, measured) in CASES.iter().zip(&all).filter(|(_, measured)| !measured.calls.is_empty()) {
        let p = percentiles(medians(&measured.calls));
        let line = json!({ "function": case.name, "strategy": "homefront, each call's median", "p50_us": p.p50, "p99_us": p.p99, "p999_us": p.p999 });
        writeln!(lines, "{line}")?;
    }
    print(&all)
}

fn print(all: &[Measured]) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(
        out,
        "| function | p50 µs | p99 µs | p99.9 µs | p99.9 / p50 | of each call's median | of an empty loop | naive p50 µs | homefront / naive | naive conversion p50 µs | homefront / naive conversion |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    for (case, Measured { own, naive, eager_conversion, empty, calls }) in
        CASES.iter().zip(all).filter(|(_, it)| !it.own.is_empty())
    {
        let of = |rounds: &[Percentiles], figure: fn(&Percentiles) -> f64| spread(rounds.iter().map(figure)).median;
        let (p50, p99, p999) = (of(own, |p| p.p50), of(own, |p| p.p99), of(own, |p| p.p999));
        let [tail, floor] = [own, empty].map(|rounds| of(rounds, |p| p.p999 / p.p50));
        let single = percentiles(medians(calls));
        let single = single.p999 / single.p50;
        write!(out, "| {} | {p50:.1} | {p99:.1} | {p999:.1} | {tail:.1} | {single:.1} | {floor:.1} |", case.name)?;
        if naive.is_empty() {
            writeln!(out, " | | | |")?;
        } else {
            for theirs in [naive, eager_conversion] {
                let ratio = spread(own.iter().zip(theirs).map(|(own, theirs)| own.p50 / theirs.p50)).median;
                write!(out, " {:.1} | {ratio:.2} |", of(theirs, |p| p.p50))?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}
