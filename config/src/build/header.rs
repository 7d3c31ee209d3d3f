//! Which header names CloudFront lets a distribution set, key by, or forward.

use crate::language::{At, Reading};

/// Characters of a header's name.
pub(crate) fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Characters of a header's value: what can be seen, spaces and tabs between, and bytes beyond ASCII.
pub(crate) fn is_value(value: &str) -> bool {
    value.trim() == value && value.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f))
}

/// Notes a name that cannot be a header's.
pub(crate) fn check_name(name: &At<String>, reading: &mut Reading<'_>) -> bool {
    if !is_token(&name.value) {
        reading.error(name.span.clone(), format!("{:?} cannot be the name of a header", name.value));
    }
    is_token(&name.value)
}

/// Notes a value that cannot stand behind a header's name. The value itself may be a secret and is not repeated.
pub(crate) fn check_value(value: &At<String>, reading: &mut Reading<'_>) -> bool {
    if !is_value(&value.value) {
        let message = "a header's value cannot have control characters, or white space around it";
        reading.error(value.span.clone(), message);
    }
    is_value(&value.value)
}

/// Custom headers CloudFront does not add: Developer Guide, "Add custom headers to origin requests".
pub(crate) fn is_forbidden_custom(lower: &str) -> bool {
    const NAMES: [&str; 23] = [
        "cache-control",
        "connection",
        "content-length",
        "cookie",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "request-range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-real-ip",
    ];
    NAMES.contains(&lower) || lower.starts_with("x-amz-") || lower.starts_with("x-edge-")
}

/// Headers that cannot be in a cache policy: Developer Guide, "Request and response behavior for custom origins".
pub(crate) fn is_forbidden_key(lower: &str) -> bool {
    const NAMES: [&str; 8] = [
        "cache-control",
        "max-forwards",
        "pragma",
        "request-range",
        "cloudfront-viewer-address",
        "cloudfront-viewer-asn",
        "cloudfront-viewer-tls",
        "x-amz-cf-id",
    ];
    const FINGERPRINTS: [&str; 2] = ["cloudfront-viewer-ja3-fingerprint", "cloudfront-viewer-ja4-fingerprint"];
    is_of_the_connection(lower) || NAMES.contains(&lower) || FINGERPRINTS.contains(&lower)
}

/// Headers that cannot be listed in an origin request policy.
pub(crate) fn is_forbidden_forward(lower: &str) -> bool {
    is_of_the_connection(lower) || lower == "authorization" || lower == "x-amz-cf-id"
}

/// Headers a node sets or removes by itself, whatever the viewer sends.
pub(crate) fn is_of_the_connection(lower: &str) -> bool {
    const NAMES: [&str; 12] = [
        "connection",
        "content-length",
        "cookie",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-forwarded-proto",
        "x-real-ip",
    ];
    NAMES.contains(&lower) || lower.starts_with("x-edge-")
}

/// Headers that a response headers policy cannot remove: Developer Guide, "Understand response headers policies".
pub(crate) fn is_of_the_response(lower: &str) -> bool {
    const NAMES: [&str; 31] = [
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "warning",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-limit-rate",
        "x-accel-redirect",
        "x-amzn-auth",
        "x-amzn-cf-billing",
        "x-amzn-cf-id",
        "x-amzn-cf-xff",
        "x-amzn-errortype",
        "x-amzn-fle-profile",
        "x-amzn-header-count",
        "x-amzn-header-order",
        "x-amzn-lambda-integration-tag",
        "x-amzn-requestid",
        "x-cache",
        "x-forwarded-proto",
        "x-real-ip",
    ];
    NAMES.contains(&lower) || lower.starts_with("x-amz-cf-") || lower.starts_with("x-edge-")
}

/// Request headers that neither an experiment nor a token's claims may set.
pub(crate) fn is_forbidden_native(lower: &str) -> bool {
    is_forbidden_custom(lower) || lower == "authorization" || lower.starts_with("cloudfront-")
}

/// The request headers CloudFront adds when they are listed: Developer Guide, "Add CloudFront request headers".
pub(crate) const CLOUDFRONT_HEADERS: [&str; 25] = [
    "cloudfront-forwarded-proto",
    "cloudfront-is-android-viewer",
    "cloudfront-is-desktop-viewer",
    "cloudfront-is-ios-viewer",
    "cloudfront-is-mobile-viewer",
    "cloudfront-is-smarttv-viewer",
    "cloudfront-is-tablet-viewer",
    "cloudfront-viewer-address",
    "cloudfront-viewer-asn",
    "cloudfront-viewer-city",
    "cloudfront-viewer-country",
    "cloudfront-viewer-country-name",
    "cloudfront-viewer-country-region",
    "cloudfront-viewer-country-region-name",
    "cloudfront-viewer-header-count",
    "cloudfront-viewer-header-order",
    "cloudfront-viewer-http-version",
    "cloudfront-viewer-ja3-fingerprint",
    "cloudfront-viewer-ja4-fingerprint",
    "cloudfront-viewer-latitude",
    "cloudfront-viewer-longitude",
    "cloudfront-viewer-metro-code",
    "cloudfront-viewer-postal-code",
    "cloudfront-viewer-time-zone",
    "cloudfront-viewer-tls",
];
