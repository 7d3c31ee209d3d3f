//! Bodies that do not come, and too many at once.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::room::Patience;
use super::*;
use homefront_config::lambda::LambdaRuntime;
use homefront_config::limits::INCLUDED_BODY_BLOCK_BYTES;
use std::sync::Arc;
use tokio::io::DuplexStream;

/// No test waits this long unless something is broken.
const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(50);

fn lambda() -> Lambda {
    Lambda {
        name: "upload".to_owned(),
        place: "site.toml:1:1".to_owned(),
        runtime: LambdaRuntime::Provided,
        handler: "bootstrap".to_owned(),
        code: "/".into(),
        memory_mb: 128,
        timeout: LONG,
        concurrency_max: 1,
        provisioned_concurrency: 0,
    }
}

/// A viewer that has sent the head of a request with a body of so many bytes, and the node's side.
async fn uploading(bytes: usize) -> (DuplexStream, Session) {
    let (mut viewer, node) = tokio::io::duplex(1_024);
    let head = format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {bytes}\r\n\r\n");
    viewer.write_all(head.as_bytes()).await.unwrap();
    let mut session = Session::new_h1(Box::new(node));
    assert!(session.read_request().await.unwrap());
    (viewer, session)
}

/// Reads it whole; gives how many bytes came.
async fn read_all(room: &Room, session: &mut Session) -> Result<(Exchange, usize), Failure> {
    let mut exchange = Exchange::new(Instant::now());
    timeout(LONG, read(session, &mut exchange, room, &lambda(), usize::MAX - 1)).await.expect("an end")?;
    let bytes = exchange.included_body.as_ref().unwrap().start().len();
    Ok((exchange, bytes))
}

#[tokio::test]
async fn a_body_that_pauses_for_too_long_is_given_up() {
    let room = Room::of(1 << 20, Patience { pause_max: SHORT, time_max: LONG });
    let (mut viewer, mut session) = uploading(10).await;
    viewer.write_all(b"half").await.unwrap();
    assert!(matches!(read_all(&room, &mut session).await, Err(Failure::ViewerLeft)));
}

#[tokio::test]
async fn a_body_that_never_pauses_and_never_ends_is_given_up_too() {
    let room = Room::of(1 << 40, Patience { pause_max: LONG, time_max: SHORT });
    let (mut viewer, mut session) = uploading(1_000_000_000).await;
    let dripping = async { while viewer.write_all(b".").await.is_ok() {} };
    let reading = async {
        let read = read_all(&room, &mut session).await;
        drop(session);
        read
    };
    let (read, ()) = tokio::join!(reading, dripping);
    assert!(matches!(read, Err(Failure::ViewerLeft)));
}

#[tokio::test]
async fn a_body_for_which_there_is_no_room_waits_for_others_to_go() {
    let room = Room::of(INCLUDED_BODY_BLOCK_BYTES, Patience { pause_max: LONG, time_max: LONG });
    let (mut first, mut session) = uploading(5).await;
    first.write_all(b"first").await.unwrap();
    let (exchange, bytes) = read_all(&room, &mut session).await.unwrap();
    assert_eq!(bytes, 5);
    let (mut second, mut session) = uploading(6).await;
    second.write_all(b"second").await.unwrap();
    let second = read_all(&room, &mut session);
    tokio::pin!(second);
    // It is asked first, and must go on waiting while the first body is there.
    let early = tokio::select! {
        biased;
        _ = &mut second => true,
        () = async { for _ in 0..100 { tokio::task::yield_now().await } } => false,
    };
    assert!(!early, "there is no room for it");
    drop(exchange);
    assert_eq!(second.await.unwrap().1, 6);
}

#[tokio::test]
async fn viewers_that_send_nothing_of_their_bodies_take_no_room() {
    const VIEWERS: usize = 100;
    let room = Arc::new(Room::of(INCLUDED_BODY_BLOCK_BYTES, Patience { pause_max: LONG, time_max: LONG }));
    let mut idle = Vec::new();
    for _ in 0..VIEWERS {
        let (viewer, mut session) = uploading(10).await;
        let room = room.clone();
        let mut reading = Box::pin(async move { read_all(&room, &mut session).await.map(drop) });
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(reading.as_mut().poll(&mut context).is_pending(), "it waits for its viewer");
        idle.push((viewer, reading));
    }
    let (mut viewer, mut session) = uploading(4).await;
    viewer.write_all(b"body").await.unwrap();
    assert_eq!(read_all(&room, &mut session).await.unwrap().1, 4);
}

