//! The transaction that is open in the stream.

use std::sync::Arc;

use bytes::Bytes;

use crate::change::{Change, Emitted, Origin, Row, Table, Transaction};
use crate::lsn::{Lsn, Position};

/// A transaction between its begin and its commit.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) commit: Lsn,
    pub(super) actor: Option<Bytes>,
    transaction: Arc<Transaction>,
    next_ordinal: u64,
}

impl Open {
    pub(super) fn new(commit: Lsn, transaction: Transaction) -> Self {
        Self { commit, actor: None, transaction: Arc::new(transaction), next_ordinal: 0 }
    }

    /// The transaction's id.
    pub(super) fn xid(&self) -> u32 {
        self.transaction.xid
    }

    /// Where the next change will stand.
    pub(super) fn next_position(&self) -> Position {
        Position { commit: self.commit, ordinal: self.next_ordinal }
    }

    /// Gives the next position away.
    ///
    /// Everything that pgoutput sends and that can be an event takes one, whether or not it
    /// becomes an event: the count must not depend on anything that may change before a replay.
    pub(super) fn take_position(&mut self) -> Position {
        let position = self.next_position();
        self.next_ordinal += 1;
        position
    }

    /// Names the origin of what follows. What came before keeps its own facts.
    pub(super) fn set_origin(&mut self, origin: Origin) {
        let transaction = Transaction { origin: Some(origin), ..*self.transaction };
        self.transaction = Arc::new(transaction);
    }

    pub(super) fn change(&mut self, table: Arc<Table>, row: Row) -> Change {
        let position = self.take_position();
        let (transaction, actor) = (Arc::clone(&self.transaction), self.actor.clone());
        Change { position, transaction, actor, table, row }
    }

    pub(super) fn emitted(&self, position: Position, event_type: String, object: Bytes) -> Emitted {
        let (transaction, actor) = (Arc::clone(&self.transaction), self.actor.clone());
        Emitted { position, transaction, actor, event_type, object }
    }
}
