//! A distribution with functions, as a configuration file describes it, started for a test.

use homefront_config::Config;
use homefront_functions::function_log::FunctionLog;
use homefront_functions::js::functions::Functions;
use homefront_functions::js::worker::SUBCOMMAND;
use homefront_functions::js::{Call, EventType, Outcome};
use homefront_functions::process::Spawner;
use homefront_functions::{EventContext, FailureKind, Headers, Request, RequestEdit, Response, ResponseEdit, Verdict};
use parking_lot::Mutex;
use rustix::process::Signal;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const DISTRIBUTION: &str = "E1TESTDISTRIB1";

/// Answers any request with the path `/ok`.
pub(crate) const HEALTHY: &str = "function handler(event) { event.request.uri = '/ok'; return event.request; }";

/// Ends only with its worker: the engine counts the turns of a loop, but of each function's loops anew.
pub(crate) const LOOPS: &str = "function handler(event) { for (var i = 0; i < 50000; i++) { inner() } }
function inner() { for (var i = 0; i < 50000; i++) {} }";

pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) functions: Arc<Functions>,
    pub(crate) spawner: Spawner,
    pub(crate) folder: TempDir,
    log: Arc<Mutex<Vec<String>>>,
}

/// One function of a test site.
pub(crate) struct Script {
    name: &'static str,
    code: String,
    settings: String,
}

/// A function with a budget that no honest call of a slow machine exceeds.
pub(crate) fn script(name: &'static str, code: impl Into<String>) -> Script {
    Script { name, code: code.into(), settings: "budget_ms = 10000\n".to_owned() }
}

impl Script {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// With other lines in its `[[function]]`.
    pub(crate) fn with(self, settings: &str) -> Self {
        Self { settings: format!("{settings}\n"), ..self }
    }
}

pub(crate) fn executable() -> PathBuf {
    std::env::current_exe().expect("our own path")
}

