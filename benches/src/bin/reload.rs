//! How long it takes from saving a function until a call runs it.

use clap::Parser;
use homefront_benches::load::machine;
use homefront_benches::site::{self, Script, Site, call, context, percentile};
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// From saving to serving, as JSON lines and a table.
#[derive(Debug, Parser)]
#[command(name = "reload", version)]
struct Arguments {
    /// How often a function is saved.
    #[arg(long, default_value_t = 30)]
    saves: usize,
    /// Function workers.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Functions of the distribution, in turns: one of them is saved.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10])]
    functions: Vec<usize>,
}

/// Between two saves, so that they are apart as a person's are and none waits because of those before it.
const PAUSE: Duration = Duration::from_millis(500);

/// A save that does not serve within this time is an error.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    site::run(async || measure(&Arguments::parse()).await)
}

fn gives(version: usize) -> String {
    format!("function handler(event) {{ event.request.uri = '/{version}'; return event.request; }}\n")
}

async fn measure(arguments: &Arguments) -> io::Result<()> {
    let mut out = io::stdout();
    let machine = machine::describe(&std::env::current_exe()?, false);
    writeln!(out, "{}", json!({ "machine": machine, "saves": arguments.saves, "workers": arguments.workers }))?;
    let mut rows = Vec::new();
    for functions in &arguments.functions {
        let mut times = save_and_wait(*functions, arguments).await?;
        times.sort_unstable();
        let ms = |share| percentile(&times, share).as_secs_f64() * 1e3;
        let (min, median, max) = (ms(0.0), ms(0.5), ms(1.0));
        writeln!(out, "{}", json!({ "functions": functions, "min_ms": min, "median_ms": median, "max_ms": max }))?;
        rows.push(format!("| {functions} | {min:.1} | {median:.1} | {max:.1} |"));
    }
    writeln!(out, "\n| functions | min ms | median ms | max ms |\n|---|---|---|---|\n{}", rows.join("\n"))
}

async fn save_and_wait(functions: usize, arguments: &Arguments) -> io::Result<Vec<Duration>> {
    let script = |number| Script {
        distribution: 0,
        name: format!("f{number}"),
        code: gives(0),
        settings: "budget_ms = 5000".to_owned(),
    };
    let scripts: Vec<_> = (0..functions).map(script).collect();
    let site = Site::start(&scripts, arguments.workers, "", &[]).await?;
    site.staffed(arguments.workers + 1).await?;
    let keeper = tokio::spawn({
        let functions = site.functions.clone();
        async move { functions.keep_current(|_| {}).await }
    });
    let (function, context) = (site.function("f0")?, context(0));
    let mut times = Vec::new();
    for version in 1..=arguments.saves {
        tokio::time::sleep(PAUSE).await;
        std::fs::write(site.code("f0"), gives(version))?;
        let saved = Instant::now();
        let wanted = format!("/{version}");
        loop {
            let seen = call(&site.functions, &function, &context).await.map_err(io::Error::other)?;
            if seen == wanted {
                times.push(saved.elapsed());
                break;
            }
            if saved.elapsed() > PATIENCE {
                return Err(io::Error::other("what was saved does not serve"));
            }
            // A call every quarter of a millisecond leaves the machine to what is measured.
            tokio::time::sleep(Duration::from_micros(250)).await;
        }
    }
    keeper.abort();
    let _ = keeper.await;
    site.stop().await;
    Ok(times)
}