#[tokio::test]
async fn bodies_that_have_come_in_part_and_fill_the_room_are_read_to_their_end_one_after_the_other() {
    const HALF: usize = 4 * INCLUDED_BODY_BLOCK_BYTES;
    const BODIES: usize = 8;
    let room = Arc::new(Room::of(BODIES * HALF, Patience { pause_max: LONG, time_max: LONG }));
    let mut viewers = Vec::new();
    let mut bodies = tokio::task::JoinSet::new();
    for _ in 0..BODIES {
        let (mut viewer, mut session) = uploading(2 * HALF).await;
        let room = room.clone();
        bodies.spawn(async move { read_all(&room, &mut session).await.map(|(_, bytes)| bytes).ok() });
        viewer.write_all(&[b'a'; HALF]).await.unwrap();
        viewers.push(viewer);
    }
    while !room.is_full() {
        tokio::task::yield_now().await;
    }
    for mut viewer in viewers {
        tokio::spawn(async move {
            viewer.write_all(&[b'b'; HALF]).await.unwrap();
            std::future::pending::<()>().await;
            drop(viewer);
        });
    }
    let ends = bodies.join_all().await;
    assert_eq!(ends, [Some(2 * HALF); BODIES]);
}

#[tokio::test]
async fn a_body_for_which_no_room_is_made_is_throttled_and_the_others_stay() {
    let room = Room::of(INCLUDED_BODY_BLOCK_BYTES, Patience { pause_max: SHORT, time_max: LONG });
    let mut place = Place::default();
    room.fit(&mut place, 1).await;
    let (mut viewer, mut session) = uploading(4).await;
    viewer.write_all(b"body").await.unwrap();
    let Err(Failure::EdgeCode(failure)) = read_all(&room, &mut session).await else { panic!("there is no room") };
    assert_eq!(failure.kind, FailureKind::LambdaLimitExceeded);
    insta::assert_snapshot!(failure.detail, @r#"lambda "upload": include_body: the bodies of other requests left no room for this one within 0.05 s"#);
    drop(place);
    let (mut viewer, mut session) = uploading(4).await;
    viewer.write_all(b"body").await.unwrap();
    assert_eq!(read_all(&room, &mut session).await.unwrap().1, 4);
}

#[tokio::test]
async fn a_body_takes_the_room_it_needs_and_gives_all_of_it_back() {
    let room = Room::of(4 * INCLUDED_BODY_BLOCK_BYTES, Patience { pause_max: SHORT, time_max: SHORT });
    let (mut one, mut other) = (Place::default(), Place::default());
    room.fit(&mut one, 1).await;
    room.fit(&mut one, 4 * INCLUDED_BODY_BLOCK_BYTES).await;
    assert!(timeout(SHORT, room.fit(&mut other, 1)).await.is_err(), "all is taken");
    drop(one);
    room.fit(&mut other, 4 * INCLUDED_BODY_BLOCK_BYTES).await;
}

#[tokio::test]
async fn a_body_takes_no_room_while_its_answer_is_on_its_way() {
    let room = Room::of(INCLUDED_BODY_BLOCK_BYTES, Patience { pause_max: LONG, time_max: LONG });
    let (mut viewer, mut session) = uploading(4).await;
    viewer.write_all(b"body").await.unwrap();
    let (mut exchange, _) = read_all(&room, &mut session).await.unwrap();
    prepare(&mut session, &mut exchange).await.unwrap();
    let_go(&mut exchange);
    assert!(room.is_full(), "the origin has not got it yet");
    let mut piece = None;
    forward(&mut session, &mut exchange, &mut piece, true);
    assert_eq!(piece.as_deref(), Some(&b"body"[..]));
    let_go(&mut exchange);
    assert!(!room.is_full());
}
