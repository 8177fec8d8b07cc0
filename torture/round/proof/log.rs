//! The log: every delivery ended once, by success, and it knows of every request.

use std::collections::HashMap;

use super::{Logged, Proof, Verdict, describe};
use crate::round::plan::ENDPOINTS;

impl Proof {
    pub(super) fn check_log(&self, verdict: &mut Verdict<'_>) {
        let mut ends: HashMap<(usize, &str), Vec<&Logged>> = HashMap::new();
        for row in self.logged.iter().filter(|row| row.is_final()) {
            ends.entry((row.endpoint, &row.event_id)).or_default().push(row);
        }
        for (index, endpoint) in ENDPOINTS.iter().enumerate() {
            for event in &self.events {
                let end = ends.remove(&(index, event.id.as_str())).unwrap_or_default();
                let outcomes: Vec<&str> = end.iter().map(|row| row.outcome.as_str()).collect();
                if outcomes != ["success"] {
                    verdict.violated("not logged once as a success", |_| {
                        format!("{}: {} is {outcomes:?}", endpoint.name, describe(event))
                    });
                }
            }
        }
        for ((endpoint, event), _) in ends {
            verdict.violated("logged, but never sent", |_| {
                format!("{}: {event}", ENDPOINTS[endpoint].name)
            });
        }
        self.compare_attempts(verdict);
    }

    /// Each request is an attempt in the log, and each answered attempt in the log was a request.
    fn compare_attempts(&self, verdict: &mut Verdict<'_>) {
        let mut unseen = self.log_by_attempt();
        for (index, arrivals) in self.arrivals.iter().enumerate() {
            let known = self.log_by_attempt();
            for arrival in arrivals {
                let attempt = (index, arrival.delivery, arrival.attempt);
                unseen.remove(&attempt);
                if !known.contains_key(&attempt) {
                    verdict.violated("sent, but not logged", |past| {
                        let event = &self.events[arrival.event];
                        let around = past.around(arrival.at).join("\n      ");
                        format!(
                            "{}: attempt {} of {}\n      {around}",
                            ENDPOINTS[index].name,
                            arrival.attempt,
                            describe(event)
                        )
                    });
                }
            }
        }
        for row in unseen.values().filter(|row| row.status.is_some()) {
            verdict.violated("logged with a status, but never sent", |_| {
                format!(
                    "{}: attempt {} of {}",
                    ENDPOINTS[row.endpoint].name, row.attempt, row.event_id
                )
            });
        }
    }
}
