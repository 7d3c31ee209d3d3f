//! The program as a process of its own, whose processes, files and memory can be counted.

use super::binary::{command, descendants, is_alive};
use super::{Answer, Binary, Connection, Edge, Origin, PATIENCE, get_of};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;

/// A running program, with a folder for temporary files that nobody else uses.
pub(crate) struct Program {
    pub(crate) binary: Binary,
    pub(crate) address: SocketAddr,
    tmp: TempDir,
    folder: TempDir,
    _origins: HashMap<String, Origin>,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// Open files and sockets of the node itself.
    pub(crate) files: usize,
    /// Processes below it.
    pub(crate) processes: usize,
    /// Folders of execution environments.
    pub(crate) folders: usize,
}

impl Program {
    /// Starts the node that `edge` describes.
    pub(crate) async fn start(edge: Edge) -> Self {
        let (folder, origins) = edge.written();
        let tmp = tempfile::tempdir().unwrap();
        let mut command = command(folder.path(), &["serve", "homefront.toml"]);
        command.env("TMPDIR", tmp.path());
        let (binary, address) = Binary::start(command).await;
        let program = Self { binary, address, tmp, folder, _origins: origins };
        program.watches_its_files().await;
        program
    }

    /// Waits for what the node opens in a thread of its own while it serves already: nobody counts it for a leak.
    async fn watches_its_files(&self) {
        let threads = || std::fs::read_dir(format!("/proc/{}/task", self.binary.pid())).unwrap().flatten();
        let name = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        let watches = async {
            while !threads().any(|thread| name(thread).starts_with("notify-rs")) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, watches).await.expect("it watches its files");
    }

    /// GET on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = get_of(path, &[("Connection", "close")]);
        Connection::open(self.address).await.send(&request).await
    }

    /// Whole answers of the behavior `/other/*`, one after the other.
    pub(crate) async fn serves_beside(&self, what: &str) {
        /// Requests that are served while a function is in the middle of what it does.
        const BESIDE: usize = 3;
        for number in 0..BESIDE {
            let path = format!("/other/{what}/{number}");
            let answer = self.get(&path).await;
            assert_eq!((answer.status, answer.text()), (200, path.as_str()), "beside {what}");
        }
    }

    /// What it holds now.
    pub(crate) fn held(&self) -> Held {
        let count = |path: &Path| std::fs::read_dir(path).unwrap().count();
        Held {
            files: count(Path::new(&format!("/proc/{}/fd", self.binary.pid()))),
            processes: descendants(self.binary.pid()).into_iter().filter(|(pid, _)| is_alive(*pid)).count(),
            folders: count(self.tmp.path()),
        }
    }

    /// Waits until it holds no more than it did then.
    pub(crate) async fn holds_no_more_than(&self, before: &Held) {
        let within = |now: &Held| {
            now.files <= before.files && now.processes <= before.processes && now.folders <= before.folders
        };
        let settled = async {
            while !within(&self.held()) {
                tokio::task::yield_now().await;
            }
        };
        let files = || std::fs::read_dir(format!("/proc/{}/fd", self.binary.pid())).unwrap().flatten();
        let links = || files().flat_map(|file| std::fs::read_link(file.path())).collect::<Vec<_>>();
        let processes = || descendants(self.binary.pid());
        let told = || format!("{before:?} and now {:?}: {:?} {:?}", self.held(), shown(&processes()), links());
        tokio::time::timeout(PATIENCE, settled).await.unwrap_or_else(|_| panic!("{}", told()));
    }

    /// Its processes that run functions: those of environments and what they started.
    pub(crate) fn of_environments(&self) -> Vec<u32> {
        let all = descendants(self.binary.pid()).into_iter();
        // What starts enclosed environments is of none of them.
        let is_template = |pid: u32, command: &str| {
            command.contains(" process-enclosure")
                && std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "homefront")
        };
        all.filter(|(pid, command)| {
            is_alive(*pid) && !command.contains(" process-sweeper ") && !is_template(*pid, command)
        })
        .map(|(pid, _)| pid)
        .collect()
    }

    /// Memory in use by the node itself, in MiB.
    pub(crate) fn memory_mib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.binary.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1_024
    }

    /// Ends it in order; gives what it wrote into a file. Nothing else of it is left: no process, no folder.
    pub(crate) async fn stop_and_read(self, file: &str) -> String {
        let [text] = self.stop_and_read_all([file]).await;
        text
    }

    /// The same of several files.
    pub(crate) async fn stop_and_read_all<const N: usize>(self, files: [&str; N]) -> [String; N] {
        let children = descendants(self.binary.pid());
        self.binary.signal(rustix::process::Signal::TERM);
        assert_eq!(self.binary.ended().await.code(), Some(0));
        let gone = async {
            while children.iter().any(|(pid, _)| is_alive(*pid)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, gone)
            .await
            .unwrap_or_else(|_| panic!("left behind, some of: {:?}", shown(&children)));
        let folders: Vec<_> = std::fs::read_dir(self.tmp.path()).unwrap().collect();
        assert!(folders.is_empty(), "left behind: {folders:?}");
        files.map(|file| std::fs::read_to_string(self.folder.path().join(file)).unwrap())
    }
}

/// Processes for a message: `node` has a whole program in its command line.
fn shown(processes: &[(u32, String)]) -> Vec<(u32, &str)> {
    const COMMAND_BYTES: usize = 120;
    processes.iter().map(|(pid, command)| (*pid, &command[..command.floor_char_boundary(COMMAND_BYTES)])).collect()
}
