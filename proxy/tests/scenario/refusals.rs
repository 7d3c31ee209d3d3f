//! What CloudFront refuses before any origin is asked: methods, sizes, ambiguous hosts, plain HTTP.

use crate::harness::{Edge, Reply, Running, request_of};

const ALL_METHODS: &str = r#"allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]"#;

async fn plain() -> Running {
    Edge::before("", |_| Reply::ok("hello")).start().await
}

#[tokio::test]
async fn a_method_that_is_not_allowed_is_cloudfronts_403_page_of_1053_bytes() {
    let edge = plain().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = edge.ask(method, "/", &[], "").await;
        assert_eq!((answer.status, answer.x_cache(), answer.body.len()), (403, "Error", 1_053), "{method}");
        assert_eq!(
            answer.sentence(),
            "This distribution is not configured to allow the HTTP request method that was used for this request. \
             The distribution supports only cachable requests."
        );
        let id = answer.header("x-amz-cf-id").unwrap();
        assert!(answer.text().contains(&format!("Request ID: {id}\n")), "the page names the request");
    }
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn trace_and_connect_are_refused_whatever_is_allowed() {
    let edge = Edge::before(ALL_METHODS, |_| Reply::ok("hello")).start().await;
    let trace = edge.ask("TRACE", "/", &[], "").await;
    assert_eq!((trace.status, trace.x_cache()), (403, "Error"));
    let mut connection = edge.connect().await;
    connection.write(b"CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\n\r\n").await;
    let answer = connection.head().await;
    assert!(matches!(answer.status, 400 | 403), "{answer:?}");
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn a_get_with_a_body_is_refused() {
    let edge = plain().await;
    let answer = edge.ask("GET", "/", &[], "body").await;
    assert_eq!((answer.status, answer.sentence()), (403, "Bad request."));
    let chunked = "GET / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
    assert_eq!(edge.send(chunked).await.status, 403);
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn a_url_of_8193_bytes_is_a_414_and_the_connection_closes() {
    let edge = plain().await;
    let fits = format!("/{}", "a".repeat(8_191));
    assert_eq!(edge.get(&fits).await.status, 200);
    let mut connection = edge.connect().await;
    let answer = connection.send(&request_of("GET", &format!("{fits}a"), &[], "")).await;
    assert_eq!((answer.status, answer.x_cache()), (414, "Error"));
    assert_eq!(connection.closed().await, b"");
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn a_head_of_more_than_32768_bytes_is_a_494_and_the_connection_closes() {
    let edge = plain().await;
    let value = "v".repeat(33_000);
    let mut connection = edge.connect().await;
    let answer = connection.send(&request_of("GET", "/", &[("X-Large", &value)], "")).await;
    assert_eq!((answer.status, answer.x_cache()), (494, "Error"));
    assert_eq!(connection.closed().await, b"");
    let fits = "v".repeat(32_000);
    assert_eq!(edge.get_with("/", &[("X-Large", &fits)]).await.status, 200);
    edge.stop().await;
}

#[tokio::test]
async fn ambiguous_heads_are_refused_and_reach_no_origin() {
    let edge = plain().await;
    let heads = [
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test/../b\r\n\r\n",
    ];
    for head in heads {
        let mut connection = edge.connect().await;
        connection.write(head.as_bytes()).await;
        let answer = connection.head().await;
        assert!(matches!(answer.status, 400 | 403), "{head:?}: {answer:?}");
    }
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn the_absolute_form_is_served_and_the_origin_gets_the_path() {
    let edge = plain().await;
    let answer = edge.send("GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert_eq!(answer.status, 200);
    assert_eq!(edge.asked("app")[0].target, "/x");
    edge.stop().await;
}

#[tokio::test]
async fn two_lengths_or_a_length_and_chunks_smuggle_no_second_request() {
    let edge = Edge::before(&format!("{ALL_METHODS}\ncache_policy = \"CachingDisabled\""), |_| Reply::ok("hello"))
        .start()
        .await;
    let smuggle = [
        "POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nContent-Length: 60\r\n\r\nbody",
        "POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
         GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ];
    for bytes in smuggle {
        let mut connection = edge.connect().await;
        connection.write(bytes.as_bytes()).await;
        connection.head().await;
        connection.closed().await;
    }
    assert!(edge.asked("app").iter().all(|asked| asked.target != "/smuggled"), "{:?}", edge.asked("app"));
    edge.stop().await;
}

#[tokio::test]
async fn plain_http_is_redirected_to_https_with_cloudfronts_167_bytes() {
    let edge = Edge::before("viewer_protocol_policy = \"redirect-to-https\"", |_| Reply::ok("hello")).start().await;
    let answer = edge.get_with("/p?q=1", &[("Host", "www.example.com")]).await;
    assert_eq!((answer.status, answer.x_cache()), (301, "Redirect"));
    assert_eq!(answer.header("location"), Some("https://www.example.com/p?q=1"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.body.len(), 167);
    assert_eq!(
        answer.text(),
        "<html>\r\n<head><title>301 Moved Permanently</title></head>\r\n<body>\r\n\
         <center><h1>301 Moved Permanently</h1></center>\r\n<hr><center>CloudFront</center>\r\n</body>\r\n</html>\r\n"
    );
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn other_methods_are_redirected_with_307_and_over_http_1_0_refused() {
    let behavior = format!("viewer_protocol_policy = \"redirect-to-https\"\n{ALL_METHODS}");
    let edge = Edge::before(&behavior, |_| Reply::ok("hello")).start().await;
    let post = edge.ask("POST", "/p", &[], "body").await;
    assert_eq!((post.status, post.header("location")), (307, Some("https://dtest123456789.cloudfront.net/p")));
    let old = edge.send("POST /p HTTP/1.0\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((old.status, old.x_cache()), (403, "Error"));
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn https_only_refuses_plain_http() {
    let edge = Edge::before("viewer_protocol_policy = \"https-only\"", |_| Reply::ok("hello")).start().await;
    let answer = edge.get("/").await;
    assert_eq!((answer.status, answer.x_cache()), (403, "Error"));
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn what_is_not_http_gets_no_answer_of_an_origin() {
    let edge = plain().await;
    for bytes in [&b"\x16\x03\x01\x00\x05hello"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0\0\0\0\r\n\r\n"] {
        let mut connection = edge.connect().await;
        connection.write(bytes).await;
        connection.closed().await;
    }
    assert_eq!(edge.asked_times("app"), 0);
    assert_eq!(edge.get("/").await.status, 200, "and the node goes on");
    edge.stop().await;
}
