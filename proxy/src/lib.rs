//! Homefront: a CloudFront-compatible edge node.

pub mod cache;
pub mod clock;
mod cookie;
pub mod forward;
pub mod guard;
pub mod observe;
pub mod page;
pub mod request_id;
pub mod split;
