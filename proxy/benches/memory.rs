//! The memory tier: finding a 1 KiB object and taking its body, by pingora's own types, which only this crate names.

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use homefront::cache::freshness::{Lifetime, Storable};
use homefront::cache::key::Key;
use homefront::cache::memory::Memory;
use homefront::clock::Clock;
use pingora::cache::key::CacheKey;
use pingora::cache::storage::Storage;
use pingora::cache::trace::Span;
use pingora::http::ResponseHeader;
use std::hint::black_box;
use std::time::Duration;

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TIER_BYTES: u64 = 64 * 1_048_576;
const BODY_BYTES: usize = 1_024;
/// So many objects that they do not all stay in the processor's cache.
const OBJECTS: u128 = 10_000;

fn key(number: u128) -> CacheKey {
    // Spread as the hashes of real keys are.
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
    Memory::cache_key(Key { primary: number.to_string().into_bytes(), hash })
}

fn header() -> pingora::Result<ResponseHeader> {
    let mut header = ResponseHeader::build(200, None)?;
    header.append_header("Content-Type", "text/html; charset=utf-8")?;
    header.append_header("Content-Length", BODY_BYTES.to_string())?;
    header.append_header("Cache-Control", "public, max-age=3600")?;
    header.append_header("ETag", "\"33a64df551425fcc\"")?;
    header.append_header("Last-Modified", "Sun, 22 Nov 2026 14:00:00 GMT")?;
    Ok(header)
}

async fn fill(memory: &'static Memory) -> pingora::Result<()> {
    let storable = Storable {
        fresh_for: Duration::from_hours(1),
        initial_age: Duration::ZERO,
        stale_while_revalidate_s: 0,
        stale_if_error_s: 0,
        headers_not_stored: Vec::new(),
        because: Lifetime::MaxAge,
    };
    for number in 0..OBJECTS {
        let meta = memory.meta(&storable, header()?);
        let mut writer = memory.get_miss_handler(&key(number), &meta, &Span::inactive().handle()).await?;
        writer.write_body(Bytes::from(vec![b'x'; BODY_BYTES]), true).await?;
        writer.finish().await?;
    }
    Ok(())
}

async fn look_up(memory: &'static Memory, key: &CacheKey) -> Option<Bytes> {
    let found = memory.lookup(key, &Span::inactive().handle()).await.expect("the memory tier has no failures");
    let (meta, mut reader) = found?;
    black_box(meta);
    reader.read_body().await.expect("the body is in memory")
}

fn lookups(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without IO");
    let memory = Memory::leak(TIER_BYTES, Clock::default());
    runtime.block_on(fill(memory)).expect("the objects fit");
    let keys: Vec<CacheKey> = (0..OBJECTS).map(key).collect();
    let mut next = keys.iter().cycle();
    let mut group = criterion.benchmark_group("memory tier");
    group.bench_function("hit of 1 KiB", |bench| {
        bench.iter(|| {
            let key = next.next().expect("a cycle has no end");
            let body = runtime.block_on(look_up(memory, key));
            assert_eq!(body.map(|body| body.len()), Some(BODY_BYTES));
        });
    });
    let unknown = key(OBJECTS);
    group.bench_function("miss", |bench| {
        bench.iter(|| assert_eq!(runtime.block_on(look_up(memory, black_box(&unknown))), None));
    });
    group.finish();
}

criterion_group!(benches, lookups);
criterion_main!(benches);
