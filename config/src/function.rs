//! CloudFront Functions.

use crate::key_value_store::KeyValueStore;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// `[[function]]`: JavaScript on a viewer event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// `[a-zA-Z0-9-_]{1,64}`
    pub name: String,
    /// Which of CloudFront's two runtimes.
    pub runtime: FunctionRuntime,
    /// The source file, absolute. It exists and has at most 10 KB.
    pub code: PathBuf,
    /// The one store `cf.kvs()` reads.
    pub key_value_store: Option<Arc<KeyValueStore>>,
    /// How closely the engine keeps to CloudFront's.
    pub fidelity: Fidelity,
    /// Where the engine runs.
    pub isolation: Isolation,
    /// Wall time after which the call is killed; default 50 ms.
    pub budget: Duration,
}

/// `runtime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionRuntime {
    /// `cloudfront-js-1.0`
    CloudfrontJs1_0,
    /// `cloudfront-js-2.0`, the default
    CloudfrontJs2_0,
}

/// `fidelity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fidelity {
    /// Syntax that CloudFront's engine rejects is rejected, and built-ins that its runtimes do not have are absent; the default.
    #[default]
    Strict,
    /// What our engine has beyond CloudFront's stays in; syntax that CloudFront's rejects is only told about.
    Relaxed,
}

/// `isolation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// A worker process; the default.
    Process,
    /// The proxy's own thread: faster, and nothing stops a runaway function.
    Inline,
}
