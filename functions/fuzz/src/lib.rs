//! What fuzzers do to the parts of Homefront that hostile bytes reach: each function takes any bytes and panics when a promise is
//! broken. `cargo fuzz run --fuzz-dir functions/fuzz NAME` looks for such bytes; the tests feed each a fixed number of arbitrary and
//! of damaged sensible ones.

#![allow(clippy::missing_panics_doc, reason = "to panic when a promise is broken is what all of this is for")]

use homefront_config::function::{Fidelity, FunctionRuntime};
use homefront_config::limits::{
    FUNCTION_KEEPALIVE_TIMEOUT_S_MAX, LAMBDA_ORIGIN_BODY_BYTES_MAX, LAMBDA_ORIGIN_RESPONSE_BYTES_MAX,
    LAMBDA_VIEWER_BODY_BYTES_MAX, LAMBDA_VIEWER_RESPONSE_BYTES_MAX, READ_TIMEOUT_S_MAX, S3_DOMAIN_NAME_CHARS_MAX,
    URL_BYTES_MAX,
};
use homefront_config::origin::port_valid;
use homefront_functions::event::lambda_edge::{self, AuthMethod, LambdaRequestEdit, RequestOrigin, ShownBody};
use homefront_functions::js::frame::{Answer, Decoder, Inbox, Order};
use homefront_functions::js::{Call, Engine, EventType, FunctionId, FunctionSource, Outcome};
use homefront_functions::lambda;
use homefront_functions::{
    EventContext, HeaderEdit, Headers, Request, RequestEdit, Response, ResponseEdit, Verdict, rules,
};
use std::cell::RefCell;
use std::io::{self, Write as _};
use std::mem::ManuallyDrop;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// The bound of a frame here; a fuzzer's inputs are smaller.
const FRAME_BYTES_MAX: usize = 1 << 20;

/// Bytes as the node and its function workers would receive them from one another: a worker that was taken over may send
/// anything. They are understood or refused, and what was understood is said again in the same bytes.
pub fn worker_frames(bytes: &[u8]) {
    let mut inbox = Inbox::new(FRAME_BYTES_MAX);
    inbox.push(bytes);
    let mut decoder = Decoder::default();
    while let Ok(Some(frame)) = inbox.next_frame() {
        if let Ok(Order::Call(call)) = decoder.order(frame) {
            let mut again = Vec::new();
            assert!(Order::put_call(&mut again, call.id, call.function, call.is_suspect, &call.call()), "it fitted");
            assert_eq!(&again[4..], frame);
        }
        if let Ok(answer) = Answer::take(frame) {
            let mut again = Vec::new();
            assert!(answer.put(&mut again), "it fitted");
            let again = Answer::take(&again[4..]);
            assert_eq!(again, Ok(answer));
        }
    }
}

/// Bytes as a runtime of ours would send them over its channel: a function can write anything there. They are cut into the same
/// frames however they come, each within Lambda's bounds, or make no sense; and what was understood is said again in the same bytes.
pub fn lambda_frames(bytes: &[u8]) {
    let (whole, whole_end) = lambda_frames_of(bytes, usize::MAX);
    let cut = bytes.first().map_or(1, |byte| usize::from(*byte).max(1));
    assert_eq!(lambda_frames_of(bytes, cut), (whole.clone(), whole_end));
    let mut rest = bytes;
    for lambda::frame::Frame { head, body } in whole {
        let body = body.expect("what is larger than Lambda takes is larger than this input");
        let again = [&lambda::frame::start(&head, body.len())[..], &body].concat();
        let said;
        (said, rest) = rest.split_at(again.len());
        assert_eq!(said, again);
    }
}

fn lambda_frames_of(bytes: &[u8], cut: usize) -> (Vec<lambda::frame::Frame>, Result<(), lambda::frame::Senseless>) {
    let (mut inbox, mut frames) = (lambda::frame::Inbox::default(), Vec::new());
    for piece in bytes.chunks(cut) {
        inbox.room().extend_from_slice(piece);
        loop {
            match inbox.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(senseless) => return (frames, Err(senseless)),
            }
        }
    }
    (frames, Ok(()))
}

