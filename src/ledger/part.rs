//! A part of a draft: what PostgreSQL refuses for its data is halved until the bad row stands
//! alone, and that row is written in a lesser form. Pure.

use std::sync::Arc;

use uuid::Uuid;

use super::Settings;
use super::draft::Draft;
use crate::event::job::{Alert, Fare, Job, Outcome};
use crate::store::{Batch, Checkpoint, Form, ParkedJob, Rescheduled};

/// Rows that are written in one transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Part<'a> {
    pub(super) outcomes: &'a [Outcome],
    pub(super) parked: &'a [ParkedJob],
    pub(super) rescheduled: &'a [Rescheduled],
    pub(super) settled: &'a [(Uuid, i32)],
    pub(super) fares: &'a [Fare],
    pub(super) alerts: &'a [Alert],
    pub(super) form: Form,
}

impl<'a> Part<'a> {
    /// All of a draft.
    pub(super) fn all_of(draft: &'a Draft, fares: &'a [Fare]) -> Self {
        Self {
            outcomes: &draft.outcomes,
            parked: &draft.parked,
            rescheduled: &draft.rescheduled,
            settled: &draft.settled,
            fares,
            alerts: &draft.alerts,
            form: Form::Whole,
        }
    }

    /// What the store writes of it.
    pub(super) fn batch<'b>(
        &'b self,
        settings: &Settings,
        checkpoint: &'b Checkpoint,
    ) -> Batch<'b> {
        Batch {
            outcomes: self.outcomes,
            keep: settings.keep,
            tells_failures: settings.tells_failures,
            form: &self.form,
            parked: self.parked,
            rescheduled: self.rescheduled,
            settled: self.settled,
            fares: self.fares,
            alerts: self.alerts,
            checkpoint: Some(checkpoint),
        }
    }

    fn rows(&self) -> usize {
        self.outcomes.len()
            + self.parked.len()
            + self.rescheduled.len()
            + self.settled.len()
            + self.fares.len()
            + self.alerts.len()
    }

    /// Both halves, the first to be written first; `None` of a single row.
    pub(super) fn halves(&self) -> Option<[Self; 2]> {
        let rows = self.rows();
        if rows < 2 {
            return None;
        }
        let mut left = rows / 2;
        let (outcomes, later_outcomes) = cut(self.outcomes, &mut left);
        let (parked, later_parked) = cut(self.parked, &mut left);
        let (rescheduled, later_rescheduled) = cut(self.rescheduled, &mut left);
        let (settled, later_settled) = cut(self.settled, &mut left);
        let (fares, later_fares) = cut(self.fares, &mut left);
        let (alerts, later_alerts) = cut(self.alerts, &mut left);
        let form = Form::Whole;
        let first =
            Self { outcomes, parked, rescheduled, settled, fares, alerts, form: form.clone() };
        let second = Self {
            outcomes: later_outcomes,
            parked: later_parked,
            rescheduled: later_rescheduled,
            settled: later_settled,
            fares: later_fares,
            alerts: later_alerts,
            form,
        };
        Some([first, second])
    }

    /// The single row as it may be taken, if there is less of it than was refused for `reason`.
    pub(super) fn lesser(&self, reason: &str) -> Option<Self> {
        let is_queued = !self.parked.is_empty() || !self.rescheduled.is_empty();
        let form = match &self.form {
            Form::Whole if is_queued || !self.outcomes.is_empty() => Form::Bare(reason.to_owned()),
            Form::Bare(_) if is_queued && self.marked().is_none() => Form::Ended(reason.to_owned()),
            _ => return None,
        };
        Some(Self { form, ..self.clone() })
    }

    /// The delivery whose single row says no more than that it is in memory.
    pub(super) fn marked(&self) -> Option<&'a Arc<Job>> {
        match self.parked {
            [only] if only.wait.state == "in_flight" => Some(&only.job),
            _ => None,
        }
    }

    /// Whether the single row may be left out: what it tells of goes on without it. A delivery
    /// that neither queue nor log takes may not, and neither may the end of one.
    pub(super) fn is_dispensable(&self) -> bool {
        let is_told =
            !(self.outcomes.is_empty() && self.fares.is_empty() && self.alerts.is_empty());
        is_told || self.marked().is_some()
    }

    /// The delivery that the single row is about, if it is about one.
    pub(super) fn delivery(&self) -> Option<Uuid> {
        let outcome = self.outcomes.first().map(|outcome| &outcome.job);
        let job = outcome.or(self.parked.first().map(|parked| &parked.job));
        let queued = self.rescheduled.first().map(|row| row.delivery);
        job.map(|job| job.delivery.id.0).or(queued)
    }

    /// The delivery that ends with this part because the queue refuses it, and whether it was to
    /// be tried again.
    pub(super) fn ended(&self, draft: &Draft) -> Option<(Arc<Job>, bool)> {
        let Form::Ended(_) = self.form else { return None };
        match (self.parked, self.rescheduled) {
            ([only], _) => Some((Arc::clone(&only.job), only.wait.state == "retry")),
            (_, [only]) => {
                let is_it = |job: &&Arc<Job>| job.delivery.id.0 == only.delivery;
                let job = draft.changing.iter().find(is_it)?;
                Some((Arc::clone(job), only.wait.state == "retry"))
            }
            _ => None,
        }
    }
}

/// Splits off as many as are left to take.
fn cut<'a, T>(rows: &'a [T], left: &mut usize) -> (&'a [T], &'a [T]) {
    let here = rows.len().min(*left);
    *left -= here;
    rows.split_at(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_part_is_halved_down_to_single_rows_in_order() {
        let settled: Vec<_> = (0..5).map(|version| (Uuid::nil(), version)).collect();
        let alert = Alert {
            severity: crate::event::job::Severity::Info,
            kind: "gap",
            application: None,
            endpoint_name: None,
            count: None,
            message: String::new(),
            details: serde_json::Value::Null,
        };
        let alerts = [alert.clone(), alert];
        let mut parts = vec![Part { settled: &settled, alerts: &alerts, ..Part::default() }];
        let mut singles = Vec::new();
        while let Some(part) = parts.pop() {
            match part.halves() {
                Some([first, second]) => parts.extend([second, first]),
                None => singles.push((part.settled.first().map(|row| row.1), part.alerts.len())),
            }
        }
        let settled = (0..5).map(|version| (Some(version), 0));
        let all: Vec<_> = settled.chain([(None, 1), (None, 1)]).collect();
        assert_eq!(singles, all);
    }

    #[test]
    fn an_alert_may_be_left_out_and_the_end_of_a_delivery_may_not() {
        let settled = [(Uuid::nil(), 1)];
        let part = Part { settled: &settled, ..Part::default() };
        assert!(part.lesser("it is refused").is_none() && !part.is_dispensable());
    }
}
