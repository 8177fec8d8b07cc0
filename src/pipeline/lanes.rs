//! The reader's view of the lanes: who gets what, and whether there is room.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::sync::mpsc;

use super::replay::Replay;
use crate::deliver::lane::ToLane;
use crate::endpoint::Endpoint;
use crate::event::budget::{Share, footprint};
use crate::event::gate::Gate;
use crate::event::job::{Alert, Entry, HoldReason, Job, Outcome, Parking, Severity, Then};
use crate::event::{Attempt, Delivery, DeliveryId, ErrorClass};
use crate::metrics::EndpointMetrics;
use crate::route::{ConditionFailure, Hold, Routed};

/// One lane, from outside.
#[derive(Debug)]
pub(super) struct LaneHandle {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) sender: mpsc::UnboundedSender<ToLane>,
    pub(super) share: Arc<Share>,
    metrics: EndpointMetrics,
    queued: Vec<Arc<Job>>,
}

impl LaneHandle {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        sender: mpsc::UnboundedSender<ToLane>,
        (share, metrics): (Arc<Share>, EndpointMetrics),
    ) -> Self {
        Self { endpoint, sender, share, metrics, queued: Vec::new() }
    }
}

/// All lanes, in the order of the router's endpoints.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<LaneHandle>,
    /// Lanes with something queued for them.
    touched: Vec<usize>,
    /// For the ledger.
    entries: Vec<Entry>,
    /// Alerts that were raised already: kind, endpoint, subject.
    raised: HashSet<(&'static str, usize, String)>,
    /// A lane got full since the last hand-over.
    got_full: bool,
    gate: Arc<Gate>,
}

impl Lanes {
    pub(super) fn new(lanes: Vec<LaneHandle>, gate: Arc<Gate>) -> Self {
        Self {
            lanes,
            gate,
            touched: Vec::new(),
            entries: Vec::new(),
            raised: HashSet::new(),
            got_full: false,
        }
    }

    /// Takes the lanes out, to be settled anew. Nothing is queued for them: what was read has
    /// been handed over.
    pub(super) fn take_all(&mut self) -> Vec<LaneHandle> {
        self.touched.clear();
        self.raised.clear();
        std::mem::take(&mut self.lanes)
    }

    /// Puts lanes in, in the order of the router's endpoints.
    pub(super) fn put_all(&mut self, lanes: Vec<LaneHandle>) {
        self.lanes = lanes;
    }

    /// Makes a delivery of what was routed, for its lane or for the queue, unless it is settled
    /// already.
    pub(super) fn take(&mut self, routed: Routed, replay: &Replay) -> Option<Arc<Job>> {
        let Routed { event, endpoint: index, body, shape, rendering, trimmed, hold, failure } =
            routed;
        let lane = self.lanes.get_mut(index)?;
        let id = DeliveryId::new(event.id, lane.endpoint.id);
        if replay.is_settled(id) {
            return None;
        }
        let charge = lane.share.take(footprint(body.len()));
        self.got_full |= lane.share.is_over();
        let event_type = trimmed.then(|| Arc::clone(&event.event_type));
        let delivery = Delivery { id, endpoint: lane.endpoint.id, event, body };
        let job = Job::routed(delivery, shape, replay.next_slot(), charge);
        let job = Arc::new(job.with(rendering));
        if let Some(hold) = &hold {
            let parking = Parking::Held(reason(hold));
            self.entries.push(Entry::Parked(Arc::clone(&job), parking, None));
            self.alert_hold(index, hold);
        } else if let Some(failure) = failure {
            self.fail(index, &job, failure);
        } else {
            if lane.queued.is_empty() {
                self.touched.push(index);
            }
            lane.queued.push(Arc::clone(&job));
        }
        if let Some(event_type) = event_type {
            self.alert_trimmed(index, &event_type);
        }
        Some(job)
    }

