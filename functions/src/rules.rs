//! What a hook may change, for both products: read-only and disallowed headers, valid names, values, paths and query strings.
//!
//! The lists are those of the Developer Guide's "Restrictions on edge functions". All comparisons ignore case.

/// The events a hook can run on; each has its own read-only headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// CloudFront Functions, viewer request.
    FunctionViewerRequest,
    /// CloudFront Functions, viewer response.
    FunctionViewerResponse,
    /// Lambda@Edge, viewer request.
    LambdaViewerRequest,
    /// Lambda@Edge, origin request.
    LambdaOriginRequest,
    /// Lambda@Edge, origin response.
    LambdaOriginResponse,
    /// Lambda@Edge, viewer response.
    LambdaViewerResponse,
}

/// CloudFront's sentence for a changed read-only header, as its error page has it for a CloudFront Function.
pub const SENTENCE_READ_ONLY_HEADER: &str =
    "The CloudFront function tried to add, delete, or change a read-only header.";

/// CloudFront's sentence for an upper-case name in `response.headers` of a CloudFront Function.
pub const SENTENCE_RESPONSE_HEADER_NAME_CASE: &str =
    "The CloudFront function returned an invalid value: response.headers must have header names in lower case.";

/// The same for `request.headers`.
pub const SENTENCE_REQUEST_HEADER_NAME_CASE: &str =
    "The CloudFront function returned an invalid value: request.headers must have header names in lower case.";

/// CloudFront's sentence for an origin that `cf.updateRequestOrigin` or its like cannot make.
pub const SENTENCE_ORIGIN_REWRITE: &str = "The CloudFront function returned an invalid value for origin rewrite.";

/// Names a function never sees and may not add. A trailing `*` stands for any rest.
const DISALLOWED: [&str; 31] = [
    "client-cert",
    "client-cert-chain",
    "cloudfront-viewer-cert-pem",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "upgrade",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-accel-redirect",
    "x-amz-cf-*",
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
    "x-edge-*",
    "x-forwarded-proto",
    "x-real-ip",
    // HTTP/2's and HTTP/3's pseudo headers are no headers to a function.
    ":*",
];

const VIEWER_REQUEST_READ_ONLY: [&str; 5] = ["cdn-loop", "content-length", "host", "transfer-encoding", "via"];

const ORIGIN_REQUEST_READ_ONLY: [&str; 9] = [
    "accept-encoding",
    "cdn-loop",
    "content-length",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "transfer-encoding",
    "via",
];

const ORIGIN_RESPONSE_READ_ONLY: [&str; 2] = ["transfer-encoding", "via"];

const FUNCTION_VIEWER_RESPONSE_READ_ONLY: [&str; 2] = ["via", "warning"];

const LAMBDA_VIEWER_RESPONSE_READ_ONLY: [&str; 5] =
    ["content-encoding", "content-length", "transfer-encoding", "via", "warning"];

/// Whether a header of that name is hidden from functions, and refused when one adds it.
pub fn disallowed(name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    DISALLOWED.iter().any(|listed| match listed.strip_suffix('*') {
        Some(prefix) => name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes())),
        None => name.eq_ignore_ascii_case(listed.as_bytes()),
    })
}

/// Whether a function on `event` may see a header of that name but neither add, change nor delete it.
pub fn read_only(event: Event, name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    read_only_names(event).iter().any(|listed| name.eq_ignore_ascii_case(listed.as_bytes()))
}

/// The read-only headers of an event, in lower case.
pub fn read_only_names(event: Event) -> &'static [&'static str] {
    match event {
        Event::FunctionViewerRequest | Event::LambdaViewerRequest => &VIEWER_REQUEST_READ_ONLY,
        Event::LambdaOriginRequest => &ORIGIN_REQUEST_READ_ONLY,
        Event::LambdaOriginResponse => &ORIGIN_RESPONSE_READ_ONLY,
        Event::FunctionViewerResponse => &FUNCTION_VIEWER_RESPONSE_READ_ONLY,
        Event::LambdaViewerResponse => &LAMBDA_VIEWER_RESPONSE_READ_ONLY,
    }
}

/// Whether `name` is a token of RFC 9110 §5.6.2. CloudFront lets bytes beyond ASCII through as well, HTTP libraries do not.
pub fn header_name_valid(name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// Whether `value` has no control character except the tab: what keeps a value from becoming a second header line.
pub fn header_value_valid(value: impl AsRef<[u8]>) -> bool {
    value.as_ref().iter().all(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f))
}

/// A header's value without white space at its ends, which is none of the value (RFC 9110 §5.5), and which HTTP/2 forbids.
pub fn without_space_around(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// Whether a hook may send this as `Host`: a name or an address, and a port if there is one (RFC 9110 §7.2).
pub fn host_valid(host: impl AsRef<[u8]>) -> bool {
    let host = host.as_ref();
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte);
    let (name, port) = match host.iter().rposition(|byte| *byte == b':').filter(|_| !host.ends_with(b"]")) {
        Some(colon) => (&host[..colon], &host[colon + 1..]),
        None => (host, &b""[..]),
    };
    let address = name.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let is_name = match address {
        Some(address) => std::str::from_utf8(address).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !name.is_empty() && name.iter().all(named),
    };
    is_name && port.iter().all(u8::is_ascii_digit)
}

