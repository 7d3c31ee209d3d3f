//! Frames survive the way there and back, and no bytes whatever do harm.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::js::Proof;
use crate::js::kvs::About;
use crate::js::lint::{Finding, Rejected};
use crate::js::{Call, CallResult, EventType, LoadError, Outcome};
use crate::origin_edit::{
    CertificateName, CustomHeaders, CustomOriginConfig, DomainName, IpAddressType, OriginEdit, OriginId,
    OriginOverrides, OriginPath, OriginTimeouts, OriginUpdate, RequestOriginGroup, SelectedOrigin,
};
use crate::test_function::TestResult;
use crate::{
    EventContext, Failure, FailureKind, HeaderEdit, Headers, OriginProtocol, Request, RequestEdit, Response,
    ResponseEdit, Verdict,
};
use bytes::Bytes;
use homefront_config::function::{Fidelity, FunctionRuntime};
use homefront_config::limits::{
    FUNCTION_ANSWER_BYTES_MAX, FUNCTION_FINDING_TEXT_BYTES_MAX, FUNCTION_FINDINGS_MAX, FUNCTION_LOG_BYTES_MAX,
    FUNCTION_ORDER_BYTES_MAX,
};
use homefront_config::origin::SslProtocols;
use homefront_config::origin_group::FailoverStatusCodes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn headers() -> impl Strategy<Value = Headers> {
    vec((vec(any::<u8>(), 0..12), vec(any::<u8>(), 0..30)), 0..8).prop_map(Headers::from_iter)
}

prop_compose! {
    fn request()(method in "[A-Z]{0,7}", uri in bytes(), querystring in option::of(bytes()), headers in headers()) -> Request {
        Request { method, uri, querystring, headers }
    }
}

prop_compose! {
    fn response()(status in any::<u16>(), status_description in option::of(".{0,9}"), headers in headers()) -> Response {
        Response { status, status_description, headers, body: None }
    }
}

prop_compose! {
    fn context()(names in (".{0,20}", "[A-Z0-9]{0,14}", ".{0,60}"), ips in any::<[std::net::IpAddr; 2]>()) -> EventContext {
        EventContext {
            distribution_domain_name: names.0.into(),
            distribution_id: names.1.into(),
            request_id: names.2,
            viewer_ip: ips[0],
            server_ip: ips[1],
        }
    }
}

/// Lines as `rules` lets them through.
fn edits() -> impl Strategy<Value = Vec<HeaderEdit>> {
    let values = vec("[ -~]{0,20}".prop_map(Bytes::from), 0..3);
    vec(("[A-Za-z-]{1,12}", values).prop_map(|(name, values)| HeaderEdit { name, values }), 0..5)
}

fn failure() -> impl Strategy<Value = Failure> {
    let kinds = [FailureKind::FunctionExecution, FailureKind::FunctionValidation, FailureKind::FunctionThrottled];
    (prop::sample::select(kinds.to_vec()), option::of(".{0,30}"), ".{0,30}")
        .prop_map(|(kind, sentence, detail)| Failure { kind, sentence: sentence.map(Into::into), detail })
}

fn generated() -> impl Strategy<Value = Response> {
    let lines = vec(("[A-Za-z-]{1,12}", "[ -~]{0,20}"), 0..5).prop_map(Headers::from_iter);
    (100_u16..600, option::of("[ -~]{0,12}"), lines, option::of(bytes()))
        .prop_map(|(status, status_description, headers, body)| Response { status, status_description, headers, body })
}

fn name() -> impl Strategy<Value = DomainName> {
    "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}".prop_map(|name| DomainName::parse(&name).unwrap())
}

fn overrides() -> BoxedStrategy<OriginOverrides> {
    let names = vec("(\\*\\.)?[a-z]{1,8}\\.[a-z]{1,8}".prop_map(|name| CertificateName::parse(&name).unwrap()), 0..20);
    (option::of(name()), option::of(name()), names)
        .prop_map(|(host_header, sni, allowed_certificate_names)| OriginOverrides {
            host_header,
            sni,
            allowed_certificate_names,
        })
        .boxed()
}

fn selected() -> BoxedStrategy<SelectedOrigin> {
    let id = ".{1,20}".prop_map(|id| OriginId::parse(&id).unwrap());
    (id, overrides()).prop_map(|(id, overrides)| SelectedOrigin { id, overrides }).boxed()
}

