//! One execution environment: a process that runs one function, its Runtime API, its log and its folder.

use super::alive::Alive;
use super::context::{Identity, now, timestamp, unix_ms};
use super::folder::Folder;
use super::log::{Output, Status, init_report_line};
use super::package::Package;
use super::peak::Peak;
use super::runtime::Program;
use super::runtime_api::{
    Admits, Answer, Channel, Invocation, Port, RESPONSE_MODE_ERROR, RESPONSE_SIZE_ERROR, RuntimeApi,
};
use super::start_failure::{StartEnd, StartFailure};
use super::usage::{Excess, HeldTogether, Looks, exceeded, holds_more};
use crate::aside::aside;
use crate::function_log::FunctionLog;
use crate::process::enclosure::{Enclosure, TMP};
use crate::process::{Child, Descendants, Exit, Launch, Limits, Spawner, peer};
use bytes::Bytes;
use homefront_config::Lambda;
use homefront_config::limits::{
    LAMBDA_FILE_BYTES_MAX, LAMBDA_INIT_MS_MAX, LAMBDA_OPEN_FILES_MAX, LAMBDA_PROCESSES_AT_A_GLANCE,
    LAMBDA_PROCESSES_MAX, LAMBDA_TMP_BYTES_MAX, LAMBDA_TMP_FILES_MAX,
};
use std::io;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Where both want a core, the node goes first; more than a little would make events wait on a busy machine.
const NICE: i32 = 1;
const MIB: u64 = 1_048_576;
/// How often a program that is open for writing is tried again, and how long after.
const BUSY_ATTEMPTS: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// How long after the end of a process the end of its channel, and what still comes over it, is waited for.
const PARTING: Duration = Duration::from_millis(500);

/// How to start the environments of one function.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) lambda: Lambda,
    pub(super) identity: Identity,
    pub(super) program: Program,
    /// Holds the files at the function's `code`.
    pub(super) package: Package,
    /// Our own binary, where the system lets an environment have processes and files of its own; see
    /// [`crate::process::enclosure`].
    pub(super) encloses: Option<PathBuf>,
    /// Whether `/tmp` itself may be an enclosed environment's own, and not only what `TMPDIR` names.
    pub(super) covers_tmp: bool,
    pub(super) spawner: Spawner,
    pub(super) log: FunctionLog,
    /// [`LAMBDA_INIT_MS_MAX`], but in tests.
    pub(super) init_time_max: Duration,
}

impl Plan {
    /// Lambda's time to start.
    pub(super) const INIT_TIME_MAX: Duration = Duration::from_millis(LAMBDA_INIT_MS_MAX);
}

/// A started environment that waits for an event or handles one.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) child: Arc<Child>,
    /// How often the function's code was saved before it started.
    pub(super) generation: u64,
    /// What it runs stays as long as it does.
    _package: Package,
    /// Until another environment takes it over.
    pub(super) folder: Option<Folder>,
    /// Dropped after the folder: whoever counts the living counts its removal, too.
    _alive: Alive,
    api: RuntimeApi,
    output: Arc<Output>,
    /// How long it took to start, until a REPORT line has told it.
    init: Option<Duration>,
    /// How many processes were stopped, while they are.
    frozen: Option<usize>,
    /// How many processes beside its own wait for its next event: a `bootstrap` may do so through another one, as a shell script
    /// does through `curl`.
    at_rest: usize,
    peak: Peak,
    looks: Looks,
    /// By its program alone.
    memory_used_mb_max: u64,
    held: HeldTogether,
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.child.kill();
    }
}

/// What came of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The result, as the runtime posted it.
    Response(Bytes),
    /// The error object, as the runtime posted it.
    Error { error_type: String, payload: Bytes },
    /// The deadline passed.
    TimedOut,
    /// The process ended without an answer.
    Exited(Exit),
    /// It was ended because it held too much.
    Exceeded(Excess),
}

impl Outcome {
    /// The same for who does not look at the result, whose body may be large and then is the caller's alone.
    pub(super) fn without_result(&self) -> Self {
        if let Self::Response(_) = self { Self::Response(Bytes::new()) } else { self.clone() }
    }
}

/// When a start happens. One that failed is tried once more for the event that waits for it, as on Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before any event: [`LAMBDA_INIT_MS_MAX`] bounds it.
    Init,
    /// For an event: the function's own time limit bounds it.
    Invoke,
}

