//! A running child: its output, its end, and the ways to bring that about.

use super::enclosure::Enclosed;
use super::family;
use super::{Exit, Spawner, priority, sweeper};
use parking_lot::Mutex;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::sync::watch;

/// A running process and everything in its process group. Dropping it kills them; they are reaped in any case.
#[derive(Debug)]
pub struct Child {
    /// What it prints; take it to read it.
    pub stdout: Option<pipe::Receiver>,
    /// What it complains; take it to read it.
    pub stderr: Option<pipe::Receiver>,
    group: Arc<Group>,
    exit: watch::Receiver<Option<Exit>>,
}

/// The process group of a child, which has the child's own number.
#[derive(Debug)]
struct Group {
    leader: Pid,
    /// Set before the leader is reaped: from then on the number may belong to a stranger.
    reaped: Mutex<bool>,
    mark: Option<String>,
    inside: Option<Inside>,
    /// What the program had resident at the most, when it ended by itself.
    memory_used_bytes_max: OnceLock<u64>,
    /// Of what it left running: whom the node found and killed, and how many there were in all, once that is known.
    killed: Mutex<BTreeSet<u32>>,
    left_running: OnceLock<usize>,
    /// As many as that are nothing to tell of.
    expected_left: AtomicUsize,
    /// The thread that forked must live as long as the child.
    spawner: Spawner,
}

/// Of an enclosed child.
#[derive(Debug)]
struct Inside {
    /// Process 1 in there, by its number out here.
    init: Pid,
    /// The program's number out here.
    program: u32,
    handle: Option<OwnedFd>,
}

impl Inside {
    /// An init that is gone already has no program; then nobody will ask for it.
    fn of(init: Pid) -> Self {
        let program = family::children(family::id(init)).first().copied();
        let pid = program.and_then(|program| Pid::from_raw(program.cast_signed()));
        let handle = pid.and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok());
        Self { init, program: program.unwrap_or(family::id(init)), handle }
    }
}

/// A process as it was started.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) leader: Pid,
    /// The ends that are read.
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
    pub(super) enclosed: Option<Enclosed>,
}

/// Kills and reaps, whatever becomes of the task that holds it.
struct Leash {
    group: Arc<Group>,
    enclosed: Option<Enclosed>,
    exit: watch::Sender<Option<Exit>>,
}

impl Child {
    pub(super) fn adopt(body: Body, mark: Option<String>, spawner: Spawner) -> io::Result<Self> {
        let Body { leader, stdout, stderr, enclosed } = body;
        let group = Arc::new(Group {
            leader,
            reaped: Mutex::new(false),
            mark,
            inside: enclosed.as_ref().map(|enclosed| Inside::of(enclosed.init)),
            memory_used_bytes_max: OnceLock::new(),
            killed: Mutex::default(),
            left_running: OnceLock::new(),
            expected_left: AtomicUsize::new(0),
            spawner,
        });
        group.spawner.born(family::id(leader))?;
        let (exit_sender, exit) = watch::channel(None);
        // From here on an early return kills and reaps the child.
        let leash = Leash { group: group.clone(), enclosed, exit: exit_sender };
        let end = End::of(leader)?;
        // An init that is gone already needs no waiting for.
        let init = group.inside.as_ref().and_then(|inside| End::of(inside.init).ok());
        let stdout = stdout.map(pipe::Receiver::from_owned_fd).transpose()?;
        let stderr = stderr.map(pipe::Receiver::from_owned_fd).transpose()?;
        tokio::spawn(supervise(leash, end, init));
        Ok(Self { stdout, stderr, group, exit })
    }

    /// The process id; the process group has the same number, and so has the session, but for a sibling's. Of an enclosed child it
    /// is the launcher's, see [`Child::program`].
    pub fn id(&self) -> u32 {
        family::id(self.group.leader)
    }

