//! Functions and stores that are saved while they serve.

use super::site::{
    DISTRIBUTION, HEALTHY, LOOPS, Script, Site, assert_ok, children, computed, failure, is_dead, script, until_dead,
    until_none_is_left,
};
use homefront_config::limits::{FUNCTION_DEATHS_MAX, FUNCTION_RELOAD_MS_MAX};
use homefront_functions::js::functions::Reloaded;
use homefront_functions::js::kvs::{About, Snapshot};
use homefront_functions::{FailureKind, Verdict};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinHandle;

/// A site whose files are watched.
struct Watched {
    site: Arc<Site>,
    news: Receiver<Reloaded>,
    watching: JoinHandle<std::io::Error>,
}

impl Watched {
    async fn start(scripts: &[Script]) -> Self {
        let site = Arc::new(Site::start(scripts).await);
        let (sender, news) = channel(10_000);
        let functions = site.functions.clone();
        let tell = move |event| sender.try_send(event).expect("somebody listens");
        let watching = tokio::spawn(async move { functions.keep_current(tell).await });
        Self { site, news, watching }
    }

    /// In one step: what is half written may be looked at, and refused, as these tests do not mean it.
    fn save(&self, name: &str, code: &str) {
        replace(&self.file(name), code);
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.site.folder.path().join(name)
    }

    async fn news(&mut self) -> Reloaded {
        self.news.recv().await.expect("it is watched")
    }

    /// Waits until a function or a store serves what was saved.
    async fn serves(&mut self, name: &str) {
        match self.news().await {
            Reloaded::Serves { what, .. } if what.contains(&format!("\"{name}\"")) => {}
            other => panic!("{other:?}"),
        }
    }

    async fn restored(&mut self, name: &str) {
        match self.news().await {
            Reloaded::Restored { what, .. } if what.contains(&format!("\"{name}\"")) => {}
            other => panic!("{other:?}"),
        }
    }

    /// Waits until something was refused; gives the reason, without the folder.
    async fn refused(&mut self, last_good: bool) -> String {
        match self.news().await {
            Reloaded::Refused { reasons, last_good_serves } if last_good_serves == last_good => {
                reasons.join("\n").replace(self.site.folder.path().to_str().expect("text"), "")
            }
            other => panic!("{other:?}"),
        }
    }

    async fn uri(&self, name: &str) -> String {
        uri(&self.site, name).await
    }

    async fn stop(self) {
        self.watching.abort();
        let _ = self.watching.await;
        Arc::into_inner(self.site).expect("ours alone").stop().await;
    }
}

async fn uri(site: &Site, name: &str) -> String {
    match site.request(name).await {
        Verdict::Continue(edit) => String::from_utf8(edit.uri.expect("a uri").to_vec()).expect("text"),
        other => panic!("{other:?}"),
    }
}

/// Whether a process computes, or wants to.
fn is_running(pid: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it lives").flatten();
    let mut states = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    states.any(|stat| stat.contains(") R "))
}

/// Waits until a process of ours has computed for longer than one may that compiles what was saved, and so is one that tries it out.
async fn until_one_is_tried_out() {
    while !children().into_iter().any(|process| computed(process) * 10 > FUNCTION_RELOAD_MS_MAX + 100) {
        tokio::task::yield_now().await;
    }
}

/// Answers with a path.
fn gives(path: &str) -> String {
    format!("function handler(event) {{ event.request.uri = '/{path}'; return event.request; }}")
}

fn replace(file: &Path, content: &str) {
    let temporary = file.with_extension("tmp");
    std::fs::write(&temporary, content).expect("a file");
    std::fs::rename(temporary, file).expect("a file");
}

pub(crate) async fn a_saved_function_serves_and_the_other_functions_go_on() {
    let mut watched = Watched::start(&[script("a", gives("1")), script("healthy", HEALTHY)]).await;
    assert_eq!(watched.uri("a").await, "/1");
    for version in 2..5 {
        if version % 2 == 0 {
            watched.save("a.js", &gives(&version.to_string()));
        } else {
            replace(&watched.file("a.js"), &gives(&version.to_string()));
        }
        watched.serves("a").await;
        assert_eq!(watched.uri("a").await, format!("/{version}"));
        assert_ok(&watched.site.request("healthy").await);
    }
    watched.stop().await;
}

