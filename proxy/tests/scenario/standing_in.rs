//! `homefront test`: what stands in for a folder is to functions the bucket that the folder is.

use crate::harness::{Code, Edge, Language, binary, in_every_language};

in_every_language! {
    what_stands_in_for_a_folder_is_the_bucket_that_functions_see_and_choose,
}

const SITE: &str = r#"
[[distribution]]
id = "ETEST123456789"
domain_name = "dtest123456789.cloudfront.net"
origin = [
  { id = "app", domain_name = "app.internal" },
  { id = "assets", directory = "." },
  { id = "b", domain_name = "b.internal", https_port = 8443, protocol_policy = "https-only" },
]
[distribution.default_behavior]
target_origin = "app"
cache_policy = "CachingDisabled"
viewer_request = { function = "choose" }
origin_request = { lambda = "choose" }
[[distribution.behavior]]
path_pattern = "/assets/*"
target_origin = "assets"
cache_policy = "CachingDisabled"
viewer_request = { function = "choose" }
origin_request = { lambda = "choose" }

"#;

const FUNCTION: &str = "import cf from 'cloudfront';
function handler(event) {
  if (event.request.uri === '/function') {
    cf.updateRequestOrigin({ domainName: 'assets.s3.eu-west-1.amazonaws.com' });
  }
  if (event.request.uri === '/selected') {
    cf.selectRequestOriginById('b');
  }
  if (event.request.uri === '/updated') {
    cf.updateRequestOrigin({ domainName: 'b.internal', customOriginConfig: { port: 8443, protocol: 'https', sslProtocols: ['TLSv1.2'] } });
  }
  if (event.request.uri === '/assets/server') {
    cf.updateRequestOrigin({ domainName: 'server.invalid' });
  }
  return event.request;
}
";

const PYTHON: &str = "
    for kind, origin in request['origin'].items():
        print(request['uri'], kind, origin['domainName'], origin.get('port'))
    if request['uri'] == '/other':
        request['origin']['custom'].update(domainName='b.internal', port=8443, protocol='https')
    if request['uri'] == '/lambda':
        request['origin'] = {'s3': {'domainName': 'assets.s3.us-west-2.amazonaws.com', 'authMethod': 'none',
            'region': 'us-west-2', 'path': '/v2', 'customHeaders': {}}}
    return request
";

const NODE: &str = "
    for (const [kind, origin] of Object.entries(request.origin)) console.log(request.uri, kind, origin.domainName, origin.port);
    if (request.uri === '/other') Object.assign(request.origin.custom, { domainName: 'b.internal', port: 8443, protocol: 'https' });
    if (request.uri === '/lambda') {
        request.origin = { s3: { domainName: 'assets.s3.us-west-2.amazonaws.com', authMethod: 'none', region: 'us-west-2',
            path: '/v2', customHeaders: {} } };
    }
    return request;
";

const CASES: &str = r#"
[[origin.app]]
body = "of the server"
[[origin.assets]]
body = "of the bucket"
[[origin.b]]
body = "of the other server"

[[case]]
name = "the folder itself"
request = { path = "/assets/x" }
expect = { body = "of the bucket", origin_requests = 1, origin_request = { headers = { host = "assets.s3.amazonaws.com" } }, log_contains = ["/assets/x s3 assets.s3.amazonaws.com"] }

[[case]]
name = "the bucket that a function chooses"
request = { path = "/function" }
expect = { body = "of the bucket", origin_requests = 1, origin_request = { path = "/function", headers = { host = "assets.s3.eu-west-1.amazonaws.com" } }, log_contains = ["/function s3 assets.s3.eu-west-1.amazonaws.com"] }

[[case]]
name = "the bucket that a Lambda chooses"
request = { path = "/lambda" }
expect = { body = "of the bucket", origin_requests = 1, origin_request = { path = "/v2/lambda" }, log_contains = ["/lambda custom app.internal"] }

[[case]]
name = "a server in the place of the folder is not what stands in for that"
request = { path = "/assets/server" }
expect = { status = 502, origin_requests = 0 }

[[case]]
name = "the server"
request = { path = "/x" }
expect = { body = "of the server", origin_requests = 1, log_contains = ["/x custom app.internal 80"] }

[[case]]
name = "the other server that a Lambda chooses"
request = { path = "/other" }
expect = { body = "of the other server", origin_requests = 1, log_contains = ["/other custom app.internal 80"] }

[[case]]
name = "the other server that a function updates to"
request = { path = "/updated" }
expect = { body = "of the other server", origin_requests = 1, origin_request = { headers = { host = "b.internal" } }, log_contains = ["/updated custom b.internal 8443"] }

[[case]]
name = "the other server that a function selects"
request = { path = "/selected" }
expect = { body = "of the other server", origin_requests = 1, log_contains = ["/selected custom b.internal 8443"] }
"#;

async fn what_stands_in_for_a_folder_is_the_bucket_that_functions_see_and_choose(language: Language) {
    let edge = Edge::with(SITE).function("choose", FUNCTION).file("cases.toml", CASES);
    let (folder, _) = edge.lambda(language, "choose", &Code::around(PYTHON, NODE), "timeout_s = 30").written();
    let ended = binary::run(binary::command(folder.path(), &["test"])).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("8 passed"), "{}", ended.stdout);
}
