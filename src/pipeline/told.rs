//! Messages in the WAL that tell of changed configuration. They count from their commit on.

use serde::Deserialize;

use crate::config::RowTable;
use crate::lsn::Lsn;
use crate::store::ToldRow;

/// More rows than one transaction changes on purpose; beyond, everything is looked at.
const MOST_ROWS: usize = 10_000;

/// What the transaction that is being read tells.
#[derive(Debug, Default)]
pub(super) struct Told {
    rows: Vec<ToldRow>,
    is_told: bool,
    /// The commit that told it.
    at: Option<Lsn>,
}

#[derive(Deserialize)]
struct Wire {
    table: String,
    key: String,
}

impl Told {
    /// Hears one message. Anybody can write one, so it is no more than a reason to look.
    pub(super) fn hear(&mut self, content: &[u8]) {
        self.is_told = true;
        let wire = serde_json::from_slice::<Wire>(content).ok();
        let row = wire.and_then(|Wire { table, key }| {
            Some(ToldRow { table: RowTable::of_name(&table)?, key })
        });
        self.rows.extend(row.filter(|_| self.rows.len() < MOST_ROWS));
    }

    /// The transaction was committed at `at`.
    pub(super) fn commit(&mut self, at: Lsn) {
        if self.is_told {
            self.at = Some(at);
        }
    }

    /// Whether there is something to act on before anything else is read.
    pub(super) fn is_due(&self) -> bool {
        self.at.is_some()
    }

    /// What was told, and by which commit.
    pub(super) fn take(&mut self) -> Option<(Vec<ToldRow>, Lsn)> {
        let at = self.at.take()?;
        self.is_told = false;
        Some((std::mem::take(&mut self.rows), at))
    }
}