pub(crate) async fn a_function_that_does_not_compile_leaves_the_last_good_one_serving() {
    let mut watched = Watched::start(&[script("a", gives("1"))]).await;
    watched.save("a.js", "function handler(event) {\n  return ];\n}");
    let reason = watched.refused(true).await;
    assert_eq!(reason, "function \"a\": /a.js:2:10: SyntaxError: Unexpected token \"]\" in 2");
    assert_eq!(watched.uri("a").await, "/1");
    assert_eq!(watched.site.functions.faults(), Vec::<String>::new(), "what serves is without a fault");
    watched.save("a.js", "import fs from 'fs';\nfunction handler(event) { return event.request; }");
    let reason = watched.refused(true).await;
    assert!(reason.starts_with("function \"a\": /a.js:1:1: CloudFront's engine does not know this module"), "{reason}");
    watched.save("a.js", &format!("{}// {}", gives("2"), "x".repeat(20_000)));
    let reason = watched.refused(true).await;
    assert_eq!(reason, "function \"a\": /a.js: more than 10240 bytes, which is all CloudFront takes");
    watched.save("a.js", &format!("throw new Error('top');\n{}", gives("2")));
    let reason = watched.refused(true).await;
    let what = "its top level throws, in every call before the handler is reached: Error: top";
    assert_eq!(reason, format!("function \"a\": /a.js:1: {what}"));
    watched.save("a.js", &gives("1"));
    watched.restored("a").await;
    watched.save("a.js", "");
    let reason = watched.refused(true).await;
    assert_eq!(reason, "function \"a\": /a.js: it is empty");
    watched.save("a.js", &gives("2"));
    watched.serves("a").await;
    assert_eq!(watched.uri("a").await, "/2");
    watched.stop().await;
}

pub(crate) async fn a_function_that_was_broken_from_the_start_serves_when_it_is_mended() {
    let mut watched = Watched::start(&[script("a", "function handler(event) { return ]; }")]).await;
    assert_eq!(failure(watched.site.request("a").await).0, FailureKind::FunctionThrottled);
    watched.save("a.js", "\nfunction handler(event) { return ); }");
    let reason = watched.refused(false).await;
    assert!(reason.starts_with("function \"a\": /a.js:2:34: SyntaxError"), "{reason}");
    assert!(failure(watched.site.request("a").await).1.ends_with("in 2"), "the newest reason");
    watched.save("a.js", &gives("1"));
    watched.serves("a").await;
    assert_eq!(watched.uri("a").await, "/1");
    watched.stop().await;
}

