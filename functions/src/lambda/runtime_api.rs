//! The Lambda Runtime API, version 2018-06-01, for one execution environment: how any Lambda runtime gets its events. The runtimes of
//! ours get theirs over a [`Channel`], and find this API beside it.
//!
//! Each environment has a listener of its own on the loopback interface. The API knows no credentials, so the kernel is asked who
//! connects: only that environment's own processes are let in. Whatever they send can only spoil the call that they were given.

mod channel;
mod remarks;
mod service;

pub(super) use channel::Channel;

use crate::function_log::FunctionLog;
use bytes::Bytes;
use homefront_config::limits::{LAMBDA_API_CONNECTIONS_MAX, LAMBDA_API_HEAD_BYTES_MAX};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use remarks::{Remark, Remarks};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;

/// Lambda's name for a result that is larger than it takes.
pub(super) const RESPONSE_SIZE_ERROR: &str = "Function.ResponseSizeTooLarge";

/// Its name for one that is neither whole nor a stream.
pub(super) const RESPONSE_MODE_ERROR: &str = "Runtime.InvalidResponseModeHeader";

/// One event for a runtime.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    /// `Lambda-Runtime-Aws-Request-Id`
    pub(super) request_id: String,
    /// `Lambda-Runtime-Deadline-Ms`: Unix time.
    pub(super) deadline_ms: u64,
    /// `Lambda-Runtime-Invoked-Function-Arn`
    pub(super) function_arn: Arc<str>,
    /// `Lambda-Runtime-Trace-Id`
    pub(super) trace_id: String,
    /// The body of the answer to `next`.
    pub(super) event: Bytes,
}

/// What the runtime posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// To `…/response`.
    Response(Bytes),
    /// To `…/error` or to `init/error`.
    Error {
        /// `Lambda-Runtime-Function-Error-Type`, when it is one of Lambda's names.
        error_type: String,
        /// As it was sent.
        payload: Bytes,
    },
    /// The runtime ended before it had read its event: nobody has seen that, and another environment may have it.
    Untouched,
}

/// Who is let in, by the address of its side of the connection.
pub(super) type Admits = Arc<dyn Fn(SocketAddrV4) -> bool + Send + Sync>;

/// A port where nobody is served yet: who connects waits.
#[derive(Debug)]
pub(super) struct Port {
    listener: TcpListener,
    address: SocketAddrV4,
}

/// The server side of one environment's Runtime API; dropping it closes every connection.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    #[cfg(test)]
    address: SocketAddrV4,
    shared: Arc<Shared>,
    channel: Option<Arc<Channel>>,
    servers: Vec<tokio::task::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told when a runtime asks for an event, gives up its start, or ends its channel.
    changed: Notify,
    /// Nothing comes over the channel, any more or at all.
    is_parted: AtomicBool,
    remarks: Remarks,
}

/// Lambda's own names of the states, as its error messages print them.
#[derive(Debug)]
enum State {
    /// Nothing was heard of the runtime.
    Started,
    /// It reported that it cannot start.
    InitError(Answer),
    /// It waits for an event.
    Ready(Waiting),
    /// It has one.
    Running { request_id: String, reply: oneshot::Sender<Answer>, on_channel: bool },
    /// It answered that one.
    Answered { request_id: String, with_error: bool },
}

/// Where a runtime waits for its event.
#[derive(Debug)]
enum Waiting {
    /// With a `GET next`.
    Http(oneshot::Sender<Invocation>),
    /// At its end of the channel.
    Channel,
}

