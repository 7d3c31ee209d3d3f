//! Origin groups: at which failures of the first member the second is asked, and what a viewer sees of it: nothing.

use crate::harness::{Code, Edge, Language, Origin, Reply, in_every_language};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

in_every_language! {
    the_viewer_request_function_runs_once_and_origin_functions_once_for_each_member,
    an_answer_that_a_function_made_does_not_fail_over,
}

/// A group of the origins `app` and `standby` that fails over at these statuses; `behavior` goes on with the default behavior.
pub(crate) fn group(codes: &str, behavior: &str) -> String {
    format!(
        r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        [[distribution.origin]]
        id = "app"
        domain_name = "127.0.0.1"
        http_port = {{app}}
        protocol_policy = "http-only"
        path = "/first"
        custom_headers = {{ "X-Which" = "first" }}
        connection_attempts = 1
        read_timeout_s = 1
        [[distribution.origin]]
        id = "standby"
        domain_name = "127.0.0.1"
        http_port = {{standby}}
        protocol_policy = "http-only"
        path = "/second"
        connection_attempts = 1
        [[distribution.origin_group]]
        id = "both"
        members = ["app", "standby"]
        failover_status_codes = {codes}
        [distribution.default_behavior]
        target_origin = "both"
        {behavior}
        "#
    )
}

const ALL_METHODS: &str =
    "allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]";

/// Two origins, of which the first answers with this status, the second with 200 and what it was asked.
fn failing(codes: &str, behavior: &str, status: u16) -> Edge {
    Edge::with(group(codes, behavior))
        .origin("app", move |_| Reply::status(status, "first"))
        .origin("standby", |asked| Reply::ok(asked.target))
}

#[tokio::test]
async fn the_second_member_is_asked_at_a_listed_status_with_its_own_path_and_headers() {
    let edge = failing("[500, 503]", "cache_policy = \"CachingDisabled\"", 500).start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache(), answer.text()), (200, "Miss", "/second/x"));
    let (first, second) = (&edge.asked("app")[0], &edge.asked("standby")[0]);
    assert_eq!((first.target.as_str(), first.header("x-which")), ("/first/x", Some("first")));
    assert_eq!(second.header("x-which"), None, "the first member's header is not the second's");
    edge.stop().await;
}

