//! Origins that origin-request functions choose: where the request goes, what it carries, and under which key the answer is kept.

use crate::harness::{Authority, Code, Edge, Language, Origin, Reply, Running, in_every_language, one_origin};

in_every_language! {
    s4_the_request_goes_to_the_origin_that_the_function_chose_and_the_answer_is_kept_under_the_old_key,
    s4_how_long_the_origin_is_waited_for_is_what_the_function_chose,
    s4_the_protocol_is_the_one_that_the_function_chose,
    s4_the_host_stays_unless_the_function_sets_it,
    a_host_that_is_none_is_a_502_with_its_reason_and_a_deleted_one_is_the_origins_name,
    s4_the_answer_is_kept_under_the_key_of_the_viewers_request,
    s4_functions_see_the_path_and_the_custom_headers_of_the_origin_apart_from_the_request,
    s4_the_origin_response_function_sees_the_origin_that_answered,
    s4_origins_that_cloudfront_refuses_are_a_502_with_its_sentence,
    s4_the_domain_is_resolved_again_after_the_change,
    s1_1_the_function_is_not_called_where_the_configured_origins_name_has_no_address,
    s4_a_bucket_becomes_a_server_and_a_folder_keeps_its_files,
    s4_a_server_becomes_a_bucket_that_is_a_folder_of_the_distribution,
    s4_a_server_becomes_a_bucket_and_an_identity_is_told_to_be_none_here,
    s1_1_under_failover_the_functions_run_once_for_each_origin,
}

/// One execution environment, which counts its calls.
const ONE: &str = "timeout_s = 20\nconcurrency_max = 1";

/// Something that a function does, in Python and in Node.js.
type Step = (&'static str, &'static str);

/// A node whose function does this with `custom`, the block of its origin; `other` is a second server, which the distribution does
/// not name.
fn with(language: Language, behavior: &str, steps: &[Step]) -> Edge {
    let behavior = format!("origin_request = {{ lambda = \"l\" }}\n{behavior}");
    Edge::before(&behavior, |asked| Reply::ok(format!("app {}", asked.target)))
        .origin("other", |asked| {
            Reply::ok(format!("other {} {}", asked.target, asked.header("host").unwrap_or("none")))
        })
        .lambda(language, "l", &changing_the_origin(steps), ONE)
}

fn changing_the_origin(steps: &[Step]) -> Code {
    let (python, node): (Vec<_>, Vec<_>) = steps.iter().copied().unzip();
    Code::around(
        &format!("custom = request[\"origin\"].get(\"custom\")\n    {}\n    return request", python.join("\n    ")),
        &format!("const {{ custom }} = request.origin;\n    {}\n    return request;", node.join("\n    ")),
    )
}

/// Sends the request to `other`, whose port is the query string.
const TO_OTHER: Step = (
    r#"custom["domainName"] = "localhost"; custom["port"] = int(request["querystring"]); custom["protocol"] = "http""#,
    r#"Object.assign(custom, { domainName: "localhost", port: Number(request.querystring), protocol: "http" });"#,
);

/// Asks it by its own name.
const BY_NAME: Step = (
    r#"request["headers"]["host"] = header("localhost", "Host")"#,
    r#"request.headers.host = header("localhost", "Host");"#,
);