prop_compose! {
    fn update()(
        domain_name in name(),
        origin_path in option::of("(/[a-z]{1,9})?".prop_map(|path| OriginPath::parse(&path).unwrap())),
        headers in option::of(vec("[!-~]{0,9}", 0..9)),
        connection_attempts in option::of(1_u8..4),
        seconds in (option::of(1_u32..11), option::of(1_u32..121), option::of(121_u32..86_401), option::of(1_u32..121)),
        config in option::of((1_024_u16.., any::<bool>(), 1_u8..16, option::of(select(&IpAddressType::ALL[..])))),
        overrides in overrides(),
    ) -> OriginUpdate {
        let lines = headers.map(|values| values.into_iter().enumerate().map(|(at, value)| (format!("x-{at}"), value)).collect::<Vec<_>>());
        let custom_headers = lines.map(|lines| {
            CustomHeaders::parse(lines.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap()
        });
        let (connection_s, read_s, response_completion_s, keep_alive_s) = seconds;
        let custom_origin_config = config.map(|(port, tls, ssl_protocols, kind)| CustomOriginConfig {
            port,
            protocol: if tls { OriginProtocol::Https } else { OriginProtocol::Http },
            ssl_protocols: SslProtocols::from_bits(ssl_protocols).unwrap(),
            ip_address_type: kind.map(|(_, kind)| kind),
        });
        OriginUpdate {
            domain_name: Some(domain_name),
            origin_path,
            custom_headers,
            connection_attempts,
            timeouts: OriginTimeouts { connection_s, read_s, response_completion_s, keep_alive_s },
            custom_origin_config,
            overrides,
        }
    }
}

fn origin() -> BoxedStrategy<OriginEdit> {
    let codes = (1_u16..512).prop_map(|bits| FailoverStatusCodes::from_bits(bits).unwrap());
    let group = (selected(), selected(), codes).prop_map(|(primary, secondary, failover_status_codes)| {
        OriginEdit::Group(RequestOriginGroup { primary, secondary, failover_status_codes })
    });
    // Boxed where they are put together: proptest lays a strategy out flat, and a test's stack is small.
    prop_oneof![update().prop_map(OriginEdit::Update).boxed(), selected().prop_map(OriginEdit::Select), group.boxed()]
        .boxed()
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let uri = option::of("/[a-z/]{0,10}".prop_map(Bytes::from));
    let query = option::of("[a-z&=]{0,10}".prop_map(Bytes::from));
    let request = (uri, query, edits(), option::of(origin().prop_map(Box::new)))
        .prop_map(|(uri, querystring, headers, origin)| RequestEdit { uri, querystring, headers, origin });
    let response = (option::of(100_u16..600), option::of("[ -~]{0,12}"), edits(), option::of(bytes())).prop_map(
        |(status, status_description, headers, body)| ResponseEdit { status, status_description, headers, body },
    );
    prop_oneof![
        request.prop_map(|edit| Outcome::Request(Verdict::Continue(edit))),
        generated().prop_map(|response| Outcome::Request(Verdict::Respond(response))),
        failure().prop_map(|failure| Outcome::Request(Verdict::Fail(failure))),
        response.prop_map(|edit| Outcome::Response(Verdict::Continue(edit))),
        generated().prop_map(|response| Outcome::Response(Verdict::Respond(response))),
        failure().prop_map(|failure| Outcome::Response(Verdict::Fail(failure))),
    ]
}

fn finding() -> impl Strategy<Value = Finding> {
    let place = any::<(u32, u32)>();
    (place, select(Rejected::ALL), option::of("[^\\p{Cc}]{0,40}"))
        .prop_map(|((line, column), what, sentence)| Finding { line, column, what, sentence })
}

fn answer() -> impl Strategy<Value = Answer> {
    let error = (".{0,40}", option::of(any::<u32>()), option::of(any::<u32>()))
        .prop_map(|(message, line, column)| LoadError { message, line, column });
    let ended = (option::of(failure()), option::of(origin().prop_map(Box::new)));
    let error_text = (".{0,40}", option::of(any::<u32>()), vec(".{0,20}", 0..2));
    let tested = (".{0,40}", vec(".{0,20}", 0..4), error_text, any::<u8>(), ended).prop_map(
        |(function_output, logs, (error_message, error_line, faults), compute_utilization, (failure, origin))| {
            TestResult {
                function_output,
                logs,
                error_message,
                error_line,
                faults,
                compute_utilization,
                failure,
                origin,
            }
        },
    );
    prop_oneof![
        any::<(bool, bool)>().prop_map(|(seccomp, landlock)| Answer::Ready(Sandbox { seccomp, landlock })),
        (any::<u32>(), option::of(error.clone()), any::<bool>(), option::of(error), vec(finding(), 0..4)).prop_map(
            |(number, error, modifies_built_ins, throws, findings)| {
                Answer::Loaded(number, error.map_or(Ok(Proof { modifies_built_ins, throws }), Err), findings)
            }
        ),
        (any::<u64>(), outcome(), vec(".{0,20}", 0..4), option::of(".{0,20}"), any::<u64>()).prop_map(
            |(id, outcome, logs, log_data, cpu_us)| {
                let log_data = log_data.map(Into::into);
                Answer::Called(id, CallResult { outcome, logs, log_data, cpu_us })
            }
        ),
        (1..u32::MAX).prop_map(|process| Answer::Forked(Ok(process))),
        any::<i32>().prop_map(|error| Answer::Forked(Err(error))),
        tested.prop_map(|result| Answer::Tested(Ok(result))),
        ".{0,40}".prop_map(|error| Answer::Tested(Err(error))),
    ]
}

/// The one frame in `bytes`.
fn only_frame(bytes: &[u8]) -> Vec<u8> {
    let mut inbox = Inbox::new(bytes.len());
    inbox.push(bytes);
    let frame = inbox.next_frame().unwrap().unwrap().to_vec();
    assert_eq!(inbox.next_frame(), Ok(None));
    frame
}

fn order(put: impl FnOnce(&mut Vec<u8>) -> bool) -> Result<Order, FrameError> {
    let mut out = Vec::new();
    assert!(put(&mut out));
    Decoder::default().order(&only_frame(&out))
}

proptest! {
    #[test]
    fn a_call_arrives_as_it_was_sent(
        context in context(),
        request in request(),
        response in option::of(response()),
        numbers in any::<(u64, u32, bool, u64, u64)>(),
    ) {
        let (id, function, is_suspect, now_ms, random_seed) = numbers;
        let event_type = if response.is_some() { EventType::ViewerResponse } else { EventType::ViewerRequest };
        let call = Call { event_type, context: &context, request: &request, response: response.as_ref(), now_ms, random_seed };
        let Ok(Order::Call(received)) = order(|out| Order::put_call(out, id, function, is_suspect, &call)) else { panic!("a call") };
        prop_assert_eq!((received.id, received.function, received.is_suspect), (id, function, is_suspect));
        let copy = received.call();
        prop_assert_eq!((copy.event_type, copy.now_ms, copy.random_seed), (event_type, now_ms, random_seed));
        prop_assert_eq!((copy.request, copy.response), (&request, response.as_ref()));
        prop_assert_eq!(format!("{:?}", copy.context), format!("{context:?}"));
    }

    #[test]
    fn an_answer_arrives_as_it_was_sent(answer in answer()) {
        let mut out = Vec::new();
        prop_assert!(answer.put(&mut out));
        prop_assert_eq!(Answer::take(&only_frame(&out)), Ok(answer));
    }

    #[test]
    fn no_bytes_are_harmful(frame in vec(any::<u8>(), 0..300)) {
        let _ = Answer::take(&frame);
        let _ = Decoder::default().order(&frame);
    }

    #[test]
    fn no_damaged_answer_is_harmful(answer in answer(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut out = Vec::new();
        answer.put(&mut out);
        let mut frame = only_frame(&out);
        let at = place.index(frame.len());
        frame[at] = byte;
        let _ = Answer::take(&frame);
        prop_assert!(Answer::take(&frame[..at]).is_err(), "a part of a frame is no frame");
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut(answers in vec(answer(), 0..5), cut in 1_usize..200) {
        let mut out = Vec::new();
        for answer in &answers {
            answer.put(&mut out);
        }
        let mut inbox = Inbox::new(FUNCTION_ANSWER_BYTES_MAX);
        let mut found = Vec::new();
        for piece in out.chunks(cut) {
            inbox.push(piece);
            while let Some(frame) = inbox.next_frame().unwrap() {
                found.push(Answer::take(frame).unwrap());
            }
        }
        prop_assert_eq!(found, answers);
    }
}

#[test]
fn a_function_and_its_store_arrive_as_they_were_sent() {
    let load = OrderedLoad {
        name: "rewrite".into(),
        runtime: FunctionRuntime::CloudfrontJs1_0,
        fidelity: Fidelity::Relaxed,
        code: "function handler(e) { return e.request }".into(),
        store: Some(7),
    };
    assert_eq!(order(|out| Order::put_load(out, 3, &load)), Ok(Order::Load(3, load.clone())));
    for (modifies_built_ins, throws) in [(true, false), (false, true), (true, true), (false, false)] {
        let throws = throws.then(|| LoadError { message: "Error: top".into(), line: Some(1), column: None });
        let proof = Proof { modifies_built_ins, throws };
        let sent = Ok(Order::LoadProven(3, load.clone(), modifies_built_ins));
        assert_eq!(order(|out| Order::put_load_proven(out, 3, &load, &proof)), sent);
    }
    let test = Order::Test { load: load.clone(), event_json: b"{}".to_vec(), now_ms: 5 };
    assert_eq!(order(|out| Order::put_test(out, &load, b"{}", 5)), Ok(test));
    let about = About { name: "s".into(), id: "id".into(), created: "then".into(), updated: "now".into() };
    let store = OrderedStore { about, bytes: 1 << 40 };
    assert_eq!(order(|out| Order::put_store(out, 2, &store)), Ok(Order::Store(2, store)));
}

#[test]
fn a_body_stays_with_the_node() {
    let context = EventContext {
        distribution_domain_name: "".into(),
        distribution_id: "".into(),
        request_id: String::new(),
        viewer_ip: [127, 0, 0, 1].into(),
        server_ip: [127, 0, 0, 2].into(),
    };
    let response = Response { status: 200, body: Some(Bytes::from_static(b"secret")), ..Response::default() };
    let request = Request::default();
    let event_type = EventType::ViewerResponse;
    let call =
        Call { event_type, context: &context, request: &request, response: Some(&response), now_ms: 0, random_seed: 0 };
    let Ok(Order::Call(received)) = order(|out| Order::put_call(out, 0, 0, false, &call)) else { panic!("a call") };
    assert_eq!(received.call().response.unwrap().body, None);
}

#[test]
fn frames_beyond_the_bound_are_neither_sent_nor_taken() {
    let huge = Answer::Tested(Err("x".repeat(FUNCTION_ANSWER_BYTES_MAX)));
    let mut out = vec![1, 2, 3];
    assert!(!huge.put(&mut out));
    assert_eq!(out, [1, 2, 3]);
    let mut inbox = Inbox::new(1_000);
    inbox.push(&1_001_u32.to_le_bytes());
    assert_eq!(inbox.next_frame(), Err(FrameError::TooLarge { bytes: 1_001, max: 1_000 }));
    const { assert!(FUNCTION_ORDER_BYTES_MAX > 2 * 5 * 1_048_576) };
}

#[test]
fn a_worker_that_lies_is_caught() {
    let lie = |result: CallResult| {
        let mut out = Vec::new();
        Answer::Called(1, result).put(&mut out);
        Answer::take(&only_frame(&out)).unwrap_err().to_string()
    };
    let request = |edit| CallResult {
        outcome: Outcome::Request(Verdict::Continue(edit)),
        logs: Vec::new(),
        log_data: None,
        cpu_us: 0,
    };
    let response = |edit| CallResult {
        outcome: Outcome::Response(Verdict::Continue(edit)),
        logs: Vec::new(),
        log_data: None,
        cpu_us: 0,
    };
    let respond = |response| CallResult {
        outcome: Outcome::Request(Verdict::Respond(response)),
        logs: Vec::new(),
        log_data: None,
        cpu_us: 0,
    };
    let edit = |name: &str, value: &'static str| vec![HeaderEdit { name: name.into(), values: vec![value.into()] }];
    let lines = |name: &str, value: &str| Headers::from_iter([(name, value)]);
    assert_eq!(
        lie(request(RequestEdit { uri: Some("a b".into()), ..RequestEdit::default() })),
        "a frame has an impossible uri"
    );
    assert_eq!(
        lie(request(RequestEdit { querystring: Some("a#b".into()), ..RequestEdit::default() })),
        "a frame has an impossible query string"
    );
    for headers in [edit("a", "b\r\nc: d"), edit("a\r\nb", "c"), edit("", "c")] {
        assert_eq!(
            lie(request(RequestEdit { headers: headers.clone(), ..RequestEdit::default() })),
            "a frame has an impossible header"
        );
        assert_eq!(
            lie(response(ResponseEdit { headers, ..ResponseEdit::default() })),
            "a frame has an impossible header"
        );
    }
    assert_eq!(
        lie(response(ResponseEdit { status: Some(99), ..ResponseEdit::default() })),
        "a frame has an impossible status"
    );
    let phrase = Some("OK\r\nSet-Cookie: a=b".to_owned());
    assert_eq!(
        lie(response(ResponseEdit { status_description: phrase.clone(), ..ResponseEdit::default() })),
        "a frame has an impossible reason phrase"
    );
    for response in [
        Response { status: 600, ..Response::default() },
        Response { status: 200, status_description: phrase, ..Response::default() },
        Response { status: 200, headers: lines("a", "b\nc"), ..Response::default() },
        Response { status: 200, headers: lines("a b", "c"), ..Response::default() },
        Response { status: 200, body: Some(vec![0; 40_961].into()), ..Response::default() },
    ] {
        assert_eq!(lie(respond(response)), "a frame has an impossible response");
    }
    let logs = vec!["x".repeat(FUNCTION_LOG_BYTES_MAX), "y".to_owned()];
    assert_eq!(lie(CallResult { logs, ..request(RequestEdit::default()) }), "a frame has an impossible log");
    let log_data = Some("x".repeat(801).into());
    assert_eq!(lie(CallResult { log_data, ..request(RequestEdit::default()) }), "a frame has an impossible log data");
}

#[test]
fn an_origin_that_no_engine_gives_is_not_taken() {
    let taken = |origin: OriginEdit| {
        let edit = RequestEdit { origin: Some(Box::new(origin)), ..RequestEdit::default() };
        let result = CallResult {
            outcome: Outcome::Request(Verdict::Continue(edit)),
            logs: Vec::new(),
            log_data: None,
            cpu_us: 0,
        };
        let mut out = Vec::new();
        Answer::Called(1, result).put(&mut out);
        only_frame(&out)
    };
    let b = || DomainName::parse("b.example.com").unwrap();
    let update = OriginUpdate { domain_name: Some(b()), connection_attempts: Some(3), ..OriginUpdate::default() };
    let frame = taken(OriginEdit::Update(update.clone()));
    assert!(Answer::take(&frame).is_ok());
    // The same length, another text or number in its place.
    let lie = |frame: &[u8], said: &[u8], instead: &[u8]| {
        let at = frame.windows(said.len()).position(|window| window == said).unwrap();
        let lie = [&frame[..at], instead, &frame[at + said.len()..]].concat();
        Answer::take(&lie).unwrap_err().to_string()
    };
    assert_eq!(lie(&frame, b"b.example.com", b"b.example:443"), "a frame has an impossible domain name");
    assert_eq!(lie(&frame, b"b.example.com", b"192.168.0.001"), "a frame has an impossible domain name");
    assert_eq!(lie(&frame, &[1, 3], &[1, 4]), "a frame has an impossible origin");
    let beyond = OriginTimeouts { read_s: Some(121), ..OriginTimeouts::default() };
    let beyond = taken(OriginEdit::Update(OriginUpdate { timeouts: beyond, ..update.clone() }));
    assert_eq!(Answer::take(&beyond), Err(FrameError::Impossible("origin")));
    let headers = CustomHeaders::parse([("x-a", "1")]).unwrap();
    let frame = taken(OriginEdit::Update(OriginUpdate { custom_headers: Some(headers), ..update.clone() }));
    assert_eq!(lie(&frame, b"x-a", b"via"), "a frame has an impossible custom header");
    assert_eq!(lie(&frame, b"x-a", b"X-a"), "a frame has an impossible custom header");
    let names = vec![CertificateName::parse("a.test").unwrap(); 21];
    let overrides = OriginOverrides { allowed_certificate_names: names, ..OriginOverrides::default() };
    let many = taken(OriginEdit::Select(SelectedOrigin { id: OriginId::parse("a").unwrap(), overrides }));
    assert_eq!(Answer::take(&many), Err(FrameError::Impossible("number of certificate names")));
}

#[test]
fn findings_beyond_their_bounds_are_not_taken() {
    let finding =
        |sentence: &str| Finding { line: 1, column: 1, what: Rejected::Class, sentence: Some(sentence.to_owned()) };
    let taken = |findings: Vec<Finding>| {
        let mut out = Vec::new();
        Answer::Loaded(1, Ok(Proof { modifies_built_ins: false, throws: None }), findings).put(&mut out);
        Answer::take(&only_frame(&out))
    };
    assert!(taken(vec![finding("a"); FUNCTION_FINDINGS_MAX]).is_ok());
    let beyond = FrameError::Impossible("number of findings");
    assert_eq!(taken(vec![finding("a"); FUNCTION_FINDINGS_MAX + 1]), Err(beyond));
    for sentence in ["a\nb", "\u{1b}[2J", &"a".repeat(FUNCTION_FINDING_TEXT_BYTES_MAX + 1)] {
        assert_eq!(taken(vec![finding(sentence)]), Err(FrameError::Impossible("finding")));
    }
}

#[test]
fn an_announced_multitude_reserves_no_memory() {
    let mut frame = vec![3];
    frame.extend_from_slice(&[0; 16]);
    frame.extend_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Answer::take(&frame), Err(FrameError::Truncated));
}
