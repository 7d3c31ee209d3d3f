//! The body of a request that Lambda@Edge functions are shown (`include_body`): its start is read before the function is called, and
//! goes to the origin before the rest, which is streamed like any other.
//!
//! pingora hands a body to the filter only as it comes from the viewer, or repeats what it has kept of it, at most 64 KB. For what was
//! read here a stand-in takes the viewer's place from the choice of the peer until the filter is called for the first time: it has a
//! body that was kept, and the filter sends what was read in its place.

mod room;

use crate::exchange::Exchange;
use crate::failure::Failure;
use bytes::{Bytes, BytesMut};
use homefront_config::Lambda;
use homefront_functions::FailureKind;
use http::header;
use pingora::http::RequestHeader;
use pingora::protocols::http::ServerSession;
use pingora::proxy::Session;
use room::Place;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

pub(crate) use room::Room;

/// What was read of a body, and what becomes of the rest.
#[derive(Default)]
pub(crate) struct IncludedBody {
    /// The start, or what a viewer-request function put in the place of the whole.
    start: Bytes,
    rest: Rest,
    /// For the start.
    place: Place,
    /// The viewer, while a stand-in has its place.
    viewer: Option<Box<ServerSession>>,
}

/// What follows the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Rest {
    /// More, or word that there is none.
    #[default]
    Unread,
    /// Nothing: the start is all of the body.
    Nothing,
    /// A rest that nobody gets, because the body was replaced.
    Dropped,
}

impl std::fmt::Debug for IncludedBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncludedBody")
            .field("bytes", &self.start.len())
            .field("rest", &self.rest)
            .finish_non_exhaustive()
    }
}

impl IncludedBody {
    /// What was read: more than was asked for, or all of it.
    pub(crate) fn start(&self) -> &[u8] {
        &self.start
    }
}

/// Reads until there are more than `bytes_max` bytes, or the body ends. A viewer that waits for `100 Continue` is told to go on.
pub(crate) async fn read(
    session: &mut Session,
    exchange: &mut Exchange,
    room: &Room,
    lambda: &Lambda,
    bytes_max: usize,
) -> Result<(), Failure> {
    let included = exchange.included_body.get_or_insert_default();
    if included.rest != Rest::Unread || included.start.len() > bytes_max {
        return Ok(());
    }
    let mut start = std::mem::take(&mut included.start).try_into_mut().unwrap_or_else(|kept| BytesMut::from(&kept[..]));
    let began = Instant::now();
    while start.len() <= bytes_max {
        let viewer = session.as_downstream_mut();
        if viewer.is_body_done() {
            included.rest = Rest::Nothing;
            break;
        }
        let left = room.patience.time_max.saturating_sub(began.elapsed());
        let pause_max = left.min(room.patience.pause_max);
        let piece = match timeout(pause_max, viewer.read_request_body()).await {
            Ok(Ok(piece)) if !left.is_zero() => piece.unwrap_or_default(),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a body that a function was to be shown broke off");
                return Err(Failure::ViewerLeft);
            }
            Err(_) | Ok(Ok(_)) => {
                tracing::debug!("a body that a function was to be shown did not come");
                return Err(Failure::ViewerLeft);
            }
        };
        // Only what is there takes room: whoever sends nothing keeps nobody waiting.
        let fitted = timeout(pause_max, room.fit(&mut included.place, start.len() + piece.len())).await;
        fitted.map_err(|_| no_room(lambda, pause_max))?;
        start.extend_from_slice(&piece);
    }
    included.start = start.freeze();
    Ok(())
}

/// As for a function that is called too often: the bodies of others wait for it.
fn no_room(lambda: &Lambda, waited: Duration) -> Failure {
    let detail = format!(
        "lambda \"{}\": include_body: the bodies of other requests left no room for this one within {:.2} s",
        lambda.name,
        waited.as_secs_f64()
    );
    homefront_functions::Failure { kind: FailureKind::LambdaLimitExceeded, sentence: None, detail }.into()
}

