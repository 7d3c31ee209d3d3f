//! A node as a process of its own, so that it can be killed.

use super::enclosure;
use super::site::{HEALTHY, LOOPS, Site, executable, script};
use homefront_functions::process::{Child, Descendants, Launch, Spawner};
use std::io::Write as _;
use std::process::{ExitCode, Stdio};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::ChildStdout;

pub(crate) const SUBCOMMAND: &str = "node";

/// The node's side: starts workers and a child with descendants in and out of its process group, prints their ids, one a
/// line and `end`, and calls a function that loops for good.
pub(crate) fn run() -> ExitCode {
    super::block_on(async {
        let site = Site::start(&[script("healthy", HEALTHY), script("loops", LOOPS)]).await;
        let mut processes = site.staffed().await;
        processes.push(site.template());
        let spawner = Spawner::start(Some(executable())).expect("a thread");
        let mut child = spawner.spawn(family()).await.expect("a shell");
        processes.extend(descendants(&mut child).await);
        let _enclosed = match enclosure::spawner().await {
            Some(spawner) => {
                let strays = "(setsid env -i sleep 1000 &) ; echo up; exec sleep 1000";
                let mut child = spawner.spawn(enclosure::enclosed(strays, None)).await.expect("it starts");
                enclosure::first_line(&mut child).await;
                processes.extend(enclosure::processes(&child, &["sleep", "sleep"]).await);
                Some(child)
            }
            None => None,
        };
        for pid in processes {
            let _ = writeln!(std::io::stdout(), "{pid}");
        }
        let _ = writeln!(std::io::stdout(), "end");
        loop {
            site.request("loops").await;
        }
    });
    ExitCode::SUCCESS
}

fn family() -> Launch {
    let script = "sleep 1000 & echo $!; setsid sh -c 'echo $$; sleep 1000 & wait' & echo $$; wait";
    Launch {
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        descendants: Descendants::Swept,
        ..Launch::new("/bin/sh", vec!["-c".into(), script.into()])
    }
}

async fn descendants(child: &mut Child) -> Vec<u32> {
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut pids = Vec::new();
    while pids.len() < 3 {
        let line = lines.next_line().await.expect("a pipe").expect("a line");
        pids.push(line.trim().parse().expect("a pid"));
    }
    pids
}

/// The test's side.
pub(crate) struct Node {
    process: tokio::process::Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Node {
    pub(crate) fn start() -> Self {
        let mut command = tokio::process::Command::new(executable());
        let mut process = command.arg(SUBCOMMAND).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("a process");
        let output = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        Self { process, output }
    }

    /// All processes it started.
    pub(crate) async fn processes(&mut self) -> Vec<u32> {
        let mut pids = Vec::new();
        loop {
            let line = self.output.next_line().await.expect("a pipe").expect("a line");
            if line == "end" {
                return pids;
            }
            pids.push(line.parse().expect("a pid"));
        }
    }

    /// SIGKILL: no handler, no destructor.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.expect("it runs");
    }
}