impl Phase {
    fn time_max(self, plan: &Plan) -> Duration {
        match self {
            Self::Init => plan.init_time_max,
            Self::Invoke => plan.lambda.timeout,
        }
    }

    /// As the INIT_REPORT line names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// What is left of a start that failed.
#[derive(Debug)]
pub(super) struct NotStarted {
    pub(super) failure: StartFailure,
    /// What the function may still find in its folder when it is started again; none where there is too much in it.
    pub(super) folder: Option<Folder>,
}

impl Environment {
    /// Starts the process and waits until it asks for its first event. All that is to be told of it goes to `log`. `started` learns
    /// of the process at once.
    pub(super) async fn start(
        plan: &Plan,
        generation: u64,
        phase: Phase,
        folder: Folder,
        alive: Alive,
        log: &FunctionLog,
        started: impl FnOnce(&Arc<Child>),
    ) -> Result<Box<Self>, NotStarted> {
        let begun = Instant::now();
        let (api, output, child) = match Self::launch(plan, log, &folder).await {
            Ok(parts) => parts,
            Err(error) => {
                let failure = StartEnd::NotRun(error).failure(plan, phase.time_max(plan));
                log.line(&platform_line(&failure.reason));
                log.line(&init_report_line(begun.elapsed(), phase, failure.status()));
                return Err(NotStarted { failure, folder: Some(folder) });
            }
        };
        started(&child);
        tokio::spawn(output.clone().pump());
        let (peak, bytes_max, held) = (Peak::of(&child), memory_bytes_max(&plan.lambda), HeldTogether::default());
        let ready = async {
            tokio::select! {
                biased;
                ready = api.ready() => ready.map_err(|answer| StartEnd::reported(answer, peak.is_above(bytes_max))),
                exit = child.wait() => Err(match api.last_word(PARTING).await {
                    Some(answer) => StartEnd::Reported(answer),
                    None => StartEnd::Exited(exit),
                }),
                excess = exceeded(&child, bytes_max, Some(&folder), &held) => Err(StartEnd::Exceeded(excess)),
            }
        };
        let time_max = phase.time_max(plan);
        let end = match timeout(time_max, ready).await {
            Ok(Ok(())) => {
                let memory_used_mb_max = peak.resident_mib(&child);
                let at_rest = usize::from(plan.program.runtime.is_none());
                child.expect_left(at_rest);
                return Ok(Box::new(Self {
                    child,
                    generation,
                    _package: plan.package.clone(),
                    folder: Some(folder),
                    _alive: alive,
                    api,
                    output,
                    init: Some(begun.elapsed()),
                    frozen: None,
                    at_rest,
                    peak,
                    looks: Looks::begin(),
                    memory_used_mb_max,
                    held,
                }));
            }
            Ok(Err(end)) => end,
            Err(_) => StartEnd::TimedOut,
        };
        // What reports an error to start then ends by itself, and may have something to print until it does.
        if let StartEnd::Reported(_) = end {
            let _ = timeout(time_max.saturating_sub(begun.elapsed()), child.wait()).await;
        }
        child.kill();
        let is_full = matches!(end, StartEnd::Exceeded(Excess::Files));
        // The runtimes of ours print what they report.
        let is_printed = matches!(end, StartEnd::Reported(_)) && plan.program.runtime.is_some();
        let failure = end.failure(plan, time_max);
        let mut lines = Vec::with_capacity(2);
        lines.extend((!is_printed).then(|| platform_line(&failure.reason)));
        lines.push(init_report_line(begun.elapsed(), phase, failure.status()));
        output.end(&lines);
        if is_full {
            // Removing files takes time.
            tokio::task::spawn_blocking(move || drop(folder));
            return Err(NotStarted { failure, folder: None });
        }
        Err(NotStarted { failure, folder: Some(folder) })
    }

    /// A `bootstrap` that was just written may be open for writing still, in a child that another thread has just forked: the
    /// system starts it as soon as that one has become its program.
    async fn launch(
        plan: &Plan,
        log: &FunctionLog,
        folder: &Folder,
    ) -> io::Result<(RuntimeApi, Arc<Output>, Arc<Child>)> {
        for _ in 0..BUSY_ATTEMPTS {
            match Self::launch_once(plan, log, folder).await {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => tokio::time::sleep(BUSY_PAUSE).await,
                done => return done,
            }
        }
        Self::launch_once(plan, log, folder).await
    }

