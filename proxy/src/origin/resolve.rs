//! Names of origins to addresses: asked of the system without blocking, once for all who want to know, and kept for a while.
//!
//! The system takes a thread for each lookup until it gives up, long after nobody waits for it. So a name is looked up once at a
//! time, and names that functions give a few at a time. While the system has no answer, the addresses that a name had go on.

use homefront_config::limits;
use homefront_functions::origin_edit::IpAddressType;
use moka::sync::Cache;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// Looks up origins. One for the node, and one for each distribution whose functions name origins.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    known: Cache<Arc<str>, Known>,
    /// By name. Each goes on when nobody waits any more.
    running: Arc<Mutex<HashMap<Arc<str>, Running>>>,
    named_by: NamedBy,
    system: System,
}

/// Who gives the names.
#[derive(Debug, Clone)]
enum NamedBy {
    /// The configuration: they are few, and its author's.
    Configuration,
    /// Functions: any number, and anybody's. So many are looked up at the same time.
    Functions(Arc<Semaphore>),
}

/// What is known of a name.
#[derive(Debug, Clone)]
struct Known {
    answer: Answer,
    since: Instant,
    /// From then on it is asked for again.
    until: Instant,
}

type Answer = Result<Arc<[IpAddr]>, Unknown>;
type Running = watch::Receiver<Option<Answer>>;

/// Why there is no address; several may be told.
#[derive(Debug, Clone)]
struct Unknown {
    kind: io::ErrorKind,
    why: Arc<str>,
}

/// Whom names are asked of.
#[derive(Clone)]
struct System(Arc<dyn Fn(String) -> Lookup + Send + Sync>);

type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

impl std::fmt::Debug for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("System").finish_non_exhaustive()
    }
}

/// Names kept at the same time.
const NAMES_MAX: u64 = 10_000;

impl Resolver {
    /// For names of the configuration.
    pub(crate) fn new() -> Self {
        Self::with(NAMES_MAX, NamedBy::Configuration)
    }

    /// For names that functions of one distribution give.
    pub(crate) fn of_functions() -> Self {
        let lookups = Arc::new(Semaphore::new(limits::FUNCTION_ORIGIN_LOOKUPS_MAX));
        Self::with(limits::FUNCTION_ORIGIN_NAMES_MAX, NamedBy::Functions(lookups))
    }