/// Asks it without the query string.
const NO_QUERY: Step = (r#"request["querystring"] = """#, r#"request.querystring = "";"#);

/// Asks it for something in a folder.
const IN_FOLDER: Step = (r#"custom["path"] = "/p""#, r#"custom.path = "/p";"#);

/// The query string reaches the function, and is part of the key.
const QUERY: &str = "cache_policy = \"UseOriginCacheControlHeaders-QueryStrings\"";

/// So it does here, but the viewer's `Host` goes nowhere.
const ONLY_QUERY: &str = "\n[[cache_policy]]\nname = \"only-query\"\nmin_ttl_s = 0\ndefault_ttl_s = 60\nmax_ttl_s = 60\nquery_strings = \"all\"\n";

async fn s4_the_request_goes_to_the_origin_that_the_function_chose_and_the_answer_is_kept_under_the_old_key(
    language: Language,
) {
    let mine = (
        r#"custom["customHeaders"] = {"x-mine": header("1", "X-Mine")}"#,
        r#"custom.customHeaders = { "x-mine": header("1", "X-Mine") };"#,
    );
    let edge = with(language, QUERY, &[TO_OTHER, BY_NAME, NO_QUERY, IN_FOLDER, mine]).start().await;
    let other = edge.port("other");
    let path = format!("/x?{other}");
    let first = edge.get(&path).await;
    assert_eq!((first.status, first.text(), first.x_cache()), (200, "other /p/x localhost", "Miss"));
    assert_eq!(edge.asked("other")[0].header("x-mine"), Some("1"));
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

async fn s4_how_long_the_origin_is_waited_for_is_what_the_function_chose(language: Language) {
    let impatient = (r#"custom["readTimeout"] = 1"#, "custom.readTimeout = 1;");
    let toml = one_origin("origin_request = { lambda = \"l\" }");
    let toml = toml.replace("protocol_policy", "connection_attempts = 1\nread_timeout_s = 120\nprotocol_policy");
    let edge = Edge::with(toml)
        .slow_origin("app", |_| std::future::pending::<Reply>())
        .lambda(language, "l", &changing_the_origin(&[impatient]), ONE)
        .start()
        .await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache()), (504, "Error"));
    edge.stop().await;
}

async fn s4_the_protocol_is_the_one_that_the_function_chose(language: Language) {
    let authority = Authority::new();
    let secure = Origin::serve_tls(authority.issue(&["localhost"]).server(), |asked| {
        std::future::ready(Reply::ok(format!("secure {}", asked.target)))
    });
    let https = (r#"custom["protocol"] = "https""#, r#"custom.protocol = "https";"#);
    let toml = one_origin(&format!("origin_request = {{ lambda = \"l\" }}\n{QUERY}"));
    let edge = Edge::with(toml.replace("protocol_policy", "tls = { ca = \"own.pem\" }\nprotocol_policy"))
        .origin("app", |_| Reply::ok("app"))
        .served("secure", secure)
        .file("own.pem", authority.pem())
        .lambda(language, "l", &changing_the_origin(&[TO_OTHER, BY_NAME, NO_QUERY, https]), ONE)
        .start()
        .await;
    let answer = edge.get(&format!("/x?{}", edge.port("secure"))).await;
    assert_eq!((answer.status, answer.text()), (200, "secure /x"));
    edge.stop().await;
}

async fn s4_the_host_stays_unless_the_function_sets_it(language: Language) {
    let edge = with(language, QUERY, &[TO_OTHER, NO_QUERY]).start().await;
    let answer = edge.get(&format!("/x?{}", edge.port("other"))).await;
    assert_eq!(answer.text(), "other /x dtest123456789.cloudfront.net", "the viewer's, which this policy forwards");
    edge.stop().await;
}

async fn a_host_that_is_none_is_a_502_with_its_reason_and_a_deleted_one_is_the_origins_name(language: Language) {
    let lines = (
        r#"wish = request["uri"].strip("/")
    hosts = {"two": header("a.test", "Host") + header("b.test", "Host"), "list": [{"key": "Host", "value": ["a.test", "b.test"]}],
             "space": header("a b/c", "Host"), "empty": header("", "Host"), "good": header("a.test:8080", "Host")}
    if wish == "deleted": del request["headers"]["host"]
    else: request["headers"]["host"] = hosts[wish]"#,
        r#"const wish = request.uri.slice(1);
    const hosts = { two: [...header("a.test", "Host"), ...header("b.test", "Host")], list: [{ key: "Host", value: ["a.test", "b.test"] }],
        space: header("a b/c", "Host"), empty: header("", "Host"), good: header("a.test:8080", "Host") };
    if (wish === "deleted") delete request.headers.host;
    else request.headers.host = hosts[wish];"#,
    );
    let behavior = "origin_request_policy = \"AllViewer\"";
    let edge = with(language, behavior, &[lines]).start().await;
    for wish in ["two", "list", "space", "empty"] {
        let answer = edge.get(&format!("/{wish}")).await;
        assert_eq!((answer.status, answer.x_cache()), (502, "LambdaValidationError"), "{wish}: {answer:?}");
    }
    assert_eq!(edge.asked_times("app"), 0);
    for (path, host) in [("/good", "a.test:8080"), ("/deleted", "127.0.0.1")] {
        assert_eq!(edge.get(path).await.status, 200, "{path}");
        assert_eq!(edge.asked("app").last().unwrap().header("host"), Some(host), "{path}");
    }
    edge.stop().await;
}

async fn s4_the_answer_is_kept_under_the_key_of_the_viewers_request(language: Language) {
    let edge = with(language, QUERY, &[TO_OTHER, BY_NAME])
        .origin("other", |asked| Reply::ok(asked.target).with("cache-control", "max-age=100"))
        .start()
        .await;
    let path = format!("/x?{}", edge.port("other"));
    for result in ["Miss", "Hit", "Hit"] {
        assert_eq!(edge.get(&path).await.x_cache(), result);
    }
    assert_eq!((edge.asked_times("other"), edge.asked_times("app")), (1, 0));
    edge.stop().await;
}

async fn s4_functions_see_the_path_and_the_custom_headers_of_the_origin_apart_from_the_request(language: Language) {
    let telling = (
        r#"request["headers"]["x-told"] = header("|".join([request["uri"], custom["path"], custom["customHeaders"]["x-verify"][0]["value"],
        custom["customHeaders"]["x-verify"][0]["key"], "both" if "x-verify" in request["headers"] else "apart"]), "X-Told")"#,
        r#"const [verify] = custom.customHeaders["x-verify"];
    const told = [request.uri, custom.path, verify.value, verify.key, "x-verify" in request.headers ? "both" : "apart"];
    request.headers["x-told"] = header(told.join("|"), "X-Told");"#,
    );
    let toml = one_origin("origin_request = { lambda = \"l\" }\norigin_response = { lambda = \"r\" }\norigin_request_policy = \"AllViewer\"")
        .replace("[distribution.default", "path = \"/prod\"\ncustom_headers = { \"X-Verify\" = \"secret\" }\n        [distribution.default");
    let seen = Code::around(
        r#"response = cf["response"]; response["headers"]["x-uri"] = header(request["uri"] + " " + request["origin"]["custom"]["path"], "X-Uri"); return response"#,
        r#"const { response } = cf; response.headers["x-uri"] = header(`${request.uri} ${request.origin.custom.path}`, "X-Uri"); return response;"#,
    );
    let edge = Edge::with(toml)
        .origin("app", |asked| Reply::ok(asked.target))
        .lambda(language, "l", &changing_the_origin(&[telling]), "timeout_s = 20")
        .lambda(language, "r", &seen, "timeout_s = 20")
        .start()
        .await;
    let answer = edge.get_with("/x", &[("X-Verify", "forged")]).await;
    assert_eq!((answer.text(), answer.header("x-uri")), ("/prod/x", Some("/x /prod")));
    let asked = edge.asked("app")[0].clone();
    assert_eq!(asked.header("x-told"), Some("/x|/prod|secret|X-Verify|apart"));
    assert_eq!(asked.header("x-verify"), Some("secret"));
    edge.stop().await;
}

