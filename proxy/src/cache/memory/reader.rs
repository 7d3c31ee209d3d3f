//! Reading an object: a complete one, or one that is being filled.

use super::fill::{Fill, Read};
use super::lent::Reading;
use async_trait::async_trait;
use bytes::Bytes;
use pingora::cache::CacheKey;
use pingora::cache::storage::{HandleHit, Storage};
use pingora::cache::trace::SpanHandle;
use pingora::{Error, ErrorType, Result};
use std::any::Any;
use std::sync::Arc;
use tokio::sync::watch;

pub(super) struct CompleteReader {
    body: Reading,
    offset: usize,
    to: Option<usize>,
}

impl CompleteReader {
    pub(super) fn new(body: Reading) -> Self {
        Self { body, offset: 0, to: None }
    }
}

#[async_trait]
impl HandleHit for CompleteReader {
    async fn read_body(&mut self) -> Result<Option<Bytes>> {
        let bytes = self.body.read(self.offset, self.to);
        self.offset += bytes.as_ref().map_or(0, Bytes::len);
        Ok(bytes)
    }

    async fn finish(self: Box<Self>, _: &'static (dyn Storage + Sync), _: &CacheKey, _: &SpanHandle) -> Result<()> {
        Ok(())
    }

    fn can_seek(&self) -> bool {
        true
    }

    fn seek(&mut self, start: usize, end: Option<usize>) -> Result<()> {
        if start >= self.body.len() && !wants_nothing(start, end) {
            return out_of_range(start);
        }
        (self.offset, self.to) = (start, end);
        Ok(())
    }

    fn get_eviction_weight(&self) -> usize {
        self.body.len()
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }

    fn as_any_mut(&mut self) -> &mut (dyn Any + Send + Sync) {
        self
    }
}

pub(super) struct PartialReader {
    fill: Arc<Fill>,
    reader: u64,
    changed: watch::Receiver<()>,
    to: Option<usize>,
}

impl PartialReader {
    /// For the request that fills.
    pub(super) fn filler(fill: Arc<Fill>) -> Self {
        let (reader, changed) = fill.join();
        Self { fill, reader, changed, to: None }
    }

    /// For another, where it may still have the whole body.
    pub(super) fn follower(fill: Arc<Fill>) -> Option<Self> {
        let (reader, changed) = fill.follow()?;
        Some(Self { fill, reader, changed, to: None })
    }
}

#[async_trait]
impl HandleHit for PartialReader {
    /// Safe to cancel: bytes are taken only in the poll that returns them.
    async fn read_body(&mut self) -> Result<Option<Bytes>> {
        loop {
            self.changed.mark_unchanged();
            match self.fill.read(self.reader, self.to) {
                Read::Bytes(bytes) => return Ok(Some(bytes)),
                Read::End => return Ok(None),
                Read::Broken => return broken(),
                // The sender lives in the fill, which lives as long as this reader.
                Read::Wait => self.changed.changed().await.or_else(|_| broken())?,
            }
        }
    }

    async fn finish(self: Box<Self>, _: &'static (dyn Storage + Sync), _: &CacheKey, _: &SpanHandle) -> Result<()> {
        Ok(())
    }

    fn can_seek(&self) -> bool {
        true
    }

    /// The bytes need not be there yet: the next read waits for them.
    fn seek(&mut self, start: usize, end: Option<usize>) -> Result<()> {
        if !wants_nothing(start, end) && !self.fill.seek(self.reader, start) {
            return out_of_range(start);
        }
        self.to = end;
        Ok(())
    }

    fn should_count_access(&self) -> bool {
        false
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }

    fn as_any_mut(&mut self) -> &mut (dyn Any + Send + Sync) {
        self
    }
}

impl Drop for PartialReader {
    fn drop(&mut self) {
        self.fill.part(self.reader);
    }
}

/// That much is there of every object.
fn wants_nothing(start: usize, end: Option<usize>) -> bool {
    end.is_some_and(|end| end <= start)
}

fn broken<T>() -> Result<T> {
    Error::e_explain(ErrorType::ReadError, "the origin's response broke off while it was being cached")
}

fn out_of_range<T>(start: usize) -> Result<T> {
    Error::e_explain(ErrorType::InternalError, format!("no byte at {start} of the cached object"))
}
