//! What CloudFront refuses before it looks at any distribution: size, method, host, framing it cannot be sure of.

use crate::failure::Failure;
use homefront_config::limits;
use http::{Method, Version, header, request::Parts};

/// Judges a request head. Returns the host it is for, lower case, without port and trailing dot.
///
/// Source: Developer Guide, request and response behavior for custom origins; quotas.
pub(crate) fn check(request: &Parts, body: BodyPresence) -> Result<String, Failure> {
    let url = request.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if url > limits::URL_BYTES_MAX {
        return Err(Failure::UrlTooLong { bytes: url });
    }
    let head = head_bytes(request, url);
    if head > limits::REQUEST_HEAD_BYTES_MAX {
        return Err(Failure::HeadTooLarge { bytes: head });
    }
    if !is_known(&request.method) {
        return Err(Failure::MethodNotAllowed(request.method.to_string()));
    }
    framing(request)?;
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    if is_read && body == BodyPresence::Some {
        return Err(Failure::BadRequest("GET or HEAD with a body"));
    }
    host(request)
}

/// A body whose end two readers can see in two places is how requests are smuggled: one length, or chunks, never both.
fn framing(request: &Parts) -> Result<(), Failure> {
    let mut lengths = request.headers.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next();
    if lengths.next().is_some() || length.is_some_and(|value| !value.as_bytes().iter().all(u8::is_ascii_digit)) {
        return Err(Failure::BadRequest("more than one Content-Length"));
    }
    let mut codings = request.headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(_), _) if length.is_some() => Err(Failure::BadRequest("Content-Length and Transfer-Encoding")),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Failure::BadRequest("Transfer-Encoding is not chunked")),
    }
}

/// Whether a request has a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyPresence {
    /// It has none, or an empty one.
    None,
    /// It has one.
    Some,
}

/// The seven methods a distribution can allow.
fn is_known(method: &Method) -> bool {
    let known = [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::POST, Method::PATCH, Method::DELETE];
    known.contains(method)
}

/// As on an HTTP/1.1 wire.
fn head_bytes(request: &Parts, url: usize) -> usize {
    let line = request.method.as_str().len() + url + " HTTP/1.1\r\n".len() + 1;
    request.headers.iter().fold(line, |sum, (name, value)| sum + name.as_str().len() + value.len() + ": \r\n".len())
}

fn host(request: &Parts) -> Result<String, Failure> {
    let mut lines = request.headers.get_all(header::HOST).iter();
    let line = lines.next().map(|value| value.to_str().map_err(|_| Failure::BadRequest("Host is not text")));
    if lines.next().is_some() {
        return Err(Failure::BadRequest("more than one Host"));
    }
    // For h2 and for HTTP/1's absolute form the authority of the target is the host (RFC 9112 §3.2.2).
    let authority = request.uri.authority().map(http::uri::Authority::as_str);
    let host = match (line.transpose()?, authority) {
        (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            return Err(Failure::BadRequest("Host and the authority of the target differ"));
        }
        (Some(host), _) | (None, Some(host)) => host,
        (None, None) if request.version == Version::HTTP_10 => "",
        (None, None) => return Err(Failure::BadRequest("no Host")),
    };
    canonical(host).ok_or(Failure::BadRequest("Host is not a host name"))
}

/// Lower case, without port and trailing dot, as CloudFront shows hosts to functions.
fn canonical(host: &str) -> Option<String> {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => match host.rsplit_once(':') {
            Some((name, port)) => port.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)?,
            None => host,
        },
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'%');
    name.bytes().all(allowed).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn admit(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<String, Failure> {
        check(&request(method, target, headers), BodyPresence::None)
    }

    #[test]
    fn the_host_is_canonical() {
        for host in ["WWW.Example.com", "www.example.com:8443", "www.example.com."] {
            assert_eq!(admit("GET", "/", &[("host", host)]).unwrap(), "www.example.com", "{host}");
        }
        assert_eq!(admit("GET", "/", &[("host", "[::1]:8080")]).unwrap(), "::1");
        assert_eq!(admit("GET", "http://a.test/x", &[]).unwrap(), "a.test");
    }

    #[test]
    fn ambiguous_hosts_are_refused() {
        let cases: [(&str, &[(&str, &str)]); 4] = [
            ("/", &[]),
            ("/", &[("host", "a.test"), ("host", "b.test")]),
            ("http://a.test/", &[("host", "b.test")]),
            ("/", &[("host", "a.test:80/..")]),
        ];
        for (target, headers) in cases {
            assert!(matches!(admit("GET", target, headers), Err(Failure::BadRequest(_))), "{target} {headers:?}");
        }
    }

    #[test]
    fn a_url_of_8192_bytes_passes_and_one_more_does_not() {
        let url = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
        assert!(admit("GET", &url(8_192), &[("host", "a.test")]).is_ok());
        assert!(matches!(admit("GET", &url(8_193), &[("host", "a.test")]), Err(Failure::UrlTooLong { bytes: 8_193 })));
    }

    #[test]
    fn a_head_of_more_than_32768_bytes_is_refused() {
        let value = "v".repeat(33_000);
        assert!(matches!(admit("GET", "/", &[("host", "a.test"), ("x", &value)]), Err(Failure::HeadTooLarge { .. })));
    }

    #[test]
    fn bodies_that_two_readers_could_end_in_two_places_are_refused() {
        let refused: [&[(&str, &str)]; 6] = [
            &[("content-length", "4"), ("transfer-encoding", "chunked")],
            &[("content-length", "4, 4")],
            &[("content-length", "4"), ("content-length", "4")],
            &[("content-length", "+4")],
            &[("transfer-encoding", "gzip, chunked")],
            &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
        ];
        for framing in refused {
            let headers = [&[("host", "a.test")], framing].concat();
            assert!(matches!(admit("POST", "/", &headers), Err(Failure::BadRequest(_))), "{framing:?}");
        }
        for framing in [("content-length", "4"), ("transfer-encoding", "chunked")] {
            assert!(admit("POST", "/", &[("host", "a.test"), framing]).is_ok(), "{framing:?}");
        }
    }

    #[test]
    fn get_with_a_body_and_unknown_methods_are_refused() {
        let get = request("GET", "/", &[("host", "a.test")]);
        assert!(matches!(check(&get, BodyPresence::Some), Err(Failure::BadRequest(_))));
        for method in ["TRACE", "CONNECT", "PURGE", "get"] {
            assert!(matches!(admit(method, "/", &[("host", "a")]), Err(Failure::MethodNotAllowed(_))), "{method}");
        }
    }

    proptest! {
        #[test]
        fn a_host_is_refused_or_lower_case_without_port_path_and_spaces(host in "[ -~]{0,40}") {
            if let Ok(host) = admit("GET", "/", &[("host", &host)]) {
                prop_assert_eq!(&host.to_ascii_lowercase(), &host);
                prop_assert!(!host.contains(['/', ' ', '@', '?', '#', '\\', '"', '[', ']']), "{}", host);
            }
        }

        #[test]
        fn a_head_is_refused_from_its_size_alone(values in prop::collection::vec(0_usize..12_000, 0..6)) {
            let values: Vec<_> = values.iter().map(|&bytes| "v".repeat(bytes)).collect();
            let mut headers = vec![("host", "a.test")];
            headers.extend(values.iter().map(|value| ("x", value.as_str())));
            let lines: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
            let fits = "GET / HTTP/1.1\r\n".len() + lines <= limits::REQUEST_HEAD_BYTES_MAX;
            prop_assert_eq!(admit("GET", "/", &headers).is_ok(), fits);
        }
    }
}
