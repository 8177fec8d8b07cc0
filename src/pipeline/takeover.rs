//! Taking the slot: who we are, where the last holder stopped, whether something is missing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::Reader;
use super::configured::{Configured, Look};
use super::gap;
use super::gap::Found;
use super::lanes::Lanes;
use super::preview::Previewer;
use super::replay::Replay;
use super::roster::{READ_BACK, Roster};
use super::run::Pipeline;
use super::setup::{Claim, Left, Setup, TakeoverError};
use super::told::Told;
use crate::capture::Capture;
use crate::deliver::lane::Surroundings;
use crate::event::DeliveryId;
use crate::event::budget::{Large, Share};
use crate::event::gate::Gate;
use crate::event::job::Entry;
use crate::ledger::{self, Ledger};
use crate::lsn::{Lsn, Position};
use crate::replication::{Session, Stream, System};
use crate::store::schema::MIGRATIONS;
use crate::store::{self, Checkpoint, Lines, SharedSession};

/// Connections that all lanes together may have open, beyond one each.
const MOST_CONNECTIONS: usize = 512;

/// Taking the slot waits for a batch that the former holder has begun, and a frozen one's is ended
/// by PostgreSQL after 10 s.
const TAKING_LIMIT: Duration = Duration::from_secs(20);

impl Setup {
    /// Starts streaming and takes the slot. Streaming first: only the slot's holder may change
    /// the epoch. Whoever held it before says what he `left`; if the server or the slot is not
    /// that any more, nothing is taken.
    pub(super) async fn acquire(
        &self,
        claim: &Claim,
        left: Option<Left>,
    ) -> Result<Taken, TakeoverError> {
        self.in_time(self.acquire_at_leisure(claim, left)).await
    }

    /// A network that swallows an answer must not end in a wait without end.
    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, TakeoverError>>,
    ) -> Result<T, TakeoverError> {
        let target = self.dsn.redacted();
        let late = |_| store::StoreError::Silent { target, doing: "taking the slot" };
        tokio::time::timeout(TAKING_LIMIT, work).await.map_err(late)?
    }

    async fn acquire_at_leisure(
        &self,
        claim: &Claim,
        left: Option<Left>,
    ) -> Result<Taken, TakeoverError> {
        let session = store::Session::connect(&self.dsn).await?;
        // Asked before streaming: feedback may move it.
        let mut slot = session.slot_state(&self.slot).await?.and_then(|slot| slot.confirmed);
        let mut replication = Session::connect(&self.dsn).await?;
        let system = replication.identify_system().await?;
        let started = replication.start(&self.slot, &self.publication, Lsn(0)).await;
        let (mut stream, former_end) = match started {
            Ok(stream) => (stream, None),
            Err(error) if left.is_some() => {
                // Whoever streams from it may have taken it.
                session.assert_owner(&self.slot, *claim.epoch.read().await).await?;
                let is_over = gap::is_end_of_slot(&error);
                return Err(if is_over { TakeoverError::Moved } else { error.into() });
            }
            Err(error) if gap::may_begin_anew(self, &error, &system) => {
                tracing::warn!(error = %store::chain(&error), "the slot is begun anew");
                match session.begin_slot_anew(&self.slot).await {
                    Ok(()) => {}
                    // The walsender that refused may hold it for a moment.
                    Err(failed) if failed.is_transient() => return Err(failed.into()),
                    Err(failed) => {
                        gap::report_end_of_slot(&session, self, (error, &system)).await?;
                        return Err(failed.into());
                    }
                }
                slot = session.slot_state(&self.slot).await?.and_then(|slot| slot.confirmed);
                let replication = Session::connect(&self.dsn).await?;
                let stream = replication.start(&self.slot, &self.publication, Lsn(0)).await?;
                (stream, Some(error.to_string()))
            }
            Err(error) if gap::is_end_of_slot(&error) => {
                return Err(gap::report_end_of_slot(&session, self, (error, &system)).await?);
            }
            Err(error) => return Err(error.into()),
        };
        if left.is_some_and(|left| !left.is_still(&system, slot)) {
            return Err(TakeoverError::Moved);
        }
        let is_ours_still = tokio::select! {
            taken = self.take(&session, claim) => taken?,
            // The former holder's last batch may take longer than the server waits for feedback.
            error = stream.idle() => return Err(error.into()),
        };
        let identity = (system.system_identifier, system.timeline);
        self.status.held_on.send_replace(Some(identity));
        Ok(Taken { stream, system, slot, former_end, is_ours_still })
    }

    /// Takes the slot; whether nobody else had it since this process did. An answer that is lost
    /// has done no harm: the holder knows itself again.
    async fn take(&self, session: &store::Session, claim: &Claim) -> Result<bool, TakeoverError> {
        let mut epoch = claim.epoch.write().await;
        let reign = session.take_slot(&self.slot, &host_name(), claim.holder).await?;
        let is_ours_still = reign.since <= *epoch;
        // Nothing that this process has in memory may be written by an epoch that came after
        // somebody else's: then the former one stays, and the ledger is fenced.
        if is_ours_still || *epoch == 0 {
            *epoch = reign.epoch;
        }
        Ok(is_ours_still)
    }
}

