//! `[[distribution]]` with its origins and behaviors.

use super::word::Method;
use crate::behavior::ViewerProtocolPolicy;
use crate::language::collection::Map;
use crate::language::scalar::{Int, Port, Secret, Text};
use crate::language::table::table;
use crate::language::{At, Node, Reading, Shape, Table, Value};
use crate::limits::{
    CONNECTION_ATTEMPTS_MAX, CONNECTION_TIMEOUT_S_MAX, KEEPALIVE_TIMEOUT_S_MAX, READ_TIMEOUT_S_MAX,
    RESPONSE_COMPLETION_TIMEOUT_S_MAX, TTL_S_MAX,
};
use crate::origin::OriginProtocolPolicy;
use std::path::PathBuf;

table! {
    /// What answers for a set of host names.
    Distribution "distribution" {
        /// `E` and 12 to 14 upper-case letters or digits. Absent: made from the aliases.
        id: Text, optional;
        /// `d….cloudfront.net`, part of every cache key. Absent: made from the id.
        domain_name: Text, optional;
        /// Host names it answers for; `*.example.com` takes every name below.
        aliases: Vec<At<Text>>, default "[]";
        /// The object for the exact path `/`, without a leading slash.
        default_root_object: Text, optional;
        /// The certificate of the node's TLS listeners.
        viewer_certificate: ViewerCertificate, optional;
        /// Where objects come from; at least one.
        origin: Vec<At<Origin>>, required;
        /// Pairs of origins: the second is asked when the first fails.
        origin_group: Vec<At<OriginGroup>>, optional;
        /// What happens to the requests no other behavior matches.
        default_behavior: DefaultBehavior, required;
        /// What happens to the requests whose path matches; the first match wins.
        behavior: Vec<At<OrderedBehavior>>, optional;
        /// Pages instead of errors, and how long errors are kept.
        custom_error_response: Vec<At<CustomErrorResponse>>, optional;
    }
}

table! {
    /// PEM files. One certificate serves all TLS listeners of a node.
    ViewerCertificate "viewer_certificate" {
        /// The chain, leaf first.
        certificate: PathBuf, required;
        /// Its key: PKCS#8, PKCS#1 or SEC1.
        private_key: PathBuf, required;
    }
}

table! {
    /// Where objects come from: a server (`domain_name`) or a folder (`directory`).
    Origin "distribution.origin" {
        /// What behaviors call it; unique in the distribution.
        id: Text, required;
        /// A DNS name or an address, without scheme and port; the default `Host` of origin requests.
        domain_name: Text, optional;
        /// A folder, served as a bucket is: keys are files, there are no listings.
        directory: PathBuf, optional;
        /// Prefixed to the URI; starts with `/`, does not end with `/`.
        path: Text, optional;
        /// Headers added to each origin request, in place of a viewer's; a value may be `{ file = "…" }`.
        custom_headers: Map<Secret>, default "{}";
        /// The port for HTTP: 80, 443 or 1024 to 65535.
        http_port: Port, default "80";
        /// The port for HTTPS: 80, 443 or 1024 to 65535.
        https_port: Port, default "443";
        /// Which scheme to use.
        protocol_policy: OriginProtocolPolicy, default "\"match-viewer\"";
        /// How often a connection is tried.
        connection_attempts: Int<1, CONNECTION_ATTEMPTS_MAX>, default "3";
        /// Time of one attempt to connect, in seconds.
        connection_timeout_s: Int<1, CONNECTION_TIMEOUT_S_MAX>, default "10";
        /// Time to the first byte and between packets, in seconds.
        read_timeout_s: Int<1, READ_TIMEOUT_S_MAX>, default "30";
        /// How long an idle connection is kept, in seconds.
        keepalive_timeout_s: Int<1, KEEPALIVE_TIMEOUT_S_MAX>, default "5";
        /// Time of the whole response, in seconds; at least `read_timeout_s`. Absent: no bound.
        response_completion_timeout_s: Int<1, RESPONSE_COMPLETION_TIMEOUT_S_MAX>, optional;
        /// How the origin's certificate is judged.
        tls: OriginTls, optional;
    }
}

table! {
    /// How an origin's certificate is judged.
    OriginTls "tls" {
        /// A PEM bundle to trust instead of the system's roots.
        ca: PathBuf, optional;
        /// Whether the certificate is checked at all.
        verify: bool, default "true";
        /// The name sent as SNI and checked. Absent: `domain_name`.
        server_name: Text, optional;
    }
}

/// A status of a response.
pub(crate) type StatusCode = Int<100, 599>;

table! {
    /// Two origins: the second is asked when the first fails, for GET and HEAD, and for OPTIONS where that is cached.
    OriginGroup "distribution.origin_group" {
        /// What behaviors call it; unique among the origins and groups of the distribution.
        id: Text, required;
        /// The ids of two origins: the one that is asked first, and the one that is asked when it has failed.
        members: Vec<At<Text>>, required;
        /// What is a failure: some of 400, 403, 404, 416, 429, 500, 502, 503, 504. 503 is a failed connection as well, 504 a
        /// timeout.
        failover_status_codes: Vec<At<StatusCode>>, required;
    }
}

