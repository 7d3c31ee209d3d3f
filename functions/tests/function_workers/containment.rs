//! What workers cannot do, and that none is left.

use super::node;
use super::site::{HEALTHY, LOOPS, Site, assert_ok, is_dead, script, until_dead};
use homefront_config::limits::FUNCTION_WORKER_MEMORY_BYTES_MAX;

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

pub(crate) async fn stop_leaves_no_process() {
    let site = Site::start(&[script("healthy", HEALTHY), script("loops", LOOPS)]).await;
    let workers = site.staffed().await;
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
    super::site::failure(looping.await.expect("a verdict"));
    super::site::failure(site.request("healthy").await);
}

pub(crate) async fn dropping_leaves_no_process() {
    let site = Site::start(&[script("healthy", HEALTHY)]).await;
    let workers = site.staffed().await;
    drop(site);
    until_dead(&workers).await;
}

pub(crate) async fn nothing_outlives_a_killed_node() {
    let mut node = node::Node::start();
    let processes = node.processes().await;
    assert!(processes.len() >= 5, "workers, a child and what it started: {processes:?}");
    assert!(processes.iter().all(|pid| !is_dead(*pid)), "all run");
    node.kill().await;
    until_dead(&processes).await;
}
