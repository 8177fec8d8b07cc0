//! What a database has of an installation.

use super::Installation;
use super::script::identifier;
use crate::lsn::Lsn;
use crate::store::owner::lsn;
use crate::store::{Checkpoint, Session, SlotState, StoreError, sql};

/// Everything that the decision what to do rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The server.
    pub server: ServerState,
    /// Newest migration; 0 without a schema.
    pub version: i32,
    /// The publication, if there is one.
    pub publication: Option<PublicationState>,
    /// The captured tables, those that do not exist included.
    pub tables: Vec<TableState>,
    /// The slot, if there is one.
    pub slot: Option<SlotState>,
    /// The newest checkpoint of the slot.
    pub checkpoint: Option<Checkpoint>,
    /// Deliveries in the queue.
    pub waiting: i64,
}

/// Who and where we are, and what the server is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// `server_version_num`.
    pub version: i32,
    /// `server_version`.
    pub version_text: String,
    /// Database of the session.
    pub database: String,
    /// The same as SQL spells it.
    pub database_quoted: String,
    /// Role of the session.
    pub role: String,
    /// The same as SQL spells it.
    pub role_quoted: String,
    /// Whether the server replays another one's WAL.
    pub is_standby: bool,
    /// `wal_level`.
    pub wal_level: String,
    /// Identity of the cluster.
    pub system_identifier: u64,
    /// Where its WAL ends.
    pub wal_position: Lsn,
    /// Whose the schema `walhook` is; `None` if there is none.
    pub schema_owner: Option<String>,
    /// Whether it is ours: the log is written by its owner alone.
    pub owns_schema: bool,
    /// How many of walhook's two roles there are.
    pub roles: i64,
}

/// A publication's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicationState {
    /// `publish_via_partition_root`.
    pub via_root: bool,
    /// Made `for all tables`.
    pub all_tables: bool,
    /// Whether it publishes inserts, updates, deletes and truncates.
    pub publishes: [bool; 4],
}

/// A table to capture, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableState {
    /// Schema, unquoted.
    pub schema: String,
    /// Name, unquoted.
    pub name: String,
    /// Both as SQL spells them.
    pub quoted: String,
    /// `None`: no such table.
    pub oid: Option<u32>,
    /// `pg_class.relkind`.
    pub kind: Option<String>,
    /// `pg_class.relpersistence`.
    pub persistence: Option<String>,
    /// Whether the publication has it.
    pub is_published: bool,
    /// The table that it is a partition of, if that is published too.
    pub published_ancestor: Option<String>,
    /// The table and its partitions whose replica identity is not full, as SQL spells them.
    pub not_full: Vec<String>,
    /// Those of them whose updates PostgreSQL refuses once they are published.
    pub without_identity: Vec<String>,
}

impl Observed {
    /// A database that has nothing yet, and where all tables are in order: what a script for a
    /// database that cannot be asked goes by.
    pub fn fresh(installation: &Installation) -> Self {
        let server = ServerState {
            version: i32::MAX,
            version_text: String::new(),
            database: String::new(),
            database_quoted: String::new(),
            role: String::new(),
            role_quoted: String::new(),
            is_standby: false,
            wal_level: "logical".to_owned(),
            system_identifier: 0,
            wal_position: Lsn(0),
            schema_owner: None,
            owns_schema: false,
            roles: 0,
        };
        let tables = installation.tables.iter().map(|table| {
            let quoted = format!("{}.{}", identifier(&table.schema), identifier(&table.name));
            TableState {
                schema: table.schema.clone(),
                name: table.name.clone(),
                oid: Some(0),
                kind: Some("r".to_owned()),
                persistence: Some("p".to_owned()),
                is_published: false,
                published_ancestor: None,
                not_full: vec![quoted.clone()],
                without_identity: Vec::new(),
                quoted,
            }
        });
        Self {
            server,
            version: 0,
            publication: None,
            tables: tables.collect(),
            slot: None,
            checkpoint: None,
            waiting: 0,
        }
    }
}

impl Observed {
    /// Why the checkpoint, if there is one, says nothing about this slot of this cluster any
    /// more. `init` starts anew from there.
    pub fn break_in_history(&self) -> Option<String> {
        let Self { server, slot, waiting, checkpoint, .. } = self;
        let checkpoint = checkpoint.as_ref()?;
        let settled = checkpoint.confirmed;
        if checkpoint.system_identifier != server.system_identifier {
            return Some(format!(
                "this is another cluster than the one that the log was written on (a copy, or a \
                 restored backup); the {waiting} deliveries in its queue will be sent by the next \
                 run, unless deleted from walhook.pending before"
            ));
        }
        if server.wal_position < settled {
            return Some(format!(
                "everything was settled up to {settled}, but the WAL ends at {}: the database went \
                 back in time; what was committed on the lost history may have been sent",
                server.wal_position
            ));
        }
        let is_new = slot.as_ref().is_none_or(SlotState::is_lost);
        if is_new || self.publication.is_none() {
            return Some(format!(
                "what was committed between {settled} and the slot's new position is not sent"
            ));
        }
        let position = slot.as_ref().and_then(|slot| slot.confirmed).filter(|at| *at > settled)?;
        Some(format!(
            "everything was settled up to {settled}, but the slot starts at {position}: what was \
             committed in between is not sent"
        ))
    }
}

