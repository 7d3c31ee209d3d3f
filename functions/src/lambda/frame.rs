//! The frames between the node and the runtimes of ours.
//!
//! A frame is the lengths of its head and its body, 4 bytes each, little-endian, the head, and the body. A head is text. A function
//! can write whatever it likes to the socket its runtime reads from, so what comes is cut with care and within bounds, and a body
//! stays in the buffer it was received in.

use bytes::{Buf, Bytes, BytesMut};
use homefront_config::limits::{LAMBDA_CHANNEL_HEAD_BYTES_MAX, LAMBDA_PAYLOAD_BYTES_MAX};

/// Of a frame: two lengths.
const LENGTHS_BYTES: usize = 8;
/// Room that is made for what comes next, and less than which is no room.
const ROOM_BYTES: usize = 16 * 1_024;
const ROOM_BYTES_MIN: usize = 2 * 1_024;

/// What came makes no sense: the channel cannot be used any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no frame begins like this")]
pub struct Senseless;

/// What a runtime sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Text, one field a line.
    pub head: String,
    /// `None`: it is larger than Lambda takes, and was passed over.
    pub body: Option<Bytes>,
}

/// The beginning of a frame: all but its body, which is `body_bytes` long.
pub fn start(head: &str, body_bytes: usize) -> Vec<u8> {
    let mut start = Vec::with_capacity(LENGTHS_BYTES + head.len());
    for length in [head.len(), body_bytes] {
        start.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
    start.extend_from_slice(head.as_bytes());
    start
}

/// Received bytes, cut into frames.
#[derive(Debug, Default)]
pub struct Inbox {
    received: BytesMut,
    at: At,
}

/// What the next bytes are.
#[derive(Debug, Default)]
enum At {
    #[default]
    Lengths,
    Head {
        bytes: usize,
        body_bytes: usize,
    },
    Body {
        head: String,
        bytes: usize,
    },
    /// Of a body that is too large, so many are still to come.
    TooLarge {
        head: String,
        bytes: usize,
    },
}

impl Inbox {
    /// Where received bytes are to be appended: with room for what is missing of a frame, and moved at most once for it.
    pub fn room(&mut self) -> &mut BytesMut {
        let whole = match &self.at {
            At::Lengths | At::TooLarge { .. } => LENGTHS_BYTES,
            At::Head { bytes, .. } | At::Body { bytes, .. } => *bytes,
        };
        let missing = whole.saturating_sub(self.received.len()).max(ROOM_BYTES_MIN);
        if self.received.capacity() - self.received.len() < missing {
            self.received.reserve(missing.max(ROOM_BYTES));
        }
        &mut self.received
    }

    /// The next frame, if it is there.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Senseless> {
        loop {
            let there = self.received.len();
            self.at = match std::mem::take(&mut self.at) {
                At::Lengths if there >= LENGTHS_BYTES => {
                    let (bytes, body_bytes) =
                        (self.received.get_u32_le() as usize, self.received.get_u32_le() as usize);
                    if bytes > LAMBDA_CHANNEL_HEAD_BYTES_MAX {
                        return Err(Senseless);
                    }
                    At::Head { bytes, body_bytes }
                }
                At::Head { bytes, body_bytes } if there >= bytes => {
                    let head = self.received.split_to(bytes).to_vec();
                    let head = String::from_utf8(head).map_err(|_| Senseless)?;
                    if body_bytes > LAMBDA_PAYLOAD_BYTES_MAX {
                        At::TooLarge { head, bytes: body_bytes }
                    } else {
                        At::Body { head, bytes: body_bytes }
                    }
                }
                At::Body { head, bytes } if there >= bytes => {
                    return Ok(Some(Frame { head, body: Some(self.received.split_to(bytes).freeze()) }));
                }
                At::TooLarge { head, bytes } if there >= bytes => {
                    self.received.advance(bytes);
                    return Ok(Some(Frame { head, body: None }));
                }
                At::TooLarge { head, bytes } => {
                    self.received.clear();
                    self.at = At::TooLarge { head, bytes: bytes - there };
                    return Ok(None);
                }
                incomplete => {
                    self.at = incomplete;
                    return Ok(None);
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All frames of these bytes, received in pieces of so many; `Err` when the rest makes no sense.
    fn frames(bytes: &[u8], cut: usize) -> (Vec<Frame>, Result<(), Senseless>) {
        let (mut inbox, mut frames) = (Inbox::default(), Vec::new());
        for piece in bytes.chunks(cut) {
            inbox.room().extend_from_slice(piece);
            loop {
                match inbox.next_frame() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(senseless) => return (frames, Err(senseless)),
                }
            }
        }
        (frames, Ok(()))
    }

    #[test]
    fn a_body_larger_than_lambda_takes_is_passed_over_and_the_next_frame_is_read() {
        let mut bytes = start("response\n1", LAMBDA_PAYLOAD_BYTES_MAX + 1);
        bytes.resize(bytes.len() + LAMBDA_PAYLOAD_BYTES_MAX + 1, b'x');
        bytes.extend_from_slice(&start("next", 0));
        for cut in [usize::MAX, 64 * 1_024, 9_999] {
            let (frames, end) = frames(&bytes, cut);
            let heads: Vec<_> = frames.iter().map(|frame| (frame.head.as_str(), frame.body.as_deref())).collect();
            assert_eq!((heads, end), (vec![("response\n1", None), ("next", Some(&[][..]))], Ok(())), "{cut}");
        }
    }

    #[test]
    fn a_head_is_short_text() {
        assert_eq!(frames(&start(&"x".repeat(LAMBDA_CHANNEL_HEAD_BYTES_MAX), 0), 100).1, Ok(()));
        assert_eq!(frames(&start(&"x".repeat(LAMBDA_CHANNEL_HEAD_BYTES_MAX + 1), 0), 100), (vec![], Err(Senseless)));
        assert_eq!(frames(b"\x01\0\0\0\0\0\0\0\xff", 100), (vec![], Err(Senseless)));
    }

    proptest! {
        #[test]
        fn frames_are_the_same_however_they_are_cut(
            sent in prop::collection::vec((".{0,20}", prop::collection::vec(any::<u8>(), 0..200)), 1..6),
            cut in 1_usize..50,
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|(head, body)| [&start(head, body.len())[..], body].concat()).collect();
            let sent: Vec<_> = sent.into_iter().map(|(head, body)| Frame { head, body: Some(body.into()) }).collect();
            prop_assert_eq!(frames(&bytes, cut), (sent, Ok(())));
        }
    }
}
