//! CloudFront's import file, `{"data":[{"key":"…","value":"…"}]}`: Developer Guide, "Create a key value store", "File format".

use crate::limits::{KVS_FILE_BYTES_MAX, KVS_KEY_BYTES_MAX, KVS_VALUE_BYTES_MAX};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;

/// Line and column, from 1.
type Place = (usize, usize);

/// A key and its value.
pub type Entry = (Box<str>, Box<str>);

/// Why CloudFront would refuse an import file: what, and where in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportProblem {
    /// From 1; `None` = it is about the whole file.
    pub line: Option<usize>,
    /// In bytes, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// The way out, where it is not obvious.
    pub hint: Option<&'static str>,
}

const FORM: &str = "the form is {\"data\":[{\"key\":\"…\",\"value\":\"…\"}]}, values are strings";

/// `12:5: what is wrong`
impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, "{number}:")?;
        }
        write!(f, "{}{}", if self.line.is_some() { " " } else { "" }, self.what)
    }
}

impl std::error::Error for ImportProblem {}

impl ImportProblem {
    fn of_file(what: impl Into<String>, hint: Option<&'static str>) -> Self {
        Self { line: None, column: None, what: what.into(), hint }
    }

    fn at((line, column): Place, what: impl Into<String>) -> Self {
        Self { line: Some(line), column: Some(column), what: what.into(), hint: None }
    }

    /// What the JSON parser says, with its place: it counts from where what it was given begins.
    fn of_json(error: &serde_json::Error, (line, column): Place) -> Self {
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned();
        let place = match error.line() {
            0 => (line, None),
            1 => (line, Some(column - 1 + error.column())),
            further => (line + further - 1, Some(error.column())),
        };
        Self { line: Some(place.0), column: place.1.map(|column| column.max(1)), what, hint: Some(FORM) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the list \"data\"")]
struct Import<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    key: Box<str>,
    value: Box<str>,
}

/// The entries of an import file in its order, or all that CloudFront would refuse about it.
pub fn entries(bytes: &[u8]) -> Result<Vec<Entry>, Vec<ImportProblem>> {
    if bytes.len() as u64 > KVS_FILE_BYTES_MAX {
        let what = format!("more than {KVS_FILE_BYTES_MAX} bytes, CloudFront's limit for a store");
        return Err(vec![ImportProblem::of_file(what, None)]);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with('\u{feff}') => {
            let what = "it begins with a byte order mark";
            return Err(vec![ImportProblem::of_file(what, Some("save it as UTF-8 without one"))]);
        }
        Ok(text) => text,
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |end| end + 1) + 1;
            let place = (lines(before) + 1, column);
            return Err(vec![ImportProblem::at(place, "bytes that are not UTF-8")]);
        }
    };
    // serde takes a list of values for an object with members in this order.
    if text.trim_start().starts_with('[') {
        return Err(vec![ImportProblem { hint: Some(FORM), ..ImportProblem::at((1, 1), "a list") }]);
    }
    let import: Import<'_> =
        serde_json::from_str(text).map_err(|error| vec![ImportProblem::of_json(&error, (1, 1))])?;
    let mut judge = Judge { text, walked: 0, line: 1, line_start: 0, first: HashMap::new(), problems: Vec::new() };
    let entries: Vec<_> = import.data.into_iter().filter_map(|pair| judge.entry(pair)).collect();
    if judge.problems.is_empty() { Ok(entries) } else { Err(judge.problems) }
}

fn lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// Walks over the pairs and keeps count of lines.
struct Judge<'a> {
    text: &'a str,
    /// Bytes that were walked over.
    walked: usize,
    /// Line at their end, and where it starts.
    line: usize,
    line_start: usize,
    /// Where the pair with a key stands first.
    first: HashMap<Box<str>, Place>,
    problems: Vec<ImportProblem>,
}

