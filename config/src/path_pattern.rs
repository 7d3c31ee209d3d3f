//! CloudFront's path patterns: `*` is any run of characters, `/` included; `?` is exactly one; everything else is itself.
//!
//! Source: Developer Guide, "Path pattern" (spec §1.2). Anchored at both ends; a missing leading `/` is implied.

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<String>,
}