/// Bytes as a viewer's request, and as an origin's response to it: a function that reads all of the event and returns it changes
/// nothing of the message.
pub fn function_event(bytes: &[u8]) {
    let (request, response) = messages(bytes);
    with_function(&READER, READS_ALL, |engine, id| {
        let outcome = engine.call(id, &call(&request, None)).outcome;
        assert_eq!(outcome, Outcome::Request(Verdict::Continue(RequestEdit::default())), "{request:?}");
        let outcome = engine.call(id, &call(&request, Some(&response))).outcome;
        assert_eq!(outcome, Outcome::Response(Verdict::Continue(ResponseEdit::default())), "{response:?}");
    });
}

/// Bytes as JSON of what a CloudFront Function returns: it is judged, and what is accepted can be sent.
pub fn function_result(bytes: &[u8]) {
    let Ok(json) = std::str::from_utf8(bytes) else { return };
    // The function gets them in the query string, which reaches it byte for byte.
    if json.bytes().any(|byte| byte < 0x20) {
        return;
    }
    let request = Request { querystring: Some(json.to_owned().into()), ..request() };
    with_function(&WRITER, RETURNS_JSON, |engine, id| {
        for response in [None, Some(response())] {
            match engine.call(id, &call(&request, response.as_ref())).outcome {
                Outcome::Request(verdict) => sendable_request(&verdict),
                Outcome::Response(verdict) => sendable_response(&verdict),
            }
        }
    });
}

/// Bytes as what a Lambda@Edge function returns on its four events: they are judged, and what is accepted can be sent and is within
/// CloudFront's rules for that event: which headers may be touched, how large a URL, an answer and a body are, which origins there are.
pub fn lambda_result(bytes: &[u8]) {
    let (response, context) = (response(), context());
    // Of a method that may have a body.
    let request = Request { method: "POST".to_owned(), ..request() };
    let origins =
        [&origin(), &folder()].map(|origin| RequestOrigin::of(origin, homefront_functions::OriginProtocol::Http));
    let event = lambda_edge::viewer_request(&context, &request, Some(ShownBody::on_viewer_request(b"a=1")));
    let verdict = lambda_edge::result::request(&event, &request, bytes.to_vec().into());
    within_the_rules(rules::Event::LambdaViewerRequest, &request, None, verdict);
    let event = lambda_edge::viewer_response(&context, &request, &response);
    let verdict = lambda_edge::result::response(&event, &response, bytes.to_vec().into());
    response_within_the_rules(rules::Event::LambdaViewerResponse, &verdict);
    for origin in &origins {
        let shown = Some(ShownBody::on_origin_request(b"a=1"));
        let event = lambda_edge::origin_request(&context, origin, &request, shown);
        let verdict = lambda_edge::result::request(&event, &request, bytes.to_vec().into());
        within_the_rules(rules::Event::LambdaOriginRequest, &request, Some(origin), verdict);
        let event = lambda_edge::origin_response(&context, origin, &request, &response);
        let verdict = lambda_edge::result::response(&event, &response, bytes.to_vec().into());
        response_within_the_rules(rules::Event::LambdaOriginResponse, &verdict);
    }
}

/// Of a request event; `shown` is the origin that the function was shown.
fn within_the_rules(
    event: rules::Event,
    request: &Request,
    shown: Option<&RequestOrigin>,
    verdict: Verdict<LambdaRequestEdit>,
) {
    let is_viewers = event == rules::Event::LambdaViewerRequest;
    match verdict {
        Verdict::Continue(edit) => {
            touchable(event, edit.head.headers.iter().map(|edit| edit.name.as_str()));
            let (uri, query) = (edit.head.uri.as_ref(), edit.head.querystring.as_ref());
            if uri.is_some() || query.is_some() {
                let uri = uri.unwrap_or(&request.uri);
                let query = query.or(request.querystring.as_ref()).map_or(0, |query| query[..].len());
                assert!(uri.len() + query < URL_BYTES_MAX, "{edit:?}");
            }
            // What base64 of a third more comes to.
            let max = if is_viewers { LAMBDA_VIEWER_BODY_BYTES_MAX } else { LAMBDA_ORIGIN_BODY_BYTES_MAX };
            assert!(
                edit.body.as_ref().is_none_or(|body| body.len() <= max),
                "{} bytes",
                edit.body.map_or(0, |body| body.len())
            );
            match (edit.origin.as_deref(), shown) {
                (Some(asked), Some(shown)) => askable(asked, shown),
                (Some(asked), None) => panic!("there is none to change: {asked:?}"),
                (None, _) => {}
            }
            sendable_request(&Verdict::Continue(edit.head));
        }
        Verdict::Respond(response) => {
            assert!((200..=599).contains(&response.status), "{response:?}");
            assert!(response.status != 204 || response.body.as_deref().is_none_or(<[u8]>::is_empty), "{response:?}");
            touchable(event, response.headers.iter().map(|(name, _)| std::str::from_utf8(name).expect("a token")));
            let head: usize = response.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            let max = if is_viewers { LAMBDA_VIEWER_RESPONSE_BYTES_MAX } else { LAMBDA_ORIGIN_RESPONSE_BYTES_MAX };
            assert!(head + response.body.as_deref().map_or(0, <[u8]>::len) <= max, "{head} and a body");
            sendable_request(&Verdict::Respond(response));
        }
        Verdict::Fail(_) => {}
    }
}