/// Whether a hook may set this path: it starts with `/` and has no query, fragment, space or control character.
pub fn uri_valid(uri: impl AsRef<[u8]>) -> bool {
    let uri = uri.as_ref();
    uri.first() == Some(&b'/') && uri.iter().all(|byte| *byte > b' ' && *byte != 0x7f && *byte != b'#' && *byte != b'?')
}

/// Whether a hook may set this query string: no spaces, control characters or `#`.
pub fn querystring_valid(querystring: impl AsRef<[u8]>) -> bool {
    querystring.as_ref().iter().all(|byte| *byte > b' ' && *byte != 0x7f && *byte != b'#')
}

/// The name as CloudFront sends it: the first letter of each word between dashes in upper case, the rest as it is.
pub fn wire_name(name: &str) -> String {
    let mut word_starts = true;
    let mut wire = String::with_capacity(name.len());
    for character in name.chars() {
        wire.push(if word_starts { character.to_ascii_uppercase() } else { character });
        word_starts = character == '-';
    }
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disallowed_names_match_without_case_and_by_prefix() {
        for name in
            ["Connection", "X-Amz-Cf-Id", "x-amz-cf-", "X-EDGE-foo", "X-Forwarded-Proto", "Client-Cert", ":path"]
        {
            assert!(disallowed(name), "{name}");
        }
        for name in ["x-amz-cf", "x-amzn-trace-id", "x-forwarded-for", "client-certificate", "host", "", "x-edg"] {
            assert!(!disallowed(name), "{name}");
        }
    }

    #[test]
    fn read_only_names_differ_by_event() {
        assert!(read_only(Event::FunctionViewerRequest, "Host"));
        assert!(read_only(Event::FunctionViewerRequest, "CDN-Loop"));
        assert!(!read_only(Event::LambdaOriginRequest, "host"));
        assert!(read_only(Event::LambdaOriginRequest, "Accept-Encoding"));
        assert!(!read_only(Event::FunctionViewerResponse, "Content-Encoding"));
        assert!(read_only(Event::LambdaViewerResponse, "Content-Encoding"));
        assert!(read_only(Event::FunctionViewerResponse, "Warning"));
        assert!(!read_only(Event::LambdaOriginResponse, "Warning"));
    }

    #[test]
    fn header_values_with_line_ends_are_refused() {
        assert!(header_value_valid("text/html; charset=utf-8\tx"));
        assert!(header_value_valid("\u{e9}"));
        for value in ["a\r\nSet-Cookie: b=c", "a\n", "\0", "\x7f"] {
            assert!(!header_value_valid(value), "{value:?}");
        }
    }

    #[test]
    fn white_space_at_the_ends_is_none_of_a_value() {
        for (value, rest) in [(" a\t b\t ", "a\t b"), ("a", "a"), (" \t", ""), ("", "")] {
            assert_eq!(without_space_around(value.as_bytes()), rest.as_bytes());
        }
    }

    #[test]
    fn hosts_are_names_or_addresses_with_a_port_or_without() {
        for host in ["a.example.com", "localhost:8080", "a_b", "127.0.0.1", "[::1]", "[::1]:80", "a:"] {
            assert!(host_valid(host), "{host:?}");
        }
        for host in ["", "a b", "a/c", "a b/c", ":80", "a:b", "::1", "[::1", "[x]", "u@a", "a?b", "a#b", "\u{e9}.test"]
        {
            assert!(!host_valid(host), "{host:?}");
        }
    }

    #[test]
    fn header_names_are_tokens() {
        assert!(header_name_valid("x-a_b.c~1"));
        for name in ["", "t\u{e8}st", "a b", "a:", "a\r\nb", "a\"", "(a)"] {
            assert!(!header_name_valid(name), "{name:?}");
        }
    }

    #[test]
    fn paths_start_with_a_slash_and_carry_no_query() {
        assert!(uri_valid("/"));
        assert!(uri_valid("/a%20b/\u{e9}"));
        for uri in ["", "a", "/a b", "/a?b", "/a#b", "/a\r\n", "https://x/"] {
            assert!(!uri_valid(uri), "{uri:?}");
        }
    }

    #[test]
    fn query_strings_have_no_space_control_or_fragment() {
        assert!(querystring_valid("a=1&b=%20?&c=\u{e9}"));
        assert!(querystring_valid(""));
        for query in ["a b", "a#b", "a\tb", "a\n"] {
            assert!(!querystring_valid(query), "{query:?}");
        }
    }

    #[test]
    fn words_of_a_name_start_in_upper_case_on_the_wire() {
        assert_eq!(wire_name("example-header-name"), "Example-Header-Name");
        assert_eq!(wire_name("x--a-"), "X--A-");
        assert_eq!(wire_name("tÈst-header"), "TÈst-Header");
        assert_eq!(wire_name("ètag"), "ètag");
    }
}