#[tokio::test]
async fn each_of_cloudfronts_statuses_can_be_listed() {
    for status in [400, 403, 404, 416, 429, 500, 502, 503, 504] {
        let edge = failing(&format!("[{status}]"), "", status).start().await;
        assert_eq!(edge.get("/x").await.text(), "/second/x", "{status}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn a_status_that_is_not_listed_is_the_answer() {
    for (codes, status) in [("[500]", 503), ("[503]", 404), ("[404]", 200)] {
        let edge = failing(codes, "", status).start().await;
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.text()), (status, "first"), "{codes}");
        assert_eq!(edge.asked_times("standby"), 0, "{codes}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn head_fails_over_as_get_does() {
    let edge = failing("[500]", "cache_policy = \"CachingDisabled\"", 500).start().await;
    let answer = edge.ask("HEAD", "/x", &[], "").await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(edge.asked("standby")[0].method, "HEAD");
    edge.stop().await;
}

#[tokio::test]
async fn what_changes_something_is_never_sent_to_the_second_member() {
    let edge = failing("[500, 502, 503, 504]", ALL_METHODS, 500).start().await;
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let answer = edge.ask(method, "/x", &[], "body").await;
        assert_eq!((answer.status, answer.text()), (500, "first"), "{method}");
    }
    assert_eq!(edge.asked_times("standby"), 0);
    edge.stop().await;
}

#[tokio::test]
async fn options_fails_over_only_where_it_is_cached() {
    let cached = format!("{ALL_METHODS}\ncached_methods = [\"GET\", \"HEAD\", \"OPTIONS\"]");
    for (behavior, status) in [(ALL_METHODS, 500), (cached.as_str(), 200)] {
        let edge = failing("[500]", behavior, 500).start().await;
        assert_eq!(edge.ask("OPTIONS", "/x", &[], "").await.status, status, "{behavior}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn a_failed_connection_fails_over_only_when_503_is_listed() {
    for (codes, status) in [("[500, 503]", 200), ("[500, 502, 504]", 502)] {
        let edge = Edge::with(group(codes, ""))
            .served("app", Origin::nobody())
            .origin("standby", |asked| Reply::ok(asked.target))
            .start()
            .await;
        assert_eq!(edge.get("/x").await.status, status, "{codes}");
        assert_eq!(edge.asked_times("standby"), usize::from(status == 200), "{codes}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_a_failed_connection() {
    let toml = group("[503]", "").replacen("127.0.0.1", "no-such-host.invalid", 1);
    let edge = Edge::with(toml)
        .origin("app", |_| Reply::ok("first"))
        .origin("standby", |asked| Reply::ok(asked.target))
        .start()
        .await;
    assert_eq!(edge.get("/x").await.text(), "/second/x");
    edge.stop().await;
}

#[tokio::test]
async fn a_timeout_fails_over_only_when_504_is_listed() {
    for (codes, status) in [("[504]", 200), ("[500, 502, 503]", 504)] {
        let edge = Edge::with(group(codes, ""))
            .slow_origin("app", |_| std::future::pending::<Reply>())
            .origin("standby", |asked| Reply::ok(asked.target))
            .start()
            .await;
        assert_eq!(edge.get("/x").await.status, status, "{codes}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_fails_over_when_502_is_listed() {
    for (codes, status) in [("[502]", 200), ("[500, 503, 504]", 502)] {
        let nonsense = Origin::raw(|mut tcp| async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut head = [0; 4096];
            assert!(tcp.read(&mut head).await.unwrap() > 0);
            tcp.write_all(b"SSH-2.0-OpenSSH\r\n\r\n").await.unwrap();
        });
        let edge = Edge::with(group(codes, ""))
            .served("app", nonsense)
            .origin("standby", |asked| Reply::ok(asked.target))
            .start()
            .await;
        assert_eq!(edge.get("/x").await.status, status, "{codes}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn a_head_beyond_the_limit_fails_over_when_502_is_listed() {
    let edge = Edge::with(group("[502]", ""))
        .origin("app", |_| Reply::ok("first").with("x-large", &"x".repeat(33_000)))
        .origin("standby", |asked| Reply::ok(asked.target))
        .start()
        .await;
    assert_eq!(edge.get("/x").await.text(), "/second/x");
    edge.stop().await;
}

#[tokio::test]
async fn every_miss_asks_the_first_member_first_and_a_hit_asks_nobody() {
    let edge = failing("[500]", "", 500).start().await;
    assert_eq!(edge.get("/a").await.x_cache(), "Miss");
    assert_eq!(edge.get("/a").await.x_cache(), "Hit");
    assert_eq!(edge.get("/b").await.x_cache(), "Miss");
    assert_eq!((edge.asked_times("app"), edge.asked_times("standby")), (2, 2));
    edge.stop().await;
}

#[tokio::test]
async fn when_both_fail_the_answer_is_the_seconds() {
    let edge = Edge::with(group("[500, 503]", "cache_policy = \"CachingDisabled\""))
        .origin("app", |_| Reply::status(500, "first"))
        .origin("standby", |_| Reply::status(503, "second"))
        .start()
        .await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.text()), (503, "second"));
    assert_eq!((edge.asked_times("app"), edge.asked_times("standby")), (1, 1), "nobody is asked twice");
    edge.stop().await;
}

#[tokio::test]
async fn when_the_second_cannot_be_reached_its_failure_is_the_answer() {
    let edge = Edge::with(group("[500, 503]", ""))
        .origin("app", |_| Reply::status(500, "first"))
        .served("standby", Origin::nobody())
        .start()
        .await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.sentence()), (502, "CloudFront wasn't able to connect to the origin."));
    edge.stop().await;
}

#[tokio::test]
async fn an_expired_object_is_served_only_when_both_members_fail() {
    let down = Arc::new(AtomicUsize::new(0));
    let (first, second) = (down.clone(), down.clone());
    let edge = Edge::with(group("[500, 503]", ""))
        .origin("app", move |_| match first.load(Ordering::SeqCst) {
            0 => Reply::ok("first").with("cache-control", "max-age=10"),
            _ => Reply::status(503, "down"),
        })
        .origin("standby", move |_| match second.load(Ordering::SeqCst) {
            1 => Reply::ok("second").with("cache-control", "max-age=10"),
            _ => Reply::status(503, "down"),
        })
        .start()
        .await;
    assert_eq!(edge.get("/x").await.text(), "first");
    for (members_down, body) in [(1, "second"), (2, "second")] {
        down.store(members_down, Ordering::SeqCst);
        edge.clock.advance(Duration::from_secs(11));
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.text()), (200, body), "{members_down} down");
    }
    assert_eq!(edge.asked_times("standby"), 2, "before the old object was served, both were asked");
    edge.stop().await;
}

#[tokio::test]
async fn a_folder_without_the_file_fails_over_to_a_server() {
    let toml = r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        origin = [
          { id = "site", directory = "public" },
          { id = "app", domain_name = "127.0.0.1", http_port = {app}, protocol_policy = "http-only" },
        ]
        origin_group = [{ id = "both", members = ["site", "app"], failover_status_codes = [404] }]
        default_behavior = { target_origin = "both" }
    "#;
    let edge = Edge::with(toml)
        .file("public/there.txt", "a file")
        .origin("app", |asked| Reply::ok(asked.target))
        .start()
        .await;
    assert_eq!(edge.get("/there.txt").await.text(), "a file");
    assert_eq!(edge.get("/made").await.text(), "/made");
    edge.stop().await;
}

#[tokio::test]
async fn the_viewer_response_function_sees_the_answer_of_the_second_member() {
    let code = "function handler(event) { event.response.headers['x-ran'] = { value: 'yes' }; return event.response; }";
    let edge = failing("[500]", "viewer_response = { function = \"f\" }", 500)
        .function_with("f", code, "budget_ms = 5000")
        .start()
        .await;
    assert_eq!(edge.get("/x").await.header("x-ran"), Some("yes"));
    edge.stop().await;
}

async fn the_viewer_request_function_runs_once_and_origin_functions_once_for_each_member(language: Language) {
    let once = "function handler(event) { event.request.uri += '!'; return event.request; }";
    // Each member's own origin block, and a response function whose work on the first answer nobody sees.
    let python = r#"origin = request["origin"]["custom"]
    if cf["config"]["eventType"] == "origin-request":
        request["headers"]["x-seen"] = header(origin["path"] + str(len(origin["customHeaders"])), "X-Seen")
        return request
    response = cf["response"]
    response["headers"]["x-from"] = header(origin["path"] + " " + response["status"], "X-From")
    if response["status"] == "500": response["status"] = "200"
    return response"#;
    let node = r#"const origin = request.origin.custom;
    if (cf.config.eventType === "origin-request") {
        request.headers["x-seen"] = header(origin.path + Object.keys(origin.customHeaders).length, "X-Seen");
        return request;
    }
    const { response } = cf;
    response.headers["x-from"] = header(origin.path + " " + response.status, "X-From");
    if (response.status === "500") response.status = "200";
    return response;"#;
    let behavior = "cache_policy = \"CachingDisabled\"\nviewer_request = { function = \"f\" }\n\
        origin_request = { lambda = \"hook\" }\norigin_response = { lambda = \"hook\" }";
    let edge = failing("[500]", behavior, 500)
        .function_with("f", once, "budget_ms = 5000")
        .lambda(language, "hook", &Code::around(python, node), "timeout_s = 30")
        .start()
        .await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.text(), answer.header("x-from")), (200, "/second/x!", Some("/second 200")));
    assert_eq!(edge.asked("app")[0].header("x-seen"), Some("/first1"));
    assert_eq!(edge.asked("standby")[0].header("x-seen"), Some("/second0"));
    edge.stop().await;
}

