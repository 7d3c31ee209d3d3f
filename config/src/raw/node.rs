//! `[listen]`, `[cache]`, `[log]`, and what is native to the node: `[[jwt]]` and `[[experiment]]`.

use crate::jwt::JwtAlgorithm;
use crate::language::collection::Map;
use crate::language::scalar::{Int, Name, Size, Text, path};
use crate::language::table::table;
use crate::language::{At, Node, Reading, Shape, Value};
use crate::limits::{JWT_CLOCK_SKEW_S_MAX, VARIANT_WEIGHT_MAX};
use crate::log::{AccessLogFormat, LogTarget};
use std::net::SocketAddr;
use std::path::PathBuf;

table! {
    /// The ports. Port 0 asks the system for a free one.
    Listen "listen" {
        /// Plaintext: HTTP/1.1, and h2c with prior knowledge. The default holds while `https` is absent too.
        http: Vec<At<SocketAddr>>, default "[\"127.0.0.1:8080\"]";
        /// TLS 1.2 and 1.3 with ALPN `h2` and `http/1.1`. Needs the `viewer_certificate` of a distribution.
        https: Vec<At<SocketAddr>>, default "[]";
        /// Plaintext, for the people who run the node: `/metrics` for Prometheus, `/charges` for what AWS would charge. It asks nobody
        /// who they are: an address that others reach shows it to them. Absent: no such port.
        admin: SocketAddr, optional;
    }
}

table! {
    /// The memory the cache may use.
    Cache "cache" {
        /// Bodies and headers of stored objects, in bytes.
        memory: Size, default "\"256MiB\"";
    }
}

table! {
    /// Where logs go.
    Log "log" {
        /// One line a request: `"stdout"`, `"stderr"`, a path, or a table that also chooses the format. Absent: no access log.
        access: Access, optional;
        /// What functions print: `"stdout"`, `"stderr"` or a path.
        function: LogTarget, default "\"stdout\"";
    }
}

table! {
    /// An access log with its format.
    AccessTable "access" {
        /// `"stdout"`, `"stderr"` or a file, opened for append.
        path: LogTarget, required;
        /// CloudFront's 33 fields, or the same and what functions log as one JSON object a line.
        format: AccessLogFormat, default "\"cloudfront-standard\"";
    }
}

/// `access`: a target alone, or with its format.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) target: Option<At<LogTarget>>,
    pub(crate) format: Option<At<AccessLogFormat>>,
}

impl Value for Access {
    fn shape() -> Shape {
        Shape::Either(vec![LogTarget::shape(), AccessTable::shape()])
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if node.get_ref().is_str() {
            return Some(Self { target: Some(At::read(node, reading)?), format: None });
        }
        if node.get_ref().is_table() {
            let AccessTable { path, format } = AccessTable::read(node, reading)?;
            return Some(Self { target: path, format });
        }
        reading.wrong_type(node, &Self::shape());
        None
    }
}

impl Value for LogTarget {
    fn shape() -> Shape {
        Shape::Text { what: "\"stdout\", \"stderr\" or a path", pattern: Some(".") }
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        match reading.text(node, &Self::shape())?.as_str() {
            "stdout" => Some(Self::Stdout),
            "stderr" => Some(Self::Stderr),
            text => path(text, node.span(), reading).map(Self::File),
        }
    }
}

table! {
    /// A JSON Web Token check, used by `authorize = { jwt = "…" }`. Exactly one of `jwks`, `secret_file` and `public_key_file`.
    Jwt "jwt" {
        /// What behaviors call it.
        name: Name, required;
        /// A key set: an `https://` URL (cached, refreshed, rotated) or a file.
        jwks: Text, optional;
        /// A file whose bytes, less one trailing line end, are the secret of HS256, HS384 and HS512.
        secret_file: PathBuf, optional;
        /// A PEM public key (SPKI) for the other algorithms.
        public_key_file: PathBuf, optional;
        /// What a token may be signed with; all of one family.
        algorithms: Vec<At<JwtAlgorithm>>, required;
        /// What `iss` must be. Absent: not checked.
        issuer: Text, optional;
        /// What `aud` must contain one of. Empty: not checked.
        audience: Vec<At<Text>>, default "[]";
        /// Where the token is looked for, in order: `header:NAME`, `cookie:NAME`, `query:NAME`.
        token_from: Vec<At<Text>>, default "[\"header:authorization\"]";
        /// Claims given to functions and origins as request headers; a viewer's own header of that name is always removed.
        claims_to_headers: Map<Text>, default "{}";
        /// Tolerance for `exp` and `nbf`, in seconds.
        clock_skew_s: Int<0, JWT_CLOCK_SKEW_S_MAX>, default "60";
    }
}

table! {
    /// An A/B experiment, used by `split = { experiment = "…" }`.
    Experiment "experiment" {
        /// What behaviors call it.
        name: Name, required;
        /// The cookie that keeps a viewer on its variant. Absent: `hf-` and the name.
        sticky_cookie: Text, optional;
        /// The arms, at least two.
        variants: Vec<At<Variant>>, required;
    }
}

table! {
    /// One arm of an experiment.
    Variant "variants" {
        /// The value of the sticky cookie.
        name: Name, required;
        /// Its share of new viewers, relative to the sum of all weights.
        weight: Int<0, VARIANT_WEIGHT_MAX>, required;
        /// The id of an origin to use instead of the behavior's.
        origin: Text, optional;
        /// Put in front of the URI before the cache key is built.
        uri_prefix: Text, optional;
        /// Request headers set before the cache key is built.
        headers: Map<String>, default "{}";
    }
}
