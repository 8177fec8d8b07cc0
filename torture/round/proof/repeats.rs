//! Repeats: only of what was under way or not logged when a daemon lost its memory, with the same
//! id and the same bytes.

use std::collections::HashMap;

use super::{Findings, Logged, Proof, Verdict};
use crate::round::history::Past;
use crate::round::inbox::{Answer, Arrival};
use crate::round::plan::ENDPOINTS;

impl Proof {
    pub(super) fn check_repeats(&self, verdict: &mut Verdict<'_>, findings: &mut Findings) {
        let ends = self.ends();
        for (index, arrivals) in self.arrivals.iter().enumerate() {
            let mut deliveries: HashMap<u128, Vec<&Arrival>> = HashMap::new();
            for arrival in arrivals {
                deliveries.entry(arrival.delivery).or_default().push(arrival);
            }
            for (delivery, arrivals) in &deliveries {
                let end = ends.get(&(index, *delivery)).copied();
                let fault = self.fault(arrivals, end, verdict.past);
                if let Some(fault) = fault {
                    verdict.violated("a repeat without excuse", |past| {
                        self.tell_repeat(fault, (index, arrivals), past)
                    });
                }
                for pair in arrivals.windows(2).filter(|pair| pair[1].attempt <= pair[0].attempt) {
                    let why = excuse(pair[0], pair[1], verdict.past).unwrap_or_default();
                    *findings.repeats.entry(why).or_default() += 1;
                }
            }
        }
    }

    fn fault(
        &self,
        arrivals: &[&Arrival],
        end: Option<&Logged>,
        past: &Past,
    ) -> Option<&'static str> {
        let first = arrivals[0];
        if arrivals.iter().any(|other| other.event != first.event) {
            return Some("one delivery, two events");
        }
        if arrivals.iter().any(|other| other.body != first.body) {
            return Some("one delivery, different bytes");
        }
        let again = arrivals.windows(2).filter(|pair| pair[1].attempt <= pair[0].attempt);
        if again.clone().any(|pair| excuse(pair[0], pair[1], past).is_none()) {
            return Some("nobody had lost anything in between");
        }
        let end = end?;
        let is_late = |arrival: &&&Arrival| {
            i64::from(arrival.attempt) > i64::from(end.attempt)
                || (self.has_true_times && arrival.at > end.committed)
        };
        let late = arrivals.iter().find(is_late)?;
        (!past.is_apart(late.at)).then_some("its end was in the log already")
    }

    fn tell_repeat(
        &self,
        fault: &str,
        (endpoint, arrivals): (usize, &[&Arrival]),
        past: &Past,
    ) -> String {
        let (first, last) = (arrivals[0], arrivals[arrivals.len() - 1]);
        let story = self.tell_story(endpoint, first.event, first.at);
        let around = past.around(last.at).join("\n        around the last: ");
        format!("{}: {fault}{story}\n        around the last: {around}", ENDPOINTS[endpoint].name)
    }
}

/// Why a request of the same attempt may come again.
fn excuse(first: &Arrival, again: &Arrival, past: &Past) -> Option<String> {
    // A connection that was kept alive and ends before any byte of an answer says nothing about
    // the endpoint: once, within the same attempt.
    if first.answer == Answer::Closed && first.attempt == again.attempt {
        return Some("its connection ended without a byte".to_owned());
    }
    past.excuse(first.at, again.at).map(str::to_owned)
}
