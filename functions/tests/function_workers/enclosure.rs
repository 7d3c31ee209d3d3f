//! Enclosed children: what they see, how they end, and that nothing gets out. Where the system makes no namespaces, these tests
//! say so and show nothing.

use super::site::{children, executable, is_dead, signal, until_dead};
use homefront_functions::process::enclosure::{Enclosure, SUBCOMMAND, is_possible};
use homefront_functions::process::{Child, Descendants, Launch, Limits, Spawner};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// Starts processes that do all they can to be forgotten: a session, a parent and an environment of their own.
const STRAYS: &str = "(setsid env -i sleep 1000 &) ; (setsid setsid env -i sh -c 'sleep 1000 & wait' &) ; echo up";

/// What is there once a program has started them and become a sleeper itself.
const FOUND: [&str; 4] = ["sh", "sleep", "sleep", "sleep"];

pub(crate) fn enclosed(script: &str, tmp: Option<&Path>) -> Launch {
    Launch {
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        descendants: Descendants::Swept,
        enclosure: Some(Enclosure { executable: executable(), tmp: tmp.map(Path::to_owned), seals_folder: false }),
        ..Launch::new("sh", vec!["-c".into(), script.into()])
    }
}

/// `None` = not here.
pub(crate) async fn spawner() -> Option<Spawner> {
    let spawner = Spawner::start(None).expect("a thread");
    let folder = tempfile::tempdir().expect("a folder");
    let possible = is_possible(&spawner, &executable(), folder.path()).await;
    if !possible {
        super::report("      (this system lets nobody make namespaces)");
    }
    possible.then_some(spawner)
}

pub(crate) async fn first_line(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.as_mut().expect("a pipe")).lines();
    lines.next_line().await.expect("a pipe").expect("a line")
}

/// All its processes, when they have these names and no others: shells that started them may still be ending before.
pub(crate) async fn processes(child: &Child, names: &[&str]) -> Vec<u32> {
    let name = |process: &u32| std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    loop {
        let processes = child.processes();
        let mut found: Vec<_> = processes.iter().map(name).collect();
        found.sort_unstable();
        if found.iter().map(|name| name.trim_end()).eq(names.iter().copied()) {
            return processes;
        }
        tokio::task::yield_now().await;
    }
}

async fn output(spawner: &Spawner, launch: Launch) -> String {
    let mut child = spawner.spawn(launch).await.expect("it starts");
    let mut text = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut text).await.expect("text");
    let exit = child.wait().await;
    assert!(exit.success(), "{exit}: {text}");
    text
}

fn state(process: u32) -> u8 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    stat.rsplit(") ").next().expect("a state").as_bytes()[0]
}

pub(crate) async fn it_ends_as_its_program_does() {
    let Some(spawner) = spawner().await else { return };
    for (script, told) in [
        ("exit 0", "exit status 0"),
        ("exit 7", "exit status 7"),
        ("kill -KILL $$", "signal: killed"),
        ("kill -TERM $$", "signal: terminated"),
        ("kill -ABRT $$", "signal: aborted"),
        ("setsid sleep 1000 & exit 3", "exit status 3"),
    ] {
        let child = spawner.spawn(enclosed(script, None)).await.expect("it starts");
        assert_eq!(child.wait().await.to_string(), told, "{script}");
    }
    let missing = Launch { program: "/nowhere/at/all".into(), ..enclosed("", None) };
    assert_eq!(spawner.spawn(missing).await.expect_err("nothing to run").kind(), std::io::ErrorKind::NotFound);
}

pub(crate) async fn nothing_it_started_outlives_it() {
    let Some(spawner) = spawner().await else { return };
    for (end, killed) in [("exit 1", false), ("kill -KILL $$", false), ("exec sleep 1000", true)] {
        let script = format!("{STRAYS}; {end}");
        let mut child = spawner.spawn(enclosed(&script, None)).await.expect("it starts");
        assert_eq!(first_line(&mut child).await, "up");
        let found = child.processes();
        if killed {
            let found = processes(&child, &FOUND).await;
            child.kill();
            child.wait().await;
            assert!(found.iter().all(|process| is_dead(*process)), "{end}");
        } else {
            // Not all of them may have been started when it ended; none is left in any case.
            child.wait().await;
            assert!(found.iter().chain(&child.processes()).all(|process| is_dead(*process)), "{end}");
        }
    }
}