/// What taking the slot has brought.
pub(super) struct Taken {
    pub(super) stream: Stream,
    pub(super) system: System,
    /// Where the slot stood.
    pub(super) slot: Option<Lsn>,
    /// What had become of the former slot, if this one was made in its place.
    pub(super) former_end: Option<String>,
    /// Nobody else had the slot since this process had it.
    pub(super) is_ours_still: bool,
}

impl Pipeline {
    /// Takes the slot and goes on where its last holder stopped.
    ///
    /// # Errors
    ///
    /// [`TakeoverError`]; nothing is changed but the owner's epoch.
    pub async fn take_over(setup: Setup) -> Result<Self, TakeoverError> {
        let lines = Lines::new(setup.dsn.clone());
        let shared = Arc::new(SharedSession::new(lines.clone()));
        let claim = Claim::new()?;
        setup.in_time(setup.last_checkpoint(&shared)).await?;
        let taken = setup.acquire(&claim, None).await?;
        let Taken { mut stream, system, slot, former_end, .. } = taken;
        let found = Found { system: &system, slot, former_end };
        let begun = tokio::select! {
            begun = setup.begin(&shared, &found) => begun?,
            // What there is to do first may take longer than the server waits for feedback.
            error = stream.idle() => return Err(error.into()),
        };
        setup.assemble((stream, system), (claim, lines, shared), begun)
    }
}

/// What a pipeline begins with.
struct Begun {
    checkpoint: Checkpoint,
    settled: Vec<(DeliveryId, Option<Position>)>,
    configured: Configured,
}

impl Setup {
    async fn last_checkpoint(&self, shared: &SharedSession) -> Result<Checkpoint, TakeoverError> {
        let session = shared.get().await?;
        let checkpoint = match session.latest_checkpoint(&self.slot).await {
            Err(error) if error.is_missing_schema() => None,
            checkpoint => checkpoint?,
        };
        let not_installed = || TakeoverError::NotInstalled { slot: self.slot.clone() };
        let checkpoint = checkpoint.ok_or_else(not_installed)?;
        let (installed, needed) = (session.installed_version().await?, MIGRATIONS.len() as i32);
        // A newer one has everything that this version needs.
        match installed < needed {
            true => Err(TakeoverError::OutdatedSchema { installed, needed }),
            false => Ok(checkpoint),
        }
    }

    /// Finds out where the former holder stopped, and what is where since then.
    async fn begin(
        &self,
        shared: &SharedSession,
        found: &Found<'_>,
    ) -> Result<Begun, TakeoverError> {
        // Asked again: the former holder may have gone on until the slot was ours.
        let checkpoint = self.last_checkpoint(shared).await?;
        let session = shared.get().await?;
        let settled_until = checkpoint.confirmed;
        let checkpoint = gap::examine(&session, self, checkpoint, found).await?;
        if checkpoint.confirmed != settled_until {
            // News of what was configured meanwhile may lie in the gap.
            session.activate_all(checkpoint.confirmed).await?;
        }
        session.release_in_flight().await?;
        // Its default partition takes rows too, so the log can do without until somebody's lock
        // is gone.
        if let Err(error) = session.make_partitions().await {
            tracing::warn!(error = %store::chain(&error), "partitions of the log are not made yet");
        }
        let settled = session.settled_beyond(&checkpoint).await?;
        let system_identifier = found.system.system_identifier;
        let configured =
            self.configure(&session, system_identifier, &HashMap::new(), Look::Everything).await?;
        self.remove_others(&session).await?;
        Ok(Begun { checkpoint, settled, configured })
    }

