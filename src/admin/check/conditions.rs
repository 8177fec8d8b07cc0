//! Conditions of models, event types and endpoints that do not fit their tables.

use super::Report;
use super::facts::Facts;
use super::placed::Placed;
use crate::predicate::{Columns, Predicate};

/// PostgreSQL's word comes first: it names columns and types as the user knows them.
pub(super) fn fit(facts: &Facts<'_>, report: &mut Report) {
    for placed in &facts.placed {
        let (problem, fix) = match (&placed.refusal, bind(facts, placed)) {
            (Some(message), _) => {
                let fix = match placed.key.starts_with("endpoints") {
                    true => format!(
                        "correct it, or leave {} out of the endpoint's models",
                        placed.label
                    ),
                    false => "correct it".to_owned(),
                };
                (format!("does not fit {}: PostgreSQL says: {message}", placed.label), fix)
            }
            (None, Err((problem, fix))) => {
                (format!("cannot be asked of {}: {problem}", placed.label), fix)
            }
            (None, Ok(())) => continue,
        };
        report.configuration.push(facts.config.places.fault_at(&placed.key, problem, fix));
    }
}

fn bind(facts: &Facts<'_>, placed: &Placed<'_>) -> Result<(), (String, String)> {
    let Some((table, declared)) = facts.declared.iter().find(|(table, _)| table.oid == placed.oid)
    else {
        return Ok(());
    };
    let columns = table.columns.iter().zip(declared).filter(|(column, _)| column.is_published);
    let columns: Vec<_> =
        columns.map(|(column, declared)| (column.name.as_str(), *declared)).collect();
    let columns = Columns { columns: &columns, order: table.database_order };
    match Predicate::bind(placed.condition, columns) {
        Ok(_) => Ok(()),
        Err(error) => Err((error.to_string(), error.fix())),
    }
}
