//! The metadata of an object as it is kept: in the node's clock, cheap to share and to turn into pingora's own.

use crate::clock::Clock;
use homefront_config::limits;
use pingora::cache::CacheMeta;
use pingora::cache::key::HashBinary;
use pingora::http::ResponseHeader;
use std::time::{Duration, SystemTime};

/// All times are the node's clock.
#[derive(Clone)]
pub(super) struct StoredMeta {
    /// When the body came.
    pub(super) created: SystemTime,
    /// When the header came, or was validated last.
    pub(super) updated: SystemTime,
    /// What age counts from.
    epoch: SystemTime,
    fresh_until: SystemTime,
    /// The origin has failed; not to be asked before this.
    held_until: Option<SystemTime>,
    stale_while_revalidate_s: u32,
    stale_if_error_s: u32,
    variance: Option<HashBinary>,
    header: ResponseHeader,
}

impl StoredMeta {
    pub(super) fn of(meta: &CacheMeta, clock: &Clock) -> Self {
        Self {
            created: clock.from_system(meta.created()),
            updated: clock.from_system(meta.updated()),
            epoch: clock.from_system(meta.epoch()),
            fresh_until: clock.from_system(meta.fresh_until()),
            held_until: None,
            stale_while_revalidate_s: meta.stale_while_revalidate_sec(),
            stale_if_error_s: meta.stale_if_error_sec(),
            variance: meta.variance(),
            header: meta.response_header().clone(),
        }
    }

    /// For pingora, which cannot clone its own.
    pub(super) fn to_meta(&self, clock: &Clock) -> CacheMeta {
        let fresh_until = self.served_until();
        let mut meta = CacheMeta::new(
            clock.to_system(fresh_until),
            clock.to_system(self.created),
            self.left_of(self.stale_while_revalidate_s, fresh_until),
            self.left_of(self.stale_if_error_s, fresh_until),
            self.header.clone(),
        );
        if self.epoch != self.created {
            meta.set_epoch_override(clock.to_system(self.epoch));
        }
        if let Some(variance) = self.variance {
            meta.set_variance(variance);
        }
        meta
    }

    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        self.served_until() >= now
    }

    /// Of a complete object of `bytes`: it has a length, whatever the origin's framing was, so that parts of it can be asked
    /// for and connections stay open.
    pub(super) fn with_length(&self, bytes: usize) -> Self {
        let mut meta = self.clone();
        meta.header.remove_header("transfer-encoding");
        if matches!(meta.header.status.as_u16(), 204 | 304) {
            meta.header.remove_header("content-length");
        } else {
            let inserted = meta.header.insert_header("Content-Length", bytes);
            debug_assert!(inserted.is_ok(), "a number is a header value");
        }
        meta
    }

    pub(super) fn held_until(&self, time: SystemTime) -> Self {
        Self { held_until: Some(time), ..self.clone() }
    }

    pub(super) fn expired_at(&self, time: SystemTime) -> Self {
        Self { fresh_until: self.fresh_until.min(time), held_until: None, ..self.clone() }
    }

    /// The length the origin announced.
    pub(super) fn announced_bytes(&self) -> Option<u64> {
        if matches!(self.header.status.as_u16(), 204 | 304) {
            return None;
        }
        self.header.headers.get("content-length")?.to_str().ok()?.trim().parse().ok()
    }

    /// Bytes the header occupies, about.
    pub(super) fn header_bytes(&self) -> usize {
        let lines = self.header.headers.iter();
        lines.map(|(name, value)| name.as_str().len() + value.len() + limits::CACHED_HEADER_OVERHEAD_BYTES).sum()
    }

    fn served_until(&self) -> SystemTime {
        self.held_until.map_or(self.fresh_until, |held| held.max(self.fresh_until))
    }

    /// Seconds of a window after `fresh_until` that are left after `from`. One without end has none to lose.
    fn left_of(&self, window_s: u32, from: SystemTime) -> u32 {
        if window_s == u32::MAX {
            return window_s;
        }
        let past = from.duration_since(self.fresh_until).unwrap_or(Duration::ZERO);
        u64::from(window_s).saturating_sub(past.as_secs()) as u32
    }
}
