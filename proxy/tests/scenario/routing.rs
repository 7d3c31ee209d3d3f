//! Which distribution answers, by Host; which behavior, by path; and what path the origin is asked for.

use crate::harness::{Edge, Reply};

/// Two distributions with an origin each, `one` and `two`, and what their tables say beside.
fn two(one: &str, two: &str) -> Edge {
    let distribution = |name: &str, settings: &str| {
        format!(
            r#"
            [[distribution]]
            domain_name = "dtest{name}3456789.cloudfront.net"
            {settings}
            [[distribution.origin]]
            id = "{name}"
            domain_name = "127.0.0.1"
            http_port = {{{name}}}
            protocol_policy = "http-only"
            [distribution.default_behavior]
            target_origin = "{name}"
            "#
        )
    };
    Edge::with(format!("{}{}", distribution("one", one), distribution("two", two)))
        .origin("one", |_| Reply::ok("one"))
        .origin("two", |_| Reply::ok("two"))
}

/// One distribution whose origin answers with the path it was asked for, and behaviors that name themselves in a header.
fn behaviors(patterns: &[&str]) -> Edge {
    let mut toml = String::from(
        r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        "#,
    );
    for (number, _) in patterns.iter().enumerate() {
        toml.push_str(&origin(&number.to_string()));
    }
    toml.push_str(&origin("default"));
    toml.push_str("[distribution.default_behavior]\ntarget_origin = \"default\"\ncache_policy = \"CachingDisabled\"\n");
    for (number, pattern) in patterns.iter().enumerate() {
        toml.push_str(&format!(
            "[[distribution.behavior]]\npath_pattern = \"{pattern}\"\ntarget_origin = \"{number}\"\ncache_policy = \"CachingDisabled\"\n"
        ));
    }
    Edge::with(toml).origin("app", |asked| {
        let behavior = asked.header("x-behavior").unwrap().to_owned();
        Reply::ok(asked.target).with("x-behavior", &behavior)
    })
}

fn origin(id: &str) -> String {
    format!(
        "[[distribution.origin]]\nid = \"{id}\"\ndomain_name = \"127.0.0.1\"\nhttp_port = {{app}}\n\
         protocol_policy = \"http-only\"\ncustom_headers = {{ \"X-Behavior\" = \"{id}\" }}\n"
    )
}