pub(crate) async fn a_function_that_aborts_or_stalls_the_compiler_harms_nobody() {
    let mut watched = Watched::start(&[script("a", gives("1")), script("healthy", HEALTHY)]).await;
    let workers = watched.site.staffed().await;
    let exhausts = "var s = 'aaaaaaaaaa'; for (var i = 0; i < 60; i++) { s += s }\nfunction handler() {}".to_owned();
    for (code, why) in
        [(exhausts, "the engine died: "), (format!("{LOOPS}\nhandler();"), "the engine took longer than ")]
    {
        watched.save("a.js", &code);
        let reason = loop {
            assert_ok(&watched.site.request("healthy").await);
            assert_eq!(watched.uri("a").await, "/1");
            assert_eq!(watched.site.functions.worker_ids(), workers, "nobody died");
            match watched.news.try_recv() {
                Ok(Reloaded::Refused { reasons, last_good_serves: true }) => break reasons.join("\n"),
                Ok(other) => panic!("{other:?}"),
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert!(reason.contains(why) && reason.ends_with(" while it compiled this function"), "{reason}");
    }
    watched.stop().await;
}

pub(crate) async fn a_function_that_stalls_the_compiler_holds_up_no_other() {
    let mut watched = Watched::start(&[script("bad", HEALTHY), script("good", HEALTHY)]).await;
    watched.save("bad.js", &format!("{LOOPS}\nhandler();"));
    for path in ["one", "two", "three"] {
        watched.save("good.js", &gives(path));
        watched.serves("good").await;
        assert_eq!(watched.uri("good").await, format!("/{path}"));
    }
    // Only now: the others were there before it had had its time.
    watched.refused(true).await;
    watched.stop().await;
}

pub(crate) async fn what_mends_a_function_that_stalls_the_compiler_serves_at_once() {
    let mut watched = Watched::start(&[script("a", gives("1"))]).await;
    for version in 2..5 {
        watched.save("a.js", &format!("{LOOPS}\nhandler(); // {version}"));
        until_one_is_tried_out().await;
        watched.save("a.js", &gives(&version.to_string()));
        // No refusal comes before: nobody waited for the end of what is no longer there.
        watched.serves("a").await;
        assert_eq!(watched.uri("a").await, format!("/{version}"));
    }
    watched.stop().await;
}

pub(crate) async fn a_function_that_takes_long_to_compile_serves_when_it_is_compiled() {
    let mut watched = Watched::start(&[script("a", gives("1"))]).await;
    // The parser's time grows faster than the depth does.
    let deep = format!("function never() {{ return {}1{} }}", "(".repeat(1_200), ")".repeat(1_200));
    watched.save("a.js", &format!("{deep}\n{}", gives("2")));
    until_one_is_tried_out().await;
    watched.serves("a").await;
    assert_eq!(watched.uri("a").await, "/2");
    watched.stop().await;
}

pub(crate) async fn a_pipe_in_the_place_of_a_function_keeps_nobody_waiting() {
    let mut watched = Watched::start(&[script("a", gives("1")), script("b", gives("1"))]).await;
    let pipe = watched.file("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("it is there").success());
    std::fs::rename(&pipe, watched.file("a.js")).expect("it was made");
    let reason = watched.refused(true).await;
    assert!(reason.ends_with("it is not a file"), "{reason}");
    for (name, path) in [("b", "2"), ("a", "3")] {
        watched.save(&format!("{name}.js"), &gives(path));
        watched.serves(name).await;
        assert_eq!(watched.uri(name).await, format!("/{path}"));
    }
    watched.stop().await;
}

pub(crate) async fn a_function_that_is_deleted_goes_on_serving() {
    let mut watched = Watched::start(&[script("a", gives("1"))]).await;
    std::fs::remove_file(watched.file("a.js")).expect("it is there");
    let reason = watched.refused(true).await;
    assert_eq!(reason, "function \"a\": /a.js: No such file or directory (os error 2)");
    assert_eq!(watched.uri("a").await, "/1");
    watched.save("a.js", &gives("1"));
    watched.restored("a").await;
    watched.save("a.js", &gives("2"));
    watched.serves("a").await;
    assert_eq!(watched.uri("a").await, "/2");
    watched.stop().await;
}

pub(crate) async fn several_functions_saved_at_once_are_judged_one_by_one() {
    let scripts = [script("a", gives("a1")), script("b", gives("b1")), script("c", gives("c1"))];
    let mut watched = Watched::start(&scripts).await;
    watched.save("a.js", &gives("a2"));
    watched.save("b.js", "function handler(");
    watched.save("c.js", &gives("c2"));
    let mut news = Vec::new();
    for _ in 0..3 {
        news.push(match watched.news().await {
            Reloaded::Serves { what, .. } => what,
            Reloaded::Refused { reasons, last_good_serves: true } => {
                reasons[0].split(": ").next().expect("a name").to_owned()
            }
            other => panic!("{other:?}"),
        });
    }
    news.sort();
    assert_eq!(news, ["function \"a\"", "function \"b\"", "function \"c\""]);
    assert_eq!([watched.uri("a").await, watched.uri("b").await, watched.uri("c").await], ["/a2", "/b1", "/c2"]);
    watched.stop().await;
}

pub(crate) async fn inline_functions_are_reloaded_too() {
    let inline = |name, code: String| script(name, code).with("isolation = \"inline\"");
    let mut watched = Watched::start(&[inline("a", gives("a1")), inline("b", gives("b1"))]).await;
    assert_eq!([watched.uri("a").await, watched.uri("b").await], ["/a1", "/b1"]);
    watched.save("a.js", &gives("a2"));
    watched.serves("a").await;
    assert_eq!([watched.uri("a").await, watched.uri("b").await], ["/a2", "/b1"]);
    watched.save("a.js", "function handler(event) {");
    watched.refused(true).await;
    assert_eq!(watched.uri("a").await, "/a2");
    assert!(watched.site.functions.worker_ids().is_empty(), "nobody needs a worker");
    watched.stop().await;
}

pub(crate) async fn no_call_fails_and_none_goes_back_while_a_function_is_saved_again_and_again() {
    const VERSIONS: usize = 12;
    let mut watched = Watched::start(&[script("a", gives("0"))]).await;
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (site, over) = (watched.site.clone(), over.clone());
            tokio::spawn(async move {
                let mut newest = 0;
                while !over.load(Ordering::Relaxed) {
                    let version = uri(&site, "a").await[1..].parse::<usize>().expect("a number");
                    assert!(version >= newest, "{version} after {newest}");
                    newest = version;
                }
            })
        })
        .collect();
    for version in 1..=VERSIONS {
        replace(&watched.file("a.js"), &gives(&version.to_string()));
        watched.serves("a").await;
        assert_eq!(watched.uri("a").await, format!("/{version}"), "from now on");
    }
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no call fails");
    }
    watched.stop().await;
}