pub(crate) fn configure(folder: &TempDir, scripts: &[Script]) -> Config {
    let mut toml = format!(
        "[[distribution]]\nid = \"{DISTRIBUTION}\"\naliases = [\"a.example\"]\n\
         [[distribution.origin]]\nid = \"app\"\ndomain_name = \"127.0.0.1\"\n\
         [distribution.default_behavior]\ntarget_origin = \"app\"\n"
    );
    for Script { name, .. } in scripts {
        let behavior = format!("[[distribution.behavior]]\npath_pattern = \"/{name}\"\ntarget_origin = \"app\"");
        writeln!(toml, "{behavior}\nviewer_request = {{ function = \"{name}\" }}").expect("text");
    }
    for Script { name, code, settings } in scripts {
        std::fs::write(folder.path().join(format!("{name}.js")), code).expect("a file");
        write!(toml, "[[function]]\nname = \"{name}\"\ncode = \"{name}.js\"\n{settings}").expect("text");
    }
    if scripts.iter().any(|script| script.settings.contains("key_value_store")) {
        toml += "[[key_value_store]]\nname = \"store\"\nsource = \"store.json\"\n";
        std::fs::write(folder.path().join("store.json"), r#"{"data":[{"key":"a","value":"/old"}]}"#).expect("a file");
    }
    let (config, _) = homefront_config::parse("site.toml", &toml, folder.path(), &|_| None).expect("a right file");
    config
}

impl Site {
    pub(crate) async fn start(scripts: &[Script]) -> Self {
        Self::with_executable(scripts, executable()).await.expect("it starts")
    }

    pub(crate) async fn with_executable(
        scripts: &[Script],
        executable: PathBuf,
    ) -> Result<Self, homefront_functions::js::functions::FunctionsError> {
        const WORKERS: usize = 2;
        let folder = tempfile::tempdir().expect("a folder");
        let config = configure(&folder, scripts);
        let spawner = Spawner::start(None).expect("a thread");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = log.clone();
        let function_log = FunctionLog::new(move |line| lines.lock().push(line.to_owned()));
        let functions = Functions::start(&config, &spawner, executable, WORKERS, function_log).await?;
        Ok(Self { config, functions: Arc::new(functions), spawner, folder, log })
    }

    /// What the function makes of a viewer request.
    pub(crate) async fn request(&self, name: &str) -> Verdict<RequestEdit> {
        self.request_as(name, &context("request-1")).await
    }

    pub(crate) async fn request_as(&self, name: &str, context: &EventContext) -> Verdict<RequestEdit> {
        let request = Request {
            method: "GET".into(),
            uri: "/original".into(),
            querystring: None,
            headers: Headers::from_iter([("Host", "a.example"), ("X-Id", context.request_id.as_str())]),
        };
        match self.call(name, EventType::ViewerRequest, context, &request, None).await {
            Outcome::Request(verdict) => verdict,
            Outcome::Response(other) => panic!("{other:?}"),
        }
    }

    /// What the function makes of a viewer response.
    pub(crate) async fn response(&self, name: &str) -> Verdict<ResponseEdit> {
        let request = Request { method: "GET".into(), uri: "/".into(), ..Request::default() };
        let response = Response { status: 200, ..Response::default() };
        match self.call(name, EventType::ViewerResponse, &context("response-1"), &request, Some(&response)).await {
            Outcome::Response(verdict) => verdict,
            Outcome::Request(other) => panic!("{other:?}"),
        }
    }

    async fn call(
        &self,
        name: &str,
        event_type: EventType,
        context: &EventContext,
        request: &Request,
        response: Option<&Response>,
    ) -> Outcome {
        let function = self.config.functions.iter().find(|function| function.name == name).expect("a function");
        let call = Call { event_type, context, request, response, now_ms: 1_700_000_000_000, random_seed: 1 };
        self.functions.call(function, &call).await.outcome
    }

    /// The log, a line each.
    pub(crate) fn log(&self) -> String {
        self.log.lock().join("\n")
    }

    /// Returns when there are as many workers as there should be.
    pub(crate) async fn staffed(&self) -> Vec<u32> {
        loop {
            let ids = self.functions.worker_ids();
            if ids.len() == 3 {
                return ids;
            }
            tokio::task::yield_now().await;
        }
    }

    /// The process that workers are forked off. Call it when there are as many of these as there should be.
    pub(crate) fn template(&self) -> u32 {
        let workers = self.functions.worker_ids();
        let is_template = |pid: &u32| runs_functions(*pid) && !workers.contains(pid);
        let mut found = children().into_iter().filter(is_template);
        let template = found.next().expect("a template");
        assert_eq!(found.next(), None, "one is enough");
        template
    }

    pub(crate) async fn stop(self) {
        self.functions.stop();
        self.spawner.all_gone().await;
    }
}

pub(crate) fn context(request_id: &str) -> EventContext {
    EventContext {
        distribution_domain_name: "d111111abcdef8.cloudfront.net".into(),
        distribution_id: DISTRIBUTION.into(),
        request_id: request_id.to_owned(),
        viewer_ip: [203, 0, 113, 7].into(),
        server_ip: [192, 0, 2, 1].into(),
    }
}

#[track_caller]
pub(crate) fn assert_ok(verdict: &Verdict<RequestEdit>) {
    let Verdict::Continue(edit) = verdict else { panic!("{verdict:?}") };
    assert_eq!(edit.uri.as_deref(), Some(b"/ok".as_slice()), "{edit:?}");
}

/// Kind and detail of a failure.
#[track_caller]
pub(crate) fn failure<Edit: std::fmt::Debug>(verdict: Verdict<Edit>) -> (FailureKind, String) {
    match verdict {
        Verdict::Fail(failure) => (failure.kind, failure.detail),
        other => panic!("{other:?}"),
    }
}

fn runs_functions(pid: u32) -> bool {
    let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.contains(SUBCOMMAND) && !is_dead(pid)
}

/// Returns when this process has neither a worker nor a template, nor anything that it has not reaped.
pub(crate) async fn until_none_is_left() {
    while children().into_iter().any(|pid| runs_functions(pid) || is_dead(pid)) {
        tokio::task::yield_now().await;
    }
}

/// The processes whose parent this one is.
pub(crate) fn children() -> Vec<u32> {
    let threads = std::fs::read_dir("/proc/self/task").expect("threads").flatten();
    let lists = threads.map(|thread| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect::<Vec<_>>()).collect()
}

/// Whether a process is gone, or a zombie that the machine's init has yet to reap.
pub(crate) fn is_dead(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    }
}

/// Hundredths of a second that a process has computed.
pub(crate) fn computed(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // As a user and in the kernel: `stat` beginning with the state.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Returns when one has computed for longer than it takes to be woken and to look around.
pub(crate) async fn until_one_computes(pids: &[u32]) {
    let before: Vec<_> = pids.iter().map(|pid| computed(*pid)).collect();
    while !pids.iter().zip(&before).any(|(pid, before)| computed(*pid) > before + 2) {
        tokio::task::yield_now().await;
    }
}

/// How often processes have gone to sleep.
pub(crate) fn sleeps(pids: &[u32]) -> u64 {
    let of_one = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or_default()
    };
    pids.iter().map(of_one).sum()
}

/// Returns when all are dead.
pub(crate) async fn until_dead(pids: &[u32]) {
    while !pids.iter().all(|pid| is_dead(*pid)) {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, signal).expect("it runs");
}

/// Returns when all have stopped: the signal itself only asks for it.
pub(crate) async fn suspend(pids: &[u32]) {
    for pid in pids {
        signal(*pid, Signal::STOP);
        while !std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs").contains(") T ") {
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) fn resume(pids: &[u32]) {
    for pid in pids {
        signal(*pid, Signal::CONT);
    }
}
