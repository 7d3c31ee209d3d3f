//! Where functions are told they run.

/// Three letters, where CloudFront has the code of an airport: those that `X-Amz-Cf-Pop` of the node begins with.
pub const NAME: &str = "HFR";

/// The Region whose regional cache a request would use. A node is one cache and in no Region; this is where the global parts
/// of CloudFront are.
pub const REGION: &str = "us-east-1";
