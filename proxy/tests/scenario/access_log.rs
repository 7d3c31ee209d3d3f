//! One line for each request, in CloudFront's format or as JSON, whatever a viewer sends.

use crate::harness::{Edge, Reply, get_of, one_origin, request_of};

async fn logged(format: &str, requests: &[(&str, &[(&str, &str)])]) -> (String, Vec<String>) {
    let toml = format!(
        "[log]\naccess = {{ path = \"access.log\", format = \"{format}\" }}\nfunction = \"f.log\"\n{}",
        one_origin("")
    );
    let edge = Edge::with(toml)
        .origin("app", |asked| match asked.target.as_str() {
            "/404" => Reply::status(404, "no"),
            _ => Reply::ok("hello").with("content-type", "text/plain"),
        })
        .start()
        .await;
    let mut ids = Vec::new();
    for (path, headers) in requests {
        let answer = edge.get_with(path, headers).await;
        ids.push(answer.header("x-amz-cf-id").unwrap().to_owned());
    }
    (edge.stop_and_read("access.log").await, ids)
}

#[tokio::test]
async fn a_request_is_one_line_of_33_fields() {
    let requests: [(&str, &[(&str, &str)]); 3] = [
        ("/x?q=1", &[("User-Agent", "test agent/1"), ("Referer", "http://a.test/"), ("X-Forwarded-For", "192.0.2.1")]),
        ("/x", &[("Host", "www.example.com"), ("Range", "bytes=1-3")]),
        ("/404", &[]),
    ];
    let (log, ids) = logged("cloudfront-standard", &requests).await;
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines[0], "#Version: 1.0");
    assert!(lines[1].starts_with("#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem"));
    let fields: Vec<Vec<_>> = lines[2..].iter().map(|line| line.split('\t').collect()).collect();
    assert_eq!(fields.len(), 3);
    for (line, id) in fields.iter().zip(&ids) {
        assert_eq!(line.len(), 33, "{line:?}");
        assert_eq!(line[14], id, "x-edge-request-id is X-Amz-Cf-Id");
        assert_eq!((line[4], line[5], line[6]), ("127.0.0.1", "GET", "dtest123456789.cloudfront.net"));
    }
    let first = &fields[0];
    assert_eq!((first[7], first[8], first[11], first[13]), ("/x", "200", "q=1", "Miss"));
    assert_eq!((first[9], first[10], first[19]), ("http://a.test/", "test%20agent/1", "192.0.2.1"));
    assert_eq!((first[15], first[16], first[23]), ("dtest123456789.cloudfront.net", "http", "HTTP/1.1"));
    assert_eq!((first[29], first[30]), ("text/plain", "5"));
    let second = &fields[1];
    assert_eq!((second[8], second[13], second[15]), ("206", "Hit", "www.example.com"));
    assert_eq!((second[31], second[32]), ("1", "3"), "the range");
    assert_eq!((fields[2][8], fields[2][13]), ("404", "Error"));
}

#[tokio::test]
async fn the_same_as_json() {
    let (log, ids) = logged("json", &[("/x?q=1", &[("User-Agent", "a \"quoted\" \u{e9}")])]).await;
    let line: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    let line = line.as_object().unwrap();
    assert_eq!(line.len(), 35, "the 33, and what functions log");
    assert_eq!((line["x-edge-request-id"].as_str(), line["sc-status"].as_str()), (Some(&ids[0][..]), Some("200")));
    assert!(line.values().all(serde_json::Value::is_string), "CloudFront writes all values as text");
}

#[tokio::test]
async fn hostile_values_make_no_second_line_and_no_extra_field() {
    let requests: [(&str, &[(&str, &str)]); 3] = [
        ("/a%0A%09b?c=%0D%0A", &[("User-Agent", "tab\there"), ("Referer", "\u{e9}\u{1F600}\"\\")]),
        ("/x", &[("User-Agent", &LONG), ("Referer", "-")]),
        ("/y", &[("Host", "evil\u{e9}.test")]),
    ];
    let (log, ids) = logged("cloudfront-standard", &requests).await;
    let lines: Vec<_> = log.lines().skip(2).collect();
    assert_eq!(lines.len(), ids.len());
    for line in lines {
        assert_eq!(line.split('\t').count(), 33, "{line}");
        assert!(line.is_ascii() && !line.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t'), "{line:?}");
    }
}

#[tokio::test]
async fn a_head_of_more_than_20_kb_is_served_but_not_logged() {
    let (log, ids) = logged("cloudfront-standard", &[("/x", &[("User-Agent", &TOO_LONG)])]).await;
    assert_eq!((ids.len(), log.lines().count()), (1, 2), "the two header lines");
}

static TOO_LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "long ".repeat(5_000));
static LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "long ".repeat(3_900));

