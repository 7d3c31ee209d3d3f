//! What a worker gives up before it runs anyone's code: files, sockets, processes, and memory beyond its share.
//!
//! In two steps. The template, which compiles functions and calls none, keeps what it takes to fork a worker and to make that
//! its own process. The worker gives up these, too, before its first call.

use crate::js::frame::Sandbox;
use crate::process::sibling;
use homefront_config::limits::FUNCTION_WORKER_MEMORY_BYTES_MAX;
use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope};
use rustix::process::{Resource, Rlimit};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;
use std::io::{self, Write as _};

/// System calls that reach beyond this process's own memory not at all.
const ALLOWED: &[libc::c_long] = &[
    // The two ends of the socket, and stderr.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    // Stores come as memory that is mapped for reading.
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_close,
    // Memory; `mmap` has conditions of its own.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Clocks and randomness.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    // For its pauses.
    libc::SYS_setitimer,
    // What the two threads need of each other, and of themselves to end.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_membarrier,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_getrusage,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// With these a process that a template has forked becomes a worker. Forking itself has a condition.
const TO_SETTLE: &[libc::c_long] = &[
    libc::SYS_setpgid,
    libc::SYS_getppid,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_dup2,
    libc::SYS_dup3,
    libc::SYS_seccomp,
];

/// What is left to be given up.
pub(super) struct LastStep(Option<BpfProgram>);

impl LastStep {
    /// Gives it up.
    pub(super) fn take(&self) -> Result<(), seccompiler::Error> {
        self.0.as_deref().map_or(Ok(()), seccompiler::apply_filter)
    }
}

/// Locks the process in. Each lock that the kernel does not have is said on stderr, which the node logs.
pub(super) fn close() -> (Sandbox, LastStep) {
    limit_memory().unwrap_or_else(|error| say(&format!("the memory of this worker is not limited: {error}")));
    let landlock = restrict_files().unwrap_or_else(|error| {
        say(&format!("landlock refused: {error}"));
        false
    });
    let last_step = restrict_calls().inspect_err(|error| say(&format!("seccomp refused: {error}"))).ok();
    (Sandbox { seccomp: last_step.is_some(), landlock }, LastStep(last_step))
}

fn say(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// What is mapped now, the reserved stack included, and [`FUNCTION_WORKER_MEMORY_BYTES_MAX`] more.
fn limit_memory() -> io::Result<()> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm
        .split_ascii_whitespace()
        .next()
        .and_then(|pages| pages.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/self/statm has another form"))?;
    let bytes = pages * rustix::param::page_size() as u64 + FUNCTION_WORKER_MEMORY_BYTES_MAX;
    rustix::process::setrlimit(Resource::As, Rlimit { current: Some(bytes), maximum: Some(bytes) })?;
    Ok(())
}

/// Whether the kernel has landlock. No rule is added, so nothing is allowed.
fn restrict_files() -> Result<bool, landlock::RulesetError> {
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V5))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .no_new_privs(true)
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Places of `mmap`'s and `mprotect`'s arguments.
const PROTECTION: u8 = 2;
const FLAGS: u8 = 3;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Allows what a template needs; gives the filter of its workers.
fn restrict_calls() -> Result<BpfProgram, Box<dyn std::error::Error>> {
    let rules = rules()?;
    let mut of_template = rules.clone();
    let first = |value| SeccompRule::new(vec![argument(0, value)?]);
    of_template.extend(TO_SETTLE.iter().map(|call| (*call, Vec::new())));
    of_template.insert(libc::SYS_clone, vec![first(sibling::FLAGS)?]);
    let (shared, for_both) =
        (argument(FLAGS, libc::MAP_SHARED)?, argument(PROTECTION, libc::PROT_READ | libc::PROT_WRITE)?);
    of_template.entry(libc::SYS_mmap).or_default().push(SeccompRule::new(vec![shared, for_both])?);
    of_template.insert(libc::SYS_prctl, vec![first(libc::PR_SET_PDEATHSIG)?, first(libc::PR_SET_NO_NEW_PRIVS)?]);
    seccompiler::apply_filter_all_threads(&filter(of_template)?)?;
    filter(rules)
}

/// Everything that is not listed answers EPERM. Not a kill: a C library or an architecture that needs one call more should
/// cost one error, not every worker.
fn filter(rules: Rules) -> Result<BpfProgram, Box<dyn std::error::Error>> {
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, refuse, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?;
    Ok(filter.try_into()?)
}

fn rules() -> Result<Rules, BackendError> {
    let mut rules: Rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    // Memory of our own that cannot become code.
    let anonymous = masked(FLAGS, libc::MAP_ANONYMOUS, libc::MAP_ANONYMOUS)?;
    let data = || masked(PROTECTION, libc::PROT_EXEC, 0);
    // Memory that the node sends: whatever is mapped, it is for reading only.
    let sent = argument(PROTECTION, libc::PROT_READ)?;
    rules.insert(libc::SYS_mmap, vec![SeccompRule::new(vec![anonymous, data()?])?, SeccompRule::new(vec![sent])?]);
    rules.insert(libc::SYS_mprotect, vec![SeccompRule::new(vec![data()?])?]);
    Ok(rules)
}

/// That an argument is this, all of its 32 bits.
fn argument(index: u8, value: libc::c_int) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(value.cast_unsigned()))
}

