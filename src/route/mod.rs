//! Which endpoint gets which body of a change. Pure: no I/O, no clock.
//!
//! For each relation a plan (`plan.rs`) is made once: what the events are called, which endpoints want
//! them, and the distinct shapes in which those see the row. A change is then written once for
//! each shape, straight from the tuple's text, and the bytes are shared.

mod body;
mod emitted;
mod fields;
mod keys;
mod paths;
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
    BoundModel, EventKind, Hold, KnownColumn, Routed, RouterError, RouterSettings,
};

use self::body::{Body, TooLarge};
use self::fields::Subject;
use self::plan::{Head, Plan};
use self::renderings::Renderings;
use self::row::View;
use self::select::hears_origin;
use self::stamp::Stamp;
use crate::change::{Change, Row, Table, Transaction};
use crate::endpoint::Endpoint;
use crate::event::{Event, EventId, Seed};
use crate::lsn::Position;
use crate::value::{Options, json};

/// Turns changes into events and bodies for each endpoint.
pub struct Router {
    settings: RouterSettings,
    endpoints: Vec<Arc<Endpoint>>,
    tables: HashMap<u32, TableState>,
    learned: Vec<u32>,
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
        let head = &plan.heads[kind as usize];
        if !head.wanted {
            return;
        }
        let view = View::new(&change.table, &change.row);
        let owner = plan.tenancy.owner(&view);
        let mut event: Option<Arc<Event>> = None;
        let mut head_end = 0;
        for shape in &plan.shapes {
            let hears = |endpoint: &&usize| {
                let endpoint = &self.endpoints[**endpoint];
                endpoint.active_from < change.position.commit
                    && hears_origin(&endpoint.filter, change.transaction.origin.as_ref())
                    && owner.includes(endpoint)
            };
            let endpoints = shape.endpoints[kind as usize].iter().filter(hears);
            let body = Body {
                plan,
                shape,
                change,
                view,
                actor: change.actor.as_ref().filter(|a| self.actors.check(a)).map(|a| &a[..]),
                options: Options { int8_as_number: self.settings.int8_as_number },
                limit: self.settings.max_event_bytes,
                trimmed: false,
            };
            if endpoints.clone().next().is_none() || !body.is_visible() {
                continue;
            }
            let event = event.get_or_insert_with(|| {
                let event = new_event(&self.settings, change, head, plan.hashes(change, &view));
                write_head(
                    &event,
                    &head.text,
                    self.stamp.text(event.commit_time),
                    &mut self.buffer,
                );
                self.buffer.extend_from_slice(&plan.model);
                head_end = self.buffer.len();
                Arc::new(event)
            });
            let trimmed = write_body(body, head_end, &mut self.buffer);
            let bytes = Bytes::copy_from_slice(&self.buffer);
            let mut renderings = Renderings::default();
            out.extend(endpoints.map(|endpoint| Routed {
                event: Arc::clone(event),
                endpoint: *endpoint,
                body: bytes.clone(),
                shape: shape.hash,
                rendering: renderings.of(&self.endpoints[*endpoint]),
                trimmed,
                hold: shape.visible.hold.clone(),
            }));
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
        held.flat_map(|shape| shape.endpoints.iter().flatten().copied()).collect()
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

fn new_event(settings: &RouterSettings, change: &Change, head: &Head, keys: [u64; 2]) -> Event {
    let place = (change.position, &*change.transaction);
    Event {
        id: event_id(settings, place, &head.event_type),
        event_type: Arc::clone(&head.event_type),
        position: change.position,
        commit_time: change.transaction.commit_time,
        keys,
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

/// Writes the body after its head; returns whether it had to be trimmed.
fn write_body(body: Body<'_>, head_end: usize, out: &mut Vec<u8>) -> bool {
    out.truncate(head_end);
    let Err(TooLarge) = body.write(out) else { return false };
    out.truncate(head_end);
    // A trimmed body is never too large to be written.
    let _ = Body { trimmed: true, ..body }.write(out);
    true
}
