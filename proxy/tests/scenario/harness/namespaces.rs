//! What the system under the tests has: a node encloses Lambda@Edge environments where it may make namespaces.

use std::io::Write;
use std::process::Command;
use std::sync::OnceLock;

/// Whether the system lets anybody have namespaces. Where it does not, a line on standard error says once that less is shown here; it is
/// written past what `cargo test` keeps to itself of a test that passes.
pub(crate) fn has_namespaces() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        let tried =
            Command::new("unshare").args(["--user", "--map-root-user", "--pid", "--mount", "--fork", "true"]).output();
        let has = tried.is_ok_and(|tried| tried.status.success());
        if !has {
            let _ = writeln!(
                std::io::stderr(),
                "NOT SHOWN HERE: this system makes no namespaces, so the tests of what keeps Lambda@Edge functions in only show what \
                 docs/lambda-edge.md promises without them"
            );
        }
        has
    })
}