table! {
    /// What happens to errors of one status, whether an origin or CloudFront itself answers so.
    CustomErrorResponse "distribution.custom_error_response" {
        /// The status: 400, 403, 404, 405, 414, 416, 500, 501, 502, 503 or 504.
        error_code: StatusCode, required;
        /// The page to show instead, from the distribution itself: the path of an object. Needs `response_code`.
        response_page_path: Text, optional;
        /// The status that viewers get with the page: 200, or one of those above. Needs `response_page_path`.
        response_code: StatusCode, optional;
        /// Seconds an error of this status is kept at least before the origin is asked again.
        error_caching_min_ttl_s: Int<0, TTL_S_MAX>, default "10";
    }
}

table! {
    /// What happens to the requests whose path matches.
    Behavior "distribution.behavior" {
        /// `*` is any run of characters, `?` exactly one; without a leading `/` one is implied.
        path_pattern: Text, optional;
        /// The id of an origin or an origin group of the distribution.
        target_origin: Text, required;
        /// What happens to a viewer that comes over plain HTTP.
        viewer_protocol_policy: ViewerProtocolPolicy, default "\"allow-all\"";
        /// GET and HEAD, these and OPTIONS, or all seven.
        allowed_methods: Vec<At<Method>>, default "[\"GET\", \"HEAD\"]";
        /// GET and HEAD, or these and OPTIONS.
        cached_methods: Vec<At<Method>>, default "[\"GET\", \"HEAD\"]";
        /// A managed policy by name or id, or a `[[cache_policy]]`.
        cache_policy: Text, default "\"CachingOptimized\"";
        /// A managed policy by name or id, or an `[[origin_request_policy]]`.
        origin_request_policy: Text, optional;
        /// A managed policy by name or id, or a `[[response_headers_policy]]`.
        response_headers_policy: Text, optional;
        /// The CloudFront Function or Lambda@Edge function for requests of viewers.
        viewer_request: ViewerRequest, optional;
        /// The CloudFront Function or Lambda@Edge function for responses to viewers; of the same kind as that for requests.
        viewer_response: ViewerResponse, optional;
        /// The Lambda@Edge function for requests to the origin.
        origin_request: OriginRequest, optional;
        /// The Lambda@Edge function for responses of the origin.
        origin_response: OriginResponse, optional;
        /// A token check before all else.
        authorize: Authorize, optional;
        /// An experiment after the viewer-request function.
        split: Split, optional;
    }
}

/// A behavior of the ordered list: it has a pattern.
#[derive(Debug)]
pub(crate) struct OrderedBehavior(pub(crate) Behavior);

/// The behavior without a pattern.
#[derive(Debug)]
pub(crate) struct DefaultBehavior(pub(crate) Behavior);

impl OrderedBehavior {
    fn table() -> Table {
        Behavior::table().requiring("path_pattern")
    }
}

impl DefaultBehavior {
    fn table() -> Table {
        let table = Behavior::table().without("path_pattern");
        Table {
            name: "distribution.default_behavior",
            doc: "What happens to the requests no other behavior matches.".to_owned(),
            ..table
        }
    }
}

impl Value for OrderedBehavior {
    fn shape() -> Shape {
        Shape::Table(Self::table)
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        Behavior::read_as(Self::table, node, reading).map(Self)
    }
}

impl Value for DefaultBehavior {
    fn shape() -> Shape {
        Shape::Table(Self::table)
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        Behavior::read_as(Self::table, node, reading).map(Self)
    }
}

table! {
    /// What runs on requests of viewers: a CloudFront Function or a Lambda@Edge function.
    ViewerRequest "viewer_request" {
        /// The name of a `[[function]]`.
        function: Text, optional;
        /// The name of a `[[lambda]]`.
        lambda: Text, optional;
        /// Whether the Lambda@Edge function sees the request's body: the first 40 KB of it.
        include_body: bool, default "false";
    }
}

table! {
    /// What runs on responses to viewers: a CloudFront Function or a Lambda@Edge function.
    ViewerResponse "viewer_response" {
        /// The name of a `[[function]]`.
        function: Text, optional;
        /// The name of a `[[lambda]]`.
        lambda: Text, optional;
    }
}

table! {
    /// A Lambda@Edge function on requests to the origin.
    OriginRequest "origin_request" {
        /// The name of a `[[lambda]]`.
        lambda: Text, required;
        /// Whether the function sees the request's body: the first MB of it.
        include_body: bool, default "false";
    }
}

table! {
    /// A Lambda@Edge function on responses of the origin.
    OriginResponse "origin_response" {
        /// The name of a `[[lambda]]`.
        lambda: Text, required;
    }
}

table! {
    /// A token check.
    Authorize "authorize" {
        /// The name of a `[[jwt]]`.
        jwt: Text, required;
    }
}

table! {
    /// An A/B split.
    Split "split" {
        /// The name of an `[[experiment]]`.
        experiment: Text, required;
    }
}
