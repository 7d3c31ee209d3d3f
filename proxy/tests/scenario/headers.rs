//! The headers that CloudFront takes away, adds and keeps, in both directions.

use crate::harness::{Edge, Origin, Reply, one_origin};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a browser and a few liars send.
const MANY: [(&str, &str); 16] = [
    ("User-Agent", "test/1"),
    ("Accept", "text/html"),
    ("Accept-Language", "en"),
    ("Referer", "http://a.test/"),
    ("Authorization", "Basic eA=="),
    ("Cookie", "sid=1"),
    ("X-Forwarded-For", "192.0.2.1"),
    ("X-Forwarded-Proto", "https"),
    ("X-Real-IP", "192.0.2.1"),
    ("X-Edge-Foo", "1"),
    ("X-Amz-Cf-Id", "forged"),
    ("CloudFront-Viewer-Country", "forged"),
    ("TE", "trailers"),
    ("Proxy-Authorization", "Basic eA=="),
    ("X-Hop", "1"),
    ("Connection", "keep-alive, X-Hop"),
];

#[tokio::test]
async fn the_origin_sees_exactly_cloudfronts_own_headers() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    let answer = edge.get_with("/x", &MANY).await;
    let asked = edge.asked("app")[0].clone();
    let mut names: Vec<_> = asked.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["connection", "host", "user-agent", "via", "x-amz-cf-id", "x-forwarded-for"]);
    assert_eq!(asked.header("host"), Some("127.0.0.1"), "the origin's domain name");
    assert_eq!(asked.header("user-agent"), Some("Amazon CloudFront"));
    assert_eq!(asked.header("connection"), Some("Keep-Alive"));
    assert_eq!(asked.header("x-forwarded-for"), Some("192.0.2.1,127.0.0.1"));
    assert_eq!(asked.header("x-amz-cf-id"), answer.header("x-amz-cf-id"), "the request has one id");
    let via = asked.header("via").unwrap();
    let (version, name) = via.split_once(' ').unwrap();
    let name = name.strip_suffix(".cloudfront.net (CloudFront)").expect(via);
    assert_eq!((version, name.len()), ("1.1", 32), "{via}");
    edge.stop().await;
}

#[tokio::test]
async fn all_viewer_forwards_everything_but_what_is_the_nodes() {
    let behavior = "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"";
    let edge = Edge::before(behavior, |_| Reply::ok("hello")).start().await;
    edge.get_with("/x?q=1", &[&MANY[..], &[("Host", "www.example.com")]].concat()).await;
    let asked = edge.asked("app")[0].clone();
    for (name, value) in [
        ("host", "www.example.com"),
        ("user-agent", "test/1"),
        ("accept", "text/html"),
        ("referer", "http://a.test/"),
        ("authorization", "Basic eA=="),
        ("cookie", "sid=1"),
        ("accept-language", "en"),
    ] {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
    for name in [
        "x-forwarded-proto",
        "x-real-ip",
        "x-edge-foo",
        "te",
        "proxy-authorization",
        "x-hop",
        "cloudfront-viewer-country",
    ] {
        assert_eq!(asked.header(name), None, "{name}");
    }
    assert_ne!(asked.header("x-amz-cf-id"), Some("forged"));
    assert_eq!(asked.target, "/x?q=1");
    edge.stop().await;
}

#[tokio::test]
async fn all_viewer_except_host_sends_the_origins_name_and_cloudfronts_view_of_the_viewer() {
    let behavior = "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"extra\"\n[[origin_request_policy]]\n\
                    name = \"extra\"\nheaders = { all_viewer_and = [\"CloudFront-Viewer-Address\", \
                    \"CloudFront-Is-Mobile-Viewer\", \"CloudFront-Forwarded-Proto\", \"CloudFront-Viewer-Http-Version\"] }\n";
    let edge = Edge::before(behavior, |_| Reply::ok("hello")).start().await;
    edge.get_with("/x", &[("CloudFront-Viewer-Address", "forged"), ("CloudFront-Is-Mobile-Viewer", "forged")]).await;
    let asked = edge.asked("app")[0].clone();
    assert!(asked.header("cloudfront-viewer-address").unwrap().starts_with("127.0.0.1:"), "{asked:?}");
    assert_eq!(asked.header("cloudfront-is-mobile-viewer"), Some("false"));
    assert_eq!(asked.header("cloudfront-forwarded-proto"), Some("http"));
    assert_eq!(asked.header("cloudfront-viewer-http-version"), Some("1.1"));
    edge.stop().await;

    let behavior = "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewerExceptHostHeader\"";
    let edge = Edge::before(behavior, |_| Reply::ok("hello")).start().await;
    edge.get_with("/x", &[("Host", "www.example.com")]).await;
    assert!(edge.asked("app")[0].header("host").unwrap().starts_with("127.0.0.1"));
    edge.stop().await;
}

#[tokio::test]
async fn authorization_goes_with_methods_that_change_something_and_where_it_is_keyed() {
    let behavior = r#"allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]"#;
    let edge = Edge::before(behavior, |_| Reply::ok("hello")).start().await;
    for (method, kept) in [("GET", false), ("POST", true), ("DELETE", true)] {
        edge.ask(method, "/x", &[("Authorization", "Basic eA==")], "").await;
        assert_eq!(edge.asked("app").last().unwrap().header("authorization").is_some(), kept, "{method}");
    }
    edge.stop().await;
    let behavior = "cache_policy = \"by-user\"\n[[cache_policy]]\nname = \"by-user\"\nmin_ttl_s = 0\ndefault_ttl_s = 60\n\
                    max_ttl_s = 60\nheaders = [\"Authorization\"]\n";
    let edge = Edge::before(behavior, |_| Reply::ok("hello")).start().await;
    for (user, result) in [("a", "Miss"), ("b", "Miss"), ("a", "Hit")] {
        assert_eq!(edge.get_with("/x", &[("Authorization", user)]).await.x_cache(), result, "{user}");
    }
    assert_eq!(edge.asked("app")[1].header("authorization"), Some("b"));
    edge.stop().await;
}

#[tokio::test]
async fn every_answer_ends_with_cloudfronts_headers() {
    let edge = Edge::before("", |_| Reply::ok("hello").with("via", "1.0 other").with("server", "nginx")).start().await;
    let mut ids = std::collections::HashSet::new();
    for path in ["/x", "/x", "/y"] {
        let answer = edge.get(path).await;
        let names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
        let from = names.iter().position(|name| *name == "X-Cache").expect("X-Cache");
        assert_eq!(names[from..from + 4], ["X-Cache", "Via", "X-Amz-Cf-Pop", "X-Amz-Cf-Id"], "{names:?}");
        assert_eq!(answer.all("via").len(), 1, "an origin's Via is replaced: {answer:?}");
        assert!(answer.header("via").unwrap().ends_with(".cloudfront.net (CloudFront)"));
        assert_eq!(answer.header("server"), Some("nginx"), "the origin's Server is kept");
        let id = answer.header("x-amz-cf-id").unwrap();
        assert!(id.len() == 56 && id.ends_with("=="), "{id}");
        assert!(ids.insert(id.to_owned()), "each request has its own id");
    }
    edge.stop().await;
}

#[tokio::test]
async fn server_is_cloudfront_when_the_origin_names_none() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    assert_eq!(edge.get("/x").await.header("server"), Some("CloudFront"));
    edge.stop().await;
}

