//! A typical request of a browser: 12 headers, 3 cookies, 4 query strings.

use bytes::Bytes;
use homefront_functions::{EventContext, Request};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

/// The name of the benched distribution.
pub const HOST: &str = "d111111abcdef8.cloudfront.net";

/// Its id.
pub const DISTRIBUTION_ID: &str = "EDFDVBD6EXAMPLE";

/// The path; a function that appends `index.html` has something to do.
pub const PATH: &str = "/docs";

/// Without the `?`.
pub const QUERY: &str = "page=2&sort=price&q=blue%20shoes&utm_source=mail";

/// In wire case and order. The session is a token that `functions/jwt.js` accepts.
pub const HEADERS: [(&str, &str); 12] = [
    ("Host", HOST),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("Accept-Language", "de-CH,de;q=0.9,en;q=0.8"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Referer", "https://www.example.com/shoes?page=1"),
    (
        "Cookie",
        "session=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJuYW1lIjoiQWRhIExvdmVsYWNlIiwiaXNzIjoiaHR0cHM6Ly9pc3N1ZXIuZXhhbXBsZS8iLCJhdWQiOiJ3ZWIiLCJleHAiOjQxMDI0NDQ4MDB9.bMTBzGcTQOshWqJMXRqAl_wGh6c-OR2TgMlXR2QzvMg; theme=dark; _ga=GA1.2.1234567890.1700000000",
    ),
    ("Upgrade-Insecure-Requests", "1"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Priority", "u=0, i"),
];

/// As it goes over a connection.
pub fn wire(path: &str) -> Vec<u8> {
    let mut text = format!("GET {path}?{QUERY} HTTP/1.1\r\n");
    for (name, value) in HEADERS {
        // Writing to a string cannot fail.
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// As hooks get it.
pub fn request(path: &str) -> Request {
    Request {
        method: "GET".to_owned(),
        uri: Bytes::copy_from_slice(path.as_bytes()),
        querystring: Some(Bytes::from_static(QUERY.as_bytes())),
        headers: HEADERS.into_iter().collect(),
    }
}

/// Who asks.
pub fn context() -> EventContext {
    EventContext {
        distribution_domain_name: HOST.into(),
        distribution_id: DISTRIBUTION_ID.into(),
        request_id: "EXAMPLEntjQpEXAMPLE_SG5Z-EXAMPLEPmPfEXAMPLEu3EqEXAMPLE==".to_owned(),
        viewer_ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 11)),
        server_ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    }
}
