//! Endpoints' rows: what the configuration says of them, how they fare, alerts.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use super::described::described;
use super::micros::Micros;
use super::{Session, StoreError, sql};
use crate::endpoint::{Endpoint, EndpointId};
use crate::event::job::{Alert, Fare};

/// What the database knows of an endpoint when the daemon loads it.
#[derive(Clone, Debug, Default)]
pub struct LoadedEndpoint {
    /// Whether deliveries go out.
    pub health: Health,
    /// Failed attempts since the last success.
    pub consecutive_failures: u32,
    /// Time of the first of them, in microseconds since 1970-01-01 UTC.
    pub failing_since: Option<i64>,
    /// Number of the daemon's last news of it.
    pub fare_version: i64,
    /// Whether ready deliveries wait in the queue.
    pub has_backlog: bool,
    /// Whether retries wait in the queue.
    pub has_retries: bool,
    /// Keys that have one.
    pub stuck_keys: Vec<u64>,
}

/// An endpoint's state as the database has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointState {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Whether deliveries go out.
    pub health: Health,
    /// Number of the daemon's last news in it.
    pub fare_version: i64,
}

/// An endpoint that is about to have held events for too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldEndpoint {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Its name.
    pub name: String,
    /// Its tenant.
    pub application: String,
    /// paused or disabled.
    pub state: String,
    /// Since when, in RFC 3339.
    pub since: String,
    /// When the first of its events goes, likewise.
    pub goes_at: String,
    /// Whether operators were told since then.
    pub is_told: bool,
    /// Whether they have had a day to do something.
    pub may_go: bool,
}

/// `walhook.endpoint.state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Deliveries go out.
    #[default]
    Active,
    /// An operator holds its events.
    Paused,
    /// The daemon holds its events.
    Disabled,
}

impl Health {
    fn from_word(word: &str) -> Self {
        match word {
            "paused" => Self::Paused,
            "disabled" => Self::Disabled,
            _ => Self::Active,
        }
    }
}

impl Session {
    /// Makes the row of an endpoint of the file follow it. `url` is fit for eyes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn load_endpoint(
        &self,
        endpoint: &Endpoint,
        url: &str,
    ) -> Result<LoadedEndpoint, StoreError> {
        let row = described(endpoint, url);
        let row = self.row("load an endpoint", sql::load_endpoint, &[&row]).await?;
        self.loaded(endpoint.id, row).await
    }

    /// How an endpoint of SQL fares.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn endpoint_fare(&self, endpoint: EndpointId) -> Result<LoadedEndpoint, StoreError> {
        let row = self.row("load an endpoint", sql::endpoint_fare, &[&endpoint.0]).await?;
        self.loaded(endpoint, row).await
    }

    async fn loaded(
        &self,
        endpoint: EndpointId,
        row: Option<tokio_postgres::Row>,
    ) -> Result<LoadedEndpoint, StoreError> {
        let stuck_keys = self.stuck_keys(endpoint).await?;
        Ok(row.map_or_else(LoadedEndpoint::default, |row| LoadedEndpoint {
            health: Health::from_word(row.get(0)),
            consecutive_failures: row.get::<_, i32>(1).max(0) as u32,
            failing_since: row.get::<_, Option<Micros>>(2).map(|at| at.0),
            fare_version: row.get(3),
            has_backlog: row.get(4),
            has_retries: row.get(5),
            stuck_keys,
        }))
    }

    /// Marks the file's endpoints that are not among `kept` as removed and cancels what waits
    /// for them; returns how many deliveries that were.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn remove_endpoints_but(&self, kept: &[EndpointId]) -> Result<i64, StoreError> {
        let kept: Vec<Uuid> = kept.iter().map(|id| id.0).collect();
        self.rows("remove endpoints", sql::remove_endpoints, &[&kept]).await?;
        self.cancel_orphans().await
    }

    /// Cancels what waits for endpoints that are gone; returns how many deliveries that were.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn cancel_orphans(&self) -> Result<i64, StoreError> {
        let row = self.row("cancel deliveries", sql::cancel_pending, &[]).await?;
        Ok(row.map_or(0, |row| row.get(0)))
    }

    /// State of every endpoint.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn endpoint_states(&self) -> Result<Vec<EndpointState>, StoreError> {
        let rows = self.rows("read endpoints' states", sql::endpoint_states, &[]).await?;
        let state = |row: &tokio_postgres::Row| EndpointState {
            endpoint: EndpointId(row.get(0)),
            health: Health::from_word(row.get(1)),
            fare_version: row.get(2),
        };
        Ok(rows.iter().map(state).collect())
    }

    /// Endpoints with something in the queue that their lanes may not know of.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn asked_endpoints(&self) -> Result<Vec<EndpointId>, StoreError> {
        let rows = self.rows("look for what was asked for", sql::asked_endpoints, &[]).await?;
        Ok(rows.iter().map(|row| EndpointId(row.get(0))).collect())
    }

    /// Rows of the queue for each endpoint that has any.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn pending_counts(&self) -> Result<HashMap<EndpointId, i64>, StoreError> {
        let rows = self.rows("count the queue", sql::pending_counts, &[]).await?;
        Ok(rows.iter().map(|row| (EndpointId(row.get(0)), row.get(1))).collect())
    }

    /// Endpoints out of service that will have held something for as long as `held` within a day.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn held_endpoints(&self, held: Duration) -> Result<Vec<HeldEndpoint>, StoreError> {
        let held = i64::try_from(held.as_micros()).unwrap_or(i64::MAX);
        let rows =
            self.rows("look for what is held too long", sql::held_endpoints, &[&held]).await?;
        let endpoint = |row: &tokio_postgres::Row| HeldEndpoint {
            endpoint: EndpointId(row.get(0)),
            name: row.get(1),
            application: row.get(2),
            state: row.get(3),
            since: row.get(4),
            goes_at: row.get(5),
            is_told: row.get(6),
            may_go: row.get(7),
        };
        Ok(rows.iter().map(endpoint).collect())
    }

    /// Counts the whole queue, for what was changed without triggers: what [`Session::pending_counts`]
    /// says is right whatever else is changed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn recount_queue(&self) -> Result<(), StoreError> {
        self.rows("count the whole queue", sql::recount_queue, &[]).await?;
        Ok(())
    }

    /// Whether it could be written: somebody may be changing the endpoint's row.
    pub(super) async fn write_fare(&self, fare: &Fare) -> Result<bool, StoreError> {
        let reason = fare.disabled.map(|reason| reason.as_str());
        let failures = i32::try_from(fare.consecutive_failures).unwrap_or(i32::MAX);
        let since = fare.failing_since.map(Micros);
        let row = self
            .one(
                "write how an endpoint fares",
                sql::endpoint_state,
                &[&fare.endpoint.0, &reason.is_some(), &reason, &failures, &since, &fare.version],
            )
            .await?;
        Ok(row.get(0))
    }

    /// Raises an alert.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn raise_alert(&self, alert: &Alert) -> Result<(), StoreError> {
        self.raise(sql::raise_alert, alert).await
    }

    /// Raises an alert unless the same is open: of its kind, with its message, not acknowledged.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn raise_alert_once(&self, alert: &Alert) -> Result<(), StoreError> {
        self.raise(sql::raise_alert_once, alert).await
    }

    async fn raise(&self, sql: &'static str, alert: &Alert) -> Result<(), StoreError> {
        let Alert { severity, kind, application, endpoint_name, count, message, details } = alert;
        self.rows(
            "raise an alert",
            sql,
            &[&severity.as_str(), kind, application, endpoint_name, count, message, details],
        )
        .await?;
        Ok(())
    }
}