#[tokio::test]
async fn the_nodes_own_pages_have_cloudfronts_header_order() {
    let edge = Edge::before("viewer_protocol_policy = \"redirect-to-https\"", |_| Reply::ok("hello")).start().await;
    let redirect = edge.get("/x").await;
    let names: Vec<_> = redirect.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Server",
            "Date",
            "Content-Type",
            "Content-Length",
            "Connection",
            "Location",
            "X-Cache",
            "Via",
            "X-Amz-Cf-Pop",
            "X-Amz-Cf-Id"
        ]
    );
    edge.stop().await;
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    let refusal = edge.ask("POST", "/x", &[], "").await;
    let names: Vec<_> = refusal.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Server",
            "Date",
            "Content-Type",
            "Content-Length",
            "Connection",
            "X-Cache",
            "Via",
            "X-Amz-Cf-Pop",
            "X-Amz-Cf-Id"
        ]
    );
    edge.stop().await;
}

#[tokio::test]
async fn headers_of_one_connection_do_not_pass() {
    let edge = Edge::before("", |_| {
        Reply::ok("hello").with("keep-alive", "timeout=5").with("proxy-authenticate", "Basic").with("trailer", "x-t")
    })
    .start()
    .await;
    let answer = edge.get("/x").await;
    for name in ["keep-alive", "proxy-authenticate", "trailer", "upgrade"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn wire_case_is_kept_in_both_directions() {
    let heads = Arc::new(Mutex::new(String::new()));
    let seen = heads.clone();
    let origin = Origin::raw(move |mut tcp| {
        let seen = seen.clone();
        async move {
            let mut head = [0; 4096];
            let read = tcp.read(&mut head).await.unwrap();
            *seen.lock() = String::from_utf8_lossy(&head[..read]).into_owned();
            tcp.write_all(b"HTTP/1.1 200 OK\r\nX-mIxEd: Yes\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
    });
    let behavior = "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"";
    let edge = Edge::with(one_origin(behavior)).served("app", origin).start().await;
    let answer = edge.get_with("/x", &[("x-lower-case", "1")]).await;
    assert!(answer.headers.iter().any(|(name, _)| name == "X-mIxEd"), "{answer:?}");
    let head = heads.lock().clone();
    assert!(head.starts_with("GET /x HTTP/1.1\r\nHost: "), "{head}");
    for name in ["\r\nUser-Agent: ", "\r\nVia: ", "\r\nX-Amz-Cf-Id: ", "\r\nX-Forwarded-For: ", "\r\nX-Lower-Case: "] {
        assert!(head.contains(name) || name == "\r\nUser-Agent: ", "{name:?} in {head}");
    }
    edge.stop().await;
}
