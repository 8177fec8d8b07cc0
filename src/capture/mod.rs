//! Messages of the WAL to changes of rows: relations, transactions, positions, actors.
//!
//! A state machine without a socket. Where only the catalog knows on, it hands out a
//! [`Question`], and goes on with the [`Answer`]:
//!
//! ```text
//! let mut captured = capture.accept(decode(payload)?)?;
//! if let Captured::Unknown(question) = &captured {
//!     captured = capture.learn(&catalog::describe(client, question).await?)?;
//! }
//! ```
//!
//! A position is a function of the WAL as pgoutput shows it. pgoutput reads publications and
//! tables as they were when the change was made, so neither later DDL, nor a changed publication,
//! nor walhook's configuration moves a position; another list of publications for the same slot
//! would.

mod error;
mod leaves;
mod logical;
mod relations;
mod row;
mod transaction;
mod types;

pub use error::CaptureError;

use bytes::Bytes;

use crate::change::{Change, Emitted, Row, Transaction};
use crate::decode::Message;
use crate::lsn::Lsn;
use crate::store::catalog::{Answer, Question};
use logical::{Purpose, Unusable};
use relations::{Lookup, Relations};
use transaction::Open;

/// What one message came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Captured {
    /// A transaction begins.
    Begin {
        /// LSN of its commit record.
        commit: Lsn,
    },
    /// A row changed.
    Change(Change),
    /// Tables were emptied by one statement: one change for each.
    Truncated(Vec<Change>),
    /// Somebody emitted a custom event.
    Emitted(Emitted),
    /// walhook's configuration was changed in SQL.
    Configured {
        /// The transaction that did it.
        xid: u32,
        /// The message's content, as it was written.
        content: Bytes,
    },
    /// Somebody asks what would be sent of a row.
    Asked {
        /// The message's content, as it was written.
        content: Bytes,
    },
    /// The transaction is complete.
    Commit {
        /// LSN of its commit record.
        commit: Lsn,
        /// One past the commit record: what may be confirmed once everything is settled.
        end: Lsn,
    },
    /// The message waits for an answer of the catalog; [`Capture::learn`] comes next.
    Unknown(Question),
    /// Nothing that concerns anybody further on.
    Nothing,
}

/// The state of one stream.
#[derive(Debug)]
pub struct Capture {
    /// Logical messages larger than this are skipped, with a warning.
    pub max_event_bytes: usize,
    relations: Relations,
    open: Option<Open>,
    waiting: Option<(Waiting, Question)>,
    unusable_count: u64,
}

/// What cannot go on before the catalog has answered.
#[derive(Debug)]
enum Waiting {
    Change { relation: u32, row: Row },
    Truncate { relations: Vec<u32> },
}

impl Capture {
    /// A stream of which nothing has been read.
    pub fn new(max_event_bytes: usize) -> Self {
        let relations = Relations::default();
        Self { max_event_bytes, relations, open: None, waiting: None, unusable_count: 0 }
    }

    /// The stream broke off and will be read anew, from the begin of some transaction. Types and
    /// tables are kept, so that tables which did not change remain the same `Arc`.
    pub fn restart(&mut self) {
        self.open = None;
        self.waiting = None;
        self.relations.forget_session();
    }

