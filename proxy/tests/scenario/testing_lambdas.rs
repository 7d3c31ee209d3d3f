//! `homefront test` of Lambda@Edge functions, which run in each language what they are told of.

use crate::harness::{Code, Edge, Language, Reply, in_every_language, one_origin};
use crate::testing::told;
use tempfile::TempDir;

in_every_language! {
    a_case_of_a_lambda_is_made_of_messages_as_the_node_makes_the_event,
    cases_of_lambdas_pass_and_what_differs_is_shown_case_by_case,
    cases_of_a_node_run_its_lambdas,
    what_differs_from_run_to_run_is_masked,
}

/// A site whose behaviors have functions on each event.
const SITE: &str = r#"
[[distribution]]
id = "ETEST123456789"
aliases = ["www.example.com"]
origin = [{ id = "app", domain_name = "app.internal", path = "/prod", custom_headers = { X-Verify = "secret" } }, { id = "files", directory = "." }]
default_behavior = { target_origin = "files", origin_response = { lambda = "tell" } }
[[distribution.behavior]]
path_pattern = "/upload/*"
target_origin = "app"
allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
viewer_request = { lambda = "tell", include_body = true }
origin_request = { lambda = "tell" }
viewer_response = { lambda = "tell" }
[[distribution.behavior]]
path_pattern = "/docs/*"
target_origin = "app"
origin_request = { lambda = "hook" }
[[distribution.behavior]]
path_pattern = "/keyed/*"
target_origin = "app"
cache_policy = "keyed"
origin_request_policy = "more"
origin_request = { lambda = "tell" }
[[distribution.behavior]]
path_pattern = "/all/*"
target_origin = "app"
origin_request_policy = "AllViewer"
origin_request = { lambda = "tell" }
[[cache_policy]]
name = "keyed"
query_strings = ["a"]
cookies = ["session"]
headers = ["X-Tenant"]
[[origin_request_policy]]
name = "more"
headers = ["CloudFront-Viewer-Country", "CloudFront-Is-Mobile-Viewer"]
query_strings = ["utm"]
"#;

/// Prints what it is shown, and tells a viewer of the response.
fn tell() -> Code {
    let python = r#"
import base64, json

def told(value):
    return json.dumps(value, separators=(",", ":"))

def handler(event, context):
    cf = event["Records"][0]["cf"]
    request = cf["request"]
    print(cf["config"]["eventType"], cf["config"]["distributionId"], request["method"], request["uri"], request["querystring"], request["clientIp"])
    print(told({name: [line["value"] for line in lines] for name, lines in request["headers"].items()}))
    print(base64.b64decode(request["body"]["data"]).decode() if "body" in request else "no body", told(request.get("origin")))
    if "response" not in cf: return request
    response = cf["response"]
    response["headers"]["x-was"] = [{"key": "X-Was", "value": response["status"] + " " + response["statusDescription"]}]
    return response
"#;
    let node = r#"
const say = (...words) => process.stdout.write(words.join(" ") + "\n");
exports.handler = async (event) => {
    const { config, request, response } = event.Records[0].cf;
    say(config.eventType, config.distributionId, request.method, request.uri, request.querystring, request.clientIp);
    say(JSON.stringify(Object.fromEntries(Object.entries(request.headers).map(([name, lines]) => [name, lines.map((line) => line.value)]))));
    say(request.body ? Buffer.from(request.body.data, "base64").toString() : "no body", JSON.stringify(request.origin ?? null));
    if (!response) return request;
    response.headers["x-was"] = [{ key: "X-Was", value: `${response.status} ${response.statusDescription}` }];
    return response;
};
"#;
    Code { python: python.to_owned(), node: node.to_owned() }
}

