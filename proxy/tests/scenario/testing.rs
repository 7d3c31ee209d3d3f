//! `homefront test`: cases of functions and whole distributions, and everything it says of them.

use crate::harness::Authority;
use crate::harness::binary::{self, Ended};
use std::fmt::Write as _;
use std::path::Path;
use tempfile::TempDir;

const SITE: &str = r#"
[[distribution]]
id = "ETEST123456789"
aliases = ["www.example.com"]
origin = [{ id = "app", domain_name = "app.internal", path = "/prod", custom_headers = { X-Verify = "secret" } }]
[distribution.default_behavior]
target_origin = "app"
cache_policy = "CachingOptimized"
origin_request_policy = "AllViewer"
viewer_request = { function = "rewrite" }

[[function]]
name = "rewrite"
code = "functions/rewrite.js"

[[function]]
name = "bad"
code = "functions/bad.js"

[[lambda]]
name = "hook"
runtime = "python3"
handler = "main.handler"
code = "lambda"
timeout_s = 30
"#;

const REWRITE: &str = "function handler(event) {
  var request = event.request;
  console.log('asked for ' + request.uri);
  if (request.uri === '/old') {
    return { statusCode: 301, headers: { location: { value: '/new' } } };
  }
  if (request.uri.endsWith('/')) {
    request.uri += 'index.html';
  }
  request.headers['x-from'] = { value: event.viewer.ip };
  return request;
}
";

const BAD: &str = "function handler(event) {
  if (event.request.uri === '/host') {
    event.request.headers.host = { value: 'b.example' };
    return event.request;
  }
  if (event.request.uri === '/loop') { while (true) {} }
  return event.request.headers.nope.value;
}
";

const HOOK: &str = "
def handler(event, context):
    request = event['Records'][0]['cf']['request']
    print('asked for ' + request['uri'])
    if request['uri'] == '/throw':
        raise ValueError('boom')
    if request['uri'] == '/host':
        request['headers']['via'] = [{'key': 'Via', 'value': 'x'}]
        return request
    if request['uri'] == '/robots.txt':
        return {'status': '200', 'headers': {'content-type': [{'value': 'text/plain'}]}, 'body': 'no robots'}
    request['uri'] += 'index.html'
    return request
";

const EVENT: &str = r#"{ "Records": [{ "cf": {
  "config": { "distributionId": "ETEST123456789", "eventType": "origin-request" },
  "request": { "clientIp": "203.0.113.178", "method": "GET", "uri": "/", "querystring": "", "headers": {} }
} }] }"#;

/// A folder with the site above and these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let site = [
        ("homefront.toml", SITE),
        ("functions/rewrite.js", REWRITE),
        ("functions/bad.js", BAD),
        ("lambda/main.py", HOOK),
        ("events/origin-request.json", EVENT),
    ];
    for (name, text) in site.iter().chain(files) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

async fn run(folder: &Path, words: &[&str]) -> Ended {
    binary::run(binary::command(folder, &[&["test"], words].concat())).await
}

/// What a person sees of a run.
pub(crate) async fn told(folder: &TempDir, words: &[&str]) -> String {
    let Ended { code, stdout, stderr } = run(folder.path(), words).await;
    let mut said = format!("$ homefront test {}\n{stdout}", words.join(" "));
    if !stderr.is_empty() {
        let _ = write!(said, "(standard error)\n{stderr}");
    }
    let _ = writeln!(said, "(exit code {})", code.unwrap());
    said.replace(folder.path().to_str().unwrap(), "[folder]")
}

const PASSING: &str = r#"
[[case]]
name = "a folder is its index page"
function = "rewrite"
request = { path = "/docs/?a=1", viewer_ip = "192.0.2.7" }
expect = { uri = "/docs/index.html", querystring = "a=1", headers = { x-from = "192.0.2.7" }, log = ["asked for /docs/"], utilization_max = 100 }