fn response_within_the_rules(event: rules::Event, verdict: &Verdict<ResponseEdit>) {
    if let Verdict::Continue(edit) = verdict {
        touchable(event, edit.headers.iter().map(|edit| edit.name.as_str()));
        assert!(edit.status.is_none_or(|status| (200..=599).contains(&status)), "{edit:?}");
        if event == rules::Event::LambdaViewerResponse {
            assert_eq!((edit.status, &edit.body), (None, &None));
        }
        let bytes = edit.body.as_deref().map_or(0, <[u8]>::len);
        assert!(bytes <= LAMBDA_ORIGIN_RESPONSE_BYTES_MAX, "{bytes} bytes");
    }
    sendable_response(verdict);
}

/// No header that functions never see, and none that they may only read.
fn touchable<'a>(event: rules::Event, names: impl Iterator<Item = &'a str>) {
    for name in names {
        let lower = name.to_ascii_lowercase();
        assert!(!rules::disallowed(&lower), "{name}");
        assert!(!rules::read_only(event, &lower), "{name}");
        assert!(event != rules::Event::LambdaViewerRequest || lower != "cloudfront-viewer-country", "{name}");
    }
}

/// An origin that CloudFront takes of a function. What it was shown it may leave as it is.
fn askable(asked: &RequestOrigin, shown: &RequestOrigin) {
    let domain_name = asked.domain_name();
    assert!(rules::host_valid(domain_name), "{asked:?}");
    if domain_name != shown.domain_name() {
        assert!(domain_name.parse::<IpAddr>().is_err() && !domain_name.contains(':'), "{asked:?}");
    }
    let path = asked.path();
    assert!(path.is_empty() || path.starts_with('/') && !path.ends_with('/') && path.len() <= 255, "{asked:?}");
    for (name, value) in asked.custom_headers() {
        assert!(rules::header_name_valid(name) && rules::header_value_valid(value), "{asked:?}");
    }
    match asked {
        RequestOrigin::Custom(custom) => {
            assert!(port_valid(custom.port), "{asked:?}");
            assert!((1..=READ_TIMEOUT_S_MAX).contains(&custom.read_timeout_s), "{asked:?}");
            assert!((1..=FUNCTION_KEEPALIVE_TIMEOUT_S_MAX).contains(&custom.keepalive_timeout_s), "{asked:?}");
            assert!(
                custom.response_completion_timeout_s.is_none_or(|seconds| seconds >= custom.read_timeout_s),
                "{asked:?}"
            );
            assert!(custom.ssl_protocols.iter().next().is_some(), "{asked:?}");
        }
        RequestOrigin::S3(s3) => {
            assert!(domain_name.len() <= S3_DOMAIN_NAME_CHARS_MAX, "{asked:?}");
            assert!(!domain_name.bytes().any(|byte| byte.is_ascii_uppercase()), "{asked:?}");
            assert!(s3.auth_method == AuthMethod::None || !s3.region.is_empty(), "{asked:?}");
            assert!(s3.read_timeout_s.is_none_or(|seconds| (1..=READ_TIMEOUT_S_MAX).contains(&seconds)), "{asked:?}");
        }
    }
}