impl Port {
    /// Opens a listener on a free port. Needs a tokio runtime.
    pub(super) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match listener.local_addr()? {
            SocketAddr::V4(address) => Ok(Self { listener, address }),
            SocketAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> SocketAddrV4 {
        self.address
    }
}

impl RuntimeApi {
    /// Serves whom `admits` lets in, and who has the other end of the channel; the function's log learns of what makes no sense. Needs a
    /// tokio runtime.
    pub(super) fn serve(port: Port, admits: Admits, channel: Option<Channel>, log: FunctionLog) -> Self {
        let (state, changed) = (Mutex::new(State::Started), Notify::new());
        let is_parted = AtomicBool::new(channel.is_none());
        let shared = Arc::new(Shared { state, changed, is_parted, remarks: Remarks::new(log) });
        let channel = channel.map(Arc::new);
        let mut servers = vec![tokio::spawn(accept(port.listener, shared.clone(), admits))];
        servers.extend(channel.clone().map(|channel| tokio::spawn(channel.serve(shared.clone()))));
        Self {
            #[cfg(test)]
            address: port.address,
            shared,
            channel,
            servers,
        }
    }

    /// What a runtime that has ended posted to `init/error`. What still comes over its channel is waited for, within `patience`.
    pub(super) async fn last_word(&self, patience: Duration) -> Option<Answer> {
        let parted = async {
            while !self.shared.is_parted.load(Ordering::Acquire) {
                self.shared.changed.notified().await;
            }
        };
        let _ = tokio::time::timeout(patience, parted).await;
        match &*self.shared.state.lock() {
            State::InitError(answer) => Some(answer.clone()),
            _ => None,
        }
    }

    /// Whether it is known, once the process has ended, that it had not read its event: [`Answer::Untouched`], or no answer any more.
    pub(super) fn tells_what_was_read(&self) -> bool {
        self.channel.is_some()
    }

    /// Whether it had a channel, and nothing can come over that any more.
    pub(super) fn has_lost_its_channel(&self) -> bool {
        self.channel.is_some() && self.shared.is_parted.load(Ordering::Acquire)
    }

    /// Returns when the runtime waits for an event. `Err` is what it posted to `init/error`.
    pub(super) async fn ready(&self) -> Result<(), Answer> {
        loop {
            if let State::InitError(answer) = &*self.shared.state.lock() {
                return Err(answer.clone());
            }
            if self.is_waiting() {
                return Ok(());
            }
            self.shared.changed.notified().await;
        }
    }

    /// Whether a runtime waits for an event now.
    pub(super) fn is_waiting(&self) -> bool {
        match &*self.shared.state.lock() {
            State::Ready(Waiting::Http(waiting)) => !waiting.is_closed(),
            State::Ready(Waiting::Channel) => true,
            _ => false,
        }
    }