async fn s4_the_origin_response_function_sees_the_origin_that_answered(language: Language) {
    let seen = Code::around(
        r#"response = cf["response"]; custom = request["origin"]["custom"]
    response["headers"]["x-origin"] = header("%s %s %s" % (custom["domainName"], custom["path"], request["headers"]["host"][0]["value"]), "X-Origin"); return response"#,
        r#"const { response } = cf; const { custom } = request.origin;
    response.headers["x-origin"] = header(`${custom.domainName} ${custom.path} ${request.headers.host[0].value}`, "X-Origin"); return response;"#,
    );
    let behavior = format!("{QUERY}\norigin_response = {{ lambda = \"r\" }}");
    let edge = with(language, &behavior, &[TO_OTHER, BY_NAME, NO_QUERY, IN_FOLDER])
        .lambda(language, "r", &seen, "timeout_s = 20")
        .start()
        .await;
    let answer = edge.get(&format!("/x?{}", edge.port("other"))).await;
    assert_eq!((answer.text(), answer.header("x-origin")), ("other /p/x localhost", Some("localhost /p localhost")));
    edge.stop().await;
}

async fn s4_origins_that_cloudfront_refuses_are_a_502_with_its_sentence(language: Language) {
    let lines = (
        r#"wish = request["uri"].strip("/")
    if wish == "empty": custom["domainName"] = ""
    if wish == "address": custom["domainName"] = "1.2.3.4"
    if wish == "colon": custom["domainName"] = "a:80"
    if wish == "port": custom["port"] = 81
    if wish == "read-0": custom["readTimeout"] = 0
    if wish == "read-121": custom["readTimeout"] = 121
    if wish == "keepalive": custom["keepaliveTimeout"] = 121
    if wish == "cookie": custom["customHeaders"] = {"cookie": header("a=1", "Cookie")}
    if wish == "both": request["origin"]["s3"] = {"domainName": "b.s3.amazonaws.com", "authMethod": "none", "region": "", "path": "", "customHeaders": {}}"#,
        r#"switch (request.uri.slice(1)) {
        case "empty": custom.domainName = ""; break;
        case "address": custom.domainName = "1.2.3.4"; break;
        case "colon": custom.domainName = "a:80"; break;
        case "port": custom.port = 81; break;
        case "read-0": custom.readTimeout = 0; break;
        case "read-121": custom.readTimeout = 121; break;
        case "keepalive": custom.keepaliveTimeout = 121; break;
        case "cookie": custom.customHeaders = { cookie: header("a=1", "Cookie") }; break;
        case "both": request.origin.s3 = { domainName: "b.s3.amazonaws.com", authMethod: "none", region: "", path: "", customHeaders: {} };
    }"#,
    );
    let edge = with(language, "", &[lines]).start().await;
    let start = "The Lambda function returned an invalid origin configuration: ";
    for (wish, sentence) in [
        ("empty", "The value of DomainName is invalid."),
        ("address", "The value of DomainName is invalid."),
        ("colon", "The value of DomainName is invalid."),
        ("port", "The value of Port is invalid."),
        ("read-0", "The value of ReadTimeout is invalid."),
        ("read-121", "The value of ReadTimeout is invalid."),
        ("keepalive", "The value of KeepaliveTimeout is invalid."),
        ("cookie", "One or more HeaderName or HeaderValue values are invalid."),
        ("both", "Exactly one of custom and s3 must be specified."),
    ] {
        let answer = edge.get(&format!("/{wish}")).await;
        assert_eq!((answer.status, answer.x_cache()), (502, "LambdaValidationError"), "{wish}: {answer:?}");
        assert_eq!(answer.sentence(), format!("{start}{sentence}"), "{wish}");
    }
    assert_eq!(edge.asked_times("app"), 0);
    assert_eq!(edge.get("/fine").await.text(), "app /fine");
    edge.stop().await;
}

