//! The case file as it is written: every table and key, declared once. [`super::build`] turns it into the public types.

use crate::language::collection::Map;
use crate::language::scalar::{Int, Text};
use crate::language::table::table;
use crate::language::{At, Node, Reading, Shape, Value};
use crate::limits::{CASE_CLOCK_S_MAX, CASE_ORIGIN_REQUESTS_MAX};
use std::path::PathBuf;

table! {
    /// One file holds cases for the functions and distributions of one configuration.
    Root "" {
        /// The configuration. Absent: the nearest `homefront.toml`, beside this file or in a folder above it.
        config: PathBuf, optional;
        /// What stands in for origins in all cases of the file, by the origin's id: answers, the first that fits.
        origin: Map<Vec<At<Answer>>>, optional;
        /// The cases.
        case: Vec<At<Case>>, required;
    }
}

table! {
    /// What must come of one event, or of requests to the whole distribution. Each case starts afresh, with an empty cache.
    Case "case" {
        /// What is promised; no other case of the file has this name.
        name: Text, required;
        /// The `[[function]]` that gets the event.
        function: Text, optional;
        /// The `[[lambda]]` that gets the event.
        lambda: Text, optional;
        /// The event object: a JSON file as TestFunction or Lambda takes it, or the same as a table.
        event: Event, optional;
        /// A viewer's request to the node. With `function` or `lambda` and without `event`: the request of the event.
        request: Request, optional;
        /// With `function` or `lambda`: the response of the event, which is then one of a response.
        response: Response, optional;
        /// With `lambda` and `request`: which event it is, if behaviors call the function on several.
        event_type: EventType, optional;
        /// What must come of it. Beside `step`: `log_contains` of the whole case.
        expect: Expect, optional;
        /// Several requests to the same node, in order, in place of `request`.
        step: Vec<At<Step>>, optional;
        /// As `origin` of the file, for this case; the first that fits here, then there.
        origin: Map<Vec<At<Answer>>>, optional;
    }
}

table! {
    /// One request to the node, and its answer.
    Step "case.step" {
        /// A viewer's request.
        request: Request, required;
        /// What must come of it.
        expect: Expect, required;
        /// Seconds that the node's clock moves on before the request.
        after_s: Int<0, CASE_CLOCK_S_MAX>, default "0";
    }
}

table! {
    /// A viewer's request.
    Request "request" {
        /// As in HTTP.
        method: Text, default "\"GET\"";
        /// Path and query, as they go on the wire.
        path: Text, required;
        /// Header lines. `Host` is the distribution's own name when it is absent: its first alias, or its domain name. With `function` or
        /// `lambda` it is the distribution that calls it; an event between cache and origin has the origin's.
        headers: Map<Lines>, optional;
        /// The body.
        body: String, optional;
        /// `https` needs a `viewer_certificate`.
        scheme: Scheme, default "\"http\"";
        /// With `function` or `lambda`: the viewer's address. The default is an address for documentation.
        viewer_ip: Text, default "\"203.0.113.178\"";
    }
}

table! {
    /// The response of an event.
    Response "response" {
        /// The status. On viewer response 200 to 399: functions are not called for others.
        status: Int<100, 599>, default "200";
        /// Header lines. On viewer response `Via` and `Server` are there when they are absent, as in every event of a node.
        headers: Map<Lines>, optional;
    }
}

table! {
    /// What must come of it; at least one key.
    Expect "expect" {
        /// The status. A function that returns a request has none.
        status: Int<100, 599>, optional;
        /// Headers by name, whatever its case: the one line there must be, or a list of all lines in their order.
        headers: Map<Lines>, optional;
        /// Headers that must be there, whatever their value.
        present_headers: Vec<At<Text>>, optional;
        /// Headers that must not be there.
        absent_headers: Vec<At<Text>>, optional;
        /// The whole body.
        body: String, optional;
        /// A part of the body.
        body_contains: Text, optional;
        /// The `uri` of the request that a function returns.
        uri: Text, optional;
        /// The query string of the request that a function returns, without `?`, `name=value` joined by `&`.
        querystring: String, optional;
        /// All that a function returns: `{ request = … }` or `{ response = … }` as in TestFunction's `FunctionOutput`, or what a
        /// Lambda function returns.
        output: Json, optional;
        /// A part of what a function returns: objects may have further members, everything else is equal.
        output_contains: Json, optional;
        /// The lines a function prints, all of them.
        log: Vec<At<String>>, optional;
        /// Texts that occur in lines a function prints.
        log_contains: Vec<At<Text>>, optional;
        /// The compute utilization, at most. CloudFront Functions only.
        utilization_max: Int<0, 100>, optional;
        /// The function fails, and its error contains this.
        error_contains: Text, optional;
        /// The function runs, CloudFront refuses what it returns, and its sentence or the reason contains this.
        refused_contains: Text, optional;
        /// How many requests reach the origins that stand-ins answer for.
        origin_requests: Int<0, CASE_ORIGIN_REQUESTS_MAX>, optional;
        /// The last request a stand-in gets.
        origin_request: OriginRequest, optional;
        /// A file that holds all that came of it; `homefront test --update` writes it.
        snapshot: PathBuf, optional;
    }
}

