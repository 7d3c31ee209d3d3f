//! What the boundary between the node and its function workers costs: the same function in workers and inline, called the same
//! way, in turns. CPU time is that of this process, which plays the node, and of the workers together.

use clap::Parser;
use homefront_benches::load::report::spread;
use homefront_benches::load::{cpu, machine};
use homefront_benches::typical;
use homefront_config::{Config, Function};
use homefront_functions::function_log::FunctionLog;
use homefront_functions::js::functions::Functions;
use homefront_functions::js::{Call, EventType, Outcome};
use homefront_functions::process::Spawner;
use homefront_functions::{RequestEdit, Verdict, subcommand};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Latency and CPU time that a worker process adds to a call of a CloudFront Function.
#[derive(Debug, Parser)]
#[command(name = "boundary", version)]
struct Arguments {
    /// How long each case is measured in a round.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How often each case is measured; the cases take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Function workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Calls at the same time in the cases with many.
    #[arg(long, default_value_t = 32)]
    in_flight: usize,
    /// Milliseconds between calls in the cases with few.
    #[arg(long, default_value_t = 3)]
    apart_ms: u64,
    /// Keep the cores awake with work that gives way to any other (`chrt --idle`): waking a core that sleeps, above all one of
    /// a virtual machine, takes longer than a call.
    #[arg(long)]
    awake: bool,
    /// Where the JSON lines go.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What is called, and how often at the same time.
#[derive(Debug, Clone, Copy)]
struct Case {
    function: &'static str,
    isolation: &'static str,
    crowd: Crowd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crowd {
    /// One call after the other, without a pause.
    One,
    /// One call after the other, [`Arguments::apart_ms`] apart.
    Few,
    Many,
}

impl Crowd {
    fn word(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Few => "few",
            Self::Many => "many",
        }
    }
}

const CASES: [Case; 8] = [
    Case { function: "uri", isolation: "inline", crowd: Crowd::One },
    Case { function: "uri", isolation: "process", crowd: Crowd::One },
    Case { function: "uri", isolation: "inline", crowd: Crowd::Few },
    Case { function: "uri", isolation: "process", crowd: Crowd::Few },
    Case { function: "uri", isolation: "inline", crowd: Crowd::Many },
    Case { function: "uri", isolation: "process", crowd: Crowd::Many },
    Case { function: "ab", isolation: "inline", crowd: Crowd::Many },
    Case { function: "ab", isolation: "process", crowd: Crowd::Many },
];

#[derive(Debug, Clone, Copy)]
struct Figures {
    calls: usize,
    p50_us: f64,
    p99_us: f64,
    cpu_us: f64,
    /// CPU time over time: 2 = two cores were busy.
    cores_busy: f64,
}

fn main() -> ExitCode {
    // Workers are this program, too.
    if let Some(code) = subcommand::run() {
        return code;
    }
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(measure(arguments))
}

fn configure(folder: &Path) -> io::Result<Config> {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions");
    let mut toml = format!(
        "[[distribution]]\nid = \"{}\"\ndomain_name = \"{}\"\n[[distribution.origin]]\nid = \"app\"\ndomain_name = \"127.0.0.1\"\n\
         [distribution.default_behavior]\ntarget_origin = \"app\"\n",
        typical::DISTRIBUTION_ID,
        typical::HOST
    );
    let all = [("uri", "inline"), ("uri", "process"), ("ab", "inline"), ("ab", "process")];
    let behavior = |(function, isolation)| {
        format!(
            "[[distribution.behavior]]\npath_pattern = \"/{function}-{isolation}\"\ntarget_origin = \"app\"\n\
             viewer_request = {{ function = \"{function}-{isolation}\" }}\n"
        )
    };
    let declaration = |(function, isolation)| {
        let code = functions.join(format!("{function}.js"));
        format!(
            "[[function]]\nname = \"{function}-{isolation}\"\ncode = '{}'\nisolation = \"{isolation}\"\nbudget_ms = 5000\n",
            code.display()
        )
    };
    toml.extend(all.map(behavior));
    toml.extend(all.map(declaration));
    let parsed = homefront_config::parse("boundary.toml", &toml, folder, &|_| None);
    parsed.map(|(config, _)| config).map_err(|report| io::Error::other(report.to_string()))
}

/// Keeps every core from sleeping until it is dropped.
struct Awake(Vec<Child>);

impl Awake {
    fn keep() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let busy = || Command::new("chrt").args(["--idle", "0", "sh", "-c", "while :; do :; done"]).spawn();
        (0..cores).map(|_| busy()).collect::<io::Result<_>>().map(Self)
    }
}

