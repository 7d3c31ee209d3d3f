//! What names a request and the node that served it: `X-Amz-Cf-Id`, `Via`, `X-Amz-Cf-Pop`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use rand::RngCore;
use sha2::{Digest, Sha256};

/// Characters of an `X-Amz-Cf-Id`.
pub const REQUEST_ID_CHARS: usize = 56;
const RANDOM_BYTES: usize = 40;

/// An `X-Amz-Cf-Id`: 56 characters of base64url that end in `==`. Also the access log's `x-edge-request-id` and the
/// `Request ID` of an error page.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; REQUEST_ID_CHARS]);

impl RequestId {
    /// A new one, from the thread's own generator: no lock, no system call, no allocation.
    pub fn random() -> Self {
        let mut bytes = [0; RANDOM_BYTES];
        rand::rng().fill_bytes(&mut bytes);
        Self::from_bytes(bytes)
    }

    /// The one these bytes make.
    pub fn from_bytes(bytes: [u8; RANDOM_BYTES]) -> Self {
        let mut id = [0; REQUEST_ID_CHARS];
        let chars = URL_SAFE.encode_slice(bytes, &mut id);
        debug_assert_eq!(chars, Ok(REQUEST_ID_CHARS), "40 bytes are 56 characters of base64");
        Self(id)
    }

    /// As it stands on the wire.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // base64 is ASCII
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

/// How this node calls itself in `Via` and `X-Amz-Cf-Pop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName {
    via: String,
    pop: String,
}

impl NodeName {
    /// `X-Amz-Cf-Pop` of a node that was not given one: three letters where CloudFront has an airport, digits, place.
    pub const DEFAULT_POP: &str = "HFR50-C1";

    /// The node called `host`. The same host gives the same name, so that `Via` shows which node of a fleet answered
    /// without telling the host's name.
    pub fn new(host: &str, pop: &str) -> Self {
        let digest = Sha256::digest(host.as_bytes());
        let (name, _) = digest.split_at(16);
        let name = name.iter().fold(0_u128, |name, &byte| name << 8 | u128::from(byte));
        Self { via: format!("1.1 {name:032x}.cloudfront.net (CloudFront)"), pop: pop.to_owned() }
    }

    /// This machine, by its host name.
    pub fn of_this_machine() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self::new(host.trim_end(), Self::DEFAULT_POP)
    }

    /// `1.1 <32 hex>.cloudfront.net (CloudFront)`. CloudFront writes 1.1 towards HTTP/2 viewers too.
    pub fn via(&self) -> &str {
        &self.via
    }

    /// `<32 hex>.cloudfront.net`
    pub fn via_host(&self) -> &str {
        self.via.trim_start_matches("1.1 ").trim_end_matches(" (CloudFront)")
    }

    /// `X-Amz-Cf-Pop` and the access log's `x-edge-location`.
    pub fn pop(&self) -> &str {
        &self.pop
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_request_id_has_cloudfronts_form() {
        for id in (0..1_000).map(|_| RequestId::random()) {
            let text = id.as_str();
            assert_eq!(text.len(), 56);
            let (name, padding) = text.split_at(54);
            assert_eq!(padding, "==");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
        }
    }

    #[test]
    fn request_ids_differ() {
        let ids: HashSet<_> = (0..10_000).map(|_| RequestId::random()).collect();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn the_bytes_make_the_id() {
        let id = RequestId::from_bytes([0xfb; RANDOM_BYTES]);
        assert_eq!(id.to_string(), "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-w==");
        assert_eq!(format!("{id:?}"), format!("RequestId({id})"));
    }

    #[test]
    fn via_names_the_node_and_keeps_its_host_name_to_itself() {
        let node = NodeName::new("edge-1.internal", NodeName::DEFAULT_POP);
        assert_eq!(node, NodeName::new("edge-1.internal", "HFR50-C1"));
        assert_ne!(node.via(), NodeName::new("edge-2.internal", "HFR50-C1").via());
        let hex = node.via().strip_prefix("1.1 ").and_then(|v| v.strip_suffix(".cloudfront.net (CloudFront)"));
        assert!(hex.is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())), "{}", node.via());
        assert_eq!(node.pop(), "HFR50-C1");
        assert_eq!(NodeName::of_this_machine(), NodeName::of_this_machine());
    }

    #[test]
    fn functions_are_told_the_place_that_the_pop_begins_with() {
        assert!(NodeName::DEFAULT_POP.starts_with(homefront_functions::edge_location::NAME));
    }
}
