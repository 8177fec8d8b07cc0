//! What a change tells of each column: its value for `object`, its difference for `changes`.
//! The rules of replica identity and TOAST live here and nowhere else.

use crate::change::{Cell, OldTuple, Row, Table, Tuple};

/// A column's value, as far as the WAL tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known<'a> {
    /// The value; `None` is SQL null.
    Value(Option<&'a [u8]>),
    /// A TOASTed value that the WAL does not carry.
    Unavailable,
    /// Not part of what was logged: the rest of a deleted row whose key alone is known.
    Absent,
}

/// How a column differs from before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delta<'a> {
    /// It is known not to have changed.
    Same,
    /// It is known to have changed.
    Changed {
        /// Value before.
        old: Option<&'a [u8]>,
        /// Value after.
        new: Option<&'a [u8]>,
    },
    /// The value before is unknown.
    Unknown,
}

/// One change, column by column.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    table: &'a Table,
    old: Old<'a>,
    new: Option<&'a Tuple>,
}

#[derive(Clone, Copy)]
enum Old<'a> {
    Nothing,
    Key(&'a Tuple),
    Full(&'a Tuple),
}

impl<'a> View<'a> {
    /// The view of `row`, which is of `table`.
    pub(super) fn new(table: &'a Table, row: &'a Row) -> Self {
        let (old, new) = match row {
            Row::Insert { new } => (Old::Nothing, Some(new)),
            Row::Update { old, new } => (Old::of(old), Some(new)),
            Row::Delete { old } => (Old::of(old), None),
            Row::Truncate => (Old::Nothing, None),
        };
        Self { table, old, new }
    }

    /// Whether the old row is known whole, so that what is not in `changes` did not change.
    pub(super) fn knows_old_row(&self) -> bool {
        matches!(self.old, Old::Full(_))
    }

    /// The value that `object` shows: of the new row, or of the old one where there is none.
    pub(super) fn value(&self, column: usize) -> Known<'a> {
        let Some(new) = self.new else { return self.old_value(column) };
        match new.cell(column) {
            Cell::Null => Known::Value(None),
            Cell::Text(text) => Known::Value(Some(text)),
            // An unchanged value is the old one, if the WAL has that.
            Cell::Unchanged => match self.old_value(column) {
                Known::Absent => Known::Unavailable,
                old => old,
            },
        }
    }

    /// The value before the change.
    pub(super) fn old_value(&self, column: usize) -> Known<'a> {
        let cell = match self.old {
            Old::Nothing => return Known::Absent,
            // The other columns stand in the message as nulls that mean nothing.
            Old::Key(_) if !self.is_identity(column) => return Known::Absent,
            Old::Key(old) | Old::Full(old) => old.cell(column),
        };
        match cell {
            Cell::Null => Known::Value(None),
            Cell::Text(text) => Known::Value(Some(text)),
            Cell::Unchanged => Known::Unavailable,
        }
    }

    /// How an updated column differs. Text is compared: equal text is an equal value.
    pub(super) fn delta(&self, column: usize) -> Delta<'a> {
        let new = match self.new.map(|new| new.cell(column)) {
            None | Some(Cell::Unchanged) => return Delta::Same,
            Some(Cell::Null) => None,
            Some(Cell::Text(text)) => Some(text),
        };
        match (self.old, self.old_value(column)) {
            (_, Known::Value(old)) if old == new => Delta::Same,
            (_, Known::Value(old)) => Delta::Changed { old, new },
            // Without an old tuple the identity's columns are known to be what they were.
            (Old::Nothing, _) if self.is_identity(column) => Delta::Same,
            _ => Delta::Unknown,
        }
    }

    fn is_identity(&self, column: usize) -> bool {
        self.table.columns.get(column).is_some_and(|column| column.in_identity)
    }
}

impl<'a> Old<'a> {
    fn of(old: &'a OldTuple) -> Self {
        match old {
            OldTuple::Unknown => Self::Nothing,
            OldTuple::Key(tuple) => Self::Key(tuple),
            OldTuple::Full(tuple) => Self::Full(tuple),
        }
    }
}