    /// What the ledger is to be told once it knows of the deliveries.
    pub(super) fn take_entries(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// Logs a delivery as failed: nobody knows whether it was to be made.
    fn fail(&mut self, index: usize, job: &Arc<Job>, failure: ConditionFailure) {
        let label = &job.delivery.event.event_type;
        let message = failure.to_string();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let attempt = Attempt {
            started_at: since_1970.as_micros() as i64,
            duration: Duration::ZERO,
            status: None,
            response_headers: String::new(),
            response_body: String::new(),
            error: Some((ErrorClass::Condition, message.clone())),
            is_resolver_out: false,
            retry_after: None,
            signature: String::new(),
        };
        let outcome = Outcome { job: Arc::clone(job), attempt, then: Then::Failed };
        self.gate.add_unlogged(outcome.answer_bytes());
        let metrics = &self.lanes[index].metrics;
        metrics.attempt_failed(ErrorClass::Condition.as_str());
        metrics.failed.inc();
        let details = json!({"event_type": &**label, "error": failure.error.to_string()});
        let subject = format!("{label} {message}");
        let text = format!("an event {label} fails unsent, since {message}; so will others");
        self.entries.push(Entry::Attempted(outcome));
        self.alert(Severity::Warning, "condition_error", (index, subject), (text, details));
    }

    fn alert_hold(&mut self, index: usize, hold: &Hold) {
        let (kind, subject, details) = match hold {
            Hold::ConditionUnfit { table, whose, problem } => (
                "condition_error",
                format!("{table} {whose}"),
                json!({"table": table, "condition_of": whose, "problem": problem}),
            ),
            Hold::ColumnMissing { table, column } | Hold::ColumnRenamed { table, column, .. } => (
                "column_missing",
                format!("{table}.{column}"),
                json!({"table": table, "column": column}),
            ),
        };
        let message =
            format!("{hold}; the table's events are held for it until the configuration is mended");
        self.alert(Severity::Critical, kind, (index, subject), (message, details));
    }

    /// Tells that no events of a derived type are made, since its condition does not fit.
    pub(super) fn alert_unfit(&mut self, hold: &Hold) {
        let Hold::ConditionUnfit { table, whose, problem } = hold else { return };
        let message = format!("{hold}; no such events are made until the configuration is mended");
        tracing::warn!(kind = "condition_error", "{message}");
        self.entries.push(Entry::Alert(Alert {
            severity: Severity::Critical,
            kind: "condition_error",
            application: None,
            endpoint_name: None,
            count: None,
            message,
            details: json!({"table": table, "condition_of": whose, "problem": problem}),
        }));
    }

    fn alert_trimmed(&mut self, index: usize, event_type: &str) {
        let message = format!(
            "an event {event_type} is larger than [delivery] max_event_bytes and is sent with \
             its key columns only; so will others be"
        );
        let details = json!({"event_type": event_type});
        let subject = event_type.to_owned();
        self.alert(Severity::Warning, "event_trimmed", (index, subject), (message, details));
    }

    /// Raises an alert, once for each kind, endpoint and subject.
    fn alert(
        &mut self,
        severity: Severity,
        kind: &'static str,
        (index, subject): (usize, String),
        (message, details): (String, serde_json::Value),
    ) {
        if !self.raised.insert((kind, index, subject)) {
            return;
        }
        let endpoint = &self.lanes[index].endpoint;
        tracing::warn!(endpoint = endpoint.name, kind, "{message}");
        self.entries.push(Entry::Alert(Alert {
            severity,
            kind,
            application: Some(endpoint.application.clone()),
            endpoint_name: Some(endpoint.name.clone()),
            count: None,
            message: format!("endpoint {}: {message}", endpoint.name),
            details,
        }));
    }

    /// Gives every lane what was queued for it, at once.
    pub(super) fn hand_over(&mut self) {
        self.got_full = false;
        for index in self.touched.drain(..) {
            let lane = &mut self.lanes[index];
            // A lane that is gone was told to stop; its deliveries stay unsettled and come again.
            let _ = lane.sender.send(ToLane::Deliver(std::mem::take(&mut lane.queued)));
        }
    }

    /// Tells every lane that it has everything that goes before what was left in the queue.
    pub(super) fn tell_replayed(&self) {
        for lane in &self.lanes {
            // A lane that is gone was told to stop.
            let _ = lane.sender.send(ToLane::Replayed);
        }
    }

    /// Whether a lane got full since the last hand-over. That many lanes want what is read may
    /// make much of little.
    pub(super) fn got_full(&self) -> bool {
        self.got_full
    }

    /// A lane's share that is over its limit.
    pub(super) fn full(&self) -> Option<&Arc<Share>> {
        self.lanes.iter().map(|lane| &lane.share).find(|share| share.is_over())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &LaneHandle> {
        self.lanes.iter()
    }
}

fn reason(hold: &Hold) -> HoldReason {
    match hold {
        Hold::ColumnMissing { .. } | Hold::ColumnRenamed { .. } => HoldReason::ColumnMissing,
        Hold::ConditionUnfit { .. } => HoldReason::ConditionUnfit,
    }
}
