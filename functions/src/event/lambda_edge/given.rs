//! An event that somebody wrote, for `homefront invoke` and `homefront test`: read back into what CloudFront would have made it
//! of, so that what a function returns for it can be judged.

use super::{Event, result};
use crate::rules::Event as Trigger;
use crate::{Failure, Headers, Request, Response, Verdict};
use bytes::Bytes;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Why an event is none of Lambda@Edge's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct GivenError {
    path: String,
    problem: &'static str,
}

/// An event of CloudFront's.
#[derive(Debug)]
pub struct Given {
    event: Event,
    request: Request,
    response: Option<Response>,
}

impl Given {
    /// Reads an event.
    pub fn read(event: &Value) -> Result<Self, GivenError> {
        let cf = Object::root(event)?.first("Records")?.object("cf")?;
        let (trigger, response) = match cf.object("config")?.text("eventType")? {
            "viewer-request" => (Trigger::LambdaViewerRequest, None),
            "origin-request" => (Trigger::LambdaOriginRequest, None),
            "origin-response" => (Trigger::LambdaOriginResponse, Some(response(&cf.object("response")?)?)),
            "viewer-response" => (Trigger::LambdaViewerResponse, Some(response(&cf.object("response")?)?)),
            _ => {
                let problem =
                    "must be \"viewer-request\", \"origin-request\", \"origin-response\" or \"viewer-response\"";
                return Err(cf.object("config")?.wrong("eventType", problem));
            }
        };
        let request = cf.object("request")?;
        let subject = if response.is_some() { cf.members.get("response") } else { cf.members.get("request") };
        let bytes = |value: Option<&Value>| Bytes::from(value.map(Value::to_string).unwrap_or_default());
        let event = Event {
            trigger,
            includes_body: request.members.contains_key("body"),
            json: event.to_string().into(),
            subject: bytes(subject),
            origin: bytes(request.members.get("origin")),
        };
        Ok(Self { event, request: self::request(&request)?, response })
    }

    /// Why CloudFront would refuse what a function returned for it, if it would.
    pub fn refusal(&self, returned: Bytes) -> Option<Failure> {
        match &self.response {
            None => match result::request(&self.event, &self.request, returned) {
                Verdict::Fail(failure) => Some(failure),
                _ => None,
            },
            Some(response) => match result::response(&self.event, response, returned) {
                Verdict::Fail(failure) => Some(failure),
                _ => None,
            },
        }
    }
}

fn request(request: &Object<'_>) -> Result<Request, GivenError> {
    let querystring = match request.members.get("querystring") {
        None => "",
        Some(_) => request.text("querystring")?,
    };
    Ok(Request {
        method: request.text("method")?.to_owned(),
        uri: request.text("uri")?.to_owned().into(),
        querystring: (!querystring.is_empty()).then(|| querystring.to_owned().into()),
        headers: headers(request)?,
    })
}

fn response(response: &Object<'_>) -> Result<Response, GivenError> {
    let status = response.text("status")?.parse();
    let status = status.map_err(|_| response.wrong("status", "must be a status in a string, as in \"200\""))?;
    let status_description = match response.members.get("statusDescription") {
        None => None,
        Some(_) => Some(response.text("statusDescription")?.to_owned()),
    };
    Ok(Response { status, status_description, headers: headers(response)?, body: None })
}

fn headers(message: &Object<'_>) -> Result<Headers, GivenError> {
    let mut headers = Headers::default();
    let map = message.object("headers")?;
    for name in map.members.keys() {
        let Some(Value::Array(lines)) = map.members.get(name) else {
            return Err(map.wrong(name, "must be an array of {\"key\", \"value\"}"));
        };
        for (index, line) in lines.iter().enumerate() {
            let line = Object::of(line, format!("{}[{index}]", map.at(name)))?;
            let key = if line.members.contains_key("key") { line.text("key")? } else { name.as_str() };
            headers.push(key.as_bytes(), line.text("value")?.as_bytes());
        }
    }
    Ok(headers)
}

