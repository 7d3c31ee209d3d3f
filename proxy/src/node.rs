//! What all requests of a node share. It is built once and not changed while the node runs.

use crate::cache::memory::Memory;
use crate::clock::Clock;
use crate::guard::{KeyError, Verifiers};
use crate::include_body::Room;
use crate::observe::access_log;
use crate::observe::log_writer::LogWriter;
use crate::observe::sparing::Sparing;
use crate::origin::{PreparedOrigin, peer::CaError, remembered::Remembered, resolve::Resolver};
use crate::request_id::NodeName;
use crate::route::Routes;
use homefront_config::log::AccessLogFormat;
use homefront_config::{Config, Distribution, limits};
use homefront_functions::EdgeCode;
use pingora::cache::lock::{CacheKeyLockImpl, CacheLock};
use pingora::cache::predictor::Predictor;
use std::sync::{Arc, OnceLock};

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: NodeName,
    pub(crate) clock: Clock,
    pub(crate) routes: Routes<Deployed>,
    pub(crate) resolver: Resolver,
    pub(crate) edge_code: EdgeCode,
    pub(crate) verifiers: Arc<Verifiers>,
    pub(crate) cache: Cache,
    pub(crate) access_log: Option<AccessLog>,
    pub(crate) warnings: Sparing,
    /// Whether any distribution has an error page, which is fetched by a request of the node's own.
    pub(crate) has_error_pages: bool,
}

/// A distribution, and what the node prepared for it.
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) config: Arc<Distribution>,
    pub(crate) origins: Vec<PreparedOrigin>,
    pub(crate) id: Arc<str>,
    pub(crate) domain_name: Arc<str>,
    pub(crate) included_bodies: Room,
    /// Made when a function makes the first origin.
    function_origins: OnceLock<Remembered>,
}

/// The parts of pingora's cache. pingora wants them for ever; a node has one of each.
#[derive(Clone, Copy)]
pub(crate) struct Cache {
    pub(crate) storage: &'static Memory,
    pub(crate) lock: &'static CacheKeyLockImpl,
    pub(crate) predictor: &'static Predictor<32>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}

/// Where a line for each request goes.
#[derive(Debug)]
pub(crate) struct AccessLog {
    pub(crate) writer: LogWriter,
    pub(crate) format: AccessLogFormat,
}

/// Why a valid configuration cannot be deployed on this machine.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// An origin's CA bundle.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The keys of a `[[jwt]]`.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A log file.
    #[error(transparent)]
    Log(#[from] crate::observe::log_writer::OpenError),
}

impl Cache {
    /// An empty cache.
    pub(crate) fn leak(memory_bytes_max: u64, clock: Clock) -> Self {
        let lock: Box<CacheKeyLockImpl> = CacheLock::new_boxed(limits::COLLAPSE_WAIT_TIMEOUT);
        Self {
            storage: Memory::leak(memory_bytes_max, clock),
            lock: Box::leak(lock),
            predictor: Box::leak(Box::new(Predictor::new(limits::UNCACHEABLE_REMEMBERED_MAX / 32, None))),
        }
    }
}

impl Deployed {
    /// Loads what the distribution's origins need.
    pub(crate) fn new(config: Arc<Distribution>) -> Result<Self, DeployError> {
        let origins = config.origins.iter().map(|origin| PreparedOrigin::new(&config.id, origin.clone()));
        let origins = origins.collect::<Result<Vec<_>, _>>()?;
        let (id, domain_name) = (config.id.as_str().into(), config.domain_name.as_str().into());
        let included_bodies = Room::new();
        Ok(Self { config, origins, id, domain_name, included_bodies, function_origins: OnceLock::new() })
    }

    /// What is remembered of origins that functions made.
    pub(crate) fn function_origins(&self) -> &Remembered {
        self.function_origins.get_or_init(Remembered::default)
    }
}

/// Distributions with what was prepared for them.
type Prepared = Vec<(Arc<Distribution>, Arc<Deployed>)>;

impl Node {
    /// Whether everything can be loaded that a node for `config` needs.
    pub(crate) fn check(config: &Config) -> Result<(), DeployError> {
        Self::prepare(config).map(drop)
    }

    fn prepare(config: &Config) -> Result<(Prepared, Verifiers), DeployError> {
        let behaviors = config.distributions.iter().flat_map(|distribution| distribution.every_behavior());
        let verifiers = Verifiers::open(behaviors.filter_map(|behavior| behavior.authorize.as_deref()))?;
        let deploy = |distribution: &Arc<Distribution>| {
            Ok((distribution.clone(), Arc::new(Deployed::new(distribution.clone())?)))
        };
        Ok((config.distributions.iter().map(deploy).collect::<Result<_, DeployError>>()?, verifiers))
    }

    /// A node for `config`, with its edge code running.
    pub(crate) fn new(config: &Config, clock: Clock, edge_code: EdgeCode) -> Result<Self, DeployError> {
        let (deployed, verifiers) = Self::prepare(config)?;
        let open = |log: &homefront_config::log::AccessLog| {
            let writer = LogWriter::open(&log.target, access_log::header(log.format))?;
            Ok::<_, DeployError>(AccessLog { writer, format: log.format })
        };
        Ok(Self {
            name: NodeName::of_this_machine(),
            cache: Cache::leak(config.cache_memory_bytes_max, clock.clone()),
            clock,
            routes: Routes::new(deployed),
            verifiers: Arc::new(verifiers),
            resolver: Resolver::new(),
            edge_code,
            access_log: config.log.access.as_ref().map(open).transpose()?,
            warnings: Sparing::default(),
            has_error_pages: config.distributions.iter().any(|each| each.custom_error_responses.has_pages()),
        })
    }
}
