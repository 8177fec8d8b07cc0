//! What `check` asks beyond what `init` does. Changes nothing.

use tokio_postgres::error::SqlState;

use super::catalog::{CatalogError, RelationFacts, declare};
use super::{Session, StoreError, sql};
use crate::value::Declared;

/// What the server leaves to a daemon like us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// `max_replication_slots`.
    pub slots: i32,
    /// Slots that exist.
    pub slots_used: i64,
    /// `max_wal_senders`.
    pub senders: i32,
    /// Senders at work.
    pub senders_used: i64,
    /// Whether the role may replicate.
    pub may_replicate: bool,
    /// Whether the role may make schemas and publications.
    pub may_create: bool,
    /// `max_slot_wal_keep_size`; `-1` is without limit.
    pub slot_wal_keep_size: String,
    /// `idle_replication_slot_timeout`, where the server has it and it is on.
    pub idle_slot_timeout: Option<String>,
    /// `output_plugin_libraries`, where the server has it.
    pub output_plugins: Option<String>,
    /// Whether `synchronous_commit` is off somewhere.
    pub has_lazy_commits: bool,
    /// `wal_writer_delay`.
    pub wal_writer_delay: String,
}

/// A table that the publication publishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedTable {
    /// Schema, unquoted.
    pub schema: String,
    /// Name, unquoted.
    pub name: String,
    /// As SQL spells it.
    pub quoted: String,
    /// One of walhook's own.
    pub is_ours: bool,
    /// Published with a row filter.
    pub has_row_filter: bool,
    /// Published with a column list.
    pub has_column_list: bool,
    /// The table, or partitions of it, whose updates and deletes PostgreSQL refuses.
    pub without_identity: Vec<String>,
}

/// What [`super::SlotState`] does not say of a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotFacts {
    /// Ends with its session.
    pub is_temporary: bool,
    /// Decodes prepared transactions when they are prepared.
    pub is_two_phase: bool,
    /// Why the server invalidated it.
    pub invalidation_reason: Option<String>,
    /// Whether the publication may have been made after the slot's position.
    pub is_older_than_publication: bool,
}

/// Columns of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableColumns {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Name of each column, and whether it holds json.
    pub columns: Vec<(String, bool)>,
}

impl Session {
    /// Tables, and what conditions must know of their columns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn declared(
        &self,
        tables: &[u32],
    ) -> Result<Vec<(RelationFacts, Vec<Declared>)>, StoreError> {
        declare(self.client(), tables).await.map_err(|error| match error {
            CatalogError::Query(source) | CatalogError::Shape(source) => {
                StoreError::Statement { doing: "read the catalog", source }
            }
        })
    }

    /// What PostgreSQL has against a condition, as SQL of our own, for rows of a table. Nothing
    /// where the schema is too old to be asked.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn condition_fault(
        &self,
        table: u32,
        condition: &str,
    ) -> Result<Option<String>, StoreError> {
        let asked =
            self.one("check a condition", sql::condition_fault, &[&table, &condition]).await;
        match asked {
            Err(StoreError::Statement { source, .. })
                if source.code() == Some(&SqlState::UNDEFINED_FUNCTION) =>
            {
                Ok(None)
            }
            asked => Ok(asked?.get("message")),
        }
    }

    /// Promises to change nothing from now on; PostgreSQL holds us to it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn only_look(&self) -> Result<(), StoreError> {
        self.command("make the session read-only", include_str!("../../sql/read_only.sql")).await
    }

    /// What the server leaves to us.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn server_settings(&self) -> Result<ServerSettings, StoreError> {
        let row = self.one("read the server's settings", sql::server_settings, &[]).await?;
        Ok(ServerSettings {
            slots: row.get("slots"),
            slots_used: row.get("slots_used"),
            senders: row.get("senders"),
            senders_used: row.get("senders_used"),
            may_replicate: row.get("may_replicate"),
            may_create: row.get("may_create"),
            slot_wal_keep_size: row.get("slot_wal_keep_size"),
            idle_slot_timeout: row.get("idle_slot_timeout"),
            output_plugins: row.get("output_plugins"),
            has_lazy_commits: row.get("has_lazy_commits"),
            wal_writer_delay: row.get("wal_writer_delay"),
        })
    }

    /// Every table that `publication` publishes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn published_tables(
        &self,
        publication: &str,
    ) -> Result<Vec<PublishedTable>, StoreError> {
        let rows =
            self.rows("look at published tables", sql::published_tables, &[&publication]).await?;
        let tables = rows.iter().map(|row| PublishedTable {
            schema: row.get("schema"),
            name: row.get("name"),
            quoted: row.get("quoted"),
            is_ours: row.get("is_ours"),
            has_row_filter: row.get("has_row_filter"),
            has_column_list: row.get("has_column_list"),
            without_identity: row.get("without_identity"),
        });
        Ok(tables.collect())
    }

    /// More about `slot`; `None` if there is no such slot.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn slot_facts(
        &self,
        slot: &str,
        publication: &str,
    ) -> Result<Option<SlotFacts>, StoreError> {
        let doing = "look closer at the slot";
        let row = self.row(doing, sql::slot_facts, &[&slot, &publication]).await?;
        Ok(row.map(|row| SlotFacts {
            is_temporary: row.get("is_temporary"),
            is_two_phase: row.get("is_two_phase"),
            invalidation_reason: row.get("invalidation_reason"),
            is_older_than_publication: row.get("is_older_than_publication"),
        }))
    }

    /// Whether decoding from `slot` fails because `publication` is younger than what is to be
    /// decoded. Says no where that cannot be found out soon.
    pub async fn lacks_publication(&self, slot: &str, publication: &str) -> bool {
        let peek = self.rows("peek into the slot", sql::peek_slot, &[&slot, &publication]).await;
        peek.is_err_and(|error| error.code() == Some(&SqlState::UNDEFINED_OBJECT))
    }

    /// Columns of the tables `oids`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn table_columns(&self, oids: &[u32]) -> Result<Vec<TableColumns>, StoreError> {
        let rows = self.rows("read tables' columns", sql::table_columns, &[&oids]).await?;
        let tables = rows.iter().map(|row| {
            let names: Vec<String> = row.get("columns");
            let holds_json: Vec<bool> = row.get("holds_json");
            TableColumns {
                oid: row.get("oid"),
                columns: names.into_iter().zip(holds_json).collect(),
            }
        });
        Ok(tables.collect())
    }
}
