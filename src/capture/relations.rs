//! The tables as the stream has described them so far.

use std::collections::HashMap;
use std::sync::Arc;

use super::CaptureError;
use super::leaves::Leaves;
use super::types::Types;
use crate::change::{Column, ReplicaIdentity, Table};
use crate::decode::Relation;
use crate::store::catalog::{Answer, Question, RelationFacts};
use crate::value::Declared;

/// Schema of walhook's own tables, whose changes are never events.
const OWN_SCHEMA: &str = "walhook";

/// Tables by oid. Leaves of a partitioned table that is published as its root are described
/// without ever being used, so the catalog is asked at the first change, not at the description.
#[derive(Debug, Default)]
pub(super) struct Relations {
    entries: HashMap<u32, Entry>,
    leaves: Leaves,
    types: Types,
}

#[derive(Debug)]
enum Entry {
    /// Described, and not looked up since.
    Announced { relation: Relation, former: Option<Known> },
    /// Described and looked up.
    Known(Known),
    /// Described in an earlier session only.
    Former(Known),
    /// One of walhook's own.
    Own,
}

/// A table, and how far its old rows can be trusted.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) table: Arc<Table>,
    /// Old rows that claim to be whole may be keys with nulls around them: see [`Leaves`].
    pub(super) has_partial_old_rows: bool,
}

/// What is known of the table of a change.
#[derive(Debug)]
pub(super) enum Lookup {
    /// All there is to know.
    Known(Known),
    /// It is walhook's own.
    Own,
    /// The catalog must be asked first.
    Unanswered,
}

impl Relations {
    /// Takes a description. It holds from here on, until the next one of the same table.
    pub(super) fn announce(&mut self, relation: Relation) {
        self.leaves.describe(&relation);
        let former = match self.entries.remove(&relation.oid) {
            Some(Entry::Known(known) | Entry::Former(known)) => Some(known),
            Some(Entry::Announced { former, .. }) => former,
            Some(Entry::Own) | None => None,
        };
        let oid = relation.oid;
        let entry = match &*relation.schema {
            OWN_SCHEMA => Entry::Own,
            _ => Entry::Announced { relation, former },
        };
        self.entries.insert(oid, entry);
    }

    /// The table of a row's change.
    pub(super) fn of_row(&mut self, oid: u32) -> Result<Lookup, CaptureError> {
        self.leaves.end_run_with_change(oid);
        self.look_up(oid)
    }

    /// The tables of a truncate, in its order.
    pub(super) fn of_truncate(&mut self, oids: &[u32]) -> Result<Vec<Lookup>, CaptureError> {
        self.leaves.end_run();
        oids.iter().map(|oid| self.look_up(*oid)).collect()
    }

    /// What to ask the catalog before changes of `oids` can be understood.
    pub(super) fn question(&self, oids: &[u32]) -> Question {
        let mut question = Question::default();
        for oid in oids {
            let Some(Entry::Announced { relation, .. }) = self.entries.get(oid) else { continue };
            question.relations.push(*oid);
            let types = relation.columns.iter().map(|column| column.type_oid);
            question.types.extend(types.filter(|oid| self.types.is_unknown(*oid)));
        }
        question.types.sort_unstable();
        question.types.dedup();
        question
    }

    /// Completes the descriptions of the tables that were asked about.
    pub(super) fn learn(&mut self, asked: &Question, answer: &Answer) {
        self.types.learn(&asked.types, &answer.types);
        let gone = RelationFacts::default();
        for oid in &asked.relations {
            let Some(Entry::Announced { relation, former }) = self.entries.get(oid) else {
                continue;
            };
            let facts = answer.relations.iter().find(|facts| facts.oid == *oid).unwrap_or(&gone);
            let has_partial_old_rows = self.leaves.has_partial_old_rows(*oid);
            let mut table = table(relation, facts, &self.types);
            if has_partial_old_rows && table.identity == ReplicaIdentity::Full {
                lower_identity(&mut table);
            }
            let table = match former {
                // Whoever keeps a plan for the table need not make a new one.
                Some(former) if *former.table == table => Arc::clone(&former.table),
                _ => Arc::new(table),
            };
            self.entries.insert(*oid, Entry::Known(Known { table, has_partial_old_rows }));
        }
    }

    /// A new session describes every table again before its first change.
    pub(super) fn forget_session(&mut self) {
        self.leaves = Leaves::default();
        let entries = std::mem::take(&mut self.entries).into_iter();
        self.entries = entries
            .filter_map(|(oid, entry)| match entry {
                Entry::Known(known) | Entry::Former(known) => Some((oid, Entry::Former(known))),
                Entry::Announced { former, .. } => former.map(|known| (oid, Entry::Former(known))),
                Entry::Own => None,
            })
            .collect();
    }

    fn look_up(&self, oid: u32) -> Result<Lookup, CaptureError> {
        match self.entries.get(&oid) {
            Some(Entry::Known(known)) => Ok(Lookup::Known(known.clone())),
            Some(Entry::Announced { .. }) => Ok(Lookup::Unanswered),
            Some(Entry::Own) => Ok(Lookup::Own),
            Some(Entry::Former(_)) | None => Err(CaptureError::UnknownRelation { oid }),
        }
    }
}

/// The table as the WAL described it, with what only the catalog knows.
fn table(relation: &Relation, facts: &RelationFacts, types: &Types) -> Table {
    // Under DEFAULT the WAL itself tells the primary key, as it was then.
    let has_key_from_wal = relation.identity == ReplicaIdentity::Default
        && relation.columns.iter().any(|column| column.in_identity);
    let columns = relation.columns.iter().map(|column| {
        let fact = facts.columns.iter().find(|fact| fact.name == column.name);
        let attnum = fact.map_or(0, |fact| fact.attnum);
        let (type_oid, nature) = types.base(column.type_oid);
        let in_primary_key = match has_key_from_wal {
            true => column.in_identity,
            false => facts.primary_key.contains(&attnum),
        };
        Column {
            name: column.name.clone(),
            attnum,
            kind: types.kind(column.type_oid),
            declared: Declared {
                type_oid,
                nature,
                collation: fact.map_or(0, |fact| fact.collation),
                order: fact.map(|fact| fact.order).unwrap_or_default(),
            },
            in_identity: column.in_identity,
            in_primary_key,
        }
    });
    Table {
        oid: relation.oid,
        schema: relation.schema.clone(),
        name: relation.name.clone(),
        identity: relation.identity,
        columns: columns.collect(),
        order: facts.database_order,
    }
}

/// Not every old row is whole: promise no more than keys.
fn lower_identity(table: &mut Table) {
    table.identity = ReplicaIdentity::Default;
    for column in &mut table.columns {
        column.in_identity = column.in_primary_key;
    }
}
