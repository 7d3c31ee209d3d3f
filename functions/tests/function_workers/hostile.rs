//! What hostile functions get, and that nobody else notices.

use super::site::{
    HEALTHY, LOOPS, Script, Site, assert_ok, children, computed, context, executable, failure, resume, script, signal,
    sleeps, suspend, until_dead, until_one_computes,
};
use homefront_config::limits::{
    FUNCTION_DEATHS_MAX, FUNCTION_LOG_BYTES_MAX, FUNCTION_QUEUE_CALLS_MAX, FUNCTION_WORKER_CALLS_MAX,
};
use homefront_functions::{EventContext, FailureKind, Verdict};
use rustix::process::Signal;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A program that takes its worker with it, or nearly.
fn hostile(name: &'static str, body: &str) -> Script {
    script(name, format!("function handler(event) {{ {body}; return event.request; }}")).with("budget_ms = 500")
}

pub(crate) async fn a_function_that_loops_is_killed_after_its_budget_and_nobody_else_notices() {
    let site = Site::start(&[script("loops", LOOPS).with("budget_ms = 200"), script("healthy", HEALTHY)]).await;
    site.staffed().await;
    let site = Arc::new(site);
    let looping = tokio::spawn({
        let site = site.clone();
        async move { failure(site.request("loops").await) }
    });
    let mut healthy_meanwhile = 0;
    while !looping.is_finished() {
        assert_ok(&site.request("healthy").await);
        healthy_meanwhile += 1;
    }
    let (kind, detail) = looping.await.expect("a verdict");
    assert_eq!(kind, FailureKind::FunctionExecution);
    assert_eq!(detail, "function \"loops\": it ran longer than its budget of 200 ms and was killed");
    assert!(healthy_meanwhile > 1, "they waited for the loop");
    Arc::into_inner(site).expect("ours alone").stop().await;
}

pub(crate) async fn a_call_does_not_pay_for_the_garbage_of_the_one_before() {
    // Each function holds the one before: the collector needs a great deal of memory to find its way through.
    const CHAIN: &str = "function handler(event) { var f = function () {};
        for (var i = 0; i < 250000; i++) f = (function (g) { return function () { return g; }; })(f); return event.request; }";
    let site = Site::start(&[script("chain", CHAIN).with("budget_ms = 10000"), script("healthy", HEALTHY)]).await;
    site.staffed().await;
    for _ in 0..4 {
        // Whatever becomes of it.
        site.request("chain").await;
        for _ in 0..3 {
            assert_ok(&site.request("healthy").await);
        }
    }
    site.stop().await;
}

pub(crate) async fn what_a_call_had_printed_when_its_worker_ended_is_in_the_log() {
    let prints = "function handler(event) { console.log('said'); return event.request; }";
    let site = Site::start(&[
        script("prints", prints),
        hostile("ends", "console.log('one'); console.log('é\\n2'); const kept = []; while (true) kept.push('x'.repeat(1e6 + kept.length))"),
        script("loops", LOOPS).with("budget_ms = 50"),
        script("floods", "function handler(event) { while (true) console.log('x'.repeat(999)); }").with("budget_ms = 50"),
    ])
    .await;
    site.request_as("prints", &context("id-0==")).await;
    failure(site.request_as("ends", &context("id-1==")).await);
    site.request_as("prints", &context("id-2==")).await;
    failure(site.request_as("loops", &context("id-3==")).await);
    let told = |name: &str, id: &str, lines: &[&str]| {
        let lines = [&["START DistributionID: E1TESTDISTRIB1"], lines, &["END"]].concat();
        lines.iter().map(|line| format!("function/{name}\t{id} {line}")).collect::<Vec<_>>()
    };
    let all = [
        told("prints", "id-0==", &["said"]),
        told("ends", "id-1==", &["one", "é", "2"]),
        told("prints", "id-2==", &["said"]),
    ];
    assert_eq!(site.log(), all.concat().join("\n"), "the loop has printed nothing, and gets nobody else's lines");
    failure(site.request_as("floods", &context("id-4==")).await);
    let flood = site.log().lines().filter(|line| line.contains("id-4==")).map(str::len).sum::<usize>();
    assert!((FUNCTION_LOG_BYTES_MAX..FUNCTION_LOG_BYTES_MAX + 1_000).contains(&flood), "{flood} bytes");
    site.stop().await;
}