    fn with(names_max: u64, named_by: NamedBy) -> Self {
        let known = Cache::builder().max_capacity(names_max).time_to_live(limits::DNS_STALE_MAX).build();
        let system = System(Arc::new(|name| Box::pin(addresses(name))));
        Self { known, running: Arc::default(), named_by, system }
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
        let addresses = self.addresses_of(name).await?;
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

    async fn addresses_of(&self, name: &str) -> io::Result<Arc<[IpAddr]>> {
        let known = self.known.get(name);
        let Some(known) = known else { return Ok(self.asked(name, limits::DNS_TIMEOUT).await?) };
        if Instant::now() < known.until {
            return Ok(known.answer?);
        }
        let Ok(older) = known.answer else { return Ok(self.asked(name, limits::DNS_TIMEOUT).await?) };
        let reason = match self.asked(name, limits::DNS_RENEWAL_TIMEOUT).await {
            Ok(addresses) => return Ok(addresses),
            Err(reason) => reason,
        };
        if known.since.elapsed() >= limits::DNS_STALE_MAX {
            self.keep(name, Err(reason.clone()), Instant::now(), limits::DNS_FAILURE_TTL);
            return Err(reason.into());
        }
        // Of all who waited the first says so.
        if self.known.get(name).is_none_or(|known| known.until <= Instant::now()) {
            tracing::warn!(
                name,
                reason = &*reason.why,
                "an origin's name is not found; the addresses that it had go on"
            );
            self.keep(name, Ok(older.clone()), known.since, limits::DNS_FAILURE_TTL);
        }
        Ok(older)
    }

    /// What the lookup finds that is running, or that is begun now.
    async fn asked(&self, name: &str, patience: Duration) -> Answer {
        let waits = async {
            let mut running = self.joined(name).await;
            let answer = running.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
            answer.unwrap_or_else(|| Err(Unknown::because(io::ErrorKind::Interrupted, "the lookup broke off")))
        };
        let late = |_| Err(Unknown::because(io::ErrorKind::TimedOut, "the system takes too long to find the name"));
        timeout(patience, waits).await.unwrap_or_else(late)
    }

    async fn joined(&self, name: &str) -> Running {
        if let Some(running) = self.running.lock().get(name) {
            return running.clone();
        }
        let permit = match &self.named_by {
            NamedBy::Configuration => None,
            NamedBy::Functions(lookups) => lookups.clone().acquire_owned().await.ok(),
        };
        let mut lookups = self.running.lock();
        // Another may have begun meanwhile.
        if let Some(running) = lookups.get(name) {
            return running.clone();
        }
        let (answers, running) = watch::channel(None);
        lookups.insert(name.into(), running.clone());
        drop(lookups);
        tokio::spawn(self.clone().look_up(name.into(), answers, permit));
        running
    }

    /// Goes on when nobody waits any more, as the system does, and counts as long.
    async fn look_up(
        self,
        name: Arc<str>,
        answers: watch::Sender<Option<Answer>>,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        let found = (self.system.0)(name.to_string()).await.map_err(Unknown::from);
        let answer = found.and_then(|addresses| self.reachable(addresses));
        match &answer {
            Ok(_) => self.keep(&name, answer.clone(), Instant::now(), limits::DNS_TTL),
            // The addresses that it had are better than none.
            Err(_) if self.known.get(&name).is_some_and(|known| known.answer.is_ok()) => {}
            Err(_) => self.keep(&name, answer.clone(), Instant::now(), limits::DNS_FAILURE_TTL),
        }
        self.running.lock().remove(&name);
        drop(permit);
        answers.send_replace(Some(answer));
    }

    fn keep(&self, name: &str, answer: Answer, since: Instant, time: Duration) {
        self.known.insert(name.into(), Known { answer, since, until: Instant::now() + time });
    }

    /// Those of a name's addresses that whoever names it may reach.
    fn reachable(&self, mut addresses: Vec<IpAddr>) -> Answer {
        if addresses.is_empty() {
            return Err(Unknown::because(io::ErrorKind::NotFound, "the name has no address"));
        }
        if matches!(self.named_by, NamedBy::Functions(_)) {
            // Where machines in a cloud get their credentials, and nobody serves a site.
            addresses.retain(|address| !is_link_local(*address));
            if addresses.is_empty() {
                let why = "the name has link-local addresses only, which functions cannot reach";
                return Err(Unknown::because(io::ErrorKind::PermissionDenied, why));
            }
        }
        Ok(addresses.into())
    }
}

impl Unknown {
    fn because(kind: io::ErrorKind, why: &str) -> Self {
        Self { kind, why: why.into() }
    }
}

impl From<io::Error> for Unknown {
    fn from(error: io::Error) -> Self {
        Self::because(error.kind(), &error.to_string())
    }
}

impl From<Unknown> for io::Error {
    fn from(unknown: Unknown) -> Self {
        Self::new(unknown.kind, &*unknown.why)
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
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore as Gate;

    #[tokio::test]
    async fn literal_addresses_need_no_lookup() {
        let resolver = Resolver::new();
        assert_eq!(resolver.resolve("192.0.2.1", 80, 0, Dualstack).await.unwrap(), "192.0.2.1:80".parse().unwrap());
        assert_eq!(resolver.resolve("::1", 443, 0, Dualstack).await.unwrap(), "[::1]:443".parse().unwrap());
        assert_eq!(resolver.known.entry_count(), 0);
    }

    #[tokio::test]
    async fn names_are_looked_up_once_and_their_addresses_take_turns() {
        let resolver = Resolver::new();
        let first = resolver.resolve("localhost", 80, 0, Dualstack).await.unwrap();
        assert!(first.ip().is_loopback());
        knows(&resolver, "turns.test", &["192.0.2.1", "192.0.2.2"], Duration::from_mins(1));
        let tried = [0, 1, 2].map(|attempt| resolver.resolve("turns.test", 80, attempt, Dualstack));
        let [a, b, c] = tried;
        assert_eq!(a.await.unwrap().to_string(), "192.0.2.1:80");
        assert_eq!(b.await.unwrap().to_string(), "192.0.2.2:80");
        assert_eq!(c.await.unwrap().to_string(), "192.0.2.1:80");
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_an_error() {
        assert!(Resolver::new().resolve("name.invalid", 80, 0, Dualstack).await.is_err());
    }

    #[tokio::test]
    async fn only_addresses_of_the_family_that_is_asked_for_are_given() {
        let resolver = Resolver::new();
        knows(&resolver, "both.test", &["192.0.2.1", "2001:db8::1"], Duration::from_mins(1));
        knows(&resolver, "old.test", &["192.0.2.1"], Duration::from_mins(1));
        for attempt in 0..3 {
            let v4 = resolver.resolve("both.test", 80, attempt, Ipv4).await.unwrap();
            let v6 = resolver.resolve("both.test", 80, attempt, Ipv6).await.unwrap();
            assert!(v4.is_ipv4() && v6.is_ipv6());
        }
        assert!(resolver.resolve("old.test", 80, 0, Ipv6).await.is_err());
    }

    fn knows(resolver: &Resolver, name: &str, addresses: &[&str], time: Duration) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        resolver.keep(name, Ok(addresses), Instant::now(), time);
    }

    /// A resolver whose system answers each lookup when the gate lets it, and how often it was asked.
    fn gated(answer: fn() -> io::Result<Vec<IpAddr>>) -> (Resolver, Arc<Gate>, Arc<AtomicUsize>) {
        let (gate, asked) = (Arc::new(Gate::new(0)), Arc::new(AtomicUsize::new(0)));
        let (gates, counts) = (gate.clone(), asked.clone());
        let system = System(Arc::new(move |_| {
            let gate = gates.clone();
            counts.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                answer()
            })
        }));
        (Resolver { system, ..Resolver::new() }, gate, asked)
    }

