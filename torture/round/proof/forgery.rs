//! The proof is put to the proof: evidence is forged, and it must notice.

use super::Proof;
use crate::round::history::Past;
use crate::round::inbox::Answer;
use crate::round::plan::ENDPOINTS;

/// A kind of forgery, what does it, and the violation that must be seen.
type Forgery = (&'static str, fn(&mut Proof) -> Option<()>, &'static str);

const FORGERIES: [Forgery; 7] = [
    ("a lost delivery", Proof::lose, "lost on the way to one endpoint"),
    ("a lost event", Proof::lose_everywhere, "committed, but never sent"),
    ("an invented event", Proof::invent, "sent, but never committed"),
    ("an overtaken event", Proof::overtake, "overtaken"),
    ("a needless repeat", Proof::repeat, "a repeat without excuse"),
    ("other bytes", Proof::alter, "a repeat without excuse"),
    ("a doubled row of the log", Proof::log_twice, "not logged once as a success"),
];

impl Proof {
    /// Tries every forgery; returns those that were seen through, or a sentence on one that was
    /// not.
    pub fn try_forgeries(&self, past: &Past) -> Result<Vec<&'static str>, String> {
        let mut seen = Vec::new();
        for (kind, forge, violation) in FORGERIES {
            let mut forged = self.clone();
            // Too little happened to forge this.
            if forge(&mut forged).is_none() {
                continue;
            }
            let mut past = past.clone();
            past.violations.clear();
            forged.examine(&mut past);
            if !past.violations.iter().any(|seen| seen.starts_with(violation)) {
                return Err(format!("the proof does not notice {kind}: {:?}", past.violations));
            }
            seen.push(kind);
        }
        Ok(seen)
    }

    fn lose(&mut self) -> Option<()> {
        let event = self.arrivals[0].first()?.event;
        self.arrivals[0].retain(|arrival| arrival.event != event);
        Some(())
    }

    fn lose_everywhere(&mut self) -> Option<()> {
        let (key, committed) = self.journal.iter().next()?;
        let key = (key.0.clone(), -1);
        let committed = committed.clone();
        self.journal.insert(key, committed);
        Some(())
    }

    fn invent(&mut self) -> Option<()> {
        let key = self.journal.keys().next()?.clone();
        self.journal.remove(&key);
        Some(())
    }

    /// Two changes of one row change places at the endpoint that is always well.
    fn overtake(&mut self) -> Option<()> {
        let chain = self.chains().into_values().find(|chain| chain.len() > 1)?;
        let place = |event| self.arrivals[0].iter().position(|arrival| arrival.event == event);
        let (one, two) = (place(chain[0].1)?, place(chain[1].1)?);
        let last = self.arrivals[0].len();
        self.arrivals[0].swap(one, two);
        // Later repeats of them would hide nothing, but two at one time would be odd.
        (ENDPOINTS[0].ordering == "key" && one < last).then_some(())
    }

    /// What is logged as delivered comes again, long after.
    fn repeat(&mut self) -> Option<()> {
        let mut again =
            *self.arrivals[0].iter().find(|arrival| arrival.answer != Answer::Closed)?;
        again.at = self.arrivals[0].last()?.at + 3_600_000_000;
        again.attempt += 1;
        self.arrivals[0].push(again);
        Some(())
    }

    fn alter(&mut self) -> Option<()> {
        let mut again = *self.arrivals[0].first()?;
        again.body ^= 1;
        self.arrivals[0].insert(1, again);
        Some(())
    }

    fn log_twice(&mut self) -> Option<()> {
        let row = self.logged.iter().find(|row| row.is_final())?.clone();
        self.logged.push(row);
        Some(())
    }
}
