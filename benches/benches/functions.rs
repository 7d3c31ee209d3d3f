//! CloudFront Functions in the engine: event in, handler, result out, each call from a clean state.

use criterion::{Criterion, criterion_group};
use homefront_benches::typical;
use homefront_config::KeyValueStore;
use homefront_config::function::{Fidelity, FunctionRuntime};
use homefront_config::limits::{FUNCTION_CALLS_BETWEEN_COLLECTIONS_MAX, FUNCTION_WORKER_STACK_BYTES};
use homefront_functions::js::{Call, Engine, EventType, FunctionId, FunctionSource, Outcome, kvs};
use homefront_functions::{Request, Verdict};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a benched function must decide; a function that fails is fast and measures nothing.
#[derive(Clone, Copy)]
enum Expected {
    Unchanged,
    Uri(&'static str),
    Header(&'static str),
}

struct Case {
    /// What the bench is called.
    name: &'static str,
    /// The file, from the repository's root.
    code: &'static str,
    /// Likewise.
    store: Option<&'static str>,
    path: &'static str,
    expected: Expected,
}

const CASES: [Case; 7] = [
    own("noop", "benches/functions/noop.js", Expected::Unchanged),
    own("reads all of the event", "benches/functions/reads-all.js", Expected::Unchanged),
    own("uri", "benches/functions/uri.js", Expected::Uri("/docs/index.html")),
    own("jwt", "benches/functions/jwt.js", Expected::Header("X-User")),
    own("ab", "benches/functions/ab.js", Expected::Header("X-Variant")),
    own("headers", "examples/header-rewriting/functions/normalise.js", Expected::Header("X-Language")),
    Case {
        name: "key value store",
        code: "examples/url-rewriting/functions/pages.js",
        store: Some("examples/url-rewriting/kvs/redirects.json"),
        path: "/en/guide/",
        expected: Expected::Uri("/en/guide/index.html"),
    },
];

const fn own(name: &'static str, code: &'static str, expected: Expected) -> Case {
    Case { name, code, store: None, path: typical::PATH, expected }
}

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn load(engine: &mut Engine, case: &Case) -> FunctionId {
    let store = case.store.map(|path| {
        let store = KeyValueStore { name: case.name.to_owned(), id: None, source: repository(path) };
        Arc::new(kvs::load(&store).expect("the example's store is valid"))
    });
    let code = std::fs::read_to_string(repository(case.code)).expect("the function is in the repository");
    let (runtime, fidelity) = (FunctionRuntime::CloudfrontJs2_0, Fidelity::Strict);
    let source = FunctionSource { name: case.name.to_owned(), runtime, fidelity, code, store };
    engine.load(source).expect("the function compiles")
}

fn check(case: &Case, outcome: Outcome) {
    let Outcome::Request(Verdict::Continue(edit)) = outcome else { panic!("{}: {outcome:?}", case.name) };
    let as_expected = match case.expected {
        Expected::Unchanged => edit == homefront_functions::RequestEdit::default(),
        Expected::Uri(uri) => edit.uri.as_deref() == Some(uri.as_bytes()),
        Expected::Header(name) => edit.headers.iter().any(|header| header.name == name),
    };
    assert!(as_expected, "{}: {edit:?}", case.name);
}

/// The time of `calls` calls. Garbage is collected between calls, as a worker does it, and not counted.
fn time_calls(engine: &mut Engine, id: FunctionId, call: &Call<'_>, calls: u64) -> Duration {
    let mut left = calls;
    let mut total = Duration::ZERO;
    while left > 0 {
        let now = left.min(FUNCTION_CALLS_BETWEEN_COLLECTIONS_MAX.into());
        let began = Instant::now();
        for _ in 0..now {
            black_box(engine.call(id, black_box(call)));
        }
        total += began.elapsed();
        engine.collect_garbage();
        left -= now;
    }
    total
}

fn call<'a>(context: &'a homefront_functions::EventContext, request: &'a Request) -> Call<'a> {
    Call {
        event_type: EventType::ViewerRequest,
        context,
        request,
        response: None,
        now_ms: 1_795_442_400_000,
        random_seed: 7,
    }
}

fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("function call");
    let context = typical::context();
    for case in &CASES {
        let request = typical::request(case.path);
        let call = call(&context, &request);
        let mut engine = Engine::new();
        let id = load(&mut engine, case);
        check(case, engine.call(id, &call).outcome);
        group.bench_function(case.name, |bench| {
            bench.iter_custom(|calls| time_calls(&mut engine, id, &call, calls));
        });
        check(case, engine.call(id, &call).outcome);
    }
    group.finish();
}

/// What a worker does between calls, with as much garbage as it lets come together.
fn collection(criterion: &mut Criterion) {
    let context = typical::context();
    let request = typical::request(typical::PATH);
    let call = call(&context, &request);
    let mut engine = Engine::new();
    let id = load(&mut engine, &CASES[2]);
    criterion.bench_function("collection between calls", |bench| {
        bench.iter_custom(|collections| {
            let mut total = Duration::ZERO;
            for _ in 0..collections {
                for _ in 0..FUNCTION_CALLS_BETWEEN_COLLECTIONS_MAX {
                    engine.call(id, &call);
                }
                let began = Instant::now();
                engine.collect_garbage();
                total += began.elapsed();
            }
            total
        });
    });
}

criterion_group!(benches, calls, collection);

/// What `criterion_main!` does, on a stack like a worker's.
fn main() {
    let thread = std::thread::Builder::new().stack_size(FUNCTION_WORKER_STACK_BYTES).spawn(|| {
        benches();
        Criterion::default().configure_from_args().final_summary();
    });
    if let Err(panic) = thread.expect("a thread").join() {
        std::panic::resume_unwind(panic);
    }
}
