//! Which bytes of an object a Range request gets.
//!
//! Developer Guide, "How CloudFront processes partial requests for an object (range GETs)": several ranges must ascend, not
//! overlap and all be valid, else the whole object is sent. RFC 9110 §13.1.5 and §14 for the rest.

use homefront_config::limits;
use http::HeaderMap;
use http::header::{ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use std::ops::Range;

/// What to serve of an object whose status would be 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serve {
    /// 200 and everything.
    Whole,
    /// 206 and these bytes; never empty, never beyond the end.
    Single(Range<u64>),
    /// 206 and these bytes as `multipart/byteranges`; two or more, ascending, apart.
    Multi(Vec<Range<u64>>),
    /// 416: no byte that is asked for exists.
    Unsatisfiable,
}

/// Reads `Range` and `If-Range` of a request for an object of `total_bytes` with the headers `response`.
pub fn decide(request: &HeaderMap, response: &HeaderMap, total_bytes: u64) -> Serve {
    let mut ranges = request.get_all(RANGE).into_iter();
    match (ranges.next(), ranges.next()) {
        (Some(range), None) if is_current(request, response) => parse(range.as_bytes(), total_bytes),
        _ => Serve::Whole,
    }
}

/// Reads the value of one Range header. What is not understood is ignored, and so is every range of an empty object: some
/// clients ask for a range of everything.
pub fn parse(range: &[u8], total_bytes: u64) -> Serve {
    let Some(set) = range.split_at_checked(6).filter(|(unit, _)| unit.eq_ignore_ascii_case(b"bytes=")) else {
        return Serve::Whole;
    };
    let specs = set.1.split(|&b| b == b',').map(<[u8]>::trim_ascii);
    if total_bytes == 0 || specs.clone().nth(limits::RANGES_MAX).is_some() {
        return Serve::Whole;
    }
    let Some(found) = specs.map(|spec| resolve(spec, total_bytes)).collect::<Option<Vec<_>>>() else {
        return Serve::Whole;
    };
    let mut exist: Vec<Range<u64>> = found.iter().flatten().cloned().collect();
    let ascend = exist.windows(2).all(|pair| pair[0].end <= pair[1].start);
    if exist.is_empty() {
        Serve::Unsatisfiable
    } else if exist.len() < found.len() || !ascend {
        Serve::Whole
    } else if exist.len() == 1 {
        Serve::Single(exist.remove(0))
    } else {
        Serve::Multi(exist)
    }
}

