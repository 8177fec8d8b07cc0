//! The body of one event for one shape (contract 3.1), from tuple text to bytes.

use std::io::Write;

use super::fields::{Field, Show};
use super::paths::Node;
use super::plan::{Plan, Shape};
use super::row::{Delta, Known, View};
use super::walk::Masks;
use crate::change::{Change, Row, Transaction};
use crate::lsn::Position;
use crate::value::{self, Kind, Options, string};

/// What a body is made of, apart from its head.
#[derive(Clone, Copy)]
pub(super) struct Body<'a> {
    pub(super) plan: &'a Plan,
    pub(super) shape: &'a Shape,
    pub(super) change: &'a Change,
    pub(super) view: View<'a>,
    /// Who did it, as JSON text, where the transaction says so.
    pub(super) actor: Option<&'a [u8]>,
    pub(super) options: Options,
    /// Most bytes of a body.
    pub(super) limit: usize,
    /// Only key columns keep their values.
    pub(super) trimmed: bool,
}

/// The body outgrew its limit and was given up half-way.
pub(super) struct TooLarge;

impl Body<'_> {
    /// Whether the change shows at all: an update whose old row is known is of no concern to an
    /// endpoint that sees none of the changed fields. A masked field counts as seen.
    pub(super) fn is_visible(&self) -> bool {
        !matches!(self.change.row, Row::Update { .. })
            || !self.view.knows_old_row()
            || self.shape.visible.fields.iter().any(|field| self.differs(field) != Some(false))
            || self.withholds_change()
    }

    fn withholds_change(&self) -> bool {
        let mut withheld = self.shape.visible.withheld.iter();
        withheld.any(|column| self.view.delta(*column) != Delta::Same)
    }

    /// Appends everything after the head, which ends in `"object":`.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        let mut unavailable = Vec::new();
        match self.change.row {
            Row::Truncate => out.extend_from_slice(b"null"),
            _ => self.write_object(out, &mut unavailable)?,
        }
        out.extend_from_slice(b",\"changes\":");
        let complete = match self.change.row {
            Row::Update { .. } => self.write_changes(out)?,
            _ => {
                out.extend_from_slice(b"null");
                true
            }
        };
        out.extend_from_slice(b",\"user\":");
        self.write_user(out);
        if !complete {
            out.extend_from_slice(b",\"changes_complete\":false");
        }
        if !unavailable.is_empty() {
            out.extend_from_slice(b",\"unavailable\":[");
            out.append(&mut unavailable);
            out.push(b']');
        }
        if !self.plan.source.is_empty() {
            out.extend_from_slice(&self.plan.source);
            write_place(self.change.position, &self.change.transaction, out);
        }
        out.push(b'}');
        self.check(out)
    }

    fn write_object(&self, out: &mut Vec<u8>, unavailable: &mut Vec<u8>) -> Result<(), TooLarge> {
        out.push(b'{');
        for field in &self.shape.visible.fields {
            let known = match self.view.value(field.column) {
                Known::Value(_) if self.drops(field) => Known::Unavailable,
                known => known,
            };
            match (&field.show, known) {
                (_, Known::Absent) => {}
                (Show::Masked(mask), _) => {
                    separate(out, b'{');
                    out.extend_from_slice(&field.key);
                    out.extend_from_slice(mask);
                }
                (_, Known::Unavailable) => {
                    if !unavailable.is_empty() {
                        unavailable.push(b',');
                    }
                    unavailable.extend_from_slice(field.key.strip_suffix(b":").unwrap_or_default());
                }
                (_, Known::Value(text)) => self.write_member(field, text, out),
            }
            self.check(out)?;
        }
        out.push(b'}');
        Ok(())
    }

    /// Appends the fields that are known to have changed; returns whether those are all.
    fn write_changes(&self, out: &mut Vec<u8>) -> Result<bool, TooLarge> {
        let mut complete = self.view.knows_old_row() && !self.withholds_change();
        out.push(b'{');
        for field in &self.shape.visible.fields {
            match self.differs(field) {
                Some(false) => continue,
                None => {
                    complete = false;
                    continue;
                }
                Some(true) => {}
            }
            if self.drops(field) {
                complete = false;
                continue;
            }
            let Delta::Changed { old, new } = self.view.delta(field.column) else { continue };
            separate(out, b'{');
            out.extend_from_slice(&field.key);
            out.extend_from_slice(b"{\"old\":");
            self.write_side(field, old, out);
            out.extend_from_slice(b",\"new\":");
            self.write_side(field, new, out);
            out.push(b'}');
            self.check(out)?;
        }
        out.push(b'}');
        Ok(complete)
    }

    /// Whether the field changed as far as the endpoint may know; `None` if that is unknown.
    fn differs(&self, field: &Field) -> Option<bool> {
        match (self.view.delta(field.column), &field.show) {
            (Delta::Same, _) => Some(false),
            (Delta::Unknown, _) => None,
            (Delta::Changed { old: Some(old), new: Some(new) }, Show::Filtered(node)) => {
                let mut sides = [Vec::new(), Vec::new()];
                for (side, text) in sides.iter_mut().zip([old, new]) {
                    self.write_filtered(field, node, (text, Masks::Lifted), side);
                }
                Some(sides[0] != sides[1])
            }
            (Delta::Changed { .. }, _) => Some(true),
        }
    }

    fn write_user(&self, out: &mut Vec<u8>) {
        let start = out.len();
        match self.actor {
            Some(actor) => out.extend_from_slice(actor),
            None => self.write_user_columns(out),
        }
        // Of an oversized event it is the key that has to stay.
        if self.trimmed && out.len() > self.limit {
            out.truncate(start);
            out.extend_from_slice(b"null");
        }
    }

    /// Nobody where the columns are null or unknown, rather than somebody without properties.
    fn write_user_columns(&self, out: &mut Vec<u8>) {
        let values = |field: &Field| match self.view.value(field.column) {
            Known::Value(text) => Some(text),
            Known::Unavailable | Known::Absent => None,
        };
        let user = &self.shape.visible.user;
        if !user.iter().any(|field| values(field).flatten().is_some()) {
            out.extend_from_slice(b"null");
            return;
        }
        out.push(b'{');
        for field in user {
            if let Some(text) = values(field) {
                self.write_member(field, text, out);
            }
        }
        out.push(b'}');
    }

    /// Appends `"name":value` to an open object, or nothing where nothing of it is shown.
    fn write_member(&self, field: &Field, text: Option<&[u8]>, out: &mut Vec<u8>) {
        let start = out.len();
        separate(out, b'{');
        out.extend_from_slice(&field.key);
        if !self.write_value(field, text, out) {
            out.truncate(start);
        }
    }

    fn write_side(&self, field: &Field, text: Option<&[u8]>, out: &mut Vec<u8>) {
        if !self.write_value(field, text, out) {
            out.extend_from_slice(b"null");
        }
    }

    /// Appends the value as the field shows it; false, with nothing appended, if it is hidden.
    fn write_value(&self, field: &Field, text: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
        match (&field.show, text) {
            (Show::Masked(mask), _) => out.extend_from_slice(mask),
            (_, None) => out.extend_from_slice(b"null"),
            (Show::Plain, Some(text)) => {
                value::write_json(self.kind(field), self.options, text, out);
            }
            (Show::Filtered(node), Some(text)) => {
                return self.write_filtered(field, node, (text, Masks::Applied), out);
            }
        }
        true
    }

    fn write_filtered(
        &self,
        field: &Field,
        node: &Node,
        (text, masks): (&[u8], Masks),
        out: &mut Vec<u8>,
    ) -> bool {
        match self.kind(field) {
            Kind::Json => node.write(text, masks, out),
            // An array of documents is filtered as the JSON array that it becomes.
            kind => {
                let mut whole = Vec::new();
                value::write_json(kind, self.options, text, &mut whole);
                node.write(&whole, masks, out)
            }
        }
    }

    fn kind(&self, field: &Field) -> &Kind {
        &self.plan.table.columns[field.column].kind
    }

    fn drops(&self, field: &Field) -> bool {
        self.trimmed && !self.plan.key.keeps(field.column)
    }

    fn check(&self, out: &[u8]) -> Result<(), TooLarge> {
        if out.len() > self.limit && !self.trimmed { Err(TooLarge) } else { Ok(()) }
    }
}

/// Appends the rest of `source`: `,"lsn":…,"xid":…}`, and before the brace the origin, if any.
pub(super) fn write_place(position: Position, transaction: &Transaction, out: &mut Vec<u8>) {
    write!(out, ",\"lsn\":\"{}\",\"xid\":{}", position.commit, transaction.xid)
        .expect("memory takes every write");
    if let Some(origin) = &transaction.origin {
        out.extend_from_slice(b",\"origin\":{\"source\":");
        string::write(origin.source.as_bytes(), out);
        out.extend_from_slice(b",\"event_id\":");
        string::write(origin.event_id.as_bytes(), out);
        out.push(b'}');
    }
    out.push(b'}');
}

fn separate(out: &mut Vec<u8>, open: u8) {
    if out.last() != Some(&open) {
        out.push(b',');
    }
}