    async fn launch_once(
        plan: &Plan,
        log: &FunctionLog,
        folder: &Folder,
    ) -> io::Result<(RuntimeApi, Arc<Output>, Arc<Child>)> {
        let port = Port::open().await?;
        let (output, writer) = Output::new(log.clone())?;
        let enclosure = plan.encloses.as_ref().map(|executable| Enclosure {
            executable: executable.clone(),
            tmp: plan.covers_tmp.then(|| folder.path().to_owned()),
            // Its own folder must not be part of what it cannot write to.
            seals_folder: !resolved(folder.path()).starts_with(resolved(plan.package.path())),
        });
        // Who brings a runtime of its own knows the Runtime API only.
        let channel = plan.program.runtime.as_ref().map(|_| Channel::new(log.clone())).transpose()?;
        let (channel, other_end) = channel.unzip();
        let covered = enclosure.as_ref().is_some_and(|enclosure| enclosure.tmp.is_some());
        let tmp = if covered { Path::new(TMP) } else { folder.path() };
        let launch = Launch {
            program: plan.program.path.clone(),
            arguments: plan.program.arguments.clone(),
            environment: plan.identity.variables(&plan.lambda, &plan.program, port.address(), tmp),
            folder: plan.package.path().to_owned(),
            stdin: None,
            output: Some(writer),
            channel: other_end,
            limits: Limits {
                // Not RLIMIT_AS: runtimes reserve far more address space than they use, and that bound would hit the
                // reservation. Private writable memory is what a function fills.
                data_bytes_max: Some(memory_bytes_max(&plan.lambda) + plan.program.reserve_bytes),
                open_files_max: Some(LAMBDA_OPEN_FILES_MAX),
                file_bytes_max: Some(LAMBDA_FILE_BYTES_MAX),
                ..Limits::default()
            },
            nice: NICE,
            descendants: Descendants::Swept,
            enclosure,
        };
        let address = port.address();
        let child = Arc::new(plan.spawner.spawn(launch).await?);
        let api = RuntimeApi::serve(port, own_processes(&child, address, log.clone()), channel, log.clone());
        Ok((api, output, child))
    }

