//! Filling an object from the origin's response.

use super::Memory;
use super::fill::{Fill, FillError};
use async_trait::async_trait;
use bytes::Bytes;
use pingora::cache::storage::streaming_write::U64WriteId;
use pingora::cache::storage::{HandleMiss, MissFinishType};
use pingora::{Error, ErrorType, Result};
use std::sync::Arc;

/// Dropped before [`HandleMiss::finish`], it leaves nothing in the cache, and who reads along sees the response break off.
pub(super) struct Writer {
    memory: &'static Memory,
    hash: u128,
    fill: Arc<Fill>,
    tag: U64WriteId,
}

impl Writer {
    pub(super) fn new(memory: &'static Memory, hash: u128, fill: Arc<Fill>) -> Self {
        let tag = U64WriteId::from(fill.id);
        Self { memory, hash, fill, tag }
    }
}

#[async_trait]
impl HandleMiss for Writer {
    async fn write_body(&mut self, data: Bytes, eof: bool) -> Result<()> {
        if !data.is_empty()
            && let Some(pause) = self.fill.push(data).map_err(failed)?
        {
            tokio::time::sleep(pause).await;
        }
        if eof { self.fill.complete().map_err(failed) } else { Ok(()) }
    }

    async fn finish(self: Box<Self>) -> Result<MissFinishType> {
        self.fill.complete().map_err(failed)?;
        if let Some(body) = self.fill.whole_body() {
            self.memory.store(self.hash, &self.fill, body);
        }
        Ok(MissFinishType::Created(self.fill.body_bytes()))
    }

    fn streaming_write_tag(&self) -> Option<&[u8]> {
        Some(self.tag.as_bytes())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.fill.abandon();
        self.memory.filling.leave(self.hash, &self.fill);
    }
}

#[allow(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
fn failed(error: FillError) -> Box<Error> {
    Error::because(ErrorType::InternalError, "filling the cache", error)
}