impl Judge<'_> {
    fn entry(&mut self, pair: &RawValue) -> Option<Entry> {
        let start = pair.get().as_ptr() as usize - self.text.as_ptr() as usize;
        let passed = &self.text.as_bytes()[self.walked..start];
        self.line += lines(passed);
        if let Some(end) = memchr::memrchr(b'\n', passed) {
            self.line_start = self.walked + end + 1;
        }
        self.walked = start;
        let place = (self.line, start - self.line_start + 1);
        if pair.get().starts_with('[') {
            self.problems.push(ImportProblem { hint: Some(FORM), ..ImportProblem::at(place, "a list") });
            return None;
        }
        let Pair { key, value } = match serde_json::from_str(pair.get()) {
            Ok(pair) => pair,
            Err(error) => {
                self.problems.push(ImportProblem::of_json(&error, place));
                return None;
            }
        };
        let mut refuse = |what: String| self.problems.push(ImportProblem::at(place, what));
        if key.is_empty() {
            refuse("an empty key".to_owned());
        }
        if key.len() > KVS_KEY_BYTES_MAX {
            let (bytes, start) = (key.len(), start_of(&key));
            refuse(format!("the key {start:?}… has {bytes} bytes; CloudFront's limit is {KVS_KEY_BYTES_MAX}"));
        }
        if value.len() > KVS_VALUE_BYTES_MAX {
            let (bytes, key) = (value.len(), start_of(&key));
            refuse(format!("the value of {key:?} has {bytes} bytes; CloudFront's limit is {KVS_VALUE_BYTES_MAX}"));
        }
        if let Some((line, column)) = self.first.get(&key) {
            let what = format!("the key {:?} stands at {line}:{column}, too", start_of(&key));
            self.problems.push(ImportProblem::at(place, what));
        } else {
            self.first.insert(key.clone(), place);
        }
        Some((key, value))
    }
}

