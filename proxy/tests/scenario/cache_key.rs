//! Which requests share a cached object: exactly the cache policy's inputs, nothing else; and what of them the origin sees.

use crate::harness::{Edge, Reply};

/// One distribution with a cache policy that has these settings, and perhaps an origin request policy.
fn keyed(policy: &str, origin_request_policy: Option<&str>) -> Edge {
    let named = if origin_request_policy.is_some() { "origin_request_policy = \"extra\"" } else { "" };
    let extra = origin_request_policy
        .map_or_else(String::new, |settings| format!("[[origin_request_policy]]\nname = \"extra\"\n{settings}\n"));
    let behavior = format!(
        "cache_policy = \"keyed\"\n{named}\n[[cache_policy]]\nname = \"keyed\"\nmin_ttl_s = 0\ndefault_ttl_s = 60\n\
         max_ttl_s = 60\n{policy}\n{extra}"
    );
    Edge::before(&behavior, |_| Reply::ok("hello").with("set-cookie", "seen=1"))
}

#[tokio::test]
async fn aliases_and_the_domain_name_share_objects() {
    let toml = r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        aliases = ["www.example.com", "*.example.org"]
        [[distribution.origin]]
        id = "app"
        domain_name = "127.0.0.1"
        http_port = {app}
        protocol_policy = "http-only"
        [distribution.default_behavior]
        target_origin = "app"
    "#;
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello")).start().await;
    assert_eq!(edge.get("/x").await.x_cache(), "Miss");
    for host in ["www.example.com", "a.example.org", "DTEST123456789.cloudfront.net"] {
        assert_eq!(edge.get_with("/x", &[("Host", host)]).await.x_cache(), "Hit", "{host}");
    }
    assert_eq!(edge.asked_times("app"), 1);
    edge.stop().await;
}

#[tokio::test]
async fn listed_query_strings_are_keyed_and_forwarded_and_others_neither() {
    let edge = keyed("query_strings = [\"a\"]", None).start().await;
    let steps = [("/x?a=1&b=1", "Miss"), ("/x?a=1&b=2", "Hit"), ("/x?a=2", "Miss"), ("/x?A=1", "Miss"), ("/x", "Hit")];
    for (path, result) in steps {
        assert_eq!(edge.get(path).await.x_cache(), result, "{path}");
    }
    let asked: Vec<_> = edge.asked("app").into_iter().map(|asked| asked.target).collect();
    assert_eq!(asked, ["/x?a=1", "/x?a=2", "/x"]);
    edge.stop().await;
}

#[tokio::test]
async fn all_query_strings_are_keyed_by_their_order_and_bytes() {
    let edge = keyed("query_strings = \"all\"", None).start().await;
    for path in ["/x?a=1&b=2", "/x?b=2&a=1", "/x?a=1&b=%32", "/x?a=1&b=2&"] {
        assert_eq!(edge.get(path).await.x_cache(), "Miss", "{path}");
        assert_eq!(edge.get(path).await.x_cache(), "Hit", "{path}");
    }
    let asked: Vec<_> = edge.asked("app").into_iter().map(|asked| asked.target).collect();
    assert_eq!(asked, ["/x?a=1&b=2", "/x?b=2&a=1", "/x?a=1&b=%32", "/x?a=1&b=2&"]);
    edge.stop().await;
}

#[tokio::test]
async fn listed_headers_are_keyed_by_value_and_forwarded() {
    let edge = keyed("headers = [\"Accept-Language\"]", None).start().await;
    let steps = [
        (Some(("Accept-Language", "en")), "Miss"),
        (Some(("ACCEPT-LANGUAGE", "en")), "Hit"),
        (Some(("Accept-Language", "EN")), "Miss"),
        (None, "Miss"),
        (Some(("X-Other", "1")), "Hit"),
    ];
    for (header, result) in steps {
        assert_eq!(edge.get_with("/x", header.as_slice()).await.x_cache(), result, "{header:?}");
    }
    let asked: Vec<_> =
        edge.asked("app").iter().map(|asked| asked.header("accept-language").map(str::to_owned)).collect();
    assert_eq!(asked, [Some("en".to_owned()), Some("EN".to_owned()), None]);
    edge.stop().await;
}

#[tokio::test]
async fn listed_cookies_are_keyed_and_forwarded_and_set_cookie_is_replayed() {
    let edge = keyed("cookies = [\"sid\", \"b\"]", None).start().await;
    let first = edge.get_with("/x", &[("Cookie", "sid=1; other=1; b=2; $x=1")]).await;
    assert_eq!((first.x_cache(), first.all("set-cookie")), ("Miss", vec!["seen=1"]));
    let again = edge.get_with("/x", &[("Cookie", "b=2; other=2; sid=1")]).await;
    assert_eq!((again.x_cache(), again.all("set-cookie")), ("Hit", vec!["seen=1"]));
    assert_eq!(edge.get_with("/x", &[("Cookie", "sid=2; b=2")]).await.x_cache(), "Miss");
    assert_eq!(edge.asked("app")[0].header("cookie"), Some("b=2; sid=1"), "sorted by name, others dropped");
    edge.stop().await;
}