/// An object of the event, with its path for messages.
struct Object<'a> {
    path: String,
    members: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    fn root(value: &'a Value) -> Result<Self, GivenError> {
        Self::of(value, String::new())
    }

    fn of(value: &'a Value, path: String) -> Result<Self, GivenError> {
        match value {
            Value::Object(members) => Ok(Self { path, members }),
            _ if path.is_empty() => Err(GivenError { path: "the event".to_owned(), problem: "must be an object" }),
            _ => Err(GivenError { path, problem: "must be an object" }),
        }
    }

    fn at(&self, name: &str) -> String {
        let mut path = self.path.clone();
        if name.chars().all(|character| character.is_ascii_alphanumeric()) {
            path.push_str(if path.is_empty() { "" } else { "." });
            path.push_str(name);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(path, "[{name:?}]");
        }
        path
    }

    fn wrong(&self, name: &str, problem: &'static str) -> GivenError {
        GivenError { path: self.at(name), problem }
    }

    fn object(&self, name: &str) -> Result<Self, GivenError> {
        Self::of(self.members.get(name).ok_or_else(|| self.wrong(name, "is missing"))?, self.at(name))
    }

    /// The only element of an array.
    fn first(&self, name: &str) -> Result<Self, GivenError> {
        match self.members.get(name) {
            Some(Value::Array(items)) if items.len() == 1 => Self::of(&items[0], format!("{}[0]", self.at(name))),
            Some(_) => Err(self.wrong(name, "must be an array with one element")),
            None => Err(self.wrong(name, "is missing")),
        }
    }

    fn text(&self, name: &str) -> Result<&'a str, GivenError> {
        match self.members.get(name) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.wrong(name, "must be a string")),
            None => Err(self.wrong(name, "is missing")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn event() -> Value {
        json!({"Records": [{"cf": {
            "config": {"distributionId": "E1", "eventType": "origin-response"},
            "request": {"clientIp": "203.0.113.178", "method": "GET", "uri": "/a", "querystring": "b=c",
                "headers": {"host": [{"key": "Host", "value": "example.org"}]}, "origin": {"custom": {}}},
            "response": {"status": "200", "statusDescription": "OK",
                "headers": {"via": [{"key": "Via", "value": "1.1 x"}], "x-a": [{"value": "b"}]}}
        }}]})
    }

    fn as_request() -> Value {
        with_type("origin-request")
    }

    fn with_type(event_type: &str) -> Value {
        let mut event = event();
        event["Records"][0]["cf"]["config"]["eventType"] = event_type.into();
        event
    }

    fn refused(event: &Value, returned: &Value) -> Option<String> {
        let failure = Given::read(event).unwrap().refusal(returned.to_string().into());
        failure.map(|failure| failure.detail)
    }

    #[test]
    fn what_a_function_leaves_alone_is_accepted() {
        assert_eq!(refused(&event(), &event()["Records"][0]["cf"]["response"]), None);
        assert_eq!(refused(&as_request(), &event()["Records"][0]["cf"]["request"]), None);
        assert_eq!(refused(&as_request(), &json!({"status": "302"})), None);
    }

    #[test]
    fn what_cloudfront_refuses_is_refused() {
        let mut response = event()["Records"][0]["cf"]["response"].clone();
        response["headers"]["via"] = json!([]);
        let mut request = event()["Records"][0]["cf"]["request"].clone();
        request["uri"] = "no-slash".into();
        let told = [
            refused(&event(), &response),
            refused(&as_request(), &request),
            refused(&as_request(), &as_request()),
            refused(&as_request(), &json!("text")),
        ];
        insta::assert_snapshot!(told.map(Option::unwrap).join("\n"), @r#"
        Validation error: Lambda function result failed validation, the function tried to delete read-only header, headerName : Via.
        Validation error: Lambda function result failed validation, uri "no-slash" does not start with a slash, or has a space, a control character, ? or #.
        Validation error: Lambda function result failed validation, the function returned neither a request (uri, headers) nor a response (status) (it is the whole event: return event['Records'][0]['cf']['request']).
        Validation error: The Lambda function returned invalid JSON, the JSON output must be an object type; it is a string.
        "#);
    }

    #[test]
    fn each_event_is_judged_by_its_own_rules() {
        let viewer_response = with_type("viewer-response");
        let mut response = viewer_response["Records"][0]["cf"]["response"].clone();
        assert_eq!(refused(&viewer_response, &response), None);
        response["headers"]["content-length"] = json!([{"value": "1"}]);
        assert_eq!(refused(&event(), &response), None, "origin-response");
        assert!(
            refused(&viewer_response, &response).unwrap().contains("read-only header, headerName : Content-Length")
        );
        let mut viewer_request = with_type("viewer-request");
        viewer_request["Records"][0]["cf"]["request"].as_object_mut().unwrap().remove("origin");
        let mut request = viewer_request["Records"][0]["cf"]["request"].clone();
        assert_eq!(refused(&viewer_request, &request), None);
        request["headers"]["host"] = json!([{"value": "other.test"}]);
        assert!(refused(&viewer_request, &request).unwrap().contains("read-only header, headerName : Host"));
    }

    #[test]
    fn events_that_are_none_are_refused_with_their_path() {
        let with = |pointer: &str, value: Value| {
            let mut event = event();
            *event.pointer_mut(pointer).unwrap() = value;
            Given::read(&event).unwrap_err().to_string()
        };
        let cf = "/Records/0/cf";
        let told = [
            Given::read(&json!([])).unwrap_err().to_string(),
            Given::read(&json!({})).unwrap_err().to_string(),
            with("/Records", json!([])),
            with("/Records/0", json!(1)),
            with(&format!("{cf}/config/eventType"), json!("origin")),
            with(&format!("{cf}/request/method"), json!(1)),
            with(&format!("{cf}/request/headers"), json!([])),
            with(&format!("{cf}/response"), json!({})),
            with(&format!("{cf}/response/status"), json!("ok")),
            with(&format!("{cf}/response/headers/x-a"), json!("b")),
            with(&format!("{cf}/response/headers/x-a/0"), json!({})),
        ];
        insta::assert_snapshot!(told.join("\n"), @r#"
        the event: must be an object
        Records: is missing
        Records: must be an array with one element
        Records[0]: must be an object
        Records[0].cf.config.eventType: must be "viewer-request", "origin-request", "origin-response" or "viewer-response"
        Records[0].cf.request.method: must be a string
        Records[0].cf.request.headers: must be an object
        Records[0].cf.response.status: is missing
        Records[0].cf.response.status: must be a status in a string, as in "200"
        Records[0].cf.response.headers["x-a"]: must be an array of {"key", "value"}
        Records[0].cf.response.headers["x-a"][0].value: is missing
        "#);
    }
}