/// Does what the path says.
fn hook() -> Code {
    let python = r#"
def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    print("asked for " + request["uri"])
    if request["uri"] == "/throw": raise ValueError("boom")
    if request["uri"] == "/nothing": return None
    if request["uri"] == "/body": request["body"] = {"action": "replace", "data": ""}
    if request["uri"] == "/via": request["headers"]["via"] = [{"key": "Via", "value": "x"}]
    if request["uri"] == "/robots.txt": return {"status": "200", "headers": {"content-type": [{"value": "text/plain"}]}, "body": "no robots"}
    if request["uri"].endswith("/"): request["uri"] += "index.html"
    return request
"#;
    let node = r#"
exports.handler = async (event) => {
    const { request } = event.Records[0].cf;
    process.stdout.write(`asked for ${request.uri}\n`);
    if (request.uri === "/throw") throw Object.assign(new Error("boom"), { name: "ValueError" });
    if (request.uri === "/nothing") return null;
    if (request.uri === "/body") request.body = { action: "replace", data: "" };
    if (request.uri === "/via") request.headers.via = [{ key: "Via", value: "x" }];
    if (request.uri === "/robots.txt") return { status: "200", headers: { "content-type": [{ value: "text/plain" }] }, body: "no robots" };
    if (request.uri.endsWith("/")) request.uri += "index.html";
    return request;
};
"#;
    Code { python: python.to_owned(), node: node.to_owned() }
}

/// A folder with the site and its functions in this language, and these cases.
fn folder(language: Language, cases: &str) -> TempDir {
    let fails = Code {
        python: "raise ValueError('no')".to_owned(),
        node: "throw Object.assign(new Error('no'), { name: 'ValueError' });".to_owned(),
    };
    let edge = Edge::with(SITE)
        .lambda(language, "tell", &tell(), "timeout_s = 30")
        .lambda(language, "hook", &hook(), "timeout_s = 30")
        .lambda(language, "broken", &fails, "timeout_s = 30")
        .file("cases.toml", cases);
    edge.written().0
}

async fn a_case_of_a_lambda_is_made_of_messages_as_the_node_makes_the_event(language: Language) {
    let custom = r#"{\"custom\":{\"customHeaders\":{\"x-verify\":[{\"key\":\"X-Verify\",\"value\":\"secret\"}]},\"domainName\":\"app.internal\",\"keepaliveTimeout\":5,\"path\":\"/prod\",\"port\":80,\"protocol\":\"http\",\"readTimeout\":30,\"responseCompletionTimeout\":0,\"sslProtocols\":[\"TLSv1.2\"]}}"#;
    let cases = format!(
        r#"
[[case]]
name = "the viewer's request with its body"
lambda = "tell"
event_type = "viewer-request"
request = {{ path = "/upload/x?a=1", method = "POST", headers = {{ Cookie = ["a=1", "b=2"], Connection = "close" }}, body = "hello" }}
expect = {{ uri = "/upload/x", querystring = "a=1", log = [
    "viewer-request ETEST123456789 POST /upload/x a=1 203.0.113.178",
    "{{\"host\":[\"www.example.com\"],\"cookie\":[\"a=1\",\"b=2\"]}}",
    "hello null",
] }}
[[case]]
name = "the request to the origin"
lambda = "tell"
event_type = "origin-request"
request = {{ path = "/upload/x", viewer_ip = "2001:db8::1" }}
expect = {{ uri = "/upload/x", log = [
    "origin-request ETEST123456789 GET /upload/x  2001:db8::1",
    "{{\"host\":[\"app.internal\"],\"user-agent\":[\"Amazon CloudFront\"],\"via\":[\"1.1 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)\"],\"x-forwarded-for\":[\"2001:db8::1\"]}}",
    "no body {custom}",
] }}
[[case]]
name = "of a request to the origin what the policies forward"
lambda = "tell"
event_type = "origin-request"
[case.request]
path = "/keyed/x?a=1&b=2&utm=3"
method = "HEAD"
headers = {{ Cookie = "session=s; other=o", X-Tenant = "t", X-Other = "o", If-None-Match = "\"1\"", CloudFront-Viewer-Country = "DE", CloudFront-Viewer-City = "Bonn", Authorization = "secret" }}
[case.expect]
log = [
    "origin-request ETEST123456789 GET /keyed/x a=1&utm=3 203.0.113.178",
    "{{\"host\":[\"app.internal\"],\"user-agent\":[\"Amazon CloudFront\"],\"cookie\":[\"session=s\"],\"via\":[\"1.1 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)\"],\"x-forwarded-for\":[\"203.0.113.178\"],\"x-tenant\":[\"t\"],\"cloudfront-viewer-country\":[\"DE\"],\"cloudfront-is-mobile-viewer\":[\"false\"]}}",
    "no body {custom}",
]
[[case]]
name = "nothing of CloudFront's or of the origin's that the viewer says"
lambda = "tell"
event_type = "origin-request"
request = {{ path = "/all/x", headers = {{ X-Other = "o", X-Verify = "forged", CloudFront-Viewer-City = "Bonn" }} }}
[case.expect]
log = [
    "origin-request ETEST123456789 GET /all/x  203.0.113.178",
    "{{\"host\":[\"www.example.com\"],\"via\":[\"1.1 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)\"],\"x-forwarded-for\":[\"203.0.113.178\"],\"x-other\":[\"o\"]}}",
    "no body {custom}",
]
[[case]]
name = "the response of a folder"
lambda = "tell"
event_type = "origin-response"
request = {{ path = "/x" }}
response = {{ status = 404, headers = {{ Server = "S3" }} }}
expect = {{ status = 404, headers = {{ server = "S3", x-was = "404 Not Found" }}, log_contains = ["files.s3.amazonaws.com", "origin-response"] }}
[[case]]
name = "the response to the viewer"
lambda = "tell"
event_type = "viewer-response"
request = {{ path = "/upload/x" }}
response = {{}}
expect = {{ status = 200, headers = {{ x-was = "200 OK", server = "CloudFront" }}, present_headers = ["via"], log_contains = ["no body null"] }}
"#
    );
    let said = told(&folder(language, &cases), &["cases.toml"]).await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(said, @r"
        $ homefront test cases.toml
        cases.toml
          ok      the viewer's request with its body
          ok      the request to the origin
          ok      of a request to the origin what the policies forward
          ok      nothing of CloudFront's or of the origin's that the viewer says
          ok      the response of a folder
          ok      the response to the viewer

        6 passed
        (exit code 0)
        ");
    }
}

