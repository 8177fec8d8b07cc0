//! Alerts on their way to `[alerts] url`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::session::{Ear, SETTINGS};
use super::{Session, StoreError, sql};
use crate::config::dsn::Dsn;

/// An alert to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueAlert {
    /// Its row.
    pub id: i64,
    /// info, warning or critical.
    pub severity: String,
    /// As in `endpoint_disabled`.
    pub kind: String,
    /// One sentence.
    pub message: String,
    /// How often it will have been tried, this time included.
    pub tries: i32,
}

/// What became of posting alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The URL took them.
    Taken,
    /// They are due again after a while.
    Again(Duration),
    /// They are given up.
    Never,
}

impl Session {
    /// Connects, and lets `news` know whenever an alert is raised.
    ///
    /// # Errors
    ///
    /// [`StoreError::Connect`] or [`StoreError::Statement`].
    pub async fn listen_to_alerts(dsn: &Dsn, news: Arc<Notify>) -> Result<Self, StoreError> {
        let session = Self::open(dsn, Ear::Wake(news)).await?;
        session.command("prepare a session for alerts", SETTINGS).await?;
        session.rows("listen for alerts", sql::listen_alerts, &[]).await?;
        Ok(session)
    }

    /// Takes up to `most` alerts that are to be posted now; nobody else gets them for `lease`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`], among others when `walhook init` has not been run since an
    /// upgrade.
    pub async fn claim_alerts(
        &self,
        most: i64,
        lease: Duration,
    ) -> Result<Vec<DueAlert>, StoreError> {
        let lease = microseconds(lease);
        let rows =
            self.rows("look for alerts to send", sql::claim_alerts, &[&most, &lease]).await?;
        let alert = |row: &tokio_postgres::Row| DueAlert {
            id: row.get(0),
            severity: row.get(1),
            kind: row.get(2),
            message: row.get(3),
            tries: row.get(4),
        };
        Ok(rows.iter().map(alert).collect())
    }

    /// Writes down what became of posting alerts.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn settle_alerts(&self, alerts: &[DueAlert], told: Told) -> Result<(), StoreError> {
        let ids: Vec<i64> = alerts.iter().map(|alert| alert.id).collect();
        let again = match told {
            Told::Again(after) => Some(microseconds(after)),
            Told::Taken | Told::Never => None,
        };
        let is_taken = told == Told::Taken;
        self.rows("note alerts as sent", sql::settle_alerts, &[&ids, &is_taken, &again]).await?;
        Ok(())
    }
}

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
