//! Reading `Cookie` headers without copying them.

use http::HeaderMap;
use http::header::COOKIE;

/// The values of every cookie with exactly this name, over all `Cookie` headers (HTTP/2 splits them), in order.
/// Values that are not UTF-8 are passed over; one pair of quotes around a value is taken off.
pub(crate) fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|header| header.as_bytes().split(|&byte| byte == b';'))
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .filter_map(|pair| pair.split_once('='))
        .filter(move |(key, _)| key.trim_ascii() == name)
        .map(|(_, value)| unquoted(value.trim_ascii()))
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        lines.iter().filter_map(|line| Some((COOKIE, HeaderValue::from_bytes(line).ok()?))).collect()
    }

    #[test]
    fn values_of_a_name_are_found_in_order_over_all_headers() {
        let headers = headers(&[b"a=1; session=x ;b=2", b" session = \"y\"", b"session="]);
        assert_eq!(values(&headers, "session").collect::<Vec<_>>(), ["x", "y", ""]);
    }

    #[test]
    fn names_are_compared_whole_and_with_their_case() {
        let headers = headers(&[b"Session=1; xsession=2; session2=3; session; =4"]);
        assert_eq!(values(&headers, "session").next(), None);
    }

    #[test]
    fn a_value_that_is_not_utf8_is_passed_over() {
        let headers = headers(&[b"session=\xff\xfe; session=ok"]);
        assert_eq!(values(&headers, "session").collect::<Vec<_>>(), ["ok"]);
    }

    #[test]
    fn an_equals_sign_belongs_to_the_value() {
        let headers = headers(&[b"session=a==; other"]);
        assert_eq!(values(&headers, "session").collect::<Vec<_>>(), ["a=="]);
    }
}