    /// Whether a transaction has begun and not ended.
    pub fn in_transaction(&self) -> bool {
        self.open.is_some()
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// Messages that do not follow the protocol.
    pub fn accept(&mut self, message: Message) -> Result<Captured, CaptureError> {
        if self.waiting.is_some() {
            return Err(CaptureError::Unanswered);
        }
        match message {
            Message::Begin { commit, commit_time, xid } => {
                self.begin(commit, Transaction { xid, commit_time, origin: None })
            }
            Message::Commit { commit, end, .. } => self.commit(commit, end),
            Message::Relation(relation) => {
                self.relations.announce(relation);
                Ok(Captured::Nothing)
            }
            Message::Change { relation, row } => self.change(relation, row),
            Message::Truncate { relations, .. } => self.truncate(relations),
            Message::Logical { transactional: true, prefix, content, .. } => {
                self.logical(&prefix, content)
            }
            Message::Logical { prefix, content, .. } if prefix == logical::QUESTION => {
                Ok(Captured::Asked { content })
            }
            Message::Logical { .. } | Message::Origin { .. } | Message::Type { .. } => {
                Ok(Captured::Nothing)
            }
        }
    }

    /// Takes the answer to [`Captured::Unknown`], and goes on with the message that waited for it.
    ///
    /// # Errors
    /// As [`Capture::accept`] for that message.
    pub fn learn(&mut self, answer: &Answer) -> Result<Captured, CaptureError> {
        let Some((waiting, question)) = self.waiting.take() else {
            return Ok(Captured::Nothing);
        };
        self.relations.learn(&question, answer);
        match waiting {
            Waiting::Change { relation, row } => self.change(relation, row),
            Waiting::Truncate { relations } => self.truncate(relations),
        }
    }

    fn begin(&mut self, commit: Lsn, transaction: Transaction) -> Result<Captured, CaptureError> {
        if let Some(open) = &self.open {
            return Err(CaptureError::NestedTransaction { open: open.commit, begun: commit });
        }
        self.open = Some(Open::new(commit, transaction));
        Ok(Captured::Begin { commit })
    }

    fn commit(&mut self, commit: Lsn, end: Lsn) -> Result<Captured, CaptureError> {
        let open = self.open.take();
        let begun = open.ok_or(CaptureError::OutsideTransaction { what: "a commit" })?.commit;
        if begun != commit {
            return Err(CaptureError::OtherCommit { begun, committed: commit });
        }
        Ok(Captured::Commit { commit, end })
    }

    fn change(&mut self, relation: u32, row: Row) -> Result<Captured, CaptureError> {
        let open = self.open.as_mut();
        let open = open.ok_or(CaptureError::OutsideTransaction { what: "a change" })?;
        match self.relations.of_row(relation)? {
            Lookup::Known(known) => {
                let row = row::known_row(&known, row)?;
                Ok(Captured::Change(open.change(known.table, row)))
            }
            Lookup::Own => {
                open.take_position();
                Ok(Captured::Nothing)
            }
            Lookup::Unanswered => {
                let question = self.relations.question(&[relation]);
                Ok(self.ask(question, Waiting::Change { relation, row }))
            }
        }
    }

    fn truncate(&mut self, relations: Vec<u32>) -> Result<Captured, CaptureError> {
        let open = self.open.as_mut();
        let open = open.ok_or(CaptureError::OutsideTransaction { what: "a truncate" })?;
        let lookups = self.relations.of_truncate(&relations)?;
        if lookups.iter().any(|lookup| matches!(lookup, Lookup::Unanswered)) {
            let question = self.relations.question(&relations);
            return Ok(self.ask(question, Waiting::Truncate { relations }));
        }
        let changes = lookups.into_iter().filter_map(|lookup| match lookup {
            Lookup::Known(known) => Some(open.change(known.table, Row::Truncate)),
            Lookup::Own | Lookup::Unanswered => {
                open.take_position();
                None
            }
        });
        Ok(Captured::Truncated(changes.collect()))
    }

    fn ask(&mut self, question: Question, waiting: Waiting) -> Captured {
        self.waiting = Some((waiting, question.clone()));
        Captured::Unknown(question)
    }

    fn logical(&mut self, prefix: &str, content: Bytes) -> Result<Captured, CaptureError> {
        let open = self.open.as_mut();
        let open = open.ok_or(CaptureError::OutsideTransaction { what: "a logical message" })?;
        match Purpose::of_prefix(prefix) {
            Some(Purpose::SetActor) => match logical::actor(&content, self.max_event_bytes) {
                Ok(actor) => open.actor = actor,
                Err(reason) => self.warn(prefix, content.len(), reason),
            },
            Some(Purpose::ClearActor) => open.actor = None,
            Some(Purpose::SetOrigin) => match logical::origin(&content, self.max_event_bytes) {
                Ok(origin) => open.set_origin(origin),
                Err(reason) => self.warn(prefix, content.len(), reason),
            },
            Some(Purpose::Emit) => {
                let position = open.take_position();
                match logical::event(&content, self.max_event_bytes) {
                    Ok((event_type, object)) => {
                        return Ok(Captured::Emitted(open.emitted(position, event_type, object)));
                    }
                    Err(reason) => self.warn(prefix, content.len(), reason),
                }
            }
            Some(Purpose::Configure) => {
                return Ok(Captured::Configured { xid: open.xid(), content });
            }
            None => {}
        }
        Ok(Captured::Nothing)
    }

    /// Says that a message was ignored, and never what stood in it. An application may get every
    /// one of its messages wrong, so only the first, second, fourth … is mentioned.
    fn warn(&mut self, prefix: &str, length: usize, reason: Unusable) {
        self.unusable_count += 1;
        if self.unusable_count.is_power_of_two() {
            let commit = self.open.as_ref().map(|open| tracing::field::display(open.commit));
            let count = self.unusable_count;
            tracing::warn!(prefix, length, commit, count, "logical message ignored: {reason}");
        }
    }
}

#[cfg(test)]
mod tests;
