//! The ledger: outcomes to PostgreSQL in batches, and the watermark that may be confirmed.
//!
//! Attempt rows, queue rows and the checkpoint go into one transaction; only after its commit is
//! the LSN handed to the reader. It never decides what becomes of a delivery: lanes do.

mod draft;
mod eye;
mod part;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::{RwLock, mpsc, watch};
use tokio::time::Instant;
use uuid::Uuid;

use crate::config::LogPayload;
use crate::event::gate::{FULL_BATCH, Gate};
use crate::event::job::{Entry, Fare, Job};
use crate::lsn::Lsn;
use crate::store::{Batch, Checkpoint, Form, Lines, Session, StoreError, Unwritten, chain};
use draft::Draft;
use eye::Eye;
use part::Part;
use window::{Former, Window};

/// Rows of one batch. COPY's cost a row no longer falls beyond this.
const MOST_ROWS: usize = FULL_BATCH;

/// Bytes of bodies and answers in one batch: large ones make small batches.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How long the first row of a batch waits for others.
const LINGER: Duration = Duration::from_millis(50);

/// A batch that takes longer than this found the log standing still.
const STALL: Duration = Duration::from_millis(500);

/// An advance without deliveries is checkpointed at most this often, and only when it releases
/// more than [`IDLE_BYTES`]: each checkpoint makes WAL, which makes the next keepalive.
const IDLE_INTERVAL: Duration = Duration::from_secs(10);
const IDLE_BYTES: u64 = 64 * 1024;

/// Checkpoints kept for whoever looks.
const CHECKPOINTS_KEPT: i64 = 100;

/// What the ledger needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The way to the log.
    pub lines: Lines,
    /// The slot whose epoch every transaction checks.
    pub slot: String,
    /// Which rows keep the body.
    pub keep: LogPayload,
    /// Whether a function is to be told of final failures.
    pub tells_failures: bool,
    /// The end of the WAL when the slot was taken: a former holder settled nothing beyond it.
    pub wal_end: Lsn,
}

/// The ledger's end of things.
#[derive(Debug)]
pub struct Ledger {
    settings: Settings,
    entries: mpsc::UnboundedReceiver<Entry>,
    epoch: Arc<RwLock<i64>>,
    gate: Arc<Gate>,
    confirmed: watch::Sender<Lsn>,
    /// Whether the log takes rows; readyz asks.
    writable: watch::Sender<bool>,
    session: Option<Session>,
    /// The server's process for it.
    backend: Arc<AtomicI32>,
    window: Window,
    draft: Draft,
    /// Deliveries under way whose rows the queue refuses. The checkpoint stays where it is until
    /// they have ended: what is beyond it comes again after a crash.
    memory_only: Vec<Arc<Job>>,
    /// The last one written.
    checkpoint: Checkpoint,
    checkpointed_at: Instant,
    buffer: BytesMut,
}

/// What the ledger tells others.
#[derive(Debug)]
pub struct Signals {
    /// What may be reported as flushed.
    pub confirmed: watch::Sender<Lsn>,
    /// Whether the log takes rows.
    pub writable: watch::Sender<bool>,
}

impl Ledger {
    /// A ledger that goes on from `checkpoint`, as the holder of the slot by `epoch`.
    pub fn new(
        settings: Settings,
        entries: mpsc::UnboundedReceiver<Entry>,
        (epoch, gate): (Arc<RwLock<i64>>, Arc<Gate>),
        signals: Signals,
        checkpoint: Checkpoint,
    ) -> Self {
        let former =
            Former { earliest: milliseconds_of(checkpoint.replay_floor), until: settings.wal_end };
        let window = Window::new(checkpoint.watermark, checkpoint.confirmed).behind(former);
        Self {
            settings,
            entries,
            epoch,
            gate,
            confirmed: signals.confirmed,
            writable: signals.writable,
            session: None,
            backend: Arc::default(),
            window,
            draft: Draft::default(),
            memory_only: Vec::new(),
            checkpoint,
            checkpointed_at: Instant::now(),
            buffer: BytesMut::new(),
        }
    }

