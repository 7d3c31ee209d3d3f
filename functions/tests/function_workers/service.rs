//! What honest functions get.

use super::site::{HEALTHY, Site, assert_ok, context, failure, script};
use homefront_functions::js::kvs::{About, Snapshot};
use homefront_functions::{FailureKind, Verdict};
use std::sync::Arc;

pub(crate) async fn a_function_answers_from_a_worker() {
    let adds = "function handler(event) { event.response.headers['x-a'] = { value: 'b' }; return event.response; }";
    let site = Site::start(&[script("healthy", HEALTHY), script("adds", adds)]).await;
    assert_eq!(site.functions.faults(), Vec::<String>::new());
    assert_ok(&site.request("healthy").await);
    let Verdict::Continue(edit) = site.response("adds").await else { panic!("it continues") };
    assert_eq!((edit.headers[0].name.as_str(), edit.headers[0].values[0].as_ref()), ("X-A", b"b".as_slice()));
    site.stop().await;
}

pub(crate) async fn inline_functions_answer_the_same() {
    let inline = |name, code: &str| script(name, code).with("isolation = \"inline\"\nbudget_ms = 10000");
    let throws = "function handler(event) { throw new Error('boom'); }";
    let broken = "function handler(event) {";
    let site = Site::start(&[
        inline("healthy", HEALTHY),
        inline("throws", throws),
        inline("broken", broken),
        script("throws2", throws),
    ])
    .await;
    assert_ok(&site.request("healthy").await);
    assert_ok(&site.request("healthy").await);
    let inlined = site.request("throws").await;
    assert_eq!(failure(inlined.clone()).0, FailureKind::FunctionExecution);
    let in_worker = failure(site.request("throws2").await);
    assert_eq!(failure(inlined).1.replace("throws", "throws2"), in_worker.1);
    assert_eq!(failure(site.request("broken").await).0, FailureKind::FunctionThrottled);
    site.stop().await;
    let site = Site::start(&[inline("only", HEALTHY)]).await;
    assert_ok(&site.request("only").await);
    assert!(site.functions.worker_ids().is_empty(), "nobody needs a worker");
    site.stop().await;
}

pub(crate) async fn what_a_function_prints_is_in_the_log_with_its_name_and_the_requests_id() {
    let prints = "function handler(event) { console.log('one'); console.log('two'); return event.request; }";
    let site = Site::start(&[script("prints", prints), script("silent", HEALTHY)]).await;
    site.request_as("silent", &context("id-0==")).await;
    site.request_as("prints", &context("id-1==")).await;
    let lines = ["START DistributionID: E1TESTDISTRIB1", "one", "two", "END"];
    assert_eq!(site.log(), lines.map(|line| format!("function/prints\tid-1== {line}")).join("\n"));
    site.stop().await;
}

pub(crate) async fn a_function_that_does_not_compile_is_throttled_and_told_about() {
    let site =
        Site::start(&[script("broken", "function handler(event) { return ]; }"), script("healthy", HEALTHY)]).await;
    let faults = site.functions.faults();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].starts_with("function \"broken\": /") && faults[0].contains("broken.js:1:34: SyntaxError"),
        "{faults:?}"
    );
    for _ in 0..3 {
        let (kind, detail) = failure(site.request("broken").await);
        assert_eq!(kind, FailureKind::FunctionThrottled);
        assert!(detail.starts_with("function \"broken\": it does not compile: SyntaxError"), "{detail}");
    }
    assert_ok(&site.request("healthy").await);
    site.stop().await;
}