/// Calls a function that loops, until it is killed; whether its worker paused while it computed.
async fn pauses_while_it_loops(site: &Arc<Site>, context: &EventContext) -> bool {
    let workers = site.staffed().await;
    let looping = tokio::spawn({
        let (site, context) = (site.clone(), context.clone());
        async move { failure(site.request_as("loops", &context).await) }
    });
    until_one_computes(&workers).await;
    let before = sleeps(&workers);
    let mut paused = false;
    while !looping.is_finished() {
        paused |= sleeps(&workers) >= before + 20;
        tokio::task::yield_now().await;
    }
    looping.await.expect("a verdict");
    paused
}

pub(crate) async fn a_call_that_computes_for_long_lets_others_have_its_processor() {
    let site = Arc::new(Site::start(&[script("loops", LOOPS).with("budget_ms = 1000")]).await);
    assert!(pauses_while_it_loops(&site, &context("any")).await);
    Arc::into_inner(site).expect("ours alone").stop().await;
}

pub(crate) async fn a_call_has_its_whole_budget_to_compute_though_it_pauses() {
    let site = Arc::new(Site::start(&[script("loops", LOOPS).with("budget_ms = 1000")]).await);
    let workers = site.staffed().await;
    let before: Vec<_> = workers.iter().map(|pid| computed(*pid)).collect();
    let looping = tokio::spawn({
        let site = site.clone();
        async move { failure(site.request("loops").await) }
    });
    let mut most = 0;
    while !looping.is_finished() {
        let used = workers.iter().zip(&before).map(|(pid, before)| computed(*pid).saturating_sub(*before));
        most = used.max().unwrap_or_default().max(most);
        tokio::task::yield_now().await;
    }
    assert_eq!(looping.await.expect("a verdict").0, FailureKind::FunctionExecution);
    assert!(most >= 97, "{most}0 ms of 1000");
    Arc::into_inner(site).expect("ours alone").stop().await;
}

pub(crate) async fn so_does_one_of_a_function_that_killed_a_worker_lately_though_it_was_brief_since() {
    let code = "function handler(event) {
            if (event.context.requestId === 'loop') { for (var i = 0; i < 50000; i++) { inner() } }
            event.request.uri = '/ok';
            return event.request;
        }
        function inner() { for (var i = 0; i < 50000; i++) {} }";
    let site = Arc::new(Site::start(&[script("loops", code).with("budget_ms = 1000")]).await);
    let (good, bad) = (context("good"), context("loop"));
    assert_eq!(failure(site.request_as("loops", &bad).await).0, FailureKind::FunctionExecution);
    // Of workers that have nothing to do, the same one gets each of these calls. The first may take a while.
    site.staffed().await;
    for _ in 0..5 {
        assert_ok(&site.request_as("loops", &good).await);
    }
    assert!(pauses_while_it_loops(&site, &bad).await);
    Arc::into_inner(site).expect("ours alone").stop().await;
}