#[tokio::test]
async fn the_host_chooses_the_distribution() {
    let edge =
        two("aliases = [\"www.example.com\"]", "aliases = [\"*.example.com\", \"*.deep.example.com\"]").start().await;
    let cases = [
        ("dtestone3456789.cloudfront.net", "one"),
        ("dtesttwo3456789.cloudfront.net", "two"),
        ("www.example.com", "one"),
        ("WWW.Example.COM", "one"),
        ("www.example.com:8080", "one"),
        ("www.example.com.", "one"),
        ("shop.example.com", "two"),
        ("a.b.example.com", "two"),
    ];
    for (host, distribution) in cases {
        assert_eq!(edge.get_with("/", &[("Host", host)]).await.text(), distribution, "{host}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn the_most_specific_wildcard_wins() {
    let edge = two("aliases = [\"*.shop.example.com\"]", "aliases = [\"*.example.com\"]").start().await;
    assert_eq!(edge.get_with("/", &[("Host", "a.shop.example.com")]).await.text(), "one");
    assert_eq!(edge.get_with("/", &[("Host", "shop.example.com")]).await.text(), "two");
    edge.stop().await;
}

#[tokio::test]
async fn an_unknown_host_is_a_403_page_and_no_origin_is_asked() {
    let edge = two("aliases = [\"www.example.com\"]", "").start().await;
    for host in ["other.test", "example.com", "wwwxexample.com", "www.example.com.evil.test"] {
        let answer = edge.get_with("/", &[("Host", host)]).await;
        assert_eq!((answer.status, answer.x_cache(), answer.sentence()), (403, "Error", "Bad request."), "{host}");
    }
    assert_eq!((edge.asked_times("one"), edge.asked_times("two")), (0, 0));
    edge.stop().await;
}

#[tokio::test]
async fn the_only_distribution_answers_for_every_host_when_it_has_no_alias() {
    let edge = Edge::before("", |_| Reply::ok("hello")).start().await;
    for host in ["localhost:8080", "127.0.0.1", "[::1]:80", "anything.test"] {
        assert_eq!(edge.get_with("/", &[("Host", host)]).await.status, 200, "{host}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn the_first_behavior_whose_pattern_matches_answers() {
    let edge = behaviors(&["images/*.jpg", "/images/*", "*.gif", "a??.jpg", "*.doc?"]).start().await;
    let cases = [
        ("/images/sample.gif", "1"),
        ("/images/a/b/c.jpg", "0"),
        ("/x/LOGO.JPG", "default"),
        ("/x/a.gif", "2"),
        ("/ant.jpg", "3"),
        ("/an.jpg", "default"),
        ("/x/ant.jpg", "default"),
        ("/f.doc", "default"),
        ("/f.docx", "4"),
        ("/x?f=.gif", "default"),
    ];
    for (path, behavior) in cases {
        assert_eq!(edge.get(path).await.header("x-behavior"), Some(behavior), "{path}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn paths_are_normalised_to_choose_the_behavior_and_travel_raw() {
    let edge = behaviors(&["/a/b*", "/a*"]).start().await;
    for (path, behavior) in [("/a/b/..", "1"), ("/x/../a/b", "0"), ("/%61/b", "0"), ("//a//b", "0"), ("/a%2Fb", "1")] {
        let answer = edge.get(path).await;
        assert_eq!(answer.header("x-behavior"), Some(behavior), "{path}");
        assert_eq!(answer.text(), path, "the origin gets what the viewer sent");
    }
    edge.stop().await;
}

#[tokio::test]
async fn the_default_root_object_answers_for_the_root_alone() {
    let toml = r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        default_root_object = "index.html"
        [[distribution.origin]]
        id = "app"
        domain_name = "127.0.0.1"
        http_port = {app}
        protocol_policy = "http-only"
        [distribution.default_behavior]
        target_origin = "app"
    "#;
    let edge = Edge::with(toml).origin("app", |asked| Reply::ok(asked.target)).start().await;
    for (path, asked) in [("/", "/index.html"), ("/sub/", "/sub/"), ("///", "///"), ("/index.html", "/index.html")] {
        assert_eq!(edge.get(path).await.text(), asked, "{path}");
    }
    assert_eq!(edge.get("/?q=1").await.x_cache(), "Hit", "it is one object with /index.html");
    assert_eq!(edge.asked_times("app"), 3);
    edge.stop().await;
}

#[tokio::test]
async fn the_origins_path_goes_before_the_path_and_its_headers_override_the_viewers() {
    let toml = r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        [[distribution.origin]]
        id = "app"
        domain_name = "127.0.0.1"
        http_port = {app}
        protocol_policy = "http-only"
        path = "/prod"
        custom_headers = { "X-Secret" = "a" }
        [distribution.default_behavior]
        target_origin = "app"
        cache_policy = "CachingDisabled"
        origin_request_policy = "AllViewer"
    "#;
    let edge = Edge::with(toml).origin("app", |asked| Reply::ok(asked.target)).start().await;
    let answer = edge.get_with("/x.html?q=1", &[("X-Secret", "b"), ("x-secret", "c")]).await;
    assert_eq!(answer.text(), "/prod/x.html?q=1");
    let secrets: Vec<_> = edge.asked("app")[0].headers.clone();
    let secrets: Vec<_> = secrets.iter().filter(|(name, _)| name == "x-secret").map(|(_, value)| &value[..]).collect();
    assert_eq!(secrets, ["a"]);
    edge.stop().await;
}

#[tokio::test]
async fn a_folder_is_an_origin() {
    let toml = r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        default_root_object = "index.html"
        [[distribution.origin]]
        id = "site"
        directory = "public"
        [distribution.default_behavior]
        target_origin = "site"
    "#;
    let edge = Edge::with(toml)
        .file("public/index.html", "<h1>home</h1>")
        .file("public/a b.txt", "spaced")
        .file("secret.txt", "not public")
        .start()
        .await;
    let home = edge.get("/").await;
    assert_eq!((home.status, home.x_cache(), home.text()), (200, "Miss", "<h1>home</h1>"));
    assert_eq!(home.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(edge.get("/index.html").await.x_cache(), "Hit");
    assert_eq!(edge.get("/a%20b.txt").await.text(), "spaced");
    for path in ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/nothing"] {
        let answer = edge.get(path).await;
        assert!(matches!(answer.status, 403 | 404), "{path}: {answer:?}");
    }
    edge.stop().await;
}

#[tokio::test]
async fn distributions_share_no_cached_object() {
    let settings = |aliases: &str| format!("aliases = [\"{aliases}\"]");
    let edge = two(&settings("one.test"), &settings("two.test")).start().await;
    for host in ["one.test", "two.test", "one.test", "two.test"] {
        assert_eq!(edge.get_with("/same", &[("Host", host)]).await.text(), &host[..3]);
    }
    edge.stop().await;
}
