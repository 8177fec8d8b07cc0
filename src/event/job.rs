//! A delivery at work, and what lanes and reader tell the ledger about it.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;

use super::budget::{Charge, Share, footprint};
use super::{Attempt, Delivery};
use crate::endpoint::EndpointId;
use crate::lsn::{Lsn, Position};
use crate::template::{RenderError, Rendering};

/// A delivery in memory: on its way through a lane to the ledger.
#[derive(Debug)]
pub struct Job {
    /// What to send where, but for its body: [`Job::outgoing`] has that.
    pub delivery: Delivery,
    shape: i64,
    /// What makes the body of the delivery's.
    rendering: Option<Arc<Rendering>>,
    rendered: OnceLock<Rendered>,
    /// Attempts made before this time in memory.
    pub attempts: u32,
    /// Those of them that used up a retry.
    pub charged: u32,
    /// Its place in the ledger's window; `None` for what was read from the queue, which is
    /// settled already.
    pub slot: Option<u64>,
    /// The memory it takes.
    pub charge: Charge,
    /// It was asked for by hand and has no part in the order of its key.
    pub is_apart: bool,
    cancelled: OnceLock<String>,
    row_version: AtomicI32,
}

/// What a template made of a delivery.
#[derive(Debug)]
struct Rendered {
    delivery: Delivery,
    shape: i64,
    _charge: Charge,
}

/// What is to be sent, as far as that is known.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// With the body to send, unless that is still to be made.
    pub delivery: &'a Delivery,
    /// Hash of what made the body what it is: bodies are parked once per event and shape.
    pub shape: i64,
    /// The body is what a template has yet to make the body of.
    pub awaits_template: bool,
}

impl Job {
    /// A delivery fresh from the WAL, at `slot` of the ledger's window.
    pub fn routed(delivery: Delivery, shape: i64, slot: u64, charge: Charge) -> Self {
        Self {
            delivery,
            shape,
            rendering: None,
            rendered: OnceLock::new(),
            attempts: 0,
            charged: 0,
            slot: Some(slot),
            charge,
            is_apart: false,
            cancelled: OnceLock::new(),
            row_version: AtomicI32::new(0),
        }
    }

    /// A delivery read from the queue, where it stays until it is settled.
    pub fn parked(delivery: Delivery, row: &Parked, charge: Charge) -> Self {
        Self {
            delivery,
            shape: row.shape,
            rendering: None,
            rendered: OnceLock::new(),
            attempts: row.attempts,
            charged: row.charged,
            slot: None,
            charge,
            is_apart: row.is_apart,
            cancelled: row.cancelled.clone().map_or_else(OnceLock::new, OnceLock::from),
            row_version: AtomicI32::new(row.version),
        }
    }

    /// The same with a body that is still to be made by `rendering`, if that is one.
    pub fn with(self, rendering: Option<Arc<Rendering>>) -> Self {
        Self { rendering, ..self }
    }

    /// What is to be sent. It changes once, when a template has made the body.
    pub fn outgoing(&self) -> Outgoing<'_> {
        match self.rendered.get() {
            Some(Rendered { delivery, shape, .. }) => {
                Outgoing { delivery, shape: *shape, awaits_template: false }
            }
            None => Outgoing {
                delivery: &self.delivery,
                shape: self.shape,
                awaits_template: self.rendering.is_some(),
            },
        }
    }

    /// The shape of what its body was made of, if that was done in this memory.
    pub fn rendered_from(&self) -> Option<i64> {
        self.rendered.get().map(|_| self.shape)
    }

    /// Makes the body, if that is still to be done; it takes memory of `room`.
    ///
    /// # Errors
    /// When the template fails; then everything is as before.
    pub fn render(&self, room: &Arc<Share>) -> Result<(), RenderError> {
        let Some(rendering) = &self.rendering else { return Ok(()) };
        let Delivery { id, endpoint, event, body } = &self.delivery;
        let body = rendering.of(body)?;
        self.rendered.get_or_init(|| Rendered {
            shape: rendering.template().shape(self.shape),
            _charge: room.take(footprint(body.len())),
            delivery: Delivery { id: *id, endpoint: *endpoint, event: Arc::clone(event), body },
        });
        Ok(())
    }

    /// Who cancelled it, and how, if somebody did: then it ends without being sent.
    pub fn cancelled(&self) -> Option<&str> {
        self.cancelled.get().map(String::as_str)
    }

    /// Notes that somebody cancelled it.
    pub fn cancel(&self, reason: String) {
        // Cancelled twice is cancelled once.
        let _ = self.cancelled.set(reason);
    }

    /// The version of its row in the queue, if it has one.
    pub fn row_version(&self) -> Option<i32> {
        Some(self.row_version.load(Ordering::Relaxed)).filter(|version| *version > 0)
    }

    /// Notes that its row in the queue now has this version. Only the ledger says so.
    pub fn set_row_version(&self, version: i32) {
        self.row_version.store(version, Ordering::Relaxed);
    }
}

