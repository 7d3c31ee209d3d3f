//! The admin port: what a node tells about itself. It changes nothing, and is for the machine the node runs on unless the
//! configuration names an address that others reach.

use crate::observe::{charges, metrics};
use bytes::Bytes;
use homefront_config::limits::{ADMIN_CONNECTIONS_MAX, ADMIN_HEAD_TIMEOUT};
use homefront_functions::EdgeCode;
use http::header::{ALLOW, CONTENT_TYPE, HOST, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const INDEX: &str =
    "/metrics   what the node did, for Prometheus\n/charges   what AWS would charge for its functions' calls\n";
const TEXT: &str = "text/plain; charset=utf-8";

/// Answers until it is dropped. `address` is where `listener` listens.
pub(crate) async fn serve(listener: TcpListener, address: SocketAddr, node: Arc<crate::node::Node>) {
    let room = Arc::new(Semaphore::new(ADMIN_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let node = node.clone();
                connections.spawn(async move {
                    let answer = move |request| {
                        let answer = answer(&node.edge_code, &request, address.ip());
                        async move { Ok::<_, Infallible>(answer) }
                    };
                    // A client that breaks off ends its own connection; there is nobody to tell.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(ADMIN_HEAD_TIMEOUT)
                        .serve_connection(TokioIo::new(stream), hyper::service::service_fn(answer))
                        .await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed on the admin port");
                tokio::time::sleep(homefront_config::limits::ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

fn answer(edge_code: &EdgeCode, request: &Request<Incoming>, listens_on: IpAddr) -> Response<Full<Bytes>> {
    if listens_on.is_loopback() && !names_this_machine(request.headers()) {
        let reason =
            "the admin port answers to an IP address or localhost: a web page could have its own name lead here\n";
        return text(StatusCode::FORBIDDEN, TEXT, reason.to_owned());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused =
            text(StatusCode::METHOD_NOT_ALLOWED, TEXT, "there is only something to read here\n".to_owned());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/" => text(StatusCode::OK, TEXT, INDEX.to_owned()),
        "/metrics" => text(StatusCode::OK, metrics::CONTENT_TYPE, metrics::text(edge_code)),
        "/charges" => text(StatusCode::OK, TEXT, charges::text(edge_code)),
        _ => text(StatusCode::NOT_FOUND, TEXT, format!("nothing is here; what is:\n{INDEX}")),
    }
}

/// Whether a browser could not have been led here by a name that someone else's DNS server made up.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    let Ok(authority) = host.to_str().unwrap_or_default().parse::<http::uri::Authority>() else { return false };
    let name = authority.host();
    name.eq_ignore_ascii_case("localhost") || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_localhost_name_this_machine() {
        let of = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            names_this_machine(&headers)
        };
        assert!(names_this_machine(&HeaderMap::new()));
        for host in ["127.0.0.1", "127.0.0.1:9180", "[::1]:9180", "localhost:9180", "LOCALHOST"] {
            assert!(of(host), "{host}");
        }
        for host in ["rebound.example:9180", "localhost.example", "", "127.0.0.1.example"] {
            assert!(!of(host), "{host}");
        }
    }
}
