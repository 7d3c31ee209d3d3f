//! Why a node failed requests: what it says in its own log.

use crate::observe::finished;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// By request id. Each is forgotten when it is asked for, and all when the next case begins.
#[derive(Debug, Clone, Default)]
pub(super) struct Reasons(Arc<Mutex<HashMap<String, String>>>);

impl Reasons {
    /// Listens to this process's log; where `HOMEFRONT_LOG` says what to print of it, that goes to standard error, too.
    pub(super) fn listen() -> Self {
        let reasons = Self::default();
        let printed = EnvFilter::try_from_env("HOMEFRONT_LOG").ok().map(|filter| {
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_filter(filter)
        });
        let only = Targets::new().with_target(finished::TARGET, Level::INFO);
        // Only the first of a process counts; that is this one.
        let _ = tracing_subscriber::registry().with(reasons.clone().with_filter(only)).with(printed).try_init();
        reasons
    }

    pub(super) fn forget(&self) {
        self.0.lock().clear();
    }

    /// The reason of a request that is over; `None` where it did not fail.
    pub(super) fn take(&self, request_id: &str) -> Option<String> {
        self.0.lock().remove(request_id)
    }
}

impl<S: Subscriber> Layer<S> for Reasons {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        if let Said { request_id: Some(request_id), reason: Some(reason) } = said {
            self.0.lock().insert(request_id, reason);
        }
    }
}

/// What an event says of a request.
#[derive(Default)]
struct Said {
    request_id: Option<String>,
    reason: Option<String>,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "request_id" {
            self.request_id = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "reason" {
            self.reason = Some(format!("{value:?}"));
        }
    }
}