/// What a row of the queue tells beside the delivery.
#[derive(Clone, Debug)]
pub struct Parked {
    /// See [`Outgoing::shape`].
    pub shape: i64,
    /// See [`Outgoing::awaits_template`].
    pub awaits_template: bool,
    /// Attempts made.
    pub attempts: u32,
    /// Those that used up a retry.
    pub charged: u32,
    /// Version of the row.
    pub version: i32,
    /// See [`Job::is_apart`].
    pub is_apart: bool,
    /// See [`Job::cancelled`].
    pub cancelled: Option<String>,
}

/// What the ledger is told. One queue from everybody keeps causes before effects.
#[derive(Debug)]
pub enum Entry {
    /// Positions that the reader has passed, in stream order, and the memory they take until
    /// the ledger has taken them up.
    Passed(Vec<Passage>, Charge),
    /// An attempt was made, or the delivery ended without one.
    Attempted(Outcome),
    /// A delivery goes to the queue without an attempt.
    Parked(Arc<Job>, Parking, Option<Arc<Receipt>>),
    /// An endpoint fares differently.
    Fares(Fare),
    /// An operator should know.
    Alert(Alert),
    /// Everything before this is to be committed now; then say so.
    Flush(oneshot::Sender<()>),
}

/// A stretch of the stream that the reader has passed.
#[derive(Debug)]
pub struct Passage {
    /// Where it ends: a change, or a whole commit (ordinal `u64::MAX`), or a keepalive.
    pub position: Position,
    /// What may be reported as flushed once everything up to here is settled; only between
    /// transactions.
    pub end: Option<Lsn>,
    /// Deliveries to settle first.
    pub jobs: Vec<Arc<Job>>,
}

/// An attempt and what it means for its delivery.
#[derive(Debug)]
pub struct Outcome {
    /// The delivery.
    pub job: Arc<Job>,
    /// What happened.
    pub attempt: Attempt,
    /// What follows.
    pub then: Then,
}

impl Outcome {
    /// Memory that the answer takes, which no lane's share counts.
    pub fn answer_bytes(&self) -> usize {
        let Attempt { response_headers, response_body, error, signature, .. } = &self.attempt;
        let error = error.as_ref().map_or(0, |(_, message)| message.len());
        response_headers.len() + response_body.len() + error + signature.len()
    }
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It succeeded.
    Done,
    /// It failed for good.
    Failed,
    /// There was no attempt: it was cancelled.
    Cancelled,
    /// Another attempt, after the delay.
    Retry {
        /// From when the ledger writes it down, on PostgreSQL's clock.
        after: Duration,
        /// Whether this attempt used up a retry.
        charged: bool,
    },
}

/// How a delivery waits in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parking {
    /// For the endpoint to take it.
    Ready,
    /// For an earlier delivery of its key.
    Blocked,
    /// For the configuration to be mended.
    Held(HoldReason),
}

/// Why an event is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// A column that an exclude or redact names is gone.
    ColumnMissing,
    /// A condition does not fit its table.
    ConditionUnfit,
}

impl HoldReason {
    /// The word in the queue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ColumnMissing => "column_missing",
            Self::ConditionUnfit => "condition_unfit",
        }
    }
}

/// Held by entries on their way to the ledger: when the last clone is gone, all of them are
/// committed (or the ledger is).
#[derive(Debug)]
pub struct Receipt(pub Arc<tokio::sync::Notify>);

impl Drop for Receipt {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// How an endpoint fares, as its lane knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fare {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Number of this news: a state read from the database with a smaller one is older than it.
    pub version: i64,
    /// Why it is disabled by this; `None` leaves its state as it is.
    pub disabled: Option<DisabledReason>,
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// Time of the first of them, in microseconds since 1970-01-01 UTC.
    pub failing_since: Option<i64>,
}

/// Why the daemon disabled an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// It answered 410.
    Gone,
    /// It failed too often.
    Failures,
}

impl DisabledReason {
    /// The word in the endpoint's row.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failures => "failures",
        }
    }
}

/// One row of `walhook.alert`.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// How bad it is.
    pub severity: Severity,
    /// As in `endpoint_disabled`.
    pub kind: &'static str,
    /// The tenant concerned.
    pub application: Option<String>,
    /// The endpoint concerned.
    pub endpoint_name: Option<String>,
    /// How many, where the kind counts.
    pub count: Option<i32>,
    /// One sentence.
    pub message: String,
    /// Facts for programs.
    pub details: serde_json::Value,
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

impl Severity {
    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
