//! Everything that was committed arrived, everywhere, as it was committed; nothing else did.

use std::collections::{HashMap, HashSet};

use super::{Proof, Verdict, describe};
use crate::round::inbox::Event;
use crate::round::plan::ENDPOINTS;
use crate::round::shop::Committed;

impl Proof {
    pub(super) fn compare_content(&self, verdict: &mut Verdict<'_>) {
        for oddity in &self.oddities {
            verdict.violated("a request makes no sense", |_| oddity.clone());
        }
        let mut known: HashMap<(&str, i64), &Event> = HashMap::new();
        for event in &self.events {
            let facts = &event.facts;
            let Some(committed) = self.committed(event) else {
                verdict.violated("sent, but never committed", |_| describe(event));
                continue;
            };
            if let Some(difference) = difference(event, committed) {
                verdict.violated("not what was committed", |_| {
                    format!("{} {difference}: {committed:?}", describe(event))
                });
            }
            if let Some(other) = known.insert((&facts.operation, facts.tag), event) {
                verdict.violated("one change has two events", |_| {
                    format!("{} and {}", describe(event), describe(other))
                });
            }
        }
        for ((operation, tag), committed) in &self.journal {
            if !known.contains_key(&(operation.as_str(), *tag)) {
                verdict.violated("committed, but never sent", |_| {
                    format!("{operation} with tag {tag}: {committed:?}")
                });
            }
        }
        for (endpoint, arrivals) in ENDPOINTS.iter().zip(&self.arrivals) {
            let arrived: HashSet<usize> = arrivals.iter().map(|arrival| arrival.event).collect();
            for (index, event) in self.events.iter().enumerate() {
                if !arrived.contains(&index) {
                    verdict.violated("lost on the way to one endpoint", |_| {
                        format!("{}: {}", endpoint.name, describe(event))
                    });
                }
            }
        }
    }

    /// The line of the journal that an event tells of.
    pub(super) fn committed(&self, event: &Event) -> Option<&Committed> {
        self.journal.get(&(event.facts.operation.clone(), event.facts.tag))
    }
}

fn difference(event: &Event, committed: &Committed) -> Option<&'static str> {
    let facts = &event.facts;
    let id = |key: Option<(i64, i64)>| key.map(|(id, _)| id);
    // A deleted row's version is that of its last change.
    let is_same_key = match facts.operation.as_str() {
        "deleted" => id(facts.key) == id(committed.key),
        _ => facts.key == committed.key,
    };
    if facts.place != committed.place {
        return Some("is of another table");
    }
    if !is_same_key {
        return Some("has another key or version");
    }
    if facts.former_id != id(committed.former) {
        return Some("has another former key");
    }
    let differs = facts.filling.is_some() && facts.filling != committed.filling;
    differs.then_some("has another content")
}
