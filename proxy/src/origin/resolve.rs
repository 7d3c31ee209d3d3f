//! Names of origins to addresses: asked of the system without blocking, kept for a while.

use homefront_config::limits;
use homefront_functions::origin_edit::IpAddressType;
use moka::sync::Cache;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Looks up origins. One for the node, and one for each distribution whose functions name origins.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    known: Cache<Arc<str>, Arc<[IpAddr]>>,
    /// Names that are not asked of the system.
    hosts: Arc<[(String, IpAddr)]>,
    /// Whoever names the names: a lookup occupies a thread until the system gives up, long after nobody waits for it.
    named_by: NamedBy,
}

#[derive(Debug, Clone)]
enum NamedBy {
    /// The configuration: they are few, and its author's.
    Configuration,
    /// Functions: any number, and anybody's. So many are looked up at the same time.
    Functions(Arc<Semaphore>),
}

/// Names kept at the same time.
const NAMES_MAX: u64 = 10_000;

impl Resolver {
    /// `hosts` are names whose addresses are known.
    pub(crate) fn new(hosts: &[(String, IpAddr)]) -> Self {
        Self { hosts: hosts.into(), ..Self::with(NAMES_MAX, NamedBy::Configuration) }
    }

    /// Whether a name is one of those whose addresses are known.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.hosts.iter().any(|(host, _)| host.eq_ignore_ascii_case(name))
    }

    /// For names that functions of one distribution give.
    pub(crate) fn of_functions() -> Self {
        let lookups = Arc::new(Semaphore::new(limits::FUNCTION_ORIGIN_LOOKUPS_MAX));
        Self::with(limits::FUNCTION_ORIGIN_NAMES_MAX, NamedBy::Functions(lookups))
    }

    fn with(names_max: u64, named_by: NamedBy) -> Self {
        let known = Cache::builder().max_capacity(names_max).time_to_live(limits::DNS_TTL).build();
        Self { known, hosts: Arc::default(), named_by }
    }

    /// The address to try at the `attempt`th attempt (0 is the first): the addresses of a name take turns.
    pub(crate) async fn resolve(
        &self,
        name: &str,
        port: u16,
        attempt: usize,
        family: IpAddressType,
    ) -> io::Result<SocketAddr> {
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
        let asked = |address: &&IpAddr| match family {
            IpAddressType::Ipv4 => address.is_ipv4(),
            IpAddressType::Ipv6 => address.is_ipv6(),
            IpAddressType::Dualstack => true,
        };
        let count = addresses.iter().filter(asked).count();
        // There is at least one of them all, so it is the family that is wanting.
        let address = addresses.iter().filter(asked).nth(attempt % count.max(1)).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("the name has no address of the family {family:?}"))
        })?;
        Ok(SocketAddr::new(*address, port))
    }

    async fn look_up(&self, name: &str) -> io::Result<Arc<[IpAddr]>> {
        let found = tokio::time::timeout(limits::DNS_TIMEOUT, self.ask(name));
        let mut addresses = found.await.map_err(|_| io::ErrorKind::TimedOut)??;
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        if matches!(self.named_by, NamedBy::Functions(_)) {
            // Where machines in a cloud get their credentials, and nobody serves a site.
            addresses.retain(|address| !is_link_local(*address));
            if addresses.is_empty() {
                let why = "the name has link-local addresses only, which functions cannot reach";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
        }
        let addresses: Arc<[IpAddr]> = addresses.into();
        self.known.insert(name.into(), addresses.clone());
        Ok(addresses)
    }

    async fn ask(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let lookups = match &self.named_by {
            NamedBy::Configuration => return addresses(name.to_owned()).await,
            NamedBy::Functions(lookups) => lookups.clone(),
        };
        let permit = lookups.acquire_owned().await.map_err(io::Error::other)?;
        let name = name.to_owned();
        // Goes on when nobody waits any more, as the system does, and counts as long.
        let lookup = tokio::spawn(async move {
            let found = addresses(name).await;
            drop(permit);
            found
        });
        lookup.await.map_err(io::Error::other)?
    }
}

