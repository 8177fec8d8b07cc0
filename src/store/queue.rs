//! The pending queue: what lanes read back.

use std::sync::Arc;

use bytes::Bytes;
use tokio_postgres::Row;
use tokio_postgres::types::PgLsn;
use uuid::Uuid;

use super::copy::ordinal;
use super::ledger::Micros;
use super::owner::{pg_lsn, position};
use super::{Session, StoreError, sql};
use crate::endpoint::EndpointId;
use crate::event::job::{HoldReason, Parked};
use crate::event::{Delivery, DeliveryId, Event};
use crate::lsn::Position;

/// A delivery read from the queue.
#[derive(Debug)]
pub struct QueuedDelivery {
    /// What to send where.
    pub delivery: Delivery,
    /// What else its row says.
    pub row: Parked,
}

impl Session {
    /// Ready deliveries of `endpoint` after `cursor`, in order: at most `rows`, and no more than
    /// the first one beyond `bytes`. Never reads from the head again, so a long backlog costs
    /// its length once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`], and [`StoreError::Row`] if an event id in it is none.
    pub async fn backlog_page(
        &self,
        endpoint: EndpointId,
        cursor: Option<Position>,
        rows: i64,
        bytes: i64,
    ) -> Result<Vec<QueuedDelivery>, StoreError> {
        // Ordinals begin at 0, so (0, -1) is before everything.
        let (commit, ordinal) =
            cursor.map_or((PgLsn::from(0), -1), |at| (pg_lsn(at.commit), ordinal(at.ordinal)));
        let doing = "read the backlog";
        let rows = self
            .rows(doing, sql::backlog_page, &[&endpoint.0, &commit, &ordinal, &rows, &bytes])
            .await?;
        Ok(rows.iter().map(|row| queued(row, endpoint)).collect())
    }

    /// Retries of `endpoint` that are due, but for those `in_memory`, oldest first.
    ///
    /// # Errors
    ///
    /// As for [`Session::backlog_page`].
    pub async fn due_page(
        &self,
        endpoint: EndpointId,
        in_memory: &[Uuid],
        rows: i64,
        bytes: i64,
    ) -> Result<Vec<QueuedDelivery>, StoreError> {
        let rows = self
            .rows("read due retries", sql::due_page, &[&endpoint.0, &in_memory, &rows, &bytes])
            .await?;
        Ok(rows.iter().map(|row| queued(row, endpoint)).collect())
    }

    /// How long until the next retry of `endpoint` is due, but for those `in_memory`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn next_due(
        &self,
        endpoint: EndpointId,
        in_memory: &[Uuid],
    ) -> Result<Option<std::time::Duration>, StoreError> {
        let row =
            self.row("look for the next retry", sql::next_due, &[&endpoint.0, &in_memory]).await?;
        let microseconds = row.and_then(|row| row.get::<_, Option<i64>>(0));
        Ok(microseconds.map(|us| std::time::Duration::from_micros(us.max(0) as u64)))
    }

    /// What a former holder of the slot had in memory becomes ready.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn release_in_flight(&self) -> Result<(), StoreError> {
        self.rows("release what was in flight", sql::release_in_flight, &[]).await?;
        Ok(())
    }

    /// Events of `endpoint` held for `reason` become ready.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn release_held(
        &self,
        endpoint: EndpointId,
        reason: HoldReason,
    ) -> Result<(), StoreError> {
        self.rows("release held events", sql::release_held, &[&endpoint.0, &reason.as_str()])
            .await?;
        Ok(())
    }
}

fn queued(row: &Row, endpoint: EndpointId) -> QueuedDelivery {
    // An id that does not parse was not written by us. Zero still reaches the receiver, with the
    // delivery's own id intact; losing the event would be worse.
    let id = row.get::<_, &str>(3).parse().unwrap_or(crate::event::EventId(0));
    let event = Event {
        id,
        event_type: Arc::from(row.get::<_, &str>(4)),
        position: position(row.get(1), row.get(2)),
        commit_time: row.get::<_, Micros>(5).0,
        keys: [row.get::<_, i64>(6) as u64, row.get::<_, i64>(7) as u64],
    };
    QueuedDelivery {
        delivery: Delivery {
            id: DeliveryId(row.get(0)),
            endpoint,
            event: Arc::new(event),
            body: Bytes::from(row.get::<_, Vec<u8>>(12)),
        },
        row: Parked {
            shape: row.get(8),
            attempts: row.get::<_, i32>(9).max(0) as u32,
            charged: row.get::<_, i32>(10).max(0) as u32,
            version: row.get(11),
        },
    }
}
