//! One transaction of the ledger: the log, the queue, how endpoints fare, and the checkpoint.

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::types::{FromSql, IsNull, PgLsn, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::copy::{self, POSTGRES_EPOCH, ordinal};
use super::owner::pg_lsn;
use super::{Checkpoint, Session, StoreError, sql};
use crate::config::LogPayload;
use crate::event::job::{Alert, Fare, Job, Outcome};

/// Rows of the log go to the socket in pieces of this size, so that a batch of large bodies is
/// not in memory twice.
const PIECE: usize = 256 * 1024;

/// Bodies go to the queue in statements that end with the body that passes this size.
const MOST_BODY_BYTES: usize = 1024 * 1024;

/// What is written together, or not at all.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Rows for the log.
    pub outcomes: &'a [Outcome],
    /// Which of them keep the body.
    pub keep: LogPayload,
    /// How they and the queue's rows are written.
    pub form: &'a Form,
    /// New rows of the queue.
    pub parked: &'a [ParkedJob],
    /// Rows of the queue that change.
    pub rescheduled: &'a [Rescheduled],
    /// Rows of the queue that are done with, by version.
    pub settled: &'a [(Uuid, i32)],
    /// How endpoints fare.
    pub fares: &'a [Fare],
    /// Alerts to raise.
    pub alerts: &'a [Alert],
    /// How far everything is settled once this is written.
    pub checkpoint: Option<&'a Checkpoint>,
}

/// How rows are written, after PostgreSQL has refused a single one for its data. Each carries the
/// reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// With everything.
    #[default]
    Whole,
    /// Rows of the log without body and response; those of both with the reason in place of the
    /// message.
    Bare(String),
    /// Deliveries that go to the queue, or are in it, end as failed in the log instead.
    Ended(String),
}

/// A delivery that goes to the queue.
#[derive(Clone, Debug)]
pub struct ParkedJob {
    /// The delivery.
    pub job: Arc<Job>,
    /// How it waits there.
    pub wait: Wait,
}

/// How a row of the queue waits.
#[derive(Clone, Debug, Default)]
pub struct Wait {
    /// ready, in_flight, retry, blocked or held.
    pub state: &'static str,
    /// For `retry`: microseconds from now.
    pub delay_us: Option<i64>,
    /// For `held`.
    pub hold_reason: Option<&'static str>,
    /// Attempts made.
    pub attempts: i32,
    /// Those that used up a retry.
    pub charged: i32,
    /// Status of the last one.
    pub status_code: Option<i32>,
    /// What went wrong in it.
    pub error_message: Option<String>,
}

/// A row of the queue that changes, if it still has the version.
#[derive(Clone, Debug)]
pub struct Rescheduled {
    /// The delivery.
    pub delivery: Uuid,
    /// Version of its row as far as the daemon knows.
    pub version: i32,
    /// How it waits from now on.
    pub wait: Wait,
}

impl Form {
    /// Why rows go without what receivers may have put into them, if they do.
    fn bare(&self) -> Option<&str> {
        match self {
            Self::Bare(reason) => Some(reason),
            Self::Whole | Self::Ended(_) => None,
        }
    }
}

impl Session {
    /// Writes `batch` in one transaction, as the holder of `slot` by `epoch`; returns the places
    /// of fares that could not be written, because somebody is changing the endpoint's row.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fenced`] if another daemon holds the slot. Otherwise nothing is written;
    /// when the session broke while committing, the checkpoint's flush number tells.
    pub async fn commit(
        &self,
        slot: &str,
        epoch: i64,
        batch: &Batch<'_>,
        buffer: &mut BytesMut,
    ) -> Result<Vec<usize>, StoreError> {
        let written = self.write(slot, epoch, batch, buffer).await;
        match written {
            Ok(unwritten) => {
                self.command("commit a batch of the log", "commit").await?;
                Ok(unwritten)
            }
            Err(error) => {
                // A broken session has nothing to roll back.
                let _ = self.command("roll back", "rollback").await;
                Err(error)
            }
        }
    }