table! {
    /// A request as the origin gets it.
    OriginRequest "origin_request" {
        /// As in HTTP.
        method: Text, optional;
        /// Path and query.
        path: Text, optional;
        /// As in `expect`.
        headers: Map<Lines>, optional;
        /// As in `expect`.
        present_headers: Vec<At<Text>>, optional;
        /// As in `expect`.
        absent_headers: Vec<At<Text>>, optional;
        /// The whole body.
        body: String, optional;
    }
}

table! {
    /// What a stand-in answers.
    Answer "origin" {
        /// Which requests, as in a behavior's `path_pattern`.
        path_pattern: Text, default "\"*\"";
        /// The status.
        status: Int<200, 599>, default "200";
        /// Header lines.
        headers: Map<Lines>, optional;
        /// The body.
        body: String, default "\"\"";
    }
}

/// How a viewer speaks to the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

crate::language::choice::choice! { Scheme { "http" => Scheme::Http, "https" => Scheme::Https, } }

/// Lambda@Edge's four events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// `viewer-request`
    ViewerRequest,
    /// `origin-request`
    OriginRequest,
    /// `origin-response`
    OriginResponse,
    /// `viewer-response`
    ViewerResponse,
}

crate::language::choice::choice! {
    EventType {
        "viewer-request" => EventType::ViewerRequest,
        "origin-request" => EventType::OriginRequest,
        "origin-response" => EventType::OriginResponse,
        "viewer-response" => EventType::ViewerResponse,
    }
}

impl EventType {
    /// CloudFront's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ViewerRequest => "viewer-request",
            Self::OriginRequest => "origin-request",
            Self::OriginResponse => "origin-response",
            Self::ViewerResponse => "viewer-response",
        }
    }

    /// Whether there is a response in it.
    pub fn is_of_response(self) -> bool {
        matches!(self, Self::OriginResponse | Self::ViewerResponse)
    }

    /// Whether it is between the cache and the origin.
    pub fn is_of_origin(self) -> bool {
        matches!(self, Self::OriginRequest | Self::OriginResponse)
    }
}

/// The lines of one header: a string, or a list of strings.
#[derive(Debug)]
pub(crate) struct Lines(pub(crate) Vec<String>);

impl Value for Lines {
    fn shape() -> Shape {
        Shape::Either(vec![String::shape(), Vec::<String>::shape()])
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        if node.get_ref().is_array() {
            return Vec::<String>::read(node, reading).map(Self);
        }
        reading.text(node, &Self::shape()).map(|line| Self(vec![line]))
    }
}

/// Anything JSON can say, written in TOML.
#[derive(Debug)]
pub(crate) struct Json(pub(crate) serde_json::Value);

impl Value for Json {
    fn shape() -> Shape {
        Shape::Json
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        json(node, reading).map(Self)
    }
}

fn json(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<serde_json::Value> {
    use toml::de::DeValue;
    Some(match node.get_ref() {
        DeValue::String(_) => reading.text(node, &Shape::Json)?.into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Integer(number) => {
            let Ok(number) = i64::from_str_radix(number.as_str(), number.radix()) else {
                reading.error(node.span(), format!("the number {number} is too large"));
                return None;
            };
            number.into()
        }
        DeValue::Float(number) => {
            let finite = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            let Some(number) = finite else {
                reading.error(node.span(), format!("JSON has no number {number}"));
                return None;
            };
            serde_json::Value::Number(number)
        }
        DeValue::Array(items) => items.iter().map(|item| json(item, reading)).collect::<Option<Vec<_>>>()?.into(),
        DeValue::Table(table) => {
            let mut members: Vec<_> = table.iter().collect();
            members.sort_by_key(|(key, _)| key.span().start);
            let member = |(key, value): (&toml::Spanned<_>, _)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Some((key.to_string(), json(value, reading)?))
            };
            serde_json::Value::Object(members.into_iter().map(member).collect::<Option<_>>()?)
        }
        DeValue::Datetime(_) => {
            reading.wrong_type(node, &Shape::Json);
            return None;
        }
    })
}

/// An event object: a file, or the object itself.
#[derive(Debug)]
pub(crate) enum Event {
    File(PathBuf),
    Object(serde_json::Value),
}

impl Value for Event {
    fn shape() -> Shape {
        Shape::Either(vec![PathBuf::shape(), Shape::Json])
    }

    fn read(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        match node.get_ref() {
            toml::de::DeValue::String(_) => PathBuf::read(node, reading).map(Self::File),
            toml::de::DeValue::Table(_) => json(node, reading).map(Self::Object),
            _ => {
                reading.wrong_type(node, &Self::shape());
                None
            }
        }
    }
}