#[tokio::test]
async fn without_cookies_in_the_policies_none_is_forwarded_and_set_cookie_is_stripped() {
    let edge = keyed("", None).start().await;
    for result in ["Miss", "Hit"] {
        let answer = edge.get_with("/x", &[("Cookie", "sid=1")]).await;
        assert_eq!((answer.x_cache(), answer.header("set-cookie")), (result, None));
    }
    assert_eq!(edge.asked("app")[0].header("cookie"), None);
    edge.stop().await;
}

#[tokio::test]
async fn accept_encoding_is_normalised_for_the_key_and_the_origin() {
    let edge = keyed("accept_encoding_gzip = true\naccept_encoding_brotli = true", None).start().await;
    let steps = [
        (Some("gzip, deflate, br"), "Miss"),
        (Some("br, gzip"), "Hit"),
        (Some("gzip"), "Miss"),
        (Some("deflate"), "Miss"),
        (None, "Hit"),
    ];
    for (accepted, result) in steps {
        let headers: Vec<_> = accepted.iter().map(|value| ("Accept-Encoding", *value)).collect();
        assert_eq!(edge.get_with("/x", &headers).await.x_cache(), result, "{accepted:?}");
    }
    let asked: Vec<_> =
        edge.asked("app").iter().map(|asked| asked.header("accept-encoding").map(str::to_owned)).collect();
    assert_eq!(asked, [Some("br,gzip".to_owned()), Some("gzip".to_owned()), Some("identity".to_owned())]);
    assert_eq!(edge.get("/other").await.status, 200);
    assert_eq!(edge.asked("app").last().unwrap().header("accept-encoding"), None, "none asked for, none sent");
    edge.stop().await;
}

#[tokio::test]
async fn an_origin_request_policy_adds_to_what_is_forwarded_and_not_to_the_key() {
    let edge = keyed(
        "headers = [\"X-A\"]\nquery_strings = { all_except = [\"a\"] }",
        Some("headers = { all_except = [\"X-A\"] }\nquery_strings = [\"a\"]"),
    )
    .start()
    .await;
    edge.get_with("/x?a=1&b=1", &[("X-A", "1"), ("X-B", "1")]).await;
    let again = edge.get_with("/x?a=2&b=1", &[("X-A", "1"), ("X-B", "2")]).await;
    assert_eq!(again.x_cache(), "Hit", "neither ?a nor X-B is in the key");
    let asked = &edge.asked("app")[0];
    assert_eq!(
        (asked.header("x-a"), asked.header("x-b")),
        (Some("1"), Some("1")),
        "the keyed header goes all the same"
    );
    assert_eq!(asked.query(), Some("a=1&b=1"));
    edge.stop().await;
}

#[tokio::test]
async fn options_has_an_object_of_its_own_and_post_is_never_cached() {
    let behavior = r#"
        allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        cached_methods = ["GET", "HEAD", "OPTIONS"]
    "#;
    let edge = Edge::before(behavior, |asked| Reply::ok(asked.method)).start().await;
    let steps =
        [("GET", "Miss"), ("OPTIONS", "Miss"), ("OPTIONS", "Hit"), ("GET", "Hit"), ("POST", "Miss"), ("POST", "Miss")];
    for (method, result) in steps {
        let answer = edge.ask(method, "/x", &[], "").await;
        assert_eq!((answer.x_cache(), answer.text()), (result, method));
    }
    assert_eq!(edge.get("/x").await.x_cache(), "Hit", "a POST leaves the object alone");
    assert_eq!(edge.asked_times("app"), 4);
    edge.stop().await;
}

#[tokio::test]
async fn options_is_passed_when_it_is_allowed_and_not_cached() {
    let edge = Edge::before("allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\"]", |asked| Reply::ok(asked.method))
        .start()
        .await;
    for _ in 0..2 {
        assert_eq!(edge.ask("OPTIONS", "/x", &[], "").await.x_cache(), "Miss");
    }
    assert_eq!(edge.asked_times("app"), 2);
    edge.stop().await;
}

#[tokio::test]
async fn the_viewers_vary_names_what_is_forwarded_and_makes_no_variants() {
    let behavior = r#"cache_policy = "by-language"
        [[cache_policy]]
        name = "by-language"
        min_ttl_s = 0
        default_ttl_s = 60
        max_ttl_s = 60
        headers = ["Accept-Language"]
    "#;
    let edge = Edge::before(behavior, |_| Reply::ok("hello").with("vary", "Accept-Language, Foo, Accept-Encoding"))
        .start()
        .await;
    for (foo, result) in [("1", "Miss"), ("2", "Hit")] {
        let answer = edge.get_with("/x", &[("Foo", foo)]).await;
        assert_eq!((answer.x_cache(), answer.header("vary")), (result, Some("Accept-Language, Accept-Encoding")));
        assert!(answer.headers.iter().any(|(name, _)| name == "Vary"), "{answer:?}");
    }
    edge.stop().await;
}
