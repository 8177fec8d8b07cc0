//! How long inbound events keep their content.

use std::time::Duration;

use super::claim::microseconds;
use crate::store::{Session, StoreError, sql};

/// Rows of one batch: a short transaction each, so that a first round over years of events holds
/// nothing up.
const MOST_ROWS: i64 = 1000;

impl Session {
    /// Takes payload and raw bytes from a batch of events that are older than `retention`; says
    /// whether there may be more.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn forget_inbound(&self, retention: Duration) -> Result<bool, StoreError> {
        let age = microseconds(retention);
        let doing = "take their content from old inbound events";
        let row = self.one(doing, sql::forget_inbound, &[&age, &MOST_ROWS]).await?;
        Ok(row.get::<_, i64>(0) == MOST_ROWS)
    }

    /// Removes rejections that are older than `retention`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn forget_rejections(&self, retention: Duration) -> Result<(), StoreError> {
        let age = microseconds(retention);
        self.rows("remove old rejections", sql::forget_rejections, &[&age]).await?;
        Ok(())
    }
}
