//! The load bench: what a request costs a node, beside nginx where that is installed.

use clap::Parser;
use homefront_benches::load::client::{self, Question, Volume};
use homefront_benches::load::cores::Cores;
use homefront_benches::load::report::{self, Figures, Rounds};
use homefront_benches::load::server::{self, Server, Site};
use homefront_benches::load::{cpu, machine, origin, rival};
use homefront_benches::typical;
use serde_json::json;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Requests per second, latency and CPU time per request of a node.
#[derive(Debug, Parser)]
#[command(name = "load", version)]
struct Arguments {
    /// The node's binary; by default the one beside this one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// How long each case is measured in a round.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// How often each case is measured; the cases take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Length of the object.
    #[arg(long, default_value_t = 1024)]
    body_bytes: usize,
    /// Measure only cases whose server and name contain this, e.g. `nginx, hit`.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Leave nginx out.
    #[arg(long)]
    no_rival: bool,
    /// Where the JSON lines go.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

struct Case<'a> {
    of: &'a Server,
    server: &'static str,
    name: &'static str,
    path: &'static str,
    x_cache: Option<&'static str>,
}

const HIT: &str = "hit";
const HEADERS: &str = "hit, security headers";
const PROCESS: &str = "hit, uri function in a worker";
const INLINE: &str = "hit, uri function inline";
const FOLDER: &str = "pass-through, folder";
const SERVER: &str = "pass-through, server";
const SHIM: &str = "hit, uri function in njs, event built by a shim";
const BY_HAND: &str = "hit, uri function written for njs by hand";

/// What is compared with what: CPU time of the first over that of the second.
const RATIOS: [[(&str, &str); 2]; 11] = [
    [("homefront", HIT), ("nginx", HIT)],
    [("homefront", SERVER), ("nginx", SERVER)],
    [("homefront", FOLDER), ("nginx", FOLDER)],
    [("homefront", HEADERS), ("nginx", HEADERS)],
    [("homefront", HEADERS), ("homefront", HIT)],
    [("homefront", PROCESS), ("homefront", HIT)],
    [("homefront", INLINE), ("homefront", HIT)],
    [("homefront", PROCESS), ("nginx", SHIM)],
    [("homefront", INLINE), ("nginx", SHIM)],
    [("homefront", PROCESS), ("nginx", BY_HAND)],
    [("homefront", INLINE), ("nginx", BY_HAND)],
];

fn main() -> ExitCode {
    report::exit(run(&Arguments::parse()))
}

/// Gives the number of failed requests.
fn run(arguments: &Arguments) -> io::Result<u64> {
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("homefront"),
    };
    let cores = Cores::of_this_machine()?;
    let body = vec![b'x'; arguments.body_bytes];
    let site = Site { origin: origin::start(&body, &cores.load)?, body, cores: cores.servers.clone() };
    let node = server::homefront(&binary, &site)?;
    let rival = if arguments.no_rival { None } else { start_rival(&site)? };
    let mut cases = cases(&node, rival.as_ref());
    if let Some(only) = &arguments.only {
        cases.retain(|case| format!("{}, {}", case.server, case.name).contains(only));
    }

    let mut lines: Box<dyn Write> = match &arguments.output {
        Some(file) => Box::new(File::create(file)?),
        None => Box::new(io::sink()),
    };
    let (seconds, rounds, connections) = (arguments.seconds, arguments.rounds, arguments.connections);
    let volume = json!({
        "seconds": seconds, "rounds": rounds, "connections": connections, "body_bytes": arguments.body_bytes,
        "cores_of_servers": cores.servers, "cores_of_load": cores.load,
    });
    let machine = machine::describe(&binary, rival.is_some());
    writeln!(lines, "{}", json!({ "machine": machine, "volume": volume }))?;
    writeln!(io::stdout(), "{machine}\n{volume}\n")?;

    let measured = measure(arguments, &cases, &cores, &mut lines)?;
    write!(io::stdout(), "{}", report::table(&measured))?;
    print_ratios(&measured)?;
    Ok(measured.iter().flat_map(|rounds| &rounds.figures).map(|figures| figures.errors).sum())
}

