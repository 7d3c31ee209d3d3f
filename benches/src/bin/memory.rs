//! The memory that function workers have for themselves: idle ones, what a further function adds, what a store adds.
//!
//! A worker's own memory is what `/proc/PID/smaps_rollup` calls private, dirty or clean, less what is clean and of a file: the
//! program's text, which is one copy for all workers and only looks private while a single one runs.

use clap::Parser;
use homefront_benches::load::machine;
use homefront_benches::site::{self, Script, Site, call, context};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Memory of function workers, in KiB, as JSON lines.
#[derive(Debug, Parser)]
#[command(name = "memory", version)]
struct Arguments {
    /// Further functions, to find out what one of them adds.
    #[arg(long, default_value_t = 40)]
    functions: usize,
    /// Calls before memory is looked at again.
    #[arg(long, default_value_t = 1_000)]
    calls: usize,
}

/// In which a worker collects garbage and its allocator gives pages back.
const IDLE: Duration = Duration::from_millis(1_500);

/// Both objectives, in KiB.
const WORKER_KIB_MAX: u64 = 8 * 1_024;
const FUNCTION_KIB_MAX: u64 = 400;

const URI: &str = include_str!("../../functions/uri.js");

fn main() -> ExitCode {
    site::run(async || measure(&Arguments::parse()).await)
}

/// Own memory of a process, in KiB.
fn own_kib(pid: u32) -> io::Result<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let of = |name: &str| {
        let value = rollup.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
        value.and_then(|value| value.trim().parse::<u64>().ok()).ok_or_else(|| io::Error::other(name.to_owned()))
    };
    // Whatever is anonymous is private here, relocated pages of the program included: workers do not fork.
    Ok(of("Private_Dirty:")?.max(of("Anonymous:")?))
}

fn script(number: usize, settings: &str) -> Script {
    // No two are alike, as in life.
    let code = format!("{URI}\nfunction unused{number}() {{ return {number}; }}\n");
    let settings = format!("budget_ms = 5000\n{settings}");
    Script { distribution: 0, name: format!("f{number}"), code, settings }
}

struct Worker {
    fresh_kib: u64,
    called_kib: u64,
}

/// One worker and its spare with so many functions.
async fn worker_of(functions: usize, calls: usize, store: Option<Vec<u8>>) -> io::Result<Worker> {
    let settings = if store.is_some() { "key_value_store = \"s\"" } else { "" };
    let more = if store.is_some() { "[[key_value_store]]\nname = \"s\"\nsource = \"s.json\"\n" } else { "" };
    let scripts: Vec<_> = (0..functions).map(|number| script(number, settings)).collect();
    let files: Vec<_> = store.into_iter().map(|store| ("s.json", store)).collect();
    let site = Site::start(&scripts, 1, more, &files).await?;
    let active = site.staffed(2).await?[0];
    tokio::time::sleep(IDLE).await;
    let fresh_kib = own_kib(active)?;
    let context = context(0);
    for number in 0..calls {
        let function = site.function(&format!("f{}", number % functions))?;
        call(&site.functions, &function, &context).await.map_err(io::Error::other)?;
    }
    tokio::time::sleep(IDLE).await;
    let called_kib = own_kib(active)?;
    site.stop().await;
    Ok(Worker { fresh_kib, called_kib })
}

/// An import file of nearly 5 MB.
fn large_store() -> Vec<u8> {
    let pair = |number| format!("{{\"key\":\"{number:0100}\",\"value\":\"{}\"}}", "v".repeat(900));
    let pairs: Vec<_> = (0..5_000).map(pair).collect();
    format!("{{\"data\":[{}]}}", pairs.join(",")).into_bytes()
}

async fn measure(arguments: &Arguments) -> io::Result<()> {
    let mut out = io::stdout();
    let executable = std::env::current_exe()?;
    writeln!(out, "{}", json!({ "machine": machine::describe(&executable, false) }))?;
    let one = worker_of(1, arguments.calls, None).await?;
    let many = worker_of(1 + arguments.functions, arguments.calls, None).await?;
    let stored = worker_of(1, arguments.calls, Some(large_store())).await?;
    let further = |of: fn(&Worker) -> u64| of(&many).saturating_sub(of(&one)) / arguments.functions.max(1) as u64;
    let line = |name: &str, fresh: u64, called: u64, max: Option<u64>| -> Value {
        json!({
            "of": name, "fresh_kib": fresh, "idle_after_calls_kib": called, "calls": arguments.calls,
            "max_kib": max, "met": max.map(|max| fresh <= max && called <= max),
        })
    };
    writeln!(out, "{}", line("an idle worker with one function", one.fresh_kib, one.called_kib, Some(WORKER_KIB_MAX)))?;
    let (fresh, called) = (further(|worker| worker.fresh_kib), further(|worker| worker.called_kib));
    writeln!(out, "{}", line("a further function", fresh, called, Some(FUNCTION_KIB_MAX)))?;
    let store = |stored: u64, bare: u64| stored.saturating_sub(bare);
    let (fresh, called) = (store(stored.fresh_kib, one.fresh_kib), store(stored.called_kib, one.called_kib));
    writeln!(out, "{}", line("a store of nearly 5 MB, in each worker", fresh, called, None))?;
    Ok(())
}
