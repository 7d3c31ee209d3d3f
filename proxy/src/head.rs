//! pingora's message heads and the neutral messages of hooks: one to the other, and a hook's edits onto a head.

use crate::failure::Failure;
use crate::forward::{self, OriginRequest};
use bytes::Bytes;
use homefront_functions::{HeaderEdit, Headers, Request, RequestEdit, Response, ResponseEdit};
use http::uri::PathAndQuery;
use http::{HeaderValue, Uri, header};
use pingora::Error;
use pingora::http::{HeaderNameVariant, RequestHeader, ResponseHeader};

/// The request as hooks see it. A `host` takes the place of the `Host` line, or stands in for an absent one (h2 sends
/// `:authority`): functions are shown it in lower case and without a port.
pub(crate) fn neutral_request(head: &RequestHeader, host: &str) -> Request {
    let mut headers = Headers::with_capacity(head.headers.len() + 1, 64 * (head.headers.len() + 1));
    if !head.headers.contains_key(header::HOST) && !host.is_empty() {
        headers.push(b"Host", host.as_bytes());
    }
    let shown = HeaderValue::from_str(host).ok().filter(|_| !host.is_empty());
    // The closure never fails, so neither does the walk.
    let _ = head.map(|name, value| match &shown {
        Some(shown) if is_host(&name) => push(&mut headers, &name, shown),
        // Over HTTP/2 names come in lower case; pingora titles some.
        _ => match name {
            HeaderNameVariant::Titled(name) => {
                headers.push(name.to_ascii_lowercase().as_bytes(), value.as_bytes());
                Ok(())
            }
            name @ HeaderNameVariant::Case(_) => push(&mut headers, &name, value),
        },
    });
    Request {
        method: head.method.as_str().to_owned(),
        uri: Bytes::copy_from_slice(head.uri.path().as_bytes()),
        querystring: head.uri.query().map(|query| Bytes::copy_from_slice(query.as_bytes())),
        headers,
    }
}

/// The response as hooks see it: without a body.
pub(crate) fn neutral_response(head: &ResponseHeader) -> Response {
    let mut headers = Headers::with_capacity(head.headers.len(), 64 * head.headers.len());
    let _ = head.map(|name, value| push(&mut headers, &name, value));
    Response {
        status: head.status.as_u16(),
        status_description: head.get_reason_phrase().map(str::to_owned),
        headers,
        body: None,
    }
}

/// The request to the origin for this path and query.
pub(crate) fn forwarded(path: &str, query: Option<&str>, asked: &OriginRequest<'_>) -> Result<RequestHeader, Failure> {
    let query = forward::origin_query(query, asked.cache_policy, asked.origin_request_policy);
    let target = target(path.as_bytes(), query.as_deref().map(str::as_bytes))?;
    let internal = |error: Box<Error>| Failure::Internal(error.to_string());
    let mut sent = RequestHeader::build(asked.facts.method.clone(), b"/", Some(24)).map_err(internal)?;
    sent.set_uri(target);
    for (name, value) in forward::origin_headers(asked) {
        sent.append_header(name.into_owned(), value).map_err(internal)?;
    }
    Ok(sent)
}

fn is_host(name: &HeaderNameVariant<'_>) -> bool {
    match name {
        HeaderNameVariant::Case(name) => name.as_slice().eq_ignore_ascii_case(b"host"),
        HeaderNameVariant::Titled(name) => name.eq_ignore_ascii_case("host"),
    }
}

#[allow(clippy::unnecessary_wraps, reason = "pingora's walk over the lines wants a result")]
fn push(headers: &mut Headers, name: &HeaderNameVariant<'_>, value: &HeaderValue) -> pingora::Result<()> {
    let name = match name {
        HeaderNameVariant::Case(name) => name.as_slice(),
        HeaderNameVariant::Titled(name) => name.as_bytes(),
    };
    headers.push(name, value.as_bytes());
    Ok(())
}

