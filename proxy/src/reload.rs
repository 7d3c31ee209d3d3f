//! Files that are saved while the node runs, and what its log says of them.

use crate::node::Node;
use homefront_functions::js::functions::Reloaded;
use std::sync::Arc;

/// Said of what does not keep a function from being called.
pub(crate) const FINDING: &str = "something in a function fails on CloudFront, or may";

/// Lets saved functions and stores serve until it is aborted.
pub(crate) async fn keep_current(node: Arc<Node>) {
    let error = node.edge_code.keep_current(log).await;
    tracing::error!(%error, "saved functions and stores are not noticed: the node must be started again for each");
}

fn log(news: Reloaded) {
    match news {
        Reloaded::Serves { what, file, took } => {
            tracing::info!(file = %file.display(), took_ms = took.as_millis() as u64, "{what} was saved and serves");
        }
        Reloaded::Taken { what, file, took } => {
            let took_ms = took.as_millis() as u64;
            tracing::info!(file = %file.display(), took_ms, "{what} was saved: environments that start from now on run it");
        }
        Reloaded::Restored { what, file } => {
            tracing::info!(file = %file.display(), "{what} is again what serves");
        }
        Reloaded::Refused { reasons, last_good_serves } => {
            for reason in reasons {
                if last_good_serves {
                    tracing::error!(%reason, "what was saved cannot serve; the last good version goes on");
                } else {
                    tracing::error!(%reason, "a function cannot run; its requests get 503 as on CloudFront");
                }
            }
        }
        Reloaded::Finding { reason } => tracing::warn!(%reason, "{FINDING}"),
        Reloaded::Delayed { reason } => tracing::error!(%reason, "what was saved does not serve yet"),
    }
}
