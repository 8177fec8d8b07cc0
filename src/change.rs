//! What a committed change is, in walhook's own words: a table, a row before, a row after.

use std::sync::Arc;

use bytes::Bytes;

use crate::lsn::Position;
use crate::value::{Declared, Kind, TextOrder};

/// A relation as the WAL described it at some point; DDL makes a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Schema, unquoted.
    pub schema: String,
    /// Name, unquoted.
    pub name: String,
    /// What the WAL tells of old rows.
    pub identity: ReplicaIdentity,
    /// Columns in attribute order, without dropped and unpublished ones.
    pub columns: Vec<Column>,
    /// What is known of the database's own collation.
    pub order: TextOrder,
}

/// One published column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name, unquoted.
    pub name: String,
    /// `pg_attribute.attnum`, which survives a rename; 0 where the catalog no longer knows.
    pub attnum: i16,
    /// How its text becomes JSON.
    pub kind: Kind,
    /// What conditions must know of it.
    pub declared: Declared,
    /// Part of the replica identity.
    pub in_identity: bool,
    /// Part of the primary key.
    pub in_primary_key: bool,
}

/// `pg_class.relreplident`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaIdentity {
    /// The primary key, if there is one.
    Default,
    /// Nothing: PostgreSQL refuses updates and deletes of a published table.
    Nothing,
    /// The whole old row.
    Full,
    /// The columns of one unique index.
    Index,
}

/// One column's value in a tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// SQL null.
    Null,
    /// A TOASTed value that did not change, so the WAL does not carry it.
    Unchanged,
    /// PostgreSQL's text form.
    Text(&'a [u8]),
}

/// A row as the WAL carried it: slices of one message, no copies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuple {
    /// The bytes that the cells point into.
    pub raw: Bytes,
    /// One for each column of the relation.
    pub cells: Vec<Span>,
}

/// Where a cell's text stands in its tuple's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// SQL null.
    Null,
    /// Unchanged TOAST.
    Unchanged,
    /// `raw[start..end]`.
    Text {
        /// First byte.
        start: u32,
        /// One past the last byte.
        end: u32,
    },
}

impl Tuple {
    /// The value of column `index`. A column that the tuple does not have reads as unchanged:
    /// unknown, never null.
    pub fn cell(&self, index: usize) -> Cell<'_> {
        match self.cells.get(index) {
            Some(Span::Null) => Cell::Null,
            Some(Span::Text { start, end }) => {
                self.raw.get(*start as usize..*end as usize).map_or(Cell::Unchanged, Cell::Text)
            }
            Some(Span::Unchanged) | None => Cell::Unchanged,
        }
    }
}

/// What the WAL tells of the row as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OldTuple {
    /// Nothing: the key did not change under identity DEFAULT or INDEX.
    Unknown,
    /// Only the columns of the replica identity.
    Key(Tuple),
    /// The whole row, under identity FULL.
    Full(Tuple),
}

/// What happened to the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A new row.
    Insert {
        /// The row.
        new: Tuple,
    },
    /// A changed row.
    Update {
        /// The row before, as far as the WAL tells.
        old: OldTuple,
        /// The row after.
        new: Tuple,
    },
    /// A row that is gone.
    Delete {
        /// The row before; never [`OldTuple::Unknown`].
        old: OldTuple,
    },
    /// The whole table was emptied.
    Truncate,
}

/// Facts that all changes of one transaction share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Transaction id.
    pub xid: u32,
    /// Commit time in microseconds since 1970-01-01 UTC.
    pub commit_time: i64,
    /// The inbound event that a handler or mapping is at work on. It names itself before it
    /// changes anything; what should come before that is nobody's.
    pub origin: Option<Origin>,
}

/// An inbound event that makes changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Name of the source that received it, as in `stripe`.
    pub source: String,
    /// Its id there, as in `evt_1`.
    pub event_id: String,
}

/// One committed change of one row, or a truncate of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it stands in the stream.
    pub position: Position,
    /// Its transaction.
    pub transaction: Arc<Transaction>,
    /// Who did it, as JSON text, where `walhook.set_user` said so earlier in the transaction.
    pub actor: Option<Bytes>,
    /// The table as it was then.
    pub table: Arc<Table>,
    /// What happened.
    pub row: Row,
}

/// A custom event that `walhook.emit` put into the WAL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// Where it stands in the stream.
    pub position: Position,
    /// Its transaction.
    pub transaction: Arc<Transaction>,
    /// Who did it, as for [`Change::actor`].
    pub actor: Option<Bytes>,
    /// Event type, as in `mfa.failed`.
    pub event_type: String,
    /// The event's object, as JSON text.
    pub object: Bytes,
}
