//! Header lines as Lambda@Edge's map of arrays, and back.

use super::refusal::{invalid, shortened};
use super::{string, text};
use crate::rules::{self, Event};
use crate::{Failure, HeaderEdit, Headers};
use bytes::Bytes;
use homefront_config::limits::RESPONSE_HEAD_BYTES_MAX;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

const SENTENCE_DISALLOWED: &str =
    "The Lambda function result failed validation: The function tried to add a blacklisted header.";
const SENTENCE_READ_ONLY: &str =
    "The Lambda function result failed validation: The function tried to add, delete, or change a read-only header.";
const SENTENCE_NOT_AN_ARRAY: &str = "The Lambda function returned an invalid entry in the headers object: Each header entry in the headers object must be an array.";

/// Bytes a header line takes on the wire beside its name and value: colon, space, CR, LF.
const LINE_FRAME_BYTES: usize = 4;

/// All lines of one name.
struct Group<'a> {
    name_lower: String,
    lines: Vec<(&'a [u8], &'a [u8])>,
}

/// What a function returned for one name.
struct Returned {
    name_lower: String,
    /// As given in the first entry; `None` = CloudFront's casing.
    key: Option<String>,
    values: Vec<String>,
}

/// Writes the map without what functions never see: lower-case names in the order of first appearance, one entry a line.
pub(super) fn write(out: &mut Vec<u8>, headers: &Headers) {
    write_groups(out, &groups(headers, |name| !rules::disallowed(name)));
}

/// Writes the map with every line.
pub(super) fn write_all(out: &mut Vec<u8>, headers: &Headers) {
    write_groups(out, &groups(headers, |_| true));
}