async fn addresses(name: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

fn is_link_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::IpAddressType::{Dualstack, Ipv4, Ipv6};
    use super::*;

    #[tokio::test]
    async fn literal_addresses_need_no_lookup() {
        let resolver = Resolver::new(&[]);
        assert_eq!(resolver.resolve("192.0.2.1", 80, 0, Dualstack).await.unwrap(), "192.0.2.1:80".parse().unwrap());
        assert_eq!(resolver.resolve("::1", 443, 0, Dualstack).await.unwrap(), "[::1]:443".parse().unwrap());
        assert_eq!(resolver.known.entry_count(), 0);
    }

    #[tokio::test]
    async fn names_are_looked_up_once_and_their_addresses_take_turns() {
        let resolver = Resolver::new(&[]);
        let first = resolver.resolve("localhost", 80, 0, Dualstack).await.unwrap();
        assert!(first.ip().is_loopback());
        resolver.known.insert("turns.test".into(), ["192.0.2.1", "192.0.2.2"].map(|a| a.parse().unwrap()).into());
        let tried = [0, 1, 2].map(|attempt| resolver.resolve("turns.test", 80, attempt, Dualstack));
        let [a, b, c] = tried;
        assert_eq!(a.await.unwrap().to_string(), "192.0.2.1:80");
        assert_eq!(b.await.unwrap().to_string(), "192.0.2.2:80");
        assert_eq!(c.await.unwrap().to_string(), "192.0.2.1:80");
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_an_error() {
        assert!(Resolver::new(&[]).resolve("name.invalid", 80, 0, Dualstack).await.is_err());
    }

    #[tokio::test]
    async fn only_addresses_of_the_family_that_is_asked_for_are_given() {
        let resolver = Resolver::new(&[]);
        resolver.known.insert("both.test".into(), ["192.0.2.1", "2001:db8::1"].map(|a| a.parse().unwrap()).into());
        resolver.known.insert("old.test".into(), ["192.0.2.1"].map(|a| a.parse().unwrap()).into());
        for attempt in 0..3 {
            let v4 = resolver.resolve("both.test", 80, attempt, Ipv4).await.unwrap();
            let v6 = resolver.resolve("both.test", 80, attempt, Ipv6).await.unwrap();
            assert!(v4.is_ipv4() && v6.is_ipv6());
        }
        assert!(resolver.resolve("old.test", 80, 0, Ipv6).await.is_err());
    }

    #[tokio::test]
    async fn functions_wait_for_their_own_lookups_and_for_nobody_elses() {
        let resolver = Resolver::of_functions();
        let NamedBy::Functions(lookups) = resolver.named_by.clone() else { panic!("functions name these") };
        let all = lookups.acquire_many(limits::FUNCTION_ORIGIN_LOOKUPS_MAX as u32).await.unwrap();
        let mut waiting = Box::pin(resolver.ask("localhost"));
        assert!(futures_are_pending(&mut waiting), "there is no lookup left");
        assert!(Resolver::new(&[]).resolve("localhost", 80, 0, Dualstack).await.is_ok(), "the node's own go on");
        drop(all);
        assert!(!waiting.await.unwrap().is_empty());
    }

    fn futures_are_pending<F: Future + Unpin>(future: &mut F) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        std::pin::Pin::new(future).poll(&mut context).is_pending()
    }

    #[test]
    fn link_local_addresses_are_told_from_others() {
        for address in ["169.254.169.254", "fe80::1", "::ffff:169.254.1.1"] {
            assert!(is_link_local(address.parse().unwrap()), "{address}");
        }
        for address in ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "192.0.2.1"] {
            assert!(!is_link_local(address.parse().unwrap()), "{address}");
        }
    }
}