/// What a viewer-request function put in the place of the viewer's body. Everything after it takes it for the viewer's.
pub(crate) fn replace(request: &mut RequestHeader, exchange: &mut Exchange, body: Bytes) -> Result<(), Failure> {
    let included = exchange.included_body.get_or_insert_default();
    if included.rest == Rest::Unread {
        included.rest = Rest::Dropped;
    }
    frame(request, body.len()).map_err(|error| Failure::Internal(error.to_string()))?;
    included.start = body;
    Ok(())
}

/// Makes a head that of a body with this length.
pub(crate) fn frame(request: &mut RequestHeader, bytes: usize) -> pingora::Result<()> {
    request.remove_header(&header::TRANSFER_ENCODING);
    request.insert_header(header::CONTENT_LENGTH, bytes)
}

/// Before an attempt: the stand-in takes the viewer's place, if there is something that the filter must send.
pub(crate) async fn prepare(session: &mut Session, exchange: &mut Exchange) -> Result<(), Failure> {
    give_back(session, exchange);
    let Some(included) = &mut exchange.included_body else { return Ok(()) };
    if included.start.is_empty() && exchange.fetch.body.as_ref().is_none_or(Bytes::is_empty) {
        return Ok(());
    }
    let ended = session.as_downstream_mut().is_body_done();
    let stand_in = stand_in(session.req_header().clone(), ended).await;
    let stand_in = stand_in.map_err(|error| Failure::Internal(error.to_string()))?;
    included.viewer = Some(std::mem::replace(&mut session.downstream_session, Box::new(stand_in)));
    Ok(())
}

/// The viewer is in its place again.
pub(crate) fn give_back(session: &mut Session, exchange: &mut Exchange) {
    if let Some(viewer) = exchange.included_body.as_mut().and_then(|included| included.viewer.take()) {
        session.downstream_session = viewer;
        // From here on pingora keeps what it reads, so that a failed attempt can be made again.
        session.as_downstream_mut().enable_retry_buffering();
    }
}

/// A piece on its way to the origin; of the first attempt's first piece, and of each later attempt's, the stand-in is the source.
pub(crate) fn forward(session: &mut Session, exchange: &mut Exchange, piece: &mut Option<Bytes>, end: bool) {
    let Some(included) = &exchange.included_body else { return };
    let replaced = exchange.fetch.body.is_some() || included.rest == Rest::Dropped;
    if included.viewer.is_some() {
        let start = exchange.fetch.body.clone().unwrap_or_else(|| included.start.clone());
        give_back(session, exchange);
        // What an earlier attempt read of the rest, and pingora kept.
        let kept = session.as_downstream().get_retry_buffer().filter(|_| !replaced);
        *piece = Some(kept.map_or_else(|| start.clone(), |kept| [start.clone(), kept].concat().into()));
    } else if replaced {
        *piece = (!end).then(Bytes::new);
    }
}

/// The answer is on its way, so that nothing is sent again: what was read takes no room any more, however long the viewer reads. What
/// the origin has not got yet stays.
pub(crate) fn let_go(exchange: &mut Exchange) {
    if let Some(included) = exchange.included_body.as_mut().filter(|included| included.viewer.is_none()) {
        (included.start, included.place) = (Bytes::new(), Place::default());
        exchange.fetch.body = exchange.fetch.body.take().map(|_sent| Bytes::new());
    }
}

/// A session whose body was read and kept; it is at its end, or not.
async fn stand_in(head: RequestHeader, ended: bool) -> pingora::Result<ServerSession> {
    let request: &[u8] = if ended {
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n-"
    } else {
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n-"
    };
    let (mut near, far) = tokio::io::duplex(request.len());
    let written = near.write_all(request).await;
    debug_assert!(written.is_ok(), "it fits");
    let mut session = ServerSession::new_http1(Box::new(far));
    session.read_request().await?;
    session.enable_retry_buffering();
    session.read_request_body().await?;
    *session.req_header_mut() = head;
    Ok(session)
}

#[cfg(test)]
mod tests;
