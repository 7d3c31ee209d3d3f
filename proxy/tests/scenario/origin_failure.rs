//! Origins that are down, slow, or not HTTP: CloudFront's answers, and nothing else suffers.

use crate::harness::{Binary, Connection, Edge, Http2, Origin, Reply, binary, get_of, one_origin, request_of};
use std::time::Duration;

#[tokio::test]
async fn an_origin_that_is_down_is_a_502_page() {
    let edge = Edge::with(one_origin("")).served("app", Origin::nobody()).start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache()), (502, "Error"));
    assert_eq!(answer.sentence(), "CloudFront wasn't able to connect to the origin.");
    edge.stop().await;
}

/// The node's own log goes where its standard error goes, here to a file.
#[tokio::test]
async fn an_origin_that_is_down_is_logged_with_its_id_and_the_reason_and_without_colours() {
    let (folder, origins) = Edge::with(one_origin("")).served("app", Origin::nobody()).written();
    let log = folder.path().join("node.log");
    let mut command = binary::command(folder.path(), &["serve", "homefront.toml"]);
    command.stderr(std::fs::File::create(&log).unwrap());
    let (binary, address) = Binary::start(command).await;
    let answer = Connection::open(address).await.send(&get_of("/x", &[])).await;
    assert_eq!(answer.status, 502);
    binary.signal(rustix::process::Signal::TERM);
    assert!(binary.ended().await.success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains('\u{1b}'), "colours are for terminals: {log:?}");
    let failed: Vec<_> = log.lines().filter(|line| line.contains("request failed")).collect();
    let [line] = failed[..] else { panic!("one line for one request: {log}") };
    let (_time, line) = line.split_once("  ").expect("a time");
    let line = line.replace(answer.header("x-amz-cf-id").unwrap(), "[X-Amz-Cf-Id]");
    insta::assert_snapshot!(line.replace(&origins["app"].address.to_string(), "[address]"));
}

#[tokio::test]
async fn an_origin_that_is_slower_than_its_timeout_is_a_504() {
    let toml =
        one_origin("").replace("protocol_policy", "connection_attempts = 1\nread_timeout_s = 1\nprotocol_policy");
    let edge = Edge::with(toml).slow_origin("app", |_| std::future::pending::<Reply>()).start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache()), (504, "Error"));
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn a_get_is_tried_as_often_as_connection_attempts_says() {
    let toml =
        one_origin("").replace("protocol_policy", "connection_attempts = 2\nread_timeout_s = 1\nprotocol_policy");
    let edge = Edge::with(toml).slow_origin("app", |_| std::future::pending::<Reply>()).start().await;
    assert_eq!(edge.get("/x").await.status, 504);
    assert_eq!(edge.asked_times("app"), 2);
    edge.stop().await;
}

#[tokio::test]
async fn an_expired_object_is_served_when_the_origin_fails() {
    let edge = Edge::before("", {
        let times = std::sync::atomic::AtomicUsize::new(0);
        move |_| match times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::ok("hello").with("cache-control", "max-age=10"),
            _ => Reply::status(503, "down"),
        }
    })
    .start()
    .await;
    edge.get("/x").await;
    edge.clock.advance(Duration::from_secs(11));
    let stale = edge.get("/x").await;
    assert_eq!((stale.status, stale.text()), (200, "hello"));
    edge.stop().await;
}

#[tokio::test]
async fn a_not_found_is_cached_for_ten_seconds() {
    let edge = Edge::before("", |_| Reply::status(404, "no")).start().await;
    for _ in 0..3 {
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.x_cache(), answer.text()), (404, "Error", "no"));
    }
    assert_eq!(edge.asked_times("app"), 1);
    edge.clock.advance(Duration::from_secs(11));
    edge.get("/x").await;
    assert_eq!(edge.asked_times("app"), 2);
    edge.stop().await;
}