[[case]]
name = "an event of CloudFront's is taken as it is"
function = "rewrite"
event = { version = "1.0", context = { eventType = "viewer-request" }, viewer = { ip = "192.0.2.8" }, request = { method = "GET", uri = "/old" } }
expect = { status = 301, headers = { location = "/new" }, output = { response = { headers = { location = { value = "/new" } }, cookies = {}, statusCode = 301 } } }

[[case]]
name = "a read-only header is refused"
function = "bad"
request = { path = "/host" }
expect = { refused_contains = "read-only header" }

[[case]]
name = "an error is an error"
function = "bad"
request = { path = "/" }
expect = { error_contains = "TypeError: cannot get property \"value\" of undefined" }

[[case]]
name = "a Lambda@Edge function gets its event"
lambda = "hook"
event = "events/origin-request.json"
expect = { uri = "/index.html", log = ["asked for /"], output_contains = { clientIp = "203.0.113.178" } }

[[case]]
name = "the node asks the origin once, with what the function and the policies say"
[[case.origin.app]]
path_pattern = "/prod/docs/*"
headers = { cache-control = "max-age=60", set-cookie = ["a=1", "b=2"] }
body = "the docs"
[[case.step]]
request = { path = "/docs/" }
expect = { status = 200, body = "the docs", headers = { x-cache = "Miss from cloudfront", set-cookie = ["a=1", "b=2"] }, origin_requests = 1, origin_request = { method = "GET", path = "/prod/docs/index.html", headers = { host = "www.example.com", x-verify = "secret", x-from = "127.0.0.1" } }, log_contains = ["asked for /docs/"] }
[[case.step]]
after_s = 59
request = { path = "/docs/" }
expect = { headers = { x-cache = "Hit from cloudfront" }, origin_requests = 0 }
[[case.step]]
after_s = 2
request = { path = "/docs/" }
expect = { headers = { x-cache = "Miss from cloudfront" }, origin_requests = 1 }
"#;

#[tokio::test]
async fn cases_of_functions_and_of_a_node_pass() {
    insta::assert_snapshot!(told(&folder(&[("cases.toml", PASSING)]), &[]).await);
}

const FAILING: &str = r#"
[[case]]
name = "the output differs"
function = "rewrite"
request = { path = "/docs/", headers = { Cookie = "id=x" } }
expect = { uri = "/docs", output_contains = { request = { method = "POST" } }, log = ["asked for /"], headers = { x-from = "192.0.2.1" } }

[[case]]
name = "the whole output differs"
function = "rewrite"
request = { path = "/old" }
expect = { output = { response = { statusCode = 302, cookies = {}, headers = { location = { value = "/new" } } } } }

[[case]]
name = "the result is refused though it runs"
function = "bad"
request = { path = "/host" }
expect = { headers = { host = "b.example" } }

[[case]]
name = "the function throws"
function = "bad"
request = { path = "/" }
expect = { uri = "/" }

[[case]]
name = "the function loops"
function = "bad"
request = { path = "/loop" }
expect = { uri = "/" }

[[case]]
name = "it is dear"
function = "rewrite"
request = { path = "/" }
expect = { utilization_max = 0, error_contains = "boom" }

[[case]]
name = "the event is none of CloudFront's"
function = "rewrite"
event = { request = {} }
expect = { uri = "/" }

[[case]]
name = "a lambda's result is refused though it runs"
lambda = "hook"
event = { Records = [{ cf = { config = { eventType = "origin-request" }, request = { method = "GET", uri = "/host", headers = { via = [{ value = "1.1 a" }] } } } }] }
expect = { uri = "/host" }

[[case]]
name = "a lambda throws"
lambda = "hook"
event = { Records = [{ cf = { config = { eventType = "origin-request" }, request = { method = "GET", uri = "/throw", headers = {} } } }] }
expect = { status = 200 }

[[case]]
name = "the event is none of Lambda@Edge's"
lambda = "hook"
event = { Records = [] }
expect = { uri = "/" }

