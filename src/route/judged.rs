//! What all conditions together say of one change.

use std::sync::Arc;

use super::gate::{Subject, Verdict};
use super::plan::Plan;
use super::{ConditionFailure, Hold, Whose};

/// What the conditions say of one change, each asked once.
pub(super) struct Judged<'a> {
    pub(super) plan: &'a Plan,
    subject: Subject<'a>,
    model: Verdict,
    endpoints: Vec<Option<Verdict>>,
}

/// How an event goes to an endpoint.
pub(super) struct Admission {
    pub(super) hold: Option<Arc<Hold>>,
    pub(super) failure: Option<ConditionFailure>,
}

impl<'a> Judged<'a> {
    /// With what the model's condition says.
    pub(super) fn new(plan: &'a Plan, subject: Subject<'a>, model: Verdict) -> Self {
        Self { plan, subject, model, endpoints: vec![None; plan.gates.len()] }
    }

    /// Whether an event of a type whose own condition says `own` goes to an endpoint with that
    /// condition: not if any of the three is false, and as a failure if any raises. Where one
    /// depends on what is unknown, it goes.
    pub(super) fn admit(&mut self, own: Verdict, gate: Option<usize>) -> Option<Admission> {
        let gate = gate.map(|gate| (gate, &self.plan.gates[gate]));
        let endpoint = gate.map_or(Verdict::Pass, |(place, gate)| {
            *self.endpoints[place].get_or_insert_with(|| gate.judge(&self.subject))
        });
        if endpoint == Verdict::Stop {
            return None;
        }
        let held = self.plan.gate.hold().or(gate.and_then(|(_, gate)| gate.hold()));
        let verdicts =
            [(Whose::Model, self.model), (Whose::EventType, own), (Whose::Endpoint, endpoint)];
        let failure = verdicts.into_iter().find_map(|(whose, verdict)| match verdict {
            Verdict::Fails(error) => Some(ConditionFailure { whose, error }),
            _ => None,
        });
        Some(Admission { hold: held.cloned(), failure })
    }
}
