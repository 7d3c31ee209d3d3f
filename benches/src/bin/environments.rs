//! What a Lambda@Edge function that does nothing adds to a request, and how long an execution environment takes to start and to be
//! replaced: our runtimes, and beside them AWS's own for Python, unmodified.

use clap::Parser;
use homefront_benches::load::client::{self, Question, Volume};
use homefront_benches::load::cores::Cores;
use homefront_benches::load::report::{self, Figures, Spread, spread};
use homefront_benches::load::server::{self, Server};
use homefront_benches::load::{cpu, machine, origin};
use homefront_benches::{python, typical};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Latency and CPU time that Lambda@Edge functions add to pass-through requests, cold starts and replacements.
#[derive(Debug, Parser)]
#[command(name = "environments", version)]
struct Arguments {
    /// How long each case is measured in a round.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How often each case is measured; the cases take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Connections in the cases with many.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How often an environment is started, and how often it is replaced.
    #[arg(long, default_value_t = 9)]
    starts: usize,
    /// Where the JSON lines go.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

const BODY_BYTES: usize = 1_024;
const ENVIRONMENTS: usize = 4;
const PLAIN: &str = "no function";
const AWS: &str = "provided, awslambdaric";

/// A function, and what runs it.
struct Runtime {
    name: &'static str,
    path: &'static str,
    toml: String,
}

fn main() -> ExitCode {
    report::exit(run(&Arguments::parse()))
}

/// Gives the number of failed requests.
fn run(arguments: &Arguments) -> io::Result<u64> {
    let own = std::env::current_exe()?;
    let binary = own.with_file_name("homefront");
    let cores = Cores::of_this_machine()?;
    let all_cores: Vec<usize> = cores.servers.iter().chain(&cores.load).copied().collect();
    let origin = origin::start(&[b'x'; BODY_BYTES], &cores.load)?;
    let packages = tempfile::tempdir()?;
    let runtimes = runtimes(&own, packages.path())?;
    let toml = config(origin, &runtimes);
    let start = |on: &[usize]| server::serve(&binary, tempfile::tempdir()?, &toml, on);

    let mut lines: Box<dyn Write> = match &arguments.output {
        Some(file) => Box::new(File::create(file)?),
        None => Box::new(io::stdout()),
    };
    let volume = json!({
        "seconds": arguments.seconds, "rounds": arguments.rounds, "connections": arguments.connections,
        "starts": arguments.starts, "environments": ENVIRONMENTS,
    });
    writeln!(lines, "{}", json!({ "machine": machine::describe(&binary, false), "volume": volume }))?;

    let mut text = String::from("\n| runtime | with one client: p50 µs | added | added by ours / by awslambdaric |");
    text += " with many: requests/s | CPU µs/request | cores busy |\n|---|---|---|---|---|---|---|\n";
    // The way of one request is measured with the cores divided, what many can have with all of them.
    let alone = measure(arguments, &start(&cores.servers)?, &runtimes, &cores.load, 1, &mut lines)?;
    let node = start(&all_cores)?;
    let together = measure(arguments, &node, &runtimes, &all_cores, arguments.connections, &mut lines)?;
    drop(node);
    let added = |measured: &[Vec<Case>], case: usize| {
        spread(measured.iter().map(|round| round[case].figures.p50_us - round[0].figures.p50_us)).median
    };
    let theirs = alone[0].iter().position(|case| case.runtime == AWS).map(|case| added(&alone, case));
    for (case, of) in alone[0].iter().enumerate() {
        let one = spread(alone.iter().map(|round| round[case].figures.p50_us)).median;
        let many = |figure: fn(&Case) -> f64| spread(together.iter().map(|round| figure(&round[case]))).median;
        let (rate, cpu) = (many(|case| case.figures.requests_per_s), many(|case| case.figures.cpu_us));
        let busy = many(|case| case.cores_busy);
        let (mine, share) = if case == 0 {
            (String::new(), String::new())
        } else {
            let mine = added(&alone, case);
            (format!("{mine:.0}"), theirs.map_or(String::new(), |theirs| format!("{:.2}", mine / theirs)))
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} | {one:.0} | {mine} | {share} | {rate:.0} | {cpu:.0} | {busy:.2} |", of.runtime);
    }
    text += "\n| runtime | cold start, first request, ms: median (least to most) | after a crash, next request, ms |\n|---|---|---|\n";
    for runtime in &runtimes {
        let cold: Vec<f64> = (0..arguments.starts)
            .map(|_| start(&all_cores).and_then(|node| answered_ms(node.address, runtime.path, 200)))
            .collect::<io::Result<_>>()?;
        let replaced = replacements(&start(&all_cores)?, runtime, arguments.starts)?;
        let line = json!({ "runtime": runtime.name, "cold_start_ms": cold, "after_a_crash_ms": replaced });
        writeln!(lines, "{line}")?;
        let _ = writeln!(text, "| {} | {} | {} |", runtime.name, told(cold), told(replaced));
    }
    write!(io::stdout(), "{text}")?;
    Ok(alone.iter().chain(&together).flatten().map(|case| case.figures.errors).sum())
}

/// Python and Node.js by our workers, and Python by AWS's where `.ci/setup` has installed it.
fn runtimes(own: &Path, packages: &Path) -> io::Result<Vec<Runtime>> {
    let bench = Path::new(env!("CARGO_MANIFEST_DIR")).join("lambda");
    let function = |name: &str, runtime: &str, handler: &str, code: &Path| {
        format!(
            "[[lambda]]\nname = \"{name}\"\nruntime = \"{runtime}\"\nhandler = \"{handler}\"\ncode = '{}'\n\
             memory_mb = 256\nconcurrency_max = {ENVIRONMENTS}\n",
            code.display()
        )
    };
    let mut runtimes = vec![
        Runtime {
            name: "python3",
            path: "/python",
            toml: function("python", "python3", "noop.handler", &bench.join("noop")) + &python::interpreter(own),
        },
        Runtime {
            name: "nodejs",
            path: "/nodejs",
            toml: function("nodejs", "nodejs", "index.handler", &bench.join("noop-node")),
        },
    ];
    if let Some(python) = python::prepared(own) {
        let package = packages.join("aws");
        fs::create_dir(&package)?;
        fs::copy(bench.join("noop/noop.py"), package.join("noop.py"))?;
        let bootstrap = package.join("bootstrap");
        fs::write(&bootstrap, format!("#!/bin/sh\nexec '{}' -u -m awslambdaric \"$_HANDLER\"\n", python.display()))?;
        fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755))?;
        runtimes.push(Runtime {
            name: AWS,
            path: "/provided",
            toml: function("provided", "provided", "noop.handler", &package),
        });
    } else {
        writeln!(io::stdout(), "awslambdaric is not installed: AWS's runtime is not measured (.ci/test installs it)")?;
    }
    Ok(runtimes)
}