/// nginx, unless it is not installed.
fn start_rival(site: &Site) -> io::Result<Option<Server>> {
    match rival::nginx(site) {
        Ok(nginx) => {
            if !rival::has_njs() {
                let hint = "Debian: apt-get install libnginx-mod-http-js";
                writeln!(io::stdout(), "njs is not installed: no function is measured in nginx ({hint})")?;
            }
            Ok(Some(nginx))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            writeln!(
                io::stdout(),
                "nginx is not installed: no rival is measured (Debian: apt-get install nginx-light)"
            )?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn cases<'a>(node: &'a Server, rival: Option<&'a Server>) -> Vec<Case<'a>> {
    let hit = Some("Hit from cloudfront");
    let miss = Some("Miss from cloudfront");
    let own = |name, path, x_cache| Case { of: node, server: "homefront", name, path, x_cache };
    let mut cases = vec![
        own(HIT, "/hit/docs/index.html", hit),
        own(HEADERS, "/headers/docs/index.html", hit),
        own(PROCESS, "/process/docs", hit),
        own(INLINE, "/inline/docs", hit),
        own(FOLDER, "/folder/docs/index.html", miss),
        own(SERVER, "/server/docs/index.html", miss),
    ];
    if let Some(of) = rival {
        let theirs = |name, path, x_cache| Case { of, server: "nginx", name, path, x_cache };
        cases.push(theirs(HIT, "/hit/docs/index.html", Some("HIT")));
        cases.push(theirs(HEADERS, "/headers/docs/index.html", Some("HIT")));
        cases.push(theirs(FOLDER, "/folder/docs/index.html", None));
        cases.push(theirs(SERVER, "/server/docs/index.html", None));
        if rival::has_njs() {
            cases.push(theirs(SHIM, "/shim/docs", Some("HIT")));
            cases.push(theirs(BY_HAND, "/by_hand/docs", Some("HIT")));
        }
    }
    cases
}

fn measure(arguments: &Arguments, cases: &[Case<'_>], cores: &Cores, lines: &mut dyn Write) -> io::Result<Vec<Rounds>> {
    let measured = Duration::try_from_secs_f64(arguments.seconds).map_err(io::Error::other)?;
    let volume = Volume { connections: arguments.connections, warm_up: measured / 4, measured, every: None };
    let mut all: Vec<Rounds> =
        cases.iter().map(|case| Rounds { server: case.server, case: case.name, figures: Vec::new() }).collect();
    for case in cases {
        fill_cache(case, arguments.body_bytes, cores)?;
    }
    for round in 1..=arguments.rounds {
        for (case, rounds) in cases.iter().zip(&mut all) {
            let question = question(case, arguments.body_bytes, case.x_cache);
            let result = client::run(&question, volume, &cores.load, || cpu::of_tree(case.of.process_id()))?;
            let figures = Figures::of(&result);
            writeln!(lines, "{}", figures.json(case.server, case.name, round))?;
            if let Some(error) = result.first_error {
                writeln!(io::stderr(), "{}, {}: {error}", case.server, case.name)?;
            }
            rounds.figures.push(figures);
        }
    }
    Ok(all)
}

fn question(case: &Case<'_>, body_bytes: usize, x_cache: Option<&'static str>) -> Question {
    Question { server: case.of.address, request: typical::wire(case.path), body_bytes, x_cache }
}

/// The first answers are misses; they are not to be counted as errors.
fn fill_cache(case: &Case<'_>, body_bytes: usize, cores: &Cores) -> io::Result<()> {
    let short = Duration::from_millis(100);
    let volume = Volume { connections: 1, warm_up: short, measured: short, every: None };
    let result = client::run(&question(case, body_bytes, None), volume, &cores.load, || Ok(Duration::ZERO))?;
    match result.first_error {
        Some(error) => Err(io::Error::other(format!("{}, {}: {error}", case.server, case.name))),
        None => Ok(()),
    }
}

fn print_ratios(measured: &[Rounds]) -> io::Result<()> {
    let find = |(server, case)| measured.iter().find(|rounds| (rounds.server, rounds.case) == (server, case));
    let mut out = io::stdout();
    writeln!(out, "\n| CPU of | over that of | ratio in a round (least to most) |\n|---|---|---|")?;
    for [of, over] in RATIOS {
        if let (Some(of), Some(over)) = (find(of), find(over)) {
            writeln!(out, "{}", report::ratio(of, over))?;
        }
    }
    Ok(())
}