pub(crate) async fn what_exhausts_the_engine_costs_one_request() {
    let scripts = [
        script("healthy", HEALTHY),
        hostile("recursion", "function f() { return f() + 1 } f()"),
        hostile("getters", "var o = {}; Object.defineProperty(o, 'a', { get: function () { return o.a } }); o.a"),
        hostile("string", "var s = 'a'.repeat(1e9); event.request.uri = '/' + s.length"),
        hostile(
            "doubling",
            "var s = 'aaaaaaaaaa'; for (var i = 0; i < 60; i++) { s += s } event.request.uri = '/' + s.length",
        ),
        hostile("regex", "/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')"),
        hostile("regex-or", "/^(a|aa)+$/.test('a'.repeat(60) + '!')"),
        hostile("regex-dots", "/(.*)*x/.test('a'.repeat(60))"),
        hostile("regex-replace", "('a'.repeat(60) + '!').replace(/^(a+)+$/, 'b')"),
        hostile("regex-split", "('a'.repeat(60) + '!').split(/^(a+)+$/)"),
        hostile("regex-match", "('a'.repeat(60) + '!').match(/^(a+)+$/g)"),
        hostile("regex-made", "new RegExp('^(a+)+$').test('a'.repeat(60) + '!')"),
        hostile("array-like", "Array.prototype.forEach.call({ length: 1e15 }, function () {})"),
        hostile("array-like-reduce", "Array.prototype.reduce.call({ length: 1e15 }, function () {}, 0)"),
        hostile("array-like-includes", "Array.prototype.includes.call({ length: 1e15 }, 1)"),
        hostile("array-like-reverse", "Array.prototype.reverse.call({ length: 1e15 })"),
        hostile("sparse", "var a = []; a.length = 4e9; a.map(function () {})"),
        hostile("concatenation", "var s = ''; for (var i = 0; i < 2e5; i++) { s += 'x'.repeat(1e5) } s.indexOf('y')"),
        hostile("replacement", "var s = 'a'.repeat(1e6); for (;;) { s = s.replace(/a/g, '$&$&') }"),
        hostile("pieces", "var a = []; for (;;) { a.push('x'.repeat(1e6).split('')) }"),
        hostile("buffers", "var a = []; for (;;) { a.push(Buffer.alloc(2e6)) }"),
        hostile("closures", "var f = null; for (;;) { f = (function (g) { return function () { return g } })(f) }"),
        hostile("stringify", "var a = []; for (var i = 0; i < 250000; i++) { a = [a] } for (;;) { JSON.stringify(a) }"),
        hostile("promises", "return new Promise(function f() { Promise.resolve().then(f); for (;;) {} })"),
        hostile("memory", "var a = []; for (;;) { a.push({ x: new Array(1000).fill(1) }) }"),
        hostile("fill", "new Array(1e9).fill(0)"),
        hostile("buffer", "new ArrayBuffer(1e10)"),
        hostile(
            "nested",
            "var a = []; for (var i = 0; i < 100000; i++) { a = [a] } event.request.uri = '/' + a.join().length",
        ),
        hostile("json", "JSON.parse('['.repeat(20000))"),
    ];
    let site = Site::start(&scripts).await;
    assert_eq!(site.functions.faults(), Vec::<String>::new());
    for name in scripts.iter().map(Script::name).filter(|name| *name != "healthy") {
        let (kind, detail) = failure(site.request(name).await);
        assert_eq!(kind, FailureKind::FunctionExecution, "{name}: {detail}");
        assert_ok(&site.request("healthy").await);
    }
    site.stop().await;
}

pub(crate) async fn what_uses_up_the_memory_of_its_worker_is_told_so() {
    let buffers = "var all = []; for (var i = 0; i < 2000; i++) { all.push(Buffer.alloc(1048576)) }";
    let site = Site::start(&[
        hostile("doubling", "var s = 'x'; for (var i = 0; i < 40; i++) { s += s } event.request.uri = '/' + s.length")
            .with("budget_ms = 10000"),
        hostile("buffers", buffers).with("budget_ms = 10000"),
    ])
    .await;
    let used_up = "the memory of its worker is used up, which is 256 MiB";
    let (_, detail) = failure(site.request("doubling").await);
    assert_eq!(detail, format!("function \"doubling\": its worker died: {used_up}"));
    let (_, detail) = failure(site.request("buffers").await);
    let expected = [
        format!("function \"buffers\": RangeError: {used_up} (line 1)"),
        // Where what was left is too little for the error.
        format!("function \"buffers\": its worker died: {used_up}"),
    ];
    assert!(expected.contains(&detail), "{detail}");
    site.stop().await;
}