/// What of a key fits into a message.
fn start_of(key: &str) -> &str {
    const BYTES: usize = 64;
    &key[..key.floor_char_boundary(BYTES)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    fn refused(file: impl AsRef<[u8]>) -> String {
        let problems = entries(file.as_ref()).unwrap_err();
        let told = |problem: &ImportProblem| match problem.hint {
            Some(hint) => format!("{problem}\n  hint: {hint}"),
            None => problem.to_string(),
        };
        problems.iter().map(told).collect::<Vec<_>>().join("\n")
    }

    fn pair(key_bytes: usize, value_bytes: usize) -> String {
        format!(r#"{{"data":[{{"key":"{}","value":"{}"}}]}}"#, "k".repeat(key_bytes), "v".repeat(value_bytes))
    }

    #[test]
    fn keys_and_values_are_read_in_their_order() {
        let read = entries(br#"{"data":[{"key":"b","value":"1"},{"value":"","key":"\u00fc"}]}"#).unwrap();
        assert_eq!(read, [("b".into(), "1".into()), ("ü".into(), "".into())]);
        assert_eq!(entries(br#"{"data":[]}"#).unwrap(), []);
    }

    #[test]
    fn a_key_stands_once() {
        let file = "{\"data\":[\n{\"key\":\"a\",\"value\":\"1\"},\n{\"key\":\"b\",\"value\":\"1\"},\n{\"key\":\"a\",\"value\":\"2\"}]}";
        insta::assert_snapshot!(refused(file), @r#"4:1: the key "a" stands at 2:1, too"#);
    }

    #[test]
    fn a_key_has_512_bytes_at_most_and_one_at_least() {
        assert!(entries(pair(512, 1).as_bytes()).is_ok());
        insta::assert_snapshot!(refused(pair(513, 1)), @r#"1:10: the key "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"… has 513 bytes; CloudFront's limit is 512"#);
        insta::assert_snapshot!(refused(pair(0, 1)), @"1:10: an empty key");
        let umlauts = format!(r#"{{"data":[{{"key":"{}","value":""}}]}}"#, "ü".repeat(257));
        assert!(refused(umlauts).contains("has 514 bytes"), "bytes, not characters");
    }

    #[test]
    fn a_value_has_1024_bytes_at_most() {
        assert!(entries(pair(1, 1_024).as_bytes()).is_ok());
        insta::assert_snapshot!(refused(pair(1, 1_025)), @r#"1:10: the value of "k" has 1025 bytes; CloudFront's limit is 1024"#);
    }

    #[test]
    fn a_file_has_5_mb_at_most() {
        let mut file = pair(1, 1);
        write!(file, "{}", " ".repeat(KVS_FILE_BYTES_MAX as usize - file.len())).unwrap();
        assert!(entries(file.as_bytes()).is_ok());
        insta::assert_snapshot!(refused(file + " "), @"more than 5242880 bytes, CloudFront's limit for a store");
    }

    #[test]
    fn a_large_file_in_one_line_is_walked_over_once() {
        let pair = |number| format!(r#"{{"key":"{number}","value":""}}"#);
        let mut pairs: Vec<_> = (0..150_000).map(pair).collect();
        pairs.push(pair(7));
        let problems = entries(format!(r#"{{"data":[{}]}}"#, pairs.join(",")).as_bytes()).unwrap_err();
        insta::assert_snapshot!(problems[0], @r#"1:4088900: the key "7" stands at 1:171, too"#);
    }

    #[test]
    fn a_file_is_utf8() {
        insta::assert_snapshot!(refused(b"{\"data\":[\n{\"key\":\"\xff\",\"value\":\"\"}]}"), @"2:9: bytes that are not UTF-8");
        insta::assert_snapshot!(refused("\u{feff}{\"data\":[]}"), @r"
        it begins with a byte order mark
          hint: save it as UTF-8 without one
        ");
    }

    #[test]
    fn a_file_has_the_import_form() {
        insta::assert_snapshot!(refused(""), @r#"
        1:1: EOF while parsing a value
          hint: the form is {"data":[{"key":"…","value":"…"}]}, values are strings
        "#);
        insta::assert_snapshot!(refused("{\"data\":[\n  {\"key\":\"a\",\"value\":1},\n{\"key\":\"a\"}]}"), @r#"
        2:22: invalid type: integer `1`, expected a string
          hint: the form is {"data":[{"key":"…","value":"…"}]}, values are strings
        3:11: missing field `value`
          hint: the form is {"data":[{"key":"…","value":"…"}]}, values are strings
        "#);
        insta::assert_snapshot!(refused("{\"data\":[{\"key\":\"a\",\n\"value\":\"\",\n \"ttl\":1}]}"), @r#"
        3:6: unknown field `ttl`, expected `key` or `value`
          hint: the form is {"data":[{"key":"…","value":"…"}]}, values are strings
        "#);
        insta::assert_snapshot!(refused("{\"data\":[],\"data\":[]}"), @r#"
        1:17: duplicate field `data`
          hint: the form is {"data":[{"key":"…","value":"…"}]}, values are strings
        "#);
        insta::assert_snapshot!(refused("{\"data\":[{\"key\":\"a\",\n\"value\":\"b\"}"), @r#"
        2:12: EOF while parsing a list
          hint: the form is {"data":[{"key":"…","value":"…"}]}, values are strings
        "#);
        insta::assert_snapshot!(refused("[[{\"key\":\"a\",\"value\":\"b\"}]]"), @r#"
        1:1: a list
          hint: the form is {"data":[{"key":"…","value":"…"}]}, values are strings
        "#);
        insta::assert_snapshot!(refused("{\"data\":[\n[\"a\",\"b\"]]}"), @r#"
        2:1: a list
          hint: the form is {"data":[{"key":"…","value":"…"}]}, values are strings
        "#);
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let problems =
            entries(br#"{"data":[{"key":"","value":"1"},{"key":"a"},{"key":"b","value":"c"}]}"#).unwrap_err();
        assert_eq!(problems.len(), 2);
    }

    proptest! {
        #[test]
        fn what_is_within_the_limits_is_read_as_it_is_written(
            pairs in proptest::collection::hash_map("\\PC{1,40}", "\\PC{0,40}", 0..20)
        ) {
            let data: Vec<_> = pairs.iter().map(|(key, value)| serde_json::json!({"key": key, "value": value})).collect();
            let file = serde_json::json!({ "data": data }).to_string();
            let read: HashMap<_, _> = entries(file.as_bytes()).unwrap().into_iter().map(|(k, v)| (k.into(), v.into())).collect();
            prop_assert_eq!(read, pairs);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = entries(&bytes);
        }
    }
}