pub(crate) async fn a_top_level_that_throws_is_told_about_with_error_and_line() {
    let throws = "\n\nthrow new Error(\"top\");\nfunction handler(event) { return event.request; }";
    let without_store =
        "import cf from 'cloudfront';\nconst kvs = cf.kvs();\nfunction handler(event) { return event.request; }";
    // With an event it may throw nothing.
    let wants_event = "import cf from 'cloudfront';\ncf.updateRequestOrigin({ domainName: 'b.example' });\n\
                       var name = cf.edgeLocation.name.length;\n\
                       function handler(event) { event.request.uri = '/ok'; return event.request; }";
    let site = Site::start(&[
        script("throws", throws),
        script("inline", throws).with("isolation = \"inline\""),
        script("without-store", without_store),
        script("wants-event", wants_event),
        script("healthy", HEALTHY),
    ])
    .await;
    let folder = site.folder.path().to_str().expect("text");
    let told: Vec<_> = site.functions.faults().iter().map(|fault| fault.replace(folder, "")).collect();
    let what = "its top level throws, in every call before the handler is reached";
    assert_eq!(
        told,
        [
            format!("function \"inline\": /inline.js:3: {what}: Error: top"),
            format!("function \"throws\": /throws.js:3: {what}: Error: top"),
            format!(
                "function \"without-store\": /without-store.js:2: {what}: \
                 KVSNamespaceNotFound: no KeyValueStore is associated with this function"
            ),
        ]
    );
    let error = (FailureKind::FunctionExecution, "function \"throws\": Error: top (line 3)".to_owned());
    assert_eq!(failure(site.request("throws").await), error);
    assert_ok(&site.request("wants-event").await);
    site.stop().await;
}

/// Runs in our engine alone, and refers to what CloudFront's does not have.
const UNKNOWN_TO_CLOUDFRONT: &str = "function handler(event) {
  event?.a; event.request.uri = '/ok'; class A {}
  if (event.a) { new Map(); }
  return event.request; }";

/// What is told, up to the place, and the rest of it.
fn places(told: &[String]) -> Vec<(String, &str)> {
    let place = |text: &str| -> Option<String> {
        let (place, _) = text.split_once(": CloudFront's engine")?;
        let (function, place) = place.strip_prefix("function \"")?.split_once("\": /")?;
        Some(format!("{function} {}", place.rsplit('/').next()?))
    };
    let hint = |text: &'_ str| text.rfind("hint: ").unwrap_or_default();
    told.iter().map(|text| (place(text).expect("a place"), &text[hint(text)..])).collect()
}

pub(crate) async fn what_only_cloudfronts_engine_rejects_is_refused() {
    let code = UNKNOWN_TO_CLOUDFRONT;
    let site = Site::start(&[
        script("inline", code).with("isolation = \"inline\""),
        script("process", code),
        script("healthy", HEALTHY),
    ])
    .await;
    let faults = site.functions.faults();
    let (optional, class) =
        ("hint: test for undefined first: a && a.b", "hint: use an object, or a function and its prototype");
    let expected = [
        ("inline inline.js:2:8", optional),
        ("inline inline.js:2:40", class),
        ("process process.js:2:8", optional),
        ("process process.js:2:40", class),
    ];
    assert_eq!(places(&faults), expected.map(|(place, hint)| (place.to_owned(), hint)));
    for name in ["inline", "process"] {
        let (kind, detail) = failure(site.request(name).await);
        let reason = "it does not compile: SyntaxError: Unexpected token in 2";
        assert_eq!((kind, detail), (FailureKind::FunctionThrottled, format!("function \"{name}\": {reason}")));
    }
    assert_ok(&site.request("healthy").await);
    site.stop().await;
}

pub(crate) async fn what_only_cloudfronts_engine_rejects_runs_in_relaxed_fidelity() {
    let relaxed = "fidelity = \"relaxed\"";
    let site = Site::start(&[
        script("inline", UNKNOWN_TO_CLOUDFRONT).with(&format!("isolation = \"inline\"\n{relaxed}")),
        script("process", UNKNOWN_TO_CLOUDFRONT).with(relaxed),
        script("export", "export default function handler(event) {}").with(relaxed),
        script("none", "function hanlder(event) {}").with(relaxed),
    ])
    .await;
    let findings = site.functions.findings();
    let names: Vec<_> = places(&findings).into_iter().map(|(place, _)| place).collect();
    let at = |name: &str| ["2:8", "2:40", "3:22"].map(|place| format!("{name} {name}.js:{place}"));
    assert_eq!(names, [at("inline"), at("process")].concat());
    let faults = site.functions.faults();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("export.js:1:1: CloudFront's engine does not know export"), "{faults:?}");
    assert!(faults[1].contains("none.js:1:1: CloudFront's engine finds no function named handler"), "{faults:?}");
    assert_ok(&site.request("inline").await);
    assert_ok(&site.request("process").await);
    assert_eq!(failure(site.request("none").await).0, FailureKind::FunctionThrottled);
    site.stop().await;
}

