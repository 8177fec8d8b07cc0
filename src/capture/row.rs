//! Rows of one change: old and new made to say what is known, and no more.

use super::CaptureError;
use super::relations::Known;
use crate::change::{OldTuple, Row, Span, Table, Tuple};

/// The row as far as it is known. Values that the new row leaves out, since they are TOASTed and
/// did not change, are taken from the old row where that has them.
pub(super) fn known_row(known: &Known, row: Row) -> Result<Row, CaptureError> {
    Ok(match row {
        Row::Insert { new } => Row::Insert { new: fitting(&known.table, new)? },
        Row::Update { old, new } => {
            let mut new = fitting(&known.table, new)?;
            let old = old_row(known, old)?;
            if let OldTuple::Key(old) | OldTuple::Full(old) = &old {
                fill_unchanged(&mut new, old);
            }
            Row::Update { old, new }
        }
        Row::Delete { old } => Row::Delete { old: old_row(known, old)? },
        Row::Truncate => Row::Truncate,
    })
}

fn old_row(known: &Known, old: OldTuple) -> Result<OldTuple, CaptureError> {
    let fitting = |tuple| fitting(&known.table, tuple);
    Ok(match old {
        OldTuple::Unknown => OldTuple::Unknown,
        OldTuple::Full(tuple) if !known.has_partial_old_rows => OldTuple::Full(fitting(tuple)?),
        OldTuple::Full(tuple) | OldTuple::Key(tuple) => {
            OldTuple::Key(nulls_unknown(fitting(tuple)?))
        }
    })
}

/// In a key, null stands for the columns that are not part of it; those that are cannot be null.
fn nulls_unknown(mut key: Tuple) -> Tuple {
    for cell in &mut key.cells {
        if *cell == Span::Null {
            *cell = Span::Unchanged;
        }
    }
    key
}

fn fill_unchanged(new: &mut Tuple, old: &Tuple) {
    // The decoder lets both point into one message; spans of another would mean other bytes.
    let is_shared = new.raw.as_ptr() == old.raw.as_ptr() && new.raw.len() == old.raw.len();
    debug_assert!(is_shared, "both rows of an update are slices of one message");
    if !is_shared {
        return;
    }
    for (new, old) in new.cells.iter_mut().zip(&old.cells) {
        if *new == Span::Unchanged {
            *new = *old;
        }
    }
}

fn fitting(table: &Table, tuple: Tuple) -> Result<Tuple, CaptureError> {
    let (expected, found) = (table.columns.len(), tuple.cells.len());
    if expected == found {
        return Ok(tuple);
    }
    let (schema, table) = (table.schema.clone(), table.name.clone());
    Err(CaptureError::ColumnCount { schema, table, expected, found })
}
