//! Room for the bodies that functions are shown, of all requests of a node together.

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
pub(super) struct Place(Option<OwnedSemaphorePermit>);

impl Room {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let patience = Patience { pause_max: INCLUDED_BODY_PAUSE_MAX, time_max: INCLUDED_BODY_TIME_MAX };
        Self::of(INCLUDED_BODIES_BYTES_MAX, patience)
    }

    pub(super) fn of(bytes_max: usize, patience: Patience) -> Self {
        Self { blocks: Arc::new(Semaphore::new(bytes_max / INCLUDED_BODY_BLOCK_BYTES)), patience }
    }

    /// Makes the place one for `bytes` bytes. When there is no room, it waits for other bodies to go; whoever waits longest is next.
    pub(super) async fn fit(&self, place: &mut Place, bytes: usize) {
        let (wanted, has) = (bytes.div_ceil(INCLUDED_BODY_BLOCK_BYTES), place.blocks());
        if wanted < has {
            // Those that are split off go.
            drop(place.0.as_mut().and_then(|permit| permit.split(has - wanted)));
        } else if wanted > has {
            let more = u32::try_from(wanted - has).unwrap_or(u32::MAX);
            let Ok(more) = self.blocks.clone().acquire_many_owned(more).await else { return };
            match &mut place.0 {
                Some(permit) => permit.merge(more),
                None => place.0 = Some(more),
            }
        }
    }
}

impl Place {
    fn blocks(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}
