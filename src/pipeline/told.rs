//! Messages in the WAL that tell of changed configuration. They count from their commit on.

use serde::Deserialize;

use crate::config::RowTable;
use crate::lsn::Lsn;
use crate::store::ToldRow;

/// More rows than one transaction changes on purpose; what is beyond is looked at with the rest.
const MOST_ROWS: usize = 10_000;

/// A transaction that changed the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Its id.
    pub(super) xid: u32,
    /// Where it was committed.
    pub(super) at: Lsn,
    /// One past its commit record.
    pub(super) end: Lsn,
    /// What it wrote.
    pub(super) rows: Vec<ToldRow>,
}

/// What the transaction that is being read tells, and the one before it if that changed
/// something.
#[derive(Debug, Default)]
pub(super) struct Told {
    open: Option<(u32, Vec<ToldRow>)>,
    due: Option<Change>,
}

#[derive(Deserialize)]
struct Wire {
    table: String,
    key: String,
}

impl Told {
    /// Hears one message. Anybody can write one, so it is no more than a reason to look.
    pub(super) fn hear(&mut self, xid: u32, content: &[u8]) {
        let (_, rows) = self.open.get_or_insert_with(|| (xid, Vec::new()));
        let wire = serde_json::from_slice::<Wire>(content).ok();
        let row = wire.and_then(|Wire { table, key }| {
            Some(ToldRow { table: RowTable::of_name(&table)?, key })
        });
        let has_room = rows.len() < MOST_ROWS;
        rows.extend(row.filter(|_| has_room));
    }

    /// The transaction was committed at `at`.
    pub(super) fn commit(&mut self, at: Lsn, end: Lsn) {
        self.due = self.open.take().map(|(xid, rows)| Change { xid, at, end, rows });
    }

    /// Whether there is something to act on before anything else is read.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some()
    }

    /// What was changed.
    pub(super) fn take(&mut self) -> Option<Change> {
        self.due.take()
    }
}
