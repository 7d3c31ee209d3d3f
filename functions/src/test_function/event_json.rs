//! CloudFront's event object in JSON, read and checked into the messages it describes.

use super::EventError;
use crate::js::EventType;
use crate::{EventContext, Headers, Request, Response, rules};
use homefront_config::limits::TEST_EVENT_BYTES_MAX;
use serde_json::{Map, Value};
use std::net::{IpAddr, Ipv4Addr};

/// What an event object describes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) kind: EventType,
    pub(super) context: EventContext,
    pub(super) request: Request,
    pub(super) response: Option<Response>,
}

/// Reads an event object.
pub(super) fn parse(json: &[u8]) -> Result<Event, EventError> {
    if json.len() as u64 > TEST_EVENT_BYTES_MAX {
        return Err(EventError::TooLarge { bytes: json.len() as u64, max: TEST_EVENT_BYTES_MAX });
    }
    let root: Value = serde_json::from_slice(json).map_err(|error| EventError::NotJson(error.to_string()))?;
    let event = Node::root(&root)?;
    event.only(&["version", "context", "viewer", "request", "response"])?;
    let context = event.object("context")?;
    context.only(&["distributionDomainName", "endpoint", "distributionId", "eventType", "requestId"])?;
    if context.members.contains_key("endpoint") {
        return Err(context.wrong("endpoint", "belongs to multi-tenant distributions, of which this node has none"));
    }
    let event_type = match context.required_text("eventType")? {
        "viewer-request" => EventType::ViewerRequest,
        "viewer-response" => EventType::ViewerResponse,
        _ => return Err(context.wrong("eventType", "must be \"viewer-request\" or \"viewer-response\"")),
    };
    let request = request(&event.object("request")?)?;
    let response = match event_type {
        EventType::ViewerRequest if event.members.contains_key("response") => {
            return Err(event.wrong("response", "does not belong to a viewer-request event"));
        }
        EventType::ViewerRequest => None,
        EventType::ViewerResponse => Some(response(&event.object("response")?)?),
    };
    let context = EventContext {
        distribution_domain_name: context.text("distributionDomainName")?.unwrap_or_default().into(),
        distribution_id: context.text("distributionId")?.unwrap_or_default().into(),
        request_id: context.text("requestId")?.unwrap_or_default().to_owned(),
        viewer_ip: viewer_ip(&event)?,
        // An event object has no place for it.
        server_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    Ok(Event { kind: event_type, context, request, response })
}

fn viewer_ip(event: &Node<'_>) -> Result<IpAddr, EventError> {
    if !event.members.contains_key("viewer") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let viewer = event.object("viewer")?;
    viewer.only(&["ip"])?;
    viewer.required_text("ip")?.parse().map_err(|_| viewer.wrong("ip", "must be an IP address"))
}

fn request(node: &Node<'_>) -> Result<Request, EventError> {
    node.only(&["method", "uri", "querystring", "headers", "cookies"])?;
    let uri = node.required_text("uri")?;
    if !rules::uri_valid(uri) {
        return Err(node.wrong("uri", "must begin with \"/\" and have no query, space or control character"));
    }
    let querystring = if let Some(Value::String(text)) = node.members.get("querystring") {
        // As it stands on the wire.
        Some(text.clone())
    } else {
        let pairs = pairs(node, "querystring")?;
        (!pairs.is_empty()).then(|| pairs.join("&"))
    };
    if querystring.as_ref().is_some_and(|querystring| !rules::querystring_valid(querystring)) {
        return Err(node.wrong("querystring", "must have no space, control character or \"#\"; percent-encode them"));
    }
    let mut headers = headers(node)?;
    let cookies = self::pairs(node, "cookies")?;
    if !cookies.is_empty() {
        headers.push(b"Cookie", cookies.join("; ").as_bytes());
    }
    Ok(Request {
        method: node.required_text("method")?.to_owned(),
        uri: uri.to_owned().into(),
        querystring: querystring.map(Into::into),
        headers,
    })
}

fn response(node: &Node<'_>) -> Result<Response, EventError> {
    node.only(&["statusCode", "statusDescription", "headers", "cookies"])?;
    let status = node.members.get("statusCode").and_then(Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok()).filter(|status| (100..=599).contains(status));
    let status = status.ok_or_else(|| node.wrong("statusCode", "must be a number from 100 to 599"))?;
    let mut headers = headers(node)?;
    for entry in entries(node, "cookies")? {
        for Single { text, attributes } in &entry.values {
            let attributes = attributes.as_ref().map(|attributes| format!("; {attributes}")).unwrap_or_default();
            headers.push(b"Set-Cookie", format!("{}={text}{attributes}", entry.name).as_bytes());
        }
    }
    let status_description = node.text("statusDescription")?.map(str::to_owned);
    Ok(Response { status, status_description, headers, body: None })
}

fn headers(node: &Node<'_>) -> Result<Headers, EventError> {
    let mut headers = Headers::default();
    let section = node.at("headers");
    for entry in entries(node, "headers")? {
        let wrong = |problem: &str| EventError::member(format!("{section}[\"{}\"]", entry.name), problem);
        if entry.name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong("header names are written in lower case"));
        }
        if !rules::header_name_valid(entry.name) {
            return Err(wrong("is not a header name"));
        }
        for value in &entry.values {
            if !rules::header_value_valid(value.text) {
                return Err(wrong("has a control character in its value"));
            }
            headers.push(rules::wire_name(entry.name).as_bytes(), value.text.as_bytes());
        }
    }
    Ok(headers)
}

