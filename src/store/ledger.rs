//! One transaction of the ledger: the log, the queue, how endpoints fare, and the checkpoint.

mod columns;

use std::collections::HashSet;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::types::PgLsn;
use uuid::Uuid;

use super::copy::{self, ordinal};
use super::micros::Micros;
use super::owner::pg_lsn;
use super::{Checkpoint, Session, StoreError, sql};
use crate::config::LogPayload;
use crate::event::EventId;
use crate::event::job::{Alert, Fare, Job, Outcome, Outgoing, Then};
use columns::{Kept, Waits};

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
    /// Whether a function is to be told of those that finally failed.
    pub tells_failures: bool,
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

/// What of a batch could not be written, because somebody has locked its rows.
#[derive(Debug, Default)]
pub struct Unwritten {
    /// Places of fares.
    pub fares: Vec<usize>,
    /// Deliveries whose rows of the queue stay as they are.
    pub rows: Vec<Uuid>,
}

/// A delivery that goes to the queue.
#[derive(Clone, Debug)]
pub struct ParkedJob {
    /// The delivery.
    pub job: Arc<Job>,
    /// How it waits there.
    pub wait: Wait,
    /// With which body. Noted once: a template may succeed while this is being written.
    pub kept: KeptBody,
}

/// The body with which a delivery waits in the queue.
#[derive(Clone, Debug)]
pub struct KeptBody {
    /// See [`Outgoing::shape`].
    pub shape: i64,
    /// Its bytes.
    pub body: Bytes,
    /// See [`Outgoing::awaits_template`].
    pub awaits_template: bool,
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
    /// With which body.
    pub kept: KeptBody,
    /// The event, and the shape of the body that it may have waited with so far, if a template has
    /// made the one it waits with now.
    pub rendered: Option<(EventId, i64)>,
}

impl ParkedJob {
    /// `job` as it is now.
    pub fn new(job: &Arc<Job>, wait: Wait) -> Self {
        Self { job: Arc::clone(job), wait, kept: KeptBody::of(job.outgoing()) }
    }
}

impl Rescheduled {
    /// `job` as it is now, whose row has `version`.
    pub fn new(job: &Job, version: i32, wait: Wait) -> Self {
        let rendered = job.rendered_from().map(|shape| (job.delivery.event.id, shape));
        let kept = KeptBody::of(job.outgoing());
        Self { delivery: job.delivery.id.0, version, wait, kept, rendered }
    }
}

impl KeptBody {
    fn of(Outgoing { delivery, shape, awaits_template }: Outgoing<'_>) -> Self {
        Self { shape, body: delivery.body.clone(), awaits_template }
    }

