//! Origins over HTTPS: whom the node trusts, and that one origin's trust is never another's.

use crate::harness::{Authority, Edge, Origin, Reply};

/// A distribution with an HTTPS origin for each of these TLS settings, all at the same port; `/0/…` goes to the first.
fn origins(settings: &[&str]) -> String {
    let mut toml = String::from("[[distribution]]\ndomain_name = \"dtest123456789.cloudfront.net\"\n");
    for (number, tls) in settings.iter().enumerate() {
        toml.push_str(&format!(
            "[[distribution.origin]]\nid = \"{number}\"\ndomain_name = \"127.0.0.1\"\nhttps_port = {{app}}\n\
             protocol_policy = \"https-only\"\n{tls}\n"
        ));
    }
    toml.push_str("[distribution.default_behavior]\ntarget_origin = \"0\"\ncache_policy = \"CachingDisabled\"\n");
    for (number, _) in settings.iter().enumerate() {
        toml.push_str(&format!(
            "[[distribution.behavior]]\npath_pattern = \"/{number}/*\"\ntarget_origin = \"{number}\"\n\
             cache_policy = \"CachingDisabled\"\n"
        ));
    }
    toml
}

#[tokio::test]
async fn an_origin_is_trusted_by_its_own_authority_and_no_connection_is_shared_across_trust() {
    let (own, other) = (Authority::new(), Authority::new());
    let origin = Origin::serve_tls(own.issue(&["app.internal"]).server(), |_| std::future::ready(Reply::ok("hello")));
    let settings = [
        "tls = { ca = \"own.pem\", server_name = \"app.internal\" }",
        "tls = { ca = \"other.pem\", server_name = \"app.internal\" }",
        "tls = { ca = \"own.pem\", server_name = \"wrong.internal\" }",
        "tls = { server_name = \"app.internal\" }",
        "tls = { verify = false, server_name = \"app.internal\" }",
    ];
    let edge = Edge::with(origins(&settings))
        .served("app", origin)
        .file("own.pem", own.pem())
        .file("other.pem", other.pem())
        .start()
        .await;
    // Twice, so that the first origin's connections lie in the pool when the others ask.
    for _ in 0..2 {
        for (path, status) in [("/0/x", 200), ("/1/x", 502), ("/2/x", 502), ("/3/x", 502), ("/4/x", 200)] {
            let answer = edge.get(path).await;
            assert_eq!(answer.status, status, "{path}: {}", settings[path[1..2].parse::<usize>().unwrap()]);
            if status == 502 {
                assert_eq!(answer.sentence(), "CloudFront wasn't able to connect to the origin.");
            }
        }
    }
    assert_eq!(edge.asked_times("app"), 4);
    edge.stop().await;
}

#[tokio::test]
async fn an_https_origin_that_speaks_plain_http_is_a_502() {
    let edge = Edge::with(origins(&["connection_attempts = 1\ntls = { verify = false }"]))
        .origin("app", |_| Reply::ok("hello"))
        .start()
        .await;
    assert_eq!(edge.get("/x").await.status, 502);
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn match_viewer_asks_as_the_viewer_asked() {
    let toml = r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        [[distribution.origin]]
        id = "app"
        domain_name = "127.0.0.1"
        http_port = {app}
        https_port = 65535
        protocol_policy = "match-viewer"
        [distribution.default_behavior]
        target_origin = "app"
    "#;
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello")).start().await;
    assert_eq!(edge.get("/x").await.status, 200);
    edge.stop().await;
}