pub(crate) async fn it_sees_no_process_but_its_own() {
    let Some(spawner) = spawner().await else { return };
    // The node's own number means nobody in there.
    let node = std::process::id();
    let script = format!("kill -KILL {node} 2>/dev/null; kill -KILL $PPID 2>/dev/null; echo $$ $PPID");
    assert_eq!(output(&spawner, enclosed(&script, None)).await, "2 1\n");
}

pub(crate) async fn its_folder_lies_over_tmp_for_it_alone() {
    let Some(spawner) = spawner().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let name = format!("homefront-test-{}", std::process::id());
    let script = format!("ls -A /tmp; echo x > /tmp/{name}; ls /tmp");
    assert_eq!(output(&spawner, enclosed(&script, Some(folder.path()))).await, format!("{name}\n"));
    assert!(folder.path().join(&name).exists() && !Path::new("/tmp").join(&name).exists());
}

pub(crate) async fn nothing_can_be_written_into_a_folder_that_is_sealed() {
    let Some(spawner) = spawner().await else { return };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("code"), "text").expect("a file");
    let path = folder.path().display();
    let script = format!(
        "cat code; for file in new code {path}/new {path}/code; do (echo x > $file) 2>/dev/null || echo -n ' no'; done"
    );
    let mut launch = Launch { folder: folder.path().to_owned(), ..enclosed(&script, None) };
    let enclosure = launch.enclosure.take().expect("it is enclosed");
    launch.enclosure = Some(Enclosure { seals_folder: true, ..enclosure });
    assert_eq!(output(&spawner, launch).await, "text no no no no");
    std::fs::write(folder.path().join("code"), "others can").expect("a file");
}

pub(crate) async fn all_of_it_stops_and_goes_on() {
    let Some(spawner) = spawner().await else { return };
    let mut child = spawner.spawn(enclosed(&format!("{STRAYS}; exec sleep 1000"), None)).await.expect("it starts");
    assert_eq!(first_line(&mut child).await, "up");
    let found = processes(&child, &FOUND).await;
    assert!(found.contains(&child.program()), "{found:?}");
    let until = async |stopped: bool| {
        while !found.iter().all(|process| (state(*process) == b'T') == stopped) {
            tokio::task::yield_now().await;
        }
    };
    child.suspend();
    until(true).await;
    child.resume();
    until(false).await;
    child.suspend();
    child.kill();
    assert_eq!(child.wait().await.to_string(), "signal: killed");
    until_dead(&found).await;
}

pub(crate) async fn the_memory_of_a_program_that_ended_is_known() {
    let Some(spawner) = spawner().await else { return };
    let script = "head -c 50000000 /dev/zero | tail -c 40000000 > /dev/null";
    let small = spawner.spawn(enclosed("true", None)).await.expect("it starts");
    let large = spawner.spawn(enclosed(&format!("exec sh -c '{script}'"), None)).await.expect("it starts");
    assert!(small.wait().await.success() && large.wait().await.success());
    let (small, large) = (small.memory_used_bytes_max(), large.memory_used_bytes_max());
    assert!(small.is_some_and(|bytes| (1..20 << 20).contains(&bytes)), "{small:?}");
    assert!(large.is_some_and(|bytes| bytes >= 40_000_000), "what it waited for counts: {large:?}");
}

pub(crate) async fn what_it_left_running_is_counted() {
    let Some(spawner) = spawner().await else { return };
    let strays = "sleep 1000 & setsid env -i sleep 1000 & echo up";
    for (end, told) in [("exit 3", "exit status 3"), ("exec sleep 1000", "signal: killed")] {
        let mut child = spawner.spawn(enclosed(&format!("{strays}; {end}"), None)).await.expect("it starts");
        assert_eq!(first_line(&mut child).await, "up");
        if told == "signal: killed" {
            child.kill();
        }
        assert_eq!(child.wait().await.to_string(), told);
        assert_eq!(child.left_running(), 2, "{end}");
    }
    let alone = spawner.spawn(enclosed("true", None)).await.expect("it starts");
    alone.wait().await;
    assert_eq!(alone.left_running(), 0);
}

pub(crate) async fn its_channel_is_the_programs_alone() {
    let Some(spawner) = spawner().await else { return };
    for is_enclosed in [true, false] {
        let (mut ours, theirs) = tokio::net::UnixStream::pair().expect("a socket");
        let theirs = theirs.into_std().expect("its descriptor");
        theirs.set_nonblocking(false).expect("a mode");
        let launch = enclosed("echo hello >&3; read line <&3; echo \"$line\" >&3; exec 3>&-; exec sleep 1000", None);
        let enclosure = launch.enclosure.filter(|_| is_enclosed);
        let launch = Launch { channel: Some(theirs.into()), enclosure, ..launch };
        let child = spawner.spawn(launch).await.expect("it starts");
        ours.write_all(b"and back\n").await.expect("it reads");
        let mut told = String::new();
        // To its end: nobody else has the other end, not even the processes around the program.
        ours.read_to_string(&mut told).await.expect("text");
        assert_eq!(told, "hello\nand back\n");
        child.kill();
        child.wait().await;
    }
}

