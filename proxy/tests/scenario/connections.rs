//! Viewer connections: kept and closed, HTTP/1.1 and HTTP/2, plain and over TLS.

use crate::harness::{Authority, Binary, Connection, Edge, Http2, Origin, Reply, Running, binary, get_of, one_origin};
use http::Request;
use tokio::net::TcpStream;

const NAME: &str = "www.example.com";

#[tokio::test]
async fn a_connection_serves_many_requests_hits_misses_and_errors() {
    let edge = Edge::before("", |asked| match asked.target.as_str() {
        "/404" => Reply::status(404, "no"),
        "/204" => Reply::status(204, ""),
        "/chunked" => Reply::chunked("pieces"),
        _ => Reply::ok("hello"),
    })
    .start()
    .await;
    let mut connection = edge.connect().await;
    for (path, status) in [("/x", 200), ("/404", 404), ("/204", 204), ("/chunked", 200), ("/x", 200), ("/chunked", 200)]
    {
        let answer = connection.send(&get_of(path, &[])).await;
        assert_eq!((answer.status, answer.header("connection")), (status, Some("keep-alive")), "{path}");
    }
    let refused = connection.send("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((refused.status, refused.header("connection")), (403, Some("keep-alive")));
    assert_eq!(connection.send(&get_of("/x", &[])).await.status, 200);
    edge.stop().await;
}

#[tokio::test]
async fn connection_close_and_http_1_0_close() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    for request in [
        "GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: x-hop\r\nConnection: x-other, Close\r\n\r\n",
        "GET /x HTTP/1.0\r\nHost: a.test\r\n\r\n",
    ] {
        let mut connection = edge.connect().await;
        let answer = connection.send(request).await;
        assert_eq!((answer.status, answer.text(), answer.header("connection")), (200, "hello", Some("close")));
        assert_eq!(connection.closed().await, b"");
    }
    edge.stop().await;
}

/// Most systems let a process have 1,024 open files at first, and more when it asks.
#[tokio::test]
async fn viewers_are_not_bounded_by_the_open_files_a_system_allows_at_first() {
    const ALLOWED: u64 = 64;
    let (folder, _origins) = Edge::before("", |_| Reply::ok("hello")).written();
    let mut command = binary::command(folder.path(), &["serve", "homefront.toml"]);
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    #[allow(unsafe_code, reason = "only the forked child can set its own limits")]
    // SAFETY: one system call.
    unsafe {
        command.pre_exec(move || {
            let limit = rustix::process::Rlimit { current: Some(ALLOWED), maximum: most };
            Ok(rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?)
        });
    }
    let (_node, address) = Binary::start(command).await;
    let mut open = Vec::new();
    for _ in 0..2 * ALLOWED {
        let mut connection = Connection::open(address).await;
        assert_eq!(connection.send(&get_of("/x", &[])).await.status, 200);
        open.push(connection);
    }
}

#[tokio::test]
async fn the_connection_to_an_origin_is_used_again() {
    let ports = std::sync::Arc::new(parking_lot::Mutex::new(std::collections::HashSet::new()));
    let seen = ports.clone();
    let origin = crate::harness::Origin::raw(move |mut tcp| {
        seen.lock().insert(tcp.peer_addr().unwrap().port());
        async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut head = [0; 4096];
            while tcp.read(&mut head).await.unwrap() > 0 {
                tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await.unwrap();
            }
        }
    });
    let edge = Edge::with(one_origin("cache_policy = \"CachingDisabled\"")).served("app", origin).start().await;
    for _ in 0..5 {
        assert_eq!(edge.get("/x").await.status, 200);
    }
    assert_eq!(ports.lock().len(), 1);
    edge.stop().await;
}

fn h2(path: &str) -> Request<()> {
    Request::get(format!("https://{NAME}{path}")).body(()).unwrap()
}

/// Sends a miss, a hit, a refusal and an error over one HTTP/2 connection.
async fn speaks_h2(viewer: &Http2) {
    let miss = viewer.send(h2("/x"), &[]).await;
    assert_eq!((miss.status, miss.x_cache(), miss.text()), (200, "Miss", "hello"));
    let hit = viewer.send(h2("/x"), &[]).await;
    assert_eq!((hit.status, hit.x_cache(), hit.text()), (200, "Hit", "hello"));
    assert_eq!((hit.header("connection"), hit.header("transfer-encoding")), (None, None));
    let refused = viewer.send(Request::post(format!("https://{NAME}/x")).body(()).unwrap(), &["body"]).await;
    assert_eq!((refused.status, refused.x_cache()), (403, "Error"));
    let (one, two) = tokio::join!(viewer.send(h2("/one"), &[]), viewer.send(h2("/two"), &[]));
    assert_eq!((one.status, two.status), (200, 200), "streams side by side");
}

#[tokio::test]
async fn h2c_is_spoken_with_prior_knowledge() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    speaks_h2(&Http2::over(TcpStream::connect(edge.address).await.unwrap()).await).await;
    assert_eq!(edge.asked("app")[0].header("via").map(|via| via.starts_with("2.0 ")), Some(true));
    edge.stop().await;
}

async fn over_tls(authority: &Authority, behavior: &str) -> Running {
    let pair = authority.issue(&[NAME]);
    let toml = one_origin(behavior).replace(
        "domain_name = \"dtest123456789.cloudfront.net\"",
        "domain_name = \"dtest123456789.cloudfront.net\"\n\
         viewer_certificate = { certificate = \"cert.pem\", private_key = \"key.pem\" }",
    );
    Edge::with(toml)
        .listen("http = [\"127.0.0.1:0\"]\nhttps = [\"127.0.0.1:0\"]")
        .origin("app", |_| Reply::ok("hello"))
        .file("cert.pem", &pair.certificate)
        .file("key.pem", &pair.private_key)
        .start()
        .await
}