    async fn write(
        &self,
        slot: &str,
        epoch: i64,
        batch: &Batch<'_>,
        buffer: &mut BytesMut,
    ) -> Result<Vec<usize>, StoreError> {
        self.command("begin a batch of the log", "begin").await?;
        self.assert_owner(slot, epoch).await?;
        if !batch.outcomes.is_empty() {
            self.copy(batch, buffer).await?;
        }
        if let Form::Ended(reason) = batch.form {
            self.fail(batch, reason).await?;
        } else {
            self.queue(batch).await?;
        }
        if !batch.settled.is_empty() {
            let (ids, versions): (Vec<Uuid>, Vec<i32>) = batch.settled.iter().copied().unzip();
            self.rows("settle deliveries", sql::settle, &[&ids, &versions]).await?;
        }
        let mut unwritten = Vec::new();
        for (place, fare) in batch.fares.iter().enumerate() {
            if !self.write_fare(fare).await? {
                unwritten.push(place);
            }
        }
        for alert in batch.alerts {
            self.raise_alert(alert).await?;
        }
        if let Some(checkpoint) = batch.checkpoint {
            self.insert_checkpoint(slot, checkpoint).await?;
        }
        Ok(unwritten)
    }

    async fn queue(&self, batch: &Batch<'_>) -> Result<(), StoreError> {
        if !batch.parked.is_empty() {
            self.store_bodies(batch.parked).await?;
            self.park(batch.parked, batch.form).await?;
        }
        if !batch.rescheduled.is_empty() {
            self.reschedule(batch.rescheduled, batch.form).await?;
        }
        Ok(())
    }

    /// What the queue refuses ends in the log.
    async fn fail(&self, batch: &Batch<'_>, reason: &str) -> Result<(), StoreError> {
        for ParkedJob { job, wait } in batch.parked {
            let delivery = &job.delivery;
            let event = &delivery.event;
            self.rows(
                "log a delivery that the queue refuses",
                sql::fail_parked,
                &[
                    &delivery.id.0,
                    &wait.attempts,
                    &delivery.endpoint.0,
                    &pg_lsn(event.position.commit),
                    &ordinal(event.position.ordinal),
                    &event.id.to_string(),
                    &&*event.event_type,
                    &Micros(event.commit_time),
                    &wait.status_code,
                    &reason,
                    &&*delivery.body,
                ],
            )
            .await?;
        }
        for Rescheduled { delivery, version, wait } in batch.rescheduled {
            self.rows(
                "log a delivery that the queue refuses to change",
                sql::fail_queued,
                &[delivery, version, &wait.attempts, &wait.status_code, &reason],
            )
            .await?;
        }
        Ok(())
    }

    async fn copy(&self, batch: &Batch<'_>, buffer: &mut BytesMut) -> Result<(), StoreError> {
        let failed = |source| StoreError::Statement { doing: "write the log", source };
        let statement = self.prepared(sql::copy_attempts).await.map_err(failed)?;
        let sink = self.client().copy_in(&statement).await.map_err(failed)?;
        let mut sink = std::pin::pin!(sink);
        copy::begin(buffer);
        for outcome in batch.outcomes {
            copy::row(outcome, batch.keep, batch.form.bare(), buffer);
            if buffer.len() >= PIECE {
                sink.feed(buffer.split().freeze()).await.map_err(failed)?;
            }
        }
        copy::end(buffer);
        sink.feed(buffer.split().freeze()).await.map_err(failed)?;
        sink.finish().await.map_err(failed)?;
        Ok(())
    }

    /// Many endpoints share a body, and a statement with one for each of them might have no end.
    async fn store_bodies(&self, parked: &[ParkedJob]) -> Result<(), StoreError> {
        let mut seen = HashSet::new();
        let (mut events, mut shapes, mut bodies) = (Vec::new(), Vec::new(), Vec::<&[u8]>::new());
        let mut size = 0;
        for ParkedJob { job, .. } in parked {
            let (id, body) = (job.delivery.event.id, &job.delivery.body);
            if !seen.insert((id, job.shape)) {
                continue;
            }
            events.push(id.to_string());
            shapes.push(job.shape);
            bodies.push(body);
            size += body.len();
            if size >= MOST_BODY_BYTES {
                self.rows("park bodies", sql::store_bodies, &[&events, &shapes, &bodies]).await?;
                events.clear();
                shapes.clear();
                bodies.clear();
                size = 0;
            }
        }
        if !bodies.is_empty() {
            self.rows("park bodies", sql::store_bodies, &[&events, &shapes, &bodies]).await?;
        }
        Ok(())
    }

