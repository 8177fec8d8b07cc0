//! Taking the slot: who we are, where the last holder stopped, whether something is missing.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{RwLock, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::Reader;
use super::lanes::{LaneHandle, Lanes};
use super::replay::Replay;
use super::run::Pipeline;
use super::setup::{Epoch, Left, NEVER_HELD, Setup, TakeoverError};
use super::watcher::Watcher;
use super::{gap, models};
use crate::capture::Capture;
use crate::deliver::client::Client;
use crate::deliver::lane::{self, Lane, Surroundings};
use crate::event::budget::{Large, Share};
use crate::event::gate::Gate;
use crate::event::job::Entry;
use crate::ledger::{self, Ledger};
use crate::lsn::Lsn;
use crate::replication::{Session, Stream, System};
use crate::route::{Router, RouterSettings};
use crate::store::{self, Checkpoint, LoadedEndpoint, SharedSession};

/// Connections that all lanes together may have open, beyond one each.
const MOST_CONNECTIONS: usize = 512;

/// The smallest share of the memory budget: a lane must hold a few deliveries to keep its
/// connections busy.
const SMALLEST_SHARE: usize = 16 * 1024;

/// Part of the budget that what is read back from the queue may take besides, and as much again
/// for single deliveries larger than a lane's part of it.
const READ_BACK: usize = 4;

impl Setup {
    /// Starts streaming and takes the slot. Streaming first: only the slot's holder may change
    /// the epoch. Whoever held it before says what he `left`; if the server or the slot is not
    /// that any more, nothing is taken.
    pub(super) async fn acquire(
        &self,
        epoch: &RwLock<i64>,
        left: Option<Left>,
    ) -> Result<Taken, TakeoverError> {
        let session = store::Session::connect(&self.dsn).await?;
        // Asked before streaming: feedback may move it.
        let slot = session.slot_state(&self.slot).await?.and_then(|slot| slot.confirmed);
        let mut replication = Session::connect(&self.dsn).await?;
        let system = replication.identify_system().await?;
        let started = replication.start(&self.slot, &self.publication, Lsn(0)).await;
        let stream = match started {
            Ok(stream) => stream,
            Err(error) => {
                gap::report_lost(&session, self, &error).await?;
                if left.is_some() {
                    // Whoever streams from it may have taken it.
                    session.assert_owner(&self.slot, *epoch.read().await).await?;
                }
                return Err(error.into());
            }
        };
        if left.is_some_and(|left| !left.is_still(&system, slot)) {
            return Err(TakeoverError::Moved);
        }
        let mut epoch = epoch.write().await;
        let taken = session.take_slot(&self.slot, &host_name()).await?;
        let is_ours_still = taken == *epoch + 1;
        // Nothing that this process has in memory may be written by an epoch that came after
        // somebody else's: then the former one stays, and the ledger is fenced.
        if is_ours_still || *epoch == NEVER_HELD {
            *epoch = taken;
        }
        Ok(Taken { stream, system, slot, is_ours_still })
    }
}

/// What taking the slot has brought.
pub(super) struct Taken {
    pub(super) stream: Stream,
    pub(super) system: System,
    /// Where the slot stood.
    pub(super) slot: Option<Lsn>,
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
        let shared = Arc::new(SharedSession::new(setup.dsn.clone()));
        let session = shared.get().await?;
        let checkpoint = match session.latest_checkpoint(&setup.slot).await {
            Err(error) if error.is_missing_schema() => None,
            checkpoint => checkpoint?,
        };
        checkpoint.ok_or_else(|| TakeoverError::NotInstalled { slot: setup.slot.clone() })?;
        let epoch = Epoch::default();
        let Taken { stream, system, slot, .. } = setup.acquire(&epoch, None).await?;
        // Asked again: the former holder may have gone on until the slot was ours.
        let checkpoint = session.latest_checkpoint(&setup.slot).await?;
        let checkpoint =
            checkpoint.ok_or_else(|| TakeoverError::NotInstalled { slot: setup.slot.clone() })?;
        if checkpoint.system_identifier != system.system_identifier {
            let (then, now) = (checkpoint.system_identifier, system.system_identifier);
            return Err(TakeoverError::OtherCluster { then, now });
        }
        let checkpoint = gap::examine(&session, &setup, checkpoint, (&system, slot)).await?;
        session.release_in_flight().await?;
        // Its default partition takes rows too, so the log can do without until somebody's lock
        // is gone.
        if let Err(error) = session.make_partitions().await {
            tracing::warn!(error = %store::chain(&error), "partitions of the log are not made yet");
        }
        let settled = session.settled_beyond(&checkpoint).await?.into_iter().collect();
        let models = models::bind(&session, &setup).await?;
        let tables = models.iter().map(|(table, model)| (model.oid, table.clone())).collect();
        let models = models.into_iter().map(|(_, model)| model).collect();
        let system_identifier = system.system_identifier;
        let routing = RouterSettings { system_identifier, ..setup.routing.clone() };
        let mut router = Router::new(routing, models, setup.endpoints.clone())?;
        models::release_mended(&session, &setup, (&mut router, tables)).await?;
        let loaded = setup.load_endpoints(&session).await?;
        setup.assemble(Begun { stream, system, epoch, checkpoint, settled, router, shared }, loaded)
    }
}