/// A case of `hook` for a path.
fn case(name: &str, path: &str, expect: &str) -> String {
    format!(
        "[[case]]\nname = \"{name}\"\nlambda = \"hook\"\nrequest = {{ path = \"{path}\" }}\nexpect = {{ {expect} }}\n"
    )
}

async fn cases_of_lambdas_pass_and_what_differs_is_shown_case_by_case(language: Language) {
    let event = r#"event = { Records = [{ cf = { config = { eventType = "origin-request" }, request = { method = "GET", uri = "/", headers = {} } } }] }"#;
    let broken = |name: &str, expect: &str| {
        format!("[[case]]\nname = \"{name}\"\nlambda = \"broken\"\n{event}\nexpect = {{ {expect} }}\n")
    };
    let cases = [
        case("a folder is its index page", "/docs/", "uri = '/docs/index.html', log = ['asked for /docs/']"),
        case("an answer of its own", "/robots.txt", "status = 200, body = 'no robots', headers = { content-type = 'text/plain' }"),
        case("an error is an error", "/throw", "error_contains = 'ValueError: boom'"),
        case("a read-only header is refused", "/via", "refused_contains = 'read-only header, headerName : Via'"),
        broken("a start that fails is an error", "error_contains = 'ValueError: no'"),
        case("the output differs", "/docs/", "uri = '/docs', output_contains = { method = 'POST' }, log = []"),
        case("it is refused though it runs", "/via", "uri = '/via'"),
        case("it returns nothing", "/nothing", "uri = '/nothing'"),
        case("it returns a body that it does not include", "/body", "uri = '/body'"),
        case("it throws", "/throw", "status = 200"),
        case("no error though one is expected", "/", "error_contains = 'boom'"),
        broken("it does not start", "uri = '/'"),
        "[[case]]\nname = \"the event is none of Lambda@Edge's\"\nlambda = \"hook\"\nevent = { Records = [] }\nexpect = { uri = \"/\" }\n".to_owned(),
    ];
    let said = told(&folder(language, &cases.join("\n")), &[]).await;
    insta::assert_snapshot!("cases_of_lambdas", said);
}

async fn cases_of_a_node_run_its_lambdas(language: Language) {
    let cases = r#"
[[case]]
name = "the origin is asked for what the function says"
[[case.origin.app]]
body = "the docs"
headers = { cache-control = "max-age=60" }
[[case.step]]
request = { path = "/docs/" }
expect = { status = 200, body = "the docs", headers = { x-cache = "Miss from cloudfront" }, origin_requests = 1, origin_request = { path = "/prod/docs/index.html" }, log_contains = ["asked for /docs/", "lambda/hook/1\tREPORT RequestId: "] }
[[case.step]]
request = { path = "/docs/" }
expect = { headers = { x-cache = "Hit from cloudfront" }, origin_requests = 0 }
"#;
    let said = told(&folder(language, cases), &["cases.toml"]).await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(said, @r"
        $ homefront test cases.toml
        cases.toml
          ok      the origin is asked for what the function says

        1 passed
        (exit code 0)
        ");
    }
}

