//! What has to be looked at from time to time: endpoints' states as operators set them, the
//! slot's lag, the queue's length, the log's partitions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::lanes::LaneHandle;
use super::setup::Setup;
use super::tables::Tables;
use crate::deliver::lane::ToLane;
use crate::endpoint::EndpointId;
use crate::metrics::Metrics;
use crate::store::{SharedSession, StoreError, chain};

/// How soon a state set in SQL takes effect.
const LOOK: Duration = Duration::from_secs(1);
/// How old the lag in the metrics may be.
const MEASURE: Duration = Duration::from_secs(5);
/// How often partitions are made and dropped; they are made a week ahead.
const KEEP_HOUSE: Duration = Duration::from_secs(3600);

/// Looks at things from time to time.
#[derive(Debug)]
pub(super) struct Watcher {
    slot: String,
    retention: (Duration, Duration),
    metrics: Arc<Metrics>,
    store: Arc<SharedSession>,
    lanes: HashMap<EndpointId, (String, mpsc::UnboundedSender<ToLane>)>,
    tables: Tables,
    measured: Instant,
    kept_house: Instant,
}

impl Watcher {
    pub(super) fn new(
        setup: &Setup,
        store: Arc<SharedSession>,
        (lanes, tables): (&[LaneHandle], Tables),
    ) -> Self {
        let lanes = lanes
            .iter()
            .map(|lane| (lane.endpoint.id, (lane.endpoint.name.clone(), lane.sender.clone())));
        let now = Instant::now();
        Self {
            slot: setup.slot.clone(),
            retention: setup.retention,
            metrics: Arc::clone(&setup.metrics),
            store,
            lanes: lanes.collect(),
            tables,
            measured: now,
            kept_house: now,
        }
    }

    /// Looks until the pipeline is dropped.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.look().await {
                tracing::debug!(error = %chain(&error), "cannot look at the database just now");
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let session = self.store.get().await?;
        for state in session.endpoint_states().await? {
            if let Some((_, lane)) = self.lanes.get(&state.endpoint) {
                // A lane that is gone was told to stop.
                let _ = lane.send(ToLane::State(state));
            }
        }
        let now = Instant::now();
        if now >= self.measured {
            self.measured = now + MEASURE;
            if let Some(slot) = session.slot_state(&self.slot).await? {
                self.metrics.slot_lag_bytes.set(slot.lag_bytes.unwrap_or_default());
            }
            self.tables.look(&session).await?;
            let counts = session.pending_counts().await?;
            for (id, (name, _)) in &self.lanes {
                self.metrics.set_pending(name, counts.get(id).copied().unwrap_or_default());
            }
        }
        if now >= self.kept_house {
            self.kept_house = now + KEEP_HOUSE;
            for kept in
                [session.make_partitions().await, session.drop_partitions(self.retention).await]
            {
                if let Err(error) = kept {
                    tracing::warn!(error = %chain(&error), "the log's partitions stay as they are");
                }
            }
        }
        Ok(())
    }
}
