//! The pending queue: what lanes read back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_postgres::Row;
use tokio_postgres::types::{PgLsn, ToSql};
use uuid::Uuid;

use super::copy::ordinal;
use super::micros::Micros;
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

/// How much to read at a time.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Rows.
    pub rows: i64,
    /// Bytes of bodies.
    pub bytes: i64,
}

/// Some of the queue.
#[derive(Debug)]
pub enum Page {
    /// These, in order; none if there is nothing.
    Rows(Vec<QueuedDelivery>),
    /// The first one's body alone has more bytes than the bound: so many.
    TooLarge(usize),
}

/// A delivery that was in the queue for too long.
#[derive(Clone, Copy, Debug)]
pub struct Expired {
    /// Which.
    pub delivery: DeliveryId,
    /// Its keys, see [`Event::keys`].
    pub keys: [u64; 2],
    /// Whether it was to be tried again, so that others waited behind it.
    pub is_retry: bool,
}

/// What is blocked behind a key.
#[derive(Debug)]
pub enum BlockedRun {
    /// These.
    Page(Page),
    /// The first has another key, which something earlier holds.
    HeldByOtherKey,
}

impl Session {
    /// Ready deliveries of `endpoint` after `cursor`, in order, but for those `in_memory`. Never
    /// reads from the head again, so a long backlog costs its length once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn backlog_page(
        &self,
        endpoint: EndpointId,
        cursor: Option<Position>,
        in_memory: &[Uuid],
        bound: Bound,
    ) -> Result<Page, StoreError> {
        // Ordinals begin at 0, so (0, -1) is before everything.
        let (commit, ordinal) =
            cursor.map_or((PgLsn::from(0), -1), |at| (pg_lsn(at.commit), ordinal(at.ordinal)));
        let Bound { rows, bytes } = bound;
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&endpoint.0, &commit, &ordinal, &rows, &bytes, &in_memory];
        let rows = self.rows("read the backlog", sql::backlog_page, &parameters).await?;
        Ok(page(&rows, endpoint))
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
        Bound { rows, bytes }: Bound,
    ) -> Result<Page, StoreError> {
        let rows = self
            .rows("read due retries", sql::due_page, &[&endpoint.0, &in_memory, &rows, &bytes])
            .await?;
        Ok(page(&rows, endpoint))
    }

    /// Blocked deliveries of `endpoint` with `key` that may be sent one after the other, in order,
    /// but for those `in_memory`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn blocked_run(
        &self,
        endpoint: EndpointId,
        key: u64,
        in_memory: &[Uuid],
        Bound { rows, bytes }: Bound,
    ) -> Result<BlockedRun, StoreError> {
        let key = key as i64;
        let parameters: [&(dyn ToSql + Sync); 5] = [&endpoint.0, &key, &rows, &in_memory, &bytes];
        let rows = self.rows("read blocked deliveries", sql::blocked_run, &parameters).await?;
        if rows.first().is_some_and(|row| row.get::<_, bool>(15)) {
            return Ok(BlockedRun::HeldByOtherKey);
        }
        Ok(BlockedRun::Page(page(&rows, endpoint)))
    }

    /// Which of these deliveries somebody cancelled, and why.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn cancelled(&self, deliveries: &[Uuid]) -> Result<Vec<(Uuid, String)>, StoreError> {
        let rows =
            self.rows("look for cancelled deliveries", sql::cancelled, &[&deliveries]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Keys of `endpoint` that have a retry in the queue.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn stuck_keys(&self, endpoint: EndpointId) -> Result<Vec<u64>, StoreError> {
        let row = self.one("read stuck keys", sql::stuck_keys, &[&endpoint.0]).await?;
        Ok(row.get::<_, Vec<i64>>(0).into_iter().map(|key| key as u64).collect())
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
    ) -> Result<Option<Duration>, StoreError> {
        let row =
            self.row("look for the next retry", sql::next_due, &[&endpoint.0, &in_memory]).await?;
        let microseconds = row.and_then(|row| row.get::<_, Option<i64>>(0));
        Ok(microseconds.map(|us| Duration::from_micros(us.max(0) as u64)))
    }

    /// Ends as cancelled some of what `endpoint`, if it is out of service, has held for longer than
    /// `held`, but for those `in_memory`; none once there is no more.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn expire_held(
        &self,
        endpoint: EndpointId,
        held: Duration,
        in_memory: &[Uuid],
        rows: i64,
    ) -> Result<Vec<Expired>, StoreError> {
        let held = i64::try_from(held.as_micros()).unwrap_or(i64::MAX);
        let parameters: [&(dyn ToSql + Sync); 4] = [&endpoint.0, &held, &in_memory, &rows];
        let rows =
            self.rows("cancel what was held too long", sql::expire_held, &parameters).await?;
        let expired = |row: &Row| Expired {
            delivery: DeliveryId(row.get(0)),
            keys: [row.get::<_, i64>(1) as u64, row.get::<_, i64>(2) as u64],
            is_retry: row.get(3),
        };
        Ok(rows.iter().map(expired).collect())
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

    /// Events of `endpoint` held for `reason` become ready; returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn release_held(
        &self,
        endpoint: EndpointId,
        reason: HoldReason,
    ) -> Result<i64, StoreError> {
        let parameters: [&(dyn ToSql + Sync); 2] = [&endpoint.0, &reason.as_str()];
        let row = self.one("release held events", sql::release_held, &parameters).await?;
        Ok(row.get(0))
    }
}

fn page(rows: &[Row], endpoint: EndpointId) -> Page {
    match rows.first() {
        Some(first) if first.get::<_, Option<&[u8]>>(13).is_none() => {
            Page::TooLarge(usize::try_from(first.get::<_, i32>(12)).unwrap_or_default())
        }
        _ => Page::Rows(rows.iter().map(|row| queued(row, endpoint)).collect()),
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
            body: Bytes::copy_from_slice(row.get::<_, Option<&[u8]>>(13).unwrap_or_default()),
        },
        row: Parked {
            shape: row.get(8),
            awaits_template: row.get(14),
            attempts: row.get::<_, i32>(9).max(0) as u32,
            charged: row.get::<_, i32>(10).max(0) as u32,
            version: row.get(11),
            is_apart: row.get("is_apart"),
            cancelled: row.get("cancel_reason"),
        },
    }
}
