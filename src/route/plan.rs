//! Everything about a table's events that does not depend on the row, made once a relation.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::fields::{Field, Show, Subject, Visible};
use super::keys::KeyColumns;
use super::select::{selects_model, wants_event};
use super::tenant::{Tenancy, reaches};
use super::{EventKind, RouterSettings};
use crate::change::Table;
use crate::endpoint::Endpoint;
use crate::value::string;

/// How changes of one relation become bodies.
pub(super) struct Plan {
    pub(super) table: Arc<Table>,
    pub(super) key: KeyColumns,
    pub(super) tenancy: Tenancy,
    /// By [`EventKind`].
    pub(super) heads: [Head; EventKind::ALL.len()],
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
    /// Whether any endpoint wants it.
    pub(super) wanted: bool,
}

/// One distinct body and who gets it.
pub(super) struct Shape {
    pub(super) visible: Visible,
    /// Stable hash of all that makes this body differ from others of the same event.
    pub(super) hash: i64,
    /// Indices of endpoints, by [`EventKind`].
    pub(super) endpoints: [Vec<usize>; EventKind::ALL.len()],
}

impl Plan {
    /// The plan for `subject`'s table, which is `table`.
    pub(super) fn new(
        table: &Arc<Table>,
        subject: Subject<'_>,
        endpoints: &[Arc<Endpoint>],
        settings: &RouterSettings,
    ) -> Self {
        let mut heads = EventKind::ALL.map(|kind| Head::new(&subject.model.event_prefix, kind));
        let mut shapes: Vec<Shape> = Vec::new();
        for (index, endpoint) in endpoints.iter().enumerate() {
            let filter = &endpoint.filter;
            let label = &subject.model.label;
            if !endpoint.enabled
                || !selects_model(filter, label)
                || !reaches(&endpoint.reach, label)
            {
                continue;
            }
            let wants = EventKind::ALL.map(|kind| {
                subject.model.events.contains(&kind)
                    && wants_event(filter, kind.as_str(), &heads[kind as usize].event_type)
            });
            if !wants.contains(&true) {
                continue;
            }
            let visible = subject.visible(filter);
            let known = shapes.iter().position(|shape| shape.visible == visible);
            let shape = known.unwrap_or_else(|| {
                shapes.push(Shape::new(visible, settings));
                shapes.len() - 1
            });
            for kind in EventKind::ALL.into_iter().filter(|kind| wants[*kind as usize]) {
                heads[kind as usize].wanted = true;
                shapes[shape].endpoints[kind as usize].push(index);
            }
        }
        Self {
            table: Arc::clone(table),
            key: KeyColumns::of(table),
            tenancy: Tenancy::of(table, subject.model.tenant_column.as_deref()),
            heads,
            model: model_member(&subject),
            source: if settings.include_source { source_member(table) } else { Vec::new() },
            shapes,
        }
    }

    /// Whether every name that exclude and redact give was found where it was expected.
    pub(super) fn is_good(&self) -> bool {
        self.shapes.iter().all(|shape| shape.visible.hold.is_none())
    }
}

impl Head {
    fn new(prefix: &str, kind: EventKind) -> Self {
        let word = kind.as_str();
        let event_type = format!("{prefix}.{word}");
        let text = head_text(&event_type, word);
        Self { event_type: event_type.into(), text, wanted: false }
    }
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
    fn new(visible: Visible, settings: &RouterSettings) -> Self {
        let hash = shape_hash(&visible, settings);
        Self { visible, hash, endpoints: Default::default() }
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
