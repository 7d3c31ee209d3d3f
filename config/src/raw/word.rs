//! The words of the language's choices.

use crate::behavior::ViewerProtocolPolicy;
use crate::function::{Fidelity, FunctionRuntime, Isolation};
use crate::jwt::JwtAlgorithm;
use crate::language::choice::choice;
use crate::log::AccessLogFormat;
use crate::origin::OriginProtocolPolicy;

choice! { AccessLogFormat {
    "cloudfront-standard" => AccessLogFormat::CloudfrontStandard,
    "json" => AccessLogFormat::Json,
} }

choice! { ViewerProtocolPolicy {
    "allow-all" => ViewerProtocolPolicy::AllowAll,
    "https-only" => ViewerProtocolPolicy::HttpsOnly,
    "redirect-to-https" => ViewerProtocolPolicy::RedirectToHttps,
} }

choice! { OriginProtocolPolicy {
    "http-only" => OriginProtocolPolicy::HttpOnly,
    "https-only" => OriginProtocolPolicy::HttpsOnly,
    "match-viewer" => OriginProtocolPolicy::MatchViewer,
} }

choice! { FunctionRuntime {
    "cloudfront-js-1.0" => FunctionRuntime::CloudfrontJs1_0,
    "cloudfront-js-2.0" => FunctionRuntime::CloudfrontJs2_0,
} }

choice! { Fidelity {
    "strict" => Fidelity::Strict,
    "relaxed" => Fidelity::Relaxed,
} }

choice! { Isolation {
    "process" => Isolation::Process,
    "inline" => Isolation::Inline,
} }

choice! { JwtAlgorithm {
    "HS256" => JwtAlgorithm::HS256,
    "HS384" => JwtAlgorithm::HS384,
    "HS512" => JwtAlgorithm::HS512,
    "RS256" => JwtAlgorithm::RS256,
    "RS384" => JwtAlgorithm::RS384,
    "RS512" => JwtAlgorithm::RS512,
    "PS256" => JwtAlgorithm::PS256,
    "PS384" => JwtAlgorithm::PS384,
    "PS512" => JwtAlgorithm::PS512,
    "ES256" => JwtAlgorithm::ES256,
    "ES384" => JwtAlgorithm::ES384,
    "EdDSA" => JwtAlgorithm::EdDSA,
} }

/// A method CloudFront lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Method {
    Get,
    Head,
    Options,
    Put,
    Post,
    Patch,
    Delete,
}

choice! { Method {
    "GET" => Method::Get,
    "HEAD" => Method::Head,
    "OPTIONS" => Method::Options,
    "PUT" => Method::Put,
    "POST" => Method::Post,
    "PATCH" => Method::Patch,
    "DELETE" => Method::Delete,
} }

/// The value of `X-Frame-Options`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameOption(pub(crate) &'static str);

choice! { FrameOption {
    "DENY" => FrameOption("DENY"),
    "SAMEORIGIN" => FrameOption("SAMEORIGIN"),
} }

/// The value of `Referrer-Policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReferrerPolicy(pub(crate) &'static str);

choice! { ReferrerPolicy {
    "no-referrer" => ReferrerPolicy("no-referrer"),
    "no-referrer-when-downgrade" => ReferrerPolicy("no-referrer-when-downgrade"),
    "origin" => ReferrerPolicy("origin"),
    "origin-when-cross-origin" => ReferrerPolicy("origin-when-cross-origin"),
    "same-origin" => ReferrerPolicy("same-origin"),
    "strict-origin" => ReferrerPolicy("strict-origin"),
    "strict-origin-when-cross-origin" => ReferrerPolicy("strict-origin-when-cross-origin"),
    "unsafe-url" => ReferrerPolicy("unsafe-url"),
} }

impl Method {
    /// As on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}
