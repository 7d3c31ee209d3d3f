//! What workers cannot do, and that none is left.

use super::node;
use super::site::{HEALTHY, LOOPS, Site, assert_ok, failure, is_dead, script, signal, until_dead};
use homefront_config::limits::FUNCTION_WORKER_MEMORY_BYTES_MAX;
use homefront_functions::process::Spawner;
use rustix::process::Signal;

pub(crate) async fn workers_have_no_files_no_privileges_and_little_memory() {
    let site = Site::start(&[script("healthy", HEALTHY)]).await;
    assert_ok(&site.request("healthy").await);
    for pid in site.staffed().await {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).expect("a field");
            line[name.len()..].trim().to_owned()
        };
        assert_eq!(field("Seccomp:"), "2", "a filter");
        assert_eq!(field("NoNewPrivs:"), "1");
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
        let mut files: Vec<_> = files.map(|file| file.expect("a file").file_name()).collect();
        files.sort();
        assert_eq!(files, ["0", "1", "2"]);
        let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("it runs");
        let environment = String::from_utf8(environment).expect("text");
        assert_eq!(environment, "MIMALLOC_ALLOW_THP=0\0MIMALLOC_ARENA_RESERVE=16MiB\0", "nothing of the node's");
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
        let address_space = limits.lines().find(|line| line.starts_with("Max address space")).expect("a limit");
        let bytes: u64 = address_space.split_whitespace().nth(3).expect("a number").parse().expect("a number");
        let mapped_kb: u64 = field("VmSize:").trim_end_matches(" kB").parse().expect("a number");
        assert!(
            bytes <= mapped_kb * 1_024 + FUNCTION_WORKER_MEMORY_BYTES_MAX,
            "{address_space}, {mapped_kb} kB mapped"
        );
    }
    site.stop().await;
}

pub(crate) async fn workers_are_the_nodes_own_children_and_lead_groups() {
    let site = Site::start(&[script("healthy", HEALTHY)]).await;
    let workers = site.staffed().await;
    let template = site.template();
    for pid in workers {
        assert!(super::site::children().contains(&pid), "{pid}");
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        let (_, fields) = stat.rsplit_once(") ").expect("fields");
        let numbers: Vec<_> = fields.split(' ').skip(2).take(2).collect();
        assert_eq!(numbers, [pid.to_string(), template.to_string()], "group and session: {stat}");
    }
    site.stop().await;
}

pub(crate) async fn a_template_that_is_killed_is_started_again_when_a_worker_is_missing() {
    let site = Site::start(&[script("loops", LOOPS).with("budget_ms = 1"), script("healthy", HEALTHY)]).await;
    site.staffed().await;
    let template = site.template();
    signal(template, Signal::KILL);
    until_dead(&[template]).await;
    assert_ok(&site.request("healthy").await);
    failure(site.request("loops").await);
    site.staffed().await;
    assert_ne!(site.template(), template);
    assert_ok(&site.request("healthy").await);
    site.stop().await;
}

pub(crate) async fn only_a_child_that_nobody_has_is_taken_on() {
    let spawner = Spawner::start(None).expect("a thread");
    let stderr = || std::io::pipe().expect("a pipe").0.into();
    let site = Site::start(&[script("healthy", HEALTHY)]).await;
    let worker = site.staffed().await[0];
    let own = site.spawner.take_on(worker, stderr()).expect_err("it is refused");
    assert_eq!(own.kind(), std::io::ErrorKind::AlreadyExists);
    assert_ok(&site.request("healthy").await);
    for stranger in [0, 1] {
        let error = spawner.take_on(stranger, stderr()).expect_err("it is refused");
        assert!(matches!(error.raw_os_error(), Some(libc::ECHILD | libc::ESRCH)), "{error}");
    }
    site.stop().await;
}

pub(crate) async fn stop_leaves_no_process() {
    let site = Site::start(&[script("healthy", HEALTHY), script("loops", LOOPS)]).await;
    let mut workers = site.staffed().await;
    workers.push(site.template());
    let site = std::sync::Arc::new(site);
    let looping = tokio::spawn({
        let site = site.clone();
        async move { site.request("loops").await }
    });
    assert_ok(&site.request("healthy").await);
    site.functions.stop();
    site.spawner.all_gone().await;
    // Reaped, not only dead.
    assert!(workers.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()));
    failure(looping.await.expect("a verdict"));
    failure(site.request("healthy").await);
}

pub(crate) async fn dropping_leaves_no_process() {
    let site = Site::start(&[script("healthy", HEALTHY)]).await;
    let mut workers = site.staffed().await;
    workers.push(site.template());
    drop(site);
    until_dead(&workers).await;
}

pub(crate) async fn nothing_outlives_a_killed_node() {
    let mut node = node::Node::start();
    let processes = node.processes().await;
    assert!(processes.len() >= 6, "workers, what they are forked off, a child and what it started: {processes:?}");
    assert!(processes.iter().all(|pid| !is_dead(*pid)), "all run");
    node.kill().await;
    until_dead(&processes).await;
}