/// What a pipeline begins with.
struct Begun {
    stream: Stream,
    system: System,
    epoch: Epoch,
    checkpoint: Checkpoint,
    settled: HashSet<crate::event::DeliveryId>,
    router: Router,
    shared: Arc<SharedSession>,
}

impl Setup {
    async fn load_endpoints(
        &self,
        session: &store::Session,
    ) -> Result<Vec<(Arc<Client>, LoadedEndpoint)>, TakeoverError> {
        let mut loaded = Vec::with_capacity(self.endpoints.len());
        for endpoint in &self.endpoints {
            let client = Client::new(endpoint, Arc::clone(&self.network)).map_err(|source| {
                TakeoverError::Client { endpoint: endpoint.name.clone(), source }
            })?;
            let state = session.load_endpoint(endpoint, &client.logged_url()).await?;
            loaded.push((Arc::new(client), state));
        }
        let kept: Vec<_> = self.endpoints.iter().map(|endpoint| endpoint.id).collect();
        let cancelled = session.remove_endpoints_but(&kept).await?;
        if cancelled > 0 {
            tracing::warn!(cancelled, "deliveries to endpoints that were removed are cancelled");
        }
        Ok(loaded)
    }

    /// What lanes share, each of which has `share` bytes of the memory budget.
    fn surroundings(
        &self,
        ledger: &mpsc::UnboundedSender<Entry>,
        (gate, store): (&Arc<Gate>, &Arc<SharedSession>),
        share: usize,
    ) -> Surroundings {
        Surroundings {
            ledger: ledger.clone(),
            gate: Arc::clone(gate),
            store: Arc::clone(store),
            connections: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            large: Large::new(self.budget_bytes / READ_BACK),
            idle_lanes: Arc::default(),
            is_pressing: Arc::default(),
            read_back_bytes: (share / READ_BACK).max(SMALLEST_SHARE),
        }
    }

    fn assemble(
        self,
        begun: Begun,
        loaded: Vec<(Arc<Client>, LoadedEndpoint)>,
    ) -> Result<Pipeline, TakeoverError> {
        let Begun { stream, system, epoch, checkpoint, settled, router, shared } = begun;
        let gate = Arc::new(Gate::default());
        gate.set_slot_held(true);
        // Taking the slot has written to the database.
        self.status.writable.send_replace(true);
        let (ledger_sender, entries) = mpsc::unbounded_channel();
        let (confirmed_sender, confirmed) = watch::channel(checkpoint.confirmed);
        let share = (self.budget_bytes / self.endpoints.len().max(1)).max(SMALLEST_SHARE);
        let around = self.surroundings(&ledger_sender, (&gate, &shared), share);
        let mut lanes = JoinSet::new();
        let mut handles = Vec::with_capacity(loaded.len());
        for (endpoint, (client, state)) in self.endpoints.iter().zip(loaded) {
            let (sender, inbox) = lane::inbox();
            let share = Share::new(share);
            let metrics = self.metrics.endpoint(&endpoint.name);
            let parts = (Arc::clone(endpoint), client);
            let holds = (Arc::clone(&share), metrics);
            lanes.spawn(Lane::new(parts, inbox, around.clone(), holds, &state).run());
            handles.push(LaneHandle::new(Arc::clone(endpoint), sender, share));
        }
        // A session of its own: keeping house may take long, and lanes read the queue meanwhile.
        let watching = Arc::new(SharedSession::new(self.dsn.clone()));
        let watcher = Watcher::new(&self, watching, &handles, around.is_pressing);
        let signals =
            ledger::Signals { confirmed: confirmed_sender, writable: self.status.writable.clone() };
        let settings = ledger::Settings {
            dsn: self.dsn.clone(),
            slot: self.slot.clone(),
            keep: self.keep,
            wal_end: system.wal_position,
        };
        let replay = Replay::new(checkpoint.watermark, settled, system.wal_position);
        let ledger = Ledger::new(
            settings,
            entries,
            (Arc::clone(&epoch), Arc::clone(&gate)),
            signals,
            checkpoint,
        );
        let reader = Reader {
            capture: Capture::new(self.routing.max_event_bytes),
            router,
            lanes: Lanes::new(handles),
            replay,
            catalog: shared,
            ledger: ledger_sender,
            unheard: Share::new(super::UNHEARD_BYTES),
            confirmed,
            passages: Vec::new(),
            routed: Vec::new(),
        };
        let mut background = JoinSet::new();
        background.spawn(watcher.run());
        let mut ledger_task = JoinSet::new();
        ledger_task.spawn(ledger.run());
        Ok(Pipeline {
            setup: self,
            system,
            reader,
            stream: Some(stream),
            epoch,
            gate,
            lanes,
            ledger: ledger_task,
            background,
        })
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_else(|_| "unknown".to_owned())
}
