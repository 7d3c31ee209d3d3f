//! Names of origins to addresses: asked of the system without blocking, kept for a while.

use homefront_config::limits;
use moka::sync::Cache;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Looks up origins. One for the node.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    known: Cache<Arc<str>, Arc<[IpAddr]>>,
    /// Names that are not asked of the system.
    hosts: Arc<[(String, IpAddr)]>,
}

/// Names kept at the same time.
const NAMES_MAX: u64 = 10_000;

impl Resolver {
    /// `hosts` are names whose addresses are known.
    pub(crate) fn new(hosts: &[(String, IpAddr)]) -> Self {
        Self {
            hosts: hosts.into(),
            known: Cache::builder().max_capacity(NAMES_MAX).time_to_live(limits::DNS_TTL).build(),
        }
    }

    /// The address to try at the `attempt`th attempt (0 is the first): the addresses of a name take turns.
    pub(crate) async fn resolve(&self, name: &str, port: u16, attempt: usize) -> io::Result<SocketAddr> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(SocketAddr::new(address, port));
        }
        if let Some((_, address)) = self.hosts.iter().find(|(host, _)| host.eq_ignore_ascii_case(name)) {
            return Ok(SocketAddr::new(*address, port));
        }
        let addresses = match self.known.get(name) {
            Some(addresses) => addresses,
            None => self.look_up(name).await?,
        };
        let address = addresses[attempt % addresses.len()];
        Ok(SocketAddr::new(address, port))
    }

    async fn look_up(&self, name: &str) -> io::Result<Arc<[IpAddr]>> {
        let lookup = tokio::net::lookup_host((name, 0));
        let found = tokio::time::timeout(limits::DNS_TIMEOUT, lookup).await.map_err(|_| io::ErrorKind::TimedOut)??;
        let addresses: Arc<[IpAddr]> = found.map(|address| address.ip()).collect();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        self.known.insert(name.into(), addresses.clone());
        Ok(addresses)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn literal_addresses_need_no_lookup() {
        let resolver = Resolver::new(&[]);
        assert_eq!(resolver.resolve("192.0.2.1", 80, 0).await.unwrap(), "192.0.2.1:80".parse().unwrap());
        assert_eq!(resolver.resolve("::1", 443, 0).await.unwrap(), "[::1]:443".parse().unwrap());
        assert_eq!(resolver.known.entry_count(), 0);
    }

    #[tokio::test]
    async fn names_are_looked_up_once_and_their_addresses_take_turns() {
        let resolver = Resolver::new(&[]);
        let first = resolver.resolve("localhost", 80, 0).await.unwrap();
        assert!(first.ip().is_loopback());
        resolver.known.insert("turns.test".into(), ["192.0.2.1", "192.0.2.2"].map(|a| a.parse().unwrap()).into());
        let tried = [0, 1, 2].map(|attempt| resolver.resolve("turns.test", 80, attempt));
        let [a, b, c] = tried;
        assert_eq!(a.await.unwrap().to_string(), "192.0.2.1:80");
        assert_eq!(b.await.unwrap().to_string(), "192.0.2.2:80");
        assert_eq!(c.await.unwrap().to_string(), "192.0.2.1:80");
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_an_error() {
        assert!(Resolver::new(&[]).resolve("name.invalid", 80, 0).await.is_err());
    }
}
