//! Counts what is alive, so that a stop can wait until nothing is.

use std::sync::Arc;
use tokio::sync::watch;

/// The count. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Living(Arc<watch::Sender<usize>>);

impl Living {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// One more, until the token is dropped.
    pub(super) fn token(&self) -> Alive {
        self.0.send_modify(|count| *count += 1);
        Alive(self.0.clone())
    }

    /// Returns when all tokens are gone.
    pub(super) async fn gone(&self) {
        // The sender is ours, so the channel is open.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// Something that is alive.
#[derive(Debug)]
pub(super) struct Alive(Arc<watch::Sender<usize>>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