#[tokio::test]
async fn an_http_1_0_viewer_gets_a_body_without_chunks_that_ends_with_the_connection() {
    let edge = Edge::before("", |_| Reply::chunked("hello")).start().await;
    let newer = edge.get("/a").await;
    assert_eq!((newer.header("transfer-encoding"), newer.text()), (Some("chunked"), "hello"), "what 1.0 must not get");
    // A miss that the origin sends in chunks, and a hit.
    for path in ["/b", "/b", "/a"] {
        let mut viewer = edge.connect().await;
        viewer.write(format!("GET {path} HTTP/1.0\r\nHost: {NAME}\r\n\r\n").as_bytes()).await;
        let answer = String::from_utf8(viewer.closed().await).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.") && head.contains(" 200 OK\r\n"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{path}: {head}");
        assert_eq!(body, "hello", "{path}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_tls_listener_speaks_http_1_1_and_h2_as_alpn_says() {
    let authority = Authority::new();
    let edge = over_tls(&authority, "viewer_protocol_policy = \"https-only\"").await;
    let mut viewer = authority.http1(edge.tls_address(), NAME).await;
    assert_eq!(viewer.send(&get_of("/y", &[("Host", NAME)])).await.text(), "hello");
    for (offered, chosen) in [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)] {
        let stream = authority.connect(edge.tls_address(), NAME, offered).await;
        let agreed = stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap());
        assert_eq!(agreed.as_deref(), chosen, "of {offered:?}");
    }
    let stream = authority.connect(edge.tls_address(), NAME, &["h2"]).await;
    speaks_h2(&Http2::over(stream).await).await;
    assert_eq!(edge.get("/x").await.status, 403, "plain HTTP is told no");
    edge.stop().await;
}

#[tokio::test]
async fn what_is_no_handshake_harms_nobody() {
    let authority = Authority::new();
    let edge = over_tls(&authority, "").await;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01\xff\xff\x01", b""] {
        let mut connection = crate::harness::Connection::open(edge.tls_address()).await;
        connection.write(bytes).await;
        drop(connection);
    }
    let mut viewer = authority.http1(edge.tls_address(), NAME).await;
    assert_eq!(viewer.send(&get_of("/x", &[("Host", NAME)])).await.status, 200);
    edge.stop().await;
}

#[tokio::test]
async fn a_node_that_stops_finishes_what_it_began_and_takes_no_more() {
    let (asked, go) =
        (std::sync::Arc::new(tokio::sync::Notify::new()), std::sync::Arc::new(tokio::sync::Notify::new()));
    let (asked_there, go_there) = (asked.clone(), go.clone());
    let edge = Edge::with(one_origin(""))
        .slow_origin("app", move |_| {
            let (asked, go) = (asked_there.clone(), go_there.clone());
            async move {
                asked.notify_one();
                go.notified().await;
                Reply::ok("hello")
            }
        })
        .start()
        .await;
    let address = edge.address;
    let mut connection = edge.connect().await;
    connection.write(get_of("/x", &[]).as_bytes()).await;
    asked.notified().await;
    let (keep, stopping) = edge.stop_apart();
    let stopping = tokio::spawn(stopping);
    // The port is closed while the request is still in flight.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    let answer = connection.answer(false).await;
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    stopping.await.unwrap();
    drop(keep);
}

#[tokio::test(start_paused = true)]
async fn a_request_head_that_does_not_come_to_its_end_is_cut_off() {
    // The runtime's time runs ahead whenever nothing else happens.
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    for begun in ["", "GET /x HTTP/1.1\r\nHost: a.test\r\n", "PRI * HTTP/2.0\r\n"] {
        let mut tcp = TcpStream::connect(edge.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut tcp, begun.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // An end or a reset; what matters is that it comes.
        drop(tokio::io::AsyncReadExt::read_to_end(&mut tcp, &mut rest).await);
        let rest = String::from_utf8(rest).unwrap();
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 4"), "{begun:?}: {rest}");
    }
    assert_eq!(edge.asked_times("app"), 0);
}

/// Many a development server answers in HTTP/1.0, and says where the body ends by its length or by the end of the connection.
#[tokio::test]
async fn an_origin_of_http_1_0_is_served_in_http_1_1() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for length in ["Content-Length: 5\r\n", ""] {
        let origin = Origin::raw(move |mut tcp| async move {
            let mut head = [0; 4096];
            assert!(tcp.read(&mut head).await.unwrap() > 0);
            let answer = format!("HTTP/1.0 200 OK\r\nCache-Control: max-age=60\r\n{length}\r\nhello");
            tcp.write_all(answer.as_bytes()).await.unwrap();
        });
        let edge = Edge::with(one_origin("")).served("app", origin).start().await;
        let mut kept = edge.connect().await;
        for x_cache in ["Miss", "Hit"] {
            let answer = kept.send(&get_of("/x", &[])).await;
            assert_eq!((answer.status, answer.text(), answer.x_cache()), (200, "hello", x_cache), "{length:?}");
            let mut closing = edge.connect().await;
            closing.write(get_of("/x", &[("Connection", "close")]).as_bytes()).await;
            let answer = closing.closed().await;
            assert!(answer.starts_with(b"HTTP/1.1 200 "), "{length:?}: {}", String::from_utf8_lossy(&answer));
        }
        edge.stop().await;
    }
}
