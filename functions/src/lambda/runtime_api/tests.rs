//! The Runtime API as any client meets it: a client written by hand, well-behaved and hostile.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::lambda::fixture::{LONG, until};
use homefront_config::limits::{LAMBDA_API_PATH_TOLD_BYTES_MAX, LAMBDA_PAYLOAD_BYTES_MAX};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Client(TcpStream);

impl Client {
    async fn connect(api: &RuntimeApi) -> Self {
        Self(TcpStream::connect(api.address).await.unwrap())
    }

    async fn send(&mut self, request: &str) {
        self.0.write_all(request.as_bytes()).await.unwrap();
    }

    /// One answer, head and body, as it came.
    async fn receive(&mut self) -> String {
        let read = async {
            let mut bytes = Vec::new();
            loop {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap_or("0");
                    if body.len() >= length.parse().unwrap() {
                        return text;
                    }
                }
                if self.0.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                    return text;
                }
            }
        };
        tokio::time::timeout(LONG, read).await.expect("it answers")
    }

    async fn get(&mut self, path: &str) -> String {
        self.send(&format!("GET /2018-06-01/{path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        self.receive().await
    }

    async fn post(&mut self, path: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let head = format!("POST /2018-06-01/{path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.send(&(head + body)).await;
        self.receive().await
    }
}

/// An API, and what it tells the function's log.
async fn logging() -> (RuntimeApi, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    let log = FunctionLog::new(move |line| sink.lock().push(line.to_owned()));
    (RuntimeApi::serve(Port::open().await.unwrap(), Arc::new(|_| true), None, log), told)
}

async fn open() -> RuntimeApi {
    RuntimeApi::serve(Port::open().await.unwrap(), Arc::new(|_| true), None, FunctionLog::new(|_| {}))
}

fn invocation(id: &str) -> Invocation {
    Invocation {
        request_id: id.to_owned(),
        deadline_ms: 1_542_409_706_888,
        function_arn: "arn:aws:lambda:us-east-1:000000000000:function:us-east-1.hook:1".into(),
        trace_id: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0".to_owned(),
        event: Bytes::from_static(br#"{"a":1}"#),
    }
}

/// An API with a client that has got event `id`.
async fn running(id: &str) -> (RuntimeApi, Client, oneshot::Receiver<Answer>) {
    let api = open().await;
    let mut client = Client::connect(&api).await;
    client.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n").await;
    api.ready().await.unwrap();
    let answer = api.invoke(invocation(id)).unwrap();
    client.receive().await;
    (api, client, answer)
}

#[tokio::test]
async fn events_are_handed_over_with_lambdas_headers_and_answers_are_acknowledged() {
    let api = open().await;
    let mut client = Client::connect(&api).await;
    client.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n").await;
    api.ready().await.unwrap();
    let answer = api.invoke(invocation("1")).unwrap();
    insta::assert_snapshot!(client.receive().await.replace("\r\n", "\n"), @r#"
    HTTP/1.1 200 OK
    Content-Type: application/json
    Lambda-Runtime-Aws-Request-Id: 1
    Lambda-Runtime-Deadline-Ms: 1542409706888
    Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:us-east-1.hook:1
    Lambda-Runtime-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0
    Content-Length: 7

    {"a":1}
    "#);
    let accepted = client.post("runtime/invocation/1/response", "", "{\"b\":2}").await;
    insta::assert_snapshot!(accepted.replace("\r\n", "\n"), @r#"
    HTTP/1.1 202 Accepted
    Content-Type: application/json
    Content-Length: 16

    {"status":"OK"}
    "#);
    assert_eq!(answer.await.unwrap(), Answer::Response(Bytes::from_static(b"{\"b\":2}")));
    assert!(!api.is_waiting());
    assert!(api.invoke(invocation("2")).is_none(), "it has not asked for another");
}

#[tokio::test]
async fn s9_4_the_cause_of_an_error_may_be_a_header_line_of_a_mebibyte() {
    let (_api, mut client, answer) = running("1").await;
    let cause = format!("Lambda-Runtime-Function-XRay-Error-Cause: {}\r\n", "x".repeat(1_048_575));
    let taken = client.post("runtime/invocation/1/error", &cause, "{}").await;
    assert!(taken.starts_with("HTTP/1.1 202 "), "{taken}");
    assert!(matches!(answer.await.unwrap(), Answer::Error { .. }));
}

/// Then a body can be sent from there.
#[tokio::test]
async fn a_large_result_is_put_together_in_memory_that_nobody_else_has() {
    let (_api, mut client, answer) = running("1").await;
    let result = "x".repeat(3_000_000);
    client.post("runtime/invocation/1/response", "", &result).await;
    let Answer::Response(payload) = answer.await.unwrap() else { panic!("a result") };
    assert_eq!(payload, result);
    assert!(payload.try_into_mut().is_ok_and(|own| own.capacity() == result.len()));
}

#[tokio::test]
async fn s9_4_answers_are_taken_whatever_type_they_say_they_are_and_not_looked_into() {
    const NO_JSON: &str = "<html> or \u{e9}, nobody asks";
    for content_type in [
        "",
        "Content-Type: application/json\r\n",
        "Content-Type: application/unknown\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
        "Content-Type:\r\n",
    ] {
        let (_api, mut client, answer) = running("1").await;
        let taken = client.post("runtime/invocation/1/response", content_type, NO_JSON).await;
        assert!(taken.starts_with("HTTP/1.1 202 "), "{content_type:?}: {taken}");
        assert_eq!(answer.await.unwrap(), Answer::Response(Bytes::from_static(NO_JSON.as_bytes())), "{content_type:?}");
        let (_api, mut client, answer) = running("1").await;
        let taken = client.post("runtime/invocation/1/error", content_type, NO_JSON).await;
        assert!(taken.starts_with("HTTP/1.1 202 "), "{content_type:?}: {taken}");
        assert!(matches!(answer.await.unwrap(), Answer::Error { .. }), "{content_type:?}");
    }
}

#[tokio::test]
async fn errors_are_taken_with_their_type_when_it_is_one_of_lambdas() {
    let cases = [
        ("Lambda-Runtime-Function-Error-Type: Runtime.NoSuchHandler\r\n", "Runtime.NoSuchHandler"),
        ("Lambda-Runtime-Function-Error-Type: Function.lower\r\n", "Function.Unknown"),
        ("lambda-runtime-function-error-type: unhandled\r\n", "Runtime.Unknown"),
        ("", "Runtime.Unknown"),
    ];
    for (header, expected) in cases {
        let (_api, mut client, answer) = running("1").await;
        assert!(client.post("runtime/invocation/1/error", header, "{}").await.starts_with("HTTP/1.1 202"));
        let Answer::Error { error_type, payload } = answer.await.unwrap() else { panic!("{header}") };
        assert_eq!((error_type.as_str(), &payload[..]), (expected, &b"{}"[..]));
    }
}

#[tokio::test]
async fn a_failed_start_is_reported() {
    let api = open().await;
    let mut client = Client::connect(&api).await;
    let header = "Lambda-Runtime-Function-Error-Type: Runtime.ImportModuleError\r\n";
    assert!(client.post("runtime/init/error", header, "{}").await.starts_with("HTTP/1.1 202"));
    let expected = Answer::Error { error_type: "Runtime.ImportModuleError".to_owned(), payload: "{}".into() };
    assert_eq!(api.ready().await.unwrap_err(), expected);
    let next = client.get("runtime/invocation/next").await;
    insta::assert_snapshot!(next.replace("\r\n", "\n"), @r#"
    HTTP/1.1 403 Forbidden
    Content-Type: application/json
    Content-Length: 156

    {"errorMessage":"State transition from InitError to Ready failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}
    "#);
}

#[tokio::test]
async fn answers_nobody_asked_for_are_refused() {
    let (api, mut client, mut answer) = running("1").await;
    let wrong = client.post("runtime/invocation/2/response", "", "{}").await;
    insta::assert_snapshot!(wrong.replace("\r\n", "\n"), @r#"
    HTTP/1.1 400 Bad Request
    Content-Type: application/json
    Content-Length: 69

    {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}
    "#);
    assert!(client.get("runtime/invocation/next").await.starts_with("HTTP/1.1 403"), "it has an event");
    assert!(answer.try_recv().is_err(), "neither of them ended the call");
    assert!(client.post("runtime/invocation/1/response", "", "first").await.starts_with("HTTP/1.1 202"));
    assert!(client.post("runtime/invocation/1/response", "", "second").await.starts_with("HTTP/1.1 400"));
    assert!(client.post("runtime/invocation/1/error", "", "third").await.starts_with("HTTP/1.1 400"));
    assert_eq!(answer.await.unwrap(), Answer::Response(Bytes::from_static(b"first")));
    let mut other = Client::connect(&api).await;
    other.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n").await;
    api.ready().await.unwrap();
    let early = client.post("runtime/invocation/9/response", "", "{}").await;
    insta::assert_snapshot!(early.replace("\r\n", "\n"), @r#"
    HTTP/1.1 403 Forbidden
    Content-Type: application/json
    Content-Length: 165

    {"errorMessage":"State transition from Ready to InvocationResponse failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}
    "#);
}

#[tokio::test]
async fn s9_a_path_that_only_begins_like_one_is_unknown_and_ends_no_call() {
    let (_api, mut client, answer) = running("1").await;
    for path in [
        "runtime/invocation/1/response/x",
        "runtime/invocation/1/error/x",
        "runtime/invocation/1/error/x/y",
        "runtime/invocation/1/response/",
        "runtime/invocation/1",
        "runtime/init/error/x",
    ] {
        let told = client.post(path, "", "{}").await;
        assert!(told.starts_with("HTTP/1.1 404 "), "{path}: {told}");
        assert!(told.ends_with("\r\n\r\n404 page not found\n"), "{path}: {told}");
    }
    assert!(client.post("runtime/invocation/1/response", "", "mine").await.starts_with("HTTP/1.1 202"));
    assert_eq!(answer.await.unwrap(), Answer::Response(Bytes::from_static(b"mine")));
}

#[tokio::test]
async fn s9_2_what_a_state_does_not_allow_is_told_with_both_states() {
    let (_api, mut client, _answer) = running("1").await;
    let (_started, mut early) = {
        let api = open().await;
        let client = Client::connect(&api).await;
        (api, client)
    };
    let told = [
        client.post("runtime/init/error", "", "{}").await,
        client.get("runtime/invocation/next").await,
        early.post("runtime/invocation/1/response", "", "{}").await,
        early.post("runtime/invocation/1/error", "", "{}").await,
    ];
    assert!(told.iter().all(|told| told.starts_with("HTTP/1.1 403 ")), "{told:?}");
    let bodies: Vec<_> = told.iter().map(|told| told.split("\r\n\r\n").nth(1).unwrap_or_default().trim_end()).collect();
    insta::assert_snapshot!(bodies.join("\n"), @r#"
    {"errorMessage":"State transition from Running to InitError failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}
    {"errorMessage":"State transition from Running to Ready failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}
    {"errorMessage":"State transition from Started to InvocationResponse failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}
    {"errorMessage":"State transition from Started to InvocationErrorResponse failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}
    "#);
}

#[tokio::test]
async fn a_connection_is_kept_when_what_comes_over_it_is_refused_before_its_body_has_come() {
    let (_api, mut client, answer) = running("1").await;
    for (method, path, status) in [
        ("POST", "runtime/invocation/2/response", "400"),
        ("PUT", "runtime/invocation/1/response", "404"),
        ("POST", "runtime/invocation/2/error", "400"),
    ] {
        let head = format!("{method} /2018-06-01/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
        client.send(&head).await;
        client.send(&"x".repeat(100_000)).await;
        let refused = client.receive().await;
        assert!(refused.starts_with(&format!("HTTP/1.1 {status}")), "{method} {path}: {refused}");
    }
    assert!(client.post("runtime/invocation/1/response", "", "{}").await.starts_with("HTTP/1.1 202"));
    assert_eq!(answer.await.unwrap(), Answer::Response(Bytes::from_static(b"{}")));
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_taken_and_goes_nowhere() {
    let (api, mut client, answer) = running("1").await;
    drop(answer);
    assert!(client.post("runtime/invocation/1/response", "", "{}").await.starts_with("HTTP/1.1 202"));
    client.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n").await;
    api.ready().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_before_it_is_read() {
    let length = LAMBDA_PAYLOAD_BYTES_MAX + 1;
    for post in ["response", "error"] {
        let (_api, mut client, answer) = running("1").await;
        client
            .send(&format!(
                "POST /2018-06-01/runtime/invocation/1/{post} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
            ))
            .await;
        let Answer::Error { error_type, .. } = answer.await.unwrap() else { panic!("{post}: it was taken") };
        assert_eq!(error_type, "Function.ResponseSizeTooLarge", "{post}");
        // Most clients look for an answer when they have sent all.
        client.send(&"x".repeat(length)).await;
        let refused = client.receive().await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused.replace("\r\n", "\n"), @r#"
            HTTP/1.1 413 Payload Too Large
            Content-Type: application/json
            Content-Length: 110

            {"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}
            "#);
        }
        assert!(client.get("ping").await.starts_with("HTTP/1.1 200"), "{post}: and the connection is kept");
    }
}

#[tokio::test]
async fn an_answer_that_grows_too_large_is_refused() {
    let (_api, mut client, answer) = running("1").await;
    client
        .send(
            "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .await;
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(0x10_0000));
    for _ in 0..7 {
        if client.0.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let Answer::Error { error_type, .. } = answer.await.unwrap() else { panic!("it was taken") };
    assert_eq!(error_type, "Function.ResponseSizeTooLarge");
}

#[tokio::test]
async fn s9_2_a_post_that_ends_within_its_body_is_told_to_be_truncated_and_may_come_again() {
    let (api, mut good, answer) = running("1").await;
    for post in ["response", "error"] {
        for rest in [
            "Content-Length: 10\r\n\r\n{\"a\"",
            "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n",
            "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\nno length\r\n",
        ] {
            let mut client = Client::connect(&api).await;
            client.send(&format!("POST /2018-06-01/runtime/invocation/1/{post} HTTP/1.1\r\nHost: x\r\n{rest}")).await;
            client.0.shutdown().await.unwrap();
            let told = client.receive().await.replace("\r\n", "\n");
            insta::allow_duplicates! {
                insta::assert_snapshot!(told, @r#"
                HTTP/1.1 400 Bad Request
                Content-Type: application/json
                Content-Length: 89

                {"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}
                "#);
            }
        }
    }
    assert!(good.post("runtime/invocation/1/response", "", "{}").await.starts_with("HTTP/1.1 202"));
    assert_eq!(answer.await.unwrap(), Answer::Response(Bytes::from_static(b"{}")));
}

#[tokio::test]
async fn s9_2_a_response_is_streamed_or_says_nothing_of_its_mode() {
    for mode in ["", "Lambda-Runtime-Function-Response-Mode: streaming\r\n"] {
        let (_api, mut client, answer) = running("1").await;
        assert!(client.post("runtime/invocation/1/response", mode, "{}").await.starts_with("HTTP/1.1 202"), "{mode}");
        assert_eq!(answer.await.unwrap(), Answer::Response(Bytes::from_static(b"{}")), "{mode}");
    }
    let (_api, mut client, answer) = running("1").await;
    let buffered = "Lambda-Runtime-Function-Response-Mode: buffered\r\n";
    let refused = client.post("runtime/invocation/1/response", buffered, "{}").await;
    insta::assert_snapshot!(refused.replace("\r\n", "\n"), @r#"
    HTTP/1.1 400 Bad Request
    Content-Type: application/json
    Content-Length: 92

    {"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}
    "#);
    let Answer::Error { error_type, payload } = answer.await.unwrap() else { panic!("it was taken") };
    assert_eq!(error_type, "Runtime.InvalidResponseModeHeader");
    insta::assert_snapshot!(String::from_utf8_lossy(&payload), @r#"{"errorMessage":"RequestId: 1 Error: Invalid function response mode","errorType":"Runtime.InvalidResponseModeHeader"}"#);
    let late = client.post("runtime/invocation/1/response", buffered, "{}").await;
    assert!(late.contains("InvalidRequestID"), "{late}");
}

#[tokio::test]
async fn s9_there_is_no_snapshot_to_restore() {
    let (_api, mut client, answer) = running("1").await;
    assert!(client.get("runtime/restore/next").await.starts_with("HTTP/1.1 404"));
    assert!(client.post("runtime/restore/error", "", "{}").await.starts_with("HTTP/1.1 404"));
    assert!(client.post("runtime/invocation/1/response", "", "{}").await.starts_with("HTTP/1.1 202"), "as before");
    assert_eq!(answer.await.unwrap(), Answer::Response(Bytes::from_static(b"{}")));
}

#[tokio::test]
async fn garbage_costs_a_client_its_connection_and_nothing_else() {
    let (api, mut good, answer) = running("1").await;
    for garbage in [
        "\0\0\0\0",
        "GET",
        "NONSENSE / HTTP/9\r\n\r\n",
        "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nContent-Length: 9\r\n\r\n1",
    ] {
        let mut client = Client::connect(&api).await;
        client.send(garbage).await;
        client.0.shutdown().await.unwrap();
        client.receive().await;
    }
    assert!(good.get("runtime/unknown").await.starts_with("HTTP/1.1 404"));
    assert!(good.get("ping").await.ends_with("pong"));
    assert!(good.post("runtime/invocation/1/response", "", "{}").await.starts_with("HTTP/1.1 202"));
    assert_eq!(answer.await.unwrap(), Answer::Response(Bytes::from_static(b"{}")));
}

#[tokio::test]
async fn the_log_is_told_once_a_call_of_garbage_of_requests_that_are_unknown_and_of_answers_that_are_dropped() {
    let (api, told) = logging().await;
    for id in ["1", "2"] {
        let mut client = Client::connect(&api).await;
        client.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n").await;
        api.ready().await.unwrap();
        let answer = api.invoke(invocation(id)).unwrap();
        client.receive().await;
        for _ in 0..3 {
            let mut other = Client::connect(&api).await;
            other.send("NONSENSE / HTTP/9\r\n\r\n").await;
            other.receive().await;
            assert!(client.post("runtime/invocation/next?x=1", "", "{}").await.starts_with("HTTP/1.1 404"));
        }
        let path = format!("runtime/invocation/{id}/response");
        assert!(client.post(&path, "", "first").await.starts_with("HTTP/1.1 202"));
        for _ in 0..3 {
            assert!(client.post(&path, "", "second").await.starts_with("HTTP/1.1 400"));
        }
        assert_eq!(answer.await.unwrap(), Answer::Response(Bytes::from_static(b"first")));
        until(|| told.lock().len() == 3).await;
        let mut told = std::mem::take(&mut *told.lock());
        told.sort_unstable();
        insta::allow_duplicates! {
            insta::assert_snapshot!(told.join("\n"), @r"
            homefront: an answer was dropped: its event has been answered already, or was never here; the first answer counts
            homefront: the Runtime API has no POST /2018-06-01/runtime/invocation/next: 404
            homefront: what came to the Runtime API is not HTTP; that connection is closed
            ");
        }
    }
    assert!(told.lock().is_empty(), "{:?}", told.lock());
}

#[tokio::test]
async fn the_log_repeats_no_more_than_the_start_of_a_long_path() {
    let (api, told) = logging().await;
    let mut client = Client::connect(&api).await;
    assert!(client.get(&"x".repeat(10_000)).await.starts_with("HTTP/1.1 404"));
    let start = format!("/2018-06-01/{}", "x".repeat(LAMBDA_API_PATH_TOLD_BYTES_MAX - "/2018-06-01/".len()));
    assert_eq!(*told.lock(), [format!("homefront: the Runtime API has no GET {start}\u{2026}: 404")]);
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_waits_gets_no_event() {
    let api = open().await;
    let mut client = Client::connect(&api).await;
    client.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n").await;
    api.ready().await.unwrap();
    drop(client);
    until(|| !api.is_waiting()).await;
    assert!(api.invoke(invocation("1")).is_none());
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_until_others_end() {
    let api = open().await;
    let mut idle = Vec::new();
    for _ in 0..LAMBDA_API_CONNECTIONS_MAX {
        let mut client = Client::connect(&api).await;
        assert!(client.get("ping").await.ends_with("pong"));
        idle.push(client);
    }
    let mut beyond = Client::connect(&api).await;
    beyond.send("GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(idle[0].get("ping").await.ends_with("pong"), "the others are served");
    idle.pop();
    assert!(beyond.receive().await.ends_with("pong"));
}

#[tokio::test]
async fn dropping_the_api_closes_its_connections() {
    let (api, mut client, _answer) = running("1").await;
    drop(api);
    assert_eq!(client.receive().await, "");
}
