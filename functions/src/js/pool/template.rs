//! The template of a pool: a process that has compiled every function and takes no calls. Workers are forked off it, for a
//! fraction of what it costs to start it.

use super::link::Link;
use super::talk::{LastWords, Talk, TalkError};
use super::{PooledFunction, Shared};
use crate::js::frame::{Answer, FrameError, Order, Sandbox};
use crate::js::kvs::Snapshot;
use crate::js::ring::{self, NodeEnds};
use homefront_config::limits::FUNCTION_LOAD_MS_MAX;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Once};
use std::time::Duration;
use tokio::net::UnixStream;

/// How long the engine may take for one function.
pub(super) const PATIENCE: Duration = Duration::from_millis(FUNCTION_LOAD_MS_MAX);

/// A worker that is ready for calls.
pub(super) struct Started {
    pub(super) link: Arc<Link>,
    /// The worker rings it when there is something to read, and it ends when the worker does.
    pub(super) bell: UnixStream,
    pub(super) last_words: LastWords,
    /// What it was given; newer ones must follow.
    pub(super) stores: Vec<Arc<Snapshot>>,
}

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartFailure {
    #[error("cannot start a function worker: {0}")]
    Spawn(#[from] io::Error),
    #[error("the function worker sent {0}")]
    Frame(#[from] FrameError),
    #[error("the engine {error} while it compiled function {index}")]
    Function { index: usize, error: TalkError },
}

/// See above. Dropping it ends its process; its workers go on.
#[derive(Debug)]
pub(super) struct Template {
    talk: Talk,
    /// What it was given.
    stores: Vec<Arc<Snapshot>>,
}

impl Template {
    /// Starts one for a pool. The functions that do not compile are noted as such; [`StartFailure::Function`] names one that took
    /// the process with it.
    pub(super) async fn start(shared: &Shared) -> Result<Self, StartFailure> {
        let (talk, sandbox) = Talk::start(&shared.spawner, &shared.executable).await?;
        tell_about(sandbox);
        let mut template = Self { talk, stores: Vec::new() };
        template.take_newest(shared).await?;
        let mut frame = Vec::new();
        let functions = shared.functions.iter().enumerate();
        for (index, function) in functions.filter(|(_, function)| function.fault.get().is_none()) {
            match function.proof.get() {
                Some(proof) => Order::put_load_proven(&mut frame, index as u32, &function.load, proof),
                None => Order::put_load(&mut frame, index as u32, &function.load),
            };
            let patience = if function.is_proven() { PATIENCE } else { shared.patience };
            let answer = template.talk.ask(&frame, patience).await;
            frame.clear();
            note(function, index, answer)?;
        }
        Ok(template)
    }

    /// Gives it what stores there are now.
    async fn take_newest(&mut self, shared: &Shared) -> io::Result<()> {
        let newest = shared.stores.newest();
        for (number, store) in newest.iter().enumerate() {
            if !self.stores.get(number).is_some_and(|given| Arc::ptr_eq(given, store)) {
                self.talk.give_store(number as u32, store).await?;
            }
        }
        self.stores = newest;
        Ok(())
    }

    /// Has it fork a worker.
    async fn fork(&mut self, shared: &Shared) -> Result<Started, StartFailure> {
        self.take_newest(shared).await?;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let (stderr, its_stderr) = io::pipe()?;
        let memory = ring::memory()?;
        ring::send_memory(&ours, &memory)?;
        let mut frame = Vec::new();
        Order::put_fork(&mut frame);
        // A file each goes with bytes of its own.
        let (first, rest) = frame.split_at(frame.len() / 2);
        self.talk.send_with_file(first, theirs).await?;
        self.talk.send_with_file(rest, its_stderr).await?;
        let worker = match self.talk.ask(&[], PATIENCE).await {
            Ok(Answer::Forked(Ok(worker))) => worker,
            Ok(Answer::Forked(Err(error))) => return Err(io::Error::from_raw_os_error(error).into()),
            Ok(_) => return Err(FrameError::Impossible("answer").into()),
            Err(error) => return Err(io::Error::other(format!("its template {error}")).into()),
        };
        let child = shared.spawner.take_on(worker, stderr.into())?;
        let (Talk { child, stream, inbox, last_words }, _) = Talk::with(child, ours).await?;
        let socket = stream.as_fd().try_clone_to_owned()?;
        let link = Arc::new(Link::new(child, NodeEnds::of(memory)?, inbox, socket));
        Ok(Started { link, bell: stream, last_words, stores: self.stores.clone() })
    }
}

/// Starts a worker for a pool, and a template where there is none that can be used. Whoever gives up waiting for it leaves nothing
/// behind: a worker that was forked is taken on in any case, and ended if nobody wants it.
pub(super) async fn start(shared: &Arc<Shared>) -> Result<Started, StartFailure> {
    let shared = shared.clone();
    let started = tokio::spawn(async move { start_to_the_end(&shared).await });
    started.await.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}

async fn start_to_the_end(shared: &Shared) -> Result<Started, StartFailure> {
    let mut template = shared.template.lock().await;
    if !shared.roster.lock().is_open() {
        return Err(io::Error::other("the node is stopping").into());
    }
    if let Some(prepared) = &mut *template {
        match prepared.fork(shared).await {
            Ok(started) => return Ok(started),
            Err(error) => {
                tracing::warn!(%error, "a template of function workers is replaced");
                *template = None;
            }
        }
    }
    let started = template.insert(Template::start(shared).await?).fork(shared).await;
    if started.is_err() {
        *template = None;
    }
    started
}

fn note(function: &PooledFunction, index: usize, answer: Result<Answer, TalkError>) -> Result<(), StartFailure> {
    match answer {
        Ok(Answer::Loaded(number, result, findings)) if number as usize == index => {
            let _ = function.findings.set(findings);
            let _ = match result {
                Ok(proof) => {
                    let is_dear = proof.modifies_built_ins;
                    let is_news = function.proof.set(proof).is_ok();
                    if is_dear && is_news {
                        let name = &function.function.name;
                        tracing::info!(
                            "function \"{name}\" changes built-ins: each call gets a context of its own, which makes it several \
                             times as dear"
                        );
                    }
                    is_news
                }
                Err(error) => function.fault.set(error).is_ok(),
            };
            Ok(())
        }
        Ok(_) => Err(FrameError::Impossible("answer").into()),
        Err(error) => Err(StartFailure::Function { index, error }),
    }
}

/// Says once what the kernel could not give.
fn tell_about(sandbox: Sandbox) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        if !sandbox.seccomp {
            tracing::error!(
                "function workers run without seccomp: a function that breaks the engine reaches the kernel"
            );
        }
        if !sandbox.landlock {
            tracing::warn!(
                "function workers run without landlock, which this kernel does not have; seccomp alone holds them"
            );
        }
    });
}
