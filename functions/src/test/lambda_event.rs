//! Lambda@Edge's event objects, made of messages as a node makes them.

use super::always;
use crate::event::lambda_edge::{self, RequestOrigin, ShownBody};
use crate::{EventContext, Headers, OriginProtocol, Request, Response};
use bytes::Bytes;
use homefront_config::cases::{self, EventType, LambdaMessages};
use homefront_config::origin::{OriginKind, OriginProtocolPolicy};
use std::net::{IpAddr, Ipv4Addr};

/// The request id of the Developer Guide's examples.
const REQUEST_ID: &str = "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==";

/// The event's JSON. `asked` is the request that the function sees: the viewer's, or in an event between the cache and the origin
/// what is forwarded of it. A viewer's that names no host has that of the distribution.
pub fn lambda_event(messages: &LambdaMessages, asked: &cases::Request) -> Bytes {
    let LambdaMessages { on, distribution, origin, response, includes_body, .. } = messages;
    let context = EventContext {
        distribution_domain_name: distribution.domain_name.as_str().into(),
        distribution_id: distribution.id.as_str().into(),
        request_id: REQUEST_ID.to_owned(),
        viewer_ip: asked.viewer_ip,
        server_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let shown = origin.as_ref().map(|origin| RequestOrigin::of(origin, protocol(&origin.kind)));
    let headers = headers(always::in_request(&asked.headers, &asked.host));
    let request = request(asked, headers);
    let response = response.as_ref().map(|response| answer(*on, response)).unwrap_or_default();
    let body = includes_body.then_some(asked.body.as_bytes());
    let event = match (on, &shown) {
        (EventType::OriginRequest, Some(origin)) => {
            lambda_edge::origin_request(&context, origin, &request, body.map(ShownBody::on_origin_request))
        }
        (EventType::OriginResponse, Some(origin)) => {
            lambda_edge::origin_response(&context, origin, &request, &response)
        }
        (EventType::ViewerResponse, _) => lambda_edge::viewer_response(&context, &request, &response),
        _ => lambda_edge::viewer_request(&context, &request, body.map(ShownBody::on_viewer_request)),
    };
    event.json().clone()
}

/// A viewer of a case comes over plain HTTP. A folder is to functions what a bucket is.
fn protocol(kind: &OriginKind) -> OriginProtocol {
    match kind {
        OriginKind::Custom(custom) if custom.protocol_policy != OriginProtocolPolicy::HttpsOnly => OriginProtocol::Http,
        _ => OriginProtocol::Https,
    }
}

fn request(asked: &cases::Request, headers: Headers) -> Request {
    let (uri, query) = match asked.target.split_once('?') {
        Some((uri, query)) => (uri, Some(Bytes::copy_from_slice(query.as_bytes()))),
        None => (asked.target.as_str(), None),
    };
    let uri = Bytes::copy_from_slice(uri.as_bytes());
    Request { method: asked.method.clone(), uri, querystring: query, headers }
}

fn answer(on: EventType, response: &cases::Response) -> Response {
    let headers = match on {
        EventType::ViewerResponse => headers(always::in_viewer_response(&response.headers)),
        _ => headers(always::plain(&response.headers)),
    };
    Response { status: response.status, status_description: None, headers, body: None }
}

fn headers<'a>(lines: impl IntoIterator<Item = (&'a str, &'a str)>) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in lines {
        headers.push(name.as_bytes(), value.as_bytes());
    }
    headers
}
