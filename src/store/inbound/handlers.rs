//! Which functions handle which events.

use crate::store::{Session, StoreError, sql};

/// A function that handles events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Of this source.
    pub source: String,
    /// Whose types match this.
    pub pattern: String,
    /// The function with its argument, as SQL spells it.
    pub function: String,
    /// Whose it was when it was registered.
    pub owner: String,
    /// Whose it is; `None` if there is no such function any more.
    pub owner_now: Option<String>,
}

impl Session {
    /// All handlers.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`], among others when the schema is older than this walhook.
    pub async fn inbound_handlers(&self) -> Result<Vec<Handler>, StoreError> {
        let rows = self.rows("read the handlers", sql::inbound_handlers, &[]).await?;
        let handler = |row: &tokio_postgres::Row| Handler {
            source: row.get(0),
            pattern: row.get(1),
            function: row.get(2),
            owner: row.get(3),
            owner_now: row.get(4),
        };
        Ok(rows.iter().map(handler).collect())
    }
}
