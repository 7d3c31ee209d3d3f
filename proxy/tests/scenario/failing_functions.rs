//! Edge code that fails: its own request gets CloudFront's error, and nobody else notices.

use crate::harness::{Answer, Edge, Reply, Running};

const EXECUTION: &str =
    "The CloudFront function associated with the CloudFront distribution is invalid or could not run.";
const READ_ONLY: &str = "The CloudFront function tried to add, delete, or change a read-only header.";

/// Two distributions: `bad.test` runs `code` on viewer requests with this budget, `good.test` runs a healthy function.
async fn beside_a_healthy_one(code: &str, budget_ms: u32) -> Running {
    let distribution = |alias: &str, function: &str| {
        format!(
            "[[distribution]]\naliases = [\"{alias}\"]\n[[distribution.origin]]\nid = \"app\"\ndomain_name = \"127.0.0.1\"\n\
             http_port = {{app}}\nprotocol_policy = \"http-only\"\n[distribution.default_behavior]\ntarget_origin = \"app\"\n\
             viewer_request = {{ function = \"{function}\" }}\n"
        )
    };
    Edge::with(format!("{}{}", distribution("bad.test", "bad"), distribution("good.test", "good")))
        .origin("app", |asked| Reply::ok(asked.target))
        .function_with("bad", code, &format!("budget_ms = {budget_ms}"))
        .function_with(
            "good",
            "function handler(event) { event.request.uri += '-healthy'; return event.request; }",
            "budget_ms = 5000",
        )
        .start()
        .await
}

/// Asks the failing distribution twice, and the healthy one at the same time.
async fn fails(code: &str, budget_ms: u32) -> Answer {
    let edge = beside_a_healthy_one(code, budget_ms).await;
    let mut answers = Vec::new();
    for number in 0..2 {
        let path = format!("/{number}");
        let (bad, good) =
            tokio::join!(edge.get_with(&path, &[("Host", "bad.test")]), edge.get_with(&path, &[("Host", "good.test")]));
        assert_eq!((good.status, good.text()), (200, format!("{path}-healthy").as_str()), "beside {code}");
        answers.push(bad);
    }
    assert_eq!(edge.asked_times("app"), 2, "only the healthy requests reach the origin: {code}");
    edge.stop().await;
    assert_eq!(answers[0].status, answers[1].status, "{code}");
    answers.swap_remove(0)
}

