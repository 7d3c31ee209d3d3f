//! What goes between the node and its function workers: flat, length-prefixed frames in both directions.
//!
//! A frame is its length in bytes (`u32`, little endian, not counting itself), a tag, and fields; variable fields carry
//! their length in front. Nothing is parsed twice: header lines travel in the flat form the node keeps them in. Neither side
//! trusts the other: every length is checked against what is there and every frame against a bound, so that a worker that
//! was taken over can make its own calls fail and nothing else.

mod answer;
mod fields;
mod order;
mod origin;

pub use answer::{Answer, Sandbox};
pub(super) use fields::{Fields, put_bytes, put_option};
pub use order::{Decoder, Order, OrderedCall, OrderedLoad, OrderedStore};

/// Why bytes are not a frame. The connection cannot be used any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Its length is beyond the bound.
    #[error("a frame of {bytes} bytes, where {max} are allowed")]
    TooLarge {
        /// What it announced.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// A field reaches beyond the end.
    #[error("a frame ends within a field")]
    Truncated,
    /// Bytes are left over.
    #[error("a frame has bytes after its last field")]
    Surplus,
    /// A field has a value that nothing stands for.
    #[error("a frame has an impossible {0}")]
    Impossible(&'static str),
}

/// Appends one frame to `out`. Returns whether it is within `bytes_max`; `out` is as before when it is not.
pub(crate) fn put_frame(out: &mut Vec<u8>, bytes_max: usize, fields: impl FnOnce(&mut Vec<u8>)) -> bool {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    fields(out);
    let bytes = out.len() - start - 4;
    let fits = bytes <= bytes_max;
    match u32::try_from(bytes) {
        Ok(length) if fits => out[start..start + 4].copy_from_slice(&length.to_le_bytes()),
        _ => out.truncate(start),
    }
    fits
}

/// Received bytes, cut into frames. Holds at most one incomplete frame and what one read brought.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    frame_bytes_max: usize,
}

impl Inbox {
    /// Empty; refuses frames beyond `frame_bytes_max`.
    pub fn new(frame_bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, frame_bytes_max }
    }

    /// Adds what was received.
    pub fn push(&mut self, received: &[u8]) {
        self.room().extend_from_slice(received);
    }

    /// Where received bytes are to be appended.
    pub fn room(&mut self) -> &mut Vec<u8> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        &mut self.bytes
    }

    /// The next complete frame, without its length.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let Some((length, rest)) = self.bytes[self.start..].split_first_chunk::<4>() else { return Ok(None) };
        let bytes = u32::from_le_bytes(*length) as usize;
        if bytes > self.frame_bytes_max {
            return Err(FrameError::TooLarge { bytes, max: self.frame_bytes_max });
        }
        if rest.len() < bytes {
            return Ok(None);
        }
        let frame = self.start + 4;
        self.start = frame + bytes;
        Ok(Some(&self.bytes[frame..frame + bytes]))
    }
}

#[cfg(test)]
mod tests;
