//! Functions of the application that are told of failures and alerts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_postgres::types::{ToSql, Type};

use super::session::{Ear, SETTINGS};
use super::{Session, StoreError, sql};
use crate::config::FunctionName;
use crate::config::dsn::Dsn;

/// What a function is to be called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A delivery that finally failed.
    Failure,
    /// An alert.
    Alert,
}

impl Occasion {
    fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Alert => "alert",
        }
    }
}

/// A call that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueCall {
    /// What it is about.
    pub occasion: Occasion,
    /// Which one.
    pub key: String,
    /// How often it was tried, and raised an error.
    pub tries: i32,
}

impl Session {
    /// Connects, and lets `news` know of failures and alerts.
    ///
    /// # Errors
    ///
    /// As [`Session::connect`].
    pub async fn listen_to_calls(dsn: &Dsn, news: Arc<Notify>) -> Result<Self, StoreError> {
        let session = Self::open(dsn, Ear::Wake(news), SETTINGS).await?;
        session.rows("listen for alerts", sql::listen_alerts, &[]).await?;
        session.rows("listen for failures", sql::listen_failures, &[]).await?;
        Ok(session)
    }

    /// Up to `most` calls that are due, of failures and of alerts where asked for.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn due_calls(
        &self,
        (failures, alerts): (bool, bool),
        most: i64,
    ) -> Result<Vec<DueCall>, StoreError> {
        let rows = self
            .rows("look for calls of functions", sql::due_calls, &[&failures, &alerts, &most])
            .await?;
        let call = |row: &tokio_postgres::Row| DueCall {
            occasion: match row.get(0) {
                "failure" => Occasion::Failure,
                _ => Occasion::Alert,
            },
            key: row.get(1),
            tries: row.get(2),
        };
        Ok(rows.iter().map(call).collect())
    }

    /// Calls `function` in one transaction with the note that it was called. Nothing is prepared
    /// by name: the session runs what others wrote.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`] with what the function raised.
    pub async fn call_back(
        &self,
        call: &DueCall,
        function: &FunctionName,
    ) -> Result<(), StoreError> {
        let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
            (&call.occasion.as_str(), Type::TEXT),
            (&call.key, Type::TEXT),
            (&function.schema, Type::TEXT),
            (&function.name, Type::TEXT),
        ];
        let called = self.client().query_typed(sql::call_back, &parameters).await;
        called.map_err(|source| StoreError::Statement { doing: "call a function", source })?;
        Ok(())
    }

    /// Puts a call off, or gives it up.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn put_off_call(
        &self,
        call: &DueCall,
        delay: Option<Duration>,
    ) -> Result<(), StoreError> {
        let delay = delay.map(|delay| i64::try_from(delay.as_micros()).unwrap_or(i64::MAX));
        let parameters: [&(dyn ToSql + Sync); 3] = [&call.occasion.as_str(), &call.key, &delay];
        self.rows("put a call off", sql::put_off_call, &parameters).await?;
        Ok(())
    }

    /// Whether there is such a function with one argument of type jsonb, which we may call.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn callback_exists(&self, function: &FunctionName) -> Result<bool, StoreError> {
        let parameters: [&(dyn ToSql + Sync); 2] = [&function.schema, &function.name];
        Ok(self.one("look for a function", sql::callback_exists, &parameters).await?.get(0))
    }
}
