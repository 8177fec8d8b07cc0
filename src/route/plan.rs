//! Everything about a table's events that does not depend on the row, made once a relation.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::fields::{Field, Show, Subject, Visible};
use super::gate::Gate;
use super::keys::KeyColumns;
use super::select::{selects_model, wants_event, wants_type};
use super::tenant::{Tenancy, reaches};
use super::{BoundModel, EventKind, Hold, RouterSettings};
use crate::change::Table;
use crate::endpoint::Endpoint;
use crate::value::string;

/// How changes of one relation become bodies.
pub(super) struct Plan {
    pub(super) table: Arc<Table>,
    pub(super) key: KeyColumns,
    pub(super) tenancy: Tenancy,
    /// What must be true of a change whatever it makes.
    pub(super) gate: Gate,
    /// One for each event type: those of [`EventKind`] in its order, then derived ones.
    pub(super) heads: Vec<Head>,
    /// Conditions of endpoints, each once.
    pub(super) gates: Vec<Gate>,
    /// `,"model":{…},"object":`
    pub(super) model: Vec<u8>,
    /// `,"source":{"schema":…,"table":…` where the payload has one, else empty.
    pub(super) source: Vec<u8>,
    /// Distinct bodies; endpoints that see the same share one.
    pub(super) shapes: Vec<Shape>,
}

/// What bodies of one event type begin with.
pub(super) struct Head {
    pub(super) event_type: Arc<str>,
    /// `","type":…,"event":…,"schema_version":1,"timestamp":"`, after the id.
    pub(super) text: Vec<u8>,
    /// Changes that make it.
    pub(super) on: Vec<EventKind>,
    /// What must be true besides, for a derived type.
    pub(super) gate: Gate,
    /// Whether any endpoint wants it.
    pub(super) wanted: bool,
}

/// An endpoint that wants an event type.
#[derive(Clone, Copy)]
pub(super) struct Listener {
    /// Its index.
    pub(super) endpoint: usize,
    /// Its condition, as an index of [`Plan::gates`].
    pub(super) gate: Option<usize>,
}

/// One distinct body and who gets it.
pub(super) struct Shape {
    pub(super) visible: Visible,
    /// Stable hash of all that makes this body differ from others of the same event.
    pub(super) hash: i64,
    /// Who gets it, by place of the event type in [`Plan::heads`].
    pub(super) listeners: Vec<Vec<Listener>>,
}

impl Plan {
    /// The plan for `subject`'s table, which is `table`.
    pub(super) fn new(
        table: &Arc<Table>,
        subject: Subject<'_>,
        endpoints: &[Arc<Endpoint>],
        settings: &RouterSettings,
    ) -> Self {
        let model = subject.model;
        let mut heads = heads(model, table);
        let mut gates = Gates { table, texts: Vec::new(), gates: Vec::new() };
        let mut shapes: Vec<Shape> = Vec::new();
        for (index, endpoint) in endpoints.iter().enumerate() {
            let filter = &endpoint.filter;
            if !endpoint.enabled
                || !selects_model(filter, &model.label)
                || !reaches(&endpoint.reach, &model.label)
            {
                continue;
            }
            let wants = |head: &Head| {
                head.on.iter().any(|kind| wants_event(filter, kind.as_str(), &head.event_type))
            };
            let wanted: Vec<usize> = (0..heads.len())
                .filter(|place| match *place < EventKind::ALL.len() {
                    true => wants(&heads[*place]),
                    // `updated` asks for what every update makes, not for more.
                    false => wants_type(filter, &heads[*place].event_type),
                })
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let visible = subject.visible(filter);
            let known = shapes.iter().position(|shape| shape.visible == visible);
            let shape = known.unwrap_or_else(|| {
                shapes.push(Shape::new(visible, settings, heads.len()));
                shapes.len() - 1
            });
            let listener = Listener { endpoint: index, gate: gates.of(endpoint) };
            for place in wanted {
                heads[place].wanted = true;
                shapes[shape].listeners[place].push(listener);
            }
        }
        let gate = Gate::bind(model.condition.as_ref(), table, &format!("model {}", model.label));
        Self {
            table: Arc::clone(table),
            key: KeyColumns::of(table),
            tenancy: Tenancy::of(table, model.tenant_column.as_deref()),
            gate,
            heads,
            gates: gates.gates,
            model: model_member(&subject),
            source: if settings.include_source { source_member(table) } else { Vec::new() },
            shapes,
        }
    }

    /// Whether every name that exclude and redact give was found where it was expected.
    pub(super) fn is_good(&self) -> bool {
        self.shapes.iter().all(|shape| shape.visible.hold.is_none())
    }

    /// Conditions of derived types that do not fit: no such events are made.
    pub(super) fn unfit_types(&self) -> impl Iterator<Item = &Arc<Hold>> {
        self.heads.iter().filter(|head| head.wanted).filter_map(|head| head.gate.hold())
    }