    fn bytes(&self) -> i32 {
        i32::try_from(self.body.len()).unwrap_or(i32::MAX)
    }
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
    /// Writes `batch` in one transaction, as the holder of `slot` by `epoch`, but for what
    /// somebody has locked.
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
    ) -> Result<Unwritten, StoreError> {
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
    ) -> Result<Unwritten, StoreError> {
        self.command("begin a batch of the log", "begin").await?;
        self.assert_owner(slot, epoch).await?;
        if !batch.outcomes.is_empty() {
            self.copy(batch, buffer).await?;
        }
        if batch.tells_failures {
            self.note_failures(batch.outcomes).await?;
        }
        let mut unwritten = Unwritten::default();
        if let Form::Ended(reason) = batch.form {
            unwritten.rows.extend(self.fail(batch, reason).await?);
        } else {
            unwritten.rows.extend(self.queue(batch).await?);
        }
        if !batch.settled.is_empty() {
            let (ids, versions): (Vec<Uuid>, Vec<i32>) = batch.settled.iter().copied().unzip();
            let locked = self.rows("settle deliveries", sql::settle, &[&ids, &versions]).await?;
            unwritten.rows.extend(locked.iter().map(|row| row.get::<_, Uuid>(0)));
        }
        for (place, fare) in batch.fares.iter().enumerate() {
            if !self.write_fare(fare).await? {
                unwritten.fares.push(place);
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

    /// Returns rows that somebody has locked.
    async fn queue(&self, batch: &Batch<'_>) -> Result<Vec<Uuid>, StoreError> {
        if !batch.parked.is_empty() {
            let bodies = batch.parked.iter().map(|p| (p.job.delivery.event.id, &p.kept));
            self.store_bodies(bodies).await?;
            self.park(batch.parked, batch.form).await?;
        }
        if batch.rescheduled.is_empty() {
            return Ok(Vec::new());
        }
        self.reschedule(batch.rescheduled, batch.form).await
    }

    /// What the queue refuses ends in the log. Returns rows that somebody has locked.
    async fn fail(&self, batch: &Batch<'_>, reason: &str) -> Result<Vec<Uuid>, StoreError> {
        for ParkedJob { job, wait, kept } in batch.parked {
            let delivery = &job.delivery;
            let event = &delivery.event;
            // What a template has not made a body of was never to be sent.
            let body = Some(&*kept.body).filter(|_| !kept.awaits_template);
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
                    &body,
                    &batch.tells_failures,
                ],
            )
            .await?;
        }
        let mut locked = Vec::new();
        for Rescheduled { delivery, version, wait, .. } in batch.rescheduled {
            let rows = self
                .rows(
                    "log a delivery that the queue refuses to change",
                    sql::fail_queued,
                    &[
                        delivery,
                        version,
                        &wait.attempts,
                        &wait.status_code,
                        &reason,
                        &batch.tells_failures,
                    ],
                )
                .await?;
            locked.extend(rows.iter().map(|row| row.get::<_, Uuid>(0)));
        }
        Ok(locked)
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

    async fn note_failures(&self, outcomes: &[Outcome]) -> Result<(), StoreError> {
        let failed = outcomes.iter().filter(|outcome| outcome.then == Then::Failed);
        let (ids, attempts): (Vec<Uuid>, Vec<i32>) =
            failed.map(|o| (o.job.delivery.id.0, copy::number(o))).unzip();
        if !ids.is_empty() {
            self.rows("note failures", sql::note_failures, &[&ids, &attempts]).await?;
        }
        Ok(())
    }

    /// Many endpoints share a body, and a statement with one for each of them might have no end.
    async fn store_bodies(
        &self,
        bodies_of: impl Iterator<Item = (EventId, &KeptBody)>,
    ) -> Result<(), StoreError> {
        let mut seen = HashSet::new();
        let (mut events, mut shapes, mut bodies) = (Vec::new(), Vec::new(), Vec::<&[u8]>::new());
        let mut size = 0;
        for (id, KeptBody { shape, body, .. }) in bodies_of {
            if !seen.insert((id, *shape)) {
                continue;
            }
            events.push(id.to_string());
            shapes.push(*shape);
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
        let Kept { shape, bytes, awaits_template } = Kept::of(parked.iter().map(|p| &p.kept));
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
                &awaits_template,
            ],
        )
        .await?;
        Ok(())
    }

    /// Returns rows that somebody has locked.
    async fn reschedule(
        &self,
        rescheduled: &[Rescheduled],
        form: &Form,
    ) -> Result<Vec<Uuid>, StoreError> {
        let id: Vec<Uuid> = rescheduled.iter().map(|r| r.delivery).collect();
        let version: Vec<i32> = rescheduled.iter().map(|r| r.version).collect();
        let Waits { state, delay_us, hold_reason, attempts, charged, status, error } =
            Waits::of(rescheduled.iter().map(|r| &r.wait), form);
        let Kept { shape, bytes, awaits_template } = Kept::of(rescheduled.iter().map(|r| &r.kept));
        let new = || rescheduled.iter().filter_map(|r| Some((r.rendered?, &r.kept)));
        self.store_bodies(new().map(|((event, _), kept)| (event, kept))).await?;
        let locked = self
            .rows(
                "reschedule deliveries",
                sql::reschedule,
                &[
                    &id,
                    &version,
                    &state,
                    &delay_us,
                    &hold_reason,
                    &attempts,
                    &charged,
                    &status,
                    &error,
                    &shape,
                    &bytes,
                    &awaits_template,
                ],
            )
            .await?;
        // The template's input; and its output, should the row have been taken away meanwhile.
        let either = new().flat_map(|((event, from), kept)| [(event, from), (event, kept.shape)]);
        let (events, shapes): (Vec<String>, Vec<i64>) =
            either.map(|(event, shape)| (event.to_string(), shape)).unzip();
        if !events.is_empty() {
            self.rows("drop bodies", sql::drop_bodies, &[&events, &shapes]).await?;
        }
        Ok(locked.iter().map(|row| row.get(0)).collect())
    }
}