    #[tokio::test]
    async fn many_who_ask_for_a_name_are_told_by_one_lookup_and_it_goes_on_without_them() {
        let (resolver, gate, asked) = gated(|| Ok(vec!["192.0.2.7".parse().unwrap()]));
        let mut gone = Box::pin(resolver.resolve("app.test", 80, 0, Dualstack));
        assert!(futures_are_pending(&mut gone));
        drop(gone);
        let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(resolver.resolve("app.test", 80, 0, Dualstack))).collect();
        assert!(waiting.iter_mut().all(futures_are_pending));
        gate.add_permits(1);
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap().to_string(), "192.0.2.7:80");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_name_that_is_not_found_is_not_asked_for_again_at_once() {
        let (resolver, gate, asked) = gated(|| Err(io::Error::other("no such name")));
        gate.add_permits(100);
        for _ in 0..10 {
            let error = resolver.resolve("app.test", 80, 0, Dualstack).await.unwrap_err();
            assert_eq!(error.to_string(), "no such name");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn the_addresses_that_a_name_had_go_on_while_the_system_fails_or_has_no_answer() {
        let (resolver, gate, asked) = gated(|| Err(io::Error::other("no server")));
        for system_answers in [true, false] {
            gate.add_permits(usize::from(system_answers));
            knows(&resolver, "app.test", &["192.0.2.1"], Duration::ZERO);
            for _ in 0..10 {
                let address = resolver.resolve("app.test", 80, 0, Dualstack).await.unwrap();
                assert_eq!(address.to_string(), "192.0.2.1:80");
            }
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2, "the second is running yet");
    }

    #[tokio::test]
    async fn addresses_that_are_too_old_are_forgotten_and_the_failure_is_remembered() {
        let (resolver, gate, asked) = gated(|| Err(io::Error::other("no server")));
        gate.add_permits(100);
        let since = Instant::now().checked_sub(limits::DNS_STALE_MAX).unwrap();
        resolver.keep("app.test", Ok(["192.0.2.1".parse().unwrap()].into()), since, Duration::ZERO);
        for _ in 0..10 {
            let error = resolver.resolve("app.test", 80, 0, Dualstack).await.unwrap_err();
            assert_eq!(error.to_string(), "no server");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn newer_addresses_take_the_place_of_older_ones() {
        let (resolver, gate, _) = gated(|| Ok(vec!["192.0.2.2".parse().unwrap()]));
        gate.add_permits(1);
        knows(&resolver, "app.test", &["192.0.2.1"], Duration::ZERO);
        for _ in 0..2 {
            assert_eq!(resolver.resolve("app.test", 80, 0, Dualstack).await.unwrap().to_string(), "192.0.2.2:80");
        }
    }

    #[tokio::test]
    async fn functions_wait_for_their_own_lookups_and_for_nobody_elses() {
        let resolver = Resolver::of_functions();
        let NamedBy::Functions(lookups) = resolver.named_by.clone() else { panic!("functions name these") };
        let all = lookups.acquire_many(limits::FUNCTION_ORIGIN_LOOKUPS_MAX as u32).await.unwrap();
        let mut waiting = Box::pin(resolver.resolve("localhost", 80, 0, Dualstack));
        assert!(futures_are_pending(&mut waiting), "there is no lookup left");
        assert!(Resolver::new().resolve("localhost", 80, 0, Dualstack).await.is_ok(), "the node's own go on");
        drop(all);
        assert!(waiting.await.unwrap().ip().is_loopback());
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
