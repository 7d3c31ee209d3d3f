//! What functions that loop cost the others: how soon a killed worker is replaced, and what the calls of another distribution
//! wait while ten workers a second are killed.

use clap::Parser;
use homefront_benches::load::machine;
use homefront_benches::load::report::{Spread, spread};
use homefront_benches::site::{self, Script, Site, call, context, percentile};
use homefront_config::Function;
use homefront_functions::js::functions::Functions;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::set_current_timer_slack;
use serde_json::json;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Replacement of killed workers, and latency beside functions that loop, as JSON lines and a table.
#[derive(Debug, Parser)]
#[command(name = "hostile", version)]
struct Arguments {
    /// How many workers are killed to see how soon another takes over.
    #[arg(long, default_value_t = 30)]
    kills: usize,
    /// How long latency is measured in a round, once alone and once beside loops. A function that loops ten times a second is stopped after
    /// the first second, and for half a minute.
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// Rounds of each case. Within each, alone and beside loops take turns with the same workers; which of them comes first
    /// changes from round to round.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Function workers of each distribution.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Calls a second of the function whose latency is measured.
    #[arg(long, default_value_t = 500)]
    calls_per_s: u32,
    /// Loops a second.
    #[arg(long, default_value_t = 10)]
    loops_per_s: u32,
}

const URI: &str = include_str!("../../functions/uri.js");

/// Ends only with its worker: the engine counts the turns of a loop, but of each function's loops anew.
const LOOPS: &str = "function handler(event) { for (var i = 0; i < 50000; i++) { inner() } return event.request; }\n\
                     function inner() { for (var i = 0; i < 50000; i++) {} }";

/// A function that kills ten workers within ten seconds gets none for half a minute; so many, in turns, always do.
const LOOPERS: usize = 24;

fn main() -> ExitCode {
    site::run(async || measure(&Arguments::parse()).await)
}

fn script(distribution: usize, name: &str, code: &str, budget_ms: u64) -> Script {
    let settings = format!("budget_ms = {budget_ms}");
    Script { distribution, name: name.to_owned(), code: code.to_owned(), settings }
}

async fn measure(arguments: &Arguments) -> io::Result<()> {
    let mut out = io::stdout();
    let machine = machine::describe(&std::env::current_exe()?, false);
    writeln!(
        out,
        "{}",
        json!({
            "machine": machine, "kills": arguments.kills, "seconds": arguments.seconds, "workers": arguments.workers,
            "calls_per_s": arguments.calls_per_s, "loops_per_s": arguments.loops_per_s,
        })
    )?;
    let mut rows = Vec::new();
    let mut replaced = replacements(arguments.kills).await?;
    replaced.sort_unstable();
    let ms = |share| percentile(&replaced, share).as_secs_f64() * 1e3;
    let (median, p99, max) = (ms(0.5), ms(0.99), ms(1.0));
    let line = json!({ "replaced_after_kill": { "median_ms": median, "p99_ms": p99, "max_ms": max }, "max_ms": 5 });
    writeln!(out, "{line}")?;
    rows.push(format!("| a killed worker is replaced, ms | {median:.2} | {p99:.2} | {max:.2} |"));
    let one = beside_loops(arguments, "one function loops", &mut out, &mut rows, |round| round..round + 1).await?;
    let many = beside_loops(arguments, "many functions loop in turn", &mut out, &mut rows, |_| 0..LOOPERS).await?;
    writeln!(out, "\n| | p50 | p99 | p99.9 or max |\n|---|---|---|---|\n{}", rows.join("\n"))?;
    writeln!(out, "\n{one}\n{many}")
}

/// Latency in turns alone and beside the functions that loop in a round, all turns with the same workers. Gives the ratio in words.
async fn beside_loops(
    arguments: &Arguments,
    of: &str,
    out: &mut impl Write,
    rows: &mut Vec<String>,
    loopers_in: impl Fn(usize) -> Range<usize>,
) -> io::Result<String> {
    let site = beside(arguments).await?;
    let mut ratios = Vec::new();
    for round in 1..=arguments.rounds {
        // One that was stopped for killing its workers is not the next round's.
        let loopers = loopers(&site, loopers_in(round % LOOPERS));
        let mut by_case = [0.0; 2];
        for turn in 0..2 {
            let with_loops = (round + turn).is_multiple_of(2);
            let Round { latencies, killed } = latencies(arguments, &site, with_loops.then(|| loopers.clone())).await?;
            let us = |share| percentile(&latencies, share).as_secs_f64() * 1e6;
            let (name, calls) = (if with_loops { of } else { "alone" }, latencies.len());
            let (p50, p90, p99, p999, max) = (us(0.5), us(0.9), us(0.99), us(0.999), us(1.0));
            let line = json!({
                "case": name, "of": of, "round": round, "calls": calls, "p50_us": p50, "p90_us": p90, "p99_us": p99,
                "p999_us": p999, "max_us": max, "workers_killed": killed,
            });
            writeln!(out, "{line}")?;
            rows.push(format!(
                "| {name}, round {round}, {killed} workers killed, µs | {p50:.0} | {p99:.0} | {p999:.0} |"
            ));
            by_case[usize::from(with_loops)] = p99;
        }
        ratios.push(by_case[1] / by_case[0]);
    }
    site.stop().await;
    let Spread { least, median, most } = spread(ratios.iter().copied());
    let line = json!({ "of": of, "p99_ratios": ratios, "median": median, "least": least, "most": most, "max": 2 });
    writeln!(out, "{line}")?;
    Ok(format!("p99 while {of}, over alone, in a round: {median:.2} ({least:.2} to {most:.2})"))
}

