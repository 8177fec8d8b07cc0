//! A batch in the making: what the entries since the last flush come to.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::endpoint::EndpointId;
use crate::event::job::{Alert, Fare, Job, Outcome, Parking, Receipt, Then};
use crate::store::{ParkedJob, Rescheduled, Wait};

/// Entries that are to be written together.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Jobs whose rows in the queue change. Until this is written the queue shows them as they
    /// were, and lanes must know that they are still on their way. Dropped first: when the last
    /// one that was parked behind a key is gone from memory, all of them must be.
    pub(super) changing: Vec<Arc<Job>>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) parked: Vec<ParkedJob>,
    pub(super) rescheduled: Vec<Rescheduled>,
    pub(super) settled: Vec<(Uuid, i32)>,
    pub(super) fares: HashMap<EndpointId, Fare>,
    pub(super) alerts: Vec<Alert>,
    /// Jobs that stay in memory and have a row in the queue once this is written.
    pub(super) marked: Vec<Arc<Job>>,
    /// Dropped once this is written, which tells lanes.
    pub(super) receipts: Vec<Arc<Receipt>>,
    /// Who waits for this to be written.
    pub(super) waiting: Vec<oneshot::Sender<()>>,
    /// Bytes of bodies in the rows.
    pub(super) bytes: usize,
    /// Bytes of answers in the log's rows.
    pub(super) answer_bytes: usize,
    /// When the first row came.
    pub(super) since: Option<Instant>,
}

impl Draft {
    /// Rows so far.
    pub(super) fn rows(&self) -> usize {
        self.outcomes.len() + self.parked.len() + self.rescheduled.len()
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.rows() == 0
            && self.settled.is_empty()
            && self.fares.is_empty()
            && self.alerts.is_empty()
    }

    /// Commit time in ms of the earliest change whose rows are new.
    pub(super) fn earliest_commit(&self) -> Option<u64> {
        let jobs = self.outcomes.iter().map(|outcome| &outcome.job);
        let jobs = jobs.chain(self.parked.iter().map(|parked| &parked.job));
        jobs.map(|job| job.delivery.event.id.commit_milliseconds()).min()
    }