/// CPU time of this process and its workers.
fn cpu_time(awake: Option<&Awake>) -> io::Result<Duration> {
    let mut time = cpu::of_tree(std::process::id())?;
    for child in awake.iter().flat_map(|awake| &awake.0) {
        time = time.saturating_sub(cpu::of_tree(child.id())?);
    }
    Ok(time)
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended; it is no more than a loop.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn measure(arguments: &Arguments) -> io::Result<()> {
    let awake = arguments.awake.then(Awake::keep).transpose()?;
    let folder = tempfile::tempdir()?;
    let config = Arc::new(configure(folder.path())?);
    let executable = std::env::current_exe()?;
    let spawner = Spawner::start(None)?;
    let log = FunctionLog::new(|_| {});
    let functions = Functions::start(&config, &spawner, executable.clone(), arguments.workers, log).await;
    let functions = Arc::new(functions.map_err(|error| io::Error::other(error.to_string()))?);
    let mut lines: Box<dyn Write> = match &arguments.output {
        Some(file) => Box::new(File::create(file)?),
        None => Box::new(io::sink()),
    };
    let volume = json!({
        "seconds": arguments.seconds, "rounds": arguments.rounds, "workers": arguments.workers, "in_flight": arguments.in_flight,
        "apart_ms": arguments.apart_ms, "awake": arguments.awake,
    });
    let machine = machine::describe(&executable, false);
    writeln!(lines, "{}", json!({ "machine": machine, "volume": volume }))?;
    writeln!(io::stdout(), "{machine}\n{volume}\n")?;

    let mut all: Vec<Vec<Figures>> = vec![Vec::new(); CASES.len()];
    for round in 1..=arguments.rounds {
        for (case, rounds) in CASES.iter().zip(&mut all) {
            let figures = call_for(&config, &functions, *case, arguments, awake.as_ref()).await?;
            writeln!(lines, "{}", describe(*case, round, &figures))?;
            rounds.push(figures);
        }
    }
    print(&all)?;
    functions.stop();
    spawner.all_gone().await;
    Ok(())
}

fn named(config: &Config, case: Case) -> Arc<Function> {
    let name = format!("{}-{}", case.function, case.isolation);
    let behaviors = &config.distributions[0].behaviors;
    let mut found = behaviors.iter().flat_map(|behavior| behavior.associations.functions());
    found.find(|function| function.name == name).expect("it was configured").clone()
}

async fn call_for(
    config: &Config,
    functions: &Arc<Functions>,
    case: Case,
    arguments: &Arguments,
    awake: Option<&Awake>,
) -> io::Result<Figures> {
    let time = Duration::try_from_secs_f64(arguments.seconds).map_err(io::Error::other)?;
    let callers = if case.crowd == Crowd::Many { arguments.in_flight } else { 1 };
    let apart = (case.crowd == Crowd::Few).then_some(Duration::from_millis(arguments.apart_ms));
    let function = named(config, case);
    // Warm: contexts prepared, workers awake.
    call_until(functions, &function, callers, apart, time / 5).await?;
    let cpu_before = cpu_time(awake)?;
    let began = Instant::now();
    let mut latencies = call_until(functions, &function, callers, apart, time).await?;
    let elapsed = began.elapsed();
    let cpu = cpu_time(awake)?.saturating_sub(cpu_before);
    latencies.sort_unstable();
    let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or_default();
    Ok(Figures {
        calls: latencies.len(),
        p50_us: at(0.5).as_secs_f64() * 1e6,
        p99_us: at(0.99).as_secs_f64() * 1e6,
        cpu_us: cpu.as_secs_f64() * 1e6 / latencies.len().max(1) as f64,
        cores_busy: cpu.as_secs_f64() / elapsed.as_secs_f64(),
    })
}

async fn call_until(
    functions: &Arc<Functions>,
    function: &Arc<Function>,
    callers: usize,
    apart: Option<Duration>,
    time: Duration,
) -> io::Result<Vec<Duration>> {
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let (functions, function, over) = (functions.clone(), function.clone(), over.clone());
            tokio::spawn(async move {
                let (context, request) = (typical::context(), typical::request(typical::PATH));
                let call = Call {
                    event_type: EventType::ViewerRequest,
                    context: &context,
                    request: &request,
                    response: None,
                    now_ms: 1_795_442_400_000,
                    random_seed: 7,
                };
                let mut latencies = Vec::with_capacity(100_000);
                while !over.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let result = functions.call(&function, &call).await;
                    latencies.push(began.elapsed());
                    match result.outcome {
                        Outcome::Request(Verdict::Continue(edit)) if edit != RequestEdit::default() => {}
                        other => return Err(io::Error::other(format!("{}: {other:?}", function.name))),
                    }
                    // An inline call never waits; the others want their turn, and the clock its own.
                    match apart {
                        Some(apart) => tokio::time::sleep(apart).await,
                        None => tokio::task::yield_now().await,
                    }
                }
                Ok(latencies)
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    over.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for caller in callers {
        all.extend(caller.await.map_err(io::Error::other)??);
    }
    Ok(all)
}

fn describe(case: Case, round: usize, figures: &Figures) -> Value {
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    json!({
        "function": case.function, "isolation": case.isolation, "calls_at_once": case.crowd.word(), "round": round,
        "calls": figures.calls, "p50_us": rounded(figures.p50_us), "p99_us": rounded(figures.p99_us),
        "cpu_us_per_call": rounded(figures.cpu_us), "cores_busy": rounded(figures.cores_busy),
    })
}

fn print(all: &[Vec<Figures>]) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(
        out,
        "| function | isolation | calls at once | p50 µs | p99 µs | CPU µs/call | cores busy |\n|---|---|---|---|---|---|---|"
    )?;
    for (case, rounds) in CASES.iter().zip(all) {
        let of = |figure: fn(&Figures) -> f64| spread(rounds.iter().map(figure)).median;
        writeln!(
            out,
            "| {} | {} | {} | {:.1} | {:.1} | {:.2} | {:.2} |",
            case.function,
            case.isolation,
            case.crowd.word(),
            of(|f| f.p50_us),
            of(|f| f.p99_us),
            of(|f| f.cpu_us),
            of(|f| f.cores_busy),
        )?;
    }
    writeln!(
        out,
        "\n| function | calls at once | a worker adds: p50 µs | CPU µs/call (medians of the rounds' differences) |\n|---|---|---|---|"
    )?;
    for (pair, rounds) in CASES.chunks(2).zip(all.chunks(2)) {
        let of = |figure: fn(&Figures) -> f64| {
            spread(rounds[1].iter().zip(&rounds[0]).map(|(process, inline)| figure(process) - figure(inline))).median
        };
        let (latency, cpu) = (of(|f| f.p50_us), of(|f| f.cpu_us));
        writeln!(out, "| {} | {} | {latency:.1} | {cpu:.2} |", pair[0].function, pair[0].crowd.word())?;
    }
    Ok(())
}