impl TableState {
    /// Why the table cannot be captured at all, and what to do.
    pub fn impossible(&self) -> Option<(String, String)> {
        let Some(kind) = self.kind.as_deref() else {
            let fix = "create it, or correct its name in the configuration; then init again";
            return Some(("does not exist".to_owned(), fix.to_owned()));
        };
        let what = match (kind, self.persistence.as_deref()) {
            ("r" | "p", Some("p")) => return None,
            ("r" | "p", Some("u")) => "an unlogged table: its changes are not in the WAL",
            ("r" | "p", _) => "a temporary table: its changes are not in the WAL",
            ("v", _) => "a view: capture the tables under it",
            ("m", _) => "a materialized view: capture the tables under it",
            ("f", _) => "a foreign table: capture it where it lives",
            _ => "not a table",
        };
        Some((format!("is {what}"), "name another table in the configuration".to_owned()))
    }
}

impl SlotState {
    /// Why the slot cannot be that of a walhook of `database`.
    pub fn foreign(&self, database: &str) -> Option<String> {
        match (self.plugin.as_deref(), self.database.as_deref()) {
            (Some("pgoutput"), Some(of)) if of == database => None,
            (Some("pgoutput"), of) => {
                Some(format!("belongs to the database {}", of.unwrap_or("?")))
            }
            (Some(plugin), _) => Some(format!("uses the plugin {plugin}, not pgoutput")),
            (None, _) => Some("is a physical slot".to_owned()),
        }
    }

    /// Whether the server has thrown away WAL that the slot needs.
    pub fn is_lost(&self) -> bool {
        self.wal_status.as_deref() == Some("lost")
    }
}

impl Session {
    /// Looks at everything that an installation is made of. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn observe(&self, installation: &Installation) -> Result<Observed, StoreError> {
        let (server, has_migrations) = self.server_state().await?;
        let version = match has_migrations {
            true if server.owns_schema => self.installed_version().await?,
            // Somebody else's cannot be read, and is not ours to upgrade.
            true | false => 0,
        };
        let publication = self.publication_state(&installation.publication).await?;
        let tables = self.captured_tables(installation).await?;
        // The slot before its checkpoint: the daemon writes the checkpoint first, so that seen
        // in this order the slot is never ahead of it without a gap.
        let slot = match server.is_standby {
            true => None,
            false => self.slot_state(&installation.slot).await?,
        };
        let (checkpoint, waiting) = match version > 0 && server.owns_schema {
            true => (self.latest_checkpoint(&installation.slot).await?, self.waiting().await?),
            false => (None, 0),
        };
        Ok(Observed { server, version, publication, tables, slot, checkpoint, waiting })
    }

    /// The server's state, and whether the table of migrations is there.
    pub(super) async fn server_state(&self) -> Result<(ServerState, bool), StoreError> {
        let row = self.one("look at the server", sql::server_state, &[]).await?;
        let identifier: String = row.get("system_identifier");
        let state = ServerState {
            version: row.get("version"),
            version_text: row.get("version_text"),
            database: row.get("database"),
            database_quoted: row.get("database_quoted"),
            role: row.get("role"),
            role_quoted: row.get("role_quoted"),
            is_standby: row.get("is_standby"),
            wal_level: row.get("wal_level"),
            // The function shows as a signed number what the protocol shows as an unsigned one.
            system_identifier: identifier.parse::<i64>().unwrap_or_default() as u64,
            wal_position: lsn(row.get("wal_position")),
            schema_owner: row.get("schema_owner"),
            owns_schema: row.get("owns_schema"),
            roles: row.get("roles"),
        };
        Ok((state, row.get("has_migrations")))
    }

    /// The version of the schema that is there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn installed_version(&self) -> Result<i32, StoreError> {
        let row = self.one("read the schema's version", sql::installed_version, &[]).await?;
        Ok(row.get(0))
    }

    async fn waiting(&self) -> Result<i64, StoreError> {
        let row = self.one("count the queue", sql::waiting_deliveries, &[]).await?;
        Ok(row.get(0))
    }

    async fn publication_state(&self, name: &str) -> Result<Option<PublicationState>, StoreError> {
        let row = self.row("look at the publication", sql::publication_state, &[&name]).await?;
        Ok(row.map(|row| PublicationState {
            via_root: row.get(0),
            all_tables: row.get(1),
            publishes: [row.get(2), row.get(3), row.get(4), row.get(5)],
        }))
    }

    async fn captured_tables(
        &self,
        installation: &Installation,
    ) -> Result<Vec<TableState>, StoreError> {
        let Installation { publication, tables, schemas, .. } = installation;
        let table_schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let rows = self
            .rows(
                "look at the captured tables",
                sql::captured_tables,
                &[&table_schemas, &names, schemas, publication],
            )
            .await?;
        let states = rows.iter().map(|row| TableState {
            schema: row.get("schema"),
            name: row.get("name"),
            quoted: row.get("quoted"),
            oid: row.get("oid"),
            kind: row.get("kind"),
            persistence: row.get("persistence"),
            is_published: row.get("is_published"),
            published_ancestor: row.get("published_ancestor"),
            not_full: row.get("not_full"),
            without_identity: row.get("without_identity"),
        });
        Ok(states.collect())
    }
}
