//! Everything that can keep a request from its answer. What a viewer gets for it is decided in `respond`.

use crate::guard::Refusal;
use homefront_functions::Failure as EdgeCodeFailure;

/// Why the node answers instead of an origin.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    /// Path and query are longer than CloudFront takes.
    #[error("the URL has {bytes} bytes")]
    UrlTooLong {
        /// Of path and query.
        bytes: usize,
    },
    /// Request line and headers are larger than CloudFront takes.
    #[error("the request head has {bytes} bytes")]
    HeadTooLarge {
        /// Of request line and headers.
        bytes: usize,
    },
    /// Malformed, ambiguous, or for a host no distribution has.
    #[error("bad request: {0}")]
    BadRequest(&'static str),
    /// Not in the behavior's `allowed_methods`.
    #[error("method {0} is not among the behavior's allowed_methods")]
    MethodNotAllowed(String),
    /// Plain HTTP to a behavior that is `https-only`, or an unsafe HTTP/1.0 request that cannot be redirected.
    #[error("plain HTTP to a behavior that wants HTTPS")]
    HttpsRequired,
    /// The token is missing or not good.
    #[error("jwt: {0}")]
    Unauthorized(Refusal),
    /// A function failed.
    #[error(transparent)]
    EdgeCode(#[from] EdgeCodeFailure),
    /// The origin's name has no address.
    #[error("origin \"{origin}\": {reason}")]
    OriginDns {
        /// Id of the origin.
        origin: String,
        /// What the resolver said.
        reason: String,
    },
    /// Refused, unreachable, or TLS failed.
    #[error("origin \"{origin}\": {reason}")]
    OriginConnect {
        /// Id of the origin.
        origin: String,
        /// What happened.
        reason: String,
    },
    /// Every attempt to connect, or to get an answer, timed out.
    #[error("origin \"{origin}\": timed out: {reason}")]
    OriginTimeout {
        /// Id of the origin.
        origin: String,
        /// Which step.
        reason: String,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("origin \"{origin}\": {reason}")]
    OriginBroken {
        /// Id of the origin.
        origin: String,
        /// What happened.
        reason: String,
    },
    /// The origin's response head is larger than CloudFront takes.
    #[error("origin \"{origin}\": the response head has {bytes} bytes")]
    OriginHeadTooLarge {
        /// Id of the origin.
        origin: String,
        /// Of status line and headers.
        bytes: usize,
    },
    /// The viewer went away.
    #[error("the viewer left")]
    ViewerLeft,
    /// Something in the node that should not have happened.
    #[error("internal: {0}")]
    Internal(String),
}

impl Failure {
    /// Whether it is the origin that failed: unreachable, silent, or not understood.
    pub(crate) fn is_origins(&self) -> bool {
        matches!(
            self,
            Self::OriginDns { .. }
                | Self::OriginConnect { .. }
                | Self::OriginTimeout { .. }
                | Self::OriginBroken { .. }
                | Self::OriginHeadTooLarge { .. }
        )
    }
}