pub(crate) async fn its_limits_and_its_surroundings_are_its_programs() {
    let Some(spawner) = spawner().await else { return };
    let script =
        "ulimit -n; ulimit -d; ulimit -c; nice; pwd; tr '\\0' '\\n' < /proc/$$/environ; ls /proc/self/fd | wc -l";
    let limits = Limits { open_files_max: Some(77), data_bytes_max: Some(100 * 1_024 * 1_024), ..Limits::default() };
    let nice = rustix::process::nice(0).expect("a number");
    let launch = Launch { limits, nice: 2, folder: "/usr".into(), ..enclosed(script, None) };
    // The fourth file is the folder that `ls` reads.
    let told = format!("77\n102400\n0\n{}\n/usr\nPATH=/usr/bin:/bin\n4\n", (nice + 2).min(19));
    assert_eq!(output(&spawner, launch).await, told);
}

/// This process's children that are of an enclosure: templates and launchers.
fn of_enclosures() -> Vec<u32> {
    let is_one = |pid: &u32| {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.contains(SUBCOMMAND) && !is_dead(*pid)
    };
    children().into_iter().filter(is_one).collect()
}

pub(crate) async fn a_template_of_launchers_that_is_killed_is_started_again() {
    let Some(spawner) = spawner().await else { return };
    let mut living = spawner.spawn(enclosed("echo up; exec sleep 1000", None)).await.expect("it starts");
    assert_eq!(first_line(&mut living).await, "up");
    let templates = loop {
        // Those of other spawners are ending.
        let others: Vec<_> = of_enclosures().into_iter().filter(|pid| *pid != living.id()).collect();
        if others.len() == 1 {
            break others;
        }
        tokio::task::yield_now().await;
    };
    signal(templates[0], Signal::KILL);
    until_dead(&templates).await;
    assert_eq!(output(&spawner, enclosed("echo hello", None)).await, "hello\n");
    assert!(living.is_running(), "what it has forked goes on");
    living.kill();
    living.wait().await;
}

pub(crate) async fn a_template_of_launchers_that_hangs_is_replaced() {
    let Some(spawner) = spawner().await else { return };
    assert_eq!(output(&spawner, enclosed("echo hello", None)).await, "hello\n");
    let template = loop {
        if let [template] = of_enclosures()[..] {
            break template;
        }
        tokio::task::yield_now().await;
    };
    signal(template, Signal::STOP);
    let error = spawner.spawn(enclosed("echo hello", None)).await.expect_err("nobody starts it");
    assert_eq!(error.to_string(), "the process that starts enclosed processes does not do so");
    assert_eq!(output(&spawner, enclosed("echo hello", None)).await, "hello\n");
    assert!(is_dead(template));
}

pub(crate) async fn whoever_is_killed_while_it_starts_leaves_nothing() {
    const STARTS: usize = 100;
    let Some(spawner) = spawner().await else { return };
    let is_over = Arc::new(AtomicBool::new(false));
    let over = is_over.clone();
    let killer = tokio::task::spawn_blocking(move || {
        let mut killed = 0;
        while !over.load(Ordering::Relaxed) {
            // Beside the template, a launcher that has hardly begun, or is about to end.
            if let [_, .., newest] = of_enclosures()[..] {
                let newest = Pid::from_raw(newest.cast_signed()).expect("a number");
                killed += usize::from(kill_process(newest, Signal::KILL).is_ok());
            }
            std::thread::yield_now();
        }
        killed
    });
    for _ in 0..STARTS {
        if let Ok(child) = spawner.spawn(enclosed("exit 0", None)).await {
            child.wait().await;
        }
    }
    is_over.store(true, Ordering::Relaxed);
    assert!(killer.await.expect("it counts") > 0, "nobody was killed, which shows nothing");
    assert_eq!(output(&spawner, enclosed("echo hello", None)).await, "hello\n");
    spawner.all_gone().await;
    while children().into_iter().any(is_dead) {
        tokio::task::yield_now().await;
    }
}
