//! A delivery at work, and what lanes and reader tell the ledger about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use super::budget::Charge;
use super::{Attempt, Delivery};
use crate::endpoint::EndpointId;
use crate::lsn::{Lsn, Position};

/// A delivery in memory: on its way through a lane to the ledger.
#[derive(Debug)]
pub struct Job {
    /// What to send where.
    pub delivery: Delivery,
    /// Hash of what made the body what it is: bodies are parked once per event and shape.
    pub shape: i64,
    /// Attempts made before this time in memory.
    pub attempts: u32,
    /// Those of them that used up a retry.
    pub charged: u32,
    /// Its place in the ledger's window; `None` for what was read from the queue, which is
    /// settled already.
    pub slot: Option<u64>,
    /// The memory it takes.
    pub charge: Charge,
    row_version: AtomicI32,
}

impl Job {
    /// A delivery fresh from the WAL, at `slot` of the ledger's window.
    pub fn routed(delivery: Delivery, shape: i64, slot: u64, charge: Charge) -> Self {
        Self {
            delivery,
            shape,
            attempts: 0,
            charged: 0,
            slot: Some(slot),
            charge,
            row_version: AtomicI32::new(0),
        }
    }

    /// A delivery read from the queue, where it stays until it is settled.
    pub fn parked(delivery: Delivery, row: &Parked, charge: Charge) -> Self {
        Self {
            delivery,
            shape: row.shape,
            attempts: row.attempts,
            charged: row.charged,
            slot: None,
            charge,
            row_version: AtomicI32::new(row.version),
        }
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
#[derive(Clone, Copy, Debug)]
pub struct Parked {
    /// See [`Job::shape`].
    pub shape: i64,
    /// Attempts made.
    pub attempts: u32,
    /// Those that used up a retry.
    pub charged: u32,
    /// Version of the row.
    pub version: i32,
}

/// What the ledger is told. One queue from everybody keeps causes before effects.
#[derive(Debug)]
pub enum Entry {
    /// Positions that the reader has passed, in stream order, and the memory they take until
    /// the ledger has taken them up.
    Passed(Vec<Passage>, Charge),
    /// An attempt was made.
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