async fn s4_the_domain_is_resolved_again_after_the_change(language: Language) {
    let lines = (r#"custom["domainName"] = "name.invalid""#, r#"custom.domainName = "name.invalid";"#);
    let edge = with(language, "", &[lines]).configured(LOGS).start().await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache()), (502, "Error"));
    assert_eq!(edge.asked_times("app"), 0);
    assert_no_address(edge).await;
}

const LOGS: &str = "\n[log]\naccess = { path = \"access.log\" }\nfunction = \"functions.log\"\n";

/// The one request of this node went to a name without an address.
async fn assert_no_address(edge: Running) {
    let log = edge.stop_and_read("access.log").await;
    let fields: Vec<_> = log.lines().next_back().unwrap().split('\t').collect();
    // sc-status, x-edge-result-type, x-edge-detailed-result-type
    assert_eq!((fields[8], fields[13], fields[28]), ("502", "Error", "OriginDnsError"), "{log}");
}

async fn s1_1_the_function_is_not_called_where_the_configured_origins_name_has_no_address(language: Language) {
    let code =
        Code::around(r#"return {"status": "200", "body": "called"}"#, r#"return { status: "200", body: "called" };"#);
    let toml = one_origin("origin_request = { lambda = \"l\" }").replace("\"127.0.0.1\"", "\"name.invalid\"");
    let edge = Edge::with(toml)
        .origin("app", |_| Reply::ok("app"))
        .lambda(language, "l", &code, "timeout_s = 20")
        .configured(LOGS)
        .start()
        .await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.status, answer.x_cache()), (502, "Error"));
    assert_no_address(edge).await;
}