#[tokio::test]
async fn a_failing_origin_is_asked_again_only_after_ten_seconds_while_stale_objects_are_served() {
    let edge = Edge::before("", {
        let times = std::sync::atomic::AtomicUsize::new(0);
        move |_| match times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::ok("hello").with("cache-control", "max-age=10"),
            _ => Reply::status(500, "down"),
        }
    })
    .start()
    .await;
    edge.get("/x").await;
    edge.clock.advance(Duration::from_secs(11));
    for _ in 0..3 {
        assert_eq!(edge.get("/x").await.text(), "hello");
    }
    assert_eq!(edge.asked_times("app"), 2, "once when it expired, then not for ten seconds");
    edge.clock.advance(Duration::from_secs(11));
    edge.get("/x").await;
    assert_eq!(edge.asked_times("app"), 3);
    edge.stop().await;
}

#[tokio::test]
async fn the_error_of_a_silent_origin_is_cached_for_ten_seconds() {
    let toml =
        one_origin("").replace("protocol_policy", "connection_attempts = 1\nread_timeout_s = 1\nprotocol_policy");
    let edge = Edge::with(toml).slow_origin("app", |_| std::future::pending::<Reply>()).start().await;
    for _ in 0..3 {
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.x_cache()), (504, "Error"));
    }
    assert_eq!(edge.asked_times("app"), 1);
    edge.clock.advance(Duration::from_secs(11));
    assert_eq!(edge.get("/x").await.status, 504);
    assert_eq!(edge.asked_times("app"), 2);
    edge.stop().await;
}

#[tokio::test]
async fn an_origin_whose_name_has_no_address_is_a_502_page() {
    let toml = one_origin("").replace("domain_name = \"127.0.0.1\"", "domain_name = \"no-such-host.invalid\"");
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello")).start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache()), (502, "Error"));
    assert_eq!(answer.sentence(), "CloudFront wasn't able to resolve the origin domain name.");
    edge.stop().await;
}

#[tokio::test]
async fn what_is_not_an_http_answer_is_a_502_page() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let large = format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(33_000));
    let answers = [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 two hundred\r\n\r\n",
        "",
        "HTTP/1.1 200 OK\r\nBad Header\r\n\r\n",
        &large,
    ];
    for said in answers {
        let bytes = said.to_owned();
        let origin = Origin::raw(move |mut tcp| {
            let bytes = bytes.clone();
            async move {
                let mut head = [0; 4096];
                assert!(tcp.read(&mut head).await.unwrap() > 0);
                // The node may hang up before all is said.
                drop(tcp.write_all(bytes.as_bytes()).await);
            }
        });
        let edge = Edge::with(one_origin("")).served("app", origin).start().await;
        let answer = edge.get("/x").await;
        let said = &said[..said.len().min(60)];
        assert_eq!((answer.status, answer.x_cache()), (502, "Error"), "{said:?}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn head_over_http_2_to_an_origin_that_is_not_there_is_the_head_of_the_page() {
    let toml = one_origin("cache_policy = \"CachingDisabled\"")
        .replace("protocol_policy", "connection_attempts = 1\nprotocol_policy");
    let edge = Edge::with(toml).served("app", Origin::nobody()).start().await;
    let viewer = Http2::open(edge.address).await;
    for _ in 0..2 {
        let request = http::Request::head("http://dtest123456789.cloudfront.net/x").body(()).unwrap();
        let answer = viewer.send(request, &[]).await;
        assert_eq!((answer.status, answer.x_cache(), answer.text()), (502, "Error", ""));
    }
    edge.stop().await;
}

#[tokio::test]
async fn a_viewer_that_waited_for_word_to_go_on_gets_the_page_too() {
    let behavior = "cache_policy = \"CachingDisabled\"\nallowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]";
    let toml = one_origin(behavior).replace("protocol_policy", "connection_attempts = 1\nprotocol_policy");
    let edge = Edge::with(toml).served("app", Origin::nobody()).start().await;
    let mut viewer = edge.connect().await;
    viewer.write(request_of("POST", "/x", &[("expect", "100-continue"), ("content-length", "4")], "").as_bytes()).await;
    assert_eq!(viewer.status_line().await, "HTTP/1.1 100 Continue");
    viewer.write(b"body").await;
    let answer = viewer.answer(false).await;
    assert_eq!((answer.status, answer.x_cache()), (502, "Error"));
    edge.stop().await;
}
