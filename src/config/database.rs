//! `[database]`: whose changes become events.

use std::fmt;

use super::dsn::{Dsn, DsnError};
use super::identifier::{self, Tables};
use super::reader::Problem;
use super::table::Table;
use super::target;
use super::value::Value;
use crate::secret::Secret;

/// The database whose changes become events.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    /// libpq URL or key-value DSN, as given.
    pub url: Secret,
    /// The same, read with the `PG*` environment and libpq's defaults.
    pub dsn: Dsn,
    /// Replication slot.
    pub slot: String,
    /// Publication.
    pub publication: String,
    /// Tables to capture without a model.
    pub tables: Vec<Tables>,
}

/// Without the connection: a badly escaped password may stand anywhere in it.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("slot", &self.slot)
            .field("publication", &self.publication)
            .finish_non_exhaustive()
    }
}

const MOST_TABLES: usize = 10_000;

pub(super) fn read(root: &mut Table<'_>) -> Option<Database> {
    root.required("database", "add a section [database] with url = \"${DATABASE_URL}\"", |value| {
        value.table(|table| {
            let fix = "url = \"${DATABASE_URL}\" in [database]";
            let url = table.required("url", fix, read_url);
            let slot = table.optional("slot", read_slot);
            let publication = table.optional("publication", read_publication);
            let tables = |value: &Value<'_>| value.list(MOST_TABLES, identifier::tables);
            let tables = table.read("tables", tables, Vec::new());
            let (url, dsn) = url?;
            Some(Database { url, dsn, slot: slot?, publication: publication?, tables })
        })
    })
}

fn read_url(value: &Value<'_>) -> Option<(Secret, Dsn)> {
    let url = value.secret_where(target::has_password)?;
    let environment = |name: &str| value.reader.environment.get(name).map(str::to_owned);
    match Dsn::parse_in(url.expose(), &environment) {
        Ok(dsn) => Some((url, dsn)),
        Err(error) => {
            let example = value.assignment("\"postgres://walhook@localhost/shop\"");
            value.refuse(Problem::new(without_values(&error), format!("write it as in {example}")))
        }
    }
}

/// What looks like an unknown keyword may be the second half of a password.
fn without_values(error: &DsnError) -> String {
    match error {
        DsnError::UnknownKeyword { suggestion, .. } if suggestion.is_empty() => {
            "unknown keyword in the connection string".to_owned()
        }
        error => error.to_string(),
    }
}

fn read_slot(value: &Value<'_>) -> Option<String> {
    let slot = value.word()?;
    let plain = slot.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    match plain && identifier::fits(&slot) {
        true => Some(slot),
        false => value.refuse(
            Problem::new("PostgreSQL would refuse this slot name", value.assignment("\"walhook\""))
                .given(value.given())
                .allowed("1 to 63 of a-z, 0-9 and _"),
        ),
    }
}

fn read_publication(value: &Value<'_>) -> Option<String> {
    let name = value.word()?;
    match identifier::fits(&name) && !name.contains('\0') {
        true => Some(name),
        false => value.refuse(
            Problem::new("longer than PostgreSQL's names", value.assignment("\"walhook\""))
                .given(value.given())
                .allowed("1 to 63 bytes"),
        ),
    }
}
