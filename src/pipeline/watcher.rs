//! What has to be looked at from time to time: endpoints' states as operators set them, the
//! slot's lag, the queue's length, the log's partitions.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::forecast::{Forecast, News, Outlook, in_words};
use super::lanes::LaneHandle;
use super::setup::Setup;
use super::tables::Tables;
use crate::deliver::lane::ToLane;
use crate::endpoint::EndpointId;
use crate::event::job::{Alert, Severity};
use crate::metrics::Metrics;
use crate::store::{HeldEndpoint, Session, SharedSession, SlotState, StoreError, chain};

/// How soon a state set in SQL takes effect.
const LOOK: Duration = Duration::from_secs(1);
/// For so long what is asked for in SQL gathers.
const GATHER: Duration = Duration::from_millis(50);
/// How old the lag in the metrics may be.
const MEASURE: Duration = Duration::from_secs(5);
/// How often partitions are made and dropped; they are made a week ahead.
const KEEP_HOUSE: Duration = Duration::from_secs(3600);

/// Looks at things from time to time.
#[derive(Debug)]
pub(super) struct Watcher {
    slot: String,
    retention: (Duration, Duration),
    held: Duration,
    metrics: Arc<Metrics>,
    store: Arc<SharedSession>,
    lanes: HashMap<EndpointId, (String, mpsc::UnboundedSender<ToLane>)>,
    tables: Tables,
    measured: Instant,
    kept_house: Instant,
    forecast: Forecast,
    /// Lanes park what they cannot send at once: the slot is about to be lost.
    is_pressing: Arc<AtomicBool>,
    /// To be notified when the configuration changed and the WAL did not tell of it soon.
    early: Arc<Notify>,
    /// What had been configured when all of it was last looked at.
    seen_changes: (i64, i64),
    has_looked: bool,
    /// How often `walhook.preview` had asked.
    bell: Option<i64>,
    /// Somebody asked for something in SQL, and the lanes have not been told.
    is_asked: bool,
}

impl Watcher {
    pub(super) fn new(
        setup: &Setup,
        store: Arc<SharedSession>,
        (lanes, tables): (&[LaneHandle], Tables),
        (is_pressing, early): (Arc<AtomicBool>, Arc<Notify>),
        seen_changes: (i64, i64),
    ) -> Self {
        let lanes = lanes
            .iter()
            .map(|lane| (lane.endpoint.id, (lane.endpoint.name.clone(), lane.sender.clone())));
        let now = Instant::now();
        Self {
            slot: setup.slot.clone(),
            retention: setup.retention,
            held: setup.held,
            metrics: Arc::clone(&setup.metrics),
            store,
            lanes: lanes.collect(),
            tables,
            measured: now,
            kept_house: now,
            forecast: Forecast::default(),
            is_pressing,
            early,
            seen_changes,
            has_looked: false,
            bell: None,
            is_asked: false,
        }
    }

