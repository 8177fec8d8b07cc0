//! Leaves of partitioned tables whose changes come in the root's name, and their identities.
//!
//! What the WAL keeps of an old row is up to the leaf's replica identity, but pgoutput labels the
//! row by the root's. Of a root with FULL and a leaf with DEFAULT it says "the whole old row", and
//! sends the key with nulls around it. Before the first change of a leaf it describes the root
//! and then the leaf: the only sign there is, but one from the same time as the change.

use std::collections::{HashMap, HashSet};

use crate::change::ReplicaIdentity;
use crate::decode::Relation;

/// Which roots have leaves that do not log whole old rows.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    /// The last two descriptions, if nothing but types came between and after them.
    run: [Option<Described>; 2],
    /// Oids of such leaves, by their root's. A leaf that is detached stays until the session ends.
    partial: HashMap<u32, HashSet<u32>>,
}

#[derive(Clone, Debug)]
struct Described {
    oid: u32,
    identity: ReplicaIdentity,
    name: String,
}

impl Leaves {
    /// A table is described.
    pub(super) fn describe(&mut self, relation: &Relation) {
        let name = format!("{}.{}", relation.schema, relation.name);
        let described = Described { oid: relation.oid, identity: relation.identity, name };
        self.run.rotate_left(1);
        self.run[1] = Some(described);
    }

    /// Something else than a row's change follows the descriptions.
    pub(super) fn end_run(&mut self) {
        self.run = [None, None];
    }

    /// A row's change of `root` follows the descriptions.
    pub(super) fn end_run_with_change(&mut self, root: u32) {
        let [Some(first), Some(leaf)] = std::mem::take(&mut self.run) else { return };
        if first.oid != root || leaf.oid == root {
            return;
        }
        let partial = self.partial.entry(root).or_default();
        if leaf.identity == ReplicaIdentity::Full {
            partial.remove(&leaf.oid);
        } else if partial.insert(leaf.oid) && first.identity == ReplicaIdentity::Full {
            tracing::warn!(
                table = first.name,
                partition = leaf.name,
                "old values are unknown: the table has replica identity full, its partition has \
                 not; alter table … replica identity full is needed for each partition"
            );
        }
    }

    /// Whether what claims to be a whole old row may be a key with nulls around it.
    pub(super) fn has_partial_old_rows(&self, root: u32) -> bool {
        self.partial.get(&root).is_some_and(|leaves| !leaves.is_empty())
    }
}
