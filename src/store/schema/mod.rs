//! Installing and upgrading the schema `walhook`, the publication and the slot.
//!
//! Look at what is there ([`Observed`]), decide what is missing ([`plan`], pure), then do it or
//! print it: both from the same steps, so that what is printed is what would be done.

mod apply;
mod observed;
mod plan;
mod script;

pub use apply::{Applied, Line, Mark};
pub use observed::{Observed, PublicationState, ServerState, TableState};
pub use plan::{OLDEST_SERVER, plan};
pub use script::{MIGRATIONS, advice, identifier, print};

/// What an installation needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installation {
    /// Replication slot.
    pub slot: String,
    /// Publication.
    pub publication: String,
    /// Tables to capture, each once.
    pub tables: Vec<CapturedTable>,
    /// Schemas whose tables are all captured.
    pub schemas: Vec<String>,
}

/// A table to capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedTable {
    /// Schema, unquoted.
    pub schema: String,
    /// Name, unquoted.
    pub name: String,
    /// Whether its changes carry the old row: replica identity full.
    pub old_values: bool,
}

/// One thing that `init` looks after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is, as in `table public.orders`.
    pub subject: String,
    /// Whether and how it has to be done.
    pub action: Action,
    /// Whether nothing after it makes sense without it.
    pub is_essential: bool,
}

/// Whether and how a [`Step`] has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is as wanted.
    Already(String),
    /// It is to be done.
    Run(Run),
    /// `init` does not do it.
    Refuse {
        /// Why not.
        why: String,
        /// What to do instead.
        fix: String,
    },
}

/// SQL that does one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// What it comes to, for people.
    pub done: String,
    /// The statements.
    pub sql: String,
    /// Tried in place of `sql` when PostgreSQL refuses to replace a view of another shape.
    pub rebuild: Option<String>,
    /// Keeps what is there as it should be, and is not worth being called done.
    pub is_upkeep: bool,
    /// Waits for transactions and must not stand in one: making a slot.
    pub is_alone: bool,
}
