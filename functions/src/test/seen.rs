//! A message as a case sees it, whoever made it: a function's result in either product's JSON, or HTTP.

use super::event;
use crate::js::BASE64;
use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// A request or a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Of a response.
    pub status: Option<u16>,
    /// Of a request: the path.
    pub uri: Option<String>,
    /// Of a request: without `?`.
    pub querystring: Option<String>,
    /// Lines, in order.
    pub headers: Vec<(String, String)>,
    /// `None` when the message says nothing of one.
    pub body: Option<Vec<u8>>,
}

impl Seen {
    /// What a CloudFront Function's output, `{"request":…}` or `{"response":…}`, comes to on the wire; `event` is what the
    /// function was given.
    pub fn function_output(output: &Value, event: &Value) -> Option<Self> {
        let (kind, message) = output.as_object()?.iter().next()?;
        let message = message.as_object()?;
        let given = event.get(kind).unwrap_or(&Value::Null);
        let entries = |section: &str| entries(message.get(section), given.get(section));
        let mut headers: Vec<_> = entries("headers").into_iter().map(|(name, value, _)| (name, value)).collect();
        let cookies = entries("cookies");
        let mut seen = Self::default();
        if kind == "request" {
            let pairs: Vec<_> = cookies.into_iter().map(|(name, value, _)| format!("{name}={value}")).collect();
            if !pairs.is_empty() {
                headers.push(("cookie".to_owned(), pairs.join("; ")));
            }
            seen.uri = text(message, "uri");
            seen.querystring = Some(match (message.get("querystring"), given.get("querystring")) {
                (Some(Value::String(text)), _) => text.clone(),
                // What the function did not change goes on as it came.
                (Some(same), Some(Value::String(text))) if *same == event::sections_of(text) => text.clone(),
                (other, Some(Value::String(text))) => joined(&self::entries(other, Some(&event::sections_of(text)))),
                _ => joined(&entries("querystring")),
            });
        } else {
            headers.extend(cookies.into_iter().map(|(name, value, attributes)| {
                let attributes = attributes.map(|attributes| format!("; {attributes}")).unwrap_or_default();
                ("set-cookie".to_owned(), format!("{name}={value}{attributes}"))
            }));
            seen.status = message.get("statusCode").and_then(Value::as_u64).and_then(|status| status.try_into().ok());
            seen.body = message.get("body").and_then(|body| match body {
                Value::Null => Some(Vec::new()),
                Value::Object(body) => decoded(&text(body, "data")?, text(body, "encoding").as_deref(), &BASE64),
                body => body.as_str().map(|text| text.as_bytes().to_vec()),
            });
        }
        seen.headers = headers;
        Some(seen.with_plain_values())
    }

    /// What a Lambda@Edge function returned.
    pub fn lambda_output(output: &Value) -> Option<Self> {
        let message = output.as_object()?;
        let mut seen = Self::default();
        for (name, lines) in message.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let lines = lines.as_array().into_iter().flatten();
            let values = lines.filter_map(|line| line.get("value")?.as_str());
            seen.headers.extend(values.map(|value| (name.clone(), value.to_owned())));
        }
        seen.status = message.get("status").and_then(|status| match status {
            Value::String(text) => text.parse().ok(),
            number => number.as_u64()?.try_into().ok(),
        });
        if seen.status.is_none() {
            seen.uri = text(message, "uri");
            seen.querystring = text(message, "querystring");
        }
        seen.body = match message.get("body") {
            Some(Value::Object(body)) if text(body, "action").as_deref() == Some("replace") => {
                let encoding = text(body, "encoding").unwrap_or_else(|| "base64".to_owned());
                decoded(&text(body, "data").unwrap_or_default(), Some(&encoding), &STANDARD)
            }
            Some(Value::String(body)) => decoded(body, text(message, "bodyEncoding").as_deref(), &STANDARD),
            _ => None,
        };
        Some(seen.with_plain_values())
    }

    /// The node sends no white space around a header's value.
    fn with_plain_values(mut self) -> Self {
        for (_, value) in &mut self.headers {
            let plain = value.trim_matches([' ', '\t']);
            *value = plain.to_owned();
        }
        self
    }

    /// The lines of a name, in order.
    pub(super) fn lines(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_str()).collect()
    }
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

fn decoded(data: &str, encoding: Option<&str>, base64: &GeneralPurpose) -> Option<Vec<u8>> {
    match encoding {
        Some("base64") => base64.decode(data).ok(),
        _ => Some(data.as_bytes().to_vec()),
    }
}

type Entry = (String, String, Option<String>);

/// The values of `{name: {value, multiValue?}}` that CloudFront takes: a changed `multiValue` counts alone, otherwise `value`
/// is the first.
fn entries(section: Option<&Value>, given: Option<&Value>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (name, entry) in section.and_then(Value::as_object).into_iter().flatten() {
        let value = |value: &Value| Some((text(value.as_object()?, "value")?, text(value.as_object()?, "attributes")));
        let Some(first) = value(entry) else { continue };
        let several = entry.get("multiValue").and_then(Value::as_array);
        let changed = given.and_then(|given| given.get(name)?.get("multiValue")) != entry.get("multiValue");
        let values = match several {
            None => vec![first],
            Some(several) if changed => several.iter().filter_map(value).collect(),
            Some(several) => std::iter::once(first).chain(several.iter().skip(1).filter_map(value)).collect(),
        };
        entries.extend(values.into_iter().map(|(value, attributes)| (name.clone(), value, attributes)));
    }
    entries
}

fn joined(entries: &[Entry]) -> String {
    let pairs: Vec<_> = entries.iter().map(|(name, value, _)| format!("{name}={value}")).collect();
    pairs.join("&")
}
