//! Who has a lane: lanes come, change and go with the configuration, while others work on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::configured::Ready;
use super::lanes::LaneHandle;
use super::setup::Setup;
use super::tables::Tables;
use super::watcher::Watcher;
use crate::deliver::lane::{self, Lane, Surroundings, ToLane};
use crate::endpoint::{Endpoint, EndpointId};
use crate::event::budget::Share;
use crate::store::{Lines, SharedSession, chain};

/// The smallest share of the memory budget: a lane must hold a few deliveries to keep its
/// connections busy.
const SMALLEST_SHARE: usize = 16 * 1024;

/// Part of the budget that what is read back from the queue may take besides, and as much again
/// for single deliveries larger than a lane's part of it.
pub(super) const READ_BACK: usize = 4;

/// How long requests of an endpoint that was deleted may take.
const PARTING: Duration = Duration::from_secs(5);

/// The lanes' tasks, and what looks after them.
pub(super) struct Roster {
    setup: Setup,
    around: Surroundings,
    lanes: JoinSet<()>,
    /// One task; a set, so that a new one takes its place.
    watcher: JoinSet<()>,
    /// Deleted endpoints whose deliveries are being cancelled.
    leaving: JoinSet<()>,
    /// Notified when the configuration changed and the WAL has not told of it yet.
    early: Arc<Notify>,
    /// What had been configured when all of it was last looked at.
    seen_changes: (i64, i64),
}

impl Roster {
    pub(super) fn new(setup: Setup, around: Surroundings) -> Self {
        let (lanes, watcher, leaving) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        Self { setup, around, lanes, watcher, leaving, early: Arc::default(), seen_changes: (0, 0) }
    }

    /// All that is configured was looked at, when this was the last change.
    pub(super) fn has_seen(&mut self, changes: Option<(i64, i64)>) {
        self.seen_changes = changes.unwrap_or(self.seen_changes);
    }

    /// Told when the configuration changed and the WAL is behind.
    pub(super) fn early(&self) -> Arc<Notify> {
        Arc::clone(&self.early)
    }

    /// Gives every endpoint its lane: the one it has, or a new one. Lanes of `former` that are
    /// left over end.
    pub(super) fn settle(
        &mut self,
        mut former: HashMap<EndpointId, LaneHandle>,
        endpoints: Vec<Ready>,
    ) -> Vec<LaneHandle> {
        let share = (self.setup.budget_bytes / endpoints.len().max(1)).max(SMALLEST_SHARE);
        let mut handles = Vec::with_capacity(endpoints.len());
        for ready in endpoints {
            let handle = match former.remove(&ready.endpoint.id) {
                Some(handle) => keep(handle, &ready, share),
                None => self.open(ready, share),
            };
            handles.push(handle);
        }
        former.into_values().for_each(|handle| self.close(&handle));
        // What has ended is looked at, so that a panic shows.
        while let Some(ended) = self.leaving.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a task that cancels deliveries broke");
            }
        }
        handles
    }

    fn open(&mut self, ready: Ready, share: usize) -> LaneHandle {
        let Ready { endpoint, client, fare, .. } = ready;
        let (sender, inbox) = lane::inbox();
        let read_back = (share / READ_BACK).max(SMALLEST_SHARE);
        let share = Share::new(share);
        let metrics = self.setup.metrics.endpoint(&endpoint.name);
        let parts = (Arc::clone(&endpoint), client);
        let outside = (Arc::clone(&share), self.setup.metrics.endpoint(&endpoint.name));
        let holds = (share, Share::new(read_back), metrics);
        let fare = fare.unwrap_or_default();
        self.lanes.spawn(Lane::new(parts, inbox, self.around.clone(), holds, &fare).run());
        LaneHandle::new(endpoint, sender, outside)
    }

    /// Lets a lane end, and then cancels what waits for its endpoint.
    fn close(&mut self, handle: &LaneHandle) {
        let sender = handle.sender.clone();
        // A lane that is gone has nothing to end.
        let _ = sender.send(ToLane::Stop(Instant::now() + PARTING));
        let (ledger, gate) = (self.around.ledger.clone(), Arc::clone(&self.around.gate));
        let (store, name) = (Arc::clone(&self.around.store), handle.endpoint.name.clone());
        self.leaving.spawn(async move {
            sender.closed().await;
            lane::flush(&ledger, &gate).await;
            drop(ledger);
            let cancelled = async { store.get().await?.cancel_orphans().await };
            match cancelled.await {
                Ok(cancelled) => tracing::info!(endpoint = name, cancelled, "endpoint is deleted"),
                // The next start does it.
                Err(error) => {
                    tracing::warn!(endpoint = name, error = %chain(&error), "its deliveries wait");
                }
            }
        });
    }

    /// Puts a watcher of these lanes in the former one's place.
    pub(super) fn watch(&mut self, lines: &Lines, handles: &[LaneHandle], tables: Tables) {
        self.watcher.abort_all();
        // A session of its own: keeping house may take long, and lanes read the queue meanwhile.
        let store = Arc::new(SharedSession::listening(lines.clone()));
        let signals = (Arc::clone(&self.around.is_pressing), Arc::clone(&self.early));
        let watcher =
            Watcher::new(&self.setup, store, (handles, tables), signals, self.seen_changes);
        self.watcher.spawn(watcher.run());
    }

    /// Ends what looks after the lanes; what they have in memory is theirs to settle.
    pub(super) fn stop_watching(&mut self) {
        self.watcher.abort_all();
    }

    /// Waits until every lane that was told to stop has done so.
    pub(super) async fn ended(mut self) {
        while self.lanes.join_next().await.is_some() {}
        self.leaving.abort_all();
    }
}

/// A lane whose endpoint may have changed.
fn keep(mut handle: LaneHandle, ready: &Ready, share: usize) -> LaneHandle {
    handle.share.set_limit(share);
    if *handle.endpoint != *ready.endpoint {
        handle.endpoint = Arc::clone(&ready.endpoint);
        let (endpoint, client) = (Arc::clone(&ready.endpoint), Arc::clone(&ready.client));
        // A lane that is gone was told to stop.
        let _ = handle.sender.send(ToLane::Configure(endpoint, client));
    }
    if ready.has_released {
        let _ = handle.sender.send(ToLane::Rewind);
    }
    handle
}

/// Whether a lane can follow its endpoint from the former settings to the new ones: what must not
/// overtake what is woven into everything it has in memory.
pub(super) fn can_follow(former: &Endpoint, endpoint: &Endpoint) -> bool {
    former.ordering == endpoint.ordering && former.name == endpoint.name
}
