//! Names and what was last heard of them. Pure; takes `now`.
//!
//! The system's resolver tells no lifetimes, so answers are believed for a short while only. While
//! it is out of order, addresses that it gave earlier serve on; what may be dialled is decided at
//! each dial.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// It does not exist.
    #[error("the name does not exist ({0})")]
    NotFound(String),
    /// The resolver is out of order, so that nobody can tell now.
    #[error("the resolver cannot tell now ({0})")]
    ResolverOut(String),
    /// The resolver tells other names all the time, and has long not told this one.
    #[error("nobody answers for the name, as for others ({0})")]
    Unanswered(String),
}

/// As short as the lifetimes that services with moving addresses give their records.
const FRESH: Duration = Duration::from_secs(30);

/// So long a name is not asked for again that does not exist, and a resolver not that is out: it
/// has enough to do.
const FAILURE_FRESH: Duration = Duration::from_secs(3);

/// Addresses older than this may be somebody else's by now.
const STALE: Duration = Duration::from_secs(3600);

/// After so long a name that alone gets no answer is at fault itself: its own name servers are.
const PARDON: Duration = Duration::from_secs(15 * 60);

/// Names come from the configuration, which has at most 10,000 endpoints, usually at few hosts.
const MOST_NAMES: usize = 4096;

/// What is known of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    heard: HashMap<String, Heard>,
    /// When the resolver last gave an answer, to whatever name.
    answered_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Heard {
    addresses: Option<Answer<Vec<IpAddr>>>,
    failure: Option<Answer<LookupError>>,
    /// Since when the resolver has been out for this name.
    out_since: Option<Instant>,
}

#[derive(Debug)]
struct Answer<T> {
    what: T,
    at: Instant,
    /// Something since has spoken against it.
    is_doubted: bool,
}

impl<T> Answer<T> {
    fn new(what: T, at: Instant) -> Option<Self> {
        Some(Self { what, at, is_doubted: false })
    }

    fn is_younger(&self, age: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < age
    }
}

/// What can be said without asking.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    Addresses(Vec<IpAddr>),
    Failure(LookupError),
    /// Nothing; the addresses serve if the resolver does not answer.
    Ask(Option<Vec<IpAddr>>),
}

impl Names {
    /// What is known of `name`.
    pub(super) fn known(&self, name: &str, now: Instant) -> Known {
        let Some(heard) = self.heard.get(name) else { return Known::Ask(None) };
        let last = heard.addresses.as_ref().filter(|last| last.is_younger(STALE, now));
        let failure = heard.failure.as_ref().filter(|f| f.is_younger(FAILURE_FRESH, now));
        match (last, failure) {
            (Some(last), _) if last.is_younger(FRESH, now) && !last.is_doubted => {
                Known::Addresses(last.what.clone())
            }
            (Some(last), Some(_)) => Known::Addresses(last.what.clone()),
            (None, Some(failure)) => Known::Failure(failure.what.clone()),
            (last, None) => Known::Ask(last.map(|last| last.what.clone())),
        }
    }

    /// Keeps what the resolver said of `name`, and tells what that means.
    pub(super) fn learn(
        &mut self,
        name: &str,
        said: Result<Vec<IpAddr>, LookupError>,
        now: Instant,
    ) -> Result<Vec<IpAddr>, LookupError> {
        if self.heard.len() >= MOST_NAMES && !self.heard.contains_key(name) {
            // Costs a few lookups, once in as many names.
            self.heard.clear();
        }
        let heard = self.heard.entry(name.to_owned()).or_default();
        let said = match said {
            Err(LookupError::ResolverOut(why)) => {
                let since = *heard.out_since.get_or_insert(now);
                let is_long = now.saturating_duration_since(since) >= PARDON;
                let is_alone = self
                    .answered_at
                    .is_some_and(|at| at > since && now.saturating_duration_since(at) < PARDON);
                match is_long && is_alone {
                    true => Err(LookupError::Unanswered(why)),
                    false => Err(LookupError::ResolverOut(why)),
                }
            }
            answer => {
                heard.out_since = None;
                self.answered_at = Some(now);
                answer
            }
        };
        match &said {
            Ok(addresses) => {
                heard.addresses = Answer::new(addresses.clone(), now);
                heard.failure = None;
            }
            Err(error) => {
                if matches!(error, LookupError::NotFound(_)) {
                    heard.addresses = None;
                }
                heard.failure = Answer::new(error.clone(), now);
            }
        }
        said
    }