    /// Whether the process lives and waits for an event.
    pub(super) fn is_usable(&self) -> bool {
        self.child.is_running() && self.api.is_waiting()
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Stops the process between events, as Lambda does.
    pub(super) fn freeze(&mut self) {
        if self.frozen.is_none() {
            self.frozen = Some(self.child.suspend());
        }
    }

    /// Whether it took too much between its answer and now, when nobody looked; then its log says so. It may block.
    pub(super) fn took_too_much(&self, lambda: &Lambda) -> bool {
        let is_spent = holds_more(&self.child, memory_bytes_max(lambda));
        if is_spent {
            self.output.end(&[platform_line(&ended_at_rest(Excess::Memory, lambda))]);
        }
        is_spent
    }

    /// Lets it go on, for an event that comes. Many processes are woken where that keeps nobody else waiting.
    pub(super) async fn thaw(&mut self) {
        match self.frozen.take() {
            Some(processes) if processes > LAMBDA_PROCESSES_AT_A_GLANCE => {
                let child = self.child.clone();
                aside(move || child.resume()).await;
            }
            Some(_) => self.child.resume(),
            None => {}
        }
    }

    /// Hands over an event. `Err` gives the environment back: nobody took the event, so another may have it.
    pub(super) fn call(self: Box<Self>, plan: &Plan, event: Bytes) -> Result<super::call::Call, Box<Self>> {
        self.child.expect_left(0);
        let request_id = uuid::Uuid::new_v4().to_string();
        self.output.begin(&super::log::start_line(&request_id, super::context::VERSION));
        let invocation = Invocation {
            request_id: request_id.clone(),
            deadline_ms: unix_ms(plan.lambda.timeout),
            function_arn: plan.identity.arn.clone(),
            trace_id: super::context::trace_id(),
            event,
        };
        let started = Instant::now();
        if let Some(reply) = self.api.invoke(invocation) {
            return Ok(super::call::Call::new(self, request_id, reply, &plan.lambda, started));
        }
        self.output.end(&[super::log::end_line(&request_id)]);
        Err(self)
    }

    /// Waits for the answer, the end of the process or the deadline, whichever comes first. `None`: it ended before it had read
    /// its event.
    pub(super) async fn outcome(
        &self,
        reply: &mut oneshot::Receiver<Answer>,
        deadline: Instant,
        memory_bytes_max: u64,
    ) -> Option<Outcome> {
        // Closed already, where this is asked again.
        let is_open = !reply.is_terminated();
        let outcome = tokio::select! {
            biased;
            Ok(answer) = &mut *reply, if is_open => return self.ended_with(answer, memory_bytes_max),
            exit = self.child.wait() => Outcome::Exited(exit),
            () = tokio::time::sleep_until(deadline.into()) => Outcome::TimedOut,
            excess = exceeded(&self.child, memory_bytes_max, self.folder.as_ref(), &self.held) => Outcome::Exceeded(excess),
        };
        // It may have answered in its last moment.
        let last = match outcome {
            _ if reply.is_terminated() => None,
            Outcome::Exited(_) if self.api.tells_what_was_read() => {
                timeout(PARTING, reply).await.ok().and_then(Result::ok)
            }
            _ => reply.try_recv().ok(),
        };
        last.map_or(Some(outcome), |answer| self.ended_with(answer, memory_bytes_max))
    }

    /// What is out of memory between two looks learns of it from its runtime, and may tell that as an error of its own.
    fn ended_with(&self, answer: Answer, memory_bytes_max: u64) -> Option<Outcome> {
        Some(match answer {
            Answer::Untouched => return None,
            Answer::Error { .. } if self.has_grown() && self.peak.is_above(memory_bytes_max) => {
                Outcome::Exceeded(Excess::Memory)
            }
            Answer::Response(result) => self.rests(Outcome::Response(result)),
            Answer::Error { error_type, payload } => self.rests(Outcome::Error { error_type, payload }),
        })
    }

    /// It has answered, and waits for its next event.
    fn rests(&self, outcome: Outcome) -> Outcome {
        self.child.expect_left(self.at_rest);
        outcome
    }

    /// Whether it holds, or held in this call, more than ever before.
    fn has_grown(&self) -> bool {
        self.peak.resident_mib(&self.child) > self.memory_used_mb_max
    }

    /// Waits until the runtime asks for the next event; `false` = it does not.
    pub(super) async fn is_ready_again(&self, patience: Duration) -> bool {
        let ready = async {
            tokio::select! {
                ready = self.api.ready() => ready.is_ok(),
                _ = self.child.wait() => false,
            }
        };
        timeout(patience, ready).await.unwrap_or(false)
    }

    /// Whether it has too much of something now that it has answered; then it is of no use any more, and its log says so. Lambda stops the
    /// call in which that happens; short ones are over before anybody has looked.
    pub(super) async fn holds_too_much(&mut self, lambda: &Lambda) -> bool {
        let folder = self.folder.as_ref();
        let excess = self.looks.after_call(&self.child, memory_bytes_max(lambda), folder, &self.held).await;
        let Some(excess) = excess else { return false };
        self.child.kill();
        if excess == Excess::Files {
            // The next environment makes an empty one. Removing files takes time.
            let full = self.folder.take();
            tokio::task::spawn_blocking(move || drop(full));
        }
        self.output.end(&[platform_line(&ended_at_rest(excess, lambda))]);
        true
    }

    /// How long its start took; `0` once a REPORT line has told it.
    pub(super) fn start_took(&self) -> Duration {
        self.init.unwrap_or_default()
    }

    /// The most it was seen to use.
    pub(super) fn memory_used_mb_max(&self) -> u64 {
        self.memory_used_mb_max.max(self.held.mib_max())
    }

    /// Looks at its memory; a process that is gone cannot be asked any more.
    pub(super) fn measure(&mut self) {
        self.memory_used_mb_max = self.memory_used_mb_max.max(self.peak.resident_mib(&self.child));
    }

    /// Writes the lines that end a call which nobody has seen.
    pub(super) fn report_untouched(&self, request_id: &str) {
        let what = "the process ended before it read the event; another environment gets it";
        self.output.end(&[platform_line(what), super::log::end_line(request_id)]);
    }

    /// Whether no answer can come over the channel that it had.
    pub(super) fn has_lost_its_channel(&self) -> bool {
        self.api.has_lost_its_channel()
    }

    /// Writes the lines that end a call; `lost_its_channel` while the process still ran.
    pub(super) fn report(
        &mut self,
        plan: &Plan,
        request_id: &str,
        duration: Duration,
        outcome: &Outcome,
        lost_its_channel: bool,
    ) {
        let timed_out = format!(
            "{} {request_id} Task timed out after {:.2} seconds",
            timestamp(now()),
            plan.lambda.timeout.as_secs_f64()
        );
        let (message, status) = match outcome {
            Outcome::Response(_) => (None, None),
            Outcome::Error { error_type, payload } => {
                // The runtimes of ours print what they report; what is Lambda's own word nobody has printed.
                let is_lambdas = [RESPONSE_SIZE_ERROR, RESPONSE_MODE_ERROR].contains(&error_type.as_str());
                let is_printed = plan.program.runtime.is_some() && !is_lambdas;
                ((!is_printed).then(|| platform_line(&super::call::error_summary(payload))), None)
            }
            Outcome::TimedOut => (Some(timed_out), Some(Status::Timeout)),
            Outcome::Exited(exit) => (Some(exit_message(request_id, *exit)), Some(Status::Error(EXIT_ERROR))),
            Outcome::Exceeded(excess) => (Some(killed_message(request_id)), Some(Status::Error(excess.error_type()))),
        };
        if let Outcome::Exceeded(Excess::Memory) = outcome {
            self.memory_used_mb_max = u64::from(plan.lambda.memory_mb);
        }
        let report = super::log::Report {
            request_id,
            duration,
            memory_mb: plan.lambda.memory_mb,
            // The limit leaves out pages of files, which the system can take back; what is resident counts them.
            memory_used_mb_max: self.memory_used_mb_max().min(u64::from(plan.lambda.memory_mb)),
            init: self.init.take(),
            status,
        };
        let explained = match outcome {
            Outcome::Exceeded(Excess::Files) => Some(files_line()),
            Outcome::Exceeded(Excess::Processes) => Some(platform_line(&format!(
                "the environment has more than {LAMBDA_PROCESSES_MAX} processes; it is ended"
            ))),
            // What loses its channel and goes on waits in vain; what ends has told of it by itself.
            Outcome::TimedOut if lost_its_channel => Some(platform_line(LOST_CHANNEL)),
            _ => None,
        };
        let mut lines: Vec<String> = explained.into_iter().chain(message).collect();
        lines.push(super::log::end_line(request_id));
        lines.push(report.to_string());
        self.output.end(&lines);
    }
}

/// Why nothing was heard of a process that ran until its deadline.
const LOST_CHANNEL: &str = "the environment's channel to the node was closed in the call; no answer could come";

/// A line of the platform's own in the function's log.
pub(super) fn platform_line(what: &str) -> String {
    format!("homefront: {what}")
}

/// Lets the environment's own processes in, and nobody else's.
fn own_processes(child: &Arc<Child>, address: SocketAddrV4, log: FunctionLog) -> Admits {
    let child = Arc::downgrade(child);
    let told = AtomicBool::new(false);
    Arc::new(move |client| {
        let Some(child) = child.upgrade() else { return false };
        let is_own = peer::holds_client(&child.processes(), client, address);
        if is_own == Some(false) && !told.swap(true, Ordering::Relaxed) {
            log.line(&platform_line(
                "a process that is not of this environment asked its Runtime API for events, and was refused",
            ));
        }
        is_own == Some(true)
    })
}

fn ended_at_rest(excess: Excess, lambda: &Lambda) -> String {
    format!("the environment was ended when it had answered: {}", excess.reason(lambda))
}

/// Lambda's name for a process that ended.
pub(super) const EXIT_ERROR: &str = "Runtime.ExitError";

/// What Lambda says about a process that ended.
pub(super) fn exit_message(request_id: &str, exit: Exit) -> String {
    format!("RequestId: {request_id} Error: {}", exit_words(exit))
}

/// As in "Runtime exited with error: exit status 1".
pub(super) fn exit_words(exit: Exit) -> String {
    if exit.success() {
        "Runtime exited without providing a reason".to_owned()
    } else {
        format!("Runtime exited with error: {exit}")
    }
}

/// What it says about one that was killed.
pub(super) fn killed_message(request_id: &str) -> String {
    format!("RequestId: {request_id} Error: Runtime exited with error: signal: killed")
}

fn files_line() -> String {
    format!(
        "homefront: the environment's TMPDIR holds more than {LAMBDA_TMP_BYTES_MAX} bytes or {LAMBDA_TMP_FILES_MAX} files; it is \
         ended and emptied"
    )
}

/// What a function's processes may hold together.
pub(super) fn memory_bytes_max(lambda: &Lambda) -> u64 {
    u64::from(lambda.memory_mb) * MIB
}

/// Where a path leads, through links.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
