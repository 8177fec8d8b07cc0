//! What was done to walhook and when: the excuses that repeats may have, and faults seen already.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::inbox::now;

/// How long after it was sent a request may be seen here, on a busy machine.
const LATE: i64 = 1_000_000;

/// A stretch of time, in microseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: i64,
    until: i64,
}

impl Stretch {
    /// Whether some of it lies between two requests. The first may have been seen late.
    fn is_between(self, first: i64, again: i64) -> bool {
        self.from <= again && first - LATE <= self.until
    }
}

/// Everything that happened in a round; all its parts write into it.
pub struct History {
    begun: Instant,
    is_told: bool,
    past: Mutex<Past>,
}

/// What a history holds in the end.
#[derive(Clone, Default)]
pub struct Past {
    notes: Vec<(i64, String)>,
    /// When a daemon lost its memory, and how.
    losses: Vec<(Stretch, String)>,
    /// When a daemon worked although another held the slot.
    aparts: Vec<Stretch>,
    /// Actions by kind.
    pub actions: BTreeMap<String, u64>,
    /// Warnings of the daemons by their words.
    pub warnings: BTreeMap<String, u64>,
    /// What must not have been.
    pub violations: Vec<String>,
    /// The most memory that any daemon had.
    pub most_mb: u64,
}

impl History {
    /// Nothing has happened yet. What happens is printed if so wanted.
    pub fn new(is_told: bool) -> Self {
        Self { begun: Instant::now(), is_told, past: Mutex::default() }
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has happened.
    pub fn into_past(self) -> Past {
        self.past.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened.
    pub fn note(&self, what: impl Into<String>) {
        let what = what.into();
        if self.is_told {
            println!("  {:7.2} s  {what}", self.begun.elapsed().as_secs_f64());
        }
        self.past().notes.push((now(), what));
    }

    /// An action of a kind begins.
    pub fn act(&self, kind: &str, what: impl Into<String>) {
        *self.past().actions.entry(kind.to_owned()).or_default() += 1;
        self.note(what);
    }

    /// From here on something may be sent again that was under way or not logged.
    pub fn memory_is_lost(&self, how: String) {
        let at = now();
        self.past().losses.push((Stretch { from: at, until: at }, how.clone()));
        self.note(how);
    }

    /// Some time in between another process took the slot: what the former holder had in memory
    /// is sent again.
    pub fn changed_hands(&self, from: i64, until: i64) {
        let how = "another process took the slot".to_owned();
        self.past().losses.push((Stretch { from, until }, how.clone()));
        self.note(how);
    }

    /// Somebody worked although another process held the slot.
    pub fn were_apart(&self, from: i64, until: i64) {
        let aparts = &mut self.past().aparts;
        match aparts.last_mut() {
            Some(last) if last.until >= from => last.until = until,
            _ => aparts.push(Stretch { from, until }),
        }
    }

    /// Something was not as promised.
    pub fn violated(&self, what: String) {
        self.note(format!("VIOLATION: {what}"));
        self.past().violations.push(what);
    }

    /// A daemon was seen with so much memory.
    pub fn memory_mb(&self, megabytes: u64) {
        let mut past = self.past();
        past.most_mb = past.most_mb.max(megabytes);
    }

    /// Counts the warnings of a log.
    pub fn count_warnings(&self, log: &str) {
        for line in log.lines().filter(|line| line.contains("\"level\":\"WARN\"")) {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            let words = line["message"].as_str().and_then(|text| text.lines().next());
            let words = words.unwrap_or("?").to_owned();
            *self.past().warnings.entry(words).or_default() += 1;
        }
    }
}

impl Past {
    /// Why a request that came at `first` may have come again at `again`.
    pub fn excuse(&self, first: i64, again: i64) -> Option<&str> {
        let loss = self.losses.iter().find(|(at, _)| at.is_between(first, again));
        let apart = || self.aparts.iter().any(|apart| apart.is_between(first, again));
        loss.map(|(_, how)| how.as_str()).or_else(|| apart().then_some("two daemons at work"))
    }

    /// Whether two daemons were at work when a request was sent that came at this time.
    pub fn is_apart(&self, at: i64) -> bool {
        self.aparts.iter().any(|apart| apart.is_between(at, at))
    }

    /// What happened around a time, for a failure's report.
    pub fn around(&self, at: i64) -> Vec<String> {
        const SECONDS: i64 = 4;
        let near = self.notes.iter().filter(|(when, _)| (when - at).abs() < SECONDS * 1_000_000);
        near.map(|(when, what)| format!("{:+.3} s: {what}", (when - at) as f64 / 1e6)).collect()
    }
}