pub(crate) async fn a_call_in_flight_ends_on_what_it_began_with() {
    let busy = "function handler(event) { for (var i = 0; i < 800; i++) { inner() } event.request.uri = '/old'; \
                return event.request; } function inner() { for (var i = 0; i < 50000; i++) {} }";
    let mut watched = Watched::start(&[script("a", busy)]).await;
    let workers = watched.site.staffed().await;
    let call = tokio::spawn({
        let site = watched.site.clone();
        async move { uri(&site, "a").await }
    });
    while !workers.iter().any(|pid| is_running(*pid)) {
        tokio::task::yield_now().await;
    }
    watched.save("a.js", &gives("new"));
    watched.serves("a").await;
    assert_eq!(watched.uri("a").await, "/new");
    assert!(!call.is_finished(), "the newer one serves while the call is in the older one");
    assert_eq!(call.await.expect("an answer"), "/old");
    until_dead(&workers).await;
    watched.stop().await;
}

pub(crate) async fn a_storm_of_saves_is_bounded_work_and_the_last_one_serves() {
    const SAVES: usize = 3_000;
    let mut watched = Watched::start(&[script("a", gives("start"))]).await;
    let file = watched.file("a.js");
    let storm = tokio::task::spawn_blocking(move || {
        for number in 0..SAVES {
            std::fs::write(&file, gives(&number.to_string())).expect("a file");
        }
    });
    storm.await.expect("it ends");
    let last = format!("/{}", SAVES - 1);
    let mut reloads = 0;
    while watched.uri("a").await != last {
        watched.news().await;
        reloads += 1;
    }
    assert!(reloads < SAVES / 10, "{reloads} reloads for {SAVES} saves");
    watched.stop().await;
    // Of those that were being started when their code was old already, too.
    until_none_is_left().await;
}

pub(crate) async fn figures_and_throttles_survive_what_did_not_change() {
    let mut watched = Watched::start(&[script("a", gives("1")), script("loops", LOOPS).with("budget_ms = 1")]).await;
    watched.uri("a").await;
    for _ in 0..FUNCTION_DEATHS_MAX {
        assert_eq!(failure(watched.site.request("loops").await).0, FailureKind::FunctionExecution);
    }
    watched.save("a.js", &gives("2"));
    watched.serves("a").await;
    watched.uri("a").await;
    assert_eq!(failure(watched.site.request("loops").await).0, FailureKind::FunctionThrottled, "still");
    let figures = watched.site.functions.figures();
    let of = |name| figures.iter().find(|(id, known, _)| (*id, *known) == (DISTRIBUTION, name)).expect("figures").2;
    assert_eq!((of("a").invocations, of("loops").throttles), (2, 1));
    drop(figures);
    watched.save("loops.js", HEALTHY);
    watched.serves("loops").await;
    // A busy machine may not run it within its millisecond.
    if let Verdict::Fail(late) = watched.site.request("loops").await {
        assert_eq!(late.kind, FailureKind::FunctionExecution, "a clean slate");
    }
    watched.stop().await;
}

pub(crate) async fn findings_are_those_of_what_serves() {
    let rejected = |path: &str| format!("{}\nfunction never(a) {{ return a?.b; }}", gives(path));
    let relaxed = "fidelity = \"relaxed\"\nbudget_ms = 10000";
    let mut watched = Watched::start(&[script("a", gives("1")).with(relaxed)]).await;
    assert_eq!(watched.site.functions.findings(), Vec::<String>::new());
    watched.save("a.js", &rejected("2"));
    watched.serves("a").await;
    let Reloaded::Finding { reason } = watched.news().await else { panic!("a finding") };
    assert!(reason.contains("/a.js:2:29: CloudFront's engine does not know optional chaining"), "{reason}");
    assert_eq!(watched.site.functions.findings(), [reason]);
    watched.save("a.js", &gives("3"));
    watched.serves("a").await;
    assert_eq!(watched.site.functions.findings(), Vec::<String>::new());
    watched.stop().await;
}

pub(crate) async fn nothing_is_left_of_what_served_before() {
    let mut watched = Watched::start(&[script("a", gives("1"))]).await;
    let before = watched.site.staffed().await;
    watched.save("a.js", &gives("2"));
    watched.serves("a").await;
    until_dead(&before).await;
    let after = watched.site.staffed().await;
    assert!(after.iter().all(|pid| !is_dead(*pid) && !before.contains(pid)));
    watched.stop().await;
}