    /// The process id of the program itself.
    pub fn program(&self) -> u32 {
        self.group.inside.as_ref().map_or_else(|| self.id(), |inside| inside.program)
    }

    /// Adds `nice` to the node's own for its session, see [`priority`]. Needs a tokio runtime.
    pub(super) fn lower_priority(&self, nice: i32) {
        let (group, process) = (Arc::downgrade(&self.group), self.id());
        priority::lower(nice, move |nice| {
            let Some(group) = group.upgrade() else { return Ok(()) };
            let reaped = group.reaped.lock();
            if *reaped { Ok(()) } else { priority::set(process, nice) }
        });
    }

    /// The program and all it started and that still runs: everything in its enclosure, or else its descendants.
    pub fn processes(&self) -> Vec<u32> {
        if !self.is_running() {
            return Vec::new();
        }
        match &self.group.inside {
            Some(inside) => family::descendants(family::id(inside.init)),
            None => family::with_descendants(self.id()),
        }
    }

    /// What the program had resident at the most. Known when it was enclosed and has ended by itself.
    pub fn memory_used_bytes_max(&self) -> Option<u64> {
        self.group.memory_used_bytes_max.get().copied()
    }

    /// How many processes that it had started still ran when it ended, and were ended with it; none when no more did than were
    /// expected. Known once it is reaped.
    pub fn left_running(&self) -> usize {
        let left = self.group.left_running.get().copied().unwrap_or_default();
        if left > self.group.expected_left.load(Ordering::Relaxed) { left } else { 0 }
    }

    /// From now on it has so many processes at work for it wherever it ends.
    pub fn expect_left(&self, processes: usize) {
        self.group.expected_left.store(processes, Ordering::Relaxed);
    }

    /// Kills it, its group and its descendants at once. Nothing happens when it is gone already.
    pub fn kill(&self) {
        let mut others = Vec::new();
        if self.group.inside.is_some() || self.group.mark.is_some() {
            others = self.processes();
            others.retain(|process| *process != self.program());
            others = family::living(others);
            self.group.killed.lock().extend(&others);
        }
        self.group.signal(Signal::KILL);
        // In an enclosure they end with its init. Else they may have left the group and taken off the mark: by their parents they are
        // known only as long as those are there.
        if self.group.inside.is_none() {
            family::kill(others);
        }
    }

    /// Stops it, its group and its descendants where they are, until [`Child::resume`]; gives how many processes that are. It can
    /// still be killed.
    pub fn suspend(&self) -> usize {
        if self.group.inside.is_none() {
            self.group.signal(Signal::STOP);
        }
        family::stop(|| self.processes())
    }

    /// Lets all of them go on.
    pub fn resume(&self) {
        if self.group.inside.is_none() {
            self.group.signal(Signal::CONT);
        }
        family::go_on(self.processes());
    }

    /// Whether it still runs, as the kernel knows it now: [`Child::exit`] learns of an end a moment later.
    pub fn is_running(&self) -> bool {
        let reaped = self.group.reaped.lock();
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !*reaped && matches!(rustix::process::waitid(WaitId::Pid(self.group.leader), look), Ok(None))
    }

    /// Asks the whole group to end with SIGTERM and kills what is still there after `grace`.
    pub async fn terminate(&self, grace: Duration) -> Exit {
        self.group.signal(Signal::TERM);
        if let Ok(exit) = tokio::time::timeout(grace, self.wait()).await {
            return exit;
        }
        self.kill();
        self.wait().await
    }

