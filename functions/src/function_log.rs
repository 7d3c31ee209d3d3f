//! What functions print, and the platform lines around it.

use std::sync::Arc;

/// Where the lines of function logs go. Cheap to clone.
#[derive(Clone)]
pub struct FunctionLog {
    write: Arc<dyn Fn(&str) + Send + Sync>,
}

impl FunctionLog {
    /// Calls `write` with each line, without its line end.
    pub fn new(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { write: Arc::new(write) }
    }

    /// Writes one line.
    pub fn line(&self, line: &str) {
        (self.write)(line);
    }
}

impl std::fmt::Debug for FunctionLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FunctionLog")
    }
}
