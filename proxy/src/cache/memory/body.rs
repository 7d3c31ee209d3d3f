//! The bytes of an object: a few pieces, read by offset without copying.

use bytes::{Bytes, BytesMut};
use homefront_config::limits;
use std::collections::VecDeque;

/// Pieces in a row, the first of which starts at `start`.
#[derive(Default)]
pub(super) struct Body {
    pieces: VecDeque<Piece>,
    /// The pieces before this one are joined already.
    joined: usize,
    /// Bytes behind `joined`.
    loose_bytes: usize,
    end: usize,
}

struct Piece {
    start: usize,
    bytes: Bytes,
}

impl Piece {
    fn end(&self) -> usize {
        self.start + self.bytes.len()
    }
}

impl Body {
    /// Bytes up to the end of the last piece, whether the first are still held or not.
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// Bytes that are held.
    pub(super) fn held_bytes(&self) -> usize {
        self.end - self.start()
    }

    /// The first offset that is held.
    pub(super) fn start(&self) -> usize {
        self.pieces.front().map_or(self.end, |piece| piece.start)
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        let start = self.end;
        self.end += bytes.len();
        self.loose_bytes += bytes.len();
        self.pieces.push_back(Piece { start, bytes });
    }

    /// Joins the loose pieces when there are enough of them. Small pieces are slices of large read buffers; joined, they
    /// occupy what they weigh, and a hit sends them in few writes.
    pub(super) fn join_enough(&mut self) {
        if self.loose_bytes >= limits::CACHED_PIECE_BYTES {
            self.join_from(self.joined);
        }
    }

    /// Joins what is left: small objects into one piece.
    pub(super) fn join_all(&mut self) {
        let whole = self.end <= limits::CACHED_WHOLE_BYTES_MAX && self.start() == 0;
        self.join_from(if whole { 0 } else { self.joined });
    }

    fn join_from(&mut self, index: usize) {
        let Some(start) = self.pieces.get(index).map(|piece| piece.start) else { return };
        let mut joined = BytesMut::with_capacity(self.end - start);
        for piece in self.pieces.range(index..) {
            joined.extend_from_slice(&piece.bytes);
        }
        self.pieces.truncate(index);
        self.pieces.push_back(Piece { start, bytes: joined.freeze() });
        self.joined = self.pieces.len();
        self.loose_bytes = 0;
    }

    /// What is held from `from` on, up to `to` or the end of a piece; `None` when nothing is.
    pub(super) fn read(&self, from: usize, to: Option<usize>) -> Option<Bytes> {
        let index = self.pieces.partition_point(|piece| piece.end() <= from);
        let piece = self.pieces.get(index).filter(|piece| piece.start <= from)?;
        let end = to.map_or(piece.end(), |to| to.min(piece.end()));
        (from < end).then(|| piece.bytes.slice(from - piece.start..end - piece.start))
    }

    /// Lets go of the pieces that end at or before `offset`.
    pub(super) fn release_before(&mut self, offset: usize) {
        while self.pieces.front().is_some_and(|piece| piece.end() <= offset) {
            self.pieces.pop_front();
            self.joined = self.joined.saturating_sub(1);
        }
    }

    /// The same bytes for the object that is kept; the pieces are shared.
    pub(super) fn share(&self) -> Self {
        let pieces = self.pieces.iter().map(|piece| Piece { start: piece.start, bytes: piece.bytes.clone() }).collect();
        Self { pieces, joined: self.joined, loose_bytes: self.loose_bytes, end: self.end }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(body: &Body, mut from: usize, to: Option<usize>) -> Vec<u8> {
        let mut read = Vec::new();
        while let Some(bytes) = body.read(from, to) {
            from += bytes.len();
            read.extend_from_slice(&bytes);
        }
        read
    }

    #[test]
    fn a_small_object_becomes_one_piece() {
        let mut body = Body::default();
        for piece in ["one", "two", "three"] {
            body.push(Bytes::from_static(piece.as_bytes()));
        }
        body.join_all();
        assert_eq!(body.read(0, None).unwrap(), "onetwothree");
        assert_eq!(body.read(3, Some(6)).unwrap(), "two");
        assert_eq!(body.read(11, None), None);
    }

    #[test]
    fn a_large_object_keeps_pieces_of_a_useful_size() {
        let mut body = Body::default();
        let chunk = Bytes::from(vec![7; 10_000]);
        for _ in 0..300 {
            body.push(chunk.clone());
            body.join_enough();
        }
        body.join_all();
        assert_eq!(body.len(), 3_000_000);
        assert!(body.read(0, None).unwrap().len() >= limits::CACHED_PIECE_BYTES);
        assert!(body.pieces.len() < 15, "{} pieces", body.pieces.len());
        assert_eq!(read_all(&body, 0, None), vec![7; 3_000_000]);
    }

    proptest! {
        #[test]
        fn any_range_reads_as_from_one_piece(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..20),
            from in 0_usize..300, to in 0_usize..300, join in any::<bool>(),
        ) {
            let mut body = Body::default();
            let whole: Vec<u8> = pieces.concat();
            for piece in pieces {
                body.push(piece.into());
            }
            if join {
                body.join_all();
            }
            let to = to.min(whole.len());
            let expected = whole.get(from..to).unwrap_or_default();
            prop_assert_eq!(read_all(&body, from, Some(to)), expected);
            body.release_before(from);
            prop_assert_eq!(read_all(&body, from, Some(to)), expected);
        }
    }
}