/// `name=value` of a section.
fn pairs(node: &Node<'_>, name: &str) -> Result<Vec<String>, EventError> {
    let entries = entries(node, name)?;
    let pairs = entries.iter().flat_map(|entry| entry.values.iter().map(|value| (entry.name, value.text)));
    Ok(pairs.map(|(name, value)| format!("{name}={value}")).collect())
}

struct Entry<'a> {
    name: &'a str,
    values: Vec<Single<'a>>,
}

struct Single<'a> {
    text: &'a str,
    attributes: Option<&'a str>,
}

/// `{name: {value, multiValue?, attributes?}}`; a missing section is empty.
fn entries<'a>(node: &Node<'a>, name: &str) -> Result<Vec<Entry<'a>>, EventError> {
    if !node.members.contains_key(name) {
        return Ok(Vec::new());
    }
    let section = node.object(name)?;
    let mut entries = Vec::with_capacity(section.members.len());
    for name in section.members.keys() {
        let entry = section.object(name)?;
        entry.only(&["value", "multiValue", "attributes"])?;
        let values = match entry.members.get("multiValue") {
            None => vec![value(&entry)?],
            Some(Value::Array(list)) if !list.is_empty() => {
                let path = entry.at("multiValue");
                let nodes = list.iter().enumerate().map(|(index, value)| Node::of(value, format!("{path}[{index}]")));
                nodes.map(|node| value(&node?)).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(entry.wrong("multiValue", "must be an array with an element")),
        };
        entries.push(Entry { name, values });
    }
    Ok(entries)
}

fn value<'a>(node: &Node<'a>) -> Result<Single<'a>, EventError> {
    Ok(Single { text: node.required_text("value")?, attributes: node.text("attributes")? })
}

/// An object of the event, with its path for messages.
struct Node<'a> {
    path: String,
    members: &'a Map<String, Value>,
}

impl<'a> Node<'a> {
    fn root(value: &'a Value) -> Result<Self, EventError> {
        match value {
            Value::Object(members) => Ok(Self { path: String::new(), members }),
            _ => Err(EventError::member("the event", "must be an object")),
        }
    }

    fn of(value: &'a Value, path: String) -> Result<Self, EventError> {
        match value {
            Value::Object(members) => Ok(Self { path, members }),
            _ => Err(EventError::member(path, "must be an object")),
        }
    }

    /// The path of a member: with a dot, or in brackets when the name is no word.
    fn at(&self, name: &str) -> String {
        let word = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
        match (self.path.is_empty(), word) {
            (true, _) => name.to_owned(),
            (false, true) => format!("{}.{name}", self.path),
            (false, false) => format!("{}[{name:?}]", self.path),
        }
    }

    fn wrong(&self, name: &str, problem: &str) -> EventError {
        EventError::member(self.at(name), problem)
    }

    fn object(&self, name: &str) -> Result<Self, EventError> {
        match self.members.get(name) {
            Some(value) => Self::of(value, self.at(name)),
            None => Err(self.wrong(name, "is missing")),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, EventError> {
        match self.members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    fn required_text(&self, name: &str) -> Result<&'a str, EventError> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "is missing"))
    }

    fn only(&self, known: &[&str]) -> Result<(), EventError> {
        match self.members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(unknown) => {
                let problem = format!("is not a member of CloudFront's event; known are {}", known.join(", "));
                Err(EventError::member(self.at(unknown), problem))
            }
            None => Ok(()),
        }
    }
}
