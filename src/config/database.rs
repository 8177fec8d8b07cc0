//! `[database]`: whose changes become events.

use super::identifier::{self, Tables};
use super::reader::{Problem, Table};
use crate::secret::Secret;

/// The database whose changes become events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// libpq URL or key-value DSN.
    pub url: Secret,
    /// Replication slot.
    pub slot: String,
    /// Publication.
    pub publication: String,
    /// Tables to capture without a model.
    pub tables: Vec<Tables>,
}

const MOST_TABLES: usize = 10_000;

pub(super) fn read(root: &mut Table<'_>) -> Option<Database> {
    root.required("database", "add a section [database] with url = \"${DATABASE_URL}\"", |value| {
        value.table(|table| {
            let url = table.required("url", "url = \"${DATABASE_URL}\"", |url| url.secret());
            let slot = table.optional("slot", |value| {
                let slot = value.word()?;
                let plain =
                    slot.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                match plain && identifier::fits(&slot) {
                    true => Some(slot),
                    false => value.refuse(
                        Problem::new(
                            "PostgreSQL would refuse this slot name",
                            value.assignment("\"walhook\""),
                        )
                        .given(value.given())
                        .allowed("1 to 63 of a-z, 0-9 and _"),
                    ),
                }
            });
            let publication = table.optional("publication", |value| {
                let name = value.word()?;
                match identifier::fits(&name) && !name.contains('\0') {
                    true => Some(name),
                    false => value.refuse(
                        Problem::new(
                            "longer than PostgreSQL's names",
                            value.assignment("\"walhook\""),
                        )
                        .given(value.given())
                        .allowed("1 to 63 bytes"),
                    ),
                }
            });
            let tables = table.read(
                "tables",
                |value| value.list(MOST_TABLES, identifier::tables),
                Vec::new(),
            );
            Some(Database { url: url?, slot: slot?, publication: publication?, tables })
        })
    })
}