fn write_groups(out: &mut Vec<u8>, groups: &[Group<'_>]) {
    out.push(b'{');
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, &group.name_lower);
        out.extend_from_slice(b":[");
        for (index, (key, value)) in group.lines.iter().enumerate() {
            out.extend_from_slice(if index > 0 { br#",{"key":"# } else { br#"{"key":"# });
            string(out, &text(key));
            out.extend_from_slice(br#","value":"#);
            string(out, &text(value));
            out.push(b'}');
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn groups(headers: &Headers, shown: impl Fn(&[u8]) -> bool) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::with_capacity(headers.len());
    for line in headers.iter().filter(|(name, _)| shown(name)) {
        // A message has some ten names: looking through them is cheaper than a map, and keeps their order.
        match groups.iter_mut().find(|group| group.lines[0].0.eq_ignore_ascii_case(line.0)) {
            Some(group) => group.lines.push(line),
            None => groups.push(Group { name_lower: text(line.0).to_ascii_lowercase(), lines: vec![line] }),
        }
    }
    groups
}

/// What the returned map changes in `original`.
pub(super) fn edits(event: Event, original: &Headers, map: &Value) -> Result<Vec<HeaderEdit>, Failure> {
    let returned = parse(map)?;
    let groups = groups(original, |name| !rules::disallowed(name));
    let by_name: HashMap<&str, &Group<'_>> = groups.iter().map(|group| (group.name_lower.as_str(), group)).collect();
    let mut kept = HashSet::with_capacity(groups.len());
    let mut edits = Vec::new();
    for header in returned.iter().filter(|header| !header.values.is_empty()) {
        kept.insert(header.name_lower.as_str());
        edits.extend(edit(event, header, by_name.get(header.name_lower.as_str()).copied())?);
    }
    for group in groups.iter().filter(|group| !kept.contains(group.name_lower.as_str())) {
        let name = text(group.lines[0].0);
        writable(event, &group.name_lower, "delete", &name)?;
        edits.push(HeaderEdit { name: name.into_owned(), values: Vec::new() });
    }
    Ok(edits)
}

/// The lines of a generated response.
pub(super) fn generated(event: Event, map: &Value) -> Result<Headers, Failure> {
    let mut headers = Headers::default();
    for header in parse(map)?.iter().filter(|header| !header.values.is_empty()) {
        if let Some(edit) = edit(event, header, None)? {
            for value in &edit.values {
                headers.push(edit.name.as_bytes(), value);
            }
        }
    }
    Ok(headers)
}

/// The lines of a map that is no message's: names in wire case, values as they are.
pub(super) fn lines(map: &Value) -> Result<Vec<(String, String)>, Failure> {
    let mut lines = Vec::new();
    for Returned { name_lower, key, values } in parse(map)? {
        let name = key.unwrap_or_else(|| rules::wire_name(&name_lower));
        lines.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    Ok(lines)
}

fn edit(event: Event, header: &Returned, original: Option<&Group<'_>>) -> Result<Option<HeaderEdit>, Failure> {
    let name = header.key.clone().unwrap_or_else(|| rules::wire_name(&header.name_lower));
    if rules::disallowed(&header.name_lower) || (original.is_none() && never_added(event, &header.name_lower)) {
        return Err(invalid(
            Some(SENTENCE_DISALLOWED),
            format!(
                "Lambda function result failed validation, the function tried to add a blacklisted header in headers, \
                 headerName : {}.",
                header.name_lower
            ),
        ));
    }
    let lines = original.map_or(&[][..], |group| &group.lines);
    let same_values = lines.len() == header.values.len()
        && lines.iter().zip(&header.values).all(|((_, old), new)| text(old) == new.as_str());
    if !same_values {
        writable(event, &header.name_lower, if original.is_some() { "change" } else { "add" }, &name)?;
    }
    let same_name = header.key.is_none() || lines.first().is_some_and(|(old, _)| text(old) == name.as_str());
    // Names in another case are the same names: what may not be touched stays as it was.
    if same_values && (same_name || rules::read_only(event, &header.name_lower)) {
        return Ok(None);
    }
    if original.is_none() && !rules::header_name_valid(&header.name_lower) {
        return Err(invalid_name(&header.name_lower));
    }
    let mut values = Vec::with_capacity(header.values.len());
    for value in &header.values {
        // A value that stood there before goes on with its own bytes, which may not be UTF-8.
        if let Some((_, old)) = lines.iter().find(|(_, old)| text(old) == value.as_str()) {
            values.push(Bytes::copy_from_slice(old));
            continue;
        }
        if let Some(byte) = value.bytes().find(|byte| !rules::header_value_valid([*byte])) {
            let what = format_args!("invalid character : '%{byte:02X}' in header value, headerName : {name}");
            return Err(invalid_header(what));
        }
        values.push(Bytes::copy_from_slice(rules::without_space_around(value.as_bytes())));
    }
    Ok(Some(HeaderEdit { name, values }))
}

/// Developer Guide, "Restrictions on Lambda@Edge": CloudFront adds it after viewer request.
fn never_added(event: Event, name_lower: &str) -> bool {
    event == Event::LambdaViewerRequest && name_lower == "cloudfront-viewer-country"
}

fn invalid_name(name: &str) -> Failure {
    let shown = name.escape_debug();
    match name.bytes().find(|byte| !rules::header_name_valid([*byte])) {
        None => invalid_header(format_args!("the name of a header is empty, headerName : {shown}")),
        Some(byte) => {
            let rule = "names have letters, digits and !#$%&'*+-.^_`|~";
            invalid_header(format_args!(
                "invalid character : '%{byte:02X}' in header name ({rule}), headerName : {shown}"
            ))
        }
    }
}

pub(super) fn invalid_header(what: std::fmt::Arguments<'_>) -> Failure {
    let detail = format!("Lambda function result validation failed, the function returned an invalid header, {what}.");
    invalid(None, detail)
}

fn writable(event: Event, name_lower: &str, verb: &str, name: &str) -> Result<(), Failure> {
    if !rules::read_only(event, name_lower) {
        return Ok(());
    }
    let name = if name_lower == "cdn-loop" { "CDN-Loop" } else { name };
    Err(invalid(
        Some(SENTENCE_READ_ONLY),
        format!(
            "Lambda function result failed validation, the function tried to {verb} read-only header, headerName : {name}."
        ),
    ))
}

fn parse(map: &Value) -> Result<Vec<Returned>, Failure> {
    let Value::Object(map) = map else {
        return Err(invalid(
            None,
            "The Lambda function result failed validation, headers is not an object.".to_owned(),
        ));
    };
    let mut places: HashMap<String, usize> = HashMap::with_capacity(map.len());
    let mut headers: Vec<Returned> = Vec::with_capacity(map.len());
    let mut bytes = 0;
    for (name, entries) in map {
        let Value::Array(entries) = entries else {
            return Err(invalid(Some(SENTENCE_NOT_AN_ARRAY), not_an_array(name)));
        };
        let name_lower = name.to_ascii_lowercase();
        let place = *places.entry(name_lower.clone()).or_insert(headers.len());
        if place == headers.len() {
            headers.push(Returned { name_lower, key: None, values: Vec::new() });
        }
        for entry in entries {
            let before = headers[place].values.len();
            read_entry(name, entry, &mut headers[place])?;
            let added = &headers[place].values[before..];
            bytes += added.iter().map(|value| name.len() + value.len() + LINE_FRAME_BYTES).sum::<usize>();
        }
        if bytes > RESPONSE_HEAD_BYTES_MAX {
            let detail = format!(
                "Lambda function result failed validation, the headers are larger than {RESPONSE_HEAD_BYTES_MAX} bytes."
            );
            return Err(invalid(None, detail));
        }
    }
    Ok(headers)
}

/// Reads `{"key": "Name", "value": "text"}`; `value` may be an array of strings, one a line.
fn read_entry(name: &str, entry: &Value, header: &mut Returned) -> Result<(), Failure> {
    match entry.get("key") {
        None => {}
        Some(Value::String(key)) if key.eq_ignore_ascii_case(name) => {
            header.key.get_or_insert_with(|| key.clone());
        }
        Some(key) => {
            let detail = format!(
                "Lambda function result failed validation, the function returned an invalid header, key {} is not \
                 the name of its entry, headerName : {name}.",
                shortened(key)
            );
            return Err(invalid(None, detail));
        }
    }
    match entry.get("value") {
        Some(Value::String(value)) => {
            header.values.push(value.clone());
            Ok(())
        }
        Some(Value::Array(values)) if values.iter().all(Value::is_string) => {
            header.values.extend(values.iter().filter_map(Value::as_str).map(str::to_owned));
            Ok(())
        }
        _ => Err(invalid(
            Some(SENTENCE_NOT_AN_ARRAY),
            format!(
                "The Lambda function returned an invalid entry in the headers object, the value of each header value must \
                 be of string or array of string type, header :{name} has one or more entries whose value is neither \
                 string nor array of strings."
            ),
        )),
    }
}

fn not_an_array(name: &str) -> String {
    format!(
        "The Lambda function returned an invalid entry in the headers object, each header entry in the headers object must \
         be an array, header :{}.",
        name.escape_debug()
    )
}
