//! Names to addresses: one lookup of a name at a time, kept for a short while.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

pub use super::names::LookupError;
use super::names::{Known, Names};

type Found = Result<Vec<IpAddr>, LookupError>;
type Lookup = dyn Fn(String) -> BoxFuture<'static, (Found, Instant)> + Send + Sync;
/// A lookup that everybody who wants the name waits for, and when it ended.
type UnderWay = Shared<BoxFuture<'static, (Found, Instant)>>;

/// Where old addresses serve as well, nobody waits longer than this for new ones; RFC 8767 has
/// about the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often an outage is worth a line in the log.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Looks up the addresses of host names.
pub struct Resolver {
    lookup: Box<Lookup>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: Names,
    under_way: HashMap<String, UnderWay>,
    said_at: Option<Instant>,
}

impl Resolver {
    /// The system's resolver, with `/etc/hosts` and all.
    pub fn system() -> Self {
        Self::new(Box::new(|name| ask_system(name).boxed()))
    }

    /// Asks `lookup` instead.
    pub fn from_fn(
        lookup: impl Fn(String) -> BoxFuture<'static, Found> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Box::new(move |name| lookup(name).map(|found| (found, Instant::now())).boxed()))
    }

    fn new(lookup: Box<Lookup>) -> Self {
        Self { lookup, state: Mutex::default() }
    }

    /// All addresses of `name`, in the order in which to try them; perhaps none.
    ///
    /// # Errors
    /// [`LookupError`], which says whose fault it is.
    pub async fn resolve(&self, name: &str) -> Found {
        if let Some(found) = special(name) {
            return found;
        }
        loop {
            let known = self.lock().names.known(name, Instant::now());
            let stale = match known {
                Known::Addresses(addresses) => return Ok(addresses),
                Known::Failure(error) => return Err(error),
                Known::Ask(stale) => stale,
            };
            let under_way = self.under_way(name);
            let (found, at) = match stale {
                None => under_way.clone().await,
                Some(_) => timeout(PATIENCE, under_way.clone()).await.unwrap_or_else(|_| {
                    let text = format!("no answer within {PATIENCE:?}");
                    (Err(LookupError::ResolverOut(text)), Instant::now())
                }),
            };
            let found = self.keep(name, &under_way, found, at);
            // Nobody may have waited for a lookup to its end; then it tells of long ago.
            if at.elapsed() < PATIENCE && stale.is_none() {
                return found;
            }
        }
    }

    /// Nobody takes connections at the addresses of `name`: asks again the next time.
    pub(super) fn doubt(&self, name: &str) {
        self.lock().names.doubt(name);
    }

    /// The lookup of `name` that is under way; begins one if there is none.
    fn under_way(&self, name: &str) -> UnderWay {
        let mut state = self.lock();
        if let Some(lookup) = state.under_way.get(name) {
            return lookup.clone();
        }
        let lookup = (self.lookup)(name.to_owned()).shared();
        state.under_way.insert(name.to_owned(), lookup.clone());
        lookup
    }

