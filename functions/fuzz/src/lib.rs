//! What fuzzers do to the parts of Homefront that hostile bytes reach: each function takes any bytes and panics when a promise is
//! broken. `cargo fuzz run --fuzz-dir functions/fuzz NAME` looks for such bytes; the tests feed each a fixed number of arbitrary and
//! of damaged sensible ones.

#![allow(clippy::missing_panics_doc, reason = "to panic when a promise is broken is what all of this is for")]

use homefront_config::function::{Fidelity, FunctionRuntime};
use homefront_config::limits::LAMBDA_ORIGIN_BODY_BASE64_BYTES_MAX;
use homefront_functions::event::lambda_edge::{self, LambdaRequestEdit, RequestCustomOrigin, RequestOrigin, ShownBody};
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
            assert!(Order::put_call(&mut again, call.id, call.function, &call.call()), "it fitted");
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

/// Bytes as what a Lambda@Edge function returns on its four events: likewise.
pub fn lambda_result(bytes: &[u8]) {
    let (request, response, context) = (request(), response(), context());
    let origin = origin();
    let protocol = homefront_functions::OriginProtocol::Http;
    let event = lambda_edge::viewer_request(&context, &request, Some(ShownBody::on_viewer_request(b"a=1")));
    sendable_lambda(lambda_edge::result::request(&event, &request, bytes));
    let event = lambda_edge::viewer_response(&context, &request, &response);
    sendable_response(&lambda_edge::result::response(&event, &response, bytes));
    let shown = Some(ShownBody::on_origin_request(b"a=1"));
    let event = lambda_edge::origin_request(&context, &RequestOrigin::of(&origin, protocol), &request, shown);
    sendable_lambda(lambda_edge::result::request(&event, &request, bytes));
    let event = lambda_edge::origin_response(&context, &RequestOrigin::of(&origin, protocol), &request, &response);
    sendable_response(&lambda_edge::result::response(&event, &response, bytes));
}

fn sendable_lambda(verdict: Verdict<LambdaRequestEdit>) {
    match verdict {
        Verdict::Continue(edit) => {
            if let Some(RequestOrigin::Custom(origin)) = edit.origin.as_deref() {
                let RequestCustomOrigin { domain_name, path, custom_headers, .. } = origin;
                assert!(rules::host_valid(domain_name), "{origin:?}");
                assert!(path.is_empty() || path.starts_with('/') && !path.ends_with('/'), "{origin:?}");
                for (name, value) in custom_headers {
                    assert!(rules::header_name_valid(name) && rules::header_value_valid(value), "{origin:?}");
                }
            }
            assert!(edit.body.as_ref().is_none_or(|body| body.len() <= LAMBDA_ORIGIN_BODY_BASE64_BYTES_MAX));
            sendable_request(&Verdict::Continue(edit.head));
        }
        Verdict::Respond(response) => {
            assert!((200..=599).contains(&response.status), "{response:?}");
            sendable_request(&Verdict::Respond(response));
        }
        Verdict::Fail(_) => {}
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
    let toml = "[[distribution]]\n[[distribution.origin]]\nid = \"app\"\ndomain_name = \"127.0.0.1\"\n\
        [distribution.default_behavior]\ntarget_origin = \"app\"\n";
    let (config, _) = homefront_config::parse("fuzz.toml", toml, &PathBuf::new(), &|_| None).expect("it is right");
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
                        let to = chance.usize(at..=bytes.len());
                        let piece = bytes[at..to].to_vec();
                        bytes.extend(piece);
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
        Order::put_call(&mut orders, 1, 0, &call(&request, None));
        Order::put_call(&mut orders, 2, 0, &call(&request, Some(&response)));
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
    fn what_a_lambda_returns_can_be_sent_or_is_refused() {
        feed(
            lambda_result,
            &[
                br#"{"method":"GET","uri":"/a","querystring":"a=1","headers":{"host":[{"key":"Host","value":"d111111abcdef8.cloudfront.net"}],"via":[{"key":"Via","value":"1.1 a"}],"x-two":[{"value":"1"},{"value":"2"}]}}"#,
                br#"{"method":"POST","uri":"/a","headers":{"host":[{"key":"Host","value":"d111111abcdef8.cloudfront.net"}],"via":[{"key":"Via","value":"1.1 a"}]},"body":{"action":"replace","encoding":"text","data":"b=2"},"origin":{"custom":{"customHeaders":{"x-a":[{"key":"X-A","value":"1"}]},"domainName":"example.org","keepaliveTimeout":5,"path":"/p","port":443,"protocol":"https","readTimeout":30,"sslProtocols":["TLSv1.2"]}}}"#,
                br#"{"status":"200","statusDescription":"OK","headers":{"content-type":[{"key":"Content-Type","value":"text/plain"}],"via":[{"key":"Via","value":"1.1 a"}]},"body":"aGk=","bodyEncoding":"base64"}"#,
            ],
        );
    }
}