    async fn park(&self, parked: &[ParkedJob], form: &Form) -> Result<(), StoreError> {
        let column = |f: fn(&ParkedJob) -> i64| parked.iter().map(f).collect::<Vec<i64>>();
        let id: Vec<Uuid> = parked.iter().map(|p| p.job.delivery.id.0).collect();
        let endpoint: Vec<Uuid> = parked.iter().map(|p| p.job.delivery.endpoint.0).collect();
        let commit: Vec<PgLsn> =
            parked.iter().map(|p| pg_lsn(p.job.delivery.event.position.commit)).collect();
        let ordinal = column(|p| ordinal(p.job.delivery.event.position.ordinal));
        let event: Vec<String> =
            parked.iter().map(|p| p.job.delivery.event.id.to_string()).collect();
        let event_type: Vec<&str> =
            parked.iter().map(|p| &*p.job.delivery.event.event_type).collect();
        let committed: Vec<Micros> =
            parked.iter().map(|p| Micros(p.job.delivery.event.commit_time)).collect();
        let key = column(|p| p.job.delivery.event.keys[0] as i64);
        let former_key = column(|p| p.job.delivery.event.keys[1] as i64);
        let shape = column(|p| p.job.shape);
        let bytes: Vec<i32> = parked
            .iter()
            .map(|p| i32::try_from(p.job.delivery.body.len()).unwrap_or(i32::MAX))
            .collect();
        let Waits { state, delay_us, hold_reason, attempts, charged, status, error } =
            Waits::of(parked.iter().map(|p| &p.wait), form);
        self.rows(
            "park deliveries",
            sql::park,
            &[
                &id,
                &endpoint,
                &commit,
                &ordinal,
                &event,
                &event_type,
                &committed,
                &key,
                &former_key,
                &shape,
                &bytes,
                &state,
                &delay_us,
                &hold_reason,
                &attempts,
                &charged,
                &status,
                &error,
            ],
        )
        .await?;
        Ok(())
    }

    async fn reschedule(&self, rescheduled: &[Rescheduled], form: &Form) -> Result<(), StoreError> {
        let id: Vec<Uuid> = rescheduled.iter().map(|r| r.delivery).collect();
        let version: Vec<i32> = rescheduled.iter().map(|r| r.version).collect();
        let Waits { state, delay_us, hold_reason, attempts, charged, status, error } =
            Waits::of(rescheduled.iter().map(|r| &r.wait), form);
        self.rows(
            "reschedule deliveries",
            sql::reschedule,
            &[&id, &version, &state, &delay_us, &hold_reason, &attempts, &charged, &status, &error],
        )
        .await?;
        Ok(())
    }
}

/// The columns that parking and rescheduling share.
#[derive(Default)]
struct Waits<'a> {
    state: Vec<&'a str>,
    delay_us: Vec<Option<i64>>,
    hold_reason: Vec<Option<&'a str>>,
    attempts: Vec<i32>,
    charged: Vec<i32>,
    status: Vec<Option<i32>>,
    error: Vec<Option<&'a str>>,
}

impl<'a> Waits<'a> {
    fn of(waits: impl Iterator<Item = &'a Wait>, form: &'a Form) -> Self {
        let mut columns = Self::default();
        for wait in waits {
            columns.state.push(wait.state);
            columns.delay_us.push(wait.delay_us);
            columns.hold_reason.push(wait.hold_reason);
            columns.attempts.push(wait.attempts);
            columns.charged.push(wait.charged);
            columns.status.push(wait.status_code);
            columns.error.push(form.bare().or(wait.error_message.as_deref()));
        }
        columns
    }
}

/// A timestamptz as microseconds since 1970-01-01 UTC, exactly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Micros(pub(super) i64);

impl ToSql for Micros {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0.saturating_sub(POSTGRES_EPOCH));
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Micros {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let since_2000 = i64::from_be_bytes(raw.try_into()?);
        Ok(Self(since_2000.saturating_add(POSTGRES_EPOCH)))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}
