//! The code users run: CloudFront Functions (JavaScript, in boa) and Lambda@Edge functions (any runtime that speaks the
//! Lambda Runtime API).
//!
//! A hook takes a message and answers [`Verdict::Continue`] with what it changed, [`Verdict::Respond`] with a response of
//! its own, or [`Verdict::Fail`] with CloudFront's reason. This crate does not know the proxy it runs in.

mod aside;
pub mod edge_code;
pub mod edge_location;
pub mod event;
pub mod failure;
pub mod function_log;
pub mod js;
pub mod lambda;
pub mod message;
pub mod meter;
pub mod origin_edit;
pub mod process;
pub mod rules;
pub mod subcommand;
pub mod test;
pub mod test_function;
pub mod watch;

pub use edge_code::EdgeCode;
pub use failure::{Failure, FailureKind};
pub use message::{Headers, Request, Response};
pub use origin_edit::OriginEdit;

use bytes::Bytes;

/// What a hook decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<Edit> {
    /// Go on, with these changes. What is not named in the edit stays byte for byte.
    Continue(Edit),
    /// Answer with this (request events only).
    Respond(Response),
    /// The hook failed; the viewer gets CloudFront's answer for the kind.
    Fail(Failure),
}

/// What came of a call of a CloudFront Function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called<Edit> {
    /// What it decided.
    pub verdict: Verdict<Edit>,
    /// What it gave to `cf.logCustomData`, whatever it decided.
    pub log_data: Option<Box<str>>,
}

/// What a hook changed in a request. Empty = nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestEdit {
    /// The new path, starting with `/`, without query.
    pub uri: Option<Bytes>,
    /// The new query string without `?`; empty removes it.
    pub querystring: Option<Bytes>,
    /// Header changes, `Cookie` included, in no particular order; a name stands once.
    pub headers: Vec<HeaderEdit>,
    /// Where the request goes instead of its behavior's origin (viewer request only).
    pub origin: Option<Box<OriginEdit>>,
}

/// What a hook changed in a response. Empty = nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseEdit {
    /// The new status.
    pub status: Option<u16>,
    /// The new reason phrase.
    pub status_description: Option<String>,
    /// Header changes, `Set-Cookie` included; a name stands once.
    pub headers: Vec<HeaderEdit>,
    /// The new body; empty removes it; `None` leaves the original.
    pub body: Option<Bytes>,
}

/// All lines of one header, replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderEdit {
    /// As it goes on the wire, e.g. `X-Custom-Header`. Compared without case.
    pub name: String,
    /// One element a line, in order; empty removes the header.
    pub values: Vec<Bytes>,
}

/// Who asks, and for what: the parts of an event that are not the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventContext {
    /// `d….cloudfront.net`
    pub distribution_domain_name: std::sync::Arc<str>,
    /// `E…`
    pub distribution_id: std::sync::Arc<str>,
    /// The value of `X-Amz-Cf-Id`.
    pub request_id: String,
    /// The TCP peer.
    pub viewer_ip: std::net::IpAddr,
    /// The address the viewer came to.
    pub server_ip: std::net::IpAddr,
}

/// How an origin is spoken to: what its protocol policy came to for a request, or what a function asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginProtocol {
    /// `http`
    Http,
    /// `https`
    Https,
}
