//! A token and how long it is good for. Pure; takes `now`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;

use crate::secret::Secret;

/// A token as it is sent.
pub(super) struct Token {
    /// `Bearer …`, marked as sensitive.
    pub(super) header: HeaderValue,
    /// The token alone, which a receiver could echo.
    pub(super) text: Secret,
}

/// A token that could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoToken {
    /// Why, for the log; holds no secret.
    pub(super) text: String,
    /// For want of a working resolver, which is nobody's fault at the other end.
    pub(super) is_resolver_out: bool,
}

impl NoToken {
    /// The same, where the endpoint did not accept the token at hand.
    pub(super) fn after_401(self) -> Self {
        Self { text: format!("answered 401 Unauthorized, and {}", self.text), ..self }
    }
}

/// One account's token, and the gate that lets one call at a time ask for another.
#[derive(Default)]
pub(super) struct Account {
    state: Mutex<State>,
    /// Held while asking.
    pub(super) gate: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    failure: Option<(NoToken, Instant)>,
}

struct Held {
    token: Arc<Token>,
    refresh_at: Instant,
    expires_at: Instant,
}

/// What is at hand.
pub(super) enum Known {
    /// A token.
    Fresh(Arc<Token>),
    /// A token that is about to expire: somebody should ask for another.
    Aging(Arc<Token>),
    Nothing,
}

impl Account {
    /// What is at hand now, but for a token that was `rejected`.
    pub(super) fn known(&self, rejected: Option<&Arc<Token>>, now: Instant) -> Known {
        let state = self.lock();
        let is_good = |held: &&Held| {
            now < held.expires_at && !rejected.is_some_and(|bad| Arc::ptr_eq(bad, &held.token))
        };
        match state.held.as_ref().filter(is_good) {
            Some(held) if now < held.refresh_at => Known::Fresh(Arc::clone(&held.token)),
            Some(held) => Known::Aging(Arc::clone(&held.token)),
            None => Known::Nothing,
        }
    }

    /// A failure that became known after `since`: whoever waited meanwhile shares it.
    pub(super) fn failure_after(&self, since: Instant) -> Option<NoToken> {
        let state = self.lock();
        state.failure.as_ref().filter(|(_, at)| *at >= since).map(|(failure, _)| failure.clone())
    }

    /// Keeps a token that is good for `expires_in` seconds from `now`, if the server said how long.
    pub(super) fn keep(&self, token: Arc<Token>, expires_in: Option<f64>, now: Instant) {
        let life = lifetime(expires_in);
        let refresh_at = now + life - (life / 10).min(LONGEST_MARGIN);
        let held = Held { token, refresh_at, expires_at: now + life };
        *self.lock() = State { held: Some(held), failure: None };
    }

    /// Notes that no token could be had. One that is still good stays.
    pub(super) fn fail(&self, failure: NoToken, now: Instant) {
        self.lock().failure = Some((failure, now));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token is replaced this long before it expires, or a tenth of its life if that is shorter.
const LONGEST_MARGIN: Duration = Duration::from_secs(60);

/// Servers that do not say mostly mean an hour or more. One that expires earlier is found out by
/// a 401, within the attempt.
const LIFETIME_UNSAID: Duration = Duration::from_secs(600);

/// A server that gives less would be asked for each delivery.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(2);

/// Revoked tokens and changed rights must show one day.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

fn lifetime(expires_in: Option<f64>) -> Duration {
    let said = match expires_in {
        None => return LIFETIME_UNSAID,
        Some(seconds) if seconds.is_nan() || seconds < 0.0 => Duration::ZERO,
        Some(seconds) => Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
    };
    said.clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn token(text: &str) -> Arc<Token> {
        let header = HeaderValue::try_from(format!("Bearer {text}")).unwrap();
        Arc::new(Token { header, text: Secret::new(text) })
    }

    /// How long a token is fresh and how long it is good, in seconds.
    fn life(expires_in: Option<f64>) -> (u64, u64) {
        let (account, now) = (Account::default(), Instant::now());
        account.keep(token("a"), expires_in, now);
        let (mut fresh, mut good) = (0, 0);
        for second in 0..200_000 {
            match account.known(None, now + second * SECOND) {
                Known::Fresh(_) => (fresh, good) = (u64::from(second) + 1, u64::from(second) + 1),
                Known::Aging(_) => good = u64::from(second) + 1,
                Known::Nothing => break,
            }
        }
        (fresh, good)
    }

    #[test]
    fn a_token_is_replaced_shortly_before_it_expires() {
        assert_eq!(life(Some(3600.0)), (3540, 3600));
        assert_eq!(life(Some(100.0)), (90, 100));
        assert_eq!(life(Some(2.0)), (2, 2), "1.8 s");
    }

    #[test]
    fn lifetimes_that_are_missing_tiny_or_huge_are_bounded() {
        assert_eq!(life(None), (540, 600));
        for tiny in [0.0, -1.0, 1.0, f64::NAN] {
            assert_eq!(life(Some(tiny)), (2, 2), "{tiny}");
        }
        for huge in [86_400.0, 1e9, 1e300, f64::INFINITY] {
            assert_eq!(life(Some(huge)), (86_340, 86_400), "{huge}");
        }
    }

    #[test]
    fn a_rejected_token_is_not_used_again_and_its_successor_is() {
        let (account, now) = (Account::default(), Instant::now());
        let first = token("a");
        account.keep(Arc::clone(&first), None, now);
        assert!(matches!(account.known(Some(&first), now), Known::Nothing));
        account.keep(token("a"), None, now);
        assert!(matches!(account.known(Some(&first), now), Known::Fresh(_)));
    }

    #[test]
    fn a_failure_is_shared_by_those_who_waited_for_it_and_not_by_those_who_come_later() {
        let (account, now) = (Account::default(), Instant::now());
        let failure = NoToken { text: "no".to_owned(), is_resolver_out: false };
        account.fail(failure.clone(), now);
        assert_eq!(account.failure_after(now - SECOND), Some(failure));
        assert_eq!(account.failure_after(now + SECOND), None);
        account.keep(token("a"), None, now);
        assert_eq!(account.failure_after(now - SECOND), None);
    }
}