    /// Looks until the pipeline is dropped.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.store.news() => {
                    self.is_asked = true;
                    // Who asks for many things says so each time.
                    tokio::time::sleep(GATHER).await;
                }
            }
            if let Err(error) = self.look().await {
                tracing::debug!(error = %chain(&error), "cannot look at the database just now");
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let session = self.store.get().await?;
        if self.is_asked {
            // Before their states: what was cancelled must not go out when an endpoint is resumed.
            for endpoint in session.asked_endpoints().await? {
                if let Some((_, lane)) = self.lanes.get(&endpoint) {
                    let _ = lane.send(ToLane::Look);
                }
            }
            self.is_asked = false;
        }
        for state in session.endpoint_states().await? {
            if let Some((_, lane)) = self.lanes.get(&state.endpoint) {
                // A lane that is gone was told to stop.
                let _ = lane.send(ToLane::State(state));
            }
        }
        self.look_at_configuration(&session).await?;
        self.hear_bell(&session).await?;
        let now = Instant::now();
        if now >= self.measured {
            self.measured = now + MEASURE;
            if let Some(slot) = session.slot_state(&self.slot).await? {
                self.metrics.slot_lag_bytes.set(slot.lag_bytes.unwrap_or_default());
                let outlook = self.forecast.see(slot.safe_wal_bytes, now.into_std());
                self.tell(&session, &slot, outlook).await?;
            }
            self.tables.look(&session).await?;
            let counts = session.pending_counts().await?;
            for (id, (name, _)) in &self.lanes {
                self.metrics.set_pending(name, counts.get(id).copied().unwrap_or_default());
            }
        }
        if now >= self.kept_house {
            self.kept_house = now + KEEP_HOUSE;
            self.keep_house(&session).await;
        }
        Ok(())
    }

    /// Each part does without the others: one may have to wait for somebody's lock.
    async fn keep_house(&self, session: &Session) {
        for kept in [session.make_partitions().await, session.drop_partitions(self.retention).await]
        {
            if let Err(error) = kept {
                tracing::warn!(error = %chain(&error), "the log's partitions stay as they are");
            }
        }
        if let Err(error) = session.recount_queue().await {
            tracing::warn!(error = %chain(&error), "the queue is not counted");
        }
        if let Err(error) = self.let_held_go(session).await {
            tracing::warn!(error = %chain(&error), "what is held too long stays for now");
        }
    }

    /// Tells of what will be held for too long, a day ahead, and has its lane cancel it when it is.
    async fn let_held_go(&self, session: &Session) -> Result<(), StoreError> {
        for held in session.held_endpoints(self.held).await? {
            let Some((_, lane)) = self.lanes.get(&held.endpoint) else { continue };
            if !held.is_told {
                session.raise_alert(&expiring(&held)).await?;
            } else if held.may_go {
                // A lane that is gone was told to stop.
                let _ = lane.send(ToLane::Expire(self.held));
            }
        }
        Ok(())
    }

    /// What narrows or stops need not wait for its place in the WAL. Most changes are read there
    /// before this watcher's second look, and then another one is in its place.
    async fn look_at_configuration(&mut self, session: &Session) -> Result<(), StoreError> {
        let changes = session.configuration_changes().await?;
        let is_second_look = std::mem::replace(&mut self.has_looked, true);
        if is_second_look && changes != self.seen_changes {
            self.early.notify_one();
        }
        Ok(())
    }

    /// A question of `walhook.preview` is part of no commit, so nobody else need ever flush it.
    async fn hear_bell(&mut self, session: &Session) -> Result<(), StoreError> {
        let bell = Some(session.preview_bell().await?);
        if self.bell != bell {
            session.flush_wal().await?;
            self.bell = bell;
        }
        Ok(())
    }

    /// Tells of the slot's outlook: metric, lanes, and an alert when it changes.
    async fn tell(
        &self,
        session: &Session,
        slot: &SlotState,
        outlook: Outlook,
    ) -> Result<(), StoreError> {
        let Outlook { to_loss, is_pressing, news } = outlook;
        self.metrics.slot_to_loss.set(to_loss.map_or(f64::INFINITY, |left| left.as_secs_f64()));
        self.is_pressing.store(is_pressing, Ordering::Relaxed);
        let name = &self.slot;
        match (news, to_loss) {
            (Some(News::AtRisk), Some(left)) => {
                let message = format!(
                    "slot {name} will be lost in {}: WAL is written faster than it is settled, and \
                     max_slot_wal_keep_size lets go of it",
                    in_words(left)
                );
                tracing::error!(slot = name, seconds_to_loss = left.as_secs(), "{message}");
                let alert = Alert {
                    severity: Severity::Critical,
                    kind: "slot_at_risk",
                    application: None,
                    endpoint_name: None,
                    count: None,
                    message,
                    details: serde_json::json!({
                        "slot": name,
                        "seconds_to_loss": left.as_secs(),
                        "safe_wal_bytes": slot.safe_wal_bytes,
                        "lag_bytes": slot.lag_bytes,
                    }),
                };
                session.raise_alert(&alert).await
            }
            (Some(_), _) => {
                tracing::info!(slot = name, "the slot is no longer at risk");
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }
}

fn expiring(endpoint: &HeldEndpoint) -> Alert {
    let HeldEndpoint { name, application, state, since, goes_at, .. } = endpoint;
    let message = format!(
        "endpoint {name} is {state} since {since}; what it holds for longer than [retention] held \
         is cancelled from {goes_at} on: resume it, or raise that"
    );
    tracing::warn!(endpoint = name, "{message}");
    Alert {
        severity: Severity::Warning,
        kind: "held_expiring",
        application: Some(application.clone()),
        endpoint_name: Some(name.clone()),
        count: None,
        message,
        details: serde_json::json!({ "held_since": since, "cancelled_from": goes_at }),
    }
}
