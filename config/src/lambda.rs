//! Lambda@Edge functions.

use std::path::PathBuf;
use std::time::Duration;

/// `[[lambda]]`: a function that runs in execution environments of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lambda {
    /// `[a-zA-Z0-9-_]{1,64}`
    pub name: String,
    /// File, line and column of what says what runs it, as in `site.toml:12:11`.
    pub place: String,
    /// Which runtime drives it.
    pub runtime: LambdaRuntime,
    /// `module.function`, as the runtime reads it.
    pub handler: String,
    /// The deployment package: an absolute, existing folder or .zip file.
    pub code: PathBuf,
    /// 128 to 10,240, default 128.
    pub memory_mb: u32,
    /// Of one call, 1 to 30 s, default 5 s.
    pub timeout: Duration,
    /// Execution environments at the most; default 8.
    pub concurrency_max: usize,
    /// Execution environments that are always there, at most `concurrency_max`; default 0.
    pub provisioned_concurrency: usize,
}

/// `runtime`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LambdaRuntime {
    /// `python3` or `python3.X`.
    Python {
        /// `python3`, `python3.12`: of that name on `PATH`; or a path.
        interpreter: PathBuf,
    },
    /// `nodejs` or `nodejsN.x`.
    Node {
        /// `node`, on `PATH`; or a path.
        interpreter: PathBuf,
        /// The version whose rules for handlers hold; `None` = that of the interpreter.
        major: Option<u8>,
    },
    /// `provided`, `provided.al2` or `provided.al2023`: the package's own `bootstrap`.
    Provided,
}
