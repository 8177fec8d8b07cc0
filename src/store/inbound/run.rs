//! Sessions that run handlers: what one handler leaves behind must not reach the next.
//!
//! Nothing here is prepared by name, since the reset between two runs forgets names.

use std::time::Duration;

use futures_util::future::join3;
use tokio_postgres::types::{ToSql, Type};

use super::Claim;
use crate::config::dsn::Dsn;
use crate::store::session::{Ear, SETTINGS};
use crate::store::{Session, StoreError, sql};

const RESET: &str = concat!(
    include_str!("../../../sql/reset_session.sql"),
    include_str!("../../../sql/session.sql"),
    include_str!("../../../sql/run_session.sql"),
);
const RUN_SETTINGS: &str = include_str!("../../../sql/run_session.sql");

/// How a run ended that raised nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// Its effects and the status are committed.
    Processed,
    /// There was no handler and no mapping any more.
    Ignored,
    /// Somebody else holds the event just now.
    Locked,
    /// Somebody else has settled it.
    Settled,
}

impl Session {
    /// Connects to run handlers, each for at most `limit`.
    ///
    /// # Errors
    ///
    /// As [`Session::connect`].
    pub async fn connect_to_run(dsn: &Dsn, limit: Duration) -> Result<Self, StoreError> {
        let session = Self::open(dsn, Ear::Deaf, &[SETTINGS, RUN_SETTINGS].concat()).await?;
        session.limit_statements(limit).await?;
        Ok(session)
    }

    /// Runs the handlers of `claim` in one transaction, and makes the session anew. The second
    /// result says whether that worked: a session that was not reset must not run another.
    pub async fn run_inbound(
        &self,
        claim: &Claim,
        limit: Duration,
    ) -> (Result<Ran, StoreError>, Result<(), StoreError>) {
        // Sent together, done one after the other whatever becomes of the first.
        let reset = self.command("reset a session", RESET);
        let (ran, reset, limited) =
            join3(self.run(claim), reset, self.limit_statements(limit)).await;
        (ran, reset.and(limited))
    }

    async fn run(&self, claim: &Claim) -> Result<Ran, StoreError> {
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&claim.id, Type::INT8), (&claim.attempt, Type::INT4)];
        let row = self.client().query_typed_one(sql::run_inbound, &parameters).await;
        let failed = |source| StoreError::Statement { doing: "run handlers", source };
        Ok(match row.map_err(failed)?.get(0) {
            "processed" => Ran::Processed,
            "ignored" => Ran::Ignored,
            "locked" => Ran::Locked,
            _ => Ran::Settled,
        })
    }

    async fn limit_statements(&self, limit: Duration) -> Result<(), StoreError> {
        // 0 would be without limit.
        let milliseconds = limit.as_millis().clamp(1, i32::MAX as u128).to_string();
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&milliseconds, Type::TEXT)];
        let set = self.client().query_typed(sql::limit_statements, &parameters).await;
        let failed = |source| StoreError::Statement { doing: "limit handlers", source };
        set.map_err(failed)?;
        Ok(())
    }
}