    /// Endpoints that the file does not have any more.
    async fn remove_others(&self, session: &store::Session) -> Result<(), TakeoverError> {
        let kept: Vec<_> = self.config.endpoints.iter().map(|endpoint| endpoint.id).collect();
        let cancelled = session.remove_endpoints_but(&kept).await?;
        if cancelled > 0 {
            tracing::warn!(cancelled, "deliveries to endpoints that were removed are cancelled");
        }
        Ok(())
    }

    /// What lanes share.
    fn surroundings(
        &self,
        ledger: &mpsc::UnboundedSender<Entry>,
        (gate, store): (&Arc<Gate>, &Arc<SharedSession>),
        is_replayed: &Arc<AtomicBool>,
    ) -> Surroundings {
        Surroundings {
            ledger: ledger.clone(),
            gate: Arc::clone(gate),
            store: Arc::clone(store),
            connections: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            large: Large::new(self.budget_bytes / READ_BACK),
            idle_lanes: Arc::default(),
            is_pressing: Arc::default(),
            is_replayed: Arc::clone(is_replayed),
        }
    }

    fn assemble(
        self,
        (stream, system): (Stream, System),
        (claim, lines, shared): (Claim, Lines, Arc<SharedSession>),
        begun: Begun,
    ) -> Result<Pipeline, TakeoverError> {
        let Begun { checkpoint, settled, configured } = begun;
        let gate = Arc::new(Gate::default());
        gate.set_slot_held(true);
        // Taking the slot has written to the database.
        self.status.writable.send_replace(true);
        let (ledger_sender, entries) = mpsc::unbounded_channel();
        let (confirmed_sender, confirmed) = watch::channel(checkpoint.confirmed);
        let replay = Replay::new(checkpoint.watermark, settled, system.wal_position);
        let is_replayed = Arc::new(AtomicBool::new(replay.is_over()));
        let around = self.surroundings(&ledger_sender, (&gate, &shared), &is_replayed);
        let Configured { router, tables, endpoints, rows, seen_changes } = configured;
        let mut roster = Roster::new(self.clone(), around);
        roster.has_seen(seen_changes);
        let handles = roster.settle(HashMap::new(), endpoints);
        roster.watch(&lines, &handles, tables);
        let signals =
            ledger::Signals { confirmed: confirmed_sender, writable: self.status.writable.clone() };
        let settings = ledger::Settings {
            lines: lines.clone(),
            slot: self.slot.clone(),
            keep: self.keep,
            tells_failures: self.tells_failures,
            wal_end: system.wal_position,
        };
        let ledger = Ledger::new(
            settings,
            entries,
            (Arc::clone(&claim.epoch), Arc::clone(&gate)),
            signals,
            checkpoint,
        );
        let (asked, previewer) =
            Previewer::start(self.clone(), system.system_identifier, Arc::clone(&shared));
        let reader = Reader {
            asked,
            capture: Capture::new(self.routing.max_event_bytes),
            router,
            lanes: Lanes::new(handles, Arc::clone(&gate)),
            is_replayed,
            told: Told::default(),
            early: roster.early(),
            replay,
            catalog: shared,
            ledger: ledger_sender,
            unheard: Share::new(super::UNHEARD_BYTES),
            confirmed,
            passages: Vec::new(),
            routed: Vec::new(),
        };
        let mut ledger_task = JoinSet::new();
        ledger_task.spawn(ledger.run());
        Ok(Pipeline {
            setup: self,
            system,
            reader,
            stream: Some(stream),
            claim,
            lines,
            gate,
            roster,
            rows,
            previewer,
            ledger: ledger_task,
        })
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_else(|_| "unknown".to_owned())
}
