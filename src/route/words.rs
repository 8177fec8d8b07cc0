//! What goes into the router and what comes out of it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::change::{Row, Table};
use crate::condition::Condition;
use crate::config::Tables;
use crate::event::Event;
use crate::predicate::EvalError;
use crate::template::Rendering;

/// What holds for all bodies.
#[derive(Clone, Debug)]
pub struct RouterSettings {
    /// `IDENTIFY_SYSTEM`'s system identifier.
    pub system_identifier: u64,
    /// `[payload] int8 = "number"`.
    pub int8_as_number: bool,
    /// `[payload] include_source`.
    pub include_source: bool,
    /// Bodies that would be larger keep their key columns only.
    pub max_event_bytes: usize,
    /// Tables that are captured without a model. What else a publication has makes no events.
    pub tables: Vec<Tables>,
}

impl RouterSettings {
    /// The model of a table that has none of its own.
    pub fn undeclared(&self, oid: u32, schema: &str, name: &str) -> BoundModel {
        let is_captured = self.tables.iter().any(|tables| match tables {
            Tables::One(table) => table.schema == schema && table.name == name,
            Tables::Schema(captured) => captured == schema,
        });
        let model = BoundModel::undeclared(oid, schema, name);
        if is_captured { model } else { BoundModel { events: Vec::new(), ..model } }
    }
}

/// A model whose table was found in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundModel {
    /// Its table's OID: the model follows the table through renames.
    pub oid: u32,
    /// As in `store.Order`.
    pub label: String,
    /// As in `store`.
    pub app: String,
    /// As in `Order`.
    pub name: String,
    /// Changes that make events.
    pub events: Vec<EventKind>,
    /// First part of its event types.
    pub event_prefix: String,
    /// Members of `user` and the columns they come from.
    pub user: Vec<(String, String)>,
    /// The column that names the row's tenant: its rows reach nobody else.
    pub tenant_column: Option<String>,
    /// What must be true of a change.
    pub condition: Option<Condition>,
    /// Events that some changes make besides.
    pub derived: Vec<Derived>,
    /// The relation as it was when every name in every filter was last found in it; empty where
    /// that is not known.
    pub known_columns: Vec<KnownColumn>,
}

/// A derived event type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The type, as in `inventory.low_stock`.
    pub event_type: String,
    /// Changes that may make one.
    pub on: Vec<EventKind>,
    /// What must be true of the change besides.
    pub condition: Option<Condition>,
}

/// A column of a relation that was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownColumn {
    /// `pg_attribute.attnum`; 0 where it was not known.
    pub attnum: i16,
    /// Its name then.
    pub name: String,
}

/// What kind of change an event tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A new row.
    Created,
    /// A changed row.
    Updated,
    /// A row that is gone.
    Deleted,
    /// An emptied table.
    Truncated,
}

/// One body for one endpoint.
#[derive(Clone, Debug)]
pub struct Routed {
    /// What happened; shared by all endpoints.
    pub event: Arc<Event>,
    /// Index of the endpoint in the list that the router was made with.
    pub endpoint: usize,
    /// The payload; shared by endpoints that see the same.
    pub body: Bytes,
    /// Stable hash of what makes this body differ from others of the same event.
    pub shape: i64,
    /// What makes the body to send of this one, where the endpoint has a template.
    pub rendering: Option<Arc<Rendering>>,
    /// The body outgrew `max_event_bytes` and kept its key columns only.
    pub trimmed: bool,
    /// Why the event must not be sent before the configuration is fixed.
    pub hold: Option<Arc<Hold>>,
    /// Why nobody knows whether it is to be sent; then it is not.
    pub failure: Option<ConditionFailure>,
}

/// A condition raised an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionFailure {
    /// Where the condition stands.
    pub whose: Whose,
    /// What it raised.
    pub error: EvalError,
}

/// Where a condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// At the model.
    Model,
    /// At the derived event type.
    EventType,
    /// At the endpoint.
    Endpoint,
}

/// Why events of a table are held for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A column that exclude or redact names is not there.
    ColumnMissing {
        /// The table, as `schema.name`.
        table: String,
        /// The name that finds nothing.
        column: String,
    },
    /// A column that exclude or redact names is called something else now.
    ColumnRenamed {
        /// The table, as `schema.name`.
        table: String,
        /// The name that the filter gives.
        column: String,
        /// Its name now.
        to: String,
    },
    /// A condition does not fit the table.
    ConditionUnfit {
        /// The table, as `schema.name`.
        table: String,
        /// Whose condition it is, as in `model store.Order`.
        whose: String,
        /// What is wrong.
        problem: String,
    },
}

impl fmt::Display for ConditionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match self.whose {
            Whose::Model => "model",
            Whose::EventType => "event type",
            Whose::Endpoint => "endpoint",
        };
        write!(f, "the condition of the {whose} raises an error: {}", self.error)
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unseen = "which the endpoint must not see";
        match self {
            Self::ColumnMissing { table, column } => {
                write!(f, "column {column} of {table}, {unseen}, is gone")
            }
            Self::ColumnRenamed { table, column, to } => {
                write!(f, "column {column} of {table}, {unseen}, is called {to} now")
            }
            Self::ConditionUnfit { table, whose, problem } => {
                write!(f, "the condition of {whose} does not fit {table}: {problem}")
            }
        }
    }
}

/// The models cannot be routed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    /// Events of one change would have two models.
    #[error("models {first} and {second} have the same table")]
    SharedTable {
        /// Label of one model.
        first: String,
        /// Label of the other.
        second: String,
    },
}

impl BoundModel {
    /// The model of a table that is captured without one.
    fn undeclared(oid: u32, schema: &str, name: &str) -> Self {
        Self {
            oid,
            label: format!("{schema}.{name}"),
            app: schema.to_owned(),
            name: name.to_owned(),
            events: vec![EventKind::Created, EventKind::Updated, EventKind::Deleted],
            event_prefix: name.to_owned(),
            user: Vec::new(),
            tenant_column: None,
            condition: None,
            derived: Vec::new(),
            known_columns: Vec::new(),
        }
    }

    /// Remembers the relation; true if it differs from what was known.
    pub(super) fn learn(&mut self, table: &Table) -> bool {
        let attnum = |name: &str| {
            let known = self.known_columns.iter().find(|known| known.name == name);
            known.map_or(0, |known| known.attnum)
        };
        let columns = table.columns.iter().map(|column| KnownColumn {
            // The catalog may have forgotten a column that old WAL still has.
            attnum: if column.attnum == 0 { attnum(&column.name) } else { column.attnum },
            name: column.name.clone(),
        });
        let columns = columns.collect();
        let differs = self.known_columns != columns;
        self.known_columns = columns;
        differs
    }
}

impl EventKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::Deleted, Self::Truncated];

    /// The word in `event`, in the types and in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Truncated => "truncated",
        }
    }

    /// The kind of a word of the configuration.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    pub(super) fn of(row: &Row) -> Self {
        match row {
            Row::Insert { .. } => Self::Created,
            Row::Update { .. } => Self::Updated,
            Row::Delete { .. } => Self::Deleted,
            Row::Truncate => Self::Truncated,
        }
    }
}