async fn an_answer_that_a_function_made_does_not_fail_over(language: Language) {
    let generated =
        Code::around(r#"return {"status": "500", "body": "made"}"#, r#"return { status: "500", body: "made" };"#);
    let replaced = Code::around(
        r#"cf["response"].update({"status": "500", "body": "made"}); return cf["response"]"#,
        r#"return Object.assign(cf.response, { status: "500", body: "made" });"#,
    );
    for (trigger, code) in [("origin_request", generated), ("origin_response", replaced)] {
        // An empty answer of the origin: its replacement enters anew.
        let edge = Edge::with(group("[500]", &format!("{trigger} = {{ lambda = \"hook\" }}")))
            .origin("app", |_| Reply::ok(""))
            .origin("standby", |asked| Reply::ok(asked.target))
            .lambda(language, "hook", &code, "timeout_s = 30")
            .start()
            .await;
        let answer = edge.get("/x").await;
        assert_eq!((answer.status, answer.text()), (500, "made"), "{trigger}");
        assert_eq!(edge.asked_times("standby"), 0, "{trigger}");
        edge.stop().await;
    }
}

#[tokio::test]
async fn an_experiments_variant_may_name_a_group() {
    let toml = format!(
        "{}\n[[experiment]]\nname = \"e\"\nvariants = [{{ name = \"a\", weight = 0 }}, {{ name = \"b\", weight = 1, origin = \"both\" }}]",
        group("[500]", "split = { experiment = \"e\" }").replacen(
            "target_origin = \"both\"",
            "target_origin = \"app\"",
            1
        )
    );
    let edge = Edge::with(toml)
        .origin("app", |_| Reply::status(500, "first"))
        .origin("standby", |asked| Reply::ok(asked.target))
        .start()
        .await;
    assert_eq!(edge.get("/x").await.text(), "/second/x");
    edge.stop().await;
}
