//! Functions that are to be told of failures and alerts.

use super::Report;
use super::facts::Facts;
use crate::store::schema::identifier;

/// A failure or an alert that cannot be told is tried a few times and given up.
pub(super) fn exist(facts: &Facts<'_>, report: &mut Report) {
    for (key, function) in &facts.missing_callbacks {
        let name = [&function.schema, &function.name].map(|name| identifier(name)).join(".");
        let problem = format!("there is no function {name}(jsonb), or it may not be called");
        let fix = format!("create function {name}(jsonb) returns void …, or grant execute on it");
        report.configuration.push(facts.config.places.fault_at(key, problem, fix));
    }
}