    pub(super) fn touch(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Takes up an attempt's outcome.
    pub(super) fn attempted(&mut self, outcome: Outcome) {
        let job = &outcome.job;
        self.unmark(job);
        match outcome.then {
            Then::Done | Then::Failed | Then::Cancelled => {
                if let Some(version) = job.row_version() {
                    self.settled.push((job.delivery.id.0, version));
                }
            }
            Then::Retry { .. } => self.wait(&outcome.job, wait_after(&outcome)),
        }
        self.bytes += outcome.job.outgoing().delivery.body.len();
        self.answer_bytes += outcome.answer_bytes();
        self.outcomes.push(outcome);
    }

    /// Takes up a delivery that goes to the queue without an attempt.
    pub(super) fn park(&mut self, job: &Arc<Job>, parking: Parking) {
        let (state, hold_reason) = match parking {
            Parking::Ready => ("ready", None),
            Parking::Blocked => ("blocked", None),
            Parking::Held(reason) => ("held", Some(reason.as_str())),
        };
        self.unmark(job);
        self.wait(job, Wait { state, hold_reason, ..unchanged(job) });
    }

    /// Takes up how an endpoint fares. Later news replaces earlier, but for its being disabled.
    pub(super) fn fare(&mut self, fare: Fare) {
        let former = self.fares.remove(&fare.endpoint).and_then(|former| former.disabled);
        let disabled = fare.disabled.or(former);
        self.fares.insert(fare.endpoint, Fare { disabled, ..fare });
    }

    /// Takes changes of the queue back from a draft that was written without them: somebody has
    /// locked the rows.
    pub(super) fn take_back(&mut self, written: &Self, locked: &[Uuid]) {
        let is_locked = |delivery: &Uuid| locked.contains(delivery);
        self.settled.extend(written.settled.iter().filter(|(delivery, _)| is_locked(delivery)));
        let rescheduled = written.rescheduled.iter().filter(|r| is_locked(&r.delivery));
        self.rescheduled.extend(rescheduled.cloned());
        let jobs = written.outcomes.iter().map(|outcome| &outcome.job).chain(&written.changing);
        self.changing.extend(jobs.filter(|job| is_locked(&job.delivery.id.0)).cloned());
    }

    /// Writes a row for a delivery that stays in memory, so that it no longer holds the watermark.
    pub(super) fn mark_in_flight(&mut self, job: Arc<Job>) {
        let wait = Wait { state: "in_flight", ..unchanged(&job) };
        self.parked.push(ParkedJob::new(&job, wait));
        self.marked.push(job);
    }

    /// Forgets that a delivery was marked since the last flush: its row is not written, so no
    /// version could name it, and it would stay behind whatever became of the delivery.
    fn unmark(&mut self, job: &Arc<Job>) {
        if let Some(index) = self.marked.iter().position(|marked| Arc::ptr_eq(marked, job)) {
            self.marked.swap_remove(index);
            self.parked.retain(|parked| !Arc::ptr_eq(&parked.job, job));
        }
    }

    fn wait(&mut self, job: &Arc<Job>, wait: Wait) {
        match job.row_version() {
            Some(version) => {
                self.rescheduled.push(Rescheduled::new(job, version, wait));
                self.changing.push(Arc::clone(job));
            }
            None => {
                let parked = ParkedJob::new(job, wait);
                self.bytes += parked.kept.body.len();
                self.parked.push(parked);
            }
        }
    }
}

fn unchanged(job: &Job) -> Wait {
    Wait { attempts: job.attempts as i32, charged: job.charged as i32, ..Wait::default() }
}

fn wait_after(outcome: &Outcome) -> Wait {
    let Outcome { job, attempt, then } = outcome;
    let attempted = Wait {
        attempts: job.attempts.saturating_add(1) as i32,
        charged: job.charged as i32,
        status_code: attempt.status.map(i32::from),
        error_message: attempt.error.as_ref().map(|(_, message)| message.clone()),
        ..Wait::default()
    };
    match *then {
        Then::Retry { after, charged } => Wait {
            state: "retry",
            delay_us: Some(i64::try_from(after.as_micros()).unwrap_or(i64::MAX)),
            charged: (job.charged + u32::from(charged)) as i32,
            ..attempted
        },
        Then::Done | Then::Failed | Then::Cancelled => Wait { state: "ready", ..attempted },
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::budget::Share;
    use crate::event::job::{DisabledReason, Parked};
    use crate::event::{Delivery, DeliveryId, Event, EventId};
    use crate::lsn::Position;

    fn queued() -> Arc<Job> {
        let event = Event {
            id: EventId(0),
            event_type: Arc::from("order.updated"),
            position: Position::default(),
            commit_time: 0,
            keys: [0, 0],
        };
        let delivery = Delivery {
            id: DeliveryId(Uuid::nil()),
            endpoint: EndpointId(Uuid::nil()),
            event: Arc::new(event),
            body: Bytes::new(),
        };
        let row = Parked {
            shape: 0,
            awaits_template: false,
            attempts: 0,
            charged: 0,
            version: 3,
            is_apart: false,
            cancelled: None,
        };
        Arc::new(Job::parked(delivery, &row, Share::new(0).take(0)))
    }

    #[test]
    fn a_row_that_changes_stays_in_memory_until_the_change_is_written() {
        let mut draft = Draft::default();
        let job = queued();
        let seen_by_its_lane = Arc::downgrade(&job);
        draft.park(&job, Parking::Blocked);
        drop(job);
        assert_eq!(draft.rescheduled.len(), 1);
        assert!(seen_by_its_lane.upgrade().is_some(), "else the lane reads the old row");
        drop(draft);
        assert!(seen_by_its_lane.upgrade().is_none());
    }

    #[test]
    fn news_of_an_endpoint_keeps_that_it_was_disabled() {
        let fare = |version, disabled| Fare {
            endpoint: EndpointId(Uuid::nil()),
            version,
            disabled,
            consecutive_failures: 0,
            failing_since: None,
        };
        let mut draft = Draft::default();
        draft.fare(fare(1, Some(DisabledReason::Gone)));
        draft.fare(fare(2, None));
        let kept = fare(2, Some(DisabledReason::Gone));
        assert_eq!(draft.fares.into_values().collect::<Vec<_>>(), [kept]);
    }
}