fn sendable_request(verdict: &Verdict<RequestEdit>) {
    match verdict {
        Verdict::Continue(edit) => {
            assert!(edit.uri.as_ref().is_none_or(rules::uri_valid), "{edit:?}");
            assert!(edit.querystring.as_ref().is_none_or(rules::querystring_valid), "{edit:?}");
            sendable(&edit.headers);
        }
        Verdict::Respond(response) => {
            assert!((100..=599).contains(&response.status), "{response:?}");
            for (name, value) in response.headers.iter() {
                assert!(rules::header_name_valid(name) && rules::header_value_valid(value), "{response:?}");
            }
        }
        Verdict::Fail(_) => {}
    }
}

fn sendable_response(verdict: &Verdict<ResponseEdit>) {
    if let Verdict::Continue(edit) = verdict {
        assert!(edit.status.is_none_or(|status| (100..=599).contains(&status)), "{edit:?}");
        assert!(edit.status_description.as_ref().is_none_or(rules::header_value_valid), "{edit:?}");
        sendable(&edit.headers);
    }
}

fn sendable(edits: &[HeaderEdit]) {
    for edit in edits {
        assert!(rules::header_name_valid(&edit.name), "{edit:?}");
        assert!(edit.values.iter().all(rules::header_value_valid), "{edit:?}");
    }
}

/// What a fuzzer found once, from files named on the command line.
pub fn replay(target: fn(&[u8])) -> io::Result<()> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if files.is_empty() {
        return Err(io::Error::other(
            "name the files to run, or start it with: cargo fuzz run --fuzz-dir functions/fuzz NAME",
        ));
    }
    for file in files {
        target(&std::fs::read(&file)?);
        writeln!(io::stdout(), "{}: as promised", file.display())?;
    }
    Ok(())
}

const READS_ALL: &str = "function handler(event) {
    var message = event.response || event.request;
    JSON.stringify(event);
    Object.keys(message.headers).forEach(function (name) { message.headers[name].value.length; });
    return message;
}";

const RETURNS_JSON: &str = "function handler(event) { return JSON.parse(event.request.rawQueryString()); }";

/// Never dropped: the engine's collector is thread-local as well, and may be gone before it.
type Kept = RefCell<Option<ManuallyDrop<(Engine, FunctionId)>>>;

thread_local! {
    static READER: Kept = const { RefCell::new(None) };
    static WRITER: Kept = const { RefCell::new(None) };
}

fn with_function(kept: &'static std::thread::LocalKey<Kept>, code: &str, act: impl FnOnce(&mut Engine, FunctionId)) {
    kept.with_borrow_mut(|kept| {
        let kept = kept.get_or_insert_with(|| {
            let mut engine = Engine::new();
            let (name, runtime) = ("fuzzed".to_owned(), FunctionRuntime::CloudfrontJs2_0);
            let source =
                FunctionSource { name, runtime, fidelity: Fidelity::Strict, code: code.to_owned(), store: None };
            let id = engine.load(source).expect("it compiles");
            ManuallyDrop::new((engine, id))
        });
        let (engine, id) = &mut **kept;
        act(engine, *id);
        engine.collect_garbage();
    });
}

/// A request and a response whose lines are the lines of `bytes`: what comes before the first `:` is the name. A line without one
/// is the query string.
fn messages(bytes: &[u8]) -> (Request, Response) {
    let (mut headers, mut query) = (Headers::default(), None);
    for line in bytes.split(|byte| *byte == b'\n') {
        match line.iter().position(|byte| *byte == b':') {
            Some(at) if rules::header_name_valid(&line[..at]) && rules::header_value_valid(&line[at + 1..]) => {
                headers.push(&line[..at], line[at + 1..].trim_ascii());
            }
            Some(_) => {}
            None => query = Some(line.to_vec().into()),
        }
    }
    let request = Request { querystring: query, headers: headers.clone(), ..request() };
    (request, Response { headers, ..response() })
}

fn request() -> Request {
    let headers = [("Host", "d111111abcdef8.cloudfront.net"), ("Via", "1.1 a"), ("X-Two", "1"), ("X-Two", "2")];
    let headers = headers.into_iter().collect();
    Request { method: "GET".to_owned(), uri: "/docs".into(), querystring: None, headers }
}

fn response() -> Response {
    let headers = [("Content-Type", "text/html"), ("Set-Cookie", "a=1; Path=/"), ("Via", "1.1 a")];
    Response { status: 200, status_description: None, headers: headers.into_iter().collect(), body: None }
}