    /// Nobody takes connections at the addresses of `name`: it may have moved.
    pub(super) fn doubt(&mut self, name: &str) {
        if let Some(last) = self.heard.get_mut(name).and_then(|heard| heard.addresses.as_mut()) {
            last.is_doubted = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn addresses() -> Vec<IpAddr> {
        vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()]
    }

    fn out() -> LookupError {
        LookupError::ResolverOut("no answer".to_owned())
    }

    fn unknown() -> LookupError {
        LookupError::NotFound("no such name".to_owned())
    }

    /// Names of which one was resolved at the time returned.
    fn resolved() -> (Names, Instant) {
        let (mut names, now) = (Names::default(), Instant::now());
        let _ = names.learn("a.example", Ok(addresses()), now);
        (names, now)
    }

    #[test]
    fn addresses_are_believed_for_half_a_minute_and_then_asked_for_again() {
        let (names, now) = resolved();
        assert_eq!(names.known("a.example", now), Known::Addresses(addresses()));
        assert_eq!(names.known("a.example", now + 29 * SECOND), Known::Addresses(addresses()));
        let later = now + 30 * SECOND;
        assert_eq!(names.known("a.example", later), Known::Ask(Some(addresses())));
        assert_eq!(names.known("b.example", now), Known::Ask(None));
    }

    #[test]
    fn failures_are_believed_for_seconds() {
        let now = Instant::now();
        for error in [unknown(), out()] {
            let mut names = Names::default();
            let _ = names.learn("a.example", Err(error.clone()), now);
            assert_eq!(names.known("a.example", now + 2 * SECOND), Known::Failure(error));
            assert_eq!(names.known("a.example", now + 3 * SECOND), Known::Ask(None));
        }
    }

    #[test]
    fn while_the_resolver_is_out_old_addresses_serve_but_not_for_ever() {
        let (mut names, begin) = resolved();
        let mut now = begin + 60 * SECOND;
        while now < begin + 3600 * SECOND {
            let _ = names.learn("a.example", Err(out()), now);
            assert_eq!(names.known("a.example", now), Known::Addresses(addresses()));
            assert_eq!(names.known("a.example", now + 5 * SECOND), Known::Ask(Some(addresses())));
            now += 600 * SECOND;
        }
        let _ = names.learn("a.example", Err(out()), now);
        assert_eq!(names.known("a.example", now), Known::Failure(out()));
        assert_eq!(names.known("a.example", now + 5 * SECOND), Known::Ask(None));
    }

    #[test]
    fn a_name_that_has_ceased_to_exist_has_no_old_addresses() {
        let (mut names, now) = resolved();
        let now = now + 40 * SECOND;
        let _ = names.learn("a.example", Err(unknown()), now);
        assert_eq!(names.known("a.example", now), Known::Failure(unknown()));
        let _ = names.learn("a.example", Err(out()), now + 5 * SECOND);
        assert_eq!(names.known("a.example", now + 5 * SECOND), Known::Failure(out()));
    }

    #[test]
    fn addresses_that_nobody_answers_at_are_asked_for_again_and_kept_for_an_outage() {
        let (mut names, now) = resolved();
        names.doubt("a.example");
        assert_eq!(names.known("a.example", now), Known::Ask(Some(addresses())));
        let _ = names.learn("a.example", Err(out()), now);
        assert_eq!(names.known("a.example", now), Known::Addresses(addresses()));
        let _ = names.learn("a.example", Ok(addresses()), now);
        assert_eq!(names.known("a.example", now), Known::Addresses(addresses()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut names, now) = resolved();
        for number in 0..3 * MOST_NAMES {
            let _ = names.learn(&format!("{number}.example"), Ok(addresses()), now);
            assert!(names.heard.len() <= MOST_NAMES);
        }
    }

    #[test]
    fn a_name_that_alone_gets_no_answer_for_long_is_at_fault_itself() {
        let (mut names, begin) = (Names::default(), Instant::now());
        let minute = 60 * SECOND;
        let unanswered = Err(LookupError::Unanswered("no answer".to_owned()));
        for minutes in 0..30 {
            let now = begin + minutes * minute;
            let others = names.learn("b.example", Ok(addresses()), now);
            assert!(others.is_ok());
            let said = names.learn("a.example", Err(out()), now + SECOND);
            assert_eq!(said, if minutes < 15 { Err(out()) } else { unanswered.clone() });
        }
        // While nobody else is answered either, it is the resolver.
        for minutes in 45..120 {
            let now = begin + minutes * minute;
            assert_eq!(names.learn("b.example", Err(out()), now), Err(out()));
            assert_eq!(names.learn("a.example", Err(out()), now), Err(out()));
        }
        let now = begin + 120 * minute;
        assert_eq!(names.learn("a.example", Ok(addresses()), now), Ok(addresses()));
        assert_eq!(names.learn("a.example", Err(out()), now + SECOND), Err(out()), "anew");
    }
}