    /// Works until every sender of entries is gone, then writes what is left.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fenced`] once another daemon holds the slot. A database that is away or full
    /// is no error: the batch is kept and tried again.
    pub async fn run(mut self) -> Result<(), StoreError> {
        let mut inbox = Vec::with_capacity(MOST_ROWS);
        loop {
            self.linger().await;
            let wake = self.next_wake();
            let open = tokio::select! {
                count = self.entries.recv_many(&mut inbox, MOST_ROWS) => count > 0,
                () = tokio::time::sleep_until(wake) => true,
            };
            let now = Instant::now();
            for entry in inbox.drain(..) {
                self.take(entry, now);
            }
            self.mark_overdue(now);
            if !open || self.is_flush_due(now) {
                self.flush().await?;
            }
            if !open {
                return Ok(());
            }
        }
    }

    /// With a row in the draft and nothing waiting in the channel beyond, lets entries gather:
    /// being woken for each of them would cost more than writing it.
    async fn linger(&self) {
        let Some(since) = self.draft.since else { return };
        if !self.entries.is_empty() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep_until(Instant::from_std(since) + LINGER) => {}
            () = self.gate.hurried() => {}
        }
    }

    fn take(&mut self, entry: Entry, now: Instant) {
        match entry {
            Entry::Passed(passages, _) => {
                for passage in passages {
                    self.window.pass(passage, now.into_std());
                }
                return;
            }
            Entry::Flush(written) => self.draft.waiting.push(written),
            Entry::Attempted(outcome) => {
                self.settle(&outcome.job, now);
                self.draft.attempted(outcome);
            }
            Entry::Parked(job, parking, receipt) => {
                self.settle(&job, now);
                self.draft.park(&job, parking);
                self.draft.receipts.extend(receipt);
            }
            Entry::Fares(fare) => self.draft.fare(fare),
            Entry::Alert(alert) => self.draft.alerts.push(alert),
        }
        self.draft.touch(now.into_std());
    }

    /// In the window a delivery is settled as soon as its row is in the draft: the checkpoint of
    /// the same transaction says so, and nobody hears of it before the commit.
    fn settle(&mut self, job: &Job, now: Instant) {
        self.memory_only.retain(|other| other.delivery.id != job.delivery.id);
        if let Some(slot) = job.slot {
            self.window.settle(slot, job.delivery.id, now.into_std());
        }
    }

    fn mark_overdue(&mut self, now: Instant) {
        for job in self.window.overdue(now.into_std()) {
            self.settle(&job, now);
            self.draft.mark_in_flight(job);
            self.draft.touch(now.into_std());
        }
    }

    fn next_wake(&self) -> Instant {
        let linger = self.draft.since.map(|since| Instant::from_std(since) + LINGER);
        let overdue = self.window.next_overdue().map(Instant::from_std);
        let idle = self.releases_enough().then(|| self.checkpointed_at + IDLE_INTERVAL);
        [linger, overdue, idle]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| Instant::now() + IDLE_INTERVAL)
    }

    fn is_flush_due(&self, now: Instant) -> bool {
        self.draft.rows() >= MOST_ROWS
            || self.draft.bytes + self.draft.answer_bytes >= MOST_BYTES
            || !self.draft.waiting.is_empty()
            || self.draft.since.is_some_and(|since| Instant::from_std(since) + LINGER <= now)
            || (self.releases_enough() && self.checkpointed_at + IDLE_INTERVAL <= now)
    }

    fn releases_enough(&self) -> bool {
        self.window.confirmed().0.saturating_sub(self.checkpoint.confirmed.0) > IDLE_BYTES
    }

    fn next_checkpoint(&self) -> Checkpoint {
        Checkpoint {
            flush: self.checkpoint.flush + 1,
            watermark: self.window.watermark(),
            confirmed: self.window.confirmed(),
            replay_floor: floor_of(self.window.earliest_commit()),
            ..self.checkpoint.clone()
        }
    }

    /// Writes the draft, however long that takes.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let draft = std::mem::take(&mut self.draft);
        let goal = self.next_checkpoint();
        let is_nothing = draft.is_empty()
            && goal.watermark == self.checkpoint.watermark
            && goal.confirmed == self.checkpoint.confirmed;
        if !is_nothing {
            let begun = Instant::now();
            Box::pin(self.write(&draft, goal)).await?;
            let taken = begun.elapsed();
            if taken >= STALL {
                self.window.lose(taken);
            }
            self.gate.remove_unlogged(draft.outcomes.len(), draft.answer_bytes);
            for job in &draft.marked {
                if !self.memory_only.iter().any(|other| Arc::ptr_eq(other, job)) {
                    job.set_row_version(1);
                }
            }
            self.confirmed.send_replace(self.checkpoint.confirmed);
            self.checkpointed_at = Instant::now();
        }
        for written in draft.waiting {
            // Who asked may have gone away.
            let _ = written.send(());
        }
        Ok(())
    }

    /// Writes `draft` in as many transactions as PostgreSQL's opinion of its values makes
    /// necessary; the last one carries the checkpoint `goal`.
    async fn write(&mut self, draft: &Draft, goal: Checkpoint) -> Result<(), StoreError> {
        let fares: Vec<Fare> = draft.fares.values().cloned().collect();
        // A part is settled beyond a watermark that does not move before the last one.
        let replay_floor = self.checkpoint.replay_floor.min(floor_of(draft.earliest_commit()));
        let mut parts = vec![Part::all_of(draft, &fares)];
        while let Some(part) = parts.pop() {
            let flush = self.checkpoint.flush + 1;
            let checkpoint = match parts.is_empty() && self.memory_only.is_empty() {
                true => Checkpoint { flush, ..goal.clone() },
                false => Checkpoint { flush, replay_floor, ..self.checkpoint.clone() },
            };
            match self.commit(&part.batch(&self.settings, &checkpoint)).await {
                Ok(unwritten) => {
                    self.checkpoint = checkpoint;
                    for place in unwritten.fares {
                        self.draft.fare(part.fares[place].clone());
                        self.draft.touch(std::time::Instant::now());
                    }
                    if !unwritten.rows.is_empty() {
                        self.draft.take_back(draft, &unwritten.rows);
                        self.draft.touch(std::time::Instant::now());
                    } else if let Some((job, is_retry)) = part.ended(draft) {
                        self.gate.give_up(job, is_retry);
                    }
                }
                Err(error) if error.is_about_data() => {
                    let reason = format!("refused: {}", chain(&error));
                    match (part.halves(), part.lesser(&reason)) {
                        (Some([first, second]), _) => parts.extend([second, first]),
                        (None, Some(lesser)) => {
                            tell_of_refusal(&lesser, &error);
                            parts.push(lesser);
                        }
                        (None, None) if part.is_dispensable() => {
                            self.leave_out(&part, &error);
                            parts.push(Part::default());
                        }
                        (None, None) => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.trim().await;
        Ok(())
    }

    /// A single row is refused in every form, and what it tells of goes on without it.
    fn leave_out(&mut self, part: &Part<'_>, error: &StoreError) {
        let delivery = part.delivery().map(tracing::field::display);
        tracing::error!(delivery, error = %chain(error), "a row is refused and is left out");
        // Nothing but its end will be written of it, so nothing behind it is settled before.
        self.memory_only.extend(part.marked().cloned());
    }

    /// One transaction, tried until PostgreSQL takes it or refuses its data; returns what is to be
    /// written later.
    async fn commit(&mut self, batch: &Batch<'_>) -> Result<Unwritten, StoreError> {
        let mut backoff = crate::store::reconnect_backoff();
        loop {
            let eye = self.eye();
            let written = eye.on(self.commit_once(batch)).await;
            let error = match written {
                Ok(unwritten) => {
                    self.writable.send_if_modified(|writable| !std::mem::replace(writable, true));
                    return Ok(unwritten);
                }
                Err(error) if error.is_about_data() => return Err(error),
                Err(StoreError::Fenced) => return Err(StoreError::Fenced),
                Err(error) => error,
            };
            // Also for a full disk: the batch is kept, and lanes stop by themselves.
            let delay = backoff.next().unwrap_or(Duration::from_secs(5));
            self.writable.send_replace(false);
            tracing::warn!(error = %chain(&error), ?delay, "the log cannot be written; trying again");
            if error.is_disconnected() {
                self.session = None;
            }
            tokio::time::sleep(delay).await;
        }
    }

    async fn commit_once(&mut self, batch: &Batch<'_>) -> Result<Unwritten, StoreError> {
        match self.try_commit(batch).await {
            // The former session was gone before it said so, and its commit came through.
            Err(error) if error.is_about_data() && self.is_written(batch).await => {
                Ok(Unwritten::default())
            }
            other => other,
        }
    }

    /// Whether the batch's own checkpoint is the newest.
    async fn is_written(&self, batch: &Batch<'_>) -> bool {
        let Some(session) = &self.session else { return false };
        let newest = session.latest_checkpoint(&self.settings.slot).await;
        newest.is_ok_and(|newest| newest.is_some() && newest.as_ref() == batch.checkpoint)
    }

    async fn try_commit(&mut self, batch: &Batch<'_>) -> Result<Unwritten, StoreError> {
        // Held to the end of the transaction: the epoch must not change under it.
        let epoch = Arc::clone(&self.epoch).read_owned().await;
        let slot = &self.settings.slot;
        let session = match self.session.take().filter(|session| !session.is_closed()) {
            Some(session) => self.session.insert(session),
            None => {
                let session = self.settings.lines.open().await?;
                let session = self.session.insert(session);
                self.backend.store(session.backend().await?, Ordering::Relaxed);
                // The former session may have broken after the commit and before its answer. Asked
                // in this order: if the slot is still ours afterwards, the checkpoint was too.
                let newest = session.latest_checkpoint(slot).await?;
                session.assert_owner(slot, *epoch).await?;
                let flush = batch.checkpoint.map(|checkpoint| checkpoint.flush);
                if newest.map(|checkpoint| checkpoint.flush) >= flush && flush.is_some() {
                    return Ok(Unwritten::default());
                }
                session
            }
        };
        session.commit(slot, *epoch, batch, &mut self.buffer).await
    }

    fn eye(&self) -> Eye {
        let (lines, backend) = (self.settings.lines.clone(), Arc::clone(&self.backend));
        Eye { lines, backend, writable: self.writable.clone() }
    }

    async fn trim(&self) {
        let flush = self.checkpoint.flush;
        if flush % CHECKPOINTS_KEPT != 0 {
            return;
        }
        if let Some(session) = &self.session {
            // Next time is early enough: old checkpoints only take room.
            let trimmed = session.trim_checkpoints(&self.settings.slot, flush - CHECKPOINTS_KEPT);
            if let Err(error) = self.eye().on(trimmed).await {
                tracing::debug!(error = %chain(&error), "old checkpoints stay for now");
            }
        }
    }
}

/// The smallest delivery id of a change committed at that time or later.
fn floor_of(commit_milliseconds: Option<u64>) -> Uuid {
    commit_milliseconds.map_or(Uuid::max(), |ms| Uuid::from_u128(u128::from(ms) << 80))
}

fn milliseconds_of(floor: Uuid) -> u64 {
    (floor.as_u128() >> 80) as u64
}

fn tell_of_refusal(lesser: &Part<'_>, error: &StoreError) {
    let (delivery, error) = (lesser.delivery().map(tracing::field::display), chain(error));
    if matches!(lesser.form, Form::Ended(_)) {
        tracing::error!(delivery, error, "the queue refuses a delivery; it ends as failed");
    } else {
        tracing::warn!(delivery, error, "a row is refused; it goes without what receivers say");
    }
}
