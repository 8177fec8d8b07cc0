//! Order: first arrivals of a key never overtake each other; where the order is the endpoint's,
//! no first arrivals do.

use std::collections::HashMap;

use super::{Proof, Verdict, describe};
use crate::round::plan::ENDPOINTS;

/// A row's table and key.
type Key<'a> = (&'a str, i64);

impl Proof {
    pub(super) fn check_order(&self, verdict: &mut Verdict<'_>) {
        let chains = self.chains();
        let positions: HashMap<&str, (u64, i64)> =
            self.logged.iter().map(|row| (row.event_id.as_str(), row.position)).collect();
        let position = |event: usize| positions.get(self.events[event].id.as_str()).copied();
        for (key, chain) in &chains {
            for pair in chain.windows(2) {
                if position(pair[0].1) >= position(pair[1].1) {
                    verdict.violated("positions are not in the order of commits", |_| {
                        format!("{key:?}: {}, then {}", self.tell(pair[0].1), self.tell(pair[1].1))
                    });
                }
            }
        }
        for (index, (endpoint, arrivals)) in ENDPOINTS.iter().zip(&self.arrivals).enumerate() {
            let mut first: HashMap<usize, usize> = HashMap::new();
            for (place, arrival) in arrivals.iter().enumerate() {
                first.entry(arrival.event).or_insert(place);
            }
            let pairs: Vec<(usize, usize)> = match endpoint.ordering {
                "none" => continue,
                "endpoint" => {
                    let mut all: Vec<usize> = first.keys().copied().collect();
                    all.sort_unstable_by_key(|event| position(*event));
                    all.windows(2).map(|pair| (pair[0], pair[1])).collect()
                }
                _ => {
                    let pairs = chains.values().flat_map(|chain| chain.windows(2));
                    pairs.map(|pair| (pair[0].1, pair[1].1)).collect()
                }
            };
            for (earlier, later) in pairs {
                // What never came is said elsewhere.
                let (Some(one), Some(two)) = (first.get(&earlier), first.get(&later)) else {
                    continue;
                };
                if one > two {
                    verdict.violated("overtaken", |past| {
                        let at = arrivals[*two].at;
                        let gap = (arrivals[*one].at - at) as f64 / 1000.0;
                        let both = [earlier, later].map(|event| self.tell_story(index, event, at));
                        let around = past.around(at).join("\n      ");
                        format!(
                            "{}: {} came {gap} ms after its successor {}{}\n      {around}",
                            endpoint.name,
                            self.tell(earlier),
                            self.tell(later),
                            both.concat()
                        )
                    });
                }
            }
        }
    }

    /// The changes of each key, by version.
    pub(super) fn chains(&self) -> HashMap<Key<'_>, Vec<(i64, usize)>> {
        let mut chains: HashMap<Key<'_>, Vec<(i64, usize)>> = HashMap::new();
        for (index, event) in self.events.iter().enumerate() {
            let Some(committed) = self.committed(event) else { continue };
            for (id, version) in [committed.key, committed.former].into_iter().flatten() {
                chains.entry((&committed.place, id)).or_default().push((version, index));
            }
        }
        chains.values_mut().for_each(|chain| chain.sort_unstable());
        chains
    }

    fn tell(&self, event: usize) -> String {
        describe(&self.events[event])
    }
}