fn context() -> EventContext {
    EventContext {
        distribution_domain_name: "d111111abcdef8.cloudfront.net".into(),
        distribution_id: "EDFDVBD6EXAMPLE".into(),
        request_id: "EXAMPLE".to_owned(),
        viewer_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        server_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
    }
}

fn origin() -> homefront_config::Origin {
    configured("domain_name = \"127.0.0.1\"")
}

/// What functions see as a bucket.
fn folder() -> homefront_config::Origin {
    configured("directory = \".\"")
}

fn configured(kind: &str) -> homefront_config::Origin {
    let toml = format!(
        "[[distribution]]\n[[distribution.origin]]\nid = \"app\"\n{kind}\n[distribution.default_behavior]\ntarget_origin = \"app\"\n"
    );
    let (config, _) = homefront_config::parse("fuzz.toml", &toml, &PathBuf::new(), &|_| None).expect("it is right");
    (*config.distributions[0].origins[0]).clone()
}

fn call<'a>(request: &'a Request, response: Option<&'a Response>) -> Call<'a> {
    thread_local! {
        static CONTEXT: &'static EventContext = Box::leak(Box::new(context()));
    }
    let event_type = if response.is_some() { EventType::ViewerResponse } else { EventType::ViewerRequest };
    let context = CONTEXT.with(|context| *context);
    Call { event_type, context, request, response, now_ms: 1_795_442_400_000, random_seed: 7 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs of each target a test runs.
    const INPUTS: usize = 3_000;

    /// Arbitrary bytes, and sensible ones of which some were changed, removed or doubled.
    fn feed(target: fn(&[u8]), sensible: &[&[u8]]) {
        let mut chance = fastrand::Rng::with_seed(7);
        for sensible in sensible {
            target(sensible);
        }
        for number in 0..INPUTS {
            let mut bytes: Vec<u8> = if number % 4 == 0 {
                (0..chance.usize(..200)).map(|_| chance.u8(..)).collect()
            } else {
                sensible[number % sensible.len()].to_vec()
            };
            for _ in 0..chance.usize(..6) {
                if bytes.is_empty() {
                    break;
                }
                let at = chance.usize(..bytes.len());
                match chance.u8(..4) {
                    0 => bytes[at] = chance.u8(..),
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, bytes[at]),
                    _ => {
                        // In place, and as often a few bytes as thousands: what was sensible stays so, and comes near its bounds.
                        let magnitude = chance.u32(..14);
                        let length = chance.usize(..1 << magnitude).min(bytes.len() - at);
                        let piece = bytes[at..at + length].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            target(&bytes);
        }
    }

    #[test]
    fn frames_are_understood_or_refused() {
        let mut orders = Vec::new();
        let (request, response) = (request(), response());
        Order::put_call(&mut orders, 1, 0, false, &call(&request, None));
        Order::put_call(&mut orders, 2, 0, true, &call(&request, Some(&response)));
        feed(worker_frames, &[&orders, b"\x08\0\0\0\x03\xff\xff\xff\xff\xff\xff\xff", b"\x03\0\0\0\x01\x01\x01"]);
    }

    #[test]
    fn a_runtimes_frames_are_understood_or_make_no_sense() {
        let sent = [("next", ""), ("response\nid", "{}"), ("error\nid\nRuntime.Error", "{}"), ("init-error\n", "")];
        let sent = sent.map(|(head, body)| [&lambda::frame::start(head, body.len())[..], body.as_bytes()].concat());
        feed(lambda_frames, &[&sent.concat(), &sent[1], b"\x02\0\0\0\xff\xff\xff\xff\xc3\xa9rest"]);
    }

    #[test]
    fn a_function_that_returns_its_event_changes_nothing() {
        feed(
            function_event,
            &[
                b"Accept: a, b\nAccept: c\nCookie: A=1; b=2; A=3\nquerymv=val1&querymv=val2,val3&NoValue=&bare&1=2",
                "Set-Cookie: a=1; Secure\nset-cookie: a=2\nX-\u{c8}: \u{e9}\n__proto__: 1\nconstructor: 2\ntoString: 3"
                    .as_bytes(),
            ],
        );
    }

    #[test]
    fn what_a_function_returns_can_be_sent_or_is_refused() {
        feed(
            function_result,
            &[
                br#"{"method":"GET","uri":"/a","querystring":{"a":{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]}},"headers":{"x-a":{"value":"1"},"host":{"value":"d111111abcdef8.cloudfront.net"},"via":{"value":"1.1 a"}},"cookies":{"a":{"value":"b"}}}"#,
                br#"{"statusCode":302,"statusDescription":"Found","headers":{"location":{"value":"/b"},"via":{"value":"1.1 a"}},"cookies":{"a":{"value":"b","attributes":"Secure"}},"body":{"encoding":"base64","data":"aGk="}}"#,
            ],
        );
    }

    #[test]
    fn what_a_lambda_returns_is_within_cloudfronts_rules_or_is_refused() {
        let headers =
            r#""host":[{"key":"Host","value":"d111111abcdef8.cloudfront.net"}],"via":[{"key":"Via","value":"1.1 a"}]"#;
        // One step from what is too large.
        let long =
            format!(r#"{{"uri":"/{}","querystring":"a=1","headers":{{{headers}}}}}"#, "a".repeat(URL_BYTES_MAX - 8));
        let body = "a".repeat(LAMBDA_VIEWER_BODY_BYTES_MAX - 8);
        let answer = format!(r#"{{"status":"200","headers":{{"x-a":[{{"value":"1"}}]}},"body":"{body}"}}"#);
        let replaced = format!(
            r#"{{"uri":"/docs","headers":{{{headers}}},"body":{{"action":"replace","encoding":"text","data":"{body}"}}}}"#
        );
        let encoded = format!(
            r#"{{"uri":"/docs","headers":{{{headers}}},"body":{{"action":"replace","data":"{}"}}}}"#,
            "YWFh".repeat(LAMBDA_VIEWER_BODY_BYTES_MAX / 3)
        );
        feed(
            lambda_result,
            &[
                br#"{"uri":"/a","querystring":"a=1","headers":{"host":[{"key":"Host","value":"d111111abcdef8.cloudfront.net"}],"via":[{"key":"Via","value":"1.1 a"}],"x-two":[{"value":"1"},{"value":"2"}]}}"#,
                br#"{"method":"POST","uri":"/a","headers":{"host":[{"key":"Host","value":"d111111abcdef8.cloudfront.net"}],"via":[{"key":"Via","value":"1.1 a"}]},"body":{"action":"replace","encoding":"text","data":"b=2"},"origin":{"custom":{"customHeaders":{"x-a":[{"key":"X-A","value":"1"}]},"domainName":"example.org","keepaliveTimeout":5,"path":"/p","port":443,"protocol":"https","readTimeout":30,"sslProtocols":["TLSv1.2"]}}}"#,
                br#"{"uri":"/a","headers":{"host":[{"value":"d111111abcdef8.cloudfront.net"}],"via":[{"key":"Via","value":"1.1 a"}]},"origin":{"s3":{"authMethod":"none","customHeaders":{},"domainName":"b.s3.amazonaws.com","path":"/p","region":"us-east-1","readTimeout":7}}}"#,
                br#"{"status":"200","statusDescription":"OK","headers":{"content-type":[{"key":"Content-Type","value":"text/plain"}],"via":[{"key":"Via","value":"1.1 a"}]},"body":"aGk=","bodyEncoding":"base64"}"#,
                br#"{"status":"302","headers":{"location":[{"value":"/x"}],"connection":[{"value":"close"}],"content-length":[{"value":"1"}],"warning":[{"value":"1"}]}}"#,
                br#"{"status":"200","headers":{"content-type":[{"value":"text/html"}],"set-cookie":[{"value":"a=1; Path=/"}],"via":[{"value":"1.1 a"}],"warning":[{"value":"1"}]}}"#,
                br#"{"uri":"/a","headers":{"host":[{"value":"d111111abcdef8.cloudfront.net"}],"via":[{"value":"1.1 a"}],"cdn-loop":[{"value":"1"}]}}"#,
                br#"{"uri":"/a","headers":{"host":[{"value":"d111111abcdef8.cloudfront.net"}],"via":[{"value":"1.1 a"}],"connection":[{"value":"close"}]}}"#,
                long.as_bytes(),
                answer.as_bytes(),
                replaced.as_bytes(),
                encoded.as_bytes(),
            ],
        );
    }
}