fn config(origin: SocketAddr, runtimes: &[Runtime]) -> String {
    let mut toml = format!(
        "[listen]\nhttp = [\"127.0.0.1:0\"]\n[log]\nfunction = \"functions.log\"\n[[distribution]]\nid = \"{}\"\ndomain_name = \"{}\"\n[[distribution.origin]]\nid = \"app\"\n\
         domain_name = \"127.0.0.1\"\nhttp_port = {}\nprotocol_policy = \"http-only\"\n\
         [distribution.default_behavior]\ntarget_origin = \"app\"\ncache_policy = \"CachingDisabled\"\n\
         origin_request_policy = \"AllViewer\"\n",
        typical::DISTRIBUTION_ID,
        typical::HOST,
        origin.port()
    );
    for Runtime { path, .. } in runtimes {
        let _ = write!(
            toml,
            "[[distribution.behavior]]\npath_pattern = \"{path}\"\ntarget_origin = \"app\"\ncache_policy = \"CachingDisabled\"\n\
             origin_request_policy = \"AllViewer\"\norigin_request = {{ lambda = \"{}\" }}\n",
            &path[1..]
        );
    }
    toml.extend(runtimes.iter().map(|runtime| runtime.toml.as_str()));
    toml
}

/// One case of one round.
struct Case {
    runtime: &'static str,
    figures: Figures,
    cores_busy: f64,
}

/// One element a round; in it first requests without a function, then the runtimes.
fn measure(
    arguments: &Arguments,
    node: &Server,
    runtimes: &[Runtime],
    on: &[usize],
    connections: usize,
    lines: &mut dyn Write,
) -> io::Result<Vec<Vec<Case>>> {
    let measured = Duration::try_from_secs_f64(arguments.seconds).map_err(io::Error::other)?;
    let volume = Volume { connections, warm_up: measured / 3, measured, every: None };
    let cases = || [(PLAIN, "/plain")].into_iter().chain(runtimes.iter().map(|runtime| (runtime.name, runtime.path)));
    for (_, path) in cases() {
        answered_ms(node.address, path, 200)?;
    }
    let mut rounds = Vec::new();
    for round in 1..=arguments.rounds {
        let mut all = Vec::new();
        for (runtime, path) in cases() {
            let question = Question {
                server: node.address,
                request: typical::wire(path),
                body_bytes: BODY_BYTES,
                x_cache: Some("Miss from cloudfront"),
            };
            // The node is a child of this process, which asks: together they are what keeps the machine busy.
            let busy_before = cpu::of_tree(std::process::id())?;
            let began = Instant::now();
            let result = client::run(&question, volume, on, || cpu::of_tree(node.process_id()))?;
            let busy = cpu::of_tree(std::process::id())?.saturating_sub(busy_before);
            let cores_busy = busy.as_secs_f64() / began.elapsed().as_secs_f64();
            if let Some(error) = &result.first_error {
                writeln!(io::stderr(), "{runtime}: {error}")?;
            }
            let figures = Figures::of(&result);
            let mut line = figures.json("homefront", runtime, round);
            line["connections"] = json!(connections);
            line["cores_busy"] = Value::from((cores_busy * 100.0).round() / 100.0);
            writeln!(lines, "{line}")?;
            all.push(Case { runtime, figures, cores_busy });
        }
        rounds.push(all);
    }
    Ok(rounds)
}

/// How long the request after one that ended its environment takes.
fn replacements(node: &Server, runtime: &Runtime, times: usize) -> io::Result<Vec<f64>> {
    answered_ms(node.address, runtime.path, 200)?;
    let crash = format!("{}?crash", runtime.path);
    (0..times)
        .map(|_| {
            answered_ms(node.address, &crash, 503)?;
            answered_ms(node.address, runtime.path, 200)
        })
        .collect()
}

/// Milliseconds until there is the whole answer, which must have this status.
fn answered_ms(node: SocketAddr, path: &str, status: u16) -> io::Result<f64> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(node)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", typical::HOST)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if !answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()) {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned();
        return Err(io::Error::other(format!("{path}: not {status} but {shown:?}")));
    }
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn told(values: Vec<f64>) -> String {
    let Spread { least, median, most } = spread(values);
    format!("{median:.1} ({least:.1} to {most:.1})")
}
