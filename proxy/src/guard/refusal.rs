//! Why a request may not pass, for the log, and what its viewer is told, which is less.

use std::sync::Arc;

use http::HeaderValue;

/// Why a token is not accepted. For the log; a viewer must not learn it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Reason {
    #[error("no token in the request")]
    Missing,
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    #[error("the token's algorithm {0:?} is not one of the configured ones")]
    Algorithm(String),
    #[error("no key for the token's kid {0:?}")]
    UnknownKey(Option<String>),
    #[error("the signature does not match")]
    BadSignature,
    #[error("the token has no `{0}`")]
    ClaimMissing(&'static str),
    #[error("the token's `{0}` is no number")]
    ClaimMalformed(&'static str),
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token is from another issuer")]
    OtherIssuer,
    #[error("the token is for another audience")]
    OtherAudience,
    #[error("no key set could be fetched yet")]
    KeysUnavailable,
}

/// A request that may not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("jwt `{jwt}`: {reason}")]
pub struct Refusal {
    pub(super) jwt: Arc<str>,
    /// For the log, never for the viewer.
    pub reason: Reason,
    pub(super) challenge: Option<HeaderValue>,
}

impl Refusal {
    /// 401; 503 while there are no keys to check any token with, so that clients keep their tokens and come again.
    pub fn status(&self) -> u16 {
        if self.challenge.is_some() { 401 } else { 503 }
    }

    /// `WWW-Authenticate` of a 401 (RFC 6750 §3): without an error code when there was no token, else `invalid_token`.
    pub fn www_authenticate(&self) -> Option<&HeaderValue> {
        self.challenge.as_ref()
    }

    /// The body, `text/plain`. The same for every reason.
    pub fn body(&self) -> &'static str {
        if self.challenge.is_some() { "401 Unauthorized\n" } else { "503 Service Unavailable\n" }
    }
}