#[tokio::test]
async fn a_function_that_cannot_finish_costs_its_own_request_a_503() {
    let bodies = [
        "throw new Error('boom');",
        "throw null;",
        "return event.request.headers.nope.value;",
        "(function f() { return f(); })();",
        "var s = 'a'.repeat(1e9); return s.repeat(1e9);",
        "var a = []; a.length = 4294967295; a.fill('x'); return event.request;",
        "event.request.headers.x.y.z = 1;",
    ];
    for body in bodies {
        let answer = fails(&format!("function handler(event) {{ {body} }}"), 2_000).await;
        assert_eq!(
            (answer.status, answer.x_cache(), answer.sentence()),
            (503, "FunctionExecutionError", EXECUTION),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_function_that_loops_for_ever_is_killed_after_its_budget() {
    for body in [
        "while (true) {}",
        "for (;;) { try { throw 1; } catch (e) {} }",
        "var s = 'a'; while (true) { s += s.slice(0, 1); }",
    ] {
        let answer = fails(&format!("function handler(event) {{ {body} }}"), 100).await;
        assert_eq!(
            (answer.status, answer.x_cache(), answer.sentence()),
            (503, "FunctionExecutionError", EXECUTION),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_function_that_loops_for_ever_gives_no_worker_away_for_good() {
    let code = "function handler(event) { if (event.request.uri === '/loop') { while (true) {} } event.request.uri = '/ok'; return event.request; }";
    let edge = Edge::before("viewer_request = { function = \"f\" }", |asked| Reply::ok(asked.target))
        .function_with("f", code, "budget_ms = 500")
        .start()
        .await;
    for _ in 0..3 {
        assert_eq!(edge.get("/loop").await.status, 503);
    }
    let good = edge.get("/x").await;
    assert_eq!((good.status, good.text()), (200, "/ok"));
    edge.stop().await;
}

#[tokio::test]
async fn a_function_that_returns_what_cloudfront_does_not_accept_is_a_502() {
    let bodies = [
        "event.request.headers.host = { value: 'other.test' }; return event.request;",
        "event.request.headers['x-forwarded-proto'] = { value: 'https' }; return event.request;",
        "event.request.headers['x-edge-foo'] = { value: '1' }; return event.request;",
        "event.request.headers['connection'] = { value: 'close' }; return event.request;",
        "event.request.headers['X-Upper'] = { value: '1' }; return event.request;",
        "event.request.headers['x-split'] = { value: 'a\\r\\nX-Evil: 1' }; return event.request;",
        "event.request.headers['x bad'] = { value: '1' }; return event.request;",
        "event.request.uri = 'no-slash'; return event.request;",
        "event.request.uri = '/a b'; return event.request;",
        "event.request.querystring = 'a b#c'; return event.request;",
        "event.request.uri = '/' + 'a'.repeat(9000); return event.request;",
        "return { statusCode: 200, body: { encoding: 'base64', data: '%%%' } };",
        "return { statusCode: 99 };",
        "return { statusCode: 200, headers: { 'x-a': { value: 'a\\nb' } } };",
    ];
    for body in bodies {
        let answer = fails(&format!("function handler(event) {{ {body} }}"), 5_000).await;
        assert_eq!((answer.status, answer.x_cache()), (502, "FunctionValidationError"), "{body}");
    }
}

#[tokio::test]
async fn the_page_of_a_read_only_header_says_so() {
    let answer =
        fails("function handler(event) { event.request.headers.host = { value: 'b' }; return event.request; }", 5_000)
            .await;
    assert_eq!(answer.sentence(), READ_ONLY);
}

#[tokio::test]
async fn a_function_that_returns_nothing_useful_costs_its_own_request() {
    for body in ["", "return null;", "return 5;", "return 'x';", "return [];", "return event;", "return () => 1;"] {
        let answer = fails(&format!("function handler(event) {{ {body} }}"), 5_000).await;
        assert!(
            matches!(
                (answer.status, answer.x_cache()),
                (502, "FunctionValidationError") | (503, "FunctionExecutionError")
            ),
            "{body}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_function_that_does_not_compile_is_throttled_and_the_node_starts() {
    for code in ["function handler(event) { return event.request", "var x = 1;", "function handler(event) { a b c }"] {
        let answer = fails(code, 5_000).await;
        assert_eq!(answer.status, 503, "{code}");
        assert!(matches!(answer.x_cache(), "FunctionThrottledError" | "FunctionExecutionError"), "{code}: {answer:?}");
    }
    let answer = fails("function handler(event) { return event.request", 5_000).await;
    assert_eq!(answer.x_cache(), "FunctionThrottledError");
}

#[tokio::test]
async fn a_failing_viewer_response_function_replaces_the_answer_and_leaves_the_object() {
    let code = "function handler(event) { if (event.request.headers['x-fail']) throw new Error('boom'); return event.response; }";
    let behavior = "viewer_response = { function = \"f\" }\ncache_policy = \"CachingOptimized\"";
    let edge =
        Edge::before(behavior, |_| Reply::ok("hello")).function_with("f", code, "budget_ms = 5000").start().await;
    let mut connection = edge.connect().await;
    let fail = crate::harness::get_of("/x", &[("X-Fail", "1")]);
    for _ in 0..2 {
        let answer = connection.send(&fail).await;
        assert_eq!((answer.status, answer.x_cache(), answer.sentence()), (503, "FunctionExecutionError", EXECUTION));
    }
    let good = connection.send(&crate::harness::get_of("/x", &[])).await;
    assert_eq!((good.status, good.x_cache(), good.text()), (200, "Hit", "hello"));
    edge.stop().await;
}