    /// Returns when it has ended, its group is killed and it is reaped. May be called and cancelled at will.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await.ok().and_then(|exit| *exit);
        // The sender goes only with the runtime, after killing the child.
        ended.unwrap_or_else(|| ExitStatus::from_raw(libc::SIGKILL).into())
    }

    /// CPU time that it, without its descendants, has used so far; `None` when it is gone.
    pub fn cpu_time(&self) -> Option<Duration> {
        // The kernel's encoding of "the CPU clock of this process", as in glibc's clock_getcpuclockid.
        const PROCESS_CLOCK: libc::clockid_t = 2;
        let clock = (!self.group.leader.as_raw_nonzero().get() << 3) | PROCESS_CLOCK;
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let reaped = self.group.reaped.lock();
        if *reaped {
            return None;
        }
        #[allow(unsafe_code, reason = "no safe crate of ours reads the CPU clock of another process")]
        // SAFETY: `time` is ours and outlives the call, which writes nothing else.
        let done = unsafe { libc::clock_gettime(clock, &raw mut time) };
        (done == 0).then(|| Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32))
    }

    /// How it ended, when it has.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Group {
    fn signal(&self, signal: Signal) {
        let reaped = self.reaped.lock();
        if !*reaped {
            if let (Signal::KILL, Some(program)) =
                (signal, self.inside.as_ref().and_then(|inside| inside.handle.as_ref()))
            {
                // It would die with the init, but a moment later, and have something to say of what else ends now.
                let _ = rustix::process::pidfd_send_signal(program, Signal::KILL);
            }
            // ESRCH: everyone in it has ended, or a process that was forked does not lead it yet.
            if rustix::process::kill_process_group(self.leader, signal).is_err() {
                let _ = rustix::process::kill_process(self.leader, signal);
            }
        }
    }
}

/// Tells that a process has ended.
struct End(AsyncFd<OwnedFd>);

impl End {
    fn of(process: Pid) -> io::Result<Self> {
        let pidfd = rustix::process::pidfd_open(process, PidfdFlags::empty())?;
        #[allow(unsafe_code, reason = "tokio has no safe constructor for a pidfd")]
        // SAFETY: an `OwnedFd` gives out the same open descriptor until it is dropped, and `AsyncFd` owns it.
        let pidfd = unsafe { AsyncFd::register(pidfd) }?;
        Ok(Self(pidfd))
    }

    async fn reached(&self) {
        // An error would mean that the runtime is going down; the leash kills then.
        let _ = self.0.readable().await;
    }
}

async fn supervise(mut leash: Leash, end: End, init: Option<End>) {
    end.reached().await;
    // Whoever waits for the child may rely on it that nothing of it is left. What is marked is counted before its group is killed.
    if let Some(mark) = leash.group.mark.clone() {
        let swept = tokio::task::spawn_blocking(move || sweeper::sweep(&mark)).await;
        leash.group.killed.lock().extend(swept.unwrap_or_default());
    }
    // The leader is a zombie, so its number, which is also its group's, cannot have been given to anyone else.
    leash.group.signal(Signal::KILL);
    if let Some(init) = init {
        init.reached().await;
    }
    leash.reap();
}