const READS: &str = "import cf from 'cloudfront';\nconst kvs = cf.kvs();\n\
                     async function handler(event) { event.request.uri = await kvs.get('a'); return event.request; }";

fn reads(name: &'static str, more: &str) -> Script {
    script(name, READS).with(&format!("key_value_store = \"store\"\nbudget_ms = 10000\n{more}"))
}

pub(crate) async fn a_saved_store_is_read_by_the_next_call() {
    let mut watched = Watched::start(&[reads("worker", ""), reads("inline", "isolation = \"inline\"")]).await;
    for path in ["/new", "/newer"] {
        watched.save("store.json", &format!(r#"{{"data":[{{"key":"a","value":"{path}"}}]}}"#));
        watched.serves("store").await;
        assert_eq!([watched.uri("worker").await, watched.uri("inline").await], [path, path]);
    }
    // Workers that start later know it, too.
    watched.save("worker.js", &format!("{READS}\n"));
    watched.serves("worker").await;
    assert_eq!(watched.uri("worker").await, "/newer");
    watched.stop().await;
}

pub(crate) async fn values_do_not_change_within_a_call() {
    let code = "import cf from 'cloudfront';\nconst kvs = cf.kvs();\n\
                function wait() { for (var i = 0; i < 800; i++) { inner() } }\n\
                function inner() { for (var i = 0; i < 50000; i++) {} }\n\
                async function handler(event) { const first = await kvs.get('a'); wait(); const second = await kvs.get('a'); \
                const meta = await kvs.meta(); event.request.uri = first + second + meta.keyCount; return event.request; }";
    let settings = "key_value_store = \"store\"\nbudget_ms = 10000\n";
    let mut watched = Watched::start(&[script("slow", code).with(settings), reads("quick", "")]).await;
    let workers = watched.site.staffed().await;
    let call = tokio::spawn({
        let site = watched.site.clone();
        async move { uri(&site, "slow").await }
    });
    while !workers.iter().any(|pid| is_running(*pid)) {
        tokio::task::yield_now().await;
    }
    watched.save("store.json", r#"{"data":[{"key":"a","value":"/new"},{"key":"b","value":""}]}"#);
    watched.serves("store").await;
    assert_eq!(watched.uri("quick").await, "/new", "calls that begin now see it");
    assert!(!call.is_finished(), "the call that began before is still in its loop");
    assert_eq!(call.await.expect("an answer"), "/old/old1");
    for _ in 0..4 {
        assert_eq!(watched.uri("quick").await, "/new", "also in the worker that was busy");
    }
    watched.stop().await;
}

pub(crate) async fn stores_replaced_again_and_again_are_read_in_order_and_leak_nothing() {
    const TIMES: usize = 300;
    let site = Site::start(&[reads("worker", "")]).await;
    let workers = site.staffed().await;
    let files = |pid: u32| std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives").count();
    let ours = std::process::id();
    let before = (files(ours), files(workers[0]));
    let filler: Vec<_> = (0..500).map(|number| format!("{number}")).collect();
    for number in 0..TIMES {
        let about = About { name: "store".into(), ..About::default() };
        let value = format!("/{number}");
        let entries = filler.iter().map(|key| (key.as_str(), "x")).chain([("a", value.as_str())]);
        site.functions.replace_store(&Arc::new(Snapshot::new(about, entries).expect("memory")));
        assert_eq!(uri(&site, "worker").await, value);
    }
    assert!(files(ours) <= before.0 + 4 && files(workers[0]) <= before.1, "files are closed");
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", workers[0])).expect("it lives");
    assert!(maps.matches("homefront-store").count() <= 2, "memory is given back");
    site.stop().await;
}

pub(crate) async fn a_broken_store_leaves_the_last_good_one() {
    let mut watched = Watched::start(&[reads("worker", "")]).await;
    watched.save("store.json", "{\"data\":[\n{\"key\":\"a\",\"value\":1}]}");
    let reason = watched.refused(true).await;
    assert!(reason.starts_with("key_value_store \"store\": /store.json"), "{reason}");
    assert_eq!(watched.uri("worker").await, "/old");
    watched.save("store.json", r#"{"data":[{"key":"a","value":"/new"}]}"#);
    watched.serves("store").await;
    assert_eq!(watched.uri("worker").await, "/new");
    watched.stop().await;
}
