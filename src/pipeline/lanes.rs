//! The reader's view of the lanes: who gets what, and whether there is room.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::replay::Replay;
use crate::deliver::lane::ToLane;
use crate::endpoint::Endpoint;
use crate::event::budget::{Share, footprint};
use crate::event::job::{Alert, HoldReason, Job, Severity};
use crate::event::{Delivery, DeliveryId};
use crate::route::{Hold, Routed};

/// One lane, from outside.
#[derive(Debug)]
pub(super) struct LaneHandle {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) sender: mpsc::UnboundedSender<ToLane>,
    pub(super) share: Arc<Share>,
    queued: Vec<Arc<Job>>,
}

impl LaneHandle {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        sender: mpsc::UnboundedSender<ToLane>,
        share: Arc<Share>,
    ) -> Self {
        Self { endpoint, sender, share, queued: Vec::new() }
    }
}

type Held = (Arc<Job>, HoldReason, Option<Alert>);

/// All lanes, in the order of the router's endpoints.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<LaneHandle>,
    /// Lanes with something queued for them.
    touched: Vec<usize>,
    held: Vec<Held>,
    /// Holds that were alerted already: endpoint, table, column.
    alerted: HashSet<(String, String, String)>,
}

impl Lanes {
    pub(super) fn new(lanes: Vec<LaneHandle>) -> Self {
        Self { lanes, touched: Vec::new(), held: Vec::new(), alerted: HashSet::new() }
    }

    /// Makes a delivery of what was routed, unless it is settled already.
    pub(super) fn job(&self, routed: Routed, replay: &Replay) -> Option<Arc<Job>> {
        let lane = self.lanes.get(routed.endpoint)?;
        let id = DeliveryId::new(routed.event.id, lane.endpoint.id);
        if replay.is_settled(id) {
            return None;
        }
        let charge = lane.share.take(footprint(routed.body.len()));
        let delivery =
            Delivery { id, endpoint: lane.endpoint.id, event: routed.event, body: routed.body };
        Some(Arc::new(Job::routed(delivery, routed.shape, replay.next_slot(), charge)))
    }

    pub(super) fn queue(&mut self, index: usize, job: Arc<Job>) {
        let Some(lane) = self.lanes.get_mut(index) else { return };
        if lane.queued.is_empty() {
            self.touched.push(index);
        }
        lane.queued.push(job);
    }

    pub(super) fn hold(&mut self, index: usize, job: Arc<Job>, hold: &Hold) {
        let Some(lane) = self.lanes.get(index) else { return };
        let (Hold::ColumnMissing { table, column } | Hold::ColumnRenamed { table, column, .. }) =
            hold;
        let endpoint = &lane.endpoint.name;
        let is_first = self.alerted.insert((endpoint.clone(), table.clone(), column.clone()));
        let alert = is_first.then(|| Alert {
            severity: Severity::Critical,
            kind: "column_missing",
            application: Some(lane.endpoint.application.clone()),
            endpoint_name: Some(endpoint.clone()),
            count: None,
            message: format!(
                "endpoint {endpoint} hides column {column} of {table}, which is gone; \
                 the table's events are held until the configuration is mended"
            ),
            details: serde_json::json!({"table": table, "column": column}),
        });
        self.held.push((job, HoldReason::ColumnMissing, alert));
    }

    pub(super) fn take_held(&mut self) -> Vec<Held> {
        std::mem::take(&mut self.held)
    }

    /// Gives every lane what was queued for it, at once.
    pub(super) fn hand_over(&mut self) {
        for index in self.touched.drain(..) {
            let lane = &mut self.lanes[index];
            // A lane that is gone was told to stop; its deliveries stay unsettled and come again.
            let _ = lane.sender.send(ToLane::Deliver(std::mem::take(&mut lane.queued)));
        }
    }

    /// A wait for room, if a lane has more than its share.
    pub(super) fn room(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let share = self.lanes.iter().map(|lane| &lane.share).find(|share| share.is_over())?;
        let share = Arc::clone(share);
        Some(async move { share.room().await })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &LaneHandle> {
        self.lanes.iter()
    }
}