pub(crate) async fn a_function_that_nobody_associated_fails() {
    let site = Site::start(&[script("healthy", HEALTHY)]).await;
    let elsewhere = homefront_functions::EventContext { distribution_id: "EOTHER".into(), ..context("id") };
    let (kind, detail) = failure(site.request_as("healthy", &elsewhere).await);
    assert_eq!(kind, FailureKind::FunctionExecution);
    assert_eq!(detail, "function \"healthy\" is not associated with distribution EOTHER");
    site.stop().await;
}

pub(crate) async fn stores_are_read_and_replaced() {
    let reads = "import cf from 'cloudfront';\nconst kvs = cf.kvs();\n\
                 async function handler(event) { event.request.uri = await kvs.get('a'); return event.request; }";
    let store = "key_value_store = \"store\"\nbudget_ms = 10000\n";
    let inline = format!("{store}isolation = \"inline\"\n");
    let site = Site::start(&[script("worker", reads).with(store), script("inline", reads).with(&inline)]).await;
    let uri = async |name: &str| match site.request(name).await {
        Verdict::Continue(edit) => String::from_utf8(edit.uri.expect("a uri").to_vec()).expect("text"),
        other => panic!("{other:?}"),
    };
    for name in ["worker", "inline"] {
        assert_eq!(uri(name).await, "/old");
    }
    let about = About { name: "store".into(), ..About::default() };
    let newer = Snapshot::new(about, [("a", "/new")]).expect("memory");
    site.functions.replace_store(&Arc::new(newer));
    for name in ["worker", "inline"] {
        assert_eq!(uri(name).await, "/new");
    }
    site.stop().await;
}

pub(crate) async fn many_calls_at_once_all_get_their_own_answer() {
    let echo = "function handler(event) { event.request.uri = '/' + event.request.headers['x-id'].value; return event.request; }";
    let site = Arc::new(Site::start(&[script("echo", echo)]).await);
    let calls: Vec<_> = (0..2_000)
        .map(|number| {
            let site = site.clone();
            tokio::spawn(async move {
                let id = format!("request-{number}");
                let verdict = site.request_as("echo", &context(&id)).await;
                let Verdict::Continue(edit) = verdict else { panic!("{verdict:?}") };
                assert_eq!(edit.uri.as_deref(), Some(format!("/{id}").as_bytes()));
            })
        })
        .collect();
    for call in calls {
        call.await.expect("its own answer");
    }
    Arc::into_inner(site).expect("ours alone").stop().await;
}

pub(crate) async fn calls_one_after_the_other_are_answered_whoever_looks_for_their_answers() {
    let slow = "function handler(event) { for (var i = 0; i < 2000; i++) {} event.request.uri = '/ok'; return event.request; }";
    let site = Arc::new(Site::start(&[script("healthy", HEALTHY), script("slow", slow)]).await);
    let sequence = |names: &'static [&'static str]| {
        let site = site.clone();
        tokio::spawn(async move {
            for name in names.iter().cycle().take(1_000) {
                assert_ok(&site.request(name).await);
                // Its caller goes away before it looks.
                tokio::select! {
                    biased;
                    () = tokio::task::yield_now() => {}
                    _ = site.request(name) => {}
                }
            }
        })
    };
    // Alone, and beside another.
    sequence(&["healthy", "slow"]).await.expect("all were answered");
    let (one, other) = tokio::join!(sequence(&["healthy"]), sequence(&["slow", "healthy"]));
    one.and(other).expect("all were answered");
    let site = Arc::into_inner(site).expect("ours alone");
    site.stop().await;
}

pub(crate) async fn figures_count_what_happened() {
    let throws = "function handler(event) { throw new Error('boom'); }";
    let invalid =
        "function handler(event) { event.request.headers['host'] = { value: 'evil' }; return event.request; }";
    let scripts = [script("healthy", HEALTHY), script("throws", throws), script("invalid", invalid)];
    let site = Site::start(&scripts).await;
    for name in ["healthy", "healthy", "throws", "invalid"] {
        site.request(name).await;
    }
    let mut figures = site.functions.figures();
    figures.sort_by_key(|(_, name, _)| *name);
    let counts: Vec<_> = figures
        .iter()
        .map(|(_, name, of)| (*name, of.invocations, of.execution_errors, of.validation_errors, of.throttles))
        .collect();
    assert_eq!(counts, [("healthy", 2, 0, 0, 0), ("invalid", 1, 0, 1, 0), ("throws", 1, 1, 0, 0)]);
    site.stop().await;
}