pub(crate) async fn results_and_logs_are_bounded() {
    let prints = "for (var i = 0; i < 300; i++) { console.log('x'.repeat(100000)) }";
    let nested = "var a = []; for (var i = 0; i < 1000; i++) { a = [a] } \
                  try { console.log(a) } catch (error) { console.log(String(error)) }";
    let members = "for (var i = 0; i < 5000; i++) { event.request.headers['x-' + i] = { value: 'v' } }";
    let cookies = "for (var i = 0; i < 5000; i++) { event.request.cookies['c' + i] = { value: 'v' } }";
    let site = Site::start(&[
        script("healthy", HEALTHY),
        hostile("prints", prints),
        hostile("nested", nested),
        hostile("body", "return { statusCode: 200, body: 'x'.repeat(1000000) }"),
        hostile("value", "event.request.headers['x-a'] = { value: 'x'.repeat(1000000) }"),
        hostile("members", members),
        hostile("cookies", cookies),
        hostile("query", "event.request.querystring = 'x'.repeat(1000000)"),
        hostile("status", "return { statusCode: 200, statusDescription: 'x'.repeat(1000000) }"),
    ])
    .await;
    for name in ["prints", "nested"] {
        let verdict = site.request(name).await;
        assert!(matches!(verdict, Verdict::Continue(_)), "{name}: {verdict:?}");
    }
    assert!(site.log().len() < 2 * FUNCTION_LOG_BYTES_MAX, "{} bytes of logs", site.log().len());
    for name in ["body", "value", "members", "cookies", "query", "status"] {
        let (kind, detail) = failure(site.request(name).await);
        assert!([FailureKind::FunctionValidation, FailureKind::FunctionExecution].contains(&kind), "{name}: {detail}");
        assert_ok(&site.request("healthy").await);
    }
    site.stop().await;
}

pub(crate) async fn calls_are_refused_while_no_worker_can_be_started_and_answered_when_one_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("homefront");
    let install = || std::os::unix::fs::symlink(executable(), &link).expect("a link");
    install();
    let site = Site::with_executable(&[script("healthy", HEALTHY)], link.clone()).await.expect("it starts");
    assert_ok(&site.request("healthy").await);
    std::fs::remove_file(&link).expect("it is there");
    // The workers and what they are forked off.
    for process in children() {
        signal(process, Signal::KILL);
    }
    let (kind, detail) = loop {
        if let Verdict::Fail(failure) = site.request("healthy").await {
            break (failure.kind, failure.detail);
        }
    };
    assert_eq!(kind, FailureKind::FunctionExecution);
    assert!(detail.contains("cannot start a function worker: ") || detail.contains("its worker died"), "{detail}");
    let (kind, detail) = failure(site.request("healthy").await);
    assert_eq!(kind, FailureKind::FunctionExecution, "{detail}");
    assert!(detail.contains("cannot start a function worker: No such file or directory"), "{detail}");
    install();
    while let Verdict::Fail(_) = site.request("healthy").await {}
    site.stop().await;
}

pub(crate) async fn a_viewers_text_that_stalls_a_regular_expression_costs_its_own_request() {
    // An honest function with a careless expression: it is the viewer who is hostile.
    let careless = "function handler(event) { if (/^(\\w+\\s?)+$/.test(event.request.headers['x-id'].value)) { \
                    event.request.uri = '/ok' } return event.request; }";
    let site = Arc::new(
        Site::start(&[script("careless", careless).with("budget_ms = 300"), script("healthy", HEALTHY)]).await,
    );
    site.staffed().await;
    assert_ok(&site.request_as("careless", &context("honest")).await);
    let stalling = tokio::spawn({
        let site = site.clone();
        async move { failure(site.request_as("careless", &context(&format!("{}!", "a".repeat(60)))).await) }
    });
    let mut healthy_meanwhile = 0;
    while !stalling.is_finished() {
        assert_ok(&site.request("healthy").await);
        healthy_meanwhile += 1;
    }
    let (kind, detail) = stalling.await.expect("a verdict");
    assert_eq!(kind, FailureKind::FunctionExecution, "{detail}");
    assert!(healthy_meanwhile > 1, "they waited for the expression");
    assert_ok(&site.request_as("careless", &context("honest")).await);
    Arc::into_inner(site).expect("ours alone").stop().await;
}

