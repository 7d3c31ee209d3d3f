//! The channel as a runtime at its other end meets it, well-behaved and hostile.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::lambda::fixture::{LONG, until};
use crate::lambda::runtime_api::{Port, RuntimeApi};
use homefront_config::limits::{LAMBDA_CHANNEL_HEAD_BYTES_MAX, LAMBDA_PAYLOAD_BYTES_MAX};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream as Blocking;
use tokio::sync::oneshot;

/// The other end, in the hands of a test.
struct Runtime(Blocking);

impl Runtime {
    async fn start() -> (RuntimeApi, Self) {
        let (channel, other) = Channel::new(FunctionLog::new(|_| {})).unwrap();
        let log = FunctionLog::new(|_| {});
        let api = RuntimeApi::serve(Port::open().await.unwrap(), Arc::new(|_| true), Some(channel), log);
        (api, Self(other.into()))
    }

    /// Asks for an event and is handed this one.
    async fn running(event: &Bytes) -> (RuntimeApi, Self, oneshot::Receiver<Answer>) {
        let (api, mut runtime) = Self::start().await;
        runtime.send("next", b"");
        ready(&api).await;
        let answer = api.invoke(invocation("1", event)).unwrap();
        (api, runtime, answer)
    }

    fn send(&mut self, head: &str, body: &[u8]) {
        self.0.write_all(&frame(head, body)).unwrap();
    }

    /// Head and body of what it is sent.
    async fn receive(&self) -> (String, Vec<u8>) {
        let mut stream = self.0.try_clone().unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut lengths = [0; 8];
            stream.read_exact(&mut lengths).unwrap();
            let length = |at: usize| u32::from_le_bytes(lengths[at..at + 4].try_into().unwrap()) as usize;
            let (mut head, mut body) = (vec![0; length(0)], vec![0; length(4)]);
            stream.read_exact(&mut head).unwrap();
            stream.read_exact(&mut body).unwrap();
            (String::from_utf8(head).unwrap(), body)
        });
        tokio::time::timeout(LONG, read).await.expect("it comes").unwrap()
    }
}

fn frame(head: &str, body: &[u8]) -> Vec<u8> {
    let lengths = [head.len(), body.len()].map(|length| u32::try_from(length).unwrap().to_le_bytes());
    [&lengths[0][..], &lengths[1], head.as_bytes(), body].concat()
}

fn invocation(id: &str, event: &Bytes) -> Invocation {
    let (function_arn, trace_id) = ("arn:aws:lambda:::hook:1".into(), "Root=1-2-3".to_owned());
    Invocation {
        request_id: id.to_owned(),
        deadline_ms: 1_542_409_706_888,
        function_arn,
        trace_id,
        event: event.clone(),
    }
}

async fn ready(api: &RuntimeApi) {
    tokio::time::timeout(LONG, api.ready()).await.expect("it asks").unwrap();
}

/// `None`: nothing comes any more.
async fn answered(answer: oneshot::Receiver<Answer>) -> Option<Answer> {
    tokio::time::timeout(LONG, answer).await.expect("an end").ok()
}

#[tokio::test]
async fn an_answer_that_is_there_once_the_event_is_sent_needs_no_waiting_for() {
    let (api, mut runtime) = Runtime::start().await;
    runtime.send("next", b"");
    ready(&api).await;
    // Sent while nothing else of this test's runtime runs.
    runtime.send("response\n1", b"2");
    runtime.send("next", b"");
    let mut answer = api.invoke(invocation("1", &Bytes::from_static(b"1"))).unwrap();
    assert_eq!(answer.try_recv(), Ok(Answer::Response(Bytes::from_static(b"2"))));
    assert!(api.is_waiting());
    let answer = api.invoke(invocation("2", &Bytes::from_static(b"3"))).unwrap();
    runtime.send("response\n2", b"4");
    assert_eq!(
        answered(answer).await,
        Some(Answer::Response(Bytes::from_static(b"4"))),
        "those after it are heard as well"
    );
}

#[tokio::test]
async fn nonsense_that_is_there_once_the_event_is_sent_ends_the_channel() {
    let (api, mut runtime) = Runtime::start().await;
    runtime.send("next", b"");
    ready(&api).await;
    runtime.0.write_all(&[0xff; 64]).unwrap();
    let answer = api.invoke(invocation("1", &Bytes::from_static(b"1"))).unwrap();
    assert_eq!(answered(answer).await, None);
    until(|| api.has_lost_its_channel()).await;
}

#[tokio::test]
async fn an_end_that_is_there_once_the_event_is_sent_is_told_from_an_answer_that_is_not_whole() {
    let look = |api: &RuntimeApi| api.channel.as_ref().unwrap().look(&api.shared);
    let (api, runtime, answer) = Runtime::running(&Bytes::from_static(b"1")).await;
    drop(runtime);
    look(&api);
    assert_eq!(answered(answer).await, Some(Answer::Untouched), "nobody has read it");
    assert!(api.has_lost_its_channel());

    let (api, runtime, answer) = Runtime::running(&Bytes::from_static(b"1")).await;
    runtime.receive().await;
    drop(runtime);
    look(&api);
    assert_eq!(answered(answer).await, None, "somebody has");

    let (api, mut runtime, answer) = Runtime::running(&Bytes::from_static(b"1")).await;
    let whole = frame("response\n1", b"0123456789");
    for piece in whole.chunks(7) {
        runtime.0.write_all(piece).unwrap();
        look(&api);
        tokio::task::yield_now().await;
    }
    assert_eq!(answered(answer).await, Some(Answer::Response(Bytes::from_static(b"0123456789"))));
}