async fn s4_a_bucket_becomes_a_server_and_a_folder_keeps_its_files(language: Language) {
    let toml = r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        [[distribution.origin]]
        id = "site"
        directory = "public"
        custom_headers = { "X-Verify" = "of the bucket" }
        [distribution.default_behavior]
        target_origin = "site"
        origin_request = { lambda = "l" }
        cache_policy = "only-query"
    "#;
    // Which server, and whether it is asked by its own name.
    let code = Code::around(
        r#"port, _, named = request["querystring"].partition("&")
    if port:
        request["origin"] = {"custom": {"domainName": "localhost", "port": int(port), "protocol": "http", "path": "/p",
            "sslProtocols": ["TLSv1.2"], "readTimeout": 5, "keepaliveTimeout": 5, "customHeaders": {"x-mine": header(calls, "X-Mine")}}}
        if named: request["headers"]["host"] = header("localhost", "Host")
        request["querystring"] = ""
    else: request["origin"]["s3"]["path"] = "/sub"
    return request"#,
        r#"const [port, named] = request.querystring.split("&");
    if (port) {
        request.origin = { custom: { domainName: "localhost", port: Number(port), protocol: "http", path: "/p",
            sslProtocols: ["TLSv1.2"], readTimeout: 5, keepaliveTimeout: 5, customHeaders: { "x-mine": header(calls, "X-Mine") } } };
        if (named) request.headers.host = header("localhost", "Host");
        request.querystring = "";
    } else request.origin.s3.path = "/sub";
    return request;"#,
    );
    let edge = Edge::with(format!("{toml}{ONLY_QUERY}"))
        .file("public/page.html", "a page")
        .file("public/sub/page.html", "another page")
        .origin("other", |asked| {
            let told = ["host", "x-mine", "x-verify"].map(|name| asked.header(name).unwrap_or("none"));
            Reply::ok(format!("{} {}", asked.target, told.join(" "))).with("cache-control", "max-age=100")
        })
        .lambda(language, "l", &code, ONE)
        .start()
        .await;
    assert_eq!(edge.get("/page.html").await.text(), "another page");
    let port = edge.port("other");
    for (query, told) in [("", "site.s3.amazonaws.com 2 none"), ("&named", "localhost 3 none")] {
        let path = format!("/page.html?{port}{query}");
        for result in ["Miss", "Hit"] {
            let answer = edge.get(&path).await;
            assert_eq!((answer.text(), answer.x_cache()), (format!("/p/page.html {told}").as_str(), result));
        }
    }
    edge.stop().await;
}

