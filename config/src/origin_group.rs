//! An origin group: an origin, and one that is asked in its place when it fails.

use std::fmt;

/// `[[distribution.origin_group]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginGroup {
    /// Unique among the origins and groups of the distribution.
    pub id: String,
    /// Asked first, for every request: an index into [`Distribution::origins`](crate::Distribution::origins).
    pub primary: usize,
    /// Asked when the primary has failed; another index.
    pub secondary: usize,
    /// What counts as a failure.
    pub failover_status_codes: FailoverStatusCodes,
}

/// The statuses of the primary at which the secondary is asked: at least one of CloudFront's nine. 503 stands for a failed
/// connection as well, 504 for a timeout.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FailoverStatusCodes(u16);

impl FailoverStatusCodes {
    /// What CloudFront can fail over at.
    pub const ALL: [u16; 9] = [400, 403, 404, 416, 429, 500, 502, 503, 504];

    /// A set of statuses; `None` when it is empty or has one that is not CloudFront's. A status may stand twice.
    pub fn new(codes: impl IntoIterator<Item = u16>) -> Option<Self> {
        let mut set = 0;
        for code in codes {
            set |= 1 << Self::place(code)?;
        }
        (set != 0).then_some(Self(set))
    }

    /// Whether the secondary is asked at this status.
    pub fn contains(self, status: u16) -> bool {
        Self::place(status).is_some_and(|place| self.0 & (1 << place) != 0)
    }

    /// The set as bits: the first for the first of [`Self::ALL`].
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The set of these bits; `None` when it would be empty or have a bit too many.
    pub fn from_bits(bits: u16) -> Option<Self> {
        (bits != 0 && bits < 1 << Self::ALL.len()).then_some(Self(bits))
    }

    /// The statuses, in order.
    pub fn iter(self) -> impl Iterator<Item = u16> {
        Self::ALL.into_iter().filter(move |code| self.contains(*code))
    }

    fn place(status: u16) -> Option<usize> {
        Self::ALL.iter().position(|code| *code == status)
    }
}

impl fmt::Debug for FailoverStatusCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_it_was_made_of_and_nothing_else() {
        let codes = FailoverStatusCodes::new([504, 500, 504]).unwrap();
        assert_eq!(codes.iter().collect::<Vec<_>>(), [500, 504]);
        assert!(codes.contains(500) && !codes.contains(503) && !codes.contains(200));
        assert_eq!(FailoverStatusCodes::new(FailoverStatusCodes::ALL).unwrap().iter().count(), 9);
    }

    #[test]
    fn no_set_is_empty_or_has_another_status() {
        assert_eq!(FailoverStatusCodes::new([]), None);
        assert_eq!((FailoverStatusCodes::from_bits(0), FailoverStatusCodes::from_bits(1 << 9)), (None, None));
        for code in [200, 401, 501, 505, 0] {
            assert_eq!(FailoverStatusCodes::new([500, code]), None, "{code}");
        }
    }
}
