//! `[[response_headers_policy]]`.

use super::word::{FrameOption, Method, ReferrerPolicy};
use crate::language::At;
use crate::language::choice::choice;
use crate::language::scalar::{Int, Percent, Text};
use crate::language::table::table;
use crate::limits::RESPONSE_HEADERS_AGE_S_MAX;

table! {
    /// What is taken from and added to every response to a viewer, before the viewer-response function sees it.
    ResponseHeadersPolicy "response_headers_policy" {
        /// What behaviors call it; no managed policy's name.
        name: Text, required;
        /// Headers taken away, before any is added.
        remove_headers: Vec<At<Text>>, default "[]";
        /// Cross-origin resource sharing: added to responses to requests with an `Origin`.
        cors: Cors, optional;
        /// Headers that tell browsers to be careful.
        security_headers: SecurityHeaders, optional;
        /// Headers of your own.
        custom_headers: Vec<At<CustomHeader>>, default "[]";
        /// A header that tells how the response was made, for `PerformanceServerTiming` in browsers.
        server_timing_headers: ServerTimingHeaders, optional;
    }
}

/// Seconds that a header tells a browser to remember something.
pub(crate) type Age = Int<0, RESPONSE_HEADERS_AGE_S_MAX>;

table! {
    /// Cross-origin resource sharing.
    Cors "response_headers_policy.cors" {
        /// `"*"`, `"https://www.example.com"`, `"*.example.com"`, `"http://localhost:*"`; `"example.com"` is over HTTP and HTTPS.
        access_control_allow_origins: Vec<At<Text>>, required;
        /// Told to preflight requests: names, names with `*` behind them as in `"x-amz-*"`, or `"*"`.
        access_control_allow_headers: Vec<At<Text>>, required;
        /// Told to preflight requests: methods, or `"ALL"`.
        access_control_allow_methods: Vec<At<AllowedMethod>>, required;
        /// Whether browsers may send cookies.
        access_control_allow_credentials: bool, default "false";
        /// Names of headers that scripts may read, or `"*"`.
        access_control_expose_headers: Vec<At<Text>>, default "[]";
        /// Told to preflight requests: seconds for which their answer holds.
        access_control_max_age_s: Age, optional;
        /// Whether these take the place of the origin's. If not, and the origin sent any header of CORS, none is added.
        origin_override: bool, default "false";
    }
}

table! {
    /// Headers that tell browsers to be careful.
    SecurityHeaders "response_headers_policy.security_headers" {
        /// `Content-Security-Policy`.
        content_security_policy: ContentSecurityPolicy, optional;
        /// `X-Content-Type-Options: nosniff`.
        content_type_options: ContentTypeOptions, optional;
        /// `X-Frame-Options`.
        frame_options: FrameOptions, optional;
        /// `Referrer-Policy`.
        referrer_policy: ReferrerPolicyHeader, optional;
        /// `Strict-Transport-Security`.
        strict_transport_security: StrictTransportSecurity, optional;
        /// `X-XSS-Protection`.
        xss_protection: XssProtection, optional;
    }
}

table! {
    /// `Content-Security-Policy`.
    ContentSecurityPolicy "content_security_policy" {
        /// Its value.
        content_security_policy: Text, required;
        /// Whether it takes the place of the origin's.
        r#override: bool, default "false";
    }
}

table! {
    /// `X-Content-Type-Options: nosniff`.
    ContentTypeOptions "content_type_options" {
        /// Whether it takes the place of the origin's.
        r#override: bool, default "false";
    }
}

table! {
    /// `X-Frame-Options`.
    FrameOptions "frame_options" {
        /// Its value.
        frame_option: FrameOption, required;
        /// Whether it takes the place of the origin's.
        r#override: bool, default "false";
    }
}

table! {
    /// `Referrer-Policy`.
    ReferrerPolicyHeader "referrer_policy" {
        /// Its value.
        referrer_policy: ReferrerPolicy, required;
        /// Whether it takes the place of the origin's.
        r#override: bool, default "false";
    }
}

table! {
    /// `Strict-Transport-Security`.
    StrictTransportSecurity "strict_transport_security" {
        /// `max-age`, in seconds.
        access_control_max_age_s: Age, required;
        /// `includeSubDomains`.
        include_subdomains: bool, default "false";
        /// `preload`.
        preload: bool, default "false";
        /// Whether it takes the place of the origin's.
        r#override: bool, default "false";
    }
}

table! {
    /// `X-XSS-Protection`.
    XssProtection "xss_protection" {
        /// `1` or `0`.
        protection: bool, required;
        /// `mode=block`; not beside `report_uri`.
        mode_block: bool, default "false";
        /// `report=`, where browsers send reports.
        report_uri: Text, optional;
        /// Whether it takes the place of the origin's.
        r#override: bool, default "false";
    }
}

table! {
    /// A header of your own.
    CustomHeader "response_headers_policy.custom_headers" {
        /// Its name.
        header: Text, required;
        /// Its value, which may be empty.
        value: String, required;
        /// Whether it takes the place of the origin's.
        r#override: bool, default "false";
    }
}

table! {
    /// The header `Server-Timing`. A request with `Pragma: server-timing` gets it in any case.
    ServerTimingHeaders "response_headers_policy.server_timing_headers" {
        /// Whether there is one.
        enabled: bool, default "true";
        /// The percentage of responses that have it, with up to four decimals.
        sampling_rate: Percent, required;
    }
}

/// A method, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AllowedMethod {
    All,
    One(Method),
}

choice! { AllowedMethod {
    "GET" => AllowedMethod::One(Method::Get),
    "HEAD" => AllowedMethod::One(Method::Head),
    "OPTIONS" => AllowedMethod::One(Method::Options),
    "PUT" => AllowedMethod::One(Method::Put),
    "POST" => AllowedMethod::One(Method::Post),
    "PATCH" => AllowedMethod::One(Method::Patch),
    "DELETE" => AllowedMethod::One(Method::Delete),
    "ALL" => AllowedMethod::All,
} }