#[tokio::test]
async fn an_event_goes_out_and_its_answer_comes_with_the_question_for_the_next() {
    let (api, mut runtime, answer) = Runtime::running(&Bytes::from_static(b"{\"a\":1}")).await;
    let (head, body) = runtime.receive().await;
    assert_eq!(head, "1\n1542409706888\narn:aws:lambda:::hook:1\nRoot=1-2-3");
    assert_eq!(body, b"{\"a\":1}");
    assert!(api.invoke(invocation("2", &Bytes::new())).is_none(), "it has not asked for another");
    runtime.0.write_all(&[frame("response\n1", b"{}"), frame("next", b"")].concat()).unwrap();
    assert_eq!(answered(answer).await, Some(Answer::Response(Bytes::from_static(b"{}"))));
    ready(&api).await;
    let answer = api.invoke(invocation("2", &Bytes::new())).unwrap();
    runtime.send("error\n2\nRuntime.MarshalError", b"{\"errorType\":1}");
    let payload = Bytes::from_static(b"{\"errorType\":1}");
    assert_eq!(answered(answer).await, Some(Answer::Error { error_type: "Runtime.MarshalError".to_owned(), payload }));
}

#[tokio::test]
async fn an_event_and_a_result_larger_than_a_socket_takes_at_once_arrive_whole() {
    let large = Bytes::from(b"0123456789abcdef".repeat(300_000));
    let (_api, mut runtime, answer) = Runtime::running(&large).await;
    assert!(runtime.receive().await.1 == large);
    let sent = large.clone();
    tokio::task::spawn_blocking(move || runtime.send("response\n1", &sent)).await.unwrap();
    assert!(answered(answer).await == Some(Answer::Response(large)));
}

#[tokio::test]
async fn a_result_larger_than_lambda_takes_is_an_error_and_the_runtime_goes_on() {
    let (api, mut runtime, answer) = Runtime::running(&Bytes::new()).await;
    let sent = tokio::task::spawn_blocking(move || {
        runtime.send("response\n1", &vec![b'x'; LAMBDA_PAYLOAD_BYTES_MAX + 1]);
        runtime.send("next", b"");
        runtime
    });
    let Some(Answer::Error { error_type, .. }) = answered(answer).await else { panic!("it was taken") };
    assert_eq!(error_type, "Function.ResponseSizeTooLarge");
    let _runtime = sent.await.unwrap();
    ready(&api).await;
}

#[tokio::test]
async fn a_failed_start_is_reported() {
    let (api, mut runtime) = Runtime::start().await;
    runtime.send("init-error\nRuntime.ImportModuleError", b"{}");
    let expected = Answer::Error { error_type: "Runtime.ImportModuleError".to_owned(), payload: "{}".into() };
    assert_eq!(tokio::time::timeout(LONG, api.ready()).await.expect("word"), Err(expected));
    runtime.send("next", b"");
    runtime.send("init-error\nRuntime.Other", b"{}");
    assert!(api.invoke(invocation("1", &Bytes::new())).is_none(), "it gets no events");
}

#[tokio::test]
async fn answers_nobody_waits_for_are_dropped() {
    let (api, mut runtime, answer) = Runtime::running(&Bytes::new()).await;
    for head in ["response\n2", "response", "error\n2\nX", "init-error\nX"] {
        runtime.send(head, b"wrong");
    }
    runtime.send("response\n1", b"first");
    runtime.send("response\n1", b"second");
    assert_eq!(answered(answer).await, Some(Answer::Response(Bytes::from_static(b"first"))));
    runtime.send("next", b"");
    ready(&api).await;
    assert!(api.invoke(invocation("2", &Bytes::new())).is_some());
}

#[tokio::test]
async fn a_runtime_that_ends_before_it_has_read_its_event_has_not_touched_it() {
    let large = Bytes::from(vec![b'x'; 1 << 20]);
    for event in [Bytes::from_static(b"{}"), large] {
        let (api, runtime, answer) = Runtime::running(&event).await;
        drop(runtime);
        assert_eq!(answered(answer).await, Some(Answer::Untouched), "{} bytes", event.len());
        assert!(api.invoke(invocation("2", &event)).is_none());
    }
}

#[tokio::test]
async fn a_runtime_that_ends_with_its_event_gives_no_answer() {
    let (api, runtime, answer) = Runtime::running(&Bytes::from_static(b"{}")).await;
    runtime.receive().await;
    drop(runtime);
    assert_eq!(answered(answer).await, None);
    assert!(!api.is_waiting());
}

#[tokio::test]
async fn a_runtime_that_goes_away_while_it_waits_gets_no_event() {
    let (api, mut runtime) = Runtime::start().await;
    runtime.send("next", b"");
    ready(&api).await;
    drop(runtime);
    until(|| !api.is_waiting()).await;
}

#[tokio::test]
async fn what_makes_no_sense_gets_no_events() {
    let no_text = [&[2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff][..], &frame("next", b"")].concat();
    let long_head = frame(&"x".repeat(LAMBDA_CHANNEL_HEAD_BYTES_MAX + 1), b"");
    let http = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    // Who has an event and asks for another would wait for ever.
    let (unknown, early) = (frame("nonsense\n1", b"{}"), frame("next", b""));
    for garbage in [http, vec![0xff; 4_096], no_text, long_head, unknown, early] {
        let (api, mut runtime, answer) = Runtime::running(&Bytes::new()).await;
        runtime.0.write_all(&garbage).unwrap();
        assert_eq!(answered(answer).await, None);
        assert!(api.invoke(invocation("2", &Bytes::new())).is_none());
        let mut rest = Vec::new();
        tokio::task::spawn_blocking(move || runtime.0.read_to_end(&mut rest)).await.unwrap().unwrap();
    }
}