/// Logs as its language does, or ends as the path says.
fn logs() -> Code {
    let python = r#"
import logging, os, threading

logging.getLogger().setLevel("INFO")

def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    if request["uri"] == "/throw": raise ValueError("boom")
    if request["uri"] == "/exit": os._exit(3)
    if request["uri"] == "/hang": threading.Event().wait()
    if request["uri"] == "/refused":
        print(os.environ["TMPDIR"] + "/x")
        return {"status": context.aws_request_id}
    logging.info("hello %s", request["uri"])
    print("START of it\nREPORT card\n" + __file__)
    request["headers"]["x-request-id"] = [{"value": context.aws_request_id}]
    return request
"#;
    let node = r#"
exports.handler = async (event, context) => {
    const { request } = event.Records[0].cf;
    if (request.uri === "/throw") throw Object.assign(new Error("boom"), { name: "ValueError" });
    if (request.uri === "/exit") process.exit(3);
    if (request.uri === "/hang") await new Promise((done) => setTimeout(done, 60_000));
    if (request.uri === "/refused") {
        process.stdout.write(process.env.TMPDIR + "/x\n");
        return { status: context.awsRequestId };
    }
    console.log("hello", request.uri);
    process.stdout.write(`START of it\nREPORT card\n${__filename}\n`);
    request.headers["x-request-id"] = [{ value: context.awsRequestId }];
    return request;
};
"#;
    Code { python: python.to_owned(), node: node.to_owned() }
}

async fn what_differs_from_run_to_run_is_masked(language: Language) {
    let logged = match language {
        Language::Python => r#""[INFO]\t[timestamp]\t[request-id]\thello /a", "#,
        Language::Node => r#""[timestamp]\t[request-id]\tINFO\thello /a", "#,
        // That runtime leaves `logging` as Python has it.
        Language::Provided => r#""INFO:root:hello /a", "#,
    };
    let case = |path: &str, expect: &str| {
        let lambda = if path == "/hang" { "hangs" } else { "logs" };
        format!(
            "[[case]]\nname = '{path}'\nlambda = '{lambda}'\nrequest = {{ path = '{path}' }}\nexpect = {{ {expect}, snapshot = 'snapshots{path}.json' }}\n"
        )
    };
    let file = language.file();
    let cases = [
        case("/a", &format!(r#"log = [{logged}"START of it", "REPORT card", "[package]/{file}"]"#)),
        case("/throw", "error_contains = 'ValueError: boom'"),
        case("/exit", "error_contains = 'RequestId: [request-id] Error: Runtime exited'"),
        case("/hang", "error_contains = 'RequestId: [request-id] Error: Task timed out'"),
        case("/refused", "log = ['[tmp]/x'], refused_contains = '[request-id]'"),
    ];
    let hangs = "origin_request = { lambda = \"logs\" }\n[[distribution.behavior]]\npath_pattern = \"/hang\"\ntarget_origin = \"app\"\norigin_request = { lambda = \"hangs\" }";
    let edge = Edge::with(one_origin(hangs))
        .origin("app", |_| Reply::ok("hello"))
        .lambda(language, "logs", &logs(), "timeout_s = 30")
        .lambda(language, "hangs", &logs(), "timeout_s = 1")
        .file("cases.toml", cases.join("\n"));
    let folder = edge.written().0;
    for words in [&["--update"][..], &[]] {
        let said = told(&folder, words).await;
        assert!(said.contains("\n5 passed") && said.ends_with("(exit code 0)\n"), "{said}");
    }
    let snapshot = |name: &str| std::fs::read_to_string(folder.path().join("snapshots").join(name)).unwrap();
    let (named, hung) = (snapshot("a.json"), snapshot("hang.json"));
    assert!(named.contains(r#""value": "[request-id]""#), "{named}");
    assert!(hung.contains("[timestamp] [request-id] Task timed out"), "{hung}");
    // Its own runtime prints no traces.
    assert_eq!(snapshot("throw.json").contains("[package]/main"), language != Language::Provided);
}
