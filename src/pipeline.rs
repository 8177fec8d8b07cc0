//! The way of an event: capture, route, lanes, ledger, acknowledge. Start reading here.
//!
//! ```text
//! stream ──> decode ──> capture ──> route ──┬──> lane(endpoint) ──> attempt ──┐
//!    ^      messages    changes    bodies   │                                 │ outcomes
//!    │                                      └──> ledger <─────────────────────┘
//!    └───────────── confirmed LSN ─────────────────┘
//! ```
//!
//! The WAL is the queue: a delivery that succeeds at once is written once, into the log. The
//! reader never collects a transaction; each change is routed as it comes. Nothing travels back
//! up but the confirmed LSN and the room that lanes have.

mod configured;
mod forecast;
mod gap;
mod lanes;
mod models;
mod preview;
mod replay;
mod roster;
mod run;
mod setup;
mod tables;
mod takeover;
mod told;
mod watcher;

pub use run::{Pipeline, RunError};
pub use setup::{Setup, Status, TakeoverError};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, mpsc, watch};

use crate::capture::{Capture, CaptureError, Captured};
use crate::change::Change;
use crate::decode::{DecodeError, decode};
use crate::event::budget::{Share, footprint};
use crate::event::job::{Entry, Passage};
use crate::lsn::{Lsn, Position};
use crate::replication::{Frame, ReplicationError, Stream};
use crate::route::{Routed, Router};
use crate::shutdown::Shutdown;
use crate::store::catalog::{CatalogError, describe};
use crate::store::{SharedSession, StoreError};
use lanes::Lanes;
use preview::Asked;
use replay::Replay;
use told::Told;

/// Bytes of WAL handled between two looks at whether the lanes have room.
const CHUNK_BYTES: usize = 256 * 1024;