    fn keep(&self, name: &str, lookup: &UnderWay, found: Found, at: Instant) -> Found {
        let mut state = self.lock();
        let found = state.names.learn(name, found, at);
        // One that has not ended is still waited for: a thread of the system's resolver cannot be
        // called back, and one for each name is enough.
        if lookup.peek().is_some() && state.under_way.get(name).is_some_and(|l| l.ptr_eq(lookup)) {
            state.under_way.remove(name);
        }
        if let Err(error @ LookupError::ResolverOut(_)) = &found
            && state.said_at.is_none_or(|said| said.elapsed() > SAY_AGAIN)
        {
            state.said_at = Some(Instant::now());
            tracing::warn!(name, %error, "names do not resolve; endpoints are not charged for it");
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask_system(name: String) -> (Found, Instant) {
    let asked = spawn_blocking(move || (ask(&name), Instant::now())).await;
    asked.unwrap_or_else(|_| {
        (Err(LookupError::ResolverOut("it was called off".to_owned())), Instant::now())
    })
}

/// Not std's lookup, whose errors do not tell a name that does not exist from a resolver that
/// does not answer.
fn ask(name: &str) -> Found {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    match getaddrinfo(Some(name), None, Some(hints)) {
        Ok(found) => Ok(found.flatten().map(|found| found.sockaddr.ip()).collect()),
        Err(error) => {
            let kind = error.kind();
            let text = std::io::Error::from(error).to_string();
            Err(match kind {
                LookupErrorKind::NoName | LookupErrorKind::NoData => LookupError::NotFound(text),
                // EAI_AGAIN is SERVFAIL and silence; the others are troubles of our own machine.
                _ => LookupError::ResolverOut(text),
            })
        }
    }
}

const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// What is known of names without asking: the loopback ones and those that never exist (RFC 6761),
/// which a resolver may have been made to answer differently; and what is no host name at all.
fn special(name: &str) -> Option<Found> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_below =
        |top: &str| name == top || name.strip_suffix(top).is_some_and(|n| n.ends_with('.'));
    if is_below("localhost") {
        return Some(Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]));
    }
    let is_too_long = name.len() > LONGEST_NAME || name.split('.').any(|l| l.len() > LONGEST_LABEL);
    let never = |why: &str| Some(Err(LookupError::NotFound(why.to_owned())));
    match (is_below("invalid"), is_too_long) {
        (true, _) => never("names under .invalid never do"),
        (_, true) => never("it is too long"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn loopback_names_and_names_that_never_exist_are_nobodys_to_answer() {
        let loopback: Vec<IpAddr> = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        for name in ["localhost", "localhost.", "a.localhost", "a.b.localhost."] {
            assert_eq!(special(name), Some(Ok(loopback.clone())), "{name}");
        }
        for name in ["invalid", "a.invalid", "a.invalid.", &"x".repeat(64), &"x.".repeat(128)] {
            assert!(matches!(special(name), Some(Err(LookupError::NotFound(_)))), "{name}");
        }
        for name in ["notlocalhost", "localhost.example", "a.example", "invalid.example"] {
            assert_eq!(special(name), None, "{name}");
        }
    }

    /// A resolver that counts how often it was asked.
    fn counting(found: Found) -> (Resolver, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let resolver = Resolver::from_fn(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            let found = found.clone();
            async move {
                tokio::task::yield_now().await;
                found
            }
            .boxed()
        });
        (resolver, asked)
    }

    #[tokio::test]
    async fn all_who_want_a_name_share_one_lookup() {
        let address = vec!["192.0.2.1".parse().unwrap()];
        let (resolver, asked) = counting(Ok(address.clone()));
        let wanted = (0..50).map(|_| resolver.resolve("a.example"));
        let found = futures_util::future::join_all(wanted).await;
        assert!(found.iter().all(|found| found.as_ref() == Ok(&address)));
        assert_eq!(resolver.resolve("a.example").await, Ok(address));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        resolver.doubt("a.example");
        resolver.resolve("a.example").await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2, "what is doubted is asked for again");
    }

    #[tokio::test]
    async fn whoever_gives_up_leaves_the_lookup_to_the_others() {
        let (resolver, asked) = counting(Ok(vec![]));
        assert!(resolver.resolve("a.example").now_or_never().is_none());
        assert_eq!(resolver.resolve("a.example").await, Ok(vec![]));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(resolver.lock().under_way.is_empty());
    }

    #[tokio::test]
    async fn while_the_resolver_is_out_or_silent_old_addresses_serve() {
        let address: Vec<IpAddr> = vec!["192.0.2.1".parse().unwrap()];
        for is_silent in [false, true] {
            let (known, asked) = (address.clone(), AtomicUsize::new(0));
            let resolver = Resolver::from_fn(move |_| {
                match (asked.fetch_add(1, Ordering::SeqCst), is_silent) {
                    (0, _) => std::future::ready(Ok(known.clone())).boxed(),
                    (_, true) => std::future::pending().boxed(),
                    (_, false) => {
                        let out = LookupError::ResolverOut("SERVFAIL".to_owned());
                        std::future::ready(Err(out)).boxed()
                    }
                }
            });
            for _ in 0..3 {
                let began = Instant::now();
                assert_eq!(resolver.resolve("a.example").await.as_ref(), Ok(&address));
                assert!(began.elapsed() < PATIENCE + Duration::from_secs(3));
                resolver.doubt("a.example");
            }
        }
    }
}
