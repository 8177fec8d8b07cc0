//! The 64-bit hashes by which events of one row keep their order.
//!
//! They are stored with parked events, so they must not change between versions: SipHash-2-4
//! with a zero key is a published function. A collision only delays.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::row::{Known, View};
use crate::change::{ReplicaIdentity, Table};
use crate::lsn::Position;

/// The columns that tell rows of a table apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyColumns {
    /// The primary key; under identity INDEX that index's columns, since a delete has no others.
    Columns(Vec<usize>),
    /// Neither key nor identity index: equal rows share a key.
    WholeRow,
}

impl KeyColumns {
    pub(super) fn of(table: &Table) -> Self {
        let columns = |in_key: fn(&crate::change::Column) -> bool| -> Vec<usize> {
            let columns = table.columns.iter().enumerate();
            columns.filter(|(_, column)| in_key(column)).map(|(index, _)| index).collect()
        };
        let primary = columns(|column| column.in_primary_key);
        let key = match table.identity {
            ReplicaIdentity::Index => columns(|column| column.in_identity),
            // Every column is in the identity then.
            ReplicaIdentity::Full => primary,
            _ if primary.is_empty() => columns(|column| column.in_identity),
            _ => primary,
        };
        if key.is_empty() { Self::WholeRow } else { Self::Columns(key) }
    }

    /// Whether an oversized body keeps the column.
    pub(super) fn keeps(&self, column: usize) -> bool {
        matches!(self, Self::Columns(columns) if columns.contains(&column))
    }

    /// The row's key, and its former key where the change moved it; else the same again.
    pub(super) fn hashes(&self, table: &Table, view: &View<'_>) -> [u64; 2] {
        let new = self.hash(table, |column| view.value(column));
        let old = self.hash(table, |column| match view.old_value(column) {
            Known::Absent | Known::Unavailable => view.value(column),
            known => known,
        });
        [new, old]
    }

    fn hash<'a>(&self, table: &Table, value: impl Fn(usize) -> Known<'a>) -> u64 {
        let mut hasher = SipHasher24::new();
        hasher.write(&table.oid.to_le_bytes());
        let mut feed = |column| match value(column) {
            Known::Value(Some(text)) => {
                hasher.write(&(text.len() as u64).to_le_bytes());
                hasher.write(text);
            }
            // No text is that long.
            Known::Value(None) => hasher.write(&u64::MAX.to_le_bytes()),
            Known::Unavailable | Known::Absent => hasher.write(&(u64::MAX - 1).to_le_bytes()),
        };
        match self {
            Self::Columns(columns) => columns.iter().copied().for_each(&mut feed),
            Self::WholeRow => (0..table.columns.len()).for_each(&mut feed),
        }
        hasher.finish()
    }
}

/// The key of a truncate: its own, since no order towards single rows can be kept.
pub(super) fn of_table(table: &Table) -> [u64; 2] {
    let mut hasher = SipHasher24::new();
    hasher.write(&table.oid.to_le_bytes());
    [hasher.finish(); 2]
}

/// The key of an emitted event: each has its own, since it belongs to no row.
pub(super) fn of_position(position: Position) -> [u64; 2] {
    let mut hasher = SipHasher24::new();
    hasher.write(&position.commit.0.to_le_bytes());
    hasher.write(&position.ordinal.to_le_bytes());
    [hasher.finish(); 2]
}
