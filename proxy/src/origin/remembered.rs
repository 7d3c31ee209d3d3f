//! What a node remembers of origins that functions make, by distribution: names, connections, TLS settings. Each has a bound,
//! so that a function which makes up a new origin for each request costs its own distribution some comfort and nobody else
//! anything.

use super::resolve::Resolver;
use super::tls;
use homefront_config::limits;
use homefront_functions::origin_edit::CertificateName;
use moka::sync::Cache;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Of one distribution.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// Names that functions gave.
    pub(crate) resolver: Resolver,
    /// Group keys of origins whose idle connections are kept.
    pooled: Cache<u64, ()>,
    /// By the group key of the origin, which its list of names is part of.
    tls: Cache<u64, Arc<ClientConfig>>,
    /// The system's roots, for origins without a CA of their own.
    roots: OnceCell<Arc<RootCertStore>>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            resolver: Resolver::of_functions(),
            pooled: Cache::builder()
                .max_capacity(limits::FUNCTION_ORIGINS_POOLED_MAX)
                .time_to_idle(limits::FUNCTION_ORIGIN_IDLE)
                .build(),
            tls: Cache::builder()
                .max_capacity(limits::FUNCTION_TLS_SETTINGS_MAX)
                .time_to_idle(limits::FUNCTION_ORIGIN_IDLE)
                .build(),
            roots: OnceCell::new(),
        }
    }
}

impl Remembered {
    /// Whether a connection to an origin is kept when its request has ended: when the origin was asked before, not long ago.
    /// Origins that are made up for one request push nobody's connections out of the pool.
    pub(crate) fn keeps_connections(&self, group_key: u64) -> bool {
        let known = self.pooled.contains_key(&group_key);
        if known {
            self.pooled.get(&group_key);
        } else {
            self.pooled.insert(group_key, ());
        }
        known
    }

    /// The TLS settings of an origin whose certificate has one of `names`; `roots` is its own CA.
    pub(crate) async fn client_config(
        &self,
        group_key: u64,
        names: &Arc<[CertificateName]>,
        roots: Option<Arc<RootCertStore>>,
    ) -> Arc<ClientConfig> {
        if let Some(known) = self.tls.get(&group_key) {
            return known;
        }
        let roots = match roots {
            Some(roots) => roots,
            None => self.system_roots().await,
        };
        let made = tls::client_config(roots, names.clone());
        self.tls.insert(group_key, made.clone());
        made
    }

    async fn system_roots(&self) -> Arc<RootCertStore> {
        let read = || async {
            let roots = tokio::task::spawn_blocking(tls::system_roots).await;
            // A runtime that stops reads no files; the connection fails for want of roots.
            Arc::new(roots.unwrap_or_else(|_| RootCertStore::empty()))
        };
        self.roots.get_or_init(read).await.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_kept_from_the_second_request_on() {
        let remembered = Remembered::default();
        assert!(!remembered.keeps_connections(1));
        assert!(remembered.keeps_connections(1));
        assert!(!remembered.keeps_connections(2));
    }

    #[test]
    fn a_flood_of_origins_is_not_remembered() {
        let remembered = Remembered::default();
        for key in 0..10_000 {
            assert!(!remembered.keeps_connections(key), "{key}");
        }
        remembered.pooled.run_pending_tasks();
        assert!(remembered.pooled.entry_count() <= limits::FUNCTION_ORIGINS_POOLED_MAX);
    }
}