[[case]]
name = "the node answers otherwise"
origin.app = [{ path_pattern = "/prod/x", body = "one\ntwo\nthree\n" }]
expect = { log_contains = ["nobody prints this"] }
[[case.step]]
request = { path = "/x" }
expect = { status = 404, body = "one\n2\nthree\n", headers = { x-cache = "Hit from cloudfront" }, absent_headers = ["x-cache"], present_headers = ["x-b"], origin_requests = 0, origin_request = { path = "/x" } }
[[case.step]]
request = { path = "/x" }
expect = { body_contains = "four", origin_requests = 1, origin_request = { path = "/x" } }
[[case.step]]
request = { path = "/y" }
expect = { body = "" }
"#;

#[tokio::test]
async fn what_differs_is_shown_case_by_case() {
    let said = told(&folder(&[("cases.toml", FAILING)]), &[]).await;
    let varies = [
        (r"(utilization_max: .*, found )\d+.*", "${1}[percent]"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[uuid]"),
        (r"[0-9a-zA-Z_-]{54}==", "[X-Amz-Cf-Id]"),
    ];
    insta::with_settings!({ filters => varies }, { insta::assert_snapshot!(said) });
}

#[tokio::test]
async fn a_wrong_case_file_is_told_with_its_places_and_the_others_are_run() {
    const WRONG: &str =
        "[[case]]\nname = \"a\"\nfunction = \"rewrit\"\nrequest = { path = \"/\" }\nexpct = { uri = \"/\" }\n";
    const GOOD: &str = "[[case]]\nname = \"a\"\nfunction = \"rewrite\"\nrequest = { path = \"/\" }\nexpect = { uri = \"/index.html\" }\n";
    let folder = folder(&[("a/wrong.cases.toml", WRONG), ("b/rewrite.cases.toml", GOOD)]);
    insta::assert_snapshot!(told(&folder, &[]).await);
}

#[tokio::test]
async fn a_wrong_configuration_is_told_as_check_tells_it() {
    let case =
        "config = \"site.toml\"\n[[case]]\nname = \"a\"\nrequest = { path = \"/\" }\nexpect = { status = 200 }\n";
    let folder = folder(&[("cases.toml", case), ("site.toml", "[[distribution]]\norigins = []\n")]);
    insta::assert_snapshot!(told(&folder, &[]).await);
}

#[tokio::test]
async fn no_case_is_a_failure() {
    let folder =
        folder(&[("some/cases.toml", PASSING), ("some/events/origin-request.json", EVENT), ("empty/cases.txt", "")]);
    let mut said = String::new();
    for words in [&["empty"][..], &["nowhere"], &["--filter", "no such name", "."], &["empty", "some/none.toml"]] {
        said += &told(&folder, words).await;
        said.push('\n');
    }
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn a_filter_and_a_path_choose_cases() {
    let folder =
        folder(&[("some/cases.toml", PASSING), ("some/events/origin-request.json", EVENT), ("other/cases.toml", "?")]);
    insta::assert_snapshot!(told(&folder, &["some", "--filter", "Lambda"]).await);
    let by_file = run(folder.path(), &["some/cases.toml", "-f", "some/"]).await;
    assert_eq!((by_file.code, by_file.stdout.contains("6 passed")), (Some(0), true), "{}", by_file.stdout);
}

const WITH_SNAPSHOTS: &str = r#"
[[case]]
name = "a function"
function = "rewrite"
request = { path = "/docs/" }
expect = { snapshot = "snapshots/function.json" }

[[case]]
name = "an error"
function = "bad"
request = { path = "/" }
expect = { error_contains = "TypeError", snapshot = "snapshots/error.json" }

[[case]]
name = "an answer"
origin.app = [{ headers = { etag = "\"1\"" }, body = "hello\n" }]
request = { path = "/" }
expect = { snapshot = "snapshots/answer.txt" }
"#;

#[tokio::test]
async fn snapshots_are_written_when_told_and_compared_otherwise() {
    let folder = folder(&[("cases.toml", WITH_SNAPSHOTS)]);
    let mut said = String::new();
    for words in [&[][..], &["--update"], &["--update"], &[]] {
        said += &told(&folder, words).await;
        said.push('\n');
    }
    for name in ["function.json", "error.json", "answer.txt"] {
        let text = std::fs::read_to_string(folder.path().join("snapshots").join(name)).unwrap();
        let _ = writeln!(said, "--- {name}\n{text}");
    }
    let rewrite = folder.path().join("functions/rewrite.js");
    std::fs::write(rewrite, REWRITE.replace("index.html", "index.htm")).unwrap();
    said += &told(&folder, &["--filter", "a function"]).await;
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn a_snapshot_of_a_page_of_the_nodes_own_is_the_same_in_every_run() {
    const REFUSED: &str = r#"
[[case]]
name = "a method that is not allowed"
request = { path = "/", method = "DELETE" }
expect = { status = 403, body_contains = "Request ID: ", snapshot = "page.txt" }
[[case]]
name = "of a dead origin, from the cache"
step = [
    { request = { path = "/x" }, expect = { status = 502 } },
    { request = { path = "/x" }, expect = { status = 502, snapshot = "cached.txt" } },
]
"#;
    let folder = folder(&[("cases.toml", REFUSED)]);
    for words in [&["--update"][..], &[]] {
        let ended = run(folder.path(), words).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    }
    for name in ["page.txt", "cached.txt"] {
        let page = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(page.contains("\nx-amz-cf-id: [varies]\n") && page.contains("\nRequest ID: [request-id]\n"), "{page}");
    }
}

#[tokio::test]
async fn a_snapshot_of_what_fails_otherwise_is_not_written() {
    let case = WITH_SNAPSHOTS.replace("TypeError", "RangeError");
    let folder = folder(&[("cases.toml", &case)]);
    let ended = run(folder.path(), &["--update"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(!folder.path().join("snapshots/error.json").exists());
    assert!(folder.path().join("snapshots/answer.txt").exists());
}

#[tokio::test]
async fn results_are_written_as_junit_xml() {
    const MIXED: &str = r#"
[[case]]
name = "it <passes> & is escaped"
function = "rewrite"
request = { path = "/" }
expect = { uri = "/index.html" }

[[case]]
name = "it fails"
function = "rewrite"
request = { path = "/" }
expect = { uri = "/<x>", log = [] }
"#;
    let folder = folder(&[("a/cases.toml", MIXED), ("b/cases.toml", "wrong = 1")]);
    let ended = run(folder.path(), &["--junit", "junit.xml"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stdout);
    let xml = std::fs::read_to_string(folder.path().join("junit.xml")).unwrap();
    insta::with_settings!({ filters => [(r#"time="[\d.]+""#, r#"time="[time]""#)] }, { insta::assert_snapshot!(xml) });
    let nowhere = run(folder.path(), &["a", "--junit", "no/such/folder/junit.xml"]).await;
    assert_eq!(nowhere.code, Some(2));
    assert!(nowhere.stderr.starts_with("error: cannot write no/such/folder/junit.xml: "), "{}", nowhere.stderr);
}

#[tokio::test]
async fn a_case_can_ask_over_https_and_of_each_distribution() {
    let pair = Authority::new().issue(&["a.test"]);
    let site = r#"
[[distribution]]
aliases = ["a.test"]
viewer_certificate = { certificate = "cert.pem", private_key = "key.pem" }
origin = [{ id = "app", domain_name = "127.0.0.1" }]
default_behavior = { target_origin = "app", viewer_protocol_policy = "redirect-to-https" }
[[distribution]]
aliases = ["*.b.test"]
origin = [{ id = "pages", directory = "." }]
default_behavior = { target_origin = "pages" }
[listen]
https = ["127.0.0.1:8443"]
"#;
    let cases = r#"
[[origin.app]]
body = "a"
[[case]]
name = "over plain HTTP it is a redirect"
request = { path = "/x", headers = { Host = "a.test" } }
expect = { status = 301, headers = { location = "https://a.test/x" }, origin_requests = 0 }
[[case]]
name = "over HTTPS it is the page"
request = { path = "/x", scheme = "https", headers = { Host = "a.test" } }
expect = { status = 200, body = "a", origin_requests = 1, origin_request = { path = "/x" } }
[[case]]
name = "a folder is what it is"
request = { path = "/cert.pem", headers = { Host = "www.b.test" } }
expect = { status = 200, body_contains = "BEGIN CERTIFICATE" }
[[case]]
name = "unless something stands in for it"
origin.pages = [{ status = 404, body = "gone" }]
request = { path = "/cert.pem", headers = { Host = "www.b.test" } }
expect = { status = 404, body = "gone", origin_requests = 1 }
"#;
    let folder = folder(&[
        ("homefront.toml", site),
        ("cases.toml", cases),
        ("cert.pem", &pair.certificate),
        ("key.pem", &pair.private_key),
    ]);
    insta::assert_snapshot!(told(&folder, &[]).await);
    std::fs::write(
        folder.path().join("cases.toml"),
        "[[case]]\nname = \"a\"\nrequest = { path = \"/\" }\nexpect = { status = 200 }\n",
    )
    .unwrap();
    insta::assert_snapshot!(told(&folder, &[]).await);
}

const CHOOSING: &str = r#"
[[distribution]]
id = "EONE1234567890"
aliases = ["one.test"]
origin = [{ id = "app", domain_name = "app.internal" }, { id = "spare", domain_name = "spare.internal" }, { id = "pages", directory = "." }]
default_behavior = { target_origin = "app", viewer_request = { function = "choose" } }
behavior = [{ path_pattern = "/pages/*", target_origin = "pages", viewer_request = { function = "choose" } }]
[[distribution]]
aliases = ["two.test"]
origin = [{ id = "other", domain_name = "other.internal" }]
default_behavior = { target_origin = "other", viewer_request = { function = "choose" } }
[[function]]
name = "choose"
code = "functions/choose.js"
"#;

const CHOOSE: &str = "import cf from 'cloudfront';
function handler(event) {
  var asked = event.request.querystring;
  if (asked.to) cf.selectRequestOriginById(asked.to.value);
  if (asked.first) {
    cf.createRequestOriginGroup({
      originIds: [asked.first.value, asked.second.value], failoverCriteria: { statusCodes: [500] }
    });
  }
  if (asked.host) cf.updateRequestOrigin({ hostHeader: asked.host.value });
  return event.request;
}
";

/// A case of [`CHOOSE`] by its name.
fn choosing(name: &str, target: &str, host: &str, expect: &str) -> String {
    format!(
        "[[case]]\nname = \"{name}\"\nfunction = \"choose\"\n\
         request = {{ path = \"{target}\", headers = {{ Host = \"{host}\" }} }}\nexpect = {{ {expect} }}\n"
    )
}

#[tokio::test]
async fn the_origins_that_a_function_chooses_are_those_of_the_distribution() {
    let taken = "uri = \"/\"";
    let refused = |text: &str| format!("refused_contains = '{text}'");
    let passing = [
        choosing("an id of the distribution", "/?to=spare", "one.test", taken),
        choosing("an id of another one", "/?to=other", "one.test", &refused("has no origin \"other\"")),
        choosing("that one's own", "/?to=other", "two.test", taken),
        choosing("of one of those that run it", "/?to=other", "elsewhere.test", taken),
        choosing("of none of those that run it", "/?to=none", "elsewhere.test", &refused("has no origin \"none\"")),
        choosing("two ids", "/?first=app&second=spare", "one.test", taken),
        choosing("one of them unknown", "/?first=app&second=nope", "one.test", &refused("createRequestOriginGroup")),
        choosing("a server's host", "/?host=b.test", "one.test", taken),
        choosing("a folder's host", "/pages/?host=b.test", "one.test", &refused("\"pages\" is a folder")),
        "[[case]]\nname = \"the event's distribution\"\nfunction = \"choose\"\n\
         expect = { refused_contains = \"has no origin\" }\n\
         event = { version = \"1.0\", context = { eventType = \"viewer-request\", distributionId = \"EONE1234567890\" }, \
         viewer = { ip = \"192.0.2.8\" }, request = { method = \"GET\", uri = \"/\", querystring = { to = { value = \"other\" } } } }\n"
            .to_owned(),
    ];
    let failing = choosing("an unknown id is told", "/?to=sapre", "one.test", taken);
    let files = [
        ("homefront.toml", CHOOSING),
        ("functions/choose.js", CHOOSE),
        ("passing.cases.toml", &passing.join("\n")),
        ("failing.cases.toml", &failing),
    ];
    insta::assert_snapshot!(told(&folder(&files), &[]).await);
}

const RESPONDING: &str = r#"
[[distribution]]
aliases = ["*.one.test", "www.one.test"]
origin = [{ id = "app", domain_name = "app.internal" }]
default_behavior = { target_origin = "app" }
behavior = [{ path_pattern = "/a/*", target_origin = "app", viewer_request = { function = "tell" } }]
[[distribution]]
aliases = ["two.test"]
origin = [{ id = "app", domain_name = "app.internal" }]
default_behavior = { target_origin = "app" }
behavior = [{ path_pattern = "/x/*", target_origin = "app", viewer_request = { function = "tell" }, viewer_response = { function = "anew" } }]
[[function]]
name = "tell"
code = "tell.js"
[[function]]
name = "anew"
code = "anew.js"
"#;

const TELL: &str = "function handler(event) { console.log(event.request.headers.host.value); return event.request; }";

const ANEW: &str = "function handler(event) {
  console.log(event.request.headers.host.value);
  if (event.request.uri === '/x/kept') { return event.response; }
  return { statusCode: 200, body: 'x' };
}
";

const ANEW_CASES: &str = r#"
[[case]]
name = "a response made anew has lost Via"
function = "anew"
request = { path = "/x/" }
response = {}
expect = { status = 200 }
[[case]]
name = "the one of the event has it"
function = "anew"
request = { path = "/x/kept" }
response = { headers = { X-A = "b" } }
expect = { headers = { x-a = "b", server = "CloudFront" }, present_headers = ["via"], log = ["two.test"] }
[[case]]
name = "who calls the function is asked"
function = "tell"
request = { path = "/a" }
expect = { log = ["www.one.test"] }
[[case]]
name = "best the one whose behavior has the path"
function = "tell"
request = { path = "/x/?a=1" }
expect = { log = ["two.test"] }
[[case]]
name = "unless the case says it"
function = "tell"
request = { path = "/x/", headers = { host = "b.test" } }
expect = { log = ["b.test"] }
"#;

#[tokio::test]
async fn an_event_that_is_made_has_what_a_nodes_event_always_has() {
    let files = [("homefront.toml", RESPONDING), ("tell.js", TELL), ("anew.js", ANEW), ("cases.toml", ANEW_CASES)];
    insta::assert_snapshot!(told(&folder(&files), &["cases.toml"]).await, @r#"
    $ homefront test cases.toml
    cases.toml
      FAILED  a response made anew has lost Via
              at cases.toml:2
              CloudFront refuses the result:
              The CloudFront function tried to add, delete, or change a read-only header.
                function "anew": response.headers["via"] is read-only and was deleted
      ok      the one of the event has it
      ok      who calls the function is asked
      ok      best the one whose behavior has the path
      ok      unless the case says it

    4 passed, 1 failed
    (exit code 1)
    "#);
}

#[tokio::test]
async fn a_response_that_no_function_is_called_for_makes_no_event() {
    let case = "[[case]]\nname = \"an error gets the header\"\nfunction = \"anew\"\nrequest = { path = \"/x/\" }\n\
         response = { status = 404 }\nexpect = { status = 404 }\n";
    let files = [("homefront.toml", RESPONDING), ("tell.js", TELL), ("anew.js", ANEW), ("cases.toml", case)];
    let said = told(&folder(&files), &["cases.toml"]).await;
    assert!(said.contains("no function is called on the viewer response of a 404"), "{said}");
    assert!(said.contains("cases.toml:5:23") && said.ends_with("(exit code 2)\n"), "{said}");
}