pub(crate) async fn a_source_that_aborts_the_parser_spoils_only_its_own_function() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("function handler(event) {{ return {}1{} }}", open.repeat(depth), close.repeat(depth))
    };
    let site = Site::start(&[
        script("parentheses", nested("(", ")", 4_900)),
        script("brackets", nested("[", "]", 4_900)),
        script("nots", nested("!", "", 9_900)),
        script("functions", nested("(function(){return ", "})()", 400)),
        script("healthy", HEALTHY),
    ])
    .await;
    assert_ok(&site.request("healthy").await);
    for name in ["parentheses", "brackets", "nots", "functions"] {
        let (kind, detail) = failure(site.request(name).await);
        let expected = [FailureKind::FunctionThrottled, FailureKind::FunctionExecution];
        assert!(expected.contains(&kind), "{name}: {detail}");
    }
    assert_ok(&site.request("healthy").await);
    site.stop().await;
}

pub(crate) async fn a_source_that_loops_while_it_is_loaded_spoils_only_its_own_function() {
    let loops = format!("{LOOPS}\nhandler();");
    let site = Site::start(&[script("loops", loops), script("healthy", HEALTHY)]).await;
    let (kind, detail) = failure(site.request("loops").await);
    assert_eq!(kind, FailureKind::FunctionThrottled);
    let reason = "it does not compile: the engine took longer than 5000 ms while it compiled this function";
    assert_eq!(detail, format!("function \"loops\": {reason}"));
    assert!(site.functions.faults()[0].ends_with("took longer than 5000 ms while it compiled this function"));
    assert_ok(&site.request("healthy").await);
    site.stop().await;
}

pub(crate) async fn a_function_that_kills_its_workers_again_and_again_is_throttled() {
    let site = Site::start(&[script("loops", LOOPS).with("budget_ms = 1"), script("healthy", HEALTHY)]).await;
    for _ in 0..FUNCTION_DEATHS_MAX {
        assert_eq!(failure(site.request("loops").await).0, FailureKind::FunctionExecution);
    }
    let (kind, detail) = failure(site.request("loops").await);
    assert_eq!(kind, FailureKind::FunctionThrottled);
    assert_eq!(detail, "function \"loops\": it killed its workers again and again");
    assert_ok(&site.request("healthy").await);
    site.stop().await;
}

pub(crate) async fn a_spare_takes_over_and_another_one_is_prepared() {
    let site = Site::start(&[script("loops", LOOPS).with("budget_ms = 1"), script("healthy", HEALTHY)]).await;
    let before = site.staffed().await;
    assert_eq!(failure(site.request("loops").await).0, FailureKind::FunctionExecution);
    let after = site.staffed().await;
    let kept = before.iter().filter(|pid| after.contains(pid)).count();
    assert_eq!(kept, 2, "one died: {before:?}, {after:?}");
    assert!(after.contains(&before[2]), "the spare lives: {before:?}, {after:?}");
    site.stop().await;
}