    /// Endpoints of which events are held since a condition does not fit.
    pub(super) fn unfit_endpoints(&self) -> impl Iterator<Item = usize> {
        let listeners = self.shapes.iter().flat_map(|shape| shape.listeners.iter().flatten());
        let is_unfit = |listener: &&Listener| {
            let own = listener.gate.and_then(|gate| self.gates[gate].hold());
            own.or(self.gate.hold()).is_some()
        };
        listeners.filter(is_unfit).map(|listener| listener.endpoint)
    }
}

/// Conditions of endpoints; many endpoints may have the same.
struct Gates<'a> {
    table: &'a Table,
    texts: Vec<&'a str>,
    gates: Vec<Gate>,
}

impl<'a> Gates<'a> {
    fn of(&mut self, endpoint: &'a Endpoint) -> Option<usize> {
        let condition = endpoint.condition.as_ref()?;
        let known = self.texts.iter().position(|text| *text == condition.text());
        Some(known.unwrap_or_else(|| {
            let whose = format!("endpoint {}", endpoint.name);
            self.texts.push(condition.text());
            self.gates.push(Gate::bind(Some(condition), self.table, &whose));
            self.gates.len() - 1
        }))
    }
}

fn heads(model: &BoundModel, table: &Table) -> Vec<Head> {
    let makes = |kind: &EventKind| model.events.contains(kind);
    let own = EventKind::ALL.into_iter().map(|kind| {
        let word = kind.as_str();
        let event_type = format!("{}.{word}", model.event_prefix);
        let text = head_text(&event_type, word);
        let on = Vec::from_iter(Some(kind).filter(makes));
        Head { event_type: event_type.into(), text, on, gate: Gate::Open, wanted: false }
    });
    let derived = model.derived.iter().flat_map(|derived| {
        // The body tells the change's own word: one head for each.
        derived.on.iter().filter(|kind| makes(kind)).map(|kind| {
            let event_type = &derived.event_type;
            let whose = format!("event type {event_type}");
            Head {
                event_type: event_type.as_str().into(),
                text: head_text(event_type, kind.as_str()),
                on: vec![*kind],
                gate: Gate::bind(derived.condition.as_ref(), table, &whose),
                wanted: false,
            }
        })
    });
    own.chain(derived).collect()
}

/// `","type":…,"event":…,"schema_version":1,"timestamp":"`
pub(super) fn head_text(event_type: &str, word: &str) -> Vec<u8> {
    let mut text = b"\",\"type\":".to_vec();
    string::write(event_type.as_bytes(), &mut text);
    text.extend_from_slice(b",\"event\":");
    string::write(word.as_bytes(), &mut text);
    text.extend_from_slice(b",\"schema_version\":1,\"timestamp\":\"");
    text
}

fn model_member(subject: &Subject<'_>) -> Vec<u8> {
    let mut text = b",\"model\":{\"app\":".to_vec();
    string::write(subject.model.app.as_bytes(), &mut text);
    text.extend_from_slice(b",\"name\":");
    string::write(subject.model.name.as_bytes(), &mut text);
    text.extend_from_slice(b",\"label\":");
    string::write(subject.model.label.as_bytes(), &mut text);
    text.extend_from_slice(b"},\"object\":");
    text
}

fn source_member(table: &Table) -> Vec<u8> {
    let mut text = b",\"source\":{\"schema\":".to_vec();
    string::write(table.schema.as_bytes(), &mut text);
    text.extend_from_slice(b",\"table\":");
    string::write(table.name.as_bytes(), &mut text);
    text
}

impl Shape {
    fn new(visible: Visible, settings: &RouterSettings, heads: usize) -> Self {
        let hash = shape_hash(&visible, settings);
        Self { visible, hash, listeners: vec![Vec::new(); heads] }
    }
}

/// SHA-256 rather than a fast hash: parked bodies are shared by it, and no tenant must be able to
/// choose a filter that collides with another's.
fn shape_hash(visible: &Visible, settings: &RouterSettings) -> i64 {
    let mut hash = Sha256::new();
    let options = [settings.int8_as_number, settings.include_source, visible.hold.is_some()];
    hash.update(options.map(u8::from));
    for fields in [&visible.fields, &visible.user] {
        hash.update((fields.len() as u64).to_be_bytes());
        fields.iter().for_each(|field| field.digest(&mut hash));
    }
    leading_bits(&hash.finalize())
}

/// The first 64 bits of a digest.
pub(super) fn leading_bits(digest: &[u8]) -> i64 {
    digest.iter().take(8).fold(0, |bits, byte| bits << 8 | i64::from(*byte))
}

impl Field {
    fn digest(&self, hash: &mut Sha256) {
        hash.update((self.column as u64).to_be_bytes());
        hash.update((self.key.len() as u64).to_be_bytes());
        hash.update(&self.key);
        match &self.show {
            Show::Plain => hash.update([0]),
            Show::Masked(mask) => {
                hash.update([1]);
                hash.update((mask.len() as u64).to_be_bytes());
                hash.update(mask);
            }
            Show::Filtered(node) => {
                hash.update([2]);
                node.digest(hash);
            }
        }
    }
}