/// `None` for what is no range, `Some(None)` for a range that lies beyond the end.
#[allow(clippy::option_option, reason = "not a range and no such bytes are told apart by the caller alone")]
fn resolve(spec: &[u8], total_bytes: u64) -> Option<Option<Range<u64>>> {
    let dash = spec.iter().position(|&b| b == b'-')?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    if first.is_empty() {
        let suffix = number(last)?.min(total_bytes);
        return Some((suffix > 0).then(|| total_bytes - suffix..total_bytes));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some((first < total_bytes).then(|| first..last.min(total_bytes - 1) + 1))
}

/// Digits only; what is too large to hold is as large as can be.
fn number(digits: &[u8]) -> Option<u64> {
    let add = |sum: u64, digit: &u8| {
        digit.is_ascii_digit().then(|| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// Whether the object is the one that `If-Range` means: the same strong entity tag, or exactly the same date.
fn is_current(request: &HeaderMap, response: &HeaderMap) -> bool {
    let Some(condition) = request.get(IF_RANGE) else { return true };
    let is_tag = condition.as_bytes().ends_with(b"\"");
    if is_tag {
        condition.as_bytes().starts_with(b"\"") && response.get(ETAG) == Some(condition)
    } else {
        response.get(LAST_MODIFIED) == Some(condition)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use http::header::HeaderName;
    use proptest::prelude::*;

    fn of_1000(range: &str) -> Serve {
        parse(range.as_bytes(), 1_000)
    }

    #[test]
    fn one_range_is_cut_at_the_end() {
        assert_eq!(of_1000("bytes=0-99"), Serve::Single(0..100));
        assert_eq!(of_1000("Bytes=900-2000"), Serve::Single(900..1_000));
        assert_eq!(of_1000("bytes=999-"), Serve::Single(999..1_000));
        assert_eq!(of_1000("bytes=-1"), Serve::Single(999..1_000));
        assert_eq!(of_1000("bytes=-5000"), Serve::Single(0..1_000));
        assert_eq!(of_1000("bytes=0-99999999999999999999999"), Serve::Single(0..1_000));
    }

    #[test]
    fn bytes_that_do_not_exist_are_unsatisfiable() {
        for range in ["bytes=1000-", "bytes=1000-1001,2000-", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of_1000(range), Serve::Unsatisfiable, "{range}");
        }
    }

    #[test]
    fn several_ranges_must_ascend_and_keep_apart() {
        assert_eq!(of_1000("bytes=0-99, 100-199 ,-100"), Serve::Multi(vec![0..100, 100..200, 900..1_000]));
        for range in ["bytes=300-400,100-200", "bytes=100-200,150-250", "bytes=100-200,200-250", "bytes=0-1,5000-"] {
            assert_eq!(of_1000(range), Serve::Whole, "{range}");
        }
    }

    #[test]
    fn what_is_no_range_is_ignored() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=0-1,",
            "items=0-1",
            "bytes=1-2-3",
            "bytes=+1-2",
        ] {
            assert_eq!(of_1000(range), Serve::Whole, "{range}");
        }
    }

    #[test]
    fn every_range_of_an_empty_object_is_the_whole() {
        for range in ["bytes=0-", "bytes=-5", "bytes=-0"] {
            assert_eq!(parse(range.as_bytes(), 0), Serve::Whole, "{range}");
        }
    }

    #[test]
    fn too_many_ranges_are_ignored() {
        let ranges = |count: usize| {
            let each: Vec<String> = (0..count).map(|index| format!("{0}-{0}", index * 2)).collect();
            format!("bytes={}", each.join(","))
        };
        assert!(matches!(of_1000(&ranges(limits::RANGES_MAX)), Serve::Multi(_)));
        assert_eq!(of_1000(&ranges(limits::RANGES_MAX + 1)), Serve::Whole);
    }

    #[test]
    fn if_range_asks_for_the_same_object() {
        let headers = |pairs: &[(HeaderName, &str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
        };
        let date = "Mon, 23 Nov 2026 13:00:00 GMT";
        let object = headers(&[(ETAG, "\"a\""), (LAST_MODIFIED, date)]);
        let serve = |if_range: &str, object: &HeaderMap| {
            decide(&headers(&[(RANGE, "bytes=0-1"), (IF_RANGE, if_range)]), object, 10)
        };
        assert_eq!(serve("\"a\"", &object), Serve::Single(0..2));
        assert_eq!(serve(date, &object), Serve::Single(0..2));
        assert_eq!(serve("\"b\"", &object), Serve::Whole);
        assert_eq!(serve("Mon, 23 Nov 2026 13:00:01 GMT", &object), Serve::Whole);
        assert_eq!(serve("W/\"a\"", &headers(&[(ETAG, "W/\"a\"")])), Serve::Whole);
        assert_eq!(decide(&headers(&[]), &object, 10), Serve::Whole);
        let mut twice = headers(&[(RANGE, "bytes=0-1")]);
        twice.append(RANGE, "bytes=4-5".parse().unwrap());
        assert_eq!(decide(&twice, &object, 10), Serve::Whole);
    }

    proptest! {
        #[test]
        fn no_byte_beyond_the_end_and_none_twice(range in "bytes=[0-9,\\- ]{0,20}", total_bytes in 0_u64..120) {
            let ranges = match parse(range.as_bytes(), total_bytes) {
                Serve::Single(range) => vec![range],
                Serve::Multi(ranges) => ranges,
                Serve::Whole | Serve::Unsatisfiable => Vec::new(),
            };
            let mut at = 0;
            for range in ranges {
                prop_assert!(range.start >= at && range.start < range.end && range.end <= total_bytes);
                at = range.end;
            }
        }
    }
}
