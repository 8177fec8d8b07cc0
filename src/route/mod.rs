//! Which endpoint gets which body of a change. Pure: no I/O, no clock.
//!
//! For each relation a plan (`plan.rs`) is made once: what the events are called, which endpoints want
//! them, and the distinct shapes in which those see the row. A change is then written once for
//! each shape, straight from the tuple's text, and the bytes are shared.

mod body;
mod emitted;
mod fields;
mod gate;
mod judged;
mod keys;
mod paths;
mod pen;
mod plan;
mod renderings;
mod row;
mod select;
mod stamp;
mod tenant;
mod walk;
mod words;

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;

pub use self::emitted::EmitRefused;
pub use self::select::selects_model;
pub use self::words::{
    BoundModel, ConditionFailure, Derived, EventKind, Hold, KnownColumn, Routed, RouterError,
    RouterSettings, Whose,
};

use self::fields::Subject;
use self::gate::Verdict;
use self::judged::Judged;
use self::pen::Pen;
use self::plan::{Head, Plan};
use self::row::View;
use self::stamp::Stamp;
use crate::change::{Change, Row, Table, Transaction};
use crate::endpoint::Endpoint;
use crate::event::{Event, EventId, Seed};
use crate::lsn::Position;
use crate::value::json;

/// Turns changes into events and bodies for each endpoint.
pub struct Router {
    settings: RouterSettings,
    endpoints: Vec<Arc<Endpoint>>,
    tables: HashMap<u32, TableState>,
    learned: Vec<u32>,
    /// Conditions of derived types that do not fit their tables.
    unfit: Vec<Arc<Hold>>,
    stamp: Stamp,
    buffer: Vec<u8>,
    actors: CheckedActor,
}

struct TableState {
    model: BoundModel,
    plan: Option<Plan>,
}

/// The last actor that was found to be JSON; all changes after one `set_user` share its bytes.
#[derive(Default)]
struct CheckedActor(Option<Bytes>);

/// What of the output buffer is kept between bodies; a single large one must not stay for ever.
const KEPT_BUFFER: usize = 1 << 20;

impl Router {
    /// A router of `models` to `endpoints`.
    ///
    /// # Errors
    /// [`RouterError::SharedTable`] where two models are bound to one table.
    pub fn new(
        settings: RouterSettings,
        models: Vec<BoundModel>,
        endpoints: Vec<Arc<Endpoint>>,
    ) -> Result<Self, RouterError> {
        let mut tables = HashMap::new();
        for model in models {
            let second = model.label.clone();
            let state = TableState { model, plan: None };
            if let Some(other) = tables.insert(state.model.oid, state) {
                return Err(RouterError::SharedTable { first: other.model.label, second });
            }
        }
        Ok(Self {
            settings,
            endpoints,
            tables,
            learned: Vec::new(),
            unfit: Vec::new(),
            stamp: Stamp::default(),
            buffer: Vec::new(),
            actors: CheckedActor::default(),
        })
    }

    /// Appends the deliveries that `change` causes.
    pub fn route(&mut self, change: &Change, out: &mut Vec<Routed>) {
        self.prepare(&change.table);
        let Some(state) = self.tables.get(&change.table.oid) else { return };
        let Some(plan) = &state.plan else { return };
        let kind = EventKind::of(&change.row);
        let concerns = |head: &Head| head.wanted && head.on.contains(&kind);
        if !plan.heads.iter().any(concerns) {
            return;
        }
        let view = View::new(&change.table, &change.row);
        let subject = gate::Subject { row: &change.row, view };
        let model = plan.gate.judge(&subject);
        if model == Verdict::Stop {
            return;
        }
        let mut judged = Judged::new(plan, subject, model);
        let mut pen = Pen {
            settings: &self.settings,
            endpoints: &self.endpoints,
            stamp: &mut self.stamp,
            buffer: &mut self.buffer,
            actors: &mut self.actors,
        };
        for (place, head) in plan.heads.iter().enumerate().filter(|(_, head)| concerns(head)) {
            let own = head.gate.judge(&subject);
            // What is derived from what is unknown, nobody could take back.
            if !matches!(own, Verdict::Stop | Verdict::Unknown | Verdict::Held) {
                pen.write((change, view), &mut judged, (place, own), out);
            }
        }
        self.release_buffer();
    }

