//! Custom error responses: a page of the distribution in the place of an error, whether an origin or the node itself answers so.
//!
//! Developer Guide, "Generate custom error responses". The page is fetched by a request of the node's own, through the behavior
//! that its path matches, so it is cached, collapsed and shown to origin functions as any object is. What guards viewers and
//! the functions on viewer events are not asked. Where it cannot be fetched, the viewer gets what came of that.

use crate::arrive;
use crate::exchange::{Exchange, Route, members};
use crate::fetch;
use crate::node::Node;
use crate::observe::access_log::ResultType;
use crate::renew;
use crate::request_id::RequestId;
use crate::respond::{self, Answer};
use crate::route;
use bytes::Bytes;
use homefront_config::Behavior;
use homefront_config::custom_error_response::ErrorPage;
use homefront_config::limits::{ERROR_PAGE_BYTES_MAX, ERROR_PAGE_TIMEOUT};
use http::{HeaderName, Method, StatusCode, Uri, header};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::HttpTask;
use pingora::protocols::http::subrequest::server::SubrequestHandle;
use pingora::proxy::Session;
use pingora::proxy::subrequest;
use pingora::{Error, ErrorType, Result};
use std::pin::pin;
use std::sync::Arc;

/// What a request leaves to the one that fetches its page.
#[derive(Debug)]
struct PageRequest {
    head: RequestHeader,
    route: Route,
    host: String,
    viewer: Option<Arc<crate::connection::Viewer>>,
    request_id: RequestId,
}

/// What the fetch of a page came to.
struct Fetched {
    head: ResponseHeader,
    body: Bytes,
}

/// Statuses after which CloudFront closes the connection, where they have a page (Developer Guide, "Create a custom error page").
fn closes(error_code: u16) -> bool {
    matches!(error_code, 400 | 405 | 414 | 416 | 500 | 501)
}

/// Makes `response`, an error, into the page for it, if there is one. Gives the page's body.
pub(crate) async fn put(
    session: &mut Session,
    exchange: &Exchange,
    response: &mut ResponseHeader,
) -> Result<Option<Bytes>> {
    let error_code = response.status.as_u16();
    let Some((fetched, shown)) = instead_of(session, exchange, error_code).await else { return Ok(None) };
    *response = fetched.head;
    if let Some(status) = shown {
        response.set_status(status)?;
    }
    if closes(error_code) {
        session.set_keepalive(None);
    }
    Ok(Some(fetched.body))
}

/// The page for an answer of the node's own, or the answer itself.
pub(crate) async fn or(session: &mut Session, exchange: &Exchange, answer: Answer) -> Answer {
    // Developer Guide: not for what is refused for want of capacity.
    let replaceable = !matches!(answer.result, ResultType::FunctionThrottledError | ResultType::LambdaLimitExceeded);
    if !replaceable {
        return answer;
    }
    let error_code = answer.status;
    let Some((fetched, shown)) = instead_of(session, exchange, error_code).await else { return answer };
    let written_anew = |name: &HeaderName| *name == header::CONTENT_LENGTH || *name == header::TRANSFER_ENCODING;
    let lines = fetched
        .head
        .case_header_iter()
        .filter(|(name, _)| HeaderName::from_bytes(name.as_slice()).is_ok_and(|name| !written_anew(&name)));
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    Answer {
        status: shown.unwrap_or(fetched.head.status.as_u16()),
        headers: lines.map(|(name, value)| (text(name.as_slice()), Bytes::copy_from_slice(value.as_bytes()))).collect(),
        body: fetched.body,
        close: answer.close || closes(error_code),
        ..answer
    }
}

/// The page of an error. An error page has none; nor has a request for the page itself.
fn page_of<'a>(session: &Session, exchange: &'a Exchange, error_code: u16) -> Option<(&'a Route, &'a ErrorPage)> {
    let route = exchange.route.as_ref()?;
    let page = route.distribution.config.custom_error_responses.page(error_code)?;
    let itself = session.subrequest_ctx.is_some() || session.req_header().uri.path() == page.path;
    (!itself).then_some((route, page))
}

/// Whether an error of this status is to be shown as a page.
pub(crate) fn is_due(session: &Session, exchange: &Exchange, status: StatusCode) -> bool {
    page_of(session, exchange, status.as_u16()).is_some()
}

/// What is to be shown instead of an error of this status, and with which status where the page could be had.
async fn instead_of(session: &mut Session, exchange: &Exchange, error_code: u16) -> Option<(Fetched, Option<u16>)> {
    let (route, page) = page_of(session, exchange, error_code)?;
    let (head, version) = (head(session.req_header(), &page.path), session.req_header().version);
    renew::readable(session);
    let fetched = match head {
        Ok(head) => ask(session, head, exchange, route, page).await,
        Err(error) => Err(error),
    };
    session.req_header_mut().set_version(version);
    match fetched {
        Ok(fetched) => {
            let shown = fetched.head.status.is_success().then_some(page.response_code);
            Some((fetched, shown))
        }
        Err(error) => {
            let request_id = exchange.request_id.as_str();
            tracing::warn!(request_id, error_code, page = page.path, reason = %error, "the error page is not shown");
            None
        }
    }
}