/// That the bits of `mask` in an argument are these.
fn masked(index: u8, mask: libc::c_int, value: libc::c_int) -> Result<SeccompCondition, BackendError> {
    let mask = SeccompCmpOp::MaskedEq(u64::from(mask.cast_unsigned()));
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, mask, u64::from(value.cast_unsigned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
    use std::process::Command;

    /// The test binary runs this alone, in a process of its own, because there is no way out of a sandbox.
    #[test]
    #[ignore = "the test below runs it"]
    fn inside() {
        let folder = std::fs::File::open("/").unwrap();
        let socket = std::os::unix::net::UnixStream::pair().unwrap();
        let (sandbox, last_step) = super::close();
        assert!(sandbox.seccomp);
        last_step.take().unwrap();
        assert!(std::fs::File::open("/etc/hostname").is_err());
        assert!(std::fs::write("/tmp/homefront-sandbox-test", "x").is_err());
        assert!(std::fs::read_dir("/").is_err());
        assert!(folder.metadata().is_err());
        assert!(std::net::TcpStream::connect("127.0.0.1:1").unwrap_err().raw_os_error() == Some(libc::EPERM));
        assert!(std::net::UdpSocket::bind("127.0.0.1:0").is_err());
        assert!(std::os::unix::net::UnixStream::pair().is_err());
        assert!(Command::new("/bin/true").status().is_err());
        #[allow(unsafe_code, reason = "it is refused, which is the point")]
        // SAFETY: nothing is forked.
        let sibling = unsafe { crate::process::sibling::fork() };
        assert_eq!(sibling.unwrap_err().raw_os_error(), Some(libc::EPERM));
        assert!(rustix::process::setpgid(None, None).is_err());
        assert!(rustix::thread::set_no_new_privs(true).is_err());
        assert!(std::thread::Builder::new().spawn(|| ()).is_err());
        assert!(rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::CONT).is_err());
        // What it may: memory, clocks, randomness, and the sockets it has.
        let mut bytes = vec![1_u8; 32 << 20];
        bytes.resize(64 << 20, 2);
        assert!(std::time::Instant::now().elapsed().as_secs() < 60);
        assert_ne!(rand::random::<u128>(), 0);
        std::io::Write::write_all(&mut &socket.0, b"out").unwrap();
        assert!(Vec::<u8>::new().try_reserve_exact(1 << 30).is_err(), "memory is limited");
        #[allow(unsafe_code, reason = "the mapping is refused, which is the point")]
        // SAFETY: a null hint replaces no mapping of ours.
        let executable = unsafe {
            mmap_anonymous(std::ptr::null_mut(), 4_096, ProtFlags::READ | ProtFlags::EXEC, MapFlags::PRIVATE)
        };
        assert!(executable.is_err());
        super::say("inside and fine");
    }

    #[test]
    fn a_worker_reaches_nothing_but_its_memory_and_its_sockets() {
        let name = format!("{}::inside", module_path!().split_once("::").unwrap().1);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &name, "--ignored", "--nocapture", "--test-threads=1"]);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
        assert!(text.contains("inside and fine"), "{text}");
    }
}
