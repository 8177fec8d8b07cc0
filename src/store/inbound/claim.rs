//! What the processor's one coordinating session says: which events are whose, and how runs ended
//! that could not say so themselves.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_postgres::types::Json;

use super::unseen::Unseen;
use crate::config::dsn::Dsn;
use crate::event::job::{Alert, Severity};
use crate::store::session::{Ear, QUEUE_SETTINGS, SETTINGS};
use crate::store::{Session, StoreError, sql};

const INBOUND_SETTINGS: &str = include_str!("../../../sql/inbound_session.sql");

/// An event whose handlers are to run now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its row.
    pub id: i64,
    /// The source.
    pub source: String,
    /// Its id there.
    pub event_id: String,
    /// Its type.
    pub event_type: Option<String>,
    /// Number of the run, from 1; it is counted already.
    pub attempt: i32,
    /// A former run was never heard of again.
    pub is_abandoned: bool,
}

/// A run that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The event.
    pub claim: Claim,
    /// Why, for the table.
    pub message: String,
    /// When it runs again; `None`: not by itself.
    pub delay: Option<Duration>,
}

/// What the table says of a run that was thought to have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It has failed now.
    Failed,
    /// It had ended well, and the answer was lost.
    Processed,
    /// It has not ended.
    Locked,
    /// Somebody else has taken the event on since.
    Elsewhere,
}

impl Session {
    /// Connects to claim events: notifications of retries and of new handlers ring `wake`.
    ///
    /// # Errors
    ///
    /// As [`Session::connect`].
    pub async fn connect_to_claim(dsn: &Dsn, wake: Arc<Notify>) -> Result<Self, StoreError> {
        let session = Self::open(dsn, Ear::Wake(wake)).await?;
        for settings in [SETTINGS, QUEUE_SETTINGS, INBOUND_SETTINGS] {
            session.command("prepare a session for inbound events", settings).await?;
        }
        Ok(session)
    }

    /// Makes the session that of `processor` for as long as it lives; false if there is another.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn lock_processor(&self, processor: i64) -> Result<bool, StoreError> {
        let doing = "become a processor of inbound events";
        Ok(self.one(doing, sql::lock_processor, &[&processor]).await?.get(0))
    }

    /// Claims at most `most` events of `sources` that are due or abandoned.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn claim_inbound(
        &self,
        processor: i64,
        sources: &[String],
        most: usize,
    ) -> Result<Vec<Claim>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let doing = "claim inbound events";
        let rows = self.rows(doing, sql::claim_inbound, &[&processor, &sources, &most]).await?;
        let claim = |row: &tokio_postgres::Row| Claim {
            id: row.get(0),
            source: row.get(1),
            event_id: row.get(2),
            event_type: row.get(3),
            attempt: row.get(4),
            is_abandoned: row.get(5),
        };
        Ok(rows.iter().map(claim).collect())
    }

    /// How long until the next event of `sources` is due, zero if one is; `None` if none waits.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn next_inbound(&self, sources: &[String]) -> Result<Option<Duration>, StoreError> {
        let row = self.one("look for the next event", sql::next_inbound, &[&sources]).await?;
        let delay: Option<i64> = row.get(0);
        Ok(delay.map(|delay| Duration::from_micros(u64::try_from(delay).unwrap_or_default())))
    }

    /// Writes down that runs failed, unless that turns out to be wrong.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn fail_inbound(&self, failures: &[Failure]) -> Result<Vec<Settled>, StoreError> {
        let ids: Vec<i64> = failures.iter().map(|failure| failure.claim.id).collect();
        let attempts: Vec<i32> = failures.iter().map(|failure| failure.claim.attempt).collect();
        let messages: Vec<&str> = failures.iter().map(|failure| &*failure.message).collect();
        let delays: Vec<Option<i64>> =
            failures.iter().map(|failure| failure.delay.map(microseconds)).collect();
        let rows = self
            .rows(
                "write down failed runs",
                sql::fail_inbound,
                &[&ids, &attempts, &Unseen(messages), &delays],
            )
            .await?;
        let mut settled = vec![Settled::Elsewhere; failures.len()];
        for row in rows {
            let id: i64 = row.get(0);
            if let Some(place) = ids.iter().position(|other| *other == id) {
                settled[place] = match row.get::<_, &str>(1) {
                    "failed" => Settled::Failed,
                    "processed" => Settled::Processed,
                    "locked" => Settled::Locked,
                    _ => Settled::Elsewhere,
                };
            }
        }
        Ok(settled)
    }

    /// Gives back events whose handlers did not run, and does not count the run.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn release_inbound(&self, claims: &[Claim]) -> Result<(), StoreError> {
        let ids: Vec<i64> = claims.iter().map(|claim| claim.id).collect();
        let attempts: Vec<i32> = claims.iter().map(|claim| claim.attempt).collect();
        self.rows("release inbound events", sql::release_inbound, &[&ids, &attempts]).await?;
        Ok(())
    }

    /// Raises an alert if `count` events or more failed within `window`, at most one a window.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn alert_of_inbound_errors(
        &self,
        count: i64,
        window: Duration,
    ) -> Result<bool, StoreError> {
        self.command("look for failed events", "begin").await?;
        let raised = self.raise_inbound_errors(count, window).await;
        self.end_transaction(raised).await
    }

    async fn raise_inbound_errors(&self, count: i64, window: Duration) -> Result<bool, StoreError> {
        let doing = "look for failed events";
        self.rows(doing, sql::lock_inbound_alerts, &[]).await?;
        let row = self.one(doing, sql::inbound_errors, &[&microseconds(window)]).await?;
        let (events, Json(by_source)): (i64, Json<serde_json::Value>) = (row.get(0), row.get(1));
        if events < count {
            return Ok(false);
        }
        let seconds = window.as_secs();
        let alert = Alert {
            severity: Severity::Warning,
            kind: "inbound_errors",
            application: None,
            endpoint_name: None,
            count: Some(i32::try_from(events).unwrap_or(i32::MAX)),
            message: format!(
                "{events} inbound events failed within {seconds} s; see walhook.inbound_log"
            ),
            details: serde_json::json!({ "window_seconds": seconds, "by_source": by_source }),
        };
        self.raise_alert(&alert).await?;
        Ok(true)
    }
}

pub(super) fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