    /// The columns of a table when every name in every filter was last found in it: what the
    /// next load should be given as [`BoundModel::known_columns`].
    pub fn known_columns(&self, oid: u32) -> &[KnownColumn] {
        self.tables.get(&oid).map_or(&[], |state| &state.model.known_columns)
    }

    /// Whether [`Router::take_learned`] has something.
    pub fn has_learned(&self) -> bool {
        !self.learned.is_empty()
    }

    /// The tables whose [`Router::known_columns`] have changed since this was last asked.
    pub fn take_learned(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.learned)
    }

    /// Endpoints for which events of `table`, as it is now, are held.
    pub fn held_endpoints(&mut self, table: &Arc<Table>) -> Vec<usize> {
        self.prepare(table);
        let plan = self.tables.get(&table.oid).and_then(|state| state.plan.as_ref());
        let shapes = plan.map_or(&[][..], |plan| &plan.shapes).iter();
        let held = shapes.filter(|shape| shape.visible.hold.is_some());
        let listeners = held.flat_map(|shape| shape.listeners.iter().flatten());
        listeners.map(|listener| listener.endpoint).collect()
    }

    /// Endpoints for which events of `table`, as it is now, are held for a condition.
    pub fn unfit_endpoints(&mut self, table: &Arc<Table>) -> Vec<usize> {
        self.prepare(table);
        let plan = self.tables.get(&table.oid).and_then(|state| state.plan.as_ref());
        plan.map_or_else(Vec::new, |plan| plan.unfit_endpoints().collect())
    }

    /// Conditions of derived types that were found not to fit since this was last asked.
    pub fn take_unfit(&mut self) -> Vec<Arc<Hold>> {
        std::mem::take(&mut self.unfit)
    }

    /// Makes the plan of `table`, unless the one at hand is of the same relation.
    fn prepare(&mut self, table: &Arc<Table>) {
        // An undeclared table keeps the label of its first sight, so that a rename does not
        // take it out of its filters.
        let state = self.tables.entry(table.oid).or_insert_with(|| TableState {
            model: self.settings.undeclared(table.oid, &table.schema, &table.name),
            plan: None,
        });
        if let Some(plan) = &mut state.plan {
            if Arc::ptr_eq(&plan.table, table) {
                return;
            }
            if *plan.table == **table {
                plan.table = Arc::clone(table);
                return;
            }
        }
        let subject = Subject { table, model: &state.model, good: &state.model.known_columns };
        let plan = Plan::new(table, subject, &self.endpoints, &self.settings);
        if plan.is_good() && state.model.learn(table) {
            self.learned.push(table.oid);
        }
        self.unfit.extend(plan.unfit_types().cloned());
        state.plan = Some(plan);
    }

    fn release_buffer(&mut self) {
        if self.buffer.capacity() > KEPT_BUFFER {
            self.buffer = Vec::new();
        }
    }
}

impl Plan {
    fn hashes(&self, change: &Change, view: &View<'_>) -> [u64; 2] {
        match change.row {
            Row::Truncate => keys::of_table(&self.table),
            _ => self.key.hashes(&self.table, view),
        }
    }
}

impl CheckedActor {
    fn check(&mut self, actor: &Bytes) -> bool {
        let same = |known: &Bytes| known.as_ptr() == actor.as_ptr() && known.len() == actor.len();
        if self.0.as_ref().is_some_and(same) {
            return true;
        }
        let valid = json::is_document(actor) && std::str::from_utf8(actor).is_ok();
        if valid {
            self.0 = Some(actor.clone());
        }
        valid
    }
}

fn event_id(
    settings: &RouterSettings,
    (position, transaction): (Position, &Transaction),
    event_type: &str,
) -> EventId {
    let seed = Seed {
        system_identifier: settings.system_identifier,
        commit_time: transaction.commit_time,
        xid: transaction.xid,
        position,
    };
    EventId::new(&seed, event_type)
}

/// Writes `{"id":…,…,"timestamp":"…"` to an emptied buffer.
fn write_head(event: &Event, head: &[u8], timestamp: &str, out: &mut Vec<u8>) {
    out.clear();
    write!(out, "{{\"id\":\"{}", event.id).expect("memory takes every write");
    out.extend_from_slice(head);
    out.extend_from_slice(timestamp.as_bytes());
    out.push(b'"');
}