async fn ask(
    session: &Session,
    head: RequestHeader,
    exchange: &Exchange,
    route: &Route,
    page: &ErrorPage,
) -> Result<Fetched> {
    let Some(spawner) = &session.subrequest_spawner else {
        return Error::e_explain(ErrorType::InternalError, "the node makes no requests of its own");
    };
    let config = &route.distribution.config;
    let behavior = route::behavior(config, &page.path).clone();
    let (origin, failover) = members(&route.distribution, behavior.target_origin);
    let asked = PageRequest {
        head,
        route: Route { distribution: route.distribution.clone(), verifier: None, behavior, origin, failover },
        host: exchange.asked.host.clone(),
        viewer: exchange.viewer.clone(),
        request_id: exchange.request_id,
    };
    let context = subrequest::Ctx::builder().user_ctx(Box::new(Some(asked))).build();
    let (request, handle) = spawner.create_subrequest(session.as_ref(), context);
    let whole = async {
        let (mut request, mut gathered) = (pin!(request.run()), pin!(gather(handle)));
        tokio::select! {
            () = &mut request => gathered.await,
            fetched = &mut gathered => {
                // What has failed is not worth waiting for.
                if fetched.is_ok() {
                    request.await;
                }
                fetched
            }
        }
    };
    tokio::time::timeout(ERROR_PAGE_TIMEOUT, whole).await.unwrap_or_else(|_elapsed| {
        let reason = format!("it did not come within {} s", ERROR_PAGE_TIMEOUT.as_secs());
        Error::e_explain(ErrorType::ReadTimedout, reason)
    })
}

/// The viewer's request, for the page.
fn head(asked: &RequestHeader, path: &str) -> Result<RequestHeader> {
    let mut head = asked.clone();
    head.set_method(Method::GET);
    let uri = path.parse::<Uri>().map_err(|error| Error::because(ErrorType::InvalidHTTPHeader, "its path", error))?;
    head.set_uri(uri);
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::EXPECT] {
        head.remove_header(&name);
    }
    fetch::ask_for_all(&mut head);
    Ok(head)
}

/// The whole response.
async fn gather(handle: SubrequestHandle) -> Result<Fetched> {
    let SubrequestHandle { tx: _kept_open, mut rx, mut subreq_proxy_error, .. } = handle;
    let (mut head, mut pieces, mut bytes) = (None, Vec::new(), 0);
    while let Some(task) = rx.recv().await {
        match task {
            HttpTask::Header(response, _) if !response.status.is_informational() => {
                let announced = response.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
                admit(announced.and_then(|bytes| bytes.parse().ok()).unwrap_or(0))?;
                head = Some(*response);
            }
            HttpTask::Body(Some(piece), _) => {
                bytes += piece.len();
                admit(bytes)?;
                pieces.push(piece);
            }
            HttpTask::Failed(error) => return Err(error),
            _ => {}
        }
    }
    if let Ok(error) = subreq_proxy_error.try_recv() {
        return Err(error);
    }
    let head = head.ok_or_else(|| Error::explain(ErrorType::InternalError, "no response came"))?;
    Ok(Fetched { head, body: whole(pieces) })
}

fn admit(bytes: usize) -> Result<()> {
    if bytes <= ERROR_PAGE_BYTES_MAX {
        return Ok(());
    }
    Error::e_explain(ErrorType::InternalError, format!("it has more than {ERROR_PAGE_BYTES_MAX} bytes"))
}

fn whole(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() < 2 { pieces.pop().unwrap_or_default() } else { pieces.concat().into() }
}

/// Takes the place of admit, route, guard, viewer request and split, where this is the request for a page; says whether it is.
pub(crate) fn steps(node: &Node, session: &mut Session, exchange: &mut Exchange) -> Result<bool> {
    let left = session.subrequest_ctx.as_mut().and_then(|context| context.user_ctx_mut());
    let asked = left.and_then(|left| left.downcast_mut::<Option<PageRequest>>()).and_then(Option::take);
    let Some(asked) = asked else { return Ok(false) };
    exchange.asked.method = asked.head.method.clone();
    exchange.asked.target = asked.head.uri.clone();
    exchange.asked.host = asked.host;
    exchange.request_id = asked.request_id;
    exchange.viewer = asked.viewer.as_deref().map(respond::facts_of);
    exchange.is_error_page = true;
    let request = session.req_header_mut();
    *request = asked.head;
    disown(node, &asked.route.behavior, request);
    exchange.route = Some(asked.route);
    match arrive::tell_of_viewer(node, request, exchange) {
        Ok(()) => Ok(true),
        Err(failure) => Err(crate::finish::fail(exchange, failure)),
    }
}

/// Nobody was checked for the page's behavior, and no variant drawn: headers that say so are the viewer's invention.
fn disown(node: &Node, behavior: &Behavior, request: &mut RequestHeader) {
    let verifier = behavior.authorize.as_ref().and_then(|jwt| node.verifiers.named(&jwt.name));
    for name in verifier.map(|verifier| verifier.forged_headers(&request.headers)).unwrap_or_default() {
        request.remove_header(&name);
    }
    for name in behavior.split.iter().flat_map(|split| split.experiment.headers()) {
        request.remove_header(name);
    }
}
