//! `[inbound.sources.X.into]`: kept in a table, so that SQL can carry it out.

use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use super::unseen::Unseen;
use crate::config::inbound::{Column, Mapping, OnConflict, Source, TimestampUnit};
use crate::store::{Session, StoreError, sql};

/// Why a mapping cannot work with the table as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingFault {
    /// Key of `into` that it is about, as in `columns.amount`.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub fix: String,
}

impl Session {
    /// Keeps the mappings of `sources` in place of those kept before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`].
    pub async fn keep_mappings<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Result<(), StoreError> {
        let mapped: Vec<(&str, &Mapping)> = sources
            .into_iter()
            .filter_map(|source| Some((source.name.as_str(), source.into.as_ref()?)))
            .collect();
        let of = || mapped.iter().map(|(_, mapping)| mapping);
        let names: Vec<&str> = mapped.iter().map(|(name, _)| *name).collect();
        let schemas: Vec<&str> = of().map(|mapping| mapping.table.schema.as_str()).collect();
        let tables: Vec<&str> = of().map(|mapping| mapping.table.name.as_str()).collect();
        let columns: Vec<String> = of().map(|mapping| columns(mapping).to_string()).collect();
        let patterns: Vec<String> =
            of().map(|mapping| like_patterns(mapping).to_string()).collect();
        let conflict: Vec<String> =
            of().map(|mapping| json!(mapping.conflict).to_string()).collect();
        let on_conflict: Vec<&str> = of().map(|mapping| on_conflict(mapping)).collect();
        let columns = Unseen(columns);
        let parameters: [&(dyn ToSql + Sync); 7] =
            [&names, &schemas, &tables, &columns, &patterns, &conflict, &on_conflict];
        self.rows("keep the mappings", sql::keep_mappings, &parameters).await?;
        Ok(())
    }

    /// Why `mapping` cannot work with the table as it is; empty if it can. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Statement`], among others when the schema is older than this walhook.
    pub async fn mapping_faults(&self, mapping: &Mapping) -> Result<Vec<MappingFault>, StoreError> {
        let Mapping { table, conflict, .. } = mapping;
        let columns = Unseen(columns(mapping).to_string());
        let rows = self
            .rows(
                "check a mapping",
                sql::mapping_faults,
                &[&table.schema, &table.name, &columns, conflict, &on_conflict(mapping)],
            )
            .await?;
        let fault = |row: &tokio_postgres::Row| MappingFault {
            key: row.get(0),
            problem: row.get(1),
            fix: row.get(2),
        };
        Ok(rows.iter().map(fault).collect())
    }
}

fn columns(mapping: &Mapping) -> Value {
    let column = |(name, column): &(String, Column)| match column {
        Column::Path(path) => json!({ "column": name, "path": path.0 }),
        Column::Unix(path, unit) => match unit {
            TimestampUnit::Seconds => json!({ "column": name, "path": path.0, "unix": "s" }),
            TimestampUnit::Milliseconds => json!({ "column": name, "path": path.0, "unix": "ms" }),
            // A text that PostgreSQL reads as it is.
            TimestampUnit::Rfc3339 => json!({ "column": name, "path": path.0 }),
        },
        Column::Value(text) => json!({ "column": name, "value": text }),
        Column::Sql(expression) => json!({ "column": name, "sql": expression }),
    };
    mapping.columns.iter().map(column).collect()
}

/// The globs over types as patterns of LIKE.
fn like_patterns(mapping: &Mapping) -> Value {
    mapping.types.iter().map(|glob| like_pattern(glob)).collect()
}

fn like_pattern(glob: &str) -> String {
    let mut pattern = String::with_capacity(glob.len());
    for character in glob.chars() {
        match character {
            '*' => pattern.push('%'),
            '%' | '_' | '\\' => pattern.extend(['\\', character]),
            other => pattern.push(other),
        }
    }
    pattern
}

fn on_conflict(mapping: &Mapping) -> &'static str {
    match mapping.on_conflict {
        OnConflict::Nothing => "nothing",
        OnConflict::Update => "update",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_glob_all_but_the_star_stands_for_itself() {
        for (glob, pattern) in
            [("charge.*", "charge.%"), ("*", "%"), ("a_b%c\\d", "a\\_b\\%c\\\\d"), ("**.x", "%%.x")]
        {
            assert_eq!(like_pattern(glob), pattern);
        }
    }
}