impl Leash {
    fn reap(&mut self) {
        let mut reaped = self.group.reaped.lock();
        if *reaped {
            return;
        }
        *reaped = true;
        let leader = self.group.leader;
        let wait = || rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(leader), WaitOptions::empty()));
        let status = self.group.spawner.reap(family::id(leader), wait);
        let exit =
            status.and_then(Result::ok).flatten().map(|(_, status)| Exit::from(ExitStatus::from_raw(status.as_raw())));
        drop(reaped);
        let last_word = self.enclosed.as_mut().and_then(Enclosed::last_word);
        if let Some(last_word) = last_word {
            let _ = self.group.memory_used_bytes_max.set(last_word.memory_used_bytes_max);
        }
        let left_running = self.group.killed.lock().len().max(last_word.map_or(0, |last_word| last_word.left_running));
        let _ = self.group.left_running.set(left_running);
        if exit.is_some() {
            self.exit.send_replace(exit);
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.group.signal(Signal::KILL);
        self.reap();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::process::{Child, Descendants, Launch, Limits, Spawner};
    use rustix::process::{Pid, test_kill_process};
    use std::time::Duration;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

    const LONG: Duration = Duration::from_mins(1);

    fn shell(script: &str) -> Launch {
        Launch {
            environment: vec![("PATH".into(), "/usr/bin:/bin".into()), ("GREETING".into(), "hello".into())],
            descendants: Descendants::Swept,
            ..Launch::new("/bin/sh", vec!["-c".into(), script.into()])
        }
    }

    async fn spawn(launch: Launch) -> Child {
        Spawner::start(None).unwrap().spawn(launch).await.unwrap()
    }

    async fn output(launch: Launch) -> String {
        let mut child = spawn(launch).await;
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
        assert!(child.wait().await.success(), "{text}");
        text
    }

    /// Reads `count` process ids, one a line.
    async fn ids(child: &mut Child, count: usize) -> Vec<Pid> {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut ids = Vec::new();
        for _ in 0..count {
            let line = lines.next_line().await.unwrap().unwrap();
            ids.push(Pid::from_raw(line.trim().parse().unwrap()).unwrap());
        }
        ids
    }

    /// Whether it is gone, or a zombie that the machine's init has yet to reap.
    fn is_dead(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        test_kill_process(pid).is_err() || stat.contains(") Z ")
    }

    async fn until_dead(ids: &[Pid]) {
        let all = async {
            while !ids.iter().all(|pid| is_dead(*pid)) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, all).await.expect("they die");
    }

    #[tokio::test]
    async fn a_child_sees_only_the_environment_and_the_folder_it_is_given() {
        assert_eq!(
            output(shell("pwd; echo $GREETING; echo ${CARGO_MANIFEST_DIR:-nothing}")).await,
            "/\nhello\nnothing\n"
        );
    }

    #[tokio::test]
    async fn a_child_has_no_files_but_the_standard_three() {
        let file = std::fs::File::open("/dev/null").unwrap();
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
        assert_eq!(output(shell("exec ls /proc/self/fd")).await, "0\n1\n2\n3\n", "3 is the folder ls reads");
    }

    #[tokio::test]
    async fn limits_and_niceness_are_set() {
        let limits = Limits { open_files_max: Some(40), file_bytes_max: Some(512), ..Limits::default() };
        let launch = Launch { limits, nice: 3, ..shell("ulimit -n; ulimit -f; ulimit -c; nice") };
        let mine = rustix::process::getpriority_process(None).unwrap();
        assert_eq!(output(launch).await, format!("40\n1\n0\n{}\n", (mine + 3).min(19)));
    }

    #[tokio::test]
    async fn the_address_space_is_limited() {
        let limits = Limits { address_space_bytes_max: Some(64 << 20), ..Limits::default() };
        let launch = Launch { limits, ..shell("head -c 200000000 /dev/zero | tail -c 100000000 | wc -c || exit 9") };
        let mut child = spawn(launch).await;
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text.trim(), "0", "tail cannot hold 100 MB");
    }

    #[tokio::test]
    async fn the_data_it_may_hold_is_limited() {
        let limits = Limits { data_bytes_max: Some(32 << 20), ..Limits::default() };
        let launch = Launch { limits, ..shell("head -c 100000000 /dev/zero | tail -c 80000000 | wc -c || exit 9") };
        assert_eq!(output(launch).await.trim(), "0", "tail cannot hold 80 MB");
    }

    #[tokio::test]
    async fn both_outputs_keep_their_order_when_they_are_one() {
        let (reader, writer) = std::io::pipe().unwrap();
        let launch = Launch { output: Some(writer.into()), ..shell("echo 1; echo 2 >&2; echo 3; echo 4 >&2") };
        let child = spawn(launch).await;
        let text = tokio::task::spawn_blocking(|| std::io::read_to_string(reader)).await.unwrap().unwrap();
        assert!(child.wait().await.success());
        assert_eq!(text, "1\n2\n3\n4\n");
    }

    #[tokio::test]
    async fn a_stopped_child_goes_on_when_told_and_can_be_killed() {
        let mut child = spawn(shell("echo up; read line <&1 || true; exec sleep 1000")).await;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "up");
        let state = |child: &Child| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
            stat.rsplit(") ").next().unwrap().as_bytes()[0]
        };
        let until = async |wanted: bool| {
            while (state(&child) == b'T') != wanted {
                tokio::task::yield_now().await;
            }
        };
        child.suspend();
        tokio::time::timeout(LONG, until(true)).await.expect("it stops");
        child.resume();
        tokio::time::timeout(LONG, until(false)).await.expect("it goes on");
        assert!(child.is_running());
        child.suspend();
        child.kill();
        assert_eq!(child.wait().await.to_string(), "signal: killed");
        assert!(!child.is_running());
    }

    #[tokio::test]
    async fn an_exit_is_told_as_often_as_it_is_asked_for() {
        let child = spawn(shell("exit 129")).await;
        assert_eq!(child.wait().await.to_string(), "exit status 129");
        assert_eq!(child.wait().await.code(), Some(129));
        assert_eq!(child.exit().unwrap().to_string(), "exit status 129");
        assert!(test_kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap()).is_err(), "it is reaped");
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error() {
        let launch = Launch { program: "/nowhere/at/all".into(), ..shell("") };
        let error = Spawner::start(None).unwrap().spawn(launch).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_child_that_is_told_to_end_can_say_good_bye() {
        let mut child = spawn(shell("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 1; done")).await;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "up");
        assert_eq!(child.terminate(LONG).await.to_string(), "exit status 7");
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "bye");
    }

    #[tokio::test]
    async fn a_child_that_does_not_listen_is_killed() {
        let mut child = spawn(shell("trap '' TERM; echo $$; while :; do sleep 1000; done")).await;
        ids(&mut child, 1).await;
        assert_eq!(child.terminate(Duration::from_millis(1)).await.to_string(), "signal: killed");
    }

    #[tokio::test]
    async fn everything_a_child_started_dies_with_it() {
        let strays = "sleep 1000 & echo $!; setsid sh -c 'echo $$; sleep 1000 & wait' & echo $$;
                      setsid env -i /bin/sh -c 'echo $$; exec sleep 1000' & wait";
        let mut child = spawn(shell(strays)).await;
        let tree = ids(&mut child, 4).await;
        child.kill();
        assert_eq!(child.wait().await.to_string(), "signal: killed");
        until_dead(&tree).await;
    }

    #[tokio::test]
    async fn how_many_it_left_running_is_known_whichever_way_it_ends() {
        let strays = "sleep 1000 & setsid sleep 1000 & (exit 0) & echo up";
        for (end, expected) in [("; exit 3", "exit status 3"), ("; wait; wait", "signal: killed")] {
            let mut child = spawn(shell(&format!("{strays}{end}"))).await;
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert_eq!(lines.next_line().await.unwrap().unwrap(), "up");
            if expected == "signal: killed" {
                child.kill();
            }
            assert_eq!(child.wait().await.to_string(), expected);
            let left = child.left_running();
            // The third is over in a moment.
            assert!((2..=3).contains(&left), "{left} after {end}");
        }
        let child = spawn(shell("true")).await;
        child.wait().await;
        assert_eq!(child.left_running(), 0);
    }

    #[tokio::test]
    async fn the_cpu_time_of_a_child_grows_while_it_computes() {
        let child = spawn(shell("while :; do :; done")).await;
        let grows = async {
            while child.cpu_time().unwrap() < Duration::from_millis(20) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, grows).await.expect("it computes");
        child.kill();
        child.wait().await;
        assert_eq!(child.cpu_time(), None);
    }

    #[tokio::test]
    async fn a_dropped_child_dies() {
        let mut child = spawn(shell("echo $$; exec sleep 1000")).await;
        let tree = ids(&mut child, 1).await;
        drop(child);
        until_dead(&tree).await;
    }
}
