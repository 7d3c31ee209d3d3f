//! What stays behind when a Node.js function has answered, and what becomes of it with the next event.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::tests::{node22, node24, result};
use crate::lambda::fixture::{process_state, until};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[tokio::test]
async fn a_callbacks_result_waits_for_an_empty_event_loop_unless_the_context_says_otherwise() {
    let handler = |waits: bool, stands_for_it: &str| {
        format!(
            "exports.handler = (event, context, callback) => {{
                const shown = {stands_for_it};
                shown.callbackWaitsForEmptyEventLoop = {waits};
                if (shown.callbackWaitsForEmptyEventLoop !== {waits}) throw new Error('not kept');
                const seen = {{ timer: false }};
                setTimeout(() => {{ seen.timer = true; }}, 30);
                callback(null, seen);
            }};"
        )
    };
    for stands_for_it in ["context", "Object.create(context)", "new Proxy(context, {})"] {
        for waits in [true, false] {
            assert_eq!(
                result(node22(&handler(waits, stands_for_it))).await,
                json!({"timer": waits}),
                "{stands_for_it}"
            );
        }
    }
}

#[tokio::test]
async fn what_an_earlier_event_left_behind_logs_under_the_id_of_the_event_on_its_way() {
    let fixture = node22(
        "let answerSecond;
        exports.handler = (event, context, callback) => {
            context.callbackWaitsForEmptyEventLoop = false;
            const answer = () => callback(null, context.awsRequestId);
            if (!event) { answerSecond = answer; return; }
            const look = () => {
                if (!answerSecond) return setTimeout(look, 1);
                console.log('left behind');
                answerSecond();
            };
            setTimeout(look, 1);
            answer();
        };",
    );
    let first = fixture.result(json!(true)).await;
    fixture.pool.settle().await;
    let second = fixture.result(json!(false)).await;
    fixture.pool.rest().await;
    let log = fixture.log();
    let line = log.iter().find(|line| line.ends_with("\tINFO\tleft behind")).unwrap();
    let id = |told: &serde_json::Value| told.as_str().unwrap().to_owned();
    assert!(line.contains(&id(&second)) && !line.contains(&id(&first)), "{log:?}");
    fixture.stop().await;
}

/// A server that answers one request over each connection, keeps it open, and closes all of them when it is told to.
async fn forgetful_server() -> (u16, tokio::sync::mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (close, mut closes) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let (mut connection, _) = accepted.unwrap();
                    let mut request = [0; 2_048];
                    assert!(connection.read(&mut request).await.unwrap() > 0);
                    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                    open.push(connection);
                }
                told = closes.recv() => match told {
                    Some(()) => open.clear(),
                    None => return,
                },
            }
        }
    });
    (port, close)
}

#[tokio::test]
async fn a_connection_that_was_closed_between_two_events_is_not_used() {
    let by_fetch = "exports.handler = async (port) => {
        const answer = await fetch(`http://127.0.0.1:${port}/`);
        return [await answer.text(), process.pid];
    };";
    let by_agent = "const http = require('http');
    const agent = new http.Agent({ keepAlive: true });
    exports.handler = (port) => new Promise((resolve, reject) => {
        const request = http.get({ port, host: '127.0.0.1', agent }, (answer) => {
            answer.on('data', () => {}).on('end', () => resolve(['ok', process.pid]));
        });
        request.on('error', reject);
    });";
    for fixture in [node22(by_fetch), node24(by_fetch), node22(by_agent), node24(by_agent)] {
        let (port, close) = forgetful_server().await;
        for _ in 0..3 {
            let answer = fixture.result(json!(port)).await;
            assert_eq!(answer[0], "ok", "{answer}");
            close.send(()).await.unwrap();
            let process = answer[1].as_u64().unwrap();
            until(|| process_state(process) == Some('T')).await;
        }
        fixture.stop().await;
    }
}

#[tokio::test]
async fn what_an_event_leaves_is_garbage_at_once() {
    // What outlives the young generation waits for a full collection, which stops the process for longer.
    const GROWTH_BYTES_MAX: u64 = 1_048_576;
    let code = "const v8 = require('v8');
    let most = 0;
    exports.handler = async (event) => {
        const old = v8.getHeapSpaceStatistics().find((space) => space.space_name === 'old_space');
        most = Math.max(most, old.space_used_size);
        return { most, text: event.text };
    };";
    for fixture in [node22(code), node24(code)] {
        let event = json!({"text": "x".repeat(2_000)});
        let mut most = Vec::new();
        for events in [500, 2_500] {
            for _ in 1..events {
                fixture.result(event.clone()).await;
            }
            most.push(fixture.result(event.clone()).await["most"].as_u64().unwrap());
        }
        assert!(most[1] < most[0] + GROWTH_BYTES_MAX, "{most:?}");
        fixture.stop().await;
    }
}

#[tokio::test]
async fn what_a_call_left_in_the_event_loop_goes_on_in_the_next_one() {
    let fixture = node22(
        "let timers = 0;
        exports.handler = (event, context, callback) => {
            context.callbackWaitsForEmptyEventLoop = false;
            if (event.ask) return setTimeout(() => callback(null, timers), 30);
            setTimeout(() => timers++, 1);
            callback(null, timers);
        };",
    );
    assert_eq!(fixture.result(json!({})).await, 0);
    fixture.pool.settle().await;
    assert_eq!(fixture.result(json!({"ask": true})).await, 1);
    fixture.stop().await;
}

#[tokio::test]
async fn a_callback_that_is_kept_says_nothing_in_a_later_call() {
    let code = "let kept;
    exports.handler = (event, context, callback) => {
        if (event === 'keeps') { kept = callback; return; }
        if (event === 'calls') kept(new Error('too late'));
        callback(null, event);
    };";
    let fixture = node22(code);
    assert_eq!(fixture.result(json!("keeps")).await, json!(null), "nothing is left to wait for");
    assert_eq!(fixture.result(json!("calls")).await, "calls");
    assert_eq!(fixture.result(json!("after")).await, "after");
    fixture.stop().await;
}

#[tokio::test]
async fn calls_are_answered_whatever_earlier_ones_left_to_end_their_process() {
    let code =
        "exports.handler = async (event) => { setImmediate(() => { throw new Error('left over'); }); return event; };";
    let fixture = node22(code);
    for round in 0..5 {
        let call = |number: u64| fixture.result(json!(round * 4 + number));
        let (first, second, third, fourth) = tokio::join!(call(0), call(1), call(2), call(3));
        let expected: Vec<u64> = (round * 4..round * 4 + 4).collect();
        assert_eq!(json!([first, second, third, fourth]), json!(expected));
    }
    fixture.stop().await;
}
