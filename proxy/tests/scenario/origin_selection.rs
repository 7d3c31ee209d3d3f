//! Viewer-request functions that choose where a request goes, on a node with several origins.

use crate::harness::{Authority, Code, Edge, Language, Origin, Reply, in_every_language};

in_every_language! {
    origin_functions_see_the_effective_origin,
}

/// Two servers and a folder; `f` is the viewer-request function of the default behavior, which goes to `a`.
fn site(behavior: &str) -> String {
    format!(
        r#"
        [[distribution]]
        id = "ETEST123456789"
        domain_name = "dtest123456789.cloudfront.net"
        [[distribution.origin]]
        id = "a"
        domain_name = "127.0.0.1"
        http_port = {{a}}
        protocol_policy = "http-only"
        path = "/of-a"
        custom_headers = {{ "X-Of-A" = "secret" }}
        [[distribution.origin]]
        id = "b"
        domain_name = "127.0.0.1"
        http_port = {{b}}
        protocol_policy = "http-only"
        [distribution.default_behavior]
        target_origin = "a"
        viewer_request = {{ function = "f" }}
        {behavior}
        "#
    )
}

const UNCACHED: &str = "cache_policy = \"CachingDisabled\"\norigin_request_policy = \"AllViewer\"";

fn program(calls: &str) -> String {
    format!("import cf from 'cloudfront';\nfunction handler(event) {{ {calls}\nreturn event.request; }}")
}

/// The node; `PORT_B` in the program is the port of `b`.
fn edge(behavior: &str, calls: &str) -> Edge {
    let b = Origin::serve(|asked| std::future::ready(Reply::ok(format!("b {}", asked.target))));
    let calls = calls.replace("PORT_B", &b.address.port().to_string());
    Edge::with(site(behavior))
        .origin("a", |asked| Reply::ok(format!("a {}", asked.target)))
        .served("b", b)
        .function_with("f", &program(&calls), "budget_ms = 5000")
}

const TO_B: &str = "cf.updateRequestOrigin({ domainName: 'localhost', \
    customOriginConfig: { port: PORT_B, protocol: 'http', sslProtocols: ['TLSv1.2'], ipAddressType: 'ipv4' } });";

#[tokio::test]
async fn case_24_an_updated_origin_inherits_headers_and_path_and_is_what_host_says() {
    let edge = edge(UNCACHED, TO_B).start().await;
    assert_eq!(edge.get("/x").await.text(), "b /of-a/x");
    let asked = &edge.asked("b")[0];
    assert_eq!(asked.header("x-of-a"), Some("secret"));
    assert_eq!(asked.header("host"), Some("localhost"), "though the policy forwards the viewer's");
    edge.stop().await;
}

#[tokio::test]
async fn case_24_the_cache_key_stays_so_that_a_hit_can_cross_routes() {
    let calls = format!("if (event.request.headers['x-to-b']) {{ {TO_B} }}");
    let edge = edge("", &calls).start().await;
    let first = edge.get_with("/x", &[("X-To-B", "1")]).await;
    assert_eq!((first.x_cache(), first.text()), ("Miss", "b /of-a/x"));
    let second = edge.get("/x").await;
    assert_eq!((second.x_cache(), second.text()), ("Hit", "b /of-a/x"));
    edge.stop().await;
}

#[tokio::test]
async fn an_origin_is_selected_with_all_its_own_settings() {
    let edge = edge(UNCACHED, "cf.selectRequestOriginById('b');").start().await;
    assert_eq!(edge.get("/x").await.text(), "b /x");
    let asked = &edge.asked("b")[0];
    assert_eq!(asked.header("x-of-a"), None);
    assert_eq!(asked.header("host"), Some("dtest123456789.cloudfront.net"), "which the policy forwards");
    edge.stop().await;
}

#[tokio::test]
async fn a_host_header_of_a_selected_origin_is_sent_whatever_the_policy_forwards() {
    let edge = edge(UNCACHED, "cf.selectRequestOriginById('b', { hostHeader: 'h.example.com' });").start().await;
    edge.get("/x").await;
    assert_eq!(edge.asked("b")[0].header("host"), Some("h.example.com"));
    edge.stop().await;
}

#[tokio::test]
async fn the_name_of_a_bucket_leads_to_the_folder_that_has_it_as_its_id() {
    let folder = "[[distribution.origin]]\nid = \"assets\"\ndirectory = \"public\"\n[distribution.default_behavior]";
    let to_bucket = "cf.updateRequestOrigin({ domainName: 'assets.s3.eu-west-1.amazonaws.com', originPath: '/v2' });";
    let edge = Edge::with(site("").replace("[distribution.default_behavior]", folder))
        .origin("a", |asked| Reply::ok(asked.target))
        .origin("b", |asked| Reply::ok(asked.target))
        .file("public/v2/page.html", "a page")
        .function_with("f", &program(&format!("if (event.request.uri !== '/x') {to_bucket}")), "budget_ms = 5000")
        .start()
        .await;
    for result in ["Miss", "Hit"] {
        let answer = edge.get("/page.html").await;
        assert_eq!((answer.status, answer.text(), answer.x_cache()), (200, "a page", result));
    }
    assert_eq!(edge.asked_times("a"), 0);
    assert_eq!(edge.get("/x").await.text(), "/of-a/x", "the others go to the server");
    edge.stop().await;
}

#[tokio::test]
async fn custom_headers_and_path_of_an_update_replace_those_of_the_origin() {
    let calls = "cf.updateRequestOrigin({ originPath: '/new', customHeaders: { 'x-stage': 'two' } });";
    let edge = edge(UNCACHED, calls).start().await;
    assert_eq!(edge.get("/x").await.text(), "a /new/x");
    let asked = &edge.asked("a")[0];
    assert_eq!((asked.header("x-stage"), asked.header("x-of-a")), (Some("two"), None));
    edge.stop().await;
}

