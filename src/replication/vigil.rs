//! Whether the server is still there. TCP tells of a network that is cut, but not of a proxy that
//! forwards nothing and keeps its connections. So a server that has been silent is asked for a
//! sign of life, and given up when it gives none for as long as it would wait for ours. Pure;
//! takes `now`.

use std::time::Duration;

use tokio::time::Instant;

/// After a wait that is over, how long the answer may still take to be read: this process may
/// have slept through both.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// Watches over a silence.
#[derive(Debug)]
pub(super) struct Vigil {
    /// `wal_sender_timeout`; `None`: the server waits for us for ever, and we for it.
    patience: Option<Duration>,
    heard: Instant,
    /// When the answer is overdue, once one was asked for.
    overdue: Option<Instant>,
    is_last_chance: bool,
}

impl Vigil {
    pub(super) fn new(patience: Option<Duration>, now: Instant) -> Self {
        Self { patience, heard: now, overdue: None, is_last_chance: false }
    }

    /// Something came, or cannot come because we do not read.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.overdue = None;
        self.is_last_chance = false;
    }

    /// Feedback goes out now; whether it asks for an answer.
    pub(super) fn asks(&mut self, now: Instant, interval: Duration) -> bool {
        let Some(patience) = self.patience else { return false };
        let asks = now.duration_since(self.heard) >= interval;
        if asks {
            self.overdue.get_or_insert(now + patience);
        }
        asks
    }

    /// When to look again.
    pub(super) fn overdue(&self) -> Option<Instant> {
        self.overdue
    }

    /// Nothing came until now; whether it never will.
    pub(super) fn is_in_vain(&mut self, now: Instant) -> bool {
        if self.overdue.is_none_or(|overdue| now < overdue) {
            return false;
        }
        if self.is_last_chance {
            return true;
        }
        self.is_last_chance = true;
        self.overdue = Some(now + LAST_CHANCE.min(self.patience.unwrap_or(LAST_CHANCE)));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silent_server_is_asked_and_then_given_up() {
        let begin = Instant::now();
        let mut vigil = Vigil::new(Some(60 * SECOND), begin);
        assert!(!vigil.asks(begin + 9 * SECOND, 10 * SECOND), "it has just spoken");
        assert!(vigil.asks(begin + 10 * SECOND, 10 * SECOND));
        assert!(vigil.asks(begin + 20 * SECOND, 10 * SECOND), "asked again");
        assert_eq!(vigil.overdue(), Some(begin + 70 * SECOND), "since the first time");
        assert!(!vigil.is_in_vain(begin + 69 * SECOND));
        assert!(!vigil.is_in_vain(begin + 70 * SECOND), "the answer may wait to be read");
        assert!(vigil.is_in_vain(begin + 71 * SECOND));
    }

    #[test]
    fn any_word_ends_the_wait() {
        let begin = Instant::now();
        let mut vigil = Vigil::new(Some(SECOND), begin);
        assert!(vigil.asks(begin + SECOND, SECOND));
        assert!(!vigil.is_in_vain(begin + 9 * SECOND));
        vigil.heard(begin + 9 * SECOND);
        assert!(!vigil.is_in_vain(begin + 99 * SECOND));
        assert_eq!(vigil.overdue(), None);
    }

    #[test]
    fn a_server_that_waits_for_ever_is_waited_for() {
        let begin = Instant::now();
        let mut vigil = Vigil::new(None, begin);
        assert!(!vigil.asks(begin + 999 * SECOND, SECOND));
    }
}