#[tokio::test]
async fn what_the_node_refuses_is_logged_with_its_reason() {
    let toml = format!(
        "[log]\naccess = {{ path = \"access.log\", format = \"cloudfront-standard\" }}\nfunction = \"f.log\"\n{}",
        one_origin("viewer_request = { function = \"f\" }")
    );
    let edge = Edge::with(toml)
        .origin("app", |_| Reply::ok("hello"))
        .function_with("f", "function handler(event) { if (event.request.uri === '/throw') throw new Error(); return { statusCode: 204 }; }", "budget_ms = 5000")
        .start()
        .await;
    edge.ask("POST", "/x", &[], "").await;
    edge.get("/throw").await;
    edge.get("/answer").await;
    let log = edge.stop_and_read("access.log").await;
    let results: Vec<_> = log
        .lines()
        .skip(2)
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|line| format!("{} {} {}", line[8], line[13], line[28]))
        .collect();
    assert_eq!(
        results,
        [
            "403 Error InvalidRequestMethod",
            "503 FunctionExecutionError FunctionExecutionError",
            "204 FunctionGeneratedResponse FunctionGeneratedResponse"
        ]
    );
}

#[tokio::test]
async fn bytes_are_those_on_the_wire_request_line_and_status_line_included() {
    let toml = format!(
        "[log]\naccess = {{ path = \"access.log\", format = \"cloudfront-standard\" }}\nfunction = \"f.log\"\n{}",
        one_origin("allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"PATCH\", \"POST\", \"DELETE\"]")
    );
    let edge = Edge::with(toml).origin("app", |_| Reply::ok("hello").with("X-A", "b")).start().await;
    let close = [("Connection", "close")];
    let requests = [
        get_of("/x?page=2", &close),
        get_of("/x?page=2", &close),
        request_of("POST", "/upload", &close, "a body"),
        request_of("HEAD", "/x", &close, ""),
        request_of("TRACE", "/refused", &close, ""),
        "GET / HTTP/1.0\r\nHost: dtest123456789.cloudfront.net\r\n\r\n".to_owned(),
    ];
    let mut on_the_wire = Vec::new();
    for request in &requests {
        let mut viewer = edge.connect().await;
        viewer.write(request.as_bytes()).await;
        on_the_wire.push((viewer.closed().await.len().to_string(), request.len().to_string()));
    }
    let log = edge.stop_and_read("access.log").await;
    let fields = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let logged: Vec<_> = log.lines().skip(2).map(fields).map(|line| (line[3].clone(), line[17].clone())).collect();
    assert_eq!(logged, on_the_wire, "sc-bytes and cs-bytes of {requests:?}");
}

#[tokio::test]
async fn what_functions_give_to_log_custom_data_is_in_the_json_log() {
    let request = "import cf from 'cloudfront'; function handler(event) { cf.logCustomData('from ' + cf.edgeLocation.serverIp); \
        if (event.request.uri === '/throw') throw new Error('x'); if (event.request.uri === '/made') return { statusCode: 204 }; \
        return event.request; }";
    let response = "import cf from 'cloudfront'; function handler(event) { cf.logCustomData(JSON.stringify({ status: event.response.statusCode })); \
        return event.response; }";
    for isolation in ["process", "inline"] {
        let behavior = "viewer_request = { function = \"f\" }\nviewer_response = { function = \"g\" }";
        let toml = format!(
            "[log]\naccess = {{ path = \"access.log\", format = \"json\" }}\nfunction = \"f.log\"\n{}",
            one_origin(behavior)
        );
        let settings = format!("budget_ms = 5000\nisolation = \"{isolation}\"");
        let edge = Edge::with(toml)
            .origin("app", |_| Reply::ok("hello"))
            .function_with("f", request, &settings)
            .function_with("g", response, &settings)
            .start()
            .await;
        for path in ["/x", "/throw", "/made"] {
            edge.get(path).await;
        }
        let log = edge.stop_and_read("access.log").await;
        let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let data = |line: usize| {
            ["viewer-request-log-data", "viewer-response-log-data"].map(|field| lines[line][field].as_str().unwrap())
        };
        assert_eq!(data(0), ["from%20127.0.0.1", "%7B%22status%22:200%7D"], "{isolation}");
        assert_eq!(data(1), ["from%20127.0.0.1", "-"], "{isolation}: a function that threw");
        assert_eq!(data(2), ["from%20127.0.0.1", "-"], "{isolation}: an answer of the function's own");
    }
}