#[tokio::test]
async fn a_group_made_by_a_function_fails_over_and_the_function_runs_once() {
    let calls = "event.request.uri += '!'; cf.createRequestOriginGroup({ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [500] } });";
    let edge = Edge::with(site(UNCACHED))
        .origin("a", |_| Reply::status(500, "a"))
        .origin("b", |asked| Reply::ok(asked.target))
        .function_with("f", &program(calls), "budget_ms = 5000")
        .start()
        .await;
    assert_eq!(edge.get("/x").await.text(), "/x!");
    assert_eq!((edge.asked_times("a"), edge.asked_times("b")), (1, 1));
    edge.stop().await;
}

#[tokio::test]
async fn what_cannot_be_an_origin_is_a_502_with_cloudfronts_sentence() {
    for calls in [
        "cf.updateRequestOrigin({ domainName: '127.0.0.1' });",
        "cf.selectRequestOriginById('c');",
        "cf.createRequestOriginGroup({ originIds: ['a'] });",
    ] {
        let edge = edge(UNCACHED, calls).start().await;
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.x_cache()), (502, "FunctionValidationError"), "{calls}");
        assert_eq!(answer.sentence(), "The CloudFront function returned an invalid value for origin rewrite.");
        assert_eq!((edge.asked_times("a"), edge.asked_times("b")), (0, 0));
        edge.stop().await;
    }
}

async fn origin_functions_see_the_effective_origin(language: Language) {
    let code = Code::around(
        r#"import json; return {"status": "200", "body": json.dumps(request["origin"])}"#,
        r#"return { status: "200", body: JSON.stringify(request.origin) };"#,
    );
    let calls = "cf.updateRequestOrigin({ domainName: 'b.example.com', originPath: '/p', customHeaders: { 'x-a': '1' }, \
                 timeouts: { readTimeout: 7, keepAliveTimeout: 8 }, \
                 customOriginConfig: { port: 8443, protocol: 'https', sslProtocols: ['TLSv1.1', 'TLSv1.2'] } });";
    let edge = edge(&format!("{UNCACHED}\norigin_request = {{ lambda = \"hook\" }}"), calls)
        .lambda(language, "hook", &code, "timeout_s = 30")
        .start()
        .await;
    let seen: serde_json::Value = serde_json::from_str(edge.get("/x").await.text()).unwrap();
    let custom = serde_json::json!({
        "customHeaders": { "x-a": [{ "key": "X-A", "value": "1" }] },
        "domainName": "b.example.com",
        "keepaliveTimeout": 8,
        "path": "/p",
        "port": 8443,
        "protocol": "https",
        "readTimeout": 7,
        "responseCompletionTimeout": 0,
        "sslProtocols": ["TLSv1.1", "TLSv1.2"],
    });
    assert_eq!(seen, serde_json::json!({ "custom": custom }));
    edge.stop().await;
}

#[tokio::test]
async fn the_certificate_of_an_https_origin_has_one_of_the_allowed_names() {
    let authority = Authority::new();
    for (names, issued, status) in [
        ("'*.example.com', 'x.test'", "app.example.com", 200),
        ("'app.example.com'", "*.example.com", 200),
        ("'other.example.com'", "app.example.com", 502),
        ("'*.example.com'", "a.b.example.com", 502),
    ] {
        let tls = authority.issue(&[issued]).server();
        let origin = Origin::serve_tls(tls, |asked| std::future::ready(Reply::ok(asked.target)));
        let toml = site(UNCACHED).replacen(
            "protocol_policy = \"http-only\"",
            "protocol_policy = \"https-only\"\nhttps_port = {a}\ntls = { ca = \"ca.pem\" }",
            1,
        );
        let calls =
            format!("cf.updateRequestOrigin({{ sni: 'sni.example.net', allowedCertificateNames: [{names}] }});");
        let edge = Edge::with(toml)
            .served("a", origin)
            .origin("b", |_| Reply::ok("b"))
            .file("ca.pem", authority.pem())
            .function_with("f", &program(&calls), "budget_ms = 5000")
            .start()
            .await;
        // Twice: nothing that was agreed once may stand in for the names.
        for _ in 0..2 {
            assert_eq!(edge.get("/x").await.status, status, "{names}: {issued}");
        }
        edge.stop().await;
    }
}

#[tokio::test]
async fn allowed_names_do_not_make_up_for_an_authority_that_is_not_trusted() {
    let (own, other) = (Authority::new(), Authority::new());
    let tls = own.issue(&["app.example.com"]).server();
    let origin = Origin::serve_tls(tls, |asked| std::future::ready(Reply::ok(asked.target)));
    let toml = site(UNCACHED).replacen(
        "protocol_policy = \"http-only\"",
        "protocol_policy = \"https-only\"\nhttps_port = {a}\ntls = { ca = \"ca.pem\" }",
        1,
    );
    let calls = "cf.updateRequestOrigin({ sni: 'app.example.com', allowedCertificateNames: ['app.example.com'] });";
    let edge = Edge::with(toml)
        .served("a", origin)
        .origin("b", |_| Reply::ok("b"))
        .file("ca.pem", other.pem())
        .function_with("f", &program(calls), "budget_ms = 5000")
        .start()
        .await;
    assert_eq!(edge.get("/x").await.status, 502);
    assert_eq!(edge.asked_times("a"), 0);
    edge.stop().await;
}
