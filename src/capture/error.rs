//! What the stream must not do.

use crate::lsn::Lsn;

/// The messages do not follow the protocol: the stream cannot be trusted any further. A new
/// session reads the transaction again from its begin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// Something that belongs into a transaction came outside of one.
    #[error("pgoutput sent {what} outside a transaction")]
    OutsideTransaction {
        /// What came.
        what: &'static str,
    },
    /// A transaction began inside another; only streamed ones may, and none was asked for.
    #[error("pgoutput began the transaction committed at {begun} inside that committed at {open}")]
    NestedTransaction {
        /// The one that is open.
        open: Lsn,
        /// The new one.
        begun: Lsn,
    },
    /// The commit is not that of the transaction that began.
    #[error("pgoutput committed at {committed} the transaction that was to commit at {begun}")]
    OtherCommit {
        /// LSN said at begin.
        begun: Lsn,
        /// LSN said at commit.
        committed: Lsn,
    },
    /// A change of a table that was not described before.
    #[error("pgoutput sent a change of the table with oid {oid}, which it has not described")]
    UnknownRelation {
        /// `pg_class.oid`.
        oid: u32,
    },
    /// A row does not fit the description of its table.
    #[error("pgoutput sent a row of {found} columns for {schema}.{table}, which has {expected}")]
    ColumnCount {
        /// Schema.
        schema: String,
        /// Table.
        table: String,
        /// Columns described.
        expected: usize,
        /// Columns that came.
        found: usize,
    },
    /// A message was fed while the answer to a question about the catalog was due.
    #[error("capture was fed a message before its question about the catalog was answered")]
    Unanswered,
}
