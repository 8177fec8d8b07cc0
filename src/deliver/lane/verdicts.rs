//! What an attempt means: for its delivery, for the endpoint, for whoever watches.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::Lane;
use crate::deliver::classify::{Verdict, blame, verdict};
use crate::deliver::retry;
use crate::endpoint::Ordering;
use crate::event::Attempt;
use crate::event::job::{
    Alert, DisabledReason, Entry, Fare, Job, Outcome, Parking, Severity, Then,
};
use crate::store::Health;

impl Lane {
    /// Decides what becomes of the delivery and of the endpoint, and tells the ledger.
    pub(super) fn judge(&mut self, job: Arc<Job>, attempt: Attempt, began: Instant) {
        let now = (Instant::now(), microseconds_now());
        let seed = retry::seed(job.delivery.id, job.attempts.saturating_add(1));
        let used = job.charged.saturating_add(1);
        let verdict = verdict(&attempt, &self.endpoint.retry, used, seed);
        match &attempt.error {
            None => self.metrics.attempts_succeeded.inc(),
            Some((class, _)) => {
                self.metrics.attempt_failed(class.as_str());
                0
            }
        };
        let then = match verdict {
            Verdict::Delivered => {
                self.note_success(&job, now.0);
                Then::Done
            }
            Verdict::Gone => {
                self.disable(DisabledReason::Gone);
                // Due at once, that is as soon as the endpoint is active again.
                self.retry_after(&job, Duration::ZERO, now.0);
                Then::Retry { after: Duration::ZERO, charged: false }
            }
            Verdict::Throttled { rest } => {
                let rest = self.fitness.throttled(&self.endpoint, rest, now.0);
                self.retry_after(&job, rest, now.0);
                Then::Retry { after: rest, charged: false }
            }
            Verdict::Retry { delay } => {
                self.note_failure(&attempt, began, now);
                // Not again, but it ends as cancelled, and at once: others wait for it.
                let delay = job.cancelled().map_or(delay, |_| Duration::ZERO);
                self.retry_after(&job, delay, now.0);
                Then::Retry { after: delay, charged: true }
            }
            Verdict::Failed => {
                self.note_failure(&attempt, began, now);
                self.metrics.failed.inc();
                Then::Failed
            }
        };
        let outcome = Outcome { job: Arc::clone(&job), attempt, then };
        self.around.gate.add_unlogged(outcome.answer_bytes());
        self.tell(Entry::Attempted(outcome));
        self.pass_keys_on(&job, then);
        if self.health != Health::Active && self.mode.is_direct() {
            self.spill();
        }
    }

    /// Ends a delivery that somebody cancelled.
    pub(super) fn end_cancelled(&mut self, job: Arc<Job>) {
        self.metrics.cancelled.inc();
        let then = Then::Cancelled;
        let attempt = Attempt::none(microseconds_now());
        let outcome = Outcome { job: Arc::clone(&job), attempt, then };
        self.around.gate.add_unlogged(outcome.answer_bytes());
        self.tell(Entry::Attempted(outcome));
        self.pass_keys_on(&job, then);
    }

    /// Lets those behind go, or parks them behind a retry.
    fn pass_keys_on(&mut self, job: &Job, then: Then) {
        match then {
            Then::Done | Then::Failed | Then::Cancelled => {
                let next = self.keys.finish(job);
                self.admitted.extend(next);
            }
            Then::Retry { .. } => {
                let displaced = self.keys.stick(job);
                if self.endpoint.ordering == Ordering::Endpoint {
                    displaced.into_iter().rev().for_each(|job| self.ready.push_front(job));
                } else {
                    displaced.into_iter().for_each(|job| self.park(job, Parking::Blocked));
                }
            }
        }
    }

    /// What the queue refuses has ended as failed; those that waited behind it go.
    pub(super) fn let_go(&mut self) {
        for (job, is_retry) in self.around.gate.take_given_up(self.endpoint.id) {
            self.metrics.failed.inc();
            if is_retry {
                self.pass_keys_on(&job, Then::Failed);
            }
        }
    }

    fn note_success(&mut self, job: &Job, now: Instant) {
        self.metrics.succeeded.inc();
        let waited = microseconds_now().saturating_sub(job.delivery.event.commit_time);
        self.metrics.commit_to_success.observe(waited.max(0) as f64 / 1e6);
        let ended = self.fitness.succeeded(&self.endpoint, now);
        if ended > 0 {
            self.tell_fare(None);
            if self.endpoint.alert_after.iter().any(|threshold| ended >= *threshold) {
                let message = format!("endpoint {} answers again", self.endpoint.name);
                self.alert(Severity::Info, "endpoint_recovered", ended, message);
            }
        }
    }

    fn note_failure(&mut self, attempt: &Attempt, began: Instant, now: (Instant, i64)) {
        let Some(counted) = self.fitness.failed(&self.endpoint, blame(attempt), began, now) else {
            return;
        };
        let failures = counted.failures;
        if let Some((class, message)) = &attempt.error {
            let endpoint = &self.endpoint.name;
            tracing::info!(endpoint, class = class.as_str(), failures, "attempt failed: {message}");
        }
        if self.endpoint.alert_after.contains(&failures) {
            let times = match failures {
                1 => String::new(),
                more => format!(" {more} times in a row"),
            };
            let why = attempt.error.as_ref().map_or("", |(_, message)| message);
            let message = format!("endpoint {} failed{times}: {why}", self.endpoint.name);
            self.alert(Severity::Warning, "consecutive_failures", failures, message);
        }
        if counted.disables {
            self.disable(DisabledReason::Failures);
        } else {
            self.tell_fare(None);
        }
    }

    fn disable(&mut self, reason: DisabledReason) {
        if self.health == Health::Disabled {
            return;
        }
        self.health = Health::Disabled;
        let failures = self.fitness.failures();
        let name = &self.endpoint.name;
        tracing::warn!(
            endpoint = name,
            reason = reason.as_str(),
            "endpoint disabled; its events are held"
        );
        let message = match reason {
            DisabledReason::Gone => {
                format!("endpoint {name} answered 410 Gone and is disabled; its events are held")
            }
            DisabledReason::Failures => {
                format!(
                    "endpoint {name} failed {failures} times in a row and is disabled; its events are held"
                )
            }
        };
        self.tell_fare(Some(reason));
        self.disabled_by = self.fare_version;
        self.alert(Severity::Critical, "endpoint_disabled", failures, message);
    }

    /// Only the news that disables says so: what comes later must not undo an operator's `resume`.
    pub(super) fn tell_fare(&mut self, disabled: Option<DisabledReason>) {
        self.fare_version += 1;
        self.tell(Entry::Fares(Fare {
            endpoint: self.endpoint.id,
            version: self.fare_version,
            disabled,
            consecutive_failures: self.fitness.failures(),
            failing_since: self.fitness.failing_since(),
        }));
    }

    fn alert(&self, severity: Severity, kind: &'static str, count: u32, message: String) {
        self.tell(Entry::Alert(Alert {
            severity,
            kind,
            application: Some(self.endpoint.application.clone()),
            endpoint_name: Some(self.endpoint.name.clone()),
            count: i32::try_from(count).ok(),
            message,
            details: serde_json::json!({}),
        }));
    }

    fn retry_after(&mut self, job: &Arc<Job>, delay: Duration, now: Instant) {
        self.unwritten_retries.push(Arc::downgrade(job));
        let due = now + delay;
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
    }
}

pub(super) fn microseconds_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
