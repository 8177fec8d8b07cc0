//! What a configuration needs in the database.

use std::collections::BTreeMap;

use crate::config::{Config, TableName, Tables};
use crate::store::schema::{CapturedTable, Installation};

/// What `config` needs in the database.
pub fn installation(config: &Config) -> Installation {
    let mut tables = BTreeMap::new();
    let mut schemas = Vec::new();
    let key = |table: &TableName| (table.schema.clone(), table.name.clone());
    for listed in &config.database.tables {
        match listed {
            Tables::One(table) => {
                tables.insert(key(table), false);
            }
            Tables::Schema(schema) => schemas.push(schema.clone()),
        }
    }
    // After the list: a model says more of its table than the list does.
    for model in config.models.iter().filter(|model| model.enabled) {
        tables.insert(key(&model.table), model.old_values);
    }
    Installation {
        slot: config.database.slot.clone(),
        publication: config.database.publication.clone(),
        tables: tables
            .into_iter()
            .map(|((schema, name), old_values)| CapturedTable { schema, name, old_values })
            .collect(),
        schemas,
    }
}