    /// Hands an event to the waiting runtime; the receiver gets its answer. `None` = nobody waits there.
    pub(super) fn invoke(&self, invocation: Invocation) -> Option<oneshot::Receiver<Answer>> {
        let mut state = self.shared.state.lock();
        let State::Ready(waiting) = &*state else { return None };
        let on_channel = matches!(waiting, Waiting::Channel);
        self.shared.remarks.begin();
        let request_id = invocation.request_id.clone();
        let (reply, answer) = oneshot::channel();
        let running = State::Running { request_id, reply, on_channel };
        let State::Ready(waiting) = std::mem::replace(&mut *state, running) else { return None };
        let is_sent = match (waiting, &self.channel) {
            (Waiting::Http(waiting), _) => waiting.send(invocation).is_ok(),
            (Waiting::Channel, Some(channel)) => channel.send(&invocation),
            (Waiting::Channel, None) => false,
        };
        if !is_sent {
            *state = State::Started;
            return None;
        }
        drop(state);
        if let (true, Some(channel)) = (on_channel, &self.channel) {
            channel.look(&self.shared);
        }
        Some(answer)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

impl Shared {
    /// `GET next`: waits, however long, for the next event.
    fn wait_for_event(&self) -> Result<oneshot::Receiver<Invocation>, &'static str> {
        let mut state = self.state.lock();
        match &*state {
            State::Running { .. } | State::InitError(_) => return Err(state.name()),
            // A second `next` takes the place of the first: its connection may be gone without our knowing.
            State::Started | State::Ready(_) | State::Answered { .. } => {}
        }
        let (sender, receiver) = oneshot::channel();
        *state = State::Ready(Waiting::Http(sender));
        drop(state);
        self.changed.notify_one();
        Ok(receiver)
    }

    /// `next` on the channel. `false`: what still owes an answer gets no event.
    fn wait_on_channel(&self) -> bool {
        let mut state = self.state.lock();
        match &*state {
            State::Running { .. } | State::InitError(_) => return false,
            State::Started | State::Ready(_) | State::Answered { .. } => *state = State::Ready(Waiting::Channel),
        }
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Nothing comes over the channel any more. `is_untouched`: what was sent last was never read to its end.
    fn channel_ended(&self, is_untouched: bool) {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Started) {
            State::Ready(Waiting::Channel) => {}
            State::Running { reply, on_channel: true, .. } => {
                if is_untouched {
                    let _ = reply.send(Answer::Untouched);
                }
            }
            other => *state = other,
        }
        drop(state);
        self.is_parted.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    /// Whether an answer to `id` would be taken now. Of one that is not the log is told.
    fn check(&self, id: &str) -> Result<(), Refusal> {
        let refusal = match &*self.state.lock() {
            State::Running { request_id, .. } if request_id == id => return Ok(()),
            State::Running { .. } => Refusal::InvalidRequestId,
            State::Answered { request_id, .. } if request_id == id => Refusal::InvalidRequestId,
            state => Refusal::InvalidState(state.name()),
        };
        self.remarks.make(Remark::DroppedAnswer);
        Err(refusal)
    }

    /// Takes the answer to `id`; the first one counts.
    fn answer(&self, id: &str, answer: Answer) -> Result<(), Refusal> {
        self.check(id)?;
        let mut state = self.state.lock();
        let with_error = matches!(answer, Answer::Error { .. });
        if !matches!(&*state, State::Running { request_id, .. } if request_id == id) {
            // Another was quicker.
            self.remarks.make(Remark::DroppedAnswer);
            return Err(Refusal::InvalidState(state.name()));
        }
        let answered = State::Answered { request_id: id.to_owned(), with_error };
        if let State::Running { reply, .. } = std::mem::replace(&mut *state, answered) {
            // Nobody waits any more when the deadline has passed.
            let _ = reply.send(answer);
        }
        Ok(())
    }

    /// `POST init/error`.
    fn init_failed(&self, answer: Answer) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        let State::Started = &*state else { return Err(Refusal::InvalidState(state.name())) };
        *state = State::InitError(answer);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }
}

/// Why a post is not taken.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    InvalidRequestId,
    /// The state it was in.
    InvalidState(&'static str),
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::InitError(_) => "InitError",
            Self::Ready(_) => "Ready",
            Self::Running { .. } => "Running",
            Self::Answered { with_error: false, .. } => "InvocationResponse",
            Self::Answered { with_error: true, .. } => "InvocationErrorResponse",
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, admits: Admits) {
    /// Out of file descriptors: others may give some back.
    const PAUSE: Duration = Duration::from_millis(10);
    let room = Arc::new(Semaphore::new(LAMBDA_API_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (shared, admits) = (shared.clone(), admits.clone());
                connections.spawn(async move {
                    if let SocketAddr::V4(peer) = peer
                        && admits(peer)
                    {
                        serve(stream, shared).await;
                    }
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // An answer is one write: waiting for more would only delay it.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(|request| service::answer(shared.clone(), request));
    // A client that breaks off ends its own connection; there is nobody to tell.
    let served = hyper::server::conn::http1::Builder::new()
        .title_case_headers(true)
        .auto_date_header(false)
        .max_buf_size(LAMBDA_API_HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if served.is_err_and(|error| error.is_parse()) {
        shared.remarks.make(Remark::NoHttp);
    }
}

#[cfg(test)]
#[path = "runtime_api/tests.rs"]
mod tests;
