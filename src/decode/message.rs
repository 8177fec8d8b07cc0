//! The messages as pgoutput sends them.

use bytes::Bytes;

use crate::change::{ReplicaIdentity, Row};
use crate::lsn::Lsn;

/// One pgoutput message.
///
/// A transaction comes whole and at its commit: `Begin`, an `Origin` if it was replicated here,
/// its changes and logical messages in the order they were made, `Commit`. A `Relation` precedes
/// the first change of its table and comes again after DDL; a `Type` precedes a `Relation` that
/// uses a type which is not built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A transaction begins.
    Begin {
        /// LSN of its commit record.
        commit: Lsn,
        /// Commit time in microseconds since 1970-01-01 UTC.
        commit_time: i64,
        /// Transaction id.
        xid: u32,
    },
    /// The transaction is complete.
    Commit {
        /// LSN of its commit record.
        commit: Lsn,
        /// One past the commit record: what may be confirmed once everything is settled.
        end: Lsn,
        /// Commit time in microseconds since 1970-01-01 UTC.
        commit_time: i64,
    },
    /// The transaction was first committed elsewhere.
    Origin {
        /// LSN of its commit there.
        commit: Lsn,
        /// Name of the replication origin.
        name: String,
    },
    /// A table, as the changes that follow see it.
    Relation(Relation),
    /// The name of a type that is not built in.
    Type {
        /// `pg_type.oid`.
        oid: u32,
        /// Schema; empty means `pg_catalog`.
        schema: String,
        /// Name.
        name: String,
    },
    /// A row is new, changed or gone; [`Row::Truncate`] never comes here. Columns that an old row
    /// of [`OldTuple::Key`] does not have are null in it.
    ///
    /// [`OldTuple::Key`]: crate::change::OldTuple::Key
    Change {
        /// The table's oid.
        relation: u32,
        /// What happened.
        row: Row,
    },
    /// Tables that were emptied by one statement.
    Truncate {
        /// Their oids.
        relations: Vec<u32>,
        /// `cascade` was given.
        cascade: bool,
        /// `restart identity` was given.
        restart_identity: bool,
    },
    /// What somebody passed to `pg_logical_emit_message`.
    Logical {
        /// Part of the transaction, so in order with its changes and gone if it rolled back.
        transactional: bool,
        /// Where the message stands in the WAL.
        lsn: Lsn,
        /// Who it is for.
        prefix: String,
        /// Bytes in the database's own encoding: the server converts names and values, not these.
        content: Bytes,
    },
}

/// A table as the WAL described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Schema, unquoted.
    pub schema: String,
    /// Name, unquoted.
    pub name: String,
    /// What old tuples carry.
    pub identity: ReplicaIdentity,
    /// Published columns in attribute order.
    pub columns: Vec<RelationColumn>,
}

/// One column of a [`Relation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationColumn {
    /// Name, unquoted.
    pub name: String,
    /// `pg_type.oid` of its type.
    pub type_oid: u32,
    /// Part of the replica identity; every column is under FULL.
    pub in_identity: bool,
}