/// Two distributions: one whose latency is measured, and one whose functions loop.
async fn beside(arguments: &Arguments) -> io::Result<Site> {
    let mut scripts = vec![script(0, "uri", URI, 10_000)];
    scripts.extend((0..LOOPERS).map(|number| script(1, &format!("loops{number}"), LOOPS, 50)));
    Site::start(&scripts, arguments.workers, "", &[]).await
}

/// From the kill of the only worker that takes calls, in mid-call, until the answer to a call that waited behind that one.
async fn replacements(kills: usize) -> io::Result<Vec<Duration>> {
    let mut times = Vec::new();
    // A function that kills again and again is throttled: each kills once.
    let scripts: Vec<_> = (0..kills)
        .map(|number| script(0, &format!("loops{number}"), LOOPS, 10_000))
        .chain([script(0, "healthy", URI, 10_000)])
        .collect();
    let site = Site::start(&scripts, 1, "", &[]).await?;
    let healthy = site.function("healthy")?;
    for number in 0..kills {
        let active = site.staffed(2).await?[0];
        let ask = |name: &str| -> io::Result<_> {
            let (functions, function) = (site.functions.clone(), site.function(name)?);
            Ok(tokio::spawn(async move {
                let answer = call(&functions, &function, &context(0)).await;
                (answer, Instant::now())
            }))
        };
        let looping = ask(&format!("loops{number}"))?;
        // Long enough to be in the loop, and that the next call is not given to the same worker.
        tokio::time::sleep(Duration::from_millis(30)).await;
        let waiting = ask(&healthy.name)?;
        tokio::time::sleep(Duration::from_millis(5)).await;
        let pid = i32::try_from(active).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("no pid"))?;
        let killed = Instant::now();
        kill_process(pid, Signal::KILL)?;
        let (answer, answered) = waiting.await.map_err(io::Error::other)?;
        answer.map_err(io::Error::other)?;
        times.push(answered.saturating_duration_since(killed));
        let (answer, _) = looping.await.map_err(io::Error::other)?;
        if answer.is_ok() {
            return Err(io::Error::other("a call survived its worker"));
        }
    }
    site.stop().await;
    Ok(times)
}

struct Round {
    /// Sorted.
    latencies: Vec<Duration>,
    /// Workers that were killed because of loops.
    killed: usize,
}

/// Latencies of calls at a steady rate, beside functions that loop from when the first counts. Each call counts from when it was due, so that
/// none hides behind another.
async fn latencies(arguments: &Arguments, site: &Site, loopers: Option<Vec<Arc<Function>>>) -> io::Result<Round> {
    let time = Duration::try_from_secs_f64(arguments.seconds).map_err(io::Error::other)?;
    // Whoever looped in the turn before has been replaced.
    site.staffed(2 * (arguments.workers + 1)).await?;
    let (function, context) = (site.function("uri")?, Arc::new(context(0)));
    let every = Duration::from_secs(1) / arguments.calls_per_s.max(1);
    let begun = Instant::now();
    let (warm_up, end) = (begun + time / 5, begun + time / 5 + time);
    let over = Arc::new(AtomicBool::new(false));
    let loops = loopers.map(|loopers| {
        tokio::spawn(keep_looping(site.functions.clone(), loopers, arguments.loops_per_s, warm_up, over.clone()))
    });
    let (runtime, functions) = (Handle::current(), site.functions.clone());
    // On a thread that sleeps to the microsecond: the timers of the runtime round to a millisecond, and calls would seem to wait for that.
    let asked = tokio::task::spawn_blocking(move || {
        set_current_timer_slack(NonZeroU64::new(1))?;
        let mut calls = Vec::new();
        let mut due = begun;
        while due <= end {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let (functions, function, context) = (functions.clone(), function.clone(), context.clone());
            calls.push(runtime.spawn(async move {
                let answer = call(&functions, &function, &context).await;
                (answer, due, due.elapsed())
            }));
            due += every;
        }
        io::Result::Ok(calls)
    });
    let calls = asked.await.map_err(io::Error::other)??;
    let mut latencies = Vec::with_capacity(calls.len());
    for asked in calls {
        let (answer, due, latency) = asked.await.map_err(io::Error::other)?;
        answer.map_err(io::Error::other)?;
        if due >= warm_up {
            latencies.push(latency);
        }
    }
    over.store(true, Ordering::Relaxed);
    let killed = match loops {
        Some(loops) => loops.await.map_err(io::Error::other)?,
        None => 0,
    };
    latencies.sort_unstable();
    Ok(Round { latencies, killed })
}

fn loopers(site: &Site, numbers: Range<usize>) -> Vec<Arc<Function>> {
    numbers.filter_map(|number| site.function(&format!("loops{number}")).ok()).collect()
}

/// Calls functions that loop, so many a second, until told; how many were killed for it.
async fn keep_looping(
    functions: Arc<Functions>,
    loopers: Vec<Arc<Function>>,
    per_s: u32,
    from: Instant,
    over: Arc<AtomicBool>,
) -> usize {
    let mut tick = tokio::time::interval_at(from.into(), Duration::from_secs(1) / per_s.max(1));
    let mut calls = tokio::task::JoinSet::new();
    for looper in loopers.into_iter().cycle() {
        tick.tick().await;
        if over.load(Ordering::Relaxed) {
            break;
        }
        let functions = functions.clone();
        calls.spawn(async move { call(&functions, &looper, &context(1)).await });
    }
    let killed = |answer: &Result<String, String>| matches!(answer, Err(why) if why.contains("longer than its budget"));
    calls.join_all().await.iter().filter(|answer| killed(answer)).count()
}
