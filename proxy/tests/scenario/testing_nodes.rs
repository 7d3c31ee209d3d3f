//! `homefront test`: what a case tells that asked a node and got a wrong answer.

use crate::testing::{folder, told};

const REFUSED: &str = r#"
[[distribution]]
aliases = ["one.test"]
origin = [{ id = "app", domain_name = "app.internal" }]
default_behavior = { target_origin = "app", viewer_request = { function = "bad" } }
[[function]]
name = "bad"
code = "bad.js"
"#;

const REFUSED_CASES: &str = r#"
[[case]]
name = "a page of CloudFront's"
[[case.step]]
request = { path = "/expected" }
expect = { status = 502 }
[[case.step]]
request = { path = "/x" }
expect = { status = 200 }
"#;

#[tokio::test]
async fn what_a_node_answers_wrongly_is_told_with_the_nodes_reason() {
    let bad = "function handler(event) { event.request.headers['x-s'] = 'v'; return event.request; }";
    let files = [("homefront.toml", REFUSED), ("bad.js", bad), ("cases.toml", REFUSED_CASES)];
    insta::assert_snapshot!(told(&folder(&files), &["cases.toml"]).await, @r#"
    $ homefront test cases.toml
    cases.toml
      FAILED  a page of CloudFront's
              at cases.toml:2
              step 2, GET /x: status: expected 200, found 502
              step 2, GET /x: the node's reason: FunctionValidation: function "bad": request.headers["x-s"] must be an object such as { value: "…" }

    0 passed, 1 failed
    (exit code 1)
    "#);
}

#[tokio::test]
async fn a_case_leaves_the_admin_port_to_the_node_that_runs() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let toml = format!("[listen]\nadmin = \"{}\"\n{REFUSED}", taken.local_addr().unwrap());
    let cases = "[[case]]\nname = \"it answers\"\nrequest = { path = \"/x\" }\nexpect = { status = 200 }\n";
    let passes = "function handler(event) { return { statusCode: 200 }; }";
    let files = [("homefront.toml", toml.as_str()), ("bad.js", passes), ("cases.toml", cases)];
    insta::assert_snapshot!(told(&folder(&files), &["cases.toml"]).await, @"
    $ homefront test cases.toml
    cases.toml
      ok      it answers

    1 passed
    (exit code 0)
    ");
}
