//! What `status` and `tail` show.

use serde::Serialize;
use uuid::Uuid;

use super::{Session, StoreError, sql};

/// How replication does. Members are called as in the view `replication_health`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SlotReport {
    /// The slot.
    pub slot: String,
    /// Whether somebody streams from it.
    pub active: bool,
    /// reserved, extended, unreserved or lost.
    pub wal_status: Option<String>,
    /// Everything before it is settled.
    pub confirmed_lsn: Option<String>,
    /// WAL written since.
    pub lag_bytes: Option<i64>,
    /// Age of the last checkpoint, 0 while the daemon keeps up.
    pub lag_seconds: Option<f64>,
    /// WAL that may still be written before the slot is lost; `None` without a limit.
    pub safe_wal_bytes: Option<i64>,
    /// When that will have been written, at the rate since the last checkpoint; `None` while the
    /// daemon keeps up.
    pub seconds_to_loss: Option<f64>,
    /// Host of the daemon that last took the slot.
    pub owner_host: Option<String>,
    /// Its process id there.
    pub owner_pid: Option<i32>,
}

/// How an endpoint fares. Members are called as in the view `endpoint_health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndpointReport {
    /// Its name.
    pub endpoint_name: String,
    /// Its tenant.
    pub application: String,
    /// active, paused or disabled.
    pub state: String,
    /// Why it is disabled.
    pub reason: Option<String>,
    /// Whether its deliveries are signed.
    pub signed: bool,
    /// Failed attempts since the last success.
    pub consecutive_failures: i32,
    /// Time of the first of them.
    pub failing_since: Option<String>,
    /// Deliveries in the queue that go as soon as the endpoint takes them.
    pub ready: i64,
    /// Deliveries in the queue that the daemon is busy with.
    pub in_flight: i64,
    /// Deliveries that wait for their next attempt.
    pub retrying: i64,
    /// Deliveries behind an earlier one of their key.
    pub blocked: i64,
    /// Deliveries that are held.
    pub held: i64,
    /// All in the queue.
    pub pending: i64,
    /// Commit time of the oldest in the queue.
    pub oldest_pending_at: Option<String>,
    /// When an attempt last succeeded.
    pub last_success_at: Option<String>,
    /// When an attempt last failed.
    pub last_failure_at: Option<String>,
    /// What went wrong then.
    pub last_error: Option<String>,
}

/// The newest alert that nobody has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenAlert {
    /// How many there are.
    pub open: i64,
    /// Kind of the newest.
    pub kind: String,
    /// Its severity.
    pub severity: String,
    /// Its message.
    pub message: String,
    /// Its time.
    pub at: String,
}

/// A point in the log: what was committed then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailCursor {
    snapshot: String,
    flush: i64,
}

impl TailCursor {
    /// Whether the ledger has written since `earlier`.
    pub fn is_beyond(&self, earlier: &Self) -> bool {
        self.flush != earlier.flush
    }
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedAttempt {
    /// When the attempt began.
    pub at: String,
    /// The receiver.
    pub endpoint_name: String,
    /// As in `order.updated`.
    pub event_type: String,
    /// The event.
    pub event_id: String,
    /// The delivery.
    pub delivery_id: String,
    /// success, failed, retrying or cancelled.
    pub status: String,
    /// Its number, from 1.
    pub attempt: i32,
    /// HTTP status.
    pub status_code: Option<i32>,
    /// Microseconds from begin to outcome.
    pub duration_us: i64,
    /// What kind of error.
    pub error_class: Option<String>,
    /// What went wrong.
    pub error_message: Option<String>,
}

impl Session {
    /// How replication from `slot` does; `None` if there is no such slot.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn slot_report(&self, slot: &str) -> Result<Option<SlotReport>, StoreError> {
        let row = self.row("look at the slot", sql::status_slot, &[&slot]).await?;
        Ok(row.map(|row| SlotReport {
            slot: slot.to_owned(),
            active: row.get("active"),
            wal_status: row.get("wal_status"),
            confirmed_lsn: row.get("confirmed_lsn"),
            lag_bytes: row.get("lag_bytes"),
            lag_seconds: row.get("lag_seconds"),
            safe_wal_bytes: row.get("safe_wal_bytes"),
            seconds_to_loss: row.get("seconds_to_loss"),
            owner_host: row.get("owner_host"),
            owner_pid: row.get("owner_pid"),
        }))
    }

    /// How each endpoint fares, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn endpoint_reports(&self) -> Result<Vec<EndpointReport>, StoreError> {
        let rows = self.rows("look at the endpoints", sql::status_endpoints, &[]).await?;
        let reports = rows.iter().map(|row| EndpointReport {
            endpoint_name: row.get("endpoint_name"),
            application: row.get("application"),
            state: row.get("state"),
            reason: row.get("disabled_reason"),
            signed: row.get("signed"),
            consecutive_failures: row.get("consecutive_failures"),
            failing_since: row.get("failing_since"),
            ready: row.get("ready"),
            in_flight: row.get("in_flight"),
            retrying: row.get("retry"),
            blocked: row.get("blocked"),
            held: row.get("held"),
            pending: row.get("queued"),
            oldest_pending_at: row.get("oldest_pending_at"),
            last_success_at: row.get("last_success_at"),
            last_failure_at: row.get("last_failure_at"),
            last_error: row.get("last_error"),
        });
        Ok(reports.collect())
    }

    /// The newest alert that nobody has acknowledged.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn open_alert(&self) -> Result<Option<OpenAlert>, StoreError> {
        let row = self.row("look at the alerts", sql::status_alert, &[]).await?;
        Ok(row.map(|row| OpenAlert {
            open: row.get("open"),
            kind: row.get("kind"),
            severity: row.get("severity"),
            message: row.get("message"),
            at: row.get("at"),
        }))
    }

    /// Where the log ends now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn tail_cursor(&self, slot: &str) -> Result<TailCursor, StoreError> {
        let row = self.one("look for the log's end", sql::tail_cursor, &[&slot]).await?;
        Ok(TailCursor { snapshot: row.get("snapshot"), flush: row.get("flush") })
    }

    /// What was logged between two cursors, of `endpoint` or of all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn logged_between(
        &self,
        earlier: &TailCursor,
        later: &TailCursor,
        endpoint: Option<&str>,
    ) -> Result<Vec<LoggedAttempt>, StoreError> {
        let rows = self
            .rows("read the log", sql::tail_page, &[&earlier.snapshot, &later.snapshot, &endpoint])
            .await?;
        let attempts = rows.iter().map(|row| LoggedAttempt {
            at: row.get("started_at"),
            endpoint_name: row.get("endpoint_name"),
            event_type: row.get("event_type"),
            event_id: row.get("event_id"),
            delivery_id: row.get::<_, Uuid>("delivery_id").to_string(),
            status: row.get("outcome"),
            attempt: row.get("attempt"),
            status_code: row.get("status_code"),
            duration_us: row.get("duration_us"),
            error_class: row.get("error_class"),
            error_message: row.get("error_message"),
        });
        Ok(attempts.collect())
    }
}