/// Changes what a hook changed, and nothing else.
pub(crate) fn edit_request(head: &mut RequestHeader, edit: RequestEdit) -> Result<(), Failure> {
    if edit.uri.is_some() || edit.querystring.is_some() {
        let old = &head.uri;
        let path = edit.uri.as_deref().unwrap_or(old.path().as_bytes());
        let query = match &edit.querystring {
            Some(query) => (!query.is_empty()).then_some(&query[..]),
            None => old.query().map(str::as_bytes),
        };
        let uri = target(path, query)?;
        head.set_uri(uri);
    }
    for HeaderEdit { name, values } in edit.headers {
        head.remove_header(name.as_str());
        for value in values {
            let value = HeaderValue::from_maybe_shared(value).map_err(|_| unsendable("a header value"))?;
            head.append_header(name.clone(), value).map_err(|_| unsendable("a header name"))?;
        }
    }
    Ok(())
}

/// Puts a string in front of the path.
pub(crate) fn prefix_path(head: &mut RequestHeader, prefix: &str) -> Result<(), Failure> {
    let path = format!("{prefix}{}", head.uri.path());
    let uri = target(path.as_bytes(), head.uri.query().map(str::as_bytes))?;
    head.set_uri(uri);
    Ok(())
}

/// What a function may give though it stands for itself in no path, and in no query (RFC 3986).
const NOT_IN_A_PATH: &[u8] = b"<>`";
const NOT_IN_A_QUERY: &[u8] = b"\"<>";

/// `path?query` as a request target: as it is, or, if that can be in none, with such characters percent-encoded.
pub(crate) fn target(path: &[u8], query: Option<&[u8]>) -> Result<Uri, Failure> {
    let joined = |path: &[u8], query: Option<&[u8]>| {
        let mut bytes = Vec::with_capacity(path.len() + 1 + query.map_or(0, <[u8]>::len));
        bytes.extend_from_slice(path);
        if let Some(query) = query {
            bytes.push(b'?');
            bytes.extend_from_slice(query);
        }
        PathAndQuery::from_maybe_shared(Bytes::from(bytes))
    };
    let encoded = || {
        let query = query.map(|query| percent_encoded(query, NOT_IN_A_QUERY));
        joined(&percent_encoded(path, NOT_IN_A_PATH), query.as_deref())
    };
    joined(path, query).or_else(|_| encoded()).map(Uri::from).map_err(|_| unsendable("the URI"))
}

fn percent_encoded(bytes: &[u8], which: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if which.contains(byte) {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            encoded.push(*byte);
        }
    }
    encoded
}

/// Changes what a hook changed in status and headers; the body is the caller's business.
pub(crate) fn edit_response(head: &mut ResponseHeader, edit: &ResponseEdit) -> Result<(), Failure> {
    if let Some(status) = edit.status {
        head.set_status(status).map_err(|_| unsendable("the status"))?;
    }
    if let Some(reason) = &edit.status_description {
        head.set_reason_phrase(Some(reason)).map_err(|_| unsendable("the status description"))?;
    }
    for HeaderEdit { name, values } in &edit.headers {
        head.remove_header(name.as_str());
        for value in values {
            let value = HeaderValue::from_maybe_shared(value.clone()).map_err(|_| unsendable("a header value"))?;
            head.append_header(name.clone(), value).map_err(|_| unsendable("a header name"))?;
        }
    }
    Ok(())
}

