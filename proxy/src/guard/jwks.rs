//! A JSON Web Key Set behind a URL: fetched, cached, refreshed, rotated without a failed request.
//!
//! Requests read the current set without a lock. A task replaces it when its `Cache-Control: max-age` is over, and a
//! request whose token names an unknown key has it replaced at once. When a fetch fails the last good set stays. Before
//! the first good fetch there are no keys, and requests that present a token get 503.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use homefront_config::limits;
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use tokio::sync::Mutex;
use tracing::{debug, info, warn};

use super::keys::{JwksError, KeySet};

/// Nothing can be fetched from the URL, whatever its server does.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Another scheme, or no URL.
    #[error("`{0}` is no http or https URL")]
    NotAUrl(String),
    /// The HTTP client, mostly its certificates, cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Client(#[source] reqwest::Error),
}

/// A fetch that gave no key set.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("the server answered {0}")]
    Status(reqwest::StatusCode),
    #[error("the answer has more than {} bytes", limits::JWKS_BYTES_MAX)]
    TooLong,
    #[error(transparent)]
    Document(#[from] JwksError),
}

/// The set in force. Generation 0 is before the first good fetch; each good fetch adds one.
#[derive(Debug, Default)]
pub(crate) struct Current {
    pub(crate) keys: KeySet,
    pub(crate) generation: u64,
}

/// How often a set may and must be fetched.
#[derive(Debug, Clone, Copy)]
struct Pace {
    refresh_min: Duration,
    refresh_max: Duration,
    refresh_default: Duration,
    retry: Duration,
    /// Between two fetches that requests asked for.
    demand_interval: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            refresh_min: Duration::from_secs(limits::JWKS_REFRESH_S_MIN),
            refresh_max: Duration::from_secs(limits::JWKS_REFRESH_S_MAX),
            refresh_default: Duration::from_secs(limits::JWKS_REFRESH_S_DEFAULT),
            retry: Duration::from_secs(limits::JWKS_RETRY_S),
            demand_interval: Duration::from_secs(limits::JWKS_DEMAND_INTERVAL_S),
        }
    }
}

impl Pace {
    /// When to fetch again after a good answer: its `max-age`, within our bounds.
    fn refresh(&self, headers: &HeaderMap) -> Duration {
        let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
        let mut wait = self.refresh_default;
        for directive in directives.flat_map(|value| value.split(',')).map(str::trim_ascii) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                return self.refresh_min;
            }
            if name.eq_ignore_ascii_case("max-age")
                && let Ok(seconds) = value.trim_matches('"').parse()
            {
                wait = Duration::from_secs(seconds);
            }
        }
        wait.clamp(self.refresh_min, self.refresh_max)
    }

    /// Whether a request may cause a fetch now. A clock that was set back does not forbid it.
    fn allows(&self, last_demand: Option<SystemTime>, now: SystemTime) -> bool {
        last_demand.and_then(|last| now.duration_since(last).ok()).is_none_or(|elapsed| elapsed >= self.demand_interval)
    }
}

/// A key set behind a URL.
#[derive(Debug)]
pub struct Jwks {
    url: reqwest::Url,
    client: reqwest::Client,
    pace: Pace,
    current: ArcSwap<Current>,
    /// Held during a fetch, so that there is one at a time; inside is when a request last caused one.
    turn: Arc<Mutex<Option<SystemTime>>>,
}

impl Jwks {
    /// The set at `url`, not fetched yet.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::with_pace(url, Pace::default())
    }

    fn with_pace(url: &str, pace: Pace) -> Result<Self, ClientError> {
        let parsed = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = parsed.ok_or_else(|| ClientError::NotAUrl(url.to_owned()))?;
        let client = reqwest::Client::builder()
            .user_agent(concat!("homefront/", env!("CARGO_PKG_VERSION")))
            .timeout(Duration::from_secs(limits::JWKS_FETCH_TIMEOUT_S))
            // A redirect could lead from https to http, or to a host the configuration does not name.
            .redirect(reqwest::redirect::Policy::none())
            // Fetches are minutes apart, and a connection kept open would be dead when it is needed.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(ClientError::Client)?;
        Ok(Self { url, client, pace, current: ArcSwap::default(), turn: Arc::default() })
    }

    /// The set in force.
    pub(crate) fn current(&self) -> arc_swap::Guard<Arc<Current>> {
        self.current.load()
    }

    /// How many good fetches there were.
    pub(crate) fn generation(&self) -> u64 {
        self.current().generation
    }

    /// Fetches the set at once and then again and again; never ends.
    pub async fn keep_fresh(self: Arc<Self>) {
        loop {
            let turn = self.turn.lock().await;
            let wait = self.refresh().await;
            drop(turn);
            tokio::time::sleep(wait).await;
        }
    }

    /// Waits for a set newer than generation `seen`, where one can be had: of all requests that ask, one has it
    /// fetched, and none if a request did so within the interval. The fetch goes on though the request that caused it
    /// goes away, so that hanging up cannot be used to cause another.
    pub(crate) async fn refresh_after(self: &Arc<Self>, seen: u64, now: SystemTime) {
        let mut turn = self.turn.clone().lock_owned().await;
        if self.generation() != seen {
            return;
        }
        if !self.pace.allows(*turn, now) {
            debug!(url = %self.url, "an unknown key was named again; the key set was fetched a moment ago");
            return;
        }
        *turn = Some(now);
        let jwks = self.clone();
        let fetch = tokio::spawn(async move {
            jwks.refresh().await;
            drop(turn);
        });
        if let Err(error) = fetch.await {
            warn!(url = %self.url, %error, "the fetch of a key set ended early");
        }
    }

    /// Fetches the set, puts it in force, and says when to do so again. Call it in [`Self::turn`].
    async fn refresh(&self) -> Duration {
        let generation = self.generation();
        match self.fetch().await {
            Ok((keys, wait)) => {
                if keys.len() == 0 {
                    warn!(url = %self.url, "the key set holds no key that verifies signatures: every token is refused");
                } else if generation == 0 {
                    info!(url = %self.url, keys = keys.len(), "fetched the key set");
                }
                self.current.store(Arc::new(Current { keys, generation: generation + 1 }));
                wait
            }
            Err(error) if generation == 0 => {
                warn!(url = %self.url, %error, "cannot fetch the key set: requests with a token get 503 until it can");
                self.pace.retry
            }
            Err(error) => {
                warn!(url = %self.url, %error, "cannot refresh the key set: the last good one stays in force");
                self.pace.retry
            }
        }
    }

    async fn fetch(&self) -> Result<(KeySet, Duration), FetchError> {
        let without_url = |error: reqwest::Error| FetchError::Http(error.without_url());
        let mut response = self.client.get(self.url.clone()).send().await.map_err(without_url)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let wait = self.pace.refresh(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(without_url)? {
            if body.len() + chunk.len() > limits::JWKS_BYTES_MAX {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((KeySet::from_jwks(&body)?, wait))
    }
}

#[cfg(test)]
#[path = "jwks_tests.rs"]
mod tests;
