//! Homefront: a CloudFront-compatible edge node.

mod cookie;
pub mod guard;
pub mod observe;
pub mod page;
pub mod request_id;
pub mod split;