/// Edits are checked before they come here; what still cannot be sent is our mistake.
fn unsendable(what: &str) -> Failure {
    Failure::Internal(format!("a hook's edit passed the rules though {what} cannot be sent"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use homefront_functions::rules::{querystring_valid, uri_valid};
    use proptest::prelude::*;

    fn request() -> RequestHeader {
        let mut head = RequestHeader::build("GET", b"/a?x=1", None).unwrap();
        head.append_header("HOST", "a.test").unwrap();
        head.append_header("X-Twice", "1").unwrap();
        head.append_header("x-twice", "2").unwrap();
        head
    }

    proptest! {
        #[test]
        fn every_uri_and_query_string_that_hooks_may_give_can_be_sent(path in "/[^\\PC]{0,40}", query in "[^\\PC]{0,40}") {
            if uri_valid(&path) && querystring_valid(&query) {
                let sent = target(path.as_bytes(), Some(query.as_bytes())).unwrap();
                let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<_>>();
                prop_assert_eq!(decoded(sent.path()), decoded(&path));
                prop_assert_eq!(decoded(sent.query().unwrap_or_default()), decoded(&query));
            }
        }
    }

    #[test]
    fn what_stands_for_itself_in_no_target_is_percent_encoded_and_all_else_is_as_it_was() {
        let sent = |path: &str, query: &str| target(path.as_bytes(), Some(query.as_bytes())).unwrap().to_string();
        assert_eq!(sent("/a<b>`%3c\"{}|^", "q=1"), "/a%3Cb%3E%60%3c\"{}|^?q=1");
        assert_eq!(sent("/a", "f={\"a\":1}&g=<b>`%22|^"), "/a?f={%22a%22:1}&g=%3Cb%3E`%22|^");
        assert_eq!(sent("/a\"{}", "f={}`"), "/a\"{}?f={}`");
    }

    #[test]
    fn wire_case_and_repeated_lines_reach_hooks() {
        let neutral = neutral_request(&request(), "a.test");
        let names: Vec<_> = neutral.headers.iter().map(|(name, _)| name.to_vec()).collect();
        assert!(names.contains(&b"HOST".to_vec()), "{names:?}");
        assert_eq!(neutral.headers.values("x-twice").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!((&neutral.uri[..], neutral.querystring.as_deref()), (&b"/a"[..], Some(&b"x=1"[..])));
    }

    #[test]
    fn an_empty_edit_changes_nothing() {
        let (mut head, before) = (request(), neutral_request(&request(), ""));
        edit_request(&mut head, RequestEdit::default()).unwrap();
        assert_eq!(neutral_request(&head, ""), before);
    }

    #[test]
    fn an_edit_replaces_all_lines_of_a_name_and_only_them() {
        let mut head = request();
        let headers = vec![
            HeaderEdit { name: "X-Twice".into(), values: vec!["3".into()] },
            HeaderEdit { name: "X-New".into(), values: vec!["n".into()] },
        ];
        let (uri, querystring) = (Some("/b".into()), Some("".into()));
        let edit = RequestEdit { uri, querystring, headers, origin: None };
        edit_request(&mut head, edit).unwrap();
        let neutral = neutral_request(&head, "");
        assert_eq!(head.uri, "/b");
        assert_eq!(neutral.headers.values("x-twice").collect::<Vec<_>>(), [b"3"]);
        assert_eq!(neutral.headers.first("x-new"), Some(&b"n"[..]));
        assert_eq!(neutral.headers.first("host"), Some(&b"a.test"[..]));
    }

    proptest! {
        #[test]
        fn an_edit_leaves_every_other_line_as_it_was(
            lines in prop::collection::vec(("[A-Za-z][A-Za-z0-9-]{0,8}", "[ -~]{0,12}"), 0..12),
            edited in "[A-Za-z][A-Za-z0-9-]{0,8}",
            values in prop::collection::vec("[!-~]{0,8}", 0..3),
        ) {
            let mut head = RequestHeader::build("GET", b"/", None).unwrap();
            for (name, value) in &lines {
                head.append_header(name.clone(), value.trim()).unwrap();
            }
            let all = |head: &RequestHeader| -> Vec<(Vec<u8>, Vec<u8>)> {
                neutral_request(head, "").headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
            };
            let others = |lines: Vec<(Vec<u8>, Vec<u8>)>| -> Vec<_> {
                let mut lines: Vec<_> =
                    lines.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case(edited.as_bytes())).collect();
                // The order of lines of different names means nothing (RFC 9110 §5.3).
                lines.sort_by_key(|(name, _)| name.to_ascii_lowercase());
                lines
            };
            let before = others(all(&head));
            let bytes = values.iter().map(|value| Bytes::from(value.clone())).collect();
            let headers = vec![HeaderEdit { name: edited.clone(), values: bytes }];
            edit_request(&mut head, RequestEdit { headers, ..RequestEdit::default() }).unwrap();
            prop_assert_eq!(others(all(&head)), before);
            let neutral = neutral_request(&head, "");
            let edited = edited.to_ascii_lowercase();
            let now: Vec<_> = neutral.headers.values(&edited).collect();
            prop_assert_eq!(now, values.iter().map(String::as_bytes).collect::<Vec<_>>());
        }

        #[test]
        fn a_target_of_what_may_be_in_one_is_refused_or_sent_byte_for_byte(path in "/[ -~&&[^#?<>`]]{0,30}", query in prop::option::of("[ -~&&[^#\"<>]]{0,30}")) {
            if let Ok(target) = target(path.as_bytes(), query.as_deref().map(str::as_bytes)) {
                prop_assert_eq!(target.path(), path);
                prop_assert_eq!(target.query(), query.as_deref());
            }
        }
    }
}
