//! Who holds the slot, how far everything is settled, and what the server says of the slot.

use tokio_postgres::types::PgLsn;
use uuid::Uuid;

use super::copy::ordinal;
use super::{Session, StoreError, sql};
use crate::event::DeliveryId;
use crate::lsn::{Lsn, Position};

/// How far everything is settled, and for which cluster that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the ledger flush that wrote it.
    pub flush: i64,
    /// Identity of the cluster.
    pub system_identifier: u64,
    /// Timeline of the cluster.
    pub timeline: u32,
    /// Everything up to here is settled.
    pub watermark: Position,
    /// Last LSN reported as flushed.
    pub confirmed: Lsn,
    /// No delivery beyond the watermark has a smaller id.
    pub replay_floor: Uuid,
}

/// What taking the slot makes of whoever takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reign {
    /// By which it holds the slot; every time it is taken makes a new one.
    pub epoch: i64,
    /// Its first epoch since anybody else had the slot.
    pub since: i64,
}

/// What `pg_replication_slots` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotState {
    /// Output plugin.
    pub plugin: Option<String>,
    /// Database it belongs to.
    pub database: Option<String>,
    /// Process that streams from it.
    pub active_pid: Option<i32>,
    /// Where streaming would start.
    pub confirmed: Option<Lsn>,
    /// reserved, extended, unreserved or lost.
    pub wal_status: Option<String>,
    /// WAL written since.
    pub lag_bytes: Option<i64>,
    /// WAL that may still be written before the slot is lost; `None` without a limit.
    pub safe_wal_bytes: Option<i64>,
}

impl Session {
    /// Takes the slot. `holder` is the caller, however often it takes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`], among others when the schema is missing.
    pub async fn take_slot(
        &self,
        slot: &str,
        host: &str,
        holder: Uuid,
    ) -> Result<Reign, StoreError> {
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        let row = self.one("take the slot", sql::take_slot, &[&slot, &host, &pid, &holder]).await?;
        Ok(Reign { epoch: row.get(0), since: row.get(1) })
    }

    /// Fails unless `epoch` still holds `slot`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fenced`] if it does not.
    pub async fn assert_owner(&self, slot: &str, epoch: i64) -> Result<(), StoreError> {
        self.rows("check that the slot is ours", sql::assert_owner, &[&slot, &epoch]).await?;
        Ok(())
    }

    /// The newest checkpoint of `slot`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`], among others when the schema is missing.
    pub async fn latest_checkpoint(&self, slot: &str) -> Result<Option<Checkpoint>, StoreError> {
        let row = self.row("read the checkpoint", sql::latest_checkpoint, &[&slot]).await?;
        Ok(row.map(|row| Checkpoint {
            flush: row.get(0),
            system_identifier: row.get::<_, String>(1).parse().unwrap_or_default(),
            timeline: row.get::<_, i32>(2) as u32,
            watermark: position(row.get(3), row.get(4)),
            confirmed: lsn(row.get(5)),
            replay_floor: row.get(6),
        }))
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn insert_checkpoint(
        &self,
        slot: &str,
        checkpoint: &Checkpoint,
    ) -> Result<(), StoreError> {
        let Checkpoint { flush, system_identifier, timeline, watermark, confirmed, replay_floor } =
            checkpoint;
        self.rows(
            "write the checkpoint",
            sql::insert_checkpoint,
            &[
                &slot,
                flush,
                &system_identifier.to_string(),
                &(*timeline as i32),
                &pg_lsn(watermark.commit),
                &ordinal(watermark.ordinal),
                &pg_lsn(*confirmed),
                replay_floor,
            ],
        )
        .await?;
        Ok(())
    }

    /// Forgets checkpoints before `flush`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn trim_checkpoints(&self, slot: &str, flush: i64) -> Result<(), StoreError> {
        self.rows("trim old checkpoints", sql::trim_checkpoints, &[&slot, &flush]).await?;
        Ok(())
    }

    /// Deliveries beyond the checkpoint's watermark that are settled all the same; with their
    /// positions those that wait in the queue.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn settled_beyond(
        &self,
        checkpoint: &Checkpoint,
    ) -> Result<Vec<(DeliveryId, Option<Position>)>, StoreError> {
        let Checkpoint { watermark, replay_floor, .. } = checkpoint;
        let rows = self
            .rows(
                "read what is settled beyond the watermark",
                sql::settled_beyond,
                &[replay_floor, &pg_lsn(watermark.commit), &ordinal(watermark.ordinal)],
            )
            .await?;
        let settled = |row: &tokio_postgres::Row| {
            let at = row.get::<_, Option<PgLsn>>(1).zip(row.get(2));
            (DeliveryId(row.get(0)), at.map(|(commit, ordinal)| position(commit, ordinal)))
        };
        Ok(rows.iter().map(settled).collect())
    }

    /// What the server says of `slot`; `None` if there is no such slot.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn slot_state(&self, slot: &str) -> Result<Option<SlotState>, StoreError> {
        let row = self.row("look at the slot", sql::slot_state, &[&slot]).await?;
        Ok(row.map(|row| SlotState {
            plugin: row.get(0),
            database: row.get(1),
            active_pid: row.get(2),
            confirmed: row.get::<_, Option<PgLsn>>(3).map(lsn),
            wal_status: row.get(4),
            lag_bytes: row.get(5),
            safe_wal_bytes: row.get(6),
        }))
    }

    /// When the newest checkpoint of `slot` was written, if there is one, and now: in RFC 3339.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn gap_times(&self, slot: &str) -> Result<(Option<String>, String), StoreError> {
        let row = self.one("ask when the slot was last settled", sql::gap_times, &[&slot]).await?;
        Ok((row.get(0), row.get(1)))
    }

    /// Makes `slot` again, where it is gone or can be read no more. Waits for transactions that
    /// are under way.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn begin_slot_anew(&self, slot: &str) -> Result<(), StoreError> {
        self.rows("drop the lost slot", sql::drop_lost_slot, &[&slot]).await?;
        self.rows("make the slot anew", sql::create_slot, &[&slot]).await?;
        Ok(())
    }
}

pub(super) fn lsn(lsn: PgLsn) -> Lsn {
    Lsn(lsn.into())
}

pub(super) fn pg_lsn(lsn: Lsn) -> PgLsn {
    PgLsn::from(lsn.0)
}

/// The inverse of [`ordinal`].
pub(super) fn position(commit: PgLsn, ordinal: i64) -> Position {
    let ordinal = if ordinal == i64::MAX { u64::MAX } else { ordinal as u64 };
    Position { commit: lsn(commit), ordinal }
}