async fn s4_a_server_becomes_a_bucket_that_is_a_folder_of_the_distribution(language: Language) {
    let behavior = "cache_policy = \"only-query\"\norigin_request_policy = \"AllViewer\"
        origin_request = { lambda = \"l\" }\norigin_response = { lambda = \"r\" }";
    let folder = "[[distribution.origin]]\nid = \"assets\"\ndirectory = \"public\"\n        [distribution.default";
    let toml = one_origin(behavior).replace("[distribution.default", folder);
    // The bucket's region, and whether it is asked by its own name.
    let request = Code::around(
        r#"region, _, named = request["querystring"].partition("&")
    if region:
        name = "assets.s3.%s.amazonaws.com" % region
        request["origin"] = {"s3": {"domainName": name, "authMethod": "none", "region": region, "path": "/v2",
            "customHeaders": {"x-mine": header("1", "X-Mine")}}}
        if named: request["headers"]["host"] = header(name, "Host")
        request["uri"] = "/" + str(calls) + ".txt"
    return request"#,
        r#"const [region, named] = request.querystring.split("&");
    if (region) {
        const domainName = `assets.s3.${region}.amazonaws.com`;
        request.origin = { s3: { domainName, authMethod: "none", region, path: "/v2", customHeaders: { "x-mine": header("1", "X-Mine") } } };
        if (named) request.headers.host = header(domainName, "Host");
        request.uri = `/${calls}.txt`;
    }
    return request;"#,
    );
    let response = Code::around(
        r#"response = cf["response"]; s3 = request["origin"].get("s3", {"domainName": "no bucket", "path": "", "customHeaders": {}})
    told = [s3["domainName"], s3["path"], *s3["customHeaders"], request["headers"]["host"][0]["value"]]
    response["headers"]["x-told"] = header(" ".join(told), "X-Told"); return response"#,
        r#"const { response } = cf; const s3 = request.origin.s3 ?? { domainName: "no bucket", path: "", customHeaders: {} };
    const told = [s3.domainName, s3.path, ...Object.keys(s3.customHeaders), request.headers.host[0].value];
    response.headers["x-told"] = header(told.join(" "), "X-Told"); return response;"#,
    );
    let edge = Edge::with(format!("{toml}{ONLY_QUERY}"))
        .origin("app", |asked| Reply::ok(asked.target))
        .file("public/v2/1.txt", "the first")
        .file("public/v2/2.txt", "the second")
        .lambda(language, "l", &request, ONE)
        .lambda(language, "r", &response, ONE)
        .start()
        .await;
    let bucket = "assets.s3.eu-west-1.amazonaws.com";
    // The host of a request is the function's business: it stays what this policy forwards, the viewer's.
    let viewers = "dtest123456789.cloudfront.net";
    for (path, file, host) in [("/x?eu-west-1", "the first", viewers), ("/x?eu-west-1&named", "the second", bucket)] {
        for result in ["Miss", "Hit"] {
            let answer = edge.get(path).await;
            assert_eq!((answer.status, answer.text(), answer.x_cache()), (200, file, result), "{path}");
            assert_eq!(answer.header("x-told"), Some(format!("{bucket} /v2 x-mine {host}").as_str()));
        }
    }
    assert_eq!(edge.asked_times("app"), 0);
    assert_eq!(edge.get("/x").await.text(), "/x", "the others go to the server");
    edge.stop().await;
}

async fn s4_a_server_becomes_a_bucket_and_an_identity_is_told_to_be_none_here(language: Language) {
    let lines = (
        r#"request["origin"] = {"s3": {"domainName": "name.invalid", "authMethod": request["uri"].strip("/"), "region": "us-east-1", "path": "", "customHeaders": {}}}"#,
        r#"request.origin = { s3: { domainName: "name.invalid", authMethod: request.uri.slice(1), region: "us-east-1", path: "", customHeaders: {} } };"#,
    );
    let edge = with(language, "", &[lines]).start().await;
    let answer = edge.get("/none").await;
    assert_eq!((answer.status, answer.x_cache()), (502, "Error"), "that bucket is asked, and has no address");
    let answer = edge.get("/origin-access-identity").await;
    assert_eq!((answer.status, answer.x_cache()), (502, "LambdaValidationError"), "nothing goes out unsigned");
    assert_eq!(edge.asked_times("app"), 0);
    edge.stop().await;
}

async fn s1_1_under_failover_the_functions_run_once_for_each_origin(language: Language) {
    let toml = r#"
        [[distribution]]
        domain_name = "dtest123456789.cloudfront.net"
        [[distribution.origin]]
        id = "app"
        domain_name = "127.0.0.1"
        http_port = {app}
        protocol_policy = "http-only"
        path = "/first"
        [[distribution.origin]]
        id = "standby"
        domain_name = "127.0.0.1"
        http_port = {standby}
        protocol_policy = "http-only"
        path = "/second"
        [[distribution.origin_group]]
        id = "both"
        members = ["app", "standby"]
        failover_status_codes = [500]
        [distribution.default_behavior]
        target_origin = "both"
        origin_request = { lambda = "l" }
        origin_response = { lambda = "r" }
    "#;
    let request = Code::around(
        r#"request["headers"]["x-call"] = header("%d %s" % (calls, request["origin"]["custom"]["path"]), "X-Call")
    if request["origin"]["custom"]["path"] == "/second": request["origin"]["custom"]["path"] = "/third"
    return request"#,
        r#"const { custom } = request.origin;
    request.headers["x-call"] = header(`${calls} ${custom.path}`, "X-Call");
    if (custom.path === "/second") custom.path = "/third";
    return request;"#,
    );
    let response = Code::around(
        r#"response = cf["response"]
    response["headers"]["x-call"] = header("%d %s" % (calls, request["origin"]["custom"]["path"]), "X-Call"); return response"#,
        r#"const { response } = cf;
    response.headers["x-call"] = header(`${calls} ${request.origin.custom.path}`, "X-Call"); return response;"#,
    );
    let edge = Edge::with(toml)
        .origin("app", |_| Reply::status(500, "first"))
        .origin("standby", |asked| Reply::ok(asked.target))
        .lambda(language, "l", &request, ONE)
        .lambda(language, "r", &response, ONE)
        .start()
        .await;
    let answer = edge.get("/x").await;
    assert_eq!((answer.text(), answer.header("x-call")), ("/third/x", Some("2 /third")));
    let told = |origin: &str| edge.asked(origin)[0].header("x-call").unwrap().to_owned();
    assert_eq!((told("app"), told("standby")), ("1 /first".to_owned(), "2 /second".to_owned()));
    assert_eq!((edge.asked_times("app"), edge.asked_times("standby")), (1, 1));
    edge.stop().await;
}
