//! Room for the bodies that functions are shown, of all requests of a distribution together.

use homefront_config::limits::{
    INCLUDED_BODIES_BYTES_MAX, INCLUDED_BODY_BLOCK_BYTES, INCLUDED_BODY_PAUSE_MAX, INCLUDED_BODY_TIME_MAX,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much there may be of all bodies, and how long one may take.
#[derive(Debug)]
pub(crate) struct Room {
    blocks: Arc<Semaphore>,
    /// For one body that has come in part, whatever it takes: were all to wait for the end of others, none would end.
    beside: Arc<Semaphore>,
    pub(super) patience: Patience,
}

/// How long a body may take. The named limits, but in tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Without a byte, or without room for one.
    pub(super) pause_max: Duration,
    /// In all.
    pub(super) time_max: Duration,
}

/// What one request's body takes of the room, for as long as this lives.
#[derive(Debug, Default)]
pub(super) struct Place {
    blocks: Option<OwnedSemaphorePermit>,
    beside: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let patience = Patience { pause_max: INCLUDED_BODY_PAUSE_MAX, time_max: INCLUDED_BODY_TIME_MAX };
        Self::of(INCLUDED_BODIES_BYTES_MAX, patience)
    }

    pub(super) fn of(bytes_max: usize, patience: Patience) -> Self {
        let blocks = Arc::new(Semaphore::new(bytes_max / INCLUDED_BODY_BLOCK_BYTES));
        Self { blocks, beside: Arc::new(Semaphore::new(1)), patience }
    }

    /// Makes the place one for so many bytes, if it is smaller. When there is no room, it waits for other bodies to go; whoever waits
    /// longest is next.
    pub(super) async fn fit(&self, place: &mut Place, bytes: usize) {
        let (wanted, has) = (bytes.div_ceil(INCLUDED_BODY_BLOCK_BYTES), place.blocks());
        if wanted <= has || place.beside.is_some() {
            return;
        }
        let more = u32::try_from(wanted - has).unwrap_or(u32::MAX);
        tokio::select! {
            biased;
            Ok(more) = self.blocks.clone().acquire_many_owned(more) => match &mut place.blocks {
                Some(blocks) => blocks.merge(more),
                None => place.blocks = Some(more),
            },
            Ok(beside) = self.beside.clone().acquire_owned(), if has > 0 => place.beside = Some(beside),
            else => {}
        }
    }
}

#[cfg(test)]
impl Room {
    pub(super) fn is_full(&self) -> bool {
        self.blocks.available_permits() == 0
    }
}

impl Place {
    fn blocks(&self) -> usize {
        self.blocks.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}