pub(crate) async fn a_worker_that_is_killed_costs_the_call_it_was_in() {
    let site = Arc::new(Site::start(&[script("loops", LOOPS), script("healthy", HEALTHY)]).await);
    let workers = site.staffed().await;
    let looping = tokio::spawn({
        let site = site.clone();
        async move { failure(site.request("loops").await) }
    });
    // Killed before the call has reached it, a worker would cost nothing.
    until_one_computes(&workers[..2]).await;
    // Whichever worker it is in, the other is killed while idle and costs nobody anything.
    for pid in &workers[..2] {
        signal(*pid, Signal::KILL);
    }
    let (kind, detail) = looping.await.expect("a verdict");
    assert_eq!(
        (kind, detail.as_str()),
        (FailureKind::FunctionExecution, "function \"loops\": its worker died: signal: killed")
    );
    until_dead(&workers[..2]).await;
    site.staffed().await;
    assert_ok(&site.request("healthy").await);
    Arc::into_inner(site).expect("ours alone").stop().await;
}

pub(crate) async fn calls_of_a_deadly_function_never_occupy_all_workers() {
    let site =
        Arc::new(Site::start(&[script("loops", LOOPS).with("budget_ms = 300"), script("healthy", HEALTHY)]).await);
    site.staffed().await;
    // From now on it is known to be deadly.
    failure(site.request("loops").await);
    site.staffed().await;
    let looping: Vec<_> = (0..4)
        .map(|_| {
            let site = site.clone();
            tokio::spawn(async move { failure(site.request("loops").await) })
        })
        .collect();
    let mut healthy_meanwhile = 0;
    while !looping.iter().all(tokio::task::JoinHandle::is_finished) {
        assert_ok(&site.request("healthy").await);
        healthy_meanwhile += 1;
    }
    for call in looping {
        assert_eq!(call.await.expect("a verdict").0, FailureKind::FunctionExecution);
    }
    assert!(healthy_meanwhile > 4, "{healthy_meanwhile} calls while four loops ran one after the other");
    Arc::into_inner(site).expect("ours alone").stop().await;
}

pub(crate) async fn a_call_that_a_busy_machine_kept_from_running_is_spared() {
    const BUDGET: Duration = Duration::from_secs(2);
    let site = Arc::new(Site::start(&[script("healthy", HEALTHY).with("budget_ms = 2000")]).await);
    let workers = site.staffed().await;
    // A stopped process gets no CPU time, as on a machine that has none to give.
    suspend(&workers).await;
    let started = Instant::now();
    let call = tokio::spawn({
        let site = site.clone();
        async move { site.request("healthy").await }
    });
    while started.elapsed() < BUDGET + BUDGET / 4 {
        assert!(!call.is_finished(), "it was killed though it had not run");
        tokio::task::yield_now().await;
    }
    resume(&workers);
    assert_ok(&call.await.expect("a verdict"));
    assert_eq!(site.functions.worker_ids(), workers, "nobody died");
    Arc::into_inner(site).expect("ours alone").stop().await;
}

pub(crate) async fn a_worker_that_never_runs_again_is_killed_in_the_end() {
    let site = Site::start(&[script("healthy", HEALTHY).with("budget_ms = 20")]).await;
    suspend(&site.staffed().await).await;
    assert_eq!(failure(site.request("healthy").await).0, FailureKind::FunctionExecution);
    site.stop().await;
}

pub(crate) async fn calls_beyond_the_queue_are_throttled_at_once() {
    const AHEAD: usize = 2 * FUNCTION_WORKER_CALLS_MAX;
    let site = Arc::new(Site::start(&[script("healthy", HEALTHY)]).await);
    let workers = site.staffed().await;
    suspend(&workers).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..=AHEAD + FUNCTION_QUEUE_CALLS_MAX {
        let site = site.clone();
        calls.spawn(async move { site.request("healthy").await });
    }
    let first = calls.join_next().await.expect("a call").expect("a verdict");
    let too_many = "function \"healthy\": too many calls wait for a worker".to_owned();
    assert_eq!(failure(first), (FailureKind::FunctionThrottled, too_many));
    resume(&workers);
    let answered = calls.join_all().await.into_iter().filter(|verdict| matches!(verdict, Verdict::Continue(_))).count();
    assert!(answered >= FUNCTION_QUEUE_CALLS_MAX, "{answered}");
    Arc::into_inner(site).expect("ours alone").stop().await;
}