/// Passages that may wait for the ledger.
const UNHEARD_BYTES: usize = 8 * 1024 * 1024;

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The replication session failed.
    #[error("cannot read the WAL")]
    Replication(#[from] ReplicationError),
    /// A message made no sense.
    #[error("cannot decode a message of the WAL")]
    Decode(#[from] DecodeError),
    /// Messages came in an order that makes no sense.
    #[error("cannot follow the WAL")]
    Capture(#[from] CaptureError),
    /// The catalog could not be asked.
    #[error("cannot ask the catalog")]
    Catalog(#[from] CatalogError),
    /// No session to ask it in.
    #[error("cannot reach the database")]
    Store(#[from] StoreError),
    /// The ledger ended, so nothing can be settled any more.
    #[error("the ledger ended")]
    LedgerEnded,
}

/// Why the reader paused, with everything that was read handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It was told to stop.
    Stopped,
    /// The configuration changed: what is read next is to be routed by the new one.
    Reconfigure,
}

/// The reader: everything that happens between the replication stream and the lanes.
pub struct Reader {
    capture: Capture,
    router: Router,
    lanes: Lanes,
    /// Changed configuration that the WAL tells of.
    told: Told,
    /// Where somebody answers what would be sent.
    asked: Asked,
    /// Notified when the configuration changed and the WAL is behind.
    early: Arc<Notify>,
    replay: Replay,
    /// Whether the lanes know that the replay is over.
    is_replayed: Arc<AtomicBool>,
    catalog: Arc<SharedSession>,
    ledger: mpsc::UnboundedSender<Entry>,
    /// Memory of passages that the ledger has not heard of: with nothing to deliver no lane is
    /// full, however long the log cannot be written.
    unheard: Arc<Share>,
    confirmed: watch::Receiver<Lsn>,
    passages: Vec<Passage>,
    routed: Vec<Routed>,
}

impl Reader {
    /// Reads until told to stop, or until the configuration changes.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; after [`ReadError::Replication`] the reader can go on with a new stream.
    pub async fn read(
        &mut self,
        stream: &mut Stream,
        shutdown: &mut Shutdown,
    ) -> Result<Pause, ReadError> {
        // A fresh session knows nothing; some servers take a report of zero as a step back.
        stream.confirm(*self.confirmed.borrow_and_update());
        let early = Arc::clone(&self.early);
        loop {
            tokio::select! {
                frame = stream.next() => self.take_chunk(frame?, stream).await?,
                () = self.confirmed_further() => stream.confirm(*self.confirmed.borrow_and_update()),
                () = early.notified() => return Ok(Pause::Reconfigure),
                () = shutdown.stopped() => return Ok(Pause::Stopped),
            }
            self.hand_over()?;
            if self.told.is_due() {
                return Ok(Pause::Reconfigure);
            }
            while let Some(room) = self.room() {
                tokio::select! {
                    () = room => {}
                    error = stream.idle() => return Err(error.into()),
                    changed = self.confirmed.changed() => {
                        changed.map_err(|_| ReadError::LedgerEnded)?;
                        stream.confirm(*self.confirmed.borrow_and_update());
                    }
                    () = shutdown.stopped() => return Ok(Pause::Stopped),
                }
            }
        }
    }

    /// A new stream begins where the server thinks that we are.
    pub fn restart(&mut self) {
        self.capture.restart();
        self.told = Told::default();
    }

    /// A wait for room, if a lane has more than its share, or the ledger.
    fn room(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let full = Some(&self.unheard).filter(|share| share.is_over());
        let share = Arc::clone(full.or_else(|| self.lanes.full())?);
        Some(async move { share.room().await })
    }

    /// Handles `frame` and what else is in memory already, up to a chunk: wake-ups of lanes and
    /// ledger are shared by all of it.
    async fn take_chunk(&mut self, frame: Frame, stream: &mut Stream) -> Result<(), ReadError> {
        let mut bytes = 0;
        let mut next = Some(frame);
        while let Some(frame) = next {
            // It may have to ask the catalog, in a session that a network has swallowed.
            bytes += tokio::select! {
                biased;
                taken = self.take(frame) => taken?,
                error = stream.idle() => return Err(error.into()),
            };
            let is_enough = bytes >= CHUNK_BYTES || self.lanes.got_full() || self.told.is_due();
            next = if is_enough { None } else { stream.next_buffered()? };
        }
        if self.router.has_learned() {
            tokio::select! {
                biased;
                kept = keep_learned(&self.catalog, &mut self.router) => kept?,
                error = stream.idle() => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn take(&mut self, frame: Frame) -> Result<usize, ReadError> {
        let (payload, size) = match frame {
            Frame::Data { payload, .. } => (payload.clone(), payload.len()),
            Frame::Keepalive { wal_end, .. } => {
                if !self.capture.in_transaction() {
                    self.pass(just_before(wal_end), Some(wal_end));
                }
                return Ok(0);
            }
        };
        let mut captured = self.capture.accept(decode(payload)?)?;
        while let Captured::Unknown(question) = &captured {
            let session = self.catalog.get().await?;
            captured = self.capture.learn(&describe(session.client(), question).await?)?;
        }
        match captured {
            Captured::Change(change) => self.route(&change),
            Captured::Truncated(changes) => changes.iter().for_each(|change| self.route(change)),
            Captured::Emitted(emitted) if self.replay.is_new(emitted.position) => {
                match self.router.route_emitted(&emitted, &mut self.routed) {
                    Ok(()) => self.dispatch(emitted.position),
                    Err(error) => tracing::warn!(%error, "a custom event is not sent"),
                }
            }
            Captured::Commit { commit, end } => {
                self.told.commit(commit, end);
                // One that changed the configuration passes when that was taken in: confirmed
                // before, it would not be read again, and a crash would lose the change.
                if !self.told.is_due() {
                    self.pass_commit(commit, end);
                }
            }
            Captured::Configured { xid, content } => self.told.hear(xid, &content),
            Captured::Asked { content } => self.asked.hear(content),
            Captured::Emitted(_) => {}
            Captured::Begin { .. } | Captured::Unknown(_) | Captured::Nothing => {}
        }
        Ok(size)
    }

    fn route(&mut self, change: &Change) {
        if self.replay.is_new(change.position) {
            self.router.route(change, &mut self.routed);
            self.dispatch(change.position);
            for hold in self.router.take_unfit() {
                self.lanes.alert_unfit(&hold);
            }
        }
    }

    /// Makes deliveries of what was routed: held ones to the ledger, the others to their lanes.
    fn dispatch(&mut self, position: Position) {
        let mut jobs = Vec::with_capacity(self.routed.len());
        for routed in self.routed.drain(..) {
            jobs.extend(self.lanes.take(routed, &self.replay));
        }
        if jobs.is_empty() {
            return;
        }
        self.replay.took_slot();
        self.passages.push(Passage { position, end: None, jobs });
    }

    fn pass_commit(&mut self, commit: Lsn, end: Lsn) {
        self.pass(Position { commit, ordinal: u64::MAX }, Some(end));
    }

    fn pass(&mut self, position: Position, end: Option<Lsn>) {
        if self.replay.passes(position) {
            self.passages.push(Passage { position, end, jobs: Vec::new() });
        }
    }

    /// The ledger first: it must know of a delivery before it hears of its outcome.
    fn hand_over(&mut self) -> Result<(), ReadError> {
        if !self.passages.is_empty() {
            let bytes = self.passages.len() * size_of::<Passage>();
            let charge = self.unheard.take(footprint(bytes));
            let passed = Entry::Passed(std::mem::take(&mut self.passages), charge);
            self.ledger.send(passed).map_err(|_| ReadError::LedgerEnded)?;
        }
        for entry in self.lanes.take_entries() {
            self.ledger.send(entry).map_err(|_| ReadError::LedgerEnded)?;
        }
        self.lanes.hand_over();
        // After what came of it.
        if !self.is_replayed.load(Ordering::Acquire) && self.replay.is_over() {
            self.is_replayed.store(true, Ordering::Release);
            self.lanes.tell_replayed();
        }
        Ok(())
    }

    async fn confirmed_further(&mut self) {
        if self.confirmed.changed().await.is_err() {
            // The ledger's end shows when something is sent to it.
            std::future::pending::<()>().await;
        }
    }
}

async fn keep_learned(catalog: &SharedSession, router: &mut Router) -> Result<(), StoreError> {
    models::keep_learned(&*catalog.get().await?, router).await
}

/// The last position that a keepalive at `wal_end` can stand for: a commit record may begin
/// exactly there, and it has not been sent.
fn just_before(wal_end: Lsn) -> Position {
    Position { commit: Lsn(wal_end.0.saturating_sub(1)), ordinal: u64::MAX }
}
