//! Lambda@Edge on an origin request: the event's JSON, the result's, and a warm Python environment in between.

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use homefront_benches::typical;
use homefront_config::{Config, Lambda, Origin};
use homefront_functions::edge_code::Workers;
use homefront_functions::event::lambda_edge::{self, LambdaRequestEdit, RequestOrigin};
use homefront_functions::function_log::FunctionLog;
use homefront_functions::{EdgeCode, OriginProtocol, Verdict};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONFIG: &str = r#"
[[distribution]]
id = "EDFDVBD6EXAMPLE"
domain_name = "d111111abcdef8.cloudfront.net"
[[distribution.origin]]
id = "app"
domain_name = "app.example.com"
protocol_policy = "http-only"
[distribution.default_behavior]
target_origin = "app"
origin_request = { lambda = "noop" }
[[lambda]]
name = "noop"
runtime = "python3"
handler = "noop.handler"
code = "lambda/noop"
"#;

fn config() -> Config {
    let parsed = homefront_config::parse("bench.toml", CONFIG, Path::new(env!("CARGO_MANIFEST_DIR")), &|_| None);
    parsed.unwrap_or_else(|report| panic!("{report}")).0
}

fn origin_and_lambda(config: &Config) -> (Arc<Origin>, Arc<Lambda>) {
    let distribution = &config.distributions[0];
    let lambda = distribution.default_behavior.associations.origin_request.clone();
    (distribution.origins[0].clone(), lambda.expect("the configuration above has one"))
}

fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("origin-request event");
    let (origin, _) = origin_and_lambda(&config());
    let (context, request) = (typical::context(), typical::request(typical::PATH));
    let out = || {
        lambda_edge::origin_request(
            black_box(&context),
            &RequestOrigin::of(&origin, OriginProtocol::Http),
            black_box(&request),
            None,
        )
    };
    group.bench_function("JSON out", |bench| bench.iter(out));

    let event = out();
    let judge = |result: Bytes| lambda_edge::result::request(&event, &request, result);
    let shown: serde_json::Value = serde_json::from_slice(event.json()).expect("an event is JSON");
    let mut returned = shown["Records"][0]["cf"]["request"].clone();
    let unchanged = Bytes::from(returned.to_string());
    returned["headers"]["x-added"] = serde_json::json!([{ "key": "X-Added", "value": "1" }]);
    let changed = Bytes::from(returned.to_string());
    assert_eq!(judge(unchanged.clone()), Verdict::Continue(LambdaRequestEdit::default()));
    assert!(matches!(judge(changed.clone()), Verdict::Continue(edit) if edit.head.headers.len() == 1));
    for (name, result) in [("result in, unchanged", &unchanged), ("result in, a header added", &changed)] {
        group.bench_function(name, |bench| bench.iter(|| judge(black_box(result.clone()))));
    }
    group.finish();
}

/// The node's binary and the Python worker of this profile: two folders above the bench's own binary.
fn workers() -> Workers {
    let own = std::env::current_exe().expect("Linux knows it");
    let folder = own.ancestors().nth(2).map(Path::to_owned).unwrap_or_default();
    let found = |name: &str| -> PathBuf {
        let path = folder.join(name);
        assert!(path.exists(), "{} is not built: cargo build --workspace --lib --bins", path.display());
        path
    };
    let python_module = Some(found("libhomefront_python.so"));
    Workers { executable: found("homefront"), python_module, function_workers: 1 }
}

fn python(criterion: &mut Criterion) {
    let config = config();
    let (origin, lambda) = origin_and_lambda(&config);
    let (context, request) = (typical::context(), typical::request(typical::PATH));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    let log = FunctionLog::new(|line| {
        black_box(line);
    });
    let code = runtime.block_on(EdgeCode::start(&config, workers(), log)).unwrap_or_else(|error| panic!("{error}"));
    let hook = || async {
        let event =
            lambda_edge::origin_request(&context, &RequestOrigin::of(&origin, OriginProtocol::Http), &request, None);
        let verdict = code.lambdas().on_request(&lambda, &context, &event, &request).await;
        assert_eq!(verdict, Verdict::Continue(LambdaRequestEdit::default()));
    };
    // Starts the environment.
    runtime.block_on(hook());
    criterion.bench_function("Python hook, warm, does nothing", |bench| bench.iter(|| runtime.block_on(hook())));
    runtime.block_on(code.stop());
}

criterion_group!(benches, events, python);
criterion_main!(benches);
